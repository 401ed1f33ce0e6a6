"""The embedded PostgreSQL, the roles and the per-test database."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from events.connections import acquire
from market.children import LocalServerError
from market.embedded_postgres import local_postgres
from market.ground import migrate_database, pending_migrations, stand_on_database, wire
from market.provision import (
    MIGRATIONS,
    ProvisionError,
    prepare_database,
    prepare_roles,
    role_url,
    scram_verifier,
)
from market.settings import ROLES, SERVICE_ROLES, Role, Settings, load
from tests.conftest import Database
from tests.record_support import eventually

LIMITS = "idle_in_transaction_session_timeout lock_timeout statement_timeout transaction_timeout".split()


@pytest.mark.parametrize("role", ROLES)
async def test_every_role_logs_in_unprivileged_and_with_limits(database: Database, role: Role) -> None:
    connection = await asyncpg.connect(database.dsn(role))
    try:
        rights = await connection.fetchrow(
            "select rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb"
            " from pg_roles where rolname = current_user"
        )
        limits = {name: await connection.fetchval("select current_setting($1)", name) for name in LIMITS}
    finally:
        await connection.close()
    assert (f"lodestone_{role}", False, False, False, False) == tuple(rights or ())
    assert "0" not in limits.values()
    assert ("1min" if role == "owner" else "2s") == limits["idle_in_transaction_session_timeout"]


async def test_the_database_is_migrated(database: Database) -> None:
    connection = await asyncpg.connect(database.dsn("owner"))
    try:
        applied = [
            row["name"] for row in await connection.fetch("select name from ops.migration order by name")
        ]
    finally:
        await connection.close()
    assert sorted(path.name for path in MIGRATIONS.glob("*.sql")) == applied


async def test_preparing_again_and_at_the_same_time_changes_nothing(database: Database) -> None:
    again = await asyncio.gather(*(prepare_database(database.settings, database.admin_dsn) for _ in range(4)))
    assert [()] * 4 == again


async def test_a_user_who_may_not_create_roles_needs_them_to_exist(database: Database) -> None:
    await prepare_roles(database.settings, database.dsn("writer"))
    admin = await asyncpg.connect(database.admin_dsn)
    try:
        await admin.execute("alter role lodestone_auditor rename to lodestone_renamed")
        with pytest.raises(
            ProvisionError,
            match=r"^the roles lodestone_auditor are missing .*deploy/postgres/roles\.sql once$",
        ):
            await prepare_roles(database.settings, database.dsn("writer"))
    finally:
        await admin.execute("alter role lodestone_renamed rename to lodestone_auditor")
        await admin.close()


async def test_a_database_that_nothing_answers_for_is_one_sentence(tmp_path: Path) -> None:
    settings = load(database_url="postgresql://somebody:secret@127.0.0.1:1/lodestone")
    with pytest.raises(LocalServerError, match=r"^PostgreSQL at 127\.0\.0\.1:1 cannot be used: ") as refused:
        async with local_postgres(settings):
            pass
    assert "secret" not in str(refused.value)


async def test_a_given_database_is_used_as_it_is(database: Database) -> None:
    settings = load(database_url=database.admin_dsn, instance="unused")
    async with local_postgres(settings) as dsn:
        assert database.admin_dsn == dsn
    assert not settings.instance_dir.exists()


async def test_services_start_by_the_roles_urls_with_which_nothing_can_be_prepared(
    database: Database,
) -> None:
    async with stand_on_database(load(database_url=database.admin_dsn)) as prepared:
        await migrate_database(prepared)
    urls = {f"{role}_url": database.dsn(role) for role in SERVICE_ROLES}
    async with stand_on_database(load(database_url=None, instance="unused", **urls)) as ground:
        assert () == await pending_migrations(ground)
        async with wire(ground) as wiring, acquire(wiring.writer) as connection:
            assert "lodestone_writer" == await connection.fetchval("select current_user")
        with pytest.raises(ProvisionError, match=r"LODESTONE_DATABASE_URL has to own it$"):
            await migrate_database(ground)
    assert not ground.settings.instance_dir.exists()


async def test_a_second_process_is_a_guest(server_settings: Settings, postgres_admin_dsn: str) -> None:
    async with local_postgres(server_settings) as dsn:
        assert postgres_admin_dsn == dsn
    connection = await asyncpg.connect(postgres_admin_dsn)
    assert 1 == await connection.fetchval("select 1")
    await connection.close()


@pytest.fixture
async def asked_for_a_password(server_settings: Settings, database: Database) -> AsyncIterator[Database]:
    """A database that lodestone_auditor enters with a password only; the server logs what changes roles."""
    rules = server_settings.instance_dir / "postgres" / "pg_hba.conf"
    before, name = rules.read_text(), urlsplit(database.admin_dsn).path.removeprefix("/")
    admin = await asyncpg.connect(database.admin_dsn)
    try:
        rules.write_text(f"local {name} lodestone_auditor scram-sha-256\n{before}")
        await admin.execute("alter role postgres set log_statement = ddl")
        await admin.execute("select pg_reload_conf()")
        yield database
    finally:
        rules.write_text(before)
        await admin.execute("alter role lodestone_auditor password null")
        await admin.execute("alter role postgres reset log_statement")
        await admin.execute("select pg_reload_conf()")
        await admin.close()


async def test_a_role_logs_in_with_its_urls_password_which_the_server_never_saw(
    server_settings: Settings, asked_for_a_password: Database
) -> None:
    database = asked_for_a_password
    given = "postgresql://lodestone_auditor:p%40ss%20word@/lodestone"
    await prepare_roles(load(database_url=database.admin_dsn, auditor_url=given), database.admin_dsn)

    async def logs_in(password: str) -> bool:
        try:
            connection = await asyncpg.connect(database.dsn("auditor"), password=password)
        except asyncpg.InvalidPasswordError:
            return False
        await connection.close()
        return True

    async def rules_are_read() -> bool:
        return not await logs_in("another")

    await eventually(rules_are_read)
    assert await logs_in("p@ss word")
    logged = (server_settings.instance_dir / "postgres.log").read_text()
    assert (True, False) == ("SCRAM-SHA-256$4096:" in logged, "p@ss word" in logged)


@pytest.mark.parametrize("password", ["pass\u00ad", "naïve", "line\nbreak"])
def test_a_password_that_clients_may_read_differently_is_refused(password: str) -> None:
    with pytest.raises(ProvisionError, match="printable ASCII"):
        scram_verifier(password, b"salt")


def test_role_urls_carry_no_secret_of_the_administrator() -> None:
    settings = load(
        database_url="postgresql://admin:secret@db:6432/x?sslmode=require",
        writer_url="postgresql://lodestone_writer:own@db/x",
    )
    admin = "postgresql://admin:secret@db:6432/x?sslmode=require&password=secret"
    assert "postgresql://lodestone_reader@db:6432/x?sslmode=require" == role_url(settings, admin, "reader")
    assert "postgresql://lodestone_writer:own@db/x" == role_url(settings, admin, "writer")


async def test_a_path_too_long_for_a_socket_is_shortened(server_settings: Settings) -> None:
    folder = server_settings.instance_dir / ("long-" * 20)
    async with local_postgres(load(data_dir=folder, instance="postgres-with-a-long-path")) as dsn:
        connection = await asyncpg.connect(dsn)
        assert 18 == connection.get_server_version().major
        await connection.close()
    assert str(folder) not in dsn
