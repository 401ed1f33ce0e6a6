"""Commands on a real PostgreSQL: what is recorded, held, released, refused and repeated."""

import asyncio
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from msgspec.structs import replace

from events.command import Outcome
from events.decision import Request
from events.heads import lock_lanes
from events.lane import LaneWriter
from events.market_events import MatchStruck, MemberChanged
from events.material_events import LotReleased, LotReserved
from events.refusal import IdempotencyKeyReused, Refusal, Refusals, VersionStale
from events.timetable import START
from market.commands import clearings, inputs, lots, matches, members, offers, parties, requirements
from market.rules.parties.facilities import RegisterFacility
from market.rules.parties.parties import ChangeOrganisation
from market.rules.refusing.refusals import (
    LotAlreadyReserved,
    LotAlreadySold,
    MarketUnknown,
    MatchUnknown,
    OrdersMax,
    OrderUnknown,
    ReservationUnknown,
)
from market.store import due, party_reads
from market.store.markets import load_market
from market.store.requirements import load_requirement
from market.store.supplies import load_supply
from tests.conftest import Database
from tests.market_drafts import (
    DELIVERY,
    TONNE_G,
    VALID_UNTIL,
    facility_details,
    lot_draft,
    organisation_details,
    requirement_draft,
    rule_set,
    supply_draft,
)
from tests.market_support import Scene, done
from tests.record_support import eventually, standing_still


@pytest.fixture
def database(market_database: Database) -> Database:
    return market_database


WAITS_FOR_A_LANE = "select exists (select from pg_locks where not granted)"


def codes(error: BaseException) -> set[str]:
    assert isinstance(error, Refusal | Refusals)
    return {error.code} if isinstance(error, Refusal) else {refusal.code for refusal in error.refusals}


async def open_orders(scene: Scene) -> int:
    async with scene.pool.acquire() as connection:
        row = await load_market(connection, scene.market)
    assert row is not None
    return row.open_orders


async def struck_by(scene: Scene, *, commitment: str = "subject_to_confirmation") -> MatchStruck:
    """One match of a whole round between the first seller and the first buyer."""
    await scene.offer(scene.sellers[0], commitment=commitment)
    await scene.require(scene.buyers[0], commitment=commitment)
    events = await scene.conclude(await scene.plan())
    (struck,) = [event.data for event in events if isinstance(event.data, MatchStruck)]
    return struck


async def quantities(scene: Scene, struck: MatchStruck) -> list[tuple[int, int, str]]:
    """(held, filled, status) of both sides of a match."""
    async with scene.pool.acquire() as connection:
        supply = await load_supply(connection, None, struck.supply)
        requirement = await load_requirement(connection, None, struck.requirement)
    assert supply is not None
    assert requirement is not None
    return [(row.order.held_g, row.order.filled_g, row.order.status) for row in (supply, requirement)]


async def test_a_posted_order_is_read_back_at_once(scene: Scene) -> None:
    seller = scene.sellers[0]
    offer = await scene.offer(seller)
    async with scene.pool.acquire() as connection:
        row = await load_supply(connection, seller.organisation, offer)
        assert None is await load_supply(connection, scene.sellers[1].organisation, offer)
    assert row is not None
    assert ("offer", "open", 1, 3_500_000) == (
        row.order.kind,
        row.order.status,
        row.order.version,
        row.order.terms.basis_g,
    )


async def test_a_match_holds_both_sides_and_a_confirmation_sells_them(scene: Scene) -> None:
    struck = await struck_by(scene)
    grams = struck.quantity_basis_g
    assert 2 * TONNE_G == grams
    assert [(grams, 0, "open"), (grams, 0, "open")] == await quantities(scene, struck)
    await matches.answer(scene.desk, scene.buyers[0].trader, match=struck.match, answer="confirmed")
    assert [(grams, 0, "open"), (grams, 0, "open")] == await quantities(scene, struck)
    await matches.answer(scene.desk, scene.sellers[0].trader, match=struck.match, answer="confirmed")
    assert [(0, grams, "open"), (0, grams, "sold")] == await quantities(scene, struck)
    assert 1 == await open_orders(scene)


async def test_a_decline_releases_the_hold_on_both_sides(scene: Scene) -> None:
    struck = await struck_by(scene)
    decline: dict[str, Any] = {"match": struck.match, "answer": "declined", "reason": "credit"}
    await matches.answer(scene.desk, scene.sellers[0].trader, **decline)
    await matches.answer(scene.desk, scene.buyers[0].trader, match=struck.match, answer="confirmed")
    assert [(0, 0, "open"), (0, 0, "open")] == await quantities(scene, struck)


async def test_a_lapse_releases_the_hold_on_both_sides(scene: Scene) -> None:
    struck = await struck_by(scene)
    scene.clock.pass_seconds(3_601)
    async with scene.pool.acquire() as connection:
        places = (await due.due_lapses(connection, scene.clock.now, 10)).places
    assert [struck.match] == [place.match for place in places]
    await matches.lapse(scene.desk, scene.operator, match=struck.match)
    assert [(0, 0, "open"), (0, 0, "open")] == await quantities(scene, struck)


async def test_firm_orders_are_sold_by_the_round_itself(scene: Scene) -> None:
    struck = await struck_by(scene, commitment="firm")
    grams = struck.quantity_basis_g
    assert [(0, grams, "open"), (0, grams, "sold")] == await quantities(scene, struck)


async def test_a_withdrawn_order_keeps_what_its_match_holds(scene: Scene) -> None:
    struck = await struck_by(scene)
    grams = struck.quantity_basis_g
    await offers.withdraw(scene.desk, scene.sellers[0].trader, order=struck.supply, expected_version=1)
    assert [(grams, 0, "withdrawn"), (grams, 0, "open")] == await quantities(scene, struck)
    for firm in (scene.sellers[0], scene.buyers[0]):
        await matches.answer(scene.desk, firm.trader, match=struck.match, answer="confirmed")
    assert [(0, grams, "withdrawn"), (0, grams, "sold")] == await quantities(scene, struck)


async def test_two_who_post_one_lot_in_two_markets_at_once(scene: Scene) -> None:
    seller = scene.sellers[0]
    second = await scene.open_market(name="second")
    await members.admit(scene.desk, scene.operator, market=second, organisation=seller.organisation)
    for number in range(6):
        posts = [scene.lot(seller, f"L-{number}", market=market) for market in (scene.market, second)]
        answers = await asyncio.gather(*posts, return_exceptions=True)
        won = [answer for answer in answers if isinstance(answer, UUID)]
        lost = [answer for answer in answers if isinstance(answer, BaseException)]
        assert (1, [{LotAlreadyReserved.code}]) == (len(won), [codes(error) for error in lost])
    reserved = [event for event in await scene.events("materials") if isinstance(event.data, LotReserved)]
    assert 6 == len(reserved)


async def test_a_withdrawn_lot_may_be_listed_again_a_sold_one_never(scene: Scene) -> None:
    seller = scene.sellers[0]
    lot = await scene.lot(seller, "L-1", net_wet_g=TONNE_G)
    await lots.withdraw(scene.desk, seller.trader, order=lot, expected_version=1)
    again = await scene.lot(seller, "L-1", net_wet_g=TONNE_G)
    await scene.require(scene.buyers[0])
    await scene.conclude(await scene.plan())
    async with scene.pool.acquire() as connection:
        assert [again] == [place.order for place in (await due.due_releases(connection, 10)).places]
    await lots.release(scene.desk, scene.operator, order=again)
    async with scene.pool.acquire() as connection:
        assert () == (await due.due_releases(connection, 10)).places
    with pytest.raises(Refusals) as refused:
        await scene.lot(seller, "L-1", net_wet_g=TONNE_G)
    assert {LotAlreadySold.code} == codes(refused.value)
    reasons = [e.data.reason for e in await scene.events("materials") if isinstance(e.data, LotReleased)]
    assert {"withdrawn", "sold"} == set(reasons)


async def test_an_order_without_a_lot_has_nothing_to_release(scene: Scene) -> None:
    offer = await scene.offer(scene.sellers[0])
    with pytest.raises(ReservationUnknown):
        await lots.release(scene.desk, scene.operator, order=offer)


async def test_a_repeated_request_is_answered_once_recorded_once(scene: Scene) -> None:
    seller = scene.sellers[0]
    request = Request(
        organisation=seller.organisation, route="POST /v1/offers", key="k", body_hash=sha256(b"1").digest()
    )
    post: dict[str, Any] = {"market": scene.market, "draft": supply_draft(seller)}
    answers = await asyncio.gather(
        *(offers.post(scene.desk, seller.trader, request=request, **post) for _ in range(4))
    )
    outcomes = [done(answer) for answer in answers]
    assert 1 == len({outcome.events for outcome in outcomes})
    assert [False, True, True, True] == sorted(outcome.replayed for outcome in outcomes)
    other = Request(
        organisation=seller.organisation, route="POST /v1/offers", key="k", body_hash=sha256(b"2").digest()
    )
    with pytest.raises(IdempotencyKeyReused):
        await offers.post(scene.desk, seller.trader, request=other, **post)
    assert 1 == await open_orders(scene)


async def test_a_rehearsal_refuses_alike_and_stores_nothing(scene: Scene) -> None:
    seller = scene.sellers[0]
    drafts = await offers.post(
        scene.desk, seller.trader, market=scene.market, draft=supply_draft(seller), dry_run=True
    )
    assert not isinstance(drafts, Outcome)
    assert ["market"] == [draft.stream for draft in drafts]
    assert 0 == await open_orders(scene)
    late = supply_draft(seller, valid_until=scene.clock.now - timedelta(days=1))
    with pytest.raises(Refusals):
        await offers.post(scene.desk, seller.trader, market=scene.market, draft=late, dry_run=True)


async def test_a_batch_of_postings_meets_the_cap_exactly(scene: Scene) -> None:
    scene.market = await scene.open_market(name="small", orders_max=5)
    seller = await scene.register("small-seller")
    answers = await asyncio.gather(*(scene.offer(seller) for _ in range(9)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert [{OrdersMax.code}] * 4 == [codes(error) for error in refused]
    assert 5 == await open_orders(scene)


async def test_a_change_of_a_party_reaches_each_of_its_markets(scene: Scene) -> None:
    firm = scene.sellers[0]
    second = await scene.open_market(name="second")
    await members.admit(scene.desk, scene.operator, market=second, organisation=firm.organisation)
    outcome = done(
        await parties.register_facility(
            scene.desk,
            RegisterFacility(
                caller=firm.trader, organisation=firm.organisation, details=facility_details("another")
            ),
        )
    )
    copies = [event.data for event in outcome.events if isinstance(event.data, MemberChanged)]
    assert {scene.market, second} == {copy.market for copy in copies}
    assert [2, 2] == [len(copy.member.facilities) for copy in copies]


async def test_parties_that_join_markets_while_they_change_lose_no_copy(scene: Scene) -> None:
    firm = scene.sellers[0]
    others = [await scene.open_market(name=f"other-{n}") for n in range(4)]
    changes = [
        parties.register_facility(
            scene.desk,
            RegisterFacility(
                caller=firm.trader, organisation=firm.organisation, details=facility_details(f"f-{n}")
            ),
        )
        for n in range(4)
    ]
    admissions = [
        members.admit(scene.desk, scene.operator, market=market, organisation=firm.organisation)
        for market in others
    ]
    await asyncio.gather(*(work for pair in zip(changes, admissions, strict=True) for work in pair))
    async with scene.pool.acquire() as connection:
        rows = await connection.fetch(
            "select convert_from(body, 'UTF8')::jsonb -> 'facilities' as sites from member"
            " where organisation = $1",
            firm.organisation,
        )
        facilities = await party_reads.list_facilities(connection, firm.organisation, after=None, limit=50)
    assert 5 == len(facilities.items)
    assert [5] * 5 == [row["sites"].count('"facility"') for row in rows]


async def test_ids_that_are_unknown_or_anothers(scene: Scene) -> None:
    desk, stranger = scene.desk, scene.sellers[1].trader
    struck = await struck_by(scene)
    offer, lot = await scene.offer(scene.sellers[0]), await scene.lot(scene.sellers[0], "L-1")
    requirement = await scene.require(scene.buyers[0])
    draft = supply_draft(scene.sellers[1])
    unknown = uuid4()
    attempts = [
        offers.withdraw(desk, stranger, order=offer, expected_version=1),
        offers.amend(desk, stranger, order=offer, expected_version=1, draft=draft),
        offers.withdraw(desk, scene.sellers[0].trader, order=lot, expected_version=1),
        offers.withdraw(desk, stranger, order=unknown, expected_version=1),
        lots.withdraw(desk, stranger, order=lot, expected_version=1),
        lots.grade(desk, stranger, order=lot, expected_version=1, condition="A", inspector="i"),
        lots.amend(desk, stranger, order=lot, expected_version=1, draft=draft),
        requirements.withdraw(desk, stranger, order=requirement, expected_version=1),
        requirements.amend(
            desk,
            stranger,
            order=requirement,
            expected_version=1,
            draft=requirement_draft(scene.sellers[1]),
        ),
    ]
    for attempt in attempts:
        with pytest.raises(OrderUnknown):
            await attempt
    with pytest.raises(MatchUnknown):
        await matches.answer(desk, stranger, match=struck.match, answer="confirmed")
    with pytest.raises(MatchUnknown):
        await matches.lapse(desk, scene.operator, match=unknown)


async def test_a_market_that_is_not_there(scene: Scene) -> None:
    desk, operator, market = scene.desk, scene.operator, uuid4()
    seller, buyer = scene.sellers[0], scene.buyers[0]
    attempts = [
        offers.post(desk, seller.trader, market=market, draft=supply_draft(seller)),
        lots.list_lot(desk, seller.trader, market=market, draft=lot_draft(seller, "L-1")),
        requirements.post(desk, buyer.trader, market=market, draft=requirement_draft(buyer)),
        clearings.plan(desk, operator, market=market, trigger="demand"),
        clearings.abandon(desk, operator, market=market, plan=uuid4(), code="c", reason="r"),
        members.admit(desk, operator, market=market, organisation=seller.organisation),
        members.suspend(desk, operator, market=market, organisation=seller.organisation, reason="r"),
        inputs.publish_rule_set(desk, operator, market=market, rule_set=rule_set(), signed_by=()),
    ]
    for attempt in attempts:
        with pytest.raises(MarketUnknown):
            await attempt


async def test_versions_are_those_of_the_owners_changes(scene: Scene) -> None:
    seller = scene.sellers[0]
    offer = await scene.offer(seller)
    smaller = supply_draft(seller, net_wet_g=5 * TONNE_G)
    await offers.amend(scene.desk, seller.trader, order=offer, expected_version=1, draft=smaller)
    with pytest.raises(Refusals) as refused:
        await offers.withdraw(scene.desk, seller.trader, order=offer, expected_version=1)
    assert {VersionStale.code} == codes(refused.value)
    await offers.withdraw(scene.desk, seller.trader, order=offer, expected_version=2)
    assert 0 == await open_orders(scene)


async def test_one_batch_carries_many_commands(scene: Scene) -> None:
    seller, buyer = scene.sellers[0], scene.buyers[0]
    posts = [scene.offer(seller) for _ in range(40)] + [scene.require(buyer) for _ in range(40)]
    ids = await asyncio.gather(*posts)
    assert 80 == len(set(ids))
    assert 80 == await open_orders(scene)


async def test_orders_past_their_validity_are_found_and_expired(scene: Scene) -> None:
    offer, later = (
        await scene.offer(scene.sellers[0]),
        await scene.offer(scene.sellers[0], valid_until=DELIVERY.end),
    )
    requirement = await scene.require(scene.buyers[0])
    scene.clock.now = VALID_UNTIL
    async with scene.pool.acquire() as connection:
        found = await due.due_expiries(connection, scene.clock.now, 10)
        first = await due.due_expiries(connection, scene.clock.now, 1)
        second = await due.due_expiries(connection, scene.clock.now, 1, after=first.reached)
        last = await due.due_expiries(connection, scene.clock.now, 1, after=second.reached)
    places = found.places
    assert places == first.places + second.places
    assert ((), START, START) == (last.places, last.reached, found.reached)
    assert {offer, requirement} == {place.order for place in places}
    await offers.expire(scene.desk, scene.operator, order=offer)
    await requirements.expire(scene.desk, scene.operator, order=requirement)
    async with scene.pool.acquire() as connection:
        assert () == (await due.due_expiries(connection, scene.clock.now, 10)).places
        row = await load_supply(connection, None, later)
    assert row is not None
    assert "open" == row.order.status


async def test_a_posting_behind_a_decline_is_judged_after_it(database: Any, scene: Scene) -> None:
    """The decline waits for its lane, and the batch it is in takes what comes meanwhile, of a sister here."""
    seller, sister = scene.sellers
    await parties.change_organisation(
        scene.desk,
        ChangeOrganisation(
            caller=scene.operator,
            organisation=sister.organisation,
            details=replace(organisation_details("sister"), group=seller.organisation),
            expected_version=1,
        ),
    )
    await scene.offer(seller, commitment="subject_to_confirmation")
    for buyer in scene.buyers:
        await scene.require(buyer)
    events = await scene.conclude(await scene.plan())
    first, second = (event.data.match for event in events if isinstance(event.data, MatchStruck))
    await _decline(scene, first)
    await scene.offer(sister, commitment="subject_to_confirmation")
    writer = scene.desk.writer
    assert isinstance(writer, LaneWriter)
    holder = await asyncpg.connect(database.dsn("writer"))
    try:
        async with standing_still(holder):
            await lock_lanes(holder, [scene.lane])
            declining = asyncio.create_task(_decline(scene, second))
            await eventually(lambda: holder.fetchval(WAITS_FOR_A_LANE))
            posting = asyncio.create_task(scene.offer(sister, commitment="subject_to_confirmation"))
            await asyncio.sleep(0)
            assert 1 == writer.waiting
        await declining
        with pytest.raises(Refusals) as caught:
            await posting
    finally:
        await holder.close()
    assert {"firm_only"} == codes(caught.value)


async def _decline(scene: Scene, match: UUID) -> None:
    await matches.answer(scene.desk, scene.sellers[0].trader, match=match, answer="declined", reason="price")


async def test_clocks_tell_open_plans(scene: Scene) -> None:
    plan = await scene.plan()
    async with scene.pool.acquire() as connection:
        (clock,) = await due.clearing_clocks(connection)
    assert (scene.market, plan.data.plan, 1) == (clock.market, clock.plan, clock.last_round)  # type: ignore[attr-defined]
