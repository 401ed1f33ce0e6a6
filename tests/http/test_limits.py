"""Rates per organisation, told by their headers; health and metrics stand outside."""

from typing import Any

import pytest

from market.http.limits import Quota
from tests.http.shop import Shop, shop_on


async def test_a_caller_beyond_its_rate_is_told_when_to_come_back(database: Any) -> None:
    async with shop_on(database, quota=Quota(requests=60, seconds=60, burst=3)) as shop:
        first, second = shop.scene.sellers
        answers = [await shop.ask("GET", "/v1/markets", by=first) for _ in range(4)]
        assert [200, 200, 200, 429] == [answer.status_code for answer in answers]
        assert ["r=2", "r=1", "r=0", "r=0"] == [
            answer.headers["ratelimit"].split(";")[1] for answer in answers
        ]
        assert '"organisation";q=3;w=60' == answers[0].headers["ratelimit-policy"]
        assert ("too_many_requests", "1") == (answers[3].json()["code"], answers[3].headers["retry-after"])
        assert 200 == (await shop.ask("GET", "/v1/markets", by=second)).status_code
        assert 200 == (await shop.client.get("/livez")).status_code


async def test_readiness_names_what_fails(database: Any) -> None:
    async def well() -> str | None:
        return None

    async def ill() -> str | None:
        return "the oldest unpublished event is 40 s old"

    async with shop_on(database, checks={"database": well, "relay": ill}) as shop:
        answer = await shop.client.get("/readyz")
        assert 503 == answer.status_code
        assert {
            "status": "failing",
            "checks": ["database", "relay"],
            "failing": {"relay": "the oldest unpublished event is 40 s old"},
        } == answer.json()
        assert {"status": "ok"} == (await shop.client.get("/livez")).json()


async def test_metrics_count_requests_by_template_and_refusals_by_code(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    await shop.ask("GET", f"/v1/markets/{shop.market}", by=seller)
    await shop.ask("POST", "/v1/supply-offers", by=seller, body={})
    await shop.client.get("/v1/no/such/route")
    text = (await shop.client.get("/metrics")).text
    assert 'lodestone_http_requests_total{method="GET",route="/v1/markets/{market}",status="200"} 1.0' in text
    assert 'lodestone_http_requests_total{method="GET",route="unrouted",status="404"} 1.0' in text
    assert 'lodestone_refusals_total{code="missing"} 1.0' in text
    assert shop.market not in text


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/schema"])
async def test_what_is_public_needs_no_key_and_takes_head(shop: Shop, path: str) -> None:
    assert 200 == (await shop.client.get(path)).status_code
    head = await shop.client.head(path)
    assert (200, b"") == (head.status_code, head.content)
