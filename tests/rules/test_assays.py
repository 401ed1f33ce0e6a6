"""Two assays become one figure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.rules.assays import buyer_share_cents, decide, exchange
from events.contract_terms import SplittingLimit

LIMITS = (SplittingLimit(analyte="Nd", limit_ppb=100), SplittingLimit(analyte="Dy", limit_ppb=10))
STATED = {"Nd": 7_000, "Dy": 70}
PPB = st.integers(0, 10**9)


def test_within_the_splitting_limit_the_mean_counts() -> None:
    found = exchange(LIMITS, {"Nd": 7_100, "Dy": 70}, {"Nd": 7_000, "Dy": 60}, STATED)
    assert [("Nd", 7_050, "mean"), ("Dy", 65, "mean")] == [
        (each.analyte, each.settled_ppb, each.by) for each in found.settled
    ]
    assert ((), ()) == (found.to_umpire, found.silent)


def test_one_ppb_beyond_it_goes_to_the_umpire() -> None:
    found = exchange(LIMITS, {"Nd": 7_101, "Dy": 70}, {"Nd": 7_000, "Dy": 60}, STATED)
    assert (("Nd",), ["Dy"]) == (found.to_umpire, [each.analyte for each in found.settled])


def test_a_mean_is_rounded_half_to_even() -> None:
    found = exchange(LIMITS, {"Nd": 7_001, "Dy": 2}, {"Nd": 7_000, "Dy": 1}, STATED)
    assert [7_000, 2] == [each.settled_ppb for each in found.settled]


@pytest.mark.parametrize(
    ("seller", "buyer", "bound", "silent"),
    [
        ({"Nd": 7_500, "Dy": 75}, None, 7_500, ("buyer",)),
        (None, {"Nd": 6_000, "Dy": 60}, 6_000, ("seller",)),
        (None, None, 7_000, ("seller", "buyer")),
    ],
)
def test_silence_binds(
    seller: dict[str, int] | None, buyer: dict[str, int] | None, bound: int, silent: tuple[str, ...]
) -> None:
    found = exchange(LIMITS, seller, buyer, STATED)
    assert (bound, "silence_binds") == (found.settled[0].settled_ppb, found.settled[0].by)
    assert ((), silent) == (found.to_umpire, found.silent)


@pytest.mark.parametrize(
    ("umpire", "settled", "by", "pays"),
    [
        (6_900, 6_900, "umpire", "seller"),
        (7_100, 7_100, "umpire", "buyer"),
        (7_000, 7_000, "umpire", None),
        (6_000, 6_500, "nearer_party", "seller"),
        (8_000, 7_500, "nearer_party", "buyer"),
        (6_500, 6_500, "umpire", "seller"),
        (7_500, 7_500, "umpire", "buyer"),
    ],
)
def test_the_umpire_decides(umpire: int, settled: int, by: str, pays: str | None) -> None:
    """Seller 7,500 and buyer 6,500: between them the umpire's, outside the nearer party's."""
    found = decide("Nd", 7_500, 6_500, umpire)
    assert (settled, by, pays) == (found.settled_ppb, found.by, found.pays_umpire)


def test_the_farther_party_pays_its_part_of_the_bill() -> None:
    lost = decide("Nd", 7_500, 6_500, 7_100)
    won = decide("Dy", 75, 65, 66)
    even = decide("Tb", 75, 65, 70)
    assert (1_001, 0, 500) == tuple(buyer_share_cents([each], 1_001) for each in (lost, won, even))
    assert 500 == buyer_share_cents([lost, won, even], 1_001)
    assert 0 == buyer_share_cents([], 1_001)


@given(PPB, PPB, PPB)
def test_an_umpire_never_leaves_what_the_parties_found(seller: int, buyer: int, umpire: int) -> None:
    found = decide("Nd", seller, buyer, umpire)
    assert min(seller, buyer) <= found.settled_ppb <= max(seller, buyer)
    mirrored = decide("Nd", buyer, seller, umpire)
    assert found.settled_ppb == mirrored.settled_ppb


@given(PPB, PPB, st.integers(0, 10**9))
def test_every_analyte_is_settled_or_before_the_umpire(seller: int, buyer: int, limit: int) -> None:
    found = exchange((SplittingLimit(analyte="Nd", limit_ppb=limit),), {"Nd": seller}, {"Nd": buyer}, {})
    assert 1 == len(found.settled) + len(found.to_umpire)
    assert bool(found.to_umpire) == (abs(seller - buyer) > limit)
