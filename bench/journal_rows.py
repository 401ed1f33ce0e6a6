"""A journal filled through the lanes themselves: real bodies, positions and chains."""

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

import asyncpg
from facts import SELLER
from figures import say
from servers import Database
from uuid_utils.compat import uuid7

from events.connections import Connection
from events.decision import LaneKey
from events.envelope import Draft, Recorded, source_of
from events.heads import append, lock_lanes
from events.journal import DEFAULT_LANES, JournalRow, read_deployment, read_rows
from events.writes import Write

CHUNK_ROWS = 2_000
CAUSE = f"POST /v1/matches {sha256(b'key').hexdigest()} {sha256(b'body').hexdigest()}"

STREAM = "market"
MakeDraft = Callable[[int, UUID], Draft]


async def fill(database: Database, rows: int, make: MakeDraft) -> int:
    """`rows` events, the same number on every lane of `market`; returns how many bytes their bodies have."""
    per_lane = rows // DEFAULT_LANES
    connection = await asyncpg.connect(database.url("writer"), server_settings={"search_path": "state, view"})
    written = 0
    try:
        source = source_of((await read_deployment(connection)).deployment_id)
        for lane in range(DEFAULT_LANES):
            left = per_lane + (1 if lane < rows % DEFAULT_LANES else 0)
            while left:
                count = min(CHUNK_ROWS, left)
                await _chunk(connection, LaneKey(STREAM, lane), count, make, source)
                left -= count
                written += count
            say(f"journal: {written:,} of {rows:,} rows")
        body_bytes: int = await connection.fetchval(
            "select sum(octet_length(body))::bigint from record.journal"
        )
    finally:
        await connection.close()
    await _settle(database)
    return body_bytes


async def _chunk(connection: Connection, key: LaneKey, count: int, make: MakeDraft, source: str) -> None:
    async with connection.transaction():
        heads = await lock_lanes(connection, [key])
        await append(
            connection,
            heads,
            [make(key.lane, uuid7()) for _ in range(count)],
            cause=CAUSE,
            actor=SELLER,
            source=source,
            now=datetime.now(UTC),
            new_id=uuid7,
            new_salt=lambda: secrets.token_hex(16),
            apply=_no_effect,
        )


async def _no_effect(_connection: Connection, _events: Sequence[Recorded]) -> Sequence[Write]:
    return ()


async def _settle(database: Database) -> None:
    """Statistics, hint bits and a checkpoint now, so that none of them falls into a measurement."""
    admin = await asyncpg.connect(database.admin_url)
    try:
        await admin.execute("vacuum (analyze) record.journal")
        await admin.execute("checkpoint")
    finally:
        await admin.close()


async def read_all(database: Database) -> list[list[JournalRow]]:
    """The whole journal, lane by lane, in memory."""
    connection = await asyncpg.connect(database.url("relay"))
    try:
        return [
            await read_rows(connection, LaneKey(STREAM, lane), 0, 2**53, 10**7)
            for lane in range(DEFAULT_LANES)
        ]
    finally:
        await connection.close()


async def rewind(database: Database) -> None:
    """The relay's watermarks back to the start, as before the first event was sent."""
    admin = await asyncpg.connect(database.admin_url)
    try:
        await admin.execute(REWIND)
    finally:
        await admin.close()


REWIND = """
update record.relay set
    position = 0, kafka_offset = null, cluster_id = null, owner = null, leased_until = null,
    stopped_reason = null
"""
