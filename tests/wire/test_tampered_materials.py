"""Changed facts of passports on a real topic, chained anew: the first that does not follow is named."""

import asyncio
from collections.abc import AsyncIterator
from secrets import token_hex
from typing import Any

import pytest
from msgspec.structs import replace

from events.connections import open_producer
from events.material_events import PassportDrawn, PassportIssued, PassportTransformed
from events.topics import record_topic
from market.audit.auditor import audit
from market.audit.report import AuditReport
from tests.blotter import DEPLOYMENT
from tests.desk_support import LANES
from tests.material_lanes import MADE_METAL, METAL, RICH, Lanes, changed, journey, without
from tests.record_support import create_topic, delete_topic
from tests.rules.test_material_audit import event_of


class Materials:
    """Publishes lanes under a prefix of their own."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self.topics: list[str] = []

    async def audited(self, lanes: Lanes, **asked: Any) -> AuditReport:
        prefix = f"materials-{token_hex(4)}."
        topic = record_topic(prefix, "materials")
        await create_topic(self._bootstrap, topic, LANES)
        self.topics.append(topic)
        producer = await open_producer(self._bootstrap)
        try:
            sent = [
                await producer.send(
                    topic, record.body, partition=lane, headers=[("chain", record.chain.encode())]
                )
                for lane, records in lanes.items()
                for record in records
            ]
            await asyncio.gather(*sent)
        finally:
            await producer.stop()
        return await audit(
            self._bootstrap, prefix=prefix, deployment_id=DEPLOYMENT, streams=("materials",), **asked
        )


@pytest.fixture
async def materials(kafka_bootstrap: str) -> AsyncIterator[Materials]:
    published = Materials(kafka_bootstrap)
    yield published
    for topic in published.topics:
        await delete_topic(kafka_bootstrap, topic)


@pytest.mark.parametrize("processes", [1, 2])
async def test_a_clean_record_is_decided_again(materials: Materials, processes: int) -> None:
    """In several processes too, though transformations lie across the lanes."""
    report = await materials.audited(journey().records(), processes=processes)
    assert report.first_divergence is None, report.first_divergence.sentence
    assert (9, 5) == (report.passports, report.transformations)


async def test_more_drawn_than_its_transformation_took_is_named(materials: Materials) -> None:
    drawn = event_of(PassportDrawn, passport=RICH)
    found = (
        await materials.audited(changed(journey().records(), drawn, replace(drawn.data, net_wet_g=300_001)))
    ).first_divergence
    assert found is not None
    assert (drawn.lane, drawn.position, "material", "net_wet_g", "300001", "300000") == (
        found.lane, found.position, found.kind, found.field, found.recorded, found.expected
    )  # fmt: skip


async def test_a_claim_that_grew_is_named_across_lanes(materials: Materials) -> None:
    made, work = event_of(PassportIssued, passport=METAL), event_of(PassportTransformed)
    assert isinstance(made.data, PassportIssued)
    (share,) = made.data.content.recycled
    claimed = replace(made.data.content, recycled=(replace(share, post_consumer_ppb=400_000_001),))
    found = (
        await materials.audited(changed(journey().records(), made, replace(made.data, content=claimed)))
    ).first_divergence
    work = event_of(PassportTransformed, transformation=MADE_METAL)
    assert found is not None
    assert (work.lane, work.position, "40.0000001 %", "40 % at most") == (
        found.lane, found.position, found.recorded, found.expected
    )  # fmt: skip


async def test_a_draw_that_was_left_out_is_missed(materials: Materials) -> None:
    lanes = without(journey().records(), event_of(PassportDrawn, passport=RICH))
    found = (await materials.audited(lanes)).first_divergence
    assert found is not None
    assert ("material", "inputs/1/passport", str(RICH)) == (found.kind, found.field, found.recorded)
