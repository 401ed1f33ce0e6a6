"""What others must not find, in every spelling in which a place could print it.

A figure that stands for a secret has seven digits or more: no length of a body, no year and no fraction of a
second has as many. Ids and times are read whole, so that none of their groups is anybody's figure.
"""

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable
from functools import cache
from uuid import UUID

FIGURE_DIGITS_MIN = 7
ID_OR_TIME = re.compile(
    "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:[+-][0-9]{2}:[0-9]{2})?"
)


def figure(value: int, decimals: int = 6) -> tuple[str, str]:
    """As the integer of the record, and as the decimal of the door and the tape; a price is in micro-EUR."""
    assert len(str(value)) >= FIGURE_DIGITS_MIN, f"{value} stands somewhere by chance"
    whole, rest = divmod(value, 10**decimals)
    return str(value), f"{whole}.{rest:0{decimals}d}".rstrip("0")


def identity(of: UUID) -> tuple[str, ...]:
    """With and without dashes (so prefixed too), upper case, and base64 of the bytes and of the text."""
    encoded = [
        encode(raw).decode().rstrip("=")
        for encode in (b64encode, urlsafe_b64encode)
        for raw in (of.bytes, of.hex.encode(), str(of).encode())
    ]
    return of.hex, str(of), of.hex.upper(), str(of).upper(), *dict.fromkeys(encoded)


def found(texts: Iterable[str], told: str) -> list[str]:
    """Those that stand in `told` as a word or figure of their own; zeros may follow a decimal."""
    wanted = tuple(texts)
    # to look for each takes less than for all in one pattern, and most answers hold none
    standing = tuple(text for text in wanted if text.rstrip("0") in told)
    if not standing:
        return []
    whole = frozenset(standing)
    read = ID_OR_TIME.sub(lambda token: token[0] if token[0] in whole else " ", told)
    hits = {hit.rstrip("0") for hit in _pattern(standing).findall(read)}
    return [text for text in standing if text.rstrip("0") in hits]


@cache
def _pattern(texts: tuple[str, ...]) -> re.Pattern[str]:
    words = "|".join(sorted(map(re.escape, texts), key=len, reverse=True))
    return re.compile(f"(?<![0-9A-Za-z])(?:{words})0*(?![0-9A-Za-z])")
