"""Tranches read by column are those that each supply has by itself."""

from typing import Any

import pytest
from msgspec.structs import replace

from events.vocabulary import PPB, TermHorizon, Tranche
from market.rules.book import SupplyOrder
from market.rules.clearing.columns import NEVER, microseconds
from market.rules.clearing.supply_columns import nodes_of, read_supplies
from market.rules.tranches import tranche_shares_g
from tests.blotter import MARKET, T, days, ident, rule_set, supply_terms

TERM = TermHorizon(index="USGS-NdPr", start_year=2027, profile_ppb=(PPB,), quotation_period="M+1")


def supply(name: str = "seller", **changes: Any) -> SupplyOrder:
    return SupplyOrder(
        order=ident(f"lot of {name}"),
        kind="lot",
        market=MARKET,
        organisation=ident(name),
        rank=1,
        version=1,
        status="open",
        terms=supply_terms(name, **changes),
    )


def in_tranches(*net_wet_g: int) -> dict[str, Any]:
    tranches = [
        Tranche(window=days(10 + 40 * number, 40 + 40 * number), net_wet_g=grams)
        for number, grams in enumerate(net_wet_g)
    ]
    return {"net_wet_g": max(1, sum(net_wet_g)), "tranches": tuple(tranches)}


ONE = (
    supply(),
    replace(supply(), held_g=5, tranche_committed_g=(5,)),
    replace(supply(), filled_g=7),
    replace(supply(), status="sold"),
)
SEVERAL = supply(**in_tranches(10 * T, 15 * T))
ODD = (
    SEVERAL,
    replace(SEVERAL, held_g=9, tranche_committed_g=(0, 9)),
    replace(SEVERAL, filled_g=SEVERAL.terms.basis_g - 3, tranche_committed_g=(SEVERAL.terms.basis_g - 3, 0)),
    supply(**in_tranches(0)),
)


@pytest.mark.parametrize("orders", [ONE, ODD, (*ONE, *ODD)], ids=["one tranche", "odd", "both"])
def test_tranches_are_read_as_each_supply_has_them(orders: tuple[SupplyOrder, ...]) -> None:
    read = read_supplies(orders, rule_set())
    of_tranches = (
        read.tranche_left_g,
        read.tranche_share_g,
        read.tranche_wet_g,
        read.tranche_start,
        read.tranche_end,
    )
    expected = [
        (left, share, each.net_wet_g, microseconds(each.window.start), microseconds(each.window.end))
        for order in orders
        for left, share, each in zip(
            order.tranche_left_g, tranche_shares_g(order.terms), order.terms.tranches, strict=True
        )
    ]
    assert expected == list(zip(*(column.tolist() for column in of_tranches), strict=True))
    nodes = nodes_of(read)
    left = [
        (place, tranche)
        for place, order in enumerate(orders)
        for tranche, left_g in enumerate(order.tranche_left_g)
        if left_g
    ]
    assert left == list(zip(nodes.supply.tolist(), nodes.tranche.tolist(), strict=True))


def test_a_term_order_is_one_tranche_without_a_window() -> None:
    order = replace(SEVERAL, terms=replace(SEVERAL.terms, term=TERM), held_g=4)
    read = read_supplies([order, order], rule_set())
    assert [1, 1] == read.tranches.tolist()
    assert [order.terms.basis_g - 4] * 2 == read.tranche_left_g.tolist()
    assert [25 * T] * 2 == read.tranche_wet_g.tolist()
    assert [NEVER] * 2 == read.tranche_start.tolist() == read.tranche_end.tolist()
