"""A supply as its owner states it, and the terms the record keeps: grams of basis and ask computed once."""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict

from events.forecast_terms import ReturnForecast, SupplyForecast
from events.market_terms import MarketTerms, SupplyTerms
from events.refusal import Caution, Refusal
from events.rex_terms import Core, StepDown, WholeMagnets
from events.vocabulary import (
    PRICE_UEUR_PER_KG_MAX,
    Assay,
    Commitment,
    Composition,
    ConditionGrade,
    ConvertedPrice,
    ExportLicenceStatus,
    Footprint,
    FractionPpb,
    Incoterm,
    Instant,
    MarketBasis,
    MassG,
    OriginStep,
    Packaging,
    PhysicalLot,
    Place,
    PriceUnit,
    ProductForm,
    RecycledContent,
    RexRoute,
    StatedPrice,
    TermHorizon,
    Tranche,
    WasteStatus,
)
from market.rules.market_inputs import MarketInputs
from market.rules.orders.activities import activity_cautions, radioactive_cautions
from market.rules.orders.cores import core_cautions
from market.rules.orders.customs import customs_cautions
from market.rules.orders.horizons import below_index_cautions, delivered_time, validity_cautions
from market.rules.orders.materials import (
    composition_cautions,
    form_claim_cautions,
    recycling_cautions,
    value_cautions,
)
from market.rules.orders.oxide_prices import oxide_price_cautions
from market.rules.orders.payment_words import payment_cautions
from market.rules.orders.unlikely_magnets import share_cautions
from market.rules.orders.whole_magnets import magnet_cautions
from market.rules.quantities import UNPACKED_UNITS, basis_g, fx_for, kg_per_basis_kg, to_ueur_per_basis_kg
from market.rules.refusing.defects import AmountOutOfRange, MinimumQuantityTooLarge, QuantityNotPositive
from market.rules.refusing.ineligibility import eur_per_kg_text, kg_text
from market.rules.refusing.wording import EWC_PATTERN, Code, Text

ASKS_REMEMBERED = 256
EWC_DIGITS = 6
CN_DIGITS = 8


class SupplyDraft(Struct, frozen=True, kw_only=True):
    """SupplyTerms before conversion: `ask` as stated, no `basis_g`.

    `net_wet_g` and the tranches are per contract year at plateau when `term` is set; `ask` is then a
    signed differential.
    """

    form: ProductForm
    net_wet_g: MassG
    moisture_ppb: FractionPpb
    composition: Composition
    assay: Assay
    packaging: Packaging
    minimum_parcel_wet_g: MassG
    tranches: Annotated[tuple[Tranche, ...], Meta(min_length=1, max_length=60)]
    incoterm: Incoterm
    place: Place
    ask: StatedPrice
    valid_until: Instant
    payment_terms: Text
    facility: UUID
    origin: Annotated[tuple[OriginStep, ...], Meta(min_length=1, max_length=12)]
    waste_status: WasteStatus
    ewc_code: Code | None = None
    cn_code: Code | None = None
    export_licence: ExportLicenceStatus = "not_required"
    commitment: Commitment
    term: TermHorizon | None = None
    visible_to_initiatives: Annotated[tuple[Code, ...], Meta(max_length=32)] = ()
    certificates: Annotated[tuple[UUID, ...], Meta(max_length=32)] = ()
    footprint: Footprint | None = None
    recycled: RecycledContent | None = None
    physical_lot: PhysicalLot | None = None
    rex_routes: Annotated[tuple[RexRoute, ...], Meta(max_length=4)] = ()
    condition: ConditionGrade | None = None
    all_or_nothing: bool = False
    minimum_quantity_wet_g: MassG | None = None
    core: Core | UnsetType = UNSET
    magnets: WholeMagnets | UnsetType = UNSET
    step_down: StepDown | UnsetType = UNSET
    forecast: SupplyForecast | UnsetType = UNSET


def range_refusals(price: ConvertedPrice, pointer: str) -> list[Refusal]:
    """Refusals for a price beyond the posting bound, so that no order can stop a round."""
    if abs(price.ueur_per_kg) <= PRICE_UEUR_PER_KG_MAX:
        return []
    return [
        AmountOutOfRange(
            pointer=pointer,
            value=eur_per_kg_text(price.ueur_per_kg),
            least=eur_per_kg_text(-PRICE_UEUR_PER_KG_MAX),
            most=f"{eur_per_kg_text(PRICE_UEUR_PER_KG_MAX)} of basis",
        )
    ]


def minimum_refusals(
    least_g: int | None, quantity_g: int, pointer: str, text: Callable[[int], str]
) -> Iterator[Refusal]:
    """Refusals unless a stated minimum quantity is above zero and at most the whole."""
    if least_g is not None and least_g == 0:
        yield QuantityNotPositive(pointer=pointer)
    if least_g is not None and least_g > quantity_g:
        yield MinimumQuantityTooLarge(pointer=pointer, minimum=text(least_g), quantity=text(quantity_g))


def is_ewc_code(code: str) -> bool:
    """By its form, as the record keeps it: which entries a chapter has, the list itself says."""
    return _is_digits(code, EWC_DIGITS) and re.match(EWC_PATTERN, code) is not None


def six_digits(code: str) -> str:
    """A code as the list writes it, without its spaces and the star of hazardous waste."""
    return code.removesuffix("*").replace(" ", "")


def is_cn_code(code: str) -> bool:
    return _is_digits(code, CN_DIGITS)


def _is_digits(code: str, count: int) -> bool:
    return code.isascii() and code.isdigit() and len(code) == count


def terms_of(draft: SupplyDraft, terms: MarketTerms, inputs: MarketInputs) -> SupplyTerms:
    """The terms of a draft without refusals: basis rounded down, ask up.

    Raises ValueError for a draft whose ask cannot be converted.
    """
    converted = {
        "ask": converted_ask(draft.ask, draft.moisture_ppb, draft.composition, terms.basis, inputs),
        "basis_g": draft_basis_g(draft, terms.basis),
    }
    return SupplyTerms(**(asdict(draft) | converted))


def converted_ask(
    stated: StatedPrice,
    moisture_ppb: int,
    composition: Composition,
    basis: MarketBasis,
    inputs: MarketInputs,
) -> ConvertedPrice:
    """The ask, rounded up. Raises ValueError if it cannot be converted."""
    ratio = asked_kg(stated.per, basis, moisture_ppb, composition)
    if ratio is None:
        raise ValueError(f"a price per kg {stated.per} cannot be converted to {basis}")
    return to_ueur_per_basis_kg(stated, ratio, fx_for(inputs, stated.currency), "up")


@lru_cache(maxsize=ASKS_REMEMBERED)
def asked_kg(
    per: PriceUnit, basis: MarketBasis, moisture_ppb: int, composition: Composition
) -> tuple[int, int] | None:
    """`kg_per_basis_kg`, cached between a posting's check and its terms."""
    return kg_per_basis_kg(per, basis, moisture_ppb, composition)


def draft_basis_g(draft: SupplyDraft, basis: MarketBasis) -> int:
    return basis_g(
        basis=basis,
        net_wet_g=draft.net_wet_g,
        moisture_ppb=draft.moisture_ppb,
        composition=draft.composition,
    )


def cautions(draft: SupplyDraft, terms: MarketTerms, inputs: MarketInputs) -> tuple[Caution, ...]:
    """Warnings about an accepted draft."""
    return stated_cautions(draft) + value_cautions(draft.composition, terms.basis, inputs)


def stated_cautions(draft: SupplyDraft | SupplyTerms) -> tuple[Caution, ...]:
    """Warnings that depend only on the order, not on the market's inputs."""
    composition, assay = draft.composition, draft.assay
    found = [*composition_cautions(composition)]
    found += activity_cautions(composition, assay)
    found += radioactive_cautions(composition, assay)
    if isinstance(draft, SupplyTerms):
        if draft.basis_g == 0:
            text = "It contains less than a gram of what this market counts, so it cannot be matched."
            found.append(Caution(code="basis_below_gram", text=text, pointer="/net_wet_g"))
        found += oxide_price_cautions(draft)
        found += below_index_cautions(draft.ask.ueur_per_kg, draft.term)
    if draft.recycled is not None:
        recycled_ppb = draft.recycled.post_consumer_ppb + draft.recycled.pre_consumer_ppb
        found += recycling_cautions(recycled_ppb, [step.stage for step in draft.origin])
        if draft.physical_lot is None or draft.physical_lot.passport is None:
            found += form_claim_cautions(
                draft.form, draft.recycled.post_consumer_ppb, draft.recycled.pre_consumer_ppb
            )
    if draft.forecast is not UNSET and isinstance(draft.forecast, ReturnForecast):
        found += share_cautions(draft.forecast.magnets, "/forecast/returns/magnets")
    found += payment_cautions(draft.payment_terms, draft.term)
    found += customs_cautions(draft.form, draft.cn_code, draft.place, composition, draft.export_licence)
    found += _package_cautions(draft)
    if draft.magnets is not UNSET or draft.core is not UNSET:
        found += _piece_cautions(draft)
    if draft.all_or_nothing:
        found += _sharing_cautions(draft)
    found += validity_cautions(draft.valid_until, delivered_time(draft))
    return tuple(found)


def _package_cautions(draft: SupplyDraft | SupplyTerms) -> Iterator[Caution]:
    package_g = draft.packaging.package_wet_g
    if draft.packaging.unit in UNPACKED_UNITS or package_g == 0:
        return
    for index, tranche in enumerate(draft.tranches):
        rest_g = tranche.net_wet_g % package_g
        if rest_g:
            yield Caution(
                code="package_rest",
                text=f"{kg_text(rest_g)} are less than a whole package of {kg_text(package_g)} and cannot "
                "trade.",
                pointer=f"/tranches/{index}/net_wet_g",
            )


def _piece_cautions(draft: SupplyDraft | SupplyTerms) -> Iterator[Caution]:
    yield from magnet_cautions(draft)
    yield from core_cautions(draft)


def _sharing_cautions(draft: SupplyDraft | SupplyTerms) -> Iterator[Caution]:
    """Warnings about an order that is all or nothing."""
    if len(draft.tranches) > 1 or _holds_two_parcels(draft):
        yield Caution(
            code="all_or_nothing_of_several",
            text=(
                "Several buyers may share it in a round; if one of them declines or lets its match "
                "lapse, the others' parts stay sold and the rest is open. In one tranche, with a minimum "
                "parcel of more than half of it, it goes to one buyer only."
            ),
            pointer="/all_or_nothing",
        )


def _holds_two_parcels(draft: SupplyDraft | SupplyTerms) -> bool:
    """Whether the least that goes to one buyer, in whole packages, leaves room for a second one."""
    package_g = draft.packaging.package_wet_g
    if draft.packaging.unit in UNPACKED_UNITS or package_g == 0:
        return 2 * draft.minimum_parcel_wet_g <= draft.net_wet_g
    parcel = max(1, -(-draft.minimum_parcel_wet_g // package_g))
    return 2 * parcel <= draft.net_wet_g // package_g
