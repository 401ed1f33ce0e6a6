"""Facts of the `materials` stream: passports of lots, what is made of them, which market holds which lot,
twins of products, and volumes that were not traded here.

Lane key: the passport, the transformation, the facility of a mass balance, the twin, the organisation that
declares a volume; of a lot without passport its identity. A transformation writes each of its passports in
that passport's own lane.
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
    """These tonnes may be offered in `market` only, until released."""

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
    """`organisation` states the content; `transformation` made the lot, if any did."""

    TYPE: ClassVar[str] = "materials.passport.issued.v1"

    passport: UUID
    organisation: UUID
    owner: UUID
    holder: UUID
    content: PassportContent
    transformation: UUID | None = None


class PassportTransferred(Struct, frozen=True, kw_only=True):
    """Title goes from `previous_owner` to `owner`, the goods to `holder`; by an accepted delivery or not.

    `acceptance`: whoever has got title or goods by this has not said so; unset where nobody's word is
    missing, and in transfers from before it was asked for. `received_g`: what the delivery brought, as moist
    as the passport says; what was left of the lot beyond it is short. Where owner and previous owner are
    one, so much of what was short has come after all. Unset outside a delivery, and before it was told.
    `returns`: the delivery of which the lot, or a part that got a passport, went back to its seller.
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
    """`organisation` says that title to the lot, or the goods, are its own: a transfer had it named alone. Of
    a `correction`: that it stands, as who has title."""

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
    """The content as it should have been stated by the event that it `corrects`. `acceptance`: title was
    another's, and until that has acknowledged it what was stated stands."""

    TYPE: ClassVar[str] = "materials.passport.corrected.v1"

    passport: UUID
    corrects: UUID
    reason: LongText
    content: PassportContent
    acceptance: Literal["awaited"] | UnsetType = UNSET


class PassportNoted(Struct, frozen=True, kw_only=True):
    """Who stated the content says of it, for everybody who reads its label, what no correction can change."""

    TYPE: ClassVar[str] = "materials.passport.noted.v1"

    passport: UUID
    note: LongText
    evidence: Annotated[tuple[Evidence, ...], Meta(max_length=8)] = ()


class PassportRetired(Struct, frozen=True, kw_only=True):
    """Nothing is taken of the lot any more."""

    TYPE: ClassVar[str] = "materials.passport.retired.v1"

    passport: UUID
    reason: RetireReason
    note: LongText | None = None


class PassportTransformed(Struct, frozen=True, kw_only=True):
    """What went in, what came out, what was lost; `custody` is the weakest of all that took part. `owner`:
    who has title to the inputs where it is not `organisation`; unset too before that was told."""

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
    """What a transformation pays into and takes from the accounts of its facility; the rest expires."""

    TYPE: ClassVar[str] = "materials.mass-balance.moved.v1"

    facility: UUID
    organisation: UUID
    transformation: UUID
    expires_at: Instant
    lines: Annotated[tuple[MassBalanceLine, ...], Meta(min_length=1, max_length=128)]


class ProductTwinStated(Struct, frozen=True, kw_only=True):
    """A version of the twin of a product; each follows on the one before, and none ever changes."""

    TYPE: ClassVar[str] = "materials.product-twin.stated.v1"

    twin: UUID
    organisation: UUID
    version: TwinVersion
    terms: ProductTwinTerms


class VolumeDeclared(Struct, frozen=True, kw_only=True):
    """An organisation says what it bought or sold outside the platform."""

    TYPE: ClassVar[str] = "materials.volume.declared.v1"

    volume: UUID
    organisation: UUID
    terms: VolumeTerms


class VolumeCorrected(Struct, frozen=True, kw_only=True):
    """The volume as it should have been declared by the event that it `corrects`."""

    TYPE: ClassVar[str] = "materials.volume.corrected.v1"

    volume: UUID
    organisation: UUID
    corrects: UUID
    reason: LongText
    terms: VolumeTerms


class VolumeWithdrawn(Struct, frozen=True, kw_only=True):
    """The volume counts as if it had never been declared."""

    TYPE: ClassVar[str] = "materials.volume.withdrawn.v1"

    volume: UUID
    organisation: UUID
    reason: LongText
