"""`lodestone audit receipt`: what a command was answered, against the topics and the checkpoints, or offline
by its proof."""

from pathlib import Path

import rich_click as click

from events.key_files import KeyFileError
from events.notes import NoteError, VerifierKey
from market.audit.match_proof import FORMATS as MATCH_PROOFS
from market.audit.receipt_audit import GivenReceipt, NoReceipt, ReceiptVerdict, check_receipts, parse_receipts
from market.audit.receipt_proof import FORMATS as RECEIPT_PROOFS
from market.audit.sealed_proof import stated_format
from market.checkpoint_keys import operator_key
from market.cli.audit_receipt_proof import check_offline
from market.cli.console import (
    CommandFailed,
    Exit,
    print_json,
    print_line,
    run_async,
)
from market.cli.environment import settings_of
from market.cli.trusted import content_of
from market.embedded_kafka import kafka_at
from market.settings import Settings
from market.topics import TopicError

BROKEN = ("missing", "changed", "contradicted")


@click.command("receipt")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--bootstrap", metavar="HOST:PORT", help="Kafka to read; default as for `lodestone audit`.")
@click.option("--topic-prefix", metavar="PREFIX.", help="Default LODESTONE_TOPIC_PREFIX.")
@click.option("--key", metavar="KEY", help="The operator's public key; default that of the local key file.")
@click.option(
    "--witness", "witnesses", multiple=True, metavar="KEY",
    help="Require this witness's cosignature of a proof; may be repeated.",
)  # fmt: skip
@click.option(
    "--kept", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="ANSWER",
    help="The command's answer that you kept: the proof has to be for one of its receipts.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The verdicts as JSON on stdout.")
def command(
    *,
    file: Path,
    bootstrap: str | None,
    topic_prefix: str | None,
    key: str | None,
    witnesses: tuple[str, ...],
    kept: Path | None,
    as_json: bool,
) -> None:
    """Check the receipts in FILE, a command's answer or one of its receipts: present, unchanged and signed?

    A FILE from `GET /v1/receipts/{id}/proof` is checked offline.
    Exit code 4: an event is missing, changed, or not the one that was signed.
    """
    settings = settings_of()
    raw = content_of(file)
    found = stated_format(raw)
    if found in MATCH_PROOFS:
        raise CommandFailed(Exit.INVALID_INPUT, f"{file} is a match's proof: use `lodestone audit proof`")
    if found in RECEIPT_PROOFS:
        answer = None if kept is None else content_of(kept)
        check_offline(settings, raw, key, witnesses, answer, as_json=as_json)
        return
    if witnesses or kept is not None:
        raise CommandFailed(Exit.USAGE, f"--witness and --kept are for proofs, and {file} is not one")
    prefix = settings.topic_prefix if topic_prefix is None else topic_prefix
    try:
        receipts = parse_receipts(raw)
        verdicts = run_async(_check(settings, bootstrap, prefix, receipts, operator_key(settings, key)))
    except (NoReceipt, NoteError, KeyFileError, TopicError) as error:
        raise CommandFailed(Exit.INVALID_INPUT, str(error)) from error
    if as_json:
        print_json(verdicts)
    else:
        for verdict in verdicts:
            print_line(f"{verdict.state:<12} {verdict.sentence}")
    broken = [verdict.sentence for verdict in verdicts if verdict.state in BROKEN]
    if broken:
        raise CommandFailed(Exit.DIVERGENCE, "\n  ".join(broken))


async def _check(
    settings: Settings,
    bootstrap: str | None,
    prefix: str,
    receipts: tuple[GivenReceipt, ...],
    key: VerifierKey | None,
) -> list[ReceiptVerdict]:
    async with kafka_at(settings, bootstrap) as servers:
        return await check_receipts(servers, prefix, receipts, key)
