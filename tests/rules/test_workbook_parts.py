"""Workbooks that would fill memory or take hours although every part of them is small enough."""

import random
from collections.abc import Iterable
from io import BytesIO
from time import process_time

import pytest

from market.http.wire import workbooks
from market.http.wire.faults import InvalidInputError
from market.http.wire.workbooks import workbook_rows
from tests.rules.test_row_files import repacked, workbook

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
FEW = 1_000


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "HELD_ELEMENTS_MAX", FEW)
    monkeypatch.setattr(workbooks, "TEXT_BYTES_MAX", 100_000)


def cells(count: int) -> str:
    """None like the next, so that they do not pack too well."""
    chosen = random.Random(count)
    return "".join(f'<c t="n"><v>{chosen.randrange(10**6)}</v></c>' for _ in range(count))


def sheet(rows: Iterable[str], *, before: str = "", main: str = MAIN) -> bytes:
    whole = "".join(f"<row>{row}</row>" for row in rows)
    return f'<worksheet xmlns="{main}">{before}<sheetData>{whole}</sheetData></worksheet>'.encode()


def read(content: bytes) -> list[int]:
    return [row.number for row in workbook_rows(BytesIO(content))]


def refused(content: bytes) -> tuple[str, str]:
    with pytest.raises(InvalidInputError) as caught:
        read(content)
    (fault,) = caught.value.faults
    return fault.code, fault.detail


def test_many_rows_are_read_of_which_each_is_small() -> None:
    content = repacked(workbook(), xl__worksheets__sheet1_xml=sheet([cells(100)] * 100))
    assert [*range(1, 101)] == read(content)


@pytest.mark.parametrize(
    "content",
    [
        sheet([cells(FEW)]),
        sheet([f"<row>{cells(FEW // 4)}</row>" * 3]),
    ],
)
def test_a_row_of_very_many_cells_is_refused(content: bytes) -> None:
    code, detail = refused(repacked(workbook(), xl__worksheets__sheet1_xml=content))
    assert ("archive_too_large", True) == (code, "a row of more than 1000 cells" in detail), detail


@pytest.mark.parametrize(
    "content",
    [
        sheet([cells(10)], before=cells(FEW)),
        sheet([cells(10)] * FEW, main="urn:another"),
        sheet(['<a xmlns="urn:another"/>' + cells(1)] * 10 + [""], before="<a/>" * (2 * FEW)),
    ],
)
def test_very_many_elements_that_are_no_cells_are_refused(content: bytes) -> None:
    code, detail = refused(repacked(workbook(), xl__worksheets__sheet1_xml=content))
    assert ("archive_too_large", True) == (code, "1000 elements that are no cells" in detail), detail


def test_very_many_styles_are_refused_under_whatever_name() -> None:
    chosen = random.Random(1)
    formats = "".join(f'<xf numFmtId="{chosen.randrange(40)}"/>' for _ in range(2 * FEW))
    styles = f'<styleSheet xmlns="{MAIN}"><cellXfs>{formats}</cellXfs></styleSheet>'.encode()
    for content in (
        repacked(workbook(), xl__styles_xml=styles),
        repacked(workbook(), xl__formats_bin=b"\xef\xbb\xbf" + styles),
    ):
        code, detail = refused(content)
        assert ("archive_too_large", True) == (code, "1000 elements that are no cells" in detail), detail


def test_a_text_without_end_is_refused() -> None:
    chosen = random.Random(2)
    text = "".join(chosen.choices("abcdefgh", k=300_000))
    content = sheet([f'<c t="str"><v>{text}</v></c>'])
    code, detail = refused(repacked(workbook(), xl__worksheets__sheet1_xml=content))
    assert ("archive_too_large", True) == (code, "a text of more than 100000 bytes" in detail), detail


def test_merged_cells_that_never_end_are_looked_for_in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each was followed to the end of what had been read: of this much for ten seconds."""
    monkeypatch.setattr(workbooks, "TEXT_BYTES_MAX", 1_000_000)
    marks = "".join(f"<mergeCell a{number}=" for number in range(40_000))
    content = sheet([cells(1)]).replace(b"</worksheet>", f"<!--{marks}--></worksheet>".encode())
    whole = repacked(workbook(), xl__worksheets__sheet1_xml=content)
    began = process_time()
    assert [1] == read(whole)
    assert process_time() - began < 2
