"""Checks that trades are whole packages, keep parcels and minima, and that no further package fits. Needs no
solver."""

from collections.abc import Iterator

from market.rules.optimum.check import VIOLATIONS_PER_RULE_MAX, Violation
from market.rules.optimum.problem import Int64s, Problem, used_edges
from market.rules.packages import Divisibility, least_packages, packages_g, packages_within


def undivided(problem: Problem, flow: Int64s, terms: Divisibility, held: frozenset[int]) -> list[Violation]:
    """All reasons why `flow` is not a set of trades by `terms`; empty when it is. `problem`: whole
    capacities.

    Fields and indices as of `optimum.check.verify`. `held`: buyers' orders that are held to shares, which
    take no more because of these.
    """
    trades = _Trades(problem, flow, terms)
    violations = [*_edges(trades), *_minima(trades), *_room(trades, held)]
    return violations[:VIOLATIONS_PER_RULE_MAX]


class _Trades:
    """The edges with flow, and what each side has left: sellers whole packages, buyers grams."""

    def __init__(self, problem: Problem, flow: Int64s, terms: Divisibility) -> None:
        self.terms = terms
        self.edges: list[int] = used_edges(flow).tolist()
        ends = problem.seller[self.edges].tolist(), problem.buyer[self.edges].tolist()
        self.seller: dict[int, int] = dict(zip(self.edges, ends[0], strict=True))
        self.buyer: dict[int, int] = dict(zip(self.edges, ends[1], strict=True))
        self.grams: dict[int, int] = dict(zip(self.edges, flow[self.edges].tolist(), strict=True))
        self.packages = {
            edge: packages_within(grams, terms.package_g[self.seller[edge]])
            for edge, grams in self.grams.items()
        }
        self.unsold = list(terms.packages)
        self.room_g: list[int] = problem.demand.tolist()
        for edge in self.edges:
            self.unsold[self.seller[edge]] -= self.packages[edge]
            self.room_g[self.buyer[edge]] -= self.grams[edge]

    def floor_g(self, edge: int) -> int:
        return packages_g(self.packages[edge], self.terms.package_g[self.seller[edge]])


def _edges(trades: _Trades) -> Iterator[Violation]:
    for edge in trades.edges:
        grams, floor_g = trades.grams[edge], trades.floor_g(edge)
        if grams > floor_g + 1:
            yield Violation("whole_packages", "flow", edge, grams, f"{floor_g} or {floor_g + 1}")
        least = least_packages(trades.terms, trades.seller[edge], trades.buyer[edge])
        if trades.packages[edge] < least:
            yield Violation("least_parcel", "flow", edge, grams, f"{least} packages")


def _minima(trades: _Trades) -> Iterator[Violation]:
    terms = trades.terms
    sold = [have - left for have, left in zip(terms.packages, trades.unsold, strict=True)]
    bought = [0] * len(terms.buyer_order)
    for edge in trades.edges:
        bought[trades.buyer[edge]] += trades.grams[edge]
    for field, orders, minima, filled in (
        ("flow of supply", terms.seller_order, terms.seller_minimum, sold),
        ("flow of demand", terms.buyer_order, terms.buyer_minimum_g, bought),
    ):
        traded: dict[int, int] = {}
        for order, quantity in zip(orders, filled, strict=True):
            traded[order] = traded.get(order, 0) + quantity
        for node, (order, least) in enumerate(zip(orders, minima, strict=True)):
            if filled[node] and traded[order] < least:
                yield Violation("minimum_quantity", field, node, traded[order], f"at least {least} or 0")


def _room(trades: _Trades, held: frozenset[int]) -> Iterator[Violation]:
    """A lot sells no less than fits: neither a whole package more nor a gram that rounding left over."""
    of_seller: dict[int, list[int]] = {}
    for edge in trades.edges:
        of_seller.setdefault(trades.seller[edge], []).append(edge)
    for seller, edges in of_seller.items():
        package_g = trades.terms.package_g[seller]
        free = [edge for edge in edges if trades.terms.buyer_order[trades.buyer[edge]] not in held]
        total_g = packages_g(sum(trades.packages[edge] for edge in edges), package_g)
        missing_g = total_g - sum(trades.grams[edge] for edge in edges)
        if missing_g < 0:
            yield Violation("whole_packages", "flow of supply", seller, total_g - missing_g, total_g)
        for edge in free:
            room_g = trades.room_g[trades.buyer[edge]]
            within = packages_within(room_g + trades.grams[edge], package_g)
            fits = min(trades.unsold[seller], within - trades.packages[edge])
            if fits > 0:
                yield Violation("whole_packages", "flow", edge, trades.grams[edge], f"{fits} packages more")
            elif missing_g > 0 and room_g > 0 and trades.grams[edge] == trades.floor_g(edge):
                yield Violation("whole_packages", "flow", edge, trades.grams[edge], "a gram more")
