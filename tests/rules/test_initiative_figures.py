"""What a coordinator is told of its partners together, and what it could find out by taking figures apart."""

from datetime import UTC, date, datetime
from functools import partial
from itertools import chain, combinations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from events.callers import Caller
from events.initiative_terms import FigureBand, FigureCell, FigureRoute
from events.party_events import InitiativeFiguresStated
from market.rules.crma.shares import DeclaredPart, ElementShares, StageShare
from market.rules.orders.initiatives import Initiative, InitiativeDetails
from market.rules.visibility import initiative_figures as rules
from market.rules.visibility.crowd import is_crowd
from market.rules.visibility.initiative_figures import (
    Amount,
    FiguresState,
    RoutedGoods,
    StatedFigures,
    StateFigures,
    Threshold,
    cells_of,
    joined,
    routes_of,
    shares_of,
    told_parts,
)
from tests.desk_support import OPERATOR_CALLER, blotter, facts, moment

GROUPS = tuple(UUID(int=number) for number in range(1, 13))
LEADER = UUID(int=99)
FIVE = Threshold(groups_min=5, without=None)
ADMIN = Caller(organisation=LEADER, roles=frozenset({"admin"}))
LED = Initiative(initiative="remhub", details=InitiativeDetails(name="Hub", coordinated_by=LEADER), version=2)
STATE = FiguresState(lane=3, initiative=LED)
ASKED = StateFigures(
    caller=ADMIN,
    initiative="remhub",
    since=date(2025, 10, 1),
    partners={group: group for group in GROUPS},
    coordinated_by=LEADER,
    coordinator_group=LEADER,
    amounts=(),
    shares=(),
    others_shares=(),
    routes=(),
    groups_min=5,
)


MINED = StageShare(
    stage="extraction",
    union_ppb=300_000_000,
    undeclared_ppb=0,
    of_declared=DeclaredPart(union_ppb=0, outside_ppb=0, undeclared_ppb=0),
    countries=(),
    largest_third=None,
    benchmark_ppb=100_000_000,
    benchmark="met",
    ceiling_ppb=650_000_000,
    ceiling="met",
)


def offered(group: UUID, mass_g: int, **changes: Any) -> Amount:
    given: dict[str, Any] = {"measure": "offered", "stage": "processing", "material": "ndpr"}
    return Amount(**given | {"groups": (group,), "mass_g": mass_g} | changes)


def seen(cells: tuple[FigureCell, ...]) -> list[tuple[str, str | None]]:
    return [(each.measure, each.stage) for each in cells]


def test_only_its_coordinator_and_operators_state_what_is_over_once() -> None:
    other = Caller(organisation=UUID(int=98), roles=frozenset({"admin"}))
    reader = Caller(organisation=LEADER, roles=frozenset({"trader", "reader"}))
    for refused, code in (
        (replace(ASKED, caller=other), "initiative_absent"),
        (replace(ASKED, caller=reader), "role_missing"),
        (replace(ASKED, since=date(2026, 1, 1)), "quarter_not_over"),
        (replace(ASKED, since=date(2025, 10, 2)), "quarter_not_over"),
    ):
        assert [code] == [each for each, _ in blotter(partial(rules.state, STATE, refused, moment()))]
    for lost in (None, replace(LED, revoked=True)):
        gone = replace(STATE, initiative=lost)
        assert [("initiative_absent", None)] == blotter(partial(rules.state, gone, ASKED, moment()))
    before = replace(
        STATE, stated=(StatedFigures(initiative="remhub", coordinator_group=LEADER, partners={}),)
    )
    assert [("figures_stated_before", None)] == blotter(lambda: rules.state(before, ASKED, moment()))
    for caller in (ADMIN, OPERATOR_CALLER):
        (fact,) = facts(rules.state(STATE, replace(ASKED, caller=caller), moment()))
        assert isinstance(fact, InitiativeFiguresStated)
        assert (date(2025, 10, 1), date(2026, 1, 1), 12, GROUPS, GROUPS, LEADER) == (
            fact.since,
            fact.until,
            fact.partners,
            fact.groups,
            fact.organisations,
            fact.coordinated_by,
        )


def test_what_two_initiatives_of_one_coordinator_differ_by_is_a_crowd_or_nothing() -> None:
    """Registered with all partners but one, a second initiative would tell that one's figures; so would one
    with all groups, but without one of a group's two companies."""
    mine = dict(ASKED.partners)
    second = {UUID(int=50): GROUPS[0]}
    for partners, refused in (
        (mine, False),
        ({each: each for each in GROUPS[1:]}, True),
        (mine | {UUID(int=50): UUID(int=50)}, True),
        (mine | second, True),
        ({each: each for each in GROUPS[1:]} | second, True),
        ({each: each for each in GROUPS[4:]}, True),
        ({each: each for each in GROUPS[5:]}, False),
        ({each: each for each in GROUPS[5:]} | {UUID(int=50): UUID(int=50)}, True),
    ):
        other = StatedFigures(initiative="permanet", coordinator_group=LEADER, partners=partners)
        asked = partial(rules.state, replace(STATE, stated=(other,)), ASKED, moment())
        assert (partners, [("figures_would_differ", None)] if refused else []) == (partners, blotter(asked))
        stranger = replace(other, coordinator_group=UUID(int=97))
        facts(rules.state(replace(STATE, stated=(stranger,)), ASKED, moment()))


def test_a_figure_has_five_groups_behind_it_none_with_more_than_half() -> None:
    four = [offered(group, 1_000_000) for group in GROUPS[:4]]
    assert () == cells_of(four, FIVE)
    assert () == cells_of([*four, offered(GROUPS[4], 4_000_001)], FIVE)
    told = cells_of([*four, offered(GROUPS[4], 4_000_000)], FIVE)
    band = FigureBand(low=5_000_000, high=10_000_000)
    assert (
        FigureCell(measure="offered", stage=None, material="ndpr", mass_g=band),
        FigureCell(measure="offered", stage="processing", material="ndpr", mass_g=band),
    ) == told


def test_who_knows_its_own_part_learns_nothing_of_the_rest() -> None:
    own = Threshold(groups_min=5, without=GROUPS[0])
    amounts = [offered(group, 1_000_000) for group in GROUPS[:5]]
    assert (2, 0) == (len(cells_of(amounts, FIVE)), len(cells_of(amounts, own)))
    assert 2 == len(cells_of([*amounts, offered(GROUPS[5], 1_000_000)], own))
    large = [*amounts, offered(GROUPS[5], 5_000_000)]
    assert (2, 0) == (len(cells_of(large, FIVE)), len(cells_of(large, own)))


def test_others_that_are_a_crowd_do_not_show_a_coordinator_that_has_more_than_half() -> None:
    own = Threshold(groups_min=5, without=GROUPS[0])
    others = [offered(group, 1_000_000) for group in GROUPS[1:6]]
    assert 2 == len(cells_of([*others, offered(GROUPS[0], 5_000_000)], own))
    assert () == cells_of([*others, offered(GROUPS[0], 5_000_001)], own)


def test_who_bought_itself_learns_nothing_of_a_seller() -> None:
    """Each side of all is a crowd, and what others bought came of one seller."""
    own = Threshold(groups_min=5, without=GROUPS[0])
    sellers, buyers = GROUPS[1:6], GROUPS[6:11]
    bought = [(each, GROUPS[0], 1_250_000) for each in sellers[:4]]
    rest = [(sellers[4], each, 1_000_000) for each in buyers]
    goods = [
        RoutedGoods(route="reuse", groups=(seller, buyer), goods_g=mass_g, pieces=0)
        for seller, buyer, mass_g in (*bought, *rest)
    ]
    amounts = [
        offered(each.groups[0], each.goods_g, measure="agreed_across", groups=each.groups) for each in goods
    ]
    assert (2, 0) == (len(cells_of(amounts, FIVE)), len(cells_of(amounts, own)))
    assert (1, 0) == (len(routes_of(goods, FIVE)), len(routes_of(goods, own)))
    many = [
        replace(each, groups=(sellers[number % 5], each.groups[1])) for number, each in enumerate(amounts)
    ]
    assert 2 == len(cells_of(many, own))


def test_a_route_that_is_told_leaves_no_total_to_take_it_from() -> None:
    """Magnets that are used again count by net mass on their market and on their route."""
    goods = [
        RoutedGoods(route="reuse", groups=pair, goods_g=1_000, pieces=3)
        for pair in zip(GROUPS[:5], GROUPS[5:10], strict=True)
    ]
    lone = RoutedGoods(route="refurbish", groups=(GROUPS[10], GROUPS[11]), goods_g=2_000, pieces=3)
    amounts = tuple(
        offered(each.groups[0], each.goods_g, measure="agreed_inside", groups=each.groups, material=material)
        for each in (*goods, lone)
        for material in ("ndfeb-reuse", "ndpr")
    )
    for routes, materials in (((*goods, lone), {"ndpr"}), ((lone,), {"ndfeb-reuse", "ndpr"})):
        (fact,) = facts(rules.state(STATE, replace(ASKED, amounts=amounts, routes=routes), moment()))
        assert isinstance(fact, InitiativeFiguresStated)
        assert materials == {each.material for each in fact.cells}


def test_a_part_that_a_total_would_tell_keeps_another_back() -> None:
    """Four groups in metals: the total less the oxides would be theirs, so oxides are not told either."""
    oxides = [offered(group, 1_000_000) for group in GROUPS[:6]]
    scrap = [offered(group, 3_000_000, stage="recycling") for group in GROUPS[:6]]
    ores = [offered(group, 1_000_000, stage="extraction") for group in GROUPS[6:10]]
    assert [("offered", None), ("offered", "recycling")] == seen(cells_of([*oxides, *scrap, *ores], FIVE))
    more = [*oxides, *scrap, *ores, offered(GROUPS[10], 1_000_000, stage="extraction")]
    assert 4 == len(cells_of(more, FIVE))


def test_trades_have_a_crowd_on_both_sides_inside_and_across() -> None:
    """`agreed` less `agreed_inside` would be what few did across."""

    def traded(measure: str, seller: UUID, buyer: UUID) -> Amount:
        return offered(seller, 1_000_000, measure=measure, groups=(seller, buyer))

    inside = [
        traded("agreed_inside", seller, buyer) for seller, buyer in zip(GROUPS[:6], GROUPS[6:], strict=True)
    ]
    assert [("agreed", None), ("agreed_inside", "processing")] == seen(cells_of(inside, FIVE))
    one_buyer = [traded("agreed_inside", seller, GROUPS[11]) for seller in GROUPS[:6]]
    assert () == cells_of(one_buyer, FIVE)
    across = [traded("agreed_across", GROUPS[0], UUID(int=60 + n)) for n in range(6)]
    assert [("agreed", None)] == seen(cells_of([*inside, *inside, *across], FIVE))


PARTS = st.dictionaries(
    st.sampled_from(["extraction", "processing", "manufacturing", "recycling", "several"]),
    st.dictionaries(st.sampled_from(GROUPS[:8]), st.integers(1, 20), min_size=1),
    min_size=1,
)


@given(parts=PARTS)
def test_no_sum_or_difference_of_what_is_told_is_less_than_a_crowd(
    parts: dict[str, dict[UUID, int]],
) -> None:
    """Whatever can be had by taking told stages from a told total."""
    behind: Any = {
        ("offered", stage): {(group,): grams for group, grams in groups.items()}
        for stage, groups in parts.items()
    }
    told, whole = told_parts(behind, FIVE)
    assert set(told) <= set(behind)
    for stage in told:
        assert is_crowd(behind[stage].values(), 5)
    if whole is None:
        return
    for taken in chain.from_iterable(combinations(told, count) for count in range(len(told) + 1)):
        left = joined(sides for key, sides in behind.items() if key not in taken)
        assert not left or is_crowd(left.values(), 5)


def test_shares_and_routes_have_a_crowd_on_both_sides_too() -> None:
    def element(buyers: int, sellers: int) -> ElementShares:
        return ElementShares(
            element="Nd",
            consumption_mg=10,
            resold_mg=0,
            declared_mg=0,
            corrected_mg=0,
            documented_ppb=0,
            stages=(MINED,),
            bought_mg=dict.fromkeys(GROUPS[:buyers], 2),
            sold_mg=dict.fromkeys(GROUPS[:sellers], 2),
        )

    for buyers, sellers in ((4, 5), (5, 4)):
        few, enough = [element(buyers, sellers)], [element(5, 5)]
        assert ((), ()) == (shares_of(few, enough, FIVE), shares_of(enough, few, FIVE))
    assert () == shares_of([element(5, 5)], [], FIVE)
    (told,) = shares_of([element(5, 5)], [element(5, 5)], FIVE)
    assert ("Nd", "extraction", 300_000_000, "met") == (
        told.element,
        told.stage,
        told.union_ppb.low,
        told.benchmark,
    )
    goods = [
        RoutedGoods(route="reuse", groups=pair, goods_g=1_000, pieces=3)
        for pair in zip(GROUPS[:5], GROUPS[5:10], strict=True)
    ]
    assert () == routes_of(goods[1:], FIVE)
    band, pieces = FigureBand(low=5_000, high=10_000), FigureBand(low=10, high=20)
    assert (FigureRoute(route="reuse", goods_g=band, pieces=pieces),) == routes_of(goods, FIVE)
    silent = [replace(goods[0], pieces=0), *goods[1:]]
    assert (FigureRoute(route="reuse", goods_g=band, pieces=None),) == routes_of(silent, FIVE)


@pytest.mark.parametrize(
    "until", [datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)]
)
def test_a_quarter_is_over_with_its_last_second(until: datetime) -> None:
    refused = blotter(lambda: rules.state(STATE, ASKED, replace(moment(), now=until)))
    assert ([] if until.year == 2026 else [("quarter_not_over", "/since")]) == refused
