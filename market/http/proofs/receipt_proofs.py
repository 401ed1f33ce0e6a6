"""The proof of a receipt for whoever gave the command: one file, to be checked without any connection."""

from typing import Final

from events import seals
from events.checkpoints import encode_hashes
from events.connections import Connection
from events.decision import LaneKey
from events.envelope import Recorded
from events.journal import read_by_ids
from events.merkle import inclusion_spans, leaf_hash
from events.seals import Seal
from events.trees import proof_of
from market.audit.receipt_proof import FORMAT, ReceiptProof
from market.audit.sealed_proof import SealedEvent
from market.http.proofs.checkpoints import TAG, views
from market.http.wire.access import READERS
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint, not_found
from market.http.wire.problems import DoorError
from market.http.wire.reads import as_desk
from market.rules.visibility.proof_visibility import has_receipt, shown_to_actor

RETRY_AFTER_SECONDS: Final = 10


@endpoint(
    "GET",
    "/v1/receipts/{event}/proof",
    roles=READERS,
    summary="Take the proof of a receipt away",
    tag=TAG,
    answer=ReceiptProof,
    problems=(409,),
    description=(
        "Of an event that a request of one's own organisation has recorded: its bytes and their path to a "
        "signed checkpoint; only its hash where the bytes tell of another party. `lodestone audit receipt` "
        "checks the file offline. 409 `not_sealed` until a checkpoint holds it."
    ),
)
async def proof(call: Call[Nothing, Nothing]) -> Answer:
    organisation = call.caller.organisation
    async with call.door.desk.looking() as connection:
        try:
            (event,) = await read_by_ids(connection, [call.ids["event"]])
        except LookupError:
            raise not_found() from None
    if not has_receipt(event, organisation):
        raise not_found()
    async with as_desk(call) as connection:
        seal = await covering(connection, LaneKey(event.stream, event.lane), event.position)
        (checkpoint,) = await views(connection, [seal])
        body = ReceiptProof(
            format=FORMAT,
            event=event.id,
            organisation=organisation,
            checkpoint=checkpoint.note,
            rotations=tuple(each.note for each in await seals.read_rotations(connection)),
            sealed=await sealed_event(
                connection, event, seal, whole=shown_to_actor(event.data, organisation)
            ),
        )
    return Answer(body=body)


async def covering(connection: Connection, key: LaneKey, position: int) -> Seal:
    """The checkpoint to prove a position with. DoorError `not_sealed` while none holds it."""
    seal = await seals.read_covering(connection, key, position)
    if seal is None:
        raise DoorError(
            "not_sealed",
            "no checkpoint holds all of it yet; one is signed within seconds",
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        )
    return seal


async def sealed_event(connection: Connection, event: Recorded, seal: Seal, *, whole: bool) -> SealedEvent:
    path = await proof_of(connection, seal.lane, inclusion_spans(event.position - 1, seal.size))
    (leaf,) = encode_hashes([leaf_hash(event.body)])
    return SealedEvent(
        position=event.position,
        leaf=leaf,
        path=encode_hashes(path),
        body=event.body.decode() if whole else None,
    )


HANDLERS: Final = (proof,)
