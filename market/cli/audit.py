"""`lodestone audit`: prove the record from its topics alone."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from uuid import UUID

import rich_click as click
from rich.table import Table

from events.decision import LaneKey
from events.key_files import KeyFileError
from events.notes import NoteError, VerifierKey, verifier_key
from events.vocabulary import STREAMS
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
from market.local import local_kafka
from market.settings import Settings


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
    resolve: bool,
    key: str | None,
    witnesses: tuple[str, ...],
    as_json: bool,
) -> None:
    """Check chain, completeness, every clearing and every figure of agreements, from the record topics alone.

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
                prefix,
                deployment,
                parse_ends(ends),
                streams or STREAMS,
                key=operator,
                resolve=resolve,
            )
        )
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


async def _audit(
    settings: Settings,
    bootstrap: str | None,
    prefix: str,
    deployment_id: UUID | None,
    expected_ends: Mapping[LaneKey, int],
    streams: Sequence[str],
    *,
    key: VerifierKey | None,
    resolve: bool,
) -> AuditReport:
    async with AsyncExitStack() as stack:
        servers = bootstrap
        if servers is None:
            servers = await stack.enter_async_context(local_kafka(settings))
        return await audit(
            servers,
            prefix=prefix,
            deployment_id=deployment_id,
            expected_ends=expected_ends,
            streams=streams,
            key=key,
            resolve=resolve,
            told=progress,
        )


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
    )
    print_line(
        f"{report.agreements:,} agreements, {report.deliveries:,} deliveries, {report.invoices:,} invoices, "
        f"{report.years:,} contract years computed again"
    )
    if report.abandoned_unproven:
        print_line(
            f"{report.abandoned_unproven:,} rounds were abandoned for a reason that the record cannot prove"
        )
    for cosigner in report.cosigners:
        print_line(f"cosigned to {cosigner.sealed:,} by {cosigner.name}, key {cosigner.key}")
    if report.first_divergence is None:
        print_line(f"verdict: nothing diverges; {report.ending}")
    else:
        count = sum(lane.divergence is not None for lane in report.lanes)
        what = f"{count} lanes diverge" if count else "the checkpoints diverge"
        print_line(f"verdict: {what}; first: {report.first_divergence.sentence}")
