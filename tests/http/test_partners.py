"""Partners of initiatives through the door: a coordinator sees its own, everybody else nothing of them."""

from typing import Any

import pytest

from events.vocabulary import KeyRole
from market.http.wire.ids import to_text
from tests.http.shop import Shop
from tests.market_drafts import Firm, initiative

ADMIN: tuple[KeyRole, ...] = ("admin",)
OPERATOR: tuple[KeyRole, ...] = ("operator",)
REMHUB = "/v1/initiatives/remhub"
PERMANET = "/v1/initiatives/permanet"


@pytest.fixture
async def office(shop: Shop) -> Firm:
    """An operator's organisation, in remhub as all are."""
    return await shop.scene.register("office")


@pytest.fixture
async def led(shop: Shop, office: Firm) -> Firm:
    """Who coordinates remhub, in which all firms are, and not permanet, which the first buyer does."""
    buyer, seller = shop.scene.buyers[0], shop.scene.sellers[0]
    named = await shop.ask(
        "PATCH",
        REMHUB,
        by=office,
        roles=OPERATOR,
        body={"coordinated_by": to_text("org", seller.organisation)},
        version='"v1"',
    )
    assert 200 == named.status_code, named.text
    body = {"code": "permanet", "name": "PERMANET", "coordinated_by": to_text("org", buyer.organisation)}
    made = await shop.ask("POST", "/v1/initiatives", by=office, roles=OPERATOR, body=body)
    assert 201 == made.status_code, made.text
    return seller


def of(firm: Firm) -> str:
    return f"/v1/organisations/{to_text('org', firm.organisation)}"


def invited(firm: Firm) -> dict[str, Any]:
    return {"organisation": to_text("org", firm.organisation)}


async def codes(shop: Shop, firm: Firm) -> list[str]:
    found: list[str] = (await shop.ask("GET", of(firm), by=firm)).json()["initiatives"]
    return found


async def test_nobody_but_its_coordinator_is_told_who_is_in_an_initiative(
    shop: Shop, led: Firm, office: Firm
) -> None:
    member = shop.scene.sellers[1]
    for path in (f"{REMHUB}/members", f"{REMHUB}/invitations"):
        for firm in (member, shop.scene.buyers[0]):
            refused = await shop.ask("GET", path, by=firm, roles=("admin", "compliance", "reader"))
            assert (404, "not_found") == (refused.status_code, refused.json()["code"])
        for firm in (member, led):
            traders = await shop.ask("GET", path, by=firm, roles=("trader",))
            assert (403, "role_missing") == (traders.status_code, traders.json()["code"])
        for path_of_other in (path.replace("remhub", "permanet"), path.replace("remhub", "nothing")):
            assert 404 == (await shop.ask("GET", path_of_other, by=led, roles=ADMIN)).status_code
    for roles in (ADMIN, ("reader",)):
        await shop.token(led, *roles)
    before = await shop.rows()
    for method, path, body in (
        ("POST", f"{PERMANET}/invitations", invited(member)),
        ("DELETE", f"{PERMANET}/invitations/{to_text('org', member.organisation)}", None),
        ("DELETE", f"{PERMANET}/members/{to_text('org', member.organisation)}", None),
    ):
        refused = await shop.ask(method, path, by=led, roles=ADMIN, body=body)
        assert (404, "initiative_absent") == (refused.status_code, refused.json()["code"]), path
        reads = await shop.ask(
            method, path.replace("permanet", "remhub"), by=led, roles=("reader",), body=body
        )
        assert 403 == reads.status_code
    assert before == await shop.rows()


async def test_a_coordinator_lists_partners_and_their_sites_in_pages(
    shop: Shop, led: Firm, office: Firm
) -> None:
    everybody = [*shop.scene.sellers, *shop.scene.buyers, office]
    expected = sorted(to_text("org", firm.organisation) for firm in everybody)
    whole = await shop.ask("GET", f"{REMHUB}/members", by=led, roles=("reader",))
    assert (200, expected) == (whole.status_code, [each["organisation"] for each in whole.json()["items"]])
    seen, path = [], f"{REMHUB}/members?limit=3"
    while path:
        page = (await shop.ask("GET", path, by=led, roles=ADMIN)).json()
        seen += [each["organisation"] for each in page["items"]]
        path = page["next_cursor"] and f"{REMHUB}/members?limit=3&cursor={page['next_cursor']}"
    assert expected == seen
    first = whole.json()["items"][0]
    assert {"organisation", "name", "country", "roles", "facilities"} == set(first)
    (site,) = first["facilities"]
    assert {"name", "country", "place", "stages", "scale", "status", "strategic_project"} == set(site)
    for roles in (OPERATOR, ("auditor",)):
        over = await shop.ask("GET", f"{REMHUB}/members", by=office, roles=roles)
        assert whole.json()["items"] == over.json()["items"]


async def test_an_invitation_is_accepted_by_who_is_invited_and_by_nobody_else(
    shop: Shop, led: Firm, office: Firm
) -> None:
    coordinator, partner = shop.scene.buyers[0], shop.scene.buyers[1]
    ask: dict[str, Any] = {"by": coordinator, "roles": ADMIN}
    sent = await shop.ask("POST", f"{PERMANET}/invitations", body=invited(partner), key="once", **ask)
    assert (201, ["parties.partner.invited.v1"]) == (
        sent.status_code,
        [each["type"] for each in sent.json()["receipts"]],
    ), sent.text
    repeated = await shop.ask("POST", f"{PERMANET}/invitations", body=invited(partner), key="once", **ask)
    assert (201, "true", sent.content) == (
        repeated.status_code,
        repeated.headers["idempotent-replayed"],
        repeated.content,
    )
    again = await shop.ask("POST", f"{PERMANET}/invitations", body=invited(partner), **ask)
    assert (409, "invited_before") == (again.status_code, again.json()["code"])
    (listed,) = (await shop.ask("GET", f"{PERMANET}/invitations", **ask)).json()["items"]
    (own,) = (await shop.ask("GET", f"{of(partner)}/invitations", by=partner)).json()["items"]
    assert listed == own
    assert to_text("org", coordinator.organisation) == own["invited_by"]
    assert 404 == (await shop.ask("GET", f"{of(partner)}/invitations", by=led)).status_code
    path, yes = f"{of(partner)}/invitations/permanet/answer", {"accept": True}
    for firm, roles in ((coordinator, ADMIN), (office, ("operator", "admin"))):
        refused = await shop.ask("POST", path, by=firm, roles=roles, body=yes)
        assert (404, "organisation_unknown") == (refused.status_code, refused.json()["code"])
    assert ["remhub"] == await codes(shop, partner)
    accepted = await shop.ask("POST", path, by=partner, roles=ADMIN, body=yes)
    assert (
        ["parties.invitation.ended.v1", "parties.organisation.changed.v1", "market.member.changed.v1"]
    ) == [each["type"] for each in accepted.json()["receipts"]], accepted.text
    assert ["remhub", "permanet"] == await codes(shop, partner)
    gone = await shop.ask("POST", path, by=partner, roles=ADMIN, body=yes)
    assert (404, "invitation_unknown") == (gone.status_code, gone.json()["code"])
    there = await shop.ask("POST", f"{PERMANET}/invitations", body=invited(partner), **ask)
    assert (409, "already_partner") == (there.status_code, there.json()["code"])
    assert [] == (await shop.ask("GET", f"{PERMANET}/invitations", **ask)).json()["items"]
    (member,) = (await shop.ask("GET", f"{PERMANET}/members", **ask)).json()["items"]
    assert to_text("org", partner.organisation) == member["organisation"]


async def test_a_partner_leaves_or_is_removed_and_receipts_tell_nothing_of_its_markets(
    shop: Shop, led: Firm, office: Firm
) -> None:
    first, second = shop.scene.buyers
    for firm in (first, second):
        path = f"{of(firm)}/initiatives/remhub"
        for other, roles in ((led, ADMIN), (office, ("operator", "admin"))):
            assert 404 == (await shop.ask("DELETE", path, by=other, roles=roles)).status_code
    left = await shop.ask("DELETE", f"{of(first)}/initiatives/remhub", by=first, roles=ADMIN)
    assert ["parties.organisation.changed.v1", "market.member.changed.v1"] == [
        each["type"] for each in left.json()["receipts"]
    ]
    twice = await shop.ask("DELETE", f"{of(first)}/initiatives/remhub", by=first, roles=ADMIN)
    assert (404, "not_a_partner") == (twice.status_code, twice.json()["code"])
    path = f"{REMHUB}/members/{to_text('org', second.organisation)}"
    dry = await shop.ask("DELETE", f"{path}?validate_only=true", by=led, roles=("compliance",))
    assert ["parties.organisation.changed.v1"] == dry.json()["would_record"]
    removed = await shop.ask("DELETE", path, by=led, roles=("compliance",))
    assert ["parties.organisation.changed.v1"] == [each["type"] for each in removed.json()["receipts"]]
    assert ([], []) == (await codes(shop, first), await codes(shop, second))
    listed = (await shop.ask("GET", f"{REMHUB}/members", by=led, roles=ADMIN)).json()["items"]
    assert sorted(to_text("org", firm.organisation) for firm in (*shop.scene.sellers, office)) == [
        each["organisation"] for each in listed
    ]


async def test_an_invitation_is_declined_or_withdrawn_or_overtaken(
    shop: Shop, led: Firm, office: Firm
) -> None:
    coordinator, partner = shop.scene.buyers[0], shop.scene.buyers[1]
    ask: dict[str, Any] = {"by": coordinator, "roles": ADMIN}
    answer = f"{of(partner)}/invitations/permanet/answer"
    invitation = f"{PERMANET}/invitations/{to_text('org', partner.organisation)}"
    for last, body in (("POST", {"accept": False}), ("DELETE", None)):
        await shop.ask("POST", f"{PERMANET}/invitations", body=invited(partner), **ask)
        if body is None:
            ended = await shop.ask(last, invitation, **ask)
        else:
            ended = await shop.ask(last, answer, by=partner, roles=ADMIN, body=body)
        assert ["parties.invitation.ended.v1"] == [each["type"] for each in ended.json()["receipts"]]
        assert [] == (await shop.ask("GET", f"{of(partner)}/invitations", by=partner)).json()["items"]
    gone = await shop.ask("DELETE", invitation, **ask)
    assert (404, "invitation_unknown") == (gone.status_code, gone.json()["code"])
    await shop.ask("POST", f"{PERMANET}/invitations", body=invited(partner), **ask)
    put = await shop.ask(
        "PATCH",
        of(partner),
        by=office,
        roles=OPERATOR,
        body={"initiatives": ["permanet"]},
        version='"v1"',
    )
    assert 200 == put.status_code, put.text
    assert [] == (await shop.ask("GET", f"{PERMANET}/invitations", **ask)).json()["items"]
    assert ["permanet"] == await codes(shop, partner)


async def test_nobody_enters_what_is_revoked_and_a_coordinator_is_an_organisation(
    shop: Shop, led: Firm, office: Firm
) -> None:
    coordinator, partner = shop.scene.buyers[0], shop.scene.buyers[1]
    ask: dict[str, Any] = {"by": coordinator, "roles": ADMIN}
    nobody = {"organisation": "org_0199b3c2d4e57f60a1b2c3d4e5f60718"}
    unknown = await shop.ask("POST", f"{PERMANET}/invitations", body=nobody, **ask)
    assert (404, "organisation_unknown") == (unknown.status_code, unknown.json()["code"])
    await shop.ask("POST", f"{PERMANET}/invitations", body=invited(partner), **ask)
    await shop.ask("DELETE", PERMANET, by=office, roles=OPERATOR)
    late = await shop.ask(
        "POST", f"{of(partner)}/invitations/permanet/answer", by=partner, roles=ADMIN, body={"accept": True}
    )
    assert (404, "initiative_absent") == (late.status_code, late.json()["code"])
    assert ["remhub"] == await codes(shop, partner)
    body = {"code": "third", "name": "a third", "coordinated_by": nobody["organisation"]}
    refused = await shop.ask("POST", "/v1/initiatives", by=office, roles=OPERATOR, body=body)
    assert (422, "/coordinated_by") == (refused.status_code, refused.json()["errors"][0]["pointer"])
    read = (await shop.ask("GET", REMHUB, by=partner)).json()
    assert (initiative("remhub").name, to_text("org", led.organisation)) == (
        read["name"],
        read["coordinated_by"],
    )
