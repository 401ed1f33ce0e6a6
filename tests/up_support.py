"""`lodestone` as a process of its own, and `lodestone up` as one that serves."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx

from market.http.wire.examples import FACILITY, MARKET

numbers = count(1)

ANSWER_SECONDS_MAX = 60
"""The first answers of services that have only begun take long where many processes begin at once."""


async def lodestone(environment: dict[str, str], *arguments: str) -> Process:
    command = [sys.executable, "-m", "market", *arguments]
    return await asyncio.create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=PIPE)


async def ran(environment: dict[str, str], *arguments: str) -> tuple[int | None, str, str]:
    child = await lodestone(environment, *arguments)
    out, err = await asyncio.wait_for(child.communicate(), 120)
    return child.returncode, out.decode(), err.decode()


class Up:
    """A running `lodestone up` and what it printed."""

    def __init__(self, child: Process, printed: dict[str, str]) -> None:
        self.child = child
        self.printed = printed

    async def ask(self, who: str, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.printed[f'{who}_key']}"}
        if method == "POST":
            headers["Idempotency-Key"] = f"key-{next(numbers)}"
        address = self.printed["api"].removesuffix("/v1")
        async with httpx.AsyncClient(base_url=address, timeout=ANSWER_SECONDS_MAX) as client:
            return await client.request(method, path, json=body, headers=headers)

    def body(self, example: dict[str, Any], who: str, **changes: Any) -> dict[str, Any]:
        """The documented example in this market, from this site, in a season that is still to come."""
        now = datetime.now(UTC)
        text = json.dumps(example).replace(MARKET, self.printed["market"])
        text = text.replace(FACILITY, self.printed[f"{who}_facility"])
        for documented, meant in (
            ("2027-04-01", now + timedelta(days=90)),
            ("2027-07-01", now + timedelta(days=180)),
            ("2027-03-15", now + timedelta(days=60)),
            ("2026-10-02", now - timedelta(days=30)),
            ("2028-01-01", now + timedelta(days=700)),
        ):
            text = text.replace(documented, f"{meant:%Y-%m-%d}")
        return {**json.loads(text), **changes}

    async def stop(self) -> None:
        self.child.send_signal(signal.SIGINT)
        _, err = await asyncio.wait_for(self.child.communicate(), 120)
        assert 0 == self.child.returncode, err.decode()


async def start(environment: dict[str, str]) -> Up:
    child = await lodestone(environment, "up", "--json")
    assert child.stdout is not None
    assert child.stderr is not None
    text = ""
    while not text.endswith("}\n"):
        line = await asyncio.wait_for(child.stdout.readline(), 150)
        assert line, (await child.stderr.read()).decode()
        text += line.decode()
    return Up(child, json.loads(text))
