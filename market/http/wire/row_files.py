"""Files of rows as they come: CSV records and lines of JSON, one at a time, each at most so long.

What cannot be read as such a file at all ends the reading with InvalidInputError; `number` counts the records
of a CSV file, its head being 1, and the lines of NDJSON.
"""

import csv
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final, NamedTuple

from market.http.wire.columns import Cell, Wrong
from market.http.wire.faults import Fault, InvalidInputError
from market.store.imports import Separator

CSV: Final = "text/csv"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
NDJSON: Final = "application/x-ndjson"
ROW_BYTES_MAX: Final = 256 * 1024
SEPARATORS: Final[dict[Separator, str]] = {"comma": ",", "semicolon": ";", "tab": "\t"}
_MARK: Final = b"\xef\xbb\xbf"
_OTHER_MARKS: Final = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_FORMULA: Final = ("=", "@")


class CellRow(NamedTuple):
    """A record of a table, and what is wrong with its cells as such."""

    number: int
    cells: Sequence[Cell]
    wrong: tuple[Wrong, ...] = ()


class JsonRow(NamedTuple):
    number: int
    text: bytes


def unreadable(code: str, detail: str, pointer: str = "") -> InvalidInputError:
    """What is wrong with a file as a whole."""
    return InvalidInputError([Fault(code=code, detail=detail, pointer=pointer)])


def csv_rows(file: BinaryIO, separator: Separator | None) -> Iterator[CellRow]:
    """The records that hold anything, cells without the blanks around them; the first is the head."""
    lines = _Lines(file)
    head = next(lines, None)
    if head is None:
        raise unreadable("file_empty", "the file is empty", "/rows")
    sign = SEPARATORS[separator] if separator else max(SEPARATORS.values(), key=head.count)
    reader = csv.reader(lines.again(head), delimiter=sign, strict=True)
    number = 0
    while True:
        number += 1
        try:
            record = next(reader, None)
        except csv.Error as error:
            raise unreadable(
                "file_unreadable", f"this is not a CSV record: {error}", f"/rows/{number}"
            ) from None
        if record is None:
            return
        lines.forget()
        cells = [cell.strip() for cell in record]
        if any(cells):
            yield CellRow(number, cells, _formulas(cells))


def _formulas(cells: Sequence[str]) -> tuple[Wrong, ...]:
    return tuple(
        Wrong(f"#{place}", "formula_cell", "the cell contains a formula: write its value")
        for place, cell in enumerate(cells, start=1)
        if cell.startswith(_FORMULA)
    )


def json_rows(file: BinaryIO) -> Iterator[JsonRow]:
    """The lines that hold anything."""
    lines = _Lines(file)
    for line in lines:
        lines.forget()
        if line := line.strip():
            yield JsonRow(lines.number, line.encode())


class _Lines:
    """Lines of UTF-8 text. InvalidInputError for other text, and for a row that is too long."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._again: list[str] = []
        self._row_bytes = 0
        self._offset = 0
        self.number = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self._again:
            return self._again.pop()
        raw = self._file.readline(ROW_BYTES_MAX + 1)
        if not raw:
            raise StopIteration
        self.number += 1
        self._row_bytes += len(raw)
        if self._row_bytes > ROW_BYTES_MAX:
            detail = f"the row that line {self.number} belongs to has more than {ROW_BYTES_MAX} bytes"
            raise unreadable("row_too_long", detail)
        line = self._decoded(raw.removeprefix(_MARK) if self.number == 1 else raw)
        self._offset += len(raw)
        return line

    def again(self, line: str) -> "_Lines":
        """The same lines, begun with one that was taken already."""
        self._again.append(line)
        return self

    def forget(self) -> None:
        """A row ends with the line taken last."""
        self._row_bytes = 0

    def _decoded(self, raw: bytes) -> str:
        mark = _OTHER_MARKS.get(raw[:2]) if self.number == 1 else None
        if mark is not None:
            raise unreadable("not_utf8", f"the file is {mark} text: save it as UTF-8")
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            detail = (
                f"byte 0x{raw[error.start]:02x} at {self._offset + error.start} (line {self.number}) "
                "is not UTF-8: save the file as UTF-8"
            )
            raise unreadable("not_utf8", detail) from None
