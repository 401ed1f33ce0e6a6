"""What a round records about a proved section: trades with their waterfalls, duals, and its result."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np

from events.clearing_terms import OrderDual, Premium, SectionResult
from events.vocabulary import Side
from market.rules.clearing.cleared import ClearedSection, Trades, dual_total
from market.rules.clearing.columns import ROWS_AT_ONCE
from market.rules.clearing.graph import SELLER_KEY, BuyerNode, SellerNode
from market.rules.clearing.prices import forgone
from market.rules.clearing.quota_record import (
    buyers_duals,
    multipliers,
    premium_lines,
    quota_duals,
    removed_orders,
)
from market.rules.clearing.waterfall_lines import LineColumns
from market.rules.clearing.written import (
    ID_OCTETS,
    Octets,
    decimals,
    encoded,
    fact_template,
    from_templates,
    ids_encoded,
    octets,
)
from market.rules.optimum.problem import Int64s, Mask, fills_g

_DUAL_HOLES: Final = (
    "order",
    "capacity_g",
    "filled_g",
    "surplus_ueur_per_kg",
    "low_ueur_per_kg",
    "high_ueur_per_kg",
    "rank_dual",
    "tiebreak_dual",
    "effective_g",
    "dual_ueur_per_kg",
    "relaxed_dual_ueur_per_kg",
    "plain_dual_ueur_per_kg",
)


@dataclass(frozen=True, eq=False, slots=True)
class ToldSection:
    """What a round tells of a section: its pairs and problems need not stand in memory any longer.

    premiums: of each trade. is_packed: whether its product is. is_firm: whether nobody has to confirm it.
    ends: its `pair_bytes`, joined, uint8[n, 36].
    lines: of TRADES_AT_ONCE at a time.
    The duals, quotas and multipliers are encoded.
    """

    name: str
    trades: Trades
    premiums: tuple[tuple[Premium, ...], ...]
    is_packed: Mask
    is_firm: Mask
    lines: Iterator[LineColumns]
    ends: Octets
    duals: list[bytes]
    quotas: list[bytes]
    multipliers: list[bytes]
    result: SectionResult


def told_section(cleared: ClearedSection) -> ToldSection:
    duals, quotas = _duals(cleared)
    section, trades = cleared.posed.section, cleared.trades
    return ToldSection(
        name=cleared.name,
        trades=trades,
        premiums=tuple(premium_lines(cleared)),
        is_packed=section.packed.is_packed[trades.seller_index],
        is_firm=section.of_sellers.firm[trades.seller_index] & section.of_buyers.firm[trades.buyer_index],
        lines=_lines(cleared),
        ends=_ends(cleared),
        duals=duals,
        quotas=quotas,
        multipliers=[encoded(multiplier) for multiplier in multipliers(cleared)],
        result=section_result(cleared),
    )


def _lines(cleared: ClearedSection) -> Iterator[LineColumns]:
    """Made lazily, since all of them take more memory than their source."""
    section, trades = cleared.posed.section, cleared.trades
    if not trades:
        return iter(())
    assert section.waterfalls is not None
    return section.waterfalls.of(
        section.seller_place[trades.seller_index],
        section.buyer_place[trades.buyer_index],
        trades.delivery,
        trades.term_total,
    )


def _ends(cleared: ClearedSection) -> Octets:
    section, trades = cleared.posed.section, cleared.trades
    sellers = octets(section.seller_key[trades.seller_index])
    return np.hstack([sellers, octets(section.buyer_key[trades.buyer_index])])


def _duals(cleared: ClearedSection) -> tuple[list[bytes], list[bytes]]:
    """The duals of every order of the section, encoded: sellers, then buyers, in the section's order; and of
    every quota."""
    sellers, buyers = dual_columns(cleared, "seller"), dual_columns(cleared, "buyer")
    if cleared.quotas is None:
        return written_duals(sellers) + written_duals(buyers), []
    nodes = tuple(order_dual(buyers.row(index)) for index in range(len(buyers.nodes)))
    of_buyers = map(encoded, buyers_duals(cleared, nodes))
    return [*written_duals(sellers), *of_buyers], list(map(encoded, quota_duals(cleared, nodes)))


class DualRow(NamedTuple):
    """What an OrderDual says of its order; `effective` is its capacity where there is no reason."""

    order: UUID
    tranche: int
    side: Side
    reason: str | None
    capacity: int
    filled: int
    surplus: int
    low: int
    high: int
    rank_dual: int
    tiebreak_dual: int
    effective: int
    dual: int
    relaxed_dual: int
    plain_dual: int
    forgone: int


@dataclass(frozen=True, eq=False, slots=True)
class DualColumns:
    """DualRows of one side; figures: from capacity on, int64, an entry a node. reasons: by node.

    order: bytes of its id, uint8[n, 16]; tranche: 0 of a buyer.
    """

    side: Side
    nodes: Sequence[SellerNode | BuyerNode]
    order: Octets
    tranche: Sequence[int]
    reasons: Mapping[int, str]
    figures: tuple[Int64s, ...]

    def row(self, index: int) -> DualRow:
        node, figures = self.nodes[index], (int(column[index]) for column in self.figures)
        return DualRow(node.order.order, self.tranche[index], self.side, self.reasons.get(index), *figures)


def dual_columns(cleared: ClearedSection, side: Side) -> DualColumns:
    section, proof, solution = cleared.posed.section, cleared.proof, cleared.solution
    bounds, chosen, at = cleared.bounds, cleared.surpluses, 0 if side == "seller" else 1
    node_of = slice(None) if cleared.quotas is None or at == 0 else cleared.quotas.split.buyer
    # the first of these that names an order says why
    reasons = {**cleared.held[at], **proof.cut[at], **proof.removed[at]}
    capacity = (section.supply, section.demand)[at]
    filled = fills_g(cleared.problem, solution.flow)[at]
    effective, counted = capacity.copy(), list(reasons)
    effective[counted] = filled[counted]
    figures = (
        capacity,
        filled,
        (chosen.seller, chosen.buyer)[at],
        (bounds.seller_low, bounds.buyer_low)[at],
        (bounds.seller_high, bounds.buyer_high)[at],
        (solution.seller_dual_rank, solution.buyer_dual_rank)[at],
        (solution.seller_dual_tiebreak, solution.buyer_dual_tiebreak)[at],
        effective,
        (solution.seller_dual, solution.buyer_dual)[at],
        *(dual[at][node_of] for dual in (proof.relaxed_dual, proof.plain_dual)),
        forgone(proof.relaxed, chosen, proof.removed)[at],
    )
    nodes, keys = (section.sellers, section.buyers)[at], (section.seller_key, section.buyer_key)[at]
    tranche = (
        np.ascontiguousarray(keys).view(SELLER_KEY)["tranche"].tolist()
        if side == "seller"
        else [0] * len(nodes)
    )
    return DualColumns(side, nodes, octets(keys)[:, :ID_OCTETS], tranche, reasons, figures)


def order_dual(row: DualRow) -> OrderDual:
    return OrderDual(
        order=row.order,
        tranche=row.tranche,
        side=row.side,
        capacity_g=row.capacity,
        filled_g=row.filled,
        surplus_ueur_per_kg=row.surplus,
        low_ueur_per_kg=row.low,
        high_ueur_per_kg=row.high,
        rank_dual=str(row.rank_dual),
        tiebreak_dual=str(row.tiebreak_dual),
        marginal=0 < row.filled < row.capacity,
        effective_g=row.effective,
        effective_reason=row.reason,
        dual_ueur_per_kg=row.dual,
        relaxed_dual_ueur_per_kg=row.relaxed_dual,
        plain_dual_ueur_per_kg=row.plain_dual,
        forgone_ueur_per_kg=row.forgone if row.reason else None,
    )


def written_duals(of: DualColumns) -> list[bytes]:
    """`order_dual` of each row, encoded; those alike in all that is no number share a template."""
    capacity, filled = of.figures[:2]
    marginal = ((filled > 0) & (filled < capacity)).tolist()
    reasons = list(map(of.reasons.get, range(len(of.nodes))))
    keys = list(zip(marginal, of.tranche, reasons, strict=True))
    known: dict[Hashable, bytes] = {}
    found: list[bytes] = []

    def template(first: int, row: int) -> bytes:
        place = first + row
        holes = _DUAL_HOLES if reasons[place] is None else (*_DUAL_HOLES, "forgone_ueur_per_kg")
        return fact_template(order_dual(of.row(place)), holes)

    for start in range(0, len(keys), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        rows = _dual_rows(of, part, reasons[part])
        found += from_templates(known, keys[part], rows, partial(template, start))
    return found


def _dual_rows(of: DualColumns, part: slice, reasons: Sequence[str | None]) -> list[tuple[bytes, ...]]:
    """Order and figures of each, encoded."""
    columns = [decimals(column[part]) for column in of.figures[:-1]]
    rows: list[tuple[bytes, ...]] = list(zip(ids_encoded(of.order[part]), *columns, strict=True))
    # orders that are out or reduced also state what they would gain
    told = [place for place, reason in enumerate(reasons) if reason is not None]
    for place, gain in zip(told, decimals(of.figures[-1][part][told]), strict=True):
        rows[place] += (gain,)
    return rows


def section_result(cleared: ClearedSection) -> SectionResult:
    proof, chosen = cleared.proof, cleared.surpluses
    welfare, bound = cleared.welfare, proof.relaxed_bound
    assert welfare <= bound
    return SectionResult(
        section=cleared.name,
        edge_count=len(cleared.whole.edges.value),
        edges_hash=cleared.edges_sha256,
        welfare=str(welfare),
        dual_bound=str(dual_total(cleared.problem, (chosen.seller, chosen.buyer))),
        welfare_without_sustainability=str(proof.plain_bound),
        traded_basis_g=str(sum(cleared.trades.quantity_g.tolist())),
        unique=cleared.solution.unique,
        tries=proof.tries,
        trades=len(cleared.trades),
        relaxed_bound=str(bound),
        gap=str(bound - welfare),
        removed_orders=removed_orders(cleared),
    )
