"""Matches through the door: one's own side, sealed answers, names after both have confirmed."""

import re
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from events.market_events import MatchStruck
from events.vocabulary import PPB, StatedPrice, TermHorizon, Tranche
from market.commands import inputs, parties
from market.rules.book import RELIABILITY_WINDOW
from market.rules.orders.horizons import contract_years
from market.rules.parties.parties import ChangeOrganisation
from market.store import members
from tests.http.shop import Shop
from tests.market_drafts import NDPR_PRICE, TONNE_G, organisation_details, rule_set


async def struck(
    shop: Shop, *, sold: dict[str, Any] | None = None, bought: dict[str, Any] | None = None
) -> tuple[str, Any, Any]:
    """A match that both sides have to confirm, halfway between ask and limit: its path, seller and buyer."""
    scene = shop.scene
    await inputs.publish_rule_set(
        scene.desk,
        scene.operator,
        market=scene.market,
        rule_set=rule_set(version=2, thin_component_groups=1),
        signed_by=(scene.operator.organisation,),
    )
    seller, buyer = scene.sellers[0], scene.buyers[0]
    await scene.offer(seller, commitment="subject_to_confirmation", **(sold or {}))
    await scene.require(
        buyer, **({"basis_g": 3_500_000, "commitment": "subject_to_confirmation"} | (bought or {}))
    )
    events = await scene.conclude(await scene.plan())
    [match] = [event.data.match for event in events if isinstance(event.data, MatchStruck)]
    await shop.project()
    return f"/v1/matches/match_{match.hex}", seller, buyer


async def test_each_side_sees_its_own_waterfall_down_to_the_price(shop: Shop) -> None:
    path, seller, buyer = await struck(shop)
    sold = (await shop.ask("GET", path, by=seller)).json()
    bought = (await shop.ask("GET", path, by=buyer)).json()
    assert ("seller", "buyer", "open", "open") == (
        sold["side"],
        bought["side"],
        sold["status"],
        bought["status"],
    )
    assert ["ask", "surplus"] == [line["label"] for line in sold["explanation"]["lines"]]
    assert "limit" == bought["explanation"]["lines"][0]["label"]
    assert sold["price_eur_per_kg"] == bought["price_eur_per_kg"] == "75.00"
    assert sold["amount_eur"] == bought["amount_eur"] == "262500.00"
    assert ("3500.000", "10.000") == (sold["quantity_basis_kg"], sold["product_wet_t"])
    for side in (sold, bought):
        assert (None, None, None) == (side["counter_order"], side["counterparty"], side["whole"])
        ticket = {line["label"]: line["text"] for line in side["explanation"]["ticket"]}
        assert "3,500.000 kg contained ndpr" == ticket["basis"]
    assert "60.00" in str(sold)
    assert "90.00" not in str(sold)
    assert "60.00" not in str(bought)


async def test_the_operator_sees_both_sides_and_outsiders_nothing(shop: Shop) -> None:
    path, *_ = await struck(shop)
    whole = await shop.ask("GET", path, by=shop.scene.sellers[1], roles=("operator",))
    assert ("90.00", "60.00", "30.00") == tuple(
        whole.json()["whole"][name] for name in ("limit_eur_per_kg", "ask_eur_per_kg", "value_eur_per_kg")
    )
    inputs = {term["label"]: term["inputs"] for term in whole.json()["whole"]["terms"]}
    assert {"sum_eur_per_kg": "0.00", "floor_eur_per_kg": "0.00", "cap_eur_per_kg": "0.00"} == inputs[
        "sustainability"
    ]
    for outsider in (shop.scene.sellers[1], shop.scene.buyers[1]):
        assert 404 == (await shop.ask("GET", path, by=outsider)).status_code
        assert 404 == (await shop.ask("POST", f"{path}/confirm", by=outsider)).status_code
        assert [] == (await shop.ask("GET", "/v1/matches", by=outsider)).json()["items"]


async def test_a_match_of_years_says_that_its_price_is_a_differential(shop: Shop) -> None:
    """0.59 EUR per kg is nobody's price for the metal: the index comes on top, year after year."""
    years = TermHorizon(
        start_year=2028,
        profile_ppb=(PPB // 2, 755_000_000, PPB),
        index=NDPR_PRICE.code,
        quotation_period="month_after_shipment",
    )
    window = contract_years(years)
    sold = {"term": years, "tranches": (Tranche(window=window, net_wet_g=10 * TONNE_G),)}
    path, seller, buyer = await struck(
        shop,
        sold=sold
        | {
            "ask": StatedPrice(amount_micro=500_000, currency="EUR", per="oxide"),
            "term": replace(years, floor_ueur_per_kg=40_000_000),
        },
        bought={
            "term": replace(years, floor_ueur_per_kg=50_000_000),
            "window": window,
            "limit": StatedPrice(amount_micro=1_250_000, currency="USD", per="oxide"),
        },
    )
    expected = {
        "index": "ndpr-oxide",
        "start_year": 2028,
        "years": 3,
        "quotation_period": "month_after_shipment",
        "profile_percent": ["50", "75.5", "100"],
        "profile_tolerance_percent": "0",
    }
    floors = {"seller": "40.00", "buyer": "50.00"}
    for side, party in (("seller", seller), ("buyer", buyer)):
        seen = (await shop.ask("GET", path, by=party)).json()
        differential = {
            "floor_eur_per_kg": floors[side],
            "differential_eur_per_kg": seen["price_eur_per_kg"],
            "plateau_year_differential_eur": seen["amount_eur"],
        }
        assert expected | differential == seen["term"]
        ticket = {line["label"]: line["text"] for line in seen["explanation"]["ticket"]}
        assert "2028 50 %, 2029 75.5 %, 2030 100 %" == ticket["profile"]
        assert not {"amount", "price per basis kg", "reference"} & ticket.keys()
        [listed] = (await shop.ask("GET", "/v1/matches", by=party)).json()["items"]
        assert seen["term"] == listed["term"]
    first = (await shop.ask("GET", path, by=buyer)).json()["explanation"]["lines"][0]
    assert (
        "limit",
        {
            "stated_per_kg": "1.25",
            "currency": "USD",
            "per": "oxide",
            "basis_kg_per_kg": "0.849975",
            "exchange_rate_eur_per_unit": "0.92",
        },
        1,
    ) == (first["label"], first["inputs"], len(first["evidence"]))
    whole = (await shop.ask("GET", path, by=seller, roles=("operator",))).json()
    assert "40.00" == whole["term"]["floor_eur_per_kg"]
    for party in (seller, buyer):
        await shop.ask("POST", f"{path}/confirm", by=party)
    agreed = (await shop.ask("GET", path, by=buyer)).json()
    assert ("confirmed", "40.00") == (agreed["status"], agreed["term"]["floor_eur_per_kg"])


async def test_an_answer_stays_sealed_until_the_other_is_in(shop: Shop) -> None:
    path, seller, buyer = await struck(shop)
    before = await shop.ask("GET", path, by=buyer)
    confirmed = await shop.ask("POST", f"{path}/confirm", by=seller)
    assert (200, False) == (confirmed.status_code, confirmed.json()["confirmed"]), confirmed.text
    await shop.project()
    after = await shop.ask("GET", path, by=buyer)
    assert (before.content, before.headers["etag"]) == (after.content, after.headers["etag"])
    listed = (await shop.ask("GET", "/v1/matches", by=buyer)).json()["items"]
    assert [(None, None)] == [(item["own_answer"], item["counterparty"]) for item in listed]
    assert "confirmed" == (await shop.ask("GET", path, by=seller)).json()["own_answer"]


@pytest.mark.parametrize("answer", [None, "confirm", "decline"])
async def test_a_dry_run_tells_nothing_of_the_other_sides_answer(shop: Shop, answer: str | None) -> None:
    path, seller, buyer = await struck(shop)
    if answer is not None:
        body = {"reason": "quality"} if answer == "decline" else None
        given = await shop.ask("POST", f"{path}/{answer}", by=seller, body=body)
        assert 200 == given.status_code, given.text
    rehearsed = await shop.ask("POST", f"{path}/confirm?validate_only=true", by=buyer)
    assert {
        "id": path.rpartition("/")[2],
        "confirmed": False,
        "receipts": [],
        "warnings": [],
        "validated_only": True,
        "would_record": ["market.match.answered.v1"],
    } == rehearsed.json()


async def test_names_are_exchanged_when_both_have_confirmed(shop: Shop) -> None:
    path, seller, buyer = await struck(shop)
    await shop.ask("POST", f"{path}/confirm", by=seller)
    last = await shop.ask("POST", f"{path}/confirm", by=buyer, body=b" { } ")
    assert (200, True) == (last.status_code, last.json()["confirmed"])
    sold = (await shop.ask("GET", path, by=seller)).json()
    bought = (await shop.ask("GET", path, by=buyer)).json()
    assert ("confirmed", "buyer-0") == (sold["status"], sold["counterparty"]["name"])
    assert ("confirmed", "seller-0") == (bought["status"], bought["counterparty"]["name"])
    await shop.project()
    for party, alone in ((seller, sold), (buyer, bought)):
        [listed] = (await shop.ask("GET", "/v1/matches?status=confirmed", by=party)).json()["items"]
        assert alone | {"explanation": None, "goods": None} == listed
    assert (sold["own_order"], bought["own_order"]) == (bought["counter_order"], sold["counter_order"])
    again = await shop.ask("POST", f"{path}/confirm", by=seller)
    assert (409, "match_decided") == (again.status_code, again.json()["code"])


async def test_a_decline_needs_a_reason_and_is_told_when_the_match_is_decided(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands though what it leads to cannot be read."""

    async def gone(*_: Any, **__: Any) -> None:
        raise ConnectionRefusedError

    path, seller, buyer = await struck(shop)
    bare = await shop.ask("POST", f"{path}/decline", by=seller, body={})
    assert (400, "/reason") == (bare.status_code, bare.json()["errors"][0]["pointer"])
    spaced = await shop.ask("POST", f"{path}/decline", by=seller, body={"reason": "changed mind"})
    assert "expected: A code without blanks, such as quality, logistics, credit or compliance." in spaced.text
    monkeypatch.setattr(members, "list_failed", gone)
    declined = await shop.ask("POST", f"{path}/decline", by=seller, body={"reason": "quality"})
    assert 200 == declined.status_code, declined.text
    warned = [each["code"] for each in declined.json()["warnings"]]
    assert (1, ["warnings_unread"]) == (len(declined.json()["receipts"]), warned)
    sealed = (await shop.ask("GET", path, by=buyer)).json()
    assert ("open", None) == (sealed["status"], sealed["ending"])
    twice = await shop.ask("POST", f"{path}/confirm", by=seller)
    assert (409, "already_answered") == (twice.status_code, twice.json()["code"])
    await shop.ask("POST", f"{path}/confirm", by=buyer)
    decided = (await shop.ask("GET", path, by=buyer)).json()
    assert {"declined_by": ["seller"], "silent": [], "reasons": ["quality"]} == decided["ending"]
    assert None is decided["counterparty"]


async def test_who_declines_twice_is_told_that_its_conditional_orders_rest(shop: Shop) -> None:
    scene, path = shop.scene, f"/v1/markets/{shop.market}/failings"
    (seller, sister), buyer = scene.sellers, scene.buyers[0]
    await inputs.publish_rule_set(
        scene.desk,
        scene.operator,
        market=scene.market,
        rule_set=rule_set(version=2, conditional_orders_rest=True),
        signed_by=(scene.operator.organisation,),
    )
    await parties.change_organisation(
        scene.desk,
        ChangeOrganisation(
            caller=scene.operator,
            organisation=sister.organisation,
            details=replace(organisation_details("sister"), group=seller.organisation),
            expected_version=1,
        ),
    )
    offer = await scene.offer(seller, commitment="subject_to_confirmation")
    for each in scene.buyers:
        await scene.require(each)
    events = await scene.conclude(await scene.plan())
    matches = [event.data.match.hex for event in events if isinstance(event.data, MatchStruck)]
    told = []
    for match, query in ((matches[0], ""), (matches[1], "?validate_only=true"), (matches[1], "")):
        url, body = f"/v1/matches/match_{match}/decline{query}", {"reason": "price"}
        answers = [
            await shop.ask("POST", url, by=seller, body=body, key=f"{match}-{len(query)}") for _ in range(2)
        ]
        assert [200, 200] == [answer.status_code for answer in answers]
        assert answers[0].json()["warnings"] == answers[1].json()["warnings"]
        told.append([each["code"] for each in answers[0].json()["warnings"]])
    assert [[], ["firm_orders_only"], ["firm_orders_only"]] == told
    until = (scene.clock.now + RELIABILITY_WINDOW).isoformat().replace("+00:00", "Z")
    seen = {}
    for firm, roles in ((seller, ()), (sister, ()), (buyer, ()), (sister, ("operator",))):
        asker: dict[str, Any] = {"roles": roles} if roles else {}
        items = (await shop.ask("GET", path, by=firm, **asker)).json()["items"]
        seen[firm.organisation, *roles] = [
            (item["name"], item["failings"], item["group_failings"], item["firm_only_until"])
            for item in items
        ]
    declined = [("seller-0", 2, 2, until)]
    assert {
        (seller.organisation,): declined,
        (sister.organisation,): [("sister", 0, 2, until)],
        (buyer.organisation,): [("buyer-0", 0, 0, None)],
        (sister.organisation, "operator"): declined,
    } == seen
    standing = await shop.ask("GET", f"/v1/supply-offers/offer_{offer.hex}/candidates", by=seller)
    assert ("resting", 0, []) == tuple(standing.json()[name] for name in ("standing", "eligible", "reasons"))


async def test_a_rounds_totals_are_the_overseers_its_hashes_everybodys(shop: Shop) -> None:
    await struck(shop)
    path = f"/v1/markets/{shop.market}/clearings"
    [seen] = (await shop.ask("GET", path, by=shop.scene.sellers[1])).json()["items"]
    [whole] = (await shop.ask("GET", path, by=shop.scene.sellers[1], roles=("auditor",))).json()["items"]
    assert None is seen["totals"]
    assert (1, "262500.00", "262500.00") == tuple(
        whole["totals"][name] for name in ("matches", "buyers_pay_eur", "sellers_receive_eur")
    )
    *_, section = whole["totals"]["sections"]
    assert section["welfare_without_sustainability_eur"] == section["bound_without_sustainability_eur"]
    assert Decimal(section["bound_eur"]) >= Decimal(section["welfare_eur"]) > 0
    assert seen["matches_sha256"] == whole["matches_sha256"]
    assert re.fullmatch("[0-9a-f]{64}", seen["matches_sha256"])


async def test_candidates_tell_ones_own_side_only(shop: Shop) -> None:
    scene = shop.scene
    seller, buyer = scene.sellers[0], scene.buyers[0]
    offer = await scene.offer(seller)
    requirement = await scene.require(buyer)
    seen = await shop.ask("GET", f"/v1/requirements/req_{requirement.hex}/candidates", by=buyer)
    assert 200 == seen.status_code, seen.text
    assert (None, [], "withheld", "untaken") == (
        seen.json()["eligible"],
        seen.json()["verdicts"],
        seen.json()["standing"],
        seen.json()["withheld"]["code"],
    )
    assert offer.hex not in seen.text
    audited = await shop.ask(
        "GET", f"/v1/requirements/req_{requirement.hex}/candidates", by=seller, roles=("auditor",)
    )
    assert [f"offer_{offer.hex}"] == [verdict["counter_order"] for verdict in audited.json()["verdicts"]]
    foreign = await shop.ask("GET", f"/v1/requirements/req_{requirement.hex}/candidates", by=seller)
    assert 404 == foreign.status_code
    for path, owner in (
        (f"/v1/supply-offers/offer_{offer.hex}", seller),
        (f"/v1/requirements/req_{requirement.hex}", buyer),
    ):
        assert 200 == (await shop.ask("DELETE", path, by=owner, version='"v1"')).status_code
        for roles in (("trader",), ("auditor",)):
            left = await shop.ask("GET", f"{path}/candidates", by=owner, roles=roles)
            assert 200 == left.status_code, left.text
            assert ("closed", "0.000", 0, [], []) == tuple(
                left.json()[name] for name in ("standing", "open_kg", "eligible", "reasons", "verdicts")
            )
