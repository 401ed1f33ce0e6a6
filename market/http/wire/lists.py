"""Answers of lists: from a store's page to items, sealed cursor and Link header."""

from collections.abc import Callable
from typing import Any, TypeVar

from msgspec import Struct, structs

from market.http.wire.endpoint import Answer, Call
from market.http.wire.paging import LIMIT_DEFAULT, CursorText, Limit, Listing, link_next, page_size
from market.store.reading import Page

Row = TypeVar("Row")
Item = TypeVar("Item")
Key = TypeVar("Key")


class PageQuery(Struct, frozen=True, kw_only=True):
    """Query of every list."""

    limit: Limit = LIMIT_DEFAULT
    cursor: CursorText | None = None


def filters(call: Call[Any, Any]) -> dict[str, str]:
    """The list's own parameters as texts, without those of paging."""
    given = structs.asdict(call.query)
    return {
        name: str(value)
        for name, value in sorted(given.items())
        if name not in ("limit", "cursor") and value is not None
    }


def after(call: Call[Any, Any], shape: type[Key]) -> Key | None:
    """The key after which the page starts. DoorError `cursor_invalid`."""
    cursor = call.query.cursor
    return None if cursor is None else call.door.seal.open(cursor, _scope(call), shape)


def limit(call: Call[Any, Any]) -> int:
    return page_size(call.query.limit)


def answer(
    call: Call[Any, Any],
    page: Page[Row],
    *,
    key: Callable[[Row], Any],
    view: Callable[[Row], Item | None],
    as_of: dict[str, int] | None = None,
) -> Answer:
    """The next page follows the last row read, also when `view` shows nothing of it (None)."""
    headers: dict[str, str] = {}
    cursor = None
    if page.more and page.items:
        cursor = call.door.seal.seal(key(page.items[-1]), _scope(call))
        parameters = {**filters(call), "limit": str(limit(call))}
        headers["Link"] = link_next(call.scope["path"], parameters, cursor)
    items = tuple(item for row in page.items if (item := view(row)) is not None)
    return Answer(body=Listing(items=items, next_cursor=cursor, as_of=as_of or {}), headers=headers)


def _scope(call: Call[Any, Any]) -> str:
    caller = call.caller
    return f"{caller.organisation} {sorted(caller.roles)} {call.scope['path']} {filters(call)}"
