"""Which routes a condition allows, what a step down owes, bills of cores, and whole magnets."""

import ast
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from events.market_events import RecoveredLotAmended, RecoveredLotGraded, RecoveredLotListed
from events.rex_terms import (
    Core,
    CoreMagnet,
    DisassemblyStep,
    MagnetDimension,
    MagnetNeed,
    RouteCeilings,
    StepDown,
    WholeMagnets,
)
from events.vocabulary import ConditionGrade, MarketBasis, Packaging, RexRoute
from market.data import rows
from market.rules.book import SupplyOrder, graded
from market.rules.clearing import eligibility
from market.rules.clearing.eligibility import reasons
from market.rules.inputs import content_refusals
from market.rules.orders import cores, lots, offers, requirements
from market.rules.orders.cores import core_cautions
from market.rules.orders.lots import GradeLot
from market.rules.orders.magnet_grades import HCJ_KA_M, ranked, spelt
from market.rules.orders.rex import STANDARD_CEILINGS
from market.rules.orders.supplies import stated_cautions
from market.rules.orders.whole_magnets import magnet_cautions
from market.rules.refusing.reason_sentences import SENTENCES, told
from tests.blotter import Lane, member
from tests.blotter import rule_set as blotter_rules
from tests.desk_support import (
    BUYER,
    ORDER,
    RULE_SET,
    SELLER_TRADER,
    TERMS,
    TONNE_G,
    amend_supply,
    blotter,
    cell,
    facts,
    lot,
    moment,
    need,
    post_need,
    post_supply,
    posting,
    refusals,
    sample,
    supply_order,
    supply_state,
    swarf,
)
from tests.rules.test_pairs import edges_by_column

RULES = replace(RULE_SET, route_ceilings=STANDARD_CEILINGS)
OBSOLETE = StepDown(reason="obsolete_specification")
ROTOR = Core(
    kind="rotor",
    pieces=10_000,
    magnets=(
        CoreMagnet(pieces=8, grade="N42SH", mass_mg=25_000, coating="epoxy", fixing="embedded"),
        CoreMagnet(pieces=4, grade="N42SH", mass_mg=12_500, coating="epoxy", fixing="glued"),
    ),
    steps=(
        DisassemblyStep(action="pull the shaft", tool="hydraulic press", minutes_tenths=25),
        DisassemblyStep(action="heat and push out the magnets", tool="oven at 220 C", minutes_tenths=60),
    ),
)
"""10,000 rotors with 250 g of magnets each: 2.5 t."""
BLOCKS = WholeMagnets(
    grade="N42SH",
    shape="block",
    dimensions=(
        MagnetDimension(axis="length", size_um=40_000, tolerance_um=50),
        MagnetDimension(axis="width", size_um=20_000),
        MagnetDimension(axis="height", size_um=5_000),
    ),
    coating="nickel",
    flux_ppb=970_000_000,
)
NEED = MagnetNeed(
    grades=("N42SH", "N45SH"),
    shape="block",
    dimensions=(
        MagnetDimension(axis="length", size_um=40_000, tolerance_um=50),
        MagnetDimension(axis="width", size_um=20_000, tolerance_um=100),
        MagnetDimension(axis="height", size_um=5_050, tolerance_um=50),
    ),
    coatings=("nickel", "epoxy"),
    flux_min_ppb=970_000_000,
)


BETTER = {"or_better": True}


def core_lot(**changes: Any) -> Any:
    """25 t of dry rotors with 2 % NdPr: 500 kg of it, in 2.5 t of magnets."""
    usual = {
        "form": "core",
        "moisture_ppb": 0,
        "composition": sample(cell("Nd", "1.5"), cell("Pr", "0.5"), cell("Fe", "90")),
        "core": ROTOR,
        "step_down": OBSOLETE,
    }
    return lot(**(usual | changes))


def listing(draft: Any, **state: Any) -> list[tuple[str, str | None]]:
    known = posting(**({"rule_set": RULES} | state))
    return blotter(lambda: lots.list_lot(known, post_supply(draft), moment()))


def offering(draft: Any, **state: Any) -> list[tuple[str, str | None]]:
    known = posting(**({"rule_set": RULES} | state))
    return blotter(lambda: offers.post(known, post_supply(draft), moment()))


@pytest.mark.parametrize(
    ("condition", "routes", "step_down", "expected"),
    [
        ("A", ("recycle",), UNSET, [("step_down_reason_missing", "/step_down")]),
        ("A", ("refurbish", "recycle"), UNSET, [("step_down_reason_missing", "/step_down")]),
        ("C", ("recycle",), UNSET, [("step_down_reason_missing", "/step_down")]),
        (None, ("recycle",), UNSET, [("step_down_reason_missing", "/step_down")]),
        ("A", ("recycle",), OBSOLETE, []),
        ("A", ("recycle", "reuse"), UNSET, []),
        (None, ("reuse",), UNSET, []),
        ("D", ("recycle",), UNSET, []),
        ("B", ("recycle", "reuse"), UNSET, [("rex_route_above_condition", "/rex_routes/1")]),
        (
            "D",
            ("reuse", "refurbish"),
            StepDown(reason="other"),
            [
                ("rex_route_above_condition", "/rex_routes/0"),
                ("rex_route_above_condition", "/rex_routes/1"),
                ("step_down_note_missing", "/step_down/note"),
            ],
        ),
        ("A", ("recycle",), StepDown(reason="other", note="data carriers: to be shredded"), []),
    ],
)
def test_a_step_down_has_a_reason_and_no_route_is_above_the_condition(
    condition: ConditionGrade | None, routes: tuple[RexRoute, ...], step_down: Any, expected: Any
) -> None:
    draft = core_lot(condition=condition, rex_routes=routes, step_down=step_down)
    assert expected == listing(draft) == offering(draft)
    kept = supply_state(supply_order(draft), rule_set=RULES)
    dearer = replace(draft, ask=replace(draft.ask, amount_micro=draft.ask.amount_micro + 1))
    assert expected == blotter(lambda: offers.amend(kept, amend_supply(dearer), moment()))


BY_CODE = {"waste_status": "waste", "ewc_code": "160216"}
MAGNET = {"form": "finished_magnet", "core": UNSET}


@pytest.mark.parametrize(
    ("changes", "rules", "due"),
    [
        ({}, RULES, True),
        ({"waste_status": "end_of_waste"}, RULES, True),
        (
            {"form": "finished_magnet", "core": UNSET, "waste_status": "waste", "ewc_code": "160216"},
            RULES,
            True,
        ),
        (MAGNET, RULES, False),
        (MAGNET | BY_CODE | {"form": "swarf"}, RULES, False),
        ({}, RULE_SET, False),
    ],
)
def test_what_was_recovered_is_offered_to_a_route_by_either_door(changes: Any, rules: Any, due: bool) -> None:
    draft = core_lot(rex_routes=(), step_down=UNSET, physical_lot=None, **changes)
    assert ([("rex_route_missing", "/rex_routes")] if due else []) == offering(draft, rule_set=rules)


def test_the_refusal_says_what_the_condition_would_allow() -> None:
    draft = core_lot(condition="B", step_down=UNSET)
    known = posting(rule_set=RULES)
    (found,) = refusals(lambda: lots.list_lot(known, post_supply(draft), moment()))
    assert (
        "core, condition B, could go to refurbish, but the highest route offered is recycle: state why."
        == (found.detail())
    )


def test_a_rule_set_without_ceilings_and_forms_without_one_owe_nothing() -> None:
    draft = core_lot(condition="A", step_down=UNSET)
    assert [] == listing(draft, rule_set=RULE_SET)
    assert [] == listing(draft, rule_set=replace(RULE_SET, route_ceilings=()))
    assert [] == listing(lot(condition="A"))
    assert [("rule_set_missing", None)] == listing(draft, rule_set=None)


def test_ceilings_fall_with_the_condition_and_stand_once() -> None:
    rising = RouteCeilings(
        form="core", grade_a="refurbish", grade_b="reuse", grade_c="recycle", grade_d="recycle"
    )
    rules = replace(RULES, route_ceilings=(STANDARD_CEILINGS[3], rising))
    assert [
        ("duplicate_entry", "/route_ceilings/1"),
        ("route_ceilings_rising", "/route_ceilings/1"),
    ] == [(each.code, each.pointer) for each in content_refusals(rules)]
    assert [] == content_refusals(RULES)
    assert [] == content_refusals(RULE_SET)


GRADE = GradeLot(caller=SELLER_TRADER, order=ORDER, expected_version=1, condition="A", inspector="inspector")


def graded_order(**changes: Any) -> SupplyOrder:
    return replace(supply_order(core_lot(**({"condition": "D", "step_down": UNSET} | changes))), kind="lot")


def test_a_grade_that_opens_a_higher_route_comes_with_the_reason_to_step_down() -> None:
    state = supply_state(graded_order(), rule_set=RULES)
    assert [("step_down_reason_missing", "/step_down")] == blotter(lambda: lots.grade(state, GRADE, moment()))
    noteless = replace(GRADE, condition="D", step_down=StepDown(reason="other"))
    assert [("no_change", None), ("step_down_note_missing", "/step_down/note")] == blotter(
        lambda: lots.grade(state, noteless, moment())
    )
    (fact,) = facts(lots.grade(state, replace(GRADE, step_down=OBSOLETE), moment()))
    assert isinstance(fact, RecoveredLotGraded)
    order = state.order
    assert order is not None
    assert ("A", OBSOLETE) == (graded(order.terms, fact).condition, graded(order.terms, fact).step_down)


def test_a_reason_once_given_stays_and_a_bad_grade_is_a_fact() -> None:
    order = graded_order(step_down=OBSOLETE)
    (fact,) = facts(lots.grade(supply_state(order, rule_set=RULES), GRADE, moment()))
    assert isinstance(fact, RecoveredLotGraded)
    assert OBSOLETE == graded(order.terms, fact).step_down
    reused = graded_order(condition="A", rex_routes=("reuse",))
    (fact,) = facts(lots.grade(supply_state(reused, rule_set=RULES), replace(GRADE, condition="D"), moment()))
    assert isinstance(fact, RecoveredLotGraded)
    lower = core_lot(condition="D", rex_routes=("reuse",))
    state = supply_state(replace(reused, terms=graded(reused.terms, fact)), rule_set=RULES)
    assert [("rex_route_above_condition", "/rex_routes/0")] == blotter(
        lambda: lots.amend(state, amend_supply(lower), moment())
    )
    (amended,) = facts(lots.amend(state, amend_supply(replace(lower, rex_routes=("recycle",))), moment()))
    assert isinstance(amended, RecoveredLotAmended)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"form": "swarf"}, [("core_of_other_form", "/core")]),
        ({"core": replace(ROTOR, pieces=100_001)}, [("bill_above_lot", "/core/magnets")]),
        ({"core": replace(ROTOR, pieces=1_999)}, [("basis_above_bill", "/core/magnets")]),
        ({"core": replace(ROTOR, pieces=2_000)}, []),
        ({"core": replace(ROTOR, pieces=100_000)}, []),
        (
            {"core": replace(ROTOR, steps=(), pieces=0)},
            [("malformed_member", "/core/pieces")],
        ),
        ({"core": replace(ROTOR, magnets=())}, [("malformed_member", "/core/magnets")]),
    ],
)
def test_a_bill_fits_into_the_lot_and_holds_what_the_assay_finds(changes: Any, expected: Any) -> None:
    assert expected == listing(core_lot(**changes))


def test_the_refusal_of_a_bill_has_its_figures() -> None:
    known = posting(rule_set=RULES)

    def detail(core: Core) -> str:
        (found,) = refusals(lambda: lots.list_lot(known, post_supply(core_lot(core=core)), moment()))
        return found.detail()

    heavy = detail(replace(ROTOR, pieces=100_001))
    assert (
        "The bill of 100001 cores adds up to 25000.250 kg of magnets; the lot weighs 25000.000 kg." == heavy
    )
    assert (
        "The lot would contain 500.000 kg of ndpr, but the bill of its cores adds up to 250.000 kg of "
        "magnets." == detail(replace(ROTOR, pieces=1_000))
    )
    assert (2_500_000_000, 85) == (
        cores.recoverable_magnets_mg(ROTOR),
        cores.disassembly_minutes_tenths(ROTOR),
    )


def test_whole_magnets_have_no_contained_basis_to_hold() -> None:
    assert [] == list(cores.contained_refusals(ROTOR, 10**12, "ndfeb-reuse"))


def test_a_bill_stays_once_part_of_the_lot_is_held() -> None:
    order = replace(graded_order(condition="A", step_down=OBSOLETE), held_g=1, tranche_committed_g=(1, 0))
    other = core_lot(condition="A", core=replace(ROTOR, pieces=9_000))
    assert ("committed_field_fixed", "/core") in blotter(
        lambda: lots.amend(supply_state(order, rule_set=RULES), amend_supply(other), moment())
    )


@pytest.mark.parametrize("agreed", [True, UNSET], ids=["agreed", "no contract states goods"])
def test_a_grade_waits_until_a_match_that_states_it_is_answered(agreed: Any) -> None:
    """Else a seller would lower what its contract begins with after the buyer has confirmed."""
    rules = replace(RULES, goods_agreed=agreed)
    held = replace(graded_order(condition="A", step_down=OBSOLETE), held_g=1, tranche_committed_g=(1, 0))
    worse = replace(GRADE, condition="C")
    sold = replace(held, held_g=0, filled_g=1)
    assert lots.grade(supply_state(sold, rule_set=rules), worse, moment()).drafts
    waiting = supply_state(held, rule_set=rules)
    expected = [("goods_held", "/condition")] if agreed is True else []
    assert expected == blotter(lambda: lots.grade(waiting, worse, moment()))
    repacked = replace(held.terms.packaging, unit="crate", package_wet_g=50_000)
    other = amend_supply(core_lot(condition="A", step_down=OBSOLETE, packaging=repacked))
    assert (("goods_held", "/packaging") in blotter(lambda: lots.amend(waiting, other, moment()))) == (
        agreed is True
    )


def magnet_lot(**changes: Any) -> Any:
    usual = {
        "form": "eol_magnet",
        "moisture_ppb": 0,
        "magnets": BLOCKS,
        "condition": "A",
        "rex_routes": ("reuse",),
    }
    return lot(**(usual | changes))


@pytest.mark.parametrize(
    ("basis", "routes", "expected"),
    [
        ("ndpr", ("reuse", "recycle"), []),
        ("ndfeb-reuse", ("reuse",), []),
        ("ndfeb-reuse", ("reuse", "recycle"), [("rex_route_not_of_market", "/rex_routes/1")]),
    ],
)
def test_the_reuse_market_takes_no_lot_to_recycling(
    basis: MarketBasis, routes: tuple[RexRoute, ...], expected: Any
) -> None:
    assert expected == listing(magnet_lot(rex_routes=routes), terms=replace(TERMS, basis=basis))


SIZES = BLOCKS.dimensions
RING = (
    MagnetDimension(axis="outer_diameter", size_um=20_000),
    MagnetDimension(axis="inner_diameter", size_um=20_000),
    MagnetDimension(axis="height", size_um=5_000, tolerance_um=5_000),
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"form": "swarf", "rex_routes": ("recycle",)}, [("magnets_of_other_form", "/magnets")]),
        (
            {"magnets": replace(BLOCKS, dimensions=SIZES[:2])},
            [("dimensions_not_of_shape", "/magnets/dimensions")],
        ),
        (
            {"magnets": replace(BLOCKS, dimensions=(*SIZES, SIZES[0]))},
            [("dimensions_not_of_shape", "/magnets/dimensions")],
        ),
        (
            {"magnets": replace(BLOCKS, shape="ring", dimensions=RING)},
            [
                ("dimension_unbounded", "/magnets/dimensions/2/tolerance_um"),
                ("inner_not_inside", "/magnets/dimensions"),
            ],
        ),
        ({"magnets": replace(BLOCKS, flux_ppb=2 * 10**9)}, [("malformed_member", "/magnets/flux_ppb")]),
    ],
)
def test_whole_magnets_are_measured_by_their_shape(changes: Any, expected: Any) -> None:
    assert expected == listing(magnet_lot(**changes))


def test_an_offer_may_state_magnets_too() -> None:
    assert [("magnets_of_other_form", "/magnets")] == blotter(
        lambda: offers.post(posting(), post_supply(swarf(magnets=BLOCKS)), moment())
    )


def test_a_need_of_magnets_is_for_whole_magnets_only() -> None:
    wanted = need(magnets=replace(NEED, grades=("N42SH", "N42SH"), coatings=("zinc", "zinc")))
    assert [
        ("magnets_of_other_form", "/magnets"),
        ("magnets_of_other_form", "/magnets"),
        ("duplicate_entry", "/magnets/grades/1"),
        ("duplicate_entry", "/magnets/coatings/1"),
    ] == blotter(lambda: requirements.post(posting(BUYER), post_need(wanted), moment()))
    ordered = need(magnets=replace(NEED, grades=("n42-sh", "YXG-28"), or_better=True))
    refused = blotter(lambda: requirements.post(posting(BUYER), post_need(ordered), moment()))
    assert ("grade_without_order", "/magnets/grades/1") in refused
    assert ("grade_without_order", "/magnets/grades/0") not in refused


@pytest.mark.parametrize(
    ("offered", "needed", "expected"),
    [
        ({}, {}, []),
        ({"grade": "N42"}, {}, ["magnet_grade_not_accepted N42 not among N42SH, N45SH"]),
        (
            {"coating": "unknown"},
            {},
            ["magnet_coating_not_accepted unknown not among nickel, epoxy"],
        ),
        ({"coating": "unknown"}, {"coatings": ()}, []),
        ({"flux_ppb": 969_999_999}, {}, ["magnet_flux_below_min 96.9999999 % < 97 %"]),
        (
            {"shape": "disc", "dimensions": (MagnetDimension(axis="outer_diameter", size_um=9), SIZES[2])},
            {},
            ["magnet_shape_differs disc ≠ block"],
        ),
        (
            {"dimensions": (*SIZES[:2], replace(SIZES[2], size_um=4_999))},
            {},
            ["magnet_size_outside:height 4.999 mm outside 5.05 ± 0.05 mm"],
        ),
        (
            {"dimensions": (replace(SIZES[0], tolerance_um=51), *SIZES[1:])},
            {},
            ["magnet_size_outside:length 40 ± 0.051 mm outside 40 ± 0.05 mm"],
        ),
        ({"grade": "N42UH"}, {}, ["magnet_grade_not_accepted N42UH not among N42SH, N45SH"]),
        (
            {"grade": "N42UH"},
            {"or_better": False},
            ["magnet_grade_not_accepted N42UH not among N42SH, N45SH"],
        ),
        ({"grade": "N42UH"}, BETTER, []),
        ({"grade": "n-48ah"}, BETTER, []),
        ({"grade": "N42SH"}, BETTER, []),
        (
            {"grade": "N45H"},
            BETTER,
            ["magnet_coercivity_below_min:Hcj class H (1353 kA/m) < class SH (1592 kA/m)"],
        ),
        ({"grade": "N40UH"}, BETTER, ["magnet_energy_below_min:(BH)max 40 MGOe < 42 MGOe"]),
        (
            {"grade": "N40"},
            BETTER,
            [
                "magnet_coercivity_below_min:Hcj no class (955 kA/m) < class SH (1592 kA/m)",
                "magnet_energy_below_min:(BH)max 40 MGOe < 42 MGOe",
            ],
        ),
        (
            {"grade": "N52"},
            BETTER | {"grades": ("N42",)},
            ["magnet_coercivity_below_min:Hcj no class (876 kA/m) < no class (955 kA/m)"],
        ),
        (
            {"grade": "N55"},
            BETTER | {"grades": ("N42",)},
            ["magnet_coercivity_below_min:Hcj no class (876 kA/m) < no class (955 kA/m)"],
        ),
        (
            {"grade": "N38"},
            BETTER | {"grades": ("N38UH", "N45")},
            ["magnet_grade_not_accepted N38 not among N38UH or better, N45 or better"],
        ),
        (
            {"grade": "YXG-28"},
            BETTER,
            ["magnet_grade_not_accepted YXG-28 not among N42SH or better, N45SH or better"],
        ),
        (None, {}, ["magnets_not_stated"]),
        (None, None, []),
        ({"grade": "N42", "flux_ppb": 0}, None, []),
    ],
)
def test_whole_magnets_meet_a_need_or_say_why_not(offered: Any, needed: Any, expected: Any) -> None:
    lane = Lane()
    lane.admit(member("seller"), member("buyer"))
    have = UNSET if offered is None else replace(BLOCKS, **offered)
    wanted = UNSET if needed is None else replace(NEED, **needed)
    supply = lane.lot("seller", "lot", magnets=have)
    requirement = lane.require("buyer", "wanted", magnets=wanted)
    found = reasons(lane.book.supplies[supply], lane.book.requirements[requirement], lane.facts())
    assert expected == [str(each) for each in found]
    assert bool(expected) != bool(edges_by_column(lane))


@pytest.mark.parametrize(
    ("condition", "routes", "route", "expected"),
    [
        ("A", ("reuse", "recycle"), "reuse", []),
        ("A", ("reuse", "recycle"), None, []),
        ("A", ("reuse",), "recycle", ["route_not_offered reuse against recycle"]),
        ("C", ("reuse", "recycle"), "reuse", ["condition_too_low C for reuse"]),
        (
            "C",
            ("recycle",),
            "refurbish",
            ["route_not_offered recycle against refurbish", "condition_too_low C for refurbish"],
        ),
        (None, ("reuse", "recycle"), "reuse", ["condition_missing for reuse"]),
        (None, ("reuse", "recycle"), "recycle", []),
        (None, (), "reuse", []),
    ],
)
def test_a_buyer_runs_the_routes_that_condition_and_seller_allow(
    condition: Any, routes: Any, route: Any, expected: Any
) -> None:
    ruled = (
        RouteCeilings(
            form="swarf", grade_a="reuse", grade_b="refurbish", grade_c="repurpose", grade_d="recycle"
        ),
    )
    for ceilings, against in ((ruled, expected), (STANDARD_CEILINGS, []), (UNSET, [])):
        lane = Lane(rules=blotter_rules(route_ceilings=ceilings))
        lane.admit(member("seller"), member("buyer"))
        supply = lane.lot("seller", "lot", condition=condition, rex_routes=routes)
        requirement = lane.require("buyer", "wanted", rex_route=route)
        found = reasons(lane.book.supplies[supply], lane.book.requirements[requirement], lane.facts())
        assert against == [str(each) for each in found]
        assert bool(against) != bool(edges_by_column(lane))


def test_every_reason_against_a_pair_has_a_sentence() -> None:
    folder = Path(eligibility.__file__).parents[1]
    made = {
        keyword.value.value
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Ineligibility"
        for keyword in node.keywords
        if keyword.arg == "code" and isinstance(keyword.value, ast.Constant)
    }
    passed_on = {"above_max", "below_min", "pcf_missing", "pcf_not_comparable"}
    assert set(SENTENCES) == made | passed_on
    permit = "The lot is waste (code {}), and the buyer's site has no permit for it to the end of delivery."
    assert permit.format("160216") == told("waste_licence_missing", "160216")
    assert permit.format("not stated") == told("waste_licence_missing", None)


def test_the_listed_terms_are_those_of_the_draft() -> None:
    (fact, _) = facts(lots.list_lot(posting(rule_set=RULES), post_supply(core_lot(condition="A")), moment()))
    assert isinstance(fact, RecoveredLotListed)
    assert (ROTOR, OBSOLETE, UNSET) == (fact.terms.core, fact.terms.step_down, fact.terms.magnets)
    assert TONNE_G // 2 == fact.terms.basis_g


DISC = replace(
    BLOCKS,
    shape="disc",
    dimensions=(
        MagnetDimension(axis="outer_diameter", size_um=10_000),
        MagnetDimension(axis="height", size_um=5_000),
    ),
)
RING_MAGNETS = replace(
    DISC,
    shape="ring",
    dimensions=(*DISC.dimensions, MagnetDimension(axis="inner_diameter", size_um=5_000)),
)
PAIRS = Packaging(unit="box", package_wet_g=60, pieces=2)
ARC = replace(BLOCKS, shape="arc_segment")


@pytest.mark.parametrize(
    ("magnets", "changes", "expected"),
    [
        (replace(BLOCKS, mass_mg=30_000), {}, []),
        (replace(BLOCKS, mass_mg=36_000), {}, []),
        (
            replace(BLOCKS, mass_mg=36_001),
            {},
            ["block of this size weighs about 30 g at 7.5 g/cm³, but 36.0"],
        ),
        (BLOCKS, {"packaging": Packaging(unit="piece", package_wet_g=500)}, ["30 g at 7.5 g/cm³, but 500 g"]),
        (BLOCKS, {"packaging": Packaging(unit="box", package_wet_g=500)}, []),
        (BLOCKS, {"packaging": Packaging(unit="box", package_wet_g=61, pieces=2)}, []),
        (
            BLOCKS,
            {"packaging": Packaging(unit="box", package_wet_g=80, pieces=2)},
            ["7.5 g/cm³, but 40 g a piece"],
        ),
        (
            replace(BLOCKS, mass_mg=30_499),
            {"packaging": Packaging(unit="box", package_wet_g=60, pieces=2)},
            [],
        ),
        (
            replace(BLOCKS, mass_mg=30_500),
            {"packaging": Packaging(unit="box", package_wet_g=60, pieces=2)},
            ["2 pieces of 30.5 g weigh 61 g, but a package is stated with 60 g"],
        ),
        (replace(DISC, mass_mg=2_945), {}, []),
        (replace(DISC, mass_mg=1), {}, ["disc of this size weighs about 2.945 g"]),
        (replace(RING_MAGNETS, mass_mg=2_209), {}, []),
        (replace(RING_MAGNETS, mass_mg=2_945), {}, ["ring of this size weighs about 2.208 g"]),
        (replace(ARC, mass_mg=1), {}, []),
        (replace(BLOCKS, grade="SmCo-2-17"), {}, ["SmCo-2-17 does not look like a grade of NdFeB"]),
        (
            replace(BLOCKS, grade="SmCo-2-17"),
            {"composition": sample(cell("Sm", "25"), cell("Fe", "15"), cell("Nd", "0"))},
            [],
        ),
    ],
)
def test_magnets_that_cannot_weigh_what_is_stated_are_told(
    magnets: WholeMagnets, changes: dict[str, Any], expected: list[str]
) -> None:
    """40 × 20 × 5 mm are 4 cm³; π/4 × 10² × 5 mm³ = 0.3927 cm³, of the ring three quarters."""
    told = list(magnet_cautions(lot(form="eol_magnet", magnets=magnets, **changes)))
    assert len(expected) == len(told)
    for part, caution in zip(expected, told, strict=True):
        assert part in caution.text


@pytest.mark.parametrize(
    ("stated", "expected"),
    [("n42sh", "N42SH"), ("N42-SH", "N42SH"), ("N52", "N52"), ("n42xh", "n42xh"), ("SmCo-2-17", "SmCo-2-17")],
)
def test_a_grade_is_recorded_as_it_is_compared(stated: str, expected: str) -> None:
    assert expected == spelt(stated)


def test_an_order_of_before_is_amended_whatever_the_spelling_of_its_grade() -> None:
    """The door spells grades since, so an unchanged one came back as another member that is fixed."""
    whole = magnet_lot().magnets
    former = magnet_lot(magnets=replace(whole, grade="n42-sh"))
    order = replace(supply_order(former), held_g=1, tranche_committed_g=(1, 0), kind="lot")
    for grade, expected in (("N42SH", False), ("N45SH", True)):
        other = magnet_lot(magnets=replace(whole, grade=grade), payment_terms="cash")
        state = supply_state(order, rule_set=RULES)
        refused = blotter(partial(lots.amend, state, amend_supply(other), moment()))
        assert expected == (("committed_field_fixed", "/magnets") in refused)


def test_grades_of_the_table_are_written_as_grades_are() -> None:
    """Their coercivity is that of their class, and 1 MGOe of their energy product is 7.957747 kJ/m³."""
    for row in rows("magnet_grades.csv"):
        grade = ranked(row["grade"])
        assert grade is not None
        assert int(row["hcj_min_ka_m"]) == grade.hcj_ka_m, row
        least, most = (int(each) for each in row["bhmax_kj_m3"].split("-"))
        assert least * 10**6 <= grade.energy_mgoe * 7_957_747 <= most * 10**6, row
        graded_lot = lot(form="eol_magnet", magnets=replace(BLOCKS, grade=row["grade"]))
        assert [] == list(magnet_cautions(graded_lot)), row


def test_classes_are_in_the_order_of_their_coercivity_and_temperature() -> None:
    assert ["", "M", "H", "SH", "UH", "EH", "AH"] == sorted(HCJ_KA_M, key=lambda each: HCJ_KA_M[each])
    table = {row["grade"]: int(row["tmax_c"]) for row in rows("magnet_grades.csv")}
    assert sorted(table.values()) == [
        table[each] for each in ("N52", "N35", "N42", "N42M", "N42H", "N42SH", "N38UH", "N35EH", "N33AH")
    ]


@pytest.mark.parametrize(
    ("packaging", "pieces", "told"),
    [
        ({"pieces": 100}, 10_000, None),
        (
            {"pieces": 100},
            9_999,
            "The packages hold 10000 cores, 100 in each 250.000 kg, but the bill is of 9999.",
        ),
        ({"pieces": 100}, 10_001, "the bill is of 10001."),
        ({"pieces": 50}, 10_000, "The packages hold 5000 cores"),
        ({"pieces": 50, "unit": "bulk"}, 10_000, None),
        ({"unit": "piece", "package_wet_g": 2_500}, 10_000, None),
        (
            {"unit": "piece", "package_wet_g": 5_000},
            10_000,
            "The packages hold 5000 cores, 1 in each 5.000 kg",
        ),
        ({}, 10_000, None),
        ({"package_wet_g": 3_000_000, "pieces": 1_200}, 10_000, None),
        (
            {"package_wet_g": 3_000_000, "pieces": 1_000},
            10_000,
            "hold 8000 to 9000 cores, 1000 in each",
        ),
    ],
)
def test_cores_of_the_bill_are_held_against_those_of_the_packages(
    packaging: dict[str, Any], pieces: int, told: str | None
) -> None:
    packed = replace(core_lot().packaging, **packaging)
    found = list(core_cautions(core_lot(packaging=packed, core=replace(ROTOR, pieces=pieces))))
    assert [] == found if told is None else told in found[0].text, found
    assert all(("package_unlike_pieces", "/core/pieces") == (each.code, each.pointer) for each in found)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"core": replace(ROTOR, pieces=13_333)}, None),
        (
            {"core": replace(ROTOR, pieces=13_334)},
            "has 500.000 kg of rare earths in 3333.500 kg of magnets",
        ),
        (
            {"core": replace(ROTOR, pieces=13_333), "moisture_ppb": 10_000_000},
            "has 495.000 kg of rare earths",
        ),
        (
            {
                "core": replace(
                    ROTOR,
                    pieces=50_000,
                    magnets=(ROTOR.magnets[1], replace(ROTOR.magnets[0], grade="Y30")),
                )
            },
            None,
        ),
    ],
)
def test_an_assay_far_below_the_bill_is_told(changes: dict[str, Any], told: str | None) -> None:
    found = [each for each in stated_cautions(core_lot(**changes)) if each.code == "composition_below_bill"]
    assert ([] if told is None else ["/composition/cells"]) == [each.pointer for each in found]
    assert told is None or told in found[0].text
