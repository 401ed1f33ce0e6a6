"""Eligibility of many pairs at once: each screen gives the same result as the reasons of its name in
`eligibility`."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import chain

import numpy as np
from msgspec import UNSET

from contracts.rules.price_terms import MICRO_G_PER_KG_PER_CENT
from events.market_terms import Member, RuleSet
from events.vocabulary import QUALIFICATION_LADDER
from market.rules.book import RequirementOrder
from market.rules.clearing.assay_columns import NO_FIGURE, AssayColumns, purity_or_no_figure
from market.rules.clearing.candidates import Candidates
from market.rules.clearing.columns import (
    BEYOND,
    Codes,
    Lookup,
    Slots,
    among,
    bit_words,
    cells,
    int64s,
    numbered,
    share_a_bit,
)
from market.rules.clearing.eligibility import MarketFacts
from market.rules.clearing.supply_columns import Supplies, unstated_stages
from market.rules.full_origins import asks_for_stages
from market.rules.optimum.problem import Mask

Requirements = Sequence[RequirementOrder]
Parties = tuple[Sequence[Member], Sequence[Member]]
"""Whose each supply is, and each requirement: looked up once, since ids take long to hash."""
Screen = Callable[[Candidates], Mask]


def fit_orders(supplies: Supplies, parties: Parties, at: datetime) -> tuple[Mask, Mask]:
    """Orders without a reason that would exclude all their pairs."""
    sellers, buyers = (
        np.fromiter([member.sanctions_screened_until >= at for member in side], np.bool_, len(side))
        for side in parties
    )
    licensed = (each.export_licence != "pending" for each in supplies.terms)
    return sellers & np.fromiter(licensed, np.bool_, len(supplies)), buyers


def unopposed(pairs: Candidates, against: Sequence[Screen]) -> Candidates:
    """Pairs that no screen excludes. If few are excluded, checking them again is cheaper than copying."""
    left = np.ones(len(pairs), dtype=np.bool_)
    for screen in against:
        left &= screen(pairs)
        if 2 * np.count_nonzero(left) < len(left):
            pairs = pairs.kept(left)
            left = np.ones(len(pairs), dtype=np.bool_)
    return pairs if left.all() else pairs.kept(left)


def screens(
    supplies: Supplies,
    requirements: Requirements,
    parties: Parties,
    facts: MarketFacts,
    assays: AssayColumns,
) -> list[Screen]:
    """All screens except papers, cheapest first."""
    return [
        *_parties(supplies, requirements, parties),
        *_terms(supplies, requirements),
        *_commercial(supplies, requirements),
        *_provenance(supplies, requirements, facts.rule_set),
        *_analytes(requirements, assays),
        *_purity(supplies, requirements),
        *_activities(supplies, requirements),
        *_qualification(supplies, requirements, facts),
    ]


def _parties(supplies: Supplies, requirements: Requirements, parties: Parties) -> Iterator[Screen]:
    groups = Codes()
    seller_group, buyer_group = (groups.of([member.group.int for member in side]) for side in parties)
    yield lambda pairs: seller_group.take(pairs.supply) != buyer_group.take(pairs.requirement)
    if any(order.terms.organisations_excluded for order in requirements):
        organisations = Codes()
        seller = organisations.of([order.organisation for order in supplies.orders])
        barred = np.array(
            sorted(
                index * len(organisations.known) + organisations.known[excluded]
                for index, order in enumerate(requirements)
                for excluded in order.terms.organisations_excluded
                if excluded in organisations.known
            ),
            dtype=np.int64,
        )
        width = len(organisations.known)
        yield lambda pairs: ~among(pairs.requirement * width + seller[pairs.supply], barred)
    sides = (supplies.terms, [order.terms for order in requirements])
    shown = [[terms.visible_to_initiatives for terms in side] for side in sides]
    if any(map(any, shown)):
        yield _initiatives(shown, [[member.initiatives for member in side] for side in parties])


def _initiatives(
    shown: Sequence[Sequence[tuple[str, ...]]], joined: Sequence[Sequence[tuple[str, ...]]]
) -> Screen:
    names = numbered([*shown[0], *shown[1]])
    seller_shows, buyer_shows = bit_words(shown[0], names), bit_words(shown[1], names)
    seller_joined, buyer_joined = bit_words(joined[0], names), bit_words(joined[1], names)
    seller_open = np.array([not codes for codes in shown[0]], dtype=np.bool_)
    buyer_open = np.array([not codes for codes in shown[1]], dtype=np.bool_)

    def open_to_each_other(pairs: Candidates) -> Mask:
        seller, buyer = pairs.supply, pairs.requirement
        to_buyer = seller_open[seller] | share_a_bit(seller_shows, seller, buyer_joined, buyer)
        to_seller = buyer_open[buyer] | share_a_bit(buyer_shows, buyer, seller_joined, seller)
        return to_buyer & to_seller

    return open_to_each_other


def _terms(supplies: Supplies, requirements: Requirements) -> Iterator[Screen]:
    """Of one horizon, so index and start year agree already."""
    left = [each.term for each in supplies.terms]
    right = [order.terms.term for order in requirements]
    sold, bought = [term for term in left if term is not None], [term for term in right if term is not None]
    if len(sold) < len(left) or len(bought) < len(right) or not sold or not bought:
        return
    periods = Codes()
    years = max(len(term.profile_ppb) for term in (*sold, *bought))
    seller_period = periods.of([(term.quotation_period, len(term.profile_ppb)) for term in sold])
    buyer_period = periods.of([(term.quotation_period, len(term.profile_ppb)) for term in bought])
    padding = (0,) * years
    seller_profile = np.array([(term.profile_ppb + padding)[:years] for term in sold], dtype=np.int64)
    buyer_profile = np.array([(term.profile_ppb + padding)[:years] for term in bought], dtype=np.int64)
    seller_tolerance = int64s([term.profile_tolerance_ppb for term in sold], len(sold))
    buyer_tolerance = int64s([term.profile_tolerance_ppb for term in bought], len(bought))
    floor = int64s([_floor(term.floor_ueur_per_kg) for term in sold], len(sold))
    accepted = int64s([_floor(term.floor_ueur_per_kg) for term in bought], len(bought))

    def agree(pairs: Candidates) -> Mask:
        seller, buyer = pairs.supply, pairs.requirement
        tolerated = np.minimum(seller_tolerance[seller], buyer_tolerance[buyer])
        found: Mask = (seller_period[seller] == buyer_period[buyer]) & (accepted[buyer] >= floor[seller])
        for year in range(years):
            found &= np.abs(seller_profile[seller, year] - buyer_profile[buyer, year]) <= tolerated
        return found

    yield agree


def _floor(ueur_per_kg: int | None) -> int:
    return -BEYOND if ueur_per_kg is None else ueur_per_kg


def _commercial(supplies: Supplies, requirements: Requirements) -> Iterator[Screen]:
    """Parcels and credit; carriage is part of the way."""
    buyers = len(requirements)
    seller_parcel, seller_most = supplies.parcel_g, supplies.available_g
    buyer_parcel = int64s([order.terms.minimum_parcel_g for order in requirements], buyers)
    buyer_most = int64s([order.available_g for order in requirements], buyers)
    paid_for = int64s(map(_paid_for_g, requirements), buyers)

    def parcel_fits(pairs: Candidates) -> Mask:
        seller, buyer = pairs.supply, pairs.requirement
        parcel = np.maximum(seller_parcel.take(seller), buyer_parcel.take(buyer))
        most = np.minimum(seller_most.take(seller), buyer_most.take(buyer))
        return (parcel <= most) & (np.maximum(parcel, 1) <= paid_for.take(buyer))

    yield parcel_fits


def _paid_for_g(order: RequirementOrder) -> int:
    """The largest parcel that the order's credit pays for at its limit."""
    terms = order.terms
    limit = terms.limit.ueur_per_kg
    if terms.payment != "credit" or terms.term is not None or limit <= 0:
        return BEYOND
    return min(BEYOND, (terms.credit_limit_cents_eur or 0) * MICRO_G_PER_KG_PER_CENT // limit)


def _provenance(supplies: Supplies, requirements: Requirements, rule_set: RuleSet) -> Iterator[Screen]:
    excluded = [order.terms.origins_excluded for order in requirements]
    if any(excluded):
        countries = numbered(excluded)
        origins = bit_words([{step.country for step in steps} for steps in supplies.origin], countries)
        barred = bit_words(excluded, countries)
        yield lambda pairs: ~share_a_bit(origins, pairs.supply, barred, pairs.requirement)
        if asks_for_stages(rule_set):
            unstated = unstated_stages(supplies, rule_set)
            excludes = np.array([bool(each) for each in excluded], dtype=np.bool_)
            yield lambda pairs: ~(unstated[pairs.supply] & excludes[pairs.requirement])
    ahead = np.array([each.forecast is not UNSET for each in supplies.terms], dtype=np.bool_)
    if ahead.any():
        taken_ahead = np.array(
            [order.terms.forecast_supply == "accepted" for order in requirements], dtype=np.bool_
        )
        yield lambda pairs: ~ahead[pairs.supply] | taken_ahead[pairs.requirement]
    least = [order.terms.recycled_min_ppb for order in requirements]
    most = [order.terms.recycled_max_ppb for order in requirements]
    if any(least) or any(each is not None for each in most):
        wanted = int64s([each or 0 for each in least], len(least))
        taken = int64s([BEYOND if each is None else each for each in most], len(most))
        recycled = supplies.post_consumer_ppb + supplies.pre_consumer_ppb
        yield (
            lambda pairs: (
                (recycled.take(pairs.supply) >= wanted.take(pairs.requirement))
                & (recycled.take(pairs.supply) <= taken.take(pairs.requirement))
            )
        )


def asked_analytes(requirements: Requirements) -> dict[str, None]:
    """Analytes for which a pair needs figures, in the order of their first use."""
    limited = (limit.analyte for order in requirements for limit in order.terms.limits)
    penalised = (rule.analyte for order in requirements for rule in order.terms.penalties)
    return dict.fromkeys(limited) | dict.fromkeys(penalised)


def _analytes(requirements: Requirements, assays: AssayColumns) -> Iterator[Screen]:
    row, lists = assays.row, [order.terms.limits for order in requirements]
    limits = list(chain.from_iterable(lists))
    bounds = Slots(
        int64s(map(len, lists), len(lists)),
        (
            int64s([row[limit.analyte] for limit in limits], len(limits)),
            int64s([0 if limit.min_ppb is None else limit.min_ppb for limit in limits], len(limits)),
            int64s([BEYOND - 1 if limit.max_ppb is None else limit.max_ppb for limit in limits], len(limits)),
        ),
    )
    penalised = [[(row[rule.analyte],) for rule in order.terms.penalties] for order in requirements]
    measured = Slots.of_lists(penalised, 1)
    low, high = assays.low_ppb, assays.high_ppb

    def within(pairs: Candidates) -> Mask:
        found = np.ones(len(pairs), dtype=np.bool_)
        for places, (row, least, most) in bounds.of(pairs.requirement):
            supply = pairs.supply[places]
            found[places] &= (cells(high, row, supply) <= most) & (cells(low, row, supply) >= least)
        for places, (row,) in measured.of(pairs.requirement):
            found[places] &= cells(low, row, pairs.supply[places]) != NO_FIGURE
        return found

    if len(bounds) or len(measured):
        yield within


def _purity(supplies: Supplies, requirements: Requirements) -> Iterator[Screen]:
    floors = [order.terms.purity for order in requirements]
    if not any(floors):
        return
    asked = list(dict.fromkeys(floor.elements for floor in floors if floor is not None))
    place = {elements: index for index, elements in enumerate(asked)}
    wanted = int64s([0 if floor is None else place[floor.elements] for floor in floors], len(floors))
    least = int64s([NO_FIGURE if floor is None else floor.min_ppb for floor in floors], len(floors))
    compositions = [each.composition for each in supplies.terms]
    share = np.array(
        [[purity_or_no_figure(each, elements) for each in compositions] for elements in asked], dtype=np.int64
    )
    yield (
        lambda pairs: (
            cells(share, wanted.take(pairs.requirement), pairs.supply) >= least.take(pairs.requirement)
        )
    )


def _activities(supplies: Supplies, requirements: Requirements) -> Iterator[Screen]:
    thorium = [order.terms.th_max_mbq_per_g for order in requirements]
    if any(each is not None for each in thorium):
        yield _activity(thorium, [each.assay.th_mbq_per_g for each in supplies.terms])
    uranium = [order.terms.u_max_mbq_per_g for order in requirements]
    if any(each is not None for each in uranium):
        yield _activity(uranium, [each.assay.u_mbq_per_g for each in supplies.terms])


def _activity(allowed: Sequence[int | None], measured: Sequence[int | None]) -> Screen:
    most = int64s([BEYOND if each is None else each for each in allowed], len(allowed))
    found = int64s([BEYOND if each is None else each for each in measured], len(measured))
    return lambda pairs: found.take(pairs.supply) <= most.take(pairs.requirement)


def _qualification(supplies: Supplies, requirements: Requirements, facts: MarketFacts) -> Iterator[Screen]:
    asked = [QUALIFICATION_LADDER.index(order.terms.qualification_min) for order in requirements]
    if not any(asked):
        return
    least = np.array(asked, dtype=np.int64)
    sites, buyers = Codes(), Codes()
    sold = supplies.orders
    site = sites.of([f"{order.organisation}/{order.terms.facility}/{order.terms.form}" for order in sold])
    buyer = buyers.of([str(order.organisation) for order in requirements])
    width = len(sites.known)
    levels: dict[int, int] = {}
    for key, level in facts.inputs.qualifications.items():
        of_buyer, _, of_site = key.partition("/")
        if of_buyer in buyers.known and of_site in sites.known:
            place = buyers.known[of_buyer] * width + sites.known[of_site]
            levels[place] = QUALIFICATION_LADDER.index(level)

    reached = Lookup(levels, 0)

    def qualified(pairs: Candidates) -> Mask:
        found: Mask = (
            reached.of(buyer[pairs.requirement] * width + site[pairs.supply]) >= least[pairs.requirement]
        )
        return found

    yield qualified
