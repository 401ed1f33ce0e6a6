"""Imports of files of rows: submit, follow to the end, read the report row by row."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import datetime
from typing import Final

import httpx
import msgspec
from msgspec import Struct

from market.client.calls import Calls, File
from market.client.faults import UnreadableError, unreachable
from market.client.operations import Operation, change, keyed, pages, read

CSV: Final = "text/csv"
NDJSON: Final = "application/x-ndjson"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
OVER: Final = frozenset({"completed", "refused", "cancelled", "failed"})
LOOK_SECONDS: Final = 1.0
SEND_SECONDS_MAX: Final = 900.0
QUIET_SECONDS_MAX: Final = 30.0


class FileFault(Struct, frozen=True, kw_only=True):
    code: str
    detail: str


class Import(Struct, frozen=True, kw_only=True):
    """`rows_total` is null until the file was read once; `warned` of the accepted rows have warnings in the
    report; `problem` is of the file as a whole."""

    id: str
    kind: str
    mode: str
    state: str
    size_bytes: int
    rows_total: int | None
    rows_read: int
    accepted: int
    warned: int
    refused: int
    seconds_left: int | None
    problem: tuple[FileFault, ...]
    created_at: datetime
    finished_at: datetime | None


class ImportLine(Struct, frozen=True, kw_only=True):
    """`kind` is accepted, warning or fault; `id` of what an accepted row made; `code` and `sentence` say what
    is unusual or wrong."""

    row: int
    column: str
    code: str
    sentence: str
    id: str | None
    kind: str


_IMPORT: Final = "/v1/imports/{import}"
POST: Final = keyed("/v1/imports", Import)
IMPORTS: Final = pages("/v1/imports", Import)
IMPORT: Final = read(_IMPORT, Import)
CANCEL: Final = change("DELETE", _IMPORT, Import, versioned=False)
REPORT_PATH: Final = f"{_IMPORT}/report"

_line: Final = msgspec.json.Decoder(ImportLine)


class Imports:
    """Own imports. `kind` is one of those that docs/imports.md lists, such as offers."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def post(
        self,
        kind: str,
        content: bytes,
        media_type: str = CSV,
        *,
        mode: str | None = None,
        market: str | None = None,
        separator: str | None = None,
        key: str | None = None,
    ) -> Import:
        """The whole file. With a `key` of one's own the same file is the same import, whatever broke off.

        `mode` is all_or_nothing, which is meant without it, partial, or dry_run, which stores nothing.
        """
        query = {"kind": kind, "mode": mode, "market": market, "separator": separator}
        file = File(content=content, media_type=media_type)
        reply = await self._calls.ask(POST, query=query, body=file, key=key, timeout_seconds=SEND_SECONDS_MAX)
        return reply.body

    async def read(self, import_id: str) -> Import:
        return (await self._calls.ask(IMPORT, import_id)).body

    def list(self) -> AsyncIterator[Import]:
        """The newest first."""
        return self._calls.pages(IMPORTS, query={})

    async def follow(self, import_id: str, *, look_seconds: float = LOOK_SECONDS) -> AsyncGenerator[Import]:
        """How far it is, again and again, up to how it ended."""
        while True:
            found = await self.read(import_id)
            yield found
            if found.state in OVER:
                return
            await asyncio.sleep(look_seconds)

    async def report(self, import_id: str) -> AsyncGenerator[ImportLine]:
        """The result of each row so far. UnreachableError when it breaks off, UnreadableError when it is
        something else."""
        operation: Operation[ImportLine] = read(REPORT_PATH, ImportLine)
        asked = f"GET {operation.address((import_id,))}"
        async with self._calls.stream(
            operation, {"format": "ndjson"}, {"Accept": NDJSON}, QUIET_SECONDS_MAX, ids=(import_id,)
        ) as response:
            try:
                async for line in response.aiter_lines():
                    yield _line.decode(line)
            except httpx.TransportError as error:
                raise unreachable(asked, error) from error
            except (httpx.DecodingError, msgspec.MsgspecError) as error:
                raise UnreadableError(f"{asked}: {error}") from error

    async def cancel(self, import_id: str) -> Import:
        """Stop storing further rows; accepted ones stay."""
        return (await self._calls.ask(CANCEL, import_id)).body
