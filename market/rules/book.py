"""The book: what a lane's events have made of its markets. A pure fold, the only input of a clearing."""

from datetime import datetime, timedelta
from typing import Literal, TypeVar, assert_never
from uuid import UUID

from msgspec import UNSET, Struct
from msgspec.structs import replace

from events.envelope import Recorded
from events.facts import MarketFact, MatchFact, RequirementFact
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
from events.market_terms import MarketTerms, Member, RequirementTerms, RuleSet, SupplyTerms
from market.rules.market_inputs import MarketInputs, record_input
from market.rules.policy_lines import obeys
from market.rules.tranches import carried_tranches, move_tranche, tranches_left_g

OrderStatus = Literal["open", "withdrawn", "expired", "sold"]
RELIABILITY_WINDOW = timedelta(days=90)


class SupplyOrder(Struct, frozen=True, kw_only=True, gc=False):
    """An offer or recovered lot as it stands; grams of basis, `rank` the lane position of its place in time.

    `tranche_committed_g` is what of each tranche is held or sold, empty as long as nothing ever was.
    """

    order: UUID
    kind: Literal["offer", "lot"]
    market: UUID
    organisation: UUID
    rank: int
    version: int
    status: OrderStatus
    held_g: int = 0
    filled_g: int = 0
    tranche_committed_g: tuple[int, ...] = ()
    terms: SupplyTerms

    @property
    def available_g(self) -> int:
        return self.terms.basis_g - self.held_g - self.filled_g if self.status == "open" else 0

    @property
    def tranche_left_g(self) -> tuple[int, ...]:
        """What each tranche has to give; one entry for a term order."""
        return tranches_left_g(self.terms, self.tranche_committed_g, self.available_g)


class RequirementOrder(Struct, frozen=True, kw_only=True, gc=False):
    order: UUID
    market: UUID
    organisation: UUID
    rank: int
    version: int
    status: OrderStatus
    held_g: int = 0
    filled_g: int = 0
    terms: RequirementTerms

    @property
    def available_g(self) -> int:
        return self.terms.basis_g - self.held_g - self.filled_g if self.status == "open" else 0


Order = TypeVar("Order", SupplyOrder, RequirementOrder)


class OpenMatch(Struct, frozen=True, kw_only=True):
    """A struck match until it is confirmed, declined or lapsed; an answer is None until it is given."""

    struck: MatchStruck
    seller: UUID
    buyer: UUID
    version: int = 1
    seller_answer: Literal["confirmed", "declined"] | None = None
    buyer_answer: Literal["confirmed", "declined"] | None = None
    seller_reason: str | None = None
    buyer_reason: str | None = None


class PublishedRuleSet(Struct, frozen=True, kw_only=True):
    rule_set: RuleSet
    position: int


class Halt(Struct, frozen=True, kw_only=True):
    """Since when and why a market neither takes orders nor clears."""

    since: datetime
    reason: str


class Book(Struct, kw_only=True):
    """One market at lane position `position`. Orders that are closed and hold nothing have left it.

    `suspended`: members that trade no more until they are admitted again, those that left among them.
    """

    market: UUID
    terms: MarketTerms
    position: int
    last_time: datetime
    members: dict[UUID, Member] = {}
    suspended: set[UUID] = set()
    supplies: dict[UUID, SupplyOrder] = {}
    requirements: dict[UUID, RequirementOrder] = {}
    inputs: MarketInputs
    rule_sets: list[PublishedRuleSet] = []
    plan: ClearingPlanned | None = None
    plan_position: int | None = None
    last_round: int = 0
    last_completed_sha256: str | None = None
    matches: dict[UUID, OpenMatch] = {}
    failings: dict[UUID, list[datetime]] = {}
    halt: Halt | None = None


Books = dict[UUID, Book]
"""All markets of one lane."""


def rule_set_at(rule_sets: list[PublishedRuleSet], now: datetime) -> RuleSet | None:
    """The newest rule set in effect at `now`; none when the market has not published one yet."""
    newest = None
    for published in rule_sets:
        if published.rule_set.effective_from <= now and (
            newest is None or published.position > newest.position
        ):
            newest = published
    return None if newest is None else newest.rule_set


def fold(books: Books, event: Recorded) -> None:
    """Bring the lane's books to `event`; events of other streams do not belong here.

    Raises KeyError when an event names a market or order that the lane never opened: a broken record.
    """
    fact: MarketFact = event.data  # type: ignore[assignment]  # of the market, and a cast is a call
    if isinstance(fact, MarketOpened):
        books[fact.market] = Book(
            market=fact.market,
            terms=fact.terms,
            position=event.position,
            last_time=event.time,
            inputs=MarketInputs(),
        )
        return
    fold_into(books[fact.market], event)


def fold_into(book: Book, event: Recorded) -> None:
    """As `fold`, of an event of the book's own market, which it does not open."""
    _fold_fact(book, event, event.data)  # type: ignore[arg-type]  # of the market, and a cast is a call
    book.position = event.position
    if event.time > book.last_time:
        book.last_time = event.time


def fold_offered(book: Book, event: Recorded, fact: SupplyOffered, organisation: UUID) -> bool:
    """As `fold_into`, of an offer, which most of a record is; `organisation` is the fact's as others hold it.
    False, and nothing is done, where the book holds one of that id."""
    position = event.position
    offer = fact.offer
    opened = SupplyOrder(
        order=offer,
        kind="offer",
        market=book.market,
        organisation=organisation,
        rank=position,
        version=1,
        status="open",
        terms=fact.terms,
    )
    if book.supplies.setdefault(offer, opened) is not opened:
        return False
    book.position = position
    if event.time > book.last_time:
        book.last_time = event.time
    return True


def _fold_fact(book: Book, event: Recorded, fact: MarketFact) -> None:
    match fact:
        case SupplyOffered() | RecoveredLotListed():
            _open_supply(book, event.position, fact)
        case SupplyOfferAmended() | RecoveredLotAmended() | RecoveredLotGraded():
            _amend_supply(book, event.position, fact)
        case SupplyOfferWithdrawn() | RecoveredLotWithdrawn():
            _close_supply(book, fact, "withdrawn")
        case SupplyOfferExpired() | RecoveredLotExpired():
            _close_supply(book, fact, "expired")
        case RequirementPosted() | RequirementAmended() | RequirementWithdrawn() | RequirementExpired():
            _fold_requirement(book, event.position, fact)
        case ClearingPlanned() | ClearingEvidence() | ClearingCompleted() | ClearingAbandoned():
            _fold_clearing(book, event, fact)
        case MatchStruck() | MatchAnswered() | MatchConfirmed() | MatchDeclined() | MatchLapsed():
            _fold_match(book, event, fact)
        case (
            MemberAdmitted()
            | MemberChanged()
            | MemberSuspended()
            | MemberLeft()
            | InputRecorded()
            | RuleSetPublished()
            | MarketHalted()
            | MarketResumed()
        ):
            _fold_surroundings(book, event, fact)
        case RuleSetRehearsed() | QuoteAsked():
            pass
        case MarketOpened():
            raise ValueError(f"market {fact.market} is opened once more at position {event.position}")
        case _:
            assert_never(fact)


def _fold_surroundings(
    book: Book,
    event: Recorded,
    fact: MemberAdmitted
    | MemberChanged
    | MemberSuspended
    | MemberLeft
    | InputRecorded
    | RuleSetPublished
    | MarketHalted
    | MarketResumed,
) -> None:
    match fact:
        case MemberAdmitted():
            book.members[fact.member.organisation] = fact.member
            book.suspended.discard(fact.member.organisation)
        case MemberChanged():
            book.members[fact.member.organisation] = fact.member
        case MemberSuspended() | MemberLeft():
            book.suspended.add(fact.organisation)
        case InputRecorded():
            record_input(book.inputs, fact.input, event.position)
        case RuleSetPublished():
            book.rule_sets.append(PublishedRuleSet(rule_set=fact.rule_set, position=event.position))
        case MarketHalted():
            book.halt = Halt(since=event.time, reason=fact.reason)
        case MarketResumed():
            book.halt = None
        case _:
            assert_never(fact)


def _fold_clearing(
    book: Book,
    event: Recorded,
    fact: ClearingPlanned | ClearingEvidence | ClearingCompleted | ClearingAbandoned,
) -> None:
    match fact:
        case ClearingPlanned():
            book.plan, book.plan_position, book.last_round = fact, event.position, fact.round
        case ClearingEvidence():
            pass
        case ClearingCompleted():
            book.plan, book.plan_position = None, None
            book.last_completed_sha256 = event.body_hash.hex()
        case ClearingAbandoned():
            book.plan, book.plan_position = None, None
        case _:
            assert_never(fact)


def _open_supply(book: Book, position: int, fact: SupplyOffered | RecoveredLotListed) -> None:
    order = fact.offer if isinstance(fact, SupplyOffered) else fact.lot
    book.supplies[order] = SupplyOrder(
        order=order,
        kind="offer" if isinstance(fact, SupplyOffered) else "lot",
        market=book.market,
        organisation=fact.organisation,
        rank=position,
        version=1,
        status="open",
        terms=fact.terms,
    )


def graded(terms: SupplyTerms, fact: RecoveredLotGraded) -> SupplyTerms:
    """The terms with the condition that was found, and the reason to step down if a new one was given."""
    step_down = terms.step_down if fact.step_down is UNSET else fact.step_down
    return replace(terms, condition=fact.condition, step_down=step_down)


def _amend_supply(
    book: Book, position: int, fact: SupplyOfferAmended | RecoveredLotAmended | RecoveredLotGraded
) -> None:
    order = book.supplies[fact.offer if isinstance(fact, SupplyOfferAmended) else fact.lot]
    if isinstance(fact, RecoveredLotGraded):
        terms, rank = graded(order.terms, fact), order.rank
    else:
        terms, rank = fact.terms, order.rank if fact.keeps_rank else position
    committed = carried_tranches(order.tranche_committed_g, order.terms.tranches, terms.tranches)
    _keep(
        book.supplies,
        replace(order, terms=terms, rank=rank, version=order.version + 1, tranche_committed_g=committed),
    )


def _close_supply(
    book: Book,
    fact: SupplyOfferWithdrawn | SupplyOfferExpired | RecoveredLotWithdrawn | RecoveredLotExpired,
    status: OrderStatus,
) -> None:
    named = fact.offer if isinstance(fact, SupplyOfferWithdrawn | SupplyOfferExpired) else fact.lot
    order = book.supplies[named]
    _keep(book.supplies, replace(order, status=status, version=order.version + 1))


def _fold_requirement(book: Book, position: int, fact: RequirementFact) -> None:
    if isinstance(fact, RequirementPosted | RequirementAmended):
        assert obeys(fact.terms), f"the terms of {fact.requirement} are not the strictest of its policies"
    if isinstance(fact, RequirementPosted):
        posted = RequirementOrder(
            order=fact.requirement,
            market=book.market,
            organisation=fact.organisation,
            rank=position,
            version=1,
            status="open",
            terms=fact.terms,
        )
        _keep(book.requirements, posted)
        return
    order = book.requirements[fact.requirement]
    version = order.version + 1
    match fact:
        case RequirementAmended():
            rank = order.rank if fact.keeps_rank else position
            _keep(book.requirements, replace(order, terms=fact.terms, rank=rank, version=version))
        case RequirementWithdrawn():
            _keep(book.requirements, replace(order, status="withdrawn", version=version))
        case RequirementExpired():
            _keep(book.requirements, replace(order, status="expired", version=version))
        case _:
            assert_never(fact)


def settled_status(status: OrderStatus, basis_g: int, held_g: int, filled_g: int) -> OrderStatus:
    """An open order whose every gram is sold is sold; a hold that comes back reopens nothing."""
    return "sold" if status == "open" and held_g == 0 and filled_g >= basis_g else status


def _keep(orders: dict[UUID, Order], order: Order) -> None:
    """The order as it stands now; one that is closed and holds nothing leaves the book."""
    assert order.held_g >= 0
    assert order.filled_g >= 0
    assert order.held_g + order.filled_g <= order.terms.basis_g
    status = settled_status(order.status, order.terms.basis_g, order.held_g, order.filled_g)
    if status != "open" and order.held_g == 0:
        orders.pop(order.order, None)
    else:
        orders[order.order] = order if status == order.status else replace(order, status=status)


def _move_quantity(book: Book, struck: MatchStruck, held_g: int, filled_g: int) -> None:
    supply = book.supplies[struck.supply]
    requirement = book.requirements[struck.requirement]
    committed = move_tranche(
        supply.tranche_committed_g, struck.tranche, len(supply.terms.tranches), held_g + filled_g
    )
    _keep(
        book.supplies,
        replace(
            supply,
            held_g=supply.held_g + held_g,
            filled_g=supply.filled_g + filled_g,
            tranche_committed_g=committed,
        ),
    )
    _keep(
        book.requirements,
        replace(requirement, held_g=requirement.held_g + held_g, filled_g=requirement.filled_g + filled_g),
    )


def _fold_match(book: Book, event: Recorded, fact: MatchFact) -> None:
    if isinstance(fact, MatchStruck):
        book.matches[fact.match] = OpenMatch(
            struck=fact,
            seller=book.supplies[fact.supply].organisation,
            buyer=book.requirements[fact.requirement].organisation,
        )
        _move_quantity(book, fact, fact.quantity_basis_g, 0)
        return
    if isinstance(fact, MatchAnswered):
        open_match = book.matches[fact.match]
        answered = (
            replace(open_match, seller_answer=fact.answer, seller_reason=fact.reason)
            if fact.side == "seller"
            else replace(open_match, buyer_answer=fact.answer, buyer_reason=fact.reason)
        )
        book.matches[fact.match] = replace(answered, version=open_match.version + 1)
        return
    open_match = book.matches.pop(fact.match)
    filled_g = fact.quantity_basis_g if isinstance(fact, MatchConfirmed) else 0
    _move_quantity(book, open_match.struck, -fact.quantity_basis_g, filled_g)
    if isinstance(fact, MatchConfirmed):
        return
    sides = fact.declined_by if isinstance(fact, MatchDeclined) else fact.silent
    for side in sides:
        organisation = open_match.seller if side == "seller" else open_match.buyer
        recent = [at for at in book.failings.get(organisation, []) if event.time - at < RELIABILITY_WINDOW]
        book.failings[organisation] = [*recent, event.time]
