"""The services of `lodestone run`: any of them in one process, each restarted when it fails, without
affecting the others."""

import asyncio
import gc
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

import structlog

from contracts.follower import NAME as FOLLOWER
from contracts.follower import Follower
from contracts.timers import Timers as AgreementTimers
from events.clock_bounds import UNBOUNDED
from events.decision import LaneKey
from events.envelope import Recorded
from events.handling import Batch, Handler, Keeper
from events.ids import new_id
from events.older_journal import close_lanes
from events.publishing import TopicWriter
from events.relay import Relay
from events.subscription import DEFAULT_LIMITS, Subscription
from events.vocabulary import STREAMS
from market.audit.auditor import ChainFollower
from market.audit.schedule import audit_now_and_then
from market.children import LocalServerError
from market.feed_retention import FeedRetention
from market.feed_writer import FeedWriter
from market.ground import Wiring, clock, new_salt
from market.kept_keys import publisher_key
from market.matcher import Matcher
from market.metrics import SERVICE_FAILURES, SERVICE_UP
from market.partner_topics import PartnerTopics
from market.projector import Projector
from market.publisher import (
    DealTape,
    LotTape,
    Publisher,
    Register,
    Tape,
)
from market.request_retention import RequestRetention
from market.sealing import AUDITOR, run_signer, run_witness
from market.solver import Solver
from market.stopping import STOP_SECONDS_MAX, until
from market.store.applying import apply
from market.store.feed import PUBLISHER
from market.store.views import PROJECTOR
from market.timers import Timers, count_command, show_refused
from market.topic_settings import watch_topics
from market.topics import create_partner_topic
from market.watch import watch

log = structlog.get_logger("lodestone.services")

SERVICES: Final = (
    "api", "relay", "matcher", "follower", "timers", "projector", "publisher", "auditor", "signer", "imports",
    "webhooks",
)  # fmt: skip
LOCAL_SERVICES: Final = (*SERVICES, "witness")
"""The services of `lodestone up`, including a local witness for demonstration."""
RESTART_SECONDS_MIN: Final = 0.5
RESTART_SECONDS_MAX: Final = 15.0
YOUNG_OBJECTS_MAX: Final = 100_000

Service = Callable[[Wiring, asyncio.Event], Awaitable[None]]
"""Runs until the event is set; may raise, and is then started again."""


def collect_less() -> None:
    """Makes garbage collection rarer; call once a process with services has started.

    A batch of records is thousands of objects, all in use until it ends: a collection every 700 objects finds
    nothing and takes much of a reader's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS_MAX, 20, 50)


async def run_services(
    wiring: Wiring, names: Sequence[str], stop: asyncio.Event, *, bound: "asyncio.Future[int] | None" = None
) -> None:
    """Runs services until `stop`; `bound` is called with the API's port.

    ValueError for an unknown name, LocalServerError when the API's address is not available: then none
    starts.
    """
    unknown = sorted(set(names) - set(LOCAL_SERVICES))
    if unknown:
        raise ValueError(f"no services: {', '.join(unknown)}; there are {', '.join(LOCAL_SERVICES)}")

    services = {name: _service(name) for name in names if name != "api"}
    api = None
    if "api" in names:
        from market.serving import Api  # noqa: PLC0415  litestar and all routes

        api = Api(wiring.settings, bound)
        services["api"] = api.run
    tasks: list[asyncio.Task[None]] = []
    try:
        if "relay" in names:
            await _close_lanes(wiring.acting_as("relay"))
        if wiring.clock is clock and wiring.clock_bound == UNBOUNDED:
            log.warning("clock_unbounded", setting="LODESTONE_CLOCK_AHEAD_SECONDS_MAX")
        for name in names:
            kept = _keep(name, services[name], wiring.acting_as(name), stop)
            tasks.append(asyncio.create_task(kept, name=f"service-{name}"))
        tasks.append(asyncio.create_task(watch(wiring, stop), name="watch"))
        await stop.wait()
        _, late = await asyncio.wait(tasks, timeout=STOP_SECONDS_MAX)
        for task in late:
            log.warning("service_stopped_late", service=task.get_name())
    finally:
        if api is not None:
            api.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep(name: str, service: Service, wiring: Wiring, stop: asyncio.Event) -> None:
    """Restarts a service that ends by an error, with an alarm; the others are not affected."""
    pause = RESTART_SECONDS_MIN
    while not stop.is_set():
        SERVICE_UP.labels(name).set(1)
        started = time.monotonic()
        try:
            await service(wiring, stop)
        except Exception as error:
            SERVICE_FAILURES.labels(name).inc()
            sentence = str(error) if isinstance(error, LocalServerError) else None
            log.exception(
                "service_failed",
                service=name,
                error=sentence or repr(error),
                again_in_seconds=pause,
                exc_info=sentence is None,
            )
        SERVICE_UP.labels(name).set(0)
        if time.monotonic() - started > RESTART_SECONDS_MAX:
            pause = RESTART_SECONDS_MIN
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)
        pause = min(pause * 2, RESTART_SECONDS_MAX)


# --- the record


async def _close_lanes(wiring: Wiring) -> None:
    """Before any service of this process writes."""
    ground = wiring.ground
    await close_lanes(wiring.relay, ground.consumer, ground.cluster_id, wiring.prefix)


async def _run_relay(wiring: Wiring, stop: asyncio.Event) -> None:
    ground = wiring.ground
    relay = Relay(
        wiring.relay,
        ground.producer,
        ground.consumer,
        ground.cluster_id,
        owner=wiring.owner,
        topic_prefix=wiring.prefix,
    )
    looking = watch_topics(ground.bootstrap, wiring.deployment.lanes, stop, prefix=wiring.prefix)
    watching = asyncio.create_task(looking, name="relay-topics")
    try:
        await until(stop, relay.run, relay.stop)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


class Told:
    """A handler that logs one line per handled event; for a `Keeper`, when its batch is complete."""

    def __init__(self, handler: Handler, bound: structlog.typing.FilteringBoundLogger) -> None:
        self._handler = handler
        self._log = bound

    async def handle(self, batch: Batch) -> None:
        if isinstance(self._handler, Keeper) and not batch.kept:
            batch.kept = await self._kept(self._handler, batch.events)
        await self._handler.handle(batch)
        for event in batch.events:
            self._log.info(
                "event_handled",
                stream=event.stream,
                lane=event.lane,
                position=event.position,
                type=event.type,
                event_id=str(event.id),
            )

    async def _kept(self, keeper: Keeper, events: Sequence[Recorded]) -> list[Any]:
        """As many at a time as without a log, so that others have their turns between."""
        kept: list[Any] = []
        for first in range(0, len(events), DEFAULT_LIMITS.slice_records):
            kept += keeper.keep(events[first : first + DEFAULT_LIMITS.slice_records])
            await asyncio.sleep(0)
        return kept


def subscription(
    wiring: Wiring,
    name: str,
    stream: str,
    handler: Handler,
    *,
    opened: Callable[[LaneKey, int], Awaitable[None]] | None = None,
    closed: Callable[[LaneKey], object] | None = None,
    pool: Any = None,
) -> Subscription:
    """A reader of this process's share of the lanes of a stream."""
    ground = wiring.ground
    bound = log.bind(reader=name)
    return Subscription(
        name,
        stream,
        wiring.lanes,
        Told(handler, bound) if bound.is_enabled_for(logging.INFO) else handler,
        wiring.writer if pool is None else pool,
        ground.client,
        ground.cluster_id,
        owner=wiring.owner,
        topic_prefix=wiring.prefix,
        opened=opened,
        closed=closed,
    )


async def _run_all(stop: asyncio.Event, readers: Sequence[Subscription]) -> None:
    async with asyncio.TaskGroup() as group:
        for reader in readers:
            group.create_task(until(stop, reader.run, reader.stop))


# --- the market


async def _run_matcher(wiring: Wiring, stop: asyncio.Event) -> None:
    settings = wiring.settings
    solver = Solver(seconds_max=settings.round_seconds_max, children_max=settings.round_processes_max)
    await solver.start()
    try:
        matcher = Matcher(wiring.writer, solver, source=wiring.source)
        reader = subscription(
            wiring, "matcher", "market", matcher, opened=matcher.opened, closed=matcher.closed
        )
        await _run_all(stop, [reader])
    finally:
        await solver.stop()


async def _run_follower(wiring: Wiring, stop: asyncio.Event) -> None:
    follower = Follower(apply=apply, source=wiring.source, new_id=new_id, new_salt=new_salt)
    await _run_all(stop, [subscription(wiring, FOLLOWER, "market", follower)])


async def _run_timers(wiring: Wiring, stop: asyncio.Event) -> None:
    operator = wiring.deployment.deployment_id
    days = wiring.settings.feed_days
    retention = FeedRetention(wiring.writer, days=days, clock=wiring.clock, bound=wiring.clock_bound)
    async with asyncio.TaskGroup() as group:
        if days:
            group.create_task(retention.run(stop))
        if keys_days := wiring.settings.idempotency_days:
            keys = RequestRetention(wiring.writer, days=keys_days, clock=wiring.clock)
            group.create_task(keys.run(stop))
        market = Timers(wiring.desk, operator, clock=wiring.clock)
        agreements = AgreementTimers(wiring.desk, operator, count_command, show_refused, clock=wiring.clock)
        group.create_task(market.run(stop))
        group.create_task(agreements.run(stop))


async def _run_projector(wiring: Wiring, stop: asyncio.Event) -> None:
    await _run_all(stop, [subscription(wiring, PROJECTOR, "market", Projector())])


async def _run_publisher(wiring: Wiring, stop: asyncio.Event) -> None:
    tape = TopicWriter(wiring.ground.producer)
    partners = PartnerTopics(
        wiring.writer,
        tape,
        partial(create_partner_topic, wiring.ground.bootstrap),
        owner=wiring.owner,
        topic_prefix=wiring.prefix,
    )
    writer = FeedWriter(wiring.writer, owner=wiring.owner)
    given: dict[str, Any] = {
        "public_id_key": publisher_key(wiring.settings),
        "topic_prefix": wiring.prefix,
    }
    handlers: dict[str, Publisher[Any]] = {
        "market": Publisher(wiring.writer, writer, tape, partners, Tape, **given),
        "contracts": Publisher(wiring.writer, writer, tape, partners, DealTape, **given),
        "parties": Publisher(wiring.writer, writer, tape, partners, Register, **given),
        "materials": Publisher(wiring.writer, writer, tape, partners, LotTape, **given),
    }
    readers = [
        subscription(wiring, PUBLISHER, stream, handler, opened=handler.opened, closed=handler.closed)
        for stream, handler in handlers.items()
    ]
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(partners.run(stop))
            group.create_task(_run_all(stop, readers))
    finally:
        await tape.close()


async def _run_auditor(wiring: Wiring, stop: asyncio.Event) -> None:
    """The auditor: the subscription checks every lane's chain as it grows; a broken lane is stopped.

    In addition, everything is audited from the beginning at intervals.
    """
    readers = [
        subscription(wiring, AUDITOR, stream, ChainFollower(), pool=wiring.auditor) for stream in STREAMS
    ]
    async with asyncio.TaskGroup() as group:
        group.create_task(_run_all(stop, readers))
        group.create_task(audit_now_and_then(wiring, stop))


_SERVICES: Final[dict[str, Service]] = {
    "relay": _run_relay,
    "matcher": _run_matcher,
    "follower": _run_follower,
    "timers": _run_timers,
    "projector": _run_projector,
    "publisher": _run_publisher,
    "auditor": _run_auditor,
    "signer": run_signer,
    "witness": run_witness,
}


def _service(name: str) -> Service:
    """Imports a service's modules only when it is used, since imports are the longest part of a start."""
    if name == "imports":
        from market.imports import run_imports  # noqa: PLC0415  openpyxl

        return run_imports
    if name == "webhooks":
        from market.webhooks import run_webhooks  # noqa: PLC0415  aiohttp

        return run_webhooks
    return _SERVICES[name]
