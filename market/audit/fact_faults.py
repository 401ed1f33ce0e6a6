"""What is wrong with a fact that an audit decides again, and how it differs from what its rule makes."""

from typing import Any, Literal

import msgspec
from msgspec import Struct

from contracts.rules.days import instant_text
from events.catalog import type_of
from events.envelope import Draft, Recorded
from market.rules.clearing.differences import Difference, first_difference


class FactFault(Struct, frozen=True, kw_only=True):
    """`fold`: the fact has no place after what came before it; `command`: no command can have recorded it."""

    kind: Literal["fold", "contract", "material", "command"]
    told: str
    difference: Difference | None = None


def said_by(event: Recorded) -> dict[str, Any]:
    """What a fact says, and what its event has to have in common with those of the same command."""
    common = {"cause": event.cause, "actor": str(event.actor), "time": instant_text(event.time)}
    return {"type": event.type, "subject": event.subject, "data": _json(event.data), **common}


def said(draft: Draft) -> dict[str, Any]:
    return {"type": type_of(draft.data), "subject": draft.subject, "data": _json(draft.data)}


def difference_between(recorded: dict[str, Any], expected: dict[str, Any]) -> Difference | None:
    if recorded["type"] != expected["type"]:
        return Difference("type", recorded["type"], expected["type"])
    return first_difference(recorded, expected)


def _json(fact: Struct) -> Any:
    return msgspec.json.decode(msgspec.json.encode(fact))
