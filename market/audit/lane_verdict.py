"""The result of an audit for a lane: how far it was checked, and its first divergence."""

from hashlib import sha256
from typing import Final, Literal, NamedTuple
from uuid import UUID

from msgspec import Struct

from events.decision import LaneKey
from events.envelope import Recorded
from events.vocabulary import Instant
from market.rules.clearing.differences import Difference

Kind = Literal[
    "gap", "repeat", "chain", "undecodable", "placement", "source",
    "fold", "plan", "unplanned", "certificate", "clearing", "left_out", "contract", "material", "command",
    "checkpoint", "truncated", "anchor", "forged", "two_heads", "inconsistent", "retired_key", "foreign_lane",
]  # fmt: skip
OF_THE_HEAD: Final[frozenset[Kind]] = frozenset({"checkpoint", "anchor"})
"""What is told of the lane up to its newest position, and not of the one after it."""


class Divergence(Struct, frozen=True, kw_only=True):
    """The first divergence in a lane: `field` is `recorded` but has to be `expected`. A negative `offset`:
    something is missing after the lane's last record."""

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


class FormerRule(Struct, frozen=True, kw_only=True):
    """Facts that follow from a rule of an earlier version and not from today's: how many, and the newest."""

    facts: int
    position: int
    time: Instant


def after_former_rule(before: FormerRule | None, event: Recorded) -> FormerRule:
    facts = 1 if before is None else before.facts + 1
    return FormerRule(facts=facts, position=event.position, time=event.time)


class LaneVerdict(Struct, frozen=True, kw_only=True):
    """What was seen of a lane. `end_proven` only where an expected end was given and reached; `sealed`: the
    events that the operator's newest checkpoint holds.

    `abandoned_unproven` rounds ended for a reason that no record can prove: an operator's, or a machine's.
    From `agreements` on: how many were drafted, shipped, invoiced and assessed, and how many lots got a
    passport and were transformed, each computed again.
    `first`: the position from which the lane was checked; `bounded`: it was asked not to go on to the end.
    `read_before`: of the records, those that an earlier reading had checked.
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
    payments: int = 0
    years: int = 0
    passports: int = 0
    transformations: int = 0
    expected_end: int | None
    end_proven: bool
    divergence: Divergence | None
    sealed: int = 0
    first: int = 1
    bounded: bool = False
    read_before: int = 0
    former_rule: FormerRule | None = None


class Bounds(Struct, frozen=True, kw_only=True):
    """What of a lane is checked: from position `first` to `upto`, None: to its end."""

    first: int = 1
    upto: int | None = None

    def ended(self, position: int) -> bool:
        """Whether a lane that was read to a position need not be read on."""
        return self.upto is not None and position >= self.upto


WHOLE: Final = Bounds()


class Wrong(NamedTuple):
    """What is told of a record, going on after its name, and the two values that differ."""

    kind: Kind
    told: str
    difference: Difference


def gap(position: int, expected: int) -> Wrong:
    told = f"has position {position}; {position - expected} before it are missing"
    return Wrong("gap", told, Difference("position", str(position), str(expected)))


def foreign_source(source: str, expected: str) -> Wrong:
    return Wrong("source", "comes from another deployment", Difference("source", source, expected))


def misplaced(found: LaneKey, expected: LaneKey) -> Wrong:
    difference = Difference("lane", f"{found.stream}/{found.lane}", f"{expected.stream}/{expected.lane}")
    return Wrong("placement", f"belongs to lane {difference.recorded}", difference)


def undecodable(body: bytes, error: Exception) -> Wrong:
    difference = Difference("body", f"of SHA-256 {sha256(body).hexdigest()}", "an event of the catalog")
    return Wrong("undecodable", f"cannot be read: {error}", difference)


def chain_broken(claimed: str, computed: bytes) -> Wrong:
    told = "does not continue the chain: its bytes are not those that the chain was computed over"
    return Wrong("chain", told, Difference("chain", claimed or "none", computed.hex()))


def divergence_at(
    key: LaneKey,
    position: int,
    offset: int,
    wrong: Wrong,
    *,
    event_id: UUID | None,
    event_type: str | None,
) -> Divergence:
    """The divergence with its sentence."""
    difference = wrong.difference
    what = "the record" if event_id is None else f"{event_type} {event_id}"
    where = f"{key.stream} lane {key.lane}, position {position}"
    if offset >= 0:
        where += f", offset {offset}"
    sentence = (
        f"{where}: {what} {wrong.told}; "
        f"{difference.field} is {difference.recorded}, it has to be {difference.expected}"
    )
    return Divergence(
        stream=key.stream,
        lane=key.lane,
        position=position,
        offset=offset,
        kind=wrong.kind,
        sentence=sentence,
        event_id=event_id,
        event_type=event_type,
        field=difference.field,
        recorded=difference.recorded,
        expected=difference.expected,
    )
