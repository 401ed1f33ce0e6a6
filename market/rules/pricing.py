"""The waterfall of a pair: each term of T with its rule, its inputs, its evidence, and why it is nothing.

The formulas themselves are in `amounts`.
"""

from collections.abc import Iterable

from events.clearing_terms import PriceTerm
from events.market_terms import CoProductBid, SustainabilityProfile
from events.vocabulary import BASIS_ELEMENTS, PPB
from market.rules.amounts import (
    amounts,
    certificates_paid,
    co_product_price,
    concentrated_origins,
    effective_g_ppb,
    penalty_steps,
    profile_of,
    recycled_ueur,
    rex_ueur,
)
from market.rules.book import RequirementOrder, SupplyOrder
from market.rules.delivery_papers import benchmark_for, footprint_defect
from market.rules.eligibility import Delivery, MarketFacts, carriage_row
from market.rules.quantities import fx_for, round_to
from market.rules.readings import Reading, reading_of

SUSTAINABILITY_KINDS = frozenset({"carbon", "recycled", "certificates", "origin", "rex", "sustainability"})


def price_terms(
    supply: SupplyOrder, requirement: RequirementOrder, facts: MarketFacts, delivery: Delivery
) -> tuple[PriceTerm, ...]:
    """All terms of an eligible pair, in the order of a waterfall; their sum is T.

    Between `carbon` and `rex` stand the parts of S; `sustainability` is what its floor and cap add or take.
    """
    found = amounts(supply, requirement, facts, delivery)
    reading = reading_of(supply.terms, facts.basis)
    profile = profile_of(requirement, facts)
    wanted = found.sustainability_total - found.sustainability
    return (
        PriceTerm(kind="form", rule="form.1", ueur_per_kg=found.form, inputs={"form": supply.terms.form}),
        _co_products(found.co_product, requirement, reading, facts),
        _carbon(found.carbon, supply, profile, reading, facts, delivery),
        _recycled(found.recycled, supply, profile),
        _certificates(found.certificates, supply, profile, facts, delivery),
        _origin(found.origin, supply, facts),
        _rex(found.rex, supply, requirement, profile),
        _clamp(found.sustainability, wanted, profile),
        _penalties(found.penalties, requirement, reading),
        _logistics(found.logistics, supply, requirement),
    )


def total(terms: Iterable[PriceTerm]) -> int:
    """T of a waterfall."""
    return sum(term.ueur_per_kg for term in terms)


def sustainability(terms: Iterable[PriceTerm]) -> int:
    """S of a waterfall, floor and cap applied."""
    return sum(term.ueur_per_kg for term in terms if term.kind in SUSTAINABILITY_KINDS)


def _co_products(
    ueur_per_kg: int, requirement: RequirementOrder, reading: Reading, facts: MarketFacts
) -> PriceTerm:
    inputs: dict[str, str] = {}
    evidence: list[str] = []
    for bid in requirement.terms.co_products:
        if bid.analyte not in BASIS_ELEMENTS[facts.basis]:
            inputs |= _co_product_inputs(bid, reading, facts, evidence)
    return PriceTerm(
        kind="co_product",
        rule="co_product.1",
        ueur_per_kg=ueur_per_kg,
        inputs=inputs,
        evidence=tuple(evidence),
    )


def _co_product_inputs(
    bid: CoProductBid, reading: Reading, facts: MarketFacts, evidence: list[str]
) -> dict[str, str]:
    name = bid.analyte
    ratio_ppb = reading.ratio_ppb.get(name)
    if ratio_ppb is None:
        return {f"{name}_reason": "assay_missing"}
    price = co_product_price(bid, facts)
    if price is None:
        return {f"{name}_reason": "reference_missing"}
    if bid.price_ueur_per_kg is None and bid.reference_code is not None:
        recorded = facts.inputs.references[bid.reference_code]
        fx = fx_for(facts.inputs, recorded.value.price.currency)
        evidence += [f"input:{each.position}" for each in (recorded, fx) if each is not None]
    return {
        f"{name}_kg_per_basis_kg_ppb": str(ratio_ppb),
        f"{name}_max_ratio_ppb": str(bid.max_ratio_ppb),
        f"{name}_price_ueur_per_kg": str(price if isinstance(price, int) else round_to(price, "down")),
        f"{name}_payable_ppb": str(bid.payable_ppb),
    }


def _carbon(
    ueur_per_kg: int,
    supply: SupplyOrder,
    profile: SustainabilityProfile,
    reading: Reading,
    facts: MarketFacts,
    delivery: Delivery,
) -> PriceTerm:
    if profile.carbon_cents_per_t == 0:
        return PriceTerm(kind="carbon", rule="carbon.1", ueur_per_kg=ueur_per_kg)
    inputs = {"carbon_cents_per_t": str(profile.carbon_cents_per_t)}
    benchmark = benchmark_for(supply.terms, facts.rule_set)
    kg = None if benchmark is None else reading.kg_per_basis_kg[benchmark.declared_unit]
    if benchmark is None or kg is None:
        reason = "benchmark_missing"
        return PriceTerm(
            kind="carbon", rule="carbon.1", ueur_per_kg=ueur_per_kg, reason=reason, inputs=inputs
        )
    defect = footprint_defect(supply.terms, facts.rule_set, delivery.papers_until)
    footprint = supply.terms.footprint
    effective = effective_g_ppb(None if defect else footprint, benchmark, facts)
    inputs |= {
        "benchmark_g_co2e_per_kg": str(benchmark.benchmark_g_co2e_per_kg),
        "effective_g_co2e_per_kg": str(-(-effective // PPB)),
        f"kg_{benchmark.declared_unit}_per_basis_kg_ppb": str(round_to(kg * PPB, "down")),
    }
    if footprint is not None:
        inputs |= {
            "declared_g_co2e_per_kg": str(footprint.g_co2e_per_kg),
            "verified": "yes" if footprint.verified else "no",
        }
    return PriceTerm(
        kind="carbon",
        rule="carbon.1",
        ueur_per_kg=ueur_per_kg,
        reason=defect,
        inputs=inputs,
        evidence=() if defect or footprint is None else (f"footprint:{footprint.standard}",),
    )


def _recycled(ueur_per_kg: int, supply: SupplyOrder, profile: SustainabilityProfile) -> PriceTerm:
    content = supply.terms.recycled
    post, pre = (0, 0) if content is None else (content.post_consumer_ppb, content.pre_consumer_ppb)
    inputs = {
        "post_consumer_ppb": str(post),
        "post_consumer_ueur_per_kg": str(profile.post_consumer_ueur_per_kg),
        "pre_consumer_ppb": str(pre),
        "pre_consumer_ueur_per_kg": str(profile.pre_consumer_ueur_per_kg),
    }
    alone = recycled_ueur(supply, profile)
    reason = None
    if alone != ueur_per_kg:
        reason = "smaller_than_rex"
        inputs["would_be_ueur_per_kg"] = str(alone)
    return PriceTerm(
        kind="recycled", rule="recycled.1", ueur_per_kg=ueur_per_kg, reason=reason, inputs=inputs
    )


def _certificates(
    ueur_per_kg: int,
    supply: SupplyOrder,
    profile: SustainabilityProfile,
    facts: MarketFacts,
    delivery: Delivery,
) -> PriceTerm:
    paid = certificates_paid(supply, profile, facts, delivery)
    return PriceTerm(
        kind="certificates",
        rule="certificates.1",
        ueur_per_kg=ueur_per_kg,
        inputs={scheme: str(worth) for scheme, worth, _ in paid},
        evidence=tuple(f"certificate:{certificate}" for _, _, held in paid for certificate in held),
    )


def _origin(ueur_per_kg: int, supply: SupplyOrder, facts: MarketFacts) -> PriceTerm:
    inputs = {"origin": ",".join(f"{step.stage}:{step.country}" for step in supply.terms.origin)}
    concentrated = concentrated_origins(supply, facts)
    if concentrated:
        inputs["concentrated"] = ",".join(concentrated)
    position = facts.inputs.concentrated_position
    return PriceTerm(
        kind="origin",
        rule="origin.1",
        ueur_per_kg=ueur_per_kg,
        inputs=inputs,
        evidence=() if position is None else (f"input:{position}",),
    )


def _rex(
    ueur_per_kg: int, supply: SupplyOrder, requirement: RequirementOrder, profile: SustainabilityProfile
) -> PriceTerm:
    route = requirement.terms.rex_route
    if route is None:
        return PriceTerm(kind="rex", rule="rex.1", ueur_per_kg=ueur_per_kg)
    inputs: dict[str, str] = {"route": route}
    reason = None if route in supply.terms.rex_routes else "route_not_offered"
    alone = rex_ueur(supply, requirement, profile)
    if alone != ueur_per_kg:
        reason = "smaller_than_recycled"
        inputs["would_be_ueur_per_kg"] = str(alone)
    return PriceTerm(kind="rex", rule="rex.1", ueur_per_kg=ueur_per_kg, reason=reason, inputs=inputs)


def _clamp(ueur_per_kg: int, wanted: int, profile: SustainabilityProfile) -> PriceTerm:
    return PriceTerm(
        kind="sustainability",
        rule="clamp.1",
        ueur_per_kg=ueur_per_kg,
        reason=None if ueur_per_kg == 0 else "capped" if ueur_per_kg < 0 else "floored",
        inputs={
            "sum_ueur_per_kg": str(wanted),
            "floor_ueur_per_kg": str(profile.floor_ueur_per_kg),
            "cap_ueur_per_kg": str(profile.cap_ueur_per_kg),
        },
    )


def _penalties(ueur_per_kg: int, requirement: RequirementOrder, reading: Reading) -> PriceTerm:
    rules = requirement.terms.penalties
    inputs = {
        f"{rules[index].analyte}_above_{rules[index].threshold_ppb}_ppb": (
            f"{steps} × {rules[index].ueur_per_kg_per_step} ueur_per_kg"
        )
        for index, steps, _ in penalty_steps(requirement, reading)
    }
    return PriceTerm(kind="penalties", rule="penalties.1", ueur_per_kg=ueur_per_kg, inputs=inputs)


def _logistics(ueur_per_kg: int, supply: SupplyOrder, requirement: RequirementOrder) -> PriceTerm:
    inputs: dict[str, str] = {"country": supply.terms.place.country}
    row = carriage_row(supply.terms, requirement.terms)
    if row is not None:
        inputs |= {"per": row.per, "ueur_per_kg": str(row.ueur_per_kg)}
    return PriceTerm(kind="logistics", rule="logistics.1", ueur_per_kg=ueur_per_kg, inputs=inputs)
