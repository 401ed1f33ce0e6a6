"""What a delivery costs: every clause with worked figures of public deals, and what holds for any figures."""

from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from contracts.rules.clauses import clause_refusals
from contracts.rules.days import midnight
from contracts.rules.invoices import difference, line, total_cents
from contracts.rules.materials import Material
from contracts.rules.price_refusals import AmountTooLarge
from contracts.rules.price_terms import stages_unstated
from contracts.rules.prices import (
    Priced,
    Quotation,
    delivery_price,
    difference_price,
    index_of,
    provisional_share,
)
from contracts.rules.quotation import Days, Quoted
from events.clearing_terms import PriceTerm
from events.contract_terms import AgreementTerms, DeliveryEvidence
from events.market_terms import (
    CertificateAmount,
    CoProductBid,
    FootprintBenchmark,
    MemberCertificate,
    PenaltyRule,
    RexAmount,
    RuleSet,
    SustainabilityProfile,
)
from events.origin_terms import StepShare
from events.price_clauses import (
    ContractForDifference,
    CostPlusPrice,
    FlatPrice,
    FormPrice,
    IndexedPrice,
    MatchedPrice,
    SharingBand,
    SustainabilityClause,
)
from events.vocabulary import Footprint, OriginStep, ProductForm, RecycledContent, ValueChainStage
from tests.contract_support import MICRO, TONNE_G
from tests.delivery_support import (
    CFD,
    INDEX,
    NDPR,
    OXIDE_PER_METAL_PPB,
    PPM_PPB,
    STARTS,
    delivery_terms,
    material,
)
from tests.desk_support import MATCH, PERCENT_PPB, numbered

QUARTER = Days(date(2027, 1, 1), date(2027, 4, 1))
RULES = RuleSet(
    version=1,
    algorithm="clearing.1",
    benchmarks=(
        FootprintBenchmark(
            form="separated_oxide",
            declared_unit="oxide",
            boundary="cradle-to-gate",
            allocation="economic",
            benchmark_g_co2e_per_kg=65_400,
            worst_g_co2e_per_kg=130_000,
            source="monazite REO mean",
        ),
    ),
    default_profile=SustainabilityProfile(),
    recognised_certificates=("IRMA",),
    eu_countries=("EE", "FR"),
    effective_from=midnight(STARTS),
)
DIRTY = PenaltyRule(analyte="Th", threshold_ppb=0, step_ppb=100 * PPM_PPB, ueur_per_kg_per_step=MICRO)
WIDE = SustainabilityProfile(floor_ueur_per_kg=-(10**9), cap_ueur_per_kg=10**9)
PCF = Footprint(
    g_co2e_per_kg=15_000,
    declared_unit="oxide",
    form="separated_oxide",
    standard="ISO14067",
    boundary="cradle-to-gate",
    allocation="economic",
    reference_year=2026,
    primary_data_ppb=80 * PERCENT_PPB,
    verified=True,
    valid_until=midnight(date(2030, 1, 1)),
)


def at(amount: Fraction | int, rate: int | None = None) -> Quotation:
    """An index value in millionths, and a rate per unit of its currency."""
    quoted = Quoted("ndpr-oxide", QUARTER, Fraction(amount), "mean", ())
    fx = None if rate is None else Quoted("usd-eur", QUARTER, Fraction(rate), "mean", ())
    return Quotation(quoted, fx)


def price(terms: AgreementTerms, of: Material, quotation: Quotation | None = None) -> Priced:
    found = delivery_price(terms, of, quotation)
    assert found.micro_per_kg == sum(term.micro_per_kg for term in found.terms)
    assert found.micro_per_kg == found.terms[-1].after_micro_per_kg
    return found


def indexed(**changes: Any) -> AgreementTerms:
    return delivery_terms(IndexedPrice(index=INDEX, **changes))


def rules(found: Priced) -> dict[str, int]:
    return {term.rule: term.micro_per_kg for term in found.terms}


def test_a_price_that_needs_an_index_is_not_made_up_without_one() -> None:
    with pytest.raises(ValueError, match="needs the value of its index"):
        delivery_price(indexed(), material(), None)
    assert [INDEX, None] == [index_of(indexed().price), index_of(FlatPrice(price_micro_per_kg=1))]


def test_a_figure_that_no_record_holds_is_refused() -> None:
    terms = indexed(form_factor_ppb=2**53 - 1)
    with pytest.raises(AmountTooLarge):
        price(terms, material(), at(10**12))
    with pytest.raises(AmountTooLarge):
        line("final", 10**12, Priced(2**53 - 1, ()))


def test_the_formula_of_an_indexed_price_term_by_term() -> None:
    """(60 USD × 0.9, floor 55, above 50 shared half, × 80 %) × 1.2 − 3 − 2 + 0 + 1.5 EUR per kg."""
    terms = indexed(
        floor_micro_per_kg=55 * MICRO,
        cap_micro_per_kg=90 * MICRO,
        sharing=SharingBand(above_micro_per_kg=50 * MICRO, seller_ppb=50 * PERCENT_PPB),
        payable_ppb=80 * PERCENT_PPB,
        form_factor_ppb=1_200_000_000,
        conversion_micro_per_kg=3 * MICRO,
        differential_micro_per_kg=1_500_000,
    )
    terms = replace(terms, penalties=(DIRTY,))
    found = price(terms, material(fractions_ppb=NDPR | {"Th": 101 * PPM_PPB}), at(60 * MICRO, 900_000))
    expected = {
        "index.1": 60 * MICRO,
        "fx.1": -6 * MICRO,
        "clamp.1": 1 * MICRO,
        "sharing.1": -2_500_000,
        "payable.1": -10_500_000,
        "form_factor.1": 8_400_000,
        "conversion.1": -3 * MICRO,
        "penalties.1": -2 * MICRO,
        "differential.1": 1_500_000,
    }
    assert expected == rules(found)
    assert 46_900_000 == found.micro_per_kg


def test_inputs_stand_with_every_term() -> None:
    found = price(indexed(floor_micro_per_kg=7), material(), at(1))
    inputs = {term.rule: term.inputs for term in found.terms}
    assert "2027-01-01/2027-03-31" == inputs["index.1"]["index_period"]
    assert {"floor_micro_per_kg": "7"} == inputs["clamp.1"]
    assert {"payable_ppb": "1000000000"} == inputs["payable.1"]
    assert "separated_oxide" == inputs["form_factor.1"]["form"]


@pytest.mark.parametrize(
    ("mean", "per_kg", "cents"),
    [
        (62 * MICRO, 48 * MICRO, 1_200_000_000),
        (110 * MICRO, 0, 0),
        (130 * MICRO, -6 * MICRO, -150_000_000),
    ],
)
def test_strike_110_with_30_percent_upside_over_a_quarter_of_250_t(
    mean: int, per_kg: int, cents: int
) -> None:
    """MP Materials and the DoD: at 62 USD/kg the buyer adds 12 million, at 130 it gets 1.5 million."""
    found = difference_price(CFD, at(mean))
    settled = line("contract_for_difference", 250 * TONNE_G, found)
    assert (per_kg, cents) == (found.micro_per_kg, settled.amount_cents)
    assert per_kg == sum(term.micro_per_kg for term in found.terms)


def test_a_strike_per_kg_of_oxide_is_converted_to_the_basis() -> None:
    clause = replace(CFD, form_factor_ppb=OXIDE_PER_METAL_PPB)
    assert 56_472_249 == difference_price(clause, at(62 * MICRO)).micro_per_kg


def test_a_delivery_under_a_strike_is_paid_at_the_index_or_sold_elsewhere() -> None:
    terms = delivery_terms(CFD, currency="USD")
    assert 62 * MICRO == price(terms, material(), at(62 * MICRO)).micro_per_kg
    elsewhere = delivery_terms(replace(CFD, delivered_at_index=False), currency="USD")
    assert 0 == price(elsewhere, material(), at(62 * MICRO)).micro_per_kg


@pytest.mark.parametrize(
    ("index", "expected"), [(70 * MICRO, 58 * MICRO), (50 * MICRO, 50 * MICRO), (40 * MICRO, 50 * MICRO)]
)
def test_cost_plus_a_share_of_the_margin(index: int, expected: int) -> None:
    """Vital and REEtec: cost 50, 40 % of what the index is above it, never below cost."""
    clause = CostPlusPrice(index=INDEX, cost_micro_per_kg=50 * MICRO, margin_ppb=40 * PERCENT_PPB)
    found = price(delivery_terms(clause), material(), at(index))
    assert expected == found.micro_per_kg
    assert ["index.1", "cost.1", "margin.1", "form_factor.1"] == list(rules(found))
    # 1,000 t of a year
    assert expected == line("final", 1_000 * TONNE_G, found).amount_cents // 100


@pytest.mark.parametrize(
    ("payable", "per_kg", "cents"),
    [(60, 48_707_315, 243_536_575), (70, 56_825_201, 284_126_005), (80, 64_943_087, 324_715_435)],
)
def test_mixed_carbonate_is_paid_at_60_to_80_percent_of_its_oxide(
    payable: int, per_kg: int, cents: int
) -> None:
    """69 EUR per kg of NdPr oxide; 100 t dry, half of it NdPr."""
    terms = indexed(payable_ppb=payable * PERCENT_PPB, form_factor_ppb=OXIDE_PER_METAL_PPB)
    carbonate = material(
        form="mixed_carbonate",
        net_wet_g=100 * TONNE_G,
        fractions_ppb={"Nd": 40 * PERCENT_PPB, "Pr": 10 * PERCENT_PPB},
    )
    found = price(terms, carbonate, at(69 * MICRO))
    assert per_kg == found.micro_per_kg
    assert cents == line("final", carbonate.basis_g, found).amount_cents


def test_the_buyer_chooses_oxide_or_metal() -> None:
    """Arafura's form: the same index, oxide as it is, metal with the premium of its conversion."""
    terms = indexed(
        form_factor_ppb=OXIDE_PER_METAL_PPB,
        by_form=(
            FormPrice(form="metal", form_factor_ppb=OXIDE_PER_METAL_PPB, conversion_micro_per_kg=-9 * MICRO),
        ),
    )
    oxide, metal = (
        price(terms, material(form=form), at(100 * MICRO)) for form in ("separated_oxide", "metal")
    )
    assert (117_650_519, 126_650_519) == (oxide.micro_per_kg, metal.micro_per_kg)
    assert 9 * MICRO == rules(metal)["conversion.1"]


def sustainable(profile: SustainabilityProfile, **changes: Any) -> SustainabilityClause:
    return SustainabilityClause(profile=profile, rule_set=RULES, **changes)


def paid(profile: SustainabilityProfile, evidence: DeliveryEvidence, **changes: Any) -> dict[str, int]:
    terms = indexed(sustainability=sustainable(profile, **changes))
    return rules(price(terms, material(evidence=evidence), at(100 * MICRO)))


def test_36_percent_recycled_is_paid_by_its_evidence() -> None:
    """Stellantis and Carester: 36 % post-consumer at 10 EUR per kg of recycled basis."""
    profile = replace(WIDE, post_consumer_ueur_per_kg=10 * MICRO, pre_consumer_ueur_per_kg=4 * MICRO)
    evidence = DeliveryEvidence(
        recycled=RecycledContent(post_consumer_ppb=36 * PERCENT_PPB, pre_consumer_ppb=5 * PERCENT_PPB)
    )
    assert 3_800_000 == paid(profile, evidence)["recycled.1"]
    assert 0 == paid(profile, DeliveryEvidence())["recycled.1"]


def test_carbon_is_paid_by_the_formula_of_the_market() -> None:
    """65.4 − 15 kg CO2e at 80 EUR/t is 4.032 EUR per kg of oxide, by the oxide in this material's NdPr."""
    profile = replace(WIDE, carbon_cents_per_t=8_000)
    oxide = material(fractions_ppb={"Nd": 642_857_143, "Pr": 206_925_000})
    terms = indexed(sustainability=sustainable(profile))
    found = price(terms, replace(oxide, evidence=DeliveryEvidence(footprint=PCF)), at(100 * MICRO))
    kg = oxide.kg_per_basis_kg()["oxide"]
    assert kg is not None
    assert int(4_032_000 * kg) == rules(found)["carbon.1"]
    silent = price(terms, oxide, at(100 * MICRO))
    assert int(-5_168_000 * kg) - 1 == rules(silent)["carbon.1"]


def test_certificates_origin_and_route_are_paid_by_the_rule_set() -> None:
    profile = replace(
        WIDE,
        certificates=(CertificateAmount(scheme="IRMA", ueur_per_kg=2 * MICRO),),
        eu_origin_ueur_per_kg=1 * MICRO,
        concentrated_origin_deduction_ueur_per_kg=5 * MICRO,
        rex=(RexAmount(route="recycle", ueur_per_kg=3 * MICRO),),
    )
    held = MemberCertificate(
        certificate=numbered(70),
        facility=numbered(71),
        scheme="IRMA",
        valid_from=midnight(date(2026, 1, 1)),
        valid_until=midnight(date(2028, 1, 1)),
    )
    evidence = DeliveryEvidence(
        certificates=(held,),
        origin=(OriginStep(stage="extraction", country="EE"),),
        rex_routes=("recycle",),
    )
    found = paid(profile, evidence, rex_route="recycle", concentrated_origins=("CN",))
    assert (2 * MICRO, 1 * MICRO, 3 * MICRO) == (
        found["certificates.1"],
        found["origin.1"],
        found["rex.1"],
    )
    lapsed = replace(evidence, certificates=(replace(held, valid_until=midnight(date(2026, 12, 31))),))
    assert 0 == paid(profile, lapsed)["certificates.1"]
    chinese = replace(evidence, origin=(OriginStep(stage="extraction", country="CN"),))
    assert -5 * MICRO == paid(profile, chinese, concentrated_origins=("CN",))["origin.1"]


@pytest.mark.parametrize(
    ("form", "stages", "recycled_percent", "unstated"),
    [
        ("separated_oxide", ("processing",), 0, ("extraction",)),
        ("separated_oxide", ("extraction",), 0, ("processing",)),
        ("concentrate", ("extraction",), 0, ()),
        ("separated_oxide", ("recycling",), 100, ()),
        ("separated_oxide", ("recycling", "processing"), 60, ("extraction",)),
        ("separated_oxide", ("extraction", "processing"), 60, ("recycling",)),
        ("separated_oxide", ("extraction", "processing", "recycling"), 60, ()),
        ("swarf", ("manufacturing",), 0, ("extraction", "processing")),
        ("separated_oxide", ("extraction", "processing"), None, ()),
    ],
)
def test_a_rule_set_may_ask_for_every_stage_of_an_origin(
    form: ProductForm,
    stages: tuple[ValueChainStage, ...],
    recycled_percent: int | None,
    unstated: tuple[str, ...],
) -> None:
    """What is left out is not European, and may be of any country that is listed."""
    steps = tuple(OriginStep(stage=stage, country="EE") for stage in stages)
    recycled = None
    if recycled_percent is not None:
        recycled = RecycledContent(post_consumer_ppb=recycled_percent * PERCENT_PPB)
    asking = replace(RULES, origins_by_stage=True)
    assert unstated == stages_unstated(form, steps, recycled, asking)
    assert () == stages_unstated(form, steps, recycled, RULES)
    profile = replace(
        WIDE, eu_origin_ueur_per_kg=2 * MICRO, concentrated_origin_deduction_ueur_per_kg=5 * MICRO
    )
    of = material(form=form, evidence=DeliveryEvidence(origin=steps, recycled=recycled))
    for rules_of, worth in ((RULES, 2 * MICRO), (asking, -5 * MICRO if unstated else 2 * MICRO)):
        clause = SustainabilityClause(profile=profile, rule_set=rules_of, concentrated_origins=("CN",))
        found = price(indexed(sustainability=clause), of, at(100 * MICRO))
        (line,) = (term for term in found.terms if term.rule == "origin.1")
        assert worth == line.micro_per_kg
        left_out = ",".join(unstated) if rules_of is asking else ""
        assert left_out == line.inputs.get("unstated", "")


def test_an_origin_that_nobody_states_is_not_european_and_may_be_any_that_is_listed() -> None:
    profile = replace(
        WIDE, eu_origin_ueur_per_kg=2 * MICRO, concentrated_origin_deduction_ueur_per_kg=5 * MICRO
    )
    listed = sustainable(profile, concentrated_origins=("RU", "CN"))
    silent = material(evidence=DeliveryEvidence())
    for clause, worth in ((sustainable(profile), 0), (listed, -5 * MICRO)):
        found = price(indexed(sustainability=clause), silent, at(100 * MICRO))
        assert worth == rules(found)["origin.2"]
        assert "origin.1" not in rules(found)
        former = price(indexed(sustainability=clause), replace(silent, silence_paid=True), at(100 * MICRO))
        assert 2 * MICRO == rules(former)["origin.1"]
    found = price(indexed(sustainability=listed), silent, at(100 * MICRO))
    (line,) = (term for term in found.terms if term.rule == "origin.2")
    assert {"origin": "", "concentrated": "CN,RU"} == line.inputs
    nothing_bid = paid(WIDE, DeliveryEvidence(), concentrated_origins=("CN",))
    assert 0 == nothing_bid["origin.1"]
    stated = DeliveryEvidence(origin=(OriginStep(stage="extraction", country="EE"),))
    for paid_once in (False, True):
        of = material(evidence=stated, silence_paid=paid_once)
        assert 2 * MICRO == rules(price(indexed(sustainability=listed), of, at(100 * MICRO)))["origin.1"]


MATCHED = MatchedPrice(
    match=MATCH,
    price_micro_per_kg=70 * MICRO,
    terms=(
        PriceTerm(kind="form", rule="form.1", ueur_per_kg=-MICRO),
        PriceTerm(kind="co_product", rule="co_product.1", ueur_per_kg=2 * MICRO),
        PriceTerm(kind="recycled", rule="recycled.1", ueur_per_kg=5 * MICRO),
        PriceTerm(kind="penalties", rule="penalties.1", ueur_per_kg=-MICRO),
    ),
)


def test_a_match_is_paid_as_it_was_struck_where_nothing_moves() -> None:
    found = price(delivery_terms(MATCHED), material())
    assert {"matched.1": 70 * MICRO} == rules(found)


def test_only_assay_and_evidence_move_the_price_of_a_match() -> None:
    """70 + (co-product 1 − 2) + (recycled 3.6 − 5) + (penalties −3 − −1) = 65.6 EUR per kg."""
    clause = replace(
        MATCHED,
        co_products=(
            CoProductBid(
                analyte="Dy",
                price_ueur_per_kg=100 * MICRO,
                payable_ppb=80 * PERCENT_PPB,
                max_ratio_ppb=PERCENT_PPB * 2,
            ),
        ),
        sustainability=sustainable(replace(WIDE, post_consumer_ueur_per_kg=10 * MICRO)),
    )
    terms = replace(delivery_terms(clause), penalties=(DIRTY,))
    # 1 % Dy of 80 % NdPr: 0.0125 kg per kg of basis
    found = price(
        terms,
        material(
            fractions_ppb=NDPR | {"Dy": PERCENT_PPB, "Th": 300 * PPM_PPB},
            evidence=DeliveryEvidence(recycled=RecycledContent(post_consumer_ppb=36 * PERCENT_PPB)),
        ),
    )
    assert (-1 * MICRO, -1_400_000, -2 * MICRO) == (
        rules(found)["co_product.1"],
        rules(found)["recycled.1"],
        rules(found)["penalties.1"],
    )
    assert 65_600_000 == found.micro_per_kg


def test_a_co_product_without_a_figure_counts_nothing() -> None:
    bid = CoProductBid(
        analyte="Dy", price_ueur_per_kg=MICRO, payable_ppb=PERCENT_PPB, max_ratio_ppb=PERCENT_PPB
    )
    terms = delivery_terms(replace(MATCHED, co_products=(bid,)))
    assert -2 * MICRO == rules(price(terms, material()))["co_product.1"]
    assert {} == material(fractions_ppb={}).ratio_ppb()


def test_whole_magnets_are_priced_by_their_net_mass() -> None:
    magnets = material(basis="ndfeb-reuse", form="finished_magnet", fractions_ppb={})
    assert 10 * TONNE_G == magnets.basis_g
    assert {"wet": 1, "dry": 1, "oxide": None, "element": None} == magnets.kg_per_basis_kg()


def test_water_carries_no_basis() -> None:
    """25 t of swarf with 20 % water and 28 % NdPr dry carry 5.6 t."""
    swarf = material(
        form="swarf",
        net_wet_g=25 * TONNE_G,
        moisture_ppb=20 * PERCENT_PPB,
        fractions_ppb={"Nd": 21 * PERCENT_PPB, "Pr": 7 * PERCENT_PPB},
    )
    assert 5_600_000 == swarf.basis_g
    assert None is material(fractions_ppb={}).kg_per_basis_kg()["wet"]


def test_purity_is_of_the_oxides_that_have_a_figure() -> None:
    assert 10**9 == material().purity_ppb(("Nd", "Pr"))
    mixed = material(fractions_ppb={"Nd": 50 * PERCENT_PPB, "Ce": 50 * PERCENT_PPB})
    assert 487_047_562 == mixed.purity_ppb(("Nd",))
    assert None is material(fractions_ppb={"Fe": 1}).purity_ppb(("Nd",))


MONEY = st.integers(0, 10**9)
PRICES = st.builds(
    lambda floor, span, payable, factor, conversion, above, seller: indexed(
        floor_micro_per_kg=floor,
        cap_micro_per_kg=floor + span,
        payable_ppb=payable,
        form_factor_ppb=factor,
        conversion_micro_per_kg=conversion,
        sharing=SharingBand(above_micro_per_kg=above, seller_ppb=seller),
    ),
    MONEY,
    MONEY,
    st.integers(0, 10**9),
    st.integers(0, 3 * 10**9),
    MONEY,
    MONEY,
    st.integers(0, 10**9),
)


@given(PRICES, MONEY, MONEY)
def test_a_higher_index_never_lowers_the_price_and_floor_and_cap_bound_it(
    terms: AgreementTerms, one: int, other: int
) -> None:
    low, high = (price(terms, material(), at(each)).micro_per_kg for each in sorted((one, other)))
    assert low <= high
    clause = terms.price
    assert isinstance(clause, IndexedPrice)
    assert clause.floor_micro_per_kg is not None
    assert clause.cap_micro_per_kg is not None
    floored = price(terms, material(), at(clause.floor_micro_per_kg)).micro_per_kg
    capped = price(terms, material(), at(clause.cap_micro_per_kg)).micro_per_kg
    assert floored <= low
    assert high <= capped


@given(st.integers(0, 10**9), st.integers(0, 10**12), MONEY, st.integers(0, 10**9))
def test_cents_and_remainder_are_quantity_times_price(
    micro: int, quantity_g: int, restated: int, part: int
) -> None:
    final = line("final", quantity_g, Priced(micro, ()))
    more = difference(final, Priced(restated, ()))
    for each in (final, more):
        exact = each.quantity_g * each.price_micro_per_kg
        assert exact == each.amount_cents * 10**7 + each.remainder_micro_g_per_kg
    assert line("final", quantity_g, Priced(restated, ())).amount_cents == total_cents([final, more])
    share = provisional_share(Priced(micro, ()), part)
    assert 0 <= share.micro_per_kg <= micro


@given(MONEY, MONEY, st.integers(0, 10**9))
def test_a_difference_leaves_the_seller_the_strike_or_its_share_above(
    strike: int, mean: int, upside: int
) -> None:
    clause = ContractForDifference(index=INDEX, strike_micro_per_kg=strike, upside_ppb=upside)
    received = mean + difference_price(clause, at(mean)).micro_per_kg
    assert received == strike if mean <= strike else strike <= received <= mean


def test_what_is_said_twice_gives_the_same_bytes() -> None:
    terms = indexed(sustainability=sustainable(WIDE), floor_micro_per_kg=3)
    assert price(terms, material(), at(Fraction(10, 3))) == price(terms, material(), at(Fraction(10, 3)))


@pytest.mark.parametrize(
    ("clause", "currency", "penalties", "expected"),
    [
        (IndexedPrice(index=replace(INDEX, currency="USD")), "EUR", (), "rate_missing"),
        (IndexedPrice(index=replace(INDEX, fx_code="usd-eur")), "EUR", (), "rate_needless"),
        (FlatPrice(price_micro_per_kg=1), "USD", (DIRTY,), "euro_only"),
        (
            IndexedPrice(
                index=replace(INDEX, currency="USD"), sustainability=sustainable(SustainabilityProfile())
            ),
            "USD",
            (),
            "euro_only",
        ),
    ],
)
def test_a_price_is_in_one_currency_or_names_its_rate(
    clause: Any, currency: str, penalties: tuple[PenaltyRule, ...], expected: str
) -> None:
    terms = delivery_terms(clause, currency=currency, penalties=penalties)
    assert [expected] == [each.code for each in clause_refusals(terms, "spot", None)]


def share(country: str | None, *, strategic_project: bool = False) -> StepShare:
    return StepShare(
        stage="processing", country=country, share_ppm=MICRO, strategic_project=strategic_project
    )


@pytest.mark.parametrize(
    ("steps", "worth", "origin", "unstated"),
    [
        (UNSET, 2, "processing:EE", ""),
        ((share("EE"),), 2, "processing:EE", ""),
        ((share("CN"), share("EE")), -5, "processing:EE,processing:CN", ""),
        ((share("MY"), share("EE")), 0, "processing:EE,processing:MY", ""),
        ((share("CA", strategic_project=True), share("EE")), 2, "processing:EE,processing:CA", ""),
        ((share(None), share("EE")), -5, "processing:EE", "processing"),
    ],
)
def test_a_rule_set_may_go_by_steps_before_the_last(
    steps: tuple[StepShare, ...] | UnsetType, worth: int, origin: str, unstated: str
) -> None:
    profile = replace(
        WIDE, eu_origin_ueur_per_kg=2 * MICRO, concentrated_origin_deduction_ueur_per_kg=5 * MICRO
    )
    stated = (OriginStep(stage="processing", country="EE"),)
    of = material(evidence=DeliveryEvidence(origin=stated, steps=steps))
    before = material(evidence=DeliveryEvidence(origin=stated))
    for rule_set, expected in ((RULES, 2), (replace(RULES, origins_in_full=True), worth)):
        clause = SustainabilityClause(profile=profile, rule_set=rule_set, concentrated_origins=("CN",))
        found = price(indexed(sustainability=clause), of, at(100 * MICRO))
        (line,) = (term for term in found.terms if term.rule == "origin.1")
        assert expected * MICRO == line.micro_per_kg
        if rule_set is RULES:
            assert price(indexed(sustainability=clause), before, at(100 * MICRO)) == found
        else:
            assert (origin, unstated) == (line.inputs["origin"], line.inputs.get("unstated", ""))


@pytest.mark.parametrize(("first_is_project", "worth"), [(True, 2), (False, 0)])
def test_a_strategic_project_does_not_hide_another_step_in_its_country(
    first_is_project: bool, worth: int
) -> None:
    profile = replace(WIDE, eu_origin_ueur_per_kg=2 * MICRO)
    project = OriginStep(stage="processing", country="NO", strategic_project=True)
    last = StepShare(
        stage="processing", country="NO", form="strip_cast_alloy", share_ppm=MICRO, strategic_project=True
    )
    first = replace(last, form="metal", strategic_project=first_is_project)
    rule_set = replace(RULES, origins_in_full=True)
    clause = SustainabilityClause(profile=profile, rule_set=rule_set)
    of = material(evidence=DeliveryEvidence(origin=(project,), steps=(first, last)))
    found = price(indexed(sustainability=clause), of, at(100 * MICRO))
    assert worth * MICRO == sum(term.micro_per_kg for term in found.terms if term.rule == "origin.1")
