"""A requirement with portfolio limits over HTTP: posted, cleared, explained; what it costs is its owner's."""

from typing import Any

from events.vocabulary import PPB, OriginStep, RecycledContent
from market.http.wire.ids import to_text
from tests.http.shop import Asker, Shop
from tests.http.test_quotes import asking
from tests.market_drafts import euro

WINDOW = {"start": "2026-04-01T00:00:00Z", "end": "2026-06-30T00:00:00Z"}


async def offered(shop: Shop) -> None:
    """A lot of 60 EUR that is not recycled, from China, and one of 72 EUR that is."""
    scene = shop.scene
    chinese = (OriginStep(stage="processing", country="CN"),)
    await scene.offer(scene.sellers[0], ask=euro(60_000_000), origin=chinese)
    await scene.offer(scene.sellers[1], ask=euro(72_000_000), recycled=RecycledContent(post_consumer_ppb=PPB))


async def posted(shop: Shop, commitment: str = "firm", **portfolio: str) -> str:
    """2 t for 70 EUR, of what was offered."""
    buyer = shop.scene.buyers[0]
    await offered(shop)
    body = shop.requirement_body(
        buyer,
        forms=[{"form": "metal"}],
        basis_kg="2000.000",
        limit={"amount": "70.00", "currency": "EUR", "per": "element"},
        window=WINDOW,
        overlap_min_days=1,
        place={"country": "FR", "name": "La Rochelle"},
        commitment=commitment,
        portfolio=portfolio,
    ) | {name: [] for name in ("co_products", "penalties", "carriage", "limits")}
    del body["profile"]
    answer = await shop.ask("POST", "/v1/requirements", by=buyer, body=body)
    assert 201 == answer.status_code, answer.text
    assert [] == answer.json()["warnings"]
    return str(answer.headers["location"])


async def cleared(shop: Shop) -> list[str]:
    """Paths of the matches."""
    events = await shop.scene.conclude(await shop.scene.plan())
    await shop.project()
    struck = [event.data for event in events if event.type == "market.match.struck.v1"]
    return [f"/v1/matches/{to_text('match', fact.match)}" for fact in struck]  # type: ignore[attr-defined]


def lines(match: dict[str, Any]) -> dict[str, str]:
    return {line["label"]: line["eur_per_kg"] for line in match["explanation"]["lines"]}


async def test_the_share_is_bought_and_its_premium_is_a_line_of_its_own(shop: Shop) -> None:
    path = await posted(shop, recycled_min_percent="25", third_country_max_percent="80")
    matches = [
        (await shop.ask("GET", match, by=shop.scene.buyers[0])).json() for match in await cleared(shop)
    ]
    bought = {match["price_eur_per_kg"]: match for match in matches}
    assert {"60.00": "1500.000", "72.00": "500.000"} == {
        price: match["quantity_basis_kg"] for price, match in bought.items()
    }
    assert "9.00" == lines(bought["72.00"])["recycled_content_premium"]
    assert "-3.00" == lines(bought["60.00"])["recycled_content_premium"]
    told = (await shop.ask("GET", f"{path}/explanation", by=shop.scene.buyers[0])).json()
    assert ("filled", "7.00", None) == (told["outcome"], told["surplus_eur_per_kg"], told["why"])
    assert [("recycled_min", None, None, "12.00"), ("third_country_max", "processing", "CN", "0.00")] == [
        (each["limit"], each["stage"], each["country"], each["price_eur_per_kg"]) for each in told["limits"]
    ]


async def test_before_the_names_premiums_are_part_of_one_sum(shop: Shop) -> None:
    await posted(shop, commitment="subject_to_confirmation", third_country_max_percent="50")
    for match in await cleared(shop):
        seen = (await shop.ask("GET", match, by=shop.scene.buyers[0])).json()
        told = lines(seen)
        assert "open" == seen["status"]
        assert "origin_premium" not in told
        assert {"60.00": "-6.00", "72.00": "6.00"}[seen["price_eur_per_kg"]] == told["sustainability"]


async def test_sellers_see_nothing_of_it_and_operators_all(shop: Shop) -> None:
    path = await posted(shop, recycled_min_percent="25")
    sold, *_ = await cleared(shop)
    answers = [await shop.ask("GET", sold, by=seller) for seller in shop.scene.sellers]
    (own,) = [answer for answer in answers if answer.status_code == 200]
    assert {200, 404} == {answer.status_code for answer in answers}
    assert "explanation" in own.json()
    assert "premium" not in own.text
    operator: Asker = {"by": shop.scene.buyers[1], "roles": ("operator",)}
    whole = (await shop.ask("GET", sold, **operator)).json()["whole"]
    assert ["recycled_content_premium"] == [line["label"] for line in whole["premiums"]]
    told = (await shop.ask("GET", f"{path}/explanation", **operator)).json()
    assert [("recycled_min", "12.00")] == [
        (each["limit"], each["price_eur_per_kg"]) for each in told["limits"]
    ]


async def test_who_cannot_keep_its_limits_is_told_so_and_not_what_others_ask(shop: Shop) -> None:
    path = await posted(shop, recycled_min_percent="95")
    assert [] == await cleared(shop)
    told = (await shop.ask("GET", f"{path}/explanation", by=shop.scene.buyers[0])).json()
    assert ("unmatched", "portfolio", "portfolio") == (
        told["outcome"],
        told["why"],
        told["removed"]["code"],
    )
    assert "broken its portfolio limits" in told["removed"]["text"]
    assert [] == told["limits"]


async def test_a_question_keeps_portfolio_limits_and_opens_nothing(shop: Shop) -> None:
    """Of three lots one is recycled: with a share of it the price on average is above that of the others."""
    third = await shop.scene.register("third")
    await shop.scene.offer(third, ask=euro(61_000_000))
    await offered(shop)
    await cleared(shop)
    buyer = shop.scene.buyers[1]
    answers = {}
    for share in ("0", "50", "95"):
        body = asking(
            shop, buyer, "70.00", window=WINDOW, overlap_min_days=1, portfolio={"recycled_min_percent": share}
        )
        answer = await shop.ask("POST", "/v1/quotes", by=buyer, body=body)
        assert 200 == answer.status_code, answer.text
        answers[share] = answer.json()["answer"]
    low, half, most = (answers[share] for share in ("0", "50", "95"))
    assert (True, True, False) == (low["would_trade"], half["would_trade"], most["would_trade"])
    # Half of it at 72, the other half at 60.
    assert ("61.00", "66.00") == (low["price_eur_per_kg"]["low"], half["price_eur_per_kg"]["low"])
    assert ("portfolio", "portfolio") == (most["why"], most["removed"]["code"])
