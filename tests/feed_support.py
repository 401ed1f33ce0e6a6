"""What the publisher writes of the record into the feed, from the journal instead of the topics."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg

from events.decision import LaneKey
from events.vocabulary import STREAMS
from market.rules.streams.partner_lines import PartnerLine, ShownLane
from market.store import feed
from tests.market_support import Scene

PLACE_OF_PUBLISHER = """
insert into record.consumer (name, stream, lane, position, head, next_offset) values ($1, $2, $3, $4, $5, 0)
on conflict (name, stream, lane) do update set position = excluded.position, head = excluded.head
"""


# Whatever it is, twice is what it was.
FLIP = """
update view.feed set body = set_byte(body, 0, get_byte(body, 0) # 255)
where first is not null and ($1::uuid is null or audience = $1) returning position
"""


@asynccontextmanager
async def damaged(admin_dsn: str, audience: UUID | None = None) -> AsyncIterator[list[int]]:
    """No block of the feed, or none of an audience, can be read meanwhile; where they end."""
    admin = await asyncpg.connect(admin_dsn)
    try:
        yield [row["position"] for row in await admin.fetch(FLIP, audience)]
        await admin.execute(FLIP, audience)
    finally:
        await admin.close()


async def publish(scene: Scene) -> list[PartnerLine]:
    """Lines that are new, lane by lane, and the publisher's positions behind them."""
    written: list[PartnerLine] = []
    async with scene.pool.acquire() as connection, connection.transaction():
        ends = await feed.read_ends(connection)
        for stream in STREAMS:
            lanes: dict[int, ShownLane] = {}
            for event in await scene.events(stream):
                lines = lanes.setdefault(event.lane, ShownLane()).step(event)
                if event.position > ends.get(LaneKey(stream, event.lane), 0):
                    written += lines
                    place = (stream, event.lane, event.position, event.chain)
                    await connection.execute(PLACE_OF_PUBLISHER, feed.PUBLISHER, *place)
        await feed.write(connection, written)
    return written
