"""Text types for requests: the record's types with checked patterns, for bodies and drafts."""

from typing import Annotated, Final

from msgspec import Meta

from events.vocabulary import (
    CODE_PATTERN,
    COUNTRY_PATTERN,
    CURRENCY_PATTERN,
    SHA256_PATTERN,
    TEXT_PATTERN,
)

ONE_LINE: Final = r"(?!\n)"
"""Behind a pattern that ends in `$`, which would also match before a last line feed."""

Sha256Hex = Annotated[
    str,
    Meta(
        min_length=64,
        max_length=64,
        pattern=SHA256_PATTERN + ONE_LINE,
        description="64 hexadecimal digits, lower case.",
    ),
]
Text = Annotated[
    str,
    Meta(min_length=1, max_length=200, pattern=TEXT_PATTERN + ONE_LINE, description="No control characters."),
]
UNSEEN: Final = r"\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff"
_BLANK: Final = r"\s\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u200c\u200d\u2800\u3164\ufe00-\ufe0f\uffa0"
"""Also what joins or varies the characters beside it, as some scripts and signs need it, alone."""
NAME_PATTERN: Final = f"^[^{UNSEEN}]*[^{UNSEEN}{_BLANK}][^{UNSEEN}]*$" + ONE_LINE
Name = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=NAME_PATTERN,
        description="Not of blanks alone; no characters that cannot be seen or that turn the writing around.",
    ),
]
LongText = Annotated[
    str,
    Meta(
        min_length=1, max_length=2_000, pattern=TEXT_PATTERN + ONE_LINE, description="No control characters."
    ),
]
Code = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern=CODE_PATTERN + ONE_LINE,
        description="Letters, digits and . _ : / + -, a letter or digit first.",
    ),
]
INITIATIVE_PATTERN = r"^[a-z0-9][a-z0-9._-]*$" + ONE_LINE
InitiativeCode = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern=INITIATIVE_PATTERN,
        description="Small letters, digits and . _ -, a letter or digit first.",
        examples=["remhub"],
    ),
]
EWC_PATTERN = r"^(?:0[1-9]|1[0-9]|20) ?(?:0[1-9]|[1-9][0-9]) ?(?:0[1-9]|[1-9][0-9]) ?\*?$(?!\n)"
EwcCode = Annotated[
    str,
    Meta(
        pattern=EWC_PATTERN,
        description="A code of the European list of waste (Decision 2000/532/EC), chapter 01 to 20: six "
        "digits as 160213, 16 02 13 or 16 02 13*.",
        examples=["160213"],
    ),
]
"""As the list writes it; the record keeps the six digits."""
CountryCode = Annotated[
    str,
    Meta(
        min_length=2,
        max_length=2,
        pattern=COUNTRY_PATTERN + ONE_LINE,
        description="Two capital letters, ISO 3166-1.",
        examples=["DE"],
    ),
]
CurrencyCode = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=3,
        pattern=CURRENCY_PATTERN + ONE_LINE,
        description="Three capital letters, ISO 4217.",
        examples=["EUR"],
    ),
]
