"""What a round tells of a section once it is proved: trades with their waterfalls, duals, and its result."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

from events.clearing_terms import OrderDual, Premium, SectionResult
from events.vocabulary import Side
from market.rules.clearing.cleared import ClearedSection, Trade, dual_total
from market.rules.clearing.columns import int64s, rows
from market.rules.clearing.graph import BuyerNode, SellerNode
from market.rules.clearing.prices import forgone
from market.rules.clearing.quota_record import (
    buyers_duals,
    multipliers,
    premium_lines,
    quota_duals,
    removed_orders,
)
from market.rules.clearing.waterfalls import TradeLines
from market.rules.clearing.written import encoded, fact_template
from market.rules.optimum.problem import Int64s, fills_g
from market.rules.quantities import largest_remainder, net_dry_g, product_g

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
    "forgone_ueur_per_kg",
)


@dataclass(frozen=True, eq=False, slots=True)
class ToldSection:
    """What a round tells of a section: its pairs and problems need not stand in memory any longer.

    premiums, lines, ends (`pair_bytes`): of each trade. The duals, quotas and multipliers are encoded.
    """

    name: str
    trades: tuple[Trade, ...]
    premiums: tuple[tuple[Premium, ...], ...]
    lines: Iterator[TradeLines]
    ends: Sequence[bytes]
    duals: list[bytes]
    quotas: list[bytes]
    multipliers: list[bytes]
    result: SectionResult


def told_section(cleared: ClearedSection) -> ToldSection:
    duals, quotas = _duals(cleared)
    return ToldSection(
        name=cleared.name,
        trades=cleared.trades,
        premiums=tuple(premium_lines(cleared)),
        lines=_lines(cleared),
        ends=_ends(cleared),
        duals=duals,
        quotas=quotas,
        multipliers=[encoded(multiplier) for multiplier in multipliers(cleared)],
        result=section_result(cleared),
    )


def _traded(cleared: ClearedSection) -> tuple[Int64s, Int64s]:
    """Both ends of each trade, in the section."""
    trades = cleared.trades
    return (
        int64s((trade.seller_index for trade in trades), len(trades)),
        int64s((trade.buyer_index for trade in trades), len(trades)),
    )


def _lines(cleared: ClearedSection) -> Iterator[TradeLines]:
    """Not made before they are asked for: all of them are more than what they are made of."""
    section, trades = cleared.posed.section, cleared.trades
    if not trades:
        return iter(())
    seller, buyer = _traded(cleared)
    assert section.waterfalls is not None
    return section.waterfalls.of(
        section.seller_place[seller],
        section.buyer_place[buyer],
        [trade.delivery for trade in trades],
        int64s((trade.term_total for trade in trades), len(trades)),
    )


def _ends(cleared: ClearedSection) -> Sequence[bytes]:
    """`pair_bytes` of each trade, joined."""
    section, (seller, buyer) = cleared.posed.section, _traded(cleared)
    sellers, buyers = section.seller_key[seller].tolist(), section.buyer_key[buyer].tolist()
    return [sold + bought for sold, bought in zip(sellers, buyers, strict=True)]


def product_grams(told: Iterable[ToldSection]) -> list[tuple[int, int]]:
    """Wet and dry product of each trade, section by section.

    Whole packages; what is not packed adds up over a lot's trades.
    """
    of_lot: dict[tuple[UUID, bool], list[tuple[int, Trade]]] = {}
    trades = (trade for section in told for trade in section.trades)
    for place, trade in enumerate(trades):
        lot = trade.seller.order.order, not trade.seller.packed.is_packed
        of_lot.setdefault(lot, []).append((place, trade))
    found: dict[int, tuple[int, int]] = {}
    for (_, unpacked), entries in of_lot.items():
        terms = entries[0][1].seller.order.terms
        if unpacked:
            grams = [trade.quantity_g for _, trade in entries]
            wet = largest_remainder(product_g(sum(grams), terms.basis_g, terms.net_wet_g), grams)
        else:
            wet = tuple(trade.packages * terms.packaging.package_wet_g for _, trade in entries)
        dry = largest_remainder(net_dry_g(sum(wet), terms.moisture_ppb), wet)
        found |= {place: (wet[index], dry[index]) for index, (place, _) in enumerate(entries)}
    return [found[place] for place in range(len(found))]


def _duals(cleared: ClearedSection) -> tuple[list[bytes], list[bytes]]:
    """Every order of the section, encoded: sellers, then buyers, as the section has them; and every quota."""
    sellers, buyers = dual_rows(cleared, "seller"), dual_rows(cleared, "buyer")
    templates = DualTemplates()
    found = list(map(templates.of, sellers))
    if cleared.quotas is None:
        return [*found, *map(templates.of, buyers)], []
    nodes = tuple(map(order_dual, buyers))
    found += map(encoded, buyers_duals(cleared, nodes))
    return found, list(map(encoded, quota_duals(cleared, nodes)))


class DualRow(NamedTuple):
    """What an OrderDual says of its order."""

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
    dual: int
    relaxed_dual: int
    plain_dual: int
    forgone: int


def dual_rows(cleared: ClearedSection, side: Side) -> Iterator[DualRow]:
    section, proof, solution = cleared.posed.section, cleared.proof, cleared.solution
    bounds, chosen, at = cleared.bounds, cleared.surpluses, 0 if side == "seller" else 1
    nodes: Sequence[SellerNode | BuyerNode] = (section.sellers, section.buyers)[at]
    node_of = slice(None) if cleared.quotas is None or at == 0 else cleared.quotas.split.buyer
    columns = (
        (section.supply, section.demand)[at],
        fills_g(cleared.problem, solution.flow)[at],
        (chosen.seller, chosen.buyer)[at],
        (bounds.seller_low, bounds.buyer_low)[at],
        (bounds.seller_high, bounds.buyer_high)[at],
        (solution.seller_dual_rank, solution.buyer_dual_rank)[at],
        (solution.seller_dual_tiebreak, solution.buyer_dual_tiebreak)[at],
        (solution.seller_dual, solution.buyer_dual)[at],
        *(dual[at][node_of] for dual in (proof.relaxed_dual, proof.plain_dual)),
        forgone(proof.relaxed, chosen, proof.removed)[at],
    )
    # the first that names an order says why
    reasons = {**cleared.held[at], **proof.cut[at], **proof.removed[at]}
    for index, (node, row) in enumerate(zip(nodes, rows(columns), strict=True)):
        tranche = node.tranche if isinstance(node, SellerNode) else 0
        yield DualRow(node.order.order, tranche, side, reasons.get(index), *row)


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
        effective_g=row.filled if row.reason else row.capacity,
        effective_reason=row.reason,
        dual_ueur_per_kg=row.dual,
        relaxed_dual_ueur_per_kg=row.relaxed_dual,
        plain_dual_ueur_per_kg=row.plain_dual,
        forgone_ueur_per_kg=row.forgone if row.reason else None,
    )


class DualTemplates:
    """Duals as they are recorded, encoded; those alike in what is no number share a template."""

    def __init__(self) -> None:
        self._templates: dict[tuple[object, ...], bytes] = {}

    def of(self, row: DualRow) -> bytes:
        order, tranche, side, reason, capacity, filled, *figures = row
        key = tranche, side, reason, 0 < filled < capacity
        template = self._templates.get(key)
        if template is None:
            holes = _DUAL_HOLES if reason else _DUAL_HOLES[:-1]
            template = self._templates[key] = fact_template(order_dual(row), holes)
        *levels, dual, relaxed, plain, lost = figures
        effective = filled if reason else capacity
        told = encoded(order), capacity, filled, *levels, effective, dual, relaxed, plain
        return template % (*told, lost) if reason else template % told


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
        traded_basis_g=str(sum(trade.quantity_g for trade in cleared.trades)),
        unique=cleared.solution.unique,
        tries=proof.tries,
        trades=len(cleared.trades),
        relaxed_bound=str(bound),
        gap=str(bound - welfare),
        removed_orders=removed_orders(cleared),
    )
