"""Lost topics are made again from the journal, a lost database from the topics, and trade goes on."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from events.decision import Request
from events.key_files import read_keys
from events.notes import VerifierKey
from events.replay import BrokenRecord, from_journal
from events.vocabulary import STREAMS
from market.audit.auditor import audit
from market.audit.report import AuditReport
from market.audit.share import Advance
from market.checkpoint_keys import key_file
from market.cli.console import Exit
from market.commands import offers
from market.ground import Ground, Wiring
from market.rebuild import Report, compare_with_record
from market.recover import CannotRecover, recover
from market.republish import StillAtWork, lanes_of, republish
from market.store import tables
from tests.conftest import Database, with_database
from tests.market_drafts import supply_draft
from tests.market_support import LANES, Scene, done, scene_on
from tests.process_support import (
    caught_up,
    eventually,
    finish,
    instance_of,
    published,
    serving,
    start_cli,
    topic_bodies,
    wired,
)
from tests.rules.test_checkpoints import SECOND

SERVICES = ("relay", "matcher", "follower", "projector", "publisher", "auditor", "signer")
TAPE = "public.clearings.v1"
ALL = lanes_of(STREAMS, LANES)
SEALED = """
select not exists (
    select from record.lane l where l.next_position > 1 and not exists (
        select from record.checkpoint c where c.published
        and c.stream = l.stream and c.lane = l.lane and c.size = l.next_position - 1
    )
)
"""


class Lost:
    """A market that was traded, published and signed, and what it stands on."""

    def __init__(self, scene: Scene, wiring: Wiring, database: Database) -> None:
        self.scene = scene
        self.wiring = wiring
        self.database = database
        assert isinstance(wiring.ground.bootstrap, str)
        self.bootstrap = wiring.ground.bootstrap
        self.prefix = wiring.prefix

    @property
    def key(self) -> VerifierKey:
        return read_keys(key_file(self.wiring.settings)).first

    async def sealed(self) -> bool:
        return bool(await self.wiring.auditor.fetchval(SEALED))

    async def settled(self) -> None:
        """Everything published, read by every reader and signed."""
        await eventually("the topics", lambda: published(self.scene))
        for reader in ("matcher", "follower", "projector", "publisher"):
            await eventually(reader, lambda name=reader: caught_up(self.scene, name))  # type: ignore[misc]
        await eventually("checkpoints", self.sealed)

    async def audited(self) -> AuditReport:
        return await audit(self.bootstrap, prefix=self.prefix, key=self.key)

    async def execute(self, *statements: str) -> None:
        admin = await asyncpg.connect(self.database.admin_dsn)
        try:
            for statement in statements:
                await admin.execute(statement)
        finally:
            await admin.close()


@pytest.fixture
async def traded(market_database: Database, kafka_bootstrap: str, topic_prefix: str) -> AsyncIterator[Lost]:
    """A round cleared, confirmed as firm orders are, and followed; then the services stop."""
    given = (market_database, kafka_bootstrap, topic_prefix)
    async with (
        scene_on(market_database) as scene,
        wired(*given, now=scene.clock, checkpoint_seconds=0.2) as wiring,
    ):
        made = Lost(scene, wiring, market_database)
        async with serving(wiring, *SERVICES):
            await scene.offer(scene.sellers[0])
            await scene.require(scene.buyers[0])
            await scene.plan()
            await eventually("the round", lambda: _completed(scene))
            await made.settled()
        yield made


async def _completed(scene: Scene) -> bool:
    return bool(await scene.pool.fetchval("select exists (select from state.match)"))


async def delete_topics(bootstrap: str, prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([name for name in await admin.list_topics() if name.startswith(prefix)])

        async def gone() -> bool:
            return not any(name.startswith(prefix) for name in await admin.list_topics())

        await eventually("the topics gone", gone)
    finally:
        await admin.close()


async def compared(database: Database, scene: Scene) -> Report:
    owner = await asyncpg.connect(database.dsn("owner"))
    try:
        return await compare_with_record(owner, lambda key, upto: from_journal(scene.pool, key, upto=upto))
    finally:
        await owner.close()


async def single_lane_sent_again(traded: Lost) -> int:
    """Refused beside a relay; then identical repeats under one anchor. The orders on the record."""
    await traded.execute(
        "update record.relay set owner = 'r', leased_until = clock_timestamp() + interval '1 minute'"
    )
    with pytest.raises(StillAtWork, match="still running: relay"):
        await republish(traded.wiring, ALL)
    await traded.execute("update record.relay set owner = null, leased_until = null")
    lane = traded.scene.lane
    ordered = await republish(traded.wiring, [lane])
    assert (1, False) == (ordered.lanes, ordered.tape)
    async with serving(traded.wiring, "relay"):
        await eventually("the topics", lambda: published(traded.scene))
    report = await traded.audited()
    assert (None, ordered.events) == (report.first_divergence, report.repeats)
    (anchor,) = [anchor for each in report.recoveries for anchor in each.anchors]
    verdict = next(each for each in report.lanes if (each.stream, each.lane) == lane)
    assert (verdict.position, verdict.head) == (anchor.position, anchor.head)
    return len(report.recoveries)


async def changed_journal_refused(traded: Lost) -> None:
    lane = traded.scene.lane.lane
    await traded.execute(
        "alter table record.journal disable trigger journal_is_append_only",
        f"delete from record.journal where stream = 'market' and lane = {lane} and position ="
        f" (select max(position) from record.journal where stream = 'market' and lane = {lane})",
    )
    recoveries = (await traded.audited()).recoveries
    with pytest.raises(BrokenRecord, match=f"journal market/{lane}: position"):
        await republish(traded.wiring, ALL)
    assert recoveries == (await traded.audited()).recoveries


async def test_lost_topics_are_made_again_and_the_record_says_so(traded: Lost) -> None:
    known = await single_lane_sent_again(traded)
    before, tape = await traded.audited(), await topic_bodies(traded.bootstrap, traded.prefix + TAPE)
    events = before.records - before.repeats
    await delete_topics(traded.bootstrap, traded.prefix)
    await traded.execute(
        "update record.relay set cluster_id = 'lost' where cluster_id is not null",
        "update record.consumer set cluster_id = 'lost' where cluster_id is not null",
    )
    ordered = await republish(traded.wiring, ALL)
    assert (events, before.sealed, ("lost",)) == (
        ordered.events,
        ordered.sealed,
        ordered.old_clusters,
    )
    assert (True, True) == (ordered.tape, traded.prefix + TAPE in ordered.created)
    async with serving(traded.wiring, *SERVICES):
        await traded.scene.offer(traded.scene.sellers[1])
        await traded.settled()
    report = await traded.audited()
    assert (None, 0) == (report.first_divergence, report.repeats)
    assert (events + len(STREAMS) + 1, 0) == (report.sealed, report.tail)
    recoveries = report.recoveries[known:]
    assert set(STREAMS) == {each.anchors[0].stream for each in recoveries}
    cluster = await traded.wiring.ground.cluster_id()
    assert {(True, ("lost",), cluster)} == {
        (each.republished, each.old_clusters, each.cluster) for each in recoveries
    }
    heads = {(lane.stream, lane.lane): (lane.position, lane.head) for lane in before.lanes}
    assert heads == {
        (each.stream, each.lane): (each.position, each.head)
        for recovery in recoveries
        for each in recovery.anchors
    }
    assert (await compared(traded.database, traded.scene)).equal
    again = await topic_bodies(traded.bootstrap, traded.prefix + TAPE)
    assert (1, tape) == (len(tape[0]), again)
    await heads_taken_back(traded)
    await changed_journal_refused(traded)


async def heads_taken_back(traded: Lost) -> None:
    """By the command line; `doctor` counts before and after."""
    tables = ("record.checkpoint", "record.cosignature")
    before = await rows_of(traded.database, *tables)
    lost = sum('"size": 1,' not in row for row in before["record.checkpoint"])
    assert 0 < lost
    await traded.execute("delete from record.cosignature", "delete from record.checkpoint where size > 1")
    servers, key = (traded.database, traded.bootstrap, traded.prefix), traded.key.text

    async def doctor() -> str:
        child = await start_cli(*servers, "doctor", LODESTONE_CHECKPOINT_PUBLIC_KEY=key)
        return (await finish(child))[1]

    assert f"attention  checkpoints: {lost:,} heads on the topics are not stored" in await doctor()
    child = await start_cli(*servers, "replay", "--restore", "all", "--key", key)
    code, out, err = await finish(child)
    told = f"{lost} signed heads, 0 cosignatures and 0 changes of key were restored from Kafka\n"
    assert (Exit.OK, told) == (code, out), err
    assert before == await rows_of(traded.database, *tables)
    assert "ok         checkpoints: all heads on the topics are stored" in await doctor()


# --- the database


@asynccontextmanager
async def new_database(lost: Lost) -> AsyncIterator[Database]:
    """An empty one on the same server."""
    name = f"{instance_of(lost.database)}_new"
    admin = await asyncpg.connect(with_database(lost.database.admin_dsn, "postgres"))
    try:
        await admin.execute(f"create database {name}")
        yield Database(
            settings=lost.database.settings, admin_dsn=with_database(lost.database.admin_dsn, name)
        )
        await admin.execute(f"drop database {name} with (force)")
    finally:
        await admin.close()


def ground_on(lost: Lost, database: Database) -> Ground:
    settings = lost.wiring.settings.model_copy(update={"instance": instance_of(database)})
    return Ground(settings=settings, admin_url=database.admin_dsn, bootstrap=lost.bootstrap)


async def rows_of(database: Database, *names: str) -> dict[str, list[str]]:
    admin = await asyncpg.connect(database.admin_dsn)
    try:
        return {
            name: [
                row["row"]
                for row in await admin.fetch(
                    f"select (to_jsonb(t) - 'recorded_at' - 'number')::text as row from {name} t order by 1"
                )
            ]
            for name in names
        }
    finally:
        await admin.close()


KEPT = (
    *(f"state.{name}" for name in tables.STATE),
    *(f"view.{name}" for name in tables.PROJECTED),
    "record.deployment", "record.journal", "record.checkpoint", "record.cosignature", "record.tile",
)  # fmt: skip


def requested(scene: Scene) -> Request:
    seller = scene.sellers[0].organisation
    return Request(organisation=seller, route="POST /v1/supply-offers", key="once", body_hash=bytes(32))


async def offered(wiring: Wiring, scene: Scene) -> Any:
    seller = scene.sellers[0]
    return done(
        await offers.post(
            wiring.desk,
            seller.trader,
            market=scene.market,
            draft=supply_draft(seller),
            request=requested(scene),
        )
    )


class Cut(Exception):
    """What ends a recovery in the middle."""


@contextmanager
def cut_off(_what: str, total: int) -> Iterator[Advance]:
    lanes = iter(range(total // 2))

    def advance(_count: int) -> None:
        if next(lanes, None) is None:
            raise Cut

    yield advance


async def test_a_lost_database_is_made_again_even_if_broken_off_and_trade_goes_on(traded: Lost) -> None:
    first = await offered(traded.wiring, traded.scene)
    async with serving(traded.wiring, "relay", "projector"):
        await eventually("the topics", lambda: published(traded.scene))
        await eventually("projector", lambda: caught_up(traded.scene, "projector"))
    names = [name for name in KEPT if name != "record.deployment"]
    expected = await rows_of(traded.database, *names)
    before = await traded.audited()
    assert 1 == before.tail
    async with new_database(traded) as database:
        with pytest.raises(CannotRecover, match="no head was signed with"):
            await recover(ground_on(traded, database), SECOND.verifier)
        with pytest.raises(Cut):
            await recover(ground_on(traded, database), traded.key, cut_off)
        child = await start_cli(
            database, traded.bootstrap, traded.prefix, "recover", "--key", traded.key.text, "--json"
        )
        code, out, err = await finish(child)
        assert Exit.OK == code, err
        assert f'"tail": {before.tail}' in out
        assert '"requests": 1' in out
        found = await rows_of(database, *names)
        assert [True] == await keys_as_old_as_their_events(database)
        new = [row for row in found["record.journal"] if row not in expected["record.journal"]]
        assert [True] * len(STREAMS) == ["parties.record.restored.v1" in row for row in new]
        found["record.journal"] = [row for row in found["record.journal"] if row not in new]
        assert expected == found
        for holds_a_record in (database, traded.database):
            with pytest.raises(CannotRecover, match="the database is not empty"):
                await recover(ground_on(traded, holds_a_record), traded.key)
        await trade_on(traded, database, first, before)


async def keys_as_old_as_their_events(database: Database) -> list[bool]:
    """Of each key that came back."""
    admin = await asyncpg.connect(database.admin_dsn)
    try:
        rows = await admin.fetch(
            "select r.at = (convert_from(j.body, 'UTF8')::jsonb ->> 'time')::timestamptz as alike"
            " from record.restored_request r left join record.journal j on j.event_id = r.event_ids[1]"
        )
    finally:
        await admin.close()
    return [row["alike"] for row in rows]


async def trade_on(traded: Lost, database: Database, first: Any, before: AuditReport) -> None:
    kept: dict[str, Any] = {
        "data_dir": traded.wiring.settings.data_dir,
        "instance": traded.wiring.settings.instance,
    }
    given, clock = (database, traded.bootstrap, traded.prefix), traded.scene.clock
    async with wired(*given, now=clock, checkpoint_seconds=0.2, **kept) as wiring:
        again = await offered(wiring, traded.scene)
        assert (True, first.events) == (again.replayed, again.events)
        scene = Scene(wiring.desk, wiring.writer, traded.scene.clock, traded.scene.operator)
        scene.market, scene.sellers, scene.buyers = (
            traded.scene.market, traded.scene.sellers, traded.scene.buyers
        )  # fmt: skip
        lost = Lost(scene, wiring, database)
        async with serving(wiring, *SERVICES):
            await scene.require(scene.buyers[1])
            await scene.plan()
            await lost.settled()
        report = await lost.audited()
        assert (None, 2, 0) == (report.first_divergence, report.clearings, report.tail)
        assert {False} == {each.republished for each in report.recoveries}
        tail = [a.position - a.sealed for each in report.recoveries for a in each.anchors]
        assert before.tail == sum(tail)
        assert (await compared(database, scene)).equal
