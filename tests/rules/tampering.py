"""Every leaf of a record, and each changed by the least there is."""

import functools
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


def members(fact: Struct) -> Iterator[Path]:
    """Paths to every leaf, to every entry of a list, to every object within, and to what is left out."""
    yield from _members(fact, json_like(fact), ())


def _members(value: Any, seen: Any, path: Path) -> Iterator[Path]:
    if path:
        yield path
    if isinstance(value, Struct):
        for field in msgspec.structs.fields(value):
            inside = seen.get(field.encode_name)
            yield from _members(getattr(value, field.name), inside, (*path, field.encode_name))
    elif isinstance(value, tuple | list):
        for index, entry in enumerate(value):
            yield from _members(entry, seen[index], (*path, index))
    elif isinstance(value, dict):
        for name, entry in value.items():
            yield from _members(entry, seen[name], (*path, name))


def otherwise(fact: Struct, path: Path) -> Struct | None:
    """The fact with one member changed by the least that its type takes; None where it takes no other.

    A list has its first entry twice, an entry of one is left out when nothing else can be done to it.
    """
    for found in _nearest(fact, path):
        if found != fact:
            return found
    return None


def _nearest(fact: Struct, path: Path) -> Iterator[Struct]:
    value = json_like(fact)
    place = value
    for step in path[:-1]:
        place = place.setdefault(step, {}) if isinstance(place, dict) else place[step]
    last = path[-1]
    before = place.get(last) if isinstance(place, dict) else place[last]
    for other in _neighbours(before, type(fact)):
        place[last] = other
        try:
            yield msgspec.convert(value, type(fact))
        except msgspec.ValidationError:
            continue
    if isinstance(place, list) and isinstance(last, int):
        del place[last]
        yield msgspec.convert(value, type(fact))


def _neighbours(value: Any, kind: type[Struct]) -> Iterator[Any]:
    if isinstance(value, list):
        yield value[:1] + value
        return
    if isinstance(value, dict):
        yield None
        return
    nearest = by_one(value)
    if nearest is not None:
        yield nearest
    if isinstance(value, str):
        yield value[:-1] + chr(ord(value[-1]) + 1)
        yield from _words(kind)
    if value is None:
        yield from (0, 1, True, "1", "2026-01-02", HEX * 2, HEX * 4, *_words(kind))


@functools.cache
def _words(kind: type[Struct]) -> tuple[str, ...]:
    """All that its members may be by name."""
    found: set[str] = set()
    open_: list[Any] = [msgspec.json.schema(kind)]
    while open_:
        value = open_.pop()
        if isinstance(value, dict):
            found |= {word for word in value.get("enum", ()) if isinstance(word, str)}
            open_ += value.values()
        elif isinstance(value, list):
            open_ += value
    return tuple(sorted(found))
