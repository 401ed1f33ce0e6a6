"""What the clock makes of agreements happens once, however many timers look, and none waits for another."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import asyncpg

from contracts.commands import volumes
from contracts.rules.nominations import NominateQuantity
from contracts.rules.statements import statement
from contracts.store import due
from contracts.store.agreements import load_agreements
from contracts.store.volumes import load_volumes
from contracts.timers import Timers
from events.contract_events import (
    AgreementAdvanced,
    AgreementTerminated,
    InvoiceSettled,
    QuantityNominated,
    YearAssessed,
)
from events.contract_terms import NominatedPart
from events.decision import LaneKey
from events.replay import LAST, from_journal
from events.vocabulary import Period
from market.cli.statement import replayed_statement
from market.rebuild import compare_with_record
from tests.agreement_support import STEADY, agreed
from tests.contract_support import TONNE_G, agreement_terms
from tests.market_support import Scene, scene_on


def timers_on(
    scene: Scene, commands_max: int = 256, count: Callable[[str, str], None] | None = None
) -> Timers:
    return Timers(
        scene.desk,
        scene.operator.organisation,
        count or (lambda kind, outcome: None),
        clock=scene.clock,
        commands_max=commands_max,
    )


async def kinds(scene: Scene, *facts: type[object]) -> Counter[str]:
    events = await scene.events("contracts")
    return Counter(type(event.data).__name__ for event in events if isinstance(event.data, facts))


async def stop_lane(database: Any, lane: LaneKey, reason: str | None) -> None:
    owner = await asyncpg.connect(database.dsn("owner"))
    await owner.execute(
        "update record.lane set stopped_reason = $3 where stream = $1 and lane = $2", *lane, reason
    )
    await owner.close()


async def until_idle(scene: Scene) -> None:
    """Three timers at once, again and again, until none finds anything."""
    while any(await asyncio.gather(*(timers_on(scene).tick() for _ in range(3)))):
        scene.clock.pass_seconds(6)


async def test_a_long_stop_date_ends_what_its_conditions_did_not_begin(database: Any) -> None:
    async with scene_on(database) as scene:
        await agreed(scene)
        scene.clock.now = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)
        assert 0 == await timers_on(scene).tick()
        scene.clock.now = datetime(2027, 1, 1, tzinfo=UTC)
        await until_idle(scene)
        assert {"AgreementTerminated": 1} == await kinds(scene, AgreementTerminated)


async def test_two_contract_years_go_by_alone(database: Any) -> None:
    """Nobody says or delivers anything: parts are nominated once, both years assessed and invoiced."""
    async with scene_on(database) as scene:
        agreement = await agreed(scene, **STEADY)
        scene.clock.now = datetime(2026, 7, 1, tzinfo=UTC)
        await until_idle(scene)
        assert {"QuantityNominated": 3} == await kinds(scene, QuantityNominated, YearAssessed)
        for day in (datetime(2028, 6, 30, tzinfo=UTC), datetime(2028, 7, 1, tzinfo=UTC)):
            scene.clock.now = day
            await until_idle(scene)
        assert {
            "QuantityNominated": 2 * (1 + 4 + 12),
            "YearAssessed": 2,
            "InvoiceSettled": 2,
            "AgreementAdvanced": 2,
        } == await kinds(scene, QuantityNominated, YearAssessed, InvoiceSettled, AgreementAdvanced)
        key = (scene.lane.lane, scene.market, agreement)
        volume = (await load_volumes(scene.pool, [key]))[agreement]  # type: ignore[arg-type]
        ledgers = [volume.year(year).ledger for year in (1, 2)]
        assert [480 * TONNE_G, 720 * TONNE_G] == [
            ledger.deficiency_g for ledger in ledgers if ledger is not None
        ]
        assert "expired" == (await load_agreements(scene.pool, [key]))[agreement].status  # type: ignore[arg-type]
        owner = await asyncpg.connect(database.dsn("owner"), server_settings={"search_path": "state, view"})
        report = await compare_with_record(
            owner, lambda lane, upto: from_journal(scene.pool, lane, upto=upto)
        )
        await owner.close()
        assert () == tuple(table for table in report.tables if table.differences)


async def test_timers_that_were_down_for_years_leave_nothing_out(database: Any) -> None:
    """The term was over half a year ago: three timers at once still say all that comes before its end."""
    async with scene_on(database) as scene:
        await agreed(scene, **STEADY)
        scene.clock.now = datetime(2029, 1, 1, tzinfo=UTC)
        await until_idle(scene)
        said = [type(event.data).__name__ for event in await scene.events("contracts")]
        assert {
            "QuantityNominated": 2 * (1 + 4 + 12),
            "YearAssessed": 2,
            "InvoiceSettled": 2,
            "AgreementAdvanced": 1,
        } == Counter(said[4:])
        assert "AgreementAdvanced" == said[-1]


async def test_a_word_in_time_is_the_nomination_and_no_rule_speaks(database: Any) -> None:
    async with scene_on(database) as scene:
        agreement = await agreed(scene, **(STEADY | {"nominations": agreement_terms().nominations[:1]}))
        spoken = NominatedPart(
            period=Period(start=datetime(2027, 7, 1, tzinfo=UTC), end=datetime(2028, 7, 1, tzinfo=UTC)),
            quantity_g=950 * TONNE_G,
            form="metal",
        )
        said = NominateQuantity(
            caller=scene.buyers[0].trader, agreement=agreement, level="annual", part=spoken
        )
        await volumes.nominate(scene.desk, said)
        scene.clock.now = datetime(2027, 5, 1, tzinfo=UTC)
        await until_idle(scene)
        events = await scene.events("contracts")
        assert [(2, False, 950), (1, True, 600)] == [
            (event.data.year, event.data.silent, event.data.part.quantity_g // TONNE_G)
            for event in events
            if isinstance(event.data, QuantityNominated)
        ]


async def test_agreements_of_a_stopped_lane_hold_up_no_other(database: Any) -> None:
    async with scene_on(database) as scene:
        stopped = LaneKey("contracts", scene.lane.lane)
        for _ in range(2):
            await agreed(scene)
        market = await scene.open_market()
        while scene.desk.lane("contracts", market) == stopped:
            market = await scene.open_market()
        other = await agreed(scene, market)
        await stop_lane(database, stopped, "a fork")
        scene.clock.now = datetime(2027, 1, 1, tzinfo=UTC)
        timers = timers_on(scene, commands_max=1)
        assert [1, 0] == [await timers.tick() for _ in range(2)]
        ended = [event.data for event in await scene.events("contracts")]
        assert [other] == [fact.agreement for fact in ended if isinstance(fact, AgreementTerminated)]
        await stop_lane(database, stopped, None)
        await until_idle(scene)
        assert {"AgreementTerminated": 3} == await kinds(scene, AgreementTerminated)


async def test_a_year_that_cannot_be_priced_is_passed_over(database: Any) -> None:
    """Two agreements wait for a value of their index; the one behind them is assessed all the same."""
    async with scene_on(database) as scene:
        index = agreement_terms().price
        for _ in range(2):
            await agreed(scene, **(STEADY | {"price": index, "nominations": ()}))
        scene.clock.pass_seconds(1)
        priced = await agreed(scene, **(STEADY | {"nominations": ()}))
        scene.clock.now = datetime(2027, 7, 1, tzinfo=UTC)
        outcomes: list[tuple[str, str]] = []
        timers = timers_on(
            scene, commands_max=1, count=lambda kind, outcome: outcomes.append((kind, outcome))
        )
        for _ in range(4):
            await timers.tick()
        assert {("volumes", "refused"): 2, ("volumes", "accepted"): 1} == Counter(outcomes)
        facts = [event.data for event in await scene.events("contracts")]
        assert [priced] == [fact.agreement for fact in facts if isinstance(fact, YearAssessed)]


async def test_a_look_goes_on_where_the_one_before_it_ended(database: Any) -> None:
    async with scene_on(database) as scene:
        made = [await agreed(scene) for _ in range(3)]
        now = datetime(2027, 1, 1, tzinfo=UTC)
        async with scene.desk.looking() as connection:
            first = await due.due_agreements(connection, now, 2)
            rest = await due.due_agreements(connection, now, 2, after=first.reached)
            none = await due.due_volumes(connection, now, 2)
        assert sorted(made) == sorted(place.agreement for place in (*first.places, *rest.places))
        assert (2, 1, ()) == (len(first.places), len(rest.places), none.places)


async def test_a_statement_read_again_from_the_record_is_the_one_of_the_tables(database: Any) -> None:
    async with scene_on(database) as scene:
        agreement = await agreed(scene, **(STEADY | {"nominations": ()}))
        await agreed(scene)
        scene.clock.now = datetime(2028, 7, 1, tzinfo=UTC)
        await until_idle(scene)
        key = (scene.lane.lane, scene.market, agreement)
        async with scene.desk.looking() as connection:
            known = (await load_agreements(connection, [key]))[agreement]
            counted = (await load_volumes(connection, [key]))[agreement]
        replayed = await replayed_statement(scene.pool, known, upto=LAST)
        assert statement(known, counted, {}) == replayed
        assert ["assessed", "assessed"] == [year.status for year in replayed.years]
