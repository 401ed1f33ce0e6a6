"""What a batch of postings and changes of orders reads of its markets, in one statement."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg
from msgspec import Struct

from events.connections import Connection
from events.decision import Moment
from events.market_terms import MarketTerms, Member, RuleSet
from market.rules.book import RELIABILITY_WINDOW
from market.rules.market_inputs import MarketInputs, record_input
from market.store import bodies


class MarketPicture(Struct, kw_only=True):
    """A market as a decision about an order reads it; qualifications stay away, only the book needs them."""

    terms: MarketTerms
    open_orders: int
    plan_cut: int | None
    inputs: MarketInputs
    rule_set: RuleSet | None = None


class MemberPicture(Struct, frozen=True, kw_only=True):
    """`failings` counts the declined and lapsed matches of the window before the decision."""

    member: Member
    suspended: bool
    failings: int


class Pictures(Struct, frozen=True, kw_only=True):
    markets: dict[UUID, MarketPicture]
    members: dict[tuple[UUID, UUID], MemberPicture]
    """By (market, organisation)."""


# `offset 0` keeps the planner from scanning all markets' inputs for those of one: it cannot be pulled up.
READ = """
with asked as (
    select * from unnest($1::bigint[], $2::uuid[], $3::uuid[]) as a (lane, market, organisation)
), markets as (
    select distinct lane, market from asked
), posters as (
    select distinct lane, market, organisation from asked
)
select 'market' as kind, m.market, null::uuid as organisation, m.open_orders as figure,
       m.plan_position as position, false as suspended, m.body
from markets k join market m on m.lane = k.lane and m.market = k.market
union all
select 'rule_set', k.market, null, 0, r.position, false, r.body
from markets k cross join lateral (
    select position, body from rule_set s
    where s.lane = k.lane and s.market = k.market and s.effective_from <= $4 order by position desc limit 1
) r
union all
select 'input', k.market, null, 0, i.position, false, i.body
from markets k cross join lateral (
    select position, body from market_input v
    where v.lane = k.lane and v.market = k.market
        and v.kind in ('reference_price', 'fx_rate', 'concentrated_origins')
    offset 0
) i
union all
select 'member', m.market, m.organisation, (
    select count(*) from failing f
    where f.lane = m.lane and f.market = m.market and f.organisation = m.organisation and f.failed_time > $5
), m.position, m.suspended, m.body
from posters p join member m on m.lane = p.lane and m.market = p.market and m.organisation = p.organisation
"""


async def load_pictures(
    connection: Connection, asked: Sequence[tuple[int, UUID, UUID]], moment: Moment
) -> Pictures:
    """For each (lane, market, organisation), under the lanes; what does not exist is left out."""
    lanes, known, posters = (list(column) for column in zip(*asked, strict=True))
    since = moment.now - RELIABILITY_WINDOW
    rows = await connection.fetch(READ, lanes, known, posters, moment.now, since)
    markets = {row["market"]: _market(row) for row in rows if row["kind"] == "market"}
    members: dict[tuple[UUID, UUID], MemberPicture] = {}
    for kind, market, organisation, figure, position, suspended, body in rows:
        picture = markets.get(market)
        if picture is None:
            continue
        match kind:
            case "member":
                members[market, organisation] = MemberPicture(
                    member=bodies.member(body), suspended=suspended, failings=figure
                )
            case "rule_set":
                picture.rule_set = bodies.rule_set(body)
            case "input":
                record_input(picture.inputs, bodies.market_input(body), position)
            case _:
                pass
    return Pictures(markets=markets, members=members)


def _market(row: asyncpg.Record) -> MarketPicture:
    return MarketPicture(
        terms=bodies.market_terms(row["body"]),
        open_orders=row["figure"],
        plan_cut=row["position"],
        inputs=MarketInputs(),
    )
