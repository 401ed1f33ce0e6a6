"""What migrations would do, read from their text: which existing tables they lock, and for what."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from events.connections import Connection
from events.migrations import checked, read_files

Lock = Literal["rows", "no_writes", "none_else"]
"""What other transactions can do meanwhile: change other rows; only read; nothing with the table."""
Takes = Literal["no_time", "reads_all", "changes_rows"]
LOCKS: Final[tuple[Lock, ...]] = ("rows", "no_writes", "none_else")
TAKES: Final[tuple[Takes, ...]] = ("no_time", "reads_all", "changes_rows")

_PARTS: Final = re.compile(r"--[^\n]*|'(?:[^']|'')*'|\$(\w*)\$(.*?)\$\1\$|;", re.DOTALL)
_NAME: Final = r"(?:only\s+)?([a-z_]+\.[a-z_]+)"
_FLAGS: Final = re.IGNORECASE | re.DOTALL
_CREATED: Final = re.compile(rf"^create\s+table\s+(?:if\s+not\s+exists\s+)?{_NAME}", _FLAGS)
_READS_ALL: Final = re.compile(
    r"\b(?:set\s+not\s+null|add\s+(?:constraint\s+\S+\s+)?(?:check|primary|unique|foreign)|references)\b|\bcheck\s*\(",
    _FLAGS,
)
_SETS: Final = re.compile(rf"^alter\s+table\s+{_NAME}\s+set\s*\(", _FLAGS)
_INDEXED: Final = re.compile(rf"^create\s+(?:unique\s+)?index\s+(\S+)\s+on\s+{_NAME}", _FLAGS)
_OF_INDEX: Final = re.compile(r"^(drop|alter)\s+index\s+(?:if\s+exists\s+)?([a-z_]+\.[a-z_0-9]+)", _FLAGS)
_STRUCTURE: Final[tuple[tuple[re.Pattern[str], Lock], ...]] = (
    (re.compile(rf"^alter\s+table\s+(?:if\s+exists\s+)?{_NAME}", _FLAGS), "none_else"),
    (re.compile(rf"^drop\s+table\s+(?:if\s+exists\s+)?{_NAME}", _FLAGS), "none_else"),
    (
        re.compile(rf"^(?:create|alter|drop)\s+policy\s+(?:if\s+exists\s+)?\S+\s+on\s+{_NAME}", _FLAGS),
        "none_else",
    ),
    (re.compile(rf"^create\s+trigger\s.*?\son\s+{_NAME}", _FLAGS), "no_writes"),
)
_CHANGED: Final = re.compile(rf"\b(?:update|insert\s+into|delete\s+from)\s+{_NAME}", _FLAGS)
_REFERRED: Final = re.compile(rf"\breferences\s+{_NAME}", _FLAGS)


class Touch(NamedTuple):
    """A table that a statement locks until its migration ends."""

    table: str
    lock: Lock
    takes: Takes


class Touched(Struct, frozen=True, kw_only=True):
    """An existing table that is locked until the migration ends: the strongest lock, and the largest change.

    `rows` is the database's last estimate, None if there is none; `bytes` includes the indexes.
    """

    table: str
    lock: Lock
    takes: Takes
    rows: int | None
    bytes: int


class Planned(Struct, frozen=True, kw_only=True):
    """A pending migration: its description from its file, and what it does to existing tables.

    `creates`: the number of new tables.
    """

    name: str
    about: str
    creates: int
    tables: tuple[Touched, ...]


SIZES: Final = """
select n.nspname || '.' || c.relname as name, c.reltuples::bigint as rows,
    pg_total_relation_size(c.oid) as bytes
from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p')
"""

INDEXES: Final = """
select n.nspname || '.' || i.relname as index, m.nspname || '.' || t.relname as name
from pg_index x join pg_class i on i.oid = x.indexrelid join pg_namespace n on n.oid = i.relnamespace
join pg_class t on t.oid = x.indrelid join pg_namespace m on m.oid = t.relnamespace
"""


async def plan(connection: Connection, directory: Path) -> tuple[Planned, ...]:
    """The plan of all pending migrations, in order. Reads only the database's catalog and writes nothing."""
    files = read_files(directory)
    found = {row["name"]: row for row in await connection.fetch(SIZES)}
    indexes = {row["index"]: row["name"] for row in await connection.fetch(INDEXES)}
    planned = []
    for name, given in (await checked(connection, directory)).to_apply.items():
        text = files[name] if given is None else given
        touches = touched(text, indexes)
        tables = tuple(
            Touched(
                table=each.table,
                lock=each.lock,
                takes=each.takes,
                rows=found[each.table]["rows"] if found[each.table]["rows"] >= 0 else None,
                bytes=found[each.table]["bytes"],
            )
            for each in touches
            if each.table in found
        )
        creates = len(created(text))
        planned.append(Planned(name=name, about=about(text), creates=creates, tables=tables))
    return tuple(planned)


def plan_of_all(directory: Path) -> tuple[Planned, ...]:
    """The plan for an empty database."""
    return tuple(
        Planned(name=name, about=about(text), creates=len(created(text)), tables=())
        for name, text in read_files(directory).items()
    )


def about(text: str) -> str:
    """The first sentence of a migration's file."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("--") or "squawk" in line:
            break
        lines.append(line.removeprefix("--").strip())
    return re.split(r"(?<=\.)\s", " ".join(lines), maxsplit=1)[0]


def created(text: str) -> frozenset[str]:
    """The tables that a migration creates."""
    return frozenset(match[1].lower() for each in statements(text) if (match := _CREATED.match(each)))


def touched(text: str, indexes: Mapping[str, str] | None = None) -> tuple[Touch, ...]:
    """The tables that existed before it, by name, each with its strongest lock and largest change. `indexes`:
    the table of each index; those that the migration creates need not be in it."""
    known = dict(indexes or {})
    new = created(text)
    strongest: dict[str, Touch] = {}
    for statement in statements(text):
        if match := _INDEXED.match(statement):
            schema = match[2].partition(".")[0]
            known[f"{schema}.{match[1]}".lower()] = match[2].lower()
        for each in _touches(statement, known):
            if each.table not in new:
                before = strongest.get(each.table, each)
                strongest[each.table] = Touch(
                    each.table,
                    max(before.lock, each.lock, key=LOCKS.index),
                    max(before.takes, each.takes, key=TAKES.index),
                )
    return tuple(strongest[name] for name in sorted(strongest))


def _touches(statement: str, indexes: Mapping[str, str]) -> Iterator[Touch]:
    if match := _INDEXED.match(statement):
        yield Touch(match[2].lower(), "no_writes", "reads_all")
    elif match := _OF_INDEX.match(statement):
        table = indexes.get(match[2].lower())
        if table is not None:
            yield Touch(table, "none_else" if match[1].lower() == "drop" else "rows", "no_time")
    elif match := _SETS.match(statement):
        yield Touch(match[1].lower(), "rows", "no_time")
    else:
        for pattern, lock in _STRUCTURE:
            if match := pattern.match(statement):
                yield Touch(
                    match[1].lower(), lock, "reads_all" if _READS_ALL.search(statement) else "no_time"
                )
        for match in _REFERRED.finditer(statement):
            yield Touch(match[1].lower(), "no_writes", "no_time")
        if not statement.lower().startswith(("grant", "create", "alter", "drop")):
            for match in _CHANGED.finditer(statement):
                yield Touch(match[1].lower(), "rows", "changes_rows")


def statements(text: str) -> Sequence[str]:
    """The statements without comments and string literals; those inside anonymous blocks are listed among the
    others."""
    found: list[str] = []
    current, at = "", 0
    for part in _PARTS.finditer(text):
        current += text[at : part.start()]
        at = part.end()
        if part[0] == ";":
            found.append(current.strip())
            current = ""
        elif part[2] is not None and current.strip().lower() == "do":
            found += statements(_without_begin(part[2]))
    found.append((current + text[at:]).strip())
    return [each for each in found if each]


def _without_begin(body: str) -> str:
    """The statements of a block, without its `begin` and `end`."""
    return re.sub(r"\b(?:begin|then|else|loop)\b", ";", body, flags=re.IGNORECASE)
