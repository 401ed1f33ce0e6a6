"""Snapshots of readers' memory at a position of a lane: table `ops.snapshot`, the newest of each."""

from hashlib import sha256
from typing import Any

import msgspec
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

# The first of so many events stays; the body does not come from the reader a second time.
KEEP = """
insert into ops.snapshot as s (name, stream, lane, position, format, body)
select $2, stream, lane, position, format, body from ops.snapshot n
where name = $1 and stream = $3 and lane = $4 and not exists (
    select from ops.snapshot k
    where k.name = $2 and k.stream = n.stream and k.lane = n.lane and k.format = n.format
)
on conflict (name, stream, lane) do update set
    position = excluded.position, format = excluded.format, body = excluded.body
"""

# Of those that stay, whose names begin alike: few of a lane, and asked for when an old position is.
LOAD_BEFORE = """
select position, format, body from ops.snapshot
where name like $1 || '/%' and stream = $2 and lane = $3 and format = $4 and position <= $5
order by position desc limit 1
"""

DROP = "delete from ops.snapshot where name = $1 and stream = $2 and lane = $3"


def format_of(shape: Any) -> str:
    """The format of snapshots of that shape. It does not depend on docstrings: else every reader would fold
    its lanes from their first events when one is reworded."""
    schema = msgspec.json.encode(_unworded(msgspec.json.schema(shape)), order="deterministic")
    return f"msgpack {sha256(schema).hexdigest()[:16]}"


def _unworded(schema: Any) -> Any:
    if isinstance(schema, dict):
        kept = ((key, each) for key, each in schema.items() if key != "description" or type(each) is not str)
        return {key: _unworded(each) for key, each in kept}
    return [_unworded(each) for each in schema] if isinstance(schema, list) else schema


async def save(connection: Connection, name: str, key: LaneKey, snapshot: Snapshot) -> None:
    """Stores a snapshot, in the transaction that moves the reader's position there, or later."""
    await connection.execute(
        SAVE, name, key.stream, key.lane, snapshot.position, snapshot.format, snapshot.body
    )


async def load(connection: Connection, name: str, key: LaneKey) -> Snapshot | None:
    row = await connection.fetchrow(LOAD, name, key.stream, key.lane)
    return None if row is None else Snapshot(**row)


async def keep(connection: Connection, name: str, kept: str, key: LaneKey) -> None:
    """The newest of `name` once more as `name/kept`, where there is none in its format."""
    await connection.execute(KEEP, name, f"{name}/{kept}", key.stream, key.lane)


async def load_before(
    connection: Connection, name: str, key: LaneKey, known: str, upto: int
) -> Snapshot | None:
    """The last one of `name/…` in the format `known` that does not pass the position."""
    row = await connection.fetchrow(LOAD_BEFORE, name, key.stream, key.lane, known, upto)
    return None if row is None else Snapshot(**row)


async def drop(connection: Connection, name: str, key: LaneKey) -> None:
    await connection.execute(DROP, name, key.stream, key.lane)
