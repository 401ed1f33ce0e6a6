"""Index values, deliveries and invoices through the door: every refusal, sealed assays, a whole delivery."""

from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any
from uuid import UUID

import httpx
import pytest
import xlsxwriter
from uuid_utils.compat import uuid7

from contracts.rules.matched import from_match
from contracts.timers import Timers
from events.contract_events import AgreementDrafted
from events.decision import LaneKey, Moment
from events.heads import append, lock_lanes
from events.market_events import MatchConfirmed
from market.http.agreements import settlements
from market.http.agreements.deliveries import INSPECTION
from market.http.rounds.rule_sets import EXAMPLE as RULE_SET
from market.http.wire.examples import AGREEMENT_TERMS, OFFER
from market.http.wire.ids import to_text
from market.http.wire.row_files import CSV, XLSX
from market.store.applying import apply
from tests.contest_support import told as waiting
from tests.http.shop import Shop
from tests.http.test_client import client_of
from tests.http.test_passports import issued
from tests.market_drafts import Firm
from tests.record_support import new_salt

COLUMNS = "first_day,last_day,amount,as_of,published_at,source"
VALUES = "/v1/indices/ndpr-oxide/values"
FILES = "/v1/indices/ndpr-oxide/files?currency=EUR&per=oxide"
FIGURES = [
    {"analyte": "Nd", "fraction": {"unit": "percent", "amount": "60"}},
    {"analyte": "Pr", "fraction": {"unit": "percent", "amount": "20"}},
]
TERMS = {
    **AGREEMENT_TERMS,
    "term": {"years": 1},
    "volume": {"kind": "fixed", "acq_kg": ["20000.000"]},
    "nominations": [],
    "take_or_pay": None,
    "conditions": [],
    "price": {
        "kind": "indexed",
        "index": {
            "code": "ndpr-oxide",
            "currency": "EUR",
            "per": "oxide",
            "quotation_period": "month_of_shipment",
        },
    },
}


def month(number: int, amount: str, published: str | None = None) -> dict[str, str]:
    following = date(2027, number + 1, 1)
    return {
        "first_day": f"2027-{number:02}-01",
        "last_day": date.fromordinal(following.toordinal() - 1).isoformat(),
        "amount": amount,
        "as_of": date.fromordinal(following.toordinal() - 1).isoformat(),
        "published_at": published or f"{following.isoformat()}T00:00:00Z",
        "source": "entered by the operator",
    }


def values(*rows: dict[str, str], **changes: Any) -> dict[str, Any]:
    return {"currency": "EUR", "per": "oxide", "values": list(rows)} | changes


def on(shop: Shop, day: date) -> None:
    shop.scene.clock.now = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)


async def post(shop: Shop, path: str, by: Firm, body: Any = None, **more: Any) -> httpx.Response:
    return await shop.ask("POST", path, by=by, body=body, **more)


async def publish(shop: Shop, *rows: dict[str, str], path: str = VALUES, **changes: Any) -> httpx.Response:
    return await post(shop, path, shop.scene.sellers[1], values(*rows, **changes), roles=("operator",))


async def upload(shop: Shop, content: bytes, kind: str = CSV, path: str = FILES) -> httpx.Response:
    headers = {"Content-Type": kind}
    return await post(shop, path, shop.scene.sellers[1], content, roles=("operator",), headers=headers)


def warnings(answer: httpx.Response) -> list[tuple[str, str]]:
    return [(each["code"], each["pointer"]) for each in answer.json()["warnings"]]


def faults(answer: httpx.Response) -> list[tuple[str, str | None]]:
    return [(fault["code"], fault.get("pointer")) for fault in answer.json()["errors"]]


async def every(shop: Shop, path: str, by: Firm) -> list[dict[str, Any]]:
    """All items of a list, page by page."""
    found: list[dict[str, Any]] = []
    more: str | None = path
    while more is not None:
        page = (await shop.ask("GET", more, by=by)).json()
        found += page["items"]
        more = None if page["next_cursor"] is None else f"{path}&cursor={page['next_cursor']}"
    return found


async def effective(shop: Shop, terms: dict[str, Any] = TERMS) -> tuple[str, Firm, Firm]:
    """A spot contract between the first seller and the first buyer, signed by both."""
    seller, buyer = shop.scene.sellers[0], shop.scene.buyers[0]
    body = {
        "market": shop.market,
        "kind": "spot",
        "side": "seller",
        "counterparty": to_text("org", buyer.organisation),
        "terms": terms,
    }
    made = await post(shop, "/v1/agreements", seller, body)
    assert 201 == made.status_code, made.text
    path = made.headers["location"]
    for firm in (seller, buyer):
        etag = (await shop.ask("GET", path, by=firm)).headers["etag"]
        signed = await post(shop, f"{path}/signatures", firm, {"proposal": 1, "binding": True}, version=etag)
        assert 201 == signed.status_code, signed.text
    return path, seller, buyer


def lot(**changes: Any) -> dict[str, Any]:
    return {
        "lot_number": "L1",
        "form": "separated_oxide",
        "shipped_on": "2027-03-10",
        "net_wet_t": "10",
        "stated": FIGURES,
    } | changes


BIDDING = {
    "profile": {"eu_origin_eur_per_kg": "2.00", "post_consumer_eur_per_kg": "6.00", "cap_eur_per_kg": "9.00"},
    "rule_set": {**RULE_SET, "benchmarks": []},
}
FOOTPRINT = {
    "kg_co2e_per_kg": "10",
    "declared_unit": "oxide",
    "form": "separated_oxide",
    "standard": "ISO14067",
    "boundary": "cradle_to_gate",
    "allocation": "economic",
    "reference_year": 2026,
    "primary_data_percent": "80",
    "verified": True,
    "valid_until": "2028-01-01T00:00:00Z",
}


async def test_what_is_paid_for_is_shown_told_and_not_paid_to_silence(shop: Shop) -> None:
    on(shop, date(2027, 3, 10))
    await publish(shop, month(2, "60.00"))
    terms = {**TERMS, "price": {**TERMS["price"], "sustainability": BIDDING}}
    path, seller, buyer = await effective(shop, terms)
    silent = await post(shop, f"{path}/deliveries", seller, lot())
    assert ("origin_unstated", "/origin") in warnings(silent), silent.text
    shown = (await shop.ask("GET", silent.headers["location"], by=buyer)).json()
    priced = {term["rule"]: term["per_kg"] for term in shown["provisional"][0]["terms"]}
    assert "0.00" == priced["origin.2"]
    assert (None, [], None) == (
        shown["claims"]["recycled"],
        shown["claims"]["origin"],
        shown["claims"]["footprint"],
    )
    claims: dict[str, Any] = {
        "recycled": {"post_consumer_percent": "100", "pre_consumer_percent": "0"},
        "origin": [{"stage": "recycling", "country": "FR", "strategic_project": False}],
        "footprint": FOOTPRINT,
    }
    refused = await post(shop, f"{path}/deliveries", seller, lot(lot_number="L2", **claims))
    assert [("verifier_missing", "/footprint/verifier")] == faults(refused), refused.text
    claims["footprint"] = {**FOOTPRINT, "verifier": "TUV"}
    sent = await post(shop, f"{path}/deliveries", seller, lot(lot_number="L2", **claims))
    assert {
        ("claim_without_passport", "/passport"),
        ("word_spelled_unusually", "/footprint/boundary"),
    } <= set(warnings(sent)), sent.text
    shown = (await shop.ask("GET", sent.headers["location"], by=buyer)).json()
    assert claims == {name: shown["claims"][name] for name in claims}
    found = {"claims": ["recycled"], "evidence": [{**INSPECTION, "dated_on": "2027-03-10"}]}
    early = await post(shop, f"{sent.headers['location']}/rejection", buyer, found)
    assert ["delivery_status_unfit"] == [code for code, _ in faults(early)], early.text


async def test_values_are_the_operators_and_told_all_at_once(shop: Shop) -> None:
    on(shop, date(2027, 3, 10))
    by_trader = await post(shop, VALUES, shop.scene.sellers[0], values(month(1, "50")))
    assert 403 == by_trader.status_code
    bad = await publish(shop, month(1, "5e1"), {**month(2, "50"), "last_day": "2027-01-31"})
    assert 400 == bad.status_code
    assert ("not_decimal", "/values/0/amount") in faults(bad)
    late = await publish(shop, month(3, "50"), {**month(2, "50"), "as_of": "2027-03-02"}, per="element")
    assert 422 == late.status_code
    assert [
        ("index_value_in_future", "/values/0/published_at"),
        ("dates_out_of_order", "/values/1/published_at"),
    ] == faults(late)
    assert 404 == (await shop.ask("GET", "/v1/indices/ndpr-oxide", by=shop.scene.sellers[0])).status_code
    assert 404 == (await publish(shop, month(1, "50"), path="/v1/indices/-bad/values")).status_code


async def test_values_are_published_restated_and_listed(shop: Shop) -> None:
    on(shop, date(2027, 5, 10))
    first = await publish(shop, month(2, "50.00"), month(3, "60.00"))
    assert (201, 2) == (first.status_code, first.json()["values"])
    again = await publish(shop, month(3, "60.00"))
    assert (409, "index_restatement_stale") == (again.status_code, again.json()["errors"][0]["code"])
    other = await publish(shop, month(4, "60.00"), currency="USD")
    assert (409, "index_unit_differs") == (other.status_code, other.json()["errors"][0]["code"])
    await publish(shop, month(3, "61.00", "2027-05-01T00:00:00Z"))
    reader = shop.scene.buyers[0]
    shown = (await shop.ask("GET", "/v1/indices/ndpr-oxide", by=reader)).json()
    assert ("EUR", "oxide", None) == (shown["currency"], shown["per"], shown["rate_of"])
    await publish(shop, month(4, "0.90"), path="/v1/indices/usd-eur/values", per=None, rate_of="USD")
    listed = (await shop.ask("GET", "/v1/indices?limit=1", by=reader)).json()
    (entry,) = listed["items"]
    assert shown == {name: entry[name] for name in shown}
    newest = entry["newest"]
    assert (3, "2027-03-31", "61.00") == (entry["values"], newest["last_day"], newest["amount"])
    rest = (await shop.ask("GET", f"/v1/indices?cursor={listed['next_cursor']}", by=reader)).json()
    assert ["usd-eur"] == [each["index"] for each in rest["items"]]
    other = await publish(shop, month(4, "0.90"), path="/v1/indices/USD-EUR/values", per=None, rate_of="USD")
    assert [("index_alike", "")] == warnings(other)
    page = (await shop.ask("GET", f"{VALUES}?limit=2", by=reader)).json()
    rest = (await shop.ask("GET", f"{VALUES}?limit=2&cursor={page['next_cursor']}", by=reader)).json()
    amounts = [value["amount"] for value in (*page["items"], *rest["items"])]
    assert ["50.00", "60.00", "61.00"] == amounts
    assert month(2, "50.00")["last_day"] == page["items"][0]["last_day"]


def csv_of(*rows: dict[str, str], delimiter: str = ",") -> bytes:
    lines = [delimiter.join(COLUMNS.split(",")), *(delimiter.join(row.values()) for row in rows)]
    return "\r\n".join(lines).encode("utf-8-sig")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
async def test_values_come_from_csv(shop: Shop, delimiter: str) -> None:
    on(shop, date(2027, 5, 10))
    answer = await upload(shop, csv_of(month(2, "50.00"), month(3, "60.5"), delimiter=delimiter))
    assert (201, 2) == (answer.status_code, answer.json()["values"]), answer.text


def workbook(rows: list[list[Any]]) -> bytes:
    content = BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True, "default_date_format": "yyyy-mm-dd"}) as book:
        sheet = book.add_worksheet()
        for place, row in enumerate(rows):
            sheet.write_row(place, 0, row)
    return content.getvalue()


HEAD: list[Any] = COLUMNS.split(",")
NINE_THIRTY = datetime(2027, 4, 1, 9, 30, tzinfo=UTC).replace(tzinfo=None)


async def test_values_come_from_a_workbook_with_numbers_and_dates(shop: Shop) -> None:
    on(shop, date(2027, 5, 10))
    february = [date(2027, 2, 1), date(2027, 2, 28), 50, date(2027, 2, 28), "2027-03-01T00:00:00Z", "own"]
    march = [
        date(2027, 3, 1),
        date(2027, 3, 31),
        60.25,
        date(2027, 3, 31),
        NINE_THIRTY,
        "own",
    ]
    answer = await upload(shop, workbook([HEAD, february, march]), XLSX)
    assert 201 == answer.status_code, answer.text
    listed = (await shop.ask("GET", VALUES, by=shop.scene.sellers[0])).json()["items"]
    assert [("50.00", "2027-02-28"), ("60.25", "2027-03-31")] == [
        (value["amount"], value["last_day"]) for value in listed
    ]
    assert "2027-04-01T09:30:00Z" == listed[1]["published_at"]


async def test_every_fault_of_a_file_names_row_and_column(shop: Shop) -> None:
    on(shop, date(2027, 5, 10))
    bad = csv_of(month(1, "5e1"), month(2, "50"), {**month(3, "60"), "as_of": "yesterday", "source": ""})
    answer = await upload(shop, bad)
    assert 400 == answer.status_code
    assert ["/rows/2/amount", "/rows/4/as_of", "/rows/4/source"] == sorted(
        pointer or "" for _, pointer in faults(answer)
    )
    sheet = workbook([HEAD, ["x", 2, "50", 4, 5, "own"]])
    rows = {pointer for _, pointer in faults(await upload(shop, sheet, XLSX))}
    assert {"/rows/2/first_day", "/rows/2/last_day", "/rows/2/as_of", "/rows/2/published_at"} == rows


async def test_what_the_rules_refuse_of_a_file_names_its_row_too(shop: Shop) -> None:
    on(shop, date(2027, 5, 10))
    empty_line = (
        csv_of(month(1, "50")) + b"\r\n\r\n" + csv_of(month(1, "51"), month(6, "52")).split(b"\r\n", 1)[1]
    )
    answer = await upload(shop, empty_line)
    assert [
        ("index_restatement_stale", "/rows/4/published_at"),
        ("index_value_in_future", "/rows/5/published_at"),
    ] == faults(answer)
    assert [] == (await shop.ask("GET", VALUES, by=shop.scene.sellers[0])).json()["items"]
    twice = await upload(shop, csv_of(month(1, "50")), path="/v1/indices/ndpr-oxide/files?currency=EUR")
    assert (422, "index_unit_missing") == (twice.status_code, twice.json()["errors"][0]["code"])


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        (b"", CSV, "file_empty"),
        (b"first_day,last_day\n", CSV, "column_missing"),
        ((COLUMNS + ",colour\n").encode(), CSV, "unknown_column"),
        (b"\xff\xfe\x00", CSV, "not_utf8"),
        ((COLUMNS + '\n"2027').encode(), CSV, "file_unreadable"),
        (b"PK no workbook", XLSX, "file_unreadable"),
        ((COLUMNS + "\n" + "x\n" * 501).encode(), CSV, "too_many_rows"),
    ],
)
async def test_what_is_no_file_of_values(shop: Shop, content: bytes, kind: str, code: str) -> None:
    answer = await upload(shop, content, kind)
    assert 400 == answer.status_code
    assert code in [fault for fault, _ in faults(answer)]


async def test_a_file_has_its_media_type(shop: Shop) -> None:
    answer = await upload(shop, b"{}", "application/json")
    assert (415, f"{CSV}, {XLSX}") == (answer.status_code, answer.headers["accept"])


async def restated_unread(shop: Shop, delivery: str, by: Firm) -> Any:
    """The invoice, recorded although what it is shown with cannot be read any more."""

    async def gone(*_: Any) -> None:
        raise ConnectionRefusedError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settlements, "issues", gone)
        answer = await post(shop, f"{delivery}/restatements", by)
    assert 201 == answer.status_code, answer.text
    found = answer.json()
    assert (1, ["warnings_unread"]) == (len(found["receipts"]), [each["code"] for each in found["warnings"]])
    assert (None, None) == (found["invoice"]["issued_at"], found["invoice"]["due_on"])
    return found["invoice"]


async def restatement_of(shop: Shop, invoice: str, by: Firm) -> Any:
    return (await shop.ask("GET", f"/v1/invoices/{invoice}", by=by)).json()["restatement"]


async def test_a_lot_that_no_value_could_price_leaves_without_an_invoice(shop: Shop) -> None:
    on(shop, date(2027, 1, 1))
    path, seller, buyer = await effective(shop)
    on(shop, date(2027, 3, 10))
    bare = await post(shop, f"{path}/deliveries", seller, lot(lot_number="L0"))
    assert (201, True) == (bare.status_code, ("invoice_waits", "/shipped_on") in warnings(bare))
    unpriced = (await shop.ask("GET", bare.headers["location"], by=buyer)).json()
    assert (None, []) == (unpriced["provisional_invoice"], unpriced["provisional"])
    for invoices in (f"{path}/invoices?provisional=true", "/v1/invoices"):
        assert [] == (await shop.ask("GET", invoices, by=seller)).json()["items"]


async def test_a_slip_of_a_shipment_is_told_and_taken_back(shop: Shop) -> None:
    on(shop, date(2027, 1, 1))
    path, seller, buyer = await effective(shop)
    on(shop, date(2027, 3, 10))
    await publish(shop, month(2, "50.00"))
    slip = lot(net_wet_t="2000")
    tried = await post(shop, f"{path}/deliveries?validate_only=true", seller, slip)
    sent = await post(shop, f"{path}/deliveries", seller, slip)
    for answer in (tried, sent):
        assert ("lot_far_above_agreed", "/net_wet_t") in warnings(answer), answer.text
    delivery = sent.headers["location"]
    reason = {"reason": "20 t were meant"}
    foreign = await post(shop, f"{delivery}/withdrawal", buyer, reason)
    assert (403, "side_wrong") == (foreign.status_code, foreign.json()["code"])
    taken_back = await post(shop, f"{delivery}/withdrawal", seller, reason)
    assert 201 == taken_back.status_code, taken_back.text
    shown = (await shop.ask("GET", delivery, by=buyer)).json()
    assert ("withdrawn", "20 t were meant") == (shown["status"], shown["withdrawn"])
    issued = (await shop.ask("GET", "/v1/invoices", by=buyer)).json()["items"]
    (credit,) = [each["invoice"] for each in issued if each["settles"] == "withdrawal"]
    (provisional,) = [each for each in issued if each["settles"] == "provisional"]
    assert credit == provisional["credited_by"]
    late = await post(shop, f"{delivery}/weighing", buyer, {"weighed_on": "2027-03-10", "net_wet_t": "20"})
    assert (409, "delivery_status_unfit") == (late.status_code, late.json()["code"])
    again = await post(shop, f"{path}/deliveries", seller, lot())
    assert (201, []) == (again.status_code, warnings(again)), again.text
    twice = await post(shop, f"{path}/deliveries", seller, lot())
    assert (409, "lot_delivered") == (twice.status_code, twice.json()["code"])


async def test_a_delivery_from_shipment_to_a_restated_invoice(shop: Shop) -> None:
    on(shop, date(2027, 1, 1))
    path, seller, buyer = await effective(shop)
    on(shop, date(2027, 3, 10))
    await publish(shop, month(2, "50.00"))
    shipped = await post(shop, f"{path}/deliveries", seller, lot())
    assert 201 == shipped.status_code, shipped.text
    delivery = shipped.headers["location"]
    shown = (await shop.ask("GET", delivery, by=buyer)).json()
    assert ("shipped", "8000.000", "360000.00") == (
        shown["status"],
        shown["quantity_kg"],
        shown["provisional"][0]["amount"],
    )
    weighed = await post(shop, f"{delivery}/weighing", buyer, {"weighed_on": "2027-03-10", "net_wet_t": "10"})
    assert 201 == weighed.status_code, weighed.text
    assay = {"laboratory": "AHK", "reference": "1", "results": FIGURES}
    ppm = {"analyte": "Nd", "fraction": {"unit": "ppm", "amount": "60"}}
    for dry_run, status in (("?validate_only=true", 200), ("", 201)):
        far = await post(shop, f"{delivery}/assays{dry_run}", seller, assay | {"results": [ppm, FIGURES[1]]})
        assert (status, [("result_far_from_stated", "/results/0/fraction")]) == (
            far.status_code,
            warnings(far),
        )
    right = await post(shop, f"{delivery}/assays", seller, assay)
    assert (201, []) == (right.status_code, warnings(right))
    sealed = (await shop.ask("GET", delivery, by=buyer)).json()["seller_assay"]
    assert {"laboratory": None, "reference": None, "results": [], "sealed": True} == sealed
    own = (await shop.ask("GET", delivery, by=seller)).json()["seller_assay"]
    assert ("AHK", True) == (own["laboratory"], own["sealed"])
    assert 201 == (await post(shop, f"{delivery}/assays", buyer, assay)).status_code
    opened = (await shop.ask("GET", delivery, by=buyer)).json()
    assert ("assayed", False, "mean") == (
        opened["status"],
        opened["seller_assay"]["sealed"],
        opened["settled"][0]["by"],
    )
    taken = await post(shop, f"{delivery}/acceptance", buyer, {"title_passed_on": "2027-03-10"})
    assert 201 == taken.status_code, taken.text
    assert {"taken": "6000.000", "confirmed": None, "delivered": "6000.000"} == await neodymium(shop, buyer)
    mapped = (await shop.ask("GET", "/v1/crma/supplier-map", by=buyer)).json()
    assert {("seller-0", "delivery", f"/v1/deliveries/{each['reference']}") for each in mapped["stages"]} == {
        ("seller-0", "delivery", delivery)
    }
    early = await post(shop, f"{delivery}/settlement", seller)
    assert (409, "quotation_period_open") == (early.status_code, early.json()["code"])
    on(shop, date(2027, 5, 10))
    gap = await post(shop, f"{delivery}/settlement", seller)
    assert (409, "index_gap") == (gap.status_code, gap.json()["code"])
    await publish(shop, month(3, "60.00"))
    rehearsed = await post(shop, f"{delivery}/settlement?validate_only=true", seller)
    assert (200, "120000.00") == (rehearsed.status_code, rehearsed.json()["invoice"]["total"])
    assert (None, None) == (rehearsed.json()["invoice"]["issued_at"], rehearsed.json()["invoice"]["due_on"])
    settled = await post(shop, f"{delivery}/settlement", seller)
    assert (201, "120000.00") == (settled.status_code, settled.json()["invoice"]["total"]), settled.text
    assert settled.json()["receipts"][0]["time"] == settled.json()["invoice"]["issued_at"]
    twice = await post(shop, f"{delivery}/settlement", buyer)
    assert (409, "already_settled") == (twice.status_code, twice.json()["code"])
    assert settled.json()["invoice"]["invoice"] in twice.json()["detail"]
    number = settled.json()["invoice"]["invoice"]
    assert [None] * 2 == [await restatement_of(shop, number, firm) for firm in (seller, buyer)]
    await publish(shop, month(3, "61.00", "2027-05-01T00:00:00Z"))
    client = await client_of(shop, buyer)
    found = await client.invoices.read(number)
    assert found.restatement is not None
    assert "8000.00" == str(found.restatement.amount)
    expected = {"price_per_kg": f"{found.restatement.price_per_kg}", "amount": "8000.00"}
    assert [expected] * 2 == [await restatement_of(shop, number, firm) for firm in (seller, buyer)]
    assert Decimal("8000.00") == found.restatement.price_per_kg * Decimal(8_000)
    restated = await restated_unread(shop, delivery, buyer)
    assert ("8000.00", settled.json()["invoice"]["invoice"]) == (restated["total"], restated["restates"])
    invoices = (await shop.ask("GET", f"{path}/invoices", by=buyer)).json()["items"]
    for each in (*invoices, {"invoice": shown["provisional_invoice"]}):
        assert None is await restatement_of(shop, each["invoice"], seller)
    assert ["restatement", "final"] == [invoice["settles"] for invoice in invoices]
    both = [
        each
        for page in ("limit=2", "limit=1")
        for each in (await every(shop, f"{path}/invoices?provisional=true&{page}", buyer))
    ]
    assert ["restatement", "final", "provisional"] * 2 == [invoice["settles"] for invoice in both]
    assert "360000.00" == both[2]["total"]
    assert "488000.00" == str(sum(Decimal(invoice["total"]) for invoice in both[:3]))
    assert settled.json()["invoice"].items() <= both[1].items()
    assert shown["provisional_invoice"] == both[2]["invoice"]
    assert [("2027-05-10", "2027-06-09"), ("2027-05-10", "2027-06-09"), ("2027-03-10", "2027-04-09")] == [
        (each["issued_at"][:10], each["due_on"]) for each in both[:3]
    ]
    line = invoices[1]["lines"][0]
    assert ["index.1", "payable.1", "form_factor.1", "conversion.1", "differential.1"] == [
        term["rule"] for term in line["terms"]
    ]
    assert "2027-03-01/2027-03-31" == line["terms"][0]["inputs"]["index_period"]
    named = " ".join(name for term in line["terms"] for name in term["inputs"])
    assert named
    assert "micro" not in str(line["terms"])
    assert not [unit for unit in ("micro", "ueur", "ppb", "cents") if unit in named]
    listed = (await shop.ask("GET", f"{path}/deliveries", by=seller)).json()["items"]
    assert ["accepted"] == [each["status"] for each in listed]


async def test_the_umpires_figures_need_its_document_and_the_other_side_may_object(shop: Shop) -> None:
    """What the seller made up the buyer takes away; the operator hands in what the laboratory confirms."""
    on(shop, date(2027, 1, 1))
    path, seller, buyer = await effective(shop)
    on(shop, date(2027, 3, 10))
    await publish(shop, month(2, "50.00"))
    delivery = (await post(shop, f"{path}/deliveries", seller, lot())).headers["location"]
    await post(shop, f"{delivery}/weighing", buyer, {"weighed_on": "2027-03-10", "net_wet_t": "10"})
    lower = [{"analyte": "Nd", "fraction": {"unit": "percent", "amount": "50"}}, FIGURES[1]]
    for firm, found in ((seller, FIGURES), (buyer, lower)):
        await post(shop, f"{delivery}/assays", firm, {"laboratory": "L", "reference": "1", "results": found})
    umpire = AGREEMENT_TERMS["assay"]["umpire"]
    body = {"laboratory": umpire, "reference": "U-1", "results": FIGURES[:1], "cost": "1200.05"}
    bare = await post(shop, f"{delivery}/umpire", seller, body)
    assert (400, "/certificate") == (bare.status_code, bare.json()["errors"][0]["pointer"])
    certificate = {"title": "Certificate U-1", "sha256": "ab" * 32, "dated_on": "2027-03-10"}
    body |= {"certificate": certificate}
    early = await post(shop, f"{delivery}/umpire", shop.scene.sellers[1], body, roles=("operator",))
    assert (403, "umpire_of_parties") == (early.status_code, early.json()["code"])
    unseen = f"{delivery}?reason=case-1"
    assert 404 == (await shop.ask("GET", unseen, by=shop.scene.sellers[1], roles=("operator",))).status_code
    assert 201 == (await post(shop, f"{delivery}/umpire", seller, body)).status_code
    shown = (await shop.ask("GET", delivery, by=buyer)).json()
    assert ("assayed", [], certificate, "seller", "2027-03-17T09:00:00Z") == (
        shown["status"],
        shown["to_umpire"],
        *(shown["umpire"][name] for name in ("certificate", "by", "object_by")),
    )
    reason = {"reason": "our copy reads 52 %", "evidence": [certificate]}
    doubt = await post(shop, f"{delivery}/umpire/objection", buyer, {"reason": "we doubt"})
    assert (422, "objection_unfounded") == (doubt.status_code, doubt.json()["code"])
    own = await post(shop, f"{delivery}/umpire/objection", seller, reason)
    assert (403, "umpire_handed_in") == (own.status_code, own.json()["code"])
    objected = await post(shop, f"{delivery}/umpire/objection", buyer, reason)
    assert 201 == objected.status_code, objected.text
    shown = (await shop.ask("GET", delivery, by=seller)).json()
    assert ("before_umpire", ["Nd"], None, "buyer") == (
        shown["status"],
        shown["to_umpire"],
        shown["umpire"],
        shown["objection"]["by"],
    )
    again = await post(shop, f"{delivery}/umpire", seller, body)
    assert (409, "umpire_contested") == (again.status_code, again.json()["code"])
    unread = await shop.ask("GET", delivery, by=shop.scene.sellers[1], roles=("operator",))
    assert 404 == unread.status_code
    read = (await shop.ask("GET", unseen, by=shop.scene.sellers[1], roles=("operator",))).json()
    assert (["Nd"], "buyer") == (read["to_umpire"], read["objection"]["by"])
    assert [("assay", True)] == await waiting(shop, shop.scene.sellers[1])
    told = await post(shop, f"{delivery}/umpire", shop.scene.sellers[1], body, roles=("operator",))
    assert 201 == told.status_code, told.text
    assert [] == await waiting(shop, shop.scene.sellers[1])
    final = await post(shop, f"{delivery}/umpire/objection", buyer, reason)
    assert (409, "umpire_final") == (final.status_code, final.json()["code"])


async def test_both_sides_read_by_when_the_buyer_acts(shop: Shop) -> None:
    """Before the call, after it, and once the lot is deemed weighed; what the buyer says late is refused."""
    on(shop, date(2027, 1, 1))
    path, seller, buyer = await effective(shop)
    on(shop, date(2027, 3, 10))
    await publish(shop, month(2, "50.00"))
    delivery = (await post(shop, f"{path}/deliveries", seller, lot())).headers["location"]
    found = []
    timers = Timers(
        shop.scene.desk,
        shop.scene.operator.organisation,
        lambda kind, outcome: None,
        clock=shop.scene.clock,
    )
    for day in (date(2027, 3, 10), date(2027, 5, 10), date(2027, 6, 10)):
        on(shop, day)
        if day == date(2027, 6, 10):
            late = await post(
                shop, f"{delivery}/weighing", buyer, {"weighed_on": "2027-06-09", "net_wet_t": "9"}
            )
            assert (409, "buyer_act_over") == (late.status_code, late.json()["code"])
            assert "its weighing has been deemed done since 2027-06-10T00:00:00Z" in late.json()["detail"]
        await timers.tick()
        shown = [(await shop.ask("GET", delivery, by=side)).json() for side in (seller, buyer)]
        assert shown[0]["awaited"] == shown[1]["awaited"]
        found.append((shown[0]["status"], shown[0]["awaited"], shown[0]["deemed"]))
    waits = {"act": "weighing", "act_by": "2027-06-10T00:00:00Z"}
    assert [
        ("shipped", {**waits, "called": False}, []),
        ("shipped", {**waits, "called": True}, []),
        ("weighed", None, ["weighing"]),
    ] == found


async def test_an_index_that_is_read_in_another_unit_than_published(shop: Shop) -> None:
    """Warned of by every step towards it, and nothing leaves at such a price."""
    on(shop, date(2027, 3, 10))
    await publish(shop, month(2, "50.00"), currency="USD")
    seller, buyer = shop.scene.sellers[0], shop.scene.buyers[0]
    terms = {**TERMS, "take_or_pay": AGREEMENT_TERMS["take_or_pay"], "nominations": []}
    body = {
        "market": shop.market,
        "kind": "offtake",
        "side": "seller",
        "counterparty": to_text("org", buyer.organisation),
        "terms": terms,
    }
    made = await post(shop, "/v1/agreements", seller, body)
    path = made.headers["location"]
    unlike = ("clause_unit_differs", "/terms/price/index/code")
    lapsing = ("make_up_past_term", "/terms/take_or_pay/makeup_years")
    assert {unlike, lapsing} <= set(warnings(made)), made.text
    told = next(each["detail"] for each in made.json()["warnings"] if each["code"] == unlike[0])
    assert (
        "ndpr-oxide is published in USD per kg oxide, but the price clause reads it in EUR per kg oxide"
        in told
    )
    etag = made.headers["etag"]
    other = {**terms, "shortfall_notice_days": 5}
    proposed = await post(
        shop, f"{path}/proposals?validate_only=true", seller, {"terms": other}, version=etag
    )
    assert unlike in warnings(proposed), proposed.text
    for firm in (seller, buyer):
        etag = (await shop.ask("GET", path, by=firm)).headers["etag"]
        signed = await post(shop, f"{path}/signatures", firm, {"proposal": 1, "binding": True}, version=etag)
        assert ("clause_unit_differs", "/proposal") in warnings(signed), signed.text
    on(shop, date(2027, 3, 11))
    before = await shop.rows()
    refused = await post(shop, f"{path}/deliveries", seller, lot(shipped_on="2027-03-11"))
    assert (409, "clause_unit_differs") == (refused.status_code, refused.json()["code"])
    assert "both sign an amendment" in refused.json()["detail"]
    assert before == await shop.rows()
    euros = await post(
        shop,
        "/v1/indices/eur-oxide/values",
        shop.scene.sellers[1],
        values(month(2, "50.00")),
        roles=("operator",),
    )
    assert 201 == euros.status_code, euros.text
    price = {**terms["price"], "index": {**terms["price"]["index"], "code": "eur-oxide"}}
    etag = (await shop.ask("GET", path, by=seller)).headers["etag"]
    mended = await post(shop, f"{path}/proposals", seller, {"terms": {**terms, "price": price}}, version=etag)
    assert unlike not in warnings(mended)
    for firm in (seller, buyer):
        etag = (await shop.ask("GET", path, by=firm)).headers["etag"]
        await post(shop, f"{path}/signatures", firm, {"proposal": 2, "binding": True}, version=etag)
    sent = await post(shop, f"{path}/deliveries", seller, lot(shipped_on="2027-03-11"))
    assert 201 == sent.status_code, sent.text


async def test_a_price_below_zero_and_a_value_ahead_of_its_period_are_warned_of(shop: Shop) -> None:
    on(shop, date(2027, 1, 1))
    below = {**TERMS, "price": {**TERMS["price"], "differential_per_kg": "-60.00"}}
    path, seller, buyer = await effective(shop, below)
    on(shop, date(2027, 3, 10))
    ahead = month(3, "40.00", "2027-03-10T00:00:00Z") | {"as_of": "2027-03-10"}
    early = await publish(shop, month(2, "50.00"), ahead)
    assert [("published_before_period_over", "/values/1/published_at")] == warnings(early)
    in_file = "first_day,last_day,amount,as_of,published_at,source\n" + ",".join(
        {**ahead, "published_at": "2027-03-10T08:00:00Z"}[name]
        for name in ("first_day", "last_day", "amount", "as_of", "published_at", "source")
    )
    slipped = in_file + "\n2027-04-01,2027-04-30,400.00,2027-03-10,2027-03-10T08:00:00Z,entered"
    tried = await upload(shop, slipped.encode(), path=FILES + "&validate_only=true")
    assert ("index_far_from_before", "/rows/3/amount") in warnings(tried), tried.text
    uploaded = await upload(shop, in_file.encode())
    assert [("published_before_period_over", "/rows/2/published_at")] == warnings(uploaded), uploaded.text
    sent = await post(shop, f"{path}/deliveries", seller, lot())
    assert "price_below_zero" in [code for code, _ in warnings(sent)], sent.text
    told = next(each for each in sent.json()["warnings"] if each["code"] == "price_below_zero")
    assert "-18 per kg: the seller pays" in told["detail"]
    delivery = sent.headers["location"]
    await post(shop, f"{delivery}/weighing", buyer, {"weighed_on": "2027-03-10", "net_wet_t": "10"})
    for firm in (seller, buyer):
        await post(
            shop, f"{delivery}/assays", firm, {"laboratory": "L", "reference": "1", "results": FIGURES}
        )
    await post(shop, f"{delivery}/acceptance", buyer, {"title_passed_on": "2027-03-10"})
    on(shop, date(2027, 4, 2))
    settled = await post(shop, f"{delivery}/settlement", seller)
    assert [("price_below_zero", "")] == warnings(settled), settled.text


async def test_a_lot_number_that_left_before_and_a_form_without_a_factor_are_warned_of(shop: Shop) -> None:
    """Whatever the case, and under whichever agreement of the seller; not what another seller ships."""
    on(shop, date(2027, 1, 1))
    product = {**TERMS["product"], "buyer_option_forms": ["metal"]}
    priced = {**TERMS["price"], "form_factor": "1.1755"}
    path, seller, _ = await effective(shop, {**TERMS, "product": product, "price": priced})
    other, *_ = await effective(shop)
    on(shop, date(2027, 3, 10))
    await publish(shop, month(2, "50.00"))
    first = await post(shop, f"{path}/deliveries", seller, lot(lot_number="Lot-1", form="metal"))
    assert ("form_without_factor", "/form") in warnings(first)
    told: list[str] = []
    for place, number in ((path, "LOT-1"), (other, "lot-1"), (other, "Lot-2")):
        for dry_run in ("?validate_only=true", ""):
            sent = await post(shop, f"{place}/deliveries{dry_run}", seller, lot(lot_number=number))
            assert sent.status_code in (200, 201), sent.text
            told += [
                each["detail"] for each in sent.json()["warnings"] if each["code"] == "lot_number_left_before"
            ]
    agreed = path.rpartition("/")[2]
    assert [
        f"Lot {before} left on 2027-03-10 under {agreed}: if it is the same lot, it is invoiced twice."
        for before in ("Lot-1", "Lot-1", "LOT-1", "LOT-1")
    ] == told
    again = await post(shop, f"{path}/deliveries", seller, lot(lot_number="Lot-1"))
    assert (409, "lot_delivered") == (again.status_code, again.json()["code"])


async def test_a_shipment_names_the_documents_of_its_handover(shop: Shop) -> None:
    """Both sides read them, a stranger does not; nothing of it is needed, and no document is of tomorrow."""
    on(shop, date(2027, 1, 1))
    path, seller, buyer = await effective(shop)
    on(shop, date(2027, 3, 10))
    note = {"title": "CMR 4711", "sha256": "4c" * 32, "dated_on": "2027-03-10"}
    consignment = {
        "carrier": "Carrier Ltd",
        "consignment_note": "4711",
        "container": None,
        "seals": ["S-1", "S-2"],
    }
    late = lot(documents=[note, note | {"dated_on": "2027-03-11"}])
    refused = await post(shop, f"{path}/deliveries", seller, late)
    assert (422, [("date_in_future", "/documents/1/dated_on")]) == (refused.status_code, faults(refused))
    named = await post(shop, f"{path}/deliveries", seller, lot(documents=[note], consignment=consignment))
    plain = await post(shop, f"{path}/deliveries", seller, lot(lot_number="L2", net_wet_t="1"))
    for answer, expected in ((named, (consignment, [note])), (plain, (None, []))):
        assert 201 == answer.status_code, answer.text
        for firm in (seller, buyer):
            shown = (await shop.ask("GET", answer.headers["location"], by=firm)).json()
            assert expected == (shown["consignment"], shown["documents"])
    client = await client_of(shop, buyer)
    read = await client.deliveries.read(named.headers["location"].rpartition("/")[2])
    assert ("4711", ("S-1", "S-2"), (note,)) == (
        read.consignment and read.consignment.consignment_note,
        read.consignment and read.consignment.seals,
        read.documents,
    )
    stranger = await shop.ask("GET", named.headers["location"], by=shop.scene.sellers[1])
    assert 404 == stranger.status_code


async def test_a_lot_that_is_offered_and_leaves_by_the_same_number_is_told_of(shop: Shop) -> None:
    """Parts of it too; not what only sounds alike, nor what is another seller's."""
    today = shop.scene.clock.now.date()
    on(shop, date(2026, 1, 1))
    path, seller, _ = await effective(shop)
    on(shop, today)
    named = {"site": to_text("fac", seller.facility), "lot_number": "Dup-2", "passport": None}
    offered = await post(shop, "/v1/supply-offers", seller, shop.offer_body(seller, physical_lot=named))
    assert (201, []) == (offered.status_code, _left(offered)), offered.text
    told = []
    for number in ("Dup-20", "Other-1", "DUP-2/1", "dup-2"):
        body = lot(lot_number=number, shipped_on=today.isoformat())
        shipped = await post(shop, f"{path}/deliveries", seller, body)
        assert 201 == shipped.status_code, shipped.text
        found = [each for each in shipped.json()["warnings"] if each["code"] == "lot_offered"]
        told.append([(each["pointer"], offered.json()["id"] in each["detail"]) for each in found])
    assert [[], [], [("/lot_number", True)], [("/lot_number", True)]] == told
    etag = offered.headers["etag"]
    amended = await shop.ask(
        "PATCH", offered.headers["location"], by=seller, body={"payment_terms": "30 days"}, version=etag
    )
    told_at_offers = [_left(amended)]
    for number, firm in (("OTHER-1", seller), ("Other", seller), ("Other-1", shop.scene.sellers[1])):
        named = {"site": to_text("fac", firm.facility), "lot_number": number, "passport": None}
        dry_run = await post(
            shop, "/v1/supply-offers?validate_only=true", firm, shop.offer_body(firm, physical_lot=named)
        )
        assert 200 == dry_run.status_code, dry_run.text
        told_at_offers.append(_left(dry_run))
    left = [("lot_left_before", "/physical_lot/lot_number")]
    assert [left, left, [], []] == told_at_offers


def _left(answer: httpx.Response) -> list[tuple[str, str]]:
    return [each for each in warnings(answer) if each[0] == "lot_left_before"]


async def test_what_is_shipped_before_an_amendment_counts_is_warned_of(shop: Shop) -> None:
    """Two amendments of one day: the first is for no day at all."""
    on(shop, date(2027, 1, 1))
    path, seller, buyer = await effective(shop)
    before = (await shop.ask("GET", path, by=buyer)).json()
    assert ("2027-01-01", []) == (before["counts_from"], before["superseded"])
    on(shop, date(2027, 3, 10))
    await publish(shop, month(2, "50.00"))
    told: list[Any] = []
    for number, differential in ((2, "5.00"), (3, "6.00")):
        terms = {**TERMS, "price": {**TERMS["price"], "differential_per_kg": differential}}
        tag = f'"v{(await shop.ask("GET", path, by=seller)).json()["version"]}"'
        proposed = await post(shop, f"{path}/proposals", seller, {"terms": terms}, version=tag)
        assert ("counts_from", None) in proposed.json().items(), proposed.text
        signature = {"proposal": number, "binding": True}
        for firm in (seller, buyer):
            tag = (await shop.ask("GET", path, by=firm)).headers["etag"]
            if firm is buyer:
                dry = f"{path}/signatures?validate_only=true"
                told.append((await post(shop, dry, firm, signature, version=tag)).json()["counts_from"])
            signed = await post(shop, f"{path}/signatures", firm, signature, version=tag)
            told.append(signed.json()["counts_from"])
    assert [None, "2027-03-11", "2027-03-11"] * 2 == told
    seen = (await shop.ask("GET", path, by=buyer)).json()
    assert "2027-03-11" == seen["counts_from"]
    assert [("2027-01-01", "2027-03-10", before["standing"]["terms_sha256"])] == [
        (each["counts_from"], each["counts_to"], each["terms_sha256"]) for each in seen["superseded"]
    ]
    sent = await post(shop, f"{path}/deliveries", seller, lot(lot_number="same-day"))
    assert ("former_terms", "/shipped_on") in warnings(sent), sent.text
    on(shop, date(2027, 3, 11))
    for day, warned in (("2027-03-10", True), ("2027-03-11", False)):
        sent = await post(shop, f"{path}/deliveries", seller, lot(lot_number=day, shipped_on=day))
        assert warned == (("former_terms", "/shipped_on") in warnings(sent)), sent.text
    left = sent.headers["location"].rpartition("/")[2]
    terms = {**TERMS, "price": {**TERMS["price"], "differential_per_kg": "7.00"}}
    on(shop, date(2027, 3, 15))
    for day, expected in (
        ("2027-03-11", f"{left} left on 2027-03-11. The earliest day is 2027-03-12."),
        ("2027-03-13", None),
        ("2027-12-01", None),
    ):
        tag = f'"v{(await shop.ask("GET", path, by=seller)).json()["version"]}"'
        stated = {"terms": {**terms, "effective_from": day}}
        proposed = await post(shop, f"{path}/proposals", seller, stated, version=tag)
        if expected is not None:
            (error,) = proposed.json()["errors"]
            assert ("day_settled", "/terms/effective_from") == (error["code"], error["pointer"])
            assert error["detail"].endswith(expected), error
            continue
        assert proposed.status_code == 201, proposed.text
        signature = {"proposal": proposed.json()["proposal"], "binding": True}
        counted = []
        for firm in (seller, buyer):
            tag = (await shop.ask("GET", path, by=firm)).headers["etag"]
            signed = await post(shop, f"{path}/signatures", firm, signature, version=tag)
            counted.append(signed.json()["counts_from"])
        assert [None, day] == counted
    seen = (await shop.ask("GET", path, by=buyer)).json()
    assert ("2027-12-01", "2027-12-01") == (seen["counts_from"], seen["standing"]["terms"]["effective_from"])
    assert [("2027-03-11", "2027-03-12"), ("2027-03-13", "2027-11-30")] == [
        (each["counts_from"], each["counts_to"]) for each in seen["superseded"]
    ][1:]
    tag = f'"v{seen["version"]}"'
    proposed = await post(shop, f"{path}/proposals", seller, {"terms": terms}, version=tag)
    assert ("signed_terms_fall", "/terms/effective_from") in warnings(proposed), proposed.text


async def test_nobody_but_the_parties_sees_a_delivery(shop: Shop) -> None:
    on(shop, date(2027, 1, 1))
    path, seller, _ = await effective(shop)
    on(shop, date(2027, 3, 10))
    await publish(shop, month(2, "50.00"))
    delivery = (await post(shop, f"{path}/deliveries", seller, lot())).headers["location"]
    outsider = shop.scene.sellers[1]
    for address in (delivery, f"{path}/deliveries", f"{path}/invoices"):
        assert 404 == (await shop.ask("GET", address, by=outsider)).status_code
    before = await shop.rows()
    steps: list[tuple[str, Any]] = [
        (f"{path}/deliveries", lot(lot_number="L2")),
        (f"{delivery}/weighing", {"weighed_on": "2027-03-10", "net_wet_t": "10"}),
        (f"{delivery}/weighing/objection", {"net_wet_t": "10", "reason": "no"}),
        (f"{delivery}/weighing/agreement", None),
        (f"{delivery}/non-arrival", {"reason": "no"}),
        (f"{delivery}/non-arrival/contest", {"reason": "no"}),
        (f"{delivery}/non-arrival/settlement", {"outcome": "falls"}),
        (
            f"{delivery}/weighing/survey",
            {
                "surveyor": "A",
                "reference": "1",
                "net_wet_t": "10",
                "certificate": {"title": "C", "sha256": "ab" * 32, "dated_on": "2027-03-10"},
            },
        ),
        (f"{delivery}/assays", {"laboratory": "A", "reference": "1", "results": FIGURES}),
        (f"{delivery}/exchange", None),
        (
            f"{delivery}/umpire",
            {
                "laboratory": "A",
                "reference": "1",
                "results": FIGURES,
                "certificate": {"title": "C", "sha256": "ab" * 32, "dated_on": "2027-03-10"},
            },
        ),
        (f"{delivery}/umpire/objection", {"reason": "no"}),
        (f"{delivery}/acceptance", {"title_passed_on": "2027-03-10"}),
        (f"{delivery}/rejection", None),
        (f"{delivery}/settlement", None),
        (f"{delivery}/restatements", None),
        (f"{path}/quarters", {"quarter": "2027-01-01"}),
    ]
    for address, body in steps:
        assert 404 == (await post(shop, address, outsider, body)).status_code, address
    assert before == await shop.rows()
    reason = await shop.ask("GET", delivery, by=outsider, roles=("auditor",))
    assert 400 == reason.status_code
    audited = await shop.ask("GET", f"{delivery}?reason=case-1", by=outsider, roles=("auditor",))
    assert 200 == audited.status_code


async def test_what_cannot_be_shipped_is_told_in_the_words_of_the_body(shop: Shop) -> None:
    on(shop, date(2027, 1, 1))
    path, seller, _ = await effective(shop)
    on(shop, date(2027, 3, 10))
    body = lot(form="swarf", moisture_percent="100", stated=FIGURES[:1], shipped_on="2027-03-11")
    refused = await post(shop, f"{path}/deliveries", seller, body)
    assert 422 == refused.status_code
    assert [
        ("date_in_future", "/shipped_on"),
        ("delivered_form_unfit", "/form"),
        ("analyte_missing", "/stated"),
        ("delivery_moisture_whole", "/moisture_percent"),
    ] == faults(refused)
    unknown = await post(shop, f"{path}/deliveries", seller, lot(certificates=["cert_" + "0" * 32]))
    assert (422, "certificate_not_owned") == (unknown.status_code, unknown.json()["code"])
    stated = [{**each, "fraction": {"unit": "percent", "amount": "49.95"}} for each in FIGURES]
    oxides = await post(shop, f"{path}/deliveries", seller, lot(stated=stated))
    assert (422, [("results_over_oxide", "/stated")]) == (oxides.status_code, faults(oxides))
    assert "as elements they are Nd 42.827 %, Pr 41.343 %." in oxides.text
    await assert_held_against_its_passport(shop, f"{path}/deliveries", seller)


async def assert_held_against_its_passport(shop: Shop, path: str, seller: Firm) -> None:
    """Of another's passport nothing is told; a part of a lot leaves, and its seller learns what stays."""
    other = shop.scene.sellers[1]
    cells = [{**each, "state": "value"} for each in FIGURES]
    stated = {"lot_number": "L9", "form": "separated_oxide", "net_wet_t": "10.4", "moisture_percent": "0"}
    stated |= {"composition": {"basis": "dry", "of": "sample", "cells": cells}}  # type: ignore[dict-item]
    alien, own = [await issued(shop, firm, **stated) for firm in (other, seller)]
    for passport in (alien, f"pass_{UUID(int=9).hex}"):
        unknown = await post(shop, path, seller, lot(lot_number="L9", passport=passport))
        assert (404, "passport_unknown", "/passport") == (
            unknown.status_code,
            unknown.json()["code"],
            unknown.json()["errors"][0]["pointer"],
        )
    shares = {"post_consumer_percent": "1", "pre_consumer_percent": "0"}
    above = lot(lot_number="X9", passport=own, net_wet_t="10.921", recycled=shares)
    refused = await post(shop, path, seller, above)
    assert [
        ("lot_number_not_of_passport", "/lot_number"),
        ("lot_above_passport", "/net_wet_t"),
        ("recycled_above_passport", "/recycled/post_consumer_percent"),
    ] == faults(refused), refused.text
    await publish(shop, month(2, "50"))
    higher = [{"analyte": "Nd", "fraction": {"unit": "percent", "amount": "64"}}, FIGURES[1]]
    more = lot(lot_number="L9", passport=own, net_wet_t="10.92", stated=higher)
    told = warnings(await post(shop, f"{path}?validate_only=true", seller, more))
    assert [("lot_above_passport", "/net_wet_t"), ("basis_above_passport", "/stated")] == told[-2:]
    part = await post(shop, path, seller, lot(lot_number="L9/1", passport=own, net_wet_t="1"))
    assert ("lot_shipped_in_part", "/passport") == warnings(part)[-1]
    await assert_no_second_lot_of_a_part(shop, seller, own, stated)
    over = await post(shop, path, seller, lot(lot_number="L9/2", passport=own))
    assert [("lot_above_passport", "/net_wet_t")] == faults(over)
    rest = await post(shop, path, seller, lot(lot_number="L9/2", passport=own, net_wet_t="9.4"))
    assert 201 == rest.status_code, rest.text
    place = f"/v1/passports/{own}"
    journeys = (await shop.ask("GET", place, by=seller)).json()["journeys"]
    assert [("L9/1", "shipped", None), ("L9/2", "shipped", None)] == [
        (each["lot_number"], each["status"], each["replaces"]) for each in journeys
    ]
    assert rest.headers["location"].endswith(journeys[1]["delivery"])
    # who reads any passport is no side of what was delivered
    seen = await shop.ask("GET", place, by=other, roles=("auditor",))
    assert (200, []) == (seen.status_code, seen.json()["journeys"])
    listed = (await shop.ask("GET", "/v1/passports", by=seller)).json()["items"]
    assert {None} == {each["journeys"] for each in listed}


async def assert_no_second_lot_of_a_part(
    shop: Shop, seller: Firm, passport: str, stated: dict[str, Any]
) -> None:
    """1 t left as L9/1: what stays is no L9/1, and a passport of that number is no second one of it."""
    made = stated | {"lot_number": "l9/1", "net_wet_t": "9.4"}
    work = {
        "facility": to_text("fac", seller.facility),
        "stage": "processing",
        "transformed_on": "2026-03-02",
        "custody": "segregated",
        "inputs": [{"passport": passport, "net_wet_t": "9.4"}],
        "outputs": [made],
    }
    path = "/v1/transformations?validate_only=true"
    refused = await post(shop, path, seller, work)
    assert [("lot_number_delivered", "/outputs/0/lot_number")] == faults(refused), refused.text
    kept = await post(shop, path, seller, work | {"outputs": [made | {"lot_number": "L9/2"}]})
    assert 200 == kept.status_code, kept.text
    again = await issued(shop, seller, **(stated | {"lot_number": "L9/1", "net_wet_t": "1"}))
    handed = {"owner": to_text("org", shop.scene.buyers[0].organisation), "transferred_on": "2026-03-02"}
    told = await post(
        shop, f"/v1/passports/{again}/transfers?validate_only=true", seller, handed, version='"v1"'
    )
    assert ("lot_delivered_by_other", "/owner") in warnings(told), told.text
    bare = await issued(shop, seller, **(stated | {"lot_number": "L8"}))
    told = await post(
        shop, f"/v1/passports/{bare}/transfers?validate_only=true", seller, handed, version='"v1"'
    )
    assert "lot_delivered_by_other" not in told.text


async def neodymium(shop: Shop, by: Firm) -> dict[str, str | None]:
    """What the monitor counts of one's own, in each state; the first as it answers by itself."""
    found: dict[str, str | None] = {}
    for asked in ("", "?counted=confirmed", "?counted=delivered"):
        told = (await shop.ask("GET", f"/v1/crma/shares{asked}", by=by)).json()
        of = [each["consumption_kg"] for each in told["elements"] if each["element"] == "Nd"]
        found[told["counted"]] = of[0] if of else None
    return found


async def follow(shop: Shop, **of_lot: Any) -> str:
    """A match of 2,000 kg of lot HOARD-1; the path of the contract that the follower makes of it."""
    scene = shop.scene
    await scene.lot(scene.sellers[0], "HOARD-1", commitment="firm", **of_lot)
    await scene.require(scene.buyers[0], commitment="firm")
    await scene.conclude(await scene.plan())
    (confirmed,) = [event for event in await scene.events("market") if isinstance(event.data, MatchConfirmed)]
    assert isinstance(confirmed.data, MatchConfirmed)
    made = from_match(confirmed.lane, confirmed.data, Moment(scene.clock.now, uuid7))
    async with scene.pool.acquire() as connection, connection.transaction():
        heads = await lock_lanes(connection, [LaneKey("contracts", confirmed.lane)])
        drafted, _ = await append(
            connection,
            heads,
            made.drafts,
            cause=str(confirmed.id),
            actor=confirmed.actor,
            source="urn:lodestone:" + str(UUID(int=1)),
            now=scene.clock.now,
            new_id=uuid7,
            new_salt=new_salt,
            apply=apply,
        )
    assert isinstance(drafted.data, AgreementDrafted)
    return f"/v1/agreements/{to_text('agr', drafted.data.agreement)}"


async def test_a_lot_that_is_not_shown_as_demanded_is_told_to_both_and_rejected(shop: Shop) -> None:
    on(shop, date(2027, 1, 1))
    demands = {
        "origins_excluded": ["CN"],
        "footprint_max_kg_co2e_per_kg": "25",
        "certificates": ["rmi-ramp"],
        "th_max_bq_per_g": "0.5",
        "u_max_bq_per_g": None,
        "footprint_scope": None,
        "recycled_min_percent": None,
        "recycled_max_percent": "60",
    }
    path, seller, buyer = await effective(shop, TERMS | {"product": TERMS["product"] | {"demands": demands}})
    for firm in (seller, buyer):
        read = (await shop.ask("GET", path, by=firm)).json()["standing"]["terms"]["product"]
        assert demands | {"origins_in_full": False} == read["demands"]
    on(shop, date(2027, 3, 10))
    await publish(shop, month(2, "50.00"))
    fit = lot(
        origin=[{"stage": "processing", "country": "FR"}],
        footprint=OFFER["footprint"] | {"kg_co2e_per_kg": "25"},
        th_bq_per_g="0.5",
    )
    tried = await post(shop, f"{path}/deliveries?validate_only=true", seller, fit)
    by_word = ("claim_without_passport", "/passport")
    assert [("demand_unmet", "/certificates"), by_word] == warnings(tried), tried.text
    unfit = fit | {"origin": [{"stage": "extraction", "country": "CN"}], "th_bq_per_g": "0.501"}
    shipped = await post(shop, f"{path}/deliveries", seller, unfit)
    unmet = [("demand_unmet", place) for place in ("/origin", "/certificates", "/th_bq_per_g")]
    assert [*unmet, by_word] == warnings(shipped), shipped.text
    delivery = shipped.headers["location"]
    weighed = await post(shop, f"{delivery}/weighing", buyer, {"weighed_on": "2027-03-10", "net_wet_t": "10"})
    assert [("demand_unmet", "")] == warnings(weighed), weighed.text
    for firm in (seller, buyer):
        await post(
            shop, f"{delivery}/assays", firm, {"laboratory": "A", "reference": "1", "results": FIGURES}
        )
    rejected = await post(shop, f"{delivery}/rejection", buyer)
    assert 201 == rejected.status_code, rejected.text
    assert [
        "origin:extraction in CN, which is excluded",
        "certificate:rmi-ramp is demanded, none that is valid is shown",
        "th_activity:0.501 Bq/g, agreed at most 0.5 Bq/g",
    ] == (await shop.ask("GET", delivery, by=seller)).json()["rejected"]


async def test_the_contract_of_a_match_takes_its_lot_and_no_more_than_its_quantity(shop: Shop) -> None:
    path = await follow(shop)
    seller, buyer = shop.scene.sellers[0], shop.scene.buyers[0]
    body = lot(
        lot_number="HOARD-1",
        form="metal",
        shipped_on=shop.scene.clock.now.date().isoformat(),
        stated=[*FIGURES, {"analyte": "Th", "fraction": {"unit": "ppm", "amount": "0"}}],
    )
    other = await post(shop, f"{path}/deliveries", seller, body | {"lot_number": "ELSE-9"})
    assert [("lot_not_of_match", "/lot_number")] == faults(other), other.text
    over = await post(shop, f"{path}/deliveries", seller, body | {"net_wet_t": "2.75001"})
    assert [("quantity_of_match_passed", "/net_wet_t")] == faults(over), over.text
    radiant = {"analyte": "Th", "fraction": {"unit": "percent", "amount": "1"}}
    stated = body | {"net_wet_t": "2", "stated": [*FIGURES, radiant]}
    told = await post(shop, f"{path}/deliveries?validate_only=true", seller, stated)
    assert ("stated_off_spec", "/stated") in warnings(told)
    shipped = await post(shop, f"{path}/deliveries", seller, body | {"net_wet_t": "2.75"})
    assert 201 == shipped.status_code, shipped.text
    assert [
        ("shipped_outside_window", "/shipped_on"),
        ("quantity_agreed_passed", "/net_wet_t"),
        ("less_shown_than_offered", "/origin"),
    ] == warnings(shipped)
    weighing = f"{shipped.headers['location']}/weighing"
    weighed = {"weighed_on": body["shipped_on"], "net_wet_t": "25"}
    told = await post(shop, f"{weighing}?validate_only=true", buyer, weighed)
    assert [
        ("weighed_far_from_shipped", "/net_wet_t"),
        ("weighed_far_above_shipped", "/net_wet_t"),
        ("weighing_may_be_objected", "/net_wet_t"),
    ] == warnings(told)
    confirmed = {"confirmed": "1599.9998", "delivered": None}
    assert {"taken": "1599.9998", **confirmed} == await neodymium(shop, buyer)
    assert [] == warnings(await post(shop, weighing, buyer, weighed | {"net_wet_t": "2.745"}))
    delivery = shipped.headers["location"]
    for firm in (seller, buyer):
        lodged = {"laboratory": "AHK", "reference": "1", "results": FIGURES}
        assert 201 == (await post(shop, f"{delivery}/assays", firm, lodged)).status_code
    passed = {"title_passed_on": body["shipped_on"]}
    accepted = await post(shop, f"{delivery}/acceptance", buyer, passed)
    assert 201 == accepted.status_code, accepted.text
    assert {"taken": "1647.000", **confirmed, "delivered": "1647.000"} == await neodymium(shop, buyer)
    mapped = (await shop.ask("GET", "/v1/crma/supplier-map?format=csv", by=buyer)).text
    assert [",delivery,"] == sorted({name for name in (",delivery,", ",lot,") if name in mapped})
