"""What a transaction writes, gathered so that its statements go to the server together."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

from events.array_texts import array_text, reading_texts
from events.connections import Connection
from events.row_counts import RowCountWrong

STATEMENTS_REMEMBERED = 256


class Write(NamedTuple):
    """Rows for a statement that takes them column by column, as arrays $1, $2, …, and `shared` values behind.

    It changes one row of its table for each of them and returns nothing.
    """

    table: str
    statement: str
    rows: Sequence[tuple[object, ...]]
    shared: tuple[object, ...] = ()

    @property
    def arguments(self) -> tuple[Any, ...]:
        return (*zip(*self.rows, strict=True), *self.shared)


async def send(connection: Connection, writes: Sequence[Write]) -> None:
    """In one round trip; in another where a table comes again, since a statement sees none of its own rows.

    RowCountWrong when a statement changed another number of rows than it was given.
    """
    for together in _of_different_tables(writes):
        arguments = [write.arguments for write in together]
        parts = tuple((write.statement, len(own)) for write, own in zip(together, arguments, strict=True))
        statement, texts = _joined(parts)
        values = [
            array_text(value) if place in texts else value
            for place, value in enumerate(chain.from_iterable(arguments), 1)
        ]
        counts = await connection.fetchrow(statement, *values)
        for write, found in zip(together, counts or (), strict=True):
            if found != len(write.rows):
                raise RowCountWrong(write.table, found, len(write.rows))


def _of_different_tables(writes: Sequence[Write]) -> Iterator[list[Write]]:
    together: list[Write] = []
    for write in writes:
        if not write.rows:
            continue
        if any(write.table == other.table for other in together):
            yield together
            together = []
        together.append(write)
    if together:
        yield together


@lru_cache(maxsize=STATEMENTS_REMEMBERED)
def _joined(parts: tuple[tuple[str, int], ...]) -> tuple[str, frozenset[int]]:
    """One statement out of several, each with its count of parameters; it counts the rows of each. With the
    parameters that are `array_text`."""
    named: list[str] = []
    texts: frozenset[int] = frozenset()
    before = 0
    for number, (statement, parameters) in enumerate(parts):
        shifted, found = reading_texts(statement, before)
        named.append(f"w{number} as ({shifted} returning 1)")
        texts |= found
        before += parameters
    counts = [f"(select count(*) from w{number})" for number in range(len(parts))]  # noqa: S608  no input
    return f"with {', '.join(named)} select {', '.join(counts)}", texts
