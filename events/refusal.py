"""Why a command was not accepted: one class per reason, its docstring is the sentence the caller reads."""

from inspect import cleandoc
from typing import ClassVar


class Refusal(Exception):
    """The command was refused."""

    code: ClassVar[str] = "refused"

    def __init__(self, *, pointer: str | None = None, **figures: object) -> None:
        """`figures` fill the docstring's placeholders; `pointer`: JSON Pointer of the offending member."""
        self.pointer = pointer
        self.figures: dict[str, object] = figures
        super().__init__(f"{self.code}: {self.detail()}")

    def detail(self) -> str:
        return cleandoc(type(self).__doc__ or "").format_map(self.figures)


class Refusals(Exception):
    """Several refusals of one command, answered together."""

    def __init__(self, refusals: tuple[Refusal, ...]) -> None:
        super().__init__("; ".join(str(refusal) for refusal in refusals))
        self.refusals = refusals


class IdempotencyKeyReused(Refusal):
    """This idempotency key was used before with another request body."""

    code = "idempotency_key_reused"


class QueueFull(Refusal):
    """{waiting} commands are waiting already; try again shortly."""

    code = "queue_full"


class LaneStopped(Refusal):
    """Lane {lane} of {stream} takes no commands: {reason}"""

    code = "lane_stopped"


class LaneBusy(Refusal):
    """The lane stayed locked for longer than the lock timeout; nothing was stored, try again."""

    code = "lane_busy"


class RecordUnavailable(Refusal):
    """The record cannot be reached; nothing was stored, try again."""

    code = "record_unavailable"


class OutcomeUnknown(Refusal):
    """The connection was lost while committing; the same request with the same key tells the outcome."""

    code = "outcome_unknown"
