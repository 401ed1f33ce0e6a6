"""Lines of events that were handled: of a reader that keeps something else, too."""

from collections.abc import Sequence
from typing import Any

import structlog
from structlog.testing import capture_logs

from events.chain import genesis
from events.decision import LaneKey
from events.envelope import Recorded
from events.positions import Place
from events.subscription import Batch
from market.services import Told
from tests.blotter import DEPLOYMENT
from tests.tampered_lanes import template

KEY = LaneKey("market", 0)


class KeepsPositions:
    def __init__(self) -> None:
        self.handled: list[Any] = []

    def keep(self, events: Sequence[Recorded], /) -> list[int]:
        return [event.position for event in events]

    async def handle(self, batch: Batch) -> None:
        self.handled += batch.kept


async def test_a_keeper_whose_events_are_told_gets_what_it_keeps() -> None:
    events, handler = template(), KeepsPositions()
    nowhere: Any = None
    place = Place(0, genesis(DEPLOYMENT, *KEY), 0, None, None)
    batch = Batch(nowhere, "reader", "reader-1", KEY, place, events, range(len(events)))
    with capture_logs() as lines:
        await Told(handler, structlog.get_logger()).handle(batch)
    positions = [event.position for event in events]
    assert positions == handler.handled == [line["position"] for line in lines]
