"""Figures far from those before them, or from the reference price: what slips look like."""

from datetime import date

import pytest
from msgspec.structs import replace

from contracts.rules.index_changes import change_cautions as index_cautions
from contracts.rules.indices import IndexUnit
from events.contract_terms import IndexValue
from events.market_terms import FxRate, ReferencePrice, RequirementTerms, SupplyTerms
from events.vocabulary import StatedPrice, TermHorizon
from market.rules.input_changes import change_cautions
from market.rules.market_inputs import MarketInputs
from market.rules.orders.far_prices import price_cautions
from market.rules.orders.horizons import below_index_cautions, reference_unknown
from market.rules.references import trade_reference
from tests.delivery_support import quoted
from tests.desk_support import MILLION, PERCENT_PPB, inputs, requirement_order, supply_order

HELD = inputs()
PRICE = HELD.references["NdPr_oxide_99"].value
RATE = HELD.fx["USD"].value
OXIDE, DOLLAR = IndexUnit(currency="USD", per="oxide"), IndexUnit(currency="EUR", rate_of="USD")
JANUARY, FEBRUARY = quoted(date(2026, 1, 1), 60_000_000), quoted(date(2026, 2, 1), 62_000_000)
RESTATED_ON = date(2026, 3, 1)


def priced(amount_micro: int, currency: str = "USD") -> ReferencePrice:
    return replace(PRICE, price=replace(PRICE.price, amount_micro=amount_micro, currency=currency))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (priced(138 * MILLION), []),
        (priced(138_000_010), ["price_far_from_before"]),
        (priced(6_900 * MILLION), ["price_far_from_before"]),
        (priced(34_500_000), []),
        (priced(34_000_000), ["price_far_from_before"]),
        (priced(6_900 * MILLION, "JPY"), []),
        (replace(priced(6_900 * MILLION), code="another"), []),
        (replace(RATE, ueur_per_unit=1_012_000), []),
        (replace(RATE, ueur_per_unit=1_012_001), ["rate_far_from_before"]),
        (replace(RATE, ueur_per_unit=1_087_000), ["rate_far_from_before"]),
        (replace(RATE, ueur_per_unit=92_000), ["rate_far_from_before"]),
        (replace(RATE, currency="JPY", ueur_per_unit=5_400), []),
    ],
)
def test_a_rate_or_price_far_from_the_one_before(value: ReferencePrice | FxRate, expected: list[str]) -> None:
    assert expected == [each.code for each in change_cautions(value, HELD)]
    assert [] == list(change_cautions(value, MarketInputs(references={}, fx={})))


def test_what_is_told_names_both_figures() -> None:
    (told,) = change_cautions(replace(RATE, ueur_per_unit=1_087_000), HELD)
    assert "One USD is 1.087 EUR; as recorded before, of 2026-02-27, it is 0.92." in told.text
    (told,) = change_cautions(priced(6_900 * MILLION), HELD)
    assert (
        "comes to 7468.454955 EUR per kg; as recorded before, of 2026-01-31, it comes to 74.68455."
        in told.text
    )


@pytest.mark.parametrize(
    ("values", "unit", "expected"),
    [
        ((JANUARY, FEBRUARY), OXIDE, []),
        ((FEBRUARY,), OXIDE, []),
        ((replace(FEBRUARY, amount_micro=120_000_001),), OXIDE, [(0, "index_far_from_before")]),
        ((replace(FEBRUARY, amount_micro=6_200_000),), OXIDE, [(0, "index_far_from_before")]),
        ((replace(FEBRUARY, amount_micro=66_000_001),), DOLLAR, [(0, "index_far_from_before")]),
        ((replace(FEBRUARY, amount_micro=66_000_001),), OXIDE, []),
        ((quoted(date(2026, 1, 1), 66_000_000, published=RESTATED_ON),), OXIDE, []),
        ((quoted(date(2026, 1, 1), 66_000_001, published=RESTATED_ON),), OXIDE, [(0, "index_restated_far")]),
        (
            (FEBRUARY, quoted(date(2026, 3, 1), 620_000_000), quoted(date(2026, 4, 1), 615_000_000)),
            OXIDE,
            [(1, "index_far_from_before")],
        ),
    ],
)
def test_an_index_value_far_from_the_one_before(
    values: tuple[IndexValue, ...], unit: IndexUnit, expected: list[tuple[int, str]]
) -> None:
    for known in ([JANUARY], [*values, JANUARY]):
        found = list(index_cautions("ndpr", unit, values, known))
        assert expected == [(place, each.code) for place, each in found]
        assert [f"/values/{place}/amount_micro" for place, _ in expected] == [
            each.pointer for _, each in found
        ]


def test_a_restatement_names_what_stood_before_it() -> None:
    restated = quoted(date(2026, 1, 1), 600_000_000, published=RESTATED_ON)
    ((_, told),) = index_cautions("ndpr", OXIDE, [restated], [JANUARY])
    assert (
        "ndpr from 2026-01-01 to 2026-01-31 was 60 USD per kg oxide, published 2026-02-01, and is restated "
        "to 600 USD per kg oxide." in told.text
    )


def ask(ueur_per_kg: int, **changes: object) -> SupplyTerms:
    terms = supply_order().terms
    return replace(terms, ask=replace(terms.ask, ueur_per_kg=ueur_per_kg), **changes)


def limit(ueur_per_kg: int) -> RequirementTerms:
    terms = requirement_order().terms
    return replace(terms, limit=replace(terms.limit, ueur_per_kg=ueur_per_kg))


TERM = TermHorizon(
    start_year=2027,
    profile_ppb=(100 * PERCENT_PPB,),
    index="NdPr_oxide_99",
    quotation_period="month_of_shipment",
)


def test_an_order_far_from_the_reference_of_its_market() -> None:
    reference = trade_reference(HELD, "ndpr")
    assert reference is not None
    near, fifth = reference.ueur_per_kg, reference.ueur_per_kg // 5
    for terms, expected in (
        (ask(near), []),
        (ask(fifth + 1), []),
        (ask(fifth - 1), ["/ask/amount_micro"]),
        (ask(0), []),
        (ask(-near), []),
        (ask(fifth - 1, term=TERM), []),
        (limit(5 * near), []),
        (limit(5 * near + 1), ["/limit/amount_micro"]),
    ):
        found = list(price_cautions(terms, reference))
        assert expected == [each.pointer for each in found]
        assert all(each.code == "price_far_from_reference" for each in found)
    (told,) = price_cautions(limit(7_100 * MILLION), reference)
    assert "7100.000000 EUR/kg of basis" in told.text and "NdPr_oxide_99 as of 2026-01-31" in told.text
    assert StatedPrice(amount_micro=69 * MILLION, currency="USD", per="oxide") == reference.price


def test_a_differential_below_zero_without_a_floor_is_told() -> None:
    """At an index of 35 a concentrate at the index less 42 would be paid for by its seller."""
    below = -42 * MILLION
    (found,) = below_index_cautions(below, TERM)
    assert ("price_below_zero_possible", "/ask") == (found.code, found.pointer)
    assert "at the index less 42.000000 EUR/kg: if NdPr_oxide_99 is below that, the seller pays" in found.text
    assert ["price_below_zero_possible"] == [
        each.code for each in below_index_cautions(below, replace(TERM, floor_ueur_per_kg=-1))
    ]
    for ask_, term in (
        (below, replace(TERM, floor_ueur_per_kg=0)),
        (below, None),
        (0, TERM),
    ):
        assert [] == list(below_index_cautions(ask_, term))


def test_a_code_that_the_market_does_not_hold_is_refused_with_those_that_it_holds() -> None:
    told = reference_unknown("/term/index", "NdPr-ox-USD", HELD)
    assert ("/term/index", "reference_unknown") == (told.pointer, told.code)
    for code in HELD.references:
        assert code in told.detail()
    assert "It has none." in reference_unknown("/term/index", "x", MarketInputs()).detail()
    many = MarketInputs(references={f"c{n:02}": HELD.references["NdPr_oxide_99"] for n in range(14)})
    assert "c11 and 2 more." in reference_unknown("/term/index", "x", many).detail()
