"""Who has to act on a delivery, by when, and what comes of it: each state, and none where nobody can."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from contracts.rules.awaits import Wait, waits
from events.contract_terms import AssayClause
from events.price_clauses import IndexedPrice
from tests.contract_support import TONNE_G
from tests.delivery_support import CERTIFICATE, CFD, FLAT, NDPR, UMPIRE, Deliveries, figures
from tests.desk_support import OPERATOR_CALLER, PERCENT_PPB
from tests.rules.test_deliveries import SHIPPED, begun, disputed
from tests.rules.test_lot_returns import REPORT, paid
from tests.rules.test_weighings import NAMED, TICKET, contested, received, surveyed


def told(of: Deliveries) -> list[tuple[str, str, date | None, str]]:
    """Side, act, day, consequence."""
    invoiced = any(each.delivery == of.last for each in of.invoices)
    found: tuple[Wait, ...] = waits(of.paper.stands, of.delivery, of.paper.now, invoiced=invoiced)
    return [
        (each.side, each.act, None if each.by is None else each.by.date(), each.consequence) for each in found
    ]


def both(act: str, by: date | None = None, consequence: str = "stays_open") -> list[Any]:
    return [(side, act, by, consequence) for side in ("seller", "buyer")]


WEEK, EXCHANGE = SHIPPED + timedelta(7), SHIPPED + timedelta(15)
OBJECTION = ("seller", "object_to_mass", WEEK, "figure_stands")
ASSAYS = both("lodge_assay", EXCHANGE, "others_figures_bind")
JUDGED = ("buyer", "accept_or_reject", date(2027, 4, 16), "deemed_accepted")


def test_a_lot_on_its_way_waits_for_its_buyer_or_for_whoever_answers_that_it_never_came() -> None:
    assert [("buyer", "weigh", date(2027, 6, 1), "deemed_weighed")] == told(begun().ship())
    missing = begun().ship().declare_non_arrival(evidence=(REPORT,))
    assert [("seller", "answer_non_arrival", WEEK, "lost_as_declared")] == told(missing)
    assert [("operator", "settle_non_arrival", None, "stays_open")] == told(missing.contest_non_arrival())
    assert [("buyer", "weigh", date(2027, 6, 1), "deemed_weighed")] == told(
        missing.settle_non_arrival("buyer", "falls")
    )


def test_a_mass_that_may_be_objected_to_is_told_beside_the_assays() -> None:
    of = begun(NAMED).ship().weigh(net_wet_g=9 * TONNE_G, evidence=(TICKET,))
    assert [OBJECTION, *ASSAYS] == told(of)
    assert [OBJECTION, ASSAYS[1]] == told(of.lodge("seller"))
    assert [OBJECTION] == told(of.lodge("buyer")), "accepting would be refused"
    late = received().on(WEEK + timedelta(1))
    assert [JUDGED] == told(late)
    assert [] == told(begun(NAMED).ship().weigh().on(EXCHANGE)), "the clock exchanges"


def test_a_contested_mass_waits_for_both_or_for_the_operator() -> None:
    assert both("settle_mass") == told(contested())
    assert [("operator", "settle_mass", None, "stays_open")] == told(contested(FLAT))
    assert [("buyer", "object_to_mass", WEEK, "figure_stands"), JUDGED] == told(surveyed())
    objected = surveyed().object_to_mass("buyer", evidence=(TICKET,))
    assert [("operator", "settle_mass", None, "stays_open")] == told(objected)


def test_what_two_assays_leave_open_waits_for_the_umpire_and_for_who_may_object() -> None:
    of = disputed()
    assert both("hand_in_umpire") == told(of)
    of.umpire("buyer", results=figures(Nd=61 * PERCENT_PPB), certificate=CERTIFICATE)
    objects = (of.paper.now + timedelta(7)).date()
    assert [("seller", "object_to_umpire", objects, "figure_stands")] == told(of), "accepting is refused"
    assert [("operator", "hand_in_umpire", None, "stays_open")] == told(of.object_to_umpire("seller"))
    of.umpire(caller=OPERATOR_CALLER, results=figures(Nd=60 * PERCENT_PPB), certificate=CERTIFICATE)
    assert [("buyer", "accept_or_reject")] == [each[:2] for each in told(of)]


def test_an_accepted_lot_waits_for_its_final_invoice_once_its_price_can_be_known() -> None:
    of = begun().assayed().accept()
    assert both("settle") == told(of)
    assert [] == told(of.settle())
    priced = replace(FLAT, price=IndexedPrice(index=replace(CFD.index, currency="EUR", fx_code=None)))
    waiting = begun(replace(priced, assay=AssayClause(umpire=UMPIRE))).ship().weigh().accept()
    assert [] == told(waiting.on(date(2027, 3, 31))), "until the quarter is over"
    assert both("settle") == told(waiting.on(date(2027, 4, 1)))
    assert [] == told(begun().ship().withdraw())


@pytest.mark.parametrize(("by", "other"), [("buyer", "seller"), ("seller", "buyer")])
def test_a_return_waits_for_the_other_side_then_for_both_then_for_the_operator(by: str, other: str) -> None:
    of, answer_by = paid().declare_return(by), SHIPPED + timedelta(31)
    answer = (other, "answer_return", answer_by, "operator_may_be_asked")
    assert [answer] == told(of)
    of.on(answer_by)
    assert [answer, (by, "bring_return_to_operator", None, "stays_open")] == told(of)
    assert [("operator", "settle_return", None, "stays_open")] == told(of.contest_return(by))
    assert [] == told(of.settle_return(other))


def test_a_return_of_before_waits_without_a_day() -> None:
    of = paid()
    of.of_before = True
    assert [("seller", "answer_return", None, "stays_open")] == told(of.declare_return())


def test_what_waits_is_what_a_side_can_do() -> None:
    """At the instant that is told the act is refused, or done by the clock."""
    of = begun(NAMED).ship().weigh(net_wet_g=9 * TONNE_G, evidence=(TICKET,))
    assert of.delivery.weighed is not None
    until = of.delivery.weighed.object_by
    assert isinstance(until, datetime)
    of.paper.now = until - timedelta(microseconds=1)
    assert OBJECTION[:2] == told(of)[0][:2]
    of.paper.now = until.astimezone(UTC)
    assert ASSAYS == told(of)
    assert NDPR == of.delivery.fractions_ppb
