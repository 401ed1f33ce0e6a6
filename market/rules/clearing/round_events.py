"""What a round records: matches, evidence and the completed clearing, out of its proved sections."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from events.clearing_terms import ListedWaterfall, Premium, SectionResult
from events.envelope import Draft, Recorded
from events.market_events import (
    ClearingCompleted,
    ClearingEvidence,
    ClearingPlanned,
    MatchConfirmed,
    MatchStruck,
)
from market.rules.clearing.cleared import ClearedSection, Trade
from market.rules.clearing.evidence import (
    DerivedIds,
    DerivedSalts,
    Evidence,
    fact_sha256,
    root_sha256,
)
from market.rules.clearing.match_facts import MatchFacts, must_confirm, told_of
from market.rules.clearing.rounds import ClearingImpossible, Round
from market.rules.clearing.told_sections import ToldSection, product_grams, told_section
from market.rules.clearing.written import WrittenDraft, decoded, encoded, fact_template

RESULTS_BYTES_MAX: Final = 490 * 1024
"""Of what is told of sections and the hash of the one part of evidence that each has at least.

In a body of 512 KiB there is room beside them for the hashes of three hundred parts more.
"""
HASH_BYTES: Final = 67
"""Of a hash in a list: 64 digits, two quotes and a comma."""
_LISTED_HOLES: Final = (
    "supply",
    "requirement",
    "quantity_basis_g",
    "limit_ueur_per_kg",
    "ask_ueur_per_kg",
    "lines",
    "term_total_ueur_per_kg",
    "value_ueur_per_kg",
    "seller_surplus_ueur_per_kg",
    "buyer_surplus_ueur_per_kg",
    "price_ueur_per_kg",
)


def drafts(of: Round, sections: Iterable[ClearedSection]) -> Iterator[Draft]:
    """`written_drafts`, decoded."""
    return map(decoded, written_drafts(of, sections))


def written_drafts(of: Round, sections: Iterable[ClearedSection]) -> Iterator[WrittenDraft]:
    """Matches section by section with their confirmations, then evidence, then ClearingCompleted.

    All sections are taken before the first draft; a draft is made when it is asked for. ClearingImpossible
    for more sections than the completed round could list.
    """
    # holds on to no section while the next one is cleared
    yield from told_drafts(of, tuple(map(told_section, sections)))


def told_drafts(of: Round, told: Sequence[ToldSection]) -> Iterator[WrittenDraft]:
    """`written_drafts` of sections that are told already; takes their duals, quotas and multipliers away."""
    planned = of.planned
    results = [section.result for section in told]
    # a part is of one section, and every order has a dual
    parts_min = sum(bool(section.duals) for section in told)
    if len(encoded(results)) + HASH_BYTES * parts_min > RESULTS_BYTES_MAX:
        raise ClearingImpossible("too_many_sections", f"{len(told)} sections are more than a record holds.")
    products = iter(product_grams(told))
    evidence = Evidence(planned.market, planned.plan, planned.round)
    totals = _Totals()
    for section in told:
        evidence.begin(section.name)
        yield from _matches(of, section, products, evidence, totals)
        for name in ("duals", "quotas", "multipliers"):
            entries = getattr(section, name)
            evidence.add(name, entries)
            # they stand in their parts now
            entries.clear()
    parts = PlanDrafts(of.plan, "evidence", ClearingEvidence.TYPE)
    hashes = []
    for number, body in enumerate(evidence.parts(), start=1):
        draft = parts.draft(body, str(planned.plan), number.to_bytes(4, "big"))
        hashes.append(fact_sha256(body, draft.salt).hex())
        yield draft
    completed = _completed(of, results, totals, hashes)
    yield PlanDrafts(of.plan, "completed", ClearingCompleted.TYPE).draft(
        encoded(completed), str(planned.plan)
    )


def _matches(
    of: Round,
    section: ToldSection,
    products: Iterator[tuple[int, int]],
    evidence: Evidence,
    totals: "_Totals",
) -> Iterator[WrittenDraft]:
    struck_events = PlanDrafts(of.plan, f"struck/{section.name}", MatchStruck.TYPE)
    confirmed_events = PlanDrafts(of.plan, f"confirmed/{section.name}", MatchConfirmed.TYPE)
    ids = DerivedIds(of.planned.plan, f"match/{section.name}")
    facts, listed = MatchFacts(of, section.name), ListedWaterfalls()
    of_trade = zip(section.trades, section.premiums, section.lines, section.ends, strict=True)
    for trade, premiums, waterfall, ends in of_trade:
        evidence.add_waterfall(listed.of(trade, premiums, evidence.lines(waterfall.lines, premiums)))
        match = told_of(trade, next(products), ids.of(ends))
        subject = match.subject
        struck = struck_events.draft(facts.struck(trade, match), subject, ends)
        totals.add(trade, struck)
        yield struck
        if not any(must_confirm(trade)):
            yield confirmed_events.draft(facts.confirmed(trade, match, waterfall), subject, ends)


class PlanDrafts:
    """What derives from a plan, of one kind and one type of fact: all but the fact and its subject."""

    def __init__(self, plan: Recorded, kind: str, fact: str) -> None:
        planned = planned_of(plan)
        self._ids = DerivedIds(planned.plan, f"event/{kind}")
        self._salts = DerivedSalts(plan.salt, f"event/{kind}")
        self._plan, self._time, self._cause = plan, planned.cut_time, str(plan.id)
        self._type = fact

    def draft(self, data: bytes, subject: str, parts: bytes = b"") -> WrittenDraft:
        return WrittenDraft(
            stream=self._plan.stream,
            lane=self._plan.lane,
            subject=subject,
            type=self._type,
            data=data,
            id=self._ids.of(parts),
            salt=self._salts.of(parts),
            time=self._time,
            cause=self._cause,
            actor=self._plan.actor,
        )


@dataclass(slots=True)
class _Totals:
    """Of the matches so far. What buyers pay and sellers receive are reckoned apart and have to agree."""

    matches: int = 0
    paid_cents: int = 0
    received_cents: int = 0
    hashes: list[bytes] = field(default_factory=list)

    def add(self, trade: Trade, struck: WrittenDraft) -> None:
        self.matches += 1
        self.paid_cents += trade.paid_cents
        self.received_cents += trade.received_cents
        self.hashes.append(fact_sha256(struck.data, struck.salt))


class ListedWaterfalls:
    """Waterfalls as the evidence lists them, encoded."""

    def __init__(self) -> None:
        self._templates: dict[int, bytes] = {}

    def of(self, trade: Trade, premiums: tuple[Premium, ...], lines: tuple[int, ...]) -> bytes:
        """limit + T − ask = value of a trade; with what portfolio limits add to it u + v."""
        supply, requirement = trade.seller.order, trade.buyer.order
        limit, ask = requirement.terms.limit.ueur_per_kg, supply.terms.ask.ueur_per_kg
        worth = limit + trade.term_total - ask + trade.premium
        assert worth == trade.seller_surplus + trade.buyer_surplus
        if premiums:
            return encoded(listed_waterfall(trade, premiums, lines))
        tranche = trade.seller.tranche
        template = self._templates.get(tranche)
        if template is None:
            fact = listed_waterfall(trade, premiums, lines)
            template = self._templates[tranche] = fact_template(fact, _LISTED_HOLES)
        return template % (
            encoded(supply.order),
            encoded(requirement.order),
            trade.quantity_g,
            limit,
            ask,
            encoded(lines),
            trade.term_total,
            trade.value,
            trade.seller_surplus,
            trade.buyer_surplus,
            trade.price_ueur_per_kg,
        )


def listed_waterfall(trade: Trade, premiums: tuple[Premium, ...], lines: tuple[int, ...]) -> ListedWaterfall:
    return ListedWaterfall(
        supply=trade.seller.order.order,
        tranche=trade.seller.tranche,
        requirement=trade.buyer.order.order,
        quantity_basis_g=trade.quantity_g,
        limit_ueur_per_kg=trade.buyer.order.terms.limit.ueur_per_kg,
        ask_ueur_per_kg=trade.seller.order.terms.ask.ueur_per_kg,
        lines=lines,
        term_total_ueur_per_kg=trade.term_total,
        value_ueur_per_kg=trade.value,
        seller_surplus_ueur_per_kg=trade.seller_surplus,
        buyer_surplus_ueur_per_kg=trade.buyer_surplus,
        price_ueur_per_kg=trade.price_ueur_per_kg,
        premiums=premiums,
    )


def _completed(
    of: Round, sections: Sequence[SectionResult], totals: _Totals, evidence_sha256: Sequence[str]
) -> ClearingCompleted:
    planned = of.planned
    assert totals.paid_cents == totals.received_cents
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


def planned_of(plan: Recorded) -> ClearingPlanned:
    assert isinstance(plan.data, ClearingPlanned)
    return plan.data
