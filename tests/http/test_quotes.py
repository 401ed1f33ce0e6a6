"""Quotes over HTTP: refused as a posting is, answered in bands, few a day, and no way to a rival's price."""

import json
from typing import Any

import pytest

from events.market_events import QuoteAsked
from events.market_terms import AcceptedForm
from market.commands import markets
from market.http.wire.examples import REQUIREMENT
from market.http.wire.ids import to_text
from tests.http.shop import Shop
from tests.market_drafts import Firm, euro, market_terms
from tests.sentinels import figure, found, identity

SECRETS = (61_377_301, 64_913_907, 67_131_719)


async def round_of(shop: Shop, *asks: int) -> list[Firm]:
    """Sellers of metal, one for each ask, and a completed round that no buyer took part in."""
    firms = [await shop.scene.register(f"quoted-{n}") for n in range(len(asks))]
    for firm, ask in zip(firms, asks, strict=True):
        await shop.scene.offer(firm, ask=euro(ask))
    await shop.scene.conclude(await shop.scene.plan())
    return firms


def asking(shop: Shop, firm: Firm, limit: str = "66.00", **changes: Any) -> dict[str, Any]:
    body = shop.requirement_body(
        firm,
        kind="requirement",
        forms=[{"form": "metal"}],
        limit={"amount": limit, "currency": "EUR", "per": "element"},
        limits=[],
        penalties=[],
        co_products=[],
        carriage=[],
        profile={},
        place={"country": "FR", "name": "La Rochelle"},
        minimum_parcel_kg="100.000",
    )
    return {**body, **changes}


async def ask(shop: Shop, firm: Firm, body: dict[str, Any], **given: Any) -> Any:
    return await shop.ask("POST", "/v1/quotes", by=firm, body=body, **given)


async def test_before_the_first_round_a_question_is_409(shop: Shop) -> None:
    buyer = shop.scene.buyers[0]
    answer = await ask(shop, buyer, asking(shop, buyer))
    assert (409, "round_missing") == (answer.status_code, answer.json()["code"])


async def test_a_question_is_refused_as_the_posting_would_be(shop: Shop) -> None:
    await round_of(shop, *SECRETS)
    buyer = shop.scene.buyers[0]
    wrong: dict[str, Any] = {
        "basis_kg": "1.000",
        "valid_until": "2025-01-01T00:00:00Z",
        "limit": {"amount": "x"},
    }
    body = asking(shop, buyer, **wrong)
    posted = await shop.ask(
        "POST", "/v1/requirements", by=buyer, body={k: body[k] for k in body if k != "kind"}
    )
    quoted = await ask(shop, buyer, body)
    assert posted.status_code == quoted.status_code == 400
    assert {"limit", "minimum_parcel_kg", "valid_until"} == {
        each["pointer"].split("/")[1] for each in quoted.json()["errors"]
    }
    assert posted.json()["errors"] == quoted.json()["errors"]
    broken = {
        **shop.offer_body(buyer, kind="supply_offer"),
        "ask": {"amount": "x"},
        "moisture_percent": "101",
    }
    sold = await ask(shop, buyer, broken)
    assert {"/ask/amount", "/moisture_percent"} <= {each["pointer"] for each in sold.json()["errors"]}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({}, "/kind"), ({"kind": "swap"}, "/kind"), ({"kind": "requirement"}, "/forms"), ([], "")],
    ids=["nothing", "no kind of order", "no terms", "a list"],
)
async def test_what_is_no_question_is_told(shop: Shop, body: Any, pointer: str) -> None:
    answer = await ask(shop, shop.scene.buyers[0], body)
    assert 400 == answer.status_code
    assert pointer in [each["pointer"] for each in answer.json()["errors"]]


async def test_only_traders_and_members_ask(shop: Shop) -> None:
    await round_of(shop, *SECRETS)
    buyer = shop.scene.buyers[0]
    for roles in (("auditor",), ("operator",), ("compliance",)):
        answer = await ask(shop, buyer, asking(shop, buyer), roles=roles)
        assert (403, "role_missing") == (answer.status_code, answer.json()["code"])
    outcome = await markets.open_market(shop.scene.desk, shop.scene.operator, terms=market_terms(name="Dy"))
    elsewhere = to_text("mkt", outcome.events[0].data.market)  # type: ignore[union-attr]
    answer = await ask(shop, buyer, asking(shop, buyer, market=elsewhere))
    assert "not_a_member" in [each["code"] for each in answer.json()["errors"]]
    assert 401 == (await shop.ask("POST", "/v1/quotes", body=asking(shop, buyer))).status_code


async def test_an_answer_comes_in_bands_with_a_receipt_and_opens_nothing(shop: Shop) -> None:
    sellers = await round_of(shop, *SECRETS)
    buyer = shop.scene.buyers[0]
    before = await shop.rows()
    answer = await ask(shop, buyer, asking(shop, buyer))
    assert 200 == answer.status_code, answer.text
    body = answer.json()
    told = body["answer"]
    assert (True, True, "buyer", 1, None) == (
        told["present"],
        told["would_trade"],
        told["side"],
        told["round"],
        told["why"],
    )
    assert ({"low": "5000.000", "high": "10000.000"}, 3) == (told["quantity_kg"], told["eligible"])
    assert None is told["withheld"]
    low, high = (float(told["price_eur_per_kg"][edge]) for edge in ("low", "high"))
    assert (1.0, True) == (high - low, 62 <= low <= 66)
    assert ["market.quote.asked.v1"] == [receipt["type"] for receipt in body["receipts"]]
    hidden = [text for secret in SECRETS for text in figure(secret)]
    hidden += [text for firm in sellers for text in identity(firm.organisation)]
    assert [] == found(hidden, answer.text)
    after = await shop.rows()
    counted = ("supply", "requirement", "match")
    assert [before[name] for name in counted] == [after[name] for name in counted]


async def test_an_order_that_would_not_trade_is_told_how_far_it_is(shop: Shop) -> None:
    await round_of(shop, *SECRETS)
    buyer = shop.scene.buyers[0]
    told = (await ask(shop, buyer, asking(shop, buyer, "50.00"))).json()["answer"]
    assert (False, "all_dearer", 18) == (told["would_trade"], told["why"], told["three_groups_ticks"])
    assert (None, None) == (told["quantity_kg"], told["price_eur_per_kg"])


async def test_two_sellers_are_too_few_to_tell_of(shop: Shop) -> None:
    await round_of(shop, *SECRETS[:2])
    buyer = shop.scene.buyers[0]
    for limit in ("50.00", "90.00"):
        told = (await ask(shop, buyer, asking(shop, buyer, limit))).json()["answer"]
        assert (None, "withheld", None) == (told["would_trade"], told["why"], told["three_groups_ticks"])
        assert "few_groups" == told["withheld"]["code"]
        assert "Fewer than three groups of companies" in told["withheld"]["text"]


async def test_a_seller_may_ask_too(shop: Shop) -> None:
    scene = shop.scene
    buyers = [await scene.register(f"quoted-{n}") for n in range(3)]
    for n, firm in enumerate(buyers):
        forms = (AcceptedForm(form="separated_oxide"),)
        await scene.require(firm, limit=euro((90 + n) * 1_000_000), forms=forms, limits=())
    await scene.conclude(await scene.plan())
    seller = scene.sellers[0]
    answer = await ask(shop, seller, shop.offer_body(seller, kind="supply_offer"))
    assert 200 == answer.status_code, answer.text
    told = answer.json()["answer"]
    assert ("seller", True) == (told["side"], told["present"])
    assert [[], True] == [told["reasons"], told["would_trade"]]


async def test_a_repeat_is_answered_again_and_counts_once(shop: Shop) -> None:
    await round_of(shop, *SECRETS)
    buyer = shop.scene.buyers[0]
    first = await ask(shop, buyer, asking(shop, buyer), key="one")
    second = await ask(shop, buyer, asking(shop, buyer), key="one")
    assert ("true", first.json()) == (second.headers["idempotent-replayed"], second.json())
    other = await ask(shop, buyer, asking(shop, buyer, "67.00"), key="one")
    assert (422, "idempotency_key_reused") == (other.status_code, other.json()["code"])
    assert 1 == len(await questions(shop))


async def questions(shop: Shop) -> list[QuoteAsked]:
    return [event.data for event in await shop.scene.events("market") if isinstance(event.data, QuoteAsked)]


async def test_a_dry_run_records_and_answers_nothing(shop: Shop) -> None:
    await round_of(shop, *SECRETS)
    buyer = shop.scene.buyers[0]
    answer = await shop.ask("POST", "/v1/quotes?validate_only=true", by=buyer, body=asking(shop, buyer))
    body = answer.json()
    assert (200, None, ["market.quote.asked.v1"]) == (
        answer.status_code,
        body["answer"],
        body["would_record"],
    )
    assert [] == await questions(shop)


async def test_the_days_questions_used_up_are_429_until_midnight(shop: Shop) -> None:
    await round_of(shop, *SECRETS)
    buyer = shop.scene.buyers[0]
    answers = [await ask(shop, buyer, asking(shop, buyer)) for _ in range(6)]
    assert [200] * 5 + [429] == [answer.status_code for answer in answers]
    told = [answer.json()["answer"] for answer in answers[:5]]
    assert told[:1] * 5 == told
    refused = answers[5]
    assert ("quotes_used", "54000") == (refused.json()["code"], refused.headers["retry-after"])
    assert "2026-03-03T00:00:00Z" in refused.json()["detail"]
    shop.scene.clock.pass_seconds(int(refused.headers["retry-after"]))
    assert 200 == (await ask(shop, buyer, asking(shop, buyer))).status_code


async def test_weeks_of_questions_end_at_a_tick(shop: Shop) -> None:
    """A rival bisects the cheapest ask with all its questions, and still has a whole tick of prices left."""
    await round_of(shop, *SECRETS)
    buyer = shop.scene.buyers[0]
    low, high = 50_000_000, 90_000_000
    for _ in range(3):
        for _ in range(5):
            middle = (low + high) // 2
            answer = await ask(shop, buyer, asking(shop, buyer, f"{middle / 1_000_000:.6f}"))
            told = answer.json()["answer"]
            low, high = (low, middle) if told["would_trade"] else (middle, high)
        assert 429 == (await ask(shop, buyer, asking(shop, buyer))).status_code
        shop.scene.clock.pass_seconds(86_400)
    begins_to_trade = high
    assert begins_to_trade - low < 2_000
    assert abs(begins_to_trade - 62_000_000) < 2_000
    assert begins_to_trade - SECRETS[0] > 600_000


async def test_auditors_read_the_question_in_the_record_and_others_not(shop: Shop) -> None:
    await round_of(shop, *SECRETS)
    buyer = shop.scene.buyers[0]
    await ask(shop, buyer, asking(shop, buyer, "61.234567"))
    (asked,) = await questions(shop)
    assert asked.requirement is not None
    assert (buyer.organisation, 61_234_567) == (asked.organisation, asked.requirement.limit.ueur_per_kg)
    await shop.project()
    path = f"/v1/requirements?market={shop.market}"
    for firm in (shop.scene.buyers[1], shop.scene.sellers[0]):
        assert [] == found(figure(61_234_567), (await shop.ask("GET", path, by=firm)).text)


async def test_the_example_of_the_documentation_is_a_question(shop: Shop) -> None:
    await round_of(shop, *SECRETS)
    buyer = shop.scene.buyers[0]
    body = shop.requirement_body(buyer, kind="requirement")
    assert set(REQUIREMENT) | {"kind"} == set(body)
    answer = await ask(shop, buyer, json.loads(json.dumps(body)))
    assert (200, "withheld") == (answer.status_code, answer.json()["answer"]["why"])
