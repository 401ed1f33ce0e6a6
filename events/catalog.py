"""Maps type names to structs and streams, and lifts facts of old versions to the newest."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec
from msgspec import Struct

from events.facts import FACTS

Members = dict[str, object]


class Lift(NamedTuple):
    """`change` converts the members of an old version to those of version `to`."""

    to: str
    change: Callable[[Members], Members]


def _with_lines(evidence: Members) -> Members:
    """Evidence with the terms of all its waterfalls moved into one list."""
    waterfalls = msgspec.convert(evidence.get("waterfalls", []), list[Members])
    lines: list[object] = []
    listed = []
    for waterfall in waterfalls:
        terms = msgspec.convert(waterfall.pop("terms"), list[object])
        listed.append(waterfall | {"lines": list(range(len(lines), len(lines) + len(terms)))})
        lines += terms
    return evidence | {"lines": lines, "waterfalls": listed}


LIFTS: dict[str, Lift] = {
    "market.clearing.evidence.v1": Lift("market.clearing.evidence.v2", _with_lines),
}
"""Old type → how it becomes a newer one. Old versions stay readable for ever."""


def _types(facts: tuple[type[Struct], ...]) -> dict[str, type[Struct]]:
    types: dict[str, type[Struct]] = {}
    for fact in facts:
        name = getattr(fact, "TYPE", None)
        if not isinstance(name, str) or name in types:
            raise TypeError(f"{fact.__name__}: TYPE {name!r} is missing or taken")
        types[name] = fact
    return types


FACT_TYPES: dict[str, type[Struct]] = _types(FACTS)
_NAMES: dict[type[Struct], str] = {fact: name for name, fact in FACT_TYPES.items()}


def type_of(fact: Struct) -> str:
    """The type name of a fact. TypeError for a struct that is not in the catalog."""
    try:
        return _NAMES[type(fact)]
    except KeyError:
        raise TypeError(f"{type(fact).__name__} is no fact of the catalog") from None


def stream_of(name: str) -> str:
    """The stream a type belongs to: its first segment."""
    return name.partition(".")[0]


def lift(name: str, data: bytes) -> tuple[str, bytes]:
    """The type and bytes of a stored fact in its newest version; the same bytes if it already is."""
    if name not in LIFTS:
        return name, data
    members = msgspec.json.decode(data, type=Members)
    while name in LIFTS:
        name, change = LIFTS[name]
        members = change(members)
    return name, msgspec.json.encode(members, order="deterministic")
