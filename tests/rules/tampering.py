"""Every leaf of a record, and each changed by the least there is."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

Path = tuple[str | int, ...]
HEX = "0123456789abcdef"


def json_like(fact: Struct) -> Any:
    """The fact as objects, arrays and what stands in them."""
    return msgspec.json.decode(msgspec.json.encode(fact))


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """Paths to everything in JSON-like `value` that is neither object nor array."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from leaves(member, (*path, name))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from leaves(member, (*path, index))
    else:
        yield path


def by_one(value: Any, by: int = 1) -> Any:
    """Another value of the same kind, as near as there is; None for what has no neighbour."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + by
    if not isinstance(value, str):
        return None
    if value.lstrip("-").isdecimal():
        return str(int(value) + 1)
    if set(value) <= set(HEX + "-") and len(value) >= 32:
        return value[:-1] + HEX[(HEX.index(value[-1]) + 1) % 16]
    try:
        moved = datetime.fromisoformat(value) + timedelta(microseconds=1)
    except ValueError:
        return value + "x"
    return moved.isoformat().replace("+00:00", "Z")


def tampered(fact: Struct, path: Path, by: int = 1) -> Struct | None:
    """The fact with one leaf changed, a number by `by`; None where its type takes no such change."""
    value = json_like(fact)
    place = value
    for step in path[:-1]:
        place = place[step]
    changed = by_one(place[path[-1]], by)
    if changed is None:
        return None
    place[path[-1]] = changed
    try:
        return msgspec.convert(value, type(fact))
    except msgspec.ValidationError:
        return None
