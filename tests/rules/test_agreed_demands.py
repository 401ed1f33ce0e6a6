"""What a buyer demands of a lot beside its assay: what its seller does not show, and what follows."""

from collections.abc import Iterable
from datetime import timedelta

import pytest
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from contracts.rules.calls import next_due
from contracts.rules.claims import claims_paid
from contracts.rules.clauses import clause_refusals
from contracts.rules.days import midnight
from contracts.rules.delivered import shipment_cautions
from contracts.rules.demands import received_cautions
from contracts.rules.volumes import Volumes
from events.codec import encode_fact
from events.contract_terms import DeliveryEvidence
from events.demand_terms import AgreedDemands, FootprintScope
from events.market_terms import CertifiedPeriod, MemberCertificate
from events.origin_terms import StepShare
from events.vocabulary import MICRO, PPB, Footprint, OriginStep, RecycledContent
from tests.blotter import ident
from tests.delivery_support import FLAT
from tests.desk_support import blotter
from tests.rules.test_deliveries import SHIPPED, begun

DEMANDED = replace(
    FLAT,
    product=replace(
        FLAT.product,
        demands=AgreedDemands(
            origins_excluded=("CN", "RU"),
            footprint_max_g_co2e_per_kg=25_000,
            certificates=("rmi-ramp",),
            th_max_mbq_per_g=500,
            u_max_mbq_per_g=0,
        ),
    ),
)
DAY = midnight(SHIPPED)
PCF = Footprint(
    g_co2e_per_kg=25_000,
    declared_unit="oxide",
    form="separated_oxide",
    standard="iso-14067",
    boundary="cradle_to_gate",
    allocation="economic",
    reference_year=2025,
    primary_data_ppb=10**9,
    verified=False,
    valid_until=DAY,
)
PAPER = MemberCertificate(
    certificate=ident("certificate"),
    facility=ident("site"),
    scheme="rmi-ramp",
    valid_from=DAY,
    valid_until=DAY,
)
STATED = CertifiedPeriod(scheme="rmi-ramp", valid_from=DAY, valid_until=DAY)
SHOWN = DeliveryEvidence(
    footprint=PCF,
    origin=(OriginStep(stage="extraction", country="AU"), OriginStep(stage="processing", country="FR")),
    certificates=(PAPER,),
    th_mbq_per_g=500,
    u_mbq_per_g=0,
)
SECOND = timedelta(seconds=1)
NO_PAPER = ["certificate:rmi-ramp is demanded, none that is valid is shown"]
NO_FOOTPRINT = ["footprint:none that is valid is shown, agreed at most 25 kg CO2e per kg"]
CASES: dict[str, tuple[DeliveryEvidence, list[str]]] = {
    "as demanded": (SHOWN, []),
    "certified by its passport": (replace(SHOWN, certificates=(), certified=(STATED,)), []),
    "nothing shown": (
        DeliveryEvidence(),
        [
            "origin:none shown, some are excluded",
            *NO_FOOTPRINT,
            *NO_PAPER,
            "th_activity:none shown, agreed at most 0.5 Bq/g",
            "u_activity:none shown, agreed at most 0 Bq/g",
        ],
    ),
    "an excluded origin": (
        replace(SHOWN, origin=(*SHOWN.origin, *[OriginStep(stage="processing", country="CN")] * 2)),
        ["origin:processing in CN, which is excluded"],
    ),
    "a higher footprint": (
        replace(SHOWN, footprint=replace(PCF, g_co2e_per_kg=25_001)),
        ["footprint:25.001, agreed at most 25 kg CO2e per kg"],
    ),
    "a footprint that is over": (
        replace(SHOWN, footprint=replace(PCF, valid_until=DAY - SECOND)),
        NO_FOOTPRINT,
    ),
    "a certificate of another scheme": (
        replace(SHOWN, certificates=(replace(PAPER, scheme="rjc"),)),
        NO_PAPER,
    ),
    "a certificate that is over": (
        replace(SHOWN, certificates=(replace(PAPER, valid_until=DAY - SECOND),)),
        NO_PAPER,
    ),
    "a certificate to come": (
        replace(SHOWN, certificates=(), certified=(replace(STATED, valid_from=DAY + SECOND),)),
        NO_PAPER,
    ),
    "active": (
        replace(SHOWN, th_mbq_per_g=501, u_mbq_per_g=1),
        [
            "th_activity:0.501 Bq/g, agreed at most 0.5 Bq/g",
            "u_activity:0.001 Bq/g, agreed at most 0 Bq/g",
        ],
    ),
}


@pytest.mark.parametrize(("evidence", "expected"), CASES.values(), ids=CASES)
def test_what_is_demanded_and_not_shown_is_told_to_both_and_may_be_rejected(
    evidence: DeliveryEvidence, expected: list[str]
) -> None:
    left = begun(DEMANDED).ship(evidence=evidence)
    told = list(shipment_cautions(left.paper.stands, Volumes(), [], left.delivery.shipped))
    assert ["demand_unmet"] * len(expected) == [each.code for each in told]
    for caution, text in zip(told, expected, strict=True):
        assert text in caution.text
    assert pointers(expected) == [each.pointer for each in told]
    (*of_buyer,) = received_cautions(DEMANDED, left.delivery.shipped)
    assert ([("demand_unmet", "")] if expected else []) == [(each.code, each.pointer) for each in of_buyer]
    assert all("; ".join(expected) in each.text for each in of_buyer)
    assayed = begun(DEMANDED).assayed(evidence=evidence)
    if not expected:
        assert [("within_specification", None)] == blotter(assayed.reject)
        return
    fact = assayed.reject().delivery.rejected
    assert fact is not None
    assert expected == list(fact.reasons)


def test_what_is_demanded_may_be_rejected_by_a_document_that_says_otherwise() -> None:
    by_paper = replace(SHOWN, certificates=(), certified=(STATED,))
    for evidence in (SHOWN, by_paper):
        assert ["origin", "footprint", "certificates"] == list(claims_paid(DEMANDED, evidence))
        assert [] == list(claims_paid(FLAT, evidence))
    others = replace(SHOWN, certificates=(replace(PAPER, scheme="rjc"),), origin=(), footprint=None)
    assert [] == list(claims_paid(DEMANDED, others))


def pointers(expected: Iterable[str]) -> list[str]:
    of = {
        "origin": "/origin",
        "footprint": "/footprint",
        "certificate": "/certificates",
        "th_activity": "/th_bq_per_g",
        "u_activity": "/u_bq_per_g",
    }
    return [of[each.partition(":")[0]] for each in expected]


def test_what_nobody_demands_is_not_asked_and_nothing_is_demanded_twice() -> None:
    silent = replace(FLAT, product=replace(FLAT.product, demands=AgreedDemands()))
    for terms in (FLAT, silent):
        left = begun(terms).ship()
        assert [] == list(shipment_cautions(left.paper.stands, Volumes(), [], left.delivery.shipped))
        assert [] == list(clause_refusals(terms, "spot", SHIPPED))
    assert UNSET == FLAT.product.demands
    twice = AgreedDemands(origins_excluded=("CN", "CN"), certificates=("rjc", "rjc"))
    told = clause_refusals(replace(FLAT, product=replace(FLAT.product, demands=twice)), "spot", SHIPPED)
    assert ["/product/demands/origins_excluded/1", "/product/demands/certificates/1"] == [
        each.pointer for each in told
    ]


OXIDE = FootprintScope(
    form="separated_oxide", declared_unit="oxide", boundary="cradle_to_gate", allocation="economic"
)
IN_FULL = replace(
    FLAT,
    product=replace(
        FLAT.product,
        demands=AgreedDemands(
            footprint_max_g_co2e_per_kg=25_000,
            footprint_scope=OXIDE,
            recycled_min_ppb=PPB // 4,
            recycled_max_ppb=PPB // 2,
        ),
    ),
)
FULLY = DeliveryEvidence(
    footprint=PCF, recycled=RecycledContent(post_consumer_ppb=PPB // 4, pre_consumer_ppb=PPB // 4)
)
LONG = "x" * 64


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (FULLY, []),
        (
            replace(FULLY, recycled=RecycledContent(post_consumer_ppb=PPB // 4, pre_consumer_ppb=PPB // 2)),
            ["recycled:75 %, agreed at most 50 %"],
        ),
        (
            replace(FULLY, recycled=RecycledContent(pre_consumer_ppb=PPB // 5)),
            ["recycled:20 %, agreed at least 25 %"],
        ),
        (replace(FULLY, recycled=None), ["recycled:none shown, agreed at least 25 %"]),
        (
            replace(FULLY, footprint=replace(PCF, declared_unit="wet", form="swarf", g_co2e_per_kg=15_000)),
            [
                "footprint:of swarf, agreed of separated oxide",
                "footprint:per kg of wet, agreed per kg of oxide",
            ],
        ),
        (
            replace(FULLY, footprint=replace(PCF, boundary="gate_to_gate")),
            ["footprint:boundary gate_to_gate, agreed cradle_to_gate"],
        ),
        (
            replace(FULLY, footprint=replace(PCF, boundary=LONG, allocation=LONG)),
            [
                f"footprint:boundary {LONG}, agreed cradle_to_gate",
                f"footprint:allocation {LONG}, agreed economic",
            ],
        ),
        (
            replace(FULLY, footprint=replace(PCF, g_co2e_per_kg=30_000)),
            ["footprint:30, agreed at most 25 kg CO2e per kg"],
        ),
    ],
)
def test_a_share_outside_its_bounds_and_a_footprint_of_something_else_may_be_rejected(
    evidence: DeliveryEvidence, expected: list[str]
) -> None:
    left = begun(IN_FULL).ship(evidence=evidence)
    told = list(shipment_cautions(left.paper.stands, Volumes(), [], left.delivery.shipped))
    assert ["demand_unmet"] * len(expected) == [each.code for each in told]
    assert all(text in each.text for each, text in zip(told, expected, strict=True))
    assayed = begun(IN_FULL).assayed(evidence=evidence)
    if not expected:
        assert [("within_specification", None)] == blotter(assayed.reject)
        return
    fact = assayed.reject().delivery.rejected
    assert fact is not None
    assert expected == list(fact.reasons)


def test_the_longest_words_for_a_footprint_keep_no_buyer_from_rejecting_nor_the_clock_from_calling() -> None:
    scope = FootprintScope(form="separated_oxide", declared_unit="oxide", boundary=LONG, allocation=LONG)
    demands = AgreedDemands(footprint_max_g_co2e_per_kg=25_000, footprint_scope=scope)
    terms = replace(FLAT, product=replace(FLAT.product, demands=demands))
    other = "y" * 64
    evidence = DeliveryEvidence(footprint=replace(PCF, boundary=other, allocation=other))
    fact = begun(terms).assayed(evidence=evidence).reject().delivery.rejected
    assert fact is not None
    of = begun(terms).assayed(evidence=evidence)
    due = next_due(of.delivery)
    assert due is not None
    called = of.on(due.date() + timedelta(days=1)).pass_time().delivery.called
    assert called is not UNSET
    assert [f"footprint:{word} {other}, agreed {LONG}" for word in ("boundary", "allocation")] == list(
        fact.reasons
    )
    assert fact.reasons == called.broken
    for each in (fact, called):
        assert encode_fact(each)


def test_what_is_not_shown_is_no_share_above_the_highest() -> None:
    """As in a round: of a lot that states nothing recycled nothing is."""
    most = replace(FLAT, product=replace(FLAT.product, demands=AgreedDemands(recycled_max_ppb=0)))
    left = begun(most).ship()
    assert [] == list(shipment_cautions(left.paper.stands, Volumes(), [], left.delivery.shipped))
    assert ["recycled", "footprint"] == list(claims_paid(IN_FULL, FULLY))
    assert ["recycled"] == list(claims_paid(most, FULLY))


def test_bounds_that_no_lot_can_meet_are_refused() -> None:
    crossed = AgreedDemands(recycled_min_ppb=PPB // 2, recycled_max_ppb=PPB // 4)
    above = AgreedDemands(recycled_max_ppb=PPB // 4)
    scope = AgreedDemands(footprint_scope=OXIDE)
    for demands, least_ppb, expected in (
        (crossed, 0, [("recycled_demands_crossed", "/product/demands/recycled_max_ppb")]),
        (above, PPB // 2, [("recycled_demands_crossed", "/product/demands/recycled_max_ppb")]),
        (above, PPB // 4, []),
        (scope, 0, [("footprint_scope_of_none", "/product/demands/footprint_scope")]),
    ):
        product = replace(FLAT.product, demands=demands, post_consumer_min_ppb=least_ppb)
        told = clause_refusals(replace(FLAT, product=product), "spot", SHIPPED)
        assert expected == [(each.code, each.pointer) for each in told]


BEFORE = (
    StepShare(stage="processing", country="CN", form="metal", share_ppm=MICRO),
    StepShare(stage="processing", country="FR", form="strip_cast_alloy", share_ppm=MICRO),
    StepShare(stage="extraction", country=None, share_ppm=250_000),
)
UNTOLD = "origin:of 25 % nobody states every step of extraction"


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (UNSET, []),
        (BEFORE[1:2], []),
        (BEFORE, ["origin:processing of metal in CN, which is excluded, of 100 %", UNTOLD]),
        ((replace(BEFORE[0], stage="extraction", form=None, share_ppm=1),), None),
    ],
)
def test_steps_before_the_last_are_told_and_a_reason_where_the_contract_goes_by_them(
    steps: tuple[StepShare, ...] | UnsetType, expected: list[str] | None
) -> None:
    if expected is None:
        expected = ["origin:extraction in CN, which is excluded, of 0.0001 %"]
    shown = replace(SHOWN, steps=steps)
    agreed = DEMANDED.product.demands
    assert agreed is not UNSET
    full = replace(DEMANDED, product=replace(DEMANDED.product, demands=replace(agreed, origins_in_full=True)))
    for terms, code in ((DEMANDED, "origin_step_before"), (full, "demand_unmet")):
        left = begun(terms).ship(evidence=shown)
        told = list(shipment_cautions(left.paper.stands, Volumes(), [], left.delivery.shipped))
        assert [(code, "/origin")] * len(expected) == [(each.code, each.pointer) for each in told]
        for caution, text in zip(told, expected, strict=True):
            assert text.removeprefix("origin:") in caution.text
        of_buyer = list(received_cautions(terms, left.delivery.shipped))
        assert bool(expected) == bool(of_buyer)
        assert {code} >= {each.code for each in of_buyer}
    by_last = begun(DEMANDED).assayed(evidence=shown)
    assert [("within_specification", None)] == blotter(by_last.reject)
    if expected:
        rejected = begun(full).assayed(evidence=shown).reject().delivery.rejected
        assert rejected is not None
        assert expected == list(rejected.reasons)
