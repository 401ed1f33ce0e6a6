"""A PostgreSQL and a Kafka only for the benchmarks, with full durability, deleted at the end."""

import asyncio
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from figures import say
from msgspec import Struct
from uuid_utils.compat import uuid7

from events.journal import DEFAULT_LANES, initialise
from market.children import exclusive_lock, stop_orphan
from market.embedded_kafka import local_kafka
from market.embedded_postgres import local_postgres
from market.provision import prepare_database, role_url
from market.settings import Role, Settings, load

# The broker under load gets the whole compiler and twice the memory.
KAFKA_JAVA_OPTIONS = "-Xms256m -Xmx512m -XX:+UseSerialGC"


class Database(Struct, frozen=True):
    """A migrated database with its lanes."""

    settings: Settings
    admin_url: str

    def url(self, role: Role) -> str:
        return role_url(self.settings, self.admin_url, role)


class Servers(Struct, frozen=True):
    """`bootstrap` is empty where Kafka was not asked for."""

    settings: Settings
    admin_url: str
    bootstrap: str

    async def new_database(self, name: str) -> Database:
        """Migrated and initialised, with the deployment's own lane count."""
        await self._execute(f'create database "{name}"')
        url = urlunsplit(urlsplit(self.admin_url)._replace(path=f"/{name}"))
        await prepare_database(self.settings, url)
        database = Database(self.settings, url)
        owner = await asyncpg.connect(database.url("owner"))
        try:
            await initialise(owner, uuid7(), DEFAULT_LANES)
        finally:
            await owner.close()
        return database

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.admin_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@asynccontextmanager
async def servers(*, kafka: bool) -> AsyncIterator[Servers]:
    """Two benchmarks at once would disturb each other: the second one ends."""
    settings = load(instance="bench", kafka_port=0, kafka_java_options=KAFKA_JAVA_OPTIONS)
    if settings.database_url is not None or (kafka and settings.kafka_bootstrap is not None):
        say("measuring the servers that the environment names, not embedded ones")
    with exclusive_lock(settings.data_dir, "bench") as alone:
        if not alone:
            sys.exit("another benchmark is running")
        await asyncio.to_thread(_remove, settings.instance_dir)
        try:
            async with AsyncExitStack() as stack:
                say("starting PostgreSQL" + (" and Kafka" if kafka else ""))
                admin_url = await stack.enter_async_context(local_postgres(settings))
                bootstrap = await stack.enter_async_context(local_kafka(settings)) if kafka else ""
                if not isinstance(bootstrap, str):
                    sys.exit("benchmarks speak plain text with Kafka")
                yield Servers(settings, admin_url, bootstrap)
        finally:
            await asyncio.to_thread(_remove, settings.instance_dir)


def _remove(folder: Path) -> None:
    """With what a killed run left running in it."""
    with suppress(FileNotFoundError, ValueError, IndexError):
        pid = int((folder / "postgres" / "postmaster.pid").read_text("utf-8").split()[0])
        stop_orphan(pid, str(folder / "postgres"), signal.SIGQUIT)
    with suppress(FileNotFoundError, ValueError):
        stop_orphan(int((folder / "kafka" / "pid").read_text("utf-8")), str(folder / "kafka"), signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


async def server_versions(servers_: Servers) -> str:
    """PostgreSQL's and Kafka's and Java's versions, as found."""
    connection = await asyncpg.connect(servers_.admin_url)
    try:
        found = [f"PostgreSQL {(await connection.fetchval('show server_version')).split()[0]}"]
    finally:
        await connection.close()
    jars = sorted((servers_.settings.data_dir / "kafka" / "libs").glob("kafka_*.jar"))
    if servers_.bootstrap and jars:
        found.append(f"Kafka {jars[0].stem.rpartition('-')[2]}")
        found.append(await asyncio.to_thread(_java_version))
    return ", ".join(found)


def _java_version() -> str:
    told = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    return f"Java {told.split(chr(34))[1]}" if '"' in told else "Java of an unknown version"
