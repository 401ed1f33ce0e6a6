"""Cores, steps down the waste hierarchy, waste permits and whole magnets through the door."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from events.market_events import MatchConfirmed
from events.vocabulary import KeyRole
from market.http.agreements.deliveries import INSPECTION
from market.http.orders import rex_terms
from market.http.parties import papers
from market.http.rounds import markets, rule_sets
from market.http.wire.ids import to_text, to_uuid
from tests.agreement_support import of_match
from tests.http.shop import Asker, Shop

OPERATOR: tuple[KeyRole, ...] = ("operator",)
LOTS = "/v1/recovered-lots"
COMPOSITION = {
    "basis": "dry",
    "of": "sample",
    "cells": [
        {"analyte": "Nd", "state": "value", "fraction": {"unit": "percent", "amount": "1.5"}},
        {"analyte": "Pr", "state": "value", "fraction": {"unit": "percent", "amount": "0.5"}},
        {"analyte": "Fe", "state": "value", "fraction": {"unit": "percent", "amount": "90"}},
    ],
}


async def publish(shop: Shop, place: str, **changes: Any) -> None:
    """A rule set with the ceilings that the door sets where none are stated."""
    rules = rule_sets.EXAMPLE | {"effective_from": "2026-03-02T09:00:00Z"} | changes
    by: Asker = {"by": shop.scene.sellers[1], "roles": OPERATOR}
    published = await shop.ask("POST", f"{place}/rule-sets", body=rules, **by)
    assert 201 == published.status_code, published.text


def core_body(shop: Shop, **changes: Any) -> dict[str, Any]:
    """25 t of dry rotors that carry 500 kg of NdPr, in 2 t of magnets."""
    usual = {
        "form": "core",
        "moisture_percent": "0",
        "composition": COMPOSITION,
        "condition": "B",
        "core": rex_terms.CORE,
        "step_down": rex_terms.STEP_DOWN,
    }
    return shop.lot_body(shop.scene.sellers[0], **(usual | changes))


def errors(answer: Any) -> dict[str, str]:
    return {error["pointer"]: error["code"] for error in answer.json()["errors"]}


@pytest.mark.parametrize(
    ("changes", "status", "expected"),
    [
        (
            {
                "core": rex_terms.CORE | {"pieces": 200_000},
                "step_down": {"reason": "other"},
                "condition": "C",
                "rex_routes": ["reuse", "recycle"],
                "net_wet_t": "24.000",
            },
            422,
            {
                "/tranches": "tranches_not_sum",
                "/core/magnets": "bill_above_lot",
                "/rex_routes/0": "rex_route_above_condition",
                "/step_down/note": "step_down_note_missing",
            },
        ),
        (
            {
                "core": rex_terms.CORE | {"steps": [], "pieces": 0},
                "step_down": {"reason": "because"},
                "magnets": rex_terms.WHOLE_MAGNETS | {"flux_percent": "101", "shape": "cube"},
                "rex_routes": [],
            },
            400,
            {
                "/core/steps": "too_short",
                "/core/pieces": "out_of_range",
                "/step_down/reason": "not_allowed",
                "/magnets/flux_percent": "out_of_range",
                "/magnets/shape": "not_allowed",
                "/rex_routes": "rex_route_missing",
            },
        ),
    ],
)
async def test_a_bad_bill_and_a_silent_step_down_are_told_at_once_and_store_nothing(
    shop: Shop, changes: Any, status: int, expected: dict[str, str]
) -> None:
    await publish(shop, f"/v1/markets/{shop.market}", version=2)
    await shop.token(shop.scene.sellers[0])
    before = await shop.rows()
    answer = await shop.ask("POST", LOTS, by=shop.scene.sellers[0], body=core_body(shop, **changes))
    assert (status, expected) == (answer.status_code, errors(answer)), answer.text
    assert before == await shop.rows()


async def test_a_lot_of_cores_says_what_it_holds_and_why_it_goes_lower(shop: Shop) -> None:
    await publish(shop, f"/v1/markets/{shop.market}", version=2)
    seller = shop.scene.sellers[0]
    silent = await shop.ask("POST", LOTS, by=seller, body=core_body(shop, step_down=None))
    assert (422, {"/step_down": "step_down_reason_missing"}) == (silent.status_code, errors(silent))
    posted = await shop.ask("POST", LOTS, by=seller, body=core_body(shop))
    assert 201 == posted.status_code, posted.text
    place = posted.headers["location"]
    read = (await shop.ask("GET", place, by=seller)).json()
    assert (rex_terms.CORE | {"twin": None}, rex_terms.STEP_DOWN) == (read["core"], read["step_down"])
    assert {"recoverable_magnets_kg": "2000.000", "minutes_per_core": "8.5"} == read["core_figures"]
    audited = await shop.ask("GET", place, by=shop.scene.sellers[1], roles=("auditor",))
    assert rex_terms.STEP_DOWN == audited.json()["step_down"]
    await shop.project()
    sealed = await shop.ask("GET", place, by=shop.scene.sellers[1], roles=OPERATOR)
    assert (True, False) == (sealed.json()["sealed"], "step_down" in sealed.text)
    assert 404 == (await shop.ask("GET", place, by=shop.scene.buyers[0])).status_code
    taken = {"step_down": None}
    refused = await shop.ask("PATCH", place, by=seller, body=taken, version='"v1"')
    assert {"/step_down": "step_down_reason_missing"} == errors(refused)
    grade: dict[str, Any] = {"condition": "D", "inspector": "assay house north"}
    graded = await shop.ask("POST", f"{place}/grade", by=seller, body=grade, version='"v1"')
    assert 200 == graded.status_code, graded.text
    amended = await shop.ask("PATCH", place, by=seller, body=taken, version='"v2"')
    assert 200 == amended.status_code, amended.text
    better = grade | {"condition": "A"}
    refused = await shop.ask("POST", f"{place}/grade", by=seller, body=better, version='"v3"')
    assert {"/step_down": "step_down_reason_missing"} == errors(refused)
    better |= {"step_down": {"reason": "no_demand"}}
    graded = await shop.ask("POST", f"{place}/grade", by=seller, body=better, version='"v3"')
    assert 200 == graded.status_code, graded.text
    read = (await shop.ask("GET", place, by=seller)).json()
    assert ("A", {"reason": "no_demand", "note": None}) == (read["condition"], read["step_down"])
    await assert_closed_routes_are_told(shop)


async def assert_closed_routes_are_told(shop: Shop) -> None:
    """Nobody reuses what nobody has graded, or what an inspector finds worse: taken, and said."""
    seller = shop.scene.sellers[0]
    body = core_body(shop, rex_routes=["reuse", "recycle"], step_down=None, condition=None)
    body["physical_lot"] = body["physical_lot"] | {"lot_number": "UNGRADED-1"}
    posted = await shop.ask("POST", LOTS, by=seller, body=body)
    assert 201 == posted.status_code, posted.text
    grade = {"condition": "B", "inspector": "assay house north"}
    path = f"{posted.headers['location']}/grade"
    graded = await shop.ask("POST", path, by=seller, body=grade, version='"v1"')
    best = await shop.ask("POST", path, by=seller, body=grade | {"condition": "A"}, version='"v2"')
    assert [
        ["No buyer can get this lot for reuse: nobody has graded the lot yet."],
        ["No buyer can get this lot for reuse: B allows refurbish at best."],
        [],
    ] == [
        [each["detail"] for each in answer.json()["warnings"] if each["code"] == "rex_route_closed"]
        for answer in (posted, graded, best)
    ]


async def test_who_holds_no_permit_for_waste_is_told_so_in_a_sentence(shop: Shop) -> None:
    seller, buyer = shop.scene.sellers[0], shop.scene.buyers[0]
    assert "waste" == shop.lot_body(seller)["waste_status"]
    found = {}
    for lot, status in enumerate(("waste", "by_product", "end_of_waste", "product")):
        body = shop.lot_body(seller, waste_status=status)
        body["physical_lot"]["lot_number"] = f"L-{lot}"
        posted = await shop.ask("POST", LOTS, by=seller, body=body)
        assert 201 == posted.status_code, posted.text
        found[status] = posted.headers["location"]
    wanted = shop.requirement_body(buyer, limits=[], penalties=[], carriage=[])
    wanted["carriage"] = [{"country": "DE", "per": "basis", "eur_per_kg": "0.00"}]
    posted = await shop.ask("POST", "/v1/requirements", by=buyer, body=wanted)
    assert 201 == posted.status_code, posted.text
    texts = {}
    await shop.scene.conclude(await shop.scene.plan())
    await shop.project()
    for status, place in found.items():
        answer = (await shop.ask("GET", f"{place}/explanation", by=seller)).json()
        texts[status] = [(reason["code"], reason["text"]) for reason in answer["reasons"]]
    sentence = "and the buyer's site has no permit for it to the end of delivery."
    assert {
        "waste": [("waste_licence_missing", f"The lot is waste (code 120103), {sentence}")],
        "by_product": [],
        "end_of_waste": [],
        "product": [],
    } == texts


async def test_whose_permit_is_for_another_route_is_refused_with_a_sentence(shop: Shop) -> None:
    seller, buyer = shop.scene.sellers[0], shop.scene.buyers[0]
    lot = await shop.ask("POST", LOTS, by=seller, body=shop.lot_body(seller))
    wanted = shop.requirement_body(buyer, limits=[], penalties=[], rex_route="recycle")
    wanted["carriage"] = [{"country": "DE", "per": "basis", "eur_per_kg": "0.00"}]
    need = await shop.ask("POST", "/v1/requirements", by=buyer, body=wanted)
    assert (201, 201) == (lot.status_code, need.status_code), need.text
    await shop.scene.conclude(await shop.scene.plan())
    permits = f"/v1/organisations/{to_text('org', buyer.organisation)}/licences"
    permit = papers.LICENCE_EXAMPLE | {
        "facility": to_text("fac", buyer.facility),
        "ewc_codes": ["12 01 03", "16 02 13*"],
    }
    sentence = (
        "The lot is waste, and no permit of the buyer's site allows the requirement's Re-X route (recycle)."
    )
    for routes, expected in (
        (["reuse", "refurbish"], [("waste_route_unlicensed", sentence)]),
        (["recycle"], []),
    ):
        stated = await shop.ask(
            "POST", permits, by=shop.scene.sellers[1], roles=OPERATOR, body=permit | {"routes": routes}
        )
        assert 201 == stated.status_code, stated.text
        await shop.scene.conclude(await shop.scene.plan())
        for place, by in ((lot.headers["location"], seller), (need.headers["location"], buyer)):
            answer = (await shop.ask("GET", f"{place}/candidates", by=by)).json()
            assert expected == [
                (reason["code"], reason["text"])
                for reason in answer["reasons"]
                if reason["code"].startswith("waste_")
            ]


async def reuse_market(shop: Shop) -> None:
    """Opened through the door, with the members of the scene; it becomes the market of the shop."""
    by: Asker = {"by": shop.scene.sellers[1], "roles": OPERATOR}
    terms = markets.EXAMPLE | {"name": "Whole magnets", "basis": "ndfeb-reuse", "sandbox": True}
    opened = await shop.ask("POST", "/v1/markets", body=terms, **by)
    assert 201 == opened.status_code, opened.text
    place = opened.headers["location"]
    await publish(shop, place)
    for firm in (*shop.scene.sellers, *shop.scene.buyers):
        member = {"organisation": to_text("org", firm.organisation)}
        admitted = await shop.ask("POST", f"{place}/members", body=member, **by)
        assert 201 == admitted.status_code, admitted.text
    shop.scene.market = to_uuid(opened.json()["id"])


def magnets_body(shop: Shop, number: str, **changes: Any) -> dict[str, Any]:
    """500 kg of blocks of 30 g, sold by the piece."""
    usual = {
        "form": "eol_magnet",
        "moisture_percent": "0",
        "net_wet_t": "0.498",
        "packaging": {"unit": "piece", "package_wet_kg": "0.030"},
        "minimum_parcel_wet_t": "0.003",
        "ask": {"amount": "38.00", "currency": "EUR", "per": "wet"},
        "waste_status": "end_of_waste",
        "rex_routes": ["reuse"],
        "condition": "A",
        "magnets": rex_terms.WHOLE_MAGNETS,
    }
    body = shop.lot_body(shop.scene.sellers[0], **(usual | changes))
    body["physical_lot"]["lot_number"] = number
    body["tranches"][0]["net_wet_t"] = body["net_wet_t"]
    return body


async def test_whole_magnets_are_traded_for_reuse(shop: Shop) -> None:
    await reuse_market(shop)
    seller, buyer = shop.scene.sellers[0], shop.scene.buyers[0]
    melted = magnets_body(shop, "M-0", rex_routes=["recycle"], step_down=rex_terms.STEP_DOWN)
    refused = await shop.ask("POST", LOTS, by=seller, body=melted)
    assert {"/rex_routes/0": "rex_route_not_of_market"} == errors(refused)
    fits = await shop.ask("POST", LOTS, by=seller, body=magnets_body(shop, "M-1"))
    assert 201 == fits.status_code, fits.text
    single = magnets_body(shop, "M-3", packaging={"unit": "piece", "package_wet_kg": "0.025", "pieces": 2})
    refused = await shop.ask("POST", LOTS, by=seller, body=single)
    assert 422 == refused.status_code, refused.text
    boxed = single | {"packaging": {"unit": "box", "package_wet_kg": "0.025", "pieces": 2}}
    dry = await shop.ask("POST", f"{LOTS}?validate_only=true", by=seller, body=boxed)
    assert 200 == dry.status_code, dry.text
    weak = rex_terms.WHOLE_MAGNETS | {"flux_percent": "80", "coating": "zinc", "grade": "n40h"}
    other = await shop.ask("POST", LOTS, by=seller, body=magnets_body(shop, "M-2", magnets=weak))
    assert 201 == other.status_code, other.text
    wanted = shop.requirement_body(
        buyer,
        forms=[{"form": "eol_magnet"}],
        basis_kg="300.000",
        minimum_parcel_kg="3.000",
        limit={"amount": "41.00", "currency": "EUR", "per": "wet"},
        limits=[],
        penalties=[],
        co_products=[],
        rex_route="reuse",
        magnets=rex_terms.MAGNET_NEED | {"grades": ["n42-m", "N42sh"], "or_better": True},
        carriage=[{"country": "DE", "per": "basis", "eur_per_kg": "0.50"}],
    )
    flat = wanted | {"magnets": rex_terms.MAGNET_NEED | {"dimensions": []}}
    assert {"/magnets/dimensions": "too_short"} == errors(
        await shop.ask("POST", "/v1/requirements", by=buyer, body=flat)
    )
    alloy = wanted | {"magnets": rex_terms.MAGNET_NEED | {"grades": ["SmCo26"], "or_better": True}}
    assert {"/magnets/grades/0": "grade_without_order"} == errors(
        await shop.ask("POST", "/v1/requirements", by=buyer, body=alloy)
    )
    posted = await shop.ask("POST", "/v1/requirements", by=buyer, body=wanted)
    assert 201 == posted.status_code, posted.text
    read = (await shop.ask("GET", posted.headers["location"], by=buyer)).json()
    assert rex_terms.MAGNET_NEED | {"grades": ["N42M", "N42SH"], "or_better": True} == read["magnets"]
    await shop.scene.conclude(await shop.scene.plan())
    await shop.project()
    told = await shop.ask("GET", f"{other.headers['location']}/explanation", by=seller)
    against = told.json()["reasons"]
    assert [
        ("magnet_coating_not_accepted", "zinc"),
        ("magnet_energy_below_min", "40 MGOe"),
        ("magnet_flux_below_min", "80 %"),
    ] == [(reason["code"], reason["own_figure"]) for reason in against]
    assert "The energy product (BH)max of the magnets is below what the buyer needs." == against[1]["text"]
    (match,) = (await shop.ask("GET", "/v1/matches", by=buyer)).json()["items"]
    assert ("300.000", "10000") == (match["quantity_basis_kg"], match["packages"])
    path = f"/v1/matches/{match['id']}"
    assert None is (await shop.ask("GET", path, by=buyer)).json()["goods"]
    ticket = (await shop.ask("GET", path, by=buyer)).json()["explanation"]["ticket"]
    lines = {each["label"]: each["text"] for each in ticket}
    assert "10,000" == lines["pieces"]
    piece = Decimal(match["amount_eur"]) / 10_000
    assert f"{piece:.6f} EUR" == lines["price per piece"]
    assert "A" == (await shop.ask("GET", path, by=seller)).json()["goods"]["condition"]
    for firm in (seller, buyer):
        confirmed = await shop.ask("POST", f"{path}/confirm", by=firm)
        assert 200 == confirmed.status_code, confirmed.text
    monitor = "/v1/crma/shares"
    counted = (await shop.ask("GET", monitor, by=buyer)).json()
    assert ([], []) == (counted["elements"], counted["cover"])
    assert [("reuse", "300.000", "64.500")] == [
        (each["route"], each["goods_kg"], each["elements"][0]["mass_kg"]) for each in counted["reused"]
    ]
    rows = (await shop.ask("GET", f"{monitor}?format=csv", by=buyer)).text.splitlines()
    assert rows[1].startswith("Nd,,,")
    assert ",reuse,64.500," in rows[1]
    await shop.project()
    goods = (await shop.ask("GET", path, by=buyer)).json()["goods"]
    assert (rex_terms.WHOLE_MAGNETS, ["reuse"], None) == (
        goods["magnets"],
        goods["rex_routes"],
        goods["step_down"],
    )
    confirmed_facts = [
        each for each in await shop.scene.events("market") if isinstance(each.data, MatchConfirmed)
    ]
    await rejected_for_reuse(shop, to_text("agr", await of_match(shop.scene, confirmed_facts[-1])))


async def test_goods_that_go_lower_are_listed_for_their_sides_and_operators(shop: Shop) -> None:
    await reuse_market(shop)
    seller, buyer = shop.scene.sellers[0], shop.scene.buyers[0]
    both = magnets_body(shop, "M-1", rex_routes=["reuse", "repurpose"])
    assert 201 == (await shop.ask("POST", LOTS, by=seller, body=both)).status_code
    wanted = shop.requirement_body(
        buyer,
        forms=[{"form": "eol_magnet"}],
        basis_kg="300.000",
        minimum_parcel_kg="3.000",
        limit={"amount": "41.00", "currency": "EUR", "per": "wet"},
        limits=[],
        penalties=[],
        co_products=[],
        rex_route="repurpose",
        magnets=rex_terms.MAGNET_NEED | {"grades": ["N42SH"], "or_better": True},
        carriage=[{"country": "DE", "per": "basis", "eur_per_kg": "0.50"}],
    )
    assert 201 == (await shop.ask("POST", "/v1/requirements", by=buyer, body=wanted)).status_code
    await shop.scene.conclude(await shop.scene.plan())
    await shop.project()
    (match,) = (await shop.ask("GET", "/v1/matches", by=buyer)).json()["items"]
    lower, routes = "/v1/rex-steps-down", f"/v1/markets/{shop.market}/rex-routes?since=2026-01-01"
    assert [] == (await shop.ask("GET", lower, by=seller)).json()["items"]
    for firm in (seller, buyer):
        confirmed = await shop.ask("POST", f"/v1/matches/{match['id']}/confirm", by=firm)
        assert 200 == confirmed.status_code, confirmed.text
    (listed,) = (await shop.ask("GET", lower, by=seller)).json()["items"]
    assert (match["id"], "A", "reuse", "repurpose", "300.000", 10_000, None) == (
        listed["match"],
        listed["condition"],
        listed["allowed_route"],
        listed["rex_route"],
        listed["goods_kg"],
        listed["pieces"],
        listed["reason"],
    )
    operator: Asker = {"by": shop.scene.sellers[1], "roles": OPERATOR}
    for asker in ({"by": buyer}, operator):
        assert [listed] == (await shop.ask("GET", lower, **asker)).json()["items"]
    for outside in (shop.scene.sellers[1], shop.scene.buyers[1]):
        assert [] == (await shop.ask("GET", lower, by=outside)).json()["items"]
    (summed,) = (await shop.ask("GET", routes, **operator)).json()["routes"]
    assert {
        "rex_route": "repurpose",
        "matches": 1,
        "goods_kg": "300.000",
        "pieces": 10_000,
        "stepped_down_matches": 1,
        "stepped_down_kg": "300.000",
    } == summed
    early = await shop.ask("GET", routes, by=seller)
    assert (422, "not_finished") == (early.status_code, early.json()["errors"][0]["code"])
    shop.scene.clock.now = datetime(2026, 6, 1, tzinfo=UTC)
    assert [] == (await shop.ask("GET", routes, by=seller)).json()["bands"], "two sides are no crowd"
    odd = await shop.ask("GET", routes.replace("-01-01", "-01-02"), by=seller)
    assert (422, "not_first_of_quarter") == (odd.status_code, odd.json()["errors"][0]["code"])


async def rejected_for_reuse(shop: Shop, agreement: str) -> None:
    """Of 10,000 blocks that were agreed 4,000 come, and weak ones."""
    seller, buyer = shop.scene.sellers[0], shop.scene.buyers[0]
    path = f"/v1/agreements/{agreement}"
    agreed = (await shop.ask("GET", path, by=buyer)).json()["standing"]["terms"]["product"]["goods"]
    assert {
        "pieces": 10_000,
        "magnets": rex_terms.WHOLE_MAGNETS,
        "core": None,
        "condition": "A",
        "rex_routes": ["reuse"],
    } == agreed
    today = shop.scene.clock.now.date().isoformat()
    mass = {"net_wet_t": "0.300", "moisture_percent": "0"}
    iron = [{"analyte": "Fe", "fraction": {"unit": "percent", "amount": "66"}}]
    body = {"lot_number": "M-1", "form": "eol_magnet", "shipped_on": today, "stated": iron} | mass
    few = body | {"goods": {"pieces": 4_000, "grade": "n42sh", "flux_percent": "97.5"}}
    for sent, code in ((body, "goods_unstated"), (few, "goods_unlike_agreed")):
        told = await shop.ask("POST", f"{path}/deliveries?validate_only=true", by=seller, body=sent)
        assert code in [each["code"] for each in told.json()["warnings"]], told.text
    shipped = await shop.ask("POST", f"{path}/deliveries", by=seller, body=body)
    assert 201 == shipped.status_code, shipped.text
    place = shipped.headers["location"]
    weighed = await shop.ask("POST", f"{place}/weighing", by=buyer, body={"weighed_on": today} | mass)
    assert 201 == weighed.status_code, weighed.text
    nothing: dict[str, Any] | None
    for nothing in (None, {}):
        kept = await shop.ask("POST", f"{place}/rejection", by=buyer, body=nothing)
        assert "within_specification" in kept.text
    found = {"pieces": 4_000, "flux_percent": "81"}
    bare = await shop.ask("POST", f"{place}/rejection", by=buyer, body={"found": found})
    assert {"/evidence": "findings_unproven"} == errors(bare)
    proven = {"found": found, "evidence": [INSPECTION | {"dated_on": today}]}
    rejected = await shop.ask("POST", f"{place}/rejection", by=buyer, body=proven)
    assert 201 == rejected.status_code, rejected.text
    read = (await shop.ask("GET", place, by=seller)).json()
    assert [
        "pieces:4000, agreed 10000 of this mass within 10 %",
        "flux:81 %, agreed at least 97.5 %",
    ] == read["rejected"]
    assert (found, proven["evidence"], None) == (
        {name: value for name, value in read["found"].items() if value},
        read["found_evidence"],
        read["goods"],
    )
    assert ("seller", None) == (read["return_freight"], read["replaces"])
    unknown = body | {"replaces": f"del_{'0' * 32}", "lot_number": "M-1-2"}
    told = await shop.ask("POST", f"{path}/deliveries", by=seller, body=unknown)
    assert {"/replaces": "replaced_unknown"} == errors(told)
    part = await shop.ask("POST", f"{path}/deliveries", by=seller, body=body | {"lot_number": "M-1-2"})
    assert "replacement_unstated" in [each["code"] for each in part.json()["warnings"]], part.text
    again = await shop.ask("POST", f"{path}/deliveries?validate_only=true", by=seller, body=body)
    assert "quantity_of_match_passed" in again.text
