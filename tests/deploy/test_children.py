"""Server processes as children: whoever is interrupted while one starts leaves none behind."""

import asyncio
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from market import disks
from market.children import LocalServerError, begun, spawn, write_whole
from market.disks import crammed


@pytest.mark.parametrize("times", [1, 2])
async def test_a_start_that_is_cancelled_leaves_no_child(tmp_path: Path, times: int) -> None:
    starting, cancelled = threading.Event(), threading.Event()
    children: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        starting.set()
        cancelled.wait(10)
        children.append(spawn(["sleep", "60"], tmp_path / "log", None))
        return children[0]

    task = asyncio.create_task(begun(start, lambda child: child, signal.SIGTERM))
    await asyncio.to_thread(starting.wait, 10)
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    cancelled.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(10):
        while not children or children[0].returncode is None:  # noqa: ASYNC110  a pid has no event
            await asyncio.sleep(0.01)
    assert [-signal.SIGTERM] == [child.returncode for child in children]


async def test_a_start_that_was_over_when_it_is_cancelled_leaves_no_child(tmp_path: Path) -> None:
    children: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        children.append(spawn(["sleep", "60"], tmp_path / "log", None))
        loop.call_soon_threadsafe(task.cancel)
        return children[0]

    loop = asyncio.get_running_loop()
    task = asyncio.create_task(begun(start, lambda child: child, signal.SIGTERM))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [-signal.SIGTERM] == [child.returncode for child in children]


def test_a_start_that_was_given_up_before_it_began_begins_nothing() -> None:
    busy = threading.Event()
    children: list[bool] = []

    def start() -> subprocess.Popen[bytes]:
        children.append(True)
        raise AssertionError

    async def giving_up() -> None:
        asyncio.get_running_loop().set_default_executor(pool)
        task = asyncio.create_task(begun(start, lambda child: child, signal.SIGTERM))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        busy.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    with ThreadPoolExecutor(1) as pool, asyncio.Runner() as runner:
        pool.submit(busy.wait, 10)
        runner.run(giving_up())
    assert [] == children


async def test_a_start_that_fails_once_it_was_given_up_is_cancelled_all_the_same() -> None:
    starting, cancelled = threading.Event(), threading.Event()

    def start() -> subprocess.Popen[bytes]:
        starting.set()
        cancelled.wait(10)
        raise RuntimeError

    task = asyncio.create_task(begun(start, lambda child: child, signal.SIGTERM))
    await asyncio.to_thread(starting.wait, 10)
    task.cancel()
    await asyncio.sleep(0)
    cancelled.set()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_the_disk_that_has_no_room_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for room_bytes_min, told in ((2**60, f"; the disk of {tmp_path} has "), (0, "")):
        monkeypatch.setattr(disks, "CRAMMED_BYTES_MAX", room_bytes_min)
        assert crammed(tmp_path, Path("/")).startswith(told)
        assert bool(told) == bool(crammed(tmp_path, Path("/")))


def test_a_file_that_cannot_be_written_is_named_and_stays(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    write_whole(file, "1")
    (tmp_path / "pid.new").mkdir()
    with pytest.raises(LocalServerError, match=r"pid cannot be written \(Is a directory\)"):
        write_whole(file, "2")
    assert "1" == file.read_text()
