"""`lodestone schemas`: write the generated contracts of events and reports anew."""

from pathlib import Path
from typing import Final

import rich_click as click

from events.counts import counted
from events.schema_documents import BreakingChange, refusals, stale, write
from market import stream_documents
from market.audit.report import report_schema
from market.cli.console import CommandFailed, Exit, print_line, say
from market.folders import CHECKOUT

REPORT: Final = CHECKOUT / "docs" / "audit-report.schema.json"


@click.command("schemas")
@click.option("--check", is_flag=True, help="Write nothing; exit code 4 when what is committed is stale.")
def command(*, check: bool) -> None:
    """JSON Schemas of events and of an audit's report, both AsyncAPI documents and events.md, from the types.

    Exit code 4, and nothing written, when a published version would break its readers.
    """
    if check:
        _check()
        return
    try:
        written = [*write(), *_stale_texts()]
    except BreakingChange as change:
        raise CommandFailed(Exit.DIVERGENCE, str(change)) from change
    for path, text in _texts().items():
        path.write_text(text, "utf-8")
    for name in written:
        print_line(f"written {name}")
    say(f"{counted(len(written), 'document was', 'documents were')} stale")


def _texts() -> dict[Path, str]:
    return {REPORT: report_schema().decode(), stream_documents.FILE: stream_documents.text()}


def _stale_texts() -> list[str]:
    return [
        str(path.relative_to(CHECKOUT))
        for path, text in _texts().items()
        if not path.exists() or path.read_text("utf-8") != text
    ]


def _check() -> None:
    old, broken = [*stale(), *_stale_texts()], refusals()
    for line in (*(f"stale {name}" for name in old), *(f"breaking {change}" for change in broken)):
        print_line(line)
    if old or broken:
        raise CommandFailed(Exit.DIVERGENCE, "the committed documents are not what the types say")
