"""Supply offered ahead: how much a forecast allows, what it refuses, and where its mark shows."""

import math
from decimal import Decimal, localcontext
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec import UNSET
from msgspec.structs import replace
from scipy.stats import binom

from events.capacity_terms import FacilityCapacity, RampStep
from events.forecast_terms import (
    ElementShare,
    ForecastMark,
    LifeBounds,
    PlacedUnits,
    ProductMagnet,
    Quantile,
    RampForecast,
    ReturnForecast,
    ReuseShare,
    ShareBounds,
)
from events.market_events import (
    MatchStruck,
    RecoveredLotListed,
    RequirementPosted,
    SupplyOfferAmended,
    SupplyOffered,
)
from events.vocabulary import PPB, PhysicalLot, TermHorizon, Tranche, TwinReference
from market.rules.clearing.eligibility import reasons
from market.rules.orders import lots, offers, requirements
from market.rules.orders.forecast_supply import figure_g, mark_of, mark_text, returned_g
from market.rules.orders.forecast_units import shared_refusals
from market.rules.twins.committed import Claim, Taken
from market.rules.visibility.explanations import candidates
from market.rules.visibility.own_side import own_candidates, own_match
from market.rules.visibility.tape import TapeOrder, TapeTrade, public_book
from market.rules.visibility.tickets import ticket, ticket_lines
from tests.blotter import EUR, eur, facts_of_type, ident, member, ndpr_price
from tests.desk_support import (
    BUYER,
    MEMBERS,
    PERCENT_PPB,
    SELLER,
    SELLER_SITE,
    TERMS,
    TONNE_G,
    amend_supply,
    blotter,
    day,
    facts,
    lot,
    moment,
    need,
    numbered,
    period,
    post_need,
    post_supply,
    posting,
    refusals,
    supply_order,
    supply_state,
    swarf,
)
from tests.rules.test_pairs import edges_by_column
from tests.rules.test_visibility import PUBLIC, Watched

WHOLE = ShareBounds(low=PPB, middle=PPB, high=PPB)
MAGNET = ProductMagnet(
    pieces=2,
    mass_mg=500_000,
    elements=(
        ElementShare(
            element="Nd",
            fraction_ppb=ShareBounds(low=19 * PERCENT_PPB, middle=20 * PERCENT_PPB, high=21 * PERCENT_PPB),
        ),
        ElementShare(
            element="Pr",
            fraction_ppb=ShareBounds(low=10 * PERCENT_PPB, middle=10 * PERCENT_PPB, high=10 * PERCENT_PPB),
        ),
    ),
)
"""1 kg of magnets in a unit, 300 g of it NdPr."""
RETURNED = ReturnForecast(
    year=2026,
    quarter=2,
    quantile="middle",
    scale_micro_years=LifeBounds(low=5_000_000, middle=5_000_000, high=5_000_000),
    shape_micro=1_000_000,
    magnets=(MAGNET,),
    placed=(PlacedUnits(year=2026, quarter=1, units=400_000),),
    collection_ppb=WHOLE,
    disassembly_ppb=WHOLE,
    recovery_ppb=WHOLE,
)
RAMPED = RampForecast(year=2026, quarter=2, quantile="middle")
RAMP = FacilityCapacity(
    form="swarf",
    nameplate_g_per_year=400 * TONNE_G,
    ramp=(
        RampStep(year=2026, quarter=1, share_ppb=PPB // 10),
        RampStep(year=2026, quarter=2, share_ppb=PPB // 4),
        RampStep(year=2026, quarter=3, share_ppb=PPB // 2),
    ),
)
"""10 t, 25 t and 50 t in the first three quarters of 2026."""


def ramped(*capacities: FacilityCapacity) -> Any:
    known = MEMBERS[SELLER]
    return replace(known, facilities=(replace(known.facilities[0], capacities=capacities),))


def closed_form_g(percent: int) -> int:
    """Of 400,000 units with 1 kg of magnets 1 − e^(−1/20) come back after a quarter of a life of 5 years."""
    with localcontext() as context:
        context.prec = 60
        return int(400_000 * (1 - (Decimal(-1) / 20).exp()) * 10 * percent)


def test_the_figure_is_that_of_the_quantile() -> None:
    """Closed form: 400,000 exponential lives of 5 years; 29, 30 and 31 % NdPr of 1 kg."""
    found = [returned_g(replace(RETURNED, quantile=each), "ndpr") for each in ("low", "middle", "high")]
    assert [closed_form_g(29), closed_form_g(30), closed_form_g(31)] == found
    assert 0 == returned_g(RETURNED, "dy")


@pytest.mark.parametrize("quantile", ["low", "middle", "high"])
def test_more_than_the_figure_is_refused_with_both_figures(quantile: Quantile) -> None:
    """5,600 kg of basis against 29, 30 or 31 % of what comes back of 400,000 units, then of 385,000."""
    stated = replace(RETURNED, quantile=quantile)
    assert [] == refusals(lambda: offers.post(posting(), post_supply(swarf(forecast=stated)), moment()))
    few = replace(stated, placed=(PlacedUnits(year=2026, quarter=1, units=385_000),))
    most = returned_g(few, "ndpr")
    assert (most < 5_600_000) == (quantile == "low")
    found = refusals(lambda: offers.post(posting(), post_supply(swarf(forecast=few)), moment()))
    expected = (
        f"The low figure of ndpr for 2026-Q2 is {most // 1000}.{most % 1000:03d} kg, "
        "but 5600.000 kg are offered."
    )
    assert ([expected] if quantile == "low" else []) == [each.detail() for each in found]


OTHER_ORDER = supply_order(swarf(forecast=RETURNED), order=numbered(76))
"""5,600 kg of the 5,852 kg that the middle figure gives."""


@pytest.mark.parametrize(
    ("forecast", "status", "taken_g", "expected"),
    [
        ({}, "open", 0, 5_600_000),
        ({"quantile": "low"}, "open", 0, 5_600_000),
        ({}, "withdrawn", 1_400_000, 1_400_000),
        ({}, "withdrawn", 0, 0),
        ({"quarter": 3}, "open", 0, 0),
        ({"shape_micro": 1_000_001}, "open", 0, 0),
        ({"placed": (PlacedUnits(year=2025, quarter=4, units=400_000),)}, "open", 0, 0),
        ({"placed": (PlacedUnits(year=2026, quarter=1, units=0),)}, "open", 0, 0),
    ],
)
def test_units_are_offered_once(forecast: Any, status: Any, taken_g: int, expected: int) -> None:
    """Of one product, one quarter and one of the quarters in which they were placed; losses may differ."""
    order = replace(OTHER_ORDER, status=status)
    order = replace(order, terms=replace(order.terms, forecast=replace(RETURNED, **forecast)))
    taken = Taken(match=UUID(int=1), tranche=0, quantity_g=taken_g, stage="contracted")
    known = posting(ahead=(Claim(order=order, taken=(taken,) if taken_g else ()),))
    found = refusals(lambda: offers.post(known, post_supply(swarf(forecast=RETURNED)), moment()))
    most = closed_form_g(30)
    told = (
        f"The middle figure of ndpr in 2026-Q2 is {most // 1000}.{most % 1000:03d} kg: "
        f"{expected // 1000}.000 kg are already offered, 5600.000 kg more are too much."
    )
    assert ([told] if expected else []) == [each.detail() for each in found]


def test_units_of_both_orders_count_once_and_a_twin_names_the_product() -> None:
    """The other has as many units of a quarter before: together they are twice as many, and enough."""
    twin = TwinReference(twin=numbered(77), version=1)
    older = PlacedUnits(year=2025, quarter=4, units=440_000)
    other = replace(RETURNED, placed=(older, *RETURNED.placed), twin=twin)
    order = replace(OTHER_ORDER, terms=replace(OTHER_ORDER.terms, forecast=other))
    draft = swarf(forecast=RETURNED)
    both = posting(ahead=(Claim(order=order),))
    assert [] == refusals(lambda: offers.post(both, post_supply(draft), moment()))
    assert ["forecast_shared"] == [
        each.code
        for each in refusals(
            lambda: offers.post(replace(both, ahead=both.ahead * 2), post_supply(draft), moment())
        )
    ]
    lighter = replace(other, magnets=(replace(MAGNET, mass_mg=400_000),), placed=RETURNED.placed)
    order = replace(order, terms=replace(order.terms, forecast=lighter))
    named = posting(ahead=(Claim(order=order),), twins={})
    assert [] == refusals(lambda: offers.post(named, post_supply(draft), moment()))
    terms = replace(OTHER_ORDER.terms, forecast=replace(RETURNED, twin=replace(twin, version=2)))
    assert ["forecast_shared"] == [each.code for each in shared_refusals(terms, "ndpr", named.ahead, None)]


def test_an_order_that_names_more_units_makes_no_room_for_the_others() -> None:
    """5,600 kg of what 400,000 units give, a little of ten times as many: of the 400,000 no more is left."""
    wide = tuple(PlacedUnits(year=2025 - n, quarter=4, units=400_000) for n in range(9))
    wider = replace(RETURNED, placed=(*wide, *RETURNED.placed))
    little = replace(OTHER_ORDER.terms, forecast=wider, net_wet_g=TONNE_G)
    bridge = replace(OTHER_ORDER, order=numbered(78), terms=little)
    told = shared_refusals(OTHER_ORDER.terms, "ndpr", (Claim(order=OTHER_ORDER), Claim(order=bridge)), None)
    assert [("5600.000 kg", "5600.000 kg")] == [
        (each.figures["others"], each.figures["offered"]) for each in told
    ]
    assert [] == list(shared_refusals(OTHER_ORDER.terms, "ndpr", (Claim(order=bridge),), None))


def test_orders_that_share_units_with_a_third_are_held_together_with_it() -> None:
    """A rests on old units, C on new ones, B on both: each pair has room, all three offer more than comes."""
    older = PlacedUnits(year=2025, quarter=4, units=440_000)
    old, both = (
        Claim(
            order=replace(
                OTHER_ORDER, terms=replace(OTHER_ORDER.terms, forecast=replace(RETURNED, placed=placed))
            )
        )
        for placed in ((older,), (older, *RETURNED.placed))
    )
    for known, codes in (((old,), []), ((both,), []), ((old, both), ["forecast_shared"])):
        assert codes == [each.code for each in shared_refusals(OTHER_ORDER.terms, "ndpr", known, None)]


def test_an_order_that_offers_no_more_keeps_what_it_has() -> None:
    terms = OTHER_ORDER.terms
    others = (Claim(order=OTHER_ORDER),)
    assert [] == list(shared_refusals(terms, "ndpr", others, terms))
    assert [] == list(shared_refusals(replace(terms, forecast=RAMPED), "ndpr", others, None))
    less = replace(terms, basis_g=terms.basis_g - 1)
    assert ["forecast_shared"] == [each.code for each in shared_refusals(terms, "ndpr", others, less)]


def in_second_quarter(**changes: Any) -> Any:
    return swarf(**({"forecast": RETURNED} | changes))


OTHER = ElementShare(element="Xx", fraction_ppb=WHOLE)


@pytest.mark.parametrize(
    ("draft", "state", "expected"),
    [
        (
            in_second_quarter(
                tranches=(Tranche(window=period(day(3, 31), day(5, 1)), net_wet_g=25 * TONNE_G),)
            ),
            {},
            [("forecast_window_early", "/tranches/0/window/start")],
        ),
        (in_second_quarter(valid_until=day(7, 2)), {}, [("forecast_outlived", "/valid_until")]),
        (
            in_second_quarter(forecast=replace(RETURNED, year=2025)),
            {},
            [("forecast_outlived", "/valid_until"), ("forecast_before_placed", "/forecast/quarter")],
        ),
        (
            in_second_quarter(
                physical_lot=PhysicalLot(site=SELLER_SITE, lot_number="L-7", passport=numbered(77))
            ),
            {},
            [
                ("forecast_of_passport", "/physical_lot/passport"),
                ("passport_unknown", "/physical_lot/passport"),
            ],
        ),
        (
            in_second_quarter(forecast=replace(RETURNED, placed=RETURNED.placed * 2)),
            {},
            [("duplicate_entry", "/forecast/returns/placed_on_market/1")],
        ),
        (
            in_second_quarter(
                forecast=replace(RETURNED, magnets=(replace(MAGNET, elements=(*MAGNET.elements, OTHER)),))
            ),
            {},
            [
                ("element_unknown", "/forecast/returns/magnets/0/elements/2/element"),
                ("shares_above_magnet", "/forecast/returns/magnets/0/elements"),
            ],
        ),
        (
            in_second_quarter(
                forecast=replace(RETURNED, magnets=(replace(MAGNET, elements=MAGNET.elements * 2),))
            ),
            {},
            [
                ("duplicate_entry", "/forecast/returns/magnets/0/elements/2"),
                ("duplicate_entry", "/forecast/returns/magnets/0/elements/3"),
            ],
        ),
        (in_second_quarter(forecast=RAMPED), {}, [("ramp_not_stated", "/forecast/basis")]),
        (
            in_second_quarter(forecast=RAMPED),
            {"member": ramped(replace(RAMP, ramp=()))},
            [("ramp_not_stated", "/forecast/basis")],
        ),
        (
            in_second_quarter(forecast=replace(RAMPED, quantile="low")),
            {"member": ramped(RAMP)},
            [("forecast_exceeded", "/net_wet_g")],
        ),
        (in_second_quarter(forecast=RAMPED), {"member": ramped(RAMP)}, []),
        (
            in_second_quarter(forecast=RAMPED),
            {"member": ramped(RAMP, replace(RAMP, element="Dy", nameplate_g_per_year=1_000))},
            [("forecast_exceeded", "/net_wet_g")],
        ),
    ],
)
def test_what_cannot_be_a_forecast_is_refused(draft: Any, state: Any, expected: list[Any]) -> None:
    assert expected == blotter(lambda: offers.post(posting(**state), post_supply(draft), moment()))


def test_a_forecast_stands_for_a_quarter_and_not_for_years() -> None:
    years = TermHorizon(
        start_year=2026, profile_ppb=(PPB,), index="NdPr_oxide_99", quotation_period="month_after_shipment"
    )
    draft = in_second_quarter(term=years)
    assert [("forecast_of_years", "/forecast")] == blotter(
        lambda: offers.post(posting(), post_supply(draft), moment())
    )


REUSE = ReuseShare(
    low=20 * PERCENT_PPB, middle=25 * PERCENT_PPB, high=30 * PERCENT_PPB, source="own inspections of 2025"
)
REUSED = replace(RETURNED, reuse=REUSE)
REUSE_MARKET = replace(TERMS, basis="ndfeb-reuse")


def whole_magnets(tonnes: int, **changes: Any) -> Any:
    """A draft for the market of whole magnets."""
    return in_second_quarter(
        **{
            "form": "finished_magnet",
            "ask": replace(swarf().ask, per="wet"),
            "waste_status": "product",
            "moisture_ppb": 0,
            "net_wet_g": tonnes * TONNE_G,
            "tranches": (Tranche(window=period(day(4, 1), day(6, 1)), net_wet_g=tonnes * TONNE_G),),
            "forecast": REUSED,
        }
        | changes
    )


def posted_ahead(draft: Any, *others: Any, terms: Any = REUSE_MARKET) -> list[str]:
    """What is refused of the draft beside the seller's other orders."""
    known = posting(terms=terms, ahead=tuple(Claim(order=each) for each in others))
    return [each.detail() for each in refusals(lambda: offers.post(known, post_supply(draft), moment()))]


def test_a_share_of_reuse_belongs_to_whole_magnets_and_to_nothing_else() -> None:
    for terms, draft, expected in (
        (REUSE_MARKET, whole_magnets(1, forecast=RETURNED), "reuse_share_missing"),
        (TERMS, in_second_quarter(forecast=REUSED), "forecast_not_of_basis"),
    ):
        found = blotter(partial(offers.post, posting(terms=terms), post_supply(draft), moment()))
        assert [(expected, "/forecast/returns/reuse")] == found


def test_whole_magnets_are_offered_up_to_the_share_that_can_be_used_again() -> None:
    """1 kg of magnets in each of 400,000 units, of which 1 − e^(−1/20) come back and a quarter are fit."""
    most = closed_form_g(100) // 4
    assert most == returned_g(REUSED, "ndfeb-reuse")
    assert [] == posted_ahead(whole_magnets(most // TONNE_G))
    text = f"{most // 1000}.{most % 1000:03d} kg"
    assert [
        f"The middle figure of ndfeb-reuse for 2026-Q2 is {text}, but 5000.000 kg are offered."
    ] == posted_ahead(whole_magnets(5))


def test_a_unit_is_offered_to_reuse_or_to_recycling() -> None:
    """19,508 kg of magnets come back, 4,877 kg of them fit for reuse; 30 % of the rest is NdPr."""
    back, fit = closed_form_g(100), closed_form_g(100) // 4
    of_ndpr = supply_order(swarf(forecast=RETURNED), order=numbered(76))
    of_reuse = supply_order(
        swarf(), order=numbered(78), terms=replace(of_ndpr.terms, forecast=REUSED, net_wet_g=4 * TONNE_G)
    )
    # 5,600 kg of NdPr ask for 18,666.7 kg of magnets: 841 kg are left for reuse.
    told = (
        f"The middle figure of ndfeb-reuse, recycled magnets among them, in 2026-Q2 is "
        f"{back // 1000}.{back % 1000:03d} kg: 18666.667 kg are already offered, 1000.000 kg more "
        "are too much."
    )
    assert [told] == posted_ahead(whole_magnets(1), of_ndpr)
    # 4 t of whole magnets would have given 1,200 kg of NdPr.
    most = closed_form_g(30)
    told = (
        f"The middle figure of ndpr in 2026-Q2 is {most // 1000}.{most % 1000:03d} kg: "
        "1200.000 kg are already offered, 5600.000 kg more are too much."
    )
    assert [told] == posted_ahead(swarf(forecast=RETURNED), of_reuse, terms=TERMS)
    told = (
        f"The middle figure of ndfeb-reuse in 2026-Q2 is {fit // 1000}.{fit % 1000:03d} kg: "
        "4000.000 kg are already offered, 1000.000 kg more are too much."
    )
    assert [told] == posted_ahead(whole_magnets(1), of_reuse)


@pytest.mark.parametrize("percentile", [5, 10, 50, 90, 95])
@pytest.mark.parametrize(("quantile", "percent"), [("low", 29), ("middle", 30), ("high", 31)])
def test_a_percentile_is_that_of_the_units_at_its_bound(
    percentile: Any, quantile: Quantile, percent: int
) -> None:
    """Binomial: 120 units with a chance of 1 − e^(−1/20), 1 kg of magnets in each."""
    few = replace(
        RETURNED,
        placed=(PlacedUnits(year=2026, quarter=1, units=120),),
        quantile=quantile,
        percentile=percentile,
    )
    units = int(binom.ppf(percentile / 100, 120, 1 - math.exp(-1 / 20)))
    assert units * 10 * percent == returned_g(few, "ndpr")
    assert 0 == returned_g(few, "dy")
    assert 0 == returned_g(few, "ndfeb-reuse")
    shares = {"low": 20, "middle": 25, "high": 30}
    fit = int(binom.ppf(percentile / 100, 120, (1 - math.exp(-1 / 20)) * shares[quantile] / 100))
    assert fit * 1_000 == returned_g(replace(few, reuse=REUSE), "ndfeb-reuse")


def test_more_than_the_percentile_is_refused_with_both_figures() -> None:
    """Of 385,000 units 5,633 kg are expected, and less in 10 of 100 cases."""
    stated = replace(RETURNED, percentile=10)
    assert [] == posted_ahead(swarf(forecast=stated), terms=TERMS)
    fewer = replace(stated, placed=(PlacedUnits(year=2026, quarter=1, units=385_000),))
    most = returned_g(fewer, "ndpr")
    units = int(binom.ppf(0.1, 385_000, 1 - math.exp(-1 / 20)))
    assert 300 * units == most < 5_600_000 < returned_g(replace(fewer, percentile=50), "ndpr")
    figure = f"{most // 1000}.{most % 1000:03d} kg"
    told = f"The middle p10 figure of ndpr for 2026-Q2 is {figure}, but 5600.000 kg are offered."
    assert [told] == posted_ahead(swarf(forecast=fewer), terms=TERMS)


def test_nothing_comes_back_before_the_first_sale() -> None:
    for quarter in (1, 2):
        early = replace(
            RETURNED, placed=(PlacedUnits(year=2026, quarter=quarter, units=400_000),), quarter=quarter
        )
        found = refusals(partial(offers.post, posting(), post_supply(swarf(forecast=early)), moment()))
        assert (
            f"Nothing comes back in 2026-Q{quarter}: the first units are placed on the market in "
            f"2026-Q{quarter}, and return later."
        ) in [each.detail() for each in found]


def test_the_mark_names_the_percentile_and_whose_word_the_share_is() -> None:
    (offered,) = facts(
        offers.post(
            posting(), post_supply(in_second_quarter(forecast=replace(RETURNED, percentile=5))), moment()
        )
    )
    assert isinstance(offered, SupplyOffered)
    mark = mark_of(offered.terms)
    assert mark is not None
    assert "middle p05 of 2026-Q2, return forecast" == mark_text(mark)
    (offered,) = facts(offers.post(posting(terms=REUSE_MARKET), post_supply(whole_magnets(1)), moment()))
    assert isinstance(offered, SupplyOffered)
    mark = mark_of(offered.terms)
    assert mark is not None
    assert "middle of 2026-Q2, return forecast, reuse share as stated" == mark_text(mark)


@pytest.mark.parametrize(("quantile", "most"), [("low", "10"), ("middle", "25"), ("high", "50")])
def test_a_ramp_a_quarter_late_on_time_and_early(quantile: Quantile, most: str) -> None:
    tonnes = 60
    tranche = Tranche(window=period(day(4, 1), day(6, 1)), net_wet_g=tonnes * TONNE_G)
    draft = swarf(
        net_wet_g=tonnes * TONNE_G, tranches=(tranche,), forecast=replace(RAMPED, quantile=quantile)
    )
    found = refusals(lambda: offers.post(posting(member=ramped(RAMP)), post_supply(draft), moment()))
    assert [f"The {quantile} figure of swarf for 2026-Q2 is {most} t, but 60 t are offered."] == [
        each.detail() for each in found
    ]


def test_bounds_out_of_order_are_malformed() -> None:
    for kind in (ShareBounds, LifeBounds):
        with pytest.raises(msgspec.ValidationError, match="at most `middle`"):
            msgspec.json.decode(b'{"low":3,"middle":2,"high":4}', type=kind)


def test_offer_and_lot_carry_their_forecast() -> None:
    (offered,) = facts(offers.post(posting(), post_supply(in_second_quarter()), moment()))
    assert isinstance(offered, SupplyOffered)
    assert RETURNED == offered.terms.forecast
    assert closed_form_g(30) == figure_g(offered.terms, "ndpr")
    listed, _ = facts(lots.list_lot(posting(), post_supply(lot(forecast=RETURNED)), moment()))
    assert isinstance(listed, RecoveredLotListed)
    assert ForecastMark(basis="return_forecast", year=2026, quarter=2, quantile="middle") == mark_of(
        listed.terms
    )


def amended(draft: Any, **order: Any) -> Any:
    known = supply_order(in_second_quarter(), **order)
    return offers.amend(supply_state(known), amend_supply(draft), moment())


def test_without_the_mark_it_is_firm() -> None:
    (fact,) = facts(amended(swarf()))
    assert isinstance(fact, SupplyOfferAmended)
    assert (UNSET, False) == (fact.terms.forecast, fact.keeps_rank)
    assert None is figure_g(fact.terms, "ndpr")
    (less,) = facts(
        amended(
            in_second_quarter(
                net_wet_g=24 * TONNE_G,
                tranches=(
                    swarf().tranches[0],
                    replace(swarf().tranches[1], net_wet_g=14 * TONNE_G),
                ),
            )
        )
    )
    assert isinstance(less, SupplyOfferAmended)
    assert (RETURNED, True) == (less.terms.forecast, less.keeps_rank)


def test_what_a_buyer_holds_of_it_may_become_firm_and_not_less_certain() -> None:
    (fact,) = facts(amended(swarf(), held_g=1_000))
    assert isinstance(fact, SupplyOfferAmended)
    assert UNSET is fact.terms.forecast
    other = in_second_quarter(forecast=replace(RETURNED, quantile="high"))
    assert ("committed_field_fixed", "/forecast") in blotter(lambda: amended(other, held_g=1_000))
    firm = supply_order(swarf(), held_g=1_000)
    assert [("committed_field_fixed", "/forecast")] == blotter(
        lambda: offers.amend(supply_state(firm), amend_supply(in_second_quarter()), moment())
    )


def test_a_requirement_refuses_forecasts_unless_it_takes_them() -> None:
    (stated,) = facts(requirements.post(posting(BUYER), post_need(need()), moment()))
    assert isinstance(stated, RequirementPosted)
    assert "refused" == stated.terms.forecast_supply


def ahead_market(count: int, *, accepts: Any = "accepted") -> Watched:
    """Sellers of forecast swarf, as many buyers, all firm; START is in the first quarter of 2026."""
    lane = Watched()
    lane.admit(*(member(f"{side}{k}") for side in ("seller", "buyer") for k in range(count)))
    lane.record(ndpr_price())
    for k in range(count):
        lane.offer(f"seller{k}", f"offer {k}", forecast=RETURNED, ask=eur((50 + k) * EUR))
        lane.require(f"buyer{k}", f"wanted {k}", forecast_supply=accepts, limit=eur((70 + k) * EUR))
    return lane


def test_the_pair_rule_and_the_columns_refuse_alike() -> None:
    lane = ahead_market(1, accepts="refused")
    supply, wanted = lane.book.supplies[ident("offer 0")], lane.book.requirements[ident("wanted 0")]
    assert ["forecast_refused middle of 2026-Q2, return forecast against refused"] == [
        str(each) for each in reasons(supply, wanted, lane.facts())
    ]
    assert {} == edges_by_column(lane)
    lane = ahead_market(1)
    assert 1 == len(edges_by_column(lane))


def test_the_mark_shows_on_match_ticket_tape_and_candidates() -> None:
    lane = ahead_market(6)
    lane.offer("seller0", "firm offer", ask=eur(90 * EUR))
    mark = ForecastMark(basis="return_forecast", year=2026, quarter=2, quantile="middle")
    whole = candidates(lane.book, lane.facts(), ident("wanted 0"))
    assert whole is not None
    own = own_candidates(whole, ident("buyer0"), 0, whole)
    assert own is not None
    assert (None, 7, 6) == (own.forecast, own.eligible, own.eligible_forecast)
    offered = candidates(lane.book, lane.facts(), ident("offer 0"))
    assert offered is not None
    assert mark == offered.forecast
    lines = [line for line in public_book(lane.book, PUBLIC) if line.topic == "public.supply-offers.v1"]
    assert [True] * 6 == [line.forecast for line in lines if line.forecast is not UNSET]
    offers_before, wanted_before = dict(lane.book.supplies), dict(lane.book.requirements)
    lane.round()
    struck = facts_of_type(lane.events, MatchStruck)
    assert {mark} == {each.forecast for each in struck}
    seen = own_match(struck[0], "buyer", confirmed=False, counterparty=ident("seller0"))
    assert mark == seen.forecast
    trades = [line for line in lane.seen(PUBLIC) if isinstance(line, TapeTrade | TapeOrder)]
    assert {True, UNSET} == {line.forecast for line in trades}
    terms = offers_before[struck[0].supply].terms
    needs = wanted_before[struck[0].requirement].terms
    told = dict(ticket_lines(ticket(struck[0], terms, needs, "ndpr")))
    assert "middle of 2026-Q2, return forecast" == told["forecast, not there yet"] == mark_text(mark)


def test_few_forecasts_stay_uncounted() -> None:
    lane = ahead_market(2)
    whole = candidates(lane.book, lane.facts(), ident("wanted 0"))
    assert whole is not None
    own = own_candidates(whole, ident("buyer0"), 0, whole)
    assert own is not None
    assert None is own.eligible_forecast
