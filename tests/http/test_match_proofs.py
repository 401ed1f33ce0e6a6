"""Proofs of matches and checkpoints through the door: checked offline, and no third party's field in them."""

import re
from base64 import b64decode
from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
from click.testing import CliRunner
from msgspec import UNSET
from msgspec.structs import replace

from events.merkle import proves_consistency
from events.notes import Algorithm, SigningKey, parse_note
from market.audit.match_proof import (
    FORMAT,
    NAMED,
    WITH_ANSWERS,
    MatchProof,
    ProvenEvent,
    check_proof,
    parse_proof,
)
from market.audit.sealed_proof import ProofError, stated_format
from market.cli.commands import commands
from market.cli.console import CommandFailed, Exit
from market.rules.visibility.proof_visibility import Part
from tests.http.seals import OPERATOR, WITNESS, fill, sealed
from tests.http.shop import Shop
from tests.http.test_matches import struck
from tests.market_drafts import Firm
from tests.sentinels import figure, found, identity

STRANGER = SigningKey(name="witness.example/w2", algorithm=Algorithm.COSIGNATURE, seed=bytes([3]) * 32)


BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


async def taken(shop: Shop, path: str, by: Firm) -> MatchProof:
    answer = await shop.ask("GET", f"{path}/proof", by=by)
    assert 200 == answer.status_code, answer.text
    return parse_proof(answer.content)


def parts(proof: MatchProof) -> dict[str, bool]:
    return {each.part: each.body is not None for each in proof.events}


async def test_before_confirmation_only_ones_own_order_is_shown(shop: Shop, database: Any) -> None:
    path, seller, buyer = await struck(shop)
    await sealed(shop, database)
    for firm, other, secret in ((seller, buyer, 90_000_000), (buyer, seller, 60_000_000)):
        answer = await shop.ask("GET", f"{path}/proof", by=firm)
        proof = parse_proof(answer.content)
        assert {"order": True, "plan": False, "match": False, "clearing": False} == parts(proof)
        verdict = check_proof(proof, OPERATOR.verifier, [WITNESS.verifier])
        assert (WITNESS.name,) == verdict.cosigners
        assert any(told.endswith("unchanged") for told in verdict.proved)
        assert "come to a price that is not shown, 75.000000 EUR/kg" in verdict.stated[-1]
        assert (False, "not_shown", "the file holds no decision of the match") == (
            verdict.shown,
            verdict.deal,
            verdict.missing,
        )
        hidden = [*identity(other.organisation), *identity(other.facility), *figure(secret)]
        hidden += await counter_order(shop, firm)
        assert [] == found(hidden, answer.text)


async def counter_order(shop: Shop, firm: Firm) -> list[str]:
    """Spellings of the order on the other side of the one match."""
    row = await shop.scene.pool.fetchrow("select supply, requirement, seller from match")
    assert row is not None
    return list(identity(row["requirement"] if row["seller"] == firm.organisation else row["supply"]))


async def test_no_salt_but_ones_own_is_shown(shop: Shop, database: Any) -> None:
    """The plan's salt opens the salts of its whole round."""
    path, seller, buyer = await struck(shop)
    await sealed(shop, database)
    events = await shop.scene.events("market")
    for firm in (seller, buyer):
        text = (await shop.ask("GET", f"{path}/proof", by=firm)).text
        shown = {event.position for event in events if event.salt in text}
        assert 1 == len(shown)
        (own,) = [event for event in events if event.position in shown]
        assert firm.organisation == own.data.organisation  # type: ignore[attr-defined]


async def test_when_both_have_confirmed_match_and_confirmation_are_shown(shop: Shop, database: Any) -> None:
    path, seller, buyer = await struck(shop)
    outsider = shop.scene.sellers[1]
    await shop.scene.offer(outsider)
    await sealed(shop, database)
    for firm in (seller, buyer):
        assert 200 == (await shop.ask("POST", f"{path}/confirm", by=firm)).status_code
        early = await shop.ask("GET", f"{path}/proof", by=firm)
        assert (200 if firm is seller else 409) == early.status_code
        if firm is buyer:
            assert ("not_sealed", "10") == (early.json()["code"], early.headers["retry-after"])
    size = await sealed(shop, database)
    for firm in (seller, buyer):
        proof = await taken(shop, path, firm)
        shown = dict.fromkeys(("order", "match", "seller_answer", "buyer_answer", "decision"), True)
        assert shown | {"plan": False, "clearing": False} == parts(proof)
        assert NAMED == proof.format
        second = replace(proof, format=WITH_ANSWERS, parties=UNSET)
        assert "confirmed" == check_proof(second, OPERATOR.verifier, []).deal
        verdict = check_proof(proof, OPERATOR.verifier, [])
        for side, party in (("seller", seller), ("buyer", buyer)):
            (answered,) = (told for told in verdict.proved if f" confirmed as {side} at " in told)
            assert answered.startswith(f"org_{party.organisation.hex} ")
            assert answered.endswith("Z")
        older = replace(
            without(without(proof, "seller_answer"), "buyer_answer"), format=FORMAT, parties=UNSET
        )
        assert "confirmed" == check_proof(older, OPERATOR.verifier, []).deal
        for part, told in (("decision", "holds no decision"), ("match", "itself there is only a hash")):
            rest = check_proof(without(older, part), OPERATOR.verifier, [])
            assert ("not_shown", True) == (rest.deal, told in str(rest.missing))
        assert size == verdict.size
        assert (WITNESS.name,) == verdict.unchecked_cosigners
        assert any(told.startswith("confirmed between") for told in verdict.proved)
        assert "come to the match's price, 75.000000 EUR/kg" in verdict.stated[-1]
        assert (True, "confirmed", None) == (verdict.shown, verdict.deal, verdict.missing)
        text = msgspec.json.encode(proof).decode()
        assert [] == found([*identity(outsider.organisation), *identity(outsider.facility)], text)
        other = buyer if firm is seller else seller
        price = 90_000_000 if firm is seller else 60_000_000
        assert [] == found([*identity(other.facility), *figure(price)], text)


async def test_the_others_sealed_answer_leaves_no_trace(shop: Shop, database: Any) -> None:
    path, seller, buyer = await struck(shop)
    await sealed(shop, database)
    before = await taken(shop, path, buyer)
    await shop.ask("POST", f"{path}/decline", by=seller, body={"reason": "quality"})
    await sealed(shop, database)
    assert before == await taken(shop, path, buyer)
    assert "not_shown" == check_proof(await taken(shop, path, seller), OPERATOR.verifier, []).deal
    await shop.ask("POST", f"{path}/confirm", by=buyer)
    await sealed(shop, database)
    hashes = {"order": True, "plan": False, "match": False, "clearing": False, "decision": False}
    for firm, other, own, deal in (
        (seller, buyer, "seller_answer", "declined"),
        (buyer, seller, "buyer_answer", "not_shown"),
    ):
        proof = await taken(shop, path, firm)
        assert hashes | {own: True} == parts(proof)
        assert deal == check_proof(proof, OPERATOR.verifier, []).deal
        text = msgspec.json.encode(proof).decode()
        assert [] == found([*identity(other.organisation), *await counter_order(shop, firm)], text)


async def test_nobody_else_gets_a_proof(shop: Shop, database: Any) -> None:
    path, *_ = await struck(shop)
    await sealed(shop, database)
    for outsider in (shop.scene.sellers[1], shop.scene.buyers[1]):
        assert 404 == (await shop.ask("GET", f"{path}/proof", by=outsider)).status_code
    for roles in (("operator",), ("auditor",)):
        answer = await shop.ask("GET", f"{path}/proof", by=shop.scene.sellers[1], roles=roles)
        assert 404 == answer.status_code
    assert 401 == (await shop.ask("GET", f"{path}/proof")).status_code


def changed_event(proof: MatchProof, part: str, change: Callable[[ProvenEvent], ProvenEvent]) -> MatchProof:
    return replace(proof, events=tuple(change(each) if each.part == part else each for each in proof.events))


def without(proof: MatchProof, part: str) -> MatchProof:
    return replace(proof, events=tuple(each for each in proof.events if each.part != part))


def relabelled(proof: MatchProof, part: Part, claimed: Part) -> MatchProof:
    """An event of the file given as another, which is left out."""
    return changed_event(without(proof, claimed), part, lambda event: replace(event, part=claimed))


def dearer(event: ProvenEvent) -> ProvenEvent:
    assert event.body is not None
    assert "75000000" in event.body
    return replace(event, body=event.body.replace("75000000", "75000001"))


def respelt(event: ProvenEvent) -> ProvenEvent:
    """The same hash, in base64 that a lax reader would take."""
    last = BASE64[BASE64.index(event.leaf[-2]) + 1]
    assert b64decode(event.leaf) == b64decode(f"{event.leaf[:-2]}{last}=")
    return replace(event, leaf=f"{event.leaf[:-2]}{last}=")


async def test_whatever_is_changed_in_the_file_is_found(shop: Shop, database: Any) -> None:
    path, seller, buyer = await struck(shop)
    for firm in (seller, buyer):
        await shop.ask("POST", f"{path}/confirm", by=firm)
    await sealed(shop, database)
    proof = await taken(shop, path, buyer)
    leaf = next(each.leaf for each in proof.events if each.part == "plan")
    lie: list[tuple[MatchProof, str]] = [
        (replace(proof, checkpoint=proof.checkpoint.replace("/market", "/parties")), "not hold"),
        (replace(proof, checkpoint=proof.checkpoint.replace("\n\n", "\nmore\n\n", 1)), "three lines"),
        (replace(proof, checkpoint="none"), "a note is"),
        (replace(proof, match=UUID(int=1)), "another event"),
        (replace(proof, organisation=UUID(int=1)), "the order is of"),
        (replace(proof, side="seller"), "the order is of"),
        (replace(proof, price_lines=proof.price_lines[:-1]), "the lines come to"),
        (replace(proof, price_lines=proof.price_lines[1:]), "the price begins at"),
        (changed_event(proof, "match", dearer), "do not have the hash"),
        (changed_event(proof, "clearing", lambda e: replace(e, leaf=leaf)), "does not lead"),
        (changed_event(proof, "clearing", lambda e: replace(e, position=e.position + 1)), "does not lead"),
        (changed_event(proof, "clearing", lambda e: replace(e, path=e.path[1:])), "does not lead"),
        (changed_event(proof, "clearing", lambda e: replace(e, path=("*" * 44,))), "cannot be read"),
        (changed_event(proof, "clearing", respelt), "cannot be read"),
        (replace(proof, events=tuple(replace(each, body=None) for each in proof.events)), "alone may be of"),
        (changed_event(proof, "decision", lambda e: replace(e, part="match")), "same part"),
        (relabelled(proof, "decision", "match"), "another event"),
        (relabelled(proof, "match", "order"), "another event"),
        (relabelled(proof, "match", "decision"), "another event"),
        (replace(proof, format=FORMAT), "holds no answers"),
        (without(proof, "seller_answer"), "seller_answer is not shown"),
        (relabelled(proof, "seller_answer", "buyer_answer"), "another event"),
        (relabelled(proof, "decision", "buyer_answer"), "another event"),
        (replace(proof, format=WITH_ANSWERS), "third format of a proof names parties"),
        (replace(proof, parties=UNSET), "third format of a proof names parties"),
    ]  # fmt: skip
    check_proof(proof, OPERATOR.verifier, [WITNESS.verifier])
    for wrong, told in lie:
        with pytest.raises(ProofError, match=told):
            check_proof(wrong, OPERATOR.verifier, [])
    with pytest.raises(ProofError, match="w2 has not cosigned"):
        check_proof(proof, OPERATOR.verifier, [STRANGER.verifier])
    with pytest.raises(ProofError, match="is not signed by"):
        check_proof(proof, SigningKey(name="x", algorithm=Algorithm.ED25519, seed=bytes(32)).verifier, [])
    whole = msgspec.json.encode(proof)
    many = msgspec.json.encode(replace(proof, rotations=("x",) * 1_001))
    for raw in (b"", b"{}", b"[" * 100_000, whole + b"{}", many, b" " * 20_000_000 + whole):
        with pytest.raises(ProofError):
            parse_proof(raw)
    for raw in (msgspec.json.encode(replace(proof, events=())), whole.replace(b"{", b'{"more":1,', 1)):
        with pytest.raises(ProofError):
            parse_proof(raw)


async def test_the_command_checks_a_file_without_any_connection(
    shop: Shop, database: Any, tmp_path: Any
) -> None:
    path, seller, buyer = await struck(shop)
    await sealed(shop, database)
    file = tmp_path / "match.proof.json"
    file.write_bytes((await shop.ask("GET", f"{path}/proof", by=seller)).content)
    keys = ["--key", OPERATOR.verifier.text, "--witness", WITNESS.verifier.text]
    checked = ["audit", "proof", str(file), *keys]
    with pytest.raises(CommandFailed) as failed:
        CliRunner().invoke(commands, ["audit", "receipt", str(file), *keys], catch_exceptions=False)
    assert failed.value.sentence.endswith("is a match's proof: use `lodestone audit proof`")
    assert Exit.INVALID_INPUT == failed.value.code
    with pytest.raises(CommandFailed, match="shows no confirmed deal: the file holds no decision") as failed:
        CliRunner().invoke(commands, checked, catch_exceptions=False)
    assert Exit.DIVERGENCE == failed.value.code
    result = CliRunner().invoke(commands, [*checked, "--order-only"], catch_exceptions=False)
    assert 0 == result.exit_code
    assert "proved under the checkpoint of" in result.stdout
    assert "cosigned by witness.example/w1" in result.stdout
    assert "as the file states it, in no signed event: the order was matched in match_" in result.stdout
    assert "a confirmed deal: not shown" == result.stdout.splitlines()[-1]
    for by in (seller, buyer):
        await shop.ask("POST", f"{path}/confirm", by=by)
    await sealed(shop, database)
    file.write_bytes((await shop.ask("GET", f"{path}/proof", by=seller)).content)
    result = CliRunner().invoke(commands, checked, catch_exceptions=False)
    assert (0, "a confirmed deal: yes") == (result.exit_code, result.stdout.splitlines()[-1])
    assert "as the file states it, in no signed event: how the price is made up" in result.stdout
    whole = file.read_bytes()
    for wrong, told in (
        (whole.replace(b'"side":"seller"', b'"side":"broker"', 1), "Invalid enum value 'broker'"),
        (msgspec.json.encode({**msgspec.json.decode(whole), "events": []}), "length >= 1 - at `$.events`"),
    ):
        file.write_bytes(wrong)
        with pytest.raises(CommandFailed, match=f"not as its format has it: .*{re.escape(told)}") as failed:
            CliRunner().invoke(commands, checked, catch_exceptions=False)
        assert Exit.INVALID_INPUT == failed.value.code
    file.write_bytes(whole)
    file.write_bytes(file.read_bytes().replace(b'"position":', b'"position":1', 1))
    with pytest.raises(CommandFailed) as failed:
        CliRunner().invoke(commands, ["audit", "proof", str(file), *keys], catch_exceptions=False)
    assert Exit.DIVERGENCE == failed.value.code
    stated = stated_format(file.read_bytes())
    for content, told in (
        (b'{"format":"lodestone-receipt-proof/v1"}', "is a receipt's proof: use `lodestone audit receipt`"),
        (b"{}", NEITHER),
        (file.read_bytes()[:-1], NEITHER),
    ):
        file.write_bytes(content)
        with pytest.raises(CommandFailed) as failed:
            CliRunner().invoke(commands, ["audit", "proof", str(file), *keys], catch_exceptions=False)
        assert (Exit.INVALID_INPUT, f"{file} {told}") == (failed.value.code, failed.value.sentence)
    file.write_text(f'{{"format":"{stated}"}}')
    with pytest.raises(
        CommandFailed, match="not as its format has it: Object missing required field"
    ) as failed:
        CliRunner().invoke(commands, ["audit", "proof", str(file), *keys], catch_exceptions=False)
    assert Exit.INVALID_INPUT == failed.value.code


NEITHER = (
    "is no proof of a match or an agreement, which GET /v1/matches/{id}/proof and "
    "GET /v1/agreements/{id}/proof answer"
)


async def test_every_64th_event_is_everybodys(shop: Shop, database: Any) -> None:
    """What lies between tells, in a quiet market, that the other side has answered."""
    lane = f"/v1/checkpoints/market/{shop.scene.lane.lane}"
    assert 404 == (await shop.ask("GET", lane)).status_code
    await fill(shop.scene, 63)
    await sealed(shop, database)
    assert 404 == (await shop.ask("GET", lane)).status_code
    assert {"items": [], "rotations": []} == (await shop.ask("GET", "/v1/checkpoints")).json()
    await fill(shop.scene, 70)
    assert 70 == await sealed(shop, database)
    before = [(await shop.ask("GET", path)).text for path in (lane, "/v1/checkpoints")]
    assert "\n64\n" in before[0]
    await fill(shop.scene, 127)
    await sealed(shop, database)
    assert before == [(await shop.ask("GET", path)).text for path in (lane, "/v1/checkpoints")]
    await fill(shop.scene, 130)
    await sealed(shop, database)
    listed = (await shop.ask("GET", "/v1/checkpoints")).json()
    (item,) = listed["items"]
    assert ("market", 128, [WITNESS.verifier.text]) == (item["stream"], item["size"], item["witnesses"])
    answer = await shop.ask("GET", lane)
    assert "text/plain; charset=utf-8" == answer.headers["content-type"]
    assert item["note"] == answer.text
    note = parse_note(answer.text)
    assert note.signed_by(OPERATOR.verifier)
    assert 1_700_000_000 == note.cosigned_at(WITNESS.verifier)


async def test_a_head_that_was_kept_is_shown_to_go_on_in_the_public_one(shop: Shop, database: Any) -> None:
    lane = f"/v1/checkpoints/market/{shop.scene.lane.lane}"
    await fill(shop.scene, 70)
    await sealed(shop, database)
    await fill(shop.scene, 130)
    await sealed(shop, database)
    roots = await signed_roots(database)
    for old in (64, 70, 128):
        proof = (await shop.ask("GET", f"{lane}/consistency?old_size={old}&new_size=128")).json()["proof"]
        hashes = [b64decode(each) for each in proof]
        assert proves_consistency(old, 128, roots[old], roots[128], hashes)
    for path in (
        f"{lane}/consistency?old_size=128&new_size=64",
        f"{lane}/consistency?old_size=64&new_size=129",
        f"{lane}/consistency?old_size=64&new_size=130",
        "/v1/checkpoints/market/99/consistency?old_size=0&new_size=0",
        "/v1/checkpoints/market/99",
        "/v1/checkpoints/market/x",
        "/v1/checkpoints/none/0",
    ):
        assert 404 == (await shop.ask("GET", path)).status_code
    assert 400 == (await shop.ask("GET", f"{lane}/consistency?old_size=1")).status_code


async def test_a_proof_asked_for_again_does_not_tell_how_the_lane_has_grown(
    shop: Shop, database: Any
) -> None:
    path, seller, _ = await struck(shop)
    first = await sealed(shop, database)
    before = await shop.ask("GET", f"{path}/proof", by=seller)
    await fill(shop.scene, first + 1)
    await sealed(shop, database)
    assert before.text == (await shop.ask("GET", f"{path}/proof", by=seller)).text


async def test_a_head_that_a_witness_has_cosigned_is_worth_more_than_an_earlier_one(
    shop: Shop, database: Any
) -> None:
    path, seller, _ = await struck(shop)
    first = await sealed(shop, database, cosigned=False)
    assert () == check_proof(await taken(shop, path, seller), OPERATOR.verifier, []).unchecked_cosigners
    await fill(shop.scene, first + 1)
    await sealed(shop, database)
    verdict = check_proof(await taken(shop, path, seller), OPERATOR.verifier, [WITNESS.verifier])
    assert first + 1 == verdict.size


async def signed_roots(database: Any) -> dict[int, bytes]:
    connection = await asyncpg.connect(database.dsn("auditor"))
    try:
        rows = await connection.fetch("select size, root from record.checkpoint")
    finally:
        await connection.close()
    return {row["size"]: row["root"] for row in rows}
