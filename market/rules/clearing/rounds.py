"""A round as given by its book and its plan, before it is solved or checked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np

from events.clearing_terms import TradeReference
from events.envelope import Recorded
from events.market_events import ClearingPlanned
from market.rules.book import Book
from market.rules.clearing.cleared import ClearedSection
from market.rules.clearing.eligibility import MarketFacts, facts_of
from market.rules.clearing.graph import HorizonBook, Part, horizons, section
from market.rules.clearing.posing import Posed, pose
from market.rules.optimum.problem import used_edges
from market.rules.references import trade_reference

ALGORITHM = "lexicographic-3"
PARTS: tuple[Part, ...] = ("firm", "all")
INDEX_FLAT_UEUR_PER_KG = 0
"""Term prices are differentials to an index, so the index price itself is 0."""


ImpossibleCode = Literal[
    "algorithm_unknown", "assignment_refused", "not_unique", "too_many_sections", "unrecordable"
]
"""Codes of rounds that have no result on any machine."""


class ClearingImpossible(Exception):
    """The round has no result: `code` and `reason` go into its ClearingAbandoned."""

    def __init__(self, code: ImpossibleCode, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Round:
    """`previous_sha256`: of the body of the market's last ClearingCompleted."""

    plan: Recorded
    planned: ClearingPlanned
    facts: MarketFacts
    confirmation: timedelta
    reference: TradeReference | None
    previous_sha256: str | None
    horizons: tuple[HorizonBook, ...]


@dataclass(frozen=True, slots=True)
class Clearing:
    """A round with its sections, each of them proved."""

    round: Round
    sections: tuple[ClearedSection, ...]


def posed_round(book: Book, plan: Recorded) -> Round:
    """ValueError when the book does not stand exactly at the plan; ClearingImpossible for an algorithm that
    this version does not compute."""
    planned = plan.data
    if not isinstance(planned, ClearingPlanned) or book.plan != planned or book.position != plan.position:
        raise ValueError(f"the book of {book.market} does not stand at the plan at position {plan.position}")
    if planned.algorithm != ALGORITHM:
        raise ClearingImpossible("algorithm_unknown", f"This version computes {ALGORITHM} only.")
    facts = facts_of(book, planned.rule_set, planned.cut_time)
    return Round(
        plan=plan,
        planned=planned,
        facts=facts,
        confirmation=timedelta(seconds=book.terms.confirmation_seconds),
        reference=trade_reference(book.inputs, book.terms.basis),
        previous_sha256=book.last_completed_sha256,
        horizons=horizons(book, facts),
    )


def in_turn(
    of: Round, clear: Callable[[Posed, datetime], ClearedSection], *, sustainability: bool = True
) -> Iterator[ClearedSection]:
    """Clears horizon by horizon: first the firm orders, then their rest together with all others."""
    for horizon in of.horizons:
        sellers_left, buyers_left = horizon.of_sellers.capacity_g.copy(), horizon.of_buyers.capacity_g.copy()
        for part in PARTS:
            found = section(horizon, part, sellers_left, buyers_left)
            posed = pose(
                found,
                of.planned.rule_set,
                of.planned.round,
                _anchor_ueur_per_kg(of, horizon),
                sustainability=sustainability,
            )
            done = clear(posed, of.planned.cut_time)
            used = used_edges(done.solution.flow)
            sold, bought = done.problem.seller[used], done.problem.buyer[used]
            np.subtract.at(sellers_left, found.seller_place[sold], done.solution.flow[used])
            np.subtract.at(buyers_left, done.posed.section.buyer_place[bought], done.solution.flow[used])
            assert (sellers_left >= 0).all()
            assert (buyers_left >= 0).all()
            yield done
            # its arrays are the largest of a round
            del found, posed, done


def _anchor_ueur_per_kg(of: Round, horizon: HorizonBook) -> int | None:
    """The price towards which thin components move: the dated reference price, for term orders their
    index."""
    if horizon.horizon is not None:
        return INDEX_FLAT_UEUR_PER_KG
    return None if of.reference is None else of.reference.ueur_per_kg
