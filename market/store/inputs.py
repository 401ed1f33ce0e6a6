"""What a market's lane holds from elsewhere: `market_input`, the newest of each dated input, and `rule_set`,
every version."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import assert_never
from uuid import UUID

import asyncpg
from msgspec import Struct

from events.connections import Connection
from events.envelope import Recorded
from events.market_events import InputRecorded, RuleSetPublished
from events.market_terms import (
    ConcentratedOrigins,
    FxRate,
    MarketInput,
    Qualification,
    ReferencePrice,
    RuleSet,
)
from events.writes import Write
from market.rules.book import PublishedRuleSet
from market.rules.market_inputs import MarketInputs, qualification_key, record_input
from market.store import bodies
from market.store.reading import Page, page


class InputRow(Struct, frozen=True, kw_only=True):
    """`organisation` is the buyer whose qualification it is, None for what every member may read."""

    lane: int
    market: UUID
    kind: str
    key: str
    position: int
    recorded_time: datetime
    organisation: UUID | None
    source_id: str
    source_position: int | None
    input: MarketInput


class RuleSetRow(Struct, frozen=True, kw_only=True):
    lane: int
    market: UUID
    position: int
    published_time: datetime
    signed_by: tuple[UUID, ...]
    rule_set: RuleSet


def input_key(value: MarketInput) -> tuple[str, str]:
    """(kind, key) of an input: a newer one with the same takes its place."""
    match value:
        case ReferencePrice():
            return "reference_price", value.code
        case FxRate():
            return "fx_rate", value.currency
        case Qualification():
            return "qualification", qualification_key(value.buyer, value.seller, value.facility, value.form)
        case ConcentratedOrigins():
            return "concentrated_origins", ""
        case _:
            assert_never(value)


def input_row(event: Recorded, fact: InputRecorded) -> InputRow:
    kind, key = input_key(fact.input)
    return InputRow(
        lane=event.lane,
        market=fact.market,
        kind=kind,
        key=key,
        position=event.position,
        recorded_time=event.time,
        organisation=fact.input.buyer if isinstance(fact.input, Qualification) else None,
        source_id=fact.source_id,
        source_position=fact.source_position,
        input=fact.input,
    )


def rule_set_row(event: Recorded, fact: RuleSetPublished) -> RuleSetRow:
    return RuleSetRow(
        lane=event.lane,
        market=fact.market,
        position=event.position,
        published_time=event.time,
        signed_by=fact.signed_by,
        rule_set=fact.rule_set,
    )


UPSERT_INPUTS = """
insert into market_input (lane, market, kind, key, position, recorded_time, organisation, source_id,
    source_position, body)
select * from unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[],
       $7::uuid[], $8::text[], $9::bigint[], $10::bytea[])
on conflict (lane, market, kind, key) do update set
    position = excluded.position, recorded_time = excluded.recorded_time,
    organisation = excluded.organisation, source_id = excluded.source_id,
    source_position = excluded.source_position, body = excluded.body
"""


def writes_of_inputs(rows: Iterable[InputRow]) -> list[Write]:
    """At most one row of each key."""
    values = [
        (
            row.lane,
            row.market,
            row.kind,
            row.key,
            row.position,
            row.recorded_time,
            row.organisation,
            row.source_id,
            row.source_position,
            bodies.encode(row.input),
        )
        for row in rows
    ]
    return [Write("market_input", UPSERT_INPUTS, values)]


INSERT_RULE_SETS = """
insert into rule_set (lane, market, rule_set_version, position, effective_from, published_time, signed_by,
    body)
select lane, market, rule_set_version, position, effective_from, published_time, signed_by::uuid[], body
from unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::timestamptz[],
    $7::text[], $8::bytea[])
    as n (lane, market, rule_set_version, position, effective_from, published_time, signed_by, body)
"""


def writes_of_rule_sets(rows: Sequence[RuleSetRow]) -> list[Write]:
    values = [
        (
            row.lane,
            row.market,
            row.rule_set.version,
            row.position,
            row.rule_set.effective_from,
            row.published_time,
            "{" + ",".join(map(str, row.signed_by)) + "}",
            bodies.encode(row.rule_set),
        )
        for row in rows
    ]
    return [Write("rule_set", INSERT_RULE_SETS, values)]


READ_INPUTS = """
select lane, market, kind, key, position, recorded_time, organisation, source_id, source_position, body
from market_input where lane = $1 and market = any($2::uuid[])
"""


async def read_inputs(connection: Connection, lane: int, markets: Sequence[UUID]) -> list[asyncpg.Record]:
    return await connection.fetch(READ_INPUTS, lane, list(markets))


def decode_inputs(rows: Iterable[asyncpg.Record], markets: Sequence[UUID]) -> dict[UUID, MarketInputs]:
    """What decisions and the book read, for markets of one lane."""
    found = {market: MarketInputs(references={}, fx={}, qualifications={}) for market in markets}
    for row in rows:
        record_input(found[row["market"]], bodies.market_input(row["body"]), row["position"])
    return found


async def load_inputs(connection: Connection, lane: int, markets: Sequence[UUID]) -> dict[UUID, MarketInputs]:
    return decode_inputs(await read_inputs(connection, lane, markets), markets)


READ_INPUT_PAGE = """
select lane, market, kind, key, position, recorded_time, organisation, source_id, source_position, body
from market_input where market = $1 and ($2::text is null or (kind, key) > ($2, $3))
order by kind, key limit $4
"""


async def list_inputs(
    connection: Connection, market: UUID, *, after: tuple[str, str] | None, limit: int
) -> Page[InputRow]:
    """The newest of each input by (kind, key)."""
    kind, key = (None, None) if after is None else after
    rows = await connection.fetch(READ_INPUT_PAGE, market, kind, key, limit + 1)
    return page([_input(row) for row in rows], limit)


READ_RULE_SETS = """
select lane, market, position, published_time, signed_by, body
from rule_set where lane = $1 and market = any($2::uuid[]) order by position
"""


async def load_rule_sets(
    connection: Connection, lane: int, markets: Sequence[UUID]
) -> dict[UUID, list[PublishedRuleSet]]:
    """All rule sets in order of publication, for markets of one lane."""
    found: dict[UUID, list[PublishedRuleSet]] = {market: [] for market in markets}
    for row in await connection.fetch(READ_RULE_SETS, lane, list(markets)):
        published = PublishedRuleSet(rule_set=bodies.rule_set(row["body"]), position=row["position"])
        found[row["market"]].append(published)
    return found


READ_RULE_SET = """
select lane, market, position, published_time, signed_by, body
from rule_set where market = $1 and rule_set_version = $2 order by position limit 1
"""


async def load_rule_set(connection: Connection, market: UUID, version: int) -> RuleSetRow | None:
    row = await connection.fetchrow(READ_RULE_SET, market, version)
    return None if row is None else _rule_set(row)


READ_RULE_SET_PAGE = """
select lane, market, position, published_time, signed_by, body
from rule_set where market = $1 and rule_set_version > $2 order by rule_set_version limit $3
"""


async def list_rule_sets(
    connection: Connection, market: UUID, *, after: int | None, limit: int
) -> Page[RuleSetRow]:
    """All rule sets of a market by version."""
    rows = await connection.fetch(READ_RULE_SET_PAGE, market, after or 0, limit + 1)
    return page([_rule_set(row) for row in rows], limit)


# The few markets there are, with the last of each.
READ_NEWEST_RULE_SETS = """
select distinct on (market) lane, market, position, published_time, signed_by, body
from rule_set order by market, rule_set_version desc
"""


async def newest_rule_sets(connection: Connection) -> list[RuleSetRow]:
    """The one with the highest version of each market that has any, by market."""
    return [_rule_set(row) for row in await connection.fetch(READ_NEWEST_RULE_SETS)]


def _input(row: asyncpg.Record) -> InputRow:
    return InputRow(
        lane=row["lane"],
        market=row["market"],
        kind=row["kind"],
        key=row["key"],
        position=row["position"],
        recorded_time=row["recorded_time"],
        organisation=row["organisation"],
        source_id=row["source_id"],
        source_position=row["source_position"],
        input=bodies.market_input(row["body"]),
    )


def _rule_set(row: asyncpg.Record) -> RuleSetRow:
    return RuleSetRow(
        lane=row["lane"],
        market=row["market"],
        position=row["position"],
        published_time=row["published_time"],
        signed_by=tuple(row["signed_by"]),
        rule_set=bodies.rule_set(row["body"]),
    )
