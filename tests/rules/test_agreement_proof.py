"""The proof of an agreement, checked from its bytes alone: whole lives that hold, and what is changed."""

from collections.abc import Callable
from datetime import date
from functools import cache
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace

from events.checkpoints import Checkpoint, encode_hashes, lane_origin
from events.contract_events import (
    AgreementAdvanced,
    AgreementDrafted,
    AgreementSigned,
    AgreementTerminated,
    InvoiceSettled,
    YearAssessed,
)
from events.delivery_events import DeliveryShipped
from events.merkle import Span, grown, inclusion_spans, leaf_hash, span_roots
from events.notes import signed
from market.audit.agreement_proof import (
    FORMAT,
    AgreementProof,
    AgreementVerdict,
    ProvenFact,
    check_agreement_proof,
    parse_agreement_proof,
)
from market.audit.sealed_proof import ProofError, SealedEvent
from market.cli.agreement_words import agreement_lines
from tests.contract_journeys import difference, offtake, share
from tests.contract_lane import KEY, ContractLane
from tests.delivery_support import CFD, delivery_terms
from tests.rules.test_checkpoints import OPERATOR, SECOND

Change = Callable[[SealedEvent], SealedEvent]


def proof_of(lane: ContractLane, **changes: object) -> AgreementProof:
    """Of the lane as it stands, for its seller."""
    leaves = [leaf_hash(event.body) for event in lane.events]
    nodes, size = grown({}, 0, leaves), len(leaves)
    (root,) = span_roots([Span(0, size)], nodes)
    text = Checkpoint(origin=lane_origin(OPERATOR.name, KEY), size=size, root=root).text
    proof = AgreementProof(
        format=FORMAT,
        agreement=lane.stands.agreement,
        organisation=lane.stands.seller,
        checkpoint=signed(text, [OPERATOR.sign(text)]),
        rotations=(),
        events=tuple(
            SealedEvent(
                position=event.position,
                leaf=encode_hashes([leaves[event.position - 1]])[0],
                path=encode_hashes(span_roots(inclusion_spans(event.position - 1, size), nodes)),
                body=event.body.decode(),
            )
            for event in lane.events
            if isinstance(event.data, ProvenFact)
        ),
    )
    return replace(proof, **changes)


@cache
def effective() -> ContractLane:
    """The offtake up to its first assessed year, while it stands."""
    whole, lane = offtake(), ContractLane()
    assessed = next(event.position for event in whole.events if isinstance(event.data, YearAssessed))
    assert isinstance(whole.events[assessed].data, InvoiceSettled)
    lane.agreement, lane.events = whole.stands, whole.events[: assessed + 1]
    return lane


def checked(proof: AgreementProof) -> AgreementVerdict:
    return check_agreement_proof(proof, OPERATOR.verifier, [])


def test_an_offtake_is_shown_to_who_has_no_account() -> None:
    lane = effective()
    verdict = checked(proof_of(lane))
    assert (True, None, "effective") == (verdict.binds, verdict.missing, verdict.agreement.status)
    facts = [event.data for event in lane.events]
    assert [each.invoice for each in facts if isinstance(each, DeliveryShipped | InvoiceSettled)] == [
        each.fact.invoice for each in verdict.invoices
    ]
    assert [each.ledger for each in facts if isinstance(each, YearAssessed)] == list(verdict.ledgers)
    told = list(agreement_lines(verdict))
    of = verdict.agreement
    for line in (
        f"seller org_{of.seller.hex}",
        f"buyer org_{of.buyer.hex}",
        "  top_percent: 80 %",
        "  acq_kg: 100000.000 kg, 100000.000 kg, 100000.000 kg, 100000.000 kg",
        "  due_days: 30 days",
        "ledger of contract year 1",
    ):
        assert line in told, line
    assert 2 == sum(line.startswith("  signed as binding by the ") for line in told)
    assert len(verdict.invoices) == sum(", due on " in line for line in told)


@pytest.mark.parametrize("journey", [offtake, difference, share])
def test_whole_lives_hold(journey: Callable[[], ContractLane]) -> None:
    lane = journey()
    verdict = checked(proof_of(lane))
    assert lane.stands == verdict.agreement
    ended = lane.stands.status in ("expired", "terminated")
    assert (not ended, ended) == (verdict.binds, str(verdict.missing).startswith("it has ended"))
    assert ended == (verdict.end is not None)
    if verdict.end is not None:
        told = list(agreement_lines(verdict))
        last = lane.events[verdict.end.position - 1]
        assert (last.time, True) == (verdict.end.time, verdict.end.was_in_force)
        assert isinstance(last.data, AgreementTerminated | AgreementAdvanced)
        assert lane.stands.ended_reason == last.data.reason == verdict.end.reason
        assert 1 == sum(f", position {last.position}: {last.data.reason}" in line for line in told)
    for cut in range(1, len(lane.events)):
        if isinstance(lane.events[cut - 1].data, AgreementDrafted | AgreementSigned):
            early = checked(replace(proof_of(lane), events=proof_of(lane).events[:cut]))
            if early.agreement.standing is None:
                assert "it does not bind: its status is draft" == early.missing
                break


def test_a_shipment_that_nothing_could_price_is_no_invoice() -> None:
    lane = ContractLane().on(date(2027, 1, 1)).draft(delivery_terms(CFD, currency="USD"), kind="spot").sign()
    shipped = lane.on(date(2027, 1, 15)).ship().events[-1].data
    assert isinstance(shipped, DeliveryShipped)
    assert () == shipped.lines
    assert () == checked(proof_of(lane)).invoices


def place_of(lane: ContractLane, kind: type, number: int = 0) -> int:
    """Where in the file the n-th fact of a kind stands."""
    proven = [event for event in lane.events if isinstance(event.data, ProvenFact)]
    return [place for place, event in enumerate(proven) if isinstance(event.data, kind)][number]


def without(proof: AgreementProof, place: int) -> AgreementProof:
    return replace(proof, events=(*proof.events[:place], *proof.events[place + 1 :]))


def changed(proof: AgreementProof, place: int, change: Change) -> AgreementProof:
    event = change(proof.events[place])
    return replace(proof, events=(*proof.events[:place], event, *proof.events[place + 1 :]))


def hidden(event: SealedEvent) -> SealedEvent:
    return replace(event, body=None)


def edited(event: SealedEvent) -> SealedEvent:
    """One digit of its bytes."""
    assert event.body is not None
    at = next(place for place, each in enumerate(event.body) if each.isdigit())
    return replace(event, body=f"{event.body[:at]}{(int(event.body[at]) + 1) % 10}{event.body[at + 1 :]}")


def test_every_event_that_is_edited_or_moved_is_found() -> None:
    proof = proof_of(effective())
    for place, event in enumerate(proof.events):
        lies: list[tuple[Change, str]] = [
            (edited, "do not have the hash"),
            (lambda each: replace(each, position=each.position + 1), "signed root|given twice"),
            (lambda each: replace(each, leaf=each.leaf[::-1]), "cannot be read|do not have the hash"),
            (lambda each: replace(each, path=each.path[1:]), "signed root"),
            (lambda each: replace(each, path=(*each.path[:-1], each.leaf)), "signed root"),
        ]
        for change, told in lies:
            with pytest.raises(ProofError, match=told):
                checked(changed(proof, place, change))
        told = f"of the event at position {event.position} there is only a hash, which may be of anything"
        assert shown(changed(proof, place, hidden)) in (told, shown(without(proof, place)))


def shown(proof: AgreementProof) -> str | None:
    """Why the file proves no agreement that binds, by whatever it fails; None: it does."""
    try:
        return checked(proof).missing
    except ProofError as error:
        return str(error)


def test_what_can_be_cut_out_of_a_file_unseen() -> None:
    """Only what nothing else in it rests on, which the command says of every file."""
    unseen = set()
    for journey in (effective, difference):
        lane = journey()
        proof = proof_of(lane)
        unseen |= {
            lane.events[event.position - 1].type
            for place, event in enumerate(proof.events)
            if shown(without(proof, place)) is None
        }
    assert {
        "contracts.proposal.withdrawn.v1",
        "contracts.agreement.advanced.v1",
        "contracts.force-majeure.ended.v1",
        "contracts.delivery.shipped.v1",
        "contracts.invoice.settled.v1",
    } == unseen


def test_an_amendment_that_is_cut_out_is_found_by_the_next_proposal_alone() -> None:
    """Of the last one nothing in the file tells, whatever was shipped under it: the documents say so."""

    def cut(lane: ContractLane, proposal: int) -> AgreementProof:
        proof = proof_of(lane)
        facts = {event.position: event.data for event in lane.events}
        kept = [each for each in proof.events if getattr(facts[each.position], "proposal", None) != proposal]
        return replace(proof, events=tuple(kept))

    lane, last = offtake(), difference()
    assert "proposal 2 is not shown, and proposal 3 is" == shown(cut(lane, 2))
    verdict = checked(cut(last, 2))
    before, after = verdict.agreement.standing, last.stands.standing
    assert before is not None
    assert after is not None
    assert (True, 1, 2) == (verdict.binds, before.number, after.number)


def test_members_of_the_file_that_are_changed_are_found() -> None:
    lane = effective()
    proof = proof_of(lane)
    other = proof_of(difference())
    lies: list[tuple[AgreementProof, str]] = [
        (replace(proof, agreement=UUID(int=1)), "is of another agreement"),
        (replace(proof, organisation=UUID(int=1)), "is no party of the agreement"),
        (replace(proof, checkpoint=proof.checkpoint.replace("/contracts", "/market")), "does not hold"),
        (replace(proof, checkpoint=other.checkpoint), "signed root"),
        (replace(proof, events=(*proof.events[:1], *proof.events)), "given twice"),
        (replace(proof, events=proof.events[::-1]), "not in the order"),
        (replace(proof, events=(*proof.events, *other.events[-1:])), "signed root|not in the order"),
        (replace(proof, events=tuple(map(hidden, proof.events))), "hashes alone"),
        (without(proof, place_of(lane, AgreementDrafted)), "draft of the agreement is not shown"),
        (without(proof, place_of(lane, DeliveryShipped)), "shipment of its delivery is not shown"),
        (without(proof, place_of(lane, YearAssessed)), "ledger of the year is not"),
    ]
    checked(proof)
    for wrong, told in lies:
        with pytest.raises(ProofError, match=told):
            checked(wrong)
    with pytest.raises(ProofError, match="is not signed by"):
        check_agreement_proof(proof, SECOND.verifier, [])
    with pytest.raises(ProofError, match="has not cosigned"):
        check_agreement_proof(proof, OPERATOR.verifier, [SECOND.verifier])
    whole = msgspec.json.encode(proof)
    assert proof == parse_agreement_proof(whole)
    for raw in (b"", b"{}", whole[:-1], whole + b"{}", whole.replace(b"{", b'{"more":1,', 1)):
        with pytest.raises(ProofError, match="not as its format has it"):
            parse_agreement_proof(raw)
