"""Columns of all nodes of a horizon, read once and passed on to its sections."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from market.rules.clearing.columns import alike, alike_rows, int64s
from market.rules.clearing.order_limits import (
    BuyerNode,
    LimitColumns,
    PackedColumns,
    buyer_limits,
    seller_limits,
)
from market.rules.clearing.supply_columns import Nodes, Supplies
from market.rules.optimum.problem import Int64s, Mask


class Buyer(BuyerNode, Protocol):
    """A requirement with what it asks for."""

    @property
    def capacity_g(self) -> int: ...


class NodeColumns(NamedTuple):
    """Columns of the nodes of one side.

    ueur_per_kg: the ask or the limit. capacity_g: the available quantity at the cut. window: a number, equal
    for equal windows, for sellers including the tranche; for a term order, of its term.
    """

    rank: Int64s
    ueur_per_kg: Int64s
    capacity_g: Int64s
    firm: Mask
    window: Int64s
    limits: LimitColumns

    def part(self, place: Int64s) -> "NodeColumns":
        return NodeColumns(
            self.rank[place],
            self.ueur_per_kg[place],
            self.capacity_g[place],
            self.firm[place],
            self.window[place],
            self.limits.part(place),
        )


def seller_columns(of: Supplies, nodes: Nodes, packed: PackedColumns) -> NodeColumns:
    return NodeColumns(
        rank=of.rank[nodes.supply],
        ueur_per_kg=of.ask_ueur_per_kg[nodes.supply],
        capacity_g=of.tranche_left_g[nodes.place],
        firm=of.firm[nodes.supply],
        window=_windows(of, nodes),
        limits=seller_limits(of, nodes, packed.parcel),
    )


def _windows(of: Supplies, nodes: Nodes) -> Int64s:
    if any(each.term is not None for each in of.terms[:1]):
        return alike([each.term for each in of.terms])[1][nodes.supply]
    return alike_rows(nodes.tranche, of.tranche_start[nodes.place], of.tranche_end[nodes.place])


def buyer_columns(nodes: Sequence[Buyer], window: Int64s) -> NodeColumns:
    count, terms = len(nodes), [node.order.terms for node in nodes]
    return NodeColumns(
        rank=int64s([node.order.rank for node in nodes], count),
        ueur_per_kg=int64s([each.limit.ueur_per_kg for each in terms], count),
        capacity_g=int64s([node.capacity_g for node in nodes], count),
        firm=np.fromiter([each.commitment == "firm" for each in terms], np.bool_, count),
        window=window,
        limits=buyer_limits(nodes),
    )
