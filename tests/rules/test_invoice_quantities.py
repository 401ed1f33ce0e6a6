"""Lines that explain an invoice's quantity: from what left to what is invoiced, to the gram and the cent."""

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.rules.price_terms import amount_cents
from contracts.rules.quantities import quantity_lines
from events.contract_events import InvoiceSettled
from events.delivery_events import DeliveryShipped
from events.price_clauses import FlatPrice
from tests.contract_lane import ContractLane
from tests.delivery_support import NDPR, delivery_terms, figures
from tests.desk_support import PERCENT_PPB

TENTHS = st.integers(-PERCENT_PPB // 10, PERCENT_PPB // 10)
"""How far a laboratory is from what was stated: two within the splitting limit."""


@settings(max_examples=40)
@given(
    price=st.integers(1, 10**9),
    net_wet_g=st.integers(9_960_000, 10_000_000),
    moisture_ppb=st.integers(0, 3 * PERCENT_PPB),
    found=st.tuples(TENTHS, TENTHS, TENTHS, TENTHS),
    back_g=st.integers(1_000, 9_000_000),
)
def test_steps_lead_from_what_left_to_what_is_invoiced(
    price: int, net_wet_g: int, moisture_ppb: int, found: tuple[int, int, int, int], back_g: int
) -> None:
    lane = ContractLane().on(date(2027, 1, 1))
    lane.draft(delivery_terms(FlatPrice(price_micro_per_kg=price)), kind="spot").sign()
    lane.ship(stated=figures(**NDPR), moisture_ppb=moisture_ppb)
    lane.weigh(net_wet_g, moisture_ppb=moisture_ppb)
    nd, pr = NDPR["Nd"], NDPR["Pr"]
    lane.lodge("seller", Nd=nd + found[0], Pr=pr + found[1])
    lane.lodge("buyer", Nd=nd + found[2], Pr=pr + found[3])
    lane.accept().settle()
    lane.declare_return(back_g, moisture_ppb=moisture_ppb).settle_return()
    delivery = lane.deliveries[lane.last]
    shipped, (final, returned) = delivery.shipped, lane.invoices
    lines = quantity_lines(delivery, "ndpr", final)
    moved = [line for line in lines if line.moved_g is not None]
    product = final.lines[0]
    assert ["net_wet", "moisture", "assay", "assay"] == [line.kind for line in moved]
    assert product.quantity_g == lines[-1].counts
    assert product.quantity_g == shipped.quantity_g + sum(line.moved_g or 0 for line in moved)
    before_cents, _ = amount_cents(shipped.quantity_g, price)
    assert product.amount_cents == before_cents + sum(line.moved_cents or 0 for line in moved)
    facts: list[tuple[DeliveryShipped | InvoiceSettled, int]] = [
        (shipped, shipped.quantity_g),
        (returned, delivery.returned_g),
    ]
    for fact, quantity_g in facts:
        told = quantity_lines(delivery, "ndpr", fact)
        assert quantity_g == told[-1].counts == fact.lines[0].quantity_g
        assert all(line.shipped is None and line.moved_g is None for line in told)
