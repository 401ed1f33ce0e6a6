"""When a reader stops a lane, what it says, and how an operator lets it go on."""

from typing import Any

import asyncpg
import pytest

from events.chain import next_head
from events.codec import headers
from events.decision import LaneKey
from events.handling import Batch
from events.positions import reread, resume
from events.refusal import LaneStopped
from tests.record_support import (
    STREAM,
    SeenHandler,
    eventually,
    recreate_topic,
    running,
    send_raw,
    subscription_on,
)
from tests.wire_support import FIRST, LANES, Wire


async def stops(wire: Wire, lanes: tuple[int, ...] = (0, 1)) -> str:
    """The reason why a reader stops lane 0, seen in memory and in the table."""
    reader = subscription_on(
        wire.pool, wire.bootstrap, wire.prefix, SeenHandler("reader"), lanes=lanes, lease_seconds=1.0
    )

    async def stopped() -> bool:
        return FIRST in reader.stopped

    async with running(reader):
        await eventually(stopped)
        assert [FIRST] == list(reader.stopped)
    noted = await wire.pool.fetchval("select stopped_reason from record.consumer where lane = 0")
    assert noted == reader.stopped[FIRST]
    return reader.stopped[FIRST]


async def test_a_repeat_with_other_bytes_stops_the_lane(wire: Wire) -> None:
    await wire.write("a", 12)
    (first, second, _) = await wire.rows(0)
    forged = (second[0].replace(b'"subject":"a4"', b'"subject":"zz"'), second[1])
    await send_raw(wire.bootstrap, wire.topic, 0, [first, second, forged])
    reason = await stops(wire)
    assert f"topic {wire.topic}, partition 0, offset 2: position 2 had other bytes before" == reason


async def test_what_an_older_journal_lacks_is_waited_for(wire: Wire, database: Any) -> None:
    """A topic with repeats, and a handler whose tables are as old as the journal."""
    await wire.write("a", 12)
    rows = await wire.rows(0)
    await send_raw(wire.bootstrap, wire.topic, 0, [*rows, *rows])
    await send_raw(wire.bootstrap, wire.topic, 1, await wire.rows(1))
    handler = SeenHandler("reader")
    handler.refuse = {"a9"}
    admin = await asyncpg.connect(database.admin_dsn)
    for statement in (
        "create table public.saved as select * from record.journal where position = 3 and lane < 2",
        "alter table record.journal disable trigger journal_is_append_only",
        "delete from record.journal where position = 3 and lane < 2",
    ):
        await admin.execute(statement)
    reader = subscription_on(
        wire.pool, wire.bootstrap, wire.prefix, handler, lanes=(0, 1), lease_seconds=0.3,
        retry_seconds_min=0.01, retry_seconds_max=0.1,
    )  # fmt: skip

    async def waits() -> bool:
        return {FIRST, FIRST._replace(lane=1)} == reader.waiting.keys()

    async def went_on() -> bool:
        return {} == reader.waiting and 6 == len(await wire.seen())

    async with running(reader):
        await eventually(waits)
        assert {} == reader.stopped
        assert (
            "the journal of parties/0 has no position 3: the database is an older state. "
            "Recovery: lodestone replay --restore parties/0"
        ) == reader.waiting[FIRST]
        noted = "select waits_reason from record.consumer where lane < 2 order by lane"
        assert [reader.waiting[key] for key in sorted(reader.waiting)] == [
            row["waits_reason"] for row in await admin.fetch(noted)
        ]
        handler.refuse = set()
        await admin.execute("insert into record.journal select * from public.saved")
        await eventually(went_on)
        assert [None, None] == [row["waits_reason"] for row in await admin.fetch(noted)]
        await admin.close()
    assert {} == reader.stopped


async def test_a_lane_that_takes_no_commands_is_waited_for(wire: Wire) -> None:
    class Commanding(SeenHandler):
        closed = 6

        async def handle(self, batch: Batch) -> None:
            if self.closed:
                self.closed -= 1
                raise LaneStopped(stream="contracts", lane=1, reason="its topic holds more")
            await super().handle(batch)

    await wire.write("a", 4)
    await wire.publish()
    reader = subscription_on(
        wire.pool, wire.bootstrap, wire.prefix, Commanding("reader"), lanes=(0,), retry_seconds_min=0.01
    )

    async def handled() -> bool:
        return [(0, 1)] == await wire.seen()

    async with running(reader):
        await eventually(handled)
    assert {} == reader.stopped


async def test_a_hole_stops_the_lane_after_what_was_whole(wire: Wire) -> None:
    await wire.write("a", 12)
    (first, _, third) = await wire.rows(0)
    await send_raw(wire.bootstrap, wire.topic, 0, [first, third])
    reason = await stops(wire)
    assert f"topic {wire.topic}, partition 0, offset 1: position 2 is missing before position 3" == reason
    assert [(0, 1)] == await wire.seen()


async def test_a_changed_event_stops_the_lane(wire: Wire) -> None:
    await wire.write("a", 12)
    (first, second, _) = await wire.rows(0)
    edited = second[0].replace(b'"subject":"a4"', b'"subject":"zz"')
    await send_raw(wire.bootstrap, wire.topic, 0, [first, (edited, second[1])])
    assert "offset 1: position 2 does not continue the chain" in await stops(wire)


@pytest.mark.parametrize(
    "given", [[], [("chain", b"no hexadecimal")], [("chain", b"00" * 32)]], ids=["none", "text", "zeros"]
)
async def test_a_record_without_its_chain_stops_the_lane(wire: Wire, given: list[tuple[str, bytes]]) -> None:
    await wire.write("a", 4)
    ((body, _),) = await wire.rows(0)
    await send_raw(wire.bootstrap, wire.topic, 0, [(body, given)])
    assert "offset 0: position 1 does not continue the chain" in await stops(wire)
    assert [] == await wire.seen()


@pytest.mark.parametrize(
    "value",
    [b"not json", b"{}", b'{"id":"x"}', b"\xff\xfe", b'{"id":' + b"[" * 90_000, None],
    ids=["text", "empty", "short", "binary", "deep", "no value"],
)
async def test_an_undecodable_record_stops_its_lane_and_no_other(wire: Wire, value: bytes | None) -> None:
    await wire.write("a", 8)
    await send_raw(wire.bootstrap, wire.topic, 0, [(await wire.rows(0))[0], (value, [])])
    await send_raw(wire.bootstrap, wire.topic, 1, await wire.rows(1))
    reason = await stops(wire)
    assert reason.startswith(f"topic {wire.topic}, partition 0, offset 1 cannot be decoded")

    async def other_goes_on() -> bool:
        return [(0, 1), (1, 1), (1, 2)] == await wire.seen()

    async with running(
        subscription_on(wire.pool, wire.bootstrap, wire.prefix, SeenHandler("reader"), lanes=[0, 1])
    ):
        await eventually(other_goes_on)


async def test_an_unknown_type_stops_the_lane(wire: Wire) -> None:
    await wire.write("a", 4)
    ((body, _),) = await wire.rows(0)
    body = body.replace(b"parties.facility.revoked.v1", b"parties.facility.revoked.v9")
    chain = next_head(await genesis_of(wire), body)
    await send_raw(wire.bootstrap, wire.topic, 0, [(body, headers(body, 1, chain))])
    assert (
        "type parties.facility.revoked.v9 is not in the catalog: unless forged, a newer version recorded it"
        in await stops(wire)
    )


async def genesis_of(wire: Wire) -> bytes:
    async with wire.pool.acquire() as connection:
        rows = await connection.fetch("select head from record.lane where stream = $1 and lane = 3", STREAM)
    return bytes(rows[0]["head"])


async def test_a_handler_that_fails_is_retried_then_stops_its_lane_until_resumed(wire: Wire) -> None:
    await wire.write("a", 40)
    await wire.publish()
    handler = SeenHandler("reader", step=1)
    handler.refuse = {"a8"}
    opened: list[tuple[LaneKey, int]] = []

    async def note_opening(key: LaneKey, position: int) -> None:
        opened.append((key, position))

    reader = subscription_on(
        wire.pool,
        wire.bootstrap,
        wire.prefix,
        handler,
        opened=note_opening,
        attempts_max=3,
        retry_seconds_min=0.01,
        lease_seconds=1.0,
    )

    async def others_done() -> bool:
        return FIRST in reader.stopped and 32 == len(await wire.seen())

    async with running(reader):
        await eventually(others_done)
        assert "failed 3 times at position 3 of parties/0" in reader.stopped[FIRST]
        assert [(FIRST, 0), (FIRST, 2), (FIRST, 2)] == [entry for entry in opened if entry[0] == FIRST]
        handler.refuse = set()
        async with wire.pool.acquire() as connection:
            await resume(connection, "reader", FIRST)
        await eventually(wire.caught_up)
    assert {} == reader.stopped
    assert await wire.journalled() == await wire.seen()


class FailsAfterwards(SeenHandler):
    async def handle(self, batch: Batch) -> None:
        await super().handle(batch)
        raise RuntimeError("all is applied, something else failed")


async def test_a_handler_that_fails_when_all_is_applied_stops_no_lane(wire: Wire) -> None:
    await wire.write("a", 8)
    await wire.publish()
    opened: list[tuple[LaneKey, int]] = []

    async def note_opening(key: LaneKey, position: int) -> None:
        opened.append((key, position))

    reader = subscription_on(
        wire.pool,
        wire.bootstrap,
        wire.prefix,
        FailsAfterwards("reader"),
        lanes=(0,),
        opened=note_opening,
        retry_seconds_min=0.01,
    )

    async def opened_again() -> bool:
        return (FIRST, 2) in opened or FIRST in reader.stopped

    async with running(reader):
        await eventually(opened_again)
    assert {} == reader.stopped
    assert [(0, 1), (0, 2)] == await wire.seen()


async def test_a_reader_that_cannot_open_its_lane_stops_it_and_says_why(wire: Wire) -> None:
    async def fail(key: LaneKey, position: int) -> None:
        if key == FIRST:
            raise KeyError("no snapshot")

    await wire.write("a", 8)
    await wire.publish()
    reader = subscription_on(wire.pool, wire.bootstrap, wire.prefix, SeenHandler("reader"), opened=fail)

    async def others_done() -> bool:
        return FIRST in reader.stopped and 6 == len(await wire.seen())

    async with running(reader):
        await eventually(others_done)
    assert {FIRST: "reader failed: KeyError('no snapshot')"} == reader.stopped


async def test_a_recreated_topic_is_noticed(wire: Wire) -> None:
    await wire.write("a", 12)
    await wire.publish()
    async with running(subscription_on(wire.pool, wire.bootstrap, wire.prefix, SeenHandler("reader"))):
        await eventually(wire.caught_up)
    await recreate_topic(wire.bootstrap, wire.topic, LANES)
    reader = subscription_on(wire.pool, wire.bootstrap, wire.prefix, SeenHandler("reader"), lease_seconds=1.0)

    async def all_stopped() -> bool:
        return LANES == len(reader.stopped)

    async with running(reader):
        await eventually(all_stopped)
    assert "the topic ends at 0: it was truncated or created anew" in reader.stopped[FIRST]
    await wire.pool.execute("update record.consumer set stopped_reason = null")
    rows = await wire.rows(1)
    await send_raw(wire.bootstrap, wire.topic, 0, rows + rows)
    assert "holds another event than was read there" in await stops(wire, lanes=(0,))


async def test_a_topic_made_anew_is_read_again_when_an_operator_says_so(wire: Wire) -> None:
    await wire.write("a", 12)
    await wire.publish()
    async with running(subscription_on(wire.pool, wire.bootstrap, wire.prefix, SeenHandler("reader"))):
        await eventually(wire.caught_up)
    await recreate_topic(wire.bootstrap, wire.topic, LANES)
    for lane in range(LANES):
        await send_raw(wire.bootstrap, wire.topic, lane, await wire.rows(lane))
    await wire.write("b", 8)
    for lane in range(LANES):
        await send_raw(wire.bootstrap, wire.topic, lane, (await wire.rows(lane))[3:])
    await wire.pool.execute("update record.consumer set cluster_id = 'elsewhere'")
    await stops(wire, lanes=(0,))
    async with wire.pool.acquire() as connection:
        for lane in range(LANES):
            await reread(connection, "reader", LaneKey(STREAM, lane))
    async with running(subscription_on(wire.pool, wire.bootstrap, wire.prefix, SeenHandler("reader"))):
        await eventually(wire.caught_up)
    assert await wire.journalled() == await wire.seen()


async def test_another_cluster_is_noticed(wire: Wire) -> None:
    await wire.write("a", 4)
    await wire.publish()
    async with running(subscription_on(wire.pool, wire.bootstrap, wire.prefix, SeenHandler("reader"))):
        await eventually(wire.caught_up)
    await wire.pool.execute("update record.consumer set cluster_id = 'elsewhere'")
    assert "is of cluster elsewhere" in await stops(wire, lanes=(0,))


async def test_an_unfinished_handler_stops_the_lane(wire: Wire) -> None:
    class Idle:
        async def handle(self, batch: Batch) -> None:
            return

    await wire.write("a", 4)
    await wire.publish()
    reader = subscription_on(wire.pool, wire.bootstrap, wire.prefix, Idle(), lanes=[0])

    async def stopped() -> bool:
        return "the handler applied 0 of 1 events" == reader.stopped.get(FIRST)

    async with running(reader):
        await eventually(stopped)
