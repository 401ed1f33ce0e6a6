"""Partner topics, written with the publisher lane by lane; a newly opened topic first gets all earlier lines.

A topic is `live` on a lane once it contains everything that the publisher has passed there. From then on it
gets each batch before the publisher's position moves. Joining and batches of a lane exclude each other, and
only the lane's owner may let a topic join, so no topic can miss a line.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

import structlog
from msgspec import Struct

from events.connections import DATABASE_ERRORS, Pool, acquire
from events.decision import LaneKey
from events.faults import crash_point
from events.publishing import (
    MessageKind,
    NotPublished,
    Place,
    TopicWriter,
    message_kind,
    moment,
    written_event,
)
from events.record_batches import (
    SHORT,
    SHORTS,
    WrittenRecord,
    header_name,
    varint,
    written_headers,
    written_text,
)
from events.replay import BrokenRecord, from_journal
from market.damaged_feed import tell
from market.metrics import PARTNER_RECORDS
from market.rules.streams.partner_events import SOURCE
from market.rules.streams.partner_lines import ALL, PartnerLine, ShownLane
from market.rules.streams.streams import partner_topic
from market.store import feed, feed_pages, outlets, party_reads
from market.store.feed_blocks import BlockDamaged
from market.topics import TopicError

log = structlog.get_logger("lodestone.publisher")

RETRY_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 1.0
CHUNK_LINES: Final = 500
JOINING_MAX: Final = 32


Records: TypeAlias = dict[Place, list[WrittenRecord]]


class Live(Struct, eq=False):
    """The live topics of a lane, by organisation, and how often they have changed. `by_number`: the same by
    the ids' integers, which are hashed in C."""

    places: dict[UUID, Place]
    by_number: dict[int, Place] = {}
    changes: int = 0

    def __post_init__(self) -> None:
        self.by_number = {each.int: place for each, place in self.places.items()}

    def join(self, places: Mapping[UUID, Place]) -> None:
        self.places |= places
        self._changed()

    def leave(self, organisations: Iterable[UUID]) -> None:
        for organisation in organisations:
            self.places.pop(organisation, None)
        self._changed()

    def _changed(self) -> None:
        self.by_number = {each.int: place for each, place in self.places.items()}
        self.changes += 1


class WrittenLines(NamedTuple):
    """Lines of a lane, and their records for the topics that were live at a number of changes."""

    lines: Sequence[PartnerLine]
    live: Live
    changes: int
    records: Records


def together(parts: Iterable[Records]) -> Records:
    """The same records, by topic and partition in the order of the parts."""
    found: Records = {}
    for part in parts:
        for place, records in part.items():
            if place in found:
                found[place] += records
            else:
                found[place] = list(records)
    return found


async def publish_until_taken(topics: TopicWriter, records: Records) -> None:
    """Retries until Kafka has the records, since an absent Kafka is no fault of the lane."""
    while records:
        try:
            await topics.publish_written(records)
        except NotPublished:
            await asyncio.sleep(RETRY_SECONDS)
        else:
            return


class PartnerTopics:
    """The partner topics of one process, for all lanes that its publisher holds."""

    def __init__(
        self,
        pool: Pool,
        topics: TopicWriter,
        create_topic: Callable[[str], Awaitable[None]],
        *,
        owner: str,
        topic_prefix: str = "",
    ) -> None:
        """`owner` is the publisher's own; `create_topic` creates a missing topic by name."""
        self._pool = pool
        self._topics = topics
        self._create_topic = create_topic
        self._owner = owner
        self._prefix = topic_prefix
        self._live: dict[LaneKey, Live] = {}
        self._turns: dict[LaneKey, asyncio.Lock] = {}
        self._made: set[UUID] = set()

    async def opened(self, key: LaneKey) -> None:
        """The publisher has taken the lane, or retries it; waits while a topic joins or leaves there."""
        async with self.holding(key), acquire(self._pool) as connection:
            self._live[key] = Live(self._places(await outlets.live_on(connection, key)))

    def closed(self, key: LaneKey) -> None:
        """The publisher has released the lane: its live topics are read again when it returns."""
        self._live.pop(key, None)

    @asynccontextmanager
    async def holding(self, key: LaneKey) -> AsyncIterator[None]:
        """Held while the publisher passes a batch, so that no topic joins or leaves the lane."""
        async with self._turns.setdefault(key, asyncio.Lock()):
            yield

    def write(self, key: LaneKey, lines: Sequence[PartnerLine]) -> WrittenLines:
        """Writes records for every topic that is live on the lane now."""
        live, records, of_lane = self._live[key], Records(), _headers_of(key)
        by_number, places, everybody = live.by_number, live.places, list[Place]()
        for line in lines:
            audience = line.audience.int
            if audience:
                place = by_number.get(audience)
                if place is not None:
                    found = records.get(place)
                    if found is None:
                        found = records[place] = []
                    found.append(_own_record(line, of_lane))
                continue
            everybody = everybody or [places[organisation] for organisation in sorted(places)]
            if everybody:
                record = _record(line)
                for place in everybody:
                    records.setdefault(place, []).append(record)
        return WrittenLines(lines, live, live.changes, records)

    async def publish(self, key: LaneKey, parts: Iterable[WrittenLines]) -> None:
        """Returns when Kafka has them on every topic that is live on the lane, which the caller is `holding`;
        if others became live meanwhile, they are written again."""
        live = self._live[key]
        fresh = [
            part if part.live is live and part.changes == live.changes else self.write(key, part.lines)
            for part in parts
        ]
        await self._send(together(part.records for part in fresh))

    async def run(self, stop: asyncio.Event) -> None:
        """Lets opened topics join and closed ones leave."""
        while not stop.is_set():
            try:
                await self._look()
            except (TopicError, NotPublished, BrokenRecord, *DATABASE_ERRORS) as error:
                log.warning("partner_topics_wait", error=repr(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_SECONDS)

    async def _look(self) -> None:
        async with acquire(self._pool) as connection:
            wanted = await party_reads.open_streams(connection)
            owned = await outlets.lanes_of(connection, self._owner)
        for key in owned:
            if (known := self._live.get(key)) is None:
                continue
            missing = sorted(wanted - known.places.keys())
            for start in range(0, len(missing), JOINING_MAX):
                await self._join(key, known, missing[start : start + JOINING_MAX])
            if closed := sorted(known.places.keys() - wanted):
                async with self.holding(key):
                    await self._settle(key, known, closed, live=False)

    async def _join(self, key: LaneKey, known: Live, organisations: Sequence[UUID]) -> None:
        """Sends what the topics lack of the lane, the last part while the publisher waits."""
        for organisation in organisations:
            if organisation not in self._made:
                await self._create_topic(partner_topic(self._prefix, organisation))
                self._made.add(organisation)
        async with acquire(self._pool) as connection:
            reached = await outlets.positions_on(connection, organisations, key)
        reached = await self._catch_up(key, organisations, reached)
        async with self.holding(key):
            await self._catch_up(key, organisations, reached)
            await self._settle(key, known, organisations, live=True)
        crash_point("partner.joined")

    async def _catch_up(
        self, key: LaneKey, organisations: Sequence[UUID], reached: Mapping[UUID, int]
    ) -> dict[UUID, int]:
        """Sends the lines after the positions in `reached`; returns the new positions."""
        async with acquire(self._pool) as connection:
            end = (await feed.read_ends(connection)).get(key, 0)
        for organisation in organisations:
            position = reached.get(organisation, 0)
            while position < end:
                position = await self._next_lines(key, organisation, position, end)
        return {organisation: max(end, reached.get(organisation, 0)) for organisation in organisations}

    async def _next_lines(self, key: LaneKey, organisation: UUID, position: int, end: int) -> int:
        """Sends the topic the next lines after `position`; returns up to where it then has the lane."""
        async with acquire(self._pool) as connection:
            try:
                lines = await feed_pages.read(
                    connection, organisation, after={key: position}, upto={key: end}, limit=CHUNK_LINES
                )
            except BlockDamaged as damaged:
                tell(damaged)
                return await self._dropped_lines(key, organisation, position, min(damaged.last, end))
            floor = (await feed.read_floors(connection, organisation)).get(key, 0)
        if floor > position:
            return await self._dropped_lines(key, organisation, position, floor)
        await self._send_to(organisation, key, lines)
        crash_point("partner.caught_up")
        if not lines:
            return end
        last = lines[-1].position
        async with acquire(self._pool) as connection:
            await outlets.move(connection, [organisation], key, last, self._owner, live=False)
        return last if len(lines) == CHUNK_LINES else end

    async def _dropped_lines(self, key: LaneKey, organisation: UUID, position: int, floor: int) -> int:
        """Lines that the feed no longer has, or has damaged, are made from the record again. BrokenRecord."""
        lane = ShownLane()
        async for events in from_journal(self._pool, key, upto=floor):
            lines = [line for event in events for line in lane.step(event)]
            missed = [line for line in lines if line.position > position]
            await self._send_to(
                organisation, key, [line for line in missed if line.audience in (ALL, organisation)]
            )
        async with acquire(self._pool) as connection:
            await outlets.move(connection, [organisation], key, floor, self._owner, live=False)
        return floor

    async def _settle(self, key: LaneKey, known: Live, organisations: Sequence[UUID], *, live: bool) -> None:
        """While holding the lane: marks that the topics have reached the publisher's position; does nothing
        if the lane has, or meanwhile had, another owner."""
        async with acquire(self._pool) as connection, connection.transaction():
            end = (await feed.read_ends(connection)).get(key, 0)
            if self._live.get(key) is not known:
                return
            if not await outlets.move(connection, organisations, key, end, self._owner, live=live):
                return
        if live:
            known.join(self._places(organisations))
        else:
            known.leave(organisations)

    async def _send_to(self, organisation: UUID, key: LaneKey, lines: Sequence[PartnerLine]) -> None:
        if lines:
            of_lane = _headers_of(key)
            records = [_own_record(line, of_lane) if line.own else _record(line) for line in lines]
            await self._send({self._place(organisation): records})

    async def _send(self, records: Records) -> None:
        """Retries until Kafka has the records. A deleted topic is created again, so that no partner can stop
        a lane."""
        while records:
            try:
                await self._topics.publish_written(records)
            except NotPublished:
                await asyncio.sleep(RETRY_SECONDS)
                await self._make_again({topic for topic, _ in records})
            else:
                PARTNER_RECORDS.inc(sum(map(len, records.values())))
                return

    async def _make_again(self, topics: Iterable[str]) -> None:
        for topic in sorted(topics):
            with suppress(TopicError):
                await self._create_topic(topic)

    def _places(self, organisations: Iterable[UUID]) -> dict[UUID, Place]:
        return {each: self._place(each) for each in organisations}

    def _place(self, organisation: UUID) -> Place:
        return partner_topic(self._prefix, organisation), 0


def _record(line: PartnerLine) -> WrittenRecord:
    """Of a line for all: the same on every topic."""
    subject = written_text(line.subject.encode())
    return written_event(subject, line.event, _kind(line.type), subject, moment(line.time), line.body)


def _own_record(line: PartnerLine, of_lane: bytes) -> WrittenRecord:
    subject, position = line.subject.encode(), b"%d" % line.position
    size = len(subject)
    subject = (SHORT[size] if size < SHORTS else varint(size)) + subject
    place = of_lane + SHORT[len(position)] + position
    kind = _own_kind(line.type)
    return written_event(subject, line.event, kind, subject, moment(line.time), line.body, place)


@lru_cache(maxsize=1_024)
def _kind(name: str) -> MessageKind:
    return message_kind(name, SOURCE)


@lru_cache(maxsize=1_024)
def _own_kind(name: str) -> MessageKind:
    """Of lines that tell their place."""
    return message_kind(name, SOURCE, len(("ce_stream", "ce_lane", "ce_position")))


@lru_cache(maxsize=1_024)
def _headers_of(lane: LaneKey) -> bytes:
    """With the name of the header that tells the position."""
    shared = written_headers([("ce_stream", lane.stream.encode()), ("ce_lane", b"%d" % lane.lane)])
    return shared.written + header_name("ce_position")
