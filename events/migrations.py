"""Forward-only SQL migrations: one transaction per file, once, under an advisory lock, checked by SHA-256."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from events.connections import Connection, check_version

ADVISORY_LOCK = 0x10DE5703


class MigrationError(RuntimeError):
    """An applied file was changed, or is missing."""


class Difference(NamedTuple):
    """What is missing in a database, what a newer version has applied to it, what was changed or removed;
    `newest` of these files."""

    newest: str
    missing: tuple[str, ...]
    newer: tuple[str, ...]
    changed: tuple[str, ...]

    @property
    def told_beyond(self) -> str | None:
        """The sentence of a database that is not an earlier state of this version's; None where it is."""
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

# The lock is the session's: each file commits for itself while it is held.
LOCK = "select pg_advisory_lock($1)"
UNLOCK = "select pg_advisory_unlock($1)"

CREATE_LEDGER = """
create schema if not exists ops;
create table if not exists ops.migration (
    name text primary key, sha256 text not null, applied_at timestamptz not null
);
"""

APPLIED = "select name, sha256 from ops.migration"

RECORD = "insert into ops.migration (name, sha256, applied_at) values ($1, $2, clock_timestamp())"


async def migrate(connection: Connection, directory: Path) -> tuple[str, ...]:
    """Apply every new `*.sql` of the directory in order of name; returns the names applied now.

    MigrationError when an applied file has changed or gone; UnsafeDatabase before PostgreSQL 18.
    """
    check_version(await connection.fetchval(SERVER_MAJOR))
    files = read_files(directory)
    await connection.execute(LOCK, ADVISORY_LOCK)
    try:
        await connection.execute(CREATE_LEDGER)
        applied = {row["name"]: row["sha256"] for row in await connection.fetch(APPLIED)}
        found = _difference(files, applied)
        _check(found)
        for name in found.missing:
            async with connection.transaction():
                await connection.execute(files[name])
                await connection.execute(RECORD, name, _digest(files[name]))
        return found.missing
    finally:
        await connection.execute(UNLOCK, ADVISORY_LOCK)


async def compare(connection: Connection, directory: Path) -> Difference:
    """The directory's migrations beside those that the database has. Nothing is written."""
    files = read_files(directory)
    if await connection.fetchval("select to_regclass('ops.migration')") is None:
        return _difference(files, {})
    return _difference(files, {row["name"]: row["sha256"] for row in await connection.fetch(APPLIED)})


async def pending(connection: Connection, directory: Path) -> tuple[str, ...]:
    """The names of the migrations that are not applied yet.

    MigrationError as of `migrate`: where the database is of a newer version, nothing could be applied.
    """
    found = await compare(connection, directory)
    _check(found)
    return found.missing


def read_files(directory: Path) -> dict[str, str]:
    """Text by name, in order. MigrationError where there are none."""
    files = {path.name: path.read_text("utf-8") for path in sorted(directory.glob("*.sql"))}
    if not files:
        raise MigrationError(f"no migrations in {directory.name}")
    return files


def _difference(files: Mapping[str, str], applied: Mapping[str, str]) -> Difference:
    newest = max(files)
    return Difference(
        newest=newest,
        missing=tuple(name for name in files if name not in applied),
        newer=tuple(sorted(name for name in applied if name > newest)),
        changed=tuple(
            sorted(
                name
                for name, digest in applied.items()
                if name <= newest and (name not in files or _digest(files[name]) != digest)
            )
        ),
    )


def _check(found: Difference) -> None:
    if told := found.told_beyond:
        raise MigrationError(told)


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
