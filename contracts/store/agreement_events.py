"""The events of one agreement as the journal holds them, for what its parties take away."""

from collections.abc import Collection
from uuid import UUID

from events.codec import decode_event
from events.connections import Connection
from events.envelope import Recorded

# Where the agreement was drafted, its lane begins for it.
READ_DRAFTED = "select position from agreement_proposal where agreement = $1 and proposal = 1"

# A lane has no index by agreement: one pass over its rows since the draft, in which only bodies of the
# wanted types are looked into.
READ = """
select j.body, j.chain from record.journal j
where j.stream = 'contracts' and j.lane = $1 and j.position >= $2 and j.type = any($3::text[])
    and position($4::bytea in j.body) > 0
order by j.position
"""


async def drafted_at(connection: Connection, agreement: UUID) -> int:
    """The position of the draft. LookupError when there is none."""
    position: int | None = await connection.fetchval(READ_DRAFTED, agreement)
    if position is None:
        raise LookupError(f"agreement {agreement}: no draft")
    return position


async def load_events(
    connection: Connection, lane: int, agreement: UUID, since: int, types: Collection[str]
) -> list[Recorded]:
    """Of these types from a position on, in order."""
    rows = await connection.fetch(READ, lane, since, list(types), str(agreement).encode())
    events = [decode_event(row["body"], row["chain"]) for row in rows]
    return [event for event in events if getattr(event.data, "agreement", None) == agreement]
