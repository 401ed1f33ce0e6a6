"""The proof of a receipt for whoever gave the command, and of an event for the parties of its agreement: one
file, to be checked without any connection."""

from collections.abc import Mapping, Sequence
from itertools import chain, islice
from typing import Final
from uuid import UUID

from msgspec import UNSET

from contracts.store import agreements
from events import seals
from events.checkpoints import encode_hashes
from events.connections import Connection
from events.contract_events import IndexPublished
from events.decision import LaneKey
from events.envelope import Recorded
from events.facts import ContractFact
from events.journal import read_by_ids
from events.merkle import inclusion_spans, leaf_hash
from events.seals import Seal
from events.trees import proof_of
from market.audit.receipt_proof import FORMAT, OF_AGREEMENT, ReceiptProof
from market.audit.sealed_proof import SealedEvent
from market.http.proofs.checkpoints import TAG, views
from market.http.wire.access import READERS
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint, not_found
from market.http.wire.problems import DoorError
from market.http.wire.reads import as_caller, as_desk
from market.rules.visibility.contract_visibility import shown_to_party
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
        "Of an event that a request of one's own organisation has recorded, or of an agreement that it is a "
        "party of, whoever caused it: its bytes and their path to a signed checkpoint; only its hash where "
        "one may not see all that they say. `lodestone audit receipt` checks the file offline. 409 "
        "`not_sealed` until a checkpoint holds it."
    ),
)
async def proof(call: Call[Nothing, Nothing]) -> Answer:
    organisation = call.caller.organisation
    async with call.door.desk.looking() as connection:
        try:
            (event,) = await read_by_ids(connection, [call.ids["event"]])
        except LookupError:
            raise not_found() from None
    own = has_receipt(event, organisation)
    if own:
        whole, agreement = shown_to_actor(event.data, organisation), None
    else:
        whole, agreement = await _of_agreement(call, event, organisation)
    async with as_desk(call) as connection:
        seal = await covering(connection, LaneKey(event.stream, event.lane), event.position)
        (checkpoint,) = await views(connection, [seal])
        body = ReceiptProof(
            format=FORMAT if own else OF_AGREEMENT,
            event=event.id,
            organisation=organisation,
            agreement=UNSET if agreement is None else agreement,
            checkpoint=checkpoint.note,
            rotations=tuple(each.note for each in await seals.read_rotations(connection)),
            sealed=await sealed_event(connection, event, seal, whole=whole),
        )
    return Answer(body=body)


async def _of_agreement(
    call: Call[Nothing, Nothing], event: Recorded, organisation: UUID
) -> tuple[bool, UUID]:
    """Whether the caller may see all of an event of its agreement; and the agreement. DoorError `not_found`
    for what is none, or not to be seen at all."""
    fact = event.data
    if not isinstance(fact, ContractFact) or isinstance(fact, IndexPublished):
        raise not_found()
    async with as_caller(call) as connection:
        place = await agreements.locate(connection, organisation, fact.agreement)
    shown = None if place is None else shown_to_party(fact, organisation, {fact.agreement: place})
    if shown is None:
        raise not_found()
    return shown is fact, fact.agreement


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
    (sealed,) = await sealed_events(connection, [event], seal, {event.position: whole})
    return sealed


async def sealed_events(
    connection: Connection, events: Sequence[Recorded], seal: Seal, whole: Mapping[int, bool]
) -> tuple[SealedEvent, ...]:
    """With their paths, in one reading of the tree; `whole` says of which positions the bytes are given."""
    spans = [inclusion_spans(event.position - 1, seal.size) for event in events]
    hashes = iter(encode_hashes(await proof_of(connection, seal.lane, chain.from_iterable(spans))))
    found = []
    for event, of_event in zip(events, spans, strict=True):
        (leaf,) = encode_hashes([leaf_hash(event.body)])
        found.append(
            SealedEvent(
                position=event.position,
                leaf=leaf,
                path=tuple(islice(hashes, len(of_event))),
                body=event.body.decode() if whole[event.position] else None,
            )
        )
    return tuple(found)


HANDLERS: Final = (proof,)
