"""What a seller states: every defect is refused with its place, and what stands is converted once."""

from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import fields, replace

from events.market_events import (
    SupplyOffered,
)
from events.market_terms import SupplyTerms
from events.material_events import LotReserved
from events.refusal import Refusals
from events.vocabulary import (
    PPB,
    Assay,
    ConvertedPrice,
    Footprint,
    OriginStep,
    Packaging,
    Period,
    PhysicalLot,
    RecycledContent,
    StatedPrice,
    TermHorizon,
    Tranche,
    ValueChainStage,
    lane_of,
)
from market.http.wire.receipts import warned
from market.rules.orders import offers
from market.rules.orders.materials import form_claim_cautions
from market.rules.orders.orders import Reservation
from market.rules.orders.supplies import SupplyDraft, cautions
from market.rules.quantities import dry_analytes
from tests.desk_support import (
    CERTIFICATE,
    LANES,
    MARKET,
    MILLION,
    NOW,
    OLD_CERTIFICATE,
    ORDER,
    PERCENT_PPB,
    READER,
    SELLER,
    SELLER_SITE,
    STRANGER,
    STRANGER_TRADER,
    SWARF,
    TERMS,
    TONNE_G,
    below,
    blotter,
    cell,
    day,
    facts,
    inputs,
    lot,
    moment,
    not_available,
    numbered,
    period,
    post_supply,
    posting,
    refusals,
    sample,
    split,
    swarf,
)

APRIL = period(day(4, 1), day(5, 1))
FAR = datetime(2042, 2, 1, tzinfo=UTC)
TERM = TermHorizon(
    start_year=2027,
    profile_ppb=(400_000_000, 800_000_000, PPB),
    index="NdPr_oxide_99",
    quotation_period="month_before_shipment",
)
YEARS = period(day(1, 1, 2027), day(1, 1, 2030))


def term_offer(**changes: object) -> SupplyDraft:
    draft = swarf(
        term=TERM,
        tranches=(Tranche(window=YEARS, net_wet_g=25 * TONNE_G),),
        ask=StatedPrice(amount_micro=-2 * MILLION, currency="EUR", per="element"),
        valid_until=day(12, 1),
    )
    return replace(draft, **changes)


def euro(amount_micro: int, per: str = "dry") -> StatedPrice:
    return StatedPrice(amount_micro=amount_micro, currency="EUR", per=per)  # type: ignore[arg-type]


def one_tranche(net_wet_g: int, window: Period = APRIL) -> tuple[Tranche, ...]:
    return (Tranche(window=window, net_wet_g=net_wet_g),)


FOOTPRINT = Footprint(
    g_co2e_per_kg=15_000,
    declared_unit="oxide",
    form="separated_oxide",
    standard="ISO14067",
    boundary="cradle-to-gate",
    allocation="mass",
    reference_year=2025,
    primary_data_ppb=PPB,
    verified=True,
    valid_until=day(1, 1, 2028),
)

DEFECTS = {
    "no mass": (
        swarf(net_wet_g=0, minimum_parcel_wet_g=0, tranches=one_tranche(0)),
        [
            ("quantity_not_positive", "/net_wet_g"),
            ("package_too_large", "/packaging/package_wet_g"),
            ("quantity_not_positive", "/tranches/0/net_wet_g"),
        ],
    ),
    "mass beyond the bound": (swarf(net_wet_g=10**12 + 1), [("malformed_member", "/net_wet_g")]),
    "integers that no database holds": (
        swarf(net_wet_g=10**30, ask=euro(2**70)),
        [("malformed_member", "/net_wet_g"), ("malformed_member", "/ask/amount_micro")],
    ),
    "control characters": (
        swarf(payment_terms="30\x00days", cn_code="\x1b"),
        [("malformed_member", "/payment_terms"), ("malformed_member", "/cn_code")],
    ),
    "naive time": (
        swarf(valid_until=datetime(2026, 6, 1)),  # noqa: DTZ001
        [("malformed_member", "/valid_until")],
    ),
    "all water": (swarf(moisture_ppb=PPB), [("moisture_whole", "/moisture_ppb")]),
    "no package": (
        swarf(packaging=Packaging(unit="drum", package_wet_g=0)),
        [("quantity_not_positive", "/packaging/package_wet_g")],
    ),
    "package above the lot": (
        swarf(packaging=Packaging(unit="container", package_wet_g=26 * TONNE_G)),
        [("package_too_large", "/packaging/package_wet_g")],
    ),
    "parcel above the lot": (
        swarf(minimum_parcel_wet_g=26 * TONNE_G),
        [("minimum_parcel_too_large", "/minimum_parcel_wet_g")],
    ),
    "a minimum of nothing": (
        swarf(minimum_quantity_wet_g=0),
        [("quantity_not_positive", "/minimum_quantity_wet_g")],
    ),
    "a minimum above the lot": (
        swarf(minimum_quantity_wet_g=25 * TONNE_G + 1),
        [("minimum_quantity_too_large", "/minimum_quantity_wet_g")],
    ),
    "all or nothing, or at least ten tonnes": (
        swarf(all_or_nothing=True, minimum_quantity_wet_g=10 * TONNE_G),
        [("minimum_quantity_unexpected", "/minimum_quantity_wet_g")],
    ),
    "tranches short of the net mass": (
        swarf(tranches=one_tranche(24 * TONNE_G)),
        [("tranches_not_sum", "/tranches")],
    ),
    "tranches that overlap": (
        swarf(
            tranches=(
                *one_tranche(10 * TONNE_G, period(day(4, 30), day(6, 1))),
                *one_tranche(15 * TONNE_G, period(day(4, 1), day(5, 1))),
            )
        ),
        [("tranches_overlap", "/tranches/0/window")],
    ),
    "window over": (
        swarf(tranches=one_tranche(25 * TONNE_G, period(day(1, 1), day(3, 1)))),
        [("window_past", "/tranches/0/window")],
    ),
    "validity over": (swarf(valid_until=NOW), [("validity_past", "/valid_until")]),
    "assay of tomorrow's tomorrow": (
        swarf(assay=Assay(laboratory="lab", reference="x", sampled_on=date(2026, 3, 4))),
        [("assay_in_future", "/assay/sampled_on")],
    ),
    "unknown analyte and foreign oxide": (
        swarf(
            composition=sample(
                cell("Xx", "1"), cell("Nd", "21", "Dy2O3"), cell("Pr", "7", "PrO9"), below("Th", "0")
            )
        ),
        [
            ("analyte_unknown", "/composition/cells/0/analyte"),
            ("oxide_not_of_element", "/composition/cells/1/reported_as"),
            ("oxide_unknown", "/composition/cells/2/reported_as"),
            ("detection_limit_missing", "/composition/cells/3/fraction_ppb"),
        ],
    ),
    "one analyte twice": (
        swarf(composition=sample(cell("Nd", "21"), cell("Pr", "7"), cell("Nd", "21"))),
        [("duplicate_entry", "/composition/cells/2/analyte")],
    ),
    "one analyte as element and as oxide": (
        swarf(composition=sample(cell("Nd", "21"), cell("Pr", "7"), cell("Nd", "21", "Nd2O3"))),
        [("analyte_in_two_forms", "/composition/cells/2/analyte")],
    ),
    "basis element not measured": (
        swarf(composition=sample(cell("Nd", "21"), not_available("Pr"))),
        [("assay_missing", "/composition/cells")],
    ),
    "split of no TREO": (
        swarf(composition=split("0", cell("Nd", "75", "Nd2O3"), cell("Pr", "25", "Pr6O11"))),
        [("treo_missing", "/composition/treo_ppb")],
    ),
    "split of 94.9 %": (
        swarf(composition=split("60", cell("Nd", "70", "Nd2O3"), cell("Pr", "24.9", "Pr6O11"))),
        [("reo_split_out_of_range", "/composition/cells")],
    ),
    "split of 105.1 %": (
        swarf(composition=split("60", cell("Nd", "80", "Nd2O3"), cell("Pr", "25.1", "Pr6O11"))),
        [("reo_split_out_of_range", "/composition/cells")],
    ),
    "more rare earths than the stated TREO of a sample": (
        swarf(composition=split("20", cell("Nd", "21", "Nd2O3"), cell("Pr", "7", "Pr6O11"), of="sample")),
        [("reo_split_out_of_range", "/composition/cells")],
    ),
    "more than the whole": (
        swarf(composition=sample(cell("Nd", "30"), cell("Pr", "10"), cell("Fe", "66"))),
        [("composition_over_whole", "/composition/cells")],
    ),
    "rare earths of no TREO": (
        swarf(composition=split("0", cell("Nd", "21"), cell("Pr", "7"), of="sample")),
        [("treo_missing", "/composition/treo_ppb")],
    ),
    "figures of oxides as elements": (
        swarf(form="separated_oxide", composition=sample(cell("Nd", "77.4"), cell("Pr", "22.1"))),
        [("elements_over_oxide", "/composition/cells")],
    ),
    "more of a carbonate than its oxides, one of them named": (
        swarf(form="mixed_carbonate", composition=sample(cell("Nd", "70"), cell("Pr", "23.4", "Pr6O11"))),
        [("elements_over_oxide", "/composition/cells")],
    ),
    "more oxide than its water leaves": (
        swarf(
            form="concentrate",
            moisture_ppb=50 * PERCENT_PPB,
            composition=sample(cell("Nd", "38"), cell("Pr", "10"), basis="as_received"),
        ),
        [("elements_over_oxide", "/composition/cells")],
    ),
    "more than the whole with its water": (
        swarf(composition=sample(cell("Nd", "21"), cell("Pr", "7"), cell("Fe", "57.1"), basis="as_received")),
        [("composition_over_whole", "/composition/cells")],
    ),
    "more TREO than a wet sample can hold": (
        swarf(
            moisture_ppb=50 * PERCENT_PPB,
            composition=replace(
                split("60", cell("Nd", "75", "Nd2O3"), cell("Pr", "25", "Pr6O11")), basis="as_received"
            ),
        ),
        [("composition_over_whole", "/composition/cells")],
    ),
    "more basis than product": (
        swarf(moisture_ppb=0, composition=sample(cell("Nd", "76"), cell("Pr", "25"))),
        [("basis_above_product", "/composition")],
    ),
    "too little basis": (
        swarf(composition=sample(cell("Nd", "0.5"), cell("Pr", "0.5"), cell("Fe", "90"))),
        [("basis_below_market_minimum", "/composition")],
    ),
    "no basis at all": (
        swarf(composition=sample(below("Nd", "0.5"), below("Pr", "0.5"), cell("Fe", "90"))),
        [("basis_below_market_minimum", "/composition"), ("denominator_not_convertible", "/ask/per")],
    ),
    "xenotime sold as NdPr": (
        swarf(
            composition=split(
                "60", cell("Y", "80", "Y2O3"), cell("Dy", "10", "Dy2O3"),
                cell("Nd", "8", "Nd2O3"), cell("Pr", "2", "Pr6O11"),
            )
        ),
        [("value_share_too_low", "/composition")],
    ),
    "negative ask": (swarf(ask=euro(-1)), [("ask_negative", "/ask/amount_micro")]),
    "ask beyond the bound": (
        swarf(ask=euro(28_000 * MILLION + 1)),
        [("amount_out_of_range", "/ask/amount_micro")],
    ),
    "currency without a rate": (
        swarf(ask=StatedPrice(amount_micro=MILLION, currency="CNY", per="dry")),
        [("fx_missing", "/ask/currency")],
    ),
    "facility of another": (swarf(facility=numbered(99)), [("facility_not_owned", "/facility")]),
    "certificates of another, expired, twice": (
        swarf(certificates=(numbered(98), OLD_CERTIFICATE, CERTIFICATE, CERTIFICATE)),
        [
            ("duplicate_entry", "/certificates/3"),
            ("certificate_not_owned", "/certificates/0"),
            ("certificate_expired", "/certificates/1"),
        ],
    ),
    "waste without a code": (swarf(waste_status="waste"), [("ewc_code_missing", "/ewc_code")]),
    "codes of no list": (
        swarf(ewc_code="16-02", cn_code="2846"),
        [("ewc_code_malformed", "/ewc_code"), ("cn_code_malformed", "/cn_code")],
    ),
    "a code of no chapter": (swarf(ewc_code="999999"), [("ewc_code_malformed", "/ewc_code")]),
    "a code of no group": (swarf(ewc_code="160013"), [("ewc_code_malformed", "/ewc_code")]),
    "verified by nobody": (swarf(footprint=FOOTPRINT), [("verifier_missing", "/footprint/verifier")]),
    "lot of another's site": (
        swarf(physical_lot=PhysicalLot(site=numbered(99), lot_number="L1")),
        [("facility_not_owned", "/physical_lot/site")],
    ),
    "a route and an initiative twice": (
        swarf(rex_routes=("recycle", "recycle"), visible_to_initiatives=("remhub", "remhub")),
        [("duplicate_entry", "/visible_to_initiatives/1"), ("duplicate_entry", "/rex_routes/1")],
    ),
    "term that began last year, on no index, without plateau": (
        term_offer(
            term=replace(TERM, start_year=2025, index="none", profile_ppb=(PPB // 2,)),
            tranches=one_tranche(25 * TONNE_G, period(day(4, 1), day(5, 1))),
        ),
        [
            ("window_outside_term", "/tranches/0/window"),
            ("term_start_past", "/term/start_year"),
            ("profile_not_plateau", "/term/profile_ppb"),
            ("reference_unknown", "/term/index"),
        ],
    ),
    "term that begins in a far year": (
        term_offer(
            term=replace(TERM, start_year=2042),
            tranches=one_tranche(25 * TONNE_G, period(FAR, FAR + timedelta(days=28))),
        ),
        [("term_start_far", "/term/start_year")],
    ),
    "quotation period in the trade's short form": (
        term_offer(term=replace(TERM, quotation_period="M+1")),
        [("quotation_period_unknown", "/term/quotation_period")],
    ),
    "profile above its plateau": (
        term_offer(term=replace(TERM, profile_ppb=(PPB, PPB + 1, PPB))),
        [("profile_not_plateau", "/term/profile_ppb")],
    ),
    "differential beyond the bound": (
        term_offer(ask=euro(-(10**11) - 1, "element")),
        [("amount_out_of_range", "/ask/amount_micro")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("draft", "expected"), DEFECTS.values(), ids=DEFECTS.keys())
def test_a_defective_draft_is_refused_with_every_reason(
    draft: SupplyDraft, expected: list[tuple[str, str]]
) -> None:
    found = blotter(lambda: offers.post(posting(), post_supply(draft), moment()))
    assert sorted(expected) == sorted((code, pointer or "") for code, pointer in found)
    with pytest.raises((Refusals, ValueError, TypeError)):
        facts(offers.post(posting(), post_supply(draft), replace(moment(), kept={})))


def test_a_draft_stands_in_its_fact_under_types_that_refuse_as_much() -> None:
    """So the fact alone may be held against them. The texts of four are bound more loosely there: no fact has
    control characters, both codes have to be digits, and who names initiatives
    is held against the draft's."""
    stated = {field.name: field.type for field in fields(SupplyDraft)}
    kept = {field.name: field.type for field in fields(SupplyTerms)}
    asked = {field.name: field.type for field in fields(ConvertedPrice)}
    assert stated.pop("ask") == asked["stated"]
    looser = {name for name, kind in stated.items() if kind != kept.get(name)}
    assert {"payment_terms", "cn_code", "ewc_code", "visible_to_initiatives"} == looser
    names = swarf(visible_to_initiatives=("a code",))
    for first in (moment(), replace(moment(), kept={})):
        assert [("malformed_member", "/visible_to_initiatives/0")] == blotter(
            partial(offers.post, posting(), post_supply(names), first)
        )


def test_defects_of_different_kinds_are_answered_together() -> None:
    draft = swarf(ask=euro(-1), facility=numbered(99), valid_until=NOW, commitment="subject_to_confirmation")
    state = posting(open_orders=100, failings=2, rule_set=None)
    assert [
        ("rule_set_missing", None),
        ("orders_max", None),
        ("firm_only", "/commitment"),
        ("ask_negative", "/ask/amount_micro"),
        ("validity_past", "/valid_until"),
        ("facility_not_owned", "/facility"),
    ] == blotter(lambda: offers.post(state, post_supply(draft), moment()))


def test_only_a_trading_member_of_an_open_market_may_post() -> None:
    draft = swarf()
    assert [("market_unknown", "/market")] == blotter(lambda: offers.post(None, post_supply(draft), moment()))
    assert [("role_missing", None)] == blotter(
        lambda: offers.post(posting(), post_supply(draft, READER), moment())
    )
    assert [("not_a_member", None)] == blotter(
        lambda: offers.post(posting(STRANGER), post_supply(draft, STRANGER_TRADER), moment())
    )
    assert [("member_suspended", None)] == blotter(
        lambda: offers.post(posting(suspended=True), post_supply(draft), moment())
    )


def test_references_for_the_basis_have_to_be_there() -> None:
    known = inputs()
    del known.references["NdPr_oxide_99"]
    assert [("reference_missing", "/composition")] * 2 == blotter(
        lambda: offers.post(posting(inputs=known), post_supply(swarf()), moment())
    )


@pytest.mark.parametrize(
    ("reservation", "code"),
    [({}, "lot_already_reserved"), ({"released": True, "sold": True}, "lot_already_sold")],
)
def test_the_same_tonnes_are_not_offered_twice(reservation: dict[str, bool], code: str) -> None:
    held = Reservation(identity="x", organisation=SELLER, market=MARKET, order=ORDER, **reservation)
    found = refusals(lambda: offers.post(posting(reservation=held), post_supply(lot()), moment()))
    assert [(code, "/physical_lot")] == [(each.code, each.pointer) for each in found]


@pytest.mark.parametrize(
    ("holder", "words"),
    [
        (
            SELLER,
            (
                f"your own open order offer_{ORDER.hex} (lot_{ORDER.hex} where it is a recovered lot): "
                "amend or withdraw that one."
            ),
        ),
        (STRANGER, "another open order."),
    ],
)
def test_a_reserved_lot_names_ones_own_order_and_nobody_elses(holder: UUID, words: str) -> None:
    held = Reservation(identity="x", organisation=holder, market=MARKET, order=ORDER)
    (found,) = refusals(lambda: offers.post(posting(reservation=held), post_supply(lot()), moment()))
    assert f"This physical lot is reserved by {words}" == found.detail()


def test_an_offer_stands_with_its_basis_and_ask_computed_once() -> None:
    decision = offers.post(posting(), post_supply(swarf()), moment())
    (fact,) = facts(decision)
    assert isinstance(fact, SupplyOffered)
    assert (MARKET, numbered(1_000), SELLER) == (fact.market, fact.offer, fact.organisation)
    assert (5_600_000, 71_428_572) == (fact.terms.basis_g, fact.terms.ask.ueur_per_kg)
    assert ("market", 3, str(fact.offer)) == (
        decision.drafts[0].stream, decision.drafts[0].lane, decision.drafts[0].subject,
    )  # fmt: skip


def test_an_offer_of_a_physical_lot_reserves_it_in_its_own_lane() -> None:
    free = Reservation(identity="x", organisation=SELLER, market=MARKET, order=ORDER, released=True)
    decision = offers.post(posting(reservation=free), post_supply(lot()), moment())
    offered, reserved = facts(decision)
    assert isinstance(offered, SupplyOffered)
    assert isinstance(reserved, LotReserved)
    assert f"{SELLER}/{SELLER_SITE}/L-2026-07" == reserved.identity
    assert (offered.offer, MARKET) == (reserved.order, reserved.market)
    assert ("materials", lane_of(reserved.identity, LANES)) == (
        decision.drafts[1].stream, decision.drafts[1].lane,
    )  # fmt: skip


def test_a_term_offer_asks_a_signed_differential() -> None:
    (fact,) = facts(offers.post(posting(), post_supply(term_offer()), moment()))
    assert isinstance(fact, SupplyOffered)
    assert -2 * MILLION == fact.terms.ask.ueur_per_kg


def test_a_term_begins_at_most_fifteen_years_from_now() -> None:
    term = replace(TERM, start_year=NOW.year + 15)
    last = period(day(1, 1, term.start_year), day(1, 1, term.start_year + 3))
    draft = term_offer(term=term, tranches=one_tranche(25 * TONNE_G, last))
    assert [] == blotter(lambda: offers.post(posting(), post_supply(draft), moment()))


def origin(*stages: ValueChainStage) -> tuple[OriginStep, ...]:
    return tuple(OriginStep(stage=stage, country="FR") for stage in stages)


def test_firm_offers_of_an_unreliable_seller_and_split_warnings_are_accepted() -> None:
    unusual = swarf(composition=split("60", cell("Nd", "74", "Nd2O3"), cell("Pr", "24.5", "Pr6O11")))
    assert [] == blotter(lambda: offers.post(posting(failings=5), post_supply(unusual), moment()))
    assert ["reo_split_unusual"] == [found.code for found in cautions(unusual, TERMS, inputs())]
    foreign = swarf(composition=sample(*SWARF.cells, cell("Ho", "0.1")))
    assert ["value_without_reference"] == [found.code for found in cautions(foreign, TERMS, inputs())]
    assert () == cautions(swarf(), TERMS, inputs())
    claimed = swarf(recycled=RecycledContent(pre_consumer_ppb=PPB), origin=origin("extraction", "processing"))
    (found,) = cautions(claimed, TERMS, inputs())
    assert ("recycling_step_missing", "/origin") == (found.code, found.pointer)
    for stages in (("processing", "recycling"), ("manufacturing",)):
        assert () == cautions(replace(claimed, origin=origin(*stages)), TERMS, inputs())
    unlike = replace(claimed, origin=origin("recycling"), recycled=RecycledContent(post_consumer_ppb=PPB))
    for form, post, pre, told in (
        ("swarf", PPB, 0, "Swarf is stated with post-consumer content."),
        ("ore", 1, 1, "Ore is stated with post-consumer and pre-consumer content."),
        ("eol_magnet", 0, 1, "End-of-life magnet is stated with pre-consumer content."),
    ):
        (found,) = form_claim_cautions(form, post, pre)  # type: ignore[arg-type]
        assert ("recycled_unlike_form", "/recycled") == (found.code, found.pointer)
        assert found.text.startswith(told)
    for form, post, pre in (("swarf", 0, PPB), ("eol_magnet", PPB, 0), ("separated_oxide", 1, 1)):
        assert [] == list(form_claim_cautions(form, post, pre))  # type: ignore[arg-type]
    assert ["recycled_unlike_form"] == [found.code for found in cautions(unlike, TERMS, inputs())]
    late = swarf(valid_until=datetime(2126, 1, 1, tzinfo=UTC))
    assert ["valid_after_delivery"] == [found.code for found in cautions(late, TERMS, inputs())]


def test_bulk_is_divided_at_will_whatever_one_load_is() -> None:
    bulk = swarf(packaging=Packaging(unit="bulk", package_wet_g=26 * TONNE_G))
    assert [] == blotter(lambda: offers.post(posting(), post_supply(bulk), moment()))


def test_whoever_packs_a_rest_is_told() -> None:
    tranches = one_tranche(25 * TONNE_G + 300_000)
    packed = swarf(
        packaging=Packaging(unit="big_bag", package_wet_g=TONNE_G),
        net_wet_g=25 * TONNE_G + 300_000,
        tranches=tranches,
        valid_until=tranches[0].window.end,
    )
    (found,) = cautions(packed, TERMS, inputs())
    assert ("package_rest", "/tranches/0/net_wet_g") == (found.code, found.pointer)
    (told,) = warned([found])
    assert "/tranches/0/net_wet_t" == told.pointer
    assert "300.000 kg are less than a whole package of 1000.000 kg and cannot trade." == found.text
    assert () == cautions(
        replace(packed, packaging=Packaging(unit="bulk", package_wet_g=TONNE_G)), TERMS, inputs()
    )


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, []),
        ({"all_or_nothing": True}, ["all_or_nothing_of_several"]),
        ({"all_or_nothing": True, "minimum_parcel_wet_g": 12_500_000}, ["all_or_nothing_of_several"]),
        ({"all_or_nothing": True, "minimum_parcel_wet_g": 12_500_001}, []),
        ({"all_or_nothing": True, "packaging": Packaging(unit="drum", package_wet_g=25 * TONNE_G)}, []),
        (
            {
                "all_or_nothing": True,
                "packaging": Packaging(unit="drum", package_wet_g=5 * TONNE_G),
                "minimum_parcel_wet_g": 10 * TONNE_G + 1,
            },
            [],
        ),
    ],
)
def test_whoever_sells_all_or_nothing_is_told_of_several_buyers(
    changes: dict[str, Any], codes: list[str]
) -> None:
    tranches = one_tranche(25 * TONNE_G)
    whole = swarf(tranches=tranches, valid_until=tranches[0].window.end, **changes)
    assert codes == [found.code for found in cautions(whole, TERMS, inputs())]


def test_the_parcel_that_keeps_one_buyer_is_said_of_one_tranche() -> None:
    several = swarf(all_or_nothing=True, minimum_parcel_wet_g=12_500_001)
    assert 1 < len(several.tranches)
    (found,) = cautions(several, TERMS, inputs())
    assert found.text.endswith(
        "In one tranche, with a minimum parcel of more than half of it, it goes to one buyer only."
    )


def test_whoever_states_an_impurity_of_treo_is_told_how_it_counts() -> None:
    """100 ppm of Th at 60 % TREO are 60 ppm of the sample, whatever unit the certificate means."""
    oxides = (cell("Nd", "75", "Nd2O3"), cell("Pr", "25", "Pr6O11"))
    stated = swarf(composition=split("60", *oxides, cell("Th", "0.01")))
    assert [] == blotter(lambda: offers.post(posting(), post_supply(stated), moment()))
    (found,) = cautions(stated, TERMS, inputs())
    assert ("impurity_of_treo", "/composition/of") == (found.code, found.pointer)
    assert "Th counted as fractions of TREO, like every cell, not of the sample." == found.text
    assert 60_000 == dry_analytes(stated.composition, 0)["Th"].high_ppb


@pytest.mark.parametrize("per", ["wet", "dry", "oxide", "element"])
@pytest.mark.parametrize("nd_percent", ["100", "0.0000001"])
def test_the_bounds_of_mass_and_ask_make_an_order_or_a_refusal(nd_percent: str, per: str) -> None:
    """A million tonnes at the highest price: what is accepted, every reader can decode."""
    state = posting(terms=replace(TERMS, least_basis_ppb=0))
    draft = swarf(
        moisture_ppb=0,
        net_wet_g=10**12,
        tranches=one_tranche(10**12),
        composition=sample(cell("Nd", nd_percent), cell("Pr", "0")),
        ask=euro(10**11, per),
    )
    expected = [] if (nd_percent == "100" and per != "oxide") or per == "element" else ["amount_out_of_range"]
    assert expected == [code for code, _ in blotter(lambda: offers.post(state, post_supply(draft), moment()))]
    if not expected:
        (fact,) = facts(offers.post(state, post_supply(draft), moment()))
        assert isinstance(fact, SupplyOffered)
        assert 10**11 == fact.terms.ask.ueur_per_kg


def test_a_sample_of_a_day_that_has_not_begun_is_said_to_be_impossible() -> None:
    early = swarf(assay=Assay(laboratory="lab", reference="x", sampled_on=date(2026, 3, 4)))
    (refusal,) = refusals(lambda: offers.post(posting(), post_supply(early), moment()))
    assert refusal.detail().startswith("The sample cannot have been taken on a day that has not begun")


def test_a_partial_panel_of_a_sample_is_not_judged_low() -> None:
    part = swarf(composition=split("60", cell("Nd", "21", "Nd2O3"), cell("Pr", "7", "Pr6O11"), of="sample"))
    assert [] == blotter(lambda: offers.post(posting(), post_supply(part), moment()))


def test_whole_magnets_are_offered_per_kilogram_of_magnet() -> None:
    reuse = replace(TERMS, basis="ndfeb-reuse")
    magnets = swarf(form="eol_magnet", moisture_ppb=0, ask=euro(30 * MILLION, "wet"))
    (fact,) = facts(offers.post(posting(terms=reuse), post_supply(magnets), moment()))
    assert isinstance(fact, SupplyOffered)
    assert (25 * TONNE_G, 30 * MILLION) == (fact.terms.basis_g, fact.terms.ask.ueur_per_kg)
    assert [("form_not_of_market", "/form"), ("denominator_not_convertible", "/ask/per")] == blotter(
        lambda: offers.post(
            posting(terms=reuse), post_supply(replace(magnets, form="core", ask=euro(1, "oxide"))), moment()
        )
    )
