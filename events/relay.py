"""PROCESS journal → Kafka, lane by lane, in order, at least once.

The watermark moves by compare-and-set, never past an unacknowledged send; no transaction is open meanwhile.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

import structlog
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)
from asyncpg import Record

from events.codec import headers
from events.connections import DATABASE_ERRORS, Consumer, Pool, Producer, SharedProducer
from events.decision import LaneKey
from events.faults import crash_point
from events.topics import TopicMismatch, Watermark, check_lanes, record_topic
from events.watermarks import Move, clear_stops, move_watermarks, note_stop, release_leases, take_leases

log = structlog.get_logger("relay")

# What Kafka says about a lane's records or rights, again and again; everything else is waited out.
LASTING = (
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    InvalidTopicError,
    TopicAuthorizationFailedError,
)


class Limits(NamedTuple):
    """Seconds, rows and counts of a relay."""

    poll_seconds: float = 0.005
    poll_rows: int = 256
    chunk_rows: int = 1_000
    chunk_bytes: int = 980_000
    lanes_catching_up: int = 4
    send_seconds_max: float = 30.0
    slow_after_seconds: float = 0.5
    lease_seconds: float = 10.0
    retry_seconds_min: float = 0.1
    retry_seconds_max: float = 5.0
    refusals_max: int = 5
    recheck_seconds: float = 2.0


DEFAULT_LIMITS = Limits()


# All lanes that are behind and their next rows, in one round trip. 450 bytes: what a record's headers take.
READ_DUE = """
select r.stream, r.lane, r.position as watermark, j.position, j.key, j.body, j.chain
from unnest($1::text[], $2::bigint[]) as a (stream, lane)
join record.relay r on r.stream = a.stream and r.lane = a.lane
join record.lane l on l.stream = a.stream and l.lane = a.lane and l.next_position > r.position + 1
cross join lateral (
    select position, key, body, chain, sum(octet_length(body) + 450) over (order by position) as bytes from (
        select position, key, body, chain from record.journal
        where stream = a.stream and lane = a.lane and position > r.position order by position limit $3
    ) n
) j
where j.bytes - octet_length(j.body) - 450 < $4
order by r.stream, r.lane, j.position
"""

# Up to the row that crosses the limit, so that a single large one gets through.
READ_CHUNK = """
select position, key, body, chain from (
    select position, key, body, chain, sum(octet_length(body) + 450) over (order by position) as bytes from (
        select position, key, body, chain from record.journal
        where stream = $1 and lane = $2 and position > $3 order by position limit $4
    ) n
) j
where bytes - octet_length(body) - 450 < $5 order by position
"""


class Relay:
    """One relay for every lane that it can lease; a second one waits for expired leases."""

    def __init__(
        self,
        pool: Pool,
        open_producer: Callable[[], Awaitable[Producer]],
        open_consumer: Callable[[], Awaitable[Consumer]],
        read_cluster_id: Callable[[], Awaitable[str]],
        *,
        owner: str,
        topic_prefix: str = "",
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        """`owner` names this process among all relays."""
        self._pool = pool
        self._producer = SharedProducer(open_producer)
        self._open_consumer = open_consumer
        self._read_cluster_id = read_cluster_id
        self._owner = owner
        self._prefix = topic_prefix
        self._limits = limits
        self._cluster_id = ""
        self._leased: set[LaneKey] = set()
        self._checked: set[LaneKey] = set()
        self._checking: asyncio.Task[None] | None = None
        self._check_at = 0.0
        self._missing: set[str] = set()
        self._busy: dict[LaneKey, asyncio.Task[None]] = {}
        self._resume_at: dict[LaneKey, float] = {}
        self._failures: dict[LaneKey, int] = {}
        self._places = asyncio.Semaphore(limits.lanes_catching_up)
        self._stopping = asyncio.Event()
        self.stopped: dict[LaneKey, str] = {}
        self.published = 0

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        """Until `stop`. Trouble with Kafka or the database is waited out; a lane at fault is `stopped`."""
        leases = asyncio.create_task(self._keep_leases(), name="relay-leases")
        pause = self._limits.retry_seconds_min
        try:
            while not self._stopping.is_set():
                if leases.done():
                    leases.result()
                try:
                    found = await self._turn()
                    pause = self._limits.retry_seconds_min
                except (*DATABASE_ERRORS, KafkaError) as error:
                    log.warning("relay_waits", error=repr(error), seconds=pause)
                    await self._sleep(pause)
                    pause = min(pause * 2, self._limits.retry_seconds_max)
                    continue
                if not found:
                    await self._sleep(self._limits.poll_seconds)
        finally:
            await self._end(leases)

    async def _sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _end(self, leases: asyncio.Task[None]) -> None:
        tasks = [leases, *self._busy.values(), *([self._checking] if self._checking else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._producer.close()
        with suppress(*DATABASE_ERRORS):
            await release_leases(self._pool, self._owner)

    async def _keep_leases(self) -> None:
        while True:
            try:
                leases = await take_leases(self._pool, self._owner, self._limits.lease_seconds)
            except DATABASE_ERRORS as error:
                log.warning("relay_lease_not_renewed", error=repr(error))
            else:
                self._leased = {lease.key for lease in leases}
                self._checked &= self._leased
                for lease in leases:
                    if lease.stopped_reason is None:
                        self.stopped.pop(lease.key, None)
            await asyncio.sleep(self._limits.lease_seconds / 3)

    async def _turn(self) -> bool:
        """Publish what is due once; whether anything was."""
        now = time.monotonic()
        if self._checking is not None and self._checking.done():
            self._checking.result()
            self._checking = None
        unchecked = self._leased - self._checked - self.stopped.keys() - self._busy.keys()
        if unchecked and self._check_at <= now and self._checking is None:
            self._check_at = now + self._limits.recheck_seconds
            self._checking = asyncio.create_task(self._check_each(unchecked), name="relay-check")
        open_lanes = [
            key
            for key in sorted(self._checked)
            if key not in self._busy and key not in self.stopped and self._resume_at.get(key, 0.0) <= now
        ]
        if not open_lanes:
            return False
        rows = await self._pool.fetch(
            READ_DUE,
            [key.stream for key in open_lanes],
            [key.lane for key in open_lanes],
            self._limits.poll_rows,
            self._limits.chunk_bytes,
        )
        if not rows:
            return False
        crash_point("relay.read")
        await self._publish(rows)
        return True

    async def _check_each(self, keys: set[LaneKey]) -> None:
        """All at once; one by one when that fails, so that a partition without a leader delays no other."""
        try:
            await self._check(keys)
        except (*DATABASE_ERRORS, KafkaError) as error:
            log.warning("relay_check_waits", lanes=len(keys), error=repr(error))
            if len(keys) > 1:
                for key in sorted(keys):
                    await self._check_each({key})

    async def _check(self, keys: set[LaneKey]) -> None:
        """Compare what Kafka holds past the watermarks with the journal, before the first send."""
        self._cluster_id = await self._read_cluster_id()
        leases = await take_leases(self._pool, self._owner, self._limits.lease_seconds)
        watermarks = {
            lease.key: Watermark(lease.position, lease.kafka_offset, lease.cluster_id)
            for lease in leases
            if lease.key in keys
        }
        found = await check_lanes(
            self._pool,
            self._open_consumer,
            watermarks,
            cluster_id=self._cluster_id,
            topic_prefix=self._prefix,
        )
        sound = {key for key, mismatch in found.items() if mismatch is None}
        await clear_stops(self._pool, sound)
        self._checked |= sound
        for key, mismatch in found.items():
            if mismatch is not None:
                await self._stop_lane(key, mismatch)
        missing = {key.stream for key in watermarks.keys() - found.keys()}
        if missing != self._missing:
            log.warning("relay_topics_missing", streams=sorted(missing))
            self._missing = missing

    async def _stop_lane(self, key: LaneKey, mismatch: TopicMismatch) -> None:
        reason = str(mismatch)
        log.error("relay_lane_stopped", stream=key.stream, lane=key.lane, reason=reason)
        with suppress(*DATABASE_ERRORS):
            await note_stop(self._pool, key, reason)
        self._checked.discard(key)
        self._failures.pop(key, None)
        self.stopped[key] = reason

    async def _publish(self, rows: Sequence[Record]) -> None:
        """Send the rows of several lanes at once; lanes that are far behind or slow go on by themselves."""
        sends: dict[asyncio.Task[Move | None], LaneKey] = {}
        for key, found in groupby(rows, lambda row: LaneKey(row["stream"], row["lane"])):
            chunk = list(found)
            before = chunk[0]["watermark"]
            if len(chunk) == self._limits.poll_rows:
                self._go_on_alone(key, partial(self._catch_up, key, before))
            else:
                sends[asyncio.create_task(self._send_rows(key, before, chunk))] = key
        if not sends:
            return
        try:
            done, slow = await asyncio.wait(sends, timeout=self._limits.slow_after_seconds)
        except asyncio.CancelledError:
            for task in sends:
                task.cancel()
            raise
        for task in slow:
            self._go_on_alone(sends[task], partial(self._finish, task))
        await self._move([sent for task in done if (sent := task.result()) is not None])

    def _go_on_alone(self, key: LaneKey, work: Callable[[], Awaitable[None]]) -> None:
        async def alone() -> None:
            try:
                await work()
            except (*DATABASE_ERRORS, KafkaError) as error:
                log.warning("relay_waits", stream=key.stream, lane=key.lane, error=repr(error))
                await self._count_failure(key, error)
            except Exception as error:
                log.exception("relay_lane_failed", stream=key.stream, lane=key.lane)
                await self._count_failure(key, error)
            finally:
                del self._busy[key]

        self._busy[key] = asyncio.create_task(alone(), name=f"relay-{key.stream}-{key.lane}")

    async def _finish(self, task: "asyncio.Task[Move | None]") -> None:
        sent = await task
        if sent is not None:
            await self._move([sent])

    async def _catch_up(self, key: LaneKey, watermark: int) -> None:
        """Chunk after chunk until the lane is level; the next one is read and built while Kafka takes one."""
        async with self._places:
            coming = asyncio.create_task(self._next_chunk(key, watermark))
            try:
                while (chunk := await coming).batches:
                    coming = asyncio.create_task(self._next_chunk(key, chunk.last))
                    sent = await self._try_send(key, watermark, chunk)
                    if sent is None or not await self._move([sent]):
                        return
                    watermark = chunk.last
            finally:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)

    async def _next_chunk(self, key: LaneKey, after: int) -> "_Chunk":
        rows = await self._pool.fetch(
            READ_CHUNK, key.stream, key.lane, after, self._limits.chunk_rows, self._limits.chunk_bytes
        )
        return _build(await self._producer.get(), rows)

    async def _send_rows(self, key: LaneKey, before: int, rows: Sequence[Record]) -> Move | None:
        try:
            chunk = _build(await self._producer.get(), rows)
        except KafkaError as error:
            await self._count_failure(key, error)
            return None
        return await self._try_send(key, before, chunk)

    async def _try_send(self, key: LaneKey, before: int, chunk: "_Chunk") -> Move | None:
        """None when Kafka may not have everything: the lane is then checked and read from its watermark."""
        producer = await self._producer.get()
        try:
            sending = self._send(producer, key, chunk)
            first, last = await asyncio.wait_for(sending, self._limits.send_seconds_max)
        except (KafkaError, OSError) as error:
            log.warning("relay_send_failed", stream=key.stream, lane=key.lane, error=repr(error))
            await self._producer.discard(producer)
            await self._count_failure(key, error)
            return None
        self._failures.pop(key, None)
        return Move(key, before, chunk.last, first, last)

    async def _send(self, producer: Producer, key: LaneKey, chunk: "_Chunk") -> tuple[int, int]:
        """First and last Kafka offset. A batch sent before the last was acknowledged could leave a hole."""
        topic = record_topic(self._prefix, key.stream)
        offsets: list[int] = []
        for batch in chunk.batches:
            sending = await producer.send_batch(batch, topic, partition=key.lane)
            crash_point("relay.sent")
            first = (await sending).offset
            if first < 0:
                raise KafkaError("acknowledged as a duplicate, without its offset")
            offsets += [first, first + batch.record_count() - 1]
        crash_point("relay.acked")
        return offsets[0], offsets[-1]

    async def _move(self, sent: Sequence[Move]) -> bool:
        """Move watermarks. False when one stood elsewhere or its topic is a new one: check that lane."""
        if not sent:
            return True
        moved = await move_watermarks(self._pool, sent, self._cluster_id)
        crash_point("relay.watermark")
        for entry in sent:
            if entry.key in moved:
                self.published += entry.after - entry.before
            else:
                log.warning("relay_overtaken", stream=entry.key.stream, lane=entry.key.lane)
                self._checked.discard(entry.key)
        return len(moved) == len(sent)

    async def _count_failure(self, key: LaneKey, error: Exception) -> None:
        """Check it anew, after a longer wait each time; what Kafka refuses for its own sake is stopped."""
        self._checked.discard(key)
        count = self._failures[key] = self._failures.get(key, 0) + 1
        pause = min(self._limits.retry_seconds_min * 2 ** (count - 1), self._limits.retry_seconds_max)
        self._resume_at[key] = time.monotonic() + pause
        if isinstance(error, LASTING) and count >= self._limits.refusals_max:
            await self._stop_lane(
                key, TopicMismatch(key, f"Kafka refuses its events: {error!r}", "lodestone doctor")
            )


class _Chunk(NamedTuple):
    """Rows as batches for Kafka, and the position of the last."""

    batches: list[Any]
    last: int


def _build(producer: Producer, rows: Sequence[Record]) -> _Chunk:
    """`rows` end in position, key, body, chain. MessageSizeTooLargeError for a row that no batch can hold."""
    if not rows:
        return _Chunk([], 0)
    timestamp = int(time.time() * 1000)
    batches = [producer.create_batch()]
    append = batches[0].append
    for position, key, body, chain in [row[-4:] for row in rows]:
        text, found = key.encode(), headers(body, position, chain)
        if append(timestamp=timestamp, key=text, value=body, headers=found) is None:
            batches.append(producer.create_batch())
            append = batches[-1].append
            if append(timestamp=timestamp, key=text, value=body, headers=found) is None:
                raise MessageSizeTooLargeError(f"position {position}")
    return _Chunk(batches, rows[-1]["position"])
