"""What became of an order in a round: whole for auditors, in ticks and counts for its owner."""

from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from events.clearing_terms import Multiplier
from events.market_events import ClearingEvidence, ClearingPlanned
from events.market_terms import AnalyteLimit
from events.policy_terms import PortfolioLimits
from market.rules.book import Book
from market.rules.clearing.clearing import conclude
from market.rules.viewers import AuditorViewer, OperatorViewer, OrganisationViewer, PublicViewer
from market.rules.visibility.own_round import OwnOrderInRound, own_order_in_round
from market.rules.visibility.standings import OrderInRound, RoundDual, RoundMultiplier, order_in_round
from market.rules.visibility.visibility import see_order_in_round
from tests.blotter import EUR, PPM, Lane, T, assay, cell, days, eur, facts_of_type, ident, member

WANTED, TONNE_G = ident("wanted"), 1_000_000


class Round:
    """A recorded round, with the book as it stood at the cut."""

    def __init__(self, lane: Lane) -> None:
        plan = lane.plan()
        assert isinstance(plan.data, ClearingPlanned)
        self.planned = plan.data
        self.book = msgspec.msgpack.decode(msgspec.msgpack.encode(lane.book), type=Book)
        parts = facts_of_type(lane.append(conclude(lane.book, plan)), ClearingEvidence)
        self.duals = [RoundDual(section=part.section, dual=dual) for part in parts for dual in part.duals]
        self.trades = [fall for part in parts for fall in part.waterfalls]
        self.pairs = [(fall.supply, fall.requirement) for fall in self.trades]
        self.multipliers: tuple[RoundMultiplier, ...] = ()

    def whole(self, order: UUID) -> OrderInRound:
        found = order_in_round(
            self.book, self.planned, self.duals, self.trades, order, self.pairs, self.multipliers
        )
        assert found is not None
        return found

    def own(self, order: UUID) -> OwnOrderInRound:
        whole = self.whole(order)
        seen = own_order_in_round(whole, whole.organisation)
        assert seen is not None
        return seen


def lane_of(*asks: int, **supply: Any) -> Lane:
    """Two buyers, and one seller of 5.6 t of NdPr for each ask in micro-EUR per kg."""
    lane = Lane()
    lane.admit(member("buyer"), member("rival"), *(member(f"s{k}") for k in range(len(asks))))
    for k, ask in enumerate(asks):
        lane.offer(f"s{k}", f"offer {k}", ask=eur(ask), **supply)
    return lane


def cleared(lane: Lane, **wanted: Any) -> Round:
    lane.require("buyer", "wanted", **wanted)
    return Round(lane)


def test_a_dearer_market_is_told_in_ticks_of_the_others_prices() -> None:
    own = cleared(lane_of(72 * EUR + 1, 75 * EUR, 80 * EUR)).own(WANTED)
    assert ("unmatched", "all_dearer", 3) == (own.outcome, own.why, own.eligible)
    assert 10 == own.three_groups_ticks


def test_below_three_groups_of_companies_no_distance_is_told() -> None:
    own = cleared(lane_of(72 * EUR, 75 * EUR)).own(WANTED)
    assert ("unmatched", "eligible", None) == (own.outcome, own.why, own.eligible)
    assert None is own.three_groups_ticks


def test_orders_of_one_group_are_one_mind() -> None:
    lane = Lane()
    one = ident("one owner")
    lane.admit(member("buyer"), *(member(f"s{k}", group=one) for k in range(4)))
    for k in range(4):
        lane.offer(f"s{k}", f"offer {k}", ask=eur(75 * EUR))
    own = cleared(lane).own(WANTED)
    assert ("eligible", None, None) == (own.why, own.eligible, own.three_groups_ticks)


def test_whom_others_pay_more_is_outbid() -> None:
    lane = lane_of(60 * EUR, 60 * EUR, 60 * EUR, net_wet_g=5 * T)
    lane.require("rival", "rivals", basis_g=3 * 1_120_000, limit=eur(90 * EUR))
    done = cleared(lane, limit=eur(70 * EUR))
    own, whole = done.own(WANTED), done.whole(WANTED)
    assert ("unmatched", "outbid", 3) == (own.outcome, own.why, own.eligible)
    prices = {fall.price_ueur_per_kg for fall in done.trades}
    assert {short for each in whole.alternatives if (short := each.short_ueur_per_kg)} == {
        price - 70 * EUR for price in prices
    }
    assert None is own.three_groups_ticks


@pytest.mark.parametrize(("sellers", "told"), [(2, 5), (3, 8)])
def test_many_orders_of_one_group_do_not_each_read_a_step_of_a_single_companys_figure(
    sellers: int, told: int
) -> None:
    lane = lane_of(*[60 * EUR] * sellers, composition=assay(cell("Th", 120 * PPM)))
    lane.admit(member("sister", group=ident("group of buyer")))
    for k in range(8):
        limits = (AnalyteLimit(analyte="Th", max_ppb=(50 + k) * PPM),)
        lane.require("sister" if k % 2 else "buyer", f"probe {k}", limit=eur(EUR), limits=limits)
    lane.require("rival", "of a rival", limits=(AnalyteLimit(analyte="Th", max_ppb=50 * PPM),))
    done = Round(lane)
    seen = [done.own(ident(f"probe {k}")) for k in range(8)]
    assert [True] * told + [False] * (8 - told) == [bool(each.reasons) for each in seen]
    assert {(None, "withheld", "many_orders")} | {(0, "none_eligible", None)} >= {
        (each.eligible, each.why, each.withheld) for each in seen
    }
    assert "none_eligible" == done.own(ident("of a rival")).why


@pytest.mark.parametrize(("rivals", "told"), [(1, None), (2, None), (3, 10), (4, 10)])
def test_the_distance_to_what_rivals_took_is_told_where_three_groups_of_them_did(
    rivals: int, told: int | None
) -> None:
    lane = lane_of(60 * EUR, 60 * EUR, 60 * EUR, net_wet_g=5 * T)
    lane.admit(*(member(f"rival {k}") for k in range(rivals)))
    for k in range(rivals):
        bags = (15 + k) // rivals
        lane.require(f"rival {k}", f"rivals {k}", basis_g=bags * 224_000, limit=eur(90 * EUR))
    done = cleared(lane, limit=eur(70 * EUR))
    takers = {group for each in done.whole(WANTED).alternatives for group in each.taker_groups}
    assert rivals == len(takers)
    assert ("outbid", told) == ((own := done.own(WANTED)).why, own.three_groups_ticks)


@given(limit=st.integers(72 * EUR, 95 * EUR), own=st.integers(60 * EUR, 71 * EUR))
def test_losers_learn_nothing_of_the_one_rival_that_outbid_them(limit: int, own: int) -> None:
    def told(of_rival: int) -> OwnOrderInRound:
        lane = lane_of(60 * EUR, 60 * EUR, 60 * EUR, net_wet_g=5 * T)
        lane.require("rival", "rivals", basis_g=3 * 1_120_000, limit=eur(of_rival))
        return cleared(lane, limit=eur(own)).own(WANTED)

    assert told(80 * EUR) == told(limit)


def test_sisters_of_the_order_are_no_rivals() -> None:
    lane = lane_of(60 * EUR, 60 * EUR, 60 * EUR, net_wet_g=5 * T)
    lane.admit(member("sister", group=ident("group of buyer")))
    lane.require("sister", "sisters", basis_g=3 * 1_120_000, limit=eur(90 * EUR))
    done = cleared(lane, limit=eur(70 * EUR))
    assert {frozenset()} == {each.taker_groups for each in done.whole(WANTED).alternatives}


def test_a_part_filled_order_is_marginal_and_gains_nothing() -> None:
    done = cleared(lane_of(50 * EUR, 51 * EUR, 90 * EUR, net_wet_g=5 * T))
    own = done.own(WANTED)
    assert ("partly_filled", True, 0) == (own.outcome, own.marginal, own.surplus_ueur_per_kg)
    assert (5_600_000, 2 * 1_120_000) == (own.capacity_g, own.filled_g)
    assert ("all_dearer", None) == (own.why, own.three_groups_ticks)


def test_a_rest_of_less_than_a_package_is_told_as_such_and_nobody_outbid_it() -> None:
    # 22 of the bags of 224 kg; 72 kg are left, and bags enough
    own = cleared(lane_of(60 * EUR, 61 * EUR, 62 * EUR), basis_g=5_000_000, limit=eur(80 * EUR)).own(WANTED)
    assert ("partly_filled", 4_928_000, True) == (own.outcome, own.filled_g, own.marginal)
    assert ("indivisible", 3) == (own.why, own.eligible)
    done = cleared(lane_of(60 * EUR, 61 * EUR, 62 * EUR, minimum_parcel_wet_g=20 * T), basis_g=7_000_000)
    own = done.own(WANTED)
    # the second seller sells 4,480 kg at least
    assert ("partly_filled", 5_600_000, "indivisible") == (own.outcome, own.filled_g, own.why)
    assert {224_000, 4_480_000} == {each.least_g for each in done.whole(WANTED).alternatives}
    rests = [(each.traded_g, each.elsewhere_g, each.left_g) for each in done.whole(WANTED).alternatives]
    assert [(5_600_000, 0, 0), (0, 0, 5_600_000), (0, 0, 5_600_000)] == sorted(rests, reverse=True)


def test_where_least_quantities_kept_all_apart_nobody_outbid_anybody() -> None:
    done = cleared(lane_of(60 * EUR, 61 * EUR, 62 * EUR, minimum_quantity_wet_g=25 * T), basis_g=2_000_000)
    own = done.own(WANTED)
    assert ("unmatched", "indivisible") == (own.outcome, own.why)


def test_who_got_all_that_there_was_is_told_so() -> None:
    own = cleared(lane_of(60 * EUR, 61 * EUR, 62 * EUR, net_wet_g=5 * T)).own(WANTED)
    assert ("partly_filled", 3 * 1_120_000, "all_taken") == (own.outcome, own.filled_g, own.why)


def test_a_filled_order_is_told_how_far_its_next_best_was() -> None:
    # nine of the cheapest lot's bags of 224 kg
    done = cleared(lane_of(50 * EUR, 66 * EUR, 69 * EUR, 80 * EUR), basis_g=2_016_000)
    own, whole = done.own(WANTED), done.whole(WANTED)
    assert ("filled", None, 2_016_000) == (own.outcome, own.why, own.filled_g)
    traded = [each.counter_order for each in whole.alternatives if each.traded_g]
    assert [ident("offer 0")] == traded
    price = done.trades[0].price_ueur_per_kg
    shorts = sorted(each.short_ueur_per_kg or 0 for each in whole.alternatives if not each.traded_g)
    assert [66 * EUR - price, 69 * EUR - price, 80 * EUR - price] == shorts
    assert 30 == own.three_groups_ticks


def test_reasons_come_with_ones_own_figures_only() -> None:
    lane = lane_of(60 * EUR, 61 * EUR, 62 * EUR, composition=assay(cell("Th", 120 * PPM)))
    own = cleared(lane, limits=(AnalyteLimit(analyte="Th", max_ppb=50 * PPM),)).own(WANTED)
    assert ("none_eligible", 0, None) == (own.why, own.eligible, own.three_groups_ticks)
    assert [("above_max", "Th", "50 ppm", 3)] == [
        (each.code, each.subject, each.own_figure, each.counter_orders) for each in own.reasons
    ]


def test_an_order_alone_in_the_market_is_told_so() -> None:
    assert "no_counter_orders" == cleared(lane_of()).own(WANTED).why


def test_an_order_that_had_expired_took_no_part() -> None:
    lane = lane_of(60 * EUR)
    lane.require("buyer", "wanted", valid_until=days(0, 1).end)
    lane.now = days(0, 2).end
    own = Round(lane).own(WANTED)
    assert ("absent", None, 0, ()) == (own.outcome, own.why, own.capacity_g, own.reasons)


def test_an_order_posted_after_the_cut_is_not_known() -> None:
    done = cleared(lane_of(60 * EUR))
    assert None is order_in_round(
        done.book, done.planned, done.duals, done.trades, ident("later"), done.pairs
    )


def removed(done: Round, order: UUID, reason: str) -> Round:
    """As if the round had left the order out."""
    done.duals = [
        replace(each, dual=replace(each.dual, effective_g=0, effective_reason=reason, filled_g=0))
        if each.dual.order == order
        else each
        for each in done.duals
    ]
    return done


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (
            "marginality_tolerance",
            "Less than 1 % of its 5600.000 kg would have traded, which is too little to count.",
        ),
        (
            "minimum_quantity",
            "Of its 5600.000 kg it would have traded less than its own minimum quantity.",
        ),
        ("indivisible", "Nothing that was left fits its 5600.000 kg in whole packages and minimum parcels."),
        ("a_rule_to_come", "The round left it out, by its rule a_rule_to_come."),
    ],
)
def test_a_removed_order_is_told_by_which_rule(reason: str, words: str) -> None:
    own = removed(cleared(lane_of(72 * EUR, 75 * EUR, 80 * EUR)), WANTED, reason).own(WANTED)
    assert own.removed is not None
    assert ("removed", reason, words) == (own.why, own.removed.code, own.removed.text)


def test_a_lot_sold_all_or_nothing_is_told_so() -> None:
    """It states no minimum quantity, whose reason the round gives."""
    lane = lane_of(50 * EUR, 51 * EUR, 90 * EUR, all_or_nothing=True)
    lane.require("buyer", "wanted", basis_g=1_120_000)
    own = Round(lane).own(ident("offer 0"))
    words = "It sells all or nothing, and of its 5600.000 kg less than all whole packages would have traded."
    assert own.removed is not None
    assert ("removed", "minimum_quantity", words) == (own.why, own.removed.code, own.removed.text)
    other = removed(cleared(lane_of(60 * EUR, all_or_nothing=True)), ident("offer 0"), "indivisible")
    told_so = other.own(ident("offer 0")).removed
    assert told_so is not None
    assert told_so.text.startswith("Nothing that was left fits its 5600.000 kg")


@pytest.mark.parametrize(
    ("reason", "filled_g", "words"),
    [
        (
            "portfolio",
            0,
            "What was left was less than one package, or would have broken its portfolio limits.",
        ),
        (
            "portfolio",
            2_000_000,
            "What was left was less than one package, or would have broken its portfolio limits.",
        ),
        (
            "portfolio_limit_price",
            0,
            "What keeps its portfolio limits would have cost more than it bids for all of it together.",
        ),
    ],
)
def test_its_own_portfolio_limits_are_told_apart_also_of_a_part(
    reason: str, filled_g: int, words: str
) -> None:
    done = removed(cleared(lane_of(72 * EUR, 75 * EUR, 80 * EUR)), WANTED, reason)
    done.duals = [
        replace(each, dual=replace(each.dual, effective_g=filled_g, filled_g=filled_g))
        if each.dual.order == WANTED
        else each
        for each in done.duals
    ]
    own = done.own(WANTED)
    assert own.removed is not None
    assert ("portfolio", reason, words) == (own.why, own.removed.code, own.removed.text)


def test_a_lot_that_a_buyers_portfolio_left_no_room_for_is_told_so() -> None:
    done = removed(cleared(lane_of(72 * EUR, 75 * EUR, 80 * EUR)), ident("offer 0"), "portfolio")
    own = done.own(ident("offer 0"))
    assert own.removed is not None
    assert ("removed", "portfolio") == (own.why, own.removed.code)
    assert "The portfolio limits of a buyer left no room for it." == own.removed.text


def multiplier(section: str, ueur: int) -> RoundMultiplier:
    found = Multiplier(requirement=WANTED, limit="recycled_min", ueur_per_kg=ueur)
    return RoundMultiplier(section=section, multiplier=found)


@pytest.mark.parametrize(
    ("asks", "told"),
    [((60, 61, 62), [3 * EUR]), ((80, 81, 82), [8 * EUR]), ((80, 81), [])],
    ids=["where it traded", "of the last section", "of two groups nothing"],
)
def test_what_a_limit_cost_is_told_in_whole_ticks(asks: tuple[int, ...], told: list[int]) -> None:
    done = cleared(lane_of(*(ask * EUR for ask in asks)))
    done.multipliers = (multiplier("spot-firm", 2 * EUR + 1), multiplier("spot-all", 7 * EUR + 1))
    assert told == [each.ueur_per_kg for each in done.own(WANTED).limits]


def test_no_lot_is_judged_alone_for_an_order_with_portfolio_limits() -> None:
    limits = PortfolioLimits(third_country_max_ppb=1)
    done = cleared(lane_of(60 * EUR, 61 * EUR, 80 * EUR), portfolio=limits)
    own, whole = done.own(WANTED), done.whole(WANTED)
    assert {None} == {each.short_ueur_per_kg for each in whole.alternatives}
    assert None is own.three_groups_ticks


def test_a_removed_counter_order_has_no_distance() -> None:
    done = removed(cleared(lane_of(72 * EUR, 75 * EUR, 80 * EUR)), ident("offer 0"), "indivisible")
    own = done.own(WANTED)
    assert None is own.three_groups_ticks


def test_owners_see_their_side_and_overseers_the_whole() -> None:
    whole = cleared(lane_of(72 * EUR, 75 * EUR, 80 * EUR)).whole(WANTED)
    assert whole == see_order_in_round(whole, AuditorViewer())
    assert whole == see_order_in_round(whole, OperatorViewer(cut=0))
    assert isinstance(
        see_order_in_round(whole, OrganisationViewer(organisation=ident("buyer"))), OwnOrderInRound
    )
    assert None is see_order_in_round(whole, OrganisationViewer(organisation=ident("s0")))
    assert None is see_order_in_round(whole, PublicViewer(key=b"k"))


@given(
    asks=st.lists(st.integers(71 * EUR + 1, 72 * EUR), min_size=3, max_size=3),
    limits=st.lists(st.integers(60 * EUR, 71 * EUR), min_size=1, max_size=3),
)
def test_no_number_of_own_orders_tells_a_price_finer_than_a_tick(asks: list[int], limits: list[int]) -> None:
    """Whatever is asked within one tick, any limits of one's own get the same answers."""

    def answers(prices: list[int]) -> list[OwnOrderInRound]:
        lane = lane_of(*prices)
        orders = [lane.require("buyer", f"probe {k}", limit=eur(limit)) for k, limit in enumerate(limits)]
        done = Round(lane)
        return [done.own(order) for order in orders]

    assert answers([72 * EUR] * 3) == answers(asks)


@given(
    bids=st.lists(st.integers(50 * EUR, 51 * EUR - 1), min_size=3, max_size=3),
    asks=st.lists(st.integers(51 * EUR, 60 * EUR), min_size=1, max_size=2),
)
def test_nor_does_it_tell_a_limit(bids: list[int], asks: list[int]) -> None:
    def answers(limits: list[int]) -> list[OwnOrderInRound]:
        lane = Lane()
        lane.admit(member("seller"), *(member(f"b{k}") for k in range(3)))
        for k, limit in enumerate(limits):
            lane.require(f"b{k}", f"wanted {k}", limit=eur(limit))
        orders = [lane.offer("seller", f"probe {k}", ask=eur(ask)) for k, ask in enumerate(asks)]
        done = Round(lane)
        return [done.own(order) for order in orders]

    assert answers([50 * EUR] * 3) == answers(bids)
