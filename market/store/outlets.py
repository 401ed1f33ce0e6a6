"""How far the topic of an organisation is on each lane: table `ops.outlet`.

Of a topic that is live the publisher's own position counts.
"""

from typing import cast
from uuid import UUID

from events.connections import Connection
from events.decision import LaneKey
from market.store.feed import PUBLISHER

LIVE = "select organisation from ops.outlet where stream = $1 and lane = $2 and live"

POSITION = "select position from ops.outlet where organisation = $1 and stream = $2 and lane = $3"

# The share lock makes a new owner of the lane wait: it then reads which topics are live.
MOVE = """
insert into ops.outlet (organisation, stream, lane, position, live)
select $1, stream, lane, $4, $5 from record.consumer
where name = $6 and stream = $2 and lane = $3 and owner = $7
for share
on conflict (organisation, stream, lane) do update set position = excluded.position, live = excluded.live
"""


OWNED = "select stream, lane from record.consumer where name = $1 and owner = $2"


async def lanes_of(connection: Connection, owner: str) -> set[LaneKey]:
    """The lanes whose publisher is `owner`."""
    rows = await connection.fetch(OWNED, PUBLISHER, owner)
    return {LaneKey(row["stream"], row["lane"]) for row in rows}


async def live_on(connection: Connection, key: LaneKey) -> set[UUID]:
    rows = await connection.fetch(LIVE, key.stream, key.lane)
    return {row["organisation"] for row in rows}


async def position_of(connection: Connection, organisation: UUID, key: LaneKey) -> int:
    """Up to where the topic holds the lane; 0 for one that has never been on it."""
    found = await connection.fetchval(POSITION, organisation, key.stream, key.lane)
    return cast(int, found or 0)


async def move(
    connection: Connection, organisation: UUID, key: LaneKey, position: int, owner: str, *, live: bool
) -> bool:
    """False, and nothing is changed, when the publisher's lane is another's by now."""
    status = await connection.execute(
        MOVE, organisation, key.stream, key.lane, position, live, PUBLISHER, owner
    )
    return status == "INSERT 0 1"
