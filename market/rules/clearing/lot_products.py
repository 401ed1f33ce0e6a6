"""Grams of product of a round's trades: a lot's product, divided among the trades of the lot."""

from collections.abc import Sequence

import numpy as np

from events.market_terms import SupplyTerms
from events.vocabulary import PPB
from market.rules.clearing.columns import int64s
from market.rules.clearing.graph import SellerNode
from market.rules.clearing.written import ID_OCTETS, Octets
from market.rules.optimum.problem import GUARD, Int64s, Mask
from market.rules.quantities import largest_remainder, net_dry_g, product_g


def product_grams(
    sellers: Sequence[SellerNode], is_packed: Mask, ends: Octets, packages: Int64s, quantity_g: Int64s
) -> tuple[Int64s, Int64s]:
    """Wet and dry product of each trade of a round, int64; ends: its `pair_bytes`, joined.

    Whole packages; what is not packed adds up over a lot's trades.
    """
    terms, count = [node.order.terms for node in sellers], len(sellers)
    package_wet_g = int64s([each.packaging.package_wet_g for each in terms], count)
    moisture_ppb = int64s([each.moisture_ppb for each in terms], count)
    wet_g, dry_g = packages * package_wet_g, np.zeros(count, dtype=np.int64)
    place, starts = _lots(ends, is_packed)
    _deal_unpacked(wet_g, quantity_g, terms, place, starts, ~is_packed)
    weights = wet_g[place]
    lot_wet_g = np.add.reduceat(weights, starts) if count else weights
    dry_g[place] = largest_remainders(_net_dry_g(lot_wet_g, moisture_ppb[place[starts]]), weights, starts)
    return wet_g, dry_g


def _lots(ends: Octets, is_packed: Mask) -> tuple[Int64s, Int64s]:
    """Places of the trades, a lot's one after the other, and where each lot's begin.

    What is packed and what is not are two lots.
    """
    high, low = np.ascontiguousarray(ends[:, :ID_OCTETS]).view(np.int64).T
    place = np.lexsort((is_packed, low, high))
    key = np.stack([high[place], low[place], is_packed[place]])
    differs = (key[:, 1:] != key[:, :-1]).any(axis=0)
    starts = np.flatnonzero(np.concatenate([np.ones(min(len(place), 1), dtype=np.bool_), differs]))
    return place, starts


def _deal_unpacked(
    wet_g: Int64s,
    quantity_g: Int64s,
    terms: Sequence[SupplyTerms],
    place: Int64s,
    starts: Int64s,
    is_loose: Mask,
) -> None:
    """Writes into wet_g the product mass for the grams of basis of lots without packages."""
    ends = np.append(starts[1:], len(place))
    of_lots = np.flatnonzero(is_loose[place[starts]])
    for start, end in zip(starts[of_lots].tolist(), ends[of_lots].tolist(), strict=True):
        places = place[start:end]
        grams, of_lot = quantity_g[places].tolist(), terms[places[0]]
        wet_g[places] = largest_remainder(product_g(sum(grams), of_lot.basis_g, of_lot.net_wet_g), grams)


def _net_dry_g(wet_g: Int64s, moisture_ppb: Int64s) -> Int64s:
    """`net_dry_g` of each."""
    if int(wet_g.max(initial=0)) * PPB >= GUARD:
        return int64s(map(net_dry_g, wet_g.tolist(), moisture_ppb.tolist()), len(wet_g))
    found: Int64s = wet_g * (PPB - moisture_ppb) // PPB
    return found


def largest_remainders(wholes: Int64s, weights: Int64s, starts: Int64s) -> Int64s:
    """`largest_remainder` of each whole among the weights from its start to the next one's."""
    if not len(starts):
        return np.zeros(0, dtype=np.int64)
    counts = np.diff(starts, append=len(weights))
    if int(wholes.max()) * int(weights.max()) >= GUARD:
        parts = zip(wholes.tolist(), np.split(weights, starts[1:]), strict=True)
        return np.concatenate([largest_remainder(whole, part.tolist()) for whole, part in parts])
    of = np.repeat(np.arange(len(starts)), counts)
    sums = np.maximum(np.add.reduceat(weights, starts), 1)
    found, rests = np.divmod(wholes[of] * weights, sums[of])
    left = np.where(np.add.reduceat(weights, starts) > 0, wholes - np.add.reduceat(found, starts), 0)
    by_rest = np.lexsort((-rests, of))
    rank = np.arange(len(weights)) - starts[of]
    found[by_rest] += rank < left[of]
    return found
