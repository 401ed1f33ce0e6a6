"""Builds what talks to PostgreSQL and Kafka, with the settings that the record needs."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from traceback import walk_tb
from typing import Literal, TypeAlias

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import collect_hosts
from aiokafka.errors import KafkaConnectionError, KafkaError
from asyncpg.pool import Pool as AsyncpgPool
from asyncpg.pool import PoolAcquireContext, PoolConnectionProxy
from asyncpg.protocol import protocol

from events.brokers import Bootstrap, Brokers, aiokafka_options
from events.frames import FrameClient
from events.whole_requests import WholeRequestClient

Pooled: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
Pool: TypeAlias = "AsyncpgPool[asyncpg.Record]"
Consumer: TypeAlias = AIOKafkaConsumer
Producer: TypeAlias = AIOKafkaProducer

POSTGRES_MAJOR_MIN = 18
SEARCH_PATH = "state, view"
QUERIES_PER_CONNECTION_MAX = 10**9
CONNECT_TIMEOUT_SECONDS = 5.0
COMMAND_TIMEOUT_SECONDS = 60.0
ACQUIRE_SECONDS_MAX = 5.0

PRODUCER_BATCH_BYTES = 1_000_000
REQUEST_BYTES_MAX = 1_048_576
FETCH_BYTES_MAX = 8 * 1024 * 1024
PARTITION_FETCH_BYTES_MAX = 1_048_576
FETCH_WAIT_MS_MAX = 100
KAFKA_REQUEST_TIMEOUT_MS = 20_000
PRODUCER_STOP_SECONDS_MAX = 5.0
CUT_OFF_SECONDS_MAX = 1.0

NO_ADDRESS = (ValueError, OverflowError)
"""Errors for a host or port that cannot be valid."""

DATABASE_LOST = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    OSError,
)
"""The connection was lost: what was under way may have been done or not."""

DATABASE_AWAY = (
    *DATABASE_LOST,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionTimeoutError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
)
"""The database cannot be used now for any statement: it is restarting, full or a replica, or the session was
ended."""

LOCK_HELD = asyncpg.LockNotAvailableError
BROKEN_OFF = asyncpg.QueryCanceledError
TOOK_TOO_LONG = (BROKEN_OFF, asyncpg.TransactionTimeoutError)
"""Of what was asked for: the database does the rest."""

LOGIN_REFUSED = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)
"""Unknown role or database, or wrong password."""

DATABASE_ERRORS = (asyncpg.PostgresError, *DATABASE_LOST)
"""Every error that a statement may raise."""


# asyncpg checks whether each element of an array is an array too, and each array a mapping; for built-in
# types it needs no Python call for that.
protocol.IterableABC = protocol.SizedABC = (list, tuple)  # type: ignore[attr-defined]  # not in its stubs
protocol.MappingABC = dict  # type: ignore[attr-defined]  # not in its stubs


class UnsafeDatabase(RuntimeError):
    """The role could bypass the protection of the record, or the server is too old."""


# Only SET LOCAL is used, so sessions need no reset; asyncpg still rolls back an open transaction.
async def _keep_session(_connection: object) -> None:
    return None


CHECK_SESSION = """
select current_setting('server_version_num')::int / 10000 as major,
       coalesce(bool_or(rolsuper or rolbypassrls), false) as unsafe,
       string_agg(distinct rolname, ', ') as names
from pg_roles
where rolname in (current_user, session_user)
"""


async def check_session(connection: Connection) -> None:
    """UnsafeDatabase for a superuser, a role with BYPASSRLS, or a server before PostgreSQL 18."""
    check_version(await connection.fetchval("select current_setting('server_version_num')::int / 10000"))
    row = await connection.fetchrow(CHECK_SESSION)
    if row is None or row["unsafe"]:
        names = None if row is None else row["names"]
        raise UnsafeDatabase(
            f"refusing to run as {names}: a superuser or a role with BYPASSRLS ignores row-level security. "
            "Use the lodestone_* roles that `lodestone migrate` creates."
        )


def check_version(major: int) -> None:
    if major < POSTGRES_MAJOR_MIN:
        raise UnsafeDatabase(f"PostgreSQL {major} is too old: Lodestone needs {POSTGRES_MAJOR_MIN} or newer.")


async def open_pool(
    dsn: str,
    *,
    size: int,
    search_path: str = SEARCH_PATH,
    application_name: str = "lodestone",
    session: Mapping[str, str] = {},
    plan_cache_mode: Literal["auto", "force_generic_plan"] = "force_generic_plan",
) -> Pool:
    """A pool of at most `size` connections as the role of `dsn`. UnsafeDatabase as `check_session`.

    `session`: further settings for the whole session. Generic plans suit statements over `unnest($1)`, which
    the server would otherwise plan again at every call.
    """
    pool: Pool = asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=size,
        max_queries=QUERIES_PER_CONNECTION_MAX,
        timeout=CONNECT_TIMEOUT_SECONDS,
        command_timeout=COMMAND_TIMEOUT_SECONDS,
        reset=_keep_session,
        server_settings={
            "application_name": application_name,
            "search_path": search_path,
            "timezone": "UTC",
            "jit": "off",
            "plan_cache_mode": plan_cache_mode,
            "default_transaction_isolation": "read committed",
            **session,
        },
    )
    await pool
    try:
        async with acquire(pool) as connection:
            await check_session(connection)
    except BaseException:
        pool.terminate()
        raise
    return pool


def acquire(pool: Pool, *, seconds_max: float = ACQUIRE_SECONDS_MAX) -> "PoolAcquireContext[asyncpg.Record]":
    """One of the pool's connections, in `async with`. TimeoutError when none was free in time."""
    return pool.acquire(timeout=seconds_max)


def acquire_at_once(
    pool: Pool, *, seconds_max: float = ACQUIRE_SECONDS_MAX
) -> "PoolAcquireContext[asyncpg.Record]":
    """As `acquire`, but without a task and a timer if a connection is free. Only for code that leaves no
    transaction open, since a rollback on release would not be limited by `seconds_max`."""
    return pool.acquire(timeout=None if pool.get_idle_size() else seconds_max)


async def _start(
    bootstrap: Bootstrap, start: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]]
) -> None:
    """Starts a client; leaves nothing open if that fails or is cancelled, and its error says why."""
    try:
        await start()
    except BaseException as error:
        await _close_first_connection(error)
        await stop()
        if type(error) is KafkaConnectionError or isinstance(error, NO_ADDRESS):
            raise KafkaConnectionError(await _why_not(bootstrap)) from error
        raise


async def _why_not(bootstrap: Bootstrap) -> str:
    """Why no address answers: aiokafka only logs it, so each address is tried again, without TLS and
    login."""
    refused = "what listens there does not take this connection as Kafka, or refuses the login"
    if isinstance(bootstrap, Brokers):
        refused += ", or its certificate is not trusted"
    told = []
    for server in filter(None, map(str.strip, str(bootstrap).split(","))):
        try:
            ((host, port, _),) = collect_hosts(server)
            async with asyncio.timeout(CUT_OFF_SECONDS_MAX):
                _, writer = await asyncio.open_connection(host, port)
        except NO_ADDRESS:
            reason = "no address, which is written HOST:PORT"
        except TimeoutError:
            reason = "no answer in time"
        except OSError as error:
            number = error.errno or 0
            reason = os.strerror(number) if number > 0 else error.strerror or str(error)
        else:
            writer.close()
            reason = refused
        told.append(f"{server}: {reason}")
    return "; ".join(told) or "no address of a broker is named"


async def _close_first_connection(error: BaseException) -> None:
    """When it is cancelled, aiokafka leaks the connection on which it asks for the brokers, which only a
    local variable of `AIOKafkaClient.bootstrap` holds: it is found in the frames of the error's traceback."""
    for frame, _ in walk_tb(error.__traceback__):
        connection = frame.f_locals.get("bootstrap_conn")
        if connection is not None:
            await asyncio.wait([connection.close()], timeout=CUT_OFF_SECONDS_MAX)


async def open_producer(bootstrap: Bootstrap) -> AIOKafkaProducer:
    """An idempotent producer that waits for all in-sync replicas; it has to be replaced after an error."""
    producer = new_producer(bootstrap)
    # aiokafka has no parameter for the class of a producer's client.
    producer.client.__class__ = WholeRequestClient
    await _start(bootstrap, producer.start, producer.stop)
    return producer


def new_producer(bootstrap: Bootstrap) -> AIOKafkaProducer:
    """aiokafka's producer with our settings, not started yet."""
    return AIOKafkaProducer(
        **aiokafka_options(bootstrap),
        enable_idempotence=True,
        acks="all",
        max_batch_size=PRODUCER_BATCH_BYTES,
        max_request_size=REQUEST_BYTES_MAX,
        request_timeout_ms=KAFKA_REQUEST_TIMEOUT_MS,
        metadata_max_age_ms=30_000,
    )


async def end_producer(producer: Producer, seconds_max: float = PRODUCER_STOP_SECONDS_MAX) -> None:
    """Stop it when all is sent, or after `seconds_max` close its connections: whether Kafka has the rest is
    then unknown. An idempotent producer retries for ever, so its own `stop` would wait as long as a broker is
    away."""
    stopping = asyncio.create_task(producer.stop())
    try:
        await asyncio.wait([stopping], timeout=seconds_max)
    finally:
        if not stopping.done():
            producer._message_accumulator.fail_all(KafkaConnectionError("cut off"))
            producer._sender.sender_task.cancel()
        await _cut_off(producer)
        await asyncio.wait([stopping], timeout=CUT_OFF_SECONDS_MAX)
        # A send that was under way may have opened another connection.
        await _cut_off(producer)
        if not (stopping.cancel() or stopping.cancelled()):
            stopping.exception()


async def _cut_off(producer: Producer) -> None:
    """Close its connections without waiting for a broker that no longer reads from them."""
    with suppress(Exception):
        await asyncio.wait_for(producer.client.close(), CUT_OFF_SECONDS_MAX)


class SharedProducer:
    """One producer for all senders, replaced after an error, from which an idempotent producer never
    recovers."""

    def __init__(self, open_producer: Callable[[], Awaitable[Producer]]) -> None:
        self._open = open_producer
        self._opening = asyncio.Lock()
        self._discarding = asyncio.Lock()
        self._producer: Producer | None = None

    async def get(self) -> Producer:
        async with self._opening:
            if self._producer is None:
                self._producer = await self._open()
            return self._producer

    async def discard(self, failed: Producer | None) -> None:
        """The next `get` opens another one. Returns when the failed one no longer sends, whoever stopped it:
        so none of its records arrives after those that are sent again."""
        async with self._discarding:
            if failed is not None and failed is self._producer:
                await self.close()

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await end_producer(producer)


async def open_consumer(bootstrap: Bootstrap) -> AIOKafkaConsumer:
    """A consumer without a group: partitions are assigned explicitly, positions are stored in PostgreSQL."""
    consumer = AIOKafkaConsumer(
        **aiokafka_options(bootstrap),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        fetch_max_bytes=FETCH_BYTES_MAX,
        max_partition_fetch_bytes=PARTITION_FETCH_BYTES_MAX,
        fetch_max_wait_ms=FETCH_WAIT_MS_MAX,
        request_timeout_ms=KAFKA_REQUEST_TIMEOUT_MS,
        metadata_max_age_ms=30_000,
    )
    await _start(bootstrap, consumer.start, consumer.stop)
    return consumer


@asynccontextmanager
async def open_client(bootstrap: Bootstrap) -> AsyncIterator[AIOKafkaClient]:
    """A client with connections to the brokers and their metadata of all topics; it only sends given
    requests."""
    client = FrameClient(
        **aiokafka_options(bootstrap), request_timeout_ms=KAFKA_REQUEST_TIMEOUT_MS, metadata_max_age_ms=30_000
    )
    await _start(bootstrap, client.bootstrap, client.close)
    try:
        if not await client.force_metadata_update():
            raise KafkaConnectionError(f"{bootstrap} does not say which topics there are")
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def open_admin(bootstrap: Bootstrap) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client, which lists topics and brokers and creates topics."""
    admin = AIOKafkaAdminClient(**aiokafka_options(bootstrap), request_timeout_ms=KAFKA_REQUEST_TIMEOUT_MS)
    await _start(bootstrap, admin.start, admin.close)
    try:
        yield admin
    finally:
        await admin.close()


async def broker_places(bootstrap: Bootstrap) -> tuple[str, ...]:
    """`host:port` of every broker, as it advertises itself; empty while none answers."""
    try:
        async with open_client(bootstrap) as client:
            return tuple(f"{each.host}:{each.port}" for each in client.cluster.brokers())
    except (KafkaError, OSError):
        return ()


async def cluster_id(bootstrap: Bootstrap) -> str:
    """The id that the cluster was formatted with."""
    async with open_admin(bootstrap) as admin:
        return str((await admin.describe_cluster())["cluster_id"])
