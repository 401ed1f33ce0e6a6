"""Open disputes between the sides of agreements: table `contest`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from contracts.rules.agreement import Agreement
from contracts.rules.delivery import Delivery
from contracts.rules.open_contests import KINDS, Contested, ContestFact, ContestKind, changes
from contracts.store.issued_invoices import FIRST
from events.connections import Connection
from events.envelope import Recorded
from events.row_counts import expect_rows

AfterKey: TypeAlias = tuple[datetime, UUID, str, int]
"""of a row: since when, subject, kind, number."""


class OpenContest(Struct, frozen=True, kw_only=True):
    contested: Contested
    since: datetime


class ListedContest(OpenContest, frozen=True, kw_only=True):
    """`delivery` None: the dispute is about a declaration."""

    agreement: Agreement
    delivery: Delivery | None

    @property
    def key(self) -> AfterKey:
        of = self.contested
        return self.since, of.subject, of.kind, of.number


# A settled row stays, and is reused if the same is contested again.
BEGIN = """
insert into contest (lane, market, agreement, subject, kind, number, seller, buyer, contested_time)
select n.lane, n.market, n.agreement, n.subject, n.kind, n.number, a.seller, a.buyer, n.contested_time
from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::bigint[], $7::timestamptz[]
) as n (lane, market, agreement, subject, kind, number, contested_time)
join agreement a on a.lane = n.lane and a.market = n.market and a.agreement = n.agreement
on conflict (lane, market, agreement, subject, kind, number)
    do update set contested_time = excluded.contested_time
"""

# Most weighings end no dispute, and need no row.
END = """
update contest c set contested_time = null
from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::bigint[])
    as n (lane, market, agreement, subject, kind, number)
where c.lane = n.lane and c.market = n.market and c.agreement = n.agreement and c.subject = n.subject
    and c.kind = n.kind and c.number = n.number and c.contested_time is not null
"""


async def apply(connection: Connection, steps: Sequence[tuple[Recorded, ContestFact]]) -> None:
    """Writes the final state of each subject after all steps; a dispute lasts from the newest fact that began
    it."""
    begun: dict[tuple[object, ...], datetime | None] = {}
    ended: dict[tuple[object, ...], None] = {}
    for event, fact in steps:
        for of, begins in changes(fact):
            key = (event.lane, fact.market, fact.agreement, of.subject, of.kind, of.number)
            if begins:
                begun[key] = event.time
            elif key in begun:
                begun[key] = None
            else:
                ended[key] = None
    if ended:
        await connection.execute(END, *zip(*ended, strict=True))
    if begun:
        rows = [(*key, since) for key, since in begun.items()]
        status = await connection.execute(BEGIN, *zip(*rows, strict=True))
        expect_rows(status, len(rows), "contest insert")


# Limited per kind, so that many of one kind hide none of another.
READ_OLDEST = """
select o.* from unnest($1::text[]) as k (kind)
cross join lateral (
    select kind, subject, number, contested_time from contest
    where kind = k.kind and contested_time is not null
    order by contested_time, subject, number limit $2
) o
"""

COUNT = "select kind, count(*) as waiting from contest where contested_time is not null group by kind"


async def oldest(connection: Connection, *, limit: int) -> list[OpenContest]:
    """At most `limit` of each kind, by age."""
    rows = await connection.fetch(READ_OLDEST, list(KINDS), limit)
    return [OpenContest(contested=_contested(row), since=row["contested_time"]) for row in rows]


async def counted(connection: Connection) -> Mapping[ContestKind, int]:
    """How many disputes of each kind are open."""
    found = {row["kind"]: row["waiting"] for row in await connection.fetch(COUNT)}
    return {kind: found.get(kind, 0) for kind in KINDS}


READ_PAGE = """
select c.kind, c.subject, c.number, c.contested_time, a.body as agreed, d.body as delivered
from (
    select * from contest
    where contested_time is not null and ($1::text is null or kind = $1)
        and ($2::timestamptz is null or (contested_time, subject, kind, number) > ($2, $3, $4, $5))
    order by contested_time, subject, kind, number limit $6
) c
join agreement a on a.lane = c.lane and a.market = c.market and a.agreement = c.agreement
left join delivery d on c.kind <> 'declaration' and d.delivery = c.subject
order by c.contested_time, c.subject, c.kind, c.number
"""


async def list_open(
    connection: Connection, kind: ContestKind | None, *, after: AfterKey | None, limit: int
) -> list[ListedContest]:
    """At most `limit`, the oldest first."""
    mark = (None, FIRST, "", 0) if after is None else after
    rows = await connection.fetch(READ_PAGE, kind, *mark, limit)
    return [
        ListedContest(
            contested=_contested(row),
            since=row["contested_time"],
            agreement=_agreements.decode(row["agreed"]),
            delivery=None if row["delivered"] is None else _deliveries.decode(row["delivered"]),
        )
        for row in rows
    ]


def _contested(row: asyncpg.Record) -> Contested:
    return Contested(row["kind"], row["subject"], row["number"])


_agreements = msgspec.json.Decoder(Agreement)
_deliveries = msgspec.json.Decoder(Delivery)
