"""PROCESS runs the whole audit from the topics alone at intervals, in a separate process; every run is
stored."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from events.connections import DATABASE_ERRORS, Pool, acquire
from events.ids import new_id
from events.key_files import KeyFileError
from events.notes import NoteError, VerifierKey
from market.audit.auditor import AuditImpossible, audit
from market.audit.processes import AuditLost
from market.audit.report import AuditReport, encode_report, verdict_told
from market.checkpoint_keys import operator_key
from market.ground import Wiring
from market.store import audit_runs
from market.store.audit_runs import AuditRun, RecordedBy

log = structlog.get_logger("lodestone.audit")

LOOK_SECONDS: Final = 60.0


def run_of(run: UUID, report: AuditReport, recorded_by: RecordedBy, now: datetime) -> AuditRun:
    return AuditRun(
        run=run,
        recorded_by=recorded_by,
        finished_at=report.run.finished_at if report.run is not None else now,
        diverged=report.diverged,
        report=encode_report(report),
    )


async def keep(pool: Pool, run: AuditRun) -> None:
    async with acquire(pool) as connection:
        await audit_runs.insert(connection, run)


async def audit_now_and_then(
    wiring: Wiring, stop: asyncio.Event, *, look_seconds: float = LOOK_SECONDS
) -> None:
    """Until `stop`. An audit that cannot be made is told in the log and tried again later."""
    hours = wiring.settings.audit_hours
    while hours and not stop.is_set():
        working = asyncio.create_task(_audit_when_due(wiring, timedelta(hours=hours)))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        working.cancel()
        with suppress(asyncio.CancelledError):
            try:
                await working
            except (AuditImpossible, AuditLost, *DATABASE_ERRORS) as error:
                log.warning("audit_failed", error=repr(error))
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), look_seconds)


async def _audit_when_due(wiring: Wiring, apart: timedelta) -> None:
    async with acquire(wiring.auditor) as connection:
        if wiring.clock() - await audit_runs.last_at(connection) < apart:
            return
        if not await audit_runs.try_lock(connection):
            return
        try:
            await audit_once(wiring)
        finally:
            await audit_runs.unlock(connection)


async def audit_once(wiring: Wiring) -> AuditRun:
    """In a process apart: a certificate is proved in one piece, which this one could not wait for."""
    report = await audit(
        wiring.ground.bootstrap,
        prefix=wiring.prefix,
        deployment_id=wiring.deployment.deployment_id,
        key=_key(wiring),
        apart=True,
    )
    run = run_of(new_id(), report, "auditor", wiring.clock())
    await keep(wiring.auditor, run)
    tell: Callable[..., None] = log.error if report.diverged else log.info
    tell("audit_ended", run=str(run.run), verdict=verdict_told(report), records=report.records)
    return run


def _key(wiring: Wiring) -> VerifierKey | None:
    try:
        return operator_key(wiring.settings, None)
    except (KeyFileError, NoteError) as error:
        log.warning("audit_without_key", error=str(error))
        return None
