"""What a buyer's bid adds to its limit for one supply: T, term by term, in micro-EUR per kg of basis.

Every term is the buyer's own bid, rounded down once: nobody pays a part of a micro-EUR that it did not bid.
"""

from collections.abc import Iterable
from fractions import Fraction

from events.market_terms import CoProductBid, FootprintBenchmark, PriceTerm, SustainabilityProfile
from events.vocabulary import BASIS_ELEMENTS, PPB, Denominator, Footprint
from market.rules.book import RequirementOrder, SupplyOrder
from market.rules.delivery_papers import benchmark_for, footprint_defect, valid_certificates
from market.rules.eligibility import Delivery, MarketFacts, carriage_row, material
from market.rules.quantities import (
    fx_for,
    is_price_of,
    reference_ueur_per_kg,
    round_to,
    supply_kg_per_basis_kg,
)

SUSTAINABILITY_KINDS = frozenset({"carbon", "recycled", "certificates", "origin", "rex", "sustainability"})
CENTS_G_PER_T_KG_PER_UEUR = 100
"""EUR cents per tonne × grams per kg = 10⁻² micro-EUR per kg."""


def price_terms(
    supply: SupplyOrder, requirement: RequirementOrder, facts: MarketFacts, delivery: Delivery
) -> tuple[PriceTerm, ...]:
    """All terms of an eligible pair, in the order of a waterfall; their sum is T.

    Between `carbon` and `rex` stand the parts of S; `sustainability` is what its floor and cap add or take.
    """
    profile = requirement.terms.profile or facts.rule_set.default_profile
    recycled, rex = _recycled(supply, profile), _rex(supply, requirement, profile)
    if facts.rule_set.only_larger_of_recycled_and_rex:
        recycled, rex = _only_larger(recycled, rex)
    parts = (
        _carbon(supply, facts, profile, delivery),
        recycled,
        _certificates(supply, facts, profile, delivery),
        _origin(supply, facts, profile),
        rex,
    )
    return (
        _form(supply, requirement),
        _co_products(supply, requirement, facts),
        *parts,
        _clamp(parts, profile),
        _penalties(supply, requirement),
        _logistics(supply, requirement, facts),
    )


def total(terms: Iterable[PriceTerm]) -> int:
    """T of a waterfall."""
    return sum(term.ueur_per_kg for term in terms)


def sustainability(terms: Iterable[PriceTerm]) -> int:
    """S of a waterfall, floor and cap applied."""
    return sum(term.ueur_per_kg for term in terms if term.kind in SUSTAINABILITY_KINDS)


def _form(supply: SupplyOrder, requirement: RequirementOrder) -> PriceTerm:
    for accepted in requirement.terms.forms:
        if accepted.form == supply.terms.form:
            return PriceTerm(
                kind="form",
                rule="form.1",
                ueur_per_kg=accepted.differential_ueur_per_kg,
                inputs={"form": accepted.form},
            )
    raise ValueError(f"the form {supply.terms.form} is not accepted: an eligible pair was expected")


def _per_basis(supply: SupplyOrder, per: Denominator, facts: MarketFacts) -> Fraction | None:
    terms = supply.terms
    return supply_kg_per_basis_kg(per, facts.basis, terms.moisture_ppb, terms.composition)


def _co_products(supply: SupplyOrder, requirement: RequirementOrder, facts: MarketFacts) -> PriceTerm:
    inputs: dict[str, str] = {}
    evidence: list[str] = []
    worth = Fraction(0)
    for bid in requirement.terms.co_products:
        if bid.analyte in BASIS_ELEMENTS[facts.basis]:
            continue
        worth += _co_product(supply, bid, facts, inputs, evidence)
    return PriceTerm(
        kind="co_product",
        rule="co_product.1",
        ueur_per_kg=round_to(worth, "down"),
        inputs=inputs,
        evidence=tuple(evidence),
    )


def _co_product(
    supply: SupplyOrder, bid: CoProductBid, facts: MarketFacts, inputs: dict[str, str], evidence: list[str]
) -> Fraction:
    """Micro-EUR per basis kg for one co-element; what is not measured counts nothing."""
    name = bid.analyte
    measured = material(supply.terms.composition, supply.terms.moisture_ppb).get(name)
    dry_kg = _per_basis(supply, "dry", facts)
    if measured is None or dry_kg is None:
        inputs[f"{name}_reason"] = "assay_missing"
        return Fraction(0)
    price = _co_product_price(bid, facts, evidence)
    if price is None:
        inputs[f"{name}_reason"] = "reference_missing"
        return Fraction(0)
    ratio_ppb = round_to(measured.low_ppb * dry_kg, "down")
    inputs[f"{name}_kg_per_basis_kg_ppb"] = str(ratio_ppb)
    inputs[f"{name}_max_ratio_ppb"] = str(bid.max_ratio_ppb)
    inputs[f"{name}_price_ueur_per_kg"] = str(round_to(price, "down"))
    inputs[f"{name}_payable_ppb"] = str(bid.payable_ppb)
    return Fraction(min(ratio_ppb, bid.max_ratio_ppb) * bid.payable_ppb, PPB * PPB) * price


def _co_product_price(bid: CoProductBid, facts: MarketFacts, evidence: list[str]) -> Fraction | None:
    if bid.price_ueur_per_kg is not None:
        return Fraction(bid.price_ueur_per_kg)
    recorded = facts.inputs.references.get(bid.reference_code or "")
    if recorded is None or not is_price_of(recorded.value, bid.analyte):
        return None
    currency = recorded.value.price.currency
    fx = fx_for(facts.inputs, currency)
    if fx is None and currency != "EUR":
        return None
    evidence.append(f"input:{recorded.position}")
    if fx is not None:
        evidence.append(f"input:{fx.position}")
    return reference_ueur_per_kg(recorded.value, fx)


def _carbon(
    supply: SupplyOrder, facts: MarketFacts, profile: SustainabilityProfile, delivery: Delivery
) -> PriceTerm:
    """λ · (benchmark − effective footprint); silence is priced at the worst value that may be declared."""
    benchmark = benchmark_for(supply.terms, facts.rule_set)
    if profile.carbon_cents_per_t == 0:
        return PriceTerm(kind="carbon", rule="carbon.1", ueur_per_kg=0)
    inputs = {"carbon_cents_per_t": str(profile.carbon_cents_per_t)}
    kg = None if benchmark is None else _per_basis(supply, benchmark.declared_unit, facts)
    if benchmark is None or kg is None:
        return PriceTerm(
            kind="carbon", rule="carbon.1", ueur_per_kg=0, reason="benchmark_missing", inputs=inputs
        )
    defect = footprint_defect(supply.terms, facts.rule_set, delivery.papers_until)
    footprint = supply.terms.footprint
    effective = _effective_g(None if defect else footprint, benchmark, facts)
    gain = profile.carbon_cents_per_t * (benchmark.benchmark_g_co2e_per_kg - effective) * kg
    inputs |= {
        "benchmark_g_co2e_per_kg": str(benchmark.benchmark_g_co2e_per_kg),
        "effective_g_co2e_per_kg": str(round_to(effective, "up")),
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
        ueur_per_kg=round_to(gain / CENTS_G_PER_T_KG_PER_UEUR, "down"),
        reason=defect,
        inputs=inputs,
        evidence=() if defect or footprint is None else (f"footprint:{footprint.standard}",),
    )


def _effective_g(footprint: Footprint | None, benchmark: FootprintBenchmark, facts: MarketFacts) -> Fraction:
    base = benchmark.benchmark_g_co2e_per_kg
    worst = max(benchmark.worst_g_co2e_per_kg, base)
    if footprint is None:
        return Fraction(worst)
    improvement = base - footprint.g_co2e_per_kg
    if improvement > 0 and not footprint.verified:
        return base - Fraction(improvement * facts.rule_set.self_declared_improvement_ppb, PPB)
    # a value worse than the worst costs no more than silence would
    return Fraction(min(footprint.g_co2e_per_kg, worst))


def _recycled(supply: SupplyOrder, profile: SustainabilityProfile) -> PriceTerm:
    content = supply.terms.recycled
    post, pre = (0, 0) if content is None else (content.post_consumer_ppb, content.pre_consumer_ppb)
    worth = post * profile.post_consumer_ueur_per_kg + pre * profile.pre_consumer_ueur_per_kg
    return PriceTerm(
        kind="recycled",
        rule="recycled.1",
        ueur_per_kg=worth // PPB,
        inputs={
            "post_consumer_ppb": str(post),
            "post_consumer_ueur_per_kg": str(profile.post_consumer_ueur_per_kg),
            "pre_consumer_ppb": str(pre),
            "pre_consumer_ueur_per_kg": str(profile.pre_consumer_ueur_per_kg),
        },
    )


def _certificates(
    supply: SupplyOrder, facts: MarketFacts, profile: SustainabilityProfile, delivery: Delivery
) -> PriceTerm:
    seller = facts.members[supply.organisation]
    inputs: dict[str, str] = {}
    evidence: list[str] = []
    worth = 0
    for bid in profile.certificates:
        held = valid_certificates(supply.terms, seller, bid.scheme, facts.at, delivery.papers_until)
        if bid.scheme not in facts.rule_set.recognised_certificates or not held:
            continue
        worth += bid.ueur_per_kg
        inputs[bid.scheme] = str(bid.ueur_per_kg)
        evidence += [f"certificate:{certificate}" for certificate in sorted(held)]
    return PriceTerm(
        kind="certificates",
        rule="certificates.1",
        ueur_per_kg=worth,
        inputs=inputs,
        evidence=tuple(evidence),
    )


def _origin(supply: SupplyOrder, facts: MarketFacts, profile: SustainabilityProfile) -> PriceTerm:
    """EU amount: every stage in the EU or a strategic project; deduction: any listed country."""
    steps = supply.terms.origin
    european = all(step.strategic_project or step.country in facts.rule_set.eu_countries for step in steps)
    listed = facts.inputs.concentrated
    concentrated = sorted({step.country for step in steps} & set(() if listed is None else listed.countries))
    worth = profile.eu_origin_ueur_per_kg if european else 0
    inputs = {"origin": ",".join(f"{step.stage}:{step.country}" for step in steps)}
    if concentrated:
        worth -= profile.concentrated_origin_deduction_ueur_per_kg
        inputs["concentrated"] = ",".join(concentrated)
    position = facts.inputs.concentrated_position
    return PriceTerm(
        kind="origin",
        rule="origin.1",
        ueur_per_kg=worth,
        inputs=inputs,
        evidence=() if position is None else (f"input:{position}",),
    )


def _rex(supply: SupplyOrder, requirement: RequirementOrder, profile: SustainabilityProfile) -> PriceTerm:
    """The step of the route that the buyer declares, for a lot that is fit for it."""
    route = requirement.terms.rex_route
    if route is None:
        return PriceTerm(kind="rex", rule="rex.1", ueur_per_kg=0)
    if route not in supply.terms.rex_routes:
        return PriceTerm(
            kind="rex", rule="rex.1", ueur_per_kg=0, reason="route_not_offered", inputs={"route": route}
        )
    amounts = {bid.route: bid.ueur_per_kg for bid in profile.rex}
    return PriceTerm(kind="rex", rule="rex.1", ueur_per_kg=amounts.get(route, 0), inputs={"route": route})


def _only_larger(recycled: PriceTerm, rex: PriceTerm) -> tuple[PriceTerm, PriceTerm]:
    """One fact is not paid twice: the smaller of two positive amounts counts nothing."""
    if recycled.ueur_per_kg <= 0 or rex.ueur_per_kg <= 0:
        return recycled, rex
    if recycled.ueur_per_kg >= rex.ueur_per_kg:
        return recycled, _outdone(rex, "smaller_than_recycled")
    return _outdone(recycled, "smaller_than_rex"), rex


def _outdone(term: PriceTerm, reason: str) -> PriceTerm:
    return PriceTerm(
        kind=term.kind,
        rule=term.rule,
        ueur_per_kg=0,
        reason=reason,
        inputs={**term.inputs, "would_be_ueur_per_kg": str(term.ueur_per_kg)},
        evidence=term.evidence,
    )


def _clamp(parts: Iterable[PriceTerm], profile: SustainabilityProfile) -> PriceTerm:
    wanted = total(parts)
    allowed = max(profile.floor_ueur_per_kg, min(wanted, profile.cap_ueur_per_kg))
    return PriceTerm(
        kind="sustainability",
        rule="clamp.1",
        ueur_per_kg=allowed - wanted,
        reason=None if allowed == wanted else "capped" if allowed < wanted else "floored",
        inputs={
            "sum_ueur_per_kg": str(wanted),
            "floor_ueur_per_kg": str(profile.floor_ueur_per_kg),
            "cap_ueur_per_kg": str(profile.cap_ueur_per_kg),
        },
    )


def _penalties(supply: SupplyOrder, requirement: RequirementOrder) -> PriceTerm:
    found = material(supply.terms.composition, supply.terms.moisture_ppb)
    inputs: dict[str, str] = {}
    worth = 0
    for rule in requirement.terms.penalties:
        excess_ppb = found[rule.analyte].high_ppb - rule.threshold_ppb
        if excess_ppb > 0:
            steps = -(-excess_ppb // rule.step_ppb)
            worth += steps * rule.ueur_per_kg_per_step
            inputs[f"{rule.analyte}_above_{rule.threshold_ppb}_ppb"] = (
                f"{steps} × {rule.ueur_per_kg_per_step} ueur_per_kg"
            )
    return PriceTerm(kind="penalties", rule="penalties.1", ueur_per_kg=-worth, inputs=inputs)


def _logistics(supply: SupplyOrder, requirement: RequirementOrder, facts: MarketFacts) -> PriceTerm:
    country = supply.terms.place.country
    row = carriage_row(supply.terms, requirement.terms)
    if row is None:
        return PriceTerm(kind="logistics", rule="logistics.1", ueur_per_kg=0, inputs={"country": country})
    product_kg = Fraction(1) if row.per == "basis" else _per_basis(supply, "wet", facts)
    if product_kg is None:
        raise ValueError("the supply carries no basis: an eligible pair was expected")
    return PriceTerm(
        kind="logistics",
        rule="logistics.1",
        ueur_per_kg=-round_to(row.ueur_per_kg * product_kg, "up"),
        inputs={"country": country, "per": row.per, "ueur_per_kg": str(row.ueur_per_kg)},
    )
