"""Whether a facility can make what its seller binds itself to by an agreement."""

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
    """What terms ask of the facility that they name."""
    if terms.source is UNSET:
        return None
    return ContractVolume(
        form=terms.product.form,
        basis=terms.product.basis,
        basis_ppb=terms.source.basis_ppb,
        years=years,
    )


def contract_years(terms: AgreementTerms, starts_on: date, extensions: int) -> ContractYears:
    """Of a share of output, what is expected of it."""
    volume = terms.volume
    years = terms.term.years + extensions * terms.term.extension_years
    if isinstance(volume, FixedVolume):
        acq_g = volume.acq_g
    else:
        acq_g = tuple(output_g * volume.share_ppb // PPB for output_g in volume.expected_output_g)
    return ContractYears(starts_on=starts_on, acq_g=acq_g[:years])


def matched_claim(claims: Iterable[Claim | ContractClaim], match: UUID) -> tuple[SupplyTerms, Taken] | None:
    """Terms of the order that a match took of, and what it took."""
    for claim in claims:
        if isinstance(claim, Claim):
            for taken in claim.taken:
                if taken.match == match:
                    return claim.order.terms, taken
    return None


def without(
    claims: Iterable[Claim | ContractClaim], agreement: UUID, match: UUID | None
) -> tuple[Claim | ContractClaim, ...]:
    """All but the agreement's own. What its match took stays taken of the order."""
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
    """The day it runs from; one that waits for its conditions is taken to run from its named day or today."""
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
    """Of each quarter that has more asked of it than `stands` asks. `claims`: without the agreement's own."""
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
