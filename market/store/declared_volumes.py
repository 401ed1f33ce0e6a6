"""Volumes that were not traded here: tables `declared_volume`, as each stands now, and
`declared_volume_step`, what was said of it."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from events.connections import Connection
from events.envelope import Recorded
from events.facts import DeclaredVolumeFact
from events.material_events import VolumeCorrected, VolumeDeclared, VolumeWithdrawn
from events.row_counts import expect_rows
from events.volume_terms import VolumeTerms
from market.rules.crma.declared_volumes import DeclaredVolume, fold
from market.store import bodies
from market.store.reading import Page, page

VOLUMES_MAX = 20_000
"""Of one answer; whoever asks for more names a shorter time."""


class VolumeStep(Struct, frozen=True, kw_only=True):
    """A fact of a volume, and the event that recorded it."""

    version: int
    event: UUID
    at: datetime
    fact: DeclaredVolumeFact


INSERT = """
insert into declared_volume (
    lane, volume, organisation, quarter, reference, document, status, version, position, body
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""

# A version follows on the one before it.
UPDATE = """
update declared_volume set quarter = $4, reference = $5, document = $6, status = $7, version = $8,
    position = $9, body = $10
where lane = $1 and volume = $2 and organisation = $3 and version = $8 - 1
"""

INSERT_STEP = """
insert into declared_volume_step (
    lane, volume, version, organisation, event, type, position, said_time, body
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""


async def apply(connection: Connection, said: Sequence[tuple[Recorded, DeclaredVolumeFact]]) -> None:
    """A few statements for each event: a company declares some lines a quarter. LookupError when a volume
    is missing."""
    for event, fact in said:
        before = await load_volume(connection, fact.volume, event.lane)
        known = fold(before, event, fact)
        status = await connection.execute(
            INSERT if before is None else UPDATE,
            event.lane,
            known.volume,
            known.organisation,
            known.terms.quarter,
            known.terms.reference,
            known.terms.document.sha256,
            known.status,
            known.version,
            known.position,
            bodies.encode(known),
        )
        expect_rows(status, 1, type(fact).__name__)
        status = await connection.execute(
            INSERT_STEP,
            event.lane,
            known.volume,
            known.version,
            known.organisation,
            event.id,
            event.type,
            event.position,
            event.time,
            bodies.encode(fact),
        )
        expect_rows(status, 1, "declared_volume_step")


READ_ONE = "select body from declared_volume where volume = $1 and ($2::bigint is null or lane = $2)"


async def load_volume(connection: Connection, volume: UUID, lane: int | None = None) -> DeclaredVolume | None:
    """As row-level security shows it; under its lane for what is decided on it."""
    body = await connection.fetchval(READ_ONE, volume, lane)
    return None if body is None else _volumes.decode(body)


# One branch for each index. What is of both comes once. A reference stands once, a quarter has a limit.
READ_ALIKE = """
(select volume, body from declared_volume
where organisation = $1 and reference = $2 and status = 'standing' and volume <> $4)
union
(select volume, body from declared_volume
where organisation = $1 and document = $3 and quarter = $5 and status = 'standing' and volume <> $4)
order by volume
"""
COUNT_QUARTER = """
select count(*) from declared_volume where organisation = $1 and quarter = $2 and status = 'standing'
"""


async def load_alike(
    connection: Connection, organisation: UUID, volume: UUID, terms: VolumeTerms
) -> tuple[tuple[DeclaredVolume, ...], int]:
    """Others of the organisation that stand, by this reference or of the quarter on this document; and how
    many there are of the quarter. Under the organisation's lane, in which all of them are."""
    rows = await connection.fetch(
        READ_ALIKE, organisation, terms.reference, terms.document.sha256, volume, terms.quarter
    )
    of_quarter: int = await connection.fetchval(COUNT_QUARTER, organisation, terms.quarter)
    return tuple(_volumes.decode(row["body"]) for row in rows), of_quarter


# One branch for an organisation's own, one for everybody's; `$4` narrows to members of a market.
READ_COUNTED = """
with found as (
    select volume, organisation, body from declared_volume
    where $3::uuid is not null and organisation = $3 and quarter >= $1 and quarter < $2
        and status = 'standing'
    union all
    select volume, organisation, body from declared_volume
    where $3::uuid is null and quarter >= $1 and quarter < $2 and status = 'standing'
)
select f.body from found f
where $4::uuid is null or exists (
    select from member m where m.market = $4 and m.organisation = f.organisation
)
order by f.volume limit $5
"""


async def load_counted(
    connection: Connection, since: date, until: date, organisation: UUID | None, market: UUID | None
) -> list[DeclaredVolume]:
    """Those that stand, of quarters from `since` to before `until`; everybody's for None. At most one more
    than VOLUMES_MAX."""
    rows = await connection.fetch(READ_COUNTED, since, until, organisation, market, VOLUMES_MAX + 1)
    return [_volumes.decode(row["body"]) for row in rows]


READ_PAGE = """
select body from declared_volume
where organisation = $1 and ($2::uuid is null or volume < $2) and ($3::date is null or quarter = $3)
order by volume desc limit $4
"""
READ_ALL = """
select body from declared_volume
where ($1::uuid is null or volume < $1) and ($2::date is null or quarter = $2)
order by volume desc limit $3
"""


async def list_volumes(
    connection: Connection,
    organisation: UUID | None,
    *,
    quarter: date | None,
    after: UUID | None,
    limit: int,
) -> Page[DeclaredVolume]:
    """The newest first, withdrawn ones too; of all organisations for None."""
    if organisation is None:
        rows = await connection.fetch(READ_ALL, after, quarter, limit + 1)
    else:
        rows = await connection.fetch(READ_PAGE, organisation, after, quarter, limit + 1)
    return page([_volumes.decode(row["body"]) for row in rows], limit)


READ_STEPS = """
select s.version, s.event, s.type, s.said_time, s.body from declared_volume v
join declared_volume_step s on s.lane = v.lane and s.volume = v.volume
where v.volume = $1 and ($2::bigint is null or s.version > $2) order by s.version limit $3
"""


async def list_steps(
    connection: Connection, volume: UUID, *, after: int | None, limit: int
) -> Page[VolumeStep]:
    """In the order of the record."""
    rows = await connection.fetch(READ_STEPS, volume, after, limit + 1)
    return page([_step(row) for row in rows], limit)


def _step(row: asyncpg.Record) -> VolumeStep:
    return VolumeStep(
        version=row["version"],
        event=row["event"],
        at=row["said_time"],
        fact=_facts[row["type"]].decode(row["body"]),
    )


_volumes = msgspec.json.Decoder(DeclaredVolume)
_facts: dict[str, msgspec.json.Decoder[DeclaredVolumeFact]] = {
    fact.TYPE: msgspec.json.Decoder(fact) for fact in (VolumeDeclared, VolumeCorrected, VolumeWithdrawn)
}
