"""Servers for the tests: PostgreSQL and Kafka per process of tests, one migrated database per test."""

import gc
import itertools
import os
import secrets
import shutil
import signal
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import hypothesis
import pytest

from market.children import exclusive_lock, stop_orphan
from market.embedded_kafka import local_kafka
from market.embedded_postgres import local_postgres
from market.provision import prepare_database, role_url
from market.settings import Role, Settings, load
from tests.market_support import OpenMarket, Scene, scene_on

# A test database is thrown away: what an operating system crash would lose does not matter.
POSTGRES_CONF = """
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
min_wal_size = 80MB
"""

# Files are copied in less time than their blocks are logged.
COPY = "create database {name} template {template} owner lodestone_owner strategy file_copy"

hypothesis.settings.register_profile("lodestone", deadline=None, print_blob=True)
hypothesis.settings.register_profile(
    "deep", parent=hypothesis.settings.get_profile("lodestone"), max_examples=1_000
)
hypothesis.settings.register_profile(
    "settled", parent=hypothesis.settings.get_profile("lodestone"), derandomize=True, database=None
)
hypothesis.settings.load_profile("lodestone")

SESSION_LOCK = "session"

START_SECONDS_MAX = 150
"""Each process of tests starts its servers while the others start theirs."""

MEMORY = Path("/dev/shm")
MEMORY_BYTES_MIN = 2 << 30

counter = itertools.count(1)


@dataclass(frozen=True)
class Database:
    """A migrated database of one test, dropped after it; `market` is open in it, if any."""

    settings: Settings
    admin_dsn: str
    market: OpenMarket | None = None

    def dsn(self, role: Role) -> str:
        return role_url(self.settings, self.admin_dsn, role)

    @property
    def name(self) -> str:
        return name_of(self.admin_dsn)


class Copier(NamedTuple):
    """The administrator's session in which databases are copied and dropped."""

    dsn: str
    connection: "asyncpg.Connection[asyncpg.Record]"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Folders of killed sessions go, before any process of tests of this one makes its own."""
    if not is_worker(session.config):
        for folder in load(environment="test").data_dir.glob("test-*"):
            _remove_if_left(folder)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Modules and tests stay to the end: the collector need not look at them time and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Beside other processes: whole files in a run, after what may take longest, dealt out among them."""
    if is_worker(config):
        processes: int = config.workerinput["workercount"]  # type: ignore[attr-defined]
        longest = sorted(filter(seconds_max, items), key=seconds_max, reverse=True)
        others = [item for item in items if not seconds_max(item)]
        each = -(-len(others) // processes)
        items[:] = [
            item
            for number in range(processes)
            for item in (*longest[number::processes], *others[number * each : (number + 1) * each])
        ]


def is_worker(config: pytest.Config) -> bool:
    """Whether this is one of several processes of tests (`pytest -n`)."""
    return hasattr(config, "workerinput")


def seconds_max(item: pytest.Item) -> float:
    """What the test's own `timeout` mark gives it, 0 for one that has none."""
    mark = item.get_closest_marker("timeout")
    return 0.0 if mark is None else float(mark.args[0])


@pytest.fixture(scope="session")
def server_settings() -> Iterator[Settings]:
    """This process's servers; their folder goes with it."""
    settings = load(
        environment="test", instance=f"test-{os.getpid()}", kafka_port=0, start_seconds_max=START_SECONDS_MAX
    )
    _put_in_memory(settings.instance_dir)
    with exclusive_lock(settings.instance_dir, SESSION_LOCK):
        yield settings
    _remove(settings.instance_dir)


@pytest.fixture(scope="session")
async def postgres_admin_dsn(server_settings: Settings) -> AsyncIterator[str]:
    async with local_postgres(server_settings, conf=POSTGRES_CONF) as dsn:
        yield dsn


@pytest.fixture(scope="session")
async def copier(postgres_admin_dsn: str) -> AsyncIterator[Copier]:
    """One session for all copies: to open one for each took a quarter of what a copy takes."""
    connection = await asyncpg.connect(postgres_admin_dsn)
    yield Copier(dsn=postgres_admin_dsn, connection=connection)
    await connection.close()


@pytest.fixture(scope="session")
async def template_database(server_settings: Settings, copier: Copier) -> AsyncIterator[str]:
    """Name of a migrated database that is copied for each test."""
    name = f"lodestone_template_{os.getpid()}"
    await copier.connection.execute(f"create database {name}")
    await prepare_database(server_settings, with_database(copier.dsn, name))
    yield name
    await copier.connection.execute(f"drop database {name} with (force)")


@pytest.fixture
async def database(
    server_settings: Settings, copier: Copier, template_database: str
) -> AsyncIterator[Database]:
    """A fresh migrated database."""
    async with copy_of(copier, template_database) as dsn:
        yield Database(settings=server_settings, admin_dsn=dsn)


@pytest.fixture(scope="session")
async def template_market(
    server_settings: Settings, copier: Copier, template_database: str
) -> AsyncIterator[tuple[str, OpenMarket]]:
    """Name of a database with an open market that is copied for each test that begins there."""
    async with copy_of(copier, template_database) as dsn:
        async with scene_on(Database(settings=server_settings, admin_dsn=dsn)) as scene:
            known = scene.known()
        yield name_of(dsn), known


@pytest.fixture
async def market_database(
    server_settings: Settings, copier: Copier, template_market: tuple[str, OpenMarket]
) -> AsyncIterator[Database]:
    """A database in which two sellers and two buyers may trade."""
    async with market_copy(server_settings, copier, template_market) as database:
        yield database


@pytest.fixture(scope="module")
async def shared_market_database(
    server_settings: Settings, copier: Copier, template_market: tuple[str, OpenMarket]
) -> AsyncIterator[Database]:
    """The same for tests of one file that change nothing in it."""
    async with market_copy(server_settings, copier, template_market) as database:
        yield database


@pytest.fixture
async def scene(database: Database) -> AsyncIterator[Scene]:
    """The market of the test's database, which is opened where there is none."""
    async with scene_on(database) as opened:
        yield opened


@pytest.fixture(scope="session")
async def kafka_bootstrap(server_settings: Settings) -> AsyncIterator[str]:
    async with local_kafka(server_settings) as bootstrap:
        assert isinstance(bootstrap, str), "tests speak plain text with the session's Kafka"
        yield bootstrap


@pytest.fixture
def topic_prefix() -> str:
    """A prefix that no other test's topics have."""
    return f"t{next(counter)}-{secrets.token_hex(4)}."


def with_database(dsn: str, name: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


def name_of(dsn: str) -> str:
    return urlsplit(dsn).path.removeprefix("/")


@asynccontextmanager
async def copy_of(copier: Copier, template: str) -> AsyncIterator[str]:
    """A copy of a database to which nobody is connected; dropped at the end."""
    name = f"lodestone_test_{os.getpid()}_{next(counter)}"
    await copier.connection.execute(COPY.format(name=name, template=template))
    yield with_database(copier.dsn, name)
    await copier.connection.execute(f"drop database {name} with (force)")


@asynccontextmanager
async def market_copy(
    settings: Settings, copier: Copier, template_market: tuple[str, OpenMarket]
) -> AsyncIterator[Database]:
    """A copy with its market, as `template_market` and the templates made from it name them."""
    template, market = template_market
    async with copy_of(copier, template) as dsn:
        yield Database(settings=settings, admin_dsn=dsn, market=market)


def _put_in_memory(folder: Path) -> None:
    """Where the machine has a file system in memory with room: a database is copied there in a tenth of the
    processor time."""
    with suppress(OSError):
        if not folder.exists() and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES_MIN:
            memory = MEMORY / f"lodestone-{folder.name}-{secrets.token_hex(8)}"
            memory.mkdir()
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.symlink_to(memory)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder.resolve(), ignore_errors=True)
    if folder.is_symlink():
        folder.unlink()


def _remove_if_left(folder: Path) -> None:
    """Stops and removes the servers of a session that was killed; leaves those of one that runs."""
    if not folder.exists():
        _remove(folder)
        return
    with exclusive_lock(folder, SESSION_LOCK) as left:
        if not left:
            return
        with suppress(FileNotFoundError, ValueError, IndexError):
            pid = int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])
            stop_orphan(pid, str(folder / "postgres"), signal.SIGQUIT)
        with suppress(FileNotFoundError, ValueError):
            stop_orphan(int((folder / "kafka" / "pid").read_text()), str(folder / "kafka"), signal.SIGKILL)
        _remove(folder)
