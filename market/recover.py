"""Recovery of a lost database: fills an empty one from the topics, checked against their chains and the
signed heads.

Lanes stay stopped until everything is restored, so that nobody writes, publishes or signs in between; an
interrupted recovery continues where it stopped. The recovery itself is the first new fact of the record.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct

from events import positions, seals, watermarks
from events.connections import Connection, Pool, acquire
from events.decision import LaneKey, Moment
from events.envelope import Recorded, source_of
from events.heads import append, lock_lanes
from events.ids import new_id
from events.journal import Deployment, initialise, stop_lanes, stopped_lanes
from events.notes import VerifierKey
from events.party_events import LaneAnchor
from events.replay import WholeLane, restore_whole_lane
from events.trees import grow
from events.vocabulary import STREAMS, lane_of
from events.writes import Write
from market.audit.auditor import lane_sizes, recorded_deployment
from market.audit.sealed_heads import SealedHeads, read_sealed
from market.audit.share import Told, untold
from market.ground import Ground, new_salt
from market.operators import operator_of
from market.provision import prepare_database
from market.republish import anchor_of, lanes_of
from market.restored_seals import RestoredSeals, restore_seals
from market.rules import recoveries as rules
from market.rules.recoveries import Restore
from market.store import views
from market.store.applying import apply
from market.topics import TopicError

RECOVERING: Final = "the database is being taken back from the topics"
CAUSE: Final = "record.restore"


class CannotRecover(Exception):
    """A recovery cannot start with this database or these topics; one sentence says why."""


class Recovered(Struct, frozen=True, kw_only=True):
    """`tail`: events after the signed heads; `requests`: restored idempotency keys."""

    deployment: UUID
    lanes: int
    events: int
    sealed: int
    tail: int
    requests: int
    heads: int
    cosignatures: int
    anchors: tuple[LaneAnchor, ...]


async def recover(ground: Ground, key: VerifierKey | None, told: Told = untold) -> Recovered:
    """`key`: the operator's; None: the topics are checked only by their chains.

    CannotRecover for a database that contains a record, BrokenRecord and SignedTwice for topics that are not
    one history: what was restored until then stays, with its lanes stopped.
    """
    prefix = ground.settings.topic_prefix
    try:
        deployment = await _deployment_on(ground, prefix)
        sealed = None if key is None else await read_sealed(ground.bootstrap, prefix, key)
    except TopicError as error:
        raise CannotRecover(str(error)) from error
    if sealed is not None and sealed.faults:
        raise CannotRecover(f"the checkpoints diverge: {sealed.faults[0][1].sentence}")
    if key is not None and sealed is not None and not sealed.roots:
        raise CannotRecover(
            f"no head was signed with {key.text}; use --without-checkpoints to recover without any"
        )
    await prepare_database(ground.settings, ground.admin_url)
    async with ground.opened_pool("owner", 2) as owner:
        await _begin(owner, deployment)
        keys, lanes = lanes_of(STREAMS, deployment.lanes), dict[LaneKey, WholeLane]()
        with told("lanes taken back", len(keys)) as advance:
            for lane in keys:
                lanes[lane] = await _take_back(ground, owner, lane, deployment, sealed)
                advance(1)
        return await _finish(ground, owner, deployment, lanes, key)


async def _deployment_on(ground: Ground, prefix: str) -> Deployment:
    sizes = await lane_sizes(ground.bootstrap, prefix, STREAMS)
    counts = set(Counter(key.stream for key in sizes).values())
    found = await recorded_deployment(ground.bootstrap, prefix, sizes)
    if len(counts) != 1:
        raise CannotRecover("the record topics differ in their numbers of partitions: one was recreated")
    if found is None:
        raise CannotRecover("the record topics contain no events")
    return Deployment(deployment_id=found, lanes=counts.pop())


async def _begin(owner: Pool, deployment: Deployment) -> None:
    """Creates the record with every lane stopped. CannotRecover when there is another record, or one in
    use."""
    async with acquire(owner) as connection, connection.transaction():
        known = await connection.fetchval("select deployment_id from record.deployment")
        if known is None:
            await initialise(connection, deployment.deployment_id, deployment.lanes)
            await stop_lanes(connection, RECOVERING)
        elif known != deployment.deployment_id or await stopped_lanes(connection, RECOVERING) == 0:
            raise CannotRecover(
                f"the database is not empty: it holds the record of deployment {known}. Name an empty "
                "one; to restore missing newest events of a lane use lodestone replay --restore "
                "STREAM/LANE"
            )


async def _take_back(
    ground: Ground,
    owner: Pool,
    lane: LaneKey,
    deployment: Deployment,
    sealed: SealedHeads | None,
) -> WholeLane:
    consumer = await ground.consumer()
    try:
        return await restore_whole_lane(
            owner,
            consumer,
            lane,
            deployment.deployment_id,
            {} if sealed is None else sealed.roots.get(lane, {}),
            _apply_all,
            topic_prefix=ground.settings.topic_prefix,
        )
    finally:
        await consumer.stop()


async def _apply_all(connection: Connection, events: Sequence[Recorded]) -> list[Write]:
    """Applies events to tables and views together, so that no list is empty when the services start."""
    if events[0].stream == "market":
        await views.apply(connection, events)
    return await apply(connection, events)


# The cause of a request's events ends in the hashes of its key and its body.
INSERT_REQUESTS = """
insert into record.restored_request (organisation, route, key_sha256, body_hash, event_ids, at)
select (e.body ->> 'actor')::uuid, e.said [1], decode(e.said [2], 'hex'), decode(min(e.said [3]), 'hex'),
       array_agg(e.event_id order by e.event_id), max((e.body ->> 'time')::timestamptz)
from (
    select j.event_id, b.body,
           regexp_match(b.body ->> 'cause', '^([A-Z]+ \\S+) ([0-9a-f]{64}) ([0-9a-f]{64})$') as said
    from record.journal j cross join lateral (select convert_from(j.body, 'UTF8')::jsonb) as b (body)
) e
where e.said is not null group by 1, 2, 3
on conflict do nothing
"""


async def _finish(
    ground: Ground,
    owner: Pool,
    deployment: Deployment,
    lanes: dict[LaneKey, WholeLane],
    key: VerifierKey | None,
) -> Recovered:
    """Makes the record usable, in one transaction."""
    cluster = await ground.cluster_id()
    anchors = tuple(anchor_of(lane, found.history) for lane, found in lanes.items())
    async with acquire(owner) as connection:
        for anchor in anchors:
            await _grow(connection, anchor)
        async with connection.transaction():
            requests = int((await connection.execute(INSERT_REQUESTS)).rpartition(" ")[2])
            found = RestoredSeals()
            if key is not None:
                prefix = ground.settings.topic_prefix
                found = await restore_seals(connection, ground.bootstrap, prefix, key)
            await watermarks.restore(connection, [_published(*each) for each in lanes.items()], cluster)
            await positions.restore(
                connection,
                views.PROJECTOR,
                {lane: _place(each, cluster) for lane, each in lanes.items() if lane.stream == "market"},
            )
            await stop_lanes(connection, None)
            await _record(connection, deployment, cluster, anchors)
    events, sealed = sum(each.position for each in anchors), sum(each.sealed for each in anchors)
    return Recovered(
        deployment=deployment.deployment_id,
        lanes=len(lanes),
        events=events,
        sealed=sealed,
        tail=events - sealed,
        requests=requests,
        heads=found.heads,
        cosignatures=found.cosignatures,
        anchors=anchors,
    )


async def _grow(connection: Connection, anchor: LaneAnchor) -> None:
    """The tree that proofs of what was signed are taken from."""
    lane, size = LaneKey(anchor.stream, anchor.lane), 0
    while size < anchor.sealed:
        async with connection.transaction():
            await seals.lock_signers(connection)
            size = await grow(connection, lane, anchor.sealed)


def _published(lane: LaneKey, found: WholeLane) -> watermarks.Published:
    return watermarks.Published(lane, found.history.position, found.last_offset)


def _place(found: WholeLane, cluster: str) -> positions.Place:
    next_offset = 0 if found.last_offset is None else found.last_offset + 1
    return positions.Place(
        found.history.position, found.history.head, next_offset, found.last_event_id, cluster
    )


async def _record(
    connection: Connection, deployment: Deployment, cluster: str, anchors: tuple[LaneAnchor, ...]
) -> None:
    operator = operator_of(deployment.deployment_id)
    lane = LaneKey("parties", lane_of(str(operator.organisation), deployment.lanes))
    asked = Restore(caller=operator, lane=lane.lane, cluster=cluster, anchors=anchors)
    heads = await lock_lanes(connection, [lane])
    now = heads.locked_at
    assert now is not None, "a lane that is locked was locked at some time"
    await append(
        connection,
        heads,
        rules.restore(None, asked, Moment(now=now, new_id=new_id)).drafts,
        cause=CAUSE,
        actor=operator.organisation,
        source=source_of(deployment.deployment_id),
        now=now,
        new_id=new_id,
        new_salt=new_salt,
        apply=apply,
    )
