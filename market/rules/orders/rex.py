"""Which Re-X routes a condition allows, and the obligations of a lot that steps down the waste hierarchy."""

from collections.abc import Iterator

from msgspec import UNSET, UnsetType

from events.market_terms import RequirementTerms, RuleSet, SupplyTerms
from events.refusal import Caution, Refusal
from events.rex_terms import RouteCeilings, StepDown
from events.vocabulary import (
    REX_HIERARCHY,
    ConditionGrade,
    MarketBasis,
    ProductForm,
    RexRoute,
    WasteStatus,
)
from events.wellformed import duplicate_refusals
from market.rules.refusing.defects import (
    RexRouteAboveCondition,
    RexRouteNotOfMarket,
    RouteCeilingsRising,
    StepDownNoteMissing,
    StepDownReasonMissing,
)
from market.rules.refusing.ineligibility import Ineligibility

STANDARD_CEILINGS: tuple[RouteCeilings, ...] = tuple(
    RouteCeilings(form=form, grade_a="reuse", grade_b="refurbish", grade_c="repurpose", grade_d="recycle")
    for form in ("finished_magnet", "magnet_block", "eol_magnet", "core")
)
"""Default route ceilings of a rule set: practice, not measured data."""

GIVEN_BACK: tuple[ProductForm, ...] = ("eol_magnet", "core")

_STEPS: dict[RexRoute, int] = {route: step for step, route in enumerate(REX_HIERARCHY)}
"""0 is the highest."""


def route_refusals(
    form: ProductForm,
    condition: ConditionGrade | None,
    routes: tuple[RexRoute, ...],
    step_down: StepDown | UnsetType,
    rule_set: RuleSet | None,
) -> Iterator[Refusal]:
    """Routes above the condition, and a step down without its reason.

    An ungraded lot counts as if it were in the best condition: it has to offer the highest route, or state
    why not.
    """
    ceilings = _ceilings(form, rule_set)
    if ceilings is None or not routes:
        return
    best = ceilings.grade_a if condition is None else _by_grade(ceilings)[condition]
    for index, route in enumerate(routes):
        if condition is not None and _STEPS[route] < _STEPS[best]:
            yield RexRouteAboveCondition(
                pointer=f"/rex_routes/{index}", condition=condition, form=form, best=best, route=route
            )
    offered = min(routes, key=_STEPS.__getitem__)
    if _STEPS[offered] > _STEPS[best] and step_down is UNSET:
        yield StepDownReasonMissing(
            pointer="/step_down",
            form=form,
            condition="not graded" if condition is None else f"condition {condition}",
            best=best,
            offered=offered,
        )


def graded_cautions(
    terms: SupplyTerms, condition: ConditionGrade | None, rule_set: RuleSet | None
) -> Iterator[Caution]:
    """Warnings about an accepted posting or grading: the lot's routes that its condition excludes for every
    buyer."""
    ceilings = _ceilings(terms.form, rule_set)
    if ceilings is None:
        return
    best = ceilings.grade_d if condition is None else _by_grade(ceilings)[condition]
    for index, route in enumerate(terms.rex_routes):
        if _STEPS[route] >= _STEPS[best]:
            continue
        why = f"{condition} allows {best} at best" if condition else "nobody has graded the lot yet"
        yield Caution(
            code="rex_route_closed",
            text=f"No buyer can get this lot for {route}: {why}.",
            pointer=f"/rex_routes/{index}",
        )


def owes_route(form: ProductForm, waste_status: WasteStatus, rule_set: RuleSet | None) -> bool:
    """Whether waste or returned products have to name a route, as an offer or as a lot, if the rule set has
    ceilings for them."""
    recovered = form in GIVEN_BACK or waste_status == "waste"
    return recovered and _ceilings(form, rule_set) is not None


def note_refusals(step_down: StepDown | UnsetType) -> Iterator[Refusal]:
    if step_down is not UNSET and step_down.reason == "other" and step_down.note is None:
        yield StepDownNoteMissing(pointer="/step_down/note")


def market_route_refusals(routes: tuple[RexRoute, ...], basis: MarketBasis) -> Iterator[Refusal]:
    """Refusals for recycling as the route in the market for whole magnets."""
    for index, route in enumerate(routes):
        if basis == "ndfeb-reuse" and route == "recycle":
            yield RexRouteNotOfMarket(pointer=f"/rex_routes/{index}", route=route, basis=basis)


def ceiling_refusals(ceilings: tuple[RouteCeilings, ...] | UnsetType) -> list[Refusal]:
    """Of a rule set: one entry a form, and no worse condition above a better one."""
    if ceilings is UNSET:
        return []
    reasons = duplicate_refusals("/route_ceilings", (each.form for each in ceilings))
    for index, each in enumerate(ceilings):
        steps = [_STEPS[route] for _, route in sorted(_by_grade(each).items())]
        if steps != sorted(steps):
            reasons.append(RouteCeilingsRising(pointer=f"/route_ceilings/{index}", form=each.form))
    return reasons


def route_reasons(
    supply: SupplyTerms, requirement: RequirementTerms, rule_set: RuleSet
) -> Iterator[Ineligibility]:
    """Reasons why the buyer may not use its route for this lot; none if no route is declared, or no ceiling
    applies."""
    route, ceilings = requirement.rex_route, _ceilings(supply.form, rule_set)
    if route is None or ceilings is None or not supply.rex_routes:
        return
    if route not in supply.rex_routes:
        yield Ineligibility(
            code="route_not_offered",
            seller_figure=", ".join(supply.rex_routes),
            relation="against",
            buyer_figure=route,
        )
    if supply.condition is None and _STEPS[route] < _STEPS[ceilings.grade_d]:
        yield Ineligibility(code="condition_missing", relation="for", buyer_figure=route)
    if supply.condition is not None and _STEPS[route] < _STEPS[_by_grade(ceilings)[supply.condition]]:
        yield Ineligibility(
            code="condition_too_low", seller_figure=supply.condition, relation="for", buyer_figure=route
        )


def open_routes(supply: SupplyTerms, rule_set: RuleSet) -> tuple[RexRoute, ...]:
    """The routes against which `route_reasons` has nothing to say."""
    ceilings = _ceilings(supply.form, rule_set)
    if ceilings is None or not supply.rex_routes:
        return REX_HIERARCHY
    best = ceilings.grade_d if supply.condition is None else _by_grade(ceilings)[supply.condition]
    return tuple(route for route in supply.rex_routes if _STEPS[route] >= _STEPS[best])


def best_route(supply: SupplyTerms, rule_set: RuleSet | None) -> RexRoute | None:
    """The highest route that its condition allows; None: not graded, or no ceiling applies."""
    ceilings = _ceilings(supply.form, rule_set)
    return None if ceilings is None or supply.condition is None else _by_grade(ceilings)[supply.condition]


def _ceilings(form: ProductForm, rule_set: RuleSet | None) -> RouteCeilings | None:
    if rule_set is None or rule_set.route_ceilings is UNSET:
        return None
    return next((each for each in rule_set.route_ceilings if each.form == form), None)


def _by_grade(ceilings: RouteCeilings) -> dict[ConditionGrade, RexRoute]:
    return {
        "A": ceilings.grade_a,
        "B": ceilings.grade_b,
        "C": ceilings.grade_c,
        "D": ceilings.grade_d,
    }
