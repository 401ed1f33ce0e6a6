"""What an audit that decides every fact again keeps of a lane, to go on from there another time."""

from datetime import datetime
from typing import Final, Self
from uuid import UUID

from msgspec import Struct

from events.codec import decode_event
from events.envelope import Recorded
from market.audit.lane_progress import Followed
from market.audit.lane_verdict import FormerRule
from market.audit.match_audit import Answers
from market.rules.book import Book


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


class OpenedRound(Struct, kw_only=True):
    """An `OpenRound` that goes on, with its events decoded."""

    plan: Recorded
    book: Book
    offsets: list[int] = []
    events: list[Recorded] = []

    @classmethod
    def of(cls, kept: OpenRound) -> Self:
        return cls(
            plan=kept.plan.event(),
            book=kept.book,
            offsets=[bare.offset for bare in kept.events],
            events=[bare.event() for bare in kept.events],
        )

    def kept(self) -> OpenRound:
        events = zip(self.events, self.offsets, strict=True)
        return OpenRound(
            plan=Bare.of(self.plan, -1), book=self.book, events=tuple(Bare.of(*each) for each in events)
        )


class Counted(Struct, frozen=True, kw_only=True):
    """What was proved, by kind; `abandoned_unproven` as in a lane's verdict."""

    clearings: int = 0
    matches: int = 0
    abandoned_unproven: int = 0
    agreements: int = 0
    deliveries: int = 0
    invoices: int = 0
    payments: int = 0
    years: int = 0
    passports: int = 0
    transformations: int = 0
    former_rule: FormerRule | None = None


NOTHING_COUNTED: Final = Counted()


class Folded(Struct, frozen=True, kw_only=True):
    """`Followed`, and what the lane's facts have made; agreements and passports stand on the shelf of all.

    `latest`: the time of the newest event.
    """

    followed: Followed
    counted: Counted = Counted()
    books: dict[UUID, Book] = {}
    open: tuple[OpenRound, ...] = ()
    rounds: dict[UUID, int] = {}
    latest: datetime | None = None
    answers: Answers = Answers()
