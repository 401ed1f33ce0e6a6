"""What becomes of a confirmed match, and what two proposals differ in."""

from datetime import date
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from contracts.rules.assays import UMPIRE_UNNAMED
from contracts.rules.clauses import clause_refusals
from contracts.rules.differences import Difference, differences
from contracts.rules.matched import from_match
from contracts.rules.materials import Material
from contracts.rules.prices import Quotation, delivery_price
from contracts.rules.quotation import Quoted, quarter_of
from events.clearing_terms import PriceTerm
from events.codec import encode_fact
from events.contract_events import AgreementAdvanced, AgreementDrafted
from events.contract_terms import DeliveryEvidence, FixedVolume
from events.demand_terms import AgreedDemands, FootprintScope
from events.market_events import MatchConfirmed, MatchStruck, RequirementAmended
from events.market_terms import CoProductBid, FootprintBenchmark, PenaltyRule
from events.match_terms import MatchedIndex, MatchTerms, StatedFigure
from events.price_clauses import IndexedPrice, MatchedPrice
from events.rex_terms import AgreedGoods
from events.vocabulary import MICRO, PPB, Cell, Packaging, Place, RecycledContent, TermHorizon
from market.rules.match_terms import demands_of, match_terms, stated_of
from market.rules.orders.materials import sum_refusals
from tests.blotter import BULK, Lane, assay, cell, eur, facts_of_type, market_terms, member, rule_set
from tests.desk_support import (
    BUYER,
    LANE,
    MARKET,
    MATCH,
    ORDER,
    REQUIREMENT,
    SELLER,
    day,
    facts,
    inputs,
    moment,
    period,
    requirement_order,
    supply_order,
)
from tests.rules.test_command_audit import answered
from tests.rules.test_lane_audit import audited, records
from tests.rules.test_matches import STRUCK
from tests.rules.test_rex import BLOCKS, ROTOR

PENALTY = PenaltyRule(analyte="C", threshold_ppb=500_000, step_ppb=100_000, ueur_per_kg_per_step=50_000)
GIVEN = MatchTerms(
    basis="ndpr",
    form="swarf",
    packaging=Packaging(unit="drum", package_wet_g=250_000),
    product_wet_g=25_000_000,
    price_ueur_per_kg=57_421_902,
    terms=(PriceTerm(kind="penalties", rule="penalties.1", ueur_per_kg=-50_000),),
    recycled_min_ppb=PPB // 2,
    penalties=(PENALTY,),
    delivery=period(day(4, 1), day(7, 1)),
    incoterm="FCA",
    place=Place(country="DE", name="Hanau"),
)
HORIZON = TermHorizon(
    start_year=2028,
    profile_ppb=(PPB // 2, PPB),
    profile_tolerance_ppb=50_000_000,
    index="ndpr-oxide",
    quotation_period="quarter_of_shipment",
)
INDEX = MatchedIndex(code="ndpr-oxide", currency="USD", per="oxide", form_factor_ppb=1_177_000_000)


def confirmed(contract: MatchTerms | None) -> MatchConfirmed:
    return MatchConfirmed(
        market=MARKET,
        match=MATCH,
        supply=ORDER,
        requirement=REQUIREMENT,
        seller=SELLER,
        buyer=BUYER,
        quantity_basis_g=5_600_000,
        contract=contract,
    )


def test_a_match_of_before_there_were_agreements_leaves_nothing() -> None:
    assert () == from_match(LANE, confirmed(None), moment()).drafts


def test_a_spot_match_is_a_contract_that_stands_at_its_price_with_nothing_beside() -> None:
    drafted, stands = facts(from_match(LANE, confirmed(GIVEN), moment()))
    assert isinstance(drafted, AgreementDrafted)
    assert isinstance(stands, AgreementAdvanced)
    assert ("spot", MATCH, None) == (drafted.kind, drafted.match, drafted.proposed_by)
    assert ("effective", date(2026, 3, 2), date(2027, 3, 2)) == (
        stands.status,
        stands.starts_on,
        stands.ends_on,
    )
    terms = drafted.terms
    assert MatchedPrice(match=MATCH, price_micro_per_kg=57_421_902, terms=GIVEN.terms) == terms.price
    assert FixedVolume(acq_g=(5_600_000,)) == terms.volume
    assert {"C": 50_000, "Nd": 5_000_000, "Pr": 5_000_000} == {
        limit.analyte: limit.limit_ppb for limit in terms.assay.splitting
    }
    assert (PPB // 2, (PENALTY,)) == (terms.product.post_consumer_min_ppb, terms.penalties)


DY = CoProductBid(
    analyte="Dy", price_ueur_per_kg=300 * MICRO, payable_ppb=800_000_000, max_ratio_ppb=50_000_000
)
AT_CUT = (
    PriceTerm(
        kind="co_product",
        rule="co_product.1",
        ueur_per_kg=7_200_000,
        inputs={
            "Dy_kg_per_basis_kg_ppb": "30000000",
            "Dy_max_ratio_ppb": "50000000",
            "Dy_price_ueur_per_kg": "300000000",
            "Dy_payable_ppb": "800000000",
        },
    ),
    PriceTerm(kind="penalties", rule="penalties.1", ueur_per_kg=-50_000),
)


@pytest.mark.parametrize(
    ("of_market", "named"),
    [("Umpire Laboratories", "Umpire Laboratories"), (UNSET, UMPIRE_UNNAMED)],
)
def test_a_contract_begins_with_the_umpire_of_its_market(of_market: str | UnsetType, named: str) -> None:
    lane = Lane(terms=market_terms(umpire=of_market))
    lane.admit(member("seller"), member("buyer"))
    lane.offer("seller", "offer", ask=eur(60_000_000))
    lane.require("buyer", "wanted", limit=eur(70_000_000))
    (struck,) = facts_of_type(lane.round(), MatchConfirmed)
    drafted = facts(from_match(LANE, struck, moment()))[0]
    assert isinstance(drafted, AgreementDrafted)
    assert named == drafted.terms.assay.umpire


@pytest.mark.parametrize(
    ("of_rules", "offered", "pieces"),
    [
        (
            True,
            {"magnets": replace(BLOCKS, mass_mg=12_500), "condition": "A", "rex_routes": ("reuse",)},
            80_000,
        ),
        (True, {"magnets": BLOCKS, "packaging": Packaging(unit="piece", package_wet_g=13)}, 76_923),
        (True, {"magnets": BLOCKS}, UNSET),
        (True, {"core": ROTOR}, 400),
        (True, {"condition": "C"}, UNSET),
        (True, {"rex_routes": ("recycle",)}, None),
        (False, {"magnets": BLOCKS}, None),
        (UNSET, {"magnets": BLOCKS}, None),
    ],
)
@pytest.mark.parametrize("commitment", ["firm", "subject_to_confirmation"])
def test_a_contract_states_the_goods_of_its_match_as_they_were_offered(
    of_rules: bool | UnsetType, offered: dict[str, Any], pieces: int | UnsetType | None, commitment: Any
) -> None:
    """1 t of 25: of 12.5 g each 80,000, of packages of one piece what is whole; of 10,000 rotors 400."""
    lane = Lane(rules=rule_set(goods_agreed=of_rules))
    lane.admit(member("seller"), member("buyer"))
    lane.offer("seller", "offer", **({"packaging": BULK} | offered), commitment=commitment)
    lane.require("buyer", "wanted", limit=eur(70_000_000), basis_g=224_000)
    round_facts = lane.round()
    if commitment == "firm":
        (known,) = facts_of_type(round_facts, MatchConfirmed)
    else:
        (match,) = lane.book.matches.values()
        answered(lane, match.struck, "seller")
        known = lane.events[-1].data
        assert isinstance(known, MatchConfirmed)
    (made,) = facts_of_type(round_facts, MatchStruck)
    assert (UNSET if pieces is None else True) == made.goods_agreed
    verdict = audited(records(lane))
    assert (1, None) == (verdict.clearings, verdict.divergence)
    drafted = facts(from_match(LANE, known, moment()))[0]
    assert isinstance(drafted, AgreementDrafted)
    expected = AgreedGoods(
        pieces=pieces or UNSET,
        magnets=offered.get("magnets", UNSET),
        core=offered.get("core", UNSET),
        condition=offered.get("condition", UNSET),
        rex_routes=offered.get("rex_routes", ()),
    )
    assert (UNSET if pieces is None else expected) == drafted.terms.product.goods


@pytest.mark.parametrize("of_rules", [True, False, UNSET])
@pytest.mark.parametrize("commitment", ["firm", "subject_to_confirmation"])
def test_a_contract_states_what_its_buyer_demanded_at_the_cut(
    of_rules: bool | UnsetType, commitment: Any
) -> None:
    """What the buyer demands later is none of it."""
    lane = Lane(rules=rule_set(demands_agreed=of_rules))
    lane.admit(member("seller"), member("buyer"))
    lane.offer("seller", "offer", commitment=commitment)
    lane.require("buyer", "wanted", limit=eur(70_000_000), origins_excluded=("CN", "RU"))
    round_facts = lane.round()
    if commitment == "firm":
        (known,) = facts_of_type(round_facts, MatchConfirmed)
    else:
        (match,) = lane.book.matches.values()
        (order,) = lane.book.requirements.values()
        later = replace(order.terms, origins_excluded=("FR",), footprint_max_g_co2e_per_kg=1)
        lane.add(
            RequirementAmended(
                market=match.struck.market,
                requirement=order.order,
                organisation=order.organisation,
                terms=later,
                keeps_rank=False,
            )
        )
        answered(lane, match.struck, "seller")
        known = lane.events[-1].data
        assert isinstance(known, MatchConfirmed)
    (made,) = facts_of_type(round_facts, MatchStruck)
    expected = AgreedDemands(origins_excluded=("CN", "RU")) if of_rules is True else UNSET
    assert expected == made.demands
    verdict = audited(records(lane))
    assert (1, None) == (verdict.clearings, verdict.divergence)
    drafted = facts(from_match(LANE, known, moment()))[0]
    assert isinstance(drafted, AgreementDrafted)
    assert expected == drafted.terms.product.demands


def test_all_that_is_demanded_of_a_lot_is_agreed_and_what_demands_nothing_says_nothing() -> None:
    wanted = replace(
        requirement_order().terms,
        footprint_max_g_co2e_per_kg=0,
        certificates_required=("rmi-ramp",),
        th_max_mbq_per_g=500,
        u_max_mbq_per_g=0,
    )
    expected = AgreedDemands(
        footprint_max_g_co2e_per_kg=0, certificates=("rmi-ramp",), th_max_mbq_per_g=500, u_max_mbq_per_g=0
    )
    rules = rule_set(demands_agreed=True)
    assert expected == demands_of(wanted, "separated_oxide", rules)
    assert UNSET == demands_of(requirement_order().terms, "separated_oxide", rules)
    assert UNSET == demands_of(wanted, "separated_oxide", rule_set(demands_in_full=True))


def fined(*analytes: str) -> tuple[PenaltyRule, ...]:
    return tuple(replace(PENALTY, analyte=analyte) for analyte in analytes)


@pytest.mark.parametrize(
    ("goods", "expected"),
    [
        (AgreedGoods(pieces=1_000), ["C", "Nd", "Pr"]),
        (AgreedGoods(condition="A"), ["C", "Cl", "LOI", "Nd", "Pr", "Th"]),
        (UNSET, ["C", "Cl", "LOI", "Nd", "Pr", "Th"]),
    ],
)
def test_goods_by_the_piece_are_not_assayed_for_what_bulk_alone_holds(
    goods: AgreedGoods | UnsetType, expected: list[str]
) -> None:
    given = replace(GIVEN, goods=goods, penalties=fined("C", "Cl", "LOI", "Th"))
    for pieces_as_bulk, analytes in ((False, expected), (True, ["C", "Cl", "LOI", "Nd", "Pr", "Th"])):
        drafted = facts(from_match(LANE, confirmed(given), moment(), pieces_as_bulk=pieces_as_bulk))[0]
        assert isinstance(drafted, AgreementDrafted)
        assert analytes == sorted(each.analyte for each in drafted.terms.assay.splitting)
        assert given.penalties == drafted.terms.penalties
        assert [] == list(clause_refusals(drafted.terms, "spot", date(2026, 3, 2)))


BENCHMARK = FootprintBenchmark(
    form="separated_oxide",
    declared_unit="oxide",
    boundary="cradle-to-gate",
    allocation="economic",
    benchmark_g_co2e_per_kg=25_000,
    worst_g_co2e_per_kg=80_000,
    source="a study",
)
SCOPE = FootprintScope(
    form="separated_oxide", declared_unit="oxide", boundary="cradle-to-gate", allocation="economic"
)


def test_demands_in_full_hold_the_recycled_share_and_say_of_what_a_highest_footprint_is() -> None:
    wanted = replace(
        requirement_order().terms,
        footprint_max_g_co2e_per_kg=20_000,
        recycled_min_ppb=PPB // 2,
        recycled_max_ppb=PPB * 4 // 5,
    )
    capped = AgreedDemands(footprint_max_g_co2e_per_kg=20_000)
    in_full = rule_set(demands_agreed=True, demands_in_full=True, benchmarks=(BENCHMARK,))
    shares = replace(capped, recycled_min_ppb=PPB // 2, recycled_max_ppb=PPB * 4 // 5)
    assert replace(shares, footprint_scope=SCOPE) == demands_of(wanted, "separated_oxide", in_full)
    assert shares == demands_of(wanted, "swarf", in_full)
    assert capped == demands_of(wanted, "separated_oxide", replace(in_full, demands_in_full=UNSET))
    no_lower = replace(wanted, footprint_max_g_co2e_per_kg=None, recycled_min_ppb=0, recycled_max_ppb=0)
    assert AgreedDemands(recycled_max_ppb=0) == demands_of(no_lower, "separated_oxide", in_full)


@pytest.mark.parametrize(("in_full", "expected"), [(True, (0, PPB // 2)), (UNSET, (PPB // 2, UNSET))])
def test_a_share_that_a_round_counts_of_both_kinds_is_not_asked_of_one_alone(
    in_full: bool | UnsetType, expected: tuple[int, int | UnsetType]
) -> None:
    """A lot of 30 % pre- and 20 % post-consumer met the demand of 50 %, and could not have been shipped."""
    lane = Lane(rules=rule_set(demands_agreed=True, demands_in_full=in_full))
    lane.admit(member("seller"), member("buyer"))
    lane.offer(
        "seller",
        "offer",
        recycled=RecycledContent(post_consumer_ppb=PPB // 5, pre_consumer_ppb=PPB * 3 // 10),
    )
    lane.require(
        "buyer", "wanted", limit=eur(70_000_000), recycled_min_ppb=PPB // 2, origins_excluded=("CN",)
    )
    (known,) = facts_of_type(lane.round(), MatchConfirmed)
    drafted = facts(from_match(LANE, known, moment()))[0]
    assert isinstance(drafted, AgreementDrafted)
    product = drafted.terms.product
    assert product.demands is not UNSET
    assert expected == (product.post_consumer_min_ppb, product.demands.recycled_min_ppb)
    verdict = audited(records(lane))
    assert (1, None) == (verdict.clearings, verdict.divergence)


@pytest.mark.parametrize("of_rules", [True, False, UNSET])
@pytest.mark.parametrize("commitment", ["firm", "subject_to_confirmation"])
def test_splitting_limits_follow_what_the_seller_states_where_the_rule_set_says_so(
    of_rules: bool | UnsetType, commitment: Any
) -> None:
    """Of shred with Nd 3.03 % and Pr 0.79 % two assays that are 0.5 % apart are not of one lot."""
    lane = Lane(rules=rule_set(splitting_by_stated=of_rules))
    lane.admit(member("seller"), member("buyer"))
    shred = assay(cell("Nd", 30_300_000), cell("Pr", 7_900_000))
    lane.offer("seller", "offer", commitment=commitment, composition=shred)
    lane.require("buyer", "wanted", limit=eur(70_000_000), co_products=(DY,), penalties=(PENALTY,))
    round_facts = lane.round()
    if commitment == "firm":
        (known,) = facts_of_type(round_facts, MatchConfirmed)
    else:
        answered(lane, next(iter(lane.book.matches.values())).struck, "seller")
        known = lane.events[-1].data
        assert isinstance(known, MatchConfirmed)
    (made,) = facts_of_type(round_facts, MatchStruck)
    verdict = audited(records(lane))
    assert (1, None) == (verdict.clearings, verdict.divergence)
    drafted = facts(from_match(LANE, known, moment()))[0]
    assert isinstance(drafted, AgreementDrafted)
    limits = {each.analyte: each.limit_ppb for each in drafted.terms.assay.splitting}
    of_before = {"C": 50_000, "Dy": 500_000, "Nd": 5_000_000, "Pr": 5_000_000}
    by_grade = {"C": 50_000, "Dy": 200_000, "Nd": 606_000, "Pr": 158_000}
    expected = (True, by_grade) if of_rules is True else (UNSET, of_before)
    assert expected == (made.splitting_by_stated, limits)


def test_a_splitting_limit_is_at_most_the_usual_one_and_never_below_ten_ppm() -> None:
    """What nobody states has the usual one; below detection counts as the limit of detection."""

    def limits(**stated_ppb: int) -> dict[str, int]:
        told = tuple(StatedFigure(analyte=name, fraction_ppb=ppb) for name, ppb in stated_ppb.items())
        given = replace(GIVEN, stated=told, penalties=())
        (drafted, _) = facts(from_match(LANE, confirmed(given), moment()))
        assert isinstance(drafted, AgreementDrafted)
        return {each.analyte: each.limit_ppb for each in drafted.terms.assay.splitting}

    assert {"Nd": 5_000_000, "Pr": 5_000_000} == limits(Nd=PPB // 4, Pr=PPB // 4) == limits(Nd=PPB)
    assert {"Nd": 10_000, "Pr": 10_001} == limits(Nd=0, Pr=500_099, La=1)
    below = assay(Cell(analyte="Pr", reported_as="Pr6O11", state="below_detection", fraction_ppb=PPB // 100))
    supply = replace(supply_order().terms, composition=below, moisture_ppb=0)
    told = stated_of(supply, requirement_order().terms, "ndpr")
    assert [("Nd", 210_000_000), ("Pr", 8_277_000)] == [(each.analyte, each.fraction_ppb) for each in told]


def test_a_contract_has_the_co_elements_as_the_cut_has_counted_them() -> None:
    """From its line: what the buyer has amended since, or what had no assay or no price, does not count."""
    unpriced = replace(AT_CUT[0], inputs={**AT_CUT[0].inputs, "Tb_reason": "assay_missing"})
    terms = match_terms(
        STRUCK, supply_order().terms, requirement_order().terms, (unpriced, AT_CUT[1]), "ndpr", inputs()
    )
    assert ((DY,), (unpriced, AT_CUT[1])) == (terms.co_products, terms.terms)


def delivered(dysprosium_ppb: int, carbon_ppb: int) -> Material:
    """Swarf with 20 % Nd and 8 % Pr in the dry sample, wholly recycled, from nowhere in Europe."""
    return Material(
        basis="ndpr",
        form="swarf",
        net_wet_g=25_000_000,
        moisture_ppb=200_000_000,
        fractions_ppb={"Nd": 200_000_000, "Pr": 80_000_000, "Dy": dysprosium_ppb, "C": carbon_ppb},
        evidence=DeliveryEvidence(),
        papers_until=day(4, 1),
    )


@pytest.mark.parametrize(
    ("dysprosium_ppb", "carbon_ppb", "expected"),
    [
        (8_400_000, 600_000, 57_421_902),
        (7_000_000, 600_000, 56_221_902),
        (8_400_000, 750_000, 57_321_902),
        (7_000_000, 750_000, 56_121_902),
        (28_000_000, 400_000, 62_271_902),
        (0, 500_000, 50_271_902),
    ],
    ids=["as matched", "less Dy", "more C", "both", "more Dy than the most, clean", "no Dy"],
)
def test_a_spot_price_moves_by_what_the_assay_moves_and_by_nothing_else(
    dysprosium_ppb: int, carbon_ppb: int, expected: int
) -> None:
    """P = 57.421902 with Dy at 0.03 × 300 × 80 % = 7.20 and one step of C at −0.05; what S gave stays in P.

    Dy at 0.025 gives 6.00, at most 0.05 count: 12.00; C at 750 ppm is three steps: −0.15.
    """
    given = replace(GIVEN, terms=AT_CUT, co_products=(DY,), penalties=(PENALTY,))
    (drafted, _) = facts(from_match(LANE, confirmed(given), moment()))
    assert isinstance(drafted, AgreementDrafted)
    assert isinstance(drafted.terms.price, MatchedPrice)
    assert (None, (DY,)) == (drafted.terms.price.sustainability, drafted.terms.price.co_products)
    found = delivery_price(drafted.terms, delivered(dysprosium_ppb, carbon_ppb), None)
    assert expected == found.micro_per_kg
    assert found.micro_per_kg == sum(term.micro_per_kg for term in found.terms)


@pytest.mark.parametrize(("carbon_ppb", "expected"), [(600_000, 104_501_902), (750_000, 104_401_902)])
def test_a_term_price_takes_its_penalties_once(carbon_ppb: int, expected: int) -> None:
    """Index 50.00 USD/kg × 0.80 × 1.177 + 57.421902 = 104.501902 as matched; P holds its one step already."""
    given = replace(GIVEN, terms=AT_CUT, horizon=HORIZON, index=INDEX)
    (drafted,) = facts(from_match(LANE, confirmed(given), moment()))
    assert isinstance(drafted, AgreementDrafted)
    price = drafted.terms.price
    assert isinstance(price, IndexedPrice)
    assert ("usd-eur", 57_471_902) == (price.index.fx_code, price.differential_micro_per_kg)
    assert [] == clause_refusals(drafted.terms, "offtake", date(2026, 3, 2))
    days = quarter_of(date(2028, 4, 1))
    quotation = Quotation(
        Quoted(price.index.code, days, Fraction(50 * MICRO), "mean", ()),
        Quoted("usd-eur", days, Fraction(800_000), "mean", ()),
    )
    found = delivery_price(drafted.terms, delivered(8_400_000, carbon_ppb), quotation)
    assert expected == found.micro_per_kg


def test_a_term_match_is_a_draft_with_the_index_and_its_differential() -> None:
    (drafted,) = facts(from_match(LANE, confirmed(replace(GIVEN, horizon=HORIZON, index=INDEX)), moment()))
    assert isinstance(drafted, AgreementDrafted)
    price = drafted.terms.price
    assert isinstance(price, IndexedPrice)
    assert ("offtake", date(2028, 1, 1), 2) == (
        drafted.kind,
        drafted.terms.term.starts_on,
        drafted.terms.term.years,
    )
    assert FixedVolume(acq_g=(2_800_000, 5_600_000), tolerance_ppb=50_000_000) == drafted.terms.volume
    assert (57_471_902, 1_177_000_000, None) == (
        price.differential_micro_per_kg,
        price.form_factor_ppb,
        price.sustainability,
    )
    assert ("ndpr-oxide", "USD", "quarter_of_shipment") == (
        price.index.code,
        price.index.currency,
        price.index.quotation_period,
    )


def test_the_sellers_floor_per_kg_of_basis_is_one_of_the_index() -> None:
    for floor, expected in ((116_271_902, 50_000_000), (116_271_903, 50_000_001), (1, 0), (None, None)):
        horizon = replace(HORIZON, floor_ueur_per_kg=floor)
        (drafted,) = facts(
            from_match(LANE, confirmed(replace(GIVEN, horizon=horizon, index=INDEX)), moment())
        )
        assert isinstance(drafted, AgreementDrafted)
        assert isinstance(drafted.terms.price, IndexedPrice)
        assert expected == drafted.terms.price.floor_micro_per_kg


def test_what_the_market_does_not_know_of_an_index_is_left_to_the_parties() -> None:
    horizon = replace(HORIZON, quotation_period="M+1")
    (drafted,) = facts(from_match(LANE, confirmed(replace(GIVEN, horizon=horizon)), moment()))
    assert isinstance(drafted, AgreementDrafted)
    price = drafted.terms.price
    assert isinstance(price, IndexedPrice)
    assert ("EUR", "month_of_shipment", PPB) == (
        price.index.currency,
        price.index.quotation_period,
        price.form_factor_ppb,
    )


def test_differences_name_members_by_pointer() -> None:
    old = {"a": 1, "b/c": [1, 2], "price": {"kind": "flat", "x": 1}, "gone": "y", "same": {"z": 1}}
    new = {"a": 2, "b/c": [1, 3, 4], "price": {"kind": "indexed", "x": 1}, "same": {"z": 1}, "came": None}
    expected = [
        Difference(pointer="/a", old=1, new=2),
        Difference(pointer="/b~1c/1", old=2, new=3),
        Difference(pointer="/b~1c/2", old=None, new=4),
        Difference(pointer="/price", old=old["price"], new=new["price"]),
        Difference(pointer="/gone", old="y", new=None),
    ]
    assert expected == list(differences(old, new))
    assert [] == list(differences(old, old))


@pytest.mark.parametrize(
    "richest",
    [
        cell("Nd", 99 * PPB // 100),
        Cell(analyte="Dy", reported_as="Dy", state="below_detection", fraction_ppb=99 * PPB // 100),
    ],
    ids=["metal with a little water", "limit of detection"],
)
def test_what_is_more_than_the_whole_of_the_dry_sample_is_stated_as_the_whole(richest: Cell) -> None:
    """Sums up to 105 % are taken, water among them; no event can hold a share above the whole."""
    damp = assay(cell("Pr", PPB // 100), richest, basis="as_received")
    assert [] == sum_refusals(damp, 2 * PPB // 100)
    lane = Lane(rules=rule_set(splitting_by_stated=True))
    lane.admit(member("seller"), member("buyer"))
    lane.offer("seller", "offer", composition=damp, moisture_ppb=2 * PPB // 100)
    lane.require("buyer", "wanted", limit=eur(70_000_000), co_products=(DY,))
    (known,) = facts_of_type(lane.round(), MatchConfirmed)
    assert known.contract.stated is not UNSET
    assert PPB == {each.analyte: each.fraction_ppb for each in known.contract.stated}[richest.analyte]
    assert known == msgspec.json.decode(encode_fact(known), type=MatchConfirmed)
