"""Shares of consumption by stage and country, and days of cover: Regulation (EU) 2024/1252, Articles 5, 23.

Masses are milligrams of an element; sums of mass × share and all comparisons are exact.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, get_args
from uuid import UUID

from msgspec import Struct

from contracts.rules.price_terms import round_half_even
from events.origin_terms import OriginStage
from events.passport_terms import ORIGIN_STAGES
from events.vocabulary import PPB
from market.rules.crma.dated import CrmaRules
from market.rules.crma.taken import SILENCE_IS_NONE, Party, Reuse, Taken

Verdict = Literal["met", "not_met", "undetermined", "no_rule"]
OPEN_MAX: Final = 10
"""Suppliers that are told of a stage."""


class CountryShare(Struct, frozen=True, kw_only=True):
    country: str
    share_ppb: int


class OpenShare(Struct, frozen=True, kw_only=True):
    """Of all consumption: what a supplier leaves undeclared or untold; None: of what was not traded here."""

    supplier: UUID | None
    undeclared_ppb: int
    untold_ppb: int


class StageShare(Struct, frozen=True, kw_only=True):
    """Of one element's consumption: what the Union and each country did at a stage, largest first.

    A country counts all that went through any step of the stage there, so shares may overlap; the Union
    counts what went through no step elsewhere. `undeclared_ppb`: nobody states where, or, for recycling,
    whether; `untold_ppb`: some steps are stated, and there may be others. `benchmark`: whether the Union's
    share reaches it; `ceiling`: whether no third country exceeds it. `of_declared`: the part of declared
    volumes in the first two and in third countries' share; the rest is from trades.

    Where one is undetermined: `benchmark_reach_ppb`, the Union's share, and `ceiling_reach_ppb`, that of one
    third country, if everything open were counted for it; `open_of`: who leaves most of it open, at most
    OPEN_MAX.
    """

    stage: OriginStage
    union_ppb: int
    undeclared_ppb: int
    untold_ppb: int = 0
    of_declared: "DeclaredPart"
    countries: tuple[CountryShare, ...]
    largest_third: CountryShare | None
    benchmark_ppb: int | None
    benchmark: Verdict
    ceiling_ppb: int | None
    ceiling: Verdict
    benchmark_reach_ppb: int | None = None
    ceiling_reach_ppb: int | None = None
    open_of: tuple[OpenShare, ...] = ()


class DeclaredPart(Struct, frozen=True, kw_only=True):
    """The part of declared volumes in each share: the whole share minus that of the trades alone."""

    union_ppb: int
    outside_ppb: int
    undeclared_ppb: int


class ElementShares(Struct, frozen=True, kw_only=True):
    """`documented_ppb`: the part of consumption that a passport describes; `declared_mg`: what of it was not
    traded here; `corrected_mg`: what of it a passport describes that was corrected since it was taken.
    `resold_mg` is not in. Masses by group of companies. No stages where nothing is left to consume."""

    element: str
    consumption_mg: int
    resold_mg: int
    declared_mg: int
    corrected_mg: int
    documented_ppb: int
    stages: tuple[StageShare, ...]
    bought_mg: dict[UUID, int]
    sold_mg: dict[UUID, int]


class Reused(Struct, frozen=True, kw_only=True):
    """Magnets that are reused, by route, which is no consumption of raw material. Milligrams by element."""

    route: Reuse
    goods_g: int
    elements: dict[str, int]


class Cover(Struct, frozen=True, kw_only=True):
    """`days` of net imports that stocks last, rounded down; None if imports do not exceed exports.

    `declared_mg`: what of the net imports was not traded here.
    """

    element: str
    stock_mg: int
    net_imports_mg: int
    declared_mg: int
    period_days: int
    days: int | None


def consumed(taken: Iterable[Taken], rules: CrmaRules) -> list[Taken]:
    """What consumers in the Union took, where it is made into magnets."""
    return [
        each
        for each in taken
        if each.reuse is None
        and each.buyer.country in rules.union
        and rules.consumers.intersection(each.buyer.roles)
    ]


def shares(taken: Sequence[Taken], rules: CrmaRules) -> tuple[ElementShares, ...]:
    """The shares of each strategic element that was taken as material, in the order of the rules."""
    taken = [each for each in taken if each.reuse is None]
    found = (_element_shares(element, taken, rules) for element in rules.strategic)
    return tuple(each for each in found if each.consumption_mg or each.resold_mg)


def reused(taken: Iterable[Taken]) -> tuple[Reused, ...]:
    """What was taken for reuse, by route."""
    found: dict[Reuse, Reused] = {}
    for each in taken:
        if each.reuse is None:
            continue
        known = found.get(each.reuse, Reused(route=each.reuse, goods_g=0, elements={}))
        names = dict.fromkeys((*known.elements, *each.elements))
        found[each.reuse] = Reused(
            route=each.reuse,
            goods_g=known.goods_g + each.goods_g,
            elements={name: known.elements.get(name, 0) + each.elements.get(name, 0) for name in names},
        )
    return tuple(found[route] for route in get_args(Reuse) if route in found)


def _element_shares(element: str, taken: Sequence[Taken], rules: CrmaRules) -> ElementShares:
    lots = [(each, mass_mg) for each in taken if (mass_mg := each.elements.get(element, 0))]
    bought: dict[UUID, int] = {}
    sold: dict[UUID, int] = {}
    for each, mass_mg in lots:
        bought[each.buyer.group] = bought.get(each.buyer.group, 0) + mass_mg
        sold[each.seller.group] = sold.get(each.seller.group, 0) + mass_mg
    consumption_mg = sum(mass_mg for _, mass_mg in lots)
    documented_mg = sum(mass_mg for each, mass_mg in lots if each.documented)
    declared_mg = sum(mass_mg for each, mass_mg in lots if each.declared)
    stages = ORIGIN_STAGES if consumption_mg else ()
    return ElementShares(
        element=element,
        consumption_mg=consumption_mg,
        resold_mg=sum(each.resold.get(element, 0) for each in taken),
        declared_mg=declared_mg,
        corrected_mg=sum(mass_mg for each, mass_mg in lots if each.corrected),
        documented_ppb=_ppb(documented_mg * PPB, consumption_mg),
        stages=tuple(_stage_share((element, stage), lots, consumption_mg, rules) for stage in stages),
        bought_mg=bought,
        sold_mg=sold,
    )


def _stage_share(
    of: tuple[str, OriginStage], lots: Sequence[tuple[Taken, int]], consumption_mg: int, rules: CrmaRules
) -> StageShare:
    """`of`: an element and a stage."""
    stage = of[1]
    went = _Went.of(*of, lots, rules)
    scaled = went.countries
    silent = 0 if stage in SILENCE_IS_NONE else went.undeclared
    order = sorted(scaled, key=lambda country: (-scaled[country], country))
    third = next((country for country in order if country not in rules.union), None)
    benchmark_ppb = rules.benchmarks_ppb.get(stage)
    outside = 0 if third is None else scaled[third]
    inside_most, outside_most = silent + went.perhaps_inside, silent + went.most_outside(rules)
    benchmark = _at_least(went.inside, inside_most, benchmark_ppb, consumption_mg)
    ceiling = _at_most(outside, outside_most, rules.ceiling_ppb, consumption_mg)
    is_open = "undetermined" in (benchmark, ceiling)
    return StageShare(
        stage=stage,
        union_ppb=_ppb(went.inside, consumption_mg),
        undeclared_ppb=_ppb(went.undeclared, consumption_mg),
        untold_ppb=_ppb(went.untold, consumption_mg),
        of_declared=_declared_part(of, lots, consumption_mg, rules),
        countries=tuple(
            CountryShare(country=country, share_ppb=_ppb(scaled[country], consumption_mg))
            for country in order
        ),
        largest_third=None
        if third is None
        else CountryShare(country=third, share_ppb=_ppb(outside, consumption_mg)),
        benchmark_ppb=benchmark_ppb,
        benchmark=benchmark,
        ceiling_ppb=rules.ceiling_ppb,
        ceiling=ceiling,
        benchmark_reach_ppb=_ppb(went.inside + inside_most, consumption_mg)
        if benchmark == "undetermined"
        else None,
        ceiling_reach_ppb=_ppb(outside + outside_most, consumption_mg) if ceiling == "undetermined" else None,
        open_of=_open_of(of, lots, consumption_mg) if is_open else (),
    )


def _open_of(
    of: tuple[str, OriginStage], lots: Sequence[tuple[Taken, int]], consumption_mg: int
) -> tuple[OpenShare, ...]:
    """The largest first."""
    undeclared: dict[UUID | None, int] = {}
    untold: dict[UUID | None, int] = {}
    for each, mass_mg in lots:
        supplier = None if each.declared else each.seller.organisation
        parts = [part for part in each.parts_of(*of) if part.countries]
        silent_ppb = PPB - sum(part.share_ppb for part in parts)
        untold_ppb = sum(part.share_ppb for part in parts if part.untold)
        undeclared[supplier] = undeclared.get(supplier, 0) + mass_mg * silent_ppb
        untold[supplier] = untold.get(supplier, 0) + mass_mg * untold_ppb
    found = sorted(
        (supplier for supplier in undeclared if undeclared[supplier] + untold[supplier]),
        key=lambda supplier: (-undeclared[supplier] - untold[supplier], str(supplier)),
    )
    return tuple(
        OpenShare(
            supplier=supplier,
            undeclared_ppb=_ppb(undeclared[supplier], consumption_mg),
            untold_ppb=_ppb(untold[supplier], consumption_mg),
        )
        for supplier in found[:OPEN_MAX]
    )


class _Went(Struct, frozen=True, kw_only=True):
    """Where a stage of an element took place, in milligrams × parts per billion: `untold` by countries of
    which steps are told. `perhaps_inside`: all of those are in the Union."""

    whole: int
    undeclared: int
    inside: int
    perhaps_inside: int
    countries: dict[str, int]
    open_parts: dict[frozenset[str], int]

    @property
    def untold(self) -> int:
        return sum(self.open_parts.values())

    def most_outside(self, rules: CrmaRules) -> int:
        """By how much a third country may be above the one that has most, if all that is untold were its."""
        thirds = {country: mass for country, mass in self.countries.items() if country not in rules.union}
        most = max(thirds.values(), default=0)
        reach = [
            mass + sum(part for told, part in self.open_parts.items() if country not in told)
            for country, mass in thirds.items()
        ]
        return max((*reach, self.untold)) - most

    @classmethod
    def of(
        cls, element: str, stage: OriginStage, lots: Sequence[tuple[Taken, int]], rules: CrmaRules
    ) -> "_Went":
        inside = perhaps_inside = stated = 0
        countries: dict[str, int] = {}
        open_parts: dict[frozenset[str], int] = {}
        for each, mass_mg in lots:
            for part in each.parts_of(element, stage):
                if not part.countries:
                    continue
                mass = mass_mg * part.share_ppb
                stated += mass
                european = part.countries <= rules.union
                inside += mass if european and not part.untold else 0
                perhaps_inside += mass if european and part.untold else 0
                if part.untold:
                    open_parts[part.countries] = open_parts.get(part.countries, 0) + mass
                for country in part.countries:
                    countries[country] = countries.get(country, 0) + mass
        whole = sum(mass_mg for _, mass_mg in lots) * PPB
        return cls(
            whole=whole,
            undeclared=whole - stated,
            inside=inside,
            perhaps_inside=perhaps_inside,
            countries=countries,
            open_parts=open_parts,
        )


def _declared_part(
    of: tuple[str, OriginStage], lots: Sequence[tuple[Taken, int]], consumption_mg: int, rules: CrmaRules
) -> DeclaredPart:
    """What trades leave, so that both add up to what is shown of the whole."""
    traded = [lot for lot in lots if not lot[0].declared]
    if len(traded) == len(lots):
        return DeclaredPart(union_ppb=0, outside_ppb=0, undeclared_ppb=0)
    union, outside, undeclared = (
        _ppb(of_all, consumption_mg) - _ppb(of_trades, consumption_mg)
        for of_all, of_trades in zip(_parts(of, lots, rules), _parts(of, traded, rules), strict=True)
    )
    return DeclaredPart(union_ppb=union, outside_ppb=outside, undeclared_ppb=undeclared)


def _parts(
    of: tuple[str, OriginStage], lots: Sequence[tuple[Taken, int]], rules: CrmaRules
) -> tuple[int, int, int]:
    """In the Union alone, also or perhaps in third countries, and where nobody says: milligrams × parts per
    billion."""
    went = _Went.of(*of, lots, rules)
    return went.inside, went.whole - went.undeclared - went.inside, went.undeclared


def _at_least(known: int, silent: int, least_ppb: int | None, consumption_mg: int) -> Verdict:
    if least_ppb is None:
        return "no_rule"
    if known >= least_ppb * consumption_mg:
        return "met"
    return "undetermined" if known + silent >= least_ppb * consumption_mg else "not_met"


def _at_most(known: int, silent: int, most_ppb: int | None, consumption_mg: int) -> Verdict:
    if most_ppb is None:
        return "no_rule"
    if known > most_ppb * consumption_mg:
        return "not_met"
    return "undetermined" if known + silent > most_ppb * consumption_mg else "met"


def _ppb(scaled: int, consumption_mg: int) -> int:
    return round_half_even(scaled, consumption_mg) if consumption_mg else 0


def cover(
    stocks_mg: Mapping[str, int],
    taken: Iterable[Taken],
    rules: CrmaRules,
    period_days: int,
    within: UUID | None = None,
) -> tuple[Cover, ...]:
    """Stocks as days of net imports: what came from third countries less what went there, but for magnets
    that are used again.

    `within`: an organisation, whose imports and exports alone count. ValueError without days.
    """
    if period_days <= 0:
        raise ValueError("a period has days")
    net = dict.fromkeys(rules.strategic, 0)
    declared = dict.fromkeys(rules.strategic, 0)
    for each in taken:
        into, out_of = _inside(each.buyer, rules, within), _inside(each.seller, rules, within)
        foreign = (each.seller if into else each.buyer).country not in rules.union
        if into == out_of or not foreign or each.reuse is not None:
            continue
        for element, mass_mg in each.elements.items():
            if element in net:
                net[element] += mass_mg if into else -mass_mg
                declared[element] += (mass_mg if into else -mass_mg) * each.declared
    return tuple(
        Cover(
            element=element,
            stock_mg=stocks_mg.get(element, 0),
            net_imports_mg=net_mg,
            declared_mg=declared[element],
            period_days=period_days,
            days=stocks_mg.get(element, 0) * period_days // net_mg if net_mg > 0 else None,
        )
        for element, net_mg in net.items()
        if net_mg or stocks_mg.get(element, 0)
    )


def _inside(party: Party, rules: CrmaRules, within: UUID | None) -> bool:
    return party.country in rules.union if within is None else party.organisation == within
