"""Facts of deliveries under an agreement, of the `contracts` stream: from the shipment to what goes back."""

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
    """With whom and how a lot left, as its seller states it; what it does not say is absent.

    `consignment_note`: the number of the CMR or CIM note, air waybill or bill of lading.
    """

    carrier: Text | UnsetType = UNSET
    consignment_note: Text | UnsetType = UNSET
    container: Text | UnsetType = UNSET
    seals: Annotated[tuple[Text, ...], Meta(max_length=16)] | UnsetType = UNSET


class DeliveryShipped(Struct, frozen=True, kw_only=True):
    """A call-off leaves: its lot, what the seller states of it, and the provisional invoice.

    `replaces`: the rejected delivery that it stands in for, always of a lot that is presented again. Without
    `lines` its index had no value yet: there is no provisional invoice, and the final one is of the whole.
    `documents` of what left, such as its consignment note: what shows the handover when it is asked for.
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
    """Net mass as received, or `deemed` so: from here the days of the assay exchange run.

    Farther from the shipped mass than the franchise, the seller may object until `object_by`, and the buyer
    weigh again. `evidence` is absent in records of before, which are final, and of what is deemed.
    """

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
    """The mass received is not what the other side says: it counts no longer, and the lot as shipped does
    until it is settled. `net_wet_g` and `moisture_ppb` are what this side holds against it.
    """

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
    """The mass received: the other side's figure, which `by` takes, or what a surveyor certified.

    A `survey` that a side hands in may be objected to by the other until `object_by`; without `by` the
    operator did, and it is final.
    """

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
    """The buyer says that a lot never came; the seller may contest it until `contest_by`, then it is lost.

    `before_handover`: before risk passed to the buyer, whatever the Incoterm.
    """

    TYPE: ClassVar[str] = "contracts.non-arrival.declared.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    reason: LongText
    before_handover: bool
    evidence: Papers
    contest_by: Instant


class NonArrivalContested(Struct, frozen=True, kw_only=True):
    """The seller says that the lot came, or was not lost before risk passed."""

    TYPE: ClassVar[str] = "contracts.non-arrival.contested.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    reason: LongText
    evidence: Papers


class NonArrivalSettled(Struct, frozen=True, kw_only=True):
    """That a lot was lost `stands` or `falls`; `risk` is who bears it, by the Incoterm or since it was lost
    `before_handover`. By the side that gives in; without `by` nobody contested it, or the operator settled it
    with `evidence`.

    At the seller's risk `quantity_g` is its shortfall; at the buyer's it is taken, and paid for as shipped.
    `made_good_g` as of an acceptance.
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
    """The buyer has not weighed a delivery, or not accepted it: from `act_by` on it is deemed to have.

    `broken`: what is not as agreed of a lot that waits to be accepted, and that the buyer may reject it by
    until then.
    """

    TYPE: ClassVar[str] = "contracts.buyer.called.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    act: BuyerAct
    act_by: Instant
    broken: tuple[Text, ...] | UnsetType = UNSET


class AssayLodged(Struct, frozen=True, kw_only=True):
    """One side's sealed results; the other sees them only when both are in or the time is out."""

    TYPE: ClassVar[str] = "contracts.assay.lodged.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    side: Side
    laboratory: Text
    reference: Text
    results: tuple[AnalyteResult, ...]


class AssaysExchanged(Struct, frozen=True, kw_only=True):
    """Analytes that the two assays settle; `to_umpire` differ by more than their splitting limit."""

    TYPE: ClassVar[str] = "contracts.assays.exchanged.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    settled: tuple[SettledAnalyte, ...]
    to_umpire: tuple[Code, ...] = ()
    silent: tuple[Side, ...] = ()


class UmpireDecided(Struct, frozen=True, kw_only=True):
    """Handed in with the laboratory's `certificate`, `by` a side to which the other may object until
    `object_by`; both are absent where the operator did, all three in records of before.
    """

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
    """What was handed in as the umpire's counts no longer; from here the operator hands it in."""

    TYPE: ClassVar[str] = "contracts.umpire.objected.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    by: Side
    reason: LongText
    evidence: tuple[Evidence, ...] = ()


class DeliveryAccepted(Struct, frozen=True, kw_only=True):
    """Title passes for the settled quantity, in grams of basis; `deemed`: nobody rejected it in time.

    `made_good_g`: of what was rejected before in the same contract year, and lowers that no longer.
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
    """Off-spec, with what it breaks; the quantity lowers what the year has to take. `found`: of the goods, by
    the buyer's inspection, whose documents are the `evidence`, as of `claims`: what was stated and they say
    otherwise. `made_good_g` as of an acceptance: what is rejected once more lowers the year once."""

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
    """By its seller, before its buyer has said anything of it: nothing has left, or something else. Its lot
    number is free again."""

    TYPE: ClassVar[str] = "contracts.delivery.withdrawn.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    year: ContractYear
    reason: LongText


class ReturnDeclared(Struct, frozen=True, kw_only=True):
    """A side asks that so much of an accepted lot goes back; the other agrees, or contests it.

    `freight`: who pays the way back. `passport`: of what goes back; title to it goes to the seller. From
    `answer_by` on its declarer may bring it before the operator, if the other side keeps silent.
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
    """The other side does not agree to a return: a side gives in, or the operator settles it. `by`: the side
    that declared it and brings it before the operator, since the other keeps silent."""

    TYPE: ClassVar[str] = "contracts.return.contested.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    reason: LongText
    evidence: Papers
    by: Side | UnsetType = UNSET


class ReturnSettled(Struct, frozen=True, kw_only=True):
    """A return `stands` or `falls`: by the side that gives in, without `by` by the operator with `evidence`.

    Standing, title to `quantity_g` of basis goes back at the price that was paid, and the contract year lacks
    it as it lacks a rejected quantity, unless it was assessed.
    """

    TYPE: ClassVar[str] = "contracts.return.settled.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    year: ContractYear
    outcome: ContestOutcome
    quantity_g: MassG
    by: Side | UnsetType = UNSET
    evidence: Papers
