"""PROCESS journal → Kafka, lane by lane, in order, at least once.

Each lane has at most one send under way. Watermarks follow Kafka's acknowledgements by compare-and-set and
never pass them; sends do not wait for them, and no transaction is open meanwhile.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import NamedTuple

import structlog
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)

from events.chunks import Backlog, batches, read_due
from events.connections import DATABASE_ERRORS, Connection, Consumer, Pool, Producer, SharedProducer, acquire
from events.decision import LaneKey
from events.faults import crash_point
from events.record_batches import RecordBatch, Rows
from events.topics import EXAMINE, TopicMismatch, Watermark, check_lanes, record_topic
from events.watermarks import Move, clear_stops, move_watermarks, note_stop, release_leases, take_leases

log = structlog.get_logger("relay")

# Errors about a lane's records or rights, which persist; all other errors are waited out.
LASTING = (
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    InvalidTopicError,
    TopicAuthorizationFailedError,
)

LAST_MOVES_SECONDS_MAX = 5.0
LAST_CHECK_SECONDS_MAX = 2.0


class Limits(NamedTuple):
    """Limits of a relay, in seconds, rows, bytes and counts."""

    poll_seconds: float = 0.003
    poll_again_seconds: float = 0.002
    likely_seconds: float = 0.05
    watermark_seconds: float = 0.05
    poll_rows: int = 256
    chunk_rows: int = 1_000
    batch_bytes: int = 1_000_000
    lanes_catching_up: int = 4
    send_seconds_max: float = 30.0
    lease_seconds: float = 10.0
    retry_seconds_min: float = 0.1
    retry_seconds_max: float = 5.0
    refusals_max: int = 5
    recheck_seconds: float = 2.0


DEFAULT_LIMITS = Limits()


class Relay:
    """Publishes every lane that it can lease; a second relay waits for leases that expire."""

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
        self._acknowledged: dict[LaneKey, int] = {}
        self._watermarks: dict[LaneKey, int] = {}
        self._checking: asyncio.Task[None] | None = None
        self._check_at = 0.0
        self._missing: set[str] = set()
        self._busy: dict[LaneKey, asyncio.Task[None]] = {}
        self._moves: dict[LaneKey, Move] = {}
        self._moving: Mapping[LaneKey, Move] = {}
        self._to_move = asyncio.Event()
        self._likely_until = 0.0
        self._resume_at: dict[LaneKey, float] = {}
        self._failures: dict[LaneKey, int] = {}
        self._places = asyncio.Semaphore(limits.lanes_catching_up)
        self._stopping = asyncio.Event()
        self.stopped: dict[LaneKey, str] = {}
        self.published = 0

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        """Runs until `stop`. Errors of Kafka or the database are waited out; a faulty lane is `stopped`."""
        leases = asyncio.create_task(self._keep_leases(), name="relay-leases")
        watermarks = asyncio.create_task(self._keep_watermarks(), name="relay-watermarks")
        pause = self._limits.retry_seconds_min
        try:
            while not self._stopping.is_set():
                try:
                    async with acquire(self._pool) as connection:
                        while not self._stopping.is_set():
                            _raise_if_ended(leases, watermarks)
                            found = await self._turn(connection)
                            pause = self._limits.retry_seconds_min
                            await asyncio.sleep(
                                self._limits.poll_again_seconds if found else self._limits.poll_seconds
                            )
                except (*DATABASE_ERRORS, KafkaError) as error:
                    log.warning("relay_waits", error=repr(error), seconds=pause)
                    await self._sleep(pause)
                    pause = min(pause * 2, self._limits.retry_seconds_max)
        finally:
            await self._end(leases, watermarks)

    async def _sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _end(self, leases: asyncio.Task[None], watermarks: asyncio.Task[None]) -> None:
        if self._checking is not None:
            # If it were cancelled while it stops its consumer, a connection of aiokafka would stay open.
            await asyncio.wait([self._checking], timeout=LAST_CHECK_SECONDS_MAX)
        tasks = [leases, *self._busy.values(), *([self._checking] if self._checking else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._stopping.set()
        self._to_move.set()
        await asyncio.wait([watermarks], timeout=LAST_MOVES_SECONDS_MAX)
        watermarks.cancel()
        await asyncio.gather(watermarks, return_exceptions=True)
        await self._producer.close()
        with suppress(*DATABASE_ERRORS):
            await release_leases(self._pool, self._owner)

    async def _keep_leases(self) -> None:
        while True:
            before = dict(self._watermarks)
            try:
                leases = await take_leases(self._pool, self._owner, self._limits.lease_seconds)
            except DATABASE_ERRORS as error:
                log.warning("relay_lease_not_renewed", error=repr(error))
            else:
                self._leased = {lease.key for lease in leases}
                for key in self._acknowledged.keys() - self._leased:
                    self._check_again(key)
                for lease in leases:
                    if lease.stopped_reason is None:
                        self.stopped.pop(lease.key, None)
                    known = before.get(lease.key, 0)
                    if lease.position < known == self._watermarks.get(lease.key):
                        del self._watermarks[lease.key]
                        self._check_again(lease.key)
            await asyncio.sleep(self._limits.lease_seconds / 3)

    def _check_again(self, key: LaneKey) -> None:
        """Before anything more is sent on the lane, topic and journal have to be compared from its watermark
        on."""
        self._acknowledged.pop(key, None)

    async def _turn(self, connection: Connection) -> bool:
        """Start a send on every lane that is due; returns whether there was one."""
        now = time.monotonic()
        self._start_check(now)
        after = {
            key: position
            for key, position in self._acknowledged.items()
            if key not in self._busy and self._resume_at.get(key, 0.0) <= now
        }
        if not after:
            return False
        due = await read_due(
            connection,
            after,
            rows_max=self._limits.poll_rows,
            bytes_max=self._limits.batch_bytes,
            likely=now < self._likely_until,
        )
        if not due:
            return False
        self._likely_until = now + self._limits.likely_seconds
        crash_point("relay.read")
        for key, rows in due:
            if self._acknowledged.get(key) == after[key]:
                self._busy[key] = asyncio.create_task(
                    self._publish(key, rows), name=f"relay-{key.stream}-{key.lane}"
                )
        return True

    def _start_check(self, now: float) -> None:
        if self._checking is not None and self._checking.done():
            self._checking.result()
            self._checking = None
        if self._check_at > now or self._checking is not None or self._leased <= self._acknowledged.keys():
            return
        known = self._acknowledged.keys() | self.stopped.keys()
        unchecked = self._leased - known - self._busy.keys() - self._moves.keys() - self._moving.keys()
        if unchecked:
            self._check_at = now + self._limits.recheck_seconds
            self._checking = asyncio.create_task(self._check_each(unchecked), name="relay-check")

    async def _check_each(self, keys: set[LaneKey]) -> None:
        """Check lanes all at once; one by one if that fails, so that a partition without a leader delays no
        other."""
        try:
            await self._check(keys)
        except (*DATABASE_ERRORS, KafkaError) as error:
            log.warning("relay_check_waits", lanes=len(keys), error=repr(error))
            if len(keys) > 1:
                for key in sorted(keys):
                    await self._check_each({key})

    async def _check(self, keys: set[LaneKey]) -> None:
        """Compare Kafka's records after the watermarks with the journal, before the first send."""
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
        for key in sound:
            self._acknowledged[key] = self._watermarks[key] = watermarks[key].position
        for mismatch in found.values():
            if mismatch is not None:
                await self._stop_lane(mismatch)
        missing = {key.stream for key in watermarks.keys() - found.keys()}
        if missing != self._missing:
            log.warning("relay_topics_missing", streams=sorted(missing), help="lodestone topics")
            self._missing = missing

    async def _stop_lane(self, mismatch: TopicMismatch) -> None:
        key, reason = mismatch.key, str(mismatch)
        log.error("relay_lane_stopped", stream=key.stream, lane=key.lane, reason=reason)
        with suppress(*DATABASE_ERRORS):
            await note_stop(self._pool, mismatch)
        self._check_again(key)
        self._failures.pop(key, None)
        self.stopped[key] = reason

    async def _publish(self, key: LaneKey, rows: Rows) -> None:
        """Send a lane's next rows; a lane that is far behind catches up in large chunks instead."""
        try:
            if len(rows) < self._limits.poll_rows:
                for batch in batches(rows, self._limits.batch_bytes):
                    if not await self._send_batch(key, batch):
                        return
            else:
                await self._catch_up(key)
        except (*DATABASE_ERRORS, KafkaError) as error:
            log.warning("relay_waits", stream=key.stream, lane=key.lane, error=repr(error))
            await self._count_failure(key, error)
        except Exception as error:
            log.exception("relay_lane_failed", stream=key.stream, lane=key.lane)
            await self._count_failure(key, error)
        finally:
            del self._busy[key]

    async def _catch_up(self, key: LaneKey) -> None:
        """Send batch after batch until the lane has caught up; the next one is built while Kafka receives
        one."""
        async with self._places:
            if key not in self._acknowledged:
                return
            backlog = Backlog(
                self._pool,
                key,
                self._acknowledged[key],
                rows_max=self._limits.chunk_rows,
                bytes_max=self._limits.batch_bytes,
            )
            coming = asyncio.create_task(backlog.next_batch())
            try:
                while (batch := await coming) is not None:
                    coming = asyncio.create_task(backlog.next_batch())
                    if not await self._send_batch(key, batch):
                        return
            finally:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)

    async def _send_batch(self, key: LaneKey, batch: RecordBatch) -> bool:
        """False when Kafka may lack some of it, or the lane has to be checked for another reason."""
        before = self._acknowledged.get(key)
        if before is None:
            return False
        if batch.first != before + 1:
            raise AssertionError(f"position {batch.first} does not follow {before}: it would leave a hole")
        producer = await self._producer.get()
        try:
            async with asyncio.timeout(self._limits.send_seconds_max):
                first, last = await self._send(producer, key, batch)
        except (KafkaError, OSError) as error:
            log.warning("relay_send_failed", stream=key.stream, lane=key.lane, error=repr(error))
            await self._producer.discard(producer)
            await self._count_failure(key, error)
            return False
        self._failures.pop(key, None)
        if self._acknowledged.get(key) != before:
            return False
        self._acknowledged[key] = batch.last
        move = Move(key, before, batch.last, first, last)
        waiting = self._moves.get(key)
        self._moves[key] = move if waiting is None else waiting.followed_by(move)
        self._to_move.set()
        return True

    async def _send(self, producer: Producer, key: LaneKey, batch: RecordBatch) -> tuple[int, int]:
        """Returns the first and last Kafka offset. The next batch waits for the acknowledgement, since it
        could otherwise leave a gap."""
        sending = await producer.send_batch(batch, record_topic(self._prefix, key.stream), partition=key.lane)
        crash_point("relay.sent")
        first = (await sending).offset
        if first < 0:
            raise KafkaError("acknowledged as a duplicate, without its offset")
        crash_point("relay.acked")
        return first, first + batch.record_count() - 1

    async def _keep_watermarks(self) -> None:
        """Stores all watermarks acknowledged in an interval with one statement; at the end, until none is
        left."""
        while self._moves or not self._stopping.is_set():
            await self._to_move.wait()
            self._to_move.clear()
            await self._sleep(self._limits.watermark_seconds)
            self._moving, self._moves = self._moves, {}
            try:
                if self._moving:
                    await self._move(self._moving)
            except DATABASE_ERRORS as error:
                log.warning("relay_waits", error=repr(error))
                for key in self._moving:
                    self._check_again(key)
            self._moving = {}

    async def _move(self, moves: Mapping[LaneKey, Move]) -> None:
        """Moves watermarks; a lane whose watermark was elsewhere, or whose topic is new, has to be
        checked."""
        moved = await move_watermarks(self._pool, list(moves.values()), self._cluster_id)
        crash_point("relay.watermark")
        for key, move in moves.items():
            if key in moved:
                self.published += move.after - move.before
                self._watermarks[key] = move.after
            else:
                log.warning("relay_overtaken", stream=key.stream, lane=key.lane)
                self._check_again(key)

    async def _count_failure(self, key: LaneKey, error: Exception) -> None:
        """Checks the lane again, after a longer wait each time; stops it if Kafka refuses its records or
        rights."""
        self._check_again(key)
        count = self._failures[key] = self._failures.get(key, 0) + 1
        pause = min(self._limits.retry_seconds_min * 2 ** (count - 1), self._limits.retry_seconds_max)
        self._resume_at[key] = time.monotonic() + pause
        if isinstance(error, LASTING) and count >= self._limits.refusals_max:
            await self._stop_lane(TopicMismatch(key, f"Kafka refuses its events: {error!r}", EXAMINE))


def _raise_if_ended(*tasks: asyncio.Task[None]) -> None:
    """Tasks that run as long as the relay end only through a bug; raises it."""
    for task in tasks:
        if task.done():
            task.result()
