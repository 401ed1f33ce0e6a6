"""What the contract of a confirmed match takes over from it."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from events.clearing_terms import PriceTerm
from events.demand_terms import AgreedDemands
from events.market_terms import AnalyteLimit, CoProductBid, PenaltyRule, PurityFloor
from events.rex_terms import AgreedGoods
from events.vocabulary import (
    Code,
    CurrencyCode,
    Denominator,
    FractionPpb,
    Incoterm,
    MarketBasis,
    MassG,
    Packaging,
    Period,
    Place,
    ProductForm,
    RatioPpb,
    TermHorizon,
    Text,
    ValueUeurPerKg,
)


class MatchedIndex(Struct, frozen=True, kw_only=True):
    """The index of a term match; `form_factor_ppb` is kg of the index's unit that contain one kg of basis."""

    code: Code
    currency: CurrencyCode
    per: Denominator
    form_factor_ppb: RatioPpb


class StatedFigure(Struct, frozen=True, kw_only=True):
    """An analyte as the seller's order states it: as element, ppb of the dry sample; below detection, the
    detection limit."""

    analyte: Code
    fraction_ppb: FractionPpb


class MatchTerms(Struct, frozen=True, kw_only=True):
    """What the contract of a match takes over, and what both sides may know once both have confirmed.

    `price_ueur_per_kg` is P per kg of basis, or for a term match its differential to `index`. `terms` are the
    lines of T that a final assay can change, as at the cut, and `co_products` what the buyer pays for
    co-products, at the prices of the cut. `horizon` is the buyer's profile with the smaller tolerance of both
    and the seller's floor. `umpire` is the market's laboratory. `goods` are as the seller offered them,
    `demands` as the buyer stated them at the cut. `stated`: the seller's figures of the analytes that are
    paid for, from which the splitting limits follow; without it, the limits do not depend on the grade.
    """

    basis: MarketBasis
    form: ProductForm
    packaging: Packaging
    product_wet_g: MassG
    price_ueur_per_kg: ValueUeurPerKg
    terms: tuple[PriceTerm, ...] = ()
    limits: Annotated[tuple[AnalyteLimit, ...], Meta(max_length=64)] = ()
    purity: PurityFloor | None = None
    recycled_min_ppb: FractionPpb | None = None
    penalties: Annotated[tuple[PenaltyRule, ...], Meta(max_length=32)] = ()
    delivery: Period
    incoterm: Incoterm
    place: Place
    horizon: TermHorizon | None = None
    index: MatchedIndex | None = None
    co_products: Annotated[tuple[CoProductBid, ...], Meta(max_length=32)] = ()
    umpire: Text | UnsetType = UNSET
    goods: AgreedGoods | UnsetType = UNSET
    demands: AgreedDemands | UnsetType = UNSET
    stated: Annotated[tuple[StatedFigure, ...], Meta(max_length=64)] | UnsetType = UNSET
