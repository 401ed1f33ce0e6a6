"""What keeps counter-orders away, as each side is told: its own figures and policies, never the other's."""

from events.vocabulary import Side
from market.rules.refusing.ineligibility import Ineligibility, PolicyLine
from market.rules.visibility.explanations import Candidates
from market.rules.visibility.own_side import own_candidates, own_reasons
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


def test_of_what_keeps_an_order_from_every_trade_its_owner_reads_the_own_figure() -> None:
    sides: tuple[tuple[Side, str], ...] = (("seller", "120 ppm"), ("buyer", "50 ppm"))
    for side, figure in sides:
        order = Candidates(
            market=ident("market"),
            order=ident("order"),
            organisation=ident("owner"),
            side=side,
            rank=1,
            at_position=5,
            open_g=1_000,
            standing="none_eligible",
            verdicts=(),
            alone=(REASON,),
        )
        for taken in (None, order):
            seen = own_candidates(order, ident("owner"), 5, taken)
            assert seen is not None
            assert [figure] == [reason.own_figure for reason in seen.reasons]
