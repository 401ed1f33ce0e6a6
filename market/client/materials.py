"""Passports, labels and transformations as they are answered."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

from market.client.answers import Accepted


class PassportAccepted(Accepted, frozen=True, kw_only=True):
    id: str | None = None
    version: int | None = None


class NamedFacility(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    country: str


class Journey(Struct, frozen=True, kw_only=True):
    """An own delivery that names the passport."""

    delivery: str
    agreement: str
    lot_number: str
    shipped_on: date
    status: str
    replaces: str | None
    weighed_on: date | None
    title_passed_on: date | None


class Passport(Struct, frozen=True, kw_only=True):
    """`content` as it was stated and may be seen; `journeys` where it is read alone."""

    id: str
    tier: str
    content: dict[str, Any]
    status: str
    version: int
    issued_at: datetime
    organisation: str | None
    owner: str | None
    holder: str | None
    remaining_wet_t: Decimal | None
    facilities: tuple[NamedFacility, ...]
    awaited: tuple[str, ...] = ()
    short_wet_t: Decimal | None = None
    proposed: str | None = None
    footprint_expired: bool | None = None
    journeys: tuple[Journey, ...] | None = None


class PassportStep(Struct, frozen=True, kw_only=True):
    """One fact of a passport: the members that its `kind` has. `stands` when no correction came after."""

    version: int
    event: str
    at: datetime
    kind: str
    stands: bool = False
    content: dict[str, Any] | None = None
    corrects: str | None = None
    reason: str | None = None
    note: str | None = None
    owner: str | None = None
    holder: str | None = None
    transferred_on: date | None = None
    acknowledged_by: str | None = None
    correction: str | None = None
    acceptance: str | None = None
    agreement: str | None = None
    delivery: str | None = None
    returns: str | None = None
    transformation: str | None = None
    drawn_wet_t: Decimal | None = None
    received_wet_t: Decimal | None = None


class LabelShare(Struct, frozen=True, kw_only=True):
    element: str
    post_consumer_percent: Decimal


class Note(Struct, frozen=True, kw_only=True):
    event: str
    at: datetime
    note: str
    evidence: tuple[dict[str, Any], ...]


class Label(Struct, frozen=True, kw_only=True):
    """`unstated`: what Article 28 asks for and the label does not say."""

    id: str
    form: str
    net_wet_t: Decimal
    magnets: dict[str, Any]
    responsible_name: str | None
    responsible_country: str | None
    responsible_postal_address: dict[str, Any] | None = None
    responsible_electronic_contact: str | None = None
    unstated: tuple[str, ...]
    recycled: tuple[LabelShare, ...]
    corrections: int
    notes: tuple[Note, ...]
    issued_at: datetime


class LineageNode(Struct, frozen=True, kw_only=True):
    """`depth` in transformations from the lot that was asked about; `owner`: who may see it."""

    passport: str
    depth: int
    form: str
    lot_number: str
    transformation: str | None
    net_wet_t: Decimal
    status: str
    corrections: int
    owner: str | None


class SourceShare(Struct, frozen=True, kw_only=True):
    """`passport` is null of what may not be seen; `further`: more lies behind it than was asked for."""

    element: str
    passport: str | None
    share_percent: Decimal
    further: bool


class LineageDocument(Struct, frozen=True, kw_only=True):
    """What a claim of this lot or of one before it rests on, by its hash."""

    supports: str
    sha256: str
    dated_on: date
    title: str | None


class Lineage(Struct, frozen=True, kw_only=True):
    """`withheld`: lots that may not be seen; `cut`: there are more than one answer holds."""

    direction: str
    nodes: tuple[LineageNode, ...]
    withheld: int
    cut: bool
    sources: tuple[SourceShare, ...]
    documents: tuple[LineageDocument, ...]
    paths: tuple[dict[str, Any], ...] = ()


class DataCarrier(Struct, frozen=True, kw_only=True):
    """`gtin` where it is the GS1 Digital Link of a trade item."""

    uri: str
    kind: str
    gtin: str | None


class TransformationAccepted(Accepted, frozen=True, kw_only=True):
    """`outputs`: the passports made, in the order of the body."""

    id: str | None = None
    custody: str
    outputs: tuple[str, ...] = ()


class Transformation(Struct, frozen=True, kw_only=True):
    """`inputs`, `outputs` and `losses` with their masses by element; `balance`: each element with its yield.
    `owner`: who had title to the inputs, where another than `organisation`."""

    id: str
    organisation: str
    facility: str
    stage: str
    transformed_on: date
    custody: str
    method: str | None
    tolerance_ppm: int
    inputs: tuple[dict[str, Any], ...]
    outputs: tuple[dict[str, Any], ...]
    losses: tuple[dict[str, Any], ...]
    owner: str | None = None
    balance: tuple[dict[str, Any], ...] = ()
