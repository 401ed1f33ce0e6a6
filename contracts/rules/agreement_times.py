"""The time of each step of an agreement: a pure fold of its events, separate from the agreement's state."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Final, TypeAlias

from msgspec import Struct, field

from contracts.rules.agreement import ENDED, Agreement, day_after
from contracts.rules.days import day_of
from events.contract_events import (
    AgreementAdvanced,
    AgreementSigned,
    AgreementTerminated,
    ContestSettled,
    DeclarationContested,
    ForceMajeureDeclared,
)
from events.envelope import Recorded
from events.vocabulary import Side

DATED: Final[tuple[str, ...]] = (
    AgreementSigned.TYPE,
    AgreementAdvanced.TYPE,
    ForceMajeureDeclared.TYPE,
    AgreementTerminated.TYPE,
    DeclarationContested.TYPE,
    ContestSettled.TYPE,
)
"""The events that `times_of` reads."""

Declaration: TypeAlias = int | None
"""The number of a force majeure, from 1; None: the termination."""


class AgreementTimes(Struct, kw_only=True):
    """`signed`: each side's newest signature of each proposal. `end_position` is in the agreement's lane."""

    signed: dict[tuple[int, Side], datetime] = field(default_factory=dict)
    effective_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: Side | None = None
    end_note: str | None = None
    end_position: int | None = None
    declared: list[datetime] = field(default_factory=list)
    contested: dict[Declaration, datetime] = field(default_factory=dict)
    settled: dict[Declaration, datetime] = field(default_factory=dict)


def times_of(events: Iterable[Recorded]) -> AgreementTimes:
    """The times of one agreement; its events are in lane order."""
    found = AgreementTimes()
    for event in events:
        _take(found, event)
    return found


def _take(found: AgreementTimes, event: Recorded) -> None:
    match event.data:
        case AgreementSigned() as fact:
            found.signed[fact.proposal, fact.side] = event.time
        case AgreementAdvanced() as fact:
            if fact.status == "effective" and found.effective_at is None:
                found.effective_at = event.time
            if fact.status in ENDED:
                found.ended_at, found.end_position = event.time, event.position
        case AgreementTerminated() as fact:
            found.ended_at, found.end_position = event.time, event.position
            found.ended_by, found.end_note = fact.by, fact.note
        case ForceMajeureDeclared():
            found.declared.append(event.time)
        case DeclarationContested() as fact:
            found.contested[fact.suspension] = event.time
        case ContestSettled() as fact:
            found.settled[fact.suspension] = event.time
        case _:
            pass


def last_ends_on(agreement: Agreement) -> date | None:
    """The first day after it has ended, by its term or earlier. None before it is effective."""
    if agreement.ends_on is None or agreement.ended_at is None:
        return agreement.ends_on
    return min(agreement.ends_on, day_after(day_of(agreement.ended_at)))
