"""A delivery from shipment to title, every refusal first."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from contracts.rules.assays import UMPIRE_UNNAMED
from contracts.rules.calls import next_due
from contracts.rules.days import midnight
from contracts.rules.delivered import number_cautions, shipment_cautions
from contracts.rules.deliveries import Ship, ship
from contracts.rules.delivery import fold
from contracts.rules.far_results import assay_cautions
from contracts.rules.received_masses import weighing_cautions
from contracts.rules.results import OBJECTION_DAYS
from contracts.rules.volumes import Volumes
from events.contract_terms import (
    AssayClause,
    DeliveryEvidence,
    FixedVolume,
    ProductClause,
    SplittingLimit,
)
from events.delivery_events import DeliveryWeighed
from events.market_terms import AnalyteLimit, PenaltyRule, PurityFloor
from events.price_clauses import FlatPrice
from events.refusal import Caution, Refusals
from events.vocabulary import Period, PhysicalLot, RecycledContent
from tests.contract_support import CALLERS, MICRO, TONNE_G
from tests.delivery_support import CERTIFICATE, FLAT, NDPR, PPM_PPB, UMPIRE, Deliveries, figures
from tests.desk_support import (
    BUYER_TRADER,
    MATCH,
    OPERATOR_CALLER,
    PERCENT_PPB,
    READER,
    STRANGER_TRADER,
    blotter,
    numbered,
    refusals,
)

SHIPPED = date(2027, 3, 1)
SPEC = replace(
    FLAT,
    product=ProductClause(
        basis="ndpr",
        form="separated_oxide",
        limits=(
            AnalyteLimit(analyte="Th", max_ppb=50 * PPM_PPB),
            AnalyteLimit(analyte="Nd", min_ppb=55 * PERCENT_PPB),
        ),
        purity=PurityFloor(elements=("Nd", "Pr"), min_ppb=99 * PERCENT_PPB),
    ),
)
CLEAN = {"Nd": 60 * PERCENT_PPB, "Pr": 20 * PERCENT_PPB, "Th": 10 * PPM_PPB}


def begun(terms: Any = FLAT) -> Deliveries:
    return Deliveries(terms).on(SHIPPED)


SHIPMENTS: dict[str, tuple[dict[str, Any], list[tuple[str, str | None]]]] = {
    "by the buyer": ({"caller": BUYER_TRADER}, [("side_wrong", None)]),
    "by a stranger": ({"caller": STRANGER_TRADER}, [("agreement_unknown", None)]),
    "by a reader": ({"caller": READER}, [("role_missing", None)]),
    "tomorrow": ({"shipped_on": SHIPPED + timedelta(days=1)}, [("date_in_future", "/shipped_on")]),
    "before the first day": ({"shipped_on": date(2026, 12, 31)}, [("dates_out_of_order", "/shipped_on")]),
    "another form": ({"form": "swarf"}, [("delivered_form_unfit", "/form")]),
    "nothing but water": ({"moisture_ppb": 10**9}, [("delivery_moisture_whole", "/moisture_ppb")]),
    "no praseodymium": ({"stated": figures(Nd=1)}, [("analyte_missing", "/stated")]),
    "an unknown analyte": (
        {"stated": figures(Nd=1, Pr=1, Xx=1)},
        [("result_unknown", "/stated/2/analyte")],
    ),
    "neodymium twice": (
        {"stated": (*figures(Nd=1, Pr=1), *figures(Nd=2))},
        [("duplicate_entry", "/stated/2")],
    ),
    "more than the whole": (
        {"stated": figures(Nd=90 * PERCENT_PPB, Pr=20 * PERCENT_PPB)},
        [("results_over_whole", "/stated")],
    ),
    "no basis at all": ({"stated": figures(Nd=0, Pr=0)}, [("nothing_shipped", "/stated")]),
    "no mass": ({"net_wet_g": 0}, [("nothing_shipped", "/stated")]),
    "a mass below zero": ({"net_wet_g": -1}, [("malformed_member", "/net_wet_g")]),
    "everything at once": (
        {"form": "swarf", "moisture_ppb": 10**9, "stated": figures(Nd=1), "caller": BUYER_TRADER},
        [
            ("side_wrong", None),
            ("delivered_form_unfit", "/form"),
            ("analyte_missing", "/stated"),
            ("delivery_moisture_whole", "/moisture_ppb"),
        ],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), SHIPMENTS.values(), ids=SHIPMENTS)
def test_what_cannot_be_shipped(changes: dict[str, Any], expected: list[tuple[str, str | None]]) -> None:
    assert expected == blotter(lambda: begun().ship(**changes))


def test_nothing_is_delivered_before_the_agreement_is_effective_or_after_it() -> None:
    before = begun()
    before.paper.agreement = replace(before.paper.stands, status="binding_subject_to_cp", starts_on=None)
    assert [("agreement_ineffective", None)] == blotter(before.ship)
    suspended = begun()
    suspended.paper.suspend("seller")
    assert [("agreement_ineffective", None)] == blotter(suspended.ship)
    late = begun().on(date(2028, 1, 1))
    assert [("outside_contract_years", "/shipped_on")] == blotter(late.ship)


def test_a_lot_is_delivered_once() -> None:
    assert [("lot_delivered", "/lot_number")] == blotter(lambda: begun().ship().ship(lot_number="L1"))


def of_match(terms: Any = FLAT) -> Deliveries:
    """The same as the contract of a match of 20 t of basis."""
    of = begun(terms)
    of.paper.agreement = replace(of.paper.stands, match=MATCH)
    return of


@pytest.mark.parametrize(("tolerance_ppb", "last_wet_g"), [(0, 7_500_000), (5 * PERCENT_PPB, 6_250_000)])
def test_the_contract_of_a_match_takes_what_is_left_and_its_tolerance(
    tolerance_ppb: int, last_wet_g: int
) -> None:
    """8 t have left twice: of 20 t and a tenth, since none is stated, 6 t may still leave; of 5 % 5 t."""
    volume = FixedVolume(acq_g=(20 * TONNE_G,), tolerance_ppb=tolerance_ppb)
    of = of_match(replace(FLAT, volume=volume)).ship().ship()
    passed = [("quantity_of_match_passed", "/net_wet_g")]
    assert passed == blotter(of.ship)
    assert passed == blotter(lambda: of.ship(net_wet_g=last_wet_g + 2))
    of.ship(net_wet_g=last_wet_g)
    assert passed == blotter(lambda: of.ship(net_wet_g=2))
    assert 8_000_000 == begun().ship().ship().ship().delivery.shipped.quantity_g
    both_years = replace(volume, acq_g=(4 * TONNE_G, 16 * TONNE_G))
    longer = of_match(replace(FLAT, volume=both_years, term=replace(FLAT.term, years=2))).ship().ship()
    assert passed == blotter(lambda: longer.ship(net_wet_g=last_wet_g + 2))
    longer.ship(net_wet_g=last_wet_g)


def test_what_was_rejected_may_be_replaced_and_what_was_settled_counts_as_settled() -> None:
    of = of_match(SPEC)
    off_spec = figures(Nd=50 * PERCENT_PPB, Pr=30 * PERCENT_PPB, Th=0)
    of.assayed(stated=off_spec, net_wet_g=20 * TONNE_G).reject()
    of.ship(stated=figures(**CLEAN), net_wet_g=20 * TONNE_G).weigh(net_wet_g=15 * TONNE_G)
    of.ship(stated=figures(**CLEAN))
    expected = "8000 kg on top of 20000 kg exceed the match's 20000 kg by over 10 %"
    with pytest.raises(Refusals, match=re.escape(expected)):
        of.ship(stated=figures(**CLEAN))


@pytest.mark.parametrize(
    ("lot_number", "codes"),
    [
        ("HOARD-1", []),
        ("HOARD-1/2", []),
        ("HOARD-12", ["lot_not_of_match"]),
        ("ELSE-9", ["lot_not_of_match"]),
    ],
)
def test_the_contract_of_a_match_takes_its_lot_or_parts_of_it(lot_number: str, codes: list[str]) -> None:
    matched = PhysicalLot(site=numbered(7), lot_number="HOARD-1")
    named: dict[str, Any] = {"lot_number": lot_number, "matched": matched}
    assert [(code, "/lot_number") for code in codes] == blotter(lambda: of_match().ship(**named))
    dearer = replace(FLAT, price=FlatPrice(price_micro_per_kg=120 * MICRO))
    later = amended(of_match(), dearer).on(SHIPPED + timedelta(days=1))
    assert lot_number == later.ship(**named).delivery.shipped.lot_number


def test_a_shipment_is_told_of_days_and_tonnes_that_were_not_agreed() -> None:
    """From 1 April, noon, to before 1 July; 8 t each of 20 t and 10 %: of an offtake nothing is refused."""
    noon = midnight(date(2027, 4, 1)) + timedelta(hours=12)
    window = Period(start=noon, end=midnight(date(2027, 7, 1)))
    volume = FixedVolume(acq_g=(20 * TONNE_G,), tolerance_ppb=10 * PERCENT_PPB)
    terms = replace(FLAT, volume=volume, delivery=replace(FLAT.delivery, delivery=window))
    of, told = Deliveries(terms), list[Caution]()
    for day, expected in (
        (date(2027, 3, 31), [("shipped_outside_window", "/shipped_on")]),
        (date(2027, 4, 1), []),
        (date(2027, 6, 30), [("quantity_agreed_passed", "/net_wet_g")]),
        (
            date(2027, 7, 1),
            [("shipped_outside_window", "/shipped_on"), ("quantity_agreed_passed", "/net_wet_g")],
        ),
    ):
        before = tuple(of.deliveries.values())
        fact = of.on(day).ship().delivery.shipped
        for known in (before, tuple(of.deliveries.values())):
            told = list(shipment_cautions(of.paper.stands, Volumes(), known, fact))
            assert expected == [(each.code, each.pointer) for each in told]
    assert (
        "32000 kg have left in contract year 1; 20000 kg are agreed, with a tolerance of 10 %" in told[1].text
    )


def test_parts_of_one_passport_are_no_lot_that_left_before() -> None:
    """They are weighed against it; what names another passport, or none, may be the same lot."""
    earlier = begun().ship(passport=numbered(8)).delivery
    unnamed = begun().ship().delivery
    fact = begun().ship(passport=numbered(8)).delivery.shipped
    assert [] == list(number_cautions(fact, [earlier]))
    assert [] == list(number_cautions(fact, []))
    for shipped, others in (
        (fact, [earlier, unnamed]),
        (replace(fact, passport=None), [earlier]),
        (replace(fact, passport=numbered(9)), [earlier, unnamed]),
    ):
        assert ["lot_number_left_before"] == [each.code for each in number_cautions(shipped, others)]


@pytest.mark.parametrize(
    ("net_wet_g", "moisture_ppb", "codes"),
    [
        (9_500_000, 0, []),
        (9_499_999, 0, ["weighed_far_from_shipped"]),
        (25_000_000, 0, ["weighed_far_from_shipped", "weighed_far_above_shipped"]),
        (12_500_000, 20 * PERCENT_PPB, []),
    ],
)
def test_a_weighing_far_from_the_shipment_is_told(
    net_wet_g: int, moisture_ppb: int, codes: list[str]
) -> None:
    weighed = begun().ship().weigh(net_wet_g=net_wet_g, moisture_ppb=moisture_ppb).delivery
    assert codes == [each.code for each in weighing_cautions(weighed)]
    assert [] == list(weighing_cautions(begun().ship().delivery))


def test_every_figure_that_the_price_and_the_limits_need_is_stated() -> None:
    dirty = PenaltyRule(analyte="U", threshold_ppb=0, step_ppb=1, ueur_per_kg_per_step=1)
    terms = replace(SPEC, penalties=(dirty,))
    assert [("analyte_missing", "/stated")] * 2 == blotter(begun(terms).ship)


def test_36_percent_recycled_has_to_be_shown() -> None:
    """Stellantis and Carester: the agreed share of post-consumer content, by evidence of the lot."""
    terms = replace(FLAT, product=replace(FLAT.product, post_consumer_min_ppb=36 * PERCENT_PPB))
    expected = [("recycled_share_too_low", "/recycled")]
    assert expected == blotter(begun(terms).ship)
    short = DeliveryEvidence(
        recycled=RecycledContent(post_consumer_ppb=36 * PERCENT_PPB - 1, pre_consumer_ppb=50 * PERCENT_PPB)
    )
    assert expected == blotter(lambda: begun(terms).ship(evidence=short))
    shown = DeliveryEvidence(recycled=RecycledContent(post_consumer_ppb=36 * PERCENT_PPB))
    assert shown == begun(terms).ship(evidence=shown).delivery.shipped.evidence


def test_a_shipment_is_invoiced_at_90_percent_on_documents() -> None:
    """10 t at 80 % NdPr are 8 t; 8,000 kg × 100 EUR × 90 % = 720,000 EUR."""
    shipped = begun().ship().delivery.shipped
    assert (8_000_000, 1, "EUR") == (shipped.quantity_g, shipped.year, shipped.currency)
    (line,) = shipped.lines
    assert ("provisional", 8_000_000, 90_000_000, 72_000_000) == (
        line.kind,
        line.quantity_g,
        line.price_micro_per_kg,
        line.amount_cents,
    )
    assert ["flat.1", "provisional.1"] == [term.rule for term in line.terms]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"by": "seller"}, [("side_wrong", None)]),
        ({"weighed_on": date(2027, 2, 28)}, [("dates_out_of_order", "/weighed_on")]),
        ({"weighed_on": date(2027, 3, 2)}, [("date_in_future", "/weighed_on")]),
        ({"moisture_ppb": 10**9}, [("delivery_moisture_whole", "/moisture_ppb")]),
        ({"net_wet_g": 10**13}, [("malformed_member", "/net_wet_g")]),
        ({"delivery": numbered(9), "caller": STRANGER_TRADER}, [("agreement_unknown", None)]),
    ],
)
def test_what_cannot_be_weighed(changes: Any, expected: Any) -> None:
    assert expected == blotter(lambda: begun().ship().weigh(**changes))


def test_steps_come_in_order_and_once() -> None:
    assert [("delivery_unknown", None)] == blotter(begun().weigh)
    unfit = [("delivery_status_unfit", None)]
    shipped = begun().ship()
    for step in (lambda: shipped.lodge("seller"), shipped.exchange, shipped.umpire, shipped.accept):
        assert unfit == blotter(step)
    assert unfit == blotter(shipped.reject)
    assert unfit == blotter(shipped.settle)
    weighed = shipped.weigh()
    assert unfit == blotter(weighed.weigh)
    accepted = weighed.lodge("seller").lodge("buyer").accept()
    for step in (accepted.accept, accepted.reject, accepted.exchange, accepted.umpire):
        assert unfit == blotter(step)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"results": figures(Nd=1)}, [("analyte_missing", "/results")]),
        ({"results": figures(Nd=1, Pr=1, Xx=1)}, [("result_unknown", "/results/2/analyte")]),
        ({"results": figures(Nd=1, Pr=1, Fe=1)}, [("analyte_not_exchanged", "/results/2/analyte")]),
        (
            {"results": figures(Nd=10**9, Pr=1)},
            [("results_over_whole", "/results")],
        ),
        (
            {"results": figures(Nd=75 * PERCENT_PPB, Pr=245_000_000)},
            [("results_over_oxide", "/results")],
        ),
        ({"laboratory": ""}, [("malformed_member", "/laboratory")]),
    ],
)
def test_what_cannot_be_lodged(changes: Any, expected: Any) -> None:
    assert expected == blotter(lambda: begun().ship().weigh().lodge("seller", **changes))


def test_a_shipment_is_withdrawn_by_its_seller_until_its_buyer_has_spoken() -> None:
    of = begun().ship(lot_number="L1", net_wet_g=10 * TONNE_G)
    provisional = of.delivery.shipped.lines[0].amount_cents
    assert [("side_wrong", None)] == blotter(lambda: of.withdraw("buyer"))
    assert [("malformed_member", "/reason")] == blotter(lambda: of.withdraw(reason=""))
    (taken_back,) = of.withdraw().invoices
    assert ("withdrawn", "withdrawal", -provisional) == (
        of.delivery.status,
        taken_back.settles,
        taken_back.total_cents,
    )
    for step in (of.withdraw, of.weigh, of.accept, of.declare_non_arrival, of.pass_time):
        assert blotter(step)
    assert (0, None) == (of.state.left_g, next_due(of.delivery))
    again = of.ship(lot_number="L1").delivery
    assert ("shipped", UNSET) == (again.status, again.shipped.replaces)
    assert [("lot_delivered", "/lot_number")] == blotter(lambda: of.ship(lot_number="L1"))
    of.weigh()
    assert [("delivery_status_unfit", None)] == blotter(of.withdraw)


def test_a_shipment_that_never_came_by_its_buyers_word_is_not_withdrawn() -> None:
    of = begun().ship().on(date(2027, 6, 1)).declare_non_arrival()
    assert [("buyer_has_spoken", None)] == blotter(of.withdraw)


def test_what_was_withdrawn_stands_in_for_nothing() -> None:
    terms = replace(FLAT, product=replace(FLAT.product, limits=(AnalyteLimit(analyte="Nd", min_ppb=10**9),)))
    of = begun(terms).assayed(lot_number="L1").reject()
    of.ship(lot_number="L1").withdraw().ship(lot_number="L1")
    assert "shipped" == of.delivery.status
    replaced = of.state.replaced
    assert replaced is not None
    assert () == replaced.sent


def test_two_lots_as_one_are_told_of() -> None:
    """The agreed lot is of 20 t wet."""
    for tonnes, told in ((40, False), (41, True)):
        of = begun(replace(FLAT, volume=FixedVolume(acq_g=(100 * TONNE_G,)))).ship(net_wet_g=tonnes * TONNE_G)
        found = {
            each.code: each.text
            for each in shipment_cautions(of.paper.stands, Volumes(), (), of.delivery.shipped)
        }
        assert told == ("lot_far_above_agreed" in found)
        if told:
            assert found["lot_far_above_agreed"].startswith(
                "41 t wet are shipped, but a lot is agreed at 20 t."
            )


def test_a_sealed_assay_is_lodged_anew_while_nobody_has_seen_it_and_comes_in_time() -> None:
    """64 ppm of what was meant as percent: the one that was lodged last is exchanged."""
    weighed = begun().ship().weigh().lodge("seller", results=figures(Nd=64_000, Pr=0))
    weighed.lodge("seller")
    assert [("assay_lodged_before", None)] == blotter(lambda: weighed.lodge("seller"))
    weighed.lodge("buyer")
    assert NDPR == weighed.delivery.settled_ppb
    opened = [("delivery_status_unfit", None)]
    assert opened == blotter(lambda: weighed.lodge("seller", reference="A-2"))
    assert opened == blotter(lambda: weighed.lodge("buyer", reference="A-2"))
    late = begun().ship().weigh().lodge("seller").on(date(2027, 3, 16))
    assert [("exchange_over", None)] == blotter(lambda: late.lodge("buyer"))


@pytest.mark.parametrize(
    ("nd_ppb", "pr_ppb", "expected"),
    [
        (60 * PERCENT_PPB, 20 * PERCENT_PPB, []),
        (55 * PERCENT_PPB, 21 * PERCENT_PPB, []),
        (549_999_999, 20 * PERCENT_PPB, ["Nd 54.9999999 % is reported, 60 % was stated"]),
        (
            64_000,
            0,
            ["Nd 64 ppm is reported, 60 % was stated", "No Pr is reported, for which the price is paid"],
        ),
    ],
)
def test_a_figure_far_from_what_was_stated_is_told_with_both(
    nd_ppb: int, pr_ppb: int, expected: list[str]
) -> None:
    """Ten splitting limits of 0.5 % from Nd 60 % and Pr 20 %."""
    lodged = begun().ship().weigh().lodge("seller", results=figures(Nd=nd_ppb, Pr=pr_ppb)).delivery
    assert lodged.seller_assay is not None
    told = list(assay_cautions(FLAT, lodged, lodged.seller_assay))
    assert expected == [each.text[: len(sentence)] for each, sentence in zip(told, expected, strict=True)]
    codes = {"/results/0/fraction": "result_far_from_stated", "/results/1/fraction": "result_zero"}
    assert [codes[each.pointer or ""] for each in told] == [each.code for each in told]


def test_a_trace_is_told_of_by_the_double_where_it_passes_the_splitting_limit() -> None:
    limits = (*FLAT.assay.splitting, SplittingLimit(analyte="Fe", limit_ppb=100_000))
    terms = replace(FLAT, assay=replace(FLAT.assay, splitting=limits))
    of = begun(terms).ship(stated=figures(**NDPR, Fe=60_000)).weigh()
    for found_ppb, codes in ((160_000, []), (160_001, ["result_far_from_stated"])):
        fact = of.lodge("buyer", results=figures(**NDPR, Fe=found_ppb)).delivery.buyer_assay
        assert fact is not None
        assert codes == [each.code for each in assay_cautions(terms, of.delivery, fact)]


def test_what_is_paid_for_is_told_of_by_the_double_within_its_splitting_limit_too() -> None:
    """0.30 % of 0.79 % Pr, with a limit of 0.5 %."""
    of = begun().ship(stated=figures(Nd=30_300_000, Pr=7_900_000)).weigh()
    for found_ppb, codes in ((3_950_000, []), (3_000_000, ["result_far_from_stated"])):
        fact = of.lodge("buyer", results=figures(Nd=30_300_000, Pr=found_ppb)).delivery.buyer_assay
        assert fact is not None
        assert codes == [each.code for each in assay_cautions(FLAT, of.delivery, fact)]


@pytest.mark.parametrize(
    ("lodged", "codes"),
    [
        ({"Nd": 665_000_000, "Pr": 217_000_000}, ["result_as_oxide"] * 2),
        ({"Nd": 570_181_000, "Pr": 179_611_000}, []),
        ({"Nd": 632_000_000, "Pr": 179_600_000}, ["result_far_from_stated"]),
    ],
)
def test_figures_that_are_the_oxides_of_what_was_stated_are_told_so(
    lodged: dict[str, int], codes: list[str]
) -> None:
    """Nd 57.02 % and Pr 17.96 % are 66.5 % of Nd2O3 and 21.7 % of Pr6O11."""
    of = begun().ship(stated=figures(Nd=570_200_000, Pr=179_600_000)).weigh()
    fact = of.lodge("buyer", results=figures(**lodged)).delivery.buyer_assay
    assert fact is not None
    assert codes == [each.code for each in assay_cautions(FLAT, of.delivery, fact)]


@pytest.mark.parametrize(
    ("named", "instead"),
    [
        ("Nd2O3", "Nd2O3 is not a known analyte: state Nd, with reported_as Nd2O3 and the figure as it is."),
        ("ThO2", "ThO2 is not a known analyte: state Th, with reported_as ThO2 and the figure as it is."),
        ("Xx", "Xx is not a known analyte: there are "),
    ],
)
def test_an_oxide_that_is_named_as_analyte_is_told_how_it_is_reported(named: str, instead: str) -> None:
    of = begun().ship().weigh()
    with pytest.raises(Refusals) as found:
        of.lodge("seller", results=figures(**NDPR, **{named: 1}))
    assert instead in str(found.value)


def test_the_exchange_waits_for_both_or_for_the_time_to_be_out() -> None:
    """14 days after the weighing on 1 March: until the end of 15 March."""
    weighed = begun().ship().weigh()
    assert weighed.delivery.weighed is not None
    assert datetime(2027, 3, 16, tzinfo=UTC) == weighed.delivery.weighed.exchange_by
    weighed.lodge("seller").on(date(2027, 3, 15))
    assert [("exchange_not_due", None)] == blotter(weighed.exchange)
    assert [("agreement_unknown", None)] == blotter(lambda: weighed.exchange(caller=STRANGER_TRADER))
    weighed.on(date(2027, 3, 16)).exchange(caller=OPERATOR_CALLER)
    exchanged = weighed.delivery.exchanged
    assert exchanged is not None
    assert (("buyer",), {"silence_binds"}) == (exchanged.silent, {each.by for each in exchanged.settled})
    assert "assayed" == weighed.delivery.status


def test_when_both_keep_silent_what_was_stated_stands() -> None:
    silent = begun().ship().weigh().on(date(2027, 3, 16)).exchange()
    assert silent.delivery.exchanged is not None
    assert ("seller", "buyer") == silent.delivery.exchanged.silent
    assert {"Nd": 60 * PERCENT_PPB, "Pr": 20 * PERCENT_PPB} == silent.delivery.fractions_ppb


def test_without_an_agreed_exchange_the_weighing_settles() -> None:
    terms = replace(FLAT, assay=AssayClause(umpire=UMPIRE))
    weighed = begun(terms).ship().weigh(net_wet_g=9 * TONNE_G)
    assert "assayed" == weighed.delivery.status
    assert 7_200_000 == weighed.accept().delivery.accepted.quantity_g  # type: ignore[union-attr]


def disputed(terms: Any = FLAT) -> Deliveries:
    """Nd 62 % against 58 %: beyond 0.5 %. Pr 20.4 % against 20 %: within."""
    seller = figures(Nd=62 * PERCENT_PPB, Pr=204_000_000)
    buyer = figures(Nd=58 * PERCENT_PPB, Pr=20 * PERCENT_PPB)
    return begun(terms).ship().weigh().lodge("seller", results=seller).lodge("buyer", results=buyer)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"results": figures()}, [("analyte_missing", "/results")]),
        ({"results": figures(Nd=1, Pr=1)}, [("nothing_for_umpire", "/results/1/analyte")]),
        ({"results": figures(Nd=1), "laboratory": "SGS"}, [("umpire_not_agreed", "/laboratory")]),
        ({"results": figures(Nd=91 * PERCENT_PPB)}, [("results_over_oxide", "/results")]),
        ({"results": figures(Nd=1), "cost_cents": -1}, [("amount_below_zero", "/cost_cents")]),
        ({"results": figures(Nd=1), "caller": STRANGER_TRADER}, [("agreement_unknown", None)]),
        ({"results": figures(Nd=1), "reference": ""}, [("malformed_member", "/reference")]),
    ],
)
def test_what_is_no_word_of_the_umpire(changes: Any, expected: Any) -> None:
    assert expected == blotter(lambda: disputed().umpire(**changes))


@pytest.mark.parametrize("laboratory", ["Umpire Labs Antwerp", UMPIRE_UNNAMED])
def test_who_is_named_while_a_delivery_is_in_dispute_is_its_umpire(laboratory: str) -> None:
    """Otherwise an amendment counts from the day after; where nobody was named it would come too late."""
    unnamed = replace(FLAT, assay=replace(FLAT.assay, umpire=UMPIRE_UNNAMED))
    before = disputed(unnamed)
    given: dict[str, Any] = {"results": figures(Nd=1), "laboratory": laboratory}
    assert [("umpire_not_named", "/laboratory")] == blotter(lambda: before.umpire(**given))
    after = amended(disputed(unnamed), FLAT)
    assert [("umpire_not_agreed", "/laboratory")] == blotter(lambda: after.umpire(**given))
    assert "assayed" == after.umpire(results=figures(Nd=1), laboratory=UMPIRE).delivery.status


OPERATOR: dict[str, Any] = {"caller": OPERATOR_CALLER, "results": figures(Nd=1), "certificate": CERTIFICATE}


def handed_in(by: str = "seller", terms: Any = FLAT) -> Deliveries:
    return disputed(terms).umpire(by, results=figures(Nd=61 * PERCENT_PPB), certificate=CERTIFICATE)


def test_a_day_that_cannot_be_is_told_with_the_day_that_bounds_it() -> None:
    (late,) = refusals(lambda: begun().ship(shipped_on=SHIPPED + timedelta(days=1)))
    assert late.detail().endswith(
        f" has not begun anywhere on earth yet: at UTC+14, where days begin first, it is {SHIPPED}."
    )
    (early,) = refusals(lambda: begun().ship(shipped_on=date(2026, 12, 31)))
    assert "a shipment cannot be before the first day of the contract (2027-01-01)." == early.detail()


def test_a_day_that_has_begun_in_the_far_east_is_taken() -> None:
    """On 2 March, at 10:00 UTC of 1 March, in Kiritimati; a minute before it has begun nowhere."""
    tomorrow, begins = SHIPPED + timedelta(days=1), datetime.combine(SHIPPED, time(10), UTC)
    of = begun()
    of.paper.now = begins - timedelta(minutes=1)
    assert [("date_in_future", "/shipped_on")] == blotter(lambda: of.ship(shipped_on=tomorrow))
    of.paper.now = begins
    delivery = of.ship(shipped_on=tomorrow).weigh(weighed_on=tomorrow).delivery
    assert delivery.weighed is not None
    assert (tomorrow, tomorrow) == (delivery.shipped.shipped_on, delivery.weighed.weighed_on)


@pytest.mark.parametrize("days", [-1, 1])
def test_a_certificate_is_of_a_day_between_shipment_and_now(days: int) -> None:
    dated = replace(CERTIFICATE, dated_on=SHIPPED + timedelta(days=days))
    code = "date_in_future" if days > 0 else "dates_out_of_order"
    given: dict[str, Any] = {"results": figures(Nd=1), "certificate": dated}
    assert [(code, "/certificate/dated_on")] == blotter(lambda: disputed().umpire(**given))


def test_who_hands_in_the_umpires_figures_waits_for_the_other_side() -> None:
    """The buyer could otherwise take title, or send the lot back, by figures that nobody else has seen."""
    for step in (handed_in("buyer").accept, handed_in("buyer").reject):
        assert [("objection_open", None)] == blotter(step)
    late = handed_in("buyer").on(SHIPPED + timedelta(days=OBJECTION_DAYS + 1))
    assert 8_120_000 == late.accept().delivery.accepted.quantity_g  # type: ignore[union-attr]  # was accepted
    assert "accepted" == handed_in("seller").accept().delivery.status


def test_what_is_no_objection() -> None:
    assert [("umpire_handed_in", None)] == blotter(lambda: handed_in().object_to_umpire("seller"))
    late = handed_in().on(SHIPPED + timedelta(days=OBJECTION_DAYS + 1))
    assert [("objection_over", None)] == blotter(late.object_to_umpire)
    assert [("delivery_status_unfit", None)] == blotter(disputed().object_to_umpire)
    assert [("delivery_status_unfit", None)] == blotter(handed_in().accept().object_to_umpire)
    assert [("malformed_member", "/reason")] == blotter(lambda: handed_in().object_to_umpire(reason=""))
    assert [("agreement_unknown", None)] == blotter(
        lambda: handed_in().object_to_umpire(caller=STRANGER_TRADER)
    )
    of = handed_in()
    assert [("objection_unfounded", "/evidence")] == blotter(lambda: of.object_to_umpire(evidence=()))
    early = replace(CERTIFICATE, dated_on=SHIPPED + timedelta(days=3))
    assert [("date_in_future", "/evidence/0/dated_on")] == blotter(
        lambda: handed_in().object_to_umpire(evidence=(early,))
    )
    of_before = disputed().umpire(results=figures(Nd=1))
    assert [("umpire_final", None)] == blotter(of_before.object_to_umpire)


def test_an_objection_takes_the_figures_away_and_the_operator_has_the_last_word() -> None:
    objected = handed_in().object_to_umpire()
    assert ("before_umpire", None) == (objected.delivery.status, objected.delivery.umpire)
    assert "Nd" in objected.delivery.exchanged.to_umpire  # type: ignore[union-attr]  # was exchanged
    assert [("umpire_contested", None)] == blotter(lambda: objected.umpire(results=figures(Nd=1)))
    decided = objected.umpire(
        caller=OPERATOR_CALLER, certificate=CERTIFICATE, results=figures(Nd=60 * PERCENT_PPB)
    )
    assert 60 * PERCENT_PPB == decided.delivery.fractions_ppb["Nd"]
    assert [("umpire_final", None)] == blotter(decided.object_to_umpire)
    assert "accepted" == decided.accept().delivery.status


def test_the_operator_decides_only_where_the_parties_cannot() -> None:
    assert [("umpire_of_parties", None)] == blotter(lambda: disputed().umpire(**OPERATOR))
    unnamed = replace(FLAT, assay=replace(FLAT.assay, umpire=UMPIRE_UNNAMED))
    named = disputed(unnamed).umpire(**OPERATOR | {"laboratory": "SGS Geneva"})
    assert ("assayed", "SGS Geneva") == (
        named.delivery.status,
        named.delivery.umpire.laboratory,  # type: ignore[union-attr]  # was decided
    )


def test_the_umpire_settles_what_the_two_could_not() -> None:
    """61 % lies between: 8.12 t instead of 8 t of basis, the buyer was farther off."""
    before = disputed()
    assert "before_umpire" == before.delivery.status
    assert [("delivery_status_unfit", None)] == blotter(before.accept)
    decided = before.umpire(results=figures(Nd=61 * PERCENT_PPB), cost_cents=120_000).delivery
    assert decided.umpire is not None
    assert "buyer" == decided.umpire.settled[0].pays_umpire
    assert {"Nd": 61 * PERCENT_PPB, "Pr": 202_000_000} == decided.fractions_ppb
    assert 8_120_000 == before.accept().delivery.accepted.quantity_g  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"by": "seller"}, [("side_wrong", None)]),
        ({"title_passed_on": date(2027, 2, 28)}, [("dates_out_of_order", "/title_passed_on")]),
        ({"title_passed_on": date(2027, 3, 2)}, [("date_in_future", "/title_passed_on")]),
    ],
)
def test_what_cannot_be_accepted(changes: Any, expected: Any) -> None:
    assert expected == blotter(lambda: begun().assayed().accept(**changes))


def test_what_is_within_its_limits_cannot_be_rejected() -> None:
    clean = begun(SPEC).assayed(stated=figures(**CLEAN))
    assert [("within_specification", None)] == blotter(clean.reject)
    assert [("side_wrong", None)] == blotter(lambda: clean.reject("seller"))


def test_a_rejection_names_the_broken_limits_and_gives_the_money_back() -> None:
    found = figures(Nd=50 * PERCENT_PPB, Pr=20 * PERCENT_PPB, Th=60 * PPM_PPB, Ce=10 * PERCENT_PPB)
    rejected = begun(SPEC).assayed(stated=found).reject()
    fact = rejected.delivery.rejected
    assert fact is not None
    assert 7_000_000 == fact.quantity_g
    *limits, purity = fact.reasons
    assert ["above_max:Th 60 ppm > 50 ppm", "below_min:Nd 50 % < 55 %"] == limits
    assert re.fullmatch(r"purity:Nd\+Pr 87\.[0-9]+ % < 99 %", purity)
    (invoice,) = rejected.invoices
    paid = rejected.delivery.shipped.lines
    assert ("rejection", -sum(line.amount_cents for line in paid)) == (invoice.settles, invoice.total_cents)
    assert "rejected" == rejected.delivery.status


def test_without_a_purity_only_limits_can_be_broken() -> None:
    terms = replace(SPEC, product=replace(SPEC.product, purity=None))
    found = figures(Nd=50 * PERCENT_PPB, Pr=20 * PERCENT_PPB, Th=0)
    fact = begun(terms).assayed(stated=found).reject().delivery.rejected
    assert fact is not None
    assert 1 == len(fact.reasons)


def amended(of: Deliveries, terms: Any) -> Deliveries:
    """Both sign other terms."""
    of.paper.propose("seller", terms).sign_both()
    return of


def test_what_is_agreed_after_a_shipment_is_not_asked_of_it() -> None:
    more = replace(
        SPEC,
        assay=replace(
            SPEC.assay, splitting=(*SPEC.assay.splitting, SplittingLimit(analyte="Dy", limit_ppb=1))
        ),
    )
    of = amended(begun().ship().weigh().lodge("seller"), more).lodge("buyer")
    assert of.delivery.exchanged is not None
    assert ["Nd", "Pr"] == [each.analyte for each in of.delivery.exchanged.settled]
    assert [("within_specification", None)] == blotter(of.reject)


def closed(of: Deliveries, **changes: Any) -> list[tuple[str, str | None]]:
    """What refuses a shipment into what was settled before."""
    state = replace(of.state, **changes)
    argument = Ship(
        caller=CALLERS["seller"],
        agreement=of.paper.stands.agreement,
        lot_number="late",
        form="separated_oxide",
        shipped_on=of.paper.now.date(),
        net_wet_g=TONNE_G,
        moisture_ppb=0,
        stated=figures(**NDPR),
    )
    return blotter(lambda: ship(state, argument, of.paper.moment))


def test_nothing_is_shipped_into_a_year_or_quarter_whose_account_is_closed() -> None:
    of = begun()
    assert [("shipped_year_closed", "/shipped_on")] == closed(of, closed_years=frozenset({1}))
    assert [("shipped_quarter_settled", "/shipped_on")] == closed(of, quarter_settled=True)


def test_an_amendment_prices_what_is_shipped_after_the_day_of_its_signing() -> None:
    """100.00 per kg until both sign 120.00 on 12 March; 8 t of basis each, by the day of the shipment."""
    dearer = replace(FLAT, price=FlatPrice(price_micro_per_kg=120 * MICRO))
    of = Deliveries(FLAT).on(date(2027, 3, 10)).ship()
    before = of.last
    amended(of.on(date(2027, 3, 12)), dearer)
    assert [(1, date(2027, 3, 12), 100 * MICRO), (13, None, 120 * MICRO)] == [
        (each.first.day, each.last, each.terms.price.price_micro_per_kg)
        for each in of.paper.stands.in_force()
        if isinstance(each.terms.price, FlatPrice)
    ]
    of.on(date(2027, 3, 15)).ship(shipped_on=date(2027, 3, 12))
    late = of.last
    of.ship(shipped_on=date(2027, 3, 13))
    after = of.last
    assert [72_000_000, 72_000_000, 86_400_000] == [
        of.deliveries[each].shipped.lines[0].amount_cents for each in (before, late, after)
    ]
    for of.last in (before, late, after):
        of.weigh().lodge("seller").lodge("buyer").accept().settle()
    assert [80_000_000, 80_000_000, 96_000_000] == [invoice.lines[0].amount_cents for invoice in of.invoices]
    assert [8_000_000, 8_000_000, 9_600_000] == [invoice.total_cents for invoice in of.invoices]


def test_a_delivery_folds_from_its_own_facts_only() -> None:
    shipped = begun().ship().delivery
    with pytest.raises(LookupError, match="shipped twice"):
        fold(shipped, 2, shipped.shipped)
    weighed = DeliveryWeighed(
        market=shipped.shipped.market,
        agreement=shipped.shipped.agreement,
        delivery=numbered(9),
        weighed_on=SHIPPED,
        net_wet_g=1,
        moisture_ppb=0,
        exchange_by=datetime(2027, 3, 1, tzinfo=UTC),
    )
    with pytest.raises(LookupError, match="never shipped"):
        fold(shipped, 2, weighed)
    after = fold(shipped, 7, replace(weighed, delivery=shipped.shipped.delivery))
    assert (2, 7) == (after.version, after.position)


def test_a_splitting_limit_may_be_nothing() -> None:
    exact = AssayClause(splitting=(SplittingLimit(analyte="Nd", limit_ppb=0),), umpire=UMPIRE)
    both = begun(replace(FLAT, assay=exact)).ship().weigh()
    both.lodge("seller", results=figures(Nd=5)).lodge("buyer", results=figures(Nd=5))
    assert "assayed" == both.delivery.status
