"""`lodestone audit`: prove the record from its topics alone."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import rich_click as click

from events.counts import counted
from events.decision import LaneKey
from events.ids import new_id
from events.key_files import KeyFileError
from events.notes import NoteError, verifier_key
from events.vocabulary import STREAMS
from market.audit.auditor import AuditImpossible, audit, parse_ends
from market.audit.processes import AuditLost
from market.audit.ranges import RangeError, Span, parse_mark
from market.audit.report import AuditReport, Mode
from market.audit.schedule import keep, run_of
from market.checkpoint_keys import operator_key
from market.cli import audit_heads, audit_proof, audit_receipt
from market.cli.audit_printing import check_files, print_report, write_files
from market.cli.console import (
    CommandFailed,
    Exit,
    print_json,
    progress,
    run_async,
)
from market.cli.environment import settings_of
from market.cli.lanes import written_lane
from market.embedded_kafka import kafka_at
from market.ground import clock, stand_on_database
from market.settings import Settings

PROCESSES_MAX: Final = 64
MODES: Final[tuple[Mode, ...]] = ("chain", "clearings", "full")


@click.group("audit", invoke_without_command=True)
@click.pass_context
@click.option(
    "--bootstrap",
    metavar="HOST:PORT",
    help="Kafka to read; default LODESTONE_KAFKA_BOOTSTRAP or the embedded one.",
)
@click.option(
    "--topic-prefix",
    metavar="PREFIX.",
    help="Audit the topics with this prefix; default LODESTONE_TOPIC_PREFIX.",
)
@click.option(
    "--deployment",
    type=click.UUID,
    help="The deployment that the record has to belong to; default that of the first record.",
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
    help="The lane has to reach this position, for example market/3=120; may be repeated.",
)  # fmt: skip
@click.option(
    "--chain",
    is_flag=True,
    help="The fastest: check chain, order and checkpoints by hashes, decode no event.",
)
@click.option(
    "--clearings", is_flag=True,
    help="Only the market stream: rebuild its books and prove every round by its certificate.",
)  # fmt: skip
@click.option("--full", is_flag=True, help="Everything; this is the default.")
@click.option(
    "--lane", "lanes", multiple=True, metavar="STREAM/LANE", help="Only this lane; may be repeated."
)
@click.option(
    "--from", "first", metavar="POSITION|TIME|ROUND",
    help="Begin here; with --chain or --clearings. TIME is RFC 3339, ROUND is MARKET#7 or a clearing's id.",
)  # fmt: skip
@click.option(
    "--to", "last", metavar="POSITION|TIME|ROUND",
    help="End here, this position, time or round included. A round lies in one lane: only that one is read.",
)  # fmt: skip
@click.option(
    "--processes",
    type=click.IntRange(1, PROCESSES_MAX),
    default=1,
    help="Number of processes that share the lanes.",
)
@click.option(
    "--resume", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Save the progress in FILE, and continue from it if it exists.",
)  # fmt: skip
@click.option(
    "--resolve", is_flag=True, help="Clear every round again and compare bytes; takes as long as solving."
)
@click.option(
    "--key",
    metavar="KEY",
    help="The operator's public key, for checkpoints; default that of the local key file.",
)
@click.option(
    "--witness", "witnesses", multiple=True, metavar="KEY",
    help="Require cosignatures of this witness; may be repeated.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The whole report as JSON on stdout.")
@click.option(
    "--report", "files", multiple=True, metavar="FILE",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write the report to FILE.html, a page to print and sign, or FILE.json; may be repeated.",
)  # fmt: skip
@click.option(
    "--record", is_flag=True, help="Store the run in the deployment's database, for GET /v1/audit/runs."
)
def command(
    context: click.Context,
    /,
    *,
    bootstrap: str | None,
    witnesses: tuple[str, ...],
    as_json: bool,
    files: tuple[Path, ...],
    record: bool,
    **asked: Any,
) -> None:
    """Verify chain, completeness, every clearing and every figure of agreements from the record topics alone.

    --chain checks that nothing was lost or altered, --clearings the market's rounds, --full all of it.
    No database is used, except with --record. A clearing is checked by its certificate, without a solver,
    except with --resolve, or if a round says that its first tie-break left ties, or that it left orders out
    or cut them short. Invoices, settlements and ledgers are computed again from their inputs. Checkpoints
    prove how far the record is complete; whether something was cut off after the newest one, nobody can tell.
    Exit code 0: nothing diverges. 4: a divergence; the first one is named.
    """
    if context.invoked_subcommand is not None:
        _require_none_before(context)
        return
    asked["mode"] = _mode(asked)
    if witnesses:
        _require_whole(asked)
    settings = settings_of()
    try:
        wanted = [verifier_key(witness).text for witness in witnesses]
        check_files(files)
        question = _asked(settings, **asked)
        if wanted and question["key"] is None:
            told = "--witness also needs --key, the operator's public key"
            raise CommandFailed(Exit.USAGE, told)
        report = run_async(_audit(settings, bootstrap, question, record=record))
    except AuditLost as error:
        raise CommandFailed(Exit.UNAVAILABLE, str(error)) from error
    except (AuditImpossible, RangeError, NoteError, KeyFileError) as error:
        raise CommandFailed(Exit.INVALID_INPUT, str(error)) from error
    write_files(files, report)
    if as_json:
        print_json(report)
    else:
        print_report(report)
    if report.first_divergence is not None:
        raise CommandFailed(Exit.DIVERGENCE, report.first_divergence.sentence)
    _require_signed(report, named=bool(asked["key"]))
    _require_cosigned(report, wanted)


for verb in (audit_heads.command, audit_receipt.command, audit_proof.command):
    command.add_command(verb)


def _require_none_before(context: click.Context) -> None:
    """CommandFailed for options that stand before `heads`, `receipt` or `proof`, which would not see them."""
    sources = [context.get_parameter_source(name) for name in context.params]
    if any(source is not None and source.name == "COMMANDLINE" for source in sources):
        verb = context.invoked_subcommand
        raise CommandFailed(Exit.USAGE, f"write options of `lodestone audit {verb}` after {verb}")


def _mode(asked: dict[str, Any]) -> Mode:
    """Takes the three flags out of what is asked. CommandFailed where parts of it exclude each other."""
    given = [mode for mode in MODES if asked.pop(mode)]
    if len(given) > 1:
        named = " and ".join(f"--{mode}" for mode in given)
        raise CommandFailed(Exit.USAGE, f"{named} exclude each other: use one, or none for everything")
    mode = given[0] if given else "full"
    streams = asked["streams"]
    if asked["resolve"] and mode == "chain":
        told = "--resolve clears rounds again, and --chain reads none: use it with --clearings or --full"
        raise CommandFailed(Exit.USAGE, told)
    if asked["resolve"] and streams and "market" not in streams:
        raise CommandFailed(Exit.USAGE, "--resolve clears rounds again, and they are in --stream market")
    if mode == "clearings" and set(streams) - {"market"}:
        told = "--clearings reads the market stream alone: leave --stream out, or use --chain or --full"
        raise CommandFailed(Exit.USAGE, told)
    return mode


def _require_whole(asked: dict[str, Any]) -> None:
    """CommandFailed for a part of the record: how far a witness has cosigned is one sum over all lanes."""
    partial = {
        "--stream": asked["streams"],
        "--lane": asked["lanes"],
        "--from": asked["first"],
        "--to": asked["last"],
        "--clearings": asked["mode"] == "clearings",
    }
    given = [name for name, value in partial.items() if value]
    if given:
        named = " and ".join(given)
        told = f"--witness checks the whole record: leave {named} out"
        raise CommandFailed(Exit.USAGE, told)


def _require_signed(report: AuditReport, *, named: bool) -> None:
    """CommandFailed where others have signed the newest heads, or nobody has any of a whole record though the
    command names a key."""
    if report.strangers:
        names = ", ".join(report.strangers)
        told = f"the newest checkpoint of at least one lane is signed by {names}, not by this key"
        raise CommandFailed(Exit.DIVERGENCE, told)
    whole = all(lane.first == 1 and not lane.bounded for lane in report.lanes)
    if named and whole and report.records and not report.sealed:
        told = (
            "no event is under a checkpoint of this key, so nothing proves that the record is the operator's"
        )
        raise CommandFailed(Exit.DIVERGENCE, told)


def _require_cosigned(report: AuditReport, wanted: Sequence[str]) -> None:
    """CommandFailed when a witness that was named has not cosigned all that is sealed, or nothing is."""
    if wanted and not report.sealed:
        told = "no event is under a checkpoint of this key, so no witness has cosigned any"
        raise CommandFailed(Exit.DIVERGENCE, told)
    sealed = {cosigner.key: cosigner.sealed for cosigner in report.cosigners}
    behind = [
        f"{key.partition('+')[0]} has cosigned {sealed.get(key, 0):,}"
        for key in wanted
        if sealed.get(key, 0) < report.sealed
    ]
    if behind:
        told = f"{counted(report.sealed, 'event is', 'events are')} sealed, but {', '.join(behind)}"
        raise CommandFailed(Exit.DIVERGENCE, told)


def _lane(text: str) -> LaneKey:
    found = written_lane(text)
    if found is None:
        raise AuditImpossible(f"{text} is not a lane: write STREAM/LANE, for example market/3")
    return found


def _span(first: str | None, last: str | None) -> Span:
    span = Span(
        first=None if first is None else parse_mark(first), last=None if last is None else parse_mark(last)
    )
    match span:
        case Span(first=int(start), last=int(end)) if end < start:
            raise RangeError(f"the range from position {first} to {last} is empty")
        case Span(first=datetime() as start, last=datetime() as end) if end < start:
            raise RangeError(f"the range from {first} to {last} is empty: its end is before its beginning")
    return span


def _asked(
    settings: Settings,
    *,
    topic_prefix: str | None,
    deployment: UUID | None,
    streams: tuple[str, ...],
    ends: tuple[str, ...],
    mode: Mode,
    lanes: tuple[str, ...],
    first: str | None,
    last: str | None,
    processes: int,
    resolve: bool,
    key: str | None,
    resume: Path | None,
) -> dict[str, Any]:
    """The options as `audit` takes them."""
    return {
        "prefix": settings.topic_prefix if topic_prefix is None else topic_prefix,
        "deployment_id": deployment,
        "expected_ends": parse_ends(ends),
        "streams": streams or STREAMS,
        "lanes": [_lane(text) for text in lanes],
        "mode": mode,
        "span": _span(first, last),
        "processes": processes,
        "state": resume,
        "key": operator_key(settings, key),
        "resolve": resolve,
    }


async def _audit(
    settings: Settings, bootstrap: str | None, asked: dict[str, Any], *, record: bool
) -> AuditReport:
    async with AsyncExitStack() as stack:
        servers = await stack.enter_async_context(kafka_at(settings, bootstrap))
        if not record:
            return await audit(servers, **asked, told=progress)
        ground = await stack.enter_async_context(stand_on_database(settings))
        pool = await stack.enter_async_context(ground.opened_pool("auditor", 1))
        report = await audit(servers, **asked, told=progress)
        await keep(pool, run_of(new_id(), report, "command", clock()))
        return report
