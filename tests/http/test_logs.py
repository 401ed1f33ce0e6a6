"""One canonical line per request, and no secret in any line."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from structlog.testing import capture_logs

from market.http.parties import facilities
from market.http.wire.ids import to_text
from market.store import markets
from tests.http.shop import Shop


async def test_every_request_leaves_one_line(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    await shop.token(seller)
    with capture_logs() as lines:
        posted = await shop.ask("POST", "/v1/supply-offers", by=seller, body=shop.offer_body(seller))
        await shop.ask(
            "POST", "/v1/supply-offers?validate_only=true", by=seller, body=shop.offer_body(seller)
        )
        await shop.ask("HEAD", "/v1/markets", by=seller)
        await shop.client.get("/v1/markets")
        await shop.client.get("/nowhere")
    assert ["http_request"] * 5 == [line["event"] for line in lines]
    first = lines[0]
    assert ("POST", "/v1/supply-offers", 201, str(seller.organisation), "trader") == tuple(
        first[name] for name in ("method", "route", "status", "organisation", "roles")
    )
    receipt = posted.json()["receipts"][0]
    assert ("market", receipt["lane"], receipt["position"]) == tuple(
        first[name] for name in ("stream", "lane", "position")
    )
    assert posted.headers["x-request-id"] == first["request_id"]
    assert [True, None] == [line.get("validate_only") for line in (lines[1], lines[0])]
    assert ["HEAD", "unauthenticated", "unknown_path"] == [
        lines[2]["method"],
        lines[3]["codes"],
        lines[4]["codes"],
    ]


async def test_an_auditors_reads_say_what_was_read(shop: Shop) -> None:
    scene = shop.scene
    auditor = await scene.register("auditor")
    offer = await scene.offer(scene.sellers[0])
    await shop.token(auditor, "auditor")
    paths = {
        f"/v1/supply-offers/offer_{offer.hex}": {"offer": str(offer)},
        f"/v1/supply-offers/offer_{offer.hex}/candidates": {"offer": str(offer)},
        f"/v1/markets/{shop.market}/members/org_{scene.buyers[0].organisation.hex}": {
            "market": str(scene.market),
            "organisation": str(scene.buyers[0].organisation),
        },
        "/v1/matches": None,
    }
    with capture_logs() as lines:
        for path in paths:
            answer = await shop.ask("GET", path, by=auditor, roles=("auditor",))
            assert 200 == answer.status_code, answer.text
    assert list(paths.values()) == [line.get("objects") for line in lines]
    assert {("auditor", str(auditor.organisation))} == {
        (line["roles"], line["organisation"]) for line in lines
    }


async def test_no_secret_stands_in_any_line(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    seller = shop.scene.sellers[0]
    token = await shop.token(seller)
    admin = await shop.token(seller, "admin")
    path = f"/v1/organisations/org_{seller.organisation.hex}/keys"
    with capture_logs() as lines:
        issued = await shop.ask(
            "POST",
            path,
            by=seller,
            roles=("admin",),
            body={"label": "desk", "roles": ["trader"], "expires_at": "2026-12-01T00:00:00Z"},
        )
        await shop.ask(
            "POST", "/v1/supply-offers", by=seller, body=shop.offer_body(seller, payment_terms="s3cret")
        )
        await shop.client.get(f"/v1/markets?key={token}", headers={"Authorization": f"Bearer {token}"})
        await shop.client.get(f"/v1/{token}", headers={"Authorization": f"Bearer {token}x"})
        monkeypatch.setattr(markets, "READ_PAGE", "select broken from")
        await shop.ask("GET", "/v1/markets", by=seller)
    text = repr(lines)
    for secret in (token, admin, issued.json()["token"], token.split("_")[3], "s3cret", "69.00"):
        assert secret not in text


SPOKEN = """
import logging
import structlog
from market.logs import configure
from market.settings import load
configure(load(log_format="json"))
logging.getLogger("uvicorn.error").warning("Invalid %s received.", "request")
log = structlog.get_logger()
log.info("lone", surrogate="\\ud800")
log.info("wide", count=2**80, at=object)
def verify(token):
    1 / 0

try:
    verify("s3" + "cret")
except ZeroDivisionError:
    log.exception("failed", lanes=(1, 2))
"""


def test_a_line_is_json_whatever_stands_in_it() -> None:
    spoken = subprocess.run([sys.executable, "-c", SPOKEN], capture_output=True, check=True, timeout=60)
    library, lone, wide, failed = (json.loads(line) for line in spoken.stderr.splitlines())
    assert ("Invalid request received.", "uvicorn.error", "warning") == tuple(
        library[name] for name in ("event", "logger", "level")
    )
    assert ("lone", "\ud800", "info") == (lone["event"], lone["surrogate"], lone["level"])
    assert (2**80, "<class 'object'>") == (wide["count"], wide["at"])
    assert ("error", [1, 2]) == (failed["level"], failed["lanes"])
    assert "ZeroDivisionError" == failed["exception"][0]["exc_type"]
    assert ["<module>", "verify"] == [frame["name"] for frame in failed["exception"][0]["frames"]]
    assert b"s3cret" not in spoken.stderr
    assert failed["time"].endswith("Z")


UNWRITTEN = """
import logging
import resource
import sys
import structlog
from market.logs import configure
from market.metrics import LOG_LINES_LOST
from market.settings import load
configure(load(log_format=sys.argv[1]), lost=LOG_LINES_LOST.inc)
log = structlog.get_logger()
log.info("before")
most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, most))
for number in range(500):
    log.info("full", number=number, filled="x" * 100)
    logging.getLogger("library").warning("full %d", number)
lost = LOG_LINES_LOST.collect()[0].samples[0].value
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
log.info("after", lost=lost)
"""


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_log_that_cannot_be_written_costs_its_lines_alone(tmp_path: Path, form: str) -> None:
    """No line is cut where the room ended; once there is room again it says how many are missing."""
    file = tmp_path / "log"
    with file.open("wb") as log:
        subprocess.run([sys.executable, "-c", UNWRITTEN, form], stderr=log, check=True, timeout=60)
    lines = file.read_text().splitlines()
    kept = [line for line in lines if "full" in line]
    assert "before" in lines[0]
    assert 0 < len(kept) < 1_000
    assert all("full" in line for line in lines[1:-2])
    assert "log_lines_lost" in lines[-2]
    assert "after" in lines[-1]
    if form == "json":
        *_, told, after = map(json.loads, lines)
        assert ("warning", 1_000 - len(kept)) == (told["level"], told["lines"])
        assert told["lines"] == after["lost"]


def test_a_log_whose_reader_has_gone_ends_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as log:
        subprocess.run([sys.executable, "-c", UNWRITTEN, "json"], stderr=log, check=True, timeout=60)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConnectionRefusedError, "record_unavailable"),
        (asyncpg.ConnectionDoesNotExistError, "record_unavailable"),
        (TimeoutError, "record_unavailable"),
    ],
)
async def test_a_server_that_does_not_answer_is_503(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, error: type[Exception], code: str
) -> None:
    async def gone(*_: Any, **__: Any) -> None:
        raise error("it does not answer")

    seller = shop.scene.sellers[0]
    await shop.token(seller)
    monkeypatch.setattr(markets, "load_market", gone)
    answer = await shop.ask("GET", f"/v1/markets/{shop.market}", by=seller)
    assert (503, code, "1") == (
        answer.status_code,
        answer.json()["code"],
        answer.headers["retry-after"],
    )


async def test_a_change_without_a_database_is_503(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    offer = f"/v1/supply-offers/{to_text('offer', await shop.scene.offer(seller))}"
    site = f"/v1/organisations/{to_text('org', seller.organisation)}/facilities"
    changes: list[tuple[str, str, dict[str, Any]]] = [
        ("DELETE", offer, {"version": (await shop.ask("GET", offer, by=seller)).headers["etag"]}),
        ("POST", f"/v1/matches/{to_text('match', UUID(int=7))}/confirm", {}),
        ("POST", site, {"roles": ("admin",), "body": facilities.EXAMPLE}),
    ]
    for roles in ("trader", "admin"):
        await shop.token(seller, roles)
    found = [await shop.ask(method, path, by=seller, **more) for method, path, more in changes]
    assert [200, 404, 201] == [answer.status_code for answer in found], [answer.text for answer in found]
    shop.scene.pool.terminate()
    for method, path, more in changes:
        answer = await shop.ask(method, path, by=seller, **more)
        assert (path, 503, "record_unavailable") == (path, answer.status_code, answer.json()["code"])


async def test_an_unforeseen_error_is_a_problem_without_its_text(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("the secret reason")

    seller = shop.scene.sellers[0]
    await shop.token(seller)
    monkeypatch.setattr(markets, "load_market", broken)
    with capture_logs() as lines:
        answer = await shop.ask("GET", f"/v1/markets/{shop.market}", by=seller)
    assert (500, "application/problem+json", "internal_error") == (
        answer.status_code,
        answer.headers["content-type"],
        answer.json()["code"],
    )
    assert "secret reason" not in answer.text
    assert ["http_unhandled", "http_request"] == [line["event"] for line in lines]
    assert isinstance(lines[0]["exc_info"], ZeroDivisionError)
    assert answer.headers["x-request-id"] == lines[0]["request_id"]
