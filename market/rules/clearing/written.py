"""Drafts whose facts are written already, as a round tells them and its process hands them on."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from events.catalog import FACT_TYPES
from events.envelope import Draft
from market.rules.clearing.columns import ROWS_AT_ONCE
from market.rules.optimum.problem import Int64s

_MARK: Final = "\x02{}\x02"
"""In place of a member: no text of an order holds a control character."""
encoded: Final = msgspec.json.Encoder(order="deterministic").encode
"""The canonical JSON of a fact, or of a part of one."""


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


def decimals(column: list[int] | Int64s) -> list[bytes]:
    """Each number as JSON has it: all of a column at once, where `%d` makes a text of each."""
    written = repr(column if isinstance(column, list) else column.tolist())[1:-1].encode()
    return written.split(b", ") if written else []


def decimal_rows(columns: Sequence[Int64s]) -> Iterator[tuple[bytes, ...]]:
    """As `columns.rows`, each entry in decimal."""
    for start in range(0, len(columns[0]), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        yield from zip(*(decimals(column[part]) for column in columns), strict=True)


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


def decoded(draft: WrittenDraft) -> Draft:
    return Draft(
        stream=draft.stream,
        lane=draft.lane,
        subject=draft.subject,
        data=_decoder(draft.type).decode(draft.data),
        id=draft.id,
        salt=draft.salt,
        time=draft.time,
        cause=draft.cause,
        actor=draft.actor,
    )


@cache
def _decoder(name: str) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(FACT_TYPES[name])
