"""What was taken in a period, and what lies in stock: for shares of consumption and supplier maps."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from events.connections import Connection
from events.market_terms import SupplyTerms
from events.vocabulary import MarketBasis
from market.rules.parties.parties import Organisation
from market.rules.passport import Passport
from market.store import bodies, passports
from market.store.parties import organisation

LOTS_MAX = 5_000
"""Lots of one answer; whoever asks for more names a market or a shorter time."""


class TakenLot(Struct, frozen=True, kw_only=True):
    """What matches have taken of one order for one buyer, in grams of basis."""

    supply: UUID
    kind: Literal["offer", "lot"]
    seller: UUID
    buyer: UUID
    quantity_g: int
    terms: SupplyTerms

    @property
    def passport(self) -> UUID | None:
        return None if self.terms.physical_lot is None else self.terms.physical_lot.passport


# One branch for everybody, and one with its own index for each side of a party. The limits keep an order at
# one probe of its index, whatever the planner knows.
READ_TAKEN = """
with taken as (
    select lane, market, supply, seller, buyer, quantity_g from match
    where $4::uuid is null and status = any($5::text[]) and struck_time >= $2 and struck_time < $3
        and ($1::uuid is null or market = $1)
    union all
    select lane, market, supply, seller, buyer, quantity_g from match
    where seller = $4 and status = any($5::text[]) and struck_time >= $2 and struck_time < $3
        and ($1::uuid is null or market = $1)
    union all
    select lane, market, supply, seller, buyer, quantity_g from match
    where buyer = $4 and status = any($5::text[]) and struck_time >= $2 and struck_time < $3
        and ($1::uuid is null or market = $1)
), summed as (
    select lane, market, supply, seller, buyer, sum(quantity_g)::bigint as quantity_g
    from taken group by lane, market, supply, seller, buyer
    order by supply, buyer limit $6
)
select s.supply, p.kind, s.seller, s.buyer, s.quantity_g, o.body
from summed s
cross join lateral (
    select kind from supply where lane = s.lane and market = s.market and supply = s.supply limit 1
) p
cross join lateral (
    select body from order_terms where lane = s.lane and market = s.market and order_id = s.supply limit 1
) o
"""


async def load_taken(
    connection: Connection,
    market: UUID | None,
    since: datetime,
    until: datetime,
    organisation_id: UUID | None,
    statuses: Sequence[str],
) -> list[TakenLot]:
    """Of rounds cut from `since` to before `until`, at most one more than LOTS_MAX; None: everybody's."""
    rows = await connection.fetch(
        READ_TAKEN, market, since, until, organisation_id, list(statuses), LOTS_MAX + 1
    )
    return [
        TakenLot(
            supply=row["supply"],
            kind=row["kind"],
            seller=row["seller"],
            buyer=row["buyer"],
            quantity_g=row["quantity_g"],
            terms=bodies.supply_terms(row["body"]),
        )
        for row in rows
    ]


READ_ORGANISATIONS = (
    "select organisation, version, body from organisation where organisation = any($1::uuid[])"
)


async def load_organisations(connection: Connection, known: Sequence[UUID]) -> dict[UUID, Organisation]:
    rows = await connection.fetch(READ_ORGANISATIONS, known)
    return {row["organisation"]: organisation(row) for row in rows}


# Who holds a lot has the stock, once it has had a word in that. Lots of everybody: operators, auditors only.
READ_HELD = """
select passport from passport where holder = $1 and status = 'live' order by passport limit $2
"""
READ_ALL_HELD = "select passport from passport where status = 'live' order by passport limit $1"


async def load_stock(connection: Connection, holder: UUID | None) -> list[Passport] | None:
    """Live lots that `holder` has, of everybody for None, without those that await its word. None: they are
    more than LOTS_MAX."""
    if holder is None:
        rows = await connection.fetch(READ_ALL_HELD, LOTS_MAX + 1)
    else:
        rows = await connection.fetch(READ_HELD, holder, LOTS_MAX + 1)
    if len(rows) > LOTS_MAX:
        return None
    found = await passports.load_several(connection, [row["passport"] for row in rows])
    return [each for each in found.values() if each.holder not in (each.awaited or ())]


READ_BASIS = "select body from market where market = $1"


async def market_basis(connection: Connection, market: UUID) -> MarketBasis | None:
    """None: there is no such market."""
    body = await connection.fetchval(READ_BASIS, market)
    return None if body is None else bodies.market_terms(body).basis


READ_TERMS = "select body from market where $1::uuid is null or market = $1"


async def organisations_min(connection: Connection, market: UUID | None) -> int | None:
    """How many groups of companies stand behind what is public: the most that any market asks for."""
    rows = await connection.fetch(READ_TERMS, market)
    return max((bodies.market_terms(row["body"]).public_organisations_min for row in rows), default=None)
