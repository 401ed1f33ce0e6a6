"""What is owed by or to who ends something here, as its answer tells it."""

from typing import Any
from uuid import UUID

from market.commands import openings
from market.http.wire.endpoint import Call
from market.http.wire.receipts import Warned, unless_unread, warned
from market.rules.parties.openings import money_cautions


async def open_money(
    call: Call[Any, Any], organisation: UUID, market: UUID | None = None
) -> tuple[Warned, ...]:
    """Of one market where it leaves that one, else of all, where it ends."""
    return await unless_unread(_open_money(call, organisation, market))


async def _open_money(call: Call[Any, Any], organisation: UUID, market: UUID | None) -> tuple[Warned, ...]:
    async with call.door.desk.looking() as connection:
        found = await openings.money(connection, organisation, market)
    return warned(money_cautions(found, ends=market is None))
