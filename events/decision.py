"""The inputs and the result of a pure decision."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from events.envelope import Draft
from events.kept import Kept


class LaneKey(NamedTuple):
    """A lane of a stream; lanes are locked in ascending order of this key."""

    stream: str
    lane: int


class Moment(Struct, frozen=True):
    """The time of a decision (UTC, never before the last event of the lanes) and the source of new ids.
    `kept`: cached content of lanes whose heads will be compared at commit; None if all has to be read."""

    now: datetime
    new_id: Callable[[], UUID]
    kept: Mapping[LaneKey, Kept] | None = None

    @property
    def is_first(self) -> bool:
        """Whether this is the optimistic attempt: a command that it refuses is decided again under the lock
        (`events.optimistic`)."""
        return self.kept is not None


class Request(Struct, frozen=True, kw_only=True):
    """An idempotency key in its scope, and SHA-256 of the request: the body, and If-Match if any."""

    organisation: UUID
    route: str
    key: str
    body_hash: bytes


class Decision(Struct, frozen=True, kw_only=True):
    """The facts of an accepted command, in order."""

    drafts: tuple[Draft, ...]
