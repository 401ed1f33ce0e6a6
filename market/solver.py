"""Clears books in child processes, so that no event loop waits for one; each ends when its parent does."""

import asyncio
import gc
import os
import signal
import struct
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from itertools import islice
from math import ceil
from typing import BinaryIO, Final
from uuid import UUID

import msgspec
from msgspec import Struct

from events.envelope import Draft, Recorded
from events.market_events import ClearingPlanned
from market.rules.book import Book
from market.rules.clearing.clearing import concluded
from market.rules.clearing.written import WrittenDraft, decoded

FRAME: Final = struct.Struct(">Q")
FRAME_BYTES_MAX: Final = 2**32
STOP_SECONDS_MAX: Final = 5.0
ROUND_SECONDS_MAX: Final = 300.0
ROUND_CHILDREN_MAX: Final = 2
ALARM_GRACE_SECONDS: Final = 5
REPLY_DRAFTS_MAX: Final = 500
THRESHOLDS: Final = {
    "MALLOC_MMAP_THRESHOLD_": str(3 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(2**25),
}
TUNABLES: Final = "GLIBC_TUNABLES"
LARGE_PAGES: Final = "glibc.malloc.hugetlb"
"""Arrays of 3 MiB get pages of their own, which glibc gives back when they are let go. Left to itself it
raises its threshold with each of them, and columns of eligible pairs stay resident beside the arrays that
solve. Of smaller ones it keeps 32 MiB: else each that is let go last goes back to the kernel, to be asked for
again as pages that have to be cleared, which took an eighth of a round's time. What it keeps it asks for in
pages of 2 MiB, where the system has them to give."""


def child_environment(given: Mapping[str, str]) -> dict[str, str]:
    """The environment of the solver's child, based on `given`: an operator's own malloc settings stay, and
    precede ours."""
    stated = [each for each in given.get(TUNABLES, "").split(":") if each]
    if LARGE_PAGES not in (each.partition("=")[0] for each in stated):
        stated.append(f"{LARGE_PAGES}=1")
    return {**THRESHOLDS, **given, TUNABLES: ":".join(stated)}


class SolverFailed(RuntimeError):
    """The child answered with an error: a bug, for which a retry does not help."""


class SolverLost(RuntimeError):
    """The child did not answer: it ended, or was killed at the time limit."""


class _Plan(Struct, frozen=True, kw_only=True):
    """`Recorded` with the one kind of fact that is sent."""

    id: UUID
    type: str
    subject: str
    time: datetime
    stream: str
    lane: int
    position: int
    cause: str
    actor: UUID
    salt: str
    data: ClearingPlanned
    body: bytes
    chain: bytes


class _Task(Struct, frozen=True, kw_only=True):
    book: msgspec.Raw
    plan: _Plan


class _Reply(Struct, frozen=True, kw_only=True):
    """A part of the answer; the last one has no drafts."""

    drafts: tuple[WrittenDraft, ...] = ()
    error: str | None = None


_replies: Final = msgspec.msgpack.Decoder(_Reply)


class Solver:
    """At most `children_max` children, one round each; further rounds wait for a free child.

    `seconds_max` limits a round from outside and has no influence on its result: a clearing has no clock.
    """

    def __init__(
        self, *, seconds_max: float = ROUND_SECONDS_MAX, children_max: int = ROUND_CHILDREN_MAX
    ) -> None:
        self._seconds_max = seconds_max
        self._turns = asyncio.Semaphore(children_max)
        self._idle: list[Process] = []

    async def start(self) -> None:
        """Starts a child before the first round, which would otherwise wait for its imports."""
        async with self._turns:
            self._idle.append(await self._ready())

    async def conclude(self, book: bytes, plan: Recorded) -> tuple[Draft, ...]:
        """`market.rules.clearing.clearing.concluded` of an encoded book, decoded.

        Raises SolverFailed or SolverLost, and Unrecordable where the record would refuse a part of it.
        """
        frame = frame_of(book, plan)
        async with self._turns:
            return await self._ask(await self._ready(), frame)

    async def stop(self) -> None:
        """Ends idle children; a round being computed ends with its caller."""
        children, self._idle = self._idle, []
        for child in children:
            await _kill(child)

    async def _ask(self, child: Process, frame: bytes) -> tuple[Draft, ...]:
        """The child is used again only after a whole answer."""
        drafts: list[Draft] = []
        try:
            async with asyncio.timeout(self._seconds_max):
                await _send(child, frame)
                while (reply := _replies.decode(await _receive(child))).drafts:
                    drafts += map(decoded, reply.drafts)
        except TimeoutError as error:
            await _kill(child)
            raise SolverLost(f"no answer within {self._seconds_max:g} seconds") from error
        except (OSError, EOFError) as error:
            await _kill(child)
            raise SolverLost(f"the solver ended before it answered: {error!r}") from error
        except BaseException:
            await _kill(child)
            raise
        self._idle.append(child)
        if reply.error is not None:
            raise SolverFailed(reply.error)
        return tuple(drafts)

    async def _ready(self) -> Process:
        while self._idle:
            child = self._idle.pop()
            if child.returncode is None:
                return child
        alarm_seconds = ceil(self._seconds_max + ALARM_GRACE_SECONDS)
        command = [sys.executable, "-m", "market.solver", str(alarm_seconds)]
        environment = child_environment(os.environ)
        # In its own session, so that Ctrl-C does not reach it, not even while it starts.
        return await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, env=environment, start_new_session=True
        )


async def _kill(child: Process) -> None:
    if child.returncode is None:
        with suppress(ProcessLookupError):
            child.kill()
        with suppress(TimeoutError):
            await asyncio.wait_for(child.wait(), STOP_SECONDS_MAX)


async def _send(child: Process, frame: bytes) -> None:
    assert child.stdin is not None
    child.stdin.write(FRAME.pack(len(frame)) + frame)
    await child.stdin.drain()


async def _receive(child: Process) -> bytes:
    assert child.stdout is not None
    size = FRAME.unpack(await child.stdout.readexactly(FRAME.size))[0]
    return await child.stdout.readexactly(size)


def _plan(event: Recorded) -> _Plan:
    return _Plan(**{name: getattr(event, name) for name in _Plan.__struct_fields__})


def frame_of(book: bytes, plan: Recorded) -> bytes:
    """An encoded book and its plan, as sent to the child."""
    return msgspec.msgpack.encode(_Task(book=msgspec.Raw(book), plan=_plan(plan)))


def task_of(frame: bytes) -> tuple[Book, Recorded]:
    """The inverse of `frame_of`. Keeps no reference to the frame, so that the book is not in memory twice."""
    task = msgspec.msgpack.decode(frame, type=_Task)
    book = msgspec.msgpack.decode(task.book, type=Book)
    return book, Recorded(**msgspec.structs.asdict(task.plan))


def _answer(book: Book, plan: Recorded) -> Iterator[_Reply]:
    try:
        drafts = concluded(book, plan)
        while part := tuple(islice(drafts, REPLY_DRAFTS_MAX)):
            yield _Reply(drafts=part)
        yield _Reply()
    except Exception as error:  # noqa: BLE001  the parent decides what a failure means
        yield _Reply(error=f"{type(error).__name__}: {error}")


def serve(source: BinaryIO, sink: BinaryIO, alarm_seconds: int) -> None:
    """The child's loop: reads a task, writes its replies, until the parent closes the pipe.

    The alarm ends a round whose parent has gone.
    """
    while len(head := source.read(FRAME.size)) == FRAME.size:
        signal.alarm(alarm_seconds)
        size = FRAME.unpack(head)[0]
        assert size <= FRAME_BYTES_MAX
        for reply in _answer(*task_of(source.read(size))):
            frame = msgspec.msgpack.encode(reply)
            sink.write(FRAME.pack(len(frame)) + frame)
            sink.flush()
        signal.alarm(0)
        gc.collect()


if __name__ == "__main__":
    # A round creates millions of objects and hardly any cycles: garbage collection took a third of its time.
    gc.disable()
    # A stop signal may reach all processes of a service; the parent decides when the child ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with suppress(BrokenPipeError):
        serve(sys.stdin.buffer, sys.stdout.buffer, int(sys.argv[1]))
