"""Open obligations of an organisation: agreements by market, deliveries, and payments."""

from uuid import UUID

import msgspec

from contracts.rules.agreement import BOUND, Agreement
from contracts.rules.delivery import Delivery
from events.connections import Connection

READ_AGREEMENTS = """
select body from agreement
where lane = $1 and market = $2 and seller = $3 and status not in ('expired', 'terminated')
union all
select body from agreement
where lane = $1 and market = $2 and buyer = $3 and status not in ('expired', 'terminated')
"""


async def binding(connection: Connection, lane: int, market: UUID, organisation: UUID) -> tuple[UUID, ...]:
    """Agreements that bind it, or that the other side's signature alone would make binding."""
    rows = await connection.fetch(READ_AGREEMENTS, lane, market, organisation)
    found = [_agreements.decode(row["body"]) for row in rows]
    return tuple(sorted(each.agreement for each in found if _holds(each, organisation)))


def _holds(agreement: Agreement, organisation: UUID) -> bool:
    if agreement.status in BOUND:
        return True
    table = agreement.table
    if table is None:
        return False
    return (table.seller if agreement.seller == organisation else table.buyer) == "binding"


READ_DELIVERIES = """
select delivery from delivery
where seller = $1 and status in ('shipped', 'weighed', 'before_umpire', 'assayed')
union
select delivery from delivery
where buyer = $1 and status in ('shipped', 'weighed', 'before_umpire', 'assayed')
order by delivery
"""

# A body has the member `returns` only if some were declared.
READ_RETURNS = """
select body from delivery
where (seller = $1 or buyer = $1) and status = 'accepted' and position('"returns"'::bytea in body) > 0
"""


async def deliveries(connection: Connection, organisation: UUID) -> tuple[UUID, ...]:
    """Deliveries that are not accepted, rejected or lost, and those with an open return."""
    found = [row["delivery"] for row in await connection.fetch(READ_DELIVERIES, organisation)]
    accepted = [_deliveries.decode(row["body"]) for row in await connection.fetch(READ_RETURNS, organisation)]
    return tuple(sorted([*found, *(of.shipped.delivery for of in accepted if of.returning is not None)]))


READ_INVOICES = """
select invoice from issued_invoice
where seller = $1 and status in ('open', 'part_paid') and ($2::uuid is null or market = $2)
union
select invoice from issued_invoice
where buyer = $1 and status in ('open', 'part_paid') and ($2::uuid is null or market = $2)
order by invoice
"""

READ_STATEMENTS = """
select payment from payment
where payer = $1 and status = 'stated' and ($2::uuid is null or market = $2)
union
select payment from payment
where payee = $1 and status = 'stated' and ($2::uuid is null or market = $2)
order by payment
"""


async def invoices(connection: Connection, organisation: UUID, market: UUID | None) -> tuple[UUID, ...]:
    """Open invoices that it has to pay or to receive, of one market or of all."""
    return tuple(row["invoice"] for row in await connection.fetch(READ_INVOICES, organisation, market))


async def statements(connection: Connection, organisation: UUID, market: UUID | None) -> tuple[UUID, ...]:
    """Payments of either side that wait for the payee's confirmation."""
    return tuple(row["payment"] for row in await connection.fetch(READ_STATEMENTS, organisation, market))


_deliveries = msgspec.json.Decoder(Delivery)
_agreements = msgspec.json.Decoder(Agreement)
