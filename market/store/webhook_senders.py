"""Which process posts to a webhook, the webhook's health, and its progress: `ops.webhook_sender`,
`ops.webhook_place`."""

from datetime import datetime
from typing import cast
from uuid import UUID

from msgspec import Struct

from events.connections import Connection
from events.decision import LaneKey
from market.rules.streams.partner_lines import ROUND_TYPES
from market.store import feed
from market.store.feed import Vector


class NotSender(Exception):
    """Another process has taken over the webhook, or it was removed."""


class SenderState(Struct, frozen=True, kw_only=True):
    """`failures` in a row since `failing_since`; nothing but a test is posted for `pause_seconds` more."""

    failures: int
    failing_since: datetime | None
    pause_seconds: float


class Health(SenderState, frozen=True, kw_only=True):
    """`redelivering`: a range is posted once more."""

    redelivering: bool


class Range(Struct, frozen=True, kw_only=True):
    """Positions that are posted once more: those behind `after` up to `upto`."""

    after: Vector
    upto: Vector


START = """
with fresh as (
    insert into ops.webhook_sender (webhook, organisation, version)
    select webhook, organisation, version from webhook w
    where not removed and not exists (select from ops.webhook_sender s where s.webhook = w.webhook)
    on conflict (webhook) do nothing returning webhook
)
select webhook, organisation, registered_at from fresh join webhook using (webhook)
"""

START_PLACES = """
insert into ops.webhook_place (webhook, again, stream, lane, position)
select $1, false, l.stream, l.lane, coalesce(f.position, 0)
from record.lane l
left join unnest($2::text[], $3::bigint[], $4::bigint[]) as f (stream, lane, position) using (stream, lane)
"""

FORGET = """
delete from ops.webhook_sender s using webhook w
where w.webhook = s.webhook and w.removed and (
    s.leased_until is null
    or s.leased_until not between clock_timestamp() and clock_timestamp() + interval '2 minutes'
)
"""

KEEP = """
update ops.webhook_sender s set leased_until = clock_timestamp() + make_interval(secs => $2)
from webhook w where s.owner = $1 and w.webhook = s.webhook and not w.removed
returning s.webhook, s.organisation
"""

# Free or expired, by the database's clock, as leases of readers are.
TAKE = """
with wanted as (
    select s.webhook from ops.webhook_sender s join webhook w using (webhook)
    where not w.removed and (
        s.owner is null
        or s.leased_until not between clock_timestamp() and clock_timestamp() + interval '2 minutes'
    )
    order by s.webhook
    limit $3
    for update of s skip locked
)
update ops.webhook_sender s set owner = $1, leased_until = clock_timestamp() + make_interval(secs => $2)
from wanted where s.webhook = wanted.webhook
returning s.webhook, s.organisation
"""

RELEASE = "update ops.webhook_sender set owner = null, leased_until = null where owner = $1"


async def start(connection: Connection) -> None:
    """A webhook without a sender gets one, whose place on each lane is before what came since it was
    registered."""
    async with connection.transaction():
        ends = await feed.read_ends(connection)
        for row in await connection.fetch(START):
            found = await feed.read_before(
                connection, row["organisation"], ends, row["registered_at"], passing=ROUND_TYPES
            )
            await connection.execute(
                START_PLACES,
                row["webhook"],
                [key.stream for key in found],
                [key.lane for key in found],
                list(found.values()),
            )


async def take(connection: Connection, owner: str, *, seconds: float, webhooks_max: int) -> dict[UUID, UUID]:
    """Make senders of new webhooks, forget those of removed ones, lease what is free.

    The organisation of each webhook that is held now.
    """
    await start(connection)
    await connection.execute(FORGET)
    rows = await connection.fetch(KEEP, owner, seconds)
    rows += await connection.fetch(TAKE, owner, seconds, max(webhooks_max - len(rows), 0))
    return {row["webhook"]: row["organisation"] for row in rows}


async def release(connection: Connection, owner: str) -> None:
    await connection.execute(RELEASE, owner)


# A changed webhook starts again without failures, since its owner may have fixed the reason.
RENEW = """
update ops.webhook_sender set version = $3, failures = 0, failing_since = null, not_before = null
where webhook = $1 and owner = $2 and version < $3
"""

RENEW_MESSAGES = """
update ops.webhook_message set not_before = clock_timestamp() where webhook = $1 and state = 'waiting'
"""

READ = """
select failures, failing_since,
    greatest(0, extract(epoch from not_before - clock_timestamp()))::float8 as pause_seconds
from ops.webhook_sender where webhook = $1 and owner = $2
"""


async def read(connection: Connection, webhook: UUID, owner: str, version: int) -> SenderState:
    """NotSender when the lease is gone."""
    if await connection.execute(RENEW, webhook, owner, version) == "UPDATE 1":
        await connection.execute(RENEW_MESSAGES, webhook)
    row = await connection.fetchrow(READ, webhook, owner)
    if row is None:
        raise NotSender
    return SenderState(
        failures=row["failures"],
        failing_since=row["failing_since"],
        pause_seconds=row["pause_seconds"] or 0.0,
    )


# Locks the sender's row, so that nobody takes it over between this and what comes of the message.
SUCCEEDED = """
update ops.webhook_sender s set failures = 0, failing_since = null, not_before = null
from webhook w where s.webhook = $1 and s.owner = $2 and w.webhook = s.webhook
returning w.version
"""

FAILED = """
update ops.webhook_sender set failures = failures + 1,
    failing_since = coalesce(failing_since, clock_timestamp()),
    not_before = clock_timestamp() + make_interval(secs => $3)
where webhook = $1 and owner = $2
returning failing_since
"""

HOLD = "select from ops.webhook_sender where webhook = $1 and owner = $2 for update"


async def note_success(connection: Connection, webhook: UUID, owner: str) -> int:
    """The version at which the webhook stands by now. NotSender when the lease is gone."""
    version = await connection.fetchval(SUCCEEDED, webhook, owner)
    if version is None:
        raise NotSender
    return cast(int, version)


async def note_failure(connection: Connection, webhook: UUID, owner: str, pause_seconds: float) -> datetime:
    """Since when nothing has succeeded. NotSender when the lease is gone."""
    since = await connection.fetchval(FAILED, webhook, owner, pause_seconds)
    if since is None:
        raise NotSender
    return cast(datetime, since)


async def hold(connection: Connection, webhook: UUID, owner: str) -> None:
    """NotSender when the lease is gone."""
    if await connection.execute(HOLD, webhook, owner) != "SELECT 1":
        raise NotSender


PLACES = "select stream, lane, position, upto from ops.webhook_place where webhook = $1 and again = $2"

MOVE = """
insert into ops.webhook_place (webhook, again, stream, lane, position)
select $1, false, * from unnest($2::text[], $3::bigint[], $4::bigint[])
on conflict (webhook, again, stream, lane) do update set position = excluded.position
"""

MOVE_AGAIN = """
update ops.webhook_place p set position = m.position
from unnest($2::text[], $3::bigint[], $4::bigint[]) as m (stream, lane, position)
where p.webhook = $1 and p.again and p.stream = m.stream and p.lane = m.lane
"""

END_RANGE = "delete from ops.webhook_place where webhook = $1 and again and position >= upto"


async def places(connection: Connection, webhook: UUID) -> dict[LaneKey, int]:
    """Up to where each lane was posted."""
    rows = await connection.fetch(PLACES, webhook, False)
    return {LaneKey(row["stream"], row["lane"]): row["position"] for row in rows}


async def range_of(connection: Connection, webhook: UUID) -> Range | None:
    """What is left of a range that is posted once more; None: there is none."""
    rows = await connection.fetch(PLACES, webhook, True)
    if not rows:
        return None
    return Range(
        after={LaneKey(row["stream"], row["lane"]): row["position"] for row in rows},
        upto={LaneKey(row["stream"], row["lane"]): row["upto"] for row in rows},
    )


async def move(connection: Connection, webhook: UUID, places: Vector, *, again: bool) -> None:
    """In the transaction of what came of the line that was posted."""
    columns = ([key.stream for key in places], [key.lane for key in places], list(places.values()))
    await connection.execute(MOVE_AGAIN if again else MOVE, webhook, *columns)
    if again:
        await connection.execute(END_RANGE, webhook)


ADD_RANGE = """
insert into ops.webhook_place (webhook, again, stream, lane, position, upto)
select $1, true, * from unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
"""

LOCK = "select from ops.webhook_sender where webhook = $1 for update"


async def lock(connection: Connection, webhook: UUID) -> bool:
    """Until the transaction ends, no process can take over the webhook. False: it has no sender."""
    return await connection.execute(LOCK, webhook) == "SELECT 1"


async def add_range(connection: Connection, webhook: UUID, wanted: Range) -> bool:
    """Under `lock`. False, and nothing is changed, while another range is posted once more."""
    if await range_of(connection, webhook) is not None:
        return False
    keys = [key for key, end in wanted.upto.items() if end > wanted.after.get(key, 0)]
    await connection.execute(
        ADD_RANGE,
        webhook,
        [key.stream for key in keys],
        [key.lane for key in keys],
        [wanted.after.get(key, 0) for key in keys],
        [wanted.upto[key] for key in keys],
    )
    return True


HEALTH = """
select failures, failing_since,
    greatest(0, extract(epoch from not_before - clock_timestamp()))::float8 as pause_seconds,
    exists (select from ops.webhook_place p where p.webhook = $1 and p.again) as redelivering
from ops.webhook_sender where webhook = $1
"""


async def health(connection: Connection, webhook: UUID) -> Health:
    """The health of a webhook; good as long as no process has read it."""
    row = await connection.fetchrow(HEALTH, webhook)
    if row is None:
        return Health(failures=0, failing_since=None, pause_seconds=0.0, redelivering=False)
    return Health(
        failures=row["failures"],
        failing_since=row["failing_since"],
        pause_seconds=row["pause_seconds"] or 0.0,
        redelivering=row["redelivering"],
    )
