"""The desk: the writer and pool of this process, with which a command becomes one lane transaction."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from hashlib import sha256
from typing import Generic, Protocol, TypeAlias, TypeVar
from uuid import UUID

from msgspec import Struct

from events.away_causes import say_why
from events.callers import Caller, OfCaller
from events.command import Command, Outcome
from events.connections import BROKEN_OFF, DATABASE_AWAY, Connection, Pool, acquire
from events.decision import Decision, LaneKey, Moment, Request
from events.envelope import Draft
from events.journal import read_deployment
from events.refusal import RecordUnavailable
from events.vocabulary import Stream, lane_of

A = TypeVar("A")
B = TypeVar("B", bound=OfCaller)
S = TypeVar("S")

Answer: TypeAlias = Outcome | tuple[Draft, ...]
"""What was recorded, or for a dry run what would be."""


@lru_cache(maxsize=65_536)
def _lane_of(key: UUID | str, lanes: int) -> int:
    return lane_of(str(key), lanes)


class Writer(Protocol):
    """The interface that executes commands: normally the lane writer of this process."""

    async def execute(self, command: Command[A, S]) -> Outcome: ...

    async def rehearse(self, command: Command[A, S]) -> tuple[Draft, ...]: ...


class Desk(Struct, frozen=True, kw_only=True):
    """`pool` is the writer's: commands use it to look up an order's market before they ask for its lane."""

    writer: Writer
    pool: Pool
    lanes: int
    new_id: Callable[[], UUID]

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[Connection]:
        """A connection for look-ups before a command. RecordUnavailable when the database is away or too
        slow."""
        try:
            async with acquire(self.pool) as connection:
                yield connection
        except (BROKEN_OFF, *DATABASE_AWAY) as error:
            say_why(error)
            raise RecordUnavailable from error

    def lane(self, stream: Stream, key: UUID | str) -> LaneKey:
        """The lane of a market, an organisation or a lot."""
        return LaneKey(stream, _lane_of(key, self.lanes))


async def open_desk(writer: Writer, pool: Pool, new_id: Callable[[], UUID]) -> Desk:
    """NotInitialised if the database holds no record yet."""
    async with acquire(pool) as connection:
        deployment = await read_deployment(connection)
    return Desk(writer=writer, pool=pool, lanes=deployment.lanes, new_id=new_id)


class Operation(Generic[A, S]):
    """The two halves of a command, which the lane writer runs for a whole batch."""

    def __init__(
        self,
        name: str,
        load: Callable[[Connection, Sequence[A], Moment], Awaitable[Sequence[S]]],
        decide: Callable[[S, A, Moment], Decision],
    ) -> None:
        self.name = name
        self._load = load
        self._decide = decide

    async def load(self, connection: Connection, arguments: Sequence[A], moment: Moment) -> Sequence[S]:
        return await self._load(connection, arguments, moment)

    def decide(self, state: S, argument: A, moment: Moment) -> Decision:
        return self._decide(state, argument, moment)


class InMarket(Struct, Generic[A], frozen=True, kw_only=True):
    """A caller's request to one market; `lanes` is the deployment's lane count."""

    lane: int
    lanes: int
    market: UUID
    argument: A


def in_market(
    name: str,
    load: Callable[[Connection, Sequence[InMarket[A]], Moment], Awaitable[Sequence[S]]],
    decide: Callable[[S, A, Moment], Decision],
) -> Operation[InMarket[A], S]:
    """An operation that decides by the market's state and the request."""

    def decided(state: S, asked: InMarket[A], moment: Moment) -> Decision:
        return decide(state, asked.argument, moment)

    return Operation(name, load, decided)


def submit(
    desk: Desk,
    operation: Operation[A, S],
    argument: A,
    *,
    caller: Caller,
    lanes: Sequence[LaneKey],
    touches: frozenset[str] | None,
    reads: frozenset[str] = frozenset(),
    adds: frozenset[str] = frozenset(),
    request: Request | None,
    dry_run: bool,
    optimistic: bool = False,
) -> Awaitable[Answer]:
    """Executes one command. Keys and `optimistic` as in `events.command.Command`. Raises what the decision
    raised, or a refusal of the lane."""
    command = Command(
        operation=operation,
        argument=argument,
        lanes=tuple(sorted(set(lanes))),
        actor=caller.organisation,
        cause=_cause(operation.name, request),
        request=request,
        touches=touches,
        reads=reads,
        adds=adds,
        optimistic=optimistic,
    )
    return desk.writer.rehearse(command) if dry_run else desk.writer.execute(command)


def submit_alone(
    desk: Desk,
    operation: Operation[InMarket[B], S],
    argument: B,
    *,
    market: UUID,
    beside: Sequence[LaneKey] = (),
    request: Request | None,
    dry_run: bool,
) -> Awaitable[Answer]:
    """`submit` of what is asked of a market, alone on its lane; it holds those `beside` too."""
    lane = desk.lane("market", market)
    return submit(
        desk,
        operation,
        InMarket(lane=lane.lane, lanes=desk.lanes, market=market, argument=argument),
        caller=argument.caller,
        lanes=[lane, *beside],
        touches=None,
        request=request,
        dry_run=dry_run,
    )


def _cause(name: str, request: Request | None) -> str:
    """Route and hashes of idempotency key and body, or the operation's name if there was no request."""
    if request is None:
        return name
    return f"{request.route} {sha256(request.key.encode()).hexdigest()} {request.body_hash.hex()}"
