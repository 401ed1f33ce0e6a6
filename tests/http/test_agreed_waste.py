"""Both sides of an agreement learn which paper its waste lacks: when they sign, and when it leaves."""

from datetime import date
from typing import Any

from events.vocabulary import KeyRole
from market.http.parties import papers
from market.http.wire.ids import to_text
from tests.http.shop import Shop
from tests.http.test_deliveries import FIGURES, TERMS, faults, follow, lot, on, post, warnings
from tests.market_drafts import Firm

OPERATOR: tuple[KeyRole, ...] = ("operator",)
WASTE: dict[str, Any] = {"status": "waste", "ewc_code": "12 01 03"}


async def permit(shop: Shop, of: Firm, **changes: Any) -> str:
    """The place of a permit of its site, for nine years."""
    body = papers.LICENCE_EXAMPLE | {"facility": to_text("fac", of.facility), "ewc_codes": []} | changes
    place = f"/v1/organisations/{to_text('org', of.organisation)}/licences"
    made = await post(shop, place, shop.scene.sellers[1], body, roles=OPERATOR)
    assert 201 == made.status_code, made.text
    return made.headers["location"]


async def test_a_match_of_waste_ships_after_its_permit_was_revoked_and_both_are_told(shop: Shop) -> None:
    seller, buyer = shop.scene.sellers[0], shop.scene.buyers[0]
    held = await permit(shop, buyer)
    await permit(shop, buyer, kind="shipment_consent", from_countries=["DE", "FR", "EE"])
    path = await follow(shop, waste_status="waste", ewc_code="120103")
    shipped_on = shop.scene.clock.now.date().isoformat()
    body = lot(
        lot_number="HOARD-1",
        form="metal",
        shipped_on=shipped_on,
        net_wet_t="2.75",
        stated=[*FIGURES, {"analyte": "Th", "fraction": {"unit": "ppm", "amount": "0"}}],
    )
    lacking = ("waste_licence_missing", "/shipped_on")
    assert lacking not in warnings(await post(shop, f"{path}/deliveries?validate_only=true", seller, body))
    gone = await shop.ask("DELETE", held, by=shop.scene.sellers[1], roles=OPERATOR)
    assert 200 == gone.status_code, gone.text
    shipped = await post(shop, f"{path}/deliveries", seller, body)
    assert (201, True) == (shipped.status_code, lacking in warnings(shipped)), shipped.text
    weighed = {"weighed_on": shipped_on, "net_wet_t": "2.745"}
    assert [("waste_licence_missing", "")] == warnings(
        await post(shop, f"{shipped.headers['location']}/weighing", buyer, weighed)
    )


async def test_an_agreement_by_hand_says_what_of_it_is_waste(shop: Shop) -> None:
    on(shop, date(2027, 1, 1))
    seller, buyer = shop.scene.sellers[0], shop.scene.buyers[0]
    swarf: dict[str, Any] = TERMS["product"] | {"form": "swarf", "buyer_option_forms": []}
    body: dict[str, Any] = {
        "market": shop.market,
        "kind": "spot",
        "side": "seller",
        "terms": TERMS | {"product": swarf},
    }
    body |= {"counterparty": to_text("org", buyer.organisation)}
    place = "/terms/product/waste"
    plain = await post(shop, "/v1/agreements?validate_only=true", seller, body)
    assert ("waste_status_unstated", place) in warnings(plain), plain.text
    body["terms"]["product"] = swarf | {"waste": {"status": "waste"}}
    assert [("invalid", place)] == faults(await post(shop, "/v1/agreements", seller, body))
    body["terms"]["product"] = swarf | {"waste": WASTE}
    theirs = body | {"side": "buyer", "counterparty": to_text("org", seller.organisation)}
    told = warnings(await post(shop, "/v1/agreements?validate_only=true", buyer, theirs))
    assert ("waste_licence_missing", place) in told
    made = await post(shop, "/v1/agreements", seller, body)
    assert (201, []) == (made.status_code, papers_in(made)), made.text
    path = made.headers["location"]
    read = await shop.ask("GET", path, by=buyer)
    stated = read.json()["on_table"]["terms"]["product"]["waste"]
    assert ("waste", "120103", None) == (stated["status"], stated["ewc_code"], stated["facility"])
    signature, version = {"proposal": 1, "binding": True}, read.headers["etag"]
    mixed = swarf | {"waste": WASTE | {"ewc_code": "120104"}}
    other = {"terms": body["terms"] | {"product": mixed}}
    dry = "?validate_only=true"
    early = await post(shop, f"{path}/signatures{dry}", seller, signature, version=version)
    again = await post(shop, f"{path}/proposals{dry}", seller, other, version=version)
    assert [(200, []), (200, [])] == [(each.status_code, papers_in(each)) for each in (early, again)]
    first = await post(shop, f"{path}/signatures", buyer, signature, version=version)
    assert [("waste_licence_missing", "/proposal")] == papers_in(first), first.text
    etag = (await shop.ask("GET", path, by=seller)).headers["etag"]
    late = await post(shop, f"{path}/signatures{dry}", seller, signature, version=etag)
    assert [("waste_licence_missing", "/proposal")] == papers_in(late), late.text
    await permit(shop, buyer)
    second = await post(shop, f"{path}/signatures", seller, signature, version=etag)
    assert (201, []) == (second.status_code, papers_in(second)), second.text


def papers_in(answer: Any) -> list[tuple[str, str]]:
    """Warnings of a permit; the consent's depends on the sites' countries."""
    return [each for each in warnings(answer) if each[0].startswith("waste_licence")]
