"""Webhooks at the door: what is refused, secrets shown once, nobody else's, the log and what is posted once
more."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from market.http.wire.ids import to_text
from market.rules.streams.webhook_signing import derive
from market.rules.webhook_terms import WEBHOOKS_MAX
from market.store import feed_pages, webhook_messages, webhook_senders
from tests.http.shop import Shop
from tests.market_drafts import Firm

HOOKS = "/v1/webhooks"
URL = "https://partner.example/hook"
STRUCK = "partner.match.struck.v1"


async def ask(shop: Shop, method: str, path: str, firm: Firm, **given: Any) -> Any:
    return await shop.ask(method, path, by=firm, roles=("admin",), **given)


async def registered(shop: Shop, firm: Firm, **changes: Any) -> dict[str, Any]:
    answer = await ask(shop, "POST", HOOKS, firm, body={"url": URL, **changes})
    assert 201 == answer.status_code, answer.text
    return answer.json()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://partner.example/", "webhook_url_unusable"),
        ("https://partner.example:8443/", "webhook_url_unusable"),
        ("https://user:word@partner.example/", "webhook_url_unusable"),
        ("https://partner.example/#part", "webhook_url_unusable"),
        ("https://127.0.0.1/", "address_forbidden"),
        ("https://[::ffff:169.254.169.254]/", "address_forbidden"),
        ("https://inside.example/", "address_forbidden"),
    ],
)
async def test_a_forbidden_address_is_named_and_nothing_is_stored(shop: Shop, url: str, code: str) -> None:
    firm = shop.scene.sellers[0]
    kept = await registered(shop, firm)
    before = await shop.rows()
    path = f"{HOOKS}/{kept['id']}"
    for answer in (
        await ask(shop, "POST", HOOKS, firm, body={"url": url}),
        await ask(shop, "PATCH", path, firm, body={"url": url}, version='"v1"'),
    ):
        assert (422, code) == (answer.status_code, answer.json()["code"])
        assert ["/url"] == [fault["pointer"] for fault in answer.json()["errors"]]
    assert before == await shop.rows()
    assert URL == (await ask(shop, "GET", path, firm)).json()["url"]


async def test_all_that_is_wrong_is_told_at_once(shop: Shop) -> None:
    body = {"url": "http://partner.example", "types": [STRUCK, "odd", STRUCK], "markets": [shop.market] * 2}
    answer = await ask(shop, "POST", HOOKS, shop.scene.sellers[0], body=body)
    expected = {
        ("webhook_url_unusable", "/url"),
        ("duplicate_entry", "/types/2"),
        ("duplicate_entry", "/markets/1"),
        ("event_types_unknown", "/types"),
    }
    assert expected == {(fault["code"], fault["pointer"]) for fault in answer.json()["errors"]}
    bad = await ask(shop, "POST", HOOKS, shop.scene.sellers[0], body={"url": "nothing", "other": 1})
    assert 400 == bad.status_code


async def test_a_name_that_cannot_be_looked_up_now_is_taken(shop: Shop) -> None:
    assert (await registered(shop, shop.scene.sellers[0], url="https://nowhere.example/"))["id"]


async def test_secrets_are_shown_once_and_rotate(shop: Shop) -> None:
    firm = shop.scene.sellers[0]
    rehearsed = await ask(shop, "POST", f"{HOOKS}?validate_only=true", firm, body={"url": URL})
    assert (200, None, None) == (
        rehearsed.status_code, rehearsed.json()["id"], rehearsed.json()["secret"],
    )  # fmt: skip
    first = await ask(shop, "POST", HOOKS, firm, body={"url": URL}, key="one")
    again = await ask(shop, "POST", HOOKS, firm, body={"url": URL}, key="one")
    made = first.json()
    assert (made["id"], None) == (again.json()["id"], again.json()["secret"])
    assert [] == made["warnings"]
    assert ["secret_shown_before"] == [each["code"] for each in again.json()["warnings"]]
    assert made["public_key"] == again.json()["public_key"] is not None
    path = f"{HOOKS}/{made['id']}"
    rotated = await ask(shop, "POST", f"{path}/secret", firm, body={"overlap_hours": 1}, key="two")
    replayed = await ask(shop, "POST", f"{path}/secret", firm, body={"overlap_hours": 1}, key="two")
    assert (200, None) == (replayed.status_code, replayed.json()["secret"])
    assert ["secret_shown_before"] == [each["code"] for each in replayed.json()["warnings"]]
    late = await ask(shop, "POST", HOOKS, firm, body={"url": URL}, key="one")
    now = rotated.json()["public_key"]
    assert [now] * 2 == [replayed.json()["public_key"], late.json()["public_key"]] != [made["public_key"]] * 2
    held = [derive(b"w" * 32, UUID(hex=made["id"][5:]), each) for each in (1, 2)]
    assert [each.shared_text for each in held] == [made["secret"], rotated.json()["secret"]]
    view = (await ask(shop, "GET", path, firm)).json()
    assert held[1].public_text == view["public_key"]
    assert view["previous_until"] is not None
    assert made["secret"].partition("_")[2] not in str(view)


async def test_a_repeat_says_that_the_webhook_was_removed_since(shop: Shop) -> None:
    firm = shop.scene.sellers[0]
    first = await ask(shop, "POST", HOOKS, firm, body={"url": URL}, key="one")
    place = first.headers["Location"]
    assert 200 == (await ask(shop, "GET", place, firm)).status_code
    assert 200 == (await ask(shop, "DELETE", place, firm)).status_code
    again = await ask(shop, "POST", HOOKS, firm, body={"url": URL}, key="one")
    assert (201, "true") == (again.status_code, again.headers["Idempotent-Replayed"])
    told = again.json()
    assert ["removed_since"] == [each["code"] for each in told["warnings"]]
    assert (first.json()["id"], None, None) == (told["id"], told["secret"], told["public_key"])
    assert "Location" not in again.headers
    assert first.json()["receipts"] == told["receipts"]


async def test_nobody_else_finds_a_webhook(shop: Shop) -> None:
    firm, other = shop.scene.sellers
    made = await registered(shop, firm)
    path = f"{HOOKS}/{made['id']}"
    for method, address, body, version in (
        ("GET", path, None, None),
        ("GET", f"{path}/health", None, None),
        ("GET", f"{path}/messages", None, None),
        ("PATCH", path, {"active": False}, '"v1"'),
        ("POST", f"{path}/secret", {}, None),
        ("POST", f"{path}/test", None, None),
        ("POST", f"{path}/redeliver", {"from": "2026-01-01T00:00:00Z"}, None),
        ("DELETE", path, None, None),
    ):
        answer = await ask(shop, method, address, other, body=body, version=version)
        assert (404, "not_found") == (answer.status_code, answer.json()["code"]), address
        assert 403 == (await shop.ask(method, address, by=firm, body=body, version=version)).status_code
    assert [] == (await ask(shop, "GET", HOOKS, other)).json()["items"]
    assert [made["id"]] == [each["id"] for each in (await ask(shop, "GET", HOOKS, firm)).json()["items"]]


async def assert_warned_of_a_query(shop: Shop, firm: Firm, path: str) -> None:
    """When it is registered, tried or changed; nothing of it is refused, since a receiver may need it."""
    body = {"url": f"{URL}?token=s3cret"}
    rehearsed = await ask(shop, "POST", f"{HOOKS}?validate_only=true", firm, body=body)
    made = await ask(shop, "POST", HOOKS, firm, body=body)
    changed = await ask(shop, "PATCH", f"{path}?validate_only=true", firm, body=body, version='"v1"')
    for answer in (rehearsed, made, changed):
        assert answer.is_success, answer.text
        assert [("address_with_query", "/url")] == [
            (each["code"], each["pointer"]) for each in answer.json()["warnings"]
        ]
        assert "s3cret" not in answer.text


async def test_a_webhook_rests_goes_on_and_is_removed(shop: Shop) -> None:
    firm = shop.scene.sellers[0]
    made = await ask(shop, "POST", HOOKS, firm, body={"url": URL}, key="made")
    path = f"{HOOKS}/{made.json()['id']}"
    await assert_warned_of_a_query(shop, firm, path)
    rest = await ask(shop, "PATCH", path, firm, body={"active": False}, version='"v1"')
    assert (200, '"v2"') == (rest.status_code, rest.headers["etag"])
    stale = await ask(shop, "PATCH", path, firm, body={"active": True}, version='"v1"')
    same = await ask(shop, "PATCH", path, firm, body={"active": False}, version='"v2"')
    assert (412, 422) == (stale.status_code, same.status_code)
    assert 200 == (await ask(shop, "DELETE", path, firm)).status_code
    for method in ("GET", "DELETE"):
        assert 404 == (await ask(shop, method, path, firm)).status_code
    gone = await ask(shop, "POST", HOOKS, firm, body={"url": URL}, key="made")
    assert (201, None, None) == (gone.status_code, gone.json()["secret"], gone.json()["public_key"])


async def test_an_organisation_has_so_many_webhooks_at_most(shop: Shop) -> None:
    firm = shop.scene.sellers[0]
    made = [await registered(shop, firm) for _ in range(WEBHOOKS_MAX)]
    answer = await ask(shop, "POST", HOOKS, firm, body={"url": URL})
    assert (422, "entries_max") == (answer.status_code, answer.json()["code"])
    await ask(shop, "DELETE", f"{HOOKS}/{made[0]['id']}", firm)
    await registered(shop, firm)


async def test_tests_wait_in_the_log_and_no_more_than_a_few(shop: Shop) -> None:
    firm = shop.scene.sellers[0]
    path = f"{HOOKS}/{(await registered(shop, firm))['id']}"
    made = [await ask(shop, "POST", f"{path}/test", firm) for _ in range(webhook_messages.TESTS_WAITING_MAX)]
    assert [202] * len(made) == [answer.status_code for answer in made]
    refused = await ask(shop, "POST", f"{path}/test", firm)
    assert (429, "5") == (refused.status_code, refused.headers["retry-after"])
    listed = (await ask(shop, "GET", f"{path}/messages?state=waiting&limit=2", firm)).json()
    assert [made[-1].json()["id"], made[-2].json()["id"]] == [each["id"] for each in listed["items"]]
    one = (await ask(shop, "GET", f"{path}/messages/{made[0].json()['id']}", firm)).json()
    assert made[0].json() == one
    assert len(made) == (await ask(shop, "GET", f"{path}/health", firm)).json()["waiting"]
    assert (
        404
        == (await ask(shop, "GET", f"{path}/messages/{to_text('msg', shop.scene.market)}", firm)).status_code
    )


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"after": "x", "from": "2026-01-01T00:00:00Z"},
        {"from": "2026-01-01T00:00:00Z", "until": "x", "to": "2026-01-01T00:00:00Z"},
        {"from": "yesterday"},
    ],
)
async def test_a_range_without_ends_is_400(shop: Shop, body: dict[str, str]) -> None:
    firm = shop.scene.sellers[0]
    path = f"{HOOKS}/{(await registered(shop, firm))['id']}"
    answer = await ask(shop, "POST", f"{path}/redeliver", firm, body=body)
    assert 400 <= answer.status_code <= 422
    assert not (await ask(shop, "GET", f"{path}/health", firm)).json()["redelivering"]


async def test_a_range_is_named_by_cursors_or_times(shop: Shop) -> None:
    """One at a time; half-open in time, and behind the one cursor up to the other."""
    firm, scene = shop.scene.sellers[0], shop.scene
    hook = await registered(shop, firm)
    path = f"{HOOKS}/{hook['id']}"
    await shop.project()
    began = scene.clock.now + timedelta(seconds=1)
    scene.clock.now += timedelta(seconds=2)
    await scene.offer(firm)
    ended = scene.clock.now + timedelta(seconds=1)
    scene.clock.now += timedelta(seconds=2)
    await scene.offer(firm)
    await shop.project()
    events = (await shop.ask("GET", "/v1/feed?limit=200", by=firm)).json()
    forged = await ask(shop, "POST", f"{path}/redeliver", firm, body={"after": events[0]["cursor"][:-2]})
    assert (422, "cursor_invalid") == (forged.status_code, forged.json()["code"])
    times = {"from": began.isoformat(), "to": ended.isoformat()}
    last = [event["cursor"] for event in events[-2:]]
    for body, expected in ((times, events[-2:-1]), ({"after": last[0], "until": last[1]}, events[-1:])):
        answer = await ask(shop, "POST", f"{path}/redeliver", firm, body=body)
        assert 202 == answer.status_code, answer.text
        running = await ask(shop, "POST", f"{path}/redeliver", firm, body=body)
        assert (409, "redelivery_running") == (running.status_code, running.json()["code"])
        async with scene.pool.acquire() as connection, connection.transaction():
            webhook = UUID(hex=hook["id"][5:])
            wanted = await webhook_senders.range_of(connection, webhook)
            assert wanted is not None
            lines = await feed_pages.read(
                connection, firm.organisation, after=wanted.after, upto=wanted.upto, limit=100
            )
            await webhook_senders.move(connection, webhook, wanted.upto, again=True)
        assert [event["id"] for event in expected] == [str(line.event) for line in lines]
