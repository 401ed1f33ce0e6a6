"""A lineage as a page that loads nothing: the graph as a drawing, its shares and its lots as tables."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final
from uuid import UUID
from xml.etree.ElementTree import Element, SubElement

from events.counts import counted
from events.origin_terms import StagePath
from events.vocabulary import form_text
from market.http.wire.ids import to_text
from market.http.wire.numbers import PART_PERCENT, PERCENT, TONNES
from market.pages import add_drawing, add_table, as_html, figures, page_of, text
from market.rules.passports.lineage import Direction, Lineage, LineageNode, SourceShare
from market.rules.passports.lineage_layers import ROW_MAX, Box, Layers, layers

BOX_PX: Final = 128
GAP_PX: Final = 8
BOX_HEIGHT_PX: Final = 74
ROW_PX: Final = 124
LINE_PX: Final = 13
EDGE_PX: Final = 2
TEXT_PX: Final = 11
SIGNS_MAX: Final = 19
SOURCES_MAX: Final = 20
"""Sources of an element that the page names; the others stand as one share."""
STROKES: Final = {"live": "#1b5e20", "consumed": "#888888", "retired": "#b00020"}

Owner = Callable[[LineageNode], UUID | None]


def page(
    found: Lineage,
    shown: Sequence[LineageNode],
    sources: Sequence[SourceShare],
    direction: Direction,
    owner: Owner,
    names: Mapping[UUID, str],
    paths: Sequence[StagePath] = (),
) -> bytes:
    """`owner`: as the viewer is told it; `names` of them. ValueError when a lot comes of itself."""
    drawn = layers(found, shown, direction)
    root, body = page_of(f"Lineage of lot {shown[0].lot_number}")
    text(body, "p", _note(found, shown, drawn, direction))
    add_drawing(body, _drawing(drawn, owner, names))
    if sources:
        text(body, "h2", "Where each element comes from")
        lots = {node.passport: node for node in shown}
        rows = list(_source_rows(sources, lots))
        shares = figures([share for _, share, *_ in rows])
        add_table(
            body,
            ("element", "share, %", "lot", "form", "passport"),
            [(element, share, *rest) for share, (element, _, *rest) in zip(shares, rows, strict=True)],
            caption="Shares of each element by the lot that it comes of, rounded to three decimals.",
        )
    if paths:
        text(body, "h2", "Where it was extracted, processed and recycled, step by step")
        told = [_path_row(path) for path in paths]
        shares = figures([share for _, share, _ in told])
        add_table(
            body,
            ("stage", "share, %", "steps, the earliest first"),
            [(stage, share, steps) for share, (stage, _, steps) in zip(shares, told, strict=True)],
            caption="Shares of the rare earths in the lot by the steps that they took.",
        )
    text(body, "h2", "Lots that stand alone in the drawing")
    add_table(
        body,
        ("row", "form", "lot", "mass, t", "state", "owner", "its id", "passport"),
        _lot_rows(drawn, owner, names),
        caption="Net wet mass as issued; the row is how many transformations away a lot is.",
    )
    return as_html(root)


def _note(found: Lineage, shown: Sequence[LineageNode], drawn: Layers, direction: Direction) -> str:
    way = "was made of" if direction == "up" else "became part of"
    told = [
        f"{counted(len(shown), 'lot')}. The lot stands on top; each box below another holds what that {way}.",
        f"In a row of more than {ROW_MAX} lots the {ROW_MAX - 1} heaviest stand alone, others share a box.",
    ]
    withheld = len(found.nodes) - len(shown)
    if withheld:
        told.append(f"{counted(withheld, 'lot of others is', 'lots of others are')} not shown.")
    if drawn.lines_left:
        told.append(f"{counted(drawn.lines_left, 'line')} of the fewest lots are left out.")
    if found.cut:
        told.append("More lots lie beyond those that were followed.")
    return " ".join(told)


def _drawing(drawn: Layers, owner: Owner, names: Mapping[UUID, str]) -> Element:
    places = [(column, row) for row, boxes in enumerate(drawn.rows) for column in range(len(boxes))]
    width, height = ROW_MAX * (BOX_PX + GAP_PX), len(drawn.rows) * ROW_PX
    drawing = Element(
        "svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 {-EDGE_PX} {width} {height}", role="img"
    )
    text(drawing, "title", "Lots as boxes in rows, one row a transformation further away; lines join them")
    for line in drawn.lines:
        (left, above), (right, below) = places[line.upper], places[line.lower]
        SubElement(
            drawing,
            "line",
            {
                "x1": str(_left(left) + BOX_PX // 2),
                "y1": str(above * ROW_PX + BOX_HEIGHT_PX),
                "x2": str(_left(right) + BOX_PX // 2),
                "y2": str(below * ROW_PX),
                "stroke": "#999",
                "stroke-width": str(min(1 + line.steps // 10, 6)),
            },
        )
    for row, boxes in enumerate(drawn.rows):
        for column, box in enumerate(boxes):
            _draw(drawing, box, _left(column), row * ROW_PX, owner, names)
    return drawing


def _left(column: int) -> int:
    return column * (BOX_PX + GAP_PX) + GAP_PX // 2


def _draw(drawing: Element, box: Box, left: int, top: int, owner: Owner, names: Mapping[UUID, str]) -> None:
    group = SubElement(drawing, "g")
    alone = box.lots[0] if len(box.lots) == 1 else None
    state = "consumed" if alone is None else alone.status
    place = {"x": str(left), "y": str(top), "width": str(BOX_PX), "height": str(BOX_HEIGHT_PX)}
    dashed = {"stroke-dasharray": "4 3"} if state == "retired" else {}
    SubElement(
        group,
        "rect",
        {**place, "fill": "#fff", "stroke": STROKES[state], "stroke-width": str(EDGE_PX), **dashed},
    )
    lines = _told(alone, owner(alone), names) if alone is not None else _told_together(box.lots)
    for number, line in enumerate(lines, 1):
        at = {"x": str(left + 6), "y": str(top + number * LINE_PX), "font-size": str(TEXT_PX)}
        text(group, "text", line, **at)


def _told(lot: LineageNode, owner: UUID | None, names: Mapping[UUID, str]) -> Iterator[str]:
    yield form_text(lot.form)
    yield _short(lot.lot_number)
    yield f"{TONNES.text(lot.net_wet_g)} t"
    yield _state(lot)
    if owner is not None:
        yield _short(names[owner])


def _told_together(lots: Sequence[LineageNode]) -> Iterator[str]:
    yield f"{len(lots):,} more lots"
    yield f"{TONNES.text(sum(lot.net_wet_g for lot in lots))} t"
    marked = [
        f"{found:,} {name}"
        for name, found in (
            ("retired", sum(lot.status == "retired" for lot in lots)),
            ("corrected", sum(bool(lot.corrections) for lot in lots)),
        )
        if found
    ]
    yield from marked


def _state(lot: LineageNode) -> str:
    return f"{lot.status}, corrected" if lot.corrections else lot.status


def _short(words: str) -> str:
    return words if len(words) <= SIGNS_MAX else f"{words[: SIGNS_MAX - 1]}…"


def _source_rows(
    sources: Sequence[SourceShare], lots: dict[UUID, LineageNode]
) -> Iterator[tuple[str | None, ...]]:
    by_element: defaultdict[str, list[SourceShare]] = defaultdict(list)
    for share in sources:
        by_element[share.element].append(share)
    for element, shares in by_element.items():
        shares.sort(key=lambda share: -share.share_ppb)
        for share in shares[:SOURCES_MAX]:
            yield (element, PERCENT.text(share.share_ppb), *_source(share, lots))
        rest = shares[SOURCES_MAX:]
        if rest:
            share_ppb = sum(share.share_ppb for share in rest)
            yield (element, PERCENT.text(share_ppb), f"{len(rest):,} further lots", None, None)


def _path_row(part: StagePath) -> tuple[str, str, str]:
    steps = [f"{form_text(step.form)} in {step.country}" for step in part.steps]
    steps += ["steps that nobody states"] if part.untold else []
    return part.stage, PART_PERCENT.text(part.share_ppm), ", ".join(steps) or "none"


def _source(share: SourceShare, lots: dict[UUID, LineageNode]) -> tuple[str, str | None, str | None]:
    if share.passport is None:
        return "lots of others", None, None
    lot = lots[share.passport]
    further = ", further back not followed" if share.further else ""
    return f"{lot.lot_number}{further}", form_text(lot.form), to_text("pass", lot.passport)


def _lot_rows(drawn: Layers, owner: Owner, names: Mapping[UUID, str]) -> Iterator[tuple[str | None, ...]]:
    for row, boxes in enumerate(drawn.rows):
        for box in boxes:
            if len(box.lots) > 1:
                continue
            [lot] = box.lots
            of = owner(lot)
            yield (
                str(row),
                form_text(lot.form),
                lot.lot_number,
                TONNES.text(lot.net_wet_g),
                _state(lot),
                None if of is None else names[of],
                None if of is None else to_text("org", of),
                to_text("pass", lot.passport),
            )
