"""Recorded lines of waterfalls, and templates for lines with numbers that differ per trade."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from events.clearing_terms import PriceTerm
from market.rules.clearing.written import encoded

HOLE: Final = "\x01"
"""In place of a number among the inputs of a line: no text of an order holds a control character."""
_HOLE_ENCODED: Final = b"\\u0001"


class TradeLines(NamedTuple):
    """A trade's waterfall, each line encoded, and what of it a contract takes over.

    moved: a list of its lines that a final assay moves, encoded. co_products: what the buyer pays for them,
    encoded.
    """

    lines: tuple[bytes, ...]
    moved: bytes
    co_products: bytes


@dataclass(frozen=True, eq=False, slots=True)
class LineColumns:
    """TradeLines of some trades, an entry each."""

    lines: Sequence[tuple[bytes, ...]]
    moved: Sequence[bytes]
    co_products: Sequence[bytes]

    def __iter__(self) -> Iterator[TradeLines]:
        return map(TradeLines, self.lines, self.moved, self.co_products)

    def row(self, place: int) -> TradeLines:
        return TradeLines(self.lines[place], self.moved[place], self.co_products[place])

    def kept(self, mask: Sequence[bool]) -> "LineColumns":
        return LineColumns(
            list(compress(self.lines, mask)),
            list(compress(self.moved, mask)),
            list(compress(self.co_products, mask)),
        )


def template_of(line: PriceTerm) -> bytes:
    """For `%` with an amount in place of its own, then what fills each hole, by the names of the inputs.

    All of them in decimal.
    """
    body = encoded(replace(line, ueur_per_kg=0))
    assert body.count(_HOLE_ENCODED) == sum(value == HOLE for value in line.inputs.values())
    head, found, tail = body.replace(b"%", b"%%").partition(b'"ueur_per_kg":0')
    assert found
    return b'%b"ueur_per_kg":%%b%b' % (head, tail.replace(_HOLE_ENCODED, b"%b"))


class Lines(dict[tuple[Any, ...], bytes]):
    """Lines of one kind, encoded once; a key is what `make` takes, the amount last.

    AssertionError where the line reckons another amount.
    """

    def __init__(self, make: Callable[..., PriceTerm]) -> None:
        self._make = make

    def __missing__(self, key: tuple[Any, ...]) -> bytes:
        line = self._make(*key)
        assert line.ueur_per_kg == key[-1], f"{line} is not {key}"
        found = self[key] = encoded(line)
        return found


class Templates(dict[tuple[Any, ...], bytes]):
    """`template_of` the lines of one kind, each made once; a key is what `make` takes."""

    def __init__(self, make: Callable[..., PriceTerm]) -> None:
        self._make = make

    def __missing__(self, key: tuple[Any, ...]) -> bytes:
        found = self[key] = template_of(self._make(*key))
        return found
