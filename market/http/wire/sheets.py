"""A table and a drawing of the same figures: CSV, a workbook, a plot that stands alone, and a page with both.

Pages and plots are built as trees of elements, so that no text can become markup, and load nothing.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import Any, Final, Literal, TypeAlias
from xml.etree.ElementTree import Element, SubElement, tostring

from msgspec import Struct, structs

from market.http.wire.accepting import accepted
from market.http.wire.endpoint import JSON, Answer, Call
from market.http.wire.loading import BookLoads
from market.http.wire.row_files import XLSX
from market.http.wire.row_tables import FIGURE, Column, as_xlsx, written_csv
from market.pages import (
    COLUMNS_UPRIGHT,
    POLICY,
    add_drawing,
    add_facts,
    add_table,
    as_html,
    figures,
    heading,
    page_of,
    text,
    words,
)

Row: TypeAlias = tuple[str | None, ...]
Shape = Literal["json", "csv", "svg", "html", "xlsx"]
MEDIA_TYPES: Final[dict[Shape, str]] = {
    "json": JSON,
    "csv": "text/csv",
    "svg": "image/svg+xml",
    "html": "text/html",
    "xlsx": XLSX,
}
SHAPES: Final = tuple(media_type for shape, media_type in MEDIA_TYPES.items() if shape != "json")
FIGURES_OF: Final = re.compile(r".*_(kg|g|t|percent|days)")
"""Names of columns whose figures a spreadsheet adds up."""
WORDED: Final = frozenset(
    {
        "benchmark",
        "ceiling",
        "corrected",
        "counted",
        "custody",
        "did_not_answer",
        "duty",
        "measure",
        "period_over",
        "product",
        "rex_route",
        "rules_ahead",
        "source",
        "stage",
        "strategic_project",
    }
)
"""Names of columns whose cells are words of closed lists, not what somebody wrote."""
NOTHING: Final = "There is nothing to show: no row fits what was asked."
ROUNDED: Final = "Rounded to three decimals; the files have them all."

Kind = Literal[
    "inside",
    "outside",
    "open",
    "inside_declared",
    "outside_declared",
    "open_declared",
    "low",
    "middle",
    "high",
]
FILLS: Final[dict[Kind, str]] = {
    "inside": "#1b5e20",
    "outside": "#c9a227",
    "open": "#bbbbbb",
    "inside_declared": "#81c784",
    "outside_declared": "#eedd9a",
    "open_declared": "#e4e4e4",
    "low": "#1b5e20",
    "middle": "#7cb342",
    "high": "#c5e1a5",
}
SHEET: Final = "figures"
BAND_FILL: Final = "#0d47a1"
BAND_PX: Final = 6
BAND_PX_LEAST: Final = 2
ROW_PX: Final = 18
LABEL_PX: Final = 220
BARS_PX: Final = 600
TEXT_PX: Final = 12
LEGEND_COLUMNS: Final = 2
LEGEND_PX: Final = 200


class Bar(Struct, frozen=True, kw_only=True):
    """Parts lie one after another; `mark`: a limit to read the bar against, `band`: an interval on it. All of
    one unit."""

    label: str
    parts: tuple[tuple[Kind, int], ...]
    mark: int | None = None
    band: tuple[int, int] | None = None


class Sheet(Struct, frozen=True, kw_only=True):
    """Figures as rows of text and as bars; `whole` is the length of the longest bar. `legend`: what each kind
    of part is, where `key` does not say it. `scope`: what all rows are of, which a file says in each of them,
    since it is kept apart from the request. `names`: of ids among these, for a page."""

    name: str
    title: str
    note: str
    head: tuple[str, ...]
    rows: tuple[Row, ...]
    key: str
    bars: tuple[Bar, ...]
    whole: int
    legend: tuple[tuple[Kind, str], ...] = ()
    scope: tuple[tuple[str, str | None], ...] = ()
    names: dict[str, str] = {}


READ_AT: Final = frozenset({"as_of", "as_of_positions"})
"""What says of a reading when it was made: of two that differ in nothing else the first may be kept."""


async def answer(call: Call[Any, Any], view: Struct, sheet: Sheet, asked: Shape | None) -> Answer:
    """In the shape that `format` names, else the one that the Accept header wants most, else JSON. A
    workbook is written in a thread, in its turn: of thousands of rows it takes a second."""
    shape = asked or accepted(call.header(b"accept"), MEDIA_TYPES)
    headers = {"Vary": "Accept"}
    if shape == "json":
        if READ_AT.isdisjoint(view.__struct_fields__):
            return Answer(body=view, hashed=True, headers=headers)
        alike = {name: value for name, value in structs.asdict(view).items() if name not in READ_AT}
        return Answer(body=view, alike=alike, headers=headers)
    if shape in ("csv", "xlsx"):
        headers["Content-Disposition"] = f'attachment; filename="{sheet.name}.{shape}"'
        loads: BookLoads = call.state.loads
        if shape == "csv":
            written = as_csv(sheet)
        else:
            written = await loads.work_of(call.caller.organisation, partial(as_workbook, sheet))
        return Answer(body=written, media_type=MEDIA_TYPES[shape], headers=headers)
    headers["Content-Security-Policy"] = POLICY
    content = as_svg(sheet) if shape == "svg" else as_page(sheet, call.door.clock())
    return Answer(body=content, media_type=MEDIA_TYPES[shape], headers=headers)


def as_csv(sheet: Sheet) -> bytes:
    """As `written_csv`; what nobody states is empty."""
    head, rows = _whole(sheet)
    return written_csv([head, *rows])


def as_workbook(sheet: Sheet) -> bytes:
    """The rows of `as_csv`, whose figures are numbers: a spreadsheet with a decimal comma reads them too."""
    head, rows = _whole(sheet)
    columns = [
        Column(
            name,
            itemgetter(place),
            number=FIGURES_OF.fullmatch(name) is not None
            and all(FIGURE.fullmatch(row[place] or "0") for row in rows),
        )
        for place, name in enumerate(head)
    ]
    return as_xlsx(SHEET, columns, rows, frozen=1)


def _whole(sheet: Sheet) -> tuple[tuple[str, ...], list[Row]]:
    names, values = [name for name, _ in sheet.scope], [value for _, value in sheet.scope]
    return (*sheet.head, *names), [(*row, *values) for row in sheet.rows]


def as_svg(sheet: Sheet) -> bytes:
    return tostring(_drawing(sheet), encoding="unicode", method="xml").encode()


def as_page(sheet: Sheet, read_at: datetime) -> bytes:
    """Figures to the gram or a thousandth of a per cent; columns of which no row states anything are named
    below the table."""
    kept = [place for place in range(len(sheet.head)) if any(row[place] for row in sheet.rows)]
    root, body = page_of(sheet.title, across=len(kept) > COLUMNS_UPRIGHT)
    text(body, "p", sheet.note)
    add_facts(body, _facts(sheet))
    if not sheet.rows:
        text(body, "p", NOTHING)
        text(body, "p", f"Read at {_moment(read_at)}.")
        return as_html(root)
    if sheet.bars:
        add_drawing(body, _drawing(sheet))
    columns = [_column(sheet.head[place], [row[place] for row in sheet.rows]) for place in kept]
    add_table(
        body,
        [heading(sheet.head[place]) for place in kept],
        zip(*columns, strict=True),
        caption=f"{sheet.title}. Read at {_moment(read_at)}. {ROUNDED}",
    )
    left = [heading(name) for place, name in enumerate(sheet.head) if place not in kept]
    if left:
        text(body, "p", f"No row states: {'; '.join(left)}.")
    return as_html(root)


def _facts(sheet: Sheet) -> Iterator[tuple[str, str]]:
    """An id stands behind the name of what it is of."""
    for name, value in sheet.scope:
        if value and name not in READ_AT - {"as_of_positions"}:
            told = words(value) if name in WORDED else value
            named = sheet.names.get(value)
            yield heading(name), told if named is None else f"{named} ({value})"


def _column(name: str, cells: Sequence[str | None]) -> Sequence[str | None]:
    if FIGURES_OF.fullmatch(name) and all(FIGURE.fullmatch(cell) for cell in cells if cell):
        return figures(cells)
    if name in WORDED:
        return [None if cell is None else words(cell) for cell in cells]
    return cells


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _drawing(sheet: Sheet) -> Element:
    lines = -(-len(sheet.legend) // LEGEND_COLUMNS)
    width, height = LABEL_PX + BARS_PX, (len(sheet.bars) + 1 + lines) * ROW_PX
    drawing = Element("svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {width} {height}", role="img")
    text(drawing, "title", sheet.title)
    for number, bar in enumerate(sheet.bars):
        _draw(drawing, bar, number * ROW_PX, max(1, sheet.whole))
    for number, (kind, meaning) in enumerate(sheet.legend):
        line, column = divmod(number, LEGEND_COLUMNS)
        left, top = LABEL_PX + column * LEGEND_PX, (len(sheet.bars) + line) * ROW_PX
        _box(drawing, left, top, TEXT_PX, FILLS[kind])
        _label(drawing, meaning, left + ROW_PX, top)
    _label(drawing, sheet.key, LABEL_PX, height - ROW_PX)
    return drawing


def _draw(drawing: Element, bar: Bar, top: int, whole: int) -> None:
    _label(drawing, bar.label, 0, top)
    start = 0
    for kind, length in bar.parts:
        left, right = start * BARS_PX // whole, (start + length) * BARS_PX // whole
        _box(drawing, LABEL_PX + left, top, right - left, FILLS[kind])
        start += length
    if bar.band is not None:
        left, right = (edge * BARS_PX // whole for edge in bar.band)
        _box(drawing, LABEL_PX + left, top, max(BAND_PX_LEAST, right - left), BAND_FILL, BAND_PX)
    if bar.mark is not None:
        _box(drawing, LABEL_PX + min(bar.mark * BARS_PX // whole, BARS_PX - 2), top, 2, "#b00020")


def _box(drawing: Element, left: int, top: int, width: int, fill: str, height: int = ROW_PX - 4) -> None:
    """Across the middle of its row."""
    y = top + (ROW_PX - height) // 2
    place = {"x": str(left), "y": str(y), "width": str(width), "height": str(height)}
    SubElement(drawing, "rect", place, fill=fill)


def _label(drawing: Element, content: str, left: int, top: int) -> None:
    place = {"x": str(left), "y": str(top + TEXT_PX), "font-size": str(TEXT_PX)}
    text(drawing, "text", content, **place)
