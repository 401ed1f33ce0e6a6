"""Facts that are written from templates: to the byte what the facts themselves are when they are encoded."""

import dataclasses
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, compress
from typing import Any, get_args

import numpy as np
import pytest
from msgspec import UNSET
from msgspec.structs import replace

from contracts.rules.price_terms import amount_cents
from events.clearing_terms import Premium
from events.envelope import Recorded
from events.forecast_terms import RampForecast
from events.market_terms import AnalyteLimit, PenaltyRule, PurityFloor
from events.vocabulary import INTEGER_MAX, Packaging, Place, Side
from market.rules.clearing.cleared import ClearedSection, Trade, Trades, cents_of
from market.rules.clearing.clearing import clear
from market.rules.clearing.evidence import pair_bytes
from market.rules.clearing.lot_products import largest_remainders
from market.rules.clearing.match_facts import (
    MatchFacts,
    confirmed,
    listed,
    must_confirm,
    struck,
)
from market.rules.clearing.quota_record import premium_lines
from market.rules.clearing.rounds import Round
from market.rules.clearing.told_sections import dual_columns, order_dual, told_section, written_duals
from market.rules.clearing.told_trades import told_of, told_trades
from market.rules.clearing.waterfall_lines import LineColumns
from market.rules.clearing.written import Octets, encoded, fact_template
from market.rules.quantities import largest_remainder
from tests.blotter import Lane, ident
from tests.rules.small_rounds import small_round, small_round_of_portfolios
from tests.rules.test_rex import BLOCKS, ROTOR

PAIRS = Packaging(unit="box", package_wet_g=25, pieces=2)
OF_SUPPLY: list[dict[str, Any]] = [
    *({"form": form} for form in ("swarf", "metal")),
    *({"commitment": commitment} for commitment in ("firm", "subject_to_confirmation")),
    *({"forecast": RampForecast(year=2026, quarter=quarter, quantile="low")} for quarter in (1, 4)),
    *({"place": Place(country="FR", name=name)} for name in ('Örebro, "100 %", %d %b', "東京\\港")),
    *({"packaging": Packaging(unit="drum", package_wet_g=wet_g)} for wet_g in (7, INTEGER_MAX)),
    {"incoterm": "DAP"},
    *({"condition": condition, "rex_routes": ("reuse",)} for condition in ("A", "C")),
    *({"magnets": replace(BLOCKS, mass_mg=mass_mg)} for mass_mg in (UNSET, 12_500)),
    {"core": ROTOR, "condition": "B"},
    *({"condition": "A", "packaging": Packaging(unit="piece", package_wet_g=wet_g)} for wet_g in (1, 3)),
    *({"condition": "A", "packaging": replace(PAIRS, package_wet_g=wet_g)} for wet_g in (5, 25)),
]
OF_REQUIREMENT: list[dict[str, Any]] = [
    *({"commitment": commitment} for commitment in ("firm", "subject_to_confirmation")),
    *({"recycled_min_ppb": least} for least in (0, 5)),
    {"recycled_max_ppb": 6},
    {"footprint_max_g_co2e_per_kg": 20_000},
    {"limits": (AnalyteLimit(analyte="Fe", max_ppb=3), AnalyteLimit(analyte="C", min_ppb=1))},
    {"purity": PurityFloor(elements=("Nd", "Pr"), min_ppb=5)},
    {"penalties": (PenaltyRule(analyte="U", threshold_ppb=0, step_ppb=1, ueur_per_kg_per_step=1),)},
]


def odd_trades(own: Trade) -> Iterator[Trade]:
    """The trade with one thing after the other told otherwise; the buyer of each has an index of its own."""
    supply, requirement = own.seller.order, own.buyer.order
    sold = [replace(supply, terms=replace(supply.terms, **odd)) for odd in OF_SUPPLY]
    sold += [replace(supply, kind=kind) for kind in ("supply_offer", "recovered_lot")]
    bought = [
        replace(
            requirement,
            order=ident(f"{requirement.order} {number}"),
            terms=replace(requirement.terms, **odd),
        )
        for number, odd in enumerate(OF_REQUIREMENT)
    ]
    trades = [
        *(own._replace(seller=own.seller._replace(order=order)) for order in sold),
        *(own._replace(seller=own.seller._replace(tranche=tranche)) for tranche in (0, 59)),
        *(own._replace(buyer=own.buyer._replace(order=order)) for order in bought),
        own._replace(quantity_g=INTEGER_MAX, remainder_ueur_g_per_kg=-5, price_ueur_per_kg=-5),
    ]
    for number, trade in enumerate(trades):
        order = replace(trade.seller.order, order=ident(f"{supply.order} {number}"))
        yield trade._replace(
            seller=trade.seller._replace(order=order), buyer_index=-1 - number - len(trades) * own.buyer_index
        )


def by_column(trades: Sequence[Trade]) -> Trades:
    def column(entries: tuple[Any, ...]) -> Any:
        return np.array(entries) if isinstance(entries[0], int) else list(entries)

    return Trades(*map(column, zip(*trades, strict=True)))


def octets(numbers: Sequence[bytes]) -> Octets:
    return np.frombuffer(b"".join(numbers), np.uint8).reshape(len(numbers), -1)


def ends_of(trades: Sequence[Trade]) -> Octets:
    return octets(
        [
            b"".join(pair_bytes(trade.seller.order.order, trade.seller.tranche, trade.buyer.order.order))
            for trade in trades
        ]
    )


def written(of: Round, cleared: ClearedSection) -> Iterator[tuple[bytes, bytes]]:
    """Each fact of a section's trades, and of odd ones, as it is encoded, and as its template writes it."""
    facts = MatchFacts(of, cleared.name)
    of_lines = chain.from_iterable(told_section(cleared).lines)
    of_trade = zip(cleared.trades, of_lines, premium_lines(cleared), strict=True)
    for index, (own, lines, premiums) in enumerate(of_trade):
        trades = [own, *odd_trades(own)]
        count = len(trades)
        ids = [ident(f"match {index} {number}") for number in range(count)]
        products = [(7 + index, 5 + index)] * count
        numbers = octets([each.bytes for each in ids])
        columns = told_trades(by_column(trades), ends_of(trades), numbers, *np.array(products).T)
        told = list(map(told_of, trades, ids, products))
        expected = [struck(of, cleared.name, *each) for each in zip(trades, told, strict=True)]
        yield from zip(map(encoded, expected), facts.struck(columns), strict=True)
        answers = [
            encoded(confirmed(of, fact, trade, lines)) for fact, trade in zip(expected, trades, strict=True)
        ]
        same = LineColumns(*zip(*[lines] * count, strict=True))
        yield from zip(answers, facts.confirmed(columns, same), strict=True)
        firm = [not any(must_confirm(trade)) for trade in trades]
        of_firm = facts.confirmed(columns.kept(firm), same.kept(firm))
        assert list(compress(answers, firm)) == of_firm
        # of one tranche after the other: an odd price is none that adds up
        falls = [
            own._replace(seller=own.seller._replace(tranche=tranche))
            for tranche in (own.seller.tranche, 1, 59)
        ]
        columns = told_trades(by_column(falls), ends_of(falls), numbers[:3], *np.array(products[:3]).T)
        for trade, fall in zip(falls, facts.listed(columns, [premiums] * 3), strict=True):
            places = list(range(index, 9))
            yield encoded(listed(trade, premiums, tuple(places))), fall % encoded(places)


@pytest.mark.parametrize("small", [small_round, small_round_of_portfolios])
def test_trades_and_duals_are_written_as_their_facts_are_encoded(
    small: Callable[[int], tuple[Lane, Recorded]],
) -> None:
    facts, duals = 0, 0
    for seed in range(40):
        lane, plan = small(seed)
        found = clear(lane.book, plan)
        agreed = (True, False, UNSET)
        rules = replace(
            found.round.planned.rule_set,
            goods_agreed=agreed[seed % 3],
            demands_agreed=agreed[seed // 3 % 3],
            demands_in_full=agreed[seed // 9 % 3],
            splitting_by_stated=agreed[(seed + seed // 3) % 3],
        )
        of = dataclasses.replace(found.round, planned=replace(found.round.planned, rule_set=rules))
        for cleared in found.sections:
            for expected, actual in written(of, cleared):
                assert expected == actual
                facts += 1
            firm = [not any(must_confirm(trade)) for trade in cleared.trades]
            assert firm == told_section(cleared).is_firm.tolist()
            for side in get_args(Side):
                columns = dual_columns(cleared, side)
                rows = map(columns.row, range(len(columns.nodes)))
                expected_duals = [encoded(order_dual(row)) for row in rows]
                assert expected_duals == list(written_duals(columns))
                duals += len(expected_duals)
    assert facts > 1_000
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
    assert b'{"limit":%b,"stage":null,"country":"DE","ueur_per_kg":%b}' == fact_template(
        fact, ("limit", "ueur_per_kg")
    )
    with pytest.raises(AssertionError, match="limit has no place of its own"):
        fact_template(fact, ("ueur_per_kg", "limit"))


@pytest.mark.parametrize("most", [1, 7, 10**6, 2**40])
def test_what_is_dealt_out_by_column_is_what_is_dealt_out_lot_by_lot(most: int) -> None:
    """Ties, nothing, and of 2**40 products that are more than 64 bits hold."""
    rng = random.Random(most)
    lots = [[rng.randrange(most + 1) for _ in range(rng.randrange(1, 6))] for _ in range(200)]
    wholes = [rng.randrange(sum(weights) + 1) for weights in lots]
    starts = np.cumsum([0, *map(len, lots[:-1])])
    found = largest_remainders(np.array(wholes), np.array([each for lot in lots for each in lot]), starts)
    expected = chain.from_iterable(map(largest_remainder, wholes, lots))
    assert list(expected) == found.tolist()
