"""`lodestone brokers`: the files with which a broker of one's own speaks TLS and its services log in."""

from datetime import UTC, datetime
from pathlib import Path

import rich_click as click

from market.broker_files import BROKER, PROVISION, SERVICES, hand_over, prepare_files
from market.cli.console import CommandFailed, Exit, print_line
from market.rules.streams.topic_rights import SERVICES as NAMES


@click.command("brokers")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--host", "hosts", multiple=True, required=True, help="Name or address of a broker; repeated.")
@click.option("--broker-owner", type=int, metavar="UID", help="Whom the broker's files are handed to.")
@click.option("--services-owner", type=int, metavar="UID", help="The same of the services and who prepares.")
def command(
    *, folder: Path, hosts: tuple[str, ...], broker_owner: int | None, services_owner: int | None
) -> None:
    """Make authority, certificates and passwords that are missing; renew certificates that end soon.

    A broker that runs takes a renewed certificate when it is started again.
    """
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
