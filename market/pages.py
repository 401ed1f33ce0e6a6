"""What all web pages share: one style, tables of words and figures, lists of facts. Pure.

A page is built as a tree of elements, so that no text can become markup, and loads nothing.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from hashlib import sha256
from typing import Final, Literal
from xml.etree.ElementTree import Element, SubElement, tostring

COLUMNS_UPRIGHT: Final = 8
"""A table with more columns is printed in landscape."""
WORD_SIGNS_MAX: Final = 24
PLACES: Final = 3
"""Decimals of a figure on a page: grams of a kilogram."""
FIGURE: Final = re.compile(r"<? ?[+-]?[0-9][0-9,]*(\.[0-9]+)?( (%|ppm|g|kg|t|days))?")
CODE: Final = re.compile(r"([a-z]+_)?[0-9a-f]{32,64}")
SCROLLED: Final = {"class": "scroll", "tabindex": "0"}
UNITS: Final = {"percent": "%", "kg": "kg", "g": "g", "t": "t", "days": "days"}
Kind = Literal["figure", "code", "words"]
WORDS: Final = {
    "as_of_positions": "up to positions",
    "groups_min": "groups behind a figure, at least",
    "pre_consumer": "pre-consumer",
    "post_consumer": "post-consumer",
    "rex_route": "Re-X route",
    "rules_as_of": "by the rules of",
    "since": "from",
    "true": "yes",
    "false": "no",
    "until": "to before",
}
"""Readable texts for names and codes that are not understandable by themselves."""

STYLE: Final = """
body { font: 11pt/1.45 Georgia, serif; color: #111; background: #fff }
body { max-width: 68rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .6rem }
h2 { font-size: 1.2rem; margin: 1.6rem 0 .4rem }
h3 { font-size: 1rem; margin: 1.2rem 0 .4rem }
h1, p, li, dd { overflow-wrap: break-word }
li { margin-bottom: .4rem }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .1rem 1rem }
dt { font-weight: bold }
dd { margin: 0 }
figure { margin: .6rem 0 }
table { border-collapse: collapse; font-size: .85rem; min-width: 100% }
figcaption { font-style: italic; font-size: .9rem }
th, td { text-align: left; vertical-align: top; padding: .15rem .8rem .15rem 0 }
th, td { border-bottom: 1px solid #ccc }
thead th { vertical-align: bottom; border-bottom-color: #111 }
.word, td.figure { white-space: nowrap }
.figure { text-align: right; font-variant-numeric: tabular-nums lining-nums }
.code { font-family: monospace; font-size: .95em; overflow-wrap: anywhere }
td.code { min-width: 11rem }
.scroll { overflow-x: auto; margin: .6rem 0 }
.scroll:focus { outline: 2px solid #0d47a1 }
svg { display: block; width: 100%; height: auto; min-width: 44rem }
.verdict { border: 2px solid #1b5e20; padding: .6rem .9rem; font-size: 1.15rem }
.diverged { border-color: #b00020 }
.facts th { width: 13rem; font-weight: normal; color: #444 }
.facts td { overflow-wrap: anywhere }
.signature td { height: 3.2rem; border-bottom: 1px solid #111; width: 33% }
.signature th { font-weight: normal; border: 0 }
@media (max-width: 40rem) {
  .facts th { width: auto }
  dl { display: block }
  dd { margin-bottom: .4rem }
}
@page { size: A4; margin: 14mm }
@page across { size: A4 landscape; margin: 12mm }
@media print {
  body { margin: 0; padding: 0; max-width: none; font-size: 9.5pt }
  .across { page: across }
  .across table { font-size: 6.5pt }
  .across th, .across td { padding-right: .3rem }
  .scroll { overflow: visible }
  svg { min-width: 0 }
  td.code { min-width: 0 }
  h2, h3, figcaption { break-after: avoid }
  tr, .verdict, .signature, svg { break-inside: avoid }
  thead { display: table-header-group }
}
"""
POLICY: Final = (
    "default-src 'none'; style-src 'sha256-" + b64encode(sha256(STYLE.encode()).digest()).decode() + "'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What a page may load: its own style and nothing else."""


def page_of(title: str, *, across: bool = False) -> tuple[Element, Element]:
    """A page in the common style, and the element for its content; `across`: printed in landscape."""
    root = Element("html", lang="en")
    head = SubElement(root, "head")
    SubElement(head, "meta", charset="utf-8")
    SubElement(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    text(head, "title", title)
    SubElement(head, "style").text = STYLE
    body = SubElement(SubElement(root, "body"), "main", {"class": "across"} if across else {})
    text(body, "h1", title)
    return root, body


def add_table(
    body: Element, head: Sequence[str], rows: Iterable[Sequence[str | None]], caption: str | None = None
) -> None:
    """Adds a table in its own box, which scrolls sideways if there is no room. Columns of figures are
    right-aligned; only ids and hashes may be broken."""
    lines = [[cell or "" for cell in row] for row in rows]
    kinds = [_kind([line[place] for line in lines]) for place in range(len(head))]
    told: dict[str, str] = {}
    if caption is not None:
        told = {"aria-labelledby": f"table-{len(body.findall('.//table')) + 1}"}
        body = SubElement(body, "figure")
        text(body, "figcaption", caption, id=told["aria-labelledby"])
    box = SubElement(body, "div", SCROLLED | told | ({"role": "region"} if told else {}))
    table = SubElement(box, "table", told)
    names = SubElement(SubElement(table, "thead"), "tr")
    for name, kind in zip(head, kinds, strict=True):
        text(names, "th", name, scope="col", **_classed("words" if kind == "code" else kind))
    listed = SubElement(table, "tbody")
    for line in lines:
        row = SubElement(listed, "tr")
        for cell, kind in zip(line, kinds, strict=True):
            text(row, "td", cell, **_classed(kind, cell))


def _kind(cells: Sequence[str]) -> Kind:
    stated = [cell for cell in cells if cell]
    if stated and all(FIGURE.fullmatch(cell) for cell in stated):
        return "figure"
    if stated and all(CODE.fullmatch(cell) for cell in stated):
        return "code"
    return "words"


def _classed(kind: Kind, cell: str = "") -> dict[str, str]:
    """The cell's classes; short texts such as a quarter or a lot number are not broken, not even at
    hyphens."""
    if kind == "words":
        return {"class": "word"} if 0 < len(cell) <= WORD_SIGNS_MAX else {}
    return {"class": kind}


def add_facts(body: Element, facts: Iterable[tuple[str, str]]) -> None:
    listed = SubElement(body, "dl")
    for name, value in facts:
        text(listed, "dt", name)
        text(listed, "dd", value, dir="auto")


def add_drawing(body: Element, drawing: Element) -> None:
    SubElement(body, "div", SCROLLED).append(drawing)


def text(parent: Element, tag: str, content: str, **attributes: str) -> None:
    SubElement(parent, tag, attributes).text = shown(content)


def shown(content: str) -> str:
    """The content with invisible and direction-changing characters as codes; line breaks stay."""
    return "".join(sign if sign.isprintable() or sign == "\n" else f"\\u{ord(sign):04x}" for sign in content)


def as_html(root: Element) -> bytes:
    return f"<!doctype html>\n{tostring(root, encoding='unicode', method='html')}\n".encode()


def heading(name: str) -> str:
    """A member's name as a column heading: words, then the unit."""
    rest, _, unit = name.rpartition("_")
    if unit in UNITS:
        return f"{words(rest)}, {UNITS[unit]}" if rest else UNITS[unit]
    return words(name)


def words(name: str) -> str:
    """A name or a value of a closed list in readable words."""
    return WORDS.get(name, " ".join("Union" if word == "union" else word for word in name.split("_")))


def figures(column: Sequence[str | None]) -> list[str | None]:
    """A column of figures: as many decimals as the most exact one needs, at most `PLACES`, rounded half to
    even; with thousands separators; `< 0.001` for what rounds to zero."""
    places = min(PLACES, max((len(cell.partition(".")[2]) for cell in column if cell), default=0))
    return [_figure(Decimal(cell), places) if cell else None for cell in column]


def _figure(value: Decimal, places: int) -> str:
    step = Decimal(1).scaleb(-places)
    rounded = value.quantize(step, ROUND_HALF_EVEN)
    return f"< {step}" if value > 0 and not rounded else f"{rounded:,}"
