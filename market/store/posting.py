"""What a batch of postings and changes of orders reads of its markets, in one statement, and its cache while
nothing else happens on their lanes."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Self
from uuid import UUID

import asyncpg
from msgspec import Struct

from events.connections import Connection
from events.decision import LaneKey, Moment
from events.envelope import Recorded
from events.kept import Kept
from events.market_events import RequirementPosted, SupplyOffered
from events.market_terms import MarketTerms, Member, RuleSet
from market.rules.book import RELIABILITY_WINDOW, Halt
from market.rules.market_inputs import MarketInputs, record_input
from market.store import bodies
from market.store.markets import halt_of

KEPT_MEMBERS_MAX: Final = 4_096
"""Of one lane."""


class MarketPicture(Struct, kw_only=True):
    """A market as decisions about orders read it, without qualifications, which only the book needs.

    `lasting`: nothing of it changes by the clock alone; no rule set takes effect later.
    """

    terms: MarketTerms
    open_orders: int
    plan_cut: int | None
    lasting: bool
    inputs: MarketInputs
    rule_set: RuleSet | None = None
    halt: Halt | None = None


class MemberPicture(Struct, frozen=True, kw_only=True):
    """`failings` counts the declined and lapsed matches of the member's group in the window before."""

    member: Member
    suspended: bool
    failings: int


class Pictures(Struct, frozen=True, kw_only=True):
    markets: dict[UUID, MarketPicture]
    members: dict[tuple[UUID, UUID], MemberPicture]
    """By (market, organisation)."""


class KeptPictures:
    """The cache of one lane, updated by its postings; nothing that changes by the clock is cached."""

    def __init__(self) -> None:
        self.markets: dict[UUID, MarketPicture] = {}
        self.members: dict[tuple[UUID, UUID], MemberPicture] = {}
        self._read_time = datetime.min.replace(tzinfo=UTC)

    def at(self, now: datetime) -> Self:
        """The pictures at a time; empty when the clock went back before the time of reading."""
        if now < self._read_time:
            self._forget()
        return self

    def follow(self, event: Recorded) -> None:
        match event.data:
            case SupplyOffered(market=market) | RequirementPosted(market=market):
                if (picture := self.markets.get(market)) is not None:
                    picture.open_orders += 1
            case _:
                self._forget()

    def keep(self, read: Pictures, market: UUID, organisation: UUID, now: datetime) -> None:
        picture, member = read.markets.get(market), read.members.get((market, organisation))
        if picture is None or member is None or not picture.lasting or member.failings:
            return
        if len(self.members) >= KEPT_MEMBERS_MAX:
            self._forget()
        self.markets[market], self.members[market, organisation] = picture, member
        self._read_time = max(self._read_time, now)

    def _forget(self) -> None:
        self.markets.clear()
        self.members.clear()


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
       m.plan_position as position, exists (
           select from rule_set s where s.lane = m.lane and s.market = m.market and s.effective_from > $4
       ) as flag, m.body, m.halted_time, m.halted_reason
from markets k join market m on m.lane = k.lane and m.market = k.market
union all
select 'rule_set', k.market, null, 0, r.position, false, r.body, null, null
from markets k cross join lateral (
    select position, body from rule_set s
    where s.lane = k.lane and s.market = k.market and s.effective_from <= $4 order by position desc limit 1
) r
union all
select 'input', k.market, null, 0, i.position, false, i.body, null, null
from markets k cross join lateral (
    select position, body from market_input v
    where v.lane = k.lane and v.market = k.market
        and v.kind in ('reference_price', 'fx_rate', 'concentrated_origins')
    offset 0
) i
union all
select 'member', m.market, m.organisation, (
    select count(*)
    from member s
    join failing f on f.lane = s.lane and f.market = s.market and f.organisation = s.organisation
    where s.lane = m.lane and s.market = m.market and s.company_group = m.company_group and f.failed_time > $5
), m.position, m.suspended, m.body, null, null
from posters p
join member m
    on m.lane = p.lane and m.market = p.market and m.organisation = p.organisation and m.left_time is null
"""


async def load_pictures(
    connection: Connection, asked: Sequence[tuple[int, UUID, UUID]], moment: Moment
) -> Pictures:
    """For each (lane, market, organisation), under the lanes; what does not exist is left out."""
    if moment.kept is None:
        return await _read(connection, asked, moment)
    markets: dict[UUID, MarketPicture] = {}
    members: dict[tuple[UUID, UUID], MemberPicture] = {}
    missing: list[tuple[int, UUID, UUID]] = []
    for lane, market, organisation in asked:
        kept = _kept(moment.kept, lane).at(moment.now)
        picture, member = kept.markets.get(market), kept.members.get((market, organisation))
        if picture is None or member is None:
            missing.append((lane, market, organisation))
        else:
            markets[market], members[market, organisation] = picture, member
    if missing:
        read = await _read(connection, missing, moment)
        for lane, market, organisation in missing:
            _kept(moment.kept, lane).keep(read, market, organisation, moment.now)
        markets |= read.markets
        members |= read.members
    return Pictures(markets=markets, members=members)


def _kept(lanes: Mapping[LaneKey, Kept], lane: int) -> KeptPictures:
    kept = lanes[LaneKey("market", lane)]
    if not isinstance(kept.content, KeptPictures):
        kept.content = KeptPictures()
    return kept.content


async def _read(connection: Connection, asked: Sequence[tuple[int, UUID, UUID]], moment: Moment) -> Pictures:
    lanes, known, posters = (list(column) for column in zip(*asked, strict=True))
    since = moment.now - RELIABILITY_WINDOW
    rows = await connection.fetch(READ, lanes, known, posters, moment.now, since)
    markets = {row["market"]: _market(row) for row in rows if row["kind"] == "market"}
    members: dict[tuple[UUID, UUID], MemberPicture] = {}
    for kind, market, organisation, figure, position, flag, body, *_ in rows:
        picture = markets.get(market)
        if picture is None:
            continue
        match kind:
            case "member":
                members[market, organisation] = MemberPicture(
                    member=bodies.member(body), suspended=flag, failings=figure
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
        lasting=not row["flag"],
        inputs=MarketInputs(),
        halt=halt_of(row),
    )
