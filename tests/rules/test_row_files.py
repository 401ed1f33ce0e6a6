"""Files of rows: what is wrong is named by byte, row, column or cell; what unpacks to much stays packed."""

import csv
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from io import BytesIO, StringIO
from typing import Any

import pytest
import xlsxwriter

from market.http.files.import_kinds import KINDS
from market.http.files.import_templates import template
from market.http.wire import row_files, workbooks
from market.http.wire.columns import Wrong
from market.http.wire.faults import InvalidInputError
from market.http.wire.import_rows import FileTerms, ReadRow, count_rows, read_rows
from market.http.wire.row_tables import written_csv
from market.http.wire.validation import convert
from market.store.imports import FileFormat

VALUE = KINDS["index-values"].example
HEAD = ",".join(VALUE)
LINE = ",".join(VALUE.values())


def terms(form: FileFormat = "csv", kind: str = "index-values", **more: Any) -> FileTerms:
    return FileTerms(shape=KINDS[kind].shape, format=form, **more)


def rows(content: bytes, form: FileFormat = "csv", **more: Any) -> list[ReadRow]:
    return list(read_rows(BytesIO(content), terms(form, **more)))


def fault(content: bytes, form: FileFormat = "csv", **more: Any) -> tuple[str, str | None]:
    """The one fault of a file as a whole, which the look before anything is stored finds too."""
    faults = []
    for read in (read_rows, count_rows):
        with pytest.raises(InvalidInputError) as refused:
            list(read(BytesIO(content), terms(form, **more)))
        faults += refused.value.faults
    found, looked_at = faults
    assert found == looked_at
    return found.code, found.pointer


def wrong(content: bytes, form: FileFormat = "csv", **more: Any) -> list[tuple[int, str, str]]:
    return [(row.number, each.column, each.code) for row in rows(content, form, **more) for each in row.wrong]


def table(*lines: str) -> bytes:
    return "\n".join((HEAD, *lines)).encode()


def changed(**members: str) -> str:
    written = StringIO()
    csv.writer(written, lineterminator="").writerow((VALUE | members).values())
    return written.getvalue()


def workbook(*lines: list[Any], formats: dict[str, str] = {}, merged: str = "") -> bytes:  # noqa: B006 read alone
    """`formats`: number formats of the cells of columns."""
    written = BytesIO()
    book = xlsxwriter.Workbook(written, {"in_memory": True})
    day, time = book.add_format({"num_format": "yyyy-mm-dd"}), book.add_format({"num_format": "yyyy hh:mm"})
    shown = [book.add_format({"num_format": formats.get(name, "General")}) for name in VALUE]
    sheet = book.add_worksheet()
    for number, line in enumerate(([*VALUE], *lines)):
        for place, cell in enumerate(line):
            match cell:
                case datetime():
                    sheet.write_datetime(number, place, cell.replace(tzinfo=None), time)
                case date():
                    sheet.write_datetime(number, place, cell, day)
                case _:
                    sheet.write(number, place, cell, shown[place] if number else None)
    if merged:
        sheet.merge_range(merged, lines[0][0])
    book.close()
    return written.getvalue()


def test_a_time_in_a_cell_is_not_rounded_either() -> None:
    fine = changed(published_at="2026-12-01T08:00:00.1234567Z")
    assert [(3, "published_at", "over_precise")] == wrong(table(LINE, fine))
    (row,) = rows(table(changed(published_at="2026-12-01T08:00:00.1200000Z")))
    assert (120_000, ()) == (row.body.inside().published_at.microsecond, row.wrong)


def repacked(content: bytes, **parts: bytes) -> bytes:
    """The same archive with parts changed or added; `__` stands for a slash, `_` for the point."""
    written = BytesIO()
    named = {name.replace("__", "/").replace("_", "."): part for name, part in parts.items()}
    with (
        zipfile.ZipFile(BytesIO(content)) as before,
        zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as to,
    ):
        for name in before.namelist():
            to.writestr(name, named.pop(name, b"") or before.read(name))
        for name, part in named.items():
            to.writestr(name, part)
    return written.getvalue()


# --- files that are refused as a whole


@pytest.mark.parametrize(
    ("form", "content"), [("csv", b""), ("ndjson", b"\n"), ("xlsx", workbook()), ("csv", table())]
)
def test_a_file_that_holds_no_row(form: FileFormat, content: bytes) -> None:
    with pytest.raises(InvalidInputError) as refused:
        list(count_rows(BytesIO(content), terms(form)))
    assert ["file_empty"] == [fault.code for fault in refused.value.faults]


def test_a_byte_that_is_no_utf_8_is_named() -> None:
    content = table(LINE, changed(source="Müller").encode().decode()).replace("ü".encode(), b"\xfc")
    with pytest.raises(InvalidInputError) as refused:
        rows(content)
    assert f"byte 0xfc at {content.index(0xFC)} (line 3)" in refused.value.faults[0].detail
    assert ("not_utf8", "") == fault(content)


def test_another_encoding_is_named() -> None:
    with pytest.raises(InvalidInputError, match="UTF-16"):
        rows(table(LINE).decode().encode("utf-16"))


def test_a_row_without_end_takes_no_memory() -> None:
    endless = (HEAD + "\n" + '"' + "x\n" * row_files.ROW_BYTES_MAX).encode()
    assert fault(endless)[0] in ("row_too_long", "file_unreadable")
    assert "row_too_long" == fault(b"[" * (row_files.ROW_BYTES_MAX + 1), "ndjson")[0]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (HEAD.replace("amount", "amuont"), ("unknown_column", "/rows/1/amuont")),
        (HEAD.replace("source", "amount"), ("duplicate_column", "/rows/1/amount")),
        (HEAD.replace("amount,", ""), ("column_missing", "/rows/1/amount")),
        (HEAD.replace("amount", ""), ("column_unnamed", "/rows/1/")),
        (HEAD.replace("amount", "amount.0"), ("unknown_column", "/rows/1/amount.0")),
        (HEAD.replace("amount", "=amount"), ("formula_cell", "/rows/1")),
    ],
)
def test_heads_that_name_other_columns(head: str, expected: tuple[str, str]) -> None:
    assert expected == fault(f"{head}\n{LINE}\n".encode())


def test_a_column_and_a_part_of_it() -> None:
    head = "delivery,laboratory,reference,results.0.analyte,results.0.fraction,results.0.fraction.unit"
    with pytest.raises(InvalidInputError) as refused:
        rows(f"{head}\n".encode(), kind="assays")
    assert [("unknown_column", "/rows/1/results.0.fraction")] == [
        (each.code, each.pointer) for each in refused.value.faults
    ]
    profiles = template(KINDS["requirements"], "csv").decode().replace("portfolio", "profile,portfolio", 1)
    with pytest.raises(InvalidInputError) as overlapping:
        rows(profiles.encode(), kind="requirements")
    assert {"column_overlaps"} == {each.code for each in overlapping.value.faults}


def test_more_rows_than_a_sheet_can_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("market.http.wire.import_rows.ROWS_MAX", 2)
    with pytest.raises(InvalidInputError, match="more than 2 rows"):
        list(count_rows(BytesIO(table(LINE, LINE, LINE)), terms()))


# --- workbooks that are refused as a whole


def test_what_is_no_workbook() -> None:
    assert ("file_unreadable", "") == fault(b"PK\x03\x04 but nothing else", "xlsx")
    whole = workbook([*VALUE.values()])
    assert "file_unreadable" == fault(whole[: len(whole) // 2], "xlsx")[0]
    assert (
        "file_unreadable" == fault(repacked(whole, xl__worksheets__sheet1_xml=b"<worksheet><row"), "xlsx")[0]
    )


def test_a_part_that_unpacks_to_very_much_more() -> None:
    bomb = repacked(workbook([*VALUE.values()]), xl__media__pixel_bin=b"\0" * 4_000_000)
    assert len(bomb) < 50_000
    assert ("archive_ratio", "") == fault(bomb, "xlsx")


@pytest.mark.parametrize(
    ("limit", "what"), [("SHEET_BYTES_MAX", "sheets"), ("OTHER_BYTES_MAX", "other parts")]
)
def test_more_than_may_be_unpacked(monkeypatch: pytest.MonkeyPatch, limit: str, what: str) -> None:
    monkeypatch.setattr(workbooks, limit, 100)
    with pytest.raises(InvalidInputError, match=f"the {what} unpack to") as refused:
        rows(workbook([*VALUE.values()]), "xlsx")
    assert "archive_too_large" == refused.value.faults[0].code


def test_a_directory_that_lies_about_sizes() -> None:
    """What a part is said to unpack to is all that is ever unpacked of it."""
    whole = repacked(
        workbook([*VALUE.values()]), xl__worksheets__sheet1_xml=b" " * 3_000_000 + b"<worksheet/>"
    )
    with zipfile.ZipFile(BytesIO(whole)) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size
    lying = whole.replace(size.to_bytes(4, "little"), (200).to_bytes(4, "little"))
    assert "file_unreadable" == fault(lying, "xlsx")[0]


def test_macros_and_entities() -> None:
    plain = workbook([*VALUE.values()])
    assert ("macros", "") == fault(repacked(plain, xl__vbaProject_bin=b"\0" * 10), "xlsx")
    laughs = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "b">]><worksheet>&b;</worksheet>'
    assert ("entities", "") == fault(repacked(plain, xl__worksheets__sheet1_xml=laughs), "xlsx")


# --- rows that are refused


def test_every_fault_of_a_row_names_row_and_column() -> None:
    bad = changed(amount="sixty", as_of="30.11.2026", currency="")
    assert [
        (3, "amount", "not_decimal"),
        (3, "as_of", "malformed_time"),
        (3, "currency", "missing"),
    ] == sorted(wrong(table(LINE, bad, LINE)))


def test_a_decimal_comma_is_said_to_be_one() -> None:
    (row,) = rows(table(changed(amount="1.062,50")))
    assert (
        Wrong(
            "amount",
            "decimal_comma",
            "'1.062,50' has a comma: write a point before the decimals, and nothing between thousands",
        ),
    ) == row.wrong


def test_formulas_are_refused_by_their_cell() -> None:
    assert [(2, "amount", "formula_cell")] == wrong(table(changed(amount="=1+1")))
    assert [(2, "source", "formula_cell")] == wrong(table(changed(source="@SUM(A1)")))
    line = [*VALUE.values()]
    line[5] = "=1+1"
    assert "amount" == [*VALUE][5]
    (row,) = rows(workbook(line), "xlsx")
    formula = Wrong("amount", "formula_cell", "F2 contains a formula: replace it by its value")
    assert (formula,) == row.wrong


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("0.0%", "as a percentage"),
        ('[Red]0 %;-0" kg"', "as a percentage"),
        ("#,##0,", "in thousands"),
        ("[" * 300, "by a format of more than 255 characters"),
        ("#,##0.00", None),
        ('0.0" % of TREO"', None),
        ("[$€-407] 0.00", None),
    ],
)
def test_a_number_that_is_shown_as_another_is_refused(shown: str, expected: str | None) -> None:
    line: list[Any] = [*VALUE.values()]
    line[5] = 0.2
    (row,) = rows(workbook(line, formats={"amount": shown}), "xlsx")
    sentence = (
        f"F2 contains 0.2 but shows it {expected}: format it as a plain number and write the intended value"
    )
    assert ((Wrong("amount", "shown_otherwise", sentence),) if expected else ()) == row.wrong
    assert row.wrong or row.body.amount == "0.2"


def test_merged_cells_are_named() -> None:
    line = [*VALUE.values()]
    assert ("merged_cells", "") == fault(workbook(line, line, merged="A2:A3"), "xlsx")
    with pytest.raises(InvalidInputError, match="A2:A3 are merged"):
        rows(workbook(line, line, merged="A2:A3"), "xlsx")


def test_no_text_in_a_written_file_begins_as_a_formula() -> None:
    cells = ("=HYPERLINK(1)", "@SUM(A1)", "-cmd", "+1 t", "-0.25", "+3", "", None, "plain")
    (written,) = csv.reader(StringIO(written_csv([cells]).decode()))
    assert ["'=HYPERLINK(1)", "'@SUM(A1)", "'-cmd", "'+1 t", "-0.25", "+3", "", "", "plain"] == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Smelter;=HYPERLINK(1)", "Smelter;'=HYPERLINK(1)"),
        ('Smelter; "@SUM(A1);-1', "Smelter;' \"@SUM(A1);'-1"),
        (" =1+1", "' =1+1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\nplain", "'\nplain"),
        ("grade A; grade B-2 = 45", "grade A; grade B-2 = 45"),
    ],
)
def test_no_part_of_a_written_text_begins_as_a_formula_where_semicolons_separate(
    text: str, written: str
) -> None:
    """As a spreadsheet with a decimal comma opens the file."""
    assert [[written]] == [*csv.reader(StringIO(written_csv([[text]]).decode(), newline=""))]


def test_a_formula_hides_no_other_fault_of_its_row_and_makes_none() -> None:
    bad = changed(amount="=1+1", as_of="31.07.2026", currency="")
    expected = [(2, "amount", "formula_cell"), (2, "as_of", "malformed_time"), (2, "currency", "missing")]
    assert expected == sorted(wrong(table(bad)))
    nested = (
        "delivery,laboratory,reference,results.0.analyte,results.0.fraction.unit,results.0.fraction.amount"
    )
    line = f"{KINDS['assays'].example['delivery']},=A1,A-1,=A2,=A3,=A4"
    assert [(2, column, "formula_cell") for column in ("laboratory", *nested.split(",")[3:])] == wrong(
        f"{nested}\n{line}".encode(), kind="assays"
    )


def test_more_cells_than_columns() -> None:
    assert [(2, "", "too_many_cells")] == wrong(table(LINE + ",more"))
    assert [] == wrong(table(LINE + ",,"))


def test_lines_that_are_no_body() -> None:
    good = json.dumps(VALUE)
    lines = [good, "{", '"text"', json.dumps(VALUE | {"amount": 62.5}), "", json.dumps(VALUE | {"x": 1})]
    assert [
        (2, "", "malformed_json"),
        (3, "", "wrong_type"),
        (4, "amount", "wrong_type"),
        (6, "x", "unknown_field"),
    ] == wrong("\n".join(lines).encode(), "ndjson")


def test_an_item_is_named_as_in_the_head_where_another_is_left_out() -> None:
    head = (
        "delivery,laboratory,reference,results.0.analyte,results.0.fraction.unit,results.0.fraction.amount,"
        "results.3.analyte,results.3.fraction.unit,results.3.fraction.amount"
    )
    line = f"{KINDS['assays'].example['delivery']},Lab,A-1,,,,Pr,percent,many"
    assert [(2, "results.3.fraction.amount", "not_decimal")] == wrong(
        f"{head}\n{line}".encode(), kind="assays"
    )


def test_control_characters_are_refused() -> None:
    assert [(2, "source", "control_character")] == wrong(table(changed(source="a\x07b")))


# --- files that are taken


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["csv", "xlsx", "ndjson"])
def test_a_template_reads_back_as_the_example(kind: str, form: FileFormat) -> None:
    (row,) = rows(template(KINDS[kind], form), form, kind=kind)
    assert convert(KINDS[kind].example, KINDS[kind].shape) == row.body


@pytest.mark.parametrize(
    "content",
    [
        table(LINE),
        b"\xef\xbb\xbf" + table(LINE),
        table(LINE).replace(b",", b";"),
        table(LINE).replace(b",", b"\t"),
        table(LINE).replace(b"\n", b"\r\n"),
        table("", LINE, ""),
        table(" , ".join(VALUE.values())),
    ],
)
def test_separators_marks_and_blanks(content: bytes) -> None:
    (row,) = rows(content)
    assert convert(VALUE, KINDS["index-values"].shape) == row.body


def test_cells_of_numbers_and_dates() -> None:
    given = VALUE | {
        "first_day": date(2026, 10, 1),
        "last_day": date(2026, 10, 31),
        "as_of": date(2026, 10, 31),
        "published_at": datetime(2026, 11, 2, 9, tzinfo=UTC),
        "amount": 69,
    }
    (row,) = rows(workbook([*given.values()]), "xlsx")
    assert convert(VALUE | {"amount": "69"}, KINDS["index-values"].shape) == row.body


def test_rows_that_name_no_market_get_the_one_of_the_file() -> None:
    kind = KINDS["offers"]
    without = {name: member for name, member in kind.example.items() if name != "market"}
    market = kind.example["market"]
    (row,) = rows(json.dumps(without).encode(), "ndjson", kind="offers", market=market)
    assert convert(kind.example, kind.shape) == row.body
    (named,) = rows(template(kind, "csv"), kind="offers", market="mkt_" + "0" * 32)
    assert market == named.body.market


def test_a_file_is_read_row_by_row() -> None:
    """A reader takes no more of the file than the rows that were asked for."""
    content = BytesIO(table(*[LINE] * 50_000))
    reading: Iterator[ReadRow] = read_rows(content, terms())
    assert (2, 3) == (next(reading).number, next(reading).number)
    assert content.tell() < 100_000
