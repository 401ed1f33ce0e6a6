"""What a round tells of a section once it is proved: trades with their waterfalls, duals, and its result."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

from events.clearing_terms import OrderDual, Premium, SectionResult
from events.vocabulary import Side
from market.rules.clearing.cleared import ClearedSection, Trades, dual_total
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
from market.rules.clearing.written import decimal_rows, encoded, fact_template
from market.rules.optimum.problem import Int64s, fills_g
from market.rules.quantities import largest_remainder, net_dry_g, product_g

SUPPLY_BYTES: Final = 16
"""Of `pair_bytes`, those that name the supply."""
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

    premiums, lines, ends (`pair_bytes`): of each trade. The duals, quotas and multipliers are encoded.
    """

    name: str
    trades: Trades
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


def _lines(cleared: ClearedSection) -> Iterator[TradeLines]:
    """Not made before they are asked for: all of them are more than what they are made of."""
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


def _ends(cleared: ClearedSection) -> Sequence[bytes]:
    """`pair_bytes` of each trade, joined."""
    section, trades = cleared.posed.section, cleared.trades
    sellers = section.seller_key[trades.seller_index].tolist()
    buyers = section.buyer_key[trades.buyer_index].tolist()
    return [sold + bought for sold, bought in zip(sellers, buyers, strict=True)]


def product_grams(told: Sequence[ToldSection]) -> list[tuple[int, int]]:
    """Wet and dry product of each trade, section by section.

    Whole packages; what is not packed adds up over a lot's trades.
    """
    sellers = [node for section in told for node in section.trades.seller]
    supplies = [end[:SUPPLY_BYTES] for section in told for end in section.ends]
    lots: dict[tuple[bytes, bool], list[int]] = {}
    for place, (supply, node) in enumerate(zip(supplies, sellers, strict=True)):
        lots.setdefault((supply, node.packed.is_packed), []).append(place)
    quantity_g = _column(told, "quantity_g")
    packages = _column(told, "packages")
    found: list[tuple[int, int]] = [(0, 0)] * len(sellers)
    for (_, is_packed), places in lots.items():
        terms = sellers[places[0]].order.terms
        wet: tuple[int, ...]
        if is_packed:
            package_wet_g = terms.packaging.package_wet_g
            wet = tuple([packages[place] * package_wet_g for place in places])
        else:
            grams = [quantity_g[place] for place in places]
            wet = largest_remainder(product_g(sum(grams), terms.basis_g, terms.net_wet_g), grams)
        dry = largest_remainder(net_dry_g(sum(wet), terms.moisture_ppb), wet)
        for place, of_trade in zip(places, zip(wet, dry, strict=True), strict=True):
            found[place] = of_trade
    return found


def _column(told: Sequence[ToldSection], name: str) -> list[int]:
    """Of the trades of all sections."""
    return [number for section in told for number in getattr(section.trades, name).tolist()]


def _duals(cleared: ClearedSection) -> tuple[list[bytes], list[bytes]]:
    """Every order of the section, encoded: sellers, then buyers, as the section has them; and every quota."""
    sellers, buyers = dual_columns(cleared, "seller"), dual_columns(cleared, "buyer")
    if cleared.quotas is None:
        return [*written_duals(sellers), *written_duals(buyers)], []
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
    """DualRows of one side; figures: from capacity on, int64, an entry a node. reasons: by node."""

    side: Side
    nodes: Sequence[SellerNode | BuyerNode]
    reasons: Mapping[int, str]
    figures: tuple[Int64s, ...]

    def row(self, index: int) -> DualRow:
        node, figures = self.nodes[index], (int(column[index]) for column in self.figures)
        return DualRow(node.order.order, _tranche(node), self.side, self.reasons.get(index), *figures)


def _tranche(node: SellerNode | BuyerNode) -> int:
    return node.tranche if isinstance(node, SellerNode) else 0


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
    return DualColumns(side, (section.sellers, section.buyers)[at], reasons, figures)


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


def written_duals(of: DualColumns) -> Iterator[bytes]:
    """`order_dual` of each row, encoded; those alike in all that is no number share a template."""
    capacity, filled = of.figures[:2]
    marginal = ((filled > 0) & (filled < capacity)).tolist()
    templates: dict[tuple[bool, int, str | None], bytes] = {}
    for index, (node, row) in enumerate(zip(of.nodes, decimal_rows(of.figures), strict=True)):
        reason = of.reasons.get(index)
        key = marginal[index], _tranche(node), reason
        template = templates.get(key)
        if template is None:
            holes = _DUAL_HOLES if reason is None else (*_DUAL_HOLES, "forgone_ueur_per_kg")
            template = templates[key] = fact_template(order_dual(of.row(index)), holes)
        yield template % (encoded(node.order.order), *(row[:-1] if reason is None else row))


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
