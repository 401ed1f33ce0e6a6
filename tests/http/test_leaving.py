"""A member leaves a market and comes back; an organisation asks for its end and comes to it."""

from typing import Any

import asyncpg
import httpx
from msgspec.structs import replace
from uuid_utils.compat import uuid7

from contracts.commands import agreements
from contracts.rules.agreements import DraftAgreement, SignProposal
from contracts.rules.standing import Terminate
from events.contract_events import AgreementDrafted
from events.party_events import PolicyPublished
from events.policy_terms import PolicyTerms
from market.commands import agreement_signing, passports, policies
from market.http.wire.ids import to_text
from market.rules.orders.policies import NewPolicy, PublishPolicy
from market.rules.passports.passports import IssuePassport
from tests.conftest import Database
from tests.contract_support import agreement_terms
from tests.http.shop import Asker, Shop
from tests.http.test_agreements import step
from tests.http.test_deliveries import post
from tests.http.test_own_lists import traded
from tests.http.test_payments import transfer
from tests.market_drafts import Firm
from tests.market_support import done, fact_of
from tests.passport_support import content

# The follower has passed the matches and made no contract, as of records of before there were any.
FOLLOWED = """
insert into record.consumer (name, stream, lane, position, head, next_offset)
values ('follower', 'market', $1, 1000000, decode(repeat('00', 32), 'hex'), 0)
on conflict (name, stream, lane) do update set position = excluded.position
"""


def admin_of(firm: Firm) -> Asker:
    return {"by": firm, "roles": ("admin", "trader")}


def operator_of(shop: Shop) -> Asker:
    return {"by": shop.scene.sellers[1], "roles": ("operator",)}


def refused(answer: httpx.Response) -> list[str]:
    body: dict[str, Any] = answer.json()
    return [each["code"] for each in body["errors"]] if body.get("errors") else [body["code"]]


async def test_a_member_leaves_with_all_that_is_open_named_and_comes_back(
    database: Database, shop: Shop
) -> None:
    seller, buyer = shop.scene.sellers[0], shop.scene.buyers[0]
    party = to_text("org", seller.organisation)
    path = f"/v1/markets/{shop.market}/members/{party}"
    offer = await shop.scene.offer(seller, commitment="subject_to_confirmation")
    lot = await shop.scene.lot(seller, "L-1")
    waiting = await shop.ask("DELETE", path, **admin_of(seller))
    assert 409 == waiting.status_code, waiting.text
    assert ["orders_open"] == refused(waiting)
    assert f"offer_{offer.hex}" in waiting.text
    assert f"lot_{lot.hex}" in waiting.text
    await shop.scene.require(buyer)
    plan = await shop.scene.plan()
    during = await shop.ask("DELETE", f"{path}?withdraw_orders=true", **admin_of(seller))
    assert ["clearing_in_progress"] == refused(during)
    await shop.scene.conclude(plan)
    await shop.project()
    struck = await shop.ask("GET", "/v1/matches", by=seller)
    open_, confirmed = (
        [each for each in struck.json()["items"] if each["status"] == status]
        for status in ("open", "confirmed")
    )
    assert struck.json()["items"]
    matched = await shop.ask("DELETE", f"{path}?withdraw_orders=true", **admin_of(seller))
    assert 409 == matched.status_code, matched.text
    named = (("matches_open", open_), ("contracts_to_come", confirmed))
    assert [code for code, matches in named if matches] == refused(matched)
    assert all(each["id"] in matched.text for each in (*open_, *confirmed))
    assert confirmed
    owner = await asyncpg.connect(database.dsn("owner"))
    await owner.execute(FOLLOWED, shop.scene.lane.lane)
    await owner.close()
    dry = await shop.ask("DELETE", f"{path}?withdraw_orders=true&validate_only=true", **admin_of(seller))
    assert ([] if not open_ else ["matches_open"]) == ([] if dry.is_success else refused(dry))
    for asker in (admin_of(buyer), operator_of(shop)):
        assert (await shop.ask("DELETE", path, **asker)).status_code in (403, 404)


async def test_who_has_left_posts_nothing_until_it_is_admitted_again(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    party = to_text("org", seller.organisation)
    path = f"/v1/markets/{shop.market}/members/{party}"
    await shop.scene.offer(seller)
    lot = await shop.scene.lot(seller, "L-1")
    tried = await shop.ask("DELETE", f"{path}?withdraw_orders=true&validate_only=true", **admin_of(seller))
    left = await shop.ask("DELETE", f"{path}?withdraw_orders=true", **admin_of(seller))
    assert 200 == left.status_code, left.text
    recorded = [receipt["type"] for receipt in left.json()["receipts"]]
    assert recorded == tried.json()["would_record"]
    assert {
        "market.supply-offer.withdrawn.v1",
        "market.recovered-lot.withdrawn.v1",
        "materials.lot.released.v1",
        "market.member.left.v1",
    } == set(recorded)
    again = await shop.ask("GET", f"/v1/recovered-lots/{to_text('lot', lot)}", by=seller)
    assert "withdrawn" == again.json()["status"]
    view = (await shop.ask("GET", path, by=seller)).json()
    assert (True, None, None) == (view["suspended"], view["suspended_reason"], view["suspended_since"])
    assert left.json()["receipts"][-1]["time"] == view["left_at"]
    refusal = await shop.ask("POST", "/v1/supply-offers", by=seller, body=shop.offer_body(seller))
    assert (403, "not_a_member") == (refusal.status_code, refusal.json()["code"])
    gone = await shop.ask("DELETE", path, **admin_of(seller))
    assert (403, "not_a_member") == (gone.status_code, gone.json()["code"])
    admitted = await shop.ask(
        "POST", f"/v1/markets/{shop.market}/members", body={"organisation": party}, **operator_of(shop)
    )
    assert 201 == admitted.status_code, admitted.text
    view = (await shop.ask("GET", path, by=seller)).json()
    assert (False, None) == (view["suspended"], view["left_at"])
    posted = await shop.ask("POST", "/v1/supply-offers", by=seller, body=shop.offer_body(seller))
    assert 201 == posted.status_code, posted.text


async def test_an_organisation_ends_with_its_keys_and_memberships(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    party = to_text("org", seller.organisation)
    path = f"/v1/organisations/{party}"
    await shop.scene.offer(seller)
    asked = await shop.ask("POST", f"{path}/closing", **admin_of(seller))
    assert 200 == asked.status_code, asked.text
    assert asked.json()["receipts"][0]["time"] == await closing_asked(shop, path)
    assert 403 == (await shop.ask("POST", f"{path}/close", **admin_of(seller))).status_code
    busy = await shop.ask("POST", f"{path}/close", **operator_of(shop))
    assert (409, ["orders_open"]) == (busy.status_code, refused(busy))
    await shop.ask("DELETE", f"{path}/closing", **admin_of(seller))
    assert await closing_asked(shop, path) is None
    await shop.ask(
        "DELETE", f"/v1/markets/{shop.market}/members/{party}?withdraw_orders=true", **admin_of(seller)
    )
    early = await shop.ask("POST", f"{path}/close", **operator_of(shop))
    assert (409, ["closing_not_asked"]) == (early.status_code, refused(early))
    await shop.ask("POST", f"{path}/closing", **admin_of(seller))
    closed = await shop.ask("POST", f"{path}/close", **operator_of(shop))
    assert 200 == closed.status_code, closed.text
    recorded = [receipt["type"] for receipt in closed.json()["receipts"]]
    assert ["parties.api-key.revoked.v1", "parties.organisation.closed.v1"] == sorted(set(recorded))
    assert 401 == (await shop.ask("GET", path, **admin_of(seller))).status_code
    read = await shop.ask("GET", path, **operator_of(shop))
    view = read.json()
    assert closed.json()["receipts"][-1]["time"] == view["closed_at"]
    for method, at, body in (
        ("PATCH", path, {"name": "another"}),
        ("POST", f"{path}/close", None),
        ("POST", f"/v1/markets/{shop.market}/members", {"organisation": party}),
    ):
        answer = await shop.ask(method, at, body=body, version=read.headers["etag"], **operator_of(shop))
        assert (409, "organisation_closed") == (answer.status_code, answer.json()["code"]), at
    listed = await shop.ask("GET", "/v1/organisations", **operator_of(shop))
    assert party in [each["id"] for each in listed.json()["items"]]


async def closing_asked(shop: Shop, path: str) -> Any:
    return (await shop.ask("GET", path, **operator_of(shop))).json()["closing_asked_at"]


async def test_agreements_policies_and_lots_are_open_until_they_are_over(shop: Shop) -> None:
    """A draft of the other side keeps nobody, nor does who has left sign it as binding; a binding signature
    does, and what both have signed."""
    scene, (seller, buyer) = shop.scene, (shop.scene.sellers[0], shop.scene.buyers[0])
    party = to_text("org", seller.organisation)
    path, own = f"/v1/markets/{shop.market}/members/{party}", f"/v1/organisations/{party}"
    today = scene.clock.now.date()
    terms = agreement_terms(term=replace(agreement_terms().term, starts_on=today, extended_by=None))
    draft = DraftAgreement(
        caller=buyer.trader,
        market=scene.market,
        kind="offtake",
        side="buyer",
        counterparty=seller.organisation,
        basis="ndpr",
        members=frozenset({seller.organisation, buyer.organisation}),
        terms=terms,
    )
    agreement = fact_of(done(await agreements.draft(scene.desk, draft)), AgreementDrafted).agreement
    dry = f"{path}?validate_only=true"
    assert 200 == (await shop.ask("DELETE", path, **admin_of(seller))).status_code
    drafted = f"/v1/agreements/{to_text('agr', agreement)}"
    version_read = (await shop.ask("GET", drafted, by=seller)).headers["etag"]
    binding = {"proposal": 1, "binding": True}
    signing = await shop.ask("POST", f"{drafted}/signatures", by=seller, version=version_read, body=binding)
    assert (403, "not_a_member") == (signing.status_code, signing.json()["code"])
    back = {"organisation": party}
    await shop.ask("POST", f"/v1/markets/{shop.market}/members", body=back, **operator_of(shop))
    version = 1
    for firm, level in ((seller, False), (seller, True), (buyer, True)):
        sign = SignProposal(
            caller=firm.trader, agreement=agreement, expected_version=version, proposal=1, binding=level
        )
        version += len(done(await agreement_signing.sign(scene.desk, sign)).events)
        answer = await shop.ask("DELETE", dry, **admin_of(seller))
        if level:
            assert ["agreements_open"] == refused(answer)
            assert to_text("agr", agreement) in answer.text
        else:
            assert 200 == answer.status_code, answer.text
    ended = Terminate(caller=buyer.trader, agreement=agreement, expected_version=version, reason="insolvency")
    await agreements.terminate(scene.desk, ended)
    assert 200 == (await shop.ask("DELETE", dry, **admin_of(seller))).status_code
    details = NewPolicy(title="Own", terms=PolicyTerms(recycled_min_ppb=10_000_000))
    published = done(
        await policies.publish(
            scene.desk, PublishPolicy(caller=seller.trader, policy=scene.desk.new_id(), details=details)
        )
    )
    policy, passport = fact_of(published, PolicyPublished).policy, uuid7()
    lot = IssuePassport(caller=seller.trader, passport=passport, content=content(seller.facility, "P-1"))
    await passports.issue(scene.desk, lot)
    busy = await shop.ask("POST", f"{own}/close", **operator_of(shop))
    assert ["policies_open", "passports_open", "closing_not_asked"] == refused(busy)
    assert to_text("pol", policy) in busy.text
    assert to_text("pass", passport) in busy.text


async def test_what_is_to_be_paid_is_told_and_keeps_nobody(shop: Shop) -> None:
    """Two invoices that are open, one of them with a payment that waits for its payee's word."""
    deliveries, seller, buyer, _ = await traded(shop)
    for delivery in deliveries[1:]:
        gone = await post(shop, f"{delivery}/withdrawal", seller, {"reason": "not needed"})
        assert 201 == gone.status_code, gone.text
    invoices = (await shop.ask("GET", "/v1/invoices?status=open", by=buyer)).json()["items"]
    numbers = [each["invoice"] for each in invoices]
    assert 2 == len(numbers)
    stated = await post(shop, "/v1/payments", buyer, transfer({numbers[0]: "1.00"}))
    assert 201 == stated.status_code, stated.text
    payment = stated.headers["location"].rpartition("/")[2]
    for agreement in (await shop.ask("GET", "/v1/agreements", by=buyer)).json()["items"]:
        path = f"/v1/agreements/{agreement['id']}"
        ended = await step(shop, path, "termination", buyer, {"reason": "breach"})
        assert 201 == ended.status_code, ended.text
    told: list[Any] = []
    for firm in (seller, buyer):
        party = to_text("org", firm.organisation)
        leave = f"/v1/markets/{shop.market}/members/{party}"
        dry = await shop.ask("DELETE", f"{leave}?validate_only=true", **admin_of(firm))
        left = await shop.ask("DELETE", leave, **admin_of(firm))
        asked = await shop.ask("POST", f"/v1/organisations/{party}/closing", **admin_of(firm))
        for answer in (dry, left, asked):
            assert 200 == answer.status_code, answer.text
            told = answer.json()["warnings"]
            assert ["invoices_open", "payments_open"] == [each["code"] for each in told]
            assert all(number in told[0]["detail"] for number in numbers)
            assert payment in told[1]["detail"]
        undone = await shop.ask("DELETE", f"/v1/organisations/{party}/closing", **admin_of(firm))
        assert [] == undone.json()["warnings"]
        await shop.ask("POST", f"/v1/organisations/{party}/closing", **admin_of(firm))
    path = f"/v1/organisations/{to_text('org', buyer.organisation)}/close"
    closed = await shop.ask("POST", path, **operator_of(shop))
    assert (200, told) == (closed.status_code, closed.json()["warnings"]), closed.text
    outsider = f"/v1/organisations/{to_text('org', shop.scene.buyers[1].organisation)}/closing"
    asked = await shop.ask("POST", outsider, **admin_of(shop.scene.buyers[1]))
    assert (200, []) == (asked.status_code, asked.json()["warnings"])
