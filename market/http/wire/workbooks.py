"""The first sheet of an XLSX workbook, row by row; what could fill memory or deceive is refused before.

A workbook is a zip archive. Its directory tells how large each part gets, and no more than that is ever
unpacked.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Any, BinaryIO, Final
from xml.parsers import expat

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from market.http.wire.columns import COLUMNS_MAX, Cell, Wrong
from market.http.wire.row_files import CellRow, unreadable

PARTS_MAX: Final = 1_000
SHEET_BYTES_MAX: Final = 1024 * 1024 * 1024
"""Of all sheets together, unpacked; a million rows of ten cells are about half of it."""
OTHER_BYTES_MAX: Final = 64 * 1024 * 1024
"""Of everything else together, unpacked: strings and styles are held in memory."""
RATIO_MAX: Final = 200
"""How many bytes may come of one; sheets of real figures give 5 to 30."""
RATIO_COUNTS_FROM_BYTES: Final = 1024 * 1024
HELD_ELEMENTS_MAX: Final = 300_000
"""Of a part, those that are in memory together: all of a row or of a string, and whatever stands outside. A
row of all 16,384 columns has 65,536 at most, each hundreds of bytes."""
ELEMENT_BYTES_LEAST: Final = 4
TEXT_BYTES_MAX: Final = 4 * 1024 * 1024
"""Between one element and the next; a cell holds 32,767 characters at most."""
ROWS_MAX: Final = 1_048_576
"""As many as a sheet can have."""
_SHEETS: Final = "xl/worksheets/"
_MACROS: Final = re.compile(r"(?i)(vbaProject|/macrosheets/|/activeX/)")
_LITERALS: Final = re.compile(r'"[^"]*"|\\.|\[[^]]*\]|_.')
"""What a number format shows as it is: words, colours, conditions, spaces."""
_SCALED: Final = re.compile(r"[0#?],+(?![0#?,])")
"""Thousands that a number format leaves out: "0.0," shows 20000 as 20.0."""
FORMAT_CHARACTERS_MAX: Final = 255
"""As many as a number format can have; reading one of unclosed brackets takes their number squared."""
_MERGED: Final = re.compile(
    rb'<(?:\w{1,40}:)?mergeCell\s[^<>]{0,160}?ref=["\']([A-Z]{1,3}[0-9]{1,7}:[A-Z]{1,3}[0-9]{1,7})["\']'
)
MERGED_SHOWN_MAX: Final = 10
_TAG_BYTES_MAX: Final = 256
_READ: Final = 64 * 1024
_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_STRINGS: Final = "xl/sharedStrings.xml"
_MARKS: Final = b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"
_UNREADABLE: Final = (
    InvalidFileException, zipfile.BadZipFile, zlib.error, SyntaxError, KeyError, ValueError, IndexError,
    TypeError, AttributeError, NotImplementedError, EOFError, RuntimeError, UserWarning,
)  # fmt: skip
"""What openpyxl and the archive raise for a file that is not what it says."""


def workbook_rows(file: BinaryIO) -> Iterator[CellRow]:
    """The rows that hold anything, by their numbers in it. InvalidInputError for what is no workbook."""
    try:
        _check_archive(file)
        book = load_workbook(file, read_only=True, keep_links=False, keep_vba=False)
        sheet: Any = book.worksheets[0]
        sheet.reset_dimensions()
        _refuse_merged(book, sheet)
        rows = sheet.iter_rows()
    except _UNREADABLE as error:
        raise _no_workbook(error) from None
    number = 0
    while True:
        number += 1
        try:
            found = next(rows, None)
        except _UNREADABLE as error:
            raise _no_workbook(error) from None
        if found is None:
            return
        if number > ROWS_MAX:
            raise unreadable("too_many_rows", f"at most {ROWS_MAX} rows")
        row = _row(number, found)
        if row.wrong or any(cell != "" for cell in row.cells):
            yield row


def _no_workbook(error: Exception) -> Exception:
    return unreadable("file_unreadable", f"the file is not an XLSX workbook: {str(error)[:200]}")


def _row(number: int, found: Sequence[Any]) -> CellRow:
    wrong: list[Wrong] = []
    cells: list[Cell] = []
    for place, cell in enumerate(found[: COLUMNS_MAX + 1], start=1):
        address = f"{get_column_letter(place)}{number}"
        if cell.data_type == "f":
            wrong.append(
                _wrong(place, "formula_cell", f"{address} contains a formula: replace it by its value")
            )
        elif cell.data_type == "e":
            wrong.append(_wrong(place, "error_cell", f"{address} contains the error {str(cell.value)[:20]}"))
        elif isinstance(cell.value, time) or not isinstance(
            cell.value, str | bool | int | float | date | None
        ):
            wrong.append(_wrong(place, "not_allowed", f"{address} contains a time of day or a duration"))
        elif isinstance(cell.value, int | float) and (shown := _shown_otherwise(cell.number_format)):
            sentence = (
                f"{address} contains {_cell(cell.value)} but shows it {shown}: format it as a plain number"
            )
            wrong.append(_wrong(place, "shown_otherwise", f"{sentence} and write the intended value"))
        cells.append("" if wrong and wrong[-1].column == f"#{place}" else _cell(cell.value))
    return CellRow(number, cells, tuple(wrong))


@lru_cache(maxsize=1024)
def _shown_otherwise(number_format: str) -> str | None:
    """How a cell shows another number than it holds, of which one cannot know which is meant."""
    if len(number_format) > FORMAT_CHARACTERS_MAX:
        return f"by a format of more than {FORMAT_CHARACTERS_MAX} characters"
    plain = _LITERALS.sub("", number_format)
    if "%" in plain:
        return "as a percentage"
    return "in thousands" if _SCALED.search(plain) else None


def _refuse_merged(book: Any, sheet: Any) -> None:
    """Only the first of merged cells holds what all of them show. They stand behind a sheet's rows."""
    merged: dict[str, None] = {}
    window = b""
    with book._archive.open(sheet._worksheet_path) as stream:
        while read := stream.read(_READ):
            window = window[-_TAG_BYTES_MAX:] + read
            if b"mergeCell" in window:
                merged.update((found.decode(), None) for found in _MERGED.findall(window))
    if merged:
        ranges = ", ".join([*merged][:MERGED_SHOWN_MAX])
        more = f" and {len(merged) - MERGED_SHOWN_MAX} more" if len(merged) > MERGED_SHOWN_MAX else ""
        detail = f"{ranges}{more} are merged, and only the first of such cells holds what all show"
        raise unreadable("merged_cells", f"{detail}: unmerge them and fill each one")


def _wrong(place: int, code: str, sentence: str) -> Wrong:
    return Wrong(f"#{place}", code, sentence)


def _cell(value: Any) -> Cell:
    """A number as it is shown, 62.5 as "62.5": its shortest exact decimals, without exponent."""
    match value:
        case None:
            return ""
        case bool() | datetime() | date():
            return value
        case float() if value.is_integer() and abs(value) < 10**15:
            return str(int(value))
        case float():
            return f"{Decimal(repr(value)):f}"
        case _:
            return str(value).strip()


def _check_archive(file: BinaryIO) -> None:
    """InvalidInputError for too much, for macros, and for parts that define entities."""
    with zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
        if len(parts) > PARTS_MAX:
            raise unreadable(
                "archive_too_large", f"the workbook has {len(parts)} parts, more than {PARTS_MAX}"
            )
        for part in parts:
            if _MACROS.search(part.filename):
                raise unreadable("macros", "the workbook contains macros: save it as .xlsx without them")
            _check_ratio(part)
        _check_bytes("sheets", [part for part in parts if _is_sheet(part)], SHEET_BYTES_MAX)
        _check_bytes("other parts", [part for part in parts if not _is_sheet(part)], OTHER_BYTES_MAX)
        for part in parts:
            if _is_document(archive, part):
                _check_document(archive, part)
                _check_elements(archive, part)


def _is_sheet(part: zipfile.ZipInfo) -> bool:
    return part.filename.startswith(_SHEETS)


def _check_ratio(part: zipfile.ZipInfo) -> None:
    if part.file_size > RATIO_COUNTS_FROM_BYTES and part.file_size > RATIO_MAX * max(1, part.compress_size):
        times = part.file_size // max(1, part.compress_size)
        detail = f"{part.filename[:100]} unpacks to {times} times its size, more than {RATIO_MAX}"
        raise unreadable("archive_ratio", detail)


def _check_bytes(what: str, parts: Sequence[zipfile.ZipInfo], most: int) -> None:
    total = sum(part.file_size for part in parts)
    if total > most:
        raise unreadable("archive_too_large", f"the {what} unpack to {total} bytes, more than {most}")


def _is_document(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    """Whether anybody may read it as XML, however it is called."""
    if part.filename.endswith((".xml", ".rels")):
        return True
    with archive.open(part) as stream:
        return stream.read(_READ).lstrip(_MARKS).startswith(b"<")


def _check_document(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """Up to the first element: what could define entities stands before it."""
    begun: list[str] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda name, _: begun.append(name)
    parser.StartDoctypeDeclHandler = lambda *_: _refuse_doctype(part)
    with archive.open(part) as stream:
        while not begun and (read := stream.read(_READ)):
            try:
                parser.Parse(read)
            except expat.ExpatError as error:
                raise ValueError(f"{part.filename[:100]}: {error}") from None


def _check_elements(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """What openpyxl holds of a part at a time: it lets go of a row and of a string when they end."""
    if part.file_size < HELD_ELEMENTS_MAX * ELEMENT_BYTES_LEAST:
        return
    freed = f"{_MAIN} row" if _is_sheet(part) else f"{_MAIN} si" if part.filename == _STRINGS else ""
    counted = _Held(part, freed)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = counted.begin
    parser.EndElementHandler = counted.end
    quiet_bytes, begun = 0, 0
    with archive.open(part) as stream:
        while read := stream.read(_READ):
            try:
                parser.Parse(read)
            except expat.ExpatError as error:
                raise ValueError(f"{part.filename[:100]}: {error}") from None
            quiet_bytes = quiet_bytes + len(read) if begun == counted.begun else 0
            begun = counted.begun
            if quiet_bytes > TEXT_BYTES_MAX:
                raise _too_many(part, f"a text of more than {TEXT_BYTES_MAX} bytes")


class _Held:
    """Elements of a part as they come; `freed`: the name of those that are let go of when they end."""

    __slots__ = ("_depth", "_freed", "_outside", "_part", "_within", "begun")

    def __init__(self, part: zipfile.ZipInfo, freed: str) -> None:
        self._part = part
        self._freed = freed
        self._outside = self._within = self._depth = 0
        self.begun = 0

    def begin(self, name: str, _attributes: object) -> None:
        self.begun += 1
        if name == self._freed:
            self._within = self._within if self._depth else 0
            self._depth += 1
        elif self._depth:
            self._within += 1
            if self._within > HELD_ELEMENTS_MAX:
                raise _too_many(self._part, f"a row of more than {HELD_ELEMENTS_MAX} cells and their parts")
        else:
            self._outside += 1
            if self._outside > HELD_ELEMENTS_MAX:
                raise _too_many(self._part, f"more than {HELD_ELEMENTS_MAX} elements that are no cells")

    def end(self, name: str) -> None:
        if name == self._freed:
            self._depth -= 1


def _too_many(part: zipfile.ZipInfo, what: str) -> Exception:
    detail = f"{part.filename[:100]} holds {what}: save its rows alone, as .xlsx or as CSV"
    return unreadable("archive_too_large", detail)


def _refuse_doctype(part: zipfile.ZipInfo) -> None:
    raise unreadable("entities", f"{part.filename[:100]} has a document type, which no workbook needs")
