"""Clears a book in a child process, so that no event loop waits for it; it ends when its parent does."""

import asyncio
import signal
import struct
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from datetime import datetime
from typing import BinaryIO, Final
from uuid import UUID

import msgspec
from msgspec import Struct

from events.catalog import FACT_TYPES, type_of
from events.envelope import Draft, Recorded
from events.market_events import ClearingPlanned
from market.rules.book import Book
from market.rules.clearing import conclude

FRAME: Final = struct.Struct(">Q")
FRAME_BYTES_MAX: Final = 2**32
STOP_SECONDS_MAX: Final = 5.0


class SolverFailed(RuntimeError):
    """The round could not be computed: the child's error, or how the child ended."""


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
    body_hash: bytes
    chain: bytes


class _Task(Struct, frozen=True, kw_only=True):
    book: msgspec.Raw
    plan: _Plan


class _Drafted(Struct, frozen=True, kw_only=True):
    """A draft whose fact stands as JSON beside its type."""

    stream: str
    lane: int
    subject: str
    type: str
    data: bytes
    id: UUID | None
    salt: str | None
    time: datetime | None
    cause: str | None
    actor: UUID | None


class _Reply(Struct, frozen=True, kw_only=True):
    drafts: tuple[_Drafted, ...] = ()
    error: str | None = None


class Solver:
    """One child; a round at a time. A child that died is replaced at the next round."""

    def __init__(self) -> None:
        self._child: Process | None = None
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Starts the child ahead of the first round, which else waits for its imports."""
        async with self._turn:
            await self._ready()

    async def conclude(self, book: bytes, plan: Recorded) -> tuple[Draft, ...]:
        """`market.rules.clearing.conclude` of an encoded book. SolverFailed when the child raised or died."""
        async with self._turn:
            child = await self._ready()
            try:
                await _send(child, msgspec.msgpack.encode(_Task(book=msgspec.Raw(book), plan=_plan(plan))))
                reply = msgspec.msgpack.decode(await _receive(child), type=_Reply)
            except BaseException as error:
                await self._discard()
                if isinstance(error, OSError | EOFError):
                    raise SolverFailed(f"the solver ended before it answered: {error!r}") from error
                raise
        if reply.error is not None:
            raise SolverFailed(reply.error)
        return tuple(_draft(drafted) for drafted in reply.drafts)

    async def stop(self) -> None:
        async with self._turn:
            await self._discard()

    async def _ready(self) -> Process:
        if self._child is None or self._child.returncode is not None:
            command = [sys.executable, "-m", "market.solver"]
            self._child = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
        return self._child

    async def _discard(self) -> None:
        child, self._child = self._child, None
        if child is None or child.returncode is not None:
            return
        with suppress(ProcessLookupError):
            child.kill()
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
    return _Plan(**msgspec.structs.asdict(event))


def _draft(drafted: _Drafted) -> Draft:
    return Draft(
        stream=drafted.stream,
        lane=drafted.lane,
        subject=drafted.subject,
        data=msgspec.json.decode(drafted.data, type=FACT_TYPES[drafted.type]),
        id=drafted.id,
        salt=drafted.salt,
        time=drafted.time,
        cause=drafted.cause,
        actor=drafted.actor,
    )


def _drafted(draft: Draft) -> _Drafted:
    return _Drafted(
        stream=draft.stream,
        lane=draft.lane,
        subject=draft.subject,
        type=type_of(draft.data),
        data=msgspec.json.encode(draft.data),
        id=draft.id,
        salt=draft.salt,
        time=draft.time,
        cause=draft.cause,
        actor=draft.actor,
    )


def _reply(frame: bytes) -> _Reply:
    task = msgspec.msgpack.decode(frame, type=_Task)
    book = msgspec.msgpack.decode(task.book, type=Book)
    plan = Recorded(**msgspec.structs.asdict(task.plan))
    try:
        return _Reply(drafts=tuple(_drafted(draft) for draft in conclude(book, plan)))
    except Exception as error:  # noqa: BLE001  the parent decides what a failure means
        return _Reply(error=f"{type(error).__name__}: {error}")


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """The child: a task in, a reply out, until the parent closes its end."""
    while len(head := source.read(FRAME.size)) == FRAME.size:
        size = FRAME.unpack(head)[0]
        assert size <= FRAME_BYTES_MAX
        frame = msgspec.msgpack.encode(_reply(source.read(size)))
        sink.write(FRAME.pack(len(frame)) + frame)
        sink.flush()


if __name__ == "__main__":
    # Ctrl-C reaches the whole process group; the parent decides when the child ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(BrokenPipeError):
        serve(sys.stdin.buffer, sys.stdout.buffer)
