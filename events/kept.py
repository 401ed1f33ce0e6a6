"""A process's cache of a lane's content, valid as long as the process knows the lane's head."""

from typing import Protocol

from events.envelope import Recorded


class Content(Protocol):
    """What an operation reads of a lane, at one head."""

    def follow(self, event: Recorded) -> None:
        """The content after the lane's next event."""
        ...


class Kept:
    """The cached content of one lane at one head; `content` belongs to the operations that read it."""

    __slots__ = ("content", "head")

    def __init__(self, head: bytes) -> None:
        self.head = head
        self.content: Content | None = None

    def follow(self, event: Recorded) -> None:
        """Adds an event, whether it will be stored or not: if it is not, no lane will ever have this head."""
        self.head = event.chain
        if self.content is not None:
            self.content.follow(event)
