"""Tables rebuilt from the journal equal the live ones; a changed, missing or added row is found and named."""

from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from events.decision import LaneKey
from events.replay import from_journal
from market.rebuild import Report, SourceIncomplete, compare_with_record
from market.store import tables
from tests.conftest import Database
from tests.feed_support import publish
from tests.market_drafts import DELIVERY
from tests.market_support import Scene, project


@pytest.fixture
def database(traded_database: Database) -> Database:
    return traded_database


async def compared(database: Any, scene: Scene, progress: Callable[[int, int], None] | None = None) -> Report:
    owner = await asyncpg.connect(database.dsn("owner"), server_settings={"search_path": "state, view"})
    try:
        return await compare_with_record(owner, journal_feed(scene), progress)
    finally:
        await owner.close()


def journal_feed(scene: Scene) -> Any:
    return lambda key, upto: from_journal(scene.pool, key, upto=upto)


async def test_rebuilt_tables_equal_the_live_ones(database: Any, scene: Scene) -> None:
    seen: list[tuple[int, int]] = []
    report = await compared(database, scene, lambda done, total: seen.append((done, total)))
    assert [] == [table for table in report.tables if table.differences]
    assert report.equal
    assert seen[-1] == (report.events, report.events)
    expected = {f"state.{name}" for name in tables.STATE} | {f"view.{name}" for name in tables.VIEW}
    assert expected == {table.table for table in report.tables}
    filled = {table.table for table in report.tables if table.rows}
    assert {f"state.{name}" for name in tables.STATE} == filled


async def test_views_are_compared_at_the_position_of_their_reader(database: Any, scene: Scene) -> None:
    await project(scene)
    await publish(scene)
    assert (await compared(database, scene)).equal
    await scene.offer(scene.sellers[0], valid_until=DELIVERY.end)
    report = await compared(database, scene)
    assert report.equal
    assert {"view.order_entry", "view.match_entry", "view.waterfall", "view.feed"} <= {
        table.table for table in report.tables if table.rows
    }


@pytest.mark.parametrize(
    ("statement", "table", "kind", "columns"),
    [
        ("update state.supply set rank = rank + 1", "state.supply", "changed", ["rank"]),
        ("delete from state.requirement", "state.requirement", "only in the record", None),
        (
            "insert into state.failing select 0, market, market, 1, now() from state.market",
            "state.failing",
            "only live",
            None,
        ),
        ("update state.market set position = 1", "state.market", "changed", ["position"]),
    ],
)
async def test_a_row_that_was_touched_is_named(
    database: Any, scene: Scene, statement: str, table: str, kind: str, columns: list[str] | None
) -> None:
    admin = await asyncpg.connect(database.admin_dsn)
    try:
        await admin.execute(statement)
    finally:
        await admin.close()
    report = await compared(database, scene)
    assert not report.equal
    assert [table] == [found.table for found in report.tables if found.differences]
    example = next(found for found in report.tables if found.differences).examples[0]
    assert kind == example.kind
    if columns is not None:
        assert columns == [change.column for change in example.changes]


async def test_a_source_that_ends_early_is_no_comparison(database: Any, scene: Scene) -> None:
    owner = await asyncpg.connect(database.dsn("owner"))

    def short(key: LaneKey, upto: int) -> Any:
        return from_journal(scene.pool, key, upto=upto - 1)

    with pytest.raises(SourceIncomplete):
        await compare_with_record(owner, short)
    await owner.close()


async def test_nothing_is_left_behind(database: Any, scene: Scene) -> None:
    await compared(database, scene)
    admin = await asyncpg.connect(database.admin_dsn)
    schemas = await admin.fetch("select nspname from pg_namespace where nspname like 'lodestone%'")
    await admin.close()
    assert [] == schemas
