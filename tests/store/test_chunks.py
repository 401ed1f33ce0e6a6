"""What the relay reads of a lane that is behind: all of it in order, never more than its limits at once."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from aiokafka.record.memory_records import MemoryRecords

from events.chunks import SHORT_BYTES_MAX, Backlog, read_chunk, read_due
from events.codec import BODY_BYTES_MAX
from events.connections import Pool, acquire
from events.decision import LaneKey
from events.journal import JournalRow, copy_rows
from tests.record_support import STREAM, pool_on, prepare_record

LANE = LaneKey(STREAM, 0)
OTHER = "market"
BEGIN = b'{"id":"%b","type":"a.b.v1","source":"s","subject":"%d","time":"t","data":"' % (b"0" * 36, 0)
SHORT, LONG = 700, SHORT_BYTES_MAX + 1
LIMITS = {"rows_max": 50, "bytes_max": 100_000}


def body(length: int) -> bytes:
    return BEGIN.ljust(length - 2, b"x") + b'"}'


async def fill(pool: Pool, lengths: Sequence[int]) -> None:
    rows = [
        JournalRow(*LANE, position, uuid4(), "a.b.v1", "0", body(length), bytes(32))
        for position, length in enumerate(lengths, 1)
    ]
    async with acquire(pool) as connection:
        await copy_rows(connection, rows, datetime.now(UTC))


@pytest.fixture
async def writer_dsn(database: Any) -> str:
    await prepare_record(database.dsn("owner"), database.admin_dsn, 1)
    dsn: str = database.dsn("writer")
    return dsn


@pytest.mark.parametrize(
    "lengths",
    [
        [],
        [SHORT],
        [LONG],
        [SHORT] * 120,
        [SHORT] * 50 + [LONG],
        [SHORT_BYTES_MAX] * 60,
        [LONG] * 60,
        [SHORT, LONG] * 40,
        [BODY_BYTES_MAX] * 4 + [SHORT] * 3 + [BODY_BYTES_MAX, SHORT],
    ],
)
async def test_a_backlog_comes_whole_and_in_order(writer_dsn: str, lengths: list[int]) -> None:
    async with pool_on(writer_dsn, 2) as pool:
        await fill(pool, lengths)
        backlog = Backlog(pool, LANE, 0, **LIMITS)
        found: list[int] = []
        while (batch := await backlog.next_batch()) is not None:
            assert (len(found) + 1, len(found) + batch.record_count()) == (batch.first, batch.last)
            assert batch.size() <= LIMITS["bytes_max"] or batch.record_count() == 1
            records = MemoryRecords(bytes(batch._build())).next_batch()
            assert records is not None
            found += [len(record.value or b"") for record in records]
        assert lengths == found


async def test_batches_are_filled_across_what_was_read(writer_dsn: str) -> None:
    async with pool_on(writer_dsn, 2) as pool:
        await fill(pool, [SHORT] * 200)
        backlog = Backlog(pool, LANE, 0, **LIMITS)
        counts: list[int] = []
        while (batch := await backlog.next_batch()) is not None:
            counts.append(batch.record_count())
    full = counts[0]
    assert full > LIMITS["rows_max"]
    assert [full] * (200 // full) + [200 % full] == counts


async def test_a_chunk_is_bounded_by_rows_and_by_bytes(writer_dsn: str) -> None:
    async with pool_on(writer_dsn, 2) as pool:
        await fill(pool, [SHORT] * 60 + [LONG] * 60 + [SHORT] * 2)
        assert list(range(1, 51)) == [row[0] for row in await read_chunk(pool, LANE, 0, **LIMITS)]
        assert list(range(51, 61)) == [row[0] for row in await read_chunk(pool, LANE, 50, **LIMITS)]
        long = await read_chunk(pool, LANE, 60, **LIMITS)
        assert list(range(61, 61 + len(long))) == [row[0] for row in long]
        bytes_read = sum(len(row[1]) for row in long)
        assert LIMITS["bytes_max"] - 3 * LONG < bytes_read < LIMITS["bytes_max"] + LONG
        assert [122] == [row[0] for row in await read_chunk(pool, LANE, 121, **LIMITS)]
        assert [] == await read_chunk(pool, LANE, 122, **LIMITS)


async def test_what_is_written_meanwhile_belongs_to_the_backlog(writer_dsn: str) -> None:
    async with pool_on(writer_dsn, 2) as pool:
        await fill(pool, [SHORT] * 3)
        backlog = Backlog(pool, LANE, 1, **LIMITS)
        batch = await backlog.next_batch()
        assert batch is not None
        assert (2, 3) == (batch.first, batch.last)
        assert await backlog.next_batch() is None
        row = JournalRow(*LANE, 4, uuid4(), "a.b.v1", "0", body(SHORT), bytes(32))
        async with acquire(pool) as connection:
            await copy_rows(connection, [row], datetime.now(UTC))
        batch = await backlog.next_batch()
        assert batch is not None
        assert (4, 4) == (batch.first, batch.last)


LANES = 3
SET_ENDS = """
update record.lane l set next_position = 1 + coalesce(
    (select max(position) from record.journal j where j.stream = l.stream and j.lane = l.lane), 0)
"""


@pytest.fixture
async def journal(database: Any) -> AsyncIterator[Pool]:
    """Lane 0 and lane 2 of `STREAM` with ten short rows, lane 1 with none, lane 1 of another with four."""
    await prepare_record(database.dsn("owner"), database.admin_dsn, LANES)
    async with pool_on(database.dsn("writer"), 2) as pool, acquire(pool) as connection:
        for stream, lane, count in ((STREAM, 0, 10), (STREAM, 2, 10), (OTHER, 1, 4)):
            rows = [
                JournalRow(stream, lane, position, uuid4(), "a.b.v1", "0", body(SHORT), bytes(32))
                for position in range(1, count + 1)
            ]
            await copy_rows(connection, rows, datetime.now(UTC))
        await connection.execute(SET_ENDS)
        yield pool


async def due(
    pool: Pool, after: dict[LaneKey, int], *, rows_max: int = 256, bytes_max: int = 1_000_000
) -> dict[LaneKey, list[int]]:
    """The same, whether it is asked first or not."""
    async with acquire(pool) as connection:
        found, again = [
            await read_due(connection, after, rows_max=rows_max, bytes_max=bytes_max, likely=likely)
            for likely in (True, False)
        ]
    assert found == again
    assert sorted(key for key, _ in found) == [key for key, _ in found]
    return {key: [row[0] for row in rows] for key, rows in found}


async def test_due_is_what_lies_past_each_lanes_position(journal: Pool) -> None:
    after = {LaneKey(STREAM, 0): 7, LaneKey(STREAM, 1): 0, LaneKey(STREAM, 2): 9, LaneKey(OTHER, 1): 0}
    expected = {LaneKey(STREAM, 0): [8, 9, 10], LaneKey(STREAM, 2): [10], LaneKey(OTHER, 1): [1, 2, 3, 4]}
    assert expected == await due(journal, after)


async def test_lanes_that_are_not_asked_for_are_not_due(journal: Pool) -> None:
    assert {LaneKey(STREAM, 2): [10]} == await due(journal, {LaneKey(STREAM, 2): 9})
    assert {LaneKey(OTHER, 1): [4]} == await due(journal, {LaneKey(OTHER, 1): 3, LaneKey(STREAM, 0): 10})
    level = {LaneKey(STREAM, lane): 10 for lane in range(LANES)}
    assert {} == await due(journal, level)
    assert {} == await due(journal, {})


async def test_a_lane_past_the_last_that_is_asked_for_is_not_due(journal: Pool) -> None:
    for lanes in range(LANES):
        after = {LaneKey(stream, lane): 0 for stream in (STREAM, OTHER) for lane in range(lanes)}
        assert set(await due(journal, after)) <= after.keys(), lanes


async def test_what_is_due_is_bounded_for_each_lane(journal: Pool) -> None:
    after = {LaneKey(STREAM, 0): 0, LaneKey(STREAM, 2): 8}
    assert {LaneKey(STREAM, 0): [1, 2, 3], LaneKey(STREAM, 2): [9, 10]} == await due(
        journal, after, rows_max=3
    )
    assert {LaneKey(STREAM, 0): [1, 2], LaneKey(STREAM, 2): [9, 10]} == await due(
        journal, after, bytes_max=2 * SHORT
    )
    assert {LaneKey(STREAM, 0): [1], LaneKey(STREAM, 2): [9]} == await due(journal, after, bytes_max=1)
