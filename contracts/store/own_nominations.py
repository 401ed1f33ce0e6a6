"""Nominations of an organisation over all its agreements: the newest of each part."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from contracts.rules.volumes import Nomination
from contracts.store.issued_invoices import ALWAYS, FIRST, known
from events.connections import Connection
from events.contract_terms import NominationLevel
from events.vocabulary import Side

FOR_EVER: Final = datetime.max.replace(tzinfo=UTC)
"""After any instant."""


class OwnNomination(Struct, frozen=True, kw_only=True):
    """`changed_at` None: unknown, since the journal no longer had its event when the column was added."""

    market: UUID
    agreement: UUID
    seller: UUID
    buyer: UUID
    changed_at: datetime | None
    nomination: Nomination


class Wanted(Struct, frozen=True, kw_only=True):
    """A query for nominations of an organisation whose period begins in a half-open range, and that were made
    at `changed_since` or later."""

    organisation: UUID
    side: Side | None = None
    agreement: UUID | None = None
    contract_year: int | None = None
    level: NominationLevel | None = None
    silent: bool | None = None
    begins_from: datetime = ALWAYS
    begins_before: datetime = FOR_EVER
    changed_since: datetime = ALWAYS


# Each side has its own index in the requested order, so that only the page is read.
_PAGE = """
select * from (
    (select market, agreement, seller, buyer, period_start, nomination, changed_time, body from nomination
     where seller = $1 and $2::text is distinct from 'buyer' and (ordered_by, nomination) > ($3, $4)
         and ($5::uuid is null or agreement = $5) and ($6::bigint is null or contract_year = $6)
         and ($7::text is null or level = $7) and ($8::boolean is null or silent = $8)
         and period_start >= $9 and period_start < $10 and changed_time >= $11
     order by ordered_by, nomination limit $12)
    union all
    (select market, agreement, seller, buyer, period_start, nomination, changed_time, body from nomination
     where buyer = $1 and $2::text is distinct from 'seller' and (ordered_by, nomination) > ($3, $4)
         and ($5::uuid is null or agreement = $5) and ($6::bigint is null or contract_year = $6)
         and ($7::text is null or level = $7) and ($8::boolean is null or silent = $8)
         and period_start >= $9 and period_start < $10 and changed_time >= $11
     order by ordered_by, nomination limit $12)
) p
order by ordered_by, nomination limit $12
"""
READ_BY_PERIOD = _PAGE.replace("ordered_by", "period_start")
READ_BY_CHANGE = _PAGE.replace("ordered_by", "changed_time")


async def list_by_period(
    connection: Connection, wanted: Wanted, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[OwnNomination]:
    """At most `limit`, ordered by start of period."""
    rows = await connection.fetch(READ_BY_PERIOD, *_arguments(wanted, after), limit)
    return [_own(row) for row in rows]


async def list_by_change(
    connection: Connection, wanted: Wanted, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[OwnNomination]:
    """At most `limit`, in the order in which they were made."""
    rows = await connection.fetch(READ_BY_CHANGE, *_arguments(wanted, after), limit)
    return [_own(row) for row in rows]


def _arguments(wanted: Wanted, after: tuple[datetime, UUID] | None) -> tuple[object, ...]:
    return (
        wanted.organisation,
        wanted.side,
        *(after or (ALWAYS, FIRST)),
        wanted.agreement,
        wanted.contract_year,
        wanted.level,
        wanted.silent,
        wanted.begins_from,
        wanted.begins_before,
        wanted.changed_since,
    )


_nominations = msgspec.json.Decoder(Nomination)


def _own(row: asyncpg.Record) -> OwnNomination:
    return OwnNomination(
        market=row["market"],
        agreement=row["agreement"],
        seller=row["seller"],
        buyer=row["buyer"],
        changed_at=known(row["changed_time"]),
        nomination=_nominations.decode(row["body"]),
    )
