"""PROCESS imports files of rows: reads, checks and stores row by row, each row once however often the work is
started.

A row is one command with an idempotency key of import and row number; with all-or-nothing, the file is one
command. Progress is stored after the commands, so a restart gives at most the same commands again.
"""

import asyncio
import tempfile
from collections import deque
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import islice
from typing import Any, BinaryIO, Final, TypeVar
from uuid import UUID

import msgspec
import structlog

from events.callers import Caller
from events.connections import DATABASE_ERRORS
from events.faults import crash_point
from events.refusal import RecordUnavailable
from market.ground import Wiring
from market.http.files.import_kinds import KINDS, Kind
from market.http.wire.faults import Fault, InvalidInputError
from market.http.wire.import_rows import FileTerms, ReadRow, count_rows, read_rows
from market.http.wire.reads import Looking
from market.row_commands import TOGETHER_MAX, RowCommands
from market.store import imports as store
from market.store import party_reads
from market.store.imports import Import, ReportLine, State

log = structlog.get_logger("lodestone.imports")

T = TypeVar("T")

LOOK_SECONDS: Final = 0.5
RETRY_SECONDS_MAX: Final = 2.0
LEASE_SECONDS: Final = 30.0
AT_ONCE: Final = 2
"""Number of imports that a process works on at a time."""
CHUNK_ROWS: Final = 500
COUNT_ROWS: Final = 5_000
SWEEP_SECONDS: Final = 300.0
BROKEN_AFTER: Final = timedelta(minutes=30)
KEPT: Final = timedelta(days=30)


class Ended(Exception):
    """An import has ended: its state, and what is wrong with the file as a whole."""

    def __init__(self, state: State, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(state)
        self.state = state
        self.faults = faults


class LeaseLost(Exception):
    """Another process has taken over the import."""


async def run_imports(wiring: Wiring, stop: asyncio.Event) -> None:
    await Imports(wiring, owner=wiring.owner).run(stop)


class Imports:
    """Processes imports, a few at a time, until it is stopped."""

    def __init__(
        self,
        on: Looking,
        *,
        owner: str,
        look_seconds: float = LOOK_SECONDS,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._on = on
        self._desk = on.desk
        self._owner = owner
        self._clock = on.clock
        self._look_seconds = look_seconds
        self._lease_seconds = lease_seconds
        self._worked_on: dict[str, UUID] = {}

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(AT_ONCE):
                group.create_task(self._work(f"{self._owner}/{number}", stop))
            group.create_task(self._sweep(stop))

    async def _work(self, owner: str, stop: asyncio.Event) -> None:
        pause = self._look_seconds
        while not stop.is_set():
            try:
                found = await self.work_once(owner, stop)
                pause = 0.0 if found else self._look_seconds
            except (LeaseLost, RecordUnavailable, *DATABASE_ERRORS) as error:
                pause = min(max(pause, self._look_seconds) * 2, RETRY_SECONDS_MAX)
                found_id = self._worked_on.pop(owner, None)
                log.warning(
                    "import_waits",
                    import_id=None if found_id is None else str(found_id),
                    error=repr(error),
                    seconds=pause,
                )
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)

    async def _sweep(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            now = self._clock()
            try:
                async with self._desk.looking() as connection:
                    await store.sweep(connection, now - BROKEN_AFTER, now - KEPT)
            except (RecordUnavailable, *DATABASE_ERRORS) as error:
                log.warning("imports_not_swept", error=repr(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), SWEEP_SECONDS)

    async def work_once(self, owner: str, stop: asyncio.Event) -> bool:
        """Process the next import that waits or was left unfinished; False when there is none."""
        async with self._desk.looking() as connection:
            found = await store.claim(connection, owner, self._lease_seconds)
        if found is None:
            return False
        self._worked_on[owner] = found.id
        work = _Work(self._on, found, owner, self._lease_seconds, stop)
        try:
            await work.run()
        except Ended as end:
            await self._finish(found, owner, end)
        except (asyncio.CancelledError, LeaseLost, RecordUnavailable, *DATABASE_ERRORS):
            raise
        except Exception:
            log.exception("import_failed", import_id=str(found.id))
            fault = Fault(code="internal_error", detail="An unforeseen error; it is logged.", pointer="")
            await self._finish(found, owner, Ended("failed", (fault,)))
        else:
            async with self._desk.looking() as connection:
                await store.release(connection, found.id, owner)
        del self._worked_on[owner]
        return True

    async def _finish(self, found: Import, owner: str, end: Ended) -> None:
        problem = msgspec.json.encode(end.faults) if end.faults else None
        async with self._desk.looking() as connection:
            await store.finish(connection, found.id, owner, end.state, problem, self._clock())
        log.info("import_ended", import_id=str(found.id), state=end.state)


class _Work:
    """One import. `run` raises Ended when it is over, and returns when it has to be continued later."""

    def __init__(
        self,
        on: Looking,
        found: Import,
        owner: str,
        lease_seconds: float,
        stop: asyncio.Event,
    ) -> None:
        self._desk = on.desk
        self._found = found
        self._kind: Kind = KINDS[found.kind]
        self._owner = owner
        self._clock = on.clock
        self._lease_seconds = lease_seconds
        self._stop = stop
        self._terms = FileTerms(
            shape=self._kind.shape,
            format=found.format,
            separator=found.separator,
            market=found.market,
            kinds={name: kind.shape for name, kind in KINDS.items()},
        )
        caller = Caller(organisation=found.organisation, roles=frozenset(found.roles), key=found.key)
        self._commands = RowCommands(
            on,
            caller,
            self._kind,
            found.id,
            found.request_hash or b"",
            stop,
            dry_run=found.mode == "dry_run",
        )

    async def run(self) -> None:
        with tempfile.TemporaryFile(prefix="lodestone-import-") as file:
            await self._fetch(file)
            try:
                total = self._found.rows_total
                if total is None:
                    total = await self._count(file)
                await self._renew("storing", total)
                rows = read_rows(file, self._terms)
                if self._found.mode == "all_or_nothing":
                    await self._store_together(rows, total)
                else:
                    await self._store_each(rows)
            except InvalidInputError as error:
                raise Ended("refused", tuple(error.faults)) from None

    async def _fetch(self, file: BinaryIO) -> None:
        number = 0
        while True:
            async with self._desk.looking() as connection:
                part = await store.read_part(connection, self._found.id, number)
            if part is None:
                return
            await asyncio.to_thread(file.write, part)
            number += 1

    async def _count(self, file: BinaryIO) -> int:
        """The whole file is read once before anything of it is stored."""
        rows, total = count_rows(file, self._terms), 0
        while True:
            await self._renew("checking")
            found = await asyncio.to_thread(_last, islice(rows, COUNT_ROWS))
            if found is None:
                break
            total = found
        if self._found.mode == "all_or_nothing" and total > TOGETHER_MAX:
            detail = (
                f"all or nothing takes up to {TOGETHER_MAX} rows, which are one transaction, and the file "
                f"has {total}: send it with mode=partial, or in parts"
            )
            raise InvalidInputError([Fault(code="too_many_rows_together", detail=detail, pointer="/rows")])
        return total

    async def _renew(self, state: State, total: int | None = None) -> None:
        async with self._desk.looking() as connection:
            asked = await store.renew(
                connection, self._found.id, self._owner, self._lease_seconds,
                state=state, now=self._clock(), rows_total=total,
            )  # fmt: skip
        await self._check(asked=asked)

    async def _held(self, giving: Coroutine[Any, Any, T]) -> T:
        """Rows may wait for longer than a lease: whoever took the import over would give them beside this.

        LeaseLost when somebody has.
        """
        task = asyncio.create_task(giving)
        try:
            while not (await asyncio.wait((task,), timeout=self._lease_seconds / 3))[0]:
                with suppress(RecordUnavailable):
                    await self._hold()
            return task.result()
        finally:
            task.cancel()
            await asyncio.wait((task,))

    async def _hold(self) -> None:
        async with self._desk.looking() as connection:
            asked = await store.renew(
                connection, self._found.id, self._owner, self._lease_seconds,
                state="storing", now=self._clock(),
            )  # fmt: skip
        if asked is None:
            raise LeaseLost

    async def _check(self, *, asked: bool | None) -> None:
        """Raises Ended when it is to be cancelled, or its submitter has lost the right."""
        if asked is None:
            raise LeaseLost
        if asked:
            raise Ended("cancelled")
        async with self._desk.looking() as connection:
            key = await party_reads.find_key(connection, self._found.key)
        if key is None or key.revoked or key.details.expires_at <= self._clock():
            detail = "the API key with which the file was sent is no longer valid"
            raise Ended("cancelled", (Fault(code="unauthenticated", detail=detail, pointer=""),))

    async def _store_together(self, rows: Iterator[ReadRow], total: int) -> None:
        """Stores all rows in one transaction: one refused row refuses all."""
        accepted, refused = self._found.accepted, self._found.refused
        if self._found.rows_read < total:
            lines = await self._held(self._commands.give_together(await asyncio.to_thread(list, rows)))
            if lines is None:
                return
            crash_point("imports.stored")
            accepted = sum(line.accepted for line in lines)
            refused = len({line.row for line in lines}) - accepted
            await self._advance(total, accepted, refused, lines)
        if accepted:
            raise Ended("completed")
        count = "1 row is" if refused == 1 else f"{refused} rows are"
        detail = f"{count} refused, so nothing was stored; the report says why"
        raise Ended("refused", (Fault(code="rows_refused", detail=detail, pointer="/rows"),))

    async def _store_each(self, rows: Iterator[ReadRow]) -> None:
        """Stores chunk by chunk, each followed by the progress. Returns early when the process is to end."""
        done = self._found.rows_read
        for start in range(0, done, COUNT_ROWS):
            await self._renew("storing")
            await asyncio.to_thread(_last, islice(rows, min(COUNT_ROWS, done - start)))
        while chunk := await asyncio.to_thread(list, islice(rows, CHUNK_ROWS)):
            if self._stop.is_set():
                return
            lines = await self._held(self._commands.give_each(chunk))
            if lines is None:
                return
            crash_point("imports.stored")
            done += len(chunk)
            accepted = sum(line.accepted for line in lines)
            await self._advance(done, accepted, len(chunk) - accepted, lines)
            crash_point("imports.advanced")
        raise Ended("completed")

    async def _advance(self, done: int, accepted: int, refused: int, lines: list[ReportLine]) -> None:
        async with self._desk.looking() as connection:
            asked = await store.advance(
                connection, self._found.id, self._owner, self._lease_seconds,
                rows_read=done, accepted=accepted, refused=refused, lines=lines,
            )  # fmt: skip
        if self._found.mode != "all_or_nothing":
            await self._check(asked=asked)
        elif asked is None:
            raise LeaseLost


def _last(found: Iterator[T]) -> T | None:
    """The last of them; None when there is none."""
    newest = deque(found, maxlen=1)
    return newest[0] if newest else None
