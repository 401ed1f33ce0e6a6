"""What a process keeps of a lane that it has read, for as long as it knows the lane's head."""

from typing import Protocol

from events.envelope import Recorded


class Content(Protocol):
    """What an operation reads of a lane, as it stands at one head."""

    def follow(self, event: Recorded) -> None:
        """As it stands after the lane's next event."""
        ...


class Kept:
    """One lane at one head; `content` belongs to the operations that read it."""

    __slots__ = ("content", "head")

    def __init__(self, head: bytes) -> None:
        self.head = head
        self.content: Content | None = None

    def follow(self, event: Recorded) -> None:
        """Whether the event is ever stored or not: if it is not, no lane will have this head."""
        self.head = event.chain
        if self.content is not None:
            self.content.follow(event)
