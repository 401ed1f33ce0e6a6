"""When an order can be delivered: windows, validity, and the contract years of a term order."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final, Protocol, get_args

from events.price_clauses import QuotationPeriod
from events.refusal import Caution, Refusal
from events.vocabulary import PPB, Period, TermHorizon, Tranche
from market.rules.market_inputs import MarketInputs
from market.rules.refusing.defects import (
    ProfileNotPlateau,
    QuotationPeriodUnknown,
    TermStartFar,
    TermStartPast,
    TranchesOverlap,
    ValidityPast,
    WindowOutsideTerm,
    WindowPast,
)
from market.rules.refusing.ineligibility import eur_per_kg_text
from market.rules.refusing.refusals import ReferenceUnknown


class Deliverable(Protocol):
    """What is needed of a supply's terms or draft."""

    @property
    def term(self) -> TermHorizon | None: ...
    @property
    def tranches(self) -> tuple[Tranche, ...]: ...


QUOTATION_PERIODS: Final[tuple[QuotationPeriod, ...]] = get_args(QuotationPeriod)
"""Allowed quotation periods; older orders may have other texts."""
CODES_TOLD_MAX: Final = 12
START_YEARS_MAX: Final = 15
"""Limits how far ahead a term order may start: each year of each index makes two sections, and a round has a
maximum."""


def validity_refusals(valid_until: datetime, now: datetime) -> list[Refusal]:
    if valid_until <= now:
        return [ValidityPast(pointer="/valid_until", valid_until=valid_until.isoformat())]
    return []


def validity_cautions(valid_until: datetime, delivered: datetime) -> Iterator[Caution]:
    """Warns about an order that is valid beyond its last delivery, usually because of a wrong year."""
    if valid_until <= delivered:
        return
    last_day = (delivered - datetime.resolution).date()
    if valid_until.date() > last_day:
        yield Caution(
            code="valid_after_delivery",
            text=(
                f"The order stays valid until {valid_until.date().isoformat()}, although its delivery "
                f"ends on {last_day.isoformat()}; amend it if this is a mistake."
            ),
            pointer="/valid_until",
        )


def window_refusals(
    window: Period, pointer: str, term: TermHorizon | None, now: datetime, known: Iterable[Period]
) -> list[Refusal]:
    """Refusals for a window that is over, unless the order had it before, or that is outside the contract
    years."""
    reasons: list[Refusal] = []
    if window.end <= now and window not in known:
        reasons.append(WindowPast(pointer=pointer, end=window.end.isoformat()))
    if term is not None:
        years = contract_years(term)
        if window.start < years.start or window.end > years.end:
            reasons.append(
                WindowOutsideTerm(
                    pointer=pointer, first=term.start_year, last=term.start_year + len(term.profile_ppb) - 1
                )
            )
    return reasons


def delivered_time(terms: Deliverable) -> datetime:
    """The end of the last delivery that a supply states."""
    if terms.term is not None:
        return contract_years(terms.term).end
    if len(terms.tranches) == 1:
        return terms.tranches[0].window.end
    return max([tranche.window.end for tranche in terms.tranches])


def papers_span(terms: Deliverable) -> Period:
    """From when a supply is delivered, and until when papers have to be valid: for a term order, to the end
    of its first year."""
    if terms.term is not None:
        start = contract_years(terms.term).start
        return Period(start=start, end=start.replace(year=start.year + 1))
    if len(terms.tranches) == 1:
        return terms.tranches[0].window
    return Period(start=min(tranche.window.start for tranche in terms.tranches), end=delivered_time(terms))


def contract_years(term: TermHorizon) -> Period:
    """Calendar years in UTC, one for each entry of the profile."""
    return Period(
        start=datetime(term.start_year, 1, 1, tzinfo=UTC),
        end=datetime(term.start_year + len(term.profile_ppb), 1, 1, tzinfo=UTC),
    )


def reference_unknown(pointer: str, code: str, inputs: MarketInputs) -> ReferenceUnknown:
    codes = sorted(inputs.references)
    more = len(codes) - CODES_TOLD_MAX
    named = ", ".join(codes[:CODES_TOLD_MAX]) or "none"
    return ReferenceUnknown(
        pointer=pointer, reference=code, held=f"{named} and {more:,} more" if more > 0 else named
    )


def below_index_cautions(ask_ueur_per_kg: int, term: TermHorizon | None) -> Iterator[Caution]:
    """Warns about an ask below the index without a floor, whose price is negative if the index is low."""
    if term is None or ask_ueur_per_kg >= 0:
        return
    if term.floor_ueur_per_kg is not None and term.floor_ueur_per_kg >= 0:
        return
    below = eur_per_kg_text(-ask_ueur_per_kg)
    yield Caution(
        code="price_below_zero_possible",
        text=f"Each kg is paid at the index less {below}: if {term.index} is below that, the seller pays. "
        "Name a floor; an agreement drafted without a match can pay a share of the index instead "
        "(payable_percent).",
        pointer="/ask",
    )


def tranche_refusals(tranches: tuple[Tranche, ...]) -> list[Refusal]:
    """Refusals for tranches that overlap, in whatever order they are stated."""
    if len(tranches) == 1:
        return []
    order = sorted(range(len(tranches)), key=lambda index: (tranches[index].window.start, index))
    return [
        TranchesOverlap(pointer=f"/tranches/{later}/window", tranche=later)
        for earlier, later in pairwise(order)
        if tranches[later].window.start < tranches[earlier].window.end
    ]


def term_refusals(term: TermHorizon | None, inputs: MarketInputs, now: datetime) -> list[Refusal]:
    """Refusals unless a term order has a recorded index, an allowed quotation period, a start year that is
    neither over nor too far, and a profile with a plateau."""
    if term is None:
        return []
    reasons: list[Refusal] = []
    if term.start_year < now.year:
        reasons.append(TermStartPast(pointer="/term/start_year", start_year=term.start_year))
    last = now.year + START_YEARS_MAX
    if term.start_year > last:
        reasons.append(TermStartFar(pointer="/term/start_year", start_year=term.start_year, last=last))
    if max(term.profile_ppb) != PPB:
        reasons.append(ProfileNotPlateau(pointer="/term/profile_ppb"))
    if term.index not in inputs.references:
        reasons.append(reference_unknown("/term/index", term.index, inputs))
    if term.quotation_period not in QUOTATION_PERIODS:
        *others, last_period = QUOTATION_PERIODS
        reasons.append(
            QuotationPeriodUnknown(
                pointer="/term/quotation_period",
                period=term.quotation_period,
                periods=f"{', '.join(others)} or {last_period}",
            )
        )
    return reasons
