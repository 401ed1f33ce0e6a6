"""API processes as a deployment runs them: `lodestone run api`, one port each."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import Struct
from servers import Database

START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30
# The API never talks to Kafka; it gets an address so that no embedded one is started.
NO_KAFKA = "127.0.0.1:9"


class Process(Struct, frozen=True):
    """`port` is 0 for a process without an API."""

    child: subprocess.Popen[bytes]
    port: int


@asynccontextmanager
async def services(
    database: Database,
    names: Sequence[str],
    *,
    count: int = 1,
    bootstrap: str = NO_KAFKA,
    prefix: str = "",
    settings: Mapping[str, str] = {},
) -> AsyncIterator[list[Process]]:
    """`count` processes, each with all of these services; an API answers when the body begins.

    `settings` are further ones, by the names of their variables.
    """
    started: list[Process] = []
    try:
        labels = [f"{'-'.join(names)}-{number}" for number in range(count)]
        started += [_start(database, names, bootstrap, prefix, label, settings) for label in labels]
        for process in started:
            if process.port:
                await _answers(process)
        yield started
    finally:
        for process in started:
            process.child.send_signal(signal.SIGTERM)
        for process in started:
            await asyncio.to_thread(_ended, process.child)


def _start(
    database: Database,
    names: Sequence[str],
    bootstrap: str,
    prefix: str,
    label: str,
    settings: Mapping[str, str],
) -> Process:
    port = _free_port() if "api" in names else 0
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LODESTONE_")} | {
        "LODESTONE_INSTANCE": database.settings.instance,
        "LODESTONE_DATA_DIR": str(database.settings.data_dir),
        "LODESTONE_DATABASE_URL": database.admin_url,
        "LODESTONE_KAFKA_BOOTSTRAP": bootstrap,
        "LODESTONE_TOPIC_PREFIX": prefix,
        "LODESTONE_HTTP_PORT": str(port),
        "LODESTONE_LOG_FORMAT": "json",
        **settings,
    }
    log = database.settings.instance_dir / f"{label}.log"
    with log.open("ab") as sink:
        child = subprocess.Popen(
            [str(Path(sys.executable).with_name("lodestone")), "run", *names],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    return Process(child, port)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _answers(process: Process) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + START_SECONDS_MAX
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", process.port)
        except OSError:
            if process.child.poll() is not None or loop.time() > deadline:
                raise RuntimeError(f"the API on port {process.port} does not answer; see its log") from None
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return


def _ended(child: subprocess.Popen[bytes]) -> None:
    try:
        child.wait(STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
