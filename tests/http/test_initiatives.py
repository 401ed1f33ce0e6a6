"""Initiatives through the door: operators write, everybody with a key reads."""

from typing import Any

import pytest

from events.vocabulary import KeyRole
from market.http.parties import initiatives, organisations
from tests.http.shop import Shop

OPERATOR: tuple[KeyRole, ...] = ("operator",)
PATH = "/v1/initiatives"
REGISTERED = {
    "code": "reconnect",
    "name": "ReConnect, magnets from motors",
    "coordinator": "an institute",
    "coordinated_by": None,
    "version": 1,
    "revoked": False,
}


@pytest.fixture
async def by(shop: Shop) -> dict[str, Any]:
    seller = shop.scene.sellers[0]
    await shop.token(seller, *OPERATOR)
    return {"by": seller, "roles": OPERATOR}


async def test_an_initiative_is_registered_changed_and_revoked(shop: Shop, by: dict[str, Any]) -> None:
    made = await shop.ask("POST", PATH, body=initiatives.EXAMPLE, **by)
    assert (201, "reconnect", f"{PATH}/reconnect", '"v1"') == (
        made.status_code,
        made.json()["code"],
        made.headers["location"],
        made.headers["etag"],
    ), made.text
    assert ["parties.initiative.registered.v1"] == [r["type"] for r in made.json()["receipts"]]
    read = await shop.ask("GET", f"{PATH}/reconnect", by=shop.scene.buyers[0])
    assert (200, REGISTERED, '"v1"') == (read.status_code, read.json(), read.headers["etag"])
    unchanged = await shop.ask("GET", f"{PATH}/reconnect", headers={"If-None-Match": '"v1"'}, **by)
    assert 304 == unchanged.status_code
    changed = await shop.ask("PATCH", f"{PATH}/reconnect", body={"coordinator": None}, version='"v1"', **by)
    assert (200, '"v2"', 2) == (
        changed.status_code,
        changed.headers["etag"],
        changed.json()["version"],
    ), changed.text
    revoked = await shop.ask("DELETE", f"{PATH}/reconnect", **by)
    assert (200, ["parties.initiative.revoked.v1"]) == (
        revoked.status_code,
        [r["type"] for r in revoked.json()["receipts"]],
    )
    last = await shop.ask("GET", f"{PATH}/reconnect", by=shop.scene.buyers[0])
    assert REGISTERED | {"coordinator": None, "version": 3, "revoked": True} == last.json()


async def test_a_repeat_is_answered_again_and_a_second_use_of_a_code_refused(
    shop: Shop, by: dict[str, Any]
) -> None:
    first = await shop.ask("POST", PATH, body=initiatives.EXAMPLE, key="once", **by)
    again = await shop.ask("POST", PATH, body=initiatives.EXAMPLE, key="once", **by)
    assert (201, "true", first.content) == (
        again.status_code,
        again.headers["idempotent-replayed"],
        again.content,
    )
    taken = await shop.ask("POST", PATH, body=initiatives.EXAMPLE, **by)
    assert (409, "initiative_exists", "/code") == (
        taken.status_code,
        taken.json()["code"],
        taken.json()["errors"][0]["pointer"],
    )


async def test_a_dry_run_checks_and_stores_nothing(shop: Shop, by: dict[str, Any]) -> None:
    dry = await shop.ask("POST", f"{PATH}?validate_only=true", body=initiatives.EXAMPLE, **by)
    assert (200, ["parties.initiative.registered.v1"]) == (dry.status_code, dry.json()["would_record"])
    assert 404 == (await shop.ask("GET", f"{PATH}/reconnect", **by)).status_code
    taken = await shop.ask(
        "POST", f"{PATH}?validate_only=true", body={**initiatives.EXAMPLE, "code": "remhub"}, **by
    )
    assert 409 == taken.status_code
    ended = await shop.ask("DELETE", f"{PATH}/remhub?validate_only=true", **by)
    assert (200, False) == (
        ended.status_code,
        (await shop.ask("GET", f"{PATH}/remhub", **by)).json()["revoked"],
    )


async def test_changes_name_the_version_they_are_meant_for(shop: Shop, by: dict[str, Any]) -> None:
    body = {"name": "The hub"}
    assert 428 == (await shop.ask("PATCH", f"{PATH}/remhub", body=body, **by)).status_code
    assert 412 == (await shop.ask("PATCH", f"{PATH}/remhub", body=body, version='"v7"', **by)).status_code
    assert 200 == (await shop.ask("PATCH", f"{PATH}/remhub", body=body, version='"v1"', **by)).status_code
    same = await shop.ask("PATCH", f"{PATH}/remhub", body=body, version='"v2"', **by)
    assert (422, "no_change") == (same.status_code, same.json()["code"])


async def test_what_is_not_there(shop: Shop, by: dict[str, Any]) -> None:
    for code in ("nothing", "REMHUB", "%00", "..%2fremhub", "x" * 65, "remhub%0A"):
        for method, body, version in (
            ("GET", None, None),
            ("PATCH", {"name": "x"}, '"v1"'),
            ("DELETE", None, None),
        ):
            answer = await shop.ask(method, f"{PATH}/{code}", body=body, version=version, **by)
            assert (code, method, 404) == (code, method, answer.status_code), answer.text
    await shop.ask("DELETE", f"{PATH}/remhub", **by)
    gone = await shop.ask("DELETE", f"{PATH}/remhub", **by)
    assert (404, "initiative_absent") == (gone.status_code, gone.json()["code"])


async def test_bad_input_is_answered_whole_and_stores_nothing(shop: Shop, by: dict[str, Any]) -> None:
    before = await shop.rows()
    bad = await shop.ask("POST", PATH, body={"code": "Rem Hub", "name": "a\u0000b", "website": "x"}, **by)
    assert 400 == bad.status_code
    assert {"/code", "/name", "/website"} == {error["pointer"] for error in bad.json()["errors"]}
    assert before == await shop.rows()


async def test_everybody_lists_them_by_code(shop: Shop, by: dict[str, Any]) -> None:
    for code in ("zeta", "alpha.2", "alpha-1"):
        await shop.ask("POST", PATH, body={"code": code, "name": code}, **by)
    found, path = [], f"{PATH}?limit=1"
    while path:
        page = await shop.ask("GET", path, by=shop.scene.buyers[1])
        found += [item["code"] for item in page.json()["items"]]
        cursor = page.json()["next_cursor"]
        path = f"{PATH}?limit=1&cursor={cursor}" if cursor else ""
    assert ["alpha-1", "alpha.2", "remhub", "zeta"] == found


async def test_an_organisation_in_an_unknown_initiative_is_refused(shop: Shop, by: dict[str, Any]) -> None:
    before = await shop.rows()
    body = {**organisations.EXAMPLE, "initiatives": ["remhub", "nowhere", "never"]}
    answer = await shop.ask("POST", "/v1/organisations", body=body, **by)
    assert (422, "initiative_unknown") == (answer.status_code, answer.json()["code"])
    assert ["/initiatives/1", "/initiatives/2"] == [error["pointer"] for error in answer.json()["errors"]]
    assert before == await shop.rows()
