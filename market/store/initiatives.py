"""Initiatives: tables `initiative`, `initiative_figures`."""

from collections.abc import Sequence
from datetime import date
from typing import assert_never, cast

import asyncpg
import msgspec

from events.connections import Connection
from events.envelope import Recorded
from events.facts import InitiativeFact
from events.party_events import (
    InitiativeChanged,
    InitiativeFiguresStated,
    InitiativeRegistered,
    InitiativeRevoked,
)
from events.row_counts import expect_rows
from market.rules.orders.initiatives import Initiative, InitiativeDetails
from market.store import bodies
from market.store.reading import Page, page

INSERT = """
insert into initiative (lane, initiative, version, position, revoked, body) values ($1, $2, 1, $3, false, $4)
"""

UPDATE = """
update initiative set version = version + 1, position = $3, body = $4
where lane = $1 and initiative = $2 and not revoked
"""

REVOKE = """
update initiative set version = version + 1, position = $3, revoked = true
where lane = $1 and initiative = $2 and not revoked
"""


STATE_FIGURES = """
insert into initiative_figures (lane, initiative, position, since_day, body) values ($1, $2, $3, $4, $5)
"""


def holds(event: Recorded) -> bool:
    """Whether an event of the parties stream is about an initiative."""
    return isinstance(event.data, InitiativeFact)


async def apply(connection: Connection, events: Sequence[Recorded]) -> None:
    """One statement an event: initiatives are few and change rarely."""
    for event in events:
        fact = cast(InitiativeFact, event.data)
        statement, details = _statement(fact)
        status = await connection.execute(statement, event.lane, fact.initiative, event.position, *details)
        expect_rows(status, 1, type(fact).__name__)


def _statement(fact: InitiativeFact) -> tuple[str, tuple[object, ...]]:
    """The SQL of a fact and its arguments after lane, code and position."""
    match fact:
        case InitiativeRegistered():
            return INSERT, (_details(fact),)
        case InitiativeChanged():
            return UPDATE, (_details(fact),)
        case InitiativeRevoked():
            return REVOKE, ()
        case InitiativeFiguresStated():
            return STATE_FIGURES, (fact.since, bodies.encode(fact))
        case _:
            assert_never(fact)


def _details(fact: InitiativeRegistered | InitiativeChanged) -> bytes:
    return bodies.encode(
        InitiativeDetails(name=fact.name, coordinator=fact.coordinator, coordinated_by=fact.coordinated_by)
    )


READ_ONE = "select initiative, version, revoked, body from initiative where initiative = $1"


async def load_initiative(connection: Connection, code: str) -> Initiative | None:
    """Revoked ones too."""
    row = await connection.fetchrow(READ_ONE, code)
    return None if row is None else _initiative(row)


READ_ALL = """
select initiative, version, revoked, body from initiative
where $1::text is null or initiative > $1 order by initiative limit $2
"""


async def list_initiatives(connection: Connection, *, after: str | None, limit: int) -> Page[Initiative]:
    """By code, revoked ones too."""
    rows = await connection.fetch(READ_ALL, after, limit + 1)
    return page([_initiative(row) for row in rows], limit)


# Of codes whose lanes the transaction holds.
READ_STANDING = "select initiative from initiative where initiative = any($1::text[]) and not revoked"


async def standing(connection: Connection, codes: Sequence[str]) -> frozenset[str]:
    """Those of `codes` that are registered and not revoked."""
    if not codes:
        return frozenset()
    return frozenset(row["initiative"] for row in await connection.fetch(READ_STANDING, codes))


READ_STATED = "select body from initiative_figures where since_day = $1 order by initiative"


async def figures_of_quarter(connection: Connection, since: date) -> list[InitiativeFiguresStated]:
    """By every initiative, as the record has them."""
    return [_figures.decode(row["body"]) for row in await connection.fetch(READ_STATED, since)]


READ_FIGURES = """
select body from initiative_figures where initiative = $1 and ($2::date is null or since_day = $2)
order by since_day desc limit 1
"""


async def load_figures(
    connection: Connection, code: str, since: date | None
) -> InitiativeFiguresStated | None:
    """Of the quarter that begins then, or the newest that were stated."""
    row = await connection.fetchrow(READ_FIGURES, code, since)
    return None if row is None else _figures.decode(row["body"])


_figures = msgspec.json.Decoder(InitiativeFiguresStated)
_bodies = msgspec.json.Decoder(InitiativeDetails)


def _initiative(row: asyncpg.Record) -> Initiative:
    return Initiative(
        initiative=row["initiative"],
        details=_bodies.decode(row["body"]),
        version=row["version"],
        revoked=row["revoked"],
    )
