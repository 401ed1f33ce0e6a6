"""Product twins through the door: what is refused, versions, scores by the day, and what rests on one."""

from typing import Any

from market.http.materials.product_twins import EXAMPLE
from market.http.materials.returns import EXAMPLE as RETURNS
from market.http.wire.ids import to_text
from tests.http.shop import Shop
from tests.http.test_forecast_supply import OFFERS, ahead
from tests.http.test_passports import issued, labelled
from tests.http.test_rex import LOTS, core_body, publish
from tests.market_drafts import Firm

PATH = "/v1/product-twins"
NOBODY = "twin_" + "0" * 32
PRODUCT: dict[str, Any] = {
    name: value for name, value in RETURNS.items() if name not in ("application", "magnets")
}


async def stated(shop: Shop, seller: Firm, **changes: Any) -> str:
    answer = await shop.ask("POST", PATH, by=seller, body=EXAMPLE | changes)
    assert 201 == answer.status_code, answer.text
    found: str = answer.json()["id"]
    return found


async def test_what_cannot_be_a_twin_is_refused_and_nothing_is_stored(shop: Shop, seller: Firm) -> None:
    passport = await issued(shop, seller, **labelled(seller))
    bare = await issued(shop, seller, lot_number="BARE")
    before = await shop.rows()
    magnet = EXAMPLE["magnets"][0]
    bad: list[tuple[dict[str, Any], int, str, str]] = [
        ({"steps": []}, 400, "too_short", "/steps"),
        (
            {"steps": [EXAMPLE["steps"][0] | {"tool_class": "magic"}]},
            400,
            "not_allowed",
            "/steps/0/tool_class",
        ),
        ({"life": EXAMPLE["life"] | {"years": "30"}}, 422, "invalid", "/life"),
        (
            {"magnets": [magnet | {"elements": [magnet["elements"][0] | {"element": "Xx"}]}]},
            422,
            "element_unknown",
            "/magnets/0/elements/0/element",
        ),
        ({"passport": "pass_" + "0" * 32}, 404, "passport_unknown", "/passport"),
        ({"passport": bare}, 422, "record_missing", "/passport"),
        ({"passport": passport}, 422, "bill_not_of_record", "/magnets"),
    ]
    texts: list[str] = []
    for changes, status, code, pointer in bad:
        answer = await shop.ask("POST", PATH, by=seller, body=EXAMPLE | changes)
        texts.append(answer.text)
        found = [(each["code"], each["pointer"]) for each in answer.json()["errors"]]
        assert (status, [(code, pointer)]) == (answer.status_code, found), answer.text
    assert "8 x 25 g = 200 g, but the passport's record of magnets 8 x 45 g = 360 g" in texts[-1]
    assert before == await shop.rows()
    of_record = await stated(shop, seller, passport=passport, magnets=[magnet | {"mass_g": "45.000"}])
    assert passport == (await shop.ask("GET", f"{PATH}/{of_record}", by=seller)).json()["passport"]
    stranger = await shop.ask("POST", PATH, by=shop.scene.buyers[0], body=EXAMPLE | {"passport": passport})
    assert 404 == stranger.status_code


async def test_versions_follow_and_a_score_is_of_a_day(shop: Shop, seller: Firm) -> None:
    rehearsed = await shop.ask("POST", f"{PATH}?validate_only=true", by=seller, body=EXAMPLE)
    assert (200, None) == (rehearsed.status_code, rehearsed.json()["id"])
    twin = await stated(shop, seller)
    place = f"{PATH}/{twin}"
    first = await shop.ask("GET", place, by=seller)
    told = first.json()
    assert EXAMPLE == {name: told[name] for name in EXAMPLE}
    assert ("200.000", "8.5", 1) == (told["magnets_g"], told["minutes"], told["version"])
    assert {
        "rules_as_of": "2026-03-02",
        "depth": 5,
        "fixing": 1,
        "tools": 2,
        "score": "3.09",
    } == told["disassembly"]
    early = (await shop.ask("GET", f"{place}?on=2024-01-01", by=seller)).json()["disassembly"]
    assert ("2024-01-01", None) == (early["rules_as_of"], early["score"])
    body = EXAMPLE | {"name": "traction motor M5"}
    further: dict[str, Any] = {"by": seller, "body": body, "version": first.headers["ETag"]}
    second = await shop.ask("POST", f"{place}/versions", **further)
    assert (201, 2) == (second.status_code, second.json()["version"]), second.text
    assert 412 == (await shop.ask("POST", f"{place}/versions", **further)).status_code
    for version, name in (("1", EXAMPLE["name"]), ("2", body["name"])):
        answer = await shop.ask("GET", f"{place}/versions/{version}", by=seller)
        assert name == answer.json()["name"]
    for missing in (f"{place}/versions/3", f"{place}/versions/x", f"{PATH}/{NOBODY}"):
        assert 404 == (await shop.ask("GET", missing, by=seller)).status_code
    (listed,) = (await shop.ask("GET", PATH, by=seller)).json()["items"]
    assert (2, body["name"]) == (listed["version"], listed["name"])


async def test_a_twin_is_its_keepers_alone(shop: Shop, seller: Firm) -> None:
    buyer = shop.scene.buyers[0]
    twin = await stated(shop, seller)
    place = f"{PATH}/{twin}"
    for path in (place, f"{place}/versions/1"):
        assert 404 == (await shop.ask("GET", path, by=buyer)).status_code
        assert 200 == (await shop.ask("GET", path, by=buyer, roles=("auditor",))).status_code
    assert [] == (await shop.ask("GET", PATH, by=buyer)).json()["items"]
    revised = await shop.ask("POST", f"{place}/versions", by=buyer, body=EXAMPLE, version='"v1"')
    assert 404 == revised.status_code
    named = PRODUCT | {"twin": {"id": twin, "version": 1}}
    refused = await shop.ask("POST", "/v1/forecasts/returns", by=buyer, body=named)
    assert (422, "/twin") == (refused.status_code, refused.json()["errors"][0]["pointer"])


async def test_a_forecast_names_the_twin_that_it_rests_on(shop: Shop, seller: Firm) -> None:
    """By itself it takes life and magnets from it; of an order it has to state the same."""
    twin = await stated(shop, seller)
    reference = {"id": twin, "version": 1}
    resting = await shop.ask("POST", "/v1/forecasts/returns", by=seller, body=PRODUCT | {"twin": reference})
    assert 200 == resting.status_code, resting.text
    assert (reference, ["12", "16", "20"]) == (resting.json()["twin"], resting.json()["life_years"])
    magnets = [
        {name: magnet[name] for name in ("pieces", "mass_g", "elements")} for magnet in EXAMPLE["magnets"]
    ]
    spelled_out = PRODUCT | {"life": EXAMPLE["life"], "magnets": magnets}
    same = await shop.ask("POST", "/v1/forecasts/returns", by=seller, body=spelled_out)
    assert resting.json()["quarters"] == same.json()["quarters"]

    usual = ahead(180_000_000)
    returns = usual["returns"] | {"twin": reference, "magnets": magnets}
    offer = shop.offer_body(seller, forecast=usual | {"returns": returns})
    posted = await shop.ask("POST", OFFERS, by=seller, body=offer)
    assert 201 == posted.status_code, posted.text
    read = (await shop.ask("GET", posted.headers["Location"], by=seller)).json()
    assert reference == read["forecast"]["returns"]["twin"]
    returns["life"] = EXAMPLE["life"] | {"shape": "3"}
    departing = await shop.ask("POST", OFFERS, by=seller, body=offer)
    assert (422, "forecast_not_of_twin") == (departing.status_code, departing.json()["errors"][0]["code"])


async def test_a_lot_of_cores_is_held_against_the_twin_of_its_product(shop: Shop, seller: Firm) -> None:
    await publish(shop, f"/v1/markets/{shop.market}", version=2)
    twin = await stated(shop, seller)
    body = core_body(shop)
    core = body["core"] | {"twin": {"id": twin, "version": 1}}
    posted = await shop.ask("POST", LOTS, by=seller, body=body | {"core": core})
    assert 201 == posted.status_code, posted.text
    assert core == (await shop.ask("GET", posted.headers["Location"], by=seller)).json()["core"]
    heavy = core | {"magnets": [core["magnets"][0] | {"pieces": 9}]}
    refused = await shop.ask(
        "POST",
        LOTS,
        by=seller,
        body=core_body(
            shop, core=heavy, physical_lot={"site": to_text("fac", seller.facility), "lot_number": "HEAVY"}
        ),
    )
    assert 422 == refused.status_code
    assert "One core has 225 g of magnets, more than its product was made with: 200 g." in refused.text


async def test_what_no_magnet_and_no_reference_data_hold_is_told(shop: Shop, seller: Firm) -> None:
    ferrite = EXAMPLE["magnets"][0] | {"grade": "Y30"}
    body = EXAMPLE | {"magnets": [ferrite], "application": "nonsense-thing"}
    for path in (PATH, f"{PATH}?validate_only=true"):
        answer = (await shop.ask("POST", path, by=seller, body=body)).json()
        assert [
            ("rare_earths_of_ferrite", "/magnets/0/elements"),
            ("application_unknown", "/application"),
        ] == [(each["code"], each["pointer"]) for each in answer["warnings"]]
        assert "they have consumer-electronics, hdd, " in answer["warnings"][1]["detail"]
    heavy = RETURNS["magnets"][0] | {
        "elements": [{"element": "Nd", "low": "30", "middle": "40", "high": "50"}]
    }
    told = await shop.ask("POST", "/v1/forecasts/returns", by=seller, body=RETURNS | {"magnets": [heavy]})
    assert [("rare_earths_above_magnet", "/magnets/0/elements")] == [
        (each["code"], each["pointer"]) for each in told.json()["warnings"]
    ]
    above = heavy | {
        "elements": [*heavy["elements"], {"element": "Pr", "low": "50", "middle": "61", "high": "70"}]
    }
    refused = await shop.ask("POST", "/v1/forecasts/returns", by=seller, body=RETURNS | {"magnets": [above]})
    assert (422, "shares_above_magnet") == (refused.status_code, refused.json()["errors"][0]["code"])
