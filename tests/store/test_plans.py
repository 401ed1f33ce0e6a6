"""Hot queries at a realistic size go through their index: no scan of a table that grows."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from itertools import product
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from contracts.rules.open_contests import KINDS
from contracts.store import (
    ageing,
    agreement_events,
    agreements,
    contests,
    issued_invoices,
    own_deliveries,
    own_invoices,
    own_nominations,
    own_payments,
    payments,
)
from contracts.store import deliveries as shipped
from events import chunks
from events.connections import Connection
from events.timetable import BEGINNING, START
from market.rules.streams.partner_lines import ALL
from market.settings import Settings
from market.store import (
    claims,
    crma,
    declared_volumes,
    due,
    feed,
    feed_pages,
    funnel,
    lineage,
    lists,
    matches,
    members,
    order_terms,
    orders,
    party_events,
    party_reads,
    passports,
    posting,
    product_twins,
    requirements,
    reservations,
    rounds,
    supplies,
    transformations,
    views,
    webhook_messages,
)
from market.store.evidence import EVIDENCE_TYPES
from market.store.reading import SET_READER
from tests.conftest import Copier, Database, copy_of, name_of

ORDERS = 20_000
NOW = datetime(2026, 3, 2, tzinfo=UTC)
SIDES = ("seller", "buyer")

AGREED = "journal_of_agreement"
# Twelve markets on as many lanes, 200 organisations, a tenth of the orders still open; ids as `md5` makes
# them.
FILL = """
insert into state.market (lane, market, version, position, last_time, open_orders, last_round, body)
select n, md5('m' || n)::uuid, 1, 1, '2026-03-01', 0, 0, '{}' from generate_series(0, 11) n;

insert into state.member (lane, market, organisation, version, position, suspended, company_group, body)
select m, md5('m' || m)::uuid, md5('o' || o)::uuid, 1, 1, false, md5('g' || o / 2)::uuid, '{}'
from generate_series(0, 11) m, generate_series(0, 1999) o;

insert into state.market_input
select m, md5('m' || m)::uuid, 'qualification', 'k' || k, 1, '2026-03-01', null, 's', null, '{}'
from generate_series(0, 11) m, generate_series(0, 1999) k;

insert into state.rule_set
select m, md5('m' || m)::uuid, v, v, '2026-03-01', '2026-03-01', '{}', convert_to(repeat('x', 4000), 'UTF8')
from generate_series(0, 11) m, generate_series(1, 100) v;

insert into state.supply
select n % 12, md5('m' || n % 12)::uuid, md5('s' || n)::uuid, 'lot', md5('o' || n % 200)::uuid,
    case when n % 10 = 0 then 'open' else 'sold' end, 1, n + 1, n + 1, 10, 0, case when n % 10 = 0 then 0
    else 10 end, n % 10 = 0, 1, '{}', '2026-02-01'::timestamptz + n * interval '1 hour', 'l' || n
from generate_series(0, $1::int - 1) n;

insert into state.requirement
select n % 12, md5('m' || n % 12)::uuid, md5('r' || n)::uuid, md5('o' || n % 200)::uuid,
    case when n % 10 = 0 then 'open' else 'expired' end, 1, n + 1, n + 1, 10, 0, 0, n % 10 = 0,
    '2026-02-01'::timestamptz + n * interval '1 hour'
from generate_series(0, $1::int - 1) n;

insert into state.order_terms
select lane, market, supply, organisation, convert_to(repeat('x', 400), 'UTF8'),
    md5('f' || rank % 2000)::uuid, '2026-01-01'::timestamptz + rank * interval '1 hour'
from state.supply
union all
select lane, market, requirement, organisation, convert_to(repeat('x', 400), 'UTF8'), null, null
from state.requirement;

insert into state.facility
select n % 12, md5('o' || n % 200)::uuid, md5('f' || n)::uuid, 1, 1, false, '{}'
from generate_series(0, 1999) n;

insert into state.match
select n % 12, md5('m' || n % 12)::uuid, md5('t' || n)::uuid, case when n % 50 = 0 then 'open' else
    'confirmed' end, 1,
    n + 1, md5('s' || n)::uuid, md5('r' || n)::uuid, 0, md5('o' || n % 200)::uuid, md5('o' || (n + 1) %
    200)::uuid,
    '2026-02-01'::timestamptz + n * interval '1 hour', null, null, null, null,
    case when n % 50 = 0 then null else '2026-02-01'::timestamptz end, '{}',
    '2026-02-01'::timestamptz + n * interval '1 hour', 10, 75000000, 75
from generate_series(0, $1::int - 1) n;

insert into state.failing
select n % 12, md5('m' || n % 12)::uuid, md5('o' || n % 200)::uuid, n + 1, '2026-02-01'
from generate_series(0, $1::int - 1) n;

insert into state.lot_reservation
select n % 12, 'l' || n, md5('o' || n % 200)::uuid, md5('m' || n % 12)::uuid, md5('s' || n)::uuid,
    case when n % 10 = 0 then 'reserved' else 'sold' end, 1, n + 1, '{}'
from generate_series(0, $1::int - 1) n;

insert into state.api_key
select n % 12, md5('o' || n)::uuid, md5('k' || n)::uuid, 1, n + 1, false, '{}' from generate_series(0, 19999)
    n;

insert into view.order_entry
select lane, market, supply, kind, organisation, status, version, rank, position, basis_g, held_g, filled_g,
    tranche_count,
    tranche_committed_g, valid_until, lot_identity, body
from state.supply natural join (select lane, market, order_id as supply, body from state.order_terms) t;

insert into view.match_entry
select lane, market, match, status, version, position, supply, requirement, tranche, seller, buyer,
    seller_answer,
    buyer_answer, seller_reason, buyer_reason, decided_time, body from state.match;

insert into state.agreement
select n % 12, md5('m' || n % 12)::uuid, md5('a' || n)::uuid, 'spot', md5('o' || n % 200)::uuid,
    md5('o' || (n + 1) % 200)::uuid, md5('t' || n)::uuid,
    case when n % 50 = 0 then 'draft' else 'effective' end, 2, n + 1, null, null,
    convert_to(repeat('x', 4000), 'UTF8'), null, 'EUR'
from generate_series(0, $1::int - 1) n;

insert into state.contract_year
select lane, market, agreement, 1, seller, buyer, position, '{}', 10, 0, 10, 75 from state.agreement;

insert into state.nomination
select lane, market, agreement, (array['annual', 'quarterly', 'monthly'])[1 + position % 3],
    '2026-02-01'::timestamptz + position % 60 * interval '1 month', seller, buyer,
    md5('n' || position)::uuid, 1, position, '{}', '2026-02-01'::timestamptz + position * interval '1 minute',
    position % 5 = 0
from state.agreement;

insert into state.delivery
select lane, market, agreement, md5('d' || position)::uuid, seller, buyer, 'l' || position, '2026-03-01',
    case when position % 10 = 0 then 'shipped' else 'accepted' end, 1, position, null, '{}',
    md5('p' || position)::uuid, '2026-02-01', 1, '2026-02-01'::timestamptz + position * interval '1 minute',
    null, null, position % 10 > 0
from state.agreement;

insert into state.invoice
select lane, market, agreement, md5('i' || position)::uuid, seller, buyer, delivery, null, 'final', position,
    '2026-02-01', '{}'
from state.delivery where status = 'accepted';

insert into state.issued_invoice
select lane, market, agreement, invoice, seller, buyer, delivery, 1, settles, 'EUR', 100,
    '2026-02-01'::timestamptz + position * interval '1 minute', date '2026-02-01' + (position % 600)::int,
    0, 0, 0, case when position % 10 = 0 then 'open' else 'paid' end, null,
    '2026-02-01'::timestamptz + position * interval '1 minute', 'RE-' || position, null, 'FI:' || position
from state.invoice;

insert into state.payment
select lane, market, md5('m' || position)::uuid, buyer, seller, 'received', '2026-02-01', 'r' || position, 2,
    position, '2026-02-01'::timestamptz + position * interval '1 minute', '{}', '2026-02-01'
from state.invoice;

insert into state.payment_part
select lane, market, md5('m' || position)::uuid, invoice, agreement, buyer, seller, 0, 100, '2026-02-01'
from state.invoice;

insert into state.passport
select n % 12, md5('p' || n)::uuid, md5('o' || n % 200)::uuid, md5('o' || (n + 1) % 200)::uuid,
    md5('o' || (n + 2) % 200)::uuid, md5('f' || n % 200)::uuid, 'l' || n, 'swarf',
    case when n % 10 = 0 then 'live' else 'consumed' end,
    md5('w' || n)::uuid, 1, n + 1, convert_to(repeat('x', 400), 'UTF8')
from generate_series(0, $1::int - 1) n;

insert into state.passport_step
select lane, passport, 1, organisation, passport, 'x', position, '2026-02-01', '{}' from state.passport;

insert into state.transformation
select n % 12, md5('w' || n)::uuid, md5('o' || n % 200)::uuid, md5('f' || n % 200)::uuid, n + 1, '{}'
from generate_series(0, $1::int - 1) n;

insert into state.lineage_edge
select n % 12, md5('p' || n)::uuid, md5('w' || n / 2)::uuid, md5('o' || n % 200)::uuid, n + 1
from generate_series(1, $1::int - 1) n
union all
select n % 12, md5('w' || n)::uuid, md5('p' || n)::uuid, md5('o' || n % 200)::uuid, n + 1
from generate_series(0, $1::int - 1) n;

insert into state.claim_credit
select n % 12, md5('f' || n % 200)::uuid, 'Nd', 'post_consumer', md5('w' || n)::uuid,
    md5('o' || n % 200)::uuid, 2, 1, 1, n % 2, '2026-02-01'::timestamptz + n * interval '1 hour', n + 1
from generate_series(0, $1::int - 1) n;

insert into state.product_twin
select n / 2 % 12, md5('u' || n / 2)::uuid, 1 + n % 2, md5('o' || n / 2 % 200)::uuid, n + 1, '2026-02-01',
    '{}'
from generate_series(0, $1::int - 1) n;

insert into state.declared_volume
select n % 200 % 12, md5('v' || n)::uuid, md5('o' || n % 200)::uuid,
    (date '2006-01-01' + n % 80 * interval '3 months')::date, 'r' || n, 'd' || n,
    case n % 5 when 0 then 'withdrawn' else 'standing' end, 1, n + 1, '{}'
from generate_series(0, $1::int - 1) n;

insert into state.declared_volume_step
select lane, volume, 1, organisation, volume, 'x', position, '2026-02-01', '{}' from state.declared_volume;

insert into state.contest
select n % 12, md5('m' || n % 12)::uuid, md5('a' || n)::uuid, md5('d' || n)::uuid,
    (array['declaration', 'mass', 'assay', 'non_arrival'])[1 + n % 4], 0,
    md5('o' || n % 200)::uuid, md5('o' || (n + 1) % 200)::uuid,
    case when n % 10 = 0 then '2026-02-01'::timestamptz + n * interval '1 hour' end
from generate_series(0, $1::int - 1) n;

insert into record.journal (stream, lane, position, event_id, type, key, body, chain, recorded_at)
select 'contracts', 3, n + 1, md5('c' || n)::uuid, 'contracts.delivery.shipped.v1', md5('a' || n % 200)::uuid,
    '{}', sha256('x'), '2026-02-01'
from generate_series(0, $1::int - 1) n;

insert into record.journal (stream, lane, position, event_id, type, key, body, chain, recorded_at)
select 'market', 3, n + 1, md5('v' || n)::uuid,
    case when n % 40 = 0 then 'market.clearing.evidence.v2' else 'market.match.struck.v1' end,
    md5('m3')::uuid, '{}', sha256('x'), '2026-02-01'
from generate_series(0, $1::int - 1) n;

insert into view.waterfall
select lane, market, md5('p')::uuid, 'spot-all', supply, tranche, requirement, position, body from
    state.match;

insert into view.feed
select 'market', n % 12, n + 1, case when n % 3 = 0 then '00000000-0000-0000-0000-000000000000'
    else md5('o' || n % 200)::uuid end, md5('e' || n)::uuid, 'partner.x.v1', 's', md5('m' || n % 12)::uuid,
    '2026-02-01'::timestamptz + n * interval '1 hour', '{}', case when n % 2 = 0 then n end,
    case when n % 2 = 0 then '2026-02-01'::timestamptz + (n - 1) * interval '1 hour' end
from generate_series(0, $1::int - 1) n;

analyze;
"""


@pytest.fixture(scope="module")
async def template_filled(copier: Copier, template_database: str) -> AsyncIterator[str]:
    """Name of a database of realistic size, with its statistics, that is copied for each test."""
    async with copy_of(copier, template_database) as dsn:
        admin = await asyncpg.connect(dsn)
        await admin.execute(FILL.replace("$1::int", str(ORDERS)))
        await admin.close()
        yield name_of(dsn)


@pytest.fixture
async def database(
    server_settings: Settings, copier: Copier, template_filled: str
) -> AsyncIterator[Database]:
    async with copy_of(copier, template_filled) as dsn:
        yield Database(settings=server_settings, admin_dsn=dsn)


@pytest.fixture
async def filled(database: Database) -> AsyncIterator[Connection]:
    admin = await asyncpg.connect(database.admin_dsn)
    yield admin
    await admin.close()


async def one(connection: Connection, text: str) -> UUID:
    found: UUID = await connection.fetchval("select md5($1)::uuid", text)
    return found


async def scans(connection: Connection, statement: str, *arguments: object) -> tuple[set[str], set[str]]:
    """(tables scanned whole, indexes used) by the plan."""
    plan = await connection.fetch("explain " + statement, *arguments)
    lines = [row[0].strip(" ->") for row in plan]
    whole = {line.split(" on ")[1].split(" ")[0] for line in lines if line.startswith("Seq Scan on ")}
    used = {line.split(" using ")[1].split(" ")[0] for line in lines if " using " in line}
    used |= {
        line.split(" on ")[1].split(" ")[0] for line in lines if line.startswith("Bitmap Index Scan on ")
    }
    return whole - {"market", "lane"}, used


async def as_writer(database: Any) -> Connection:
    return await asyncpg.connect(database.dsn("writer"), server_settings={"search_path": "state, view"})


async def assert_plans(connection: Connection, plans: list[tuple[str, tuple[object, ...], set[str]]]) -> None:
    """Each statement scans no growing table whole and uses one of the indexes named for it, if any is."""
    for statement, arguments, expected in plans:
        whole, used = await scans(connection, statement, *arguments)
        assert set() == whole, statement
        assert not expected or expected & used, (statement, used)


async def test_what_the_writer_runs(database: Any, filled: Any) -> None:
    writer = await asyncpg.connect(database.dsn("writer"), server_settings={"search_path": "state, view"})
    market = await one(writer, "m3")
    lanes, asked = [3] * 64, [market] * 64
    posters = [await one(writer, f"o{n}") for n in range(64)]
    sold = [await one(writer, f"s{12 * n + 3}") for n in range(64)]
    needed = [await one(writer, f"r{12 * n + 3}") for n in range(64)]
    struck = [await one(writer, f"t{12 * n + 3}") for n in range(64)]
    figures, few = [[1] * 64] * 7, UUID(int=2**120)
    facility = await one(writer, "f3")
    row = (
        lanes,
        asked,
        sold,
        ["open"] * 64,
        *figures[:6],
        [True] * 64,
        [1] * 64,
        ["{}"] * 64,
        [NOW] * 64,
    )
    move = (*row[:4], *figures[:3], ["{}"] * 64)
    supply, requirement = {"supply_pkey", "supply_by_id"}, {"requirement_pkey", "requirement_by_id"}
    match, member = {"match_pkey", "match_by_id"}, {"member_pkey", "member_by_organisation"}
    await assert_plans(
        writer,
        [
            (posting.READ, (lanes, asked, posters, NOW, NOW), member),
            (posting.READ, (lanes, asked, posters, NOW, NOW), {"member_by_group"}),
            (members.READ_GROUP, (3, market, posters[:2]), {"member_by_group"}),
            (members.READ_FAILED, (3, market, NOW, 2, None, None, 64), {"failing_pkey"}),
            (members.READ_FAILED, (3, market, NOW, 2, None, posters[0], 64), {"member_by_group"}),
            (posting.READ, (lanes, asked, posters, NOW, NOW), {"failing_pkey"}),
            (posting.READ, (lanes, asked, posters, NOW, NOW), {"rule_set_pkey"}),
            (posting.READ, (lanes, asked, posters, NOW, NOW), {"market_input_pkey"}),
            (supplies.READ_CHANGES, (lanes, asked, sold, [True] * 64), supply),
            (supplies.READ_STATES, (lanes, asked, sold), supply),
            (supplies.UPDATE, row, supply),
            (supplies.MOVE, move, supply),
            (requirements.READ_CHANGES, (lanes, asked, needed), requirement),
            (requirements.READ_STATES, (lanes, asked, needed), requirement),
            (requirements.UPDATE, row, requirement),
            (requirements.MOVE, move, requirement),
            (matches.READ_CHANGES, (lanes, asked, struck), match),
            (matches.READ_STATES, (lanes, asked, struck), match),
            (
                reservations.READ_STATES,
                (lanes, [f"l{n}" for n in range(64)]),
                {"lot_reservation_pkey"},
            ),
            (orders.LOCATE, (sold[0], None), {"supply_by_id"}),
            (orders.LOCATE, (sold[0], None), {"requirement_by_id"}),
            (matches.LOCATE, (struck[0], None), {"match_by_id"}),
            (members.READ_MARKETS, (posters[0],), {"member_by_organisation"}),
            (members.READ_MEMBERSHIPS, (posters[0],), {"member_by_organisation"}),
            (members.READ_NAMED, (lanes, asked, posters), member),
            (views.READ_ORDERS, (lanes, asked, sold, [False] * 64), {"order_entry_pkey"}),
            (
                order_terms.UPDATE,
                (lanes, asked, sold, [facility] * 64, [NOW] * 64, [b""] * 64),
                {"order_terms_pkey"},
            ),
            (claims.TAKE_TURNS, ([facility], []), {"facility_by_id"}),
            (claims.TAKE_TURNS, ([facility], posters[:1]), {"facility_by_organisation"}),
            (claims.READ_AGREED, ([facility],), {"agreement_without_match"}),
            (claims.READ_ORDERS, ([facility], NOW), {"order_terms_of_facility"}),
            (claims.READ_TAKEN, (sold,), {"match_of_supply"}),
            (party_reads.READ_SITE, (facility,), {"facility_by_id"}),
            (views.UPDATE_ORDERS, (*row, [None] * 64), {"order_entry_pkey"}),
            (views.READ_MATCHES, (lanes, asked, struck), {"match_entry_pkey", "match_entry_by_id"}),
            (supplies.READ_BOOK, (3, market), {"supply_in_book"}),
            (requirements.READ_BOOK, (3, market), {"requirement_in_book"}),
            (matches.READ_BOOK, (3, market), {"match_open"}),
            (due.EXPIRIES, (NOW, 100, *START), {"supply_due"}),
            (due.EXPIRIES, (NOW, 100, *START), {"requirement_due"}),
            (due.LAPSES, (NOW, 100, *START), {"match_due"}),
            (due.PASSPORTS, (BEGINNING, few), {"delivery_of_passport"}),
            (due.PASSPORTS, (BEGINNING, few), {"passport_by_id", "passport_of_owner"}),
            (contests.READ_OLDEST, (list(KINDS), 50), {"contest_waiting"}),
            (agreement_events.READ, (3, str(asked[0]), ["contracts.delivery.shipped.v1"]), {AGREED}),
            (rounds.READ, (3, 9_000, 9_500, EVIDENCE_TYPES), {"journal_pkey"}),
            (agreement_events.READ_LIFE, (3, str(asked[0]), 0, 900, None, 50), {f"{AGREED}_life"}),
            (agreement_events.READ_PAYMENTS, (3, asked[0], 0, 50), {"payment_part_of_agreement"}),
            (agreement_events.READ_PAYMENTS, (3, asked[0], 0, 50), {"journal_of_payments"}),
            (party_events.READ_REGISTRATIONS, (3, str(posters[0])), {"journal_of_organisation"}),
            (contests.READ_PAGE, (None, NOW, asked[0], "mass", 0, 50), {"contest_waiting"}),
            (due.RETURNS, (BEGINNING, 64), {"delivery_returned"}),
            (due.RETURNS, (BEGINNING, 64), {"passport_by_id", "passport_live_of_owner"}),
            (due.LOOK_UP_TO_RETURN, (BEGINNING, 64), {"delivery_returned"}),
            (shipped.READ_REJECTED_LAST, (3, market, asked[0], "L1"), {"delivery_rejected"}),
            (shipped.READ_SENT_FOR, (3, market, asked[0], sold[0]), {"delivery_replacing", "delivery_of"}),
            (shipped.READ_JOURNEYS, (sold[0], 100), {"delivery_by_passport"}),
            (shipped.READ_OF_NUMBER, (posters[0], "Lot", sold[0], 10), {"delivery_lot_folded"}),
            (reservations.READ_OF_NUMBERS, (posters[0], ["Lot", "L"], 10), {"lot_reservation_folded"}),
            *await of_passports(writer),
        ],
    )
    await writer.close()


async def of_passports(writer: Connection) -> list[tuple[str, tuple[object, ...], set[str]]]:
    lots = [await one(writer, f"p{12 * n + 3}") for n in range(64)]
    site, texts = await one(writer, "f3"), ["x"] * 64
    row = ([3] * 64, lots, lots, lots, texts, texts, [1] * 64, [1] * 64, [b"{}"] * 64, lots)
    return [
        (passports.READ_STATES, ([3] * 64, lots), {"passport_pkey", "passport_by_id"}),
        (passports.UPDATE, row, {"passport_pkey", "passport_by_id"}),
        (passports.READ_LOT_NUMBERS, (site, texts), {"passport_lot_folded"}),
        (transformations.READ_SUMS, (site, ["Nd"], NOW), {"claim_credit_open"}),
        (transformations.READ_CREDITS, (site, ["Nd"], NOW), {"claim_credit_open"}),
        (
            transformations.USE_CREDITS,
            (3, site, 1, ["Nd"] * 64, ["post_consumer"] * 64, lots, [0] * 64),
            {"claim_credit_pkey"},
        ),
    ]


CLOSE = """
update state.supply set status = 'sold', in_book = false, filled_g = 10
where supply in (
    select supply from state.lot_reservation where status = 'reserved' order by md5(identity) limit 7
)
returning supply
"""


async def test_what_the_relay_runs(database: Any, filled: Any) -> None:
    relay = await asyncpg.connect(database.dsn("relay"))
    await assert_plans(
        relay, [(chunks.READ_NEXT, ([0] * 12, ["contracts"], 12, 256, 10**6), {"journal_pkey"})]
    )
    await relay.close()


async def test_a_look_for_releases_touches_no_more_than_its_part(database: Any, filled: Any) -> None:
    closed = {row["supply"] for row in await filled.fetch(CLOSE)}
    writer = await as_writer(database)
    upto = await writer.fetchval(due.LOOK_UP_TO, BEGINNING, 256)
    look = await scans(writer, due.LOOK_UP_TO, BEGINNING, 256)
    assert (set(), {"lot_reservation_held"}) == look
    assert (set(), {"lot_reservation_held", "supply_by_id"}) == await scans(
        writer, due.RELEASES, BEGINNING, upto
    )
    looks: list[UUID] = []
    found: set[UUID] = set()
    after = BEGINNING
    while not looks or after != BEGINNING:
        releases = await due.due_releases(writer, 256, after=after)
        after = releases.looked_at
        looks.append(after)
        found |= {place.order for place in releases.places}
    assert (7, closed) == (len(found), found)
    assert ORDERS // 10 // 256 + 1 == len(looks)
    await writer.close()


async def test_what_the_reader_runs_behind_row_security(database: Any, filled: Any) -> None:
    reader = await asyncpg.connect(database.dsn("reader"), server_settings={"search_path": "state, view"})
    organisation, plan, key = [await one(reader, text) for text in ("o7", "p", "k7")]
    supply, requirement, match, market = [await one(reader, text) for text in ("s7", "r7", "t7", "m7")]
    lot = await one(reader, "p0")
    trade = (market, plan, "spot-all", supply, 0, requirement)
    for role in ("tenant", "operator"):
        own = organisation if role == "tenant" else None
        async with reader.transaction(readonly=True):
            await reader.fetchrow(SET_READER, str(organisation), role, "")
            await assert_plans(
                reader,
                [
                    (supplies.READ_ONE, (supply, own), {"supply_by_id"}),
                    (requirements.READ_ONE, (requirement, own), {"requirement_by_id"}),
                    (matches.READ_ONE, (match, own), {"match_by_id"}),
                    (members.READ_ONE, (market, organisation), {"member_by_organisation"}),
                    (party_reads.FIND_KEY, (key,), {"api_key_by_id"}),
                    (
                        lists.OWN_ORDERS,
                        (organisation, "lot", supply, None, None, 51),
                        {"order_entry_of_organisation"},
                    ),
                    (lists.OWN_MATCHES, (organisation, match, None, None, 51), {"match_entry_of_seller"}),
                    (lists.OWN_MATCHES, (organisation, match, None, None, 51), {"match_entry_of_buyer"}),
                    *open_of(organisation, supply),
                    (lists.WATERFALL, trade, {"waterfall_pkey"}),
                    *passports_of(organisation, lot),
                    *twins_of(own, lot),
                    *volumes_of(own, await one(reader, "v0"), market),
                ],
            )
            await assert_plans(reader, own_lists_of(organisation, lot))
            await assert_plans(reader, payments_of(organisation, await one(reader, "m7")))
            span = (datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))
            await assert_plans(
                reader,
                [
                    (funnel.READ_TRAILS, (None, *span, organisation), {"match_of_seller_in_time"}),
                    (funnel.READ_TRAILS, (market, *span, organisation), {"match_of_buyer_in_time"}),
                    (
                        crma.READ_TAKEN,
                        (None, *span, organisation, ["confirmed"], 5_001),
                        {"match_of_seller_in_time"},
                    ),
                    (
                        crma.READ_TAKEN,
                        (market, *span, organisation, ["confirmed"], 5_001),
                        {"match_of_buyer_in_time"},
                    ),
                    (crma.READ_HELD, (organisation, 5_001), {"passport_live_of_holder"}),
                    (
                        crma.READ_CLOSED,
                        (None, *span, organisation, 20_001),
                        {"match_of_seller_in_time", "agreement_one_of_match"},
                    ),
                    (crma.READ_ORDERED, ([match],), {"match_by_id", "order_terms_pkey"}),
                    (
                        crma.READ_CORRECTED,
                        ([lot], crma.CORRECTING),
                        {"passport_by_id", "passport_step_pkey"},
                    ),
                    (
                        shipped.READ_ACCEPTED,
                        (None, span[0].date(), span[1].date(), organisation, 5_001),
                        {"delivery_accepted_in_time"},
                    ),
                ],
            )
            await assert_plans(reader, feed_of(organisation, market))
            looked = (feed.PUBLISHER, ["market"], [7], [900], 1_000, 1_000)
            whole, used = await scans(reader, feed.NEWS, *looked)
            assert "feed" not in whole
            assert "feed_pkey" in used
            if role == "operator":
                await assert_plans(
                    reader,
                    [
                        (lists.ALL_ORDERS, ("lot", supply, None, None, 51), {"order_entry_of_kind"}),
                        (lists.ALL_MATCHES, (match, None, None, 51), {"match_entry_by_id"}),
                        (lists.ALL_OPEN_ORDERS, ("lot", None, None, "open", 51), {"order_entry_open"}),
                        (lists.ALL_OPEN_MATCHES, (None, None, "open", 51), {"match_entry_open"}),
                        (
                            agreements.READ_ALL_PENDING,
                            (None, None, "draft", 51),
                            {f"agreement_pending_of_{side}" for side in SIDES},
                        ),
                        (passports.READ_ALL_LIVE, (None, "live", 51), {"passport_live"}),
                        (passports.READ_ALL, (lot, None, 51), {"passport_by_id"}),
                        (passports.READ_BOUGHT, (organisation, 3, lot), {"lot_reservation_pkey"}),
                        (lineage.WALK_UP, (lot, 64, 5_001), {"lineage_edge_up"}),
                        (lineage.WALK_DOWN, (lot, 64, 5_001, None), {"lineage_edge_down"}),
                        (funnel.READ_TRAILS, (None, *span, None), {"match_in_time"}),
                        (crma.READ_TAKEN, (None, *span, None, ["confirmed"], 5_001), {"match_in_time"}),
                        (funnel.READ_TRAILS, (market, *span, None), {"agreement_one_of_match"}),
                        (
                            funnel.READ_TRAILS,
                            (market, *span, None),
                            {"contract_year_pkey", "contract_year_of"},
                        ),
                    ],
                )
                found = await reader.fetch(lineage.WALK_UP, lot, 64, 5_001)
                assert 5_001 == len({row["node"] for row in found})
    await reader.close()


async def test_what_is_open_is_the_same_by_its_own_statement(database: Any, filled: Any) -> None:
    """Of each list as any other status is asked for, on the first page and behind it."""
    writer = await as_writer(database)
    own = await one(writer, "o0")
    for general, narrow, key, asked, status in (
        (lists.OWN_ORDERS, lists.OWN_OPEN_ORDERS, "order_id", ([own, "lot"], [None]), "open"),
        (lists.ALL_ORDERS, lists.ALL_OPEN_ORDERS, "order_id", (["lot"], [None]), "open"),
        (lists.OWN_MATCHES, lists.OWN_OPEN_MATCHES, "match", ([own], [None]), "open"),
        (lists.ALL_MATCHES, lists.ALL_OPEN_MATCHES, "match", ([], [None]), "open"),
        (agreements.READ_OWN, agreements.READ_OWN_PENDING, "agreement", ([own], [None]), "draft"),
        (passports.READ_PAGE, passports.READ_LIVE_PAGE, "passport", ([own], []), "live"),
        (passports.READ_ALL, passports.READ_ALL_LIVE, "passport", ([], []), "live"),
    ):
        after = None
        for _ in range(2):
            arguments = (*asked[0], after, *asked[1], status, 20)
            found = await writer.fetch(narrow, *arguments)
            assert found
            assert await writer.fetch(general, *arguments) == found, narrow
            after = found[len(found) // 2][key]
    drafts = await writer.fetch(agreements.READ_ALL_PENDING, None, None, "draft", ORDERS)
    assert ORDERS // 50 == len(drafts)
    assert drafts == await writer.fetch(agreements.READ_ALL, None, None, "draft", ORDERS)
    assert agreements.PENDING == set(re.findall(r"'(\w+)'", agreements.READ_ALL_PENDING))
    await writer.close()


def open_of(organisation: UUID, mark: UUID) -> list[tuple[str, tuple[object, ...], set[str]]]:
    """What is open is found without what is closed, from the first page on as from a later one."""
    found: list[tuple[str, tuple[object, ...], set[str]]] = []
    for after in (None, mark):
        open_ones = (organisation, after, None, "open", 51)
        found += [
            (
                lists.OWN_OPEN_ORDERS,
                (organisation, "lot", *open_ones[1:]),
                {"order_entry_open_of_organisation"},
            ),
            *((lists.OWN_OPEN_MATCHES, open_ones, {f"match_entry_open_of_{side}"}) for side in SIDES),
            *(
                (
                    agreements.READ_OWN_PENDING,
                    (*open_ones[:3], "draft", 51),
                    {f"agreement_pending_of_{side}"},
                )
                for side in SIDES
            ),
            *(
                (passports.READ_LIVE_PAGE, (organisation, after, "live", 51), {f"passport_live_of_{party}"})
                for party in ("issuer", "owner", "holder")
            ),
        ]
    return found


def feed_of(organisation: UUID, market: UUID) -> list[tuple[str, tuple[object, ...], set[str]]]:
    """A lane's rows are found by where they end, however many of them are blocks."""
    audiences, lane = [organisation, ALL], (["market"], [7])
    instant = datetime(2026, 6, 1, tzinfo=UTC)
    ahead = (audiences, *lane, [900], [5_000], [6_000])
    return [
        (feed_pages.READ, (*ahead, None, None, 20, 20), {"feed_of_audience"}),
        (feed_pages.READ, (*ahead, ["partner.x.v1"], [market], 20, 20), {"feed_of_audience"}),
        (feed.LAST, (audiences, *lane, [5_000]), {"feed_of_audience"}),
        (feed.LAST_BEFORE, (audiences, *lane, [5_000], instant, []), {"feed_of_audience"}),
        (webhook_messages.READ_ROW, (7, "market", 900, organisation), {"feed_of_audience", "feed_pkey"}),
    ]


def own_lists_of(organisation: UUID, mark: UUID) -> list[tuple[str, tuple[object, ...], set[str]]]:
    """A page of a party's lists over all agreements: each side from where the page begins."""
    start, end, instant = date(2026, 6, 1), date(2026, 7, 1), datetime(2026, 2, 5, tzinfo=UTC)
    narrowed = (None, None, None, None, None, start)
    ever = (issued_invoices.FOR_EVER, issued_invoices.ALWAYS)
    due = (organisation, None, start, mark, start, end, instant, *narrowed, 51, *ever)
    issued = (organisation, None, instant, mark, date.min, date.max, instant, *narrowed, 51, *ever)
    changed = (*issued[:-1], instant)
    shipped = (organisation, None, mark, None, None, None, start, end, 51)
    spoken = (organisation, None, instant, mark, None, None, None, None)
    begun = (instant, datetime(2027, 2, 5, tzinfo=UTC), issued_invoices.ALWAYS, 51)
    said = (issued_invoices.ALWAYS, own_nominations.FOR_EVER, instant, 51)
    found: list[tuple[str, tuple[object, ...], set[str]]] = []
    for side in SIDES:
        found += [
            (own_invoices.READ_BY_DUE, due, {f"issued_invoice_of_{side}_due"}),
            (own_invoices.READ_BY_ISSUE, issued, {f"issued_invoice_of_{side}_issued"}),
            (own_invoices.READ_BY_CHANGE, changed, {f"issued_invoice_of_{side}_changed"}),
            (
                own_invoices.READ_TOTALS,
                (organisation, None, start, end, None, None, start, instant, None, None, None, ever[0]),
                {f"issued_invoice_of_{side}_due"},
            ),
            (own_nominations.READ_BY_PERIOD, (*spoken, *begun), {f"nomination_of_{side}"}),
            (own_nominations.READ_BY_CHANGE, (*spoken, *said), {f"nomination_of_{side}_changed"}),
            (own_deliveries.READ_NEWEST, shipped, {f"delivery_of_{side}"}),
            (own_deliveries.READ_WAITING, shipped, {f"delivery_of_{side}_waiting"}),
            (
                own_deliveries.READ_CHANGED,
                (*shipped, instant, instant),
                {f"delivery_of_{side}_changed"},
            ),
        ]
    joined = {"invoice_of", "invoice_of_delivery", "delivery_of", "delivery_by_id"}
    for statement, asked in (
        (own_invoices.READ_CALLED_BY_DUE, due),
        (own_invoices.READ_CALLED_BY_ISSUE, issued),
        (own_invoices.READ_CALLED_BY_CHANGE, changed),
    ):
        for own, by in product(("seller", "buyer"), repeat=2):
            found.append((statement, (*asked, "re-7"), {f"issued_invoice_of_{own}_called_by_{by}"}))
    return [*found, (own_invoices.READ_BY_DUE, due, joined)]


def payments_of(organisation: UUID, payment: UUID) -> list[tuple[str, tuple[object, ...], set[str]]]:
    """A payment or an invoice by itself, a page of each side, what is open by its age."""
    days, instant = (date(2026, 1, 1), date(2027, 1, 1)), datetime(2026, 2, 5, tzinfo=UTC)
    page = (organisation, None, own_payments.LAST, None, None, 51, *days)
    aged = (organisation, date(2026, 6, 1), None, True)
    return [
        (own_payments.READ_ONE, (payment, organisation), {"payment_by_id"}),
        (payments.LOCATE_INVOICES, ([payment], organisation), {"issued_invoice_by_id"}),
        (own_payments.READ_PAGE, page, {"payment_of_payer", "payment_of_payee"}),
        (
            own_payments.READ_CHANGED,
            (*page, instant, instant),
            {"payment_of_payer_changed", "payment_of_payee_changed"},
        ),
        (own_payments.READ_OF_INVOICE, (payment, 51), {"payment_part_of_invoice"}),
        (own_invoices.READ_ONE, (payment, organisation), {"issued_invoice_by_id"}),
        (
            own_invoices.READ_BOOKED,
            (organisation, "RE-1", payment),
            {"issued_invoice_of_seller_called_by_seller"},
        ),
        (
            own_invoices.READ_BOOKED,
            (organisation, "RE-1", payment),
            {"issued_invoice_of_buyer_called_by_buyer"},
        ),
        (own_invoices.READ_STANDINGS, (organisation, [payment] * 51), {"issued_invoice_by_id"}),
        (ageing.READ, aged, {"issued_invoice_of_seller_open", "issued_invoice_of_buyer_open"}),
    ]


def twins_of(own: UUID | None, twin: UUID) -> list[tuple[str, tuple[object, ...], set[str]]]:
    listing = {"product_twin_by_id"} if own is None else {"product_twin_of_organisation"}
    return [
        (product_twins.READ_NEWEST, (twin,), {"product_twin_by_id"}),
        (product_twins.READ_VERSIONS, ([twin] * 64, [1] * 64), {"product_twin_by_id"}),
        (product_twins.READ_PAGE, (own, twin, 51), listing),
    ]


def volumes_of(
    own: UUID | None, volume: UUID, market: UUID
) -> list[tuple[str, tuple[object, ...], set[str]]]:
    quarter, until = date(2025, 10, 1), date(2026, 1, 1)
    found: list[tuple[str, tuple[object, ...], set[str]]] = [
        (declared_volumes.READ_ONE, (volume, None), {"declared_volume_by_id"}),
        (declared_volumes.READ_STEPS, (volume, None, 51), {"declared_volume_step_pkey"}),
    ]
    if own is None:
        return [
            *found,
            (declared_volumes.READ_ALL, (volume, None, 51), {"declared_volume_by_id"}),
            (
                declared_volumes.READ_COUNTED,
                (quarter, until, None, market, 20_001),
                {"declared_volume_in_quarter"},
            ),
        ]
    return [
        *found,
        (declared_volumes.READ_PAGE, (own, volume, None, 51), {"declared_volume_of_organisation"}),
        (declared_volumes.READ_COUNTED, (quarter, until, own, None, 20_001), {"declared_volume_of_quarter"}),
        (
            declared_volumes.READ_ALIKE,
            (own, "r0", "d0", volume, quarter),
            {"declared_volume_of_reference", "declared_volume_of_document"},
        ),
        (declared_volumes.COUNT_QUARTER, (own, quarter), {"declared_volume_of_quarter"}),
    ]


def passports_of(organisation: UUID, lot: UUID) -> list[tuple[str, tuple[object, ...], set[str]]]:
    return [
        (passports.READ_ONE, (lot,), {"passport_by_id"}),
        (passports.READ_PAGE, (organisation, lot, None, 51), {"passport_of_issuer"}),
        (passports.READ_PAGE, (organisation, lot, None, 51), {"passport_of_owner"}),
        (passports.READ_PAGE, (organisation, lot, None, 51), {"passport_of_holder"}),
        (passports.READ_STEPS, (lot, None, 51), {"passport_step_pkey"}),
        (transformations.READ_ONE, (lot,), {"transformation_by_id"}),
        (lineage.READ_NODES, ([lot] * 500,), {"passport_by_id"}),
    ]
