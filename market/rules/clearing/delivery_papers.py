"""Papers that have to be valid until the end of delivery: certificates, footprints, waste permits and
shipment consents."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from msgspec import UNSET

from contracts.rules.price_terms import benchmark_for, footprint_defect
from events.market_terms import (
    Member,
    MemberLicence,
    RequirementTerms,
    RuleSet,
    SupplyTerms,
)
from market.rules.policy_lines import stating
from market.rules.refusing.ineligibility import Ineligibility, day_text

SHIPMENT_CONSENT = "shipment_consent"
LICENSED_WASTE_STATUSES = frozenset({"waste"})


def site_country(member: Member, facility: UUID, otherwise: str) -> str:
    for site in member.facilities:
        if site.facility == facility:
            return site.country
    return otherwise


def paper_reasons(
    supply: SupplyTerms,
    requirement: RequirementTerms,
    seller: Member,
    buyer: Member,
    rule_set: RuleSet,
    at: datetime,
    until: datetime,
) -> Iterator[Ineligibility]:
    """Reasons against the pair because of papers, which have to be valid from `at` to `until`."""
    for scheme in requirement.certificates_required:
        if not certified(supply, seller, scheme, at, until):
            yield Ineligibility(
                code="certificate_missing",
                subject=scheme,
                buyer_figure=f"to {day_text(until)}",
                policies=stating(requirement, "certificates_required", scheme),
            )
    cap = requirement.footprint_max_g_co2e_per_kg
    if cap is not None:
        yield from _footprint_reasons(supply, cap, rule_set, until)
    if supply.waste_status in LICENSED_WASTE_STATUSES:
        yield from _waste_reasons(supply, requirement, seller, buyer, at, until)


def certified(
    supply: SupplyTerms, seller: Member, scheme: str, at: datetime, until: datetime
) -> tuple[str, ...]:
    """The certificates of the supply in this scheme from `at` to `until`: those of its site that it names,
    and its passport's."""
    held = tuple(map(str, sorted(_site_certificates(supply, seller, scheme, at, until))))
    evidence = supply.passport_evidence
    if evidence is not None and any(
        paper.scheme == scheme and paper.valid_from <= at and paper.valid_until >= until
        for paper in evidence.certified
    ):
        return (*held, f"passport:{evidence.passport}")
    return held


def _site_certificates(
    supply: SupplyTerms, seller: Member, scheme: str, at: datetime, until: datetime
) -> tuple[UUID, ...]:
    if not supply.certificates:
        return ()
    return tuple(
        held.certificate
        for held in seller.certificates
        if held.scheme == scheme
        and held.certificate in supply.certificates
        and held.facility == supply.facility
        and held.valid_from <= at
        and held.valid_until >= until
    )


def _footprint_reasons(
    supply: SupplyTerms, cap_g_per_kg: int, rule_set: RuleSet, until: datetime
) -> Iterator[Ineligibility]:
    footprint = supply.footprint
    unmeasured = rule_set.caps_by_benchmark is not True
    defect = footprint_defect(footprint, benchmark_for(supply.form, rule_set), until, unmeasured=unmeasured)
    if defect is not None or footprint is None:
        yield Ineligibility(code=defect or "pcf_missing")
    elif footprint.g_co2e_per_kg > cap_g_per_kg:
        yield Ineligibility(
            code="footprint_above_max",
            seller_figure=f"{footprint.g_co2e_per_kg} g CO2e/kg",
            relation=">",
            buyer_figure=f"{cap_g_per_kg} g CO2e/kg",
        )


def _waste_reasons(
    supply: SupplyTerms,
    requirement: RequirementTerms,
    seller: Member,
    buyer: Member,
    at: datetime,
    until: datetime,
) -> Iterator[Ineligibility]:
    held = _waste_papers(supply, requirement, seller, buyer, at)
    if held.permit is None or held.permit < until:
        if held.any_route is not None and held.any_route >= until:
            yield Ineligibility(code="waste_route_unlicensed", subject=requirement.rex_route)
        else:
            yield Ineligibility(
                code="waste_licence_missing", subject=supply.ewc_code, buyer_figure=f"to {day_text(until)}"
            )
    if held.consent is None or held.consent < until:
        source, destination = _ways_ends(supply, requirement, seller, buyer)
        yield Ineligibility(
            code="shipment_consent_missing",
            subject=f"{source}-{destination}",
            buyer_figure=f"to {day_text(until)}",
        )


def waste_papers_until(
    supply: SupplyTerms, requirement: RequirementTerms, seller: Member, buyer: Member, at: datetime
) -> datetime | None:
    """Until when the buyer may take this waste from this seller; None when it may not."""
    held = _waste_papers(supply, requirement, seller, buyer, at)
    return None if held.permit is None or held.consent is None else min(held.permit, held.consent)


class _WastePapers(NamedTuple):
    """Until when the buyer's site has each paper; None: it has none. Within one country no consent is needed.
    `any_route`: a permit for any route."""

    permit: datetime | None
    consent: datetime | None
    any_route: datetime | None


def _waste_papers(
    supply: SupplyTerms, requirement: RequirementTerms, seller: Member, buyer: Member, at: datetime
) -> _WastePapers:
    source, destination = _ways_ends(supply, requirement, seller, buyer)
    permits, consents, any_route = [], [], []
    for licence in buyer.licences:
        if (
            licence.facility != requirement.facility
            or licence.valid_from > at
            or not _covers_waste(licence, supply)
        ):
            continue
        if licence.kind == SHIPMENT_CONSENT:
            if source in licence.from_countries:
                consents.append(licence.valid_until)
        elif not licence.from_countries or source in licence.from_countries:
            any_route.append(licence.valid_until)
            if licence.routes is UNSET or requirement.rex_route in licence.routes:
                permits.append(licence.valid_until)
    if source == destination:
        consents.append(datetime.max.replace(tzinfo=UTC))
    return _WastePapers(*(max(until, default=None) for until in (permits, consents, any_route)))


def _ways_ends(
    supply: SupplyTerms, requirement: RequirementTerms, seller: Member, buyer: Member
) -> tuple[str, str]:
    """The countries of both sites."""
    source = site_country(seller, supply.facility, supply.place.country)
    return source, site_country(buyer, requirement.facility, requirement.place.country)


def _covers_waste(licence: MemberLicence, supply: SupplyTerms) -> bool:
    if supply.waste_status not in licence.waste_statuses:
        return False
    return not licence.ewc_codes or supply.ewc_code in licence.ewc_codes
