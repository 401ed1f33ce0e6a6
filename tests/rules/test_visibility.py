"""Nobody sees another's price, name or joinable id before both confirmed: every fact, every viewer."""

import hmac
import json
from datetime import timedelta
from typing import Any, get_args

import msgspec
import pytest
from msgspec.structs import replace

from events.catalog import FACT_TYPES, stream_of
from events.codec import decode_event
from events.envelope import Recorded
from events.facts import MarketFact
from events.market_events import (
    ClearingCompleted,
    MarketHalted,
    MarketResumed,
    MatchAnswered,
    MatchConfirmed,
    MatchDeclined,
    MatchLapsed,
    MatchStruck,
    MemberChanged,
    MemberLeft,
    MemberSuspended,
    QuoteAsked,
    RecoveredLotAmended,
    RecoveredLotExpired,
    RecoveredLotGraded,
    RecoveredLotWithdrawn,
    RequirementAmended,
    RequirementExpired,
    RequirementWithdrawn,
    RuleSetPublished,
    RuleSetRehearsed,
    SupplyOfferAmended,
    SupplyOffered,
    SupplyOfferExpired,
    SupplyOfferWithdrawn,
)
from events.market_terms import AcceptedForm, AnalyteLimit, Qualification
from market.rules.book import Book
from market.rules.viewers import (
    AuditorViewer,
    Band,
    InitiativeViewer,
    OperatorViewer,
    OrganisationViewer,
    PublicViewer,
    content_band_ppb,
    mass_band_g,
    price_band,
    public_id,
)
from market.rules.visibility.crowd import crowd_of, published_forms
from market.rules.visibility.explanations import Candidates, candidates
from market.rules.visibility.own_side import OwnCandidates, OwnExplanation, OwnMatch
from market.rules.visibility.tape import (
    TapeClearing,
    TapeMarket,
    TapeOrder,
    TapeRuleSet,
    TapeTrade,
    public_book,
)
from market.rules.visibility.taping import offered_on_tape
from market.rules.visibility.visibility import (
    OwnOutcome,
    SealedOrder,
    SealedQuote,
    see,
    see_candidates,
    see_match,
    see_order,
)
from tests.blotter import (
    EUR,
    MARKET,
    Lane,
    T,
    eur,
    explained,
    facts_of_type,
    ident,
    member,
    ndpr_price,
    requirement_terms,
    rule_set,
    site,
    supply_terms,
)
from tests.golden.samples import sample_bodies

KEY = b"publisher key of a test"
PUBLIC = PublicViewer(key=KEY)
REMHUB = InitiativeViewer(initiative="remhub", key=KEY)
AUDITOR = AuditorViewer()
QUOTED_UEUR = 77_777_777


class Watched(Lane):
    """Keeps what every event looked like to the book before it."""

    def __init__(self, *, step: timedelta = timedelta(), **changes: Any) -> None:
        self.before: list[Book | None] = []
        self.step = step
        super().__init__(**changes)

    def _append(self, draft: Any) -> Recorded:
        book = self.books.get(MARKET)
        decoder = msgspec.msgpack.Decoder(Book)
        self.now += self.step
        self.before.append(None if book is None else decoder.decode(msgspec.msgpack.encode(book)))
        return super()._append(draft)

    def seen(self, viewer: Any) -> list[Any]:
        return [see(event, viewer, book) for event, book in zip(self.events, self.before, strict=True)]


def crowd(*, soft: bool = True, step: timedelta = timedelta(), prices: int = 1, **of_lots: Any) -> Watched:
    """Six sellers and six buyers of swarf, a round, and every kind of fact at least once.

    `step`: between two events; `prices`: how often one is recorded; `of_lots`: terms of all lots.
    """
    lane = Watched(step=step)
    commitment = "subject_to_confirmation" if soft else "firm"
    names = [f"{side}{k}" for side in ("seller", "buyer") for k in range(6)]
    lane.admit(*(member(name, initiatives=("remhub",)) for name in names))
    for _ in range(prices):
        lane.record(ndpr_price())
    lane.record(
        Qualification(
            buyer=ident("buyer0"),
            seller=ident("seller0"),
            facility=site("seller0"),
            form="swarf",
            level="pilot",
        )
    )
    for k in range(6):
        lane.offer(f"seller{k}", f"offer {k}", ask=eur((50 + k) * EUR), commitment=commitment)
        lane.lot(f"seller{k}", f"lot {k}", ask=eur(90 * EUR), commitment=commitment, **of_lots)
        lane.require(f"buyer{k}", f"wanted {k}", limit=eur((60 + k) * EUR), commitment=commitment)
        lane.require(f"buyer{k}", f"more {k}", limit=eur((30 + k) * EUR))
    lane.offer("seller0", "club", visible_to_initiatives=("remhub",), ask=eur(91 * EUR))
    lane.round()
    return lane


def finish(lane: Watched) -> None:
    """Every way in which orders and matches end."""
    struck = facts_of_type(lane.events, MatchStruck)
    for k, each in enumerate(struck[:3]):
        seller, buyer = lane.book.matches[each.match].seller, lane.book.matches[each.match].buyer
        lane.add(
            MatchAnswered(
                market=MARKET, match=each.match, side="seller", organisation=seller, answer="confirmed"
            )
        )
        ended = {
            "market": MARKET,
            "match": each.match,
            "supply": each.supply,
            "requirement": each.requirement,
            "quantity_basis_g": each.quantity_basis_g,
        }
        facts: list[Any] = [
            MatchConfirmed(**ended, seller=seller, buyer=buyer),
            MatchDeclined(**ended, declined_by=("buyer",), reasons=("quality",)),
            MatchLapsed(**ended, silent=("buyer",)),
        ]
        lane.add(facts[k])
    dear = supply_terms("seller0", ask=eur(92 * EUR))
    lots = [ident(f"lot {k}") for k in range(3)]
    own: dict[str, Any] = {"market": MARKET, "organisation": ident("seller0")}
    lane.add(
        RecoveredLotAmended(
            market=MARKET, lot=lots[0], organisation=ident("seller0"), terms=dear, keeps_rank=False
        )
    )
    lane.add(RecoveredLotGraded(**own, lot=lots[0], condition="A", inspector="surveyor"))
    lane.add(RecoveredLotWithdrawn(**own, lot=lots[0]))
    lane.add(RecoveredLotExpired(market=MARKET, lot=lots[1], organisation=ident("seller1")))
    lane.add(
        SupplyOfferAmended(
            market=MARKET, offer=ident("club"), organisation=ident("seller0"), terms=dear, keeps_rank=False
        )
    )
    lane.add(SupplyOfferWithdrawn(market=MARKET, offer=ident("club"), organisation=ident("seller0")))
    last = lane.offer("seller2", "last")
    lane.add(SupplyOfferExpired(market=MARKET, offer=last, organisation=ident("seller2")))
    wanted = requirement_terms("buyer0", limit=eur(31 * EUR))
    lane.add(
        RequirementAmended(
            market=MARKET,
            requirement=ident("more 0"),
            organisation=ident("buyer0"),
            terms=wanted,
            keeps_rank=False,
        )
    )
    lane.add(RequirementWithdrawn(market=MARKET, requirement=ident("more 0"), organisation=ident("buyer0")))
    lane.add(RequirementExpired(market=MARKET, requirement=ident("more 1"), organisation=ident("buyer1")))
    lane.add(MemberChanged(market=MARKET, member=member("seller5", "FR")))
    lane.add(MemberSuspended(market=MARKET, organisation=ident("seller5"), reason="papers"))
    lane.add(MemberLeft(market=MARKET, organisation=ident("seller5")))
    last_round = facts_of_type(lane.events, ClearingCompleted)[-1]
    lane.add(
        RuleSetRehearsed(
            market=MARKET,
            rehearsal=ident("rehearsal"),
            plan=last_round.plan,
            round=last_round.round,
            rule_set=rule_set(version=2, min_value_share_ppb=7),
            rule_set_sha256="0" * 64,
        )
    )
    lane.add(
        QuoteAsked(
            market=MARKET,
            quote=ident("quote"),
            organisation=ident("buyer0"),
            group=ident("group of buyer0"),
            plan=last_round.plan,
            round=last_round.round,
            requirement=requirement_terms("buyer0", limit=eur(QUOTED_UEUR)),
        )
    )
    lane.add(MarketHalted(market=MARKET, reason=HALTED_FOR))
    lane.add(MarketResumed(market=MARKET, reason="nothing was found"))
    bad = rule_set(version=2, algorithm="greedy-1")
    lane.add(RuleSetPublished(market=MARKET, rule_set=bad, signed_by=(ident("operator"),)))
    lane.round()


HALTED_FOR = "an audit has found a divergence"


def words(thing: Any) -> str:
    return json.dumps(msgspec.to_builtins(thing))


@pytest.fixture(scope="module")
def market() -> Watched:
    lane = crowd()
    finish(lane)
    return lane


def test_every_kind_of_fact_is_placed_for_every_viewer(market: Watched) -> None:
    kinds = {type(event.data) for event in market.events}
    assert set(get_args(MarketFact)) == kinds
    for viewer in (PUBLIC, REMHUB, OrganisationViewer(organisation=ident("seller0")), OperatorViewer(cut=0)):
        assert len(market.events) == len(market.seen(viewer))
    assert [event.data for event in market.events] == market.seen(AUDITOR)


@pytest.mark.parametrize("name", [name for name in FACT_TYPES if stream_of(name) != "market"])
def test_facts_of_other_streams_have_no_place(market: Watched, name: str) -> None:
    foreign = decode_event(sample_bodies(name)[0], bytes(32))
    for viewer in (PUBLIC, REMHUB, OrganisationViewer(organisation=ident("seller0")), AUDITOR):
        for book in (None, market.book):
            with pytest.raises(ValueError, match=name):
                see(foreign, viewer, book)


def test_the_tape_names_no_organisation_order_or_price(market: Watched) -> None:
    secrets = [str(ident(name)) for name in market_names()]
    secrets += [str(order) for order in market_orders()]
    secrets += [str(match.match) for match in facts_of_type(market.events, MatchStruck)]
    for viewer in (PUBLIC, REMHUB):
        shown = [line for line in market.seen(viewer) if line is not None]
        assert {TapeOrder, TapeTrade, TapeClearing, TapeRuleSet, TapeMarket} == {type(line) for line in shown}
        text = words([line for line in shown if not isinstance(line, TapeRuleSet)])
        assert [] == [secret for secret in secrets if secret in text]
        assert [] == [k for k in range(6) if str((50 + k) * EUR + 1) in text]
        for line in shown:
            if isinstance(line, TapeOrder):
                assert "price" not in words(line)


def market_names() -> list[str]:
    return [f"{side}{k}" for side in ("seller", "buyer") for k in range(6)]


def market_orders() -> list[Any]:
    kinds = ("offer", "lot", "wanted", "more")
    return [ident(f"{kind} {k}") for kind in kinds for k in range(6)] + [ident("club"), ident("last")]


def test_an_offer_goes_to_the_tape_as_the_rule_shows_it(market: Watched) -> None:
    """Of an offer the publisher does not ask the rule what it is."""
    offers = [
        (event, book, event.data)
        for event, book in zip(market.events, market.before, strict=True)
        if book is not None and isinstance(event.data, SupplyOffered)
    ]
    expected = [see(event, PUBLIC, book) for event, book, _ in offers]
    assert expected == [
        offered_on_tape(fact, PUBLIC, book, crowd_of(book, PUBLIC)) for _, book, fact in offers
    ]
    assert {TapeOrder, type(None)} == set(map(type, expected))


def test_a_partner_never_meets_another_before_both_confirmed(market: Watched) -> None:
    """Everything seller 4 may see of the lane holds no name, id or price of anybody else."""
    names = [name for name in market_names() if name != "seller4"]
    own = {ident("offer 4"), ident("lot 4")}
    seen = market.seen(OrganisationViewer(organisation=ident("seller4")))
    text = words([each for each in seen if each is not None])
    assert [] == [name for name in names if name in text or str(ident(name)) in text]
    assert [] == [order for order in market_orders() if order not in own and str(order) in text]
    assert any(isinstance(each, OwnMatch) for each in seen)
    for figure in [(60 + k) * EUR for k in range(6)] + [(30 + k) * EUR for k in range(6)]:
        assert f'"ueur_per_kg": {figure}' not in text


def test_a_confirmed_match_exchanges_names_and_others_see_nothing(market: Watched) -> None:
    confirmed = facts_of_type(market.events, MatchConfirmed)[0]
    for party in (confirmed.seller, confirmed.buyer):
        assert confirmed in market.seen(OrganisationViewer(organisation=party))
    outsider = market.seen(OrganisationViewer(organisation=ident("nobody")))
    assert not [each for each in outsider if isinstance(each, MatchConfirmed | OwnMatch | OwnOutcome)]


def test_declined_and_lapsed_keep_the_other_side_unknown(market: Watched) -> None:
    declined = facts_of_type(market.events, MatchDeclined)[0]
    sellers = [OrganisationViewer(organisation=ident(f"seller{k}")) for k in range(6)]
    outcomes = [each for viewer in sellers for each in market.seen(viewer) if isinstance(each, OwnOutcome)]
    assert ["declined", "lapsed"] == sorted(each.outcome for each in outcomes)
    assert [("buyer",), ("buyer",)] == [each.by for each in outcomes]
    assert str(declined.requirement) not in words(outcomes)


def test_answers_stay_sealed(market: Watched) -> None:
    answered = facts_of_type(market.events, MatchAnswered)
    operator = market.seen(OperatorViewer(cut=10**9))
    assert [] == [each for each in operator if isinstance(each, MatchAnswered)]
    for each in answered:
        assert each in market.seen(OrganisationViewer(organisation=each.organisation))


def test_operators_see_prices_after_the_cut_only(market: Watched) -> None:
    cut = facts_of_type(market.events, ClearingCompleted)[0].cut
    before = [type(each) for each in market.seen(OperatorViewer(cut=0))]
    after = [type(each) for each in market.seen(OperatorViewer(cut=cut))]
    assert 25 < before.count(SealedOrder)
    assert 4 == after.count(SealedOrder)
    sealed = [each for each in market.seen(OperatorViewer(cut=0)) if isinstance(each, SealedOrder)]
    assert "ueur_per_kg" not in words(sealed)


def test_a_halt_is_told_to_everybody_with_its_reason(market: Watched) -> None:
    told = TapeMarket(market=MARKET, standing="halted", reason=HALTED_FOR)
    assert [told.standing, "resumed"] == [
        line.standing for line in market.seen(PUBLIC) if isinstance(line, TapeMarket)
    ]
    assert told in market.seen(REMHUB)
    for name in ("seller0", "buyer3", "nobody"):
        shown = market.seen(OrganisationViewer(organisation=ident(name)))
        assert MarketHalted(market=MARKET, reason=HALTED_FOR) in shown


def test_a_question_is_its_askers_and_a_trial_the_operators(market: Watched) -> None:
    (quoted,) = facts_of_type(market.events, QuoteAsked)
    (rehearsed,) = facts_of_type(market.events, RuleSetRehearsed)
    asker, other = (OrganisationViewer(organisation=ident(name)) for name in ("buyer0", "buyer1"))
    operator = market.seen(OperatorViewer(cut=10**9))
    sealed = SealedQuote(market=MARKET, quote=quoted.quote, organisation=ident("buyer0"), round=quoted.round)
    assert (True, True) == (sealed in operator, rehearsed in operator)
    assert (True, False) == (quoted in market.seen(asker), rehearsed in market.seen(asker))
    for viewer in (other, OperatorViewer(cut=10**9), PUBLIC, REMHUB):
        assert str(QUOTED_UEUR) not in words([each for each in market.seen(viewer) if each is not None])
    for viewer in (other, PUBLIC, REMHUB):
        shown = market.seen(viewer)
        assert not [each for each in shown if isinstance(each, QuoteAsked | SealedQuote | RuleSetRehearsed)]


def test_a_qualification_is_its_buyers_alone(market: Watched) -> None:
    def told(name: str) -> bool:
        seen = market.seen(OrganisationViewer(organisation=ident(name)))
        return any("qualification" in words(each) and "pilot" in words(each) for each in seen if each)

    assert [True, False, False] == [told("buyer0"), told("seller0"), told("seller1")]


def published(lane: Lane) -> frozenset[str]:
    return published_forms(crowd_of(lane.book, PUBLIC), lane.book, "seller")


def test_the_rule_of_five() -> None:
    lane = Lane()
    lane.admit(*(member(f"seller{k}") for k in range(5)))
    for k in range(4):
        lane.offer(f"seller{k}", f"offer {k}")
    assert (frozenset(), ()) == (published(lane), public_book(lane.book, PUBLIC))
    lane.offer("seller3", "a second one")
    assert frozenset() == published(lane)
    lane.offer("seller4", "the fifth")
    assert {"swarf"} == published(lane)
    assert 6 == len(public_book(lane.book, PUBLIC))
    lane.offer("seller4", "too much", basis_g=30 * T)
    assert frozenset() == published(lane)
    lane.book.suspended.add(ident("seller4"))
    assert frozenset() == published(lane)


def test_orders_for_an_initiative_are_on_its_tape_only() -> None:
    lane = Lane()
    lane.admit(*(member(f"seller{k}", initiatives=("remhub",)) for k in range(6)))
    for k in range(6):
        lane.offer(f"seller{k}", f"offer {k}", visible_to_initiatives=("remhub",))
    assert 0 == len(public_book(lane.book, PUBLIC))
    assert 6 == len(public_book(lane.book, REMHUB))
    assert 0 == len(public_book(lane.book, InitiativeViewer(initiative="permanet", key=KEY)))


def test_a_requirement_shows_only_published_forms() -> None:
    lane = Lane()
    lane.admit(*(member(f"buyer{k}") for k in range(5)))
    for k in range(5):
        forms = (AcceptedForm(form="swarf"), *((AcceptedForm(form="metal"),) if k else ()))
        lane.require(f"buyer{k}", f"wanted {k}", forms=forms)
    assert {("swarf",)} == {line.forms for line in public_book(lane.book, PUBLIC)}
    assert {None} == {line.content_ppb for line in public_book(lane.book, PUBLIC)}


def test_a_trade_is_on_the_tape_in_bands() -> None:
    lane = crowd(soft=False)
    trades = [line for line in lane.seen(PUBLIC) if isinstance(line, TapeTrade)]
    assert 6 == len(trades)
    first = facts_of_type(lane.events, MatchStruck)[0]
    assert (
        public_id(KEY, "public.trades.v1", first.match),
        "2026-Q1",
        price_band(first.price_ueur_per_kg, EUR),
    ) == (
        trades[0].id,
        trades[0].delivery_quarter,
        trades[0].price_ueur_per_kg,
    )


def test_a_match_that_can_still_be_declined_is_no_trade_on_the_tape() -> None:
    """Else two friends could print prices that neither pays."""
    lane = crowd()
    assert 6 == len(facts_of_type(lane.events, MatchStruck))
    assert [] == [line for line in lane.seen(PUBLIC) if isinstance(line, TapeTrade)]
    finish(lane)
    (confirmed,) = facts_of_type(lane.events, MatchConfirmed)
    shown = [line.id for line in lane.seen(PUBLIC) if isinstance(line, TapeTrade)]
    assert [public_id(KEY, "public.trades.v1", confirmed.match)] == shown


def test_bands() -> None:
    assert Band(low=0, high=1_000) == mass_band_g(999)
    assert Band(low=5_000_000, high=10_000_000) == mass_band_g(5_600_000)
    assert Band(low=500_000_000_000, high=10**12 + 1) == mass_band_g(10**12)
    assert Band(low=200_000_000, high=300_000_000) == content_band_ppb(56, 250)
    assert Band(low=900_000_000, high=1_000_000_000) == content_band_ppb(250, 250)
    assert Band(low=-2 * EUR, high=-EUR) == price_band(-EUR - 1, EUR)


def test_public_ids_need_the_key() -> None:
    order = ident("offer")
    first = public_id(KEY, "public.trades.v1", order)
    assert 32 == len(first)
    assert first == public_id(KEY, "public.trades.v1", order)
    others = {public_id(b"other", "public.trades.v1", order), public_id(KEY, "public.requirements.v1", order)}
    assert 2 == len(others - {first})


@pytest.mark.parametrize("length", [1, 32, 63, 64, 65, 200])
def test_a_public_id_is_the_hmac_of_kind_and_id(length: int) -> None:
    key, order = bytes(range(length)), ident("offer")
    expected = hmac.digest(key, b"public.trades.v1\x00" + order.bytes, "sha256")[:16].hex()
    assert expected == public_id(key, "public.trades.v1", order)


def test_orders_and_explanations_by_viewer() -> None:
    lane = crowd()
    offer = lane.book.supplies[ident("offer 0")]
    rank = offer.rank
    owner, other = (
        OrganisationViewer(organisation=ident("seller0")),
        OrganisationViewer(organisation=ident("x")),
    )
    viewers = (AUDITOR, owner, other, OperatorViewer(cut=rank), PUBLIC, REMHUB)
    assert [offer, offer, None, offer, None, None] == [see_order(offer, viewer) for viewer in viewers]
    sealed = see_order(offer, OperatorViewer(cut=rank - 1))
    assert isinstance(sealed, SealedOrder)
    assert "ueur" not in words(sealed)
    lot = candidates(lane.book, lane.facts(), ident("lot 0"))
    assert lot is not None
    found = [see_candidates(lot, viewer) for viewer in viewers]
    assert (lot, None, None, None) == (found[0], found[2], found[4], found[5])
    assert isinstance(found[1], OwnCandidates)
    hidden = see_candidates(lot, OperatorViewer(cut=0))
    assert hidden == replace(
        lot,
        standing="eligible",
        verdicts=tuple(replace(verdict, value_ueur_per_kg=None, gap_bands=None) for verdict in lot.verdicts),
    )
    assert lot == see_candidates(lot, OperatorViewer(cut=lane.book.position))


def test_an_operator_reads_no_figure_of_an_order_that_no_cut_has_taken() -> None:
    lane = crowd()
    limits = (AnalyteLimit(analyte="C", max_ppb=1),)
    dirty = ident("dirty")
    lane.require("buyer0", "dirty", limits=limits, forms=(AcceptedForm(form="swarf"),))
    whole = candidates(lane.book, lane.facts(), dirty)
    assert whole is not None
    before, after = (see_candidates(whole, OperatorViewer(cut=cut)) for cut in (0, lane.book.position))
    assert isinstance(before, Candidates)
    assert whole == after
    assert {"above_max:C"} == {str(reason) for verdict in before.verdicts for reason in verdict.reasons}
    assert whole.standing == before.standing


def test_a_match_by_viewer() -> None:
    whole = explained()
    assert whole == see_match(whole, AUDITOR) == see_match(whole, OperatorViewer(cut=0))
    assert isinstance(see_match(whole, OrganisationViewer(organisation=ident("seller"))), OwnExplanation)
    for viewer in (OrganisationViewer(organisation=ident("other")), PUBLIC, REMHUB):
        assert None is see_match(whole, viewer)


def test_a_trade_of_few_is_not_on_the_tape() -> None:
    lane = Watched()
    lane.admit(member("seller0"), member("buyer0"))
    lane.offer("seller0", "offer")
    lane.require("buyer0", "wanted")
    lane.round()
    assert 1 == len(facts_of_type(lane.events, MatchStruck))
    assert [] == [line for line in lane.seen(PUBLIC) if isinstance(line, TapeTrade)]
