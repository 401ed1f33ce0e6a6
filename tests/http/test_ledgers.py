"""A ledger kept elsewhere: what changed of invoices and payments, files by which they reconcile, and how the
quantity of an invoice came about."""

import csv
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Any

import asyncpg
import httpx
import openpyxl

from events.replay import from_journal
from market.rebuild import compare_with_record
from tests.http.shop import Shop
from tests.http.test_client import client_of
from tests.http.test_deliveries import FIGURES, effective, lot, month, on, post, publish
from tests.http.test_own_lists import items, rows_of, traded
from tests.http.test_payments import step, transfer


def sheet(answer: httpx.Response, name: str) -> tuple[list[str], list[dict[str, Any]]]:
    head, *lines = openpyxl.load_workbook(BytesIO(answer.content))[name].iter_rows(values_only=True)
    return [str(each) for each in head], [dict(zip(map(str, head), line, strict=True)) for line in lines]


async def test_a_ledger_learns_what_changed_of_invoices_and_payments(shop: Shop) -> None:
    _, seller, buyer, outsider = await traded(shop)
    listed = await items(shop, "/v1/invoices", buyer)
    first, second = listed[0]["invoice"], listed[1]["invoice"]
    assert {"2027-05-10T09:00:00Z"} == {each["updated_at"] for each in listed}
    on(shop, date(2027, 5, 12))
    stated = await post(shop, "/v1/payments", buyer, transfer({second: "100000.00"}, value_on="2027-05-11"))
    assert 201 == stated.status_code, stated.text
    on(shop, date(2027, 5, 13))
    other = await post(shop, "/v1/payments", buyer, transfer({first: "5.00"}, reference="=E2E"))
    assert 201 == other.status_code, other.text
    address = "/v1/invoices?updated_since=2027-05-11T00:00:00Z"
    changed, paged = [await items(shop, f"{address}&limit={limit}", seller) for limit in (50, 1)]
    assert changed == paged
    assert [second, first, listed[2]["invoice"]] == [each["invoice"] for each in changed]
    assert ["2027-05-12T09:00:00Z", *["2027-05-13T09:00:00Z"] * 2] == [each["updated_at"] for each in changed]
    assert changed[1:] == await items(shop, address.replace("05-11", "05-13"), seller)
    assert [] == await items(shop, address, outsider)
    on(shop, date(2027, 5, 14))
    assert 201 == (await step(shop, f"{stated.headers['location']}/receipt", seller)).status_code
    newest = await items(shop, f"{address}&sort=updated_at", buyer)
    assert [first, listed[2]["invoice"], second] == [each["invoice"] for each in newest]
    assert "100000.00" == newest[-1]["paid"]
    paid = await items(shop, "/v1/payments?updated_since=2027-05-12T10:00:00Z&limit=1", buyer)
    assert [("stated", "2027-05-13T09:00:00Z"), ("received", "2027-05-14T09:00:00Z")] == [
        (each["status"], each["updated_at"]) for each in paid
    ]
    for query, expected in {
        "value_from=2027-05-11": [paid[1]["id"]],
        "value_before=2027-05-11": [paid[0]["id"]],
        "value_from=2027-05-10&value_before=2027-05-12": [paid[0]["id"], paid[1]["id"]],
    }.items():
        found = await items(shop, f"/v1/payments?{query}", seller)
        assert expected == [each["id"] for each in found], query
    client = await client_of(shop, buyer)
    since = datetime(2027, 5, 14, tzinfo=UTC)
    again = [each async for each in client.invoices.list(updated_since=since)]
    assert [second] == [each.invoice for each in again]
    told = [each async for each in client.payments.list(updated_since=since)]
    assert ["received"] == [each.status for each in told]


async def test_payments_are_files_too(shop: Shop) -> None:
    _, _, buyer, _ = await traded(shop)
    first, second = [each["invoice"] for each in (await items(shop, "/v1/invoices", buyer))[:2]]
    reference = '=HYPERLINK("x")'
    parts = {first: "300000.00", second: "12.50"}
    stated = await post(shop, "/v1/payments", buyer, transfer(parts, reference=reference))
    assert 201 == stated.status_code, stated.text
    answer = await shop.ask("GET", "/v1/payments?format=csv", by=buyer)
    assert 'attachment; filename="payments.csv"' == answer.headers["content-disposition"]
    rows = rows_of(answer)
    assert [(first, "300000.00", ""), (second, "12.50", "")] == [
        (row["invoice"], row["stated"], row["received"]) for row in rows
    ]
    assert {f"'{reference}"} == {row["reference"] for row in rows}
    head, lines = sheet(await shop.ask("GET", "/v1/payments?format=xlsx", by=buyer), "payments")
    assert list(rows[0]) == head
    assert [(300_000, 300_012.5, date(2027, 5, 10)), (12.5, 300_012.5, date(2027, 5, 10))] == [
        (line["stated"], line["amount"], line["value_on"].date()) for line in lines
    ]
    assert reference == lines[0]["reference"], "a cell of text, no formula"


async def test_an_invoice_says_how_its_quantity_came_about(shop: Shop) -> None:
    """Mass and assay both differ from what left."""
    on(shop, date(2027, 1, 1))
    path, seller, buyer = await effective(shop)
    on(shop, date(2027, 3, 10))
    await publish(shop, month(2, "50.00"))
    delivery = (await post(shop, f"{path}/deliveries", seller, lot())).headers["location"]
    (sent,) = await items(shop, "/v1/invoices", buyer)
    assert ["net_wet", "moisture", "dry", "assay", "assay", "invoiced"] == [
        of["kind"] for of in sent["quantity"]
    ]
    assert {(None, None)} == {(of["shipped"], of["moved_kg"]) for of in sent["quantity"]}
    assert sent["lines"][0]["quantity_kg"] == sent["quantity"][-1]["counts"]
    weighing = {"weighed_on": "2027-03-10", "net_wet_t": "9.9", "moisture_percent": "0.5"}
    assert 201 == (await post(shop, f"{delivery}/weighing", buyer, weighing)).status_code
    agreed = await post(shop, f"{delivery}/weighing/agreement", seller)
    assert 201 == agreed.status_code, agreed.text
    less = {"unit": "percent", "amount": "59.8"}
    lower = [{"analyte": "Nd", "fraction": less}, *FIGURES[1:]]
    for firm, figures in ((seller, FIGURES), (buyer, lower)):
        assay = {"laboratory": "L", "reference": "1", "results": figures}
        assert 201 == (await post(shop, f"{delivery}/assays", firm, assay)).status_code
    taken = await post(shop, f"{delivery}/acceptance", buyer, {"title_passed_on": "2027-03-10"})
    assert 201 == taken.status_code, taken.text
    on(shop, date(2027, 5, 10))
    await publish(shop, month(3, "60.00"), month(4, "60.00"))
    assert 201 == (await post(shop, f"{delivery}/settlement", seller)).status_code
    (final,) = [each for each in await items(shop, "/v1/invoices", seller) if each["settles"] == "final"]
    lines = final["quantity"]
    assert ["net_wet", "moisture", "dry", "assay", "assay", "basis", "invoiced"] == [
        of["kind"] for of in lines
    ]
    assert [("10.000", "9.900", "agreed"), ("0", "0.5", "agreed"), ("10.000", "9.8505", None)] == [
        (of["shipped"], of["counts"], of["figure_of"]) for of in lines[:3]
    ]
    assert ["mean", "mean"] == [of["figure_of"] for of in lines[3:5]]
    assert "59.8" == lines[3]["settled"]["buyer"]["amount"]
    moved = [of for of in lines if of["moved_kg"] is not None]
    assert [True, True, True, False] == [Decimal(of["moved_kg"]) < 0 for of in moved]
    basis, invoiced = lines[-2:]
    assert Decimal(basis["counts"]) - Decimal(basis["shipped"]) == sum(
        Decimal(of["moved_kg"]) for of in moved
    )
    assert invoiced["counts"] == final["lines"][0]["quantity_kg"] == basis["counts"]
    price = Decimal(final["lines"][0]["price_per_kg"])
    assert Decimal(final["lines"][0]["amount"]) - Decimal(basis["shipped"]) * price == sum(
        Decimal(of["moved_amount"]) for of in moved
    )
    assert (sent["invoice"], "L1", "2027-03-10") == (
        final["corrects"],
        final["lot_number"],
        final["shipped_on"],
    )
    read_alone = (await shop.ask("GET", f"/v1/invoices/{final['invoice']}", by=seller)).json()
    assert final == {name: read_alone[name] for name in final}
    file = await shop.ask("GET", "/v1/invoices?format=csv", by=seller)
    (row,) = [each for each in csv.DictReader(StringIO(file.text)) if each["settles"] == "final"]
    assert ("10.000", "9.900", "0.5", "9.8505", basis["counts"], invoiced["counts"], "final") == tuple(
        row[name]
        for name in (
            "shipped_net_wet_t",
            "net_wet_t",
            "moisture_percent",
            "dry_t",
            "basis_kg",
            "quantity_kg",
            "line",
        )
    )
    _, cells = sheet(await shop.ask("GET", "/v1/invoices?format=xlsx", by=seller), "invoices")
    assert {date(2027, 3, 10)} == {each["shipped_on"].date() for each in cells}
    assert [9.9] == [each["net_wet_t"] for each in cells if each["settles"] == "final"]
    client = await client_of(shop, buyer)
    read = await client.invoices.read(final["invoice"])
    assert ["9.900", "0.5"] == [of.counts for of in read.quantity[:2]]


async def test_figures_echo_in_the_unit_that_they_were_stated_in(shop: Shop) -> None:
    on(shop, date(2027, 1, 1))
    path, seller, buyer = await effective(shop)
    on(shop, date(2027, 3, 10))
    await publish(shop, month(2, "50.00"))
    traces = [
        {"analyte": "Th", "fraction": {"unit": "ppm", "amount": "6200"}},
        {"analyte": "U", "fraction": {"unit": "percent", "amount": "0.062"}},
    ]
    bad = {"analyte": "Th", "fraction": {"unit": "permille", "amount": "6"}}
    refused = await post(shop, f"{path}/deliveries", seller, lot(stated=[*FIGURES, bad]))
    assert 400 == refused.status_code
    sent = await post(shop, f"{path}/deliveries", seller, lot(stated=[*FIGURES, *traces]))
    assert 201 == sent.status_code, sent.text
    delivery = sent.headers["location"]
    weighing = {"weighed_on": "2027-03-10", "net_wet_t": "10"}
    assert 201 == (await post(shop, f"{delivery}/weighing", buyer, weighing)).status_code
    in_ppm = {"analyte": "Nd", "fraction": {"unit": "ppm", "amount": "600000"}}
    for firm, figures in ((seller, FIGURES), (buyer, [in_ppm, FIGURES[1]])):
        assay = {"laboratory": "L", "reference": "1", "results": figures}
        assert 201 == (await post(shop, f"{delivery}/assays", firm, assay)).status_code
    shown = (await shop.ask("GET", delivery, by=seller)).json()
    assert [
        {**FIGURES[0], "fraction_percent": "60"},
        {**FIGURES[1], "fraction_percent": "20"},
        {**traces[0], "fraction_percent": "0.62"},
        {**traces[1], "fraction_percent": "0.062"},
    ] == shown["stated"]
    assert {**in_ppm, "fraction_percent": "60"} == shown["buyer_assay"]["results"][0]
    assert [("percent", "60", "60"), ("percent", "20", "20")] == [
        (each["settled"]["unit"], each["settled"]["amount"], each["settled_percent"])
        for each in shown["settled"]
    ]
    client = await client_of(shop, buyer)
    (listed,) = [each async for each in client.deliveries.list()]
    assert Decimal("0.62") == listed.stated[2].fraction_percent


async def test_what_books_call_an_invoice_is_said_by_whose_they_are(shop: Shop, database: Any) -> None:
    _, seller, buyer, outsider = await traded(shop)
    first, second, third, _ = [each["invoice"] for each in await items(shop, "/v1/invoices", buyer)]
    path = f"/v1/invoices/{first}/reference"
    number = {"reference": "RE-2027/41", "dated_on": "2027-05-09"}
    for by, body, status, code in (
        (outsider, number, 404, "invoice_unknown"),
        (seller, {**number, "dated_on": "2027-05-11"}, 422, "date_in_future"),
    ):
        answer = await post(shop, path, by, body)
        assert (status, code) == (answer.status_code, answer.json()["code"]), answer.text
    assert 404 == (await post(shop, f"/v1/invoices/inv_{'0' * 32}/reference", seller, number)).status_code
    for bad in ("", "=1+1", "a b", "x" * 65, "41\n"):
        answer = await post(shop, path, seller, {"reference": bad})
        assert (400, "/reference") == (answer.status_code, answer.json()["errors"][0]["pointer"]), bad
    assert 403 == (await post(shop, path, seller, number, roles=("reader",))).status_code
    rehearsed = await shop.ask("POST", f"{path}?validate_only=true", by=seller, body=number)
    assert ["contracts.invoice.referenced.v1"] == rehearsed.json()["would_record"]
    (untold,) = [each for each in await items(shop, "/v1/invoices", seller) if each["invoice"] == first]
    assert (None, None) == (untold["seller_reference"], untold["buyer_reference"])
    on(shop, date(2027, 5, 12))
    said = await post(shop, path, seller, number, roles=("accountant",))
    assert (201, []) == (said.status_code, said.json()["warnings"]), said.text
    alike = await post(shop, f"/v1/invoices/{second}/reference", seller, {"reference": "re-2027/41"})
    (warning,) = alike.json()["warnings"]
    assert ("reference_repeated", "/reference") == (warning["code"], warning["pointer"])
    assert first in warning["detail"]
    other = await post(shop, path, buyer, {"reference": "FI:5100004711"})
    assert (201, []) == (other.status_code, other.json()["warnings"])
    client = await client_of(shop, seller)
    await client.invoices.refer(second, "RE-2027/42", dated_on=date(2027, 5, 12))
    again = await client.invoices.refer(first, "RE-2027/41a")
    assert 1 == len(again.receipts)
    for firm in (seller, buyer):
        shown = (await shop.ask("GET", f"/v1/invoices/{first}", by=firm)).json()
        assert ("RE-2027/41a", None, "FI:5100004711", None, "2027-05-12T09:00:00Z") == tuple(
            shown[name]
            for name in (
                "seller_reference",
                "seller_dated_on",
                "buyer_reference",
                "buyer_dated_on",
                "updated_at",
            )
        )
    changed = await items(shop, "/v1/invoices?updated_since=2027-05-12T00:00:00Z", buyer)
    assert {first, second} == {each["invoice"] for each in changed}
    for asked, expected in (("re-2027/42", [second]), ("fi:5100004711", [first]), ("none", [])):
        found = await items(shop, f"/v1/invoices?reference={asked}", buyer)
        assert expected == [each["invoice"] for each in found]
    rows = {
        row["invoice"]: row for row in rows_of(await shop.ask("GET", "/v1/invoices?format=csv", by=buyer))
    }
    assert ("RE-2027/42", "2027-05-12", "") == tuple(
        rows[second][name] for name in ("seller_reference", "seller_dated_on", "buyer_reference")
    )
    assert "" == rows[third]["seller_reference"]
    owner = await asyncpg.connect(database.dsn("owner"), server_settings={"search_path": "state, view"})
    try:
        pool = shop.scene.pool
        report = await compare_with_record(owner, lambda lane, upto: from_journal(pool, lane, upto=upto))
    finally:
        await owner.close()
    assert [] == [table.table for table in report.tables if table.differences]
