"""`lodestone brokers`: the files for TLS and logins of an own broker."""

from datetime import UTC, datetime
from pathlib import Path

import rich_click as click

from events.access import Access, AccessError
from market.broker_files import BROKER, PROVISION, SERVICES, hand_over, prepare_files
from market.cli.console import (
    CommandFailed,
    Exit,
    print_line,
    run_async,
)
from market.cli.environment import settings_of
from market.embedded_kafka import running_kafka
from market.rules.streams.topic_rights import SERVICES as NAMES


@click.command("brokers")
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option("--host", "hosts", multiple=True, help="Name or address of a broker; may be repeated.")
@click.option("--broker-owner", type=int, metavar="UID", help="User id that shall own the broker's files.")
@click.option(
    "--services-owner",
    type=int,
    metavar="UID",
    help="User id that shall own the files of services and of provisioning.",
)
@click.option(
    "--reread",
    is_flag=True,
    help="Instead: running brokers read renewed files; needs the super user's login.",
)
def command(
    *,
    folder: Path | None,
    hosts: tuple[str, ...],
    broker_owner: int | None,
    services_owner: int | None,
    reread: bool,
) -> None:
    """Create missing CA, certificates and passwords for brokers; renew certificates that expire soon.

    A running broker loads renewed certificates with --reread, or when it is restarted.
    """
    if reread:
        if folder is not None or hosts:
            raise click.UsageError("--reread takes neither FOLDER nor --host")
        for told in run_async(_reread()):
            print_line(f"{told} has read its certificates again")
        return
    if folder is None or not hosts:
        raise click.UsageError("FOLDER and at least one --host are needed, or --reread")
    try:
        prepare_files(folder, hosts, NAMES, datetime.now(UTC))
        for part, owner in ((BROKER, broker_owner), (PROVISION, services_owner), (SERVICES, services_owner)):
            if owner is not None:
                hand_over(folder, part, owner)
    except OSError as error:
        raise CommandFailed(Exit.INVALID_INPUT, f"{folder}: {error.strerror or error}") from error
    except ValueError as error:
        raise CommandFailed(Exit.INVALID_INPUT, str(error)) from error
    print_line(str(folder))


async def _reread() -> tuple[str, ...]:
    bootstrap = running_kafka(settings_of())
    if isinstance(bootstrap, str):
        told = f"{bootstrap} is reached in plain text: set LODESTONE_KAFKA_SECURITY_PROTOCOL"
        raise CommandFailed(Exit.INVALID_INPUT, told)
    try:
        return await Access(bootstrap).reread_certificates()
    except AccessError as error:
        raise CommandFailed(Exit.UNAVAILABLE, str(error)) from error
