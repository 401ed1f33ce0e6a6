"""An accepted lot that goes back: by both sides' word or the operator's, credited at the price paid."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from contracts.rules.agreement import other_side
from contracts.rules.delivered import left_g
from contracts.rules.delivery import fold
from contracts.rules.invoices import settled_lines
from contracts.rules.quotation import quarter_of
from contracts.rules.returns import is_operators
from contracts.rules.settlements import accepted_g
from events.contract_events import InvoiceSettled
from events.contract_terms import Evidence
from events.delivery_events import ReturnSettled
from events.price_clauses import FlatPrice
from events.vocabulary import Side
from tests.contract_journeys import body_of, divergence_of, journey
from tests.contract_lane import rechained
from tests.contract_support import MICRO, TONNE_G
from tests.delivery_support import FLAT, Deliveries
from tests.desk_support import BUYER_TRADER, OPERATOR_CALLER, STRANGER_TRADER, blotter
from tests.rules.test_deliveries import SHIPPED, begun

REPORT = Evidence(title="Laboratory report", sha256="ab" * 32, dated_on=SHIPPED)


def refused(step: Callable[[], Any]) -> list[str]:
    return [code for code, _ in blotter(step)]


def paid(terms: Any = FLAT, **changes: Any) -> Deliveries:
    """8 t of basis at 100 EUR, accepted and finally invoiced."""
    return begun(terms).assayed(**changes).accept().settle()


def credits_of(of: Deliveries) -> list[int]:
    return [each.total_cents for each in of.invoices if each.settles == "return"]


def test_a_whole_lot_goes_back_for_all_that_was_paid() -> None:
    of = paid().declare_return()
    assert [] == credits_of(of)
    of.settle_return()
    assert [-80_000_000] == credits_of(of)
    assert (0, 0, 8 * TONNE_G) == (of.delivery.taken_g, of.delivery.kept_wet_g, of.delivery.returned_g)
    assert (0, 0) == (left_g(of.paper.stands, [of.delivery]), accepted_g([of.delivery]))
    assert "accepted" == of.delivery.status
    (line,) = of.invoices[-1].lines
    assert ("return_credit", 8 * TONNE_G, -100 * MICRO) == (
        line.kind,
        line.quantity_g,
        line.price_micro_per_kg,
    )


@pytest.mark.parametrize("parts", [(3_333_333, 3_333_333, 3_333_334), (2, 9_999_998), (10_000_000,)])
def test_parts_that_go_back_come_to_what_was_paid_to_the_cent(parts: tuple[int, ...]) -> None:
    of = paid(replace(FLAT, price=FlatPrice(price_micro_per_kg=33_333_333)))
    (final,) = settled_lines(of.invoices, "final")
    for net_wet_g in parts:
        of.declare_return(net_wet_g=net_wet_g).settle_return()
    assert -final.amount_cents == sum(credits_of(of))
    (left,) = settled_lines(of.invoices, "final")
    assert (0, 0, 0) == (left.quantity_g, left.amount_cents, left.remainder_micro_g_per_kg)
    assert 0 == of.delivery.taken_g
    assert ["return_above_delivery"] == refused(lambda: of.declare_return(net_wet_g=1))


def test_every_credit_is_quantity_times_price() -> None:
    of = paid(replace(FLAT, price=FlatPrice(price_micro_per_kg=33_333_333)))
    of.declare_return(net_wet_g=1_234_567).settle_return()
    (line,) = of.invoices[-1].lines
    product = line.quantity_g * line.price_micro_per_kg
    assert product == line.amount_cents * 10_000_000 + line.remainder_micro_g_per_kg


def test_moisture_is_not_paid_for() -> None:
    of = paid(net_wet_g=10 * TONNE_G, moisture_ppb=100_000_000)
    of.declare_return(net_wet_g=9 * TONNE_G).settle_return()
    assert (0, 7_200_000) == (of.delivery.taken_g, of.delivery.returned_g)


def test_who_says_what() -> None:
    of = paid()
    assert ["return_undeclared"] == refused(of.settle_return)
    assert ["return_undeclared"] == refused(of.contest_return)
    assert ["agreement_unknown"] == refused(lambda: of.declare_return(caller=STRANGER_TRADER))
    of.declare_return()
    assert ["return_open"] == refused(of.declare_return)
    assert ["return_answer_open"] == refused(lambda: of.contest_return("buyer"))
    assert ["side_wrong"] == refused(lambda: of.settle_return("buyer"))
    assert ["side_wrong"] == refused(lambda: of.settle_return("seller", "falls"))
    award: dict[str, Any] = {"caller": OPERATOR_CALLER, "evidence": (REPORT,)}
    assert ["return_undeclared"] == refused(lambda: of.settle_return(**award))
    of.contest_return()
    assert ["return_contested_before"] == refused(of.contest_return)
    assert ["evidence_missing"] == refused(lambda: of.settle_return(caller=OPERATOR_CALLER))
    of.settle_return(outcome="falls", **award)
    assert [] == credits_of(of)
    assert (8 * TONNE_G, 10 * TONNE_G) == (of.delivery.taken_g, of.delivery.kept_wet_g)
    of.declare_return("seller", freight="buyer").settle_return("buyer")
    returns = of.delivery.returns
    assert returns is not UNSET
    assert [("buyer", False, UNSET), ("seller", True, "buyer")] == [
        (each.declared.by, each.stands, each.settled.by if each.settled else None) for each in returns
    ]


@pytest.mark.parametrize("declarer", ["buyer", "seller"])
def test_who_declared_it_brings_it_before_the_operator_when_the_other_side_keeps_silent(
    declarer: Side,
) -> None:
    """Until the end of the 30th day after the declaration the other side has the word."""
    of = paid().declare_return(declarer)
    award: dict[str, Any] = {"caller": OPERATOR_CALLER, "evidence": (REPORT,)}
    assert ["return_answer_open"] == refused(lambda: of.on(SHIPPED + timedelta(30)).contest_return(declarer))
    assert not is_operators(of.delivery)
    of.on(SHIPPED + timedelta(31)).contest_return(declarer, reason="no word for a month")
    assert is_operators(of.delivery)
    assert ["return_contested_before"] == refused(lambda: of.contest_return(declarer))
    late = other_side(declarer)
    of.contest_return(late)
    assert ["return_contested_before"] == refused(lambda: of.contest_return(late))
    assert ["return_contested_before"] == refused(lambda: of.contest_return(declarer))
    of.settle_return(**award)
    assert [-80_000_000] == credits_of(of)


def test_the_silent_side_still_gives_in_and_the_other_still_takes_it_back() -> None:
    for by, outcome in (("seller", "stands"), ("buyer", "falls")):
        of = paid().declare_return().on(SHIPPED + timedelta(31)).contest_return("buyer")
        of.settle_return(by, outcome)
        assert (len(credits_of(of)) == 1, None) == (outcome == "stands", of.delivery.returning)


def test_what_was_declared_without_a_day_is_declared_anew() -> None:
    of = paid()
    of.of_before = True
    of.declare_return().on(SHIPPED + timedelta(365))
    of.of_before = False
    assert ["return_answer_undated"] == refused(lambda: of.contest_return("buyer"))
    of.settle_return("buyer", "falls").declare_return()
    returning = of.delivery.returning
    assert returning is not None
    assert returning.declared.answer_by is not UNSET
    assert SHIPPED + timedelta(365 + 31) == returning.declared.answer_by.date()


def test_all_that_is_wrong_is_told_at_once() -> None:
    early = begun().assayed().accept()
    assert ["not_settled_yet"] == refused(early.declare_return)
    assert ["delivery_status_unfit"] == refused(begun().ship().declare_return)
    ahead = replace(REPORT, dated_on=SHIPPED + timedelta(days=1))
    wet: dict[str, Any] = {"moisture_ppb": 10**9, "evidence": (ahead,)}
    assert ["not_settled_yet", "delivery_moisture_whole", "date_in_future"] == refused(
        lambda: early.declare_return(**wet)
    )
    of = paid()
    assert ["malformed_member"] == refused(lambda: of.declare_return(net_wet_g=-1))
    assert ["nothing_returned"] == refused(lambda: of.declare_return(net_wet_g=0))
    assert ["return_above_delivery"] == refused(lambda: of.declare_return(net_wet_g=10_000_001))


def test_a_quarter_that_was_settled_keeps_its_quantity() -> None:
    lane = journey("difference")
    quarter = [each for each in lane.invoices if each.period is not None]
    assert quarter
    assert quarter_of(date(2027, 1, 15)).start == date(2027, 1, 1)
    assert ["not_settled_yet", "returned_quarter_settled"] == refused(lambda: lane.declare_return(1_000_000))


def test_nothing_is_settled_that_was_not_declared() -> None:
    of = paid().declare_return().settle_return()
    settled = of.delivery.returned[-1].settled
    assert settled is not None
    with pytest.raises(LookupError):
        fold(of.delivery, 9, settled)
    with pytest.raises(LookupError):
        fold(begun().ship().delivery, 9, of.delivery.returned[-1].declared)


def test_a_journey_says_what_the_years_owe_and_what_was_paid() -> None:
    lane = journey("goes back")
    first = lane.volumes.year(1)
    assert first.ledger is not None
    # L1 has gone back in three parts, L2 stands in for it, and went back after the year was assessed
    assert (8 * TONNE_G, 0) == (first.ledger.taken_g, first.ledger.off_spec_g)
    assert (8 * TONNE_G, 0) == (first.taken_g, first.off_spec_g)
    assert (0, 0) == (first.invoiced_g, first.invoiced_cents)
    one, two = lane.deliveries.values()
    assert (0, 0) == (one.taken_g, two.taken_g)
    for each in (one, two):
        total = sum(
            line.amount_cents
            for invoice in lane.invoices
            if invoice.delivery == each.shipped.delivery
            for line in invoice.lines
            if line.kind in ("final", "difference", "return_credit")
        )
        assert 0 == total


TAMPERINGS: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "more goes back": (ReturnSettled, {"quantity_g": 9 * TONNE_G}),
    "another agrees": (ReturnSettled, {"by": "buyer"}),
    "more is credited": (InvoiceSettled, {"total_cents": -1}),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_an_audit_finds_it(name: str) -> None:
    kind, changes = TAMPERINGS[name]
    lane = journey("goes back")
    place = next(
        number
        for number, event in enumerate(lane.events)
        if isinstance(event.data, kind)
        and (not isinstance(event.data, InvoiceSettled) or event.data.settles == "return")
    )
    event: Any = lane.events[place]
    found = divergence_of(rechained(lane.records(), place, body_of(event, replace(event.data, **changes))))
    assert (place + 1, "contract") == (found.position, found.kind)


def test_a_credit_that_is_left_out_is_missed() -> None:
    lane = journey("goes back")
    place = next(number for number, event in enumerate(lane.events) if isinstance(event.data, ReturnSettled))
    following: Any = lane.events[place + 1]
    assert "return" == following.data.settles
    other = replace(following.data, settles="rejection")
    found = divergence_of(rechained(lane.records(), place + 1, body_of(following, other)))
    assert (place + 2, "contract") == (found.position, found.kind)


def test_a_reader_of_neither_side_cannot_settle() -> None:
    of = paid().declare_return()
    assert ["side_wrong"] == refused(lambda: of.settle_return(caller=BUYER_TRADER))
