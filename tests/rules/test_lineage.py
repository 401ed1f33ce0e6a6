"""Where elements come from: exact shares, whatever the graph; what is not shown is one share."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from events.material_events import PassportTransformed
from events.passport_terms import BatchPart, ElementMass
from events.vocabulary import PPB
from market.rules.passports.lineage import Lineage, LineageNode, SourceShare, disclosed, provenance
from market.rules.passports.lineage_layers import ROW_MAX, Layers, layers
from market.rules.viewers import AuditorViewer, OrganisationViewer, Viewer
from tests.desk_support import BUYER, SELLER, SELLER_SITE, STRANGER, numbered
from tests.passport_support import DAY

A, B, C, X, Y, Z = (numbered(900 + number) for number in range(6))


def part(passport: UUID, nd_mg: int = 0, below_mg: int = 0, **others: int) -> BatchPart:
    masses = [ElementMass(element="Nd", mass_mg=nd_mg, below_detection_mg=below_mg)]
    masses += [ElementMass(element=element, mass_mg=mass_mg) for element, mass_mg in others.items()]
    return BatchPart(passport=passport, net_wet_g=1, elements=tuple(masses))


def work(number: int, inputs: list[BatchPart], *outputs: UUID) -> PassportTransformed:
    return PassportTransformed(
        transformation=numbered(700 + number),
        organisation=SELLER,
        facility=SELLER_SITE,
        stage="processing",
        transformed_on=DAY,
        custody="segregated",
        tolerance_ppm=0,
        inputs=tuple(inputs),
        outputs=tuple(part(passport) for passport in outputs),
    )


def node(passport: UUID, transformation: UUID | None = None, **changes: Any) -> LineageNode:
    given: dict[str, Any] = {
        "depth": 0,
        "organisation": SELLER,
        "owner": SELLER,
        "holder": BUYER,
        "net_wet_g": 1_000,
        "status": "live",
        "corrections": 0,
    }
    return LineageNode(
        passport=passport,
        form="metal",
        lot_number="L",
        transformation=transformation,
        **(given | changes),
    )


def lineage(root: UUID, *works: PassportTransformed, further: tuple[UUID, ...] = ()) -> Lineage:
    made = {p.passport: each.transformation for each in works for p in each.outputs}
    lots = {p.passport for each in works for p in (*each.inputs, *each.outputs)} | {root}
    nodes = tuple(node(lot, made.get(lot, numbered(1) if lot in further else None)) for lot in sorted(lots))
    return Lineage(root=root, nodes=nodes, transformations=works, cut=False)


def shares(found: Lineage, element: str = "Nd") -> dict[UUID | None, tuple[int, bool]]:
    return {
        each.passport: (each.share_ppb, each.further) for each in provenance(found) if each.element == element
    }


def test_thirds_add_up_and_the_first_named_has_the_remainder() -> None:
    found = lineage(X, work(1, [part(A, 1), part(B, 1), part(C, 1)], X))
    assert {A: (333_333_334, False), B: (333_333_333, False), C: (333_333_333, False)} == shares(found)


def test_a_source_on_two_ways_counts_both() -> None:
    """A goes into Z through X and through Y."""
    found = lineage(
        Z,
        work(1, [part(A, 30), part(B, 10)], X),
        work(2, [part(A, 10), part(C, 10)], Y),
        work(3, [part(X, 40), part(Y, 20)], Z),
    )
    expected: dict[UUID | None, tuple[int, bool]] = {
        A: (666_666_667, False),
        B: (166_666_667, False),
        C: (166_666_666, False),
    }
    assert {lot: further for lot, (_, further) in expected.items()} == {
        lot: further for lot, (_, further) in shares(found).items()
    }
    assert PPB == sum(share for share, _ in shares(found).values())
    assert all(abs(expected[lot][0] - share) <= 1 for lot, (share, _) in shares(found).items())


def test_each_element_has_its_own_sources() -> None:
    found = lineage(X, work(1, [part(A, 9, Dy=0), part(B, 1, Dy=5)], X))
    assert ({A: (9 * PPB // 10, False), B: (PPB // 10, False)}, {B: (PPB, False)}, {}) == (
        shares(found),
        shares(found, "Dy"),
        shares(found, "Tb"),
    )


def test_a_trace_below_detection_counts_where_nothing_was_measured() -> None:
    assert {A: (PPB, False)} == shares(lineage(X, work(1, [part(A, 0, 5), part(B)], X)))
    assert {B: (PPB, False)} == shares(lineage(X, work(1, [part(A, 0, 5), part(B, 1)], X)))


def test_what_was_not_followed_is_said() -> None:
    found = lineage(X, work(1, [part(A, 1), part(B, 1)], X), further=(A,))
    assert {A: (PPB // 2, True), B: (PPB // 2, False)} == shares(found)
    assert {} == shares(lineage(A))


def test_a_lot_never_comes_of_itself() -> None:
    for works in (
        (work(1, [part(X, 1)], X),),
        (work(1, [part(A, 1)], X), work(2, [part(B, 1)], A), work(3, [part(A, 1)], B)),
    ):
        with pytest.raises(ValueError, match="leads back to itself"):
            provenance(lineage(X, *works))


def test_what_is_not_shown_is_one_share() -> None:
    known = [
        SourceShare(element=element, passport=lot, share_ppb=share, further=False)
        for element, lot, share in (("Nd", A, 5), ("Nd", B, 3), ("Nd", C, 2), ("Dy", B, 10))
    ]
    pooled = [
        SourceShare(element=element, passport=None, share_ppb=share, further=True)
        for element, share in (("Nd", 5), ("Dy", 10))
    ]
    assert (known[0], *pooled) == disclosed(known, {A})
    assert tuple(known) == disclosed(known, {A, B, C})


def test_whom_a_lot_concerns() -> None:
    lot = node(A)
    viewers: list[Viewer] = [OrganisationViewer(organisation=each) for each in (SELLER, BUYER, STRANGER)]
    assert [True, True, False, True] == [lot.concerns(viewer) for viewer in (*viewers, AuditorViewer())]


def test_who_gave_a_lot_away_is_not_told_its_owner() -> None:
    lot = node(A, owner=BUYER, holder=BUYER)
    viewers: list[Viewer] = [OrganisationViewer(organisation=each) for each in (SELLER, BUYER)]
    assert [None, BUYER, BUYER] == [lot.seen_owner(viewer) for viewer in (*viewers, AuditorViewer())]


def numbered_rows(found: Layers) -> list[list[list[UUID]]]:
    return [[[lot.passport for lot in box.lots] for box in row] for row in found.rows]


def test_a_lot_stands_below_all_that_lead_to_it() -> None:
    """B goes into Z at once and through X: it stands below X, and both lines are drawn."""
    found = lineage(Z, work(1, [part(A), part(B)], X), work(2, [part(X), part(B)], Z))
    drawn = layers(found, found.nodes, "up")
    assert [[[Z]], [[X]], [[A], [B]]] == numbered_rows(drawn)
    assert {(0, 1), (0, 3), (1, 2), (1, 3)} == {(line.upper, line.lower) for line in drawn.lines}
    below = layers(
        Lineage(root=B, nodes=found.nodes, transformations=found.transformations, cut=False),
        [lot for lot in found.nodes if lot.passport != A],
        "down",
    )
    assert [[[B]], [[X]], [[Z]]] == numbered_rows(below)


def test_what_is_between_and_not_shown_says_nothing() -> None:
    found = lineage(Z, work(1, [part(A)], X), work(2, [part(X)], Z))
    shown = [replace(lot, depth=2) if lot.passport == A else lot for lot in found.nodes if lot.passport != X]
    drawn = layers(found, shown, "up")
    assert ([[[Z]], [[A]]], ()) == (numbered_rows(drawn), drawn.lines)


def test_wide_rows_are_folded_by_mass() -> None:
    lots = [numbered(1_000 + number) for number in range(ROW_MAX + 3)]
    found = lineage(X, work(1, [part(lot) for lot in lots], X))
    masses = {lot: number for number, lot in enumerate(lots)}
    nodes = [replace(lot, net_wet_g=masses.get(lot.passport, 9)) for lot in found.nodes]
    drawn = layers(found, nodes, "up")
    alone, folded = lots[:3:-1], lots[3::-1]
    assert [[[X]], [*([lot] for lot in alone), folded]] == numbered_rows(drawn)
    assert [(0, ROW_MAX, 4)] == [
        (each.upper, each.lower, each.steps) for each in drawn.lines if each.steps > 1
    ]
    assert (ROW_MAX, 0) == (len(drawn.lines), drawn.lines_left)


def test_a_drawing_of_a_lot_that_comes_of_itself_is_refused() -> None:
    found = lineage(X, work(1, [part(A)], X), work(2, [part(B)], A), work(3, [part(A)], B))
    with pytest.raises(ValueError, match="leads back to itself"):
        layers(found, found.nodes, "up")


@settings(max_examples=60)
@given(
    graph=st.lists(
        st.lists(st.tuples(st.integers(0, 60), st.integers(0, 10**15)), min_size=1, max_size=4),
        min_size=1,
        max_size=40,
    )
)
def test_shares_of_any_graph_add_up(graph: Any) -> None:
    """Each work takes of what was there before; the last lot is asked for."""
    works = []
    for number, picked in enumerate(graph):
        inputs = {numbered(100 + place % (number + 3)): mass for place, mass in picked}
        parts = [part(lot, mass) for lot, mass in inputs.items()]
        works.append(work(number, parts, numbered(103 + number)))
    found = shares(lineage(numbered(102 + len(graph)), *works))
    assert sum(share for share, _ in found.values()) in (0, PPB)
    assert bool(found) == any(
        mass for _, mass in {place % (len(graph) + 2): mass for place, mass in graph[-1]}.items()
    )
