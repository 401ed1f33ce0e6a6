"""What became of each row of a file."""

from collections.abc import AsyncGenerator
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from market.http.files.import_kinds import IMPORT_READERS
from market.http.files.imports import TAG, load
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint
from market.http.wire.ids import to_text
from market.http.wire.material import Body
from market.http.wire.reads import as_caller
from market.http.wire.row_files import CSV, NDJSON
from market.http.wire.row_tables import written_csv
from market.store import imports as store
from market.store.imports import ReportLine


class ReportQuery(Struct, frozen=True, kw_only=True):
    """Shape of the report."""

    format: Literal["csv", "ndjson"] = "csv"


LineKind = Literal["accepted", "warning", "fault"]


class ReportRow(Body, frozen=True, kw_only=True):
    """`code` is `accepted`, `acceptable`, or the code of an error or warning; `column` is empty for a whole
    row."""

    row: int
    column: str
    code: str
    sentence: str
    id: str | None
    kind: LineKind


@endpoint(
    "GET",
    "/v1/imports/{import}/report",
    roles=IMPORT_READERS,
    summary="Read what became of each row",
    tag=TAG,
    query=ReportQuery,
    answer=str,
    media_type=CSV,
    shapes=(NDJSON,),
    description="Every row up to where the import is: the id of what it made, with a further line for each "
    "warning, or one line for each fault.",
)
async def report(call: Call[Nothing, ReportQuery]) -> Answer:
    found = await load(call)
    media = CSV if call.query.format == "csv" else NDJSON
    headers = {
        "Content-Disposition": f'attachment; filename="{to_text("imp", found.id)}.{call.query.format}"'
    }
    if call.trace.head:
        return Answer(body=b"", media_type=media, headers=headers)
    lines = _csv_report(call, found.id) if media == CSV else _json_report(call, found.id)
    return Answer(body=lines, media_type=media, headers=headers)


async def _lines(call: Call[Any, Any], found: UUID) -> AsyncGenerator[tuple[ReportLine, ...]]:
    after = 0
    while True:
        async with as_caller(call) as connection:
            lines = await store.read_lines(connection, found, after)
        if not lines:
            return
        after = lines[0].row
        yield lines


async def _csv_report(call: Call[Any, Any], found: UUID) -> AsyncGenerator[bytes]:
    yield written_csv([ReportRow.__struct_fields__])
    async for lines in _lines(call, found):
        yield written_csv(
            [
                (str(line.row), line.column, line.code, line.sentence, line.made or "", _kind(line))
                for line in lines
            ]
        )


async def _json_report(call: Call[Any, Any], found: UUID) -> AsyncGenerator[bytes]:
    async for lines in _lines(call, found):
        yield b"".join(b"%b\n" % _encode(_shown(line)) for line in lines)


_encode: Final = msgspec.json.Encoder().encode


def _shown(line: ReportLine) -> ReportRow:
    return ReportRow(
        row=line.row,
        column=line.column,
        code=line.code,
        sentence=line.sentence,
        id=line.made,
        kind=_kind(line),
    )


def _kind(line: ReportLine) -> LineKind:
    if line.accepted:
        return "accepted"
    return "warning" if line.warning else "fault"


HANDLERS: Final = (report,)
