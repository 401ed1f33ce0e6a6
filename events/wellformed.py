"""Validates structs against the bounds of their types, which msgspec does not do for structs built by
keyword."""

import re
from collections.abc import Hashable, Iterable
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from events.codec import holds_control
from events.refusal import DuplicateEntry, MalformedMember, Refusal

SHAPES_REMEMBERED = 256
_PATH = re.compile(r"^(?P<problem>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_UNENCODABLE = (msgspec.MsgspecError, ValueError, TypeError, OverflowError)


def malformed(value: Struct) -> list[Refusal]:
    """One refusal for each member that breaks its type: naive times, control characters, wide integers."""
    return list(malformed_members(value).values())


def is_wellformed(value: Struct) -> bool:
    """Whether `malformed` finds nothing."""
    return _problem(value, _decoder(type(value))) is None


def malformed_members(value: Struct, without: frozenset[str] = frozenset()) -> dict[str, Refusal]:
    """The refusals of `malformed` by member; members in `without` are not checked."""
    if not without and is_wellformed(value):
        return {}
    refusals: dict[str, Refusal] = {}
    for field in msgspec.structs.fields(value):
        member = getattr(value, field.name)
        if field.name in without or (member is UNSET and field.default is UNSET):
            continue
        problem = _problem(member, msgspec.json.Decoder(field.type))
        if problem is not None:
            text, pointer = problem
            refusals[field.name] = MalformedMember(pointer=f"/{field.name}{pointer}", problem=text)
    return refusals


def _problem(value: object, decoder: msgspec.json.Decoder[Any]) -> tuple[str, str] | None:
    try:
        encoded = msgspec.json.encode(value)
        decoder.decode(encoded)
    except _UNENCODABLE as error:
        found = _PATH.match(str(error))
        assert found is not None
        steps = _STEP.findall(found["path"] or "")
        return found["problem"], "".join(f"/{name or index}" for name, index in steps)
    return ("Expected text without control characters", "") if holds_control(encoded) else None


@lru_cache(maxsize=SHAPES_REMEMBERED)
def _decoder(shape: type[Struct]) -> msgspec.json.Decoder[Struct]:
    return msgspec.json.Decoder(shape)


def duplicate_refusals(pointer: str, entries: Iterable[Hashable]) -> list[Refusal]:
    """One refusal for each repeated entry."""
    seen: set[Hashable] = set()
    reasons: list[Refusal] = []
    for index, entry in enumerate(entries):
        if entry in seen:
            reasons.append(DuplicateEntry(pointer=f"{pointer}/{index}", entry=entry))
        seen.add(entry)
    return reasons
