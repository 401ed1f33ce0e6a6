"""What keeps counter-orders away, as each side is told: its own figures and policies, never the other's."""

from events.vocabulary import Side
from market.rules.refusing.ineligibility import Ineligibility, PolicyLine
from market.rules.visibility.own_side import own_reasons
from market.rules.visibility.standings import Alternative
from tests.blotter import ident

POLICY = PolicyLine(policy=ident("policy"), version=1, line="recycled_min_ppb")
REASON = Ineligibility(
    code="above_max", subject="Th", seller_figure="120 ppm", buyer_figure="50 ppm", policies=(POLICY,)
)


def counter(name: str) -> Alternative:
    return Alternative(
        counter_order=ident(name),
        counter_organisation=ident(f"of {name}"),
        counter_group=ident(f"group of {name}"),
        reasons=(REASON,),
    )


def test_each_side_is_told_its_own_figure_and_the_buyer_its_policies() -> None:
    three = [counter(name) for name in ("a", "b", "c")]
    sides: tuple[tuple[Side, str, tuple[PolicyLine, ...]], ...] = (
        ("seller", "120 ppm", ()),
        ("buyer", "50 ppm", (POLICY,)),
    )
    for side, figure, policies in sides:
        (seen,) = own_reasons(three, side, guarded=False)
        assert (figure, policies, 3) == (seen.own_figure, seen.policies, seen.counter_orders)
