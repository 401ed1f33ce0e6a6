"""One shop per test."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.conftest import Database
from tests.http.shop import Shop, shop_on


@pytest.fixture
def database(market_database: Database) -> Database:
    return market_database


@pytest.fixture
async def shop(database: Any) -> AsyncIterator[Shop]:
    async with shop_on(database) as opened:
        yield opened
