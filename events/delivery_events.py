"""Facts of deliveries under an agreement, of the `contracts` stream: from the shipment to returns."""

from datetime import date
from typing import Annotated, ClassVar
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from events.contract_terms import (
    AnalyteResult,
    BuyerAct,
    Cents,
    ContestOutcome,
    ContractYear,
    DeliveryEvidence,
    Evidence,
    InvoiceLine,
    MassFigure,
    Papers,
    SettledAnalyte,
    StatedClaim,
    Survey,
)
from events.rex_terms import FoundGoods
from events.vocabulary import (
    Code,
    CurrencyCode,
    FractionPpb,
    Instant,
    LongText,
    MassG,
    ProductForm,
    Side,
    Text,
)


class Consignment(Struct, frozen=True, kw_only=True):
    """The carrier and transport of a shipped lot, as its seller states them; members that it does not state
    are absent.

    `consignment_note`: the number of the CMR or CIM note, air waybill or bill of lading.
    """

    carrier: Text | UnsetType = UNSET
    consignment_note: Text | UnsetType = UNSET
    container: Text | UnsetType = UNSET
    seals: Annotated[tuple[Text, ...], Meta(max_length=16)] | UnsetType = UNSET


class DeliveryShipped(Struct, frozen=True, kw_only=True):
    """A call-off was shipped: its lot, the seller's statements about it, and the provisional invoice.

    `replaces`: the rejected delivery that it replaces; always stated for a lot that is presented again.
    Without `lines` its index had no value yet: then there is no provisional invoice, and the final one is for
    the full amount. `documents` about the shipment, such as the consignment note: proof of the handover.
    """

    TYPE: ClassVar[str] = "contracts.delivery.shipped.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    nomination: UUID | None = None
    year: ContractYear
    lot_number: Code
    passport: UUID | None = None
    form: ProductForm
    shipped_on: date
    net_wet_g: MassG
    moisture_ppb: FractionPpb
    stated: tuple[AnalyteResult, ...]
    evidence: DeliveryEvidence = DeliveryEvidence()
    quantity_g: MassG
    invoice: UUID
    currency: CurrencyCode
    lines: tuple[InvoiceLine, ...]
    goods: FoundGoods | UnsetType = UNSET
    replaces: UUID | UnsetType = UNSET
    consignment: Consignment | UnsetType = UNSET
    documents: Papers | UnsetType = UNSET


class DeliveryWeighed(Struct, frozen=True, kw_only=True):
    """Net mass as received, or `deemed` received: the time for the assay exchange begins. If it differs from
    the shipped mass by more than the franchise, the seller may object until `object_by`, and the buyer may
    weigh again. `evidence` is absent in older events, which are final, and in deemed ones."""

    TYPE: ClassVar[str] = "contracts.delivery.weighed.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    weighed_on: date
    net_wet_g: MassG
    moisture_ppb: FractionPpb
    exchange_by: Instant
    deemed: bool | UnsetType = UNSET
    evidence: Papers | UnsetType = UNSET
    object_by: Instant | UnsetType = UNSET


class WeighingObjected(Struct, frozen=True, kw_only=True):
    """A side objects to the mass received: it no longer counts, and the shipped mass counts until this is
    settled. `net_wet_g` and `moisture_ppb` are the objecting side's own figures."""

    TYPE: ClassVar[str] = "contracts.weighing.objected.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    by: Side
    against: MassFigure
    net_wet_g: MassG
    moisture_ppb: FractionPpb
    reason: LongText
    evidence: Papers = ()


class WeighingSettled(Struct, frozen=True, kw_only=True):
    """The mass received: the other side's figure, which `by` accepts, or the one that a surveyor certified.
    The other side may object until `object_by` to a `survey` that a side submits; without `by` the operator
    submitted it, and it is final."""

    TYPE: ClassVar[str] = "contracts.weighing.settled.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    net_wet_g: MassG
    moisture_ppb: FractionPpb
    by: Side | UnsetType = UNSET
    survey: Survey | UnsetType = UNSET
    object_by: Instant | UnsetType = UNSET


class NonArrivalDeclared(Struct, frozen=True, kw_only=True):
    """The buyer declares that a lot never arrived; the seller may contest it until `contest_by`, then it
    counts as lost. `before_handover`: lost before risk passed to the buyer, whatever the Incoterm."""

    TYPE: ClassVar[str] = "contracts.non-arrival.declared.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    reason: LongText
    before_handover: bool
    evidence: Papers
    contest_by: Instant


class NonArrivalContested(Struct, frozen=True, kw_only=True):
    """The seller contests it: the lot arrived, or was not lost before risk passed."""

    TYPE: ClassVar[str] = "contracts.non-arrival.contested.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    reason: LongText
    evidence: Papers


class NonArrivalSettled(Struct, frozen=True, kw_only=True):
    """The declaration that a lot was lost `stands` or `falls`; `risk` is who bears the loss, by the Incoterm
    or because it was lost `before_handover`. `by`: the side that gives in; absent if nobody contested it in
    time, or if the operator settled it with `evidence`.

    At the seller's risk, `quantity_g` is the seller's shortfall; at the buyer's, it counts as taken and is
    paid for as shipped. `made_good_g` as in `DeliveryAccepted`.
    """

    TYPE: ClassVar[str] = "contracts.non-arrival.settled.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    year: ContractYear
    outcome: ContestOutcome
    quantity_g: MassG
    before_handover: bool
    risk: Side
    by: Side | UnsetType = UNSET
    evidence: Papers
    made_good_g: MassG | UnsetType = UNSET


class BuyerCalled(Struct, frozen=True, kw_only=True):
    """The buyer has not weighed or accepted a delivery; from `act_by` on it is deemed to have done so.
    `broken`: how the lot differs from what was agreed, for which the buyer may reject it until then."""

    TYPE: ClassVar[str] = "contracts.buyer.called.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    act: BuyerAct
    act_by: Instant
    broken: tuple[Text, ...] | UnsetType = UNSET


class AssayLodged(Struct, frozen=True, kw_only=True):
    """One side's sealed results; the other side sees them only when both have submitted or the time is
    over."""

    TYPE: ClassVar[str] = "contracts.assay.lodged.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    side: Side
    laboratory: Text
    reference: Text
    results: tuple[AnalyteResult, ...]


class AssaysExchanged(Struct, frozen=True, kw_only=True):
    """The analytes that the two assays settle; those in `to_umpire` differ by more than their splitting
    limit."""

    TYPE: ClassVar[str] = "contracts.assays.exchanged.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    settled: tuple[SettledAnalyte, ...]
    to_umpire: tuple[Code, ...] = ()
    silent: tuple[Side, ...] = ()


class UmpireDecided(Struct, frozen=True, kw_only=True):
    """The umpire's figures, submitted with the laboratory's `certificate`. If a side did (`by`), the other
    may object until `object_by`; these two are absent if the operator did, all three in older events."""

    TYPE: ClassVar[str] = "contracts.umpire.decided.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    laboratory: Text
    reference: Text
    settled: tuple[SettledAnalyte, ...]
    cost_cents: Cents
    certificate: Evidence | UnsetType = UNSET
    by: Side | UnsetType = UNSET
    object_by: Instant | UnsetType = UNSET


class UmpireObjected(Struct, frozen=True, kw_only=True):
    """A side objects: the submitted umpire's figures no longer count; from now on only the operator can
    submit them."""

    TYPE: ClassVar[str] = "contracts.umpire.objected.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    by: Side
    reason: LongText
    evidence: tuple[Evidence, ...] = ()


class DeliveryAccepted(Struct, frozen=True, kw_only=True):
    """Title passes for the settled quantity, in grams of basis; `deemed`: nobody rejected it in time.

    `made_good_g`: how much of it replaces quantities rejected earlier in the same contract year, which then
    no longer reduce that year.
    """

    TYPE: ClassVar[str] = "contracts.delivery.accepted.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    year: ContractYear
    quantity_g: MassG
    title_passed_on: date
    deemed: bool | UnsetType = UNSET
    made_good_g: MassG | UnsetType = UNSET


class DeliveryRejected(Struct, frozen=True, kw_only=True):
    """Off-spec, with the terms that it breaks; the quantity reduces what has to be taken in the year.
    `found`: findings of the buyer's inspection; `claims`: statements that documents contradict; the documents
    are the `evidence`. `made_good_g` as in `DeliveryAccepted`: a quantity rejected twice reduces the year
    once."""

    TYPE: ClassVar[str] = "contracts.delivery.rejected.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    year: ContractYear
    quantity_g: MassG
    reasons: tuple[Text, ...]
    found: FoundGoods | UnsetType = UNSET
    evidence: Papers | UnsetType = UNSET
    made_good_g: MassG | UnsetType = UNSET
    claims: Annotated[tuple[StatedClaim, ...], Meta(max_length=4)] | UnsetType = UNSET


class DeliveryWithdrawn(Struct, frozen=True, kw_only=True):
    """The seller cancels a shipment before the buyer has reacted to it, because nothing was shipped, or
    something else. Its lot number is free again."""

    TYPE: ClassVar[str] = "contracts.delivery.withdrawn.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    year: ContractYear
    reason: LongText


class ReturnDeclared(Struct, frozen=True, kw_only=True):
    """A side asks to return a quantity of an accepted lot; the other agrees or contests it.

    `freight`: who pays for the transport back. `passport`: of the returned material; its title passes to the
    seller. If the other side has not answered by `answer_by`, the declaring side may refer the return to the
    operator.
    """

    TYPE: ClassVar[str] = "contracts.return.declared.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    by: Side
    lot_number: Code
    passport: UUID | UnsetType = UNSET
    net_wet_g: MassG
    moisture_ppb: FractionPpb
    freight: Side
    reason: LongText
    evidence: Papers
    answer_by: Instant | UnsetType = UNSET


class ReturnContested(Struct, frozen=True, kw_only=True):
    """The other side does not agree to a return: then a side gives in, or the operator settles it. `by` may
    also be the declaring side, which refers the return to the operator because the other did not answer."""

    TYPE: ClassVar[str] = "contracts.return.contested.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    reason: LongText
    evidence: Papers
    by: Side | UnsetType = UNSET


class ReturnSettled(Struct, frozen=True, kw_only=True):
    """A return `stands` or `falls`: `by` the side that gives in; without `by` the operator decided, with
    `evidence`. If it stands, title to `quantity_g` of basis passes back at the price that was paid, and
    unless the contract year was already assessed, the quantity counts in it like a rejected one."""

    TYPE: ClassVar[str] = "contracts.return.settled.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    year: ContractYear
    outcome: ContestOutcome
    quantity_g: MassG
    by: Side | UnsetType = UNSET
    evidence: Papers
