"""What a lot was made of, element by element, and what became of it."""

from typing import Annotated, Final

from msgspec import Meta, Struct
from msgspec.structs import replace

from events.vocabulary import ProductForm
from market.http.access import READERS
from market.http.endpoint import Answer, Call, Nothing, endpoint
from market.http.ids import PassportId, TransformationId, to_text
from market.http.loading import COST, RATE
from market.http.material import Body
from market.http.numbers import PERCENT
from market.http.passports import TAG, load, viewer
from market.http.reads import as_desk, own
from market.rules.lineage import (
    DEPTH_MAX,
    NODES_MAX,
    Direction,
    LineageNode,
    SourceShare,
    disclosed,
    provenance,
)
from market.store import lineage as store


class LineageQuery(Struct, frozen=True, kw_only=True):
    """Query of a lineage: `depth` counts transformations."""

    direction: Direction = "up"
    depth: Annotated[int, Meta(ge=1, le=DEPTH_MAX)] = DEPTH_MAX


class NodeView(Body, frozen=True, kw_only=True):
    """`depth`: transformations away; `transformation` made the lot, null where no passport went into it."""

    passport: PassportId
    depth: int
    form: ProductForm
    lot_number: str
    transformation: TransformationId | None

    @classmethod
    def of(cls, node: LineageNode) -> "NodeView":
        return cls(
            passport=to_text("pass", node.passport),
            depth=node.depth,
            form=node.form,
            lot_number=node.lot_number,
            transformation=None if node.transformation is None else to_text("tra", node.transformation),
        )


class ShareView(Body, frozen=True, kw_only=True):
    """How much of the element comes of `passport`; null: of lots that are not shown to this reader.

    `further`: what that was made of in its turn was not followed. Shares of an element add up to 100 %.
    """

    element: str
    passport: PassportId | None
    share_percent: str
    further: bool

    @classmethod
    def of(cls, share: SourceShare) -> "ShareView":
        return cls(
            element=share.element,
            passport=None if share.passport is None else to_text("pass", share.passport),
            share_percent=PERCENT.text(share.share_ppb),
            further=share.further,
        )


class LineageView(Body, frozen=True, kw_only=True):
    """`nodes` by depth; `withheld` lots are not shown; `cut`: more nodes lie beyond those that were followed.

    `sources` of an upward lineage only.
    """

    direction: Direction
    nodes: tuple[NodeView, ...]
    withheld: int
    cut: bool
    sources: tuple[ShareView, ...]


@endpoint(
    "GET",
    "/v1/passports/{passport}/lineage",
    roles=READERS,
    summary="Where a lot comes from, or what became of it",
    tag=TAG,
    query=LineageQuery,
    answer=LineageView,
    cost=COST,
    description=f"At most {DEPTH_MAX} transformations and {NODES_MAX:,} nodes away. An organisation is shown "
    "lots that it issued, owns or holds, and led downwards through its own transformations. Each share of an "
    f"element is exact to a part per billion, by largest remainder at each transformation. {RATE}",
)
async def read(call: Call[Nothing, LineageQuery]) -> Answer:
    row, _, _ = await load(call)
    async with as_desk(call) as connection:
        found = await store.walk(
            connection,
            row.passport,
            call.query.direction,
            depth=call.query.depth,
            nodes_max=NODES_MAX,
            organisation=own(call.caller),
        )
    who = viewer(call)
    shown = [node for node in found.nodes if node.concerns(who)]
    if not shown or shown[0].passport != row.passport:
        shown.insert(0, replace(found.nodes[0], transformation=None))
    sources: tuple[SourceShare, ...] = ()
    if call.query.direction == "up":
        sources = disclosed(provenance(found), {node.passport for node in shown})
    return Answer(
        body=LineageView(
            direction=call.query.direction,
            nodes=tuple(map(NodeView.of, shown)),
            withheld=len(found.nodes) - len(shown),
            cut=found.cut,
            sources=tuple(map(ShareView.of, sources)),
        )
    )


HANDLERS: Final = (read,)
