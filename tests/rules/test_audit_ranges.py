"""Where an audit begins and ends, as it is written."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from market.audit.ranges import Clearing, Mark, RangeError, mark_told, parse_mark
from market.audit.share import due

HEX = "0199b3c2d4e57f60a1b2c3d4e5f60718"


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("120", 120),
        ("2026-03-02T09:00:00Z", datetime(2026, 3, 2, 9, tzinfo=UTC)),
        ("2026-03-02T10:00:00.5+01:00", datetime(2026, 3, 2, 9, 0, 0, 500_000, tzinfo=UTC)),
        (f"mkt_{HEX}#7", Clearing(written=f"mkt_{HEX}#7", market=UUID(HEX), round=7)),
        (f"{UUID(HEX)}#1", Clearing(written=f"{UUID(HEX)}#1", market=UUID(HEX), round=1)),
        (f"plan_{HEX}", Clearing(written=f"plan_{HEX}", plan=UUID(HEX))),
        (str(UUID(HEX)), Clearing(written=str(UUID(HEX)), plan=UUID(HEX))),
    ],
)
def test_a_mark_is_a_position_a_time_or_a_round(text: str, mark: Mark) -> None:
    assert mark == parse_mark(text)
    told = mark_told(mark)
    assert told is not None
    assert mark == parse_mark(told)


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "soon",
        "",
        "-1",
        "1.5",
        "٣",
        "9" * 16,
        "mkt_1#2",
        f"mkt_{HEX}",
        f"mkt_{HEX}#x",
        f"req_{HEX}",
        HEX[:-1],
    ],
)
def test_anything_else_is_refused_with_what_may_be_written(text: str) -> None:
    with pytest.raises(RangeError):
        parse_mark(text)


def test_a_time_needs_its_zone() -> None:
    with pytest.raises(RangeError, match="has no time zone: write 2026-03-02T09:00:00Z for UTC"):
        parse_mark("2026-03-02T09:00:00")


def test_what_is_left_to_read_ends_with_the_range() -> None:
    assert 100 == due(100, None, 0)
    assert 40 == due(100, 40, 0)
    assert 31 == due(91, 40, 9)
    assert 0 == due(50, 40, 50)
    assert 20 == due(20, 40, 0)
