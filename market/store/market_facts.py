"""Applies facts of markets to their tables: reads the rows that they change, applies the events, writes each
row once."""

from collections.abc import Sequence
from itertools import chain
from typing import TypeAlias, assert_never, cast
from uuid import UUID

from events.envelope import Draft, Recorded
from events.facts import MarketFact
from events.market_events import (
    ClearingAbandoned,
    ClearingCompleted,
    ClearingEvidence,
    ClearingPlanned,
    InputRecorded,
    MarketHalted,
    MarketOpened,
    MarketResumed,
    MatchAnswered,
    MatchConfirmed,
    MatchDeclined,
    MatchLapsed,
    MatchStruck,
    MemberAdmitted,
    MemberChanged,
    MemberLeft,
    MemberSuspended,
    QuoteAsked,
    RecoveredLotAmended,
    RecoveredLotExpired,
    RecoveredLotGraded,
    RecoveredLotListed,
    RecoveredLotWithdrawn,
    RequirementAmended,
    RequirementExpired,
    RequirementPosted,
    RequirementWithdrawn,
    RuleSetPublished,
    RuleSetRehearsed,
    SupplyOfferAmended,
    SupplyOffered,
    SupplyOfferExpired,
    SupplyOfferWithdrawn,
)
from market.rules.book import graded
from market.store import bodies, clearings, inputs, matches, quotes
from market.store.clearings import ClearingChange
from market.store.inputs import InputRow, RuleSetRow
from market.store.markets import MarketChange
from market.store.matches import MatchChange, MatchKey
from market.store.members import Failing, MemberChange
from market.store.order_changes import OrderChange, OrderKey, amended, closed, moved, opened
from market.store.quotes import QuoteRow

OfferFact: TypeAlias = SupplyOfferAmended | SupplyOfferWithdrawn | SupplyOfferExpired
LotFact: TypeAlias = RecoveredLotAmended | RecoveredLotGraded | RecoveredLotWithdrawn | RecoveredLotExpired
RequirementFact: TypeAlias = RequirementAmended | RequirementWithdrawn | RequirementExpired
OrderFact: TypeAlias = (
    OfferFact | LotFact | RequirementFact | SupplyOffered | RecoveredLotListed | RequirementPosted
)
MatchFact: TypeAlias = MatchAnswered | MatchConfirmed | MatchDeclined | MatchLapsed


class Named:
    """The rows that events name without inserting them."""

    def __init__(self, events: Sequence[Recorded] | Sequence[Draft]) -> None:
        self.supplies: dict[UUID, OrderKey] = {}
        self.requirements: dict[UUID, OrderKey] = {}
        self.matches: dict[UUID, MatchKey] = {}
        self.whole: set[UUID] = set()
        self._inserted: set[UUID] = set()
        for event in events:
            self._add(event.lane, cast(MarketFact, event.data))

    def _add(self, lane: int, fact: MarketFact) -> None:
        # a round has thousands of the first two
        match fact:
            case MatchStruck():
                self._inserted.add(fact.match)
                self._supply(lane, fact.market, fact.supply)
                self._requirement(lane, fact.market, fact.requirement)
            case MatchConfirmed() | MatchDeclined() | MatchLapsed():
                self._match(lane, fact.market, fact.match)
                self._supply(lane, fact.market, fact.supply)
                self._requirement(lane, fact.market, fact.requirement)
            case SupplyOffered():
                self._inserted.add(fact.offer)
            case RecoveredLotListed():
                self._inserted.add(fact.lot)
            case RequirementPosted():
                self._inserted.add(fact.requirement)
            case SupplyOfferAmended() | SupplyOfferWithdrawn() | SupplyOfferExpired():
                self._supply(lane, fact.market, fact.offer, whole=isinstance(fact, SupplyOfferAmended))
            case (
                RecoveredLotAmended() | RecoveredLotGraded() | RecoveredLotWithdrawn() | RecoveredLotExpired()
            ):
                whole = isinstance(fact, RecoveredLotAmended | RecoveredLotGraded)
                self._supply(lane, fact.market, fact.lot, whole=whole)
            case RequirementAmended() | RequirementWithdrawn() | RequirementExpired():
                self._requirement(lane, fact.market, fact.requirement)
            case MatchAnswered():
                self._match(lane, fact.market, fact.match)
            case _:
                pass

    def _supply(self, lane: int, market: UUID, order: UUID, *, whole: bool = False) -> None:
        if order not in self._inserted:
            self.supplies[order] = (lane, market, order)
            if whole:
                self.whole.add(order)

    def _requirement(self, lane: int, market: UUID, order: UUID) -> None:
        if order not in self._inserted:
            self.requirements[order] = (lane, market, order)

    def _match(self, lane: int, market: UUID, match: UUID) -> None:
        if match not in self._inserted:
            self.matches[match] = (lane, market, match)


class Batch:
    """The rows that a batch of market events changes, by id."""

    def __init__(
        self,
        supplies: dict[UUID, OrderChange],
        requirements: dict[UUID, OrderChange],
        matches: dict[UUID, MatchChange],
    ) -> None:
        """The rows before the batch, for everything that `Named` found."""
        self.supplies = supplies
        self.requirements = requirements
        self.matches = matches
        self.markets: dict[UUID, MarketChange] = {}
        self.members: dict[tuple[UUID, UUID], MemberChange] = {}
        self.failings: list[Failing] = []
        self.inputs: dict[tuple[UUID, str, str], InputRow] = {}
        self.rule_sets: list[RuleSetRow] = []
        self.clearings: dict[tuple[UUID, int], ClearingChange] = {}
        self.evidence: list[tuple[Recorded, ClearingEvidence]] = []
        self.quotes: list[QuoteRow] = []

    def pass_over(self, event: Recorded) -> None:
        fact = cast(MarketFact, event.data)
        market = self._market(event, fact.market)
        match fact:
            case MatchStruck():
                self._strike(event, fact)
            case MatchAnswered() | MatchConfirmed() | MatchDeclined() | MatchLapsed():
                self._match(event, fact)
            case MarketOpened() | MarketHalted() | MarketResumed():
                market.stood(event, fact)
            case MemberAdmitted() | MemberChanged() | MemberSuspended() | MemberLeft():
                self._member(event, fact)
            case InputRecorded():
                row = inputs.input_row(event, fact)
                self.inputs[fact.market, row.kind, row.key] = row
            case RuleSetPublished():
                self.rule_sets.append(inputs.rule_set_row(event, fact))
            case ClearingPlanned():
                market.planned(event, fact)
                self.clearings[fact.market, fact.round] = clearings.planned(event, fact)
            case ClearingCompleted() | ClearingAbandoned():
                market.ended(event, fact)
                self._clearing(event, fact).end(event, fact)
            case ClearingEvidence():
                self.evidence.append((event, fact))
            case QuoteAsked():
                self.quotes.append(quotes.quote_row(event, fact))
            case RuleSetRehearsed():
                pass
            case _:
                self._order(event, fact)

    def _order(self, event: Recorded, fact: OrderFact) -> None:
        match fact:
            case SupplyOffered() | RecoveredLotListed() | RequirementPosted():
                self._open(event, fact)
            case SupplyOfferAmended() | SupplyOfferWithdrawn() | SupplyOfferExpired():
                self._offer(event, fact)
            case (
                RecoveredLotAmended() | RecoveredLotGraded() | RecoveredLotWithdrawn() | RecoveredLotExpired()
            ):
                self._lot(event, fact)
            case RequirementAmended() | RequirementWithdrawn() | RequirementExpired():
                self._requirement(event, fact)
            case _:
                assert_never(fact)

    def _market(self, event: Recorded, market: UUID) -> MarketChange:
        change = self.markets.setdefault(market, MarketChange(lane=event.lane, market=market))
        change.pass_over(event)
        return change

    def _member(
        self, event: Recorded, fact: MemberAdmitted | MemberChanged | MemberSuspended | MemberLeft
    ) -> None:
        ended = fact if isinstance(fact, MemberSuspended | MemberLeft) else fact.member
        organisation = ended.organisation
        new = MemberChange(lane=event.lane, market=fact.market, organisation=organisation)
        change = self.members.setdefault((fact.market, organisation), new)
        change.position = event.position
        change.events += 1
        if isinstance(fact, MemberSuspended):
            change.suspended = True
            change.suspended_time, change.suspended_reason = event.time, fact.reason
            return
        if isinstance(fact, MemberLeft):
            change.suspended, change.left_time = True, event.time
            change.suspended_time = change.suspended_reason = None
            return
        change.member = fact.member
        if isinstance(fact, MemberAdmitted):
            change.suspended = False
            change.suspended_time = change.suspended_reason = change.left_time = None

    def _open(self, event: Recorded, fact: SupplyOffered | RecoveredLotListed | RequirementPosted) -> None:
        match fact:
            case SupplyOffered():
                change = opened(event, fact.market, fact.offer, "offer", fact.organisation, fact.terms)
                self.supplies[fact.offer] = change
            case RecoveredLotListed():
                change = opened(event, fact.market, fact.lot, "lot", fact.organisation, fact.terms)
                self.supplies[fact.lot] = change
            case RequirementPosted():
                change = opened(
                    event, fact.market, fact.requirement, "requirement", fact.organisation, fact.terms
                )
                self.requirements[fact.requirement] = change
            case _:
                assert_never(fact)

    def _offer(self, event: Recorded, fact: OfferFact) -> None:
        change = self.supplies[fact.offer]
        match fact:
            case SupplyOfferAmended():
                amended(change, event, fact.terms, keeps_rank=fact.keeps_rank)
            case SupplyOfferWithdrawn():
                closed(change, event, "withdrawn")
            case SupplyOfferExpired():
                closed(change, event, "expired")
            case _:
                assert_never(fact)

    def _lot(self, event: Recorded, fact: LotFact) -> None:
        change = self.supplies[fact.lot]
        match fact:
            case RecoveredLotAmended():
                amended(change, event, fact.terms, keeps_rank=fact.keeps_rank)
            case RecoveredLotGraded():
                assert change.body is not None
                terms = graded(bodies.supply_terms(change.body), fact)
                amended(change, event, terms, keeps_rank=True)
            case RecoveredLotWithdrawn():
                closed(change, event, "withdrawn")
            case RecoveredLotExpired():
                closed(change, event, "expired")
            case _:
                assert_never(fact)

    def _requirement(self, event: Recorded, fact: RequirementFact) -> None:
        change = self.requirements[fact.requirement]
        match fact:
            case RequirementAmended():
                amended(change, event, fact.terms, keeps_rank=fact.keeps_rank)
            case RequirementWithdrawn():
                closed(change, event, "withdrawn")
            case RequirementExpired():
                closed(change, event, "expired")
            case _:
                assert_never(fact)

    def _clearing(self, event: Recorded, fact: ClearingCompleted | ClearingAbandoned) -> ClearingChange:
        new = ClearingChange(lane=event.lane, market=fact.market, round=fact.round, position=event.position)
        return self.clearings.setdefault((fact.market, fact.round), new)

    def _strike(self, event: Recorded, fact: MatchStruck) -> None:
        supply, requirement = self.supplies[fact.supply], self.requirements[fact.requirement]
        self.matches[fact.match] = matches.struck(event, fact, supply.organisation, requirement.organisation)
        self._move(event, self.matches[fact.match], held_g=fact.quantity_basis_g, filled_g=0)

    def _match(self, event: Recorded, fact: MatchFact) -> None:
        change = self.matches[fact.match]
        if isinstance(fact, MatchAnswered):
            matches.answered(change, event, fact)
            return
        matches.decided(change, event, fact)
        filled_g = fact.quantity_basis_g if isinstance(fact, MatchConfirmed) else 0
        self._move(event, change, held_g=-fact.quantity_basis_g, filled_g=filled_g)
        if isinstance(fact, MatchConfirmed):
            return
        for side in fact.declined_by if isinstance(fact, MatchDeclined) else fact.silent:
            self.failings.append(
                Failing(
                    lane=event.lane,
                    market=fact.market,
                    organisation=change.seller if side == "seller" else change.buyer,
                    position=event.position,
                    failed_time=event.time,
                )
            )

    def _move(self, event: Recorded, match: MatchChange, *, held_g: int, filled_g: int) -> None:
        for order in (self.supplies[match.supply], self.requirements[match.requirement]):
            moved(order, event, tranche=match.tranche, held_g=held_g, filled_g=filled_g)

    def count_orders(self) -> None:
        """Adds opened and closed orders to the markets' counts of open orders."""
        for order in chain(self.supplies.values(), self.requirements.values()):
            self.markets[order.market].open_orders += (order.status == "open") - order.was_open
