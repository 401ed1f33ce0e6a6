"""Recorded recoveries of the record, read from its topic alone."""

from typing import Final

from events.brokers import Bootstrap
from events.codec import Undecodable, decode_event
from events.decision import LaneKey
from events.party_events import RecordRepublished, RecordRestored
from events.topics import record_topic
from market.audit.report import Recovery
from market.topics import TopicError, open_reading

MARK: Final = b'"type":"parties.record.'
HEADER_BYTES_MAX: Final = 512
"""Within so many bytes from its beginning a body says what type it is."""


async def read_recoveries(bootstrap: Bootstrap, prefix: str) -> tuple[Recovery, ...]:
    """In the order of time; none where there is no topic of parties. What cannot be decoded is left out."""
    found: list[Recovery] = []
    try:
        async with open_reading(bootstrap, record_topic(prefix, "parties")) as reading:
            async for _, records in reading.links():
                for record in records:
                    if record.body.find(MARK, 0, HEADER_BYTES_MAX) > 0:
                        found += _recovery(record.body)
    except TopicError:
        return ()
    return tuple(
        sorted({each.event: each for each in found}.values(), key=lambda each: (each.time, each.event))
    )


def _recovery(body: bytes) -> list[Recovery]:
    try:
        event = decode_event(body, b"")
    except Undecodable:
        return []
    match event.data:
        case RecordRepublished() as fact:
            old_clusters, cluster = fact.old_clusters, fact.new_cluster
        case RecordRestored() as fact:
            old_clusters, cluster = (), fact.cluster
        case _:
            return []
    return [
        Recovery(
            event=event.id,
            time=event.time,
            organisation=fact.organisation,
            republished=isinstance(fact, RecordRepublished),
            old_clusters=old_clusters,
            cluster=cluster,
            anchors=fact.anchors,
        )
    ]


def anchors_by_lane(recoveries: tuple[Recovery, ...]) -> dict[LaneKey, dict[int, str]]:
    """Of each lane the head, in hexadecimal, at each position where a recovery found it."""
    found: dict[LaneKey, dict[int, str]] = {}
    for recovery in recoveries:
        for anchor in recovery.anchors:
            if anchor.position:
                lane = found.setdefault(LaneKey(anchor.stream, anchor.lane), {})
                lane[anchor.position] = anchor.head
    return found
