"""Strong ETags from row versions: If-Match on changes, If-None-Match on reads (RFC 9110 §13)."""

import re
from typing import Final

from market.http.wire.faults import Fault

IF_MATCH_PATTERN: Final = r'^"v[1-9][0-9]{0,15}(\.[0-9]{1,16})?"$(?!\n)'
SUFFIXES: Final = 10**16
"""Number of suffixes that a version may have; changes only depend on the version."""
LIKE: Final = '"v1.26" or "v3"'
"""Of an order and of what has no holds."""
_ETAG: Final = re.compile(r'"v([1-9][0-9]{0,15})(\.[0-9]{1,16})?"\Z')


def etag(version: int, position: int | None = None) -> str:
    """Of an order also the position of its newest event: holds change what a GET shows, but not the version.
    Of what shows more that has no version a number made of the body, below SUFFIXES."""
    return f'"v{version}"' if position is None else f'"v{version}.{position}"'


def parse_if_match(header: str | None) -> int | Fault:
    """The version to which a change applies. A wildcard names none, so it is refused as malformed."""
    if header is None:
        return Fault(
            code="if_match_missing",
            detail=f"send the ETag you read, like If-Match: {LIKE}",
            header="If-Match",
        )
    found = _ETAG.match(header.strip())
    if found is None:
        return Fault(
            code="malformed",
            detail=f"expected one strong ETag as you read it, like {LIKE}",
            header="If-Match",
        )
    return int(found[1])


def none_match(header: str | None, current: str) -> bool:
    """Whether the client already has `current`; weak comparison, as If-None-Match requires."""
    if header is None:
        return False
    if header.strip() == "*":
        return True
    return current.removeprefix("W/") in {part.strip().removeprefix("W/") for part in header.split(",")}
