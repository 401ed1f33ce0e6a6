"""`lodestone statement`: an agreement's contract years from the record, compared with the tables."""

from typing import Final
from uuid import UUID

import rich_click as click
from rich.table import Table

from contracts.rules.agreement import Agreement, fold
from contracts.rules.statements import Statement, statement
from contracts.rules.volumes import VolumeFact, Volumes, fold_volume
from contracts.store.agreements import load_agreement
from contracts.store.own_deliveries import returned_by_year
from contracts.store.volumes import load_volumes
from events.connections import Pool, acquire
from events.decision import LaneKey
from events.delivery_events import ReturnSettled
from events.facts import LifecycleFact
from events.journal import read_head
from events.replay import BrokenRecord, from_journal
from market.cli.console import (
    CommandFailed,
    Exit,
    print_json,
    print_line,
    print_table,
    run_async,
)
from market.cli.environment import settings_of
from market.ground import stand_on_database
from market.http.agreements.statement_views import LedgerView, StatementView, YearView
from market.http.wire.ids import from_path
from market.settings import Settings

YEARS_ACROSS: Final = 3
YEAR_ROWS: Final = (
    "acq_kg",
    "nominated_kg",
    "make_up_nominated_kg",
    "taken_kg",
    "seller_shortfall_kg",
    "off_spec_kg",
    "contested_kg",
    "invoiced",
)
LEDGER_ROWS: Final = (
    "force_majeure_kg",
    "take_or_pay_kg",
    "price_per_kg",
    "carry_forward_used_kg",
    "carry_forward_earned_kg",
    "deficiency_kg",
    "deficiency",
    "make_up_drawn_kg",
    "make_up_credit",
    "make_up_expired_kg",
    "deliver_or_pay_kg",
    "deliver_or_pay",
)
BALANCES: Final = ("make_up", "carry_forward")


@click.command("statement")
@click.argument("agreement")
@click.option("--json", "as_json", is_flag=True, help="The whole statement as JSON on stdout.")
def command(*, agreement: str, as_json: bool) -> None:
    """Print the statement of AGREEMENT, an id such as agr_0199…: its record read again from the first event.

    Exit code 4: tables and record differ, or the record is broken.
    """
    found = from_path("agr", agreement)
    if found is None:
        raise CommandFailed(Exit.INVALID_INPUT, f"{agreement!r} is not an agreement's id")
    try:
        live, replayed = run_async(_statements(settings_of(), found))
    except BrokenRecord as error:
        raise CommandFailed(Exit.DIVERGENCE, str(error)) from error
    view = StatementView.of(replayed)
    if as_json:
        print_json(view)
    else:
        _print(view)
    if live != replayed:
        raise CommandFailed(Exit.DIVERGENCE, "the live tables differ from what the record produces")


async def _statements(settings: Settings, agreement: UUID) -> tuple[Statement, Statement]:
    """As the tables have it, and as the record gives it up to the same position of its lane."""
    async with stand_on_database(settings) as ground, ground.opened_pool("owner", 2) as pool:
        async with (
            acquire(pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            known = await load_agreement(connection, None, agreement)
            if known is None:
                raise CommandFailed(Exit.INVALID_INPUT, "there is no such agreement")
            key = (known.lane, known.market, known.agreement)
            volumes = (await load_volumes(connection, [key]))[agreement]
            returned = await returned_by_year(connection, agreement)
            head = await read_head(connection, LaneKey("contracts", known.lane))
        live = statement(known, volumes, returned)
        return live, await replayed_statement(pool, known, upto=head.position)


async def replayed_statement(pool: Pool, known: Agreement, *, upto: int) -> Statement:
    """What the record makes of a known agreement up to a position of its lane."""
    agreement: Agreement | None = None
    volumes = Volumes()
    returned: dict[int, int] = {}
    async for events in from_journal(pool, LaneKey("contracts", known.lane), upto=upto):
        for event in events:
            fact = event.data
            if isinstance(fact, LifecycleFact) and fact.agreement == known.agreement:
                agreement = fold(agreement, event, fact)
            elif isinstance(fact, VolumeFact) and fact.agreement == known.agreement:
                volumes = fold_volume(volumes, fact)
                if isinstance(fact, ReturnSettled) and fact.outcome == "stands":
                    returned[fact.year] = returned.get(fact.year, 0) + fact.quantity_g
    if agreement is None:
        raise CommandFailed(Exit.DIVERGENCE, "the record has no such agreement")
    return statement(agreement, volumes, returned)


def _print(view: StatementView) -> None:
    """One column for each contract year, as many years side by side as eighty characters hold."""
    print_line(f"{view.agreement}  {view.status}  kg of {view.basis}, money in {view.currency or '-'}")
    for first in range(0, len(view.years), YEARS_ACROSS):
        _print_years(view.years[first : first + YEARS_ACROSS])


def _print_years(years: tuple[YearView, ...]) -> None:
    table = Table("", *(f"year {year.year}" for year in years))
    table.add_row("starts on", *(f"{year.starts_at:%Y-%m-%d}" for year in years))
    table.add_row("status", *(year.status for year in years))
    for name in YEAR_ROWS:
        table.add_row(_label(name), *(_shown(year, name) for year in years))
    for name in LEDGER_ROWS:
        table.add_row(_label(name), *(_shown(year.ledger, name) for year in years))
    for name in BALANCES:
        table.add_row(f"{_label(name)} left kg", *(_balance(year.ledger, name) for year in years))
    print_table(table)


def _label(name: str) -> str:
    return name.replace("_", " ")


def _shown(of: YearView | LedgerView | None, name: str) -> str:
    value = None if of is None else getattr(of, name)
    return "-" if value is None else str(value)


def _balance(ledger: LedgerView | None, name: str) -> str:
    """A line for each lot, with the last year that may draw on it."""
    if ledger is None:
        return "-"
    lots = (f"{lot.quantity_kg} to {lot.through_year}" for lot in getattr(ledger, name))
    return "\n".join(lots) or "0"
