"""What a lot was made of and what became of it: table `lineage_edge`, walked by its indexes."""

from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from events.connections import Connection
from events.passport_terms import ClaimEvidence
from market.rules.passports.lineage import Direction, Lineage, LineageNode
from market.store import transformations

# Passports and transformations take turns, so a transformation is two edges deep. Rows come by depth, and a
# limit ends the walk early; a node that several ways lead to comes once for each length of way.
WALK_UP = """
with recursive walk (node, depth) as (
    select $1::uuid, 0
    union
    select e.source, w.depth + 1 from walk w join lineage_edge e on e.target = w.node
    where w.depth < $2
)
select node, depth from walk limit $3
"""

# Downwards an organisation is led through its own transformations, and those of goods of its own, only.
WALK_DOWN = """
with recursive walk (node, depth) as (
    select $1::uuid, 0
    union
    select e.target, w.depth + 1 from walk w join lineage_edge e on e.source = w.node
    where w.depth < $2 and ($4::uuid is null or e.organisation = $4 or e.owner = $4)
)
select node, depth from walk limit $3
"""

READ_NODES = """
select passport, form, lot_number, organisation, owner, holder, transformation, status, body from passport
where passport = any($1::uuid[])
"""


class _Received(Struct):
    short_g: int


class _Stated(Struct):
    net_wet_g: int
    evidence: tuple[ClaimEvidence, ...] = ()


class _Lot(Struct):
    """What of a passport a lineage shows and no column holds."""

    content: _Stated
    corrections: int
    received: _Received | None = None


async def walk(
    connection: Connection,
    root: UUID,
    direction: Direction,
    *,
    depth: int,
    nodes_max: int,
    organisation: UUID | None,
) -> Lineage:
    """Walks at most `depth` transformations and `nodes_max` nodes away; includes the transformations in
    between.

    `organisation`: only its transformations are followed downwards; None: everybody's.
    """
    if direction == "up":
        rows = await connection.fetch(WALK_UP, root, 2 * depth, nodes_max + 1)
    else:
        rows = await connection.fetch(WALK_DOWN, root, 2 * depth, nodes_max + 1, organisation)
    cut = len(rows) > nodes_max
    depths: dict[UUID, int] = {}
    for row in rows[:nodes_max]:
        depths.setdefault(row["node"], row["depth"])
    known = await connection.fetch(READ_NODES, [node for node, far in depths.items() if far % 2 == 0])
    nodes = (_node(row, depths[row["passport"]] // 2) for row in known)
    between = [node for node, far in depths.items() if far % 2]
    return Lineage(
        root=root,
        nodes=tuple(sorted(nodes, key=lambda node: (node.depth, node.passport))),
        transformations=await transformations.load_several(connection, between),
        cut=cut,
    )


def _node(row: asyncpg.Record, depth: int) -> LineageNode:
    columns = dict(row)
    lot = _lots.decode(columns.pop("body"))
    return LineageNode(
        depth=depth,
        net_wet_g=lot.content.net_wet_g - (0 if lot.received is None else lot.received.short_g),
        evidence=lot.content.evidence,
        corrections=lot.corrections,
        **columns,
    )


_lots = msgspec.json.Decoder(_Lot)
