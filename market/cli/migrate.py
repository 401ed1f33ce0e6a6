"""`lodestone migrate`: roles, rights, migrations, the record's lanes."""

from typing import Final
from uuid import UUID

import rich_click as click
from msgspec import Struct

from events.counts import counted
from events.journal import NotInitialised
from events.migration_plans import Lock, Planned, Takes
from events.migrations import MigrationError
from market.cli.console import (
    CommandFailed,
    Exit,
    print_json,
    print_line,
    run_async,
    say,
)
from market.cli.environment import settings_of
from market.ground import migrate_database, pending_migrations, planned_migrations, stand_on_database
from market.provision import ProvisionError
from market.settings import Settings

BYTES_A_MIB: Final = 2**20
LOCKED: Final[dict[Lock, str]] = {
    "rows": "others read and write other rows",
    "no_writes": "nobody writes",
    "none_else": "nobody reads or writes",
}
FOR: Final[dict[Takes, str]] = {
    "no_time": "immediate",
    "reads_all": "while all of it is read",
    "changes_rows": "while rows of it are changed",
}


class Plan(Struct, frozen=True, kw_only=True):
    migrations: tuple[Planned, ...]


class Report(Struct, frozen=True, kw_only=True):
    migrations: tuple[str, ...]
    deployment: UUID | None = None
    lanes: int | None = None


@click.command("migrate")
@click.option(
    "--lanes",
    type=click.IntRange(1, 1024),
    help="Lanes per stream, for a new record only, then fixed; default 12.",
)
@click.option("--dry-run", is_flag=True, help="Only list pending migrations.")
@click.option(
    "--plan",
    "planned",
    is_flag=True,
    help="Only show the tables that each would lock, why, and how large they are.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
def command(*, lanes: int | None, dry_run: bool, planned: bool, as_json: bool) -> None:
    """Migrate the database to this version; may be repeated.

    With --plan nothing is written: it tells what would be applied, and which tables that are there each
    migration would lock until it has ended. With the services stopped nobody waits for them.
    """
    settings = settings_of()
    try:
        if planned:
            _tell(run_async(_plan(settings)), as_json=as_json)
            return
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


def say_applying(name: str, number: int, count: int) -> None:
    say(f"applying {name}, {number} of {count}")


def _tell(plan: Plan, *, as_json: bool) -> None:
    if as_json:
        print_json(plan)
        return
    for each in plan.migrations:
        print_line(f"{each.name}: {each.about}")
        if each.creates:
            print_line(f"  {counted(each.creates, 'new table')}")
        for table in each.tables:
            rows = "rows never counted" if table.rows is None else counted(table.rows, "row")
            print_line(
                f"  {table.table}: {LOCKED[table.lock]}, {FOR[table.takes]}; {rows}, "
                f"{table.bytes / BYTES_A_MIB:,.1f} MiB"
            )
    if not plan.migrations:
        print_line("nothing to apply")


async def _plan(settings: Settings) -> Plan:
    async with stand_on_database(settings) as ground:
        return Plan(migrations=await planned_migrations(ground))


async def _pending(settings: Settings) -> Report:
    async with stand_on_database(settings) as ground:
        return Report(migrations=await pending_migrations(ground))


async def _migrate(settings: Settings, lanes: int | None) -> Report:
    async with stand_on_database(settings) as ground:
        deployment, applied = await migrate_database(ground, lanes, say_applying)
    return Report(migrations=applied, deployment=deployment.deployment_id, lanes=deployment.lanes)
