"""Transformations: tables `transformation`, `lineage_edge` and `claim_credit`."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import msgspec
from msgspec.structs import replace

from events.connections import Connection
from events.envelope import Recorded
from events.material_events import MassBalanceMoved, PassportTransformed
from events.passport_terms import ClaimKind
from events.row_counts import expect_rows
from market.rules.passports.mass_balance import Account, Credit
from market.store import bodies

TransformationFact: TypeAlias = PassportTransformed | MassBalanceMoved


async def apply(connection: Connection, steps: Sequence[tuple[Recorded, TransformationFact]]) -> None:
    """A few statements an event: a transformation is alone on its lanes."""
    for event, fact in steps:
        if isinstance(fact, PassportTransformed):
            await _transformed(connection, event, fact)
        else:
            await _moved(connection, event, fact)


INSERT = """
insert into transformation (lane, transformation, organisation, facility, position, body, owner)
values ($1, $2, $3, $4, $5, $6, $7)
"""

INSERT_EDGES = """
insert into lineage_edge (lane, source, target, organisation, position, owner)
select $1, e.source, e.target, $2, $3, $6 from unnest($4::uuid[], $5::uuid[]) as e (source, target)
"""


async def _transformed(connection: Connection, event: Recorded, fact: PassportTransformed) -> None:
    named = (fact.transformation, fact.organisation, fact.facility)
    owner = fact.owner or None
    await connection.execute(INSERT, event.lane, *named, event.position, bodies.encode(fact), owner)
    edges = [(part.passport, fact.transformation) for part in fact.inputs]
    edges += [(fact.transformation, part.passport) for part in fact.outputs]
    status = await connection.execute(
        INSERT_EDGES, event.lane, fact.organisation, event.position, *zip(*edges, strict=True), owner
    )
    expect_rows(status, len(edges), "lineage_edge insert")


INSERT_CREDITS = """
insert into claim_credit (
    lane, facility, element, claim, transformation, organisation, input_mg, claimed_mg, deposited_mg,
    remaining_mg, expires_time, position
)
select $1, $2, n.element, n.claim, $3, $4, n.input_mg, n.claimed_mg, n.deposited_mg, n.deposited_mg, $5, $6
from unnest($7::text[], $8::text[], $9::bigint[], $10::bigint[], $11::bigint[])
    as n (element, claim, input_mg, claimed_mg, deposited_mg)
"""

USE_CREDITS = """
update claim_credit c set remaining_mg = c.remaining_mg - n.mass_mg, position = $3
from unnest($4::text[], $5::text[], $6::uuid[], $7::bigint[]) as n (element, claim, transformation, mass_mg)
where c.lane = $1 and c.facility = $2 and c.element = n.element and c.claim = n.claim
    and c.transformation = n.transformation
"""


async def _moved(connection: Connection, event: Recorded, fact: MassBalanceMoved) -> None:
    """What a transformation pays in may be what it uses at once."""
    lines = [
        (line.element, line.claim, line.input_mg, line.claimed_mg, line.deposited_mg) for line in fact.lines
    ]
    status = await connection.execute(
        INSERT_CREDITS,
        event.lane,
        fact.facility,
        fact.transformation,
        fact.organisation,
        fact.expires_at,
        event.position,
        *zip(*lines, strict=True),
    )
    expect_rows(status, len(lines), "claim_credit insert")
    uses = [
        (line.element, line.claim, use.transformation, use.mass_mg)
        for line in fact.lines
        for use in line.uses
    ]
    if uses:
        status = await connection.execute(
            USE_CREDITS, event.lane, fact.facility, event.position, *zip(*uses, strict=True)
        )
        expect_rows(status, len(uses), "claim_credit update")


READ_SUMS = """
select element, claim, sum(input_mg)::bigint as input_mg, sum(claimed_mg)::bigint as claimed_mg
from claim_credit where facility = $1 and element = any($2::text[]) and expires_time > $3
group by element, claim
"""

READ_CREDITS = """
select element, claim, transformation, expires_time, remaining_mg from claim_credit
where facility = $1 and element = any($2::text[]) and expires_time > $3 and remaining_mg > 0
order by expires_time, transformation
"""


async def load_accounts(
    connection: Connection, facility: UUID, elements: Sequence[str], now: datetime
) -> dict[tuple[str, ClaimKind], Account]:
    """What has not expired by `now`, under the lane of the facility."""
    held = defaultdict(list)
    for row in await connection.fetch(READ_CREDITS, facility, elements, now):
        held[row["element"], row["claim"]].append(
            Credit(
                transformation=row["transformation"],
                expires_at=row["expires_time"],
                remaining_mg=row["remaining_mg"],
            )
        )
    return {
        (row["element"], row["claim"]): Account(
            input_mg=row["input_mg"],
            claimed_mg=row["claimed_mg"],
            credits=tuple(held[row["element"], row["claim"]]),
        )
        for row in await connection.fetch(READ_SUMS, facility, elements, now)
    }


# Facts of before do not tell who had title to the inputs: it got that to what was made.
READ_ONE = """
select t.body, (
    select (convert_from(s.body, 'UTF8')::json ->> 'owner')::uuid from lineage_edge e
    join passport p on p.passport = e.target
    join passport_step s on s.lane = p.lane and s.passport = p.passport and s.version = 1
    where e.source = t.transformation limit 1
) as owner
from transformation t where t.transformation = $1
"""


async def load_transformation(connection: Connection, transformation: UUID) -> PassportTransformed | None:
    """With who had title to the inputs, where another recorded it. As row-level security shows it."""
    row = await connection.fetchrow(READ_ONE, transformation)
    if row is None:
        return None
    fact = _transformations.decode(row["body"])
    return fact if row["owner"] in (None, fact.organisation) else replace(fact, owner=row["owner"])


READ_SEVERAL = """
select body from transformation where transformation = any($1::uuid[]) order by transformation
"""


async def load_several(
    connection: Connection, transformations: Sequence[UUID]
) -> tuple[PassportTransformed, ...]:
    rows = await connection.fetch(READ_SEVERAL, transformations)
    return tuple(_transformations.decode(row["body"]) for row in rows)


_transformations = msgspec.json.Decoder(PassportTransformed)
