"""What orders say about packages, minima and portfolios, as the solver takes it."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from msgspec import UNSET
from msgspec.structs import replace

from events.origin_terms import StepShare
from events.policy_terms import PortfolioLimits
from events.vocabulary import (
    MASS_G_MAX,
    PPB,
    OriginStep,
    Packaging,
    RecycledContent,
    TermHorizon,
    Tranche,
)
from market.rules.book import RequirementOrder, SupplyOrder
from market.rules.clearing.order_limits import (
    Packed,
    buyer_limits,
    divisibility,
    packed,
    packed_columns,
    packed_nodes,
    seller_limits,
    shares,
)
from market.rules.clearing.supply_columns import Nodes, Supplies, read_supplies
from market.rules.full_origins import open_stages
from market.rules.packages import Divisibility
from tests.blotter import (
    MARKET,
    PERCENT,
    T,
    days,
    ident,
    passport_evidence,
    requirement_terms,
    rule_set,
    supply_terms,
)


@dataclass(frozen=True)
class Seller:
    order: SupplyOrder
    tranche: int = 0


@dataclass(frozen=True)
class Buyer:
    order: RequirementOrder


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


def requirement(
    name: str = "buyer", *, held_g: int = 0, filled_g: int = 0, **changes: Any
) -> RequirementOrder:
    return RequirementOrder(
        order=ident(f"need of {name}"),
        market=MARKET,
        organisation=ident(name),
        rank=2,
        version=1,
        status="open",
        held_g=held_g,
        filled_g=filled_g,
        terms=requirement_terms(name, **changes),
    )


def big_bags(package_wet_g: int) -> Packaging:
    return Packaging(unit="big_bag", package_wet_g=package_wet_g)


def two_tranches(first_g: int, second_g: int) -> dict[str, Any]:
    return {
        "net_wet_g": first_g + second_g,
        "tranches": (
            Tranche(window=days(10, 40), net_wet_g=first_g),
            Tranche(window=days(50, 80), net_wet_g=second_g),
        ),
    }


def read_nodes(sellers: list[Seller]) -> tuple[Supplies, Nodes]:
    """Columns of their orders, each read once, and the sellers as nodes of these."""
    orders = {id(node.order): node.order for node in sellers}
    read = read_supplies(list(orders.values()), rule_set())
    supply = np.array([list(orders).index(id(node.order)) for node in sellers], dtype=np.int64)
    tranche = np.array([node.tranche for node in sellers], dtype=np.int64)
    first = np.cumsum(read.tranches) - read.tranches
    return read, Nodes(supply, tranche, first[supply] + tranche)


def divisible(
    sellers: list[Seller], left_g: list[int], buyers: list[Buyer], taken_g: list[int]
) -> Divisibility:
    read, nodes = read_nodes(sellers)
    of = packed_nodes(read, nodes)
    left = of.left(np.array(left_g, dtype=np.int64))
    limits = seller_limits(read, nodes, of.parcel), buyer_limits(buyers)
    return divisibility(sellers, buyers, limits, left, np.array(taken_g, dtype=np.int64), of.ratios)


def test_25_t_of_swarf_in_big_bags_of_a_tonne() -> None:
    assert Packed(224_000, 1, 25, 0, 1) == packed(supply_terms(), 0)


def test_one_package_is_told_exactly_of_each_seller() -> None:
    terms = divisible([Seller(supply()), Seller(supply(packaging=big_bags(9)))], [5_600_000] * 2, [], [])
    assert [Fraction(224_000), Fraction(252, 125)] == list(terms.package_g)
    assert [Fraction(252, 125)] == list(terms.package_g[1:])


def test_what_fills_no_package_is_left_out_of_the_count() -> None:
    """25.9 t: 25 bags, and 900 kg with 201 600 g of NdPr that no round sells."""
    of = packed(supply_terms(net_wet_g=25 * T + 900_000), 0)
    assert (25, 201_600, 224_000, 1) == (of.packages, of.rest_g, of.over, of.under)
    left_g = np.array([5_801_600, 5_801_599 + 1, 5_801_599, 425_600, 425_599, 100])
    assert [25, 25, 24, 1, 0, 0] == packed_columns([of] * 6).left(left_g).tolist()


def test_packages_are_counted_exactly_where_64_bits_do_not_hold_what_lies_between() -> None:
    of = Packed(10**15 + 1, 10**6, 10**9, 7, 1)
    left_g = [10**18 + 10**3 + 6, 10**18 + 10**3 + 7, 10**15 + 7, 7]
    assert [10**9 - 1, 10**9, 10**6 - 1, 0] == packed_columns([of] * 4).left(np.array(left_g)).tolist()


def test_bulk_is_divided_to_the_gram() -> None:
    terms = supply_terms(packaging=Packaging(unit="bulk", package_wet_g=T))
    assert Packed(1, 1, 5_600_000, 0, 1) == packed(terms, 0)


def test_a_package_with_less_than_2_g_of_basis_counts_as_a_gram() -> None:
    assert Packed(1, 1, 5_600_000, 0, 1) == packed(supply_terms(packaging=big_bags(8)), 0)
    of = packed(supply_terms(packaging=big_bags(9)), 0)
    assert (252, 125) == (of.over, of.under)


def test_tranches_are_packed_for_themselves() -> None:
    terms = supply_terms(**two_tranches(10 * T, 15 * T + 1))
    assert [10, 15] == [packed(terms, tranche).packages for tranche in (0, 1)]
    term = TermHorizon(
        index="USGS-NdPr",
        start_year=2027,
        profile_ppb=(PPB,),
        quotation_period="M+1",
    )
    assert 25 == packed(replace(terms, term=term), 0).packages


@pytest.mark.parametrize("largest_g", [1, MASS_G_MAX])
def test_nodes_are_packed_together_as_each_is_alone(largest_g: int) -> None:
    """In 64 bits, and where they do not hold what lies between."""
    several = two_tranches(10 * T, 15 * T + 1)
    terms = [
        supply_terms(),
        supply_terms(packaging=big_bags(8)),
        supply_terms(packaging=big_bags(9), minimum_parcel_wet_g=100),
        supply_terms(packaging=Packaging(unit="bulk", package_wet_g=T), minimum_parcel_wet_g=T + 1),
        supply_terms(net_wet_g=25 * T + 900_000, minimum_parcel_wet_g=T + 1),
        supply_terms(**several),
        supply_terms(**several),
        supply_terms(minimum_parcel_wet_g=largest_g),
    ]
    tranches = [0, 0, 0, 0, 0, 0, 1, 0]
    alone = packed_columns(list(map(packed, terms, tranches)))
    orders = [replace(supply(f"{place}"), terms=each) for place, each in enumerate(terms)]
    together = packed_nodes(*read_nodes(list(map(Seller, orders, tranches))))
    for column in ("packages", "rest_g", "parcel", "is_packed"):
        assert getattr(alone, column).tolist() == getattr(together, column).tolist()
    assert [each.tolist() for each in alone.ratios] == [each.tolist() for each in together.ratios]


def test_a_lot_of_two_tranches_sells_all_that_is_left_or_nothing() -> None:
    order = supply(all_or_nothing=True, **two_tranches(10 * T, 15 * T))
    nodes = [Seller(order, 0), Seller(order, 1), Seller(supply("other"))]
    terms = divisible(nodes, [2_240_000, 3_360_000, 5_600_000], [], [])
    assert ((0, 0, 1), (25, 25, 0)) == (terms.seller_order, terms.seller_minimum)
    terms = divisible(nodes[1:], [3_360_000 - 224_000, 5_600_000], [], [])
    assert ((14, 25), (14, 0)) == (terms.packages, terms.seller_minimum)


def test_minima_count_what_was_traded_before() -> None:
    order = supply(minimum_quantity_wet_g=10 * T + 1)
    assert (11,) == divisible([Seller(order)], [5_600_000], [], []).seller_minimum
    assert (6,) == divisible([Seller(order)], [20 * 224_000], [], []).seller_minimum
    assert (0,) == divisible([Seller(order)], [3 * 224_000], [], []).seller_minimum
    need = requirement(held_g=500_000, filled_g=700_000, minimum_quantity_g=2_000_000)
    assert (800_000,) == divisible([], [], [Buyer(need)], [0]).buyer_minimum_g
    assert (0,) == divisible([], [], [Buyer(need)], [900_000]).buyer_minimum_g


def test_parcels_in_whole_packages_of_the_seller_and_grams_of_the_buyer() -> None:
    order = supply(minimum_parcel_wet_g=2 * T + 1)
    bulk = supply("bulk", minimum_parcel_wet_g=2 * T, packaging=Packaging(unit="bulk", package_wet_g=T))
    terms = divisible(
        [Seller(order), Seller(bulk)], [5_600_000] * 2, [Buyer(requirement(minimum_parcel_g=9))], [0]
    )
    assert ((3, 448_000), (9,)) == (terms.seller_parcel, terms.buyer_parcel_g)


def test_a_seller_without_a_whole_package_is_no_node() -> None:
    with pytest.raises(ValueError, match="without a whole package"):
        divisible([Seller(supply())], [223_999], [], [])


def origin(*steps: tuple[str, str]) -> dict[str, Any]:
    return {"origin": tuple(OriginStep(stage=stage, country=country) for stage, country in steps)}  # type: ignore[arg-type]


def test_the_ratios_of_a_portfolio() -> None:
    sellers = [
        Seller(supply("virgin", **origin(("extraction", "AU"), ("processing", "CN")))),
        Seller(
            supply(
                "recycler",
                recycled=RecycledContent(post_consumer_ppb=60 * PERCENT, pre_consumer_ppb=10 * PERCENT),
                **origin(("recycling", "DE")),
            )
        ),
        Seller(supply("refiner", **origin(("processing", "CN"), ("extraction", "CN")))),
    ]
    limits = PortfolioLimits(recycled_min_ppb=25 * PERCENT, third_country_max_ppb=65 * PERCENT)
    buyers = [Buyer(requirement("free")), Buyer(requirement("held", portfolio=limits))]
    seller, buyer = np.array([0, 0, 1, 2], dtype=np.int32), np.array([0, 1, 1, 1], dtype=np.int32)
    found = shares(sellers, buyers, seller, buyer, rule_set())
    assert [
        ("recycled_min", None, None, {1: -25, 2: 45, 3: -25}),
        ("third_country_max", "extraction", "AU", {1: -35, 2: 65, 3: 65}),
        ("third_country_max", "extraction", "CN", {1: 65, 2: 65, 3: -35}),
        ("third_country_max", "processing", "CN", {1: -35, 2: 65, 3: -35}),
    ] == [
        (
            share.kind,
            share.stage,
            share.country,
            {edge: each // PERCENT for edge, each in share.ratio.coefficient.items()},
        )
        for share in found
    ]
    told = (StepShare(stage="processing", country="CN", form="metal", share_ppm=1),)
    evidence = replace(passport_evidence(), steps=told)
    made = supply("maker", **origin(("processing", "DE")), passport_evidence=evidence)
    alone = np.array([0], dtype=np.int32)
    for in_full, countries in ((UNSET, []), (True, ["CN"])):
        held = shares([Seller(made)], buyers[1:], alone, alone, rule_set(origins_in_full=in_full))
        assert countries == [share.country for share in held if share.kind == "third_country_max"]
    assert {(ident("need of held"), 1)} == {(share.requirement, share.ratio.buyer_order) for share in found}


def test_stages_and_steps_that_nobody_states_count_towards_no_country() -> None:
    limits = PortfolioLimits(third_country_max_ppb=65 * PERCENT)
    untold = (
        StepShare(stage="processing", country="CN", form="metal", share_ppm=1),
        StepShare(stage="processing", country=None, share_ppm=999_999),
    )
    lot = supply(
        "maker",
        passport_evidence=replace(passport_evidence(), steps=untold),
        **origin(("processing", "DE")),
    )
    alone = np.array([0], dtype=np.int32)
    strict = rule_set(origins_by_stage=True, origins_in_full=True)
    assert ("extraction", "processing") == open_stages(lot.terms, strict)
    (share,) = shares([Seller(lot)], [Buyer(requirement("held", portfolio=limits))], alone, alone, strict)
    assert ("processing", "CN", {0: -35}) == (
        share.stage,
        share.country,
        {edge: each // PERCENT for edge, each in share.ratio.coefficient.items()},
    )


@pytest.mark.parametrize(
    "limits",
    [
        PortfolioLimits(recycled_min_ppb=0, third_country_max_ppb=PPB),
        PortfolioLimits(third_country_max_ppb=PPB),
        None,
    ],
)
def test_limits_that_everything_keeps_need_no_ratio(limits: PortfolioLimits | None) -> None:
    ends = np.zeros(1, dtype=np.int32)
    buyers = [Buyer(requirement(portfolio=limits))]
    assert () == shares([Seller(supply(**origin(("processing", "CN"))))], buyers, ends, ends, rule_set())
