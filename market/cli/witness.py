"""`lodestone witness`: cosign an operator's checkpoints from Kafka alone, with a key of one's own."""

import socket
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import rich_click as click

from events.connections import open_consumer, open_producer
from events.counts import counted
from events.key_files import KeyFileError
from events.notes import NoteError, VerifierKey
from events.publishing import TopicWriter
from events.witness import Folder, Witness, WitnessError
from market.checkpoint_keys import WITNESS, operator_key
from market.cli.console import (
    CommandFailed,
    Exit,
    print_line,
    run_async,
    say,
    stop_event,
)
from market.cli.environment import settings_of
from market.embedded_kafka import kafka_at
from market.ground import clock
from market.logs import configure
from market.settings import Settings
from market.stopping import until


@click.command("witness")
@click.option(
    "--bootstrap", metavar="HOST:PORT", help="Kafka; else LODESTONE_KAFKA_BOOTSTRAP or the embedded one."
)
@click.option(
    "--key", metavar="KEY", help="The operator's public key, whose name is the origin; else the local one."
)
@click.option("--topic-prefix", metavar="PREFIX.", help="Else LODESTONE_TOPIC_PREFIX.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of this witness's key and state.",
)
@click.option(
    "--name",
    metavar="NAME",
    help="Name of the key that the first start creates, for example witness.example/w1.",
)
@click.option(
    "--topic-made-anew", "anew", is_flag=True,
    help="The operator has rebuilt the topic: read it again and compare it with what was verified.",
)  # fmt: skip
@click.option(
    "--folder-lost", "folder_lost", is_flag=True,
    help="The folder that cosigned under this name is lost for good: start with a new key.",
)  # fmt: skip
@click.option("--once", is_flag=True, help="Read to the end of the topic, cosign, stop.")
def command(
    *,
    bootstrap: str | None,
    key: str | None,
    topic_prefix: str | None,
    folder: Path | None,
    name: str | None,
    anew: bool,
    folder_lost: bool,
    once: bool,
) -> None:
    """Cosign every checkpoint that is proved to continue the previous one; prints this witness's public key.

    Needs only the broker and the operator's public key. A head that does not continue what it has seen is not
    cosigned, and neither is anything of that lane after it: exit code 4. Where heads were cosigned under this
    name and the folder does not hold which, nothing is: put it back.
    """
    settings = settings_of()
    configure(settings)
    prefix = settings.topic_prefix if topic_prefix is None else topic_prefix
    place = folder or settings.instance_dir / WITNESS
    try:
        operator = operator_key(settings, key)
        if operator is None:
            raise CommandFailed(
                Exit.USAGE,
                "--key is missing: the operator's public key, whose checkpoints are to be cosigned",
            )
        named = name or f"{socket.gethostname()}/witness"
        faults = run_async(
            _witness(
                settings,
                bootstrap,
                prefix,
                Folder(place),
                named,
                operator,
                anew=anew,
                folder_lost=folder_lost,
                once=once,
            )
        )
    except (NoteError, KeyFileError, WitnessError) as error:
        raise CommandFailed(Exit.INVALID_INPUT, str(error)) from error
    if faults:
        raise CommandFailed(Exit.DIVERGENCE, "\n  ".join(["this is not cosigned:", *faults]))


async def _witness(
    settings: Settings,
    bootstrap: str | None,
    prefix: str,
    folder: Folder,
    name: str,
    operator: VerifierKey,
    *,
    anew: bool,
    folder_lost: bool,
    once: bool,
) -> tuple[str, ...]:
    async with AsyncExitStack() as stack:
        stack.enter_context(folder.owned())
        servers = await stack.enter_async_context(kafka_at(settings, bootstrap))
        key = folder.key(name)
        writer = TopicWriter(partial(open_producer, servers))
        stack.push_async_callback(writer.close)
        open_one = partial(open_consumer, servers)
        witness = Witness(folder, key, operator, writer, open_one, topic_prefix=prefix, clock=clock)
        print_line(key.verifier.text)
        if anew:
            witness.begin_anew()
        if folder_lost:
            witness.begin_without_folder()
        if once:
            consumer = await open_one()
            stack.push_async_callback(consumer.stop)
            await witness.turn(consumer)
        else:
            await until(stop_event(), witness.run, witness.stop)
        say(f"{counted(witness.cosigned, 'head')} cosigned")
        if witness.awaited:
            say(
                f"for {counted(witness.awaited, 'lane')} the topic does not yet hold what was verified before"
            )
        return tuple(witness.faults)
