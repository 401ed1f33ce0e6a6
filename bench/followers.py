"""Who follows a partner's streams, and when each event reached it: on its topic, by SSE, by webhook."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from aiokafka import TopicPartition
from traders import Seller

from events.connections import open_consumer
from market.rules.streams.streams import partner_topic

ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


class Arrivals:
    """When each event id was there, by this process's clock."""

    def __init__(self) -> None:
        self.at: dict[bytes, float] = {}

    def note(self, event: bytes) -> None:
        self.at.setdefault(event, time.perf_counter())


@asynccontextmanager
async def topic_arrivals(bootstrap: str, sellers: Sequence[Seller]) -> AsyncIterator[Arrivals]:
    found = Arrivals()
    consumer = await open_consumer(bootstrap)
    places = [TopicPartition(partner_topic("", seller.organisation), 0) for seller in sellers]
    consumer.assign(places)
    await consumer.seek_to_end(*places)
    for place in places:
        await consumer.position(place)

    async def follow() -> None:
        while True:
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                for record in records:
                    found.note(dict(record.headers)["ce_id"])

    task = asyncio.create_task(follow())
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await consumer.stop()


@asynccontextmanager
async def streams(port: int, sellers: Sequence[Seller], count: int) -> AsyncIterator[Arrivals]:
    """`count` open event streams, the sellers in turn; the first to tell of an event counts."""
    found = Arrivals()
    opened = [await _open(port, sellers[number % len(sellers)]) for number in range(count)]
    tasks = [asyncio.create_task(_follow(reader, found)) for reader, _ in opened]
    try:
        yield found
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _, writer in opened:
            writer.close()


async def _open(port: int, seller: Seller) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET /v1/feed?after=latest HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {seller.token}\r\n"
        "Accept: text/event-stream\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError((head + await reader.read(2_000)).decode())
    await reader.readuntil(b"retry: 1000")
    return reader, writer


async def _follow(reader: asyncio.StreamReader, found: Arrivals) -> None:
    while line := await reader.readline():
        if line.startswith(b"data: "):
            found.note(line.partition(b'"id":"')[2][:36])


@asynccontextmanager
async def receiving(note: Callable[[bytes], None]) -> AsyncIterator[int]:
    """A receiver of webhooks on a port of loopback: answers at once; `note` gets the id of each event."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                fields = _fields(await reader.readuntil(b"\r\n\r\n"))
                await reader.readexactly(int(fields[b"content-length"]))
                note(fields[b"webhook-id"])
                writer.write(ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


def _fields(head: bytes) -> dict[bytes, bytes]:
    lines = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return {name.lower(): value.strip() for name, _, value in lines}
