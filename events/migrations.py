"""Forward-only SQL migrations: one transaction per file, once, under an advisory lock, checked by SHA-256."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from events.connections import BROKEN_OFF, LOCK_HELD, Connection, check_version

ADVISORY_LOCK = 0x10DE5703
FORMER = "former"
FORMER_DIGITS = 12
RENAMED = "-- Applied under another name, which alone changes."


Told = Callable[[str, int, int], None]
"""A migration's name, its number among those to apply, and how many these are."""


def untold(_name: str, _number: int, _count: int) -> None:
    return None


class MigrationError(RuntimeError):
    """An applied file was changed or is missing, or a migration cannot be applied now."""


class Former(NamedTuple):
    """A migration that a database has under a former name or with a former text: its name in the database's
    ledger, its name here, and the statements that add what the former text lacked."""

    applied: str
    target: str
    text: str


class Files(NamedTuple):
    """A directory's migrations: texts and SHA-256 by name, in order; and for former ones, by the first digits
    of their hash, the name here and the statements that their text lacked."""

    texts: Mapping[str, str]
    digests: Mapping[str, str]
    former: Mapping[str, tuple[str, str]]


class Difference(NamedTuple):
    """How a database differs from these files: migrations that it lacks, has in a former state, got from a
    newer version, or that were changed or removed; `newest` is the last of the files."""

    newest: str
    missing: tuple[str, ...]
    former: tuple[Former, ...]
    newer: tuple[str, ...]
    changed: tuple[str, ...]

    @property
    def to_apply(self) -> dict[str, str | None]:
        """The migrations to apply, by name, in order; with a text where it is not the file's own."""
        return {each.target: each.text for each in self.former} | dict.fromkeys(self.missing)

    @property
    def told_beyond(self) -> str | None:
        """Why the database is not an earlier state of this version; None if it is."""
        if self.newer:
            return (
                f"this database is of a newer version: {self.newer[-1]} is applied to it, and the newest "
                f"here is {self.newest}; run that version, or restore a backup of before"
            )
        if self.changed:
            names = ", ".join(self.changed)
            return f"applied migrations were changed or removed: {names}; they are forward-only"
        return None


SERVER_MAJOR = "select current_setting('server_version_num')::int / 10000"

# A session lock: each file commits separately while it is held.
LOCK = "select pg_advisory_lock($1)"
UNLOCK = "select pg_advisory_unlock($1)"

CREATE_LEDGER = """
create schema if not exists ops;
create table if not exists ops.migration (
    name text primary key, sha256 text not null, applied_at timestamptz not null
);
"""

APPLIED = "select name, sha256 from ops.migration"

RENAME = "update ops.migration set name = $2, sha256 = $3, applied_at = clock_timestamp() where name = $1"

RECORD = "insert into ops.migration (name, sha256, applied_at) values ($1, $2, clock_timestamp())"


async def migrate(connection: Connection, directory: Path, told: Told = untold) -> tuple[str, ...]:
    """Apply every new `*.sql` of the directory in order of name; returns the names applied now.

    Migrations that the database has in a former state are first completed by the files in `former`, whose
    names end with the first twelve digits of the former text's SHA-256.

    `told` is called before each, if the database already has some, since one may take long without any
    output. MigrationError when an applied file was changed or removed, or when a migration exceeds its own
    lock or statement timeout, which rolls it back; UnsafeDatabase before PostgreSQL 18.
    """
    check_version(await connection.fetchval(SERVER_MAJOR))
    files = read_all(directory)
    await connection.execute(LOCK, ADVISORY_LOCK)
    try:
        await connection.execute(CREATE_LEDGER)
        applied = {row["name"]: row["sha256"] for row in await connection.fetch(APPLIED)}
        found = _difference(files, applied)
        _check(found)
        names = {each.target: each.applied for each in found.former}
        for number, (name, given) in enumerate(found.to_apply.items(), 1):
            if applied:
                told(name, number, len(found.to_apply))
            text, digest = files.texts[name] if given is None else given, files.digests[name]
            async with _named(name), connection.transaction():
                if any(not line.startswith("--") for line in text.splitlines()):
                    await connection.execute(text)
                if name in names:
                    await connection.execute(RENAME, names[name], name, digest)
                else:
                    await connection.execute(RECORD, name, digest)
        return tuple(found.to_apply)
    finally:
        await connection.execute(UNLOCK, ADVISORY_LOCK)


@asynccontextmanager
async def _named(name: str) -> AsyncIterator[None]:
    """Turns a timeout in PostgreSQL into a MigrationError that names the migration."""
    try:
        yield
    except LOCK_HELD as error:
        raise MigrationError(
            f"{name} was rolled back, because another connection holds a table that it changes: stop "
            "all services, then run it again; those before it stay applied"
        ) from error
    except BROKEN_OFF as error:
        raise MigrationError(
            f"{name} was rolled back: {error}. Those before it stay applied; run it again when the "
            "database has less to do"
        ) from error


async def compare(connection: Connection, directory: Path) -> Difference:
    """Compares the directory's migrations with those of the database. Writes nothing."""
    return await compare_read(connection, read_all(directory))


async def compare_read(connection: Connection, files: Files) -> Difference:
    """As `compare`, with files that were read before, for repeated calls."""
    if await connection.fetchval("select to_regclass('ops.migration')") is None:
        return _difference(files, {})
    applied = {row["name"]: row["sha256"] for row in await connection.fetch(APPLIED)}
    return _difference(files, applied)


async def pending(connection: Connection, directory: Path) -> tuple[str, ...]:
    """The names of the migrations that are not applied yet, or only in a former state.

    MigrationError as in `migrate`, also if the database belongs to a newer version.
    """
    return tuple((await checked(connection, directory)).to_apply)


async def checked(connection: Connection, directory: Path) -> Difference:
    """As `compare`. MigrationError as in `migrate`."""
    found = await compare(connection, directory)
    _check(found)
    return found


def read_files(directory: Path) -> dict[str, str]:
    """The texts by name, in order. MigrationError if there are none."""
    files = {path.name: path.read_text("utf-8") for path in sorted(directory.glob("*.sql"))}
    if not files:
        raise MigrationError(f"no migrations in {directory.name}")
    return files


def read_all(directory: Path) -> Files:
    """All files of a directory. MigrationError if there are none."""
    texts = read_files(directory)
    digests = {name: _digest(text) for name, text in texts.items()}
    return Files(texts=texts, digests=digests, former=_read_former(directory))


def _read_former(directory: Path) -> dict[str, tuple[str, str]]:
    found = {}
    for path in sorted((directory / FORMER).glob("*.sql")):
        name, digits, _ = path.name.split(".")
        found[digits] = f"{name}.sql", path.read_text("utf-8")
    return found


def _difference(files: Files, applied: Mapping[str, str]) -> Difference:
    newest = max(files.texts)
    names = {digest: name for name, digest in files.digests.items()}
    former, others = [], []
    for name, digest in sorted(applied.items()):
        if files.digests.get(name) == digest:
            continue
        target, text = files.former.get(digest[:FORMER_DIGITS]) or (names.get(digest), RENAMED)
        if target is None or (target != name and target in applied):
            others.append(name)
        else:
            former.append(Former(name, target, text))
    there = {*applied, *(each.target for each in former)}
    return Difference(
        newest=newest,
        missing=tuple(name for name in files.texts if name not in there),
        former=tuple(former),
        newer=tuple(name for name in others if name > newest),
        changed=tuple(name for name in others if name <= newest),
    )


def _check(found: Difference) -> None:
    if told := found.told_beyond:
        raise MigrationError(told)


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
