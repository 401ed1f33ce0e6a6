"""What a lot was made of, element by element, and what became of it."""

from datetime import date
from functools import partial
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from events import origin_terms as words
from events.passport_terms import ClaimSupported
from events.vocabulary import ProductForm
from market.http.materials import lineage_page
from market.http.materials.labels import TAG
from market.http.materials.passport_reads import load, viewer
from market.http.materials.path_terms import StagePath
from market.http.wire.accepting import accepted
from market.http.wire.access import READERS
from market.http.wire.endpoint import JSON, Answer, Call, Nothing, endpoint
from market.http.wire.ids import OrganisationId, PassportId, TransformationId, to_text
from market.http.wire.loading import COST, RATE, BookLoads
from market.http.wire.material import Body
from market.http.wire.numbers import PERCENT, TONNES, DecimalText
from market.http.wire.reads import as_desk, own
from market.pages import POLICY
from market.rules.passport import PassportStatus
from market.rules.passports.lineage import (
    DEPTH_MAX,
    NODES_MAX,
    Direction,
    Lineage,
    LineageDocument,
    LineageNode,
    SourceShare,
    disclosed,
    documents,
    provenance,
)
from market.rules.stage_paths import paths_told
from market.rules.viewers import Viewer
from market.store import crma
from market.store import lineage as store

LineageShape = Literal["json", "html"]
SHAPES: Final[dict[LineageShape, str]] = {"json": JSON, "html": "text/html"}


class LineageQuery(Struct, frozen=True, kw_only=True):
    """Query of a lineage: `depth` counts transformations."""

    direction: Direction = "up"
    depth: Annotated[int, Meta(ge=1, le=DEPTH_MAX)] = DEPTH_MAX
    format: (
        Annotated[LineageShape, Meta(description="Instead of the Accept header; without either, JSON.")]
        | None
    ) = None


class NodeView(Body, frozen=True, kw_only=True):
    """`depth`: number of transformations away; `transformation` made the lot, null if no passport went into
    it. `owner` is null if the reader may not see it."""

    passport: PassportId
    depth: int
    form: ProductForm
    lot_number: str
    transformation: TransformationId | None
    net_wet_t: DecimalText
    status: PassportStatus
    corrections: int
    owner: OrganisationId | None

    @classmethod
    def of(cls, node: LineageNode, owner: UUID | None) -> "NodeView":
        return cls(
            passport=to_text("pass", node.passport),
            depth=node.depth,
            form=node.form,
            lot_number=node.lot_number,
            transformation=None if node.transformation is None else to_text("tra", node.transformation),
            net_wet_t=TONNES.text(node.net_wet_g),
            status=node.status,
            corrections=node.corrections,
            owner=None if owner is None else to_text("org", owner),
        )


class ShareView(Body, frozen=True, kw_only=True):
    """How much of the element comes from `passport`; null: from lots that the reader may not see. `further`:
    its own inputs were not traced. Shares of an element add up to 100 %."""

    element: str
    passport: PassportId | None
    share_percent: DecimalText
    further: bool

    @classmethod
    def of(cls, share: SourceShare) -> "ShareView":
        return cls(
            element=share.element,
            passport=None if share.passport is None else to_text("pass", share.passport),
            share_percent=PERCENT.text(share.share_ppb),
            further=share.further,
        )


class DocumentView(Body, frozen=True, kw_only=True):
    """A document for a claim of this lot or of an earlier one. The document stays with its owner; a copy can
    be checked by its hash. `title` is null for lots that the reader may not see."""

    supports: ClaimSupported
    sha256: str
    dated_on: date
    title: str | None

    @classmethod
    def of(cls, value: LineageDocument) -> "DocumentView":
        return cls(supports=value.supports, sha256=value.sha256, dated_on=value.dated_on, title=value.title)


class LineageView(Body, frozen=True, kw_only=True):
    """`nodes` by depth; `withheld` lots are not shown; `cut`: more nodes lie beyond those that were followed.

    `paths`: parts of the lot by all steps of a stage that they went through; empty where its origin says all.
    `sources` and `documents` of an upward lineage only; of documents the nearest 1,000, and none for who has
    bought the lot and does not own or hold it yet.
    """

    direction: Direction
    nodes: tuple[NodeView, ...]
    withheld: int
    cut: bool
    sources: tuple[ShareView, ...]
    documents: tuple[DocumentView, ...]
    paths: tuple[StagePath, ...] = ()


@endpoint(
    "GET",
    "/v1/passports/{passport}/lineage",
    roles=READERS,
    summary="Where a lot comes from, or what became of it",
    tag=TAG,
    query=LineageQuery,
    answer=LineageView,
    shapes=(SHAPES["html"],),
    cost=COST,
    description=f"At most {DEPTH_MAX} transformations and {NODES_MAX:,} nodes away. An organisation is shown "
    "lots that it issued, owns or holds, and led downwards through its own transformations and those of "
    "goods that were its own. Each share of an element is exact to a part per billion, by largest "
    "remainder at each transformation. `documents` are what claims of the lot and of lots before it rest on, "
    f"by hash. `format=html`, or the Accept header, takes it as a page with the graph. {RATE}",
)
async def read(call: Call[Nothing, LineageQuery]) -> Answer:
    row, _, seen = await load(call)
    shape = call.query.format or accepted(call.header(b"accept"), SHAPES)
    who = viewer(call)
    async with as_desk(call) as connection:
        found = await store.walk(
            connection,
            row.passport,
            call.query.direction,
            depth=call.query.depth,
            nodes_max=NODES_MAX,
            organisation=own(call.caller),
        )
        owners = {node.seen_owner(who) for node in found.nodes} | {seen.owner}
        known = sorted(owner for owner in owners if owner is not None) if shape == "html" else []
        names = {one: of.name for one, of in (await crma.load_organisations(connection, known)).items()}
    loads: BookLoads = call.state.loads
    body = await loads.work(
        partial(
            told,
            found,
            who,
            seen.owner,
            call.query.direction,
            shape,
            names,
            documented=seen.tier != "counterparty",
            paths=paths_told(row) or (),
        )
    )
    headers = {"Vary": "Accept"} | ({"Content-Security-Policy": POLICY} if shape == "html" else {})
    return Answer(body=body, media_type=SHAPES[shape], headers=headers)


def told(
    found: Lineage,
    who: Viewer,
    root_owner: UUID | None,
    direction: Direction,
    shape: LineageShape,
    names: dict[UUID, str],
    *,
    documented: bool = True,
    paths: tuple[words.StagePath, ...] = (),
) -> bytes:
    """Computed and encoded in a thread, since thousands of lots would block all other requests. `names`: of
    owners, for a page."""
    shown = [node for node in found.nodes if node.concerns(who)]
    if not shown or shown[0].passport != found.root:
        shown.insert(0, replace(found.nodes[0], transformation=None))
    sources: tuple[SourceShare, ...] = ()
    papers: tuple[LineageDocument, ...] = ()
    if direction == "up":
        known = {node.passport for node in shown}
        sources = disclosed(provenance(found), known)
        papers = documents(found, known) if documented else ()

    def owner(node: LineageNode) -> UUID | None:
        return root_owner if node.passport == found.root else node.seen_owner(who)

    if shape == "html":
        return lineage_page.page(found, shown, sources, direction, owner, names, paths)
    return msgspec.json.encode(
        LineageView(
            direction=direction,
            nodes=tuple(NodeView.of(node, owner(node)) for node in shown),
            withheld=len(found.nodes) - len(shown),
            cut=found.cut,
            sources=tuple(map(ShareView.of, sources)),
            documents=tuple(map(DocumentView.of, papers)),
            paths=tuple(map(StagePath.outside, paths)),
        )
    )


HANDLERS: Final = (read,)
