"""Rates per organisation, told by their headers; health stands outside."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest
from prometheus_client import generate_latest

from market.http.wire import health
from market.http.wire.ids import to_text
from market.http.wire.limits import CallerLimits, Quota, Verdict, site_of
from market.http.wire.loading import COST
from market.http.wire.tokens import mint
from market.readiness import Check
from tests.http.shop import Shop, shop_on


async def test_a_caller_beyond_its_rate_is_told_when_to_come_back(database: Any) -> None:
    async with shop_on(database, quota=Quota(requests=60, seconds=60, burst=3)) as shop:
        first, second = shop.scene.sellers
        answers = [await shop.ask("GET", "/v1/markets", by=first) for _ in range(4)]
        assert [200, 200, 200, 429] == [answer.status_code for answer in answers]
        assert ["r=2", "r=1", "r=0", "r=0"] == [
            answer.headers["ratelimit"].split(";")[1] for answer in answers
        ]
        assert '"organisation";q=3;w=3' == answers[0].headers["ratelimit-policy"]
        assert ("too_many_requests", "1") == (answers[3].json()["code"], answers[3].headers["retry-after"])
        assert 200 == (await shop.ask("GET", "/v1/markets", by=second)).status_code
        assert 200 == (await shop.client.get("/livez")).status_code


STRANGERS = Quota(requests=60, seconds=60, burst=4)


def unknown_key(number: int) -> dict[str, str]:
    return {"Authorization": f"Bearer {mint(UUID(int=number), number.to_bytes(32, 'big'))}"}


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer no-key"}, {"Authorization": "Basic x"}, unknown_key(7)]
)
async def test_who_shows_no_key_is_limited_by_address(database: Any, headers: dict[str, str]) -> None:
    async with shop_on(database, strangers=STRANGERS) as shop:
        answers = [await shop.client.get("/v1/markets", headers=headers) for _ in range(5)]
        assert [401, 401, 401, 401, 429] == [answer.status_code for answer in answers]
        last = answers[-1]
        assert ("too_many_requests", "1") == (last.json()["code"], last.headers["retry-after"])
        assert '"address";q=4;w=4' == last.headers["ratelimit-policy"]
        assert 429 == (await shop.client.get("/schema/openapi.json")).status_code
        for probe in ("/livez", "/readyz"):
            assert 200 == (await shop.client.get(probe)).status_code


async def test_a_flood_of_bad_keys_reads_nothing_and_leaves_known_callers_alone(database: Any) -> None:
    async with shop_on(database, strangers=STRANGERS) as shop:
        seller = shop.scene.sellers[0]
        assert 200 == (await shop.ask("GET", "/v1/markets", by=seller)).status_code
        answers = [await shop.client.get("/v1/markets", headers=unknown_key(n)) for n in range(1, 9)]
        assert [401] * 3 + [429] * 5 == [answer.status_code for answer in answers]
        assert 200 == (await shop.ask("GET", "/v1/markets", by=seller)).status_code


async def test_addresses_have_quotas_of_their_own_and_an_ipv6_site_has_one(database: Any) -> None:
    async with shop_on(database, strangers=STRANGERS) as shop:
        found = {}
        for address in ("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"):
            transport = httpx.ASGITransport(app=shop.app, client=(address, 1))  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
                found[address] = [(await client.get("/v1/markets")).status_code for _ in range(4)]
        assert {
            "192.0.2.1": [401] * 4,
            "192.0.2.2": [401] * 4,
            "2001:db8::1": [401] * 4,
            "2001:db8::2": [429] * 4,
            "2001:db8:0:1::1": [401] * 4,
        } == found


def test_what_was_asked_is_paid_for_at_the_rate_and_never_beyond_the_burst() -> None:
    now_ns = 0
    limits = CallerLimits(Quota(requests=60, seconds=60, burst=2), clock_ns=lambda: now_ns)

    def asked() -> tuple[bool, int, bytes]:
        verdict = limits.take("firm")
        return verdict.allowed, verdict.retry_after_seconds, verdict.fields[1][1]

    assert (True, 1, b'"organisation";r=1;t=1') == asked()
    assert (True, 1, b'"organisation";r=0;t=2') == asked()
    assert (False, 1, b'"organisation";r=0;t=2') == asked()
    now_ns = 999_999_999
    assert (False, 1, b'"organisation";r=0;t=2') == asked()
    now_ns = 1_000_000_000
    assert (True, 1, b'"organisation";r=0;t=2') == asked()
    now_ns = 3_600 * 1_000_000_000
    assert [True, True, False] == [asked()[0] for _ in range(3)]


def test_who_comes_back_when_told_passes_with_all_that_its_request_takes() -> None:
    now_ns = 0
    limits = CallerLimits(Quota(requests=60, seconds=60, burst=4), clock_ns=lambda: now_ns)
    limits.take("firm", 2)

    def asked() -> tuple[bool, int]:
        """A request that takes one at its gate and three when its handler knows."""
        limits.take("firm")
        verdict = limits.take("firm", 3, before=1)
        return verdict.allowed, verdict.retry_after_seconds

    assert (False, 3) == asked()
    now_ns = 3 * 1_000_000_000 - 1
    assert (False, 2) == asked()
    now_ns += 2 * 1_000_000_000
    assert True is asked()[0]


def test_what_costs_more_than_the_burst_takes_the_whole_burst() -> None:
    limits = CallerLimits(Quota(requests=7, seconds=60, burst=2), "address", clock_ns=lambda: 0)
    verdict = limits.take("firm", 99)
    assert (True, (b"ratelimit-policy", b'"address";q=2;w=18')) == (verdict.allowed, verdict.fields[0])
    assert (b"ratelimit", b'"address";r=0;t=18') == verdict.fields[1]
    assert not limits.take("firm").allowed


def test_the_table_of_callers_is_bounded() -> None:
    limits = CallerLimits(Quota(requests=1, seconds=3_600, burst=1), callers_max=100)
    assert limits.take("first").allowed
    assert not limits.take("first").allowed
    for number in range(99):
        limits.take(str(number))
    assert not limits.take("first").allowed
    for number in range(100):
        limits.take(str(number))
    assert limits.take("first").allowed, "the longest unseen made room"


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", "unknown"),
    ],
)
def test_the_site_of_an_address(address: str, site: str) -> None:
    assert site == site_of(address)


async def test_what_loads_a_whole_book_takes_more_of_the_rate(database: Any) -> None:
    async with shop_on(database, quota=Quota(requests=60, seconds=60, burst=2 * COST + 1)) as shop:
        seller = shop.scene.sellers[0]
        offer = await shop.scene.offer(seller)
        paths = (
            f"/v1/supply-offers/offer_{offer.hex}/candidates",
            f"/v1/markets/{shop.market}/book",
            f"/v1/markets/{shop.market}",
            f"/v1/markets/{shop.market}/book",
        )
        answers = [await shop.ask("GET", path, by=seller) for path in paths]
        assert [200, 200, 200, 429] == [answer.status_code for answer in answers]
        left = [f"r={COST + 1}", "r=1", "r=0", "r=0"]
        assert left == [answer.headers["ratelimit"].split(";")[1] for answer in answers]


async def test_what_reads_the_evidence_of_a_round_takes_more_of_the_rate(database: Any) -> None:
    async with shop_on(database, quota=Quota(requests=60, seconds=60, burst=COST + 1)) as shop:
        path = f"/v1/markets/{shop.market}/clearings/{to_text('plan', UUID(int=1))}/marginal-orders"
        answers = [await shop.ask("GET", path, by=shop.scene.sellers[0]) for _ in range(2)]
        assert [404, 429] == [answer.status_code for answer in answers]
        assert ["r=1", "r=1"] == [answer.headers["ratelimit"].split(";")[1] for answer in answers]


async def test_what_costs_more_than_the_burst_passes_alone(database: Any) -> None:
    async with shop_on(database, quota=Quota(requests=60, seconds=60, burst=COST - 1)) as shop:
        path = f"/v1/markets/{shop.market}/book"
        answers = [await shop.ask("GET", path, by=shop.scene.sellers[0]) for _ in range(2)]
        assert [200, 429] == [answer.status_code for answer in answers]


@pytest.mark.parametrize("path", ["/v1/invoices", "/v1/payments", "/v1/deliveries", "/v1/nominations"])
async def test_a_file_takes_more_of_the_rate_than_a_page(database: Any, path: str) -> None:
    asked = (path, f"{path}?format=csv", f"{path}?format=xlsx", path)
    async with shop_on(database, quota=Quota(requests=60, seconds=60, burst=COST + 2)) as shop:
        answers = [await shop.ask("GET", each, by=shop.scene.sellers[0]) for each in asked]
        assert [200, 200, 429, 429] == [answer.status_code for answer in answers]
        left = [f"r={COST + 1}", "r=1", "r=0", "r=0"]
        assert left == [answer.headers["ratelimit"].split(";")[1] for answer in answers]


async def test_a_file_is_told_to_come_back_when_its_page_too_may_pass_again(database: Any) -> None:
    """Of 12 requests, one a second, 11 are taken when it asks for 9 more; when it comes back it takes 10."""
    async with shop_on(database, quota=Quota(requests=60, seconds=60, burst=COST + 2)) as shop:
        path, seller = "/v1/invoices?format=csv", shop.scene.sellers[0]
        first, refused = [await shop.ask("GET", path, by=seller) for _ in range(2)]
        assert [200, 429] == [first.status_code, refused.status_code]
        assert str(COST + 1 + COST - (COST + 2)) == refused.headers["retry-after"]


def test_what_is_taken_in_two_steps_passes_when_it_was_told_to_come_back() -> None:
    now_ns = 0
    limits = CallerLimits(Quota(requests=60, seconds=60, burst=5), clock_ns=lambda: now_ns)

    def asked() -> Verdict:
        first = limits.take("firm")
        return limits.take("firm", 3, before=1) if first.allowed else first

    assert asked().allowed
    refused = asked()
    assert not refused.allowed
    now_ns += refused.retry_after_seconds * 1_000_000_000
    assert asked().allowed


async def test_a_file_that_costs_more_than_the_burst_passes_alone(database: Any) -> None:
    async with shop_on(database, quota=Quota(requests=60, seconds=60, burst=2)) as shop:
        answers = [
            await shop.ask("GET", "/v1/invoices?format=csv", by=shop.scene.sellers[0]) for _ in range(2)
        ]
        assert [200, 429] == [answer.status_code for answer in answers]


async def test_readiness_names_what_fails(database: Any) -> None:
    async def well() -> str | None:
        return None

    async def ill() -> str | None:
        return "the oldest unpublished event is 40 s old"

    behind = Check(ask=ill, needed=False)
    async with shop_on(database, checks={"database": Check(ask=ill), "relay": behind}) as shop:
        answer = await shop.client.get("/readyz")
        assert (503, "failing") == (answer.status_code, answer.json()["status"])
    async with shop_on(database, checks={"database": Check(ask=well), "relay": behind}) as shop:
        answer = await shop.client.get("/readyz")
        assert 200 == answer.status_code
        assert {
            "status": "degraded",
            "checks": ["database", "relay"],
            "failing": {"relay": "the oldest unpublished event is 40 s old"},
        } == answer.json()
        assert {"status": "ok"} == (await shop.client.get("/livez")).json()


async def test_readiness_is_answered_although_a_check_is_not(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hangs() -> str | None:
        await asyncio.Event().wait()
        return None

    async def well() -> str | None:
        return None

    monkeypatch.setattr(health, "ANSWERED_SECONDS_MAX", 0.2)
    async with shop_on(database, checks={"database": Check(ask=hangs), "relay": Check(ask=well)}) as shop:
        for _ in range(2):
            answer = await shop.client.get("/readyz")
            told = (answer.status_code, answer.json()["failing"])
            assert (503, {"database": "no answer within 0.2 s"}) == told
            shop.scene.clock.pass_seconds(1)


async def test_probes_ask_the_checks_once_a_second_however_many_they_are(database: Any) -> None:
    asked: list[str | None] = []
    says: list[str | None] = [None, "it is away"]

    async def check() -> str | None:
        asked.append(says[len(asked)])
        await asyncio.sleep(0)
        return asked[-1]

    async with shop_on(database, checks={"database": Check(ask=check)}) as shop:
        answers = await asyncio.gather(*(shop.client.get("/readyz") for _ in range(20)))
        assert ([200] * 20, [None]) == ([answer.status_code for answer in answers], asked)
        shop.scene.clock.pass_seconds(1)
        answers = await asyncio.gather(*(shop.client.get("/readyz") for _ in range(20)))
        assert ([503] * 20, says) == ([answer.status_code for answer in answers], asked)


async def test_metrics_count_requests_by_template_and_refusals_by_code(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    await shop.ask("GET", f"/v1/markets/{shop.market}", by=seller)
    await shop.ask("POST", "/v1/supply-offers", by=seller, body={})
    await shop.client.get("/v1/no/such/route")
    text = generate_latest(shop.app.state.door.metrics.registry).decode()
    assert 'lodestone_http_requests_total{method="GET",route="/v1/markets/{market}",status="200"} 1.0' in text
    assert 'lodestone_http_requests_total{method="GET",route="unrouted",status="404"} 1.0' in text
    assert 'lodestone_refusals_total{code="missing"} 1.0' in text
    assert shop.market not in text


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/schema"])
async def test_what_is_public_needs_no_key_and_takes_head(shop: Shop, path: str) -> None:
    assert 200 == (await shop.client.get(path)).status_code
    head = await shop.client.head(path)
    assert (200, b"") == (head.status_code, head.content)
