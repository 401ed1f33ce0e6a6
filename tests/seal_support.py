"""A record whose topics are verified by an auditor and signed by a signer, turn by turn."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from events.chain import genesis
from events.checkpoints import TOPIC
from events.connections import Consumer, Pool, open_consumer, open_producer
from events.decision import LaneKey
from events.envelope import source_of
from events.head_ledger import Head, Learnt, Ledger
from events.key_files import make_keys, read_keys, rotate_keys
from events.notes import Algorithm, VerifierKey
from events.public_heads import TOPIC as PUBLIC_TOPIC
from events.publishing import TopicWriter
from events.signer import Limits, Signer
from market.audit.auditor import ChainFollower
from tests.record_support import (
    STREAM,
    create_topic,
    eventually,
    lane_bodies,
    pool_on,
    running,
    subscription_on,
    wall_clock,
)
from tests.wire_support import FIRST, LANES, Wire

ORIGIN = "exchange.example"
SOURCE = source_of(UUID(int=1))


class Sealed:
    """`wire` with an auditor, a signer's key and the topic of checkpoints."""

    def __init__(
        self,
        wire: Wire,
        dsn: str,
        admin_dsn: str,
        owner_dsn: str,
        pool: Pool,
        consumer: Consumer,
        key_file: Path,
    ) -> None:
        self.wire = wire
        self.dsn = dsn
        self.admin_dsn = admin_dsn
        self.owner_dsn = owner_dsn
        self.pool = pool
        self.consumer = consumer
        self.key_file = key_file
        self.topic = wire.prefix + TOPIC
        self.public_topic = wire.prefix + PUBLIC_TOPIC
        self.writer = TopicWriter(partial(open_producer, wire.bootstrap))

    def signer(self) -> Signer:
        return signer_on(self.pool, self.wire.bootstrap, self.wire.prefix, self.key_file, self.writer)

    async def audited(self) -> None:
        """Publish the journal and let the auditor verify all of it."""
        await self.wire.publish()
        await self.follow()

    async def follow(self) -> None:
        reader = subscription_on(
            self.pool, self.wire.bootstrap, self.wire.prefix, ChainFollower(), name="auditor"
        )
        async with running(reader):
            await eventually(partial(self.wire.caught_up, "auditor"))

    async def seal(self, signer: Signer | None = None) -> Signer:
        """One turn that signs whatever moved."""
        found = signer or self.signer()
        await found.turn(self.consumer, everything=True)
        return found

    async def topic_exists(self) -> bool:
        return self.topic in await self.consumer.topics()

    async def messages(self, topic: str | None = None) -> list[bytes]:
        return await lane_bodies(self.wire.bootstrap, topic or self.topic, 0)

    def operator(self) -> VerifierKey:
        return read_keys(self.key_file).first

    async def learnt(self, topic: str | None = None) -> list[Learnt]:
        """What a reader makes of the topic who knows the first key."""
        ledger = Ledger(self.operator())
        return [ledger.feed(value) for value in await self.messages(topic)]

    async def heads(self, lane: LaneKey = FIRST) -> list[int]:
        """Sizes of the lane's checkpoints that a reader believes, in topic order."""
        return [
            found.checkpoint.size
            for found in await self.learnt()
            if isinstance(found, Head) and found.lane == lane
        ]

    async def execute(self, *statements: str) -> None:
        """With rights that no service has."""
        admin = await asyncpg.connect(self.admin_dsn)
        try:
            for statement in statements:
                await admin.execute(statement)
        finally:
            await admin.close()

    async def saved(self, *tables: str) -> None:
        """A backup of some tables beside them."""
        await self.execute(*(f"create table public.saved_{name} as table record.{name}" for name in tables))

    async def restored(self, *tables: str) -> None:
        """The tables as they were when they were saved."""
        admin = await asyncpg.connect(self.admin_dsn)
        try:
            await admin.execute("set session_replication_role = replica")
            for name in tables:
                await admin.execute(f"delete from record.{name}")
                await admin.execute(
                    f"insert into record.{name} overriding system value select * from public.saved_{name}"
                )
        finally:
            await admin.close()

    async def follow_topic(self, position: int) -> None:
        """Let the auditor verify the first lane's topic up to a position that the journal may not reach."""

        async def reached() -> bool:
            query = "select position from record.consumer where name = 'auditor' and lane = 0"
            return bool(position == await self.pool.fetchval(query))

        reader = subscription_on(
            self.pool, self.wire.bootstrap, self.wire.prefix, ChainFollower(), name="auditor"
        )
        async with running(reader):
            await eventually(reached)

    async def forget_lanes(self) -> None:
        """Every lane as if nothing had ever been recorded or published."""
        for lane in range(LANES):
            head = genesis(self.wire.deployment.deployment_id, STREAM, lane)
            await self.execute(
                f"update record.lane set next_position = 1, head = '\\x{head.hex()}', last_time = null"
                f" where stream = '{STREAM}' and lane = {lane}"
            )
        await self.execute("update record.relay set position = 0, kafka_offset = null, cluster_id = null")

    def rotate(self) -> None:
        rotate_keys(self.key_file)


def signer_on(
    pool: Pool, bootstrap: str, prefix: str, key_file: Path, writer: TopicWriter, **limits: Any
) -> Signer:
    return Signer(
        pool,
        writer,
        partial(open_consumer, bootstrap),
        partial(read_keys, key_file),
        auditor="auditor",
        source=SOURCE,
        topic_prefix=prefix,
        clock=wall_clock,
        limits=Limits(**({"poll_seconds": 0.05, "seconds": 0.1} | limits)),
    )


@asynccontextmanager
async def sealed_on(wire: Wire, database: Any, folder: Path) -> AsyncIterator[Sealed]:
    key_file = folder / "keys" / "checkpoint.key"
    make_keys(key_file, ORIGIN, Algorithm.ED25519)
    for topic in (TOPIC, PUBLIC_TOPIC):
        await create_topic(wire.bootstrap, wire.prefix + topic, 1)
    consumer = await open_consumer(wire.bootstrap)
    dsn = database.dsn("auditor")
    try:
        async with pool_on(dsn, 6) as pool:
            made = Sealed(wire, dsn, database.admin_dsn, database.dsn("owner"), pool, consumer, key_file)
            yield made
            await made.writer.close()
    finally:
        await consumer.stop()
