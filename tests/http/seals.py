"""A market's lane signed and cosigned as it stands, as the signer and a witness do it."""

from typing import Any

import asyncpg

from events import seals
from events.checkpoints import Checkpoint, lane_origin
from events.journal import read_head
from events.notes import Algorithm, SigningKey, signed
from events.trees import grow, root_of
from tests.http.shop import Shop

OPERATOR = SigningKey(name="exchange.example", algorithm=Algorithm.ED25519, seed=bytes([1]) * 32)
WITNESS = SigningKey(name="witness.example/w1", algorithm=Algorithm.COSIGNATURE, seed=bytes([2]) * 32)


async def sealed(shop: Shop, database: Any, *, cosigned: bool = True) -> int:
    """Sign the market's lane as it stands, as the signer and a witness do; its size."""
    lane = shop.scene.lane
    connection = await asyncpg.connect(database.dsn("auditor"))
    try:
        async with connection.transaction():
            await seals.lock_signers(connection)
            size = (await read_head(connection, lane)).position
            while await grow(connection, lane, size) < size:
                pass
            newest = await seals.read_newest(connection, lane)
            root = await root_of(connection, lane, size)
            text = Checkpoint(origin=lane_origin(OPERATOR.name, lane), size=size, root=root).text
            await seals.insert_seal(
                connection,
                lane,
                size=size,
                root=root,
                old_size=0 if newest is None else newest.size,
                note=signed(text, [OPERATOR.sign(text)]),
                signed_at=shop.scene.clock.now,
            )
            seal = await seals.read_newest(connection, lane)
            assert seal is not None
            await seals.mark_published(connection, [seal.number])
            if cosigned:
                line = WITNESS.cosign(text, 1_700_000_000)
                await seals.insert_cosignatures(connection, [(lane, size, WITNESS.verifier.text, line)])
    finally:
        await connection.close()
    return size
