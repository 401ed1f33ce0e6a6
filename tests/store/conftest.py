"""A market that has traded, made once and copied for each test that begins there."""

from collections.abc import AsyncIterator

import pytest

from market.settings import Settings
from tests.conftest import Copier, Database, market_copy
from tests.market_days import trade_for_a_while
from tests.market_support import OpenMarket, scene_on


@pytest.fixture(scope="session")
async def template_traded(
    server_settings: Settings, copier: Copier, template_market: tuple[str, OpenMarket]
) -> AsyncIterator[tuple[str, OpenMarket]]:
    """Name of a database with every kind of fact, which is copied."""
    async with market_copy(server_settings, copier, template_market) as database:
        async with scene_on(database) as scene:
            await trade_for_a_while(scene)
            known = scene.known()
        yield database.name, known


@pytest.fixture
async def traded_database(
    server_settings: Settings, copier: Copier, template_traded: tuple[str, OpenMarket]
) -> AsyncIterator[Database]:
    """A database in which the market of `market_database` has traded for a while; nothing is projected."""
    async with market_copy(server_settings, copier, template_traded) as database:
        yield database
