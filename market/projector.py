"""PROCESS: events → views, lane by lane, in the transaction that moves the projector's own position."""

from events.handling import Batch
from market.store import views


class Projector:
    """The handler of a `Subscription` named `views.PROJECTOR` on the market stream."""

    async def handle(self, batch: Batch) -> None:
        async with batch.transaction() as connection:
            await views.apply(connection, batch.events)
