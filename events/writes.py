"""The writes of a transaction, collected so that their statements are sent together."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from events.array_texts import as_texts
from events.connections import Connection
from events.row_counts import RowCountWrong

STATEMENTS_REMEMBERED = 256
_PARAMETER = re.compile(r"\$(\d+)")


class Write(NamedTuple):
    """Rows for a statement that takes them by column, as arrays $1, $2, …, then `shared` values. It changes
    one row of its table for each row and returns nothing."""

    table: str
    statement: str
    rows: Sequence[tuple[object, ...]]
    shared: tuple[object, ...] = ()

    @property
    def arguments(self) -> tuple[object, ...]:
        return (*zip(*self.rows, strict=True), *self.shared)


class Prepared(NamedTuple):
    """A statement with its encoded arguments, and how many rows it has to change in each table."""

    statement: str
    arguments: Sequence[object]
    changed: Sequence[tuple[str, int]]


def prepare(writes: Sequence[Write]) -> Iterator[Prepared]:
    """One statement for all writes; a further one where a table repeats, since a statement does not see its
    own rows."""
    for together in _of_different_tables(writes):
        parts, arguments = _parts(together)
        yield Prepared(_joined(parts), arguments, [(write.table, len(write.rows)) for write in together])


async def send_prepared(connection: Connection, prepared: Iterable[Prepared]) -> None:
    """Sends each in one round trip. RowCountWrong when one changed another number of rows than declared."""
    for statement, arguments, changed in prepared:
        counts = await connection.fetchrow(statement, *arguments)
        for (table, wanted), found in zip(changed, counts or (), strict=True):
            if found != wanted:
                raise RowCountWrong(table, found, wanted)


async def send(connection: Connection, writes: Sequence[Write]) -> None:
    """Prepares and sends the statements one after another."""
    await send_prepared(connection, prepare(writes))


def fit_together(writes: Sequence[Write]) -> bool:
    """Whether no table repeats, so that one statement is enough."""
    tables = [write.table for write in writes if write.rows]
    return len(set(tables)) == len(tables)


async def send_if(
    connection: Connection,
    writes: Sequence[Write],
    condition: str,
    arguments: tuple[object, ...],
    wanted: int,
) -> None:
    """One statement for writes that fit together, under a condition: it first counts the rows that
    `condition` selects, with `arguments`.

    SerializationError when the count is not `wanted`, or a write changed another number of rows than it was
    given; a statement that commits by itself then has no effect.
    """
    together = [write for write in writes if write.rows]
    parts, given = _parts(together)
    counts = [len(write.rows) for write in together]
    statement = _joined_under(parts, condition, len(arguments))
    await connection.execute(statement, *given, counts, *arguments, wanted)


def _parts(together: Sequence[Write]) -> tuple[tuple[tuple[str, int], ...], list[object]]:
    """The statements, each with its number of parameters, and the arguments of all."""
    most = max([len(write.rows) for write in together], default=0)
    parts: list[tuple[str, int]] = []
    given: list[object] = []
    for write in together:
        statement, own = as_texts(write.statement, write.arguments, most)
        parts.append((statement, len(own)))
        given += own
    return tuple(parts), given


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
    """Joins several statements, each with its number of parameters, into one that counts the rows of each."""
    named, counts, _ = _named(parts)
    return f"with {', '.join(named)} select {', '.join(counts)}"


# A write runs only when its rows are counted, after the condition was checked: if that fails, no write has
# begun.
@lru_cache(maxsize=STATEMENTS_REMEMBERED)
def _joined_under(parts: tuple[tuple[str, int], ...], condition: str, parameters: int) -> str:
    """Joins several statements into one that fails when the condition or a count is not as expected."""
    named, counts, before = _named(parts)
    given = before + 1
    told = f"array[{', '.join(counts)}]::bigint[], ${given}::bigint[]"
    met = f"array[c.found], array[${given + parameters + 1}::bigint]"
    first = f"select record.expect({met}) from ({_shifted(condition, given)}) c (found)"  # noqa: S608  no input
    writing = f"with {', '.join(named)} " if named else ""
    return f"{writing}select record.expect({told}) from ({first}) met"  # noqa: S608  no input


def _named(parts: tuple[tuple[str, int], ...]) -> tuple[list[str], list[str], int]:
    """The statements as named CTEs, the counts of their rows, and the number of their parameters."""
    named: list[str] = []
    before = 0
    for number, (statement, parameters) in enumerate(parts):
        named.append(f"w{number} as ({_shifted(statement, before)} returning 1)")
        before += parameters
    counts = [f"(select count(*) from w{number})" for number in range(len(parts))]  # noqa: S608  no input
    return named, counts, before


def _shifted(statement: str, by: int) -> str:
    return _PARAMETER.sub(lambda found: f"${int(found[1]) + by}", statement)
