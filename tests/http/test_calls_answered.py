"""What whoever answers a partner's call reads over HTTP: companies by name, their webhooks, an invoice."""

from typing import Any

import msgspec
import pytest

from events.vocabulary import KeyRole
from market.http.wire.ids import to_text
from tests.http.shop import Shop
from tests.http.test_own_lists import traded
from tests.http.test_webhooks import registered
from tests.market_drafts import Firm

URL = "https://partner.example/hooks/lodestone?token=Xq7-secret"


async def asked(shop: Shop, path: str, by: Firm, role: KeyRole) -> Any:
    return await shop.ask("GET", path, by=by, roles=(role,))


@pytest.mark.parametrize("role", ["operator", "auditor"])
async def test_companies_are_found_by_a_part_of_their_name(shop: Shop, role: KeyRole) -> None:
    await shop.scene.register("Mag_net Works 100%")
    await shop.scene.register("Ganglion Magnets")
    by = shop.scene.sellers[0]
    found = {
        name: [
            each["name"]
            for each in (await asked(shop, f"/v1/organisations?name={name}", by, role)).json()["items"]
        ]
        for name in ("MAG_NET", "100%25", "magnet", "nobody")
    }
    assert {
        "MAG_NET": ["Mag_net Works 100%"],
        "100%25": ["Mag_net Works 100%"],
        "magnet": ["Ganglion Magnets"],
        "nobody": [],
    } == found
    first = await asked(shop, "/v1/organisations?name=mag&limit=1", by, role)
    link = first.headers["link"]
    second = await asked(shop, link[1 : link.index(">")], by, role)
    names = [each["name"] for page in (first, second) for each in page.json()["items"]]
    assert ["Mag_net Works 100%", "Ganglion Magnets"] == names


async def test_a_trader_finds_itself_alone(shop: Shop) -> None:
    seller, other = shop.scene.sellers[:2]
    name = (await asked(shop, "/v1/organisations", other, "trader")).json()["items"][0]["name"]
    assert [] == (await asked(shop, f"/v1/organisations?name={name}", seller, "trader")).json()["items"]
    for unusable in ("%07", "x" * 201):
        answer = await asked(shop, f"/v1/organisations?name={unusable}", seller, "operator")
        assert 400 == answer.status_code, answer.text


async def test_an_operator_reads_how_it_goes_with_a_partners_webhooks_and_no_secret(shop: Shop) -> None:
    partner, by = shop.scene.sellers[:2]
    mine = f"/v1/organisations/{to_text('org', partner.organisation)}/webhooks"
    assert [] == (await asked(shop, mine, by, "operator")).json()["items"]
    hook = await registered(shop, partner, url=URL)
    own = f"/v1/webhooks/{hook['id']}"
    await shop.ask("POST", f"{own}/test", by=partner, roles=("admin",))
    failed = (
        "update ops.webhook_sender set failures = 3, failing_since = now() - interval '2 hours' "
        "returning failing_since"
    )
    assert await shop.scene.pool.fetchval(failed) is not None
    tries = msgspec.json.encode(
        [{"at": "2026-03-02T09:00:00Z", "milliseconds": 12, "error": "the name cannot be looked up"}]
    ).decode()
    await shop.scene.pool.execute("update ops.webhook_message set tries = $1", tries)
    answer = await asked(shop, mine, by, "operator")
    assert 200 == answer.status_code, answer.text
    (told,) = answer.json()["items"]
    health = (await shop.ask("GET", f"{own}/health", by=partner, roles=("admin",))).json()
    assert (3, 1) == (health["failures"], health["waiting"])
    assert health == {name: told[name] for name in health}
    assert ("partner.example", hook["id"], True) == (told["host"], told["id"], told["active"])
    assert "the name cannot be looked up" == told["last_attempt"]["error"]
    assert "Xq7-secret" not in answer.text
    assert hook["secret"] not in answer.text
    assert "public_key" not in told


async def test_the_last_attempt_is_told_of_whatever_waits(shop: Shop) -> None:
    """The oldest of eight messages that wait was tried again last, and refused otherwise than the others."""
    partner, by = shop.scene.sellers[:2]
    hook = await registered(shop, partner, url=URL)
    await shop.ask("POST", f"/v1/webhooks/{hook['id']}/test", by=partner, roles=("admin",))
    copied = """
        insert into ops.webhook_message
        select lpad(to_hex(n), 32, '0')::uuid, webhook, organisation, gen_random_uuid(),
            'partner.market.opened.v1', 'market', 0, n, organisation, 'waiting', 1, not_before,
            created_at, changed_at,
            jsonb_build_array(jsonb_build_object(
                'at', '2026-03-02T09:00:00Z'::timestamptz + n * interval '1 minute', 'milliseconds', 1,
                'status', 503, 'error', 'the answer is 503'))
            || case when n = 1 then '[{"at": "2026-03-02T12:00:00Z", "milliseconds": 2, "status": 401,
                "error": "the answer is 401"}]'::jsonb else '[]' end
        from ops.webhook_message, generate_series(1, 8) n
    """
    assert "INSERT 0 8" == await shop.scene.pool.execute(copied)
    mine = f"/v1/organisations/{to_text('org', partner.organisation)}/webhooks"
    (told,) = (await asked(shop, mine, by, "operator")).json()["items"]
    assert (
        9,
        {"at": "2026-03-02T12:00:00Z", "milliseconds": 2, "status": 401, "error": "the answer is 401"},
    ) == (
        told["waiting"],
        told["last_attempt"],
    )


async def test_nobody_else_reads_how_it_goes_with_webhooks(shop: Shop) -> None:
    partner, by = shop.scene.sellers[:2]
    await registered(shop, partner)
    mine = f"/v1/organisations/{to_text('org', partner.organisation)}/webhooks"
    others: tuple[KeyRole, ...] = ("trader", "admin", "reader", "auditor")
    for role in others:
        assert 403 == (await asked(shop, mine, by, role)).status_code
    unknown = f"/v1/organisations/{to_text('org', shop.scene.market)}/webhooks"
    assert 404 == (await asked(shop, unknown, by, "operator")).status_code
    other = f"/v1/organisations/{to_text('org', by.organisation)}/webhooks"
    assert [] == (await asked(shop, other, by, "operator")).json()["items"]


async def test_an_auditor_reads_an_invoice_for_a_reason_as_its_seller_does(shop: Shop) -> None:
    _, seller, _, outsider = await traded(shop)
    listed = (await shop.ask("GET", "/v1/invoices", by=seller)).json()["items"]
    paths = [f"/v1/invoices/{invoice['invoice']}" for invoice in listed]
    for path in paths:
        own = (await shop.ask("GET", path, by=seller)).json()
        read = await asked(shop, f"{path}?reason=ticket-27-11", outsider, "auditor")
        assert (200, own) == (read.status_code, read.json())
    path = paths[0]
    bare = await asked(shop, path, outsider, "auditor")
    assert (400, "reason_missing") == (bare.status_code, bare.json()["errors"][0]["code"])
    operator = await asked(shop, f"{path}?reason=ticket-27-11", outsider, "operator")
    assert (422, "parameter_inapplicable") == (operator.status_code, operator.json()["errors"][0]["code"])
    for query in ("", "?reason=ticket-27-11"):
        assert 404 == (await asked(shop, f"{path}{query}", outsider, "trader")).status_code
