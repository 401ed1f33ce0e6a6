"""All clauses of an agreement on the wire: trader's units outside, the record's integers inside."""

from datetime import date
from typing import Annotated, Self, TypeAlias

from msgspec import UNSET, Meta

from events import contract_terms as terms
from events.contract_terms import ConditionKind, NominationLevel, Years
from events.vocabulary import Days, Incoterm, MarketBasis, ProductForm, RexRoute, Side, WasteStatus
from market.http.agreements.agreement_prices import PriceBody, price_outside
from market.http.agreements.demand_terms import AgreedDemands
from market.http.agreements.goods_terms import AgreedGoods
from market.http.orders.composition import Fraction, to_fraction, to_ppb
from market.http.orders.requirement_terms import (
    AnalyteLimit,
    PenaltyRule,
    PurityFloor,
    limit_inside,
    limit_outside,
    penalty_inside,
    penalty_outside,
    purity_inside,
    purity_outside,
)
from market.http.wire.ids import FacilityId, to_text, to_uuid
from market.http.wire.material import Body, Dated, NamedPlace, Packaging, Window
from market.http.wire.numbers import (
    KILOGRAMS,
    PERCENT,
    PERCENT_POSITIVE,
    TONNES,
    Kilograms,
    Percent,
    TonnesPositive,
)
from market.rules.orders.supplies import six_digits
from market.rules.refusing.wording import Code, CurrencyCode, EwcCode, LongText, Name


class AgreedWaste(Body, frozen=True, kw_only=True):
    """Whether the goods are waste when they leave the seller, and by which code. `facility` is the buyer's
    site that takes them, for `rex_route`: papers are asked of it, or where none is named of any of its
    sites."""

    status: WasteStatus
    ewc_code: EwcCode | None = None
    facility: FacilityId | None = None
    rex_route: RexRoute | None = None

    def __post_init__(self) -> None:
        if self.status == "waste" and self.ewc_code is None:
            raise ValueError("waste needs its six-digit code of the European list of waste: ewc_code")


class Product(Body, frozen=True, kw_only=True):
    """What is delivered; the buyer may nominate one of its option forms instead. `waste`: what the orders of
    a match say where it is null."""

    basis: MarketBasis
    form: ProductForm
    buyer_option_forms: Annotated[tuple[ProductForm, ...], Meta(max_length=8)] = ()
    limits: Annotated[tuple[AnalyteLimit, ...], Meta(max_length=64)] = ()
    purity: PurityFloor | None = None
    post_consumer_min_percent: Percent = "0"
    goods: AgreedGoods | None = None
    waste: AgreedWaste | None = None
    demands: AgreedDemands | None = None


class TermOfYears(Dated, frozen=True, kw_only=True):
    """Contract years run from the later of `starts_on` and the day the last condition is met, in UTC."""

    starts_on: date | None = None
    years: Years
    extension_years: Annotated[int, Meta(ge=0, le=20)] = 0
    extensions_max: Annotated[int, Meta(ge=0, le=5)] = 0
    extended_by: Side | None = None
    extension_notice_days: Days = 0
    long_stop_on: date | None = None


class FixedVolume(Body, frozen=True, kw_only=True, tag="fixed", tag_field="kind"):
    """Annual contract quantity of each contract year, those of extensions too: a ramp is this table.

    `tolerance_percent` bounds what may be nominated of a year to either side of it; 0: its band alone does.
    """

    acq_kg: Annotated[tuple[Kilograms, ...], Meta(min_length=1, max_length=60)]
    tolerance_percent: Percent = "0"


class ShareOfOutput(Body, frozen=True, kw_only=True, tag="share_of_output", tag_field="kind"):
    """A share of what the seller's facility puts out, declared for each contract year.

    `tolerance_percent` as of a fixed volume.
    """

    share_percent: Percent
    expected_output_kg: Annotated[tuple[Kilograms, ...], Meta(min_length=1, max_length=60)]
    tolerance_percent: Percent = "0"


VolumeBody: TypeAlias = FixedVolume | ShareOfOutput


class NominationRule(Body, frozen=True, kw_only=True):
    """How early a level is nominated, and how far it may move from its share of the level above."""

    level: NominationLevel
    notice_days: Days
    band_percent: Percent


class TakeOrPay(Body, frozen=True, kw_only=True):
    """What has to be paid for, taken or not; what of it can be made up; what the seller has to deliver.

    A deficiency is made up in the `makeup_years` after its year, as far as the term, extended or not, has
    them: what is left at its end has lapsed. Years from which an amendment takes the clause draw on nothing,
    and what they were the last year for expires in them.
    """

    top_percent: Percent
    deficiency_price_percent: Percent
    makeup_years: Annotated[int, Meta(ge=0, le=20)] = 0
    carry_forward_years: Annotated[int, Meta(ge=0, le=20)] = 0
    carry_forward_max_percent: Percent = "0"
    deliver_percent: Percent = "0"
    deliver_price_percent: Percent = "0"


class Condition(Dated, frozen=True, kw_only=True):
    """A condition precedent: `by` brings its evidence, the other side may waive it."""

    code: Code
    kind: ConditionKind
    description: LongText
    due_on: date
    by: Side


class Delivery(Body, frozen=True, kw_only=True):
    incoterm: Incoterm
    place: NamedPlace
    lot_wet_t: TonnesPositive
    packaging: Packaging
    delivery: Window | None = None


class SplittingLimit(Body, frozen=True, kw_only=True):
    """How far the two assays of an analyte may differ and still be averaged."""

    analyte: Code
    limit: Fraction


class AssayExchange(Body, frozen=True, kw_only=True):
    """What `splitting` does not name is not exchanged: its payment, penalty and limit go by the seller's own
    figure. `umpire` "a laboratory that both parties name", as a match of a market without one begins with,
    names nobody: no figures are taken from an umpire before an amendment names one."""

    splitting: Annotated[tuple[SplittingLimit, ...], Meta(max_length=64)] = ()
    exchange_days: Days = 14
    umpire: Name


class Weighing(Body, frozen=True, kw_only=True):
    """A dry mass received that is within `franchise_percent` of the dry mass shipped is final; farther off,
    the seller may object, and `surveyor`, if both name one, decides. Terms without this have 0.5 %."""

    franchise_percent: Percent
    surveyor: Name | None = None


class Payment(Body, frozen=True, kw_only=True):
    """`due_days`: of every kind, weekends and holidays counted, after the day of UTC on which an invoice was
    recorded."""

    currency: CurrencyCode
    provisional_percent: Percent
    due_days: Days


class Source(Body, frozen=True, kw_only=True):
    """The facility of the seller that makes the product, and how much of that as delivered is the basis."""

    facility: FacilityId
    basis_percent: Annotated[str, PERCENT_POSITIVE.meta()]


class AgreementTerms(Body, frozen=True, kw_only=True):
    """All clauses; a proposal states them whole. `source`: of an agreement that no match led to.
    `effective_from`: of an amendment, the first day of shipment (UTC) that it is for; without it that is the
    day after the second signature."""

    product: Product
    term: TermOfYears
    volume: VolumeBody
    nominations: Annotated[tuple[NominationRule, ...], Meta(max_length=3)] = ()
    take_or_pay: TakeOrPay | None = None
    price: PriceBody
    penalties: Annotated[tuple[PenaltyRule, ...], Meta(max_length=32)] = ()
    conditions: Annotated[tuple[Condition, ...], Meta(max_length=32)] = ()
    delivery: Delivery
    assay: AssayExchange
    payment: Payment
    shortfall_notice_days: Days = 0
    source: Source | None = None
    weighing: Weighing | None = None
    effective_from: date | None = None

    def inside(self) -> terms.AgreementTerms:
        return terms.AgreementTerms(
            product=_product_inside(self.product),
            term=terms.TermClause(**{name: getattr(self.term, name) for name in _TERM}),
            volume=_volume_inside(self.volume),
            nominations=tuple(
                terms.NominationRule(
                    level=rule.level, notice_days=rule.notice_days, band_ppb=PERCENT.parse(rule.band_percent)
                )
                for rule in self.nominations
            ),
            take_or_pay=None if self.take_or_pay is None else _take_or_pay_inside(self.take_or_pay),
            price=self.price.inside(),
            penalties=tuple(penalty_inside(rule) for rule in self.penalties),
            conditions=tuple(
                terms.ConditionPrecedent(**{name: getattr(condition, name) for name in _CONDITION})
                for condition in self.conditions
            ),
            delivery=_delivery_inside(self.delivery),
            assay=terms.AssayClause(
                splitting=tuple(
                    terms.SplittingLimit(analyte=limit.analyte, limit_ppb=to_ppb(limit.limit))
                    for limit in self.assay.splitting
                ),
                exchange_days=self.assay.exchange_days,
                umpire=self.assay.umpire,
            ),
            payment=terms.PaymentClause(
                currency=self.payment.currency,
                provisional_ppb=PERCENT.parse(self.payment.provisional_percent),
                due_days=self.payment.due_days,
            ),
            shortfall_notice_days=self.shortfall_notice_days,
            source=UNSET if self.source is None else _source_inside(self.source),
            weighing=UNSET if self.weighing is None else _weighing_inside(self.weighing),
            effective_from=UNSET if self.effective_from is None else self.effective_from,
        )

    @classmethod
    def outside(cls, value: terms.AgreementTerms) -> Self:
        return cls(
            product=_product_outside(value.product),
            term=TermOfYears(**{name: getattr(value.term, name) for name in _TERM}),
            volume=_volume_outside(value.volume),
            nominations=tuple(
                NominationRule(
                    level=rule.level, notice_days=rule.notice_days, band_percent=PERCENT.text(rule.band_ppb)
                )
                for rule in value.nominations
            ),
            take_or_pay=None if value.take_or_pay is None else _take_or_pay_outside(value.take_or_pay),
            price=price_outside(value.price),
            penalties=tuple(penalty_outside(rule) for rule in value.penalties),
            conditions=tuple(
                Condition(**{name: getattr(condition, name) for name in _CONDITION})
                for condition in value.conditions
            ),
            delivery=_delivery_outside(value.delivery),
            assay=AssayExchange(
                splitting=tuple(
                    SplittingLimit(analyte=limit.analyte, limit=to_fraction(limit.limit_ppb))
                    for limit in value.assay.splitting
                ),
                exchange_days=value.assay.exchange_days,
                umpire=value.assay.umpire,
            ),
            payment=Payment(
                currency=value.payment.currency,
                provisional_percent=PERCENT.text(value.payment.provisional_ppb),
                due_days=value.payment.due_days,
            ),
            shortfall_notice_days=value.shortfall_notice_days,
            source=None if value.source is UNSET else _source_outside(value.source),
            weighing=None if value.weighing is UNSET else _weighing_outside(value.weighing),
            effective_from=None if value.effective_from is UNSET else value.effective_from,
        )


def _source_inside(source: Source) -> terms.SourceClause:
    return terms.SourceClause(
        facility=to_uuid(source.facility), basis_ppb=PERCENT_POSITIVE.parse(source.basis_percent)
    )


def _source_outside(value: terms.SourceClause) -> Source:
    return Source(
        facility=to_text("fac", value.facility), basis_percent=PERCENT_POSITIVE.text(value.basis_ppb)
    )


def _weighing_inside(weighing: Weighing) -> terms.WeighingClause:
    return terms.WeighingClause(
        franchise_ppb=PERCENT.parse(weighing.franchise_percent),
        surveyor=UNSET if weighing.surveyor is None else weighing.surveyor,
    )


def _weighing_outside(value: terms.WeighingClause) -> Weighing:
    return Weighing(
        franchise_percent=PERCENT.text(value.franchise_ppb),
        surveyor=None if value.surveyor is UNSET else value.surveyor,
    )


_TERM = TermOfYears.__struct_fields__
_CONDITION = Condition.__struct_fields__


def _product_inside(product: Product) -> terms.ProductClause:
    return terms.ProductClause(
        basis=product.basis,
        form=product.form,
        buyer_option_forms=product.buyer_option_forms,
        limits=tuple(limit_inside(limit) for limit in product.limits),
        purity=None if product.purity is None else purity_inside(product.purity),
        post_consumer_min_ppb=PERCENT.parse(product.post_consumer_min_percent),
        goods=UNSET if product.goods is None else product.goods.inside(),
        waste=UNSET if product.waste is None else _waste_inside(product.waste),
        demands=UNSET if product.demands is None else product.demands.inside(),
    )


def _waste_inside(waste: AgreedWaste) -> terms.WasteClause:
    return terms.WasteClause(
        status=waste.status,
        ewc_code=None if waste.ewc_code is None else six_digits(waste.ewc_code),
        facility=None if waste.facility is None else to_uuid(waste.facility),
        rex_route=waste.rex_route,
    )


def _product_outside(product: terms.ProductClause) -> Product:
    return Product(
        basis=product.basis,
        form=product.form,
        buyer_option_forms=product.buyer_option_forms,
        limits=tuple(limit_outside(limit) for limit in product.limits),
        purity=None if product.purity is None else purity_outside(product.purity),
        post_consumer_min_percent=PERCENT.text(product.post_consumer_min_ppb),
        goods=AgreedGoods.outside(product.goods),
        waste=None if product.waste is UNSET else _waste_outside(product.waste),
        demands=AgreedDemands.outside(product.demands),
    )


def _waste_outside(waste: terms.WasteClause) -> AgreedWaste:
    return AgreedWaste(
        status=waste.status,
        ewc_code=waste.ewc_code,
        facility=None if waste.facility is None else to_text("fac", waste.facility),
        rex_route=waste.rex_route,
    )


def _volume_inside(volume: VolumeBody) -> terms.VolumeClause:
    tolerance_ppb = PERCENT.parse(volume.tolerance_percent)
    if isinstance(volume, FixedVolume):
        return terms.FixedVolume(
            acq_g=tuple(KILOGRAMS.parse(each) for each in volume.acq_kg), tolerance_ppb=tolerance_ppb
        )
    return terms.ShareOfOutput(
        share_ppb=PERCENT.parse(volume.share_percent),
        expected_output_g=tuple(KILOGRAMS.parse(each) for each in volume.expected_output_kg),
        tolerance_ppb=tolerance_ppb,
    )


def _volume_outside(volume: terms.VolumeClause) -> VolumeBody:
    tolerance_percent = PERCENT.text(volume.tolerance_ppb)
    if isinstance(volume, terms.FixedVolume):
        return FixedVolume(
            acq_kg=tuple(KILOGRAMS.text(each) for each in volume.acq_g), tolerance_percent=tolerance_percent
        )
    return ShareOfOutput(
        share_percent=PERCENT.text(volume.share_ppb),
        expected_output_kg=tuple(KILOGRAMS.text(each) for each in volume.expected_output_g),
        tolerance_percent=tolerance_percent,
    )


def _take_or_pay_inside(clause: TakeOrPay) -> terms.TakeOrPayClause:
    return terms.TakeOrPayClause(
        top_ppb=PERCENT.parse(clause.top_percent),
        deficiency_price_ppb=PERCENT.parse(clause.deficiency_price_percent),
        makeup_years=clause.makeup_years,
        carry_forward_years=clause.carry_forward_years,
        carry_forward_max_ppb=PERCENT.parse(clause.carry_forward_max_percent),
        deliver_ppb=PERCENT.parse(clause.deliver_percent),
        deliver_price_ppb=PERCENT.parse(clause.deliver_price_percent),
    )


def _take_or_pay_outside(clause: terms.TakeOrPayClause) -> TakeOrPay:
    return TakeOrPay(
        top_percent=PERCENT.text(clause.top_ppb),
        deficiency_price_percent=PERCENT.text(clause.deficiency_price_ppb),
        makeup_years=clause.makeup_years,
        carry_forward_years=clause.carry_forward_years,
        carry_forward_max_percent=PERCENT.text(clause.carry_forward_max_ppb),
        deliver_percent=PERCENT.text(clause.deliver_ppb),
        deliver_price_percent=PERCENT.text(clause.deliver_price_ppb),
    )


def _delivery_inside(delivery: Delivery) -> terms.DeliveryClause:
    lot_wet_g = TONNES.parse(delivery.lot_wet_t)
    return terms.DeliveryClause(
        incoterm=delivery.incoterm,
        place=delivery.place.inside(),
        lot_wet_g=lot_wet_g,
        packaging=delivery.packaging.inside(lot_wet_g),
        delivery=None if delivery.delivery is None else delivery.delivery.inside(),
    )


def _delivery_outside(delivery: terms.DeliveryClause) -> Delivery:
    return Delivery(
        incoterm=delivery.incoterm,
        place=NamedPlace.outside(delivery.place),
        lot_wet_t=TONNES.text(delivery.lot_wet_g),
        packaging=Packaging.outside(delivery.packaging),
        delivery=None if delivery.delivery is None else Window.outside(delivery.delivery),
    )
