"""What a reader kept of a lane is found for an old position without folding the lane from its beginning."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

import msgspec
import pytest
from msgspec import Meta
from msgspec.structs import replace

from events.decision import LaneKey
from events.envelope import Recorded
from market.lane_memory import LaneMemory
from market.publisher import DealTape
from market.rules.visibility.deals import Deal, DealTerms
from market.store import snapshots
from tests.conftest import Database
from tests.market_support import Scene, scene_on

KEPT = "select name, position from ops.snapshot where name like 'reader%' order by position, name"


@pytest.fixture
async def scene(market_database: Database) -> AsyncIterator[Scene]:
    async with scene_on(market_database) as opened:
        for _ in range(12):
            await opened.offer(opened.sellers[0])
        yield opened


class Reader:
    """Keeps the positions of a lane's events, as numbers or as texts, and notes what it has folded."""

    def __init__(self, scene: Scene, kept_as: type = int, milestone_events: int | None = 5) -> None:
        self.pool, self.key, self.kept_as = scene.pool, scene.lane, kept_as
        self.folded: list[int] = []
        shape: Any = list[kept_as]  # type: ignore[valid-type]
        self.memory: LaneMemory[list[Any]] = LaneMemory(
            "reader", shape, list, self._fold, milestone_events=milestone_events
        )

    def _fold(self, memory: list[Any], event: Recorded) -> None:
        self.folded.append(event.position)
        memory.append(self.kept_as(event.position))

    async def recall(self, upto: int, **given: Any) -> list[int]:
        """The positions that were folded again for it."""
        self.folded.clear()
        found = await self.memory.recall(self.pool, self.key, upto, **given)
        assert [self.kept_as(position) for position in range(1, upto + 1)] == found
        return list(self.folded)

    async def keep(self, position: int) -> None:
        found = await self.memory.recall(self.pool, self.key, position)
        async with self.pool.acquire() as connection, connection.transaction():
            await self.memory.keep(connection, self.key, self.memory.snapshot(position, found))

    async def kept(self) -> list[tuple[str, int]]:
        return [tuple(row) for row in await self.pool.fetch(KEPT)]


async def test_of_so_many_events_the_first_snapshot_stays_and_an_old_position_begins_there(
    scene: Scene,
) -> None:
    reader = Reader(scene)
    for position in (3, 4, 6, 9, 12):
        await reader.keep(position)
    assert [("reader/1", 6), ("reader", 12), ("reader/2", 12)] == await reader.kept()
    assert [13] == await reader.recall(13)
    assert [] == await reader.recall(12)
    assert [7, 8, 9, 10, 11] == await reader.recall(11)
    assert [] == await reader.recall(6)
    assert [1, 2, 3, 4, 5] == await reader.recall(5)


async def test_without_milestones_the_newest_alone_is_kept(scene: Scene) -> None:
    reader = Reader(scene, milestone_events=None)
    for position in (6, 12):
        await reader.keep(position)
    assert [("reader", 12)] == await reader.kept()
    assert [*range(1, 12)] == await reader.recall(11)


async def test_what_another_shape_has_kept_is_not_read_and_gives_way(scene: Scene) -> None:
    before, other = Reader(scene), Reader(scene, str)
    for position in (6, 12):
        await before.keep(position)
    assert [*range(1, 12)] == await other.recall(11)
    await other.keep(7)
    assert [("reader", 7), ("reader/1", 7), ("reader/2", 12)] == await other.kept()
    assert [8, 9, 10, 11] == await other.recall(11)
    assert [] == await before.recall(12)


async def test_milestones_that_are_missing_are_kept_on_the_way_where_the_reader_says_so(scene: Scene) -> None:
    reader = Reader(scene)
    assert [*range(1, 13)] == await reader.recall(12)
    assert [] == await reader.kept()
    assert [*range(1, 13)] == await reader.recall(12, keeps=True)
    (kept,) = await reader.kept()
    assert ("reader/2", 12) == kept
    assert [] == await reader.recall(12)


def test_what_follows_from_the_agreements_of_a_tape_is_in_no_snapshot() -> None:
    terms = DealTerms(form="metal", yearly_g=1, years=1, start_year=None, price="flat")
    deal = Deal(
        market=UUID(int=1),
        kind="offtake",
        seller=UUID(int=2),
        buyer=UUID(int=3),
        status="effective",
        table=terms,
        terms=terms,
    )
    tape = DealTape(deals={UUID(int=4): deal, UUID(int=5): replace(deal, kind="spot")})
    before = msgspec.msgpack.encode(tape)
    assert {UUID(int=4)} == set(tape.standing)
    assert before == msgspec.msgpack.encode(tape)
    assert tape.standing == msgspec.msgpack.decode(before, type=DealTape).standing


async def test_a_milestone_is_of_its_reader_and_lane(scene: Scene) -> None:
    reader = Reader(scene)
    await reader.keep(6)
    async with scene.pool.acquire() as connection:
        (known,) = await connection.fetch("select format from ops.snapshot where name = 'reader/1'")
        found = [
            await snapshots.load_before(connection, name, LaneKey(stream, lane), known["format"], 9)
            for name, stream, lane in (
                ("reader", "market", reader.key.lane),
                ("reade", "market", reader.key.lane),
                ("reader", "contracts", reader.key.lane),
                ("reader", "market", reader.key.lane + 1),
            )
        ]
    assert [True, False, False, False] == [each is not None for each in found]


def test_a_format_is_of_what_is_kept_and_not_of_the_words_about_it() -> None:
    def shape(text: str, **members: Any) -> Any:
        return msgspec.defstruct("Kept", list(members.items()), namespace={"__doc__": text})

    def described(text: str) -> Any:
        return Annotated[int, Meta(ge=0, description=text)]

    known = snapshots.format_of(shape("Grams.", mass=described("Of a lot."), description=str))
    reworded = shape("In grams.", mass=described("A lot's."), description=str)
    assert known == snapshots.format_of(reworded)
    for other in (
        shape("Grams.", mass=described("Of a lot.")),
        shape("Grams.", mass=described("Of a lot."), description=int),
        shape("Grams.", mass=int, description=str),
    ):
        assert known != snapshots.format_of(other)
