"""`lodestone up`: everything on this machine until Ctrl-C; the data stays."""

import asyncio
import secrets
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import rich_click as click
from msgspec import Struct

from events.callers import Caller
from events.counts import counted
from events.migrations import MigrationError
from events.refusal import LaneStopped, Refusal, Refusals
from events.vocabulary import KeyRole
from market.broker_logins import READER
from market.children import LocalServerError, exclusive_lock
from market.cli.console import (
    CommandFailed,
    Exit,
    print_json,
    print_line,
    run_async,
    say,
    stop_event,
)
from market.cli.environment import settings_of
from market.cli.migrate import say_applying
from market.cli.run import metrics_of
from market.ground import Ground, Wiring, prepare, stand, wire
from market.http.wire.ids import to_text
from market.http.wire.tokens import SECRET_BYTES
from market.kept_keys import check_keys
from market.logs import configure
from market.metrics import LOG_LINES_LOST
from market.operators import ensure_operator, issue_key, revoke_labelled, told
from market.provision import ProvisionError
from market.sandbox import ensure_sandbox
from market.services import LOCAL_SERVICES, collect_less, run_services
from market.settings import Settings
from market.topics import TopicError

LABEL: Final = "lodestone up"
KEY_VALID: Final = timedelta(days=30)
START_SECONDS_MAX: Final = 60.0


class Printed(Struct, frozen=True, kw_only=True):
    """What `up` tells once everything runs; the keys replace those of the last start."""

    api: str
    openapi: str
    metrics: str
    kafka: str
    postgresql: str
    market: str
    operator_key: str
    seller: str
    seller_facility: str
    seller_key: str
    buyer: str
    buyer_facility: str
    buyer_key: str


@click.command("up")
@click.option("--json", "as_json", is_flag=True, help="URLs and keys as JSON on stdout.")
def command(*, as_json: bool) -> None:
    """Start PostgreSQL, Kafka and all services on this machine; prints URLs and API keys."""
    settings = settings_of()
    level = "warning" if settings.log_format == "console" else None
    configure(settings, level=level, lost=LOG_LINES_LOST.inc)
    try:
        with exclusive_lock(settings.instance_dir, "up") as free:
            if not free:
                raise CommandFailed(
                    Exit.UNAVAILABLE,
                    f"`lodestone up` is already running in {settings.instance_dir}: stop it, or set another "
                    "LODESTONE_INSTANCE",
                )
            run_async(_up(settings, as_json=as_json))
    except (MigrationError, ProvisionError, TopicError) as error:
        raise CommandFailed(Exit.INVALID_INPUT, str(error)) from error
    except LocalServerError as error:
        raise CommandFailed(Exit.UNAVAILABLE, str(error)) from error
    except (Refusal, Refusals) as error:
        raise CommandFailed(Exit.UNAVAILABLE, told(error)) from error


async def _up(settings: Settings, *, as_json: bool) -> None:
    say("starting PostgreSQL and Kafka")
    async with stand(settings) as ground:
        prepared = await prepare(ground, told=say_applying)
        say(
            f"{counted(len(prepared.migrations), 'migration')} applied, "
            f"{counted(len(prepared.topics), 'topic')} created"
        )
        async with wire(ground) as wiring:
            await check_keys(wiring, LOCAL_SERVICES)
            with metrics_of(settings) as metrics:
                await _serve(ground, wiring, metrics, as_json=as_json)
    say("stopped; the data is kept")


async def _serve(ground: Ground, wiring: Wiring, metrics: str, *, as_json: bool) -> None:
    """All services until Ctrl-C. LocalServerError when the API cannot be heard, or not in time."""
    stop = stop_event()
    collect_less()
    bound: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(run_services(wiring, LOCAL_SERVICES, stop, bound=bound))
    try:
        either: set[asyncio.Future[Any]] = {bound, running}
        await asyncio.wait(either, timeout=START_SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED)
        if bound.done():
            await _introduced(wiring, ground, metrics, bound.result(), as_json=as_json)
        elif not running.done():
            raise LocalServerError(f"the API was not ready within {START_SECONDS_MAX:.0f} s")
        await running
    finally:
        stop.set()
        await running


async def _introduced(wiring: Wiring, ground: Ground, metrics: str, port: int, *, as_json: bool) -> None:
    """Lanes that are closed get no keys, and everything runs, so that they can be taken back."""
    try:
        printed = await introduce(wiring, ground, metrics, port)
    except (Refusal, Refusals) as error:
        reasons = error.refusals if isinstance(error, Refusals) else (error,)
        if not all(isinstance(reason, LaneStopped) for reason in reasons):
            raise
        say(
            f"{told(error)}\nno keys were issued; `lodestone doctor` shows the lanes and the command for each"
        )
    else:
        _tell(printed, as_json=as_json)


def _tell(printed: Printed, *, as_json: bool) -> None:
    if as_json:
        print_json(printed)
        return
    for name, value in (
        ("API", printed.api),
        ("OpenAPI", printed.openapi),
        ("metrics", printed.metrics),
        ("Kafka", printed.kafka),
        ("PostgreSQL", printed.postgresql),
        ("sandbox market", printed.market),
        ("operator's key", printed.operator_key),
        ("seller", f"{printed.seller}, site {printed.seller_facility}"),
        ("seller's key", printed.seller_key),
        ("buyer", f"{printed.buyer}, site {printed.buyer_facility}"),
        ("buyer's key", printed.buyer_key),
    ):
        print_line(f"{name:<15} {value}")
    say("these keys are new at every start and replace the earlier ones; Ctrl-C stops")


async def introduce(wiring: Wiring, ground: Ground, metrics: str, port: int) -> Printed:
    """The operator and the sandbox market, made once, and fresh keys for them."""
    now = wiring.clock()
    operator = await ensure_operator(wiring.desk, wiring.deployment.deployment_id, now)
    sandbox = await ensure_sandbox(wiring.desk, operator, now)
    trading: tuple[KeyRole, ...] = ("trader", "compliance", "admin")
    api = f"http://{wiring.settings.http_host}:{port}"
    return Printed(
        api=f"{api}/v1",
        openapi=f"{api}/schema/openapi.json",
        metrics=metrics,
        kafka=str(ground.acting_as(READER).bootstrap),
        postgresql=ground.admin_url
        if wiring.settings.postgresql_url is None
        else "as the environment names it",
        market=to_text("mkt", sandbox.market),
        operator_key=await _key(wiring, operator, operator.organisation, ("operator",)),
        seller=to_text("org", sandbox.seller.organisation),
        seller_facility=to_text("fac", sandbox.seller.facility),
        seller_key=await _key(wiring, operator, sandbox.seller.organisation, trading),
        buyer=to_text("org", sandbox.buyer.organisation),
        buyer_facility=to_text("fac", sandbox.buyer.facility),
        buyer_key=await _key(wiring, operator, sandbox.buyer.organisation, trading),
    )


async def _key(wiring: Wiring, operator: Caller, organisation: UUID, roles: tuple[KeyRole, ...]) -> str:
    await revoke_labelled(wiring.desk, operator, organisation, LABEL)
    minted = await issue_key(
        wiring.desk,
        operator,
        organisation,
        roles=roles,
        label=LABEL,
        expires_at=wiring.clock() + KEY_VALID,
        secret=secrets.token_bytes(SECRET_BYTES),
    )
    return minted.token
