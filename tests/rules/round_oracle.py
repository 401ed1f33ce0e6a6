"""What a round of a tiny book has to be, found without any module of `market.rules`.

Edges and their worth from the terms, the best flow by longest ways in tuples (value, ranks, tie-break), price
bounds by Bellman and Ford, prices, α, cents and sums. `faults` says in words what a round has otherwise.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from hashlib import blake2b
from math import ceil
from typing import Any
from uuid import UUID

from msgspec import Struct

from events.clearing_terms import OrderDual, SectionResult
from events.market_events import ClearingCompleted, ClearingEvidence, MatchStruck
from events.vocabulary import PPB
from tests.blotter import EU, ident
from tests.rules.oracle_books import SHARE, Book, Need, Steps, Supply

CENT = 10_000 * 1_000
"""Gram·micro-EUR per kg in one cent."""
WORD = 2**64
Cost = tuple[int, ...]
Edge = tuple[int, int, Cost]
Range = tuple[int | None, int | None]


class Pair(Struct, frozen=True, kw_only=True):
    """An edge. `least`: packages of the smallest trade."""

    seller: int
    buyer: int
    value: int
    plain: int
    least: int


class Section(Struct, frozen=True, kw_only=True):
    """`left`: packages of each seller, of `grams` each; `wanted`: grams of each buyer. `bid`: limit + T."""

    name: str
    sellers: list[tuple[Supply, int]]
    buyers: list[Need]
    left: list[int]
    grams: list[Fraction]
    wanted: list[int]
    pairs: list[Pair]
    bid: dict[tuple[int, int], int]

    @property
    def supply(self) -> list[int]:
        return [int(count * grams) for count, grams in zip(self.left, self.grams, strict=True)]


class _Arc(Struct):
    """The one after it is its way back."""

    tail: int
    head: int
    capacity: int
    cost: Cost


def steps_of(book: Book, supply: Supply) -> Steps:
    return supply.steps if book.in_full and supply.steps is not None else supply.origin


def third(country: str | None) -> bool:
    return country not in EU


def unstated(book: Book, supply: Supply) -> bool:
    """A stage that the goods went through and nobody names."""
    needed = {"extraction", "processing"} if sum(supply.recycled) < PPB else set()
    needed |= {"recycling"} if sum(supply.recycled) else set()
    return book.by_stage and bool(needed - {stage for stage, _ in steps_of(book, supply)})


def fits(book: Book, supply: Supply, tranche: int, need: Need) -> bool:
    if book.groups[supply.org] == book.groups[need.org] or supply.org in need.orgs_excluded:
        return False
    if supply.form not in need.forms or supply.country not in {"DE", *need.fetched}:
        return False
    countries = {country for _, country in steps_of(book, supply)}
    if need.excluded and (countries & {*need.excluded, None} or unstated(book, supply)):
        return False
    mine, yours = supply.term, need.term
    if mine is not None and yours is not None:
        years = list(zip(mine.profile_ppb, yours.profile_ppb, strict=False))
        tolerated = min(mine.profile_tolerance_ppb, yours.profile_tolerance_ppb)
        same = len(mine.profile_ppb) == len(yours.profile_ppb)
        return same and all(abs(sold - bought) <= tolerated for sold, bought in years)
    first, last = supply.tranches[tranche][:2] if supply.tranches else (10, 40)
    return min(last, need.window[1]) > max(first, need.window[0])


def bid(book: Book, supply: Supply, need: Need, *, plain: bool = False) -> int:
    """limit + T; `plain`: with S = 0."""
    steps = steps_of(book, supply)
    european = not unstated(book, supply) and not any(third(country) for _, country in steps)
    recycled = (supply.recycled[0] * need.post + supply.recycled[1] * need.pre) // PPB
    wanted = min(max(recycled + (need.eu if european else 0), need.floor), need.cap)
    carriage = 0 if supply.country == "DE" else need.fetched[supply.country]
    return need.limit + need.forms[supply.form] + (0 if plain else wanted) - carriage


def limited(book: Book, supplies: Sequence[Supply], need: Need) -> bool:
    """Whether the buyer is held to a share over these: recycled, or of a country that some are of."""
    least, most = need.pf or (None, None)
    far = (any(third(c) and c is not None for _, c in steps_of(book, each)) for each in supplies)
    return (bool(least) and bool(supplies)) or (most is not None and most < PPB and any(far))


def section_of(book: Book, name: str, sold: Counter[Any], bought: Counter[str]) -> Section:
    horizon, part = name.rsplit("-", 1)
    year = None if horizon == "spot" else int(horizon.rsplit("/", 1)[1])

    def here(order: Supply | Need) -> bool:
        begins = None if order.term is None else order.term.start_year
        return begins == year and (part == "all" or not order.cond)

    orders = [order for order in book.orders if here(order)]
    buyers = [order for order in orders if isinstance(order, Need)]
    sellers, left, grams = [], [], []
    for order in orders:
        if isinstance(order, Supply):
            nets = [tranche[2] for tranche in order.tranches] or [order.net]
            for place, net in enumerate(nets):
                bulk = order.pkg == 1
                sellers.append((order, place))
                grams.append(Fraction(1) if bulk else SHARE * order.pkg)
                left.append((int(net * SHARE) if bulk else net // order.pkg) - sold[order.id, place])
    wanted = [need.grams - bought[need.id] for need in buyers]
    fitting = [
        (seller, buyer)
        for seller, (supply, tranche) in enumerate(sellers)
        for buyer, need in enumerate(buyers)
        if fits(book, supply, tranche, need)
    ]
    pairs, bids = [], {}
    for seller, buyer in fitting:
        supply, need = sellers[seller][0], buyers[buyer]
        parcel = ceil(supply.parcel * SHARE) if supply.pkg == 1 else -(-supply.parcel // supply.pkg)
        whole = max(1, parcel, ceil(need.parcel / grams[seller]))
        bids[seller, buyer] = bid(book, supply, need)
        value = bids[seller, buyer] - supply.ask
        others = [sellers[one][0] for one, other in fitting if other == buyer]
        if value < 0 and not limited(book, others, need):
            continue
        if whole <= left[seller] and int(whole * grams[seller]) <= wanted[buyer]:
            plain = bid(book, supply, need, plain=True) - supply.ask
            pairs.append(Pair(seller=seller, buyer=buyer, value=value, plain=plain, least=whole))
    return Section(
        name=name,
        sellers=sellers,
        buyers=buyers,
        left=left,
        grams=grams,
        wanted=wanted,
        pairs=pairs,
        bid=bids,
    )


def best_flow(supply: Sequence[int], demand: Sequence[int], edges: Sequence[Edge]) -> tuple[Cost, list[int]]:
    """The flow whose sum of costs is the greatest tuple, by one longest way after the other."""
    sellers, nothing = len(supply), tuple(0 for _ in edges[0][2]) if edges else (0,)
    source, sink = sellers + len(demand), sellers + len(demand) + 1
    arcs: list[_Arc] = []

    def arc(tail: int, head: int, capacity: int, cost: Cost) -> None:
        arcs.append(_Arc(tail, head, capacity, cost))
        arcs.append(_Arc(head, tail, 0, tuple(-part for part in cost)))

    for seller, buyer, cost in edges:
        arc(seller, sellers + buyer, min(supply[seller], demand[buyer]), cost)
    for seller, have in enumerate(supply):
        arc(source, seller, have, nothing)
    for buyer, want in enumerate(demand):
        arc(sellers + buyer, sink, want, nothing)
    total = nothing
    while True:
        gain, way = _longest(arcs, source, sink, nothing)
        if gain <= nothing:
            return total, [arcs[2 * place + 1].capacity for place in range(len(edges))]
        pushed = min(arcs[place].capacity for place in way)
        for place in way:
            arcs[place].capacity -= pushed
            arcs[place ^ 1].capacity += pushed
        total = tuple(have + pushed * part for have, part in zip(total, gain, strict=True))


def _longest(arcs: list[_Arc], source: int, sink: int, nothing: Cost) -> tuple[Cost, list[int]]:
    """The dearest way through what is left, as places of arcs; `nothing` where there is none."""
    far: dict[int, Cost] = {source: nothing}
    before: dict[int, int] = {}
    again = True
    while again:
        again = False
        for place, arc in enumerate(arcs):
            if arc.capacity and arc.tail in far:
                longer = tuple(map(sum, zip(far[arc.tail], arc.cost, strict=True)))
                if arc.head not in far or longer > far[arc.head]:
                    far[arc.head], before[arc.head], again = longer, place, True
    way, node = [], sink
    while node in before:
        way.append(before[node])
        node = arcs[before[node]].tail
    return far.get(sink, nothing), way


def dual_ranges(
    supply: Sequence[int], demand: Sequence[int], edges: Sequence[Edge], flow: Sequence[int]
) -> tuple[list[Range], list[Range]]:
    """Least and greatest u of each seller and v of each buyer in optimal duals; ValueError without."""
    sellers, zero = len(supply), len(supply) + len(demand)
    sold, got = [0] * sellers, [0] * len(demand)
    bounds: list[tuple[int, int, int]] = []
    for (seller, buyer, cost), grams in zip(edges, flow, strict=True):
        bounds.append((seller, sellers + buyer, -cost[0]))
        if grams:
            bounds.append((sellers + buyer, seller, cost[0]))
        sold[seller] += grams
        got[buyer] += grams
    for seller in range(sellers):
        bounds.append((seller, zero, 0))
        bounds += [(zero, seller, 0)] if sold[seller] < supply[seller] else []
    for buyer in range(len(demand)):
        bounds.append((zero, sellers + buyer, 0))
        bounds += [(sellers + buyer, zero, 0)] if got[buyer] < demand[buyer] else []

    def reached(arcs: list[tuple[int, int, int]]) -> dict[int, int]:
        far = {zero: 0}
        for _ in range(zero + 2):
            moved = False
            for tail, head, length in arcs:
                if tail in far and far[tail] + length < far.get(head, far[tail] + length + 1):
                    far[head], moved = far[tail] + length, True
            if not moved:
                return far
        raise ValueError("the flow is not optimal")

    up, down = reached(bounds), reached([(head, tail, length) for tail, head, length in bounds])

    def less(value: int | None) -> int | None:
        return None if value is None else -value

    return (
        [(less(down.get(node)), up.get(node)) for node in range(sellers)],
        [(less(up.get(sellers + node)), down.get(sellers + node)) for node in range(len(demand))],
    )


def tie_break(round_: int, seller: UUID, tranche: int, buyer: UUID) -> int:
    """44 bits of the two ends' hashes, mixed by the finalizer of SplitMix64."""
    head = round_.to_bytes(8, "big") + (1).to_bytes(4, "big")
    ends = (seller.bytes + tranche.to_bytes(4, "big"), buyer.bytes)
    mixed = 0
    for end in ends:
        mixed ^= int.from_bytes(blake2b(head + end).digest()[:8], "big")
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> shift)) * factor % WORD
    return (mixed ^ (mixed >> 31)) >> 20


def half_even(number: int, unit: int) -> int:
    whole, rest = divmod(number, unit)
    return whole + (2 * rest > unit or (2 * rest == unit and whole % 2 == 1))


def in_parts(facts: Sequence[Any]) -> Iterator[tuple[SectionResult, list[MatchStruck], list[OrderDual]]]:
    completed = facts[-1]
    assert isinstance(completed, ClearingCompleted)
    struck = [fact for fact in facts if isinstance(fact, MatchStruck)]
    parts = [fact for fact in facts if isinstance(fact, ClearingEvidence)]
    for result in completed.sections:
        name = result.section
        yield (
            result,
            [fact for fact in struck if fact.section == name],
            [dual for part in parts if part.section == name for dual in part.duals],
        )


def named(book: Book) -> dict[UUID, Supply | Need]:
    return {ident(order.id): order for order in book.orders}
