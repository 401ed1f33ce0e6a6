"""What a round records: matches, evidence and the completed clearing, out of its proved sections."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from msgspec import UNSET

from contracts.rules.price_terms import round_half_even
from events.clearing_terms import OrderDual, PriceTerm, SectionResult, Waterfall
from events.envelope import Draft, Fact, Recorded
from events.market_events import ClearingCompleted, ClearingPlanned, MatchConfirmed, MatchStruck
from events.vocabulary import Side
from market.rules.assignment_problem import fills_g
from market.rules.cleared import ClearedSection, Trade, dual_total
from market.rules.eligibility import MarketFacts
from market.rules.evidence import (
    SectionEvidence,
    derived_id,
    derived_salt,
    evidence_parts,
    fact_sha256,
    pair_bytes,
    root_sha256,
)
from market.rules.forecast_supply import mark_of
from market.rules.graph import BuyerNode, SellerNode
from market.rules.match_terms import match_terms
from market.rules.packages import UNPACKED
from market.rules.prices import forgone
from market.rules.pricing import price_terms, total
from market.rules.quantities import largest_remainder, net_dry_g, product_g
from market.rules.quota_record import (
    buyers_duals,
    multipliers,
    premium_lines,
    quota_duals,
    removed_orders,
)
from market.rules.rounds import Clearing, Round


def drafts(clearing: Clearing) -> tuple[Draft, ...]:
    """Matches section by section with their confirmations, then evidence, then ClearingCompleted."""
    plan, planned = clearing.round.plan, clearing.round.planned
    products = iter(product_grams(clearing))
    parts = evidence_parts(
        planned.market,
        planned.plan,
        planned.round,
        [
            SectionEvidence(
                cleared.name,
                waterfalls(cleared, clearing.round.facts),
                *order_duals(cleared),
                multipliers(cleared),
            )
            for cleared in clearing.sections
        ],
    )
    listed = ((fall, part.lines) for part in parts for fall in part.waterfalls)
    found: list[Draft] = []
    struck: list[Draft] = []
    for cleared in clearing.sections:
        for trade, (fall, lines) in zip(cleared.trades, listed, strict=False):
            fact = _struck(clearing.round, cleared, trade, next(products))
            ends = _pair_bytes(trade)
            assert (fall.supply, fall.tranche, fall.requirement) == (
                fact.supply,
                fact.tranche,
                fact.requirement,
            )
            struck.append(draft_of(plan, f"struck/{fact.section}", fact, fact.match, *ends))
            found.append(struck[-1])
            if not (fact.seller_must_confirm or fact.buyer_must_confirm):
                terms = tuple(lines[place] for place in fall.lines)
                confirmed = _confirmed(fact, trade, terms, clearing.round.facts)
                found.append(draft_of(plan, f"confirmed/{fact.section}", confirmed, fact.match, *ends))
    evidence = [
        draft_of(plan, "evidence", part, planned.plan, part.part.to_bytes(4, "big")) for part in parts
    ]
    completed = _completed(clearing, struck, evidence)
    found += [*evidence, draft_of(plan, "completed", completed, planned.plan)]
    return tuple(found)


def _pair_bytes(trade: Trade) -> tuple[bytes, bytes, bytes]:
    return pair_bytes(trade.seller.order.order, trade.seller.tranche, trade.buyer.order.order)


def product_grams(clearing: Clearing) -> list[tuple[int, int]]:
    """Wet and dry product of each trade, section by section.

    Whole packages; what is not packed adds up over a lot's trades.
    """
    of_lot: dict[tuple[UUID, bool], list[tuple[int, Trade]]] = {}
    for place, trade in enumerate(_all_trades(clearing)):
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


def waterfalls(cleared: ClearedSection, facts: MarketFacts) -> Iterator[Waterfall]:
    """limit + T − ask = value of every trade; with what portfolio limits add to it u + v.

    One after another: what is kept of them is their terms, each once.
    """
    for trade, premiums in zip(cleared.trades, premium_lines(cleared), strict=True):
        terms = price_terms(trade.seller.order, trade.buyer.order, facts, trade.delivery)
        assert total(terms) == trade.term_total
        limit, ask = trade.buyer.order.terms.limit.ueur_per_kg, trade.seller.order.terms.ask.ueur_per_kg
        worth = limit + trade.term_total - ask + trade.premium
        assert worth == trade.seller_surplus + trade.buyer_surplus
        yield Waterfall(
            supply=trade.seller.order.order,
            tranche=trade.seller.tranche,
            requirement=trade.buyer.order.order,
            quantity_basis_g=trade.quantity_g,
            limit_ueur_per_kg=limit,
            ask_ueur_per_kg=ask,
            terms=terms,
            term_total_ueur_per_kg=trade.term_total,
            value_ueur_per_kg=trade.value,
            seller_surplus_ueur_per_kg=trade.seller_surplus,
            buyer_surplus_ueur_per_kg=trade.buyer_surplus,
            price_ueur_per_kg=trade.price_ueur_per_kg,
            premiums=premiums,
        )


def order_duals(cleared: ClearedSection) -> tuple[tuple[OrderDual, ...], tuple[OrderDual, ...]]:
    """Every order of the section: sellers, then buyers, as the section has them; and every quota."""
    sellers, buyers = _side_duals(cleared, "seller"), tuple(_side_duals(cleared, "buyer"))
    return (*sellers, *buyers_duals(cleared, buyers)), quota_duals(cleared, buyers)


def _side_duals(cleared: ClearedSection, side: Side) -> Iterator[OrderDual]:
    section, proof, solution = cleared.posed.section, cleared.proof, cleared.solution
    bounds, chosen, at = cleared.bounds, cleared.surpluses, 0 if side == "seller" else 1
    nodes: Sequence[SellerNode | BuyerNode] = (section.sellers, section.buyers)[at]
    capacity = (section.supply, section.demand)[at].tolist()
    filled = fills_g(cleared.problem, solution.flow)[at].tolist()
    node_of = slice(None) if cleared.quotas is None or at == 0 else cleared.quotas.split.buyer
    columns = zip(
        (chosen.seller, chosen.buyer)[at].tolist(),
        (bounds.seller_low, bounds.buyer_low)[at].tolist(),
        (bounds.seller_high, bounds.buyer_high)[at].tolist(),
        (solution.seller_dual, solution.buyer_dual)[at].tolist(),
        (solution.seller_dual_rank, solution.buyer_dual_rank)[at].tolist(),
        (solution.seller_dual_tiebreak, solution.buyer_dual_tiebreak)[at].tolist(),
        *(dual[at][node_of].tolist() for dual in (proof.relaxed_dual, proof.plain_dual)),
        forgone(proof.relaxed, chosen, proof.removed)[at].tolist(),
        strict=True,
    )
    for index, (node, column) in enumerate(zip(nodes, columns, strict=True)):
        surplus, low, high, dual, rank_dual, tiebreak_dual, relaxed_dual, plain_dual, lost = column
        reason = proof.removed[at].get(index) or proof.cut[at].get(index) or cleared.held[at].get(index)
        yield OrderDual(
            order=node.order.order,
            tranche=node.tranche if isinstance(node, SellerNode) else 0,
            side=side,
            capacity_g=capacity[index],
            filled_g=filled[index],
            surplus_ueur_per_kg=surplus,
            low_ueur_per_kg=low,
            high_ueur_per_kg=high,
            rank_dual=str(rank_dual),
            tiebreak_dual=str(tiebreak_dual),
            marginal=0 < filled[index] < capacity[index],
            effective_g=filled[index] if reason else capacity[index],
            effective_reason=reason,
            dual_ueur_per_kg=dual,
            relaxed_dual_ueur_per_kg=relaxed_dual,
            plain_dual_ueur_per_kg=plain_dual,
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


def _struck(of: Round, cleared: ClearedSection, trade: Trade, product: tuple[int, int]) -> MatchStruck:
    planned, supply, requirement = of.planned, trade.seller.order, trade.buyer.order
    name = cleared.name
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


def _completed(clearing: Clearing, struck: Sequence[Draft], evidence: Sequence[Draft]) -> ClearingCompleted:
    """What buyers pay and sellers receive are reckoned apart and have to agree."""
    planned = clearing.round.planned
    trades = list(_all_trades(clearing))
    paid = sum(trade.paid_cents for trade in trades)
    received = sum(trade.received_cents for trade in trades)
    assert paid == received == sum(_struck_of(draft).amount_cents_eur for draft in struck)
    assert len(struck) == len(trades)
    return ClearingCompleted(
        market=planned.market,
        plan=planned.plan,
        round=planned.round,
        cut=clearing.round.plan.position,
        rule_set_sha256=planned.rule_set_sha256,
        algorithm=planned.algorithm,
        sections=tuple(section_result(cleared) for cleared in clearing.sections),
        evidence_sha256=tuple(map(_draft_sha256, evidence)),
        matches_sha256=root_sha256(map(_draft_sha256, struck)),
        match_count=len(struck),
        buyers_pay_cents_eur=str(paid),
        sellers_receive_cents_eur=str(received),
        previous_sha256=clearing.round.previous_sha256,
    )


def _all_trades(clearing: Clearing) -> Iterator[Trade]:
    for cleared in clearing.sections:
        yield from cleared.trades


def _struck_of(draft: Draft) -> MatchStruck:
    assert isinstance(draft.data, MatchStruck)
    return draft.data


def _draft_sha256(draft: Draft) -> str:
    assert draft.salt is not None
    return fact_sha256(draft.data, draft.salt)


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
