"""How long pending work has waited for a process: due timers, imported files, webhooks."""

from datetime import datetime, timedelta
from typing import Any, Final

from events.connections import Connection
from events.timetable import Found
from market.store.due import due_expiries, due_lapses

_NOTHING: Final = timedelta()


async def longest_due(connection: Connection, now: datetime) -> dict[str, timedelta]:
    """By kind of what timers do, for how long the oldest order or match has been due; zero when none is."""
    found: dict[str, Found[Any]] = {
        "expiry": await due_expiries(connection, now, 1),
        "lapse": await due_lapses(connection, now, 1),
    }
    return {kind: now - due.reached.time if due.places else _NOTHING for kind, due in found.items()}


OLDEST_IMPORT = "select min(created_at) from ops.import where state in ('waiting', 'checking', 'storing')"


async def oldest_import_at(connection: Connection) -> datetime | None:
    """When the oldest file was handed in that is whole and not worked off."""
    found: datetime | None = await connection.fetchval(OLDEST_IMPORT)
    return found


# A failing sender pauses: its waiting messages are due when the pause is over.
OLDEST_MESSAGE = """
select extract(epoch from clock_timestamp() - min(greatest(m.not_before, s.not_before)))::float8
from ops.webhook_message m
join ops.webhook_sender s using (webhook)
join webhook w using (webhook)
where m.state = 'waiting' and w.active and not w.removed
  and greatest(m.not_before, s.not_before) <= clock_timestamp()
"""

UNSERVED = """
select count(*) from webhook w left join ops.webhook_sender s using (webhook)
where not w.removed and w.active and (
    s.leased_until is null
    or s.leased_until not between clock_timestamp() and clock_timestamp() + interval '2 minutes'
)
"""


async def oldest_message_seconds(connection: Connection) -> float:
    """For how long the oldest message to a webhook has been due; 0 when none is."""
    return float(await connection.fetchval(OLDEST_MESSAGE) or 0)


async def unserved_webhooks(connection: Connection) -> int:
    """Active webhooks to which no process posts now."""
    return int(await connection.fetchval(UNSERVED))
