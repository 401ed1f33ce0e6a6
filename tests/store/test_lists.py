"""Lists by keyset: every row once, in order, whatever the page size; and the position they stand at."""

from collections.abc import AsyncIterator, Awaitable, Callable
from operator import attrgetter
from typing import Any

import pytest

from events.connections import Connection
from events.decision import LaneKey
from market.store import clearings, initiatives, inputs, lists, markets, members, party_reads, snapshots
from market.store.reading import Page
from market.store.snapshots import Snapshot
from tests.conftest import Database
from tests.market_support import Scene, project, scene_on


@pytest.fixture
def database(traded_database: Database) -> Database:
    return traded_database


@pytest.fixture
async def scene(database: Database) -> AsyncIterator[Scene]:
    async with scene_on(database) as opened:
        await project(opened)
        yield opened


@pytest.fixture
async def connection(scene: Scene) -> AsyncIterator[Connection]:
    async with scene.pool.acquire() as opened:
        yield opened


async def walk(
    read: Callable[..., Awaitable[Page[Any]]], key: Callable[[Any], Any], size: int, **given: Any
) -> list[Any]:
    found: list[Any] = []
    after = None
    while True:
        page = await read(after=after, limit=size, **given)
        found += page.items
        if not page.more:
            return found
        assert size == len(page.items)
        after = key(page.items[-1])


async def assert_pages(
    read: Callable[..., Awaitable[Page[Any]]], key: Callable[[Any], Any], **given: Any
) -> list[Any]:
    whole = await walk(read, key, 500, **given)
    assert whole
    for size in (1, 2, len(whole)):
        assert whole == await walk(read, key, size, **given)
    return whole


def bound(
    function: Callable[..., Awaitable[Page[Any]]], *arguments: Any
) -> Callable[..., Awaitable[Page[Any]]]:
    def read(**given: Any) -> Awaitable[Page[Any]]:
        return function(*arguments, **given)

    return read


async def test_supplies(scene: Scene, connection: Connection) -> None:
    seller = scene.sellers[0].organisation
    for kind in ("offer", "lot"):
        rows = await assert_pages(
            bound(lists.list_supplies, connection, seller, kind), lambda r: r.order.order
        )
        assert rows == sorted(rows, key=lambda row: row.order.order, reverse=True)
        assert {(seller, kind)} == {(row.order.organisation, row.order.kind) for row in rows}
        everyone = await walk(bound(lists.list_supplies, connection, None, kind), lambda r: r.order.order, 3)
        assert len(everyone) > len(rows)


async def test_filters(scene: Scene, connection: Connection) -> None:
    seller = scene.sellers[0].organisation
    all_rows = (await lists.list_supplies(connection, seller, "offer", limit=500)).items
    for status in ("open", "withdrawn", "expired", "sold"):
        page = await lists.list_supplies(
            connection, seller, "offer", status=status, market=scene.market, limit=500
        )
        assert tuple(row for row in all_rows if row.order.status == status) == page.items
    none = await lists.list_supplies(connection, seller, "offer", market=seller, limit=500)
    assert ((), False) == (none.items, none.more)


async def test_requirements(scene: Scene, connection: Connection) -> None:
    buyer = scene.buyers[0].organisation
    rows = await assert_pages(bound(lists.list_requirements, connection, buyer), lambda r: r.order.order)
    assert {buyer} == {row.order.organisation for row in rows}


async def test_matches(scene: Scene, connection: Connection) -> None:
    def key(row: Any) -> Any:
        return row.match.struck.match

    everyone = await assert_pages(bound(lists.list_matches, connection, None), key)
    for firm in (*scene.sellers, *scene.buyers):
        rows = await assert_pages(bound(lists.list_matches, connection, firm.organisation), key)
        parties = [(row.match.seller, row.match.buyer) for row in rows]
        assert all(firm.organisation in pair for pair in parties)
        assert rows == [r for r in everyone if firm.organisation in (r.match.seller, r.match.buyer)]
    lapsed = await lists.list_matches(connection, None, status="lapsed", limit=500)
    assert [row for row in everyone if row.status == "lapsed"] == list(lapsed.items)


async def test_everything_else_that_is_listed(scene: Scene, connection: Connection) -> None:
    organisation = scene.sellers[0].organisation
    await scene.open_market(name="second")
    await assert_pages(bound(markets.list_markets, connection), lambda row: row.market)
    await assert_pages(
        bound(members.list_members, connection, scene.market), lambda row: row.member.organisation
    )
    await assert_pages(bound(inputs.list_inputs, connection, scene.market), lambda row: (row.kind, row.key))
    await assert_pages(
        bound(inputs.list_rule_sets, connection, scene.market), lambda row: row.rule_set.version
    )
    await assert_pages(bound(party_reads.list_organisations, connection), lambda row: row.organisation)
    await assert_pages(bound(initiatives.list_initiatives, connection), lambda row: row.initiative)
    for function, name in (
        (party_reads.list_facilities, "facility"),
        (party_reads.list_certificates, "certificate"),
        (party_reads.list_licences, "licence"),
        (party_reads.list_keys, "key"),
    ):
        await assert_pages(bound(function, connection, organisation), attrgetter(name))


async def test_clearings_newest_first(scene: Scene, connection: Connection) -> None:
    rows = await assert_pages(
        bound(clearings.list_clearings, connection, scene.market), lambda row: row.round
    )
    assert [3, 2, 1] == [row.round for row in rows]
    assert ["completed", "completed", "abandoned"] == [row.status for row in rows]
    for row in rows:
        assert row == await clearings.load_clearing(connection, scene.market, row.plan)
    assert rows[0].completed is not None
    assert rows[1].ended_sha256 is not None
    assert rows[1].ended_sha256.hex() == rows[0].completed.previous_sha256


async def test_single_reads(scene: Scene, connection: Connection) -> None:
    market = await markets.load_market(connection, scene.market)
    assert market is not None
    assert (3, None) == (market.last_round, market.plan)
    rule_set = await inputs.load_rule_set(connection, scene.market, 1)
    assert rule_set is not None
    assert (scene.operator.organisation,) == rule_set.signed_by
    assert None is await inputs.load_rule_set(connection, scene.market, 2)
    organisation = scene.sellers[0].organisation
    page = await party_reads.list_facilities(connection, organisation, after=None, limit=9)
    assert page.items
    for row in page.items:
        assert row == await party_reads.load_facility(connection, organisation, row.facility)
        assert None is await party_reads.load_facility(connection, scene.buyers[0].organisation, row.facility)


async def test_the_position_views_stand_at(scene: Scene, connection: Connection) -> None:
    head = len([event for event in await scene.events("market") if event.lane == scene.lane.lane])
    assert head == await lists.position_of(connection, scene.market)
    await scene.offer(scene.sellers[0], valid_until=scene.clock.now.replace(month=6))
    assert head == await lists.position_of(connection, scene.market)


async def test_snapshots_do_not_go_back(scene: Scene, connection: Connection) -> None:
    key = LaneKey("market", 1)
    assert None is await snapshots.load(connection, "reader", key)
    for position, expected in ((5, 5), (9, 9), (7, 9)):
        await snapshots.save(connection, "reader", key, Snapshot(position=position, format="f", body=b"x"))
        found = await snapshots.load(connection, "reader", key)
        assert found is not None
        assert expected == found.position
    other = Snapshot(position=1, format="g", body=b"y")
    await snapshots.save(connection, "reader", key, other)
    assert other == await snapshots.load(connection, "reader", key)
    await snapshots.drop(connection, "reader", key)
    assert None is await snapshots.load(connection, "reader", key)
