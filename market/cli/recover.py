"""`lodestone recover`: a lost database made again from the topics."""

from typing import Final

import rich_click as click

from events.counts import counted
from events.key_files import KeyFileError
from events.lacking_seals import SignedTwice
from events.notes import NoteError, VerifierKey
from events.replay import BrokenRecord
from market.checkpoint_keys import operator_key
from market.cli.console import (
    CommandFailed,
    Exit,
    print_json,
    print_line,
    progress,
    run_async,
)
from market.cli.environment import settings_of
from market.ground import stand
from market.provision import ProvisionError
from market.recover import CannotRecover, Recovered, recover
from market.settings import Settings

NOT_GIVEN_BACK: Final = (
    "events that had not reached the topics: check receipts with lodestone audit receipt",
    "secrets: restore the checkpoint key and those of the settings from your copies; API keys work again",
    "the progress of webhooks: they get all events since their registration again, with the same ids",
    "snapshots of readers and stored books of rounds: rebuilt while the services run",
    "leases, alarms and the times at which rows were written",
)


@click.command("recover")
@click.option(
    "--key",
    metavar="KEY",
    help="The operator's public key, for checkpoints; else that of the local key file.",
)
@click.option(
    "--without-checkpoints", is_flag=True,
    help="Trust the chains alone: signed heads are neither checked nor restored.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
def command(*, key: str | None, without_checkpoints: bool, as_json: bool) -> None:
    """Restore a lost database from the record topics: journal, tables, views, checkpoints, idempotency keys.

    Every chain is recomputed and compared with all signed heads. Events after the last checkpoint are
    restored if their chain is correct, and the record says how many. If it is interrupted, run it again.
    Exit code 4: the topics are not one history; 3: the database is not empty.
    """
    settings = settings_of()
    try:
        operator = None if without_checkpoints else operator_key(settings, key)
        if operator is None and not without_checkpoints:
            told = "--key is missing: the operator's public key (or use --without-checkpoints)"
            raise CommandFailed(Exit.USAGE, told)
        done = run_async(_recover(settings, operator))
    except (CannotRecover, ProvisionError, NoteError, KeyFileError) as error:
        raise CommandFailed(Exit.INVALID_INPUT, str(error)) from error
    except (BrokenRecord, SignedTwice) as error:
        raise CommandFailed(Exit.DIVERGENCE, str(error)) from error
    if as_json:
        print_json(done)
        return
    print_recovered(done)
    for what in NOT_GIVEN_BACK:
        print_line(f"not restored: {what}")


def print_recovered(done: Recovered) -> None:
    """What is back, in words."""
    print_line(
        f"deployment {done.deployment}: {counted(done.lanes, 'lane')}, {counted(done.events, 'event')}, "
        "journal, tables, views"
    )
    print_line(
        f"{counted(done.sealed, 'event')} under {counted(done.heads, 'signed head')} with "
        f"{counted(done.cosignatures, 'cosignature')}; "
        f"{done.tail:,} after them, by their chains alone"
    )
    print_line(f"{counted(done.requests, 'answer')} whose idempotency keys work again")


async def _recover(settings: Settings, operator: VerifierKey | None) -> Recovered:
    async with stand(settings) as ground:
        return await recover(ground, operator, progress)
