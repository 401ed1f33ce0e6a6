"""How far the topic of an organisation has got on each lane: table `ops.outlet`.

For a live topic, the publisher's own position counts.
"""

from collections.abc import Sequence
from uuid import UUID

from events.connections import Connection
from events.decision import LaneKey
from market.store.feed import PUBLISHER

LIVE = "select organisation from ops.outlet where stream = $1 and lane = $2 and live"

POSITIONS = """
select organisation, position from ops.outlet where organisation = any($1) and stream = $2 and lane = $3
"""

# The share lock makes a new owner of the lane wait: it then reads which topics are live.
MOVE = """
insert into ops.outlet (organisation, stream, lane, position, live)
select o.organisation, c.stream, c.lane, $4, $5
from record.consumer c cross join unnest($1::uuid[]) as o (organisation)
where c.name = $6 and c.stream = $2 and c.lane = $3 and c.owner = $7
for share of c
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


async def positions_on(
    connection: Connection, organisations: Sequence[UUID], key: LaneKey
) -> dict[UUID, int]:
    """Up to where each topic holds the lane; those that have never been on it are not told."""
    rows = await connection.fetch(POSITIONS, organisations, key.stream, key.lane)
    return {row["organisation"]: row["position"] for row in rows}


async def move(
    connection: Connection,
    organisations: Sequence[UUID],
    key: LaneKey,
    position: int,
    owner: str,
    *,
    live: bool,
) -> bool:
    """False, and nothing is changed, when the publisher's lane is another's by now."""
    status = await connection.execute(
        MOVE, organisations, key.stream, key.lane, position, live, PUBLISHER, owner
    )
    return status == f"INSERT 0 {len(organisations)}"
