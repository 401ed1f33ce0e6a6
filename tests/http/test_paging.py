"""Pages: keyset, sealed cursors that open only their own list, sizes brought into range."""

from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from market.http.wire import lists
from market.http.wire.endpoint import Call, Nothing
from market.http.wire.lists import PageQuery
from market.http.wire.logs import Trace
from market.store.reading import page
from tests.http.shop import Shop


def following(answer: httpx.Response) -> str | None:
    link = answer.headers.get("link")
    return None if link is None else link[1 : link.index(">")]


async def walk(shop: Shop, path: str, **asked: Any) -> list[list[str]]:
    pages = []
    address: str | None = path
    while address is not None:
        answer = await shop.ask("GET", address, **asked)
        assert 200 == answer.status_code, answer.text
        pages.append([item["id"] for item in answer.json()["items"]])
        address = following(answer)
        assert (address is None) == (answer.json()["next_cursor"] is None)
    return pages


async def test_every_order_comes_once_newest_first(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    made = [f"offer_{(await shop.scene.offer(seller)).hex}" for _ in range(5)]
    await shop.scene.offer(shop.scene.sellers[1])
    await shop.project()
    pages = await walk(shop, "/v1/supply-offers?limit=2", by=seller)
    assert [2, 2, 1] == list(map(len, pages))
    assert made[::-1] == [item for page in pages for item in page]


async def test_a_list_names_the_position_its_view_stands_at(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    await shop.scene.offer(seller)
    await shop.project()
    answer = await shop.ask("GET", f"/v1/supply-offers?market={shop.market}", by=seller)
    assert [shop.market] == list(answer.json()["as_of"])


async def test_a_page_follows_the_last_row_read_even_when_it_is_not_shown(shop: Shop) -> None:
    scope: Any = {"app": shop.app, "headers": [], "path": "/v1/orders"}
    call: Call[Nothing, PageQuery] = Call(scope, Trace(request_id="1", method="GET"))
    call._caller = shop.scene.sellers[0].trader
    call.query = PageQuery(limit=3)
    answer = lists.answer(
        call, page([1, 2, 3, 4], 3), key=lambda row: row, view=lambda row: row if row == 1 else None
    )
    assert (1,) == answer.body.items
    call.query = PageQuery(limit=3, cursor=answer.body.next_cursor)
    assert 3 == lists.after(call, int)


async def test_filters_hold_through_all_pages(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    made = [await shop.scene.offer(seller) for _ in range(4)]
    withdrawn = await shop.ask("DELETE", f"/v1/supply-offers/offer_{made[1].hex}", by=seller, version='"v1"')
    assert 200 == withdrawn.status_code
    await shop.project()
    pages = await walk(shop, f"/v1/supply-offers?limit=1&status=open&market={shop.market}", by=seller)
    kept = [made[3], made[2], made[0]]
    assert [[f"offer_{offer.hex}"] for offer in kept] == pages


async def test_a_cursor_opens_no_other_list(shop: Shop) -> None:
    first, second = shop.scene.sellers
    for seller in (first, second):
        for _ in range(2):
            await shop.scene.offer(seller)
    await shop.project()
    page = await shop.ask("GET", "/v1/supply-offers?limit=1", by=first)
    query = urlsplit(following(page) or "").query
    assert 200 == (await shop.ask("GET", f"/v1/supply-offers?{query}", by=first)).status_code
    foreign = await shop.ask("GET", f"/v1/supply-offers?{query}", by=second)
    elsewhere = await shop.ask("GET", f"/v1/matches?{query}", by=first)
    filtered = await shop.ask("GET", f"/v1/supply-offers?{query}&status=open", by=first)
    for answer in (foreign, elsewhere, filtered):
        assert (422, "cursor_invalid") == (answer.status_code, answer.json()["code"])


@pytest.mark.parametrize("cursor", ["x", "%00", "AAAA", "é", "a" * 1001, ""])
async def test_an_invented_cursor_is_refused(shop: Shop, cursor: str) -> None:
    answer = await shop.ask("GET", f"/v1/markets?cursor={cursor}", by=shop.scene.sellers[0])
    assert answer.status_code in (400, 422)
    assert answer.json()["code"] in ("invalid_request", "cursor_invalid")


@pytest.mark.parametrize(("limit", "count"), [("0", 1), ("-5", 1), ("99999999999999999999999", 2), ("1", 1)])
async def test_a_page_size_is_brought_into_range(shop: Shop, limit: str, count: int) -> None:
    seller = shop.scene.sellers[0]
    for _ in range(2):
        await shop.scene.offer(seller)
    await shop.project()
    answer = await shop.ask("GET", f"/v1/supply-offers?limit={limit}", by=seller)
    assert count == len(answer.json()["items"])


async def test_unknown_and_repeated_parameters_are_refused(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    answer = await shop.ask("GET", "/v1/supply-offers?limit=1&limit=2&sort=price", by=seller)
    assert (400, {"limit": "duplicate_parameter", "sort": "unknown_parameter"}) == (
        answer.status_code,
        {error["parameter"]: error["code"] for error in answer.json()["errors"]},
    )
