"""Which permits and consents the buyer of an agreement's waste needs on the day of shipment.

A round checks them for its pairs until the end of delivery. A permit may be revoked later, and an agreement
without a match was never checked, so signing, shipping and weighing warn about it.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from uuid import UUID

from msgspec import UNSET, Struct

from events.contract_terms import AgreementTerms
from events.market_terms import Member, MemberLicence, RequirementTerms, SupplyTerms
from events.refusal import Caution
from events.vocabulary import CountryCode, Incoterm, ProductForm, RexRoute, WasteStatus
from market.rules.clearing.delivery_papers import LICENSED_WASTE_STATUSES, site_country
from market.rules.parties.licence_kinds import counts_as

OFTEN_WASTE: Final[frozenset[ProductForm]] = frozenset(
    {"swarf", "hard_scrap", "eol_magnet", "core", "shred_fraction", "residue"}
)
NAMES_DESTINATION: Final[frozenset[Incoterm]] = frozenset({"CFR", "CIF", "CPT", "CIP", "DPU", "DAP", "DDP"})
AHEAD_DAYS: Final = 90
"""Days of warning in advance: a consent has to be requested months ahead."""


class AgreedWaste(Struct, frozen=True, kw_only=True):
    """Goods of this waste status that leave `source`; `site` None: any of the buyer's sites may receive
    them."""

    status: WasteStatus
    ewc_code: str | None
    route: RexRoute | None
    site: UUID | None
    source: CountryCode
    destination: CountryCode


def of_match(
    supply: SupplyTerms, requirement: RequirementTerms, seller: Member, buyer: Member
) -> AgreedWaste:
    return AgreedWaste(
        status=supply.waste_status,
        ewc_code=supply.ewc_code,
        route=requirement.rex_route,
        site=requirement.facility,
        source=site_country(seller, supply.facility, supply.place.country),
        destination=site_country(buyer, requirement.facility, requirement.place.country),
    )


def of_terms(terms: AgreementTerms, seller: Member, buyer: Member) -> AgreedWaste | None:
    """What the terms state about waste; None if they state nothing."""
    clause, delivery = terms.product.waste, terms.delivery
    if clause is UNSET:
        return None
    source, destination = seller.country, buyer.country
    if terms.source is not UNSET:
        source = site_country(seller, terms.source.facility, source)
    if delivery.incoterm in NAMES_DESTINATION:
        destination = delivery.place.country
    if clause.facility is not None:
        destination = site_country(buyer, clause.facility, destination)
    return AgreedWaste(
        status=clause.status,
        ewc_code=clause.ewc_code,
        route=clause.rex_route,
        site=clause.facility,
        source=source,
        destination=destination,
    )


def unstated_cautions(form: ProductForm, pointer: str) -> Iterator[Caution]:
    """Warnings about terms that state nothing about waste and do not come from a match."""
    if form in OFTEN_WASTE:
        yield Caution(
            code="waste_status_unstated",
            text=f"A {form} is often waste: without `waste` in the terms nobody is warned of the permit and "
            "the consent that its buyer needs.",
            pointer=pointer,
        )


def paper_cautions(
    waste: AgreedWaste, buyer: Member, day: date, *, until: date | None = None, pointer: str
) -> Iterator[Caution]:
    """Warnings about permits that the buyer lacks on `day` (UTC), or that end before `until` (None: within
    AHEAD_DAYS)."""
    if waste.status not in LICENSED_WASTE_STATUSES:
        return
    ahead = day + timedelta(days=AHEAD_DAYS) if until is None else until
    of_site = [each for each in buyer.licences if _covers(each, waste)]
    permits = [
        each
        for each in of_site
        if counts_as(each.kind) == "treatment_permit"
        and (not each.from_countries or waste.source in each.from_countries)
        and (each.routes is UNSET or waste.route is None or waste.route in each.routes)
    ]
    goods = "The goods are waste" if waste.ewc_code is None else f"The goods are waste (EWC {waste.ewc_code})"
    whose = "the buyer's site" if waste.site is not None else "a site of the buyer"
    yield from _of_paper(
        "waste_licence", f"{goods}, and no permit of {whose} covers them", permits, day, ahead, pointer
    )
    if waste.source == waste.destination:
        return
    consents = [
        each
        for each in of_site
        if counts_as(each.kind) == "shipment_consent" and waste.source in each.from_countries
    ]
    way = f"from {waste.source} to {waste.destination}"
    yield from _of_paper(
        "shipment_consent", f"{goods}, and no consent covers their way {way}", consents, day, ahead, pointer
    )


def _covers(paper: MemberLicence, waste: AgreedWaste) -> bool:
    return (
        waste.site in (None, paper.facility)
        and waste.status in paper.waste_statuses
        and (not paper.ewc_codes or waste.ewc_code in paper.ewc_codes)
    )


def _of_paper(
    name: str, lacks: str, papers: Iterable[MemberLicence], day: date, ahead: date, pointer: str
) -> Iterator[Caution]:
    morning = datetime.combine(day, time(), UTC)
    ends = [
        each.valid_until
        for each in papers
        if each.valid_from < morning + timedelta(days=1) and each.valid_until > morning
    ]
    if not ends:
        yield Caution(
            code=f"{name}_missing",
            text=f"{lacks} on {day}, according to the market. The authorities decide what may be shipped.",
            pointer=pointer,
        )
    elif max(ends) < datetime.combine(ahead, time(), UTC):
        what = "permit" if name == "waste_licence" else "consent"
        yield Caution(
            code=f"{name}_ends",
            text=f"The {what} for these goods ends on {max(ends).date()}: later shipments need a new one.",
            pointer=pointer,
        )
