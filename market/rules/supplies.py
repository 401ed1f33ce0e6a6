"""A supply as its owner states it, and the terms the record keeps: grams of basis and ask computed once."""

import re
from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import asdict

from events.market_terms import MarketTerms, Member, SupplyTerms
from events.refusal import Refusal
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
from market.rules.defects import (
    AmountOutOfRange,
    AskNegative,
    CertificateNotOwned,
    CnCodeMalformed,
    DenominatorNotConvertible,
    EwcCodeMalformed,
    EwcCodeMissing,
    FacilityNotOwned,
    MinimumParcelTooLarge,
    PackageTooLarge,
    QuantityNotPositive,
    TranchesNotSum,
    VerifierMissing,
)
from market.rules.horizons import term_refusals, tranche_refusals, validity_refusals, window_refusals
from market.rules.market_inputs import MarketInputs
from market.rules.materials import (
    admission_refusals,
    assay_refusals,
    composition_cautions,
    composition_refusals,
    form_refusals,
    value_cautions,
)
from market.rules.orders import Caution, PostingState
from market.rules.quantities import (
    EUR,
    basis_g,
    fx_for,
    supply_kg_per_basis_kg,
    to_ueur_per_basis_kg,
)
from market.rules.refusals import CertificateExpired, FxMissing
from market.rules.wellformed import duplicate_refusals, malformed
from market.rules.wording import Code, Text

EWC_CODE = re.compile(r"[0-9]{6}")
CN_CODE = re.compile(r"[0-9]{8}")


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


def draft_refusals(
    draft: SupplyDraft, state: PostingState, now: datetime, known: frozenset[Period]
) -> list[Refusal]:
    """All that keeps a draft from being an order of this market; `known` windows may have passed."""
    reasons = malformed(draft)
    if reasons:
        return reasons
    reasons += form_refusals((draft.form,), state.terms.basis, ("/form",))
    material = composition_refusals(draft.composition, draft.moisture_ppb, state.terms.basis)
    if not material:
        material = admission_refusals(
            draft.composition, draft.moisture_ppb, state.terms, state.rule_set, state.inputs
        )
        reasons += ask_refusals(draft, state.terms, state.inputs)
    reasons += material
    reasons += assay_refusals(draft.assay, now.date())
    reasons += _quantity_refusals(draft)
    for index, tranche in enumerate(draft.tranches):
        pointer = f"/tranches/{index}/window"
        reasons += window_refusals(tranche.window, pointer, draft.term, now, known)
    reasons += validity_refusals(draft.valid_until, now)
    reasons += term_refusals(draft.term, state.inputs, now)
    reasons += _paper_refusals(draft)
    return reasons + (member_refusals(draft, state.member, now) if state.member else [])


def ask_refusals(draft: SupplyDraft, terms: MarketTerms, inputs: MarketInputs) -> list[Refusal]:
    """Currency, denominator, sign and the posting bound of the ask."""
    ask = draft.ask
    reasons: list[Refusal] = []
    ratio = supply_kg_per_basis_kg(ask.per, terms.basis, draft.moisture_ppb, draft.composition)
    if ratio is None:
        accepted = "wet, dry, oxide or element" if BASIS_ELEMENTS[terms.basis] else "wet or dry"
        reasons.append(
            DenominatorNotConvertible(pointer="/ask/per", per=ask.per, basis=terms.basis, accepted=accepted)
        )
    if ask.currency != EUR and ask.currency not in inputs.fx:
        reasons.append(FxMissing(pointer="/ask/currency", currency=ask.currency))
    if ask.amount_micro < 0 and draft.term is None:
        reasons.append(AskNegative(pointer="/ask/amount_micro"))
    if ratio is None or reasons:
        return reasons
    price = to_ueur_per_basis_kg(ask, ratio, fx_for(inputs, ask.currency), "up")
    return range_refusals(price, "/ask/amount_micro")


def range_refusals(price: ConvertedPrice, pointer: str) -> list[Refusal]:
    """The posting bound: no order can halt a market."""
    if abs(price.ueur_per_kg) <= PRICE_UEUR_PER_KG_MAX:
        return []
    return [
        AmountOutOfRange(
            pointer=pointer,
            value=price.ueur_per_kg,
            least=-PRICE_UEUR_PER_KG_MAX,
            most=PRICE_UEUR_PER_KG_MAX,
            unit="micro-EUR per kg of basis",
        )
    ]


def _quantity_refusals(draft: SupplyDraft) -> list[Refusal]:
    reasons: list[Refusal] = []
    if draft.net_wet_g == 0:
        reasons.append(QuantityNotPositive(pointer="/net_wet_g"))
    package_g = draft.packaging.package_wet_g
    if package_g == 0:
        reasons.append(QuantityNotPositive(pointer="/packaging/package_wet_g"))
    if package_g > draft.net_wet_g:
        reasons.append(
            PackageTooLarge(
                pointer="/packaging/package_wet_g", package_g=package_g, quantity_g=draft.net_wet_g
            )
        )
    if draft.minimum_parcel_wet_g > draft.net_wet_g:
        reasons.append(
            MinimumParcelTooLarge(
                pointer="/minimum_parcel_wet_g",
                parcel_g=draft.minimum_parcel_wet_g,
                quantity_g=draft.net_wet_g,
            )
        )
    reasons += [
        QuantityNotPositive(pointer=f"/tranches/{index}/net_wet_g")
        for index, tranche in enumerate(draft.tranches)
        if tranche.net_wet_g == 0
    ]
    sum_g = sum(tranche.net_wet_g for tranche in draft.tranches)
    if sum_g != draft.net_wet_g:
        reasons.append(TranchesNotSum(pointer="/tranches", sum_g=sum_g, net_wet_g=draft.net_wet_g))
    return reasons + tranche_refusals(draft.tranches)


def _paper_refusals(draft: SupplyDraft) -> list[Refusal]:
    reasons: list[Refusal] = []
    if draft.waste_status == "waste" and draft.ewc_code is None:
        reasons.append(EwcCodeMissing(pointer="/ewc_code"))
    if draft.ewc_code is not None and not EWC_CODE.fullmatch(draft.ewc_code):
        reasons.append(EwcCodeMalformed(pointer="/ewc_code", ewc_code=draft.ewc_code))
    if draft.cn_code is not None and not CN_CODE.fullmatch(draft.cn_code):
        reasons.append(CnCodeMalformed(pointer="/cn_code", cn_code=draft.cn_code))
    if draft.footprint is not None and draft.footprint.verified and draft.footprint.verifier is None:
        reasons.append(VerifierMissing(pointer="/footprint/verifier"))
    reasons += duplicate_refusals("/certificates", draft.certificates)
    reasons += duplicate_refusals("/visible_to_initiatives", draft.visible_to_initiatives)
    return reasons + duplicate_refusals("/rex_routes", draft.rex_routes)


def member_refusals(draft: SupplyDraft, member: Member, now: datetime) -> list[Refusal]:
    """Sites and certificates have to be the seller's own."""
    reasons: list[Refusal] = []
    facilities = {facility.facility for facility in member.facilities}
    if draft.facility not in facilities:
        reasons.append(FacilityNotOwned(pointer="/facility"))
    if draft.physical_lot is not None and draft.physical_lot.site not in facilities:
        reasons.append(FacilityNotOwned(pointer="/physical_lot/site"))
    certificates = {certificate.certificate: certificate for certificate in member.certificates}
    for index, certificate in enumerate(draft.certificates):
        pointer = f"/certificates/{index}"
        if certificate not in certificates:
            reasons.append(CertificateNotOwned(pointer=pointer))
        elif certificates[certificate].valid_until <= now:
            until = certificates[certificate].valid_until.isoformat()
            reasons.append(CertificateExpired(pointer=pointer, valid_until=until))
    return reasons


def terms_of(draft: SupplyDraft, terms: MarketTerms, inputs: MarketInputs) -> SupplyTerms:
    """The terms of a draft that has no refusals: basis down, ask up.

    Raises ValueError for a draft whose ask cannot be converted.
    """
    ratio = supply_kg_per_basis_kg(draft.ask.per, terms.basis, draft.moisture_ppb, draft.composition)
    if ratio is None:
        raise ValueError(f"a price per kg {draft.ask.per} cannot be converted to {terms.basis}")
    stated = {name: value for name, value in asdict(draft).items() if name != "ask"}
    return SupplyTerms(
        **stated,
        ask=to_ueur_per_basis_kg(draft.ask, ratio, fx_for(inputs, draft.ask.currency), "up"),
        basis_g=basis_g(
            basis=terms.basis,
            net_wet_g=draft.net_wet_g,
            moisture_ppb=draft.moisture_ppb,
            composition=draft.composition,
        ),
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
    return tuple(found)
