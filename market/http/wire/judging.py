"""Refusals by the rules for a body with malformed members, so that one answer lists both kinds of fault.

Only runs for requests with faults. Malformed members are marked as unread for the rules; checks that depend
on them are left out.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import Struct

from events.refusal import Refusal, Refusals
from market.http.wire.faults import Fault, InvalidInputError
from market.http.wire.problems import refusal_faults
from market.http.wire.validation import parse_json
from market.http.wire.wire_names import wire_name
from market.rules.refusing.unread import UNREAD

D_co = TypeVar("D_co", bound=Struct, covariant=True)

Judge = Callable[[Any, Any, frozenset[str]], Awaitable[None]]
"""Of a route that posts: call, body with stand-ins, names of its unread members. Raises what is refused."""

MARKET = "market"
_ABSENT = object()


class Posting(Protocol[D_co]):
    """A body that becomes a draft of the rules."""

    def draft(self) -> D_co: ...


async def refused_too(
    judge: Judge, call: Any, raw: bytes, faults: Sequence[Fault], shape: Any, example: Any
) -> list[Fault]:
    """What else is wrong with a body that has `faults`; nothing when its market cannot be told."""
    found = _salvaged(raw, faults, shape, example)
    if found is None:
        return []
    try:
        await judge(call, *found)
    except InvalidInputError as error:
        return error.faults
    except Refusal as one:
        return refusal_faults((one,))
    except Refusals as several:
        return refusal_faults(several.refusals)
    return []


def draft_of(body: Posting[D_co], unread: frozenset[str]) -> D_co:
    """The draft of a body, without what is unread of it."""
    draft: Any = body.draft()
    fields = (field for field in draft.__struct_fields__ if wire_name(field) in unread)
    found: D_co = msgspec.structs.replace(draft, **dict.fromkeys(fields, UNREAD))
    return found


def _salvaged(
    raw: bytes, faults: Sequence[Fault], shape: Any, example: dict[str, Any]
) -> tuple[Any, frozenset[str]] | None:
    """The body with the example's members where its own are unread, and their names; None of no object."""
    try:
        value = parse_json(raw)
    except (RecursionError, ValueError):
        return None
    if not isinstance(value, dict):
        return None
    unread: set[str] = set()
    for fault in faults:
        if fault.pointer is not None and not (fault.code == "unknown_field" and _drop(value, fault.pointer)):
            unread.add(fault.pointer.split("/")[1] if fault.pointer else MARKET)
    if MARKET in unread:
        return None
    kept = {name: member for name, member in value.items() if name not in unread}
    stand_ins = {name: example[name] for name in unread if name in example}
    try:
        return msgspec.convert(kept | stand_ins, shape), frozenset(unread)
    except msgspec.ValidationError:
        return None


def _drop(value: Any, pointer: str) -> bool:
    """Take away the member that a pointer names; False when it is not found."""
    *path, name = (part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])
    for part in path:
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value.pop(name, _ABSENT) is not _ABSENT
