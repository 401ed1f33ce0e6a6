"""Who weighs and assays, and who books payments, by keys that sign nothing."""

from datetime import date

import httpx

from events.vocabulary import KeyRole
from tests.http.shop import Shop
from tests.http.test_deliveries import FIGURES, effective, lot, month, on, post, publish
from tests.http.test_own_lists import items
from tests.http.test_payments import transfer

ASSAY = {"laboratory": "L", "reference": "1", "results": FIGURES}


def missing(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_key_that_weighs_and_one_that_books_sign_nothing(shop: Shop) -> None:
    on(shop, date(2027, 1, 1))
    path, seller, buyer = await effective(shop)
    on(shop, date(2027, 3, 10))
    await publish(shop, month(2, "50.00"))
    sent = await post(shop, f"{path}/deliveries", seller, lot())
    delivery = sent.headers["location"]
    refused = (403, "role_missing")
    weighs: tuple[KeyRole, ...] = ("inspector",)
    books: tuple[KeyRole, ...] = ("accountant",)
    weighing = {"weighed_on": "2027-03-10", "net_wet_t": "10"}
    signature = {"proposal": 1, "binding": True}
    for roles in (weighs, books):
        etag = (await shop.ask("GET", path, by=buyer)).headers["etag"]
        signed = await post(shop, f"{path}/signatures", buyer, signature, version=etag, roles=roles)
        assert refused == missing(signed)
        assert refused == missing(await post(shop, f"{path}/deliveries", seller, lot(), roles=roles))
        accepting = {"title_passed_on": "2027-03-10"}
        assert refused == missing(await post(shop, f"{delivery}/acceptance", buyer, accepting, roles=roles))
        assert refused == missing(await shop.ask("GET", path, by=buyer, roles=roles))
        assert refused == missing(await shop.ask("GET", "/v1/requirements", by=buyer, roles=roles))
    assert refused == missing(await post(shop, f"{delivery}/weighing", buyer, weighing, roles=books))
    (invoice,) = await items(shop, "/v1/invoices", buyer)
    paid = transfer({invoice["invoice"]: "5.00"}, value_on="2027-03-10")
    assert refused == missing(await post(shop, "/v1/payments", buyer, paid, roles=weighs))
    assert refused == missing(await shop.ask("GET", "/v1/invoices", by=buyer, roles=weighs))
    assert 200 == (await shop.ask("GET", delivery, by=buyer, roles=weighs)).status_code
    wrong_side = await post(shop, f"{delivery}/weighing", seller, weighing, roles=weighs)
    assert (403, "side_wrong") == missing(wrong_side)
    done = await post(shop, f"{delivery}/weighing", buyer, weighing, roles=weighs)
    assert 201 == done.status_code, done.text
    for firm in (seller, buyer):
        assert 201 == (await post(shop, f"{delivery}/assays", firm, ASSAY, roles=weighs)).status_code
    shown = await shop.ask("GET", "/v1/deliveries", by=buyer, roles=weighs)
    assert ["assayed"] == [each["status"] for each in shown.json()["items"]]
    stated = await post(shop, "/v1/payments", buyer, paid, roles=books)
    assert 201 == stated.status_code, stated.text
    received = await post(shop, f"{stated.headers['location']}/receipt", seller, version='"v1"', roles=books)
    assert 201 == received.status_code, received.text
    ledger = await shop.ask("GET", "/v1/invoices", by=seller, roles=books)
    assert ["5.00"] == [each["paid"] for each in ledger.json()["items"]]
    who = await shop.ask("GET", "/v1/whoami", by=buyer, roles=weighs)
    assert ["inspector"] == who.json()["roles"]
