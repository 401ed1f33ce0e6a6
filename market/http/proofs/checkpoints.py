"""Checkpoints for everybody: signed heads of the lanes, cosignatures, consistency proofs.

A head reveals how many events a lane has, and in a quiet market one more may be the other side's sealed
answer: so only the heads at every 64th event are shown.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from events import seals
from events.checkpoints import PUBLIC_EVENTS, encode_hashes
from events.connections import Connection
from events.decision import LaneKey
from events.merkle import consistency_spans
from events.notes import parse_note, signed
from events.seals import Cosignature, Seal
from events.trees import proof_of
from events.vocabulary import INTEGER_MAX, Instant, Stream
from market.http.wire.access import PUBLIC
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint, not_found
from market.http.wire.material import Body
from market.http.wire.reads import as_desk

TAG: Final = "Checkpoints"
Size = Annotated[int, Meta(ge=0, le=INTEGER_MAX)]
_LANE: Final = Annotated[int, Meta(ge=0, le=1_023)]


class CheckpointView(Body, frozen=True, kw_only=True):
    """`note` is a C2SP signed note: origin, number of events, root; the operator's signature, then those of
    `witnesses`, whose keys are listed here without any guarantee."""

    stream: Stream
    lane: int
    size: int
    signed_at: Instant
    note: str
    witnesses: tuple[str, ...]


class CheckpointList(Body, frozen=True, kw_only=True):
    """The newest of each lane; `rotations` lead from the operator's first key to the one that signs now."""

    items: tuple[CheckpointView, ...]
    rotations: tuple[str, ...]


class ConsistencyQuery(Nothing, frozen=True, kw_only=True):
    """Two numbers of events, neither above the lane's newest checkpoint here."""

    old_size: Size
    new_size: Size


class ConsistencyView(Body, frozen=True, kw_only=True):
    """Hashes in base64 as RFC 6962 orders them."""

    old_size: int
    new_size: int
    proof: tuple[str, ...]


@endpoint(
    "GET",
    "/v1/checkpoints",
    roles=PUBLIC,
    summary="List the newest checkpoint of each lane",
    tag=TAG,
    answer=CheckpointList,
    description=(
        f"At every {PUBLIC_EVENTS}th event. Whoever keeps them can later show that the record was shortened "
        "or rewritten."
    ),
)
async def index(call: Call[Nothing, Nothing]) -> Answer:
    async with as_desk(call) as connection:
        found = await seals.read_public(connection)
        items = await views(connection, found)
        rotations = await seals.read_rotations(connection)
    told = tuple(each.note for each in rotations if each.published)
    return Answer(body=CheckpointList(items=items, rotations=told))


async def views(connection: Connection, found: Sequence[Seal]) -> tuple[CheckpointView, ...]:
    """Of one checkpoint a lane."""
    cosigned = await seals.read_cosignatures(connection, found)
    return tuple(_view(seal, cosigned.get(seal.lane, [])) for seal in found)


def _view(seal: Seal, cosigned: Sequence[Cosignature]) -> CheckpointView:
    return CheckpointView(
        stream=seal.lane.stream,  # type: ignore[arg-type]  # the record has only those streams
        lane=seal.lane.lane,
        size=seal.size,
        signed_at=seal.signed_at,
        note=_whole_note(seal, [each.line for each in cosigned]),
        witnesses=tuple(each.witness for each in cosigned),
    )


def _whole_note(seal: Seal, cosigned: list[str]) -> str:
    """The operator's note with the witnesses' lines under it."""
    note = parse_note(seal.note)
    return signed(note.text, [*(each.line for each in note.signatures), *cosigned])


@endpoint(
    "GET",
    "/v1/checkpoints/{stream}/{lane}",
    roles=PUBLIC,
    summary="Read the newest checkpoint of a lane",
    tag=TAG,
    answer=str,
    media_type="text/plain",
    description="The signed note as it is.",
)
async def read(call: Call[Nothing, Nothing]) -> Answer:
    key = _lane(call)
    async with as_desk(call) as connection:
        (found,) = await views(connection, [await _newest(connection, key)])
    return Answer(body=found.note.encode(), media_type="text/plain")


@endpoint(
    "GET",
    "/v1/checkpoints/{stream}/{lane}/consistency",
    roles=PUBLIC,
    summary="Prove that a head of a lane continues an earlier one",
    tag=TAG,
    query=ConsistencyQuery,
    answer=ConsistencyView,
    description="As between the checkpoint of a proof that one has taken away, and the newest one here.",
)
async def consistency(call: Call[Nothing, ConsistencyQuery]) -> Answer:
    key, old, new = _lane(call), call.query.old_size, call.query.new_size
    async with as_desk(call) as connection:
        if not old <= new <= (await _newest(connection, key)).size:
            raise not_found()
        proof = await proof_of(connection, key, consistency_spans(old, new))
    return Answer(body=ConsistencyView(old_size=old, new_size=new, proof=encode_hashes(proof)))


async def _newest(connection: Connection, key: LaneKey) -> Seal:
    found = await seals.read_public(connection, key)
    if not found:
        raise not_found()
    return found[0]


def _lane(call: Call[Any, Any]) -> LaneKey:
    try:
        stream: Stream = msgspec.convert(call.text_parameter["stream"], Stream)
        lane: int = msgspec.convert(call.text_parameter["lane"], _LANE, strict=False)
    except msgspec.ValidationError:
        raise not_found() from None
    return LaneKey(stream, lane)


HANDLERS: Final = (index, read, consistency)
