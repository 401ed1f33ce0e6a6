"""Shares of consumption against tables computed by hand from the reference data, and who sees how much."""

from datetime import date
from uuid import UUID

import pytest
from msgspec.structs import replace

from events.passport_terms import OriginShare, OriginStage
from events.vocabulary import PPB, OriginStep, RecycledContent
from market import data
from market.rules.crma.dated import rules_on
from market.rules.crma.shares import Party, Taken, consumed, cover, shares, stated_origin, taken_by_delivery
from market.rules.twins.dated_rules import read_rules
from market.rules.viewers import AuditorViewer, Band, OperatorViewer, OrganisationViewer, PublicViewer
from market.rules.visibility.crma_visibility import BandedShares, see_shares
from tests.passport_support import PERCENT

DATED = read_rules(data.rows("crma_rules.csv"))
DAY = date(2026, 3, 2)
RULES = rules_on(DATED, DAY)
KG_MG = 1_000_000


def party(number: int, country: str, *roles: str) -> Party:
    return Party(organisation=UUID(int=number), group=UUID(int=number), country=country, roles=roles)


MINE = party(1, "AU", "mine")
REFINER = party(2, "EE", "refiner")
MAKER = party(3, "DE", "magnet_producer")
OTHER_MAKER = party(4, "SI", "magnet_producer")
ABROAD = party(5, "JP", "magnet_producer")


def origin(stage: OriginStage, country: str, percent: int) -> OriginShare:
    return OriginShare(stage=stage, country=country, share_ppb=percent * PERCENT, source="a site")


def taken(seller: Party, buyer: Party, elements: dict[str, int], *where: OriginShare) -> Taken:
    return Taken(seller=seller, buyer=buyer, elements=elements, origin=where, documented=bool(where))


def reo_kg(source: str, element: str) -> int:
    """Kilograms of the element's oxide in 100 t of the TREO of a deposit, as published."""
    (row,) = [row for row in data.rows("reo_distribution.csv") if row["source_id"] == source]
    whole, _, fraction = row[element].partition(".")
    return int(whole) * 1_000 + int(fraction.ljust(3, "0"))


def test_shares_are_those_of_a_table_computed_by_hand() -> None:
    """100 t of Mount Weld's split mined in AU and refined in EE, 100 t of Bayan Obo's all done in CN, and
    25 t Nd recycled in FR: Nd 18,130 + 18,500 + 25,000 = 61,630 kg."""
    mount_weld, bayan_obo = reo_kg("mount-weld-cld", "Nd"), reo_kg("bayan-obo", "Nd")
    assert (18_130, 18_500) == (mount_weld, bayan_obo)
    china = origin("extraction", "CN", 100), origin("processing", "CN", 100)
    lots = [
        taken(
            REFINER,
            MAKER,
            {"Nd": mount_weld * KG_MG},
            origin("extraction", "AU", 100),
            origin("processing", "EE", 100),
        ),
        taken(REFINER, OTHER_MAKER, {"Nd": bayan_obo * KG_MG}, *china),
        taken(REFINER, MAKER, {"Nd": 25_000 * KG_MG}, origin("recycling", "FR", 100)),
    ]
    (nd,) = shares(lots, RULES)
    extraction, processing, recycling = nd.stages
    assert ("Nd", 61_630 * KG_MG, PPB) == (nd.element, nd.consumption_mg, nd.documented_ppb)
    assert [("CN", 300_178_485), ("AU", 294_174_915)] == [
        (each.country, each.share_ppb) for each in extraction.countries
    ]
    assert (0, 405_646_601) == (extraction.union_ppb, extraction.undeclared_ppb)
    assert ("undetermined", "undetermined") == (extraction.benchmark, extraction.ceiling)
    assert (294_174_915, "undetermined") == (processing.union_ppb, processing.benchmark)
    assert (405_646_601, "met", "met") == (recycling.union_ppb, recycling.benchmark, recycling.ceiling)


@pytest.mark.parametrize(
    ("stage", "percent", "verdict"),
    [
        ("extraction", 10, "met"),
        ("extraction", 9, "not_met"),
        ("processing", 40, "met"),
        ("processing", 39, "not_met"),
        ("recycling", 25, "met"),
        ("recycling", 24, "not_met"),
    ],
)
def test_a_benchmark_is_reached_exactly(stage: OriginStage, percent: int, verdict: str) -> None:
    lot = taken(REFINER, MAKER, {"Dy": 7}, origin(stage, "FR", percent), origin(stage, "US", 100 - percent))
    (dy,) = shares([lot], RULES)
    assert verdict == next(each.benchmark for each in dy.stages if each.stage == stage)


@pytest.mark.parametrize(("percent", "verdict"), [(65, "met"), (66, "not_met")])
def test_one_third_country_may_do_65_percent_and_no_more(percent: int, verdict: str) -> None:
    where = origin("processing", "CN", percent), origin("processing", "FR", 100 - percent)
    (tb,) = shares([taken(REFINER, MAKER, {"Tb": 3}, *where)], RULES)
    found = tb.stages[1]
    assert ("CN", verdict) == (found.largest_third and found.largest_third.country, found.ceiling)


def test_what_nobody_declares_leaves_a_ceiling_open_until_it_cannot_matter() -> None:
    where = [origin("processing", "CN", 30), origin("processing", "FR", 30)]
    (open_,) = shares([taken(REFINER, MAKER, {"Nd": 10}, *where)], RULES)
    (closed,) = shares([taken(REFINER, MAKER, {"Nd": 10}, *where, origin("processing", "NO", 5))], RULES)
    assert ("undetermined", "met") == (open_.stages[1].ceiling, closed.stages[1].ceiling)


def test_consumption_is_what_magnet_producers_in_the_union_take() -> None:
    lots = [
        taken(MINE, REFINER, {"Nd": 1}),
        taken(REFINER, MAKER, {"Nd": 2}),
        taken(REFINER, ABROAD, {"Nd": 4}),
    ]
    assert [lots[1]] == consumed(lots, RULES)


def test_elements_that_are_not_strategic_and_lots_without_any_are_not_counted() -> None:
    assert () == shares([taken(REFINER, MAKER, {"La": 5, "Nd": 0})], RULES)


def test_an_order_with_several_countries_of_a_stage_declares_none_of_them() -> None:
    steps = [
        OriginStep(stage="extraction", country="NO", strategic_project=True),
        OriginStep(stage="processing", country="FR"),
        OriginStep(stage="processing", country="CN"),
        OriginStep(stage="manufacturing", country="DE"),
    ]
    assert (
        OriginShare(stage="extraction", country="NO", share_ppb=PPB, strategic_project=True),
    ) == stated_origin(steps, None)


def test_an_order_counts_as_recycled_by_the_share_that_it_states() -> None:
    """Naming the country of recycling alone would meet the benchmark of 25 % with 5 %."""
    steps = [OriginStep(stage="recycling", country="FR"), OriginStep(stage="processing", country="FR")]
    for recycled, share, verdict in (
        (RecycledContent(post_consumer_ppb=60 * PERCENT, pre_consumer_ppb=10 * PERCENT), 70, "met"),
        (RecycledContent(post_consumer_ppb=5 * PERCENT), 5, "not_met"),
        (RecycledContent(), 0, "not_met"),
        (None, 0, "not_met"),
    ):
        origin = stated_origin(steps, recycled)
        [nd] = shares([taken(REFINER, MAKER, {"Nd": 100 * KG_MG}, *origin)], RULES)
        stages = {each.stage: each for each in nd.stages}
        assert (PPB, "met") == (stages["processing"].union_ppb, stages["processing"].benchmark)
        assert (share * PERCENT, verdict) == (stages["recycling"].union_ppb, stages["recycling"].benchmark)


def test_a_delivery_counts_its_settled_dry_mass() -> None:
    """1 t wet, 20 % water, 30 % Nd of the dry sample: 240 kg."""
    found = taken_by_delivery({"Nd": 30 * PERCENT}, None, (10**6, 20 * PERCENT), (REFINER, MAKER), RULES)
    assert ({"Nd": 240 * KG_MG}, (), False) == (found.elements, found.origin, found.documented)


def test_cover_is_stock_over_net_imports_and_nothing_without_them() -> None:
    """365 days, 120 kg in less 20 kg out, 25 kg in stock: 91 days."""
    lots = [
        taken(MINE, MAKER, {"Nd": 120, "Dy": 5}),
        taken(MAKER, ABROAD, {"Nd": 20, "Dy": 5}),
        taken(REFINER, MAKER, {"Nd": 999}),
        taken(MINE, ABROAD, {"Nd": 999}),
    ]
    found = {each.element: each for each in cover({"Nd": 25, "Dy": 1}, lots, RULES, 365)}
    assert (100, 91) == (found["Nd"].net_imports_mg, found["Nd"].days)
    assert (0, None) == (found["Dy"].net_imports_mg, found["Dy"].days)
    own = {each.element: each for each in cover({}, lots, RULES, 365, MAKER.organisation)}
    assert (100, 0) == (own["Nd"].net_imports_mg, own["Nd"].days)
    with pytest.raises(ValueError, match="days"):
        cover({}, [], RULES, 0)


def test_rules_apply_from_their_day_and_a_proposal_never() -> None:
    before, on = rules_on(DATED, date(2024, 5, 22)), rules_on(DATED, date(2024, 5, 23))
    assert ({}, None, ()) == (before.benchmarks_ppb, before.ceiling_ppb, before.strategic)
    assert 100_000_000 == on.benchmarks_ppb["extraction"]
    assert ("GB" in rules_on(DATED, date(2020, 1, 31)).union, "GB" in RULES.union) == (True, False)
    assert 27 == len(RULES.union)
    assert frozenset({"post_consumer"}) == rules_on(DATED, date(2099, 1, 1)).statement_counts


def test_without_a_rule_there_is_no_verdict() -> None:
    bare = replace(RULES, benchmarks_ppb={}, ceiling_ppb=None)
    (nd,) = shares([taken(REFINER, MAKER, {"Nd": 1})], bare)
    assert {("no_rule", "no_rule")} == {(each.benchmark, each.ceiling) for each in nd.stages}


def test_two_rows_of_one_rule_on_one_day_are_refused() -> None:
    with pytest.raises(ValueError, match="benchmark extraction has two rows"):
        rules_on([*DATED, DATED[0]], DAY)


def crowd(sellers: int, buyers: int, heaviest: int = 1) -> list[Taken]:
    """One lot for each pair, the first seller's `heaviest` times as heavy."""
    return [
        taken(
            party(100 + seller, "AU"),
            party(200 + buyer, "DE"),
            {"Nd": 10**9 * (heaviest if seller == 0 else 1)},
            origin("processing", "CN", 64),
        )
        for seller in range(sellers)
        for buyer in range(buyers)
    ]


def test_the_public_sees_bands_of_what_a_crowd_stands_behind() -> None:
    found = shares(crowd(5, 5), RULES)
    (seen,) = see_shares(found, PublicViewer(key=b""), "confirmed", 5)
    assert isinstance(seen, BandedShares)
    assert Band(low=20_000_000, high=50_000_000) == seen.consumption_g
    processing = seen.stages[1]
    assert (Band(low=600_000_000, high=700_000_000), Band(low=0, high=100_000_000)) == (
        processing.largest_third,
        processing.union,
    )
    assert Band(low=0, high=100_000_000) == seen.stages[0].largest_third


@pytest.mark.parametrize("lots", [crowd(4, 5), crowd(5, 4), crowd(5, 5, heaviest=5)])
def test_fewer_groups_or_a_heavy_one_hide_the_element(lots: list[Taken]) -> None:
    found = shares(lots, RULES)
    assert () == see_shares(found, PublicViewer(key=b""), "confirmed", 5)
    assert found == see_shares(found, AuditorViewer(), "struck", 5)


def test_who_sees_whole_figures() -> None:
    found = shares(crowd(5, 5), RULES)
    own, operator = OrganisationViewer(organisation=MAKER.organisation), OperatorViewer(cut=0)
    assert found == see_shares(found, own, "delivered", 5, of=MAKER.organisation)
    assert () == see_shares(found, own, "struck", 5, of=MAKER.organisation)
    assert () == see_shares(found, own, "confirmed", 5, of=OTHER_MAKER.organisation)
    assert () == see_shares(found, own, "struck", 5)
    assert found == see_shares(found, operator, "struck", 5)
    assert all(isinstance(each, BandedShares) for each in see_shares(found, operator, "delivered", 5))
