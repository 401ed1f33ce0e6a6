"""`lodestone doctor` on checkpoints: signed, cosigned, and stored as published."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Final

from events import seals
from events.connections import Connection, acquire
from events.counts import counted
from events.key_files import KeyFileError
from events.notes import NoteError
from market.checkpoint_keys import operator_key
from market.cli.findings import Finding
from market.cli.outages import SERVER_AWAY
from market.ground import Ground
from market.lacking_heads import count_lacking
from market.sealing import AUDITOR
from market.topics import TopicError

UNSIGNED_INTERVALS_MAX: Final = 6
"""After how many times `checkpoint_seconds` a missing signature or cosignature is reported."""


async def checkpoint_findings(
    connection: Connection, now: datetime, checkpoint_seconds: float
) -> AsyncIterator[Finding]:
    """Signer and witnesses, as what they have stored tells."""
    patience = timedelta(seconds=checkpoint_seconds * UNSIGNED_INTERVALS_MAX)
    signed_at = await seals.newest_signed_at(connection)
    standings = await seals.read_standings(connection, AUDITOR)
    waiting = sum(max(0, standing.position - standing.sealed) for standing in standings)
    since = await seals.oldest_waiting_at(connection, AUDITOR)
    late = since is not None and now - since > patience
    newest = "no checkpoint yet" if signed_at is None else f"newest checkpoint {_age(now, signed_at)} old"
    yield Finding(
        what="signer",
        state="attention" if late else "ok",
        told=f"{newest}, {waiting:,} audited events wait for one",
        help="see the signer's log; if none runs: lodestone run signer" if late else None,
    )
    for refused in await seals.read_refusals(connection):
        yield Finding(
            what=f"signer {refused.stream}/{refused.lane}",
            state="wrong",
            told=f"has refused to sign for {_age(now, refused.refused_at)}: {refused.reason}",
            help="docs/securing.md, Checkpoints and witnesses; never delete rows of record.checkpoint",
        )
    if signed_at is None:
        return
    witnesses = await seals.witnessed_at(connection)
    if not witnesses:
        told = "nobody has cosigned the newest checkpoints, so a second history could exist unnoticed"
        yield Finding(
            what="witness", state="attention", told=told, help="ask a partner to run lodestone witness"
        )
    for witness, newest_at in witnesses.items():
        behind = signed_at - newest_at > patience
        yield Finding(
            what=f"witness {witness.partition('+')[0]}",
            state="attention" if behind else "ok",
            told=f"newest cosigned checkpoint {_age(now, newest_at)} old",
            help="ask those who run it" if behind else None,
        )


def _age(now: datetime, then: datetime) -> str:
    return f"{max(0, (now - then) // timedelta(seconds=1)):,} s"


async def heads_on_topics(ground: Ground) -> list[Finding]:
    """Whether what was published is stored; nothing where no key of the operator is known."""
    settings = ground.settings
    try:
        key = operator_key(settings, None)
    except (NoteError, KeyFileError):
        return []
    if key is None:
        return []
    try:
        async with ground.opened_pool("auditor", 1) as pool, acquire(pool) as connection:
            lacking = await count_lacking(connection, ground.bootstrap, settings.topic_prefix, key)
    except (*SERVER_AWAY, TimeoutError, TopicError):
        return []
    told = (
        f"{counted(lacking, 'head on the topics is', 'heads on the topics are')} not stored"
        if lacking
        else "all heads on the topics are stored"
    )
    return [
        Finding(
            what="checkpoints",
            state="attention" if lacking else "ok",
            told=told,
            help="lodestone replay --restore all" if lacking else None,
        )
    ]
