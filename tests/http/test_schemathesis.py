"""Schemathesis over the served document, with all checks, against the app on 127.0.0.1."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from structlog.testing import capture_logs

from events.vocabulary import KeyRole
from market.http.ids import to_text
from tests.http.shop import Shop

ALL_ROLES: tuple[KeyRole, ...] = ("admin", "compliance", "operator", "trader")
SECONDS_MAX = 160

# What a rule refuses although its form is right (409, 412, 422), and cursors that nobody sealed, are no breach.
# The coverage phase takes about 1,000 cases for the body of an order: four whose members others have leave it out.
CONFIG = """
[generation]
max-examples = {examples}
deterministic = true
with-security-parameters = false

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "304", "401", "403", "404", "409", "412", "422"]

[checks.missing_required_header]
expected-statuses = ["400", "401", "428"]

[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "412", "413", "415", "422", "428"]

[phases.stateful]
max-steps = 3
generation.max-examples = 4

[[operations]]
include-operation-id = [
  "patch_supply_offers_offer",
  "patch_recovered_lots_lot",
  "patch_requirements_requirement",
  "post_recovered_lots",
]
phases.coverage.enabled = false
"""


@asynccontextmanager
async def served(shop: Shop) -> AsyncIterator[str]:
    config = uvicorn.Config(
        shop.app,  # type: ignore[arg-type]
        host="127.0.0.1",
        port=0,
        loop="none",
        lifespan="off",
        log_config=None,
        access_log=False,
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve())
    try:
        while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await running


@pytest.mark.timeout(200)
async def test_no_generated_request_breaks_the_document(shop: Shop, tmp_path: Path) -> None:
    seller = shop.scene.sellers[0]
    token = await shop.token(seller, *ALL_ROLES)
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG.format(examples=os.environ.get("SCHEMATHESIS_EXAMPLES", "4")) + parameters(shop))
    with capture_logs() as lines:
        output, code = await run(shop, config, token, tmp_path)
    assert 0 == code, output
    assert {"http_request"} == {line["event"] for line in lines}
    assert token not in repr(lines)


async def run(shop: Shop, config: Path, token: str, folder: Path) -> tuple[str, int | None]:
    async with served(shop) as address:
        command = [
            *(str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(config), "--no-color"),
            *(
                "run",
                f"{address}/schema/openapi.json",
                "--checks",
                "all",
                "--workers",
                "2",
                "--warnings",
                "off",
            ),
            *("--phases", "examples,coverage,fuzzing,stateful", "--header", f"Authorization: Bearer {token}"),
            *("--continue-on-failure", "--no-shrink"),
        ]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=folder
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), SECONDS_MAX)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    return output.decode(), process.returncode


def parameters(shop: Shop) -> str:
    """Ids that exist, so that requests get past the first gate."""
    seller = shop.scene.sellers[0]
    known: dict[str, Any] = {
        "organisation": to_text("org", seller.organisation),
        "market": shop.market,
        "facility": to_text("fac", seller.facility),
    }
    lines = [f'"path.{name}" = "{value}"' for name, value in known.items()]
    return "\n[parameters]\n" + "\n".join(lines) + "\n"
