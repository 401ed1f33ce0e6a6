"""Markets: table `market`, one row each, brought forward by every batch of events."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
from msgspec import Struct

from events.connections import Connection
from events.envelope import Recorded
from events.market_events import (
    ClearingAbandoned,
    ClearingCompleted,
    ClearingPlanned,
    MarketHalted,
    MarketOpened,
    MarketResumed,
)
from events.market_terms import MarketTerms
from events.writes import Write
from market.rules.book import Halt
from market.store import bodies
from market.store.reading import Page, page


class MarketRow(Struct, frozen=True, kw_only=True):
    """`position` and `last_time` of the market's newest event; `plan` is the open one, its cut is
    `plan_position`."""

    lane: int
    market: UUID
    version: int
    position: int
    last_time: datetime
    open_orders: int
    plan: UUID | None
    plan_position: int | None
    last_round: int
    last_cut_time: datetime | None
    last_completed_sha256: bytes | None
    halt: Halt | None
    terms: MarketTerms


class MarketChange(Struct, kw_only=True):
    """What a batch does to a market's row; None leaves a figure as it is."""

    lane: int
    market: UUID
    opened: MarketOpened | None = None
    position: int = 0
    last_time: datetime | None = None
    open_orders: int = 0
    plan_touched: bool = False
    plan: UUID | None = None
    plan_position: int | None = None
    last_round: int | None = None
    last_cut_time: datetime | None = None
    last_completed_sha256: bytes | None = None
    halt_touched: bool = False
    halt: Halt | None = None

    def pass_over(self, event: Recorded) -> None:
        self.position = event.position
        self.last_time = event.time if self.last_time is None else max(self.last_time, event.time)

    def planned(self, event: Recorded, fact: ClearingPlanned) -> None:
        self.plan_touched, self.plan, self.plan_position = True, fact.plan, event.position
        self.last_round, self.last_cut_time = fact.round, fact.cut_time

    def ended(self, event: Recorded, fact: ClearingCompleted | ClearingAbandoned) -> None:
        self.plan_touched, self.plan, self.plan_position = True, None, None
        if isinstance(fact, ClearingCompleted):
            self.last_completed_sha256 = event.body_hash

    def stood(self, event: Recorded, fact: MarketOpened | MarketHalted | MarketResumed) -> None:
        if isinstance(fact, MarketOpened):
            self.opened = fact
            return
        self.halt_touched = True
        self.halt = Halt(since=event.time, reason=fact.reason) if isinstance(fact, MarketHalted) else None

    def halted(self) -> tuple[object, ...]:
        """Key and what a halt or its end changes."""
        halt = self.halt
        return self.lane, self.market, halt and halt.since, halt and halt.reason

    def moved(self) -> tuple[object, ...]:
        """Key and what every event changes."""
        return self.lane, self.market, self.position, self.last_time, self.open_orders

    def planning(self) -> tuple[object, ...]:
        """As `moved`, and what a clearing changes, in the order of the table's update."""
        return (
            *self.moved(),
            self.plan,
            self.plan_position,
            self.last_round,
            self.last_cut_time,
            self.last_completed_sha256,
        )


INSERT = """
insert into market (lane, market, version, position, last_time, open_orders, last_round, body)
select lane, market, 1, position, last_time, 0, 0, body
from unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::timestamptz[], $5::bytea[])
    as n (lane, market, position, last_time, body)
"""

# Few columns, since a client encodes arrays value by value, and most batches move many markets a little.
MOVE = """
update market m set
    position = n.position, last_time = greatest(m.last_time, n.last_time),
    open_orders = m.open_orders + n.open_orders
from unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::timestamptz[], $5::bigint[])
    as n (lane, market, position, last_time, open_orders)
where m.lane = n.lane and m.market = n.market
"""

UPDATE = """
update market m set
    position = n.position, last_time = greatest(m.last_time, n.last_time),
    open_orders = m.open_orders + n.open_orders, plan = n.plan, plan_position = n.plan_position,
    last_round = coalesce(n.last_round, m.last_round),
    last_cut_time = coalesce(n.last_cut_time, m.last_cut_time),
    last_completed_sha256 = coalesce(n.last_completed_sha256, m.last_completed_sha256)
from unnest(
    $1::bigint[], $2::uuid[], $3::bigint[], $4::timestamptz[], $5::bigint[], $6::uuid[], $7::bigint[],
    $8::bigint[], $9::timestamptz[], $10::bytea[]
) as n (
    lane, market, position, last_time, open_orders, plan, plan_position, last_round, last_cut_time,
    last_completed_sha256
)
where m.lane = n.lane and m.market = n.market
"""

# Beside the others, since it happens once in years.
HALT = """
update market m set halted_time = n.halted_time, halted_reason = n.halted_reason
from unnest($1::bigint[], $2::uuid[], $3::timestamptz[], $4::text[])
    as n (lane, market, halted_time, halted_reason)
where m.lane = n.lane and m.market = n.market
"""


def writes(changes: Iterable[MarketChange]) -> list[Write]:
    """Open new markets, then bring every touched one forward, each exactly once; then what was halted."""
    listed = list(changes)
    opened = [
        (change.lane, change.market, change.position, change.last_time, bodies.encode(change.opened.terms))
        for change in listed
        if change.opened is not None
    ]
    return [
        Write("market", INSERT, opened),
        Write("market", UPDATE, [change.planning() for change in listed if change.plan_touched]),
        Write("market", MOVE, [change.moved() for change in listed if not change.plan_touched]),
        Write("market", HALT, [change.halted() for change in listed if change.halt_touched]),
    ]


READ_ONE = """
select lane, market, version, position, last_time, open_orders, plan, plan_position, last_round,
       last_cut_time, last_completed_sha256, halted_time, halted_reason, body
from market where market = $1
"""


async def load_market(connection: Connection, market: UUID) -> MarketRow | None:
    row = await connection.fetchrow(READ_ONE, market)
    return None if row is None else _row(row)


READ_MANY = """
select m.lane, m.market, m.version, m.position, m.last_time, m.open_orders, m.plan, m.plan_position,
       m.last_round, m.last_cut_time, m.last_completed_sha256, m.halted_time, m.halted_reason,
       m.body
from unnest($1::bigint[], $2::uuid[]) as a (lane, market)
join market m on m.lane = a.lane and m.market = a.market
"""


async def load_markets(connection: Connection, keys: Sequence[tuple[int, UUID]]) -> dict[UUID, MarketRow]:
    """The markets of a batch of commands, by (lane, market), under their lanes."""
    lanes, markets = (list(column) for column in zip(*keys, strict=True))
    return {row["market"]: _row(row) for row in await connection.fetch(READ_MANY, lanes, markets)}


READ_PAGE = """
select lane, market, version, position, last_time, open_orders, plan, plan_position, last_round,
       last_cut_time, last_completed_sha256, halted_time, halted_reason, body
from market where $1::uuid is null or market > $1 order by market limit $2
"""


async def list_markets(connection: Connection, *, after: UUID | None, limit: int) -> Page[MarketRow]:
    """All markets by id."""
    rows = await connection.fetch(READ_PAGE, after, limit + 1)
    return page([_row(row) for row in rows], limit)


def _row(row: asyncpg.Record) -> MarketRow:
    return MarketRow(
        lane=row["lane"],
        market=row["market"],
        version=row["version"],
        position=row["position"],
        last_time=row["last_time"],
        open_orders=row["open_orders"],
        plan=row["plan"],
        plan_position=row["plan_position"],
        last_round=row["last_round"],
        last_cut_time=row["last_cut_time"],
        last_completed_sha256=row["last_completed_sha256"],
        halt=halt_of(row),
        terms=bodies.market_terms(row["body"]),
    )


def halt_of(row: asyncpg.Record) -> Halt | None:
    since = row["halted_time"]
    return None if since is None else Halt(since=since, reason=row["halted_reason"])
