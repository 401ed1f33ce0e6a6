"""Clearings in which buyers hold all they get together to shares: recycled at least, one country at most.

    proposal = propose(offered, ratios)
    found = clear_portfolios(offered, ratios, proposal)
    found.premium                what the shares add to each trade's value: the recycled-content premium

From the proposal on everything is integers. Its multipliers, on top of the values, give a bound: whoever
keeps the shares gains by them. Its quotas split a buyer with shares into one node for each lot that it may
take, so that the rest is an ordinary clearing, with the ordinary proof, in which trades are then taken from
those buyers until every share holds. What a buyer with shares pays is held to its limit over all its
trades, at the prices best for the sellers: else its bid is lowered by a margin, at last to nothing.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from events.vocabulary import PPB
from market.rules.assignment import Problem, Solution, price_bounds, solve
from market.rules.assignment_problem import Int64s, Mask
from market.rules.indivisible import Cut, WholeClearing, clear_whole
from market.rules.offered import Offered
from market.rules.packages import least_packages, packages_g, packages_within
from market.rules.portfolio_lp import Proposal
from market.rules.rounding import Ratio

MARGINS_MAX = 4
ROUNDED_MAX = 6

EmptyReason = Literal["portfolio", "portfolio_limit_price"]


@dataclass(frozen=True, eq=False, slots=True)
class Unfilled:
    """A buyer with ratios that gets less than it asked for. reason: its shares, or its limit over all."""

    buyer: int
    reason: EmptyReason
    asked_g: int
    filled_g: int


@dataclass(frozen=True, eq=False, slots=True)
class PortfolioClearing:
    """whole: the clearing of the split problem, its cuts those of sellers and of buyers without ratios.

    buyer: int64[nB of the split problem], whose node that is; a buyer without ratios has one. edge: int64[e]
    of whole.problem, places in what was offered. premium: int64[e], micro-EUR per kg, what multipliers and
    margin add to the value. margins: of each buyer, micro-EUR per kg. welfare: of all trades at their own
    values. bound_solution, of bound_problem: no flow that keeps the shares is worth more. gap: how much more.
    """

    whole: WholeClearing
    buyer: Int64s
    edge: Int64s
    premium: Int64s
    margins: Mapping[int, int]
    unfilled: tuple[Unfilled, ...]
    welfare: int
    bound_problem: Problem
    bound_solution: Solution
    gap: int
    unique: bool


@dataclass(frozen=True, eq=False, slots=True)
class _Split:
    """The problem with a node for each edge of a buyer with ratios; edge, buyer: places in the offered."""

    problem: Problem
    offered: Offered
    ratios: tuple[Ratio, ...]
    edge: Int64s
    buyer: Int64s


def clear_portfolios(offered: Offered, ratios: Sequence[Ratio], proposal: Proposal) -> PortfolioClearing:
    """Trades that keep every ratio, minimum and package, each buyer within its limit over all its trades."""
    worth = offered.value + _premiums(offered, ratios, proposal.multipliers)
    limited = offered.limited(ratios)
    quota_g = _whole_quotas(offered, ratios, proposal)
    margins = dict.fromkeys(np.flatnonzero(limited).tolist(), 0)
    dropped: set[int] = set()
    unique, attempts = True, 0
    while True:
        kept = {buyer: margin for buyer, margin in margins.items() if buyer not in dropped}
        split = _split(offered, ratios, worth, quota_g, kept)
        whole = clear_whole(split.problem, split.offered.terms, split.ratios)
        unique &= whole.unique
        short = _beyond_limit(offered, split, whole, kept)
        if not short:
            break
        for buyer, missing in short.items():
            margins[buyer] += missing
        attempts += 1
        if attempts > MARGINS_MAX:
            dropped |= set(short)
    return _found(offered, worth, split, whole, kept, dropped, unique=unique)


def _found(
    offered: Offered,
    worth: Int64s,
    split: _Split,
    whole: WholeClearing,
    margins: Mapping[int, int],
    dropped: set[int],
    *,
    unique: bool,
) -> PortfolioClearing:
    edge = split.edge[whole.edge]
    limited = {*margins, *dropped}
    grams = dict(zip(edge.tolist(), whole.solution.flow.tolist(), strict=True))
    welfare = sum(quantity * int(offered.value[place]) for place, quantity in grams.items())
    bound_problem = _with_value(offered, np.flatnonzero(worth >= 0), worth)
    bound_solution = solve(bound_problem)
    gap = bound_solution.welfare - welfare
    assert gap >= 0
    filled = dict.fromkeys(sorted(limited), 0)
    for place, quantity in grams.items():
        buyer = int(offered.buyer[place])
        if buyer in filled:
            filled[buyer] += quantity
    return PortfolioClearing(
        whole=replace(whole, cuts=tuple(_cuts(split, whole.cuts, limited))),
        buyer=split.buyer,
        edge=edge,
        premium=whole.problem.value - offered.value[edge],
        margins=dict(margins),
        unfilled=tuple(
            Unfilled(
                buyer,
                "portfolio_limit_price" if buyer in dropped else "portfolio",
                int(offered.demand[buyer]),
                quantity,
            )
            for buyer, quantity in filled.items()
            if quantity < offered.demand[buyer]
        ),
        welfare=welfare,
        bound_problem=bound_problem,
        bound_solution=bound_solution,
        gap=gap,
        unique=unique,
    )


def _premiums(offered: Offered, ratios: Sequence[Ratio], multipliers: Sequence[int]) -> Int64s:
    """Multiplier × coefficient over all ratios of an edge, rounded up: so the bound stays one."""
    found = [0] * len(offered.value)
    for ratio, multiplier in zip(ratios, multipliers, strict=True):
        if multiplier < 0:
            raise ValueError("a multiplier is at least 0")
        for edge, coefficient in ratio.coefficient.items():
            found[edge] -= -multiplier * coefficient // PPB
    return np.array(found, dtype=np.int64)


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


def _with_value(offered: Offered, edges: Int64s, value: Int64s) -> Problem:
    return Problem(
        offered.supply,
        offered.demand,
        offered.seller[edges],
        offered.buyer[edges],
        value[edges],
        offered.ranks,
        offered.tiebreak[edges],
    )


def _split(
    offered: Offered, ratios: Sequence[Ratio], worth: Int64s, quota_g: Int64s, margins: Mapping[int, int]
) -> _Split:
    """Buyers without ratios as they are, then a node for each quota of the buyers in `margins`."""
    terms, limited = offered.terms, offered.limited(ratios)
    margin = np.zeros(len(offered.demand), dtype=np.int64)
    margin[list(margins)] = list(margins.values())
    bid = np.where(limited[offered.buyer], worth - margin[offered.buyer], offered.value)
    allowed = ~limited
    allowed[list(margins)] = True
    open_edges = allowed[offered.buyer] & (bid >= 0) & (~limited[offered.buyer] | _carries(offered, quota_g))
    plain, quotas = (np.flatnonzero(open_edges & which[offered.buyer]) for which in (~limited, limited))
    buyer = np.concatenate([np.flatnonzero(~limited), offered.buyer[quotas]]).astype(np.int64)
    node = np.zeros(len(offered.demand), dtype=np.int32)
    node[~limited] = np.arange(len(buyer) - len(quotas))
    edge = np.concatenate([plain, quotas])
    split = Offered(
        supply=offered.supply,
        demand=np.concatenate([offered.demand[~limited], quota_g[quotas]]),
        seller=offered.seller[edge],
        buyer=np.concatenate(
            [node[offered.buyer[plain]], np.arange(len(buyer) - len(quotas), len(buyer), dtype=np.int32)]
        ),
        value=bid[edge],
        ranks=(offered.ranks[0], offered.ranks[1][buyer]),
        tiebreak=offered.tiebreak[edge],
        terms=replace(
            terms,
            buyer_parcel_g=tuple(terms.buyer_parcel_g[index] for index in buyer.tolist()),
            buyer_order=tuple(terms.buyer_order[index] for index in buyer.tolist()),
            buyer_minimum_g=tuple(terms.buyer_minimum_g[index] for index in buyer.tolist()),
        ),
    )
    place = {old: new for new, old in enumerate(edge.tolist())}
    return _Split(
        problem=_with_value(split, np.arange(len(edge)), split.value),
        offered=split,
        ratios=tuple(
            replace(
                ratio,
                coefficient={place[old]: each for old, each in ratio.coefficient.items() if old in place},
            )
            for ratio in ratios
        ),
        edge=edge,
        buyer=buyer,
    )


def _carries(offered: Offered, quota_g: Int64s) -> Mask:
    """Quotas that hold the least match of their two sides."""
    found = quota_g > 0
    for edge in np.flatnonzero(found).tolist():
        seller, buyer = int(offered.seller[edge]), int(offered.buyer[edge])
        least = least_packages(offered.terms, seller, buyer)
        found[edge] = packages_g(least, offered.terms.package_g[seller]) <= quota_g[edge]
    return found


def _beyond_limit(
    offered: Offered, split: _Split, whole: WholeClearing, margins: Mapping[int, int]
) -> dict[int, int]:
    """Buyers that would pay more than all they get is worth, at the prices best for sellers; per kg, up."""
    high = price_bounds(whole.problem, whole.solution).seller_high
    gain, bought = dict.fromkeys(margins, 0), dict.fromkeys(margins, 0)
    edges = split.edge[whole.edge].tolist()
    for edge, quantity in zip(edges, whole.solution.flow.tolist(), strict=True):
        buyer, seller = int(offered.buyer[edge]), int(offered.seller[edge])
        if buyer in gain:
            gain[buyer] += quantity * (int(offered.value[edge]) - int(high[seller]))
            bought[buyer] += quantity
    return {buyer: -(each // bought[buyer]) for buyer, each in gain.items() if each < 0}


def _cuts(split: _Split, cuts: Sequence[Cut], limited: set[int]) -> Iterator[Cut]:
    """In places of what was offered; those of buyers with ratios are told by what they get."""
    for cut in cuts:
        if cut.side == "seller":
            yield cut
        elif int(split.buyer[cut.index]) not in limited:
            yield replace(cut, index=int(split.buyer[cut.index]))
