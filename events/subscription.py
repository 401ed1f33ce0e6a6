"""Kafka → handler, in lane order, once per position; retry, then stop the lane.

Partitions are assigned by hand. The effect of an event and the reader's position move in one transaction.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import NamedTuple

import structlog
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from asyncpg import DeadlockDetectedError, LockNotAvailableError

from events.codec import Undecodable, decode_envelope
from events.connections import DATABASE_AWAY, DATABASE_ERRORS, Pool, acquire
from events.decision import LaneKey
from events.fetching import LATEST, Fetcher
from events.handling import Batch, Handler, Keeper
from events.intake import Inbox, Intake
from events.journal import read_body_hashes, read_deployment
from events.leases import Leases, give_back, release, take_leases
from events.positions import (
    NotOwner,
    Place,
    note_stop,
    note_wait,
    read_place,
    skip_repeats,
)
from events.refusal import LaneStopped
from events.topics import READ_SECONDS_MAX, record_topic
from events.verifying import JournalLacks, LaneFault, Verified

log = structlog.get_logger("subscription")

# Nothing that the event at hand is to blame for: waited out, however long it takes.
PASSING = (*DATABASE_AWAY, LockNotAvailableError, DeadlockDetectedError, LaneStopped)


class Limits(NamedTuple):
    """Records, seconds and counts of a reader."""

    batch_records: int = 2_000
    slice_records: int = 100
    lease_seconds: float = 10.0
    attempts_max: int = 4
    retry_seconds_min: float = 0.1
    retry_seconds_max: float = 2.0


DEFAULT_LIMITS = Limits()


class Subscription:
    """One reader on its share of the lanes of one stream.

    `opened` is called with the last applied position when a lane was taken and before every retry: there a
    reader with state in memory rebuilds it. `closed` is called when the lane is read no more.
    """

    def __init__(
        self,
        name: str,
        stream: str,
        lanes: Sequence[int],
        handler: Handler,
        pool: Pool,
        open_client: Callable[[], AbstractAsyncContextManager[AIOKafkaClient]],
        read_cluster_id: Callable[[], Awaitable[str]],
        *,
        owner: str,
        topic_prefix: str = "",
        limits: Limits = DEFAULT_LIMITS,
        opened: Callable[[LaneKey, int], Awaitable[None]] | None = None,
        closed: Callable[[LaneKey], object] | None = None,
    ) -> None:
        """`owner` names this process among all that run a reader of this name."""
        self._name = name
        self._stream = stream
        self._lanes = lanes
        self._handler = handler
        self._keep = handler.keep if isinstance(handler, Keeper) else None
        self._pool = pool
        self._open_client = open_client
        self._read_cluster_id = read_cluster_id
        self._owner = owner
        self._topic = record_topic(topic_prefix, stream)
        self._limits = limits
        self._opened = opened
        self._closed = closed
        self._stopping = asyncio.Event()
        self._reading = asyncio.Lock()
        self._tasks: dict[LaneKey, asyncio.Task[None]] = {}
        self._leaving: frozenset[LaneKey] = frozenset()
        self.stopped: dict[LaneKey, str] = {}
        self.waiting: dict[LaneKey, str] = {}
        self.places: dict[LaneKey, Place] = {}

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        """Until `stop`. Trouble with Kafka or the database is waited out, and so is a journal that lacks what
        the topic holds (`waiting`); a lane at fault is `stopped`."""
        pause = self._limits.retry_seconds_min
        while not self._stopping.is_set():
            try:
                await self._run_connected()
            except (KafkaError, *DATABASE_ERRORS) as error:
                log.warning("reader_waits", reader=self._name, error=repr(error), seconds=pause)
                await self._sleep(pause)
                pause = min(pause * 2, self._limits.retry_seconds_max)

    async def _sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _run_connected(self) -> None:
        async with acquire(self._pool) as connection:
            deployment = await read_deployment(connection)
        cluster_id = await self._read_cluster_id()
        async with self._open_client() as client:
            await client.set_topics([self._topic])
            fetcher = Fetcher(client, self._topic)
            intake = Intake(fetcher)
            asking = asyncio.create_task(intake.run(), name=f"{self._name}-{self._stream}-intake")
            stopping = asyncio.create_task(self._stopping.wait())
            try:
                while not stopping.done():
                    leases = await take_leases(
                        self._pool,
                        self._name,
                        self._owner,
                        self._stream,
                        self._lanes,
                        deployment.deployment_id,
                        self._limits.lease_seconds,
                    )
                    await self._follow(leases, fetcher, intake, cluster_id)
                    await asyncio.wait(
                        [asking, stopping],
                        timeout=leases.look_seconds(self._limits.lease_seconds),
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                    if asking.done():
                        asking.result()
            finally:
                await self._end_lanes()
                asking.cancel()
                stopping.cancel()
                await asyncio.gather(asking, stopping, return_exceptions=True)

    async def _follow(self, leases: Leases, fetcher: Fetcher, intake: Intake, cluster_id: str) -> None:
        """Read what stays, end what was lost; what is another's ends by itself, after the batch at hand."""
        for key in self._tasks.keys() - leases.held:
            self._tasks[key].cancel()
        for key in leases.staying - self._tasks.keys():
            self._start_lane(fetcher, intake, key, cluster_id)
        self._leaving = leases.leaving
        for key in leases.leaving & self._tasks.keys():
            intake.rouse(key.lane)
        if idle := leases.leaving - self._tasks.keys():
            await give_back(self._pool, self._name, self._owner, idle)

    def _start_lane(self, fetcher: Fetcher, intake: Intake, key: LaneKey, cluster_id: str) -> None:
        self.stopped.pop(key, None)
        task = asyncio.create_task(
            self._run_lane(fetcher, intake, key, cluster_id), name=f"{self._name}-{key.stream}-{key.lane}"
        )
        self._tasks[key] = task
        task.add_done_callback(lambda _: self._tasks.pop(key, None))

    async def _end_lanes(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()
        with suppress(*DATABASE_ERRORS):
            await release(self._pool, self._name, self._owner, self._stream)

    async def _run_lane(self, fetcher: Fetcher, intake: Intake, key: LaneKey, cluster_id: str) -> None:
        """Until it is cancelled, the lane is another reader's, or at fault."""
        try:
            place, inbox = await self._open_lane(fetcher, intake, key, cluster_id)
            while key not in self._leaving:
                self.places[key] = place
                found = Verified(key, self._topic, place._replace(cluster_id=cluster_id), self._keep)
                await self._read(inbox, found)
                place = await self._take(key, found)
                self.waiting.pop(key, None)
            await give_back(self._pool, self._name, self._owner, [key])
        except NotOwner:
            log.warning("reader_lost_lane", reader=self._name, stream=key.stream, lane=key.lane)
        except JournalLacks as lacking:
            await self._wait_for_journal(key, str(lacking))
        except LaneFault as fault:
            await self._stop_lane(key, str(fault))
        except OffsetOutOfRangeError as error:
            await self._stop_lane(key, f"topic {self._topic} has lost what is to be read: {error}")
        except (KafkaError, *DATABASE_ERRORS) as error:
            log.warning(
                "reader_waits", reader=self._name, stream=key.stream, lane=key.lane, error=repr(error)
            )
            await asyncio.sleep(self._limits.retry_seconds_max)
        except Exception as error:
            log.exception("reader_failed", reader=self._name, stream=key.stream, lane=key.lane)
            await self._stop_lane(key, f"{self._name} failed: {error!r}")
        finally:
            intake.close(key.lane)
            if self._closed is not None:
                self._closed(key)

    async def _stop_lane(self, key: LaneKey, reason: str) -> None:
        log.error(
            "reader_lane_stopped",
            reader=self._name,
            stream=key.stream,
            lane=key.lane,
            reason=reason,
            help=f"mend the cause, then lodestone doctor --resume {self._name}/{key.stream}/{key.lane}",
        )
        with suppress(*DATABASE_ERRORS):
            await note_stop(self._pool, self._name, self._owner, key, reason)
        self.stopped[key] = reason

    async def _wait_for_journal(self, key: LaneKey, reason: str) -> None:
        """Told once."""
        if self.waiting.get(key) != reason:
            log.error("reader_lane_waits", reader=self._name, stream=key.stream, lane=key.lane, reason=reason)
            with suppress(*DATABASE_ERRORS):
                await note_wait(self._pool, self._name, self._owner, key, reason)
        self.waiting[key] = reason
        await asyncio.sleep(self._limits.retry_seconds_max)

    async def _open_lane(
        self, fetcher: Fetcher, intake: Intake, key: LaneKey, cluster_id: str
    ) -> tuple[Place, Inbox]:
        """Where to go on, after looking whether the topic is still the one that was read before."""
        place = await read_place(self._pool, self._name, key)
        if place.cluster_id not in (None, cluster_id):
            raise LaneFault(
                f"{self._where(key, place.next_offset)} is of cluster {place.cluster_id}, not {cluster_id}"
            )
        if place.next_offset == 0:
            inbox = intake.open(key.lane, 0)
        else:
            end = (await fetcher.offsets([key.lane], LATEST))[key.lane]
            if end < place.next_offset:
                where = self._where(key, place.next_offset - 1)
                raise LaneFault(f"{where} is gone, the topic ends at {end}: it was truncated or created anew")
            inbox = intake.open(key.lane, place.next_offset - 1)
            await self._check_last(inbox, key, place)
        if self._opened is not None:
            await self._opened(key, place.position)
        return place, inbox

    async def _check_last(self, inbox: Inbox, key: LaneKey, place: Place) -> None:
        where = self._where(key, place.next_offset - 1)
        async with asyncio.timeout(READ_SECONDS_MAX):
            while (record := inbox.take(1)) is None:
                await inbox.filled()
        (offset,), (body,), _ = record
        try:
            found = decode_envelope(body).id
        except Undecodable as error:
            raise LaneFault(f"{where} holds no event: {error}") from error
        if offset != place.next_offset - 1 or found != place.last_event_id:
            raise LaneFault(f"{where} holds another event than was read there: the topic was created anew")

    async def _read(self, inbox: Inbox, found: Verified) -> None:
        """Waits for records and verifies those that came, slice by slice, one lane after another: few are in
        memory at once."""
        await inbox.filled()
        async with self._reading:
            while found.fault is None and found.count < self._limits.batch_records:
                records = inbox.take(self._limits.slice_records)
                if records is None:
                    return
                found.take(records)
                await asyncio.sleep(0)

    async def _take(self, key: LaneKey, found: Verified) -> Place:
        """Skip repeats, hand the rest to the handler; the place after all that was read."""
        place, last = found.place, found.last
        await self._check_repeats(key, found)
        if found.events:
            given = (found.events, found.offsets, found.kept)
            batch = Batch(self._pool, self._name, self._owner, key, place, *given)
            place = await self._handle(batch)
        if found.fault is not None:
            raise found.fault
        if last is not None and place.next_offset <= last.offset:
            after = place._replace(next_offset=last.offset + 1, last_event_id=decode_envelope(last.body).id)
            await skip_repeats(self._pool, self._name, self._owner, key, place, after)
            place = after
        return place

    async def _check_repeats(self, key: LaneKey, found: Verified) -> None:
        """A repeat has to be the bytes that the journal holds at its position."""
        if not found.repeats:
            return
        async with acquire(self._pool) as connection:
            known = await read_body_hashes(connection, key, [event.position for _, event in found.repeats])
        for record, event in found.repeats:
            if event.position not in known:
                raise JournalLacks(key, event.position)
            if known[event.position] != event.body_hash:
                raise found.fault_at(record, f": position {event.position} had other bytes before")

    async def _handle(self, batch: Batch) -> Place:
        """Retries what a handler that raises has left; LaneFault when it does not get through.

        JournalLacks where it lacks these events: tables that move with the journal are older than they are.
        """
        pause = self._limits.retry_seconds_min
        attempt = 0
        while True:
            try:
                await self._handler.handle(batch)
                if batch.done == len(batch.events):
                    return batch.place
                raise LaneFault(f"the handler applied {batch.done} of {len(batch.events)} events")
            except (NotOwner, LaneFault):
                raise
            except PASSING as error:
                problem: Exception = error
            except Exception as error:  # noqa: BLE001  whatever it is, the lane must not skip the event
                problem = error
                attempt += 1
            batch = batch.rest()
            if attempt >= self._limits.attempts_max:
                await self._check_journal(batch)
                where = f"position {batch.place.position + 1} of {batch.lane.stream}/{batch.lane.lane}"
                raise LaneFault(f"{self._name} failed {attempt} times at {where}: {problem!r}") from problem
            log.warning(
                "handler_failed",
                reader=self._name,
                lane=batch.lane.lane,
                error=repr(problem),
                attempt=attempt,
            )
            await asyncio.sleep(pause)
            pause = min(pause * 2, self._limits.retry_seconds_max)
            if self._opened is not None:
                await self._opened(batch.lane, batch.place.position)
            if not batch.events:
                return batch.place

    async def _check_journal(self, batch: Batch) -> None:
        if not batch.events:
            return
        last = batch.events[-1].position
        async with acquire(self._pool) as connection:
            if not await read_body_hashes(connection, batch.lane, [last]):
                raise JournalLacks(batch.lane, last)

    def _where(self, key: LaneKey, offset: int) -> str:
        return f"topic {self._topic}, partition {key.lane}, offset {offset}"
