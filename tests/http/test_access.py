"""Who gets in: keys, expiry, revocation, roles, and every route without credentials."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from litestar import get
from msgspec.structs import replace
from uuid_utils.compat import uuid7

from events.vocabulary import KeyRole
from market.commands import parties
from market.http.app import HANDLERS, check_declared, declared
from market.http.wire.access import EVERY_ROLE, PUBLIC, READS_ONLY, Credential, KeyRing
from market.http.wire.endpoint import Endpoint
from market.http.wire.ids import PATH_IDS, to_text
from market.http.wire.problems import DoorError
from market.http.wire.tokens import mint, secret_sha256
from market.rules.parties.keys import RevokeKey
from tests.http.shop import Shop

ENDPOINTS = declared(HANDLERS)
ROUTES = {f"{e.method} {e.path}": e for e in ENDPOINTS}
NOBODY = UUID(int=7)
NARROW: frozenset[KeyRole] = frozenset({"reader", "inspector", "accountant"})


def address(declared_route: Endpoint) -> str:
    """The route's path with ids of nothing."""
    path = declared_route.path
    for name, prefix in PATH_IDS.items():
        path = path.replace(f"{{{name}}}", to_text(prefix, NOBODY))
    path = path.replace("{initiative}", "nothing")
    return path.replace("{version}", "1").replace("{file}", "swagger-ui.css")


async def bare(shop: Shop, declared_route: Endpoint, **headers: str) -> Any:
    return await shop.client.request(declared_route.method, address(declared_route), headers=headers)


def test_the_routes_without_credentials_are_these() -> None:
    assert {
        "GET /livez",
        "GET /readyz",
        "GET /schema",
        "GET /schema/openapi.json",
        "GET /schema/files/{file}",
        "GET /v1/passports/{passport}/label",
        "GET /v1/passports/{passport}/label/epcis",
        "GET /v1/passports/{passport}/label/digital-product-passport",
        "GET /v1/passports/{passport}/label/qr",
        "GET /v1/checkpoints",
        "GET /v1/checkpoints/{stream}/{lane}",
        "GET /v1/checkpoints/{stream}/{lane}/consistency",
    } == {name for name, e in ROUTES.items() if e.roles == PUBLIC}


def test_a_handler_without_declared_roles_is_refused_at_start() -> None:
    @get("/bare")
    async def bare_handler() -> str:
        return ""

    with pytest.raises(RuntimeError, match="bare_handler"):
        check_declared([*HANDLERS, bare_handler])


async def test_a_key_that_is_revoked_while_it_is_read_is_not_remembered() -> None:
    now, key = datetime(2026, 3, 2, tzinfo=UTC), UUID(int=7)
    token = mint(key, bytes(32))
    live = Credential(
        key=key,
        organisation=UUID(int=1),
        roles=frozenset({"trader"}),
        secret_sha256=secret_sha256(token),
        expires_at=now + timedelta(days=1),
        revoked=False,
    )
    revoked: list[bool] = []

    async def find(_: UUID) -> Credential:
        found = replace(live, revoked=bool(revoked))
        if not revoked:
            revoked.append(True)
            ring.forget(key)
        return found

    ring = KeyRing(find, lambda: now)
    assert live == await ring.credential(f"Bearer {token}", lambda: None)
    with pytest.raises(DoorError, match="revoked"):
        await ring.credential(f"Bearer {token}", lambda: None)


async def test_no_route_answers_without_credentials(shop: Shop) -> None:
    for name, e in ROUTES.items():
        if e.roles == PUBLIC:
            continue
        answer = await bare(shop, e)
        assert (name, 401, "application/problem+json") == (
            name,
            answer.status_code,
            answer.headers["content-type"],
        )
        assert 'Bearer realm="lodestone"' == answer.headers["www-authenticate"]


async def test_head_is_held_to_the_same_credentials_as_get(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    for e in ENDPOINTS:
        if e.method != "GET" or e.roles == PUBLIC:
            continue
        without = await shop.client.head(address(e))
        assert (401, b"") == (without.status_code, without.content)
    whole = await shop.ask("GET", f"/v1/markets/{shop.market}", by=seller)
    head = await shop.ask("HEAD", f"/v1/markets/{shop.market}", by=seller)
    assert (200, b"", whole.headers["content-length"], whole.headers["etag"]) == (
        head.status_code,
        head.content,
        head.headers["content-length"],
        head.headers["etag"],
    )


async def test_every_route_refuses_a_key_without_its_role(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    for name, e in ROUTES.items():
        wrong = sorted(EVERY_ROLE - e.roles)
        if e.roles == PUBLIC or not wrong:
            continue
        for role in {wrong[0], *NARROW.intersection(wrong)}:
            answer = await bare(shop, e, Authorization=f"Bearer {await shop.token(seller, role)}")
            told = answer.json()
            assert (name, 403, "role_missing") == (name, answer.status_code, told["code"])
            assert " or ".join(sorted(e.roles)) in told["detail"]
            assert [("role_missing", told["detail"])] == [
                (each["code"], each["detail"]) for each in told["errors"]
            ]


def test_a_reader_is_refused_what_records_and_what_is_not_its_organisation_s() -> None:
    asked = {name for name, e in ROUTES.items() if e.roles & READS_ONLY}
    reads = {name for name, e in ROUTES.items() if e.method == "GET" and e.roles != PUBLIC}
    assert {"POST /v1/forecasts/returns"} == asked - reads
    assert {
        "GET /v1/audit/runs",
        "GET /v1/audit/runs/{run}",
        "GET /v1/audit/runs/{run}/report",
        "GET /v1/contests",
        "GET /v1/organisations/{organisation}/webhooks",
    } == reads - asked


def test_who_weighs_and_who_books_payments_is_named_by_these_routes_alone() -> None:
    """Each of which a trader may call as well."""
    delivery, payment = "/v1/deliveries/{delivery}", "/v1/payments/{payment}"
    inspector = {name for name, e in ROUTES.items() if "inspector" in e.roles}
    accountant = {name for name, e in ROUTES.items() if "accountant" in e.roles}
    assert {
        "GET /v1/whoami",
        "GET /v1/deliveries",
        f"GET {delivery}",
        f"POST {delivery}/weighing",
        f"POST {delivery}/weighing/survey",
        f"POST {delivery}/assays",
        f"POST {delivery}/umpire",
    } == inspector
    assert {
        "GET /v1/whoami",
        "GET /v1/invoices",
        "GET /v1/invoices/totals",
        "GET /v1/invoices/ageing",
        "GET /v1/invoices/{invoice}",
        "POST /v1/invoices/{invoice}/reference",
        "GET /v1/payments",
        f"GET {payment}",
        "POST /v1/payments",
        "POST /v1/incoming-payments",
        *(f"POST {payment}/{step}" for step in ("receipt", "denial", "withdrawal", "reversal")),
    } == accountant
    assert all("trader" in ROUTES[name].roles for name in inspector | accountant)


async def test_a_reader_gets_what_its_organisation_s_other_keys_get(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    reader = await shop.token(seller, "reader")
    others = await shop.token(seller, "trader", "compliance", "admin")
    answered = set()
    for name, e in ROUTES.items():
        if e.method == "GET" and e.roles & READS_ONLY and name != "GET /v1/whoami":
            one, other = [await bare(shop, e, Authorization=f"Bearer {token}") for token in (reader, others)]
            assert (name, other.status_code) == (name, one.status_code)
            answered.add(one.status_code)
    assert {200, 404} <= answered
    assert 403 not in answered


@pytest.mark.parametrize(
    "header",
    ["", "Basic dXNlcjpwYXNz", "Bearer", "Bearer x", "Bearer lds_live_", "Bearer " + "é" * 10],
)
async def test_what_is_no_key_is_401(shop: Shop, header: str) -> None:
    answer = await shop.client.get("/v1/markets", headers={b"Authorization": header.encode()})
    assert (401, "unauthenticated") == (answer.status_code, answer.json()["code"])


async def test_a_mistyped_or_invented_key_is_401(shop: Shop) -> None:
    token = await shop.token(shop.scene.sellers[0])
    key = UUID(hex=token.split("_")[2])
    for tried in (
        token[:-1] + ("0" if token[-1] != "0" else "1"),
        mint(key, b"\x01" * 32),
        mint(uuid7(), b"\x02" * 32),
    ):
        answer = await shop.client.get("/v1/markets", headers={"Authorization": f"Bearer {tried}"})
        assert (401, "unauthenticated") == (answer.status_code, answer.json()["code"])


async def test_a_key_ends_at_its_expiry_even_while_it_is_cached(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    assert 200 == (await shop.ask("GET", "/v1/markets", by=seller)).status_code
    shop.scene.clock.now += timedelta(days=366)
    assert 401 == (await shop.ask("GET", "/v1/markets", by=seller)).status_code


async def test_a_key_is_issued_shown_once_used_and_revoked(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    path = f"/v1/organisations/{to_text('org', seller.organisation)}/keys"
    terms = {"label": "desk", "roles": ["trader"], "expires_at": "2026-12-01T00:00:00Z"}
    issued = await shop.ask("POST", path, by=seller, roles=("admin",), body=terms, key="issue-1")
    assert 201 == issued.status_code, issued.text
    token = issued.json()["token"]
    replayed = await shop.ask("POST", path, by=seller, roles=("admin",), body=terms, key="issue-1")
    assert (issued.json()["id"], None, "true") == (
        replayed.json()["id"],
        replayed.json()["token"],
        replayed.headers["idempotent-replayed"],
    )
    (told,) = replayed.json()["warnings"]
    assert ("secret_shown_before", []) == (told["code"], issued.json()["warnings"])
    assert "revoke this key" in told["detail"]
    asked = {"Authorization": f"Bearer {token}"}
    assert 200 == (await shop.client.get("/v1/markets", headers=asked)).status_code
    listed = await shop.ask("GET", path, by=seller, roles=("admin",))
    assert secret_sha256(token) not in listed.text
    assert token not in listed.text
    own = (await shop.client.get("/v1/whoami", headers=asked)).json()
    assert (issued.json()["id"], "desk", ["trader"], terms["expires_at"]) == (
        own["key"],
        own["label"],
        own["roles"],
        own["expires_at"],
    )
    revoked = await shop.ask("DELETE", f"{path}/{issued.json()['id']}", by=seller, roles=("admin",))
    assert 200 == revoked.status_code, revoked.text
    assert 401 == (await shop.client.get("/v1/markets", headers=asked)).status_code


async def test_every_key_says_whose_it_is_and_where(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    for role in sorted(EVERY_ROLE):
        told = await shop.ask("GET", "/v1/whoami", by=seller, roles=(role,))
        assert 200 == told.status_code, told.text
        own = told.json()
        assert (to_text("org", seller.organisation), [role], "no-store") == (
            own["organisation"],
            own["roles"],
            told.headers["cache-control"],
        )
        assert [{"market": shop.market, "suspended": False, "left_at": None}] == own["markets"]


async def test_a_key_for_more_than_two_years_is_warned_of(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    path = f"/v1/organisations/{to_text('org', seller.organisation)}/keys"
    two_years = shop.scene.clock.now + timedelta(days=731)

    async def told(until: datetime, key: str) -> list[tuple[str, str]]:
        terms = {"label": "long", "roles": ["trader"], "expires_at": until.isoformat()}
        issued = await shop.ask("POST", path, by=seller, roles=("admin",), body=terms, key=key)
        assert 201 == issued.status_code, issued.text
        return [(each["code"], each["pointer"]) for each in issued.json()["warnings"]]

    late = ("key_expires_late", "/expires_at")
    assert [] == await told(two_years, "in-time")
    assert [late] == await told(two_years + timedelta(seconds=1), "late")
    assert [("secret_shown_before", ""), late] == await told(two_years + timedelta(seconds=1), "late")


async def test_another_process_notices_a_revocation_within_a_minute(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    token = await shop.token(seller)
    asked = {"Authorization": f"Bearer {token}"}
    assert 200 == (await shop.client.get("/v1/markets", headers=asked)).status_code
    key = UUID(hex=token.split("_")[2])
    await parties.revoke_key(
        shop.scene.desk, RevokeKey(caller=shop.scene.operator, organisation=seller.organisation, key=key)
    )
    shop.scene.clock.now += timedelta(seconds=61)
    assert 401 == (await shop.client.get("/v1/markets", headers=asked)).status_code


@pytest.mark.parametrize("role", ["operator", "auditor"])
async def test_an_administrator_makes_no_operators_or_auditors(shop: Shop, role: str) -> None:
    seller = shop.scene.sellers[0]
    path = f"/v1/organisations/{to_text('org', seller.organisation)}/keys"
    terms = {"label": "more", "roles": [role], "expires_at": "2026-12-01T00:00:00Z"}
    answer = await shop.ask("POST", path, by=seller, roles=("admin",), body=terms)
    assert (403, "role_missing") == (answer.status_code, answer.json()["code"])


async def test_an_administrator_makes_no_keys_for_others(shop: Shop) -> None:
    seller, other = shop.scene.sellers
    path = f"/v1/organisations/{to_text('org', other.organisation)}/keys"
    terms = {"label": "more", "roles": ["trader"], "expires_at": "2026-12-01T00:00:00Z"}
    answer = await shop.ask("POST", path, by=seller, roles=("admin",), body=terms)
    assert (404, "organisation_unknown") == (answer.status_code, answer.json()["code"])
