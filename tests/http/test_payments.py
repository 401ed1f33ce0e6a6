"""Invoices paid: what payers state and payees say, what is open then, and who may do what."""

import asyncio
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest

from market.audit.receipt_proof import FORMAT, OF_AGREEMENT, check_receipt_proof, parse_receipt_proof
from market.http.agreements import own_invoices
from market.http.wire.ids import to_uuid
from tests.http.seals import OPERATOR, WITNESS, sealed
from tests.http.shop import Shop
from tests.http.test_agreements import step as agreed_step
from tests.http.test_client import client_of
from tests.http.test_deliveries import on, post
from tests.http.test_own_lists import items, rows_of, traded
from tests.market_drafts import Firm

TODAY = "2027-05-10"


def transfer(parts: dict[str, str], **changes: Any) -> dict[str, Any]:
    amount = sum(map(Decimal, parts.values()))
    return {
        "currency": "EUR",
        "amount": str(amount),
        "value_on": TODAY,
        "reference": "E2E-1",
        "parts": [{"invoice": invoice, "amount": text} for invoice, text in parts.items()],
    } | changes


async def step(shop: Shop, path: str, by: Firm, body: Any = None, *, version: int = 1) -> httpx.Response:
    return await post(shop, path, by, body, version=f'"v{version}"')


def codes(answer: httpx.Response) -> list[tuple[str, str | None]]:
    return [(each["code"], each.get("pointer")) for each in answer.json()["errors"]]


async def standing(shop: Shop, invoice: str, by: Firm) -> tuple[str, ...]:
    shown = (await shop.ask("GET", f"/v1/invoices/{invoice}", by=by)).json()
    return tuple(shown[name] for name in ("status", "outstanding", "paid", "set_off", "announced"))


async def test_what_keeps_a_payment_from_its_invoices(shop: Shop) -> None:
    """All reasons at once; nobody learns of invoices of others."""
    _, seller, buyer, outsider = await traded(shop)
    due = await items(shop, "/v1/invoices", buyer)
    first, second = due[0]["invoice"], due[1]["invoice"]
    unknown = "inv_" + "0" * 32
    for firm, body in (
        (outsider, transfer({first: "1.00"})),
        (buyer, transfer({unknown: "1.00"})),
    ):
        answer = await post(shop, "/v1/payments", firm, body)
        assert (404, [("invoice_unknown", "/parts/0/invoice")]) == (answer.status_code, codes(answer))
    assert 404 == (await shop.ask("GET", f"/v1/invoices/{first}", by=outsider)).status_code
    body = transfer({first: "360000.01", second: "-1.00"}, currency="JPY", amount="7", value_on="2027-05-18")
    answer = await post(shop, "/v1/payments", buyer, body)
    assert 409 == answer.status_code
    assert {
        ("currency_without_cents", "/currency"),
        ("payment_currency_differs", "/parts/0/invoice"),
        ("payment_currency_differs", "/parts/1/invoice"),
        ("invoice_overpaid", "/parts/0/amount"),
        ("payment_sign_unfit", "/parts/1/amount"),
        ("payment_sum_differs", "/amount"),
        ("value_day_far", "/value_on"),
    } == set(codes(answer))
    twice = transfer({first: "200000.00"})
    twice["parts"] *= 2
    for firm, path, body, status, code in (
        (buyer, "payments", transfer({first: "360000.01"}), 409, "invoice_overpaid"),
        (buyer, "payments", transfer({first: "1.00"}, currency="USD"), 422, "payment_currency_differs"),
        (buyer, "payments", transfer({first: "1.00"}, amount="1.01"), 422, "payment_sum_differs"),
        (buyer, "payments", twice, 422, "invoice_named_twice"),
        (seller, "payments", transfer({first: "1.00"}), 422, "payment_sign_unfit"),
        (seller, "payments", transfer({first: "-1.00"}, amount="0"), 422, "payment_below_zero"),
        (seller, "incoming-payments", transfer({first: "1"}, value_on="2027-05-11"), 422, "date_in_future"),
    ):
        answer = await post(shop, f"/v1/{path}", firm, body)
        assert status == answer.status_code, answer.text
        assert code in {of for of, _ in codes(answer)}
    assert [] == (await shop.ask("GET", "/v1/payments", by=buyer)).json()["items"]
    rehearsed = await shop.ask(
        "POST",
        "/v1/payments?validate_only=true",
        body=transfer({first: "1.00"}),
        by=buyer,
    )
    assert (200, None) == (rehearsed.status_code, rehearsed.json()["id"])


async def test_a_payment_is_stated_denied_and_confirmed_in_part(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, seller, buyer, outsider = await traded(shop)
    first, second = [each["invoice"] for each in (await items(shop, "/v1/invoices", buyer))[:2]]
    stated = await post(shop, "/v1/payments", buyer, transfer({first: "360000.00", second: "100000.00"}))
    assert 201 == stated.status_code, stated.text
    path = stated.headers["location"]
    assert ("open", "360000.00", "0.00", "0.00", "360000.00") == await standing(shop, first, buyer)
    again = await post(shop, "/v1/payments", buyer, transfer({second: "1.00"}))
    assert (409, [("payment_repeated", "/reference")]) == (again.status_code, codes(again))
    more = await post(shop, "/v1/payments", buyer, transfer({first: "0.01"}, reference="E2E-2"))
    assert (409, ["invoice_overpaid"]) == (more.status_code, [code for code, _ in codes(more)])
    for firm, verb, body, status, code in (
        (outsider, "denial", {"reason": "x"}, 404, "payment_unknown"),
        (buyer, "denial", {"reason": "x"}, 403, "payment_of_other"),
        (seller, "withdrawal", {"reason": "x"}, 403, "payment_of_other"),
        (seller, "reversal", {"reason": "x"}, 409, "payment_status_unfit"),
    ):
        answer = await step(shop, f"{path}/{verb}", firm, body)
        assert (status, code) == (answer.status_code, answer.json()["code"]), answer.text
    assert 404 == (await shop.ask("GET", path, by=outsider)).status_code
    assert 428 == (await post(shop, f"{path}/receipt", seller)).status_code
    denied = await step(shop, f"{path}/denial", seller, {"reason": "nothing yet"})
    assert (201, '"v2"') == (denied.status_code, denied.headers["etag"])
    assert ("open", "360000.00", "0.00", "0.00", "0.00") == await standing(shop, first, seller)
    parts = [{"invoice": first, "amount": "360000.01"}, {"invoice": second, "amount": "40000.00"}]
    above = await step(shop, f"{path}/receipt", seller, {"parts": parts}, version=2)
    assert {"invoice_overpaid", "received_above_stated"} == {code for code, _ in codes(above)}
    parts[0]["amount"] = "300000.00"
    stale = await step(shop, f"{path}/receipt", seller, {"parts": parts})
    assert 412 == stale.status_code
    got = await step(shop, f"{path}/receipt", seller, {"parts": parts, "value_on": "2027-05-09"}, version=2)
    assert 201 == got.status_code, got.text
    assert ("part_paid", "60000.00", "300000.00", "0.00", "0.00") == await standing(shop, first, buyer)
    read = await shop.ask("GET", path, by=buyer)
    assert '"v3"' == read.headers["etag"]
    shown = read.json()
    assert ("received", "payer", "340000.00", "2027-05-09", "460000.00", TODAY, "nothing yet") == tuple(
        shown[name]
        for name in ("status", "side", "amount", "value_on", "stated_amount", "stated_value_on", "reason")
    )
    assert [("360000.00", "300000.00"), ("100000.00", "40000.00")] == [
        (part["stated"], part["received"]) for part in shown["parts"]
    ]
    undone = await step(shop, f"{path}/reversal", seller, {"reason": "of another"}, version=3)
    assert 201 == undone.status_code
    assert ("open", "360000.00", "0.00", "0.00", "0.00") == await standing(shop, first, buyer)
    anew = await post(shop, "/v1/payments", buyer, transfer({first: "360000.00"}))
    assert 201 == anew.status_code, "another of the same reference, since the first is over"
    assert 201 == (await step(shop, f"{anew.headers['location']}/receipt", seller)).status_code
    invoice = (await shop.ask("GET", f"/v1/invoices/{first}", by=buyer)).json()
    assert ("paid", "0.00", TODAY, 0) == tuple(
        invoice[name] for name in ("status", "outstanding", "settled_on", "overdue_days")
    )
    assert ["reversed", "received"] == [each["status"] for each in invoice["payments"]]
    monkeypatch.setattr(own_invoices, "PAYMENTS_SHOWN_MAX", 1)
    newest = (await shop.ask("GET", f"/v1/invoices/{first}", by=buyer)).json()["payments"]
    assert ["received"] == [each["status"] for each in newest]


async def test_confirming_and_withdrawing_at_once_one_of_them_wins(shop: Shop) -> None:
    _, seller, buyer, _ = await traded(shop)
    first = (await items(shop, "/v1/invoices", buyer))[0]["invoice"]
    path = (await post(shop, "/v1/payments", buyer, transfer({first: "360000.00"}))).headers["location"]
    answers = await asyncio.gather(
        step(shop, f"{path}/receipt", seller),
        step(shop, f"{path}/withdrawal", buyer, {"reason": "sent back"}),
    )
    assert [201, 412] == sorted(each.status_code for each in answers)
    shown = (await shop.ask("GET", path, by=buyer)).json()["status"]
    won = "received" if answers[0].status_code == 201 else "withdrawn"
    assert won == shown
    lost = answers[1] if won == "received" else answers[0]
    assert {"version_stale", "payment_status_unfit"} == {code for code, _ in codes(lost)}
    outstanding = {"received": "0.00", "withdrawn": "360000.00"}[won]
    assert outstanding == (await standing(shop, first, buyer))[1]


async def test_credits_of_a_delivery_are_set_off_and_a_receipt_needs_no_statement(shop: Shop) -> None:
    """A shipment that is withdrawn leaves nothing; a final invoice below its provisional one is paid back."""
    deliveries, seller, buyer, _ = await traded(shop)
    assert (
        201 == (await post(shop, f"{deliveries[1]}/withdrawal", seller, {"reason": "wrong lot"})).status_code
    )
    listed = {each["invoice"]: each for each in await items(shop, "/v1/invoices", seller)}
    gone = [each for each in listed.values() if each["delivery"] == deliveries[1].rpartition("/")[2]]
    assert [("set_off", "0.00", TODAY, 0)] * 2 == [
        (each["status"], each["outstanding"], each["settled_on"], each["overdue_days"]) for each in gone
    ]
    assert ["432000.00", "-432000.00"] == sorted((each["set_off"] for each in gone), reverse=True)
    overdue = await items(shop, "/v1/invoices?overdue=true", seller)
    assert [("provisional", "2027-04-09", 31)] == [
        (each["settles"], each["due_on"], each["overdue_days"]) for each in overdue
    ]
    for query, expected in (
        ("status=set_off", 2),
        ("status=open&overdue=false", 2),
        ("status=paid", 0),
        (f"counterparty={overdue[0]['counterparty']}&due_before=2027-05-01", 1),
    ):
        assert expected == len(await items(shop, f"/v1/invoices?{query}", seller)), query
    first = overdue[0]["invoice"]
    taken = await post(shop, "/v1/incoming-payments", seller, transfer({first: "360000.00"}))
    assert 201 == taken.status_code, taken.text
    assert ("paid", "0.00", "360000.00", "0.00", "0.00") == await standing(shop, first, buyer)
    shown = (await shop.ask("GET", taken.headers["location"], by=buyer)).json()
    assert ("received", "payer", None) == (shown["status"], shown["side"], shown["stated_amount"])
    assert [] == await items(shop, "/v1/invoices?overdue=true", seller)


async def test_an_agreement_tells_how_its_invoices_stand(shop: Shop) -> None:
    """Part paid, announced, set off, overdue: as the list over all agreements, for an auditor as well."""
    deliveries, seller, buyer, _ = await traded(shop)
    withdrawn = await post(shop, f"{deliveries[1]}/withdrawal", seller, {"reason": "wrong lot"})
    assert 201 == withdrawn.status_code, withdrawn.text
    first = (await items(shop, "/v1/invoices", buyer))[0]
    part = transfer({first["invoice"]: "300000.00"})
    assert 201 == (await post(shop, "/v1/incoming-payments", seller, part)).status_code
    rest = transfer({first["invoice"]: "10000.00"}, reference="R2")
    assert 201 == (await post(shop, "/v1/payments", buyer, rest)).status_code
    path = f"/v1/agreements/{first['agreement']}/invoices"
    owed = {each["invoice"]: each for each in await items(shop, "/v1/invoices", buyer)}
    listed = await items(shop, f"{path}?provisional=true&limit=1", seller)
    assert listed == await items(shop, f"{path}?provisional=true", buyer)
    for each in listed:
        assert each.items() <= owed[each["invoice"]].items()
    found = {each["invoice"]: each for each in listed}
    assert {each for each in owed if owed[each]["agreement"] == first["agreement"]} == set(found)
    assert ("part_paid", "300000.00", "10000.00", "60000.00", 31) == tuple(
        found[first["invoice"]][name]
        for name in ("status", "paid", "announced", "outstanding", "overdue_days")
    )
    assert ["open", "part_paid", "set_off", "set_off"] == sorted(each["status"] for each in listed)
    final = await items(shop, path, seller)
    assert {"final", "withdrawal"} == {each["settles"] for each in final}
    asked = f"{path}?provisional=true&reason=case-1"
    audited = await shop.ask("GET", asked, by=shop.scene.sellers[1], roles=("auditor",))
    assert listed == audited.json()["items"]
    client = await client_of(shop, buyer)
    told = [each async for each in client.agreements.invoices(first["agreement"], provisional=True)]
    assert {"60000.00"} == {str(each.outstanding) for each in told if each.status == "part_paid"}


async def test_open_invoices_are_told_by_age(shop: Shop) -> None:
    _, seller, buyer, outsider = await traded(shop)
    first = (await items(shop, "/v1/invoices", seller))[0]
    other, name = first["counterparty"], first["counterparty_name"]
    row: dict[str, Any] = {}
    for today, ages in (
        (date(2027, 5, 9), (984_000, 360_000, 0, 0, 0)),
        (date(2027, 5, 10), (984_000, 0, 360_000, 0, 0)),
        (date(2027, 5, 11), (552_000, 432_000, 360_000, 0, 0)),
        (date(2027, 7, 8), (0, 552_000, 432_000, 360_000, 0)),
        (date(2027, 9, 30), (0, 0, 0, 0, 1_344_000)),
    ):
        on(shop, today)
        shown = (await shop.ask("GET", "/v1/invoices/ageing", by=seller)).json()
        (row,) = shown["items"]
        names = ("not_due", "days_1_30", "days_31_60", "days_61_90", "days_over_90")
        assert [f"{cents}.00" for cents in ages] == [row[name] for name in names], today
        assert ["receivable", "EUR", 4, "1344000.00"] == [
            row[name] for name in ("direction", "currency", "invoices", "total")
        ]
        mirrored = (await shop.ask("GET", "/v1/invoices/ageing", by=buyer)).json()["items"]
        assert [{**row, "direction": "payable"}] == mirrored
    asked = f"/v1/invoices/ageing?by_counterparty=true&counterparty={other}"
    assert "buyer-0" == name
    assert [{**row, "counterparty": other, "counterparty_name": name}] == (
        await shop.ask("GET", asked, by=seller)
    ).json()["items"]
    file = rows_of(await shop.ask("GET", f"{asked}&format=csv", by=seller))
    assert [(other, "1344000.00")] == [(each["counterparty"], each["days_over_90"]) for each in file]
    assert [] == (await shop.ask("GET", "/v1/invoices/ageing", by=outsider)).json()["items"]


async def test_both_sides_pay_through_the_client(shop: Shop) -> None:
    _, seller, firm, _ = await traded(shop)
    buyer, payee = await client_of(shop, firm), await client_of(shop, seller)
    due = [each async for each in buyer.invoices.list(status="open", overdue=True)]
    assert [31] == [each.overdue_days for each in due]
    invoice, amount = due[0].invoice, due[0].outstanding
    stated = await buyer.payments.state(transfer({invoice: str(amount)}))
    assert stated.id is not None
    denied = await payee.payments.deny(stated.id, "nothing yet", version=stated.version)
    came = await payee.payments.confirm(stated.id, version=denied.version)
    assert 3 == came.version
    read = await buyer.invoices.read(invoice)
    assert ("paid", [stated.id]) == (read.status, [each.id for each in read.payments])
    undone = await payee.payments.reverse(stated.id, "of another", version=came.version)
    assert "reversed" == (await buyer.payments.read(stated.id)).status
    assert 4 == undone.version
    again = await payee.payments.record(transfer({invoice: "1.00"}))
    other = await buyer.payments.state(transfer({invoice: "2.00"}, reference="E2E-2"))
    assert other.id is not None
    await buyer.payments.withdraw(other.id, "sent back", version=other.version)
    assert ["withdrawn", "received", "reversed"] == [each.status async for each in buyer.payments.list()]
    assert [again.id] == [each.id async for each in payee.payments.list(status="received", side="payee")]
    table = await payee.invoices.ageing()
    assert [amount - 1] == [each.days_31_60 for each in table.items]


async def test_each_side_takes_the_proof_of_the_others_word_away(shop: Shop, database: Any) -> None:
    """A payment of two agreements is proved under that of its first part; nobody else finds it."""
    _, seller, buyer, outsider = await traded(shop)
    first, second = (await items(shop, "/v1/invoices", buyer))[:2]
    assert first["agreement"] != second["agreement"]
    parts = {first["invoice"]: "360000.00", second["invoice"]: "1.00"}
    stated = await post(shop, "/v1/payments", buyer, transfer(parts), key="once")
    again = await post(shop, "/v1/payments", buyer, transfer(parts), key="once")
    assert (stated.json(), "true") == (again.json(), again.headers["idempotent-replayed"])
    got = await step(shop, f"{stated.headers['location']}/receipt", seller)
    await sealed(shop, database, stream="contracts")
    for answer, own, other in ((stated, buyer, seller), (got, seller, buyer)):
        (receipt,) = answer.json()["receipts"]
        path = f"/v1/receipts/{receipt['event']}/proof"
        formats = [(await shop.ask("GET", path, by=firm)).json()["format"] for firm in (own, other)]
        assert [FORMAT, OF_AGREEMENT] == formats
        proof = parse_receipt_proof((await shop.ask("GET", path, by=other)).content)
        proven = check_receipt_proof(proof, OPERATOR.verifier, [WITNESS.verifier])
        assert (receipt["event_sha256"], receipt["type"]) == (proven.event_sha256, proven.type)
        assert to_uuid(first["agreement"]) == proof.agreement
        assert 404 == (await shop.ask("GET", path, by=outsider)).status_code


async def test_payments_are_part_of_the_history_of_each_agreement_that_they_are_for(shop: Shop) -> None:
    """One transfer for two agreements: each tells its part, to both sides, and to an auditor."""
    _, seller, buyer, outsider = await traded(shop)
    listed = await items(shop, "/v1/invoices", buyer)
    paths = sorted({f"/v1/agreements/{each['agreement']}" for each in listed})
    first, other = (next(each for each in listed if path.endswith(each["agreement"])) for path in paths)
    before = [await items(shop, f"{path}/history", buyer) for path in paths]
    both = transfer({first["invoice"]: "1000.00", other["invoice"]: "432.10"})
    path = (await post(shop, "/v1/payments", buyer, both)).headers["location"]
    for by, verb, body, version in (
        (seller, "denial", {"reason": "nothing yet"}, 1),
        (seller, "receipt", None, 2),
        (seller, "reversal", {"reason": "of another"}, 3),
    ):
        assert 201 == (await step(shop, f"{path}/{verb}", by, body, version=version)).status_code
    alone = (await post(shop, "/v1/payments", buyer, transfer({other["invoice"]: "7.00"}))).headers[
        "location"
    ]
    taken = await step(shop, f"{alone}/withdrawal", buyer, {"reason": "sent back"})
    assert 201 == taken.status_code, taken.text
    said = [("payment_stated", "buyer"), ("payment_denied", "seller"), ("payment_received", "seller")]
    said += [("payment_reversed", "seller")]
    for place, own, amount, more in (
        (paths[0], before[0], "1000.00", []),
        (paths[1], before[1], "432.10", [("payment_stated", "buyer"), ("payment_withdrawn", "buyer")]),
    ):
        told = await items(shop, f"{place}/history", seller)
        assert own == told[: len(own)]
        rest = told[len(own) :]
        assert [*said, *more] == [(each["kind"], each["by"]) for each in rest]
        assert {own[-1]["version"]} == {each["version"] for each in rest}
        assert [(amount, "EUR", TODAY), (None, None, None), (amount, "EUR", TODAY)] == [
            (each["amount"], each["currency"], each["value_on"]) for each in rest[:3]
        ]
        assert f"The buyer states that it pays {amount} EUR on {TODAY}, reference E2E-1." == rest[0]["told"]
        assert f"The seller has received {amount} EUR of {TODAY}, reference E2E-1." == rest[2]["told"]
        assert ["nothing yet", "of another"] == [each["reason"] for each in rest if each["reason"]][:2]
        assert told == await items(shop, f"{place}/history?limit=1", buyer)
        rows = rows_of(await shop.ask("GET", f"{place}/history?format=csv", by=buyer))
        assert [each["payment"] or "" for each in told] == [row["payment"] for row in rows]
        assert 404 == (await shop.ask("GET", f"{place}/history", by=outsider)).status_code
        asked = f"{place}/history?reason=case-1"
        audited = await shop.ask("GET", asked, by=outsider, roles=("auditor",))
        assert told == audited.json()["items"]
    ended = await agreed_step(shop, paths[0], "termination", buyer, {"reason": "breach"})
    assert 201 == ended.status_code, ended.text
    evidence = [{"title": "Letter", "sha256": "ab" * 32, "dated_on": TODAY}]
    contested = {"reason": "no breach", "evidence": evidence}
    assert 201 == (await post(shop, f"{paths[0]}/contests", seller, contested)).status_code
    asked = f"{paths[0]}/history?reason=case-1"
    operated = await shop.ask("GET", asked, by=outsider, roles=("operator",))
    expected = [(each["kind"], each["version"]) for each in before[0]]
    expected += [("terminated", len(expected) + 1), ("contested", len(expected) + 2)]
    assert expected == [(each["kind"], each["version"]) for each in operated.json()["items"]]
    client = await client_of(shop, buyer)
    found = [each async for each in client.agreements.history(first["agreement"])]
    assert Decimal("1000.00") == found[len(before[0])].amount
