"""Nominated, delivered and missed quantities: tables `nomination` and `contract_year`."""

from collections.abc import Sequence
from typing import TypeAlias
from uuid import UUID

import msgspec

from contracts.rules.agreement import Agreement
from contracts.rules.volumes import Nomination, VolumeFact, Volumes, YearVolume, fold_volume
from contracts.store import bodies
from contracts.store.agreements import AgreementKey, key_of, load_agreements
from events.connections import Connection
from events.envelope import Recorded
from events.row_counts import expect_rows

Changed: TypeAlias = dict[tuple[UUID, object], Recorded]
"""The event that last changed a key of an agreement: a nomination's, or the number of a contract year."""


async def apply(connection: Connection, steps: Sequence[tuple[Recorded, VolumeFact]]) -> None:
    """Folds the events into the volumes of their agreements. LookupError when an agreement is missing."""
    keys = sorted({key_of(event, fact) for event, fact in steps})
    agreements = await load_agreements(connection, keys)
    if len(agreements) != len(keys):
        raise LookupError(f"agreement: {len(agreements)} rows of {len(keys)} that events name")
    before = await load_volumes(connection, keys)
    volumes = dict(before)
    changed: Changed = {}
    for event, fact in steps:
        after = fold_volume(volumes[fact.agreement], fact)
        for place in _changed(volumes[fact.agreement], after):
            changed[fact.agreement, place] = event
        volumes[fact.agreement] = after
    await _write_nominations(connection, agreements, volumes, changed)
    await _write_years(connection, agreements, volumes, changed)


def _changed(before: Volumes, after: Volumes) -> list[object]:
    """Keys of nominations and numbers of years that a fact has changed."""
    places = [place for place, row in after.nominations.items() if before.nominations.get(place) is not row]
    years = [year for year, row in after.years.items() if before.years.get(year) is not row]
    return [*places, *years]


UPSERT_NOMINATIONS = """
insert into nomination (
    lane, market, agreement, level, period_start, seller, buyer, nomination, contract_year, position,
    changed_time, silent, body
)
select * from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::uuid[], $7::uuid[], $8::uuid[],
    $9::bigint[], $10::bigint[], $11::timestamptz[], $12::boolean[], $13::bytea[]
)
on conflict (lane, market, agreement, level, period_start) do update set
    nomination = excluded.nomination, contract_year = excluded.contract_year, position = excluded.position,
    changed_time = excluded.changed_time, silent = excluded.silent, body = excluded.body
"""


async def _write_nominations(
    connection: Connection,
    agreements: dict[UUID, Agreement],
    after: dict[UUID, Volumes],
    changed: Changed,
) -> None:
    rows = [
        (
            of.lane,
            of.market,
            of.agreement,
            nomination.level,
            nomination.part.period.start,
            of.seller,
            of.buyer,
            nomination.nomination,
            nomination.year,
            changed[of.agreement, place].position,
            changed[of.agreement, place].time,
            nomination.silent,
            bodies.encode(nomination),
        )
        for of in agreements.values()
        for place, nomination in after[of.agreement].nominations.items()
        if (of.agreement, place) in changed
    ]
    if rows:
        status = await connection.execute(UPSERT_NOMINATIONS, *zip(*rows, strict=True))
        expect_rows(status, len(rows), "nomination upsert")


UPSERT_YEARS = """
insert into contract_year (
    lane, market, agreement, contract_year, seller, buyer, position, body, taken_g, off_spec_g, invoiced_g,
    invoiced_cents
)
select * from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::bigint[], $5::uuid[], $6::uuid[], $7::bigint[], $8::bytea[],
    $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[]
)
on conflict (lane, market, agreement, contract_year) do update set
    position = excluded.position, body = excluded.body, taken_g = excluded.taken_g,
    off_spec_g = excluded.off_spec_g, invoiced_g = excluded.invoiced_g,
    invoiced_cents = excluded.invoiced_cents
"""


async def _write_years(
    connection: Connection,
    agreements: dict[UUID, Agreement],
    after: dict[UUID, Volumes],
    changed: Changed,
) -> None:
    rows = [
        (
            of.lane,
            of.market,
            of.agreement,
            year.year,
            of.seller,
            of.buyer,
            changed[of.agreement, year.year].position,
            bodies.encode(year),
            year.taken_g,
            year.off_spec_g,
            year.invoiced_g,
            year.invoiced_cents,
        )
        for of in agreements.values()
        for year in after[of.agreement].years.values()
        if (of.agreement, year.year) in changed
    ]
    if rows:
        status = await connection.execute(UPSERT_YEARS, *zip(*rows, strict=True))
        expect_rows(status, len(rows), "contract_year upsert")


READ_NOMINATIONS = """
select n.agreement, n.body
from unnest($1::bigint[], $2::uuid[], $3::uuid[]) as k (lane, market, agreement)
join nomination n on n.lane = k.lane and n.market = k.market and n.agreement = k.agreement
order by n.level, n.period_start
"""

READ_YEARS = """
select y.agreement, y.body
from unnest($1::bigint[], $2::uuid[], $3::uuid[]) as k (lane, market, agreement)
join contract_year y on y.lane = k.lane and y.market = k.market and y.agreement = k.agreement
order by y.contract_year
"""


async def load_volumes(connection: Connection, keys: Sequence[AgreementKey]) -> dict[UUID, Volumes]:
    """The volumes of every key; empty if nothing was nominated or delivered yet."""
    if not keys:
        return {}
    columns = [list(column) for column in zip(*keys, strict=True)]
    nominations: dict[UUID, dict[tuple[str, str], Nomination]] = {key[2]: {} for key in keys}
    for row in await connection.fetch(READ_NOMINATIONS, *columns):
        nomination = _nominations.decode(row["body"])
        nominations[row["agreement"]][nomination.place] = nomination
    years = await load_years(connection, keys)
    return {
        agreement: Volumes(years=years[agreement], nominations=nominations[agreement]) for agreement in years
    }


async def load_years(
    connection: Connection, keys: Sequence[AgreementKey]
) -> dict[UUID, dict[int, YearVolume]]:
    """The sums of every key by contract year; empty if nothing was delivered or declared yet."""
    years: dict[UUID, dict[int, YearVolume]] = {key[2]: {} for key in keys}
    columns = [list(column) for column in zip(*keys, strict=True)] if keys else [[], [], []]
    for row in await connection.fetch(READ_YEARS, *columns):
        year = _years.decode(row["body"])
        years[row["agreement"]][year.year] = year
    return years


_nominations = msgspec.json.Decoder(Nomination)
_years = msgspec.json.Decoder(YearVolume)
