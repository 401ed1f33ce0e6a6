"""A facility's twin through the door: what is stated, refused, counted, shown in four shapes, and to whom."""

import csv
from io import StringIO
from typing import Any

import pytest

from market.commands import inputs
from market.http.parties.facilities import EXAMPLE
from market.http.wire.ids import to_text
from tests.http.shop import Shop
from tests.market_drafts import Firm, rule_set

RAMP = [{"year": 2026, "quarter": 3, "share_percent": "25"}]
PILOT = {"form": "separated_oxide", "nameplate_t_per_year": "4000", "ramp": RAMP}


async def stated(shop: Shop, seller: Firm, **changes: Any) -> Any:
    path = f"/v1/organisations/{to_text('org', seller.organisation)}/facilities"
    path = f"{path}/{to_text('fac', seller.facility)}"
    version = (await shop.ask("GET", path, by=seller)).headers["ETag"]
    return await shop.ask("PATCH", path, by=seller, roles=("admin",), body=changes, version=version)


def twin_of(firm: Firm) -> str:
    return f"/v1/facilities/{to_text('fac', firm.facility)}/twin"


async def count_in(shop: Shop, rule: Any) -> None:
    await inputs.publish_rule_set(
        shop.scene.desk,
        shop.scene.operator,
        market=shop.scene.market,
        rule_set=rule_set(version=2, capacity=rule),
        signed_by=(shop.scene.operator.organisation,),
    )


@pytest.mark.parametrize(
    ("changes", "status", "code", "pointer"),
    [
        (
            {"status": "pilot", "capacities": [{**PILOT, "ramp": []}]},
            422,
            "ramp_missing",
            "/capacities/0/ramp",
        ),
        ({"capacities": [PILOT, PILOT]}, 422, "duplicate_entry", "/capacities/1"),
        ({"capacities": [{**PILOT, "element": "Xx"}]}, 422, "element_unknown", "/capacities/0/element"),
        (
            {"capacities": [{**PILOT, "ramp": RAMP * 2}]},
            422,
            "ramp_not_ascending",
            "/capacities/0/ramp/1",
        ),
        (
            {"capacities": [{**PILOT, "ramp": [{**RAMP[0], "quarter": 5}]}]},
            400,
            "out_of_range",
            "/capacities/0/ramp/0/quarter",
        ),
        ({"status": "dreamt"}, 400, "not_allowed", "/status"),
    ],
)
async def test_what_cannot_be_a_capacity_is_refused(
    shop: Shop, seller: Firm, changes: dict[str, Any], status: int, code: str, pointer: str
) -> None:
    await shop.token(seller, "admin")
    before = await shop.rows()
    answer = await stated(shop, seller, **changes)
    found = [(fault["code"], fault.get("pointer")) for fault in answer.json()["errors"]]
    assert (status, [(code, pointer)]) == (answer.status_code, found), answer.text
    assert before["record.journal"] + 1 == (await shop.rows())["record.journal"]  # the key for reading it


async def test_what_a_facility_cannot_make_is_refused_with_the_figures(shop: Shop, seller: Firm) -> None:
    """Of the example's 10 t most are for the third quarter, and 12 t are made in it: two do not fit."""
    body = shop.offer_body(seller)
    form = body["form"]
    capacity = {"form": form, "nameplate_t_per_year": "48"}
    assert 200 == (await stated(shop, seller, status="operating", capacities=[capacity])).status_code
    await count_in(shop, "refuse")
    accepted = await shop.ask("POST", "/v1/supply-offers", by=seller, body=body)
    assert 201 == accepted.status_code, accepted.text
    before = await shop.rows()
    refused = await shop.ask("POST", "/v1/supply-offers", by=seller, body=body)
    assert 409 == refused.status_code, refused.text
    assert "capacity_exceeded" == refused.json()["code"]
    assert before == await shop.rows()
    shown = (await shop.ask("GET", accepted.headers["Location"], by=seller)).json()["capacity"]
    assert "refuse" == shown["rule"]
    assert {"12.000"} == {each["capacity_t"] for each in shown["quarters"]}
    assert {False} == {each["exceeded"] for each in shown["quarters"]}


async def test_a_market_that_flags_says_so_and_so_does_one_that_cannot_count(
    shop: Shop, seller: Firm
) -> None:
    await count_in(shop, "flag")
    body = shop.offer_body(seller)
    unchecked = await shop.ask("POST", "/v1/supply-offers", by=seller, body=body)
    assert "capacity_not_stated" in [each["code"] for each in unchecked.json()["warnings"]]
    await stated(shop, seller, capacities=[{"form": body["form"], "nameplate_t_per_year": "4"}])
    flagged = await shop.ask("POST", "/v1/supply-offers", by=seller, body=body)
    assert 201 == flagged.status_code, flagged.text
    assert "capacity_exceeded" in [each["code"] for each in flagged.json()["warnings"]]


async def test_a_twin_is_its_owners_alone(shop: Shop, seller: Firm) -> None:
    await stated(shop, seller, capacities=[PILOT])
    buyer = shop.scene.buyers[0]
    assert 401 == (await shop.ask("GET", twin_of(seller))).status_code
    assert 404 == (await shop.ask("GET", twin_of(seller), by=buyer)).status_code
    assert (
        404
        == (
            await shop.ask("GET", "/v1/facilities/fac_00000000000000000000000000/twin", by=seller)
        ).status_code
    )
    for roles in (("operator",), ("auditor",)):
        assert 200 == (await shop.ask("GET", twin_of(seller), by=buyer, roles=roles)).status_code
    assert 400 == (await shop.ask("GET", f"{twin_of(seller)}?quarters=81", by=seller)).status_code


async def test_a_twin_shows_capacity_ramp_committed_and_free_in_four_shapes(shop: Shop, seller: Firm) -> None:
    """What is offered of a form that no capacity was stated for stands at the end."""
    await stated(shop, seller, status="pilot", capacities=[PILOT])
    await shop.scene.offer(seller)
    path = f"{twin_of(seller)}?quarters=3"
    told = (await shop.ask("GET", path, by=seller)).json()
    assert ("pilot", ["separated_oxide", "metal"]) == (
        told["status"],
        [each["form"] for each in told["products"]],
    )
    pilot, metal = (each["quarters"] for each in told["products"])
    assert [("2026-Q1", "0.000"), ("2026-Q2", "0.000"), ("2026-Q3", "250.000")] == [
        (each["quarter"], each["capacity_t"]) for each in pilot
    ]
    assert ["250.000", "0.000", "250.000"] == [
        pilot[2][name] for name in ("capacity_t", "committed_t", "free_t")
    ]
    assert [("0.000", None), ("3.26087", None), ("6.73913", None)] == [
        (each["committed_t"], each["free_t"]) for each in metal
    ]
    rows = list(csv.DictReader(StringIO((await shop.ask("GET", f"{path}&format=csv", by=seller)).text)))
    assert 6 == len(rows)
    assert "6.73913" == rows[-1]["offered_t"]
    for shape in ("svg", "html"):
        page = await shop.ask("GET", f"{path}&format={shape}", by=seller)
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert "2026-Q3" in page.text
        assert shape == "svg" or "counted where its terms name the facility" in page.text


async def test_the_example_of_the_documentation_is_accepted(shop: Shop, seller: Firm) -> None:
    path = f"/v1/organisations/{to_text('org', seller.organisation)}/facilities"
    answer = await shop.ask("POST", path, by=seller, roles=("admin",), body=EXAMPLE)
    assert 201 == answer.status_code, answer.text
    read = (await shop.ask("GET", answer.headers["Location"], by=seller)).json()
    assert ("operating", "92", "Dy") == (
        read["status"],
        read["capacities"][0]["yield_percent"],
        read["capacities"][1]["element"],
    )
