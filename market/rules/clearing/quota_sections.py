"""A section with portfolio limits, split into quotas. Needs no solver."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from market.rules.clearing.graph import Edges
from market.rules.clearing.offered import Offered
from market.rules.clearing.posing import Posed, tiebreak
from market.rules.clearing.quotas import Split, bound_problem, premiums, terms_of
from market.rules.optimum.problem import Problem


@dataclass(frozen=True, eq=False, slots=True)
class Quotas:
    """What a section was split by. `whole`: the section with its buyers as the book has them.

    multipliers: of each of its shares. margins: of its buyers with a part in the split, micro-EUR per kg.
    dropped: those without, because no margin brought what they would pay within their limits.
    """

    whole: Posed
    split: Split
    multipliers: tuple[int, ...]
    margins: Mapping[int, int]
    dropped: frozenset[int]

    @property
    def limited(self) -> frozenset[int]:
        """Buyers of `whole` with portfolio limits."""
        return frozenset(ratio.buyer_order for ratio in self.whole.ratios)

    def bound(self, attempt: int) -> Problem:
        return whole_bound(self.whole, self.multipliers, attempt)


def offered_of(posed: Posed, attempt: int) -> Offered:
    section, worth = posed.section, posed.edges
    return Offered(
        section.supply,
        section.demand,
        worth.seller,
        worth.buyer,
        worth.value,
        posed.ranks,
        tiebreak(posed, attempt),
        posed.terms,
    )


def whole_bound(posed: Posed, multipliers: tuple[int, ...], attempt: int) -> Problem:
    """No trades that keep the shares are worth more than the best flow of this."""
    premium = premiums(len(posed.edges.value), posed.ratios, multipliers)
    return bound_problem(offered_of(posed, attempt), premium)


def plain_bound(posed: Posed, multipliers: tuple[int, ...]) -> Problem:
    """The bound problem with S = 0: what keeps the shares gains by the same multipliers."""
    section, plain = posed.section, posed.plain()
    premium = np.zeros(len(section.pairs), dtype=np.int64)
    premium[posed.edges.pair] = premiums(len(posed.edges.value), posed.ratios, multipliers)
    value = plain.value + premium[plain.pair]
    kept = np.flatnonzero(value >= 0)
    return Problem(section.supply, section.demand, plain.seller[kept], plain.buyer[kept], value[kept])


def split_posed(posed: Posed, parted: Split) -> Posed:
    """The section with the nodes of the split as buyers; its pairs are told by `edges` alone.

    A quota is no order of its own: the tolerance does not touch it, its order's minima do.
    """
    section, nodes = posed.section, parted.buyer.tolist()
    tolerance_g = posed.tolerance_g[1][parted.buyer]
    tolerance_g[parted.plain :] = 0
    worth = Edges(
        seller=parted.problem.seller,
        buyer=parted.problem.buyer,
        value=parted.problem.value,
        pair=posed.edges.pair[parted.edge],
    )
    return replace(
        posed,
        section=replace(
            section,
            buyers=tuple(section.buyers[node] for node in nodes),
            buyer_key=section.buyer_key[parted.buyer],
            buyer_place=section.buyer_place[parted.buyer],
            of_buyers=section.of_buyers.part(parted.buyer),
            demand=parted.problem.demand,
            terms=terms_of(section.terms, parted.buyer),
        ),
        edges=worth,
        ranks=(posed.ranks[0], posed.ranks[1][parted.buyer]),
        tolerance_g=(posed.tolerance_g[0], tolerance_g),
        terms=parted.terms,
        anchor=replace(posed.anchor, buyer_groups=[posed.anchor.buyer_groups[node] for node in nodes]),
        shares=tuple(
            replace(share, ratio=ratio) for share, ratio in zip(posed.shares, parted.ratios, strict=True)
        ),
    )


def strained(parted: Split) -> tuple[frozenset[int], frozenset[int]]:
    """Sellers and nodes that a buyer's shares may keep from trading more."""
    return (
        frozenset(parted.problem.seller[parted.quota_edge].tolist()),
        frozenset(range(parted.plain, len(parted.buyer))),
    )
