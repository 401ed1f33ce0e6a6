"""Routes and whole magnets for many pairs at once: each screen answers as the reasons of its name."""

from collections.abc import Iterator
from typing import get_args

import numpy as np
from msgspec import UNSET, UnsetType

from events.rex_terms import MagnetAxis, MagnetDimension, MagnetNeed
from events.vocabulary import REX_HIERARCHY
from market.rules.clearing.candidates import Candidates
from market.rules.clearing.columns import BEYOND, Codes, Slots, bit_words, int64s, numbered, share_a_bit
from market.rules.clearing.eligibility import MarketFacts
from market.rules.clearing.screening import Requirements, Screen
from market.rules.clearing.supply_columns import Supplies
from market.rules.optimum.problem import Int64s, Mask
from market.rules.orders.magnet_grades import accepts
from market.rules.orders.rex import open_routes
from market.rules.orders.whole_magnets import bounds_um

_ROW: dict[MagnetAxis, int] = {axis: row for row, axis in enumerate(get_args(MagnetAxis))}


def rex_screens(supplies: Supplies, requirements: Requirements, facts: MarketFacts) -> list[Screen]:
    return [*_routes(supplies, requirements, facts), *_magnets(supplies, requirements)]


def _routes(supplies: Supplies, requirements: Requirements, facts: MarketFacts) -> Iterator[Screen]:
    declared = [order.terms.rex_route for order in requirements]
    if not facts.rule_set.route_ceilings or not any(declared):
        return
    routes = numbered([REX_HIERARCHY])
    opened = bit_words([open_routes(each, facts.rule_set) for each in supplies.terms], routes)
    wanted = bit_words([REX_HIERARCHY if route is None else (route,) for route in declared], routes)
    free = np.array([route is None for route in declared], dtype=np.bool_)
    yield lambda pairs: free[pairs.requirement] | share_a_bit(opened, pairs.supply, wanted, pairs.requirement)


def _magnets(supplies: Supplies, requirements: Requirements) -> Iterator[Screen]:
    needs = [order.terms.magnets for order in requirements]
    if all(need is UNSET for need in needs):
        return
    offers = [each.magnets for each in supplies.terms]
    needed = np.array([need is not UNSET for need in needs], dtype=np.bool_)
    stated = np.array([offered is not UNSET for offered in offers], dtype=np.bool_)
    grades = _accepted_grades(needs, {each.grade for each in offers if each is not UNSET})
    coatings = [() if need is UNSET else need.coatings for need in needs]
    grade_names, coating_names = numbered(grades), numbered(coatings)
    accepted_grades, accepted_coatings = bit_words(grades, grade_names), bit_words(coatings, coating_names)
    any_coating = np.array([not each for each in coatings], dtype=np.bool_)
    grade = bit_words([() if each is UNSET else (each.grade,) for each in offers], grade_names)
    coating = bit_words([() if each is UNSET else (each.coating,) for each in offers], coating_names)
    shapes = Codes()
    shape = shapes.of(["" if each is UNSET else each.shape for each in offers])
    wanted_shape = shapes.of(["" if each is UNSET else each.shape for each in needs])
    flux = int64s([-1 if each is UNSET else each.flux_ppb for each in offers], len(offers))
    least_flux = int64s([0 if each is UNSET else each.flux_min_ppb for each in needs], len(needs))
    low, high = _measured([() if each is UNSET else each.dimensions for each in offers])
    sizes = Slots.of_lists(
        [
            [] if need is UNSET else [(_ROW[each.axis], *bounds_um(each)) for each in need.dimensions]
            for need in needs
        ],
        3,
    )

    def meets_need(pairs: Candidates) -> Mask:
        found = np.ones(len(pairs), dtype=np.bool_)
        places = np.flatnonzero(needed[pairs.requirement])
        supply, buyer = pairs.supply[places], pairs.requirement[places]
        fits = stated[supply] & (shape[supply] == wanted_shape[buyer]) & (flux[supply] >= least_flux[buyer])
        fits &= share_a_bit(grade, supply, accepted_grades, buyer)
        fits &= any_coating[buyer] | share_a_bit(coating, supply, accepted_coatings, buyer)
        for slots, (row, least, most) in sizes.of(buyer):
            seller = supply[slots]
            fits[slots] &= (low[row, seller] >= least) & (high[row, seller] <= most)
        found[places] = fits
        return found

    yield meets_need


def _accepted_grades(needs: list[MagnetNeed | UnsetType], offered: set[str]) -> list[tuple[str, ...]]:
    """Of each need what it names and, where better is as good, what is offered and accepted."""
    found = []
    for need in needs:
        if need is UNSET or need.or_better is not True:
            found.append(() if need is UNSET else need.grades)
        else:
            better = [each for each in sorted(offered) if accepts(need, each)]
            found.append((*need.grades, *better))
    return found


def _measured(dimensions: list[tuple[MagnetDimension, ...]]) -> tuple[Int64s, Int64s]:
    """Least and most of each axis, micrometres, one column a supply; what nobody measured fits nothing."""
    shape = len(_ROW), len(dimensions)
    low, high = np.full(shape, -BEYOND, dtype=np.int64), np.full(shape, BEYOND, dtype=np.int64)
    for supply, measured in enumerate(dimensions):
        for each in measured:
            low[_ROW[each.axis], supply], high[_ROW[each.axis], supply] = bounds_um(each)
    return low, high
