"""Which fact of a market becomes which line of the public tape."""

from typing import assert_never
from uuid import UUID

from events.facts import MarketFact, OfferFact, RequirementFact, SupplyFact
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
from market.rules.book import Book
from market.rules.visibility.crowd import Crowd, TapeViewer
from market.rules.visibility.tape import (
    Action,
    OrderTopic,
    TapeLine,
    TapeOrder,
    abandoned_line,
    completed_line,
    market_line,
    order_line,
    supply_line,
    trade_line,
)


def on_tape(fact: MarketFact, viewer: TapeViewer, book: Book, crowd: Crowd) -> TapeLine | None:
    """The public line of a fact, None when it has none. `book` and `crowd` are those before the fact.

    A match is a trade once nobody can decline it any more: at once between firm orders, else when confirmed.
    Lines of orders and trades are only published together with others: `mixing` says when.
    """
    match fact:
        case (
            SupplyOffered()
            | SupplyOfferAmended()
            | SupplyOfferWithdrawn()
            | SupplyOfferExpired()
            | RecoveredLotListed()
            | RecoveredLotGraded()
            | RecoveredLotAmended()
            | RecoveredLotWithdrawn()
            | RecoveredLotExpired()
        ):
            return _supply_on_tape(fact, viewer, book, crowd)
        case RequirementPosted() | RequirementAmended() | RequirementWithdrawn() | RequirementExpired():
            return _requirement_on_tape(fact, viewer, book, crowd)
        case RuleSetPublished() | MarketHalted() | MarketResumed():
            return market_line(fact)
        case ClearingCompleted():
            return completed_line(fact)
        case ClearingAbandoned():
            return abandoned_line(fact)
        case MatchStruck():
            return None if needs_answer(fact) else trade_line(book, crowd, fact, viewer)
        case MatchConfirmed():
            struck = book.matches[fact.match].struck
            return trade_line(book, crowd, struck, viewer) if needs_answer(struck) else None
        case MarketOpened() | MemberAdmitted() | MemberChanged() | MemberSuspended() | MemberLeft():
            return None
        case InputRecorded() | ClearingPlanned() | ClearingEvidence():
            return None
        case MatchAnswered() | MatchDeclined() | MatchLapsed():
            return None
        case RuleSetRehearsed() | QuoteAsked():
            return None
        case _:
            assert_never(fact)


def needs_answer(struck: MatchStruck) -> bool:
    return struck.seller_must_confirm or struck.buyer_must_confirm


def _supply_on_tape(fact: SupplyFact, viewer: TapeViewer, book: Book, crowd: Crowd) -> TapeLine | None:
    order = supply_of(fact)
    topic: OrderTopic = (
        "public.supply-offers.v1" if isinstance(fact, OfferFact) else "public.recovered-lots.v1"
    )
    action: Action
    match fact:
        case SupplyOffered():
            return offered_on_tape(fact, viewer, book, crowd)
        case RecoveredLotListed():
            return order_line(topic, order, "posted", fact.terms, book, crowd, viewer)
        case SupplyOfferAmended() | RecoveredLotAmended():
            return order_line(topic, order, "amended", fact.terms, book, crowd, viewer)
        case RecoveredLotGraded():
            action = "amended"
        case SupplyOfferWithdrawn() | RecoveredLotWithdrawn():
            action = "withdrawn"
        case SupplyOfferExpired() | RecoveredLotExpired():
            action = "expired"
        case _:
            assert_never(fact)
    return order_line(topic, order, action, book.supplies[order].terms, book, crowd, viewer)


def _requirement_on_tape(
    fact: RequirementFact, viewer: TapeViewer, book: Book, crowd: Crowd
) -> TapeLine | None:
    topic: OrderTopic = "public.requirements.v1"
    action: Action
    match fact:
        case RequirementPosted():
            return order_line(topic, fact.requirement, "posted", fact.terms, book, crowd, viewer)
        case RequirementAmended():
            return order_line(topic, fact.requirement, "amended", fact.terms, book, crowd, viewer)
        case RequirementWithdrawn():
            action = "withdrawn"
        case RequirementExpired():
            action = "expired"
        case _:
            assert_never(fact)
    terms = book.requirements[fact.requirement].terms
    return order_line(topic, fact.requirement, action, terms, book, crowd, viewer)


def offered_on_tape(fact: SupplyOffered, viewer: TapeViewer, book: Book, crowd: Crowd) -> TapeOrder | None:
    """As `on_tape`, for offers, which most events are."""
    return supply_line("public.supply-offers.v1", fact.offer, "posted", fact.terms, book, crowd, viewer)


def supply_of(fact: SupplyFact) -> UUID:
    """The order that a fact about an offer or a lot is about."""
    return fact.offer if isinstance(fact, OfferFact) else fact.lot
