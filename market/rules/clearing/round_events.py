"""What a round records: matches, evidence and the completed clearing, out of its proved sections."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final
from uuid import UUID

import msgspec
from msgspec import UNSET

from contracts.rules.price_terms import round_half_even
from events.clearing_terms import ListedWaterfall, OrderDual, Premium, PriceTerm, SectionResult
from events.envelope import Draft, Fact, Recorded
from events.market_events import (
    ClearingCompleted,
    ClearingEvidence,
    ClearingPlanned,
    MatchConfirmed,
    MatchStruck,
)
from events.vocabulary import Side
from market.rules.clearing.cleared import ClearedSection, Trade, dual_total
from market.rules.clearing.columns import rows
from market.rules.clearing.eligibility import MarketFacts
from market.rules.clearing.evidence import (
    Evidence,
    derived_id,
    derived_salt,
    encode_entry,
    encoded_sha256,
    fact_sha256,
    pair_bytes,
    root_sha256,
)
from market.rules.clearing.graph import BuyerNode, SellerNode
from market.rules.clearing.prices import forgone
from market.rules.clearing.pricing import price_terms, total
from market.rules.clearing.quota_record import (
    buyers_duals,
    multipliers,
    premium_lines,
    quota_duals,
    removed_orders,
)
from market.rules.clearing.rounds import Round
from market.rules.match_terms import match_terms
from market.rules.optimum.problem import fills_g
from market.rules.orders.forecast_supply import mark_of
from market.rules.packages import UNPACKED
from market.rules.quantities import largest_remainder, net_dry_g, product_g

_parts: Final = msgspec.json.Decoder(ClearingEvidence)


@dataclass(frozen=True, eq=False, slots=True)
class _Told:
    """What a round tells of a section: its pairs and problems need not stand in memory any longer.

    premiums: of each trade. The duals, quotas and multipliers are encoded.
    """

    name: str
    trades: tuple[Trade, ...]
    premiums: tuple[tuple[Premium, ...], ...]
    duals: list[bytes]
    quotas: list[bytes]
    multipliers: list[bytes]
    result: SectionResult


def drafts(of: Round, sections: Iterable[ClearedSection]) -> Iterator[Draft]:
    """Matches section by section with their confirmations, then evidence, then ClearingCompleted.

    All sections are taken before the first draft; a draft is made when it is asked for.
    """
    plan, planned = of.plan, of.planned
    # holds on to no section while the next one is cleared
    told = tuple(map(_told, sections))
    products = iter(product_grams(told))
    evidence = Evidence(planned.market, planned.plan, planned.round)
    totals = _Totals()
    for section in told:
        evidence.begin(section.name)
        for trade, premiums in zip(section.trades, section.premiums, strict=True):
            terms = price_terms(trade.seller.order, trade.buyer.order, of.facts, trade.delivery)
            evidence.add_waterfall(_listed(trade, premiums, terms, evidence.lines(terms)))
            fact = _struck(of, section.name, trade, next(products))
            ends = _pair_bytes(trade)
            struck = draft_of(plan, f"struck/{section.name}", fact, fact.match, *ends)
            totals.add(trade, struck)
            yield struck
            if not (fact.seller_must_confirm or fact.buyer_must_confirm):
                confirmed = _confirmed(fact, trade, terms, of.facts)
                yield draft_of(plan, f"confirmed/{section.name}", confirmed, fact.match, *ends)
        for name in ("duals", "quotas", "multipliers"):
            entries = getattr(section, name)
            evidence.add(name, entries)
            # they stand in their parts now
            entries.clear()
    hashes = []
    for body in evidence.parts():
        part = _parts.decode(body)
        draft = draft_of(plan, "evidence", part, planned.plan, part.part.to_bytes(4, "big"))
        hashes.append(encoded_sha256(body, _salt_of(draft)))
        yield draft
    completed = _completed(of, [section.result for section in told], totals, hashes)
    yield draft_of(plan, "completed", completed, planned.plan)


def _told(cleared: ClearedSection) -> _Told:
    duals, quotas = order_duals(cleared)
    return _Told(
        name=cleared.name,
        trades=cleared.trades,
        premiums=tuple(premium_lines(cleared)),
        duals=[encode_entry(dual) for dual in duals],
        quotas=[encode_entry(quota) for quota in quotas],
        multipliers=[encode_entry(multiplier) for multiplier in multipliers(cleared)],
        result=section_result(cleared),
    )


@dataclass(slots=True)
class _Totals:
    """Of the matches so far. What buyers pay and sellers receive are reckoned apart and have to agree."""

    matches: int = 0
    paid_cents: int = 0
    received_cents: int = 0
    amount_cents: int = 0
    hashes: list[bytes] = field(default_factory=list)

    def add(self, trade: Trade, struck: Draft) -> None:
        fact = struck.data
        assert isinstance(fact, MatchStruck)
        self.matches += 1
        self.paid_cents += trade.paid_cents
        self.received_cents += trade.received_cents
        self.amount_cents += fact.amount_cents_eur
        self.hashes.append(bytes.fromhex(fact_sha256(fact, _salt_of(struck))))


def _pair_bytes(trade: Trade) -> tuple[bytes, bytes, bytes]:
    return pair_bytes(trade.seller.order.order, trade.seller.tranche, trade.buyer.order.order)


def product_grams(told: Iterable[_Told]) -> list[tuple[int, int]]:
    """Wet and dry product of each trade, section by section.

    Whole packages; what is not packed adds up over a lot's trades.
    """
    of_lot: dict[tuple[UUID, bool], list[tuple[int, Trade]]] = {}
    trades = (trade for section in told for trade in section.trades)
    for place, trade in enumerate(trades):
        lot = trade.seller.order.order, trade.seller.packed.package_g == UNPACKED
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


def _listed(
    trade: Trade, premiums: tuple[Premium, ...], terms: Sequence[PriceTerm], lines: tuple[int, ...]
) -> ListedWaterfall:
    """limit + T − ask = value of a trade; with what portfolio limits add to it u + v."""
    assert total(terms) == trade.term_total
    limit, ask = trade.buyer.order.terms.limit.ueur_per_kg, trade.seller.order.terms.ask.ueur_per_kg
    worth = limit + trade.term_total - ask + trade.premium
    assert worth == trade.seller_surplus + trade.buyer_surplus
    return ListedWaterfall(
        supply=trade.seller.order.order,
        tranche=trade.seller.tranche,
        requirement=trade.buyer.order.order,
        quantity_basis_g=trade.quantity_g,
        limit_ueur_per_kg=limit,
        ask_ueur_per_kg=ask,
        lines=lines,
        term_total_ueur_per_kg=trade.term_total,
        value_ueur_per_kg=trade.value,
        seller_surplus_ueur_per_kg=trade.seller_surplus,
        buyer_surplus_ueur_per_kg=trade.buyer_surplus,
        price_ueur_per_kg=trade.price_ueur_per_kg,
        premiums=premiums,
    )


def order_duals(cleared: ClearedSection) -> tuple[Iterator[OrderDual], tuple[OrderDual, ...]]:
    """Every order of the section: sellers, then buyers, as the section has them; and every quota."""
    sellers, buyers = _side_duals(cleared, "seller"), tuple(_side_duals(cleared, "buyer"))
    return chain(sellers, buyers_duals(cleared, buyers)), quota_duals(cleared, buyers)


def _side_duals(cleared: ClearedSection, side: Side) -> Iterator[OrderDual]:
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
        (solution.seller_dual, solution.buyer_dual)[at],
        (solution.seller_dual_rank, solution.buyer_dual_rank)[at],
        (solution.seller_dual_tiebreak, solution.buyer_dual_tiebreak)[at],
        *(dual[at][node_of] for dual in (proof.relaxed_dual, proof.plain_dual)),
        forgone(proof.relaxed, chosen, proof.removed)[at],
    )
    for index, (node, row) in enumerate(zip(nodes, rows(columns), strict=True)):
        capacity, filled, surplus, low, high, dual, rank_dual, tiebreak_dual, relaxed, plain, lost = row
        reason = proof.removed[at].get(index) or proof.cut[at].get(index) or cleared.held[at].get(index)
        yield OrderDual(
            order=node.order.order,
            tranche=node.tranche if isinstance(node, SellerNode) else 0,
            side=side,
            capacity_g=capacity,
            filled_g=filled,
            surplus_ueur_per_kg=surplus,
            low_ueur_per_kg=low,
            high_ueur_per_kg=high,
            rank_dual=str(rank_dual),
            tiebreak_dual=str(tiebreak_dual),
            marginal=0 < filled < capacity,
            effective_g=filled if reason else capacity,
            effective_reason=reason,
            dual_ueur_per_kg=dual,
            relaxed_dual_ueur_per_kg=relaxed,
            plain_dual_ueur_per_kg=plain,
            forgone_ueur_per_kg=lost if reason else None,
        )


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


def _struck(of: Round, name: str, trade: Trade, product: tuple[int, int]) -> MatchStruck:
    planned, supply, requirement = of.planned, trade.seller.order, trade.buyer.order
    wet_g, dry_g = product
    package_g = supply.terms.packaging.package_wet_g
    return MatchStruck(
        market=planned.market,
        match=derived_id(planned.plan, f"match/{name}", *_pair_bytes(trade)),
        plan=planned.plan,
        round=planned.round,
        section=name,
        supply=supply.order,
        supply_kind=supply.kind,
        tranche=trade.seller.tranche,
        requirement=requirement.order,
        form=supply.terms.form,
        quantity_basis_g=trade.quantity_g,
        product_wet_g=wet_g,
        product_dry_g=dry_g,
        packages_thousandths=round_half_even(wet_g * 1000, package_g) if package_g else 0,
        price_ueur_per_kg=trade.price_ueur_per_kg,
        amount_cents_eur=trade.received_cents,
        remainder_ueur_g_per_kg=trade.remainder_ueur_g_per_kg,
        delivery=trade.delivery.period,
        incoterm=supply.terms.incoterm,
        place=supply.terms.place,
        reference=of.reference if supply.terms.term is None else None,
        confirm_by=planned.cut_time + of.confirmation,
        seller_must_confirm=supply.terms.commitment != "firm",
        buyer_must_confirm=requirement.terms.commitment != "firm",
        forecast=mark_of(supply.terms) or UNSET,
    )


def _confirmed(
    struck: MatchStruck, trade: Trade, lines: tuple[PriceTerm, ...], facts: MarketFacts
) -> MatchConfirmed:
    supply, requirement = trade.seller.order, trade.buyer.order
    return MatchConfirmed(
        market=struck.market,
        match=struck.match,
        supply=struck.supply,
        requirement=struck.requirement,
        seller=trade.seller.order.organisation,
        buyer=trade.buyer.order.organisation,
        quantity_basis_g=struck.quantity_basis_g,
        contract=match_terms(
            struck, supply.terms, requirement.terms, lines, facts.basis, facts.inputs, facts.umpire
        ),
    )


def _completed(
    of: Round, sections: Sequence[SectionResult], totals: _Totals, evidence_sha256: Sequence[str]
) -> ClearingCompleted:
    planned = of.planned
    assert totals.paid_cents == totals.received_cents == totals.amount_cents
    return ClearingCompleted(
        market=planned.market,
        plan=planned.plan,
        round=planned.round,
        cut=of.plan.position,
        rule_set_sha256=planned.rule_set_sha256,
        algorithm=planned.algorithm,
        sections=tuple(sections),
        evidence_sha256=tuple(evidence_sha256),
        matches_sha256=root_sha256(totals.hashes),
        match_count=totals.matches,
        buyers_pay_cents_eur=str(totals.paid_cents),
        sellers_receive_cents_eur=str(totals.received_cents),
        previous_sha256=of.previous_sha256,
    )


def _salt_of(draft: Draft) -> str:
    assert draft.salt is not None
    return draft.salt


def planned_of(plan: Recorded) -> ClearingPlanned:
    assert isinstance(plan.data, ClearingPlanned)
    return plan.data


def draft_of(plan: Recorded, kind: str, fact: Fact, subject: UUID, *parts: bytes) -> Draft:
    planned = planned_of(plan)
    return Draft(
        stream=plan.stream,
        lane=plan.lane,
        subject=str(subject),
        data=fact,
        id=derived_id(planned.plan, f"event/{kind}", *parts),
        salt=derived_salt(plan.salt, f"event/{kind}", *parts),
        time=planned.cut_time,
        cause=str(plan.id),
        actor=plan.actor,
    )
