"""Checks a round from its book and its own record, without a solver.

What a solver finds (trades, duals, removals) is read from the evidence and proved in integers; everything
else (edges, effective capacities, bounds, prices, cents, products, hashes) is computed again. The result is
the record that the round must have, draft by draft.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from msgspec import UNSET, Struct

from events.clearing_terms import ListedWaterfall, OrderDual, SectionResult
from events.envelope import Draft
from events.market_events import ClearingEvidence
from events.vocabulary import BIG_INTEGER_PATTERN
from market.rules.clearing.breaches import Breach, CertificateBroken, breach_of, refuse
from market.rules.clearing.cleared import ClearedSection, Proof, left_problem, priced
from market.rules.clearing.graph import Edges
from market.rules.clearing.packages_check import undivided
from market.rules.clearing.posing import (
    FIRST_TRY,
    PORTFOLIO,
    TOLERANCE,
    Posed,
    Reasons,
    Sides,
    edges_left,
    plain_problem,
    reasons_of,
    relaxed_problem,
    without_removed,
)
from market.rules.clearing.quota_sections import Quotas, plain_bound, split_posed, strained
from market.rules.clearing.quotas_check import limit_breaches, nodes_of, quotas_of, share_breaches
from market.rules.clearing.round_events import drafts
from market.rules.clearing.round_record import (
    RecordedSection,
    completed_of,
    later_tries,
    section_record,
    unknown_sections,
)
from market.rules.clearing.rounds import Round, in_turn
from market.rules.optimum.check import Violation, verify
from market.rules.optimum.problem import GUARD, AssignmentError, Int64s, Problem, Solution, exact_dot

_BIG_INTEGER = re.compile(BIG_INTEGER_PATTERN)
_DUAL_FIELDS = {
    "seller_dual": "dual_ueur_per_kg",
    "buyer_dual": "dual_ueur_per_kg",
    "seller_dual_rank": "rank_dual",
    "buyer_dual_rank": "rank_dual",
    "seller_dual_tiebreak": "tiebreak_dual",
    "buyer_dual_tiebreak": "tiebreak_dual",
}


_Entry = tuple[str, OrderDual]
"""What is recorded of a node, and its path in the record."""
Again = Callable[[Posed, datetime], ClearedSection]
"""A function that clears a section with a solver."""


def expected_record(of: Round, facts: Sequence[Struct], again: Again | None = None) -> tuple[Draft, ...]:
    """The drafts that the round `of` must have recorded, if `facts` hold what proves it.

    facts: of all its events, in order. CertificateBroken names what is wrong; where the record differs from
    these drafts otherwise, the record is wrong. Only a solver can prove that more than one tie-break was
    needed: such a record counts as broken here. ClearingImpossible if a completed round could not list its
    sections.

    Only a solver can prove that orders had to be left out or reduced: `again` clears the sections that state
    so. Without it, their gap bounds the cost. With portfolio limits only the gap bounds it in any case, since
    another machine may propose other quotas.
    """
    completed = completed_of(facts)
    evidence = [fact for fact in facts if isinstance(fact, ClearingEvidence)]
    refuse(later_tries(completed))
    refuse(unknown_sections(evidence, completed))

    def prove(posed: Posed, at: datetime) -> ClearedSection:
        cleared = _proved(posed, section_record(posed.section.name, evidence, completed), at)
        if again is not None and cleared.quotas is None and is_reduced(cleared.proof):
            refuse(_otherwise(cleared, again(posed, at)))
        return cleared

    try:
        return tuple(drafts(of, in_turn(of, prove)))
    except (AssertionError, AssignmentError, OverflowError, ValueError) as error:
        told = f"{type(error).__name__}: {error}"[:200]
        raise CertificateBroken(
            [breach_of("", "the record", "computing it again", told, "a round")]
        ) from error


def _proved(posed: Posed, record: RecordedSection, at: datetime) -> ClearedSection:
    name = posed.section.name
    refuse(_misplaced(posed, record.duals))
    nodes = orders = _entries(record.duals)
    quotas, quoted, buyer_of = None, posed, np.arange(len(posed.section.buyers))
    if posed.shares:
        quotas = quotas_of(posed, record)
        nodes = nodes_of(quotas, record)
        quoted, buyer_of = split_posed(posed, quotas.split), quotas.split.buyer
    relaxed = relaxed_problem(posed, FIRST_TRY) if quotas is None else quotas.split.problem
    removed, cut = _removed_and_cut(nodes, len(posed.section.sellers), record.waterfalls)
    left = edges_left(relaxed, removed)
    flow, of_edge = _flow(posed, quoted.edges, buyer_of, record.waterfalls, left)
    final, bounds = _Columns(posed, nodes), _Columns(posed, orders)
    solution = final.solution(flow, relaxed.value[left], unique=record.result.unique)
    proof = Proof(
        tries=FIRST_TRY,
        relaxed=relaxed,
        relaxed_dual=bounds.sides("relaxed_dual_ueur_per_kg"),
        plain_dual=bounds.sides("plain_dual_ueur_per_kg"),
        removed=removed,
        cut=cut,
        solution=solution,
        bound=None if quotas is None else quotas.bound(FIRST_TRY),
    )
    problem = left_problem(proof)
    places = _Places(problem, of_edge, nodes)
    refuse(places.breach(name, violation) for violation in verify(problem, solution))
    whole = without_removed(relaxed, removed)
    held = frozenset(ratio.buyer_order for ratio in posed.ratios)
    refuse(places.breach(name, violation) for violation in undivided(whole, flow, quoted.terms, held))
    refuse(_reason_breaches(quoted, nodes, quotas))
    refuse(_bound_breaches(posed, proof, quotas, record.result))
    trading = {int(left[edge]): (int(flow[edge]), fall) for edge, fall in of_edge.items()}
    refuse(share_breaches(quoted, trading))
    cleared = priced(quoted, proof, at, quotas, problem)
    refuse(limit_breaches(cleared))
    return cleared


def is_reduced(proof: Proof) -> bool:
    """Whether an order was left out, or reduced because no package fits its rest."""
    return any(proof.removed) or any(proof.cut)


def _otherwise(recorded: ClearedSection, solved: ClearedSection) -> Iterator[Breach]:
    """Orders that the solver leaves out or reduces differently; if none, trades that it does not find."""
    name, sellers = recorded.name, len(recorded.problem.supply)
    own, others = recorded.proof, solved.proof
    for found, wanted in ((own.removed, others.removed), (own.cut, others.cut)):
        for side, start in ((0, 0), (1, sellers)):
            for place in sorted(found[side].keys() | wanted[side].keys()):
                pair = found[side].get(place), wanted[side].get(place)
                if pair[0] != pair[1]:
                    field = f"duals/{start + place}/effective_reason"
                    yield breach_of(name, field, "clearing it again", *(each or "none" for each in pair))
    of_pair = [_grams(each) for each in (recorded, solved)]
    for pair_key in sorted(of_pair[0].keys() | of_pair[1].keys()):
        quantities = of_pair[0].get(pair_key, 0), of_pair[1].get(pair_key, 0)
        if quantities[0] != quantities[1]:
            yield breach_of(name, "waterfalls/quantity_basis_g", "clearing it again", *quantities)


def _grams(cleared: ClearedSection) -> dict[tuple[int, int], int]:
    trades = cleared.trades
    columns = (trades.seller_index.tolist(), trades.buyer_index.tolist(), trades.quantity_g.tolist())
    return {(seller, buyer): grams for seller, buyer, grams in zip(*columns, strict=True)}


def _misplaced(posed: Posed, duals: Sequence[OrderDual]) -> Iterator[Breach]:
    """Breaches unless every order of the section is listed once: sellers, then buyers, as in the book at the
    cut."""
    section = posed.section
    wanted: list[dict[str, Any]] = [
        {"order": node.order.order, "tranche": node.tranche, "side": "seller"} for node in section.sellers
    ]
    wanted += [{"order": node.order.order, "tranche": 0, "side": "buyer"} for node in section.buyers]
    if len(duals) != len(wanted):
        yield breach_of(section.name, "duals", "one per order in the book", len(duals), len(wanted))
        return
    for index, (dual, members) in enumerate(zip(duals, wanted, strict=True)):
        for member, value in members.items():
            if getattr(dual, member) != value:
                field = f"duals/{index}/{member}"
                yield breach_of(section.name, field, "the book", getattr(dual, member), value)


def _entries(duals: Sequence[OrderDual]) -> list[_Entry]:
    return [(f"duals/{index}", dual) for index, dual in enumerate(duals)]


def _removed_and_cut(
    nodes: Sequence[_Entry], sellers: int, waterfalls: Sequence[ListedWaterfall]
) -> tuple[Reasons, Reasons]:
    """The orders that state a reason and trade nothing, and those that state that no package fits their
    rest."""
    trading: set[tuple[object, ...]] = set()
    for fall in waterfalls:
        trading |= {
            ("seller", UNSET, fall.supply, fall.tranche),
            ("buyer", UNSET, fall.requirement, 0),
            ("buyer", fall.supply, fall.requirement, fall.tranche),
        }
    removed: tuple[dict[int, str], dict[int, str]] = ({}, {})
    cut: tuple[dict[int, str], dict[int, str]] = ({}, {})
    for index, (_, dual) in enumerate(nodes):
        if dual.effective_reason is None:
            continue
        side, place = (0, index) if index < sellers else (1, index - sellers)
        if (dual.side, dual.supply, dual.order, dual.tranche) not in trading:
            removed[side][place] = dual.effective_reason
        elif dual.effective_reason != TOLERANCE:
            cut[side][place] = dual.effective_reason
    return removed, cut


def _flow(
    posed: Posed, worth: Edges, buyer_of: Int64s, waterfalls: Sequence[ListedWaterfall], left: Int64s
) -> tuple[Int64s, dict[int, int]]:
    """Grams on each remaining edge of `worth`, and the waterfall that states them; buyer_of: the buyer of
    each node."""
    edge_of = _edge_finder(posed, worth, buyer_of, left)
    flow = np.zeros(len(left), dtype=np.int64)
    of_edge: dict[int, int] = {}
    breaches = []
    for index, fall in enumerate(waterfalls):
        edge = edge_of(fall)
        if edge is None:
            fields = ", ".join(f"waterfalls/{index}/{part}" for part in ("supply", "tranche", "requirement"))
            found = f"{fall.supply}, {fall.tranche}, {fall.requirement}"
            breaches.append(breach_of(posed.section.name, fields, "the edges", found, "an edge of the book"))
        elif edge in of_edge:
            field = f"waterfalls/{index}"
            breaches.append(
                breach_of(posed.section.name, field, "one trade a pair", "a repeat", "another pair")
            )
        else:
            flow[edge] = fall.quantity_basis_g
            of_edge[edge] = index
    refuse(iter(breaches))
    return flow, of_edge


def _edge_finder(
    posed: Posed, worth: Edges, buyer_of: Int64s, left: Int64s
) -> Callable[[ListedWaterfall], int | None]:
    section = posed.section
    sellers = {(node.order.order, node.tranche): index for index, node in enumerate(section.sellers)}
    buyers = {node.order.order: index for index, node in enumerate(section.buyers)}
    width = len(section.buyers) + 1
    keys = worth.seller[left].astype(np.int64) * width + buyer_of[worth.buyer[left]]

    def edge_of(fall: ListedWaterfall) -> int | None:
        seller, buyer = sellers.get((fall.supply, fall.tranche)), buyers.get(fall.requirement)
        if seller is None or buyer is None:
            return None
        place = int(np.searchsorted(keys, seller * width + buyer))
        return place if place < len(keys) and keys[place] == seller * width + buyer else None

    return edge_of


class _Columns:
    """The duals of a section as arrays. CertificateBroken names every entry that is not an integer in
    range."""

    def __init__(self, posed: Posed, nodes: Sequence[_Entry]) -> None:
        self._name = posed.section.name
        self._sellers = len(posed.section.sellers)
        self._nodes = nodes

    def sides(self, member: str) -> Sides:
        values = [getattr(dual, member) for _, dual in self._nodes]
        numbers = [_integer(value) for value in values]
        refuse(
            breach_of(self._name, f"{path}/{member}", "the certificate", value, "an integer below 2**62")
            for (path, _), value, number in zip(self._nodes, values, numbers, strict=True)
            if number is None
        )
        column = np.array(numbers, dtype=np.int64)
        return column[: self._sellers], column[self._sellers :]

    def solution(self, flow: Int64s, value: Int64s, *, unique: bool) -> Solution:
        """`unique` is as recorded; `verify` checks it."""
        dual, rank = self.sides("dual_ueur_per_kg"), self.sides("rank_dual")
        tiebreak = self.sides("tiebreak_dual")
        return Solution(
            flow=flow,
            seller_dual=dual[0],
            buyer_dual=dual[1],
            seller_dual_rank=rank[0],
            buyer_dual_rank=rank[1],
            seller_dual_tiebreak=tiebreak[0],
            buyer_dual_tiebreak=tiebreak[1],
            welfare=exact_dot(flow, value),
            unique=unique,
        )


def _integer(value: int | str | None) -> int | None:
    if isinstance(value, str):
        value = int(value) if _BIG_INTEGER.fullmatch(value) else None
    return value if value is not None and abs(value) < GUARD else None


class _Places:
    """Says where in the record a violation of the assignment stands."""

    def __init__(self, problem: Problem, of_edge: dict[int, int], nodes: Sequence[_Entry]) -> None:
        self._problem = problem
        self._of_edge = of_edge
        self._paths = [path for path, _ in nodes]

    def breach(self, section: str, violation: Violation) -> Breach:
        fields = ", ".join(dict.fromkeys(self._fields(violation)))
        return breach_of(section, fields, violation.rule, violation.found, violation.required)

    def _fields(self, violation: Violation) -> Iterator[str]:
        index = violation.index
        if violation.field == "unique":
            yield "waterfalls, unique"
        elif violation.field in ("flow of supply", "flow of demand"):
            ends = self._problem.seller if violation.field == "flow of supply" else self._problem.buyer
            for edge in np.flatnonzero(ends == index).tolist():
                if edge in self._of_edge:
                    yield self._flow_field(edge)
        else:
            for name in re.findall(r"[a-z_]+", violation.field):
                yield from self._member(name, index, of_edge="+" in violation.field)

    def _member(self, name: str, index: int | None, *, of_edge: bool) -> Iterator[str]:
        if name == "flow":
            yield "waterfalls/quantity_basis_g" if index is None else self._flow_field(index)
        elif index is None:
            yield f"duals/{_DUAL_FIELDS[name]}"
        else:
            side = self._problem.seller if name.startswith("seller") else self._problem.buyer
            node = int(side[index]) if of_edge else index
            place = node if name.startswith("seller") else node + len(self._problem.supply)
            yield f"{self._paths[place]}/{_DUAL_FIELDS[name]}"

    def _flow_field(self, edge: int) -> str:
        fall = self._of_edge.get(edge)
        return "waterfalls" if fall is None else f"waterfalls/{fall}/quantity_basis_g"


def _reason_breaches(posed: Posed, nodes: Sequence[_Entry], quotas: Quotas | None) -> Iterator[Breach]:
    of_shares = (frozenset[int](), frozenset[int]()) if quotas is None else strained(quotas.split)
    for index, (path, dual) in enumerate(nodes):
        if dual.effective_reason is not None:
            side = 0 if index < len(posed.section.sellers) else 1
            place = index - side * len(posed.section.sellers)
            possible = reasons_of(posed, side, place) | ({PORTFOLIO} if place in of_shares[side] else set())
            if dual.effective_reason not in possible:
                required = f"one of {sorted(possible)}" if possible else "none"
                field = f"{path}/effective_reason"
                yield breach_of(posed.section.name, field, "the rule set", dual.effective_reason, required)


def _bound_breaches(
    posed: Posed, proof: Proof, quotas: Quotas | None, result: SectionResult
) -> Iterator[Breach]:
    """Breaches unless both bounds hold on every edge and equal the result's, and nothing is lost if no order
    is removed or reduced."""
    name, section = posed.section.name, posed.section
    plain = plain_problem(posed) if quotas is None else plain_bound(posed, quotas.multipliers)
    whole = (
        ("relaxed_dual_ueur_per_kg", proof.bounded, proof.relaxed_dual, "relaxed_bound"),
        ("plain_dual_ueur_per_kg", plain, proof.plain_dual, "welfare_without_sustainability"),
    )
    totals = proof.relaxed_bound, proof.plain_bound
    for (member, problem, (sellers, buyers), claim), total in zip(whole, totals, strict=True):
        column = np.concatenate([sellers, buyers])
        for index in np.flatnonzero(column < 0).tolist():
            yield breach_of(name, f"duals/{index}/{member}", "dual_feasibility", column[index], "at least 0")
        reached = sellers[problem.seller] + buyers[problem.buyer]
        for edge in np.flatnonzero(reached < problem.value).tolist():
            ends = int(problem.seller[edge]), int(problem.buyer[edge]) + len(section.sellers)
            fields = ", ".join(f"duals/{end}/{member}" for end in ends)
            yield breach_of(
                name, fields, "dual_feasibility", reached[edge], f"at least {problem.value[edge]}"
            )
        if str(total) != getattr(result, claim):
            fields = f"duals/{member}, sections/{claim}"
            yield breach_of(name, fields, "strong_duality", getattr(result, claim), total)
    if (
        quotas is None
        and not any(proof.removed)
        and not any(proof.cut)
        and proof.relaxed_bound != proof.solution.welfare
    ):
        fields = "duals/relaxed_dual_ueur_per_kg, sections/gap"
        gap = proof.relaxed_bound - proof.solution.welfare
        yield breach_of(name, fields, "no order is removed or cut", gap, 0)
