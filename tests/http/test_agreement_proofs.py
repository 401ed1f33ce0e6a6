"""Proofs of agreements through the door: each event to both sides, all as one file, nothing to others."""

import asyncio
from contextlib import AsyncExitStack
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from events.contract_events import AgreementDrafted
from events.delivery_events import AssayLodged
from market.audit.agreement_proof import EVENTS_MAX, parse_agreement_proof
from market.audit.receipt_proof import FORMAT, OF_AGREEMENT, check_receipt_proof, parse_receipt_proof
from market.audit.sealed_proof import ProofError
from market.cli.commands import commands
from market.cli.console import CommandFailed, Exit
from market.http.proofs.agreement_proofs import newest
from market.http.wire.ids import to_text
from market.http.wire.loading import AT_ONCE, BookLoads
from tests.http.seals import OPERATOR, WITNESS, sealed
from tests.http.shop import Shop
from tests.http.test_deliveries import FIGURES, effective, lot, month, on, post, publish
from tests.market_drafts import Firm

KEYS = ["--key", OPERATOR.verifier.text, "--witness", WITNESS.verifier.text]


async def delivered(shop: Shop) -> tuple[str, Firm, Firm]:
    """A spot contract under which a lot was shipped, weighed, assayed by both, accepted and settled."""
    on(shop, date(2027, 1, 1))
    path, seller, buyer = await effective(shop)
    on(shop, date(2027, 3, 10))
    await publish(shop, month(2, "50.00"))
    delivery = (await post(shop, f"{path}/deliveries", seller, lot())).headers["location"]
    assay = {"laboratory": "AHK", "reference": "1", "results": FIGURES}
    for name, by, body in (
        ("weighing", buyer, {"weighed_on": "2027-03-10", "net_wet_t": "10"}),
        ("assays", seller, assay),
        ("assays", buyer, assay),
        ("acceptance", buyer, {"title_passed_on": "2027-03-10"}),
    ):
        made = await post(shop, f"{delivery}/{name}", by, body)
        assert 201 == made.status_code, made.text
    on(shop, date(2027, 5, 10))
    await publish(shop, month(3, "60.00"))
    settled = await post(shop, f"{delivery}/settlement", seller)
    assert 201 == settled.status_code, settled.text
    return path, seller, buyer


async def test_each_event_of_an_agreement_is_proved_to_both_sides_and_to_nobody_else(
    shop: Shop, database: Any
) -> None:
    path, seller, buyer = await delivered(shop)
    await sealed(shop, database, stream="contracts")
    agreement = path.rsplit("_", 1)[-1]
    events = [
        event
        for event in await shop.scene.events("contracts")
        if agreement == getattr(getattr(event.data, "agreement", None), "hex", None)
    ]
    assert {"contracts.agreement.advanced.v1", "contracts.invoice.settled.v1"} < {
        each.type for each in events
    }
    outsider = shop.scene.sellers[1]
    for event in events:
        proof = f"/v1/receipts/{to_text('evt', event.id)}/proof"
        for roles in (("trader",), ("operator", "auditor")):
            assert 404 == (await shop.ask("GET", proof, by=outsider, roles=roles)).status_code
        for firm in (seller, buyer):
            answer = await shop.ask("GET", proof, by=firm)
            if isinstance(event.data, AssayLodged) and event.actor != firm.organisation:
                assert 404 == answer.status_code
                continue
            assert 200 == answer.status_code, (event.type, answer.text)
            given = parse_receipt_proof(answer.content)
            assert (FORMAT if event.actor == firm.organisation else OF_AGREEMENT) == given.format, event.type
            proven = check_receipt_proof(given, OPERATOR.verifier, [WITNESS.verifier])
            assert (event.type, event.body_hash.hex(), event.data) == (
                proven.type,
                proven.event_sha256,
                proven.fact,
            )
    settled = f"/v1/receipts/{to_text('evt', events[-1].id)}/proof"
    other = parse_receipt_proof((await shop.ask("GET", settled, by=buyer)).content)
    for wrong, told in (
        (replace(other, agreement=other.organisation), "not of the agreement that is named"),
        (replace(other, format=FORMAT), "by the second format"),
        (replace(other, format=FORMAT, agreement=msgspec.UNSET), "was caused by org_"),
    ):
        with pytest.raises(ProofError, match=told):
            check_receipt_proof(wrong, OPERATOR.verifier, [])


async def after_others(shop: Shop, path: str, by: Firm) -> Any:
    """What is answered once one of those that read is done."""
    loads: BookLoads = shop.app.state.loads
    async with AsyncExitStack() as others:
        for _ in range(AT_ONCE):
            await others.enter_async_context(loads.turn())
        asked = asyncio.create_task(shop.ask("GET", path, by=by))
        _, waiting = await asyncio.wait([asked], timeout=0.3)
        assert {asked} == waiting
    return await asked


async def test_a_bank_without_an_account_reads_an_agreement(
    shop: Shop, database: Any, tmp_path: Path
) -> None:
    path, seller, buyer = await delivered(shop)
    early = await shop.ask("GET", f"{path}/proof", by=buyer)
    assert (409, "not_sealed") == (early.status_code, early.json()["code"])
    await sealed(shop, database, stream="contracts")
    for outsider in (shop.scene.sellers[1], shop.scene.buyers[1]):
        assert 404 == (await shop.ask("GET", f"{path}/proof", by=outsider)).status_code
    answer = await shop.ask("GET", f"{path}/proof", by=shop.scene.sellers[1], roles=("auditor", "operator"))
    assert 404 == answer.status_code
    assert 200 == (await after_others(shop, f"{path}/proof", buyer)).status_code
    file = tmp_path / "agreement.proof.json"
    checked = ["audit", "proof", str(file), *KEYS]
    shown = (await shop.ask("GET", path, by=buyer)).json()
    invoices = (await shop.ask("GET", f"{path}/invoices?provisional=true", by=buyer)).json()["items"]
    for firm in (seller, buyer):
        file.write_bytes((await shop.ask("GET", f"{path}/proof", by=firm)).content)
        result = CliRunner().invoke(commands, checked, catch_exceptions=False)
        assert 0 == result.exit_code
        lines = [line.strip() for line in result.stdout.splitlines()]
        assert "an agreement that binds: yes" == lines[-1]
        assert f"seller {to_text('org', seller.organisation)}" in lines
        assert f"proposal 1, terms_sha256 {shown['standing']['terms_sha256']}" in lines
        assert "acq_kg: 20000.000 kg" in lines
        assert f"due_days: {shown['standing']['terms']['payment']['due_days']} days" in lines
        assert 2 == sum(line.startswith("signed as binding by the ") for line in lines)
        for each in invoices:
            due = f"due on {each['due_on']}: {each['total']} {each['currency']}"
            assert any(line.endswith(due) for line in lines), due
    proof = parse_agreement_proof(file.read_bytes())
    for wrong, told in (
        (file.read_bytes().replace(b'"position":', b'"position":1', 1), "proves nothing"),
        (msgspec.json.encode(replace(proof, events=proof.events[:1])), "its status is draft"),
    ):
        file.write_bytes(wrong)
        with pytest.raises(CommandFailed, match=told) as failed:
            CliRunner().invoke(commands, checked, catch_exceptions=False)
        assert Exit.DIVERGENCE == failed.value.code
    await ended(shop, database, path, (seller, buyer), file)
    file.write_bytes(msgspec.json.encode({"format": proof.format}))
    with pytest.raises(CommandFailed, match="not as its format has it: Object missing") as failed:
        CliRunner().invoke(commands, checked, catch_exceptions=False)
    assert Exit.INVALID_INPUT == failed.value.code


async def ended(shop: Shop, database: Any, path: str, parties: tuple[Firm, Firm], file: Path) -> None:
    """Its file tells when it ended, by whom and why; it binds no longer, which is no fault of the file."""
    seller, buyer = parties
    version = (await shop.ask("GET", path, by=buyer)).headers["etag"]
    body = {"reason": "breach", "note": "two lots missing", "evidence": []}
    made = await shop.ask("POST", f"{path}/termination", by=buyer, body=body, version=version)
    assert 201 == made.status_code, made.text
    against = {"reason": "both had come", "evidence": []}
    assert 201 == (await shop.ask("POST", f"{path}/contests", by=seller, body=against)).status_code
    await sealed(shop, database, stream="contracts")
    file.write_bytes((await shop.ask("GET", f"{path}/proof", by=buyer)).content)
    receipt = made.json()["receipts"][-1]
    checked = ["audit", "proof", str(file), *KEYS]
    result = CliRunner().invoke(commands, [*checked, "--ended-too"], catch_exceptions=False)
    assert 0 == result.exit_code
    lines = [line.strip() for line in result.stdout.splitlines()]
    at = (await shop.ask("GET", path, by=buyer)).json()["ended_at"]
    place = lines.index(f"ended by the word of the buyer, at {at}, position {receipt['position']}: breach")
    assert ["note: two lots missing", "contested by the seller: both had come"] == lines[
        place + 1 : place + 3
    ]
    told = f"it was in force and ended on {at[:10]}: breach"
    assert f"an agreement that binds: no longer, {told}" == lines[-1]
    with pytest.raises(CommandFailed, match="was in force and ended on") as failed:
        CliRunner().invoke(commands, checked, catch_exceptions=False)
    assert Exit.DIVERGENCE == failed.value.code


async def test_of_many_invoices_the_newest_stay_with_what_they_belong_to(shop: Shop) -> None:
    await delivered(shop)
    recorded = await shop.scene.events("contracts")
    agreement, *_ = [each.data.agreement for each in recorded if isinstance(each.data, AgreementDrafted)]
    events = [
        event
        for event in recorded
        if getattr(event.data, "agreement", None) == agreement
        and (event.type.startswith("contracts.agreement") or hasattr(event.data, "invoice"))
    ]
    assert events == newest(events) and len(events) < EVENTS_MAX
    without = [event for event in events if not hasattr(event.data, "invoice")]
    assert 2 == len(events) - len(without)
    assert without == newest(events, len(events) - 1)
