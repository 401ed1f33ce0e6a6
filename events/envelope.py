"""The envelope of each fact: as a draft without position, in the journal and on Kafka, and as readers receive
it."""

from datetime import datetime
from hashlib import sha256
from typing import Annotated, Generic, NamedTuple, TypeAlias, TypeVar
from uuid import UUID

from msgspec import Meta, Raw, Struct

from events.vocabulary import Count, Instant, Position

Fact: TypeAlias = Struct
F = TypeVar("F", bound=Fact)
T = TypeVar("T", bound=str)
S = TypeVar("S", bound=str)

Salt = Annotated[str, Meta(min_length=32, max_length=32)]

SOURCE_PREFIX = "urn:lodestone:"


class Envelope(Struct, frozen=True, kw_only=True):
    """The JSON of a journal body and of a Kafka value, members in this order.

    `time` is UTC. `cause` is the id of an event, or route and hashes of idempotency key and body. `actor` is
    an organisation. `salt` is 128 random bits in hexadecimal.
    """

    id: UUID
    type: str
    source: str
    subject: str
    time: Instant
    stream: str
    lane: Count
    position: Position
    cause: str
    actor: UUID
    salt: Salt
    data: Raw


class Unplaced(NamedTuple):
    """The encoded body of an event of `source` without its position, which goes between the two parts."""

    source: str
    before: bytes
    after: bytes


class Draft(Struct, frozen=True, kw_only=True):
    """A decided fact without a position. The lane fills in members that are None; cause and actor come from
    the command.

    A given `time` is kept: events of a clearing take the cut time, so that a repeat gives the same bytes.
    `unplaced` is its body from `codec.encode_ahead`, made before the lane was locked.
    """

    stream: str
    lane: int
    subject: str
    data: Fact
    id: UUID | None = None
    salt: str | None = None
    time: datetime | None = None
    cause: str | None = None
    actor: UUID | None = None
    unplaced: Unplaced | None = None


class Recorded(Struct, frozen=True, kw_only=True, eq=False):
    """An event of the record. `body`: its bytes in the journal and on Kafka; `chain`: the head after it.

    A written event equals the same event as it was read, although their types differ.
    """

    id: UUID
    type: str
    subject: str
    time: Instant
    stream: str
    lane: int
    position: int
    cause: str
    actor: UUID
    salt: str
    data: Fact
    body: bytes
    chain: bytes

    @property
    def body_hash(self) -> bytes:
        """SHA-256 of the body, as in receipts."""
        return sha256(self.body).digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Recorded) and all(
            getattr(self, name) == getattr(other, name) for name in Recorded.__struct_fields__
        )

    def __hash__(self) -> int:
        return hash(self.chain)


class Received(Recorded, Generic[F, T, S], frozen=True, kw_only=True, eq=False):
    """An event decoded in one pass from its JSON; `body` and `chain`, which the JSON lacks, are set
    afterwards."""

    type: T
    source: str
    stream: S
    lane: Count
    position: Position
    salt: Salt
    data: F
    body: bytes = b""
    chain: bytes = b""


def source_of(deployment_id: UUID) -> str:
    """The CloudEvents source of every event of a deployment."""
    return f"{SOURCE_PREFIX}{deployment_id}"


def deployment_of(source: str) -> UUID:
    """The inverse of `source_of`. ValueError when the source is no Lodestone deployment."""
    if not source.startswith(SOURCE_PREFIX):
        raise ValueError(f"{source!r} names no deployment: expected {SOURCE_PREFIX}<uuid>")
    return UUID(source.removeprefix(SOURCE_PREFIX))
