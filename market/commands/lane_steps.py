"""A step alone on its lanes: declared by its name, the lanes that it holds, what it reads and its rule."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeAlias, TypeVar

from msgspec import Struct

from events.callers import OfCaller
from events.connections import Connection
from events.decision import Decision, LaneKey, Moment, Request
from events.desk import Answer, Desk, Operation, submit

A = TypeVar("A", bound=OfCaller)
S = TypeVar("S")


class Asked(Struct, Generic[A], frozen=True, kw_only=True):
    """`lanes` is the deployment's count."""

    lanes: int
    argument: A


LoadOne: TypeAlias = Callable[[Connection, Asked[A], Moment], Awaitable[S]]


class LaneStep(Generic[A, S]):
    """Called with a desk and a command, which is alone on its lanes. Raises what the rule raises."""

    def __init__(
        self,
        name: str,
        lanes: Callable[[Desk, A], Sequence[LaneKey]],
        load: LoadOne[A, S],
        decide: Callable[[S, A, Moment], Decision],
    ) -> None:
        async def load_all(connection: Connection, asked: Sequence[Asked[A]], moment: Moment) -> Sequence[S]:
            return [await load(connection, each, moment) for each in asked]

        def decided(state: S, asked: Asked[A], moment: Moment) -> Decision:
            return decide(state, asked.argument, moment)

        self._lanes = lanes
        self._operation = Operation(name, load_all, decided)

    async def __call__(
        self, desk: Desk, argument: A, *, request: Request | None = None, dry_run: bool = False
    ) -> Answer:
        return await submit(
            desk,
            self._operation,
            Asked(lanes=desk.lanes, argument=argument),
            caller=argument.caller,
            lanes=self._lanes(desk, argument),
            touches=None,
            request=request,
            dry_run=dry_run,
        )
