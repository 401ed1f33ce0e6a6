"""What the clock alone makes of volumes: nominations by silence, and the end of a contract year."""

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from contracts.rules.agreement import Agreement
from contracts.rules.nominations import NominateBySilence, next_silence, nominate_by_silence
from contracts.rules.refusals import AgreementUnknown
from contracts.rules.volumes import Volumes, fold_volume
from contracts.rules.year_accounts import AccountState, AssessYear, assess_year, next_year_end
from events.callers import Caller, role_refusals
from events.contract_events import QuantityNominated
from events.decision import Decision, Moment
from events.envelope import Draft
from events.refusal import NotDue, refuse

SILENCES_MAX: Final = 64
"""Nominations that one command makes: those of three years."""


class PassVolumeTime(Struct, frozen=True, kw_only=True):
    """A timer with the operator's role asks what the clock has made of an agreement's volumes."""

    caller: Caller
    agreement: UUID


def pass_volume_time(state: AccountState, argument: PassVolumeTime, moment: Moment) -> Decision:
    """Nominations whose notice is over, else the year that has ended.

    Raises Refusals, or NotDue when nothing is due.
    """
    refuse(role_refusals(argument.caller, "operator"))
    agreement = state.agreement
    if agreement is None:
        raise AgreementUnknown
    nominated = _silences(state, agreement, argument, moment)
    if nominated:
        return Decision(drafts=tuple(nominated))
    year_end = _assessable(agreement, state.volumes)
    if year_end is not None and moment.now >= year_end[0]:
        year = AssessYear(caller=argument.caller, agreement=argument.agreement, year=year_end[1])
        return assess_year(state, year, moment)
    due = next_volume_due(agreement, state.volumes)
    raise NotDue(due="an event" if due is None else due.isoformat())


def next_volume_due(agreement: Agreement, volumes: Volumes) -> datetime | None:
    """From when on `pass_volume_time` changes something; None: by the clock nothing does.

    A year whose deliveries are not all settled waits for them.
    """
    silence, year_end = next_silence(agreement, volumes), _assessable(agreement, volumes)
    due = [found[0] for found in (silence, year_end) if found is not None]
    return min(due, default=None)


def _silences(
    state: AccountState, agreement: Agreement, argument: PassVolumeTime, moment: Moment
) -> list[Draft]:
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
    return drafts


def _assessable(agreement: Agreement, volumes: Volumes) -> tuple[datetime, int] | None:
    year_end = next_year_end(agreement, volumes)
    return None if year_end is None or volumes.year(year_end[1]).unsettled else year_end
