"""Monitoring: the checks of `/readyz`, and the gauges of lags and stopped lanes."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from contracts.rules.open_contests import Contested
from contracts.store import contests
from contracts.store.due import longest_due as contracts_longest_due
from events import clock_bounds, seals
from events.connections import Connection, Pool, acquire
from events.migrations import Files, compare_read, read_all
from events.watermarks import oldest_unpublished_seconds
from market.certificates import certificates
from market.disks import free_bytes
from market.ground import Wiring
from market.http.wire.ids import to_text
from market.metrics import (
    AUDIT_DIVERGENCES,
    AUDIT_RUN_AGE,
    CERTIFICATE_ENDS,
    CHECKPOINT_AGE,
    CLOCK_AHEAD,
    CONTEST_AGE,
    CONTESTS,
    COSIGNED_BEHIND,
    DATABASE_BYTES,
    DATABASE_FULL,
    DISK_FREE,
    IMPORT_OLDEST,
    LANE_AHEAD,
    LANE_STOPPED,
    LANE_WAITS,
    READER_LAG,
    READER_LAG_SECONDS,
    RELAY_OLDEST_SECONDS,
    TIMER_OLDEST_DUE,
    UNSEALED_OLDEST,
    WATCHED_AT,
    WEBHOOK_OLDEST_DUE,
    WEBHOOKS_UNSERVED,
)
from market.provision import MIGRATIONS
from market.readiness import Check
from market.settings import Settings
from market.store import audit_runs, waiting
from market.store.room import Trials, trial_write

log = structlog.get_logger("lodestone.watch")

WATCH_SECONDS: Final = 1.0
AGES_SECONDS: Final = 15.0
CERTIFICATES_SECONDS: Final = 3_600.0
RELAY_SECONDS_MAX: Final = 30.0
READY_SECONDS_MAX: Final = 2.0
CONTESTS_SHOWN_MAX: Final = 50
"""Per kind, since each is a series."""


# By the relay or for writers: a lane that was taken back is closed until the relay has compared it again.
STOPPED = """
select count(*) from record.lane l join record.relay r using (stream, lane)
where l.stopped_reason is not null or r.stopped_reason is not null
"""


def checks(wiring: Wiring) -> dict[str, Check]:
    """What `/readyz` asks: the database, its migrations, both clocks, room to write, how far the relay is
    behind, and whether a newer version has brought the database beyond this one."""

    async def database() -> str | None:
        try:
            async with _asking(wiring.reader) as connection:
                await connection.fetchval("select 1")
        except Exception as error:  # noqa: BLE001  any failure is the answer
            return f"the database does not answer: {type(error).__name__}"
        return None

    trials = Trials()
    files = read_all(MIGRATIONS)

    async def disk() -> str | None:
        try:
            async with _asking(wiring.reader) as connection:
                told = await trials.told(connection)
        except Exception as error:  # noqa: BLE001  any failure is the answer
            return f"whether the database can write cannot be asked: {type(error).__name__}"
        return None if told is None else "the database has no room to write: its disk is full"

    async def migrations() -> str | None:
        try:
            async with _asking(wiring.reader) as connection:
                missing = (await compare_read(connection, files)).to_apply
        except Exception as error:  # noqa: BLE001  any failure is the answer
            return f"the migrations cannot be read: {type(error).__name__}"
        return f"migrations are missing: {', '.join(missing)}" if missing else None

    async def clocks() -> str | None:
        try:
            async with _asking(wiring.reader) as connection:
                found = await clock_bounds.difference(connection, wiring.clock)
        except Exception as error:  # noqa: BLE001  any failure is the answer
            return f"the database's clock cannot be read: {type(error).__name__}"
        return told_difference(found) if wiring.clock_bound.is_off(found) else None

    async def relay() -> str | None:
        try:
            async with _asking(wiring.relay) as connection:
                stopped = await connection.fetchval(STOPPED)
                age = await oldest_unpublished_seconds(connection)
        except Exception as error:  # noqa: BLE001  any failure is the answer
            return f"the relay's watermarks cannot be read: {type(error).__name__}"
        if stopped:
            return f"{stopped} lanes are stopped"
        return f"the oldest unpublished event is {age:.0f} s old" if age > RELAY_SECONDS_MAX else None

    return {
        "clock": Check(ask=clocks),
        "database": Check(ask=database),
        "disk": Check(ask=disk, needed=False),
        "migrations": Check(ask=migrations),
        "relay": Check(ask=relay, needed=False),
        "version": Check(ask=partial(_version, wiring, files), needed=False),
    }


async def _version(wiring: Wiring, files: Files) -> str | None:
    try:
        async with _asking(wiring.reader) as connection:
            return (await compare_read(connection, files)).told_beyond
    except Exception as error:  # noqa: BLE001  any failure is the answer
        return f"the database's version cannot be read: {type(error).__name__}"


@asynccontextmanager
async def _asking(pool: Pool) -> AsyncIterator[Connection]:
    """A connection with a short timeout: a database that hangs or is cut off does not refuse.
    TimeoutError."""
    async with asyncio.timeout(READY_SECONDS_MAX), acquire(pool, seconds_max=READY_SECONDS_MAX) as connection:
        yield connection


def told_difference(found: timedelta) -> str:
    side = "behind" if found < timedelta(0) else "ahead of"
    return f"this process's clock is {abs(found).total_seconds():,.1f} s {side} the database's"


# Every reader with the end of its lane, and the recording time of the first event that it has not applied.
LAGS = """
select p.name, p.stream, p.lane, l.next_position - 1 - p.position as lag, p.stopped, p.waits,
       coalesce(extract(epoch from clock_timestamp() - j.recorded_at), 0)::float8 as seconds
from (
    select name, stream, lane, position, stopped_reason is not null as stopped,
        waits_reason is not null as waits
    from record.consumer
    union all
    select 'relay', stream, lane, position, stopped_reason is not null, false from record.relay
) p
join record.lane l on l.stream = p.stream and l.lane = p.lane
left join record.journal j on j.stream = p.stream and j.lane = p.lane and j.position = p.position + 1
"""


async def watch(wiring: Wiring, stop: asyncio.Event) -> None:
    """Brings the gauges up to date once a second, ages every fifteen, certificates each hour; a database that
    is away leaves them as they are, but for when they were read, and so does a query that fails: the other
    gauges go on.
    """
    ages_at, has_ages = -math.inf, False
    certificates_at = -math.inf
    while not stop.is_set():
        has_lags = await _shown(_show_lags(wiring))
        if time.monotonic() - ages_at >= AGES_SECONDS:
            has_ages = await _shown(_show_ages(wiring)) and await _shown(_show_room(wiring))
            ages_at = time.monotonic()
        if time.monotonic() - certificates_at >= CERTIFICATES_SECONDS:
            await _shown(_show_certificates(wiring))
            certificates_at = time.monotonic()
        if has_lags and has_ages:
            WATCHED_AT.set_to_current_time()
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), WATCH_SECONDS)


async def _shown(reading: Awaitable[None]) -> bool:
    """Returns whether it succeeded: a failing gauge must not end the process."""
    try:
        await reading
    except Exception as error:  # noqa: BLE001  whatever it is, the next look comes
        log.warning("watch_failed", error=repr(error))
        return False
    return True


async def _show_lags(wiring: Wiring) -> None:
    """Updates lags of relay and readers, and stopped lanes."""
    async with acquire(wiring.relay) as connection:
        RELAY_OLDEST_SECONDS.set(await oldest_unpublished_seconds(connection))
        rows = await connection.fetch(LAGS)
        diverged = await audit_runs.newest_diverged(connection)
    for row in rows:
        place = (row["name"], row["stream"], str(row["lane"]))
        READER_LAG.labels(*place).set(row["lag"])
        READER_LAG_SECONDS.labels(*place).set(row["seconds"])
        LANE_STOPPED.labels(*place).set(int(row["stopped"]))
        LANE_WAITS.labels(*place).set(int(row["waits"]))
    stopped = sum(row["stopped"] for row in rows if row["name"] == "auditor")
    AUDIT_DIVERGENCES.set(stopped + diverged)


async def _show_ages(wiring: Wiring) -> None:
    """How old what processes are to bring forth is: each process tells it of all, so that one that is gone is
    noticed. What is due, and files of rows, go by the clock that decides, the rest by the database's.
    """
    async with acquire(wiring.auditor) as connection:
        now = await connection.fetchval("select clock_timestamp()")
        signed_at = await seals.newest_signed_at(connection)
        unsealed_at = await seals.oldest_unsealed_at(connection)
        witnessed = await seals.witnessed_at(connection)
        audited_at = await audit_runs.last_at(connection)
        ahead = await clock_bounds.lanes_ahead(connection)
        off = await clock_bounds.difference(connection, wiring.clock)
    CLOCK_AHEAD.set(off.total_seconds())
    LANE_AHEAD.set(max(map(_seconds, ahead.values()), default=0))
    if wiring.clock_bound.is_off(off):
        log.error("clock_differs", told=told_difference(off))
    CHECKPOINT_AGE.set(math.nan if signed_at is None else _seconds(now - signed_at))
    UNSEALED_OLDEST.set(0 if unsealed_at is None else _seconds(now - unsealed_at))
    for witness, cosigned_at in witnessed.items():
        COSIGNED_BEHIND.labels(witness.partition("+")[0]).set(_seconds((signed_at or now) - cosigned_at))
    AUDIT_RUN_AGE.set(_seconds(now - audited_at))
    now = wiring.clock()
    async with acquire(wiring.writer) as connection:
        due = await waiting.longest_due(connection, now) | await contracts_longest_due(connection, now)
        contested = await contests.oldest(connection, limit=CONTESTS_SHOWN_MAX)
        waiting_contests = await contests.counted(connection)
        handed_in_at = await waiting.oldest_import_at(connection)
        message_seconds = await waiting.oldest_message_seconds(connection)
        unserved = await waiting.unserved_webhooks(connection)
    for kind, age in due.items():
        TIMER_OLDEST_DUE.labels(kind).set(_seconds(age))
    CONTEST_AGE.clear()
    for each in contested:
        CONTEST_AGE.labels(*_labels(each.contested)).set(_seconds(now - each.since))
    for kind, waits in waiting_contests.items():
        CONTESTS.labels(kind).set(waits)
    IMPORT_OLDEST.set(0 if handed_in_at is None else _seconds(now - handed_in_at))
    WEBHOOK_OLDEST_DUE.set(message_seconds)
    WEBHOOKS_UNSERVED.set(unserved)


async def _show_room(wiring: Wiring) -> None:
    """Updates the database's free disk space and its size."""
    for server, folder in own_folders(wiring.settings).items():
        DISK_FREE.labels(server).set(free_bytes(folder))
    async with acquire(wiring.reader) as connection:
        told = await trial_write(connection)
        DATABASE_BYTES.set(await connection.fetchval("select pg_database_size(current_database())"))
    DATABASE_FULL.set(int(told is not None))
    if told is not None:
        log.error("database_disk_full", told=told)


async def _show_certificates(wiring: Wiring) -> None:
    """Until when each counts, as it was last known; none of one that is no longer there."""
    found = await certificates(wiring.settings, wiring.ground.bootstrap)
    told = {sample.labels["certificate"] for sample in next(iter(CERTIFICATE_ENDS.collect())).samples}
    for gone in told - {each.what for each in found}:
        CERTIFICATE_ENDS.remove(gone)
    for each in found:
        if each.ends_at is not None:
            CERTIFICATE_ENDS.labels(each.what).set(each.ends_at.timestamp())
        else:
            log.warning("certificate_unread", certificate=each.what, why=each.fault)


def contest_subject(contested: Contested) -> str:
    """The agreement or the delivery."""
    return to_text("agr" if contested.kind == "declaration" else "del", contested.subject)


def _labels(contested: Contested) -> tuple[str, str, str]:
    return contested.kind, contest_subject(contested), str(contested.number or "")


def _seconds(age: timedelta) -> float:
    """Seconds for a metric; never negative, although clocks differ."""
    return max(0.0, age.total_seconds())


def own_folders(settings: Settings) -> Mapping[str, Path]:
    """Where the embedded servers keep their data, by server: none of what the settings name elsewhere."""
    named = {"postgres": settings.postgresql_url, "kafka": settings.kafka_bootstrap}
    folders = {server: settings.instance_dir / server for server in named}
    return {
        server: folders[server] for server, url in named.items() if url is None and folders[server].exists()
    }
