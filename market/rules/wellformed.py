"""A struct built by keyword is not validated: this holds it against the bounds of its own types."""

import re
from collections.abc import Hashable, Iterable
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from events.codec import holds_control
from events.refusal import Refusal
from market.rules.defects import DuplicateEntry, MalformedMember
from market.rules.unread import UNREAD

S = TypeVar("S", bound=Struct)
_PATH = re.compile(r"^(?P<problem>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_UNENCODABLE = (msgspec.MsgspecError, ValueError, TypeError, OverflowError)


def malformed(value: Struct) -> list[Refusal]:
    """One refusal for each member that breaks its type: naive times, control characters, wide integers."""
    return list(_malformed_members(value).values())


def readable(value: S) -> tuple[S, list[Refusal]]:
    """`value` with what `malformed` refuses unread, and those refusals."""
    refusals = _malformed_members(value)
    return (replace(value, **dict.fromkeys(refusals, UNREAD)) if refusals else value), list(refusals.values())


def _malformed_members(value: Struct) -> dict[str, Refusal]:
    if _problem(value, type(value)) is None:
        return {}
    refusals: dict[str, Refusal] = {}
    for field in msgspec.structs.fields(value):
        member = getattr(value, field.name)
        problem = None if member is UNREAD else _problem(member, field.type)
        if problem is not None:
            text, pointer = problem
            refusals[field.name] = MalformedMember(pointer=f"/{field.name}{pointer}", problem=text)
    return refusals


def _problem(value: object, kind: Any) -> tuple[str, str] | None:
    try:
        encoded = msgspec.json.encode(value)
        msgspec.json.decode(encoded, type=kind)
    except _UNENCODABLE as error:
        found = _PATH.match(str(error))
        assert found is not None
        steps = _STEP.findall(found["path"] or "")
        return found["problem"], "".join(f"/{name or index}" for name, index in steps)
    return ("Expected text without control characters", "") if holds_control(encoded) else None


def duplicate_refusals(pointer: str, entries: Iterable[Hashable]) -> list[Refusal]:
    """One refusal for each entry that was there before."""
    seen: set[Hashable] = set()
    reasons: list[Refusal] = []
    for index, entry in enumerate(entries):
        if entry in seen:
            reasons.append(DuplicateEntry(pointer=f"{pointer}/{index}", entry=entry))
        seen.add(entry)
    return reasons
