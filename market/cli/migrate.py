"""`lodestone migrate`: roles, rights, migrations, the record's lanes."""

from uuid import UUID

import rich_click as click
from msgspec import Struct

from events.journal import NotInitialised
from events.migrations import MigrationError
from market.cli.console import CommandFailed, Exit, print_json, print_line, run_async, settings_of
from market.ground import migrate_database, pending_migrations, stand_on_database
from market.provision import ProvisionError
from market.settings import Settings


class Report(Struct, frozen=True, kw_only=True):
    migrations: tuple[str, ...]
    deployment: UUID | None = None
    lanes: int | None = None


@click.command("migrate")
@click.option(
    "--lanes",
    type=click.IntRange(1, 1024),
    help="Lanes per stream, fixed for life; 12 when the record is new.",
)
@click.option("--dry-run", is_flag=True, help="Only list what is not applied yet.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
def command(*, lanes: int | None, dry_run: bool, as_json: bool) -> None:
    """Bring the database to this version; as often as one likes."""
    settings = settings_of()
    try:
        report = run_async(_pending(settings) if dry_run else _migrate(settings, lanes))
    except (MigrationError, ProvisionError, NotInitialised) as error:
        raise CommandFailed(Exit.INVALID_INPUT, str(error)) from error
    if as_json:
        print_json(report)
        return
    for name in report.migrations:
        print_line(f"{'pending' if dry_run else 'applied'} {name}")
    if not report.migrations:
        print_line("nothing to apply")
    if not dry_run:
        print_line(f"deployment {report.deployment}, {report.lanes} lanes per stream")


async def _pending(settings: Settings) -> Report:
    async with stand_on_database(settings) as ground:
        return Report(migrations=await pending_migrations(ground))


async def _migrate(settings: Settings, lanes: int | None) -> Report:
    async with stand_on_database(settings) as ground:
        deployment, applied = await migrate_database(ground, lanes)
    return Report(migrations=applied, deployment=deployment.deployment_id, lanes=deployment.lanes)
