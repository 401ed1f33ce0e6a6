"""The embedded PostgreSQL, the roles and the per-test database."""

import asyncio
import base64
import hashlib
import hmac
from pathlib import Path

import asyncpg
import pytest

from market.children import LocalServerError
from market.local import local_postgres
from market.provision import MIGRATIONS, ProvisionError, prepare_database, prepare_roles, role_url
from market.settings import ROLES, Role, Settings, load
from tests.conftest import Database

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


async def test_a_second_process_is_a_guest(server_settings: Settings, postgres_admin_dsn: str) -> None:
    async with local_postgres(server_settings) as dsn:
        assert postgres_admin_dsn == dsn
    connection = await asyncpg.connect(postgres_admin_dsn)
    assert 1 == await connection.fetchval("select 1")
    await connection.close()


async def test_the_password_of_a_roles_url_becomes_the_roles(database: Database) -> None:
    given = "postgresql://lodestone_auditor:p%40ss@/lodestone"
    admin = await asyncpg.connect(database.admin_dsn)
    kept = "select rolpassword from pg_authid where rolname = 'lodestone_auditor'"
    try:
        await prepare_roles(load(database_url=database.admin_dsn, auditor_url=given), database.admin_dsn)
        verifier = str(await admin.fetchval(kept))
    finally:
        await admin.execute("alter role lodestone_auditor password null")
        await admin.close()
    iterations, salt, stored = verifier.removeprefix("SCRAM-SHA-256$").replace("$", ":").split(":")[:3]
    salted = hashlib.pbkdf2_hmac("sha256", b"p@ss", base64.b64decode(salt), int(iterations))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    assert stored == base64.b64encode(hashlib.sha256(client_key).digest()).decode()


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
