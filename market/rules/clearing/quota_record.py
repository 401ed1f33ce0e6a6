"""What a round records about portfolio limits: quotas, multipliers, premiums, and each buyer as one order."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

from msgspec.structs import replace

from events.clearing_terms import Multiplier, OrderDual, Premium
from market.rules.clearing.cleared import ClearedSection, Trade
from market.rules.clearing.order_limits import Share
from market.rules.clearing.posing import LIMIT_PRICE, MINIMUM, PORTFOLIO, TOLERANCE
from market.rules.clearing.quota_sections import Quotas
from market.rules.clearing.quotas import premium_of
from market.rules.optimum.problem import Int64s

NO_GAIN = "0"


@dataclass(frozen=True, slots=True)
class Gains:
    """What a buyer gets, in grams, and gains by all of it, Σ grams × micro-EUR per kg.

    chosen: at the prices of the round; low: at those best for sellers; high: at those best for buyers.
    """

    filled_g: int
    chosen: int
    low: int
    high: int

    def per_kg(self) -> tuple[int, int, int]:
        """Rounded down: below 0 exactly where the sums are."""
        each = (self.chosen, self.low, self.high)
        chosen, low, high = (gain // self.filled_g if self.filled_g else 0 for gain in each)
        return chosen, low, high


def gains(cleared: ClearedSection) -> dict[int, Gains]:
    """Of each buyer with portfolio limits, by its place in the section as the book has it."""
    quotas = cleared.quotas
    if quotas is None:
        return {}
    of_buyer: dict[int, list[Trade]] = {index: [] for index in sorted(quotas.limited)}
    for trade in cleared.trades:
        index = int(quotas.split.buyer[trade.buyer_index])
        if index in of_buyer:
            of_buyer[index].append(trade)
    return {
        index: Gains(
            filled_g=sum(trade.quantity_g for trade in trades),
            chosen=_gain(trades, cleared.surpluses.seller),
            low=_gain(trades, cleared.bounds.seller_high),
            high=_gain(trades, cleared.bounds.seller_low),
        )
        for index, trades in of_buyer.items()
    }


def _gain(trades: Sequence[Trade], seller_surplus: Int64s) -> int:
    """The buyer's gain at its own values, with these surpluses of the sellers."""
    gain = 0
    for trade in trades:
        own = trade.seller_surplus + trade.buyer_surplus - trade.premium
        gain += trade.quantity_g * (own - int(seller_surplus[trade.seller_index]))
    return gain


def multipliers(cleared: ClearedSection) -> tuple[Multiplier, ...]:
    """Of every share in order, then the margins that are above 0."""
    quotas = cleared.quotas
    if quotas is None:
        return ()
    of_shares = [
        Multiplier(
            requirement=share.requirement,
            limit=share.kind,
            country=share.country,
            stage=share.stage,
            ueur_per_kg=multiplier,
        )
        for share, multiplier in zip(quotas.whole.shares, quotas.multipliers, strict=True)
    ]
    of_limits = [
        Multiplier(
            requirement=quotas.whole.section.buyers[index].order.order,
            limit="limit_price",
            ueur_per_kg=margin,
        )
        for index, margin in sorted(quotas.margins.items())
        if margin
    ]
    return (*of_shares, *of_limits)


def premium_lines(cleared: ClearedSection) -> Iterator[tuple[Premium, ...]]:
    """Of each trade, in order, what adds up to its premium; nothing for a buyer without portfolio limits."""
    quotas = cleared.quotas
    if quotas is None:
        assert not cleared.trades.premium.any()
        yield from repeat((), len(cleared.trades))
        return
    shares: dict[int, list[tuple[Share, int]]] = {}
    for share, multiplier in zip(cleared.posed.shares, quotas.multipliers, strict=True):
        shares.setdefault(share.ratio.buyer_order, []).append((share, multiplier))
    for trade in cleared.trades:
        lines: list[Premium] = []
        if trade.buyer_index >= quotas.split.plain:
            buyer = int(quotas.split.buyer[trade.buyer_index])
            edge = quotas.split.edge_of_quota(trade.buyer_index)
            lines = [_premium(share, multiplier, edge) for share, multiplier in shares.get(buyer, [])]
            lines.append(Premium(limit="limit_price", ueur_per_kg=-quotas.margins[buyer]))
        assert sum(line.ueur_per_kg for line in lines) == trade.premium
        yield tuple(line for line in lines if line.ueur_per_kg)


def _premium(share: Share, multiplier: int, edge: int) -> Premium:
    return Premium(
        limit=share.kind,
        stage=share.stage,
        country=share.country,
        ueur_per_kg=premium_of(share.ratio, multiplier, edge),
    )


def quota_duals(cleared: ClearedSection, nodes: Sequence[OrderDual]) -> tuple[OrderDual, ...]:
    """Of each quota. `nodes`: the buyers' side of the split section."""
    quotas = cleared.quotas
    if quotas is None:
        return ()
    sellers, ends = quotas.whole.section.sellers, quotas.split.problem.seller
    return tuple(
        replace(
            nodes[node],
            supply=sellers[int(ends[edge])].order.order,
            tranche=sellers[int(ends[edge])].tranche,
            relaxed_dual_ueur_per_kg=None,
            plain_dual_ueur_per_kg=None,
        )
        for node, edge in quotas.split.quotas
    )


def buyers_duals(cleared: ClearedSection, nodes: Sequence[OrderDual]) -> Iterator[OrderDual]:
    """One an order, as the book has them; `nodes` as for `quota_duals`."""
    quotas = cleared.quotas
    if quotas is None:
        yield from nodes
        return
    node_of = {int(index): node for node, index in enumerate(quotas.split.buyer[: quotas.split.plain])}
    of_limited = gains(cleared)
    reasons = _reasons(cleared, quotas, of_limited)
    for index in range(len(quotas.whole.section.buyers)):
        if index in of_limited:
            yield _summed(cleared, quotas, index, of_limited[index], reasons[index])
        else:
            yield nodes[node_of[index]]


def removed_orders(cleared: ClearedSection) -> int:
    """Orders without a part in the final problem, for a reason."""
    sellers, buyers = cleared.proof.removed
    quotas = cleared.quotas
    if quotas is None:
        return len(sellers) + len(buyers)
    of_limited = gains(cleared)
    reasons = _reasons(cleared, quotas, of_limited)
    out = [index for index, of in of_limited.items() if of.filled_g == 0 and reasons[index] is not None]
    return len(sellers) + sum(node < quotas.split.plain for node in buyers) + len(out)


def _summed(cleared: ClearedSection, quotas: Quotas, index: int, of: Gains, reason: str | None) -> OrderDual:
    whole, proof = quotas.whole.section, cleared.proof
    capacity_g = int(whole.demand[index])
    surplus, low, high = of.per_kg()
    return OrderDual(
        order=whole.buyers[index].order.order,
        side="buyer",
        capacity_g=capacity_g,
        filled_g=of.filled_g,
        surplus_ueur_per_kg=surplus,
        low_ueur_per_kg=low,
        high_ueur_per_kg=high,
        rank_dual=NO_GAIN,
        tiebreak_dual=NO_GAIN,
        marginal=False,
        effective_g=of.filled_g if reason else capacity_g,
        effective_reason=reason,
        dual_ueur_per_kg=0,
        relaxed_dual_ueur_per_kg=int(proof.relaxed_dual[1][index]),
        plain_dual_ueur_per_kg=int(proof.plain_dual[1][index]),
    )


def _reasons(
    cleared: ClearedSection, quotas: Quotas, of_limited: Mapping[int, Gains]
) -> dict[int, str | None]:
    """Why each gets less than it demands: its limit over all trades, a minimum quantity, its shares. None: it
    gets all, or others bid more, or asks are too high."""
    told: dict[int, list[str]] = {index: [] for index in of_limited}
    for node, _ in quotas.split.quotas:
        reason = cleared.proof.removed[1].get(node) or cleared.proof.cut[1].get(node)
        if reason is not None:
            told[int(quotas.split.buyer[node])].append(reason)
    priced = {
        share.ratio.buyer_order
        for share, multiplier in zip(quotas.whole.shares, quotas.multipliers, strict=True)
        if multiplier
    }
    found: dict[int, str | None] = {}
    for index, of in of_limited.items():
        least = [reason for reason in told[index] if reason in (MINIMUM, TOLERANCE)]
        if of.filled_g == quotas.whole.section.demand[index]:
            found[index] = None
        elif index in quotas.dropped:
            found[index] = LIMIT_PRICE
        elif least and of.filled_g == 0:
            found[index] = least[0]
        else:
            found[index] = PORTFOLIO if index in priced or PORTFOLIO in told[index] else None
    return found
