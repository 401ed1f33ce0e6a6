"""Checks decisions on matches from their market's lane alone: each has to follow from its answers.

Matches confirmed by the round itself, since both orders are firm, are proved with the round.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from contracts.rules.days import instant_text
from events.callers import Caller
from events.clearing_terms import PriceTerm
from events.decision import Decision, Moment
from events.envelope import Draft, Fact, Recorded
from events.market_events import (
    ClearingEvidence,
    MatchAnswered,
    MatchConfirmed,
    MatchDeclined,
    MatchLapsed,
    MatchStruck,
)
from events.refusal import Refusal, Refusals
from events.vocabulary import Instant
from market.audit.fact_faults import FactFault, difference_between, said, said_by
from market.audit.order_audit import fault_of
from market.rules import matches
from market.rules.book import Book, OpenMatch
from market.rules.match_terms import MOVED_BY_ASSAYS
from market.rules.matches import AnswerMatch, LapseMatch, MatchGround, MatchState

OF_AN_END: Final = (MatchConfirmed, MatchDeclined, MatchLapsed)
OF_MATCHES: Final = frozenset((MatchAnswered, *OF_AN_END))


class Answered(Struct, frozen=True, kw_only=True):
    """The last answer that a match needed, whose command recorded the decision right behind it."""

    match: UUID
    cause: str
    actor: UUID
    time: Instant


class Answers(Struct, frozen=True, kw_only=True):
    """What an audit keeps of a lane's matches: of those that wait for answers the lines of their prices that
    assays move, by match; and the answer whose decision has to come next."""

    lines: dict[UUID, tuple[PriceTerm, ...]] = {}
    last: Answered | None = None


class MatchAudit:
    """Give it the events of a lane in order, each before the book is brought to it."""

    def __init__(self, kept: Answers) -> None:
        self._lines = dict(kept.lines)
        self._last = kept.last

    def kept(self) -> Answers:
        return Answers(lines=self._lines, last=self._last)

    def after_round(self, events: Sequence[Recorded]) -> None:
        """Keeps of a round what the contracts of matches that have to be confirmed begin with."""
        waiting = {
            (fact.section, fact.supply, fact.tranche, fact.requirement): fact.match
            for event in events
            if isinstance(fact := event.data, MatchStruck)
            and (fact.seller_must_confirm or fact.buyer_must_confirm)
        }
        if not waiting:
            return
        for event in events:
            if not isinstance(fact := event.data, ClearingEvidence):
                continue
            for told in fact.waterfalls:
                match = waiting.get((fact.section, told.supply, told.tranche, told.requirement))
                if match is not None:
                    lines = (fact.lines[place] for place in told.lines)
                    self._lines[match] = tuple(line for line in lines if line.kind in MOVED_BY_ASSAYS)

    def follow(self, book: Book | None, event: Recorded) -> FactFault | None:
        """None of facts that are of no match, and of matches that do not stand in the book: the fold says
        so."""
        fact: Any = event.data
        if self._last is None and type(fact) not in OF_MATCHES:
            return None
        last, self._last = self._last, None
        if last is not None and not (isinstance(fact, OF_AN_END) and fact.match == last.match):
            told = f"stands where the decision of match {last.match} has to, which has all its answers"
            return fault_of(told, "type", event.type, "the decision of the match")
        match = None if book is None else book.matches.get(fact.match)
        if book is None or match is None:
            return None
        if isinstance(fact, MatchAnswered):
            return self._answered(book, match, event, fact)
        fault = self._decided(book, match, event, last)
        self._lines.pop(fact.match, None)
        return fault

    def _answered(
        self, book: Book, match: OpenMatch, event: Recorded, fact: MatchAnswered
    ) -> FactFault | None:
        party = match.seller if fact.side == "seller" else match.buyer
        for field, recorded in (("organisation", fact.organisation), ("actor", event.actor)):
            if recorded != party:
                told = f"answers for the {fact.side} of a match and is another organisation's"
                return fault_of(told, field, str(recorded), str(party))
        caller = Caller(organisation=party, roles=frozenset({"trader"}))
        argument = AnswerMatch(caller=caller, match=fact.match, answer=fact.answer, reason=fact.reason)
        state = MatchState(
            lane=event.lane,
            match=match,
            status="open",
            suspended=frozenset({match.seller, match.buyer} & book.suspended),
        )
        try:
            first, *rest = matches.answer(state, argument, _moment(event)).drafts
        except (Refusal, Refusals) as refused:
            return _refused(refused, event)
        if first.data != fact:
            return _unlike(event, first.data)
        if rest:
            self._last = Answered(match=fact.match, cause=event.cause, actor=event.actor, time=event.time)
        return None

    def _decided(
        self, book: Book, match: OpenMatch, event: Recorded, last: Answered | None
    ) -> FactFault | None:
        fact: Any = event.data
        ground = self._ground(book, match, fact)
        expected: Fact
        if last is not None:
            common = {"cause": last.cause, "actor": str(last.actor), "time": instant_text(last.time)}
            expected = matches.decision_of(match, ground)
            return (
                None if (fact, common) == (expected, _common(event)) else _unlike(event, expected, **common)
            )
        if isinstance(fact, MatchConfirmed):
            for side in matches.silent_sides(match):
                told = f"confirms a match that its {side} has not confirmed"
                return fault_of(told, f"{side}_answer", "none", "confirmed")
        state = MatchState(lane=event.lane, match=match, status="open", ground=ground)
        operator = Caller(organisation=event.actor, roles=frozenset({"operator"}))
        try:
            decision: Decision = matches.lapse(
                state, LapseMatch(caller=operator, match=fact.match), _moment(event)
            )
        except (Refusal, Refusals) as refused:
            return _refused(refused, event)
        expected = decision.drafts[0].data
        return None if fact == expected else _unlike(event, expected)

    def _ground(self, book: Book, match: OpenMatch, fact: Any) -> MatchGround | None:
        """None of a confirmation without a contract, of before there were agreements."""
        if not isinstance(fact, MatchConfirmed) or fact.contract is None:
            return None
        struck = match.struck
        return MatchGround(
            supply=book.supplies[struck.supply].terms,
            requirement=book.requirements[struck.requirement].terms,
            lines=self._lines.get(struck.match, ()),
            basis=book.terms.basis,
            inputs=book.inputs,
            umpire=book.terms.umpire,
        )


def _moment(event: Recorded) -> Moment:
    return Moment(event.time, lambda: event.id)


def _common(event: Recorded) -> dict[str, str]:
    return {"cause": event.cause, "actor": str(event.actor), "time": instant_text(event.time)}


def _unlike(event: Recorded, expected: Fact, **common: str) -> FactFault:
    wanted = {**said_by(event), **said(_draft(event, expected)), **common}
    told = "is not what the answers of its match come to"
    return FactFault(kind="command", told=told, difference=difference_between(said_by(event), wanted))


def _refused(refused: Refusal | Refusals, event: Recorded) -> FactFault:
    reason = refused.refusals[0] if isinstance(refused, Refusals) else refused
    told = f"is refused by its rule: {reason.detail()}"
    return fault_of(told, (reason.pointer or "type").strip("/"), event.type, "what its rule accepts")


def _draft(event: Recorded, fact: Fact) -> Draft:
    return Draft(stream=event.stream, lane=event.lane, subject=event.subject, data=fact)
