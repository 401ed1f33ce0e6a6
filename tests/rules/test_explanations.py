"""Tickets, waterfalls and candidates, whole and as one side may see them."""

import re
from datetime import timedelta
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from events.clearing_terms import Premium
from events.market_events import (
    ClearingPlanned,
    RequirementAmended,
    SupplyOfferAmended,
    SupplyOfferWithdrawn,
)
from events.market_terms import (
    AcceptedForm,
    AnalyteLimit,
    CertificateAmount,
    MemberCertificate,
    Qualification,
    SustainabilityProfile,
)
from events.vocabulary import (
    MICRO,
    ConvertedPrice,
    Footprint,
    InputReference,
    Packaging,
    StatedPrice,
    TermHorizon,
    Tranche,
)
from market.http.rounds.match_views import party_view
from market.http.wire.term_inputs import in_traders_units
from market.rules.book import Book, OpenMatch
from market.rules.clearing.clearing import conclude
from market.rules.orders.horizons import contract_years
from market.rules.streams.wire_units import PARTNER_UNITS, in_units
from market.rules.visibility.explanations import (
    Candidates,
    as_taken,
    by_itself,
    candidates,
    match_explanation,
)
from market.rules.visibility.own_side import (
    OwnCandidates,
    OwnReason,
    own_candidates,
    own_explanation,
    own_match,
)
from market.rules.visibility.term_matches import TermOfMatch, term_of_match
from market.rules.visibility.tickets import decimal_text, ticket, ticket_lines
from market.store.matches import MatchRow
from tests.blotter import (
    EUR,
    PPM,
    START,
    Lane,
    T,
    assay,
    cell,
    days,
    eur,
    explained,
    ident,
    member,
    requirement_terms,
    rule_set,
    site,
    supply_terms,
)

USD_ASK = ConvertedPrice(
    stated=StatedPrice(amount_micro=65_217_391, currency="USD", per="element"),
    ueur_per_kg=60 * EUR,
    fx=InputReference(code="FX:USD", position=5, value_micro=920_000),
)


USD_LIMIT = ConvertedPrice(
    stated=StatedPrice(amount_micro=77_770_000, currency="USD", per="oxide"),
    # 77.77 × 0.92 ÷ 0.849975
    ueur_per_kg=84_177_064,
    fx=InputReference(code="FX:USD", position=5, value_micro=920_000),
)
YEARS = TermHorizon(
    start_year=2028,
    profile_ppb=(500_000_000, 755_000_000, 10**9),
    profile_tolerance_ppb=10_000_000,
    index="USGS-NdPr",
    quotation_period="month_after_shipment",
    floor_ueur_per_kg=50 * EUR,
)


DECLARED = Footprint(
    g_co2e_per_kg=12_345,
    declared_unit="oxide",
    form="swarf",
    standard="PEF",
    boundary="cradle-to-gate",
    allocation="economic",
    reference_year=2025,
    primary_data_ppb=10**9,
    verified=False,
    valid_until=START.replace(year=2027),
)


def test_a_ticket_counts_an_ask_per_kilogram_of_all_rare_earth_oxides() -> None:
    """28 % Nd and Pr in 40 % TREO: 0.7 kg in each of its kilograms."""
    stated = StatedPrice(amount_micro=42 * EUR, currency="EUR", per="reo")
    ask = ConvertedPrice(stated=stated, ueur_per_kg=60 * EUR)
    treo = replace(supply_terms("seller").composition, treo_ppb=400_000_000)
    lines = dict(ticket_lines(explained(ask=ask, composition=treo).ticket))
    assert ("42.00 EUR per kg reo", "0.7 kg basis in a kg reo") == (
        lines["ask as stated"],
        lines["ask factor"],
    )


def test_the_ticket_reads_from_wet_tonnes_to_the_reference() -> None:
    of = explained(ask=USD_ASK).ticket
    expected = {
        "product": "swarf",
        "net wet": "25.000 t",
        "moisture": "20 %",
        "net dry": "20.000 t",
        "Nd, dry": "21 %",
        "Pr, dry": "7 %",
        "basis": "5,600.000 kg contained ndpr",
        "ask as stated": "65.217391 USD per kg element",
        "ask FX": "FX:USD 0.920000 EUR (input 5)",
        "ask per product kg, wet": "13.440000 EUR/kg",
        "ask per basis kg": "60.000000 EUR/kg",
        "limit as stated": "70.00 EUR per kg element",
        "limit per product kg, wet": "15.680000 EUR/kg",
        "limit per basis kg": "70.000000 EUR/kg",
        "price per basis kg": "67.000000 EUR/kg",
        "price per product kg, wet": "15.008000 EUR/kg",
        "amount": "375,200.00 EUR",
        "reference": "USGS-NdPr 69.00 USD per kg oxide, as of 2026-01-31",
        "reference FX": "FX:USD 0.920000 EUR (input 6)",
        "reference per basis kg": "74.684550 EUR/kg",
        "price in % of reference": "89.71 %",
        "delivery term": "FCA Hanau, DE (Incoterms 2020)",
        "tranche": "1: 2026-03-12/2026-04-11",
        "packages": "25 big bags",
        "package": "1,000.000 kg net",
    }
    assert expected == dict(ticket_lines(of))
    drum = Packaging(unit="drum", package_wet_g=1)
    dry = replace(
        of, moisture_ppb=0, packages_thousandths=1_000, packaging=drum, product_wet_g=9_241, product_dry_g=7
    )
    # no load is stated: it is all one load, and nothing to count by
    one_load = explained(packaging=Packaging(unit="bulk", package_wet_g=25 * T)).ticket
    assert {"packages": "in bulk"} == {
        label: text for label, text in ticket_lines(one_load) if label.startswith("package")
    }
    loads = dict(ticket_lines(explained(packaging=Packaging(unit="bulk", package_wet_g=20 * T)).ticket))
    assert ("1.250 loads in bulk", "20,000.000 kg net") == (loads["packages"], loads["package"])
    small = {"net wet": "9.241 kg", "net dry": "0.007 kg"}
    assert ({"moisture": "0 %", "packages": "1 drum"} | small).items() <= dict(ticket_lines(dry)).items()


@pytest.mark.parametrize(("outcome", "to_buyer"), [("open", False), ("confirmed", True)])
def test_goods_are_told_to_the_buyer_once_both_have_confirmed(outcome: str, to_buyer: bool) -> None:
    whole = explained(outcome, condition="A", rex_routes=("reuse",))
    assert whole.goods is not None
    told = [own_explanation(whole, ident(name)) for name in ("seller", "buyer")]
    assert [whole.goods, whole.goods if to_buyer else None] == [each and each.goods for each in told]


def test_what_a_piece_costs_is_told_where_pieces_are_known() -> None:
    """25 t in boxes of two pieces of 12.5 g; to the buyer once both have confirmed, as the goods are."""
    of = explained(packaging=Packaging(unit="box", package_wet_g=25, pieces=2))
    told = {"pieces": "2,000,000", "price per piece": "0.187600 EUR"}
    assert told.items() <= dict(ticket_lines(of.ticket)).items()
    for outcome, expected in (("open", (2_000_000, None)), ("confirmed", (2_000_000, 2_000_000))):
        seen = replace(of, outcome=outcome)
        own = [own_explanation(seen, ident(name)) for name in ("seller", "buyer")]
        assert expected == tuple(each and each.ticket.pieces for each in own)
    single = explained(packaging=Packaging(unit="piece", package_wet_g=25))
    buyer = own_explanation(replace(single, outcome="open"), ident("buyer"))
    assert buyer is not None
    assert 1_000_000 == buyer.ticket.pieces


def test_each_side_can_compute_its_own_figure_again_from_what_it_stated() -> None:
    """Whole from price, exchange rate and the basis in a kg of what it is stated per."""
    ask = ConvertedPrice(
        # 6.987 × 0.92 ÷ 0.224, rounded up
        stated=StatedPrice(amount_micro=6_987_000, currency="USD", per="wet"),
        ueur_per_kg=28_696_608,
        fx=USD_LIMIT.fx,
    )
    whole = explained(ask=ask, wanted={"limit": USD_LIMIT})
    seller, buyer = own_explanation(whole, ident("seller")), own_explanation(whole, ident("buyer"))
    assert seller is not None
    assert buyer is not None
    fx = "FX:USD 0.920000 EUR (input 5)"
    of_ask = {
        "ask as stated": "6.987 USD per kg wet",
        "ask FX": fx,
        "ask factor": "0.224 kg basis in a kg wet",
        "ask per product kg, wet": "6.428040 EUR/kg",
        "ask per basis kg": "28.696608 EUR/kg",
    }
    of_limit = {
        "limit as stated": "77.77 USD per kg oxide",
        "limit FX": fx,
        "limit factor": "0.849975 kg basis in a kg oxide",
        "limit per product kg, wet": "18.855662 EUR/kg",
        "limit per basis kg": "84.177064 EUR/kg",
    }
    for ticket_seen, told in (
        (whole.ticket, of_ask | of_limit),
        (seller.ticket, of_ask),
        (buyer.ticket, of_limit),
    ):
        lines = dict(ticket_lines(ticket_seen))
        assert told == {label: lines[label] for label in lines if label.startswith(("ask", "limit"))}
    for own, stated, currency_per in ((seller, "6.987", "wet"), (buyer, "77.77", "oxide")):
        first = own.lines[0]
        told = in_traders_units(first.rule, first.inputs)
        assert ("USD", currency_per, ("input:5",)) == (told["currency"], told["per"], first.evidence)
        assert Decimal(stated) == Decimal(told["stated_per_kg"])
        rate, factor = (Decimal(told[name]) for name in ("exchange_rate_eur_per_unit", "basis_kg_per_kg"))
        assert abs(Decimal(stated) * rate / factor - Decimal(first.ueur_per_kg) / MICRO) < Decimal("0.000001")


def test_what_was_amended_since_stands_on_no_ticket() -> None:
    whole = explained()
    for changed in ("ask", "limit"):
        fall = replace(whole.waterfall, **{f"{changed}_ueur_per_kg": 1})
        terms, needs = supply_of_blotter(), requirement_terms()
        made = match_explanation(whole.struck, fall, terms, needs, "ndpr", rule_set(), **BETWEEN)
        assert (None, None) != (made.ticket.ask, made.ticket.limit)
        assert None is getattr(made.ticket, changed)
        own = own_explanation(replace(made, waterfall=whole.waterfall), ident("buyer"))
        assert own is not None
        assert (changed == "limit") == (own.lines[0].inputs == {})


BETWEEN: dict[str, Any] = {"seller": ident("seller"), "buyer": ident("buyer"), "outcome": "open"}


@pytest.mark.parametrize(("verified", "told"), [(False, "50"), (True, None)])
def test_the_carbon_line_names_the_share_of_a_footprint_that_nobody_verified(
    *, verified: bool, told: str | None
) -> None:
    """With it (65.4 − 38.8725) × 85.37 ÷ 1000 × kg oxide comes out; 38.873 alone is 38.8725 rounded up."""
    footprint = replace(DECLARED, verified=verified)
    profile = SustainabilityProfile(carbon_cents_per_t=8_537, cap_ueur_per_kg=100 * EUR)
    whole = explained("confirmed", footprint=footprint, wanted={"profile": profile})
    (line,) = [each for each in whole.waterfall.terms if each.kind == "carbon"]
    inputs = in_traders_units(line.rule, line.inputs)
    assert (None, told) == (line.reason, inputs.get("self_declared_improvement_percent"))
    assert ("38.873" if told else "12.345") == inputs["effective_kg_co2e_per_kg"]
    declared, benchmark, price, oxide = (
        Decimal(inputs[name])
        for name in (
            "declared_kg_co2e_per_kg",
            "benchmark_kg_co2e_per_kg",
            "carbon_eur_per_t",
            "kg_oxide_per_basis_kg",
        )
    )
    better = (benchmark - declared) * Decimal(told or 100) / 100
    assert Decimal(line.ueur_per_kg) == (better * price * oxide * 1000).to_integral_value(ROUND_FLOOR)


def test_a_match_of_years_is_told_as_a_differential_to_its_index() -> None:
    own = replace(YEARS, profile_tolerance_ppb=500_000_000, floor_ueur_per_kg=None)
    needs = {"term": replace(own, profile_ppb=(500_000_000, 750_000_000, 10**9), floor_ueur_per_kg=90 * EUR)}
    sold = {"term": YEARS, "ask": eur(500_000)}
    whole = explained("confirmed", wanted=needs | {"limit": eur(EUR), "profile": None}, **sold)
    expected = {
        "basis": "5,600.000 kg contained ndpr a year at plateau",
        "ask as stated": "0.50 EUR per kg element, on USGS-NdPr",
        "ask per product kg, wet": "0.112000 EUR/kg",
        "ask per basis kg": "0.500000 EUR/kg",
        "limit as stated": "1.00 EUR per kg element, on USGS-NdPr",
        "limit per product kg, wet": "0.224000 EUR/kg",
        "limit per basis kg": "1.000000 EUR/kg",
        "price": "index USGS-NdPr plus the differential",
        "contract years": "2028 to 2030",
        "profile": "2028 50 %, 2029 75 %, 2030 100 %",
        "quotation period": "month_after_shipment",
        "differential per basis kg": "0.750000 EUR/kg",
        "differential per product kg, wet": "0.168000 EUR/kg",
        "differential of a year at plateau": "4,200.00 EUR",
        "delivery term": "FCA Hanau, DE (Incoterms 2020)",
    }
    lines = ticket_lines(whole.ticket)
    start = [label for label, _ in lines].index("basis")
    assert list(expected.items()) == list(lines[start : start + len(expected)])
    assert not {"amount", "reference", "price per basis kg"} & dict(lines).keys()


@pytest.mark.parametrize(
    ("side", "confirmed", "profile", "tolerance", "floor"),
    [
        ("seller", False, (1, 2), 3, 4),
        ("buyer", False, (5, 6), 7, None),
        ("seller", True, (5, 6), 3, 4),
        ("buyer", True, (5, 6), 3, 4),
        (None, False, (5, 6), 3, 4),
    ],
)
def test_the_other_sides_years_come_with_its_name(
    side: Any, confirmed: Any, profile: Any, tolerance: int, floor: int | None
) -> None:
    sold = replace(YEARS, profile_ppb=(1, 2), profile_tolerance_ppb=3, floor_ueur_per_kg=4)
    bought = replace(YEARS, profile_ppb=(5, 6), profile_tolerance_ppb=7, floor_ueur_per_kg=None)
    struck = replace(explained().struck, section="term/USGS-NdPr/2028-all", delivery=contract_years(sold))
    seen = term_of_match(struck, sold, bought, side, confirmed=confirmed)
    assert seen is not None
    assert seen.horizon is not None
    told = (seen.horizon.profile_ppb, seen.horizon.profile_tolerance_ppb, seen.horizon.floor_ueur_per_kg)
    assert (profile, tolerance, floor) == told
    assert ("USGS-NdPr", 2028, 2) == (seen.index, seen.start_year, seen.years)
    for other in (None, replace(bought, profile_ppb=(5, 6, 7)), replace(bought, index="other/index")):
        changed = term_of_match(struck, sold, other, side, confirmed=confirmed)
        assert TermOfMatch(index="USGS-NdPr", start_year=2028, years=2, horizon=None) == changed
    one = replace(explained().ticket, term=replace(seen, years=1, horizon=None))
    assert "2028" == dict(ticket_lines(one))["contract years"]


def test_what_a_match_calls_otherwise_over_http_is_listed_with_the_streams() -> None:
    page = (Path(__file__).parents[2] / "docs" / "streams.md").read_text("utf-8")
    table = page.partition("| over HTTP | here |\n|---|---|\n")[2].partition("\n\n")[0]
    listed = [re.findall(r"`([a-z_.]+)`", cell) for row in table.splitlines() for cell in row.split("|")[1:3]]
    there, here = ({names[0] for names in side} - {"inputs"} for side in (listed[::2], listed[1::2]))
    whole = explained(ask=USD_ASK)
    own = own_match(whole.struck, "buyer", confirmed=True, counterparty=whole.seller)
    told = leaves(in_units(msgspec.to_builtins(own), PARTNER_UNITS))
    row = MatchRow(
        lane=0,
        position=9,
        version=2,
        status="confirmed",
        decided_time=START,
        match=OpenMatch(struck=whole.struck, seller=whole.seller, buyer=whole.buyer),
    )
    seller = member("seller", organisation=whole.seller)
    read = leaves(msgspec.to_builtins(party_view(row, "buyer", seller, None)))
    assert here == {as_listed(leaf, here) for leaf in told - read}
    assert there == {as_listed(leaf, there) for leaf in read} & there


def leaves(told: dict[str, Any]) -> set[str]:
    """Paths of members that hold no others."""
    inner = {name: leaves(each) if isinstance(each, dict) else None for name, each in told.items()}
    return {
        path
        for name, held in inner.items()
        for path in ([f"{name}.{each}" for each in held] if held else [name])
    }


def as_listed(leaf: str, names: set[str]) -> str:
    return next((name for name in names if f"{leaf}.".startswith(f"{name}.")), leaf)


def test_a_ticket_without_reference_says_so() -> None:
    whole = explained()
    struck = replace(whole.struck, reference=None)
    lines = dict(ticket_lines(ticket(struck, supply_of_blotter(), requirement_terms(), "ndpr")))
    assert "none recorded" == lines["reference"]
    assert "price in % of reference" not in lines


def supply_of_blotter() -> Any:
    lane = Lane()
    lane.admit(member("seller"))
    return lane.book.supplies[lane.offer("seller", "offer")].terms


def test_each_side_sees_its_own_waterfall_and_not_the_others_price() -> None:
    whole = explained("confirmed")
    seller, buyer = own_explanation(whole, ident("seller")), own_explanation(whole, ident("buyer"))
    assert seller is not None
    assert buyer is not None
    assert [("ask", 60 * EUR), ("surplus", 7 * EUR)] == [
        (line.label, line.ueur_per_kg) for line in seller.lines
    ]
    moved = [(line.label, line.ueur_per_kg) for line in buyer.lines if line.ueur_per_kg]
    assert [
        ("limit", 70 * EUR),
        ("certificates", 2 * EUR),
        ("origin", 3 * EUR),
        ("sustainability", -1 * EUR),
        ("surplus", -7 * EUR),
    ] == moved
    assert (67 * EUR, 67 * EUR) == (seller.price_ueur_per_kg, buyer.price_ueur_per_kg)
    assert (None, None) == (buyer.ticket.ask, seller.ticket.limit)
    assert 60 * EUR == (seller.ticket.ask and seller.ticket.ask.price.ueur_per_kg)
    assert None is own_explanation(whole, ident("somebody"))


def test_names_orders_and_papers_come_with_the_confirmation() -> None:
    for outcome, known in (("open", False), ("declined", False), ("confirmed", True)):
        buyer = own_explanation(explained(outcome), ident("buyer"))
        assert buyer is not None
        evidence = [line.evidence for line in buyer.lines if line.label == "certificates"]
        assert ([(f"certificate:{ident('certificate')}",)] if known else []) == evidence
        assert (ident("offer"), ident("seller")) == (
            buyer.match.counter_order or ident("offer"),
            buyer.match.counterparty or ident("seller"),
        )
        assert known == (buyer.match.counter_order is not None) == (buyer.match.counterparty is not None)


@pytest.mark.parametrize("outcome", ["open", "declined", "lapsed"])
def test_the_sellers_particulars_come_with_the_names(outcome: Any) -> None:
    """Until then S is one sum: its parts would tell origin chain, footprint and papers."""
    sealed, told = (own_explanation(explained(known), ident("buyer")) for known in (outcome, "confirmed"))
    assert sealed is not None
    assert told is not None
    labels = ("limit", "form", "co_product", "penalties", "logistics", "sustainability", "surplus")
    assert labels == tuple(line.label for line in sealed.lines)
    (summed,) = [line for line in sealed.lines if line.label == "sustainability"]
    assert (4 * EUR, None, {}, ()) == (summed.ueur_per_kg, summed.rule, summed.inputs, summed.evidence)
    assert sealed.price_ueur_per_kg == sum(line.ueur_per_kg for line in sealed.lines)
    assert [{"origin": "recycling:DE"}] == [line.inputs for line in told.lines if line.label == "origin"]
    assert "origin" not in repr(sealed.lines)


PREMIUMS = (
    Premium(limit="recycled_min", ueur_per_kg=5 * EUR),
    Premium(limit="third_country_max", stage="processing", country="CN", ueur_per_kg=-2 * EUR),
    Premium(limit="limit_price", ueur_per_kg=-EUR),
)


@pytest.mark.parametrize("outcome", ["open", "confirmed"])
def test_premiums_of_portfolio_limits_are_the_buyers_and_come_with_the_names(outcome: Any) -> None:
    whole = explained(outcome)
    fall = whole.waterfall
    gained = fall.buyer_surplus_ueur_per_kg + 2 * EUR
    held = replace(whole, waterfall=replace(fall, premiums=PREMIUMS, buyer_surplus_ueur_per_kg=gained))
    buyer, seller = own_explanation(held, ident("buyer")), own_explanation(held, ident("seller"))
    assert buyer is not None
    assert seller is not None
    assert ["ask", "surplus"] == [line.label for line in seller.lines]
    told = {line.label: (line.ueur_per_kg, line.inputs) for line in buyer.lines}
    if outcome == "open":
        assert (4 * EUR + 2 * EUR, {}) == told["sustainability"]
        assert "origin_premium" not in told
    else:
        assert (5 * EUR, {}) == told["recycled_content_premium"]
        assert (-2 * EUR, {"stage": "processing", "country": "CN"}) == told["origin_premium"]
        assert (-EUR, {}) == told["portfolio_margin"]


def test_a_waterfall_of_another_match_is_refused() -> None:
    whole = explained()
    other = replace(whole.waterfall, price_ueur_per_kg=1)
    with pytest.raises(ValueError, match="not that of match"):
        match_explanation(
            whole.struck,
            other,
            supply_of_blotter(),
            requirement_terms(),
            "ndpr",
            rule_set(),
            **BETWEEN,
        )


def rivals(count: int, **supply: Any) -> tuple[Lane, Any]:
    lane = Lane()
    lane.admit(member("buyer"), *(member(f"s{k}") for k in range(count)))
    for k in range(count):
        lane.offer(f"s{k}", f"offer {k}", **supply)
    return lane, lane.require("buyer", "wanted", limits=(AnalyteLimit(analyte="Th", max_ppb=50 * PPM),))


def of_order(lane: Lane, order: Any, *, cut: int | None = None) -> tuple[Candidates, OwnCandidates]:
    """As if a round had taken the whole book, or at `cut` nothing of it."""
    whole = candidates(lane.book, lane.facts(), order)
    assert whole is not None
    taken = whole if cut is None else None
    own = own_candidates(whole, whole.organisation, lane.book.position if cut is None else cut, taken)
    assert own is not None
    return whole, own


@pytest.mark.parametrize(("count", "told"), [(2, None), (3, 3)])
def test_counts_are_told_from_three_organisations_on(count: int, told: int | None) -> None:
    lane, wanted = rivals(count, composition=assay(cell("Th", 120 * PPM)))
    whole, own = of_order(lane, wanted)
    assert {"above_max:Th 120 ppm > 50 ppm"} == {str(each.reasons[0]) for each in whole.verdicts}
    assert ("none_eligible", 0) == (own.standing, own.eligible)
    expected = OwnReason(code="above_max", subject="Th", own_figure="50 ppm", counter_orders=told)
    assert (expected,) == own.reasons


def test_many_orders_of_two_organisations_stay_uncounted() -> None:
    lane, wanted = rivals(2, composition=assay(cell("Th", 120 * PPM)))
    for k in range(5):
        lane.offer("s0", f"more {k}", composition=assay(cell("Th", 120 * PPM)))
    assert [None] == [reason.counter_orders for reason in of_order(lane, wanted)[1].reasons]


@pytest.mark.parametrize(
    ("ask", "standing", "gap"),
    [
        (70 * EUR, "in_the_money", 0),
        (70 * EUR + 1, "all_dearer", 1),
        (71 * EUR, "all_dearer", 1),
        (71 * EUR + 1, "all_dearer", 2),
    ],
)
def test_how_far_prices_are_apart_is_for_auditors(ask: int, standing: str, gap: int) -> None:
    lane, wanted = rivals(3, ask=eur(ask))
    whole, own = of_order(lane, wanted)
    assert {gap} == {each.gap_bands for each in whole.verdicts}
    assert (standing, 3) == (own.standing, own.eligible)
    assert not {"gap", "tick"} & {word for name in own.__struct_fields__ for word in name.split("_")}


def test_below_three_groups_nothing_about_prices_is_told() -> None:
    for ask in (50 * EUR, 90 * EUR):
        lane, wanted = rivals(2, ask=eur(ask))
        own = of_order(lane, wanted)[1]
        assert ("eligible", None) == (own.standing, own.eligible)
        lane.admit(*(member(f"sister {k}", group=ident("group of s0")) for k in range(3)))
        for k in range(3):
            lane.offer(f"sister {k}", f"sister's {k}", ask=eur(ask))
        own = of_order(lane, wanted)[1]
        assert ("eligible", None) == (own.standing, own.eligible)


def probed(max_ppm: int, *, taken: bool, excluding: str | None = None) -> OwnCandidates:
    """What a buyer is told of two sellers' lots, beside how much thorium it takes."""
    lane, _ = rivals(2, composition=assay(cell("Th", 120 * PPM)))
    excluded = () if excluding is None else (ident(excluding),)
    limits = (AnalyteLimit(analyte="Th", max_ppb=max_ppm * PPM),)
    order = lane.require("buyer", "probe", limits=limits, organisations_excluded=excluded)
    return replace(of_order(lane, order, cut=None if taken else 0)[1], cut=0)


def test_what_no_round_has_taken_tells_nothing_of_others() -> None:
    own = probed(119, taken=False)
    assert ("withheld", "untaken", None, ()) == (own.standing, own.withheld, own.eligible, own.reasons)
    assert own == probed(120, taken=False)
    assert probed(119, taken=True) != probed(120, taken=True)


def test_an_order_that_singles_companies_out_is_never_told_of_fewer_than_three_groups() -> None:
    told = [
        probed(max_ppm, taken=True, excluding=name)
        for max_ppm in (119, 120)
        for name in ("s0", "nobody here")
    ]
    assert [told[0]] * 4 == told
    assert ("withheld", "companies_named", None, ()) == (
        told[0].standing,
        told[0].withheld,
        told[0].eligible,
        told[0].reasons,
    )


def test_candidates_are_told_of_as_many_orders_of_a_group_as_a_round_tells_of() -> None:
    lane, _ = rivals(2, composition=assay(cell("Th", 120 * PPM)))
    limits = (AnalyteLimit(analyte="Th", max_ppb=50 * PPM),)
    orders = [ident("wanted"), *(lane.require("buyer", f"probe {k}", limits=limits) for k in range(6))]
    seen = [of_order(lane, order)[1] for order in orders]
    assert [("none_eligible", None)] * 5 + [("withheld", "many_orders")] * 2 == [
        (each.standing, each.withheld) for each in seen
    ]


AFTER = st.lists(
    st.tuples(st.sampled_from(["offer", "amend", "withdraw"]), st.integers(0, 3), st.integers(40, 130)),
    max_size=6,
)


@given(
    sellers=st.integers(0, 4),
    secret=st.integers(60, 120),
    others=AFTER,
    own_limits=st.lists(st.integers(40, 130), max_size=4, unique=True),
)
def test_between_two_rounds_no_change_of_ones_own_tells_what_others_do(
    sellers: int, secret: int, others: list[tuple[str, int, int]], own_limits: list[int]
) -> None:
    """Beside the same lane without what others did after the cut: every answer on the way is the same."""

    def transcript(*, busy: bool) -> list[OwnCandidates]:
        lane, wanted = rivals(sellers, composition=assay(cell("Th", secret * PPM)), ask=eur(95 * EUR))
        probe = lane.require("buyer", "probe", limit=eur(EUR), limits=thorium(90))
        at_cut = planned(lane)
        cut, heard = lane.book.position, []
        lane.admit(*(member(f"s{k}") for k in range(sellers, 4)))
        for what, who, figure in others if busy else ():
            changed(lane, what, who, figure)
        changes: list[int | None] = [None, *own_limits]
        for ppm in changes:
            if ppm is not None:
                terms = replace(lane.book.requirements[probe].terms, limits=thorium(ppm))
                lane.add(
                    RequirementAmended(
                        market=lane.book.market,
                        requirement=probe,
                        organisation=ident("buyer"),
                        terms=terms,
                        keeps_rank=False,
                    )
                )
            fresh = lane.require("buyer", f"fresh {ppm}", limits=thorium(ppm or 50))
            for order in (wanted, probe, fresh):
                whole = candidates(lane.book, lane.facts(), order)
                assert whole is not None
                taken = as_taken(lane.book.requirements[order], *at_cut)
                own = own_candidates(whole, ident("buyer"), cut, taken)
                assert own is not None
                alone = by_itself(lane.book, lane.facts(), lane.book.requirements[order])
                assert own == own_candidates(alone, ident("buyer"), cut, taken)
                heard.append(own)
        return heard

    assert transcript(busy=False) == transcript(busy=True)


def thorium(ppm: int) -> tuple[AnalyteLimit, ...]:
    return (AnalyteLimit(analyte="Th", max_ppb=ppm * PPM),)


def changed(lane: Lane, what: str, who: int, ppm: int) -> None:
    """What a seller does, if it has an offer to do it with."""
    name, offer = f"s{who}", ident(f"offer {who}")
    composition = assay(cell("Th", ppm * PPM))
    if what == "offer":
        lane.offer(name, f"later {who} {lane.book.position}", composition=composition)
    elif offer in lane.book.supplies and what == "amend":
        terms = replace(lane.book.supplies[offer].terms, composition=composition)
        lane.add(
            SupplyOfferAmended(
                market=lane.book.market,
                offer=offer,
                organisation=ident(name),
                terms=terms,
                keeps_rank=False,
            )
        )
    elif offer in lane.book.supplies and what == "withdraw":
        lane.add(SupplyOfferWithdrawn(market=lane.book.market, offer=offer, organisation=ident(name)))


def planned(lane: Lane) -> tuple[Book, ClearingPlanned]:
    """The book at the cut of a round, which is completed."""
    plan = lane.plan()
    assert isinstance(plan.data, ClearingPlanned)
    book = msgspec.msgpack.decode(msgspec.msgpack.encode(lane.book), type=Book)
    lane.append(conclude(lane.book, plan))
    return book, plan.data


def test_a_qualification_that_is_stated_after_a_round_tells_of_no_company_before_the_next() -> None:
    lane, _ = rivals(3, ask=eur(95 * EUR))
    order = lane.require("buyer", "probe", qualification_min="pilot")
    at_cut = planned(lane)
    for name in ("s0", "s1", "s2"):
        found = Qualification(
            buyer=ident("buyer"), seller=ident(name), facility=site(name), form="swarf", level="pilot"
        )
        lane.record(found)
    taken = as_taken(lane.book.requirements[order], *at_cut)
    assert taken is not None
    assert {"not_qualified"} == {reason.code for each in taken.verdicts for reason in each.reasons}
    taken = as_taken(lane.book.requirements[order], *planned(lane))
    assert taken is not None
    assert [()] * 3 == [each.reasons for each in taken.verdicts]


def test_a_round_has_taken_an_order_only_as_it_stands() -> None:
    lane, wanted = rivals(3, ask=eur(95 * EUR))
    at_cut = planned(lane)
    own = lane.book.requirements[wanted]
    found = as_taken(own, *at_cut)
    assert found is not None
    for k in range(3):
        lane.offer(f"s{k}", f"cheap {k}", ask=eur(50 * EUR))
    assert found == as_taken(own, *at_cut)
    changed = (
        replace(own, rank=own.rank + 1),
        replace(own, terms=replace(own.terms, basis_g=own.terms.basis_g - 1)),
        replace(own, order=ident("later")),
    )
    assert [None] * 3 == [as_taken(each, *at_cut) for each in changed]
    spent = replace(own, held_g=own.terms.basis_g)
    at_cut[0].requirements[wanted] = spent
    assert None is as_taken(spent, *at_cut)


@given(limit=st.integers(60 * EUR, 80 * EUR))
def test_no_choice_of_limit_tells_a_rivals_price_finer_than_a_tick(limit: int) -> None:
    """Two asks within one tick give the same answer to every limit."""

    def answer(ask: int) -> OwnCandidates:
        lane, _ = rivals(3, ask=eur(ask))
        return of_order(lane, lane.require("buyer", "probe", limit=eur(limit)))[1]

    assert answer(70 * EUR + 1) == answer(71 * EUR)


def test_the_sellers_side_has_its_own_figures() -> None:
    lane = Lane()
    lane.admit(member("seller"), *(member(f"b{k}") for k in range(3)))
    offer = lane.offer("seller", "offer", ask=eur(75 * EUR), composition=assay(cell("Th", 45 * PPM)))
    for k in range(3):
        limits = (AnalyteLimit(analyte="Th", max_ppb=(50 if k else 40) * PPM),)
        lane.require(f"b{k}", f"wanted {k}", limits=limits, limit=eur((70 + k) * EUR))
    own = of_order(lane, offer)[1]
    assert [("above_max", "Th", "45 ppm", None)] == [
        (each.code, each.subject, each.own_figure, each.counter_orders) for each in own.reasons
    ]
    assert ("eligible", None) == (own.standing, own.eligible)
    lane.require("b0", "more", limit=eur(73 * EUR + 1))
    own = of_order(lane, offer)[1]
    assert ("all_dearer", 3) == (own.standing, own.eligible)


def test_standing_of_empty_and_closed() -> None:
    lane = Lane()
    lane.admit(member("seller"), member("buyer"))
    over = START + timedelta(days=1)
    offer = lane.offer("seller", "offer", commitment="subject_to_confirmation", valid_until=over)
    assert "no_counter_orders" == of_order(lane, offer)[1].standing
    lane.require("buyer", "wanted", basis_g=6 * T)
    assert "in_the_money" == of_order(lane, offer)[0].standing
    lane.now = over
    assert ["closed", "closed"] == [each.standing for each in of_order(lane, offer)]
    lane.now = START
    lane.round()
    whole, own = of_order(lane, offer)
    assert ("closed", (), 0) == (own.standing, whole.verdicts, own.open_g)
    assert None is candidates(lane.book, lane.facts(), ident("nothing"))
    assert None is own_candidates(whole, ident("buyer"), lane.book.position, None)


@pytest.mark.parametrize(
    ("value", "digits", "shown", "text"),
    [
        (-1_500_000, 6, 2, "-1.50"),
        (25, 1, 0, "2"),
        (35, 1, 0, "4"),
        (5, 3, 3, "0.005"),
        (1_234_567_890, 6, 1, "1,234.6"),
    ],
)
def test_decimal_text(value: int, digits: int, shown: int, text: str) -> None:
    assert text == decimal_text(value, digits, shown)


def test_a_pair_beyond_the_bounds_says_so() -> None:
    lane, _ = rivals(1)
    huge = AcceptedForm(form="swarf", differential_ueur_per_kg=2**53 - 1)
    whole, own = of_order(lane, lane.require("buyer", "huge", forms=(huge,)))
    assert ["value_out_of_range"] == [str(reason) for each in whole.verdicts for reason in each.reasons]
    # to its own side it is no reason: a limit that is tried until it vanishes would tell the other's ask
    assert ("eligible", ()) == (own.standing, own.reasons)


def test_what_the_others_price_decides_is_told_to_nobody_who_could_try_it_out() -> None:
    years = TermHorizon(start_year=2027, profile_ppb=(10**9,), index="USGS-NdPr", quotation_period="M+1")
    lane, _ = rivals(1, term=replace(years, floor_ueur_per_kg=50 * EUR))
    silent, low = (
        of_order(lane, lane.require("buyer", name, term=replace(years, floor_ueur_per_kg=accepted)))
        for name, accepted in (("silent", None), ("low", 49 * EUR))
    )
    assert ["profile_incompatible:floor 50.000000 EUR/kg > none"] == reason_texts(silent[0])
    assert [("profile_incompatible", "none")] == [(each.code, each.own_figure) for each in silent[1].reasons]
    assert ["profile_incompatible:floor 50.000000 EUR/kg > 49.000000 EUR/kg"] == reason_texts(low[0])
    assert ("none_eligible", "eligible", ()) == (low[0].standing, low[1].standing, low[1].reasons)


def test_a_credit_that_falls_short_is_the_buyers_affair() -> None:
    lane = Lane()
    lane.admit(member("seller"), member("buyer"))
    offer = lane.offer("seller", "offer", minimum_parcel_wet_g=25 * T)
    wanted = lane.require("buyer", "wanted", payment="credit", credit_limit_cents_eur=1)
    assert ["credit_exceeded"] == [reason.code for reason in of_order(lane, wanted)[1].reasons]
    own = of_order(lane, offer)[1]
    assert ("eligible", ()) == (own.standing, own.reasons)


def test_of_an_order_closed_by_its_initiatives_nothing_else_is_told() -> None:
    shut: dict[str, Any] = {
        "visible_to_initiatives": ("remhub",),
        "composition": assay(cell("Th", 120 * PPM)),
    }
    lane, wanted = rivals(1, **shut)
    whole, own = of_order(lane, wanted)
    assert ["initiative_closed remhub", "above_max:Th 120 ppm > 50 ppm"] == reason_texts(whole)
    assert [("initiative_closed", None)] == [(each.code, each.own_figure) for each in own.reasons]


def test_a_tranche_that_is_sold_out_delivers_nothing_more() -> None:
    lane = Lane()
    lane.admit(member("seller"), member("buyer"), member("late"))
    tranches = (
        Tranche(window=days(10, 20), net_wet_g=10 * T),
        Tranche(window=days(30, 40), net_wet_g=15 * T),
    )
    offer = lane.offer("seller", "offer", tranches=tranches, commitment="subject_to_confirmation")
    lane.require("buyer", "wanted", window=days(10, 20))
    lane.round()
    assert (0, 3_360_000) == lane.book.supplies[offer].tranche_left_g
    late = of_order(lane, lane.require("late", "first quarter", window=days(10, 20)))[0]
    text = "window_disjoint 2026-04-01/2026-04-11 against 2026-03-12/2026-03-22, 1 d at least"
    assert [text] == reason_texts(late)
    assert "in_the_money" == of_order(lane, lane.require("late", "second", window=days(10, 40)))[0].standing


def reason_texts(whole: Candidates) -> list[str]:
    return [str(reason) for verdict in whole.verdicts for reason in verdict.reasons]


def test_closed_and_expired_counter_orders_are_no_candidates() -> None:
    lane, wanted = rivals(2, valid_until=START)
    assert "no_counter_orders" == of_order(lane, wanted)[0].standing
    offer = lane.offer("s0", "fresh")
    lane.require("buyer", "stale", valid_until=START)
    assert [wanted] == [each.counter_order for each in of_order(lane, offer)[0].verdicts]


def test_the_best_tranche_of_a_pair_counts() -> None:
    held = MemberCertificate(
        certificate=ident("certificate"),
        facility=site("s0"),
        scheme="IRMA",
        valid_from=START,
        valid_until=START + timedelta(days=40),
    )
    lane = Lane()
    lane.admit(member("s0", certificates=(held,)), member("buyer"))
    tranches = (Tranche(window=days(45, 60), net_wet_g=T), Tranche(window=days(5, 30), net_wet_g=T))
    lane.offer("s0", "offer", certificates=(ident("certificate"),), tranches=tranches, net_wet_g=2 * T)
    profile = SustainabilityProfile(
        certificates=(CertificateAmount(scheme="IRMA", ueur_per_kg=2 * EUR),), cap_ueur_per_kg=4 * EUR
    )
    whole = of_order(lane, lane.require("buyer", "wanted", profile=profile))[0]
    assert [12 * EUR] == [each.value_ueur_per_kg for each in whole.verdicts]
    reversed_offer = tuple(reversed(tranches))
    lane.offer("s0", "other", certificates=(ident("certificate"),), tranches=reversed_offer, net_wet_g=2 * T)
    whole = of_order(lane, lane.require("buyer", "again", profile=profile))[0]
    assert [12 * EUR, 12 * EUR] == [each.value_ueur_per_kg for each in whole.verdicts]


def test_a_ticket_without_ask_or_exchange_rate_has_no_such_lines() -> None:
    whole = explained().ticket
    assert whole.reference is not None
    in_euros = replace(whole, ask=None, reference=replace(whole.reference, fx=None))
    labels = [label for label, _ in ticket_lines(in_euros)]
    assert [] == [label for label in labels if label.startswith("ask") or "FX" in label]
    assert "price in % of reference" in labels
