"""What a reader of the topic of checkpoints believes, and every way in which a signer could be dishonest."""

from collections.abc import Sequence

import pytest

from events.checkpoints import (
    Checkpoint,
    Cosigned,
    Rotated,
    Signed,
    encode_hashes,
    encode_message,
    lane_of_origin,
    lane_origin,
    parse_checkpoint,
    public_size,
    rotated_to,
    rotation,
)
from events.decision import LaneKey
from events.head_ledger import Fault, Head, Ignored, Ledger, Witnessed
from events.merkle import EMPTY_ROOT, consistency_spans, grown, leaf_hash, root_span, span_root, span_roots
from events.notes import Algorithm, NoteError, SigningKey, parse_note, signed
from market.audit.sealed_proof import ProofError, check_head

LANE = LaneKey("market", 3)
OTHER = LaneKey("contracts", 3)


def key(
    name: str = "exchange.example", seed: int = 1, algorithm: Algorithm = Algorithm.ED25519
) -> SigningKey:
    return SigningKey(name=name, algorithm=algorithm, seed=bytes([seed]) * 32)


OPERATOR = key()
SECOND = key(seed=2)
WITNESS = key("witness.example", 3, Algorithm.COSIGNATURE)


def leaves(count: int, word: str = "event") -> list[bytes]:
    return [leaf_hash(f"{word} {number}".encode()) for number in range(count)]


def head_of(
    hashes: Sequence[bytes], old_size: int = 0, *, by: SigningKey = OPERATOR, lane: LaneKey = LANE
) -> Signed:
    tiles = grown({}, 0, hashes)
    root = span_root(root_span(len(hashes)), tiles)
    text = Checkpoint(origin=lane_origin(by.name, lane), size=len(hashes), root=root).text
    proof = span_roots(consistency_spans(old_size, len(hashes)), tiles)
    return Signed(note=signed(text, [by.sign(text)]), old_size=old_size, proof=encode_hashes(proof))


def fed(*messages: Signed | Cosigned | Rotated, ledger: Ledger | None = None) -> list[object]:
    known = ledger or Ledger(OPERATOR.verifier)
    return [known.feed(encode_message(message)) for message in messages]


def kinds(found: Sequence[object]) -> list[str]:
    return [each.kind if isinstance(each, Fault) else type(each).__name__ for each in found]


def cosigned(message: Signed, by: SigningKey = WITNESS, at: int = 1_700_000_000) -> Cosigned:
    note = parse_note(message.note)
    lines = [each.line for each in note.signatures]
    return Cosigned(note=signed(note.text, [*lines, by.cosign(note.text, at)]), witness=by.verifier.text)


def test_heads_that_continue_are_believed_and_repeats_say_nothing() -> None:
    ledger = Ledger(OPERATOR.verifier)
    first, second = head_of(leaves(3)), head_of(leaves(10), 3)
    elsewhere = head_of(leaves(2), lane=OTHER)
    found = fed(first, second, first, second, elsewhere, ledger=ledger)
    assert ["Head", "Head", "Repeat", "Repeat", "Head"] == kinds(found)
    assert [OTHER, LANE] == ledger.lanes()
    newest = ledger.newest(LANE)
    assert newest is not None
    assert (10, 3) == (newest.checkpoint.size, newest.old_size)
    assert newest.checkpoint.root == ledger.root_at(LANE, 10)
    assert EMPTY_ROOT == ledger.root_at(LANE, 0)
    assert ledger.root_at(LANE, 7) is None


def test_two_heads_of_one_size_are_named() -> None:
    found = fed(head_of(leaves(5)), head_of(leaves(5, "other")))
    assert ["Head", "two_heads"] == kinds(found)
    assert isinstance(found[1], Fault)
    assert "two heads of market/3 at 5 events" in found[1].sentence
    assert LANE == found[1].lane


@pytest.mark.parametrize(
    "second",
    [
        head_of(leaves(9, "other"), 5),
        head_of(leaves(9), 4),
        head_of(leaves(9), 0),
        head_of(leaves(4)),
        Signed(note=head_of(leaves(9), 5).note, old_size=5, proof=()),
    ],
)
def test_a_head_that_is_not_shown_to_continue_the_last_is_named(second: Signed) -> None:
    assert ["Head", "inconsistent"] == kinds(fed(head_of(leaves(5)), second))


def test_a_first_head_has_to_begin_with_the_empty_lane() -> None:
    assert ["inconsistent"] == kinds(fed(head_of(leaves(9), 5)))


def test_a_head_of_a_lane_that_the_deployment_does_not_have_is_named() -> None:
    text = Checkpoint(origin="elsewhere.example/market/3", size=0, root=EMPTY_ROOT).text
    message = Signed(note=signed(text, [OPERATOR.sign(text)]), old_size=0, proof=())
    assert ["foreign_lane"] == kinds(fed(message))


def test_a_forged_checkpoint_is_named_and_a_strangers_is_nobodys() -> None:
    honest = head_of(leaves(5))
    forged = Signed(note=honest.note.replace("\n5\n", "\n6\n"), old_size=honest.old_size, proof=honest.proof)
    stranger = head_of(leaves(5), by=key(seed=9))
    assert ["forged", "Ignored", "Head"] == kinds(fed(forged, stranger, honest))


def test_what_is_no_message_is_ignored() -> None:
    ledger = Ledger(OPERATOR.verifier)
    for value in (b"", b"{}", b"[" * 100_000, b'{"kind":"checkpoint","note":"a","old_size":0,"proof":[]}'):
        assert isinstance(ledger.feed(value), Ignored)
    head = head_of(leaves(5))
    text = "exchange.example/market/3\n05\nnone\n"
    assert ["Ignored"] == kinds(fed(Signed(note=signed(text, [OPERATOR.sign(text)]), old_size=0, proof=())))
    assert ["Ignored"] == kinds(fed(Signed(note=head.note, old_size=0, proof=("*" * 44,))))


def test_cosignatures_count_when_they_hold_and_the_operator_signed_the_same() -> None:
    ledger = Ledger(OPERATOR.verifier)
    head, other = head_of(leaves(5)), head_of(leaves(5, "other"))
    found = fed(cosigned(head), head, cosigned(head), cosigned(other), ledger=ledger)
    assert ["Ignored", "Head", "Witnessed", "Ignored"] == kinds(found)
    seen = found[2]
    assert isinstance(seen, Witnessed)
    assert (WITNESS.verifier, 1_700_000_000, 5) == (seen.witness, seen.timestamp, seen.checkpoint.size)
    claimed = Cosigned(note=cosigned(head).note, witness=key("w2", 4, Algorithm.COSIGNATURE).verifier.text)
    not_a_witness = Cosigned(note=head.note, witness=OPERATOR.verifier.text)
    unreadable = Cosigned(note=head.note, witness="none")
    assert ["Ignored"] * 3 == kinds(fed(claimed, not_a_witness, unreadable, ledger=ledger))


def test_a_key_hands_over_to_the_next_and_signs_no_more() -> None:
    ledger = Ledger(OPERATOR.verifier)
    handing = Rotated(note=rotation(OPERATOR, SECOND))
    first = head_of(leaves(3))
    found = fed(
        first,
        head_of(leaves(4), 3, by=SECOND),
        handing,
        head_of(leaves(5), 3, by=SECOND),
        head_of(leaves(6), 5),
        handing,
        first,
        ledger=ledger,
    )
    expected = ["Head", "Ignored", "HandedOver", "Head", "retired_key", "Repeat", "Repeat"]
    assert expected == kinds(found)
    assert SECOND.verifier == ledger.operator
    assert [OPERATOR.verifier] == ledger.retired


def test_a_rotation_needs_both_signatures_and_the_same_name() -> None:
    text = rotation(OPERATOR, SECOND).partition("\n\n")[0] + "\n"
    for signers in ([OPERATOR], [SECOND]):
        note = signed(text, [each.sign(text) for each in signers])
        with pytest.raises(NoteError, match="by the old key and by the new one"):
            rotated_to(note, OPERATOR.verifier)
        assert ["Ignored"] == kinds(fed(Rotated(note=note)))
    with pytest.raises(NoteError, match="its own name"):
        rotated_to(rotation(OPERATOR, key("thief.example", 9)), OPERATOR.verifier)
    assert rotated_to(rotation(SECOND, OPERATOR), OPERATOR.verifier) is None
    assert SECOND.verifier == rotated_to(rotation(OPERATOR, SECOND), OPERATOR.verifier)


def test_a_ledger_keeps_the_newest_heads_only() -> None:
    ledger = Ledger(OPERATOR.verifier, heads_max=2)
    heads = [head_of(leaves(size), size - 1) for size in range(1, 6)]
    fed(*heads, ledger=ledger)
    assert [None, None, None] == [ledger.root_at(LANE, size) for size in (1, 2, 3)]
    assert ["Repeat", "Repeat"] == kinds(fed(heads[0], heads[4], ledger=ledger))


def test_a_recalled_head_is_where_a_reader_goes_on() -> None:
    ledger, later = Ledger(OPERATOR.verifier), Ledger(OPERATOR.verifier)
    (head,) = fed(head_of(leaves(5)), ledger=ledger)
    assert isinstance(head, Head)
    later.recall(head)
    assert ["Head"] == kinds(fed(head_of(leaves(8), 5), ledger=later))


@pytest.mark.parametrize(
    "text",
    [
        "a\n1\n",
        "\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n-1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n9999999999999999999\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n1\nCsUYapGGPo4dkMg=\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\nmore\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        parse_checkpoint(text)


def test_everybody_may_know_of_every_64th_event() -> None:
    assert [0, 0, 64, 64, 128] == [public_size(size) for size in (0, 63, 64, 127, 128)]


def test_the_published_checkpoint_is_read() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    found = parse_checkpoint(text)
    assert ("example.com/behind-the-sofa", 20_852_163, text) == (found.origin, found.size, found.text)


def test_origins_name_lanes() -> None:
    assert LANE == lane_of_origin("exchange.example", lane_origin("exchange.example", LANE))
    for origin in ("exchange.example", "exchange.example/market/03", "exchange.example/none/3", "x/market/3"):
        assert lane_of_origin("exchange.example", origin) is None


def test_any_key_of_the_operator_checks_a_file_that_holds_its_rotations() -> None:
    old, new = head_of(leaves(3), by=OPERATOR), head_of(leaves(3), by=SECOND)
    handed, thief = rotation(OPERATOR, SECOND), key(seed=9)
    for given in (OPERATOR.verifier, SECOND.verifier):
        for head in (old, new):
            assert 3 == check_head(head.note, [handed], given, []).checkpoint.size
    text = rotation(thief, SECOND).partition("\n\n")[0] + "\n"
    stolen = signed(text, [thief.sign(text)])
    by_thief = head_of(leaves(3), by=thief)
    for head, rotations in ((by_thief, []), (by_thief, [stolen]), (old, [])):
        with pytest.raises(ProofError, match=r"from before a rotation .* key of then, or fetch it again"):
            check_head(head.note, rotations, SECOND.verifier, [])
    assert 3 == check_head(old.note, [], OPERATOR.verifier, []).checkpoint.size
