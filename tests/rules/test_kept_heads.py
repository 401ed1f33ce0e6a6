"""Kept heads against public ones: what is continued, contradicted, or not told yet."""

import msgspec
import pytest

from events.checkpoints import Signed, encode_hashes, encode_message, parse_checkpoint, rotation
from events.merkle import consistency_spans, grown, span_roots
from events.notes import parse_note
from market.audit.kept_heads import Continuation, judge, parse_kept
from market.audit.sealed_proof import ProofError
from tests.rules.test_checkpoints import LANE, OPERATOR, SECOND, cosigned, head_of, leaves

HASHES = leaves(200)
ROOTS = {
    LANE: {size: parse_checkpoint(parse_note(head_of(HASHES[:size]).note).text).root for size in (64, 192)}
}


def proof(old_size: int, new_size: int) -> tuple[bytes, ...]:
    return span_roots(consistency_spans(old_size, new_size), grown({}, 0, HASHES[:new_size]))


def judged(head: Signed, *continuations: Continuation) -> tuple[str, str]:
    found = judge(head.note, OPERATOR.verifier, (), ROOTS, continuations)
    assert (LANE.stream, LANE.lane) == (found.stream, found.lane)
    return found.standing, found.sentence


def test_a_head_of_the_topic_is_continued_and_another_at_its_size_contradicts_it() -> None:
    assert ("continued", "stands on the topic, which continues it to 192 events") == judged(
        head_of(HASHES[:64])
    )
    assert "contradicted" == judged(head_of(leaves(64, "fork")))[0]


def test_a_head_between_is_continued_by_a_proof_alone() -> None:
    head = head_of(HASHES[:70])
    asked = "/v1/checkpoints/market/3/consistency?old_size=70&new_size=192"
    true, false = (
        Continuation(70, 192, proof(70, 192)),
        Continuation(70, 192, proof(70, 192)[:-1] + proof(69, 192)[:1]),
    )
    assert judged(head) == judged(head, false)
    assert "open" == judged(head)[0] and asked in judged(head)[1]
    assert "continued" == judged(head, false, true)[0]
    assert "open" == judged(head_of(leaves(70, "fork")), true)[0]
    assert ("open", "the topic has come to 192 events only: ask again later") == judged(head_of(HASHES))


def test_what_the_operator_has_not_signed_is_no_kept_head() -> None:
    with pytest.raises(ProofError, match="not signed by"):
        judged(head_of(HASHES[:64], by=SECOND))
    after = judge(
        head_of(HASHES[:64], by=SECOND).note, OPERATOR.verifier, [rotation(OPERATOR, SECOND)], ROOTS, ()
    )
    assert "continued" == after.standing


def test_heads_are_found_in_every_answer_that_holds_one() -> None:
    head = head_of(HASHES[:64])
    encode = msgspec.json.encode
    listed = encode({"items": [{"stream": "market", "note": head.note}] * 2, "rotations": []})
    assert [1, 1, 1, 1, 2] == [
        len(parse_kept(raw).notes)
        for raw in (
            head.note.encode(),
            encode_message(head),
            encode_message(cosigned(head)),
            encode({"format": "x", "checkpoint": head.note}),
            listed,
        )
    ]
    answer = {"old_size": 70, "new_size": 192, "proof": encode_hashes(proof(70, 192))}
    assert ((), (Continuation(70, 192, proof(70, 192)),)) == parse_kept(encode(answer))
    for nothing in (b"{}", b"\xff", b'{"items": 1}', encode({"old_size": 3})):
        with pytest.raises(ProofError):
            parse_kept(nothing)
