"""Whose sanctions screening is over: told when an order is tried, an agreement drafted or signed, a lot
shipped, a member admitted."""

from datetime import date, timedelta
from typing import Any

from events.vocabulary import KeyRole
from market.http.wire.ids import to_text
from tests.http.shop import Shop
from tests.http.test_deliveries import TERMS, effective, lot, month, on, post, publish, warnings
from tests.market_drafts import Firm

EXPIRED = "sanctions_screening_expired"
OPERATOR: tuple[KeyRole, ...] = ("operator",)


async def test_both_sides_learn_whose_screening_is_over(shop: Shop) -> None:
    on(shop, date(2027, 3, 10))
    path, seller, buyer = await effective(shop)
    await publish(shop, month(2, "68.00"))
    draft: dict[str, Any] = {
        "market": shop.market,
        "kind": "spot",
        "side": "buyer",
        "counterparty": to_text("org", seller.organisation),
        "terms": TERMS,
    }
    drafted = await post(shop, "/v1/agreements", buyer, draft)
    shipment = f"{path}/deliveries?validate_only=true"
    told = [drafted, await post(shop, shipment, seller, lot())]
    assert [[], []] == [_screened(each) for each in told]
    await _expire(shop, seller)
    again = await post(shop, "/v1/agreements?validate_only=true", buyer, draft)
    assert [("/counterparty", "seller", "2027-03-08")] == _screened(again)
    proposed = drafted.headers["location"]
    version = (await shop.ask("GET", proposed, by=buyer)).headers["etag"]
    signature = {"proposal": 1, "binding": True}
    signed = await post(shop, f"{proposed}/signatures", buyer, signature, version=version)
    assert [("/proposal", "seller", "2027-03-08")] == _screened(signed)
    assert [("", "seller", "2027-03-08")] == _screened(await post(shop, shipment, seller, lot()))
    members, operator = f"/v1/markets/{shop.market}/members", shop.scene.sellers[1]
    suspension = f"{members}/{to_text('org', seller.organisation)}/suspend"
    assert 200 == (await post(shop, suspension, operator, {"reason": "late"}, roles=OPERATOR)).status_code
    admission = {"organisation": to_text("org", seller.organisation)}
    admitted = await post(shop, members, operator, admission, roles=OPERATOR)
    assert [(EXPIRED, "/organisation")] == warnings(admitted)


async def test_who_tries_an_order_learns_that_it_would_meet_nobody(shop: Shop) -> None:
    seller, buyer = shop.scene.sellers[0], shop.scene.buyers[0]
    await _expire(shop, seller)
    for path, by, body, is_over in (
        ("/v1/supply-offers", seller, shop.offer_body(seller), True),
        ("/v1/requirements", seller, shop.requirement_body(seller), True),
        ("/v1/requirements", buyer, shop.requirement_body(buyer), False),
    ):
        tried = await post(shop, f"{path}?validate_only=true", by, body)
        assert is_over == ((EXPIRED, "") in warnings(tried)), tried.text
        unmatched = "the order is not matched until the operator renews it."
        assert is_over == any(each["detail"].endswith(unmatched) for each in tried.json()["warnings"])


async def _expire(shop: Shop, firm: Firm) -> None:
    place = f"/v1/organisations/{to_text('org', firm.organisation)}"
    by = shop.scene.sellers[1]
    read = await shop.ask("GET", place, by=by, roles=OPERATOR)
    body = {"sanctions_screened_until": (shop.scene.clock.now - timedelta(days=2)).isoformat()}
    changed = await shop.ask("PATCH", place, by=by, body=body, roles=OPERATOR, version=read.headers["etag"])
    assert 200 == changed.status_code, changed.text


def _screened(answer: Any) -> list[tuple[str, str, str]]:
    """Place, side and last day of each such warning."""
    found = [each for each in answer.json()["warnings"] if each["code"] == EXPIRED]
    words = [(each["pointer"], each["detail"].split()) for each in found]
    return [(pointer, said[5], said[9].rstrip(":")) for pointer, said in words]
