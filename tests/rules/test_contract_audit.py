"""An audit of a contracts lane: what follows from what was said is computed again, and named where not."""

import tracemalloc
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import product
from typing import get_args

import msgspec
import pytest
from msgspec import UNSET, Struct
from msgspec.structs import replace

from contracts.rules.balances import FormerBalances
from contracts.rules.matched import from_match
from contracts.rules.statements import statement
from events.chain import genesis, next_head
from events.contract_events import (
    AgreementDrafted,
    AgreementSigned,
    AgreementTerminated,
    IndexPublished,
    InvoiceSettled,
    OutputDeclared,
    QuantityNominated,
    YearAssessed,
)
from events.contract_terms import AssayClause, DeliveryEvidence, FixedVolume, TermClause
from events.delivery_events import (
    BuyerCalled,
    DeliveryShipped,
    NonArrivalSettled,
    UmpireDecided,
    UmpireObjected,
    WeighingSettled,
)
from events.envelope import Recorded
from events.facts import ContractFact
from events.market_events import MatchConfirmed
from events.market_terms import AnalyteLimit, PenaltyRule, SustainabilityProfile
from events.price_clauses import FlatPrice, IndexedPrice, MatchedPrice, SustainabilityClause
from events.rex_terms import AgreedGoods
from events.vocabulary import PPB, RecycledContent
from market.audit.lane_audit import LaneAudit, LaneRecord
from market.audit.lane_verdict import Divergence, FormerRule
from market.audit.operator_audit import Operators
from market.audit.repeats import Repeats
from market.audit.round_audit import BY_CERTIFICATE
from market.audit.shelf import AuditShelf
from tests.blotter import START, ident, rule_set
from tests.contract_journeys import (
    IN_EUR,
    JOURNEYS,
    OXIDE,
    SPOT,
    TAKE_OR_PAY,
    TERMS,
    audited,
    body_of,
    divergence_of,
    journey,
    offtake,
)
from tests.contract_lane import DEPLOYMENT, KEY, ContractLane, rechained
from tests.contract_support import MICRO, TONNE_G, agreement_terms
from tests.delivery_support import FLAT, NDPR, UMPIRE, figures, quoted
from tests.desk_support import LANE, MARKET, NOW, OPERATOR_CALLER, PERCENT_PPB, numbered
from tests.rules.test_command_audit import key_issued
from tests.rules.test_matched import GIVEN, confirmed


@pytest.mark.parametrize("name", JOURNEYS)
def test_a_clean_journey_is_taken(name: str) -> None:
    lane = journey(name)
    verdict = audited(lane.records())
    assert verdict.divergence is None, verdict.divergence.sentence
    counted = Counter(type(event.data) for event in lane.events)
    assert (
        len(lane.events),
        1,
        counted[DeliveryShipped],
        counted[InvoiceSettled],
        counted[YearAssessed],
    ) == (verdict.position, verdict.agreements, verdict.deliveries, verdict.invoices, verdict.years)


def test_the_journeys_hold_every_kind_of_fact() -> None:
    found = {type(event.data) for name in JOURNEYS for event in journey(name).events}
    assert set(get_args(ContractFact)) == found


def test_what_the_sides_leave_to_the_operator_is_said_by_who_was_given_its_key() -> None:
    stranger, own = Operators(), Operators()
    stranger.keep(key_issued(ident("another"), START, "operator"))
    own.keep(key_issued(OPERATOR_CALLER.organisation, START, "operator"))
    seen: set[tuple[type[Struct], bool]] = set()
    for event in (event for name in JOURNEYS for event in journey(name).events):
        assert own.fault(event) is None
        if type(event.data) in (IndexPublished, UmpireDecided, WeighingSettled, NonArrivalSettled):
            by_operator = event.actor == OPERATOR_CALLER.organisation
            assert by_operator == (stranger.fault(event) is not None)
            seen.add((type(event.data), by_operator))
    of_both = (UmpireDecided, WeighingSettled, NonArrivalSettled)
    assert {(IndexPublished, True), *product(of_both, (True, False))} == seen


def without(records: Sequence[LaneRecord], place: int) -> list[LaneRecord]:
    """One record left out, those after it moved up and chained anew."""
    head = bytes.fromhex(records[place - 1].chain)
    kept = list(records[:place])
    for record in records[place + 1 :]:
        envelope = msgspec.json.decode(record.body)
        body = msgspec.json.encode(envelope | {"position": envelope["position"] - 1})
        head = next_head(head, body)
        kept.append(LaneRecord(offset=record.offset - 1, body=body, chain=head.hex()))
    return kept


def test_what_has_to_follow_on_a_decision_is_missed() -> None:
    """Every event that a command wrote beside its first; what is left out at the very end cannot be told."""
    missed = 0
    for name in ("offtake", "share"):
        events = journey(name).events
        for place in range(1, len(events) - 1):
            event, before = events[place], events[place - 1]
            silent = isinstance(event.data, QuantityNominated)
            if event.cause == before.cause and not silent:
                found = divergence_of(without(journey(name).records(), place))
                told = next(
                    later.position - 1
                    for later in events[place + 1 :]
                    if not isinstance(later.data, IndexPublished)
                )
                assert (told, "contract") == (found.position, found.kind)
                missed += 1
    assert 12 < missed


def test_an_agreement_from_draft_to_extension_is_taken() -> None:
    lane = ContractLane().draft(TERMS)
    never = OutputDeclared(market=MARKET, agreement=numbered(9), year=1, output_g=1)
    (first, *_) = lane.events
    kind = divergence_of(rechained(lane.records(), 0, body_of(first, never)))
    assert ("fold", 1) == (kind.kind, kind.position)
    assert "never drafted" in kind.sentence


def test_a_signature_on_other_terms_is_named() -> None:
    lane = ContractLane().draft(TERMS).sign("buyer")
    signed = lane.events[-1].data
    assert isinstance(signed, AgreementSigned)
    found = divergence_of(
        rechained(lane.records(), 1, body_of(lane.events[-1], replace(signed, terms_sha256="0" * 64)))
    )
    assert ("terms_sha256", f'"{"0" * 64}"', f'"{signed.terms_sha256}"') == (
        found.field,
        found.recorded,
        found.expected,
    )
    other = divergence_of(rechained(lane.records(), 1, body_of(lane.events[-1], replace(signed, proposal=2))))
    assert "is no longer open; the open one is 1" in other.sentence


def test_what_is_priced_by_an_index_of_another_lane_is_checked_whatever_was_seen_of_it() -> None:
    """A value that was recorded within the minute may have been seen or not; an older one has to be used."""
    for seconds, taken in ((30, True), (90, False)):
        lane = ContractLane()
        lane.on(date(2027, 1, 1)).draft(SPOT, kind="spot").sign()
        lane.publish(OXIDE, IN_EUR, quoted(date(2026, 12, 1), 80 * MICRO))
        lane.on(date(2027, 1, 15)).ship()
        shelf = AuditShelf()
        shelf.keep_index(*published_beside(lane, seconds))
        found = audited(lane.records(), shelf).divergence
        assert (None if taken else "lines/0/terms/0/after_micro_per_kg") == (
            None if found is None else found.field
        )


def test_which_values_restate_is_proved_where_it_is_said() -> None:
    """Publications of before did not say it; what says it of a value that is new is no publication's."""
    lane = ContractLane().on(date(2027, 1, 1))
    lane.publish(OXIDE, IN_EUR, quoted(date(2026, 11, 1), 80 * MICRO))
    first = lane.events[-1]
    again = quoted(date(2026, 11, 1), 90 * MICRO, published=date(2026, 12, 31))
    lane.publish(OXIDE, IN_EUR, again, quoted(date(2026, 12, 1), 80 * MICRO))
    newest = lane.events[-1]
    assert isinstance(first.data, IndexPublished)
    assert isinstance(newest.data, IndexPublished)
    assert (UNSET, (0,)) == (first.data.restates, newest.data.restates)
    assert audited(lane.records()).divergence is None
    before = body_of(newest, replace(newest.data, restates=UNSET))
    assert audited(rechained(lane.records(), newest.position - 1, before)).divergence is None
    for event, told in ((first, (0,)), (newest, (0, 1)), (newest, (1,))):
        forged = body_of(event, replace(event.data, restates=told))
        found = divergence_of(rechained(lane.records(), event.position - 1, forged))
        assert event.position == found.position
        assert found.field is not None
        assert "restates" == found.field.partition("/")[0]


def published_beside(lane: ContractLane, seconds: int) -> tuple[Recorded, IndexPublished]:
    """A restatement in another lane, so long before the newest event, which did not see it."""
    restated = quoted(date(2026, 12, 1), 90 * MICRO, published=date(2027, 1, 14))
    fact = IndexPublished(index=OXIDE, currency="EUR", per="oxide", values=(restated,))
    newest = lane.events[-1]
    time = newest.time - timedelta(seconds=seconds)
    return replace(newest, lane=LANE + 1, position=1, time=time, data=fact), fact


def test_the_memory_of_an_audit_does_not_grow_with_the_agreements() -> None:
    """Of forty agreements as of ten: they stand in the shelf's file."""
    audit = LaneAudit(KEY, DEPLOYMENT, BY_CERTIFICATE, repeats=Repeats(window=16))
    head, position = genesis(DEPLOYMENT, *KEY), 0
    held: list[int] = []
    tracemalloc.start()
    try:
        for number in range(41):
            for event in journey("difference").events:
                if number and isinstance(event.data, IndexPublished):
                    continue
                position += 1
                body = event.body.replace(b'"position":%d,' % event.position, b'"position":%d,' % position)
                body = body.replace(b"00000001388", b"%011x" % (0x1388_0000 + number))
                head = next_head(head, body)
                audit.feed(LaneRecord(offset=position, body=body, chain=head.hex()))
            if number in (10, 40):
                held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    verdict = audit.verdict()
    assert (None, 41) == (verdict.divergence, verdict.agreements)
    assert held[1] - held[0] < 64 * 1024, held


def with_a_gap(*formers: FormerBalances | None) -> ContractLane:
    """Nothing is ever taken, and make-up is for three years. The clause is left out for year 2; years 3 and 4
    are assessed by these rules."""
    clause = replace(TAKE_OR_PAY, makeup_years=3)
    terms = agreement_terms(
        term=TermClause(starts_on=date(2027, 1, 1), years=4),
        volume=FixedVolume(acq_g=(100 * TONNE_G,) * 4),
        price=FlatPrice(price_micro_per_kg=75 * MICRO),
        take_or_pay=clause,
        conditions=(),
    )
    lane = ContractLane().draft(terms, by="seller").sign().on(date(2028, 1, 2)).pass_time()
    lane.propose("buyer", replace(terms, take_or_pay=None)).sign()
    lane.on(date(2029, 1, 2)).pass_time().propose("buyer", terms).sign()
    for year, lane.former in zip((2030, 2031), formers, strict=True):
        lane.on(date(year, 1, 2)).pass_time()
    return lane


EACH_CENTS = 540_000_000
"""80 t that were not taken, at 90 % of 75 EUR/kg."""


@pytest.mark.parametrize(
    ("formers", "counted", "balances_cents", "expired_cents"),
    [
        ((None, None), 0, (EACH_CENTS, 2 * EACH_CENTS, 2 * EACH_CENTS), EACH_CENTS),
        (("year_before", None), 1, (EACH_CENTS, EACH_CENTS, 2 * EACH_CENTS), EACH_CENTS),
        (("year_before", "newest_ledger"), 2, (EACH_CENTS, EACH_CENTS, 2 * EACH_CENTS), 0),
    ],
)
def test_ledgers_of_a_former_rule_are_taken_and_told_and_the_next_one_takes_up_what_they_left(
    formers: tuple[FormerBalances | None, ...],
    counted: int,
    balances_cents: tuple[int, ...],
    expired_cents: int,
) -> None:
    lane = with_a_gap(*formers)
    verdict = audited(lane.records())
    assert verdict.divergence is None, verdict.divergence.sentence
    ledgers = [event for event in lane.events if isinstance(event.data, YearAssessed)]
    found = [event.data.ledger for event in lane.events if isinstance(event.data, YearAssessed)]
    assert [1, 3, 4] == [ledger.year for ledger in found]
    assert balances_cents == tuple(ledger.make_up_balance_cents for ledger in found)
    assert expired_cents == found[-1].make_up_expired_cents
    if not counted:
        assert verdict.former_rule is None
        return
    newest = ledgers[counted]
    assert FormerRule(facts=counted, position=newest.position, time=newest.time) == verdict.former_rule
    unused = statement(lane.stands, lane.volumes, {}).unused
    assert unused is not None
    assert 3 * EACH_CENTS == unused.make_up_cents + sum(ledger.make_up_expired_cents for ledger in found)
    forged = replace(found[1], make_up_balance_cents=EACH_CENTS - 1)
    place = ledgers[1].position - 1
    records = rechained(
        lane.records(),
        place,
        body_of(ledgers[1], YearAssessed(market=MARKET, agreement=lane.stands.agreement, ledger=forged)),
    )
    assert (ledgers[1].position, "contract") == (divergence_of(records).position, divergence_of(records).kind)


def test_figures_beyond_what_an_oxide_holds_are_taken_as_of_before_and_told() -> None:
    """Nd 75 % and Pr 24.5 % come to 116 % of oxides; what follows from them is computed on."""
    over = {"Nd": 75 * PERCENT_PPB, "Pr": 245_000_000}
    lane = ContractLane().on(date(2027, 1, 1)).draft(FLAT, kind="spot").sign()
    lane.oxides_asked = False
    lane.ship(stated=figures(**over)).weigh().lodge("seller", **over).lodge("buyer", **NDPR)
    lane.umpire(90_000, "seller", **over)
    newest = lane.events[-1]
    assert isinstance(newest.data, UmpireDecided)
    lane.on(date(2027, 1, 20)).accept().settle()
    verdict = audited(lane.records())
    assert (None, 1) == (verdict.divergence, verdict.invoices)
    assert FormerRule(facts=3, position=newest.position, time=newest.time) == verdict.former_rule
    within = ContractLane().on(date(2027, 1, 1)).draft(FLAT, kind="spot").sign().ship()
    assert audited(within.records()).former_rule is None


@pytest.mark.parametrize("before", [True, False])
def test_an_objection_of_before_that_shows_no_document_is_taken_and_told(*, before: bool) -> None:
    lane = ContractLane().on(date(2027, 1, 1)).draft(FLAT, kind="spot").sign()
    lane.ship(stated=figures(**NDPR)).weigh().lodge("seller", **NDPR)
    lane.lodge("buyer", **NDPR | {"Nd": 55 * PERCENT_PPB}).umpire(90_000, Nd=58 * PERCENT_PPB)
    lane.of_before = before
    objected = lane.object_to_umpire().events[-1]
    assert isinstance(objected.data, UmpireObjected)
    assert before is not bool(objected.data.evidence)
    verdict = audited(lane.records())
    former = FormerRule(facts=1, position=objected.position, time=objected.time)
    assert (None, former if before else None) == (verdict.divergence, verdict.former_rule)


@pytest.mark.parametrize("told", [False, True])
def test_a_call_of_before_that_says_nothing_of_a_broken_limit_is_taken_and_told(*, told: bool) -> None:
    limited = replace(FLAT.product, limits=(AnalyteLimit(analyte="Nd", max_ppb=59 * PERCENT_PPB),))
    lane = ContractLane().on(date(2027, 1, 1)).draft(replace(FLAT, product=limited), kind="spot").sign()
    lane.ship().weigh().lodge("seller", **NDPR).lodge("buyer", **NDPR)
    lane.of_before = not told
    called = lane.on(date(2027, 3, 1)).pass_delivery().events[-1]
    assert isinstance(called.data, BuyerCalled)
    assert told is (called.data.broken is not UNSET)
    lane.of_before = False
    lane.on(date(2027, 4, 1)).pass_delivery()
    verdict = audited(lane.records())
    former = FormerRule(facts=1, position=called.position, time=called.time)
    assert (None, None if told else former) == (verdict.divergence, verdict.former_rule)
    forged = replace(called.data, broken=("above_max:Nd 99 % > 59 %",))
    records = rechained(lane.records(), called.position - 1, body_of(called, forged))
    assert (called.position, "contract") == (divergence_of(records).position, divergence_of(records).kind)


@pytest.mark.parametrize("before", [True, False])
def test_a_return_of_before_has_no_day_and_a_silent_one_ends_by_the_operators_word(*, before: bool) -> None:
    lane = ContractLane().on(date(2027, 1, 1)).draft(FLAT, kind="spot").sign()
    lane.ship().weigh().lodge("seller", **NDPR).lodge("buyer", **NDPR).accept().settle()
    lane.of_before = before
    declared = lane.declare_return(1_000_000).events[-1]
    lane.of_before = False
    if before:
        lane.settle_return("buyer", "falls")
    else:
        lane.on(date(2027, 2, 1)).contest_return("buyer").settle_return("operator")
    verdict = audited(lane.records())
    former = FormerRule(facts=1, position=declared.position, time=declared.time)
    assert (None, former if before else None) == (verdict.divergence, verdict.former_rule)


PREMIUM = SustainabilityClause(
    profile=SustainabilityProfile(eu_origin_ueur_per_kg=2 * MICRO, cap_ueur_per_kg=9 * MICRO),
    rule_set=rule_set(),
)


@pytest.mark.parametrize("waits", [False, True])
def test_a_premium_that_silence_was_paid_stays_paid_and_is_told(*, waits: bool) -> None:
    """By its provisional invoice, or, where its index had no value yet, by its final one."""
    assert isinstance(SPOT.price, IndexedPrice)
    terms = replace(SPOT, price=IndexedPrice(index=SPOT.price.index, sustainability=PREMIUM))
    lane = ContractLane().on(date(2027, 2, 10)).draft(terms, kind="spot").sign()
    if not waits:
        lane.publish(OXIDE, IN_EUR, quoted(date(2027, 1, 1), 60 * MICRO))
    lane.silence_paid = not waits
    lane.ship(net_wet_g=TONNE_G)
    priced = lane.events[-1]
    lane.silence_paid = False
    lane.weigh(TONNE_G).lodge("seller", **NDPR).lodge("buyer", **NDPR)
    lane.on(date(2027, 3, 2)).publish(OXIDE, IN_EUR, quoted(date(2027, 2, 1), 60 * MICRO)).accept()
    lane.silence_paid = waits
    lane.settle()
    priced = lane.events[-1] if waits else priced
    lane.silence_paid = False
    (final, *_) = lane.invoices[0].lines
    assert 2 * MICRO == {term.rule: term.micro_per_kg for term in final.terms}["origin.1"]
    restated = replace(quoted(date(2027, 2, 1), 61 * MICRO), published_at=lane.now)
    lane.on(date(2027, 3, 4)).publish(OXIDE, IN_EUR, restated).restate()
    (difference,) = lane.invoices[1].lines
    assert MICRO == difference.price_micro_per_kg
    verdict = audited(lane.records())
    assert verdict.divergence is None, verdict.divergence.sentence
    assert FormerRule(facts=1, position=priced.position, time=priced.time) == verdict.former_rule


def test_a_shipment_that_no_value_could_price_is_held_against_what_was_published() -> None:
    lane = ContractLane().on(date(2027, 2, 10)).draft(SPOT, kind="spot").sign().ship(net_wet_g=TONNE_G)
    shipped = lane.events[-1]
    assert isinstance(shipped.data, DeliveryShipped)
    lane.on(date(2027, 3, 2)).publish(OXIDE, IN_EUR, quoted(date(2027, 2, 1), 60 * MICRO))
    lane.on(date(2027, 3, 3)).ship(net_wet_g=TONNE_G)
    assert audited(lane.records()).divergence is None
    priced = lane.events[-1]
    assert isinstance(priced.data, DeliveryShipped)
    assert (0, 1) == (len(shipped.data.lines), len(priced.data.lines))
    forged = replace(priced.data, lines=())
    records = rechained(lane.records(), priced.position - 1, body_of(priced, forged))
    assert (priced.position, "contract") == (divergence_of(records).position, divergence_of(records).kind)


RECYCLED = DeliveryEvidence(recycled=RecycledContent(post_consumer_ppb=PPB))


def of_match() -> tuple[ContractLane, Recorded, MatchConfirmed]:
    """A spot contract as the follower makes it, with the event that it follows on."""
    fact = confirmed(replace(GIVEN, penalties=(), terms=()))
    lane = ContractLane()
    cause = replace(offtake().events[0], id=numbered(77), time=NOW, data=fact)
    lane.record(from_match(LANE, fact, lane.moment), "seller", cause=str(cause.id))
    return lane, cause, fact


def test_a_contract_of_a_match_is_what_the_match_says() -> None:
    lane, cause, fact = of_match()
    shelf = AuditShelf(market_read=True)
    shelf.keep_match(cause, fact)
    assert audited(lane.records(), shelf).divergence is None
    again = audited(lane.records(), shelf).divergence
    assert again is not None
    assert f"confirms no match {fact.match}" in again.sentence


@pytest.mark.parametrize("pieces_as_bulk", [False, True])
def test_a_draft_that_assays_pieces_as_bulk_is_taken_as_of_before_and_told(*, pieces_as_bulk: bool) -> None:
    _, cause, _ = of_match()
    rule = PenaltyRule(analyte="Cl", threshold_ppb=100_000, step_ppb=100_000, ueur_per_kg_per_step=MICRO)
    fact = confirmed(replace(GIVEN, goods=AgreedGoods(pieces=1_000), penalties=(rule,), terms=()))
    lane, cause = ContractLane(), replace(cause, data=fact)
    decided = from_match(LANE, fact, lane.moment, pieces_as_bulk=pieces_as_bulk)
    lane.record(decided, "seller", cause=str(cause.id))
    shelf = AuditShelf(market_read=True)
    shelf.keep_match(cause, fact)
    verdict = audited(lane.records(), shelf)
    assert verdict.divergence is None, verdict.divergence.sentence
    drafted = lane.events[0]
    told = FormerRule(facts=1, position=drafted.position, time=drafted.time)
    assert (told if pieces_as_bulk else None) == verdict.former_rule


def test_more_than_the_match_and_its_tolerance_is_refused_by_its_rule() -> None:
    """Of 5.6 t of basis 2.8 t and 3.36 t have left, its tenth; a gram more would not have."""
    lane, cause, fact = of_match()
    lane.ship(form="swarf", net_wet_g=3_500_000, evidence=RECYCLED)
    lane.ship(form="swarf", net_wet_g=4_200_000, evidence=RECYCLED)
    last = lane.events[-1].data
    assert isinstance(last, DeliveryShipped)
    over = body_of(lane.events[-1], replace(last, net_wet_g=last.net_wet_g + 2))
    for records, expected in (
        (lane.records(), None),
        (rechained(lane.records(), len(lane.events) - 1, over), "quantity_of_match_passed"),
    ):
        shelf = AuditShelf(market_read=True)
        shelf.keep_match(cause, fact)
        found = audited(records, shelf).divergence
        assert (expected is None) == (found is None)
        assert found is None or f"is refused by its rule: {expected}" in found.sentence


def test_a_price_that_is_not_the_matchs_is_named_with_both() -> None:
    lane, cause, fact = of_match()
    drafted = lane.events[0].data
    assert isinstance(drafted, AgreementDrafted)
    assert isinstance(drafted.terms.price, MatchedPrice)
    dearer = replace(drafted.terms, price=replace(drafted.terms.price, price_micro_per_kg=57_421_903))
    records = rechained(lane.records(), 0, body_of(lane.events[0], replace(drafted, terms=dearer)))
    shelf = AuditShelf(market_read=True)
    shelf.keep_match(cause, fact)
    found = audited(records, shelf).divergence
    assert found is not None
    assert ("terms/price/price_micro_per_kg", "57421903", "57421902") == (
        found.field,
        found.recorded,
        found.expected,
    )


def test_a_match_whose_lane_was_not_read_to_its_end_proves_nothing() -> None:
    lane, _, _ = of_match()
    broken_off = AuditShelf(market_read=True)
    broken_off.break_off(LANE)
    for shelf in (AuditShelf(), broken_off):
        assert audited(lane.records(), shelf).divergence is None


def with_body(lane: ContractLane, place: int, fact: Struct) -> Divergence:
    return divergence_of(rechained(lane.records(), place, body_of(lane.events[place], fact)))


def test_what_no_command_could_have_asked_for_is_named() -> None:
    lane = ContractLane().draft(TERMS).sign("seller")
    drafted = lane.events[0].data
    assert isinstance(drafted, AgreementDrafted)
    assert "nobody proposed it" in with_body(lane, 0, replace(drafted, proposed_by=None)).sentence
    assert "drafted twice" in with_body(lane, 1, drafted).sentence
    ended = journey("offtake")
    place, last = next(
        (place, event.data)
        for place, event in enumerate(ended.events)
        if isinstance(event.data, AgreementTerminated)
    )
    bored = with_body(ended, place, replace(last, reason="boredom"))
    assert "no side ends an agreement for boredom" in bored.sentence
    place, invoice = next(
        (place, event.data)
        for place, event in enumerate(ended.events)
        if isinstance(event.data, InvoiceSettled) and event.data.settles == "final"
    )
    loose = with_body(ended, place, replace(invoice, delivery=None))
    assert "settles neither a delivery nor a quarter" in loose.sentence
    unknown = with_body(ended, place, replace(invoice, delivery=numbered(9)))
    assert "delivery_unknown" in unknown.sentence


def test_ten_years_of_monthly_deliveries_are_computed_again() -> None:
    """1,200 t a year are nominated; 120 lots of 80 t are settled, so that 120 t of each year are owed."""
    terms = agreement_terms(
        term=TermClause(starts_on=date(2027, 1, 1), years=10),
        volume=FixedVolume(acq_g=(1_200 * TONNE_G,) * 10),
        price=FlatPrice(price_micro_per_kg=75 * MICRO),
        take_or_pay=replace(TAKE_OR_PAY, top_ppb=90 * PERCENT_PPB, makeup_years=1),
        assay=AssayClause(umpire=UMPIRE),
        conditions=(),
    )
    lane = ContractLane().draft(terms).sign()
    for year in range(2027, 2037):
        for month in range(1, 13):
            lane.on(date(year, month, 15)).pass_time()
            lane.ship(net_wet_g=100 * TONNE_G).weigh(100 * TONNE_G).accept().settle()
    verdict = audited(lane.on(date(2037, 1, 1)).pass_time().records())
    assert verdict.divergence is None, verdict.divergence.sentence
    assert (120, 120 + 10, 10) == (verdict.deliveries, verdict.invoices, verdict.years)
    ledgers = [year.ledger for year in lane.volumes.years.values() if year.ledger is not None]
    assert [120 * TONNE_G] * 10 == [ledger.deficiency_g for ledger in ledgers]
    assert ("expired", 120 * TONNE_G) == (lane.stands.status, ledgers[-1].make_up_balance_g)
