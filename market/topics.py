"""A deployment's topics: declared in `deploy/kafka/topics.toml`, created where missing, read to their end."""

import asyncio
import tomllib
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, KafkaTimeoutError
from msgspec import Struct

from events.brokers import Bootstrap
from events.connections import open_admin, open_client
from events.fetching import EARLIEST, LATEST, Fetched, Fetcher, Record
from events.links import Link
from market.folders import DEPLOY

TOPICS_TOML: Final = DEPLOY / "kafka" / "topics.toml"
TOPIC_ALREADY_EXISTS: Final = 36
RECORDS_AT_ONCE_MAX: Final = 100
"""aiokafka creates this many at a time, and they are freed while still in the processor's cache."""
R = TypeVar("R", Link, Record)
READ_SECONDS_MAX: Final = 30.0


class TopicError(RuntimeError):
    """A topic is missing, could not be created, or has another partition count than declared."""


class Topic(Struct, frozen=True, kw_only=True):
    name: str
    partitions: int
    replication_factor: int
    config: dict[str, str]


class TopicState(Struct, frozen=True, kw_only=True):
    """`partitions` as the cluster has it; None: missing."""

    topic: Topic
    partitions: int | None


class _Profile(Struct, forbid_unknown_fields=True):
    replication_factor: int
    config: dict[str, str] = {}


class _Every(Struct, forbid_unknown_fields=True):
    config: dict[str, str] = {}


class _Declared(Struct, forbid_unknown_fields=True):
    partitions: int | str
    config: dict[str, str] = {}


class _File(Struct, forbid_unknown_fields=True):
    replicated: _Profile
    single: _Profile
    topics: dict[str, _Declared]
    partner: _Declared = msgspec.field(name="partner-topic", default_factory=lambda: _Declared(partitions=1))
    every: _Every = msgspec.field(name="every-topic", default_factory=_Every)


def declared_topics(
    lanes: int, *, brokers: int, prefix: str = "", path: Path = TOPICS_TOML
) -> tuple[Topic, ...]:
    """Every topic of a deployment of `lanes` lanes; replicated once the cluster has the brokers for it."""
    declared = _read(path)
    profile = _profile(declared, brokers)
    return tuple(
        _topic(prefix + name, lanes, topic, profile, declared) for name, topic in declared.topics.items()
    )


def _read(path: Path) -> _File:
    return msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File)


def _profile(declared: _File, brokers: int) -> _Profile:
    return declared.replicated if brokers >= declared.replicated.replication_factor else declared.single


def _topic(name: str, lanes: int, topic: _Declared, profile: _Profile, declared: _File) -> Topic:
    return Topic(
        name=name,
        partitions=lanes if topic.partitions == "lanes" else int(topic.partitions),
        replication_factor=profile.replication_factor,
        config={**declared.every.config, **profile.config, **topic.config},
    )


async def create_partner_topic(bootstrap: Bootstrap, name: str) -> None:
    """Creates a missing partner topic. TopicError when Kafka refuses or is away."""
    declared = _read(TOPICS_TOML)
    try:
        async with open_admin(bootstrap) as admin:
            if name in await admin.list_topics():
                return
            profile = _profile(declared, len((await admin.describe_cluster())["brokers"]))
            wanted = _topic(name, 1, declared.partner, profile, declared)
            _raise_refused(await admin.create_topics([_new(wanted)]))
    except KafkaError as error:
        raise TopicError(f"topic {name} could not be created: {error}") from error


async def inspect_topics(bootstrap: Bootstrap, lanes: int, *, prefix: str = "") -> tuple[TopicState, ...]:
    """Compares declared topics with the cluster's; changes nothing."""
    async with open_admin(bootstrap) as admin:
        return await _inspect(admin, lanes, prefix)


async def create_topics(bootstrap: Bootstrap, lanes: int, *, prefix: str = "") -> tuple[str, ...]:
    """Create what is missing; returns the names created now. TopicError when an existing one differs."""
    async with open_admin(bootstrap) as admin:
        states = await _inspect(admin, lanes, prefix)
        wrong = [state for state in states if state.partitions not in (None, state.topic.partitions)]
        if wrong:
            told = "; ".join(
                f"{state.topic.name} has {state.partitions} partitions, not {state.topic.partitions}"
                for state in wrong
            )
            raise TopicError(
                f"{told}: partition is lane, and a deployment's lane count is fixed for its life"
            )
        missing = [state.topic for state in states if state.partitions is None]
        if missing:
            _raise_refused(await admin.create_topics([_new(topic) for topic in missing]))
        return tuple(topic.name for topic in missing)


async def _inspect(admin: AIOKafkaAdminClient, lanes: int, prefix: str) -> tuple[TopicState, ...]:
    brokers = len((await admin.describe_cluster())["brokers"])
    topics = declared_topics(lanes, brokers=brokers, prefix=prefix)
    existing = set(await admin.list_topics())
    present = [topic.name for topic in topics if topic.name in existing]
    described: list[dict[str, Any]] = await admin.describe_topics(present) if present else []
    counts = {entry["topic"]: len(entry["partitions"]) for entry in described}
    return tuple(TopicState(topic=topic, partitions=counts.get(topic.name)) for topic in topics)


def _new(topic: Topic) -> NewTopic:
    return NewTopic(
        name=topic.name,
        num_partitions=topic.partitions,
        replication_factor=topic.replication_factor,
        topic_configs=topic.config,
    )


def _raise_refused(response: Any) -> None:
    # aiokafka hands the broker's answer on without looking at its error codes
    refused = [
        f"{entry[0]}: error {entry[1]} {entry[2] or ''}".strip()
        for entry in response.topic_errors
        if entry[1] not in (0, TOPIC_ALREADY_EXISTS)
    ]
    if refused:
        raise TopicError("Kafka refused to create topics: " + "; ".join(refused))


class TopicRecord(Struct, frozen=True, kw_only=True):
    offset: int
    key: bytes | None
    value: bytes
    headers: dict[str, bytes]


class Reading:
    """A topic from its beginning to where each partition ended when it was opened."""

    def __init__(self, fetcher: Fetcher, begins: dict[int, int], ends: dict[int, int]) -> None:
        self._fetcher = fetcher
        self._next = begins
        self._ends = ends
        self._coming: asyncio.Task[list[Fetched]] | None = None
        self.sizes = {partition: end - begins[partition] for partition, end in ends.items()}
        """Records by partition."""

    @property
    def partitions(self) -> int:
        return len(self._ends)

    async def look_further(self) -> None:
        """Moves the ends to where the partitions end now."""
        self._ends = await self._fetcher.offsets(list(self._ends), LATEST)

    def start_at(self, lane: int, offset: int) -> None:
        """Skips records before an offset of a partition."""
        skipped = min(offset, self._ends[lane]) - self._next[lane]
        if skipped > 0:
            self._next[lane] += skipped
            self.sizes[lane] -= skipped

    async def go_on_at(self, lane: int, next_offset: int, last_sha256: bytes) -> None:
        """Skips what was read before; `last_sha256` is the hash of the last record read.

        TopicError when the partition is not the same as then.
        """
        end, where = self._ends[lane], f"{self._fetcher}, partition {lane}"
        if end < next_offset:
            told = f"{where} ends at offset {end} and was read to {next_offset} before"
            raise TopicError(f"{told}: it was cut off or recreated")
        if sha256((await self.look_at(lane, next_offset - 1)).body).digest() != last_sha256:
            raise TopicError(
                f"{where} holds another record at offset {next_offset - 1} than before: it was recreated"
            )
        self._next[lane] = next_offset
        self.sizes[lane] = end - next_offset

    def offsets(self, lane: int) -> range:
        """Where the records of a partition lie."""
        end = self._ends[lane]
        return range(end - self.sizes[lane], end)

    async def look_at(self, lane: int, offset: int) -> Link:
        """The first record of a partition at an offset or after it, which is one."""
        while True:
            (fetched,) = await self._answered({lane: offset})
            for link in fetched.links():
                return link
            offset = fetched.next_offset

    def stop(self, lane: int) -> None:
        """Reads a partition no further."""
        self._ends[lane] = 0

    async def batches(self) -> AsyncIterator[tuple[int, list[TopicRecord]]]:
        """Yields (partition, records in order) until the end of every partition."""
        async for partition, records in self._read(Fetched.records):
            yield partition, [_whole(record) for record in records]

    def links(self) -> AsyncIterator[tuple[int, list[Link]]]:
        """As `batches`, with only what is needed to check chains."""
        return self._read(Fetched.links)

    async def _read(self, records_of: Callable[[Fetched], Iterator[R]]) -> AsyncIterator[tuple[int, list[R]]]:
        """Fetches more from the brokers while earlier records are processed."""
        self._coming = self._ask()
        while self._coming is not None:
            found = await self._coming
            for fetched in found:
                # Answered partitions are asked for last, since an answer contains a limited number of
                # partitions.
                del self._next[fetched.partition]
                self._next[fetched.partition] = fetched.next_offset
            self._coming = self._ask()
            for fetched in found:
                records = records_of(fetched)
                while few := self._up_to_end(fetched.partition, islice(records, RECORDS_AT_ONCE_MAX)):
                    yield fetched.partition, few

    async def end(self) -> None:
        """Stops fetching, also when it was not read to the end."""
        if self._coming is not None:
            self._coming.cancel()
            await asyncio.gather(self._coming, return_exceptions=True)

    def _up_to_end(self, partition: int, records: Iterator[R]) -> list[R]:
        found, end = list(records), self._ends[partition]
        if found and found[-1].offset >= end:
            return [record for record in found if record.offset < end]
        return found

    def _ask(self) -> "asyncio.Task[list[Fetched]] | None":
        """None when every partition stands at its end."""
        behind = {
            partition: offset for partition, offset in self._next.items() if offset < self._ends[partition]
        }
        return asyncio.create_task(self._answered(behind)) if behind else None

    async def _answered(self, behind: dict[int, int]) -> list[Fetched]:
        """What lies there, which is something. KafkaTimeoutError when no broker has given any in time."""
        try:
            async with asyncio.timeout(READ_SECONDS_MAX):
                while not (found := await self._fetcher.fetch(behind)):
                    pass
        except TimeoutError:
            raise KafkaTimeoutError(f"no broker answered within {READ_SECONDS_MAX:.0f} s") from None
        return found


def _whole(record: Record) -> TopicRecord:
    return TopicRecord(
        offset=record.offset, key=record.key, value=record.value or b"", headers=dict(record.headers)
    )


@asynccontextmanager
async def open_reading(
    bootstrap: Bootstrap, topic: str, *, from_end: bool = False, only: Collection[int] | None = None
) -> AsyncIterator[Reading]:
    """Reads a topic from the beginning, or from its current end; `only` these partitions. TopicError when the
    topic, or one of the partitions, does not exist."""
    async with open_client(bootstrap) as client:
        fetcher = Fetcher(client, topic)
        if not fetcher.partitions:
            raise TopicError(f"topic {topic} does not exist")
        partitions = sorted(fetcher.partitions if only is None else only)
        if not fetcher.partitions.issuperset(partitions):
            raise TopicError(f"topic {topic} has {len(fetcher.partitions)} partitions")
        ends = await fetcher.offsets(partitions, LATEST)
        begins = dict(ends) if from_end else await fetcher.offsets(partitions, EARLIEST)
        reading = Reading(fetcher, begins, ends)
        try:
            yield reading
        finally:
            await reading.end()


async def partition_count(bootstrap: Bootstrap, topic: str) -> int:
    """TopicError when the topic does not exist."""
    async with open_client(bootstrap) as client:
        count = len(Fetcher(client, topic).partitions)
    if not count:
        raise TopicError(f"topic {topic} does not exist")
    return count
