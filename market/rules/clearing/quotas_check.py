"""Reads quotas, multipliers and margins from a record, and checks them against the book. Needs no solver."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from uuid import UUID

import numpy as np
from msgspec import UnsetType

from events.clearing_terms import Multiplier, OrderDual
from events.vocabulary import INTEGER_MAX, PRICE_UEUR_PER_KG_MAX
from market.rules.clearing.breaches import Breach, breach_of, refuse
from market.rules.clearing.cleared import ClearedSection
from market.rules.clearing.order_limits import Share
from market.rules.clearing.posing import FIRST_TRY, LIMIT_PRICE, Posed
from market.rules.clearing.quota_record import gains
from market.rules.clearing.quota_sections import Quotas, offered_of
from market.rules.clearing.quotas import premiums, split
from market.rules.clearing.round_record import RecordedSection
from market.rules.optimum.problem import Int64s

MARGIN = "limit_price"


def quotas_of(posed: Posed, record: RecordedSection) -> Quotas:
    """The split that the record states. CertificateBroken where the book has no such shares, lots or buyers.

    Any quotas within what a buyer asks for, any multipliers and margins of at least 0 give a split: what
    they are worth is proved afterwards.
    """
    refuse(_multiplier_breaches(posed, record.multipliers))
    values = [each.ueur_per_kg for each in record.multipliers]
    multipliers = tuple(values[: len(posed.shares)])
    buyers = {node.order.order: index for index, node in enumerate(posed.section.buyers)}
    dropped = frozenset(
        buyers[dual.order]
        for dual in record.duals
        if dual.side == "buyer" and dual.effective_reason == LIMIT_PRICE
    )
    limited = sorted({ratio.buyer_order for ratio in posed.ratios})
    margins = {index: 0 for index in limited if index not in dropped}
    refuse(_margin_breaches(posed, len(posed.shares), record.multipliers, margins.keys()))
    for each in record.multipliers[len(posed.shares) :]:
        margins[buyers[each.requirement]] = each.ueur_per_kg
    edges = _edges_of(posed, record.quotas)
    quota_g = np.zeros(len(posed.edges.value), dtype=np.int64)
    quota_g[edges] = [quota.capacity_g for quota in record.quotas]
    refuse(_sum_breaches(posed, record.quotas, quota_g))
    premium = premiums(len(posed.edges.value), posed.ratios, multipliers)
    parted = split(offered_of(posed, FIRST_TRY), posed.ratios, premium, quota_g, margins)
    nodes = parted.edge[parted.quota_edge].tolist()
    refuse(_node_breaches(posed, edges, nodes))
    return Quotas(posed, parted, multipliers, margins, dropped)


def nodes_of(quotas: Quotas, record: RecordedSection) -> list[tuple[str, OrderDual]]:
    """Entries of the split's nodes with their paths in the record: sellers, plain buyers, quotas."""
    named = [(f"duals/{index}", dual) for index, dual in enumerate(record.duals)]
    sellers = len(quotas.whole.section.sellers)
    plain = quotas.split.buyer[: quotas.split.plain].tolist()
    return [
        *named[:sellers],
        *(named[sellers + index] for index in plain),
        *((f"quotas/{index}", quota) for index, quota in enumerate(record.quotas)),
    ]


def share_breaches(posed: Posed, trading: Mapping[int, tuple[int, int]]) -> Iterator[Breach]:
    """Every share holds on the trades, in integers. trading: of edges of the split, grams and waterfall."""
    grams = {edge: quantity for edge, (quantity, _) in trading.items()}
    for share in posed.shares:
        excess = share.ratio.excess(grams)
        if excess < 0:
            falls = [fall for edge, (_, fall) in sorted(trading.items()) if edge in share.ratio.coefficient]
            fields = ", ".join(f"waterfalls/{index}/quantity_basis_g" for index in falls)
            yield breach_of(posed.section.name, fields, _name(share), excess, "at least 0")


def limit_breaches(cleared: ClearedSection) -> Iterator[Breach]:
    """No buyer pays more than all it gets is worth to it, at no price between the bounds."""
    sellers = len(cleared.whole.section.sellers)
    for index, of in gains(cleared).items():
        least = min(of.low, of.chosen, of.high)
        if least < 0:
            field = f"duals/{sellers + index}/low_ueur_per_kg"
            yield breach_of(cleared.name, field, MARGIN, least, "at least 0 over all it gets")


def _name(share: Share) -> str:
    place = "" if share.country is None else f" of {share.stage} in {share.country}"
    return f"{share.kind}{place}"


def _multiplier_breaches(posed: Posed, recorded: Sequence[Multiplier]) -> Iterator[Breach]:
    """One for each share of the book, in its order; then margins. What int64 sums of them hold."""
    name = posed.section.name
    if len(recorded) < len(posed.shares):
        yield breach_of(name, "multipliers", "the book's shares", len(recorded), len(posed.shares))
        return
    for index, (share, each) in enumerate(zip(posed.shares, recorded, strict=False)):
        wanted = {
            "requirement": share.requirement,
            "limit": share.kind,
            "country": share.country,
            "stage": share.stage,
        }
        for member, value in wanted.items():
            if getattr(each, member) != value:
                field = f"multipliers/{index}/{member}"
                yield breach_of(name, field, "the book's shares", getattr(each, member), value)
    for index, each in enumerate(recorded):
        most = PRICE_UEUR_PER_KG_MAX if index < len(posed.shares) else INTEGER_MAX
        if not 0 <= each.ueur_per_kg <= most:
            field = f"multipliers/{index}/ueur_per_kg"
            yield breach_of(name, field, "a price of a limit", each.ueur_per_kg, f"from 0 to {most}")


def _margin_breaches(
    posed: Posed, first: int, recorded: Sequence[Multiplier], able: Collection[int]
) -> Iterator[Breach]:
    name = posed.section.name
    orders = {posed.section.buyers[index].order.order for index in able}
    for index, each in enumerate(recorded[first:], start=first):
        if each.limit != MARGIN:
            yield breach_of(name, f"multipliers/{index}/limit", "the book's shares", each.limit, MARGIN)
        if each.requirement not in orders:
            field = f"multipliers/{index}/requirement"
            yield breach_of(name, field, "a margin", each.requirement, "a buyer with quotas")


def _edges_of(posed: Posed, recorded: Sequence[OrderDual]) -> list[int]:
    """The edge of each quota. CertificateBroken names what is no edge of a buyer with shares, or twice."""
    section, place = posed.section, _quota_places(posed)
    found: list[int] = []
    breaches = []
    for index, quota in enumerate(recorded):
        edge = place.get((quota.order, quota.supply, quota.tranche))
        if quota.side != "buyer":
            breaches.append(breach_of(section.name, f"quotas/{index}/side", "the book", quota.side, "buyer"))
        elif edge is None:
            fields = ", ".join(f"quotas/{index}/{member}" for member in ("order", "supply", "tranche"))
            told = f"{quota.order}, {quota.supply}, {quota.tranche}"
            breaches.append(breach_of(section.name, fields, "the edges", told, "an edge of the book"))
        elif found and edge <= found[-1]:
            field = f"quotas/{index}"
            breaches.append(breach_of(section.name, field, "one quota a lot, by seller", edge, "a later one"))
        else:
            found.append(edge)
    refuse(iter(breaches))
    return found


def _quota_places(posed: Posed) -> dict[tuple[UUID, UUID | UnsetType, int], int]:
    """The edges of buyers with shares, by buyer, supply and tranche."""
    section, worth = posed.section, posed.edges
    places = sorted({edge for ratio in posed.ratios for edge in ratio.coefficient})
    buyers = [section.buyers[buyer].order.order for buyer in worth.buyer[places].tolist()]
    sellers = [section.sellers[seller] for seller in worth.seller[places].tolist()]
    return {
        (buyer, seller.order.order, seller.tranche): place
        for buyer, seller, place in zip(buyers, sellers, places, strict=True)
    }


def _sum_breaches(posed: Posed, recorded: Sequence[OrderDual], quota_g: Int64s) -> Iterator[Breach]:
    """A buyer's quotas are no more than it asks for."""
    total = np.zeros(len(posed.section.buyers), dtype=np.int64)
    np.add.at(total, posed.edges.buyer, quota_g)
    beyond = np.flatnonzero(total > posed.section.demand)
    orders = {posed.section.buyers[index].order.order: index for index in beyond.tolist()}
    for index, quota in enumerate(recorded):
        buyer = orders.get(quota.order)
        if buyer is not None:
            field = f"quotas/{index}/capacity_g"
            most = int(posed.section.demand[buyer])
            yield breach_of(
                posed.section.name, field, "what is asked for", int(total[buyer]), f"at most {most}"
            )


def _node_breaches(posed: Posed, edges: Sequence[int], nodes: Sequence[int]) -> Iterator[Breach]:
    """Every quota is one that its pair can trade, at a bid of at least the ask."""
    able = set(nodes)
    for index, edge in enumerate(edges):
        if edge not in able:
            fields = f"quotas/{index}/capacity_g, multipliers"
            yield breach_of(
                posed.section.name, fields, "a quota", "no node of the split", "one that can trade"
            )
