"""Runs the demonstration: servers, services, orders over HTTP, a round, its audit from the topics."""

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import httpx
from msgspec import Struct, structs

from events.vocabulary import KeyRole
from market.client import Client
from market.demo.calendar import Calendar, calendar_of
from market.demo.clock import DemoClock
from market.demo.door import DemoError, way_in
from market.demo.orders import Posted, post_orders
from market.demo.stage import Progress, Stage, set_stage
from market.ground import Ground, Wiring, prepare, stand, wire
from market.http.wire.tokens import SECRET_BYTES
from market.operators import ensure_operator, issue_key
from market.services import LOCAL_SERVICES, run_services
from market.settings import Settings

START_SECONDS_MAX = 60.0
REMINDER_SECONDS = 5
KEY_VALID = timedelta(days=5 * 365)
HTTP_SECONDS_MAX = 30.0


class Running(Struct, frozen=True, kw_only=True):
    """The demonstration's servers and services, and the ways in of its operator and its auditor."""

    clock: DemoClock
    ground: Ground
    wiring: Wiring
    client: httpx.AsyncClient
    operator: Client
    auditor: Client


class Traded(Struct, frozen=True, kw_only=True):
    calendar: Calendar
    stage: Stage
    orders: list[Posted]


@asynccontextmanager
async def running(settings: Settings, clock: DemoClock, progress: Progress) -> AsyncIterator[Running]:
    """A fresh deployment with every service of it. What an earlier demonstration left is removed first."""
    now = clock()
    shutil.rmtree(settings.instance_dir, ignore_errors=True)
    async with AsyncExitStack() as servers:
        async with patiently(progress, "starting PostgreSQL and Kafka"):
            ground = await servers.enter_async_context(stand(settings))
            prepared = await prepare(ground)
        progress(f"{len(prepared.migrations)} migrations, {len(prepared.topics)} topics")
        async with wire(_unbounded(ground), clock) as wiring:
            stop = asyncio.Event()
            bound: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            services = asyncio.create_task(run_services(wiring, LOCAL_SERVICES, stop, bound=bound))
            try:
                await _until_bound(services, bound)
                progress(f"services running: {', '.join(LOCAL_SERVICES)}")
                async with httpx.AsyncClient(
                    base_url=f"http://127.0.0.1:{bound.result()}", timeout=HTTP_SECONDS_MAX
                ) as client:
                    yield Running(
                        clock=clock,
                        ground=ground,
                        wiring=wiring,
                        client=client,
                        operator=way_in(client, await _token(wiring, now, "operator"), "operator"),
                        auditor=way_in(client, await _token(wiring, now, "auditor"), "auditor"),
                    )
            finally:
                progress("stopping")
                stop.set()
                await services


def _unbounded(ground: Ground) -> Ground:
    """For a clock that is moved on."""
    return structs.replace(ground, settings=ground.settings.model_copy(update={"clock_ahead_seconds_max": 0}))


@asynccontextmanager
async def patiently(progress: Progress, what: str) -> AsyncIterator[None]:
    """Says what is being done, and again now and then while it takes long."""
    progress(what)

    async def remind() -> None:
        for waited_seconds in count(REMINDER_SECONDS, REMINDER_SECONDS):
            await asyncio.sleep(REMINDER_SECONDS)
            progress(f"{what}: {waited_seconds} s so far")

    reminder = asyncio.create_task(remind())
    try:
        yield
    finally:
        reminder.cancel()


async def _until_bound(services: asyncio.Task[None], bound: asyncio.Future[int]) -> None:
    waiting: list[asyncio.Future[Any]] = [services, bound]
    await asyncio.wait(waiting, timeout=START_SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED)
    if not bound.done():
        raise DemoError("the API did not start; the log above says why")


async def _token(wiring: Wiring, now: datetime, role: KeyRole) -> str:
    """Of a key of the operator's organisation."""
    operator = await ensure_operator(wiring.desk, wiring.deployment.deployment_id, now)
    minted = await issue_key(
        wiring.desk,
        operator,
        operator.organisation,
        roles=(role,),
        label=f"demonstration {role}",
        expires_at=now + KEY_VALID,
        secret=secrets.token_bytes(SECRET_BYTES),
    )
    return minted.token


async def trade(place: Running, seed: int, progress: Progress) -> Traded:
    """Set the stage and post every order."""
    calendar = calendar_of(place.clock())
    stage = await set_stage(place.client, place.operator, calendar, progress)
    return Traded(calendar=calendar, stage=stage, orders=await post_orders(stage, calendar, seed, progress))
