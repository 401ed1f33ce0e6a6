"""Prepares one section: its edges with their values, and the problems that are solved or checked.

The relaxed problem has every edge and whole capacities. The final problem is the relaxed one without the
removed orders, each order with its effective capacity: all that it offered, or what it trades if no package
fits its rest or the rest is below the tolerance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from events.market_terms import RuleSet
from events.vocabulary import PPB
from market.rules.clearing.columns import Keys
from market.rules.clearing.graph import Edges, Section, edges
from market.rules.clearing.order_limits import Share, shares
from market.rules.clearing.prices import Anchor
from market.rules.optimum.problem import GUARD, Int64s, Mask, Problem, Solution, added_up, fills_g, read_only
from market.rules.packages import Divisibility, is_divisible
from market.rules.rounding import Ratio

FIRST_TRY = 1
TIEBREAK_BITS = 44
MIXING = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
MIXED_LAST = 31
"""Of SplitMix64: G. L. Steele and others, "Fast splittable pseudorandom number generators", 2014."""
EDGES_AT_ONCE = 1 << 14
TOLERANCE = "marginality_tolerance"
MINIMUM = "minimum_quantity"
INDIVISIBLE = "indivisible"
PORTFOLIO = "portfolio"
LIMIT_PRICE = "portfolio_limit_price"

Sides = tuple[Int64s, Int64s]
"""Of the sellers, of the buyers: one entry a node."""
Reasons = tuple[Mapping[int, str], Mapping[int, str]]
"""Seller index → reason code, buyer index → reason code."""


@dataclass(frozen=True, eq=False, slots=True)
class Posed:
    """A section with its edges and what a solver or a checker needs beside them.

    `tolerance_g`: below this many grams a rest does not count. `terms`: the section's, with minima that are
    at least the tolerance. `sustainability` False: `edges` are those with S = 0. `shares`: the portfolio
    limits of buyers, over the edges.
    """

    section: Section
    edges: Edges
    ranks: Sides
    tolerance_g: Sides
    terms: Divisibility
    anchor: Anchor
    round_number: int
    sustainability: bool
    shares: tuple[Share, ...] = ()

    @property
    def ratios(self) -> tuple[Ratio, ...]:
        return tuple(share.ratio for share in self.shares)

    def plain(self) -> Edges:
        """The edges with S = 0, computed at each call, since they are many and rarely needed."""
        if not self.sustainability:
            return self.edges
        limited = _limited(len(self.section.buyers), self.shares)
        return edges(self.section, with_sustainability=False, limited=limited)


def pose(
    section: Section,
    rule_set: RuleSet,
    round_number: int,
    anchor_ueur_per_kg: int | None,
    *,
    sustainability: bool,
) -> Posed:
    """`anchor_ueur_per_kg` is the price that thin components move towards; None leaves them at the middle."""
    pairs = section.pairs
    held = shares(section.sellers, section.buyers, pairs.seller, pairs.buyer, rule_set)
    limited = _limited(len(section.buyers), held)
    worth = edges(section, with_sustainability=sustainability, limited=limited)
    tolerance_ppb = rule_set.marginality_tolerance_ppb
    of_sellers, of_buyers = section.of_sellers, section.of_buyers
    tolerance_g = (
        share_up(of_sellers.capacity_g, tolerance_ppb),
        share_up(of_buyers.capacity_g, tolerance_ppb),
    )
    return Posed(
        section=section,
        edges=worth,
        ranks=(of_sellers.rank, of_buyers.rank),
        tolerance_g=tolerance_g,
        terms=_tolerant(section, tolerance_ppb, of_sellers.capacity_g, tolerance_g[1]),
        anchor=Anchor(
            seller_groups=[node.group for node in section.sellers],
            buyer_groups=[node.group for node in section.buyers],
            asks=of_sellers.ueur_per_kg.tolist(),
            groups_min=rule_set.thin_component_groups,
            ueur_per_kg=anchor_ueur_per_kg,
        ),
        round_number=round_number,
        sustainability=sustainability,
        shares=_over(worth, held),
    )


def relaxed_problem(posed: Posed, attempt: int) -> Problem:
    """AssignmentError when the section is beyond the guards of the assignment."""
    section, worth = posed.section, posed.edges
    return Problem(
        section.supply,
        section.demand,
        worth.seller,
        worth.buyer,
        worth.value,
        posed.ranks,
        tiebreak(posed, attempt),
    )


def plain_problem(posed: Posed) -> Problem:
    """The relaxed problem with S = 0, by value alone."""
    section, worth = posed.section, posed.plain()
    return Problem(section.supply, section.demand, worth.seller, worth.buyer, worth.value)


def edges_left(relaxed: Problem, removed: Reasons) -> Int64s:
    """The edges of which neither end was removed."""
    gone: tuple[Mask, Mask] = (
        np.zeros(len(relaxed.supply), dtype=np.bool_),
        np.zeros(len(relaxed.demand), dtype=np.bool_),
    )
    for side, reasons in zip(gone, removed, strict=True):
        side[list(reasons)] = True
    return np.flatnonzero(~(gone[0][relaxed.seller] | gone[1][relaxed.buyer]))


def minimum_reason(posed: Posed, side: int, index: int) -> str:
    """Which minimum applies to an order that trades at least that or nothing: its own, or the tolerance."""
    name = ("seller_minimum", "buyer_minimum_g")[side]
    own, all_ = getattr(posed.section.terms, name), getattr(posed.terms, name)
    return MINIMUM if own[index] == all_[index] else TOLERANCE


def reasons_of(posed: Posed, side: int, index: int) -> set[str]:
    """Why the order may have no part in the final problem, or no more than its fill."""
    own, terms = posed.section.terms, posed.terms
    found = set()
    if posed.tolerance_g[side][index] or minimum_reason(posed, side, index) == TOLERANCE:
        found.add(TOLERANCE)
    if (own.seller_minimum, own.buyer_minimum_g)[side][index]:
        found.add(MINIMUM)
    if not is_divisible(terms):
        found.add(INDIVISIBLE)
    return found


def without_removed(relaxed: Problem, removed: Reasons) -> Problem:
    """The orders stay, so that indices do; those removed have no edge."""
    if not any(removed):
        return relaxed
    return relaxed.left(edges_left(relaxed, removed), relaxed.supply, relaxed.demand)


def held_to_fill(problem: Problem, solution: Solution, tolerance_g: Sides) -> Reasons:
    """The orders whose rest is below the tolerance: they count as filled."""
    found: list[dict[int, str]] = []
    capacities = problem.supply, problem.demand
    for capacity, filled, least in zip(capacities, fills_g(problem, solution.flow), tolerance_g, strict=True):
        rest = capacity - filled
        found.append(
            dict.fromkeys(np.flatnonzero((filled > 0) & (rest > 0) & (rest < least)).tolist(), TOLERANCE)
        )
    return found[0], found[1]


def with_effective(problem: Problem, solution: Solution, held: Reasons) -> Problem:
    """The problem in which those `held` bring no more than they trade."""
    if not any(held):
        return problem
    capacities = problem.supply.copy(), problem.demand.copy()
    for capacity, filled, reasons in zip(capacities, fills_g(problem, solution.flow), held, strict=True):
        capacity[list(reasons)] = filled[list(reasons)]
    return replace(problem, supply=capacities[0], demand=capacities[1])


def _limited(buyers: int, held: Sequence[Share]) -> Mask | None:
    if not held:
        return None
    found = np.zeros(buyers, dtype=np.bool_)
    found[[share.ratio.buyer_order for share in held]] = True
    return found


def _over(worth: Edges, held: Sequence[Share]) -> tuple[Share, ...]:
    """Shares over pairs as shares over edges: all pairs of their buyers are edges."""

    def moved(ratio: Ratio) -> Ratio:
        places = np.searchsorted(worth.pair, list(ratio.coefficient)).tolist()
        return replace(ratio, coefficient=dict(zip(places, ratio.coefficient.values(), strict=True)))

    return tuple(replace(share, ratio=moved(share.ratio)) for share in held)


def _tolerant(section: Section, tolerance_ppb: int, sellers_g: Int64s, buyers_g: Int64s) -> Divisibility:
    """The terms with the tolerance as least quantity of each whole order, in packages and grams.

    sellers_g: capacities; buyers_g: tolerances.
    """
    terms, order = section.terms, np.array(section.terms.seller_order, dtype=np.int64)
    brought = added_up(order, section.packed.left(sellers_g), int(order.max(initial=-1)) + 1)
    seller_minimum = np.array(terms.seller_minimum, dtype=np.int64)
    buyer_minimum_g = np.array(terms.buyer_minimum_g, dtype=np.int64)
    return replace(
        terms,
        seller_minimum=tuple(np.maximum(seller_minimum, share_up(brought, tolerance_ppb)[order]).tolist()),
        buyer_minimum_g=tuple(np.maximum(buyer_minimum_g, buyers_g).tolist()),
        known=terms.ratios,
    )


def share_up(amount: Int64s, ppb: int) -> Int64s:
    """amount × ppb ÷ PPB, rounded up, at most PPB of it: no product needs more than int64 holds."""
    whole, rest = np.divmod(amount, PPB)
    found: Int64s = whole * ppb - (-rest * ppb) // PPB
    return found


def tiebreak(posed: Posed, attempt: int) -> Int64s:
    """First 44 bits, fewer when the section is huge, of the two ends' hashes mixed.

    An end's hash: first 8 bytes of BLAKE2b(round (8) ‖ try (4) ‖ seller ‖ tranche (4), or buyer), big-endian.
    Mixed: x = seller's xor buyer's, by the finalizer of SplitMix64, unsigned, modulo 2**64.
    """
    section, worth = posed.section, posed.edges
    quotas = len({edge for ratio in posed.ratios for edge in ratio.coefficient})
    nodes = len(section.sellers) + len(section.buyers) + quotas + 1
    bits = min(TIEBREAK_BITS, (GUARD // nodes).bit_length() - 1)
    head = posed.round_number.to_bytes(8, "big") + attempt.to_bytes(4, "big")
    sellers, buyers = _hashes(head, section.seller_key), _hashes(head, section.buyer_key)
    found = np.empty(len(worth.value), dtype=np.int64)
    for start in range(0, len(found), EDGES_AT_ONCE):
        part = slice(start, start + EDGES_AT_ONCE)
        mixed = sellers[worth.seller[part]] ^ buyers[worth.buyer[part]]
        for shift, factor in MIXING:
            mixed ^= mixed >> np.uint64(shift)
            mixed *= np.uint64(factor)
        mixed ^= mixed >> np.uint64(MIXED_LAST)
        found[part] = mixed >> np.uint64(64 - bits)
    return read_only(found)


def _hashes(head: bytes, keys: Keys) -> NDArray[np.uint64]:
    digests, copied = [], blake2b(head).copy
    for key in keys.tolist():
        own = copied()
        own.update(key)
        digests.append(own.digest())
    return np.frombuffer(b"".join(digests), ">u8")[:: blake2b.MAX_DIGEST_SIZE // 8].astype(np.uint64)
