"""Matches: table `match`, from the strike to the decision and after it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, assert_never
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from events.array_texts import fetch
from events.connections import Connection
from events.envelope import Recorded
from events.market_events import MatchAnswered, MatchConfirmed, MatchDeclined, MatchLapsed, MatchStruck
from events.writes import Write
from market.rules.book import OpenMatch
from market.rules.matches import MatchStatus
from market.store import bodies

Answer = Literal["confirmed", "declined"]
MatchKey = tuple[int, UUID, UUID]
"""lane, market, match."""


class MatchRow(Struct, frozen=True, kw_only=True):
    """`match` as it stands, or as it stood when it was decided; `version` counts answers and the decision."""

    lane: int
    position: int
    version: int
    status: MatchStatus
    decided_time: datetime | None
    match: OpenMatch


class MatchPlace(Struct, frozen=True, kw_only=True):
    """Where a match stands and what it holds; none of it ever changes."""

    lane: int
    market: UUID
    match: UUID
    supply: UUID
    requirement: UUID
    seller: UUID
    buyer: UUID


class MatchChange(Struct, kw_only=True):
    """A row of `match` while a batch of events passes over it; `struck` is None when the row exists
    already."""

    lane: int
    market: UUID
    match: UUID
    status: MatchStatus
    version: int
    position: int
    supply: UUID
    requirement: UUID
    tranche: int
    seller: UUID
    buyer: UUID
    seller_answer: Answer | None = None
    buyer_answer: Answer | None = None
    seller_reason: str | None = None
    buyer_reason: str | None = None
    decided_time: datetime | None = None
    struck: MatchStruck | None = None
    struck_time: datetime | None = None

    def inserted(self) -> tuple[object, ...]:
        """The whole row of a new match, in the order of the tables' inserts."""
        assert self.struck is not None
        return (
            self.lane,
            self.market,
            self.match,
            self.status,
            self.version,
            self.position,
            self.supply,
            self.requirement,
            self.tranche,
            self.seller,
            self.buyer,
            self.struck.confirm_by,
            self.seller_answer,
            self.buyer_answer,
            self.seller_reason,
            self.buyer_reason,
            self.decided_time,
            bodies.encode(self.struck),
        )

    def traded(self) -> tuple[object, ...]:
        """What the funnel sums up of a new match."""
        assert self.struck is not None
        return (
            self.struck_time,
            self.struck.quantity_basis_g,
            self.struck.price_ueur_per_kg,
            self.struck.amount_cents_eur,
        )

    def updated(self) -> tuple[object, ...]:
        """Key and what may change, in the order of the tables' updates."""
        return (
            self.lane,
            self.market,
            self.match,
            self.status,
            self.version,
            self.position,
            self.seller_answer,
            self.buyer_answer,
            self.seller_reason,
            self.buyer_reason,
            self.decided_time,
        )


def struck(event: Recorded, fact: MatchStruck, seller: UUID, buyer: UUID) -> MatchChange:
    return MatchChange(
        lane=event.lane,
        market=fact.market,
        match=fact.match,
        status="open",
        version=1,
        position=event.position,
        supply=fact.supply,
        requirement=fact.requirement,
        tranche=fact.tranche,
        seller=seller,
        buyer=buyer,
        struck=fact,
        struck_time=event.time,
    )


def answered(change: MatchChange, event: Recorded, fact: MatchAnswered) -> None:
    if fact.side == "seller":
        change.seller_answer, change.seller_reason = fact.answer, fact.reason
    else:
        change.buyer_answer, change.buyer_reason = fact.answer, fact.reason
    change.version += 1
    change.position = event.position


def decided(change: MatchChange, event: Recorded, fact: MatchConfirmed | MatchDeclined | MatchLapsed) -> None:
    match fact:
        case MatchConfirmed():
            change.status = "confirmed"
        case MatchDeclined():
            change.status = "declined"
        case MatchLapsed():
            change.status = "lapsed"
        case _:
            assert_never(fact)
    change.decided_time = event.time
    change.version += 1
    change.position = event.position


READ_CHANGES = """
select m.lane, m.market, m.match, m.status, m.version, m.position, m.supply, m.requirement, m.tranche,
       m.seller, m.buyer, m.seller_answer, m.buyer_answer, m.seller_reason, m.buyer_reason, m.decided_time
from unnest($1::bigint[], $2::uuid[], $3::uuid[]) as a (lane, market, match)
join match m on m.lane = a.lane and m.market = a.market and m.match = a.match
"""


async def read_changes(connection: Connection, keys: Iterable[MatchKey]) -> dict[UUID, MatchChange]:
    """Rows that events are about to change. LookupError when one is missing."""
    wanted = list(keys)
    if not wanted:
        return {}
    rows = await fetch(connection, READ_CHANGES, *zip(*wanted, strict=True))
    if len(rows) != len(wanted):
        raise LookupError(f"match: {len(rows)} rows of {len(wanted)} that events name")
    return {row["match"]: MatchChange(**row) for row in rows}


INSERT = """
insert into match (lane, market, match, status, version, position, supply, requirement, tranche, seller,
    buyer, confirm_by, seller_answer, buyer_answer, seller_reason, buyer_reason, decided_time, body,
    struck_time, quantity_g, price_ueur_per_kg, amount_cents)
select * from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::uuid[],
       $8::uuid[], $9::bigint[], $10::uuid[], $11::uuid[], $12::timestamptz[], $13::text[], $14::text[],
       $15::text[], $16::text[], $17::timestamptz[], $18::bytea[], $19::timestamptz[], $20::bigint[],
       $21::bigint[], $22::bigint[])
"""

UPDATE = """
update match m set
    status = n.status, version = n.version, position = n.position, seller_answer = n.seller_answer,
    buyer_answer = n.buyer_answer, seller_reason = n.seller_reason, buyer_reason = n.buyer_reason,
    decided_time = n.decided_time
from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::text[],
    $8::text[], $9::text[], $10::text[], $11::timestamptz[])
    as n (lane, market, match, status, version, position, seller_answer, buyer_answer, seller_reason,
        buyer_reason, decided_time)
where m.lane = n.lane and m.market = n.market and m.match = n.match
"""


MOVE = """
update match m set position = m.position + $4
from unnest($1::bigint[], $2::uuid[], $3::uuid[]) as n (lane, market, match)
where m.lane = n.lane and m.market = n.market and m.match = n.match
"""


def moves(keys: Sequence[MatchKey], by: int) -> Write:
    """Moves matches inserted in this transaction to the final positions of their events."""
    return Write("match", MOVE, keys, (by,))


def writes(changes: Iterable[MatchChange]) -> list[Write]:
    """New rows, then the others; each exactly once."""
    listed = list(changes)
    return [
        Write("match", INSERT, [(*c.inserted(), *c.traded()) for c in listed if c.struck is not None]),
        Write("match", UPDATE, [c.updated() for c in listed if c.struck is None]),
    ]


LOCATE = """
select lane, market, match, supply, requirement, seller, buyer from match
where match = $1 and ($2::uuid is null or $2 in (seller, buyer))
"""


async def locate(connection: Connection, organisation: UUID | None, match: UUID) -> MatchPlace | None:
    """None when the match is unknown or the organisation is no party to it. `organisation` None: anyone's."""
    row = await connection.fetchrow(LOCATE, match, organisation)
    return None if row is None else MatchPlace(**row)


READ_ONE = """
select lane, position, version, status, seller, buyer, seller_answer, buyer_answer, seller_reason,
       buyer_reason, decided_time, body
from match where match = $1 and ($2::uuid is null or $2 in (seller, buyer))
"""


async def load_match(connection: Connection, organisation: UUID | None, match: UUID) -> MatchRow | None:
    """The match, sealed answers included: only `rules.visibility` may show it. None as `locate`."""
    row = await connection.fetchrow(READ_ONE, match, organisation)
    return None if row is None else match_row(row)


READ_STATES = """
select m.match, m.lane, m.position, m.version, m.status, m.seller, m.buyer, m.seller_answer, m.buyer_answer,
       m.seller_reason, m.buyer_reason, m.decided_time, m.body
from unnest($1::bigint[], $2::uuid[], $3::uuid[]) as a (lane, market, match)
join match m on m.lane = a.lane and m.market = a.market and m.match = a.match
"""


async def load_matches(connection: Connection, keys: Sequence[MatchKey]) -> dict[UUID, MatchRow]:
    """The matches of a batch of commands, under their lane."""
    rows = await fetch(connection, READ_STATES, *zip(*keys, strict=True))
    return {row["match"]: match_row(row) for row in rows}


READ_BOOK = """
select match, lane, position, version, status, seller, buyer, seller_answer, buyer_answer, seller_reason,
       buyer_reason, decided_time, body
from match where lane = $1 and market = $2 and status = 'open'
"""


async def read_open(connection: Connection, lane: int, market: UUID) -> list[asyncpg.Record]:
    return await connection.fetch(READ_BOOK, lane, market)


def decode_open(rows: Iterable[asyncpg.Record]) -> dict[UUID, OpenMatch]:
    return {row["match"]: match_row(row).match for row in rows}


_facts = msgspec.json.Decoder(MatchStruck)


def match_row(row: asyncpg.Record) -> MatchRow:
    open_match = OpenMatch(
        struck=_facts.decode(row["body"]),
        seller=row["seller"],
        buyer=row["buyer"],
        version=row["version"] if row["status"] == "open" else row["version"] - 1,
        seller_answer=row["seller_answer"],
        buyer_answer=row["buyer_answer"],
        seller_reason=row["seller_reason"],
        buyer_reason=row["buyer_reason"],
    )
    return MatchRow(
        lane=row["lane"],
        position=row["position"],
        version=row["version"],
        status=row["status"],
        decided_time=row["decided_time"],
        match=open_match,
    )
