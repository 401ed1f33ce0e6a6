"""The events of one agreement as the journal holds them, for what its parties take away."""

from collections.abc import Collection
from uuid import UUID

from events.codec import decode_event
from events.connections import Connection
from events.envelope import Recorded

# An agreement is the key of its events, whichever they are.
READ = """
select body, chain from record.journal
where stream = 'contracts' and lane = $1 and key = $2 and type = any($3::text[])
order by position
"""


async def load_events(
    connection: Connection, lane: int, agreement: UUID, types: Collection[str]
) -> list[Recorded]:
    """Of these types, in order."""
    rows = await connection.fetch(READ, lane, str(agreement), list(types))
    return [decode_event(row["body"], row["chain"]) for row in rows]
