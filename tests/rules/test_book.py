"""The fold of a lane's events: orders, holds, sales, inputs, plans and what leaves the book."""

from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace

from events.market_events import (
    MatchAnswered,
    MatchConfirmed,
    MatchDeclined,
    MatchLapsed,
    MatchStruck,
    MemberAdmitted,
    MemberChanged,
    MemberSuspended,
    RecoveredLotExpired,
    RecoveredLotGraded,
    RecoveredLotWithdrawn,
    RequirementAmended,
    RequirementExpired,
    RequirementWithdrawn,
    RuleSetPublished,
    SupplyOfferAmended,
    SupplyOffered,
    SupplyOfferExpired,
    SupplyOfferWithdrawn,
)
from events.market_terms import ConcentratedOrigins, Qualification
from events.vocabulary import Tranche
from market.rules.book import Book, fold_offered, rule_set_at
from market.rules.market_inputs import qualification_key
from market.rules.tranches import carried_tranches, move_tranche
from tests.blotter import (
    MARKET,
    OPERATOR,
    START,
    Lane,
    T,
    days,
    facts_of_type,
    ident,
    member,
    ndpr_price,
    requirement_terms,
    rule_set,
    site,
    supply_terms,
    usd_rate,
)


def held_market() -> tuple[Lane, MatchStruck]:
    """One match of 5.6 t that both sides have to confirm."""
    lane = Lane()
    lane.admit(member("seller"), member("buyer"))
    lane.offer("seller", "offer", commitment="subject_to_confirmation")
    lane.require("buyer", "wanted", commitment="subject_to_confirmation", basis_g=6 * T)
    return lane, facts_of_type(lane.round(), MatchStruck)[0]


def decided(struck: MatchStruck) -> dict[str, object]:
    return {
        "market": MARKET,
        "match": struck.match,
        "supply": struck.supply,
        "requirement": struck.requirement,
        "quantity_basis_g": struck.quantity_basis_g,
    }


def test_orders_open_amend_and_close() -> None:
    lane = Lane()
    lane.admit(member("seller"), member("buyer"))
    offer, lot = lane.offer("seller", "offer"), lane.lot("seller", "lot")
    wanted = lane.require("buyer", "wanted")
    assert ("offer", "lot") == (lane.book.supplies[offer].kind, lane.book.supplies[lot].kind)
    amended = replace(supply_terms("seller"), payment_terms="60 days")
    lane.add(
        SupplyOfferAmended(
            market=MARKET, offer=offer, organisation=ident("seller"), terms=amended, keeps_rank=False
        )
    )
    order = lane.book.supplies[offer]
    assert (2, lane.book.position, "60 days") == (order.version, order.rank, order.terms.payment_terms)
    reduced = requirement_terms("buyer", basis_g=1)
    rank = lane.book.requirements[wanted].rank
    lane.add(
        RequirementAmended(
            market=MARKET, requirement=wanted, organisation=ident("buyer"), terms=reduced, keeps_rank=True
        )
    )
    need = lane.book.requirements[wanted]
    assert (rank, 1, 2) == (need.rank, need.available_g, need.version)
    lane.add(
        RecoveredLotGraded(
            market=MARKET, lot=lot, organisation=ident("seller"), condition="B", inspector="surveyor"
        )
    )
    assert ("B", 2) == (lane.book.supplies[lot].terms.condition, lane.book.supplies[lot].version)
    lane.add(SupplyOfferWithdrawn(market=MARKET, offer=offer, organisation=ident("seller")))
    lane.add(RecoveredLotExpired(market=MARKET, lot=lot, organisation=ident("seller")))
    lane.add(RequirementWithdrawn(market=MARKET, requirement=wanted, organisation=ident("buyer")))
    assert ({}, {}) == (lane.book.supplies, lane.book.requirements)


def test_the_other_ways_to_close() -> None:
    lane = Lane()
    lane.admit(member("seller"), member("buyer"))
    offer, lot = lane.offer("seller", "offer"), lane.lot("seller", "lot")
    wanted = lane.require("buyer", "wanted")
    lane.add(SupplyOfferExpired(market=MARKET, offer=offer, organisation=ident("seller")))
    lane.add(RecoveredLotWithdrawn(market=MARKET, lot=lot, organisation=ident("seller")))
    lane.add(RequirementExpired(market=MARKET, requirement=wanted, organisation=ident("buyer")))
    assert ({}, {}) == (lane.book.supplies, lane.book.requirements)


def test_a_confirmed_hold_is_a_sale() -> None:
    lane, struck = held_market()
    assert 5_600_000 == lane.book.requirements[struck.requirement].held_g
    lane.add(
        MatchAnswered(
            market=MARKET,
            match=struck.match,
            side="seller",
            organisation=ident("seller"),
            answer="confirmed",
        )
    )
    assert ("confirmed", None, 2) == (
        lane.book.matches[struck.match].seller_answer,
        lane.book.matches[struck.match].buyer_answer,
        lane.book.matches[struck.match].version,
    )
    confirmed = MatchConfirmed(
        market=MARKET,
        match=struck.match,
        supply=struck.supply,
        requirement=struck.requirement,
        seller=ident("seller"),
        buyer=ident("buyer"),
        quantity_basis_g=struck.quantity_basis_g,
    )
    lane.add(confirmed)
    order = lane.book.requirements[struck.requirement]
    assert ({}, {}, 0, 5_600_000, 400_000) == (
        lane.book.matches,
        lane.book.supplies,
        order.held_g,
        order.filled_g,
        order.available_g,
    )


@pytest.mark.parametrize("lapsed", [False, True])
def test_a_released_hold_is_offered_again_and_remembered(lapsed: bool) -> None:
    lane, struck = held_market()
    lane.now = START + timedelta(hours=1)
    facts = decided(struck)
    if lapsed:
        lane.add(MatchLapsed(**facts, silent=("seller",)))  # type: ignore[arg-type]
    else:
        lane.add(MatchDeclined(**facts, declined_by=("seller",), reasons=("quality",)))  # type: ignore[arg-type]
    assert (0, 5_600_000, ()) == (
        lane.book.supplies[struck.supply].held_g,
        lane.book.supplies[struck.supply].available_g,
        lane.book.supplies[struck.supply].tranche_committed_g,
    )
    assert {ident("seller"): [lane.now]} == lane.book.failings
    assert 1 == len(facts_of_type(lane.round(), MatchStruck))


def test_failings_older_than_90_days_are_forgotten() -> None:
    lane, struck = held_market()
    lane.book.failings[ident("seller")] = [START - timedelta(days=90), START - timedelta(days=89)]
    lane.add(MatchLapsed(**decided(struck), silent=("seller", "buyer")))  # type: ignore[arg-type]
    assert [START - timedelta(days=89), START] == lane.book.failings[ident("seller")]
    assert [START] == lane.book.failings[ident("buyer")]


def test_a_withdrawn_order_stays_until_its_hold_is_decided() -> None:
    lane, struck = held_market()
    lane.add(SupplyOfferWithdrawn(market=MARKET, offer=struck.supply, organisation=ident("seller")))
    order = lane.book.supplies[struck.supply]
    assert ("withdrawn", 5_600_000, 0, 2) == (order.status, order.held_g, order.available_g, order.version)
    lane.add(MatchLapsed(**decided(struck), silent=("buyer",)))  # type: ignore[arg-type]
    assert {} == lane.book.supplies


@pytest.mark.parametrize("hours", [-1, 0, 1])
def test_an_offer_by_itself_is_folded_as_any_event_is(hours: int) -> None:
    """Clocks of two writers may differ: the time of a book never goes back."""
    lane = Lane()
    lane.admit(member("seller"))
    alone = msgspec.msgpack.decode(msgspec.msgpack.encode(lane.book), type=Book)
    lane.now += timedelta(hours=hours)
    offered = SupplyOffered(
        market=MARKET, offer=ident("offer"), organisation=ident("seller"), terms=supply_terms("seller")
    )
    event = lane.add(offered)
    assert fold_offered(alone, event, offered, offered.organisation)
    assert (lane.book, START + timedelta(hours=max(0, hours))) == (alone, alone.last_time)
    assert not fold_offered(alone, lane.add(offered), offered, offered.organisation)
    assert event.position == alone.position


def test_members_inputs_and_rules() -> None:
    lane = Lane()
    lane.admit(member("seller"))
    lane.add(MemberSuspended(market=MARKET, organisation=ident("seller"), reason="late papers"))
    lane.add(MemberChanged(market=MARKET, member=member("seller", "FR")))
    assert ({ident("seller")}, "FR") == (lane.book.suspended, lane.book.members[ident("seller")].country)
    lane.add(MemberAdmitted(market=MARKET, member=member("seller")))
    assert set() == lane.book.suspended
    lane.record(ndpr_price())
    lane.record(usd_rate())
    lane.record(
        Qualification(
            buyer=ident("b"), seller=ident("seller"), facility=site("seller"), form="swarf", level="pilot"
        )
    )
    listed = ConcentratedOrigins(countries=("CN",), as_of=START.date(), source="list")
    lane.record(listed)
    inputs = lane.book.inputs
    key = qualification_key(ident("b"), ident("seller"), site("seller"), "swarf")
    assert ("pilot", listed, lane.book.position) == (
        inputs.qualifications[key],
        inputs.concentrated,
        inputs.concentrated_position,
    )
    assert (7, 8) == (inputs.references["USGS-NdPr"].position, inputs.fx["USD"].position)


def test_the_newest_rule_set_in_effect_counts() -> None:
    lane = Lane()
    later = rule_set(version=2, effective_from=START + timedelta(days=5))
    lane.add(RuleSetPublished(market=MARKET, rule_set=later, signed_by=(OPERATOR,)))
    sets = lane.book.rule_sets
    found = [rule_set_at(sets, START + timedelta(days=day)) for day in (-2, 0, 5)]
    assert [None, 1, 2] == [None if each is None else each.version for each in found]


def test_an_event_of_an_unknown_market_is_a_broken_record() -> None:
    lane = Lane()
    with pytest.raises(KeyError):
        lane.add(MemberSuspended(market=ident("elsewhere"), organisation=ident("x"), reason="none"))


def test_tranches_are_known_by_their_window_when_an_order_is_amended() -> None:
    first, second = Tranche(window=days(0, 9), net_wet_g=5), Tranche(window=days(9, 20), net_wet_g=5)
    new = Tranche(window=days(20, 30), net_wet_g=5)
    assert (0, 3) == carried_tranches((3,), (first, second), (new, replace(first, net_wet_g=4)))
    assert () == carried_tranches((), (first,), (first,))
    assert () == carried_tranches((3,), (first,), (new,))


def test_moves_of_a_tranche() -> None:
    assert (0, 5) == move_tranche((), 1, 2, 5)
    assert () == move_tranche((0, 5), 1, 2, -5)
    assert (1,) == move_tranche((1,), 7, 1, -5)
    assert (1,) == move_tranche((1,), 0, 1, 0)
