"""What a transaction writes, gathered so that its statements go to the server together."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from events.array_texts import as_texts
from events.connections import Connection
from events.row_counts import RowCountWrong

STATEMENTS_REMEMBERED = 256
_PARAMETER = re.compile(r"\$(\d+)")


class Write(NamedTuple):
    """Rows for a statement that takes them column by column, as arrays $1, $2, …, and `shared` values behind.

    It changes one row of its table for each of them and returns nothing.
    """

    table: str
    statement: str
    rows: Sequence[tuple[object, ...]]
    shared: tuple[object, ...] = ()

    @property
    def arguments(self) -> tuple[object, ...]:
        return (*zip(*self.rows, strict=True), *self.shared)


async def send(connection: Connection, writes: Sequence[Write]) -> None:
    """In one round trip; in another where a table comes again, since a statement sees none of its own rows.

    RowCountWrong when a statement changed another number of rows than it was given.
    """
    for together in _of_different_tables(writes):
        most = max(len(write.rows) for write in together)
        parts = [as_texts(write.statement, write.arguments, most) for write in together]
        statement = _joined(tuple((part, len(arguments)) for part, arguments in parts))
        counts = await connection.fetchrow(statement, *chain.from_iterable(own for _, own in parts))
        for write, found in zip(together, counts or (), strict=True):
            if found != len(write.rows):
                raise RowCountWrong(write.table, found, len(write.rows))


def _of_different_tables(writes: Sequence[Write]) -> Iterator[list[Write]]:
    together: dict[str, Write] = {}
    for write in writes:
        if not write.rows:
            continue
        if write.table in together:
            yield list(together.values())
            together = {}
        together[write.table] = write
    if together:
        yield list(together.values())


@lru_cache(maxsize=STATEMENTS_REMEMBERED)
def _joined(parts: tuple[tuple[str, int], ...]) -> str:
    """One statement out of several, each with its count of parameters; it counts the rows of each."""
    named: list[str] = []
    before = 0
    for number, (statement, parameters) in enumerate(parts):
        named.append(f"w{number} as ({_shifted(statement, before)} returning 1)")
        before += parameters
    counts = [f"(select count(*) from w{number})" for number in range(len(parts))]  # noqa: S608  no input
    return f"with {', '.join(named)} select {', '.join(counts)}"


def _shifted(statement: str, by: int) -> str:
    return _PARAMETER.sub(lambda found: f"${int(found[1]) + by}", statement)
