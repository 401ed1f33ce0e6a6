"""Two answers about every pair of random books: all reasons against it, and the edge of a round."""

import random
from datetime import timedelta
from typing import Any

import pytest

from events.market_terms import (
    AcceptedForm,
    AnalyteLimit,
    Carriage,
    CertificateAmount,
    ConcentratedOrigins,
    CoProductBid,
    MemberCertificate,
    PenaltyRule,
    Qualification,
    RequirementTerms,
    RexAmount,
    SupplyTerms,
    SustainabilityProfile,
)
from events.vocabulary import Footprint, OriginStep, Place, RecycledContent, StatedPrice, TermHorizon, Tranche
from market.rules.amounts import amounts, price_pair
from market.rules.eligibility import eligible_deliveries, reasons
from market.rules.graph import HorizonBook, horizons
from market.rules.ineligibility import Ineligibility
from market.rules.pricing import price_terms, sustainability, total
from tests.blotter import (
    EUR,
    PERCENT,
    PPM,
    START,
    Lane,
    T,
    assay,
    cell,
    days,
    eur,
    ident,
    member,
    ndpr_price,
    requirement_terms,
    rule_set,
    site,
    supply_terms,
    usd_rate,
)

SELLERS, BUYERS = tuple(f"s{k}" for k in range(5)), tuple(f"b{k}" for k in range(5))
TERM = TermHorizon(start_year=2027, profile_ppb=(10**9,), index="USGS-NdPr", quotation_period="M+1")


def seldom(rng: random.Random, usual: Any, *others: Any) -> Any:
    return rng.choice(others) if rng.random() < 0.08 else usual


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
        origin=(OriginStep(stage="recycling", country=seldom(rng, "DE", "CN")),),
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
    )


def any_book(seed: int) -> Lane:
    """Many supplies and requirements before and after a round, so that tranches are held or sold in part."""
    rng = random.Random(seed)
    rules = rule_set(default_profile=SustainabilityProfile(eu_origin_ueur_per_kg=EUR, cap_ueur_per_kg=EUR))
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
        lane.admit(member(name, certificates=(held,), sanctions_screened_until=screened))
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
            changes = {field: getattr(wanted, field) for field in wanted.__struct_fields__}
            lane.require(name, f"wanted {turn} {k}", **changes)
        if turn == 0:
            lane.round()
    return lane


def edges_of(of: HorizonBook) -> dict[tuple[Any, ...], list[int]]:
    pairs = of.pairs
    columns = (pairs.seller, pairs.buyer, pairs.term_total, pairs.sustainability, pairs.value)
    return {
        (of.sellers[seller].order.order, of.sellers[seller].tranche, of.buyers[buyer].order.order): money
        for seller, buyer, *money in zip(*(column.tolist() for column in columns), strict=True)
    }


@pytest.mark.parametrize("seed", range(10))
def test_a_round_has_the_edges_against_which_nothing_speaks(seed: int) -> None:
    lane = any_book(seed)
    facts = lane.facts()
    expected: dict[tuple[Any, ...], list[int]] = {}
    barred = 0
    for supply in lane.book.supplies.values():
        for requirement in lane.book.requirements.values():
            if not supply.available_g or not requirement.available_g:
                continue
            against = reasons(supply, requirement, facts)
            found = eligible_deliveries(supply, requirement, facts)
            assert bool(found) == (not against)
            barred += bool(against)
            for delivery in found:
                terms = price_terms(supply, requirement, facts, delivery)
                bid = amounts(supply, requirement, facts, delivery)
                assert tuple(term.ueur_per_kg for term in terms) == bid
                assert (total(terms), sustainability(terms)) == (sum(bid), bid.sustainability_total)
                value = requirement.terms.limit.ueur_per_kg + sum(bid) - supply.terms.ask.ueur_per_kg
                assert not isinstance(price_pair(supply, requirement, facts, delivery), Ineligibility)
                key = (supply.order, delivery.tranche, requirement.order)
                expected[key] = [sum(bid), bid.sustainability_total, value]
    edges: dict[tuple[Any, ...], list[int]] = {}
    for of in horizons(lane.book, facts):
        edges |= edges_of(of)
    assert expected == edges
    assert barred > 20
    assert len(edges) > 10
