"""Files to begin with: every column that a kind has, and one example row, as CSV, XLSX or a line of JSON.

Read back, the example row is the example body.
"""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO, StringIO
from typing import Any, Final, get_args, get_origin

import msgspec
import xlsxwriter

from market.http.files.import_kinds import Kind
from market.http.wire.columns import choices, is_struct, members
from market.store.imports import FileFormat

_TEXT: Final = "@"
"""The number format under which a spreadsheet leaves what is typed as it is."""
_WIDTH: Final = 18
_MADE_ON: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""One file, whenever it is asked for."""


def template(kind: Kind, form: FileFormat) -> bytes:
    if form == "ndjson":
        return msgspec.json.encode(kind.example) + b"\n"
    columns = list(_columns(kind.shape, kind.example, ""))
    head, example = [name for name, _ in columns], [text for _, text in columns]
    return _as_csv(head, example) if form == "csv" else _as_workbook(kind.name, head, example)


def _columns(annotation: Any, example: Any, name: str) -> Iterator[tuple[str, str]]:
    """Each once, in the order of the members; of an array as many items as the example has, at least one."""
    found: dict[str, str] = {}
    structs = [choice for choice in choices(annotation) if is_struct(choice)]
    arrays = [choice for choice in choices(annotation) if get_origin(choice) is tuple]
    for choice in structs:
        tag = choice.__struct_config__.tag_field
        if tag is not None:
            found.setdefault(_dotted(name, tag), _text(_member(example, tag)))
        for member, inner in members(choice).items():
            for column, text in _columns(inner, _member(example, member), _dotted(name, member)):
                found[column] = found.get(column) or text
    for choice in arrays:
        items = example or [None]
        for place, item in enumerate(items):
            found |= dict(_columns(get_args(choice)[0], item, _dotted(name, str(place))))
    if not structs and not arrays:
        found[name] = _text(example)
    yield from found.items()


def _member(example: Any, name: str) -> Any:
    return example.get(name) if isinstance(example, dict) else None


def _dotted(name: str, member: str) -> str:
    return f"{name}.{member}" if name else member


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def _as_csv(head: list[str], example: list[str]) -> bytes:
    written = StringIO(newline="")
    csv.writer(written).writerows((head, example))
    return written.getvalue().encode()


def _as_workbook(title: str, head: list[str], example: list[str]) -> bytes:
    written = BytesIO()
    book = xlsxwriter.Workbook(written, {"in_memory": True})
    book.set_properties({"created": _MADE_ON})
    text, bold = book.add_format({"num_format": _TEXT}), book.add_format({"bold": True, "num_format": _TEXT})
    sheet = book.add_worksheet(title)
    sheet.set_column(0, len(head) - 1, _WIDTH, text)
    sheet.freeze_panes(1, 0)
    for place, (name, value) in enumerate(zip(head, example, strict=True)):
        sheet.write_string(0, place, name, bold)
        if value:
            sheet.write_string(1, place, value, text)
    book.close()
    return written.getvalue()
