"""Whether this process is alive and ready for requests; without credentials, and without data about
anybody."""

import asyncio
from datetime import datetime, timedelta
from typing import Final, Literal

from msgspec import Struct

from market.http.wire.access import PUBLIC
from market.http.wire.door import Door
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint

TAG: Final = "Operations"
ASKED_AGAIN: Final = timedelta(seconds=1)
ANSWERED_SECONDS_MAX: Final = 3.0
"""`/readyz` answers within this time, and names a check that does not, before the caller gives up."""


class Liveness(Struct, frozen=True, kw_only=True):
    status: str


class Readiness(Struct, frozen=True, kw_only=True):
    """`failing` maps each check that fails to its sentence; `degraded`: requests are answered even so."""

    status: Literal["ok", "degraded", "failing"]
    checks: tuple[str, ...]
    failing: dict[str, str]


class Probe:
    """What the checks said last: no limit counts who asks, so they are asked once a second at most."""

    def __init__(self) -> None:
        self._asking = asyncio.Lock()
        self._asked_at: datetime | None = None
        self._failing: dict[str, str] = {}
        self._late: set[asyncio.Task[str | None]] = set()

    async def failing(self, door: Door) -> dict[str, str]:
        """The sentence of each check that fails."""
        async with self._asking:
            if self._asked_at is None or door.clock() - self._asked_at >= ASKED_AGAIN:
                found = await self._asked(door)
                self._failing = {name: sentence for name, sentence in found.items() if sentence is not None}
                self._asked_at = door.clock()
            return self._failing

    async def _asked(self, door: Door) -> dict[str, str | None]:
        """All at once; one that takes too long is ended, and not waited for."""
        asking = {name: asyncio.ensure_future(check.ask()) for name, check in door.checks.items()}
        if asking:
            await asyncio.wait(asking.values(), timeout=ANSWERED_SECONDS_MAX)
        found: dict[str, str | None] = {}
        for name, task in asking.items():
            if task.done():
                found[name] = task.result()
            else:
                found[name] = f"no answer within {ANSWERED_SECONDS_MAX:g} s"
                task.cancel()
                self._late.add(task)
                task.add_done_callback(self._late.discard)
        return found


@endpoint(
    "GET", "/livez", roles=PUBLIC, summary="The event loop runs", tag=TAG, answer=Liveness, metered=False
)
async def live(_call: Call[Nothing, Nothing]) -> Answer:
    return Answer(body=Liveness(status="ok"), headers={"Cache-Control": "no-store"})


@endpoint(
    "GET",
    "/readyz",
    roles=PUBLIC,
    summary="This process can answer requests",
    tag=TAG,
    metered=False,
    answer=Readiness,
    also=(503,),
    description="503 with the same body while its database, a migration or its clock is not well. A relay "
    "that is behind, or stopped, is `degraded`: what is recorded waits for it, whoever is asked. So is a "
    "database whose disk is full: reads are answered, and nothing is recorded.",
)
async def ready(call: Call[Nothing, Nothing]) -> Answer:
    probe: Probe = call.state.probe
    failing = await probe.failing(call.door)
    checks = call.door.checks
    away = any(checks[name].needed for name in failing)
    body = Readiness(
        status="failing" if away else "degraded" if failing else "ok",
        checks=tuple(sorted(checks)),
        failing=failing,
    )
    return Answer(body=body, status=503 if away else 200, headers={"Cache-Control": "no-store"})


HANDLERS: Final = (live, ready)
