"""Quotes: what keeps a question away, what an answer tells, and what no number of questions tells."""

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from events.decision import Decision
from events.envelope import Recorded
from events.market_events import ClearingPlanned, QuoteAsked
from events.market_terms import AcceptedForm, Carriage, CoProductBid, SustainabilityProfile
from market.rules.book import Book
from market.rules.clearing.clearing import abandonment, conclude
from market.rules.refusing.refusals import RoundNotComputable
from market.rules.refusing.unread import UNREAD
from market.rules.viewers import AuditorViewer, Band, OperatorViewer, OrganisationViewer, PublicViewer
from market.rules.visibility import quotes
from market.rules.visibility.own_round import OwnQuote
from market.rules.visibility.quotes import (
    AskQuote,
    LastRound,
    QuoteState,
    answered,
    ask,
    judge,
    midnight,
    posed,
)
from market.rules.visibility.visibility import see_quote
from tests.blotter import (
    BULK,
    EUR,
    MARKET,
    Lane,
    T,
    eur,
    ident,
    member,
    requirement_terms,
    supply_terms,
)
from tests.desk_support import (
    BUYER,
    NOW,
    OPERATOR_CALLER,
    PLAN,
    SELLER,
    moment,
    need,
    post_need,
    post_supply,
    posting,
    refusals,
    swarf,
)

LAST = LastRound(plan=PLAN, round=7)


def state(organisation: UUID = BUYER, *, asked: int = 0, **changes: Any) -> QuoteState:
    last = changes.pop("last_round", LAST)
    return QuoteState(posting=posting(organisation, **changes), last_round=last, asked=asked)


def codes(decide: Callable[[], Decision]) -> list[tuple[str, str | None]]:
    return [(refusal.code, refusal.pointer) for refusal in refusals(decide)]


def test_all_that_keeps_an_order_from_being_posted_is_told_with_what_keeps_a_question_away() -> None:
    question = AskQuote(posting=post_need(need(basis_g=0), caller=OPERATOR_CALLER))
    found = codes(lambda: ask(state(suspended=True, asked=5, last_round=None), question, moment()))
    assert [
        ("role_missing", None),
        ("member_suspended", None),
        ("quantity_not_positive", "/basis_g"),
        ("minimum_parcel_too_large", "/minimum_parcel_g"),
        ("round_missing", None),
        ("quotes_used", None),
    ] == found


@pytest.mark.parametrize(
    ("known", "code"),
    [
        (None, "market_unknown"),
        (state(member=None), "not_a_member"),
        (state(last_round=None), "round_missing"),
        (state(asked=5), "quotes_used"),
        (state(asked=0, terms=replace(posting().terms, quotes_per_day=0)), "quotes_used"),
    ],
    ids=["no market", "no member", "no round", "none left", "none at all"],
)
def test_a_question_needs_a_member_a_round_and_one_left(known: QuoteState | None, code: str) -> None:
    assert [code] == [
        found for found, _ in codes(lambda: ask(known, AskQuote(posting=post_need(need())), moment()))
    ]


def test_the_refusal_says_when_questions_may_be_asked_again() -> None:
    (used,) = refusals(lambda: ask(state(asked=5), AskQuote(posting=post_need(need())), moment()))
    tomorrow = midnight(NOW) + timedelta(days=1)
    assert used.detail().endswith(f"ask again from {tomorrow.isoformat()}.")
    assert (tomorrow - NOW).total_seconds() == used.figures["retry_after_seconds"]
    late = moment(tomorrow - timedelta(seconds=1, milliseconds=1))
    (used,) = refusals(lambda: ask(state(asked=5), AskQuote(posting=post_need(need())), late))
    assert 2 == used.figures["retry_after_seconds"]


def test_a_question_is_a_fact_with_the_converted_order_and_the_group() -> None:
    (buying,) = ask(state(), AskQuote(posting=post_need(need())), moment()).drafts
    (selling,) = ask(state(SELLER), AskQuote(posting=post_supply(swarf())), moment()).drafts
    bought, sold = buying.data, selling.data
    assert isinstance(bought, QuoteAsked)
    assert isinstance(sold, QuoteAsked)
    assert (PLAN, 7, BUYER, BUYER) == (bought.plan, bought.round, bought.organisation, bought.group)
    assert (None, True) == (bought.supply, bought.requirement is not None)
    assert (None, 5_600_000) == (sold.requirement, sold.supply and sold.supply.basis_g)


def test_what_can_be_read_of_a_malformed_question_is_judged() -> None:
    unread = need(limit=UNREAD, basis_g=0)
    found = codes(lambda: judge(state(asked=5), AskQuote(posting=post_need(unread)), moment()))
    assert [
        ("quantity_not_positive", "/basis_g"),
        ("minimum_parcel_too_large", "/minimum_parcel_g"),
    ] == found[:2]
    assert ("quotes_used", None) == found[-1]
    assert () == judge(state(), AskQuote(posting=post_need(need(limit=UNREAD))), moment()).drafts


# --- answers


def question(
    plan: Recorded, name: str, *, supply: Any = None, requirement: Any = None, quote: str = "quote"
) -> QuoteAsked:
    assert isinstance(plan.data, ClearingPlanned)
    return QuoteAsked(
        market=MARKET,
        quote=ident(quote),
        organisation=ident(name),
        group=ident(f"group of {name}"),
        plan=plan.data.plan,
        round=1,
        supply=supply,
        requirement=requirement,
    )


class Desk:
    """A completed round, asked about."""

    def __init__(self, lane: Lane) -> None:
        self.plan: Recorded = lane.plan()
        self.book: Book = msgspec.msgpack.decode(msgspec.msgpack.encode(lane.book), type=Book)
        lane.append(conclude(lane.book, self.plan))

    def ask(
        self, name: str, *, supply: Any = None, requirement: Any = None, quote: str = "quote"
    ) -> OwnQuote:
        asked = question(self.plan, name, supply=supply, requirement=requirement, quote=quote)
        book, plan, order = posed(self.book, self.plan, asked)
        found = answered(book, plan, conclude(book, plan), order, asked)
        seen = see_quote(found, OrganisationViewer(organisation=ident(name)))
        assert seen is not None
        for stranger in (
            OrganisationViewer(organisation=ident("s0")),
            AuditorViewer(),
            OperatorViewer(cut=9),
        ):
            assert None is see_quote(found, stranger)
        assert None is see_quote(found, PublicViewer(key=b"k"))
        return seen

    def buy(self, limit: int, **wanted: Any) -> OwnQuote:
        return self.ask("buyer", requirement=requirement_terms("buyer", limit=eur(limit), **wanted))


def desk(*asks: int, **supply: Any) -> Desk:
    lane = Lane()
    lane.admit(member("buyer"), *(member(f"s{k}") for k in range(len(asks))))
    for k, price in enumerate(asks):
        lane.offer(f"s{k}", f"offer {k}", ask=eur(price), **supply)
    return Desk(lane)


def test_an_order_that_pays_enough_would_trade_in_a_band_of_quantity_and_price() -> None:
    seen = desk(60 * EUR, 65 * EUR + 1, 70 * EUR, packaging=BULK).buy(72 * EUR)
    assert (True, True, None, 3) == (seen.present, seen.would_trade, seen.why, seen.eligible)
    assert Band(low=5_000_000, high=10_000_000) == seen.quantity_g
    assert seen.price_ueur_per_kg is not None
    assert 60 * EUR <= seen.price_ueur_per_kg.low < seen.price_ueur_per_kg.high <= 73 * EUR
    assert EUR == seen.price_ueur_per_kg.high - seen.price_ueur_per_kg.low


def test_one_that_pays_too_little_is_told_how_far_it_is() -> None:
    seen = desk(60 * EUR + 1, 65 * EUR, 70 * EUR).buy(50 * EUR)
    assert (False, "all_dearer", 20) == (seen.would_trade, seen.why, seen.three_groups_ticks)
    assert (None, None) == (seen.quantity_g, seen.price_ueur_per_kg)


def test_below_three_groups_of_companies_an_answer_tells_nothing_of_prices() -> None:
    for limit in (50 * EUR, 90 * EUR):
        seen = desk(60 * EUR, 65 * EUR).buy(limit)
        assert (None, "withheld", None) == (seen.would_trade, seen.why, seen.eligible)
        assert (None, None, None) == (seen.quantity_g, seen.price_ueur_per_kg, seen.three_groups_ticks)


def test_one_that_nobody_fits_is_told_what_keeps_three_groups_away() -> None:
    metal = {"forms": (AcceptedForm(form="metal"),)}
    seen = desk(60 * EUR, 65 * EUR, 70 * EUR).buy(90 * EUR, **metal)
    assert (None, "withheld", None) == (seen.would_trade, seen.why, seen.eligible)
    assert [("form_not_accepted", 3)] == [(each.code, each.counter_orders) for each in seen.reasons]
    assert () == desk(60 * EUR, 65 * EUR).buy(90 * EUR, **metal).reasons


def test_a_parcel_that_is_too_large_is_told_with_the_quantity_that_was_asked_about() -> None:
    seen = desk(60 * EUR, 65 * EUR, 70 * EUR, minimum_parcel_wet_g=25 * T).buy(90 * EUR, minimum_parcel_g=T)
    assert [("parcel_too_large", "offer", "5600.000 kg, counted as 5000.000 kg")] == [
        (each.code, each.subject, each.own_figure) for each in seen.reasons
    ]


def test_a_seller_asks_in_the_same_way() -> None:
    lane = Lane()
    lane.admit(member("seller"), *(member(f"b{k}") for k in range(3)))
    for k in range(3):
        lane.require(f"b{k}", f"wanted {k}", limit=eur((70 + k) * EUR))
    asked = Desk(lane)
    low = asked.ask("seller", supply=supply_terms("seller"))
    high = asked.ask("seller", supply=supply_terms("seller", ask=eur(80 * EUR)))
    assert (True, "seller") == (low.would_trade, low.side)
    assert (False, "all_dearer", 10) == (high.would_trade, high.why, high.three_groups_ticks)


def test_who_was_no_member_at_the_cut_was_not_there() -> None:
    seen = desk(60 * EUR, 65 * EUR, 70 * EUR).ask("newcomer", requirement=requirement_terms("newcomer"))
    assert (False, None, None) == (seen.present, seen.would_trade, seen.why)


def test_the_same_question_has_the_same_answer() -> None:
    asked = desk(60 * EUR, 60 * EUR, 60 * EUR, net_wet_g=5 * T)
    terms = requirement_terms("buyer")
    first = asked.ask("buyer", requirement=terms, quote="first")
    assert replace(first, quote=ident("second")) == asked.ask("buyer", requirement=terms, quote="second")


def test_a_round_without_a_result_is_told() -> None:
    asked = desk(60 * EUR)
    given_up = abandonment(asked.plan, "not_unique", "spot-all is not unique")
    with pytest.raises(RoundNotComputable, match="spot-all is not unique"):
        answered(asked.book, asked.plan, (given_up,), ident("order"), question(asked.plan, "buyer"))


def test_asking_leaves_the_book_as_it_was() -> None:
    asked = desk(60 * EUR + 1, 65 * EUR, 70 * EUR)
    before = msgspec.msgpack.encode(asked.book)
    asked.buy(72 * EUR)
    assert before == msgspec.msgpack.encode(asked.book)


@pytest.mark.parametrize(("rivals", "told"), [(0, True), (1, None), (2, None), (3, True)])
def test_what_would_tell_one_or_two_rivals_prices_is_withheld(rivals: int, told: bool | None) -> None:
    lane = Lane()
    names = [f"rival {k}" for k in range(rivals)]
    lane.admit(member("buyer"), *(member(f"s{k}") for k in range(3)), *map(member, names))
    for k in range(3):
        lane.offer(f"s{k}", f"offer {k}", ask=eur(60 * EUR), packaging=BULK)
    for name in names:
        lane.require(name, f"of {name}", limit=eur(80 * EUR))
    asked = Desk(lane)
    high, low = asked.buy(90 * EUR), asked.buy(50 * EUR)
    assert (told, None if told is None else False) == (high.would_trade, low.would_trade)
    withheld = "few_rivals" if told is None else None
    assert [withheld] * 2 == [high.withheld, low.withheld]
    assert [told is None] * 2 == [high.price_ueur_per_kg is None, low.why == "withheld"]
    assert [3, 3] == [high.eligible, low.eligible]
    if told is None:
        assert (None, None) == (low.three_groups_ticks, high.quantity_g)


@pytest.mark.timeout(60)
def test_a_thousand_orders_that_fit_nothing_the_asker_fits_are_no_rivals() -> None:
    lane = Lane()
    firms = [f"firm {k}" for k in range(20)]
    lane.admit(member("buyer"), member("rival"), *map(member, firms), *(member(f"s{k}") for k in range(3)))
    for k in range(600):
        lane.offer(f"s{k % 3}", f"offer {k}", ask=eur(60 * EUR), packaging=BULK)
        metal = (AcceptedForm(form="metal"),)
        lane.require(firms[k % 20], f"wanted {k}", limit=eur(80 * EUR), forms=metal)
    assert Desk(lane).buy(90 * EUR).would_trade is True
    lane.require("rival", "of the rival", limit=eur(80 * EUR))
    assert "few_rivals" == Desk(lane).buy(90 * EUR).withheld


@settings(max_examples=10)
@given(limit=st.integers(61 * EUR, 95 * EUR), asked=st.integers(50 * EUR, 99 * EUR))
def test_no_question_tells_the_limit_of_the_one_rival(limit: int, asked: int) -> None:
    def heard(of_rival: int) -> OwnQuote:
        lane = Lane()
        lane.admit(member("buyer"), member("rival"), *(member(f"s{k}") for k in range(3)))
        for k in range(3):
            lane.offer(f"s{k}", f"offer {k}", ask=eur(60 * EUR), net_wet_g=5 * T)
        lane.require("rival", "rivals", basis_g=3 * 1_120_000, limit=eur(of_rival))
        return Desk(lane).buy(asked)

    assert heard(80 * EUR) == heard(limit)


def test_an_empty_market_is_told_as_one_of_two_sellers() -> None:
    assert desk().buy(90 * EUR) == desk(60 * EUR, 65 * EUR).buy(90 * EUR)


# --- attackers


def transcript(asks: tuple[int, ...], attack: Callable[[Desk], list[OwnQuote]]) -> list[OwnQuote]:
    return attack(desk(*asks))


def bisect_the_limit(of: Desk) -> list[OwnQuote]:
    """Days of questions: the limit at which an order begins to trade, down to a micro-EUR."""
    low, high, heard = 50 * EUR, 90 * EUR, []
    while high - low > 1:
        middle = (low + high) // 2
        heard.append(of.buy(middle))
        low, high = (low, middle) if heard[-1].would_trade else (middle, high)
    return heard


def bisect_by_the_form(of: Desk) -> list[OwnQuote]:
    """The limit stays on a tick; what the buyer adds for the form moves below one."""
    low, high, heard = 0, 40 * EUR, []
    while high - low > 1:
        middle = (low + high) // 2
        paid = (AcceptedForm(form="swarf", differential_ueur_per_kg=middle),)
        heard.append(of.buy(50 * EUR, forms=paid))
        low, high = (low, middle) if heard[-1].would_trade else (middle, high)
    return heard


ATTACKS = {"limit": bisect_the_limit, "form": bisect_by_the_form}
SECRET = (66 * EUR + 123_457, 71 * EUR + 7, 75 * EUR + 999_999)


@cache
def of_whole_ticks(attack: str) -> list[OwnQuote]:
    return transcript(tuple(-(-price // EUR) * EUR for price in SECRET), ATTACKS[attack])


@pytest.mark.parametrize("attack", ATTACKS)
def test_bisecting_a_rivals_price_ends_at_a_tick(attack: str) -> None:
    """What the attacker hears is the same for every price of the rival within one tick, and for no other."""
    heard = transcript(SECRET, ATTACKS[attack])
    assert len(heard) > 20
    assert of_whole_ticks(attack) == heard
    other_tick = (SECRET[0] + EUR, *SECRET[1:])
    assert heard != transcript(other_tick, ATTACKS[attack])


@settings(max_examples=10)
@given(seed=st.lists(st.integers(0, EUR - 1), min_size=3, max_size=3))
def test_no_price_within_a_tick_is_told_from_another(seed: list[int]) -> None:
    asks = tuple(-(-price // EUR) * EUR - shift for price, shift in zip(SECRET, seed, strict=True))
    questions = [desk(*asks).buy(limit) for limit in (66 * EUR + 500_000, 67 * EUR, 70 * EUR)]
    assert questions == [
        desk(*(-(-price // EUR) * EUR for price in SECRET)).buy(limit)
        for limit in (66 * EUR + 500_000, 67 * EUR, 70 * EUR)
    ]


def test_bisecting_a_quantity_ends_at_a_band() -> None:
    """Asking for more and more tells which band a rival's quantity lies in, and not where in it."""

    def heard(net_wet_g: int) -> list[tuple[bool | None, Band | None]]:
        of = desk(60 * EUR, 85 * EUR, 86 * EUR, net_wet_g=net_wet_g)
        return [
            ((seen := of.buy(70 * EUR, basis_g=basis_g)).would_trade, seen.quantity_g)
            for basis_g in (900_000, 1_000_000, 1_119_999, 1_120_000, 1_120_001, 1_500_000, 2_400_000)
        ]

    assert heard(5 * T) == heard(6 * T)
    assert heard(5 * T) != heard(2 * T)


def test_no_amount_of_anothers_bid_is_counted_exactly() -> None:
    """Every amount of a rival's bid moves within its tick without changing what a seller hears."""

    def bids(shift: int) -> Desk:
        lane = Lane()
        lane.admit(member("seller"), *(member(f"b{k}") for k in range(3)))
        for k in range(3):
            lane.require(
                f"b{k}",
                f"wanted {k}",
                limit=eur(60 * EUR + shift),
                forms=(AcceptedForm(form="swarf", differential_ueur_per_kg=-9 * EUR + shift),),
                carriage=(Carriage(country="DE", per="basis", ueur_per_kg=2 * EUR - shift),),
                co_products=(
                    CoProductBid(
                        analyte="Dy",
                        price_ueur_per_kg=200 * EUR + shift,
                        payable_ppb=500_000_000,
                        max_ratio_ppb=50_000_000,
                    ),
                ),
                profile=SustainabilityProfile(
                    carbon_cents_per_t=8_000 + shift // 1_000,
                    eu_origin_ueur_per_kg=3 * EUR + shift,
                    cap_ueur_per_kg=4 * EUR + shift,
                ),
            )
        return Desk(lane)

    def heard(of: Desk) -> list[OwnQuote]:
        return [
            of.ask("seller", supply=supply_terms("seller", ask=eur(price)))
            for price in range(50 * EUR, 60 * EUR, EUR // 3)
        ]

    assert heard(bids(0)) == heard(bids(EUR - 1))
    assert {True, False} == {each.would_trade for each in heard(bids(0))}


def test_days_begin_at_midnight_utc() -> None:
    assert quotes.midnight(NOW) <= NOW < quotes.midnight(NOW) + timedelta(days=1)
    assert (0, 0, 0, 0) == (
        (begun := quotes.midnight(NOW)).hour,
        begun.minute,
        begun.second,
        begun.microsecond,
    )
