"""Steps of a stage that a lot went through are carried to what is made of it, as parts that are all of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from events.origin_terms import PATHS_MAX, STEPS_MAX, OriginStage, StagePath, StepShare, StepTaken
from events.passport_terms import ORIGIN_STAGES, OriginShare, PassportContent
from events.refusal import Refusals
from events.vocabulary import MICRO, PPB, CountryCode, CustodyModel, ProductForm
from market.rules.custody import Batch
from market.rules.element_masses import contained
from market.rules.orders.materials import step_cautions
from market.rules.passports import passports
from market.rules.passports.passport_content import content_refusals, told_refusals
from market.rules.passports.passports import CorrectPassport, IssuePassport
from market.rules.stage_paths import mixed_paths, paths_of, step_shares, steps_told
from tests.desk_support import NOW, SELLER_SITE, SELLER_TRADER, moment, numbered
from tests.passport_support import Ledger, assayed, content, made, site, transform

METAL, DYFE, ALLOY, MAGNET = (numbered(940 + number) for number in range(4))


def origin(stage: OriginStage, country: CountryCode, percent: int = 100) -> OriginShare:
    return OriginShare(stage=stage, country=country, share_ppb=percent * PPB // 100, source="a plant")


def step(country: CountryCode, form: ProductForm = "metal") -> StepTaken:
    return StepTaken(country=country, form=form)


def of_stage(paths: Any, stage: OriginStage = "processing") -> list[tuple[int, list[str], bool]]:
    return [
        (part.share_ppm, [f"{each.form} {each.country}" for each in part.steps], part.untold)
        for part in paths
        if part.stage == stage
    ]


def metal(lot_number: str = "M-1", **changes: Any) -> PassportContent:
    given = {"form": "metal", "origin": (origin("extraction", "AU"), origin("processing", "CN"))}
    return content(SELLER_SITE, lot_number, **(given | changes))


def batch(of: PassportContent, net_wet_g: int | None = None) -> Batch:
    mass_g = of.net_wet_g if net_wet_g is None else net_wet_g
    return Batch(content=of, net_wet_g=mass_g, masses=contained(of, mass_g))


def alloyed(*contents: PassportContent, **changes: Any) -> PassportContent:
    """Processed in FR, of all that there is of the contents."""
    ledger = Ledger(site())
    lots = [METAL, DYFE][: len(contents)]
    for passport, each in zip(lots, contents, strict=True):
        ledger.issue(IssuePassport(caller=SELLER_TRADER, passport=passport, content=each), moment())
    mass_g = sum(each.net_wet_g for each in contents)
    output = made(ALLOY, form="strip_cast_alloy", net_wet_g=mass_g)
    inputs = [(passport, each.net_wet_g) for passport, each in zip(lots, contents, strict=True)]
    argument = transform(SELLER_TRADER, numbered(950), SELLER_SITE, inputs, [output], **changes)
    ledger.transform(replace(argument, tells_paths=True), moment())
    return ledger.passports[ALLOY].content


def test_a_step_does_not_hide_the_one_before() -> None:
    alloy = alloyed(metal())
    assert ["AU", "FR"] == [share.country for share in alloy.origin]
    assert [(MICRO, ["metal CN", "strip_cast_alloy FR"], False)] == of_stage(alloy.paths)
    assert [(MICRO, ["metal AU"], False)] == of_stage(alloy.paths, "extraction")
    assert [(MICRO, [], False)] == of_stage(alloy.paths, "recycling")


def test_masses_of_rare_earths_weigh_what_went_in() -> None:
    poor = metal("M-2", net_wet_g=500_000, origin=(origin("processing", "EE"),))
    alloy = alloyed(metal(), poor)
    expected = [
        (666_667, ["metal CN", "strip_cast_alloy FR"], False),
        (333_333, ["metal EE", "strip_cast_alloy FR"], False),
    ]
    assert expected == of_stage(alloy.paths)
    assert [(666_667, ["metal AU"], False), (333_333, [], True)] == of_stage(alloy.paths, "extraction")


def test_a_strategic_project_and_another_step_in_its_country_are_two_ways() -> None:
    project = replace(origin("processing", "CA"), strategic_project=True)
    other = metal("M-2", net_wet_g=500_000, origin=(origin("processing", "CA"),))
    alloy = alloyed(metal(origin=(project,)), other)
    processed = [part for part in alloy.paths or () if part.stage == "processing"]
    assert [(666_667, True), (333_333, False)] == [
        (part.share_ppm, part.steps[0].strategic_project) for part in processed
    ]


@pytest.mark.parametrize("custody", ["segregated", "controlled_blending", "mass_balance"])
def test_paths_are_of_what_went_in_whatever_the_custody(custody: CustodyModel) -> None:
    account = {"method": "credit", "balance_days": 90} if custody == "mass_balance" else {}
    alloy = alloyed(metal(), metal("M-2", origin=(origin("processing", "EE"),)), custody=custody, **account)
    assert [500_000, 500_000] == [share for share, _, _ in of_stage(alloy.paths)]
    assert ["metal CN", "metal EE"] == [steps[0] for _, steps, _ in of_stage(alloy.paths)]


def test_a_lot_that_was_made_before_paths_were_kept_says_that_nobody_states_them() -> None:
    before = metal(paths=UNSET)
    assert [(MICRO, ["metal CN"], False)] == of_stage(paths_of(before, made=False))
    assert [(MICRO, ["metal CN"], True)] == of_stage(paths_of(before, made=True))
    again = mixed_paths([batch(before)], [True], origin("processing", "FR"), "strip_cast_alloy")
    assert [(MICRO, ["metal CN", "strip_cast_alloy FR"], True)] == of_stage(again)


def test_a_stage_that_the_maker_of_such_a_lot_tells_tells_no_other() -> None:
    mined = StagePath(stage="extraction", share_ppm=MICRO, steps=(step("AU", "ore"),))
    told = metal(paths=(mined,))
    assert [(MICRO, ["ore AU"], False)] == of_stage(paths_of(told, made=True), "extraction")
    assert [(MICRO, ["metal CN"], True)] == of_stage(paths_of(told, made=True))
    assert [(MICRO, ["metal CN"], False)] == of_stage(paths_of(told, made=False))


def test_what_an_origin_leaves_open_is_untold_where_it_is_owed() -> None:
    ore = metal(form="ore", origin=(origin("extraction", "AU", 75),))
    assert [(750_000, ["ore AU"], False), (250_000, [], True)] == of_stage(
        paths_of(ore, made=False), "extraction"
    )
    assert [(MICRO, [], False)] == of_stage(paths_of(ore, made=False))
    scrap = metal(form="hard_scrap", origin=(origin("recycling", "DE", 60),))
    for stage in ("extraction", "processing"):
        assert [(600_000, [], False), (400_000, [], True)] == of_stage(paths_of(scrap, made=False), stage)
    assert [(600_000, ["hard_scrap DE"], False), (400_000, [], False)] == of_stage(
        paths_of(scrap, made=False), "recycling"
    )


def test_paths_that_an_issuer_states_go_before_its_origin() -> None:
    told = (
        StagePath(stage="processing", share_ppm=MICRO, steps=(step("EE", "separated_oxide"), step("CN"))),
    )
    lot = metal(paths=told)
    assert [(MICRO, ["separated_oxide EE", "metal CN"], False)] == of_stage(paths_of(lot, made=False))
    assert [(MICRO, ["metal AU"], False)] == of_stage(paths_of(lot, made=False), "extraction")
    alloy = alloyed(lot)
    steps = ["separated_oxide EE", "metal CN", "strip_cast_alloy FR"]
    assert [(MICRO, steps, False)] == of_stage(alloy.paths)


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (
            (StagePath(stage="processing", share_ppm=999_999, steps=(step("CN"),)),),
            [("paths_not_whole", "/paths")],
        ),
        (
            tuple(StagePath(stage="processing", share_ppm=500_000, steps=(step("CN"),)) for _ in range(2)),
            [("duplicate_entry", "/paths/1")],
        ),
        (
            (StagePath(stage="processing", share_ppm=MICRO, steps=(step("EE"),)),),
            [("paths_lack_origin", "/paths"), ("origin_lacks_paths", "/origin")],
        ),
        (
            (StagePath(stage="processing", share_ppm=MICRO, steps=(step("CN"), step("EE"))),),
            [("paths_lack_origin", "/paths"), ("origin_lacks_paths", "/origin")],
        ),
        (
            (StagePath(stage="recycling", share_ppm=MICRO, steps=(step("EE"),)),),
            [("origin_lacks_paths", "/origin")],
        ),
        ((StagePath(stage="processing", share_ppm=MICRO, steps=(step("EE"), step("CN"))),), []),
        ((StagePath(stage="extraction", share_ppm=MICRO, steps=(step("AU", "ore"),)),), []),
    ],
)
def test_paths_are_all_of_a_lot_and_end_where_its_origin_says(
    paths: tuple[StagePath, ...], expected: list[tuple[str, str]]
) -> None:
    lot = metal(paths=paths)
    found = [*content_refusals(lot, NOW, NOW, at_door=True), *told_refusals(lot)]
    assert expected == [(each.code, each.pointer) for each in found]


def test_shares_of_steps_overlap_where_material_went_through_several() -> None:
    paths = (
        StagePath(stage="processing", share_ppm=600_000, steps=(step("CN"), step("FR", "strip_cast_alloy"))),
        StagePath(stage="processing", share_ppm=300_000, steps=(step("FR", "strip_cast_alloy"),)),
        StagePath(stage="processing", share_ppm=100_000, untold=True),
    )
    expected = [
        StepShare(stage="processing", country=None, share_ppm=100_000),
        StepShare(stage="processing", country="CN", form="metal", share_ppm=600_000),
        StepShare(stage="processing", country="FR", form="strip_cast_alloy", share_ppm=900_000),
    ]
    assert expected == list(step_shares(paths))


def test_a_step_is_a_strategic_project_where_all_of_it_was() -> None:
    project = StepTaken(country="CA", form="metal", strategic_project=True)
    both = (
        StagePath(stage="processing", share_ppm=400_000, steps=(project,)),
        StagePath(stage="processing", share_ppm=600_000, steps=(step("CA"),)),
    )
    assert [(MICRO, False)] == [(each.share_ppm, each.strategic_project) for each in step_shares(both)]
    alone = (replace(both[0], share_ppm=MICRO),)
    assert [(MICRO, True)] == [(each.share_ppm, each.strategic_project) for each in step_shares(alone)]


def test_a_lot_that_states_no_paths_and_was_not_made_is_told_by_its_origin() -> None:
    ledger = Ledger(site())
    ledger.issue(IssuePassport(caller=SELLER_TRADER, passport=METAL, content=metal()), moment())
    assert UNSET is steps_told(ledger.passports[METAL])
    told = steps_told(replace(ledger.passports[METAL], transformation=numbered(950)))
    assert told is not UNSET
    assert [None, "CN"] == [each.country for each in told if each.stage == "processing"]


def test_many_parts_are_kept_as_the_largest_and_one_of_all_their_steps() -> None:
    countries = [f"{first}{second}" for first in "ABCDEFGHIJ" for second in "ABCDEFGHIJ"]
    lots = [
        batch(metal(origin=(origin("processing", country),)), 1_000_000 + 1_000 * place)
        for place, country in enumerate(countries)
    ]
    parts = of_stage(mixed_paths(lots, [False] * len(lots), None, "strip_cast_alloy"))
    assert PATHS_MAX == len(parts)
    assert MICRO == sum(share for share, _, _ in parts)
    assert [(STEPS_MAX, True)] == [(len(steps), untold) for _, steps, untold in parts if len(steps) > 1]


@given(
    st.lists(
        st.tuples(
            st.integers(1, 10**9), st.sampled_from(["CN", "EE", "AU"]), st.integers(0, 100), st.booleans()
        ),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from([None, *ORIGIN_STAGES]),
)
def test_parts_of_each_stage_are_all_of_it(
    lots: list[tuple[int, CountryCode, int, bool]], stage: OriginStage | None
) -> None:
    inputs = [
        batch(metal(origin=(origin("processing", country, percent),), composition=assayed(Nd=30)), mass_g)
        for mass_g, country, percent, _ in lots
    ]
    last = None if stage is None else origin(stage, "FR")
    found = mixed_paths(inputs, [each[3] for each in lots], last, "strip_cast_alloy")
    for each in ORIGIN_STAGES:
        parts = of_stage(found, each)
        assert MICRO == sum(share for share, _, _ in parts)
        ends = {(steps or ["none"])[-1] == "strip_cast_alloy FR" for _, steps, _ in parts}
        assert {each == stage} == ends


@pytest.mark.parametrize(
    ("known", "stated", "expected"),
    [
        (True, False, None),
        (True, True, [("correction_of_balance", "/content/paths")]),
        (False, True, None),
    ],
)
def test_paths_of_a_made_lot_stay_and_are_told_where_they_were_not_kept(
    known: bool, stated: bool, expected: list[tuple[str, str]] | None
) -> None:
    ledger = Ledger(site())
    ledger.issue(IssuePassport(caller=SELLER_TRADER, passport=METAL, content=metal()), moment())
    output = made(ALLOY, form="strip_cast_alloy")
    argument = transform(SELLER_TRADER, numbered(950), SELLER_SITE, [(METAL, 1_000_000)], [output])
    ledger.transform(replace(argument, tells_paths=known), moment())
    before = ledger.passports[ALLOY]
    assert known == (before.content.paths is not UNSET)
    ways = (step("CN"), step("FR", "strip_cast_alloy"))
    paths = (StagePath(stage="processing", share_ppm=MICRO, steps=ways),) if stated else UNSET
    correction = CorrectPassport(
        caller=SELLER_TRADER,
        passport=ALLOY,
        expected_version=before.version,
        corrects=before.stated_by,
        reason="told now",
        content=replace(before.content, paths=paths, assurance="limited"),
    )
    state = replace(ledger.state(ALLOY), at_door=True)
    if expected is not None:
        with pytest.raises(Refusals) as caught:
            passports.correct(state, correction, moment())
        assert expected == [(each.code, each.pointer) for each in caught.value.refusals]
        return
    ledger.write(passports.correct(state, correction, moment()))
    assert (paths if stated else before.content.paths) == ledger.passports[ALLOY].content.paths


@pytest.mark.parametrize(
    ("country", "expected"),
    [
        ("CN", [("paths_lack_origin", "/content/paths"), ("origin_lacks_paths", "/content/origin")]),
        ("EE", []),
    ],
)
def test_a_corrected_origin_is_held_against_the_paths_that_stay(
    country: CountryCode, expected: list[tuple[str, str]]
) -> None:
    ledger = Ledger(site())
    paths = (StagePath(stage="processing", share_ppm=MICRO, steps=(step("EE"),)),)
    lot = metal(paths=paths, origin=(origin("extraction", "AU"), origin("processing", "EE")))
    ledger.issue(IssuePassport(caller=SELLER_TRADER, passport=METAL, content=lot), moment())
    before = ledger.passports[METAL]
    correction = CorrectPassport(
        caller=SELLER_TRADER,
        passport=METAL,
        expected_version=before.version,
        corrects=before.stated_by,
        reason="reduced elsewhere",
        content=replace(lot, origin=(origin("processing", country),)),
    )
    state = replace(ledger.state(METAL), at_door=True)
    found: list[tuple[str, str | None]] = []
    try:
        passports.correct(state, correction, moment())
    except Refusals as refused:
        found = [(each.code, each.pointer) for each in refused.refusals]
    assert expected == found


def test_a_seller_is_told_that_its_order_keeps_what_was_untold() -> None:
    untold = StepShare(stage="processing", country=None, share_ppm=MICRO // 4)
    [told] = step_cautions([untold])
    assert ("origin_step_untold", "/physical_lot/passport") == (told.code, told.pointer)
    assert "every step of processing (25 %)" in told.text
    assert "post it again" in told.text
