"""Services on real servers: in this process, or as children that may be killed."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from events.connections import open_producer
from events.decision import LaneKey
from events.topics import record_topic
from events.vocabulary import STREAMS
from market.ground import Ground, Wiring, clock, wire
from market.services import run_services
from market.settings import Settings, load
from market.topics import create_topics, open_reading
from tests.market_support import LANES, Scene

PUBLIC_ID_SECRET = "a-publisher-key-of-the-tests-only-0123456789"
COMPLETED = "market.clearing.completed.v1"
DEPLOYMENTS = load(instance=f"test-{os.getpid()}").instance_dir / "deployments"
"""In the folder of the session's servers, which goes with it: a folder with keys for each database."""


def instance_of(database: Any) -> str:
    path: str = urlsplit(database.admin_dsn).path
    return path.removeprefix("/")


def settings_for(database: Any, bootstrap: str, prefix: str, **changes: Any) -> Settings:
    return load(
        environment="test",
        database_url=database.admin_dsn,
        kafka_bootstrap=bootstrap,
        topic_prefix=prefix,
        public_id_secret=PUBLIC_ID_SECRET,
        http_port=0,
        **({"data_dir": DEPLOYMENTS, "instance": instance_of(database)} | changes),
    )


@asynccontextmanager
async def wired(
    database: Any, bootstrap: str, prefix: str, *, now: Callable[[], datetime] = clock, **changes: Any
) -> AsyncIterator[Wiring]:
    """Topics made; pools and a writer of this process, whose settings have `changes`."""
    await create_topics(bootstrap, LANES, prefix=prefix)
    if now is not clock:
        changes = {"clock_ahead_seconds_max": 0} | changes
    settings = settings_for(database, bootstrap, prefix, **changes)
    ground = Ground(settings=settings, admin_url=database.admin_dsn, bootstrap=bootstrap)
    async with wire(ground, now) as wiring:
        yield wiring


@asynccontextmanager
async def serving(
    wiring: Wiring, *names: str, bound: "asyncio.Future[int] | None" = None
) -> AsyncIterator[None]:
    """`bound` learns the port of the API."""
    stop = asyncio.Event()
    running = asyncio.create_task(run_services(wiring, names, stop, bound=bound))
    try:
        yield
    finally:
        stop.set()
        await running


async def start_cli(
    database: Any,
    bootstrap: str,
    prefix: str,
    *arguments: str,
    crash_at: str | None = None,
    **settings: str,
) -> Process:
    """`lodestone …` as a child on the same servers; `settings` are further variables."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LODESTONE_")} | {
        "LODESTONE_ENVIRONMENT": "test",
        "LODESTONE_DATABASE_URL": database.admin_dsn,
        "LODESTONE_KAFKA_BOOTSTRAP": bootstrap,
        "LODESTONE_TOPIC_PREFIX": prefix,
        "LODESTONE_PUBLIC_ID_SECRET": PUBLIC_ID_SECRET,
        "LODESTONE_HTTP_PORT": "0",
        "LODESTONE_DATA_DIR": str(DEPLOYMENTS),
        "LODESTONE_INSTANCE": instance_of(database),
        "NO_COLOR": "1",
    }
    environment |= settings
    if crash_at is not None:
        environment["LODESTONE_CRASH_AT"] = crash_at
    command = [sys.executable, "-m", "market", *arguments]
    return await asyncio.create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=PIPE)


async def start_bare_cli(*arguments: str) -> Process:
    """`lodestone …` as somebody runs it who has no settings of this deployment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LODESTONE_")}
    command = [sys.executable, "-m", "market", *arguments]
    return await asyncio.create_subprocess_exec(
        *command, env=environment | {"NO_COLOR": "1"}, stdout=PIPE, stderr=PIPE
    )


async def finish(child: Process, seconds: float = 120) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    out, err = await asyncio.wait_for(child.communicate(), seconds)
    assert child.returncode is not None
    return child.returncode, out.decode(), err.decode()


async def end(child: Process) -> None:
    """SIGTERM, as an operator would; a child that is stopped or deaf is killed."""
    if child.returncode is None:
        with suppress(ProcessLookupError):
            child.send_signal(signal.SIGCONT)
            child.terminate()
    try:
        await finish(child, 30)
    except TimeoutError:
        child.kill()
        await child.wait()
        raise


async def let_lapse(scene: Scene) -> None:
    """As if the time of those that were killed had run out."""
    await scene.pool.execute("update record.consumer set leased_until = clock_timestamp()")
    await scene.pool.execute("delete from ops.reader_process")


async def eventually(what: str, probe: Callable[[], Awaitable[bool]], seconds: float = 120) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not await probe():
        assert asyncio.get_running_loop().time() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.05)


async def completed_rounds(scene: Scene) -> int:
    return sum(event.type == COMPLETED for event in await scene.events("market"))


async def published(scene: Scene) -> bool:
    """Whether Kafka has acknowledged the whole journal."""
    behind = """
    select not exists (
        select from record.lane l join record.relay r using (stream, lane)
        where l.next_position > r.position + 1
    )
    """
    return bool(await scene.pool.fetchval(behind))


async def caught_up(scene: Scene, reader: str, stream: str = "market") -> bool:
    """Whether the reader has applied all of the market's lane in the stream."""
    position = await scene.pool.fetchval(
        """
        select c.position = l.next_position - 1 from record.consumer c join record.lane l using (stream, lane)
        where c.name = $1 and c.stream = $3 and c.lane = $2
        """,
        reader,
        scene.lane.lane,
        stream,
    )
    return bool(position)


async def topic_bodies(bootstrap: str, topic: str) -> dict[int, list[bytes]]:
    """Every value of a topic by partition, in order."""
    found: dict[int, list[bytes]] = {}
    async with open_reading(bootstrap, topic) as reading:
        async for partition, records in reading.batches():
            found.setdefault(partition, []).extend(record.value for record in records)
    return found


async def copy_record(
    bootstrap: str,
    prefix: str,
    scratch: str,
    change: Callable[[LaneKey, list[tuple[bytes, bytes]]], Sequence[tuple[bytes, bytes]]],
) -> None:
    """Produce every lane anew under another prefix; `change` may rewrite a lane's (body, chain)."""
    await create_topics(bootstrap, LANES, prefix=scratch)
    producer = await open_producer(bootstrap)
    try:
        for stream in STREAMS:
            lanes: dict[int, list[tuple[bytes, bytes]]] = {}
            async with open_reading(bootstrap, record_topic(prefix, stream)) as reading:
                async for lane, records in reading.batches():
                    lanes.setdefault(lane, []).extend(
                        (record.value, bytes.fromhex(record.headers["chain"].decode())) for record in records
                    )
            sent = []
            for lane, rows in lanes.items():
                for body, chain in change(LaneKey(stream, lane), rows):
                    given = [("chain", chain.hex().encode())]
                    sent.append(
                        await producer.send(
                            record_topic(scratch, stream), value=body, partition=lane, headers=given
                        )
                    )
            await asyncio.gather(*sent)
    finally:
        await producer.stop()
