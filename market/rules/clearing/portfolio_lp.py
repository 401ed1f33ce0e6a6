"""Multipliers and quotas for portfolio limits, proposed by a linear program in floats.

HiGHS gives different results by version and processor: its answer is rounded to integers and recorded as a
proposal. Whatever it proposes, the clearing keeps every limit and knows its gap; only the size of the gap
depends on it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, vstack
from scipy.sparse.csgraph import connected_components

from events.vocabulary import PPB, PRICE_UEUR_PER_KG_MAX
from market.rules.clearing.amounts import AMOUNT_UEUR_G_PER_KG_MAX, VALUE_UEUR_PER_KG_MAX
from market.rules.clearing.offered import Offered
from market.rules.clearing.quotas import Proposal
from market.rules.optimum.problem import Int64s, Mask
from market.rules.rounding import Ratio

ITERATIONS_MAX = 1_000_000
BID_UEUR_PER_KG_MAX = VALUE_UEUR_PER_KG_MAX + PRICE_UEUR_PER_KG_MAX


def propose(offered: Offered, ratios: Sequence[Ratio], iterations_max: int = ITERATIONS_MAX) -> Proposal:
    """Multipliers and quotas from the linear program; zeros where it has no answer in iterations_max."""
    limited = offered.limited(ratios)
    inside = _components_with(offered, limited)
    edges = np.flatnonzero(inside)
    quota_g = np.zeros(len(offered.value), dtype=np.int64)
    if not len(edges):
        return Proposal((0,) * len(ratios), quota_g)
    answer = _solved(offered, ratios, edges, iterations_max)
    if answer.x is None or not np.isfinite(answer.x).all():
        return Proposal((0,) * len(ratios), quota_g)
    scale_g, scale_value = _scales(offered, edges)
    most = np.minimum(offered.supply[offered.seller], offered.demand[offered.buyer])
    flow = np.rint(np.asarray(answer.x) * scale_g)
    quota_g[edges] = np.clip(flow, 0, most[edges]).astype(np.int64)
    quota_g[~limited[offered.buyer]] = 0
    worth = -np.asarray(answer.ineqlin.marginals)[: len(ratios)] * scale_value
    rounded = np.rint(np.clip(np.nan_to_num(worth), 0, PRICE_UEUR_PER_KG_MAX))
    return Proposal(tuple(int(multiplier) for multiplier in rounded), quota_g)


def within_range(offered: Offered, ratios: Sequence[Ratio], proposal: Proposal) -> Proposal:
    """Without multipliers of a buyer that could raise an amount above what a record holds."""
    total = dict.fromkeys((ratio.buyer_order for ratio in ratios), 0)
    for ratio, multiplier in zip(ratios, proposal.multipliers, strict=True):
        total[ratio.buyer_order] += multiplier
    wide = {
        buyer
        for buyer, added in total.items()
        if added > PRICE_UEUR_PER_KG_MAX
        or int(offered.demand[buyer]) * (BID_UEUR_PER_KG_MAX + added) > AMOUNT_UEUR_G_PER_KG_MAX
    }
    kept = (
        0 if ratio.buyer_order in wide else multiplier
        for ratio, multiplier in zip(ratios, proposal.multipliers, strict=True)
    )
    return replace(proposal, multipliers=tuple(kept))


def _components_with(offered: Offered, limited: Mask) -> Mask:
    """Edges that a limited buyer's trades can touch."""
    sellers, nodes = len(offered.supply), len(offered.supply) + len(offered.demand)
    ends = (offered.seller, offered.buyer + np.int64(sellers))
    graph = csr_array((np.ones(len(offered.value), dtype=np.int8), ends), shape=(nodes, nodes))
    labels = connected_components(graph, directed=False)[1]
    found: Mask = np.isin(labels[offered.seller], labels[sellers:][limited])
    return found


def _scales(offered: Offered, edges: Int64s) -> tuple[float, float]:
    """Grams and micro-EUR per kg that count as one: the program's figures stay near it."""
    values = np.abs(offered.value[edges])
    return float(offered.demand.max(initial=1)), float(values.max(initial=1)) or 1.0


def _solved(offered: Offered, ratios: Sequence[Ratio], edges: Int64s, iterations_max: int) -> Any:
    place = np.full(len(offered.value), -1, dtype=np.int64)
    place[edges] = np.arange(len(edges))
    columns = np.arange(len(edges))
    rows, places, coefficients = [], [], []
    for row, ratio in enumerate(ratios):
        for edge, coefficient in ratio.coefficient.items():
            rows.append(row)
            places.append(int(place[edge]))
            coefficients.append(-coefficient / PPB)
    scale_g, scale_value = _scales(offered, edges)
    sellers, buyers, ones = len(offered.supply), len(offered.demand), np.ones(len(edges))
    held = vstack(
        [
            csr_array((coefficients, (rows, places)), shape=(len(ratios), len(edges))),
            csr_array((ones, (offered.seller[edges], columns)), shape=(sellers, len(edges))),
            csr_array((ones, (offered.buyer[edges], columns)), shape=(buyers, len(edges))),
        ]
    )
    most = np.concatenate([np.zeros(len(ratios)), offered.supply / scale_g, offered.demand / scale_g])
    # its status word is not read: whatever comes back is a proposal
    return linprog(
        -offered.value[edges] / scale_value,
        A_ub=held,
        b_ub=most,
        method="highs-ipm",
        options={"maxiter": iterations_max},
    )
