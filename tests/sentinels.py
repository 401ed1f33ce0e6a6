"""What others must not find, in every spelling in which a place could print it."""

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable
from functools import cache
from uuid import UUID


def figure(micro: int) -> tuple[str, ...]:
    """A price in micro-EUR: as the integer of the record, and as the decimal of the door and the tape."""
    whole, rest = divmod(micro, 1_000_000)
    return str(micro), f"{whole}.{rest:06d}".rstrip("0")


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
    hits = {hit.rstrip("0") for hit in _pattern(wanted).findall(told)} if wanted else set()
    return [text for text in wanted if text.rstrip("0") in hits]


@cache
def _pattern(texts: tuple[str, ...]) -> re.Pattern[str]:
    words = "|".join(sorted(map(re.escape, texts), key=len, reverse=True))
    return re.compile(f"(?<![0-9A-Za-z])(?:{words})0*(?![0-9A-Za-z])")
