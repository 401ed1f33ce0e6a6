"""Facts of ordinary size to fill journals with: an NdPr oxide offer, and a match's answer."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from events.envelope import Draft
from events.market_events import MatchAnswered, SupplyOffered
from events.market_terms import SupplyTerms
from events.vocabulary import (
    Assay,
    Cell,
    Composition,
    ConvertedPrice,
    OriginStep,
    Packaging,
    Period,
    Place,
    StatedPrice,
    Tranche,
)

SELLER = UUID("0199b3c2-d4e5-7f60-a1b2-c3d4e5f60718")
MARKET = UUID("0199b3c2-d4e5-7f60-a1b2-000000000001")
SITE = UUID("0199b3c2-d4e5-7f60-a1b2-000000000002")

_OXIDES = (("Nd", "Nd2O3", 745_000_000), ("Pr", "Pr6O11", 250_000_000), ("Ce", "CeO2", 2_000_000))
_OTHERS = (("La", "La2O3", 1_000_000), ("Sm", "Sm2O3", 500_000), ("Fe", "Fe", 200_000))


def offer_terms(now: datetime) -> SupplyTerms:
    year = timedelta(days=365)
    delivery = Period(start=now + timedelta(days=30), end=now + timedelta(days=120))
    return SupplyTerms(
        form="separated_oxide",
        net_wet_g=20_000_000,
        moisture_ppb=0,
        composition=Composition(
            basis="dry",
            of="sample",
            cells=tuple(
                Cell(analyte=element, reported_as=oxide, state="value", fraction_ppb=fraction_ppb)
                for element, oxide, fraction_ppb in _OXIDES + _OTHERS
            ),
        ),
        assay=Assay(laboratory="laboratory-fr-1", reference="A-2025-0117", sampled_on=date(2025, 1, 17)),
        basis_g=16_913_760,
        packaging=Packaging(unit="big_bag", package_wet_g=1_000_000),
        minimum_parcel_wet_g=1_000_000,
        tranches=(Tranche(window=delivery, net_wet_g=20_000_000),),
        incoterm="FCA",
        place=Place(country="FR", name="La Rochelle"),
        ask=ConvertedPrice(
            stated=StatedPrice(amount_micro=69_000_000, currency="EUR", per="oxide"), ueur_per_kg=81_590_000
        ),
        valid_until=now + year,
        payment_terms="30 days after delivery",
        facility=SITE,
        origin=(OriginStep(stage="extraction", country="AU"), OriginStep(stage="processing", country="FR")),
        waste_status="product",
        cn_code="2846.90.40",
        commitment="firm",
    )


def offer_draft(lane: int, new_id: UUID) -> Draft:
    """About 2 kB as a journal body."""
    fact = SupplyOffered(
        market=MARKET, offer=new_id, organisation=SELLER, terms=offer_terms(datetime.now(UTC))
    )
    return Draft(stream="market", lane=lane, subject=f"supply-offer/{new_id}", data=fact)


def answer_draft(lane: int, new_id: UUID) -> Draft:
    """About 700 bytes as a journal body."""
    fact = MatchAnswered(market=MARKET, match=new_id, side="seller", organisation=SELLER, answer="confirmed")
    return Draft(stream="market", lane=lane, subject=f"match/{new_id}", data=fact)
