"""Reads ranges of the record from journal or topic; recovers lost events from Kafka."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from events.chain import genesis, next_head
from events.codec import Undecodable, decode_envelope, decode_event
from events.connections import Connection, Consumer, Pool, acquire
from events.decision import LaneKey
from events.envelope import Recorded
from events.heads import Apply
from events.journal import JournalRow, copy_rows, read_body_hashes, read_head, read_rows
from events.merkle import Frontier, leaf_hash
from events.topics import record_topic, topic_records
from events.writes import send

CHUNK_EVENTS = 1_000
LAST = 2**62


class BrokenRecord(Exception):
    """A gap, a fork, an edit or an undecodable event: the range cannot be read any further."""


class History:
    """Checks a lane's bodies from the first one on, against their chain and the signed roots.

    `roots` by number of events; `sealed`: the largest of these numbers that was reached.
    """

    def __init__(self, key: LaneKey, deployment_id: UUID, roots: Mapping[int, bytes]) -> None:
        self._key = key
        self._roots = roots
        self._tree = Frontier()
        self.head = genesis(deployment_id, key.stream, key.lane)
        self.sealed = 0

    @property
    def position(self) -> int:
        return self._tree.size

    def take(self, body: bytes, chain: bytes | None) -> None:
        """Takes the next body and its claimed chain hash. BrokenRecord when they do not match."""
        head = next_head(self.head, body)
        self._tree.append(leaf_hash(body))
        if chain != head:
            raise BrokenRecord(f"{self._where()} does not continue the chain")
        signed = self._roots.get(self.position)
        if signed is not None:
            if signed != self._tree.root():
                raise BrokenRecord(
                    f"the events up to {self._where()} are not those over which a head was signed"
                )
            self.sealed = self.position
        self.head = head

    def end(self) -> None:
        """BrokenRecord when events under a signed head are missing."""
        last = max(self._roots, default=0)
        if self.position < last:
            raise BrokenRecord(f"{self._where()} is the last, and a head over {last} events was signed")

    def _where(self) -> str:
        return f"{self._key.stream}/{self._key.lane}, position {self.position}"


async def check_journal(
    connection: Connection, key: LaneKey, deployment_id: UUID, roots: Mapping[int, bytes]
) -> History:
    """Hashes a whole lane of the journal and compares it with the signed roots; decodes nothing. Raises
    BrokenRecord."""
    history = History(key, deployment_id, roots)
    last, head = await read_head(connection, key)
    while rows := await read_rows(connection, key, history.position, last, CHUNK_EVENTS):
        for row in rows:
            history.take(row.body, row.chain)
    if (history.position, history.head) != (last, head):
        raise BrokenRecord(
            f"journal {key.stream}/{key.lane}: position {history.position + 1} is missing or was changed"
        )
    history.end()
    return history


async def from_journal(
    pool: Pool, key: LaneKey, *, after: int = 0, upto: int = LAST, chunk: int = CHUNK_EVENTS
) -> AsyncIterator[Sequence[Recorded]]:
    """Events of a lane after position `after`, up to and including `upto`, in order; the chain of each chunk
    is verified.

    Reads only bodies and chain hashes of the range. Raises BrokenRecord.
    """
    async with acquire(pool) as connection:
        head = await _head_at(connection, key, after)
    while after < upto:
        async with acquire(pool) as connection:
            rows = await read_rows(connection, key, after, upto, chunk)
        if not rows:
            return
        events: list[Recorded] = []
        for row in rows:
            head = next_head(head, row.body)
            after += 1
            if row.position != after or row.chain != head:
                raise BrokenRecord(
                    f"journal {key.stream}/{key.lane}: position {after} is missing or was changed"
                )
            events.append(_decode(row.body, head, f"journal {key.stream}/{key.lane}/{row.position}"))
        yield events


async def _head_at(connection: Connection, key: LaneKey, position: int) -> bytes:
    if position == 0:
        deployment_id = await connection.fetchval("select deployment_id from record.deployment")
        return genesis(deployment_id, key.stream, key.lane)
    rows = await read_rows(connection, key, position - 1, position, 1)
    if not rows:
        raise BrokenRecord(f"journal {key.stream}/{key.lane}: position {position} is missing")
    return rows[0].chain


def _decode(body: bytes, head: bytes, where: str) -> Recorded:
    try:
        return decode_event(body, head)
    except Undecodable as error:
        raise BrokenRecord(f"{where} cannot be decoded: {error}") from error


async def from_topic(
    consumer: Consumer,
    key: LaneKey,
    deployment_id: UUID,
    *,
    topic_prefix: str = "",
    after: int = 0,
    upto: int = LAST,
) -> AsyncIterator[Sequence[Recorded]]:
    """As `from_journal`, from Kafka alone: reads and verifies from the first event on, leaves out repeats."""
    head, position = genesis(deployment_id, key.stream, key.lane), 0
    hashes: list[bytes] = []
    topic = record_topic(topic_prefix, key.stream)
    async for records in topic_records(consumer, topic, key.lane):
        events: list[Recorded] = []
        for record in records:
            where = f"topic {topic}, partition {key.lane}, offset {record.offset}"
            event = _decode(record.body, next_head(head, record.body), where)
            if event.position <= position:
                if hashes[event.position - 1] != event.body_hash:
                    raise BrokenRecord(f"{where}: position {event.position} has other bytes than before")
                continue
            if event.position != position + 1 or record.chain != event.chain:
                raise BrokenRecord(f"{where}: position {event.position} does not continue {position}")
            head, position = event.chain, event.position
            hashes.append(event.body_hash)
            if after < position <= upto:
                events.append(event)
        if events:
            yield events
        if position >= upto:
            return


RESTORE_HEAD = """
update record.lane set next_position = $3, head = $4, last_time = greatest(last_time, $5)
where stream = $1 and lane = $2 and next_position = $6
"""

LOCK = "select clock_timestamp() from record.lane where stream = $1 and lane = $2 for update"


async def restore_lane(
    pool: Pool, consumer: Consumer, key: LaneKey, apply: Apply, *, topic_prefix: str = ""
) -> int:
    """Recovers a journal that is older than its topic: appends the events that only Kafka has, with their
    effects.

    Bytes, positions and chain are Kafka's own. Returns the number of events. BrokenRecord when the topic
    belongs to another journal, or does not continue this one: then there are two histories. Idempotency keys
    of these events are not restored.
    """
    async with acquire(pool) as connection:
        last, head = await read_head(connection, key)
    restored = 0
    async for records in topic_records(consumer, record_topic(topic_prefix, key.stream), key.lane):
        events: list[Recorded] = []
        rows: list[JournalRow] = []
        repeats: list[Recorded] = []
        for record in records:
            where = f"topic of {key.stream}/{key.lane}, offset {record.offset}"
            after = next_head(head, record.body)
            event = _decode(record.body, after, where)
            if event.position <= last:
                repeats.append(event)
                continue
            if event.position != last + 1 or record.chain != after:
                raise BrokenRecord(f"{where}, does not continue the journal")
            last, head = event.position, after
            name = decode_envelope(record.body).type
            events.append(event)
            rows.append(JournalRow(*key, last, event.id, name, event.subject, record.body, head))
        if rows:
            await _take_back(pool, key, rows, events, apply)
            restored += len(rows)
        await _check_repeats(pool, key, repeats)
    return restored


async def _take_back(
    pool: Pool, key: LaneKey, rows: Sequence[JournalRow], events: Sequence[Recorded], apply: Apply
) -> None:
    last_time = max(event.time for event in events)
    async with acquire(pool) as connection, connection.transaction():
        locked_at = await connection.fetchval(LOCK, *key)
        await send(connection, await apply(connection, events))
        await copy_rows(connection, rows, locked_at)
        after = (rows[-1].position + 1, rows[-1].chain, last_time, rows[0].position)
        if await connection.execute(RESTORE_HEAD, *key, *after) != "UPDATE 1":
            raise BrokenRecord(f"{key.stream}/{key.lane} was written to during its restore")


class WholeLane(NamedTuple):
    """A lane recovered from its first event on: what was verified, its last event and that event's offset."""

    history: History
    last_offset: int | None
    last_event_id: UUID | None
    restored: int


async def restore_whole_lane(
    pool: Pool,
    consumer: Consumer,
    key: LaneKey,
    deployment_id: UUID,
    roots: Mapping[int, bytes],
    apply: Apply,
    *,
    topic_prefix: str = "",
) -> WholeLane:
    """Recovers a lost journal: appends every event of the topic that it lacks, with its effects. BrokenRecord
    when the topic is not a single history that matches all signed `roots` (by number of events)."""
    history = History(key, deployment_id, roots)
    async with acquire(pool) as connection:
        kept, head = await read_head(connection, key)
    last_offset, last_event_id, restored = None, None, 0
    async for records in topic_records(consumer, record_topic(topic_prefix, key.stream), key.lane):
        fresh: list[Recorded] = []
        repeats: list[Recorded] = []
        for record in records:
            where = f"topic of {key.stream}/{key.lane}, offset {record.offset}"
            event = _decode(record.body, next_head(history.head, record.body), where)
            if (event.stream, event.lane) != key or event.position > history.position + 1:
                raise BrokenRecord(f"{where}, does not continue position {history.position}")
            if event.position <= history.position:
                repeats.append(event)
                continue
            history.take(record.body, record.chain)
            last_offset, last_event_id = record.offset, event.id
            if event.position == kept and history.head != head:
                raise BrokenRecord(f"{where}: the journal holds another event at position {kept}")
            if event.position > kept:
                fresh.append(event)
        if fresh:
            rows = [
                JournalRow(
                    *key, each.position, each.id, stored_type(each), each.subject, each.body, each.chain
                )
                for each in fresh
            ]
            await _take_back(pool, key, rows, fresh, apply)
            restored += len(rows)
        await _check_repeats(pool, key, repeats)
    history.end()
    return WholeLane(history, last_offset, last_event_id, restored)


async def _check_repeats(pool: Pool, key: LaneKey, repeats: Sequence[Recorded]) -> None:
    """BrokenRecord unless each repeat equals the journal's event at its position."""
    if not repeats:
        return
    async with acquire(pool) as connection:
        hashes = await read_body_hashes(connection, key, [event.position for event in repeats])
    for event in repeats:
        if hashes[event.position] != event.body_hash:
            raise BrokenRecord(
                f"topic of {key.stream}/{key.lane}: position {event.position} has other bytes than the "
                "journal's: two histories"
            )


def stored_type(event: Recorded) -> str:
    """The type as it was written; a decoded event has the newest version of it."""
    return decode_envelope(event.body).type
