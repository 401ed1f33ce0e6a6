"""What a round of a tiny book says otherwise than `round_oracle` finds it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from events.clearing_terms import OrderDual, SectionResult
from events.market_events import ClearingCompleted, MatchStruck
from events.vocabulary import PPB
from tests.blotter import ident
from tests.rules.oracle_books import SHARE, Book, Need, Supply
from tests.rules.round_oracle import (
    CENT,
    Edge,
    Range,
    Section,
    best_flow,
    bid,
    dual_ranges,
    half_even,
    in_parts,
    limited,
    named,
    section_of,
    steps_of,
    third,
    tie_break,
)
from tests.rules.whole_optimum import best_whole_ueur_g

GRAMS_ROUNDED = 3
"""Of one trade at most one less than its packages hold."""


def faults(book: Book, facts: Sequence[Any]) -> list[str]:
    """None when the round is what it has to be; `facts`: all that it recorded."""
    completed = facts[-1]
    assert isinstance(completed, ClearingCompleted), completed
    found = list(_money(completed, [fact for fact in facts if isinstance(fact, MatchStruck)]))
    sold: Counter[Any] = Counter()
    bought: Counter[str] = Counter()
    orders = named(book)
    for result, struck, duals in in_parts(facts):
        section = section_of(book, result.section, sold, bought)
        before = bought.copy()
        for fact in struck:
            supply = orders[fact.supply]
            assert isinstance(supply, Supply)
            whole = fact.packages_thousandths // 1000
            sold[supply.id, fact.tranche] += fact.quantity_basis_g if supply.pkg == 1 else whole
            bought[orders[fact.requirement].id] += fact.quantity_basis_g
        checked = _Checked(book, section, result, struck, duals)
        found += [f"{section.name}: {told}" for told in checked.faults(before)]
    return found


def _money(completed: ClearingCompleted, struck: Sequence[MatchStruck]) -> Iterator[str]:
    total = 0
    for fact in struck:
        exact = fact.quantity_basis_g * fact.price_ueur_per_kg
        cents = half_even(exact, CENT)
        total += cents
        if (cents, exact - cents * CENT) != (fact.amount_cents_eur, fact.remainder_ueur_g_per_kg):
            yield f"cents of {exact}"
    if {str(total)} != {completed.buyers_pay_cents_eur, completed.sellers_receive_cents_eur}:
        yield "what is paid is not what is received"


class _Checked:
    def __init__(
        self,
        book: Book,
        section: Section,
        result: SectionResult,
        struck: Sequence[MatchStruck],
        duals: Sequence[OrderDual],
    ) -> None:
        self.book, self.section, self.result, self.struck = book, section, result, struck
        self.seller = {(ident(s.id), k): i for i, (s, k) in enumerate(section.sellers)}
        self.buyer = {ident(need.id): j for j, need in enumerate(section.buyers)}
        self.flow = {self.ends(fact): fact.quantity_basis_g for fact in struck}
        self.price = {self.ends(fact): fact.price_ueur_per_kg for fact in struck}
        self.value = {(pair.seller, pair.buyer): pair.value for pair in section.pairs}
        self.duals: dict[tuple[str, UUID, int], OrderDual] = {(d.side, d.order, d.tranche): d for d in duals}
        self.filled = (
            [self.sum_of(i, 0) for i in range(len(section.sellers))],
            [self.sum_of(j, 1) for j in range(len(section.buyers))],
        )

    def ends(self, fact: MatchStruck) -> tuple[int, int]:
        return self.seller[fact.supply, fact.tranche], self.buyer[fact.requirement]

    def sum_of(self, node: int, side: int) -> int:
        return sum(grams for ends, grams in self.flow.items() if ends[side] == node)

    def faults(self, before: Counter[str]) -> Iterator[str]:
        section, result = self.section, self.result
        if result.edge_count != len(section.pairs):
            yield f"{result.edge_count} edges, not {len(section.pairs)}"
            return
        if not self.flow.keys() <= self.value.keys() or len(self.flow) != len(self.struck):
            yield "a trade without an edge"
            return
        welfare = sum(grams * self.value[ends] for ends, grams in self.flow.items())
        bound = int(result.relaxed_bound or 0)
        if (str(welfare), str(bound - welfare)) != (result.welfare, result.gap):
            yield f"welfare {welfare} or gap"
        yield from self._kept(before)
        best = best_whole_ueur_g(self.book, section, before)
        if not welfare <= best * (1 + 1e-6) + 1e9 or not best <= bound * (1 + 1e-6) + 1e9:
            yield f"not {welfare} at most {best} at most {bound}"
        others = [s for s, _ in section.sellers]
        fitting = {
            j: [others[i] for i, other in section.bid if other == j] for j in range(len(section.buyers))
        }
        if any(limited(self.book, fitting[j], need) for j, need in enumerate(section.buyers)):
            yield from self._in_the_money_as_a_whole()
            return
        whole = [(p.seller, p.buyer, (p.value,)) for p in section.pairs]
        if best_flow(section.supply, section.wanted, whole)[0][0] != bound:
            yield "bound"
        plain = [(p.seller, p.buyer, (max(p.plain, 0),)) for p in section.pairs]
        if (
            str(best_flow(section.supply, section.wanted, plain)[0][0])
            != result.welfare_without_sustainability
        ):
            yield "bound with S = 0"
        yield from self._final()

    def _kept(self, before: Counter[str]) -> Iterator[str]:
        """Capacities, packages, parcels, minima, shares."""
        section = self.section
        for fact in self.struck:
            yield from self._whole(fact)
        for filled, most in zip(self.filled, (section.supply, section.wanted), strict=True):
            if any(have > limit for have, limit in zip(filled, most, strict=True)):
                yield "more than there is"
        of_order: Counter[str] = Counter()
        brought: Counter[str] = Counter()
        for i, (supply, _) in enumerate(section.sellers):
            of_order[supply.id] += self.filled[0][i]
            brought[supply.id] += section.supply[i]
        for supply in {supply.id: supply for supply, _ in section.sellers}.values():
            least = int(supply.least * SHARE) - 1 if self.first(supply.cond) else 0
            if supply.whole:
                least = brought[supply.id] - GRAMS_ROUNDED
            if 0 < of_order[supply.id] < least:
                yield f"{supply.id} sells less than its least"
        for j, need in enumerate(section.buyers):
            if 0 < self.filled[1][j] < need.least - before[need.id]:
                yield f"{need.id} gets less than its least"
            yield from self._shares(j, need)

    def _whole(self, fact: MatchStruck) -> Iterator[str]:
        i, j = self.ends(fact)
        package, grams, count = self.section.sellers[i][0].pkg, self.section.grams[i], fact.quantity_basis_g
        if package > 1:
            count, part = divmod(fact.packages_thousandths, 1000)
            if part or not 0 <= fact.quantity_basis_g - int(count * grams) <= 1:
                yield f"{fact.quantity_basis_g} g are no whole packages"
            if fact.product_wet_g != count * package:
                yield "product is not its packages"
        if count < next(pair.least for pair in self.section.pairs if (pair.seller, pair.buyer) == (i, j)):
            yield f"less than the least parcel between {i} and {j}"

    def first(self, cond: bool) -> bool:
        """Whether nothing of the order can have been traded before."""
        return cond or self.section.name.endswith("-firm")

    def _shares(self, j: int, need: Need) -> Iterator[str]:
        least, most = need.pf or (None, None)
        got = [(self.section.sellers[i][0], grams) for (i, k), grams in self.flow.items() if k == j]
        total = sum(grams for _, grams in got)
        if least is not None and sum(g * sum(s.recycled) for s, g in got) < least * total:
            yield f"{need.id} gets too little recycled"
        for step in {step for s, _ in got for step in steps_of(self.book, s) if step[1] and third(step[1])}:
            here = sum(g for s, g in got if step in steps_of(self.book, s))
            if most is not None and here * PPB > most * total:
                yield f"{need.id} gets too much of {step}"

    def _in_the_money_as_a_whole(self) -> Iterator[str]:
        for j, need in enumerate(self.section.buyers):
            gains = [
                grams * (self.section.bid[i, k] - self.price[i, k])
                for (i, k), grams in self.flow.items()
                if k == j
            ]
            if sum(gains) < 0 or (need.pf is None and any(gain < 0 for gain in gains)):
                yield f"{need.id} pays more than it bids"
        for (i, _), price in self.price.items():
            if price < self.section.sellers[i][0].ask:
                yield "a seller gets less than it asks"

    def _final(self) -> Iterator[str]:
        """The trades are the one best flow of the effective capacities, at prices within its duals."""
        section, book = self.section, self.book
        counted = [list(section.supply), list(section.wanted)]
        nodes = [("seller", ident(s.id), k) for s, k in section.sellers]
        nodes += [("buyer", ident(need.id), 0) for need in section.buyers]
        sizes = len(section.sellers)
        for place, key in enumerate(nodes):
            dual = self.duals.get(key)
            side, node = (0, place) if place < sizes else (1, place - sizes)
            if dual is None or dual.effective_g is None or dual.effective_g == counted[side][node]:
                continue
            if dual.effective_g != self.filled[side][node] or not dual.effective_reason:
                yield f"{key} counts with {dual.effective_g}"
            counted[side][node] = dual.effective_g
        rank = {order.id: len(book.orders) - place for place, order in enumerate(book.orders)}
        edges: list[Edge] = []
        for pair in section.pairs:
            (supply, tranche), need = section.sellers[pair.seller], section.buyers[pair.buyer]
            if counted[0][pair.seller] and counted[1][pair.buyer]:
                drawn = tie_break(1, ident(supply.id), tranche, ident(need.id))
                cost = (pair.value, rank[supply.id] + rank[need.id], drawn)
                edges.append((pair.seller, pair.buyer, cost))
        flow = [self.flow.get(edge[:2], 0) for edge in edges]
        if best_flow(counted[0], counted[1], edges)[1] != flow:
            yield "the trades are not the one best flow"
        try:
            u, v = dual_ranges(counted[0], counted[1], edges, flow)
        except ValueError as error:
            yield str(error)
            return
        yield from self._prices(edges, u, v)

    def _prices(self, edges: Sequence[Edge], u: list[Range], v: list[Range]) -> Iterator[str]:
        section = self.section
        surplus: dict[int, int] = {}
        for (i, j), price in self.price.items():
            (supply, tranche), need = section.sellers[i], section.buyers[j]
            gains = price - supply.ask, bid(self.book, supply, need) - price
            if surplus.setdefault(i, gains[0]) != gains[0]:
                yield "two prices of one lot"
            entries = self.duals["seller", ident(supply.id), tranche], self.duals["buyer", ident(need.id), 0]
            for gain, limits, dual in zip(gains, (u[i], v[j]), entries, strict=True):
                if None in limits or (*limits, gain) != (
                    dual.low_ueur_per_kg,
                    dual.high_ueur_per_kg,
                    dual.surplus_ueur_per_kg,
                ):
                    yield f"{gain} within {limits} is told otherwise"
                elif gain < 0 or not (limits[0] or 0) <= gain <= (limits[1] or 0):
                    yield "a price beyond its bounds"
        for members in _components(edges):
            trading = {i: surplus[i] for i in members[0] if i in surplus}
            wanted = self._wanted(members, {i: u[i] for i in trading})
            if wanted is not None and wanted != trading:
                yield f"prices {trading}, not {wanted}"

    def _wanted(self, members: tuple[set[int], set[int]], ranges: dict[int, Range]) -> dict[int, int] | None:
        """u of each seller that trades; None where this cannot tell."""
        section = self.section
        groups = (
            {self.book.groups[section.sellers[i][0].org] for i in members[0]},
            {self.book.groups[section.buyers[j].org] for j in members[1]},
        )
        bounds = {i: (low or 0, high or 0) for i, (low, high) in ranges.items()}
        term = section.name.startswith("term/")
        thin = min(len(side) for side in groups) < self.book.thin
        if not thin or (self.book.reference is None and not term):
            return {i: (low + high) // 2 for i, (low, high) in bounds.items()}
        references = {fact.reference.ueur_per_kg for fact in self.struck if fact.reference is not None}
        if not term and len(references) != 1:
            return None
        anchor = 0 if term else references.pop()

        def at(alpha: int) -> dict[int, int]:
            return {i: max(high - alpha, low) for i, (low, high) in bounds.items()}

        def away(alpha: int) -> int:
            return sum(
                self.filled[0][i] * (section.sellers[i][0].ask + gain - anchor)
                for i, gain in at(alpha).items()
            )

        below, above = 0, max((high - low for low, high in bounds.values()), default=0)
        while below < above:
            middle = (below + above) // 2
            below, above = (below, middle) if away(middle) <= 0 else (middle + 1, above)
        return at(min((abs(away(alpha)), alpha) for alpha in {max(below - 1, 0), below})[1])


def _components(edges: Sequence[Edge]) -> Iterator[tuple[set[int], set[int]]]:
    left = [({i}, {j}) for i, j, _ in edges]
    while left:
        sellers, buyers = left.pop()
        met = [each for each in left if each[0] & sellers or each[1] & buyers]
        if not met:
            yield sellers, buyers
            continue
        left = [each for each in left if each not in met]
        left.append((sellers.union(*(each[0] for each in met)), buyers.union(*(each[1] for each in met))))
