"""Views of the record on Kafka: CloudEvents in order, the same ids after a repeat."""

import asyncio
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import pytest
from aiokafka import TopicPartition
from aiokafka.record.memory_records import MemoryRecords
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from msgspec.structs import replace

from events.codec import BODY_BYTES_MAX, BodyTooLarge
from events.connections import open_consumer, open_producer
from events.publishing import Message, NotPublished, TopicWriter, batches, derived_id, written
from tests.record_support import create_topic, lane_bodies


def message(topic: str, number: int, data: bytes = b"{}") -> Message:
    return Message(
        topic=topic,
        key=f"key-{number}",
        id=derived_id("trade", str(number)),
        type="public.trade.v1",
        source="urn:lodestone:test",
        subject=f"trade-{number}",
        time=datetime(2026, 1, 2, 3, 4, 5, 600, tzinfo=UTC),
        data=data,
    )


async def test_messages_arrive_in_order_with_cloudevents_headers(
    kafka_bootstrap: str, topic_prefix: str
) -> None:
    topic = f"{topic_prefix}public.trades.v1"
    await create_topic(kafka_bootstrap, topic, 1)
    writer = TopicWriter(partial(open_producer, kafka_bootstrap))
    bodies = [b'{"n":%d}' % number for number in range(200)]
    await writer.publish([message(topic, number, body) for number, body in enumerate(bodies)])
    await writer.publish([message(topic, 0, bodies[0])])
    await writer.close()
    assert [*bodies, bodies[0]] == await lane_bodies(kafka_bootstrap, topic, 0)
    consumer = await open_consumer(kafka_bootstrap)
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek(partition, 0)
    first = await consumer.getone()
    await consumer.stop()
    assert datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp() * 1000 == first.timestamp


async def test_what_was_not_acknowledged_is_told_and_the_next_try_works(
    kafka_bootstrap: str, topic_prefix: str
) -> None:
    topic = f"{topic_prefix}public.trades.v1"
    writer = TopicWriter(partial(open_producer, kafka_bootstrap), send_seconds_max=1.0)
    with pytest.raises(NotPublished):
        await writer.publish([message(topic, 1)])
    await create_topic(kafka_bootstrap, topic, 1)
    patient = TopicWriter(partial(open_producer, kafka_bootstrap))
    await patient.publish([message(topic, 1)])
    await patient.close()
    assert [b"{}"] == await lane_bodies(kafka_bootstrap, topic, 0)


async def test_a_message_that_kafka_would_refuse_is_not_sent(kafka_bootstrap: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}public.trades.v1"
    await create_topic(kafka_bootstrap, topic, 1)
    writer = TopicWriter(partial(open_producer, kafka_bootstrap))
    with pytest.raises(BodyTooLarge):
        await writer.publish([message(topic, 1), message(topic, 2, b"x" * (BODY_BYTES_MAX + 1))])
    await writer.close()
    assert [] == await lane_bodies(kafka_bootstrap, topic, 0)


def test_the_cloudevents_sdk_reads_the_headers() -> None:
    given = message("t", 7, b'{"a":1}')
    [batch] = batches([written(given)])
    [record] = MemoryRecords(bytes(batch._build())).next_batch()
    event = from_binary(
        KafkaMessage(headers=dict(record.headers), key=record.key, value=record.value), JSONFormat()
    )
    assert (str(given.id), given.type, given.source, given.subject, given.time) == (
        event.get_id(),
        event.get_type(),
        event.get_source(),
        event.get_subject(),
        event.get_time(),
    )


def test_a_whole_second_has_no_fraction() -> None:
    given = replace(message("t", 7), time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    [batch] = batches([written(given)])
    [record] = MemoryRecords(bytes(batch._build())).next_batch()
    assert b"2026-01-02T03:04:05Z" == dict(record.headers)["ce_time"]


def test_derived_ids_depend_on_every_part_and_its_bounds() -> None:
    ids = {derived_id("a", "bc"), derived_id("ab", "c"), derived_id("abc"), derived_id(b"a", b"bc")}
    assert 3 == len(ids)
    assert derived_id("a", "bc") == derived_id(b"a", b"bc")
    assert {(8, "specified in RFC 4122")} == {(found.version, found.variant) for found in ids}
    assert isinstance(derived_id(), UUID)


async def test_lanes_that_publish_at_once_share_a_batch_and_no_topic_waits_for_another(
    kafka_bootstrap: str, topic_prefix: str
) -> None:
    topic, missing = f"{topic_prefix}public.trades.v1", f"{topic_prefix}partner.gone.v1"
    await create_topic(kafka_bootstrap, topic, 1)
    writer = TopicWriter(partial(open_producer, kafka_bootstrap))
    stuck = asyncio.create_task(writer.publish([message(missing, 0)]))
    await asyncio.gather(
        *(writer.publish([message(topic, lane * 2), message(topic, lane * 2 + 1)]) for lane in range(9))
    )
    assert not stuck.done()
    behind = asyncio.create_task(writer.publish([message(missing, 1)]))
    cancelled = asyncio.create_task(writer.publish([message(topic, 18)]))
    waiting = asyncio.create_task(writer.publish([message(topic, 19)]))
    await asyncio.sleep(0)
    waiting.cancel()
    await cancelled
    await writer.close()
    for left in (stuck, behind):
        with pytest.raises(asyncio.CancelledError):
            await left
    consumer = await open_consumer(kafka_bootstrap)
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek(partition, 0)
    end = (await consumer.end_offsets([partition]))[partition]
    found = [(await consumer.getone()).key.decode() for _ in range(end)]
    await consumer.stop()
    assert [f"key-{number}" for number in range(19)] == found
