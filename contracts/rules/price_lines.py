"""The waterfall lines that markets and agreements share, each with its figures and evidence.

The formulas are in `price_terms`. Lines that many trades share are cached.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from functools import lru_cache
from typing import Final

from msgspec import UNSET, UnsetType

from contracts.rules.price_terms import (
    benchmark_for,
    carbon_ueur,
    certificates_paid,
    clamped,
    effective_g_ppb,
    footprint_defect,
    origin_in_full,
    origin_ueur,
    penalty_steps,
    recycled_ueur,
    rex_ueur,
    stages_unstated,
)
from events.clearing_terms import PriceTerm
from events.contract_terms import InvoiceLine
from events.market_terms import FootprintBenchmark, PenaltyRule, RuleSet, SustainabilityProfile
from events.origin_terms import StepShare
from events.vocabulary import (
    PPB,
    Code,
    Denominator,
    Footprint,
    OriginStep,
    ProductForm,
    RecycledContent,
    RexRoute,
)

LINES_REMEMBERED: Final = 4_096
"""Size of the cache of each kind of line."""
ORIGIN: Final[Code] = "origin.1"
SILENCE_UNPAID: Final[Code] = "origin.2"
"""Marks a price that would differ if unstated origins counted as European."""
_NOT_RECYCLED: Final = RecycledContent()


def penalty_term(rules: Sequence[PenaltyRule], high_ppb: Callable[[str], int]) -> PriceTerm:
    return penalties_line(tuple(rules), tuple(penalty_steps(rules, high_ppb)))


@lru_cache(maxsize=LINES_REMEMBERED)
def penalties_line(rules: tuple[PenaltyRule, ...], taken: tuple[tuple[int, int, int], ...]) -> PriceTerm:
    return PriceTerm(
        kind="penalties",
        rule="penalties.1",
        ueur_per_kg=-sum(worth for _, _, worth in taken),
        inputs={
            f"{rules[index].analyte}_above_{rules[index].threshold_ppb}_ppb": (
                f"{steps} × {rules[index].ueur_per_kg_per_step} ueur_per_kg"
            )
            for index, steps, _ in taken
        },
    )


@dataclass(frozen=True, slots=True)
class Claims:
    """Stated and proved claims about a material. `certificates`: scheme → ids valid to the end of delivery.
    `kg_per_basis_kg`: kilograms of each denominator that contain one kg of basis, None if unknown.
    `concentrated`: listed countries through which it went, or may have gone if nothing is stated.
    `rex_route`: the route that the buyer declares. `silence_paid`: use the rule of earlier versions, by which
    an unstated origin is European and in no listed country. `steps`: all steps that a passport states,
    including earlier ones of a stage."""

    form: ProductForm
    footprint: Footprint | None
    recycled: RecycledContent | None
    origin: Sequence[OriginStep]
    concentrated: Sequence[str]
    concentrated_evidence: tuple[str, ...]
    certificates: Callable[[str], tuple[str, ...]]
    rex_route: RexRoute | None
    rex_routes: Sequence[RexRoute]
    kg_per_basis_kg: Mapping[Denominator, Fraction | None]
    papers_until: datetime
    silence_paid: bool = False
    steps: Sequence[StepShare] | UnsetType = UNSET


def sustainability_terms(
    profile: SustainabilityProfile, rule_set: RuleSet, claims: Claims
) -> tuple[PriceTerm, ...]:
    """The parts of S, and what its minimum and maximum add or subtract; their sum is S."""
    carbon = _carbon(profile, rule_set, claims)
    certificates = _certificates(profile, rule_set, claims)
    origin = _origin(profile, rule_set, claims)
    recycled = recycled_ueur(claims.recycled, profile)
    rex = rex_ueur(claims.rex_route, claims.rex_routes, profile)
    others = carbon.ueur_per_kg + certificates.ueur_per_kg + origin.ueur_per_kg
    paid = clamped(profile, rule_set, others=others, recycled=recycled, rex=rex)
    return (
        carbon,
        recycled_line(
            paid.recycled,
            recycled,
            claims.recycled or _NOT_RECYCLED,
            profile.post_consumer_ueur_per_kg,
            profile.pre_consumer_ueur_per_kg,
        ),
        certificates,
        origin,
        rex_line(paid.rex, rex, claims.rex_route, offered=claims.rex_route in claims.rex_routes),
        clamp_line(
            paid.clamp,
            str(others + paid.recycled + paid.rex),
            profile.floor_ueur_per_kg,
            profile.cap_ueur_per_kg,
        ),
    )


def _carbon(profile: SustainabilityProfile, rule_set: RuleSet, claims: Claims) -> PriceTerm:
    benchmark = benchmark_for(claims.form, rule_set)
    kg = None if benchmark is None else claims.kg_per_basis_kg[benchmark.declared_unit]
    if profile.carbon_cents_per_t == 0 or benchmark is None or kg is None:
        return no_carbon_line(profile.carbon_cents_per_t)
    defect = footprint_defect(claims.footprint, benchmark, claims.papers_until)
    counted = None if defect else claims.footprint
    return carbon_line(
        carbon_ueur(profile, rule_set, benchmark, kg, counted),
        profile.carbon_cents_per_t,
        benchmark,
        claims.footprint,
        defect,
        effective_g=str(-(-effective_g_ppb(counted, benchmark, rule_set) // PPB)),
        kg_ppb=str(kg.numerator * PPB // kg.denominator),
        declared_g="" if claims.footprint is None else str(claims.footprint.g_co2e_per_kg),
    )


def no_carbon_line(cents_per_t: int) -> PriceTerm:
    """The line when nothing is bid for carbon, or there is no benchmark."""
    if cents_per_t == 0:
        return PriceTerm(kind="carbon", rule="carbon.1", ueur_per_kg=0)
    return PriceTerm(
        kind="carbon",
        rule="carbon.1",
        ueur_per_kg=0,
        reason="benchmark_missing",
        inputs={"carbon_cents_per_t": str(cents_per_t)},
    )


def carbon_line(
    ueur_per_kg: int,
    cents_per_t: int,
    benchmark: FootprintBenchmark,
    footprint: Footprint | None,
    defect: str | None,
    *,
    effective_g: str,
    kg_ppb: str,
    declared_g: str,
) -> PriceTerm:
    """The line for carbon; a footprint with a defect is shown but not counted. `kg_ppb`: kg of the
    benchmark's unit per basis kg."""
    inputs = {
        "carbon_cents_per_t": str(cents_per_t),
        "benchmark_g_co2e_per_kg": str(benchmark.benchmark_g_co2e_per_kg),
        "effective_g_co2e_per_kg": effective_g,
        f"kg_{benchmark.declared_unit}_per_basis_kg_ppb": kg_ppb,
    }
    evidence: tuple[str, ...] = ()
    if footprint is not None:
        inputs |= {
            "declared_g_co2e_per_kg": declared_g,
            "verified": "yes" if footprint.verified else "no",
        }
        if defect is None:
            evidence = (f"footprint:{footprint.standard}",)
    return PriceTerm(
        kind="carbon",
        rule="carbon.1",
        ueur_per_kg=ueur_per_kg,
        reason=defect,
        inputs=inputs,
        evidence=evidence,
    )


@lru_cache(maxsize=LINES_REMEMBERED)
def recycled_line(
    ueur_per_kg: int, alone: int, content: RecycledContent, post_ueur_per_kg: int, pre_ueur_per_kg: int
) -> PriceTerm:
    inputs = {
        "post_consumer_ppb": str(content.post_consumer_ppb),
        "post_consumer_ueur_per_kg": str(post_ueur_per_kg),
        "pre_consumer_ppb": str(content.pre_consumer_ppb),
        "pre_consumer_ueur_per_kg": str(pre_ueur_per_kg),
    }
    reason = None
    if alone != ueur_per_kg:
        reason = "smaller_than_rex"
        inputs["would_be_ueur_per_kg"] = str(alone)
    return PriceTerm(
        kind="recycled", rule="recycled.1", ueur_per_kg=ueur_per_kg, reason=reason, inputs=inputs
    )


def _certificates(profile: SustainabilityProfile, rule_set: RuleSet, claims: Claims) -> PriceTerm:
    return certificates_line(tuple(certificates_paid(profile, rule_set, claims.certificates)))


@lru_cache(maxsize=LINES_REMEMBERED)
def certificates_line(paid: tuple[tuple[str, int, tuple[str, ...]], ...]) -> PriceTerm:
    return PriceTerm(
        kind="certificates",
        rule="certificates.1",
        ueur_per_kg=sum(worth for _, worth, _ in paid),
        inputs={scheme: str(worth) for scheme, worth, _ in paid},
        evidence=tuple(f"certificate:{certificate}" for _, _, held in paid for certificate in held),
    )


def _origin(profile: SustainabilityProfile, rule_set: RuleSet, claims: Claims) -> PriceTerm:
    steps, listed = origin_in_full(claims.origin, claims.steps, rule_set), tuple(claims.concentrated)
    if not steps and claims.silence_paid:
        return origin_line(profile.eu_origin_ueur_per_kg, steps, (), (), claims.concentrated_evidence)
    unstated = stages_unstated(claims.form, steps, claims.recycled, rule_set, claims.steps)
    worth = origin_ueur(steps, listed, profile, rule_set, unstated)
    rule = SILENCE_UNPAID if not steps and (profile.eu_origin_ueur_per_kg or worth) else ORIGIN
    return origin_line(worth, steps, listed, unstated, claims.concentrated_evidence, rule)


def silence_was_paid(lines: Iterable[InvoiceLine]) -> bool:
    """Whether a recorded price counted an unstated origin as European, as earlier versions did."""
    terms = (term for line in lines for term in line.terms)
    return any(term.rule == ORIGIN and term.inputs.get("origin") == "" for term in terms)


@lru_cache(maxsize=LINES_REMEMBERED)
def origin_line(
    ueur_per_kg: int,
    steps: tuple[OriginStep, ...],
    concentrated: tuple[str, ...],
    unstated: tuple[str, ...],
    evidence: tuple[str, ...],
    rule: Code = ORIGIN,
) -> PriceTerm:
    inputs = {"origin": ",".join(f"{step.stage}:{step.country}" for step in steps)}
    if concentrated:
        inputs["concentrated"] = ",".join(concentrated)
    if unstated:
        inputs["unstated"] = ",".join(unstated)
    return PriceTerm(kind="origin", rule=rule, ueur_per_kg=ueur_per_kg, inputs=inputs, evidence=evidence)


@lru_cache(maxsize=LINES_REMEMBERED)
def rex_line(ueur_per_kg: int, alone: int, route: RexRoute | None, *, offered: bool) -> PriceTerm:
    if route is None:
        return PriceTerm(kind="rex", rule="rex.1", ueur_per_kg=ueur_per_kg)
    inputs: dict[str, str] = {"route": route}
    reason = None if offered else "route_not_offered"
    if alone != ueur_per_kg:
        reason = "smaller_than_recycled"
        inputs["would_be_ueur_per_kg"] = str(alone)
    return PriceTerm(kind="rex", rule="rex.1", ueur_per_kg=ueur_per_kg, reason=reason, inputs=inputs)


def clamp_line(
    ueur_per_kg: int, wanted_ueur_per_kg: str, floor_ueur_per_kg: int, cap_ueur_per_kg: int
) -> PriceTerm:
    return PriceTerm(
        kind="sustainability",
        rule="clamp.1",
        ueur_per_kg=ueur_per_kg,
        reason=None if ueur_per_kg == 0 else "capped" if ueur_per_kg < 0 else "floored",
        inputs={
            "sum_ueur_per_kg": wanted_ueur_per_kg,
            "floor_ueur_per_kg": str(floor_ueur_per_kg),
            "cap_ueur_per_kg": str(cap_ueur_per_kg),
        },
    )
