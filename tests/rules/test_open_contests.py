"""What begins to wait between two sides, what ends it, and whose turn it is."""

from collections.abc import Iterable

from contracts.rules.open_contests import Contested, ContestFact, changes, operator_may_settle
from tests.contract_lane import ContractLane
from tests.delivery_support import FLAT, Deliveries
from tests.desk_support import OPERATOR_CALLER
from tests.rules import test_contests as declarations
from tests.rules import test_lot_returns as lot_returns
from tests.rules import test_non_arrivals as losses
from tests.rules import test_weighings as masses
from tests.rules.test_deliveries import begun, disputed, handed_in


def waiting(facts: Iterable[object]) -> list[Contested]:
    found: dict[Contested, None] = {}
    for fact in facts:
        if isinstance(fact, ContestFact):
            for of, begins in changes(fact):
                found.pop(of, None)
                found.update({of: None} if begins else {})
    return list(found)


def told(lane: ContractLane) -> list[Contested]:
    return waiting(event.data for event in lane.events)


def kinds(of: Deliveries) -> list[tuple[str, bool]]:
    """Of what waits of the delivery, and whether it is the operator's."""
    open_ = waiting(of.facts)
    assert {of.delivery.shipped.delivery} >= {each.subject for each in open_}
    return [(each.kind, operator_may_settle(each.kind, of.paper.stands, of.delivery)) for each in open_]


def test_each_declaration_waits_by_itself() -> None:
    lane = declarations.declared().contest("seller", 1)
    agreement = lane.stands.agreement
    assert [Contested("declaration", agreement, 1)] == told(lane)
    assert operator_may_settle("declaration", lane.stands, None)
    assert [] == told(lane.settle_contest("seller", 1, "stands"))


def test_a_mass_waits_until_a_side_yields_a_surveyor_speaks_or_it_is_weighed_again() -> None:
    assert [("mass", False)] == kinds(masses.contested())
    assert [("mass", True)] == kinds(masses.contested(FLAT))
    assert [] == kinds(masses.contested().agree_on_mass("seller"))
    assert [] == kinds(masses.contested().weigh(net_wet_g=9_990_000, evidence=(masses.TICKET,)))
    of = masses.surveyed()
    assert [] == kinds(of)
    assert [("mass", True)] == kinds(of.object_to_mass("buyer", net_wet_g=9_200_000))
    assert [] == kinds(of.survey(caller=OPERATOR_CALLER, net_wet_g=9_650_000))


def test_a_loss_waits_until_it_is_settled_or_the_lot_is_there() -> None:
    assert [] == kinds(losses.missing())
    assert [("non_arrival", True)] == kinds(losses.contested())
    assert [] == kinds(losses.contested().settle_non_arrival("seller", "stands"))
    assert [] == kinds(losses.contested().weigh())


def test_a_return_waits_until_it_is_settled() -> None:
    assert [] == kinds(lot_returns.paid().declare_return())
    assert [("return", True)] == kinds(lot_returns.paid().declare_return().contest_return())
    assert [] == kinds(lot_returns.paid().declare_return().contest_return().settle_return())


def test_an_assay_waits_while_it_is_before_its_umpire() -> None:
    assert [] == kinds(begun().ship().weigh().lodge("seller").lodge("buyer"))
    assert [("assay", False)] == kinds(disputed())
    assert [] == kinds(handed_in())
    assert [("assay", True)] == kinds(handed_in().object_to_umpire())
