"""What a round asks of every node of a horizon, read once and handed on to its sections by column."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from market.rules.clearing.columns import int64s
from market.rules.clearing.order_limits import (
    BuyerNode,
    LimitColumns,
    PackedColumns,
    SellerNode,
    buyer_limits,
    seller_limits,
)
from market.rules.optimum.problem import Int64s, Mask


class _Capacity(Protocol):
    @property
    def capacity_g(self) -> int: ...


class Seller(SellerNode, _Capacity, Protocol):
    """A tranche of a supply with what it has to give."""


class Buyer(BuyerNode, _Capacity, Protocol):
    """A requirement with what it asks for."""


class NodeColumns(NamedTuple):
    """Of the nodes of one side, an entry each.

    ueur_per_kg: the ask or the limit. capacity_g: what the node had to give or to ask for at the cut.
    """

    rank: Int64s
    ueur_per_kg: Int64s
    capacity_g: Int64s
    firm: Mask
    limits: LimitColumns

    def part(self, place: Int64s) -> "NodeColumns":
        return NodeColumns(
            self.rank[place],
            self.ueur_per_kg[place],
            self.capacity_g[place],
            self.firm[place],
            self.limits.part(place),
        )


def seller_columns(nodes: Sequence[Seller], packed: PackedColumns) -> NodeColumns:
    count, terms = len(nodes), [node.order.terms for node in nodes]
    return NodeColumns(
        rank=int64s([node.order.rank for node in nodes], count),
        ueur_per_kg=int64s([each.ask.ueur_per_kg for each in terms], count),
        capacity_g=int64s([node.capacity_g for node in nodes], count),
        firm=np.fromiter([each.commitment == "firm" for each in terms], np.bool_, count),
        limits=seller_limits(nodes, packed.parcel),
    )


def buyer_columns(nodes: Sequence[Buyer]) -> NodeColumns:
    count, terms = len(nodes), [node.order.terms for node in nodes]
    return NodeColumns(
        rank=int64s([node.order.rank for node in nodes], count),
        ueur_per_kg=int64s([each.limit.ueur_per_kg for each in terms], count),
        capacity_g=int64s([node.capacity_g for node in nodes], count),
        firm=np.fromiter([each.commitment == "firm" for each in terms], np.bool_, count),
        limits=buyer_limits(nodes),
    )
