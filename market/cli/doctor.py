"""`lodestone doctor`: what runs, what does not, and the command that helps; resume a stopped reader."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

import rich_click as click

from events import clock_bounds
from events.access import Access, AccessError
from events.brokers import Bootstrap
from events.connections import Connection, acquire, cluster_id
from events.counts import counted
from events.decision import LaneKey
from events.journal import Deployment, read_deployment
from events.migrations import MigrationError
from events.positions import at_work
from events.watermarks import oldest_unpublished_seconds
from market.broker_logins import partner_servers
from market.certificates import certificates
from market.children import LocalServerError
from market.cli.console import (
    CommandFailed,
    Exit,
    print_json,
    print_line,
    run_async,
)
from market.cli.doctor_certificates import certificate_findings
from market.cli.doctor_contests import contest_findings
from market.cli.doctor_room import room_findings
from market.cli.doctor_rules import rule_findings
from market.cli.doctor_seals import checkpoint_findings, heads_on_topics
from market.cli.doctor_topics import topic_findings
from market.cli.environment import settings_of
from market.cli.findings import Finding
from market.cli.lanes import check_lane
from market.cli.outages import SERVER_AWAY
from market.embedded_kafka import running_kafka
from market.embedded_postgres import TooOld, running_postgres
from market.ground import Ground, clock, pending_migrations, wire
from market.settings import Settings
from market.watch import told_difference

RELAY_SECONDS_MAX: Final = 30.0
KAFKA_SECONDS_MAX: Final = 10.0
WHY_SECONDS_MAX: Final = 3.0
LANE_AHEAD_MAX: Final = timedelta(seconds=60)
CLOCKS_PAGE: Final = "docs/watching.md, Clocks"

UNSEEN: Final = "whether api, timers, imports, webhooks and signer run cannot be seen here"

_READER: Final = re.compile(r"([a-z][a-z0-9-]*)/(parties|market|contracts|materials)/([0-9]{1,4})")

STOPPED = """
select name, stream, lane, stopped_reason from record.consumer where stopped_reason is not null
union all
select 'relay', stream, lane, stopped_reason from record.relay where stopped_reason is not null
union all
select 'writer', stream, lane, stopped_reason from record.lane where stopped_reason is not null
order by 1, 2, 3
"""

WAITING = """
select name, stream, lane, waits_reason from record.consumer
where waits_reason is not null and stopped_reason is null order by name, stream, lane
"""

BEHIND = """
select c.name, max(l.next_position - 1 - c.position) as lag
from record.consumer c join record.lane l using (stream, lane) group by c.name order by c.name
"""


@click.command("doctor")
@click.option(
    "--resume",
    "reader",
    metavar="READER/STREAM/LANE",
    help="Resume a stopped reader, or the relay, on a lane, for example matcher/market/3.",
)
@click.option(
    "--reread",
    metavar="READER/STREAM/LANE",
    help="The same after a topic was republished: read from its first record, skip what was applied.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
def command(*, reader: str | None, reread: str | None, as_json: bool) -> None:
    """Check servers, services, migrations, topics, relay and readers; starts nothing.

    Exit code 5 when something is wrong or nothing runs.
    """
    settings = settings_of()
    named = reread or reader
    if named is not None:
        found = _READER.fullmatch(named)
        if found is None:
            raise CommandFailed(
                Exit.INVALID_INPUT, f"{named!r} is not READER/STREAM/LANE, for example matcher/market/3"
            )
        key = LaneKey(found[2], int(found[3]))
        stopped = run_async(_resume(settings, found[1], key, again=reread is not None))
        told = "resumes within seconds, when its process takes it again" if stopped else "was not stopped"
        print_line(f"{named} {told}")
        return
    findings = run_async(_findings(settings))
    if as_json:
        print_json(findings)
    else:
        for finding in findings:
            print_line(f"{finding.state:<10} {finding.what}: {finding.told}")
            if finding.help:
                print_line(f"{'':<10} → {finding.help}")
    wrong = sum(finding.state == "wrong" for finding in findings)
    if wrong:
        raise CommandFailed(Exit.UNAVAILABLE, f"{wrong} of {counted(len(findings), 'check')} failed")


async def _resume(settings: Settings, name: str, key: LaneKey, *, again: bool) -> bool:
    """False when the lane was not stopped."""
    ground = Ground(settings=settings, admin_url=await running_postgres(settings), bootstrap="")
    async with wire(ground) as wiring:
        check_lane(key, wiring.deployment.lanes)
        if name == "relay":
            if again:
                told = f"the relay reads no topic: use lodestone topics --republish {key.stream}/{key.lane}"
                raise CommandFailed(Exit.INVALID_INPUT, told)
            return bool(await wiring.resume_relay(key))
        stopped = await wiring.resume_reader(name, key, again=again)
    if stopped is None:
        told = f"there is no reader {name} of the stream {key.stream}"
        raise CommandFailed(Exit.INVALID_INPUT, told)
    return stopped


async def _findings(settings: Settings) -> list[Finding]:
    database, url = await _postgres(settings)
    broker, bootstrap = await _kafka(settings)
    findings = [database, broker]
    findings += certificate_findings(await certificates(settings, bootstrap), clock())
    if url is None:
        return findings
    ground = Ground(settings=settings, admin_url=url, bootstrap=bootstrap or "")
    try:
        missing = await pending_migrations(ground)
    except MigrationError as error:
        return [*findings, Finding(what="migrations", state="wrong", told=str(error))]
    findings.append(_migrations(missing))
    if missing:
        return findings
    async with (
        ground.opened_pool("relay", 1) as pool,
        acquire(pool) as connection,
    ):
        deployment = await read_deployment(connection)
        findings += [finding async for finding in _record(connection, deployment)]
        findings += [finding async for finding in _clocks(connection, settings.clock_ahead_seconds_max)]
        findings += await room_findings(connection, settings)
    async with ground.opened_pool("auditor", 1) as pool, acquire(pool) as connection:
        findings += [
            finding async for finding in checkpoint_findings(connection, clock(), settings.checkpoint_seconds)
        ]
        findings += [finding async for finding in contest_findings(connection, clock())]
        findings += await rule_findings(connection)
    if bootstrap is not None:
        findings += [finding async for finding in topic_findings(ground, deployment)]
        findings += await heads_on_topics(ground)
    return findings


async def _postgres(settings: Settings) -> tuple[Finding, str | None]:
    """What answers as PostgreSQL, and its URL."""
    try:
        url = await running_postgres(settings)
    except LocalServerError as error:
        setting = "LODESTONE_WRITER_URL" if settings.database_url is None else "LODESTONE_DATABASE_URL"
        helps = _helps(setting, named=settings.postgresql_url is not None)
        if isinstance(error, TooOld):
            helps = f"upgrade that server, or name another one in {setting}"
        return Finding(what="PostgreSQL", state="wrong", told=str(error), help=helps), None
    place = "as the environment names it" if settings.postgresql_url else str(settings.instance_dir)
    return Finding(what="PostgreSQL", state="ok", told=f"answers, {place}"), url


async def _kafka(settings: Settings) -> tuple[Finding, Bootstrap | None]:
    """What answers as Kafka, and its bootstrap servers with a login."""
    is_named = settings.kafka_bootstrap is not None
    helps = _helps("LODESTONE_KAFKA_BOOTSTRAP", named=is_named)
    try:
        bootstrap = running_kafka(settings)
    except LocalServerError as error:
        # Of a cluster that is named only the files and settings of the login were looked at so far.
        helps_here = None if is_named else helps
        return Finding(what="Kafka", state="wrong", told=str(error), help=helps_here), None
    try:
        async with asyncio.timeout(KAFKA_SECONDS_MAX):
            found = await cluster_id(bootstrap)
    except SERVER_AWAY as error:
        told = await _why_not(bootstrap) or f"nothing answers at {bootstrap}: {type(error).__name__}"
        return Finding(what="Kafka", state="wrong", told=told, help=helps), None
    told = f"cluster {found} at {bootstrap}, {_how(settings, bootstrap)}"
    return Finding(what="Kafka", state="ok", told=told), bootstrap


def _helps(setting: str, *, named: bool) -> str:
    """Help for a server that does not answer; `named`: the setting that names it, so that `up` would not
    start it."""
    return f"start that server, or correct {setting}" if named else "lodestone up"


def _how(settings: Settings, bootstrap: Bootstrap) -> str:
    if isinstance(bootstrap, str):
        return "plain text, no login"
    partners = partner_servers(settings, bootstrap)
    other = "" if partners in (None, bootstrap.servers) else f"; services and partners log in at {partners}"
    return f"TLS{other}"


async def _why_not(bootstrap: Bootstrap) -> str | None:
    """aiokafka only says that it could not; None when by now all is well."""
    try:
        await Access(bootstrap).topics(WHY_SECONDS_MAX)
    except AccessError as error:
        return str(error)
    return None


def _migrations(missing: tuple[str, ...]) -> Finding:
    return Finding(
        what="migrations",
        state="wrong" if missing else "ok",
        told=f"missing: {', '.join(missing)}" if missing else "all applied",
        help="lodestone migrate" if missing else None,
    )


async def _record(connection: Connection, deployment: Deployment) -> AsyncIterator[Finding]:
    """Findings from the record's own tables."""
    yield Finding(what="deployment", state="ok", told=f"{deployment.deployment_id}, {deployment.lanes} lanes")
    serving = await at_work(connection)
    yield Finding(
        what="services",
        state="ok" if serving else "wrong",
        told=f"leases held by: {', '.join(serving)}; {UNSEEN}"
        if serving
        else "no relay and no reader is running",
        help=None if serving else "lodestone up, or lodestone run all",
    )
    age = await oldest_unpublished_seconds(connection)
    late = age > RELAY_SECONDS_MAX
    runs = "relay" in serving
    yield Finding(
        what="relay",
        state="attention" if late else "ok",
        told=f"the oldest unpublished event is {age:.1f} s old",
        help=("the relay is running: see its log" if runs else "lodestone run relay") if late else None,
    )
    for row in await connection.fetch(BEHIND):
        yield Finding(what=row["name"], state="ok", told=f"at most {row['lag']:,} events behind in a lane")
    for row in await connection.fetch(STOPPED):
        yield Finding(
            what=f"{row['name']} {row['stream']}/{row['lane']}",
            state="wrong",
            told=f"stopped: {row['stopped_reason']}",
            help=_help(row["name"], f"{row['stream']}/{row['lane']}"),
        )
    for row in await connection.fetch(WAITING):
        yield Finding(
            what=f"{row['name']} {row['stream']}/{row['lane']}",
            state="wrong",
            told=f"waits: {row['waits_reason']}",
            help=f"lodestone replay --restore {row['stream']}/{row['lane']}",
        )


async def _clocks(connection: Connection, seconds_max: int) -> AsyncIterator[Finding]:
    """Findings about this machine's clock compared with the database's, and about lanes ahead of both."""
    off = await clock_bounds.difference(connection, clock)
    if not seconds_max:
        told = (
            f"{told_difference(off)}; LODESTONE_CLOCK_AHEAD_SECONDS_MAX is 0: events are recorded at any time"
        )
        yield Finding(what="clock", state="attention", told=told, help="remove that setting")
    else:
        wrong = clock_bounds.bound_of(seconds_max).is_off(off)
        yield Finding(
            what="clock",
            state="wrong" if wrong else "ok",
            told=told_difference(off),
            help="correct the clock that is wrong: " + CLOCKS_PAGE if wrong else None,
        )
    for key, ahead in (await clock_bounds.lanes_ahead(connection)).items():
        if ahead > LANE_AHEAD_MAX:
            yield Finding(
                what=f"lane {key.stream}/{key.lane}",
                state="attention",
                told=f"its last event is {ahead.total_seconds():,.0f} s ahead of the database's clock",
                help=CLOCKS_PAGE,
            )


def _help(name: str, lane: str) -> str | None:
    if name == "writer":
        return None
    return f"fix the cause, then lodestone doctor --resume {name}/{lane}"
