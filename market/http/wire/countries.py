"""A country as a body names it: one that there is.

The record's own type, and that of drafts, take any two capital letters: what was recorded before this was
checked is read, decided again and shown as it stands.
"""

from itertools import groupby
from typing import Annotated, Final

from msgspec import Meta

from market.http.wire.numbers import END
from market.rules.countries import COUNTRIES

COUNTRY: Final = "country"
"""In a Meta's `extra`: its texts are countries."""


def _pattern() -> str:
    """By first letter, so that a code is found by two comparisons."""
    by_first = groupby(sorted(COUNTRIES), key=lambda code: code[0])
    return (
        "^("
        + "|".join(f"{first}[{''.join(code[1] for code in codes)}]" for first, codes in by_first)
        + ")"
        + END
    )


CountryCode = Annotated[
    str,
    Meta(
        min_length=2,
        max_length=2,
        pattern=_pattern(),
        description="Two capital letters, ISO 3166-1.",
        examples=["DE"],
        extra={COUNTRY: True},
    ),
]
