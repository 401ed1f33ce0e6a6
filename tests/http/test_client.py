"""The client and the app: a trade, refusals, the feed over every way, breaks in the middle of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import uvicorn

from market.client import Client, Patience, RefusedError
from market.client.answers import FeedEvent, RequirementAccepted, SupplyAccepted
from market.client.faults import (
    ConflictError,
    InvalidError,
    NotFoundError,
    StaleError,
    UnauthenticatedError,
    UnreadableError,
    VersionMissingError,
)
from market.client.imports import NDJSON
from market.http.agreements import nominations
from market.http.wire.examples import AGREEMENT_TERMS
from market.http.wire.ids import to_text
from market.http.wire.sending import Protocol
from tests.feed_support import publish
from tests.http.shop import Shop
from tests.http.test_agreements import body as agreement_body
from tests.http.test_feed import concerning
from tests.http.test_imports import work
from tests.http.test_matches import struck
from tests.http.test_passports import WORK, issued, labelled
from tests.http.test_passports import body as passport_body
from tests.http.test_passports import work as transformation
from tests.market_drafts import Firm


async def client_of(shop: Shop, firm: Firm, address: str = "http://door", **how: Any) -> Client:
    token = await shop.token(firm, "trader")
    http = shop.client if address == "http://door" else None
    return Client(address, token, http=http, cleartext=True, **how)


async def test_an_order_is_posted_read_amended_and_withdrawn(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    client = await client_of(shop, seller)
    body = shop.offer_body(seller)
    rehearsed = await client.offers.post(body, validate_only=True)
    assert (True, ("market.supply-offer.offered.v1",), None) == (
        rehearsed.validated_only,
        rehearsed.would_record,
        rehearsed.id,
    )
    posted = await client.offers.post(body)
    assert posted.id is not None
    assert ["market.supply-offer.offered.v1"] == [receipt.type for receipt in posted.receipts]
    offer = await client.offers.read(posted.id)
    assert (posted.basis_kg, "open", 1) == (offer.basis_kg, offer.status, offer.version)
    changed = {"ask": {**body["ask"], "amount": "61.00"}}
    amended = await client.offers.amend(posted.id, changed, version=offer.version)
    assert (2, Decimal("61.00")) == (amended.version, (await client.offers.read(posted.id)).ask.amount)
    with pytest.raises(StaleError):
        await client.offers.withdraw(posted.id, version=offer.version)
    with pytest.raises(VersionMissingError):
        await client.delete(f"/v1/supply-offers/{posted.id}")
    assert isinstance(await client.offers.withdraw(posted.id, version=2), SupplyAccepted)
    with pytest.raises(ConflictError):
        await client.offers.amend(posted.id, changed, version=3)
    with pytest.raises(NotFoundError):
        await (await client_of(shop, shop.scene.sellers[1])).offers.read(posted.id)


async def test_a_repeat_with_ones_own_key_is_the_same_order(shop: Shop) -> None:
    buyer = shop.scene.buyers[0]
    client = await client_of(shop, buyer)
    body = shop.requirement_body(buyer)
    first = await client.requirements.post(body, key="order-17")
    assert isinstance(first, RequirementAccepted)
    assert first == await client.requirements.post(body, key="order-17")
    with pytest.raises(InvalidError) as told:
        await client.requirements.post({**body, "basis_kg": "1"}, key="order-17")
    assert "idempotency_key_reused" == told.value.code


async def test_all_faults_of_an_order_are_told(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    client = await client_of(shop, seller)
    with pytest.raises(InvalidError) as told:
        await client.offers.post(shop.offer_body(seller, net_wet_t="ten", incoterm="XYZ"))
    assert {"/net_wet_t", "/incoterm"} == {fault.pointer for fault in told.value.faults}
    stranger = Client("http://door", "lds_live_nobody", http=shop.client, cleartext=True)
    with pytest.raises(UnauthenticatedError):
        await stranger.offers.read("offer_" + "0" * 32)


async def test_lists_come_whole_over_all_their_pages(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("market.client.calls.PAGE_ITEMS", 2)
    seller = shop.scene.sellers[0]
    client = await client_of(shop, seller)
    posted = {(await client.offers.post(shop.offer_body(seller))).id for _ in range(5)}
    await shop.project()
    listed = [entry async for entry in client.offers.list(market=shop.market, status="open")]
    assert posted == {entry.id for entry in listed}
    assert 5 == len(listed)
    assert [shop.market] == [market.id async for market in client.markets.list()]
    lines = [line async for line in client.markets.failings(shop.market)]
    own = to_text("org", seller.organisation)
    assert [(own, 0, None)] == [(each.organisation, each.failings, each.firm_only_until) for each in lines]


async def test_a_match_is_read_from_both_sides_and_confirmed(shop: Shop) -> None:
    path, *firms = await struck(shop)
    once = Patience(attempts=1)
    seller, buyer = [await client_of(shop, firm, patience=once) for firm in firms]
    (listed,) = [match async for match in buyer.matches.list(market=shop.market)]
    assert path.endswith(listed.id)
    match = await buyer.matches.read(listed.id)
    assert match.explanation is not None
    assert Decimal("75.00") == match.price_eur_per_kg == listed.price_eur_per_kg
    assert "limit" == match.explanation.lines[0].label
    assert match.own_order is not None
    fits = await buyer.requirements.candidates(match.own_order)
    explained = await buyer.requirements.explanation(match.own_order, round_number=match.round)
    assert ("buyer", "filled") == (fits.side, explained.outcome)
    assert not (await seller.matches.confirm(match.id)).confirmed
    assert (await buyer.matches.confirm(match.id)).confirmed
    with pytest.raises(ConflictError) as told:
        await seller.matches.decline(match.id, {"reason": "quality"})
    assert told.value.retry_after_seconds is None
    with pytest.raises(RefusedError, match="not_sealed") as unsealed:
        await seller.matches.proof(match.id)
    assert 10.0 == unsealed.value.retry_after_seconds


@asynccontextmanager
async def served(shop: Shop) -> AsyncIterator[tuple[str, uvicorn.Server]]:
    config = uvicorn.Config(shop.app, http=Protocol, port=0, loop="none", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve())
    try:
        while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.02)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", server
    finally:
        shop.app.state.door.feed.close()
        server.should_exit = True
        await running


def cut_off(server: uvicorn.Server) -> None:
    """Every connection, in the middle of whatever it carries."""
    for connection in list(server.server_state.connections):
        connection.transport.abort()


async def upto(events: AsyncIterator[FeedEvent], last: str) -> list[FeedEvent]:
    found: list[FeedEvent] = []
    async with asyncio.timeout(20):
        async for each in events:
            found.append(each)
            if each.id == last:
                return found
    raise AssertionError("the events ended")


async def test_the_feed_is_the_same_over_every_way_and_goes_on_after_breaks(shop: Shop) -> None:
    firm = shop.scene.sellers[0]
    await shop.token(firm, "trader")
    await shop.scene.offer(firm)
    lines = await publish(shop.scene)
    async with served(shop) as (address, server), await client_of(shop, firm, address) as client:
        async with (
            aclosing(client.feed.follow(break_seconds=0.0)) as followed,
            aclosing(client.feed.poll(wait_seconds=1)) as polled,
        ):
            last = concerning(firm, lines)[-1]
            whole = [each async for each in client.feed.replay()]
            assert sorted(concerning(firm, lines)) == sorted(each.id for each in whole)
            end = whole[-1].id
            assert whole == await upto(followed, end) == await upto(polled, end)
            assert last in {each.id for each in whole}
            for _ in range(2):
                cut_off(server)
                await shop.scene.offer(firm)
                (own,) = concerning(firm, await publish(shop.scene))
                (streamed,) = await upto(followed, own)
                assert [streamed] == await upto(polled, own)
                resumed_at = (await resumed(client, whole[-1]))[-1].cursor
                assert ("market", streamed.cursor) == (streamed.stream, resumed_at)
        kind = "partner.supply-offer.offered.v1"
        narrow = [each async for each in client.feed.replay(types=(kind,), market=shop.market)]
        assert {kind} == {each.type for each in narrow}
        assert 3 == len(narrow)
        between = client.feed.replay(whole[0].cursor, until=whole[-1].cursor)
        assert whole[1:] == [each async for each in between]


async def resumed(client: Client, behind: FeedEvent) -> list[FeedEvent]:
    return [each async for each in client.feed.replay(behind.cursor)]


async def test_a_foreign_cursor_and_an_unknown_type_are_refused_before_anything_comes(shop: Shop) -> None:
    client = await client_of(shop, shop.scene.sellers[0])
    for way in (client.feed.follow, client.feed.poll, client.feed.replay):
        for asked, code in (({"after": "x"}, "cursor_invalid"), ({"types": ("odd",)}, "type_unknown")):
            with pytest.raises(InvalidError) as told:
                await anext(way(**asked))
            assert code == told.value.code


async def test_the_topic_of_an_organisation_is_opened_and_closed(shop: Shop) -> None:
    firm = shop.scene.sellers[0]
    admin = Client("http://door", await shop.token(firm, "admin"), http=shop.client, cleartext=True)
    organisation = f"org_{firm.organisation.hex}"
    path = f"/v1/organisations/{organisation}/stream"
    assert (await admin.put(path, query={"validate_only": True}))["validated_only"]
    assert not (await admin.feed.topic(organisation)).open
    opened = await admin.feed.open_topic(organisation)
    assert opened.topic == (await admin.feed.topic(organisation)).topic
    await admin.feed.close_topic(organisation)
    assert not (await admin.feed.topic(organisation)).open


async def test_a_file_is_handed_in_followed_and_reported_on(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    client = await client_of(shop, seller)
    rows = [shop.offer_body(seller), shop.offer_body(seller, incoterm="FREE")]
    content = "\n".join(map(json.dumps, rows)).encode()
    given: dict[str, Any] = {"media_type": NDJSON, "mode": "partial", "key": "file-1"}
    handed_in = await client.imports.post("offers", content, **given)
    assert handed_in == await client.imports.post("offers", content, **given)
    states = [handed_in.state]
    async for found in client.imports.follow(handed_in.id, look_seconds=0):
        states.append(found.state)
        await work(shop)
    assert ["waiting", "waiting", "completed"] == states
    assert (2, 1, 1) == (found.rows_total, found.accepted, found.refused)
    good, bad = [line async for line in client.imports.report(handed_in.id)]
    assert good.id is not None
    assert "open" == (await client.offers.read(good.id)).status
    assert (2, "incoterm", "not_allowed", None) == (bad.row, bad.column, bad.code, bad.id)
    assert [found] == [each async for each in client.imports.list()]
    waits = await client.imports.post("offers", content, **given | {"key": "file-2"})
    assert "cancelled" == (await client.imports.cancel(waits.id)).state
    with pytest.raises(NotFoundError):
        await anext(client.imports.report("imp_" + "0" * 32))
    with pytest.raises(InvalidError):
        await client.imports.post("offers", b"")


async def test_a_passport_is_exported(shop: Shop) -> None:
    owner = shop.scene.sellers[0]
    lot = await issued(shop, owner)
    done = await shop.ask("POST", WORK, by=owner, body=transformation(owner, lot))
    assert 201 == done.status_code, done.text
    work_id = done.json()["id"]
    client = await client_of(shop, owner)
    asked = {
        f"/v1/passports/{lot}/epcis": client.passports.epcis(lot),
        f"/v1/transformations/{work_id}/epcis": client.passports.transformation_epcis(work_id),
        f"/v1/passports/{lot}/digital-product-passport": client.passports.product_passport(lot),
    }
    for path, answer in asked.items():
        assert (await shop.ask("GET", path, by=owner)).json() == await answer


async def test_a_passport_is_corrected_made_into_others_and_read_by_everybody(shop: Shop) -> None:
    owner = shop.scene.sellers[0]
    client = await client_of(shop, owner)
    stated = passport_body(owner, **labelled(owner))
    assert (await client.passports.issue(stated, validate_only=True)).validated_only
    lot = (await client.passports.issue(stated)).id
    assert lot is not None
    (first,) = [step async for step in client.passports.history(lot)]
    corrected = {**stated, **labelled(owner, removal_steps=[])}
    correction = {"corrects": first.event, "reason": "no tools", "content": corrected}
    assert 2 == (await client.passports.correct(lot, correction, version=1)).version
    assert 3 == (await client.passports.note(lot, {"note": "The rotor is glued."}, version=2)).version
    label = await client.passports.label(lot)
    assert ("The rotor is glued.", 1) == (label.notes[0].note, label.corrections)
    assert {"composition", "removal_steps"} <= set(label.unstated)
    assert "gs1_digital_link" == (await client.passports.data_carrier(lot)).kind
    made = await client.passports.transform(transformation(owner, lot))
    assert made.id is not None
    assert to_text("org", owner.organisation) == (await client.passports.transformation(made.id)).organisation
    lineage = await client.passports.lineage(made.outputs[0])
    assert ("up", {lot, made.outputs[0]}) == (lineage.direction, {node.passport for node in lineage.nodes})
    with pytest.raises(StaleError):
        await client.passports.retire(made.outputs[0], {"reason": "lost"}, version=9)
    assert 2 == (await client.passports.retire(made.outputs[0], {"reason": "lost"}, version=1)).version
    kinds = [step.kind async for step in client.passports.history(lot)]
    assert ["issued", "corrected", "noted", "drawn"] == kinds


async def test_an_agreement_is_negotiated_signed_and_ended(shop: Shop) -> None:
    seller, buyer = [await client_of(shop, firm) for firm in (shop.scene.sellers[0], shop.scene.buyers[0])]
    draft = agreement_body(shop, shop.scene.buyers[0])
    assert (await seller.agreements.draft(draft, validate_only=True)).validated_only
    drafted = await seller.agreements.draft(draft)
    agreement = drafted.id
    assert (agreement is not None, 1) == (True, drafted.version)
    assert agreement is not None
    terms = {**AGREEMENT_TERMS, "conditions": []}
    proposed = await buyer.agreements.propose(agreement, {"terms": terms}, version=drafted.version)
    assert 2 == proposed.proposal
    assert terms["term"] == (await seller.agreements.proposal(agreement, 2)).terms["term"]
    (difference,) = (await seller.agreements.differences(agreement, 2)).differences
    assert "/conditions" == difference.pointer[:11]
    signature = {"proposal": 2, "binding": True}
    with pytest.raises(StaleError):
        await seller.agreements.sign(agreement, signature, version=1)
    version = proposed.version
    for client in (seller, buyer):
        version = (await client.agreements.sign(agreement, signature, version=version)).version
    statement = await buyer.agreements.statement(agreement)
    assert (agreement, "effective") == (statement.agreement, statement.status)
    nominated = await buyer.agreements.nominate(agreement, nominations.nominate.declared.example)
    (standing,) = await buyer.agreements.nominations(agreement)
    assert (nominated.id, 1) == (standing.id, standing.year)
    over = {"reason": "breach", "note": "nothing came"}
    ended = await buyer.agreements.terminate(agreement, over, version=version)
    assert "terminated" == ended.status
    with pytest.raises(ConflictError):
        await seller.agreements.resume(agreement, version=ended.version)


async def test_a_webhook_is_registered_looked_after_and_removed(shop: Shop) -> None:
    """Who lost the first answer is told so, and what to do."""
    token = await shop.token(shop.scene.sellers[0], "admin")
    client = Client("http://door", token, http=shop.client, cleartext=True)
    body = {"url": "https://partner.example/hook"}
    first = await client.webhooks.register(body, key="one")
    again = await client.webhooks.register(body, key="one")
    assert (first.id, first.public_key, None) == (again.id, again.public_key, again.secret)
    assert ["secret_shown_before"] == [each.code for each in again.warnings]
    assert first.id is not None
    rotated = await client.webhooks.rotate(first.id, overlap_hours=0)
    assert rotated.secret not in (None, first.secret)
    (listed,) = [each async for each in client.webhooks.list()]
    assert listed == await client.webhooks.read(first.id)
    assert rotated.public_key == listed.public_key
    await client.webhooks.change(first.id, {"active": False}, version=listed.version)
    message = await client.webhooks.test(first.id)
    assert message == await client.webhooks.message(first.id, message.id)
    assert [message] == [each async for each in client.webhooks.messages(first.id, state="waiting")]
    assert message.id == (await client.webhooks.redeliver(first.id, message.id)).id
    assert (await client.webhooks.redeliver_range(first.id, {"from": "2026-01-01T00:00:00Z"})).redelivering
    assert 0 == (await client.webhooks.health(first.id)).failures
    await client.webhooks.remove(first.id)
    with pytest.raises(NotFoundError):
        await client.webhooks.read(first.id)


async def test_what_is_no_object_is_read_as_it_comes(shop: Shop) -> None:
    client = await client_of(shop, shop.scene.sellers[0])
    table = await client.read("/v1/crma/shares", format="csv")
    assert table == (await shop.ask("GET", "/v1/crma/shares?format=csv", by=shop.scene.sellers[0])).content
    assert isinstance(msgspec.json.decode(await client.read("/v1/feed")), list)
    with pytest.raises(UnreadableError):
        await client.get("/v1/crma/shares", format="csv")
