"""However the feed's lines are cut into rows, each reader is given the same lines."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from events.decision import LaneKey
from events.replay import from_journal
from market.rebuild import Report, compare_with_record
from market.rules.streams.partner_lines import ALL, PartnerLine
from market.store import feed, feed_blocks, feed_pages, webhook_messages
from market.store.webhook_messages import Message
from tests.conftest import Database
from tests.feed_support import publish
from tests.market_support import Scene, scene_on

BLOCKS = "select count(*) from view.feed where first is not null"


@pytest.fixture(params=[2, 1_000], ids=["blocks", "lines"])
async def scene(
    market_database: Database, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Scene]:
    """Orders of two firms and a round, which bears the time of its cut, in rows of several lines or one."""
    monkeypatch.setattr(feed_blocks, "BLOCK_LINES_MIN", request.param)
    monkeypatch.setattr(feed_blocks, "BLOCK_LINES_MAX", 5)
    async with scene_on(market_database) as opened:
        await opened.offer(opened.sellers[0])
        await opened.require(opened.buyers[0])
        plan = await opened.plan()
        for count, seconds in ((3, 1), (9, 20), (4, 1)):
            opened.clock.now += timedelta(seconds=seconds)
            for _ in range(count):
                await opened.offer(opened.sellers[0])
                opened.clock.now += timedelta(milliseconds=10)
                await opened.offer(opened.sellers[1])
        await opened.conclude(plan)
        yield opened


async def page_by_page(
    scene: Scene, organisation: UUID, after: feed.Vector, upto: feed.Vector, limit: int, **given: Any
) -> list[PartnerLine]:
    """As a client goes on: a place is the last position of each lane."""
    place, found = dict(after), list[PartnerLine]()
    async with scene.pool.acquire() as connection:
        while True:
            lines = await feed_pages.read(
                connection, organisation, after=place, upto=upto, limit=limit, **given
            )
            found += lines
            for line in lines:
                key = LaneKey(line.stream, line.lane)
                assert line.position > place.get(key, 0), "a lane's lines are told out of order"
                place[key] = line.position
            if len(lines) < limit:
                return found


def in_order(lines: Sequence[PartnerLine]) -> list[PartnerLine]:
    """By time; within a lane as they come, none before one of a smaller position."""
    latest: dict[LaneKey, Any] = {}
    ranked = []
    for line in sorted(lines, key=lambda line: line.position):
        key = LaneKey(line.stream, line.lane)
        latest[key] = max(line.time, latest.get(key, line.time))
        ranked.append(((latest[key], key, line.position), line))
    return [line for _, line in sorted(ranked, key=lambda pair: pair[0])]


async def test_pages_are_the_lines_in_order(scene: Scene) -> None:
    written = await publish(scene)
    blocks = await scene.pool.fetchval(BLOCKS)
    assert (blocks > 3) == (int(feed_blocks.BLOCK_LINES_MIN) < 3)
    firm = scene.sellers[0].organisation
    mine = in_order([line for line in written if line.audience in (ALL, firm)])
    async with scene.pool.acquire() as connection:
        ends = await feed.read_ends(connection)
    for limit in (1, 2, 7, 1_000):
        assert mine == await page_by_page(scene, firm, {}, ends, limit)
    kind = "partner.supply-offer.offered.v1"
    wanted = [line for line in mine if line.type == kind and line.market == scene.market]
    assert len(wanted) > 10
    for limit in (1, 4):
        given = {"types": [kind], "markets": [scene.market]}
        assert wanted == await page_by_page(scene, firm, {}, ends, limit, **given)
    own = [line.position for line in mine if LaneKey(line.stream, line.lane) == scene.lane]
    random = Random(7)
    for _ in range(30):
        first, last = sorted(random.choices(range(own[-1] + 1), k=2))
        between = [
            line
            for line in mine
            if LaneKey(line.stream, line.lane) == scene.lane and first < line.position <= last
        ]
        found = await page_by_page(
            scene, firm, {scene.lane: first}, {scene.lane: last}, random.choice((1, 3, 50))
        )
        assert between == found


@pytest.mark.parametrize("scene", [2], ids=["blocks"], indirect=True)
async def test_a_page_reads_few_blocks_and_none_once_it_is_full(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lane alone is not asked for as many blocks as the page has lines, and many lanes for one each."""
    monkeypatch.setattr(feed_blocks, "BLOCK_LINES_MAX", 32)
    taken: list[int] = []
    take = feed_pages.Ahead.take

    def count(ahead: feed_pages.Ahead, found: Any, rows_max: int, blocks_max: int) -> None:
        taken.append(sum(map(len, found.values())))
        take(ahead, found, rows_max, blocks_max)

    monkeypatch.setattr(feed_pages.Ahead, "take", count)
    line, *_ = await publish(scene)
    given = {name: getattr(line, name) for name in line.__struct_fields__} | {"audience": ALL}
    firm, blocks, singles = scene.sellers[0].organisation, LaneKey("market", 100), LaneKey("market", 101)
    lines = [PartnerLine(**given | blocks._asdict() | {"position": place}) for place in range(1, 1_601)]
    alone = [PartnerLine(**given | singles._asdict() | {"position": place}) for place in range(1, 101)]
    async with scene.pool.acquire() as connection:
        await feed.write(connection, lines)
        for one in alone:
            await feed.write(connection, [one])
        for key, written, after, limit, rows in (
            (blocks, lines, 0, 160, [40]),
            (blocks, lines, 1, 40, [10]),
            (blocks, lines, 0, 32, [8]),
            (singles, alone, 0, 40, [10, 20, 10]),
            (singles, alone, 90, 40, [10, 0]),
        ):
            found = await feed_pages.read(
                connection, firm, after={key: after}, upto={key: 1_600}, limit=limit
            )
            assert written[after : after + limit] == found
            assert rows == taken
            taken.clear()
        many = [LaneKey("market", 200 + number) for number in range(24)]
        at = [(key, place) for key in many for place in range(1, 401)]
        spread = [
            PartnerLine(**given | key._asdict() | {"position": place, "audience": (ALL, firm)[place % 2]})
            for key, place in at
        ]
        await feed.write(connection, spread)
        found = await feed_pages.read(connection, firm, after={}, upto=dict.fromkeys(many, 400), limit=20)
        assert (spread[:20], [2] * 24) == (found, taken)


async def test_a_look_tells_each_line_once_however_far_it_goes(scene: Scene) -> None:
    written = await publish(scene)
    expected: dict[LaneKey, list[tuple[int, UUID]]] = {}
    for line in written:
        expected.setdefault(LaneKey(line.stream, line.lane), []).append((line.position, line.audience))
    for positions_max in (1, 4, 1_000):
        seen: dict[LaneKey, int] = {}
        found: dict[LaneKey, list[tuple[int, UUID]]] = {}
        async with scene.pool.acquire() as connection:
            while True:
                lines, ends = await feed.read_news(connection, seen, positions_max=positions_max)
                if not ends:
                    break
                seen |= ends
                for line in lines:
                    found.setdefault(LaneKey(line.stream, line.lane), []).append(
                        (line.position, line.audience)
                    )
        for of_lane in found.values():
            assert [position for position, _ in of_lane] == sorted(position for position, _ in of_lane)
        assert {key: sorted(places) for key, places in expected.items()} == {
            key: sorted(places) for key, places in found.items()
        }


async def test_lines_are_found_by_their_place_and_by_their_time(scene: Scene) -> None:
    written = await publish(scene)
    firm = scene.sellers[0].organisation
    mine = [line for line in written if line.audience in (ALL, firm)]
    async with scene.pool.acquire() as connection:
        ends = await feed.read_ends(connection)
        for line in mine:
            assert line == await webhook_messages.read_line(connection, message(line))
        last = mine[-1]
        gone = message(last, position=last.position + 1)
        assert None is await webhook_messages.read_line(connection, gone)
        for instant in {line.time for line in mine}:
            older: dict[LaneKey, int] = {}
            for line in mine:
                if line.time < instant:
                    key = LaneKey(line.stream, line.lane)
                    older[key] = max(line.position, older.get(key, 0))
            assert older == await feed.read_before(connection, firm, ends, instant)


def message(line: PartnerLine, *, position: int | None = None) -> Message:
    given: dict[str, Any] = dict.fromkeys(Message.__struct_fields__)
    return Message(
        **given
        | {
            "message": uuid7(),
            "event": line.event,
            "type": line.type,
            "stream": line.stream,
            "lane": line.lane,
            "position": line.position if position is None else position,
            "audience": line.audience,
        }
    )


async def test_replay_compares_lines_and_names_those_that_differ(
    market_database: Database, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = await publish(scene)
    report = await compared(market_database, scene)
    assert report.equal
    assert len(written) == next(table.rows for table in report.tables if table.table == "view.feed")
    row, *_ = await scene.pool.fetch(
        "select * from view.feed where stream = $1 and lane = $2 order by first nulls last, position",
        *scene.lane,
    )
    lines = feed_blocks.lines_of(row)
    changed, lost = lines[0], lines[1:]
    ahead = PartnerLine(
        **{name: getattr(changed, name) for name in changed.__struct_fields__} | {"position": 10**6}
    )
    monkeypatch.setattr(feed_blocks, "BLOCK_LINES_MIN", 1_000)
    async with scene.pool.acquire() as connection:
        await connection.execute(
            "delete from view.feed where stream = $1 and lane = $2 and position = $3 and audience = $4",
            *(row["stream"], row["lane"], row["position"], row["audience"]),
        )
        other = {name: getattr(changed, name) for name in changed.__struct_fields__} | {"body": b'{"x":1}'}
        await feed.write(connection, [PartnerLine(**other), ahead])
    report = await compared(market_database, scene)
    told = next(table for table in report.tables if table.table == "view.feed")
    assert ["view.feed"] == [table.table for table in report.tables if table.differences]
    assert len(written) - len(lost) + 1 == told.rows
    kinds = [(each.kind, each.key["position"]) for each in told.examples]
    assert [
        ("changed", changed.position),
        *(("only in the record", line.position) for line in lost),
        ("only live", 10**6),
    ] == kinds
    (body,) = told.examples[0].changes
    assert ("body", '{"x":1}', changed.body.decode()) == (body.column, body.live, body.rebuilt)


async def compared(database: Database, scene: Scene) -> Report:
    owner = await asyncpg.connect(database.dsn("owner"), server_settings={"search_path": "state, view"})
    try:
        return await compare_with_record(owner, lambda key, upto: from_journal(scene.pool, key, upto=upto))
    finally:
        await owner.close()
