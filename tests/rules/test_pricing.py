"""Every term of a buyer's bid, in micro-EUR per basis kg, with its reason, inputs and evidence."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from events.clearing_terms import PriceTerm
from events.market_terms import (
    AcceptedForm,
    Carriage,
    CertificateAmount,
    CertifiedPeriod,
    ConcentratedOrigins,
    CoProductBid,
    MemberCertificate,
    PenaltyRule,
    RexAmount,
    SustainabilityProfile,
)
from events.vocabulary import Footprint, OriginStep, Place, RecycledContent, StatedPrice
from market.rules.clearing.eligibility import deliveries
from market.rules.clearing.pricing import price_terms, sustainability, total
from tests.blotter import (
    EUR,
    PERCENT,
    PPM,
    START,
    Lane,
    assay,
    benchmark,
    cell,
    ident,
    market_terms,
    member,
    ndpr_price,
    passport_evidence,
    rule_set,
    site,
    supply_terms,
    usd_rate,
)

OPEN = SustainabilityProfile(floor_ueur_per_kg=-1_000 * EUR, cap_ueur_per_kg=1_000 * EUR)


def waterfall(
    supply: dict[str, Any] | None = None,
    requirement: dict[str, Any] | None = None,
    *,
    seller: dict[str, Any] | None = None,
    inputs: tuple[Any, ...] = (),
    rules: Any = None,
    **profile: Any,
) -> dict[str, PriceTerm]:
    """The terms of one pair by kind; `profile` are amounts of the buyer's bid for sustainability."""
    lane = Lane(rules=rules)
    lane.admit(member("seller", **(seller or {})), member("buyer"))
    for value in inputs:
        lane.record(value)
    offer = lane.offer("seller", "offer", supply_terms("seller", **(supply or {})))
    bid = {"profile": replace(OPEN, **profile)} | (requirement or {})
    wanted = lane.require("buyer", "requirement", **bid)
    sold, bought = lane.book.supplies[offer], lane.book.requirements[wanted]
    facts = lane.facts()
    terms = price_terms(sold, bought, facts, deliveries(sold.terms, bought.terms, facts.at)[0])
    assert total(terms) == sum(term.ueur_per_kg for term in terms)
    return {term.kind: term for term in terms}


def pcf(**changes: Any) -> Footprint:
    made = Footprint(
        g_co2e_per_kg=15_000,
        declared_unit="oxide",
        form="swarf",
        standard="ISO14067",
        boundary="cradle-to-gate",
        allocation="economic",
        reference_year=2025,
        primary_data_ppb=80 * PERCENT,
        verified=True,
        valid_until=START + timedelta(days=300),
    )
    return replace(made, **changes)


def oxides(**changes: Any) -> Any:
    """75 % Nd2O3 and 25 % Pr6O11: what NdPr oxide is traded as."""
    cells = (cell("Nd", 75 * PERCENT, as_="Nd2O3"), cell("Pr", 25 * PERCENT, as_="Pr6O11"))
    rest = (cell("Dy", None), cell("C", None), cell("Th", None))
    return assay(*cells, *rest, **changes)


def test_the_terms_stand_in_the_order_of_the_waterfall() -> None:
    kinds = ["form", "co_product", "carbon", "recycled", "certificates", "origin", "rex", "sustainability"]
    assert [*kinds, "penalties", "logistics"] == list(waterfall())


def test_form_differential_is_of_the_form_that_is_offered() -> None:
    forms = (
        AcceptedForm(form="metal", differential_ueur_per_kg=9),
        AcceptedForm(form="swarf", differential_ueur_per_kg=-3 * EUR),
    )
    assert -3 * EUR == waterfall({}, {"forms": forms})["form"].ueur_per_kg


def test_worked_carbon_figure() -> None:
    """Benchmark 65.4, footprint 15, λ 80 EUR/t: 4.032 EUR per kg oxide, 4.74 per kg of element."""
    supply = {"footprint": pcf(), "composition": oxides()}
    term = waterfall(supply, carbon_cents_per_t=8_000)["carbon"]
    # 4.032 EUR × 1 / (0.75 × 0.8574 + 0.25 × 0.8277)
    assert 4_743_668 == term.ueur_per_kg
    assert None is term.reason
    assert ("footprint:ISO14067",) == term.evidence
    assert "1176505191" == term.inputs["kg_oxide_per_basis_kg_ppb"]


def test_only_half_of_a_self_declared_improvement_counts() -> None:
    supply = {"footprint": pcf(verified=False), "composition": oxides()}
    term = waterfall(supply, carbon_cents_per_t=8_000)["carbon"]
    assert 2_371_834 == term.ueur_per_kg
    assert "40200" == term.inputs["effective_g_co2e_per_kg"]
    worse = {"footprint": pcf(verified=False, g_co2e_per_kg=65_500), "composition": oxides()}
    assert "65500" == waterfall(worse, carbon_cents_per_t=8_000)["carbon"].inputs["effective_g_co2e_per_kg"]


@pytest.mark.parametrize(
    ("footprint", "reason"),
    [
        (None, "pcf_missing"),
        (pcf(valid_until=START + timedelta(days=39)), "pcf_missing"),
        (pcf(allocation="mass"), "pcf_not_comparable"),
        (pcf(boundary="gate-to-gate"), "pcf_not_comparable"),
        (pcf(form="metal"), "pcf_not_comparable"),
        (pcf(declared_unit="element"), "pcf_not_comparable"),
    ],
)
def test_silence_is_priced_at_the_worst_that_may_be_declared(footprint: Any, reason: str) -> None:
    term = waterfall({"footprint": footprint}, carbon_cents_per_t=8_000)["carbon"]
    assert reason == term.reason
    assert "84000" == term.inputs["effective_g_co2e_per_kg"]
    honest = waterfall({"footprint": pcf(g_co2e_per_kg=99_000)}, carbon_cents_per_t=8_000)["carbon"]
    assert honest.ueur_per_kg == term.ueur_per_kg < 0
    assert None is honest.reason


def test_no_bid_for_carbon_asks_for_no_footprint() -> None:
    term = waterfall()["carbon"]
    assert (0, None) == (term.ueur_per_kg, term.reason)


def test_a_form_without_benchmark_has_no_carbon_term() -> None:
    rules = rule_set(benchmarks=(benchmark("metal"),))
    term = waterfall({"footprint": pcf()}, rules=rules, carbon_cents_per_t=8_000)["carbon"]
    assert (0, "benchmark_missing") == (term.ueur_per_kg, term.reason)


def test_a_worst_value_below_the_benchmark_never_pays_for_silence() -> None:
    rules = rule_set(benchmarks=(benchmark(worst_g_co2e_per_kg=10_000),))
    assert 0 == waterfall({}, rules=rules, carbon_cents_per_t=8_000)["carbon"].ueur_per_kg


def test_recycled_shares_stay_apart_and_round_down() -> None:
    content = RecycledContent(post_consumer_ppb=333_333_333, pre_consumer_ppb=100_000_000)
    term = waterfall(
        {"recycled": content}, post_consumer_ueur_per_kg=6 * EUR, pre_consumer_ueur_per_kg=2 * EUR
    )["recycled"]
    assert 2_199_999 == term.ueur_per_kg
    assert "333333333" == term.inputs["post_consumer_ppb"]


def test_only_the_larger_of_recycled_and_rex_counts() -> None:
    supply = {"recycled": RecycledContent(post_consumer_ppb=500_000_000), "rex_routes": ("reuse", "recycle")}
    rex = (RexAmount(route="reuse", ueur_per_kg=3 * EUR),)
    bid = {"rex_route": "reuse"}
    terms = waterfall(supply, bid, post_consumer_ueur_per_kg=5 * EUR, rex=rex)
    assert (0, 3 * EUR) == (terms["recycled"].ueur_per_kg, terms["rex"].ueur_per_kg)
    assert "smaller_than_rex" == terms["recycled"].reason
    assert "2500000" == terms["recycled"].inputs["would_be_ueur_per_kg"]
    terms = waterfall(supply, bid, post_consumer_ueur_per_kg=6 * EUR, rex=rex)
    assert (3 * EUR, 0) == (terms["recycled"].ueur_per_kg, terms["rex"].ueur_per_kg)
    assert "smaller_than_recycled" == terms["rex"].reason
    both = waterfall(
        supply,
        bid,
        rules=rule_set(only_larger_of_recycled_and_rex=False),
        post_consumer_ueur_per_kg=6 * EUR,
        rex=rex,
    )
    assert (3 * EUR, 3 * EUR) == (both["recycled"].ueur_per_kg, both["rex"].ueur_per_kg)


def test_rex_pays_for_the_route_that_the_buyer_runs_and_the_lot_is_fit_for() -> None:
    rex = (RexAmount(route="reuse", ueur_per_kg=3 * EUR),)
    unfit = waterfall({"rex_routes": ("recycle",)}, {"rex_route": "reuse"}, rex=rex)["rex"]
    assert (0, "route_not_offered") == (unfit.ueur_per_kg, unfit.reason)
    assert 0 == waterfall({"rex_routes": ("reuse",)}, {}, rex=rex)["rex"].ueur_per_kg


def test_certificates_are_recognised_and_of_the_site() -> None:
    held = MemberCertificate(
        certificate=ident("certificate"),
        facility=site("seller"),
        scheme="IRMA",
        valid_from=START - timedelta(days=1),
        valid_until=START + timedelta(days=40),
    )
    bids = (
        CertificateAmount(scheme="IRMA", ueur_per_kg=EUR),
        CertificateAmount(scheme="ISO14001", ueur_per_kg=EUR),
    )
    supply = {"certificates": (ident("certificate"),)}
    term = waterfall(supply, seller={"certificates": (held,)}, certificates=bids)["certificates"]
    assert (EUR, (f"certificate:{ident('certificate')}",)) == (term.ueur_per_kg, term.evidence)
    unknown = rule_set(recognised_certificates=())
    terms = waterfall(supply, seller={"certificates": (held,)}, certificates=bids, rules=unknown)
    assert 0 == terms["certificates"].ueur_per_kg


def test_a_certificate_of_the_passport_is_paid_once_beside_the_sites() -> None:
    """One that ends before the delivery does is worth nothing."""
    bids = (CertificateAmount(scheme="IRMA", ueur_per_kg=EUR),)
    paper = CertifiedPeriod(
        scheme="IRMA", valid_from=START - timedelta(days=1), valid_until=START + timedelta(days=40)
    )
    proof = f"certificate:passport:{ident('passport of seller')}"
    term = waterfall({"passport_evidence": passport_evidence(paper)}, certificates=bids)["certificates"]
    assert (EUR, (proof,)) == (term.ueur_per_kg, term.evidence)
    held = MemberCertificate(
        certificate=ident("certificate"), facility=site("seller"), scheme="IRMA",
        valid_from=paper.valid_from, valid_until=paper.valid_until,
    )  # fmt: skip
    both = {"certificates": (ident("certificate"),), "passport_evidence": passport_evidence(paper)}
    term = waterfall(both, seller={"certificates": (held,)}, certificates=bids)["certificates"]
    assert (EUR, (f"certificate:{ident('certificate')}", proof)) == (term.ueur_per_kg, term.evidence)
    short = replace(paper, valid_until=START + timedelta(days=39))
    gone = waterfall({"passport_evidence": passport_evidence(short)}, certificates=bids)["certificates"]
    assert (0, ()) == (gone.ueur_per_kg, gone.evidence)


def test_origin_amount_and_deduction() -> None:
    listed = ConcentratedOrigins(countries=("CN",), as_of=START.date(), source="list")
    bid: dict[str, Any] = {
        "eu_origin_ueur_per_kg": 2 * EUR,
        "concentrated_origin_deduction_ueur_per_kg": 5 * EUR,
    }
    assert 2 * EUR == waterfall(inputs=(listed,), **bid)["origin"].ueur_per_kg
    mixed = (OriginStep(stage="extraction", country="CN"), OriginStep(stage="processing", country="DE"))
    term = waterfall({"origin": mixed}, inputs=(listed,), **bid)["origin"]
    assert (-5 * EUR, "CN", ("input:5",)) == (term.ueur_per_kg, term.inputs["concentrated"], term.evidence)
    assert 0 == waterfall({"origin": mixed}, **bid)["origin"].ueur_per_kg
    strategic = (OriginStep(stage="extraction", country="AU", strategic_project=True),)
    assert 2 * EUR == waterfall({"origin": strategic}, inputs=(listed,), **bid)["origin"].ueur_per_kg


def test_sustainability_is_clamped_and_the_parts_stay_visible() -> None:
    profile: dict[str, Any] = {"eu_origin_ueur_per_kg": 9 * EUR, "cap_ueur_per_kg": 4 * EUR}
    terms = waterfall(**profile)
    assert (9 * EUR, -5 * EUR) == (terms["origin"].ueur_per_kg, terms["sustainability"].ueur_per_kg)
    assert "capped" == terms["sustainability"].reason
    assert 4 * EUR == sustainability(terms.values())
    floored = waterfall(floor_ueur_per_kg=EUR)
    assert (EUR, "floored") == (
        floored["sustainability"].ueur_per_kg,
        floored["sustainability"].reason,
    )


def test_the_profile_of_the_rule_set_counts_only_where_the_buyer_says_so() -> None:
    default = SustainabilityProfile(eu_origin_ueur_per_kg=EUR, cap_ueur_per_kg=EUR)
    rules = rule_set(default_profile=default)
    assert EUR == sustainability(waterfall({}, {"profile": None}, rules=rules).values())
    assert 0 == sustainability(waterfall(rules=rules).values())


def test_co_products_are_capped_paid_and_need_an_assay() -> None:
    """28 % NdPr and 1 % Dy: 1/28 kg Dy per basis kg."""
    bids = (
        CoProductBid(
            analyte="Dy",
            price_ueur_per_kg=200 * EUR,
            payable_ppb=800_000_000,
            max_ratio_ppb=1_000_000_000,
        ),
        CoProductBid(analyte="Tb", price_ueur_per_kg=900 * EUR, payable_ppb=800_000_000, max_ratio_ppb=10**9),
        CoProductBid(analyte="Nd", price_ueur_per_kg=900 * EUR, payable_ppb=10**9, max_ratio_ppb=10**9),
    )
    term = waterfall({}, {"co_products": bids})["co_product"]
    assert "35714285" == term.inputs["Dy_kg_per_basis_kg_ppb"]
    assert 5_714_285 == term.ueur_per_kg
    assert "assay_missing" == term.inputs["Tb_reason"]
    assert not [name for name in term.inputs if name.startswith("Nd")]
    capped = replace(bids[0], max_ratio_ppb=10_000_000)
    assert 1_600_000 == waterfall({}, {"co_products": (capped,)})["co_product"].ueur_per_kg
    below = assay(cell("Dy", PERCENT, below=True))
    assert 0 == waterfall({"composition": below}, {"co_products": bids[:1]})["co_product"].ueur_per_kg


def test_a_co_product_may_be_paid_at_a_dated_reference() -> None:
    bid = CoProductBid(analyte="Dy", reference_code="USGS-Dy", payable_ppb=10**9, max_ratio_ppb=1_000_000_000)
    missing = waterfall({}, {"co_products": (bid,)})["co_product"]
    assert (0, "reference_missing") == (missing.ueur_per_kg, missing.inputs["Dy_reason"])
    price = ndpr_price(code="USGS-Dy", analyte="Dy")
    price = replace(price, price=StatedPrice(amount_micro=239 * EUR, currency="USD", per="oxide"))
    assert (
        "reference_missing"
        == waterfall({}, {"co_products": (bid,)}, inputs=(price,))["co_product"].inputs["Dy_reason"]
    )
    term = waterfall({}, {"co_products": (bid,)}, inputs=(price, usd_rate(1_000_000)))["co_product"]
    # Dy oxide at 239 is 274.3 per kg of element; 0.035714285 kg of it per basis kg
    assert "274302765" == term.inputs["Dy_price_ueur_per_kg"]
    assert 9_796_527 == term.ueur_per_kg
    assert ("input:5", "input:6") == term.evidence


def test_a_price_of_ndpr_is_one_of_nd() -> None:
    """The dysprosium market pays Nd and Pr by the price that the world quotes for both."""
    bid = CoProductBid(analyte="Nd", reference_code="USGS-NdPr", payable_ppb=10**9, max_ratio_ppb=10**12)
    lane = Lane(terms=market_terms(basis="dy"))
    lane.admit(member("seller"), member("buyer"))
    lane.record(ndpr_price())
    offer = lane.offer("seller", "offer", basis_g=200_000)
    wanted = lane.require("buyer", "wanted", co_products=(bid,))
    sold, bought = lane.book.supplies[offer], lane.book.requirements[wanted]
    delivery = deliveries(sold.terms, bought.terms, lane.now)[0]
    term = price_terms(sold, bought, lane.facts(), delivery)[1]
    # 21 kg of Nd for each kg of Dy, at 69 EUR per kg of oxide: 81.18 per kg of element
    assert (1_704_756_022, ("input:5",)) == (term.ueur_per_kg, term.evidence)


def test_penalties_take_each_full_or_begun_step() -> None:
    rule = PenaltyRule(analyte="C", threshold_ppb=150 * PPM, step_ppb=100 * PPM, ueur_per_kg_per_step=500_000)
    assert -1_500_000 == waterfall({}, {"penalties": (rule,)})["penalties"].ueur_per_kg
    exact = replace(rule, threshold_ppb=400 * PPM)
    assert 0 == waterfall({}, {"penalties": (exact,)})["penalties"].ueur_per_kg
    limit = assay(cell("C", 401 * PPM, below=True))
    assert -500_000 == waterfall({"composition": limit}, {"penalties": (exact,)})["penalties"].ueur_per_kg


def test_carriage_comes_from_the_buyers_table() -> None:
    abroad = {"place": Place(country="EE", name="Sillamäe")}
    per_basis = Carriage(country="EE", per="basis", ueur_per_kg=700_001)
    assert -700_001 == waterfall(abroad, {"carriage": (per_basis,)})["logistics"].ueur_per_kg
    per_product = replace(per_basis, per="product")
    # 25 t carry 5.6 t of basis: rounded against the bid
    assert -3_125_005 == waterfall(abroad, {"carriage": (per_product,)})["logistics"].ueur_per_kg
    assert 0 == waterfall()["logistics"].ueur_per_kg


@given(
    footprint=st.integers(0, 200_000),
    better=st.integers(0, 50_000),
    verified=st.booleans(),
    rate=st.integers(1, 100_000),
)
def test_less_carbon_never_pays_less_and_silence_never_more(
    footprint: int, better: int, *, verified: bool, rate: int
) -> None:
    def worth(declared: Footprint | None) -> int:
        return waterfall({"footprint": declared}, carbon_cents_per_t=rate)["carbon"].ueur_per_kg

    dirty = worth(pcf(g_co2e_per_kg=footprint + better, verified=verified))
    assert worth(None) <= dirty <= worth(pcf(g_co2e_per_kg=footprint, verified=verified))


def test_a_pair_that_is_not_eligible_has_no_price() -> None:
    with pytest.raises(ValueError, match="is not accepted"):
        waterfall({}, {"forms": (AcceptedForm(form="metal"),)})
    nothing = assay(cell("Nd", 0), cell("Pr", 0))
    row = Carriage(country="DE", per="product", ueur_per_kg=1)
    with pytest.raises(ValueError, match="carries no basis"):
        waterfall({"composition": nothing, "basis_g": 1}, {"carriage": (row,)})


def test_only_the_row_of_the_place_counts() -> None:
    rows = (
        Carriage(country="EE", per="basis", ueur_per_kg=9),
        Carriage(country="DE", per="basis", ueur_per_kg=2),
    )
    assert -2 == waterfall({}, {"carriage": rows})["logistics"].ueur_per_kg


def test_a_reference_of_another_analyte_pays_nothing() -> None:
    bid = CoProductBid(analyte="Dy", reference_code="USGS-NdPr", payable_ppb=10**9, max_ratio_ppb=10**9)
    term = waterfall({}, {"co_products": (bid,)}, inputs=(ndpr_price(),))["co_product"]
    assert (0, "reference_missing") == (term.ueur_per_kg, term.inputs["Dy_reason"])
    euros = replace(bid, reference_code="EU-Dy")
    price = ndpr_price(280 * EUR, code="EU-Dy", analyte="Dy")
    price = replace(price, price=replace(price.price, per="element"))
    term = waterfall({}, {"co_products": (euros,)}, inputs=(price,))["co_product"]
    assert (9_999_999, ("input:5",)) == (term.ueur_per_kg, term.evidence)
