"""Audits that ended with a verdict: table `record.audit_run`, each with its whole report as JSON."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from events.connections import Connection
from market.store.reading import Page, page

RecordedBy = Literal["auditor", "command"]
"""The service, or somebody's `lodestone audit --record`."""


class AuditRun(Struct, frozen=True, kw_only=True):
    """`run` is a UUIDv7: they are listed in the order in which they were recorded."""

    run: UUID
    recorded_by: RecordedBy
    finished_at: datetime
    diverged: bool
    report: bytes


INSERT = """
insert into record.audit_run (run, recorded_by, finished_at, diverged, report) values ($1, $2, $3, $4, $5)
"""

READ = "select run, recorded_by, finished_at, diverged, report from record.audit_run where run = $1"

READ_PAGE = """
select run, recorded_by, finished_at, diverged, report from record.audit_run
where $1::uuid is null or run < $1 order by run desc limit $2
"""

# A new deployment has no run yet, and is due once it is as old as the interval between runs.
READ_LAST_AT = """
select coalesce(
    (select finished_at from record.audit_run where recorded_by = 'auditor' order by run desc limit 1),
    (select initialised_at from record.deployment)
)
"""

READ_DIVERGED = """
select diverged from record.audit_run where recorded_by = 'auditor' order by run desc limit 1
"""

TRY_LOCK = "select pg_try_advisory_lock($1)"

UNLOCK = "select pg_advisory_unlock($1)"

AUDITORS_LOCK = 0x10DE57CB


async def insert(connection: Connection, run: AuditRun) -> None:
    await connection.execute(INSERT, run.run, run.recorded_by, run.finished_at, run.diverged, run.report)


async def load(connection: Connection, run: UUID) -> AuditRun | None:
    row = await connection.fetchrow(READ, run)
    return None if row is None else AuditRun(**row)


async def list_runs(connection: Connection, *, after: UUID | None, limit: int) -> Page[AuditRun]:
    """The newest first; `after` is the last run of the page before."""
    rows = await connection.fetch(READ_PAGE, after, limit + 1)
    return page([AuditRun(**row) for row in rows], limit)


async def last_at(connection: Connection) -> datetime:
    """When the service's newest run ended; without one, when the deployment was made."""
    found: datetime = await connection.fetchval(READ_LAST_AT)
    return found


async def newest_diverged(connection: Connection) -> bool:
    """Whether the service's newest run has found a divergence."""
    return bool(await connection.fetchval(READ_DIVERGED))


async def try_lock(connection: Connection) -> bool:
    """Whether no other process audits; held by the connection until `unlock`."""
    return bool(await connection.fetchval(TRY_LOCK, AUDITORS_LOCK))


async def unlock(connection: Connection) -> None:
    await connection.execute(UNLOCK, AUDITORS_LOCK)
