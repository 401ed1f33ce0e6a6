"""`make bench-round`: the lane time of writing a round of 10,000 matches, against its bare journal rows."""

import gc
import secrets
import time
from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg
import msgspec
import uvloop
from cpu import Meter
from figures import CpuTimes, Report, alternate, arguments, machine, ratio, say, tell
from msgspec import Struct
from round_facts import NOW, opening, orders, plan
from servers import Database, Servers, server_versions, servers
from uuid_utils.compat import uuid7

from events.connections import Connection, open_pool
from events.decision import LaneKey
from events.envelope import Draft, Fact, Recorded, source_of
from events.heads import Heads, allow_for, append, lock_lanes
from events.journal import JournalRow, read_deployment, read_rows
from events.large_appends import RowsAhead, append_large
from market.matcher import NAME, ahead_of_lock
from market.rules.book import Books, fold
from market.rules.clearing.clearing import conclude
from market.services import collect_less
from market.store import snapshots
from market.store.applying import apply
from market.store.round_tables import RoundTables
from market.store.snapshots import Snapshot

KEY = LaneKey("market", 0)
CHUNK = 2_000
TEMPLATE = "round"
OURS = "a round's transaction"
BARE = "its journal rows alone"

BARE_JOURNAL = "create table public.bare (like record.journal including all)"
BARE_INSERT = """
insert into public.bare (stream, lane, position, event_id, type, key, body, chain, recorded_at)
select *, now() from unnest(
    $1::text[], $2::bigint[], $3::bigint[], $4::uuid[], $5::text[], $6::text[], $7::bytea[], $8::bytea[]
)
"""


class Round(Struct):
    """A round that is computed and not yet written."""

    source: str
    plan: Recorded
    drafts: tuple[Draft, ...]
    books: Books


class Spent(Struct, frozen=True, kw_only=True):
    """`cpu_us_per_event`: of the processor, by process."""

    milliseconds: float
    cpu_us_per_event: dict[str, float]


class _Clock:
    def __init__(self, running: Servers, events: int) -> None:
        self._events, self._meter, self._began_at = events, Meter(running), time.perf_counter()

    def read(self) -> Spent:
        took = time.perf_counter() - self._began_at
        return Spent(milliseconds=1_000 * took, cpu_us_per_event=self._meter.per_item_us(self._events))


async def main() -> None:
    parser = arguments(__doc__, repetitions=5)
    parser.add_argument("--matches", type=int, default=10_000)
    options = parser.parse_args()
    async with servers(kafka=False) as running:
        report = Report(
            title=f"a round of {options.matches:,} matches",
            machine=f"{machine()}, {await server_versions(running)}",
        )
        await measure(running, report, options.matches, options.repetitions)
    tell(report, as_json=options.json)


async def measure(running: Servers, report: Report, matches: int, repetitions: int) -> None:
    database = await running.new_database(TEMPLATE)
    cleared = await _prepared(database, matches)
    rows: list[JournalRow] = []
    copies = iter(range(10**6))
    cpu = CpuTimes()

    async def copied() -> Database:
        name = f"copy_{next(copies)}"
        await _copy(running, name)
        return _named(database, name)

    async def ours() -> float:
        spent = await _write(running, await copied(), cleared, rows)
        cpu.add(OURS, spent.cpu_us_per_event)
        return spent.milliseconds

    async def bare() -> float:
        spent = await _write_bare(running, await copied(), rows)
        cpu.add(BARE, spent.cpu_us_per_event)
        return spent.milliseconds

    found = await alternate([(OURS, ours), (BARE, bare)], repetitions, "ms")
    report.figures += found.values()
    report.ratios.append(ratio(found[OURS], found[BARE]))
    size = sum(len(row.body) for row in rows)
    report.notes.append(f"{len(rows):,} events, {size / 2**20:.1f} MiB of bodies; aim: 500 ms of lane time")
    report.notes += cpu.lines("event")


async def _prepared(database: Database, matches: int) -> Round:
    """Everything before the round on the record, and the round in memory."""
    pool = await open_pool(database.url("writer"), size=1)
    books: Books = {}
    market = uuid7()
    async with pool.acquire() as connection:
        source = source_of((await read_deployment(connection)).deployment_id)
        facts: list[Fact] = [*opening(market), *orders(market, matches)]
        for start in range(0, len(facts), CHUNK):
            await _record(connection, source, facts[start : start + CHUNK], books)
        say(f"{len(facts):,} facts recorded, clearing")
        [planned] = await _record(connection, source, [plan(market)], books)
        drafts = ahead_of_lock(conclude(books[market], planned), source)
    await pool.close()
    say(f"{len(drafts):,} events of the round")
    return Round(source, planned, drafts, books)


async def _record(
    connection: Connection, source: str, facts: Sequence[Fact], books: Books
) -> tuple[Recorded, ...]:
    drafts = [Draft(stream="market", lane=KEY.lane, subject="bench", data=fact) for fact in facts]
    async with connection.transaction():
        heads = await lock_lanes(connection, [KEY])
        recorded = await _append(connection, heads, drafts, source)
    for event in recorded:
        fold(books, event)
    return recorded


async def _append(
    connection: Connection, heads: Heads, drafts: Sequence[Draft], source: str
) -> tuple[Recorded, ...]:
    return await append(
        connection,
        heads,
        drafts,
        cause="bench",
        actor=UUID(int=1),
        source=source,
        now=NOW,
        new_id=uuid7,
        new_salt=lambda: secrets.token_hex(16),
        apply=apply,
    )


async def _write(running: Servers, database: Database, cleared: Round, rows: list[JournalRow]) -> Spent:
    """From the lane's lock to the commit: what other writers wait for in the matcher's transaction.

    The snapshot of the books is in the same transaction, before the lock.
    """
    pool = await open_pool(database.url("writer"), size=1)
    body = msgspec.msgpack.encode(cleared.books)
    snapshot = Snapshot(position=cleared.plan.position, format="bench", body=body)
    collect_less()
    async with pool.acquire() as connection:
        async with connection.transaction():
            await snapshots.save(connection, NAME, KEY, snapshot)
            await allow_for(connection, len(cleared.drafts))
            tables = await RoundTables.read(connection, KEY, cleared.drafts)
            ahead = await RowsAhead.read(connection, KEY, cleared.source)
            async with ahead.making(cleared.drafts):
                await tables.insert_matches(connection, cleared.drafts)
            clock = _Clock(running, len(cleared.drafts))
            heads = await lock_lanes(connection, [KEY])
            await tables.locked(connection, heads[KEY].next_position - 1)
            await append_large(connection, heads, KEY, cleared.drafts, cleared.source, tables, ahead=ahead)
        spent = clock.read()
        if not rows:
            rows += await read_rows(connection, KEY, cleared.plan.position, 2**53, 10**7)
    await pool.close()
    return spent


async def _write_bare(running: Servers, database: Database, rows: Sequence[JournalRow]) -> Spent:
    """One statement with the same rows, bodies and chain ready, and its commit."""
    connection = await asyncpg.connect(database.admin_url)
    await connection.execute(BARE_JOURNAL)
    gc.collect()
    columns = list(zip(*(row[:8] for row in rows), strict=True))
    clock = _Clock(running, len(rows))
    await connection.execute(BARE_INSERT, *columns)
    spent = clock.read()
    await connection.close()
    return spent


async def _copy(running: Servers, name: str) -> None:
    connection = await asyncpg.connect(running.admin_url)
    await connection.execute(f'create database "{name}" template "{TEMPLATE}"')
    await connection.close()


def _named(database: Database, name: str) -> Database:
    url = urlsplit(database.admin_url)._replace(path=f"/{name}")
    return Database(database.settings, urlunsplit(url))


if __name__ == "__main__":
    uvloop.run(main())
