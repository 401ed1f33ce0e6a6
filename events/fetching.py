"""Fetches records of a topic's partitions: parsed by aiokafka, but without its consumer.

aiokafka's consumer creates an object with eleven members per record, and does not fetch again before all
fetched records are consumed. A reader of a range of offsets needs neither.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.errors import CorruptRecordException, KafkaError, RecordTooLargeError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.structs import TopicPartition

from events.connections import FETCH_BYTES_MAX, FETCH_WAIT_MS_MAX, PARTITION_FETCH_BYTES_MAX
from events.links import (
    BATCH_BYTES_MIN,
    Link,
    Slice,
    batch_at,
    batch_end,
    next_offset,
    offset_at,
    slices_in,
    together,
)
from events.record_batches import AFTER_LENGTH

EARLIEST = -2
LATEST = -1
_ANY_REPLICA = -1
_BYTES_MIN = 1
_READ_UNCOMMITTED = 0
RETRY_SECONDS = 0.1

Record: TypeAlias = Any
"""A record of aiokafka: `offset`, `key`, `value`, `headers`."""


class Fetched(NamedTuple):
    """Complete batches of a partition; they may begin before `first`, the requested offset."""

    partition: int
    first: int
    next_offset: int
    content: bytes
    places: Sequence[int]
    """The indices in `content` at which batches begin."""

    def records(self) -> Iterator[Record]:
        """The records from `first` on. CorruptRecordException when a batch does not match its checksum."""
        for at in self.places:
            batch = batch_at(self.content, at)
            if not batch.validate_crc():
                raise self._corrupt(f"wrong checksum at {offset_at(self.content, at)}")
            if not batch.is_control_batch:
                yield from (record for record in batch if record.offset >= self.first)

    def links(self) -> Iterator[Link]:
        """As `records`, but only what is needed to check the chain."""
        for found in self._slices():
            yield from found.links()

    def slices(self) -> Iterator[Slice]:
        """As `links`, several at a time."""
        return together(self._slices())

    def _slices(self) -> Iterator[Slice]:
        try:
            for found in slices_in(self.content, self.places):
                if found.offsets[-1] >= self.first:
                    yield found.since(self.first)
        except CorruptRecordException as error:
            raise self._corrupt(error.args[0]) from error

    def _corrupt(self, what: str) -> CorruptRecordException:
        return CorruptRecordException(f"partition {self.partition}: {what}")


class Refused(NamedTuple):
    """A partition that does not have the offset `first`, or that this login may not read."""

    partition: int
    first: int
    error: KafkaError


class Fetcher:
    """Asks the leaders of a topic's partitions; holds no position. `client` belongs to it alone."""

    def __init__(self, client: AIOKafkaClient, topic: str) -> None:
        self._client = client
        self._topic = topic

    def __str__(self) -> str:
        return f"topic {self._topic}"

    @property
    def partitions(self) -> frozenset[int]:
        """Empty when there is no such topic."""
        return frozenset(self._client.cluster.partitions_for_topic(self._topic) or ())

    async def offsets(self, partitions: Sequence[int], at: int) -> dict[int, int]:
        """By partition, the offset of its first record (EARLIEST), or the one after its last (LATEST)."""
        found: dict[int, int] = {}
        while left := [partition for partition in partitions if partition not in found]:
            for leader, asked in self.by_leader(left).items():
                request = OffsetRequest(
                    _ANY_REPLICA,
                    _READ_UNCOMMITTED,
                    [(self._topic, [(partition, at) for partition in asked])],
                )
                # A separate connection: on the one for fetches, this answer would wait for theirs.
                answer = await self._ask(leader, request, ConnectionGroup.COORDINATION)
                found |= {
                    partition: offset for partition, code, _, offset in answer if await self._sound(code)
                }
        return found

    async def fetch(self, offsets: Mapping[int, int]) -> list[Fetched]:
        """The records at these offsets, as many as one answer of each leader holds; empty if none came within
        a moment.

        Temporary errors count as no records; KafkaError for others, such as an offset that the partition does
        not have.
        """
        found = []
        for answer in await asyncio.gather(
            *(
                self.fetch_from(leader, {partition: offsets[partition] for partition in asked})
                for leader, asked in self.by_leader(offsets).items()
            )
        ):
            for fetched in answer:
                if isinstance(fetched, Refused):
                    raise fetched.error
                found.append(fetched)
        return found

    async def fetch_from(
        self, leader: int, offsets: Mapping[int, int], *, wait_ms: int = FETCH_WAIT_MS_MAX
    ) -> list[Fetched | Refused]:
        """As `fetch`, from one leader, which waits up to `wait_ms` for a first record; errors are returned
        per partition."""
        asked = [(partition, offset, PARTITION_FETCH_BYTES_MAX) for partition, offset in offsets.items()]
        request = FetchRequest(
            wait_ms, _BYTES_MIN, FETCH_BYTES_MAX, _READ_UNCOMMITTED, [(self._topic, asked)]
        )
        found: list[Fetched | Refused] = []
        for partition, code, *_, content in await self._ask(leader, request):
            first = offsets[partition]
            try:
                fetched = answered(partition, first, content) if await self._sound(code) else None
            except KafkaError as error:
                found.append(Refused(partition, first, error))
            else:
                found += [] if fetched is None else [fetched]
        return found

    def by_leader(self, partitions: Iterable[int]) -> dict[int, list[int]]:
        """The partitions by leader; -1 for partitions without a known leader."""
        asked: dict[int, list[int]] = defaultdict(list)
        for partition in partitions:
            leader = self._client.cluster.leader_for_partition(TopicPartition(self._topic, partition))
            asked[-1 if leader is None else leader].append(partition)
        return asked

    async def _ask(
        self,
        leader: int,
        request: FetchRequest | OffsetRequest,
        connection: ConnectionGroup = ConnectionGroup.DEFAULT,
    ) -> list[Any]:
        """The leader's answer by partition; empty, after a pause, when the leader cannot be reached."""
        try:
            answer = await self._client.send(leader, request, group=connection)
        except KafkaError as error:
            if not error.retriable:
                raise
            await self._look_again()
            return []
        return [partition for _, partitions in answer.topics for partition in partitions]

    async def _sound(self, code: int) -> bool:
        """Whether an answer's code is not an error."""
        error = for_code(code)
        if code == 0:
            return True
        if not error.retriable:
            raise error(f"{self._topic} cannot be read")
        await self._look_again()
        return False

    async def _look_again(self) -> None:
        self._client.force_metadata_update()
        await asyncio.sleep(RETRY_SECONDS)


def answered(partition: int, first: int, content: bytes) -> Fetched | None:
    """The complete batches of an answer, without one that is cut off at the end; None when there is none."""
    places, at, size = list[int](), 0, len(content)
    while at + AFTER_LENGTH <= size and (end := batch_end(content, at)) <= size:
        if end - at < BATCH_BYTES_MIN:
            raise CorruptRecordException(f"partition {partition}: no batch is as short as one behind {first}")
        places.append(at)
        at = end
    if places:
        return Fetched(partition, first, next_offset(content, places[-1]), content, places)
    if content:
        raise RecordTooLargeError(f"partition {partition}: what lies at {first} is larger than an answer")
    return None
