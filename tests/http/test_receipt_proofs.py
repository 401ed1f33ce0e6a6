"""Proofs of receipts through the door: one's own events only, checked offline, nothing of the other party."""

from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from market.audit.receipt_proof import ReceiptProof, check_receipt_proof, parse_receipt_proof
from market.audit.sealed_proof import ProofError
from market.cli.commands import commands
from market.cli.console import CommandFailed, Exit
from market.http.wire.ids import to_text
from tests.http.seals import OPERATOR, WITNESS, fill, sealed
from tests.http.shop import Shop
from tests.http.test_matches import struck
from tests.market_drafts import Firm
from tests.sentinels import found, identity

KEYS = ["--key", OPERATOR.verifier.text, "--witness", WITNESS.verifier.text]


async def posted(shop: Shop) -> dict[str, Any]:
    """A requirement's receipt."""
    buyer = shop.scene.buyers[0]
    answer = await shop.ask("POST", "/v1/requirements", by=buyer, body=shop.requirement_body(buyer))
    assert 201 == answer.status_code, answer.text
    (receipt,) = answer.json()["receipts"]
    return dict(receipt)


async def taken(shop: Shop, event: str, by: Firm) -> ReceiptProof:
    answer = await shop.ask("GET", f"/v1/receipts/{event}/proof", by=by)
    assert 200 == answer.status_code, answer.text
    return parse_receipt_proof(answer.content)


async def test_a_receipt_is_proved_to_whom_it_was_given(shop: Shop, database: Any) -> None:
    receipt, buyer = await posted(shop), shop.scene.buyers[0]
    early = await shop.ask("GET", f"/v1/receipts/{receipt['event']}/proof", by=buyer)
    assert (409, "not_sealed") == (early.status_code, early.json()["code"])
    size = await sealed(shop, database)
    proven = check_receipt_proof(
        await taken(shop, receipt["event"], buyer), OPERATOR.verifier, [WITNESS.verifier]
    )
    assert (receipt["position"], receipt["event_sha256"]) == (proven.position, proven.event_sha256)
    assert (size, receipt["type"], (WITNESS.name,)) == (proven.size, proven.type, proven.cosigners)


async def test_nobody_else_gets_it(shop: Shop, database: Any) -> None:
    receipt = await posted(shop)
    unasked = await shop.scene.require(shop.scene.buyers[0])
    events = await shop.scene.events("market")
    (other,) = [event for event in events if unasked == getattr(event.data, "requirement", None)]
    await sealed(shop, database)
    path = f"/v1/receipts/{receipt['event']}/proof"
    for firm in (shop.scene.sellers[0], shop.scene.buyers[1]):
        for roles in (("trader",), ("operator", "auditor")):
            assert 404 == (await shop.ask("GET", path, by=firm, roles=roles)).status_code
    assert 401 == (await shop.ask("GET", path)).status_code
    for event in (to_text("evt", UUID(int=7)), to_text("evt", other.id), "evt_1", receipt["event"][4:]):
        answer = await shop.ask("GET", f"/v1/receipts/{event}/proof", by=shop.scene.buyers[0])
        assert 404 == answer.status_code, event


async def test_of_a_match_that_failed_only_the_hash_is_shown(shop: Shop, database: Any) -> None:
    path, seller, buyer = await struck(shop)
    assert 200 == (await shop.ask("POST", f"{path}/confirm", by=seller)).status_code
    answer = await shop.ask("POST", f"{path}/decline", by=buyer, body={"reason": "quality"})
    receipts = answer.json()["receipts"]
    await sealed(shop, database)
    secrets = [*identity(seller.organisation), *identity(seller.facility), *await supplies(shop)]
    shown = {}
    for receipt in receipts:
        if receipt["stream"] == "market":
            text = (await shop.ask("GET", f"/v1/receipts/{receipt['event']}/proof", by=buyer)).text
            assert [] == found(secrets, text)
            proven = check_receipt_proof(parse_receipt_proof(text.encode()), OPERATOR.verifier, [])
            shown[receipt["type"]] = proven.event_sha256 == receipt["event_sha256"]
    assert {"market.match.answered.v1": True, "market.match.declined.v1": False} == shown


async def supplies(shop: Shop) -> list[str]:
    """Spellings of the seller's order."""
    row = await shop.scene.pool.fetchrow("select supply from match")
    assert row is not None
    return list(identity(row["supply"]))


async def test_whatever_is_changed_in_the_file_is_found(shop: Shop, database: Any) -> None:
    receipt, buyer = await posted(shop), shop.scene.buyers[0]
    await fill(shop.scene, receipt["position"] + 3)
    await sealed(shop, database)
    proof = await taken(shop, receipt["event"], buyer)
    event = proof.sealed
    assert event.body is not None
    lies = [
        (replace(proof, event=UUID(int=1)), "not 00000000"),
        (replace(proof, organisation=UUID(int=1)), "was caused by"),
        (replace(proof, checkpoint=proof.checkpoint.replace("/market", "/parties")), "not hold"),
        (replace(proof, sealed=replace(event, body=event.body + " ")), "do not have the hash"),
        (replace(proof, sealed=replace(event, position=event.position + 1)), "does not lead"),
        (replace(proof, sealed=replace(event, path=event.path[::-1])), "does not lead"),
    ]
    for wrong, told in lies:
        with pytest.raises(ProofError, match=told):
            check_receipt_proof(wrong, OPERATOR.verifier, [])
    with pytest.raises(ProofError, match="has not cosigned"):
        check_receipt_proof(proof, OPERATOR.verifier, [replace(WITNESS.verifier, name="other.example")])
    for raw in (b"", b"{}", msgspec.json.encode(proof) + b"x"):
        with pytest.raises(ProofError):
            parse_receipt_proof(raw)


async def test_the_command_checks_it_without_any_connection(
    shop: Shop, database: Any, tmp_path: Path
) -> None:
    receipt, buyer = await posted(shop), shop.scene.buyers[0]
    await sealed(shop, database)
    answer = await shop.ask("GET", f"/v1/receipts/{receipt['event']}/proof", by=buyer)
    file, kept, other = (tmp_path / name for name in ("proof.json", "kept.json", "other.json"))
    file.write_bytes(answer.content)
    kept.write_bytes(msgspec.json.encode({"receipts": [receipt]}))
    other.write_bytes(msgspec.json.encode({**receipt, "event_sha256": "0" * 64}))

    def run(*arguments: str) -> str:
        return CliRunner().invoke(commands, ["audit", "receipt", *arguments], catch_exceptions=False).stdout

    told = run(str(file), *KEYS, "--kept", str(kept))
    assert f"{receipt['event']}, market.requirement.posted.v1: proved at position" in told
    assert f"event_sha256 {receipt['event_sha256']}" in told
    assert "cosigned by witness.example/w1" in told
    failures = [
        ((str(file), *KEYS, "--kept", str(other)), Exit.DIVERGENCE),
        ((str(file), "--key", WITNESS.verifier.text), Exit.INVALID_INPUT),
        ((str(kept), *KEYS), Exit.USAGE),
    ]
    for arguments, code in failures:
        with pytest.raises(CommandFailed) as failed:
            run(*arguments)
        assert code == failed.value.code
    file.write_bytes(answer.content.replace(b'"position":', b'"position":1', 1))
    with pytest.raises(CommandFailed) as failed:
        run(str(file), *KEYS)
    assert Exit.DIVERGENCE == failed.value.code
