"""Checks whether a facility can make what an order offers in addition to what is committed: refuse, or
flag."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import UNSET
from msgspec.structs import replace

from events.capacity_terms import CapacityCount, CapacityRule, CountedQuarter, passes, product_text
from events.forecast_terms import ReturnForecast
from events.fractions import tonnes_text
from events.market_terms import MemberFacility, SupplyTerms
from events.refusal import Caution, refuse
from market.rules.orders.orders import PostingState
from market.rules.orders.supplies import SupplyDraft
from market.rules.refusing.refusals import CapacityExceeded
from market.rules.twins.capacities import QUARTERS, made_g, quarter_of, quarter_text
from market.rules.twins.committed import Claim, ContractClaim, committed, element_g, whole


def is_counted(state: PostingState, draft: SupplyDraft) -> bool:
    """Whether the decision needs the committed volume of the draft's facility, or, for supply forecast from
    returns, of all its seller's facilities."""
    if isinstance(draft.forecast, ReturnForecast):
        return state.member is not None
    site = None if _rule(state) is None else _site(state, draft)
    return site is not None and any(capacity.form == draft.form for capacity in site.capacities)


def counted(
    state: PostingState, terms: SupplyTerms, now: datetime, before: SupplyTerms | None = None
) -> SupplyTerms:
    """The terms with the result of the check, from the current quarter on; `before`: the order before its
    amendment.

    Raises Refusals for each quarter that needs more than before and exceeds the capacity.
    """
    rule = _rule(state)
    site = None if rule is None else _site(state, terms)
    if rule is None or site is None or state.member is None:
        return terms
    count = CapacityCount(
        rule=rule,
        position=state.member.source_position,
        quarters=tuple(_quarters(site, terms, state.claims or (), quarter_of(now))),
    )
    if rule == "refuse":
        refuse([_exceeded(each, terms) for each in _passed(count, terms, before)])
    return replace(terms, capacity=count)


def capacity_cautions(terms: SupplyTerms) -> tuple[Caution, ...]:
    """Warnings about an accepted order: that nothing was counted, or which quarters exceed the capacity."""
    if terms.capacity is None:
        return ()
    if not terms.capacity.quarters:
        text = f"The facility has no capacity for {terms.form}: nothing was counted against it."
        return (Caution(code="capacity_not_stated", text=text, pointer="/facility"),)
    return tuple(
        Caution(code="capacity_exceeded", text=_exceeded(each, terms).detail(), pointer="/tranches")
        for each in _passed(terms.capacity, terms, None)
    )


def _rule(state: PostingState) -> CapacityRule | None:
    rule = UNSET if state.rule_set is None else state.rule_set.capacity
    return None if rule is UNSET else rule


def _site(state: PostingState, of: SupplyDraft | SupplyTerms) -> MemberFacility | None:
    sites = () if state.member is None else state.member.facilities
    return next((site for site in sites if site.facility == of.facility), None)


def _quarters(
    site: MemberFacility, terms: SupplyTerms, claims: Iterable[Claim | ContractClaim], first: int
) -> Iterable[CountedQuarter]:
    claims = tuple(claims)
    asked = whole(terms)
    for capacity in site.capacities:
        if capacity.form != terms.form:
            continue
        taken = committed(claims, capacity.form, capacity.element)
        for quarter in sorted(quarter for quarter, wet_g in asked.items() if wet_g and quarter >= first):
            yield CountedQuarter(
                year=quarter // QUARTERS,
                quarter=quarter % QUARTERS + 1,
                element=capacity.element,
                capacity_g=made_g(capacity, quarter),
                committed_g=taken[quarter].committed_g if quarter in taken else 0,
                asked_g=element_g(terms, capacity.element, asked[quarter]),
            )


def _passed(count: CapacityCount, terms: SupplyTerms, before: SupplyTerms | None) -> Iterable[CountedQuarter]:
    """Quarters above the capacity; none for an order that needs no more than before, whatever became of the
    facility."""
    same = before is not None and (before.form, before.facility) == (terms.form, terms.facility)
    had = whole(before) if before is not None and same else {}
    for each in count.quarters:
        quarter = each.year * QUARTERS + each.quarter - 1
        kept_g = element_g(before, each.element, had.get(quarter, 0)) if before is not None else 0
        if passes(each) and each.asked_g > kept_g:
            yield each


def _exceeded(each: CountedQuarter, terms: SupplyTerms) -> CapacityExceeded:
    return CapacityExceeded(
        pointer="/tranches" if terms.term is None else "/term",
        quarter=quarter_text(each.year * QUARTERS + each.quarter - 1),
        product=product_text(terms.form, each.element),
        capacity=tonnes_text(each.capacity_g),
        committed=tonnes_text(each.committed_g),
        asked=tonnes_text(each.asked_g),
    )
