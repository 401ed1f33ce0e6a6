"""What chance makes of a return forecast, against binomials of lives worked out another way."""

import math
from typing import Any, Final

import pytest
from msgspec.structs import replace
from scipy.stats import binom

from events.vocabulary import MICRO, PPB
from market.rules.twins.poisson_binomial import PERCENTILES, Cohort, quantiles
from market.rules.twins.return_chances import Fleet, calendar_years, chances, ended, made_fit
from market.rules.twins.returns import BillLine, Life, Losses, Span, by_basis, forecast
from market.rules.twins.weibull import SCALE

PERCENT: Final = PPB // 100
SHARES: Final = [each / 100 for each in PERCENTILES]
BILL: Final = (BillLine(mass_mg=3_000_000, fractions_ppb={"Nd": Span(*(n * PERCENT for n in (21, 22, 23)))}),)
"""3 kg of magnets, 660 g of neodymium in the middle."""


def same(percent: int) -> Span:
    return Span(*(percent * PERCENT,) * 3)


def fleet(**changes: Any) -> Fleet:
    """200 units of an exponential life of 5 years; half is collected, 80 % of that taken apart."""
    known = Fleet(
        placed={0: 200},
        bill=BILL,
        life=Life(scale_micro_years=Span(*(5 * MICRO,) * 3), shape_micro=MICRO),
        losses=Losses(collection_ppb=same(50), disassembly_ppb=same(80), recovery_ppb=same(95)),
    )
    return replace(known, **changes)


def gone(first: int, last: int) -> float:
    """Of an exponential life of 20 quarters, from the end of `first` − 1 to that of `last`."""
    return math.exp(-(first - 1) / 20) - math.exp(-last / 20)


@pytest.mark.parametrize(("first", "last"), [(1, 1), (8, 8), (5, 8), (1, 12)])
def test_one_sale_is_a_binomial_with_all_steps_in_its_chance(first: int, last: int) -> None:
    """A quarter, a year, all quarters: P = (e^(−(t−1)/20) − e^(−u/20)) × 0.5 × 0.8."""
    expected = binom.ppf(SHARES, 200, gone(first, last) * 0.4)
    found = chances(fleet(), first, last)
    assert list(expected) == list(found.units[:5])
    assert [int(n) * 660_000 * 95 // 100 for n in expected] == list(found.recovered_mg["Nd"][:5])
    assert (None, None) == (found.reused_units, found.reused_mg)


def test_whole_magnets_have_the_share_of_reuse_and_no_recovery() -> None:
    """Of 200 units the 30 % fit for reuse of those taken apart in three years, 3 kg of magnets each."""
    stated = replace(fleet().losses, reuse_ppb=same(30))
    found = chances(fleet(losses=stated), 1, 12)
    expected = binom.ppf(SHARES, 200, gone(1, 12) * 0.4 * 0.3)
    assert found.reused_units is not None
    assert found.reused_mg is not None
    assert list(expected) == list(found.reused_units[:5])
    assert [3_000_000 * n for n in found.reused_units] == list(found.reused_mg)
    assert {"ndpr", "ndfeb-reuse"} == set(by_basis(found.recovered_mg, found.reused_mg))
    with pytest.raises(ValueError, match="no share of reuse"):
        made_fit(fleet().losses)


def test_the_expected_mass_of_whole_magnets_is_the_product_of_its_factors() -> None:
    stated = replace(fleet().losses, reuse_ppb=Span(*(n * PERCENT for n in (20, 30, 40))))
    (found,) = forecast({0: 200}, BILL, fleet().life, stated, 1, 1)
    assert found.reused_mg is not None
    for mass_mg, share in zip(found.reused_mg, (0.2, 0.3, 0.4), strict=True):
        assert mass_mg == pytest.approx(200 * gone(1, 1) * 0.4 * share * 3_000_000, abs=1)
    (without,) = forecast({0: 200}, BILL, fleet().life, fleet().losses, 1, 1)
    assert None is without.reused_mg


def test_sales_of_many_quarters_are_cohorts_of_one_sum() -> None:
    placed = {quarter: 40 + quarter for quarter in range(8)}
    both = fleet(placed=placed)
    found = ended(both, 9, 9)[1]
    for (units, chance), (placed_in, known) in zip(found, placed.items(), strict=True):
        assert known == units
        assert gone(9 - placed_in, 9 - placed_in) == pytest.approx(chance / SCALE, abs=1e-15)
    thinned = [Cohort(units, chance * 2 // 5) for units, chance in found]
    assert quantiles(thinned) == chances(both, 9, 9).units[:5]
    assert found[:3] == ended(fleet(placed={k: placed[k] for k in range(3)} | {9: 7}), 9, 9)[1]


def test_the_outer_interval_holds_at_the_bounds_of_what_is_stated() -> None:
    """The least life brings most early and least late; the shares go with it."""
    wide = Life(scale_micro_years=Span(4 * MICRO, 5 * MICRO, 7 * MICRO), shape_micro=2 * MICRO)
    shares = Losses(
        collection_ppb=Span(*(n * PERCENT for n in (30, 50, 70))),
        disassembly_ppb=same(80),
        recovery_ppb=Span(*(n * PERCENT for n in (80, 90, 95))),
    )
    both = fleet(placed={0: 200, 9: 90, 17: 40}, life=wide, losses=shares)
    for quarter in (2, 16, 40):
        found = chances(both, quarter, quarter)
        assert list(found.units[:5]) == sorted(found.units[:5])
        assert found.units.p10_least <= found.units.p10
        assert found.units.p90 <= found.units.p90_most
        for scale in wide.scale_micro_years:
            one = replace(wide, scale_micro_years=Span(scale, scale, scale))
            for index, share in enumerate(shares.collection_ppb):
                at = replace(shares, collection_ppb=Span(share, share, share))
                inside = chances(replace(both, life=one, losses=at), quarter, quarter).units
                assert found.units.p10_least <= inside.p10, (quarter, scale, index)
                assert inside.p90 <= found.units.p90_most
        least = found.units.p10_least * 3_000_000 * 21 * 80 // 100**2
        assert (least, found.units.p90_most * 3_000_000 * 23 * 95 // 100**2) == found.recovered_mg["Nd"][5:]


def test_nothing_came_back_before_the_first_sale_and_of_no_units() -> None:
    for unsold in (fleet(placed={9: 200}), fleet(placed={0: 0}), fleet(placed={})):
        assert (0,) * 7 == chances(unsold, 1, 9).units


def test_years_are_cut_at_the_quarters_that_are_asked_for() -> None:
    assert [(8122, 8123), (8124, 8127), (8128, 8128)] == list(calendar_years(8122, 8128))
    assert [(8124, 8124)] == list(calendar_years(8124, 8124))


def test_a_fleet_of_millions_differs_from_its_mean_by_its_deviation() -> None:
    units = 30_000_000
    found = chances(fleet(placed={0: units}), 4, 4).units
    chance = gone(4, 4) * 0.4
    deviation = (units * chance * (1 - chance)) ** 0.5
    for figure, z in ((found.p05, -1.644854), (found.p10, -1.281552), (found.p50, 0), (found.p95, 1.644854)):
        assert figure == pytest.approx(units * chance + z * deviation, abs=2)
