"""A round: the book at its cut goes in, trades with prices and proof come out, the same everywhere."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import numpy as np

from events.envelope import Draft, Fact, Recorded
from events.market_events import (
    ClearingAbandoned,
    ClearingCompleted,
    ClearingPlanned,
    MatchConfirmed,
    MatchStruck,
)
from events.market_terms import OrderDual, SectionResult, TradeReference, Waterfall
from market.rules.assignment import AssignmentError
from market.rules.assignment_problem import exact_dot
from market.rules.book import Book
from market.rules.eligibility import MarketFacts, facts_of
from market.rules.evidence import derived_id, derived_salt, evidence_parts, fact_sha256, root_sha256
from market.rules.graph import HorizonBook, Part, horizons, section
from market.rules.pricing import price_terms, total
from market.rules.quantities import (
    largest_remainder,
    net_dry_g,
    product_g,
    round_half_even,
)
from market.rules.references import trade_reference
from market.rules.sections import ClearedSection, ClearingImpossible, Trade, clear_section

ALGORITHM = "lexicographic-1"
PARTS: tuple[Part, ...] = ("firm", "all")
REASON_TEXT_MAX = 200
SOLVER_GAVE_UP = "solver_gave_up"
"""Code of a round whose matcher got no result in time: of that machine, not of the round."""
INDEX_FLAT_UEUR_PER_KG = 0
"""Term prices are differentials to an index: at the index itself they are nothing."""


@dataclass(frozen=True, slots=True)
class Clearing:
    plan: Recorded
    planned: ClearingPlanned
    facts: MarketFacts
    confirmation: timedelta
    reference: TradeReference | None
    previous_sha256: str | None
    sections: tuple[ClearedSection, ...]


def clear(book: Book, plan: Recorded, *, sustainability: bool = True) -> Clearing:
    """Clear the book as it stands at `plan`; `sustainability` False: as if every S were 0 (what-if only).

    ValueError when the book does not stand exactly at the plan. ClearingImpossible when there is no result.
    """
    planned = plan.data
    if not isinstance(planned, ClearingPlanned) or book.plan != planned or book.position != plan.position:
        raise ValueError(f"the book of {book.market} does not stand at the plan at position {plan.position}")
    if planned.algorithm != ALGORITHM:
        raise ClearingImpossible("algorithm_unknown", f"This version computes {ALGORITHM} only.")
    facts = facts_of(book, planned.rule_set, planned.cut_time)
    reference = trade_reference(book.inputs, book.terms.basis)
    cleared: list[ClearedSection] = []
    try:
        for horizon in horizons(book, facts):
            cleared += _clear_horizon(horizon, planned, reference, sustainability=sustainability)
    except AssignmentError as error:
        raise ClearingImpossible("assignment_refused", str(error)[:REASON_TEXT_MAX]) from error
    return Clearing(
        plan=plan,
        planned=planned,
        facts=facts,
        confirmation=timedelta(seconds=book.terms.confirmation_seconds),
        reference=reference,
        previous_sha256=book.last_completed_sha256,
        sections=tuple(cleared),
    )


def _clear_horizon(
    of: HorizonBook, planned: ClearingPlanned, reference: TradeReference | None, *, sustainability: bool
) -> list[ClearedSection]:
    """Firm orders among themselves; then what is left of them with the orders subject to confirmation."""
    anchor_ueur_per_kg = None if reference is None else reference.ueur_per_kg
    if of.horizon is not None:
        anchor_ueur_per_kg = INDEX_FLAT_UEUR_PER_KG
    sellers_left = np.array([node.capacity_g for node in of.sellers], dtype=np.int64)
    buyers_left = np.array([node.capacity_g for node in of.buyers], dtype=np.int64)
    cleared = []
    for part in PARTS:
        posed = section(of, part, sellers_left, buyers_left)
        done = clear_section(posed, planned, anchor_ueur_per_kg, sustainability=sustainability)
        np.subtract.at(sellers_left, posed.seller_place[done.problem.seller], done.solution.flow)
        np.subtract.at(buyers_left, posed.buyer_place[done.problem.buyer], done.solution.flow)
        assert (sellers_left >= 0).all()
        assert (buyers_left >= 0).all()
        cleared.append(done)
    return cleared


def conclude(book: Book, plan: Recorded) -> tuple[Draft, ...]:
    """Everything the matcher appends for a plan: the round's result, or ClearingAbandoned with the reason.

    Ids, salts and times derive from the plan: every repeat gives the same bytes. ValueError as for `clear`.
    """
    try:
        return drafts(clear(book, plan))
    except ClearingImpossible as impossible:
        return (abandonment(plan, impossible.code, impossible.reason),)


def abandonment(plan: Recorded, code: str, reason: str) -> Draft:
    """The end of a round without a result; all but code and reason derives from the plan."""
    planned = _planned(plan)
    fact = ClearingAbandoned(
        market=planned.market, plan=planned.plan, round=planned.round, code=code, reason=reason
    )
    return _draft(plan, "abandoned", fact, fact.plan)


def drafts(clearing: Clearing) -> tuple[Draft, ...]:
    """Matches section by section with their confirmations, then evidence, then ClearingCompleted."""
    plan, planned = clearing.plan, clearing.planned
    products = product_grams(clearing)
    found: list[Draft] = []
    struck: list[Draft] = []
    for cleared in clearing.sections:
        for trade in cleared.trades:
            fact = _struck(clearing, cleared, trade, products[trade_key(cleared, trade)])
            parts = trade_parts(trade)
            struck.append(_draft(plan, f"struck/{fact.section}", fact, fact.match, *parts))
            found.append(struck[-1])
            if not (fact.seller_must_confirm or fact.buyer_must_confirm):
                confirmed = _confirmed(fact, trade)
                found.append(_draft(plan, f"confirmed/{fact.section}", confirmed, fact.match, *parts))
    parts_of_evidence = evidence_parts(
        planned.market,
        planned.plan,
        planned.round,
        [
            (cleared.section.name, waterfalls(cleared, clearing.facts), order_duals(cleared))
            for cleared in clearing.sections
        ],
    )
    evidence = [
        _draft(plan, "evidence", part, planned.plan, part.part.to_bytes(4, "big"))
        for part in parts_of_evidence
    ]
    completed = _completed(clearing, struck, evidence)
    found += [*evidence, _draft(plan, "completed", completed, planned.plan)]
    return tuple(found)


TradeKey = tuple[str, UUID, int, UUID]


def trade_key(cleared: ClearedSection, trade: Trade) -> TradeKey:
    return (cleared.section.name, trade.seller.order.order, trade.seller.tranche, trade.buyer.order.order)


def trade_parts(trade: Trade) -> tuple[bytes, bytes, bytes]:
    """What derived ids are made of: seller, tranche, buyer."""
    return (
        trade.seller.order.order.bytes,
        trade.seller.tranche.to_bytes(4, "big"),
        trade.buyer.order.order.bytes,
    )


def product_grams(clearing: Clearing) -> dict[TradeKey, tuple[int, int]]:
    """Wet and dry product of each trade; a lot's trades of the round add up, by largest remainder."""
    of_lot: dict[UUID, list[tuple[TradeKey, Trade]]] = {}
    for cleared in clearing.sections:
        for trade in cleared.trades:
            of_lot.setdefault(trade.seller.order.order, []).append((trade_key(cleared, trade), trade))
    found: dict[TradeKey, tuple[int, int]] = {}
    for entries in of_lot.values():
        terms = entries[0][1].seller.order.terms
        grams = [trade.quantity_g for _, trade in entries]
        wet_g = product_g(sum(grams), terms.basis_g, terms.net_wet_g)
        wet = largest_remainder(wet_g, grams)
        dry = largest_remainder(net_dry_g(wet_g, terms.moisture_ppb), grams)
        found |= {key: (wet[index], dry[index]) for index, (key, _) in enumerate(entries)}
    return found


def waterfalls(cleared: ClearedSection, facts: MarketFacts) -> tuple[Waterfall, ...]:
    """limit + T − ask = value = u + v of every trade."""
    found = []
    for trade in cleared.trades:
        terms = price_terms(trade.seller.order, trade.buyer.order, facts, trade.delivery)
        assert total(terms) == trade.term_total
        limit, ask = trade.buyer.order.terms.limit.ueur_per_kg, trade.seller.order.terms.ask.ueur_per_kg
        assert limit + trade.term_total - ask == trade.seller_surplus + trade.buyer_surplus
        found.append(
            Waterfall(
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
            )
        )
    return tuple(found)


def order_duals(cleared: ClearedSection) -> tuple[OrderDual, ...]:
    """Every node of the section, sellers first, in its order."""
    of, solution, bounds, chosen = cleared.section, cleared.solution, cleared.bounds, cleared.surpluses
    sold, bought = [0] * len(of.sellers), [0] * len(of.buyers)
    for trade in cleared.trades:
        sold[trade.seller_index] += trade.quantity_g
        bought[trade.buyer_index] += trade.quantity_g
    sellers = [
        OrderDual(
            order=node.order.order,
            tranche=node.tranche,
            side="seller",
            capacity_g=int(of.supply[index]),
            filled_g=sold[index],
            surplus_ueur_per_kg=int(chosen.seller[index]),
            low_ueur_per_kg=int(bounds.seller_low[index]),
            high_ueur_per_kg=int(bounds.seller_high[index]),
            rank_dual=str(int(solution.seller_dual_rank[index])),
            tiebreak_dual=str(int(solution.seller_dual_tiebreak[index])),
            marginal=0 < sold[index] < int(of.supply[index]),
        )
        for index, node in enumerate(of.sellers)
    ]
    buyers = [
        OrderDual(
            order=node.order.order,
            side="buyer",
            capacity_g=int(of.demand[index]),
            filled_g=bought[index],
            surplus_ueur_per_kg=int(chosen.buyer[index]),
            low_ueur_per_kg=int(bounds.buyer_low[index]),
            high_ueur_per_kg=int(bounds.buyer_high[index]),
            rank_dual=str(int(solution.buyer_dual_rank[index])),
            tiebreak_dual=str(int(solution.buyer_dual_tiebreak[index])),
            marginal=0 < bought[index] < int(of.demand[index]),
        )
        for index, node in enumerate(of.buyers)
    ]
    return (*sellers, *buyers)


def section_result(cleared: ClearedSection) -> SectionResult:
    problem, chosen = cleared.problem, cleared.surpluses
    dual_bound = exact_dot(problem.supply, chosen.seller) + exact_dot(problem.demand, chosen.buyer)
    return SectionResult(
        section=cleared.section.name,
        edge_count=problem.edges,
        edges_hash=cleared.edges_sha256,
        welfare=str(cleared.solution.welfare),
        dual_bound=str(dual_bound),
        welfare_without_sustainability=str(cleared.welfare_without_sustainability),
        traded_basis_g=str(sum(trade.quantity_g for trade in cleared.trades)),
        unique=cleared.solution.unique,
        tries=cleared.tries,
        trades=len(cleared.trades),
    )


def _struck(
    clearing: Clearing, cleared: ClearedSection, trade: Trade, product: tuple[int, int]
) -> MatchStruck:
    planned, supply, requirement = clearing.planned, trade.seller.order, trade.buyer.order
    name = cleared.section.name
    wet_g, dry_g = product
    package_g = supply.terms.packaging.package_wet_g
    return MatchStruck(
        market=planned.market,
        match=derived_id(planned.plan, f"match/{name}", *trade_parts(trade)),
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
        reference=clearing.reference if supply.terms.term is None else None,
        confirm_by=planned.cut_time + clearing.confirmation,
        seller_must_confirm=supply.terms.commitment != "firm",
        buyer_must_confirm=requirement.terms.commitment != "firm",
    )


def _confirmed(struck: MatchStruck, trade: Trade) -> MatchConfirmed:
    return MatchConfirmed(
        market=struck.market,
        match=struck.match,
        supply=struck.supply,
        requirement=struck.requirement,
        seller=trade.seller.order.organisation,
        buyer=trade.buyer.order.organisation,
        quantity_basis_g=struck.quantity_basis_g,
    )


def _completed(clearing: Clearing, struck: Sequence[Draft], evidence: Sequence[Draft]) -> ClearingCompleted:
    """What buyers pay and sellers receive are reckoned apart and have to agree."""
    planned = clearing.planned
    trades = list(_all_trades(clearing))
    paid = sum(trade.paid_cents for trade in trades)
    received = sum(trade.received_cents for trade in trades)
    assert paid == received == sum(_struck_of(draft).amount_cents_eur for draft in struck)
    assert len(struck) == len(trades)
    return ClearingCompleted(
        market=planned.market,
        plan=planned.plan,
        round=planned.round,
        cut=clearing.plan.position,
        rule_set_sha256=planned.rule_set_sha256,
        algorithm=planned.algorithm,
        sections=tuple(section_result(cleared) for cleared in clearing.sections),
        evidence_sha256=tuple(map(_draft_sha256, evidence)),
        matches_sha256=root_sha256(map(_draft_sha256, struck)),
        match_count=len(struck),
        buyers_pay_cents_eur=str(paid),
        sellers_receive_cents_eur=str(received),
        previous_sha256=clearing.previous_sha256,
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


def _planned(plan: Recorded) -> ClearingPlanned:
    assert isinstance(plan.data, ClearingPlanned)
    return plan.data


def _draft(plan: Recorded, kind: str, fact: Fact, subject: UUID, *parts: bytes) -> Draft:
    planned = _planned(plan)
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
