"""The price formulas that markets and agreements share: rounding, sustainability amounts, co-products,
penalties.

Amounts are micro-EUR per kg of basis, rounded down once, so that nobody pays a fraction of a micro-EUR that
it did not promise. `price_lines` adds the source of each figure.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Final, Literal, NamedTuple

from msgspec import UNSET, UnsetType

from events.market_terms import (
    CoProductBid,
    FootprintBenchmark,
    PenaltyRule,
    RuleSet,
    SustainabilityProfile,
)
from events.origin_terms import StepShare
from events.vocabulary import (
    PPB,
    Footprint,
    OriginStep,
    ProductForm,
    RecycledContent,
    RexRoute,
    ValueChainStage,
    form_text,
)

MICRO_G_PER_KG_PER_CENT = 10**7
CENTS_G_PER_T_KG_PER_UEUR = 100
"""EUR cents per tonne × grams per kg = 10⁻² micro-EUR per kg."""

RAW_FORMS: Final[frozenset[ProductForm]] = frozenset({"ore", "concentrate", "residue"})
"""Forms as mined or left over, not processed yet."""
PROVISIONAL_PPB: Final = 900_000_000
DUE_DAYS: Final = 30
"""Payment defaults in the contract of a match: practitioners' usual values, which both sides may amend."""

PRICE_TWICE = Fraction(2)
"""A price that differs from the previous one by more than this factor may be a mistake."""
RATE_TENTH = Fraction(11, 10)
"""The same for an exchange rate and the previous one, and for a restated figure."""
REFERENCE_FIVEFOLD = Fraction(5)
"""The same for a stated price and the reference price of the material."""

Rounding = Literal["up", "down"]


def round_half_even(numerator: int, denominator: int) -> int:
    """The one rounding function. ValueError unless the denominator is positive."""
    if denominator <= 0:
        raise ValueError(f"the denominator has to be positive, not {denominator}")
    quotient, remainder = divmod(numerator, denominator)
    doubled = 2 * remainder
    if doubled > denominator or (doubled == denominator and quotient % 2):
        return quotient + 1
    return quotient


def round_to(value: Fraction, rounding: Rounding) -> int:
    """Rounds towards plus infinity when up, towards minus infinity when down."""
    return divide(value.numerator, value.denominator, rounding)


def divide(numerator: int, denominator: int, rounding: Rounding) -> int:
    """`round_to` of numerator ÷ denominator; the denominator is positive."""
    return -(-numerator // denominator) if rounding == "up" else numerator // denominator


def far_apart(one: int, other: int, factor: Fraction) -> bool:
    """Whether the larger of two amounts is more than `factor` times the smaller; False unless both are above
    zero."""
    least, most = sorted((one, other))
    return least > 0 and most * factor.denominator > least * factor.numerator


def amount_cents(quantity_g: int, price_micro_per_kg: int) -> tuple[int, int]:
    """(cents, remainder): the amount rounded half to even, and the remainder in gram·micro per kg."""
    exact = quantity_g * price_micro_per_kg
    cents = round_half_even(exact, MICRO_G_PER_KG_PER_CENT)
    return cents, exact - cents * MICRO_G_PER_KG_PER_CENT


class Clamped(NamedTuple):
    """The paid amounts for recycled share and Re-X, and what minimum and maximum of S add or subtract."""

    recycled: int
    rex: int
    clamp: int


def clamped(
    profile: SustainabilityProfile, rule_set: RuleSet, *, others: int, recycled: int, rex: int
) -> Clamped:
    """`others`: carbon, certificates and origin. The rule set may let only the larger of recycled and Re-X
    count."""
    if rule_set.only_larger_of_recycled_and_rex and recycled > 0 and rex > 0:
        # so that one fact is not paid twice
        recycled, rex = (recycled, 0) if recycled >= rex else (0, rex)
    wanted = others + recycled + rex
    clamp = max(profile.floor_ueur_per_kg, min(wanted, profile.cap_ueur_per_kg)) - wanted
    return Clamped(recycled, rex, clamp)


def benchmark_for(form: ProductForm, rule_set: RuleSet) -> FootprintBenchmark | None:
    for benchmark in rule_set.benchmarks:
        if benchmark.form == form:
            return benchmark
    return None


def footprint_defect(
    footprint: Footprint | None,
    benchmark: FootprintBenchmark | None,
    papers_until: datetime,
    *,
    unmeasured: bool = True,
) -> str | None:
    """`pcf_missing` (none valid to the end of delivery) or `pcf_not_comparable`; None when the footprint
    counts."""
    if footprint is None or footprint.valid_until < papers_until:
        return "pcf_missing"
    return None if footprint_comparable(footprint, benchmark, unmeasured=unmeasured) else "pcf_not_comparable"


def footprint_comparable(
    footprint: Footprint, benchmark: FootprintBenchmark | None, *, unmeasured: bool = True
) -> bool:
    """Whether it has the same scope as the benchmark of the form. `unmeasured`: the answer if there is no
    benchmark."""
    if benchmark is None:
        return unmeasured
    stated = (footprint.form, footprint.declared_unit, footprint.boundary, footprint.allocation)
    asked = (benchmark.form, benchmark.declared_unit, benchmark.boundary, benchmark.allocation)
    return stated == asked


def carbon_ueur(
    profile: SustainabilityProfile,
    rule_set: RuleSet,
    benchmark: FootprintBenchmark | None,
    kg_per_basis_kg: Fraction | None,
    counted: Footprint | None,
) -> int:
    """λ · (benchmark − effective footprint); a missing footprint is priced at the worst value that may be
    declared.

    `kg_per_basis_kg`: kg of the benchmark's unit. `counted` is None for a footprint with a defect.
    """
    if profile.carbon_cents_per_t == 0 or benchmark is None or kg_per_basis_kg is None:
        return 0
    effective = effective_g_ppb(counted, benchmark, rule_set)
    gain_ppb = profile.carbon_cents_per_t * (benchmark.benchmark_g_co2e_per_kg * PPB - effective)
    return (
        gain_ppb
        * kg_per_basis_kg.numerator
        // (kg_per_basis_kg.denominator * CENTS_G_PER_T_KG_PER_UEUR * PPB)
    )


def effective_g_ppb(counted: Footprint | None, benchmark: FootprintBenchmark, rule_set: RuleSet) -> int:
    """The effective footprint: grams CO2e per kg, in parts per billion of a gram."""
    base = benchmark.benchmark_g_co2e_per_kg
    worst = max(benchmark.worst_g_co2e_per_kg, base)
    if counted is None:
        return worst * PPB
    improvement = base - counted.g_co2e_per_kg
    if improvement > 0 and not counted.verified:
        return base * PPB - improvement * rule_set.self_declared_improvement_ppb
    # a value beyond the worst costs no more than a missing one
    return min(counted.g_co2e_per_kg, worst) * PPB


def recycled_ueur(content: RecycledContent | None, profile: SustainabilityProfile) -> int:
    if content is None:
        return 0
    post = content.post_consumer_ppb * profile.post_consumer_ueur_per_kg
    return (post + content.pre_consumer_ppb * profile.pre_consumer_ueur_per_kg) // PPB


def certificates_paid(
    profile: SustainabilityProfile, rule_set: RuleSet, held: Callable[[str], tuple[str, ...]]
) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """(scheme, amount, certificates) of each recognised scheme with certificates in `held`."""
    for bid in profile.certificates:
        if bid.scheme in rule_set.recognised_certificates:
            certificates = held(bid.scheme)
            if certificates:
                yield bid.scheme, bid.ueur_per_kg, certificates


def origin_ueur(
    steps: Sequence[OriginStep],
    concentrated: Sequence[str],
    profile: SustainabilityProfile,
    rule_set: RuleSet,
    unstated: Sequence[str] = (),
) -> int:
    """The EU amount if every stage is in the EU or a strategic project; the deduction for any listed country.
    If stages are unstated, `concentrated` contains all countries that are possible."""
    worth = profile.eu_origin_ueur_per_kg if not unstated and is_european(steps, rule_set) else 0
    if profile.concentrated_origin_deduction_ueur_per_kg and concentrated:
        worth -= profile.concentrated_origin_deduction_ueur_per_kg
    return worth


def is_european(steps: Sequence[OriginStep], rule_set: RuleSet) -> bool:
    """Whether all steps are in the EU or a strategic project; unstated ones are not."""
    return bool(steps) and all(
        step.strategic_project or step.country in rule_set.eu_countries for step in steps
    )


def stages_unstated(
    form: ProductForm,
    steps: Sequence[OriginStep],
    recycled: RecycledContent | None,
    rule_set: RuleSet,
    told: Sequence[StepShare] | UnsetType = UNSET,
) -> tuple[ValueChainStage, ...]:
    """The stages that an origin does not state although the rule set requires them: extraction and, except
    for raw forms, processing of the part that is not recycled; recycling of the part that is; and stages for
    which the passport, with steps `told`, says that there may be further steps."""
    untold = stages_untold(told, rule_set)
    if rule_set.origins_by_stage is not True:
        return untold
    named = {step.stage for step in steps}
    share_ppb = 0 if recycled is None else recycled.post_consumer_ppb + recycled.pre_consumer_ppb
    asked: list[ValueChainStage] = []
    if share_ppb < PPB:
        asked += ["extraction"] if form in RAW_FORMS else ["extraction", "processing"]
    if share_ppb:
        asked.append("recycling")
    missing = tuple(stage for stage in asked if stage not in named)
    return (*missing, *(stage for stage in untold if stage not in missing))


def origin_in_full(
    origin: Sequence[OriginStep], steps: Sequence[StepShare] | UnsetType, rule_set: RuleSet
) -> tuple[OriginStep, ...]:
    """The origin with earlier steps of a stage, if the rule set counts them and a passport states them."""
    if rule_set.origins_in_full is not True or steps is UNSET:
        return tuple(origin)
    before: dict[tuple[ValueChainStage, str], bool] = {}
    for step in steps_unnamed(origin, steps):
        if step.country is not None:
            key = (step.stage, step.country)
            before[key] = before.get(key, True) and step.strategic_project
    return (
        *origin,
        *(
            OriginStep(stage=stage, country=country, strategic_project=strategic)
            for (stage, country), strategic in before.items()
        ),
    )


def steps_unnamed(origin: Sequence[OriginStep], steps: Sequence[StepShare]) -> Iterator[StepShare]:
    """The steps that the origin does not name; a strategic project in the origin stands for no other step in
    its country."""
    named = {(step.stage, step.country) for step in origin}
    named_others = {(step.stage, step.country) for step in origin if not step.strategic_project}
    for step in steps:
        if (step.stage, step.country) not in (named if step.strategic_project else named_others):
            yield step


def stages_untold(steps: Sequence[StepShare] | UnsetType, rule_set: RuleSet) -> tuple[ValueChainStage, ...]:
    """Stages of which not all steps are stated, as the passport says, if the rule set counts earlier
    steps."""
    if rule_set.origins_in_full is not True or steps is UNSET:
        return ()
    return tuple(step.stage for step in steps if step.country is None)


def step_text(step: StepShare) -> str:
    """A stated step, as text."""
    form = "" if step.form is None else f" of {form_text(step.form)}"
    return f"{step.stage}{form} in {step.country}"


def listed_origins(steps: Sequence[OriginStep], countries: Sequence[str]) -> tuple[str, ...]:
    """The countries of the list through which the material went."""
    return tuple(sorted({step.country for step in steps} & set(countries)))


def rex_ueur(route: RexRoute | None, fit_for: Sequence[RexRoute], profile: SustainabilityProfile) -> int:
    """The buyer's amount for the route that it declares, if the lot is fit for it."""
    if route is None or route not in fit_for:
        return 0
    return next((bid.ueur_per_kg for bid in profile.rex if bid.route == route), 0)


def co_product_ueur(
    bids: Iterable[CoProductBid],
    ratio_ppb: Mapping[str, int],
    price: Callable[[CoProductBid], Fraction | int | None],
) -> int:
    """Σ min(ratio, max_ratio) · price · payable; elements that are not measured or have no price count 0.

    `ratio_ppb`: kg of an analyte per kg of basis. `price`: micro-EUR per kg of element.
    """
    over, under = 0, PPB**2
    for bid in bids:
        ratio = ratio_ppb.get(bid.analyte)
        if ratio is None:
            continue
        paid_ppb2 = min(ratio, bid.max_ratio_ppb) * bid.payable_ppb
        found = price(bid)
        if isinstance(found, int):
            over += paid_ppb2 * found * (under // PPB**2)
        elif found is not None:
            numerator, denominator = found.as_integer_ratio()
            over = over * denominator + paid_ppb2 * numerator * (under // PPB**2)
            under *= denominator
    return over // under


def penalty_steps(rules: Sequence[PenaltyRule], high_ppb: Callable[[str], int]) -> list[tuple[int, int, int]]:
    """(index of the rule, number of full or begun steps above its threshold, their amount)."""
    found = []
    for index, rule in enumerate(rules):
        excess_ppb = high_ppb(rule.analyte) - rule.threshold_ppb
        if excess_ppb > 0:
            steps = -(-excess_ppb // rule.step_ppb)
            found.append((index, steps, steps * rule.ueur_per_kg_per_step))
    return found
