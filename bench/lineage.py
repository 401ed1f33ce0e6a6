"""`make bench-lineage`: shares, JSON and page of a lineage of thousands of lots, against networkx."""

import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import date
from functools import partial
from time import process_time
from uuid import UUID

import networkx as nx
import uvloop
from figures import Report, alternate, arguments, machine, ratio, tell

from events.material_events import PassportTransformed
from events.passport_terms import BatchPart, ElementMass
from market.http.materials.lineage import LineageShape, told
from market.rules.passports.lineage import NODES_MAX, TRACED, Lineage, LineageNode, provenance
from market.rules.viewers import AuditorViewer

SITE = UUID(int=1)
DAY = date(2026, 1, 1)
ELEMENTS = ("Nd", "Pr", "Dy", "Tb")
INPUTS = 4
WIDTH = 150
SEED = 7
OURS = "shares"
PEER = "shares, networkx"


def lineage(lots: int) -> Lineage:
    """Rows of `WIDTH` lots below one; each lot is made of `INPUTS` of the two rows behind its own."""
    chance = random.Random(SEED)
    names = [UUID(int=1_000 + number) for number in range(lots)]
    works, nodes = [], []
    for number, name in enumerate(names):
        first = ((number + WIDTH - 1) // WIDTH) * WIDTH + 1
        behind = names[first : first + 2 * WIDTH]
        work = UUID(int=10**9 + number) if len(behind) >= INPUTS else None
        if work is not None:
            works.append(_work(work, name, [_part(each, chance) for each in chance.sample(behind, INPUTS)]))
        nodes.append(_node(name, work, first // WIDTH, chance.randrange(10**6, 10**8)))
    return Lineage(root=names[0], nodes=tuple(nodes), transformations=tuple(works), cut=False)


def _part(passport: UUID, chance: random.Random) -> BatchPart:
    masses = tuple(ElementMass(element=each, mass_mg=chance.randrange(1, 10**9)) for each in ELEMENTS)
    return BatchPart(passport=passport, net_wet_g=10**6, elements=masses)


def _work(work: UUID, output: UUID, inputs: list[BatchPart]) -> PassportTransformed:
    return PassportTransformed(
        transformation=work,
        organisation=SITE,
        facility=SITE,
        stage="processing",
        transformed_on=DAY,
        custody="segregated",
        tolerance_ppm=0,
        inputs=tuple(inputs),
        outputs=(BatchPart(passport=output, net_wet_g=10**6),),
    )


def _node(passport: UUID, work: UUID | None, depth: int, net_wet_g: int) -> LineageNode:
    return LineageNode(
        passport=passport,
        depth=depth,
        form="metal",
        lot_number=f"L-{passport.int}",
        organisation=SITE,
        owner=SITE,
        holder=SITE,
        transformation=work,
        net_wet_g=net_wet_g,
        status="consumed",
        corrections=0,
    )


def peer(found: Lineage) -> dict[str, dict[UUID, int]]:
    """The same shares rounded down at every step, over a directed graph in topological order."""
    graph = nx.DiGraph()
    for work in found.transformations:
        for part in work.inputs:
            masses = {each.element: each.mass_mg for each in part.elements}
            graph.add_edge(work.outputs[0].passport, part.passport, **masses)
    reached = graph.subgraph(nx.descendants(graph, found.root) | {found.root})
    order = list(nx.topological_sort(reached))
    return {element: _peer_shares(reached, order, found.root, element) for element in ELEMENTS}


def _peer_shares(graph: nx.DiGraph, order: list[UUID], root: UUID, element: str) -> dict[UUID, int]:
    parts: defaultdict[UUID, int] = defaultdict(int, {root: TRACED})
    for lot in order:
        edges = graph.adj[lot]
        whole = sum(edge[element] for edge in edges.values())
        for further, edge in edges.items():
            parts[further] += parts[lot] * edge[element] // whole
    return {lot: parts[lot] for lot in order if not graph.adj[lot]}


def per_second(work: Callable[[], object], lots: int) -> Callable[[], Awaitable[float]]:
    """Lots in a second of processor time."""

    async def run() -> float:
        started = process_time()
        work()
        return lots / (process_time() - started)

    return run


async def main() -> None:
    parser = arguments("Shares, JSON and page of a lineage.", repetitions=5)
    parser.add_argument("--lots", type=int, default=NODES_MAX)
    given = parser.parse_args()
    found = lineage(given.lots)

    names = dict.fromkeys({SITE, *(node.owner for node in found.nodes)}, "Owner")

    def answered(shape: LineageShape) -> bytes:
        return told(found, AuditorViewer(), SITE, "up", shape, names)

    works: dict[str, Callable[[], object]] = {
        OURS: partial(provenance, found),
        PEER: partial(peer, found),
        "JSON": partial(answered, "json"),
        "page": partial(answered, "html"),
    }
    cases = [(name, per_second(work, given.lots)) for name, work in works.items()]
    figures = await alternate(cases, given.repetitions, "lots/s of processor time")
    report = Report(title=f"A lineage of {given.lots:,} lots", machine=machine())
    report.figures += figures.values()
    report.ratios += [ratio(figures[name], figures[PEER]) for name in (OURS, "JSON", "page")]
    report.notes.append(f"the page has {len(answered('html')):,} bytes, the JSON {len(answered('json')):,}")
    tell(report, as_json=given.json)


if __name__ == "__main__":
    uvloop.run(main())
