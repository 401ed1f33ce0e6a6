"""A round: a pure function from the book at its cut to trades with prices and proof, with the same bytes on
every machine."""

from collections.abc import Iterator
from dataclasses import replace

from events.envelope import Draft, Recorded
from events.market_events import ClearingAbandoned
from market.rules.assignment import AssignmentError
from market.rules.book import Book
from market.rules.clearing.cleared import ClearedSection
from market.rules.clearing.round_events import PlanDrafts, planned_of, written_drafts
from market.rules.clearing.rounds import (
    ALGORITHM,
    Clearing,
    ClearingImpossible,
    ImpossibleCode,
    Round,
    in_turn,
    posed_round,
)
from market.rules.clearing.sections import clear_section
from market.rules.clearing.written import Unrecordable, WrittenDraft, decoded, encoded

__all__ = [
    "ALGORITHM",
    "SOLVER_GAVE_UP",
    "Clearing",
    "ClearingImpossible",
    "abandonment",
    "clear",
    "conclude",
    "concluded",
    "unrecordable",
]

REASON_TEXT_MAX = 200
SOLVER_GAVE_UP = "solver_gave_up"
"""Code of a round for which the matcher's machine got no result in time; another machine may get one."""


def clear(book: Book, plan: Recorded, *, sustainability: bool = True) -> Clearing:
    """Clear the book as it stands at `plan`; `sustainability` False: as if every S were 0 (what-if only).

    ValueError when the book is not exactly at the plan's position. ClearingImpossible when there is no
    result.
    """
    found = posed_round(book, plan)
    return Clearing(found, tuple(_sections(found, sustainability=sustainability)))


def conclude(book: Book, plan: Recorded) -> tuple[Draft, ...]:
    """All drafts of `concluded`, decoded; if the record would refuse one of them, the round is abandoned."""
    try:
        return tuple(map(decoded, concluded(book, plan)))
    except Unrecordable as found:
        return (unrecordable(plan, found),)


def concluded(book: Book, plan: Recorded) -> Iterator[WrittenDraft]:
    """Everything the matcher appends for a plan: the round's result, or ClearingAbandoned with the reason.

    A generator, so that not all drafts are in memory at once. Ids, salts and times derive from the plan, so
    every repeat gives the same bytes. ValueError as in `clear`.
    """
    try:
        found = posed_round(book, plan)
        sections = _sections(found)
        # frees their pairs with the last section
        found = replace(found, horizons=())
        yield from written_drafts(found, sections)
    except ClearingImpossible as impossible:
        yield _abandonment(plan, impossible.code, impossible.reason)


def _sections(found: Round, *, sustainability: bool = True) -> Iterator[ClearedSection]:
    try:
        yield from in_turn(found, clear_section, sustainability=sustainability)
    except AssignmentError as error:
        raise ClearingImpossible("assignment_refused", str(error)[:REASON_TEXT_MAX]) from error


def abandonment(plan: Recorded, code: str, reason: str) -> Draft:
    """The end of a round without a result; all but code and reason derives from the plan."""
    return decoded(_abandonment(plan, code, reason))


def unrecordable(plan: Recorded, found: Unrecordable) -> Draft:
    """Ends a round of which a fact cannot be recorded: the market can go on trading, while a stopped lane
    could not."""
    code: ImpossibleCode = "unrecordable"
    return abandonment(plan, code, str(found)[:REASON_TEXT_MAX])


def _abandonment(plan: Recorded, code: str, reason: str) -> WrittenDraft:
    planned = planned_of(plan)
    fact = ClearingAbandoned(
        market=planned.market, plan=planned.plan, round=planned.round, code=code, reason=reason
    )
    return PlanDrafts(plan, "abandoned", ClearingAbandoned.TYPE).draft(encoded(fact), str(fact.plan))
