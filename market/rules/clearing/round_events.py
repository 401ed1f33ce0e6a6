"""The events of a round: matches, evidence and the completed clearing, from its proved sections."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, compress
from typing import Final

import numpy as np

from events.clearing_terms import SectionResult
from events.envelope import Draft, Recorded
from events.market_events import (
    ClearingCompleted,
    ClearingEvidence,
    ClearingPlanned,
    MatchConfirmed,
    MatchStruck,
)
from market.rules.clearing.cleared import ClearedSection, Trades
from market.rules.clearing.evidence import (
    DerivedIds,
    DerivedSalts,
    Evidence,
    fact_sha256,
    root_sha256,
)
from market.rules.clearing.lot_products import product_grams
from market.rules.clearing.match_facts import MatchFacts
from market.rules.clearing.rounds import ClearingImpossible, Round
from market.rules.clearing.told_sections import ToldSection, told_section
from market.rules.clearing.told_trades import told_trades
from market.rules.clearing.waterfalls import TRADES_AT_ONCE
from market.rules.clearing.written import WrittenDraft, decoded, encoded
from market.rules.optimum.problem import Int64s

RESULTS_BYTES_MAX: Final = 490 * 1024
"""Of what is told of sections and the hash of the one part of evidence that each has at least.

In a body of 512 KiB there is room beside them for the hashes of three hundred parts more.
"""
PAIR_OCTETS: Final = 36
"""Of `pair_bytes`, joined."""
HASH_BYTES: Final = 67
"""Of a hash in a list: 64 digits, two quotes and a comma."""


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
    return chain.from_iterable(_batches(of, told))


def _batches(of: Round, told: Sequence[ToldSection]) -> Iterator[Sequence[WrittenDraft]]:
    planned = of.planned
    results = [section.result for section in told]
    # a part is of one section, and every order has a dual
    parts_min = sum(bool(section.duals) for section in told)
    if len(encoded(results)) + HASH_BYTES * parts_min > RESULTS_BYTES_MAX:
        raise ClearingImpossible("too_many_sections", f"{len(told)} sections are more than a record holds.")
    wet_g, dry_g = product_grams(
        [node for section in told for node in section.trades.seller],
        np.concatenate([np.zeros(0, dtype=np.bool_), *(section.is_packed for section in told)]),
        np.concatenate([np.zeros((0, PAIR_OCTETS), np.uint8), *(section.ends for section in told)]),
        _column(told, "packages"),
        _column(told, "quantity_g"),
    )
    first = 0
    evidence = Evidence(planned.market, planned.plan, planned.round)
    totals = _Totals()
    for section in told:
        evidence.begin(section.name)
        own = slice(first, first + len(section.trades))
        first = own.stop
        yield from _matches(of, section, (wet_g[own], dry_g[own]), evidence, totals)
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
        yield (draft,)
    completed = encoded(_completed(of, results, totals, hashes))
    yield (PlanDrafts(of.plan, "completed", ClearingCompleted.TYPE).draft(completed, str(planned.plan)),)


def _column(told: Sequence[ToldSection], name: str) -> Int64s:
    """Of the trades of all sections."""
    columns = [getattr(section.trades, name) for section in told]
    return np.concatenate([np.zeros(0, dtype=np.int64), *columns])


def _matches(
    of: Round,
    section: ToldSection,
    product_g: tuple[Int64s, Int64s],
    evidence: Evidence,
    totals: "_Totals",
) -> Iterator[list[WrittenDraft]]:
    """Of TRADES_AT_ONCE at a time."""
    struck_events = PlanDrafts(of.plan, f"struck/{section.name}", MatchStruck.TYPE)
    confirmed_events = PlanDrafts(of.plan, f"confirmed/{section.name}", MatchConfirmed.TYPE)
    ids = DerivedIds(of.planned.plan, f"match/{section.name}")
    facts = MatchFacts(of, section.name)
    for start in range(0, len(section.trades), TRADES_AT_ONCE):
        end = start + TRADES_AT_ONCE
        trades, octets = section.trades.part(start, end), section.ends[start:end]
        ends: list[bytes] = octets.view(f"V{PAIR_OCTETS}").ravel().tolist()
        numbers = ids.octets_of_each(ends)
        told = told_trades(trades, octets, numbers, *(column[start:end] for column in product_g))
        lines = next(section.lines)
        premiums = section.premiums[start:end]
        evidence.add_waterfalls(facts.listed(told, premiums), lines.lines, premiums)
        subjects = told.subjects
        struck = struck_events.drafts(facts.struck(told), subjects, ends)
        totals.add(trades, struck)
        firm: list[bool] = section.is_firm[start:end].tolist()
        answers = confirmed_events.drafts(
            facts.confirmed(told.kept(firm), lines.kept(firm)),
            compress(subjects, firm),
            list(compress(ends, firm)),
        )
        # right after its match
        follows = zip(answers) if all(firm) else _following(answers, firm)
        yield list(chain.from_iterable(chain.from_iterable(zip(zip(struck), follows, strict=True))))


def _following(answers: Iterable[WrittenDraft], firm: Iterable[bool]) -> Iterator[tuple[WrittenDraft, ...]]:
    """The answer to each match that is firm, nothing after another."""
    of_firm = iter(answers)
    return ((next(of_firm),) if is_firm else () for is_firm in firm)


class PlanDrafts:
    """What derives from a plan, of one kind and one type of fact: all but the fact and its subject."""

    def __init__(self, plan: Recorded, kind: str, fact: str) -> None:
        planned = planned_of(plan)
        self._ids = DerivedIds(planned.plan, f"event/{kind}")
        self._salts = DerivedSalts(plan.salt, f"event/{kind}")
        self._plan, self._time, self._cause = plan, planned.cut_time, str(plan.id)
        self._type = fact

    def draft(self, data: bytes, subject: str, parts: bytes = b"") -> WrittenDraft:
        return self.drafts([data], [subject], [parts])[0]

    def drafts(
        self, data: Iterable[bytes], subjects: Iterable[str], parts: Sequence[bytes]
    ) -> list[WrittenDraft]:
        """An entry a draft in each."""
        ids, salts = self._ids.of_each(parts), self._salts.of_each(parts)
        stream, lane, actor = self._plan.stream, self._plan.lane, self._plan.actor
        fact, time, cause = self._type, self._time, self._cause
        return [
            WrittenDraft(
                stream=stream,
                lane=lane,
                subject=subject,
                type=fact,
                data=body,
                id=ident,
                salt=salt,
                time=time,
                cause=cause,
                actor=actor,
            )
            for body, subject, ident, salt in zip(data, subjects, ids, salts, strict=True)
        ]


@dataclass(slots=True)
class _Totals:
    """Of the matches so far. What buyers pay and sellers receive are reckoned apart and have to agree."""

    matches: int = 0
    paid_cents: int = 0
    received_cents: int = 0
    hashes: list[bytes] = field(default_factory=list)

    def add(self, trades: Trades, struck: Sequence[WrittenDraft]) -> None:
        self.matches += len(trades)
        self.paid_cents += sum(trades.paid_cents.tolist())
        self.received_cents += sum(trades.received_cents.tolist())
        self.hashes += [fact_sha256(draft.data, draft.salt) for draft in struck]


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
