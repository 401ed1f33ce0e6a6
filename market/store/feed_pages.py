"""The lines of an organisation behind a place of the feed, those of all lanes in order of time.

Within a lane the order is the record's, although a round appends events with the time of its cut after later
ones; a place is one position per lane.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from heapq import heapify, heappop, heappush, merge
from typing import Final, NamedTuple
from uuid import UUID

import asyncpg

from events.connections import Connection
from events.decision import LaneKey
from market.rules.streams.partner_lines import ALL, PartnerLine
from market.store.feed import PLACE, Vector
from market.store.feed_blocks import BLOCK_POSITIONS_MAX, BlockDamaged, lines_of

ROWS_MIN: Final = 4
"""Of each lane and audience at first, however many lanes there are; then twice as many as before, as far
as the page lacks lines."""
BLOCKS_PER_LINE_MAX: Final = 4
"""In all at first: a short page over many lanes begins with fewer blocks of each."""
LANES_MIN: Final = 4
"""A page is shared out at first as among so many lanes, however few there are: a row may hold many lines."""
BEGINNING: Final = datetime.min.replace(tzinfo=UTC)


class Filter(NamedTuple):
    """Of whom, and of which types and markets: None: of all."""

    organisation: UUID
    types: Sequence[str] | None
    markets: Sequence[UUID] | None


class Ahead:
    """What a lane has behind a place, as far as it was read."""

    def __init__(self, key: LaneKey, after: int, upto: int) -> None:
        self.key = key
        self.after = after
        self.upto = upto
        self.rows_max = 0
        self._lines: Iterator[PartnerLine] = iter(())
        self._next: PartnerLine | None = None
        self._time = BEGINNING
        self.damaged: BlockDamaged | None = None

    @property
    def rank(self) -> tuple[datetime, LaneKey] | None:
        """Of the next line among those of all lanes, no lower than of any before; None: there is none in
        hand."""
        return None if self._next is None else (self._time, self.key)

    @property
    def whole(self) -> bool:
        """Whether nothing more can be read."""
        return self.damaged is not None or self.after >= self.upto

    def take(self, found: Mapping[UUID, Sequence[asyncpg.Record]], rows_max: int, blocks_max: int) -> None:
        """The next rows of each audience: all there are where they are fewer than `rows_max`, and fewer than
        `blocks_max` of them blocks."""
        cut = [rows[-1]["position"] for rows in found.values() if _is_cut(rows, rows_max, blocks_max)]
        after, self.after = self.after, min([*cut, self.upto])
        self.rows_max = rows_max
        self._lines = merge(*(self._between(rows, after) for rows in found.values()), key=PLACE)
        self._pass_on()

    def give(self) -> PartnerLine:
        line = self._next
        assert line is not None, f"{self.key} has no line in hand"
        self._pass_on()
        return line

    def _pass_on(self) -> None:
        self._next = next(self._lines, None)
        if self.damaged is not None and self._next is not None and self._next.position >= self.damaged.first:
            self._next = None
        if self._next is not None:
            self._time = max(self._time, self._next.time)

    def _between(self, rows: Sequence[asyncpg.Record], after: int) -> Iterator[PartnerLine]:
        """A block is decompressed when it is needed; a damaged one ends the lane."""
        for row in rows:
            try:
                lines = lines_of(row)
            except BlockDamaged as damaged:
                if self.damaged is None or damaged.first < self.damaged.first:
                    self.damaged = damaged
                return
            for line in lines:
                if after < line.position <= self.after:
                    yield line


def _is_cut(rows: Sequence[asyncpg.Record], rows_max: int, blocks_max: int) -> bool:
    return len(rows) == rows_max or sum(row["first"] is not None for row in rows) == blocks_max


async def read(
    connection: Connection,
    organisation: UUID,
    *,
    after: Vector,
    upto: Vector,
    limit: int,
    types: Sequence[str] | None = None,
    markets: Sequence[UUID] | None = None,
    damaged: list[BlockDamaged] | None = None,
) -> list[PartnerLine]:
    """The next lines of an organisation behind one place and up to another: in order of time, and of their
    lane.

    A lane with an unreadable block ends before it: `damaged` is called, or if it is None, BlockDamaged is
    raised.
    """
    wanted = Filter(organisation, types, markets)
    behind = [Ahead(key, after.get(key, 0), end) for key, end in upto.items() if end > after.get(key, 0)]
    if not behind:
        return []
    rows_max = max(ROWS_MIN, limit // max(LANES_MIN, len(behind)))
    blocks_max = max(1, BLOCKS_PER_LINE_MAX * limit // (2 * len(behind)))
    await _read_on(connection, wanted, behind, rows_max, blocks_max)
    lanes = {lane.key: lane for lane in behind}
    ready = [rank for lane in behind if (rank := lane.rank) is not None]
    heapify(ready)
    found: list[PartnerLine] = []
    while ready and len(found) < limit:
        lane = lanes[heappop(ready)[1]]
        found.append(lane.give())
        if lane.rank is None and not lane.whole and len(found) < limit:
            rows_max = min(2 * lane.rows_max, limit - len(found))
            await _read_on(connection, wanted, [lane], rows_max, rows_max)
        if (rank := lane.rank) is not None:
            heappush(ready, rank)
    for lane in behind:
        if lane.damaged is not None:
            if damaged is None:
                raise lane.damaged
            damaged.append(lane.damaged)
    return found


# One short range of the index for each audience and lane, of those rows that begin within it, as far as the
# last of so many blocks.
READ = """
select f.stream, f.lane, f.position, f.audience, f.event, f.type, f.subject, f.market, f.time, f.body, f.first
from unnest($1::uuid[]) as a (audience)
cross join unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
    as l (stream, lane, after, upto, beyond)
cross join lateral (
    select * from (
        select feed.*, count(feed.first) over (order by feed.position) as blocks from feed
        where feed.audience = a.audience and feed.stream = l.stream and feed.lane = l.lane
            and feed.position > l.after and feed.position < l.beyond
            and (feed.position <= l.upto or feed.first <= l.upto)
            and ($7::text[] is null or feed.type = any($7))
            and ($8::uuid[] is null or feed.market = any($8))
        order by feed.position
        limit $9
    ) few
    where blocks < $10 or (blocks = $10 and first is not null)
) f
order by f.stream, f.lane, f.position
"""


async def _read_on(
    connection: Connection, wanted: Filter, lanes: Collection[Ahead], rows_max: int, blocks_max: int
) -> None:
    """Each lane has its next lines in hand."""
    rows = await connection.fetch(
        READ,
        [wanted.organisation, ALL],
        [lane.key.stream for lane in lanes],
        [lane.key.lane for lane in lanes],
        [lane.after for lane in lanes],
        [lane.upto for lane in lanes],
        [lane.upto + BLOCK_POSITIONS_MAX for lane in lanes],
        wanted.types,
        wanted.markets,
        rows_max,
        blocks_max,
    )
    found: dict[LaneKey, dict[UUID, list[asyncpg.Record]]] = {}
    for row in rows:
        of_lane = found.setdefault(LaneKey(row["stream"], row["lane"]), {})
        of_lane.setdefault(row["audience"], []).append(row)
    for lane in lanes:
        lane.take(found.get(lane.key, {}), rows_max, blocks_max)
