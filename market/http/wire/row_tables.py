"""Rows of a list or a statement as files: CSV, and a sheet whose figures are numbers."""

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Any, Final, Literal, NamedTuple

import msgspec
import xlsxwriter

from market.http.wire.row_files import CSV, XLSX

FileFormat = Literal["json", "csv", "xlsx"]
_FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r")
FIGURE: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


class Column(NamedTuple):
    """A column of the files; `number`: a figure that a spreadsheet adds up."""

    name: str
    text: Callable[[Any], Any]
    number: bool = False


def member(name: str, *, number: bool = False) -> Column:
    """A member of the rows, an instant or a day as JSON has it."""
    return Column(name, lambda row: msgspec.to_builtins(getattr(row, name)), number)


def written_csv(rows: Iterable[Iterable[Any]]) -> bytes:
    """RFC 4180, UTF-8; what is not known is empty.

    A text that a spreadsheet would take for a formula begins with an apostrophe: names are chosen by others.
    """
    written = StringIO(newline="")
    csv.writer(written).writerows([_harmless(cell) for cell in row] for row in rows)
    return written.getvalue().encode()


def _harmless(cell: Any) -> Any:
    if isinstance(cell, str) and cell.startswith(_FORMULA_SIGNS) and not FIGURE.fullmatch(cell):
        return f"'{cell}"
    return cell


def as_csv(columns: Sequence[Column], rows: Sequence[Any]) -> bytes:
    """As `written_csv`, below the columns' names."""
    head = [column.name for column in columns]
    return written_csv([head, *([column.text(row) for column in columns] for row in rows)])


def as_xlsx(name: str, columns: Sequence[Column], rows: Sequence[Any], *, frozen: int) -> bytes:
    """One sheet; figures have as many decimals as they have units. `frozen`: columns that stay in sight."""
    written = BytesIO()
    with xlsxwriter.Workbook(written, {"in_memory": True}) as book:
        sheet = book.add_worksheet(name)
        sheet.write_row(0, 0, [column.name for column in columns], book.add_format({"bold": True}))
        sheet.freeze_panes(1, frozen)
        for number, row in enumerate(rows, 1):
            for place, column in enumerate(columns):
                text = column.text(row)
                if text is None:
                    continue
                if column.number:
                    sheet.write_number(number, place, Decimal(text))
                else:
                    sheet.write_string(number, place, text)
        sheet.autofit()
    return written.getvalue()


def content(
    asked: FileFormat, name: str, sheet: str, columns: Sequence[Column], rows: Sequence[Any], *, frozen: int
) -> tuple[bytes, str, dict[str, str]]:
    """The file that is not JSON, its media type, and the field that names it; `sheet`: as a workbook has."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.{asked}"'}
    if asked == "csv":
        return as_csv(columns, rows), CSV, headers
    return as_xlsx(sheet, columns, rows, frozen=frozen), XLSX, headers
