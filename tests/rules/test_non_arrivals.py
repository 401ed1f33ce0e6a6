"""A lot that never came: declared in time and with a document, contested, settled, and borne by whom the
Incoterm says."""

from datetime import date, timedelta
from typing import Any, get_args

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from contracts.rules.calls import awaited, next_due
from contracts.rules.delivered import left_g
from contracts.rules.non_arrivals import RISK_ON_THE_WAY, short_cautions
from contracts.rules.results import OBJECTION_DAYS
from contracts.rules.settlements import accepted_g
from contracts.rules.volumes import Volumes, fold_volume
from events.contract_terms import Evidence
from events.vocabulary import Incoterm
from tests.contract_support import TONNE_G
from tests.delivery_support import FLAT, Deliveries
from tests.desk_support import OPERATOR_CALLER, STRANGER_TRADER, codes_of
from tests.rules.test_deliveries import SHIPPED, begun

REPORT = Evidence(title="Report of loss", sha256="ab" * 32, dated_on=SHIPPED)
LOST = SHIPPED + timedelta(days=61)
OVER = SHIPPED + timedelta(days=OBJECTION_DAYS + 1)


def under(incoterm: Any) -> Any:
    return replace(FLAT, delivery=replace(FLAT.delivery, incoterm=incoterm))


def missing(incoterm: str = "DAP", **changes: Any) -> Deliveries:
    return begun(under(incoterm)).ship().declare_non_arrival(**({"evidence": (REPORT,)} | changes))


def contested(incoterm: str = "DAP", **changes: Any) -> Deliveries:
    return missing(incoterm, **changes).contest_non_arrival()


def test_the_table_holds_every_incoterm() -> None:
    assert set(get_args(Incoterm)) == set(RISK_ON_THE_WAY)
    assert {"DAP", "DPU", "DDP"} == {term for term, side in RISK_ON_THE_WAY.items() if side == "seller"}


@pytest.mark.parametrize("incoterm", get_args(Incoterm))
def test_who_bears_a_lot_that_nobody_says_has_come(incoterm: Incoterm) -> None:
    """At the seller's risk what was paid on documents comes back; at the buyer's it pays for what was
    shipped: 8 t × 100 EUR, less 90 % paid before."""
    of = missing(incoterm)
    assert next_due(of.delivery) == of.delivery.missing.contest_by  # type: ignore[union-attr]
    assert ["not_due"] == codes_of(of.pass_time)
    of.on(OVER).pass_time()
    settled = of.delivery.missing_settled
    assert settled is not UNSET
    risk = RISK_ON_THE_WAY[incoterm]
    assert ("lost", risk, UNSET) == (of.delivery.status, settled.risk, settled.by)
    assert (None, None) == (next_due(of.delivery), awaited(of.delivery, of.paper.now))
    if risk == "seller":
        assert [("non_arrival", -72_000_000)] == [(each.settles, each.total_cents) for each in of.invoices]
        assert ["already_settled"] == codes_of(of.settle)
        assert (None, 0) == (of.delivery.taken_g, left_g(of.paper.stands, [of.delivery]))
    else:
        assert [("final", 8_000_000)] == [(each.settles, each.total_cents) for each in of.settle().invoices]
        assert 8 * TONNE_G == of.delivery.taken_g == left_g(of.paper.stands, [of.delivery])
    for step in (of.weigh, of.accept, of.reject, of.declare_non_arrival):
        assert "delivery_status_unfit" in codes_of(step)


@pytest.mark.parametrize("incoterm", get_args(Incoterm))
def test_a_part_that_did_not_come_is_told_where_it_is_the_buyers(incoterm: Incoterm) -> None:
    """Short beyond the franchise alone; what the seller handed over is then what both settle, and pay."""
    told = []
    for net_wet_g in (2_500_000, 9_960_000, 10_200_000):
        of = begun(under(incoterm)).ship().weigh(net_wet_g=net_wet_g, evidence=())
        told.append([each.code for each in short_cautions(of.paper.stands, of.delivery)])
    risk = RISK_ON_THE_WAY[incoterm]
    assert [["short_at_buyers_risk"] if risk == "buyer" else [], [], []] == told
    of = begun(under(incoterm)).ship()
    assert [] == list(short_cautions(of.paper.stands, of.delivery))
    of = begun(under(incoterm)).ship().weigh(net_wet_g=2_500_000, evidence=())
    of.object_to_mass(net_wet_g=10 * TONNE_G).agree_on_mass("buyer")
    assert 10 * TONNE_G == of.delivery.mass.net_wet_g


def test_before_the_goods_are_with_the_carrier_the_loss_is_the_sellers() -> None:
    of = missing("FOB", before_handover=True).settle_non_arrival("seller", "stands")
    assert of.delivery.missing_settled is not UNSET
    assert ("seller", "seller") == (of.delivery.missing_settled.risk, of.delivery.missing_settled.by)
    by_operator = contested("FOB", before_handover=True).settle_non_arrival(
        "operator", "stands", caller=OPERATOR_CALLER, evidence=(REPORT,), before_handover=False
    )
    assert by_operator.delivery.missing_settled is not UNSET
    assert "buyer" == by_operator.delivery.missing_settled.risk


def test_who_declares_when_and_with_what() -> None:
    of = begun().ship()
    assert ["side_wrong"] == codes_of(lambda: of.declare_non_arrival("seller", evidence=(REPORT,)))
    assert ["agreement_unknown"] == codes_of(lambda: of.declare_non_arrival(caller=STRANGER_TRADER))
    assert ["loss_unproven"] == codes_of(of.declare_non_arrival)
    late = replace(REPORT, dated_on=SHIPPED + timedelta(days=1))
    assert ["date_in_future"] == codes_of(lambda: of.declare_non_arrival(evidence=(late,)))
    assert ["malformed_member"] == codes_of(lambda: of.declare_non_arrival(reason=""))
    assert ["loss_unproven"] == codes_of(of.on(LOST - timedelta(days=1)).declare_non_arrival)
    assert of.on(LOST).declare_non_arrival().delivery.missing_pending
    assert ["non_arrival_declared_before"] == codes_of(of.declare_non_arrival)
    weighed = begun().ship().weigh()
    assert ["delivery_status_unfit"] == codes_of(lambda: weighed.declare_non_arrival(evidence=(REPORT,)))
    called = begun().ship().on(LOST).pass_time().on(date(2027, 6, 1))
    assert ["buyer_act_over"] == codes_of(called.declare_non_arrival)


def test_a_declaration_after_the_call_stops_the_clock_of_the_weighing() -> None:
    of = begun().ship().on(LOST).pass_time().on(date(2027, 5, 31)).declare_non_arrival()
    assert awaited(of.delivery, of.paper.now) is None
    of.contest_non_arrival().on(date(2028, 1, 1))
    assert (None, ["not_due"]) == (next_due(of.delivery), codes_of(of.pass_time))
    of.settle_non_arrival("operator", "falls", caller=OPERATOR_CALLER, evidence=(REPORT,))
    assert ("shipped", UNSET) == (of.delivery.status, of.delivery.called)
    of.pass_time().on(date(2028, 2, 1))
    assert ["buyer_act_over"] == codes_of(of.weigh)
    of.pass_time()
    assert ("weighed", True) == (of.delivery.status, of.delivery.weighed.deemed)  # type: ignore[union-attr]


def test_who_contests_and_until_when() -> None:
    assert ["side_wrong"] == codes_of(lambda: missing().contest_non_arrival("buyer"))
    assert ["non_arrival_undeclared"] == codes_of(begun().ship().contest_non_arrival)
    assert ["non_arrival_contested_before"] == codes_of(contested().contest_non_arrival)
    assert ["objection_over"] == codes_of(missing().on(OVER).contest_non_arrival)
    assert ["malformed_member"] == codes_of(lambda: missing().contest_non_arrival(reason=""))


def test_a_side_gives_in_and_the_operator_settles_what_is_contested() -> None:
    assert ["side_wrong"] == codes_of(lambda: contested().settle_non_arrival("buyer", "stands"))
    assert ["side_wrong"] == codes_of(lambda: contested().settle_non_arrival("seller", "falls"))
    operator: dict[str, Any] = {"caller": OPERATOR_CALLER, "evidence": (REPORT,)}
    assert ["non_arrival_undeclared"] == codes_of(
        lambda: missing().settle_non_arrival("operator", "stands", **operator)
    )
    assert ["evidence_missing"] == codes_of(
        lambda: contested().settle_non_arrival("operator", "stands", caller=OPERATOR_CALLER)
    )
    assert "lost" == contested().settle_non_arrival("seller", "stands").delivery.status
    decided = contested().settle_non_arrival("operator", "stands", **operator)
    assert ("lost", 1) == (decided.delivery.status, len(decided.invoices))
    found = contested().settle_non_arrival("buyer", "falls")
    assert ("shipped", []) == (found.delivery.status, found.invoices)
    assert ["non_arrival_declared_before"] == codes_of(lambda: found.declare_non_arrival(evidence=(REPORT,)))
    assert "accepted" == found.weigh().lodge("seller").lodge("buyer").accept().delivery.status


def test_a_lot_that_comes_after_all_is_weighed() -> None:
    of = contested().weigh().lodge("seller").lodge("buyer")
    assert ["non_arrival_undeclared"] == codes_of(lambda: of.settle_non_arrival("seller", "stands"))
    assert ("accepted", False) == (of.accept().delivery.status, of.delivery.missing_pending)


@pytest.mark.parametrize(("incoterm", "taken_t", "short_t"), [("FCA", 8, 0), ("DDP", 0, 8)])
def test_the_year_takes_what_the_buyer_bears_and_lacks_what_the_seller_does(
    incoterm: str, taken_t: int, short_t: int
) -> None:
    of = missing(incoterm)
    volumes = fold_volume(Volumes(), of.delivery.shipped)
    of.on(OVER).pass_time()
    assert of.delivery.missing_settled is not UNSET
    volumes = fold_volume(volumes, of.delivery.missing_settled)
    if incoterm == "FCA":
        of.settle()
    volumes = fold_volume(volumes, of.invoices[-1])
    year = volumes.year(1)
    assert (taken_t * TONNE_G, short_t * TONNE_G, 0) == (
        year.taken_g,
        year.seller_shortfall_g,
        year.unsettled,
    )
    fallen = fold_volume(volumes, replace(of.delivery.missing_settled, outcome="falls"))
    assert volumes == fallen


def test_the_difference_of_a_quarter_counts_what_the_buyer_bears() -> None:
    lost = [missing(incoterm).on(OVER).pass_time().delivery for incoterm in ("CIF", "DPU")]
    assert 8 * TONNE_G == accepted_g(lost)
