"""What a material passport states, and the lines of a transformation's balance.

Origin by stage follows CRMA (Regulation (EU) 2024/1252) Article 24, magnets its Articles 28 and 29, custody
ISO 22095. Shares are parts per billion, masses of elements milligrams.
"""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from events.contract_terms import Evidence
from events.origin_terms import PATHS_MAX, OriginStage, StagePath
from events.vocabulary import (
    INTEGER_MAX,
    PPB,
    Assay,
    Code,
    Composition,
    CountryCode,
    CustodyModel,
    Footprint,
    FractionPpb,
    Instant,
    LongText,
    MassG,
    ProductForm,
    Text,
)

ORIGIN_STAGES: tuple[OriginStage, ...] = ("extraction", "processing", "recycling")
CUSTODY_LADDER: tuple[CustodyModel, ...] = (
    "identity_preserved",
    "segregated",
    "controlled_blending",
    "mass_balance",
    "book_and_claim",
)
"""The models of ISO 22095 from the strongest to the weakest."""
ClaimKind = Literal["post_consumer", "pre_consumer"]
CLAIM_KINDS: tuple[ClaimKind, ...] = ("post_consumer", "pre_consumer")
MassBalanceMethod = Literal["rolling_average", "credit"]
ClaimSupported = Literal["composition", "origin", "footprint", "recycled", "booked"]
Assurance = Literal["none", "limited", "reasonable"]
MagnetType = Literal["NdFeB", "SmCo", "AlNiCo", "ferrite"]
ResponsibleRole = Literal["manufacturer", "importer", "authorised_representative"]
CarrierKind = Literal["qr_code", "data_matrix", "rfid"]
RetireReason = Literal["end_of_life", "exported", "installed", "lost", "issued_in_error"]

MassMg = Annotated[int, Meta(ge=0, le=INTEGER_MAX)]
PartsPerMillion = Annotated[int, Meta(ge=0, le=1_000_000)]


class OriginShare(Struct, frozen=True, kw_only=True):
    """The part of the material whose stage took place in `country`, at a facility or a named source."""

    stage: OriginStage
    country: CountryCode
    share_ppb: FractionPpb
    facility: UUID | None = None
    source: Text | None = None
    strategic_project: bool = False


class ElementShare(Struct, frozen=True, kw_only=True):
    """Recycled share of one element; post- and pre-consumer are stated separately."""

    element: Code
    post_consumer_ppb: FractionPpb = 0
    pre_consumer_ppb: FractionPpb = 0

    def __post_init__(self) -> None:
        if self.post_consumer_ppb + self.pre_consumer_ppb > PPB:
            raise ValueError("post- and pre-consumer shares cannot exceed the whole together")


class ClaimEvidence(Struct, frozen=True, kw_only=True):
    supports: ClaimSupported
    document: Evidence


class PassportCertificate(Struct, frozen=True, kw_only=True):
    """A certificate of the material, or of a site if `facility` is named."""

    scheme: Code
    reference: Text
    certified_by: Text
    valid_from: Instant
    valid_until: Instant
    evidence: Evidence
    facility: UUID | None = None


class Magnet(Struct, frozen=True, kw_only=True):
    """`pieces` identical magnets, each of `mass_mg`, placed at `location`. An empty list of coatings, glues
    or additives means that they are not stated."""

    type: MagnetType
    pieces: Annotated[int, Meta(ge=1, le=1_000_000)]
    mass_mg: MassMg
    location: Text
    composition: Composition | None = None
    coatings: Annotated[tuple[Text, ...], Meta(max_length=16)] = ()
    glues: Annotated[tuple[Text, ...], Meta(max_length=16)] = ()
    additives: Annotated[tuple[Text, ...], Meta(max_length=16)] | UnsetType = UNSET


class RemovalStep(Struct, frozen=True, kw_only=True):
    instruction: LongText
    tools: Annotated[tuple[Text, ...], Meta(max_length=16)] = ()


class ResponsibleParty(Struct, frozen=True, kw_only=True):
    """An organisation in its role, never a natural person."""

    organisation: UUID
    role: ResponsibleRole


class DataCarrier(Struct, frozen=True, kw_only=True):
    kind: CarrierKind
    address: Text


class MagnetRecord(Struct, frozen=True, kw_only=True):
    magnets: Annotated[tuple[Magnet, ...], Meta(min_length=1, max_length=64)]
    removal_steps: Annotated[tuple[RemovalStep, ...], Meta(max_length=64)]
    responsible: ResponsibleParty
    data_carrier: DataCarrier


class PassportContent(Struct, frozen=True, kw_only=True):
    """`recycled` is claimed for this material; `booked` was bought separately from any material (book and
    claim).

    `paths`: all steps of a stage, where earlier ones are known; `origin` names only the last one.
    """

    facility: UUID
    lot_number: Code
    form: ProductForm
    net_wet_g: MassG
    moisture_ppb: FractionPpb
    composition: Composition
    assay: Assay | None = None
    custody: CustodyModel
    origin: Annotated[tuple[OriginShare, ...], Meta(max_length=768)] = ()
    recycled: Annotated[tuple[ElementShare, ...], Meta(max_length=32)] = ()
    booked: Annotated[tuple[ElementShare, ...], Meta(max_length=32)] = ()
    footprint: Footprint | None = None
    assurance: Assurance = "none"
    certificates: Annotated[tuple[PassportCertificate, ...], Meta(max_length=32)] = ()
    evidence: Annotated[tuple[ClaimEvidence, ...], Meta(max_length=64)] = ()
    magnets: MagnetRecord | None = None
    paths: Annotated[tuple[StagePath, ...], Meta(max_length=3 * PATHS_MAX)] | UnsetType = UNSET


class ElementMass(Struct, frozen=True, kw_only=True):
    """Contained mass, rounded down; up to `below_detection_mg` may be contained in addition."""

    element: Code
    mass_mg: MassMg
    below_detection_mg: MassMg = 0


class BatchPart(Struct, frozen=True, kw_only=True):
    """What a transformation takes of one passport's lot, or makes as the lot of a new one."""

    passport: UUID
    net_wet_g: MassG
    elements: Annotated[tuple[ElementMass, ...], Meta(max_length=64)] = ()


class ElementLoss(Struct, frozen=True, kw_only=True):
    """What leaves as slag, dust or effluent."""

    element: Code
    mass_mg: MassMg


class CreditUse(Struct, frozen=True, kw_only=True):
    """Claimed mass that is used from what an earlier transformation, or this one, has added to the
    account."""

    transformation: UUID
    mass_mg: MassMg


class MassBalanceLine(Struct, frozen=True, kw_only=True):
    """One element and kind of claim: the mass that came in, its claimed part, and how much of that may be
    claimed for outputs."""

    element: Code
    claim: ClaimKind
    input_mg: MassMg
    claimed_mg: MassMg
    deposited_mg: MassMg
    uses: Annotated[tuple[CreditUse, ...], Meta(max_length=1_024)] = ()
