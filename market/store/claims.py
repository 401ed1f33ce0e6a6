"""What is committed of facilities, over all markets: live orders, their matches, and what became of those."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from events.connections import Connection
from events.contract_terms import AgreementTerms, FixedVolume
from market.rules.capacities import MONTHS
from market.rules.committed import Claim, ContractYears, Taken
from market.store.supplies import decode_in_book

RELEASED: Final = "terminated"


class _Signed(Struct, frozen=True):
    terms: AgreementTerms


class _Agreement(Struct, frozen=True):
    """Of an agreement's body what says when it delivers how much."""

    starts_on: date | None = None
    ends_on: date | None = None
    standing: _Signed | None = None


# Under the lanes, and before anything is read: the next order of the facility waits here, in any market.
TAKE_TURNS = """
select facility from facility where facility = any($1::uuid[]) order by facility for no key update
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
select m.supply, m.tranche, m.quantity_g, m.status, a.status as agreed, a.kind, a.body
from match m left join agreement a on a.lane = m.lane and a.match = m.match
where m.supply = any($1::uuid[]) and m.status in ('open', 'confirmed')
order by m.match
"""


async def read_in_turn(
    connection: Connection, facilities: Collection[UUID], now: datetime
) -> dict[UUID, tuple[Claim, ...]]:
    """Claims that are still to be delivered, with the facilities locked until the transaction ends."""
    await connection.execute(TAKE_TURNS, list(facilities))
    return await read_claims(connection, facilities, now)


async def read_claims(
    connection: Connection, facilities: Collection[UUID], now: datetime
) -> dict[UUID, tuple[Claim, ...]]:
    """Of each facility the orders whose last delivery is not before this quarter."""
    since = now.replace(
        month=(now.month - 1) // MONTHS * MONTHS + 1, day=1, hour=0, minute=0, second=0, microsecond=0
    )
    rows = await connection.fetch(READ_ORDERS, list(facilities), since)
    orders = decode_in_book(rows)
    taken = _taken(await connection.fetch(READ_TAKEN, list(orders))) if orders else {}
    found: defaultdict[UUID, list[Claim]] = defaultdict(list)
    for row in rows:
        order = orders[row["supply"]]
        found[row["facility"]].append(Claim(order=order, taken=tuple(taken.get(order.order, ()))))
    return {facility: tuple(claims) for facility, claims in found.items()}


def _taken(rows: Iterable[asyncpg.Record]) -> Mapping[UUID, list[Taken]]:
    """An agreement that was ended by termination holds nothing."""
    found: defaultdict[UUID, list[Taken]] = defaultdict(list)
    for row in rows:
        if row["agreed"] == RELEASED:
            continue
        found[row["supply"]].append(
            Taken(
                tranche=row["tranche"],
                quantity_g=row["quantity_g"],
                stage="matched" if row["status"] == "open" else "contracted",
                years=None if row["kind"] != "offtake" else _years(_agreements.decode(row["body"])),
            )
        )
    return found


def _years(agreement: _Agreement) -> ContractYears | None:
    """None as long as it does not run, and for a share of output."""
    if agreement.starts_on is None or agreement.ends_on is None or agreement.standing is None:
        return None
    volume = agreement.standing.terms.volume
    if not isinstance(volume, FixedVolume):
        return None
    years = agreement.ends_on.year - agreement.starts_on.year
    return ContractYears(starts_on=agreement.starts_on, acq_g=volume.acq_g[:years])


_agreements = msgspec.json.Decoder(_Agreement)
