"""Pages for people: words instead of members' names, figures that stand below each other, nothing broken."""

import re
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import Element, fromstring, tostring

import pytest

from market.http.wire.sheets import Bar, Sheet, as_csv, as_page
from market.pages import POLICY, STYLE, add_table, figures, heading, page_of, shown, words

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ORGANISATION = "org_01a209d7780175dd849f849e70c8a63e"


def sheet(**changes: Any) -> Sheet:
    whole: dict[str, Any] = {
        "name": "s",
        "title": "Consumption",
        "note": "By stage.",
        "head": ("element", "benchmark", "traded_kg", "union_traded_percent", "resold_kg", "lot_number"),
        "rows": (
            ("Nd", "not_met", "1234567.8912345", "100", None, "LOT_A-2026_1"),
            ("Pr", "no_rule", "0.0000001", "16.2", None, "00412"),
        ),
        "key": "red: benchmark",
        "bars": (Bar(label="Nd", parts=(("inside", 5),)),),
        "whole": 10,
        "scope": (
            ("organisation", ORGANISATION),
            ("market", None),
            ("period_over", "false"),
            ("as_of", "2026-03-02T09:00:00Z"),
        ),
        "names": {ORGANISATION: "Magnetwerk Ost"},
    }
    return Sheet(**(whole | changes))


def parsed(page: bytes) -> Element:
    """Of what is well-formed but for its doctype and its empty elements."""
    text = page.decode().removeprefix("<!doctype html>")
    return fromstring(re.sub(r"<(meta[^>]*)>", r"<\1/>", text))


def cells(root: Element, tag: str) -> list[tuple[str, str]]:
    return [(each.text or "", each.get("class", "")) for each in root.iter(tag)]


def test_a_table_has_words_units_and_figures_below_each_other() -> None:
    root = parsed(as_page(sheet(), NOW))
    assert [
        ("element", ""),
        ("benchmark", ""),
        ("traded, kg", "figure"),
        ("Union traded, %", "figure"),
        ("lot number", ""),
    ] == cells(root, "th")
    assert [
        ("Nd", "word"), ("not met", "word"), ("1,234,567.891", "figure"), ("100.0", "figure"),
        ("LOT_A-2026_1", "word"), ("Pr", "word"), ("no rule", "word"), ("< 0.001", "figure"),
        ("16.2", "figure"), ("00412", "word"),
    ] == cells(root, "td")  # fmt: skip


def test_a_page_says_of_whom_when_and_what_it_leaves_out() -> None:
    root = parsed(as_page(sheet(), NOW))
    facts = list(zip(cells(root, "dt"), cells(root, "dd"), strict=True))
    assert [
        (("organisation", ""), (f"Magnetwerk Ost ({ORGANISATION})", "")),
        (("period over", ""), ("no", "")),
    ] == facts
    [(caption, _)] = cells(root, "figcaption")
    assert "Consumption. Read at 2026-03-02 09:00:00 UTC. Rounded to three decimals; the files" in caption
    assert ("No row states: resold, kg.", "") in cells(root, "p")
    assert b"traded_kg" in as_csv(sheet())
    assert b"1234567.8912345" in as_csv(sheet())


def test_a_table_of_no_rows_is_a_sentence() -> None:
    root = parsed(as_page(sheet(rows=(), bars=()), NOW))
    assert ([], []) == (list(root.iter("table")), list(root.iter("{http://www.w3.org/2000/svg}svg")))
    assert "There is nothing to show: no row fits what was asked." in [told for told, _ in cells(root, "p")]


def test_every_page_has_its_language_its_title_and_boxes_of_their_own_for_tables() -> None:
    root = parsed(as_page(sheet(), NOW))
    assert ("en", "Consumption") == (root.get("lang"), root.findtext("head/title"))
    assert ["Consumption"] == [told for told, _ in cells(root, "h1")]
    [box] = root.findall(".//figure/div")
    assert ("scroll", "0", "region", "table-1") == tuple(
        box.get(name) for name in ("class", "tabindex", "role", "aria-labelledby")
    )
    assert ["table-1"] == [each.get("id") for each in root.iter("figcaption")]
    assert ["col"] * 5 == [each.get("scope") for each in root.iter("th")]


@pytest.mark.parametrize(("columns", "across"), [(8, None), (9, "across")])
def test_a_wide_table_is_printed_across_the_page(columns: int, across: str | None) -> None:
    head = tuple(f"m{number}_kg" for number in range(columns))
    root = parsed(as_page(sheet(head=head, rows=(("1",) * columns,)), NOW))
    (main,) = root.findall("body/main")
    assert across == main.get("class")


def test_only_ids_and_hashes_may_be_broken() -> None:
    root, body = page_of("t")
    add_table(body, ("passport", "name"), [("pass_" + "0a" * 16, "Gießerei"), ("pass_" + "0b" * 16, None)])
    assert ["code", "word", "code", ""] == [kind for _, kind in cells(root, "td")]
    broken = re.findall(r"^([^{]+) \{[^}]*(?:anywhere|break-all)", STYLE, re.MULTILINE)
    assert [".code", ".facts td"] == broken


def test_words_on_a_page_stand_out_from_its_ground() -> None:
    """WCAG 2.1, 1.4.3: at least 4.5 to 1."""
    shades = re.findall(r"[ ;{]color: #([0-9a-f]{3})\b", STYLE)
    assert shades
    assert [] == [shade for shade in shades if 1.05 / (_luminance(shade) + 0.05) < 4.5]


def _luminance(shade: str) -> float:
    parts = [int(sign * 2, 16) / 255 for sign in shade]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_page_loads_nothing_and_no_text_becomes_markup() -> None:
    wicked = '</style><script src="x">\u202e'
    of = sheet(title=wicked, note=wicked, rows=((wicked, wicked, "1", "1", wicked, wicked),))
    page = as_page(of, NOW).decode()
    assert [] == re.findall(r"<script|<link|<img|url\(|@import|\u202e", page)
    assert "\\u202e" in page
    assert "default-src 'none'; style-src 'sha256-" in POLICY
    assert "a\nb" == shown("a\nb")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("stock_kg", "stock, kg"),
        ("largest_third_country_percent", "largest third country, %"),
        ("until_now_low_kg", "until now low, kg"),
        ("cover_days", "cover, days"),
        ("rex_route", "Re-X route"),
        ("as_of_positions", "up to positions"),
        ("reunion", "reunion"),
    ],
)
def test_a_members_name_is_told_as_words_and_a_unit(name: str, told: str) -> None:
    assert told == heading(name)


def test_figures_are_rounded_half_to_even_and_never_to_nothing() -> None:
    assert ["0.002", "-1,000.001", None, "< 0.001", "0.000"] == figures(
        ["0.0025", "-1000.0009", "", "0.0004", "0"]
    )
    assert ["5", "12,000"] == figures(["5", "12000"])
    assert "yes" == words("true")


def test_what_is_told_of_a_page_is_well_formed() -> None:
    root, body = page_of("a < b")
    add_table(body, ("a",), [("<b>",)])
    assert "&lt;b&gt;" in tostring(root, encoding="unicode")
