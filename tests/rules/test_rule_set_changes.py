"""What differs between two rule sets: members by name, entries of lists by what names them."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from events.market_terms import SustainabilityProfile
from market.rules.clearing.rule_set_changes import Change, changes
from tests.blotter import benchmark, rule_set


def of(left: object, right: object) -> list[tuple[str, str | None, str | None]]:
    found = changes(msgspec.to_builtins(left), msgspec.to_builtins(right))
    return [(change.path, change.before, change.after) for change in found]


def test_equal_rule_sets_differ_in_nothing() -> None:
    assert [] == of(rule_set(), rule_set())


def test_members_are_told_by_their_path() -> None:
    after = rule_set(version=2, default_profile=SustainabilityProfile(carbon_cents_per_t=8_000))
    assert [("/default_profile/carbon_cents_per_t", "0", "8000"), ("/version", "1", "2")] == of(
        rule_set(), after
    )


def test_entries_are_told_by_what_names_them_and_not_by_their_place() -> None:
    before = rule_set(benchmarks=(benchmark(), benchmark("metal")), eu_countries=("DE", "FR"))
    after = rule_set(
        benchmarks=(benchmark("metal"), benchmark(worst_g_co2e_per_kg=90_000)),
        eu_countries=("FR", "PL", "DE"),
    )
    assert [
        ("/benchmarks/swarf/worst_g_co2e_per_kg", "84000", "90000"),
        ("/eu_countries/PL", None, '"PL"'),
    ] == of(before, after)


def test_what_is_gone_has_no_value_after() -> None:
    assert Change(path="/a", before="1", after=None) == changes({"a": 1}, {})[0]


@given(
    st.dictionaries(st.text("ab", min_size=1), st.integers(), max_size=4),
    st.dictionaries(st.text("ab", min_size=1), st.integers(), max_size=4),
)
def test_a_diff_turned_round_is_the_diff_of_the_other_way(
    left: dict[str, int], right: dict[str, int]
) -> None:
    there, back = changes(left, right), changes(right, left)
    assert [(each.path, each.after, each.before) for each in there] == [
        (each.path, each.before, each.after) for each in back
    ]
    assert bool(there) == (left != right)
