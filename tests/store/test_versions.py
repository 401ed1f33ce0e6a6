"""A program on a database of another version: it says so and neither reads nor writes it."""

import os
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from events.migrations import MigrationError
from market.cli.console import Exit
from market.ground import OtherVersion, migrate_database, pending_migrations, stand_on_database, wire
from market.provision import MIGRATIONS
from market.settings import load
from market.watch import checks
from tests.up_support import ran

NEWEST = max(path.name for path in MIGRATIONS.glob("*.sql"))
LATER = "9999_of_a_later_version.sql"
APPLY_LATER = f"insert into ops.migration values ('{LATER}', 'of later', clock_timestamp())"
FORGET_NEWEST = f"delete from ops.migration where name = '{NEWEST}'"
CHANGE_NEWEST = f"update ops.migration set sha256 = 'of another file' where name = '{NEWEST}'"
NEWER = f"this database is of a newer version: {LATER} is applied to it, and the newest here is {NEWEST}"
NOWHERE = "127.0.0.1:1"


@pytest.fixture
async def record(database: Any) -> Any:
    """A database whose record has its lanes."""
    async with stand_on_database(load(database_url=database.admin_dsn)) as ground:
        await migrate_database(ground)
    return database


async def execute(database: Any, statement: str) -> None:
    admin = await asyncpg.connect(database.admin_dsn)
    try:
        await admin.execute(statement)
    finally:
        await admin.close()


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (APPLY_LATER, f"^{NEWER}; run that version, or restore a backup of before$"),
        (
            FORGET_NEWEST,
            f"^this database is of an earlier version: 1 migration of this one from {NEWEST} on .*migrate",
        ),
        (CHANGE_NEWEST, f"^applied migrations were changed or removed: {NEWEST}; they are forward-only$"),
    ],
)
async def test_nothing_is_wired_to_a_database_of_another_version(
    record: Any, statement: str, told: str
) -> None:
    async with stand_on_database(load(database_url=record.admin_dsn)) as ground:
        async with wire(ground):
            await execute(record, statement)
        with pytest.raises(OtherVersion, match=told):
            async with wire(ground):
                pass


async def test_of_a_newer_database_nothing_is_pending_nor_is_it_up_to_date(record: Any) -> None:
    await execute(record, FORGET_NEWEST)
    async with stand_on_database(load(database_url=record.admin_dsn)) as ground:
        assert (NEWEST,) == await pending_migrations(ground)
        await execute(record, APPLY_LATER)
        with pytest.raises(MigrationError, match=f"^{NEWER}"):
            await pending_migrations(ground)


async def test_commands_on_a_newer_database_end_with_its_sentence(record: Any) -> None:
    await execute(record, APPLY_LATER)
    named = {**os.environ, "LODESTONE_DATABASE_URL": record.admin_dsn, "LODESTONE_KAFKA_BOOTSTRAP": NOWHERE}
    for code, *words in (
        (Exit.INVALID_INPUT, "migrate"),
        (Exit.INVALID_INPUT, "migrate", "--plan"),
        (Exit.INVALID_INPUT, "migrate", "--dry-run", "--json"),
        (Exit.UNAVAILABLE, "run", "timers"),
        (Exit.UNAVAILABLE, "keys", "issue", "--role", "auditor"),
    ):
        assert (code, "") == (ended := await ran(named, *words))[:2]
        assert NEWER in " ".join(ended[2].split())
    ended_with, out, _ = await ran(named, "doctor")
    assert (Exit.UNAVAILABLE, True) == (ended_with, f"migrations: {NEWER}" in " ".join(out.split()))


async def test_who_is_asked_every_second_reads_the_files_once(record: Any, monkeypatch: Any) -> None:
    read = count()
    text = Path.read_text

    def read_text(path: Path, *arguments: Any) -> str:
        next(read)
        return text(path, *arguments)

    async with stand_on_database(load(database_url=record.admin_dsn)) as ground, wire(ground) as wiring:
        asked = checks(wiring)
        monkeypatch.setattr(Path, "read_text", read_text)
        for _ in range(2):
            assert (None, None) == (await asked["version"].ask(), await asked["migrations"].ask())
        assert 0 == next(read)
        await pending_migrations(ground)
        assert 1 < next(read)


async def test_a_process_that_runs_on_tells_that_the_database_was_brought_beyond_it(record: Any) -> None:
    async with stand_on_database(load(database_url=record.admin_dsn)) as ground, wire(ground) as wiring:
        asked = checks(wiring)
        assert (None, None) == (await asked["version"].ask(), await asked["migrations"].ask())
        await execute(record, APPLY_LATER)
        assert NEWER in (await asked["version"].ask() or "")
        assert await asked["migrations"].ask() is None
        assert not asked["version"].needed
