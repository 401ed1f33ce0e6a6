"""What a process keeps of lanes while it knows their heads: the same as a reading, and nothing longer."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from msgspec.structs import replace
from uuid_utils.compat import uuid7

from events.decision import Moment
from events.kept import Kept
from events.lane import LaneWriter
from events.refusal import Refusals
from events.vocabulary import Place, StatedPrice
from market.commands import inputs, members, offers
from market.rules.refusing.refusals import MemberSuspended, OrdersMax
from market.store import posting
from market.store.posting import KeptPictures, load_pictures
from tests.conftest import Database
from tests.market_drafts import NDPR_PRICE, START, TONNE_G, Firm, rule_set, supply_draft
from tests.market_support import Scene, scene_on

Change = Callable[[Scene], Awaitable[Any]]


@pytest.fixture
async def scene(market_database: Database) -> AsyncIterator[Scene]:
    """Knows the head of the market's lane."""
    async with scene_on(market_database) as opened:
        await opened.offer(opened.sellers[0])
        yield opened


@pytest.fixture
async def admin(market_database: Database, scene: Scene) -> AsyncIterator[Any]:
    opened = await asyncpg.connect(market_database.admin_dsn)
    yield opened
    await opened.close()


def kept_of(scene: Scene) -> Kept:
    writer = scene.desk.writer
    assert isinstance(writer, LaneWriter)
    return writer._left._kept[scene.lane]


def pictures_of(scene: Scene) -> KeptPictures:
    content = kept_of(scene).content
    assert isinstance(content, KeptPictures)
    return content


async def assert_as_read(scene: Scene, *firms: Firm) -> None:
    """At the lane's head, and of these firms and no others."""
    asked = [(scene.lane.lane, scene.market, firm.organisation) for firm in firms]
    async with scene.pool.acquire() as connection:
        head = await connection.fetchval(
            "select head from record.lane where stream = $1 and lane = $2", *scene.lane
        )
        read = await load_pictures(connection, asked, Moment(scene.clock.now, uuid7))
    kept = pictures_of(scene)
    assert (head, read.markets, read.members) == (kept_of(scene).head, kept.markets, kept.members)


async def test_postings_bring_forward_what_was_read_once(scene: Scene, admin: Any) -> None:
    """Nothing of it is read again: what is put in the tables beside the record is not seen."""
    seller, buyer = scene.sellers[0], scene.buyers[0]
    await scene.offer(seller)
    await scene.require(buyer)
    await assert_as_read(scene, seller, buyer)
    await admin.execute("update state.member set suspended = true")
    for _ in range(2):
        await scene.offer(seller)
        await scene.require(buyer)
    assert 7 == pictures_of(scene).markets[scene.market].open_orders
    with pytest.raises(Refusals) as refused:
        await scene.offer(scene.sellers[1])
    assert [MemberSuspended] == [type(each) for each in refused.value.refusals]


MALFORMED: dict[str, Any] = {
    "/net_wet_g": -TONNE_G,
    "/payment_terms": "30\x07days",
    "/place/name": Place(country="FR", name=""),
    "/valid_until": datetime(2027, 1, 1),  # noqa: DTZ001  what is malformed
    "/ask/amount_micro": StatedPrice(amount_micro=2**60, currency="EUR", per="element"),
}


async def test_a_malformed_draft_is_refused_alike_whether_or_not_the_lane_is_locked_first(
    scene: Scene,
) -> None:
    seller = scene.sellers[0]
    await scene.offer(seller)
    await assert_as_read(scene, seller)
    for pointer, value in MALFORMED.items():
        draft = supply_draft(seller, **{pointer.split("/")[1]: value})
        told = []
        for dry_run in (False, True):
            with pytest.raises(Refusals) as refused:
                await offers.post(
                    scene.desk, seller.trader, market=scene.market, draft=draft, dry_run=dry_run
                )
            told.append([(each.code, each.pointer) for each in refused.value.refusals])
        assert told[0] == told[1]
        assert ("malformed_member", pointer) in told[0]
    await assert_as_read(scene, seller)
    assert 2 == pictures_of(scene).markets[scene.market].open_orders


async def suspend(scene: Scene) -> None:
    await members.suspend(
        scene.desk,
        scene.operator,
        market=scene.market,
        organisation=scene.buyers[1].organisation,
        reason="test",
    )


async def record_price(scene: Scene) -> None:
    value = replace(NDPR_PRICE, published_at=START + timedelta(seconds=1))
    await inputs.record_input(scene.desk, scene.operator, market=scene.market, value=value, source_id="test")


async def withdraw(scene: Scene) -> None:
    caller = scene.sellers[0].trader
    offer = await scene.offer(scene.sellers[0])
    await offers.withdraw(scene.desk, caller, order=offer, expected_version=1)


async def clear(scene: Scene) -> None:
    await scene.conclude(await scene.plan())


@pytest.mark.parametrize("change", [suspend, record_price, withdraw, clear], ids=lambda each: each.__name__)
@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "by another process"])
async def test_whatever_else_comes_to_the_lane_is_seen(
    market_database: Database, scene: Scene, change: Change, elsewhere: bool
) -> None:
    seller = scene.sellers[0]
    await scene.offer(seller)
    await assert_as_read(scene, seller)
    if elsewhere:
        async with scene_on(market_database) as other:
            await change(other)
    else:
        await change(scene)
    writer = scene.desk.writer
    assert isinstance(writer, LaneWriter)
    writer._left._lock_first_until.clear()
    await scene.offer(seller)
    writer._left._lock_first_until.clear()
    await scene.offer(seller)
    await assert_as_read(scene, seller)


async def test_what_changes_by_the_clock_is_read_each_time(scene: Scene, admin: Any) -> None:
    failed, seller = scene.sellers
    await admin.execute(
        "insert into state.failing values ($1, $2, $3, 1, $4)",
        scene.lane.lane,
        scene.market,
        failed.organisation,
        START,
    )
    for firm in (failed, seller):
        await scene.offer(firm)
    await assert_as_read(scene, seller)
    await inputs.publish_rule_set(
        scene.desk,
        scene.operator,
        market=scene.market,
        rule_set=rule_set(version=2, effective_from=START + timedelta(hours=1)),
        signed_by=(scene.operator.organisation,),
    )
    for _ in range(2):
        await scene.offer(seller)
    assert {} == pictures_of(scene).markets
    scene.clock.pass_seconds(3_600)
    await scene.offer(seller)
    picture = pictures_of(scene).markets[scene.market]
    assert picture.rule_set is not None
    assert 2 == picture.rule_set.version


async def test_a_full_market_is_full_by_what_is_kept_too(market_database: Database) -> None:
    async with scene_on(market_database) as scene:
        scene.market = await scene.open_market(orders_max=3)
        seller = await scene.register("another")
        for _ in range(3):
            await scene.offer(seller)
        await assert_as_read(scene, seller)
        with pytest.raises(Refusals) as refused:
            await scene.offer(seller)
    assert [str(OrdersMax(open_orders=3, orders_max=3))] == list(map(str, refused.value.refusals))


async def test_a_clock_that_goes_back_and_too_many_members_leave_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = scene.sellers
    await scene.offer(first)
    assert {} != pictures_of(scene).at(START).members
    assert {} == pictures_of(scene).at(START - timedelta(microseconds=1)).members
    monkeypatch.setattr(posting, "KEPT_MEMBERS_MAX", 1)
    for firm in (first, second):
        await scene.offer(firm)
    assert {(scene.market, second.organisation)} == _keys(scene)
    await assert_as_read(scene, second)


def _keys(scene: Scene) -> set[tuple[UUID, UUID]]:
    return set(pictures_of(scene).members)
