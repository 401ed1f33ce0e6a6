"""A command to a lane: its operation (load and decide), one call of it, and the outcome."""

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from msgspec import Struct

from events.connections import Connection
from events.decision import Decision, LaneKey, Moment, Request
from events.envelope import Recorded

A = TypeVar("A")
S = TypeVar("S")
A_contra = TypeVar("A_contra", contravariant=True)


class Operation(Protocol[A_contra, S]):
    """The two halves of a command: one set-based read, usually under the lane lock, and the pure decision."""

    @property
    def name(self) -> str: ...

    async def load(
        self, connection: Connection, arguments: Sequence[A_contra], moment: Moment
    ) -> Sequence[S]:
        """One state per argument, in the same order, in a constant number of statements."""
        ...

    def decide(self, state: S, argument: A_contra, moment: Moment) -> Decision:
        """Raises Refusal or Refusals."""
        ...


class Command(Struct, Generic[A, S], kw_only=True, frozen=True):
    """One call of an operation.

    `lanes` are all lanes that it may write. Keys name parts of the state: those it `reads`, those it `adds`
    to without reading, and those it `touches` in both ways; None: it has to be alone on its lanes. A command
    that reads a key and one that adds to it are never decided in the same batch. `optimistic`: it may be
    decided before its lanes are locked, since `load` only reads, and only state that these lanes guard or
    that never changes, and `apply` returns all its writes instead of executing them.
    """

    operation: Operation[A, S]
    argument: A
    lanes: tuple[LaneKey, ...]
    actor: UUID
    cause: str
    request: Request | None = None
    touches: frozenset[str] | None = None
    reads: frozenset[str] = frozenset()
    adds: frozenset[str] = frozenset()
    optimistic: bool = False


class Outcome(Struct, kw_only=True, frozen=True):
    """The command's events in order; `replayed` when an earlier request with the same key recorded them."""

    events: tuple[Recorded, ...]
    replayed: bool
