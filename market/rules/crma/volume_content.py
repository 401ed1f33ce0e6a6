"""Checks whether a declared volume is possible, and whether its claims are supported."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from events.contract_terms import Evidence
from events.fractions import percent_text, ppb_text
from events.local_days import latest_day
from events.refusal import Caution, Refusal
from events.vocabulary import PPB
from events.volume_terms import DeclaredOrigin, VolumeTerms
from events.wellformed import duplicate_refusals
from market.rules.countries import COUNTRIES
from market.rules.crma.volume_defects import (
    ElementNotMonitored,
    PreConsumerAboveShare,
    PreConsumerNotRecycled,
    QuarterNotBegun,
    QuarterNotFirstDay,
    RecycledWithoutEvidence,
)
from market.rules.element_masses import BALANCED
from market.rules.refusing.passport_refusals import DocumentInFuture, OriginOverWhole
from market.rules.refusing.policy_defects import CountryUnknown
from market.rules.twins.capacities import quarter_of, quarter_start

YEARS_BACK: Final = 3
"""Calendar years for which invoices still come in; an older quarter is a slip more often than not."""


def terms_refusals(terms: VolumeTerms, now: datetime) -> Iterator[Refusal]:
    """Whatever else the record knows. Members keep to their types already."""
    yield from _quarter_refusals(terms, now)
    elements = [mass.element for mass in terms.masses]
    yield from duplicate_refusals("/masses", elements)
    for index, element in enumerate(elements):
        if element not in BALANCED:
            monitored = ", ".join(BALANCED)
            yield ElementNotMonitored(
                pointer=f"/masses/{index}/element", element=element, monitored=monitored
            )
    if terms.counterparty_country not in COUNTRIES:
        yield CountryUnknown(pointer="/counterparty_country", country=terms.counterparty_country)
    yield from _origin_refusals(terms.origin)
    yield from _evidence_refusals(terms, now)


def terms_cautions(terms: VolumeTerms, now: datetime) -> Iterator[Caution]:
    """Warnings about statements that are possible but rarely intended."""
    years = now.year - terms.quarter.year
    if years > YEARS_BACK:
        yield Caution(
            code="quarter_long_ago",
            text=f"The quarter from {terms.quarter} began {years} years ago; its figures count all the same.",
            pointer="/quarter",
        )


def _quarter_refusals(terms: VolumeTerms, now: datetime) -> Iterator[Refusal]:
    day = terms.quarter
    if day != quarter_start(quarter_of(day)).date():
        yield QuarterNotFirstDay(pointer="/quarter", day=day.isoformat())
    if day > now.date():
        yield QuarterNotBegun(pointer="/quarter", day=day.isoformat())


def _origin_refusals(origin: Sequence[DeclaredOrigin]) -> Iterator[Refusal]:
    places = [f"{line.stage} {line.country or 'unknown'} {line.source or ''}".rstrip() for line in origin]
    yield from duplicate_refusals("/origin", places)
    sums: dict[str, int] = {}
    for index, line in enumerate(origin):
        pointer = f"/origin/{index}"
        sums[line.stage] = sums.get(line.stage, 0) + line.share_ppb
        if line.country is not None and line.country not in COUNTRIES:
            yield CountryUnknown(pointer=f"{pointer}/country", country=line.country)
        if line.pre_consumer_ppb and line.stage != "recycling":
            yield PreConsumerNotRecycled(pointer=f"{pointer}/pre_consumer_ppb", stage=line.stage)
        elif line.pre_consumer_ppb > line.share_ppb:
            yield PreConsumerAboveShare(
                pointer=f"{pointer}/pre_consumer_ppb",
                pre_consumer=percent_text(line.pre_consumer_ppb),
                share=percent_text(line.share_ppb),
            )
    for stage, sum_ppb in sums.items():
        if sum_ppb > PPB:
            yield OriginOverWhole(pointer="/origin", stage=stage, sum=ppb_text(sum_ppb))


def _evidence_refusals(terms: VolumeTerms, now: datetime) -> Iterator[Refusal]:
    recycled_ppb = sum(line.share_ppb for line in terms.origin if line.stage == "recycling")
    if recycled_ppb and not terms.recycled_evidence:
        yield RecycledWithoutEvidence(pointer="/recycled_evidence", recycled=ppb_text(recycled_ppb))
    documents: list[tuple[str, Evidence]] = [("/document", terms.document)]
    documents += [(f"/recycled_evidence/{i}", each) for i, each in enumerate(terms.recycled_evidence)]
    for pointer, document in documents:
        if document.dated_on > latest_day(now):
            yield DocumentInFuture(pointer=f"{pointer}/dated_on", day=document.dated_on.isoformat())
