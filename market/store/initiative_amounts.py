"""Orders and matches of an initiative's partners in a period, for its figures."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from events.connections import Connection
from events.market_terms import RequirementTerms, SupplyTerms
from market.rules.parties.parties import Organisation
from market.store import bodies
from market.store.parties import organisation

AMOUNTS_MAX = 20_000
"""Orders, or matches, of one statement."""

READ_MEMBERS = """
select o.organisation, o.version, o.body, o.closing_asked_time, o.closed_time
from initiative_partner p
join organisation o on o.lane = p.lane and o.organisation = p.organisation
where p.initiative = $1 and o.closed_time is null order by p.organisation limit $2
"""


class Ordered(Struct, frozen=True, kw_only=True):
    organisation: UUID
    market: UUID
    basis_g: int
    terms: SupplyTerms | RequirementTerms


class Agreed(Struct, frozen=True, kw_only=True):
    """Grams of basis of a confirmed match, out of which terms, and what its buyer wants."""

    seller: UUID
    buyer: UUID
    market: UUID
    quantity_g: int
    supplied: SupplyTerms
    wanted: RequirementTerms


async def load_members(connection: Connection, initiative: str, limit: int) -> list[Organisation]:
    """Partners that are not closed, at most one more than `limit`."""
    return [organisation(row) for row in await connection.fetch(READ_MEMBERS, initiative, limit + 1)]


# An order counts when it got its rank: when it was posted, or by an amendment that lost the rank. After a
# recovery, rows are newer than their events, so only the event's time counts.
READ_ORDERED = """
select e.kind, e.organisation, e.market, e.basis_g, e.body from order_entry e
join record.journal j on j.stream = 'market' and j.lane = e.lane and j.position = e.rank
cross join lateral (select (convert_from(j.body, 'UTF8')::jsonb ->> 'time')::timestamptz as said) t
where e.organisation = any($1::uuid[]) and t.said >= $2 and t.said < $3
order by e.order_id limit $4
"""


async def load_ordered(
    connection: Connection, organisations: Sequence[UUID], since: datetime, until: datetime
) -> list[Ordered]:
    """At most one more than AMOUNTS_MAX."""
    rows = await connection.fetch(READ_ORDERED, organisations, since, until, AMOUNTS_MAX + 1)
    return [
        Ordered(
            organisation=row["organisation"],
            market=row["market"],
            basis_g=row["basis_g"],
            terms=bodies.requirement_terms(row["body"])
            if row["kind"] == "requirement"
            else bodies.supply_terms(row["body"]),
        )
        for row in rows
    ]


# Each side has its own index; a match of two partners is found by both and counts once.
READ_AGREED = """
with found as (
    select lane, market, match, supply, requirement, seller, buyer, quantity_g from match
    where seller = any($1::uuid[]) and status = 'confirmed' and struck_time >= $2 and struck_time < $3
    union
    select lane, market, match, supply, requirement, seller, buyer, quantity_g from match
    where buyer = any($1::uuid[]) and status = 'confirmed' and struck_time >= $2 and struck_time < $3
)
select f.market, f.seller, f.buyer, f.quantity_g, s.body as supplied, r.body as wanted from found f
join order_terms s on s.lane = f.lane and s.market = f.market and s.order_id = f.supply
join order_terms r on r.lane = f.lane and r.market = f.market and r.order_id = f.requirement
order by f.match limit $4
"""


async def load_agreed(
    connection: Connection, organisations: Sequence[UUID], since: datetime, until: datetime
) -> list[Agreed]:
    """At most one more than AMOUNTS_MAX."""
    rows = await connection.fetch(READ_AGREED, organisations, since, until, AMOUNTS_MAX + 1)
    return [
        Agreed(
            seller=row["seller"],
            buyer=row["buyer"],
            market=row["market"],
            quantity_g=row["quantity_g"],
            supplied=bodies.supply_terms(row["supplied"]),
            wanted=bodies.requirement_terms(row["wanted"]),
        )
        for row in rows
    ]
