"""Procurement policies through the door: who may write, who may see, and what a requirement tells of them."""

from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from events.vocabulary import PPB, KeyRole, RecycledContent
from market.commands import parties
from market.http.orders import policies
from market.rules.parties.parties import RegisterOrganisation
from tests.http.shop import Asker, Shop
from tests.market_drafts import Firm, organisation_details
from tests.market_support import done

PATH = "/v1/policies"
OPERATOR: tuple[KeyRole, ...] = ("operator",)
RECYCLED: dict[str, Any] = {
    "title": "Recycled first",
    "terms": {"recycled_min_percent": "50", "portfolio": {"third_country_max_percent": "65"}},
}
NOBODY = "pol_" + "0" * 32


async def publish(shop: Shop, firm: Firm, body: dict[str, Any], *roles: KeyRole) -> str:
    answer = await shop.ask("POST", PATH, by=firm, roles=roles or ("trader",), body=body)
    assert 201 == answer.status_code, answer.text
    assert ["parties.policy.published.v1"] == [each["type"] for each in answer.json()["receipts"]]
    return str(answer.json()["id"])


async def outsider(shop: Shop) -> Firm:
    """An organisation that takes part in no initiative."""
    details = replace(organisation_details("outsider"), initiatives=())
    registered = done(
        await parties.register_organisation(
            shop.scene.desk,
            RegisterOrganisation(
                caller=shop.scene.operator, details=details, organisation=shop.scene.desk.new_id()
            ),
        )
    )
    return Firm(organisation=registered.events[0].data.organisation, facility=UUID(int=0))  # type: ignore[attr-defined]


async def test_bad_documents_are_answered_whole_and_store_nothing(shop: Shop) -> None:
    buyer = shop.scene.buyers[0]
    await shop.token(buyer)
    before = await shop.rows()
    body = {
        "terms": {
            "recycled_min_percent": "101",
            "origins_excluded": ["China"],
            "strategic_project_eur_per_kg": "-1",
        },
        "colour": "green",
    }
    formless = await shop.ask("POST", PATH, by=buyer, body=body)
    assert 400 == formless.status_code
    assert {
        "/title",
        "/colour",
        "/terms/recycled_min_percent",
        "/terms/origins_excluded/0",
        "/terms/strategic_project_eur_per_kg",
    } == {each["pointer"] for each in formless.json()["errors"]}
    body = {"title": "x", "terms": {"origins_excluded": ["XX", "DE", "DE"], "portfolio": {}}}
    unruly = await shop.ask("POST", PATH, by=buyer, body=body)
    assert (
        422,
        [
            ("duplicate_entry", "/terms/origins_excluded/2"),
            ("country_unknown", "/terms/origins_excluded/0"),
            ("portfolio_empty", "/terms/portfolio"),
        ],
    ) == (unruly.status_code, [(each["code"], each["pointer"]) for each in unruly.json()["errors"]])
    addressed = await shop.ask("POST", PATH, by=buyer, body=RECYCLED | {"addressed_to": ["remhub"]})
    assert (403, "role_missing") == (addressed.status_code, addressed.json()["code"])
    assert before == await shop.rows()


async def test_versions_follow_one_another_and_stay_readable(shop: Shop) -> None:
    buyer = shop.scene.buyers[0]
    made = await shop.ask("POST", PATH, by=buyer, body=RECYCLED, key="once")
    path = str(made.headers["location"])
    assert (201, '"v1"') == (made.status_code, made.headers["etag"]), made.text
    assert made.content == (await shop.ask("POST", PATH, by=buyer, body=RECYCLED, key="once")).content
    stricter = RECYCLED | {"authority": "the board", "terms": policies.EXAMPLE["terms"]}
    for version, status in ((None, 428), ('"v7"', 412)):
        answer = await shop.ask("POST", f"{path}/versions", by=buyer, body=stricter, version=version)
        assert status == answer.status_code, answer.text
    dry = await shop.ask(
        "POST", f"{path}/versions?validate_only=true", by=buyer, body=stricter, version='"v1"'
    )
    assert (200, ["parties.policy.published.v1"]) == (dry.status_code, dry.json()["would_record"])
    further = await shop.ask("POST", f"{path}/versions", by=buyer, body=stricter, version='"v1"')
    assert (201, 2, '"v2"', f"{path}/versions/2") == (
        further.status_code,
        further.json()["version"],
        further.headers["etag"],
        further.headers["location"],
    ), further.text
    read = await shop.ask("GET", path, by=buyer)
    assert (2, "the board", ["irma"]) == (
        read.json()["version"],
        read.json()["authority"],
        read.json()["terms"]["certificates_required"],
    )
    assert 304 == (await shop.ask("GET", path, by=buyer, headers={"If-None-Match": '"v2"'})).status_code
    first = (await shop.ask("GET", f"{path}/versions/1", by=buyer)).json()
    assert (1, None, "50") == (first["version"], first["authority"], first["terms"]["recycled_min_percent"])
    for absent in (f"{path}/versions/3", f"{path}/versions/x", f"{path}/versions/123456", f"{PATH}/{NOBODY}"):
        assert 404 == (await shop.ask("GET", absent, by=buyer)).status_code
    retired = await shop.ask("DELETE", path, by=buyer, version='"v2"')
    assert (200, '"v3"') == (retired.status_code, retired.headers["etag"]), retired.text
    assert (await shop.ask("GET", path, by=buyer)).json()["retired"]
    again = await shop.ask("DELETE", path, by=buyer, version='"v3"')
    assert (422, "policy_retired") == (again.status_code, again.json()["code"])


async def test_ones_own_is_private_and_an_authoritys_is_its_addressees(shop: Shop) -> None:
    buyer, other = shop.scene.buyers
    stranger = await outsider(shop)
    authority = shop.scene.sellers[0]
    own = await publish(shop, buyer, RECYCLED)
    public = await publish(shop, authority, RECYCLED | {"addressed_to": ["remhub"]}, "operator")
    askers: tuple[tuple[Firm, KeyRole, list[str]], ...] = (
        (buyer, "trader", [public, own]),
        (other, "compliance", [public]),
        (stranger, "trader", []),
        (authority, "operator", [public, own]),
        (stranger, "auditor", [public, own]),
    )
    for by, role, expected in askers:
        listed = (await shop.ask("GET", PATH, by=by, roles=(role,))).json()["items"]
        assert expected == [each["id"] for each in listed]
        for policy in (own, public):
            for path in (f"{PATH}/{policy}", f"{PATH}/{policy}/versions/1"):
                answer = await shop.ask("GET", path, by=by, roles=(role,))
                assert (200 if policy in expected else 404) == answer.status_code
    for method, path, body in (
        ("POST", f"{PATH}/{own}/versions", RECYCLED | {"title": "mine"}),
        ("DELETE", f"{PATH}/{own}", None),
    ):
        taken = await shop.ask(method, path, by=other, body=body, version='"v1"')
        assert (404, "policy_absent") == (taken.status_code, taken.json()["code"])
    pages = await shop.ask("GET", f"{PATH}?limit=1", by=buyer)
    rest = await shop.ask("GET", f"{PATH}?limit=1&cursor={pages.json()['next_cursor']}", by=buyer)
    assert [public, own] == [each["id"] for page in (pages, rest) for each in page.json()["items"]]


def wanted(shop: Shop, buyer: Firm, *named: tuple[str, int], **changes: Any) -> dict[str, Any]:
    body = shop.requirement_body(
        buyer,
        forms=[{"form": "metal"}],
        policies=[{"policy": policy, "version": version} for policy, version in named],
        window={"start": "2026-04-01T00:00:00Z", "end": "2026-06-30T00:00:00Z"},
        overlap_min_days=1,
        place={"country": "FR", "name": "La Rochelle"},
        **changes,
    )
    return body | {name: [] for name in ("co_products", "penalties", "carriage", "limits")}


async def test_a_requirement_under_policies_says_where_its_lines_come_from(shop: Shop) -> None:
    buyer = shop.scene.buyers[0]
    own = await publish(shop, buyer, RECYCLED)
    public = await publish(
        shop,
        shop.scene.sellers[0],
        {"title": "x", "addressed_to": ["remhub"], "terms": {"recycled_min_percent": "20"}},
        "operator",
    )
    body = wanted(shop, buyer, (own, 1), (public, 1), recycled_min_percent="30")
    posted = await shop.ask("POST", "/v1/requirements", by=buyer, body=body)
    assert 201 == posted.status_code, posted.text
    path = posted.headers["location"]
    read = (await shop.ask("GET", path, by=buyer)).json()
    by_own = [{"policy": own, "version": 1}]
    expected = [
        {"line": "recycled_min", "subject": None, "figure": "50 %", "own": False, "policies": by_own},
        {
            "line": "portfolio_third_country_max",
            "subject": None,
            "figure": "65 %",
            "own": False,
            "policies": by_own,
        },
    ]
    assert expected == read["effective_lines"] == posted.json()["effective_lines"]
    assert ("30", None, [own, public]) == (
        read["recycled_min_percent"],
        read["portfolio"],
        [each["policy"] for each in read["policies"]],
    )
    await shop.scene.offer(shop.scene.sellers[0])
    await shop.scene.offer(shop.scene.sellers[1], recycled=RecycledContent(post_consumer_ppb=PPB))
    untold = (await shop.ask("GET", f"{path}/candidates", by=buyer)).json()
    assert ("withheld", []) == (untold["standing"], untold["reasons"])
    auditor: Asker = {"by": shop.scene.buyers[1], "roles": ("auditor",)}
    assert "recycled_below_min" in (await shop.ask("GET", f"{path}/candidates", **auditor)).text
    amended = await shop.ask(
        "PATCH",
        path,
        by=buyer,
        body={"policies": [{"policy": public, "version": 1}]},
        version=str(posted.headers["etag"]),
    )
    assert 200 == amended.status_code, amended.text
    assert [("recycled_min", "30 %", True, [])] == [
        (each["line"], each["figure"], each["own"], each["policies"])
        for each in amended.json()["effective_lines"]
    ]


async def test_bad_references_are_named_beside_all_other_faults(shop: Shop) -> None:
    buyer = shop.scene.buyers[0]
    own = await publish(shop, buyer, RECYCLED)
    before = await shop.rows()
    body = wanted(shop, buyer, (NOBODY, 1), (own, 2), recycled_max_percent="0", recycled_min_percent="1")
    answer = await shop.ask("POST", "/v1/requirements", by=buyer, body=body | {"basis_kg": "0.001"})
    found = {(each["code"], each["pointer"]) for each in answer.json()["errors"]}
    assert {
        ("minimum_parcel_too_large", "/minimum_parcel_kg"),
        ("policy_unknown", "/policies/0"),
        ("policy_version_unknown", "/policies/1/version"),
        ("recycled_contradiction", "/recycled_max_percent"),
    } == found, answer.text
    half_read = await shop.ask(
        "POST", "/v1/requirements", by=buyer, body=body | {"basis_kg": "ten", "recycled_max_percent": None}
    )
    assert {("not_decimal", "/basis_kg"), ("policy_unknown", "/policies/0")} <= {
        (each["code"], each["pointer"]) for each in half_read.json()["errors"]
    }
    unreadable = await shop.ask("POST", "/v1/requirements", by=buyer, body=body | {"policies": [7]})
    assert 400 == unreadable.status_code
    assert before == await shop.rows()


@pytest.mark.parametrize("roles", [("auditor",), ("admin",)])
async def test_who_reads_or_administers_writes_none(shop: Shop, roles: tuple[KeyRole, ...]) -> None:
    answer = await shop.ask("POST", PATH, by=shop.scene.buyers[0], roles=roles, body=RECYCLED)
    assert 403 == answer.status_code
