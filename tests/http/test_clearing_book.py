"""The book as a file: for operators and auditors only, never before its time, every reading logged."""

import msgspec
from structlog.testing import capture_logs

from market.rules.clearing.clearing import conclude
from market.rules.clearing.exports import BookFile, certificate_of, faults, on_paper
from tests.http.shop import Asker, Shop


def path(shop: Shop) -> str:
    return f"/v1/markets/{shop.market}/book?format=clearing"


async def laid(shop: Shop) -> None:
    seller, buyer = shop.scene.sellers[0], shop.scene.buyers[0]
    await shop.scene.offer(seller)
    await shop.scene.require(buyer)


async def test_traders_get_no_book(shop: Shop) -> None:
    refused = await shop.ask("GET", path(shop), by=shop.scene.sellers[0])
    assert (403, "role_missing") == (refused.status_code, refused.json()["code"])
    assert 401 == (await shop.ask("GET", path(shop))).status_code


async def test_an_auditor_clears_the_book_that_it_gets(shop: Shop) -> None:
    await laid(shop)
    answer = await shop.ask("GET", path(shop), by=shop.scene.sellers[1], roles=("auditor",))
    book = msgspec.json.decode(answer.content, type=BookFile).book
    assert (1, 1) == (len(book.supplies), len(book.requirements))
    drafts = conclude(*on_paper(book))
    assert () == faults(book, certificate_of(book, drafts), [draft.data for draft in drafts])


async def test_an_operator_gets_no_order_before_a_cut_took_it(shop: Shop) -> None:
    await laid(shop)
    by: Asker = {"by": shop.scene.sellers[1], "roles": ("operator",)}
    before = await shop.ask("GET", path(shop), **by)
    sealed = msgspec.json.decode(before.content, type=BookFile).book
    assert ({}, {}) == (sealed.supplies, sealed.requirements)
    await shop.scene.conclude(await shop.scene.plan())
    await shop.scene.offer(shop.scene.sellers[0])
    after = msgspec.json.decode((await shop.ask("GET", path(shop), **by)).content, type=BookFile).book
    assert [(3_500_000, True)] == [
        (order.terms.basis_g, order.rank < after.position - 2) for order in after.supplies.values()
    ]


async def test_every_reading_says_who_read_what(shop: Shop) -> None:
    await shop.token(shop.scene.sellers[1], "auditor")
    with capture_logs() as lines:
        await shop.ask("GET", path(shop), by=shop.scene.sellers[1], roles=("auditor",))
    line = next(line for line in lines if line["event"] == "whole_book_read")
    assert (str(shop.scene.market), "auditor") == (line["market"], line["roles"])
    assert str(shop.scene.sellers[1].organisation) == line["organisation"]
    assert line["position"] > 0


async def test_what_is_no_market_has_no_book(shop: Shop) -> None:
    unknown = f"/v1/markets/mkt_{'0' * 32}/book?format=clearing"
    answer = await shop.ask("GET", unknown, by=shop.scene.sellers[1], roles=("auditor",))
    assert 404 == answer.status_code
