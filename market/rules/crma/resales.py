"""Subtracts what consumers sold on from what they bought in a period, so that each material is consumed
once."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from msgspec.structs import replace

from market.rules.crma.dated import CrmaRules
from market.rules.crma.taken import BEFORE_MAGNETS, Taken
from market.rules.quantities import largest_remainder


def less_resold(bought: Sequence[Taken], taken: Iterable[Taken], rules: CrmaRules) -> list[Taken]:
    """`bought` without what their buyers, if consumers, sold on; `taken`: everything taken in the period.

    A lot sold with the passport with which it was bought is subtracted from that purchase, in whatever form.
    Other sales of forms before magnets are subtracted from purchases in proportion, trades from trades and
    declarations from declarations as far as possible; never more than was bought.
    """
    sales: dict[UUID, list[Taken]] = {}
    for each in taken:
        if each.reuse is None and rules.consumers.intersection(each.seller.roles):
            sales.setdefault(each.seller.organisation, []).append(each)
    found = list(bought)
    purchases: dict[UUID, list[int]] = {}
    for index, each in enumerate(found):
        if each.buyer.organisation in sales:
            purchases.setdefault(each.buyer.organisation, []).append(index)
    for buyer, indexes in purchases.items():
        left = _left([found[index] for index in indexes], sales[buyer], rules)
        for index, elements in zip(indexes, left, strict=True):
            before = found[index].elements
            resold = {each: before[each] - left_mg for each, left_mg in elements.items()}
            found[index] = replace(
                found[index], elements=elements, resold={each: mass for each, mass in resold.items() if mass}
            )
    return found


def _left(bought: Sequence[Taken], sold: Sequence[Taken], rules: CrmaRules) -> list[dict[str, int]]:
    """Of each purchase what its buyer has not sold on, of whoever else its elements are."""
    left = [dict(each.elements) for each in bought]
    for element in rules.strategic:
        masses = [each.elements.get(element, 0) for each in bought]
        rest = {True: 0, False: 0}
        for sale in sold:
            same = [
                index
                for index, each in enumerate(bought)
                if sale.passport is not None and each.passport == sale.passport
            ]
            rest_mg = _come_off(masses, same, sale.elements.get(element, 0))
            if sale.form in BEFORE_MAGNETS:
                rest[sale.declared] += rest_mg
        over_mg = 0
        for declared, rest_mg in rest.items():
            alike = [index for index, each in enumerate(bought) if each.declared == declared]
            over_mg += _come_off(masses, alike, rest_mg)
        _come_off(masses, range(len(masses)), over_mg)
        for elements, mass_mg in zip(left, masses, strict=True):
            if element in elements:
                elements[element] = mass_mg
    return left


def _come_off(masses: list[int], pool: Sequence[int], mass_mg: int) -> int:
    """Takes `mass_mg` off the masses of the pool, and answers what they did not have."""
    weights = [masses[index] for index in pool]
    whole = min(mass_mg, sum(weights))
    for index, part in zip(pool, largest_remainder(whole, weights) if whole else (), strict=False):
        masses[index] -= part
    return mass_mg - whole
