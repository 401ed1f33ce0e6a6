"""The services that sign lane heads, and cosign them."""

import asyncio
from contextlib import suppress
from functools import partial
from typing import Final

import structlog

from events.key_files import read_keys
from events.notes import VerifierKey
from events.publishing import TopicWriter
from events.signer import Limits, Signer
from events.witness import Folder, Witness, WitnessError
from market.checkpoint_keys import WITNESS, ensure_keys, key_file
from market.ground import Wiring
from market.metrics import CHECKPOINTS_REFUSED
from market.stopping import until

log = structlog.get_logger("sealing")

WITNESS_LOOKS_SECONDS: Final = 5.0
WITNESS_HELP: Final = (
    "where the topic was recovered: lodestone witness --topic-made-anew --once; "
    "where its folder is lost: lodestone witness --folder-lost --once"
)
AUDITOR: Final = "auditor"
"""The name of the reader on whose verification the signer relies."""


async def run_signer(wiring: Wiring, stop: asyncio.Event) -> None:
    """Signs checkpoints of what the auditor has verified."""
    settings = wiring.settings
    ensure_keys(settings, wiring.deployment.deployment_id)
    topic = TopicWriter(wiring.ground.producer)
    signer = Signer(
        wiring.auditor,
        topic,
        wiring.ground.consumer,
        partial(read_keys, key_file(settings)),
        auditor=AUDITOR,
        source=wiring.source,
        topic_prefix=wiring.prefix,
        clock=wiring.clock,
        limits=Limits(events=settings.checkpoint_events, seconds=settings.checkpoint_seconds),
    )
    CHECKPOINTS_REFUSED.set_function(lambda: len(signer.refused))
    try:
        await until(stop, signer.run, signer.stop)
    finally:
        await topic.close()


async def run_witness(wiring: Wiring, stop: asyncio.Event) -> None:
    """Runs a local witness: for demonstration only, since it cannot protect anybody from its own operator."""
    settings = wiring.settings
    operator = ensure_keys(settings, wiring.deployment.deployment_id).current.verifier
    folder = Folder(settings.instance_dir / WITNESS)
    told: str | None = None
    while not stop.is_set():
        try:
            await _witness(wiring, folder, operator, stop)
            return
        except WitnessError as error:
            stands = str(error)
        if stands != told:
            log.error("witness_stands", told=stands, help=WITNESS_HELP)
        told = stands
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), WITNESS_LOOKS_SECONDS)


async def _witness(wiring: Wiring, folder: Folder, operator: VerifierKey, stop: asyncio.Event) -> None:
    """The folder is locked only while the witness runs, so that an operator's command can repair it."""
    writer = TopicWriter(wiring.ground.producer)
    with folder.owned():
        key = folder.key(f"{operator.name}/witness")
        witness = Witness(
            folder,
            key,
            operator,
            writer,
            wiring.ground.consumer,
            topic_prefix=wiring.prefix,
            clock=wiring.clock,
        )
        try:
            await until(stop, witness.run, witness.stop)
        finally:
            await writer.close()
