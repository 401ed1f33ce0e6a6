"""What an audit says of a lane: how far it was checked, and the first thing that is not as it must be."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

from events.decision import LaneKey
from events.envelope import Envelope
from market.rules.differences import Difference

Kind = Literal[
    "gap", "repeat", "chain", "undecodable", "placement", "source",
    "fold", "plan", "unplanned", "certificate", "clearing", "left_out", "contract", "checkpoint", "truncated",
    "anchor", "forged", "two_heads", "inconsistent", "retired_key", "foreign_lane",
]  # fmt: skip


class Divergence(Struct, frozen=True, kw_only=True):
    """The first thing in a lane that is not as it must be; `recorded`, `expected`: JSON of `field`."""

    stream: str
    lane: int
    position: int
    offset: int
    kind: Kind
    sentence: str
    event_id: UUID | None = None
    event_type: str | None = None
    market: UUID | None = None
    round: int | None = None
    field: str | None = None
    recorded: str | None = None
    expected: str | None = None


class LaneVerdict(Struct, frozen=True, kw_only=True):
    """What was seen of a lane. `end_proven` only where an expected end was given and reached; `sealed`: the
    events that the operator's newest checkpoint holds.

    `abandoned_unproven` rounds ended for a reason that no record can prove: an operator's, or a machine's.
    From `agreements` on: how many were drafted, shipped, invoiced and assessed, each computed again.
    `first`: the position from which the lane was checked; `bounded`: it was asked not to go on to the end.
    """

    stream: str
    lane: int
    records: int
    repeats: int
    position: int
    head: str
    clearings: int = 0
    matches: int = 0
    abandoned_unproven: int = 0
    agreements: int = 0
    deliveries: int = 0
    invoices: int = 0
    years: int = 0
    expected_end: int | None
    end_proven: bool
    divergence: Divergence | None
    sealed: int = 0
    first: int = 1
    bounded: bool = False


class Bounds(Struct, frozen=True, kw_only=True):
    """What of a lane is checked: from position `first` to the last one that is within `upto` and `until`.

    `until` is a time of events, which within a lane never goes back.
    """

    first: int = 1
    upto: int | None = None
    until: datetime | None = None

    def ended(self, position: int) -> bool:
        """Whether a lane that was read to a position need not be read on."""
        return self.upto is not None and position >= self.upto

    def beyond(self, envelope: Envelope) -> bool:
        return self.until is not None and envelope.time > self.until


WHOLE: Final = Bounds()


def divergence_at(
    key: LaneKey,
    position: int,
    offset: int,
    kind: Kind,
    told: str,
    *,
    event_id: UUID | None,
    event_type: str | None,
    difference: Difference | None,
) -> Divergence:
    """The divergence with its sentence; `told` goes on after the event's name."""
    what = "the record" if event_id is None else f"{event_type} {event_id}"
    sentence = f"{key.stream} lane {key.lane}, position {position}, offset {offset}: {what} {told}"
    if difference is not None:
        sentence += f"; {difference.field} is {difference.recorded}, it has to be {difference.expected}"
    return Divergence(
        stream=key.stream,
        lane=key.lane,
        position=position,
        offset=offset,
        kind=kind,
        sentence=sentence,
        event_id=event_id,
        event_type=event_type,
        field=difference.field if difference else None,
        recorded=difference.recorded if difference else None,
        expected=difference.expected if difference else None,
    )


def sealed_to(seals: Mapping[int, bytes], position: int, *, bounded: bool) -> int:
    """The events under the newest checkpoint; in a lane not read to its end, the newest that was read."""
    return max((size for size in seals if size <= position or not bounded), default=0)


def unanchored(anchors: Mapping[int, str], position: int, head: bytes) -> tuple[str, Difference] | None:
    """What is wrong with a lane's head at a position where a recovery of the record anchored it."""
    claimed = anchors.get(position)
    if claimed is None or claimed == head.hex():
        return None
    told = f"is not where the lane stood when the record was recovered at {position} events"
    return told, Difference("head", head.hex(), claimed)


def shortfall(
    position: int, expected_end: int | None, sealed: int, anchored: int = 0
) -> tuple[Kind, str] | None:
    """What a lane that ends at a position lacks; None when nothing can be shown to be missing.

    `anchored`: the last position at which a recovery of the record found the lane.
    """
    if expected_end is not None and position < expected_end:
        return "gap", f"is missing: the lane ends at position {position}, its expected end is {expected_end}"
    if position < sealed:
        told = f"is missing: the lane ends at position {position}, a checkpoint holds {sealed} events"
        return "truncated", told
    if position < anchored:
        told = f"is missing: the lane ends at position {position}, it was recovered with {anchored} events"
        return "truncated", told
    return None
