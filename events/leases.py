"""Leases: processes that run the same reader share the lanes of a stream, by the database's clock.

A lease only avoids double work; the compare-and-set of the position prevents that an event takes effect
twice.
"""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from events.chain import genesis
from events.connections import Pool, acquire
from events.decision import LaneKey

SHARED_LOOK_SECONDS_MAX: Final = 1.0


class Leases(NamedTuple):
    """The lanes that a process holds: those that it keeps, and those that belong to another process as soon
    as it gives them back. `processes`: how many share the stream."""

    staying: frozenset[LaneKey]
    leaving: frozenset[LaneKey]
    processes: int

    @property
    def held(self) -> frozenset[LaneKey]:
        return self.staying | self.leaving

    def look_seconds(self, lease_seconds: float) -> float:
        """Seconds until the next look: few if other processes may give back a lane or end."""
        renewing = lease_seconds / 3
        return renewing if self.processes == 1 else min(renewing, SHARED_LOOK_SECONDS_MAX)


PRESENT = """
insert into ops.reader_process (name, stream, owner, present_until)
values ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))
on conflict (name, stream, owner) do update set present_until = excluded.present_until
"""

CREATE = """
insert into record.consumer (name, stream, lane, position, head, next_offset)
select $1, $2, l, 0, h, 0 from unnest($3::bigint[], $4::bytea[]) as t (l, h)
on conflict do nothing
"""

# All processes count the same processes in the same order, so that each lane belongs to one; until they
# agree, it stays with its holder. Ours are renewed until we give them back; a stopped lane waits for an
# operator. A lease that ends later than any lease can was given by a wrong clock, and does not count. Lanes
# of one reader are locked in ascending order, to avoid deadlocks.
TAKE = """
with share as (
    select count(*) as processes, count(*) filter (where owner < $3) as place from ops.reader_process
    where name = $1 and stream = $2 and (
        present_until between clock_timestamp() and clock_timestamp() + interval '2 minutes' or owner = $3
    )
), free as (
    select c.lane, c.lane % s.processes = s.place as stays from record.consumer c cross join share s
    where c.name = $1 and c.stream = $2 and c.lane = any($4) and c.stopped_reason is null and (
        c.owner = $3
        or c.lane % s.processes = s.place and (
            c.owner is null
            or c.leased_until not between clock_timestamp() and clock_timestamp() + interval '2 minutes'
        )
    )
    order by c.lane for update of c
), taken as (
    update record.consumer c set owner = $3, leased_until = clock_timestamp() + make_interval(secs => $5)
    from free f where c.name = $1 and c.stream = $2 and c.lane = f.lane
    returning c.lane, f.stays
)
select s.processes, t.lane, t.stays, (
    select count(*) from record.consumer where name = $1 and stream = $2 and lane = any($4)
) as created
from share s left join taken t on true
"""

GIVE_BACK = """
with held as (
    select lane from record.consumer
    where name = $1 and stream = $2 and owner = $3 and ($4::bigint[] is null or lane = any($4))
    order by lane for update
)
update record.consumer c set owner = null, leased_until = null
from held h where c.name = $1 and c.stream = $2 and c.lane = h.lane
"""

# Killed processes have left their rows; two processes that delete them do not wait for each other.
LEAVE = """
with gone as (
    select owner from ops.reader_process
    where name = $1 and stream = $2 and (
        owner = $3
        or present_until not between clock_timestamp() and clock_timestamp() + interval '2 minutes'
    )
    for update skip locked
)
delete from ops.reader_process p using gone g where p.name = $1 and p.stream = $2 and p.owner = g.owner
"""


async def take_leases(
    pool: Pool,
    name: str,
    owner: str,
    stream: str,
    lanes: Sequence[int],
    deployment_id: UUID,
    seconds: float,
) -> Leases:
    """Lease the free lanes of our share and renew those that we hold. All processes of a reader pass the same
    lanes."""
    given = (name, stream, owner, list(lanes), seconds)
    async with acquire(pool) as connection:
        await connection.execute(PRESENT, name, stream, owner, seconds)
        rows = await connection.fetch(TAKE, *given)
        if rows[0]["created"] < len(lanes):
            heads = [genesis(deployment_id, stream, lane) for lane in lanes]
            await connection.execute(CREATE, name, stream, list(lanes), heads)
            rows = await connection.fetch(TAKE, *given)
    held = {LaneKey(stream, row["lane"]): row["stays"] for row in rows if row["lane"] is not None}
    staying = frozenset(key for key, stays in held.items() if stays)
    return Leases(staying, frozenset(held.keys() - staying), rows[0]["processes"])


async def give_back(pool: Pool, name: str, owner: str, keys: Collection[LaneKey]) -> None:
    """Give back lanes of one stream: other processes may take them."""
    async with acquire(pool) as connection:
        (stream,) = {key.stream for key in keys}
        await connection.execute(GIVE_BACK, name, stream, owner, [key.lane for key in keys])


async def release(pool: Pool, name: str, owner: str, stream: str) -> None:
    """Give back all lanes of a stream, and stop sharing it."""
    async with acquire(pool) as connection:
        await connection.execute(GIVE_BACK, name, stream, owner, None)
        await connection.execute(LEAVE, name, stream, owner)
