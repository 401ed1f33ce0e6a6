"""`lodestone look`: whatever id a caller reads out, what it is, whose, how it stands and what tells more."""

import io
import json
import re
from urllib.parse import urlsplit
from uuid import UUID

import pytest
import structlog

from market.cli.console import CommandFailed, Exit
from market.cli.look_found import NOUNS, PATHS, Looked
from market.cli.look_up import look_up, told_lines
from market.commands import clearings
from market.http.wire.ids import to_text
from market.store import webhook_senders
from market.store.look_statements import READ
from tests.conftest import Database
from tests.http.shop import Shop
from tests.http.test_deliveries import post
from tests.http.test_imports import imported, offer
from tests.http.test_order_explanations import ASKS, cleared, market_of
from tests.http.test_own_lists import items, traded
from tests.http.test_passports import issued
from tests.http.test_payments import transfer
from tests.http.test_webhooks import URL, registered
from tests.market_drafts import euro
from tests.process_support import settings_for
from tests.sentinels import figure, found

LIMIT = 70_413_907


async def look(shop: Shop, database: Database, asked: str, log: bytes | None = None) -> list[Looked]:
    settings = settings_for(database, "127.0.0.1:1", "look.")
    return await look_up(settings, asked, None if log is None else io.BytesIO(log), shop.scene.clock.now)


async def one(shop: Shop, database: Database, asked: str) -> Looked:
    (each,) = await look(shop, database, asked)
    return each


def text_of(of: Looked) -> str:
    return "\n".join(told_lines(of))


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("foo_" + "0" * 32, "foo_… names nothing here; known are org_…, fac_…"),
        ("offer_12", "'offer_12' is not one of: an id (org_…, fac_…"),
        ("x", "'x' is not one of: an id"),
        ("market/0", "'market/0' is not one of"),
        ("market/0/999999", "market/0 has no position 999999"),
        ("agr_" + "0" * 32, "there is no agreement agr_" + "0" * 32),
        ("evt_0199b3c2d4e57f60a1b2c3d4e5f60718", "there is no event evt_0199b3c2d4e57f60a1b2c3d4e5f60718"),
        ("evt_0199b3c2d4e58f60a1b2c3d4e5f60718", "events of rounds are not found by their id"),
        ("00000000-0000-4000-8000-000000000000", "bears no time: no request and nothing else here has it"),
        ("lds_live_12", "'lds_live_12' is not one of"),
        ("Nobody A/S", "no organisation has 'Nobody A/S' in its name"),
        ("Nobody & Sons", "no organisation has 'Nobody & Sons' in its name"),
    ],
)
async def test_what_cannot_be_looked_up_is_told(
    shop: Shop, database: Database, asked: str, told: str
) -> None:
    with pytest.raises(CommandFailed) as failed:
        await look(shop, database, asked)
    assert (Exit.INVALID_INPUT, True) == (failed.value.code, told in failed.value.sentence)


async def test_an_order_that_did_not_trade_tells_why_and_no_price(shop: Shop, database: Database) -> None:
    await market_of(shop, *ASKS)
    poor = await shop.scene.offer(shop.scene.sellers[0], ask=euro(20_000_000))
    buyer = shop.scene.buyers[0]
    order = await shop.scene.require(buyer, limit=euro(LIMIT), recycled_min_ppb=990_000_000)
    asked = to_text("req", order)
    assert ("no round of its market has been completed yet",) == (await one(shop, database, asked)).why
    plan = await cleared(shop)
    looked = await one(shop, database, asked)
    assert ("requirement", asked, "open", 1) == (looked.what, looked.id, looked.standing, looked.version)
    assert [("owner", to_text("org", buyer.organisation))] == [
        (each.role, each.id) for each in looked.parties
    ]
    first, *rest = looked.why
    assert first.startswith(f"round 1 ({plan}, cut at ")
    assert first.endswith("it traded with nobody; it brought 2000.000 kg, of which 0.000 kg traded")
    assert "  0 of 4 counter-orders fitted it" in rest
    assert any("4 × recycled_below_min: The recycled share is below" in each for each in rest)
    (fact,) = looked.facts
    assert "market.requirement.posted.v1" == fact.type
    assert [] == found(figure(LIMIT), text_of(looked))
    assert (await one(shop, database, fact.id)).said["subject"] == str(order)
    assert looked == await one(shop, database, order.hex)
    assert looked == await one(shop, database, str(order))
    later = to_text("req", await shop.scene.require(buyer))
    (waits,) = (await one(shop, database, later)).why
    assert "the cut of round 1: the next one takes it" in waits
    assert "supply offer" == (await one(shop, database, to_text("offer", poor))).what


async def test_what_stands_in_an_orders_way_is_told(shop: Shop, database: Database) -> None:
    seller = shop.scene.sellers[0]
    offered = to_text("offer", await shop.scene.offer(seller))
    await cleared(shop)
    await clearings.halt(shop.scene.desk, shop.scene.operator, market=shop.scene.market, reason="storm")
    path = f"/v1/markets/{shop.market}/members/{to_text('org', seller.organisation)}"
    member = await shop.ask("GET", path, by=seller, roles=("operator",))
    suspended = await shop.ask(
        "POST", f"{path}/suspend", by=seller, roles=("operator",), body={"reason": "unpaid"},
        version=member.headers["etag"],
    )  # fmt: skip
    assert suspended.status_code in (200, 201), suspended.text
    shop.scene.clock.pass_seconds(400 * 86_400)
    why = (await one(shop, database, offered)).why
    for told in ("it was valid until ", "its market is halted since ", "suspended in this market since "):
        assert 1 == sum(told in each for each in why), why
    assert (True, True) == (why[1].endswith(": storm"), why[2].endswith(": unpaid"))
    assert "halted" == (await one(shop, database, shop.market)).standing
    company = await one(shop, database, to_text("org", seller.organisation))
    assert (1, 1) == (company.said["suspended_in"], company.said["open_orders"])
    assert company == await one(shop, database, company.parties[0].name or "")


async def walked(shop: Shop, database: Database, *begun: str) -> dict[str, Looked]:
    """All that these lead to; every path that is told answers an operator who is an auditor as well."""
    waiting, seen = list(begun), dict[str, Looked]()
    while waiting:
        asked = waiting.pop()
        if asked in seen:
            continue
        seen[asked] = looked = await one(shop, database, asked)
        assert (asked, True) == (looked.id, looked.standing is not None)
        waiting += looked.related
        for path in (each.removeprefix("GET ") for each in looked.next if each.startswith("GET ")):
            answer = await shop.ask("GET", path, by=shop.scene.sellers[0], roles=("auditor", "operator"))
            assert 200 == answer.status_code, (path, answer.text)
    return seen


def kinds(seen: dict[str, Looked]) -> set[str]:
    return {text.partition("_")[0] for text in seen}


async def test_a_lease_of_a_clock_that_was_wrong_serves_nothing(shop: Shop, database: Database) -> None:
    hook = await registered(shop, shop.scene.sellers[0])
    async with shop.scene.pool.acquire() as connection:
        await webhook_senders.take(connection, "dead", seconds=30.0, webhooks_max=10)
    served = [(await one(shop, database, hook["id"])).said["served"]]
    await shop.scene.pool.execute(
        "update ops.webhook_sender set leased_until = leased_until + interval '1 hour'"
    )
    served.append((await one(shop, database, hook["id"])).said["served"])
    assert [True, False] == served


async def test_what_a_market_holds_leads_on(shop: Shop, database: Database) -> None:
    seller, buyer = shop.scene.sellers[0], shop.scene.buyers[0]
    offered = to_text("offer", await shop.scene.offer(seller))
    lot = to_text("lot", await shop.scene.lot(seller, "L-7"))
    required = to_text("req", await shop.scene.require(buyer))
    plan = await cleared(shop)
    made, _ = await imported(shop, [offer(shop)])
    hook, passport = await registered(shop, seller), await issued(shop, seller)
    async with shop.scene.pool.acquire() as connection:
        key = to_text("key", await connection.fetchval("select api_key from api_key limit 1"))
    site = to_text("fac", seller.facility)
    begun = (offered, lot, required, plan, made["id"], hook["id"], passport, key, site)
    seen = await walked(shop, database, *begun)
    assert {"fac", "hook", "imp", "key", "lot", "match", "offer", "pass", "plan", "req"} == kinds(seen)
    assert ("active", 0) == (seen[hook["id"]].standing, seen[hook["id"]].said["waiting"])
    told = text_of(seen[hook["id"]])
    assert (f"host: {urlsplit(URL).netloc}" in told, URL in told) == (True, False), "a path may hold a secret"
    assert ("completed", 1, 0) == (
        seen[made["id"]].standing,
        seen[made["id"]].said["accepted"],
        seen[made["id"]].said["refused"],
    )


async def test_what_was_agreed_leads_on(shop: Shop, database: Database) -> None:
    _, seller, buyer, _ = await traded(shop)
    first = (await items(shop, "/v1/invoices", buyer))[0]["invoice"]
    paid = await post(shop, "/v1/payments", buyer, transfer({first: "1.00"}))
    assert 201 == paid.status_code, paid.text
    seen = await walked(shop, database, first, to_text("org", seller.organisation))
    assert {"agr", "del", "inv", "mkt", "org", "pay"} == kinds(seen)
    invoice = seen[first]
    assert ("invoice", "EUR") == (invoice.what, invoice.said["currency"])
    assert re.fullmatch(r"contracts/\d+/\d+", invoice.place or "")
    assert {"seller", "buyer"} == {each.role for each in invoice.parties}


async def test_a_request_is_told_by_its_log_and_else_by_its_time(shop: Shop, database: Database) -> None:
    buyer = shop.scene.buyers[0]
    with structlog.testing.capture_logs() as captured:
        good = await shop.ask("POST", "/v1/requirements", by=buyer, body=shop.requirement_body(buyer))
        bad = await shop.ask("POST", "/v1/requirements", by=buyer, body={"market": shop.market})
    assert (201, 400) == (good.status_code, bad.status_code)
    log = b"no json\n" + b"".join(json.dumps(each).encode() + b"\n" for each in captured)
    instance, made = bad.json()["instance"], good.json()["id"]
    (refused,) = await look(shop, database, instance, log)
    assert ("request", True) == (refused.what, str(refused.standing).startswith("answered 400, "))
    assert () == refused.facts
    assert f"lodestone look {buyer.organisation}" in refused.next
    (taken,) = await look(shop, database, good.headers["x-request-id"], log)
    assert ("answered 201", ["market.requirement.posted.v1"]) == (
        taken.standing,
        [each.type for each in taken.facts],
    )
    assert f"lodestone look {UUID(made.removeprefix('req_'))}" in taken.next
    (alone,) = await look(shop, database, instance)
    assert ("what became of it stands in the API's log alone", ()) == (alone.standing, alone.requests)
    assert any("--log FILE" in each for each in alone.next)


async def test_a_whole_key_is_looked_up_and_said_to_be_spoilt(
    shop: Shop, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    token = await shop.token(shop.scene.sellers[0])
    looked = await one(shop, database, token)
    assert ("API key", "standing", ["trader"]) == (looked.what, looked.standing, looked.said["roles"])
    told = capsys.readouterr()
    assert "revoke it" in told.err
    secret = token.rsplit("_", 2)[1]
    assert [] == found([secret], text_of(looked) + told.err)
    assert looked == await one(shop, database, token[: len("lds_live_") + 32])


def test_every_kind_has_a_noun_and_a_statement() -> None:
    assert NOUNS.keys() == READ.keys()
    assert PATHS.keys() <= READ.keys()
