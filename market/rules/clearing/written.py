"""Drafts whose facts are already encoded, as a round produces them."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import datetime
from functools import cache
from operator import attrgetter, mod
from typing import Any, Final
from uuid import UUID

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from events.catalog import FACT_TYPES
from events.codec import BODY_BYTES_MAX, holds_control
from events.envelope import Draft
from market.rules.optimum.problem import Int64s

_MARK: Final = "\x02{}\x02"
"""In place of a member: no text of an order holds a control character."""
_encoder: Final = msgspec.json.Encoder(order="deterministic")
encoded: Final = _encoder.encode
"""The canonical JSON of a fact, or of a part of one."""
Octets = NDArray[np.uint8]
ID_OCTETS: Final = 16
ID_BYTES: Final = 38
"""Of an encoded id: 32 digits, four dashes, two quotes."""
ENVELOPE_BYTES_MAX: Final = 1024
"""Twice what the body of a round's event has around its fact."""
_DIGITS: Final = ((0, 8, 1), (8, 12, 10), (12, 16, 15), (16, 20, 20), (20, 32, 25))
"""Of an id, groups of digits: first, one after the last, and where they stand when it is encoded."""


def fact_template(fact: Struct, holes: Sequence[str]) -> bytes:
    """The encoded fact for `%`, with a hole in place of each named member, in order (`a.b`: of a member).

    A hole takes what is encoded already; where the fact has digits as a text, the digits alone.
    AssertionError where the holes are not named in the order of the members, or a member is left out for
    its value.
    """
    marked, conversions = fact, []
    for number, path in enumerate(holes):
        value = attrgetter(path)(fact)
        digits = isinstance(value, str) and value.removeprefix("-").isdigit()
        conversions.append(b'"%b"' if digits else b"%b")
        marked = _with(marked, path, _MARK.format(number))
    template, at = encoded(marked).replace(b"%", b"%%"), 0
    for number, conversion in enumerate(conversions):
        head, mark, tail = template[at:].partition(encoded(_MARK.format(number)))
        assert mark, f"{holes[number]} has no place of its own"
        template = template[:at] + head + conversion + tail
        at += len(head) + len(conversion)
    return template


def from_templates(
    known: dict[Hashable, bytes],
    keys: Sequence[Hashable],
    rows: Iterable[tuple[bytes, ...]],
    template: Callable[[int], bytes],
) -> list[bytes]:
    """Each row in the template of its key; `template` makes the one of a place where none is known."""
    try:
        templates = list(map(known.__getitem__, keys))
    except KeyError:
        # of equal keys the first one's place, which was put in last
        places = dict(zip(reversed(keys), reversed(range(len(keys))), strict=True))
        known |= {key: template(place) for key, place in places.items() if key not in known}
        templates = list(map(known.__getitem__, keys))
    return list(map(mod, templates, rows))


def decimals(column: list[int] | Int64s) -> list[bytes]:
    """Each number as JSON has it: all of a column at once, where `%d` makes a text of each."""
    written = encoded(column if isinstance(column, list) else column.tolist())[1:-1]
    return written.split(b",") if written else []


def each_encoded(column: Sequence[Any]) -> list[bytes]:
    """`encoded` of each, all of a column at once."""
    return _encoder.encode_lines(column).split(b"\n")[:-1]


def octets(keys: NDArray[np.void]) -> Octets:
    """The bytes of each key, a row each."""
    return np.ascontiguousarray(keys).view(np.uint8).reshape(len(keys), keys.dtype.itemsize)


def ids_encoded(numbers: Octets) -> list[bytes]:
    """`encoded` of ids by their bytes, uint8[n, 16], without an object of each."""
    count = len(numbers)
    digits = np.frombuffer(numbers.tobytes().hex().encode(), np.uint8).reshape(count, 32)
    written = np.empty((count, ID_BYTES), dtype=np.uint8)
    written[:, [0, -1]], written[:, [9, 14, 19, 24]] = ord('"'), ord("-")
    for start, end, at in _DIGITS:
        written[:, at : at + end - start] = digits[:, start:end]
    found: list[bytes] = written.view(f"S{ID_BYTES}").ravel().tolist()
    return found


def _with(fact: Struct, path: str, value: str) -> Struct:
    name, _, rest = path.partition(".")
    return replace(fact, **{name: _with(getattr(fact, name), rest, value) if rest else value})


class WrittenDraft(Struct, frozen=True, kw_only=True):
    """A draft whose fact stands as canonical JSON beside its type."""

    stream: str
    lane: int
    subject: str
    type: str
    data: bytes
    id: UUID
    salt: str
    time: datetime
    cause: str
    actor: UUID


class Unrecordable(Exception):
    """A fact that a round tells and no reader could read back: `told` names its type, member and bound."""

    def __init__(self, type_: str, told: str) -> None:
        super().__init__(f"{type_}: {told}")
        self.type = type_
        self.told = told


def decoded(draft: WrittenDraft) -> Draft:
    """Unrecordable for what the record refuses: a member beyond its type, a control
    character, too many bytes."""
    try:
        data = _decoder(draft.type).decode(draft.data)
    except (msgspec.MsgspecError, ValueError) as error:
        raise Unrecordable(draft.type, str(error)) from error
    if holds_control(draft.data):
        raise Unrecordable(draft.type, "a text holds a control character")
    if len(draft.data) + ENVELOPE_BYTES_MAX > BODY_BYTES_MAX:
        raise Unrecordable(draft.type, f"its {len(draft.data)} bytes exceed what an event holds")
    return Draft(
        stream=draft.stream,
        lane=draft.lane,
        subject=draft.subject,
        data=data,
        id=draft.id,
        salt=draft.salt,
        time=draft.time,
        cause=draft.cause,
        actor=draft.actor,
    )


@cache
def _decoder(name: str) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(FACT_TYPES[name])
