"""What is due by the clock alone: changes of status, of volumes, and of deliveries on which nobody acts."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from contracts.rules.clock import next_volume_due
from contracts.store.agreements import AgreementKey, AgreementPlace, load_agreements
from contracts.store.deliveries import DeliveryPlace
from contracts.store.volumes import load_volumes
from events.connections import Connection
from events.row_counts import expect_rows
from events.timetable import START, Found, Mark

UPDATE_VOLUME_DUE = """
update agreement a set volume_due_time = n.due_time
from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::timestamptz[]) as n (lane, market, agreement, due_time)
where a.lane = n.lane and a.market = n.market and a.agreement = n.agreement
"""


async def apply(connection: Connection, changed: Collection[AgreementKey]) -> None:
    """Stores when the clock next changes the volumes of agreements that have just changed."""
    keys = sorted(changed)
    agreements = await load_agreements(connection, keys)
    volumes = await load_volumes(connection, keys)
    rows = [(*key, next_volume_due(agreements[key[2]], volumes[key[2]])) for key in keys]
    status = await connection.execute(UPDATE_VOLUME_DUE, *zip(*rows, strict=True))
    expect_rows(status, len(rows), "agreement volume_due_time")


# Agreements of a stopped lane are left out: a command for them would only be refused.
READ_DUE = """
select lane, market, agreement, seller, buyer, due_time from agreement
where due_time <= $1 and (due_time, agreement) > ($3, $4)
  and lane not in (select lane from record.lane where stream = 'contracts' and stopped_reason is not null)
order by due_time, agreement limit $2
"""

READ_VOLUME_DUE = """
select lane, market, agreement, seller, buyer, volume_due_time as due_time from agreement
where volume_due_time <= $1 and (volume_due_time, agreement) > ($3, $4)
  and lane not in (select lane from record.lane where stream = 'contracts' and stopped_reason is not null)
order by volume_due_time, agreement limit $2
"""


READ_DELIVERY_DUE = """
select lane, market, agreement, delivery, shipped_on, due_time from delivery
where due_time <= $1 and (due_time, delivery) > ($3, $4)
  and lane not in (select lane from record.lane where stream = 'contracts' and stopped_reason is not null)
order by due_time, delivery limit $2
"""


async def due_agreements(
    connection: Connection, now: datetime, limit: int, *, after: Mark = START
) -> Found[AgreementPlace]:
    """Agreements whose long-stop date has passed, or whose suspension or term is over."""
    rows = await connection.fetch(READ_DUE, now, limit, *after)
    return Found(places=tuple(_agreement(row) for row in rows), reached=_reached(rows, limit, "agreement"))


async def due_volumes(
    connection: Connection, now: datetime, limit: int, *, after: Mark = START
) -> Found[AgreementPlace]:
    """Agreements with a nomination whose notice is over, or a contract year that has ended."""
    rows = await connection.fetch(READ_VOLUME_DUE, now, limit, *after)
    return Found(places=tuple(_agreement(row) for row in rows), reached=_reached(rows, limit, "agreement"))


async def due_deliveries(
    connection: Connection, now: datetime, limit: int, *, after: Mark = START
) -> Found[DeliveryPlace]:
    """Deliveries whose time to submit assays is over, or whose buyer is to be called upon or its act deemed
    done."""
    rows = await connection.fetch(READ_DELIVERY_DUE, now, limit, *after)
    places = tuple(
        DeliveryPlace(
            lane=row["lane"],
            market=row["market"],
            agreement=row["agreement"],
            delivery=row["delivery"],
            shipped_on=row["shipped_on"],
        )
        for row in rows
    )
    return Found(places=places, reached=_reached(rows, limit, "delivery"))


def _agreement(row: asyncpg.Record) -> AgreementPlace:
    return AgreementPlace(
        lane=row["lane"],
        market=row["market"],
        agreement=row["agreement"],
        seller=row["seller"],
        buyer=row["buyer"],
    )


def _reached(rows: Sequence[asyncpg.Record], limit: int, subject: str) -> Mark:
    return Mark(rows[-1]["due_time"], rows[-1][subject]) if len(rows) == limit else START


async def longest_due(connection: Connection, now: datetime) -> dict[str, timedelta]:
    """By kind of timer command, how long the oldest agreement has been due; zero when none is."""
    found: dict[str, Found[Any]] = {
        "agreement": await due_agreements(connection, now, 1),
        "volumes": await due_volumes(connection, now, 1),
        "delivery": await due_deliveries(connection, now, 1),
    }
    return {kind: now - due.reached.time if due.places else timedelta() for kind, due in found.items()}
