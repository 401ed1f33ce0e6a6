"""Lines of waterfalls as they are recorded, and templates of those with numbers of each trade's own."""

from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from events.clearing_terms import PriceTerm
from market.rules.clearing.written import encoded

HOLE: Final = "\x01"
"""In place of a number among the inputs of a line: no text of an order holds a control character."""
_HOLE_ENCODED: Final = b"\\u0001"


def template_of(line: PriceTerm) -> bytes:
    """For `%` with an amount in place of its own, then what fills each hole, by the names of the inputs."""
    body = encoded(replace(line, ueur_per_kg=0))
    assert body.count(_HOLE_ENCODED) == sum(value == HOLE for value in line.inputs.values())
    head, found, tail = body.replace(b"%", b"%%").partition(b'"ueur_per_kg":0')
    assert found
    return b'%b"ueur_per_kg":%%d%b' % (head, tail.replace(_HOLE_ENCODED, b"%d"))


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
