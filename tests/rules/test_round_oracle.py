"""Rounds of tiny books with every feature at once, held against what a round is, found on another way."""

import random
from collections import Counter
from typing import Any

import pytest
from msgspec.structs import replace

from events.envelope import Draft
from events.market_events import ClearingEvidence, MatchStruck
from market.rules.clearing.clearing import conclude
from tests.blotter import EUR, eur
from tests.rules.oracle_books import lane_of, made
from tests.rules.round_faults import faults

SHARES = 4
BOOKS = 120


def concluded(seed: int) -> tuple[Any, ...]:
    book = made(seed)
    lane = lane_of(book)
    return book, tuple(draft.data for draft in conclude(lane.book, lane.plan()))


@pytest.mark.parametrize("share", range(SHARES))
def test_a_round_is_what_the_terms_of_its_book_ask_for(share: int) -> None:
    seen: Counter[str] = Counter()
    for seed in range(share, BOOKS, SHARES):
        book, facts = concluded(seed)
        assert [] == faults(book, facts), seed
        for fact in facts:
            seen[type(fact).__name__] += 1
            if isinstance(fact, ClearingEvidence):
                seen["quotas"] += len(fact.quotas)
                seen["reasons"] += sum(dual.effective_reason is not None for dual in fact.duals)
    assert seen["MatchStruck"] >= 15
    assert seen["quotas"] >= 1
    assert seen["reasons"] >= 8


def trades(drafts: tuple[Draft, ...]) -> set[Any]:
    struck = [draft.data for draft in drafts if isinstance(draft.data, MatchStruck)]
    return {
        (
            fact.section,
            fact.supply,
            fact.tranche,
            fact.requirement,
            fact.quantity_basis_g,
            fact.price_ueur_per_kg,
        )
        for fact in struck
    }


@pytest.mark.parametrize("seed", range(200, 230))
def test_neither_the_order_of_a_book_nor_who_fits_nobody_changes_a_round(seed: int) -> None:
    """Kept in another order the book gives the same bytes; beside orders that fit nobody, the same trades."""
    lane = lane_of(made(seed))
    plan = lane.plan()
    recorded = conclude(lane.book, plan)
    rng = random.Random(seed)
    shuffled = {
        name: dict(rng.sample(list(kept.items()), len(kept)))
        for name, kept in (("supplies", lane.book.supplies), ("requirements", lane.book.requirements))
    }
    assert recorded == conclude(replace(lane.book, **shuffled), plan)

    beside = lane_of(made(seed))
    beside.offer("s0", "fits nobody", form="hard_scrap", ask=eur(EUR))
    beside.require("b1", "met by nobody", limit=eur(EUR), basis_g=5)
    assert trades(recorded) == trades(conclude(beside.book, beside.plan()))
