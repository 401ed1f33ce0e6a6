"""Two answers about every pair of random books: all reasons against it, and the edge of a round."""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from events.clearing_terms import PriceTerm
from events.forecast_terms import RampForecast
from events.market_terms import (
    AcceptedForm,
    AnalyteLimit,
    Carriage,
    CertificateAmount,
    CertifiedPeriod,
    ConcentratedOrigins,
    CoProductBid,
    Member,
    MemberCertificate,
    MemberFacility,
    MemberLicence,
    PassportEvidence,
    PenaltyRule,
    PurityFloor,
    Qualification,
    RequirementTerms,
    RexAmount,
    SupplyTerms,
    SustainabilityProfile,
)
from events.origin_terms import StepShare
from events.rex_terms import MagnetDimension, MagnetNeed, RouteCeilings, WholeMagnets
from events.vocabulary import (
    INTEGER_MAX,
    PPB,
    Composition,
    Footprint,
    MarketBasis,
    OriginStep,
    Place,
    RecycledContent,
    StatedPrice,
    TermHorizon,
    Tranche,
    ValueChainStage,
)
from market.rules.clearing import candidates, carbon_columns, waterfalls
from market.rules.clearing.amounts import amounts, price_pair
from market.rules.clearing.delivery_papers import SHIPMENT_CONSENT
from market.rules.clearing.eligibility import eligible_deliveries, reasons
from market.rules.clearing.graph import HorizonBook, delivery_between, horizons
from market.rules.clearing.pricing import price_terms, sustainability, total
from market.rules.clearing.waterfall_lines import TradeLines
from market.rules.clearing.written import encoded
from market.rules.match_terms import MOVED_BY_ASSAYS, co_products_counted
from market.rules.quantities import FULL_PANEL
from market.rules.refusing.ineligibility import Ineligibility
from tests.blotter import (
    EUR,
    PERCENT,
    PPM,
    START,
    Lane,
    T,
    applied_policy,
    assay,
    benchmark,
    cell,
    days,
    eur,
    ident,
    market_terms,
    member,
    ndpr_price,
    passport_evidence,
    requirement_terms,
    rule_set,
    site,
    supply_terms,
    under,
    usd_rate,
)

SELLERS, BUYERS = tuple(f"s{k}" for k in range(5)), tuple(f"b{k}" for k in range(5))
CODES = (
    "above_max",
    "assay_missing",
    "below_min",
    "carriage_not_stated",
    "certificate_missing",
    "condition_missing",
    "condition_too_low",
    "credit_exceeded",
    "export_licence_pending",
    "footprint_above_max",
    "forecast_refused",
    "form_not_accepted",
    "horizon_differs",
    "initiative_closed",
    "magnet_coating_not_accepted",
    "magnet_coercivity_below_min",
    "magnet_energy_below_min",
    "magnet_flux_below_min",
    "magnet_grade_not_accepted",
    "magnet_shape_differs",
    "magnet_size_outside",
    "magnets_not_stated",
    "not_available",
    "not_qualified",
    "origin_excluded",
    "origin_step_excluded",
    "origin_step_untold",
    "origin_unstated",
    "parcel_too_large",
    "pcf_missing",
    "profile_incompatible",
    "recycled_above_max",
    "recycled_below_min",
    "route_not_offered",
    "sanctions_screening_expired",
    "shipment_consent_missing",
    "value_out_of_range",
    "waste_licence_missing",
    "waste_route_unlicensed",
    "window_disjoint",
)
POLICY = applied_policy(
    "a policy",
    certificates_required=("IRMA",),
    origins_excluded=("CN",),
    recycled_min_ppb=100_000_000,
    strategic_project_ueur_per_kg=2 * EUR,
)
TERM = TermHorizon(start_year=2027, profile_ppb=(10**9,), index="USGS-NdPr", quotation_period="M+1")


CEILINGS = RouteCeilings(
    form="swarf", grade_a="reuse", grade_b="refurbish", grade_c="repurpose", grade_d="recycle"
)


def seldom(rng: random.Random, usual: Any, *others: Any) -> Any:
    return rng.choice(others) if rng.random() < 0.08 else usual


def any_origin(rng: random.Random) -> tuple[OriginStep, ...]:
    """Mostly with every stage that may be asked for; of the rest one is left out, or all but recycling."""
    stages: tuple[ValueChainStage, ...] = ("extraction", "processing", "recycling")
    stages = seldom(rng, stages, stages[1:], stages[:2], stages[2:])
    country = seldom(rng, "DE", "CN")
    return tuple(OriginStep(stage=stage, country=country) for stage in stages)


def any_supply(rng: random.Random, name: str) -> SupplyTerms:
    cells = (
        cell("Nd", rng.choice([20, 24]) * PERCENT),
        seldom(rng, cell("C", 400 * PPM), cell("C", None), cell("C", 900 * PPM, below=True)),
        cell("Th", rng.choice([5, 60]) * PPM, below=rng.random() < 0.3),
    )
    halves = (Tranche(window=days(10, 40), net_wet_g=15 * T), Tranche(window=days(50, 80), net_wet_g=10 * T))
    footprint = Footprint(
        g_co2e_per_kg=rng.choice([15_000, 70_000]),
        declared_unit="oxide",
        form="swarf",
        standard="ISO14067",
        boundary=seldom(rng, "cradle-to-gate", "gate-to-gate"),
        allocation="economic",
        reference_year=2025,
        primary_data_ppb=PERCENT,
        verified=rng.random() < 0.5,
        valid_until=START + timedelta(days=rng.choice([20, 300])),
    )
    return supply_terms(
        name,
        form=seldom(rng, "swarf", "hard_scrap"),
        composition=assay(*cells, basis=rng.choice(["dry", "as_received"])),
        tranches=halves if rng.random() < 0.5 else (Tranche(window=days(10, 40), net_wet_g=25 * T),),
        ask=eur(rng.choice([40, 60, 75]) * EUR),
        commitment=seldom(rng, "firm", "subject_to_confirmation"),
        place=Place(country=seldom(rng, "DE", "EE"), name="named place"),
        origin=any_origin(rng),
        waste_status=seldom(rng, "by_product", "waste"),
        ewc_code="120103",
        footprint=seldom(rng, footprint, None),
        recycled=seldom(rng, RecycledContent(post_consumer_ppb=300_000_000), None),
        certificates=(ident(f"certificate of {name}"),),
        rex_routes=rng.choice([(), ("recycle",), ("reuse", "recycle")]),
        minimum_parcel_wet_g=seldom(rng, T, 24 * T),
        visible_to_initiatives=seldom(rng, (), ("remhub",)),
        term=seldom(rng, None, TERM),
    )


def odd_supply(rng: random.Random, name: str) -> SupplyTerms:
    """Beyond the usual: purity, activities, waste, terms that differ, figures that int64 cannot hold."""
    made = any_supply(rng, name)
    rare_earths = tuple(
        cell(each, rng.choice([10, 99]) * PPM, below=rng.random() < 0.5) for each in sorted(FULL_PANEL)
    )
    shares = made.composition.cells + rare_earths
    measured = {each.analyte: each for each in reversed(shares)}
    treo = seldom(rng, {}, {"of": "treo", "treo_ppb": 9 * 10**8}, {"treo_ppb": 5 * 10**8})
    footprint = made.footprint
    if footprint is not None:
        footprint = replace(footprint, g_co2e_per_kg=seldom(rng, footprint.g_co2e_per_kg, INTEGER_MAX))
    return replace(
        made,
        composition=Composition(
            basis=made.composition.basis,
            cells=tuple(
                each if each.analyte in ("Nd", "Dy") else seldom(rng, each, cell(each.analyte, None))
                for each in measured.values()
            ),
            **({"of": "sample"} | treo),
        ),
        moisture_ppb=seldom(rng, made.moisture_ppb, PPB - 1),
        assay=replace(
            made.assay, th_mbq_per_g=seldom(rng, 3, None, 900), u_mbq_per_g=seldom(rng, 3, None, 900)
        ),
        waste_status=rng.choice(["by_product", "by_product", "waste"]),
        ewc_code=rng.choice([None, "120103", "160214"]),
        footprint=footprint,
        certificates=rng.choice([(), (*made.certificates, ident(f"second certificate of {name}"))]),
        passport_evidence=rng.choice([None, odd_evidence(rng, name)]),
        rex_routes=rng.choice([("reuse",), ("repurpose", "recycle"), ("reuse", "recycle")]),
        condition=rng.choice([None, "A", "A", "D"]),
        magnets=seldom(rng, odd_magnets(rng), UNSET),
        forecast=seldom(rng, UNSET, RampForecast(year=2026, quarter=2, quantile="low")),
        export_licence=seldom(rng, "granted", "pending"),
        visible_to_initiatives=seldom(rng, (), ("remhub", "other")),
        term=odd_term(rng) if rng.random() < 0.3 else None,
    )


def odd_evidence(rng: random.Random, name: str) -> PassportEvidence:
    """Certified by none to three papers, some of which begin or end too near."""
    papers = tuple(
        CertifiedPeriod(
            scheme=scheme,
            valid_from=START + timedelta(days=seldom(rng, -1, 0, 1)),
            valid_until=START + timedelta(days=rng.choice([1, 50, 900])),
        )
        for scheme in ("IRMA", "ISO14001", "IRMA")[: rng.randrange(4)]
    )
    return replace(passport_evidence(*papers, name=name), steps=odd_steps(random.Random(repr(papers))))


def odd_steps(rng: random.Random) -> tuple[StepShare, ...] | UnsetType:
    """Of a lot that was processed elsewhere before, or nobody states where; of any other UNSET."""
    countries = rng.choice(((), ("DE",), ("CN", "DE"), ("CN",), (None, "EE"), ("US",)))
    steps = tuple(
        StepShare(
            stage="processing",
            country=country,
            form=None if country is None else "metal",
            share_ppm=rng.choice([1, 600_000, 1_000_000]),
            strategic_project=country == "US" and rng.random() < 0.5,
        )
        for country in countries
    )
    return steps or UNSET


def odd_magnets(rng: random.Random) -> WholeMagnets:
    """As another form could hold them: eligibility asks what is stated, posting whether it may be."""
    height = MagnetDimension(
        axis="height", size_um=seldom(rng, 5_000, 5_100), tolerance_um=rng.choice([0, 20])
    )
    width = MagnetDimension(axis="outer_diameter", size_um=seldom(rng, 20_000, 19_000))
    return WholeMagnets(
        grade=seldom(rng, "N42SH", "N35", "N45SH", "N42H", "n38-UH", "N52"),
        shape=seldom(rng, "disc", "block"),
        dimensions=(width, height),
        coating=seldom(rng, "nickel", "epoxy", "unknown"),
        flux_ppb=seldom(rng, 99 * PPB // 100, PPB // 2),
    )


def odd_need(rng: random.Random) -> MagnetNeed:
    return MagnetNeed(
        grades=rng.choice([("N42SH",), ("N42SH", "N45SH"), ("N38UH", "N45"), ("N42",)]),
        shape="disc",
        dimensions=(
            MagnetDimension(axis="outer_diameter", size_um=20_000, tolerance_um=50),
            MagnetDimension(axis="height", size_um=5_000, tolerance_um=20),
        ),
        coatings=rng.choice([(), ("nickel",), ("nickel", "epoxy")]),
        flux_min_ppb=rng.choice([0, 9 * PPB // 10]),
        or_better=seldom(rng, True, UNSET, False),
    )


def odd_term(rng: random.Random) -> TermHorizon:
    return TermHorizon(
        start_year=2027,
        profile_ppb=rng.choice([(PPB,), (PPB, PPB // 2), (PPB, PPB // 2 + 5)]),
        profile_tolerance_ppb=rng.choice([0, 5]),
        index="USGS-NdPr",
        quotation_period=seldom(rng, "M+1", "M+2"),
        floor_ueur_per_kg=seldom(rng, None, -EUR, EUR),
    )


def any_requirement(rng: random.Random, name: str) -> RequirementTerms:
    profile = SustainabilityProfile(
        carbon_cents_per_t=rng.choice([0, 8_000]),
        post_consumer_ueur_per_kg=rng.choice([0, 6 * EUR]),
        certificates=(CertificateAmount(scheme="IRMA", ueur_per_kg=EUR),),
        eu_origin_ueur_per_kg=EUR,
        concentrated_origin_deduction_ueur_per_kg=3 * EUR,
        rex=(RexAmount(route="recycle", ueur_per_kg=rng.choice([EUR, 4 * EUR])),),
        floor_ueur_per_kg=rng.choice([-9 * EUR, 0, EUR]),
        cap_ueur_per_kg=rng.choice([2 * EUR, 9 * EUR]),
    )
    co_products = (
        CoProductBid(analyte="Dy", reference_code="USGS-Dy", payable_ppb=7 * 10**8, max_ratio_ppb=10**9),
        CoProductBid(analyte="Th", price_ueur_per_kg=EUR, payable_ppb=10**9, max_ratio_ppb=10**9),
    )
    penalty = PenaltyRule(analyte="C", threshold_ppb=300 * PPM, step_ppb=7 * PPM, ueur_per_kg_per_step=9)
    credit: dict[str, Any] = {"payment": "credit", "credit_limit_cents_eur": rng.choice([1, 10**6])}
    return requirement_terms(
        name,
        forms=seldom(
            rng, (AcceptedForm(form="swarf", differential_ueur_per_kg=-EUR),), (AcceptedForm(form="metal"),)
        ),
        limit=eur(rng.choice([50, 65, 80]) * EUR),
        limits=(AnalyteLimit(analyte="Th", max_ppb=seldom(rng, 99, 50) * PPM),),
        penalties=(penalty,),
        window=rng.choice([days(0, 60), days(0, 30), days(45, 90)]),
        overlap_min_days=seldom(rng, 1, 20),
        commitment=seldom(rng, "firm", "subject_to_confirmation"),
        certificates_required=seldom(rng, (), ("IRMA",)),
        footprint_max_g_co2e_per_kg=seldom(rng, None, 20_000),
        origins_excluded=seldom(rng, (), ("CN",)),
        recycled_min_ppb=seldom(rng, None, 100_000_000),
        qualification_min=seldom(rng, "none", "pilot"),
        organisations_excluded=seldom(rng, (), (ident("s0"),)),
        rex_route=rng.choice([None, "recycle"]),
        co_products=co_products,
        carriage=rng.choice([(), (Carriage(country="EE", per="product", ueur_per_kg=777),)]),
        profile=seldom(rng, profile, None),
        term=seldom(rng, None, TERM),
        **seldom(rng, {}, credit),
        strategic_project_ueur_per_kg=rng.choice([0, EUR // 3]),
        recycled_max_ppb=seldom(rng, None, 200_000_000),
    )


def odd_requirement(rng: random.Random, name: str) -> RequirementTerms:
    """As `odd_supply`; some of its amounts are larger than any round can hold."""
    made = any_requirement(rng, name)
    large = rng.choice([10 * EUR, 10**12, INTEGER_MAX])
    bid = replace(
        made.profile or SustainabilityProfile(),
        carbon_cents_per_t=seldom(rng, 7_777, 0, 10**9),
        pre_consumer_ueur_per_kg=seldom(rng, 3, large),
        post_consumer_ueur_per_kg=seldom(rng, 1_000_001, -large),
        certificates=tuple(
            CertificateAmount(scheme=scheme, ueur_per_kg=seldom(rng, EUR, large))
            for scheme in ("IRMA", "ISO14001", "unknown")
        ),
        cap_ueur_per_kg=rng.choice([2 * EUR, large]),
        floor_ueur_per_kg=rng.choice([-9 * EUR, -large]),
    )
    penalties = tuple(
        PenaltyRule(
            analyte=analyte,
            threshold_ppb=300 * PPM,
            step_ppb=seldom(rng, 7 * PPM, 1),
            ueur_per_kg_per_step=seldom(rng, sign * 9, sign * large),
        )
        for analyte, sign in (("C", 1), ("C", -1), ("Dy", 1))
    )
    co_products = tuple(
        replace(each, price_ueur_per_kg=each.price_ueur_per_kg and seldom(rng, EUR + 1, -(10**11)))
        for each in made.co_products
    )
    country = rng.choice(["DE", "EE"])
    carriage = tuple(
        Carriage(country=each, per=rng.choice(["basis", "product"]), ueur_per_kg=seldom(rng, 777_777, large))
        for each in rng.choice([(), ("EE",), ("EE", "DE")])
    )
    lowest = AnalyteLimit(analyte=rng.choice(["Nd", "Tb"]), min_ppb=seldom(rng, None, 50 * PPM))
    return replace(
        made,
        forms=(
            *made.forms,
            AcceptedForm(form="hard_scrap", differential_ueur_per_kg=seldom(rng, EUR, large)),
        ),
        limits=(*made.limits, lowest),
        purity=rng.choice(
            [None, PurityFloor(elements=("Nd", "Pr"), min_ppb=rng.choice([0, PPB // 2, PPB - 9]))]
        ),
        th_max_mbq_per_g=rng.choice([None, 3, INTEGER_MAX]),
        u_max_mbq_per_g=seldom(rng, None, 800),
        certificates_required=seldom(rng, (), ("IRMA", "ISO14001"), ("unknown",)),
        organisations_excluded=seldom(rng, (), (ident("s1"), ident("nobody"))),
        visible_to_initiatives=seldom(rng, (), ("other",)),
        place=Place(country=country, name="named place"),
        overlap_min_days=rng.choice([0, 1]),
        penalties=penalties,
        co_products=co_products,
        carriage=carriage,
        profile=bid,
        rex_route=rng.choice(["reuse", "recycle", None]),
        magnets=UNSET if rng.random() < 0.7 else odd_need(rng),
        forecast_supply=rng.choice(["refused", "accepted"]),
        term=odd_term(rng) if rng.random() < 0.3 else None,
    )


def works(name: str, country: str = "DE") -> MemberFacility:
    strategic = name in ("s0", "s3")
    return MemberFacility(
        facility=site(name),
        country=country,
        stages=("processing",),
        scale="industrial",
        strategic_project=strategic,
    )


def odd_member(rng: random.Random, name: str) -> Member:
    """Licensed for waste at its site, of two kinds and to two dates, certified twice."""
    licences = tuple(
        MemberLicence(
            licence=ident(f"{kind} {index} of {name}"),
            facility=site(name),
            kind=kind,
            waste_statuses=("waste",),
            ewc_codes=rng.choice([(), ("120103",)]),
            from_countries=rng.choice([("DE",), ("EE", "DE")] if kind == SHIPMENT_CONSENT else [(), ("DE",)]),
            routes=seldom(rng, UNSET, ("recycle",)),
            valid_from=START + timedelta(days=seldom(rng, -1, 1)),
            valid_until=START + timedelta(days=rng.choice([20, 900])),
        )
        for kind in ("permit", SHIPMENT_CONSENT)
        for index in range(2)
    )
    certificates = tuple(
        MemberCertificate(
            certificate=ident(f"{which}certificate of {name}"),
            facility=site(seldom(rng, name, "elsewhere")),
            scheme=scheme,
            valid_from=START - timedelta(days=1),
            valid_until=START + timedelta(days=rng.choice([50, 900])),
        )
        for which, scheme in (("", "IRMA"), ("second ", "ISO14001"), ("second ", "IRMA"))
    )
    country = rng.choice(["DE", "EE"])
    return member(
        name,
        country,
        certificates=certificates,
        licences=licences,
        facilities=(works(name, country),),
        initiatives=rng.choice([(), ("remhub",), ("third", "other")]),
        sanctions_screened_until=START + timedelta(days=seldom(rng, 400, 0, -1)),
    )


def odd_book(seed: int) -> Lane:
    rng = random.Random(seed)
    unit = rng.choice(["wet", "dry", "oxide", "element"])
    of_swarf = benchmark(benchmark_g_co2e_per_kg=seldom(rng, 65_400, INTEGER_MAX), declared_unit=unit)
    rules = rule_set(
        benchmarks=(of_swarf,),
        self_declared_improvement_ppb=rng.choice([500_000_000, 333_333_333]),
        only_larger_of_recycled_and_rex=rng.random() < 0.5,
        route_ceilings=rng.choice([UNSET, (), (CEILINGS,)]),
        conditional_orders_rest=seed % 2 == 0,
        origins_by_stage=(UNSET, False, True)[seed % 3],
        origins_in_full=(UNSET, True, False, True)[seed % 4],
        caps_by_benchmark=(UNSET, True)[seed // 3 % 2],
    )
    basis: MarketBasis = rng.choice(["ndpr", "ndpr", "dy", "ndfeb-reuse"])
    lane = Lane(rules=rules, terms=market_terms(basis=basis))
    lane.admit(*(odd_member(rng, name) for name in (*SELLERS, *BUYERS)))
    lane.record(ndpr_price())
    dollars = StatedPrice(amount_micro=239 * EUR, currency="USD", per="oxide")
    lane.record(ndpr_price(code="USGS-Dy", analyte="Dy", price=dollars))
    lane.record(usd_rate())
    for k in range(16):
        name = rng.choice(SELLERS)
        lane.offer(name, f"offer {k}", odd_supply(rng, name))
        name = rng.choice(BUYERS)
        wanted = odd_requirement(rng, name)
        wanted = seldom(rng, wanted, under(wanted, POLICY))
        lane.require(
            name, f"wanted {k}", **{each: getattr(wanted, each) for each in wanted.__struct_fields__}
        )
    lane.book.failings = {ident(name): [START, START] for name in (*SELLERS[:2], *BUYERS[:2])}
    return lane


def any_book(seed: int) -> Lane:
    """Many supplies and requirements before and after a round, so that tranches are held or sold in part."""
    rng = random.Random(seed)
    rules = rule_set(
        default_profile=SustainabilityProfile(eu_origin_ueur_per_kg=EUR, cap_ueur_per_kg=EUR),
        origins_by_stage=(UNSET, True)[seed % 2],
        origins_in_full=(UNSET, UNSET, True, True)[seed % 4],
    )
    lane = Lane(rules=rules)
    for name in SELLERS:
        held = MemberCertificate(
            certificate=ident(f"certificate of {name}"),
            facility=site(name),
            scheme="IRMA",
            valid_from=START - timedelta(days=1),
            valid_until=START + timedelta(days=rng.choice([50, 900])),
        )
        screened = START + timedelta(days=seldom(rng, 400, -1))
        lane.admit(
            member(name, certificates=(held,), sanctions_screened_until=screened, facilities=(works(name),))
        )
    group = ident("group of s1")
    lane.admit(*(member(name, initiatives=("remhub",)) for name in BUYERS[:4]), member("b4", group=group))
    lane.record(ndpr_price())
    dollars = StatedPrice(amount_micro=239 * EUR, currency="USD", per="oxide")
    lane.record(ndpr_price(code="USGS-Dy", analyte="Dy", price=dollars))
    lane.record(usd_rate())
    lane.record(ConcentratedOrigins(countries=("CN",), as_of=START.date(), source="list"))
    level: Any = {"form": "swarf", "level": "pilot"}
    lane.record(Qualification(buyer=ident("b0"), seller=ident("s0"), facility=site("s0"), **level))
    for turn in range(2):
        for k in range(12):
            name = rng.choice(SELLERS)
            lane.offer(name, f"offer {turn} {k}", any_supply(rng, name))
        for k in range(12):
            name = rng.choice(BUYERS)
            wanted = any_requirement(rng, name)
            wanted = seldom(rng, wanted, under(wanted, POLICY))
            changes = {field: getattr(wanted, field) for field in wanted.__struct_fields__}
            lane.require(name, f"wanted {turn} {k}", **changes)
        if turn == 0:
            lane.round()
    return lane


def edges_of(of: HorizonBook, at: datetime) -> dict[tuple[Any, ...], list[Any]]:
    """Of each pair T, S, its value, and its waterfall as it would be recorded."""
    pairs = of.pairs
    columns = (pairs.seller, pairs.buyer, pairs.term_total, pairs.sustainability, pairs.value)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    ends = [(of.sellers[seller], of.buyers[buyer]) for seller, buyer, *_ in rows]
    delivered = [delivery_between(seller, buyer, at) for seller, buyer in ends]
    lines: list[TradeLines] = []
    if rows:
        assert of.waterfalls is not None
        nodes = pairs.seller.astype(np.int64), pairs.buyer.astype(np.int64)
        lines = [line for part in of.waterfalls.of(*nodes, delivered, pairs.term_total) for line in part]
    return {
        (seller.order.order, seller.tranche, buyer.order.order): [*money, waterfall]
        for (seller, buyer), (_, _, *money), waterfall in zip(ends, rows, lines, strict=True)
    }


def written_one_by_one(terms: Sequence[PriceTerm]) -> TradeLines:
    moved = [term for term in terms if term.kind in MOVED_BY_ASSAYS]
    return TradeLines(
        tuple(map(encoded, terms)),
        encoded(moved),
        encoded(tuple(co_products_counted(moved))),
    )


def expected_edges(lane: Lane) -> tuple[dict[tuple[Any, ...], list[Any]], Counter[str]]:
    """Pair by pair; and how often each reason was found."""
    facts = lane.facts()
    found: dict[tuple[Any, ...], list[Any]] = {}
    barred: Counter[str] = Counter()
    for supply in lane.book.supplies.values():
        for requirement in lane.book.requirements.values():
            if not supply.available_g or not requirement.available_g:
                continue
            against = reasons(supply, requirement, facts)
            deliveries = eligible_deliveries(supply, requirement, facts)
            assert bool(deliveries) == (not against)
            barred.update({reason.code for reason in against})
            for delivery in deliveries:
                terms = price_terms(supply, requirement, facts, delivery)
                bid = amounts(supply, requirement, facts, delivery)
                said = {term.kind: term.ueur_per_kg for term in terms}
                silent = {} if requirement.terms.strategic_project_ueur_per_kg else {"strategic_project": 0}
                assert bid._asdict() == said | silent
                barred["strategic"] += bid.strategic_project > 0
                assert (total(terms), sustainability(terms)) == (sum(bid), bid.sustainability_total)
                priced = price_pair(supply, requirement, facts, delivery)
                if isinstance(priced, Ineligibility):
                    barred[priced.code] += 1
                    continue
                value = requirement.terms.limit.ueur_per_kg + sum(bid) - supply.terms.ask.ueur_per_kg
                key = (supply.order, delivery.tranche, requirement.order)
                found[key] = [sum(bid), bid.sustainability_total, value, written_one_by_one(terms)]
    return found, barred


def edges_by_column(lane: Lane) -> dict[tuple[Any, ...], list[Any]]:
    edges: dict[tuple[Any, ...], list[Any]] = {}
    for of in horizons(lane.book, lane.facts()):
        edges |= edges_of(of, lane.facts().at)
    return edges


@pytest.mark.parametrize("seed", range(10))
def test_a_round_has_the_edges_against_which_nothing_speaks(seed: int) -> None:
    lane = any_book(seed)
    expected, barred = expected_edges(lane)
    assert expected == edges_by_column(lane)
    assert barred.total() > 20
    assert len(expected) > 10


def test_edges_are_the_same_however_few_pairs_are_looked_at_together(monkeypatch: pytest.MonkeyPatch) -> None:
    lane = any_book(0)
    expected = list(edges_by_column(lane).items())
    for most in ("BATCH_PAIRS", "MET_AT_ONCE"):
        monkeypatch.setattr(candidates, most, 1)
        assert expected == list(edges_by_column(lane).items())


@pytest.mark.parametrize("reckoned", ["certificates_paid", "strategic_project_lines"])
def test_a_line_of_another_amount_than_its_pairs_is_never_written(
    reckoned: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the orders state is reckoned again for their line: here, as if it were nothing."""
    lane = any_book(0)
    assert edges_by_column(lane)
    monkeypatch.setattr(waterfalls, reckoned, lambda *_: ())
    with pytest.raises(AssertionError):
        edges_by_column(lane)


def test_what_no_assay_measures_and_what_no_column_holds_is_written_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bids = tuple(
        CoProductBid(analyte=name, price_ueur_per_kg=EUR, payable_ppb=PERCENT, max_ratio_ppb=PERCENT)
        for name in ("Dy", "Tb")
    )
    lane = any_book(0)
    for order in lane.book.requirements.values():
        lane.book.requirements[order.order] = replace(order, terms=replace(order.terms, co_products=bids))
    # as if nothing fitted into the column of what a unit of the footprint carries
    monkeypatch.setattr(carbon_columns, "INTEGER_MAX", 0)
    expected, _ = expected_edges(lane)
    assert expected == edges_by_column(lane)
    assert len(expected) > 10


def test_odd_orders_have_the_edges_against_which_nothing_speaks() -> None:
    barred: Counter[str] = Counter()
    edges = 0
    for seed in range(40):
        lane = odd_book(seed)
        expected, found = expected_edges(lane)
        assert expected == edges_by_column(lane)
        barred += found
        edges += len(expected)
    assert edges > 200
    assert not {code for code in (*CODES, "strategic") if barred[code] < 3}
