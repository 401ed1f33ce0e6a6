"""Columns as texts that PostgreSQL reads as arrays: its client would look at each element in Python.

JSON's arrays of numbers, texts, truths and nulls are PostgreSQL's but for the brackets and for how a control
character in a text is written.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

_PARAMETER: Final = re.compile(r"\$(\d+)(?:::(bigint|boolean|date|text|timestamptz|uuid)\[\])?")
_ESCAPE: Final = re.compile(r'\\(?:u(....)|(["\\])|(.))')
_CONTROLS: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_encoder = msgspec.json.Encoder()


def array_text(column: Sequence[object]) -> str:
    """Of integers, texts, UUIDs, times, truths and nulls."""
    encoded = _encoder.encode(column)
    text = encoded[1:-1].decode()
    return "{" + (_ESCAPE.sub(_unescaped, text) if b"\\" in encoded else text) + "}"


def _unescaped(found: re.Match[str]) -> str:
    code, kept, control = found.groups()
    if kept is not None:
        return found[0]
    return chr(int(code, 16)) if control is None else _CONTROLS[control]


def reading_texts(statement: str, before: int = 0) -> tuple[str, frozenset[int]]:
    """The statement with its parameters counted on from `before`; those that it declares as arrays, by their
    new numbers, are read from texts."""
    places: set[int] = set()

    def told(parameter: re.Match[str]) -> str:
        place, type_ = int(parameter[1]) + before, parameter[2]
        if type_ is None:
            return f"${place}"
        places.add(place)
        return f"${place}::text::{type_}[]"

    return _PARAMETER.sub(told, statement), frozenset(places)
