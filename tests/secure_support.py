"""A secured Kafka of the tests' own, and its clients under whatever login."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from msgspec import Struct
from msgspec.structs import replace

from events.brokers import Brokers, Password, aiokafka_options, librdkafka_options
from market.settings import Settings
from market.topic_access import Granted

LANES = 2
READ_SECONDS_MAX = 20.0


class Secure(Struct, frozen=True):
    """`settings` name the cluster as one outside, with a login for each service; `root` may do anything."""

    settings: Settings
    root: Brokers
    clients: Brokers

    def login(self, user: str, password: str) -> Brokers:
        return replace(self.clients, login=Password(user, password))

    def partner(self, granted: Granted) -> Brokers:
        return self.login(granted.user, granted.password)


@asynccontextmanager
async def consumer_as(brokers: Brokers, **options: Any) -> AsyncIterator[AIOKafkaConsumer]:
    given = {"enable_auto_commit": False, "auto_offset_reset": "earliest"} | options
    consumer = AIOKafkaConsumer(**aiokafka_options(brokers), **given)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def first_value(brokers: Brokers, topic: str) -> bytes:
    """KafkaException with the broker's refusal: aiokafka waits for ever for a topic hidden from it."""
    return await asyncio.to_thread(_first_value, brokers, topic)


def _first_value(brokers: Brokers, topic: str) -> bytes:
    consumer = Consumer(librdkafka_options(brokers) | {"group.id": "none", "enable.auto.commit": False})
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        while (found := consumer.poll(READ_SECONDS_MAX)) is not None:
            error = found.error()
            if error is None:
                return bytes(found.value())
            # A group is looked for beside the topic, whether it is used or not.
            if error.code() != KafkaError.GROUP_AUTHORIZATION_FAILED:
                raise KafkaException(error)
    finally:
        consumer.close()
    raise AssertionError(f"nothing of {topic} within {READ_SECONDS_MAX} s")


async def send(brokers: Brokers, topic: str, value: bytes) -> None:
    async with AIOKafkaProducer(**aiokafka_options(brokers)) as producer:
        await producer.send_and_wait(topic, value, partition=0)
