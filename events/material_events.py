"""Facts of the `materials` stream: passports, transformations, reservations of lots for markets, product
twins and declared volumes.

Lane key: the id of the passport, of the transformation, of the facility of a mass balance, of the twin, or of
the organisation that declares a volume; for a lot without passport, its identity. A transformation writes
each of its passports in that passport's own lane.
"""

from datetime import date
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from events.contract_terms import Evidence
from events.passport_terms import (
    BatchPart,
    ElementLoss,
    MassBalanceLine,
    MassBalanceMethod,
    PartsPerMillion,
    PassportContent,
    RetireReason,
)
from events.twin_terms import ProductTwinTerms
from events.vocabulary import (
    CustodyModel,
    Instant,
    LongText,
    MassG,
    PhysicalLot,
    TwinVersion,
    ValueChainStage,
)
from events.volume_terms import VolumeTerms


class LotReserved(Struct, frozen=True, kw_only=True):
    """The lot may be offered in `market` only, until it is released."""

    TYPE: ClassVar[str] = "materials.lot.reserved.v1"

    physical_lot: PhysicalLot
    identity: str
    organisation: UUID
    market: UUID
    order: UUID


class LotReleased(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "materials.lot.released.v1"

    identity: str
    organisation: UUID
    market: UUID
    order: UUID
    reason: Literal["withdrawn", "expired", "sold"]


class PassportIssued(Struct, frozen=True, kw_only=True):
    """`organisation` issues it and states its content; `transformation` is the one that made the lot, if
    any."""

    TYPE: ClassVar[str] = "materials.passport.issued.v1"

    passport: UUID
    organisation: UUID
    owner: UUID
    holder: UUID
    content: PassportContent
    transformation: UUID | None = None


class PassportTransferred(Struct, frozen=True, kw_only=True):
    """Title passes from `previous_owner` to `owner`, the goods to `holder`; by an accepted delivery or
    otherwise.

    `acceptance`: the new owner or holder still has to acknowledge the transfer; unset where no
    acknowledgement is missing, and in older events. `received_g`: what the delivery brought, at the
    passport's moisture; the rest of the lot is short. If owner and previous owner are the same, this much of
    what was short has arrived later. Unset outside a delivery, and in older events. `returns`: the delivery
    of which the lot, or a part with its own passport, was returned to the seller.
    """

    TYPE: ClassVar[str] = "materials.passport.transferred.v1"

    passport: UUID
    previous_owner: UUID
    owner: UUID
    holder: UUID
    transferred_on: date
    agreement: UUID | None = None
    delivery: UUID | None = None
    acceptance: Literal["awaited"] | UnsetType = UNSET
    received_g: MassG | UnsetType = UNSET
    returns: UUID | UnsetType = UNSET


class PassportAcknowledged(Struct, frozen=True, kw_only=True):
    """`organisation` confirms that it has title to the lot, or the goods, as a transfer stated. With
    `correction`: the owner accepts that correction."""

    TYPE: ClassVar[str] = "materials.passport.acknowledged.v1"

    passport: UUID
    organisation: UUID
    correction: UUID | UnsetType = UNSET


class PassportDrawn(Struct, frozen=True, kw_only=True):
    """A transformation has taken `net_wet_g` of the lot."""

    TYPE: ClassVar[str] = "materials.passport.drawn.v1"

    passport: UUID
    transformation: UUID
    net_wet_g: MassG


class PassportCorrected(Struct, frozen=True, kw_only=True):
    """The content as the event that it `corrects` should have stated it. `acceptance`: somebody else had
    title; until the owner acknowledges the correction, the earlier content applies."""

    TYPE: ClassVar[str] = "materials.passport.corrected.v1"

    passport: UUID
    corrects: UUID
    reason: LongText
    content: PassportContent
    acceptance: Literal["awaited"] | UnsetType = UNSET


class PassportNoted(Struct, frozen=True, kw_only=True):
    """A note by the issuer, shown to everybody who reads the label, where a correction is not possible."""

    TYPE: ClassVar[str] = "materials.passport.noted.v1"

    passport: UUID
    note: LongText
    evidence: Annotated[tuple[Evidence, ...], Meta(max_length=8)] = ()


class PassportRetired(Struct, frozen=True, kw_only=True):
    """No more of the lot can be used from now on."""

    TYPE: ClassVar[str] = "materials.passport.retired.v1"

    passport: UUID
    reason: RetireReason
    note: LongText | None = None


class PassportTransformed(Struct, frozen=True, kw_only=True):
    """Inputs, outputs and losses; `custody` is the weakest model of all parts. `owner`: who has title to the
    inputs, if it is not `organisation`; also unset in older events."""

    TYPE: ClassVar[str] = "materials.passport.transformed.v1"

    transformation: UUID
    organisation: UUID
    facility: UUID
    stage: ValueChainStage
    transformed_on: date
    custody: CustodyModel
    method: MassBalanceMethod | None = None
    tolerance_ppm: PartsPerMillion
    inputs: Annotated[tuple[BatchPart, ...], Meta(min_length=1, max_length=64)]
    outputs: Annotated[tuple[BatchPart, ...], Meta(min_length=1, max_length=64)]
    losses: Annotated[tuple[ElementLoss, ...], Meta(max_length=64)] = ()
    owner: UUID | UnsetType = UNSET


class MassBalanceMoved(Struct, frozen=True, kw_only=True):
    """What a transformation adds to and takes from its facility's accounts; the rest expires."""

    TYPE: ClassVar[str] = "materials.mass-balance.moved.v1"

    facility: UUID
    organisation: UUID
    transformation: UUID
    expires_at: Instant
    lines: Annotated[tuple[MassBalanceLine, ...], Meta(min_length=1, max_length=128)]


class ProductTwinStated(Struct, frozen=True, kw_only=True):
    """A version of a product twin; versions are consecutive and never change."""

    TYPE: ClassVar[str] = "materials.product-twin.stated.v1"

    twin: UUID
    organisation: UUID
    version: TwinVersion
    terms: ProductTwinTerms


class VolumeDeclared(Struct, frozen=True, kw_only=True):
    """An organisation declares what it bought or sold outside the platform."""

    TYPE: ClassVar[str] = "materials.volume.declared.v1"

    volume: UUID
    organisation: UUID
    terms: VolumeTerms


class VolumeCorrected(Struct, frozen=True, kw_only=True):
    """The volume as the event that it `corrects` should have declared it."""

    TYPE: ClassVar[str] = "materials.volume.corrected.v1"

    volume: UUID
    organisation: UUID
    corrects: UUID
    reason: LongText
    terms: VolumeTerms


class VolumeWithdrawn(Struct, frozen=True, kw_only=True):
    """The volume no longer counts, as if it had never been declared."""

    TYPE: ClassVar[str] = "materials.volume.withdrawn.v1"

    volume: UUID
    organisation: UUID
    reason: LongText
