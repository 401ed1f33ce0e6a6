"""The service that posts to webhooks: who fails, hangs, redirects and comes back gets every event, and nobody
else waits for it."""

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from typing import Any
from uuid import UUID

import jsonschema_rs
import pytest
from msgspec import Struct
from structlog.testing import capture_logs
from uuid_utils.compat import uuid7

from market.commands import webhooks as commands
from market.lookups import Resolve, resolve
from market.metrics import FEED_DAMAGED
from market.rules.streams.partner_lines import ALL, PartnerLine
from market.rules.streams.reach import Address, Reach
from market.rules.streams.webhook_retries import ATTEMPTS_MAX
from market.rules.streams.webhook_signing import TEST_TYPE, Secrets, derive, signature
from market.rules.streams.webhooks import ChangeWebhook, RegisterWebhook, RemoveWebhook, RotateWebhook
from market.rules.webhook_terms import Webhook, WebhookTerms
from market.store import feed, webhook_messages, webhook_senders, webhooks
from market.stream_documents import WEBHOOK_HEADERS
from market.webhooks import RETRY_SECONDS_MAX, Webhooks
from tests.feed_support import damaged, publish
from tests.market_drafts import Firm
from tests.market_support import Scene, done
from tests.process_support import end, eventually, finish, start_cli
from tests.receiver_support import Receiver, receiving

KEY = b"k" * 32
FAILING_FOR_DAYS = """
update ops.webhook_sender set failing_since = now() - interval '5 days' where webhook = $1
"""
LOOPBACK = (ip_network("127.0.0.0/8"),)


def now() -> datetime:
    """Receivers take no other time than theirs."""
    return datetime.now(UTC)


@pytest.fixture
def database(market_database: Any) -> Any:
    return market_database


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as opened:
        yield opened


class Hook(Struct, frozen=True, kw_only=True):
    scene: Scene
    firm: Firm
    id: UUID

    def secrets(self, generation: int = 1, key: bytes = KEY) -> Secrets:
        return derive(key, self.id, generation)

    def wants(self, lines: Sequence[PartnerLine]) -> set[UUID]:
        return {line.event for line in lines if line.audience in (ALL, self.firm.organisation)}

    async def read(self) -> Webhook:
        async with self.scene.pool.acquire() as connection:
            found = await webhooks.load(connection, self.id)
        assert found is not None
        return found

    async def log(self) -> dict[UUID, webhook_messages.Message]:
        async with self.scene.pool.acquire() as connection:
            page = await webhook_messages.list_messages(
                connection, self.id, state=None, after=None, limit=200
            )
        return {message.event: message for message in page.items}

    async def settled(self, states: dict[UUID, str]) -> None:
        """What came of them is written."""

        async def written() -> bool:
            log = await self.log()
            return states.items() <= {event: message.state for event, message in log.items()}.items()

        await eventually("the log", written)


def reach(*receivers: Receiver) -> Reach:
    return Reach(ports=frozenset(each.port for each in receivers), networks=LOOPBACK, plain=True)


async def hook(
    scene: Scene, firm: Firm, receiver: Receiver, *, webhook: UUID | None = None, **terms: Any
) -> Hook:
    """Registered a while after all that was."""
    scene.clock.pass_seconds(1)
    given = {"url": receiver.url(), **terms}
    argument = RegisterWebhook(
        caller=firm.trader,
        organisation=firm.organisation,
        webhook=webhook or uuid7(),
        terms=WebhookTerms(**given),
        reach=Reach(ports=frozenset({receiver.port}), networks=LOOPBACK, plain=True),
    )
    done(await commands.register(scene.desk, argument))
    return Hook(scene=scene, firm=firm, id=argument.webhook)


async def change(hooked: Hook, receiver: Receiver, *, active: bool = True) -> None:
    found = await hooked.read()
    argument = ChangeWebhook(
        caller=hooked.firm.trader,
        organisation=hooked.firm.organisation,
        webhook=hooked.id,
        expected_version=found.version,
        terms=WebhookTerms(url=receiver.url(), types=found.terms.types, markets=found.terms.markets),
        active=active,
        reach=reach(receiver),
    )
    done(await commands.change(hooked.scene.desk, argument))


@asynccontextmanager
async def posting(
    scene: Scene, *receivers: Receiver, resolve: Resolve = resolve, owner: str = "one", **changes: Any
) -> AsyncIterator[Webhooks]:
    given = {
        "reach": reach(*receivers),
        "schedule_seconds": (0,),
        "post_seconds_max": 5.0,
        "clock": now,
        **changes,
    }
    service = Webhooks(
        scene.pool,
        scene.desk,
        scene.operator.organisation,
        owner=owner,
        key=KEY,
        new_id=uuid7,
        resolve=resolve,
        **given,
    )
    stop = asyncio.Event()
    running = asyncio.create_task(service.run(stop))
    try:
        yield service
    finally:
        stop.set()
        await running


async def trade(scene: Scene, *firms: Firm) -> list[PartnerLine]:
    for firm in firms:
        await scene.offer(firm)
    return await publish(scene)


async def test_a_round_that_was_cut_before_does_not_hide_what_came_since(
    scene: Scene, receiver: Receiver
) -> None:
    firm = scene.sellers[0]
    await scene.offer(firm)
    await scene.require(scene.buyers[0])
    plan = await scene.plan()
    await publish(scene)
    hooked = await hook(scene, firm, receiver)
    await scene.offer(firm)
    await scene.conclude(plan)
    lines = await publish(scene)
    async with posting(scene, receiver):
        await receiver.until(hooked.wants(lines))


async def test_a_receiver_that_fails_hangs_redirects_and_comes_back_gets_everything(
    scene: Scene, receiver: Receiver
) -> None:
    firm, other = scene.sellers
    await publish(scene)
    hooked = await hook(scene, firm, receiver)
    receiver.script.extend([500, "hang", "redirect", "break", "flood", 404])
    async with posting(scene, receiver, post_seconds_max=3.0):
        lines = await trade(scene, firm, other, firm, firm)
        await receiver.until(hooked.wants(lines))
        await hooked.settled(dict.fromkeys(hooked.wants(lines), "delivered"))
    assert hooked.wants(lines) == set(receiver.ids)
    held = hooked.secrets()
    for got in receiver.got:
        got.check(held.shared_text, held.public_text)
        jsonschema_rs.validate(WEBHOOK_HEADERS, got.headers)
        assert ("/hook?of=partner", str(got.id)) == (got.path, got.event["id"])
    errors = [each.error for message in (await hooked.log()).values() for each in message.tries]
    expected = [
        "answered 404", "answered 307; redirects are not followed", "answered 500",
        "no answer within 3 s", "the connection broke",
    ]  # fmt: skip
    assert sorted(expected) == sorted(error for error in errors if error is not None)


async def test_what_is_posted_is_what_the_feed_tells_in_order(scene: Scene, receiver: Receiver) -> None:
    firm = scene.sellers[0]
    await publish(scene)
    hooked = await hook(scene, firm, receiver)
    async with posting(scene, receiver):
        lines = await trade(scene, firm, firm, scene.sellers[1], firm)
        await receiver.until(hooked.wants(lines))
    mine = {line.event: line for line in lines if line.event in hooked.wants(lines)}
    for got in receiver.taken:
        line = mine[got.id]
        assert "application/cloudevents+json" == got.headers["content-type"]
        assert (line.type, line.subject) == (got.event["type"], got.event["subject"])
        assert line.body in got.body
        place = (line.stream, line.lane, line.position) if line.own else (None, None, None)
        assert place == tuple(got.event.get(name) for name in ("stream", "lane", "position"))
    for key in {(line.stream, line.lane) for line in mine.values()}:
        places = [
            mine[event].position for event in receiver.ids if (mine[event].stream, mine[event].lane) == key
        ]
        assert sorted(places) == places
    assert 1 == receiver.connections


async def test_types_and_markets_narrow_what_is_posted(scene: Scene, receiver: Receiver) -> None:
    firm = scene.sellers[0]
    await publish(scene)
    offered = "partner.supply-offer.offered.v1"
    by_type = await hook(scene, firm, receiver, types=(offered,))
    async with receiving() as other:
        by_market = await hook(scene, firm, other, markets=(UUID(int=7),))
        async with posting(scene, receiver, other):
            lines = await trade(scene, firm, scene.sellers[1], firm)
            mine = {line.event for line in lines if line.type == offered} & by_type.wants(lines)
            await receiver.until(mine)
    assert (2, mine) == (len(mine), set(receiver.ids))
    assert ([], {}) == (other.got, await by_market.log())


async def test_one_slow_receiver_delays_nobody_else(scene: Scene, receiver: Receiver) -> None:
    """Not its own organisation's other webhook either: the slow one is still at its first event."""
    firm, other = scene.sellers
    await publish(scene)
    slow = await hook(scene, firm, receiver)
    receiver.always = "hang"
    async with receiving() as quick, receiving() as apart:
        hooks = {quick: await hook(scene, firm, quick), apart: await hook(scene, other, apart)}
        async with posting(scene, receiver, quick, apart, post_seconds_max=60.0):
            lines = await publish(scene)
            await receiver.asked(1)
            for _ in range(3):
                lines += await trade(scene, firm, other)
                for each, hooked in hooks.items():
                    await each.until(hooked.wants(lines))
            assert (1, 0) == (len(receiver.got), len(receiver.taken))
            assert {} == await slow.log()
            receiver.always = 204
    assert slow.wants(lines)


async def test_an_event_that_is_never_taken_holds_up_nothing(scene: Scene, receiver: Receiver) -> None:
    firm = scene.sellers[0]
    await publish(scene)
    hooked = await hook(scene, firm, receiver)
    lines = await trade(scene, firm, firm, firm)
    poison = next(line.event for line in lines if line.stream == "market")
    receiver.refused.add(poison)
    async with posting(scene, receiver):
        await receiver.until(hooked.wants(lines) - {poison})
        assert hooked.wants(lines) == {got.id for got in receiver.got[: len(hooked.wants(lines))]}
        await hooked.settled({poison: "given_up"})
        assert poison not in receiver.ids
        receiver.refused.clear()
        async with scene.pool.acquire() as connection:
            message = (await hooked.log())[poison].message
            assert await webhook_messages.redeliver(connection, hooked.id, message) is not None
            assert None is await webhook_messages.redeliver(connection, hooked.id, uuid7())
        await receiver.until({poison})
        await hooked.settled({poison: "delivered"})
    assert webhook_messages.TRIES_KEPT == len((await hooked.log())[poison].tries)


async def test_what_waits_is_bounded_while_a_receiver_is_away(
    scene: Scene, receiver: Receiver, monkeypatch: Any
) -> None:
    monkeypatch.setattr("market.courier.WAITING_MAX", 2)
    firm = scene.sellers[0]
    await publish(scene)
    hooked = await hook(scene, firm, receiver)
    receiver.always = 503
    lines = await trade(scene, *[firm] * 6)
    async with posting(scene, receiver):
        await receiver.asked(8)
        assert 2 == len(await hooked.log())
        receiver.always = 204
        await receiver.until(hooked.wants(lines))


@pytest.mark.parametrize("status", [429, 503])
async def test_who_is_busy_is_left_alone_for_as_long_as_it_asks(
    scene: Scene, receiver: Receiver, status: int
) -> None:
    firm = scene.sellers[0]
    await publish(scene)
    hooked = await hook(scene, firm, receiver)
    receiver.always, receiver.retry_after = status, "1800"
    async with posting(scene, receiver, schedule_seconds=(0, 3_600)):
        lines = await trade(scene, firm)
        await receiver.asked(1)

        async def waits() -> bool:
            async with scene.pool.acquire() as connection:
                found = await webhook_senders.health(connection, hooked.id)
            return 1_700 < found.pause_seconds <= 1_800

        await eventually("the pause", waits)
        (message,) = (await hooked.log()).values()
        assert [1_800] == [each.asked_seconds for each in message.tries]
        assert 1_800 == round((message.not_before - message.changed_at).total_seconds())
        assert 1 == len(receiver.got)
        receiver.always = 204
        for active in (False, True):
            await change(hooked, receiver, active=active)
        await receiver.until(hooked.wants(lines))


@pytest.mark.parametrize("reason", ["failing", "gone"])
async def test_days_of_failure_disable_a_webhook_with_a_notice(
    scene: Scene, receiver: Receiver, reason: str
) -> None:
    """Its organisation's other webhook is told; once it is started again nothing is missing."""
    firm = scene.sellers[0]
    await publish(scene)
    failing = await hook(scene, firm, receiver)
    receiver.always = 410 if reason == "gone" else 500
    async with receiving() as other:
        told = await hook(scene, firm, other, types=("partner.webhook.disabled.v1",))
        async with posting(scene, receiver, other):
            lines = await trade(scene, firm)
            if reason == "failing":
                await receiver.asked(2)
                assert (await failing.read()).active
                await scene.pool.execute(FAILING_FOR_DAYS, failing.id)

            async def disabled() -> bool:
                return not (await failing.read()).active

            await eventually("disabled", disabled)
            assert reason == (await failing.read()).disabled
            notices = [line for line in await publish(scene) if line.type == "partner.webhook.disabled.v1"]
            assert [firm.organisation] == [line.audience for line in notices]
            await other.until({notices[0].event})
            asked = len(receiver.got)
            lines += await trade(scene, firm)
            receiver.always = 204
            assert asked == len(receiver.got)
            await change(failing, receiver)
            await receiver.until(failing.wants(lines))
    assert str(failing.id) == other.taken[0].event["data"]["webhook"]
    assert told.firm == failing.firm


async def test_both_secrets_sign_while_they_overlap(scene: Scene, receiver: Receiver) -> None:
    firm = scene.sellers[0]
    await publish(scene)
    hooked = await hook(scene, firm, receiver)
    for overlap_hours, signing in ((1, (2, 1)), (0, (3,))):
        argument = RotateWebhook(
            caller=firm.trader,
            organisation=firm.organisation,
            webhook=hooked.id,
            overlap_hours=overlap_hours,
        )
        done(await commands.rotate(scene.desk, argument))
        async with posting(scene, receiver, clock=scene.clock):
            lines = await trade(scene, firm)
            await receiver.until(hooked.wants(lines))
        last = receiver.taken[-1]
        held = [hooked.secrets(generation) for generation in signing]
        timestamp = int(last.headers["webhook-timestamp"])
        assert signature(held, str(last.id), timestamp, last.body) == last.headers["webhook-signature"]


async def test_a_name_that_changes_its_mind_leads_nowhere(scene: Scene, receiver: Receiver) -> None:
    """Each post looks the name up once and goes to what was looked at, or nowhere."""
    answers: list[list[Address]] = []
    asked = 0

    async def changing(host: str, port: int) -> list[Address]:
        nonlocal asked
        asked += 1
        assert ("partner.example", receiver.port) == (host, port)
        return answers[0]

    firm = scene.sellers[0]
    await publish(scene)
    hooked = await hook(scene, firm, receiver, url=receiver.url("partner.example"))
    good = [ip_address("127.0.0.1")]
    answers.append([*good, ip_address("169.254.169.254")])
    async with posting(scene, receiver, resolve=changing):
        lines = await trade(scene, firm)

        async def failed() -> bool:
            return any(message.tries for message in (await hooked.log()).values())

        await eventually("a failure", failed)
        assert [] == receiver.got
        answers[0] = good
        await receiver.until(hooked.wants(lines))
    log = await hooked.log()
    errors = {each.error for message in log.values() for each in message.tries} - {None}
    assert {"the name leads to an address that is not public"} == errors
    assert asked == sum(len(message.tries) for message in log.values())
    assert f"partner.example:{receiver.port}" == receiver.got[0].headers["host"]


async def test_a_test_is_posted_once_also_to_a_webhook_that_rests(scene: Scene, receiver: Receiver) -> None:
    firm = scene.sellers[0]
    await publish(scene)
    hooked = await hook(scene, firm, receiver)
    await change(hooked, receiver, active=False)
    receiver.script.append(500)
    events = [uuid7(), uuid7()]
    async with posting(scene, receiver):
        await trade(scene, firm)
        for event, state in zip(events, ("given_up", "delivered"), strict=True):
            async with scene.pool.acquire() as connection:
                await webhook_senders.start(connection)
                assert await webhook_messages.insert_test(connection, uuid7(), hooked.id, event)
            await hooked.settled({event: state})
    assert events == [got.id for got in receiver.got]
    assert {TEST_TYPE} == {got.event["type"] for got in receiver.got}
    assert str(hooked.id) == receiver.got[0].event["data"]["webhook"]


async def test_a_range_is_posted_once_more_with_the_same_ids(scene: Scene, receiver: Receiver) -> None:
    """Also of before the webhook was registered, and more than are read at once."""
    firm = scene.sellers[0]
    before = await trade(scene, *[firm] * 25)
    hooked = await hook(scene, firm, receiver)
    async with posting(scene, receiver):
        lines = await trade(scene, firm)
        await receiver.until(hooked.wants(lines))
        first = len(receiver.taken)
        async with scene.pool.acquire() as connection, connection.transaction():
            ends = await feed.read_ends(connection)
            wanted = webhook_senders.Range(after={}, upto=ends)
            assert await webhook_senders.lock(connection, hooked.id)
            assert await webhook_senders.add_range(connection, hooked.id, wanted)
            assert not await webhook_senders.add_range(connection, hooked.id, wanted)
        await receiver.until(hooked.wants(before))

        async def ended() -> bool:
            async with scene.pool.acquire() as connection:
                return await webhook_senders.range_of(connection, hooked.id) is None

        await eventually("the range", ended)
    again = [got.id for got in receiver.taken[first:]]
    assert hooked.wants(before) | hooked.wants(lines) <= set(again)
    assert len(set(again)) == len(again)


async def test_a_block_that_cannot_be_read_holds_its_lane_alone_until_it_is_mended(
    database: Any, scene: Scene, receiver: Receiver
) -> None:
    """What waits to be tried again of such a block waits on, and nobody's couriers end."""
    firm, other = scene.sellers
    await publish(scene)
    hooks = [await hook(scene, each, receiver) for each in (firm, other)]
    lines = await trade(scene, *[firm] * 8, other)
    market = [line for line in lines if line.audience == firm.organisation and line.stream == "market"]
    held = {line.event for line in market}
    (stuck, *_) = held
    receiver.refused = {stuck}
    before = FEED_DAMAGED._value.get()
    async with AsyncExitStack() as stack, AsyncExitStack() as meanwhile:
        # before couriers are there that could read it
        await meanwhile.enter_async_context(damaged(database.admin_dsn, firm.organisation))
        service = await stack.enter_async_context(posting(scene, receiver, schedule_seconds=(1,)))
        await receiver.until(hooks[0].wants(lines) - held | hooks[1].wants(lines))
        later = await trade(scene, firm, other)
        await receiver.until(hooks[1].wants(later))
        couriers = dict(service._tasks)
        taken = {got.id for got in receiver.taken}
        assert set() == taken & (held | {line.event for line in later if line.own and line in market})
        assert FEED_DAMAGED._value.get() > before
        await meanwhile.aclose()
        more = await trade(scene, firm)
        await receiver.until(hooks[0].wants([*lines, *later, *more]) - {stuck})
        order = [got.id for got in receiver.taken if got.id in held]
        assert [line.event for line in market if line.event != stuck] == order
        async with damaged(database.admin_dsn, firm.organisation):

            async def unread_now() -> bool:
                return (await hooks[0].log())[stuck].tries[-1].status is None

            await eventually("the message", unread_now)
            often = "update ops.webhook_message set attempts = $1 where event = $2"
            await scene.pool.execute(often, ATTEMPTS_MAX, stuck)
            changed = "select changed_at from ops.webhook_message where event = $1"
            times = {await scene.pool.fetchval(changed, stuck)}

            async def put_off_twice() -> bool:
                times.add(await scene.pool.fetchval(changed, stuck))
                return len(times) > 2

            await eventually("the message", put_off_twice)
            logged = (await hooks[0].log())[stuck]
            unread = "the event cannot be read here now"
            assert (ATTEMPTS_MAX, [unread]) == (
                logged.attempts,
                [each.error for each in logged.tries if each.status is None],
            )
            await receiver.until(hooks[1].wants(await trade(scene, other)))
        receiver.refused = set()
        await hooks[0].settled({stuck: "delivered"})
        assert couriers.items() <= service._tasks.items()
        await begun_anew(scene, service)
        await receiver.until(hooks[0].wants(await trade(scene, firm)))
    assert len(receiver.taken) == len({got.id for got in receiver.taken})


async def begun_anew(scene: Scene, service: Webhooks) -> None:
    """The feed is made anew, and couriers look while its publisher stands behind where they were."""
    ends = "update record.consumer set position = position + $1 where name = 'publisher' and position > 4"
    await scene.pool.execute(ends, -4)
    for courier in service._couriers.values():
        courier.wake()
    await asyncio.sleep(0.3)
    await scene.pool.execute(ends.replace("> 4", "> 0"), 4)


async def test_what_is_no_longer_kept_is_given_up(scene: Scene, receiver: Receiver) -> None:
    firm = scene.sellers[0]
    await publish(scene)
    hooked = await hook(scene, firm, receiver)
    receiver.always = 500
    async with posting(scene, receiver, schedule_seconds=(3600,)):
        lines = await trade(scene, firm)
        await receiver.asked(1)

        async def noted() -> bool:
            return bool(await hooked.log())

        await eventually("the failure", noted)
    async with scene.pool.acquire() as connection, connection.transaction():
        await feed.drop_before(connection, scene.clock.now.replace(year=2100), rows_max=1_000)
    receiver.always = 204
    for active in (False, True):
        await change(hooked, receiver, active=active)
    async with posting(scene, receiver):
        await hooked.settled({receiver.got[0].id: "given_up"})
    assert receiver.got[0].id in hooked.wants(lines)
    assert 1 == len(receiver.got)


async def test_two_processes_share_and_one_takes_over_from_the_other(
    scene: Scene, receiver: Receiver
) -> None:
    firm = scene.sellers[0]
    await publish(scene)
    hooked = await hook(scene, firm, receiver)
    async with posting(scene, receiver, owner="one"):
        lines = await trade(scene, firm)
        await receiver.until(hooked.wants(lines))
        async with posting(scene, receiver, owner="two"):
            lines += await trade(scene, firm, firm)
            await receiver.until(hooked.wants(lines))
            await hooked.settled(dict.fromkeys(hooked.wants(lines), "delivered"))
            held = await scene.pool.fetch("select owner from ops.webhook_sender")
            assert ["one"] == [row["owner"] for row in held]
    async with posting(scene, receiver, owner="two"):
        lines += await trade(scene, firm)
        await receiver.until(hooked.wants(lines))
    assert len(receiver.ids) == len(receiver.taken)


async def test_who_has_lost_the_lease_writes_nothing(scene: Scene, receiver: Receiver) -> None:
    """Its post may have arrived: the new owner posts it again, with the same id."""
    firm = scene.sellers[0]
    await publish(scene)
    hooked = await hook(scene, firm, receiver)
    receiver.script.append("hang")
    async with posting(scene, receiver, owner="one", post_seconds_max=60.0):
        lines = await trade(scene, firm)
        await receiver.asked(1)
        await scene.pool.execute(
            "update ops.webhook_sender set owner = 'two', leased_until = now() + interval '1 minute'"
        )
        async with posting(scene, receiver, owner="two"):
            await receiver.until(hooked.wants(lines))
            await hooked.settled(dict.fromkeys(hooked.wants(lines), "delivered"))
        receiver.closing.set()
    assert receiver.got[0].id == receiver.got[1].id
    assert {1} == {message.attempts for message in (await hooked.log()).values()}


async def test_whatever_dies_every_event_arrives_with_the_same_id(
    database: Any, scene: Scene, receiver: Receiver
) -> None:
    firm = scene.sellers[0]
    await publish(scene)
    hooked = await hook(scene, firm, receiver)
    lines: list[PartnerLine] = []
    for crash_at, script in (
        ("webhooks.posted:2", []),
        ("webhooks.retried", [500]),
    ):
        receiver.script.extend(script)
        lines += await trade(scene, firm, firm)
        child = await start_cli(
            database,
            "127.0.0.1:9",
            "",
            "run",
            "webhooks",
            crash_at=crash_at,
            LODESTONE_WEBHOOK_SECRET=KEY.decode(),
            LODESTONE_WEBHOOK_PLAIN="true",
            LODESTONE_WEBHOOK_NETWORKS="127.0.0.0/8",
            LODESTONE_WEBHOOK_PORTS=str(receiver.port),
        )
        try:
            code, _, err = await finish(child)
        finally:
            await end(child)
        assert (crash_at, -signal.SIGKILL) == (crash_at, code), err
        await scene.pool.execute(
            "update ops.webhook_sender set leased_until = clock_timestamp(), not_before = null"
        )
        await scene.pool.execute("update ops.webhook_message set not_before = clock_timestamp()")
    async with posting(scene, receiver):
        await receiver.until(hooked.wants(lines))
        await hooked.settled(dict.fromkeys(hooked.wants(lines), "delivered"))
    held = hooked.secrets()
    bodies: dict[UUID, bytes] = {}
    for got in receiver.got:
        got.check(held.shared_text, held.public_text)
        assert got.body == bodies.setdefault(got.id, got.body)
    assert len(receiver.taken) > len(receiver.ids)


async def test_a_database_that_is_away_is_told_now_and_then(scene: Scene) -> None:
    scene.pool.terminate()
    with capture_logs() as lines:
        async with posting(scene):
            await asyncio.sleep(3)
    told = [line["seconds"] for line in lines if line["event"] == "webhooks_wait"]
    assert 3 <= len(told) <= 12
    assert RETRY_SECONDS_MAX in told


async def test_a_lease_of_a_clock_that_was_wrong_keeps_no_post_back(scene: Scene, receiver: Receiver) -> None:
    firm = scene.sellers[0]
    await publish(scene)
    hooked = await hook(scene, firm, receiver)
    async with posting(scene, receiver, owner="dead"):
        await receiver.until(hooked.wants(await trade(scene, firm)))
    await scene.pool.execute(
        "update ops.webhook_sender set owner = 'dead', leased_until = clock_timestamp() + interval '1 hour'"
    )
    lines = await trade(scene, firm)
    async with posting(scene, receiver, owner="heir"):
        await receiver.until(hooked.wants(lines))


@pytest.mark.parametrize(("left", "senders"), [("1 minute", 1), ("-1 seconds", 0), ("1 hour", 0)])
async def test_the_sender_of_a_removed_webhook_goes_with_its_lease(
    scene: Scene, receiver: Receiver, left: str, senders: int
) -> None:
    firm = scene.sellers[0]
    hooked = await hook(scene, firm, receiver)
    removal = RemoveWebhook(caller=firm.trader, organisation=firm.organisation, webhook=hooked.id)
    async with scene.pool.acquire() as connection:
        await webhook_senders.take(connection, "dead", seconds=30.0, webhooks_max=10)
        await connection.execute(
            "update ops.webhook_sender set leased_until = clock_timestamp() + $1::text::interval", left
        )
        done(await commands.remove(scene.desk, removal))
        assert {} == await webhook_senders.take(connection, "heir", seconds=30.0, webhooks_max=10)
        assert senders == await connection.fetchval("select count(*) from ops.webhook_sender")
