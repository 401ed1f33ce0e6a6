"""Splits buyers with ratios into quotas: one node for each lot that such a buyer may take. Needs no solver.

For any multipliers and quotas, the split is an ordinary problem with the ordinary proof; the multipliers give
an upper bound for all trades that keep the ratios.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from events.vocabulary import PPB
from market.rules.clearing.offered import Offered
from market.rules.optimum.problem import Int64s, Mask, Problem
from market.rules.packages import Divisibility, least_packages, packages_g
from market.rules.rounding import Ratio


@dataclass(frozen=True, eq=False, slots=True)
class Proposal:
    """multipliers: for each ratio, micro-EUR per kg and unit of share, at least 0: what keeping it costs.

    quota_g: int64[e], grams that each edge of a buyer with ratios may carry; 0 on all other edges.
    """

    multipliers: tuple[int, ...]
    quota_g: Int64s


@dataclass(frozen=True, eq=False, slots=True)
class Split:
    """The problem with a node for each quota; its edges stand in the order of the offered ones.

    buyer: int64[nB of the split], whose node that is: first buyers without ratios, then quotas. plain: how
    many of the first. quota_edge: int64[q], the edge of each quota. edge: int64[e], places in the offered.
    premium: int64[e], micro-EUR per kg, what multipliers and margins add to the value. ratios: over these
    edges.
    """

    problem: Problem
    terms: Divisibility
    ratios: tuple[Ratio, ...]
    buyer: Int64s
    plain: int
    quota_edge: Int64s
    edge: Int64s
    premium: Int64s

    @property
    def quotas(self) -> tuple[tuple[int, int], ...]:
        """Node and edge of each quota, in their order, which is the same."""
        return tuple(enumerate(self.quota_edge.tolist(), start=self.plain))

    def edge_of_quota(self, node: int) -> int:
        return int(self.quota_edge[node - self.plain])


def premium_of(ratio: Ratio, multiplier: int, edge: int) -> int:
    """Multiplier × coefficient, micro-EUR per kg, rounded up: so the bound stays one."""
    return -(-multiplier * ratio.coefficient.get(edge, 0) // PPB)


def premiums(edges: int, ratios: Sequence[Ratio], multipliers: Sequence[int]) -> Int64s:
    """Over all ratios of each edge. ValueError for a multiplier below 0: it bounds nothing."""
    found = [0] * edges
    for ratio, multiplier in zip(ratios, multipliers, strict=True):
        if multiplier < 0:
            raise ValueError("a multiplier is at least 0")
        for edge in ratio.coefficient:
            found[edge] += premium_of(ratio, multiplier, edge)
    return np.array(found, dtype=np.int64)


def bound_problem(offered: Offered, premium: Int64s) -> Problem:
    """Whole buyers, values with `premium`: no flow that keeps the ratios is worth more than its best."""
    worth = offered.value + premium
    edge = np.flatnonzero(worth >= 0)
    return Problem(
        offered.supply,
        offered.demand,
        offered.seller[edge],
        offered.buyer[edge],
        worth[edge],
        offered.ranks,
        offered.tiebreak[edge],
    )


def split(
    offered: Offered, ratios: Sequence[Ratio], premium: Int64s, quota_g: Int64s, margins: Mapping[int, int]
) -> Split:
    """Quotas of the buyers in `margins`, whose bids these lower; others with ratios have no part.

    A quota below the least match of its two sides, or at a bid below the ask, is no node.
    """
    limited = offered.limited(ratios)
    margin = np.zeros(len(offered.demand), dtype=np.int64)
    margin[list(margins)] = list(margins.values())
    allowed = ~limited
    allowed[list(margins)] = True
    added = np.where(limited[offered.buyer], premium - margin[offered.buyer], 0)
    is_quota = limited[offered.buyer]
    carried = ~is_quota | _carries(offered, np.where(is_quota, quota_g, 0))
    edge = np.flatnonzero(allowed[offered.buyer] & (offered.value + added >= 0) & carried)
    quota_edge, plain = np.flatnonzero(is_quota[edge]), np.flatnonzero(~limited)
    quotas = edge[quota_edge]
    buyer = np.concatenate([plain, offered.buyer[quotas]]).astype(np.int64)
    node = np.zeros(len(offered.demand), dtype=np.int32)
    node[plain] = np.arange(len(plain))
    ends = node[offered.buyer[edge]]
    ends[quota_edge] = np.arange(len(plain), len(buyer))
    place = {old: new for new, old in enumerate(edge.tolist())}
    return Split(
        problem=Problem(
            offered.supply,
            np.concatenate([offered.demand[plain], quota_g[quotas]]),
            offered.seller[edge],
            ends,
            (offered.value + added)[edge],
            (offered.ranks[0], offered.ranks[1][buyer]),
            offered.tiebreak[edge],
        ),
        terms=terms_of(offered.terms, buyer),
        ratios=tuple(
            replace(
                ratio,
                coefficient={place[old]: each for old, each in ratio.coefficient.items() if old in place},
            )
            for ratio in ratios
        ),
        buyer=buyer,
        plain=len(plain),
        quota_edge=quota_edge,
        edge=edge,
        premium=added[edge],
    )


def terms_of(terms: Divisibility, buyer: Int64s) -> Divisibility:
    """With these buyers, some of them several times."""
    nodes = buyer.tolist()
    return replace(
        terms,
        buyer_parcel_g=tuple(terms.buyer_parcel_g[node] for node in nodes),
        buyer_order=tuple(terms.buyer_order[node] for node in nodes),
        buyer_minimum_g=tuple(terms.buyer_minimum_g[node] for node in nodes),
    )


def _carries(offered: Offered, quota_g: Int64s) -> Mask:
    """Quotas that hold the least match of their two sides."""
    found = quota_g > 0
    for edge in np.flatnonzero(found).tolist():
        seller, buyer = int(offered.seller[edge]), int(offered.buyer[edge])
        least = least_packages(offered.terms, seller, buyer)
        found[edge] = packages_g(least, offered.terms.package_g[seller]) <= quota_g[edge]
    return found
