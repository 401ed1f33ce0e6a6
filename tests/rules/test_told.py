"""Lines of events that were handled: of a reader that keeps something else, too."""

from collections.abc import Sequence
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from events.chain import genesis
from events.decision import LaneKey
from events.envelope import Recorded
from events.handling import Batch
from events.positions import Place
from market.services import Told
from tests.blotter import DEPLOYMENT
from tests.tampered_lanes import template

KEY = LaneKey("market", 0)


class Away(Exception):
    pass


class KeepsPositions:
    """Takes a batch at the second try."""

    def __init__(self) -> None:
        self.kept: list[int] = []
        self.handled: list[Any] = []
        self.tries = 0

    def keep(self, events: Sequence[Recorded], /) -> list[int]:
        positions = [event.position for event in events]
        self.kept += positions
        return positions

    async def handle(self, batch: Batch) -> None:
        self.tries += 1
        if self.tries == 1:
            raise Away
        self.handled += batch.kept


async def test_a_keeper_whose_events_are_told_gets_what_it_has_kept_once() -> None:
    events, handler = template(), KeepsPositions()
    nowhere: Any = None
    place = Place(0, genesis(DEPLOYMENT, *KEY), 0, None, None)
    batch = Batch(nowhere, "reader", "reader-1", KEY, place, events, range(len(events)))
    told = Told(handler, structlog.get_logger())
    with capture_logs() as lines:
        with pytest.raises(Away):
            await told.handle(batch)
        await told.handle(batch.rest())
    positions = [event.position for event in events]
    assert positions == handler.kept == handler.handled == [line["position"] for line in lines]
