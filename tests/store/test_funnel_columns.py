"""What the migration makes of rows that were there before its columns is what the record makes of them."""

from datetime import UTC, datetime
from typing import Any

import asyncpg

from contracts.timers import Timers
from events.replay import from_journal
from market.folders import DEPLOY
from market.rebuild import compare_with_record
from tests.agreement_support import STEADY, agreed
from tests.contract_support import agreement_terms
from tests.market_support import scene_on

MIGRATION = DEPLOY / "postgres" / "migrations" / "0011_funnel.sql"
BEFORE = """
alter table state.match
    drop column struck_time, drop column quantity_g, drop column price_ueur_per_kg, drop column amount_cents;
update state.agreement set
    body = convert_to(replace(convert_from(body, 'UTF8'), ',"superseded":[]', ''), 'UTF8');
alter table state.agreement drop column ended_reason, drop column currency;
alter table state.contract_year
    drop column taken_g, drop column off_spec_g, drop column invoiced_g, drop column invoiced_cents;
"""


async def test_rows_of_before_become_what_the_record_says(database: Any) -> None:
    async with scene_on(database) as scene:
        await scene.offer(scene.sellers[0], commitment="firm")
        await scene.require(scene.buyers[0], commitment="firm")
        await scene.conclude(await scene.plan())
        await agreed(scene, **(STEADY | {"nominations": ()}))
        await agreed(scene, price=agreement_terms().price)
        scene.clock.now = datetime(2027, 8, 1, tzinfo=UTC)
        timers = Timers(scene.desk, scene.operator.organisation, lambda *_: None, clock=scene.clock)
        while await timers.tick():
            scene.clock.pass_seconds(6)
        owner = await asyncpg.connect(database.dsn("owner"), server_settings={"search_path": "state, view"})
        try:
            async with owner.transaction():
                await owner.execute(BEFORE)
            async with owner.transaction():
                await owner.execute(MIGRATION.read_text("utf-8"))
            report = await compare_with_record(
                owner, lambda lane, upto: from_journal(scene.pool, lane, upto=upto)
            )
            ended = await owner.fetchval("select ended_reason from agreement where status = 'terminated'")
        finally:
            await owner.close()
        differing = {table.table for table in report.tables if table.differences}
        assert (set(), "long_stop_passed") == (
            {table for table in differing if table.startswith("state.")},
            ended,
        )
        rows = {table.table: table.rows for table in report.tables}
        assert min(rows["state.match"], rows["state.agreement"], rows["state.contract_year"])
