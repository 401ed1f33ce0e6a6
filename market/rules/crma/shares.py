"""Shares of consumption by stage and country, and days of cover: Regulation (EU) 2024/1252, Articles 5, 23.

Masses are milligrams of an element, rounded down once for each lot that was taken; sums of mass × share and
all comparisons are exact.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal
from uuid import UUID

from msgspec import Struct

from contracts.rules.price_terms import round_half_even
from events.market_terms import SupplyTerms
from events.passport_terms import ORIGIN_STAGES, OriginShare, OriginStage, PassportContent
from events.vocabulary import PPB, OriginStep, RecycledContent
from market.rules.crma.dated import CrmaRules
from market.rules.element_masses import MG_PER_G, contained, in_mg
from market.rules.parties.parties import Organisation
from market.rules.quantities import product_g

Verdict = Literal["met", "not_met", "undetermined", "no_rule"]
SILENCE_IS_NONE: frozenset[OriginStage] = frozenset({"recycling"})
"""What nobody says was recycled was not; mined and processed all of it was, somewhere."""


class Party(Struct, frozen=True, kw_only=True):
    organisation: UUID
    group: UUID
    country: str
    roles: tuple[str, ...]

    @classmethod
    def of(cls, known: Organisation) -> "Party":
        return cls(
            organisation=known.organisation, group=known.group, country=known.country, roles=known.roles
        )


class Taken(Struct, frozen=True, kw_only=True):
    """Material that `buyer` took of `seller`: milligrams by element, and where each stage took place.

    `documented`: a passport says so, not only the order. `declared`: it was not traded here.
    """

    seller: Party
    buyer: Party
    elements: dict[str, int]
    origin: tuple[OriginShare, ...]
    documented: bool
    declared: bool = False


class CountryShare(Struct, frozen=True, kw_only=True):
    country: str
    share_ppb: int


class StageShare(Struct, frozen=True, kw_only=True):
    """Of one element's consumption: what the Union and each country did at a stage, largest first.

    `undeclared_ppb`: of it nobody says where, or, for recycling, whether. `benchmark`: whether the Union's
    share reaches it; `ceiling`: whether no third country is above it. `of_declared`: what volumes that were
    not traded here have in the first two and in third countries' share; trades have the rest.
    """

    stage: OriginStage
    union_ppb: int
    undeclared_ppb: int
    of_declared: "DeclaredPart"
    countries: tuple[CountryShare, ...]
    largest_third: CountryShare | None
    benchmark_ppb: int | None
    benchmark: Verdict
    ceiling_ppb: int | None
    ceiling: Verdict


class DeclaredPart(Struct, frozen=True, kw_only=True):
    """Of all consumption: each is what the trades alone leave of the whole share."""

    union_ppb: int
    outside_ppb: int
    undeclared_ppb: int


class ElementShares(Struct, frozen=True, kw_only=True):
    """`documented_ppb`: the part of consumption that a passport describes; `declared_mg`: what of it was not
    traded here. Masses by group of companies."""

    element: str
    consumption_mg: int
    declared_mg: int
    documented_ppb: int
    stages: tuple[StageShare, ...]
    bought_mg: dict[UUID, int]
    sold_mg: dict[UUID, int]


class Cover(Struct, frozen=True, kw_only=True):
    """`days` of net imports that stocks last, rounded down; None where no more came in than went out.

    `declared_mg`: what of the net imports was not traded here.
    """

    element: str
    stock_mg: int
    net_imports_mg: int
    declared_mg: int
    period_days: int
    days: int | None


def masses(
    material: PassportContent | SupplyTerms, net_wet_g: int, elements: Sequence[str]
) -> dict[str, int]:
    """Milligrams of the elements that were measured, rounded down; below detection counts nothing."""
    found = contained(material, net_wet_g)
    return {each: in_mg(found[each].least, "down") for each in elements if each in found}


def taken_by_order(
    terms: SupplyTerms,
    passport: PassportContent | None,
    quantity_g: int,
    parties: tuple[Party, Party],
    rules: CrmaRules,
) -> Taken:
    """`quantity_g` of the market's basis out of an order; of a term order it is a contract year's.

    What the lot's passport states goes before what the order does. `parties`: seller, buyer.
    """
    net_wet_g = product_g(quantity_g, terms.basis_g, terms.net_wet_g)
    seller, buyer = parties
    return Taken(
        seller=seller,
        buyer=buyer,
        elements=masses(passport or terms, net_wet_g, rules.strategic),
        origin=stated_origin(terms.origin, terms.recycled) if passport is None else passport.origin,
        documented=passport is not None,
    )


def taken_by_delivery(
    fractions_ppb: Mapping[str, int],
    passport: PassportContent | None,
    mass: tuple[int, int],
    parties: tuple[Party, Party],
    rules: CrmaRules,
) -> Taken:
    """`fractions_ppb`: element in the dry sample, as settled; `mass`: net wet grams and moisture.

    Without a passport nobody says where the material comes from.
    """
    seller, buyer = parties
    return Taken(
        seller=seller,
        buyer=buyer,
        elements=delivered_masses(fractions_ppb, mass, rules.strategic),
        origin=() if passport is None else passport.origin,
        documented=passport is not None,
    )


def delivered_masses(
    fractions_ppb: Mapping[str, int], mass: tuple[int, int], elements: Sequence[str]
) -> dict[str, int]:
    """Milligrams of the elements that were settled, as `taken_by_delivery` has its arguments."""
    net_wet_g, moisture_ppb = mass
    dry_mg = net_wet_g * (PPB - moisture_ppb) * MG_PER_G
    return {
        element: dry_mg * fractions_ppb[element] // PPB**2 for element in elements if element in fractions_ppb
    }


def stated_origin(steps: Iterable[OriginStep], recycled: RecycledContent | None) -> tuple[OriginShare, ...]:
    """What an order says of origin: a stage in one country is all of it; of several nobody knows how much.

    Of what was recycled in one country it is the recycled share that the order states; without one, nothing.
    """
    countries: dict[OriginStage, dict[str, bool]] = {}
    for step in steps:
        for stage in ORIGIN_STAGES:
            if step.stage == stage:
                countries.setdefault(stage, {})[step.country] = step.strategic_project
    recycled_ppb = 0 if recycled is None else recycled.post_consumer_ppb + recycled.pre_consumer_ppb
    share_ppb = {stage: recycled_ppb if stage in SILENCE_IS_NONE else PPB for stage in countries}
    return tuple(
        OriginShare(stage=stage, country=country, share_ppb=share_ppb[stage], strategic_project=strategic)
        for stage, named in countries.items()
        if len(named) == 1 and share_ppb[stage]
        for country, strategic in named.items()
    )


def consumed(taken: Iterable[Taken], rules: CrmaRules) -> list[Taken]:
    """What consumers in the Union took: each material once, where it is made into magnets."""
    return [
        each
        for each in taken
        if each.buyer.country in rules.union and rules.consumers.intersection(each.buyer.roles)
    ]


def shares(taken: Sequence[Taken], rules: CrmaRules) -> tuple[ElementShares, ...]:
    """Of each strategic element that was taken, in the order of the rules."""
    found = (_element_shares(element, taken, rules) for element in rules.strategic)
    return tuple(each for each in found if each.consumption_mg)


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
    return ElementShares(
        element=element,
        consumption_mg=consumption_mg,
        declared_mg=declared_mg,
        documented_ppb=_ppb(documented_mg * PPB, consumption_mg),
        stages=tuple(_stage_share(stage, lots, consumption_mg, rules) for stage in ORIGIN_STAGES),
        bought_mg=bought,
        sold_mg=sold,
    )


def _stage_share(
    stage: OriginStage, lots: Sequence[tuple[Taken, int]], consumption_mg: int, rules: CrmaRules
) -> StageShare:
    scaled = _by_country(stage, lots)
    undeclared = consumption_mg * PPB - sum(scaled.values())
    silent = 0 if stage in SILENCE_IS_NONE else undeclared
    inside = sum(mass for country, mass in scaled.items() if country in rules.union)
    order = sorted(scaled, key=lambda country: (-scaled[country], country))
    third = next((country for country in order if country not in rules.union), None)
    benchmark_ppb = rules.benchmarks_ppb.get(stage)
    outside = 0 if third is None else scaled[third]
    return StageShare(
        stage=stage,
        union_ppb=_ppb(inside, consumption_mg),
        undeclared_ppb=_ppb(undeclared, consumption_mg),
        of_declared=_declared_part(stage, lots, consumption_mg, rules),
        countries=tuple(
            CountryShare(country=country, share_ppb=_ppb(scaled[country], consumption_mg))
            for country in order
        ),
        largest_third=None
        if third is None
        else CountryShare(country=third, share_ppb=_ppb(outside, consumption_mg)),
        benchmark_ppb=benchmark_ppb,
        benchmark=_at_least(inside, silent, benchmark_ppb, consumption_mg),
        ceiling_ppb=rules.ceiling_ppb,
        ceiling=_at_most(outside, silent, rules.ceiling_ppb, consumption_mg),
    )


def _by_country(stage: OriginStage, lots: Sequence[tuple[Taken, int]]) -> dict[str, int]:
    """Milligrams × parts per billion."""
    scaled: dict[str, int] = {}
    for each, mass_mg in lots:
        for part in each.origin:
            if part.stage == stage:
                scaled[part.country] = scaled.get(part.country, 0) + mass_mg * part.share_ppb
    return scaled


def _declared_part(
    stage: OriginStage, lots: Sequence[tuple[Taken, int]], consumption_mg: int, rules: CrmaRules
) -> DeclaredPart:
    """What trades leave, so that both add up to what is shown of the whole."""
    traded = [lot for lot in lots if not lot[0].declared]
    if len(traded) == len(lots):
        return DeclaredPart(union_ppb=0, outside_ppb=0, undeclared_ppb=0)
    union, outside, undeclared = (
        _ppb(of_all, consumption_mg) - _ppb(of_trades, consumption_mg)
        for of_all, of_trades in zip(_parts(stage, lots, rules), _parts(stage, traded, rules), strict=True)
    )
    return DeclaredPart(union_ppb=union, outside_ppb=outside, undeclared_ppb=undeclared)


def _parts(stage: OriginStage, lots: Sequence[tuple[Taken, int]], rules: CrmaRules) -> tuple[int, int, int]:
    """In the Union, in third countries, and where nobody says: milligrams × parts per billion."""
    scaled = _by_country(stage, lots)
    inside = sum(mass for country, mass in scaled.items() if country in rules.union)
    stated = sum(scaled.values())
    return inside, stated - inside, sum(mass_mg for _, mass_mg in lots) * PPB - stated


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
    """Stocks as days of net imports: what came from third countries less what went there.

    `within`: an organisation, whose imports and exports alone count. ValueError without days.
    """
    if period_days <= 0:
        raise ValueError("a period has days")
    net = dict.fromkeys(rules.strategic, 0)
    declared = dict.fromkeys(rules.strategic, 0)
    for each in taken:
        into, out_of = _inside(each.buyer, rules, within), _inside(each.seller, rules, within)
        foreign = (each.seller if into else each.buyer).country not in rules.union
        if into == out_of or not foreign:
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
