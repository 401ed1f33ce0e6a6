"""Checks orders of a market from its lane alone: their owner, and how their figures follow from their terms.

Other checks of a new draft are not repeated, since later rules would refuse older orders.
"""

from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from contracts.rules.days import instant_text
from events.envelope import Recorded
from events.market_events import (
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
    SupplyOfferAmended,
    SupplyOffered,
    SupplyOfferExpired,
    SupplyOfferWithdrawn,
)
from events.market_terms import RequirementTerms, SupplyTerms
from events.vocabulary import ConvertedPrice
from market.audit.fact_faults import FactFault
from market.rules.book import Book, RequirementOrder, SupplyOrder
from market.rules.clearing.differences import Difference, first_difference
from market.rules.orders import offers, requirements
from market.rules.orders.requirement_drafts import converted_limit
from market.rules.orders.supplies import converted_ask
from market.rules.quantities import basis_g

Kinds = frozenset[type[Struct]]
POSTED: Final[Kinds] = frozenset((SupplyOffered, RecoveredLotListed, RequirementPosted))
AMENDED: Final[Kinds] = frozenset((SupplyOfferAmended, RecoveredLotAmended, RequirementAmended))
EXPIRED: Final[Kinds] = frozenset((SupplyOfferExpired, RecoveredLotExpired, RequirementExpired))
CHANGED: Final[Kinds] = frozenset(
    (
        *AMENDED,
        *EXPIRED,
        RecoveredLotGraded,
        SupplyOfferWithdrawn,
        RecoveredLotWithdrawn,
        RequirementWithdrawn,
    )
)
OF_LOTS: Final[Kinds] = frozenset(
    (RecoveredLotAmended, RecoveredLotGraded, RecoveredLotWithdrawn, RecoveredLotExpired)
)
OF_REQUIREMENTS: Final[Kinds] = frozenset((RequirementAmended, RequirementWithdrawn, RequirementExpired))
BY_MEMBERS: Final[Kinds] = frozenset((*POSTED, *AMENDED, RecoveredLotGraded))

Order = SupplyOrder | RequirementOrder


def order_fault(book: Book | None, event: Recorded) -> FactFault | None:
    """Of a fact of an order, held against the book as it stood before; None of every other fact."""
    fact: Any = event.data
    kind = type(fact)
    if book is None:
        return None
    if kind in CHANGED:
        order = _order_of(book, fact)
        return None if order is None else _changed(book, order, event, fact)
    if kind in POSTED:
        return _posted(book, event, fact)
    return _acted_by(event, fact.organisation, "asks") if kind is QuoteAsked else None


def _posted(book: Book, event: Recorded, fact: Any) -> FactFault | None:
    fault = _acted_by(event, fact.organisation, "is posted") or _member(book, fact)
    if fault is not None:
        return fault
    if isinstance(fact, RequirementPosted):
        return _limit(book, fact.terms, None)
    return _figures(book, fact.terms, None)


def _order_of(book: Book, fact: Any) -> Order | None:
    """None of an order that does not stand in the book: the fold says so."""
    if type(fact) in OF_REQUIREMENTS:
        return book.requirements.get(fact.requirement)
    return book.supplies.get(fact.lot if (type(fact) in OF_LOTS) else fact.offer)


def _changed(book: Book, order: Order, event: Recorded, fact: Any) -> FactFault | None:
    if isinstance(order, SupplyOrder) and (order.kind == "lot") != (type(fact) in OF_LOTS):
        return fault_of("changes an order of another kind", "type", event.type, f"of a {order.kind}")
    if order.status != "open":
        return fault_of("changes an order that is closed", "order", order.status, "open")
    if fact.organisation != order.organisation:
        told = "changes an order of another organisation"
        return fault_of(told, "organisation", str(fact.organisation), str(order.organisation))
    if book.plan_position is not None and order.rank <= book.plan_position:
        told = "changes an order that a round is being computed from"
        return fault_of(told, "position", str(event.position), "one behind the end of the round")
    if type(fact) in EXPIRED:
        due = order.terms.valid_until
        if event.time >= due:
            return None
        told = "ends an order that is still valid"
        return fault_of(told, "time", instant_text(event.time), f"{instant_text(due)} at least")
    fault = _acted_by(event, order.organisation, "changes an order")
    if fault is None and (type(fact) in BY_MEMBERS):
        fault = _member(book, fact)
    if fault is None and (type(fact) in AMENDED):
        fault = _amended(book, order, fact)
    return fault


def _amended(book: Book, order: Order, fact: Any) -> FactFault | None:
    if isinstance(order, RequirementOrder):
        fault, keeps = (
            _limit(book, fact.terms, order.terms),
            requirements.is_reduction(order.terms, fact.terms),
        )
    else:
        counted_no_more = replace(order.terms, capacity=None)
        fault = _figures(book, fact.terms, order.terms)
        keeps = offers.is_reduction(counted_no_more, replace(fact.terms, capacity=None))
    if fault is None and fact.keeps_rank != keeps:
        told = "keeps or loses its order's place in time against the rule"
        return fault_of(told, "keeps_rank", str(fact.keeps_rank).lower(), str(keeps).lower())
    return fault


def _member(book: Book, fact: Any) -> FactFault | None:
    member = fact.organisation
    if member in book.members and member not in book.suspended:
        return None
    told = "is of an organisation that may not trade in its market"
    standing = "suspended" if member in book.suspended else "no member"
    return fault_of(told, "organisation", f"{member}, {standing}", "a member that is not suspended")


def _acted_by(event: Recorded, organisation: Any, told: str) -> FactFault | None:
    if event.actor == organisation:
        return None
    return fault_of(f"{told} by another organisation", "actor", str(event.actor), str(organisation))


def _figures(book: Book, terms: SupplyTerms, before: SupplyTerms | None) -> FactFault | None:
    """Grams of basis and ask; `before`: as the order stood."""
    basis = book.terms.basis
    held_g = basis_g(
        basis=basis,
        net_wet_g=terms.net_wet_g,
        moisture_ppb=terms.moisture_ppb,
        composition=terms.composition,
    )
    if terms.basis_g != held_g:
        told = "counts other grams of basis than its composition holds"
        return fault_of(told, "terms/basis_g", str(terms.basis_g), str(held_g))
    if before is not None and offers.keeps_ask(before, terms):
        return _unlike("terms/ask", terms.ask, before.ask)
    stated = terms.ask.stated
    try:
        ask = converted_ask(stated, terms.moisture_ppb, terms.composition, basis, book.inputs)
    except ValueError as error:
        return _unconvertible("terms/ask", terms.ask, error)
    return _unlike("terms/ask", terms.ask, ask)


def _limit(book: Book, terms: RequirementTerms, before: RequirementTerms | None) -> FactFault | None:
    if before is not None and terms.limit.stated == before.limit.stated:
        return _unlike("terms/limit", terms.limit, before.limit)
    try:
        limit = converted_limit(terms.limit.stated, book.terms.basis, book.inputs)
    except ValueError as error:
        return _unconvertible("terms/limit", terms.limit, error)
    return _unlike("terms/limit", terms.limit, limit)


def _unlike(field: str, recorded: ConvertedPrice, expected: ConvertedPrice) -> FactFault | None:
    if recorded == expected:
        return None
    told = "converts its price otherwise than the rule does with what the lane had recorded"
    found = first_difference(msgspec.to_builtins(recorded), msgspec.to_builtins(expected), field)
    return FactFault(kind="command", told=told, difference=found)


def _unconvertible(field: str, recorded: ConvertedPrice, error: ValueError) -> FactFault:
    told = f"converts a price that nothing in the lane converts ({error})"
    return fault_of(told, f"{field}/ueur_per_kg", str(recorded.ueur_per_kg), "none")


def fault_of(told: str, field: str, recorded: str, expected: str) -> FactFault:
    """Of a fact that no command could have recorded."""
    return FactFault(kind="command", told=told, difference=Difference(field, recorded, expected))
