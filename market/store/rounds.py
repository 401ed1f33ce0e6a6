"""What a completed round recorded of its orders, from the views: never for a tenant's session."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from msgspec import Struct

from events.clearing_terms import Multiplier, OrderDual, Waterfall
from events.connections import Connection
from events.vocabulary import OrderKind
from market.rules.visibility.standings import RoundDual, RoundMultiplier
from market.store.reading import Page, page

_duals = msgspec.json.Decoder(OrderDual)
_waterfalls = msgspec.json.Decoder(Waterfall)
_multipliers = msgspec.json.Decoder(Multiplier)

SectionKey = tuple[str, UUID, int]
"""Section, order, tranche."""

# Firm sections were cleared before the ones of all orders, as these positions say.
DUALS = """
select section, body from order_dual
where lane = $1 and market = $2 and plan = $3 order by position, section, order_id, tranche
"""

TRADES = """
select body from waterfall
where lane = $1 and market = $2 and plan = $3 and $4::uuid in (supply, requirement)
"""


PAIRS = """
select distinct supply, requirement from waterfall where lane = $1 and market = $2 and plan = $3
"""

MULTIPLIERS = """
select section, body from multiplier
where lane = $1 and market = $2 and plan = $3 and requirement = $4 order by position, number
"""


async def load_duals(connection: Connection, lane: int, market: UUID, plan: UUID) -> tuple[RoundDual, ...]:
    """Of every order of the round, section by section in the order of clearing."""
    rows = await connection.fetch(DUALS, lane, market, plan)
    return tuple(RoundDual(section=row["section"], dual=_duals.decode(row["body"])) for row in rows)


async def load_trades(
    connection: Connection, lane: int, market: UUID, plan: UUID, order: UUID
) -> tuple[Waterfall, ...]:
    """The round's trades of one order."""
    rows = await connection.fetch(TRADES, lane, market, plan, order)
    return tuple(_waterfalls.decode(row["body"]) for row in rows)


async def load_pairs(
    connection: Connection, lane: int, market: UUID, plan: UUID
) -> tuple[tuple[UUID, UUID], ...]:
    """Which supplies traded with which requirements in the round."""
    rows = await connection.fetch(PAIRS, lane, market, plan)
    return tuple((row["supply"], row["requirement"]) for row in rows)


async def load_multipliers(
    connection: Connection, lane: int, market: UUID, plan: UUID, requirement: UUID
) -> tuple[RoundMultiplier, ...]:
    """What each portfolio limit of a requirement cost it in the round, section by section."""
    rows = await connection.fetch(MULTIPLIERS, lane, market, plan, requirement)
    return tuple(
        RoundMultiplier(section=row["section"], multiplier=_multipliers.decode(row["body"])) for row in rows
    )


class MarginalRow(Struct, frozen=True, kw_only=True):
    """An order that a round filled in part, and whose it is."""

    section: str
    kind: OrderKind
    organisation: UUID
    dual: OrderDual

    @property
    def key(self) -> SectionKey:
        return self.section, self.dual.order, self.dual.tranche


# An order is marginal in few sections: the filter reads the duals of one round.
MARGINAL = """
select d.section, d.body, o.kind, o.organisation
from order_dual d join order_entry o on o.lane = d.lane and o.market = d.market and o.order_id = d.order_id
where d.lane = $1 and d.market = $2 and d.plan = $3 and ($4::uuid is null or o.organisation = $4)
    and (convert_from(d.body, 'UTF8')::jsonb -> 'marginal') = 'true'::jsonb
    and ($5::text is null or (d.section, d.order_id, d.tranche) > ($5, $6::uuid, $7::bigint))
order by d.section, d.order_id, d.tranche limit $8
"""


async def list_marginal(
    connection: Connection,
    lane: int,
    market: UUID,
    plan: UUID,
    organisation: UUID | None,
    *,
    after: SectionKey | None,
    limit: int,
) -> Page[MarginalRow]:
    """The round's marginal orders of an organisation, of all for None, by section, order and tranche."""
    key: Sequence[object] = after or (None, None, None)
    rows = await connection.fetch(MARGINAL, lane, market, plan, organisation, *key, limit + 1)
    return page(
        [
            MarginalRow(
                section=row["section"],
                kind=row["kind"],
                organisation=row["organisation"],
                dual=_duals.decode(row["body"]),
            )
            for row in rows
        ],
        limit,
    )
