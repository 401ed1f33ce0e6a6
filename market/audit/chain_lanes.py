"""The lanes of an audit that hashes every record and decodes none."""

from collections.abc import Mapping
from functools import partial
from typing import Final

import msgspec

from events.decision import LaneKey
from market.audit.chain_audit import ChainAudit
from market.audit.checked_lanes import Lanes
from market.audit.lane_progress import Followed, beginning
from market.audit.lane_verdict import LaneVerdict
from market.audit.share import Asked, AskedLane, Told
from market.audit.state import AuditState
from market.topics import Reading, open_reading

KEPT: Final = Followed
"""What is kept of a lane."""

_encode: Final = msgspec.msgpack.Encoder().encode
_followed: Final = msgspec.msgpack.Decoder(Followed)


async def follow(
    asked: Asked, state: AuditState, readings: Mapping[str, Reading], told: Told
) -> list[LaneVerdict]:
    """Verdicts in the order of the lanes. TopicError when a topic is not the one that was read before."""
    lanes = Lanes(asked, state, partial(_chain_of, asked), lambda check: _encode(check.followed()))
    for stream, reading in readings.items():
        with told(asked.topic(stream), await lanes.go_on(stream, reading)) as advance:
            async for lane, links in reading.links():
                lanes.checks[LaneKey(stream, lane)].feed(links)
                advance(lanes.moved(reading, lane, links, stream))
        unsettled = lanes.unsettled(stream)
        if unsettled:
            async with open_reading(asked.bootstrap, asked.topic(stream), only=unsettled) as again:
                async for lane, links in again.links():
                    for link in links:
                        unsettled[lane].reread(link)
        lanes.save()
    return [lanes.checks[lane.key].verdict() for lane in asked.lanes]


def _chain_of(asked: Asked, lane: AskedLane, kept: bytes | None) -> ChainAudit:
    followed = None if kept is None else _followed.decode(kept)
    if followed is None and asked.kept is not None:
        followed = beginning(asked.deployment_id, lane.key, first=lane.bounds.first)
    return ChainAudit(
        lane.key,
        asked.deployment_id,
        lane.expected_end,
        seals=lane.seals,
        anchors=lane.anchors,
        bounds=lane.bounds,
        followed=followed,
    )
