"""Transactions of readers: they set who reads, and row-level security does the rest."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Final, Generic, Literal, TypeVar
from uuid import UUID

import asyncpg
from msgspec import Struct

from events.away_causes import say_why
from events.connections import DATABASE_AWAY, Connection, Pool, acquire
from events.refusal import RecordUnavailable

ReaderRole = Literal["tenant", "operator", "auditor", "desk", "door"]
"""tenant: rows of its organisation · operator, auditor: all rows · desk: all rows, for what passes
`rules.visibility` before anybody sees it · door: the one API key that a request presents."""

PAGE_MAX = 500
_AWAY = (asyncpg.OperatorInterventionError, *DATABASE_AWAY)

T = TypeVar("T")


class Page(Struct, Generic[T], frozen=True, kw_only=True):
    """Items in order of their key; `more` when others follow the last one."""

    items: tuple[T, ...]
    more: bool


def page(items: Sequence[T], limit: int) -> Page[T]:
    """A page out of `limit` + 1 rows."""
    return Page(items=tuple(items[:limit]), more=len(items) > limit)


# Local to the transaction, so that a pooled connection forgets it.
SET_READER = """
select set_config('lodestone.organisation', $1, true), set_config('lodestone.role', $2, true),
       set_config('lodestone.key', $3, true)
"""


DESK_SESSIONS: Final = {"lodestone.role": "desk"}
"""Settings of sessions that only ever read as the desk: a single statement of theirs needs no transaction."""


@contextmanager
def unless_away() -> Iterator[None]:
    """RecordUnavailable when the database is away."""
    try:
        yield
    except _AWAY as error:
        say_why(error)
        raise RecordUnavailable from error


@asynccontextmanager
async def reading(
    pool: Pool, *, organisation: UUID | None, role: ReaderRole, key: UUID | None = None
) -> AsyncIterator[Connection]:
    """A read-only transaction of `lodestone_reader` that sees what `role` may see, all of one snapshot.

    RecordUnavailable when the database is away.
    """
    with unless_away():
        async with (
            acquire(pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.fetchrow(SET_READER, str(organisation or ""), role, str(key or ""))
            yield connection
