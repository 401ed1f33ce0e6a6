"""What a buyer's bid adds to its limit for one supply: T, term by term, in micro-EUR per kg of basis.

Every term is the buyer's own bid, rounded down once: nobody pays a part of a micro-EUR that it did not bid.
Here are the formulas alone, for every pair of a round; `pricing` says where the figures come from.
"""

from fractions import Fraction
from typing import NamedTuple

from events.market_terms import CoProductBid, FootprintBenchmark, SustainabilityProfile
from events.vocabulary import BASIS_ELEMENTS, INTEGER_MAX, PPB, Footprint
from market.rules.book import RequirementOrder, SupplyOrder
from market.rules.delivery_papers import benchmark_for, footprint_defect, valid_certificates
from market.rules.eligibility import Delivery, MarketFacts, carriage_row
from market.rules.ineligibility import Ineligibility
from market.rules.quantities import EUR, UEUR_G_PER_KG_PER_CENT, fx_for, round_to
from market.rules.readings import Reading, reading_of
from market.rules.references import is_price_of, reference_ueur_per_kg

VALUE_UEUR_PER_KG_MAX = 10**12
AMOUNT_UEUR_G_PER_KG_MAX = INTEGER_MAX * UEUR_G_PER_KG_PER_CENT
CENTS_G_PER_T_KG_PER_UEUR = 100
"""EUR cents per tonne × grams per kg = 10⁻² micro-EUR per kg."""


class Amounts(NamedTuple):
    """The terms of an eligible pair in the order of a waterfall; their sum is T.

    Between `carbon` and `rex` stand the parts of S; `sustainability` is what its floor and cap add or take.
    """

    form: int
    co_product: int
    carbon: int
    recycled: int
    certificates: int
    origin: int
    rex: int
    sustainability: int
    penalties: int
    logistics: int

    @property
    def sustainability_total(self) -> int:
        """S, floor and cap applied."""
        return self.carbon + self.recycled + self.certificates + self.origin + self.rex + self.sustainability


def amounts(
    supply: SupplyOrder, requirement: RequirementOrder, facts: MarketFacts, delivery: Delivery
) -> Amounts:
    """ValueError for a pair that cannot be eligible: a form not accepted, a supply without basis."""
    reading = reading_of(supply.terms, facts.basis)
    profile = profile_of(requirement, facts)
    recycled, rex = recycled_ueur(supply, profile), rex_ueur(supply, requirement, profile)
    if facts.rule_set.only_larger_of_recycled_and_rex and recycled > 0 and rex > 0:
        # one fact is not paid twice
        recycled, rex = (recycled, 0) if recycled >= rex else (0, rex)
    carbon = carbon_ueur(supply, profile, reading, facts, delivery)
    certificates = sum(worth for _, worth, _ in certificates_paid(supply, profile, facts, delivery))
    origin = origin_ueur(supply, profile, facts)
    wanted = carbon + recycled + certificates + origin + rex
    return Amounts(
        form=form_ueur(supply, requirement),
        co_product=co_product_ueur(requirement, reading, facts),
        carbon=carbon,
        recycled=recycled,
        certificates=certificates,
        origin=origin,
        rex=rex,
        sustainability=max(profile.floor_ueur_per_kg, min(wanted, profile.cap_ueur_per_kg)) - wanted,
        penalties=-sum(worth for _, _, worth in penalty_steps(requirement, reading)),
        logistics=logistics_ueur(supply, requirement, reading),
    )


def price_pair(
    supply: SupplyOrder, requirement: RequirementOrder, facts: MarketFacts, delivery: Delivery
) -> tuple[Amounts, int, int] | Ineligibility:
    """Amounts, T and value of an eligible pair, or `value_out_of_range` beyond what a round can hold."""
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


def co_product_ueur(requirement: RequirementOrder, reading: Reading, facts: MarketFacts) -> int:
    """What is not measured, or has no price, counts nothing."""
    whole, parts = 0, Fraction(0)
    for bid in requirement.terms.co_products:
        ratio_ppb = reading.ratio_ppb.get(bid.analyte)
        if ratio_ppb is None or bid.analyte in BASIS_ELEMENTS[facts.basis]:
            continue
        paid_ppb2 = min(ratio_ppb, bid.max_ratio_ppb) * bid.payable_ppb
        price = co_product_price(bid, facts)
        if isinstance(price, int):
            whole += paid_ppb2 * price
        elif price is not None:
            parts += paid_ppb2 * price
    return round_to((whole + parts) / PPB**2, "down") if parts else whole // PPB**2


def co_product_price(bid: CoProductBid, facts: MarketFacts) -> Fraction | int | None:
    """Micro-EUR per kg of element: the bid's own, else that of its reference; None when it has none."""
    if bid.price_ueur_per_kg is not None:
        return bid.price_ueur_per_kg
    recorded = facts.inputs.references.get(bid.reference_code or "")
    if recorded is None or not is_price_of(recorded.value, bid.analyte):
        return None
    currency = recorded.value.price.currency
    fx = fx_for(facts.inputs, currency)
    return None if fx is None and currency != EUR else reference_ueur_per_kg(recorded.value, fx)


def carbon_ueur(
    supply: SupplyOrder,
    profile: SustainabilityProfile,
    reading: Reading,
    facts: MarketFacts,
    delivery: Delivery,
) -> int:
    """λ · (benchmark − effective footprint); silence is priced at the worst value that may be declared."""
    if profile.carbon_cents_per_t == 0:
        return 0
    benchmark = benchmark_for(supply.terms, facts.rule_set)
    kg = None if benchmark is None else reading.kg_per_basis_kg[benchmark.declared_unit]
    if benchmark is None or kg is None:
        return 0
    defect = footprint_defect(supply.terms, facts.rule_set, delivery.papers_until)
    effective = effective_g_ppb(None if defect else supply.terms.footprint, benchmark, facts)
    gain_ppb = profile.carbon_cents_per_t * (benchmark.benchmark_g_co2e_per_kg * PPB - effective)
    return gain_ppb * kg.numerator // (kg.denominator * CENTS_G_PER_T_KG_PER_UEUR * PPB)


def effective_g_ppb(footprint: Footprint | None, benchmark: FootprintBenchmark, facts: MarketFacts) -> int:
    """Grams CO2e per kg that count, in parts per billion of a gram."""
    base = benchmark.benchmark_g_co2e_per_kg
    worst = max(benchmark.worst_g_co2e_per_kg, base)
    if footprint is None:
        return worst * PPB
    improvement = base - footprint.g_co2e_per_kg
    if improvement > 0 and not footprint.verified:
        return base * PPB - improvement * facts.rule_set.self_declared_improvement_ppb
    # a value worse than the worst costs no more than silence would
    return min(footprint.g_co2e_per_kg, worst) * PPB


def recycled_ueur(supply: SupplyOrder, profile: SustainabilityProfile) -> int:
    content = supply.terms.recycled
    if content is None:
        return 0
    post = content.post_consumer_ppb * profile.post_consumer_ueur_per_kg
    return (post + content.pre_consumer_ppb * profile.pre_consumer_ueur_per_kg) // PPB


def certificates_paid(
    supply: SupplyOrder, profile: SustainabilityProfile, facts: MarketFacts, delivery: Delivery
) -> list[tuple[str, int, tuple[str, ...]]]:
    """(scheme, amount, certificates) of each recognised scheme that the site is certified for."""
    found = []
    for bid in profile.certificates:
        if bid.scheme in facts.rule_set.recognised_certificates:
            seller = facts.members[supply.organisation]
            held = valid_certificates(supply.terms, seller, bid.scheme, facts.at, delivery.papers_until)
            if held:
                found.append((bid.scheme, bid.ueur_per_kg, tuple(map(str, sorted(held)))))
    return found


def origin_ueur(supply: SupplyOrder, profile: SustainabilityProfile, facts: MarketFacts) -> int:
    """EU amount: every stage in the EU or a strategic project; deduction: any listed country."""
    worth = profile.eu_origin_ueur_per_kg if is_european(supply, facts) else 0
    if profile.concentrated_origin_deduction_ueur_per_kg and concentrated_origins(supply, facts):
        worth -= profile.concentrated_origin_deduction_ueur_per_kg
    return worth


def is_european(supply: SupplyOrder, facts: MarketFacts) -> bool:
    european = facts.rule_set.eu_countries
    return all(step.strategic_project or step.country in european for step in supply.terms.origin)


def concentrated_origins(supply: SupplyOrder, facts: MarketFacts) -> tuple[str, ...]:
    listed = facts.inputs.concentrated
    if listed is None:
        return ()
    return tuple(sorted({step.country for step in supply.terms.origin} & set(listed.countries)))


def rex_ueur(supply: SupplyOrder, requirement: RequirementOrder, profile: SustainabilityProfile) -> int:
    """The step of the route that the buyer declares, for a lot that is fit for it."""
    route = requirement.terms.rex_route
    if route is None or route not in supply.terms.rex_routes:
        return 0
    return next((bid.ueur_per_kg for bid in profile.rex if bid.route == route), 0)


def penalty_steps(requirement: RequirementOrder, reading: Reading) -> list[tuple[int, int, int]]:
    """(index of the rule, full or begun steps above its threshold, their amount)."""
    found = []
    for index, rule in enumerate(requirement.terms.penalties):
        excess_ppb = reading.analytes[rule.analyte].high_ppb - rule.threshold_ppb
        if excess_ppb > 0:
            steps = -(-excess_ppb // rule.step_ppb)
            found.append((index, steps, steps * rule.ueur_per_kg_per_step))
    return found


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
