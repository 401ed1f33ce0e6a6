"""What the contract of a match takes over from its two orders and from its price at the cut."""

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from contracts.rules.price_terms import benchmark_for, round_half_even
from events.clearing_terms import PriceTerm, TermKind
from events.demand_terms import AgreedDemands, FootprintScope
from events.market_events import MatchStruck
from events.market_terms import CoProductBid, FootprintBenchmark, RequirementTerms, RuleSet, SupplyTerms
from events.match_terms import MatchedIndex, MatchTerms, StatedFigure
from events.vocabulary import BASIS_ELEMENTS, PPB, MarketBasis, ProductForm, TermHorizon
from market.rules.goods import agreed_goods
from market.rules.market_inputs import MarketInputs
from market.rules.quantities import dry_analytes
from market.rules.references import reference_kg_per_kg

PRICE_SHOWN: Final = "_price_ueur_per_kg"
MOVED_BY_ASSAYS: Final[frozenset[TermKind]] = frozenset({"co_product", "penalties"})


def match_terms(
    struck: MatchStruck,
    supply: SupplyTerms,
    requirement: RequirementTerms,
    lines: Iterable[PriceTerm],
    basis: MarketBasis,
    inputs: MarketInputs,
    umpire: str | UnsetType = UNSET,
) -> MatchTerms:
    """`lines` is the match's whole waterfall; S, carriage and form differential stay confidential to the
    buyer."""
    horizon = matched_horizon(supply.term, requirement.term)
    moved = tuple(line for line in lines if line.kind in MOVED_BY_ASSAYS)
    return MatchTerms(
        basis=basis,
        form=struck.form,
        packaging=supply.packaging,
        product_wet_g=struck.product_wet_g,
        price_ueur_per_kg=struck.price_ueur_per_kg,
        terms=moved,
        limits=requirement.limits,
        purity=requirement.purity,
        recycled_min_ppb=requirement.recycled_min_ppb,
        penalties=requirement.penalties,
        delivery=struck.delivery,
        incoterm=struck.incoterm,
        place=struck.place,
        horizon=horizon,
        index=None if horizon is None else _index(horizon, inputs),
        co_products=tuple(co_products_counted(moved)),
        umpire=umpire,
        goods=agreed_goods(supply, struck.product_wet_g) if struck.goods_agreed is True else UNSET,
        demands=struck.demands,
        stated=stated_of(supply, requirement, basis) if struck.splitting_by_stated is True else UNSET,
    )


def stated_of(
    supply: SupplyTerms, requirement: RequirementTerms, basis: MarketBasis
) -> tuple[StatedFigure, ...]:
    """Stated figures of the basis elements and of co-products that the buyer pays for; at most the whole,
    which figures of a moist sample could exceed after conversion to dry."""
    figures = dry_analytes(supply.composition, supply.moisture_ppb)
    paid = dict.fromkeys((*BASIS_ELEMENTS[basis], *(bid.analyte for bid in requirement.co_products)))
    return tuple(
        StatedFigure(analyte=analyte, fraction_ppb=min(figures[analyte].high_ppb, PPB))
        for analyte in paid
        if analyte in figures
    )


def demands_of(
    requirement: RequirementTerms, form: ProductForm, rule_set: RuleSet
) -> AgreedDemands | UnsetType:
    """The demands on which eligibility for that form depends, besides the assay."""
    if rule_set.demands_agreed is not True:
        return UNSET
    full = rule_set.demands_in_full is True
    benchmark = benchmark_for(form, rule_set)
    capped = full and requirement.footprint_max_g_co2e_per_kg is not None
    demands = AgreedDemands(
        origins_excluded=requirement.origins_excluded,
        footprint_max_g_co2e_per_kg=requirement.footprint_max_g_co2e_per_kg,
        certificates=requirement.certificates_required,
        th_max_mbq_per_g=requirement.th_max_mbq_per_g,
        u_max_mbq_per_g=requirement.u_max_mbq_per_g,
        footprint_scope=UNSET if benchmark is None or not capped else _scope(benchmark),
        recycled_min_ppb=(requirement.recycled_min_ppb if full else None) or UNSET,
        recycled_max_ppb=_stated(requirement.recycled_max_ppb) if full else UNSET,
        origins_in_full=True if requirement.origins_excluded and rule_set.origins_in_full is True else UNSET,
    )
    return UNSET if demands == AgreedDemands() else demands


def _scope(benchmark: FootprintBenchmark) -> FootprintScope:
    return FootprintScope(
        form=benchmark.form,
        declared_unit=benchmark.declared_unit,
        boundary=benchmark.boundary,
        allocation=benchmark.allocation,
    )


def _stated(share_ppb: int | None) -> int | UnsetType:
    return UNSET if share_ppb is None else share_ppb


def co_products_counted(lines: Iterable[PriceTerm]) -> Iterator[CoProductBid]:
    """Co-products as counted at the cut, from the figures of their line, since the buyer may have amended its
    bid since."""
    for line in lines:
        if line.kind != "co_product":
            continue
        for name, price in line.inputs.items():
            analyte = name.removesuffix(PRICE_SHOWN)
            if analyte != name:
                yield CoProductBid(
                    analyte=analyte,
                    price_ueur_per_kg=int(price),
                    payable_ppb=int(line.inputs[f"{analyte}_payable_ppb"]),
                    max_ratio_ppb=int(line.inputs[f"{analyte}_max_ratio_ppb"]),
                )


def matched_horizon(sold: TermHorizon | None, bought: TermHorizon | None) -> TermHorizon | None:
    """The buyer's profile, with the smaller tolerance and the seller's floor; None for spot."""
    if sold is None or bought is None:
        return None
    return replace(
        bought,
        profile_tolerance_ppb=min(sold.profile_tolerance_ppb, bought.profile_tolerance_ppb),
        floor_ueur_per_kg=sold.floor_ueur_per_kg,
    )


def _index(horizon: TermHorizon, inputs: MarketInputs) -> MatchedIndex | None:
    """The index of a term match; None if its reference price cannot be converted per kg of element or
    magnet."""
    recorded = inputs.references.get(horizon.index)
    if recorded is None:
        return None
    price = recorded.value.price
    kg = reference_kg_per_kg(recorded.value.analyte, price.per)
    if kg is None or price.per == "reo":
        return None
    return MatchedIndex(
        code=horizon.index,
        currency=price.currency,
        per=price.per,
        form_factor_ppb=round_half_even(kg.numerator * PPB, kg.denominator),
    )
