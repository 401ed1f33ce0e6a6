"""Eligibility: all reasons against a pair, with their figures; prices are not considered here."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from msgspec import UNSET, UnsetType

from contracts.rules.price_terms import MICRO_G_PER_KG_PER_CENT, stages_unstated, step_text
from events.fractions import ppb_text
from events.market_terms import Carriage, Member, RequirementTerms, RuleSet, SupplyTerms
from events.vocabulary import (
    MICRO,
    PPB,
    QUALIFICATION_LADDER,
    MarketBasis,
    Period,
    TermHorizon,
)
from market.rules.book import Book, RequirementOrder, SupplyOrder
from market.rules.clearing.delivery_papers import paper_reasons
from market.rules.clearing.material_reasons import material_reasons
from market.rules.full_origins import origin_of, steps_before
from market.rules.market_inputs import MarketInputs, qualification_key
from market.rules.orders.forecast_supply import forecast_reasons
from market.rules.orders.horizons import contract_years
from market.rules.orders.rex import route_reasons
from market.rules.orders.whole_magnets import magnet_reasons
from market.rules.policy_lines import stating
from market.rules.refusing.ineligibility import (
    Ineligibility,
    day_text,
    eur_per_kg_text,
    kg_text,
    period_text,
)
from market.rules.reliability import resting


@dataclass(frozen=True, slots=True)
class MarketFacts:
    """The facts of a market's lane by which pairs are judged, at one moment.

    `resting`: organisations whose orders subject to confirmation are not eligible at that moment.
    """

    basis: MarketBasis
    members: Mapping[UUID, Member]
    suspended: AbstractSet[UUID]
    inputs: MarketInputs
    rule_set: RuleSet
    at: datetime
    umpire: str | UnsetType = UNSET
    resting: AbstractSet[UUID] = frozenset()


class Delivery(NamedTuple):
    """`tranche` of the supply, delivered within `period`; papers have to be valid until `papers_until`.

    That is the end of delivery; for a term order the end of its first contract year, since papers are
    renewed.
    """

    tranche: int
    period: Period
    papers_until: datetime


def facts_of(book: Book, rule_set: RuleSet, at: datetime) -> MarketFacts:
    return MarketFacts(
        basis=book.terms.basis,
        members=book.members,
        suspended=book.suspended,
        inputs=book.inputs,
        rule_set=rule_set,
        at=at,
        umpire=book.terms.umpire,
        resting=resting(book, rule_set, at),
    )


def rests(order: SupplyOrder | RequirementOrder, facts: MarketFacts) -> bool:
    """Whether an order is ineligible because it is subject to confirmation and its owner had too many
    failings."""
    return order.organisation in facts.resting and order.terms.commitment != "firm"


def reasons(
    supply: SupplyOrder, requirement: RequirementOrder, facts: MarketFacts
) -> tuple[Ineligibility, ...]:
    """All reasons against the pair, for the tranche with the fewest; empty when some tranche is eligible.

    A private exclusion gives only `not_available`, and so does a membership that is not active.
    """
    if not _available(supply, requirement, facts):
        return (Ineligibility(code="not_available"),)
    own = tuple(_pair_reasons(supply, requirement, facts))
    possible = _deliveries_left(supply, requirement, facts.at)
    if not possible:
        window = requirement.terms.window
        papers = _papers(supply, requirement, facts, Delivery(0, window, window.end))
        return (*own, *_window_reasons(supply, requirement.terms), *papers)
    return (*own, *min((_papers(supply, requirement, facts, each) for each in possible), key=len))


def eligible_deliveries(
    supply: SupplyOrder, requirement: RequirementOrder, facts: MarketFacts
) -> tuple[Delivery, ...]:
    """The eligible tranches, in order; consistent with `reasons`."""
    possible = _deliveries_left(supply, requirement, facts.at)
    if not possible or not _available(supply, requirement, facts):
        return ()
    if next(_pair_reasons(supply, requirement, facts), None) is not None:
        return ()
    return tuple(delivery for delivery in possible if not _papers(supply, requirement, facts, delivery))


def deliveries(supply: SupplyTerms, requirement: RequirementTerms, at: datetime) -> tuple[Delivery, ...]:
    """The tranches whose overlap with the window, from now on, is at least `overlap_min_days` long."""
    if supply.term is not None and requirement.term is not None:
        years = contract_years(supply.term)
        return (Delivery(0, years, years.start.replace(year=years.start.year + 1)),)
    least = timedelta(days=requirement.overlap_min_days)
    first, last = max(requirement.window.start, at), requirement.window.end
    found = []
    for index, tranche in enumerate(supply.tranches):
        start, end = max(tranche.window.start, first), min(tranche.window.end, last)
        if start < end and end - start >= least:
            found.append(Delivery(index, Period(start=start, end=end), end))
    return tuple(found)


def _deliveries_left(
    supply: SupplyOrder, requirement: RequirementOrder, at: datetime
) -> tuple[Delivery, ...]:
    """The deliveries without tranches that are wholly held or sold; a term order has no tranches of its
    own."""
    found = deliveries(supply.terms, requirement.terms, at)
    if not supply.tranche_committed_g or supply.terms.term is not None:
        return found
    left_g = supply.tranche_left_g
    return tuple(delivery for delivery in found if left_g[delivery.tranche] > 0)


def carriage_row(supply: SupplyTerms, requirement: RequirementTerms) -> Carriage | None:
    """The buyer's carriage row for the country of the seller's named place."""
    for row in requirement.carriage:
        if row.country == supply.place.country:
            return row
    return None


def _available(supply: SupplyOrder, requirement: RequirementOrder, facts: MarketFacts) -> bool:
    seller, buyer = supply.organisation, requirement.organisation
    known = seller in facts.members and buyer in facts.members
    suspended = seller in facts.suspended or buyer in facts.suspended
    standing = known and not suspended and not rests(supply, facts) and not rests(requirement, facts)
    return standing and seller not in requirement.terms.organisations_excluded


def _papers(
    supply: SupplyOrder, requirement: RequirementOrder, facts: MarketFacts, delivery: Delivery
) -> tuple[Ineligibility, ...]:
    seller, buyer = facts.members[supply.organisation], facts.members[requirement.organisation]
    return tuple(
        paper_reasons(
            supply.terms, requirement.terms, seller, buyer, facts.rule_set, facts.at, delivery.papers_until
        )
    )


def _pair_reasons(
    supply: SupplyOrder, requirement: RequirementOrder, facts: MarketFacts
) -> Iterator[Ineligibility]:
    seller, buyer = facts.members[supply.organisation], facts.members[requirement.organisation]
    yield from _horizon_reasons(supply.terms, requirement.terms)
    if all(accepted.form != supply.terms.form for accepted in requirement.terms.forms):
        yield Ineligibility(code="form_not_accepted", subject=supply.terms.form)
    yield from _party_reasons(supply, requirement, seller, buyer, facts.at)
    yield from material_reasons(supply.terms, requirement.terms, facts.basis)
    yield from _provenance_reasons(supply.terms, requirement.terms, facts.rule_set)
    yield from forecast_reasons(supply.terms, requirement.terms)
    yield from _qualification_reasons(supply, requirement, facts)
    yield from _commercial_reasons(supply, requirement)
    yield from route_reasons(supply.terms, requirement.terms, facts.rule_set)
    yield from magnet_reasons(supply.terms, requirement.terms)


def _horizon_reasons(supply: SupplyTerms, requirement: RequirementTerms) -> Iterator[Ineligibility]:
    left, right = supply.term, requirement.term
    if left is None or right is None:
        if left is not right:
            yield Ineligibility(
                code="horizon_differs",
                seller_figure=_horizon_text(left),
                relation="≠",
                buyer_figure=_horizon_text(right),
            )
        return
    if (left.index, left.start_year) != (right.index, right.start_year):
        figures = _horizon_text(left), _horizon_text(right)
        yield Ineligibility(
            code="horizon_differs", seller_figure=figures[0], relation="≠", buyer_figure=figures[1]
        )
        return
    if left.quotation_period != right.quotation_period:
        yield Ineligibility(
            code="profile_incompatible",
            subject="quotation_period",
            seller_figure=left.quotation_period,
            relation="≠",
            buyer_figure=right.quotation_period,
        )
    yield from _profile_reasons(left, right)


def _profile_reasons(left: TermHorizon, right: TermHorizon) -> Iterator[Ineligibility]:
    if len(left.profile_ppb) != len(right.profile_ppb):
        yield Ineligibility(
            code="profile_incompatible",
            subject="years",
            seller_figure=str(len(left.profile_ppb)),
            relation="≠",
            buyer_figure=str(len(right.profile_ppb)),
        )
    tolerated = min(left.profile_tolerance_ppb, right.profile_tolerance_ppb)
    for year, (sold, bought) in enumerate(zip(left.profile_ppb, right.profile_ppb, strict=False)):
        if abs(sold - bought) > tolerated:
            yield Ineligibility(
                code="profile_incompatible",
                subject=str(left.start_year + year),
                seller_figure=ppb_text(sold),
                relation="≠",
                buyer_figure=ppb_text(bought),
            )
    floor, accepted = left.floor_ueur_per_kg, right.floor_ueur_per_kg
    if floor is not None and (accepted is None or accepted < floor):
        yield Ineligibility(
            code="profile_incompatible",
            subject="floor",
            seller_figure=eur_per_kg_text(floor),
            relation=">",
            buyer_figure="none" if accepted is None else eur_per_kg_text(accepted),
            compares_price_of=() if accepted is None else ("seller", "buyer"),
        )


def _window_reasons(supply: SupplyOrder, requirement: RequirementTerms) -> Iterator[Ineligibility]:
    terms = supply.terms
    if (terms.term is None) == (requirement.term is None):
        left = zip(terms.tranches, supply.tranche_left_g, strict=True)
        yield Ineligibility(
            code="window_disjoint",
            seller_figure=", ".join(period_text(tranche.window) for tranche, left_g in left if left_g),
            relation="against",
            buyer_figure=f"{period_text(requirement.window)}, {requirement.overlap_min_days} d at least",
        )


def _party_reasons(
    supply: SupplyOrder, requirement: RequirementOrder, seller: Member, buyer: Member, at: datetime
) -> Iterator[Ineligibility]:
    if seller.organisation == buyer.organisation or seller.group == buyer.group:
        yield Ineligibility(code="same_group")
    shown_to, wanted_from = supply.terms.visible_to_initiatives, requirement.terms.visible_to_initiatives
    closed_by_seller = bool(shown_to) and not set(shown_to) & set(buyer.initiatives)
    closed_by_buyer = bool(wanted_from) and not set(wanted_from) & set(seller.initiatives)
    if closed_by_seller or closed_by_buyer:
        yield Ineligibility(
            code="initiative_closed",
            seller_figure=", ".join(shown_to) or None,
            buyer_figure=", ".join(wanted_from) or None,
        )
    expired = [member.sanctions_screened_until < at for member in (seller, buyer)]
    if any(expired):
        yield Ineligibility(
            code="sanctions_screening_expired",
            seller_figure=day_text(seller.sanctions_screened_until) if expired[0] else None,
            buyer_figure=day_text(buyer.sanctions_screened_until) if expired[1] else None,
        )


def _provenance_reasons(
    supply: SupplyTerms, requirement: RequirementTerms, rule_set: RuleSet
) -> Iterator[Ineligibility]:
    yield from _origin_reasons(supply, requirement, rule_set)
    stated = supply.recycled
    share = 0 if stated is None else stated.post_consumer_ppb + stated.pre_consumer_ppb
    if requirement.recycled_min_ppb is not None and share < requirement.recycled_min_ppb:
        yield Ineligibility(
            code="recycled_below_min",
            seller_figure="not stated" if stated is None else ppb_text(share),
            relation="<",
            buyer_figure=ppb_text(requirement.recycled_min_ppb),
            policies=stating(requirement, "recycled_min"),
        )
    if requirement.recycled_max_ppb is not None and share > requirement.recycled_max_ppb:
        yield Ineligibility(
            code="recycled_above_max",
            seller_figure=ppb_text(share),
            relation=">",
            buyer_figure=ppb_text(requirement.recycled_max_ppb),
        )
    if supply.export_licence == "pending":
        yield Ineligibility(code="export_licence_pending")


def _origin_reasons(
    supply: SupplyTerms, requirement: RequirementTerms, rule_set: RuleSet
) -> Iterator[Ineligibility]:
    """Reasons because of origin; for an earlier step of a stage, with the share of the lot that went through
    it, as its passport states."""
    excluded = set(requirement.origins_excluded)
    stated = {step.country for step in supply.origin}
    for country in sorted(stated & excluded):
        policies = stating(requirement, "origins_excluded", country)
        yield Ineligibility(code="origin_excluded", subject=country, policies=policies)
    before = steps_before(supply, rule_set)
    for step in before:
        if step.country in excluded - stated:
            yield Ineligibility(
                code="origin_step_excluded",
                subject=step_text(step),
                seller_figure=_share_text(step.share_ppm),
                policies=stating(requirement, "origins_excluded", step.country),
            )
    if not excluded:
        return
    missing = stages_unstated(supply.form, origin_of(supply, rule_set), supply.recycled, rule_set)
    if missing:
        yield Ineligibility(code="origin_unstated", subject=", ".join(missing))
    for step in before:
        if step.country is None:
            yield Ineligibility(
                code="origin_step_untold", subject=step.stage, seller_figure=_share_text(step.share_ppm)
            )


def _share_text(share_ppm: int) -> str:
    return ppb_text(share_ppm * (PPB // MICRO))


def _qualification_reasons(
    supply: SupplyOrder, requirement: RequirementOrder, facts: MarketFacts
) -> Iterator[Ineligibility]:
    asked = requirement.terms.qualification_min
    if asked == QUALIFICATION_LADDER[0]:
        return
    key = qualification_key(
        requirement.organisation, supply.organisation, supply.terms.facility, supply.terms.form
    )
    level = facts.inputs.qualifications.get(key, "none")
    if QUALIFICATION_LADDER.index(level) < QUALIFICATION_LADDER.index(asked):
        yield Ineligibility(code="not_qualified", seller_figure=level, relation="<", buyer_figure=asked)


def _commercial_reasons(supply: SupplyOrder, requirement: RequirementOrder) -> Iterator[Ineligibility]:
    sold, bought = supply.terms, requirement.terms
    if carriage_row(sold, bought) is None and sold.place.country != bought.place.country:
        yield Ineligibility(code="carriage_not_stated", subject=sold.place.country)
    parcel_g = max(seller_parcel_g(sold), bought.minimum_parcel_g)
    left_g = min(supply.available_g, requirement.available_g)
    if parcel_g > left_g:
        yield Ineligibility(
            code="parcel_too_large",
            subject="offer" if seller_parcel_g(sold) > left_g else "requirement",
            seller_figure=_parcel_text(seller_parcel_g(sold), supply.available_g),
            relation="against",
            buyer_figure=_parcel_text(bought.minimum_parcel_g, requirement.available_g),
        )
    if bought.payment == "credit" and bought.term is None:
        credit_cents = bought.credit_limit_cents_eur or 0
        least_ueur_g_per_kg = max(parcel_g, 1) * bought.limit.ueur_per_kg
        if credit_cents * MICRO_G_PER_KG_PER_CENT < least_ueur_g_per_kg:
            yield Ineligibility(
                code="credit_exceeded",
                seller_figure=kg_text(seller_parcel_g(sold)),
                relation="against",
                buyer_figure=f"{credit_cents // 100}.{credit_cents % 100:02d} EUR",
                compares_price_of=("buyer",),
            )


def seller_parcel_g(supply: SupplyTerms) -> int:
    """The seller's minimum parcel in grams of basis, rounded up."""
    return -(-supply.minimum_parcel_wet_g * supply.basis_g // supply.net_wet_g)


def _parcel_text(parcel_g: int, left_g: int) -> str:
    return f"parcel {kg_text(parcel_g)}, left {kg_text(left_g)}"


def _horizon_text(term: TermHorizon | None) -> str:
    return "spot" if term is None else f"{term.index} from {term.start_year}"
