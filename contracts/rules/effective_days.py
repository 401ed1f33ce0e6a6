"""From which day an amendment may apply: a future day, or an earlier one after which nothing is settled
yet."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import UNSET, Struct

from contracts.rules.agreement import Agreement
from contracts.rules.contract_years import last_day_of
from contracts.rules.days import day_of
from contracts.rules.quotation import quarter_of
from contracts.rules.refusals import DatesOutOfOrder, DaySettled, DayStatedEarly
from contracts.rules.steps import AgreementState
from contracts.rules.volumes import Volumes
from events.contract_terms import AgreementTerms
from events.refusal import Caution, Refusal

THE_DAY: Final = "the day from which the amendment counts"


class Settled(Struct, frozen=True, kw_only=True):
    """What is already settled by the terms of its day, the last of each: a shipped delivery, a quarter with
    settled difference (`quarter_end` is the first day after it), an assessed contract year."""

    delivery: UUID | None = None
    shipped_on: date | None = None
    quarter_end: date | None = None
    year: int | None = None


NOTHING_SETTLED: Final = Settled()


class AmendingState(AgreementState, frozen=True, kw_only=True):
    """`settled`: read only if the proposed or signed terms apply to earlier days."""

    settled: Settled = NOTHING_SETTLED


def settled_by(shipped: tuple[UUID, date] | None, quarter: datetime | None, volumes: Volumes) -> Settled:
    """`shipped` is the last shipment; `quarter` the start of the last quarter with settled difference."""
    assessed = [each.year for each in volumes.years.values() if each.ledger is not None]
    return Settled(
        delivery=None if shipped is None else shipped[0],
        shipped_on=None if shipped is None else shipped[1],
        quarter_end=None if quarter is None else quarter_of(day_of(quarter)).end,
        year=max(assessed, default=None),
    )


def reaches_back(terms: AgreementTerms, today: date) -> bool:
    """Whether the terms apply to days for which something may already be settled."""
    return terms.effective_from is not UNSET and terms.effective_from <= today


def last_former_day(terms: AgreementTerms, today: date) -> date:
    """The last day of the former terms, if both have signed these today."""
    return today if terms.effective_from is UNSET else terms.effective_from - timedelta(days=1)


def day_refusals(
    agreement: Agreement, terms: AgreementTerms, ends_on: date | None, settled: Settled, today: date
) -> Iterator[Refusal]:
    """`ends_on`: the first day after the term by these terms. Pointers are into the terms."""
    first, pointer = terms.effective_from, "/effective_from"
    if first is UNSET:
        return
    if agreement.starts_on is None or ends_on is None:
        yield DayStatedEarly(pointer=pointer)
        return
    if first < agreement.starts_on:
        yield DatesOutOfOrder(
            pointer=pointer, later=THE_DAY, earlier=f"the first of the term ({agreement.starts_on})"
        )
        return
    last = min(ends_on, agreement.ends_on or ends_on) - timedelta(days=1)
    if first > last:
        yield DatesOutOfOrder(pointer=pointer, later=f"the last day of the term ({last})", earlier=THE_DAY)
    if first > today:
        return
    stands = [each.first for each in agreement.in_force() if each.first <= today]
    if stands and first < stands[-1]:
        amended = f"that of the terms which it amends ({stands[-1]})"
        yield DatesOutOfOrder(pointer=pointer, later=THE_DAY, earlier=amended)
    for what, last in _settled(agreement, settled):
        if first <= last:
            earliest = (last + timedelta(days=1)).isoformat()
            yield DaySettled(pointer=pointer, day=first.isoformat(), what=what, earliest=earliest)


def _settled(agreement: Agreement, settled: Settled) -> Iterator[tuple[str, date]]:
    """What is settled last, in words, and its day."""
    if settled.delivery is not None and settled.shipped_on is not None:
        yield f"del_{settled.delivery.hex} left on {settled.shipped_on}", settled.shipped_on
    if settled.quarter_end is not None:
        last = settled.quarter_end - timedelta(days=1)
        yield f"the difference of the quarter that ended on {last} is settled", last
    if settled.year is not None and agreement.starts_on is not None:
        last = last_day_of(agreement.starts_on, settled.year)
        yield f"contract year {settled.year}, which ended on {last}, is assessed", last


def ahead_cautions(agreement: Agreement, terms: AgreementTerms, today: date) -> Iterator[Caution]:
    """Warnings about signed terms that would never apply. `agreement` before both have signed the new
    ones."""
    if agreement.starts_on is None:
        return
    last = last_former_day(terms, today)
    for each in agreement.in_force()[1:]:
        if each.first > max(last, today):
            yield Caution(
                code="signed_terms_fall",
                text=f"Both sides have signed terms that count from {each.first}. What is signed now counts "
                "for all days from its own day on, so those terms will never count: propose them "
                "again for their day if they should.",
                pointer="/effective_from",
            )
