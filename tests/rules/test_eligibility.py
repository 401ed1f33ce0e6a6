"""Every reason against a pair, with its figures; and that what is allowed is allowed."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from events.market_terms import (
    AcceptedForm,
    AnalyteLimit,
    Carriage,
    CertifiedPeriod,
    MemberCertificate,
    MemberLicence,
    PenaltyRule,
    PurityFloor,
    Qualification,
)
from events.vocabulary import (
    Assay,
    Footprint,
    OriginStep,
    Place,
    RecycledContent,
    TermHorizon,
    Tranche,
)
from market.rules.clearing.eligibility import eligible_deliveries, reasons
from tests.blotter import (
    EUR,
    MARKET,
    PERCENT,
    PPM,
    START,
    Lane,
    T,
    assay,
    benchmark,
    cell,
    days,
    ident,
    member,
    passport_evidence,
    requirement_terms,
    rule_set,
    site,
    supply_terms,
)
from tests.blotter import eur as priced

SELLER, BUYER = "seller", "buyer"
END = days(0, 40).end


def verdict(
    supply: dict[str, Any] | None = None,
    requirement: dict[str, Any] | None = None,
    *,
    seller: dict[str, Any] | None = None,
    buyer: dict[str, Any] | None = None,
    inputs: tuple[Any, ...] = (),
    rules: Any = None,
    suspended: bool = False,
) -> list[str]:
    """The reasons against one pair, as text; both answers of the module have to agree."""
    lane = Lane(rules=rules)
    lane.admit(member(SELLER, **(seller or {})), member(BUYER, **(buyer or {})))
    for value in inputs:
        lane.record(value)
    offer = lane.offer(SELLER, "offer", supply_terms(SELLER, **(supply or {})))
    wanted = lane.require(BUYER, "requirement", **(requirement or {}))
    if suspended:
        lane.book.suspended.add(ident(SELLER))
    pair = lane.book.supplies[offer], lane.book.requirements[wanted]
    found = reasons(*pair, lane.facts())
    assert bool(eligible_deliveries(*pair, lane.facts())) == (not found)
    return [str(reason) for reason in found]


def pcf(**changes: Any) -> Footprint:
    made: dict[str, Any] = {
        "g_co2e_per_kg": 15_000,
        "declared_unit": "oxide",
        "form": "swarf",
        "standard": "ISO14067",
        "boundary": "cradle-to-gate",
        "allocation": "economic",
        "reference_year": 2025,
        "primary_data_ppb": 80 * PERCENT,
        "verified": True,
        "valid_until": START + timedelta(days=300),
    }
    return Footprint(**(made | changes))


def licence(**changes: Any) -> MemberLicence:
    made = MemberLicence(
        licence=ident("licence"),
        facility=site(BUYER),
        kind="waste_treatment",
        waste_statuses=("waste",),
        ewc_codes=("12-01-03",),
        valid_from=START - timedelta(days=1),
        valid_until=START + timedelta(days=300),
    )
    return replace(made, **changes)


def test_a_fitting_pair_has_no_reason() -> None:
    assert [] == verdict()


def test_above_max_names_both_figures() -> None:
    limits = (AnalyteLimit(analyte="Th", max_ppb=50 * PPM),)
    composition = assay(cell("Th", 120 * PPM))
    assert ["above_max:Th 120 ppm > 50 ppm"] == verdict({"composition": composition}, {"limits": limits})


@pytest.mark.parametrize(
    ("measured", "limit", "expected"),
    [
        (cell("C", None), AnalyteLimit(analyte="C", max_ppb=PPM), ["assay_missing:C"]),
        (cell("C", 2 * PPM, below=True), AnalyteLimit(analyte="C", max_ppb=2 * PPM), []),
        (
            cell("C", 2 * PPM, below=True),
            AnalyteLimit(analyte="C", max_ppb=2 * PPM - 1),
            ["above_max:C <2 ppm > 1.999 ppm"],
        ),
        (
            cell("Dy", PERCENT, below=True),
            AnalyteLimit(analyte="Dy", min_ppb=1),
            ["below_min:Dy <1 % < 0.001 ppm"],
        ),
        (cell("Dy", 9 * PERCENT), AnalyteLimit(analyte="Dy", min_ppb=9 * PERCENT), []),
    ],
)
def test_the_three_states_of_a_cell(measured: Any, limit: AnalyteLimit, expected: list[str]) -> None:
    assert expected == verdict({"composition": assay(measured)}, {"limits": (limit,)})


def test_an_analyte_that_the_assay_does_not_name_is_missing_not_zero() -> None:
    limits = (AnalyteLimit(analyte="O", max_ppb=PERCENT), AnalyteLimit(analyte="O", min_ppb=0))
    assert ["assay_missing:O"] == verdict({}, {"limits": limits})


def test_a_penalised_analyte_has_to_be_measured() -> None:
    penalty = PenaltyRule(analyte="Cl", threshold_ppb=0, step_ppb=PPM, ueur_per_kg_per_step=1)
    assert ["assay_missing:Cl"] == verdict({}, {"penalties": (penalty,)})


def test_limits_are_of_the_dry_sample() -> None:
    limits = (AnalyteLimit(analyte="C", max_ppb=499 * PPM),)
    as_received = assay(basis="as_received")
    assert ["above_max:C 500 ppm > 499 ppm"] == verdict({"composition": as_received}, {"limits": limits})


def test_an_oxide_is_compared_as_element() -> None:
    composition = assay(cell("Dy", PERCENT, as_="Dy2O3"))
    limits = (AnalyteLimit(analyte="Dy", min_ppb=PERCENT),)
    assert ["below_min:Dy 0.8713 % < 1 %"] == verdict({"composition": composition}, {"limits": limits})


def test_activity_decides_not_only_the_mass() -> None:
    stated = Assay(
        laboratory="lab", reference="A", sampled_on=START.date(), th_mbq_per_g=1_200, u_mbq_per_g=None
    )
    found = verdict({"assay": stated}, {"th_max_mbq_per_g": 1_000, "u_max_mbq_per_g": 1_000})
    assert ["above_max:Th-activity 1.200 Bq/g > 1.000 Bq/g", "assay_missing:U-activity"] == found


def test_purity_is_judged_as_traded_oxides_of_treo() -> None:
    purity = PurityFloor(elements=("Nd", "Pr"), min_ppb=990_000_000)
    composition = assay(treo_ppb=40 * PERCENT)
    found = verdict({"composition": composition}, {"purity": purity})
    assert ["below_min:NdPr/TREO 82.3745566 % < 99 %"] == found


def test_purity_without_treo_needs_the_whole_panel() -> None:
    purity = PurityFloor(elements=("Nd", "Pr"), min_ppb=PERCENT)
    assert ["assay_missing:TREO"] == verdict({}, {"purity": purity})
    assert ["assay_missing:EuGd"] == verdict({}, {"purity": replace(purity, elements=("Eu", "Gd"))})


def test_form_origin_and_licence_are_reasons_together() -> None:
    found = verdict(
        {"origin": (OriginStep(stage="extraction", country="XX"),), "export_licence": "pending"},
        {"forms": (AcceptedForm(form="metal"),), "origins_excluded": ("XX", "YY")},
    )
    assert ["form_not_accepted:swarf", "origin_excluded:XX", "export_licence_pending"] == found


def test_a_tranche_has_to_overlap_long_enough() -> None:
    early = (Tranche(window=days(10, 20), net_wet_g=25 * T),)
    assert [] == verdict({"tranches": early}, {"window": days(15, 40), "overlap_min_days": 5})
    found = verdict({"tranches": early}, {"window": days(15, 40), "overlap_min_days": 6})
    assert ["window_disjoint 2026-03-12/2026-03-22 against 2026-03-17/2026-04-11, 6 d at least"] == found


def test_a_window_that_is_over_delivers_nothing() -> None:
    past = (Tranche(window=days(-20, 0), net_wet_g=25 * T),)
    found = verdict({"tranches": past}, {"window": days(-20, 5), "overlap_min_days": 0})
    assert ["window_disjoint"] == [reason.split()[0] for reason in found]


def test_one_fitting_tranche_is_enough() -> None:
    tranches = (
        Tranche(window=days(70, 90), net_wet_g=20 * T),
        Tranche(window=days(20, 30), net_wet_g=5 * T),
    )
    assert [] == verdict({"tranches": tranches})


def test_same_parent_never_trades_with_itself() -> None:
    group = ident("group of buyer")
    assert ["same_group"] == verdict(seller={"group": group})


def test_initiatives_close_from_either_side() -> None:
    assert ["initiative_closed remhub"] == verdict({"visible_to_initiatives": ("remhub",)})
    assert ["initiative_closed permanet"] == verdict({}, {"visible_to_initiatives": ("permanet",)})
    shown = {"visible_to_initiatives": ("remhub", "permanet")}
    assert [] == verdict(shown, buyer={"initiatives": ("permanet",)})


def test_screening_expires_on_either_side() -> None:
    past = {"sanctions_screened_until": START - timedelta(seconds=1)}
    assert ["sanctions_screening_expired 2026-03-02"] == verdict(seller=past)
    assert ["sanctions_screening_expired 2026-03-02"] == verdict(buyer=past)


def test_an_exclusion_says_what_a_suspension_says_and_no_more() -> None:
    excluded = verdict(
        {"origin": (OriginStep(stage="extraction", country="XX"),)},
        {"organisations_excluded": (ident(SELLER),), "origins_excluded": ("XX",)},
    )
    assert ["not_available"] == excluded
    assert excluded == verdict(suspended=True)


def test_qualification_is_per_site_and_form() -> None:
    qualified = Qualification(
        buyer=ident(BUYER), seller=ident(SELLER), facility=site(SELLER), form="swarf", level="sample"
    )
    wanted = {"qualification_min": "pilot"}
    assert ["not_qualified none < pilot"] == verdict({}, wanted)
    assert ["not_qualified sample < pilot"] == verdict({}, wanted, inputs=(qualified,))
    assert [] == verdict({}, wanted, inputs=(replace(qualified, level="production"),))
    elsewhere = replace(qualified, level="production", form="metal")
    assert ["not_qualified none < pilot"] == verdict({}, wanted, inputs=(elsewhere,))


def test_carriage_is_needed_from_abroad_only() -> None:
    abroad = {"place": Place(country="EE", name="Sillamäe")}
    assert ["carriage_not_stated:EE"] == verdict(abroad)
    row = Carriage(country="EE", per="basis", ueur_per_kg=EUR)
    assert [] == verdict(abroad, {"carriage": (row,)})


def test_parcels_have_to_fit_both_quantities() -> None:
    found = verdict({"minimum_parcel_wet_g": 25 * T}, {"basis_g": 5_599_999})
    own, other = "parcel 5600.000 kg, left 5600.000 kg", "parcel 0.001 kg, left 5599.999 kg"
    assert [f"parcel_too_large:offer {own} against {other}"] == found
    [asked] = verdict({"minimum_parcel_wet_g": T}, {"minimum_parcel_g": 5_600_001})
    assert asked.startswith("parcel_too_large:requirement ")
    assert [] == verdict({"minimum_parcel_wet_g": 25 * T})


def test_credit_covers_the_least_parcel_at_the_own_limit() -> None:
    wanted = {"payment": "credit", "minimum_parcel_g": 1_000}
    assert ["credit_exceeded 0.001 kg against 69.99 EUR"] == verdict(
        {}, wanted | {"credit_limit_cents_eur": 6_999}
    )
    assert [] == verdict({}, wanted | {"credit_limit_cents_eur": 7_000})
    assert ["credit_exceeded 0.001 kg against 0.00 EUR"] == verdict({}, wanted)


@pytest.mark.parametrize(
    ("first", "last", "scheme", "counts"),
    [
        (START, END, "IRMA", True),
        (START, END - timedelta(microseconds=1), "IRMA", False),
        (START + timedelta(microseconds=1), END + timedelta(days=9), "IRMA", False),
        (START, END + timedelta(days=9), "ISO14001", False),
    ],
)
def test_certificates_of_the_passport_count_and_are_valid_to_the_end_of_delivery(
    first: datetime, last: datetime, scheme: str, counts: bool
) -> None:
    """Without one of the seller's."""
    paper = CertifiedPeriod(scheme=scheme, valid_from=first, valid_until=last)
    asked = {"certificates_required": ("IRMA",)}
    found = verdict({"passport_evidence": passport_evidence(paper)}, asked, seller={"certificates": ()})
    assert ([] if counts else ["certificate_missing:IRMA to 2026-04-11"]) == found


def test_certificates_are_of_the_site_and_valid_to_the_end_of_delivery() -> None:
    held = MemberCertificate(
        certificate=ident("certificate"),
        facility=site(SELLER),
        scheme="IRMA",
        valid_from=START - timedelta(days=1),
        valid_until=START + timedelta(days=40),
    )
    named, asked = {"certificates": (ident("certificate"),)}, {"certificates_required": ("IRMA",)}
    missing = ["certificate_missing:IRMA to 2026-04-11"]
    assert [] == verdict(named, asked, seller={"certificates": (held,)})
    assert missing == verdict({}, asked, seller={"certificates": (held,)})
    short = replace(held, valid_until=START + timedelta(days=39))
    assert missing == verdict(named, asked, seller={"certificates": (short,)})
    elsewhere = replace(held, facility=ident("another site"))
    assert missing == verdict(named, asked, seller={"certificates": (elsewhere,)})
    later = replace(held, valid_from=START + timedelta(days=1))
    assert missing == verdict(named, asked, seller={"certificates": (later,)})


def test_a_carbon_cap_needs_a_comparable_footprint() -> None:
    cap = {"footprint_max_g_co2e_per_kg": 15_000}
    assert [] == verdict({"footprint": pcf()}, cap)
    assert ["pcf_missing"] == verdict({}, cap)
    assert ["pcf_missing"] == verdict({"footprint": pcf(valid_until=START)}, cap)
    assert ["pcf_not_comparable"] == verdict({"footprint": pcf(allocation="mass")}, cap)
    assert ["footprint_above_max 15001 g CO2e/kg > 15000 g CO2e/kg"] == verdict(
        {"footprint": pcf(g_co2e_per_kg=15_001)}, cap
    )
    other = rule_set(benchmarks=(benchmark("metal"),))
    assert [] == verdict({"footprint": pcf(allocation="mass")}, cap, rules=other)


def test_recycled_share_counts_both_kinds_and_silence_is_none() -> None:
    asked = {"recycled_min_ppb": 30 * PERCENT}
    content = RecycledContent(post_consumer_ppb=20 * PERCENT, pre_consumer_ppb=10 * PERCENT)
    assert [] == verdict({"recycled": content}, asked)
    assert ["recycled_below_min not stated < 30 %"] == verdict({}, asked)


def test_waste_needs_a_permit_and_across_a_border_a_consent() -> None:
    waste = {"waste_status": "waste", "ewc_code": "12-01-03"}
    permit = "waste_licence_missing:12-01-03 to 2026-04-11"
    assert [permit] == verdict(waste)
    assert [] == verdict(waste, buyer={"licences": (licence(),)})
    for wrong in (
        licence(ewc_codes=("16-02-16",)),
        licence(waste_statuses=("end_of_waste",)),
        licence(valid_until=START + timedelta(days=39)),
        licence(facility=ident("another site")),
        licence(from_countries=("FR",)),
    ):
        assert [permit] == verdict(waste, buyer={"licences": (wrong,)})
    recycling = {"licences": (licence(routes=("recycle", "repurpose")),)}
    for route, against in (
        ("recycle", []),
        ("reuse", ["waste_route_unlicensed:reuse"]),
        (None, ["waste_route_unlicensed"]),
    ):
        assert against == verdict(waste, {"rex_route": route}, buyer=recycling)
    short = licence(routes=("recycle",), valid_until=START + timedelta(days=39))
    assert [permit] == verdict(waste, {"rex_route": "reuse"}, buyer={"licences": (short,)})
    abroad = {"country": "FR", "facilities": member(BUYER, "FR").facilities}
    consent = licence(kind="shipment_consent", from_countries=("DE",))
    found = verdict(waste, buyer=abroad | {"licences": (licence(),)})
    assert ["shipment_consent_missing:DE-FR to 2026-04-11"] == found
    assert [] == verdict(waste, buyer=abroad | {"licences": (licence(), consent)})
    assert [permit] == verdict(waste, buyer=abroad | {"licences": (consent,)})


def term(**changes: Any) -> TermHorizon:
    made = TermHorizon(
        start_year=2027,
        profile_ppb=(500_000_000, 1_000_000_000),
        profile_tolerance_ppb=50_000_000,
        index="USGS-NdPr",
        quotation_period="M+1",
    )
    return replace(made, **changes)


def test_horizons_have_to_be_equal() -> None:
    assert ["horizon_differs USGS-NdPr from 2027 ≠ spot"] == verdict({"term": term()})
    found = verdict({"term": term()}, {"term": term(start_year=2028)})
    assert ["horizon_differs USGS-NdPr from 2027 ≠ USGS-NdPr from 2028"] == found
    assert [] == verdict({"term": term()}, {"term": term()})


def test_profiles_agree_within_what_both_tolerate() -> None:
    near = term(profile_ppb=(540_000_000, 1_000_000_000), profile_tolerance_ppb=40_000_000)
    assert [] == verdict({"term": term()}, {"term": near})
    far = replace(near, profile_tolerance_ppb=39_999_999)
    assert ["profile_incompatible:2027 50 % ≠ 54 %"] == verdict({"term": term()}, {"term": far})
    short = term(profile_ppb=(500_000_000,), quotation_period="M")
    assert ["profile_incompatible:quotation_period M+1 ≠ M", "profile_incompatible:years 2 ≠ 1"] == verdict(
        {"term": term()}, {"term": short}
    )
    floored = term(floor_ueur_per_kg=50 * EUR)
    assert ["profile_incompatible:floor 50.000000 EUR/kg > none"] == verdict(
        {"term": floored}, {"term": term()}
    )
    assert [] == verdict({"term": floored}, {"term": term(floor_ueur_per_kg=50 * EUR)})


def test_term_orders_need_papers_for_their_first_year() -> None:
    held = MemberCertificate(
        certificate=ident("certificate"),
        facility=site(SELLER),
        scheme="IRMA",
        valid_from=START - timedelta(days=1),
        valid_until=START + timedelta(days=670),
    )
    supply = {"term": term(), "certificates": (ident("certificate"),)}
    wanted = {"term": term(), "certificates_required": ("IRMA",)}
    assert [] == verdict(supply, wanted, seller={"certificates": (held,)})
    short = replace(held, valid_until=START + timedelta(days=660))
    assert ["certificate_missing:IRMA to 2028-01-01"] == verdict(
        supply, wanted, seller={"certificates": (short,)}
    )


def test_all_reasons_come_at_once_even_without_a_common_window() -> None:
    found = verdict(
        {"waste_status": "waste", "composition": assay(cell("C", None))},
        {
            "window": days(100, 120),
            "limits": (AnalyteLimit(analyte="C", max_ppb=1),),
            "certificates_required": ("IRMA",),
            "limit": priced(0),
        },
    )
    codes = ["assay_missing:C", "window_disjoint", "certificate_missing:IRMA", "waste_licence_missing"]
    assert codes == [reason.split()[0] for reason in found]


def test_requirement_terms_of_the_blotter_are_of_the_market() -> None:
    assert MARKET == Lane().book.market
    assert requirement_terms().basis_g == supply_terms().basis_g


def test_a_site_that_the_market_does_not_know_counts_by_the_named_place() -> None:
    waste = {"waste_status": "waste", "ewc_code": "12-01-03", "facility": ident("revoked site")}
    buyer = {"country": "FR", "facilities": member(BUYER, "FR").facilities, "licences": (licence(),)}
    assert ["shipment_consent_missing:DE-FR to 2026-04-11"] == verdict(waste, buyer=buyer)


def test_other_countries_of_the_carriage_table_do_not_help() -> None:
    rows = (
        Carriage(country="FI", per="basis", ueur_per_kg=1),
        Carriage(country="SE", per="basis", ueur_per_kg=1),
    )
    abroad = {"place": Place(country="EE", name="Sillamäe")}
    assert ["carriage_not_stated:EE"] == verdict(abroad, {"carriage": rows})


def test_what_is_pure_enough_and_little_enough_active_passes() -> None:
    quiet = Assay(laboratory="lab", reference="A", sampled_on=START.date(), th_mbq_per_g=1, u_mbq_per_g=1)
    purity = PurityFloor(elements=("Nd", "Pr"), min_ppb=823_745_566)
    supply = {"assay": quiet, "composition": assay(treo_ppb=40 * PERCENT)}
    assert [] == verdict(supply, {"th_max_mbq_per_g": 1, "u_max_mbq_per_g": 1, "purity": purity})
    pair = {"window": days(100, 120)}
    assert ["horizon_differs spot ≠ USGS-NdPr from 2027"] == verdict({}, pair | {"term": term()})
