"""Dated inputs and rule sets of a market's lane."""

from datetime import date, timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from events.market_events import InputRecorded, RuleSetPublished
from events.market_terms import (
    ConcentratedOrigins,
    FootprintBenchmark,
    FxRate,
    MarketInput,
    Qualification,
    ReferencePrice,
    SustainabilityProfile,
)
from events.vocabulary import StatedPrice
from market.rules import inputs as desk
from market.rules.book import PublishedRuleSet
from market.rules.inputs import InputState, PublishRuleSet, RecordInput, accepted_denominators
from market.rules.market_inputs import MarketInputs, qualification_key
from tests.desk_support import (
    BUYER,
    BUYER_TRADER,
    LANE,
    MARKET,
    MEMBERS,
    NOW,
    OPERATOR,
    OPERATOR_CALLER,
    RULE_SET,
    SELLER,
    SELLER_SITE,
    SELLER_TRADER,
    STRANGER,
    TERMS,
    blotter,
    facts,
    inputs,
    moment,
    numbered,
    refusals,
)

TODAY = NOW.date()
PUBLISHED = [PublishedRuleSet(rule_set=RULE_SET, position=2)]
STATE = InputState(
    market=MARKET, lane=LANE, terms=TERMS, inputs=inputs(), rule_sets=PUBLISHED, members=MEMBERS
)
PRICE = replace(STATE.inputs.references["Dy_oxide"].value, as_of=TODAY)
RATE = replace(STATE.inputs.fx["USD"].value, as_of=TODAY)
ORIGINS = ConcentratedOrigins(countries=("CN",), as_of=TODAY, source="CRMA benchmark, dated list")
QUALIFIED = Qualification(buyer=BUYER, seller=SELLER, facility=SELLER_SITE, form="swarf", level="pilot")
NEXT_RULES = replace(RULE_SET, version=2, effective_from=NOW + timedelta(days=5))
PUBLISH = PublishRuleSet(caller=OPERATOR_CALLER, rule_set=NEXT_RULES, signed_by=(OPERATOR, numbered(51)))


def record(value: MarketInput, **changes: object) -> RecordInput:
    argument = RecordInput(caller=OPERATOR_CALLER, input=value, source_id="usgs-mcs-2026")
    return replace(argument, **changes)


def stated(per: str, amount_micro: int = 1) -> StatedPrice:
    return StatedPrice(amount_micro=amount_micro, currency="USD", per=per)  # type: ignore[arg-type]


DEFECTS: dict[str, tuple[MarketInput, list[tuple[str, str | None]]]] = {
    "free of charge": (replace(PRICE, price=stated("oxide", 0)), [("input_empty", "/price/amount_micro")]),
    "price of what": (replace(PRICE, analyte="mischmetal"), [("input_analyte_unknown", "/analyte")]),
    "iron oxide": (replace(PRICE, analyte="Fe"), [("input_denominator_unusable", "/price/per")]),
    "magnets per oxide": (replace(PRICE, analyte="NdFeB"), [("input_denominator_unusable", "/price/per")]),
    "price of the future": (
        replace(PRICE, as_of=TODAY + timedelta(days=2)),
        [("input_in_future", "/as_of")],
    ),
    "older than what is held": (replace(PRICE, as_of=date(2025, 12, 31)), [("input_older", "/as_of")]),
    "the same once more": (STATE.inputs.references["Dy_oxide"].value, [("no_change", None)]),
    "a rate for the euro": (replace(RATE, currency="EUR"), [("euro_needs_no_rate", "/currency")]),
    "a rate of nothing": (replace(RATE, ueur_per_unit=0), [("malformed_member", "/ueur_per_unit")]),
    "a rate of last year": (replace(RATE, as_of=date(2025, 1, 1)), [("input_older", "/as_of")]),
    "one country twice": (
        replace(ORIGINS, countries=("CN", "CN"), as_of=TODAY + timedelta(days=9)),
        [("duplicate_entry", "/countries/1"), ("input_in_future", "/as_of")],
    ),
    "parties from outside": (
        replace(QUALIFIED, buyer=STRANGER, seller=STRANGER),
        [("party_not_member", "/buyer"), ("party_not_member", "/seller")],
    ),
    "a site of nobody": (replace(QUALIFIED, facility=numbered(99)), [("facility_not_owned", "/facility")]),
}


@pytest.mark.parametrize(("value", "expected"), DEFECTS.values(), ids=DEFECTS.keys())
def test_a_defective_input_is_refused(value: MarketInput, expected: list[tuple[str, str | None]]) -> None:
    assert expected == blotter(lambda: desk.record(STATE, record(value), moment()))


def test_who_may_record_what() -> None:
    assert [("market_unknown", None)] == blotter(lambda: desk.record(None, record(PRICE), moment()))
    assert [("role_missing", None)] == blotter(
        lambda: desk.record(STATE, record(PRICE, caller=BUYER_TRADER), moment())
    )
    assert [] == blotter(lambda: desk.record(STATE, record(QUALIFIED, caller=BUYER_TRADER), moment()))
    assert [("qualification_of_other", "/buyer")] == blotter(
        lambda: desk.record(STATE, record(QUALIFIED, caller=SELLER_TRADER), moment())
    )
    assert [("malformed_member", "/source_id")] == blotter(
        lambda: desk.record(STATE, record(PRICE, source_id=""), moment())
    )


def test_a_qualification_that_stands_is_no_news() -> None:
    key = qualification_key(BUYER, SELLER, SELLER_SITE, "swarf")
    known = replace(STATE, inputs=MarketInputs(qualifications={key: "pilot"}))
    assert [("no_change", None)] == blotter(lambda: desk.record(known, record(QUALIFIED), moment()))
    better = replace(QUALIFIED, level="production")
    assert [] == blotter(lambda: desk.record(known, record(better), moment()))


@pytest.mark.parametrize("value", [PRICE, RATE, ORIGINS, QUALIFIED])
def test_an_input_is_copied_with_its_source(value: ReferencePrice | FxRate) -> None:
    (fact,) = facts(desk.record(STATE, record(value, source_position=8), moment()))
    assert InputRecorded(market=MARKET, input=value, source_id="usgs-mcs-2026", source_position=8) == fact


def test_restated_editions_and_first_lists_are_welcome() -> None:
    held = STATE.inputs.references["Dy_oxide"].value
    restated = replace(held, price=stated("oxide", 240_000_000))
    assert [] == blotter(lambda: desk.record(STATE, record(restated), moment()))
    known = replace(STATE, inputs=MarketInputs(concentrated=ORIGINS))
    assert [("no_change", None)] == blotter(lambda: desk.record(known, record(ORIGINS), moment()))


def test_denominators_of_prices() -> None:
    assert ("oxide", "element") == accepted_denominators("NdPr") == accepted_denominators("Y")
    assert ("element",) == accepted_denominators("Co")
    assert ("wet",) == accepted_denominators("NdFeB")
    assert () == accepted_denominators("mischmetal")


def test_a_rule_set_needs_notice_version_and_two_operators() -> None:
    hasty = replace(NEXT_RULES, version=4, effective_from=NOW)
    argument = replace(PUBLISH, rule_set=hasty, signed_by=(OPERATOR, OPERATOR))
    assert [
        ("rule_set_version_wrong", "/version"),
        ("notice_not_kept", "/effective_from"),
        ("signatures_missing", None),
    ] == blotter(lambda: desk.publish_rule_set(STATE, argument, moment()))
    assert [("market_unknown", None)] == blotter(lambda: desk.publish_rule_set(None, PUBLISH, moment()))
    assert [("role_missing", None)] == blotter(
        lambda: desk.publish_rule_set(STATE, replace(PUBLISH, caller=SELLER_TRADER), moment())
    )


@pytest.mark.parametrize(
    ("first_keys", "codes"),
    [
        ({}, []),
        ({OPERATOR: OPERATOR, numbered(51): numbered(51)}, []),
        ({OPERATOR: numbered(52), numbered(51): numbered(53)}, []),
        ({OPERATOR: OPERATOR, numbered(51): OPERATOR}, ["signatures_of_one"]),
        ({OPERATOR: numbered(52), numbered(51): numbered(52)}, ["signatures_of_one"]),
    ],
)
def test_keys_that_come_of_one_key_are_one_operators(first_keys: dict[UUID, UUID], codes: list[str]) -> None:
    state = replace(STATE, first_keys=first_keys)
    assert codes == [code for code, _ in blotter(lambda: desk.publish_rule_set(state, PUBLISH, moment()))]


def test_a_rule_set_names_an_algorithm_that_the_matcher_computes() -> None:
    """Published all the same, it would end every later round as abandoned."""
    unknown = replace(PUBLISH, rule_set=replace(NEXT_RULES, algorithm="greedy-1"))
    found = refusals(lambda: desk.publish_rule_set(STATE, unknown, moment()))
    assert [("algorithm_unknown", "/algorithm")] == [(each.code, each.pointer) for each in found]
    assert (
        "The algorithm greedy-1 is not supported: a rule set can name lexicographic-3." == found[0].detail()
    )


def test_defects_of_a_rule_set() -> None:
    benchmark = FootprintBenchmark(
        form="separated_oxide",
        declared_unit="oxide",
        boundary="cradle-to-gate",
        allocation="economic",
        benchmark_g_co2e_per_kg=65_400,
        worst_g_co2e_per_kg=65_399,
        source="mean of monazite REO",
    )
    odd = replace(
        NEXT_RULES,
        default_profile=SustainabilityProfile(floor_ueur_per_kg=1),
        benchmarks=(benchmark, replace(benchmark, worst_g_co2e_per_kg=90_000)),
        recognised_certificates=("IRMA", "IRMA"),
        eu_countries=("FR", "FR"),
    )
    assert [
        ("profile_floor_above_cap", "/default_profile/floor_ueur_per_kg"),
        ("duplicate_entry", "/benchmarks/1"),
        ("benchmark_worst_too_low", "/benchmarks/0/worst_g_co2e_per_kg"),
        ("duplicate_entry", "/recognised_certificates/1"),
        ("duplicate_entry", "/eu_countries/1"),
    ] == blotter(lambda: desk.publish_rule_set(STATE, replace(PUBLISH, rule_set=odd), moment()))
    assert [("malformed_member", "/algorithm")] == blotter(
        lambda: desk.publish_rule_set(
            STATE, replace(PUBLISH, rule_set=replace(NEXT_RULES, algorithm="")), moment()
        )
    )


def test_a_rule_set_is_published_whole() -> None:
    (fact,) = facts(desk.publish_rule_set(STATE, PUBLISH, moment()))
    assert RuleSetPublished(market=MARKET, rule_set=NEXT_RULES, signed_by=PUBLISH.signed_by) == fact


def test_the_first_rule_set_and_a_sandbox_take_effect_at_once() -> None:
    first = replace(PUBLISH, rule_set=replace(NEXT_RULES, version=1, effective_from=NOW))
    assert [] == blotter(lambda: desk.publish_rule_set(replace(STATE, rule_sets=[]), first, moment()))
    alone = replace(PUBLISH, rule_set=replace(NEXT_RULES, effective_from=NOW), signed_by=(OPERATOR,))
    sandbox = replace(STATE, terms=replace(TERMS, sandbox=True))
    assert [] == blotter(lambda: desk.publish_rule_set(sandbox, alone, moment()))
    assert [("signatures_missing", None)] == blotter(
        lambda: desk.publish_rule_set(sandbox, replace(alone, signed_by=()), moment())
    )
