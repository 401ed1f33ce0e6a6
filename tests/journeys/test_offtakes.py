"""Six public shapes of long-term deals, lived over HTTP on running services; every figure worked by hand.

What is public of each deal stands in words above its test; quantities and index values are made up.
"""

import asyncio
import csv
import json
import secrets
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Any

import pytest
from openpyxl import load_workbook

from market.cli.console import Exit
from tests.conftest import Database
from tests.offtake_support import Body, Offtake, Trade, index, lines, lot, prices, terms, trade_on
from tests.process_support import eventually, finish, start_cli

PREFIX = f"offtakes-{secrets.token_hex(4)}."


@pytest.fixture(scope="module")
async def trade(shared_market_database: Database, kafka_bootstrap: str) -> AsyncIterator[Trade]:
    """One set of services for all six; each test has its agreement, its indices and its years."""
    async with trade_on(shared_market_database, kafka_bootstrap, PREFIX) as opened:
        yield opened


async def test_mp_and_the_dod_settle_the_difference_to_110_every_quarter(trade: Trade) -> None:
    """MP Materials and the US Department of Defense, 2025: a floor of 110 USD per kg of NdPr for ten years,
    settled every quarter; the product is sold elsewhere. Above the floor the Department has 30 % of it.
    """
    year = trade.next_year()
    price = {
        "kind": "contract_for_difference",
        "index": index("ndpr-mp", "USD", "element", "quarter_of_shipment"),
        "strike_per_kg": "110.00",
        "upside_percent": "30",
        "delivered_at_index": False,
    }
    payment = {"currency": "USD", "provisional_percent": "90", "due_days": 30}
    offtake = await trade.agreed(terms(price, ["1000000.000"] * 10, date(year, 1, 1), payment=payment))
    trade.move_to(date(year, 1, 2))
    unit = {"currency": "USD", "per": "element"}
    await trade.publish("ndpr-mp", year - 1, {12: "61.00"}, **unit)
    # 10 t and 20 t with 60 % Nd and 20 % Pr: 8,000 kg and 16,000 kg
    sold = await offtake.take(date(year, 1, 15), lot("MP-1", "10", "60", "20"))
    await offtake.take(date(year, 3, 31), lot("MP-2", "20", "60", "20"))
    early = await trade.try_post("seller", f"{offtake.path}/quarters", {"quarter": f"{year}-01-01"})
    assert (409, "quarter_not_over") == (early.status_code, early.json()["code"])

    trade.move_to(date(year, 4, 2))
    await trade.publish("ndpr-mp", year, {1: "60.00", 2: "62.00", 3: "64.00"}, **unit)
    first = (await trade.post("seller", f"{offtake.path}/quarters", {"quarter": f"{year}-01-01"}))["invoice"]
    # mean 62: (110 − 62) × 24,000 = 1,152,000 from the buyer
    assert {"contract_for_difference": ("24000.000", "48.00", "1152000.00")} == lines(first)
    assert ("USD", "1152000.00") == (first["currency"], first["total"])
    # the delivery itself costs nothing here
    assert "0.00" == (await offtake.settle(sold))["total"]

    await offtake.take(date(year, 5, 10), lot("MP-3", "10", "60", "20"))
    trade.move_to(date(year, 7, 2))
    await trade.publish("ndpr-mp", year, {4: "128.00", 5: "130.00", 6: "132.00"}, **unit)
    second = (await trade.post("buyer", f"{offtake.path}/quarters", {"quarter": f"{year}-04-01"}))["invoice"]
    # mean 130: 30 % × (130 − 110) = 6.00 on 8,000 kg, from the seller
    assert {"contract_for_difference": ("8000.000", "-6.00", "-48000.00")} == lines(second)


RAMP = [f"{tonnes}000.000" for tonnes in (600, 900, 1200, 1500, 1500, 1500, 1500)]


def arafura(year: int) -> Body:
    """Arafura's offtakes of the Nolans project: 600 t rising to 1,500 t NdPr a year, seven years, as oxide or
    metal at the buyer's option, conditional on the investment decision and the financing by a long-stop date.
    """
    price = {
        "kind": "indexed",
        "index": index("ndpr-arafura", "USD"),
        "form_factor": "1.1765",
        "by_form": [{"form": "metal", "form_factor": "1.1765", "conversion_per_kg": "-9.00"}],
    }
    due = {"due_on": f"{year - 1}-11-30", "by": "seller"}
    return terms(
        price,
        RAMP,
        date(year, 1, 1),
        product={"basis": "ndpr", "form": "separated_oxide", "buyer_option_forms": ["metal"]},
        term={"starts_on": f"{year}-01-01", "years": len(RAMP), "long_stop_on": f"{year - 1}-12-01"},
        conditions=[
            {"code": "fid", "kind": "fid", "description": "Investment decision"} | due,
            {"code": "financing", "kind": "financing", "description": "Debt is drawn"} | due,
        ],
        nominations=[
            {"level": "annual", "notice_days": 60, "band_percent": "10"},
            {"level": "quarterly", "notice_days": 30, "band_percent": "10"},
        ],
        payment={"currency": "USD", "provisional_percent": "90", "due_days": 30},
    )


async def test_arafura_without_financing_ends_at_the_long_stop_date(trade: Trade) -> None:
    year = trade.next_year()
    offtake = await trade.agreed(arafura(year))
    await offtake.meet("fid")
    assert "binding_subject_to_cp" == (await offtake.read())["status"]
    trade.move_to(date(year - 1, 12, 2))
    assert "long_stop_passed" == (await offtake.status("terminated"))["ended_reason"]
    refused = await offtake.ship(lot("NOL-0", "20", "64", "21"))
    assert (409, "agreement_ineffective") == (refused.status_code, refused.json()["code"])


async def test_arafura_ramps_up_and_the_buyer_takes_metal(trade: Trade) -> None:
    year = trade.next_year()
    offtake = await trade.agreed(arafura(year))
    for condition in ("fid", "financing"):
        await offtake.meet(condition)
    begun = await offtake.read()
    assert ("effective", "ramp_up", f"{year + 7}-01-01") == tuple(
        begun[name] for name in ("status", "phase", "ends_on")
    )
    whole = date(year, 1, 1), date(year + 1, 1, 1)
    # 600,000 ± 10 %
    refused = await offtake.nominate("annual", *whole, "660000.001")
    assert (422, "outside_band") == (refused.status_code, refused.json()["code"])
    said = await offtake.nominate("annual", *whole, "630000", form="metal")
    assert 201 == said.status_code, said.text
    trade.move_to(date(year, 1, 5))
    # silence nominates a quarter of it, in the form of the year
    quarter = await offtake.nominated(f"{year}-01-01", "quarterly")
    assert ("157500.000", "metal", True) == tuple(quarter[name] for name in ("quantity_kg", "form", "silent"))

    await trade.publish("ndpr-arafura", year - 1, {12: "70.00"}, currency="USD", per="oxide")
    # 20 t of metal, 99.5 %: 19,900 kg; 20 t of oxide, 85 %: 17,000 kg
    metal = await offtake.take(date(year, 1, 20), lot("NOL-1", "20", "74.5", "25", form="metal"))
    oxide = await offtake.take(date(year, 1, 21), lot("NOL-2", "20", "64", "21"))
    trade.move_to(date(year, 2, 2))
    await trade.publish("ndpr-arafura", year, {1: "70.00"}, currency="USD", per="oxide")
    as_metal, as_oxide = await offtake.settle(metal), await offtake.settle(oxide)
    # 70 × 1.1765 = 82.355, as metal 9 more; × 19,900 = 1,817,964.50, × 17,000 = 1,400,035.00
    assert ("82.355", "91.355") == (prices(as_metal)["form_factor.1"], prices(as_metal)["conversion.1"])
    assert ("19900.000", "91.355", "1817964.50") == lines(as_metal)["final"]
    assert ("17000.000", "82.355", "1400035.00") == lines(as_oxide)["final"]
    # 10 % after the documents: 90 % were 82.2195 and 74.1195 a kilogram, 1,636,168.05 and 1,260,031.50
    assert ("181796.45", "140003.50") == (as_metal["total"], as_oxide["total"])
    shown = (await offtake.statement())["years"]
    assert RAMP == [contract_year["acq_kg"] for contract_year in shown]
    assert ("630000.000", "36900.000", "3217999.50") == tuple(
        shown[0][name] for name in ("nominated_kg", "taken_kg", "invoiced")
    )


async def test_vital_and_reetec_share_the_margin_above_cost(trade: Trade) -> None:
    """Vital Metals and REEtec: 1,000 t a year of rare earths in mixed carbonate for five years, at the cost
    of production plus a share of the profit. Cost 50 and a share of 40 % are made up.
    """
    year = trade.next_year()
    price = {
        "kind": "cost_plus",
        "index": index("ndpr-vital", per="element"),
        "cost_per_kg": "50.00",
        "margin_percent": "40",
    }
    product = {"basis": "ndpr", "form": "mixed_carbonate"}
    offtake = await trade.agreed(terms(price, ["1000000.000"] * 5, date(year, 1, 1), product=product))
    trade.move_to(date(year, 1, 5))
    unit = {"currency": "EUR", "per": "element"}
    await trade.publish("ndpr-vital", year - 1, {12: "60.00"}, **unit)
    # 25 t wet, 20 % water: 20 t dry, 30 % Nd and 10 % Pr: 8,000 kg
    carbonate = {"form": "mixed_carbonate", "moisture_percent": "20"}
    dear = await offtake.take(date(year, 1, 20), lot("VML-1", "25", "30", "10", **carbonate))
    cheap = await offtake.take(date(year, 2, 20), lot("VML-2", "25", "30", "10", **carbonate))
    trade.move_to(date(year, 3, 2))
    await trade.publish("ndpr-vital", year, {1: "70.00", 2: "40.00"}, **unit)
    above, below = await offtake.settle(dear), await offtake.settle(cheap)
    # 50 + 40 % × (70 − 50) = 58; at 40 the cost stands
    assert ("8000.000", "58.00", "464000.00") == lines(above)["final"]
    assert ("8000.000", "50.00", "400000.00") == lines(below)["final"]
    # on documents at December's 60: 90 % × 54 = 48.60 on 8,000 kg, 388,800, and 388,800 again
    assert ("75200.00", "11200.00") == (above["total"], below["total"])
    (first, *rest) = (await offtake.statement())["years"]
    assert ("1000000.000", "16000.000", "864000.00") == (
        first["acq_kg"],
        first["taken_kg"],
        first["invoiced"],
    )
    assert ["1000000.000"] * 4 == [contract_year["acq_kg"] for contract_year in rest]


async def test_harena_gives_half_of_its_output_with_take_or_pay(
    trade: Trade, shared_market_database: Database, kafka_bootstrap: str
) -> None:
    """Harena and United: half of the output for five years, with take-or-pay. 90 % have to be taken, what is
    not is paid for at 80 % and made up within two years; price and output are made up.
    """
    year = trade.next_year()
    offtake = await trade.agreed(harena(year))
    # 625 t × 80 % = 500,000 kg × 75 = 37,500,000. Output 1,300,000: ACQ 650,000, of which 90 % are 585,000
    trade.move_to(date(year, 1, 10))
    await trade.post("seller", f"{offtake.path}/outputs", {"year": 1, "output_kg": "1300000"})
    await offtake.settle(await offtake.take(date(year, 6, 1), lot("HAR-1", "625", "60", "20")))
    trade.move_to(date(year + 1, 1, 2))
    ledger = await offtake.ledger(1)
    # 585,000 − 500,000 = 85,000 at 80 % of 75 = 60: 5,100,000
    assert ("585000.000", "85000.000", "60.00", "5100000.00") == tuple(
        ledger[name] for name in ("take_or_pay_kg", "deficiency_kg", "deficiency_price_per_kg", "deficiency")
    )
    await _make_up(trade, offtake, year + 1)

    # 750 t × 80 % = 600,000 kg are the ACQ: nothing is drawn, and the third year was the last that could
    await offtake.settle(await offtake.take(date(year + 2, 5, 1), lot("HAR-3", "750", "60", "20")))
    trade.move_to(date(year + 3, 1, 2))
    ledger = await offtake.ledger(3)
    assert ("0.000", "45000.000", "2700000.00", []) == tuple(
        ledger[name] for name in ("make_up_drawn_kg", "make_up_expired_kg", "make_up_expired", "make_up")
    )

    # 37.5 + 48 + 45 million, 90 % of it on documents; 5.1 for the deficiency, less 2.4: 133.2 million
    invoices = (await trade.get("buyer", f"{offtake.path}/invoices")).json()["items"]
    totals = [invoice["total"] for invoice in invoices]
    assert ["4500000.00", "-2400000.00", "4800000.00", "5100000.00", "3750000.00"] == totals
    assert 133_200_000 == Decimal(130_500_000) * 9 / 10 + sum(map(Decimal, totals))
    servers = (shared_market_database, kafka_bootstrap, PREFIX)
    await _check_statement(servers, trade, offtake.id)
    await _check_audit(servers, trade)


def harena(year: int) -> Body:
    return terms(
        {"kind": "flat", "price_per_kg": "75.00"},
        ["0"] * 5,
        date(year, 1, 1),
        volume={
            "kind": "share_of_output",
            "share_percent": "50",
            "expected_output_kg": ["1200000.000"] * 5,
        },
        nominations=[
            {"level": "annual", "notice_days": 90, "band_percent": "10"},
            {"level": "quarterly", "notice_days": 45, "band_percent": "15"},
        ],
        take_or_pay={"top_percent": "90", "deficiency_price_percent": "80", "makeup_years": 2},
    )


async def _make_up(trade: Trade, offtake: Offtake, year: int) -> None:
    """What the first year paid for, from its nomination to the ledger of the second."""
    quarter = date(year, 4, 1), date(year, 7, 1)
    refused = await offtake.nominate("quarterly", *quarter, "150000", make_up_kg="85000.001")
    assert (422, "make_up_exceeded") == (refused.status_code, refused.json()["code"])
    said = await offtake.nominate("quarterly", *quarter, "150000", make_up_kg="85000")
    assert (201, 2) == (said.status_code, said.json()["year"])
    nominated = await offtake.nominated(f"{year}-04-01", "quarterly")
    assert (said.json()["id"], "150000.000", "85000.000") == tuple(
        nominated[name] for name in ("id", "quantity_kg", "make_up_kg")
    )
    # 800 t × 80 % = 640,000 kg, 40,000 above the ACQ of 600,000: they draw 40 / 85 of the payment, 2,400,000
    await offtake.settle(await offtake.take(date(year, 5, 1), lot("HAR-2", "800", "60", "20")))
    trade.move_to(date(year + 1, 1, 2))
    ledger = await offtake.ledger(2)
    assert ("0.000", "40000.000", "2400000.00") == tuple(
        ledger[name] for name in ("deficiency_kg", "make_up_drawn_kg", "make_up_credit")
    )
    left = {"from_year": 1, "through_year": 3, "quantity_kg": "45000.000", "paid": "2700000.00"}
    assert [left] == ledger["make_up"]


async def _ran(servers: Any, *arguments: str) -> tuple[int, str, str]:
    return await finish(await start_cli(*servers, *arguments))


async def _check_statement(servers: Any, trade: Trade, agreement: str) -> None:
    """The record read again by a process of its own says what the door says, in every format."""
    path = f"/v1/agreements/{agreement}/statement"
    shown = (await trade.get("buyer", path)).json()
    results = await asyncio.gather(
        *(_ran(servers, "statement", agreement, *options) for options in (("--json",), ()))
    )
    assert [(Exit.OK, "")] * 2 == [(code, err) for code, _, err in results]
    told, printed = (out for _, out, _ in results)
    assert shown == json.loads(told)
    rows = list(csv.DictReader(StringIO((await trade.get("buyer", f"{path}?format=csv")).text)))
    assert [("1", "5100000.00", "0.00"), ("2", "0.00", "2400000.00"), ("3", "0.00", "0.00")] == [
        (row["year"], row["deficiency"], row["make_up_credit"]) for row in rows[:3]
    ]
    sheet = await trade.get("buyer", f"{path}?format=xlsx")
    found = list(load_workbook(BytesIO(sheet.content)).worksheets[0].values)
    assert [5_100_000, 0, 0] == [dict(zip(found[0], line, strict=True))["deficiency"] for line in found[1:4]]
    table: dict[str, list[str]] = {}
    for line in printed.splitlines():
        label, *figures = (cell.strip() for cell in line.strip("│").split("│"))
        table[label] = [*table.get(label, []), *figures]
    assert ["650000.000", *["600000.000"] * 4] == table["acq kg"]
    assert ["500000.000", "640000.000", "600000.000", "0.000", "0.000"] == table["taken kg"]
    assert ["85000.000 to 3", "45000.000 to 3", "0", "-", "-"] == table["make up left kg"]
    assert max(map(len, printed.splitlines())) <= 80


async def _check_audit(servers: Any, trade: Trade) -> None:
    """Once the relay has told all of it, the topics alone prove the record."""

    async def told() -> bool:
        behind = """
        select exists (
            select from record.lane l join record.relay r using (stream, lane)
            where l.next_position > r.position + 1
        )
        """
        return not await trade.wiring.relay.fetchval(behind)

    await eventually("the relay", told)
    code, out, err = await _ran(servers, "audit", "--json")
    assert Exit.OK == code, err
    assert json.loads(out)["records"] > 0


async def test_stellantis_and_carester_agree_on_36_percent_recycled(trade: Trade) -> None:
    """Stellantis and Carester: more than 3,400 t of magnet rare earths over ten years, 36 % of it recycled.
    The amount of 10 EUR per kg recycled is made up.
    """
    year = trade.next_year()
    rule_set = {
        "version": 1,
        "algorithm": "lexicographic-2",
        "default_profile": {},
        "effective_from": f"{year - 1}-01-01T00:00:00Z",
    }
    profile = {"post_consumer_eur_per_kg": "10.00", "cap_eur_per_kg": "12.00"}
    price = {
        "kind": "indexed",
        "index": index("ndpr-carester", per="element"),
        "sustainability": {"profile": profile, "rule_set": rule_set},
    }
    product = {"basis": "ndpr", "form": "separated_oxide", "post_consumer_min_percent": "36"}
    offtake = await trade.agreed(terms(price, ["340001.000"] * 10, date(year, 1, 1), product=product))
    trade.move_to(date(year, 1, 5))
    await trade.publish("ndpr-carester", year - 1, {12: "100.00"}, currency="EUR", per="element")
    trade.move_to(date(year, 1, 20))
    short = {"post_consumer_percent": "35.9", "pre_consumer_percent": "40"}
    refused = await offtake.ship(lot("CAR-1", "10", "60", "20", recycled=short))
    assert (422, "recycled_share_too_low") == (refused.status_code, refused.json()["code"])
    enough = {"post_consumer_percent": "36", "pre_consumer_percent": "0"}
    taken = await offtake.take(date(year, 1, 20), lot("CAR-1", "10", "60", "20", recycled=enough))
    trade.move_to(date(year, 2, 2))
    await trade.publish("ndpr-carester", year, {1: "100.00"}, currency="EUR", per="element")
    invoice = await offtake.settle(taken)
    # 100 + 36 % × 10 = 103.60 on 8,000 kg
    assert ("8000.000", "103.60", "828800.00") == lines(invoice)["final"]
    whole = sum(Decimal(each["acq_kg"]) for each in (await offtake.statement())["years"])
    assert Decimal("3400010.000") == whole


async def test_mixed_carbonate_is_paid_at_60_to_80_percent(trade: Trade) -> None:
    """Mixed carbonate is paid at 60 to 80 % of the oxide that it carries; here both sides raise it twice."""
    year = trade.next_year()
    price = {"kind": "indexed", "index": index("ndpr-carbonate"), "form_factor": "1.1765"}
    clauses = terms(
        price | {"payable_percent": "60"},
        ["100000.000"],
        date(year, 1, 1),
        product={"basis": "ndpr", "form": "mixed_carbonate"},
    )
    offtake = await trade.agreed(clauses)
    trade.move_to(date(year, 1, 5))
    await trade.publish("ndpr-carbonate", year - 1, {12: "69.00"}, currency="EUR", per="oxide")
    carbonate = {"form": "mixed_carbonate", "moisture_percent": "20"}
    found = []
    for month, payable in enumerate(("60", "70", "80"), 1):
        if month > 1:
            await offtake.amend(clauses | {"price": price | {"payable_percent": payable}})
        # 25 t wet, 20 % water, 40 % NdPr in 20 t dry: 8,000 kg
        taken = await offtake.take(date(year, month, 20), lot(f"MC-{month}", "25", "30", "10", **carbonate))
        trade.move_to(date(year, month + 1, 2))
        await trade.publish("ndpr-carbonate", year, {month: "69.00"}, currency="EUR", per="oxide")
        found.append(lines(await offtake.settle(taken))["final"])
    # 69 × 60 % = 41.40, × 1.1765 = 48.7071; 48.30 → 56.82495; 55.20 → 64.9428; each × 8,000
    assert [
        ("8000.000", "48.7071", "389656.80"),
        ("8000.000", "56.82495", "454599.60"),
        ("8000.000", "64.9428", "519542.40"),
    ] == found
    (only,) = (await offtake.statement())["years"]
    assert ("24000.000", "1363798.80") == (only["taken_kg"], only["invoiced"])
