"""Signed notes as C2SP writes them: the published example, keys as words, cosignatures, no notes."""

from base64 import b64encode

import pytest

from events.notes import (
    NOTE_CHARACTERS_MAX,
    SIGNATURES_MAX,
    Algorithm,
    NoteError,
    SigningKey,
    check_name,
    parse_note,
    signed,
    signing_key,
    verifier_key,
)

# The example of the format's first implementation, golang.org/x/mod/sumdb/note.
SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PUBLIC = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
LINE = (
    "— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
)

# The example of c2sp.org/tlog-cosignature.
COSIGNED = (
    "example.com/behind-the-sofa\n"
    "20852163\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "— example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 "
    "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)

WITNESS = SigningKey(name="witness.example/w1", algorithm=Algorithm.COSIGNATURE, seed=bytes(range(32)))


def test_the_published_example_is_made_and_verified() -> None:
    key = signing_key(SECRET)
    assert PUBLIC == key.verifier.text
    assert SECRET == key.secret_text
    assert LINE == key.sign(TEXT)
    note = parse_note(signed(TEXT, [LINE]))
    assert TEXT == note.text
    assert note.signed_by(verifier_key(PUBLIC)) is True


def test_a_changed_text_or_signature_is_not_signed() -> None:
    key = verifier_key(PUBLIC)
    assert parse_note(signed(TEXT.replace("answer", "ANSWER"), [LINE])).signed_by(key) is False
    assert parse_note(signed(TEXT, [LINE.replace("UG/Sff", "UG/Sfg")])).signed_by(key) is False
    assert parse_note(signed(TEXT, [LINE, LINE.replace("UG/Sff", "UG/Sfg")])).signed_by(key) is False


def test_signatures_of_unknown_keys_are_ignored() -> None:
    other = SigningKey(name="PeterNeumann", algorithm=Algorithm.ED25519, seed=bytes(32))
    note = parse_note(signed(TEXT, [other.sign(TEXT), LINE]))
    assert note.signed_by(verifier_key(PUBLIC)) is True
    assert note.signed_by(other.verifier) is True
    assert parse_note(signed(TEXT, [other.sign(TEXT)])).signed_by(verifier_key(PUBLIC)) is None


def test_a_published_cosignature_reads_as_it_is_described() -> None:
    log, witness = parse_note(COSIGNED).signatures
    assert ("example.com/behind-the-sofa", 64) == (log.name, len(log.signature))
    assert ("witness.example.com/w1", "8d66cf3f") == (witness.name, witness.key_id.hex())
    assert 1679315147 == int.from_bytes(witness.signature[:8])
    assert COSIGNED == signed(parse_note(COSIGNED).text, [log.line, witness.line])


def test_a_cosignature_holds_for_its_text_and_its_time() -> None:
    text = parse_note(COSIGNED).text
    line = WITNESS.cosign(text, 1_700_000_000)
    note = parse_note(signed(text, [line, WITNESS.cosign(text, 1_700_000_009)]))
    assert 1_700_000_009 == note.cosigned_at(WITNESS.verifier)
    assert (
        parse_note(signed(text.replace("20852163", "20852164"), [line])).cosigned_at(WITNESS.verifier) is None
    )
    stamp = note.signatures[0]
    later = (1_700_000_001).to_bytes(8) + stamp.signature[8:]
    forged = f"— {stamp.name} {b64encode(stamp.key_id + later).decode()}"
    assert parse_note(signed(text, [forged])).cosigned_at(WITNESS.verifier) is None
    early = b"\xff" * 8 + stamp.signature[8:]
    endless = f"— {stamp.name} {b64encode(stamp.key_id + early).decode()}"
    assert parse_note(signed(text, [endless])).cosigned_at(WITNESS.verifier) is None
    assert parse_note(signed(TEXT, [LINE])).cosigned_at(verifier_key(PUBLIC)) is None


def test_the_same_seed_is_another_key_as_a_witness() -> None:
    as_log = SigningKey(name=WITNESS.name, algorithm=Algorithm.ED25519, seed=WITNESS.seed)
    assert as_log.verifier.id != WITNESS.verifier.id
    assert WITNESS.verifier == verifier_key(WITNESS.verifier.text)


@pytest.mark.parametrize(
    "value",
    [
        "",
        TEXT,
        f"{TEXT}\n",
        f"{TEXT}\n{LINE}",
        f"{TEXT}\n{LINE}\n\n",
        f"{TEXT}\n{LINE[2:]}\n",
        f"{TEXT}\n— PeterNeumann x08=\n",
        f"{TEXT}\n— Peter+Neumann x08go/ZJkuBS9UG/\n",
        f"{TEXT}\n— PeterNeumann x08go/ZJ*uBS9UG/\n",
        f"{TEXT}\n— PeterNeumann x08go/ZJkuBS9UF=\n",
        f"a\tb\n\n{LINE}\n",
        f"{TEXT}\n" + f"{LINE}\n" * (SIGNATURES_MAX + 1),
        "a" * NOTE_CHARACTERS_MAX + f"\n\n{LINE}\n",
    ],
)
def test_what_is_no_note_is_refused(value: str) -> None:
    with pytest.raises(NoteError):
        parse_note(value)


def test_of_all_characters_those_below_the_blank_but_line_feeds_are_refused() -> None:
    refused = set()
    for code in (*range(0x300), 0x2028, 0x10FFFF):
        try:
            parse_note(f"a{chr(code)}b\n\n{LINE}\n")
        except NoteError:
            refused.add(code)
    assert set(range(0x20)) - {0x0A} == refused


def test_a_note_is_as_large_as_its_limits() -> None:
    assert SIGNATURES_MAX == len(parse_note(f"{TEXT}\n" + f"{LINE}\n" * SIGNATURES_MAX).signatures)
    tail = f"\n\n{LINE}\n"
    whole = "a" * (NOTE_CHARACTERS_MAX - len(tail)) + tail
    assert whole.removesuffix(tail) + "\n" == parse_note(whole).text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        PUBLIC.replace("c74f20a3", "c74f20a4"),
        PUBLIC.replace("c74f20a3", "c7 4f 20 a3"),
        PUBLIC[:-4],
        "Peter Neumann" + PUBLIC.removeprefix("PeterNeumann"),
        PUBLIC.replace("+ARpc", "+AhpC"),
    ],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        verifier_key(text)


def test_what_is_wrong_with_a_private_key_is_told_without_it() -> None:
    for text in (PUBLIC, SECRET.replace("c74f20a3", "c74f20a4"), SECRET[:-4]):
        with pytest.raises(NoteError) as told:
            signing_key(text)
        assert "AYEK" not in str(told.value)
    assert "AYEK" not in repr(signing_key(SECRET))
    assert str(signing_key(SECRET).seed) not in repr(signing_key(SECRET))
    with pytest.raises(NoteError):
        check_name("two words")
