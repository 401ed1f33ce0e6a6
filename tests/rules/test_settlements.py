"""Final invoices, restatements, a quarter's difference: settled once, changed never."""

from datetime import date, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from contracts.rules.days import midnight
from contracts.rules.delivered import shipment_cautions
from contracts.rules.delivery import Delivery, fold
from contracts.rules.invoices import due_on, settled_lines, total_cents
from contracts.rules.volumes import Volumes
from events.contract_terms import AssayClause, IndexValue
from events.market_terms import AnalyteLimit
from events.price_clauses import ContractForDifference, IndexedPrice
from events.vocabulary import PPB
from tests.contract_support import MICRO, TONNE_G
from tests.delivery_support import (
    CFD,
    FLAT,
    INDEX,
    UMPIRE,
    Deliveries,
    delivery_terms,
    figures,
    quoted,
)
from tests.desk_support import PERCENT_PPB, blotter

MARCH, APRIL = date(2027, 3, 1), date(2027, 4, 1)
INDEXED = delivery_terms(IndexedPrice(index=INDEX))
STRIKE = delivery_terms(CFD, currency="USD", assay=AssayClause(umpire=UMPIRE))


def accepted(terms: Any = INDEXED, *values: IndexValue) -> Deliveries:
    """8 t, shipped and accepted on 10 March; February's value is known."""
    known = {INDEX.code: [quoted(date(2027, 2, 1), 50 * MICRO), *values]}
    of = Deliveries(terms, known).on(date(2027, 3, 10)).ship().weigh()
    if terms.assay.splitting:
        of.lodge("seller").lodge("buyer")
    return of.accept()


def test_a_shipment_without_any_index_value_is_recorded_and_its_final_invoice_is_the_whole() -> None:
    """A lorry that has left is recorded: 8 t at 40 EUR per kg of oxide, with nothing to credit."""
    bare = Deliveries(INDEXED).on(date(2027, 3, 10)).ship().weigh().lodge("seller").lodge("buyer").accept()
    assert () == bare.delivery.shipped.lines
    assert ["invoice_waits"] == [
        each.code for each in shipment_cautions(bare.paper.stands, Volumes(), (), bare.delivery.shipped)
    ]
    bare.on(APRIL)
    assert [("index_gap", None)] == blotter(bare.settle)
    bare.values = {INDEX.code: [quoted(MARCH, 60 * MICRO)]}
    (final,) = bare.settle().invoices[0].lines
    assert ("final", 8 * TONNE_G) == (final.kind, final.quantity_g)
    assert final.amount_cents == bare.invoices[0].total_cents > 0


def test_a_lot_that_was_never_invoiced_is_rejected_without_a_credit() -> None:
    terms = replace(
        INDEXED, product=replace(INDEXED.product, limits=(AnalyteLimit(analyte="Nd", min_ppb=PPB),))
    )
    of = Deliveries(terms).on(date(2027, 3, 10)).ship().weigh().lodge("seller").lodge("buyer").reject()
    assert ("rejected", []) == (of.delivery.status, of.invoices)


def test_a_final_price_waits_for_its_quotation_period_and_its_values() -> None:
    of = accepted()
    assert [("quotation_period_open", None)] == blotter(of.settle)
    of.on(APRIL)
    assert [("index_gap", None)] == blotter(of.settle)
    assert [] == of.invoices


def test_an_invoice_is_due_by_the_terms_of_its_shipment_whatever_is_signed_since() -> None:
    of = Deliveries(FLAT).on(MARCH)
    issued = midnight(date(2027, 3, 20))
    assert date(2027, 4, 19) == due_on(of.paper.stands, issued + timedelta(hours=23), MARCH)
    later = replace(FLAT, payment=replace(FLAT.payment, due_days=60))
    of.on(date(2027, 3, 20)).paper.propose("seller", later).sign("seller").sign("buyer")
    amended = of.paper.stands
    assert date(2027, 4, 19) == due_on(amended, issued, None) == due_on(amended, issued, MARCH)
    next_day = issued + timedelta(days=1)
    assert (date(2027, 4, 20), date(2027, 5, 20)) == (
        due_on(amended, next_day, MARCH),
        due_on(amended, next_day, None),
    )


def test_a_final_invoice_takes_the_provisional_one_back() -> None:
    """8,000 kg × 60 EUR = 480,000 less 8,000 × 50 × 90 % = 360,000 EUR."""
    of = accepted(INDEXED, quoted(MARCH, 60 * MICRO)).on(APRIL).settle()
    (invoice,) = of.invoices
    assert [("final", 48_000_000), ("provisional_credit", -36_000_000)] == [
        (line.kind, line.amount_cents) for line in invoice.lines
    ]
    assert ("final", 12_000_000, "EUR", 1) == (
        invoice.settles,
        invoice.total_cents,
        invoice.currency,
        invoice.year,
    )


def test_a_price_without_an_index_is_settled_at_once() -> None:
    of = Deliveries(FLAT).on(MARCH).assayed().accept().settle()
    assert 8_000_000 == of.invoices[0].total_cents
    assert [("nothing_restated", None)] == blotter(of.restate)


def test_a_delivery_is_settled_once() -> None:
    of = accepted(INDEXED, quoted(MARCH, 60 * MICRO)).on(APRIL).settle()
    assert [("already_settled", None)] == blotter(lambda: of.settle("buyer"))


def test_the_buyers_share_of_the_umpire_stands_on_the_invoice() -> None:
    seller = figures(Nd=62 * PERCENT_PPB, Pr=20 * PERCENT_PPB)
    buyer = figures(Nd=58 * PERCENT_PPB, Pr=20 * PERCENT_PPB)
    of = Deliveries(
        delivery_terms(IndexedPrice(index=replace(INDEX, quotation_period="month_before_shipment")))
    )
    of.values = {INDEX.code: [quoted(date(2027, 2, 1), 50 * MICRO)]}
    of.on(MARCH).ship().weigh().lodge("seller", results=seller).lodge("buyer", results=buyer)
    of.umpire(results=figures(Nd=61 * PERCENT_PPB), cost_cents=120_000).accept().settle()
    lines = {line.kind: line.amount_cents for line in of.invoices[0].lines}
    # 10 t × 81 % × 50 EUR, less 8 t × 50 × 90 %
    expected = {"final": 40_500_000, "provisional_credit": -36_000_000, "umpire_cost": 120_000}
    assert expected == lines


def test_a_restated_index_gives_a_difference_line_and_leaves_the_invoice() -> None:
    of = accepted(INDEXED, quoted(MARCH, 60 * MICRO))
    assert [("not_settled_yet", None)] == blotter(of.restate)
    of.on(APRIL).settle()
    assert [("nothing_restated", None)] == blotter(of.restate)
    settled = of.invoices[0]
    of.values[INDEX.code].append(quoted(MARCH, 61 * MICRO, published=date(2027, 5, 2)))
    of.on(date(2027, 5, 1))
    assert [("nothing_restated", None)] == blotter(of.restate)
    of.on(date(2027, 5, 3)).restate()
    assert settled == of.invoices[0]
    second = of.invoices[1]
    assert ("restatement", settled.invoice, 800_000) == (second.settles, second.restates, second.total_cents)
    assert ("difference", MICRO) == (second.lines[0].kind, second.lines[0].price_micro_per_kg)
    of.values[INDEX.code].append(quoted(MARCH, 55 * MICRO, published=date(2027, 6, 1)))
    of.on(date(2027, 6, 2)).restate()
    assert (second.invoice, -4_800_000) == (of.invoices[2].restates, of.invoices[2].total_cents)
    (whole,) = settled_lines(of.invoices, "final")
    assert (55 * MICRO, 44_000_000) == (whole.price_micro_per_kg, whole.amount_cents)


def quarter(mean: int, *shipments: tuple[date, int]) -> Deliveries:
    months = [quoted(date(2027, month, 1), mean) for month in (1, 2, 3)]
    of = Deliveries(STRIKE, {INDEX.code: [quoted(date(2026, 12, 1), mean), *months]})
    for day, tonnes in shipments:
        of.on(day).ship(net_wet_g=tonnes * TONNE_G).weigh(net_wet_g=tonnes * TONNE_G).accept()
    return of


Q1 = date(2027, 1, 1)


def test_a_quarter_that_cannot_be_settled() -> None:
    fixed = accepted(INDEXED)
    assert [("no_contract_for_difference", None)] == blotter(lambda: fixed.settle_quarter(Q1))
    of = quarter(62 * MICRO, (date(2027, 2, 1), 10))
    assert [("quarter_start", "/quarter")] == blotter(lambda: of.settle_quarter(date(2027, 2, 1)))
    assert [("quarter_not_over", None)] == blotter(lambda: of.settle_quarter(Q1))
    of.ship(lot_number="late").on(APRIL)
    assert [("quarter_undecided", None)] == blotter(lambda: of.settle_quarter(Q1))
    empty = quarter(62 * MICRO).on(APRIL)
    assert [("nothing_delivered", None)] == blotter(lambda: empty.settle_quarter(Q1))


def test_two_deliveries_of_a_quarter_at_strike_110() -> None:
    """(10 + 20) t × 80 % × (110 − 62) USD/kg = 1,152,000 USD beside what was paid at the index."""
    of = quarter(62 * MICRO, (date(2027, 1, 15), 10), (date(2027, 3, 31), 20)).on(APRIL).settle_quarter(Q1)
    invoice = of.invoices[-1]
    assert ("contract_for_difference", 115_200_000, "USD") == (
        invoice.settles,
        invoice.total_cents,
        invoice.currency,
    )
    assert (24_000_000, 48 * MICRO) == (invoice.lines[0].quantity_g, invoice.lines[0].price_micro_per_kg)
    assert [("already_settled", None)] == blotter(lambda: of.settle_quarter(Q1))


def test_a_quarter_with_an_amended_strike_has_a_line_for_each() -> None:
    """8 t × (110 − 62) + 16 t × (120 − 62) = 384,000 + 928,000 USD; a mean one higher takes 24,000 back."""
    of = quarter(62 * MICRO, (date(2027, 1, 15), 10))
    assert isinstance(STRIKE.price, ContractForDifference)
    amended = replace(STRIKE, price=replace(STRIKE.price, strike_micro_per_kg=120 * MICRO))
    of.on(date(2027, 2, 12)).paper.propose("seller", amended).sign_both()
    of.on(date(2027, 3, 31)).ship(net_wet_g=20 * TONNE_G).weigh(net_wet_g=20 * TONNE_G).accept()
    of.on(APRIL).settle_quarter(Q1)
    invoice = of.invoices[-1]
    assert [38_400_000, 92_800_000] == [line.amount_cents for line in invoice.lines]
    of.values[INDEX.code].append(quoted(MARCH, 65 * MICRO, published=date(2027, 4, 20)))
    of.on(date(2027, 4, 21)).settle_quarter(Q1)
    assert [-800_000, -1_600_000] == [line.amount_cents for line in of.invoices[-1].lines]
    assert (invoice.invoice, -2_400_000) == (of.invoices[-1].restates, of.invoices[-1].total_cents)


def test_a_strike_amended_on_the_first_day_of_a_quarter_is_that_of_all_its_deliveries() -> None:
    """8 t shipped on the first day: 8 t × (120 − 62) = 464,000 USD, on one line."""
    of = quarter(62 * MICRO)
    assert isinstance(STRIKE.price, ContractForDifference)
    amended = replace(STRIKE, price=replace(STRIKE.price, strike_micro_per_kg=120 * MICRO))
    of.on(date(2027, 3, 31)).paper.propose("seller", amended).sign_both()
    assert [date(2027, 3, 31)] == [each.until for each in of.paper.stands.superseded]
    of.values[INDEX.code] += [quoted(date(2027, month, 1), 62 * MICRO) for month in (4, 5, 6)]
    of.on(APRIL).ship().weigh().accept().on(date(2027, 7, 1)).settle_quarter(APRIL)
    assert [46_400_000] == [line.amount_cents for line in of.invoices[-1].lines]


def test_above_the_strike_the_buyer_gets_30_percent() -> None:
    """24 t × 30 % × (130 − 110) = 144,000 USD from the seller."""
    of = quarter(130 * MICRO, (date(2027, 1, 15), 10), (date(2027, 3, 31), 20)).on(APRIL).settle_quarter(Q1)
    assert -14_400_000 == of.invoices[-1].total_cents


def test_a_restated_quarter_gives_a_difference_to_the_difference() -> None:
    of = quarter(62 * MICRO, (date(2027, 1, 15), 10)).on(APRIL).settle_quarter(Q1)
    of.values[INDEX.code].append(quoted(MARCH, 65 * MICRO, published=date(2027, 4, 20)))
    of.on(date(2027, 4, 21)).settle_quarter(Q1)
    first, second = of.invoices[-2:]
    # the mean rose by 1 USD over 8 t
    assert (first.invoice, "restatement", -800_000) == (second.restates, second.settles, second.total_cents)


@settings(max_examples=40)
@given(st.lists(st.integers(1, 200 * MICRO), min_size=1, max_size=4), st.integers(1, 90_000_000))
def test_all_invoices_together_are_what_the_last_value_gives(amounts: list[int], net_wet_g: int) -> None:
    """However often March is restated, the lines add up to the final price of the last value."""
    first, *restated = amounts
    of = Deliveries(INDEXED, {INDEX.code: [quoted(date(2027, 2, 1), 50 * MICRO), quoted(MARCH, first)]})
    of.on(date(2027, 3, 10)).ship(net_wet_g=max(2, net_wet_g)).weigh(net_wet_g=max(2, net_wet_g))
    of.lodge("seller").lodge("buyer").accept().on(APRIL).settle()
    for month, amount in enumerate(restated, start=5):
        published = date(2027, month, 1)
        of.values[INDEX.code].append(quoted(MARCH, amount, published=published))
        of.on(published)
        if blotter(of.restate) == [("nothing_restated", None)]:
            continue
    paid = sum(line.amount_cents for line in of.delivery.shipped.lines)
    (whole,) = settled_lines(of.invoices, "final")
    assert whole.amount_cents == paid + sum(invoice.total_cents for invoice in of.invoices)
    assert all(invoice.total_cents == total_cents(invoice.lines) for invoice in of.invoices)
    assert amounts[-1] == whole.price_micro_per_kg


def test_a_replay_gives_the_same_delivery() -> None:
    of = accepted(INDEXED, quoted(MARCH, 60 * MICRO))
    stands = of.delivery
    again: Delivery | None = None
    facts = (
        stands.shipped,
        stands.weighed,
        stands.seller_assay,
        stands.buyer_assay,
        stands.exchanged,
        stands.accepted,
    )
    for fact in facts:
        assert fact is not None
        again = fold(again, stands.position, fact)
    assert stands == again
