"""Terms of a supply offer or recovered lot in requests and answers: trader's units in the API, integers
inside."""

from typing import Annotated, Self

from msgspec import UNSET, Meta

from events import market_terms as terms
from events.vocabulary import (
    Commitment,
    ConditionGrade,
    ExportLicenceStatus,
    Incoterm,
    Instant,
    ProductForm,
    RexRoute,
    WasteStatus,
)
from market.http.orders import forecast_terms, rex_terms
from market.http.orders.composition import Assay, Composition
from market.http.orders.forecast_terms import Forecast
from market.http.orders.rex_terms import Core, StepDown, WholeMagnets
from market.http.wire.ids import CertificateId, FacilityId, to_text, to_uuid
from market.http.wire.material import (
    Body,
    Footprint,
    NamedPlace,
    OriginStep,
    Packaging,
    PhysicalLot,
    Price,
    RecycledContent,
    Term,
    Tranche,
    utc,
)
from market.http.wire.numbers import PERCENT, TONNES, Percent, TonnesPositive
from market.rules.orders.supplies import SupplyDraft, six_digits
from market.rules.refusing.wording import Code, EwcCode, Text


class SupplyTerms(Body, frozen=True, kw_only=True):
    """The material and its price. Masses are net product as delivered, per contract year when `term` is set.

    `ask` is converted once, at posting, to EUR per kg of the market's basis, rounded up; the quantity to
    grams of basis, rounded down. A lot is one physical lot: its site and lot number, and its passport if it
    has one. Only whole packages are traded, of bulk product any quantity; `all_or_nothing` sells all whole
    packages in one round, to one buyer or several: if one of several declines or lets its match lapse, the
    others' parts stay sold and the rest is open again. Waste, end-of-life magnets and cores of a form that
    the market's rule set grades have to name `rex_routes`, and a `step_down` if the condition allows a higher
    route. `payment_terms` are only text for readers: the contract of a spot match has its own payment clause.
    """

    form: ProductForm
    net_wet_t: TonnesPositive
    moisture_percent: Percent
    composition: Composition
    assay: Assay
    packaging: Packaging
    minimum_parcel_wet_t: TonnesPositive
    tranches: Annotated[tuple[Tranche, ...], Meta(min_length=1, max_length=60)]
    incoterm: Incoterm
    place: NamedPlace
    ask: Price
    valid_until: Instant
    payment_terms: Text
    facility: FacilityId
    origin: Annotated[tuple[OriginStep, ...], Meta(min_length=1, max_length=12)]
    waste_status: WasteStatus
    ewc_code: EwcCode | None = None
    cn_code: Code | None = None
    export_licence: ExportLicenceStatus = "not_required"
    commitment: Commitment
    term: Term | None = None
    visible_to_initiatives: Annotated[tuple[Code, ...], Meta(max_length=32)] = ()
    certificates: Annotated[tuple[CertificateId, ...], Meta(max_length=32)] = ()
    footprint: Footprint | None = None
    recycled: RecycledContent | None = None
    physical_lot: PhysicalLot | None = None
    rex_routes: Annotated[tuple[RexRoute, ...], Meta(max_length=4)] = ()
    condition: ConditionGrade | None = None
    all_or_nothing: bool = False
    minimum_quantity_wet_t: TonnesPositive | None = None
    core: Annotated[Core, Meta(examples=[rex_terms.CORE])] | None = None
    magnets: Annotated[WholeMagnets, Meta(examples=[rex_terms.WHOLE_MAGNETS])] | None = None
    step_down: Annotated[StepDown, Meta(examples=[rex_terms.STEP_DOWN])] | None = None
    forecast: Annotated[Forecast, Meta(examples=[forecast_terms.FORECAST])] | None = None

    def draft(self) -> SupplyDraft:
        net_wet_g = TONNES.decoded(self.net_wet_t)
        return SupplyDraft(
            form=self.form,
            net_wet_g=net_wet_g,
            moisture_ppb=PERCENT.decoded(self.moisture_percent),
            composition=self.composition.inside(),
            assay=self.assay.inside(),
            packaging=self.packaging.inside(net_wet_g),
            minimum_parcel_wet_g=TONNES.decoded(self.minimum_parcel_wet_t),
            tranches=tuple([tranche.inside() for tranche in self.tranches]),
            incoterm=self.incoterm,
            place=self.place.inside(),
            ask=self.ask.inside(),
            valid_until=utc(self.valid_until, "/valid_until"),
            payment_terms=self.payment_terms,
            facility=to_uuid(self.facility),
            origin=tuple([step.inside() for step in self.origin]),
            waste_status=self.waste_status,
            ewc_code=None if self.ewc_code is None else six_digits(self.ewc_code),
            cn_code=self.cn_code,
            export_licence=self.export_licence,
            commitment=self.commitment,
            term=None if self.term is None else self.term.inside(),
            visible_to_initiatives=self.visible_to_initiatives,
            certificates=tuple(map(to_uuid, self.certificates)),
            footprint=None if self.footprint is None else self.footprint.inside(),
            recycled=None if self.recycled is None else self.recycled.inside(),
            physical_lot=None if self.physical_lot is None else self.physical_lot.inside(),
            rex_routes=self.rex_routes,
            condition=self.condition,
            all_or_nothing=self.all_or_nothing,
            minimum_quantity_wet_g=TONNES.decoded_optional(self.minimum_quantity_wet_t),
            core=UNSET if self.core is None else self.core.inside(),
            magnets=UNSET if self.magnets is None else self.magnets.inside(),
            step_down=UNSET if self.step_down is None else self.step_down.inside(),
            forecast=UNSET if self.forecast is None else self.forecast.inside(),
        )

    @classmethod
    def outside(cls, value: terms.SupplyTerms) -> Self:
        return cls(
            form=value.form,
            net_wet_t=TONNES.text(value.net_wet_g),
            moisture_percent=PERCENT.text(value.moisture_ppb),
            composition=Composition.outside(value.composition),
            assay=Assay.outside(value.assay),
            packaging=Packaging.outside(value.packaging),
            minimum_parcel_wet_t=TONNES.text(value.minimum_parcel_wet_g),
            tranches=tuple(Tranche.outside(tranche) for tranche in value.tranches),
            incoterm=value.incoterm,
            place=NamedPlace.outside(value.place),
            ask=Price.outside(value.ask.stated),
            valid_until=value.valid_until,
            payment_terms=value.payment_terms,
            facility=to_text("fac", value.facility),
            origin=tuple(OriginStep.outside(step) for step in value.origin),
            waste_status=value.waste_status,
            ewc_code=value.ewc_code,
            cn_code=value.cn_code,
            export_licence=value.export_licence,
            commitment=value.commitment,
            term=None if value.term is None else Term.outside(value.term),
            visible_to_initiatives=value.visible_to_initiatives,
            certificates=tuple(to_text("cert", certificate) for certificate in value.certificates),
            footprint=None if value.footprint is None else Footprint.outside(value.footprint),
            recycled=None if value.recycled is None else RecycledContent.outside(value.recycled),
            physical_lot=None if value.physical_lot is None else PhysicalLot.outside(value.physical_lot),
            rex_routes=value.rex_routes,
            condition=value.condition,
            all_or_nothing=value.all_or_nothing,
            minimum_quantity_wet_t=TONNES.text_optional(value.minimum_quantity_wet_g),
            core=Core.outside(value.core),
            magnets=WholeMagnets.outside(value.magnets),
            step_down=StepDown.outside(value.step_down),
            forecast=Forecast.outside(value.forecast),
        )
