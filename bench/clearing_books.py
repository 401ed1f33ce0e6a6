"""Seeded books of a size: what a market with that many lots, buyers, forms and countries could hold."""

import random
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from events.market_terms import (
    AcceptedForm,
    AnalyteLimit,
    CertificateAmount,
    CoProductBid,
    FootprintBenchmark,
    MarketTerms,
    Member,
    MemberCertificate,
    MemberFacility,
    PenaltyRule,
    ReferencePrice,
    RequirementTerms,
    RexAmount,
    RuleSet,
    SupplyTerms,
    SustainabilityProfile,
)
from events.vocabulary import (
    Assay,
    Cell,
    Composition,
    ConvertedPrice,
    Footprint,
    OriginStep,
    Packaging,
    Period,
    Place,
    ProductForm,
    RecycledContent,
    StatedPrice,
    Tranche,
)
from market.rules.book import Book, RequirementOrder, SupplyOrder
from market.rules.clearing.clearing import ALGORITHM
from market.rules.market_inputs import MarketInputs, RecordedReference
from market.rules.quantities import basis_g

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
MARKET = UUID(int=1)
EUR = 1_000_000
PERCENT = 10_000_000
PPM = 1_000
FORMS: tuple[ProductForm, ...] = (
    "mixed_carbonate",
    "mixed_oxide",
    "separated_oxide",
    "metal",
    "strip_cast_alloy",
    "magnet_powder",
    "magnet_block",
    "finished_magnet",
    "swarf",
    "hard_scrap",
    "eol_magnet",
    "core",
    "shred_fraction",
    "residue",
    "concentrate",
    "ore",
)
MEMBERS_A_SIDE = 500
EU = ("AT", "BE", "DE", "EE", "ES", "FI", "FR", "IT", "NL", "SE", "SI")


def book_of(*, supplies: int, requirements: int, keys: int, windows: int, seed: int) -> Book:
    """Spot orders, firm, in `keys` pairs of form and country that do not meet, over `windows` quarters.

    Prices lie on a grid of 0.50 EUR, quantities on one of 10 kg: full of ties, as a market is.
    """
    rng = random.Random(seed)
    forms = FORMS[: 16 if keys > 100 else 6]
    places = [_country(index) for index in range(keys // len(forms))]
    sellers = [_member(rng, index, "seller", places) for index in range(MEMBERS_A_SIDE)]
    buyers = [_member(rng, index, "buyer", places) for index in range(MEMBERS_A_SIDE)]
    quarters = [
        Period(start=AT + timedelta(days=91 * k + 1), end=AT + timedelta(days=91 * (k + 1)))
        for k in range(windows)
    ]
    price = StatedPrice(amount_micro=239 * EUR, currency="EUR", per="oxide")
    reference = ReferencePrice(
        code="Dy",
        analyte="Dy",
        price=price,
        description="Dy oxide",
        as_of=date(2026, 2, 27),
        published_at=AT,
        source="made up",
    )
    book = Book(
        market=MARKET,
        terms=_market_terms(),
        position=supplies + requirements,
        last_time=AT,
        members={member.organisation: member for member in (*sellers, *buyers)},
        inputs=MarketInputs(references={"Dy": RecordedReference(value=reference, position=1)}),
    )
    for rank in range(1, supplies + 1):
        member = rng.choice(sellers)
        terms = _supply(rng, member, rng.choice(forms), rng.choice(places), rng.choice(quarters))
        order = SupplyOrder(
            order=_uuid(rng),
            kind="offer",
            market=MARKET,
            organisation=member.organisation,
            rank=rank,
            version=1,
            status="open",
            terms=terms,
        )
        book.supplies[order.order] = order
    for rank in range(supplies + 1, supplies + requirements + 1):
        member = rng.choice(buyers)
        wanted = _requirement(rng, member, rng.choice(forms), rng.choice(places), rng.choice(quarters))
        requirement = RequirementOrder(
            order=_uuid(rng),
            market=MARKET,
            organisation=member.organisation,
            rank=rank,
            version=1,
            status="open",
            terms=wanted,
        )
        book.requirements[requirement.order] = requirement
    return book


def rule_set(forms: tuple[ProductForm, ...] = FORMS) -> RuleSet:
    return RuleSet(
        version=1,
        algorithm=ALGORITHM,
        benchmarks=tuple(
            FootprintBenchmark(
                form=form,
                declared_unit="oxide",
                boundary="cradle-to-gate",
                allocation="economic",
                benchmark_g_co2e_per_kg=65_400,
                worst_g_co2e_per_kg=84_000,
                source="made up",
            )
            for form in forms
        ),
        default_profile=_profile(8_000),
        recognised_certificates=("IRMA", "ISO14001"),
        eu_countries=EU,
        effective_from=AT - timedelta(days=1),
    )


def _country(index: int) -> str:
    return chr(65 + index // 26) + chr(65 + index % 26)


def _uuid(rng: random.Random) -> UUID:
    return UUID(int=rng.getrandbits(128), version=4)


def _eur(amount_ueur: int) -> ConvertedPrice:
    stated = StatedPrice(amount_micro=amount_ueur, currency="EUR", per="element")
    return ConvertedPrice(stated=stated, ueur_per_kg=amount_ueur)


def _market_terms() -> MarketTerms:
    return MarketTerms(
        name="NdPr",
        basis="ndpr",
        sandbox=True,
        clearing_interval_seconds=0,
        rule_notice_seconds=0,
        confirmation_seconds=86_400,
        least_basis_ppb=PERCENT,
        orders_max=200_000,
        tick_ueur_per_kg=EUR,
    )


def _member(rng: random.Random, index: int, side: str, places: list[str]) -> Member:
    organisation, facility = _uuid(rng), _uuid(rng)
    country = rng.choice(places)
    held = MemberCertificate(
        certificate=_uuid(rng),
        facility=facility,
        scheme=rng.choice(["IRMA", "ISO14001"]),
        valid_from=AT - timedelta(days=9),
        valid_until=AT + timedelta(days=rng.choice([100, 900])),
    )
    return Member(
        organisation=organisation,
        name=f"{side} {index}",
        country=country,
        roles=("refiner",),
        group=_uuid(rng),
        sanctions_screened_until=AT + timedelta(days=400),
        facilities=(
            MemberFacility(facility=facility, country=country, stages=("processing",), scale="industrial"),
        ),
        certificates=(held,),
        source_position=1,
    )


def _profile(carbon_cents_per_t: int) -> SustainabilityProfile:
    return SustainabilityProfile(
        carbon_cents_per_t=carbon_cents_per_t,
        post_consumer_ueur_per_kg=2 * EUR,
        pre_consumer_ueur_per_kg=EUR,
        certificates=(CertificateAmount(scheme="IRMA", ueur_per_kg=EUR // 2),),
        eu_origin_ueur_per_kg=EUR,
        rex=(RexAmount(route="recycle", ueur_per_kg=EUR),),
        floor_ueur_per_kg=-2 * EUR,
        cap_ueur_per_kg=4 * EUR,
    )


def _supply(
    rng: random.Random, member: Member, form: ProductForm, country: str, window: Period
) -> SupplyTerms:
    composition = Composition(
        basis="dry",
        of="sample",
        cells=tuple(
            Cell(analyte=analyte, reported_as=analyte, state="value", fraction_ppb=ppb)
            for analyte, ppb in (
                ("Nd", rng.randrange(15 * PERCENT, 25 * PERCENT)),
                ("Pr", rng.randrange(4 * PERCENT, 8 * PERCENT)),
                ("Dy", rng.randrange(PERCENT // 2, 2 * PERCENT)),
                ("C", rng.randrange(100 * PPM, 1_000 * PPM)),
                ("Th", rng.randrange(1 * PPM, 60 * PPM)),
            )
        ),
    )
    moisture_ppb = rng.randrange(0, 20) * PERCENT
    net_wet_g = rng.randrange(1, 2_500) * 10_000
    footprint = Footprint(
        g_co2e_per_kg=rng.randrange(10_000, 90_000),
        declared_unit="oxide",
        form=form,
        standard="ISO14067",
        boundary="cradle-to-gate",
        allocation="economic",
        reference_year=2025,
        primary_data_ppb=800_000_000,
        verified=rng.random() < 0.5,
        valid_until=AT + timedelta(days=rng.choice([60, 900])),
    )
    return SupplyTerms(
        form=form,
        net_wet_g=net_wet_g,
        moisture_ppb=moisture_ppb,
        composition=composition,
        assay=Assay(laboratory="lab", reference="A-1", sampled_on=date(2026, 2, 1)),
        basis_g=basis_g(
            basis="ndpr", net_wet_g=net_wet_g, moisture_ppb=moisture_ppb, composition=composition
        ),
        packaging=Packaging(unit="big_bag", package_wet_g=10_000),
        minimum_parcel_wet_g=10_000,
        tranches=(Tranche(window=window, net_wet_g=net_wet_g),),
        incoterm="FCA",
        place=Place(country=country, name="works"),
        ask=_eur(rng.randrange(90, 140) * (EUR // 2)),
        valid_until=AT + timedelta(days=200),
        payment_terms="30 days",
        facility=member.facilities[0].facility,
        origin=(OriginStep(stage="recycling", country=rng.choice(["DE", "CN"])),),
        waste_status="by_product",
        commitment="firm",
        certificates=(member.certificates[0].certificate,) if rng.random() < 0.5 else (),
        footprint=footprint if rng.random() < 0.7 else None,
        recycled=RecycledContent(post_consumer_ppb=rng.randrange(0, 10) * 10 * PERCENT),
        rex_routes=("recycle",) if rng.random() < 0.5 else (),
    )


def _requirement(
    rng: random.Random, member: Member, form: ProductForm, country: str, window: Period
) -> RequirementTerms:
    return RequirementTerms(
        forms=(AcceptedForm(form=form, differential_ueur_per_kg=-EUR),),
        basis_g=rng.randrange(100, 2_000) * 10_000,
        minimum_parcel_g=1_000,
        limit=_eur(rng.randrange(110, 150) * (EUR // 2)),
        limits=(
            AnalyteLimit(analyte="C", max_ppb=rng.randrange(900, 1_200) * PPM),
            AnalyteLimit(analyte="Th", max_ppb=rng.randrange(50, 80) * PPM),
        ),
        window=window,
        place=Place(country=country, name="works"),
        facility=member.facilities[0].facility,
        valid_until=AT + timedelta(days=200),
        commitment="firm",
        rex_route=rng.choice([None, "recycle"]),
        co_products=(
            CoProductBid(
                analyte="Dy", reference_code="Dy", payable_ppb=700_000_000, max_ratio_ppb=60_000_000
            ),
        ),
        penalties=(
            PenaltyRule(
                analyte="C", threshold_ppb=300 * PPM, step_ppb=100 * PPM, ueur_per_kg_per_step=EUR // 10
            ),
        ),
        profile=rng.choice([None, _profile(5_000)]),
    )
