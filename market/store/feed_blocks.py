"""Rows of the feed: one line each, or a block of consecutive lines of one audience.

A block has the place and members of its last line; its body contains all lines, compressed. Live lines come
one or two at a time and are stored singly; a publisher that catches up stores blocks.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec
from isal import isal_zlib
from isal.isal_zlib import IsalError
from msgspec import Struct

from events.decision import LaneKey
from market.rules.streams.partner_lines import PartnerLine

BLOCK_LINES_MIN: Final = 4
"""Fewer lines are stored singly, since compressing them takes longer than storing them."""
BLOCK_LINES_MAX: Final = 32
BLOCK_BYTES_MAX: Final = 262_144
"""Of bodies, before they are compressed."""
BLOCK_POSITIONS_MAX: Final = 1_000
"""From a block's first line to behind its last: how far behind a place a block may end that begins before."""
LEVEL: Final = 1

_encode = msgspec.msgpack.Encoder().encode


class BlockDamaged(Exception):
    """A block with damaged bytes: its audience, and where its lines begin and end."""

    def __init__(self, key: LaneKey, first: int, last: int, audience: UUID) -> None:
        self.key = key
        self.first = first
        self.last = last
        self.audience = audience
        super().__init__(
            f"the feed's block of {key.stream}/{key.lane} from position {first} to {last} for {audience} "
            "cannot be read"
        )


class Row(Struct, frozen=True, gc=False):
    """`line` is the only one, or the last of a block from `first`, which is of `first_time`, on."""

    line: PartnerLine
    body: bytes
    first: int | None = None
    first_time: datetime | None = None


class Packed(Struct, frozen=True, array_like=True, gc=False):
    """What lines of a block do not share."""

    position: int
    event: UUID
    subject: str
    time: datetime
    body: bytes


_decode = msgspec.msgpack.Decoder(tuple[Packed, ...]).decode


class Run(Struct, gc=False):
    """Lines of one lane, audience, type and market (its id's integer), none earlier than the one before."""

    lines: list[PartnerLine]
    market: int | None
    bytes: int


def rows(lines: Iterable[PartnerLine]) -> list[Row]:
    """`lines` of one lane after another, each in order. Rows of an audience do not overlap."""
    found: list[Run] = []
    last: dict[int, Run] = {}
    for line in lines:
        audience, size = line.audience.int, len(line.body)
        market = None if line.market is None else line.market.int
        run = last.get(audience)
        if run is not None:
            of_run = run.lines
            first = of_run[0]
            if (
                market == run.market
                and line.type == first.type
                and line.time >= of_run[-1].time
                and line.position - first.position < BLOCK_POSITIONS_MAX
                and len(of_run) < BLOCK_LINES_MAX
                and run.bytes + size <= BLOCK_BYTES_MAX
                and line.lane == first.lane
                and line.stream == first.stream
            ):
                of_run.append(line)
                run.bytes += size
                continue
        last[audience] = run = Run([line], market, size)
        found.append(run)
    return [row for run in found for row in _rows(run.lines)]


def _rows(run: Sequence[PartnerLine]) -> list[Row]:
    if len(run) < BLOCK_LINES_MIN:
        return [Row(line, line.body) for line in run]
    packed = _encode([(line.position, line.event, line.subject, line.time, line.body) for line in run])
    return [Row(run[-1], isal_zlib.compress(packed, LEVEL), run[0].position, run[0].time)]


def lines_of(row: asyncpg.Record) -> list[PartnerLine]:
    """Of a row of the table, whole, in order. BlockDamaged."""
    if row["first"] is None:
        of_row = Packed(row["position"], row["event"], row["subject"], row["time"], row["body"])
        return [_line(row, of_row)]
    try:
        packed = _decode(isal_zlib.decompress(row["body"]))
    except (IsalError, msgspec.MsgspecError) as error:  # type: ignore[misc]  # an exception, which its stub gives no bases
        key = LaneKey(row["stream"], row["lane"])
        raise BlockDamaged(key, row["first"], row["position"], row["audience"]) from error
    return [_line(row, each) for each in packed]


def _line(row: asyncpg.Record, of_line: Packed) -> PartnerLine:
    return PartnerLine(
        stream=row["stream"],
        lane=row["lane"],
        position=of_line.position,
        audience=row["audience"],
        event=of_line.event,
        type=row["type"],
        subject=of_line.subject,
        market=row["market"],
        time=of_line.time,
        body=of_line.body,
    )
