"""Keyset pages behind a sealed cursor (AES-SIV), bound to caller, route and filters: it opens no other
list."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from hashlib import sha512
from typing import Annotated, Any, Final, Generic, TypeVar
from urllib.parse import urlencode

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from msgspec import Meta, Struct

from market.http.wire.numbers import END
from market.http.wire.problems import DoorError

T = TypeVar("T")

LIMIT_DEFAULT: Final = 50
LIMIT_MAX: Final = 200
CURSOR_CHARACTERS_MAX: Final = 1_000


class Listing(Struct, Generic[T], frozen=True, kw_only=True):
    """One page. `next_cursor` is null on the last one; the Link header repeats it as an address.

    `as_of` maps a market to the lane position of the list's view, for traders to the newest cut in it; empty
    if the list is read from the state.
    """

    items: tuple[T, ...]
    next_cursor: str | None
    as_of: dict[str, int] = {}


Limit = Annotated[
    int, Meta(description=f"Items per page; brought into 1 … {LIMIT_MAX}.", examples=[LIMIT_DEFAULT])
]
CursorText = Annotated[
    str,
    Meta(
        pattern=rf"^[A-Za-z0-9_-]+{END}",
        max_length=CURSOR_CHARACTERS_MAX,
        description="`next_cursor` of the page before.",
    ),
]


def page_size(limit: int) -> int:
    return min(max(limit, 1), LIMIT_MAX)


class CursorSeal:
    """Seals the last key of a page; who holds the secret alone can open or make one."""

    def __init__(self, secret: str) -> None:
        self._cipher = AESSIV(sha512(b"lodestone page cursor " + secret.encode()).digest())

    def seal(self, key: Any, scope: str) -> str:
        """`scope` names caller, route and filters. The same page has the same cursor."""
        sealed = self._cipher.encrypt(msgspec.json.encode(key), [scope.encode()])
        return urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, cursor: str, scope: str, shape: type[T]) -> T:
        """DoorError `cursor_invalid` for one of another list, another caller or of nobody's making."""
        try:
            sealed = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
            return msgspec.json.decode(self._cipher.decrypt(sealed, [scope.encode()]), type=shape)
        except (UnicodeEncodeError, Base64Error, InvalidTag, ValueError):
            raise DoorError(
                "cursor_invalid", "This cursor does not belong to this list; start again without it."
            ) from None


def link_next(path: str, parameters: Mapping[str, str], cursor: str) -> str:
    """The Link header of the next page (RFC 8288), with the same filters."""
    return f'<{path}?{urlencode({**parameters, "cursor": cursor})}>; rel="next"'
