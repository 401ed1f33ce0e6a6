"""Why a command was not accepted: one class per reason, whose docstring is the sentence that the caller
reads."""

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct

from events.counts import with_counts


class Caution(Struct, frozen=True, kw_only=True):
    """A warning to the caller about a command that was accepted."""

    code: str
    text: str
    pointer: str


class Refusal(Exception):
    """The command was refused."""

    code: ClassVar[str] = "refused"

    def __init__(self, *, pointer: str | None = None, **figures: object) -> None:
        """`figures` fill the docstring's placeholders; `pointer`: JSON Pointer of the offending member."""
        self.pointer = pointer
        self.figures: dict[str, object] = figures
        super().__init__(f"{self.code}: {self.detail()}")

    def detail(self) -> str:
        return with_counts(" ".join((type(self).__doc__ or "").split()), self.figures)


class Refusals(Exception):
    """Several refusals of one command, answered together."""

    def __init__(self, refusals: tuple[Refusal, ...]) -> None:
        super().__init__("; ".join(str(refusal) for refusal in refusals))
        self.refusals = refusals


def refuse(reasons: Sequence[Refusal]) -> None:
    """Raise `Refusals` with all reasons at once; nothing when there is none."""
    if reasons:
        raise Refusals(tuple(reasons))


class IdempotencyKeyReused(Refusal):
    """This idempotency key was used for a request with another body or another If-Match: use a new key."""

    code = "idempotency_key_reused"


class QueueFull(Refusal):
    """{waiting:command is|commands are} waiting already; try again shortly."""

    code = "queue_full"


class LaneStopped(Refusal):
    """Lane {lane} of {stream} accepts no commands: {reason}"""

    code = "lane_stopped"


class LaneBusy(Refusal):
    """The lane stayed locked for longer than the lock timeout; nothing was stored, try again."""

    code = "lane_busy"


class RecordUnavailable(Refusal):
    """The database cannot be reached, or took too long; nothing was stored, try again."""

    code = "record_unavailable"


class ClockAhead(Refusal):
    """This process's clock is over {seconds} s ahead of the database's; nothing was stored, try again."""

    code = "clock_ahead"


class OutcomeUnknown(Refusal):
    """The connection was lost during the commit: the same request with the same key tells the outcome."""

    code = "outcome_unknown"


class RoleMissing(Refusal):
    """This needs the role {role}."""

    code = "role_missing"


class VersionStale(Refusal):
    """The object has version {current}, not {expected}: read it again."""

    code = "version_stale"


class NoChange(Refusal):
    """The amendment changes nothing."""

    code = "no_change"


class NotDue(Refusal):
    """This is not due before {due}."""

    code = "not_due"


class IdTaken(Refusal):
    """This id is in use already."""

    code = "id_taken"


class MalformedMember(Refusal):
    """{problem}"""

    code = "malformed_member"


class DuplicateEntry(Refusal):
    """{entry} is stated more than once."""

    code = "duplicate_entry"
