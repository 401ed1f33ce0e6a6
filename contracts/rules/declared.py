"""Warnings to a side that declares force majeure or terminates an agreement: it is recorded without proof,
but the other side or a tribunal may not accept it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from msgspec import UNSET

from contracts.rules.agreement import Agreement
from contracts.rules.balances import take_or_pay_of
from contracts.rules.contract_years import acq_g, year_on, year_period, year_terms, years_in
from contracts.rules.days import day_of, midnight
from contracts.rules.nominations import in_kg
from contracts.rules.volumes import Volumes
from events.contract_events import AgreementTerminated, ForceMajeureDeclared
from events.refusal import Caution

LATE_DAYS: Final = 7
"""How long before its notice force majeure may usually have begun."""
LONG_DAYS: Final = 180
"""After how many days of it either side may usually end an agreement."""


def suspension_cautions(
    agreement: Agreement, volumes: Volumes, fact: ForceMajeureDeclared, now: datetime
) -> Iterator[Caution]:
    """Pointers are into the command."""
    period = fact.period
    if not fact.evidence:
        yield Caution(
            code="force_majeure_unproven",
            text="No document is named: the other side can contest what only this reason supports.",
            pointer="/evidence",
        )
    back = (now - period.start).days
    if back > LATE_DAYS:
        yield Caution(
            code="force_majeure_late",
            text=f"It begins {back} days before it is declared; notice is commonly given within {LATE_DAYS}.",
            pointer="/period/start",
        )
    if period.end - period.start > timedelta(days=LONG_DAYS):
        yield Caution(
            code="force_majeure_long",
            text=f"It lasts {(period.end - period.start).days} days as declared. If it lasts longer, "
            "declare it again; if it ends early, the side that declared it ends it.",
            pointer="/period/end",
        )
    if agreement.ends_on is not None and period.end > midnight(agreement.ends_on):
        yield Caution(
            code="force_majeure_past_term",
            text=f"The agreement ends on {agreement.ends_on.isoformat()}, before the end of this period.",
            pointer="/period/end",
        )
    yield from _closed_years(agreement, volumes, fact)


def _closed_years(agreement: Agreement, volumes: Volumes, fact: ForceMajeureDeclared) -> Iterator[Caution]:
    assert agreement.starts_on is not None
    for year in range(1, years_in(agreement) + 1):
        if volumes.year(year).ledger is None:
            continue
        if fact.period.start < year_period(agreement.starts_on, year).end:
            yield Caution(
                code="force_majeure_of_closed_year",
                text=f"Contract year {year} has been assessed: the part of the period in it changes nothing.",
                pointer="/period/start",
            )


def termination_cautions(
    agreement: Agreement, volumes: Volumes, fact: AgreementTerminated, now: datetime
) -> Iterator[Caution]:
    """`agreement` as it is before or after the termination. Pointers are into the command."""
    if fact.evidence is UNSET or not fact.evidence:
        yield Caution(
            code="termination_unproven",
            text="No document is named: the other side can contest what only this reason supports.",
            pointer="/evidence",
        )
    if agreement.starts_on is None:
        return
    year = year_on(agreement.starts_on, day_of(now))
    if not 1 <= year <= years_in(agreement) or take_or_pay_of(agreement, year) is None:
        return
    of_year = volumes.year(year)
    yield Caution(
        code="year_broken_off",
        text=f"Contract year {year} is broken off: no ledger will say what is owed of its "
        f"{in_kg(acq_g(year_terms(agreement, year).volume, year, of_year.output_g))} kg, of which "
        f"{in_kg(of_year.taken_g)} kg were taken. That is for the parties, or their courts.",
        pointer="",
    )
