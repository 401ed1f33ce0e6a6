"""Clearings: table `clearing`, one row per round from its plan to its end."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from events.connections import Connection
from events.envelope import Recorded
from events.market_events import ClearingAbandoned, ClearingCompleted, ClearingPlanned
from events.writes import Write
from market.store import bodies
from market.store.reading import Page, page

ClearingStatus = Literal["planned", "completed", "abandoned"]


class ClearingRow(Struct, frozen=True, kw_only=True):
    """`cut` is the lane position of the plan; `completed` or `abandoned` once the round has ended, with that
    event's hash."""

    lane: int
    market: UUID
    round: int
    plan: UUID
    status: ClearingStatus
    version: int
    position: int
    cut: int
    cut_time: datetime
    planned: ClearingPlanned
    completed: ClearingCompleted | None
    abandoned: ClearingAbandoned | None
    ended_sha256: bytes | None


class ClearingChange(Struct, kw_only=True):
    """What a batch does to a round; `planned` is None when the row exists already."""

    lane: int
    market: UUID
    round: int
    position: int
    planned: ClearingPlanned | None = None
    ended: ClearingCompleted | ClearingAbandoned | None = None
    ended_sha256: bytes | None = None
    cut: int = 0

    def end(self, event: Recorded, fact: ClearingCompleted | ClearingAbandoned) -> None:
        self.position, self.ended, self.ended_sha256 = event.position, fact, event.body_hash


def planned(event: Recorded, fact: ClearingPlanned) -> ClearingChange:
    return ClearingChange(
        lane=event.lane,
        market=fact.market,
        round=fact.round,
        position=event.position,
        cut=event.position,
        planned=fact,
    )


INSERT = """
insert into clearing (lane, market, round, plan, status, version, position, cut, cut_time, planned)
select lane, market, round, plan, 'planned', 1, cut, cut, cut_time, planned
from unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::uuid[], $5::bigint[], $6::timestamptz[], $7::bytea[])
    as n (lane, market, round, plan, cut, cut_time, planned)
"""

UPDATE = """
update clearing c set
    status = n.status, version = c.version + 1, position = n.position, ended = n.ended,
    ended_sha256 = n.ended_sha256
from unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::text[], $5::bigint[], $6::bytea[], $7::bytea[])
    as n (lane, market, round, status, position, ended, ended_sha256)
where c.lane = n.lane and c.market = n.market and c.round = n.round and c.status = 'planned'
"""


def writes(changes: Sequence[ClearingChange]) -> Iterator[Write]:
    """Ends rounds before planning others, since a unique index allows a market only one open plan."""
    yield _end([change for change in changes if change.planned is None])
    for change in changes:
        if change.planned is not None:
            yield _plan(change, change.planned)
            yield _end([change])


def _plan(change: ClearingChange, fact: ClearingPlanned) -> Write:
    row = (
        change.lane,
        change.market,
        change.round,
        fact.plan,
        change.cut,
        fact.cut_time,
        bodies.encode(fact),
    )
    return Write("clearing", INSERT, [row])


def _end(changes: Sequence[ClearingChange]) -> Write:
    rows = [
        (
            c.lane,
            c.market,
            c.round,
            "completed" if isinstance(c.ended, ClearingCompleted) else "abandoned",
            c.position,
            bodies.encode(c.ended),
            c.ended_sha256,
        )
        for c in changes
        if c.ended is not None
    ]
    return Write("clearing", UPDATE, rows)


READ_ONE = """
select lane, market, round, plan, status, version, position, cut, cut_time, planned, ended, ended_sha256
from clearing where market = $1 and plan = $2
"""


async def load_clearing(connection: Connection, market: UUID, plan: UUID) -> ClearingRow | None:
    row = await connection.fetchrow(READ_ONE, market, plan)
    return None if row is None else _row(row)


READ_PAGE = """
select lane, market, round, plan, status, version, position, cut, cut_time, planned, ended, ended_sha256
from clearing where market = $1 and ($2::bigint is null or round < $2) order by round desc limit $3
"""


async def list_clearings(
    connection: Connection, market: UUID, *, after: int | None, limit: int
) -> Page[ClearingRow]:
    """Rounds of a market, the newest first; `after` is the last round of the page before."""
    rows = await connection.fetch(READ_PAGE, market, after, limit + 1)
    return page([_row(row) for row in rows], limit)


# Rounds of a market come newest first from its index; the newest is nearly always the completed one.
NEWEST_CUT = """
select cut from clearing
where market = $1 and status = 'completed' and ($2::bigint is null or position <= $2)
order by round desc limit 1
"""


async def newest_cut(connection: Connection, market: UUID, *, completed_by: int | None = None) -> int:
    """The cut of the newest round that was completed, at lane position `completed_by` or before; 0: none."""
    return await connection.fetchval(NEWEST_CUT, market, completed_by) or 0


READ_COMPLETED = """
select lane, market, round, plan, status, version, position, cut, cut_time, planned, ended, ended_sha256
from clearing where market = $1 and status = 'completed' and ($2::bigint is null or round = $2)
order by round desc limit 1
"""


async def load_completed(
    connection: Connection, market: UUID, number: int | None = None
) -> ClearingRow | None:
    """The completed round of that number, the newest one without; None when there is none."""
    row = await connection.fetchrow(READ_COMPLETED, market, number)
    return None if row is None else _row(row)


_planned = msgspec.json.Decoder(ClearingPlanned)
_completed = msgspec.json.Decoder(ClearingCompleted)
_abandoned = msgspec.json.Decoder(ClearingAbandoned)


def _row(row: asyncpg.Record) -> ClearingRow:
    status: ClearingStatus = row["status"]
    return ClearingRow(
        lane=row["lane"],
        market=row["market"],
        round=row["round"],
        plan=row["plan"],
        status=status,
        version=row["version"],
        position=row["position"],
        cut=row["cut"],
        cut_time=row["cut_time"],
        planned=_planned.decode(row["planned"]),
        completed=_completed.decode(row["ended"]) if status == "completed" else None,
        abandoned=_abandoned.decode(row["ended"]) if status == "abandoned" else None,
        ended_sha256=row["ended_sha256"],
    )
