"""A supply as its owner states it, and the terms the record keeps: grams of basis and ask computed once."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict

from events.forecast_terms import SupplyForecast
from events.fractions import tonnes_text
from events.market_terms import MarketTerms, Member, SupplyTerms
from events.refusal import Refusal
from events.rex_terms import Core, StepDown, WholeMagnets
from events.vocabulary import (
    BASIS_ELEMENTS,
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
    Period,
    PhysicalLot,
    Place,
    ProductForm,
    RecycledContent,
    RexRoute,
    StatedPrice,
    TermHorizon,
    Tranche,
    WasteStatus,
)
from events.wellformed import duplicate_refusals
from market.rules.market_inputs import MarketInputs
from market.rules.orders.cores import contained_refusals, core_refusals
from market.rules.orders.forecast_supply import exceeded_refusals, forecast_refusals
from market.rules.orders.horizons import term_refusals, tranche_refusals, validity_refusals, window_refusals
from market.rules.orders.materials import (
    admission_refusals,
    assay_refusals,
    composition_cautions,
    composition_refusals,
    form_refusals,
    moisture_refusals,
    sum_refusals,
    value_cautions,
)
from market.rules.orders.orders import Caution, PostingState
from market.rules.orders.whole_magnets import magnet_refusals
from market.rules.packages import UNPACKED_UNITS
from market.rules.quantities import (
    EUR,
    basis_g,
    fx_for,
    kg_per_basis_kg,
    to_ueur_per_basis_kg,
)
from market.rules.refusing.defects import (
    AmountOutOfRange,
    AskNegative,
    CertificateNotOwned,
    CnCodeMalformed,
    DenominatorNotConvertible,
    EwcCodeMalformed,
    EwcCodeMissing,
    FacilityNotOwned,
    MinimumParcelTooLarge,
    MinimumQuantityTooLarge,
    MinimumQuantityUnexpected,
    PackageTooLarge,
    QuantityNotPositive,
    TranchesNotSum,
    VerifierMissing,
)
from market.rules.refusing.ineligibility import eur_per_kg_text, kg_text
from market.rules.refusing.refusals import CertificateExpired, FxMissing
from market.rules.refusing.unread import judged
from market.rules.refusing.wellformed import readable
from market.rules.refusing.wording import Code, Text

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


def draft_refusals(
    draft: SupplyDraft, state: PostingState, now: datetime, known: frozenset[Period]
) -> list[Refusal]:
    """All that keeps a draft from being an order of this market; `known` windows may have passed.

    What rests on a member that is unread, or on a composition that is refused, is not judged.
    """
    draft, reasons = readable(draft)
    basis = state.terms.basis
    reasons += judged((lambda: form_refusals((draft.form,), basis, ("/form",)),))
    material = judged(
        (
            lambda: moisture_refusals(draft.moisture_ppb),
            lambda: composition_refusals(draft.composition, basis),
        )
    )
    material = material or judged((lambda: sum_refusals(draft.composition, draft.moisture_ppb),))
    if not material:
        material = judged(
            (
                lambda: _admission_refusals(draft, state),
                lambda: _price_refusals(draft, state.terms, state.inputs),
                lambda: _contained_refusals(draft, basis),
                lambda: _forecast_refusals(draft, state),
            )
        )
    reasons += material
    return reasons + judged(
        (
            lambda: _ask_refusals(draft, state.inputs),
            lambda: assay_refusals(draft.assay, now.date()),
            lambda: _quantity_refusals(draft),
            lambda: _packaging_refusals(draft),
            lambda: _parcel_refusals(draft),
            lambda: _minimum_refusals(draft),
            lambda: _tranche_refusals(draft),
            lambda: _window_refusals(draft, now, known),
            lambda: validity_refusals(draft.valid_until, now),
            lambda: term_refusals(draft.term, state.inputs, now),
            lambda: _code_refusals(draft),
            lambda: _verifier_refusals(draft),
            lambda: duplicate_refusals("/certificates", draft.certificates),
            lambda: duplicate_refusals("/visible_to_initiatives", draft.visible_to_initiatives),
            lambda: duplicate_refusals("/rex_routes", draft.rex_routes),
            lambda: core_refusals(draft.core, draft.form, draft.net_wet_g),
            lambda: magnet_refusals(draft.magnets, (draft.form,)),
            lambda: forecast_refusals(draft),
            *_member_checks(draft, state.member, now),
        )
    )


def _admission_refusals(draft: SupplyDraft, state: PostingState) -> list[Refusal]:
    return admission_refusals(
        draft.composition, draft.moisture_ppb, state.terms, state.rule_set, state.inputs
    )


def _contained_refusals(draft: SupplyDraft, basis: MarketBasis) -> Iterator[Refusal]:
    if draft.core is not UNSET:
        yield from contained_refusals(draft.core, _basis_g(draft, basis), basis)


def _forecast_refusals(draft: SupplyDraft, state: PostingState) -> Iterator[Refusal]:
    """What passes the figures of a forecast that can be true."""
    sites = () if state.member is None else state.member.facilities
    basis = state.terms.basis
    if draft.forecast is not UNSET and not tuple(forecast_refusals(draft)):
        yield from exceeded_refusals(draft, _basis_g(draft, basis), basis, sites, draft.facility)


def _ask_refusals(draft: SupplyDraft, inputs: MarketInputs) -> Iterator[Refusal]:
    """Currency and sign."""
    ask = draft.ask
    if ask.currency != EUR and ask.currency not in inputs.fx:
        yield FxMissing(pointer="/ask/currency", currency=ask.currency)
    if ask.amount_micro < 0 and draft.term is None:
        yield AskNegative(pointer="/ask/amount_micro")


def _price_refusals(draft: SupplyDraft, terms: MarketTerms, inputs: MarketInputs) -> list[Refusal]:
    """Denominator and posting bound, of a material that is not refused."""
    ask = draft.ask
    ratio = kg_per_basis_kg(ask.per, terms.basis, draft.moisture_ppb, draft.composition)
    if ratio is None:
        accepted = "wet, dry, oxide or element" if BASIS_ELEMENTS[terms.basis] else "wet or dry"
        return [
            DenominatorNotConvertible(pointer="/ask/per", per=ask.per, basis=terms.basis, accepted=accepted)
        ]
    if ask.currency != EUR and ask.currency not in inputs.fx:
        return []
    price = to_ueur_per_basis_kg(ask, ratio, fx_for(inputs, ask.currency), "up")
    return range_refusals(price, "/ask/amount_micro")


def range_refusals(price: ConvertedPrice, pointer: str) -> list[Refusal]:
    """The posting bound: no order can halt a market."""
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


def _quantity_refusals(draft: SupplyDraft) -> Iterator[Refusal]:
    if draft.net_wet_g == 0:
        yield QuantityNotPositive(pointer="/net_wet_g")


def _packaging_refusals(draft: SupplyDraft) -> Iterator[Refusal]:
    package_g = draft.packaging.package_wet_g
    pointer = "/packaging/package_wet_g"
    if package_g == 0:
        yield QuantityNotPositive(pointer=pointer)
    if package_g > draft.net_wet_g:
        yield PackageTooLarge(
            pointer=pointer, package=kg_text(package_g), quantity=tonnes_text(draft.net_wet_g)
        )


def _parcel_refusals(draft: SupplyDraft) -> Iterator[Refusal]:
    if draft.minimum_parcel_wet_g > draft.net_wet_g:
        yield MinimumParcelTooLarge(
            pointer="/minimum_parcel_wet_g",
            parcel=tonnes_text(draft.minimum_parcel_wet_g),
            quantity=tonnes_text(draft.net_wet_g),
        )


def _minimum_refusals(draft: SupplyDraft) -> Iterator[Refusal]:
    pointer = "/minimum_quantity_wet_g"
    if draft.minimum_quantity_wet_g is not None and draft.all_or_nothing:
        yield MinimumQuantityUnexpected(pointer=pointer)
    yield from minimum_refusals(draft.minimum_quantity_wet_g, draft.net_wet_g, pointer, tonnes_text)


def minimum_refusals(
    least_g: int | None, quantity_g: int, pointer: str, text: Callable[[int], str]
) -> Iterator[Refusal]:
    """A least quantity, where one is stated, is above zero and no more than the whole."""
    if least_g is not None and least_g == 0:
        yield QuantityNotPositive(pointer=pointer)
    if least_g is not None and least_g > quantity_g:
        yield MinimumQuantityTooLarge(pointer=pointer, minimum=text(least_g), quantity=text(quantity_g))


def _tranche_refusals(draft: SupplyDraft) -> Iterator[Refusal]:
    for index, tranche in enumerate(draft.tranches):
        if tranche.net_wet_g == 0:
            yield QuantityNotPositive(pointer=f"/tranches/{index}/net_wet_g")
    yield from tranche_refusals(draft.tranches)
    sum_g = sum(tranche.net_wet_g for tranche in draft.tranches)
    if sum_g != draft.net_wet_g:
        yield TranchesNotSum(
            pointer="/tranches", sum=tonnes_text(sum_g), net_wet=tonnes_text(draft.net_wet_g)
        )


def _window_refusals(draft: SupplyDraft, now: datetime, known: frozenset[Period]) -> Iterator[Refusal]:
    for index, tranche in enumerate(draft.tranches):
        pointer = f"/tranches/{index}/window"
        yield from window_refusals(tranche.window, pointer, draft.term, now, known)


def _code_refusals(draft: SupplyDraft) -> Iterator[Refusal]:
    if draft.cn_code is not None and not _is_digits(draft.cn_code, CN_DIGITS):
        yield CnCodeMalformed(pointer="/cn_code", cn_code=draft.cn_code)
    if draft.ewc_code is not None and not is_ewc_code(draft.ewc_code):
        yield EwcCodeMalformed(pointer="/ewc_code", ewc_code=draft.ewc_code)
    if draft.ewc_code is None and draft.waste_status == "waste":
        yield EwcCodeMissing(pointer="/ewc_code")


def is_ewc_code(code: str) -> bool:
    return _is_digits(code, EWC_DIGITS)


def _is_digits(code: str, count: int) -> bool:
    return code.isascii() and code.isdigit() and len(code) == count


def _verifier_refusals(draft: SupplyDraft) -> Iterator[Refusal]:
    if draft.footprint is not None and draft.footprint.verified and draft.footprint.verifier is None:
        yield VerifierMissing(pointer="/footprint/verifier")


def _member_checks(
    draft: SupplyDraft, member: Member | None, now: datetime
) -> tuple[Callable[[], Iterator[Refusal]], ...]:
    """Sites and certificates have to be the seller's own."""
    if member is None:
        return ()
    return (
        lambda: _site_refusals(draft, member),
        lambda: _lot_site_refusals(draft, member),
        lambda: _paper_refusals(draft, member, now),
    )


def _site_refusals(draft: SupplyDraft, member: Member) -> Iterator[Refusal]:
    if not _owns(member, draft.facility):
        yield FacilityNotOwned(pointer="/facility")


def _lot_site_refusals(draft: SupplyDraft, member: Member) -> Iterator[Refusal]:
    if draft.physical_lot is not None and not _owns(member, draft.physical_lot.site):
        yield FacilityNotOwned(pointer="/physical_lot/site")


def _owns(member: Member, facility: UUID) -> bool:
    return facility in [each.facility for each in member.facilities]


def _paper_refusals(draft: SupplyDraft, member: Member, now: datetime) -> Iterator[Refusal]:
    for index, certificate in enumerate(draft.certificates):
        pointer = f"/certificates/{index}"
        paper = next((each for each in member.certificates if each.certificate == certificate), None)
        if paper is None:
            yield CertificateNotOwned(pointer=pointer)
        elif paper.valid_until <= now:
            yield CertificateExpired(pointer=pointer, valid_until=paper.valid_until.isoformat())


def terms_of(draft: SupplyDraft, terms: MarketTerms, inputs: MarketInputs) -> SupplyTerms:
    """The terms of a draft that has no refusals: basis down, ask up.

    Raises ValueError for a draft whose ask cannot be converted.
    """
    ratio = kg_per_basis_kg(draft.ask.per, terms.basis, draft.moisture_ppb, draft.composition)
    if ratio is None:
        raise ValueError(f"a price per kg {draft.ask.per} cannot be converted to {terms.basis}")
    converted = {
        "ask": to_ueur_per_basis_kg(draft.ask, ratio, fx_for(inputs, draft.ask.currency), "up"),
        "basis_g": _basis_g(draft, terms.basis),
    }
    return SupplyTerms(**(asdict(draft) | converted))


def _basis_g(draft: SupplyDraft, basis: MarketBasis) -> int:
    return basis_g(
        basis=basis,
        net_wet_g=draft.net_wet_g,
        moisture_ppb=draft.moisture_ppb,
        composition=draft.composition,
    )


def cautions(draft: SupplyDraft, terms: MarketTerms, inputs: MarketInputs) -> tuple[Caution, ...]:
    """What the poster of an accepted draft should know."""
    return stated_cautions(draft) + value_cautions(draft.composition, terms.basis, inputs)


def stated_cautions(draft: SupplyDraft | SupplyTerms) -> tuple[Caution, ...]:
    """As far as the order alone tells it, without the market's inputs."""
    found = list(composition_cautions(draft.composition))
    if draft.footprint is not None and draft.footprint.form != draft.form:
        found.append(
            Caution(
                code="footprint_of_other_form",
                text=f"The footprint is of {draft.footprint.form}, the product is {draft.form}.",
                pointer="/footprint/form",
            )
        )
    return (*found, *_package_cautions(draft))


def _package_cautions(draft: SupplyDraft | SupplyTerms) -> Iterator[Caution]:
    package_g = draft.packaging.package_wet_g
    if draft.packaging.unit in UNPACKED_UNITS or package_g == 0:
        return
    for index, tranche in enumerate(draft.tranches):
        rest_g = tranche.net_wet_g % package_g
        if rest_g:
            yield Caution(
                code="package_rest",
                text=f"{kg_text(rest_g)} fill no whole package of {kg_text(package_g)} and do not trade.",
                pointer=f"/tranches/{index}/net_wet_g",
            )
