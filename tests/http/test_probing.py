"""What a rival learns by asking, on a market that stands: orders changed and asked about until they tell."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from market.http.wire.ids import to_text
from tests.http.shop import Shop
from tests.market_drafts import Firm, composition, euro

SECRET_PERCENT = 18
HALVINGS = 14


def praseodymium(most: float) -> list[dict[str, Any]]:
    return [{"analyte": "Pr", "max": {"unit": "percent", "amount": f"{most:.4f}"}}]


def wanted(shop: Shop, firm: Firm, **changes: Any) -> dict[str, Any]:
    """What could never trade, at one euro per kg."""
    return shop.requirement_body(
        firm,
        forms=[{"form": "metal"}],
        limit={"amount": "1.00", "currency": "EUR", "per": "element"},
        basis_kg="50000.000",
        minimum_parcel_kg="1.000",
        limits=[],
        penalties=[],
        co_products=[],
        carriage=[],
        profile={},
        place={"country": "FR", "name": "La Rochelle"},
        **changes,
    )


async def posted(shop: Shop, firm: Firm, **changes: Any) -> str:
    answer = await shop.ask("POST", "/v1/requirements", by=firm, body=wanted(shop, firm) | changes)
    assert 201 == answer.status_code, answer.text
    return str(answer.headers["location"])


async def candidates(shop: Shop, order: str, firm: Firm) -> Any:
    answer = await shop.ask("GET", f"{order}/candidates", by=firm)
    assert 200 == answer.status_code, answer.text
    return answer.json() | {"order": None}


async def amended(shop: Shop, order: str, firm: Firm, body: dict[str, Any]) -> Any:
    tag = (await shop.ask("GET", order, by=firm)).headers["etag"]
    answer = await shop.ask("PATCH", order, by=firm, body=body, version=tag)
    assert 200 == answer.status_code, answer.text
    return answer.json()


async def cleared(shop: Shop) -> None:
    await shop.scene.conclude(await shop.scene.plan())
    await shop.project()


async def offered(shop: Shop, firm: Firm, pr_percent: int = SECRET_PERCENT) -> str:
    offer = await shop.scene.offer(firm, composition=composition(50, pr_percent))
    return f"/v1/supply-offers/offer_{offer.hex}"


async def test_probes_that_a_round_has_taken_read_no_offer_that_comes_after_it(shop: Shop) -> None:
    rival, victim = shop.scene.buyers[0], shop.scene.sellers[0]
    kinds: list[dict[str, Any]] = [{"limits": praseodymium(16 + step / 2)} for step in range(8)]
    kinds += [{"minimum_parcel_kg": f"{tonnes}000.000"} for tonnes in (1, 2, 4, 8, 16)]
    kinds += [{"origins_excluded": [country]} for country in ("CN", "EE", "DE")]
    kinds += [{"recycled_min_percent": str(share)} for share in (10, 50, 90)]
    probes = [await posted(shop, rival, **kind) for kind in kinds]
    await cleared(shop)
    before = [await candidates(shop, probe, rival) for probe in probes]
    offer = await offered(shop, victim)
    assert before == [await candidates(shop, probe, rival) for probe in probes]
    assert 200 == (await shop.ask("DELETE", offer, by=victim, version='"v1"')).status_code
    assert before == [await candidates(shop, probe, rival) for probe in probes]


async def test_who_leaves_after_a_round_is_seen_by_no_order_that_the_round_took(shop: Shop) -> None:
    rival, victim = shop.scene.buyers[0], shop.scene.sellers[0]
    offer, order = await offered(shop, victim), await posted(shop, rival)
    await cleared(shop)
    before = await candidates(shop, order, rival)
    assert "eligible" == before["standing"]
    assert 200 == (await shop.ask("DELETE", offer, by=victim, version='"v1"')).status_code
    assert before == await candidates(shop, order, rival)
    await cleared(shop)
    assert "no_counter_orders" == (await candidates(shop, order, rival))["standing"]


@pytest.mark.parametrize("rounds", [0, 1])
async def test_a_new_order_tells_not_even_whether_the_market_is_empty(shop: Shop, rounds: int) -> None:
    rival, victim = shop.scene.buyers[0], shop.scene.sellers[0]
    for _ in range(rounds):
        await cleared(shop)
    order = await posted(shop, rival)
    alone = await candidates(shop, order, rival)
    assert ("withheld", None, []) == (alone["standing"], alone["eligible"], alone["reasons"])
    assert ("untaken", "next_round") == (alone["withheld"]["code"], alone["withheld"]["until"])
    offer = await offered(shop, victim)
    assert alone == await candidates(shop, order, rival)
    assert 200 == (await shop.ask("DELETE", offer, by=victim, version='"v1"')).status_code
    assert alone == await candidates(shop, order, rival)


async def test_of_many_standing_probes_a_round_answers_five(shop: Shop) -> None:
    rival = shop.scene.buyers[0]
    await offered(shop, shop.scene.sellers[0])
    probes = [await posted(shop, rival, limits=praseodymium(14 + step)) for step in range(8)]
    await cleared(shop)
    seen = [await candidates(shop, probe, rival) for probe in probes]
    assert ["none_eligible"] * 4 + ["eligible"] + ["withheld"] * 3 == [each["standing"] for each in seen]
    assert {("many_orders", "next_round")} == {
        (each["withheld"]["code"], each["withheld"]["until"]) for each in seen[5:]
    }
    for probe, told in zip(probes, ["none_eligible"] * 4 + ["eligible"] + ["withheld"] * 3, strict=True):
        explained = await shop.ask("GET", f"{probe}/explanation", by=rival)
        assert (200, told) == (explained.status_code, explained.json()["why"])


async def friends_and_victim(shop: Shop) -> None:
    """Two sellers who always fit, the third who is asked about."""
    friends = [await shop.scene.register(f"friend-{n}") for n in range(2)]
    for friend in friends:
        await offered(shop, friend, 10)
    await offered(shop, shop.scene.sellers[0])


async def bisected(look: Callable[[float], Any]) -> Sequence[Any]:
    """What is told on the way to the third one's assay."""
    low, high, told = 10.5, 40.0, []
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        told.append(await look(middle))
        low, high = (low, middle) if told[-1]["eligible"] == 3 else (middle, high)
    return told


async def test_halving_with_two_friends_tells_nothing_between_two_rounds(shop: Shop) -> None:
    rival = shop.scene.buyers[0]
    await friends_and_victim(shop)
    order = await posted(shop, rival)
    await cleared(shop)
    assert 3 == (await candidates(shop, order, rival))["eligible"]

    async def changed(most: float) -> Any:
        await amended(shop, order, rival, {"limits": praseodymium(most)})
        return await candidates(shop, order, rival)

    first, *others = await bisected(changed)
    assert {"withheld"} == {each["standing"] for each in (first, *others)}
    assert [first] * len(others) == others
    assert first == await candidates(shop, await posted(shop, rival), rival)


async def test_a_least_parcel_is_not_approached_by_lowering_the_quantity(shop: Shop) -> None:
    """Such an amendment keeps its place in time."""
    rival = shop.scene.buyers[0]
    await friends_and_victim(shop)
    order = await posted(shop, rival)
    await cleared(shop)
    told = []
    for kilograms in (20_000, 5_000, 1_000, 100, 10):
        await amended(shop, order, rival, {"basis_kg": f"{kilograms}.000"})
        told.append(await candidates(shop, order, rival) | {"open_kg": None})
    assert [told[0]] * len(told) == told
    assert "withheld" == told[0]["standing"]


async def test_what_a_round_took_is_told_again_when_the_amendment_is_in_the_next(shop: Shop) -> None:
    rival = shop.scene.buyers[0]
    await friends_and_victim(shop)
    order = await posted(shop, rival)
    await cleared(shop)
    await amended(shop, order, rival, {"limits": praseodymium(1)})
    await cleared(shop)
    told = await candidates(shop, order, rival)
    assert ("none_eligible", [("above_max", "1 %", 3)]) == (
        told["standing"],
        [(each["code"], each["own_figure"], each["counter_orders"]) for each in told["reasons"]],
    )


async def test_questions_of_a_day_run_out_before_halving_gets_anywhere(shop: Shop) -> None:
    rival = shop.scene.buyers[0]
    await friends_and_victim(shop)
    await cleared(shop)
    answers = [
        await shop.ask(
            "POST",
            "/v1/quotes",
            by=rival,
            body=wanted(shop, rival, kind="requirement") | {"limits": praseodymium(11 + step)},
        )
        for step in range(7)
    ]
    assert [200] * 5 + [429] * 2 == [answer.status_code for answer in answers]
    tried = await shop.ask(
        "POST",
        "/v1/quotes?validate_only=true",
        by=shop.scene.buyers[1],
        body=wanted(shop, shop.scene.buyers[1], kind="requirement"),
    )
    assert (200, None) == (tried.status_code, tried.json()["answer"])


async def test_what_rests_on_ones_own_papers_is_told_at_once(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    body = shop.offer_body(seller, export_licence="pending")
    answer = await shop.ask("POST", "/v1/supply-offers", by=seller, body=body)
    assert 201 == answer.status_code, answer.text
    told = await candidates(shop, str(answer.headers["location"]), seller)
    assert [("export_licence_pending", None)] == [
        (each["code"], each["counter_orders"]) for each in told["reasons"]
    ]


async def test_who_lost_to_one_rival_is_told_no_distance_to_it_in_this_round_or_later(shop: Shop) -> None:
    scene = shop.scene
    loser, rival = scene.buyers
    for number in range(3):
        await scene.offer(await scene.register(f"seller-{number}"), ask=euro(60_000_000), net_wet_g=5_000_000)
    await scene.require(rival, basis_g=6_000_000, limit=euro(74_500_000))
    order = to_text("req", await scene.require(loser, limit=euro(71_500_000)))
    for _ in range(2):
        await cleared(shop)
        path = f"/v1/requirements/{order}/explanation?round=1"
        told = (await shop.ask("GET", path, by=loser)).json()
        assert ("outbid", 3, None) == (told["why"], told["eligible"], told["three_groups_ticks"])
        assert not [name for name in told if "nearest" in name]


async def test_no_question_about_a_round_with_one_rival_is_answered_in_prices(shop: Shop) -> None:
    scene = shop.scene
    loser, rival = scene.buyers
    for number in range(3):
        await scene.offer(await scene.register(f"seller-{number}"), ask=euro(60_000_000), net_wet_g=5_000_000)
    await scene.require(rival, basis_g=6_000_000, limit=euro(74_500_000))
    await cleared(shop)
    heard = []
    for amount in ("71.50", "74.00", "90.00"):
        body = wanted(shop, loser, kind="requirement") | {"minimum_parcel_kg": "100.000"}
        body["limit"] = body["limit"] | {"amount": amount}
        answer = await shop.ask("POST", "/v1/quotes", by=loser, body=body)
        assert 200 == answer.status_code, answer.text
        heard.append(answer.json()["answer"])
    assert [heard[0]] * 3 == heard
    assert (None, "withheld", None, None) == (
        heard[0]["would_trade"],
        heard[0]["why"],
        heard[0]["price_eur_per_kg"],
        heard[0]["three_groups_ticks"],
    )
    assert ("few_rivals", "next_round") == (heard[0]["withheld"]["code"], heard[0]["withheld"]["until"])
