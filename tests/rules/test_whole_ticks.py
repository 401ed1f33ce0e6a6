"""Others' prices in whole ticks: each against its owner, and none beyond what a price may be."""

from typing import Any

import pytest
from msgspec.structs import replace

from events.market_terms import (
    AcceptedForm,
    Carriage,
    CertificateAmount,
    CoProductBid,
    PenaltyRule,
    RexAmount,
    SustainabilityProfile,
)
from events.vocabulary import PRICE_UEUR_PER_KG_MAX, TermHorizon
from market.rules.book import RequirementOrder, SupplyOrder
from market.rules.clearing.whole_ticks import down, requirement_in_ticks, supply_in_ticks, up
from tests.blotter import EUR, MARKET, eur, ident, requirement_terms, supply_terms

CO_PRODUCT = CoProductBid(analyte="Dy", price_ueur_per_kg=4, payable_ppb=10**9, max_ratio_ppb=10**9)
TERM = TermHorizon(start_year=2027, profile_ppb=(10**9,), index="NdPr", quotation_period="M-1")


def placed(terms: Any) -> dict[str, Any]:
    return {
        "order": ident("order"),
        "market": MARKET,
        "organisation": ident("owner"),
        "rank": 1,
        "version": 1,
        "status": "open",
        "terms": terms,
    }


def sold(ask: int, floor: int | None = None) -> tuple[int, int | None]:
    """Ask and floor of an offer in ticks of 5."""
    terms = supply_terms("seller", ask=eur(ask), term=replace(TERM, floor_ueur_per_kg=floor))
    found = supply_in_ticks(SupplyOrder(kind="offer", **placed(terms)), 5).terms
    assert found.term is not None
    return found.ask.ueur_per_kg, found.term.floor_ueur_per_kg


def bought(tick: int, **bid: Any) -> Any:
    order = RequirementOrder(**placed(requirement_terms("buyer", **bid)))
    return requirement_in_ticks(order, tick).terms


@pytest.mark.parametrize(
    ("value", "above", "below"), [(-6, -5, -10), (-5, -5, -5), (-1, 0, -5), (0, 0, 0), (4, 5, 0), (5, 5, 5)]
)
def test_a_whole_tick_stays_and_all_between_moves_to_the_next(value: int, above: int, below: int) -> None:
    assert (above, below) == (up(value, 5), down(value, 5))


def test_beyond_what_a_price_may_be_no_tick_is_found() -> None:
    assert (8, -8) == (up(6, 5, 8), down(-6, 5, 8))


def test_a_sellers_prices_are_counted_as_dearer() -> None:
    assert [(65, 10), (65, 10), (70, None)] == [sold(61, 6), sold(65, 10), sold(66)]
    assert (PRICE_UEUR_PER_KG_MAX, PRICE_UEUR_PER_KG_MAX) == sold(
        PRICE_UEUR_PER_KG_MAX - 1, PRICE_UEUR_PER_KG_MAX - 1
    )


def test_every_amount_of_a_bid_is_counted_as_meaner() -> None:
    found = bought(
        5,
        limit=eur(74),
        term=replace(TERM, floor_ueur_per_kg=14),
        forms=(AcceptedForm(form="swarf", differential_ueur_per_kg=-6),),
        co_products=(replace(CO_PRODUCT, price_ueur_per_kg=24), replace(CO_PRODUCT, price_ueur_per_kg=None)),
        penalties=(PenaltyRule(analyte="C", threshold_ppb=1, step_ppb=1, ueur_per_kg_per_step=16),),
        carriage=(Carriage(country="DE", per="basis", ueur_per_kg=21),),
    )
    assert (70, 10, None) == (found.limit.ueur_per_kg, found.term.floor_ueur_per_kg, found.profile)
    assert -10 == found.forms[0].differential_ueur_per_kg
    assert [20, None] == [each.price_ueur_per_kg for each in found.co_products]
    assert (20, 25) == (found.penalties[0].ueur_per_kg_per_step, found.carriage[0].ueur_per_kg)


def test_what_is_bid_for_sustainability_is_counted_as_meaner() -> None:
    found = bought(
        2_000,
        profile=SustainabilityProfile(
            carbon_cents_per_t=5,
            post_consumer_ueur_per_kg=5_999,
            pre_consumer_ueur_per_kg=3_999,
            certificates=(CertificateAmount(scheme="IRMA", ueur_per_kg=9_999),),
            eu_origin_ueur_per_kg=7_999,
            concentrated_origin_deduction_ueur_per_kg=8_001,
            rex=(RexAmount(route="reuse", ueur_per_kg=11_999),),
            floor_ueur_per_kg=-1,
            cap_ueur_per_kg=13_999,
        ),
    ).profile
    assert found == SustainabilityProfile(
        carbon_cents_per_t=4,
        post_consumer_ueur_per_kg=4_000,
        pre_consumer_ueur_per_kg=2_000,
        certificates=(CertificateAmount(scheme="IRMA", ueur_per_kg=8_000),),
        eu_origin_ueur_per_kg=6_000,
        concentrated_origin_deduction_ueur_per_kg=10_000,
        rex=(RexAmount(route="reuse", ueur_per_kg=10_000),),
        floor_ueur_per_kg=-2_000,
        cap_ueur_per_kg=12_000,
    )


@pytest.mark.parametrize(("tick", "counted"), [(1, 5), (1_999, 5), (3_000, 3), (EUR, 0)])
def test_a_carbon_price_moves_by_a_tick_for_100_kg_co2e(tick: int, counted: int) -> None:
    assert (
        counted
        == bought(tick, profile=SustainabilityProfile(carbon_cents_per_t=5)).profile.carbon_cents_per_t
    )
