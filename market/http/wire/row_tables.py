"""Rows of a list or a statement as files: CSV, and a sheet whose figures are numbers."""

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from io import BytesIO, StringIO
from operator import attrgetter
from typing import Any, Final, Literal, NamedTuple

import xlsxwriter
from msgspec import to_builtins

from market.http.wire.row_files import CSV, XLSX

FileFormat = Literal["json", "csv", "xlsx"]
_FORMULA: Final = re.compile(r"(?:^|;)(?=[\s\"']*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n])")
"""Where a spreadsheet may begin one: at a cell, and where semicolons separate, as they do with a decimal
comma, behind each of them. The last four are the same signs in full width."""
DAY: Final = "yyyy-mm-dd"
INSTANT: Final = "yyyy-mm-dd hh:mm:ss"
FIGURE: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


class Column(NamedTuple):
    """A column of the files; `number`: a figure that a spreadsheet adds up, as text or a whole number."""

    name: str
    value: Callable[[Any], Any]
    number: bool = False


def member(name: str, *, number: bool = False) -> Column:
    """A member of the rows; an instant or a day is a date in a workbook, and as JSON has it in CSV."""
    return Column(name, attrgetter(name), number)


def written_csv(rows: Iterable[Iterable[Any]]) -> bytes:
    """RFC 4180, UTF-8; what is not known is empty.

    Text that a spreadsheet would read as a formula gets an apostrophe in front, since names are chosen by
    others.
    """
    written = StringIO(newline="")
    csv.writer(written).writerows([_harmless(cell) for cell in row] for row in rows)
    return written.getvalue().encode()


def _harmless(cell: Any) -> Any:
    if isinstance(cell, str) and not FIGURE.fullmatch(cell):
        return _FORMULA.sub(r"\g<0>'", cell)
    return cell


def as_csv(columns: Sequence[Column], rows: Sequence[Any]) -> bytes:
    """As `written_csv`, below the columns' names."""
    head = [column.name for column in columns]
    return written_csv([head, *([to_builtins(column.value(row)) for column in columns] for row in rows)])


def as_xlsx(name: str, columns: Sequence[Column], rows: Sequence[Any], *, frozen: int) -> bytes:
    """One sheet; figures show the decimals they are written with, instants are UTC. `frozen`: columns that
    stay in sight."""
    written = BytesIO()
    with xlsxwriter.Workbook(written, {"in_memory": True}) as book:
        sheet = book.add_worksheet(name)
        sheet.write_row(0, 0, [column.name for column in columns], book.add_format({"bold": True}))
        sheet.freeze_panes(1, frozen)
        shown = cache(lambda pattern: book.add_format({"num_format": pattern}))
        for number, row in enumerate(rows, 1):
            for place, column in enumerate(columns):
                match column.value(row):
                    case None:
                        continue
                    case figure if column.number:
                        sheet.write_number(number, place, Decimal(figure), shown(_pattern(str(figure))))
                    case datetime() as instant:
                        utc = instant.astimezone(UTC).replace(tzinfo=None)
                        sheet.write_datetime(number, place, utc, shown(INSTANT))
                    case date() as day:
                        sheet.write_datetime(number, place, day, shown(DAY))
                    case other:
                        sheet.write_string(number, place, str(to_builtins(other)))
        sheet.autofit()
    return written.getvalue()


def _pattern(figure: str) -> str:
    decimals = len(figure.partition(".")[2])
    return f"0.{'0' * decimals}" if decimals else "0"


def content(
    asked: FileFormat, name: str, sheet: str, columns: Sequence[Column], rows: Sequence[Any], *, frozen: int
) -> tuple[bytes, str, dict[str, str]]:
    """The file that is not JSON, its media type, and the field that names it; `sheet`: as a workbook has."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.{asked}"'}
    if asked == "csv":
        return as_csv(columns, rows), CSV, headers
    return as_xlsx(sheet, columns, rows, frozen=frozen), XLSX, headers
