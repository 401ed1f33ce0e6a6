"""Portfolio limits: by hand, against every answer of tiny books, whatever the linear program proposes."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.vocabulary import PPB, PRICE_UEUR_PER_KG_MAX
from market.rules.assignment import price_bounds, verify
from market.rules.clearing.offered import Offered
from market.rules.clearing.packages_check import undivided
from market.rules.clearing.portfolio import PortfolioClearing, clear_portfolios
from market.rules.clearing.portfolio_lp import propose, within_range
from market.rules.clearing.quotas import Proposal
from market.rules.packages import packages_g, tradable
from market.rules.rounding import Ratio
from tests.rules.whole_books import divided

TINY_BOOKS = 150
THIRD = PPB // 3


def offer(
    packages: Sequence[tuple[int, Fraction | int]],
    demand: Sequence[int],
    edges: Sequence[tuple[int, int, int]],
    **limits: object,
) -> Offered:
    terms = divided(packages, demand, **limits)
    seller, buyer, value = zip(*edges, strict=True)
    sellers = len(packages)
    return Offered(
        supply=np.array([packages_g(count, Fraction(grams)) for count, grams in packages], dtype=np.int64),
        demand=np.array(demand, dtype=np.int64),
        seller=np.array(seller, dtype=np.int32),
        buyer=np.array(buyer, dtype=np.int32),
        value=np.array(value, dtype=np.int64),
        ranks=(np.arange(sellers), np.arange(sellers, sellers + len(demand))),
        tiebreak=np.arange(len(edges), dtype=np.int64) ** 2 + 1,
        terms=terms,
    )


def recycled(offered: Offered, buyer: int, share: dict[int, int], least_ppb: int) -> Ratio:
    """share: recycled share of each seller, ppb."""
    edges = np.flatnonzero(offered.buyer == buyer).tolist()
    return Ratio(buyer, {edge: share.get(int(offered.seller[edge]), 0) - least_ppb for edge in edges})


def from_country(offered: Offered, buyer: int, sellers: set[int], most_ppb: int) -> Ratio:
    edges = np.flatnonzero(offered.buyer == buyer).tolist()
    return Ratio(buyer, {edge: most_ppb - PPB * (int(offered.seller[edge]) in sellers) for edge in edges})


def trades(offered: Offered, found: PortfolioClearing) -> list[tuple[int, int, int]]:
    rows = zip(found.edge.tolist(), found.whole.solution.flow.tolist(), strict=True)
    return sorted(
        (int(offered.seller[edge]), int(offered.buyer[edge]), grams) for edge, grams in rows if grams
    )


def assert_stands(offered: Offered, ratios: Sequence[Ratio], found: PortfolioClearing) -> None:
    whole = found.whole
    assert [] == verify(whole.problem, whole.solution)
    assert [] == verify(found.bound_problem, found.bound_solution)
    grams = dict(zip(found.edge.tolist(), whole.solution.flow.tolist(), strict=True))
    for ratio in ratios:
        own = {edge: each for edge, each in grams.items() if offered.buyer[edge] == ratio.buyer_order}
        assert ratio.excess(own) >= 0
    sold, bought = np.zeros(len(offered.supply)), np.zeros(len(offered.demand))
    for edge, each in grams.items():
        sold[offered.seller[edge]] += each
        bought[offered.buyer[edge]] += each
    assert (sold <= offered.supply).all()
    assert (bought <= offered.demand).all()
    assert found.welfare == sum(each * int(offered.value[edge]) for edge, each in grams.items())
    assert found.welfare + found.gap == found.bound_solution.welfare
    assert found.gap >= 0
    premium = found.split.premium[whole.edge]
    assert (whole.problem.value - premium == offered.value[found.edge]).all()
    _assert_within_limits(offered, ratios, found)
    held = frozenset(ratio.buyer_order for ratio in ratios)
    parted = found.split
    flow = np.zeros(parted.problem.edges, dtype=np.int64)
    flow[whole.edge] = whole.solution.flow
    assert [] == undivided(parted.problem, flow, parted.terms, held)


def _assert_within_limits(offered: Offered, ratios: Sequence[Ratio], found: PortfolioClearing) -> None:
    """At both ends of the prices a buyer with ratios pays no more than its limit over all it gets."""
    bounds = price_bounds(found.whole.problem, found.whole.solution)
    for u in (bounds.seller_low, bounds.seller_high):
        gain = dict.fromkeys((ratio.buyer_order for ratio in ratios), 0)
        for edge, grams in zip(found.edge.tolist(), found.whole.solution.flow.tolist(), strict=True):
            buyer = int(offered.buyer[edge])
            if buyer in gain:
                gain[buyer] += grams * (int(offered.value[edge]) - int(u[offered.seller[edge]]))
        assert all(each >= 0 for each in gain.values())


def test_a_third_recycled_costs_its_premium() -> None:
    """Virgin is worth 10 more to the buyer; of 9 t a third has to be recycled, from a lot that is dearer."""
    offered = offer([(20, 1_000_000), (20, 1_000_000)], [9_000_000], [(0, 0, 30), (1, 0, 20)])
    ratios = [recycled(offered, 0, {1: PPB}, THIRD)]
    proposal = propose(offered, ratios)
    found = clear_portfolios(offered, ratios, proposal)
    assert [(0, 0, 6_000_000), (1, 0, 3_000_000)] == trades(offered, found)
    assert (10,) == proposal.multipliers
    assert [6_000_000, 3_000_000] == proposal.quota_g.tolist()
    assert [-3, 7] == found.split.premium.tolist()
    assert_stands(offered, ratios, found)


def test_the_limit_binds_over_the_portfolio() -> None:
    """Recycled is worth 5 less than it costs; two thirds of virgin make up for it."""
    offered = offer([(20, 1_000_000), (20, 1_000_000)], [9_000_000], [(0, 0, 10), (1, 0, -5)])
    ratios = [recycled(offered, 0, {1: PPB}, THIRD)]
    found = clear_portfolios(offered, ratios, propose(offered, ratios))
    assert [(0, 0, 6_000_000), (1, 0, 3_000_000)] == trades(offered, found)
    assert 45_000_000 == found.welfare
    assert_stands(offered, ratios, found)


def test_a_whole_that_is_not_worth_its_price_is_not_bought() -> None:
    offered = offer([(20, 1_000_000), (20, 1_000_000)], [9_000_000], [(0, 0, 10), (1, 0, -25)])
    ratios = [recycled(offered, 0, {1: PPB}, THIRD)]
    found = clear_portfolios(offered, ratios, propose(offered, ratios))
    assert [] == trades(offered, found)
    assert_stands(offered, ratios, found)


def test_a_share_that_cannot_be_met_gives_the_buyer_nothing() -> None:
    offered = offer([(20, 1_000), (20, 1_000)], [9_000, 4_000], [(0, 0, 30), (1, 0, 20), (0, 1, 5)])
    ratios = [recycled(offered, 0, {1: THIRD - 1}, THIRD)]
    found = clear_portfolios(offered, ratios, propose(offered, ratios))
    assert [(0, 1, 4_000)] == trades(offered, found)
    assert_stands(offered, ratios, found)


def test_no_more_than_65_percent_from_one_country() -> None:
    offered = offer([(100, 100), (100, 100), (100, 100)], [10_000], [(0, 0, 30), (1, 0, 29), (2, 0, 10)])
    ratios = [from_country(offered, 0, {0, 1}, 650_000_000)]
    found = clear_portfolios(offered, ratios, propose(offered, ratios))
    assert [(0, 0, 6_500), (2, 0, 3_500)] == trades(offered, found)
    assert_stands(offered, ratios, found)


def test_all_limits_at_once_in_whole_packages() -> None:
    """Seven packages: two thirds of one country at most, a quarter recycled at least: four and three."""
    offered = offer([(9, 700), (9, 700)], [4_900], [(0, 0, 30), (1, 0, 10)])
    ratios = [
        from_country(offered, 0, {0}, 2 * PPB // 3),
        recycled(offered, 0, {1: PPB}, PPB // 4),
    ]
    found = clear_portfolios(offered, ratios, propose(offered, ratios))
    assert [(0, 0, 2_800), (1, 0, 2_100)] == trades(offered, found)
    assert_stands(offered, ratios, found)


def test_buyers_without_limits_compete_as_ever() -> None:
    offered = offer([(10, 100), (10, 100)], [900, 800], [(0, 0, 30), (1, 0, 20), (0, 1, 28), (1, 1, 1)])
    ratios = [recycled(offered, 0, {1: PPB}, THIRD)]
    found = clear_portfolios(offered, ratios, propose(offered, ratios))
    assert [(0, 0, 200), (0, 1, 800), (1, 0, 700)] == trades(offered, found)
    assert_stands(offered, ratios, found)


@pytest.mark.parametrize("multiplier", [0, 3, 10, 50, 10**9])
@pytest.mark.parametrize("quotas", [(0, 0), (9, 9), (9, 0), (1, 5)])
def test_whatever_is_proposed_the_limits_hold(multiplier: int, quotas: tuple[int, int]) -> None:
    offered = offer([(20, 1), (20, 1)], [9], [(0, 0, 30), (1, 0, 20)])
    ratios = [recycled(offered, 0, {1: PPB}, THIRD)]
    proposal = Proposal((multiplier,), np.array(quotas, dtype=np.int64))
    assert_stands(offered, ratios, clear_portfolios(offered, ratios, proposal))


def test_a_program_cut_short_proposes_nothing() -> None:
    pairs = [(seller, buyer) for seller in range(20) for buyer in range(10)]
    offered = offer(
        [(20, 1_000 + seller) for seller in range(20)],
        [9_000 + 77 * buyer for buyer in range(10)],
        [(seller, buyer, 30 + seller * buyer % 17) for seller, buyer in pairs],
    )
    ratios = [recycled(offered, buyer, {1: PPB, 7: PPB}, THIRD) for buyer in range(10)]
    assert any(propose(offered, ratios).quota_g)
    proposal = propose(offered, ratios, iterations_max=1)
    assert {0} == {*proposal.multipliers, *proposal.quota_g.tolist()}
    found = clear_portfolios(offered, ratios, proposal)
    assert [] == trades(offered, found)
    assert_stands(offered, ratios, found)


def test_a_buyer_whose_portfolio_stays_above_its_limit_gets_nothing() -> None:
    """Quotas that keep the share at a loss of 10 on every gram, and a multiplier that hides it."""
    offered = offer([(20, 1_000), (20, 1_000)], [9_000], [(0, 0, -5), (1, 0, -20)])
    ratios = [recycled(offered, 0, {1: PPB}, THIRD)]
    proposal = Proposal((10**9,), np.array([6_000, 3_000], dtype=np.int64))
    found = clear_portfolios(offered, ratios, proposal)
    assert [] == trades(offered, found)
    assert {0} == found.dropped
    assert_stands(offered, ratios, found)


def test_a_buyer_whose_bid_is_lowered_to_nothing() -> None:
    offered = offer([(20, 1_000)], [9_000], [(0, 0, -(10**6))])
    ratios = [recycled(offered, 0, {0: PPB}, THIRD)]
    proposal = Proposal((10**9,), np.array([9_000], dtype=np.int64))
    found = clear_portfolios(offered, ratios, proposal)
    assert [] == trades(offered, found)
    assert_stands(offered, ratios, found)


def test_limits_that_only_nothing_keeps() -> None:
    """Two countries, neither above 49.99 %: taking from one, then the other, never ends above nothing."""
    offered = offer([(10**7, 1), (10**7, 1)], [10**7], [(0, 0, 9), (1, 0, 8)])
    ratios = [from_country(offered, 0, {seller}, 499_900_000) for seller in (0, 1)]
    proposal = Proposal((0, 0), np.array([5 * 10**6, 5 * 10**6], dtype=np.int64))
    assert [] == trades(offered, clear_portfolios(offered, ratios, proposal))


def test_a_multiplier_below_nothing_bounds_nothing() -> None:
    offered = offer([(20, 1)], [9], [(0, 0, 30)])
    with pytest.raises(ValueError, match="at least 0"):
        clear_portfolios(offered, [recycled(offered, 0, {}, 1)], Proposal((-1,), np.zeros(1, dtype=np.int64)))


@pytest.mark.parametrize(
    ("demand_g", "multiplier", "kept"),
    [(9_000, PRICE_UEUR_PER_KG_MAX, True), (9_000, PRICE_UEUR_PER_KG_MAX + 1, False), (10**12, 1, False)],
)
def test_multipliers_beyond_what_a_record_holds_are_left_out(
    demand_g: int, multiplier: int, kept: bool
) -> None:
    offered = offer([(20, 1_000), (20, 1_000)], [demand_g, 500], [(0, 0, 30), (1, 1, 20)])
    ratios = [recycled(offered, 0, {0: PPB}, THIRD), recycled(offered, 1, {1: PPB}, THIRD)]
    proposal = Proposal((multiplier, 7), np.array([5, 5], dtype=np.int64))
    found = within_range(offered, ratios, proposal)
    assert (multiplier if kept else 0, 7) == found.multipliers
    assert [5, 5] == found.quota_g.tolist()


def test_no_limits_and_no_edges() -> None:
    offered = offer([(20, 1)], [9], [(0, 0, 30)])
    found = clear_portfolios(offered, [], propose(offered, []))
    assert [(0, 0, 9)] == trades(offered, found)
    assert 0 == found.gap


def random_offer(rng: np.random.Generator) -> tuple[Offered, list[Ratio]]:
    sellers, buyers = (int(size) for size in rng.integers(1, 4, 2))
    packages = [(int(rng.integers(1, 5)), int(rng.integers(1, 4))) for _ in range(sellers)]
    demand = rng.integers(1, 9, buyers)
    seller, buyer = (side.astype(np.int32) for side in np.nonzero(rng.random((sellers, buyers)) < 0.8))
    open_edges = tradable(divided(packages, demand.tolist()), demand, seller, buyer)
    limited = set(np.flatnonzero(rng.random(buyers) < 0.6).tolist())
    edges = [
        (giver, taker, int(rng.integers(-4 if taker in limited else 0, 9)))
        for giver, taker in zip(seller[open_edges].tolist(), buyer[open_edges].tolist(), strict=True)
    ]
    if not edges:
        return random_offer(rng)
    offered = offer(packages, demand.tolist(), edges)
    share = {index: int(rng.choice([0, PPB // 2, PPB])) for index in range(sellers)}
    chinese = set(np.flatnonzero(rng.random(sellers) < 0.5).tolist())
    ratios = []
    for each in sorted(limited & set(offered.buyer.tolist())):
        ratios.append(recycled(offered, each, share, int(rng.choice([PPB // 4, PPB // 2]))))
        if rng.random() < 0.5:
            ratios.append(from_country(offered, each, chinese, int(rng.choice([PPB // 2, 650_000_000]))))
    return offered, ratios


def best_kept(offered: Offered, ratios: Sequence[Ratio]) -> int:
    """The most that whole packages can be worth with every ratio kept and no portfolio above its limit."""
    edges = list(zip(offered.seller.tolist(), offered.buyer.tolist(), offered.value.tolist(), strict=True))
    left, room = list(offered.terms.packages), offered.demand.tolist()
    grams: dict[int, int] = {}
    limited = {ratio.buyer_order for ratio in ratios}
    best = 0

    def kept() -> bool:
        for ratio in ratios:
            if ratio.excess({e: each for e, each in grams.items() if edges[e][1] == ratio.buyer_order}) < 0:
                return False
        return all(
            sum(each * edges[e][2] for e, each in grams.items() if edges[e][1] == buyer) >= 0
            for buyer in limited
        )

    def extend(edge: int, worth: int) -> None:
        nonlocal best
        if edge == len(edges):
            if worth > best and kept():
                best = worth
            return
        seller, buyer, value = edges[edge]
        size = int(offered.terms.package_g[seller])
        for count in range(min(left[seller], room[buyer] // size) + 1):
            left[seller] -= count
            room[buyer] -= count * size
            grams[edge] = count * size
            extend(edge + 1, worth + count * size * value)
            left[seller] += count
            room[buyer] += count * size
        grams.pop(edge, None)

    extend(0, 0)
    return best


def test_tiny_books_against_every_answer() -> None:
    rng = np.random.default_rng(4)
    best, reached = 0, 0
    for _ in range(TINY_BOOKS):
        offered, ratios = random_offer(rng)
        found = clear_portfolios(offered, ratios, propose(offered, ratios))
        assert_stands(offered, ratios, found)
        wanted = best_kept(offered, ratios)
        assert found.welfare <= wanted <= found.bound_solution.welfare
        best += wanted
        reached += found.welfare
    assert reached * 100 >= best * 85


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_every_promise_holds_for_every_proposal(seed: int, data: st.DataObject) -> None:
    offered, ratios = random_offer(np.random.default_rng(seed))
    multipliers = st.lists(st.integers(0, 12), min_size=len(ratios), max_size=len(ratios))
    quotas = st.lists(st.integers(0, 12), min_size=len(offered.value), max_size=len(offered.value))
    proposal = Proposal(tuple(data.draw(multipliers)), np.array(data.draw(quotas), dtype=np.int64))
    assert_stands(offered, ratios, clear_portfolios(offered, ratios, proposal))


@pytest.mark.parametrize("seed", range(8))
def test_from_the_proposal_on_the_order_of_the_input_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    offered, ratios = random_offer(rng)
    proposal = propose(offered, ratios)
    found = clear_portfolios(offered, ratios, proposal)
    edges, sellers = rng.permutation(len(offered.value)), rng.permutation(len(offered.supply))
    place = {int(old): new for new, old in enumerate(edges.tolist())}
    other = replace(
        offered,
        supply=offered.supply[sellers],
        seller=np.argsort(sellers).astype(np.int32)[offered.seller[edges]],
        buyer=offered.buyer[edges],
        value=offered.value[edges],
        ranks=(offered.ranks[0][sellers], offered.ranks[1]),
        tiebreak=offered.tiebreak[edges],
        terms=replace(
            offered.terms,
            package_g=tuple(offered.terms.package_g[index] for index in sellers.tolist()),
            packages=tuple(offered.terms.packages[index] for index in sellers.tolist()),
        ),
    )
    moved = [
        replace(ratio, coefficient={place[edge]: each for edge, each in ratio.coefficient.items()})
        for ratio in ratios
    ]
    again = clear_portfolios(other, moved, replace(proposal, quota_g=proposal.quota_g[edges]))
    back = [(int(sellers[seller]), buyer, grams) for seller, buyer, grams in trades(other, again)]
    assert trades(offered, found) == sorted(back)
    assert (found.gap, found.margins) == (again.gap, again.margins)
