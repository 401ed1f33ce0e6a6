"""What a publisher has made of events before it could send them: kept while that is tried again, made anew
where it broke off or a topic joined meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from events.connections import Producer
from events.envelope import Recorded
from events.leases import take_leases
from events.publishing import TopicWriter
from events.record_batches import WrittenRecord
from market.feed_writer import FeedWriter
from market.partner_topics import PartnerTopics
from market.publisher import Passed, Publisher, Tape
from market.store import feed, outlets
from tests.conftest import Database
from tests.market_support import Scene, scene_on

OWNER = "publisher of the test"
KEY = b"k" * 32
FIRMS = 6


class SentAfterAll(AssertionError):
    """A record is on its way to Kafka."""


async def no_producer() -> Producer:
    raise SentAfterAll


async def no_topic(name: str) -> None:
    raise AssertionError(f"{name} is made again")


@pytest.fixture
async def scene(database: Database) -> AsyncIterator[Scene]:
    async with scene_on(database, sellers=FIRMS, buyers=FIRMS) as opened:
        for seller in (*opened.sellers, *opened.sellers):
            await opened.offer(seller)
        yield opened


@pytest.fixture
async def events(scene: Scene) -> list[Recorded]:
    key = scene.lane
    await take_leases(
        scene.pool, feed.PUBLISHER, OWNER, key.stream, [key.lane], scene.operator.organisation, 60
    )
    return [event for event in await scene.events(key.stream) if event.lane == key.lane]


def publisher(scene: Scene) -> Publisher[Tape]:
    topics = TopicWriter(no_producer)
    partners = PartnerTopics(scene.pool, topics, no_topic, owner=OWNER)
    writer = FeedWriter(scene.pool, owner=OWNER)
    return Publisher(scene.pool, writer, topics, partners, Tape, public_id_key=KEY)


def told(passed: Passed) -> tuple[list[bytes], dict[str, list[WrittenRecord]]]:
    return [line.body for line in passed.lines.lines], {
        topic: list(records) for (topic, _), records in passed.tape.items()
    }


async def test_what_is_tried_again_goes_on_from_what_was_passed(scene: Scene, events: list[Recorded]) -> None:
    half = len(events) - FIRMS
    whole, retried = publisher(scene), publisher(scene)
    for each in (whole, retried):
        await each.opened(scene.lane, 0)
        each.keep(events[:half])
    await retried.opened(scene.lane, 0)
    (expected,), (found,) = whole.keep(events[half:]), retried.keep(events[half:])
    assert told(expected)[1]
    assert told(expected) == told(found)


@pytest.mark.parametrize(("member", "value"), [("stream", "nothing"), ("type", None)])
async def test_a_lane_that_broke_off_amid_events_is_brought_back(
    scene: Scene, events: list[Recorded], member: str, value: Any
) -> None:
    """Whether a rule breaks, or, once all are passed, what is written of them."""
    whole, broken = publisher(scene), publisher(scene)
    for each in (whole, broken):
        await each.opened(scene.lane, 0)
    with pytest.raises((ValueError, AttributeError)):
        broken.keep([*events[:-1], replace(events[-1], **{member: value})])
    await broken.opened(scene.lane, 0)
    assert told(whole.keep(events)[0]) == told(broken.keep(events)[0])


async def test_lines_written_before_a_topic_joined_are_sent_to_it(
    scene: Scene, events: list[Recorded]
) -> None:
    key, organisation = scene.lane, scene.sellers[0].organisation
    partners = PartnerTopics(scene.pool, TopicWriter(no_producer), no_topic, owner=OWNER)
    await partners.opened(key)
    lines = publisher(scene)
    await lines.opened(key, 0)
    shown = lines.keep(events)[0].lines.lines
    written = partners.write(key, shown)
    assert {} == written.records
    await partners.publish(key, [written])
    async with scene.pool.acquire() as connection:
        assert await outlets.move(connection, [organisation], key, 0, OWNER, live=True)
    await partners.opened(key)
    with pytest.raises(SentAfterAll):
        await partners.publish(key, [written])


async def test_a_lane_is_not_tried_again_while_a_topic_joins_there(
    scene: Scene, events: list[Recorded]
) -> None:
    """Else what is live would be read before the topic is, and the topic miss what passes then."""
    assert events
    key, organisation = scene.lane, scene.sellers[0].organisation
    partners = PartnerTopics(scene.pool, TopicWriter(no_producer), no_topic, owner=OWNER)
    await partners.opened(key)
    async with partners.holding(key):
        again = asyncio.create_task(partners.opened(key))
        assert (set(), {again}) == await asyncio.wait([again], timeout=0.2)
        await partners._settle(key, partners._live[key], [organisation], live=True)
    await again
    assert {organisation} == partners._live[key].places.keys()
