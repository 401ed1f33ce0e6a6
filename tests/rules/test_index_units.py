"""A price that reads an index in another unit than it is published in, refused until an amendment mends it.

The index is in USD per kg of oxide, the rate in EUR per USD.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from contracts.rules.index_units import unknown_cautions
from contracts.rules.indices import IndexUnit
from contracts.rules.year_prices import year_formula
from events.contract_events import InvoiceSettled
from events.contract_terms import AgreementTerms, AssayClause
from events.delivery_events import DeliveryShipped
from events.price_clauses import FlatPrice, IndexedPrice
from events.refusal import Refusal, Refusals
from tests.contract_journeys import EUR_PER_USD, IN_USD, OXIDE, PRICE, RATE, audited
from tests.contract_lane import ContractLane
from tests.contract_support import MICRO
from tests.delivery_support import CFD, UMPIRE, delivery_terms, quoted

DOLLARS, EUROS, RATED = "USD per kg oxide", "EUR per kg oxide", "EUR per USD"
assert isinstance(PRICE, IndexedPrice)
INDEX = replace(PRICE.index, code=OXIDE, fx_code=RATE, quotation_period="month_of_shipment")
SPARE = "ndpr-metal"


def indexed(*, paid_in: str = "EUR", **index: Any) -> AgreementTerms:
    price = IndexedPrice(index=replace(INDEX, **index))
    return delivery_terms(price, currency=paid_in, assay=AssayClause(umpire=UMPIRE))


AS_EUROS = indexed(currency="EUR", fx_code=None)
MENDED = indexed()


def signed(terms: AgreementTerms, *, holds_units: bool = True) -> ContractLane:
    """On 10 February, with values of January under every code that is named."""
    lane = ContractLane(holds_units=holds_units).on(date(2027, 1, 1)).draft(terms, kind="spot").sign()
    lane.on(date(2027, 2, 10)).publish(OXIDE, IN_USD, quoted(date(2027, 1, 1), 100 * MICRO))
    lane.publish(SPARE, replace(IN_USD, per="element"), quoted(date(2027, 1, 1), 100 * MICRO))
    return lane.publish(RATE, EUR_PER_USD, quoted(date(2027, 1, 1), 800_000))


def february(lane: ContractLane) -> ContractLane:
    lane.on(date(2027, 3, 1)).publish(OXIDE, IN_USD, quoted(date(2027, 2, 1), 100 * MICRO))
    return lane.publish(RATE, EUR_PER_USD, quoted(date(2027, 2, 1), 900_000))


@pytest.mark.parametrize(
    ("code", "published", "near"),
    [
        (
            "ndpr-oxide-cn",
            ("NDPR-OXIDE-CN", "ndpr-oxide", "dy-oxide-cn"),
            "NDPR-OXIDE-CN or ndpr-oxide or dy-oxide-cn",
        ),
        ("ndpr-oxid", ("eur-gbp", "ndpr-oxide"), "ndpr-oxide"),
        ("ndpr-oxide-cn", ("eur-gbp",), ""),
        ("ndpr-oxide-cn", (), ""),
    ],
)
def test_a_code_that_nothing_stands_under_is_told_with_those_that_read_like_it(
    code: str, published: tuple[str, ...], near: str
) -> None:
    terms = indexed(code=code)
    (of_index,) = unknown_cautions(terms, {RATE: EUR_PER_USD}, published)
    assert ("index_unknown", "/price/index/code") == (of_index.code, of_index.pointer)
    meant = f"Did you mean {near}?" if near else "No other code is near it."
    unpriced = "until a value is, it can price neither a lot nor a contract year."
    assert of_index.text.endswith(f": {unpriced} {meant}")
    assert 2 == len(list(unknown_cautions(terms, {}, published)))
    assert [] == list(unknown_cautions(terms, {code: IN_USD, RATE: EUR_PER_USD}, published))


def told(step: Callable[[], ContractLane]) -> list[tuple[str, str | None]]:
    return [(each.code, each.pointer) for each in refusals(step)]


def refusals(step: Callable[[], ContractLane]) -> tuple[Refusal, ...]:
    with pytest.raises(Refusals) as refused:
        step()
    return refused.value.refusals


def amended(lane: ContractLane, terms: AgreementTerms) -> ContractLane:
    return lane.propose("seller", terms).sign()


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        (AS_EUROS, [("code", DOLLARS, EUROS)]),
        (indexed(per="element"), [("code", DOLLARS, "USD per kg element")]),
        (indexed(fx_code=OXIDE), [("fx_code", DOLLARS, RATED)]),
        (indexed(paid_in="JPY"), [("fx_code", RATED, "JPY per USD")]),
        (indexed(fallback_code=SPARE), [("fallback_code", "USD per kg element", DOLLARS)]),
        (indexed(code=RATE), [("code", RATED, DOLLARS)]),
        (
            indexed(per="wet", paid_in="GBP"),
            [("code", DOLLARS, "USD per kg wet"), ("fx_code", RATED, "GBP per USD")],
        ),
    ],
)
def test_nothing_is_shipped_at_a_price_that_misreads_its_index(
    terms: AgreementTerms, expected: list[tuple[str, str, str]]
) -> None:
    lane = signed(terms)
    found = refusals(lane.ship)
    assert {"clause_unit_differs"} == {each.code for each in found}
    assert [(f"/price/index/{member}", published, agreed) for member, published, agreed in expected] == [
        (each.pointer, str(each.figures["published"]), str(each.figures["agreed"])) for each in found
    ]
    assert (
        f"published in {expected[0][1]}, but the price clause reads it in {expected[0][2]}"
        in found[0].detail()
    )
    assert not [event for event in lane.events if isinstance(event.data, DeliveryShipped)]


def test_what_is_read_as_published_is_shipped() -> None:
    """100 USD × 0.80 = 80.00, of which 90 %."""
    lane = signed(MENDED).ship()
    (line,) = lane.deliveries[lane.last].shipped.lines
    assert 72 * MICRO == line.price_micro_per_kg
    assert audited(lane.records()).divergence is None


def test_a_code_without_values_has_no_unit_yet() -> None:
    """What is published later in another unit stands in for no gap, and a month that is known needs none."""
    lane = signed(indexed(fallback_code="ndpr-later")).ship().weigh().accept()
    february(lane).publish("ndpr-later", IndexUnit(currency="CNY", per="oxide"), quoted(date(2027, 2, 1), 5))
    assert [("clause_unit_differs", "/price/index/fallback_code")] == told(lane.settle)


def test_an_amendment_prices_what_was_shipped_before_it() -> None:
    """Shipped before prices were held against units: 100 taken as euros. Settled at 100 USD × 0.90."""
    lane = signed(AS_EUROS, holds_units=False).ship().weigh().accept()
    lane.holds_units = True
    assert [("clause_unit_differs", "/price/index/code")] == told(february(lane).settle)
    amended(lane, MENDED).settle()
    final = next(line for line in lane.invoices[-1].lines if line.kind == "final")
    assert 90 * MICRO == final.price_micro_per_kg
    lane.on(date(2027, 3, 20))
    lane.publish(OXIDE, IN_USD, quoted(date(2027, 2, 1), 110 * MICRO, published=date(2027, 3, 20))).restate()
    assert 9 * MICRO == lane.invoices[-1].lines[0].price_micro_per_kg
    verdict = audited(lane.records())
    assert verdict.divergence is None, verdict.divergence.sentence


@pytest.mark.parametrize(
    "terms",
    [
        delivery_terms(FlatPrice(price_micro_per_kg=MICRO), assay=AssayClause(umpire=UMPIRE)),
        indexed(currency="GBP"),
    ],
    ids=["another kind of price", "another unit that it is not published in"],
)
def test_an_amendment_that_mends_nothing_prices_nothing_before_it(terms: AgreementTerms) -> None:
    lane = signed(AS_EUROS, holds_units=False).ship().weigh().accept()
    lane.holds_units = True
    (found,) = refusals(amended(february(lane), terms).settle)
    assert ("clause_unit_differs", EUROS) == (found.code, str(found.figures["agreed"]))


def test_what_was_settled_before_units_were_held_is_audited_as_it_was() -> None:
    lane = february(signed(AS_EUROS, holds_units=False).ship().weigh().accept()).settle()
    assert 100 * MICRO == lane.invoices[-1].lines[0].price_micro_per_kg
    assert audited(lane.records()).divergence is None


def test_a_quarter_is_held_against_its_index() -> None:
    index = replace(CFD.index, code=OXIDE)
    wrong = replace(CFD, index=replace(index, per="element"))
    terms = delivery_terms(wrong, currency="USD", assay=AssayClause(umpire=UMPIRE))
    lane = signed(terms, holds_units=False).ship().weigh().accept()
    lane.holds_units = True
    for month in (2, 3):
        lane.on(date(2027, month + 1, 1)).publish(OXIDE, IN_USD, quoted(date(2027, month, 1), 100 * MICRO))
    assert [("clause_unit_differs", "/price/index/code")] == told(
        lambda: lane.settle_quarter(date(2027, 1, 1))
    )
    amended(lane, replace(terms, price=replace(CFD, index=index))).settle_quarter(date(2027, 1, 1))
    invoice = lane.invoices[-1]
    assert isinstance(invoice, InvoiceSettled)
    assert 10 * MICRO == invoice.lines[0].price_micro_per_kg
    assert audited(lane.records()).divergence is None


def test_a_year_without_invoices_has_no_price_from_a_misread_index() -> None:
    lane = signed(AS_EUROS)
    day, at = date(2027, 2, 28), lane.on(date(2027, 3, 1)).now
    prices = [year_formula(lane.stands, day, units, lane.values, at) for units in ({}, lane.units)]
    assert prices[0] is not None
    assert (100 * MICRO, None) == (prices[0].micro_per_kg, prices[1])
