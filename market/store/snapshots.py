"""What a reader holds in memory at a position of its lane: table `ops.snapshot`, the newest of each."""

from msgspec import Struct

from events.connections import Connection
from events.decision import LaneKey


class Snapshot(Struct, frozen=True, kw_only=True):
    """`format` names what the bytes are; a reader that does not know it starts from the first event."""

    position: int
    format: str
    body: bytes


# A snapshot never goes back.
SAVE = """
insert into ops.snapshot as s (name, stream, lane, position, format, body) values ($1, $2, $3, $4, $5, $6)
on conflict (name, stream, lane) do update set
    position = excluded.position, format = excluded.format, body = excluded.body
where s.position <= excluded.position or s.format <> excluded.format
"""

LOAD = "select position, format, body from ops.snapshot where name = $1 and stream = $2 and lane = $3"

DROP = "delete from ops.snapshot where name = $1 and stream = $2 and lane = $3"


async def save(connection: Connection, name: str, key: LaneKey, snapshot: Snapshot) -> None:
    """In the transaction that moves the reader's position there, or after it."""
    await connection.execute(
        SAVE, name, key.stream, key.lane, snapshot.position, snapshot.format, snapshot.body
    )


async def load(connection: Connection, name: str, key: LaneKey) -> Snapshot | None:
    row = await connection.fetchrow(LOAD, name, key.stream, key.lane)
    return None if row is None else Snapshot(**row)


async def drop(connection: Connection, name: str, key: LaneKey) -> None:
    await connection.execute(DROP, name, key.stream, key.lane)
