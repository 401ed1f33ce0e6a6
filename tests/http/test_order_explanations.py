"""What became of an order in a round, over HTTP: to owners in ticks, to auditors in full, to others 404."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import pytest

from market.http.wire.ids import to_text
from tests.http.shop import Shop
from tests.market_drafts import Firm, euro
from tests.sentinels import figure, found, identity

ASKS = (71_377_301, 74_913_907, 77_131_719)


async def market_of(shop: Shop, *asks: int) -> list[Firm]:
    firms = [await shop.scene.register(f"rival-{n}") for n in range(len(asks))]
    for firm, ask in zip(firms, asks, strict=True):
        await shop.scene.offer(firm, ask=euro(ask))
    return firms


async def cleared(shop: Shop) -> str:
    plan = await shop.scene.plan()
    await shop.scene.conclude(plan)
    await shop.project()
    return to_text("plan", plan.data.plan)  # type: ignore[attr-defined]


async def explanation(shop: Shop, order: UUID, firm: Firm, query: str = "", **given: Any) -> Any:
    path = f"/v1/requirements/{to_text('req', order)}/explanation{query}"
    return await shop.ask("GET", path, by=firm, **given)


async def test_before_the_first_round_there_is_nothing_to_explain(shop: Shop) -> None:
    buyer = shop.scene.buyers[0]
    order = await shop.scene.require(buyer)
    answer = await explanation(shop, order, buyer)
    assert (409, "round_missing") == (answer.status_code, answer.json()["code"])
    assert 404 == (await explanation(shop, order, buyer, "?round=1")).status_code


@pytest.mark.parametrize("query", ["?round=0", "?round=x", "?round=1&round=2", "?rounds=1"])
async def test_a_query_that_cannot_be_read_is_told(shop: Shop, query: str) -> None:
    buyer = shop.scene.buyers[0]
    order = await shop.scene.require(buyer)
    assert 400 == (await explanation(shop, order, buyer, query)).status_code


async def test_a_round_is_explained_as_soon_as_it_is_recorded(shop: Shop) -> None:
    buyer = shop.scene.buyers[0]
    order = await shop.scene.require(buyer)
    await shop.scene.conclude(await shop.scene.plan())
    before = await explanation(shop, order, buyer)
    assert 200 == before.status_code, before.text
    await shop.project()
    assert before.json() == (await explanation(shop, order, buyer)).json()


async def test_an_unmatched_order_is_told_why_and_how_far_it_was(shop: Shop) -> None:
    rivals = await market_of(shop, *ASKS)
    buyer = shop.scene.buyers[0]
    order = await shop.scene.require(buyer, limit=euro(70_000_000))
    plan = await cleared(shop)
    answer = await explanation(shop, order, buyer)
    assert 200 == answer.status_code, answer.text
    told = answer.json()
    assert (plan, 1, "buyer", "unmatched", "all_dearer") == (
        told["clearing"],
        told["round"],
        told["side"],
        told["outcome"],
        told["why"],
    )
    assert (3, 8, []) == (
        told["eligible"],
        told["three_groups_ticks"],
        told["alternatives"],
    )
    hidden = [text for ask in ASKS for text in figure(ask)]
    hidden += [text for firm in rivals for text in identity(firm.organisation)]
    assert [] == found(hidden, answer.text)


async def test_a_filled_order_is_told_its_gain_and_its_next_best(shop: Shop) -> None:
    await market_of(shop, 60_000_000, *ASKS)
    buyer = shop.scene.buyers[0]
    order = await shop.scene.require(buyer, limit=euro(70_000_000))
    await cleared(shop)
    told = (await explanation(shop, order, buyer)).json()
    assert ("filled", None, "2000.000", False) == (
        told["outcome"],
        told["why"],
        told["filled_kg"],
        told["marginal"],
    )
    assert ("10.00", 18) == (
        told["surplus_eur_per_kg"],
        told["three_groups_ticks"],
    )


async def test_auditors_and_operators_see_every_counter_order_the_nearest_first(shop: Shop) -> None:
    rivals = await market_of(shop, *ASKS)
    order = await shop.scene.require(shop.scene.buyers[0], limit=euro(70_000_000))
    await cleared(shop)
    for role in ("auditor", "operator"):
        told = (await explanation(shop, order, shop.scene.sellers[0], roles=(role,))).json()
        assert [to_text("org", firm.organisation) for firm in rivals] == [
            each["organisation"] for each in told["alternatives"]
        ]
        assert ["1.377301", "4.913907", "7.131719"] == [
            each["short_eur_per_kg"] for each in told["alternatives"]
        ]
        assert ("all_dearer", 8, 3) == (told["why"], told["three_groups_ticks"], told["eligible"])


OWNERS: Final = ("outcome", "why", "removed", "eligible", "three_groups_ticks", "reasons", "withheld")


@pytest.mark.parametrize("asks", [(), ASKS[:1], ASKS], ids=["nobody", "one", "three"])
async def test_operators_and_auditors_read_what_the_owner_is_told(shop: Shop, asks: Sequence[int]) -> None:
    """What may be read out to a caller, whoever fits: no more than its own page says."""
    await market_of(shop, *asks)
    buyer = shop.scene.buyers[0]
    orders = [
        await shop.scene.require(buyer, limit=euro(70_000_000)),
        await shop.scene.require(buyer, limit=euro(70_000_000), minimum_parcel_g=10**9, basis_g=10**9),
    ]
    await cleared(shop)
    for order in orders:
        own = (await explanation(shop, order, buyer)).json()
        assert own["why"] is not None
        for role in ("auditor", "operator"):
            told = (await explanation(shop, order, shop.scene.sellers[0], roles=(role,))).json()
            assert {name: own[name] for name in OWNERS} == {name: told[name] for name in OWNERS}


async def test_another_organisations_order_is_404(shop: Shop) -> None:
    order = await shop.scene.require(shop.scene.buyers[0])
    await cleared(shop)
    for firm in (shop.scene.buyers[1], shop.scene.sellers[0]):
        assert 404 == (await explanation(shop, order, firm)).status_code


async def test_each_round_is_explained_as_it_was(shop: Shop) -> None:
    await market_of(shop, *ASKS)
    buyer = shop.scene.buyers[0]
    order = await shop.scene.require(buyer, limit=euro(70_000_000))
    await cleared(shop)
    late = await shop.scene.require(buyer, limit=euro(50_000_000))
    await shop.scene.offer(shop.scene.sellers[0], ask=euro(70_500_000), net_wet_g=500_000)
    await cleared(shop)
    rounds = {number: (await explanation(shop, order, buyer, f"?round={number}")).json() for number in (1, 2)}
    assert [(3, 8), (4, 5)] == [
        (rounds[number]["eligible"], rounds[number]["three_groups_ticks"]) for number in (1, 2)
    ]
    assert rounds[2] == (await explanation(shop, order, buyer)).json()
    absent = await explanation(shop, late, buyer, "?round=1")
    assert (404, True) == (absent.status_code, "when round 1 was cut" in absent.json()["detail"])


async def test_offers_and_lots_are_explained_too(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    offer = await shop.scene.offer(seller)
    lot = await shop.scene.lot(seller, "L-9")
    await shop.scene.require(shop.scene.buyers[0])
    await cleared(shop)
    for path in (f"supply-offers/{to_text('offer', offer)}", f"recovered-lots/{to_text('lot', lot)}"):
        answer = await shop.ask("GET", f"/v1/{path}/explanation", by=seller)
        assert (200, "seller", path.partition("/")[2]) == (
            answer.status_code,
            answer.json()["side"],
            answer.json()["order"],
        )
    wrong = await shop.ask("GET", f"/v1/recovered-lots/{to_text('lot', offer)}/explanation", by=seller)
    assert 404 == wrong.status_code


async def test_marginal_orders_are_their_owners_and_the_auditors(shop: Shop) -> None:
    scene = shop.scene
    seller, buyer = scene.sellers[0], scene.buyers[0]
    offer = await scene.offer(seller)
    await scene.require(buyer, basis_g=2_000_000)
    plan = await cleared(shop)
    path = f"/v1/markets/{shop.market}/clearings/{plan}/marginal-orders"
    own = (await shop.ask("GET", path, by=seller)).json()["items"]
    assert [(to_text("offer", offer), "seller", "3500.000", "2000.000")] == [
        (each["order"], each["side"], each["brought_kg"], each["filled_kg"]) for each in own
    ]
    assert [] == (await shop.ask("GET", path, by=buyer)).json()["items"]
    for role in ("auditor", "operator"):
        first = (await shop.ask("GET", f"{path}?limit=1", by=buyer, roles=(role,))).json()
        assert {to_text("offer", offer)} == {each["order"] for each in first["items"]}
        if first["next_cursor"]:
            rest = await shop.ask(
                "GET", f"{path}?limit=1&cursor={first['next_cursor']}", by=buyer, roles=(role,)
            )
            assert {to_text("offer", offer)} == {each["order"] for each in rest.json()["items"]}
    unknown = f"/v1/markets/{shop.market}/clearings/{to_text('plan', UUID(int=1))}/marginal-orders"
    assert 404 == (await shop.ask("GET", unknown, by=seller)).status_code
