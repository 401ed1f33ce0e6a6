"""The desk's own decisions on a paper lane, with a ledger kept apart from the book to hold it against."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import count
from typing import Any
from uuid import UUID

from events.callers import Caller
from events.codec import decode_event
from events.decision import Decision, Moment
from events.envelope import Draft, Recorded
from events.market_events import (
    ClearingAbandoned,
    ClearingCompleted,
    ClearingEvidence,
    MatchConfirmed,
    MatchDeclined,
    MatchLapsed,
    MatchStruck,
    RequirementAmended,
    RequirementPosted,
)
from events.market_terms import RequirementTerms, SupplyTerms
from events.refusal import Refusal, Refusals
from market.rules import matches
from market.rules.book import (
    RELIABILITY_WINDOW,
    Books,
    RequirementOrder,
    SupplyOrder,
    fold,
    rule_set_at,
)
from market.rules.clearing import clearings
from market.rules.clearing.certificate import expected_record
from market.rules.clearing.clearing import conclude
from market.rules.clearing.rounds import posed_round
from market.rules.orders import lots, offers, requirements
from market.rules.orders.offers import AmendSupply, PostSupply
from market.rules.orders.orders import Expire, PostingState, RequirementState, SupplyState, Withdraw
from market.rules.orders.requirement_drafts import RequirementDraft
from market.rules.orders.requirements import AmendRequirement, PostRequirement
from market.rules.orders.supplies import SupplyDraft
from market.rules.reliability import failed_times
from market.rules.tranches import tranche_shares_g
from tests.blotter import MARKET, OPERATOR, Lane, ident

Orders = tuple[SupplyOrder | RequirementOrder, ...]

OPERATOR_CALLER = Caller(organisation=OPERATOR, roles=frozenset({"operator"}))


def trader(organisation: UUID) -> Caller:
    return Caller(organisation=organisation, roles=frozenset({"trader"}))


def supply_draft(terms: SupplyTerms) -> SupplyDraft:
    stated = {name: getattr(terms, name) for name in SupplyDraft.__struct_fields__ if name != "ask"}
    return SupplyDraft(ask=terms.ask.stated, **stated)


def requirement_draft(terms: RequirementTerms) -> RequirementDraft:
    stated = {name: getattr(terms, name) for name in RequirementDraft.__struct_fields__ if name != "limit"}
    return RequirementDraft(limit=terms.limit.stated, **stated)


@dataclass
class Ledger:
    """What matches have done to orders, added up from the facts alone; grams of basis."""

    held: dict[UUID, int] = field(default_factory=dict)
    sold: dict[UUID, int] = field(default_factory=dict)
    open: dict[UUID, MatchStruck] = field(default_factory=dict)
    paid_cents: int = 0
    received_cents: int = 0

    def note(self, fact: Any) -> None:
        if isinstance(fact, MatchStruck):
            self.open[fact.match] = fact
            for order in (fact.supply, fact.requirement):
                self.held[order] = self.held.get(order, 0) + fact.quantity_basis_g
        if isinstance(fact, MatchConfirmed | MatchDeclined | MatchLapsed):
            struck = self.open.pop(fact.match)
            for order in (struck.supply, struck.requirement):
                self.held[order] -= struck.quantity_basis_g
                if isinstance(fact, MatchConfirmed):
                    self.sold[order] = self.sold.get(order, 0) + struck.quantity_basis_g
        if isinstance(fact, ClearingCompleted):
            self.paid_cents += int(fact.buyers_pay_cents_eur)
            self.received_cents += int(fact.sellers_receive_cents_eur)


@lru_cache(maxsize=4)
def concluded(bodies: tuple[bytes, ...]) -> tuple[Draft, ...]:
    """Of a record up to a plan: a function of its bytes alone, so the orders of a race share it."""
    books: Books = {}
    plan = None
    for body in bodies:
        plan = decode_event(body, b"")
        fold(books, plan)
    assert plan is not None
    drafts = conclude(books[MARKET], plan)
    assert drafts == expected_record(posed_round(books[MARKET], plan), [draft.data for draft in drafts])
    return drafts


class Desk(Lane):
    """Commands go through the rules; `refused` holds the codes of the last command, empty when accepted."""

    def __init__(self, **changes: Any) -> None:
        self.ledger = Ledger()
        self.refused: tuple[str, ...] = ()
        self.numbers = count(1)
        self.open_plan: Recorded | None = None
        super().__init__(**changes)

    def _append(self, draft: Any) -> Recorded:
        event = super()._append(draft)
        self.ledger.note(event.data)
        return event

    def moment(self) -> Moment:
        now = max(self.now, self.book.last_time)
        return Moment(now, lambda: ident(f"id {next(self.numbers)}"))

    def command(self, decide: Callable[[], Decision]) -> list[Recorded]:
        self.refused = ()
        try:
            decision = decide()
        except Refusals as refusals:
            self.refused = tuple(refusal.code for refusal in refusals.refusals)
            return []
        except Refusal as refusal:
            self.refused = (refusal.code,)
            return []
        return self.decide(decision)

    def posting(self, organisation: UUID, kind: type[Any] = PostingState, **more: Any) -> Any:
        book, now = self.book, self.moment().now
        orders: Orders = (*book.supplies.values(), *book.requirements.values())
        return kind(
            market=MARKET,
            lane=0,
            lanes=12,
            terms=book.terms,
            member=book.members.get(organisation),
            suspended=organisation in book.suspended,
            inputs=book.inputs,
            rule_set=rule_set_at(book.rule_sets, now),
            open_orders=sum(order.status == "open" for order in orders),
            failings=sum(now - at < RELIABILITY_WINDOW for at in failed_times(book, organisation)),
            **more,
        )

    def post(self, name: str, terms: SupplyTerms | RequirementTerms) -> list[Recorded]:
        organisation = ident(name)
        if isinstance(terms, SupplyTerms):
            supply = PostSupply(caller=trader(organisation), draft=supply_draft(terms))
            return self.command(lambda: offers.post(self.posting(organisation), supply, self.moment()))
        wanted = PostRequirement(caller=trader(organisation), draft=requirement_draft(terms))
        return self.command(lambda: requirements.post(self.posting(organisation), wanted, self.moment()))

    def list_lot(self, name: str, terms: SupplyTerms) -> list[Recorded]:
        argument = PostSupply(caller=trader(ident(name)), draft=supply_draft(terms))
        return self.command(lambda: lots.list_lot(self.posting(ident(name)), argument, self.moment()))

    def amend(self, order: UUID, terms: SupplyTerms | RequirementTerms) -> list[Recorded]:
        state, owner, version = self._order(order)
        if isinstance(terms, SupplyTerms):
            supply = AmendSupply(
                caller=owner, order=order, expected_version=version, draft=supply_draft(terms)
            )
            door: Any = lots if self._is_lot(order) else offers
            return self.command(lambda: door.amend(state, supply, self.moment()))
        wanted = AmendRequirement(
            caller=owner, order=order, expected_version=version, draft=requirement_draft(terms)
        )
        return self.command(lambda: requirements.amend(state, wanted, self.moment()))

    def withdraw(self, order: UUID) -> list[Recorded]:
        state, owner, version = self._order(order)
        argument = Withdraw(caller=owner, order=order, expected_version=version)
        return self.command(lambda: self._door(order).withdraw(state, argument, self.moment()))

    def expire(self, order: UUID) -> list[Recorded]:
        state, _, _ = self._order(order)
        argument = Expire(caller=OPERATOR_CALLER, order=order)
        return self.command(lambda: self._door(order).expire(state, argument, self.moment()))

    def start_round(self) -> list[Recorded]:
        book = self.book
        cuts = [each.data.cut_time for each in self.events if each.type == "market.clearing.planned.v1"]  # type: ignore[attr-defined]
        state = clearings.PlanState(
            market=MARKET,
            lane=0,
            terms=book.terms,
            rule_sets=book.rule_sets,
            plan=None if book.plan is None else book.plan.plan,
            last_round=book.last_round,
            last_time=book.last_time,
            last_cut_time=cuts[-1] if cuts else None,
        )
        argument = clearings.PlanClearing(
            caller=OPERATOR_CALLER, trigger="demand", announced_at=self.moment().now
        )
        found = self.command(lambda: clearings.plan(state, argument, self.moment()))
        if found:
            self.open_plan = found[0]
        return found

    def finish_round(self) -> list[Recorded]:
        """What the matcher does, whatever came after the cut: it folds to the plan and no further."""
        plan = self.open_plan
        if plan is None:
            return []
        self.open_plan = None
        return self.append(concluded(tuple(self.bodies[: plan.position])))

    def answer(self, match: UUID, organisation: UUID, reason: str | None = None) -> list[Recorded]:
        answer: Any = "confirmed" if reason is None else "declined"
        argument = matches.AnswerMatch(caller=trader(organisation), match=match, answer=answer, reason=reason)
        return self.command(lambda: matches.answer(self._match(match), argument, self.moment()))

    def lapse(self, match: UUID) -> list[Recorded]:
        argument = matches.LapseMatch(caller=OPERATOR_CALLER, match=match)
        return self.command(lambda: matches.lapse(self._match(match), argument, self.moment()))

    def _match(self, match: UUID) -> matches.MatchState:
        found = self.book.matches.get(match)
        return matches.MatchState(lane=0, match=found, status="open")

    def _order(self, order: UUID) -> tuple[Any, Caller, int]:
        book = self.book
        found: Any = book.supplies.get(order) or book.requirements.get(order)
        kind = SupplyState if order in book.supplies or found is None else RequirementState
        organisation = OPERATOR if found is None else found.organisation
        cut = book.plan_position if book.plan is not None else None
        state = self.posting(organisation, kind, order=found, plan_cut=cut)
        return state, trader(organisation), 1 if found is None else found.version

    def _is_lot(self, order: UUID) -> bool:
        return order in self.book.supplies and self.book.supplies[order].kind == "lot"

    def _door(self, order: UUID) -> Any:
        if order in self.book.requirements:
            return requirements
        return lots if self._is_lot(order) else offers

    def check(self) -> None:
        """What has to hold after every step."""
        book, ledger = self.book, self.ledger
        orders: Orders = (*book.supplies.values(), *book.requirements.values())
        for order in orders:
            assert ledger.held.get(order.order, 0) == order.held_g
            assert ledger.sold.get(order.order, 0) == order.filled_g
            assert 0 <= order.held_g + order.filled_g <= order.terms.basis_g
            assert order.available_g >= 0
        for supply in book.supplies.values():
            if supply.terms.term is None:
                shares = tranche_shares_g(supply.terms)
                committed = supply.tranche_committed_g or (0,) * len(shares)
                assert sum(committed) == supply.held_g + supply.filled_g
                assert all(taken <= share for taken, share in zip(committed, shares, strict=True))
        assert set(ledger.open) == set(book.matches)
        assert ledger.paid_cents == ledger.received_cents
        assert (self.open_plan is None) == (book.plan is None)

    def check_round(self, events: list[Recorded]) -> None:
        """A round ends its plan, keeps both sides within what they stated, and balances to the cent."""
        assert self.book.plan is None
        assert not [event for event in events if isinstance(event.data, ClearingAbandoned)]
        struck = [event.data for event in events if isinstance(event.data, MatchStruck)]
        falls = [
            fall
            for event in events
            if isinstance(event.data, ClearingEvidence)
            for fall in event.data.waterfalls
        ]
        assert [each.quantity_basis_g for each in struck] == [fall.quantity_basis_g for fall in falls]
        stated = {
            event.data.requirement: event.data.terms
            for event in self.events
            if isinstance(event.data, RequirementPosted | RequirementAmended)
        }
        left_over: dict[UUID, int] = {}
        premiums = 0
        for fall in falls:
            assert fall.ask_ueur_per_kg <= fall.price_ueur_per_kg
            bid = fall.limit_ueur_per_kg + fall.term_total_ueur_per_kg
            gain = fall.quantity_basis_g * (bid - fall.price_ueur_per_kg)
            assert gain >= 0 or stated[fall.requirement].portfolio is not None
            left_over[fall.requirement] = left_over.get(fall.requirement, 0) + gain
            premiums += fall.quantity_basis_g * sum(line.ueur_per_kg for line in fall.premiums)
        assert all(gain >= 0 for gain in left_over.values())
        completed = [event.data for event in events if isinstance(event.data, ClearingCompleted)]
        assert [str(sum(each.amount_cents_eur for each in struck))] == [
            each.buyers_pay_cents_eur for each in completed
        ]
        sections = completed[0].sections
        assert premiums == sum(int(each.dual_bound) - int(each.welfare) for each in sections)

    def replayed(self) -> Books:
        books: Books = {}
        for body in self.bodies:
            fold(books, decode_event(body, b""))
        return books

    def pass_time(self, until: datetime) -> None:
        self.now = max(self.now, until)
