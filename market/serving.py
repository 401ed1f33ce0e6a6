"""The API as a service: the dependencies of its handlers, and its server."""

import asyncio
import gc
import resource
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

import structlog
import uvicorn

from events.ids import new_id
from market.children import unheard
from market.ground import Wiring, webhook_reach
from market.http.app import create_app
from market.http.wire.access import KeyRing
from market.http.wire.credentials import find_credential
from market.http.wire.door import Door
from market.http.wire.feed_tail import FeedTail
from market.http.wire.limits import BODY_BYTES_MAX, CallerLimits, Quota
from market.http.wire.metrics import on_process_registry
from market.http.wire.paging import CursorSeal
from market.http.wire.sending import CONNECTIONS_MAX, limited
from market.http.wire.tokens import SECRET_BYTES
from market.kept_keys import publisher_key, webhook_key
from market.lookups import resolve
from market.settings import Settings
from market.solver import Solver
from market.stopping import STOP_SECONDS_MAX, until
from market.store.reading import DESK_SESSIONS
from market.watch import checks

log = structlog.get_logger("lodestone.services")

BACKLOG: Final = 2048
FILES_BESIDE: Final = 512
"""Open files reserved for everything except connections of the API."""
CLOSE_SECONDS_MAX: Final = int(STOP_SECONDS_MAX / 2)
"""Time for requests under way when it ends."""
WHAT_IF_SECONDS_MAX: Final = 30.0
WHAT_IFS_AT_ONCE: Final = 1
"""Rounds that an API process computes again at the same time, for quotes and trials of rule sets."""


class Api:
    """Listens from the beginning, so that an address in use is reported before anything starts.

    LocalServerError when the address is not available. `bound` is called with the port.
    """

    def __init__(self, settings: Settings, bound: "asyncio.Future[int] | None") -> None:
        self._settings = settings
        self._bound = bound
        self._first = [_listen(settings)]

    async def run(self, wiring: Wiring, stop: asyncio.Event) -> None:
        """Until the event is set; may be run again when it has failed."""
        with self._first.pop() if self._first else _listen(self._settings) as listening:
            await _run_api(wiring, stop, listening, self._bound)

    def close(self) -> None:
        """Stops listening if it never ran."""
        for unused in self._first:
            unused.close()


def door(wiring: Wiring, solver: Solver) -> Door:
    """The dependencies of the HTTP handlers."""
    settings = wiring.settings
    return Door(
        desk=wiring.desk,
        reader=wiring.reader,
        clock=wiring.clock,
        new_id=new_id,
        new_secret=partial(secrets.token_bytes, SECRET_BYTES),
        public_id_key=publisher_key(settings),
        topic_prefix=wiring.prefix,
        webhook_key=webhook_key(settings),
        reach=webhook_reach(settings),
        resolve=resolve,
        keys=KeyRing(partial(find_credential, wiring.reader), wiring.clock),
        seal=CursorSeal(settings.cursor_secret.get_secret_value()),
        limits=CallerLimits(Quota(requests=settings.http_requests_per_minute, burst=settings.http_burst_max)),
        strangers=CallerLimits(
            Quota(requests=settings.http_strangers_per_minute, burst=settings.http_strangers_per_minute),
            policy="address",
        ),
        solver=solver,
        metrics=on_process_registry(),
        feed=FeedTail(partial(wiring.ground.pool, "reader", 1, DESK_SESSIONS)),
        checks=checks(wiring),
        body_bytes_max=BODY_BYTES_MAX,
        public_url=settings.http_public_url,
        import_bytes_max=settings.import_bytes_max,
    )


class _Server(uvicorn.Server):
    """Leaves signals to the process, which stops all services together."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(settings: Settings) -> socket.socket:
    """LocalServerError when the address cannot be had: uvicorn itself would end the process."""
    host, port = settings.http_host, settings.http_port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise unheard("the API", "HTTP", host, port, error) from error


def connections_max() -> int:
    """Maximum of API connections: by the process's limit of open files, which is raised as far as allowed.

    Without free files, a server can neither accept connections nor reach database and broker.
    """
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS_MAX + FILES_BESIDE
    if files == resource.RLIM_INFINITY:
        return CONNECTIONS_MAX
    if files < wanted:
        files = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
    return min(CONNECTIONS_MAX, max(files - FILES_BESIDE, files // 2))


async def _run_api(
    wiring: Wiring, stop: asyncio.Event, listening: socket.socket, bound: "asyncio.Future[int] | None"
) -> None:
    settings = wiring.settings
    solver = Solver(seconds_max=WHAT_IF_SECONDS_MAX, children_max=WHAT_IFS_AT_ONCE)
    opened = door(wiring, solver)
    config = uvicorn.Config(
        create_app(opened).asgi_handler,
        loop="none",
        lifespan="off",
        http=limited(connections_max(), opened.metrics),
        log_config=None,
        access_log=False,
        server_header=False,
        forwarded_allow_ips=settings.http_trusted_proxies,
        timeout_graceful_shutdown=CLOSE_SECONDS_MAX,
    )
    server = _Server(config)
    # Objects from start-up stay alive, so they are excluded from garbage collection.
    gc.collect()
    gc.freeze()
    telling = asyncio.ensure_future(_tell_port(server, listening, bound))
    try:
        serve = partial(server.serve, sockets=[listening])
        await until(stop, serve, lambda: _end(server, opened))
    finally:
        telling.cancel()
        await opened.feed.stop()
        await solver.stop()


def _end(server: uvicorn.Server, opened: Door) -> None:
    """Ends open streams, since the server waits for every answer and streams never end by themselves."""
    opened.feed.close()
    server.should_exit = True


async def _tell_port(
    server: uvicorn.Server, listening: socket.socket, bound: "asyncio.Future[int] | None"
) -> None:
    while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
        await asyncio.sleep(0.02)
    host, port = listening.getsockname()[:2]
    log.info("api_listens", host=host, port=port)
    if bound is not None and not bound.done():
        bound.set_result(port)
