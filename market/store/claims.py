"""Committed volumes of facilities, over all markets: open orders, their matches and agreements, and
agreements without a match."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec
from msgspec import UNSET, Struct

from events.connections import Connection
from events.contract_terms import AgreementStatus, AgreementTerms
from market.rules.orders.agreement_counting import contract_volume, contract_years, start_of
from market.rules.twins.capacities import MONTHS
from market.rules.twins.committed import Claim, ContractClaim, ContractVolume, ContractYears, Taken
from market.store.supplies import decode_in_book

RELEASED: Final = "terminated"
BOUND: Final[frozenset[AgreementStatus]] = frozenset({"binding_subject_to_cp", "effective", "suspended_fm"})
"""A copy of the list in `contracts.rules.agreement`, which this package does not import."""


class _Signed(Struct, frozen=True):
    terms: AgreementTerms
    seller: str | None = None


class _Agreement(Struct, frozen=True):
    """The parts of an agreement's body that say when it delivers how much."""

    starts_on: date | None = None
    extensions: int = 0
    standing: _Signed | None = None
    table: _Signed | None = None

    def volume(self, of: _Signed | None, facility: UUID, now: datetime) -> ContractVolume | None:
        """None of terms that name another facility, or none."""
        if of is None or of.terms.source is UNSET or of.terms.source.facility != facility:
            return None
        return contract_volume(of.terms, self.years(of, now))

    def years(self, of: _Signed, now: datetime) -> ContractYears:
        return contract_years(of.terms, start_of(of.terms, self.starts_on, now.date()), self.extensions)

    def bound(self, status: AgreementStatus | None) -> _Signed | None:
        """What both have signed as binding."""
        return self.standing if status in BOUND else None

    def signed(self) -> _Signed | None:
        """The open proposal, where its seller has signed it as binding."""
        return self.table if self.table is not None and self.table.seller == "binding" else None


# Called under the lane locks before anything is read: the next order of the facility waits here, in any
# market. For a seller also revoked facilities, since their orders may still be open.
TAKE_TURNS = """
select facility from facility where facility = any($1::uuid[]) or organisation = any($2::uuid[])
order by facility for no key update
"""

READ_ORDERS = """
select t.facility, s.lane, s.market, s.supply, s.kind, s.organisation, s.status, s.version, s.rank,
       s.position, s.held_g, s.filled_g, s.tranche_committed_g, s.lot_identity, t.body
from order_terms t
join supply s on s.lane = t.lane and s.market = t.market and s.supply = t.order_id
where t.facility = any($1::uuid[]) and t.delivered_time > $2
    and (s.status = 'open' or s.held_g + s.filled_g > 0)
order by s.supply
"""

# A match lies in its market's lane, and its agreement in the contracts lane of the same number.
READ_TAKEN = """
select m.match, m.supply, m.tranche, m.quantity_g, m.status, a.status as agreed, a.kind, a.body
from match m left join agreement a on a.lane = m.lane and a.match = m.match
where m.supply = any($1::uuid[]) and m.status in ('open', 'confirmed')
order by m.match
"""


# Of one order, under no lane: what a closed order has sold stays.
READ_MATCHED = """
select m.match, m.buyer, m.quantity_g, a.agreement, a.status
from match m left join agreement a on a.lane = m.lane and a.match = m.match
where m.supply = $1 and m.lane = $2 and m.status in ('open', 'confirmed')
order by m.match
"""


class MatchedPart(Struct, frozen=True, kw_only=True):
    """Grams of basis that a match takes of an order; `agreement` None: it is not there yet."""

    match: UUID
    buyer: UUID
    quantity_g: int
    agreement: UUID | None
    status: AgreementStatus | None


async def read_matched(connection: Connection, lane: int, supply: UUID) -> list[MatchedPart]:
    """Matches of an order that were neither declined nor let fall."""
    return [MatchedPart(**row) for row in await connection.fetch(READ_MATCHED, supply, lane)]


READ_FACILITY = """
select t.facility
from match m join order_terms t on t.lane = m.lane and t.market = m.market and t.order_id = m.supply
where m.lane = $1 and m.market = $2 and m.match = $3
"""

# An agreement without a match names its facility in its terms. Of its seller's agreements these are few, and
# have an index of their own: most come of matches.
READ_AGREED = """
select f.facility, a.agreement, a.status, a.body
from facility f join agreement a on a.seller = f.organisation
where f.facility = any($1::uuid[]) and a.match is null and a.status not in ('expired', 'terminated')
order by a.agreement
"""


async def read_in_turn(
    connection: Connection, facilities: Collection[UUID], now: datetime, *, sellers: Collection[UUID] = ()
) -> dict[UUID, tuple[Claim | ContractClaim, ...]]:
    """Claims still to be delivered from the facilities, and from all facilities that `sellers` ever had;
    their rows are locked until the transaction ends."""
    rows = await connection.fetch(TAKE_TURNS, list(facilities), list(sellers))
    return await read_claims(connection, [row["facility"] for row in rows], now)


async def read_claims(
    connection: Connection, facilities: Collection[UUID], now: datetime
) -> dict[UUID, tuple[Claim | ContractClaim, ...]]:
    """Of each facility the orders whose last delivery is not before this quarter."""
    since = now.replace(
        month=(now.month - 1) // MONTHS * MONTHS + 1, day=1, hour=0, minute=0, second=0, microsecond=0
    )
    rows = await connection.fetch(READ_ORDERS, list(facilities), since)
    orders = decode_in_book(rows)
    taken = _taken(await connection.fetch(READ_TAKEN, list(orders)), now) if orders else {}
    found: defaultdict[UUID, list[Claim | ContractClaim]] = defaultdict(list)
    for row in rows:
        order = orders[row["supply"]]
        found[row["facility"]].append(Claim(order=order, taken=tuple(taken.get(order.order, ()))))
    for facility, claim in await _agreed(connection, facilities, now):
        found[facility].append(claim)
    return {facility: tuple(claims) for facility, claims in found.items()}


async def facility_of_match(connection: Connection, lane: int, market: UUID, match: UUID) -> UUID | None:
    """Of the order that the match took of."""
    found: UUID | None = await connection.fetchval(READ_FACILITY, lane, market, match)
    return found


async def _agreed(
    connection: Connection, facilities: Collection[UUID], now: datetime
) -> list[tuple[UUID, ContractClaim]]:
    """Agreements that no match led to, of terms that stand or that the seller has signed as binding."""
    found = []
    for row in await connection.fetch(READ_AGREED, list(facilities)):
        of = _agreements.decode(row["body"])
        standing, table = (
            of.volume(terms, row["facility"], now) for terms in (of.bound(row["status"]), of.signed())
        )
        if standing is not None or table is not None:
            claim = ContractClaim(agreement=row["agreement"], standing=standing, signed=table)
            found.append((row["facility"], claim))
    return found


def _taken(rows: Iterable[asyncpg.Record], now: datetime) -> Mapping[UUID, list[Taken]]:
    """Taken quantities; a terminated agreement takes nothing."""
    found: defaultdict[UUID, list[Taken]] = defaultdict(list)
    for row in rows:
        if row["agreed"] == RELEASED:
            continue
        of = _agreements.decode(row["body"]) if row["kind"] == "offtake" else _Agreement()
        years, signed = (
            None if terms is None else of.years(terms, now)
            for terms in (of.bound(row["agreed"]), of.signed())
        )
        found[row["supply"]].append(
            Taken(
                match=row["match"],
                tranche=row["tranche"],
                quantity_g=row["quantity_g"],
                stage="matched" if row["status"] == "open" else "contracted",
                years=years,
                signed=signed,
            )
        )
    return found


_agreements = msgspec.json.Decoder(_Agreement)
