"""What an audit found, on the terminal and in files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.table import Table

from events.counts import counted
from events.durable_files import write_durably
from market.audit.page import page
from market.audit.report import (
    AuditReport,
    encode_report,
    facts_told,
    former_rules_told,
    lane_told,
    recovery_told,
    verdict_told,
)
from market.cli.console import CommandFailed, Exit, print_line, print_table, say
from market.cli.files import check_folder

PAGES: Final = (".html", ".htm")
FILE_MODE: Final = 0o644


def check_files(files: Sequence[Path]) -> None:
    """CommandFailed for a file that no report can be written to, before hours are spent on one."""
    for file in files:
        if file.suffix.lower() not in (*PAGES, ".json"):
            raise CommandFailed(Exit.USAGE, f"{file}: the name of a report has to end in .html or .json")
        check_folder(file)


def write_files(files: Sequence[Path], report: AuditReport) -> None:
    for file in files:
        whole = page(report).encode() if file.suffix.lower() in PAGES else encode_report(report)
        try:
            write_durably(file, whole, mode=FILE_MODE)
        except OSError as error:
            raise CommandFailed(Exit.INVALID_INPUT, f"{file} cannot be written: {error.strerror}") from error
        say(f"the report is in {file}")


def print_report(report: AuditReport) -> None:
    """The verdict in words, and a table of the lanes that hold anything."""
    table = Table(
        "lane",
        "records",
        "position",
        "clearings",
        "matches",
        "complete to",
        box=None,
        pad_edge=False,
    )
    keyed = report.asked.operator_key is not None
    for lane in report.lanes:
        if lane.records or lane.divergence is not None or lane.expected_end is not None:
            figures = (lane.records, lane.position, lane.clearings, lane.matches)
            table.add_row(f"{lane.stream}/{lane.lane}", *map(str, figures), lane_told(lane, keyed=keyed))
    if table.row_count:
        print_table(table)
    taken = "as given" if report.deployment_given else "taken from the first record"
    print_line(f"deployment {report.deployment or 'unknown: the topics are empty'} ({taken})")
    print_line(
        f"{counted(report.records, 'record')}, {counted(report.repeats, 'identical repeat')}, "
        f"{counted(report.clearings, 'clearing')} proved, {counted(report.matches, 'match', 'matches')}"
        if report.mode != "chain"
        else f"{counted(report.records, 'record')}, {counted(report.repeats, 'identical repeat')}; hashed, "
        "not decoded"
    )
    if report.mode == "full":
        print_line(f"{facts_told(report)} computed again")
    if report.abandoned_unproven:
        print_line(
            f"{counted(report.abandoned_unproven, 'round was', 'rounds were')} abandoned for a reason that "
            "the record cannot prove"
        )
    for told in former_rules_told(report):
        print_line(told)
    for recovery in report.recoveries:
        print_line(recovery_told(recovery))
    for cosigner in report.cosigners:
        print_line(f"cosigned to {cosigner.sealed:,} by {cosigner.name}, key {cosigner.key}")
    print_line(f"verdict: {verdict_told(report)}")
