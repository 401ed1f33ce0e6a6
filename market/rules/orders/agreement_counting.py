"""Checks whether a facility can make what its seller signs as binding in an agreement."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from uuid import UUID

from msgspec import UNSET
from msgspec.structs import replace

from events.capacity_terms import CapacityCount, CapacityRule, CountedQuarter, FacilityCapacity
from events.contract_terms import AgreementTerms, FixedVolume
from events.market_terms import Member, SupplyTerms
from events.vocabulary import PPB
from market.rules.twins.capacities import QUARTERS, made_g, quarter_of
from market.rules.twins.committed import (
    Claim,
    ContractClaim,
    ContractVolume,
    ContractYears,
    OrderVolume,
    Taken,
    agreed,
    committed,
)


def contract_volume(terms: AgreementTerms, years: ContractYears) -> ContractVolume | None:
    """The quantities that terms need from the facility that they name."""
    if terms.source is UNSET:
        return None
    return ContractVolume(
        form=terms.product.form,
        basis=terms.product.basis,
        basis_ppb=terms.source.basis_ppb,
        years=years,
    )


def contract_years(terms: AgreementTerms, starts_on: date, extensions: int) -> ContractYears:
    """The quantity per contract year; for a share of output, the expected one."""
    volume = terms.volume
    years = terms.term.years + extensions * terms.term.extension_years
    if isinstance(volume, FixedVolume):
        acq_g = volume.acq_g
    else:
        acq_g = tuple(output_g * volume.share_ppb // PPB for output_g in volume.expected_output_g)
    return ContractYears(starts_on=starts_on, acq_g=acq_g[:years])


def matched_claim(claims: Iterable[Claim | ContractClaim], match: UUID) -> tuple[SupplyTerms, Taken] | None:
    """The terms of a match's order, and the quantity that the match took."""
    for claim in claims:
        if isinstance(claim, Claim):
            for taken in claim.taken:
                if taken.match == match:
                    return claim.order.terms, taken
    return None


def without(
    claims: Iterable[Claim | ContractClaim], agreement: UUID, match: UUID | None
) -> tuple[Claim | ContractClaim, ...]:
    """All claims except the agreement's own; the quantity of its match stays subtracted from the order."""
    return tuple(
        replace(claim, taken=tuple(_nothing(each) if each.match == match else each for each in claim.taken))
        if isinstance(claim, Claim)
        else claim
        for claim in claims
        if isinstance(claim, Claim) or claim.agreement != agreement
    )


def _nothing(taken: Taken) -> Taken:
    return replace(taken, years=ContractYears(starts_on=date.min, acq_g=()), signed=None)


def start_of(terms: AgreementTerms, starts_on: date | None, today: date) -> date:
    """The first day of the term; for an agreement that waits for conditions, its stated start or today."""
    return starts_on or max(terms.term.starts_on or today, today)


def capacity_count(
    rule: CapacityRule,
    member: Member,
    claims: Iterable[Claim | ContractClaim],
    asked: ContractVolume | OrderVolume,
    stands: ContractVolume | OrderVolume | None,
    capacities: Iterable[FacilityCapacity],
    now: datetime,
) -> CapacityCount:
    """The check of each quarter in which more is needed than by the terms in force (`stands`). `claims`:
    without the agreement's own."""
    claims = tuple(claims)
    return CapacityCount(
        rule=rule,
        position=member.source_position,
        quarters=tuple(_quarters(claims, asked, stands, capacities, quarter_of(now))),
    )


def _quarters(
    claims: tuple[Claim | ContractClaim, ...],
    asked: ContractVolume | OrderVolume,
    stands: ContractVolume | OrderVolume | None,
    capacities: Iterable[FacilityCapacity],
    first: int,
) -> Iterator[CountedQuarter]:
    for capacity in capacities:
        wanted, kept = (agreed(of, capacity.form, capacity.element) for of in (asked, stands))
        taken = committed(claims, capacity.form, capacity.element)
        for quarter in sorted(wanted):
            if quarter >= first and wanted[quarter] > kept.get(quarter, 0):
                yield CountedQuarter(
                    year=quarter // QUARTERS,
                    quarter=quarter % QUARTERS + 1,
                    element=capacity.element,
                    capacity_g=made_g(capacity, quarter),
                    committed_g=taken[quarter].committed_g if quarter in taken else 0,
                    asked_g=wanted[quarter],
                )
