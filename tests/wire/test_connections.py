"""Who is stopped half-way to Kafka leaves nothing open, and nobody waits for an answer that cannot come."""

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError
from aiokafka.protocol.offset import OffsetRequest

from events.connections import cluster_id, open_client, open_consumer, open_producer
from events.frames import ANSWER_BYTES_MAX, FrameConnection
from events.whole_requests import WholeRequest
from tests.record_support import create_topic


class Mute(NamedTuple):
    """A broker that answers a connection's first request alone; set when the second came, and at its end."""

    address: str
    asked: asyncio.Event
    left: asyncio.Event


@asynccontextmanager
async def mute_broker(bootstrap: str) -> AsyncIterator[Mute]:
    """The real one answers the first request: which versions it speaks."""
    asked, left = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = bootstrap.partition(":")
        answers, requests = await asyncio.open_connection(host, int(port))
        requests.write(await frame(reader))
        writer.write(await frame(answers))
        await frame(reader)
        asked.set()
        await reader.read()
        for end in (requests, writer):
            end.close()
            await end.wait_closed()
        left.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield Mute(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", asked, left)


@asynccontextmanager
async def broker_that_says(what: bytes, bootstrap: str) -> AsyncIterator[int]:
    """On its port, in answer to a connection's second request, and then no more."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = bootstrap.partition(":")
        answers, requests = await asyncio.open_connection(host, int(port))
        requests.write(await frame(reader))
        writer.write(await frame(answers))
        await frame(reader)
        writer.write(what)
        for end in (requests, writer):
            end.close()
            await end.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def frame(reader: asyncio.StreamReader) -> bytes:
    """A request or answer of Kafka's protocol, with its length before it."""
    length = await reader.readexactly(4)
    return length + await reader.readexactly(int.from_bytes(length))


async def look_at_topics(bootstrap: str) -> None:
    async with open_client(bootstrap):
        pass


@pytest.mark.parametrize("connect", [open_producer, open_consumer, cluster_id, look_at_topics])
async def test_who_is_cancelled_while_it_asks_for_the_brokers_closes_its_connection(
    connect: Callable[[str], Coroutine[Any, Any, object]], kafka_bootstrap: str
) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        async with mute_broker(kafka_bootstrap) as broker:
            connecting = asyncio.create_task(connect(broker.address))
            await broker.asked.wait()
            connecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await connecting
            await broker.left.wait()
        del connecting
        gc.collect()
    assert [] == [str(warning.message) for warning in told]


async def test_what_producers_send_goes_as_whole_requests(
    kafka_bootstrap: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, built = f"{topic_prefix}whole", []
    build = WholeRequest.build

    def note_build(self: WholeRequest, version: Any) -> Any:
        built.append(build(self, version))
        return built[-1]

    monkeypatch.setattr(WholeRequest, "build", note_build)
    await create_topic(kafka_bootstrap, topic, 1)
    producer = await open_producer(kafka_bootstrap)
    try:
        await producer.send_and_wait(topic, value=b"1", partition=0)
    finally:
        await producer.stop()
    assert [[topic]] == [[name for name, _ in request.topics] for request in built]
    assert ["_Whole"] == [type(request).__name__ for request in built]


@pytest.mark.parametrize(
    ("what", "why"),
    [
        (b"", "the broker has closed the connection"),
        ((1_000).to_bytes(4) + b"half of it", "the broker has closed the connection"),
        ((-1).to_bytes(4, signed=True) + b"more", "no answer has -1 bytes"),
        ((ANSWER_BYTES_MAX + 1).to_bytes(4), f"no answer has {ANSWER_BYTES_MAX + 1} bytes"),
        ((8).to_bytes(4) + (77).to_bytes(4) + bytes(4), "Correlation ids do not match"),
    ],
)
async def test_who_waits_for_an_answer_hears_that_none_comes(
    what: bytes, why: str, kafka_bootstrap: str
) -> None:
    async with broker_that_says(what, kafka_bootstrap) as port:
        connection = await create_conn("127.0.0.1", port)
        connection.__class__ = FrameConnection
        connection.follow()
        with pytest.raises(KafkaError) as told:
            await connection.send(OffsetRequest(-1, 0, [("t", [(0, -1)])]))
        assert why in f"{told.value} {told.value.__cause__}"
        assert not connection.connected()
