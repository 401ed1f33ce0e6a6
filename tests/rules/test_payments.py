"""What is open of the invoices of a delivery after payments, credits and returns; and what is refused."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from contracts.rules.payment import OfDelivery, Payment, fold, standings
from contracts.rules.payments import DenyPayment, PaymentState, StatePayment, open_payment
from contracts.rules.payments import deny as decide_denial
from events.callers import Caller
from events.payment_events import InvoiceReferenced, PaymentDenied, PaymentReceived, PaymentStated
from events.price_clauses import FlatPrice
from events.refusal import Refusals
from tests.contract_journeys import audited, body_of, divergence_of
from tests.contract_lane import rechained
from tests.contract_support import MICRO
from tests.delivery_support import delivery_terms
from tests.desk_support import LANE, SELLER_TRADER, STRANGER_TRADER, blotter
from tests.payment_lane import PaidLane, asked

DAY = date(2027, 1, 10)


def issued(*figures: tuple[int, int]) -> list[OfDelivery]:
    """Totals and what was received of them, in cents, a day apart."""
    return [
        OfDelivery(
            total_cents=total_cents,
            received_cents=received_cents,
            issued_on=DAY + timedelta(days=place),
            received_on=DAY + timedelta(days=30) if received_cents else None,
        )
        for place, (total_cents, received_cents) in enumerate(figures)
    ]


def outstanding(invoices: Sequence[OfDelivery]) -> list[tuple[str, int]]:
    return [
        (stands.status, each.total_cents - each.received_cents - stands.set_off_cents)
        for each, stands in zip(invoices, standings(invoices), strict=True)
    ]


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ([(100, 0)], [("open", 100)]),
        ([(100, 40)], [("part_paid", 60)]),
        ([(0, 0)], [("paid", 0)]),
        # a final invoice above the provisional one, below it, and below it after that was paid
        ([(100, 100), (15, 0)], [("paid", 0), ("open", 15)]),
        ([(100, 0), (-20, 0)], [("open", 80), ("set_off", 0)]),
        ([(100, 100), (-20, 0)], [("paid", 0), ("open", -20)]),
        ([(100, 90), (-20, 0)], [("paid", 0), ("open", -10)]),
        ([(100, 100), (-20, -20)], [("paid", 0), ("paid", 0)]),
        # withdrawn, rejected or lost at the seller's risk: before and after the provisional one was paid
        ([(100, 0), (-100, 0)], [("set_off", 0), ("set_off", 0)]),
        ([(100, 30), (-100, 0)], [("paid", 0), ("open", -30)]),
        # without a provisional one; then a restatement, and all of it goes back
        ([(110, 0), (5, 0), (-115, 0)], [("set_off", 0)] * 3),
        ([(110, 110), (5, 0), (-115, 0)], [("paid", 0), ("set_off", 0), ("open", -110)]),
        # the umpire's share on a final invoice of a credit, and a price below zero
        ([(-40, 0), (25, 0)], [("open", -15), ("set_off", 0)]),
    ],
)
def test_what_is_open_of_the_invoices_of_a_delivery(
    figures: list[tuple[int, int]], expected: list[tuple[str, int]]
) -> None:
    assert expected == outstanding(issued(*figures))


def test_an_invoice_is_settled_on_the_day_of_what_settled_it() -> None:
    paid, credited = issued((100, 80), (-20, 0)), issued((100, 0), (-100, 0), (7, 0))
    assert [DAY + timedelta(days=30), DAY + timedelta(days=1)] == [
        each.settled_on for each in standings(paid)
    ]
    assert [DAY + timedelta(days=1)] * 2 + [None] == [each.settled_on for each in standings(credited)]


@given(st.lists(st.tuples(st.integers(-1_000, 1_000), st.integers(0, 10)), max_size=8))
def test_credits_move_nothing_but_what_is_open(shares: list[tuple[int, int]]) -> None:
    """They add up to nothing, turn no sign, and leave open what one direction owes alone."""
    invoices = issued(*((total, total * tenths // 10) for total, tenths in shares))
    found = standings(invoices)
    unpaid = [each.total_cents - each.received_cents for each in invoices]
    left = [cents - each.set_off_cents for cents, each in zip(unpaid, found, strict=True)]
    assert 0 == sum(each.set_off_cents for each in found)
    assert all(
        cents * rest >= 0 and abs(rest) <= abs(cents) for cents, rest in zip(unpaid, left, strict=True)
    )
    assert not (any(rest > 0 for rest in left) and any(rest < 0 for rest in left))
    assert [not rest for rest in left] == [each.status in ("paid", "set_off") for each in found]
    assert [not rest for rest in left] == [each.settled_on is not None for each in found]


def shipped() -> PaidLane:
    lane = PaidLane()
    lane.on(DAY).draft(delivery_terms(FlatPrice(price_micro_per_kg=75 * MICRO)), kind="spot").sign()
    lane.ship(lot_number="L1")
    return lane


def test_an_invoice_takes_no_more_than_it_says() -> None:
    """With what waits for its payee's word, and however it is cut."""
    lane = shipped()
    invoice, cents = lane.newest.invoice, lane.newest.total_cents
    assert ["invoice_overpaid"] == [code for code, _ in blotter(lambda: lane.pay({invoice: cents + 1}))]
    lane.pay({invoice: cents - 1})
    assert [("invoice_overpaid", "/parts/0/amount")] == blotter(lambda: lane.pay({invoice: 2}))
    first = lane.paying
    lane.pay({invoice: cents}, "seller", receives=True)
    second = lane.paying
    assert [("invoice_overpaid", "/parts/0/amount")] == blotter(lambda: lane.pay({invoice: 1}))
    lane.paying = first
    assert [("invoice_overpaid", "/parts/0/amount")] == blotter(lane.confirm)
    lane.paying = second
    lane.reverse()
    lane.paying = first
    assert cents - 1 == lane.confirm().payables()[invoice].received_cents
    assert [("payment_status_unfit", None)] == blotter(lane.deny)
    assert [("payment_status_unfit", None)] == blotter(lane.withdraw_payment)
    assert [("payment_of_other", None)] == blotter(lambda: lane.reverse("buyer"))
    assert None is audited(lane.records()).divergence


def test_a_document_of_a_day_that_has_begun_in_the_far_east_is_referred_to() -> None:
    """On 11 January, at 10:00 UTC of the day before, in Kiritimati; a minute before it has begun nowhere."""
    lane = shipped()
    tomorrow, begins = DAY + timedelta(days=1), datetime.combine(DAY, time(10), UTC)
    lane.now = begins - timedelta(minutes=1)
    invoice = lane.newest.invoice
    with pytest.raises(Refusals) as early:
        lane.refer(invoice, "RE-1", "seller", tomorrow)
    (reason,) = early.value.refusals
    assert ("date_in_future", "/dated_on") == (reason.code, reason.pointer)
    assert reason.detail().endswith(f"it is {DAY}.")
    lane.now = begins
    said = lane.refer(invoice, "RE-1", "seller", tomorrow).events[-1].data
    assert isinstance(said, InvoiceReferenced)
    assert tomorrow == said.dated_on
    assert None is audited(lane.records()).divergence


def test_a_payment_is_repeated_by_its_day_and_reference() -> None:
    lane = shipped()
    invoice = lane.newest.invoice
    same: dict[str, Any] = {"reference": "E2E", "value_on": DAY}
    lane.pay({invoice: 5}, **same)
    assert [("payment_repeated", "/reference")] == blotter(lambda: lane.pay({invoice: 7}, **same))
    lane.pay({invoice: 7}, reference="E2E", value_on=DAY + timedelta(days=1)).confirm(
        {invoice: 6}, value_on=DAY
    )
    lane.reverse()
    lane.pay({invoice: 7}, reference="E2E", value_on=DAY + timedelta(days=1))
    assert None is audited(lane.records()).divergence


def test_a_set_off_of_two_invoices_needs_no_money_but_its_payees_word() -> None:
    lane = shipped()
    first = lane.newest
    lane.ship(lot_number="L2").withdraw_lot()
    credit = lane.newest
    parts = {first.invoice: -credit.total_cents, credit.invoice: credit.total_cents}
    assert 0 == sum(parts.values())
    lane.pay(parts)
    assert [("received_above_transfer", "/parts")] == blotter(lambda: lane.confirm({first.invoice: 1}))
    lane.confirm()
    assert 0 == lane.payables()[credit.invoice].total_cents - lane.payables()[credit.invoice].received_cents
    assert ["payment_sign_unfit"] * 2 == [code for code, _ in blotter(lambda: lane.pay(parts, "seller"))]


def test_a_step_is_refused_for_every_reason_at_once() -> None:
    lane = shipped()
    lane.pay({lane.newest.invoice: 5})
    stale: dict[str, Any] = {"expected_version": 2}
    for by, step, expected in (
        ("buyer", lane.confirm, [("payment_of_other", None), ("version_stale", None)]),
        ("buyer", lane.deny, [("payment_of_other", None), ("version_stale", None)]),
        ("seller", lane.withdraw_payment, [("payment_of_other", None), ("version_stale", None)]),
        ("seller", lane.reverse, [("payment_status_unfit", None), ("version_stale", None)]),
    ):
        assert expected == blotter(partial(step, by=by, **stale))
    assert [("malformed_member", "/reason")] == blotter(lambda: lane.deny(reason=""))
    lane.deny().withdraw_payment()
    assert (3, "withdrawn") == (lane.payments[lane.paying].version, lane.payments[lane.paying].status)
    assert [("payment_status_unfit", None)] == blotter(lane.confirm)


def test_only_its_two_sides_know_of_a_payment_and_traders_and_accountants_speak() -> None:
    lane = shipped()
    payment = lane.pay({lane.newest.invoice: 5}).payments[lane.paying]
    reads = replace(SELLER_TRADER, roles=frozenset({"reader"}))

    def deny(caller: Caller, known: Payment | None = payment) -> list[tuple[str, str | None]]:
        argument = DenyPayment(caller=caller, payment=lane.paying, expected_version=1, reason="nothing came")
        return blotter(lambda: decide_denial(PaymentState(lane=LANE, payment=known), argument, lane.moment))

    assert [("role_missing", None)] == deny(reads)
    assert [("payment_unknown", None)] == deny(STRANGER_TRADER) == deny(SELLER_TRADER, None)
    theirs = StatePayment(
        caller=STRANGER_TRADER,
        currency="EUR",
        amount_cents=5,
        value_on=DAY,
        reference="again",
        parts=asked({lane.newest.invoice: 5}),
    )
    state = PaymentState(lane=LANE, payables=lane.payables())
    assert [("invoice_unknown", "/parts/0/invoice")] == blotter(
        lambda: open_payment(state, theirs, lane.moment)
    )


def test_a_fact_that_follows_on_nothing_said_before_is_not_folded() -> None:
    lane = shipped()
    lane.pay({lane.newest.invoice: 5})
    stated = lane.events[-1].data
    assert isinstance(stated, PaymentStated)
    denied = lane.deny().events[-1].data
    assert isinstance(denied, PaymentDenied)
    with pytest.raises(LookupError, match="was never stated"):
        fold(None, 1, denied)
    for known, fact, status in (
        (fold(None, 1, stated), stated, "stated"),
        (lane.payments[lane.paying], denied, "denied"),
    ):
        with pytest.raises(LookupError, match=f"is {status}"):
            fold(known, 2, fact)


def test_an_audit_finds_a_receipt_that_nobody_could_record() -> None:
    """More than its invoice, though every part and sum of it fits."""
    lane = shipped()
    invoice, cents = lane.newest.invoice, lane.newest.total_cents
    lane.pay({invoice: cents}, "seller", receives=True)
    assert None is audited(lane.records()).divergence
    event = lane.events[-1]
    fact = event.data
    assert isinstance(fact, PaymentReceived)
    (part,) = fact.parts
    more = replace(fact, amount_cents=cents + 1, parts=(replace(part, amount_cents=cents + 1),))
    found = divergence_of(rechained(lane.records(), len(lane.events) - 1, body_of(event, more)))
    assert event.position == found.position
    assert "invoice_overpaid" in found.sentence
