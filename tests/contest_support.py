"""What waits between two sides, as an operator lists it, and as the migration makes it of the journal."""

from typing import Any

import asyncpg

from market.folders import DEPLOY
from tests.http.shop import Shop
from tests.market_drafts import Firm

MIGRATION = DEPLOY / "postgres" / "migrations" / "0063_contests_of_every_kind.sql"


async def contests(shop: Shop, operator: Firm, **query: str) -> list[dict[str, Any]]:
    listed = "&".join(f"{name}={value}" for name, value in query.items())
    answer = await shop.ask("GET", f"/v1/contests?{listed}", by=operator, roles=("operator",))
    assert 200 == answer.status_code, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def told(shop: Shop, operator: Firm) -> list[tuple[str, bool]]:
    """Kind of each, and whether the operator may settle it."""
    return [(each["kind"], each["operator_may_settle"]) for each in await contests(shop, operator)]


async def migrated_again(owner: asyncpg.Connection) -> list[asyncpg.Record]:
    """The rows; AssertionError where the migration makes others of the journal."""
    read = "select * from contest order by agreement, subject, kind, number"
    before: list[asyncpg.Record] = await owner.fetch(read)
    await owner.execute("drop table contest")
    await owner.execute("alter table agreement add column contested_time timestamptz")
    async with owner.transaction():
        await owner.execute(MIGRATION.read_text("utf-8"))
    assert before == await owner.fetch(read)
    return before
