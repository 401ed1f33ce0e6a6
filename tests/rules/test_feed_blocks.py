"""Lines of the feed cut into rows: the rows hold them all, within their limits and without overlap."""

import zlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict

from market.rules.streams.partner_lines import ALL, PartnerLine
from market.store import feed_blocks
from market.store.feed_blocks import BlockDamaged, Row, lines_of, rows

NOON = datetime(2027, 1, 1, 12, tzinfo=UTC)
AUDIENCES = st.sampled_from((ALL, UUID(int=7), UUID(int=8)))
MARKETS = st.sampled_from((None, UUID(int=1), UUID(int=2)))
STEPS = st.sampled_from((1, 1, 1, 1, 5, 700))
MICROSECONDS = st.sampled_from((0, 1, 1, 1_000_001, -1_000))
TYPES = st.sampled_from(("partner.a.v1", "partner.a.v1", "partner.b.v1"))
BODIES = st.sampled_from((b"{}", b'{"x":"\xc3\xa9"}', b"y" * 90_000))


@st.composite
def lanes(draw: st.DrawFn) -> list[PartnerLine]:
    """Lines of one lane after another, some of them earlier than the one before."""
    lines: list[PartnerLine] = []
    for lane in range(draw(st.integers(1, 3))):
        position, time = 0, NOON
        for _ in range(draw(st.integers(0, 60))):
            position += draw(STEPS)
            time += timedelta(microseconds=draw(MICROSECONDS))
            lines.append(
                PartnerLine(
                    stream="market",
                    lane=lane,
                    position=position,
                    audience=draw(AUDIENCES),
                    event=UUID(int=len(lines)),
                    type=draw(TYPES),
                    subject=f"offer-{position}",
                    market=draw(MARKETS),
                    time=time,
                    body=draw(BODIES),
                )
            )
    return lines


def members(row: Row) -> dict[str, Any]:
    """As the table has them."""
    return asdict(row.line) | {"body": row.body, "first": row.first, "first_time": row.first_time}


@given(lanes(), st.sampled_from((1, 2, 4)))
def test_rows_hold_the_lines_in_order_and_do_not_overlap(lines: list[PartnerLine], lines_min: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed_blocks, "BLOCK_LINES_MIN", lines_min)
        found = rows(lines)
    held: dict[tuple[int, UUID], list[PartnerLine]] = {}
    for row in found:
        block = lines_of(members(row))  # type: ignore[arg-type]  # a mapping is as good as asyncpg's record
        last = block[-1]
        assert row.line == last
        if row.first is None:
            assert (1, None) == (len(block), row.first_time)
        else:
            assert (row.first, row.first_time) == (block[0].position, block[0].time)
            assert lines_min <= len(block) <= feed_blocks.BLOCK_LINES_MAX
            assert last.position - block[0].position < feed_blocks.BLOCK_POSITIONS_MAX
            assert sum(len(line.body) for line in block) <= feed_blocks.BLOCK_BYTES_MAX
            assert {(last.type, last.market)} == {(line.type, line.market) for line in block}
            assert block == sorted(block, key=lambda line: (line.position, line.time))
            assert sorted(line.time for line in block) == [line.time for line in block]
        held.setdefault((last.lane, last.audience), []).extend(block)
    of_audiences: dict[tuple[int, UUID], list[PartnerLine]] = {}
    for line in lines:
        of_audiences.setdefault((line.lane, line.audience), []).append(line)
    assert of_audiences == held


def alike(count: int) -> list[PartnerLine]:
    return [
        PartnerLine(
            stream="market",
            lane=3,
            position=place,
            audience=ALL,
            event=UUID(int=1),
            type="partner.a.v1",
            subject="offer",
            market=None,
            time=NOON,
            body=b'{"price":"1"}' * 100,
        )
        for place in range(1, 1 + count)
    ]


def test_a_few_lines_are_stored_as_they_are_and_many_as_blocks() -> None:
    lines = alike(67)
    assert [(1, None), (2, None), (3, None)] == [(row.line.position, row.first) for row in rows(lines[:3])]
    assert [(32, 1), (64, 33), (65, None), (66, None), (67, None)] == [
        (row.line.position, row.first) for row in rows(lines)
    ]
    assert sum(len(row.body) for row in rows(lines[:64])) < len(lines[0].body)
    first = rows(lines)[0]
    of_before = zlib.compress(zlib.decompress(first.body), 1)
    assert first.body != of_before
    assert lines[:32] == lines_of(members(first) | {"body": of_before})  # type: ignore[arg-type]  # a mapping for a row


def test_a_block_whose_bytes_are_others_is_told() -> None:
    (row,) = rows(alike(5))
    (other,) = rows(alike(4))
    whole = row.body
    damaged = [
        b"",
        b"{}",
        whole[:9],
        whole[:-1],
        whole[:-4] + other.body[-4:],
        whole[:5] + b"\xff" + whole[6:],
    ]
    for body in damaged:
        with pytest.raises(BlockDamaged, match="market/3 from position 1 to 5"):
            lines_of(members(row) | {"body": body})  # type: ignore[arg-type]  # a mapping for a row
    assert alike(5) == lines_of(members(row))  # type: ignore[arg-type]  # a mapping for a row
