"""What was taken in a period, and what is in stock, for shares of consumption and supplier maps."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from events.connections import Connection
from events.market_terms import SupplyTerms
from events.material_events import PassportAcknowledged, PassportCorrected
from events.vocabulary import MarketBasis, RexRoute
from market.rules.crma.taken import REUSABLE
from market.rules.parties.parties import Organisation
from market.rules.passport import Passport
from market.store import bodies, passports
from market.store.parties import organisation

LOTS_MAX = 5_000
"""Maximum of lots in one answer; for more, a market or a shorter period has to be named."""
MATCHES_MAX = 20_000
CORRECTING = [PassportCorrected.TYPE, PassportAcknowledged.TYPE]
ENDED = ("expired", "terminated")
"""As `contracts.rules.agreement` has it, from which no table of the market imports."""


class TakenLot(Struct, frozen=True, kw_only=True):
    """What matches have taken of one order for one buyer, in grams of basis, the first of them `since`.

    `route`: the buyer's, of goods that may be used again.
    """

    market: UUID
    supply: UUID
    kind: Literal["offer", "lot"]
    seller: UUID
    buyer: UUID
    quantity_g: int
    terms: SupplyTerms
    route: RexRoute | None
    since: datetime

    @property
    def passport(self) -> UUID | None:
        return None if self.terms.physical_lot is None else self.terms.physical_lot.passport


# One branch for everybody, and one with its own index for each side of a party. The limits keep an order at
# one probe of its index, whatever the planner knows.
READ_TAKEN = """
with taken as (
    select lane, market, supply, requirement, seller, buyer, quantity_g, struck_time from match
    where $4::uuid is null and status = any($5::text[]) and struck_time >= $2 and struck_time < $3
        and ($1::uuid is null or market = $1)
    union all
    select lane, market, supply, requirement, seller, buyer, quantity_g, struck_time from match
    where seller = $4 and status = any($5::text[]) and struck_time >= $2 and struck_time < $3
        and ($1::uuid is null or market = $1)
    union all
    select lane, market, supply, requirement, seller, buyer, quantity_g, struck_time from match
    where buyer = $4 and status = any($5::text[]) and struck_time >= $2 and struck_time < $3
        and ($1::uuid is null or market = $1)
), summed as (
    select lane, market, supply, requirement, seller, buyer, sum(quantity_g)::bigint as quantity_g,
        min(struck_time) as since
    from taken group by lane, market, supply, requirement, seller, buyer
    order by supply, buyer, requirement limit $6
)
select s.market, s.supply, p.kind, s.seller, s.buyer, s.quantity_g, s.since, o.body, r.body as wanted
from summed s
cross join lateral (
    select kind from supply where lane = s.lane and market = s.market and supply = s.supply limit 1
) p
cross join lateral (
    select body from order_terms where lane = s.lane and market = s.market and order_id = s.supply limit 1
) o
cross join lateral (
    select body from order_terms where lane = s.lane and market = s.market and order_id = s.requirement
    limit 1
) r
order by s.supply, s.buyer, s.requirement
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
    lots = [_lot(row) for row in rows]
    return lots if len(lots) > LOTS_MAX else _by_order(lots)


def _lot(row: asyncpg.Record) -> TakenLot:
    terms = bodies.supply_terms(row["body"])
    return TakenLot(
        market=row["market"],
        supply=row["supply"],
        kind=row["kind"],
        seller=row["seller"],
        buyer=row["buyer"],
        quantity_g=row["quantity_g"],
        terms=terms,
        route=_wanted.decode(row["wanted"]).rex_route if terms.form in REUSABLE else None,
        since=row["since"],
    )


def _by_order(lots: Iterable[TakenLot]) -> list[TakenLot]:
    """Of several requirements of a buyer one lot, so that masses are rounded once."""
    found: dict[tuple[UUID, UUID, RexRoute | None], TakenLot] = {}
    for lot in lots:
        key = (lot.supply, lot.buyer, lot.route)
        known = found.get(key)
        found[key] = (
            lot
            if known is None
            else replace(
                known, quantity_g=known.quantity_g + lot.quantity_g, since=min(known.since, lot.since)
            )
        )
    return list(found.values())


# What has been delivered under the contracts of these matches, whenever that was, and which have ended.
READ_CLOSED = """
with taken as (
    select lane, match, supply, buyer, quantity_g from match
    where $4::uuid is null and status = 'confirmed' and struck_time >= $2 and struck_time < $3
        and ($1::uuid is null or market = $1)
    union all
    select lane, match, supply, buyer, quantity_g from match
    where seller = $4 and status = 'confirmed' and struck_time >= $2 and struck_time < $3
        and ($1::uuid is null or market = $1)
    union all
    select lane, match, supply, buyer, quantity_g from match
    where buyer = $4 and status = 'confirmed' and struck_time >= $2 and struck_time < $3
        and ($1::uuid is null or market = $1)
)
select t.supply, t.buyer, t.quantity_g, a.status, array(
    select d.body from delivery d
    where d.lane = a.lane and d.market = a.market and d.agreement = a.agreement
        and d.status in ('accepted', 'lost')
) as deliveries
from taken t join agreement a on a.lane = t.lane and a.match = t.match
order by t.supply, t.buyer, t.match limit $5
"""


class ClosedPart(Struct, frozen=True, kw_only=True):
    """Of a match: grams of basis that were accepted or lost under its contract."""

    supply: UUID
    buyer: UUID
    quantity_g: int
    closed_g: int
    ended: bool


async def load_closed(
    connection: Connection,
    market: UUID | None,
    since: datetime,
    until: datetime,
    organisation_id: UUID | None,
) -> list[ClosedPart]:
    """Of confirmed matches of the time that have a contract, at most one more than MATCHES_MAX."""
    rows = await connection.fetch(READ_CLOSED, market, since, until, organisation_id, MATCHES_MAX + 1)
    return [
        ClosedPart(
            supply=row["supply"],
            buyer=row["buyer"],
            quantity_g=row["quantity_g"],
            closed_g=sum(map(_closed_g, row["deliveries"])),
            ended=row["status"] in ENDED,
        )
        for row in rows
    ]


READ_ORDERED = """
select m.match, o.body, r.body as wanted from match m
join order_terms o on o.lane = m.lane and o.market = m.market and o.order_id = m.supply
join order_terms r on r.lane = m.lane and r.market = m.market and r.order_id = m.requirement
where m.match = any($1::uuid[])
"""


async def load_ordered(
    connection: Connection, matches: Sequence[UUID]
) -> dict[UUID, tuple[SupplyTerms, RexRoute | None]]:
    """By match: what was sold, and the route that its buyer runs."""
    rows = await connection.fetch(READ_ORDERED, matches) if matches else []
    return {
        row["match"]: (bodies.supply_terms(row["body"]), _wanted.decode(row["wanted"]).rex_route)
        for row in rows
    }


READ_ORGANISATIONS = """
select organisation, version, body, closing_asked_time, closed_time from organisation
where organisation = any($1::uuid[])
"""


async def load_organisations(connection: Connection, known: Sequence[UUID]) -> dict[UUID, Organisation]:
    rows = await connection.fetch(READ_ORGANISATIONS, known)
    return {row["organisation"]: organisation(row) for row in rows}


# Stock belongs to the holder of a lot, once it has acknowledged the transfer. Lots of everybody: only for
# operators and auditors.
READ_HELD = """
select passport from passport where holder = $1 and status = 'live' order by passport limit $2
"""
READ_ALL_HELD = "select passport from passport where status = 'live' order by passport limit $1"


async def load_stock(connection: Connection, holder: UUID | None) -> list[Passport] | None:
    """Live lots held by `holder` (None: by anybody), without transfers that it has not acknowledged. Returns
    None if there are more than LOTS_MAX."""
    if holder is None:
        rows = await connection.fetch(READ_ALL_HELD, LOTS_MAX + 1)
    else:
        rows = await connection.fetch(READ_HELD, holder, LOTS_MAX + 1)
    if len(rows) > LOTS_MAX:
        return None
    found = await passports.load_several(connection, [row["passport"] for row in rows])
    return [each for each in found.values() if each.holder not in (each.awaited or ())]


READ_BASES = "select market, body from market where market = any($1::uuid[])"


async def market_bases(connection: Connection, markets: Iterable[UUID]) -> dict[UUID, MarketBasis]:
    """Of those of the markets that there are."""
    rows = await connection.fetch(READ_BASES, sorted(set(markets)))
    return {row["market"]: bodies.market_terms(row["body"]).basis for row in rows}


class _Wanted(Struct, frozen=True):
    """Of a requirement's terms what its buyer does with the goods."""

    rex_route: RexRoute | None = None


class _Quantity(Struct, frozen=True):
    quantity_g: int


class _Closed(Struct, frozen=True):
    """Of a delivery's body how much of the basis was accepted, or else lost as it was shipped."""

    shipped: _Quantity
    accepted: _Quantity | None = None


def _closed_g(body: bytes) -> int:
    delivery = _closings.decode(body)
    return (delivery.accepted or delivery.shipped).quantity_g


class _Said(Struct, frozen=True):
    """Of a correction or an acknowledgement what says whether another content stands from then on."""

    corrects: UUID | None = None
    acceptance: str | None = None
    correction: UUID | None = None

    @property
    def corrects_now(self) -> bool:
        return self.correction is not None or (self.corrects is not None and self.acceptance is None)


_said = msgspec.json.Decoder(_Said)
_wanted = msgspec.json.Decoder(_Wanted)
_closings = msgspec.json.Decoder(_Closed)


READ_CORRECTED = """
select s.passport, s.said_time, s.body from passport p
join passport_step s on s.lane = p.lane and s.passport = p.passport
where p.passport = any($1::uuid[]) and s.type = any($2::text[]) order by s.passport, s.version
"""


async def load_corrected(connection: Connection, lots: Iterable[UUID]) -> dict[UUID, datetime]:
    """Of those that were ever corrected, since when the last correction that counts has stood."""
    rows = await connection.fetch(READ_CORRECTED, sorted(set(lots)), CORRECTING)
    return {row["passport"]: row["said_time"] for row in rows if _said.decode(row["body"]).corrects_now}


READ_POSITIONS = "select stream, lane, next_position - 1 as position from record.lane order by stream, lane"


async def load_positions(connection: Connection) -> dict[str, list[int]]:
    """By stream, the newest position of each of its lanes in the snapshot that is read."""
    found: dict[str, list[int]] = {}
    for row in await connection.fetch(READ_POSITIONS):
        found.setdefault(row["stream"], []).append(row["position"])
    return found


READ_TERMS = "select body from market where $1::uuid is null or market = $1"


async def organisations_min(connection: Connection, market: UUID | None) -> int | None:
    """The number of groups of companies required for public figures: the highest of all markets."""
    rows = await connection.fetch(READ_TERMS, market)
    return max((bodies.market_terms(row["body"]).public_organisations_min for row in rows), default=None)
