"""The differences between two rule sets, member by member, as JSON values."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

NAMES = ("form", "scheme", "route")
"""What names an entry of a list of a rule set; entries without a name are compared as sets."""


class Change(Struct, frozen=True, kw_only=True):
    """`path` leads to the member by `/`; `before`, `after`: JSON texts, None where it does not stand."""

    path: str
    before: str | None
    after: str | None


def changes(before: Any, after: Any) -> tuple[Change, ...]:
    """In order of path. Two equal values have none."""
    old, new = dict(_leaves(before, "")), dict(_leaves(after, ""))
    return tuple(
        Change(path=path, before=old.get(path), after=new.get(path))
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    )


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    match value:
        case dict():
            for name, member in value.items():
                yield from _leaves(member, f"{path}/{name}")
        case list() | tuple():
            for entry in value:
                yield from _leaves(entry, f"{path}/{_name(entry)}")
        case _:
            yield path, msgspec.json.encode(value).decode()


def _name(entry: Any) -> str:
    if isinstance(entry, dict):
        return next(str(entry[name]) for name in NAMES if name in entry)
    return str(entry)
