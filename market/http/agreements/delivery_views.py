"""Deliveries as parties and auditors read them; the other side's assay stays sealed."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal, Self

from msgspec import UNSET, UnsetType

from contracts.rules.agreement import Agreement
from contracts.rules.awaits import Consequence, DeliveryAct, Wait, WhoActs, waits
from contracts.rules.calls import awaited, deemed_acts
from contracts.rules.delivered import broken
from contracts.rules.delivery import Delivery, DeliveryStatus
from contracts.rules.replacements import RETURN_FREIGHT, made_good_by
from events import contract_terms as terms
from events.contract_terms import BuyerAct
from events.delivery_events import AssayLodged, UmpireDecided, UmpireObjected
from events.vocabulary import Instant, ProductForm, Side
from market.http.agreements.agreement_views import Evidence, evidence_view
from market.http.agreements.consignments import Consignment
from market.http.agreements.delivery_claims import ClaimsView
from market.http.agreements.goods_terms import FoundGoods
from market.http.agreements.invoice_views import InvoiceLineView
from market.http.agreements.lot_returns import ReturnView
from market.http.agreements.non_arrivals import NonArrivalView
from market.http.agreements.weighing_views import WeighingView
from market.http.orders.composition import Fraction, to_fraction
from market.http.wire.ids import AgreementId, DeliveryId, InvoiceId, PassportId, to_text
from market.http.wire.material import Body
from market.http.wire.numbers import (
    KILOGRAMS,
    PERCENT,
    SIGNED_CENTS,
    TONNES,
    Kilograms,
    Percent,
    SignedCents,
    Tonnes,
)
from market.rules.refusing.wording import Code


class Result(Body, frozen=True, kw_only=True):
    """An analyte as element in the dry sample: `fraction` in the unit that it was stated in,
    `fraction_percent` always in percent."""

    analyte: Code
    fraction: Fraction
    fraction_percent: Percent

    @classmethod
    def outside(cls, value: terms.AnalyteResult) -> Self:
        return cls(
            analyte=value.analyte,
            fraction=to_fraction(value.fraction_ppb, value.unit),
            fraction_percent=PERCENT.text(value.fraction_ppb),
        )


class SettledResult(Body, frozen=True, kw_only=True):
    """How an analyte's figure was settled; a side's figure is null if it submitted none. Figures are in the
    unit in which the shipment states the analyte; `settled_percent` is always in per cent."""

    analyte: str
    seller: Fraction | None
    buyer: Fraction | None
    umpire: Fraction | None
    settled: Fraction
    settled_percent: Percent
    by: Literal["mean", "umpire", "nearer_party", "silence_binds"]
    pays_umpire: Side | None

    @classmethod
    def outside(cls, value: terms.SettledAnalyte, stated: Sequence[terms.AnalyteResult]) -> Self:
        """`stated`: of the shipment."""
        unit = next((each.unit for each in stated if each.analyte == value.analyte), UNSET)
        return cls(
            analyte=value.analyte,
            seller=_fraction(value.seller_ppb, unit),
            buyer=_fraction(value.buyer_ppb, unit),
            umpire=_fraction(value.umpire_ppb, unit),
            settled=to_fraction(value.settled_ppb, unit),
            settled_percent=PERCENT.text(value.settled_ppb),
            by=value.by,
            pays_umpire=value.pays_umpire,
        )


def _fraction(ppb: int | None, unit: terms.FractionUnit | UnsetType) -> Fraction | None:
    return None if ppb is None else to_fraction(ppb, unit)


class AssayView(Body, frozen=True, kw_only=True):
    """`sealed`: submitted, and not shown before both are in or the time is over."""

    laboratory: str | None
    reference: str | None
    results: tuple[Result, ...]
    sealed: bool


class UmpireView(Body, frozen=True, kw_only=True):
    """The umpire's assay. `by` null: the operator submitted it, or the event is older than this member."""

    laboratory: str
    reference: str
    cost: SignedCents
    certificate: Evidence | None
    by: Side | None
    object_by: Instant | None

    @classmethod
    def of(cls, fact: UmpireDecided) -> Self:
        return cls(
            laboratory=fact.laboratory,
            reference=fact.reference,
            cost=SIGNED_CENTS.text(fact.cost_cents),
            certificate=None if fact.certificate is UNSET else Evidence.outside(fact.certificate),
            by=None if fact.by is UNSET else fact.by,
            object_by=None if fact.object_by is UNSET else fact.object_by,
        )


class ObjectionView(Body, frozen=True, kw_only=True):
    """Which side objected to the submitted umpire's assay, and why."""

    by: Side
    reason: str
    evidence: tuple[Evidence, ...]

    @classmethod
    def of(cls, fact: UmpireObjected) -> Self:
        return cls(by=fact.by, reason=fact.reason, evidence=tuple(map(Evidence.outside, fact.evidence)))


class AwaitedView(Body, frozen=True, kw_only=True):
    """What only the buyer can do next. From `act_by` on it is deemed done: the shipped mass counts as
    received, the lot as accepted. Before the buyer is `called`, `act_by` is the earliest possible time."""

    act: BuyerAct
    act_by: Instant
    called: bool

    @classmethod
    def of(cls, value: Delivery, now: datetime) -> Self | None:
        found = awaited(value, now)
        return None if found is None else cls(act=found.act, act_by=found.act_by, called=found.called)


class WaitView(Body, frozen=True, kw_only=True):
    """`side` may act until `by`; null: no time is set. `consequence`: what follows if it does not."""

    side: WhoActs
    act: DeliveryAct
    by: Instant | None
    consequence: Consequence

    @classmethod
    def of(cls, value: Wait) -> Self:
        return cls(side=value.side, act=value.act, by=value.by, consequence=value.consequence)


class DeliveryView(Body, frozen=True, kw_only=True):
    """A delivery in its current state; mass and `quantity_kg` of basis as shipped, or as settled so far,
    including `returned_kg` that was returned later; `shipped_net_wet_t` and its moisture stay as shipped.
    `to_umpire` are the analytes that wait for the umpire, `deemed` the acts that the buyer did not do in
    time. `claims`: the seller's claims besides its figures, `rejected_claims` those because of which the
    buyer rejected it. `goods` are pieces and magnets as the seller stated them, `consignment` and `documents`
    its statements about the handover, `found` the buyer's findings in a rejection. `replaces`: the rejected
    delivery that it replaces, `made_good_kg` how much of that no longer reduces the contract year.
    `return_freight`: who pays for the transport back of a rejected lot, which is settled outside the record.
    `returns`: declared returns after acceptance, in order. `withdrawn`: why its seller withdrew it. `broken`:
    how a lot that waits for acceptance, or was accepted, differs from the agreement (limits, goods, demands);
    the buyer may reject a waiting lot because of it. `awaits`: who may act next, of both sides and the
    operator; waiting only for the clock or an index is not listed."""

    id: DeliveryId
    agreement: AgreementId
    version: int
    status: DeliveryStatus
    contract_year: int
    lot_number: str
    passport: PassportId | None
    form: ProductForm
    shipped_on: date
    net_wet_t: Tonnes
    moisture_percent: Percent
    shipped_net_wet_t: Tonnes
    shipped_moisture_percent: Percent
    stated: tuple[Result, ...]
    claims: ClaimsView
    quantity_kg: Kilograms
    returned_kg: Kilograms
    currency: str
    provisional_invoice: InvoiceId | None
    provisional: tuple[InvoiceLineView, ...]
    weighed_on: date | None
    weighing: WeighingView | None
    exchange_by: Instant | None
    seller_assay: AssayView | None
    buyer_assay: AssayView | None
    settled: tuple[SettledResult, ...]
    to_umpire: tuple[str, ...]
    umpire: UmpireView | None
    objection: ObjectionView | None
    title_passed_on: date | None
    non_arrival: NonArrivalView | None
    rejected: tuple[str, ...]
    withdrawn: str | None
    goods: FoundGoods | None
    found: FoundGoods | None
    found_evidence: tuple[Evidence, ...]
    rejected_claims: tuple[terms.StatedClaim, ...]
    consignment: Consignment | None
    documents: tuple[Evidence, ...]
    replaces: DeliveryId | None
    made_good_kg: Kilograms
    return_freight: Side | None
    returns: tuple[ReturnView, ...]
    awaited: AwaitedView | None
    deemed: tuple[BuyerAct, ...]
    broken: tuple[str, ...]
    awaits: tuple[WaitView, ...]

    @classmethod
    def of(
        cls, value: Delivery, agreement: Agreement, viewer: Side | None, now: datetime, *, invoiced: bool
    ) -> Self:
        """`viewer`: whose side reads it; None for an auditor, who sees all. `invoiced`: finally."""
        shipped, weighed, exchanged = value.shipped, value.weighed, value.exchanged
        agreed = agreement.terms_on(shipped.shipped_on)
        mass = value.mass
        settled = () if exchanged is None else exchanged.settled
        settled += () if value.umpire is None else value.umpire.settled
        return cls(
            id=to_text("del", shipped.delivery),
            agreement=to_text("agr", shipped.agreement),
            version=value.version,
            status=value.status,
            contract_year=shipped.year,
            lot_number=shipped.lot_number,
            passport=None if shipped.passport is None else to_text("pass", shipped.passport),
            form=shipped.form,
            shipped_on=shipped.shipped_on,
            net_wet_t=TONNES.text(mass.net_wet_g),
            moisture_percent=PERCENT.text(mass.moisture_ppb),
            shipped_net_wet_t=TONNES.text(shipped.net_wet_g),
            shipped_moisture_percent=PERCENT.text(shipped.moisture_ppb),
            stated=tuple(map(Result.outside, shipped.stated)),
            claims=ClaimsView.outside(shipped.evidence),
            quantity_kg=KILOGRAMS.text(value.counted_in(agreement.basis).basis_g),
            returned_kg=KILOGRAMS.text(value.returned_g),
            currency=shipped.currency,
            provisional_invoice=to_text("inv", shipped.invoice) if shipped.lines else None,
            provisional=tuple(map(InvoiceLineView.outside, shipped.lines)),
            weighed_on=None if weighed is None else weighed.weighed_on,
            weighing=WeighingView.of(value),
            exchange_by=None if weighed is None else weighed.exchange_by,
            seller_assay=_assay(value, "seller", viewer),
            buyer_assay=_assay(value, "buyer", viewer),
            settled=tuple(SettledResult.outside(each, shipped.stated) for each in settled),
            to_umpire=() if exchanged is None or value.umpire is not None else exchanged.to_umpire,
            umpire=None if value.umpire is None else UmpireView.of(value.umpire),
            objection=None if value.objected is UNSET else ObjectionView.of(value.objected),
            title_passed_on=None if value.accepted is None else value.accepted.title_passed_on,
            non_arrival=NonArrivalView.of(value),
            rejected=() if value.rejected is None else value.rejected.reasons,
            withdrawn=None if value.withdrawn is UNSET else value.withdrawn.reason,
            goods=FoundGoods.outside(shipped.goods),
            found=None if value.rejected is None else FoundGoods.outside(value.rejected.found),
            found_evidence=()
            if value.rejected is None or value.rejected.evidence is UNSET
            else tuple(map(Evidence.outside, value.rejected.evidence)),
            rejected_claims=() if value.rejected is None else value.rejected.claims or (),
            consignment=Consignment.outside(shipped.consignment),
            documents=evidence_view(shipped.documents),
            replaces=None if shipped.replaces is UNSET else to_text("del", shipped.replaces),
            made_good_kg=KILOGRAMS.text(made_good_by(value)),
            return_freight=RETURN_FREIGHT if value.rejected is not None else None,
            returns=tuple(map(ReturnView.of, value.returns or ())),
            awaited=AwaitedView.of(value, now),
            deemed=deemed_acts(value),
            broken=broken(agreed, value),
            awaits=tuple(map(WaitView.of, waits(agreement, value, now, invoiced=invoiced))),
        )


def _assay(value: Delivery, side: Side, viewer: Side | None) -> AssayView | None:
    lodged: AssayLodged | None = value.lodged(side)
    if lodged is None:
        return None
    if value.exchanged is None and viewer not in (None, side):
        return AssayView(laboratory=None, reference=None, results=(), sealed=True)
    return AssayView(
        laboratory=lodged.laboratory,
        reference=lodged.reference,
        results=tuple(map(Result.outside, lodged.results)),
        sealed=value.exchanged is None,
    )
