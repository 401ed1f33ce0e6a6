"""What the parties stream has said of one organisation, as the journal holds it."""

from uuid import UUID

from events.codec import decode_event
from events.connections import Connection
from events.envelope import Recorded
from events.vocabulary import Instant

# An organisation is the key of its events; these types are those of an index of their own.
# `offset 0` keeps their order from being looked for in the whole lane.
READ_REGISTRATIONS = """
select body, chain from (
    select position, body, chain from record.journal
    where stream = 'parties' and lane = $1 and key = $2
    and type in ('parties.organisation.registered.v1', 'parties.organisation.changed.v1')
    offset 0
) registrations
order by position
"""


async def registered_at(
    connection: Connection, lane: int, organisation: UUID, at: Instant
) -> Recorded | None:
    """The event by which it was registered, or changed last, as of then; None for what came later."""
    rows = await connection.fetch(READ_REGISTRATIONS, lane, str(organisation))
    events = [decode_event(row["body"], row["chain"]) for row in rows]
    return next((event for event in reversed(events) if event.time <= at), None)
