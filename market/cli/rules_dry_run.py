"""`lodestone rules dry-run`: what a draft rule set would have made of the last completed round."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import rich_click as click
from msgspec import Struct
from rich.markup import escape
from rich.table import Column, Table

from events.command import Outcome
from events.connections import Pool, acquire
from events.counts import counted
from events.decision import LaneKey
from events.market_events import RuleSetRehearsed
from events.refusal import Refusal, Refusals
from market.cli.console import (
    CommandFailed,
    Exit,
    print_json,
    print_line,
    print_table,
    run_async,
)
from market.cli.environment import settings_of
from market.cli.files import read
from market.cli.rule_arguments import MARKET, caller, operators, token
from market.commands.rehearsals import rehearse
from market.ground import stand_on_database, wire
from market.http.rounds.rehearsals import RehearsalView
from market.http.rounds.rule_sets import RuleSetTerms
from market.http.wire.ids import Prefix, to_text
from market.http.wire.numbers import EUR_CENTS, KILOGRAMS, SIGNED_EUR_PER_KG, WELFARE, DecimalKind
from market.http.wire.problems import DoorError
from market.http.wire.rounds import plan_event, recorded
from market.operators import told
from market.round_books import recall
from market.rules.clearing.clearing import conclude
from market.rules.clearing.rounds_again import again
from market.rules.rehearsals import PairChange, Rehearsal, compare
from market.settings import Settings
from market.store.clearings import load_clearing

PAIRS_SHOWN_MAX = 40
ORGANISATIONS_SHOWN_MAX = 40
NOTHING = "–"


class _Trial(Struct, frozen=True, kw_only=True):
    """`names`, for printing, are of the members at the cut; `position` is of the trial's event."""

    fact: RuleSetRehearsed
    position: int
    found: Rehearsal
    names: dict[UUID, str]


@click.command("dry-run")
@click.argument("market", type=MARKET)
@click.argument("rule_set", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--key-file", required=True, type=click.Path(path_type=Path, dir_okay=False),
    help="A file with an operator's API key.",
)  # fmt: skip
@click.option(
    "--json", "as_json", is_flag=True, help="JSON on stdout, as `POST …/rule-sets/dry-run` answers."
)
def command(*, market: UUID, rule_set: Path, key_file: Path, as_json: bool) -> None:
    """Clear the last completed round of MARKET (mkt_… or UUID) again under RULE_SET, and show what changes.

    RULE_SET is a JSON file as `POST …/rule-sets` takes it. Nothing is published; the trial is recorded, then
    computed on this machine. Exit code 3: the file or the key is wrong, there is no round yet, or it has no
    result under the draft.
    """
    given = read(rule_set, RuleSetTerms)
    key = token(key_file)
    try:
        trial = run_async(_try(settings_of(), market, given, key))
    except (DoorError, Refusal, Refusals) as error:
        raise CommandFailed(Exit.INVALID_INPUT, told(error)) from error
    if as_json:
        print_json(RehearsalView.of(trial.fact.plan, trial.found))
    else:
        _print(trial)


async def _try(settings: Settings, market: UUID, given: RuleSetTerms, key: str) -> _Trial:
    async with stand_on_database(settings) as ground, wire(ground) as wiring:
        (operator,) = await operators(wiring, [key])
        result = await rehearse(wiring.desk, caller(operator), market=market, rule_set=given.inside())
        assert isinstance(result, Outcome)
        (event,) = result.events
        assert isinstance(event.data, RuleSetRehearsed)
        return await _computed(wiring.desk.pool, event.data, event.position)


async def _computed(pool: Pool, fact: RuleSetRehearsed, position: int) -> _Trial:
    async with acquire(pool) as connection:
        row = await load_clearing(connection, fact.market, fact.plan)
    assert row is not None, f"trial {fact.rehearsal} names a round that is not there"
    book = await recall(pool, LaneKey("market", row.lane), row.market, row.cut)
    posed, plan = again(book, await plan_event(pool, row), fact.rule_set)
    drafts = await asyncio.to_thread(conclude, posed, plan)
    return _Trial(
        fact=fact,
        position=position,
        found=compare(book, await recorded(pool, row), drafts),
        names={organisation: escape(member.name) for organisation, member in book.members.items()},
    )


def _print(trial: _Trial) -> None:
    fact, found = trial.fact, trial.found
    print_line(
        f"market {to_text('mkt', fact.market)}, round {found.round} again under version "
        f"{fact.rule_set.version}; nothing is published, the trial is recorded at position {trial.position}"
    )
    print_table(_totals(found))
    if not found.pairs:
        print_line("no pair trades differently")
        return
    print_line(f"{counted(len(found.pairs), 'pair of orders trades', 'pairs of orders trade')} differently:")
    print_table(pairs_table(found, trial.names))
    _more(len(found.pairs), PAIRS_SHOWN_MAX, "pairs")
    parties = counted(len(found.organisations), "organisation trades", "organisations trade")
    print_line(f"{parties} differently, sales and purchases together:")
    print_table(_organisations(trial))
    _more(len(found.organisations), ORGANISATIONS_SHOWN_MAX, "organisations")


def _more(count: int, shown_max: int, what: str) -> None:
    if count > shown_max:
        print_line(f"and {count - shown_max:,} more {what}; up to a thousand with --json")


def _totals(found: Rehearsal) -> Table:
    before, after = found.before, found.after
    table = Table("", *_numbers("before", "after", "change"), box=None, pad_edge=False)
    table.add_row("matches", str(before.matches), str(after.matches), f"{after.matches - before.matches:+}")
    for name, kind, old, new in (
        ("basis kg", KILOGRAMS, before.quantity_basis_g, after.quantity_basis_g),
        ("EUR", EUR_CENTS, before.amount_cents_eur, after.amount_cents_eur),
        ("welfare EUR", WELFARE, found.welfare_before, found.welfare_after),
    ):
        table.add_row(name, kind.text(old), kind.text(new), _change(kind, old, new))
    return table


def pairs_table(found: Rehearsal, names: Mapping[UUID, str]) -> Table:
    """Those of the largest change in quantity first; each owner above its order, the buyer below the seller,
    and figures after below those before: so it fits a terminal."""
    table = Table(
        "",
        Column("seller, buyer", overflow="fold"),
        Column(""),
        *_numbers("kg", "EUR/kg"),
        box=None, pad_edge=False,
    )  # fmt: skip
    for change in sorted(found.pairs, key=_grams_moved, reverse=True)[:PAIRS_SHOWN_MAX]:
        supply: Prefix = "lot" if change.supply_kind == "lot" else "offer"
        prices = change.price_before_ueur_per_kg, change.price_after_ueur_per_kg
        table.add_row(
            change.kind,
            f"{names[change.seller]}\n{to_text(supply, change.supply)}\n"
            f"{names[change.buyer]}\n{to_text('req', change.requirement)}",
            "before\nafter",
            "\n".join(map(KILOGRAMS.text, (change.quantity_before_g, change.quantity_after_g))),
            "\n".join(SIGNED_EUR_PER_KG.text_optional(each) or NOTHING for each in prices),
        )
    return table


def _grams_moved(change: PairChange) -> int:
    return abs(change.quantity_after_g - change.quantity_before_g)


def _organisations(trial: _Trial) -> Table:
    table = Table(
        Column("organisation", overflow="fold"),
        *_numbers("trades before", "after", "kg before", "after", "EUR before", "after"),
        box=None, pad_edge=False,
    )  # fmt: skip
    for change in trial.found.organisations[:ORGANISATIONS_SHOWN_MAX]:
        both = change.before, change.after
        table.add_row(
            trial.names[change.organisation],
            *(str(traded.matches) for traded in both),
            *(KILOGRAMS.text(traded.quantity_basis_g) for traded in both),
            *(EUR_CENTS.text(traded.amount_cents_eur) for traded in both),
        )
    return table


def _numbers(*names: str) -> list[Column]:
    return [Column(name, justify="right") for name in names]


def _change(kind: DecimalKind, before: int, after: int) -> str:
    return f"{'-' if after < before else '+'}{kind.text(abs(after - before))}"
