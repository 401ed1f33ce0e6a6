"""The child that clears a book: the same result as in this process, and replaced when it dies."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from events.envelope import Recorded
from market.rules.book import Book, Books, fold
from market.rules.clearing.clearing import conclude
from market.solver import Solver, SolverFailed, SolverLost, child_environment, frame_of, task_of
from tests.conftest import Database
from tests.market_support import Scene, scene_on
from tests.process_support import eventually


@pytest.fixture
def database(market_database: Database) -> Database:
    return market_database


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


async def test_a_round_keeps_nothing_of_the_frame_that_it_came_in(database: Any) -> None:
    async with scene_on(database) as scene:
        book, plan = await planned(scene)
    frame = frame_of(msgspec.msgpack.encode(book), plan)
    held = sys.getrefcount(frame)
    task = task_of(frame)
    assert held == sys.getrefcount(frame)
    assert conclude(book, plan) == conclude(*task)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "glibc.malloc.hugetlb=1"),
        ({"GLIBC_TUNABLES": ""}, "glibc.malloc.hugetlb=1"),
        (
            {"GLIBC_TUNABLES": "glibc.rtld.nns=5:glibc.malloc.tcache_count=7"},
            "glibc.rtld.nns=5:glibc.malloc.tcache_count=7:glibc.malloc.hugetlb=1",
        ),
        ({"GLIBC_TUNABLES": "glibc.malloc.hugetlb=0"}, "glibc.malloc.hugetlb=0"),
    ],
)
def test_an_operators_tunables_reach_the_child(given: dict[str, str], expected: str) -> None:
    found = child_environment({"PATH": "/bin", **given})
    assert ("/bin", expected) == (found["PATH"], found["GLIBC_TUNABLES"])


def test_an_operators_thresholds_reach_the_child() -> None:
    given = {"MALLOC_TRIM_THRESHOLD_": "131072", "MALLOC_ARENA_MAX": "2"}
    found = {name: text for name, text in child_environment(given).items() if name.startswith("MALLOC_")}
    assert {**given, "MALLOC_MMAP_THRESHOLD_": str(3 * 2**20)} == found


async def test_a_child_that_died_is_replaced_and_an_error_is_told(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=7")
    async with scene_on(database) as scene:
        book, plan = await planned(scene)
        encoded = msgspec.msgpack.encode(book)
        solver = Solver()
        try:
            before = children()
            await solver.start()
            (pid,) = children() - before
            assert os.getsid(0) != os.getsid(pid), "Ctrl-C would reach it"

            async def given() -> bool:
                """A loader that reads them ends each with a NUL where a colon stood."""
                found = Path(f"/proc/{pid}/environ").read_bytes().replace(b"\0", b":")
                return b"GLIBC_TUNABLES=glibc.malloc.tcache_count=7:glibc.malloc.hugetlb=1:" in found

            # A program that has only begun to be loaded shows none yet.
            await eventually("the child has its own tunables behind the operator's", given)
            os.kill(pid, signal.SIGSTOP)
            waiting = asyncio.create_task(solver.conclude(encoded, plan))
            await asyncio.sleep(0.1)
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(SolverLost, match="ended before it answered"):
                await waiting
            assert conclude(book, plan) == await solver.conclude(encoded, plan)
            book.position += 1
            with pytest.raises(SolverFailed, match="ValueError"):
                await solver.conclude(msgspec.msgpack.encode(book), plan)
        finally:
            await solver.stop()
        assert before == children()


async def test_a_round_that_does_not_end_holds_up_no_other_and_is_killed(database: Any) -> None:
    async with scene_on(database) as scene:
        book, plan = await planned(scene)
        encoded = msgspec.msgpack.encode(book)
        solver = Solver(seconds_max=8.0, children_max=2)
        try:
            before = children()
            await solver.start()
            (frozen,) = children() - before
            os.kill(frozen, signal.SIGSTOP)
            hanging = asyncio.create_task(solver.conclude(encoded, plan))
            await asyncio.sleep(0)
            assert conclude(book, plan) == await solver.conclude(encoded, plan)
            assert not hanging.done()
            with pytest.raises(SolverLost, match="no answer within 8 seconds"):
                await hanging
            assert frozen not in children()
        finally:
            await solver.stop()
        assert before == children()


async def test_a_cancelled_round_takes_its_child_along(database: Any) -> None:
    async with scene_on(database) as scene:
        book, plan = await planned(scene)
        solver = Solver()
        before = children()
        await solver.start()
        (frozen,) = children() - before
        os.kill(frozen, signal.SIGSTOP)
        hanging = asyncio.create_task(solver.conclude(msgspec.msgpack.encode(book), plan))
        await asyncio.sleep(0.1)
        hanging.cancel()
        await asyncio.wait([hanging])
        assert hanging.cancelled()
        assert before == children()


async def test_a_child_whose_parent_forgot_it_ends_by_its_alarm() -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "market.solver", "1", stdin=asyncio.subprocess.PIPE
    )
    assert child.stdin is not None
    child.stdin.write((100).to_bytes(8, "big"))
    assert -signal.SIGALRM == await asyncio.wait_for(child.wait(), 30)
