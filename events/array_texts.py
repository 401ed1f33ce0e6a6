"""Columns as texts that PostgreSQL reads as arrays: its client would look at each element in Python.

JSON's arrays of numbers, texts, truths and nulls are PostgreSQL's but for the brackets and for how a control
character in a text is written.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from events.connections import Connection

ROWS_MIN: Final = 32
"""Of fewer rows PostgreSQL's reading of a text takes more than the client is spared."""
STATEMENTS_REMEMBERED: Final = 256
_ARRAY: Final = re.compile(r"\$(\d+)::(bigint|boolean|text|timestamptz|uuid)\[\]")
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


def as_texts(statement: str, arguments: Sequence[Any], rows: int) -> tuple[str, Sequence[Any]]:
    """A statement over so many rows, and its arguments: columns that it declares as arrays may be texts."""
    if rows < ROWS_MIN:
        return statement, arguments
    told, places = _reading_texts(statement)
    return told, [
        array_text(argument) if place in places else argument for place, argument in enumerate(arguments, 1)
    ]


@lru_cache(maxsize=STATEMENTS_REMEMBERED)
def _reading_texts(statement: str) -> tuple[str, frozenset[int]]:
    """With the numbers of the parameters that it reads from texts."""
    places = frozenset(int(found[1]) for found in _ARRAY.finditer(statement))
    return _ARRAY.sub(r"$\1::text::\2[]", statement), places


async def fetch(
    connection: Connection, statement: str, *columns: Sequence[object], shared: Sequence[object] = ()
) -> list[Any]:
    """The rows of a statement that takes columns, as arrays $1, $2, …, and `shared` values behind."""
    told, arguments = as_texts(statement, (*columns, *shared), len(columns[0]))
    return await connection.fetch(told, *arguments)
