"""Whole books for one request: one load in flight per market, never older than what the request saw."""

import asyncio
import threading
from typing import Any
from uuid import UUID

import pytest

from events.market_terms import SupplyTerms
from market.http.rounds.book import BOOKS_KEPT, KeptBooks
from market.http.wire.loading import AT_ONCE, BookLoads
from market.store import bodies, books
from market.store.books import BookRows
from tests.http.shop import Shop


class Counted:
    """The store's own reading, held until it may go on; counts how many began and how many ran at once."""

    def __init__(self) -> None:
        self.read = books.read
        self.began = self.running = self.at_once = 0
        self.starts = asyncio.Semaphore(0)
        self.may_go = asyncio.Event()

    async def __call__(self, connection: Any, market: Any) -> BookRows | None:
        self.began += 1
        self.starts.release()
        self.running += 1
        self.at_once = max(self.at_once, self.running)
        try:
            rows = await self.read(connection, market)
            await self.may_go.wait()
            return rows
        finally:
            self.running -= 1


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    made = Counted()
    monkeypatch.setattr(books, "read", made)
    return made


async def begun(counted: Counted, loads: int) -> None:
    for _ in range(loads):
        await counted.starts.acquire()


async def test_who_comes_meanwhile_waits_for_the_same_load(shop: Shop, counted: Counted) -> None:
    scene = shop.scene
    loads, reader = BookLoads(), shop.app.state.door.reader
    waiting = [asyncio.create_task(loads.load(reader, scene.market, at_least=1)) for _ in range(5)]
    await begun(counted, 1)
    counted.may_go.set()
    found = await asyncio.gather(*waiting)
    assert 1 == counted.began
    assert [found[0]] * 5 == found
    assert found[0] is not None


async def test_who_wrote_after_the_load_began_waits_for_another(shop: Shop, counted: Counted) -> None:
    scene = shop.scene
    loads, reader = BookLoads(), shop.app.state.door.reader
    early = asyncio.create_task(loads.load(reader, scene.market, at_least=1))
    await begun(counted, 1)
    offer = await scene.offer(scene.sellers[0])
    position = (await scene.events("market"))[-1].position
    late = asyncio.create_task(loads.load(reader, scene.market, at_least=position))
    counted.may_go.set()
    before, after = await asyncio.gather(early, late)
    assert before is not None
    assert after is not None
    assert (False, True) == (offer in before.supplies, offer in after.supplies)
    assert 2 == counted.began


async def test_books_of_several_markets_load_a_few_at_once(shop: Shop, counted: Counted) -> None:
    markets = [shop.scene.market, *[await shop.scene.open_market() for _ in range(AT_ONCE)]]
    loads, reader = BookLoads(), shop.app.state.door.reader
    waiting = [asyncio.create_task(loads.load(reader, market, at_least=1)) for market in markets]
    await begun(counted, AT_ONCE)
    counted.may_go.set()
    found = await asyncio.gather(*waiting)
    assert markets == [book and book.market for book in found]
    assert (AT_ONCE + 1, AT_ONCE) == (counted.began, counted.at_once)


async def test_a_failed_load_is_everybodys_who_waits_and_forgotten(shop: Shop, counted: Counted) -> None:
    async def broken(connection: Any, market: Any) -> BookRows | None:
        raise ConnectionResetError

    store_read, counted.read = counted.read, broken
    loads, reader = BookLoads(), shop.app.state.door.reader
    counted.may_go.set()
    failed = await asyncio.gather(
        *(loads.load(reader, shop.scene.market, at_least=1) for _ in range(3)), return_exceptions=True
    )
    assert 1 == len(set(map(type, failed)))
    assert all(isinstance(each, Exception) for each in failed)
    counted.read = store_read
    assert None is not await loads.load(reader, shop.scene.market, at_least=1)


async def test_terms_are_decoded_on_no_event_loop_and_in_no_transaction(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, decode = shop.app.state.door.reader, bodies.supply_terms
    seen: list[tuple[bool, int]] = []

    def watched(body: bytes) -> SupplyTerms:
        on_loop = threading.current_thread() is threading.main_thread()
        seen.append((on_loop, reader.get_size() - reader.get_idle_size()))
        return decode(body)

    await shop.scene.offer(shop.scene.sellers[0])
    monkeypatch.setattr(bodies, "supply_terms", watched)
    assert await BookLoads().load(reader, shop.scene.market, at_least=1) is not None
    assert [(False, 0)] == seen


def test_of_each_market_only_the_newest_book_is_kept() -> None:
    kept, market = KeptBooks(), UUID(int=0)
    kept.keep(market, None, 7, ())
    kept.keep(market, "remhub", 7, ())
    kept.keep(market, None, 9, ())
    kept.keep(market, None, 8, ())
    assert [None, None, ()] == [kept.find(market, None, position) for position in (7, 8, 9)]
    assert () == kept.find(market, "remhub", 7)
    assert 2 == len(kept._kept)
    for number in range(1, BOOKS_KEPT + 1):
        kept.keep(UUID(int=number), None, 1, ())
    assert (None, (), BOOKS_KEPT) == (
        kept.find(market, None, 9),
        kept.find(UUID(int=1), None, 1),
        len(kept._kept),
    )


async def test_an_organisation_has_one_turn_at_a_time_and_keeps_nobody_waiting() -> None:
    loads, made = BookLoads(), list[str]()
    many, few = UUID(int=1), UUID(int=2)
    go_on = threading.Event()

    def slow() -> None:
        go_on.wait(20)
        made.append("many")

    waiting = [asyncio.create_task(loads.work_of(many, slow)) for _ in range(5)]
    await asyncio.sleep(0.05)
    await asyncio.wait_for(loads.work_of(few, lambda: made.append("few")), 10)
    assert ["few"] == made
    go_on.set()
    await asyncio.gather(*waiting)
    assert (["few", *["many"] * 5], 0) == (made, len(loads._turns))
