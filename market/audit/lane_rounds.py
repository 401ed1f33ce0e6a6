"""The rounds of a lane: what each recorded between its plan and its end, against what it had to record."""

from typing import Any, Final, NamedTuple
from uuid import UUID

from events.envelope import Recorded
from events.market_events import (
    ClearingAbandoned,
    ClearingCompleted,
    ClearingEvidence,
    ClearingPlanned,
    MatchStruck,
)
from market.audit.fact_progress import Folded, OpenedRound, OpenRound
from market.audit.lane_verdict import Wrong
from market.audit.match_audit import MatchAudit
from market.audit.round_audit import RoundCheck, copied, difference_at, may_abandon, round_fault
from market.rules.book import Book
from market.rules.clearing.differences import Difference

NO_MARKET: Final = UUID(int=0)


class Misfit(NamedTuple):
    """What is wrong with an event, and where its record lies."""

    wrong: Wrong
    event: Recorded
    offset: int


class RoundsAudit:
    """Give it the events of a lane in order, each before the book is brought to it, and each plan after that.

    Rounds that were planned before position `first` are taken as they are; `answers` is told of every end.
    `newest`: the last round that each market planned.
    """

    def __init__(self, check: RoundCheck, source: str, first: int, answers: MatchAudit, kept: Folded) -> None:
        self._check = check
        self._source = source
        self._first = first
        self._answers = answers
        self.newest = dict(kept.rounds)
        self.open = {of.book.market: OpenedRound.of(of) for of in kept.open}
        self.clearings = kept.counted.clearings
        self.matches = kept.counted.matches
        self.abandoned_unproven = kept.counted.abandoned_unproven

    def kept(self) -> tuple[OpenRound, ...]:
        return tuple(opened.kept() for opened in self.open.values())

    def planned(self, book: Book, event: Recorded, plan: ClearingPlanned) -> Wrong | None:
        """Keeps the book of a plan, to which it was just brought."""
        wrong = self._wrong_plan(book, plan)
        if wrong is None:
            self.newest[plan.market] = plan.round
            self.open[plan.market] = OpenedRound(plan=event, book=copied(book))
        return wrong

    def _wrong_plan(self, book: Book, plan: ClearingPlanned) -> Wrong | None:
        if plan.market in self.open:
            told = "plans a round while the market's last one is still open"
            still = self.newest[plan.market]
            return Wrong("plan", told, Difference("round", str(plan.round), f"none while {still} is open"))
        if all(published.rule_set != plan.rule_set for published in book.rule_sets):
            told = "clears by a rule set that the market never published"
            known = ", ".join(str(published.rule_set.version) for published in book.rule_sets)
            versions = Difference(
                "rule_set", f"one of version {plan.rule_set.version}", f"of {known or 'none'}"
            )
            return Wrong("plan", told, versions)
        follows = self.newest.get(plan.market, 0) + 1
        if plan.round != follows:
            told = f"is round {plan.round}, which does not follow the last one"
            return Wrong("plan", told, Difference("round", str(plan.round), str(follows)))
        return None

    def follow(self, event: Recorded, offset: int) -> Misfit | None:
        """None of an event that may stand where it does: in its market's open round, or in none at all."""
        fact: Any = event.data
        opened = self.open.get(getattr(fact, "market", None) or NO_MARKET)
        of_round = isinstance(fact, MatchStruck | ClearingEvidence | ClearingCompleted | ClearingAbandoned)
        if opened is None or not (of_round or event.cause == str(opened.plan.id)):
            if not of_round:
                return None
            told = "is the outcome of a round, but no round is open"
            return Misfit(Wrong("unplanned", told, unfit(event)), event, offset)
        if isinstance(fact, ClearingAbandoned):
            return self._abandoned(event, fact, opened, offset)
        opened.offsets.append(offset)
        opened.events.append(event)
        return self._completed(opened, fact) if isinstance(fact, ClearingCompleted) else None

    def _abandoned(
        self, event: Recorded, fact: ClearingAbandoned, opened: OpenedRound, offset: int
    ) -> Misfit | None:
        del self.open[fact.market]
        if self._left_out(opened):
            return None
        if opened.events or not may_abandon(event, fact, opened.book, opened.plan, self._check):
            told = "gives its round up in a way that the round does not allow"
            given = Difference("code", fact.code, "a reason that this round gives")
            return Misfit(Wrong("clearing", told, given), event, offset)
        self.abandoned_unproven += not self._check.confirms(opened.book, opened.plan, fact.code)
        return None

    def _completed(self, opened: OpenedRound, fact: ClearingCompleted) -> Misfit | None:
        del self.open[fact.market]
        self._answers.after_round(opened.events)
        if self._left_out(opened):
            return None
        fault = round_fault(opened.events, opened.book, opened.plan, self._check, self._source)
        if fault is None:
            self.clearings += 1
            self.matches += sum(isinstance(each.data, MatchStruck) for each in opened.events)
            return None
        event, offset = opened.events[fault.index], opened.offsets[fault.index]
        return Misfit(Wrong(fault.kind, fault.told, fault.difference or unfit(event)), event, offset)

    def _left_out(self, opened: OpenedRound) -> bool:
        """Whether a round lies before the range, so that it is not proved."""
        return opened.plan.position < self._first

    def difference(self, event: Recorded) -> Difference | None:
        """How an event that broke the chain differs from what its round records next, where that is known."""
        opened = self.open.get(getattr(event.data, "market", None) or NO_MARKET)
        if opened is None:
            return None
        return difference_at([*opened.events, event], opened.book, opened.plan, self._check, self._source)


def unfit(event: Recorded) -> Difference:
    """Of a fact that may not stand where it does, whatever it says."""
    return Difference("type", event.type, "what follows from the events before it")
