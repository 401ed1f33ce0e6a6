"""`lodestone audit heads`: the public heads checked as anybody may, with heads that were kept."""

from pathlib import Path

import rich_click as click
from msgspec import Struct

from events.counts import counted
from events.notes import VerifierKey
from events.public_heads import TOPIC
from market.audit.kept_heads import Kept, KeptVerdict, judge, parse_kept
from market.audit.report import Cosigner
from market.audit.sealed_heads import SealedHeads, read_sealed
from market.audit.sealed_proof import ProofError
from market.cli.console import (
    CommandFailed,
    Exit,
    print_json,
    print_line,
    run_async,
    say,
)
from market.cli.environment import settings_of
from market.cli.trusted import content_of, trusted_keys
from market.embedded_kafka import kafka_at
from market.settings import Settings
from market.topics import TopicError


class HeadsReport(Struct, frozen=True, kw_only=True):
    """`newest`: events under the newest public head, by lane as in `market/3`; `faults`: what an honest
    operator does not publish, each with its offset."""

    newest: dict[str, int]
    cosigners: tuple[Cosigner, ...]
    faults: tuple[str, ...]
    kept: tuple[KeptVerdict, ...]


@click.command("heads")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--bootstrap", metavar="HOST:PORT", help="Kafka to read; default as for `lodestone audit`.")
@click.option("--topic-prefix", metavar="PREFIX.", help="Default LODESTONE_TOPIC_PREFIX.")
@click.option(
    "--key", metavar="KEY", help="A public key of the operator; default that of the local key file."
)
@click.option("--json", "as_json", is_flag=True, help="The report as JSON on stdout.")
def command(
    *,
    files: tuple[Path, ...],
    bootstrap: str | None,
    topic_prefix: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Check public.checkpoints.v1, and that it continues the heads that you have kept in FILES.

    A FILE is a signed note, any answer or proof that holds one, or the answer of `…/consistency`. Exit code
    3: this cannot be decided for a kept head. 4: a head contradicts another.
    """
    settings = settings_of()
    operator, _ = trusted_keys(settings, key, ())
    kept = [_parsed(file) for file in files]
    prefix = settings.topic_prefix if topic_prefix is None else topic_prefix
    try:
        sealed = run_async(_read(settings, bootstrap, prefix, operator))
    except TopicError as error:
        raise CommandFailed(Exit.INVALID_INPUT, str(error)) from error
    report = HeadsReport(
        newest={f"{lane.stream}/{lane.lane}": max(sizes) for lane, sizes in sorted(sealed.roots.items())},
        cosigners=sealed.cosigners,
        faults=tuple(f"offset {offset}: {fault.sentence}" for offset, fault in sealed.faults),
        kept=tuple(_judged(files, kept, operator, sealed)),
    )
    if as_json:
        print_json(report)
    else:
        _print(report)
    _require_well(report)


def _parsed(file: Path) -> Kept:
    try:
        return parse_kept(content_of(file))
    except ProofError as error:
        raise CommandFailed(Exit.INVALID_INPUT, f"{file}: {error}") from error


async def _read(settings: Settings, bootstrap: str | None, prefix: str, operator: VerifierKey) -> SealedHeads:
    async with kafka_at(settings, bootstrap) as servers:
        return await read_sealed(servers, prefix, operator, TOPIC)


def _judged(
    files: tuple[Path, ...], kept: list[Kept], operator: VerifierKey, sealed: SealedHeads
) -> list[KeptVerdict]:
    """CommandFailed for a note that the operator has not signed."""
    continuations = [each for found in kept for each in found.continuations]
    verdicts: list[KeptVerdict] = []
    for file, found in zip(files, kept, strict=True):
        for note in found.notes:
            try:
                verdicts.append(judge(note, operator, sealed.rotations, sealed.roots, continuations))
            except ProofError as error:
                raise CommandFailed(Exit.INVALID_INPUT, f"{file}: {error}") from error
    return verdicts


def _print(report: HeadsReport) -> None:
    for lane, size in report.newest.items():
        print_line(f"{lane:<14} {size:>12,} events under its newest head, which continues all before it")
    for cosigner in report.cosigners:
        print_line(f"{cosigner.name} has cosigned {counted(cosigner.sealed, 'event')}: {cosigner.key}")
    for verdict in report.kept:
        print_line(f"{verdict.stream}/{verdict.lane} at {counted(verdict.size, 'event')}: {verdict.sentence}")
    if not report.newest:
        say("no lane has a public head yet")


def _require_well(report: HeadsReport) -> None:
    broken = [*report.faults, *(each.sentence for each in report.kept if each.standing == "contradicted")]
    if broken:
        raise CommandFailed(Exit.DIVERGENCE, "\n  ".join(broken))
    undecided = [each for each in report.kept if each.standing == "open"]
    if undecided:
        told = f"of {len(undecided):,} kept heads it is not told yet whether they are continued"
        raise CommandFailed(Exit.INVALID_INPUT, told)
