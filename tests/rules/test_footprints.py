"""What is told of a footprint wherever one is stated."""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from events.refusal import Caution
from events.vocabulary import PPB, Footprint
from market.rules.footprints import (
    benchmark_cautions,
    cap_cautions,
    footprint_cautions,
    spelling_cautions,
    validity_cautions,
    word_cautions,
)
from market.rules.passports.shipped_claims import stated_cautions, stated_refusals
from tests.blotter import benchmark
from tests.rules.test_claims import CARBON, stating

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
SOUND = Footprint(
    g_co2e_per_kg=15_000,
    declared_unit="oxide",
    form="swarf",
    standard="ISO14067",
    boundary="cradle-to-gate",
    allocation="economic",
    reference_year=2026,
    primary_data_ppb=PPB,
    verified=True,
    verifier="TUV",
    valid_until=NOW + timedelta(days=30),
)


def told(*found: Caution) -> list[tuple[str, str | None]]:
    return [(each.code, each.pointer) for each in found]


def test_what_no_sound_footprint_states_is_told() -> None:
    odd = replace(SOUND, reference_year=2027, g_co2e_per_kg=0)
    assert [
        ("reference_year_in_future", "/footprint/reference_year"),
        ("footprint_zero", "/footprint/g_co2e_per_kg"),
        ("footprint_of_other_form", "/footprint/form"),
    ] == told(*footprint_cautions(odd, "separated_oxide", NOW))
    assert [] == told(*footprint_cautions(SOUND, "swarf", NOW))


def test_a_footprint_that_ends_before_delivery_may_is_told() -> None:
    until = SOUND.valid_until
    day = timedelta(days=1)
    expired = [("footprint_expired", "/footprint/valid_until")]
    early = [("footprint_ends_early", "/footprint/valid_until")]
    for first, last, expected in (
        (until, until + day, expired),
        (until - day, until + day, early),
        (until - day, until, []),
    ):
        assert expected == told(*validity_cautions(SOUND, first, last))
    for first, text in (
        (until, "valid until 2026-12-28, but delivery begins on 2026-12-28: no round"),
        (until - day, "valid until 2026-12-28, but delivery may end on 2026-12-29: a round"),
    ):
        (found,) = validity_cautions(SOUND, first, until + day)
        assert text in found.text


def test_a_cap_on_a_form_without_a_benchmark_is_told() -> None:
    assert [] == told(*cap_cautions((), by_benchmark=True))
    for by_benchmark, text in ((True, "no lot of that form fits"), (False, "with a bare number")):
        (found,) = cap_cautions(("swarf",), by_benchmark=by_benchmark)
        assert ("footprint_cap_without_benchmark", "/footprint_max_g_co2e_per_kg") == (
            found.code,
            found.pointer,
        )
        assert text in found.text


def test_words_that_differ_from_the_benchmarks_are_told_with_its_own() -> None:
    asked = benchmark()
    assert [] == told(*benchmark_cautions(SOUND, asked)) + told(*benchmark_cautions(SOUND, None))
    other = replace(SOUND, declared_unit="wet", boundary="cradle_to_gate", allocation="Economic")
    found = list(benchmark_cautions(other, asked))
    assert [
        ("footprint_not_comparable", f"/footprint/{member}")
        for member in ("declared_unit", "boundary", "allocation")
    ] == told(*found)
    assert "says cradle-to-gate, but the footprint cradle_to_gate" in found[1].text


def test_words_in_another_spelling_than_the_usual_one_are_told() -> None:
    assert [] == told(*spelling_cautions(SOUND))
    assert [] == told(*word_cautions("gate-to-port", ""))
    other = replace(SOUND, boundary="Cradle_to_Gate", allocation="MASS")
    found = list(spelling_cautions(other))
    assert [
        ("word_spelled_unusually", "/footprint/boundary"),
        ("word_spelled_unusually", "/footprint/allocation"),
    ] == told(*found)
    assert "usually written cradle-to-gate" in found[0].text


def test_a_shipment_is_told_of_its_footprint_and_names_who_verified_it() -> None:
    unverified = replace(SOUND, verifier=None)
    assert [("verifier_missing", "/footprint/verifier")] == [
        (each.code, each.pointer) for each in stated_refusals(stating(footprint=unverified))
    ]
    for sound in (replace(unverified, verified=False), SOUND):
        assert [] == stated_refusals(stating(footprint=sound))
    assert [] == stated_refusals(stating())
    spelled, late = replace(SOUND, boundary="cradle_to_gate"), NOW + timedelta(days=31)
    spelling = ("word_spelled_unusually", "/footprint/boundary")
    expired = ("footprint_expired", "/footprint/valid_until")
    unlike = ("footprint_not_comparable", "/footprint/boundary")
    unbid = replace(CARBON, profile=replace(CARBON.profile, carbon_cents_per_t=0))
    for clause, until, expected in (
        (CARBON, NOW, [unlike]),
        (CARBON, late, [expired, unlike]),
        (unbid, NOW, []),
        (replace(CARBON, rule_set=replace(CARBON.rule_set, benchmarks=())), NOW, [spelling]),
        (None, NOW, [spelling]),
    ):
        assert expected == told(*stated_cautions(spelled, clause, "swarf", NOW, until))
    assert [] == told(*stated_cautions(None, CARBON, "swarf", NOW, late))
