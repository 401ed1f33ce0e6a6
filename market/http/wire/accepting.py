"""Which of several kinds of answer an Accept header asks for (RFC 9110, 12.5.1)."""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, TypeVar

Name = TypeVar("Name", bound=str)
ENTRIES_MAX: Final = 64
"""Of a header; what stands behind them is not looked at."""
_QUALITY: Final = re.compile(r"(?:0\.?|0?\.([0-9]+)|1(?:\.0*)?)\Z")
_WHOLE: Final = 1_000


class _Asked(NamedTuple):
    media_range: str
    quality_permille: int


def accepted(header: str | None, offered: Mapping[Name, str]) -> Name:
    """The entry of `offered`, names with their media types, that the header wants most.

    Of a type the most exact range counts, and `q=0` says no. What is wanted alike is taken in the order of
    the header, under one range in the order of the offer. Where nothing fits, and without a header, the first
    offer: an answer that was not asked for tells more than a refusal.
    """
    asked = tuple(_asked(header or ""))
    best, best_rank = next(iter(offered)), (0, 0)
    for name, media_type in offered.items():
        rank = _rank(asked, media_type.lower())
        if rank > best_rank:
            best, best_rank = name, rank
    return best


def _rank(asked: tuple[_Asked, ...], media_type: str) -> tuple[int, int]:
    """Quality, and how early its range stands; zeros for what is not wanted."""
    kind = media_type.partition("/")[0]
    for exact in (media_type, f"{kind}/*", "*/*"):
        for place, entry in enumerate(asked):
            if entry.media_range == exact:
                return (entry.quality_permille, -place) if entry.quality_permille else (0, 0)
    return 0, 0


def _asked(header: str) -> Iterator[_Asked]:
    for entry in header.split(",", ENTRIES_MAX)[:ENTRIES_MAX]:
        media_range, *parameters = (part.strip().lower() for part in entry.split(";"))
        yield _Asked(media_range, _quality_permille(parameters))


def _quality_permille(parameters: list[str]) -> int:
    """Whole where it is not said, or cannot be read. Some leave out its zero, or write many digits."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        found = _QUALITY.match(value.strip()) if name.strip() == "q" else None
        if found is not None:
            return _WHOLE if value.strip().startswith("1") else int((found[1] or "")[:3].ljust(3, "0"))
    return _WHOLE
