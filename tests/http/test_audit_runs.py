"""Recorded audits through the door: for operators and auditors, page by page, and as a page to sign."""

from hashlib import sha256
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
from msgspec.structs import replace

from events.vocabulary import KeyRole
from market.audit.page import page
from market.audit.report import AuditReport, encode_report
from market.audit.schedule import run_of
from market.http.wire.ids import to_text
from market.pages import POLICY
from market.store import audit_runs
from market.store.audit_runs import RecordedBy
from tests.http.shop import Shop
from tests.rules.test_audit_page import HOSTILE, NOW, divergence, lane, report

SEEING: tuple[tuple[KeyRole, ...], ...] = (("operator",), ("auditor",))


async def recorded(database: Any, number: int, of: AuditReport, by: RecordedBy = "auditor") -> str:
    connection = await asyncpg.connect(database.dsn("auditor"))
    try:
        await audit_runs.insert(connection, run_of(UUID(int=number), of, by, NOW))
    finally:
        await connection.close()
    return to_text("run", UUID(int=number))


@pytest.mark.parametrize("roles", SEEING)
async def test_runs_are_listed_the_newest_first(
    shop: Shop, database: Any, roles: tuple[KeyRole, ...]
) -> None:
    wrong = report(lane(0), lane(1, divergence=divergence("a sentence")))
    ids = [
        await recorded(database, 1, report(lane(0), lane(2, records=0, position=0, sealed=0))),
        await recorded(database, 2, wrong, "command"),
        await recorded(database, 3, report(lane(0))),
    ]
    first = (await shop.ask("GET", "/v1/audit/runs?limit=2", by=shop.scene.sellers[0], roles=roles)).json()
    assert [ids[2], ids[1]] == [item["id"] for item in first["items"]]
    more = f"/v1/audit/runs?limit=2&cursor={first['next_cursor']}"
    second = (await shop.ask("GET", more, by=shop.scene.sellers[0], roles=roles)).json()
    assert ([ids[0]], None) == ([item["id"] for item in second["items"]], second["next_cursor"])
    diverging = first["items"][1]
    assert ("command", "diverges", "full") == tuple(
        diverging[name] for name in ("recorded_by", "verdict", "mode")
    )
    found = diverging["first_divergence"]
    assert ("a sentence", "a sentence") == (found["recorded"], found["expected"])
    (whole,) = second["items"]
    assert [{"lane": "market/0", "first": 1, "position": 28, "sealed": 20}] == whole["lanes"]
    assert (28, 20, 8, 1_500, 18) == tuple(
        whole[name] for name in ("records", "sealed", "tail", "elapsed_ms", "records_per_second")
    )
    assert "nothing diverges; complete to checkpoint 20" in whole["verdict_text"]
    one = (await shop.ask("GET", f"/v1/audit/runs/{ids[0]}", by=shop.scene.sellers[0], roles=roles)).json()
    assert one == {**whole, "report": one["report"]}
    assert "ab" * 32 == one["report"]["lanes"][0]["head"]


async def test_a_run_that_a_version_before_kept_is_read_and_printed(shop: Shop, database: Any) -> None:
    of = report(lane(0))
    run = await recorded(database, 1, of)
    kept = msgspec.json.decode(encode_report(of))
    del kept["payments"], kept["strangers"], kept["former_rule"]
    before = msgspec.json.encode(kept, order="sorted")
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        await connection.execute("update record.audit_run set report = $1", before)
    finally:
        await connection.close()
    paths = ("", f"/{run}", f"/{run}/report")
    answers = [
        await shop.ask("GET", f"/v1/audit/runs{path}", by=shop.scene.sellers[0], roles=("auditor",))
        for path in paths
    ]
    assert [200] * 3 == [answer.status_code for answer in answers]
    assert msgspec.json.decode(encode_report(of)) == answers[1].json()["report"]
    assert sha256(before).hexdigest() in answers[2].text


async def test_a_report_is_a_page_that_loads_nothing(shop: Shop, database: Any) -> None:
    of = report(lane(0), lane(1, divergence=divergence(HOSTILE)), text=HOSTILE)
    run = await recorded(database, 1, of)
    answer = await shop.ask(
        "GET", f"/v1/audit/runs/{run}/report", by=shop.scene.sellers[0], roles=("auditor",)
    )
    assert (200, page(of)) == (answer.status_code, answer.text)
    assert answer.headers["content-type"].startswith("text/html")
    assert (POLICY, "nosniff", "no-store") == tuple(
        answer.headers[name]
        for name in ("content-security-policy", "x-content-type-options", "cache-control")
    )
    assert "<script" not in answer.text


async def test_nobody_else_sees_them(shop: Shop, database: Any) -> None:
    run = await recorded(database, 1, report(lane(0)))
    for path in ("/v1/audit/runs", f"/v1/audit/runs/{run}", f"/v1/audit/runs/{run}/report"):
        assert 401 == (await shop.ask("GET", path)).status_code
        for roles in (("trader",), ("compliance", "admin")):
            answer = await shop.ask("GET", path, by=shop.scene.buyers[0], roles=roles)
            assert (403, "role_missing") == (answer.status_code, answer.json()["code"])
    missing = to_text("run", UUID(int=9))
    for path in (f"/v1/audit/runs/{missing}", f"/v1/audit/runs/{missing}/report", "/v1/audit/runs/run_1"):
        answer = await shop.ask("GET", path, by=shop.scene.sellers[0], roles=("operator",))
        assert 404 == answer.status_code


async def test_a_report_of_before_there_was_a_run_is_read(shop: Shop, database: Any) -> None:
    run = await recorded(database, 1, replace(report(lane(0)), run=None))
    answer = await shop.ask("GET", f"/v1/audit/runs/{run}", by=shop.scene.sellers[0], roles=("operator",))
    assert (200, None, 0) == (answer.status_code, answer.json()["started_at"], answer.json()["elapsed_ms"])
