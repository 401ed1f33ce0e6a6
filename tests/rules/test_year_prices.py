"""The price of a contract year: the mean of its final invoices, else what the formula gives at its end."""

from datetime import date

from msgspec.structs import replace

from contracts.rules.prices import Priced
from contracts.rules.volumes import YearVolume
from contracts.rules.year_prices import formula_price, mean_price
from events.contract_terms import IndexValue
from events.market_terms import PenaltyRule, SustainabilityProfile
from events.price_clauses import IndexedPrice, IndexReference, MatchedPrice
from tests.desk_support import MATCH, MILLION, TONNE_G
from tests.rules.test_delivery_prices import sustainable
from tests.volume_support import TERMS, at, days

LAST_DAY = date(2029, 6, 30)
INDEX = IndexReference(code="ndpr-cif", currency="USD", per="element", quotation_period="month_of_shipment")
INDEXED = replace(
    TERMS,
    price=IndexedPrice(index=INDEX, floor_micro_per_kg=70 * MILLION),
    penalties=(PenaltyRule(analyte="Th", threshold_ppb=1, step_ppb=1, ueur_per_kg_per_step=MILLION),),
)
VALUE = IndexValue(
    period=days(date(2029, 6, 1), date(2029, 7, 1)),
    amount_micro=82 * MILLION,
    as_of=date(2029, 6, 30),
    published_at=at(2029, 7, 1),
    source="test",
)


def micro(price: Priced | None) -> int | None:
    return None if price is None else price.micro_per_kg


def test_the_mean_of_a_year_is_its_invoices_over_its_grams() -> None:
    assert None is mean_price(YearVolume(year=1))
    mean = mean_price(YearVolume(year=1, invoiced_g=300 * TONNE_G, invoiced_cents=2_300_000_000))
    assert mean is not None
    assert 76_666_667 == mean.micro_per_kg
    assert {"invoiced_cents": "2300000000", "invoiced_g": "300000000"} == mean.terms[0].inputs


def test_a_fixed_price_needs_no_index() -> None:
    matched = replace(TERMS, price=MatchedPrice(match=MATCH, price_micro_per_kg=60 * MILLION, terms=()))
    assert [75 * MILLION, 60 * MILLION] == [
        micro(formula_price(terms, LAST_DAY, {}, at(2029, 7, 1))) for terms in (TERMS, matched)
    ]


def test_a_term_of_a_fixed_or_mean_price_is_all_of_it() -> None:
    matched = replace(TERMS, price=MatchedPrice(match=MATCH, price_micro_per_kg=60 * MILLION, terms=()))
    mean = mean_price(YearVolume(year=1, invoiced_g=TONNE_G, invoiced_cents=7_500_000))
    for found in (formula_price(matched, LAST_DAY, {}, at(2029, 7, 1)), mean):
        assert found is not None
        (term,) = found.terms
        assert found.micro_per_kg == term.micro_per_kg == term.after_micro_per_kg


def test_a_lot_that_was_never_delivered_is_paid_nothing_for_its_sustainability() -> None:
    known, now = {"ndpr-cif": (VALUE,)}, at(2029, 7, 2)
    assert isinstance(INDEXED.price, IndexedPrice)
    clause = sustainable(SustainabilityProfile())
    terms = replace(INDEXED, price=replace(INDEXED.price, sustainability=clause))
    assert formula_price(INDEXED, LAST_DAY, known, now) == formula_price(terms, LAST_DAY, known, now)


def test_an_index_gives_the_price_of_a_spotless_lot_on_the_last_day() -> None:
    known = {"ndpr-cif": (VALUE,)}
    low = {"ndpr-cif": (replace(VALUE, amount_micro=50 * MILLION),)}
    prices = [formula_price(INDEXED, LAST_DAY, values, at(2029, 7, 2)) for values in (known, low, {})]
    assert [82 * MILLION, 70 * MILLION, None] == [micro(price) for price in prices]
    assert prices[0] is not None
    assert prices[0].terms[-1].after_micro_per_kg == prices[0].micro_per_kg
