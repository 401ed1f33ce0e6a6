"""Where an order stands, whatever its kind."""

from uuid import UUID

from msgspec import Struct

from events.connections import Connection
from events.vocabulary import OrderKind


class OrderPlace(Struct, frozen=True, kw_only=True):
    """What never changes of an order: market, kind, owner and the physical lot it reserves, if it names
    one."""

    lane: int
    market: UUID
    order: UUID
    kind: OrderKind
    organisation: UUID
    lot_identity: str | None


LOCATE = """
select lane, market, supply as "order", kind, organisation, lot_identity
from supply where supply = $1 and ($2::uuid is null or organisation = $2)
union all
select lane, market, requirement, 'requirement', organisation, null
from requirement where requirement = $1 and ($2::uuid is null or organisation = $2)
"""


async def locate(connection: Connection, organisation: UUID | None, order: UUID) -> OrderPlace | None:
    """None when the order is unknown or another organisation's. `organisation` None: anyone's."""
    row = await connection.fetchrow(LOCATE, order, organisation)
    return None if row is None else OrderPlace(**row)
