"""All clauses of an agreement on the wire: trader's units outside, the record's integers inside."""

from datetime import date
from typing import Annotated, Self, TypeAlias

from msgspec import UNSET, Meta, structs

from events import contract_terms as terms
from events.contract_terms import ConditionKind, NominationLevel, Years
from events.vocabulary import Days, Incoterm, Side
from market.http.agreements.agreement_prices import PriceBody, price_outside
from market.http.agreements.product_terms import Product
from market.http.orders.composition import Fraction, to_fraction, to_ppb
from market.http.orders.requirement_terms import (
    PenaltyRule,
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
from market.rules.refusing.wording import Code, CurrencyCode, LongText, Name


class TermOfYears(Dated, frozen=True, kw_only=True):
    """Contract years run from the later of `starts_on` and the day the last condition is met, in UTC."""

    starts_on: date | None = None
    years: Years
    extension_years: Annotated[int, Meta(ge=0, le=20)] = 0
    extensions_max: Annotated[int, Meta(ge=0, le=5)] = 0
    extended_by: Side | None = None
    extension_notice_days: Days = 0
    long_stop_on: date | None = None

    def inside(self) -> terms.TermClause:
        return terms.TermClause(**structs.asdict(self))

    @classmethod
    def outside(cls, value: terms.TermClause) -> Self:
        return cls(**structs.asdict(value))


class FixedVolume(Body, frozen=True, kw_only=True, tag="fixed", tag_field="kind"):
    """Annual contract quantity of each contract year, those of extensions too: a ramp is this table.

    `tolerance_percent` bounds what may be nominated of a year to either side of it; 0: its band alone does.
    """

    acq_kg: Annotated[tuple[Kilograms, ...], Meta(min_length=1, max_length=60)]
    tolerance_percent: Percent = "0"

    def inside(self) -> terms.FixedVolume:
        return terms.FixedVolume(
            acq_g=tuple(map(KILOGRAMS.parse, self.acq_kg)),
            tolerance_ppb=PERCENT.parse(self.tolerance_percent),
        )

    @classmethod
    def outside(cls, value: terms.FixedVolume) -> Self:
        return cls(
            acq_kg=tuple(map(KILOGRAMS.text, value.acq_g)),
            tolerance_percent=PERCENT.text(value.tolerance_ppb),
        )


class ShareOfOutput(Body, frozen=True, kw_only=True, tag="share_of_output", tag_field="kind"):
    """A share of what the seller's facility puts out, declared for each contract year.

    `tolerance_percent` as of a fixed volume.
    """

    share_percent: Percent
    expected_output_kg: Annotated[tuple[Kilograms, ...], Meta(min_length=1, max_length=60)]
    tolerance_percent: Percent = "0"

    def inside(self) -> terms.ShareOfOutput:
        return terms.ShareOfOutput(
            share_ppb=PERCENT.parse(self.share_percent),
            expected_output_g=tuple(map(KILOGRAMS.parse, self.expected_output_kg)),
            tolerance_ppb=PERCENT.parse(self.tolerance_percent),
        )

    @classmethod
    def outside(cls, value: terms.ShareOfOutput) -> Self:
        return cls(
            share_percent=PERCENT.text(value.share_ppb),
            expected_output_kg=tuple(map(KILOGRAMS.text, value.expected_output_g)),
            tolerance_percent=PERCENT.text(value.tolerance_ppb),
        )


VolumeBody: TypeAlias = FixedVolume | ShareOfOutput


def _volume_outside(value: terms.VolumeClause) -> VolumeBody:
    if isinstance(value, terms.FixedVolume):
        return FixedVolume.outside(value)
    return ShareOfOutput.outside(value)


class NominationRule(Body, frozen=True, kw_only=True):
    """How early a level is nominated, and how far it may move from its share of the level above."""

    level: NominationLevel
    notice_days: Days
    band_percent: Percent

    def inside(self) -> terms.NominationRule:
        return terms.NominationRule(
            level=self.level, notice_days=self.notice_days, band_ppb=PERCENT.parse(self.band_percent)
        )

    @classmethod
    def outside(cls, value: terms.NominationRule) -> Self:
        return cls(
            level=value.level, notice_days=value.notice_days, band_percent=PERCENT.text(value.band_ppb)
        )


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

    def inside(self) -> terms.TakeOrPayClause:
        return terms.TakeOrPayClause(
            top_ppb=PERCENT.parse(self.top_percent),
            deficiency_price_ppb=PERCENT.parse(self.deficiency_price_percent),
            makeup_years=self.makeup_years,
            carry_forward_years=self.carry_forward_years,
            carry_forward_max_ppb=PERCENT.parse(self.carry_forward_max_percent),
            deliver_ppb=PERCENT.parse(self.deliver_percent),
            deliver_price_ppb=PERCENT.parse(self.deliver_price_percent),
        )

    @classmethod
    def outside(cls, value: terms.TakeOrPayClause) -> Self:
        return cls(
            top_percent=PERCENT.text(value.top_ppb),
            deficiency_price_percent=PERCENT.text(value.deficiency_price_ppb),
            makeup_years=value.makeup_years,
            carry_forward_years=value.carry_forward_years,
            carry_forward_max_percent=PERCENT.text(value.carry_forward_max_ppb),
            deliver_percent=PERCENT.text(value.deliver_ppb),
            deliver_price_percent=PERCENT.text(value.deliver_price_ppb),
        )


class Condition(Dated, frozen=True, kw_only=True):
    """A condition precedent: `by` brings its evidence, the other side may waive it."""

    code: Code
    kind: ConditionKind
    description: LongText
    due_on: date
    by: Side

    def inside(self) -> terms.ConditionPrecedent:
        return terms.ConditionPrecedent(**structs.asdict(self))

    @classmethod
    def outside(cls, value: terms.ConditionPrecedent) -> Self:
        return cls(**structs.asdict(value))


class Delivery(Body, frozen=True, kw_only=True):
    incoterm: Incoterm
    place: NamedPlace
    lot_wet_t: TonnesPositive
    packaging: Packaging
    delivery: Window | None = None

    def inside(self) -> terms.DeliveryClause:
        lot_wet_g = TONNES.parse(self.lot_wet_t)
        return terms.DeliveryClause(
            incoterm=self.incoterm,
            place=self.place.inside(),
            lot_wet_g=lot_wet_g,
            packaging=self.packaging.inside(lot_wet_g),
            delivery=None if self.delivery is None else self.delivery.inside(),
        )

    @classmethod
    def outside(cls, value: terms.DeliveryClause) -> Self:
        return cls(
            incoterm=value.incoterm,
            place=NamedPlace.outside(value.place),
            lot_wet_t=TONNES.text(value.lot_wet_g),
            packaging=Packaging.outside(value.packaging),
            delivery=None if value.delivery is None else Window.outside(value.delivery),
        )


class SplittingLimit(Body, frozen=True, kw_only=True):
    """How far the two assays of an analyte may differ and still be averaged."""

    analyte: Code
    limit: Fraction

    def inside(self) -> terms.SplittingLimit:
        return terms.SplittingLimit(analyte=self.analyte, limit_ppb=to_ppb(self.limit))

    @classmethod
    def outside(cls, value: terms.SplittingLimit) -> Self:
        return cls(analyte=value.analyte, limit=to_fraction(value.limit_ppb))


class AssayExchange(Body, frozen=True, kw_only=True):
    """What `splitting` does not name is not exchanged: its payment, penalty and limit go by the seller's own
    figure. `umpire` "a laboratory that both parties name", as a match of a market without one begins with,
    names nobody: no figures are taken from an umpire before an amendment names one."""

    splitting: Annotated[tuple[SplittingLimit, ...], Meta(max_length=64)] = ()
    exchange_days: Days = 14
    umpire: Name

    def inside(self) -> terms.AssayClause:
        return terms.AssayClause(
            splitting=tuple(limit.inside() for limit in self.splitting),
            exchange_days=self.exchange_days,
            umpire=self.umpire,
        )

    @classmethod
    def outside(cls, value: terms.AssayClause) -> Self:
        return cls(
            splitting=tuple(map(SplittingLimit.outside, value.splitting)),
            exchange_days=value.exchange_days,
            umpire=value.umpire,
        )


class Weighing(Body, frozen=True, kw_only=True):
    """A dry mass received that is within `franchise_percent` of the dry mass shipped is final; farther off,
    the seller may object, and `surveyor`, if both name one, decides. Terms without this have 0.5 %."""

    franchise_percent: Percent
    surveyor: Name | None = None

    def inside(self) -> terms.WeighingClause:
        return terms.WeighingClause(
            franchise_ppb=PERCENT.parse(self.franchise_percent),
            surveyor=UNSET if self.surveyor is None else self.surveyor,
        )

    @classmethod
    def outside(cls, value: terms.WeighingClause) -> Self:
        return cls(
            franchise_percent=PERCENT.text(value.franchise_ppb),
            surveyor=None if value.surveyor is UNSET else value.surveyor,
        )


class Payment(Body, frozen=True, kw_only=True):
    """`due_days`: of every kind, weekends and holidays counted, after the day of UTC on which an invoice was
    recorded."""

    currency: CurrencyCode
    provisional_percent: Percent
    due_days: Days

    def inside(self) -> terms.PaymentClause:
        return terms.PaymentClause(
            currency=self.currency,
            provisional_ppb=PERCENT.parse(self.provisional_percent),
            due_days=self.due_days,
        )

    @classmethod
    def outside(cls, value: terms.PaymentClause) -> Self:
        return cls(
            currency=value.currency,
            provisional_percent=PERCENT.text(value.provisional_ppb),
            due_days=value.due_days,
        )


class Source(Body, frozen=True, kw_only=True):
    """The facility of the seller that makes the product, and how much of that as delivered is the basis."""

    facility: FacilityId
    basis_percent: Annotated[str, PERCENT_POSITIVE.meta()]

    def inside(self) -> terms.SourceClause:
        return terms.SourceClause(
            facility=to_uuid(self.facility), basis_ppb=PERCENT_POSITIVE.parse(self.basis_percent)
        )

    @classmethod
    def outside(cls, value: terms.SourceClause) -> Self:
        return cls(
            facility=to_text("fac", value.facility), basis_percent=PERCENT_POSITIVE.text(value.basis_ppb)
        )


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
            product=self.product.inside(),
            term=self.term.inside(),
            volume=self.volume.inside(),
            nominations=tuple(rule.inside() for rule in self.nominations),
            take_or_pay=None if self.take_or_pay is None else self.take_or_pay.inside(),
            price=self.price.inside(),
            penalties=tuple(rule.inside() for rule in self.penalties),
            conditions=tuple(condition.inside() for condition in self.conditions),
            delivery=self.delivery.inside(),
            assay=self.assay.inside(),
            payment=self.payment.inside(),
            shortfall_notice_days=self.shortfall_notice_days,
            source=UNSET if self.source is None else self.source.inside(),
            weighing=UNSET if self.weighing is None else self.weighing.inside(),
            effective_from=UNSET if self.effective_from is None else self.effective_from,
        )

    @classmethod
    def outside(cls, value: terms.AgreementTerms) -> Self:
        return cls(
            product=Product.outside(value.product),
            term=TermOfYears.outside(value.term),
            volume=_volume_outside(value.volume),
            nominations=tuple(map(NominationRule.outside, value.nominations)),
            take_or_pay=None if value.take_or_pay is None else TakeOrPay.outside(value.take_or_pay),
            price=price_outside(value.price),
            penalties=tuple(map(PenaltyRule.outside, value.penalties)),
            conditions=tuple(map(Condition.outside, value.conditions)),
            delivery=Delivery.outside(value.delivery),
            assay=AssayExchange.outside(value.assay),
            payment=Payment.outside(value.payment),
            shortfall_notice_days=value.shortfall_notice_days,
            source=None if value.source is UNSET else Source.outside(value.source),
            weighing=None if value.weighing is UNSET else Weighing.outside(value.weighing),
            effective_from=None if value.effective_from is UNSET else value.effective_from,
        )
