"""`lodestone audit`: prove the record from its topics alone."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import rich_click as click
from rich.table import Table

from events.decision import LaneKey
from events.key_files import KeyFileError
from events.notes import NoteError, verifier_key
from events.vocabulary import STREAMS
from market.audit_lanes import AuditLost, Mode
from market.auditor import AuditImpossible, AuditReport, audit, parse_ends
from market.checkpoint_keys import operator_key
from market.cli import audit_proof, audit_receipt
from market.cli.console import (
    CommandFailed,
    Exit,
    out,
    print_json,
    print_line,
    progress,
    run_async,
    settings_of,
)
from market.cli.lanes import written_lane
from market.lane_verdict import Bounds
from market.local import kafka_at
from market.recoveries import told
from market.settings import Settings

PROCESSES_MAX: Final = 64


@click.group("audit", invoke_without_command=True)
@click.pass_context
@click.option(
    "--bootstrap",
    metavar="HOST:PORT",
    help="Kafka to read; else LODESTONE_KAFKA_BOOTSTRAP or the embedded one.",
)
@click.option(
    "--topic-prefix",
    metavar="PREFIX.",
    help="Audit the topics with this prefix; else LODESTONE_TOPIC_PREFIX.",
)
@click.option(
    "--deployment",
    type=click.UUID,
    help="The deployment the record has to belong to; else the first record's.",
)
@click.option(
    "--stream",
    "streams",
    multiple=True,
    type=click.Choice(STREAMS),
    help="Only this stream; may be repeated.",
)
@click.option(
    "--expect-end", "ends", multiple=True, metavar="STREAM/LANE=POSITION",
    help="The lane must reach this position, as in market/3=120; may be repeated.",
)  # fmt: skip
@click.option(
    "--chain", "mode", flag_value="chain",
    help="Hash bodies and decode none: chain, order, checkpoints. The fastest.",
)  # fmt: skip
@click.option(
    "--clearings", "mode", flag_value="clearings",
    help="The market stream alone: its books made again, every round held against its certificate.",
)  # fmt: skip
@click.option("--full", "mode", flag_value="full", default="full", help="Everything; this is the default.")
@click.option(
    "--lane", "lanes", multiple=True, metavar="STREAM/LANE", help="Only this lane; may be repeated."
)
@click.option(
    "--from", "first", type=click.IntRange(1), default=1, metavar="POSITION",
    help="With --chain: begin at this position of each lane, whose chain before it is taken as it stands.",
)  # fmt: skip
@click.option(
    "--to", "end", metavar="POSITION|TIME",
    help="Read each lane to this position, or to its last event of this time (RFC 3339).",
)  # fmt: skip
@click.option(
    "--processes", type=click.IntRange(1, PROCESSES_MAX), default=1, help="Spread the lanes over so many."
)
@click.option(
    "--resolve", is_flag=True, help="Clear every round again and compare bytes; needs a solver's time."
)
@click.option(
    "--key",
    metavar="KEY",
    help="The operator's public key, for checkpoints; else that of the local key file.",
)
@click.option(
    "--witness", "witnesses", multiple=True, metavar="KEY",
    help="A witness that has to have cosigned; may be repeated.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The whole report as JSON on stdout.")
def command(
    context: click.Context,
    *,
    bootstrap: str | None,
    topic_prefix: str | None,
    deployment: UUID | None,
    streams: tuple[str, ...],
    ends: tuple[str, ...],
    mode: Mode,
    lanes: tuple[str, ...],
    first: int,
    end: str | None,
    processes: int,
    resolve: bool,
    key: str | None,
    witnesses: tuple[str, ...],
    as_json: bool,
) -> None:
    """Check chain, completeness, every clearing and every figure of agreements, from the record topics alone.

    --chain checks that nothing was lost or altered, --clearings the market's rounds, --full all of it.
    No database is read. A clearing is checked by its certificate: no solver runs, unless --resolve asks for
    it. Invoices, settlements and ledgers are computed again from what they rest on. Checkpoints say how far
    the record is complete; of the tail after them nobody can tell whether something was cut off.
    Exit code 0: nothing diverges. 4: something does, and the first of it is named.
    """
    if context.invoked_subcommand is not None:
        return
    settings = settings_of()
    prefix = settings.topic_prefix if topic_prefix is None else topic_prefix
    try:
        operator = operator_key(settings, key)
        wanted = [verifier_key(witness).text for witness in witnesses]
        report = run_async(
            _audit(
                settings,
                bootstrap,
                prefix=prefix,
                deployment_id=deployment,
                expected_ends=parse_ends(ends),
                streams=streams or STREAMS,
                lanes=[_lane(text) for text in lanes],
                mode=mode,
                bounds=_bounds(first, end),
                processes=processes,
                key=operator,
                resolve=resolve,
            )
        )
    except AuditLost as error:
        raise CommandFailed(Exit.UNAVAILABLE, str(error)) from error
    except (AuditImpossible, NoteError, KeyFileError) as error:
        raise CommandFailed(Exit.INVALID_INPUT, str(error)) from error
    if as_json:
        print_json(report)
    else:
        print_report(report)
    if report.first_divergence is not None:
        raise CommandFailed(Exit.DIVERGENCE, report.first_divergence.sentence)
    _require_cosigned(report, wanted)


for verb in (audit_receipt.command, audit_proof.command):
    command.add_command(verb)


def _require_cosigned(report: AuditReport, wanted: Sequence[str]) -> None:
    """CommandFailed when a witness that was named has not cosigned all that is sealed."""
    sealed = {cosigner.key: cosigner.sealed for cosigner in report.cosigners}
    behind = [
        f"{key.partition('+')[0]} has cosigned {sealed.get(key, 0):,}"
        for key in wanted
        if sealed.get(key, 0) < report.sealed
    ]
    if behind:
        told = f"{report.sealed:,} events are sealed, but {', '.join(behind)}"
        raise CommandFailed(Exit.DIVERGENCE, told)


def _lane(text: str) -> LaneKey:
    found = written_lane(text)
    if found is None:
        raise AuditImpossible(f"no lane: {text}; written stream/lane, as in market/3")
    return found


def _bounds(first: int, end: str | None) -> Bounds:
    if end is None:
        return Bounds(first=first)
    if end.isdecimal():
        if int(end) < first:
            raise AuditImpossible(f"there is nothing from position {first} to {end}")
        return Bounds(first=first, upto=int(end))
    try:
        moment = datetime.fromisoformat(end)
    except ValueError as error:
        raise AuditImpossible(f"no position and no time: {end}") from error
    return Bounds(first=first, until=moment if moment.tzinfo else moment.replace(tzinfo=UTC))


async def _audit(settings: Settings, bootstrap: str | None, **asked: Any) -> AuditReport:
    async with kafka_at(settings, bootstrap) as servers:
        return await audit(servers, **asked, told=progress)


def print_report(report: AuditReport) -> None:
    """The verdict in words, and a table of the lanes that hold anything."""
    table = Table(
        "lane",
        "records",
        "repeats",
        "position",
        "sealed",
        "clearings",
        "matches",
        "end",
        box=None,
        pad_edge=False,
    )
    for lane in report.lanes:
        if lane.records or lane.divergence is not None or lane.expected_end is not None:
            end = "DIVERGES" if lane.divergence else "proven" if lane.end_proven else "not proven"
            figures = (
                lane.records, lane.repeats, lane.position, lane.sealed, lane.clearings, lane.matches
            )  # fmt: skip
            table.add_row(f"{lane.stream}/{lane.lane}", *map(str, figures), end)
    if table.row_count:
        out.print(table)
    taken = "as given" if report.deployment_given else "taken from the first record"
    print_line(f"deployment {report.deployment or 'unknown: the topics are empty'} ({taken})")
    print_line(
        f"{report.records:,} records, {report.repeats:,} identical repeats, "
        f"{report.clearings:,} clearings proved, {report.matches:,} matches"
        if report.mode != "chain"
        else f"{report.records:,} records, {report.repeats:,} identical repeats; hashed, not decoded"
    )
    if report.mode == "full":
        _print_contracts(report)
    if report.abandoned_unproven:
        print_line(
            f"{report.abandoned_unproven:,} rounds were abandoned for a reason that the record cannot prove"
        )
    for recovery in report.recoveries:
        print_line(told(recovery))
    for cosigner in report.cosigners:
        print_line(f"cosigned to {cosigner.sealed:,} by {cosigner.name}, key {cosigner.key}")
    if report.first_divergence is None:
        print_line(f"verdict: nothing diverges; {report.ending}")
    else:
        count = sum(lane.divergence is not None for lane in report.lanes)
        what = f"{count} lanes diverge" if count else "the checkpoints diverge"
        print_line(f"verdict: {what}; first: {report.first_divergence.sentence}")


def _print_contracts(report: AuditReport) -> None:
    print_line(
        f"{report.agreements:,} agreements, {report.deliveries:,} deliveries, {report.invoices:,} invoices, "
        f"{report.years:,} contract years computed again"
    )
