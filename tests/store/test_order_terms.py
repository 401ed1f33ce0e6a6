"""Terms of orders that the migration moves out of their rows are those that the record says."""

from datetime import UTC, datetime
from typing import Any

import asyncpg

from events.replay import from_journal
from events.vocabulary import PPB, Period, TermHorizon, Tranche
from market.folders import DEPLOY
from market.rebuild import compare_with_record
from tests.market_drafts import TONNE_G
from tests.market_support import scene_on

MIGRATIONS = [
    DEPLOY / "postgres" / "migrations" / name for name in ("0016_order_terms.sql", "0022_facility_claims.sql")
]
TERM = TermHorizon(
    start_year=2027, profile_ppb=(PPB, PPB), index="ndpr-oxide", quotation_period="month_of_shipment"
)
IN_TERM = Tranche(
    window=Period(start=datetime(2027, 2, 1, tzinfo=UTC), end=datetime(2027, 5, 1, tzinfo=UTC)),
    net_wet_g=10 * TONNE_G,
)
BEFORE = """
alter table state.supply add column body bytea;
alter table state.requirement add column body bytea;
update state.supply s set body = t.body from state.order_terms t where t.order_id = s.supply;
update state.requirement r set body = t.body from state.order_terms t where t.order_id = r.requirement;
drop table state.order_terms;
drop index state.match_of_supply, state.facility_by_id;
"""


async def test_rows_of_before_become_what_the_record_says(database: Any) -> None:
    async with scene_on(database) as scene:
        await scene.offer(scene.sellers[0])
        await scene.lot(scene.sellers[1], "L-1")
        await scene.offer(scene.sellers[0], term=TERM, tranches=(IN_TERM,))
        await scene.require(scene.buyers[0])
        owner = await asyncpg.connect(database.dsn("owner"), server_settings={"search_path": "state, view"})
        try:
            async with owner.transaction():
                await owner.execute(BEFORE)
            for migration in MIGRATIONS:
                async with owner.transaction():
                    await owner.execute(migration.read_text("utf-8"))
            report = await compare_with_record(
                owner, lambda lane, upto: from_journal(scene.pool, lane, upto=upto)
            )
        finally:
            await owner.close()
        assert [] == [
            table.table for table in report.tables if table.differences and table.table.startswith("state.")
        ]
        assert 4 == {table.table: table.rows for table in report.tables}["state.order_terms"]
