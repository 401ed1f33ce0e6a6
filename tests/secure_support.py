"""A secured Kafka of the tests' own, and its clients under whatever login."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.fetch import FetchRequest
from msgspec import Struct
from msgspec.structs import replace

from events.brokers import Brokers, Password, aiokafka_options
from events.connections import open_client
from market.broker_logins import acting_as
from market.settings import Settings
from market.topic_access import Granted

LANES = 2


class Secure(Struct, frozen=True):
    """`settings` name the cluster as one outside, with a login for each service; `root` may do anything."""

    settings: Settings
    root: Brokers
    clients: Brokers

    def login(self, user: str, password: str) -> Brokers:
        return replace(self.clients, login=Password(user, password))

    def service(self, name: str) -> Brokers:
        brokers = acting_as(self.settings, self.clients, name)
        assert isinstance(brokers, Brokers)
        return brokers

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
    async with consumer_as(brokers) as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        record = await consumer.getone()
        return bytes(record.value)


async def fetch_blindly(brokers: Brokers, topic: str) -> type[KafkaError]:
    """What the broker answers to a bare fetch of a topic that it may have hidden from this login."""
    async with open_client(brokers) as client:
        (node,) = client.cluster.brokers()
        asked = FetchRequest(100, 1, 1_000, 0, [(topic, [(0, 0, 1_000)])])
        answer = await client.send(node.nodeId, asked)
        ((_, ((_, code, *_),)),) = answer.topics
        return for_code(code)  # type: ignore[no-any-return]


async def send(brokers: Brokers, topic: str, value: bytes) -> None:
    async with AIOKafkaProducer(**aiokafka_options(brokers)) as producer:
        await producer.send_and_wait(topic, value, partition=0)
