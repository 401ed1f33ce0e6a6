"""The lanes' Merkle trees in PostgreSQL: grown from the journal; proofs read only the tiles that they
need."""

from collections.abc import Iterable

from events.chain import genesis, next_head
from events.connections import Connection
from events.decision import LaneKey
from events.journal import read_deployment, read_rows
from events.merkle import (
    HASH_BYTES,
    TILE_HASHES_MAX,
    Span,
    TileId,
    Tiles,
    grown,
    last_tiles,
    leaf_hash,
    root_span,
    span_root,
    span_roots,
    tiles_of,
)

ROWS_MAX = 1_000


class TreeFault(Exception):
    """The journal does not continue the tree that was built from it."""


# The newest tile of leaf hashes says how many there are.
READ_SIZE = """
select place, octet_length(hashes) as bytes from record.tile
where stream = $1 and lane = $2 and level = 0 order by place desc limit 1
"""

READ_TILES = """
select level, place, hashes from record.tile
where stream = $1 and lane = $2 and (level, place) in (select * from unnest($3::bigint[], $4::bigint[]))
"""

# A tile may only grow: if known hashes would change, the row stays as it is, and the row count shows it.
KEEP_TILES = """
insert into record.tile as kept (stream, lane, level, place, hashes)
select $1, $2, t.level, t.place, t.hashes
from unnest($3::bigint[], $4::bigint[], $5::bytea[]) as t (level, place, hashes)
on conflict (stream, lane, level, place) do update set hashes = excluded.hashes
where substring(excluded.hashes for octet_length(kept.hashes)) = kept.hashes
"""


async def tree_size(connection: Connection, key: LaneKey) -> int:
    row = await connection.fetchrow(READ_SIZE, *key)
    return 0 if row is None else int(row["place"] * TILE_HASHES_MAX + row["bytes"] // HASH_BYTES)


async def grow(connection: Connection, key: LaneKey, upto: int) -> int:
    """Append at most ROWS_MAX leaves of the journal, up to a position; returns the new size.

    The caller holds the signers' lock. TreeFault when the rows do not continue by position and chain.
    """
    size = await tree_size(connection, key)
    if size >= upto:
        return size
    rows = await read_rows(connection, key, size - 1 if size else 0, upto, ROWS_MAX + 1)
    if size:
        head = rows[0].chain if rows and rows[0].position == size else None
        rows = rows[1:]
    else:
        head = genesis((await read_deployment(connection)).deployment_id, key.stream, key.lane)
    leaves: list[bytes] = []
    for position, row in enumerate(rows, start=size + 1):
        if head is None or row.position != position or row.chain != next_head(head, row.body):
            raise TreeFault(f"the journal of {key.stream}/{key.lane} breaks off before position {position}")
        head = row.chain
        leaves.append(leaf_hash(row.body))
    if not leaves:
        raise TreeFault(f"the journal of {key.stream}/{key.lane} ends before position {size + 1}")
    changed = grown(await read_tiles(connection, key, last_tiles(size)), size, leaves)
    await _keep(connection, key, changed)
    return size + len(leaves)


async def _keep(connection: Connection, key: LaneKey, changed: Tiles) -> None:
    levels, places = [tile.level for tile in changed], [tile.place for tile in changed]
    status = await connection.execute(KEEP_TILES, *key, levels, places, list(changed.values()))
    if status != f"INSERT 0 {len(changed)}":
        raise TreeFault(f"the tree of {key.stream}/{key.lane} already holds other hashes there")


async def read_tiles(connection: Connection, key: LaneKey, tiles: Iterable[TileId]) -> dict[TileId, bytes]:
    """Those of the tiles that exist."""
    wanted = sorted(tiles)
    rows = await connection.fetch(
        READ_TILES, *key, [tile.level for tile in wanted], [tile.place for tile in wanted]
    )
    return {TileId(row["level"], row["place"]): row["hashes"] for row in rows}


async def root_of(connection: Connection, key: LaneKey, size: int) -> bytes:
    """The root over the lane's first `size` events. LookupError when the tree is smaller."""
    span = root_span(size)
    return span_root(span, await read_tiles(connection, key, tiles_of([span])))


async def proof_of(connection: Connection, key: LaneKey, spans: Iterable[Span]) -> tuple[bytes, ...]:
    """The hashes of an inclusion or a consistency proof. LookupError when the tree is smaller."""
    asked = tuple(spans)
    return span_roots(asked, await read_tiles(connection, key, tiles_of(asked)))
