"""Twins of products: table `product_twin`, each version of each."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from events.connections import Connection
from events.envelope import Recorded
from events.material_events import ProductTwinStated
from events.row_counts import expect_rows
from events.twin_terms import ProductTwinTerms
from events.vocabulary import TwinReference
from market.rules.twins.product_twins import ProductTwin
from market.store import bodies
from market.store.reading import Page, page


class ProductTwinRow(Struct, frozen=True, kw_only=True):
    twin: ProductTwin
    stated_time: datetime


# A version follows on the one before it.
INSERT = """
insert into product_twin (lane, twin, version, organisation, position, stated_time, body)
select $1, $2, $3, $4, $5, $6, $7
where $3 = 1 + (select coalesce(max(version), 0) from product_twin where lane = $1 and twin = $2)
"""


async def apply(connection: Connection, stated: Sequence[tuple[Recorded, ProductTwinStated]]) -> None:
    """A statement for each event: twins are few and change rarely."""
    for event, fact in stated:
        status = await connection.execute(
            INSERT,
            event.lane,
            fact.twin,
            fact.version,
            fact.organisation,
            event.position,
            event.time,
            bodies.encode(fact.terms),
        )
        expect_rows(status, 1, type(fact).__name__)


READ_NEWEST = """
select twin, version, organisation, position, stated_time, body from product_twin
where twin = $1 order by version desc limit 1
"""


async def load_newest(connection: Connection, twin: UUID) -> ProductTwinRow | None:
    row = await connection.fetchrow(READ_NEWEST, twin)
    return None if row is None else _row(row)


READ_VERSIONS = """
select t.twin, t.version, t.organisation, t.position, t.stated_time, t.body
from unnest($1::uuid[], $2::bigint[]) as n (twin, version)
join product_twin t on t.twin = n.twin and t.version = n.version
"""


async def load_versions(
    connection: Connection, wanted: Collection[TwinReference]
) -> dict[TwinReference, ProductTwinRow]:
    """Those that were stated, whoever keeps them; they are read without their lanes, since none changes."""
    rows = await connection.fetch(
        READ_VERSIONS, [each.twin for each in wanted], [each.version for each in wanted]
    )
    return {TwinReference(twin=row["twin"], version=row["version"]): _row(row) for row in rows}


# Newest twins first, each at its newest version; null asks for everybody's.
READ_PAGE = """
select distinct on (twin) twin, version, organisation, position, stated_time, body from product_twin
where ($1::uuid is null or organisation = $1) and ($2::uuid is null or twin < $2)
order by twin desc, version desc limit $3
"""


async def list_twins(
    connection: Connection, organisation: UUID | None, *, after: UUID | None, limit: int
) -> Page[ProductTwinRow]:
    rows = await connection.fetch(READ_PAGE, organisation, after, limit + 1)
    return page([_row(row) for row in rows], limit)


_bodies = msgspec.json.Decoder(ProductTwinTerms)


def _row(row: asyncpg.Record) -> ProductTwinRow:
    return ProductTwinRow(
        twin=ProductTwin(
            twin=row["twin"],
            organisation=row["organisation"],
            version=row["version"],
            position=row["position"],
            terms=_bodies.decode(row["body"]),
        ),
        stated_time=row["stated_time"],
    )
