"""`lodestone clear`: the round of an exported book, computed here."""

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import rich_click as click
from rich.table import Column, Table

from events.counts import counted
from events.envelope import Fact
from events.market_events import ClearingAbandoned, ClearingCompleted, MatchStruck
from market.cli.books import read_book
from market.cli.console import CommandFailed, Exit, print_json, print_line, print_table
from market.http.wire.ids import to_text
from market.http.wire.numbers import EUR_CENTS, EUR_PER_KG, KILOGRAMS, WELFARE
from market.rules.clearing.clearing import conclude
from market.rules.clearing.exports import NoRuleSet, certificate_of, on_paper

TRADES_SHOWN_MAX = 40


@click.command("clear")
@click.argument("book", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="The certificate as JSON on stdout, for `verify`.")
def command(*, book: Path, as_json: bool) -> None:
    """Clear BOOK, an exported book, as in a next round after its last event.

    Prints result and certificate. Exit code 3: the file is not a book; every fault is named.
    """
    given = read_book(book).book
    try:
        posed, plan = on_paper(given)
        drafts = conclude(posed, plan)
    except NoRuleSet as error:
        raise CommandFailed(Exit.INVALID_INPUT, f"{book}: no rule set is in effect") from error
    except (AssertionError, LookupError, ValueError) as error:
        told = f"{book}: the book is inconsistent ({type(error).__name__}: {error})"
        raise CommandFailed(Exit.INVALID_INPUT, told) from error
    if as_json:
        print_json(certificate_of(given, drafts))
    else:
        print_round([draft.data for draft in drafts])


def print_round(facts: Sequence[Fact]) -> None:
    """Sections, trades and totals in words; or why there is no result."""
    last = facts[-1]
    if isinstance(last, ClearingAbandoned):
        print_line(f"round {last.round} has no result: {last.code}: {last.reason}")
        return
    assert isinstance(last, ClearingCompleted)
    print_line(f"market {to_text('mkt', last.market)}, round {last.round}, {last.algorithm}")
    print_table(_sections(last))
    struck = [fact for fact in facts if isinstance(fact, MatchStruck)]
    if struck:
        print_table(trades_table(struck))
    if len(struck) > TRADES_SHOWN_MAX:
        print_line(f"and {len(struck) - TRADES_SHOWN_MAX:,} more trades; all of them with --json")
    paid, received = int(last.buyers_pay_cents_eur), int(last.sellers_receive_cents_eur)
    print_line(
        f"buyers pay {EUR_CENTS.text(paid)} EUR, sellers receive {EUR_CENTS.text(received)} EUR, "
        f"difference {EUR_CENTS.text(paid - received)}"
    )
    print_line(f"evidence {counted(len(last.evidence_sha256), 'part')}, matches sha256 {last.matches_sha256}")


def _sections(completed: ClearingCompleted) -> Table:
    table = Table(
        "section", "edges", "trades", "basis kg", "welfare EUR", "bound EUR", "gap EUR", "removed",
        box=None, pad_edge=False,
    )  # fmt: skip
    for result in completed.sections:
        table.add_row(
            result.section,
            f"{result.edge_count:,}",
            f"{result.trades:,}",
            KILOGRAMS.text(int(result.traded_basis_g)),
            WELFARE.text(int(result.welfare)),
            WELFARE.text(int(result.relaxed_bound or result.dual_bound)),
            WELFARE.text(int(result.gap or 0)),
            str(result.removed_orders or 0),
        )
    return table


def trades_table(struck: Sequence[MatchStruck]) -> Table:
    """Each requirement below its supply: side by side two ids alone are as wide as a terminal."""
    figures = [Column(name, justify="right") for name in ("basis kg", "EUR/kg", "EUR")]
    table = Table(Column("supply, requirement", overflow="fold"), *figures, box=None, pad_edge=False)
    for fact in struck[:TRADES_SHOWN_MAX]:
        supply = _id("offer" if fact.supply_kind == "offer" else "lot", fact.supply)
        table.add_row(
            f"{supply}\n{_id('req', fact.requirement)}",
            KILOGRAMS.text(fact.quantity_basis_g),
            EUR_PER_KG.text(fact.price_ueur_per_kg),
            EUR_CENTS.text(fact.amount_cents_eur),
        )
    return table


def _id(prefix: str, order: UUID) -> str:
    return f"{prefix}_{order.hex}"
