"""Answers to a match: sealed until both needed ones are in or the time is over."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from events.callers import Caller
from events.market_events import (
    MatchAnswered,
    MatchConfirmed,
    MatchDeclined,
    MatchLapsed,
    MatchStruck,
)
from events.vocabulary import Place, Side
from market.rules import matches
from market.rules.book import OpenMatch
from market.rules.matches import AnswerMatch, LapseMatch, MatchState
from market.rules.visibility.own_side import own_match
from tests.desk_support import (
    BUYER,
    BUYER_TRADER,
    LANE,
    MARKET,
    MATCH,
    NOW,
    OPERATOR_CALLER,
    ORDER,
    PLAN,
    READER,
    REQUIREMENT,
    SELLER,
    SELLER_TRADER,
    STRANGER_TRADER,
    blotter,
    day,
    facts,
    moment,
    period,
)

DEADLINE = NOW + timedelta(days=2)
STRUCK = MatchStruck(
    market=MARKET,
    match=MATCH,
    plan=PLAN,
    round=7,
    section="spot/all",
    supply=ORDER,
    supply_kind="offer",
    requirement=REQUIREMENT,
    form="swarf",
    quantity_basis_g=5_000_000,
    product_wet_g=22_321_428,
    product_dry_g=17_857_142,
    packages_thousandths=89_285,
    price_ueur_per_kg=73_000_000,
    amount_cents_eur=36_500_000,
    remainder_ueur_g_per_kg=0,
    delivery=period(day(4, 1), day(5, 1)),
    incoterm="FCA",
    place=Place(country="FR", name="Lyon"),
    confirm_by=DEADLINE,
    seller_must_confirm=True,
    buyer_must_confirm=True,
)
OPEN = OpenMatch(struck=STRUCK, seller=SELLER, buyer=BUYER)
LAPSE = LapseMatch(caller=OPERATOR_CALLER, match=MATCH)


def state(status: Any = "open", **changes: object) -> MatchState:
    return MatchState(lane=LANE, match=replace(OPEN, **changes), status=status)


def confirm(caller: Caller = SELLER_TRADER) -> AnswerMatch:
    return AnswerMatch(caller=caller, match=MATCH, answer="confirmed")


def decline(caller: Caller = SELLER_TRADER, reason: str | None = "price_moved") -> AnswerMatch:
    return AnswerMatch(caller=caller, match=MATCH, answer="declined", reason=reason)


def test_strangers_and_readers_do_not_answer() -> None:
    for known, argument, code in (
        (MatchState(lane=LANE, match=None, status="open"), confirm(), "match_unknown"),
        (state(), confirm(STRANGER_TRADER), "match_unknown"),
        (state(), confirm(READER), "role_missing"),
    ):
        assert [(code, None)] == blotter(
            lambda known=known, argument=argument: matches.answer(known, argument, moment())  # type: ignore[misc]
        )


def test_a_match_of_a_suspended_member_is_declined_or_nothing() -> None:
    suspended = frozenset({BUYER})
    open_ = replace(state(), suspended=suspended)
    assert matches.answer(open_, confirm(), moment()).drafts
    agreed = replace(state(seller_answer="confirmed"), suspended=suspended)
    agreed_to = replace(state(buyer_answer="confirmed"), suspended=suspended)
    for known, caller in ((open_, BUYER_TRADER), (agreed, BUYER_TRADER), (agreed_to, SELLER_TRADER)):
        assert [("match_party_suspended", None)] == blotter(
            lambda known=known, caller=caller: matches.answer(known, confirm(caller), moment())  # type: ignore[misc]
        )
        assert matches.answer(known, decline(caller), moment()).drafts


@pytest.mark.parametrize(
    ("known", "suspended", "silent"),
    [
        (state(), BUYER, ("seller",)),
        (state(seller_answer="confirmed"), BUYER, ()),
        (state(buyer_answer="confirmed"), BUYER, ()),
        (state(buyer_answer="confirmed"), SELLER, ()),
        (state(), UUID(int=1), ("seller", "buyer")),
    ],
)
def test_who_may_not_confirm_did_not_let_a_match_lapse(
    known: MatchState, suspended: UUID, silent: tuple[str, ...]
) -> None:
    """Through whose silence it lapsed is counted as a failing of that organisation."""
    held = replace(known, suspended=frozenset({suspended} & {SELLER, BUYER}))
    (draft,) = matches.lapse(held, LAPSE, moment(DEADLINE)).drafts
    assert isinstance(draft.data, MatchLapsed)
    assert silent == draft.data.silent


@pytest.mark.parametrize(
    ("known", "argument", "expected"),
    [
        (state("confirmed"), confirm(), [("match_decided", None)]),
        (state(seller_answer="confirmed"), confirm(), [("already_answered", None)]),
        (
            state(
                struck=replace(STRUCK, seller_must_confirm=False),
            ),
            confirm(),
            [("answer_not_needed", None)],
        ),
        (state(), decline(reason=None), [("reason_missing", "/reason")]),
        (state(), replace(confirm(), reason="fine"), [("reason_unexpected", "/reason")]),
        (state(), decline(reason="too dear!"), [("malformed_member", "/reason")]),
        (
            state(seller_answer="declined"),
            decline(reason=None),
            [("already_answered", None), ("reason_missing", "/reason")],
        ),
    ],
)
def test_an_answer_is_refused_with_every_reason(
    known: MatchState, argument: AnswerMatch, expected: list[tuple[str, str | None]]
) -> None:
    assert expected == blotter(lambda: matches.answer(known, argument, moment()))


def test_no_answer_counts_after_the_time_is_over() -> None:
    assert [("confirmation_over", None)] == blotter(
        lambda: matches.answer(state(), confirm(), moment(DEADLINE))
    )


def test_the_first_answer_stays_sealed() -> None:
    for argument in (confirm(), decline()):
        (fact,) = facts(matches.answer(state(), argument, moment()))
        assert isinstance(fact, MatchAnswered)
        assert ("seller", argument.answer, argument.reason) == (fact.side, fact.answer, fact.reason)


def test_both_confirmed_is_a_sale_and_names_are_exchanged() -> None:
    known = state(seller_answer="confirmed")
    answered, confirmed = facts(matches.answer(known, confirm(BUYER_TRADER), moment()))
    assert isinstance(answered, MatchAnswered)
    assert isinstance(confirmed, MatchConfirmed)
    assert (SELLER, BUYER, 5_000_000) == (confirmed.seller, confirmed.buyer, confirmed.quantity_basis_g)


def test_a_firm_side_needs_no_answer() -> None:
    firm = state(struck=replace(STRUCK, buyer_must_confirm=False))
    answered, confirmed = facts(matches.answer(firm, confirm(), moment()))
    assert isinstance(answered, MatchAnswered)
    assert isinstance(confirmed, MatchConfirmed)


def test_a_decline_is_known_when_both_are_in() -> None:
    known = state(seller_answer="declined", seller_reason="price_moved")
    _, declined = facts(matches.answer(known, confirm(BUYER_TRADER), moment()))
    assert isinstance(declined, MatchDeclined)
    assert (("seller",), ("price_moved",)) == (declined.declined_by, declined.reasons)
    _, declined = facts(matches.answer(known, decline(BUYER_TRADER, "no_credit"), moment()))
    assert isinstance(declined, MatchDeclined)
    assert (("seller", "buyer"), ("price_moved", "no_credit")) == (declined.declined_by, declined.reasons)


def test_a_match_lapses_only_when_its_time_is_over() -> None:
    assert [("not_due", None)] == blotter(
        lambda: matches.lapse(state(), LAPSE, moment(DEADLINE - timedelta(microseconds=1)))
    )
    assert [("match_decided", None)] == blotter(
        lambda: matches.lapse(state("lapsed"), LAPSE, moment(DEADLINE))
    )
    assert [("match_unknown", None)] == blotter(
        lambda: matches.lapse(MatchState(lane=LANE, match=None, status="open"), LAPSE, moment(DEADLINE))
    )
    assert [("role_missing", None)] == blotter(
        lambda: matches.lapse(state(), replace(LAPSE, caller=SELLER_TRADER), moment(DEADLINE))
    )


@pytest.mark.parametrize(
    ("known", "silent"),
    [
        (state(), ("seller", "buyer")),
        (state(seller_answer="confirmed"), ("buyer",)),
        (state(struck=replace(STRUCK, buyer_must_confirm=False)), ("seller",)),
    ],
)
def test_silence_lapses_a_match(known: MatchState, silent: tuple[str, ...]) -> None:
    (fact,) = facts(matches.lapse(known, LAPSE, moment(DEADLINE)))
    assert isinstance(fact, MatchLapsed)
    assert silent == fact.silent


def test_a_sealed_decline_counts_at_the_end_of_the_time() -> None:
    known = state(buyer_answer="declined", buyer_reason="no_credit")
    (fact,) = facts(matches.lapse(known, LAPSE, moment(DEADLINE)))
    assert isinstance(fact, MatchDeclined)
    assert (("buyer",), ("no_credit",)) == (fact.declined_by, fact.reasons)


@given(
    seller_must=st.booleans(),
    buyer_must=st.booleans(),
    seller_first=st.booleans(),
    seller_says=st.sampled_from(["confirmed", "declined", None]),
    buyer_says=st.sampled_from(["confirmed", "declined", None]),
)
def test_every_course_of_answers_decides_a_match_exactly_once(
    seller_must: bool, buyer_must: bool, seller_first: bool, seller_says: str | None, buyer_says: str | None
) -> None:
    struck = replace(STRUCK, seller_must_confirm=seller_must, buyer_must_confirm=buyer_must)
    match = replace(OPEN, struck=struck)
    said = [(SELLER_TRADER, seller_says, seller_must), (BUYER_TRADER, buyer_says, buyer_must)]
    decisions = 0
    for caller, says, must in said if seller_first else reversed(said):
        if says is None or not must:
            continue
        argument = confirm(caller) if says == "confirmed" else decline(caller)
        known = MatchState(lane=LANE, match=match, status="open")
        answered, *decided = facts(matches.answer(known, argument, moment()))
        assert isinstance(answered, MatchAnswered)
        match = matches.with_answer(match, answered.side, argument)
        decisions += len(decided)
    if (seller_must and seller_says is None) or (buyer_must and buyer_says is None):
        assert 0 == decisions
        (fact,) = facts(
            matches.lapse(MatchState(lane=LANE, match=match, status="open"), LAPSE, moment(DEADLINE))
        )
        declined = (seller_must and seller_says == "declined") or (buyer_must and buyer_says == "declined")
        assert declined is isinstance(fact, MatchDeclined)
    else:
        assert (1 if seller_must or buyer_must else 0) == decisions


@pytest.mark.parametrize(("side", "other"), [("seller", "buyer"), ("buyer", "seller")])
def test_a_side_sees_its_own_order_and_whether_it_has_to_answer(side: Side, other: Side) -> None:
    orders = {"seller": STRUCK.supply, "buyer": STRUCK.requirement}
    counterparty = SELLER if other == "seller" else BUYER
    for must in (True, False):
        struck = replace(STRUCK, seller_must_confirm=must, buyer_must_confirm=not must)
        sealed = own_match(struck, side, confirmed=False, counterparty=counterparty)
        assert (orders[side], must is (side == "seller")) == (sealed.own_order, sealed.must_confirm)
        assert (None, None) == (sealed.counter_order, sealed.counterparty)
        told = own_match(struck, side, confirmed=True, counterparty=counterparty)
        assert (orders[other], counterparty) == (told.counter_order, told.counterparty)
