"""Clearings with portfolio limits: minimum recycled share, maximum share of one third country, over all that
a buyer gets.

    proposal = propose(offered, ratios)
    found = clear_portfolios(offered, ratios, proposal)
    found.split.premium          what the shares add to each lot's value: the recycled-content premium

From the proposal on, everything is in integers. Its multipliers, added to the values, give a bound. Its
quotas split a buyer with portfolio limits into one node per lot, so that the rest is an ordinary clearing
with the ordinary proof, from which trades of such buyers are then removed until every limit holds. Such a
buyer must not pay more than its limit over all its trades, at the prices best for sellers: otherwise its bid
is lowered by a margin, in the end to nothing.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from market.rules.assignment import Problem, Solution, price_bounds, solve
from market.rules.clearing.indivisible import WholeClearing, clear_whole
from market.rules.clearing.offered import Offered
from market.rules.clearing.quotas import Proposal, Split, bound_problem, premiums, split
from market.rules.optimum.problem import Int64s
from market.rules.packages import packages_g, packages_within
from market.rules.rounding import Ratio

MARGINS_MAX = 4
ROUNDED_MAX = 6


@dataclass(frozen=True, eq=False, slots=True)
class PortfolioClearing:
    """whole: the clearing of the split problem, in places of `split`.

    edge: int64[e] of whole.problem, places in what was offered. margins: of each buyer, micro-EUR per kg;
    dropped: the buyers that no margin brought within their limits. welfare: of all trades at their own
    values. bound_solution, of bound_problem: no flow that keeps the shares is worth more. gap: how much more.
    """

    whole: WholeClearing
    split: Split
    edge: Int64s
    margins: Mapping[int, int]
    dropped: frozenset[int]
    welfare: int
    bound_problem: Problem
    bound_solution: Solution
    gap: int
    unique: bool


def clear_portfolios(
    offered: Offered,
    ratios: Sequence[Ratio],
    proposal: Proposal,
    final: Callable[[Split, WholeClearing], tuple[Problem, Solution]] | None = None,
) -> PortfolioClearing:
    """Trades that keep every ratio, minimum and package, each buyer within its limit over all its trades.

    `final`: the problem that prices are made from, and its solution; None: those of the clearing.
    """
    premium = premiums(len(offered.value), ratios, proposal.multipliers)
    limited = offered.limited(ratios)
    quota_g = _whole_quotas(offered, ratios, proposal)
    margins = dict.fromkeys(np.flatnonzero(limited).tolist(), 0)
    dropped: set[int] = set()
    unique, attempts = True, 0
    while True:
        kept = {buyer: margin for buyer, margin in margins.items() if buyer not in dropped}
        parted = split(offered, ratios, premium, quota_g, kept)
        whole = clear_whole(parted.problem, parted.terms, parted.ratios)
        unique &= whole.unique
        of_prices = (whole.problem, whole.solution) if final is None else final(parted, whole)
        short = _beyond_limit(offered, parted, whole, of_prices, kept)
        if not short:
            break
        for buyer, missing in short.items():
            margins[buyer] += missing
        attempts += 1
        if attempts > MARGINS_MAX:
            dropped |= set(short)
    return _found(offered, premium, parted, whole, kept, dropped, unique=unique)


def _found(
    offered: Offered,
    premium: Int64s,
    parted: Split,
    whole: WholeClearing,
    margins: Mapping[int, int],
    dropped: set[int],
    *,
    unique: bool,
) -> PortfolioClearing:
    edge = parted.edge[whole.edge]
    grams = dict(zip(edge.tolist(), whole.solution.flow.tolist(), strict=True))
    welfare = sum(quantity * int(offered.value[place]) for place, quantity in grams.items())
    bounded = bound_problem(offered, premium)
    bound_solution = solve(bounded)
    gap = bound_solution.welfare - welfare
    assert gap >= 0
    return PortfolioClearing(
        whole=whole,
        split=parted,
        edge=edge,
        margins=dict(margins),
        dropped=frozenset(dropped),
        welfare=welfare,
        bound_problem=bounded,
        bound_solution=bound_solution,
        gap=gap,
        unique=unique,
    )


def _whole_quotas(offered: Offered, ratios: Sequence[Ratio], proposal: Proposal) -> Int64s:
    """Quotas in whole packages, no more than each buyer asks for: see `_rounded`."""
    limited = offered.limited(ratios)
    found = np.zeros(len(offered.value), dtype=np.int64)
    of_buyer: dict[int, list[int]] = {}
    for edge in np.flatnonzero((proposal.quota_g > 0) & limited[offered.buyer]).tolist():
        of_buyer.setdefault(int(offered.buyer[edge]), []).append(edge)
    for buyer, edges in of_buyer.items():
        edges.sort(key=lambda edge: (-int(proposal.quota_g[edge]), int(offered.tiebreak[edge]), edge))
        own = [ratio for ratio in ratios if ratio.buyer_order == offered.terms.buyer_order[buyer]]
        for edge, grams in _rounded(offered, own, proposal, buyer, edges).items():
            found[edge] = grams
    return found


def _rounded(
    offered: Offered, ratios: Sequence[Ratio], proposal: Proposal, buyer: int, edges: Sequence[int]
) -> dict[int, int]:
    """Each quota down to whole packages, some up instead: the ratios have to hold, then the most is best.

    All ways are tried for the ROUNDED_MAX quotas that a package is nearest to; the others go down.
    """
    down, rest_g = _down(offered, proposal, buyer, edges)
    more: dict[int, int] = {}
    for edge, grams in down.items():
        package_g = offered.terms.package_g[offered.seller[edge]]
        up_g = packages_g(packages_within(grams, package_g) + 1, package_g)
        if grams < proposal.quota_g[edge] and up_g <= offered.supply[offered.seller[edge]]:
            more[edge] = up_g - grams
    near = sorted(more, key=lambda edge: down[edge] + more[edge] - int(proposal.quota_g[edge]))[:ROUNDED_MAX]
    best = down
    best_key = (False, 0)
    for raised in itertools.product((0, 1), repeat=len(near)):
        up = {edge: more[edge] for edge, step in zip(near, raised, strict=True) if step}
        if sum(up.values()) > rest_g:
            continue
        tried = {edge: each + up.get(edge, 0) for edge, each in down.items()}
        holds = all(ratio.excess(tried) >= 0 for ratio in ratios)
        key = (holds, sum(each * int(offered.value[edge]) for edge, each in tried.items()))
        if key > best_key:
            best, best_key = tried, key
    return best


def _down(
    offered: Offered, proposal: Proposal, buyer: int, edges: Sequence[int]
) -> tuple[dict[int, int], int]:
    """Whole packages within each quota, the largest quota first, and what the buyer asks for beyond them."""
    rest_g = int(offered.demand[buyer])
    found = {}
    for edge in edges:
        seller = int(offered.seller[edge])
        quota_g = min(int(proposal.quota_g[edge]), int(offered.supply[seller]), rest_g)
        package_g = offered.terms.package_g[seller]
        found[edge] = packages_g(packages_within(quota_g, package_g), package_g)
        rest_g -= found[edge]
    return found, rest_g


def _beyond_limit(
    offered: Offered,
    parted: Split,
    whole: WholeClearing,
    of_prices: tuple[Problem, Solution],
    margins: Mapping[int, int],
) -> dict[int, int]:
    """By how much per kg, rounded up, buyers would pay more than all they get is worth, where they would.

    At the prices best for sellers.
    """
    high = price_bounds(*of_prices).seller_high
    gain, bought = dict.fromkeys(margins, 0), dict.fromkeys(margins, 0)
    edges = parted.edge[whole.edge].tolist()
    for edge, quantity in zip(edges, whole.solution.flow.tolist(), strict=True):
        buyer, seller = int(offered.buyer[edge]), int(offered.seller[edge])
        if buyer in gain:
            gain[buyer] += quantity * (int(offered.value[edge]) - int(high[seller]))
            bought[buyer] += quantity
    return {buyer: -(each // bought[buyer]) for buyer, each in gain.items() if each < 0}
