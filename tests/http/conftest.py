"""One shop per test."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.conftest import Database
from tests.http.shop import Shop, shop_on
from tests.market_drafts import Firm


@pytest.fixture
def database(market_database: Database) -> Database:
    return market_database


@pytest.fixture
async def shop(database: Any) -> AsyncIterator[Shop]:
    async with shop_on(database) as opened:
        yield opened


@pytest.fixture
def seller(shop: Shop) -> Firm:
    return shop.scene.sellers[0]


@pytest.fixture
def buyer(shop: Shop) -> Firm:
    return shop.scene.buyers[0]
