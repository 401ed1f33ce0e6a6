"""Facts that are written from templates: to the byte what the facts themselves are when they are encoded."""

from collections.abc import Callable, Iterator
from typing import get_args

import numpy as np
import pytest
from msgspec import Raw
from msgspec.structs import replace

from contracts.rules.price_terms import amount_cents
from events.clearing_terms import Premium
from events.envelope import Recorded
from events.vocabulary import Side
from market.rules.clearing.cleared import ClearedSection, cents_of
from market.rules.clearing.clearing import clear
from market.rules.clearing.match_facts import MatchFacts, confirmed, struck, told_of
from market.rules.clearing.quota_record import premium_lines
from market.rules.clearing.round_events import ListedWaterfalls, listed_waterfall
from market.rules.clearing.rounds import Round
from market.rules.clearing.told_sections import dual_columns, order_dual, told_section, written_duals
from market.rules.clearing.written import encoded, fact_template
from tests.blotter import Lane, ident
from tests.rules.small_rounds import small_round, small_round_of_portfolios


def written(of: Round, cleared: ClearedSection) -> Iterator[tuple[bytes, bytes]]:
    """Each fact of a section's trades as it is encoded, and as its template writes it."""
    facts, listed = MatchFacts(of, cleared.name), ListedWaterfalls()
    of_trade = zip(cleared.trades, told_section(cleared).lines, premium_lines(cleared), strict=True)
    for index, (trade, lines, premiums) in enumerate(of_trade):
        match = told_of(trade, (7 + index, 5 + index), ident(f"match {index}"))
        fact = struck(of, cleared.name, trade, match)
        yield encoded(fact), facts.struck(trade, match)
        said = {"terms": Raw(b"[%b]" % lines.moved), "co_products": Raw(lines.co_products)}
        whole = confirmed(of, fact, trade)
        assert whole.contract is not None
        yield (
            encoded(replace(whole, contract=replace(whole.contract, **said))),
            facts.confirmed(trade, match, lines),
        )
        places = tuple(range(index, index + len(lines.lines)))
        yield encoded(listed_waterfall(trade, premiums, places)), listed.of(trade, premiums, places)


@pytest.mark.parametrize("small", [small_round, small_round_of_portfolios])
def test_trades_and_duals_are_written_as_their_facts_are_encoded(
    small: Callable[[int], tuple[Lane, Recorded]],
) -> None:
    trades, duals = 0, 0
    for seed in range(40):
        lane, plan = small(seed)
        found = clear(lane.book, plan)
        for cleared in found.sections:
            for expected, actual in written(found.round, cleared):
                assert expected == actual
                trades += 1
            for side in get_args(Side):
                columns = dual_columns(cleared, side)
                expected_duals = [encoded(order_dual(row)) for row in columns.rows()]
                assert expected_duals == list(written_duals(columns))
                duals += len(expected_duals)
    assert trades > 60
    assert duals > 100


@pytest.mark.parametrize("grams", [999, 10**7, 2**40])
def test_amounts_by_column_are_the_amounts_of_each(grams: int) -> None:
    """Of 2**40 grams the products are more than 64 bits hold."""
    prices = [-(10**11), -7, 0, 5 * 10**3, 15 * 10**3, 10**11 + 1]
    quantities = [grams + index for index in range(len(prices))]
    cents, rests = cents_of(np.array(quantities), np.array(prices))
    expected = [amount_cents(*pair) for pair in zip(quantities, prices, strict=True)]
    assert expected == list(zip(cents.tolist(), rests.tolist(), strict=True))


def test_holes_stand_where_the_members_do() -> None:
    fact = Premium(limit="recycled_min", country="DE", ueur_per_kg=5)
    assert b'{"limit":%b,"stage":null,"country":"DE","ueur_per_kg":%d}' == fact_template(
        fact, ("limit", "ueur_per_kg")
    )
    with pytest.raises(AssertionError, match="limit has no place of its own"):
        fact_template(fact, ("ueur_per_kg", "limit"))
