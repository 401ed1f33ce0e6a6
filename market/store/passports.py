"""Passports: tables `passport`, as the facts have made each, and `passport_step`, what was said of it."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import get_args
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from events.connections import Connection
from events.envelope import Recorded
from events.facts import PassportFact
from events.material_events import (
    PassportIssued,
    PassportTransferred,
    PassportTransformed,
)
from events.row_counts import expect_rows
from market.rules.passport import Passport, fold
from market.rules.passports.lot_checks import LotDays
from market.store import bodies
from market.store.reading import Page, page


class PassportStep(Struct, frozen=True, kw_only=True):
    """A fact of a passport, and the event that recorded it."""

    version: int
    event: UUID
    type: str
    at: datetime
    fact: PassportFact


async def apply(connection: Connection, steps: Sequence[tuple[Recorded, PassportFact]]) -> None:
    """Fold the passports that the events name, and write each once. LookupError when one is missing."""
    keys = {fact.passport: event.lane for event, fact in steps}
    issued = {fact.passport for _, fact in steps if isinstance(fact, PassportIssued)}
    before = await load_passports(connection, [(keys[each], each) for each in sorted(set(keys) - issued)])
    after = dict(before)
    said: list[tuple[object, ...]] = []
    for event, fact in steps:
        known = fold(after.get(fact.passport), event, fact)
        after[fact.passport] = known
        said.append(
            (
                event.lane,
                fact.passport,
                known.version,
                known.organisation,
                event.id,
                event.type,
                event.position,
                event.time,
                bodies.encode(fact),
            )
        )
    await _insert(connection, [(keys[each], after[each]) for each in keys if each in issued])
    await _update(connection, [(keys[each], after[each]) for each in keys if each not in issued])
    expect_rows(
        await connection.execute(INSERT_STEPS, *zip(*said, strict=True)), len(said), "passport_step insert"
    )


INSERT = """
insert into passport (
    lane, passport, organisation, facility, lot_number, transformation, owner, holder, form, status, version,
    position, body, short_seller
)
select * from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::uuid[], $7::uuid[], $8::uuid[],
    $9::text[], $10::text[], $11::bigint[], $12::bigint[], $13::bytea[], $14::uuid[]
)
"""


async def _insert(connection: Connection, new: Sequence[tuple[int, Passport]]) -> None:
    if not new:
        return
    rows = [
        (
            lane,
            of.passport,
            of.organisation,
            of.content.facility,
            of.content.lot_number,
            of.transformation,
            *_changing(of),
        )
        for lane, of in new
    ]
    expect_rows(await connection.execute(INSERT, *zip(*rows, strict=True)), len(rows), "passport insert")


UPDATE = """
update passport p set
    owner = n.owner, holder = n.holder, form = n.form, status = n.status, version = n.version,
    position = n.position, body = n.body, short_seller = n.short_seller
from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::bigint[], $8::bigint[],
    $9::bytea[], $10::uuid[]
) as n (lane, passport, owner, holder, form, status, version, position, body, short_seller)
where p.lane = n.lane and p.passport = n.passport
"""


async def _update(connection: Connection, old: Sequence[tuple[int, Passport]]) -> None:
    if not old:
        return
    rows = [(lane, of.passport, *_changing(of)) for lane, of in old]
    expect_rows(await connection.execute(UPDATE, *zip(*rows, strict=True)), len(rows), "passport update")


def _changing(of: Passport) -> tuple[object, ...]:
    body, seller = bodies.encode(of), of.received.seller if of.received and of.open_g else None
    return of.owner, of.holder, of.content.form, of.status, of.version, of.position, body, seller


INSERT_STEPS = """
insert into passport_step (lane, passport, version, organisation, event, type, position, said_time, body)
select * from unnest(
    $1::bigint[], $2::uuid[], $3::bigint[], $4::uuid[], $5::uuid[], $6::text[], $7::bigint[],
    $8::timestamptz[], $9::bytea[]
)
"""

READ_STATES = """
select p.passport, p.body from unnest($1::bigint[], $2::uuid[]) as n (lane, passport)
join passport p on p.lane = n.lane and p.passport = n.passport
"""


async def load_passports(connection: Connection, keys: Sequence[tuple[int, UUID]]) -> dict[UUID, Passport]:
    """Those of the (lane, passport) that were issued; under their lane for what is decided on them."""
    if not keys:
        return {}
    rows = await connection.fetch(READ_STATES, *(list(column) for column in zip(*keys, strict=True)))
    return {row["passport"]: _passports.decode(row["body"]) for row in rows}


# Decided under the lane of the facility's organisation: nobody else issues for this facility meanwhile.
# Case makes no other lot: people read M1 and m1 as one.
READ_LOT_NUMBERS = """
select n.lot_number from unnest($2::text[]) as n (lot_number)
where exists (
    select from passport p where p.facility = $1 and lower(p.lot_number) = lower(n.lot_number)
)
"""


async def taken_numbers(connection: Connection, facility: UUID, numbers: Sequence[str]) -> frozenset[str]:
    """Those of the numbers that it has issued a passport for, whatever their case."""
    rows = await connection.fetch(READ_LOT_NUMBERS, facility, numbers)
    return frozenset(row["lot_number"] for row in rows)


# By the passport's lane, and by ids of transformations; what these state never changes.
READ_DAYS = """
select n.passport, t.body as made, (
    select max(convert_from(s.body, 'UTF8')::json ->> 'transferred_on') from passport_step s
    where s.lane = n.lane and s.passport = n.passport and s.type = $3
) as transferred_on
from unnest($1::bigint[], $2::uuid[]) as n (lane, passport)
join passport p on p.lane = n.lane and p.passport = n.passport
left join transformation t on t.transformation = p.transformation
"""


async def load_days(connection: Connection, keys: Sequence[tuple[int, UUID]]) -> dict[UUID, LotDays]:
    """Of the (lane, passport) that were issued, without their draws."""
    columns = (list(column) for column in zip(*keys, strict=True))
    rows = await connection.fetch(READ_DAYS, *columns, PassportTransferred.TYPE) if keys else []
    return {
        row["passport"]: LotDays(
            made_on=None if row["made"] is None else _made.decode(row["made"]).transformed_on,
            transferred_on=_day(row["transferred_on"]),
        )
        for row in rows
    }


READ_DRAWN = """
select max(convert_from(t.body, 'UTF8')::json ->> 'transformed_on') from lineage_edge e
join transformation t on t.transformation = e.target where e.source = $1
"""


async def last_draw(connection: Connection, passport: UUID) -> date | None:
    """The latest day on which a part of it went into something else."""
    return _day(await connection.fetchval(READ_DRAWN, passport))


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


READ_NUMBERED = """
select n.facility, n.lot_number, p.passport from unnest($1::uuid[], $2::text[]) as n (facility, lot_number)
join passport p on p.facility = n.facility and lower(p.lot_number) = lower(n.lot_number)
"""


async def load_numbered(
    connection: Connection, lots: Sequence[tuple[UUID, str]]
) -> dict[tuple[UUID, str], UUID]:
    """Passports by site and lot number, under the lanes of the numbers."""
    if not lots:
        return {}
    rows = await connection.fetch(READ_NUMBERED, *(list(column) for column in zip(*lots, strict=True)))
    return {(row["facility"], row["lot_number"]): row["passport"] for row in rows}


READ_ONE = "select body from passport where passport = $1"


async def load_passport(connection: Connection, passport: UUID) -> Passport | None:
    """As row-level security shows it to the reader."""
    body = await connection.fetchval(READ_ONE, passport)
    return None if body is None else _passports.decode(body)


READ_SEVERAL = "select passport, body from passport where passport = any($1::uuid[])"


async def load_several(connection: Connection, passports: Sequence[UUID]) -> dict[UUID, Passport]:
    rows = await connection.fetch(READ_SEVERAL, passports)
    return {row["passport"]: _passports.decode(row["body"]) for row in rows}


# One branch for each index: who issued, who owns, who holds. What is of all three comes once.
READ_PAGE = """
select passport, body from (
    (select passport, body from passport
    where organisation = $1 and ($2::uuid is null or passport < $2) and ($3::text is null or status = $3)
    order by passport desc limit $4)
    union
    (select passport, body from passport
    where owner = $1 and ($2::uuid is null or passport < $2) and ($3::text is null or status = $3)
    order by passport desc limit $4)
    union
    (select passport, body from passport
    where holder = $1 and ($2::uuid is null or passport < $2) and ($3::text is null or status = $3)
    order by passport desc limit $4)
) parties order by passport desc limit $4
"""

READ_ALL = """
select passport, body from passport
where ($1::uuid is null or passport < $1) and ($2::text is null or status = $2)
order by passport desc limit $3
"""

# Lots that are used up outnumber those that are not: these have indexes of their own.
READ_LIVE_PAGE = READ_PAGE.replace("    order by", "    and status = 'live' order by")
READ_ALL_LIVE = READ_ALL.replace("order by", "and status = 'live' order by")


async def list_passports(
    connection: Connection,
    organisation: UUID | None,
    *,
    status: str | None = None,
    after: UUID | None,
    limit: int,
) -> Page[Passport]:
    """The newest first; of all organisations for None."""
    if organisation is None:
        every = READ_ALL_LIVE if status == "live" else READ_ALL
        rows = await connection.fetch(every, after, status, limit + 1)
    else:
        own = READ_LIVE_PAGE if status == "live" else READ_PAGE
        rows = await connection.fetch(own, organisation, after, status, limit + 1)
    return page([_passports.decode(row["body"]) for row in rows], limit)


# By the index of the buyer's matches: an index of supplies would cost every match that is struck. What an
# earlier owner sold shows nothing any more.
READ_BOUGHT = """
select exists (
    select from passport p
    join lot_reservation r on r.lane = p.lane and r.identity = p.passport::text and r.organisation = p.owner
    join match m on m.supply = r.supply
    where p.lane = $2 and p.passport = $3 and m.buyer = $1 and m.status = 'confirmed'
        and r.status <> 'returned'
) or exists (
    select from delivery d
    join passport p on p.passport = d.passport and p.owner = d.seller
    where d.passport = $3 and d.buyer = $1 and d.status not in ('rejected', 'withdrawn')
        and (d.returned_passports is null or $3 <> all(d.returned_passports))
)
"""


async def bought(connection: Connection, organisation: UUID, lane: int, passport: UUID) -> bool:
    """Whether it bought the lot of its present owner: by a confirmed match, or a delivery that stands."""
    found: bool = await connection.fetchval(READ_BOUGHT, organisation, lane, passport)
    return found


READ_STEPS = """
select s.version, s.event, s.type, s.said_time, s.body from passport p
join passport_step s on s.lane = p.lane and s.passport = p.passport
where p.passport = $1 and ($2::bigint is null or s.version > $2) order by s.version limit $3
"""


async def list_steps(
    connection: Connection, passport: UUID, *, after: int | None, limit: int
) -> Page[PassportStep]:
    """In the order of the record."""
    rows = await connection.fetch(READ_STEPS, passport, after, limit + 1)
    return page([_step(row) for row in rows], limit)


def _step(row: asyncpg.Record) -> PassportStep:
    return PassportStep(
        version=row["version"],
        event=row["event"],
        type=row["type"],
        at=row["said_time"],
        fact=_facts[row["type"]].decode(row["body"]),
    )


_made = msgspec.json.Decoder(PassportTransformed)
_passports = msgspec.json.Decoder(Passport)
_facts: dict[str, msgspec.json.Decoder[PassportFact]] = {
    fact.TYPE: msgspec.json.Decoder(fact) for fact in get_args(PassportFact)
}
