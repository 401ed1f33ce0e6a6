"""Passports on PostgreSQL: a lot is taken once whoever comes first, and its lineage is found again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from msgspec import UNSET
from msgspec.structs import replace
from uuid_utils.compat import uuid7

from contracts.commands import deliveries
from contracts.rules.deliveries import Accept, Reject, Ship
from contracts.rules.results import LodgeAssay
from contracts.rules.weighings import Weigh
from contracts.store import deliveries as delivery_store
from events.command import Outcome
from events.contract_terms import AnalyteResult, DeliveryEvidence
from events.delivery_events import DeliveryShipped
from events.desk import Desk, open_desk
from events.lane import LaneWriter
from events.market_events import RecoveredLotListed
from events.market_terms import AnalyteLimit
from events.material_events import PassportTransferred
from events.passport_terms import OriginShare
from events.refusal import Refusals
from events.replay import from_journal
from events.vocabulary import PPB, PhysicalLot, RecycledContent
from market.commands import declared_volumes, lots, passports, shipping, transformations
from market.rebuild import compare_with_record
from market.rules.crma.declared_volumes import DeclareVolume
from market.rules.passport import Passport
from market.rules.passports.lineage import provenance
from market.rules.passports.passports import (
    CorrectPassport,
    IssuePassport,
    RetirePassport,
    TransferPassport,
)
from market.store import lineage
from market.store import passports as store
from market.store.applying import apply
from market.store.transformations import load_accounts
from market.timers import Timers
from tests.agreement_support import signed
from tests.conftest import Database
from tests.delivery_support import FLAT, NDPR, figures
from tests.desk_support import PERCENT_PPB
from tests.market_drafts import Firm, lot_draft
from tests.market_support import Scene, done, fact_of
from tests.passport_support import DAY, assayed, content, declared, made, recycled, transform
from tests.record_support import new_salt


@pytest.fixture
def database(market_database: Database) -> Database:
    return market_database


@pytest.fixture
async def other_process(scene: Scene) -> AsyncIterator[Desk]:
    writer = LaneWriter(scene.pool, apply, clock=scene.clock, new_id=uuid7, new_salt=new_salt)
    await writer.start()
    yield await open_desk(writer, scene.pool, uuid7)
    await writer.stop()


async def issue(scene: Scene, number: str, **changes: Any) -> UUID:
    firm, passport = scene.sellers[0], uuid7()
    stated = content(firm.facility, number, **changes)
    await passports.issue(scene.desk, IssuePassport(caller=firm.trader, passport=passport, content=stated))
    return passport


async def make(
    scene: Scene, inputs: list[tuple[UUID, int]], number: str, *, desk: Desk | None = None, **changes: Any
) -> UUID:
    """One lot of all that is taken."""
    firm, lot = scene.sellers[0], uuid7()
    stated = {"net_wet_g": sum(mass_g for _, mass_g in inputs), **changes.pop("output", {})}
    output = made(lot, number, **stated)
    work = transform(firm.trader, uuid7(), firm.facility, inputs, [output], **changes)
    done(await transformations.transform(desk or scene.desk, work))
    return lot


def codes(error: BaseException) -> list[str]:
    assert isinstance(error, Refusals)
    return [refusal.code for refusal in error.refusals]


async def test_one_lot_is_used_up_once_by_two_processes(scene: Scene, other_process: Desk) -> None:
    lot = await issue(scene, "L-1")
    answers = await asyncio.gather(
        *[
            make(scene, [(lot, 1_000_000)], f"M-{n}", desk=desk)
            for n, desk in enumerate([scene.desk, other_process] * 3)
        ],
        return_exceptions=True,
    )
    late = [answer for answer in answers if isinstance(answer, BaseException)]
    assert [["drawn_twice"]] * 5 == [codes(error) for error in late]
    async with scene.pool.acquire() as connection:
        counts = await connection.fetchrow(
            "select (select count(*) from transformation), (select count(*) from lineage_edge),"
            " (select count(*) from passport), (select status from passport where passport = $1)",
            lot,
        )
    assert counts is not None
    assert (1, 2, 2, "consumed") == tuple(counts)


async def test_parts_never_add_up_to_more_than_the_lot(scene: Scene, other_process: Desk) -> None:
    """Two lots crosswise, so that lanes would be locked against one another if they were not sorted."""
    lots = [await issue(scene, f"L-{n}") for n in range(2)]
    answers = await asyncio.gather(
        *[
            make(scene, [(lots[n % 2], 300_000), (lots[1 - n % 2], 300_000)], f"M-{n}", desk=desk)
            for n, desk in enumerate([scene.desk, other_process] * 3)
        ],
        return_exceptions=True,
    )
    assert 3 == sum(isinstance(answer, UUID) for answer in answers)
    async with scene.pool.acquire() as connection:
        known = await store.load_several(connection, lots)
    assert [100_000, 100_000] == [known[lot].remaining_g for lot in lots]


async def test_a_credit_is_claimed_once_by_two_processes(scene: Scene, other_process: Desk) -> None:
    claiming = await issue(scene, "L-0", custody="mass_balance", recycled=recycled(post=50))
    plain = [await issue(scene, f"L-{n}", custody="mass_balance") for n in range(1, 5)]
    balance: dict[str, Any] = {"method": "credit", "balance_days": 30}
    await make(scene, [(claiming, 1_000_000)], "M-0", **balance)
    answers = await asyncio.gather(
        *[
            make(
                scene,
                [(lot, 1_000_000)],
                f"M-{n + 1}",
                desk=desk,
                output={"recycled": recycled(post=50)},
                **balance,
            )
            for n, (lot, desk) in enumerate(zip(plain, [scene.desk, other_process] * 2, strict=True))
        ],
        return_exceptions=True,
    )
    late = [answer for answer in answers if isinstance(answer, BaseException)]
    assert [["credit_short"]] * 3 == [codes(error) for error in late]
    async with scene.pool.acquire() as connection:
        accounts = await load_accounts(connection, scene.sellers[0].facility, ["Nd"], scene.clock.now)
    post = accounts["Nd", "post_consumer"]
    assert (600_000_000, 150_000_000, ()) == (post.input_mg, post.claimed_mg, post.credits)


async def test_the_days_of_a_lot_follow_each_other(scene: Scene) -> None:
    """As what was made, given on and drawn on says them; a part of a lot of nothing may come at any day."""
    lot, seller, buyer = await issue(scene, "L-1"), scene.sellers[0], scene.buyers[0]
    months = [date(2026, month, 20) for month in (1, 2)]
    early = await make(scene, [(lot, 400_000)], "M-1", transformed_on=months[0])
    late = await make(scene, [(lot, 400_000)], "M-2", transformed_on=months[1])
    step: dict[str, Any] = {"caller": seller.trader, "owner": buyer.organisation, "transferred_on": months[0]}
    for passport, version in ((late, 1), (lot, 3)):
        with pytest.raises(Refusals) as caught:
            await passports.transfer(
                scene.desk, TransferPassport(passport=passport, expected_version=version, **step)
            )
        assert ["day_before_lot"] == codes(caught.value)
    given = TransferPassport(passport=early, expected_version=1, **step | {"holder": seller.organisation})
    await passports.transfer(scene.desk, replace(given, transferred_on=months[1]))
    with pytest.raises(Refusals) as caught:
        await make(scene, [(early, 400_000)], "M-3", transformed_on=months[0])
    assert ["day_before_lot"] == codes(caught.value)


async def test_a_transfer_and_a_retirement_of_one_version_exclude_each_other(
    scene: Scene, other_process: Desk
) -> None:
    lot, seller = await issue(scene, "L-1"), scene.sellers[0].trader
    step: dict[str, Any] = {"caller": seller, "passport": lot, "expected_version": 1}
    buyer = scene.buyers[0].organisation
    answers = await asyncio.gather(
        passports.transfer(scene.desk, TransferPassport(**step, owner=buyer, transferred_on=DAY)),
        passports.retire(other_process, RetirePassport(**step, reason="lost")),
        return_exceptions=True,
    )
    assert 1 == sum(isinstance(answer, Outcome) for answer in answers)


async def test_a_passport_follows_its_delivery_to_the_buyer(scene: Scene) -> None:
    """For what arrived; a timer finds it, gives it once, and does not find it again until more comes."""
    firm, buyer, today = scene.sellers[0], scene.buyers[0], scene.clock.now.date()
    oxide: dict[str, Any] = {"form": "separated_oxide", "composition": assayed(Nd=60, Pr=20)}
    lot = await issue(scene, "L-1", net_wet_g=10_000_000, **oxide)
    unsold = await issue(scene, "L-2", net_wet_g=10_000_000, **oxide)
    agreement = await signed(scene, FLAT, kind="spot", parties=(firm, buyer))
    shipment = Ship(
        caller=firm.trader,
        agreement=agreement,
        lot_number="L-1",
        passport=lot,
        form="separated_oxide",
        shipped_on=today,
        net_wet_g=10_000_000,
        moisture_ppb=0,
        stated=figures(**NDPR),
    )
    await assert_not_shipped(scene, shipment)
    found = []
    for number, passport in (("L-1", lot), ("L-2", unsold)):
        named = replace(shipment, lot_number=number, passport=passport)
        shipped = done(await shipping.ship(scene.desk, named)).events[0].data
        assert isinstance(shipped, DeliveryShipped)
        found.append(shipped.delivery)
    await assert_on_its_way(scene, replace(shipment, lot_number="L-1/2"))
    lane = scene.desk.lane("materials", lot).lane
    async with scene.pool.acquire() as connection:
        assert [True, False] == [
            await store.bought(connection, each.organisation, lane, lot) for each in (buyer, scene.buyers[1])
        ]
    await taken(scene, found[0], 7_000_000)
    timers = Timers(scene.desk, scene.operator.organisation, clock=scene.clock)
    assert [1, 0] == [await timers.tick(), await timers.tick()]
    async with scene.pool.acquire() as connection:
        known = await store.load_several(connection, [lot, unsold])
        steps = await store.list_steps(connection, lot, after=None, limit=9)
    assert [buyer.organisation, firm.organisation] == [known[each].owner for each in (lot, unsold)]
    moved = steps.items[-1].fact
    assert isinstance(moved, PassportTransferred)
    assert (agreement, found[0], 7_000_000) == (moved.agreement, moved.delivery, moved.received_g)
    await assert_traded_here(scene, lot, "L-1")
    assert 7_000_000 == known[lot].remaining_g
    await assert_comes_late(scene, replace(shipment, lot_number="L-1-2", net_wet_g=2_000_000), timers)
    await assert_settled(scene, known[lot])


async def test_a_rejected_lot_is_presented_again_with_its_passport(database: Database, scene: Scene) -> None:
    """Its number and its passport are free again; the passport shows both journeys and follows the second."""
    firm, buyer, today = scene.sellers[0], scene.buyers[0], scene.clock.now.date()
    lot = await issue(
        scene, "L-1", net_wet_g=10_000_000, form="separated_oxide", composition=assayed(Nd=60, Pr=20)
    )
    limits = (AnalyteLimit(analyte="Nd", min_ppb=55 * PERCENT_PPB),)
    terms = replace(FLAT, product=replace(FLAT.product, limits=limits))
    shipment = Ship(
        caller=firm.trader,
        agreement=await signed(scene, terms, kind="spot", parties=(firm, buyer)),
        lot_number="L-1",
        passport=lot,
        form="separated_oxide",
        shipped_on=today,
        net_wet_g=10_000_000,
        moisture_ppb=0,
        stated=figures(**NDPR),
    )
    first = shipped_of(await shipping.ship(scene.desk, shipment))
    await assayed_alike(scene, first, 10_000_000, figures(Nd=50 * PERCENT_PPB, Pr=20 * PERCENT_PPB))
    await deliveries.reject(scene.desk, Reject(caller=buyer.trader, delivery=first))
    second = shipped_of(await shipping.ship(scene.desk, shipment))
    assert [("lot_above_passport", "/net_wet_g"), ("lot_delivered", "/lot_number")] == await refusals(
        shipping.ship(scene.desk, shipment)
    )
    await taken(scene, second, 10_000_000)
    timers = Timers(scene.desk, scene.operator.organisation, clock=scene.clock)
    assert [1, 0] == [await timers.tick(), await timers.tick()]
    async with scene.pool.acquire() as connection:
        known = (await store.load_several(connection, [lot]))[lot]
        journeys = await delivery_store.journeys_of(connection, lot, limit=9)
    assert (buyer.organisation, second) == (known.owner, known.delivery)
    assert [(first, "rejected", UNSET), (second, "accepted", first)] == [
        (each.shipped.delivery, each.status, each.shipped.replaces) for each in journeys
    ]
    owner = await asyncpg.connect(database.dsn("owner"), server_settings={"search_path": "state, view"})
    try:
        report = await compare_with_record(
            owner, lambda lane, upto: from_journal(scene.pool, lane, upto=upto)
        )
    finally:
        await owner.close()
    assert [] == [table.table for table in report.tables if table.differences]


def shipped_of(answer: Any) -> UUID:
    fact = done(answer).events[0].data
    assert isinstance(fact, DeliveryShipped)
    return fact.delivery


async def taken(scene: Scene, delivery: UUID, net_wet_g: int) -> None:
    """Weighed, assayed by both alike, accepted."""
    await assayed_alike(scene, delivery, net_wet_g, figures(**NDPR))
    today = scene.clock.now.date()
    accepting = Accept(caller=scene.buyers[0].trader, delivery=delivery, title_passed_on=today)
    await deliveries.accept(scene.desk, accepting)


async def assayed_alike(
    scene: Scene, delivery: UUID, net_wet_g: int, found: tuple[AnalyteResult, ...]
) -> None:
    buyer, today = scene.buyers[0], scene.clock.now.date()
    weighed: dict[str, Any] = {"net_wet_g": net_wet_g, "moisture_ppb": 0, "weighed_on": today}
    await deliveries.weigh(scene.desk, Weigh(caller=buyer.trader, delivery=delivery, **weighed))
    for party in (scene.sellers[0], buyer):
        lodged: dict[str, Any] = {"laboratory": "lab", "reference": "a", "results": found}
        await deliveries.lodge(scene.desk, LodgeAssay(caller=party.trader, delivery=delivery, **lodged))


async def assert_comes_late(scene: Scene, shipment: Ship, timers: Timers) -> None:
    """At most what was short, to who has the lot; what is on its way counts."""
    assert shipment.passport is not None
    above = replace(shipment, net_wet_g=3_150_001)
    assert [("lot_above_passport", "/net_wet_g")] == await refusals(shipping.ship(scene.desk, above))
    other = await signed(scene, FLAT, kind="spot", parties=(scene.sellers[0], scene.buyers[1]))
    elsewhere = replace(shipment, agreement=other)
    assert [("passport_unknown", "/passport")] == await refusals(shipping.ship(scene.desk, elsewhere))
    late = done(await shipping.ship(scene.desk, shipment)).events[0].data
    assert isinstance(late, DeliveryShipped)
    more = replace(shipment, lot_number="L-1-3", net_wet_g=1_050_001)
    assert [("lot_above_passport", "/net_wet_g")] == await refusals(shipping.ship(scene.desk, more))
    await taken(scene, late.delivery, 1_900_000)
    assert [1, 0] == [await timers.tick(), await timers.tick()]
    async with scene.pool.acquire() as connection:
        known = (await store.load_several(connection, [shipment.passport]))[shipment.passport]
        walked = await lineage.walk(
            connection, shipment.passport, "up", depth=1, nodes_max=9, organisation=None
        )
    assert (8_900_000, 1_100_000) == (known.remaining_g, known.open_g)
    assert [8_900_000] == [node.net_wet_g for node in walked.nodes]


async def assert_settled(scene: Scene, lot: Passport) -> None:
    """Mass and figures that were paid for are not restated by who sold the lot."""
    for member, value in (("net_wet_g", 200_000_000), ("composition", assayed(Nd=30, Pr=20))):
        corrected = CorrectPassport(
            caller=scene.sellers[0].trader,
            passport=lot.passport,
            expected_version=lot.version + 1,
            corrects=lot.stated_by,
            reason="mistake",
            content=replace(lot.content, **{member: value}),
        )
        answer = await refusals(passports.correct(scene.desk, corrected))
        assert [("correction_of_delivery", f"/content/{member}")] == answer


async def assert_not_shipped(scene: Scene, shipment: Ship) -> None:
    """A passport that is another's is one that does not exist; one's own has to prove what leaves."""
    alien, other = uuid7(), scene.sellers[1]
    stated = content(other.facility, "L-1", form="separated_oxide", net_wet_g=10_000_000)
    await passports.issue(scene.desk, IssuePassport(caller=other.trader, passport=alien, content=stated))
    for passport in (alien, uuid7()):
        unknown = await refusals(shipping.ship(scene.desk, replace(shipment, passport=passport)))
        assert [("passport_unknown", "/passport")] == unknown
    await passports.transfer(
        scene.desk,
        TransferPassport(
            caller=other.trader,
            passport=alien,
            expected_version=1,
            owner=shipment.caller.organisation,
            transferred_on=scene.clock.now.date(),
        ),
    )
    wrong = replace(
        shipment,
        passport=alien,
        lot_number="ELSE-1",
        net_wet_g=10_500_001,
        evidence=DeliveryEvidence(recycled=RecycledContent(post_consumer_ppb=1)),
    )
    assert [
        ("lot_number_not_of_passport", "/lot_number"),
        ("lot_above_passport", "/net_wet_g"),
        ("basis_above_passport", "/stated"),
        ("recycled_above_passport", "/recycled/post_consumer_ppb"),
    ] == await refusals(shipping.ship(scene.desk, wrong))


async def assert_on_its_way(scene: Scene, shipment: Ship) -> None:
    """What has left neither leaves again, under another contract, nor becomes something else."""
    seller, passport = scene.sellers[0], shipment.passport
    assert passport is not None
    again = await signed(scene, FLAT, kind="spot", parties=(seller, scene.buyers[1]))
    for agreement in (shipment.agreement, again):
        twice = replace(shipment, agreement=agreement, net_wet_g=1_000)
        assert [("lot_above_passport", "/net_wet_g")] == await refusals(shipping.ship(scene.desk, twice))
    await assert_bound(scene, passport, scene.buyers[1], 1)


async def assert_bound(scene: Scene, passport: UUID, stranger: Firm, drawn_g: int) -> None:
    """Nothing of it is drawn on, no stranger gets title, it does not leave the loop."""
    trader = scene.sellers[0].trader
    assert [("lot_sold", "/inputs/0/net_wet_g")] == await refusals(
        make(scene, [(passport, drawn_g)], "M-9", output={"form": "magnet_powder"})
    )
    step: dict[str, Any] = {"caller": trader, "passport": passport, "expected_version": 1}
    given = TransferPassport(**step, owner=stranger.organisation, transferred_on=DAY)
    assert [("lot_sold", "/owner")] == await refusals(passports.transfer(scene.desk, given))
    retiring = RetirePassport(**step, reason="lost")
    assert [("lot_sold", None)] == await refusals(passports.retire(scene.desk, retiring))


async def refusals(asked: Awaitable[Any]) -> list[tuple[str, str | None]]:
    with pytest.raises(Refusals) as caught:
        await asked
    return [(refusal.code, refusal.pointer) for refusal in caught.value.refusals]


async def assert_traded_here(scene: Scene, lot: UUID, number: str) -> None:
    """What was delivered here is not declared as bought elsewhere."""
    trader = scene.buyers[0].trader
    for goods in ({"lot_number": number}, {"passport": lot}):
        asked = DeclareVolume(caller=trader, volume=uuid7(), terms=declared(**goods))
        with pytest.raises(Refusals, match="was bought here: Nd "):
            await declared_volumes.declare(scene.desk, asked)


async def test_a_lineage_is_walked_both_ways(scene: Scene) -> None:
    """Two roots into one lot, of which half and a third root go into another."""
    seller, other = scene.sellers[0].organisation, scene.buyers[0].organisation
    roots = [await issue(scene, f"R-{n}", composition=assayed(Nd=10 * (n + 1))) for n in range(3)]
    first = await make(
        scene,
        [(roots[0], 1_000_000), (roots[1], 1_000_000)],
        "M-1",
        output={"composition": assayed(Nd=15)},
    )
    last = await make(
        scene,
        [(first, 1_000_000), (roots[2], 500_000)],
        "M-2",
        output={"composition": assayed(Nd=20)},
    )

    async def walked(lot: UUID, direction: Any, depth: int = 9, nodes: int = 99, **given: Any) -> Any:
        async with scene.pool.acquire() as connection:
            return await lineage.walk(
                connection,
                lot,
                direction,
                depth=depth,
                nodes_max=nodes,
                organisation=given.get("organisation"),
            )

    def lots(found: Any) -> dict[UUID, int]:
        return {node.passport: node.depth for node in found.nodes}

    up = await walked(last, "up")
    assert {last: 0, first: 1, roots[2]: 1, roots[0]: 2, roots[1]: 2} == lots(up)
    assert {
        roots[2]: (PPB // 2, False),
        roots[0]: (166_666_667, False),
        roots[1]: (333_333_333, False),
    } == {share.passport: (share.share_ppb, share.further) for share in provenance(up)}
    near = await walked(last, "up", depth=1)
    assert {first: (PPB // 2, True), roots[2]: (PPB // 2, False)} == {
        share.passport: (share.share_ppb, share.further) for share in provenance(near)
    }
    assert (False, True) == (near.cut, (await walked(last, "up", nodes=3)).cut)
    assert {roots[0]: 0, first: 1, last: 2} == lots(await walked(roots[0], "down"))
    assert {roots[0]: 0, first: 1, last: 2} == lots(await walked(roots[0], "down", organisation=seller))
    assert {roots[0]: 0} == lots(await walked(roots[0], "down", organisation=other))


async def sold(scene: Scene) -> tuple[UUID, PhysicalLot]:
    """A lot that its issuer sold whole in a round, released as sold."""
    seller = scene.sellers[0]
    passport = await issue(
        scene,
        "L-1",
        form="metal",
        net_wet_g=10_000_000,
        composition=assayed(Nd=28, Pr=7, Dy=1),
        origin=(OriginShare(stage="processing", country="FR", share_ppb=PPB, source="a plant"),),
    )
    lot = PhysicalLot(site=seller.facility, lot_number="L-1", passport=passport)
    await scene.lot(seller, "", physical_lot=lot)
    await scene.require(scene.buyers[0], basis_g=5_000_000)
    await scene.conclude(await scene.plan())
    await Timers(scene.desk, scene.operator.organisation, clock=scene.clock).tick()
    assert "sold" == await status(scene, passport)
    return passport, lot


async def status(scene: Scene, passport: UUID) -> str:
    found: str = await scene.pool.fetchval(
        "select status from lot_reservation where identity = $1", str(passport)
    )
    return found


async def give(scene: Scene, passport: UUID, version: int, owner: Firm, receiver: Firm) -> None:
    step: dict[str, Any] = {"caller": owner.trader, "passport": passport, "expected_version": version}
    await passports.transfer(
        scene.desk, TransferPassport(**step, owner=receiver.organisation, transferred_on=DAY)
    )


async def test_a_sold_lot_is_offered_by_its_new_owner_and_once(scene: Scene, other_process: Desk) -> None:
    passport, lot = await sold(scene)
    seller, buyer = scene.sellers[0], scene.buyers[0]
    with pytest.raises(Refusals) as caught:
        await scene.lot(seller, "", physical_lot=lot)
    assert ["lot_already_sold"] == codes(caught.value)
    await assert_bound(scene, passport, scene.buyers[1], 10_000_000)
    await give(scene, passport, 1, seller, buyer)
    stored = replace(lot, site=buyer.facility)
    answers = await asyncio.gather(
        *[
            lots.list_lot(
                desk, buyer.trader, market=scene.market, draft=lot_draft(buyer, "", physical_lot=stored)
            )
            for desk in (scene.desk, other_process)
        ],
        return_exceptions=True,
    )
    late = [answer for answer in answers if isinstance(answer, BaseException)]
    assert [["lot_already_reserved"]] == [codes(error) for error in late]
    holder = await scene.pool.fetchval(
        "select organisation from lot_reservation where identity = $1", str(passport)
    )
    assert ("reserved", buyer.organisation) == (await status(scene, passport), holder)


async def test_a_lot_that_comes_back_to_its_seller_is_free_again(scene: Scene) -> None:
    passport, lot = await sold(scene)
    seller, buyer, other = scene.sellers[0], scene.buyers[0], scene.buyers[1]
    await give(scene, passport, 1, seller, buyer)
    await give(scene, passport, 2, buyer, other)
    assert "sold" == await status(scene, passport)
    await give(scene, passport, 3, other, seller)
    assert "returned" == await status(scene, passport)
    await scene.lot(seller, "", physical_lot=lot)
    assert "reserved" == await status(scene, passport)


def by_number(scene: Scene, number: str) -> PhysicalLot:
    return PhysicalLot(site=scene.sellers[0].facility, lot_number=number)


async def offered(scene: Scene, number: str, desk: Desk | None = None) -> Any:
    firm = scene.sellers[0]
    draft = lot_draft(firm, "", physical_lot=by_number(scene, number))
    return await lots.list_lot(desk or scene.desk, firm.trader, market=scene.market, draft=draft)


async def test_a_lot_with_a_passport_is_not_offered_by_its_number(scene: Scene) -> None:
    passport = await issue(scene, "L-1")
    with pytest.raises(Refusals) as caught:
        await offered(scene, "L-1")
    assert ["lot_has_passport"] == codes(caught.value)
    assert f"pass_{passport.hex}" in str(caught.value)
    assert [("lot_has_passport", "/physical_lot/passport")] == await refusals(offered(scene, "l-1"))
    assert [("lot_number_taken", "/lot_number")] == await refusals(issue(scene, "l-1"))
    await offered(scene, "L-2")
    assert [("lot_already_reserved", "/physical_lot")] == await refusals(offered(scene, "l-2"))


async def test_a_lot_offered_by_its_number_gets_no_passport(scene: Scene) -> None:
    """Nor is it made by a transformation; withdrawn, it gets one."""
    source = await issue(scene, "L-1")
    order = fact_of(done(await offered(scene, "L-2")), RecoveredLotListed).lot
    with pytest.raises(Refusals) as caught:
        await issue(scene, "L-2")
    assert ["lot_number_in_order"] == codes(caught.value)
    with pytest.raises(Refusals) as caught:
        await make(scene, [(source, 1_000_000)], "L-2")
    assert [("lot_number_in_order", "/outputs/0/lot_number")] == [
        (refusal.code, refusal.pointer) for refusal in caught.value.refusals
    ]
    assert [("lot_number_in_order", "/lot_number")] == await refusals(issue(scene, "l-2"))
    assert [("lot_number_in_order", "/outputs/0/lot_number")] == await refusals(
        make(scene, [(source, 1_000_000)], "l-2")
    )
    await lots.withdraw(scene.desk, scene.sellers[0].trader, order=order, expected_version=1)
    await make(scene, [(source, 500_000)], "L-2")
    firm = scene.sellers[0]
    outputs = [made(uuid7(), number, net_wet_g=250_000) for number in ("o-1", "O-1")]
    work = transform(firm.trader, uuid7(), firm.facility, [(source, 500_000)], outputs)
    assert [("lot_number_taken", f"/outputs/{index}/lot_number") for index in range(2)] == await refusals(
        transformations.transform(scene.desk, work)
    )


@pytest.mark.parametrize("number", ["L-1", "l-1"])
async def test_what_was_sold_by_its_number_is_not_sold_again_by_its_passport(
    scene: Scene, number: str
) -> None:
    seller, buyer = scene.sellers[0], scene.buyers[0]
    await scene.lot(seller, "", physical_lot=by_number(scene, number))
    await scene.require(buyer, basis_g=5_000_000)
    await scene.conclude(await scene.plan())
    await Timers(scene.desk, scene.operator.organisation, clock=scene.clock).tick()
    passport = await issue(
        scene,
        "L-1",
        form="metal",
        net_wet_g=10_000_000,
        composition=assayed(Nd=28, Pr=7, Dy=1),
        origin=(OriginShare(stage="processing", country="FR", share_ppb=PPB, source="a plant"),),
    )
    lot = replace(by_number(scene, "L-1"), passport=passport)
    with pytest.raises(Refusals) as caught:
        await scene.lot(seller, "", physical_lot=lot)
    assert ["lot_already_sold"] == codes(caught.value)
    await assert_bound(scene, passport, scene.buyers[1], 10_000_000)
    scene.clock.pass_seconds(1)
    await give(scene, passport, 1, seller, buyer)
    await give(scene, passport, 2, buyer, seller)
    await scene.lot(seller, "", physical_lot=lot)


async def test_the_number_and_the_passport_of_a_lot_race_for_it(scene: Scene, other_process: Desk) -> None:
    """Whichever comes first: never both."""
    firm = scene.sellers[0]
    for number in (f"R-{n}" for n in range(4)):
        argument = IssuePassport(caller=firm.trader, passport=uuid7(), content=content(firm.facility, number))
        answers = await asyncio.gather(
            offered(scene, number, other_process),
            passports.issue(scene.desk, argument),
            return_exceptions=True,
        )
        late = [answer for answer in answers if isinstance(answer, BaseException)]
        assert 1 == len(late)
        assert codes(late[0]) in (["lot_has_passport"], ["lot_number_in_order"])
