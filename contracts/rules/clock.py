"""What the clock alone changes in an agreement, in the order in which it falls due, however late the timer
runs.

A term ends only after its last deemed nominations and the assessment of all years that can be assessed: so a
timer that was down for months records the same facts as one that never was.
"""

from datetime import datetime
from typing import Final, NamedTuple

from msgspec.structs import replace

from contracts.rules import standing
from contracts.rules.agreement import Agreement
from contracts.rules.contests import assessed_from
from contracts.rules.nominations import NominateBySilence, next_silence, nominate_by_silence
from contracts.rules.standing import PassTime
from contracts.rules.steps import of_timer
from contracts.rules.volume_refusals import YearUnpriced
from contracts.rules.volumes import Volumes, fold_volume
from contracts.rules.year_accounts import AccountState, AssessYear, assess_year, next_year_end
from events.contract_events import QuantityNominated
from events.decision import Decision, Moment
from events.envelope import Draft
from events.refusal import NotDue

SILENCES_MAX: Final = 64
"""The most nominations that one command makes: those of three years."""


class _Due(NamedTuple):
    """Things that fall due at the same instant are ordered by `rank`; `year` is set for a year's end."""

    at: datetime
    rank: int
    year: int = 0


SILENCE, YEAR_END, STATUS = range(3)


def pass_time(state: AccountState, argument: PassTime, moment: Moment) -> Decision:
    """Does what is due first: nominations whose notice is over, an ended year, or the next status.

    A year without a price does not delay what comes after it. Raises Refusals, or NotDue.
    """
    agreement = of_timer(state, argument.caller)
    unpriced: YearUnpriced | None = None
    due = _in_order(agreement, state.volumes)
    for found in due:
        if moment.now < found.at:
            break
        if found.rank == SILENCE:
            return _silences(state, agreement, argument, moment)
        if found.rank == STATUS:
            return standing.pass_time(state, argument, moment)
        year = AssessYear(caller=argument.caller, agreement=argument.agreement, year=found.year)
        try:
            return assess_year(state, year, moment)
        except YearUnpriced as refusal:
            unpriced = refusal
    raise unpriced or NotDue(due=due[0].at.isoformat() if due else "an event")


def next_volume_due(agreement: Agreement, volumes: Volumes) -> datetime | None:
    """When the clock alone next changes its volumes; None: never.

    A year waits for its deliveries to be settled, and for force majeure that is contested or still may be.
    """
    due = [found.at for found in _in_order(agreement, volumes) if found.rank != STATUS]
    return min(due, default=None)


def _in_order(agreement: Agreement, volumes: Volumes) -> list[_Due]:
    found: list[_Due] = []
    silence = next_silence(agreement, volumes)
    if silence is not None:
        found.append(_Due(silence[0], SILENCE))
    year_end = next_year_end(agreement, volumes)
    if year_end is not None and not volumes.year(year_end[1]).unsettled:
        opens = assessed_from(agreement, year_end[1])
        if opens is not None:
            found.append(_Due(opens, YEAR_END, year_end[1]))
    status = standing.next_due(agreement)
    if status is not None:
        found.append(_Due(status, STATUS))
    return sorted(found)


def _silences(state: AccountState, agreement: Agreement, argument: PassTime, moment: Moment) -> Decision:
    drafts: list[Draft] = []
    while len(drafts) < SILENCES_MAX:
        found = next_silence(agreement, state.volumes)
        if found is None or moment.now < found[0]:
            break
        part = found[1]
        silence = NominateBySilence(
            caller=argument.caller, agreement=argument.agreement, level=part.level, start=part.period.start
        )
        (draft,) = nominate_by_silence(state, silence, moment).drafts
        assert isinstance(draft.data, QuantityNominated)
        drafts.append(draft)
        state = replace(state, volumes=fold_volume(state.volumes, draft.data))
    return Decision(drafts=tuple(drafts))
