"""Who the parties of a deal are, in the file that proves it: by their registration, or as the file says."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from msgspec import UNSET
from msgspec.structs import replace

from events.vocabulary import Side
from market.audit.agreement_proof import FORMAT as AGREEMENT_FORMAT
from market.audit.agreement_proof import check_agreement_proof, parse_agreement_proof
from market.audit.match_proof import MatchProof, check_proof, parse_proof
from market.audit.proven_parties import NamedParty
from market.audit.sealed_proof import ProofError
from market.cli.commands import commands
from market.http.wire.ids import to_text
from tests.http.seals import OPERATOR, WITNESS, sealed
from tests.http.shop import Asker, Shop
from tests.http.test_deliveries import effective, on
from tests.http.test_matches import struck
from tests.market_drafts import Firm
from tests.sentinels import found

KEYS = ["--key", OPERATOR.verifier.text, "--witness", WITNESS.verifier.text]
NUMBERS = {"seller": "HRB 4711", "buyer": "LEI 529900T8BM49AURSDO55"}


async def numbered(shop: Shop, firm: Firm, number: str, **more: str) -> None:
    """The operator states the register number of an organisation."""
    by: Asker = {"by": firm, "roles": ("operator",)}
    place = f"/v1/organisations/{to_text('org', firm.organisation)}"
    etag = (await shop.ask("GET", place, **by)).headers["etag"]
    body = {"register_number": number, **more}
    changed = await shop.ask("PATCH", place, body=body, version=etag, **by)
    assert 200 == changed.status_code, changed.text
    assert number == (await shop.ask("GET", place, **by)).json()["register_number"]


async def registrations_sealed(shop: Shop, database: Any, *firms: Firm) -> None:
    for lane in {shop.scene.desk.lane("parties", firm.organisation) for firm in firms}:
        await sealed(shop, database, lane=lane)


async def confirmed(shop: Shop, database: Any) -> tuple[str, Firm, Firm]:
    """A deal of two organisations, with a change of the seller's name after it."""
    firms = {"seller": shop.scene.sellers[0], "buyer": shop.scene.buyers[0]}
    for side, firm in firms.items():
        await numbered(shop, firm, NUMBERS[side])
    path, seller, buyer = await struck(shop)
    for firm in (seller, buyer):
        assert 200 == (await shop.ask("POST", f"{path}/confirm", by=firm)).status_code
    shop.scene.clock.now += timedelta(seconds=1)
    await numbered(shop, seller, "HRB 1", name="renamed")
    await sealed(shop, database)
    return path, seller, buyer


async def taken(shop: Shop, path: str, by: Firm) -> MatchProof:
    answer = await shop.ask("GET", f"{path}/proof", by=by)
    assert 200 == answer.status_code, answer.text
    return parse_proof(answer.content)


async def test_a_file_names_both_parties_as_they_were_and_proves_its_own(
    shop: Shop, database: Any, tmp_path: Path
) -> None:
    path, seller, buyer = await confirmed(shop, database)
    unsealed = check_proof(await taken(shop, path, seller), OPERATOR.verifier, [])
    assert ["no checkpoint held its registration yet"] * 2 == [
        told.partition("; ")[2] for told in unsealed.names
    ]
    await registrations_sealed(shop, database, seller, buyer)
    names = {"seller": ("seller-0", NUMBERS["seller"]), "buyer": ("buyer-0", NUMBERS["buyer"])}
    sides: tuple[tuple[Side, Side, Firm], ...] = (("seller", "buyer", seller), ("buyer", "seller", buyer))
    for own, other, firm in sides:
        answer = await shop.ask("GET", f"{path}/proof", by=firm)
        proof = parse_proof(answer.content)
        assert proof.parties is not UNSET
        assert names == {each.side: (each.name, each.register_number) for each in proof.parties}
        verdict = check_proof(proof, OPERATOR.verifier, [WITNESS.verifier])
        (told,) = [each for each in verdict.proved if each.startswith(f"the {own} org_")]
        assert f"is {names[own][0]}, " in told
        assert f"register number {names[own][1]}, as registered at " in told
        (stated,) = verdict.names
        assert stated.startswith(f"the {other} org_")
        assert f"is {names[other][0]}, " in stated
        assert stated.endswith("there is only the hash")
        assert [] == found(["renamed", 'HRB 1"'], answer.text)
        others = {each.side: each.registration for each in proof.parties}[other]
        assert others is not None
        assert others.sealed.body is None
        file = tmp_path / "match.proof.json"
        file.write_bytes(answer.content)
        result = CliRunner().invoke(commands, ["audit", "proof", str(file), *KEYS], catch_exceptions=False)
        assert 0 == result.exit_code
        lines = [line.strip() for line in result.stdout.splitlines()]
        assert told in lines
        place = lines.index("as the file states it, in no event that it shows: who the other side is")
        assert stated == lines[place + 1]


async def test_a_name_under_a_head_that_no_witness_has_cosigned_is_stated(shop: Shop, database: Any) -> None:
    path, seller, _ = await confirmed(shop, database)
    await sealed(shop, database, lane=shop.scene.desk.lane("parties", seller.organisation), cosigned=False)
    proof = await taken(shop, path, seller)
    trusting = check_proof(proof, OPERATOR.verifier, [])
    assert any(told.startswith("the seller org_") for told in trusting.proved)
    strict = check_proof(proof, OPERATOR.verifier, [WITNESS.verifier])
    assert "confirmed" == strict.deal
    (told,) = [each for each in strict.names if each.startswith("the seller org_")]
    assert told.endswith(f"{WITNESS.name} has not cosigned the checkpoint of its registration")


async def test_before_both_have_confirmed_nobody_else_is_named(shop: Shop, database: Any) -> None:
    path, seller, buyer = await struck(shop)
    await sealed(shop, database)
    await registrations_sealed(shop, database, seller, buyer)
    for side, firm, other in (("seller", seller, "buyer-0"), ("buyer", buyer, "seller-0")):
        answer = await shop.ask("GET", f"{path}/proof", by=firm)
        proof = parse_proof(answer.content)
        assert proof.parties is not UNSET
        assert [side] == [each.side for each in proof.parties]
        assert [] == found([other], answer.text)
        verdict = check_proof(proof, OPERATOR.verifier, [WITNESS.verifier])
        assert () == verdict.names
        assert any("no register number stated" in told for told in verdict.proved)


def changed(proof: MatchProof, side: str, change: Callable[[NamedParty], NamedParty]) -> MatchProof:
    assert proof.parties is not UNSET
    return replace(
        proof, parties=tuple(change(each) if each.side == side else each for each in proof.parties)
    )


def under(checkpoint: str, party: NamedParty) -> NamedParty:
    """With its registration under another head."""
    assert party.registration is not None
    return replace(party, registration=replace(party.registration, checkpoint=checkpoint))


def at(more: int, party: NamedParty) -> NamedParty:
    """With its registration elsewhere in its lane."""
    assert party.registration is not None
    sealed_event = party.registration.sealed
    elsewhere = replace(sealed_event, position=sealed_event.position + more)
    return replace(party, registration=replace(party.registration, sealed=elsewhere))


async def test_a_name_that_no_event_says_is_found(shop: Shop, database: Any) -> None:
    path, seller, buyer = await confirmed(shop, database)
    await registrations_sealed(shop, database, seller, buyer)
    proof = await taken(shop, path, buyer)
    assert proof.parties is not UNSET
    by_side = {each.side: each for each in proof.parties}
    lie: list[tuple[MatchProof, str]] = [
        (changed(proof, "buyer", lambda each: replace(each, name="Other")), "says buyer-0, "),
        (changed(proof, "buyer", lambda each: replace(each, country="PT")), "says buyer-0, "),
        (changed(proof, "buyer", lambda each: replace(each, register_number=None)), "says buyer-0, "),
        (
            changed(proof, "buyer", lambda each: replace(each, organisation=seller.organisation)),
            "is named, and the deal is of",
        ),
        (
            changed(proof, "seller", lambda each: replace(each, organisation=buyer.organisation)),
            "is named, and the deal is of",
        ),
        (replace(proof, parties=(by_side["buyer"],) * 2), "two organisations are named"),
        (changed(proof, "buyer", partial(under, proof.checkpoint)), "no lane of parties"),
        (changed(proof, "seller", partial(at, 1)), "does not lead to the signed root"),
    ]
    check_proof(proof, OPERATOR.verifier, [WITNESS.verifier])
    for wrong, told in lie:
        with pytest.raises(ProofError, match=told):
            check_proof(wrong, OPERATOR.verifier, [])


async def test_an_agreement_names_both_once_both_have_signed(
    shop: Shop, database: Any, tmp_path: Path
) -> None:
    on(shop, date(2027, 1, 1))
    await numbered(shop, shop.scene.sellers[0], NUMBERS["seller"])
    path, seller, buyer = await effective(shop)
    await sealed(shop, database, stream="contracts")
    await registrations_sealed(shop, database, seller, buyer)
    answer = await shop.ask("GET", f"{path}/proof", by=seller)
    proof = parse_agreement_proof(answer.content)
    assert proof.parties is not UNSET
    assert {"seller", "buyer"} == {each.side for each in proof.parties}
    verdict = check_agreement_proof(proof, OPERATOR.verifier, [WITNESS.verifier])
    (told,) = verdict.names.proved
    assert f"register number {NUMBERS['seller']}" in told
    assert ["the buyer"] == [each.partition(" org_")[0] for each in verdict.names.stated]
    former = replace(proof, format=AGREEMENT_FORMAT, parties=UNSET)
    assert ((), ()) == check_agreement_proof(former, OPERATOR.verifier, []).names
    for wrong in (replace(proof, parties=UNSET), replace(proof, format=AGREEMENT_FORMAT)):
        with pytest.raises(ProofError, match="second format of a proof names parties"):
            check_agreement_proof(wrong, OPERATOR.verifier, [])
    file = tmp_path / "agreement.proof.json"
    file.write_bytes(msgspec.json.encode(proof))
    result = CliRunner().invoke(commands, ["audit", "proof", str(file), *KEYS], catch_exceptions=False)
    assert 0 == result.exit_code
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert {told, *verdict.names.stated} < set(lines)
