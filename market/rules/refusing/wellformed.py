"""Checks drafts against the bounds of their types, and marks malformed members as unread."""

from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from events.refusal import Refusal
from events.wellformed import is_wellformed, malformed_members
from market.rules.refusing.unread import UNREAD

S = TypeVar("S", bound=Struct)


def readable(value: S) -> tuple[S, list[Refusal]]:
    """`value` with the members that `malformed` refuses marked as unread, and these refusals."""
    if is_wellformed(value):
        return value, []
    unread = frozenset(name for name in value.__struct_fields__ if getattr(value, name) is UNREAD)
    refusals = malformed_members(value, unread)
    return (replace(value, **dict.fromkeys(refusals, UNREAD)) if refusals else value), list(refusals.values())
