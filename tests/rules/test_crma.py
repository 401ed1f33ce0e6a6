"""Shares of consumption against tables computed by hand from the reference data, and who sees how much."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from events.contract_terms import DeliveryEvidence
from events.origin_terms import OriginStage, StagePath, StepTaken
from events.passport_terms import OriginShare, PassportContent
from events.vocabulary import PPB, OriginStep, RecycledContent
from market import data
from market.rules.crma.dated import rules_on
from market.rules.crma.resales import less_resold
from market.rules.crma.shares import consumed, cover, reused, shares
from market.rules.crma.suppliers import Bought, supplier_map
from market.rules.crma.taken import (
    Delivered,
    Party,
    Taken,
    Traded,
    open_g,
    recycled_origin,
    reuse_of,
    stated_origin,
    taken_by_delivery,
    taken_by_order,
)
from market.rules.twins.dated_rules import read_rules
from market.rules.viewers import AuditorViewer, Band, OperatorViewer, OrganisationViewer, PublicViewer
from market.rules.visibility.crma_visibility import BandedShares, see_shares
from tests.blotter import supply_terms
from tests.passport_support import PERCENT, content, recycled

DATED = read_rules(data.rows("crma_rules.csv"))
DAY = date(2026, 3, 2)
RULES = rules_on(DATED, DAY)
KG_MG = 1_000_000
LOT, SITE = UUID(int=11), UUID(int=12)
SILENT = DeliveryEvidence()


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
    assert (70 * PERCENT, None) == (open_.stages[1].ceiling_reach_ppb, closed.stages[1].ceiling_reach_ppb)


def test_what_is_open_is_told_with_whose_it_is_and_how_far_it_reaches() -> None:
    lots = [
        taken(REFINER, MAKER, {"Nd": 40}, origin("processing", "FR", 50)),
        taken(REFINER, MAKER, {"Nd": 20}, origin("processing", "FR", 50)),
        taken(MINE, MAKER, {"Nd": 20}),
        taken(MINE, MAKER, {"Nd": 10}, origin("processing", "FR", 100)),
        replace(taken(ABROAD, MAKER, {"Nd": 10}, origin("processing", "JP", 90)), declared=True),
    ]
    (nd,) = shares(lots, RULES)
    _, processing, recycling = nd.stages
    assert ("met", None) == (processing.benchmark, processing.benchmark_reach_ppb)
    assert ("met", None, ()) == (processing.ceiling, processing.ceiling_reach_ppb, processing.open_of)
    assert () == recycling.open_of, "what nobody says was recycled was not"
    (nd,) = shares([*lots, taken(MINE, MAKER, {"Nd": 100})], RULES)
    _, processing, _ = nd.stages
    assert (20 * PERCENT, "undetermined", 95.5) == (
        processing.union_ppb,
        processing.benchmark,
        processing.benchmark_reach_ppb / PERCENT if processing.benchmark_reach_ppb else None,
    )
    assert [(MINE.organisation, 60.0, 0), (REFINER.organisation, 15.0, 0), (None, 0.5, 0)] == [
        (each.supplier, each.undeclared_ppb / PERCENT, each.untold_ppb) for each in processing.open_of
    ]


def test_steps_that_are_not_told_are_open_too() -> None:
    part = stage_path(65, "DE", untold=True)
    lot = replace(taken(REFINER, MAKER, {"Nd": 100}), paths=(part, stage_path(35, "CN")))
    (nd,) = shares([lot], RULES)
    (open_,) = nd.stages[1].open_of
    assert (REFINER.organisation, 0, 65 * PERCENT) == (
        open_.supplier,
        open_.undeclared_ppb,
        open_.untold_ppb,
    )
    assert (65 * PERCENT, PPB) == (nd.stages[1].benchmark_reach_ppb, nd.stages[1].ceiling_reach_ppb)


@pytest.mark.parametrize(("silent", "verdict"), [(30, "undetermined"), (29, "not_met")])
def test_a_benchmark_stays_open_while_what_nobody_declares_could_reach_it(silent: int, verdict: str) -> None:
    """10 % in the Union of the 40 % that are needed; what is not silent is processed in third countries."""
    where = origin("processing", "FR", 10), origin("processing", "US", 90 - silent)
    (tb,) = shares([taken(REFINER, MAKER, {"Tb": 10}, *where)], RULES)
    assert verdict == tb.stages[1].benchmark


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
    ) == stated_origin(steps)


def delivered(evidence: DeliveryEvidence = SILENT) -> Delivered:
    """1 t wet, 20 % water, 30 % Nd and 10 % Dy of the dry sample: 240 kg and 80 kg."""
    return Delivered(
        form="separated_oxide",
        fractions_ppb={"Nd": 30 * PERCENT, "Dy": 10 * PERCENT},
        net_wet_g=10**6,
        moisture_ppb=20 * PERCENT,
        evidence=evidence,
    )


def of_trade(passport: PassportContent | None = None, **changes: Any) -> Traded:
    return Traded(
        seller=REFINER,
        buyer=MAKER,
        basis="ndpr",
        content=passport,
        passport=None if passport is None else LOT,
        **changes,
    )


STEPS = (OriginStep(stage="recycling", country="FR"), OriginStep(stage="processing", country="FR"))
PLACES = (origin("recycling", "FR", 100), origin("processing", "FR", 100))


@pytest.mark.parametrize(
    ("post", "pre", "share", "verdict"),
    [(60, 10, 70, "met"), (5, 0, 5, "not_met"), (0, 0, 0, "not_met"), (None, None, 0, "not_met")],
)
def test_a_step_of_recycling_counts_by_the_share_that_is_claimed_of_the_element(
    post: int | None, pre: int | None, share: int, verdict: str
) -> None:
    """Naming the country of recycling alone would meet the benchmark of 25 % with 5 %, by a passport as
    without one; neither claims anything of Dy."""
    claims = () if post is None else recycled("Nd", post, pre or 0)
    passport = content(SITE, origin=PLACES, recycled=claims)
    stated = DeliveryEvidence(
        origin=STEPS,
        recycled=None
        if post is None
        else RecycledContent(post_consumer_ppb=post * PERCENT, pre_consumer_ppb=(pre or 0) * PERCENT),
    )
    for lot in (
        taken_by_delivery(delivered(), None, of_trade(passport), RULES),
        taken_by_delivery(delivered(stated), None, of_trade(), RULES),
    ):
        nd, dy = ({each.stage: each for each in of.stages} for of in shares([lot], RULES))
        assert (PPB, "met") == (nd["processing"].union_ppb, nd["processing"].benchmark)
        assert (share * PERCENT, verdict) == (nd["recycling"].union_ppb, nd["recycling"].benchmark)
        assert (0, "not_met") == (dy["recycling"].union_ppb, dy["recycling"].benchmark)
        mapped = [
            (each.element, each.share_ppb)
            for each in supplier_map([Bought(taken=lot, source="lot", reference=LOT)])
            if each.stage == "recycling"
        ]
        assert mapped == ([("Nd", share * PERCENT)] if share else [])


def test_of_a_blend_the_step_says_less_than_all_and_the_claim_bounds_it() -> None:
    """Half of it recycled in FR and DE, and claimed so: 50 %, not 25 %; of a smaller claim both have less."""
    steps = (origin("recycling", "FR", 30), origin("recycling", "DE", 20), origin("processing", "EE", 100))
    assert {("FR", 30), ("DE", 20), ("EE", 100)} == placed(steps, 50) == placed(steps, 80)
    assert {("FR", 6), ("DE", 4), ("EE", 100)} == placed(steps, 10)
    assert {("EE", 100)} == placed(steps, 0)


def placed(steps: tuple[OriginShare, ...], percent: int) -> set[tuple[str, int]]:
    found = recycled_origin(steps, percent * PERCENT)
    return {(each.country, each.share_ppb // PERCENT) for each in found}


def test_a_delivery_counts_its_settled_dry_mass_and_what_its_seller_has_said_of_it() -> None:
    bare = taken_by_delivery(delivered(), None, of_trade(), RULES)
    assert ({"Nd": 240 * KG_MG, "Dy": 80 * KG_MG}, (), False) == (
        bare.elements,
        bare.origin,
        bare.documented,
    )
    ordered = supply_terms(origin=STEPS[1:])
    of_match = taken_by_delivery(delivered(), ordered, of_trade(), RULES)
    assert ["FR"] == [each.country for each in of_match.origin]
    shipped = DeliveryEvidence(origin=(OriginStep(stage="processing", country="DE"),))
    at_shipment = taken_by_delivery(delivered(shipped), ordered, of_trade(), RULES)
    assert ["DE"] == [each.country for each in at_shipment.origin]


def test_what_a_consumer_sells_on_is_not_consumed_twice() -> None:
    """100 kg Nd bought, of which 30 kg go on to another maker as alloy and 50 kg of swarf to a refiner, which
    is what was left of making magnets."""
    lots = [
        taken(REFINER, MAKER, {"Nd": 60}, origin("processing", "EE", 100)),
        taken(REFINER, MAKER, {"Nd": 40}, origin("processing", "CN", 100)),
        replace(taken(MAKER, OTHER_MAKER, {"Nd": 30, "Tb": 9}), form="strip_cast_alloy"),
        replace(taken(MAKER, REFINER, {"Nd": 50}), form="swarf"),
    ]
    kept = less_resold(consumed(lots, RULES), lots, RULES)
    assert [{"Nd": 42}, {"Nd": 28}, {"Nd": 30, "Tb": 9}] == [each.elements for each in kept]
    nd, _ = shares(kept, RULES)
    assert (100, 30) == (nd.consumption_mg, nd.resold_mg)
    assert 420_000_000 == nd.stages[1].union_ppb
    own = less_resold(lots[:2], lots, RULES)
    assert [(70, 30)] == [(each.consumption_mg, each.resold_mg) for each in shares(own, RULES)]
    of_refiner = less_resold(lots[3:], lots, RULES)
    assert lots[3:] == of_refiner, "who is no consumer buys to sell"


def test_a_lot_comes_off_itself_and_no_more_than_was_bought() -> None:
    lot = replace(taken(REFINER, MAKER, {"Nd": 60}, origin("processing", "EE", 100)), passport=LOT)
    other = taken(REFINER, MAKER, {"Nd": 40}, origin("processing", "CN", 100))
    for form in ("swarf", "metal"):
        sale = replace(taken(MAKER, MINE, {"Nd": 60}), passport=LOT, form=form)
        assert [{"Nd": 0}, {"Nd": 40}] == [
            each.elements for each in less_resold([lot, other], [lot, other, sale], RULES)
        ]
    more = replace(taken(MAKER, MINE, {"Nd": 101, "Dy": 1}), form="metal")
    kept = less_resold([lot, other], [lot, other, more], RULES)
    [nd] = shares(kept, RULES)
    assert (0, 100, ()) == (nd.consumption_mg, nd.resold_mg, nd.stages)


def test_what_was_traded_comes_off_trades_first_and_declarations_off_declarations() -> None:
    traded, declared = taken(REFINER, MAKER, {"Nd": 60}), taken(REFINER, MAKER, {"Nd": 40})
    declared = replace(declared, declared=True)
    for sold_mg, of_declared, left in ((30, False, [30, 40]), (30, True, [60, 10]), (70, True, [30, 0])):
        sale = replace(taken(MAKER, MINE, {"Nd": sold_mg}), form="metal", declared=of_declared)
        kept = less_resold([traded, declared], [traded, declared, sale], RULES)
        assert left == [each.elements["Nd"] for each in kept]


def test_magnets_that_are_used_again_are_no_consumption_and_no_import() -> None:
    whole = replace(taken(MINE, MAKER, {"Nd": 25, "Dy": 1}), reuse="reuse", goods_g=90)
    more = replace(taken(REFINER, MAKER, {"Nd": 5}), reuse="reuse", goods_g=20)
    graded = replace(whole, reuse="unstated")
    oxide = taken(MINE, MAKER, {"Nd": 100}, origin("recycling", "FR", 25))
    lots = [whole, oxide, more, graded]
    assert [oxide] == consumed(lots, RULES)
    [nd] = shares(lots, RULES)
    assert (100, "met") == (nd.consumption_mg, nd.stages[2].benchmark)
    assert [("reuse", 110, {"Nd": 30, "Dy": 1}), ("unstated", 90, {"Nd": 25, "Dy": 1})] == [
        (each.route, each.goods_g, each.elements) for each in reused(lots)
    ]
    assert [("Nd", 100)] == [(each.element, each.net_imports_mg) for each in cover({}, lots, RULES, 365)]


@pytest.mark.parametrize(
    ("form", "basis", "route", "expected"),
    [
        ("eol_magnet", "ndpr", "reuse", "reuse"),
        ("core", "ndpr", "repurpose", "repurpose"),
        ("eol_magnet", "ndpr", "recycle", None),
        ("eol_magnet", "ndpr", None, None),
        ("eol_magnet", "ndfeb-reuse", None, "unstated"),
        ("swarf", "ndpr", "reuse", None),
    ],
)
def test_what_is_used_again(form: Any, basis: Any, route: Any, expected: str | None) -> None:
    assert expected == reuse_of(form, basis, route)


@pytest.mark.parametrize(
    ("closed_g", "ended", "left_g"),
    [
        (0, False, 1_000),
        (400, False, 600),
        (400, True, 0),
        (949, False, 51),
        (950, False, 0),
        (1_100, False, 0),
    ],
)
def test_of_a_match_counts_what_is_still_to_come(closed_g: int, ended: bool, left_g: int) -> None:
    assert left_g == open_g(1_000, closed_g, ended=ended)


def test_what_a_passport_said_otherwise_before_is_marked() -> None:
    lot = taken_by_delivery(delivered(), None, of_trade(content(SITE), corrected=True), RULES)
    [nd, dy] = shares([lot, taken(REFINER, MAKER, {"Nd": 1})], RULES)
    assert (240 * KG_MG, 80 * KG_MG) == (nd.corrected_mg, dy.corrected_mg)
    assert {True} == {
        each.corrected for each in supplier_map([Bought(taken=lot, source="passport", reference=LOT)])
    }


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


def stage_path(percent: int, *countries: str, untold: bool = False) -> StagePath:
    steps = tuple(StepTaken(country=country, form="metal") for country in countries)
    return StagePath(stage="processing", share_ppm=percent * 10_000, steps=steps, untold=untold)


@pytest.mark.parametrize(
    ("parts", "union", "untold", "largest", "benchmark", "ceiling"),
    [
        ([stage_path(100, "DE")], 100, 0, None, "met", "met"),
        ([stage_path(100, "CN", "DE")], 0, 0, ("CN", 100), "not_met", "not_met"),
        ([stage_path(60, "CN", "DE"), stage_path(40, "DE")], 40, 0, ("CN", 60), "met", "met"),
        ([stage_path(66, "CN", "MY"), stage_path(34, "MY", "DE")], 0, 0, ("MY", 100), "not_met", "not_met"),
        (
            [stage_path(70, "DE", untold=True), stage_path(30, "DE")],
            *(30, 70, None, "undetermined", "undetermined"),
        ),
        ([stage_path(65, "DE", untold=True), stage_path(35, "DE")], 35, 65, None, "undetermined", "met"),
        (
            [stage_path(40, "CN", "DE"), stage_path(20, "CN", "MY", untold=True), stage_path(40, "DE")],
            *(40, 20, ("CN", 60), "met", "met"),
        ),
        (
            [stage_path(45, "CN", "DE"), stage_path(21, "MY", untold=True), stage_path(34, "DE")],
            *(34, 21, ("CN", 45), "not_met", "undetermined"),
        ),
        ([stage_path(60, "DE"), stage_path(40, untold=True)], 60, 0, None, "met", "met"),
    ],
)
def test_a_country_has_what_went_through_any_step_there_and_the_union_what_went_nowhere_else(
    parts: list[StagePath],
    union: int,
    untold: int,
    largest: tuple[str, int] | None,
    benchmark: str,
    ceiling: str,
) -> None:
    passport = content(SITE, origin=(origin("processing", "DE", 100),), paths=tuple(parts))
    lot = taken_by_order(supply_terms(), 10**6, of_trade(passport), RULES)
    (nd,) = [each for each in shares([lot], RULES) if each.element == "Nd"]
    [found] = [each for each in nd.stages if each.stage == "processing"]
    third = found.largest_third
    assert (union * PERCENT, untold * PERCENT) == (found.union_ppb, found.untold_ppb)
    assert largest == (None if third is None else (third.country, third.share_ppb // PERCENT))
    assert (benchmark, ceiling) == (found.benchmark, found.ceiling)


def test_a_lot_that_was_made_before_paths_were_kept_says_of_its_processing_that_more_may_be() -> None:
    passport = content(SITE, origin=(origin("processing", "DE", 100), origin("extraction", "NO", 100)))
    for made, expected in ((False, [(100, 0), (0, 0)]), (True, [(0, 100), (0, 0)])):
        lot = taken_by_order(supply_terms(), 10**6, of_trade(passport, made=made), RULES)
        (nd,) = [each for each in shares([lot], RULES) if each.element == "Nd"]
        told = {each.stage: each for each in nd.stages}
        assert expected == [
            (told[stage].union_ppb // PERCENT, told[stage].untold_ppb // PERCENT)
            for stage in ("processing", "extraction")
        ]
