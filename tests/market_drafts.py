"""What the firms of a small market are, and what they post: terms, rules, prices and orders that meet."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from events.callers import Caller
from events.market_terms import (
    AcceptedForm,
    AnalyteLimit,
    FxRate,
    MarketTerms,
    ReferencePrice,
    RuleSet,
    SustainabilityProfile,
)
from events.vocabulary import (
    Assay,
    Cell,
    Composition,
    OriginStep,
    Packaging,
    Period,
    PhysicalLot,
    Place,
    StatedPrice,
    Tranche,
)
from market.rules.clearing.clearing import ALGORITHM
from market.rules.orders.initiatives import NewInitiative
from market.rules.orders.requirement_drafts import RequirementDraft
from market.rules.orders.supplies import SupplyDraft
from market.rules.parties.parties import (
    FacilityDetails,
    OrganisationDetails,
)

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
DELIVERY = Period(start=datetime(2026, 6, 1, tzinfo=UTC), end=datetime(2026, 9, 1, tzinfo=UTC))
SECOND_DELIVERY = Period(start=datetime(2026, 9, 1, tzinfo=UTC), end=datetime(2026, 12, 1, tzinfo=UTC))
VALID_UNTIL = datetime(2026, 5, 1, tzinfo=UTC)
TONNE_G = 1_000_000
PERCENT = 10_000_000


class Firm(Struct, frozen=True, kw_only=True):
    organisation: UUID
    facility: UUID

    @property
    def trader(self) -> Caller:
        return Caller(organisation=self.organisation, roles=frozenset({"trader", "admin"}))


def euro(micro: int) -> StatedPrice:
    """EUR per kg of element, in millionths."""
    return StatedPrice(amount_micro=micro, currency="EUR", per="element")


EUR_RATE = FxRate(
    currency="USD", ueur_per_unit=920_000, as_of=date(2026, 3, 1), published_at=START, source="test"
)
NDPR_PRICE = ReferencePrice(
    code="ndpr-oxide",
    analyte="NdPr",
    price=StatedPrice(amount_micro=69_000_000, currency="USD", per="oxide"),
    description="NdPr oxide",
    as_of=date(2026, 3, 1),
    published_at=START,
    source="test",
)
DY_PRICE = ReferencePrice(
    code="dy-oxide",
    analyte="Dy",
    price=StatedPrice(amount_micro=239_000_000, currency="USD", per="oxide"),
    description="Dy oxide",
    as_of=date(2026, 3, 1),
    published_at=START,
    source="test",
)


def market_terms(**changes: Any) -> MarketTerms:
    given: dict[str, Any] = {
        "name": "NdPr",
        "basis": "ndpr",
        "sandbox": True,
        "clearing_interval_seconds": 0,
        "rule_notice_seconds": 0,
        "confirmation_seconds": 3_600,
        "least_basis_ppb": PERCENT,
        "orders_max": 100_000,
        "tick_ueur_per_kg": 1_000_000,
    }
    return MarketTerms(**(given | changes))


def rule_set(**changes: Any) -> RuleSet:
    given: dict[str, Any] = {
        "version": 1,
        "algorithm": ALGORITHM,
        "default_profile": SustainabilityProfile(),
        "eu_countries": ("FR", "DE"),
        "effective_from": START,
    }
    return RuleSet(**(given | changes))


def initiative(code: str) -> NewInitiative:
    return NewInitiative(code=code, name=f"the {code} project")


def organisation_details(name: str) -> OrganisationDetails:
    return OrganisationDetails(
        name=name,
        country="FR",
        roles=("refiner", "magnet_producer"),
        initiatives=("remhub",),
        sanctions_screened_until=datetime(2040, 1, 1, tzinfo=UTC),
    )


def facility_details(name: str) -> FacilityDetails:
    return FacilityDetails(
        name=f"{name} works",
        country="FR",
        place="La Rochelle",
        stages=("processing",),
        scale="industrial",
        readiness_level=9,
    )


def composition(nd_percent: int = 28, pr_percent: int = 7) -> Composition:
    fractions = {"Nd": nd_percent, "Pr": pr_percent, "Dy": 1, "Th": 0}
    cells = tuple(
        Cell(analyte=analyte, reported_as=analyte, state="value", fraction_ppb=percent * PERCENT)
        for analyte, percent in fractions.items()
    )
    return Composition(basis="dry", of="sample", cells=cells)


def supply_draft(seller: Firm, **changes: Any) -> SupplyDraft:
    """10 t of dry metal, 35 % NdPr: 3.5 t of basis, in one delivery unless said otherwise."""
    net_wet_g = changes.pop("net_wet_g", 10 * TONNE_G)
    given: dict[str, Any] = {
        "form": "metal",
        "net_wet_g": net_wet_g,
        "moisture_ppb": 0,
        "composition": composition(),
        "assay": Assay(laboratory="lab", reference="a-1", sampled_on=date(2026, 2, 1)),
        "packaging": Packaging(unit="bulk", package_wet_g=250_000),
        "minimum_parcel_wet_g": 250_000,
        "tranches": (Tranche(window=DELIVERY, net_wet_g=net_wet_g),),
        "incoterm": "DAP",
        "place": Place(country="FR", name="La Rochelle"),
        "ask": euro(60_000_000),
        "valid_until": VALID_UNTIL,
        "payment_terms": "30 days",
        "facility": seller.facility,
        "origin": (OriginStep(stage="processing", country="FR"),),
        "waste_status": "product",
        "commitment": "firm",
    }
    return SupplyDraft(**(given | changes))


def lot_draft(seller: Firm, number: str, **changes: Any) -> SupplyDraft:
    lot = PhysicalLot(site=seller.facility, lot_number=number)
    return supply_draft(seller, **({"physical_lot": lot, "rex_routes": ("recycle",)} | changes))


def requirement_draft(buyer: Firm, **changes: Any) -> RequirementDraft:
    """2 t of basis at up to 90 EUR per kg."""
    given: dict[str, Any] = {
        "forms": (AcceptedForm(form="metal"),),
        "basis_g": 2 * TONNE_G,
        "minimum_parcel_g": 100_000,
        "limit": euro(90_000_000),
        "limits": (AnalyteLimit(analyte="Th", max_ppb=50_000),),
        "window": DELIVERY,
        "place": Place(country="FR", name="La Rochelle"),
        "facility": buyer.facility,
        "valid_until": VALID_UNTIL,
        "commitment": "firm",
    }
    return RequirementDraft(**(given | changes))


def two_tranches(net_wet_g: int) -> tuple[Tranche, ...]:
    half_g = net_wet_g // 2
    return (
        Tranche(window=DELIVERY, net_wet_g=half_g),
        Tranche(window=SECOND_DELIVERY, net_wet_g=net_wet_g - half_g),
    )
