"""Rebuilds the projector's views in another schema and swaps them with the live ones in one transaction,
while everybody goes on reading.

Each statement resolves the schema by its name, so it reads either the old or the new tables. A transaction
with a snapshot older than the new rows would miss them, so the names change after the last such one has
ended. Only the projector waits meanwhile.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from events.connections import Connection, Pool, acquire
from events.decision import LaneKey
from events.replay import from_journal
from events.subscription import PASSING
from market.rebuild import VIEWS_LOCK, Report, compare_table
from market.store import tables, views

LIVE: Final = "view"
NEXT: Final = "view_next"
BEFORE: Final = "view_before"
DROP_TRIES_MAX: Final = 5
OLD_READERS_SECONDS_MAX: Final = 40.0
"""Longer than a reader's transaction may last, shorter than the swapping transaction may idle."""
OLD_READERS_POLL_SECONDS: Final = 0.02

Advance = Callable[[int], None]


class CannotSwap(Exception):
    """Another process rebuilds or compares the views, or reads them too long; one sentence."""


TRY_LOCK = "select pg_try_advisory_lock($1)"
UNLOCK = "select pg_advisory_unlock($1)"

DROP_NEXT = "drop schema if exists view_next cascade"
DROP_BEFORE = "drop schema if exists view_before cascade"

# Expressions of policies are written out with the names of their schemas.
QUALIFY_NAMES = "select set_config('search_path', 'pg_catalog', true)"
USE_SCHEMA = "select set_config('search_path', $1, true)"

# Everything that a migration may have given the live tables, under the same names, as statements.
MAKE_NEXT = """
with live as (
    select t.name, t.place, k.oid, k.relacl, k.relowner, k.reloptions, k.relrowsecurity
    from unnest($3::text[]) with ordinality as t (name, place)
    join pg_class k on k.oid = format('%I.%I', $1::text, t.name)::regclass
)
select string_agg(said, E';\\n' order by step, place, detail) from (
    select 0 as step, 0::bigint as place, '' as detail, format('create schema %I', $2::text) as said
    union all
    select 1, 0, lpad(a.ordinality::text, 6, '0'), format(
        'grant %s on schema %I to %I', a.privilege_type, $2, r.rolname)
    from pg_namespace n cross join aclexplode(n.nspacl) with ordinality a join pg_roles r on r.oid = a.grantee
    where n.nspname = $1 and a.grantee <> n.nspowner
    union all
    select 2, place, '', format(
        'create table %I.%I (like %I.%I including all excluding indexes)', $2, name, $1, name)
        || coalesce(' with (' || array_to_string(reloptions, ', ') || ')', '')
    from live
    union all
    select 3, place, c.conname, format(
        'alter table %I.%I add constraint %I %s', $2, name, c.conname, pg_get_constraintdef(c.oid))
    from live join pg_constraint c on c.conrelid = live.oid and c.contype in ('p', 'u')
    union all
    select 4, place, i.indexrelid::text, replace(
        pg_get_indexdef(i.indexrelid), format(' ON %I.', $1), format(' ON %I.', $2))
    from live join pg_index i on i.indrelid = live.oid
    where not exists (select from pg_constraint c where c.conindid = i.indexrelid)
    union all
    select 5, place, '', format('alter table %I.%I enable row level security', $2, name)
    from live where relrowsecurity
    union all
    select 6, place, p.policyname, format(
        'create policy %I on %I.%I as %s for %s to %s', p.policyname, $2, name, p.permissive, p.cmd,
        (select string_agg(format('%I', role), ', ') from unnest(p.roles) as role))
        || coalesce(' using (' || p.qual || ')', '')
        || coalesce(' with check (' || p.with_check || ')', '')
    from live join pg_policies p on p.schemaname = $1 and p.tablename = live.name
    union all
    select 7, place, lpad(a.ordinality::text, 6, '0'), format(
        'grant %s on %I.%I to %I', a.privilege_type, $2, name, r.rolname)
    from live cross join aclexplode(live.relacl) with ordinality a join pg_roles r on r.oid = a.grantee
    where a.grantee <> live.relowner
) as statements
"""

ANALYZE = "select string_agg(format('analyze %I.%I', $1::text, name), ';') from unnest($2::text[]) as name"

# Tables in the order in which the projector writes them, so that neither waits for the other.
LOCK_LIVE = """
select string_agg(format('lock table %I.%I in share row exclusive mode', $1::text, name), ';' order by place)
from unnest($2::text[]) with ordinality as t (name, place)
"""

READ_PLACES = """
select lane, position from record.consumer where name = $1 and stream = 'market' order by lane
"""

# Whoever is in a transaction of this database now, but for the two of the swap, what the first of them keeps
# waiting, and the server's own processes, which have no user.
READ_TRANSACTIONS = """
select l.virtualtransaction from pg_locks l join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'virtualxid' and l.granted and a.datname = current_database() and a.usename is not null
and a.pid not in ($1, $2) and $1 <> all(pg_blocking_pids(a.pid))
"""

# The feed belongs to the publisher and moves unchanged: its readers wait for the new names.
SWAP = """
alter table view.feed set schema view_next;
alter schema view rename to view_before; alter schema view_next rename to view
"""


async def swap_views(owner: Pool, advance: Advance) -> Report:
    """`owner`: at least three connections as the owner. What the live views had differed in is told.

    CannotSwap; BrokenRecord when the journal does not hold what the projector has read. What is left of a run
    that ended before the names changed is thrown away by the next one.
    """
    async with acquire(owner) as connection:
        if not await connection.fetchval(TRY_LOCK, VIEWS_LOCK):
            raise CannotSwap("another process is rebuilding or comparing the views")
        try:
            await connection.execute(DROP_NEXT)
            await _drop_before(connection)
            await _make_next(connection)
            places = await _catch_up(owner, connection, {}, advance)
            await connection.execute(await connection.fetchval(ANALYZE, NEXT, list(tables.PROJECTED)))
            report = await _swap(owner, connection, places, advance)
            await _drop_before(connection)
        finally:
            await connection.fetchval(UNLOCK, VIEWS_LOCK)
    return report


async def _make_next(connection: Connection) -> None:
    async with connection.transaction():
        await connection.fetchval(QUALIFY_NAMES)
        await connection.execute(await connection.fetchval(MAKE_NEXT, LIVE, NEXT, list(tables.PROJECTED)))


async def _catch_up(
    owner: Pool, connection: Connection, places: Mapping[int, int], advance: Advance
) -> dict[int, int]:
    """Bring the rebuilt views from `places`, by lane, to where the projector stands; those places."""
    found = dict(places)
    for lane, position in await connection.fetch(READ_PLACES, views.PROJECTOR):
        if position > found.get(lane, 0):
            key = LaneKey("market", lane)
            async for events in from_journal(owner, key, after=found.get(lane, 0), upto=position):
                async with connection.transaction():
                    await connection.fetchval(USE_SCHEMA, NEXT)
                    await views.apply(connection, events)
                advance(len(events))
            found[lane] = position
    return found


async def _swap(owner: Pool, filling: Connection, places: Mapping[int, int], advance: Advance) -> Report:
    """One transaction keeps the projector out and changes the names; what it waits for commits beside it."""
    async with acquire(owner) as swapping, swapping.transaction():
        await swapping.execute(await swapping.fetchval(LOCK_LIVE, LIVE, list(tables.PROJECTED)))
        reached = await _catch_up(owner, filling, places, advance)
        reports = [await compare_table(swapping, LIVE, name, NEXT) for name in tables.PROJECTED]
        await _outlast_readers(filling, swapping)
        await swapping.execute(SWAP)
    return Report(events=sum(reached.values()), tables=tuple(reports))


async def _outlast_readers(filling: Connection, swapping: Connection) -> None:
    """Until every transaction has ended that began before now."""
    own = (swapping.get_server_pid(), filling.get_server_pid())
    old = {row[0] for row in await filling.fetch(READ_TRANSACTIONS, *own)}
    end = asyncio.get_running_loop().time() + OLD_READERS_SECONDS_MAX
    while old:
        if asyncio.get_running_loop().time() > end:
            raise CannotSwap(
                "a transaction older than the rebuilt views is still open: nothing was changed; try "
                "again when it has ended"
            )
        await asyncio.sleep(OLD_READERS_POLL_SECONDS)
        old &= {row[0] for row in await filling.fetch(READ_TRANSACTIONS, *own)}


async def _drop_before(connection: Connection) -> None:
    """Drops the old tables after their readers; what cannot be dropped is left to the next run."""
    for _ in range(DROP_TRIES_MAX):
        with suppress(*PASSING):
            await connection.execute(DROP_BEFORE)
            return
        await asyncio.sleep(1)
