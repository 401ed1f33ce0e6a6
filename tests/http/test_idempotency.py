"""One key, one effect: repeats get the first answer, other bodies are refused, concurrent repeats wait."""

import asyncio
from datetime import UTC, datetime

import asyncpg

from market.request_retention import RequestRetention
from tests.conftest import Database
from tests.http.shop import Shop


async def test_a_repeat_gets_the_first_answer(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    body = shop.offer_body(seller)
    first = await shop.ask("POST", "/v1/supply-offers", by=seller, body=body, key="once")
    before = await shop.rows()
    again = await shop.ask("POST", "/v1/supply-offers", by=seller, body=body, key="once")
    assert (201, first.json(), first.headers["location"], "true") == (
        again.status_code,
        again.json(),
        again.headers["location"],
        again.headers["idempotent-replayed"],
    )
    assert "idempotent-replayed" not in first.headers
    assert before == await shop.rows()


async def test_the_same_key_with_another_body_is_refused(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    await shop.ask("POST", "/v1/supply-offers", by=seller, body=shop.offer_body(seller), key="once")
    before = await shop.rows()
    other = await shop.ask(
        "POST", "/v1/supply-offers", by=seller, body=shop.offer_body(seller, incoterm="DAP"), key="once"
    )
    assert (422, "idempotency_key_reused") == (other.status_code, other.json()["code"])
    assert before == await shop.rows()


async def test_a_repeated_grading_names_the_version_it_made_and_no_other(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    lot = (await shop.ask("POST", "/v1/recovered-lots", by=seller, body=shop.lot_body(seller))).headers
    path = f"{lot['location']}/grade"
    grade = {"condition": "B", "inspector": "assay house north"}
    first = await shop.ask("POST", path, by=seller, body=grade, key="once", version='"v1"')
    again = await shop.ask("POST", path, by=seller, body=grade, key="once", version=lot["etag"])
    assert (200, first.json(), first.headers["etag"], "true") == (
        again.status_code,
        again.json(),
        again.headers["etag"],
        again.headers["idempotent-replayed"],
    )
    other = await shop.ask("POST", path, by=seller, body=grade, key="once", version='"v7"')
    assert (422, "idempotency_key_reused") == (other.status_code, other.json()["code"])


async def test_concurrent_repeats_have_one_effect(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    await shop.token(seller)
    body = shop.offer_body(seller)
    before = await shop.rows()
    answers = await asyncio.gather(
        *(shop.ask("POST", "/v1/supply-offers", by=seller, body=body, key="once") for _ in range(8))
    )
    assert {201} == {answer.status_code for answer in answers}
    assert 1 == len({answer.json()["id"] for answer in answers})
    assert 7 == sum("idempotent-replayed" in answer.headers for answer in answers)
    after = await shop.rows()
    assert (1, 1) == (after["supply"] - before["supply"], after["record.request"] - before["record.request"])


async def test_a_key_whose_time_is_over_makes_another_order(shop: Shop, database: Database) -> None:
    seller = shop.scene.sellers[0]
    body, days = shop.offer_body(seller), 30
    retention = RequestRetention(shop.scene.pool, days=days, clock=lambda: datetime.now(UTC))
    made = []
    for old in (0, days - 1, days + 1):
        await age_keys(database, old)
        await retention.pass_over(asyncio.Event())
        answer = await shop.ask("POST", "/v1/supply-offers", by=seller, body=body, key="once")
        assert 201 == answer.status_code, answer.text
        made.append((answer.json()["id"], answer.headers.get("idempotent-replayed")))
    (first, _), (again, _), (another, replayed) = made
    assert (first, "true") == made[1]
    assert again != another
    assert None is replayed


async def age_keys(database: Database, days: int) -> None:
    owner = await asyncpg.connect(database.admin_dsn)
    await owner.execute("update record.request set at = now() - make_interval(days => $1)", days)
    await owner.close()


async def test_a_refused_request_leaves_its_key_free(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    late = shop.offer_body(seller, valid_until="2020-01-01T00:00:00Z")
    refused = await shop.ask("POST", "/v1/supply-offers", by=seller, body=late, key="once")
    fine = await shop.ask("POST", "/v1/supply-offers", by=seller, body=shop.offer_body(seller), key="once")
    assert (422, 201) == (refused.status_code, fine.status_code)


async def test_keys_belong_to_their_organisation_and_route(shop: Shop) -> None:
    first, second = shop.scene.sellers
    answers = [
        await shop.ask("POST", "/v1/supply-offers", by=first, body=shop.offer_body(first), key="k"),
        await shop.ask("POST", "/v1/supply-offers", by=second, body=shop.offer_body(second), key="k"),
        await shop.ask("POST", "/v1/recovered-lots", by=first, body=shop.lot_body(first), key="k"),
    ]
    assert [201, 201, 201] == [answer.status_code for answer in answers]
    assert not any("idempotent-replayed" in answer.headers for answer in answers)


async def test_a_dry_run_does_not_use_the_key_up(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    body = shop.offer_body(seller)
    await shop.ask("POST", "/v1/supply-offers?validate_only=true", by=seller, body=body, key="once")
    posted = await shop.ask("POST", "/v1/supply-offers", by=seller, body=body, key="once")
    assert (201, False) == (posted.status_code, "idempotent-replayed" in posted.headers)


async def test_a_key_is_required_and_plain(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    for key, code in (("", "invalid_request"), ("a b", "invalid_request"), ("k" * 65, "invalid_request")):
        answer = await shop.ask(
            "POST",
            "/v1/supply-offers",
            by=seller,
            body=shop.offer_body(seller),
            headers={"Idempotency-Key": key},
        )
        assert (400, code) == (answer.status_code, answer.json()["code"])
    missing = await shop.client.post(
        "/v1/supply-offers",
        json=shop.offer_body(seller),
        headers={"Authorization": f"Bearer {await shop.token(seller)}"},
    )
    assert (400, "idempotency_key_missing") == (missing.status_code, missing.json()["code"])
