"""Words as they come in: the record's types with their patterns checked, for bodies and drafts."""

from typing import Annotated

from msgspec import Meta

from events.vocabulary import (
    CODE_PATTERN,
    COUNTRY_PATTERN,
    CURRENCY_PATTERN,
    SHA256_PATTERN,
    TEXT_PATTERN,
)

Sha256Hex = Annotated[str, Meta(min_length=64, max_length=64, pattern=SHA256_PATTERN)]
Text = Annotated[str, Meta(min_length=1, max_length=200, pattern=TEXT_PATTERN)]
LongText = Annotated[str, Meta(min_length=1, max_length=2_000, pattern=TEXT_PATTERN)]
Code = Annotated[str, Meta(min_length=1, max_length=64, pattern=CODE_PATTERN)]
INITIATIVE_PATTERN = r"^[a-z0-9][a-z0-9._-]*$(?!\n)"
InitiativeCode = Annotated[str, Meta(min_length=1, max_length=64, pattern=INITIATIVE_PATTERN)]
CountryCode = Annotated[str, Meta(min_length=2, max_length=2, pattern=COUNTRY_PATTERN)]
CurrencyCode = Annotated[str, Meta(min_length=3, max_length=3, pattern=CURRENCY_PATTERN)]
