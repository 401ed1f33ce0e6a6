"""`lodestone recover`: a lost database made again from the topics."""

from typing import Final

import rich_click as click

from events.counts import counted
from events.key_files import KeyFileError
from events.lacking_seals import SignedTwice
from events.notes import NoteError, VerifierKey
from events.replay import BrokenRecord
from market.checkpoint_keys import operator_key
from market.cli.console import CommandFailed, Exit, print_json, print_line, progress, run_async, settings_of
from market.ground import stand
from market.provision import ProvisionError
from market.recover import CannotRecover, Recovered, recover
from market.settings import Settings

NOT_GIVEN_BACK: Final = (
    "what was accepted and had not reached the topics: lodestone audit receipt tells it from a receipt",
    "secrets: the checkpoint key and those of the settings; API keys work again",
    "how far webhooks were: they are posted to again from where they were registered, with the same ids",
    "snapshots of readers and the books kept with rounds: made again while the services run",
    "leases, alarms and when a row was written",
)


@click.command("recover")
@click.option(
    "--key",
    metavar="KEY",
    help="The operator's public key, for checkpoints; else that of the local key file.",
)
@click.option(
    "--without-checkpoints", is_flag=True,
    help="Believe the chains alone: nothing that was signed is looked at or taken back.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
def command(*, key: str | None, without_checkpoints: bool, as_json: bool) -> None:
    """Fill an empty database from the record topics: journal, tables, views, checkpoints, idempotency.

    Every chain is computed again and held against all that was signed. What lies beyond the last checkpoint
    is taken back where its chain holds, and the record says how much that was. Run it again after it was
    broken off. Exit code 4: the topics are not one history; 3: the database is not empty.
    """
    settings = settings_of()
    try:
        operator = None if without_checkpoints else operator_key(settings, key)
        if operator is None and not without_checkpoints:
            told = (
                "whose checkpoints? --key names the operator's public key, --without-checkpoints does without"
            )
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
        print_line(f"not given back: {what}")


def print_recovered(done: Recovered) -> None:
    """What is back, in words."""
    print_line(
        f"deployment {done.deployment}: {counted(done.lanes, 'lane')}, {counted(done.events, 'event')}, "
        "journal, tables, views"
    )
    print_line(
        f"{counted(done.sealed, 'event')} under {counted(done.heads, 'signed head')} with "
        f"{counted(done.cosignatures, 'cosignature')}; "
        f"{done.tail:,} beyond them on the word of their chains"
    )
    print_line(f"{counted(done.requests, 'answer')} whose idempotency keys are known again")


async def _recover(settings: Settings, operator: VerifierKey | None) -> Recovered:
    async with stand(settings) as ground:
        return await recover(ground, operator, progress)
