"""Checks members that leave a market from its lane alone: nothing of theirs may be open there. Agreements are
in another lane, which this does not read."""

from typing import Any

from events.envelope import Recorded
from events.market_events import MemberLeft
from market.audit.fact_faults import FactFault
from market.audit.order_audit import fault_of
from market.rules.book import Book, RequirementOrder, SupplyOrder


def leaving_fault(book: Book | None, event: Recorded) -> FactFault | None:
    """Held against the book as it stood before."""
    fact: Any = event.data
    if book is None or not isinstance(fact, MemberLeft):
        return None
    member = fact.organisation
    if member not in book.members:
        told = "leaves a market that never admitted it"
        return fault_of(told, "organisation", str(member), "a member")
    orders: list[SupplyOrder | RequirementOrder] = [*book.supplies.values(), *book.requirements.values()]
    standing = [str(each.order) for each in orders if each.organisation == member and each.status == "open"]
    if standing:
        return fault_of("leaves a market with open orders", "organisation", min(standing), "no order")
    waiting = [
        str(each.struck.match) for each in book.matches.values() if member in (each.seller, each.buyer)
    ]
    if waiting:
        return fault_of("leaves a market with open matches", "organisation", min(waiting), "no match")
    return None
