"""What changed between two proposals, member by member."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct


class Difference(Struct, frozen=True, kw_only=True):
    """A member that differs: its JSON Pointer (RFC 6901), and both values, None where it is missing."""

    pointer: str
    old: Any
    new: Any


def differences(old: Any, new: Any, pointer: str = "") -> Iterator[Difference]:
    """The differences of two JSON documents, in the order of the members; lists are compared entry by entry.
    A member that changes its JSON type is one difference."""
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping) and old.get("kind") == new.get("kind"):
        for name in dict.fromkeys((*old, *new)):
            step = str(name).replace("~", "~0").replace("/", "~1")
            yield from differences(old.get(name), new.get(name), f"{pointer}/{step}")
    elif _is_list(old) and _is_list(new):
        for place in range(max(len(old), len(new))):
            before = old[place] if place < len(old) else None
            after = new[place] if place < len(new) else None
            yield from differences(before, after, f"{pointer}/{place}")
    else:
        yield Difference(pointer=pointer, old=old, new=new)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
