"""Processes and services that do not come to their work: what is told of it, and what is left open."""

import asyncio
import socket
import sys
from shutil import which
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from market.audit.lane_verdict import WHOLE
from market.audit.processes import AuditLost, _telling, audit_in_processes
from market.audit.share import Asked, AskedLane, untold
from market.children import LocalServerError
from market.services import run_services
from market.topics import TopicError

SEALS = 50_000
"""More than a pipe holds."""


async def test_a_process_of_an_audit_that_ends_before_it_reads_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", which("false"))
    seals = {number: bytes(32) for number in range(SEALS)}
    lane = AskedLane(
        stream="market", lane=0, size=SEALS, expected_end=None, seals=seals, anchors={}, bounds=WHOLE
    )
    asked = Asked(
        bootstrap="", prefix="", deployment_id=UUID(int=1), mode="chain", resolve=False, lanes=(lane,)
    )
    with pytest.raises(AuditLost, match=r"ended with code 1$"):
        async with asyncio.timeout(30):
            await audit_in_processes(asked, 1, untold, apart=True)


def test_a_fault_of_the_program_is_told_before_what_follows_on_it() -> None:
    lost, absent, fault = AuditLost("lost"), TopicError("absent"), KeyError("lane")
    assert fault is _telling([lost, absent, fault])
    assert lost is _telling([lost, absent])


async def test_services_that_cannot_begin_leave_nothing_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

    def acting_as(name: str) -> Any:
        if name == "relay":
            raise LocalServerError("no login")
        return wiring

    wiring = SimpleNamespace(
        settings=SimpleNamespace(http_host="127.0.0.1", http_port=port), acting_as=acting_as
    )
    before = asyncio.all_tasks()
    with pytest.raises(LocalServerError, match="no login"):
        await run_services(cast(Any, wiring), ("api", "relay"), asyncio.Event())
    assert before == asyncio.all_tasks()
    socket.create_server(("127.0.0.1", port)).close()
