"""What an audit keeps of a lane, to go on from there another time."""

from typing import Final
from uuid import UUID

from msgspec import Struct

from events.chain import genesis
from events.codec import decode_event
from events.decision import LaneKey
from events.envelope import Recorded
from market.lane_verdict import Divergence
from market.repeats import Seen
from market.rules.book import Book


class Followed(Struct, frozen=True, kw_only=True):
    """How far a lane was followed. `subtrees`: of its tree, as `Frontier` holds them; `compared`: the size of
    the newest checkpoint whose root was compared."""

    position: int = 0
    head: bytes
    records: int = 0
    subtrees: tuple[bytes, ...] = ()
    compared: int = 0
    seen: Seen = Seen()
    taken_up: bool = True
    done: bool = False
    divergence: Divergence | None = None


def beginning(deployment_id: UUID, key: LaneKey, *, first: int = 1) -> Followed:
    """Of a lane that is followed from position `first`."""
    return Followed(head=genesis(deployment_id, key.stream, key.lane), taken_up=first == 1)


class Bare(Struct, frozen=True, kw_only=True):
    """An event as its lane holds it, and the offset of its record."""

    body: bytes
    chain: bytes
    offset: int

    @classmethod
    def of(cls, event: Recorded, offset: int) -> "Bare":
        return cls(body=event.body, chain=event.chain, offset=offset)

    def event(self) -> Recorded:
        return decode_event(self.body, self.chain)


class OpenRound(Struct, frozen=True, kw_only=True):
    """A planned round, the book at its plan, and what it has recorded so far."""

    plan: Bare
    book: Book
    events: tuple[Bare, ...] = ()


class Counted(Struct, frozen=True, kw_only=True):
    """What was proved, by kind; `abandoned_unproven` as in a lane's verdict."""

    clearings: int = 0
    matches: int = 0
    abandoned_unproven: int = 0
    agreements: int = 0
    deliveries: int = 0
    invoices: int = 0
    years: int = 0


NOTHING_COUNTED: Final = Counted()


class Folded(Struct, frozen=True, kw_only=True):
    """`Followed`, and what the lane's facts have made: agreements stand on the shelf of all lanes."""

    followed: Followed
    counted: Counted = Counted()
    books: dict[UUID, Book] = {}
    open: tuple[OpenRound, ...] = ()
    rounds: dict[UUID, int] = {}
