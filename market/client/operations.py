"""The client's knowledge of a route of the published API: enough to call it, and to compare it with the
document."""

import re
from typing import Final, Generic, TypeVar
from urllib.parse import quote

from msgspec import Struct

A = TypeVar("A")
_PARAMETER: Final = re.compile(r"\{\w+\}")


class Page(Struct, Generic[A], frozen=True, kw_only=True):
    """`next_cursor` is null on the last page."""

    items: tuple[A, ...]
    next_cursor: str | None


class Operation(Struct, Generic[A], frozen=True):
    """`path` as the document writes it. `keyed`: takes an idempotency key. `versioned`: needs If-Match."""

    method: str
    path: str
    answer: type[A]
    keyed: bool = False
    versioned: bool = False

    @property
    def repeatable(self) -> bool:
        """Whether asking twice does no more than asking once."""
        return self.keyed or self.method == "GET"

    def asks(self, method: str, path: str) -> bool:
        """Whether a path with its ids is of this route."""
        form = "[^/]+".join(re.escape(part) for part in _PARAMETER.split(self.path))
        return method == self.method and re.fullmatch(form, path.partition("?")[0].rstrip("/")) is not None

    def address(self, ids: tuple[str, ...]) -> str:
        """The path of one object. ValueError when there are more or fewer ids than places for them."""
        places = _PARAMETER.findall(self.path)
        if len(places) != len(ids) or "" in ids:
            raise ValueError(f"{self.path} takes {len(places)} ids")
        left = iter(ids)
        return _PARAMETER.sub(lambda _: quote(next(left), safe=""), self.path)


def read(path: str, answer: type[A]) -> Operation[A]:
    return Operation("GET", path, answer)


def pages(path: str, item: type[A]) -> Operation[Page[A]]:
    return Operation("GET", path, Page[item])  # type: ignore[valid-type]  # a type made of a value


def keyed(path: str, answer: type[A], *, versioned: bool = False, method: str = "POST") -> Operation[A]:
    return Operation(method, path, answer, keyed=True, versioned=versioned)


def change(method: str, path: str, answer: type[A], *, versioned: bool = True) -> Operation[A]:
    """Without a key: it is repeated only when it cannot have arrived."""
    return Operation(method, path, answer, versioned=versioned)


class Reply(Struct, Generic[A], frozen=True, kw_only=True):
    """An answer with what its header fields say. `replayed`: an earlier request with this key was answered
    again."""

    body: A
    etag: str | None = None
    replayed: bool = False
    following: str | None = None
