"""Which lanes of a stream a process reads: those that run the same reader share them, by the table's clock.

A lease spares two of them the same work; that no event takes effect twice is the position's guard.
"""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from events.chain import genesis
from events.connections import Pool, acquire
from events.decision import LaneKey

SHARED_LOOK_SECONDS_MAX: Final = 1.0


class Leases(NamedTuple):
    """Lanes that a process holds: those that stay, and those that are another's as soon as they are given
    back. `processes`: how many share the stream."""

    staying: frozenset[LaneKey]
    leaving: frozenset[LaneKey]
    processes: int

    @property
    def held(self) -> frozenset[LaneKey]:
        return self.staying | self.leaving

    def look_seconds(self, lease_seconds: float) -> float:
        """After how long to look again: soon where others may give a lane back, or end."""
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

# All count the same processes in the same order, so that each lane is one's; where they do not yet, it is
# whose it was. Ours are renewed until we give them back; a stopped lane waits for an operator.
# What lies further ahead than any lease was given by a clock that was wrong, and counts for nobody.
# Whoever locks several lanes of one reader does it ascending, so that no two wait for each other.
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

# Those that were killed have left their rows; of two that clear up neither waits for the other.
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
    """Lease what is free of our share and renew what is ours. All processes of a reader name the same
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
    """Lanes of one stream: who shares it may take them."""
    async with acquire(pool) as connection:
        (stream,) = {key.stream for key in keys}
        await connection.execute(GIVE_BACK, name, stream, owner, [key.lane for key in keys])


async def release(pool: Pool, name: str, owner: str, stream: str) -> None:
    """All lanes of a stream, and our share in it."""
    async with acquire(pool) as connection:
        await connection.execute(GIVE_BACK, name, stream, owner, None)
        await connection.execute(LEAVE, name, stream, owner)
