"""Procurement policies: table `policy`, as its newest version has it, and `policy_version`."""

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never, cast
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from events.connections import Connection
from events.envelope import Recorded
from events.facts import PolicyFact
from events.party_events import PolicyPublished, PolicyRetired
from events.row_counts import expect_rows
from market.rules.orders.policies import Policy, PolicyDetails
from market.store import bodies
from market.store.reading import Page, page


class PolicyVersionRow(Struct, frozen=True, kw_only=True):
    """One version, as it was published."""

    version: int
    position: int
    published_time: datetime
    details: PolicyDetails


# A version follows on the one before it; whoever is published stays, and so do those it is addressed to.
PUBLISH = """
insert into policy as p (lane, policy, organisation, addressed_to, version, position, retired, body)
values ($1, $2, $3, $4, $5, $6, false, $7)
on conflict (lane, policy) do update
set version = excluded.version, position = excluded.position, body = excluded.body
where p.version = excluded.version - 1 and not p.retired
"""

INSERT_VERSION = """
insert into policy_version (lane, policy, version, organisation, position, published_time, body)
values ($1, $2, $3, $4, $5, $6, $7)
"""

RETIRE = "update policy set retired = true where lane = $1 and policy = $2 and not retired"


def holds(event: Recorded) -> bool:
    """Whether an event of the parties stream is about a policy."""
    return isinstance(event.data, PolicyFact)


async def apply(connection: Connection, events: Sequence[Recorded]) -> None:
    """Statements for each event: policies are few and change rarely."""
    for event in events:
        fact = cast(PolicyFact, event.data)
        match fact:
            case PolicyPublished():
                await _publish(connection, event, fact)
            case PolicyRetired():
                status = await connection.execute(RETIRE, event.lane, fact.policy)
                expect_rows(status, 1, type(fact).__name__)
            case _:
                assert_never(fact)


async def _publish(connection: Connection, event: Recorded, fact: PolicyPublished) -> None:
    body = bodies.encode(PolicyDetails(title=fact.title, authority=fact.authority, terms=fact.terms))
    common = event.lane, fact.policy
    status = await connection.execute(
        PUBLISH, *common, fact.organisation, fact.addressed_to, fact.version, event.position, body
    )
    expect_rows(status, 1, type(fact).__name__)
    await connection.execute(
        INSERT_VERSION, *common, fact.version, fact.organisation, event.position, event.time, body
    )


READ_SOME = """
select policy, organisation, addressed_to, version, position, retired, body from policy
where policy = any($1::uuid[])
"""


async def load_policies(connection: Connection, wanted: Sequence[UUID]) -> dict[UUID, Policy]:
    """Those that exist, retired ones too; who may see them is the rules' to say."""
    rows = await connection.fetch(READ_SOME, list(wanted))
    return {row["policy"]: _policy(row) for row in rows}


# Newest first; null asks for all, else for an organisation's own and those addressed to its initiatives.
READ_PAGE = """
select policy, organisation, addressed_to, version, position, retired, body from policy
where ($1::uuid is null or organisation = $1 or addressed_to && $2::text[])
    and ($3::uuid is null or policy < $3)
order by policy desc limit $4
"""


async def list_policies(
    connection: Connection,
    organisation: UUID | None,
    initiatives: Sequence[str],
    *,
    after: UUID | None,
    limit: int,
) -> Page[Policy]:
    rows = await connection.fetch(READ_PAGE, organisation, list(initiatives), after, limit + 1)
    return page([_policy(row) for row in rows], limit)


READ_VERSION = """
select version, position, published_time, body from policy_version where policy = $1 and version = $2
"""


async def load_version(connection: Connection, policy: UUID, version: int) -> PolicyVersionRow | None:
    row = await connection.fetchrow(READ_VERSION, policy, version)
    if row is None:
        return None
    return PolicyVersionRow(
        version=row["version"],
        position=row["position"],
        published_time=row["published_time"],
        details=_bodies.decode(row["body"]),
    )


_bodies = msgspec.json.Decoder(PolicyDetails)


def _policy(row: asyncpg.Record) -> Policy:
    return Policy(
        policy=row["policy"],
        organisation=row["organisation"],
        addressed_to=tuple(row["addressed_to"]),
        version=row["version"],
        position=row["position"],
        details=_bodies.decode(row["body"]),
        retired=row["retired"],
    )
