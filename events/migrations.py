"""Forward-only SQL migrations: one transaction per file, once, under an advisory lock, checked by SHA-256."""

from hashlib import sha256
from pathlib import Path

from events.connections import Connection, check_version

ADVISORY_LOCK = 0x10DE5703


class MigrationError(RuntimeError):
    """An applied file was changed, or is missing."""


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
        _check(files, applied)
        new = tuple(name for name in files if name not in applied)
        for name in new:
            async with connection.transaction():
                await connection.execute(files[name])
                await connection.execute(RECORD, name, _digest(files[name]))
        return new
    finally:
        await connection.execute(UNLOCK, ADVISORY_LOCK)


async def pending(connection: Connection, directory: Path) -> tuple[str, ...]:
    """The names of the migrations that are not applied yet."""
    names = tuple(read_files(directory))
    if await connection.fetchval("select to_regclass('ops.migration')") is None:
        return names
    applied = {row["name"] for row in await connection.fetch(APPLIED)}
    return tuple(name for name in names if name not in applied)


def read_files(directory: Path) -> dict[str, str]:
    """Text by name, in order. MigrationError where there are none."""
    files = {path.name: path.read_text("utf-8") for path in sorted(directory.glob("*.sql"))}
    if not files:
        raise MigrationError(f"no migrations in {directory.name}")
    return files


def _check(files: dict[str, str], applied: dict[str, str]) -> None:
    newest = max(files)
    later = sorted(name for name in applied if name > newest)
    if later:
        raise MigrationError(
            f"this database is of a newer version: {later[-1]} is applied to it, and the newest here is "
            f"{newest}; run that version, or restore a backup of before"
        )
    wrong = [name for name, digest in applied.items() if name not in files or _digest(files[name]) != digest]
    if wrong:
        raise MigrationError(
            f"applied migrations were changed or removed: {', '.join(sorted(wrong))}; they are forward-only"
        )


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
