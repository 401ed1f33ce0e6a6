"""Contracts on their topics: of matches, with a delivery priced by an index, with years."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from secrets import token_hex
from typing import Any

import pytest

from contracts.timers import Timers
from events.decision import LaneKey
from events.price_clauses import IndexedPrice
from events.vocabulary import lane_of
from market.audit.auditor import audit
from market.audit.report import AuditReport
from tests.agreement_support import STEADY, agreed
from tests.conftest import Database
from tests.contract_support import MICRO
from tests.delivery_support import INDEX, delivery_terms, quoted
from tests.market_support import Scene, scene_on
from tests.process_support import (
    caught_up,
    completed_rounds,
    copy_record,
    eventually,
    published,
    serving,
    wired,
)
from tests.store.test_deliveries import APRIL, MARCH, yard_on
from tests.traded_support import Rows, rechained

pytestmark = pytest.mark.timeout(300)


class Contracted:
    """What was recorded of contracts, on its topics."""

    def __init__(self, scene: Scene, bootstrap: str, prefix: str, deployment_id: Any) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.deployment_id = deployment_id
        self.lane = LaneKey("contracts", scene.lane.lane)
        self.index_lane = LaneKey("contracts", lane_of(INDEX.code, scene.desk.lanes))

    async def audited(self, prefix: str | None = None) -> AuditReport:
        return await audit(self.bootstrap, prefix=prefix or self.prefix, deployment_id=self.deployment_id)

    async def tampered(self, kind: bytes, old: bytes, new: bytes, key: LaneKey | None = None) -> AuditReport:
        """Of a copy in which the first event of a kind says something else, chained anew."""

        def changed(lane: LaneKey, rows: Rows) -> Rows:
            if lane != (key or self.lane):
                return rows
            place = next(index for index, (body, _) in enumerate(rows) if kind in body)
            assert old in rows[place][0]
            rows[place] = (rows[place][0].replace(old, new, 1), rows[place][1])
            return rechained(lane, self.deployment_id, rows)

        scratch = f"c{token_hex(3)}-{self.prefix}"
        await copy_record(self.bootstrap, self.prefix, scratch, changed)
        return await self.audited(scratch)


@pytest.fixture(scope="module")
async def contracted(shared_market_database: Database, kafka_bootstrap: str) -> AsyncIterator[Contracted]:
    prefix = f"contracts-{token_hex(4)}."
    database: Any = shared_market_database
    async with scene_on(database) as scene, wired(database, kafka_bootstrap, prefix) as wiring:
        async with serving(wiring, "relay", "matcher", "follower"):
            for seller in scene.sellers:
                await scene.offer(seller, commitment="firm")
            for buyer in scene.buyers:
                await scene.require(buyer, commitment="firm")
            await scene.plan()
            await eventually("the round", lambda: _cleared(scene))
            await agreed(scene, **(STEADY | {"nominations": ()}))
            await delivered(scene)
            scene.clock.now = datetime(2027, 7, 2, tzinfo=UTC)
            timers = Timers(scene.desk, scene.operator.organisation, lambda *_: None, clock=scene.clock)
            while await timers.tick():
                scene.clock.pass_seconds(6)
            await eventually("the follower", lambda: caught_up(scene, "follower"))
            await eventually("the topics", lambda: published(scene))
        yield Contracted(scene, kafka_bootstrap, prefix, wiring.deployment.deployment_id)


async def _cleared(scene: Scene) -> bool:
    return await completed_rounds(scene) == 1


async def delivered(scene: Scene) -> None:
    """Provisionally at February's 50.00, finally at March's 60.00, which is restated later."""
    yard = await yard_on(scene, delivery_terms(IndexedPrice(index=INDEX)))
    yard.on(MARCH)
    await yard.publish(quoted(date(2027, 2, 1), 50 * MICRO))
    delivery = await yard.ship()
    await yard.weigh(delivery)
    await yard.lodge(delivery, yard.seller)
    await yard.lodge(delivery, yard.buyer)
    await yard.accept(delivery)
    yard.on(APRIL)
    await yard.publish(quoted(MARCH, 60 * MICRO))
    await yard.settle(delivery)
    yard.on(APRIL.replace(day=3))
    await yard.publish(quoted(MARCH, 61 * MICRO, published=APRIL.replace(day=2)))


async def test_what_was_recorded_is_computed_again_and_nothing_diverges(contracted: Contracted) -> None:
    report = await contracted.audited()
    assert report.first_divergence is None, report.first_divergence.sentence
    assert (1, 2, 1) == (report.deliveries, report.invoices, report.years)
    assert 2 < report.agreements


async def test_the_contracts_alone_can_be_audited(contracted: Contracted) -> None:
    report = await audit(contracted.bootstrap, prefix=contracted.prefix, streams=("contracts",))
    assert (False, 1) == (report.diverged, report.years)


CHANGES: dict[str, tuple[bytes, bytes, bytes, str]] = {
    "what an invoice settles": (
        b"contracts.invoice.settled", b'"settles":"final"', b'"settles":"restatement"', "settles",
    ),
    "an index value used": (
        b'"settles":"final"', b"60000000 micro as of", b"70000000 micro as of",
        "lines/0/terms/0/inputs/index_2027-03-01",
    ),
    "a balance": (
        b"contracts.year.assessed", b'"make_up_balance_g":480000000', b'"make_up_balance_g":480000001',
        "ledger/make_up_balance_g",
    ),
    "a mass": (
        b"contracts.delivery.accepted", b'"quantity_g":8000000', b'"quantity_g":8000001', "quantity_g",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
async def test_a_changed_figure_is_named_with_both_values(contracted: Contracted, name: str) -> None:
    kind, old, new, field = CHANGES[name]
    found = (await contracted.tampered(kind, old, new)).first_divergence
    assert found is not None
    assert ("contract", contracted.lane, field) == (
        found.kind,
        LaneKey(found.stream, found.lane),
        found.field,
    )
    assert found.recorded is not None
    assert found.expected is not None
    assert found.recorded != found.expected
    assert found.recorded in found.sentence
    assert found.expected in found.sentence


async def test_a_changed_index_value_is_found_where_it_was_used(contracted: Contracted) -> None:
    report = await contracted.tampered(
        b"contracts.index.published", b'"amount_micro":50000000', b'"amount_micro":51000000',
        contracted.index_lane,
    )  # fmt: skip
    found = report.first_divergence
    assert found is not None
    assert ("contract", contracted.lane, "contracts.delivery.shipped.v1") == (
        found.kind,
        LaneKey(found.stream, found.lane),
        found.event_type,
    )


async def test_a_contract_that_is_not_its_match_is_found(contracted: Contracted) -> None:
    found = (
        await contracted.tampered(b'"price":{"type":"matched"', b'"due_days":30', b'"due_days":31')
    ).first_divergence
    assert found is not None
    assert ("terms/payment/due_days", "31", "30") == (found.field, found.recorded, found.expected)
