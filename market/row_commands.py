"""Rows of a file as commands: each with its own idempotency key, all in one transaction, or, in a dry run,
each decided separately and none stored.

Commands that the record cannot accept at the moment are given again; refusals are reported for their row.
What the database cancels again and again as too slow, while it does the rest, is refused for now.
"""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from hashlib import sha256
from itertools import groupby
from time import monotonic
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog

from events.callers import Caller
from events.command import Outcome
from events.connections import TOOK_TOO_LONG
from events.decision import Request
from events.desk import Answer, Desk
from events.envelope import Draft, Recorded
from events.refusal import OutcomeUnknown, RecordUnavailable, Refusal, Refusals
from events.together import AnyCommand, TogetherRefused, gathering, submit_together
from market.commands.counting import OutOfTurn
from market.commands.party_steps import MembershipsMoved
from market.http.files.import_kinds import Kind, place_in
from market.http.wire.faults import Fault, InvalidInputError
from market.http.wire.import_rows import ReadRow, dotted
from market.http.wire.problems import refusal_faults
from market.http.wire.reads import Looking
from market.http.wire.receipts import Warned
from market.http.wire.statuses import BUSY, status_of
from market.store.imports import ACCEPTABLE, ACCEPTED, ReportLine

log = structlog.get_logger("lodestone.imports")

TOGETHER_MAX: Final = 500
"""Maximum of rows for all-or-nothing, since one transaction locks its lanes for all of them."""
AT_ONCE: Final = 128
"""Commands submitted at a time: as many as the lane writer puts into a transaction."""
ROUTE: Final = "POST /v1/imports"
BUSY_SECONDS: Final = 0.5
PAUSE_SECONDS_MAX: Final = 15.0
TRIES_MAX: Final = 8
"""Of what the database breaks off each time because it took too long."""
SAID_AFTER_SECONDS: Final = 10.0
SAID_AGAIN_SECONDS: Final = 60.0
UNFORESEEN: Final = Fault(code="internal_error", detail="an unforeseen error; it is logged", pointer="")
COUNTED: Final = Fault(
    code="counted_row_by_row",
    detail="a market of these orders counts them against what their facility can make, one after another: "
    "send the file with mode=partial",
    pointer="/rows",
)
BROKEN_OFF: Final = RecordUnavailable.code
BROKEN_OFF_ROW: Final = Fault(
    code=BROKEN_OFF,
    detail=f"the database has broken this row off {TRIES_MAX} times, since it took too long, and nothing of "
    "it is stored: send the row again later",
    pointer="",
)
BROKEN_OFF_TOGETHER: Final = Fault(
    code=BROKEN_OFF,
    detail=f"the database has broken these rows off {TRIES_MAX} times, since all of them together took too "
    "long, and nothing is stored: send the file again later, in parts, or with mode=partial",
    pointer="/rows",
)
_encode: Final = msgspec.json.Encoder().encode


class _Tries:
    """Of one command. What cannot be done now, whoever asks for it, is tried for as long as that lasts."""

    __slots__ = ("begun", "broken_off", "pause_seconds", "unknown")

    def __init__(self) -> None:
        self.begun = monotonic()
        self.broken_off = 0
        self.unknown = False
        self.pause_seconds = BUSY_SECONDS

    def are_spent(self, reason: Refusal) -> bool:
        """Never once it may have been stored: then only a further try can tell."""
        self.unknown |= isinstance(reason, OutcomeUnknown)
        if isinstance(reason.__cause__, TOOK_TOO_LONG):
            self.broken_off += 1
            self.pause_seconds = min(self.pause_seconds * 2, PAUSE_SECONDS_MAX)
        return self.broken_off >= TRIES_MAX and not self.unknown


class _Row:
    """A row and its result."""

    __slots__ = ("read", "said")

    def __init__(self, read: ReadRow) -> None:
        self.read = read
        self.said = [
            ReportLine(row=read.number, column=wrong.column, code=wrong.code, sentence=wrong.sentence)
            for wrong in read.wrong
        ]

    def refuse(self, faults: Sequence[Fault]) -> None:
        self.said += [
            ReportLine(
                row=self.read.number,
                column=dotted(fault.pointer or ""),
                code=fault.code,
                sentence=fault.detail,
            )
            for fault in faults
        ]

    def accept(self, made: str | None) -> None:
        """`made` None: it would be accepted (dry run)."""
        code = ACCEPTABLE if made is None else ACCEPTED
        self.said = [ReportLine(row=self.read.number, column="", code=code, sentence="", made=made)]

    def warn(self, made: str | None, warning: Warned, pointer: str) -> None:
        self.said.append(
            ReportLine(
                row=self.read.number,
                column=dotted(pointer),
                code=warning.code,
                sentence=warning.detail,
                made=made,
                warning=True,
            )
        )


class RowCommands:
    """Of one import, as whoever handed it in."""

    def __init__(
        self,
        on: Looking,
        caller: Caller,
        kind: Kind,
        found: UUID,
        file_hash: bytes,
        stop: asyncio.Event,
        *,
        dry_run: bool = False,
    ) -> None:
        self._on = on
        self._desk = on.desk
        self._caller = caller
        self._kind = kind
        self._import = found
        self._file_hash = file_hash
        self._stop = stop
        self._dry_run = dry_run
        self._alone = asyncio.Lock()
        self._said_at = -SAID_AGAIN_SECONDS

    async def give_each(self, read: Sequence[ReadRow]) -> list[ReportLine] | None:
        """Gives every row separately; None when the process is to end before all are answered."""
        rows = [_Row(each) for each in read]
        groups = self._groups([row for row in rows if not row.said])
        for start in range(0, len(groups), AT_ONCE):
            together = groups[start : start + AT_ONCE]
            answered = await asyncio.gather(*(self._give(group) for group in together))
            if not all(answered):
                return None
        return [line for row in rows for line in row.said]

    def _groups(self, rows: Sequence[_Row]) -> list[list[_Row]]:
        """Consecutive rows that belong to one command."""
        if self._kind.rows_max == 1:
            return [[row] for row in rows]
        groups: list[list[_Row]] = []
        for _, alike in groupby(rows, lambda row: self._kind.group(row.read.body)):
            found = list(alike)
            groups += [
                found[start : start + self._kind.rows_max]
                for start in range(0, len(found), self._kind.rows_max)
            ]
        return groups

    async def _give(self, rows: Sequence[_Row]) -> bool:
        """Gives rows together; False when the process is to end before there is an answer.

        If several rows are refused together, each is given separately. After a restart, rows accepted earlier
        would refuse the whole, and are then recognised one by one by their keys. Rows that the database
        cancelled as too slow are given one command at a time, so that none is cancelled because of another.
        """
        tries = _Tries()
        while not self._stop.is_set():
            try:
                async with self._alone if tries.broken_off else nullcontext():
                    outcome = await self._kind.give(
                        self._desk,
                        self._caller,
                        [row.read.body for row in rows],
                        request=self._request(rows),
                        dry_run=self._dry_run,
                    )
            except Refusal as reason:
                if status_of(reason) == BUSY:
                    if tries.are_spent(reason):
                        for row in rows:
                            row.refuse([BROKEN_OFF_ROW])
                        return True
                    await self._wait(rows, reason, tries)
                    continue
                return await self._refused(rows, refusal_faults((reason,)))
            except Refusals as reasons:
                return await self._refused(rows, refusal_faults(reasons.refusals))
            except InvalidInputError as error:
                return await self._refused(rows, error.faults)
            except Exception:
                log.exception("import_row_failed", import_id=str(self._import), row=rows[0].read.number)
                return await self._refused(rows, [UNFORESEEN])
            await self._accept(rows, self._facts(outcome)[0])
            return True
        return False

    async def _refused(self, rows: Sequence[_Row], faults: Sequence[Fault]) -> bool:
        if len(rows) == 1:
            rows[0].refuse([_placed(fault, place_in(self._kind, fault.pointer or "")[1]) for fault in faults])
            return True
        for row in rows:
            if not await self._give([row]):
                return False
        return True

    def _facts(self, outcome: Answer | Sequence[Any]) -> list[Recorded | Draft]:
        """What the commands made, or in a dry run would make, in their order."""
        found = outcome.events if isinstance(outcome, Outcome) else outcome
        return [each for each in found if isinstance(each.data, self._kind.fact)]

    async def _accept(self, rows: Sequence[_Row], fact: Recorded | Draft) -> None:
        """All rows of one command."""
        made = self._kind.made(fact) if isinstance(fact, Recorded) else None
        for row in rows:
            row.accept(made)
        for warning in await self._kind.warn(self._on, fact.data):
            place, pointer = place_in(self._kind, warning.pointer)
            for row in rows if place is None else rows[place : place + 1]:
                row.warn(made, warning, pointer)

    def _request(self, rows: Sequence[_Row]) -> Request:
        return Request(
            organisation=self._caller.organisation,
            route=ROUTE,
            key=f"{self._import.hex}:{rows[0].read.number}:{len(rows)}",
            body_hash=sha256(_encode([row.read.body for row in rows])).digest(),
        )

    async def give_together(self, read: Sequence[ReadRow]) -> list[ReportLine] | None:
        """Gives all rows or none; returns the report lines. None as in `give_each`.

        InvalidInputError if the market checks capacities, since each order has to know what earlier ones have
        taken.
        """
        rows = [_Row(each) for each in read]
        answered = True
        if not any(row.said for row in rows):
            groups = self._wholes(rows)
            self._refuse_repeats(groups)
            answered = await self._gather_and_decide(rows, groups)
        return [line for row in rows for line in row.said] if answered else None

    async def _gather_and_decide(self, rows: Sequence[_Row], groups: Sequence[Sequence[_Row]]) -> bool:
        """Commands name the lanes that they write: where these have moved, all are gathered again."""
        tries = _Tries()
        said = [len(row.said) for row in rows]
        while not self._stop.is_set():
            desk, gathered = gathering(self._desk)
            try:
                for group in groups:
                    await self._gather(desk, group)
            except Refusal as reason:
                for row, known in zip(rows, said, strict=True):
                    del row.said[known:]
                await self._wait_together(rows, reason, tries)
                continue
            if any(row.said for row in rows):
                return True
            try:
                return await self._decide(groups, gathered.commands)
            except MembershipsMoved:
                await self._pause()
        return False

    def _refuse_repeats(self, groups: Sequence[Sequence[_Row]]) -> None:
        """Rows that speak of the same: what one of them changes, the other would have to know."""
        first: dict[str, int] = {}
        for group in groups:
            try:
                subject = self._kind.subject(self._caller, group[0].read.body)
            except InvalidInputError as error:
                group[0].refuse(error.faults)
                continue
            number = group[0].read.number
            before = number if subject is None else first.setdefault(subject, number)
            if before != number:
                detail = f"row {before} concerns the same object: one transaction can have only one such row"
                for row in group:
                    row.refuse([Fault(code="row_repeats", detail=detail, pointer="")])

    async def _decide(self, groups: Sequence[Sequence[_Row]], commands: Sequence[AnyCommand]) -> bool:
        request = Request(
            organisation=self._caller.organisation,
            route=ROUTE,
            key=self._import.hex,
            body_hash=sha256(self._file_hash).digest(),
        )
        tries = _Tries()
        while not self._stop.is_set():
            try:
                outcome = await submit_together(
                    self._desk, self._caller, commands, request=request, dry_run=False
                )
            except TogetherRefused as error:
                for place, reasons in error.refused.items():
                    self._refuse_in(groups[place], refusal_faults(reasons))
                return True
            except OutOfTurn:
                raise InvalidInputError([COUNTED]) from None
            except Refusal as reason:
                if status_of(reason) != BUSY:
                    raise
                await self._wait_together([row for group in groups for row in group], reason, tries)
            else:
                assert isinstance(outcome, Outcome)
                for group, fact in zip(groups, self._facts(outcome), strict=True):
                    await self._accept(group, fact)
                return True
        return False

    async def _wait_together(self, rows: Sequence[_Row], reason: Refusal, tries: _Tries) -> None:
        """InvalidInputError where they have been broken off too often."""
        if tries.are_spent(reason):
            raise InvalidInputError([BROKEN_OFF_TOGETHER]) from None
        await self._wait(rows, reason, tries)

    async def _wait(self, rows: Sequence[_Row], reason: Refusal, tries: _Tries) -> None:
        """Told of one row a minute: all rows of a file may wait for the same."""
        now = monotonic()
        if now - tries.begun >= SAID_AFTER_SECONDS and now - self._said_at >= SAID_AGAIN_SECONDS:
            self._said_at = now
            log.warning(
                "import_row_waits",
                import_id=str(self._import),
                row=rows[0].read.number,
                rows=len(rows),
                code=reason.code,
                broken_off=tries.broken_off,
            )
        await self._pause(tries.pause_seconds)

    async def _pause(self, seconds: float = BUSY_SECONDS) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)

    def _wholes(self, rows: Sequence[_Row]) -> list[list[_Row]]:
        """All rows that one command may take, wherever they stand."""
        if self._kind.rows_max == 1:
            return [[row] for row in rows]
        groups: dict[object, list[_Row]] = {}
        for row in rows:
            groups.setdefault(self._kind.group(row.read.body), []).append(row)
        return list(groups.values())

    async def _gather(self, desk: Desk, rows: Sequence[_Row]) -> None:
        try:
            await self._kind.give(
                desk, self._caller, [row.read.body for row in rows], request=None, dry_run=False
            )
        except Refusal as reason:
            if status_of(reason) == BUSY:
                raise
            self._refuse_in(rows, refusal_faults((reason,)))
        except Refusals as reasons:
            self._refuse_in(rows, refusal_faults(reasons.refusals))
        except InvalidInputError as error:
            self._refuse_in(rows, error.faults)

    def _refuse_in(self, rows: Sequence[_Row], faults: Sequence[Fault]) -> None:
        for fault in faults:
            place, pointer = place_in(self._kind, fault.pointer or "")
            for row in rows if place is None else rows[place : place + 1]:
                row.refuse([_placed(fault, pointer)])


def _placed(fault: Fault, pointer: str) -> Fault:
    return Fault(code=fault.code, detail=fault.detail, pointer=pointer)
