"""A file of a kind as bodies, row by row, with what is wrong with a row; InvalidInputError: with the file."""

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Final, NamedTuple, assert_never

import msgspec
from msgspec import Struct

from market.http.wire.columns import Column, RowReader, Wrong, read_head
from market.http.wire.faults import Fault, InvalidInputError
from market.http.wire.row_files import (
    CSV,
    NDJSON,
    XLSX,
    CellRow,
    JsonRow,
    csv_rows,
    json_rows,
    unreadable,
)
from market.http.wire.validation import convert, decode, parse_json
from market.http.wire.workbooks import ROWS_MAX, workbook_rows
from market.store.imports import FileFormat, Separator

FORMATS: Final[dict[str, FileFormat]] = {CSV: "csv", XLSX: "xlsx", NDJSON: "ndjson"}


class FileTerms(Struct, frozen=True, kw_only=True):
    """How a file is to be read: as bodies of `shape`.

    `market` stands in rows that name none; `separator` None: the one that the head has most of.
    `kinds`: shapes by what a caller calls them, to tell whose columns a head has.
    """

    shape: Any
    format: FileFormat
    separator: Separator | None = None
    market: str | None = None
    kinds: dict[str, Any] = {}


class ReadRow(NamedTuple):
    """A row's body, or what is wrong with it."""

    number: int
    body: Any
    wrong: tuple[Wrong, ...]


def count_rows(file: BinaryIO, terms: FileTerms) -> Iterator[int]:
    """How many rows there are, again and again up to the last. InvalidInputError for what no row can say."""
    rows, found = _rows(file, terms), 0
    if terms.format != "ndjson":
        _head(next(rows, None), terms)
    for found, _ in enumerate(rows, start=1):
        if found > ROWS_MAX:
            raise unreadable("too_many_rows", f"the file has more than {ROWS_MAX} rows", "/rows")
        yield found
    if not found:
        raise unreadable("file_empty", "the file has no rows", "/rows")


def read_rows(file: BinaryIO, terms: FileTerms) -> Iterator[ReadRow]:
    """InvalidInputError as `count_rows`."""
    rows, shape = _rows(file, terms), terms.shape
    given = {} if terms.market is None else {"market": terms.market}
    if terms.format == "ndjson":
        for row in rows:
            assert isinstance(row, JsonRow)
            yield _of_json(row, shape, given)
        return
    columns = _head(next(rows, None), terms)
    reader = RowReader(columns, shape, given)
    for row in rows:
        assert isinstance(row, CellRow)
        yield _of_cells(row, columns, reader)


def _rows(file: BinaryIO, terms: FileTerms) -> Iterator[CellRow | JsonRow]:
    file.seek(0)
    match terms.format:
        case "csv":
            return csv_rows(file, terms.separator)
        case "xlsx":
            return workbook_rows(file)
        case "ndjson":
            return json_rows(file)
        case _:
            assert_never(terms.format)


def _head(row: CellRow | JsonRow | None, terms: FileTerms) -> tuple[Column, ...]:
    if not isinstance(row, CellRow):
        raise unreadable("file_empty", "the file is empty", "/rows")
    if row.wrong:
        faults = [Fault(code=each.code, detail=each.sentence, pointer="/rows/1") for each in row.wrong]
        raise InvalidInputError(faults)
    names = [str(cell).strip() for cell in row.cells]
    while names and not names[-1]:
        names.pop()
    try:
        return _columns(names, terms.shape, terms)
    except InvalidInputError:
        others = [kind for kind, shape in terms.kinds.items() if _fits(names, shape, terms)]
        if not others:
            raise
    detail = f"these columns are of kind {' or '.join(others)}: import the file as that kind"
    raise unreadable("columns_of_another_kind", detail, "/rows/1")


def _fits(names: Sequence[str], shape: Any, terms: FileTerms) -> bool:
    try:
        _columns(names, shape, terms)
    except InvalidInputError:
        return False
    return True


def _columns(names: Sequence[str], shape: Any, terms: FileTerms) -> tuple[Column, ...]:
    columns = read_head(names, shape)
    covered = {str(column.path[0]) for column in columns} | ({"market"} if terms.market else set())
    missing = [
        Fault(
            code="column_missing",
            detail="this column is missing, but every row needs it",
            pointer=f"/rows/1/{field.encode_name}",
        )
        for field in msgspec.structs.fields(shape)
        if field.required and field.encode_name not in covered
    ]
    if missing:
        raise InvalidInputError(missing)
    return columns


def _of_json(row: JsonRow, shape: Any, given: dict[str, str]) -> ReadRow:
    try:
        if not given:
            return ReadRow(row.number, decode(row.text, shape), ())
        value = parse_json(row.text)
        return ReadRow(
            row.number, convert({**given, **value} if isinstance(value, dict) else value, shape), ()
        )
    except InvalidInputError as error:
        wrong = tuple(Wrong(dotted(fault.pointer or ""), fault.code, fault.detail) for fault in error.faults)
    except (RecursionError, ValueError) as error:
        wrong = (Wrong("", "malformed_json", f"the line is not valid JSON: {error}"),)
    return ReadRow(row.number, None, wrong)


def dotted(pointer: str) -> str:
    """A JSON pointer as columns are named."""
    return ".".join(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def _of_cells(row: CellRow, columns: Sequence[Column], reader: RowReader) -> ReadRow:
    if row.wrong:
        return ReadRow(row.number, None, _beside(row, columns, reader))
    beyond = [cell for cell in row.cells[len(columns) :] if cell != ""]
    if beyond:
        sentence = f"a cell is outside the {len(columns)} columns of the header row"
        return ReadRow(row.number, None, (Wrong("", "too_many_cells", sentence),))
    found = reader.body(row.cells)
    if isinstance(found, tuple):
        return ReadRow(row.number, None, found)
    return ReadRow(row.number, found, ())


def _beside(row: CellRow, columns: Sequence[Column], reader: RowReader) -> tuple[Wrong, ...]:
    """What is wrong with cells as such, and with the others; not what the lack of the first makes wrong."""
    places = {int(each.column.removeprefix("#")) for each in row.wrong}
    wrong = tuple(each._replace(column=_named(each.column, columns)) for each in row.wrong)
    found = reader.body(["" if place in places else cell for place, cell in enumerate(row.cells, start=1)])
    if not isinstance(found, tuple):
        return wrong
    paths = [each.column.split(".") for each in wrong]
    lacking = {".".join(path[:length]) for path in paths for length in range(len(path) + 1)}
    return (*wrong, *(each for each in found if each.column not in lacking))


def _named(place: str, columns: Sequence[Column]) -> str:
    """The name of the column at a place, which counts from 1."""
    number = int(place.removeprefix("#"))
    return columns[number - 1].name if number <= len(columns) else ""
