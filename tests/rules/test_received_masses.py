"""A mass received that is a slip: moisture left out, kilograms for tonnes, a share for percent."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from msgspec import UNSET

from contracts.rules.received_masses import weighing_cautions
from market.audit.lane_verdict import FormerRule
from market.rules.offered_evidence import moisture_cautions
from tests.contract_journeys import audited
from tests.contract_lane import ContractLane
from tests.contract_support import TONNE_G
from tests.delivery_support import FLAT, Deliveries
from tests.desk_support import PERCENT_PPB, blotter, supply_order
from tests.rules.test_deliveries import begun
from tests.rules.test_weighings import NAMED, TICKET

SWARF_PPB = 15 * PERCENT_PPB
UNSTATED = ("moisture_unstated", "/moisture_ppb")
FAR = ("mass_far_above_shipped", "/net_wet_g")


def shipped(moisture_ppb: int = SWARF_PPB) -> Deliveries:
    return begun(NAMED).ship(net_wet_g=5 * TONNE_G, moisture_ppb=moisture_ppb)


def contested() -> Deliveries:
    of = shipped().weigh(net_wet_g=4 * TONNE_G, moisture_ppb=SWARF_PPB, evidence=(TICKET,))
    return of.object_to_mass(net_wet_g=5 * TONNE_G, moisture_ppb=SWARF_PPB, evidence=(TICKET,))


STEPS: dict[str, Callable[..., Any]] = {
    "weighed": lambda **given: shipped().weigh(**given),
    "weighed again": lambda **given: contested().weigh(**given),
    "objected to": lambda **given: (
        shipped()
        .weigh(net_wet_g=4 * TONNE_G, moisture_ppb=SWARF_PPB, evidence=(TICKET,))
        .object_to_mass(**given)
    ),
    "surveyed": lambda **given: contested().survey(**given),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_moisture_is_stated_where_the_shipment_stated_any_and_tonnes_are_tonnes(
    step: Callable[..., Any],
) -> None:
    given = {"net_wet_g": 4_980 * TONNE_G, "moisture_ppb": UNSET}
    assert [UNSTATED, FAR] == blotter(lambda: step(**given))
    assert [FAR] == blotter(lambda: step(net_wet_g=50 * TONNE_G + 1, moisture_ppb=0))
    step(net_wet_g=50 * TONNE_G, moisture_ppb=SWARF_PPB)


def test_of_a_lot_that_was_shipped_dry_moisture_may_be_left_out() -> None:
    weighed = shipped(0).weigh(moisture_ppb=UNSET).delivery.weighed
    assert weighed is not None
    assert 0 == weighed.moisture_ppb


def test_a_return_states_moisture_where_the_lot_has_any() -> None:
    of = shipped().weigh(net_wet_g=5 * TONNE_G, moisture_ppb=SWARF_PPB).lodge("seller").lodge("buyer")
    of.accept().settle()
    assert [UNSTATED] == blotter(lambda: of.declare_return(net_wet_g=TONNE_G, moisture_ppb=UNSET))
    assert of.declare_return(net_wet_g=TONNE_G, moisture_ppb=SWARF_PPB).delivery.returning is not None


@pytest.mark.parametrize(
    ("net_wet_g", "moisture_ppb", "shipped_ppb", "codes"),
    [
        (5 * TONNE_G, 14 * PERCENT_PPB, SWARF_PPB, []),
        (5 * TONNE_G, 1_400_000, SWARF_PPB, ["weighed_far_from_shipped", "moisture_far_from_shipped"]),
        (5 * TONNE_G, 15_000_000, SWARF_PPB, ["weighed_far_from_shipped"]),
        (5 * TONNE_G, 0, PERCENT_PPB - 1, []),
        (5 * TONNE_G, 0, PERCENT_PPB, ["moisture_far_from_shipped"]),
        (10 * TONNE_G, SWARF_PPB, SWARF_PPB, ["weighed_far_from_shipped"]),
        (10 * TONNE_G + 1, SWARF_PPB, SWARF_PPB, ["weighed_far_from_shipped", "weighed_far_above_shipped"]),
    ],
)
def test_what_may_be_a_slip_is_told_to_the_buyer(
    net_wet_g: int, moisture_ppb: int, shipped_ppb: int, codes: list[str]
) -> None:
    of = shipped(shipped_ppb).weigh(net_wet_g=net_wet_g, moisture_ppb=moisture_ppb)
    assert codes == [each.code for each in weighing_cautions(of.delivery)]


def test_a_shipment_without_the_moisture_of_its_order_is_told_so() -> None:
    offered = supply_order().terms
    assert offered.moisture_ppb
    told = [[each.code for each in moisture_cautions(offered, ppb)] for ppb in (0, 1)]
    assert [["moisture_left_out"], []] == told


def test_a_mass_of_before_that_no_scale_can_have_found_is_taken_and_told() -> None:
    lane = ContractLane().on(date(2027, 1, 1)).draft(FLAT, kind="spot").sign().ship()
    lane.of_before = True
    lane.weigh(101 * TONNE_G)
    newest = lane.events[-1]
    verdict = audited(lane.records())
    assert verdict.divergence is None
    assert FormerRule(facts=1, position=newest.position, time=newest.time) == verdict.former_rule
