"""What an organisation still has open in markets and agreements; read under the locks of the lanes in which
it could change."""

from uuid import UUID

from msgspec.structs import replace

from contracts.store import open_deals
from events.connections import Connection
from market.rules.parties.openings import MarketOpenings, MoneyOpenings, Openings
from market.store import openings as store


async def of_markets(
    connection: Connection, organisation: UUID, market: UUID | None = None
) -> tuple[MarketOpenings, ...]:
    """Of every market that ever admitted the organisation, or of one; by lane and market."""
    found = await store.of_markets(connection, organisation, market)
    return tuple(
        [
            replace(of, agreements=await open_deals.binding(connection, of.lane, of.market, organisation))
            for of in found
        ]
    )


async def load(connection: Connection, organisation: UUID) -> Openings:
    """All openings of the organisation, whether it is closed or not."""
    return Openings(
        markets=await of_markets(connection, organisation),
        deliveries=await open_deals.deliveries(connection, organisation),
        policies=await store.policies(connection, organisation),
        passports=await store.passports(connection, organisation),
    )


async def money(connection: Connection, organisation: UUID, market: UUID | None) -> MoneyOpenings:
    """Open money of one market or of all; read without locks, since it refuses nothing."""
    return MoneyOpenings(
        invoices=await open_deals.invoices(connection, organisation, market),
        statements=await open_deals.statements(connection, organisation, market),
    )
