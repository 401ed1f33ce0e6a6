"""Compares what a round recorded with what it has to record: by its certificate, or by clearing it again."""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final, Literal, get_args

import msgspec
from msgspec import Struct

from events.codec import encode_event
from events.envelope import Draft, Fact, Recorded
from events.market_events import ClearingAbandoned
from market.rules.book import Book
from market.rules.clearing.breaches import CertificateBroken
from market.rules.clearing.certificate import expected_record
from market.rules.clearing.clearing import SOLVER_GAVE_UP, abandonment, conclude
from market.rules.clearing.differences import Difference, first_difference
from market.rules.clearing.round_events import planned_of
from market.rules.clearing.round_record import tried_again
from market.rules.clearing.rounds import ALGORITHM, ClearingImpossible, ImpossibleCode, posed_round
from market.rules.clearing.sections import clear_section

GIVEN_BY_THE_ROUND: Final[frozenset[str]] = frozenset(get_args(ImpossibleCode))
"""Reasons to abandon a round that lie in the round; any other one is somebody's word."""

Expect = Callable[[Book, Recorded, Sequence[Fact]], Sequence[Draft]]
"""What the round of a plan has to record for a book that stands there, given the facts it did record."""


class RoundFault(Struct, frozen=True, kw_only=True):
    """The first thing that is wrong with a round, at its event `index`."""

    index: int
    kind: Literal["certificate", "clearing", "left_out", "plan"]
    told: str
    difference: Difference | None = None


class RoundCheck(Struct, frozen=True, kw_only=True):
    """How rounds are checked.

    confirms: whether a code of abandonment is proved; refutes: whether it is proved wrong.
    """

    expect: Expect
    confirms: Callable[[Book, Recorded, str], bool]
    refutes: Callable[[Book, Recorded, str], bool]


def _proved(book: Book, plan: Recorded, facts: Sequence[Fact]) -> Sequence[Draft]:
    if tried_again(facts):
        return conclude(book, plan)
    return expected_record(posed_round(book, plan), facts, clear_section)


def _is_unknown(book: Book, plan: Recorded, code: str) -> bool:
    del book
    return code == "algorithm_unknown" and planned_of(plan).algorithm != ALGORITHM


def _is_known(book: Book, plan: Recorded, code: str) -> bool:
    return code == "algorithm_unknown" and not _is_unknown(book, plan, code)


BY_CERTIFICATE: Final = RoundCheck(expect=_proved, confirms=_is_unknown, refutes=_is_known)
"""A round that says that its first tie-break left ties, and sections that leave orders out or cut them
short, are cleared again; nothing else is. Only a solver can say whether a round had no unique optimum, was
beyond the guards of the assignment, or had more to tell of its sections than a record holds."""


def _computed(book: Book, plan: Recorded, facts: Sequence[Fact]) -> Sequence[Draft]:
    del facts
    return conclude(book, plan)


def _outcome(book: Book, plan: Recorded) -> str | None:
    """The code with which clearing it again abandons the round; None when there is a result, or no end."""
    try:
        last = conclude(book, plan)[-1].data
    except Exception:  # noqa: BLE001  a book that nothing can clear confirms and refutes nothing
        return None
    return last.code if isinstance(last, ClearingAbandoned) else None


def _gives(book: Book, plan: Recorded, code: str) -> bool:
    return code in GIVEN_BY_THE_ROUND and _outcome(book, plan) == code


def _gives_not(book: Book, plan: Recorded, code: str) -> bool:
    return code in GIVEN_BY_THE_ROUND and _outcome(book, plan) != code


BY_SOLVER: Final = RoundCheck(expect=_computed, confirms=_gives, refutes=_gives_not)
"""Every round is cleared again and compared byte for byte."""


def copied(book: Book) -> Book:
    """The book as it stands now, whatever is folded into the other later."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(book), type=Book)


def round_fault(
    events: Sequence[Recorded], book: Book, plan: Recorded, check: RoundCheck, source: str
) -> RoundFault | None:
    """None when every event of the round is, byte for byte, what it has to be; `source`: of all of them."""
    last = len(events) - 1
    try:
        expected = check.expect(book, plan, [event.data for event in events])
    except CertificateBroken as broken:
        first = broken.breaches[0]
        told = f"does not prove its round: {first.sentence()}"
        field = f"{first.section}/{first.field}" if first.section else first.field
        difference = Difference(field, first.found, first.required)
        return RoundFault(index=last, kind="certificate", told=told, difference=difference)
    except ClearingImpossible as impossible:
        told, difference = _impossible(plan, impossible)
        return RoundFault(index=last, kind="certificate", told=told, difference=difference)
    except Exception as error:  # noqa: BLE001  a book that nothing can clear is no book of a market
        told = f"ends a round that cannot be computed ({type(error).__name__}: {error})"
        return RoundFault(index=last, kind="plan", told=told)
    for index, event in enumerate(events):
        found = _difference(event, expected, index, plan, source)
        if found is not None:
            told = "is not what its round has to record"
            return RoundFault(index=index, kind="clearing", told=told, difference=found)
    missing = len(expected) - len(events)
    if missing > 0:
        told = f"ends a round that leaves out {missing} events which it has to record"
        counts = Difference("events of the round", str(len(events)), str(len(expected)))
        return RoundFault(index=last, kind="left_out", told=told, difference=counts)
    return None


def _impossible(plan: Recorded, impossible: ClearingImpossible) -> tuple[str, Difference]:
    """What is told of a round that was completed where there is nothing to complete."""
    if impossible.code == "algorithm_unknown":
        told = f"ends a round that this version does not check ({impossible.reason})"
        return told, Difference("algorithm", planned_of(plan).algorithm, ALGORITHM)
    told = f"ends a round that has no result ({impossible.reason})"
    return told, Difference("round", "completed", impossible.code)


def difference_at(
    events: Sequence[Recorded], book: Book, plan: Recorded, check: RoundCheck, source: str
) -> Difference | None:
    """How the last event of a round that goes on differs; None when it does not, or when nobody can tell."""
    try:
        expected = check.expect(book, plan, [event.data for event in events])
    except Exception:  # noqa: BLE001  another fault is told already
        return None
    return _difference(events[-1], expected, len(events) - 1, plan, source)


def may_abandon(
    event: Recorded, fact: ClearingAbandoned, book: Book, plan: Recorded, check: RoundCheck
) -> bool:
    """Whether an open round may be given up so.

    The matcher's abandonment derives from the plan and gives a reason of the round, or that its solver gave
    up. An operator abandons by a command, whose cause is not the plan, for whatever reason but a wrong one.
    """
    planned = planned_of(plan)
    if (fact.plan, fact.round) != (planned.plan, planned.round):
        return False
    if event.cause == str(plan.id):
        own = abandonment(plan, fact.code, fact.reason)
        if (event.id, event.salt, event.subject) != (own.id, own.salt, own.subject):
            return False
        if fact.code != SOLVER_GAVE_UP and fact.code not in GIVEN_BY_THE_ROUND:
            return False
    return not check.refutes(book, plan, fact.code)


def _difference(
    event: Recorded, expected: Sequence[Draft], index: int, plan: Recorded, source: str
) -> Difference | None:
    if index >= len(expected):
        return Difference("type", event.type, "nothing more")
    wanted = _body(expected[index], event, plan, source)
    if wanted == event.body:
        return None
    return first_difference(msgspec.json.decode(event.body), msgspec.json.decode(wanted)) or Difference(
        "bytes", sha256(event.body).hexdigest(), sha256(wanted).hexdigest()
    )


def _body(draft: Draft, event: Recorded, plan: Recorded, source: str) -> bytes:
    """The draft's bytes at the event's position; what a draft leaves to the lane is taken from the event."""
    return encode_event(
        event_id=draft.id or event.id,
        source=source,
        subject=draft.subject,
        time=draft.time or event.time,
        lane=draft.lane,
        position=event.position,
        cause=draft.cause or str(plan.id),
        actor=draft.actor or event.actor,
        salt=draft.salt or event.salt,
        data=draft.data,
    )
