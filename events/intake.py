"""Receives the records of a topic's partitions as they arrive: one fetch is always open at each leader.

A partition whose records nobody takes is not fetched until there is room again, and delays no other.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from aiokafka.errors import KafkaError

from events.connections import PARTITION_FETCH_BYTES_MAX
from events.fetching import Fetched, Fetcher, Refused
from events.links import Slice

PENDING_BYTES_MAX: Final = 2 * PARTITION_FETCH_BYTES_MAX
WAIT_MS_MAX: Final = 500
"""How long a leader waits for a first record: it answers as soon as one arrives, so a long wait costs
nothing."""
SHORT_WAIT_MS_MAX: Final = 10
"""The same while a partition's inbox is full, or was just opened, since it has to be added to the next fetch
soon."""


class Inbox:
    """The inbox of one partition: the fetched answers, and the offset to fetch next."""

    def __init__(self, offset: int, on_room: Callable[[], None]) -> None:
        """`on_room` is called whenever records were taken."""
        self.offset = offset
        self.is_new = True
        self._on_room = on_room
        self._waiting: deque[Fetched] = deque()
        self._waiting_bytes = 0
        self._begun: Iterator[Slice] = iter(())
        self._rest: Slice | None = None
        self._error: KafkaError | None = None
        self._came = asyncio.Event()

    @property
    def has_room(self) -> bool:
        return self._error is None and self._waiting_bytes < PENDING_BYTES_MAX

    def put(self, found: Fetched | Refused) -> None:
        """Ignores the answer to an outdated fetch, which was for another offset."""
        if found.first != self.offset:
            return
        if isinstance(found, Refused):
            self._error = found.error
        else:
            self._waiting.append(found)
            self._waiting_bytes += len(found.content)
            self.offset = found.next_offset
        self._came.set()

    async def filled(self) -> None:
        """Returns when there may be records to take, or after `rouse`."""
        await self._came.wait()

    def rouse(self) -> None:
        """Wakes whoever waits, whether records came or not."""
        self._came.set()

    def take(self, records_max: int) -> Slice | None:
        """The next records; empty when there are none yet. KafkaError when the broker refuses the offset, or
        a batch does not match its checksum."""
        while (found := self._rest or next(self._begun, None)) is None:
            if not self._waiting:
                if self._error is not None:
                    raise self._error
                self._came.clear()
                return None
            fetched = self._waiting.popleft()
            self._waiting_bytes -= len(fetched.content)
            self._begun = fetched.slices()
            self._on_room()
        self._rest = None
        if len(found.bodies) > records_max:
            found, self._rest = found.part(0, records_max), found.part(records_max)
        return found


class Intake:
    """The intake of one reader of one topic."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._inboxes: dict[int, Inbox] = {}
        self._changed = asyncio.Event()

    def open(self, partition: int, offset: int) -> Inbox:
        """Fetch the partition from `offset` on."""
        self._inboxes[partition] = inbox = Inbox(offset, self._changed.set)
        self._changed.set()
        return inbox

    def rouse(self, partition: int) -> None:
        """As `Inbox.rouse`."""
        if (inbox := self._inboxes.get(partition)) is not None:
            inbox.rouse()

    def close(self, partition: int) -> None:
        self._inboxes.pop(partition, None)

    async def run(self) -> None:
        """Runs until it is cancelled. KafkaError for an error that is not temporary."""
        asking: dict[int, asyncio.Task[None]] = {}
        try:
            while True:
                self._changed.clear()
                for leader, partitions in self._fetcher.by_leader(self._inboxes).items():
                    if leader not in asking and (task := self._ask(leader, partitions)) is not None:
                        asking[leader] = task
                await self._changed.wait()
                for leader, task in list(asking.items()):
                    if task.done():
                        del asking[leader]
                        task.result()
        finally:
            for task in asking.values():
                task.cancel()
            await asyncio.gather(*asking.values(), return_exceptions=True)

    def _ask(self, leader: int, partitions: list[int]) -> asyncio.Task[None] | None:
        asked = [(number, self._inboxes[number]) for number in partitions if self._inboxes[number].has_room]
        if not asked:
            return None
        is_short = len(asked) < len(partitions) or any(inbox.is_new for _, inbox in asked)
        for _, inbox in asked:
            inbox.is_new = False
        offsets = {number: inbox.offset for number, inbox in asked}
        task = asyncio.create_task(
            self._fetch(leader, offsets, SHORT_WAIT_MS_MAX if is_short else WAIT_MS_MAX)
        )
        task.add_done_callback(lambda _: self._changed.set())
        return task

    async def _fetch(self, leader: int, offsets: dict[int, int], wait_ms: int) -> None:
        for found in await self._fetcher.fetch_from(leader, offsets, wait_ms=wait_ms):
            inbox = self._inboxes.pop(found.partition, None)
            if inbox is not None:
                # Moved to the end, since an answer may contain only the first of the requested partitions.
                self._inboxes[found.partition] = inbox
                inbox.put(found)
