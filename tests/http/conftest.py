"""One shop per test."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.http.shop import Shop, shop_on


@pytest.fixture
async def shop(database: Any) -> AsyncIterator[Shop]:
    async with shop_on(database) as opened:
        yield opened
