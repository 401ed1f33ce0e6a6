"""Messages to webhooks and their outcomes: `ops.webhook_message`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from events.connections import Connection
from events.decision import LaneKey
from market.rules.streams.partner_lines import PartnerLine
from market.rules.streams.webhook_signing import TEST_TYPE
from market.store.feed_blocks import lines_of
from market.store.reading import Page, page

State = Literal["waiting", "delivered", "given_up"]
TRIES_KEPT = 20
TESTS_WAITING_MAX = 5


class Try(Struct, frozen=True, kw_only=True):
    """An attempt that ended at `at`: the status answered, or why there was none; how long the receiver asked
    for."""

    at: datetime
    milliseconds: int
    status: int | None = None
    error: str | None = None
    asked_seconds: int = 0

    @property
    def delivered(self) -> bool:
        return self.error is None


class Message(Struct, frozen=True, kw_only=True):
    """`position` None: a test. `tries` are the newest ones, oldest first; `attempts` those since it was last
    asked for."""

    message: UUID
    webhook: UUID
    event: UUID
    type: str
    stream: str | None
    lane: int | None
    position: int | None
    audience: UUID | None
    state: State
    attempts: int
    not_before: datetime
    created_at: datetime
    changed_at: datetime
    tries: tuple[Try, ...]

    @property
    def is_test(self) -> bool:
        return self.type == TEST_TYPE


class Waiting(Struct, frozen=True, kw_only=True):
    """Of the messages that wait: how many there are, and the one whose time comes first."""

    count: int
    first: Message
    due_in_seconds: float


# A line that was posted before takes its row again: a message is known by its event.
RECORD_LINES = """
insert into ops.webhook_message as m (
    message, webhook, organisation, event, type, stream, lane, position, audience,
    state, attempts, not_before, created_at, changed_at, tries
)
select f.message, webhook, organisation, f.event, f.type, f.stream, f.lane, f.position, f.audience,
    f.state, 1, clock_timestamp() + make_interval(secs => f.pause_seconds), clock_timestamp(),
    clock_timestamp(), f.tries
from ops.webhook_sender, unnest(
    $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::uuid[], $9::text[],
    $10::float8[], $11::jsonb[]
) as f (message, event, type, stream, lane, position, audience, state, pause_seconds, tries)
where webhook = $1
on conflict (webhook, event) do update set
    state = excluded.state, attempts = 1, not_before = excluded.not_before, changed_at = excluded.changed_at,
    tries = case when jsonb_array_length(m.tries) >= $12 then m.tries - 0 else m.tries end || excluded.tries
"""

RECORD_AGAIN = """
update ops.webhook_message m set
    state = $2, attempts = attempts + 1, not_before = clock_timestamp() + make_interval(secs => $3),
    changed_at = clock_timestamp(),
    tries = case when jsonb_array_length(m.tries) >= $5 then m.tries - 0 else m.tries end || $4::jsonb
where message = $1
"""


# The same again takes the place of the last: what its receiver answered is kept.
PUT_OFF = """
update ops.webhook_message m set
    not_before = clock_timestamp() + make_interval(secs => $2), changed_at = clock_timestamp(),
    tries = case
        when m.tries -> -1 ->> 'error' = $3::jsonb -> 0 ->> 'error' then m.tries - -1
        when jsonb_array_length(m.tries) >= $4 then m.tries - 0
        else m.tries
    end || $3::jsonb
where message = $1
"""


class Posted(Struct, frozen=True, kw_only=True):
    """A line and what came of its first attempt; `message` is the row's id when there was none."""

    message: UUID
    line: PartnerLine
    attempt: Try
    state: State
    pause_seconds: float


async def record_lines(connection: Connection, webhook: UUID, posted: Sequence[Posted]) -> None:
    """Each event once."""
    lines = [each.line for each in posted]
    await connection.execute(
        RECORD_LINES,
        webhook,
        [each.message for each in posted],
        [line.event for line in lines],
        [line.type for line in lines],
        [line.stream for line in lines],
        [line.lane for line in lines],
        [line.position for line in lines],
        [line.audience for line in lines],
        [each.state for each in posted],
        [each.pause_seconds for each in posted],
        [_encoded(each.attempt) for each in posted],
        TRIES_KEPT,
    )


async def record_again(
    connection: Connection, message: UUID, state: State, attempt: Try, pause_seconds: float
) -> None:
    """Stores the outcome of another attempt."""
    await connection.execute(RECORD_AGAIN, message, state, pause_seconds, _encoded(attempt), TRIES_KEPT)


async def put_off(connection: Connection, message: UUID, unread: Try, pause_seconds: float) -> None:
    """Postpones a message; without a post it does not count as an attempt."""
    await connection.execute(PUT_OFF, message, pause_seconds, _encoded(unread), TRIES_KEPT)


def _encoded(attempt: Try) -> str:
    return msgspec.json.encode([attempt]).decode()


READ_WAITING = """
select m.*, count(*) over () as waiting,
    extract(epoch from not_before - clock_timestamp())::float8 as due_in_seconds
from ops.webhook_message m
where webhook = $1 and state = 'waiting' and (not $2 or type = $3)
order by not_before
limit 1
"""


async def read_waiting(connection: Connection, webhook: UUID, *, tests_only: bool) -> Waiting | None:
    row = await connection.fetchrow(READ_WAITING, webhook, tests_only, TEST_TYPE)
    if row is None:
        return None
    return Waiting(count=row["waiting"], first=_message(row), due_in_seconds=row["due_in_seconds"])


# The row that holds the place, if any does: rows of an audience do not overlap.
READ_ROW = """
select * from feed
where lane = $1 and stream = $2 and position >= $3 and audience = $4
order by position
limit 1
"""


async def read_line(connection: Connection, message: Message) -> PartnerLine | None:
    """The line of a message that is no test; None: it is no longer kept."""
    row = await connection.fetchrow(
        READ_ROW, message.lane, message.stream, message.position, message.audience
    )
    lines = [] if row is None else lines_of(row)
    return next((line for line in lines if line.position == message.position), None)


INSERT_TEST = """
insert into ops.webhook_message (
    message, webhook, organisation, event, type, state, attempts, not_before, created_at, changed_at, tries
)
select $1, webhook, organisation, $2, $3, 'waiting', 0, clock_timestamp(), clock_timestamp(),
    clock_timestamp(), '[]'
from ops.webhook_sender where webhook = $4 and $5 > (
    select count(*) from ops.webhook_message where webhook = $4 and state = 'waiting' and type = $3
)
returning *
"""


async def insert_test(connection: Connection, message: UUID, webhook: UUID, event: UUID) -> Message | None:
    """None while TESTS_WAITING_MAX wait."""
    row = await connection.fetchrow(INSERT_TEST, message, event, TEST_TYPE, webhook, TESTS_WAITING_MAX)
    return None if row is None else _message(row)


REDELIVER = """
update ops.webhook_message set state = 'waiting', attempts = 0, not_before = clock_timestamp(),
    changed_at = clock_timestamp()
where message = $1 and webhook = $2
returning *
"""


async def redeliver(connection: Connection, webhook: UUID, message: UUID) -> Message | None:
    """Has a message posted again as soon as possible. None: there is no such message."""
    row = await connection.fetchrow(REDELIVER, message, webhook)
    return None if row is None else _message(row)


COUNT_WAITING = "select count(*) from ops.webhook_message where webhook = $1 and state = 'waiting'"


async def count_waiting(connection: Connection, webhook: UUID) -> int:
    return int(await connection.fetchval(COUNT_WAITING, webhook))


# Beside the newest, what waits: a message that fails is tried again long after newer ones came through.
READ_LAST_TRY = """
select tries from (
    (select tries from ops.webhook_message where webhook = $1 order by message desc limit $2)
    union all
    (select tries from ops.webhook_message where webhook = $1 and state = 'waiting')
) m
where tries <> '[]'
order by (tries -> -1 ->> 'at')::timestamptz desc limit 1
"""


async def last_try(connection: Connection, webhook: UUID, *, newest: int) -> Try | None:
    """The last attempt at one of the `newest` messages, or at one that waits."""
    tries = await connection.fetchval(READ_LAST_TRY, webhook, newest)
    return None if tries is None else _tries.decode(tries)[-1]


READ_ONE = "select * from ops.webhook_message where webhook = $1 and message = $2"


async def load(connection: Connection, webhook: UUID, message: UUID) -> Message | None:
    row = await connection.fetchrow(READ_ONE, webhook, message)
    return None if row is None else _message(row)


READ_PAGE = """
select * from ops.webhook_message
where webhook = $1 and ($2::uuid is null or message < $2) and ($3::text is null or state = $3)
order by message desc limit $4
"""


async def list_messages(
    connection: Connection, webhook: UUID, *, state: State | None, after: UUID | None, limit: int
) -> Page[Message]:
    """The newest first."""
    rows = await connection.fetch(READ_PAGE, webhook, after, state, limit + 1)
    return page([_message(row) for row in rows], limit)


# Whom it is worth to look after now: something waits and may be posted, a range is asked for, it was changed.
READ_BUSY = """
select m.webhook
from ops.webhook_message m join ops.webhook_sender s using (webhook) join webhook w using (webhook)
where s.owner = $1 and m.state = 'waiting' and m.not_before <= clock_timestamp()
    and (m.type = $2 or (w.active and coalesce(s.not_before, '-infinity') <= clock_timestamp()))
union
select p.webhook
from ops.webhook_place p join ops.webhook_sender s using (webhook) join webhook w using (webhook)
where s.owner = $1 and p.again and w.active and coalesce(s.not_before, '-infinity') <= clock_timestamp()
union
select s.webhook from ops.webhook_sender s join webhook w using (webhook)
where s.owner = $1 and s.version < w.version
"""


async def read_busy(connection: Connection, owner: str) -> list[UUID]:
    rows = await connection.fetch(READ_BUSY, owner, TEST_TYPE)
    return [row["webhook"] for row in rows]


DROP_OLD = """
delete from ops.webhook_message where message in (
    select message from ops.webhook_message
    where state <> 'waiting' and changed_at < clock_timestamp() - make_interval(days => $1)
    limit $2
)
"""


async def drop_old(connection: Connection, *, days: int, rows_max: int) -> int:
    """Of messages that are done; how many there were."""
    status = await connection.execute(DROP_OLD, days, rows_max)
    return int(status.rpartition(" ")[2])


# Whose lines have grown since: the primary key's own order.
READ_AUDIENCES = """
select distinct f.audience
from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) as l (stream, lane, after, upto)
join feed f on f.stream = l.stream and f.lane = l.lane and f.position > l.after and f.position <= l.upto
"""


async def read_audiences(connection: Connection, ranges: Sequence[tuple[LaneKey, int, int]]) -> set[UUID]:
    """Who has lines behind one position of a lane and up to another."""
    rows = await connection.fetch(
        READ_AUDIENCES,
        [key.stream for key, _, _ in ranges],
        [key.lane for key, _, _ in ranges],
        [after for _, after, _ in ranges],
        [upto for _, _, upto in ranges],
    )
    return {row["audience"] for row in rows}


_tries = msgspec.json.Decoder(tuple[Try, ...])


def _message(row: asyncpg.Record) -> Message:
    found: dict[str, Any] = {name: row[name] for name in Message.__struct_fields__ if name != "tries"}
    return Message(tries=_tries.decode(row["tries"]), **found)
