"""What the names in an accepted order are held against: read after it, and only where there are any."""

from typing import Any
from uuid import UUID

from events.market_terms import RequirementTerms, SupplyTerms
from market.http.wire.endpoint import Call
from market.http.wire.reads import as_desk
from market.rules.orders.orders import Caution
from market.rules.orders.unknown_names import Known, name_cautions, names_any
from market.store import initiatives, inputs, members


async def of_names(
    call: Call[Any, Any], market: UUID, terms: SupplyTerms | RequirementTerms
) -> tuple[Caution, ...]:
    if not names_any(terms):
        return ()
    known = Known()
    lane = call.door.desk.lane("market", market).lane
    async with as_desk(call) as connection:
        standing = await initiatives.standing(connection, terms.visible_to_initiatives)
        if isinstance(terms, RequirementTerms):
            published = (await inputs.load_rule_sets(connection, lane, [market]))[market]
            found = await members.load_some(connection, lane, market, terms.organisations_excluded)
            known = Known(
                schemes=published[-1].rule_set.recognised_certificates if published else (),
                members=frozenset(found),
            )
    known = Known(initiatives=standing, schemes=known.schemes, members=known.members)
    return tuple(name_cautions(terms, known))
