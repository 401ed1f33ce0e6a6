"""The writers of tables stop where tables and record have parted, and views follow state."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace

from events.connections import Connection
from events.envelope import Recorded
from events.material_events import LotReserved
from events.row_counts import RowCountWrong, expect_rows
from events.writes import send
from market.store import views
from market.store.applying import apply
from tests.conftest import Database
from tests.market_drafts import DELIVERY
from tests.market_support import Scene, project

PARTED = (RowCountWrong, LookupError, AssertionError, asyncpg.IntegrityConstraintViolationError)


@pytest.fixture
def database(traded_database: Database) -> Database:
    return traded_database


@pytest.fixture
async def connection(scene: Scene) -> AsyncIterator[Connection]:
    async with scene.pool.acquire() as opened:
        yield opened


def newest_of_each_type(events: list[Recorded]) -> dict[str, Recorded]:
    return {event.type: event for event in events}


REPEATABLE = {
    "contracts.agreement.advanced.v1",  # folds count their events; the rules refuse a second one
    "contracts.agreement.extended.v1",
    "contracts.agreement.signed.v1",
    "contracts.agreement.terminated.v1",
    "contracts.condition.settled.v1",
    "contracts.contest.settled.v1",
    "contracts.declaration.contested.v1",
    "contracts.delivery.accepted.v1",
    "contracts.delivery.rejected.v1",
    "contracts.delivery.withdrawn.v1",
    "contracts.force-majeure.declared.v1",
    "contracts.force-majeure.ended.v1",
    "contracts.invoice.referenced.v1",  # said again, it is said the same
    "contracts.output.declared.v1",
    "contracts.proposal.withdrawn.v1",
    "contracts.quantity.nominated.v1",
    "contracts.shortfall.notified.v1",
    "market.clearing.evidence.v2",  # no state
    "market.rule-set.rehearsed.v1",  # no state
    "materials.passport.corrected.v1",  # folds count their events; the rules refuse a second one
    "materials.passport.noted.v1",
    "materials.passport.transferred.v1",
    "materials.lot.reserved.v1",  # a lot that was released may be reserved again
    "market.input.recorded.v1",  # the newest stays the newest
    "market.market.halted.v1",  # the rules refuse a second one
    "market.market.resumed.v1",
    "market.match.answered.v1",  # the same answer again: the rules refuse it
    "market.member.admitted.v1",
    "market.member.changed.v1",
    "market.member.left.v1",
    "market.member.suspended.v1",
    "market.recovered-lot.amended.v1",
    "market.recovered-lot.expired.v1",
    "market.recovered-lot.graded.v1",
    "market.recovered-lot.withdrawn.v1",
    "market.requirement.amended.v1",
    "market.requirement.expired.v1",
    "market.requirement.withdrawn.v1",
    "market.supply-offer.amended.v1",
    "market.supply-offer.expired.v1",
    "market.supply-offer.withdrawn.v1",
    "parties.facility.changed.v1",
    "parties.organisation.changed.v1",
    "parties.partner.invited.v1",  # who has answered may be invited again
    "parties.stream.opened.v1",  # what was closed may be opened again
}


@pytest.mark.parametrize("stream", ["contracts", "market", "materials", "parties"])
async def test_what_adds_or_ends_something_cannot_be_applied_twice(
    scene: Scene, connection: Connection, stream: str
) -> None:
    for name, event in newest_of_each_type(await scene.events(stream)).items():
        if name in REPEATABLE:
            continue
        transaction = connection.transaction()
        await transaction.start()
        with pytest.raises(PARTED):
            await send(connection, await apply(connection, [event]))
        await transaction.rollback()


@pytest.mark.parametrize("stream", ["contracts", "market", "materials", "parties"])
async def test_what_changes_a_row_needs_the_row(scene: Scene, connection: Connection, stream: str) -> None:
    """The newest event of each type, as if of a lane that never had what it names."""
    adds = {
        "registered",
        "issued",
        "reserved",
        "opened",
        "offered",
        "listed",
        "posted",
        "planned",
        "published",
        "invited",
        "figures-stated",
    }
    adds |= {"declared", "recorded", "admitted", "changed", "evidence", "transformed", "moved"}
    for name, event in newest_of_each_type(await scene.events(stream)).items():
        if name.split(".")[-2] in adds and name.startswith("market."):
            continue
        if name in {"contracts.agreement.drafted.v1", "materials.product-twin.stated.v1"}:
            continue
        if name.split(".")[-2] in adds - {"changed"}:
            continue
        transaction = connection.transaction()
        await transaction.start()
        with pytest.raises(PARTED):
            await send(connection, await apply(connection, [replace(event, lane=event.lane + 100)]))
        await transaction.rollback()


async def test_a_stream_without_tables_is_refused(scene: Scene, connection: Connection) -> None:
    event = (await scene.events("market"))[0]
    with pytest.raises(ValueError, match="no table is placed"):
        await send(connection, await apply(connection, [replace(event, stream="elsewhere")]))
    with pytest.raises(ValueError, match="no table is placed for market"):
        await send(connection, await apply(connection, [replace(event, stream="contracts")]))


async def test_a_lot_that_is_held_cannot_be_reserved_again(scene: Scene, connection: Connection) -> None:
    await scene.lot(scene.sellers[0], "L-9", valid_until=DELIVERY.end)
    (event,) = [
        event
        for event in await scene.events("materials")
        if isinstance(event.data, LotReserved) and event.data.physical_lot.lot_number == "L-9"
    ]
    with pytest.raises(RowCountWrong):
        await send(connection, await apply(connection, [event]))


async def test_a_row_lost_from_state_stops_the_round(scene: Scene, database: Any) -> None:
    given = {"valid_until": DELIVERY.end}
    await scene.offer(scene.sellers[0], **given)
    await scene.require(scene.buyers[0], **given)
    plan = await scene.plan()
    admin = await asyncpg.connect(database.admin_dsn)
    await admin.execute("delete from state.requirement")
    await admin.close()
    with pytest.raises(LookupError, match="requirement: 0 rows of 1"):
        await scene.conclude(plan)


def test_counts_are_read_from_the_servers_tag() -> None:
    expect_rows("INSERT 0 3", 3, "x")
    expect_rows("UPDATE 0", 0, "x")
    with pytest.raises(RowCountWrong, match="x: 2 rows instead of 3"):
        expect_rows("UPDATE 2", 3, "x")


VIEW_OF_ORDERS = """
select count(*) filter (where o is distinct from v) as differences, count(*) as rows from (
    select order_id, row(lane, market, kind, organisation, status, version, rank, position, basis_g, held_g,
        filled_g,
        tranche_committed_g, valid_until, lot_identity, body) as v
    from order_entry
) views full join (
    select order_id, row(s.lane, s.market, kind, s.organisation, status, version, rank, position,
        basis_g, held_g,
        filled_g, tranche_committed_g, valid_until, lot_identity, body) as o
    from supply s join order_terms t on t.lane = s.lane and t.market = s.market and t.order_id = supply
    union all
    select order_id, row(r.lane, r.market, 'requirement'::text, r.organisation, status, version, rank,
        position, basis_g, held_g, filled_g, '{}'::bigint[], valid_until, null::text, body)
    from requirement r
    join order_terms t on t.lane = r.lane and t.market = r.market and t.order_id = requirement
) state using (order_id)
"""

VIEW_OF_MATCHES = """
select count(*) filter (where o is distinct from v) as differences, count(*) as rows from (
    select match, row(lane, market, status, version, position, supply, requirement, tranche, seller, buyer,
        seller_answer,
        buyer_answer, seller_reason, buyer_reason, decided_time, body) as v
    from match_entry
) views full join (
    select match, row(lane, market, status, version, position, supply, requirement, tranche, seller, buyer,
        seller_answer,
        buyer_answer, seller_reason, buyer_reason, decided_time, body) as o
    from match
) state using (match)
"""


@pytest.mark.parametrize("statement", [VIEW_OF_ORDERS, VIEW_OF_MATCHES])
async def test_views_at_the_head_say_what_state_says(
    scene: Scene, connection: Connection, statement: str
) -> None:
    await project(scene)
    row = await connection.fetchrow(statement)
    assert row is not None
    assert 0 == row["differences"]
    assert row["rows"] > 0


async def test_views_do_not_depend_on_how_events_are_cut_into_batches(
    scene: Scene, connection: Connection
) -> None:
    events = [event for event in await scene.events("market") if event.lane == scene.lane.lane]
    for event in events:
        await views.apply(connection, [event])
    single = await connection.fetch("select * from order_entry order by order_id")
    await connection.execute("delete from order_entry")
    await connection.execute("delete from match_entry")
    await connection.execute("delete from waterfall")
    await views.apply(connection, events)
    assert single == await connection.fetch("select * from order_entry order by order_id")
