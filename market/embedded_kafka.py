"""The embedded Kafka: started as a child, stopped by its own pid, its data kept.

The process that holds its lock file owns it and stops it at the end; a second one on the same instance is a
guest and uses the running server. A server left by a killed owner is stopped first. If Settings name an
external server, that one is used and nothing is started.
"""

import base64
import hashlib
import secrets
import shutil
import signal
import socket
import string
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Final

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

log = structlog.get_logger("local")

PORTS_LOW: Final = range(20_000, 32_000)
PORTS_TRIED_MAX: Final = 100
KAFKA_READY: Final = b"Kafka Server started"
OF_SHORT_RUNS: Final = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""For short runs of Java, which end before more compilation or another collector would pay."""
LOGIN_MS_MAX: Final = 3_600_000
"""After this time a secured broker asks a client to log in again."""


@asynccontextmanager
async def kafka_at(
    settings: Settings, bootstrap: str | None, service: str = READER
) -> AsyncIterator[Bootstrap]:
    """The given servers, else those of `local_kafka`; with the service's login if each has its own."""
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
        async with supervised("Kafka", child, signal.SIGTERM, log_file, folder):

            async def ready() -> bool:
                return KAFKA_READY in log_file.read_bytes()

            what = f"Kafka (log: {log_file})"
            await wait_until(ready, settings.start_seconds_max, child, what, folder=folder)
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
    try:
        write_whole(pid_file, str(child.pid))
    except LocalServerError:
        # Nobody could find it again.
        child.kill()
        child.wait()
        raise
    provision = f"127.0.0.1:{ports.internal}" if _secured(settings) else None
    return child, Running(pid=child.pid, bootstrap=f"127.0.0.1:{ports.broker}", provision=provision)


def _secured(settings: Settings) -> bool:
    return settings.kafka_security_protocol != "PLAINTEXT"


def _properties(settings: Settings, ports: "_Ports", data: Path) -> str:
    """The broker's properties; for a secured one, with its files."""
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
    """Archive of Kafka's loaded classes, made by `make setup`: loading them takes half of the start."""
    return data_dir / "kafka" / "classes.jsa"


def classes_digest(archive: Path) -> Path:
    """The file of an archive's SHA-256."""
    return archive.with_name(archive.name + ".sha256")


def _read_classes(libs: Path) -> list[str]:
    """Java ignores an archive of other jars, another path or another Java, but crashes on a damaged one,
    which is therefore not passed to it."""
    archive = kafka_classes(libs.parent.parent)
    try:
        with archive.open("rb") as kept:
            found = hashlib.file_digest(kept, "sha256").hexdigest()
        whole = found.encode() == classes_digest(archive).read_bytes()
    except OSError:
        return []
    if not whole:
        log.warning("kafka.classes_damaged", archive=str(archive), mend="make setup")
        return []
    return [f"-XX:SharedArchiveFile={archive}"]


def _format_kafka(java: str, libs: Path, folder: Path, properties: Path, log_file: Path) -> None:
    id_file = folder / "cluster-id"
    if not id_file.exists():
        write_whole(id_file, base64.urlsafe_b64encode(b"\x10" + secrets.token_bytes(15)).decode().rstrip("="))
    options = ["-Xmx128m", *OF_SHORT_RUNS, *_read_classes(libs)]
    tool = [java, *options, "-cp", f"{libs}/*", "kafka.tools.StorageTool", "format", "--ignore-formatted"]
    child = spawn([*tool, "--cluster-id", id_file.read_text(), "--config", str(properties)], log_file, None)
    if child.wait() != 0:
        room = crammed(folder, log_file.parent)
        raise LocalServerError(
            f"Kafka's data folder could not be formatted; the output is in {log_file}{room}"
        )


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
    """Ports: for the broker the preferred one if it is free, else any; and two other free ones."""
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
    """A port below the range of outgoing connections, so that none takes it before Kafka does."""
    for _ in range(PORTS_TRIED_MAX):
        with suppress(OSError):
            to.bind(("127.0.0.1", PORTS_LOW.start + secrets.randbelow(len(PORTS_LOW))))
            return
    to.bind(("127.0.0.1", 0))
