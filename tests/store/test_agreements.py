"""Agreements on a real PostgreSQL: who finds them, who comes second, what the clock finds due."""

import asyncio
import re
from datetime import UTC, datetime
from typing import Any, get_args
from uuid import UUID, uuid4

import asyncpg
import pytest

from contracts.commands import agreements, volumes
from contracts.commands.steps import find
from contracts.rules.agreement_times import DATED
from contracts.rules.refusals import AgreementUnknown
from contracts.rules.standing import Extend, PassTime
from contracts.store import agreement_events
from contracts.store import agreements as store
from contracts.store.applying import apply
from contracts.store.due import due_agreements
from contracts.store.volumes import load_volumes
from events.callers import Caller
from events.contract_events import QuantityNominated
from events.facts import LifecycleFact, PaymentFact
from events.refusal import NotDue, Refusals
from events.replay import from_journal
from market.commands import agreement_signing
from market.provision import MIGRATIONS
from market.rebuild import compare_with_record
from tests.agreement_support import drafted, signature, signed
from tests.contract_support import agreement_terms, spot_terms
from tests.market_days import agree_for_a_while
from tests.market_drafts import Firm
from tests.market_support import Scene


def test_the_index_of_a_life_has_the_types_that_make_an_agreement() -> None:
    """Both lists are literals, which the planner compares; the rules have the third."""
    migration = MIGRATIONS / "0068_the_history_of_an_agreement.sql"
    wanted = {kind.TYPE for kind in get_args(LifecycleFact)}
    for text in (agreement_events.READ_LIFE, migration.read_text()):
        assert wanted == set(re.findall(r"'(contracts\.[^']+)'", text))
    assert set(DATED) < wanted


def test_the_index_of_payments_has_the_types_of_what_is_said_of_them() -> None:
    migration = MIGRATIONS / "0073_payments_of_an_agreement.sql"
    for text in (agreement_events.READ_PAYMENTS, migration.read_text()):
        found = set(re.findall(r"'(contracts\.[^']+)'", text)) - {"contracts"}
        assert {kind.TYPE for kind in get_args(PaymentFact)} == found


async def test_who_is_no_party_finds_no_agreement(scene: Scene) -> None:
    agreement = await drafted(scene, agreement_terms())
    strangers: list[Caller] = [firm.trader for firm in (scene.sellers[1], scene.buyers[1])]
    for caller in strangers:
        with pytest.raises(AgreementUnknown):
            await find(scene.desk, caller, agreement)
    with pytest.raises(AgreementUnknown):
        await find(scene.desk, scene.sellers[0].trader, uuid4())
    place = await find(scene.desk, scene.buyers[0].trader, agreement)
    assert (scene.desk.lane("contracts", scene.market).lane, scene.market) == (place.lane, place.market)
    assert scene.lane.lane == place.lane


async def test_of_two_signatures_at_once_one_reads_again(scene: Scene) -> None:
    agreement = await drafted(scene, agreement_terms())

    async def sign(firm: Firm) -> str:
        try:
            await agreement_signing.sign(scene.desk, signature(firm, agreement, 1))
        except Refusals as refused:
            return refused.refusals[0].code
        return "signed"

    outcomes = await asyncio.gather(sign(scene.sellers[0]), sign(scene.buyers[0]))
    assert ["signed", "version_stale"] == sorted(outcomes)


async def test_a_refused_step_takes_no_number(scene: Scene) -> None:
    agreement = await drafted(scene, agreement_terms())
    before = len(await scene.events("contracts"))
    with pytest.raises(Refusals):
        await agreements.extend(
            scene.desk, Extend(caller=scene.buyers[0].trader, agreement=agreement, expected_version=1)
        )
    assert before == len(await scene.events("contracts"))


async def test_the_clock_finds_what_is_due_and_no_more(scene: Scene) -> None:
    conditional = await signed(scene, agreement_terms())
    spot = await signed(scene, spot_terms(), kind="spot")
    await drafted(scene, agreement_terms())

    async def due(now: datetime) -> list[UUID]:
        async with scene.pool.acquire() as connection:
            return [place.agreement for place in (await due_agreements(connection, now, 10)).places]

    assert [] == await due(datetime(2026, 12, 31, tzinfo=UTC))
    with pytest.raises(NotDue):
        await volumes.pass_time(scene.desk, PassTime(caller=scene.operator, agreement=conditional))
    scene.clock.now = datetime(2027, 3, 2, tzinfo=UTC)
    assert [conditional, spot] == await due(scene.clock.now)
    for agreement in (conditional, spot):
        await volumes.pass_time(scene.desk, PassTime(caller=scene.operator, agreement=agreement))
    assert [] == await due(scene.clock.now)
    async with scene.pool.acquire() as connection:
        found = await store.list_agreements(connection, scene.buyers[0].organisation, limit=10)
    assert {"terminated", "expired", "draft"} == {each.status for each in found}


async def test_volumes_add_up_and_the_newest_nomination_counts(scene: Scene) -> None:
    await agree_for_a_while(scene)
    (place, *_) = [
        (event.lane, event.data.market, event.data.agreement)  # type: ignore[attr-defined]
        for event in await scene.events("contracts")
        if event.type == "contracts.output.declared.v1"
    ]
    async with scene.pool.acquire() as connection:
        volumes = (await load_volumes(connection, [place]))[place[2]]
        assert {} == await load_volumes(connection, [])
    first, second = volumes.year(1), volumes.year(2)
    assert (900_000_000, 20_000_000, 1_000_000) == (first.output_g, first.taken_g, first.off_spec_g)
    assert (None, 1_000_000, 0) == (second.output_g, second.seller_shortfall_g, second.taken_g)
    (nomination,) = volumes.nominations.values()
    assert 550_000_000 == nomination.part.quantity_g


async def test_nominations_of_before_have_their_instants_from_the_journal(
    scene: Scene, database: Any
) -> None:
    await agree_for_a_while(scene)
    rows = "select * from nomination order by nomination"
    owner = await asyncpg.connect(database.admin_dsn, server_settings={"search_path": "state"})
    try:
        before = await owner.fetch(rows)
        await owner.execute("alter table nomination drop column changed_time, drop column silent")
        await owner.execute("drop index nomination_of_seller, nomination_of_buyer")
        async with owner.transaction():
            migration = MIGRATIONS / "0072_nominations_over_all_agreements.sql"
            await owner.execute(migration.read_text("utf-8"))
        assert before == await owner.fetch(rows)
        report = await compare_with_record(
            owner, lambda lane, upto: from_journal(scene.pool, lane, upto=upto)
        )
    finally:
        await owner.close()
    assert [] == [table.table for table in report.tables if table.differences]
    spoken = [
        (each.time, each.data.silent)
        for each in await scene.events("contracts")
        if isinstance(each.data, QuantityNominated)
    ]
    assert spoken[-1:] == [(each["changed_time"], each["silent"]) for each in before]


async def test_however_events_are_cut_into_batches_the_rows_are_the_same(scene: Scene) -> None:
    await agree_for_a_while(scene)
    events = await scene.events("contracts")
    tables = (
        "agreement",
        "agreement_proposal",
        "nomination",
        "contract_year",
        "contest",
        "delivery",
        "invoice",
        "issued_invoice",
        "payment",
        "payment_part",
        "price_index",
        "index_value",
    )
    async with scene.pool.acquire() as connection:
        live = {name: await connection.fetch(f"select * from {name} order by 1, 2, 3, 4") for name in tables}
        assert all(live[name] for name in tables[:4])
        for cut in (1, len(events)):
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute("set local search_path = pg_temp")
            for name in tables:
                await connection.execute(
                    f"create temp table {name} (like state.{name} including all) on commit drop"
                )
            for start in range(0, len(events), cut):
                await apply(connection, events[start : start + cut])
            for name in tables:
                assert live[name] == await connection.fetch(f"select * from {name} order by 1, 2, 3, 4")
            await transaction.rollback()
