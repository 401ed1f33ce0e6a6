"""What a reader gives its handler: events of one lane in order, and a transaction that moves past them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol, runtime_checkable

from events.connections import Connection, Pool, acquire
from events.decision import LaneKey
from events.envelope import Recorded
from events.faults import crash_point
from events.positions import Place, Step, move


class Batch:
    """Consecutive events of one lane, none applied before; of a `Keeper` the last alone, and what it kept."""

    def __init__(
        self,
        pool: Pool,
        name: str,
        owner: str,
        lane: LaneKey,
        place: Place,
        events: Sequence[Recorded],
        offsets: Sequence[int],
        kept: Sequence[Any] = (),
    ) -> None:
        """`offsets`: where each event lies."""
        self._pool = pool
        self._name = name
        self._owner = owner
        self._offsets = offsets
        self.lane = lane
        self.events = events
        self.kept = kept
        self.done = 0
        self.place = place

    @asynccontextmanager
    async def transaction(self, count: int | None = None) -> AsyncIterator[Connection]:
        """A transaction whose commit also moves the position past the first `count` events of the batch.

        `count` is counted from the start of the batch and grows from one transaction to the next; None: all.
        NotOwner when another reader has moved the position: nothing is committed, the handler lets it pass.
        """
        upto = len(self.events) if count is None else count
        if not self.done < upto <= len(self.events):
            raise ValueError(
                f"{upto} is not in {self.done + 1}…{len(self.events)}: each event is applied once"
            )
        after = self._after(upto)
        async with acquire(self._pool) as connection, connection.transaction():
            yield connection
            await move(connection, self._name, self._owner, self.lane, self.place, after)
            crash_point("subscription.handled")
        self.place, self.done = after, upto
        crash_point("subscription.committed")

    @property
    def step(self) -> Step:
        """What a statement of the handler's own has to do with the position, past all of the batch."""
        return Step(self.lane, self.place, self._after(len(self.events)))

    def stepped(self) -> None:
        """`step` is done, together with the effect of all events."""
        self.place, self.done = self.step.after, len(self.events)
        crash_point("subscription.committed")

    def _after(self, count: int) -> Place:
        last, offset = self.events[count - 1], self._offsets[count - 1]
        return Place(last.position, last.chain, offset + 1, last.id, self.place.cluster_id)

    def rest(self) -> "Batch":
        """What a failed handler has left."""
        events, offsets = self.events[self.done :], self._offsets[self.done :]
        return Batch(self._pool, self._name, self._owner, self.lane, self.place, events, offsets, self.kept)


class Handler(Protocol):
    async def handle(self, batch: Batch) -> None:
        """Apply every event of the batch through `batch.transaction`, or as `batch.step` says."""
        ...


@runtime_checkable
class Keeper(Handler, Protocol):
    """A handler that needs little of its events: they are freed while the processor's cache holds them."""

    def keep(self, events: Sequence[Recorded], /) -> Sequence[Any]:
        """What `handle` will need of these events, as many things as it likes.

        Of a batch they come in order, some at a time. An error stops the lane before any of the batch.
        """
        ...
