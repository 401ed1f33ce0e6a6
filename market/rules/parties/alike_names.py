"""Names that read the same: of letters that look alike, of another case, or with other signs in between."""

from collections.abc import Iterable, Iterator
from typing import Final
from unicodedata import combining, normalize
from uuid import UUID

from market.rules.parties.parties import Organisation

_CYRILLIC: Final = dict(zip("авекмнорстухіјѕһԁԛԝӏ", "abekmhopctyxijshdqwl", strict=True))
_GREEK: Final = dict(zip("αβεζηικμνορτυχ", "abezhikmnoptyx", strict=True))
_STROKES: Final = dict(zip("łøđħŧ", "lodht", strict=True))
_DIGITS: Final = {"0": "o", "1": "l", "i": "l"}
_LIKE: Final = str.maketrans(_CYRILLIC | _GREEK | _STROKES)
_LIKE_LATIN: Final = str.maketrans(_DIGITS)


def reading_of(name: str) -> str:
    """A form of a name that is equal for names that look the same; only letters and digits."""
    folded = normalize("NFKD", name).casefold().translate(_LIKE).translate(_LIKE_LATIN)
    return "".join(each for each in folded if each.isalnum() and not combining(each)).replace("rn", "m")


def alike(organisation: UUID, name: str, others: Iterable[Organisation]) -> Iterator[Organisation]:
    reading = reading_of(name)
    for each in others if reading else ():
        if each.organisation != organisation and reading_of(each.name) == reading:
            yield each
