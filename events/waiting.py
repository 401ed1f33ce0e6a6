"""The commands of one process: those that wait for their lanes, and those under way."""

import asyncio
from collections import deque
from collections.abc import Container, Sequence
from itertools import chain, islice
from typing import Any, Final

from events.batching import choose
from events.command import Command, Outcome
from events.decision import LaneKey
from events.refusal import RecordUnavailable

LATE_SECONDS: Final = 0.05
"""After this time, a batch under way no longer delays the start of another: it waits for a locked lane or the
disk."""


class Waiting:
    """A command and the future its caller awaits."""

    __slots__ = ("adds", "alone", "command", "future", "lanes", "reads", "request")

    def __init__(self, command: Command[Any, Any], future: asyncio.Future[Outcome]) -> None:
        self.command = command
        self.future = future
        self.lanes = command.lanes
        touched = command.touches or frozenset()
        self.alone = command.touches is None
        self.reads = command.reads | touched
        self.adds = command.adds | touched
        self.request = command.request

    def fail(self, error: BaseException) -> None:
        if not self.future.done():
            self.future.set_exception(error)

    def resolve(self, outcome: Outcome) -> None:
        if not self.future.done():
            self.future.set_result(outcome)


class WaitingRoom:
    """Commands in order of arrival, and the batches under way, which have no lane in common.

    The fixed cost of a batch is higher than the cost of a command in it. So another batch starts only once as
    many commands are free as each batch under way holds, or when those batches take long.
    """

    def __init__(self, batch_max: int, look_max: int) -> None:
        self._batch_max = batch_max
        self._look_max = look_max
        self._queue: deque[Waiting] = deque()
        self._under_way: list[list[Waiting]] = []
        self._lanes_under_way: set[LaneKey] = set()
        self._free = 0
        self._waited_for: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def batches_under_way(self) -> int:
        return len(self._under_way)

    @property
    def is_worth_a_batch(self) -> bool:
        return self._free >= max(self._waited_for.values(), default=0)

    def add(self, waiting: Waiting) -> bool:
        """Adds a command; returns whether it needs no lane that is under way and there are now enough
        commands for `take`."""
        free = not self._under_way or self._lanes_under_way.isdisjoint(waiting.lanes)
        self._queue.append(waiting)
        self._free += free
        return free and self.is_worth_a_batch

    def take(self) -> list[Waiting]:
        """A batch of commands that can be decided together now; under way until `ended`. Empty when there is
        none."""
        batch: list[Waiting] = []
        left = -1
        while not batch and left != len(self._queue):
            left = len(self._queue)
            batch = self._choose(None, (), chain.from_iterable(self._under_way))
        if batch:
            self._under_way.append(batch)
            self._lanes_under_way |= _lanes_of(batch)
            self._waited_for[id(batch)] = len(batch)
        self._free = self._count_free()
        return batch

    def board(self, batch: list[Waiting], held: Container[LaneKey]) -> None:
        """Add later commands to a batch if they need only lanes that it holds."""
        others = chain.from_iterable(other for other in self._under_way if other is not batch)
        batch += self._choose(held, batch, others)

    def late(self, batch: list[Waiting]) -> None:
        """The batch takes long: other batches no longer wait for as many commands as it holds."""
        self._waited_for.pop(id(batch), None)

    def ended(self, batch: list[Waiting]) -> None:
        self._under_way = [other for other in self._under_way if other is not batch]
        self._lanes_under_way -= _lanes_of(batch)
        self._waited_for.pop(id(batch), None)
        self._free = self._count_free()

    def _count_free(self) -> int:
        """Counts the free commands among those that `take` would examine."""
        under_way = self._lanes_under_way
        return sum([under_way.isdisjoint(each.lanes) for each in islice(self._queue, self._look_max)])

    def turn_away(self) -> None:
        """Refuses all waiting commands, so that no caller waits for ever after the work has ended."""
        while self._queue:
            self._queue.popleft().fail(RecordUnavailable())

    def _choose(
        self, held: Container[LaneKey] | None, beside: Sequence[Waiting], under_way: chain[Waiting]
    ) -> list[Waiting]:
        if not self._queue:
            return []
        looked = chain(beside, self._queue)
        batch, deferred = choose(looked, self._batch_max, self._look_max, held, under_way)
        taken = batch[len(beside) :]
        for _ in range(len(taken) + len(deferred)):
            self._queue.popleft()
        self._queue.extendleft(reversed(deferred))
        return [waiting for waiting in taken if not waiting.future.done()]


def _lanes_of(batch: Sequence[Waiting]) -> set[LaneKey]:
    return {key for waiting in batch for key in waiting.lanes}
