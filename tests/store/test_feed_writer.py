"""What is shown of several lanes goes into one statement, and what is wrong with one of them is wrong with no
other."""

import asyncio

import pytest
from msgspec.structs import replace

from events.decision import LaneKey
from events.envelope import Recorded
from events.handling import Batch
from events.leases import take_leases
from events.positions import NotOwner, read_place
from market.feed_writer import FeedWriter
from market.rules.streams.partner_lines import PartnerLine, ShownLane
from market.store import feed
from tests.conftest import Database
from tests.market_support import Scene
from tests.process_support import eventually
from tests.record_support import standing_still

OWNER, OTHER = "publisher of the test", "another publisher"
STREAMS = ("market", "parties")
HOLD = "select from record.consumer where name = $1 and stream = $2 and lane = $3 for update"


@pytest.fixture
def database(market_database: Database) -> Database:
    return market_database


async def batches(scene: Scene, owner: str = OWNER) -> dict[LaneKey, tuple[Batch, list[PartnerLine]]]:
    """All that happened, lane by lane, on lanes that `owner` has leased."""
    lanes: dict[LaneKey, list[Recorded]] = {}
    for stream in STREAMS:
        for event in await scene.events(stream):
            lanes.setdefault(LaneKey(stream, event.lane), []).append(event)
    for stream in STREAMS:
        numbers = [key.lane for key in lanes if key.stream == stream]
        given = (scene.pool, feed.PUBLISHER, owner, stream, numbers)
        await take_leases(*given, scene.operator.organisation, 60)
    found: dict[LaneKey, tuple[Batch, list[PartnerLine]]] = {}
    for key, events in lanes.items():
        place, shown = await read_place(scene.pool, feed.PUBLISHER, key), ShownLane()
        batch = Batch(scene.pool, feed.PUBLISHER, owner, key, place, events, range(len(events)))
        found[key] = (batch, [line for event in events for line in shown.step(event)])
    return found


async def stored(scene: Scene) -> dict[LaneKey, int]:
    rows = await scene.pool.fetch("select stream, lane, count(*) from feed group by stream, lane")
    return {LaneKey(row["stream"], row["lane"]): row["count"] for row in rows}


async def outcomes(
    scene: Scene, given: dict[LaneKey, tuple[Batch, list[PartnerLine]]]
) -> dict[LaneKey, type[BaseException] | None]:
    writer = FeedWriter(scene.pool, owner=OWNER)
    told = await asyncio.gather(
        *(writer.write(batch, lines) for batch, lines in given.values()), return_exceptions=True
    )
    return {key: None if each is None else type(each) for key, each in zip(given, told, strict=True)}


async def test_lanes_move_together_with_what_they_show(scene: Scene) -> None:
    while len(given := await batches(scene)) < 3:
        await scene.register("in another lane")
    assert {None} == set((await outcomes(scene, given)).values())
    assert {key: len(lines) for key, (_, lines) in given.items()} == await stored(scene)
    for key, (batch, _) in given.items():
        assert batch.place == await read_place(scene.pool, feed.PUBLISHER, key)
        assert (batch.events[-1].position, len(batch.events)) == (batch.place.position, batch.done)


async def test_a_lane_of_another_owner_stays_where_it_is(scene: Scene) -> None:
    given = await batches(scene)
    lost, *kept = given
    await scene.pool.execute(
        "update record.consumer set owner = $1 where name = $2 and stream = $3 and lane = $4",
        OTHER,
        feed.PUBLISHER,
        *lost,
    )
    assert {lost: NotOwner, **dict.fromkeys(kept)} == await outcomes(scene, given)
    assert {key: len(given[key][1]) for key in kept} == await stored(scene)
    assert 0 == (await read_place(scene.pool, feed.PUBLISHER, lost)).position


async def test_nothing_is_passed_twice(scene: Scene) -> None:
    given, again = await batches(scene), await batches(scene)
    await outcomes(scene, given)
    before = await stored(scene)
    assert {NotOwner} == set((await outcomes(scene, again)).values())
    assert before == await stored(scene)


async def test_what_cannot_be_stored_of_one_lane_holds_up_no_other(scene: Scene) -> None:
    given = await batches(scene)
    broken, *sound = given
    batch, lines = given[broken]
    given[broken] = (batch, [replace(lines[0], subject="a\0b")])
    told = await outcomes(scene, given)
    assert [broken] == [key for key, error in told.items() if error is not None]
    assert {key: len(given[key][1]) for key in sound} == await stored(scene)
    assert 0 == batch.done


async def test_who_leaves_waits_for_what_is_being_stored_and_takes_the_rest_along(scene: Scene) -> None:
    """Else a topic could join at a position that moves once more behind its back."""
    given = await batches(scene)
    held, left, *_ = given
    writer = FeedWriter(scene.pool, owner=OWNER)
    async with scene.pool.acquire() as connection, standing_still(connection):
        await connection.execute(HOLD, feed.PUBLISHER, *held)
        storing = asyncio.create_task(writer.write(*given[held]))
        await eventually("the statement waits", lambda: lock_is_awaited(scene))
        waiting = asyncio.create_task(writer.write(*given[left]))
        await asyncio.sleep(0)
        for task in (storing, waiting):
            task.cancel()
        await asyncio.wait([waiting])
        assert not storing.done()
    await asyncio.wait([storing])
    assert storing.cancelled()
    assert {held: len(given[held][1])} == await stored(scene)
    batch, _ = given[held]
    assert batch.events[-1].position == (await read_place(scene.pool, feed.PUBLISHER, held)).position


async def lock_is_awaited(scene: Scene) -> bool:
    return bool(await scene.pool.fetchval("select count(*) from pg_locks where not granted"))
