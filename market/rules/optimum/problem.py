"""Input and output of the assignment: arrays of integers, checked when they are created."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Int64s = NDArray[np.int64]
Int32s = NDArray[np.int32]
Mask = NDArray[np.bool_]
Places = Int32s | Int64s
Integers = TypeVar("Integers", Int64s, Int32s)

GUARD = 1 << 62
NAMED_AT_MOST = 5
LEVELS = 3
INT64_END = 1 << 63


class AssignmentError(ValueError):
    """The problem cannot be solved as posed. `problems` holds one sentence for each thing that is wrong."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, eq=False, slots=True)
class Problem:
    """One section of a clearing: who could sell how much to whom, at what worth. Arrays are kept as copies,
    but those that are read-only and no views.

    supply, demand: int64[nS], int64[nB], grams of basis, at least 1.
    seller, buyer: int32[e], indices into supply and demand; no pair twice.
    value: int64[e], micro-EUR per kg of basis, at least 0.
    ranks: (int64[nS], int64[nB]), lane positions, smaller is earlier is better; only their order within
        a side counts. None: all orders are equally early.
    tiebreak: int64[e], at least 0 (44-bit hashes), larger is better. None: ties stay.
    priorities: what each seller and each buyer adds to the time priority of its edges.
    Raises AssignmentError naming everything that is wrong: dtype, shape, range, pairs given twice, and sizes
    beyond the guards `max|weight| * (nS + nB + 1) < 2**62` on each level and `sum of quantities < 2**62`.
    """

    supply: Int64s
    demand: Int64s
    seller: Int32s
    buyer: Int32s
    value: Int64s
    ranks: tuple[Int64s, Int64s] | None = None
    tiebreak: Int64s | None = None
    priorities: tuple[Int64s, Int64s] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        problems = list(_shape_problems(self)) or list(_content_problems(self))
        if problems:
            raise AssignmentError(problems)
        for name, array in _arrays(self):
            if "ranks" not in name:
                object.__setattr__(self, name, _frozen(array))
        if self.ranks is not None:
            object.__setattr__(self, "ranks", (_frozen(self.ranks[0]), _frozen(self.ranks[1])))
        object.__setattr__(self, "priorities", _priorities(self))

    @property
    def edges(self) -> int:
        return len(self.value)

    def part(self, sellers: Places, buyers: Places, edges: Places, demand: Int64s) -> "Problem":
        """These orders and edges of theirs alone, `demand` in place of those buyers' own; weights stay.

        sellers, buyers, edges: places, ascending. demand: int64, at least 1, no more than those buyers' own.
        """
        seller, buyer, value, tiebreak = self._columns(edges)
        return _unchecked(
            supply=read_only(self.supply[sellers]),
            demand=_frozen(demand),
            seller=_renumbered(seller, sellers, len(self.supply)),
            buyer=_renumbered(buyer, buyers, len(self.demand)),
            value=value,
            ranks=None,
            tiebreak=tiebreak,
            priorities=(read_only(self.priorities[0][sellers]), read_only(self.priorities[1][buyers])),
        )

    def left(self, edges: Places, supply: Int64s, demand: Int64s) -> "Problem":
        """All orders, with these of their edges (ascending), and capacities of 1 up to their own."""
        seller, buyer, value, tiebreak = self._columns(edges)
        return _unchecked(
            supply=_frozen(supply),
            demand=_frozen(demand),
            seller=seller,
            buyer=buyer,
            value=value,
            ranks=self.ranks,
            tiebreak=tiebreak,
            priorities=self.priorities,
        )

    def _columns(self, edges: Places) -> tuple[Int32s, Int32s, Int64s, Int64s | None]:
        """Seller, buyer, value and tie-break of these edges, ascending: this problem's own of all."""
        if len(edges) == self.edges:
            return self.seller, self.buyer, self.value, self.tiebreak
        # places are looked up faster by what numpy counts in
        edges = edges.astype(np.int64, copy=False)
        return (
            read_only(self.seller.take(edges)),
            read_only(self.buyer.take(edges)),
            read_only(self.value.take(edges)),
            None if self.tiebreak is None else read_only(self.tiebreak.take(edges)),
        )

    def weight(self, level: int, edges: Places | slice) -> Int64s:
        """What a level maximises per gram on these edges: value, then time priority, then tie-break.

        Time priority of an edge is that of its seller plus that of its buyer, each dense within its side: 1
        for the latest position, one more for every earlier distinct one. It is positive, so volume counts.
        Any weights in the same order give the same best flows, because the boundary vectors of optimal
        flows form an integral base polytope, on which a linear objective is decided by the order of its
        weights.
        """
        if level == 0:
            return self.value[edges]
        if level == 1:
            sellers, buyers = self.priorities
            return sellers[self.seller[edges]] + buyers[self.buyer[edges]]
        return np.zeros_like(self.value[edges]) if self.tiebreak is None else self.tiebreak[edges]


@dataclass(frozen=True, eq=False, slots=True)
class Basis:
    """The spanning tree that a solution ends with: `solve` can start from it. One int64 entry an order.

    Orders are sellers, then buyers; the root (no trade) comes after them and has no entry.
    parent: an order or the root. arc: to the parent; e < edges is edge e, edges + x joins order x and the
    root. upward: 1 when the arc points to the parent. flow: grams on the arc.
    """

    parent: Int64s
    arc: Int64s
    upward: Int64s
    flow: Int64s


@dataclass(frozen=True, eq=False, slots=True)
class Solution:
    """A flow and what proves it best, level by level.

    flow: int64[e], grams. welfare: sum of flow * value, exact, in micro-EUR per kg times grams.
    seller_dual, buyer_dual: competitive prices above the ask and below the worth, micro-EUR per kg, at least
        0; their sum is at least the value of each edge.
    seller_dual_rank, buyer_dual_rank: of the second level, on the tight edges of the first; at least 0 where
        the dual of the level before is 0, else of any sign. The same for *_tiebreak on the third.
    unique: no other flow is as good on all three levels.
    basis: what `solve` ended with; None when the solution came from elsewhere. It proves nothing.
    """

    flow: Int64s
    seller_dual: Int64s
    buyer_dual: Int64s
    seller_dual_rank: Int64s
    buyer_dual_rank: Int64s
    seller_dual_tiebreak: Int64s
    buyer_dual_tiebreak: Int64s
    welfare: int
    unique: bool
    basis: Basis | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Bounds:
    """Least and greatest optimal dual of every order, micro-EUR per kg.

    (seller_high, buyer_low) together are optimal duals, the sellers' best; (seller_low, buyer_high) the
    buyers'.
    """

    seller_low: Int64s
    seller_high: Int64s
    buyer_low: Int64s
    buyer_high: Int64s


def used_edges(flow: Int64s) -> Int64s:
    """Edges with flow; numpy looks for what is not 0 among integers several times as long."""
    return np.flatnonzero(flow != 0)


def added_up(order: Places, flow: Int64s, orders: int) -> Int64s:
    """Grams of each order, from the flow of some edges."""
    grams = np.zeros(orders, dtype=np.int64)
    np.add.at(grams, order, flow)
    return grams


def fills_g(problem: Problem, flow: Int64s) -> tuple[Int64s, Int64s]:
    """Grams that each seller and each buyer trades."""
    used = used_edges(flow)
    grams = flow[used]
    return (
        added_up(problem.seller[used], grams, len(problem.supply)),
        added_up(problem.buyer[used], grams, len(problem.demand)),
    )


def _unchecked(**members: Any) -> Problem:
    """What was checked as a whole is not checked again in part."""
    found = object.__new__(Problem)
    for name, member in members.items():
        object.__setattr__(found, name, member)
    return found


def _renumbered(ends: Int32s, kept: Places, orders: int) -> Int32s:
    """Ends of edges by their places among the orders that are kept, ascending."""
    if len(kept) == orders:
        return ends
    place = np.zeros(orders, dtype=np.int32)
    place[kept] = np.arange(len(kept))
    return read_only(place[ends])


def read_only(array: Integers) -> Integers:
    array.flags.writeable = False
    return array


def exact_dot(left: Int64s, right: Int64s) -> int:
    """Sum of products, exact at any size: the wider factor is split until int64 holds each part's sum."""
    return _dot(left, right, _most(left), _most(right)) if len(left) else 0


def _dot(left: Int64s, right: Int64s, most_left: int, most_right: int) -> int:
    """`most_…`: no entry is larger in size."""
    if most_left * most_right * len(left) < INT64_END:
        return int(left @ right)
    if most_left > most_right:
        return _dot(right, left, most_right, most_left)
    bits = (most_right.bit_length() + 1) // 2
    low, high = right & ((1 << bits) - 1), right >> bits
    # the upper half of a negative number is rounded down
    high_most = (most_right >> bits) + 1
    return _dot(left, low, most_left, (1 << bits) - 1) + (_dot(left, high, most_left, high_most) << bits)


def _most(numbers: Int64s) -> int:
    return max(int(numbers.max()), -int(numbers.min()))


def _frozen(array: Any) -> Any:
    """A copy, or the array itself where nobody else can write to it."""
    if array.base is None and not array.flags.writeable:
        return array
    return read_only(np.array(array))


def _priorities(problem: Problem) -> tuple[Int64s, Int64s]:
    if problem.ranks is None:
        return read_only(np.zeros_like(problem.supply)), read_only(np.ones_like(problem.demand))
    return read_only(_dense(problem.ranks[0])), read_only(_dense(problem.ranks[1]))


def _dense(positions: Int64s) -> Int64s:
    distinct, order = np.unique(positions, return_inverse=True)
    return (len(distinct) - order).astype(np.int64)


def _arrays(problem: Problem) -> Iterator[tuple[str, Any]]:
    for name in ("supply", "demand", "seller", "buyer", "value"):
        yield name, getattr(problem, name)
    if problem.ranks is not None:
        yield from zip(("ranks[0]", "ranks[1]"), problem.ranks, strict=True)
    if problem.tiebreak is not None:
        yield "tiebreak", problem.tiebreak


def _shape_problems(problem: Problem) -> Iterator[str]:
    ranks: Any = problem.ranks
    if ranks is not None and (not isinstance(ranks, tuple) or len(ranks) != 2):
        yield "ranks must be a pair: one array for the sellers, one for the buyers"
        return
    like = {
        "ranks[0]": "supply",
        "ranks[1]": "demand",
        "buyer": "seller",
        "value": "seller",
        "tiebreak": "seller",
    }
    yield from column_problems(dict(_arrays(problem)), like, ("seller", "buyer"))


def column_problems(arrays: dict[str, Any], like: dict[str, str], int32s: tuple[str, ...]) -> Iterator[str]:
    """What keeps these from being columns of int64 (int32 where named), as long as the ones they are like."""
    for name, array in arrays.items():
        wanted = "int32" if name in int32s else "int64"
        if not isinstance(array, np.ndarray):
            yield f"{name} must be a numpy array of {wanted}, not {type(array).__name__}"
        elif array.dtype != np.dtype(wanted):
            yield f"{name} must be of {wanted}, not {array.dtype}"
        elif array.ndim != 1:
            yield f"{name} must have one dimension, not {array.ndim}"
        elif name in like and np.shape(arrays[like[name]]) not in ((len(array),), ()):
            yield f"{name} has {len(array)} entries, {like[name]} has {len(arrays[like[name]])}"


def _out_of_range(name: str, array: Any, wrong: Any, must: str) -> Iterator[str]:
    if wrong.any():
        places = np.flatnonzero(wrong)
        shown = ", ".join(f"{name}[{place}] = {array[place]}" for place in places[:NAMED_AT_MOST].tolist())
        more = f" and {len(places) - NAMED_AT_MOST} more" if len(places) > NAMED_AT_MOST else ""
        yield f"{name} must be {must}: {shown}{more}"


def _content_problems(problem: Problem) -> Iterator[str]:
    supply, demand, seller, buyer = problem.supply, problem.demand, problem.seller, problem.buyer
    yield from _out_of_range("supply", supply, supply < 1, "at least 1")
    yield from _out_of_range("demand", demand, demand < 1, "at least 1")
    total = sum(supply.tolist()) + sum(demand.tolist())
    if total >= GUARD:
        yield f"the quantities add up to {total}, the limit is {GUARD - 1}"
    for name, index, size in (("seller", seller, len(supply)), ("buyer", buyer, len(demand))):
        # unsigned, an index below 0 is beyond all
        yield from _out_of_range(name, index, index.view(np.uint32) >= size, f"an index below {size}")
    yield from _pairs_given_twice(seller, buyer)
    nodes = len(supply) + len(demand) + 1
    for name, weight in (("value", problem.value), ("tiebreak", problem.tiebreak)):
        if weight is not None and len(weight):
            yield from _out_of_range(name, weight, weight < 0, "at least 0")
            largest, limit = int(weight.max()), (GUARD - 1) // nodes
            if largest > limit:
                yield f"{name} reaches {largest}, the limit with {nodes - 1} orders is {limit}"


def _pairs_given_twice(seller: Int32s, buyer: Int32s) -> Iterator[str]:
    pair = (seller.astype(np.int64) << 32) + buyer
    if np.all(pair[1:] > pair[:-1]):
        return
    order = np.argsort(pair, kind="stable")
    again = order[1:][pair[order[1:]] == pair[order[:-1]]]
    if len(again):
        shown = ", ".join(f"({seller[edge]}, {buyer[edge]})" for edge in again[:NAMED_AT_MOST].tolist())
        more = f" and {len(again) - NAMED_AT_MOST} more" if len(again) > NAMED_AT_MOST else ""
        yield f"pairs of seller and buyer given twice: {shown}{more}"
