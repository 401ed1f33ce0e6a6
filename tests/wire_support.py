"""A record with its writer, its relay and a pool for readers, on a topic of its own."""

import asyncio

from events.codec import headers
from events.connections import Pool
from events.decision import LaneKey
from events.journal import Deployment, read_rows
from events.lane import LaneWriter
from tests.record_support import STREAM, eventually, note, relay_on, running, writer_on

LANES = 4
FIRST = LaneKey(STREAM, 0)


class Wire:
    """A record, its writer, its relay and a pool for readers."""

    def __init__(
        self, pool: Pool, relay_pool: Pool, bootstrap: str, prefix: str, dsn: str, deployment: Deployment
    ) -> None:
        self.pool = pool
        self.relay_pool = relay_pool
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.dsn = dsn
        self.deployment = deployment
        self.topic = f"{prefix}record.{STREAM}.v1"
        self.writer: LaneWriter = writer_on(pool)

    async def write(self, prefix: str, count: int) -> None:
        await asyncio.gather(
            *(self.writer.execute(note(f"{prefix}{number}", lane=number % LANES)) for number in range(count))
        )

    async def publish(self) -> None:
        """Everything that is in the journal."""
        async with running(relay_on(self.relay_pool, self.bootstrap, self.prefix, lease_seconds=1.0)):
            await eventually(self.published)

    async def published(self) -> bool:
        behind = """
        select not exists (
            select from record.lane l join record.relay r using (stream, lane)
            where l.next_position > r.position + 1
        )
        """
        return bool(await self.pool.fetchval(behind))

    async def caught_up(self, name: str = "reader") -> bool:
        behind = """
        select not exists (
            select from record.lane l left join record.consumer c
            on c.stream = l.stream and c.lane = l.lane and c.name = $1
            where l.stream = $2 and l.next_position > coalesce(c.position, 0) + 1
        )
        """
        return bool(await self.pool.fetchval(behind, name, STREAM))

    async def seen(self, name: str = "reader") -> list[tuple[int, int]]:
        rows = await self.pool.fetch("select lane, position from public.seen where reader = $1", name)
        return sorted((row["lane"], row["position"]) for row in rows)

    async def journalled(self) -> list[tuple[int, int]]:
        rows = await self.pool.fetch("select lane, position from record.journal")
        return sorted((row["lane"], row["position"]) for row in rows)

    async def rows(self, lane: int) -> list[tuple[bytes, list[tuple[str, bytes]]]]:
        """Kafka values and headers of the lane's journal."""
        async with self.pool.acquire() as connection:
            found = await read_rows(connection, LaneKey(STREAM, lane), 0, 10**9, 10**6)
        return [(row.body, headers(row.body, row.position, row.chain)) for row in found]
