"""Imported files: table `ops.import`, its parts and its report."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from events.connections import Connection
from events.vocabulary import KeyRole
from market.store.reading import Page, page

State = Literal["receiving", "waiting", "checking", "storing", "completed", "refused", "cancelled", "failed"]
Mode = Literal["all_or_nothing", "partial", "dry_run"]
FileFormat = Literal["csv", "xlsx", "ndjson"]
Separator = Literal["comma", "semicolon", "tab"]
ACCEPTED: Final = "accepted"
ACCEPTABLE: Final = "acceptable"
"""A row that would be accepted as things stand, of a dry run."""
OVER = ("completed", "refused", "cancelled", "failed")


class Import(Struct, frozen=True, kw_only=True):
    """`key` and `roles` are the submitter's, `request_key` and `request_hash` the request's.

    `rows_total` is None until the file was read once. `problem`: what is wrong with the whole file, as JSON.
    """

    id: UUID
    organisation: UUID
    key: UUID
    roles: tuple[KeyRole, ...]
    request_key: str
    request_hash: bytes | None
    kind: str
    format: FileFormat
    mode: Mode
    separator: Separator | None
    market: str | None
    state: State
    size_bytes: int
    rows_total: int | None
    rows_read: int
    accepted: int
    warned: int
    refused: int
    problem: bytes | None
    cancel_asked: bool
    created_at: datetime
    storing_since: datetime | None
    finished_at: datetime | None

    @property
    def over(self) -> bool:
        return self.state in OVER


class ReportLine(Struct, frozen=True, kw_only=True, array_like=True):
    """`made`: the id of what an accepted row created, None in a dry run; otherwise an error with its column,
    or (`warning`) a warning about an accepted row."""

    row: int
    column: str
    code: str
    sentence: str
    made: str | None = None
    warning: bool = False

    @property
    def accepted(self) -> bool:
        return not self.warning and self.code in (ACCEPTED, ACCEPTABLE)


OPEN = "select count(*) from ops.import where organisation = $1 and not state = any($2)"


async def count_open(connection: Connection, organisation: UUID) -> int:
    return int(await connection.fetchval(OPEN, organisation, OVER))


FIND = "select * from ops.import where organisation = $1 and request_key = $2"


async def find(connection: Connection, organisation: UUID, request_key: str) -> Import | None:
    """That of an earlier request with the same key."""
    return _import(await connection.fetchrow(FIND, organisation, request_key))


DROP_BROKEN = "delete from ops.import where organisation = $1 and request_key = $2 and state = 'receiving'"

INSERT = """
insert into ops.import (
    import, organisation, key, roles, request_key, kind, format, mode, separator, market, created_at,
    state, size_bytes, rows_read, accepted, warned, refused, cancel_asked
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'receiving', 0, 0, 0, 0, 0, false)
on conflict (organisation, request_key) do nothing
"""


async def begin(connection: Connection, new: Import) -> bool:
    """Starts an import; replaces an interrupted upload of the same request. False: the key was used for
    another request."""
    await connection.execute(DROP_BROKEN, new.organisation, new.request_key)
    status = await connection.execute(
        INSERT, new.id, new.organisation, new.key, list(new.roles), new.request_key, new.kind, new.format,
        new.mode, new.separator, new.market, new.created_at,
    )  # fmt: skip
    return status == "INSERT 0 1"


ADD_PART = "insert into ops.import_part (import, number, content) values ($1, $2, $3)"


async def add_part(connection: Connection, found: UUID, number: int, content: bytes) -> bool:
    """False when the upload was dropped meanwhile."""
    try:
        await connection.execute(ADD_PART, found, number, content)
    except asyncpg.ForeignKeyViolationError:
        return False
    return True


RECEIVED = """
update ops.import set state = 'waiting', size_bytes = $2, request_hash = $3
where import = $1 and state = 'receiving'
"""


async def received(connection: Connection, found: UUID, size: int, digest: bytes) -> bool:
    """The file is whole. False when the upload was dropped meanwhile."""
    return await connection.execute(RECEIVED, found, size, digest) == "UPDATE 1"


DROP = "delete from ops.import where import = $1 and state = 'receiving'"


async def drop(connection: Connection, found: UUID) -> None:
    """What did not arrive whole."""
    await connection.execute(DROP, found)


LOAD = "select * from ops.import where import = $1"


async def load(connection: Connection, found: UUID) -> Import | None:
    return _import(await connection.fetchrow(LOAD, found))


LIST = """
select * from ops.import
where state <> 'receiving' and ($1::uuid is null or import < $1) order by import desc limit $2
"""


async def list_imports(connection: Connection, *, after: UUID | None, limit: int) -> Page[Import]:
    """The newest first."""
    rows = await connection.fetch(LIST, after, limit + 1)
    return page([found for row in rows if (found := _import(row)) is not None], limit)


# One that nobody works on yet is over at once; else whoever works on it is told.
CANCEL = """
update ops.import set
    cancel_asked = true,
    state = case when state = 'waiting' and leased_until is null then 'cancelled' else state end,
    finished_at = case when state = 'waiting' and leased_until is null then $3 else finished_at end
where import = $1 and organisation = $2 and not state = any($4)
"""


async def cancel(connection: Connection, found: UUID, organisation: UUID, now: datetime) -> None:
    await connection.execute(CANCEL, found, organisation, now, OVER)


# --- working it off

# The oldest that nobody works on, of organisations of which no other is being worked on.
CLAIM = """
update ops.import set owner = $1, leased_until = now() + make_interval(secs => $2)
where import = (
    select i.import from ops.import i
    where i.state in ('waiting', 'checking', 'storing')
        and (i.leased_until is null or i.leased_until not between now() and now() + interval '2 minutes')
        and not exists (
            select from ops.import o
            where o.organisation = i.organisation and o.import <> i.import
                and o.state in ('waiting', 'checking', 'storing')
                and o.leased_until between now() and now() + interval '2 minutes'
        )
    order by i.import
    limit 1
    for update skip locked
)
returning *
"""


async def claim(connection: Connection, owner: str, lease_seconds: float) -> Import | None:
    return _import(await connection.fetchrow(CLAIM, owner, lease_seconds))


RENEW = """
update ops.import set leased_until = now() + make_interval(secs => $3), state = $4,
    rows_total = coalesce($5, rows_total),
    storing_since = case when $4 = 'storing' then coalesce(storing_since, $6) else storing_since end
where import = $1 and owner = $2 and state in ('waiting', 'checking', 'storing')
returning cancel_asked
"""


async def renew(
    connection: Connection,
    found: UUID,
    owner: str,
    lease_seconds: float,
    *,
    state: State,
    now: datetime,
    rows_total: int | None = None,
) -> bool | None:
    """Renews the lease; returns whether the import is to be cancelled, None when another process has taken it
    over."""
    asked: bool | None = await connection.fetchval(RENEW, found, owner, lease_seconds, state, rows_total, now)
    return asked


RELEASE = "update ops.import set leased_until = null, owner = null where import = $1 and owner = $2"


async def release(connection: Connection, found: UUID, owner: str) -> None:
    await connection.execute(RELEASE, found, owner)


READ_PART = "select content from ops.import_part where import = $1 and number = $2"


async def read_part(connection: Connection, found: UUID, number: int) -> bytes | None:
    content: bytes | None = await connection.fetchval(READ_PART, found, number)
    return content


ADVANCE = """
update ops.import set rows_read = $3, accepted = accepted + $4, refused = refused + $5,
    warned = warned + $6, leased_until = now() + make_interval(secs => $7)
where import = $1 and owner = $2 and rows_read < $3
returning cancel_asked
"""

ADD_LINES = "insert into ops.import_report (import, first_row, lines) values ($1, $2, $3)"

_encode = msgspec.json.Encoder().encode
_lines = msgspec.json.Decoder(tuple[ReportLine, ...])


async def advance(
    connection: Connection,
    found: UUID,
    owner: str,
    lease_seconds: float,
    *,
    rows_read: int,
    accepted: int,
    refused: int,
    lines: Sequence[ReportLine],
) -> bool | None:
    """Stores the results of the next rows and the progress. Returns as `renew`."""
    warned = len({line.row for line in lines if line.warning})
    async with connection.transaction():
        asked: bool | None = await connection.fetchval(
            ADVANCE, found, owner, rows_read, accepted, refused, warned, lease_seconds
        )
        if asked is not None and lines:
            await connection.execute(ADD_LINES, found, lines[0].row, _encode(lines))
    return asked


FINISH = """
update ops.import set state = $3, problem = $4, finished_at = $5, owner = null, leased_until = null
where import = $1 and owner = $2
"""

DROP_PARTS = "delete from ops.import_part where import = $1"


async def finish(
    connection: Connection, found: UUID, owner: str, state: State, problem: bytes | None, now: datetime
) -> None:
    """The file itself is not needed any more."""
    async with connection.transaction():
        if await connection.execute(FINISH, found, owner, state, problem, now) == "UPDATE 1":
            await connection.execute(DROP_PARTS, found)


# Uploads that broke off with their process, files of what was cancelled while it waited, and old reports.
SWEEP_BROKEN = "delete from ops.import where state = 'receiving' and created_at < $1"
SWEEP_PARTS = """
delete from ops.import_part p using ops.import i where i.import = p.import and i.state = any($1)
"""
SWEEP_OLD = "delete from ops.import where state = any($2) and finished_at < $1"


async def sweep(connection: Connection, broken_before: datetime, over_before: datetime) -> None:
    await connection.execute(SWEEP_BROKEN, broken_before)
    await connection.execute(SWEEP_PARTS, OVER)
    await connection.execute(SWEEP_OLD, over_before, OVER)


READ_LINES = """
select lines from ops.import_report where import = $1 and first_row > $2 order by first_row limit 1
"""


async def read_lines(connection: Connection, found: UUID, after: int) -> tuple[ReportLine, ...]:
    """The next lines of a report behind those that begin with row `after`; empty at its end."""
    content = await connection.fetchval(READ_LINES, found, after)
    return () if content is None else _lines.decode(content)


def _import(row: asyncpg.Record | None) -> Import | None:
    if row is None:
        return None
    found = {name: row[name] for name in Import.__struct_fields__ if name not in ("id", "roles")}
    return Import(id=row["import"], roles=tuple(row["roles"]), **found)
