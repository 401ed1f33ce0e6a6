"""What a made lot went through before its last step is shown by its passport and lineage, and stays there."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from events.market_terms import AcceptedForm
from events.vocabulary import OriginStep, PhysicalLot
from market.commands import inputs
from market.http.materials.passport_examples import TRANSFORMATION
from market.http.wire.ids import to_text, to_uuid
from tests.http.shop import Shop
from tests.http.test_deliveries import FIGURES as RESULTS
from tests.http.test_deliveries import TERMS, effective, lot, on, warnings
from tests.http.test_passports import PATH, WORK, body, issued, work
from tests.market_drafts import Firm, rule_set

PROCESSED = [{"stage": "processing", "country": "CN", "share_percent": "100", "source": "a smelter"}]
UNTOLD = [{"stage": "processing", "share_percent": "100", "untold": True}]


async def made_of(shop: Shop, seller: Firm, passport: str) -> str:
    answer = await shop.ask("POST", WORK, by=seller, body=work(seller, passport))
    assert 201 == answer.status_code, answer.text
    found: str = answer.json()["outputs"][0]
    return found


async def content_of(shop: Shop, seller: Firm, passport: str) -> dict[str, Any]:
    found: dict[str, Any] = (await shop.ask("GET", f"{PATH}/{passport}", by=seller)).json()
    return found


def processing(content: dict[str, Any]) -> list[tuple[str, list[tuple[str, str]], bool]]:
    return [
        (part["share_percent"], [(each["form"], each["country"]) for each in part["steps"]], part["untold"])
        for part in content["paths"]
        if part["stage"] == "processing"
    ]


async def test_a_made_lot_keeps_where_it_was_processed_before(shop: Shop, seller: Firm) -> None:
    origin = [*body(seller)["origin"], *PROCESSED]
    passport = await issued(shop, seller, origin=origin)
    assert [] == (await content_of(shop, seller, passport))["content"]["paths"]
    oxide = await made_of(shop, seller, passport)
    read = await content_of(shop, seller, oxide)
    form = TRANSFORMATION["outputs"][0]["form"]
    expected = [("100", [("swarf", "CN"), (form, "FR")], False)]
    assert expected == processing(read["content"])
    assert ["FR"] == [each["country"] for each in read["content"]["origin"] if each["stage"] == "processing"]
    lineage = f"{PATH}/{oxide}/lineage"
    assert expected == processing((await shop.ask("GET", lineage, by=seller)).json())
    page = (await shop.ask("GET", f"{lineage}?format=html", by=seller)).text
    assert "swarf in CN, separated oxide in FR" in page
    assert (
        "step by step"
        not in (await shop.ask("GET", f"{PATH}/{passport}/lineage?format=html", by=seller)).text
    )


async def test_what_a_transformation_made_of_paths_is_not_corrected_away(shop: Shop, seller: Firm) -> None:
    oxide = await made_of(
        shop, seller, await issued(shop, seller, origin=[*body(seller)["origin"], *PROCESSED])
    )
    read = await content_of(shop, seller, oxide)
    stood = processing(read["content"])

    async def corrected(**changes: Any) -> Any:
        sent = {
            "corrects": read["stated_by"],
            "reason": "weighed again",
            "content": {**read["content"], **changes},
        }
        path = f"{PATH}/{oxide}/corrections"
        return await shop.ask("POST", path, by=seller, body=sent, version='"v1"')

    paths = [{"stage": "processing", "share_percent": "100", "steps": [{"country": "FR", "form": "metal"}]}]
    before = await shop.rows()
    refused = await corrected(paths=paths)
    assert [("correction_of_balance", "/content/paths")] == [
        (each["code"], each["pointer"]) for each in refused.json()["errors"]
    ], refused.text
    assert before == await shop.rows()
    done = await corrected(paths=[], assurance="limited")
    assert 201 == done.status_code, done.text
    now = await content_of(shop, seller, oxide)
    assert ("limited", stood) == (now["content"]["assurance"], processing(now["content"]))


async def test_an_issuer_states_the_steps_that_it_knows(shop: Shop, seller: Firm) -> None:
    named = [{"country": "EE", "form": "separated_oxide"}, {"country": "CN", "form": "metal"}]
    told: list[dict[str, Any]] = [
        {"stage": "processing", "share_percent": "62.5", "steps": named},
        {"stage": "processing", "share_percent": "37.5", "steps": named[1:], "untold": True},
    ]
    origin = [*body(seller)["origin"], *PROCESSED]
    for paths, refusal in (
        ([told[0]], (422, "paths_not_whole")),
        ([{**told[0], "share_percent": "62.50005"}, told[1]], (400, "over_precise")),
        (UNTOLD, (422, "paths_lack_origin")),
        ([told[0], told[1], told[1]], (422, "paths_not_whole")),
    ):
        wrong = await shop.ask("POST", PATH, by=seller, body=body(seller, origin=origin, paths=paths))
        assert refusal == (wrong.status_code, wrong.json()["errors"][0]["code"]), wrong.text
    passport = await issued(shop, seller, origin=origin, paths=told)
    expected = [
        ("62.5", [("separated_oxide", "EE"), ("metal", "CN")], False),
        ("37.5", [("metal", "CN")], True),
    ]
    assert expected == processing((await content_of(shop, seller, passport))["content"])
    oxide = await made_of(shop, seller, passport)
    form = TRANSFORMATION["outputs"][0]["form"]
    assert [(share, [*steps, (form, "FR")], untold) for share, steps, untold in expected] == processing(
        (await content_of(shop, seller, oxide))["content"]
    )


FIGURES = {"basis": "dry", "of": "sample", "cells": [
    {"state": "value", "analyte": analyte, "fraction": {"unit": "percent", "amount": amount}}
    for analyte, amount in (("Nd", "28"), ("Pr", "7"), ("Dy", "1"), ("Th", "0"))
]}  # fmt: skip


async def alloy_of(
    shop: Shop, seller: Firm, form: str = "strip_cast_alloy", figures: dict[str, Any] = FIGURES
) -> UUID:
    """10 t of AL-1, made in FR of metal that was reduced in CN from what was mined in AU."""
    named = {"lot_number": "M-1", "form": "metal", "net_wet_t": "10", "moisture_percent": "0"}
    same: dict[str, Any] = {"composition": figures, "recycled": [], "assay": None}
    origin = [*body(seller)["origin"], *PROCESSED]
    metal = await issued(shop, seller, **named, **same, origin=origin)
    output = {"lot_number": "AL-1", "form": form, "net_wet_t": "10", "composition": figures}
    sent = work(seller, metal, outputs=[output], losses=[], tolerance_ppm=0)
    made = await shop.ask("POST", WORK, by=seller, body=sent)
    assert 201 == made.status_code, made.text
    return to_uuid(made.json()["outputs"][0])


async def offered(shop: Shop, seller: Firm, alloy: UUID) -> str:
    physical = PhysicalLot(site=seller.facility, lot_number="AL-1", passport=alloy)
    origin = (OriginStep(stage="extraction", country="AU"), OriginStep(stage="processing", country="FR"))
    order = await shop.scene.lot(
        seller, "AL-1", form="strip_cast_alloy", origin=origin, physical_lot=physical
    )
    return f"/v1/recovered-lots/{to_text('lot', order)}"


@pytest.mark.parametrize("in_full", [False, True])
async def test_alloy_of_the_union_is_refused_for_the_metal_that_went_in(shop: Shop, in_full: bool) -> None:
    """By rules of before it trades; the monitor counts the step before in either case."""
    scene, rules = shop.scene, rule_set(version=2, origins_in_full=in_full, demands_agreed=True)
    await inputs.publish_rule_set(
        scene.desk,
        scene.operator,
        market=scene.market,
        rule_set=rules,
        signed_by=(scene.operator.organisation,),
    )
    seller, choosy, other = scene.sellers[0], scene.buyers[0], scene.buyers[1]
    place = await offered(shop, seller, await alloy_of(shop, seller))
    told = (await shop.ask("GET", place, by=seller)).json()["steps"]
    assert [("extraction", "AU", "metal"), ("processing", "CN", "metal")] == [
        (each["stage"], each["country"], each["form"]) for each in told[:2]
    ]
    forms = (AcceptedForm(form="strip_cast_alloy"),)
    order = await scene.require(choosy, forms=forms, origins_excluded=("CN",))
    await scene.conclude(await scene.plan())
    asked = f"/v1/requirements/{to_text('req', order)}/candidates"
    seen = (await shop.ask("GET", asked, by=choosy)).json()
    assert ("none_eligible" if in_full else "closed") == seen["standing"]
    if in_full:
        [reason] = seen["reasons"]
        assert ("origin_step_excluded", "processing of metal in CN") == (reason["code"], reason["subject"])
        [told] = (await shop.ask("GET", f"{place}/candidates", by=seller)).json()["reasons"]
        assert ("origin_step_excluded", "100 %") == (told["code"], told["own_figure"])
        await scene.require(other, forms=forms)
        await scene.conclude(await scene.plan())
    buyer = other if in_full else choosy
    consumed = (await shop.ask("GET", "/v1/crma/shares", by=buyer)).json()["elements"][0]
    [processing] = [each for each in consumed["stages"] if each["stage"] == "processing"]
    assert (["CN", "FR"], "0", "not_met") == (
        [each["country"] for each in processing["countries"]],
        processing["union_percent"],
        processing["ceiling"],
    )
    assert ("CN", "100") == tuple(processing["largest_third_country"].values())


async def test_who_sells_a_lot_is_told_of_the_steps_that_count(shop: Shop, seller: Firm) -> None:
    scene = shop.scene
    await inputs.publish_rule_set(
        scene.desk,
        scene.operator,
        market=scene.market,
        rule_set=rule_set(version=2, origins_in_full=True),
        signed_by=(scene.operator.organisation,),
    )
    alloy = await alloy_of(shop, seller)
    physical = {
        "site": to_text("fac", seller.facility),
        "lot_number": "AL-1",
        "passport": to_text("pass", alloy),
    }
    places = [{"stage": "extraction", "country": "AU"}, {"stage": "processing", "country": "FR"}]
    sent = shop.lot_body(
        seller,
        form="strip_cast_alloy",
        net_wet_t="10",
        moisture_percent="0",
        composition=FIGURES,
        physical_lot=physical | {"passport": to_text("pass", alloy)},
        origin=places,
        footprint=None,
        recycled=None,
    )
    sent["tranches"] = [{**sent["tranches"][0], "net_wet_t": "10"}]
    posted = await shop.ask("POST", "/v1/recovered-lots?validate_only=true", by=seller, body=sent)
    assert 200 == posted.status_code, posted.text
    [told] = [each for each in posted.json()["warnings"] if each["code"] == "origin_step_before"]
    assert "processing of metal in CN (100 %)" in told["detail"]


async def test_both_sides_of_a_contract_are_told_of_the_steps_that_it_excludes(shop: Shop) -> None:
    """A reason to reject only where they agreed on origins in full."""
    on(shop, date(2027, 1, 1))
    product = TERMS["product"] | {"demands": {"origins_excluded": ["CN"], "origins_in_full": False}}
    path, seller, buyer = await effective(shop, TERMS | {"product": product})
    on(shop, date(2027, 3, 10))
    cells = [{**each, "state": "value"} for each in RESULTS]
    figures = {"basis": "dry", "of": "sample", "cells": cells}
    made = to_text("pass", await alloy_of(shop, seller, "separated_oxide", figures))
    places = [{"stage": "extraction", "country": "AU"}, {"stage": "processing", "country": "FR"}]
    body = lot(lot_number="AL-1", passport=made, origin=places)
    shipped = await shop.ask("POST", f"{path}/deliveries", by=seller, body=body)
    assert 201 == shipped.status_code, shipped.text
    assert ("origin_step_before", "/origin") in warnings(shipped)
    place = shipped.headers["location"]
    weighing = {"weighed_on": "2027-03-10", "net_wet_t": "10", "moisture_percent": "0"}
    weighed = await shop.ask("POST", f"{place}/weighing", by=buyer, body=weighing)
    [told] = [each for each in weighed.json()["warnings"] if each["code"] == "origin_step_before"]
    assert "processing of metal in CN, which is excluded, of 100 %" in told["detail"]
    steps = (await shop.ask("GET", place, by=buyer)).json()["claims"]["steps"]
    assert [("CN", "metal", "100"), ("FR", "separated_oxide", "100")] == [
        (each["country"], each["form"], each["share_percent"])
        for each in steps
        if each["stage"] == "processing"
    ]
