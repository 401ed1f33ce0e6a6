"""`lodestone up` as a newcomer meets it: trade over HTTP, see the match, stop, start again, prove it."""

import asyncio
import json
import os
import signal
import socket
from typing import Any

import httpx
import pytest

from market.http.wire.examples import OFFER, REQUIREMENT
from market.settings import load
from tests.up_support import ANSWER_SECONDS_MAX, Up, ran, start

pytestmark = pytest.mark.timeout(300)


async def matches_of(up: Up, who: str) -> list[dict[str, Any]]:
    for _ in range(200):
        answer = await up.ask(who, "GET", "/v1/matches")
        assert 200 == answer.status_code, answer.text
        if found := answer.json()["items"]:
            return list(found)
        await asyncio.sleep(0.1)
    raise AssertionError("no match within 20 s")


async def metrics_of(up: Up) -> str:
    async with httpx.AsyncClient(timeout=ANSWER_SECONDS_MAX) as client:
        return (await client.get(up.printed["metrics"])).text


async def a_head_is_signed(up: Up) -> None:
    for _ in range(300):
        if "lodestone_checkpoint_age_seconds NaN" not in await metrics_of(up):
            return
        await asyncio.sleep(0.2)
    raise AssertionError("no head was signed within a minute")


async def test_a_newcomer_trades_stops_starts_again_and_proves_it(instance: dict[str, str]) -> None:
    up = await start(instance)
    try:
        offer = await up.ask("seller", "POST", "/v1/supply-offers", up.body(OFFER, "seller"))
        assert 201 == offer.status_code, offer.text
        thorium = {"analyte": "Th", "max": {"unit": "ppm", "amount": "50"}}
        wanted = up.body(REQUIREMENT, "buyer", commitment="firm", limits=[thorium], penalties=[])
        requirement = await up.ask("buyer", "POST", "/v1/requirements", wanted)
        assert 201 == requirement.status_code, requirement.text
        candidates = await up.ask("buyer", "GET", f"/v1/requirements/{requirement.json()['id']}/candidates")
        assert 200 == candidates.status_code, candidates.text
        path = f"/v1/markets/{up.printed['market']}/clearings"
        planned = await up.ask("operator", "POST", path, {})
        assert 201 == planned.status_code, planned.text
        (seen_by_seller,) = await matches_of(up, "seller")
        (seen_by_buyer,) = await matches_of(up, "buyer")
        assert seen_by_seller["id"] == seen_by_buyer["id"]
        explained = await up.ask("buyer", "GET", f"/v1/matches/{seen_by_buyer['id']}")
        assert 200 == explained.status_code, explained.text
        ready = await up.ask("seller", "GET", "/readyz")
        assert (200, "ok") == (ready.status_code, ready.json()["status"])
        assert 404 == (await up.ask("seller", "GET", "/metrics")).status_code
        metrics = await metrics_of(up)
        assert 'lodestone_service_up{service="matcher"} 1.0' in metrics
        assert 'lodestone_clearings_total{outcome="ClearingCompleted"} 1.0' in metrics
        assert "lodestone_relay_oldest_unpublished_seconds" in metrics
        code, out, err = await ran(instance, "up")
        assert (5, "", True) == (code, out, "stop it, or set another LODESTONE_INSTANCE" in err)
        assert 200 == (await up.ask("seller", "GET", "/v1/markets")).status_code
        await a_head_is_signed(up)
    finally:
        await up.stop()

    await assert_a_record_does_not_go_on_without_its_keys(instance)
    again = await start(instance)
    try:
        assert up.printed["market"] == again.printed["market"]
        assert up.printed["seller_key"] != again.printed["seller_key"]
        kept = await again.ask("seller", "GET", f"/v1/supply-offers/{offer.json()['id']}")
        assert 200 == kept.status_code, kept.text
        old = {"Authorization": f"Bearer {up.printed['seller_key']}"}
        async with httpx.AsyncClient(timeout=ANSWER_SECONDS_MAX) as client:
            refused = await client.get(f"{again.printed['api']}/matches", headers=old)
        assert 401 == refused.status_code
        verdicts = await asyncio.gather(
            ran(instance, "audit", "--json"), ran(instance, "replay"), ran(instance, "doctor")
        )
        assert [0, 0, 0] == [code for code, _, _ in verdicts], verdicts
        report = json.loads(verdicts[0][1])
        assert 1 == report["clearings"]
        assert "tables equal" in verdicts[1][1]
        await assert_a_broker_that_dies_is_told_in_one_sentence(again, instance)
    finally:
        if again.child.returncode is None:
            await again.stop()


async def assert_a_record_does_not_go_on_without_its_keys(instance: dict[str, str]) -> None:
    folder = load(instance=instance["LODESTONE_INSTANCE"]).instance_dir
    keys = [folder / "keys" / "checkpoint.key", folder / "publisher.key"]
    for key in keys:
        key.rename(key.with_suffix(".elsewhere"))
    code, out, err = await ran(instance, "up")
    assert (5, "") == (code, out)
    assert [True, True] == [f"{key} " in err.splitlines()[-1] for key in keys], err
    assert [False, False] == [key.exists() for key in keys]
    for key in keys:
        key.with_suffix(".elsewhere").rename(key)


async def assert_a_broker_that_dies_is_told_in_one_sentence(up: Up, instance: dict[str, str]) -> None:
    folder = load(instance=instance["LODESTONE_INSTANCE"]).instance_dir
    os.kill(int((folder / "kafka" / "pid").read_text()), signal.SIGKILL)
    _, err = await asyncio.wait_for(up.child.communicate(), 60)
    *lines, last = err.decode().splitlines()
    assert f"error: Kafka ended by itself (killed by SIGKILL); its log is {folder / 'kafka.log'}" == last
    assert 5 == up.child.returncode
    assert [] == [line for line in lines if "Traceback" in line or "never retrieved" in line]


async def test_a_taken_port_is_told_in_one_sentence(instance: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment = instance | {"LODESTONE_HTTP_PORT": str(port)}
        told = [await ran(environment, *arguments) for arguments in (("up",), ("run", "relay", "api"))]
    assert [(5, "")] * 2 == [(code, out) for code, out, _ in told]
    sentence = f"error: the API cannot listen on 127.0.0.1:{port} (Address already in use); "
    for _, _, err in told:
        assert sentence + "LODESTONE_HTTP_PORT names another port" == err.splitlines()[-1]
        assert "Traceback" not in err
