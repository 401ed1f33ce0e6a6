"""Fixtures of the tests that need PostgreSQL and Kafka."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.record_support import create_topic, pool_on, prepare_record
from tests.seal_support import Sealed, sealed_on
from tests.wire_support import LANES, Wire


@pytest.fixture
async def wire(database: Any, kafka_bootstrap: str, topic_prefix: str) -> AsyncIterator[Wire]:
    """A record of four lanes, its writer at work, on a machine that may be busy, and its topic created."""
    deployment = await prepare_record(database.dsn("owner"), database.admin_dsn, LANES)
    dsn = database.dsn("writer")
    patient = f"{dsn}&idle_in_transaction_session_timeout=20000"
    async with pool_on(patient, 16) as pool, pool_on(database.dsn("relay"), 6) as relay_pool:
        made = Wire(pool, relay_pool, kafka_bootstrap, topic_prefix, dsn, deployment)
        await create_topic(kafka_bootstrap, made.topic, LANES)
        await made.writer.start()
        yield made
        await made.writer.stop()


@pytest.fixture
async def sealed(wire: Wire, database: Any, tmp_path: Path) -> AsyncIterator[Sealed]:
    async with sealed_on(wire, database, tmp_path) as made:
        yield made
