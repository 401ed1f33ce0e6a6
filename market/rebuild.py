"""Rebuilds state and views from the record into a scratch schema, compares them row by row with the live
ones; the feed, whose rows are cut by when they were written, line by line.

Everything runs in one transaction with one snapshot, which is rolled back: trading can go on meanwhile.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Struct, structs

from events.connections import Connection
from events.decision import LaneKey
from events.envelope import Recorded
from events.writes import send
from market.rules.streams.partner_lines import PartnerLine, ShownLane
from market.store import applying, tables, views
from market.store import feed as feeds

Feed: TypeAlias = Callable[[LaneKey, int], AsyncIterator[Sequence[Recorded]]]
"""Events of a lane from its first up to and with a position, verified: `events.replay.from_journal` or
`from_topic`."""

Progress: TypeAlias = Callable[[int, int], None]
"""Called with events applied so far, and events in total."""

SCRATCH: Final = "lodestone_scratch"
VIEWS_LOCK: Final = 0x10DE57CA
"""Held exclusively by whoever swaps views, shared by whoever compares them."""
EXAMPLES_MAX: Final = 20
LINE_KEY: Final = ("lane", "stream", "position", "audience")


class SourceIncomplete(RuntimeError):
    """The source ends before the position of the tables."""


class Change(Struct, frozen=True, kw_only=True):
    """A column in which the live row and the rebuilt one differ, as text; None for a row that is not
    there."""

    column: str
    live: str | None
    rebuilt: str | None


class Difference(Struct, frozen=True, kw_only=True):
    """A row that is missing, in excess or changed; `key` is its primary key."""

    table: str
    key: dict[str, Any]
    kind: str
    changes: tuple[Change, ...]


class TableReport(Struct, frozen=True, kw_only=True):
    """`examples` are the first differences in order of the key, at most EXAMPLES_MAX."""

    table: str
    rows: int
    differences: int
    examples: tuple[Difference, ...]


class Report(Struct, frozen=True, kw_only=True):
    """`events` of all lanes; `tables` in the order of `market.store.tables`."""

    events: int
    tables: tuple[TableReport, ...]

    @property
    def equal(self) -> bool:
        return not any(table.differences for table in self.tables)


# Names are quoted by the server, since identifiers cannot be parameters. Row-level security is not copied,
# since the owner works here.
MAKE_TABLES = """
select format('create schema %I;', $1::text) || string_agg(format(
    'create table %1$I.%2$I (like %3$I.%2$I including all);', $1::text, name, home), '')
from unnest($2::text[], $3::text[]) as t (home, name)
"""

SHARE_VIEWS = "select pg_advisory_xact_lock_shared($1)"

USE_SCRATCH = "select set_config('search_path', $1, true)"

LANES = """
select l.stream, l.lane, l.next_position - 1 as upto, coalesce(c.position, 0) as projected,
       coalesce(p.position, 0) as published
from record.lane l
left join record.consumer c on c.stream = l.stream and c.lane = l.lane and c.name = $1
left join record.consumer p on p.stream = l.stream and p.lane = l.lane and p.name = $2
where l.next_position > 1 order by l.stream, l.lane
"""

COMPARISON = """
select format(
    'select to_jsonb(l) as live, to_jsonb(r) as rebuilt'
    ' from %1$I.%2$I l full join %3$I.%2$I r on %4$s'
    ' where row(l.*) is distinct from row(r.*) order by %5$s',
    $1::text, $2::text, $3::text,
    string_agg(format('l.%1$I = r.%1$I', a.attname), ' and ' order by k.place),
    string_agg(format('coalesce(l.%1$I, r.%1$I)', a.attname), ', ' order by k.place)
) as statement, array_agg(a.attname::text order by k.place) as key
from pg_index i
cross join lateral unnest(i.indkey) with ordinality as k (attnum, place)
join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
where i.indisprimary and i.indrelid = format('%I.%I', $1::text, $2::text)::regclass
"""

COUNT = "select format('select count(*) from %I.%I', $1::text, $2::text)"


async def compare_with_record(connection: Connection, feed: Feed, progress: Progress | None = None) -> Report:
    """`connection` as the owner, outside a transaction. Changes nothing.

    SourceIncomplete when the feed ends early; what the feed and `apply` raise when the record is broken.
    """
    transaction = connection.transaction(isolation="repeatable_read")
    await transaction.start()
    try:
        await connection.execute("set local lock_timeout = '30min'")
        await connection.fetchval(SHARE_VIEWS, VIEWS_LOCK)
        homes = [("state", name) for name in tables.STATE] + [("view", name) for name in tables.PROJECTED]
        made = await connection.fetchval(
            MAKE_TABLES, SCRATCH, [home for home, _ in homes], [name for _, name in homes]
        )
        await connection.execute(made)
        await connection.fetchval(USE_SCRATCH, SCRATCH)
        feed_lines = FeedLines()
        events = await _rebuild(connection, feed, feed_lines, progress)
        reports = [await compare_table(connection, home, name, SCRATCH) for home, name in homes]
        reports.append(feed_lines.report())
    finally:
        await transaction.rollback()
    return Report(events=events, tables=tuple(reports))


async def _rebuild(
    connection: Connection, feed: Feed, feed_lines: "FeedLines", progress: Progress | None
) -> int:
    lanes = await connection.fetch(LANES, views.PROJECTOR, feeds.PUBLISHER)
    total, done = sum(row["upto"] for row in lanes), 0
    for row in lanes:
        key, position, shown = LaneKey(row["stream"], row["lane"]), 0, ShownLane()
        floors = await feeds.read_lane_floors(connection, key)
        async for events in feed(key, row["upto"]):
            await send(connection, await applying.apply(connection, events))
            seen = [event for event in events if event.position <= row["projected"]]
            if seen:
                await views.apply(connection, seen)
            lines = [
                line
                for event in events
                if event.position <= row["published"]
                for line in shown.step(event)
                if line.position > floors.get(line.audience, 0)
            ]
            await feed_lines.compare(connection, key, position, events[-1].position, lines)
            position = events[-1].position
            done += len(events)
            if progress is not None:
                progress(done, total)
        if position != row["upto"]:
            raise SourceIncomplete(
                f"{key.stream}/{key.lane}: the source ends at {position}, the tables stand at {row['upto']}"
            )
    ends = {LaneKey(row["stream"], row["lane"]): row["upto"] for row in lanes}
    await feed_lines.compare_others(connection, ends)
    return done


class FeedLines:
    """Compares the feed's lines with those made from the record, range by range of each lane."""

    def __init__(self) -> None:
        self._lines = 0
        self._differences = 0
        self._examples: list[Difference] = []

    async def compare(
        self, connection: Connection, key: LaneKey, after: int, upto: int, rebuilt: Sequence[PartnerLine]
    ) -> None:
        """`rebuilt`: all lines of the lane behind one position and up to another."""
        live = await feeds.read_lane(connection, key, after=after, upto=upto)
        self._lines += len(live)
        if live != rebuilt:
            self._tell(live, rebuilt)

    async def compare_others(self, connection: Connection, ends: feeds.Vector) -> None:
        """Lines behind where the lanes end, which are in no record."""
        async for live in feeds.read_beyond(connection, ends):
            self._lines += len(live)
            self._tell(live, ())

    def _tell(self, live: Sequence[PartnerLine], rebuilt: Sequence[PartnerLine]) -> None:
        lives, made = {_place(line): line for line in live}, {_place(line): line for line in rebuilt}
        for place in sorted(lives.keys() | made.keys()):
            one, other = lives.get(place), made.get(place)
            if one == other:
                continue
            self._differences += 1
            if len(self._examples) < EXAMPLES_MAX:
                self._examples.append(_difference("view.feed", LINE_KEY, _members(one), _members(other)))

    def report(self) -> TableReport:
        """`rows` are lines."""
        return TableReport(
            table="view.feed",
            rows=self._lines,
            differences=self._differences,
            examples=tuple(self._examples),
        )


def _place(line: PartnerLine) -> tuple[int, str, int, UUID]:
    return line.lane, line.stream, line.position, line.audience


def _members(line: PartnerLine | None) -> Mapping[str, Any]:
    """As `to_jsonb` has them."""
    if line is None:
        return {}
    members = structs.asdict(line) | {"body": f"\\x{line.body.hex()}"}
    found: dict[str, Any] = msgspec.to_builtins(members)
    return found


async def compare_table(connection: Connection, home: str, name: str, rebuilt_in: str) -> TableReport:
    """A table of one schema with the one of the same name that was rebuilt in another."""
    comparison = await connection.fetchrow(COMPARISON, home, name, rebuilt_in)
    assert comparison is not None
    rows = await connection.fetchval(await connection.fetchval(COUNT, home, name))
    table, differences = f"{home}.{name}", 0
    examples: list[Difference] = []
    async for row in connection.cursor(comparison["statement"]):
        differences += 1
        if len(examples) < EXAMPLES_MAX:
            live, rebuilt = (
                {} if row[side] is None else msgspec.json.decode(row[side]) for side in ("live", "rebuilt")
            )
            examples.append(_difference(table, comparison["key"], live, rebuilt))
    return TableReport(table=table, rows=rows, differences=differences, examples=tuple(examples))


def _difference(
    table: str, key: Sequence[str], before: Mapping[str, Any], after: Mapping[str, Any]
) -> Difference:
    """The live row and the rebuilt one; empty: there is none."""
    return Difference(
        table=table,
        key={column: (before or after)[column] for column in key},
        kind="only in the record" if not before else "only live" if not after else "changed",
        changes=tuple(
            Change(column=column, live=_text(before.get(column)), rebuilt=_text(after.get(column)))
            for column in before or after
            if column not in key and before.get(column) != after.get(column)
        ),
    )


def _text(value: Any) -> str | None:
    """Bytes of JSON as that JSON, everything else as JSON writes it."""
    if value is None:
        return None
    if isinstance(value, str) and value.startswith("\\x"):
        raw = bytes.fromhex(value[2:])
        return raw.decode() if raw.startswith(b"{") else raw.hex()
    return msgspec.json.encode(value).decode()
