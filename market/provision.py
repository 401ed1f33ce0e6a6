"""Prepares PostgreSQL before services start: roles, rights on the database, migrations."""

import hashlib
import hmac
import secrets
from base64 import b64encode
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import asyncpg

from events.migrations import Told, migrate, untold
from market.folders import DEPLOY
from market.settings import ROLES, Role, Settings

MIGRATIONS: Final = DEPLOY / "postgres" / "migrations"
ROLES_SQL: Final = DEPLOY / "postgres" / "roles.sql"

# Advisory locks are per database; one for the whole cluster is taken in a database that every cluster has.
MAINTENANCE_DATABASE: Final = "postgres"
ROLES_LOCK: Final = 0x10DE5704

LOCK = "select pg_advisory_xact_lock($1)"

MAY_CREATE_ROLES = "select rolsuper or rolcreaterole from pg_roles where rolname = current_user"

EXISTING_ROLES = "select rolname from pg_roles where rolname = any($1::text[])"

# Quoted by the server, since ALTER ROLE takes no parameters. It gets a verifier instead of the password,
# since statements may be logged.
SET_PASSWORD = "select format('alter role %I password %L', $1::text, $2::text)"  # noqa: S105

SCRAM_ITERATIONS: Final = 4_096
SCRAM_SALT_BYTES: Final = 16

GRANT_MEMBERSHIP = "grant lodestone_owner to current_user"

# The owner creates schemas; only the five roles may connect.
DATABASE_RIGHTS = """
select format('grant create, connect, temporary on database %1$I to lodestone_owner;'
    'revoke all on database %1$I from public;'
    'grant connect on database %1$I to'
    ' lodestone_writer, lodestone_reader, lodestone_relay, lodestone_auditor',
    current_database())
"""


class ProvisionError(Exception):
    """The database cannot be prepared with the rights this URL has: one sentence that says what to do."""


def role_url(settings: Settings, admin_url: str, role: Role) -> str:
    """The URL a service connects with: the role's own, else the administrator's without its secrets."""
    given = settings.role_url(role)
    if given is not None:
        return given.get_secret_value()
    parts = urlsplit(admin_url)
    place = parts.netloc.rpartition("@")[2]
    kept = [(name, value) for name, value in parse_qsl(parts.query) if name not in ("user", "password")]
    return urlunsplit(
        parts._replace(netloc=f"{_role_name(role)}@{place}", query=urlencode(kept, safe="/", quote_via=quote))
    )


async def prepare_database(settings: Settings, admin_url: str, told: Told = untold) -> tuple[str, ...]:
    """Roles, rights and migrations, as often as one likes; the names of the migrations applied now, `told` of
    each as `events.migrations.migrate` tells it.

    Raises ProvisionError, and what `events.migrations.migrate` raises.
    """
    await prepare_roles(settings, admin_url)
    connection = await asyncpg.connect(admin_url)
    try:
        if await connection.fetchval(MAY_CREATE_ROLES):
            await connection.execute(GRANT_MEMBERSHIP)
        async with connection.transaction():
            await connection.execute(LOCK, ROLES_LOCK)
            await connection.execute(await connection.fetchval(DATABASE_RIGHTS))
        await connection.execute("set role lodestone_owner")
        return await migrate(connection, MIGRATIONS, told)
    except asyncpg.InsufficientPrivilegeError as error:
        raise ProvisionError(
            f"the database cannot be prepared: {error}; the user of LODESTONE_DATABASE_URL has to own it"
        ) from error
    finally:
        await connection.close()


async def prepare_roles(settings: Settings, admin_url: str) -> None:
    """The five roles with their time limits, and the passwords that the roles' URLs name."""
    try:
        connection = await asyncpg.connect(admin_url, database=MAINTENANCE_DATABASE)
    except (
        asyncpg.InvalidCatalogNameError,
        asyncpg.InsufficientPrivilegeError,
        asyncpg.InvalidAuthorizationSpecificationError,
    ):
        connection = await asyncpg.connect(admin_url)
    try:
        if not await connection.fetchval(MAY_CREATE_ROLES):
            await _require_roles(connection)
            return
        async with connection.transaction():
            await connection.execute(LOCK, ROLES_LOCK)
            await connection.execute(ROLES_SQL.read_text("utf-8"))
            for role in ROLES:
                url = settings.role_url(role)
                password = None if url is None else urlsplit(url.get_secret_value()).password
                if password is not None:
                    verifier = scram_verifier(unquote(password), secrets.token_bytes(SCRAM_SALT_BYTES))
                    text = await connection.fetchval(SET_PASSWORD, _role_name(role), verifier)
                    await connection.execute(text)
    finally:
        await connection.close()


def scram_verifier(password: str, salt: bytes) -> str:
    """The SCRAM-SHA-256 verifier of a password (RFC 5802, RFC 7677), which PostgreSQL accepts instead of it.

    ProvisionError for characters other than printable ASCII, which clients might normalise differently.
    """
    if not (password.isascii() and password.isprintable()):
        raise ProvisionError("a role's password may hold printable ASCII characters only")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, SCRAM_ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    encoded_salt, stored_key, server_key = (b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${SCRAM_ITERATIONS}:{encoded_salt}${stored_key}:{server_key}"


async def _require_roles(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    names = [_role_name(role) for role in ROLES]
    found = {row["rolname"] for row in await connection.fetch(EXISTING_ROLES, names)}
    missing = sorted(set(names) - found)
    if missing:
        raise ProvisionError(
            f"the roles {', '.join(missing)} are missing and this user may not create roles; "
            f"have a superuser run {ROLES_SQL.relative_to(DEPLOY.parent)} once"
        )


def _role_name(role: Role) -> str:
    return f"lodestone_{role}"
