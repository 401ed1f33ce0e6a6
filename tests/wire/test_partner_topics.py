"""The topics of partners on a real Kafka: the rule applied to the whole record, in order, whatever dies."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from msgspec import Struct

from events.decision import LaneKey
from events.vocabulary import STREAMS
from market.commands import parties
from market.feed_retention import FeedRetention
from market.ground import Wiring
from market.metrics import FEED_DAMAGED
from market.rules.parties.facilities import RegisterFacility
from market.rules.streams.partner_lines import ALL, PartnerLine, ShownLane
from market.rules.streams.streams import CloseStream, OpenStream, partner_topic
from market.store import feed_blocks
from market.topics import TopicError, TopicRecord, open_reading
from tests.feed_support import damaged
from tests.market_days import trade_for_a_while
from tests.market_drafts import Firm, facility_details
from tests.market_support import Scene, done, scene_on
from tests.process_support import end, eventually, finish, let_lapse, published, serving, start_cli, wired

QUIET = {"LODESTONE_LOG_LEVEL": "warning"}
"""Without a line for each event: then a reader keeps of slices as they come."""
EXAMPLES = Path(__file__).parents[2] / "examples"
RUN = """
import asyncio, inspect, os, signal, sys
sys.path.insert(0, '{folder}')
import {name} as program

take, calls = program.take, 0

def tell(headers, data):
    sys.stdout.write(headers['ce_id'] + ' ')
    take(headers, data)

def then_die(function):
    def called(*given):
        global calls
        function(*given)
        calls += 1
        if calls == {calls}:
            os.kill(os.getpid(), signal.SIGKILL)
    return called

program.take = tell
{function} = then_die({function})
bootstrap, topic, file = sys.argv[1:]
done = program.follow(bootstrap, topic, program.Path(file), once=True)
if inspect.isawaitable(done):
    asyncio.run(done)
"""


class Got(Struct, frozen=True):
    """A record of a partner's topic as the partner reads it; `place` None where it is not told."""

    id: UUID
    type: str
    place: tuple[str, int, int] | None
    raw: bytes


def got(record: TopicRecord) -> Got:
    headers = {name: value.decode() for name, value in record.headers.items()}
    place = None
    if "ce_position" in headers:
        place = (headers["ce_stream"], int(headers["ce_lane"]), int(headers["ce_position"]))
    raw = record.value + (record.key or b"") + repr(headers).encode()
    return Got(UUID(headers["ce_id"]), headers["ce_type"], place, raw)


async def read_stream(bootstrap: str, prefix: str, firm: Firm) -> list[Got]:
    async with open_reading(bootstrap, partner_topic(prefix, firm.organisation)) as reading:
        return [got(record) async for _, records in reading.batches() for record in records]


async def by_the_rule(scene: Scene, firm: Firm) -> dict[LaneKey, list[PartnerLine]]:
    """What the organisation may see of every lane of the record."""
    lanes: dict[LaneKey, ShownLane] = {}
    found: dict[LaneKey, list[PartnerLine]] = {}
    for stream in STREAMS:
        for event in await scene.events(stream):
            key = LaneKey(stream, event.lane)
            lines = lanes.setdefault(key, ShownLane()).step(event)
            found.setdefault(key, []).extend(
                line for line in lines if line.audience in (ALL, firm.organisation)
            )
    return found


async def check(scene: Scene, bootstrap: str, prefix: str, firm: Firm) -> list[Got]:
    """The topic after repeats are dropped is the rule over the record, lane by lane in order."""
    records = await read_stream(bootstrap, prefix, firm)
    once: dict[UUID, Got] = {}
    for record in records:
        assert once.setdefault(record.id, record).raw == record.raw
    lanes = await by_the_rule(scene, firm)
    lane_of = {line.event: key for key, lines in lanes.items() for line in lines}
    assert set(lane_of) == set(once)
    for key, lines in lanes.items():
        mine = [record for record in once.values() if lane_of[record.id] == key]
        assert [(line.event, line.type) for line in lines] == [(record.id, record.type) for record in mine]
        for line, record in zip(lines, mine, strict=True):
            assert (key.stream, key.lane, line.position) == record.place or not line.own
            assert line.own == (record.place is not None)
            assert record.raw.startswith(line.body)
    return records


async def switch(scene: Scene, firm: Firm, *, on: bool) -> None:
    if on:
        asked = OpenStream(caller=firm.trader, organisation=firm.organisation)
        done(await parties.open_stream(scene.desk, asked))
    else:
        done(
            await parties.close_stream(
                scene.desk, CloseStream(caller=firm.trader, organisation=firm.organisation)
            )
        )


async def build(scene: Scene, *firms: Firm) -> None:
    """A site more for each of them."""
    for firm in firms:
        details = facility_details("another")
        await parties.register_facility(
            scene.desk, RegisterFacility(caller=firm.trader, organisation=firm.organisation, details=details)
        )


async def settled(scene: Scene, wiring: Wiring, *firms: Firm) -> None:
    """The publisher has passed the whole record, and the topics of `firms` are live on every lane."""
    behind = """
    select exists (select from record.lane l left join record.consumer c
        on c.stream = l.stream and c.lane = l.lane and c.name = 'publisher'
        where l.next_position > coalesce(c.position, 0) + 1)
    """
    live = "select count(*) from ops.outlet where live and organisation = any($1)"

    async def reached() -> bool:
        lanes = len(wiring.lanes) * len(STREAMS)
        joined = await scene.pool.fetchval(live, [firm.organisation for firm in firms])
        return joined == lanes * len(firms) and not await scene.pool.fetchval(behind)

    await eventually("the topics", lambda: published(scene))
    await eventually("the partners", reached)


async def test_a_stream_is_the_rule_over_the_record_whenever_it_was_opened(
    database: Any, kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the feed no longer has what it joins with, or cannot read it."""
    monkeypatch.setattr(feed_blocks, "BLOCK_LINES_MIN", 1)
    async with (
        scene_on(database) as scene,
        wired(database, kafka_bootstrap, topic_prefix) as wiring,
    ):
        early, late = scene.sellers[0], scene.buyers[0]
        await switch(scene, early, on=True)
        async with serving(wiring, "relay", "publisher"):
            await settled(scene, wiring, early)
            await trade_for_a_while(scene)
            assert await FeedRetention(scene.pool, days=0, clock=later).drop_some() > 0
            await switch(scene, late, on=True)
            await settled(scene, wiring, early, late)
            for firm in (early, late):
                await check(scene, kafka_bootstrap, topic_prefix, firm)
            await switch(scene, early, on=False)
            await eventually("the topic rests", lambda: at_rest(scene, early))
            resting = await read_stream(kafka_bootstrap, topic_prefix, early)
            await build(scene, early, late)
            await settled(scene, wiring, late)
            assert resting == await read_stream(kafka_bootstrap, topic_prefix, early)
            async with damaged(database.admin_dsn, early.organisation) as blocks:
                met = FEED_DAMAGED._value.get()
                await switch(scene, early, on=True)
                await settled(scene, wiring, early, late)
                assert blocks and FEED_DAMAGED._value.get() > met
        told = [await check(scene, kafka_bootstrap, topic_prefix, firm) for firm in (early, late)]
        for records in told:
            assert len({record.id for record in records}) == len(records)
        await run_the_examples(
            kafka_bootstrap, partner_topic(topic_prefix, late.organisation), tmp_path, told[-1]
        )
        with pytest.raises(TopicError, match="does not exist"):
            await read_stream(kafka_bootstrap, topic_prefix, scene.buyers[1])


def later() -> datetime:
    return datetime(2100, 1, 1, tzinfo=UTC)


async def run_the_examples(bootstrap: str, topic: str, folder: Path, records: Sequence[Got]) -> None:
    """A partner's programs, killed at a labelled point, tell every event in order; nothing again later."""
    expected = [(str(record.id), record.type) for record in records]
    for name, label in (("follow_kafka", "program.take:3"), ("follow_librdkafka", "program.Path.replace:1")):
        given = (bootstrap, topic, str(folder / name))
        killed = await run_example(name, *given, label=label)
        assert killed
        rest = await run_example(name, *given)
        assert expected == list(dict.fromkeys([*killed, *rest]))
        assert [] == await run_example(name, *given)


async def run_example(name: str, *given: str, label: str | None = None) -> list[tuple[str, str]]:
    """Ids and types that it tells; `label`: the function behind whose so manieth call it is killed."""
    function, _, calls = (label or "program.take:0").partition(":")
    code = RUN.format(folder=EXAMPLES, name=name, function=function, calls=calls)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-u", "-c", code, *given, stdout=PIPE, stderr=PIPE
    )
    out, err = await asyncio.wait_for(child.communicate(), 60)
    assert (0 if label is None else -signal.SIGKILL) == child.returncode, err.decode()
    lines = [line.split(" ") for line in out.decode().splitlines()]
    return [(line[0], line[1]) for line in lines]


async def at_rest(scene: Scene, firm: Firm) -> bool:
    live = "select count(*) = 0 from ops.outlet where organisation = $1 and live"
    return bool(await scene.pool.fetchval(live, firm.organisation))


async def test_a_publisher_killed_anywhere_says_the_same_again(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    async with (
        scene_on(database) as scene,
        wired(database, kafka_bootstrap, topic_prefix) as wiring,
    ):
        firms = (scene.sellers[0], scene.buyers[0])
        async with serving(wiring, "relay"):
            await trade_for_a_while(scene)
            await eventually("the topics", lambda: published(scene))
            await die(scene, database, kafka_bootstrap, topic_prefix, "publisher.sent:3")
            for firm in firms:
                await switch(scene, firm, on=True)
            for label in ("partner.caught_up:5", "publisher.sent"):
                await die(scene, database, kafka_bootstrap, topic_prefix, label)
                async with serving(wiring, "publisher"):
                    await settled(scene, wiring, *firms)
                await build(scene, *firms)
            async with serving(wiring, "publisher"):
                await settled(scene, wiring, *firms)
        repeats = 0
        for firm in firms:
            records = await check(scene, kafka_bootstrap, topic_prefix, firm)
            repeats += len(records) - len({record.id for record in records})
        assert repeats > 0


async def test_of_two_publishers_one_is_killed_and_the_other_goes_on(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    """Each has some of the lanes; the topics of partners and the public tape are both's."""
    owners = "select count(distinct owner) from record.consumer where name = 'publisher'"
    async with (
        scene_on(database) as scene,
        wired(database, kafka_bootstrap, topic_prefix) as wiring,
    ):
        firms = (scene.sellers[0], scene.buyers[0])

        async def shared() -> bool:
            return bool(2 == await scene.pool.fetchval(owners))

        async with serving(wiring, "relay", "publisher"):
            await switch(scene, firms[0], on=True)
            await settled(scene, wiring, firms[0])
            given = (database, kafka_bootstrap, topic_prefix, "run", "publisher")
            other = await start_cli(*given, crash_at="publisher.sent:4", **QUIET)
            try:
                await eventually("two at work", shared)
                await trade_for_a_while(scene)
                await switch(scene, firms[1], on=True)
                code, _, told = await register_until_ended(scene, other)
            finally:
                await end(other)
            assert -signal.SIGKILL == code, told
            await let_lapse(scene)
            await settled(scene, wiring, *firms)
        for firm in firms:
            await check(scene, kafka_bootstrap, topic_prefix, firm)


async def register_until_ended(scene: Scene, child: Process) -> tuple[int, str, str]:
    """New organisations, whose events reach every lane of theirs in the end, whichever the child has."""
    ending = asyncio.create_task(finish(child))
    for number in range(200):
        if ending.done():
            break
        await scene.register(f"newcomer {number}")
        await asyncio.sleep(0.05)
    return await ending


async def die(scene: Scene, database: Any, bootstrap: str, prefix: str, label: str) -> None:
    killed = await start_cli(database, bootstrap, prefix, "run", "publisher", crash_at=label, **QUIET)
    code, _, told = await finish(killed)
    assert -signal.SIGKILL == code, told
    await let_lapse(scene)
