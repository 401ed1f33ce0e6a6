"""Orders through the door: post, read, amend, grade, withdraw, and the receipts they leave."""

import re
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from events.refusal import VersionStale
from market.http.files.order_changes import OfferVersion
from market.http.wire.ids import to_text
from market.http.wire.patching import patched
from market.store import initiatives
from market.store.markets import load_market
from tests.http.shop import Shop


async def test_an_offer_is_answered_in_the_markets_unit_with_its_receipt(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    posted = await shop.ask("POST", "/v1/supply-offers", by=seller, body=shop.offer_body(seller))
    assert 201 == posted.status_code, posted.text
    answer = posted.json()
    assert "8414.891" == answer["basis_kg"]
    assert "74.685206" == answer["ask_eur_per_basis_kg"]
    assert {"code": "FX:USD", "eur_per_unit": "0.92", "position": 2} == answer["exchange_rate"]
    [event] = [e for e in await shop.scene.events("market") if e.type == "market.supply-offer.offered.v1"]
    assert [
        {
            "event": f"evt_{event.id.hex}",
            "type": event.type,
            "stream": "market",
            "lane": event.lane,
            "position": event.position,
            "event_sha256": event.body_hash.hex(),
            "time": "2026-03-02T09:00:00Z",
        }
    ] == answer["receipts"]
    assert f"/v1/supply-offers/{answer['id']}" == posted.headers["location"]


async def test_an_unusual_split_is_accepted_with_a_warning(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    split = {
        "basis": "dry",
        "of": "treo",
        "treo_percent": "99",
        "cells": [
            {"state": "value", "analyte": "Nd", "reported_as": "Nd2O3", "fraction": percent("74")},
            {"state": "value", "analyte": "Pr", "reported_as": "Pr6O11", "fraction": percent("24")},
        ],
    }
    body = shop.offer_body(seller, composition=split)
    posted = await shop.ask("POST", "/v1/supply-offers", by=seller, body=body)
    assert 201 == posted.status_code, posted.text
    (warning,) = posted.json()["warnings"]
    assert ("reo_split_unusual", "/composition/cells") == (warning["code"], warning["pointer"])


async def test_only_product_in_bulk_can_do_without_the_mass_of_a_package(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    body = shop.offer_body(seller, packaging={"unit": "bulk"})
    posted = await shop.ask("POST", "/v1/supply-offers", by=seller, body=body)
    assert 201 == posted.status_code, posted.text
    read = (await shop.ask("GET", posted.headers["location"], by=seller)).json()
    load_t = Decimal(read["packaging"]["package_wet_kg"]) / 1_000
    assert ("bulk", Decimal(read["net_wet_t"])) == (read["packaging"]["unit"], load_t)
    gram: dict[str, Any] = {"net_wet_t": "0.000001", "minimum_parcel_wet_t": "0.000001"}
    gram["tranches"] = [{**body["tranches"][0], "net_wet_t": "0.000001"}]
    told = (
        await shop.ask("POST", "/v1/supply-offers?validate_only=true", by=seller, body=body | gram)
    ).json()
    assert ("0.000", "basis_below_gram", "/net_wet_t") == (
        told["basis_kg"],
        *(told["warnings"][0][name] for name in ("code", "pointer")),
    )
    body = shop.offer_body(seller, packaging={"unit": "big_bag"})
    refused = await shop.ask("POST", "/v1/supply-offers", by=seller, body=body)
    (fault,) = refused.json()["errors"]
    assert (422, "/packaging") == (refused.status_code, fault["pointer"])
    assert "the net mass of one big bag, is missing" in fault["detail"]


async def test_names_that_nothing_answers_to_are_told(shop: Shop) -> None:
    """Beside one that is registered and one that is admitted."""
    scene = shop.scene
    seller, buyer = scene.sellers[0], scene.buyers[0]
    shown = {"visible_to_initiatives": ["remhub", "remhubb"]}
    wanted = {
        "certificates_required": ["IRMA"],
        "organisations_excluded": [to_text("org", seller.organisation), to_text("org", UUID(int=7))],
    }
    told = []
    for by, place, body in (
        (seller, "/v1/supply-offers", shop.offer_body(seller) | shown),
        (buyer, "/v1/requirements", shop.requirement_body(buyer) | shown | wanted),
    ):
        posted = await shop.ask("POST", place, by=by, body=body)
        assert 201 == posted.status_code, posted.text
        told.append([(each["code"], each["pointer"]) for each in posted.json()["warnings"]])
    unknown = ("initiative_unknown", "/visible_to_initiatives/1")
    scheme = ("scheme_not_recognised", "/certificates_required/0")
    assert [[unknown], [unknown, scheme, ("excluded_not_member", "/organisations_excluded/1")]] == told


async def test_an_order_that_single_lots_pass_over_is_told(shop: Shop) -> None:
    seller, buyer = shop.scene.sellers[0], shop.scene.buyers[0]
    year = {"basis_kg": "900000.000", "minimum_parcel_kg": "1000.000"}
    large = shop.offer_body(seller) | {"net_wet_t": "400.000", "minimum_parcel_wet_t": "3.999"}
    large["tranches"] = [{**large["tranches"][0], "net_wet_t": "400.000"}]
    for by, place, body, member, least in (
        (buyer, "/v1/requirements", shop.requirement_body(buyer) | year, "/basis_kg", "9000.000 kg"),
        (seller, "/v1/supply-offers", large, "/net_wet_t", "4000.000 kg"),
    ):
        rehearsed = await shop.ask("POST", place + "?validate_only=true", by=by, body=body)
        assert 200 == rehearsed.status_code, rehearsed.text
        (told,) = rehearsed.json()["warnings"]
        assert ("small_fills_removed", member) == (told["code"], told["pointer"])
        assert f"less than {least} of this order, 1 % of what is left of it" in told["detail"]
    whole = await shop.ask(
        "POST", "/v1/supply-offers?validate_only=true", by=seller, body=large | {"all_or_nothing": True}
    )
    assert "small_fills_removed" not in {each["code"] for each in whole.json()["warnings"]}


async def test_a_price_far_from_the_markets_reference_is_told(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many ask, the reference is read once in some seconds, and the rule sets are."""
    seller, buyer, read = shop.scene.sellers[0], shop.scene.buyers[0], Calls(load_market)
    monkeypatch.setattr("market.store.recently_read.load_market", read)
    dear = {"limit": {"amount": "7100.00", "currency": "EUR", "per": "element"}}
    cheap = {"ask": {"amount": "0.66", "currency": "USD", "per": "oxide"}}
    body = shop.requirement_body(buyer)
    fine = await shop.ask("POST", "/v1/requirements", by=buyer, body=body)
    assert [] == fine.json()["warnings"]
    told = [
        await shop.ask("POST", "/v1/requirements", by=buyer, body=body | dear),
        await shop.ask(
            "POST", "/v1/supply-offers?validate_only=true", by=seller, body=shop.offer_body(seller) | cheap
        ),
        await shop.ask("PATCH", fine.headers["location"], by=buyer, body=dear, version=fine.headers["etag"]),
    ]
    assert [("price_far_from_reference", f"/{name}/amount") for name in ("limit", "ask", "limit")] == [
        (each["code"], each["pointer"]) for answer in told for each in answer.json()["warnings"]
    ]
    assert 2 == read.count


class Calls:
    """A coroutine function, and how often it was called."""

    def __init__(self, function: Callable[..., Awaitable[Any]]) -> None:
        self._function = function
        self.count = 0

    async def __call__(self, *arguments: Any) -> Any:
        self.count += 1
        return await self._function(*arguments)


async def test_an_accepted_order_stands_though_its_warnings_cannot_be_read(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_: Any) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(initiatives, "standing", gone)
    seller = shop.scene.sellers[0]
    body = shop.offer_body(seller) | {"visible_to_initiatives": ["remhub"]}
    posted = await shop.ask("POST", "/v1/supply-offers", by=seller, body=body)
    assert 201 == posted.status_code, posted.text
    assert ["warnings_unread"] == [each["code"] for each in posted.json()["warnings"]]
    assert 1 == len(posted.json()["receipts"])


def percent(amount: str) -> dict[str, str]:
    return {"unit": "percent", "amount": amount}


async def test_minima_and_portfolio_limits_are_read_back(shop: Shop) -> None:
    seller, buyer = shop.scene.sellers[0], shop.scene.buyers[0]
    for by, place, body, stated in (
        (seller, "/v1/supply-offers", shop.offer_body(seller), {"all_or_nothing": True}),
        (seller, "/v1/supply-offers", shop.offer_body(seller), {"minimum_quantity_wet_t": "2.500"}),
        (
            buyer,
            "/v1/requirements",
            shop.requirement_body(buyer),
            {
                "minimum_quantity_kg": "1500.000",
                "portfolio": {"recycled_min_percent": "25", "third_country_max_percent": "65"},
            },
        ),
    ):
        posted = await shop.ask("POST", place, by=by, body=body | stated)
        assert 201 == posted.status_code, posted.text
        read = (await shop.ask("GET", posted.headers["location"], by=by)).json()
        assert stated == {name: read[name] for name in stated}


async def test_what_was_posted_is_read_back_with_its_conversion(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    body = shop.offer_body(seller)
    posted = await shop.ask("POST", "/v1/supply-offers", by=seller, body=body)
    read = (await shop.ask("GET", posted.headers["location"], by=seller)).json()
    same = (
        "net_wet_t",
        "moisture_percent",
        "tranches",
        "ask",
        "place",
        "facility",
        "valid_until",
        "incoterm",
    )
    assert {name: body[name] for name in same} == {name: read[name] for name in same}
    assert ("open", 1, "8414.891", "0.000") == (
        read["status"],
        read["version"],
        read["available_kg"],
        read["held_kg"],
    )
    lines = [(line["label"], line["amount"], line["unit"]) for line in read["conversion"]]
    assert ("net dry mass", "9950.000", "kg") in lines
    assert ("as stated", "69.00", "USD per kg oxide") in lines
    assert ("per kg of basis", "74.685206", "EUR per kg") == lines[-1]
    treo = body["composition"] | {"treo_percent": "99.5"}
    of_reo = body | {"composition": treo, "ask": body["ask"] | {"per": "reo"}}
    unsaid = await shop.ask("POST", "/v1/supply-offers", by=seller, body=body | {"ask": of_reo["ask"]})
    assert (422, ["rare_earth_oxides_unstated"]) == (
        unsaid.status_code,
        [each["code"] for each in unsaid.json()["errors"]],
    )
    posted = await shop.ask("POST", "/v1/supply-offers", by=seller, body=of_reo)
    read = (await shop.ask("GET", posted.headers["location"], by=seller)).json()
    lines = [(line["label"], line["amount"], line["unit"]) for line in read["conversion"]]
    assert ("as stated", "69.00", "USD per kg reo") in lines
    (ratio,) = [amount for label, amount, _ in lines if label == "kg reo per kg of basis"]
    assert Decimal("0.995") * 9950 / Decimal("8414.891") == pytest.approx(Decimal(ratio), abs=Decimal("1e-6"))


async def test_swarf_of_the_textbook_carries_five_point_six_tonnes(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    body = shop.lot_body(seller)
    posted = await shop.ask("POST", "/v1/recovered-lots", by=seller, body=body)
    assert 201 == posted.status_code, posted.text
    assert "5600.000" == posted.json()["basis_kg"]
    assert ["market.recovered-lot.listed.v1", "materials.lot.reserved.v1"] == [
        receipt["type"] for receipt in posted.json()["receipts"]
    ]


async def test_the_same_lot_is_not_listed_twice(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    first = await shop.ask("POST", "/v1/recovered-lots", by=seller, body=shop.lot_body(seller))
    before = await shop.rows()
    second = await shop.ask("POST", "/v1/recovered-lots", by=seller, body=shop.lot_body(seller))
    assert (201, 409) == (first.status_code, second.status_code)
    assert "lot_already_reserved" == second.json()["code"]
    assert before == await shop.rows()


def test_what_was_read_is_not_patched_into_a_version_to_come() -> None:
    """Whoever guesses the next one would undo what makes it between the reading and the recording."""
    current, patch = OfferVersion(id="offer_x", version=1), OfferVersion(id="offer_y", version=1)
    for expected in (1, 2):
        assert "offer_y" == patched(current, patch, read=2, expected=expected).id
    with pytest.raises(VersionStale):
        patched(current, patch, read=2, expected=3)


@pytest.mark.parametrize("kind", ["offer", "lot", "requirement"])
async def test_an_order_is_amended_and_withdrawn_at_the_version_that_was_read(shop: Shop, kind: str) -> None:
    firm, path, body, change = case_of(shop, kind)
    posted = await shop.ask("POST", path, by=firm, body=body)
    assert 201 == posted.status_code, posted.text
    place, tag = posted.headers["location"], posted.headers["etag"]
    missing = await shop.ask("PATCH", place, by=firm, body=change)
    assert (428, "if_match_missing", "If-Match missing") == (
        missing.status_code,
        missing.json()["code"],
        missing.json()["title"],
    )
    amended = await shop.ask("PATCH", place, by=firm, body=change, version=tag)
    assert 200 == amended.status_code, amended.text
    stale = await shop.ask("PATCH", place, by=firm, body=change, version=tag)
    assert (412, "version_stale") == (stale.status_code, stale.json()["code"])
    wildcard = await shop.ask("DELETE", place, by=firm, version="*")
    assert (400, "invalid_request") == (wildcard.status_code, wildcard.json()["code"])
    for told, answer in (("as you read it", wildcard), ("the ETag you read", missing)):
        (like,) = re.findall(rf"{told}, like (?:If-Match: )?(\S+)", answer.json()["errors"][0]["detail"])
        assert re.sub("[0-9]+", "0", tag) == re.sub("[0-9]+", "0", like)
    read = await shop.ask("GET", place, by=firm)
    assert amended.headers["etag"] == read.headers["etag"]
    for name, value in change.items():
        assert value == read.json()[name]
    withdrawn = await shop.ask("DELETE", place, by=firm, version=read.headers["etag"])
    assert 200 == withdrawn.status_code, withdrawn.text
    assert "withdrawn" == (await shop.ask("GET", place, by=firm)).json()["status"]
    again = await shop.ask("DELETE", place, by=firm, version=withdrawn.headers["etag"])
    assert (409, "order_closed") == (again.status_code, again.json()["code"])


def case_of(shop: Shop, kind: str) -> tuple[Any, str, dict[str, Any], dict[str, Any]]:
    seller, buyer = shop.scene.sellers[0], shop.scene.buyers[0]
    return {
        "offer": (seller, "/v1/supply-offers", shop.offer_body(seller), {"payment_terms": "prepaid"}),
        "lot": (seller, "/v1/recovered-lots", shop.lot_body(seller), {"payment_terms": "prepaid"}),
        "requirement": (buyer, "/v1/requirements", shop.requirement_body(buyer), {"basis_kg": "4000.000"}),
    }[kind]


async def test_a_lot_is_graded_after_inspection(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    posted = await shop.ask("POST", "/v1/recovered-lots", by=seller, body=shop.lot_body(seller))
    place = posted.headers["location"]
    grade = {"condition": "B", "inspector": "assay house north"}
    graded = await shop.ask("POST", f"{place}/grade", by=seller, body=grade, version=posted.headers["etag"])
    assert 200 == graded.status_code, graded.text
    read = await shop.ask("GET", place, by=seller)
    assert ("B", 2) == (read.json()["condition"], read.json()["version"])


async def test_a_tag_that_still_holds_answers_304_until_a_hold_changes_what_is_shown(shop: Shop) -> None:
    scene = shop.scene
    seller, buyer = scene.sellers[0], scene.buyers[0]
    offer = await scene.offer(seller)
    place = f"/v1/supply-offers/offer_{offer.hex}"
    first = await shop.ask("GET", place, by=seller)
    tag = first.headers["etag"]
    same = await shop.ask("GET", place, by=seller, headers={"If-None-Match": f'"other", {tag}'})
    assert (304, b"", tag) == (same.status_code, same.content, same.headers["etag"])
    await scene.require(buyer, commitment="subject_to_confirmation")
    await scene.conclude(await scene.plan())
    later = await shop.ask("GET", place, by=seller, headers={"If-None-Match": tag})
    assert 200 == later.status_code
    assert (first.json()["version"], "2000.000") == (later.json()["version"], later.json()["held_kg"])


async def test_a_dry_run_answers_as_the_command_would_and_stores_nothing(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    await shop.token(seller)
    before = await shop.rows()
    path = "/v1/supply-offers?validate_only=true"
    fine = await shop.ask("POST", path, by=seller, body=shop.offer_body(seller))
    assert 200 == fine.status_code, fine.text
    answer = fine.json()
    assert (None, True, [], ["market.supply-offer.offered.v1"], "8414.891") == (
        answer["id"],
        answer["validated_only"],
        answer["receipts"],
        answer["would_record"],
        answer["basis_kg"],
    )
    refused = await shop.ask(
        "POST", path, by=seller, body=shop.offer_body(seller, valid_until="2020-01-01T00:00:00Z")
    )
    assert (422, "validity_past") == (refused.status_code, refused.json()["code"])
    assert before == await shop.rows()


async def test_a_withdrawal_waits_for_a_clearing_that_is_being_computed(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    offer = await shop.scene.offer(seller)
    await shop.scene.plan()
    place = f"/v1/supply-offers/offer_{offer.hex}"
    waits = await shop.ask("DELETE", place, by=seller, version='"v1"')
    assert (409, "clearing_in_progress", "1") == (
        waits.status_code,
        waits.json()["code"],
        waits.headers["retry-after"],
    )
