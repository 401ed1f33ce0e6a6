"""Files of index values: CSV and XLSX as rows of text, each read like a JSON body; every fault by its row.

The first row names the columns. A cell of a workbook that holds a number or a date is written out as it is
shown: 62.5 as "62.5", a date as 2027-03-01, a date with time as UTC.
"""

import csv
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from io import BytesIO, StringIO
from typing import Final

from python_calamine import CalamineError, CalamineWorkbook

from events.contract_terms import IndexValue
from market.http.faults import Fault, InvalidInputError
from market.http.index_values import VALUES_MAX, ValueBody
from market.http.validation import convert

CSV: Final = "text/csv"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
COLUMNS: Final = tuple(ValueBody.__struct_fields__)
DELIMITERS: Final = ",;\t"

Row = Sequence[str]


def read_values(content: bytes, media_type: str) -> tuple[IndexValue, ...]:
    """InvalidInputError with every fault: `/rows/<number in the file>/<column>`."""
    rows = _numbered(content, media_type)
    if not rows:
        raise InvalidInputError([Fault(code="file_empty", detail="the file holds no row", pointer="/rows")])
    (_, head), *lines = rows
    columns = [name.strip() for name in head]
    faults = list(_head_faults(columns))
    if len(lines) > VALUES_MAX:
        detail = f"at most {VALUES_MAX} rows of values at once"
        faults.append(Fault(code="too_many_rows", detail=detail, pointer="/rows"))
    if faults:
        raise InvalidInputError(faults)
    values: list[IndexValue] = []
    for number, row in lines:
        try:
            cells = {name: cell.strip() for name, cell in zip(columns, row, strict=False)}
            values.append(convert(cells, ValueBody).inside())
        except InvalidInputError as error:
            faults += [_in_row(fault, number) for fault in error.faults]
    if faults:
        raise InvalidInputError(faults)
    return tuple(values)


def row_numbers(content: bytes, media_type: str) -> list[int]:
    """The rows of the file that hold values, in order."""
    return [number for number, _ in _numbered(content, media_type)][1:]


def _head_faults(columns: Sequence[str]) -> Iterable[Fault]:
    for name in COLUMNS:
        if columns.count(name) != 1:
            yield Fault(
                code="column_missing", detail=f"name the column {name} once", pointer=f"/rows/1/{name}"
            )
    for name in columns:
        if name not in COLUMNS:
            detail = f"there is no such column; there are {', '.join(COLUMNS)}"
            yield Fault(code="unknown_column", detail=detail, pointer=f"/rows/1/{name[:64]}")


def _in_row(fault: Fault, number: int) -> Fault:
    return Fault(code=fault.code, detail=fault.detail, pointer=f"/rows/{number}{fault.pointer or ''}")


def _numbered(content: bytes, media_type: str) -> list[tuple[int, Row]]:
    """The rows that hold anything; the first row of a file is 1."""
    rows = _of_workbook(content) if media_type == XLSX else _of_csv(content)
    return [(number, row) for number, row in enumerate(rows, start=1) if any(cell.strip() for cell in row)]


def _of_csv(content: bytes) -> list[Row]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        detail = "the file is no UTF-8 text"
        raise InvalidInputError([Fault(code="file_unreadable", detail=detail, pointer="")]) from None
    head = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=head.count)
    try:
        return list(csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        detail = f"the file is no CSV: {error}"
        raise InvalidInputError([Fault(code="file_unreadable", detail=detail, pointer="")]) from None


def _of_workbook(content: bytes) -> list[Row]:
    """The first sheet."""
    try:
        workbook = CalamineWorkbook.from_filelike(BytesIO(content))
        sheet = workbook.get_sheet_by_index(0)
        return [[_text(cell) for cell in row] for row in sheet.to_python(skip_empty_area=False)]
    except (CalamineError, ValueError, OSError) as error:
        detail = f"the file is no XLSX workbook: {error}"
        raise InvalidInputError([Fault(code="file_unreadable", detail=detail, pointer="")]) from None


def _text(cell: object) -> str:
    match cell:
        case float() if cell.is_integer():
            return str(int(cell))
        case datetime():
            return cell.replace(tzinfo=UTC).isoformat()
        case date():
            return cell.isoformat()
        case _:
            return str(cell)
