"""A small operation with a small effect, to drive the record layer on real servers."""

import asyncio
import os
import re
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID, uuid4

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError
from msgspec import Struct
from uuid_utils.compat import uuid7

from events.command import Command
from events.connections import (
    Connection,
    Pool,
    cluster_id,
    open_client,
    open_consumer,
    open_pool,
    open_producer,
)
from events.decision import Decision, LaneKey, Moment, Request
from events.envelope import Draft, Recorded
from events.handling import Batch, Handler
from events.journal import Deployment, initialise
from events.lane import LaneWriter
from events.party_events import FacilityRevoked
from events.refusal import Refusal
from events.relay import Limits as RelayLimits
from events.relay import Relay
from events.subscription import Limits as ReaderLimits
from events.subscription import Subscription
from events.topics import topic_records
from events.writes import Write

RECORD = Path(__file__).parents[1] / "events"
ACTOR = UUID("0193a000-0000-7000-8000-0000000000aa")
STREAM = "parties"

EFFECT = """
create table public.effect (
    stream text not null, lane bigint not null, position bigint not null, subject text not null unique,
    primary key (stream, lane, position)
);
grant select, insert, delete on public.effect to lodestone_writer;
create table public.seen (
    reader text not null, stream text not null, lane bigint not null, position bigint not null,
    event_id uuid not null
);
grant select, insert on public.seen to lodestone_writer;
grant usage on schema public to lodestone_writer;
"""


class Declined(Refusal):
    """The note {subject} is declined."""

    code = "declined"


class Note(Struct, frozen=True, kw_only=True):
    """What a test asks for: events with subjects `subject`, `subject.1`, … on `lane`, or a refusal."""

    subject: str
    lane: int = 0
    count: int = 1
    declined: bool = False
    also: int | None = None


class TakeNotes:
    """Records what it loaded together, so that tests see the batches."""

    name = "notes.take"

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    async def load(self, connection: Connection, arguments: Sequence[Note], moment: Moment) -> Sequence[int]:
        self.batches.append([note.subject for note in arguments])
        known = await connection.fetchval("select count(*) from (select from public.effect limit 1)")
        return [known for _ in arguments]

    def decide(self, state: int, argument: Note, moment: Moment) -> Decision:
        if argument.declined:
            raise Declined(subject=argument.subject)
        lanes = [argument.lane] * argument.count + ([] if argument.also is None else [argument.also])
        subjects = [argument.subject] + [f"{argument.subject}.{n}" for n in range(1, len(lanes))]
        return Decision(
            drafts=tuple(
                Draft(
                    stream=STREAM,
                    lane=lane,
                    subject=subject,
                    data=FacilityRevoked(organisation=ACTOR, facility=moment.new_id()),
                )
                for lane, subject in zip(lanes, subjects, strict=True)
            )
        )


TAKE_NOTES = TakeNotes()

INSERT_EFFECTS = """
insert into public.effect (stream, lane, position, subject)
select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[])
"""


async def apply_effects(_connection: Connection, events: Sequence[Recorded]) -> Sequence[Write]:
    rows = [(event.stream, event.lane, event.position, event.subject) for event in events]
    return [Write("effect", INSERT_EFFECTS, rows)]


def note(
    subject: str,
    *,
    lane: int = 0,
    count: int = 1,
    declined: bool = False,
    also: int | None = None,
    key: str | None = None,
    body: bytes = b"",
    operation: TakeNotes = TAKE_NOTES,
    touches: frozenset[str] | None = frozenset(),
    optimistic: bool = False,
) -> Command[Note, int]:
    """`key` makes it a request with the body `body` or, failing that, the subject."""
    lanes = {lane} | ({also} if also is not None else set())
    request = None
    if key is not None:
        body_hash = sha256(body or subject.encode()).digest()
        request = Request(organisation=ACTOR, route="POST /v1/notes", key=key, body_hash=body_hash)
    return Command(
        operation=operation,
        argument=Note(subject=subject, lane=lane, count=count, declined=declined, also=also),
        lanes=tuple(LaneKey(STREAM, number) for number in sorted(lanes)),
        actor=ACTOR,
        cause="POST /v1/notes",
        request=request,
        touches=touches,
        optimistic=optimistic,
    )


def wall_clock() -> datetime:
    return datetime.now(UTC)


def new_salt() -> str:
    return secrets.token_hex(16)


async def prepare_record(owner_dsn: str, admin_dsn: str, lanes: int) -> Deployment:
    """Lanes and the tables of the effects."""
    owner = await asyncpg.connect(owner_dsn)
    try:
        deployment = await initialise(owner, uuid4(), lanes)
    finally:
        await owner.close()
    admin = await asyncpg.connect(admin_dsn)
    try:
        await admin.execute(EFFECT)
    finally:
        await admin.close()
    return deployment


@asynccontextmanager
async def pool_on(dsn: str, size: int = 4) -> AsyncIterator[Pool]:
    pool = await open_pool(dsn, size=size)
    try:
        yield pool
    finally:
        await pool.close()


def writer_on(pool: Pool, **settings: object) -> LaneWriter:
    given = {"clock": wall_clock, "new_id": uuid7, "new_salt": new_salt} | settings
    return LaneWriter(pool, apply_effects, **given)  # type: ignore[arg-type]


@asynccontextmanager
async def standing_still(connection: Connection) -> AsyncIterator[None]:
    """A transaction that may be idle for as long as the test takes: its role's sessions are ended before."""
    async with connection.transaction():
        await connection.execute(
            "set local idle_in_transaction_session_timeout = 0; set local transaction_timeout = 0"
        )
        yield


@asynccontextmanager
async def running_writer(dsn: str, size: int = 4, **settings: object) -> AsyncIterator[LaneWriter]:
    async with pool_on(dsn, size) as pool:
        writer = writer_on(pool, **settings)
        await writer.start()
        try:
            yield writer
        finally:
            await writer.stop()


# --- Kafka


async def create_topic(bootstrap: str, name: str, partitions: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1)])
    finally:
        await admin.close()


async def delete_topic(bootstrap: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([name])
    finally:
        await admin.close()


async def recreate_topic(bootstrap: str, name: str, partitions: int) -> None:
    """Deleted and made anew; a deleted topic is gone a little later."""
    await delete_topic(bootstrap, name)

    async def created() -> bool:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            answer = await admin.create_topics([NewTopic(name, partitions, 1)])
        finally:
            await admin.close()
        errors = {topic[1] for topic in answer.topic_errors}
        assert errors <= {0, TopicAlreadyExistsError.errno}
        return errors == {0}

    await eventually(created)


async def send_raw(
    bootstrap: str, topic: str, lane: int, rows: Sequence[tuple[bytes | None, list[tuple[str, bytes]]]]
) -> None:
    producer = await open_producer(bootstrap)
    try:
        for value, given in rows:
            await producer.send_and_wait(topic, value, key=b"key", partition=lane, headers=given)
    finally:
        await producer.stop()


async def lane_bodies(bootstrap: str, topic: str, lane: int) -> list[bytes]:
    """Every value on a partition, repeats included."""
    consumer = await open_consumer(bootstrap)
    try:
        return [record.body async for records in topic_records(consumer, topic, lane) for record in records]
    finally:
        await consumer.stop()


def relay_on(pool: Pool, bootstrap: str, prefix: str, owner: str = "relay-1", **limits: Any) -> Relay:
    return Relay(
        pool,
        partial(open_producer, bootstrap),
        partial(open_consumer, bootstrap),
        partial(cluster_id, bootstrap),
        owner=owner,
        topic_prefix=prefix,
        limits=RelayLimits(**limits),
    )


SEE = "insert into public.seen values ($1, $2, $3, $4, $5)"


class SeenHandler:
    """Writes every event into public.seen, `step` events per transaction; raises for subjects in `refuse`."""

    def __init__(self, reader: str, *, step: int | None = None) -> None:
        self.reader = reader
        self.step = step
        self.refuse: set[str] = set()

    async def handle(self, batch: Batch) -> None:
        step = self.step or len(batch.events)
        while batch.done < len(batch.events):
            start, end = batch.done, min(batch.done + step, len(batch.events))
            async with batch.transaction(end) as connection:
                for event in batch.events[start:end]:
                    if event.subject in self.refuse:
                        raise RuntimeError(f"cannot handle {event.subject}")
                    await connection.execute(SEE, self.reader, *seen_of(event))


def seen_of(event: Recorded) -> tuple[object, ...]:
    return event.stream, event.lane, event.position, event.id


class KeepingHandler:
    """As `SeenHandler`, of rows that it keeps; raises once for each of the lanes `trips`, when it wrote."""

    def __init__(self, reader: str, trips: Collection[int] = ()) -> None:
        self.reader = reader
        self.trips = set(trips)
        self.sizes: list[tuple[int, int]] = []

    def keep(self, events: Sequence[Recorded], /) -> list[tuple[object, ...]]:
        return [seen_of(event) for event in events]

    async def handle(self, batch: Batch) -> None:
        async with batch.transaction() as connection:
            await connection.executemany(SEE, [(self.reader, *row) for row in batch.kept])
            if batch.lane.lane in self.trips:
                self.trips.remove(batch.lane.lane)
                raise RuntimeError("not at the first time")
        self.sizes.append((len(batch.events), len(batch.kept)))


def subscription_on(
    pool: Pool,
    bootstrap: str,
    prefix: str,
    handler: Handler,
    *,
    name: str = "reader",
    owner: str = "reader-1",
    lanes: Sequence[int] = (0, 1, 2, 3),
    opened: Callable[[LaneKey, int], Awaitable[None]] | None = None,
    closed: Callable[[LaneKey], object] | None = None,
    **limits: Any,
) -> Subscription:
    return Subscription(
        name,
        STREAM,
        lanes,
        handler,
        pool,
        partial(open_client, bootstrap),
        partial(cluster_id, bootstrap),
        owner=owner,
        topic_prefix=prefix,
        limits=ReaderLimits(**({"lease_seconds": 1.5} | limits)),
        opened=opened,
        closed=closed,
    )


class Runnable(Protocol):
    async def run(self) -> None: ...

    def stop(self) -> None: ...


@asynccontextmanager
async def running(process: Runnable) -> AsyncIterator[None]:
    task = asyncio.create_task(process.run())
    try:
        yield
    finally:
        process.stop()
        await asyncio.wait_for(task, 60)


async def eventually(check: Callable[[], Awaitable[bool]], seconds: float = 120.0) -> None:
    """AssertionError when the check never became true."""
    end = asyncio.get_running_loop().time() + seconds
    while not await check():
        assert asyncio.get_running_loop().time() < end, f"not within {seconds} s"
        await asyncio.sleep(0.02)


def crash_points(module: str) -> set[str]:
    """The labels of a module of the record at which a process may be killed."""
    return set(re.findall(r'crash_point\("([^"]+)"\)', (RECORD / f"{module}.py").read_text("utf-8")))


async def crashed_child(script: str, *arguments: str, crash_at: str) -> int:
    """Exit code of a Python process that runs `script` with a crash point set."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, *arguments, env=os.environ | {"LODESTONE_CRASH_AT": crash_at}
    )
    return await asyncio.wait_for(child.wait(), 120)
