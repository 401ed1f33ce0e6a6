"""Clears a completed round again with something changed, for quotes and trials of rule sets."""

from msgspec.structs import replace

from events.envelope import Recorded
from events.market_events import ClearingPlanned
from events.market_terms import RuleSet
from market.rules.book import Book
from market.rules.clearing.clearing import ALGORITHM
from market.rules.clearing.clearings import rule_set_sha256


def again(book: Book, plan: Recorded, rule_set: RuleSet | None = None) -> tuple[Book, Recorded]:
    """The book at the cut and its plan, by this version's algorithm; `rule_set` in place of the round's."""
    planned = plan.data
    assert isinstance(planned, ClearingPlanned)
    rules = planned.rule_set if rule_set is None else rule_set
    rules = replace(rules, algorithm=ALGORITHM)
    changed = replace(planned, rule_set=rules, rule_set_sha256=rule_set_sha256(rules), algorithm=ALGORITHM)
    return replace(book, plan=changed), replace(plan, data=changed)
