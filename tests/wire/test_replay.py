"""A range of the record, from the journal and from Kafka: the same events, verified."""

import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest

from events.chain import next_head
from events.codec import headers
from events.connections import open_consumer
from events.decision import LaneKey
from events.envelope import Recorded
from events.journal import Deployment
from events.merkle import Frontier, leaf_hash
from events.replay import BrokenRecord, from_journal, from_topic, restore_lane, restore_whole_lane
from tests.record_support import (
    STREAM,
    apply_effects,
    create_topic,
    eventually,
    note,
    pool_on,
    prepare_record,
    relay_on,
    running,
    running_writer,
    send_raw,
)

KEY = LaneKey(STREAM, 0)


@pytest.fixture
async def deployment(database: Any) -> Deployment:
    made = await prepare_record(database.dsn("owner"), database.admin_dsn, 1)
    async with running_writer(database.dsn("writer")) as writer:
        await writer.execute(note("a", count=25))
    return made


async def gathered(chunks: AsyncIterator[Sequence[Recorded]]) -> list[Recorded]:
    return [event async for chunk in chunks for event in chunk]


async def test_journal_and_topic_give_the_same_events(
    database: Any, deployment: Deployment, kafka_bootstrap: str, topic_prefix: str
) -> None:
    await create_topic(kafka_bootstrap, f"{topic_prefix}record.{STREAM}.v1", 1)
    async with pool_on(database.dsn("relay"), 6) as pool:

        async def published() -> bool:
            query = "select position = 25 from record.relay where stream = $1 and lane = 0"
            return bool(await pool.fetchval(query, STREAM))

        async with running(relay_on(pool, kafka_bootstrap, topic_prefix)):
            await eventually(published)
    consumer = await open_consumer(kafka_bootstrap)
    identity = deployment.deployment_id
    async with pool_on(database.dsn("writer")) as pool:
        whole = await gathered(from_journal(pool, KEY, chunk=7))
        assert list(range(1, 26)) == [event.position for event in whole]
        assert whole == await gathered(from_topic(consumer, KEY, identity, topic_prefix=topic_prefix))
        part = await gathered(from_journal(pool, KEY, after=3, upto=20, chunk=5))
        assert whole[3:20] == part
        assert part == await gathered(
            from_topic(consumer, KEY, identity, topic_prefix=topic_prefix, after=3, upto=20)
        )
    await consumer.stop()


@pytest.mark.parametrize(
    "tampering",
    [
        "update record.journal set body = decode(replace(encode(body, 'hex'), '612e34', '612e35'), 'hex')",
        "delete from record.journal where position = 5",
        "update record.journal set chain = sha256(chain) where position = 5",
    ],
    ids=["edited", "deleted", "chain"],
)
async def test_a_tampered_journal_is_not_replayed(
    database: Any, deployment: Deployment, tampering: str
) -> None:
    admin = await asyncpg.connect(database.admin_dsn)
    await admin.execute("alter table record.journal disable trigger journal_is_append_only")
    await admin.execute(tampering)
    await admin.close()
    async with pool_on(database.dsn("writer")) as pool:
        assert 4 == len(await gathered(from_journal(pool, KEY, upto=4)))
        with pytest.raises(BrokenRecord, match="position 5"):
            await gathered(from_journal(pool, KEY, chunk=100))


async def test_a_topic_with_a_hole_or_a_fork_is_not_replayed(
    database: Any, deployment: Deployment, kafka_bootstrap: str, topic_prefix: str
) -> None:
    async with pool_on(database.dsn("writer")) as pool:
        rows = await pool.fetch("select position, body, chain from record.journal order by position limit 3")
    raw = [(row["body"], headers(row["body"], row["position"], row["chain"])) for row in rows]
    other = rows[1]["body"].replace(b'"subject":"a.1"', b'"subject":"a.z"')
    fork = (other, headers(other, 2, next_head(rows[0]["chain"], other)))
    cases = {
        "hole": ([raw[0], raw[2]], "position 3 does not continue 1"),
        "fork": ([raw[0], raw[1], fork], "position 2 has other bytes than before"),
        "noise": ([raw[0], (b"?", [])], "offset 1 cannot be decoded"),
    }
    consumer = await open_consumer(kafka_bootstrap)
    for name, (values, told) in cases.items():
        prefix = f"{topic_prefix}{name}."
        topic = f"{prefix}record.{STREAM}.v1"
        await create_topic(kafka_bootstrap, topic, 1)
        await send_raw(kafka_bootstrap, topic, 0, values)
        with pytest.raises(BrokenRecord, match=told):
            await gathered(from_topic(consumer, KEY, deployment.deployment_id, topic_prefix=prefix))
    await consumer.stop()


async def test_only_what_continues_the_journal_is_restored(
    database: Any, deployment: Deployment, kafka_bootstrap: str, topic_prefix: str
) -> None:
    consumer = await open_consumer(kafka_bootstrap)
    async with pool_on(database.dsn("writer")) as pool:
        rows = await pool.fetch(
            "select body, chain from record.journal where position >= 24 order by position"
        )
        last = rows[1]["body"]
        unknown = last.replace(b'"position":25', b'"position":26')
        other = re.sub(rb'"salt":"[0-9a-f]{2}', b'"salt":"zz', last)
        cases: dict[str, tuple[bytes, bytes, str]] = {
            "other": (other, b"", "other bytes than the journal's: two histories"),
            "hole": (last.replace(b'"position":25', b'"position":27'), b"", "does not continue the journal"),
            "fork": (unknown, next_head(rows[0]["chain"], unknown), "does not continue the journal"),
            "noise": (b"?", b"", "offset 0 cannot be decoded"),
        }
        for name, (body, chain, told) in cases.items():
            prefix = f"{topic_prefix}{name}."
            topic = f"{prefix}record.{STREAM}.v1"
            await create_topic(kafka_bootstrap, topic, 1)
            await send_raw(kafka_bootstrap, topic, 0, [(body, [("chain", chain.hex().encode())])])
            with pytest.raises(BrokenRecord, match=told):
                await restore_lane(pool, consumer, KEY, apply_effects, topic_prefix=prefix)
        assert 25 == await pool.fetchval("select count(*) from record.journal")
    await consumer.stop()


async def test_a_journal_is_taken_back_only_from_one_history_under_what_was_signed(
    database: Any, deployment: Deployment, kafka_bootstrap: str, topic_prefix: str
) -> None:
    consumer = await open_consumer(kafka_bootstrap)
    async with pool_on(database.dsn("writer")) as pool:
        rows = await pool.fetch("select position, body, chain from record.journal order by position limit 4")
        raw = [(row["body"], headers(row["body"], row["position"], row["chain"])) for row in rows]
        other = rows[1]["body"].replace(b'"subject":"a.1"', b'"subject":"a.z"')
        fork = (other, headers(other, 2, next_head(rows[0]["chain"], other)))
        unchained = (raw[3][0], headers(raw[3][0], 4, bytes(32)))
        tree = Frontier()
        for body, _ in raw[:3]:
            tree.append(leaf_hash(body))
        root = tree.root()
        cases: dict[str, tuple[list[Any], dict[int, bytes], str | None]] = {
            "hole": ([raw[0], raw[2]], {}, "does not continue position 1"),
            "repeat": ([*raw[:3], fork], {}, "position 2 has other bytes than the journal's"),
            "chain": ([*raw[:3], unchained], {}, "position 4 does not continue the chain"),
            "signed": ([*raw], {3: bytes(32)}, "up to parties/0, position 3 are not those over which a head"),
            "short": ([*raw], {3: root, 9: bytes(32)}, "position 4 is the last, and a head over 9 events"),
            "whole": ([*raw, *raw[1:3]], {3: root}, None),
        }
        for name, (values, roots, told) in cases.items():
            prefix = f"{topic_prefix}{name}."
            await create_topic(kafka_bootstrap, f"{prefix}record.{STREAM}.v1", 1)
            await send_raw(kafka_bootstrap, f"{prefix}record.{STREAM}.v1", 0, values)
            taken = restore_whole_lane(
                pool, consumer, KEY, deployment.deployment_id, roots, apply_effects, topic_prefix=prefix
            )
            if told is None:
                found = await taken
                assert (4, 3, 3, 0) == (
                    found.history.position, found.history.sealed, found.last_offset, found.restored
                )  # fmt: skip
            else:
                with pytest.raises(BrokenRecord, match=told):
                    await taken
    await consumer.stop()
