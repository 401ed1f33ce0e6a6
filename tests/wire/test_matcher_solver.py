"""The child that clears a book: the same result as in this process, and replaced when it dies."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from events.envelope import Recorded
from market.rules.book import Book, Books, fold
from market.rules.clearing import conclude
from market.solver import Solver, SolverFailed
from tests.market_support import Scene, scene_on


async def planned(scene: Scene) -> tuple[Book, Recorded]:
    """A book at its plan."""
    for seller in scene.sellers:
        await scene.offer(seller)
    for buyer in scene.buyers:
        await scene.require(buyer, commitment="subject_to_confirmation")
    plan = await scene.plan()
    books: Books = {}
    for event in await scene.events("market"):
        if event.lane == scene.lane.lane:
            fold(books, event)
    return books[scene.market], plan


def children() -> set[int]:
    """Pids of this process's children."""
    return set(map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()))


async def test_the_child_concludes_what_this_process_would(database: Any) -> None:
    async with scene_on(database) as scene:
        book, plan = await planned(scene)
        encoded = msgspec.msgpack.encode(book)
        solver = Solver()
        try:
            drafts = await solver.conclude(encoded, plan)
            assert conclude(book, plan) == drafts
            assert len(drafts) > 1
            assert drafts == await solver.conclude(encoded, plan)
        finally:
            await solver.stop()


async def test_a_child_that_died_is_replaced_and_an_error_is_told(database: Any) -> None:
    async with scene_on(database) as scene:
        book, plan = await planned(scene)
        encoded = msgspec.msgpack.encode(book)
        solver = Solver()
        try:
            before = children()
            await solver.start()
            (pid,) = children() - before
            os.kill(pid, signal.SIGSTOP)
            waiting = asyncio.create_task(solver.conclude(encoded, plan))
            await asyncio.sleep(0.1)
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(SolverFailed, match="ended before it answered"):
                await waiting
            assert conclude(book, plan) == await solver.conclude(encoded, plan)
            book.position += 1
            with pytest.raises(SolverFailed, match="ValueError"):
                await solver.conclude(msgspec.msgpack.encode(book), plan)
        finally:
            await solver.stop()
        assert before == children()
