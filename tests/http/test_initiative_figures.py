"""Figures of an initiative through the door: stated once, in bands, to nobody but who coordinates it."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from events.vocabulary import KeyRole
from market.http.wire.ids import to_text
from tests.http.shop import Shop
from tests.market_drafts import Firm

ADMIN: tuple[KeyRole, ...] = ("admin",)
OPERATOR: tuple[KeyRole, ...] = ("operator",)
REMHUB = "/v1/initiatives/remhub/figures"
QUARTER = {"since": "2026-01-01"}
LATER = datetime(2026, 4, 1, 0, 0, 1, tzinfo=UTC)


@pytest.fixture
async def office(shop: Shop) -> Firm:
    return await shop.scene.register("office")


@pytest.fixture
async def led(shop: Shop, office: Firm) -> Firm:
    """Six groups have offered the same in remhub, which a seventh leads, and four need something."""
    leader = await shop.scene.register("leader")
    sellers = [*shop.scene.sellers, *[await shop.scene.register(f"more-{n}") for n in range(4)]]
    for seller in sellers:
        await shop.scene.offer(seller)
    for buyer in (*shop.scene.buyers, *sellers[:2]):
        await shop.scene.require(buyer)
    await shop.project()
    body = {"coordinated_by": to_text("org", leader.organisation)}
    named = await shop.ask(
        "PATCH", "/v1/initiatives/remhub", by=office, roles=OPERATOR, body=body, version='"v1"'
    )
    assert 200 == named.status_code, named.text
    return leader


async def get(shop: Shop, firm: Firm, path: str = REMHUB, **given: Any) -> Any:
    return await shop.ask("GET", path, by=firm, roles=ADMIN, **given)


async def test_nobody_else_states_or_reads_them(shop: Shop, led: Firm, office: Firm) -> None:
    shop.scene.clock.now = LATER
    other = shop.scene.buyers[0]
    post: dict[str, Any] = {"body": QUARTER}
    assert 404 == (await shop.ask("POST", REMHUB, by=other, roles=ADMIN, **post)).status_code
    assert 403 == (await shop.ask("POST", REMHUB, by=led, roles=("reader",), **post)).status_code
    assert 404 == (await get(shop, led)).status_code
    stated = await shop.ask("POST", REMHUB, by=office, roles=OPERATOR, **post)
    assert 201 == stated.status_code, stated.text
    assert (404, 404) == (
        (await get(shop, other)).status_code,
        (await get(shop, shop.scene.sellers[0])).status_code,
    )
    assert 403 == (await shop.ask("GET", REMHUB, by=led, roles=("trader",))).status_code
    assert 200 == (await get(shop, led)).status_code
    moved = await shop.ask(
        "PATCH",
        "/v1/initiatives/remhub",
        by=office,
        roles=OPERATOR,
        body={"coordinated_by": to_text("org", other.organisation)},
        version='"v2"',
    )
    assert 200 == moved.status_code, moved.text
    assert (404, 404) == ((await get(shop, led)).status_code, (await get(shop, other)).status_code)
    for roles in (OPERATOR, ("auditor",)):
        assert 200 == (await shop.ask("GET", REMHUB, by=office, roles=roles)).status_code


async def test_a_quarter_that_is_over_is_stated_once_and_shows_what_a_crowd_stands_behind(
    shop: Shop, led: Firm
) -> None:
    early = await shop.ask("POST", REMHUB, by=led, roles=ADMIN, body=QUARTER)
    assert (409, "quarter_not_over", "/since") == (
        early.status_code,
        early.json()["code"],
        early.json()["errors"][0]["pointer"],
    )
    shop.scene.clock.now = LATER
    dry = await shop.ask("POST", f"{REMHUB}?validate_only=true", by=led, roles=ADMIN, body=QUARTER)
    assert (200, ["parties.initiative.figures-stated.v1"]) == (dry.status_code, dry.json()["would_record"])
    stated = await shop.ask("POST", REMHUB, by=led, roles=ADMIN, body=QUARTER)
    assert (201, "2026-01-01") == (stated.status_code, stated.json()["since"]), stated.text
    view = (await get(shop, led)).json()
    assert ("2026-04-01", 10, 10, 5) == (view["until"], view["partners"], view["groups"], view["groups_min"])
    assert [("offered", None, "ndpr"), ("offered", "processing", "ndpr")] == [
        (each["measure"], each["stage"], each["material"]) for each in view["masses"]
    ], "four groups need something, and are not told of"
    assert view["masses"][0]["contained"] == view["masses"][1]["contained"]
    assert (await get(shop, led, f"{REMHUB}?since=2026-01-01")).json() == view
    assert 404 == (await get(shop, led, f"{REMHUB}?since=2025-10-01")).status_code
    assert ((), ()) == (tuple(view["shares"]), tuple(view["rex_routes"]))
    table = await get(shop, led, f"{REMHUB}?format=csv")
    assert "offered,all,ndpr," in table.text
    page = await get(shop, led, headers={"Accept": "text/html"})
    assert ("text/html" in page.headers["content-type"], True) == (True, "Figures of remhub" in page.text)


async def test_two_readings_of_a_quarter_tell_nothing_of_who_came_between(shop: Shop, led: Firm) -> None:
    """An order of the quarter that changes after it, and a partner that is removed, move no figure."""
    shop.scene.clock.now = LATER
    await shop.ask("POST", REMHUB, by=led, roles=ADMIN, body=QUARTER)
    before = await get(shop, led)
    removed = to_text("org", shop.scene.sellers[0].organisation)
    gone = await shop.ask("DELETE", f"/v1/initiatives/remhub/members/{removed}", by=led, roles=ADMIN)
    assert 200 == gone.status_code
    await shop.scene.offer(shop.scene.sellers[1])
    await shop.project()
    again = await shop.ask("POST", REMHUB, by=led, roles=ADMIN, body=QUARTER)
    assert (409, "figures_stated_before") == (again.status_code, again.json()["code"])
    after = await get(shop, led)
    assert (before.content, before.headers["etag"]) == (after.content, after.headers["etag"])


async def test_a_second_initiative_with_all_but_one_gets_no_figures(
    shop: Shop, led: Firm, office: Firm
) -> None:
    shop.scene.clock.now = LATER
    leader = to_text("org", led.organisation)
    body = {"code": "permanet", "name": "PERMANET", "coordinated_by": leader}
    await shop.ask("POST", "/v1/initiatives", by=office, roles=OPERATOR, body=body)
    listed = await shop.ask("GET", "/v1/initiatives/remhub/members", by=led, roles=ADMIN)
    for each in listed.json()["items"][1:]:
        joined = await shop.ask(
            "PATCH",
            f"/v1/organisations/{each['organisation']}",
            by=office,
            roles=OPERATOR,
            body={"initiatives": ["remhub", "permanet"]},
            version='"v1"',
        )
        assert 200 == joined.status_code, joined.text
    assert 201 == (await shop.ask("POST", REMHUB, by=led, roles=ADMIN, body=QUARTER)).status_code
    path = REMHUB.replace("remhub", "permanet")
    refused = await shop.ask("POST", path, by=led, roles=ADMIN, body=QUARTER)
    assert (409, "figures_would_differ") == (refused.status_code, refused.json()["code"])
    first = listed.json()["items"][0]["organisation"]
    await shop.ask(
        "PATCH",
        f"/v1/organisations/{first}",
        by=office,
        roles=OPERATOR,
        body={"initiatives": ["remhub", "permanet"]},
        version='"v1"',
    )
    assert 201 == (await shop.ask("POST", path, by=led, roles=ADMIN, body=QUARTER)).status_code
    assert date(2026, 1, 1).isoformat() == (await get(shop, led, path)).json()["since"]
