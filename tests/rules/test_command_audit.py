"""What commands recorded, decided again from the lane alone: forged consent, orders and prices are found."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal

import pytest
from msgspec.structs import replace

from events.callers import Caller
from events.chain import genesis, next_head
from events.clearing_terms import waterfall_of
from events.codec import encode_event
from events.decision import Moment
from events.envelope import Draft, Recorded, source_of
from events.market_events import (
    ClearingAbandoned,
    ClearingEvidence,
    InputRecorded,
    MarketHalted,
    MarketOpened,
    MarketResumed,
    MatchAnswered,
    MatchConfirmed,
    MatchDeclined,
    MatchLapsed,
    MemberAdmitted,
    MemberLeft,
    MemberSuspended,
    RequirementAmended,
    RequirementPosted,
    RequirementWithdrawn,
    RuleSetPublished,
    SupplyOfferAmended,
    SupplyOffered,
    SupplyOfferExpired,
    SupplyOfferWithdrawn,
)
from events.market_terms import Qualification
from events.party_events import ApiKeyIssued
from events.vocabulary import ConvertedPrice, StatedPrice, Tranche
from market.audit.lane_audit import LaneRecord
from market.audit.lane_verdict import Divergence
from market.audit.operator_audit import Operators
from market.rules import matches
from market.rules.matches import AnswerMatch, LapseMatch, MatchGround, MatchState
from market.rules.orders.supplies import converted_ask
from tests.blotter import (
    DEPLOYMENT,
    EUR,
    MARKET,
    OPERATOR,
    START,
    Lane,
    days,
    eur,
    ident,
    member,
    requirement_terms,
    site,
    supply_terms,
    usd_rate,
)
from tests.rules.test_lane_audit import audited

OPERATOR_CALLER = Caller(organisation=OPERATOR, roles=frozenset({"operator"}))
Answer = Literal["confirmed", "declined"]
Change = Callable[[Recorded], Recorded | None]


def struck(**wanted: Any) -> tuple[Lane, Any]:
    """A match that its seller and its buyer have to confirm."""
    lane = Lane()
    lane.admit(member("seller"), member("buyer"), member("other"))
    lane.record(usd_rate())
    lane.offer("seller", "offer", commitment="subject_to_confirmation")
    lane.require("buyer", "wanted", commitment="subject_to_confirmation", **wanted)
    lane.round()
    (match,) = lane.book.matches.values()
    return lane, match.struck


def state_of(lane: Lane, match: Any) -> MatchState:
    book = lane.book
    part = next(
        fact for event in lane.events if isinstance(fact := event.data, ClearingEvidence) and fact.waterfalls
    )
    ground = MatchGround(
        supply=book.supplies[match.supply].terms,
        requirement=book.requirements[match.requirement].terms,
        lines=waterfall_of(part.waterfalls[0], part.lines).terms,
        basis="ndpr",
        inputs=book.inputs,
    )
    return MatchState(lane=0, match=book.matches[match.match], status="open", ground=ground)


def answered(lane: Lane, match: Any, name: str, answer: Answer = "confirmed") -> None:
    caller = Caller(organisation=ident(name), roles=frozenset({"trader"}))
    reason = None if answer == "confirmed" else "price"
    argument = AnswerMatch(caller=caller, match=match.match, answer=answer, reason=reason)
    decision = matches.answer(state_of(lane, match), argument, Moment(lane.now, lambda: ident("new")))
    lane.append([replace(draft, actor=caller.organisation) for draft in decision.drafts])


def lapsed(lane: Lane, match: Any) -> None:
    lane.now = match.confirm_by
    argument = LapseMatch(caller=OPERATOR_CALLER, match=match.match)
    lane.decide(matches.lapse(state_of(lane, match), argument, Moment(lane.now, lambda: ident("new"))))


def rewritten(lane: Lane, change: Change) -> list[LaneRecord]:
    """As an operator would write the lane who signs it anew: positions and chain fit."""
    head, found = genesis(DEPLOYMENT, "market", 0), list[LaneRecord]()
    for event in (changed for each in lane.events if (changed := change(each)) is not None):
        body = encode_event(
            event_id=event.id,
            source=source_of(DEPLOYMENT),
            subject=event.subject,
            time=event.time,
            lane=0,
            position=len(found) + 1,
            cause=event.cause,
            actor=event.actor,
            salt=event.salt,
            data=event.data,
        )
        head = next_head(head, body)
        found.append(LaneRecord(offset=len(found), body=body, chain=head.hex()))
    return found


def of(kind: type[Any], nth: int, **changes: Any) -> Change:
    """The nth fact of a kind with members changed, `actor` and `time` of its event; with none left out."""
    seen = iter(range(10**6))

    def change(event: Recorded) -> Recorded | None:
        if not isinstance(event.data, kind) or next(seen) != nth:
            return event
        if not changes:
            return None
        given = {name: changes[name] for name in ("actor", "time") if name in changes}
        data: Any = replace(
            event.data, **{name: value for name, value in changes.items() if name not in given}
        )
        return replace(event, data=data, **given)

    return change


def named(lane: Lane, change: Change) -> Divergence:
    assert audited(rewritten(lane, lambda event: event)).divergence is None
    found = audited(rewritten(lane, change)).divergence
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (of(MatchAnswered, 0), "seller_answer"),
        (of(MatchAnswered, 1), "buyer_answer"),
        (of(MatchAnswered, 0, organisation=ident("other")), "organisation"),
        (of(MatchAnswered, 1, actor=ident("seller")), "actor"),
        (of(MatchAnswered, 1, side="seller"), "organisation"),
        (of(MatchAnswered, 0, answer="declined", reason="price"), "type"),
        (of(MatchAnswered, 1, answer="declined", reason="price"), "type"),
        (of(MatchAnswered, 1, time=START + timedelta(days=2)), "type"),
        (of(MatchConfirmed, 0), "type"),
        (of(MatchConfirmed, 0, actor=OPERATOR), "actor"),
        (of(MatchConfirmed, 0, buyer=ident("other")), "buyer"),
    ],
)
def test_a_confirmation_follows_from_the_answers_of_both_sides(change: Change, field: str) -> None:
    lane, match = struck()
    answered(lane, match, "seller")
    answered(lane, match, "buyer")
    lane.offer("other", "later")
    found = named(lane, change)
    assert ("command", field) == (found.kind, found.field)


def test_a_confirmed_match_begins_its_contract_with_what_its_round_told() -> None:
    lane, match = struck()
    answered(lane, match, "seller")
    answered(lane, match, "buyer")
    fact: Any = lane.events[-1].data
    for forged in (
        replace(fact.contract, product_wet_g=1),
        replace(fact.contract, terms=(*fact.contract.terms, *state_of_lines(lane))),
    ):
        found = named(lane, of(MatchConfirmed, 0, contract=forged))
        assert "command" == found.kind
        assert found.field is not None
        assert found.field.startswith("contract/")


def state_of_lines(lane: Lane) -> tuple[Any, ...]:
    return next(
        fact.lines for event in lane.events if isinstance(fact := event.data, ClearingEvidence) and fact.lines
    )


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (of(MatchAnswered, 0), "type"),
        (of(MatchAnswered, 0, organisation=ident("other")), "organisation"),
        (of(MatchDeclined, 0, declined_by=("buyer",)), "declined_by/0"),
        (of(MatchDeclined, 0, reasons=("other",)), "reasons/0"),
    ],
)
def test_a_decline_is_of_a_side_that_declined(change: Change, field: str) -> None:
    lane, match = struck()
    answered(lane, match, "seller", "declined")
    lapsed(lane, match)
    found = named(lane, change)
    assert ("command", field) == (found.kind, found.field)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (of(MatchLapsed, 0, time=START + timedelta(hours=1)), "type"),
        (of(MatchLapsed, 0, silent=("seller", "buyer")), "silent"),
        (of(MatchAnswered, 0), "silent"),
    ],
)
def test_a_match_lapses_at_its_deadline_through_who_was_silent(change: Change, field: str) -> None:
    lane, match = struck()
    answered(lane, match, "seller")
    lapsed(lane, match)
    found = named(lane, change)
    assert ("command", field) == (found.kind, found.field)


def changed_orders() -> Lane:
    """An ask in dollars that is cut in quantity after the rate went up, then stated anew; an order that
    ends."""
    lane = Lane()
    lane.admit(member("seller"), member("buyer"), member("other"))
    lane.record(usd_rate())
    stated = StatedPrice(amount_micro=66 * EUR, currency="USD", per="oxide")

    def ask(**changes: Any) -> Any:
        terms = supply_terms("seller")
        return converted_ask(
            replace(stated, **changes), terms.moisture_ppb, terms.composition, "ndpr", lane.book.inputs
        )

    first = ask()
    offer = lane.offer("seller", "offer", ask=first)
    lane.record(usd_rate(930_000))
    less_g = 20 * 1_000_000
    less = supply_terms(
        "seller", net_wet_g=less_g, ask=first, tranches=(Tranche(window=days(10, 40), net_wet_g=less_g),)
    )
    for terms, keeps in ((less, True), (replace(less, ask=ask(amount_micro=67 * EUR)), False)):
        lane.add(
            SupplyOfferAmended(
                market=MARKET, offer=offer, organisation=ident("seller"), terms=terms, keeps_rank=keeps
            )
        )
    lane.add(SupplyOfferWithdrawn(market=MARKET, offer=offer, organisation=ident("seller")))
    wanted = lane.require("buyer", "wanted")
    lane.add(
        RequirementAmended(
            market=MARKET,
            requirement=wanted,
            organisation=ident("buyer"),
            terms=requirement_terms("buyer", limit=eur(71 * EUR)),
            keeps_rank=False,
        )
    )
    lane.add(RequirementWithdrawn(market=MARKET, requirement=wanted, organisation=ident("buyer")))
    ending = lane.offer("seller", "ending")
    lane.now = lane.book.supplies[ending].terms.valid_until
    lane.add(SupplyOfferExpired(market=MARKET, offer=ending, organisation=ident("seller")))
    return lane


OTHER, SELLER = ident("other"), ident("seller")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (of(SupplyOffered, 0, actor=OTHER), "actor"),
        (of(SupplyOffered, 0, organisation=ident("nobody"), actor=ident("nobody")), "organisation"),
        (of(MemberAdmitted, 0), "organisation"),
        (of(SupplyOfferAmended, 0, actor=OTHER), "actor"),
        (of(SupplyOfferAmended, 0, organisation=OTHER, actor=OTHER), "organisation"),
        (of(SupplyOfferAmended, 0, keeps_rank=False), "keeps_rank"),
        (of(SupplyOfferAmended, 1, keeps_rank=True), "keeps_rank"),
        (of(SupplyOfferWithdrawn, 0, actor=OTHER), "actor"),
        (of(SupplyOfferWithdrawn, 0, organisation=OTHER), "organisation"),
        (of(RequirementPosted, 0, actor=OTHER), "actor"),
        (of(RequirementAmended, 0, actor=SELLER), "actor"),
        (of(RequirementAmended, 0, organisation=SELLER, actor=SELLER), "organisation"),
        (of(RequirementWithdrawn, 0, actor=SELLER), "actor"),
        (of(SupplyOfferExpired, 0, time=START), "time"),
        (of(SupplyOfferExpired, 0, organisation=OTHER), "organisation"),
    ],
)
def test_an_order_is_changed_by_its_owner_alone(change: Change, field: str) -> None:
    found = named(changed_orders(), change)
    assert ("command", field) == (found.kind, found.field)


@pytest.mark.parametrize("member_of_it", ["stated", "converted", "basis", "rate"])
@pytest.mark.parametrize("nth", [0, 1, 2])
def test_an_ask_is_converted_by_the_rates_of_its_lane(member_of_it: str, nth: int) -> None:
    def change(event: Recorded) -> Recorded:
        fact: Any = event.data
        if not isinstance(fact, SupplyOffered | SupplyOfferAmended) or seen[0] != nth:
            seen[0] += isinstance(fact, SupplyOffered | SupplyOfferAmended)
            return event
        seen[0] += 1
        terms, ask = fact.terms, fact.terms.ask
        assert ask.fx is not None
        ways: dict[str, dict[str, Any]] = {
            "stated": {"ask": replace(ask, stated=replace(ask.stated, amount_micro=6_600_000))},
            "converted": {"ask": replace(ask, ueur_per_kg=ask.ueur_per_kg + 1)},
            "basis": {"basis_g": terms.basis_g + 1},
            "rate": {"ask": replace(ask, fx=replace(ask.fx, value_micro=ask.fx.value_micro + 1))},
        }
        return replace(event, data=replace(fact, terms=replace(terms, **ways[member_of_it])))

    seen = [0]
    assert audited(rewritten(changed_orders(), lambda event: event)).divergence is None
    found = audited(rewritten(changed_orders(), change)).divergence
    assert found is not None
    assert found.field is not None
    assert ("command", True) == (
        found.kind,
        found.field.startswith("terms/basis_g" if member_of_it == "basis" else "terms/ask/"),
    )
    assert found.position == positions_of(changed_orders())[nth]


def positions_of(lane: Lane) -> list[int]:
    return [
        each.position for each in lane.events if isinstance(each.data, SupplyOffered | SupplyOfferAmended)
    ]


@pytest.mark.parametrize("kind", [RequirementPosted, RequirementAmended])
def test_a_limit_is_converted_by_the_rule(kind: type[Any]) -> None:
    stated = StatedPrice(amount_micro=7_100_000, currency="EUR", per="element")
    lane = changed_orders()
    fact: Any = next(event.data for event in lane.events if isinstance(event.data, kind))
    forged = replace(fact.terms, limit=replace(fact.terms.limit, stated=stated))
    found = named(lane, of(kind, 0, terms=forged))
    assert ("command", "terms/limit/ueur_per_kg", "7100000") == (found.kind, found.field, found.expected)


def test_an_ask_per_kilogram_of_all_rare_earth_oxides_is_converted_by_the_rule() -> None:
    """28 % Nd and Pr in 40 % TREO: 42 EUR per kg of REO are 60 per kg of basis."""
    lane = Lane()
    lane.admit(member("seller"))
    stated = StatedPrice(amount_micro=42 * EUR, currency="EUR", per="reo")
    treo = replace(supply_terms("seller").composition, treo_ppb=400_000_000)
    lane.offer("seller", "offer", composition=treo, ask=ConvertedPrice(stated=stated, ueur_per_kg=60 * EUR))
    assert audited(rewritten(lane, lambda event: event)).divergence is None
    fact: Any = next(event.data for event in lane.events if isinstance(event.data, SupplyOffered))
    forged = replace(fact.terms, ask=replace(fact.terms.ask, ueur_per_kg=50 * EUR))
    found = named(lane, of(SupplyOffered, 0, terms=forged))
    assert ("command", "terms/ask/ueur_per_kg", str(60 * EUR)) == (found.kind, found.field, found.expected)


def test_a_price_in_a_currency_without_a_rate_converts_to_nothing() -> None:
    lane = changed_orders()
    fact: Any = next(event.data for event in lane.events if isinstance(event.data, RequirementPosted))
    stated = StatedPrice(amount_micro=70 * EUR, currency="CNY", per="element")
    forged = replace(fact.terms, limit=replace(fact.terms.limit, stated=stated))
    found = named(lane, of(RequirementPosted, 0, terms=forged))
    assert ("command", "none") == (found.kind, found.expected)


def test_who_is_suspended_changes_nothing_but_withdraws() -> None:
    lane = Lane()
    lane.admit(member("seller"))
    offer = lane.offer("seller", "offer")
    lane.add(MemberSuspended(market=MARKET, organisation=SELLER, reason="late"))
    lane.add(SupplyOfferWithdrawn(market=MARKET, offer=offer, organisation=SELLER))
    assert audited(rewritten(lane, lambda event: event)).divergence is None
    lane.offer("seller", "late")
    found = audited(rewritten(lane, lambda event: event)).divergence
    assert found is not None
    assert (f"{SELLER}, suspended", "organisation") == (found.recorded, found.field)


def test_a_member_leaves_with_nothing_open() -> None:
    lane = Lane()
    lane.admit(member("seller"))
    lane.admit(member("buyer"))
    offer = lane.offer("seller", "offer")
    lane.add(SupplyOfferWithdrawn(market=MARKET, offer=offer, organisation=SELLER))
    lane.add(MemberLeft(market=MARKET, organisation=SELLER))
    assert audited(rewritten(lane, lambda event: event)).divergence is None
    for leaver, field in ((ident("stranger"), "a member"), (SELLER, "no order")):
        early = Lane()
        early.admit(member("seller"))
        early.offer("seller", "offer")
        early.add(MemberLeft(market=MARKET, organisation=leaver))
        found = audited(rewritten(early, lambda event: event)).divergence
        assert found is not None
        assert ("command", field) == (found.kind, found.expected)
    lane.offer("seller", "late")
    assert audited(rewritten(lane, lambda event: event)).divergence is not None


def halted_for_a_while() -> Lane:
    """An order before, a withdrawal within, an order and a round after; and a halt of an open round."""
    lane = Lane()
    lane.admit(member("seller"))
    offer = lane.offer("seller", "offer")
    lane.plan()
    lane.add(abandoned_by_operator(lane))
    lane.add(MarketHalted(market=MARKET, reason="an audit"))
    lane.add(SupplyOfferWithdrawn(market=MARKET, offer=offer, organisation=SELLER))
    lane.add(MarketResumed(market=MARKET, reason="it is mended"))
    lane.offer("seller", "later")
    lane.round()
    return lane


def abandoned_by_operator(lane: Lane) -> ClearingAbandoned:
    plan = lane.book.plan
    assert plan is not None
    return ClearingAbandoned(
        market=MARKET, plan=plan.plan, round=plan.round, code="market_halted", reason="an audit"
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (of(MarketResumed, 0), "is recorded while the market is halted"),
        (of(MarketHalted, 0), "resumes a market that is not halted"),
        (of(ClearingAbandoned, 0), "halts a market whose round is not abandoned first"),
    ],
)
def test_nothing_is_posted_or_cleared_while_a_market_is_halted(change: Change, told: str) -> None:
    found = named(halted_for_a_while(), change)
    assert ("command", True) == (found.kind, told in found.sentence), found.sentence


def test_a_round_within_a_halt_is_a_divergence() -> None:
    lane = Lane()
    lane.admit(member("seller"))
    lane.offer("seller", "offer")
    lane.add(MarketHalted(market=MARKET, reason="an audit"))
    lane.add(MarketHalted(market=MARKET, reason="once more"))
    found = audited(rewritten(lane, lambda event: event)).divergence
    assert found is not None
    assert "halts a market that is halted" in found.sentence
    forged = audited(rewritten(lane_with_round_in_halt(), lambda event: event)).divergence
    assert forged is not None
    assert "market.clearing.planned.v1" == forged.event_type
    assert "is recorded while the market is halted" in forged.sentence


def test_a_market_is_halted_by_an_operator() -> None:
    operators, lane = Operators(), halted_for_a_while()
    operators.keep(key_issued(OPERATOR, START, "operator"))
    assert audited(rewritten(lane, lambda event: event), operators=operators).divergence is None
    for kind in (MarketHalted, MarketResumed):
        found = audited(rewritten(lane, of(kind, 0, actor=SELLER)), operators=operators).divergence
        assert found is not None
        assert ("actor", str(SELLER)) == (found.field, found.recorded)


def lane_with_round_in_halt() -> Lane:
    lane = Lane()
    lane.admit(member("seller"))
    lane.offer("seller", "offer")
    lane.add(MarketHalted(market=MARKET, reason="an audit"))
    lane.round()
    return lane


def test_no_order_of_a_round_that_is_being_computed_is_changed() -> None:
    lane = Lane()
    lane.admit(member("seller"))
    offer = lane.offer("seller", "offer")
    lane.plan()
    lane.append([Draft(stream="market", lane=0, subject="s", data=withdrawn(offer), actor=SELLER)])
    found = audited(rewritten(lane, lambda event: event)).divergence
    assert found is not None
    assert ("command", "position") == (found.kind, found.field)


def withdrawn(offer: Any) -> SupplyOfferWithdrawn:
    return SupplyOfferWithdrawn(market=MARKET, offer=offer, organisation=SELLER)


@pytest.mark.parametrize(
    "kind", [MarketOpened, RuleSetPublished, InputRecorded, MemberAdmitted, SupplyOfferExpired]
)
def test_what_is_an_operators_is_recorded_by_one(kind: type[Any]) -> None:
    """`late` was given its key after all of it."""
    operators, lane = Operators(), changed_orders()
    clean = rewritten(lane, lambda event: event)
    forged = rewritten(lane, of(kind, 0, actor=SELLER))
    assert audited(forged, operators=operators).divergence is None
    for name, moment in ((OPERATOR, START), (ident("late"), lane.now + timedelta(hours=1))):
        operators.keep(key_issued(name, moment, "operator"))
    operators.keep(key_issued(SELLER, START, "trader"))
    assert audited(clean, operators=operators).divergence is None
    late = rewritten(lane, of(kind, 0, actor=ident("late")))
    own = Operators(ident("late"))
    own.keep(key_issued(OPERATOR, START, "operator"))
    assert audited(late, operators=own).divergence is None
    for fed, actor in ((forged, SELLER), (late, ident("late"))):
        found = audited(fed, operators=operators).divergence
        assert found is not None
        assert ("command", "actor", str(actor)) == (found.kind, found.field, found.recorded)


def test_a_buyer_states_its_own_qualifications() -> None:
    operators, lane = Operators(), changed_orders()
    operators.keep(key_issued(OPERATOR, START, "operator"))
    value = Qualification(
        buyer=ident("buyer"), seller=SELLER, facility=site("seller"), form="swarf", level="pilot"
    )
    lane.record(value)
    for actor, kind in ((ident("buyer"), None), (SELLER, "command")):
        found = audited(rewritten(lane, of(InputRecorded, 2, actor=actor)), operators=operators).divergence
        assert kind == (None if found is None else found.kind)


def key_issued(organisation: Any, time: datetime, role: Any) -> Recorded:
    fact = ApiKeyIssued(
        organisation=organisation,
        key=ident(f"key {role}"),
        label="a key",
        secret_sha256="0" * 64,
        roles=(role,),
        expires_at=time + timedelta(days=900),
    )
    event = Lane().events[0]
    return replace(event, data=fact, time=time, stream="parties", type=ApiKeyIssued.TYPE)
