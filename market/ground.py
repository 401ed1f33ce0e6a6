"""What a process needs: connection pools by role, Kafka and its topics, and the wiring of its services."""

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any, Final

from msgspec import Struct, field, structs

from events import positions, watermarks
from events.brokers import Bootstrap
from events.clock_bounds import ClockBound, bound_of
from events.connections import (
    LOGIN_REFUSED,
    Connection,
    Pool,
    acquire,
    cluster_id,
    open_client,
    open_consumer,
    open_pool,
    open_producer,
)
from events.counts import counted
from events.decision import LaneKey
from events.desk import Desk, open_desk
from events.envelope import source_of
from events.ids import new_id
from events.journal import DEFAULT_LANES, Deployment, initialise, read_deployment
from events.lane import LaneWriter
from events.migration_plans import Planned, plan, plan_of_all
from events.migrations import Told, compare, pending, untold
from market.broker_logins import acting_as
from market.children import LocalServerError
from market.embedded_kafka import local_kafka
from market.embedded_postgres import local_postgres
from market.provision import MIGRATIONS, ProvisionError, prepare_database, role_url
from market.rules.streams.reach import Reach
from market.settings import Role, Settings
from market.store.applying import apply
from market.store.recently_read import RecentTerms
from market.topic_access import prepare_logins
from market.topics import create_topics

CLOSE_SECONDS_MAX: Final = 10.0
RELAY_CONNECTIONS: Final = 6
POOLS: Final[dict[Role, int | None]] = {
    "writer": None,
    "reader": None,
    "relay": RELAY_CONNECTIONS,
    "auditor": 4,
}
"""Connections per pool of a process; None: as many as the settings say."""


def clock() -> datetime:
    return datetime.now(UTC)


def new_salt() -> str:
    return os.urandom(16).hex()


def webhook_reach(settings: Settings) -> Reach:
    """The addresses to which webhooks may post."""
    networks = filter(None, settings.webhook_networks.split(","))
    return Reach(
        ports=frozenset(map(int, settings.webhook_ports.split(","))),
        networks=tuple(ip_network(network.strip()) for network in networks),
        plain=settings.webhook_plain,
    )


class OtherVersion(LocalServerError):
    """The database has another version than this program, which therefore neither reads nor writes it."""


class Ground(Struct, frozen=True, kw_only=True):
    """Running servers. `bootstrap` is Kafka's with a login; `admin_url` as `Settings.postgresql_url`."""

    settings: Settings
    admin_url: str
    bootstrap: Bootstrap

    async def pool(self, role: Role, size: int | None = None, session: Mapping[str, str] = {}) -> Pool:
        """A pool with the role's login, `session` as in `open_pool`; the caller closes it."""
        url = role_url(self.settings, self.admin_url, role)
        connections = self.settings.pool_connections_max if size is None else size
        name = f"lodestone-{role}"
        return await open_pool(url, size=connections, application_name=name, session=session)

    @asynccontextmanager
    async def opened_pool(self, role: Role, size: int) -> AsyncIterator[Pool]:
        pool = await self.pool(role, size)
        try:
            yield pool
        finally:
            await close_pool(pool)

    def acting_as(self, service: str) -> "Ground":
        """Logged in to Kafka as a service, where each has a login of its own."""
        return structs.replace(self, bootstrap=acting_as(self.settings, self.bootstrap, service))

    async def producer(self) -> Any:
        return await open_producer(self.bootstrap)

    def client(self) -> AbstractAsyncContextManager[Any]:
        return open_client(self.bootstrap)

    async def consumer(self) -> Any:
        return await open_consumer(self.bootstrap)

    async def cluster_id(self) -> str:
        return await cluster_id(self.bootstrap)


@asynccontextmanager
async def stand_on_database(settings: Settings) -> AsyncIterator[Ground]:
    """As `stand`, without Kafka: `bootstrap` is empty."""
    async with local_postgres(settings) as admin_url:
        yield Ground(settings=settings, admin_url=admin_url, bootstrap="")


class Prepared(Struct, frozen=True, kw_only=True):
    """What `prepare` did now."""

    deployment: Deployment
    migrations: tuple[str, ...]
    topics: tuple[str, ...]


@asynccontextmanager
async def stand(settings: Settings) -> AsyncIterator[Ground]:
    """The servers named in the settings, else the embedded ones, while the context is open."""
    async with local_postgres(settings) as admin_url, local_kafka(settings) as bootstrap:
        yield Ground(settings=settings, admin_url=admin_url, bootstrap=bootstrap)


async def migrate_database(
    ground: Ground, lanes: int | None = None, told: Told = untold
) -> tuple[Deployment, tuple[str, ...]]:
    """Applies roles, migrations and the record's lanes; `lanes` is used only if the record is created now."""
    applied = await prepare_database(ground.settings, ground.admin_url, told)
    owner = await ground.pool("owner", 1)
    try:
        async with acquire(owner) as connection:
            existing = await connection.fetchval("select lanes from record.deployment")
            if lanes is not None and existing not in (None, lanes):
                raise ProvisionError(f"this record has {existing} lanes per stream, which cannot change")
            return await initialise(connection, new_id(), lanes or existing or DEFAULT_LANES), applied
    finally:
        await close_pool(owner)


async def planned_migrations(ground: Ground) -> tuple[Planned, ...]:
    """What `migrate_database` would do; all of it while the reader's role, or its password, is missing.

    MigrationError as `pending_migrations` raises it.
    """
    try:
        async with ground.opened_pool("reader", 1) as pool, acquire(pool) as connection:
            return await plan(connection, MIGRATIONS)
    except LOGIN_REFUSED:
        return plan_of_all(MIGRATIONS)


async def pending_migrations(ground: Ground) -> tuple[str, ...]:
    """What `migrate_database` would apply; all while the reader's role, or its password, is missing.

    MigrationError where the database is of a newer version, or an applied file was changed.
    """
    try:
        async with ground.opened_pool("reader", 1) as pool, acquire(pool) as connection:
            return await pending(connection, MIGRATIONS)
    except LOGIN_REFUSED:
        return tuple(sorted(path.name for path in MIGRATIONS.glob("*.sql")))


async def prepare(ground: Ground, lanes: int | None = None, told: Told = untold) -> Prepared:
    """Prepares database and topics; may be repeated."""
    deployment, applied = await migrate_database(ground, lanes, told)
    topics = await prepare_kafka(ground, deployment.lanes)
    return Prepared(deployment=deployment, migrations=applied, topics=topics)


async def prepare_kafka(ground: Ground, lanes: int) -> tuple[str, ...]:
    """Creates topics and, if services have their own logins, users and rights; returns the topics created
    now."""
    settings = ground.settings
    topics = await create_topics(ground.bootstrap, lanes, prefix=settings.topic_prefix)
    await prepare_logins(settings, ground.bootstrap)
    return topics


class Wiring(Struct, frozen=True, kw_only=True):
    """What the services of one process share; `desk` executes the commands of API, timers and command line.

    `clock` is the time of decisions; leases and lag use the database's clock.
    """

    ground: Ground
    deployment: Deployment
    owner: str
    writer: Pool
    reader: Pool
    relay: Pool
    auditor: Pool
    desk: Desk
    clock: Callable[[], datetime]
    recent: RecentTerms = field(default_factory=RecentTerms)

    @property
    def settings(self) -> Settings:
        return self.ground.settings

    @property
    def clock_bound(self) -> ClockBound:
        return bound_of(self.settings.clock_ahead_seconds_max)

    @property
    def prefix(self) -> str:
        return self.ground.settings.topic_prefix

    @property
    def source(self) -> str:
        return source_of(self.deployment.deployment_id)

    @property
    def lanes(self) -> Sequence[int]:
        return range(self.deployment.lanes)

    def acting_as(self, service: str) -> "Wiring":
        """As `Ground.acting_as`."""
        return structs.replace(self, ground=self.ground.acting_as(service))

    async def resume_reader(self, name: str, key: LaneKey, *, again: bool = False) -> bool | None:
        """Resumes a reader's stopped lane, on an operator's command; `again`: from the first record of a
        recreated topic.

        False when it was not stopped; None if there is no such reader of that lane.
        """
        async with acquire(self.writer) as connection:
            if again:
                return await positions.reread(connection, name, key) or None
            return await positions.resume(connection, name, key)

    async def resume_readers(self, keys: Sequence[LaneKey]) -> list[tuple[str, LaneKey]]:
        """Resumes every reader that has stopped on one of the lanes."""
        async with acquire(self.writer) as connection:
            return await positions.resume_lanes(connection, keys)

    async def resume_relay(self, key: LaneKey) -> bool | None:
        """Lets the relay compare topic and journal again, on an operator's command; False when it was not
        stopped."""
        async with acquire(self.relay) as connection:
            return await watermarks.resume(connection, key)


@asynccontextmanager
async def wire(ground: Ground, clock: Callable[[], datetime] = clock) -> AsyncIterator[Wiring]:
    """Pools by role and a running lane writer.

    NotInitialised before the first `prepare`, OtherVersion on a database of an earlier or a newer version.
    """
    async with AsyncExitStack() as stack:
        pools: dict[Role, Pool] = {}
        for role, size in POOLS.items():
            pool = await ground.pool(role, size)
            pools[role] = pool
            stack.push_async_callback(close_pool, pool)
        async with acquire(pools["writer"]) as connection:
            deployment = await read_deployment(connection)
            await _check_version(connection)
        bound = bound_of(ground.settings.clock_ahead_seconds_max)
        writer = LaneWriter(
            pools["writer"], apply, clock=clock, new_id=new_id, new_salt=new_salt, bound=bound
        )
        await writer.start()
        stack.push_async_callback(writer.stop)
        yield Wiring(
            ground=ground,
            deployment=deployment,
            owner=f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}",
            writer=pools["writer"],
            reader=pools["reader"],
            relay=pools["relay"],
            auditor=pools["auditor"],
            desk=await open_desk(writer, pools["writer"], new_id),
            clock=clock,
        )


async def _check_version(connection: Connection) -> None:
    """OtherVersion says which, and what to do."""
    found = await compare(connection, MIGRATIONS)
    if found.told_beyond is not None:
        raise OtherVersion(found.told_beyond)
    if names := tuple(found.to_apply):
        raise OtherVersion(
            f"this database is of an earlier version: {counted(len(names), 'migration')} of this one "
            f"from {min(names)} on are not applied to it; stop the services of before and run "
            "`lodestone migrate`, as docs/upgrading.md says"
        )


async def close_pool(pool: Pool) -> None:
    """Closes a pool; waits for connections in use, but only a limited time."""
    try:
        await asyncio.wait_for(pool.close(), CLOSE_SECONDS_MAX)
    except TimeoutError:
        pool.terminate()
