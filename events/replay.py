"""Feeds a range of the record, from journal or topic, to whoever asks; takes lost events back from Kafka."""

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

from events.chain import genesis, next_head
from events.codec import Undecodable, decode_envelope, decode_event
from events.connections import Connection, Consumer, Pool, acquire
from events.decision import LaneKey
from events.envelope import Recorded
from events.heads import Apply
from events.journal import JournalRow, copy_rows, read_head, read_rows
from events.topics import record_topic, topic_records
from events.writes import send

CHUNK_EVENTS = 1_000
LAST = 2**62


class BrokenRecord(Exception):
    """A hole, a fork, an edit or an undecodable event: the range cannot be fed any further."""


async def from_journal(
    pool: Pool, key: LaneKey, *, after: int = 0, upto: int = LAST, chunk: int = CHUNK_EVENTS
) -> AsyncIterator[Sequence[Recorded]]:
    """Events of a lane after a position, up to and with another, in order; each chunk's chain is verified.

    Only bodies and chain of the range are trusted to lie in the journal. Raises BrokenRecord.
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
    """As `from_journal`, from Kafka alone: read from the first event, verified, repeats left out."""
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
    """Recovery of a journal that is older than its topic: appends what only Kafka holds, with its effects.

    Bytes, positions and chain are Kafka's own. Returns the number of events. BrokenRecord when the topic does
    not continue the journal: there are two histories. Idempotency keys of those events are not restored.
    """
    async with acquire(pool) as connection:
        last, head = await read_head(connection, key)
    restored = 0
    async for records in topic_records(consumer, record_topic(topic_prefix, key.stream), key.lane):
        events: list[Recorded] = []
        rows: list[JournalRow] = []
        for record in records:
            where = f"topic of {key.stream}/{key.lane}, offset {record.offset}"
            after = next_head(head, record.body)
            event = _decode(record.body, after, where)
            if event.position <= last:
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
