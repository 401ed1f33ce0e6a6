"""Recovery of lost topics: publishes lanes again from the journal, after checking it against the signed
heads.

The command is recorded before the first event is sent, so that readers of the new topics learn about it.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from events import positions, seals, watermarks
from events.connections import Connection, acquire
from events.decision import LaneKey, Moment
from events.heads import append, lock_lanes
from events.ids import new_id
from events.party_events import LaneAnchor
from events.public_heads import TOPIC as PUBLIC_HEADS
from events.replay import History, check_journal
from events.vocabulary import STREAMS, Stream
from market.audit.share import Told, untold
from market.ground import Wiring, new_salt
from market.operators import operator_of
from market.publisher import NAME as PUBLISHER
from market.rules import recoveries as rules
from market.rules.recoveries import Republish
from market.store import feed
from market.store.applying import apply
from market.topics import create_topics

PUBLIC: Final = "public."
CAUSE: Final = "record.republish"


class StillAtWork(Exception):
    """Services still hold leases on what is to be recovered; one sentence."""


class Republished(Struct, frozen=True, kw_only=True):
    """`events` will be sent again; `readers`: places of readers that begin at their first record again.

    `created`: topics that were missing; `tape`: whether public topics are made again too.
    """

    lanes: int
    events: int
    sealed: int
    readers: int
    old_clusters: tuple[str, ...]
    new_cluster: str
    created: tuple[str, ...]
    tape: bool


def _is_tape(topic: str) -> bool:
    """Whether the publisher writes the topic; the signer detects by itself what its own topics lack."""
    return topic.startswith(PUBLIC) and topic != PUBLIC_HEADS


def lanes_of(streams: Sequence[str], lanes: int) -> list[LaneKey]:
    return [LaneKey(stream, lane) for stream in sorted(streams) for lane in range(lanes)]


async def republish(
    wiring: Wiring, keys: Sequence[LaneKey], *, tape: bool = False, told: Told = untold
) -> Republished:
    """Missing topics are made, watermarks and readers of the lanes begin anew; relay and readers do the rest.

    `tape`: the public topics as well; they are when one of them was missing. StillAtWork while services
    run: what a relay sends into a new topic before this would stand before the first event. BrokenRecord when
    the journal is not what was signed, and TopicError: nothing is changed then but for topics made.
    """
    await require_rest(wiring)
    anchors: list[LaneAnchor] = []
    with told("lanes checked", len(keys)) as advance:
        for key in keys:
            anchors.append(await _anchor(wiring, key))
            advance(1)
    created = await create_topics(wiring.ground.bootstrap, wiring.deployment.lanes, prefix=wiring.prefix)
    tape = tape or any(_is_tape(name.removeprefix(wiring.prefix)) for name in created)
    new_cluster = await wiring.ground.cluster_id()
    async with (
        wiring.ground.opened_pool("owner", 1) as owner,
        acquire(owner) as connection,
        connection.transaction(),
    ):
        old_clusters = await watermarks.clusters_of(connection, keys)
        if anchors:
            await _order(connection, wiring, old_clusters, new_cluster, anchors)
        await watermarks.republish(connection, *keys)
        readers = await positions.reread_lanes(connection, keys)
        if tape:
            await positions.forget(connection, PUBLISHER)
            await feed.forget(connection)
    return Republished(
        lanes=len(keys),
        events=sum(anchor.position for anchor in anchors),
        sealed=sum(anchor.sealed for anchor in anchors),
        readers=readers,
        old_clusters=old_clusters,
        new_cluster=new_cluster,
        created=created,
        tape=tape,
    )


async def _order(
    connection: Connection,
    wiring: Wiring,
    old_clusters: tuple[str, ...],
    new_cluster: str,
    anchors: Sequence[LaneAnchor],
) -> None:
    operator = operator_of(wiring.deployment.deployment_id)
    lane = wiring.desk.lane("parties", operator.organisation)
    asked = Republish(
        caller=operator,
        lane=lane.lane,
        old_clusters=old_clusters,
        new_cluster=new_cluster,
        anchors=tuple(anchors),
    )
    heads = await lock_lanes(connection, [lane])
    now = heads.locked_at
    assert now is not None, "a lane that is locked was locked at some time"
    await append(
        connection,
        heads,
        rules.republish(None, asked, Moment(now=now, new_id=new_id)).drafts,
        cause=CAUSE,
        actor=operator.organisation,
        source=wiring.source,
        now=now,
        new_id=new_id,
        new_salt=new_salt,
        apply=apply,
    )


async def require_rest(wiring: Wiring) -> None:
    """StillAtWork when the relay or a reader holds a lease."""
    async with acquire(wiring.relay) as connection:
        names = await positions.at_work(connection)
    if names:
        raise StillAtWork(
            f"still running: {', '.join(names)}. First stop every service except the API; the leases "
            "of a killed one expire after ten seconds"
        )


async def _anchor(wiring: Wiring, key: LaneKey) -> LaneAnchor:
    async with acquire(wiring.auditor) as connection:
        roots = await seals.read_roots(connection, key)
        history = await check_journal(connection, key, wiring.deployment.deployment_id, roots)
    return anchor_of(key, history)


def anchor_of(key: LaneKey, history: History) -> LaneAnchor:
    stream: Stream = next(stream for stream in STREAMS if stream == key.stream)
    return LaneAnchor(
        stream=stream,
        lane=key.lane,
        position=history.position,
        head=history.head.hex(),
        sealed=history.sealed,
    )
