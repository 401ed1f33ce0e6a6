"""Bad input gets a clear problem document, all of it at once, and nothing is stored."""

import gzip
import json
from typing import Any

import pytest

from events.vocabulary import Place
from market.http.wire.ids import to_text
from market.http.wire.media_types import check_media_type
from market.http.wire.row_files import XLSX
from tests.http.shop import Shop

TERM = {
    "start_year": 2028,
    "profile_percent": ["100"],
    "index": "NdPr",
    "quotation_period": "month_before_shipment",
    "floor_eur_per_kg": "-999999999",
}


async def refused(shop: Shop, body: Any, path: str = "/v1/supply-offers", **given: Any) -> Any:
    """The problem that a seller gets; row counts are the same before and after."""
    seller = shop.scene.sellers[0]
    await shop.token(seller)
    before = await shop.rows()
    answer = await shop.ask("POST", path, by=seller, body=body, **given)
    assert before == await shop.rows()
    assert "application/problem+json" == answer.headers["content-type"], answer.text
    problem = answer.json()
    assert answer.status_code == problem["status"]
    assert f"urn:lodestone:problem:{problem['code']}" == problem["type"]
    assert problem["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"
    return problem


def found(problem: Any) -> dict[str, str]:
    return {
        error.get("pointer") or error.get("header") or error["parameter"]: error["code"]
        for error in problem["errors"]
    }


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"net_wet_t": "NaN"}, {"/net_wet_t": "not_finite"}),
        ({"net_wet_t": "Infinity"}, {"/net_wet_t": "not_finite"}),
        ({"net_wet_t": "25.0000001"}, {"/net_wet_t": "over_precise"}),
        ({"net_wet_t": "1E+400"}, {"/net_wet_t": "not_decimal"}),
        ({"net_wet_t": 25}, {"/net_wet_t": "wrong_type"}),
        ({"net_wet_t": 10**400}, {"/net_wet_t": "wrong_type"}),
        ({"net_wet_t": "0"}, {"/net_wet_t": "not_positive"}),
        ({"payment_terms": "a\u0000b"}, {"/payment_terms": "control_character"}),
        ({"payment_terms": "a\u001fb"}, {"/payment_terms": "control_character"}),
        ({"payment_terms": "ab\n"}, {"/payment_terms": "control_character"}),
        ({"place": {"country": "DE", "name": " \u00a0 "}}, {"/place/name": "malformed"}),
        ({"place": {"country": "DE", "name": "Hanau\u202e"}}, {"/place/name": "malformed"}),
        ({"surprise": 1}, {"/surprise": "unknown_field"}),
        ({"valid_until": "2026-03-30T00:00:00"}, {"/valid_until": "naive_time"}),
        ({"ask": {"amount": "69.00", "per": "oxide"}}, {"/ask/currency": "missing"}),
        ({"ask": {"amount": "69.00", "currency": "USD"}}, {"/ask/per": "missing"}),
        (
            {"term": {**TERM, "start_year": 10**30}},
            {"/term/start_year": "out_of_range", "/term/floor_eur_per_kg": "out_of_range"},
        ),
    ],
)
async def test_a_malformed_offer_is_answered_400(shop: Shop, change: Any, expected: dict[str, str]) -> None:
    problem = await refused(shop, shop.offer_body(shop.scene.sellers[0], **change))
    assert (400, expected) == (problem["status"], found(problem))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"ask": {"amount": "-1.00", "currency": "EUR", "per": "oxide"}}, {"/ask/amount": "ask_negative"}),
        ({"ask": {"amount": "69.00", "currency": "CHF", "per": "oxide"}}, {"/ask/currency": "fx_missing"}),
        (
            {"ask": {"amount": "999999999", "currency": "EUR", "per": "oxide"}},
            {"/ask/amount": "amount_out_of_range"},
        ),
        ({"valid_until": "2020-01-01T00:00:00Z"}, {"/valid_until": "validity_past"}),
        ({"minimum_quantity_wet_t": "10.001"}, {"/minimum_quantity_wet_t": "minimum_quantity_too_large"}),
        (
            {"minimum_quantity_wet_t": "5", "all_or_nothing": True},
            {"/minimum_quantity_wet_t": "minimum_quantity_unexpected"},
        ),
    ],
)
async def test_a_well_formed_offer_that_the_market_refuses_is_answered_422(
    shop: Shop, change: Any, expected: dict[str, str]
) -> None:
    problem = await refused(shop, shop.offer_body(shop.scene.sellers[0], **change))
    assert 422 == problem["status"], problem
    assert expected.items() <= found(problem).items(), problem


async def test_an_empty_window_is_answered_422_alone_and_400_beside_malformed_members(shop: Shop) -> None:
    empty = {"start": "2026-04-01T00:00:00Z", "end": "2026-04-01T00:00:00Z"}
    tranches = {"tranches": [{"window": empty, "net_wet_t": "10.000"}]}
    alone = await refused(shop, shop.offer_body(shop.scene.sellers[0], **tranches))
    beside = await refused(shop, shop.offer_body(shop.scene.sellers[0], **tranches, colour="red"))
    assert (422, "inconsistent") == (alone["status"], alone["code"])
    assert (400, "invalid_request") == (beside["status"], beside["code"])
    assert {"/tranches/0/window": "invalid", "/colour": "unknown_field"} == found(beside)


@pytest.mark.parametrize(
    "far", ["9999-12-31T23:59:59.999999Z", "3000-01-01T00:00:00Z", "1899-12-31T00:00:00Z"]
)
async def test_a_time_in_a_far_year_is_answered_422(shop: Shop, far: str) -> None:
    problem = await refused(shop, shop.offer_body(shop.scene.sellers[0], valid_until=far))
    assert (422, "inconsistent") == (problem["status"], problem["code"])
    assert {"/valid_until": "invalid"} == found(problem)
    assert "years 1900 to 2999" in problem["errors"][0]["detail"]


async def test_unknown_analytes_are_named(shop: Shop) -> None:
    body = shop.offer_body(shop.scene.sellers[0])
    body["composition"]["cells"].append(
        {"analyte": "Xx", "state": "value", "fraction": {"unit": "ppm", "amount": "5"}}
    )
    problem = await refused(shop, body)
    assert (422, "analyte_unknown") == (problem["status"], problem["code"])
    assert {"/composition/cells/4/analyte": "analyte_unknown"} == found(problem)


async def test_an_reo_split_outside_95_to_105_percent_is_refused(shop: Shop) -> None:
    body = shop.offer_body(shop.scene.sellers[0])
    body["composition"] = {
        "basis": "dry",
        "of": "treo",
        "treo_percent": "99",
        "cells": [
            {
                "analyte": "Nd",
                "reported_as": "Nd2O3",
                "state": "value",
                "fraction": {"unit": "percent", "amount": "70"},
            },
            {
                "analyte": "Pr",
                "reported_as": "Pr6O11",
                "state": "value",
                "fraction": {"unit": "percent", "amount": "24.9"},
            },
        ],
    }
    problem = await refused(shop, body)
    assert (422, "reo_split_out_of_range") == (problem["status"], problem["code"])


async def test_figures_of_oxides_that_are_no_elements_are_named_with_what_they_come_to(shop: Shop) -> None:
    """77.4 % of Nd2O3 are 66.36 % of Nd; without `reported_as` an oxide would hold more than its metals."""
    cells = [
        {"analyte": analyte, "state": "value", "fraction": {"unit": "percent", "amount": amount}}
        for analyte, amount in (("Nd", "77.4"), ("Pr", "22.1"))
    ]
    composition = {"basis": "dry", "of": "sample", "cells": cells}
    body = shop.offer_body(shop.scene.sellers[0], form="separated_oxide", composition=composition)
    problem = await refused(shop, body)
    assert (422, "elements_over_oxide") == (problem["status"], problem["code"])
    assert {"/composition/cells": "elements_over_oxide"} == found(problem)
    assert (
        "Converted to oxides, the figures add up to 116.135 % of separated oxide, over 105 %. If they are "
        "oxides already, state reported_as Nd2O3, Pr6O11: then they are Nd 66.362 %, Pr 18.292 %."
    ) == problem["errors"][0]["detail"]
    for each, oxide in zip(cells, ("Nd2O3", "Pr6O11"), strict=True):
        each["reported_as"] = oxide
    posted = await shop.ask("POST", "/v1/supply-offers", by=shop.scene.sellers[0], body=body)
    assert 201 == posted.status_code, posted.text


async def test_several_refusals_come_together(shop: Shop) -> None:
    problem = await refused(
        shop,
        shop.offer_body(
            shop.scene.sellers[0],
            valid_until="2020-01-01T00:00:00Z",
            minimum_parcel_wet_t="11.000",
            facility="fac_" + "0" * 32,
        ),
    )
    assert {"validity_past", "minimum_parcel_too_large", "facility_not_owned"} <= set(found(problem).values())


async def test_faults_of_form_and_of_content_come_together(shop: Shop) -> None:
    empty = {"start": "2026-04-01T00:00:00Z", "end": "2026-04-01T00:00:00Z"}
    body = shop.offer_body(
        shop.scene.sellers[0],
        ask={"amount": "-1.00", "currency": "EUR", "per": "oxide"},
        tranches=[{"window": empty, "net_wet_t": "10.000"}],
        net_wet_t="ten",
        valid_until="2020-01-01T00:00:00Z",
        colour="red",
    )
    body["composition"]["cells"].append(
        {"analyte": "Xx", "state": "value", "fraction": {"unit": "ppm", "amount": "5"}, "shade": None}
    )
    problem = await refused(shop, body)
    assert (400, "invalid_request") == (problem["status"], problem["code"])
    assert {
        "/tranches/0/window": "invalid",
        "/net_wet_t": "not_decimal",
        "/colour": "unknown_field",
        "/composition/cells/4/shade": "unknown_field",
        "/composition/cells/4/analyte": "analyte_unknown",
        "/ask/amount": "ask_negative",
        "/valid_until": "validity_past",
    } == found(problem)
    assert "7 things are wrong with the request; nothing was stored." == problem["detail"]


async def test_a_country_that_is_none_is_refused_wherever_it_is_posted(shop: Shop) -> None:
    """With all else that is wrong."""
    offered = shop.offer_body(shop.scene.sellers[0], place={"country": "UK", "name": "Tees"})
    problem = await refused(shop, offered)
    assert (422, "country_unknown") == (problem["status"], problem["code"])
    offered["origin"] = [{"stage": "extraction", "country": "ZZ"}]
    problem = await refused(shop, offered)
    assert (422, "inconsistent") == (problem["status"], problem["code"])
    problem = await refused(shop, {**offered, "valid_until": "2020-01-01T00:00:00Z"})
    assert {
        "/place/country": "country_unknown",
        "/origin/0/country": "country_unknown",
        "/valid_until": "validity_past",
    } == found(problem)
    needed = shop.requirement_body(
        shop.scene.sellers[0], carriage=[{"country": "EL", "per": "basis", "eur_per_kg": "0.00"}]
    )
    problem = await refused(shop, needed, "/v1/requirements")
    told = [(fault["pointer"], fault["detail"]) for fault in problem["errors"]]
    assert [("/carriage/0/country", "EL is not a country code of ISO 3166-1: write GR.")] == told


async def test_an_order_with_a_country_that_is_none_is_shown_and_amended_as_it_stands(shop: Shop) -> None:
    """As it was recorded before countries were checked; the place itself is checked when it is restated."""
    seller, place = shop.scene.sellers[0], {"country": "UK", "name": "Tees"}
    offer = await shop.scene.offer(seller, place=Place(**place))
    await shop.project()
    path = f"/v1/supply-offers/{to_text('offer', offer)}"
    read = await shop.ask("GET", path, by=seller)
    assert (200, place) == (read.status_code, read.json()["place"]), read.text
    ask = {"amount": "59.00", "currency": "EUR", "per": "element"}
    amended = await shop.ask("PATCH", path, by=seller, body={"ask": ask}, version=read.headers["etag"])
    assert 200 == amended.status_code, amended.text
    read = await shop.ask("GET", path, by=seller)
    assert (ask, place) == (read.json()["ask"], read.json()["place"])
    restated = await shop.ask("PATCH", path, by=seller, body={"place": place}, version=read.headers["etag"])
    assert (422, "country_unknown") == (restated.status_code, restated.json()["code"])
    assert {"/place/country": "country_unknown"} == found(restated.json())


async def test_a_missing_key_hides_nothing_of_the_body(shop: Shop) -> None:
    buyer = shop.scene.buyers[0]
    body = shop.requirement_body(buyer, limit={"amount": "-1.00", "currency": "EUR", "per": "element"})
    answer = await shop.client.post(
        "/v1/requirements",
        content=json.dumps(body),
        headers={"Authorization": f"Bearer {await shop.token(buyer)}", "Content-Type": "application/json"},
    )
    assert 400 == answer.status_code
    assert {
        "Idempotency-Key": "idempotency_key_missing",
        "/limit/amount": "limit_negative",
    } == found(answer.json())


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"market": "mkt_1", "valid_until": "2020-01-01T00:00:00Z"}, {"/market": "malformed_id"}),
        (
            {"market": "mkt_" + "0" * 32, "colour": "red"},
            {"/colour": "unknown_field", "/market": "market_unknown"},
        ),
        (
            {"physical_lot": {"site": "fac_1", "lot_number": "L-1"}, "rex_routes": []},
            {"/physical_lot/site": "malformed_id", "/rex_routes": "rex_route_missing"},
        ),
    ],
)
async def test_what_rests_on_an_unread_member_is_left_out(
    shop: Shop, change: Any, expected: dict[str, str]
) -> None:
    body = shop.lot_body(shop.scene.sellers[0], **change)
    problem = await refused(shop, body, "/v1/recovered-lots")
    assert expected == {error.get("pointer", ""): error["code"] for error in problem["errors"]}


async def test_body_query_and_header_faults_come_together(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    before = await shop.rows()
    answer = await shop.client.post(
        "/v1/supply-offers?validate=1",
        content=json.dumps(shop.offer_body(seller, net_wet_t="-1")),
        headers={
            "Authorization": f"Bearer {await shop.token(seller)}",
            "Content-Type": "application/json",
        },
    )
    problem = answer.json()
    assert (400, "invalid_request") == (answer.status_code, problem["code"])
    assert {
        "validate": "unknown_parameter",
        "Idempotency-Key": "idempotency_key_missing",
        "/net_wet_t": "negative",
    } == found(problem)
    assert {**before, "record.journal": before["record.journal"] + 1, "api_key": 1} == await shop.rows()


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"Content-Type": "application/x-www-form-urlencoded"}, "Send the body as application/json."),
        (
            {"Content-Type": "application/json; charset=latin1"},
            "Send the body in UTF-8, not in the charset 'latin1'.",
        ),
        (
            {"Content-Type": 'application/json; Charset="UTF-16"'},
            "Send the body in UTF-8, not in the charset 'utf-16'.",
        ),
        (
            {"Content-Type": "application/merge-patch+json"},
            (
                "Send the body as application/json. A member that is given is replaced whole, as an array "
                "is: members within it that are left out are gone, where a merge patch would keep them."
            ),
        ),
        (
            {"Content-Type": "application/json; charset*" + "9" * 5_000 + "=x"},
            "Send a Content-Type of at most 200 characters, such as application/json.",
        ),
        ({"Content-Encoding": "gzip"}, "Send the body as it is, without the Content-Encoding 'gzip'."),
    ],
)
async def test_another_content_type_is_refused(shop: Shop, headers: dict[str, str], told: str) -> None:
    problem = await refused(shop, gzip.compress(b"{}"), headers=headers)
    assert (415, "unsupported_media_type", told) == (problem["status"], problem["code"], problem["detail"])


@pytest.mark.parametrize(
    "content_type",
    [
        f"{XLSX}; charset=binary",
        "text/csv; charset=ascii",
        "text/csv; charset=",
        "text/csv; charset*=utf-8''UTF-8",
    ],
)
def test_a_charset_counts_for_text_alone_and_however_it_is_written(content_type: str) -> None:
    check_media_type(content_type, None, (XLSX, "text/csv"))


async def test_an_oversize_body_is_refused(shop: Shop) -> None:
    problem = await refused(shop, b"[" + b" " * 300_000 + b"]")
    assert (413, "body_too_large") == (problem["status"], problem["code"])


async def test_an_unknown_market_is_404(shop: Shop) -> None:
    problem = await refused(shop, shop.offer_body(shop.scene.sellers[0], market="mkt_" + "0" * 32))
    assert (404, "market_unknown") == (problem["status"], problem["code"])


@pytest.mark.parametrize(
    ("path", "code", "told"),
    [
        ("/v1/nothing", "unknown_path", "GET /schema/openapi.json lists"),
        ("/v1/supply-offers/", "unknown_path", "GET /schema/openapi.json lists"),
        ("/v1//supply-offers", "unknown_path", "GET /schema/openapi.json lists"),
        ("//v1/supply-offers", "unknown_path", "GET /schema/openapi.json lists"),
        ("/v1/agreements//deliveries", "unknown_path", "GET /schema/openapi.json lists"),
        ("/v1/supply-offers/offer_1", "not_found", "'offer_1' is not an id: write offer_ and 32"),
        ("/v1/supply-offers/lot_" + "0" * 32, "not_found", "is not an id: write offer_ and 32"),
        ("/v1/supply-offers/offer_" + "0" * 32, "not_found", "no such resource, or it is not yours to see"),
    ],
)
async def test_what_is_not_there_is_a_problem_too(shop: Shop, path: str, code: str, told: str) -> None:
    answer = await shop.ask("GET", path, by=shop.scene.sellers[0])
    assert (404, "application/problem+json") == (answer.status_code, answer.headers["content-type"])
    problem = answer.json()
    assert code == problem["code"]
    assert told in problem["detail"]


async def test_two_credentials_are_none(shop: Shop) -> None:
    """A proxy may look at the last, and the API at the first."""
    token = await shop.token(shop.scene.sellers[0])
    twice = [("Authorization", f"Bearer {token}"), ("Authorization", "Bearer lds_live_other")]
    answer = await shop.client.get("/v1/supply-offers", headers=twice)
    assert (400, "invalid_request") == (answer.status_code, answer.json()["code"])


async def test_a_method_that_a_resource_does_not_take_is_405(shop: Shop) -> None:
    answer = await shop.ask("PUT", "/v1/supply-offers", by=shop.scene.sellers[0], body={})
    assert (405, "method_not_allowed") == (answer.status_code, answer.json()["code"])
    assert "GET, HEAD, OPTIONS, POST" == answer.headers["allow"]
