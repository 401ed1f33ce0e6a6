"""Columns as texts that PostgreSQL reads as arrays, since asyncpg would encode each element in Python.

A JSON array of numbers, texts, booleans and nulls is a PostgreSQL array text, except for the brackets and the
escapes of control characters.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from events.connections import Connection

ROWS_MIN: Final = 32
"""With fewer rows, parsing the text costs PostgreSQL more than it saves the client."""
STATEMENTS_REMEMBERED: Final = 256
_ARRAY: Final = re.compile(r"\$(\d+)::(bigint|boolean|text|timestamptz|uuid)\[\]")
_ESCAPE: Final = re.compile(r'\\(?:u(....)|(["\\])|(.))')
_CONTROLS: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_encoder = msgspec.json.Encoder()


def array_text(column: Sequence[object]) -> str:
    """The array text of a column of integers, texts, UUIDs, times, booleans and nulls."""
    encoded = _encoder.encode(column)
    text = encoded[1:-1].decode()
    return "{" + (_ESCAPE.sub(_unescaped, text) if b"\\" in encoded else text) + "}"


def _unescaped(found: re.Match[str]) -> str:
    code, kept, control = found.groups()
    if kept is not None:
        return found[0]
    return chr(int(code, 16)) if control is None else _CONTROLS[control]


def as_texts(statement: str, arguments: Sequence[Any], rows: int) -> tuple[str, Sequence[Any]]:
    """The statement for this number of rows, and its arguments; columns declared as arrays may become
    texts."""
    if rows < ROWS_MIN:
        return statement, arguments
    told, places = _reading_texts(statement)
    return told, [
        array_text(argument) if place in places else argument for place, argument in enumerate(arguments, 1)
    ]


@lru_cache(maxsize=STATEMENTS_REMEMBERED)
def _reading_texts(statement: str) -> tuple[str, frozenset[int]]:
    """The statement, and the numbers of the parameters that it reads from texts."""
    places = frozenset(int(found[1]) for found in _ARRAY.finditer(statement))
    return _ARRAY.sub(r"$\1::text::\2[]", statement), places


async def fetch(
    connection: Connection, statement: str, *columns: Sequence[object], shared: Sequence[object] = ()
) -> list[Any]:
    """The rows that a statement returns; its parameters are columns, as arrays $1, $2, …, then `shared`
    values."""
    told, arguments = as_texts(statement, (*columns, *shared), len(columns[0]))
    return await connection.fetch(told, *arguments)
