"""Distributes the lanes of an audit over several processes."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec
import uvloop
from msgspec import Struct
from msgspec.structs import replace

from events.counts import counted
from events.decision import LaneKey
from market.audit.lane_verdict import LaneVerdict
from market.audit.lanes import audit_lanes
from market.audit.share import Advance, Asked, AskedLane, Kept, Told, due
from market.audit.state import StateError
from market.topics import TopicError

STOP_SECONDS_MAX: Final = 5.0
MESSAGE_BYTES_MAX: Final = 2**26
MATERIALS: Final = -1
"""No number of a lane: that of all lanes of materials."""


class AuditLost(RuntimeError):
    """A process of the audit ended before it had answered."""


class _Read(Struct, frozen=True, tag="read"):
    count: int


class _Ended(Struct, frozen=True, tag="ended"):
    verdicts: tuple[LaneVerdict, ...]


class _Failed(Struct, frozen=True, tag="failed"):
    sentence: str


_asked: Final = msgspec.json.Decoder(Asked)
_messages: Final = msgspec.json.Decoder(_Read | _Ended | _Failed)


async def audit_in_processes(
    asked: Asked, processes: int, told: Told, *, apart: bool = False
) -> list[LaneVerdict]:
    """As `audit_lanes`, in so many processes at most; lanes of one number stay together, whatever the stream.

    `apart`: not in this process, not even a single share. TopicError, StateError as there; AuditLost when a
    process ended without an answer.
    """
    shares = spread(asked.lanes, processes, even=asked.kept is not None)
    if len(shares) < 2 and not apart:
        return await audit_lanes(asked, told)
    found: dict[LaneKey, LaneVerdict] = {}

    async def check(share: Asked) -> None:
        for verdict in await _in_child(share, advance):
            found[LaneKey(verdict.stream, verdict.lane)] = verdict

    offsets = [(lane, asked.offset(lane)) for lane in asked.lanes]
    total = sum(due(max(0, lane.size - offset), lane.bounds.upto, offset) for lane, offset in offsets)
    with told(counted(len(shares), "process", "processes"), total) as advance:
        try:
            async with asyncio.TaskGroup() as group:
                for number, lanes in enumerate(shares, 1):
                    group.create_task(check(replace(asked, lanes=lanes, kept=_share_of(asked.kept, number))))
        except ExceptionGroup as failed:
            raise _telling(failed.exceptions) from None
    return [found[lane.key] for lane in asked.lanes]


def _telling(failures: Sequence[Exception]) -> Exception:
    """A fault of the program before what a record or a lost process explains: one may follow on the other."""
    known = (TopicError, StateError, AuditLost)
    return next((each for each in failures if not isinstance(each, known)), failures[0])


def _share_of(kept: Kept | None, number: int) -> Kept | None:
    """The first process keeps its state in the file that was named, every other one in a file beside it."""
    if kept is None or number == 1:
        return kept
    path = Path(kept.path)
    return replace(kept, path=str(path.with_name(f"{path.name}.{number}")))


def spread(lanes: Sequence[AskedLane], processes: int, *, even: bool = False) -> list[tuple[AskedLane, ...]]:
    """Shares about as large as each other: the largest numbers first, each to whom has least so far.

    A contracts lane is checked with what the market's lane of its number confirmed, and lanes of materials
    with each other, as transformations lie across them. `even`: by number alone, so that topics may grow and
    every lane stays where it was.
    """
    numbers: dict[int, int] = defaultdict(int)
    for lane in lanes:
        numbers[_together(lane)] += 0 if even else lane.size
    shares: list[tuple[int, set[int]]] = [(0, set()) for _ in range(min(processes, len(numbers)))]
    for number, size in sorted(numbers.items(), key=lambda each: (-each[1], each[0])):
        least = min(range(len(shares)), key=lambda place: (shares[place][0], len(shares[place][1])))
        shares[least] = (shares[least][0] + size, shares[least][1] | {number})
    return [tuple(lane for lane in lanes if _together(lane) in share) for _, share in shares]


def _together(lane: AskedLane) -> int:
    """Lanes of one such number are one process's work."""
    return MATERIALS if lane.stream == "materials" else lane.lane


async def _in_child(asked: Asked, advance: Advance) -> tuple[LaneVerdict, ...]:
    # In a session of its own, so that Ctrl-C reaches only us: whoever starts ends by it with a traceback.
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "market.audit.processes"),
        stdin=PIPE,
        stdout=PIPE,
        limit=MESSAGE_BYTES_MAX,
        start_new_session=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        # Of a child that ended before it had read, the end of its answers tells.
        with suppress(BrokenPipeError, ConnectionResetError):
            child.stdin.write(msgspec.json.encode(asked) + b"\n")
            await child.stdin.drain()
        while line := await child.stdout.readline():
            match _messages.decode(line):
                case _Read(count):
                    advance(count)
                case _Ended(verdicts):
                    return verdicts
                case _Failed(sentence):
                    raise TopicError(sentence)
        raise AuditLost(f"a process of the audit ended with code {await child.wait()}")
    finally:
        await _end(child)


async def _end(child: Process) -> None:
    if child.returncode is None:
        with suppress(ProcessLookupError):
            child.kill()
        with suppress(TimeoutError):
            await asyncio.wait_for(child.wait(), STOP_SECONDS_MAX)


def _say(message: Struct) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


@contextmanager
def _told_to_parent(_what: str, _total: int) -> Iterator[Advance]:
    """A parent that has gone breaks the pipe, and with it the audit."""
    yield lambda count: _say(_Read(count))


async def _serve() -> None:
    asked = _asked.decode(await asyncio.to_thread(sys.stdin.buffer.readline))
    try:
        _say(_Ended(tuple(await audit_lanes(asked, _told_to_parent))))
    except (TopicError, StateError) as error:
        _say(_Failed(str(error)))


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        uvloop.run(_serve())
