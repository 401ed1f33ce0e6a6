"""Which keys a record shows to have been used, as a process that starts reads it."""

from collections.abc import AsyncIterator

import pytest

from events.connections import Pool, open_pool
from market.store.feed import PUBLISHER
from market.store.keys_used import KeysUsed, read_keys_used
from tests.conftest import Database
from tests.http.seals import sealed
from tests.http.shop import Shop
from tests.http.test_webhooks import registered

PASSED = """
insert into record.consumer (name, stream, lane, position, head, next_offset)
values ($1, 'market', 0, 1, decode(repeat('00', 32), 'hex'), 1)
"""


@pytest.fixture
async def reader(database: Database) -> AsyncIterator[Pool]:
    pool = await open_pool(database.dsn("reader"), size=1)
    yield pool
    await pool.close()


async def test_each_key_is_asked_for_once_it_was_used(shop: Shop, database: Database, reader: Pool) -> None:
    assert KeysUsed(checkpoint=False, publisher=False, webhook=False) == await read_keys_used(reader)
    await registered(shop, shop.scene.sellers[0])
    assert KeysUsed(checkpoint=False, publisher=False, webhook=True) == await read_keys_used(reader)
    await sealed(shop, database)
    assert KeysUsed(checkpoint=True, publisher=False, webhook=True) == await read_keys_used(reader)
    await shop.scene.pool.execute(PASSED, PUBLISHER)
    assert KeysUsed(checkpoint=True, publisher=True, webhook=True) == await read_keys_used(reader)
