"""Goods that are agreed piece by piece: what of a lot is not as agreed, and who may reject it by what."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from contracts.rules.clauses import clause_refusals
from contracts.rules.delivered import shipment_cautions
from contracts.rules.results import LodgeAssay, lodge
from contracts.rules.volumes import Volumes
from events.contract_terms import Evidence
from events.refusal import Refusals
from events.rex_terms import AgreedGoods, FoundGoods, MagnetDimension
from tests.contract_support import CALLERS, TONNE_G
from tests.delivery_support import FLAT, Deliveries, figures
from tests.desk_support import blotter
from tests.rules.test_deliveries import SHIPPED, begun
from tests.rules.test_rex import BLOCKS

WHOLE = replace(
    FLAT,
    product=replace(
        FLAT.product,
        goods=AgreedGoods(pieces=1_000, magnets=BLOCKS, condition="B", rex_routes=("reuse",)),
    ),
    delivery=replace(FLAT.delivery, lot_wet_g=20 * TONNE_G),
)
"""1,000 pieces in 20 t: 500 in the 10 t that are shipped."""
INSPECTED = (Evidence(title="Inspection 7", sha256="ab" * 32, dated_on=SHIPPED),)
UNLIKE: dict[str, tuple[FoundGoods, list[str]]] = {
    "as agreed": (
        FoundGoods(pieces=500, grade="n42sh", shape="block", coating="nickel", flux_ppb=970_000_000),
        [],
    ),
    "better, and one piece in ten fewer": (FoundGoods(pieces=450, flux_ppb=10**9, condition="A"), []),
    "too few": (FoundGoods(pieces=449), ["pieces:449, agreed 500 of this mass within 10 %"]),
    "too many": (FoundGoods(pieces=551), ["pieces:551, agreed 500 of this mass within 10 %"]),
    "other magnets": (
        FoundGoods(grade="N35", shape="disc", coating="zinc", condition="C"),
        [
            "condition:C, agreed B",
            "grade:N35, agreed N42SH",
            "shape:disc, agreed block",
            "coating:zinc, agreed nickel",
        ],
    ),
    "demagnetised": (FoundGoods(flux_ppb=969_999_999), ["flux:96.9999999 %, agreed at least 97 %"]),
    "sizes": (
        FoundGoods(
            dimensions=(
                MagnetDimension(axis="length", size_um=40_030, tolerance_um=20),
                MagnetDimension(axis="width", size_um=20_000, tolerance_um=1),
                MagnetDimension(axis="height", size_um=4_990),
            )
        ),
        ["width:20 ± 0.001 mm, agreed 20 mm", "height:4.99 mm, agreed 5 mm"],
    ),
}


@pytest.mark.parametrize(("found", "expected"), UNLIKE.values(), ids=UNLIKE)
def test_goods_that_are_not_as_agreed_are_told_and_may_be_rejected(
    found: FoundGoods, expected: list[str]
) -> None:
    """By what the seller states, or by what the buyer finds with a document; else not."""
    stated = begun(WHOLE).ship(goods=found)
    told = shipment_cautions(stated.paper.stands, Volumes(), [], stated.delivery.shipped)
    assert (["goods_unlike_agreed"] if expected else []) == [each.code for each in told]
    by_seller, by_buyer = begun(WHOLE).assayed(goods=found), begun(WHOLE).assayed()
    if not expected:
        assert [("within_specification", None)] == blotter(by_seller.reject)
        assert [("within_specification", None)] == blotter(
            lambda: by_buyer.reject(found=found, evidence=INSPECTED)
        )
        return
    assert [("within_specification", None)] == blotter(by_buyer.reject)
    for rejected in (by_seller.reject(), by_buyer.reject(found=found, evidence=INSPECTED)):
        fact = rejected.delivery.rejected
        assert fact is not None
        assert expected == list(fact.reasons)
    again = begun(WHOLE).assayed(goods=found).reject(found=found, evidence=INSPECTED).delivery.rejected
    assert again is not None
    assert expected == list(again.reasons)


def test_what_is_found_is_of_goods_that_are_agreed_and_has_a_document_of_before() -> None:
    found = FoundGoods(pieces=1)
    late = (replace(INSPECTED[0], dated_on=SHIPPED + timedelta(days=1)),)
    assert [("goods_not_agreed", "/found"), ("findings_unproven", "/evidence")] == blotter(
        lambda: begun().assayed().reject(found=found)
    )
    assert [("date_in_future", "/evidence/0/dated_on")] == blotter(
        lambda: begun(WHOLE).assayed().reject(found=found, evidence=late)
    )
    assert [("malformed_member", "/goods/pieces")] == blotter(
        lambda: begun(WHOLE).ship(goods=FoundGoods(pieces=0))
    )
    silent = begun(WHOLE).ship()
    told = shipment_cautions(silent.paper.stands, Volumes(), [], silent.delivery.shipped)
    assert [("goods_unstated", "/goods")] == [(each.code, each.pointer) for each in told]


def test_goods_by_the_piece_are_accepted_or_rejected_from_the_weighing_on() -> None:
    """By the seller's own figures; what has no agreed pieces waits for its assays."""
    found = FoundGoods(condition="C")
    weighed = begun(WHOLE).ship().weigh()
    assert [("delivery_status_unfit", None)] == blotter(weighed.reject)
    fact = weighed.reject(found=found, evidence=INSPECTED).delivery.rejected
    assert fact is not None
    assert ("condition:C, agreed B",) == fact.reasons
    again = begun(WHOLE).ship().weigh()
    expected = again.delivery.material(WHOLE).basis_g
    later = again.on(SHIPPED + timedelta(days=9))
    assert expected == later.accept().delivery.taken_g
    assert [("delivery_status_unfit", None)] == blotter(lambda: later.lodge("seller"))
    unpieced = replace(WHOLE, product=replace(WHOLE.product, goods=AgreedGoods(condition="B")))
    for terms in (FLAT, unpieced):
        waiting = begun(terms).ship().weigh().on(SHIPPED + timedelta(days=9))
        assert [("delivery_status_unfit", None)] == blotter(waiting.accept)


def test_a_clause_of_goods_measures_what_its_shape_has() -> None:
    goods = AgreedGoods(magnets=replace(BLOCKS, shape="disc"), rex_routes=("reuse", "reuse"))
    terms = replace(WHOLE, product=replace(WHOLE.product, goods=goods))
    assert [
        ("duplicate_entry", "/product/goods/rex_routes/1"),
        ("goods_sizes_not_of_shape", "/product/goods/magnets/dimensions"),
    ] == [(each.code, each.pointer) for each in clause_refusals(terms, "spot", SHIPPED)]
    assert [] == clause_refusals(WHOLE, "spot", SHIPPED)


def test_who_exchanges_nothing_is_told_so() -> None:
    unassayed = replace(FLAT, assay=replace(FLAT.assay, splitting=()))
    for terms, expected in (
        (FLAT, "Fe is not exchanged under this agreement: only Nd, Pr."),
        (
            unassayed,
            "Fe is not exchanged under this agreement: no assay is, and the seller's own figures count.",
        ),
    ):
        weighed = Deliveries(terms).on(SHIPPED).ship()
        assert weighed.delivery.weighed is None
        state = replace(weighed.state, delivery=replace(weighed.weigh().delivery, exchanged=None))
        argument = LodgeAssay(
            caller=CALLERS["seller"],
            delivery=weighed.last,
            laboratory="L",
            reference="a",
            results=figures(Nd=1, Pr=1, Fe=1),
        )
        with pytest.raises(Refusals) as found:
            lodge(state, argument, weighed.paper.moment)
        assert expected in [each.detail() for each in found.value.refusals]
