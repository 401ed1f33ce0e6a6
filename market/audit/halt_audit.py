"""Checks halts of a market from its lane alone: what no command may record during a halt."""

from typing import Any, Final

from contracts.rules.days import instant_text
from events.envelope import Recorded
from events.market_events import ClearingPlanned, MarketHalted, MarketResumed
from market.audit.fact_faults import FactFault
from market.audit.order_audit import BY_MEMBERS, fault_of
from market.rules.book import Book

REFUSED: Final = frozenset((ClearingPlanned, *BY_MEMBERS))


def halt_fault(book: Book | None, event: Recorded) -> FactFault | None:
    """Held against the book as it stood before: no round is open where a halt begins, none begins in it."""
    fact: Any = event.data
    if book is None:
        return None
    if isinstance(fact, MarketHalted) and book.plan is not None:
        told = "halts a market whose round is not abandoned first"
        return fault_of(told, "type", event.type, "market.clearing.abandoned.v1")
    if isinstance(fact, MarketHalted) and book.halt is not None:
        return fault_of("halts a market that is halted", "type", event.type, "nothing more of it")
    if isinstance(fact, MarketResumed) and book.halt is None:
        return fault_of("resumes a market that is not halted", "type", event.type, "nothing of it")
    if book.halt is None or type(fact) not in REFUSED:
        return None
    told = "is recorded while the market is halted"
    since = instant_text(book.halt.since)
    return fault_of(told, "time", instant_text(event.time), f"none since {since} before it is resumed")
