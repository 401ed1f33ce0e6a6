"""Declared volumes through the door: refusals, corrections, whose they are, and what the monitor tells."""

import asyncio
import csv
from decimal import Decimal
from io import StringIO
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from market.http.materials import crma
from market.http.materials.declared_volumes import EXAMPLE, PATH
from market.http.wire.ids import to_text
from market.http.wire.sheets import FILLS
from tests.http.shop import Shop
from tests.http.test_bad_input import found
from tests.http.test_crma import MAP, MINED_AND_REFINED, SHARES, get, issue_metal, traded
from tests.http.test_passports import issued
from tests.market_drafts import Firm

NOBODY = "vol_" + "0" * 32
MASSES = EXAMPLE["masses"]


async def declare(shop: Shop, by: Firm, **changes: Any) -> Any:
    answer = await shop.ask("POST", PATH, by=by, body=EXAMPLE | changes)
    assert 201 == answer.status_code, answer.text
    return answer


async def refused(shop: Shop, by: Firm, path: str, body: Any, **given: Any) -> Any:
    await shop.token(by)
    before = await shop.rows()
    answer = await shop.ask("POST", path, by=by, body=body, **given)
    assert before == await shop.rows()
    return answer


@pytest.mark.parametrize(
    ("changes", "status", "expected"),
    [
        (
            {
                "masses": [
                    {"element": "Nd", "contained_kg": "0"},
                    {"element": "Pr", "contained_kg": "-1"},
                    {"element": "Dy", "contained_kg": "100000000"},
                    {"element": "Tb", "contained_kg": "0.0000001"},
                ],
                "origin": [
                    {"stage": "smelting", "country": "FR", "share_percent": "1"},
                    {"stage": "processing", "country": "France", "share_percent": "101"},
                ],
                "quarter": "soon",
            },
            400,
            {
                "/masses/0/contained_kg": "not_positive",
                "/masses/1/contained_kg": "negative",
                "/masses/2/contained_kg": "out_of_range",
                "/masses/3/contained_kg": "over_precise",
                "/origin/0/stage": "not_allowed",
                "/origin/1/country": "wrong_length",
                "/origin/1/share_percent": "out_of_range",
                "/quarter": "malformed_time",
            },
        ),
        (
            {
                "quarter": "2026-05-01",
                "masses": [*MASSES, MASSES[0], {"element": "Xx", "contained_kg": "1"}],
                "counterparty_country": "XX",
                "origin": [
                    {"stage": "processing", "country": "FR", "share_percent": "60"},
                    {"stage": "processing", "share_percent": "41"},
                    {
                        "stage": "recycling",
                        "country": "QQ",
                        "share_percent": "5",
                        "pre_consumer_percent": "6",
                    },
                ],
                "document": EXAMPLE["document"] | {"dated_on": "2026-03-03"},
            },
            422,
            {
                "/quarter": "quarter_not_begun",
                "/masses/2": "duplicate_entry",
                "/masses/3/element": "element_not_monitored",
                "/counterparty_country": "country_unknown",
                "/origin": "origin_over_whole",
                "/origin/2/country": "country_unknown",
                "/origin/2/pre_consumer_percent": "pre_consumer_above_share",
                "/recycled_evidence": "recycled_without_evidence",
                "/document/dated_on": "document_in_future",
            },
        ),
    ],
)
async def test_bad_input_is_told_all_at_once_and_nothing_is_stored(
    shop: Shop, buyer: Firm, changes: dict[str, Any], status: int, expected: dict[str, str]
) -> None:
    answer = await refused(shop, buyer, PATH, EXAMPLE | changes)
    assert (status, expected) == (answer.status_code, found(answer.json())), answer.text


async def test_what_was_traded_or_declared_already_is_refused_with_its_figures(
    shop: Shop, buyer: Firm
) -> None:
    seller = shop.scene.sellers[0]
    metal = await issue_metal(shop, seller)
    passport = to_text("pass", metal)
    await traded(shop, seller, metal, origin=MINED_AND_REFINED[:1])
    for by, side, verb in ((buyer, "bought", "bought"), (seller, "sold", "sold")):
        for goods in ({"lot_number": "Lot-1"}, {"passport": passport}):
            clash = await refused(shop, by, PATH, EXAMPLE | goods | {"direction": side})
            assert (409, "volume_traded_here") == (clash.status_code, clash.json()["code"]), clash.text
            assert f"was {verb} here: Nd " in clash.text
    oneself = await refused(shop, buyer, PATH, EXAMPLE | {"counterparty": "BUYER 0"})
    assert (422, {"/counterparty": "volume_of_oneself"}) == (oneself.status_code, found(oneself.json()))
    (row,) = (await get(shop, f"{MAP}?format=csv", buyer)).text.splitlines()[1:2]
    assert row
    taken = (await get(shop, SHARES, buyer)).json()["elements"]
    matched = [
        {"element": each["element"], "contained_kg": f"{Decimal(each['traded_kg']):.3f}"}
        for each in taken
        if each["element"] in ("Nd", "Pr")
    ]
    again_elsewhere = {"counterparty": "Seller 0", "reference": f"match_{'5' * 32}", "masses": matched}
    for by, expected in (
        (buyer, [("counterparty_traded_here", "/counterparty"), ("reference_of_record", "/reference"),
                 ("masses_of_trade", "/masses")]),
        (shop.scene.buyers[1], [("reference_of_record", "/reference")]),
    ):  # fmt: skip
        dry = await shop.ask("POST", f"{PATH}?validate_only=true", by=by, body=EXAMPLE | again_elsewhere)
        assert expected == [(each["code"], each["pointer"]) for each in dry.json()["warnings"]], dry.text
    first = await declare(shop, buyer, lot_number="LOT-2")
    assert [] == first.json()["warnings"]
    old = await declare(shop, buyer, quarter="1900-01-01", reference="old")
    assert [("quarter_long_ago", "/quarter")] == [(w["code"], w["pointer"]) for w in old.json()["warnings"]]
    again = await refused(shop, buyer, PATH, EXAMPLE | {"lot_number": "LOT-2"})
    assert (409, {"/reference": "volume_declared_twice"}) == (again.status_code, found(again.json()))
    assert f"{first.json()['id']} declares Nd 12000 kg, Pr 3000 kg of 2026-01-01" in again.text
    other = await refused(shop, buyer, PATH, EXAMPLE | {"lot_number": "LOT-2", "reference": "another"})
    assert {"/document": "volume_declared_twice"} == found(other.json())
    await declare(shop, shop.scene.buyers[1], lot_number="LOT-1")
    stranger = await refused(
        shop, shop.scene.buyers[1], PATH, EXAMPLE | {"passport": passport, "reference": "P"}
    )
    assert (404, {"/passport": "passport_unknown"}) == (stranger.status_code, found(stranger.json()))
    own = await issued(shop, seller, lot_number="OWN")
    heavy = await refused(shop, seller, PATH, EXAMPLE | {"passport": own, "direction": "sold"})
    assert (422, {"/masses/0/contained_kg", "/masses/1/contained_kg"}) == (
        heavy.status_code, set(found(heavy.json())),
    )  # fmt: skip


async def test_a_correction_counts_both_are_read_and_only_one_of_two_is_taken(
    shop: Shop, buyer: Firm
) -> None:
    rehearsed = await shop.ask("POST", f"{PATH}?validate_only=true", by=buyer, body=EXAMPLE)
    assert (200, None) == (rehearsed.status_code, rehearsed.json()["id"])
    first = await declare(shop, buyer)
    place, event = first.headers["Location"], first.json()["receipts"][0]["event"]
    assert (first.json()["id"], '"v1"') == (place.rpartition("/")[2], first.headers["ETag"])
    body = {"corrects": event, "reason": "weighed again", "terms": EXAMPLE | {"reference": "INV-2"}}
    assert 428 == (await refused(shop, buyer, f"{place}/corrections", body)).status_code
    answers = await asyncio.gather(
        *(
            shop.ask("POST", f"{place}/corrections", by=buyer, body=body | {"reason": reason}, version='"v1"')
            for reason in ("one", "other")
        )
    )
    assert [201, 412] == sorted(answer.status_code for answer in answers)
    stale = await refused(shop, buyer, f"{place}/corrections", body, version='"v2"')
    assert 409 == stale.status_code
    assert "volume_corrects_other" in [each["code"] for each in stale.json()["errors"]]
    read = await shop.ask("GET", place, by=buyer)
    assert ('"v2"', "INV-2", 1, "standing") == (
        read.headers["ETag"],
        *(read.json()[name] for name in ("reference", "corrections", "status")),
    )
    withdrawal = {"reason": "the goods came back"}
    gone, same = [
        await shop.ask("POST", f"{place}/withdrawals", by=buyer, body=withdrawal, version='"v2"', key="once")
        for _ in range(2)
    ]
    assert (201, 201, "true") == (gone.status_code, same.status_code, same.headers["Idempotent-Replayed"])
    assert gone.json() == same.json()
    for path, sent in ((f"{place}/corrections", body), (f"{place}/withdrawals", withdrawal)):
        over = await refused(shop, buyer, path, sent, version='"v3"')
        assert (409, "volume_withdrawn") == (over.status_code, over.json()["code"])
    told = (await shop.ask("GET", f"{place}/history", by=buyer)).json()["items"]
    assert [("declared", EXAMPLE["reference"]), ("corrected", "INV-2"), ("withdrawn", None)] == [
        (each["said"], each["terms"] and each["terms"]["reference"]) for each in told
    ]
    assert (event, "the goods came back") == (told[1]["corrects"], told[2]["reason"])
    await declare(shop, buyer, reference="INV-2")


async def test_a_volume_is_its_declarers_alone(shop: Shop, buyer: Firm) -> None:
    stranger = shop.scene.sellers[0]
    first = await declare(shop, buyer)
    place = first.headers["Location"]
    for path in (place, f"{place}/history", f"{PATH}/{NOBODY}"):
        assert 404 == (await get(shop, path, stranger)).status_code
    for path in (place, f"{place}/history", PATH):
        assert 200 == (await get(shop, path, stranger, "auditor")).status_code
        assert 200 == (await get(shop, path, stranger, "operator")).status_code
    assert [] == (await get(shop, PATH, stranger)).json()["items"]
    (listed,) = (await get(shop, f"{PATH}?quarter=2026-01-01", buyer)).json()["items"]
    assert first.json()["id"] == listed["id"]
    assert [] == (await get(shop, f"{PATH}?quarter=2025-10-01", buyer)).json()["items"]
    for day in ("2026-02-01", "2026-01-02"):
        assert 422 == (await get(shop, f"{PATH}?quarter={day}", buyer)).status_code
    body = {"corrects": first.json()["receipts"][0]["event"], "reason": "mine", "terms": EXAMPLE}
    for path, sent in ((f"{place}/corrections", body), (f"{place}/withdrawals", {"reason": "mine"})):
        answer = await refused(shop, stranger, path, sent, version='"v1"')
        assert (404, "volume_unknown") == (answer.status_code, answer.json()["code"])
    auditor = await shop.ask("POST", PATH, by=stranger, roles=("auditor",), body=EXAMPLE)
    assert 403 == auditor.status_code


async def test_the_monitor_tells_traded_declared_and_both(shop: Shop, buyer: Firm) -> None:
    """Traded 1.6 t Nd, all separated in FR; declared 12 t separated in MY: 1.6 / 13.6 in the Union."""
    seller, market = shop.scene.sellers[0], shop.market
    await traded(shop, seller)
    alone = (await get(shop, SHARES, buyer)).json()["elements"][0]["stages"][1]
    assert ("100", "met") == (alone["union_percent"], alone["benchmark"])
    volume = (await declare(shop, buyer)).json()["id"]
    own = (await get(shop, SHARES, buyer)).json()
    nd = own["elements"][0]
    assert ("1599.9998", "12000.000", "13599.9998") == (
        nd["traded_kg"],
        nd["declared_kg"],
        nd["consumption_kg"],
    )
    processing = nd["stages"][1]
    assert ("11.7647046", "not_met", "MY", "88.2352954", "not_met") == (
        processing["union_percent"],
        processing["benchmark"],
        processing["largest_third_country"]["country"],
        processing["largest_third_country"]["share_percent"],
        processing["ceiling"],
    )
    assert {
        "union_percent": "0", "third_countries_percent": "88.2352954", "undeclared_percent": "0"
    } == processing["of_declared"]  # fmt: skip
    cover = own["cover"][0]
    assert ("12000.000", "0.000", "12000.000") == (
        cover["net_imports_kg"], cover["traded_net_imports_kg"], cover["declared_net_imports_kg"],
    )  # fmt: skip
    table = list(csv.DictReader(StringIO((await get(shop, f"{SHARES}?format=csv", buyer)).text)))
    assert {("0.000", "12000.000", "0")} == {
        (row["stock_kg"], row["net_imports_kg"], row["cover_days"]) for row in table if row["element"] == "Nd"
    }
    for path, by, role, declared in (
        (f"{SHARES}?market={market}", buyer, "trader", "12000.000"),
        (f"{SHARES}?of=union&market={market}", seller, "operator", "12000.000"),
        (f"{SHARES}?of=union&counted=struck", seller, "auditor", "12000.000"),
        (f"{SHARES}?until=2026-01-01", buyer, "trader", None),
        (SHARES, seller, "trader", None),
    ):
        whole = (await get(shop, path, by, role)).json()
        assert [declared] == ([each["declared_kg"] for each in whole["elements"]][:1] or [None]), path
        assert ("market" in path) == (whole["cover"] is None), path
    banded = await get(shop, f"{SHARES}?of=union", seller)
    assert [] == banded.json()["bands"]

    rows = list(csv.DictReader(StringIO((await get(shop, f"{SHARES}?format=csv", buyer)).text)))
    assert ("11.7647046", "0", "11.7647046") == tuple(
        rows[1][name] for name in ("union_traded_percent", "union_declared_percent", "union_percent")
    )
    svg = "{http://www.w3.org/2000/svg}"
    for path in (SHARES, MAP):
        plot = ET.fromstring((await get(shop, f"{path}?format=svg", buyer)).text)
        fills = {each.get("fill") for each in plot.iter(f"{svg}rect")}
        texts = [each.text for each in plot.iter(f"{svg}text")]
        assert {FILLS["inside"], FILLS["inside_declared"]} <= fills
        assert "declared" in texts
    sold = EXAMPLE["document"] | {"sha256": "ab" * 32}
    await declare(shop, buyer, direction="sold", reference="SOLD", document=sold)
    with pytest.MonkeyPatch.context() as limited:
        for most, status in ((2, 200), (1, 422)):
            limited.setattr(crma, "MAPPED_LOTS_MAX", most)
            assert status == (await get(shop, MAP, buyer)).status_code
    told = (await get(shop, MAP, buyer)).json()["stages"]
    assert [
        ("Nd", "extraction", "AU", False),
        ("Nd", "extraction", None, True),
        ("Nd", "processing", "MY", False),
    ] == [
        (each["element"], each["stage"], each["country"], each["did_not_answer"])
        for each in told
        if each["source"] == "declaration" and each["element"] == "Nd"
    ]
    last = told[-1]
    assert (None, "A trading house", volume, EXAMPLE["document"]["title"]) == (
        last["supplier"], last["supplier_name"], last["reference"], last["document"],
    )  # fmt: skip
