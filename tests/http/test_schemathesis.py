"""Schemathesis over the served document, with all checks, against the app on 127.0.0.1."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from structlog.testing import capture_logs
from uuid_utils.compat import uuid7

from events.vocabulary import KeyRole
from market.commands import passports
from market.http.wire.ids import to_text
from market.rules.passports.passports import IssuePassport
from tests.http.narrowing import narrowed
from tests.http.shop import Shop
from tests.market_drafts import Firm
from tests.passport_support import content

# Python 3.11 fails in `ast.parse` when a collection calls back meanwhile, which hypothesis asks for.
WITHOUT_GC = "import gc; gc.disable(); from schemathesis.cli import schemathesis; schemathesis()"
# Proxies, logins and certificates that an environment names are looked for at each of the requests.
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "NETRC": os.devnull,
    # What characters there are is kept here, and else found anew by each of the parts.
    "HYPOTHESIS_STORAGE_DIRECTORY": str(Path(__file__).parents[2] / ".hypothesis"),
}
OUTPUT_CHARACTERS_MAX = 8_000
DEEP = "SCHEMATHESIS_EXAMPLES" in os.environ
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "4")
ALL_ROLES: tuple[KeyRole, ...] = ("admin", "compliance", "operator", "trader")
SECONDS_MAX = 225 * int(EXAMPLES)

PARTS = {
    "agreements": ["--include-path-regex", "^/v1/agreements"],
    "passports": ["--include-path-regex", "^/v1/(passports|transformations)"],
    "others": ["--exclude-path-regex", "^/v1/(agreements|passports|transformations)"],
}

# No breach: what a rule refuses although its form is right (409, 412, 422), and cursors that nobody sealed.
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

# No schema says which text is a file of values, and which parameters go with a kind of file.
[[operations]]
include-path-regex = "^/v1/(indices/.code./files|imports)$"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "401", "403", "404", "409", "422", "429"]

[phases.stateful]
max-steps = 3
generation.max-examples = 4
"""


@asynccontextmanager
async def served(shop: Shop) -> AsyncIterator[str]:
    config = uvicorn.Config(
        shop.app,
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


@pytest.mark.timeout(SECONDS_MAX + 40)
@pytest.mark.parametrize("part", PARTS)
async def test_no_generated_request_breaks_the_document(shop: Shop, tmp_path: Path, part: str) -> None:
    """In parts, none too long: the bodies of agreements and of passports are the largest by far.

    `make test-deep` generates the whole of every body, this one what bodies have in common once.
    """
    seller = shop.scene.sellers[0]
    token = await shop.token(seller, *ALL_ROLES)
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG.format(examples=EXAMPLES) + parameters(shop, await passport_of(shop, seller)))
    served = (await shop.client.get("/schema/openapi.json")).json()
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(served if DEEP else narrowed(served)))
    with capture_logs() as lines:
        output, code = await run(shop, config, token, tmp_path, part)
    assert 0 == code, output[-OUTPUT_CHARACTERS_MAX:]
    assert {"http_request"} == {line["event"] for line in lines} - {"whole_book_read"}
    assert token not in repr(lines)


async def run(shop: Shop, config: Path, token: str, folder: Path, part: str) -> tuple[str, int | None]:
    async with served(shop) as address:
        command = [sys.executable, "-c", WITHOUT_GC, "--config-file", str(config), "--no-color"]
        command += ["run", "openapi.json", "--url", address, "--checks", "all", "--workers", "1"]
        command += [
            "--phases",
            "examples,coverage,fuzzing,stateful",
            "--header",
            f"Authorization: Bearer {token}",
        ]
        command += PARTS[part]
        command += ["--continue-on-failure", "--no-shrink", "--warnings", "off"]
        process = await asyncio.create_subprocess_exec(
            *command,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=folder,
            env=ENVIRONMENT,
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), SECONDS_MAX)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    return output.decode(), process.returncode


async def passport_of(shop: Shop, firm: Firm) -> str:
    found = uuid7()
    argument = IssuePassport(caller=firm.trader, passport=found, content=content(firm.facility))
    await passports.issue(shop.scene.desk, argument)
    return to_text("pass", found)


def parameters(shop: Shop, passport: str) -> str:
    """Ids that exist, so that requests get past the first gate."""
    seller = shop.scene.sellers[0]
    known: dict[str, Any] = {
        "organisation": to_text("org", seller.organisation),
        "market": shop.market,
        "facility": to_text("fac", seller.facility),
        "initiative": "remhub",
        "passport": passport,
    }
    lines = [f'"path.{name}" = "{value}"' for name, value in known.items()]
    return "\n[parameters]\n" + "\n".join(lines) + "\n"
