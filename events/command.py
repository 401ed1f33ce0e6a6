"""What a lane is asked and what it answers: an operation's two halves, one call of it, its outcome."""

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
    """A command's two halves: one set-based read, as a rule under the lane lock, and the pure decision."""

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

    `lanes` are all lanes it may write. Its keys name state: what it `reads`, what it `adds` to without
    reading it, what it `touches` in both ways; None means alone on its lanes. A command that reads a key and
    one that adds to it are never decided in the same batch. `optimistic`: its lanes need not be locked before
    it is decided, since `load` only reads, nothing but what stands under these lanes or never changes, and of
    its events `apply` returns all that it writes.
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
