"""`lodestone run SERVICE…`: any of the services in one process, until SIGTERM or Ctrl-C."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

import rich_click as click
import structlog

from market.children import unheard
from market.cli.console import (
    run_async,
    say,
    stop_event,
)
from market.cli.environment import settings_of
from market.ground import stand, wire
from market.kept_keys import check_keys
from market.logs import configure
from market.metrics import LOG_LINES_LOST, showing_metrics
from market.services import SERVICES, collect_less, run_services
from market.settings import Settings

log: Final = structlog.get_logger()


@click.command("run")
@click.argument(
    "services", nargs=-1, required=True, metavar="SERVICE…", type=click.Choice([*SERVICES, "all"])
)
def command(*, services: tuple[str, ...]) -> None:
    """Run services: api, relay, matcher, follower, timers, projector, publisher, auditor, signer, imports,
    webhooks, or all.

    A service that fails is restarted, a faulty lane is stopped with an alarm; neither ends the process.
    Exit code 5: a server is unavailable, or the port of the API or of the metrics is in use.
    """
    settings = settings_of()
    configure(settings, lost=LOG_LINES_LOST.inc)
    chosen = SERVICES if "all" in services else tuple(dict.fromkeys(services))
    run_async(_run(settings, chosen))


async def _run(settings: Settings, services: Sequence[str]) -> None:
    async with stand(settings) as ground, wire(ground) as wiring:
        await check_keys(wiring, services)
        stop = stop_event()
        with metrics_of(settings) as address:
            deployment = wiring.deployment.deployment_id
            if settings.log_format == "json":
                log.info("running", services=services, deployment=str(deployment), metrics=address)
            else:
                say(f"running {', '.join(services)}; deployment {deployment}; {address}")
            collect_less()
            await run_services(wiring, services, stop)
    if settings.log_format == "json":
        log.info("stopped")
    else:
        say("stopped")


@contextmanager
def metrics_of(settings: Settings) -> Iterator[str]:
    """The address at which this process shows its metrics. LocalServerError when it cannot be had."""
    host, wanted = settings.metrics_host, settings.metrics_port
    with ExitStack() as stack:
        try:
            port = stack.enter_context(showing_metrics(host, wanted))
        except OSError as error:
            raise unheard("the page of metrics", "METRICS", host, wanted, error) from error
        yield f"http://{host}:{port}/metrics"
