"""A market's lane signed and cosigned as it stands, as the signer and a witness do it."""

from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from events import seals
from events.checkpoints import Checkpoint, lane_origin, public_size
from events.connections import Connection
from events.decision import LaneKey
from events.envelope import Draft, source_of
from events.heads import append, lock_lanes
from events.journal import read_head
from events.market_events import RuleSetRehearsed
from events.notes import Algorithm, SigningKey, signed
from events.trees import grow, root_of
from events.vocabulary import Stream
from market.store.applying import apply
from tests.http.shop import Shop
from tests.market_drafts import rule_set
from tests.market_support import Scene
from tests.record_support import new_salt

OPERATOR = SigningKey(name="exchange.example", algorithm=Algorithm.ED25519, seed=bytes([1]) * 32)
WITNESS = SigningKey(name="witness.example/w1", algorithm=Algorithm.COSIGNATURE, seed=bytes([2]) * 32)


async def sealed(
    shop: Shop,
    database: Any,
    *,
    cosigned: bool = True,
    stream: Stream | None = None,
    lane: LaneKey | None = None,
) -> int:
    """Sign the market's lane as it stands, or that of another stream or any, as the signer and a witness do;
    its size."""
    if lane is None:
        lane = shop.scene.lane if stream is None else LaneKey(stream, shop.scene.lane.lane)
    connection = await asyncpg.connect(database.dsn("auditor"))
    try:
        async with connection.transaction():
            await seals.lock_signers(connection)
            size = (await read_head(connection, lane)).position
            while await grow(connection, lane, size) < size:
                pass
            newest = await seals.read_newest(connection, lane)
            old = 0 if newest is None else newest.size
            for head in sorted({public_size(size), size}):
                if head > old:
                    await seal_at(connection, lane, head, old, now=shop.scene.clock.now, cosigned=cosigned)
                    old = head
    finally:
        await connection.close()
    return size


async def seal_at(
    connection: Connection, lane: LaneKey, size: int, old_size: int, *, now: datetime, cosigned: bool
) -> None:
    root = await root_of(connection, lane, size)
    text = Checkpoint(origin=lane_origin(OPERATOR.name, lane), size=size, root=root).text
    await seals.insert_seal(
        connection,
        lane,
        size=size,
        root=root,
        old_size=old_size,
        note=signed(text, [OPERATOR.sign(text)]),
        signed_at=now,
    )
    seal = await seals.read_newest(connection, lane)
    assert seal is not None
    await seals.mark_published(connection, [seal.number])
    if cosigned:
        line = WITNESS.cosign(text, 1_700_000_000)
        await seals.insert_cosignatures(connection, [(lane, size, WITNESS.verifier.text, line)])


async def fill(scene: Scene, size: int) -> None:
    """The market's lane up to a size, with facts that change nothing."""
    async with scene.pool.acquire() as connection, connection.transaction():
        heads = await lock_lanes(connection, [scene.lane])
        missing = size - (await read_head(connection, scene.lane)).position
        assert missing >= 0
        fact = RuleSetRehearsed(
            market=scene.market,
            rehearsal=UUID(int=1),
            plan=UUID(int=2),
            round=1,
            rule_set=rule_set(),
            rule_set_sha256="0" * 64,
        )
        draft = Draft(stream="market", lane=scene.lane.lane, subject="trial", data=fact)
        await append(
            connection,
            heads,
            [draft] * missing,
            cause="trial",
            actor=scene.operator.organisation,
            source=source_of(UUID(int=1)),
            now=scene.clock.now,
            new_id=uuid7,
            new_salt=new_salt,
            apply=apply,
        )
