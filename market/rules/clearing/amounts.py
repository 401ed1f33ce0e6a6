"""What a buyer's bid adds to its limit for one supply: T, term by term, in micro-EUR per kg of basis.

Every term is the buyer's own bid, rounded down once: nobody pays a part of a micro-EUR that it did not bid.
Here are only the amounts, for every pair of a round; `pricing` explains where they come from. The formulas
shared with agreements are in `contracts.rules.price_terms`.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

from contracts.rules.price_terms import (
    MICRO_G_PER_KG_PER_CENT,
    benchmark_for,
    carbon_ueur,
    certificates_paid,
    clamped,
    co_product_ueur,
    footprint_defect,
    listed_origins,
    origin_ueur,
    penalty_steps,
    recycled_ueur,
    rex_ueur,
)
from events.market_terms import CoProductBid, SustainabilityProfile
from events.vocabulary import BASIS_ELEMENTS, INTEGER_MAX, OriginStep, ValueChainStage
from market.rules.book import RequirementOrder, SupplyOrder
from market.rules.clearing.delivery_papers import certified
from market.rules.clearing.eligibility import Delivery, MarketFacts, carriage_row
from market.rules.clearing.readings import Reading, reading_of
from market.rules.full_origins import open_stages, origin_of
from market.rules.quantities import EUR, fx_for
from market.rules.references import is_price_of, reference_ueur_per_kg
from market.rules.refusing.ineligibility import Ineligibility

VALUE_UEUR_PER_KG_MAX = 10**12
AMOUNT_UEUR_G_PER_KG_MAX = INTEGER_MAX * MICRO_G_PER_KG_PER_CENT


class Amounts(NamedTuple):
    """The terms of an eligible pair in the order of a waterfall; their sum is T.

    The parts of S from `carbon` to `rex` have a common minimum and maximum, and `sustainability` is what
    these add or subtract; `strategic_project` is a part without maximum.
    """

    form: int
    co_product: int
    carbon: int
    recycled: int
    certificates: int
    origin: int
    rex: int
    sustainability: int
    strategic_project: int
    penalties: int
    logistics: int

    @property
    def sustainability_total(self) -> int:
        """S, with minimum and maximum applied."""
        clamped = self.carbon + self.recycled + self.certificates + self.origin + self.rex
        return clamped + self.sustainability + self.strategic_project


def amounts(
    supply: SupplyOrder, requirement: RequirementOrder, facts: MarketFacts, delivery: Delivery
) -> Amounts:
    """The terms of a pair. ValueError for a pair that cannot be eligible: a form that is not accepted, a
    supply without basis."""
    reading = reading_of(supply.terms, facts.basis)
    profile = profile_of(requirement, facts)
    carbon = _carbon_ueur(supply, profile, reading, facts, delivery)
    held = certificates_held(supply, facts, delivery)
    certificates = sum(worth for _, worth, _ in certificates_paid(profile, facts.rule_set, held))
    listed = concentrated_origins(supply, facts) if profile.concentrated_origin_deduction_ueur_per_kg else ()
    unstated = unstated_of(supply, facts)
    steps = origin_of(supply.terms, facts.rule_set)
    origin = origin_ueur(steps, listed, profile, facts.rule_set, unstated)
    recycled, rex, clamp = clamped(
        profile,
        facts.rule_set,
        others=carbon + certificates + origin,
        recycled=recycled_ueur(supply.terms.recycled, profile),
        rex=rex_ueur(requirement.terms.rex_route, supply.terms.rex_routes, profile),
    )
    penalties = penalty_steps(requirement.terms.penalties, most_of(reading))
    return Amounts(
        form=form_ueur(supply, requirement),
        co_product=co_product_total(requirement, reading, facts),
        carbon=carbon,
        recycled=recycled,
        certificates=certificates,
        origin=origin,
        rex=rex,
        sustainability=clamp,
        strategic_project=strategic_project_ueur(supply, requirement, facts),
        penalties=-sum(worth for _, _, worth in penalties),
        logistics=logistics_ueur(supply, requirement, reading),
    )


def price_pair(
    supply: SupplyOrder, requirement: RequirementOrder, facts: MarketFacts, delivery: Delivery
) -> tuple[Amounts, int, int] | Ineligibility:
    """Amounts, T and value of an eligible pair, or `value_out_of_range` above the bounds of a round."""
    bid = amounts(supply, requirement, facts, delivery)
    term_total = sum(bid)
    worth = requirement.terms.limit.ueur_per_kg + term_total
    ask = supply.terms.ask.ueur_per_kg
    largest = max(abs(worth - ask), *map(abs, bid))
    quantity_g = min(supply.terms.basis_g, requirement.terms.basis_g)
    amount = quantity_g * max(abs(worth), abs(ask))
    if largest > VALUE_UEUR_PER_KG_MAX or amount > AMOUNT_UEUR_G_PER_KG_MAX:
        return Ineligibility(code="value_out_of_range", compares_price_of=("seller", "buyer"))
    return bid, term_total, worth - ask


def profile_of(requirement: RequirementOrder, facts: MarketFacts) -> SustainabilityProfile:
    return requirement.terms.profile or facts.rule_set.default_profile


def form_ueur(supply: SupplyOrder, requirement: RequirementOrder) -> int:
    for accepted in requirement.terms.forms:
        if accepted.form == supply.terms.form:
            return accepted.differential_ueur_per_kg
    raise ValueError(f"the form {supply.terms.form} is not accepted: an eligible pair was expected")


def co_product_total(requirement: RequirementOrder, reading: Reading, facts: MarketFacts) -> int:
    bids = [bid for bid in requirement.terms.co_products if bid.analyte not in BASIS_ELEMENTS[facts.basis]]
    return co_product_ueur(bids, reading.ratio_ppb, lambda bid: co_product_price(bid, facts))


def co_product_price(bid: CoProductBid, facts: MarketFacts) -> Fraction | int | None:
    """Micro-EUR per kg of element: the bid's own price, else its reference's; None if there is none."""
    if bid.price_ueur_per_kg is not None:
        return bid.price_ueur_per_kg
    recorded = facts.inputs.references.get(bid.reference_code or "")
    if recorded is None or not is_price_of(recorded.value, bid.analyte):
        return None
    currency = recorded.value.price.currency
    fx = fx_for(facts.inputs, currency)
    return None if fx is None and currency != EUR else reference_ueur_per_kg(recorded.value, fx)


def _carbon_ueur(
    supply: SupplyOrder,
    profile: SustainabilityProfile,
    reading: Reading,
    facts: MarketFacts,
    delivery: Delivery,
) -> int:
    if profile.carbon_cents_per_t == 0:
        return 0
    benchmark = benchmark_for(supply.terms.form, facts.rule_set)
    kg = None if benchmark is None else reading.kg_per_basis_kg[benchmark.declared_unit]
    defect = footprint_defect(supply.terms.footprint, benchmark, delivery.papers_until)
    return carbon_ueur(profile, facts.rule_set, benchmark, kg, None if defect else supply.terms.footprint)


def certificates_held(
    supply: SupplyOrder, facts: MarketFacts, delivery: Delivery
) -> Callable[[str], tuple[str, ...]]:
    """Scheme → certificates of the supply's site, and its passport, that are valid to the end of delivery."""

    def held(scheme: str) -> tuple[str, ...]:
        seller = facts.members[supply.organisation]
        return certified(supply.terms, seller, scheme, facts.at, delivery.papers_until)

    return held


def concentrated_origins(supply: SupplyOrder, facts: MarketFacts) -> tuple[str, ...]:
    """Listed countries through which it went, or may have gone in a stage that is not stated."""
    if facts.inputs.concentrated is not None and unstated_of(supply, facts):
        return tuple(sorted(facts.inputs.concentrated.countries))
    return concentrated_steps(origin_of(supply.terms, facts.rule_set), facts)


def unstated_of(supply: SupplyOrder, facts: MarketFacts) -> tuple[ValueChainStage, ...]:
    return open_stages(supply.terms, facts.rule_set)


def concentrated_steps(steps: Sequence[OriginStep], facts: MarketFacts) -> tuple[str, ...]:
    listed = facts.inputs.concentrated
    return () if listed is None else listed_origins(steps, listed.countries)


def is_strategic(supply: SupplyOrder, facts: MarketFacts) -> bool:
    """Whether the supply's site is a strategic project of Regulation (EU) 2024/1252, by the register."""
    site = supply.terms.facility
    return any(
        known.facility == site and known.strategic_project
        for known in facts.members[supply.organisation].facilities
    )


def strategic_project_ueur(supply: SupplyOrder, requirement: RequirementOrder, facts: MarketFacts) -> int:
    bid = requirement.terms.strategic_project_ueur_per_kg
    return bid if bid and is_strategic(supply, facts) else 0


def most_of(reading: Reading) -> Callable[[str], int]:
    """Analyte → the highest possible share in the dry sample, ppb. KeyError for an analyte without a
    figure."""
    return lambda analyte: reading.analytes[analyte].high_ppb


def logistics_ueur(supply: SupplyOrder, requirement: RequirementOrder, reading: Reading) -> int:
    row = carriage_row(supply.terms, requirement.terms)
    if row is None:
        return 0
    if row.per == "basis":
        return -row.ueur_per_kg
    kg = reading.kg_per_basis_kg["wet"]
    if kg is None:
        raise ValueError("the supply carries no basis: an eligible pair was expected")
    return -row.ueur_per_kg * kg.numerator // kg.denominator
