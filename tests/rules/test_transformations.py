"""Parts of n lots become m lots: elements are conserved, inputs are taken once, and no claim grows."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from events.envelope import Fact
from events.material_events import MassBalanceMoved, PassportDrawn, PassportIssued, PassportTransformed
from events.passport_terms import ElementLoss, OriginShare
from events.refusal import Refusal, Refusals
from events.vocabulary import PPB, Cell, Composition
from market.rules.orders.orders import Reservation
from market.rules.passports.bound_lots import Sale
from market.rules.passports.lot_checks import LotDays
from market.rules.passports.passports import IssuePassport
from market.rules.passports.transformations import MadeLot, Transform
from tests.desk_support import (
    BUYER,
    BUYER_SITE,
    MARKET,
    MATCH,
    NOW,
    ORDER,
    READER,
    SELLER,
    SELLER_SITE,
    SELLER_TRADER,
    blotter,
    facts,
    moment,
    numbered,
)
from tests.passport_support import (
    DAY,
    PERCENT,
    Ledger,
    assayed,
    content,
    made,
    paper,
    recycled,
    site,
    transform,
)

A, B, X, Y, T, T2, T3, C, Z = (numbered(900 + number) for number in range(9))
KG_MG = 1_000_000


def ledger(*contents: Any) -> Ledger:
    """With passports A, B, … of the contents, the second in another lot."""
    found = Ledger(site())
    for passport, each in zip((A, B), contents, strict=False):
        found.issue(IssuePassport(caller=SELLER_TRADER, passport=passport, content=each), moment())
    return found


def swarf(lot_number: str = "LOT-1", **changes: Any) -> Any:
    return content(SELLER_SITE, lot_number, **changes)


def work(inputs: Any, *outputs: MadeLot, transformation: UUID = T, **changes: Any) -> Transform:
    return transform(SELLER_TRADER, transformation, SELLER_SITE, inputs, outputs, **changes)


def refused(found: Ledger, argument: Transform, now: Any = NOW) -> list[tuple[str, str | None, str]]:
    before = dict(found.passports)
    with pytest.raises((Refusal, Refusals)) as caught:
        found.transform(argument, moment(now))
    assert before == found.passports
    error = caught.value
    assert isinstance(error, Refusal | Refusals)
    reasons = error.refusals if isinstance(error, Refusals) else (error,)
    return [(reason.code, reason.pointer, reason.detail()) for reason in reasons]


def codes(found: Ledger, argument: Transform, now: Any = NOW) -> list[tuple[str, str | None]]:
    return [(code, pointer) for code, pointer, _ in refused(found, argument, now)]


def test_two_lots_become_one_and_a_loss() -> None:
    found = ledger(swarf(), swarf("LOT-2"))
    output = made(X, net_wet_g=500_000, composition=assayed(Nd=90))
    decision = found.transform(
        work([(A, 1_000_000), (B, 600_000)], output, lost_mg={"Nd": 30 * KG_MG}), moment()
    )
    kinds: list[type[Fact]] = [type(fact) for fact in facts(decision)]
    assert [PassportTransformed, PassportDrawn, PassportDrawn, PassportIssued] == kinds
    transformed = facts(decision)[0]
    assert isinstance(transformed, PassportTransformed)
    assert [300 * KG_MG, 180 * KG_MG] == [part.elements[0].mass_mg for part in transformed.inputs]
    assert 450 * KG_MG == transformed.outputs[0].elements[0].mass_mg
    assert ("consumed", 0) == (found.passports[A].status, found.passports[A].remaining_g)
    assert ("live", 400_000) == (found.passports[B].status, found.passports[B].remaining_g)
    assert (SELLER, SELLER, SELLER, T) == (
        found.passports[X].organisation,
        found.passports[X].owner,
        found.passports[X].holder,
        found.passports[X].transformation,
    )


def test_every_fact_is_in_the_lane_of_what_it_is_about() -> None:
    found = ledger(swarf(custody="mass_balance"))
    output = made(X)
    argument = work([(A, 1_000_000)], output, custody="mass_balance", method="credit", balance_days=90)
    subjects = [draft.subject for draft in found.transform(argument, moment()).drafts]
    assert [str(T), str(A), str(X), str(SELLER_SITE)] == subjects


@pytest.mark.parametrize(
    ("net_wet_g", "lost_mg", "tolerance_ppm", "figures"),
    [
        (1_000_001, {}, 0, "inputs 300000 g, outputs 300000.3 g and losses 0 g; tolerance 0 g"),
        (999_999, {}, 0, "inputs 300000 g, outputs 299999.7 g and losses 0 g; tolerance 0 g"),
        (1_000_000, {"Nd": 1}, 0, "inputs 300000 g, outputs 300000 g and losses 0.001 g; tolerance 0 g"),
        (1_020_001, {}, 20_000, "inputs 300000 g, outputs 306000.3 g and losses 0 g; tolerance 6000 g"),
        (979_999, {}, 20_000, "inputs 300000 g, outputs 293999.7 g and losses 0 g; tolerance 6000 g"),
    ],
)
def test_an_impossible_balance_is_refused_with_its_figures(
    net_wet_g: int, lost_mg: dict[str, int], tolerance_ppm: int, figures: str
) -> None:
    argument = work(
        [(A, 1_000_000)], made(X, net_wet_g=net_wet_g), lost_mg=lost_mg, tolerance_ppm=tolerance_ppm
    )
    expected = [("element_unbalanced", "/outputs", f"Nd: {figures}.")]
    assert expected == refused(ledger(swarf()), argument)


@pytest.mark.parametrize("net_wet_g", [980_000, 1_020_000])
def test_the_tolerance_is_part_of_what_came_in(net_wet_g: int) -> None:
    found = ledger(swarf())
    found.transform(work([(A, 1_000_000)], made(X, net_wet_g=net_wet_g), tolerance_ppm=20_000), moment())
    assert X in found.passports


def test_each_element_is_balanced_and_named() -> None:
    rich = swarf(composition=assayed(Nd=20, Pr=6, Dy=2, Fe=70))
    output = made(X, composition=assayed(Nd=21, Pr=6, Tb=1, Fe=1))
    assert ["Dy", "Nd", "Tb"] == sorted(
        detail.partition(":")[0] for _, _, detail in refused(ledger(rich), work([(A, 10**6)], output))
    )


def test_what_nobody_measured_counts_nothing() -> None:
    unknown = swarf(composition=assayed(Nd=30, Dy=None))
    output = made(X, composition=assayed(Nd=30, Dy=1))
    ((code, pointer, detail),) = refused(ledger(unknown), work([(A, 10**6)], output))
    assert ("element_unmeasured", "/outputs") == (code, pointer)
    assert f"Dy: {unknown.lot_number} state no figure of it, but 10000 g come out." in detail
    silent = made(X, composition=assayed(Nd=None))
    assert [("element_unbalanced", "/outputs")] == codes(ledger(swarf()), work([(A, 10**6)], silent))


def test_what_is_below_detection_may_be_there_up_to_its_limit() -> None:
    def trace(ppb: int, state: Any) -> Composition:
        cell = Cell(analyte="Dy", reported_as="Dy", state=state, fraction_ppb=ppb)
        return replace(assayed(Nd=30), cells=(*assayed(Nd=30).cells, cell))

    limit = swarf(composition=trace(1_000, "below_detection"))
    ledger(limit).transform(work([(A, 10**6)], made(X)), moment())
    ledger(limit).transform(work([(A, 10**6)], made(X, composition=trace(1_000, "value"))), moment())
    above = made(X, composition=trace(1_001, "value"))
    assert [("element_unbalanced", "/outputs")] == codes(ledger(limit), work([(A, 10**6)], above))


def test_a_lot_is_taken_in_parts_and_never_twice() -> None:
    found = ledger(swarf())
    found.transform(work([(A, 600_000)], made(X, net_wet_g=600_000)), moment())
    again = work([(A, 600_000)], made(Y, "OUT-2", net_wet_g=600_000), transformation=T2)
    text = f"600 kg are taken from passport pass_{A.hex}, but only 400 kg of 1000 kg are left."
    assert [("drawn_twice", "/inputs/0/net_wet_g", text)] == refused(found, again)
    rest = work([(A, 400_000)], made(Y, "OUT-2", net_wet_g=400_000), transformation=T2)
    found.transform(rest, moment())
    assert "consumed" == found.passports[A].status
    gone = work([(A, 1)], made(Y, "OUT-3", net_wet_g=1), transformation=B)
    assert ["drawn_twice"] == [code for code, _ in codes(found, gone)]


def test_all_that_is_wrong_with_inputs_at_once() -> None:
    found = ledger(swarf(), swarf("LOT-2"))
    found.passports[B] = replace(found.passports[B], owner=BUYER, holder=BUYER)
    found.reservations[A] = Reservation(
        identity=str(A), organisation=SELLER, market=MARKET, order=ORDER, released=False, sold=False
    )
    argument = work([(A, 0), (B, 1), (A, 1), (Y, 1)], made(A))
    assert f"pass_{A.hex}" in refused(found, argument)[0][2]
    assert [
        ("duplicate_entry", "/inputs/2"),
        ("lineage_cycle", "/inputs/0/passport"),
        ("passport_in_order", "/inputs/0/passport"),
        ("drawn_empty", "/inputs/0/net_wet_g"),
        ("passport_of_other", "/inputs/1/passport"),
        ("lineage_cycle", "/inputs/2/passport"),
        ("passport_in_order", "/inputs/2/passport"),
        ("passport_unknown", "/inputs/3/passport"),
    ] == codes(found, argument)


def test_who_has_sold_a_lot_learns_nothing_of_it_by_taking_of_it() -> None:
    found = ledger(swarf())
    found.passports[A] = replace(found.passports[A], owner=BUYER, holder=BUYER, drawn_g=400_000)
    found.reservations[A] = Reservation(identity=str(A), organisation=BUYER, market=MARKET, order=ORDER)
    assert [("passport_of_other", "/inputs/0/passport")] == codes(found, work([(A, 900_000)], made(X)))


def test_a_fault_of_an_input_hides_none_of_the_site() -> None:
    argument = work([(A, 10**7)], made(X, "LOT-1"), stage="extraction", transformed_on=date(2040, 1, 1))
    assert ["drawn_twice", "stage_not_of_facility", "lot_number_taken", "day_in_future"] == [
        code for code, _ in codes(ledger(swarf()), argument)
    ]


def test_work_on_a_lot_comes_after_it_came_to_who_holds_it_and_parts_in_any_order() -> None:
    found = ledger(swarf(), swarf("LOT-2"))
    found.days = {
        A: LotDays(made_on=DAY + timedelta(days=1), drawn_on=DAY + timedelta(days=9)),
        B: LotDays(transferred_on=DAY + timedelta(days=2)),
    }
    argument = work([(A, 10**6), (B, 10**6)], made(X, net_wet_g=2 * 10**6))
    for days, expected in ((0, 2), (1, 1)):
        early = replace(argument, transformed_on=DAY + timedelta(days=days))
        assert [("day_before_lot", "/transformed_on")] * expected == codes(found, early)
    found.transform(replace(argument, transformed_on=DAY + timedelta(days=2)), moment())


def test_what_an_output_has_below_detection_pays_nothing_into_an_account() -> None:
    found = ledger(swarf(custody="mass_balance", recycled=recycled("Nd", post=50)))
    unseen = Cell(analyte="Nd", reported_as="Nd", state="below_detection", fraction_ppb=40 * PERCENT)
    output = made(X, composition=replace(assayed(), cells=(unseen,)))
    found.transform(work([(A, 10**6)], output, **CREDIT), moment())
    assert [0] == [line.deposited_mg for line, _, _ in found.credits.values() if line.claimed_mg]


def test_all_that_is_wrong_with_the_work_at_once() -> None:
    found = ledger(swarf())
    bad = made(
        X,
        "LOT-1",
        net_wet_g=0,
        composition=assayed(Zz=1),
        footprint=None,
        booked=recycled(post=1),
        certificates=(paper(valid_until=NOW),),
    )
    argument = work(
        [(A, 1_000_000)],
        bad,
        made(Y, "LOT-1"),
        stage="extraction",
        transformed_on=(NOW + timedelta(days=1)).date(),
        tolerance_ppm=60_000,
        losses=(ElementLoss(element="Fe", mass_mg=1), ElementLoss(element="Fe", mass_mg=1)),
        method="credit",
    )
    assert {
        ("stage_not_of_facility", "/stage"),
        ("lot_number_taken", "/outputs/0/lot_number"),
        ("lot_number_taken", "/outputs/1/lot_number"),
        ("duplicate_entry", "/outputs/1"),
        ("day_in_future", "/transformed_on"),
        ("quantity_not_positive", "/outputs/0/net_wet_g"),
        ("analyte_unknown", "/outputs/0/composition/cells/0/analyte"),
        ("booked_apart", "/outputs/0/booked"),
        ("claimed_element_absent", "/outputs/0/booked/0/element"),
        ("certificate_expired", "/outputs/0/certificates/0"),
        ("claim_without_evidence", "/outputs/0/evidence"),
        ("duplicate_entry", "/losses/1"),
        ("element_not_balanced", "/losses/0/element"),
        ("element_not_balanced", "/losses/1/element"),
        ("tolerance_too_wide", "/tolerance_ppm"),
        ("certificate_not_inherited", "/outputs/0/certificates/0"),
        ("mass_balance_method_unexpected", "/method"),
    } == set(codes(found, argument))


def test_who_may_and_where() -> None:
    found = ledger(swarf())
    argument = replace(work([(A, 10**6)], made(X)), caller=replace(READER, organisation=SELLER))
    assert [("role_missing", None)] == codes(found, argument)
    found.facility = replace(site(), revoked=True)
    assert [("facility_revoked", "/facility")] == codes(found, work([(A, 10**6)], made(X)))
    malformed = work([(A, 10**6)], made(X, "", net_wet_g=10**13))
    assert [
        ("malformed_member", "/outputs/0/lot_number"),
        ("malformed_member", "/outputs/0/net_wet_g"),
    ] == codes(ledger(swarf()), malformed)


CLAIMING: dict[str, Any] = {"recycled": recycled(post=50, pre=10)}


@pytest.mark.parametrize(
    ("custody", "second", "most"),
    [
        ("identity_preserved", None, "50 %"),
        ("segregated", {"recycled": recycled(post=20)}, "20 %"),
        ("segregated", {}, "0 %"),
        ("controlled_blending", {"recycled": recycled(post=20)}, "35 %"),
        ("controlled_blending", {}, "25 %"),
    ],
)
def test_shares_never_exceed_what_the_model_carries(custody: Any, second: Any, most: str) -> None:
    contents = [swarf(custody="identity_preserved", **CLAIMING)]
    if second is not None:
        contents.append(swarf("LOT-2", custody="identity_preserved", **second))
    inputs = [(passport, 1_000_000) for passport, _ in zip((A, B), contents, strict=False)]
    claimed = made(X, net_wet_g=10**6 * len(inputs), recycled=recycled(post=51))
    details = refused(ledger(*contents), work(inputs, claimed, custody=custody))
    text = f"Nd, post_consumer: 51 % is claimed; with {custody} the inputs support only {most}."
    assert ("claim_above_inputs", "/outputs/0/recycled/0/post_consumer_ppb", text) in details


def test_shares_as_carried_are_accepted() -> None:
    found = ledger(swarf(**CLAIMING), swarf("LOT-2"))
    output = made(X, net_wet_g=2 * 10**6, recycled=recycled(post=25, pre=5))
    found.transform(work([(A, 10**6), (B, 10**6)], output, custody="controlled_blending"), moment())
    assert recycled(post=25, pre=5) == found.passports[X].content.recycled


def test_an_assay_that_finds_more_makes_no_more_of_a_claim() -> None:
    argument = work(
        [(A, 10**6)], made(X, net_wet_g=1_010_000, recycled=recycled(post=50)), tolerance_ppm=10_000
    )
    text = "Nd, post_consumer: outputs claim 151500 g, but the inputs only 150000 g."
    assert [("claim_mass_above_inputs", "/outputs", text)] == refused(ledger(swarf(**CLAIMING)), argument)


@pytest.mark.parametrize(("taken_g", "expected"), [(600_000, []), (600_001, ["lot_sold"])])
def test_of_a_lot_that_was_sold_in_part_the_rest_is_transformed(taken_g: int, expected: list[str]) -> None:
    found, sales = ledger(swarf()), {A: {MATCH: Sale(buyer=BUYER, owed_g=400_000)}}
    argument = work([(A, taken_g)], made(X, net_wet_g=taken_g))
    pointers = [(code, "/inputs/0/net_wet_g") for code in expected]
    assert pointers == blotter(lambda: found.transform(argument, moment(), sales=sales))


def test_a_lot_that_left_the_loop_is_no_input() -> None:
    found = ledger(swarf())
    found.passports[A] = replace(found.passports[A], retired="lost")
    assert ("passport_over", "/inputs/0/passport") in codes(found, work([(A, 10**6)], made(X)))


def test_two_lots_keep_no_identity() -> None:
    contents = [swarf(name, custody="identity_preserved") for name in ("LOT-1", "LOT-2")]
    argument = work([(A, 10**6), (B, 10**6)], made(X, net_wet_g=2 * 10**6), custody="identity_preserved")
    assert [("identity_mixed", "/custody")] == codes(ledger(*contents), argument)


def test_where_models_meet_the_weakest_is_left() -> None:
    mixed = [swarf(custody="identity_preserved"), swarf("LOT-2", custody="controlled_blending")]
    found = ledger(*mixed)
    found.transform(
        work([(A, 10**6), (B, 10**6)], made(X, net_wet_g=2 * 10**6), custody="segregated"), moment()
    )
    assert "controlled_blending" == found.passports[X].content.custody


def test_book_and_claim_is_of_no_material() -> None:
    booked = swarf(
        custody="book_and_claim",
        booked=recycled(post=80),
        evidence=tuple(replace(swarf().evidence[0], supports=claim) for claim in ("origin", "booked")),
    )
    argument = work([(A, 10**6), (B, 10**6)], made(X, net_wet_g=2 * 10**6, recycled=recycled(post=1)))
    assert [("booked_apart", "/outputs/0/recycled")] == codes(
        ledger(booked, swarf("LOT-2", **CLAIMING)), argument
    )
    found = ledger(booked)
    found.transform(work([(A, 10**6)], made(X)), moment())
    assert ("book_and_claim", (), ()) == (
        found.passports[X].content.custody,
        found.passports[X].content.recycled,
        found.passports[X].content.booked,
    )


def test_certificates_are_the_sites_or_those_of_every_input() -> None:
    kept, other, own = paper(), paper("other"), paper("site", SELLER_SITE)
    contents = [swarf(certificates=(kept, other)), swarf("LOT-2", certificates=(kept,))]
    both = [(A, 10**6), (B, 10**6)]
    output = made(X, net_wet_g=2 * 10**6, certificates=(kept, own))
    found = ledger(*contents)
    found.transform(work(both, output), moment())
    assert (kept, own) == found.passports[X].content.certificates
    for wrong in (
        other,
        replace(kept, valid_until=kept.valid_until + timedelta(days=1)),
        paper("x", BUYER_SITE),
    ):
        argument = work(both, replace(output, certificates=(wrong,)))
        expected = [("certificate_not_inherited", "/outputs/0/certificates/0")]
        assert expected == codes(ledger(*contents), argument)


# --- mass balance

CREDIT: dict[str, Any] = {"custody": "mass_balance", "method": "credit", "balance_days": 90}
AVERAGE: dict[str, Any] = {**CREDIT, "method": "rolling_average"}


def test_credit_moves_a_claim_to_one_output() -> None:
    found = ledger(swarf(**CLAIMING))
    outputs = [
        made(X, net_wet_g=500_000, recycled=recycled(post=100)),
        made(Y, "OUT-2", net_wet_g=500_000),
    ]
    decision = found.transform(work([(A, 10**6)], *outputs, **CREDIT), moment())
    moved = facts(decision)[-1]
    assert isinstance(moved, MassBalanceMoved)
    assert NOW + timedelta(days=90) == moved.expires_at
    post = moved.lines[0]
    assert ("Nd", "post_consumer", 300 * KG_MG, 150 * KG_MG, 150 * KG_MG) == (
        post.element,
        post.claim,
        post.input_mg,
        post.claimed_mg,
        post.deposited_mg,
    )
    assert [(T, 150 * KG_MG)] == [(use.transformation, use.mass_mg) for use in post.uses]


def test_credit_is_kept_until_it_expires() -> None:
    def later(days: int) -> tuple[Ledger, Transform, Any]:
        found = ledger(swarf(**CLAIMING), swarf("LOT-2"))
        found.transform(work([(A, 10**6)], made(X), **CREDIT), moment())
        output = made(Y, "OUT-2", recycled=recycled(post=50))
        return found, work([(B, 10**6)], output, transformation=T2, **CREDIT), NOW + timedelta(days=days)

    found, argument, now = later(89)
    found.transform(argument, moment(now))
    assert 0 == found.credits["Nd", "post_consumer", T][1]
    found, argument, now = later(90)
    text = "Nd, post_consumer: outputs claim 150000 g, but the facility's account holds 0 g."
    assert [("credit_short", "/outputs", text)] == refused(found, argument, now)


def test_credit_is_drawn_from_one_deposit_after_the_other() -> None:
    """150 kg are paid in by each of three works. The second claims 180 kg, the third 90."""
    found = ledger(swarf(**CLAIMING), swarf("LOT-2", **CLAIMING))
    third = IssuePassport(caller=SELLER_TRADER, passport=C, content=swarf("LOT-3", **CLAIMING))
    found.issue(third, moment())

    def drawn(lot: UUID, output: MadeLot, work_id: UUID) -> list[tuple[UUID, int]]:
        argument = work([(lot, 10**6)], output, transformation=work_id, **CREDIT)
        moved = facts(found.transform(argument, moment()))[-1]
        assert isinstance(moved, MassBalanceMoved)
        (post,) = (line for line in moved.lines if (line.element, line.claim) == ("Nd", "post_consumer"))
        return [(use.transformation, use.mass_mg // KG_MG) for use in post.uses]

    assert [] == drawn(A, made(X), T)
    assert [(T, 150), (T2, 30)] == drawn(B, made(Y, "OUT-2", recycled=recycled(post=60)), T2)
    assert [(T2, 90)] == drawn(C, made(Z, "OUT-3", recycled=recycled(post=30)), T3)


def test_a_loss_takes_its_claims_with_it() -> None:
    found = ledger(swarf(**CLAIMING))
    output = made(X, net_wet_g=800_000, recycled=recycled(post=51))
    argument = work([(A, 10**6)], output, lost_mg={"Nd": 60 * KG_MG}, **CREDIT)
    text = "Nd, post_consumer: outputs claim 122400 g, but the facility's account holds 120000 g."
    assert [("credit_short", "/outputs", text)] == refused(found, argument)


def test_an_average_is_that_of_the_running_period() -> None:
    found = ledger(swarf(**CLAIMING), swarf("LOT-2"))
    found.transform(work([(A, 10**6)], made(X), **AVERAGE), moment())
    second = work([(B, 10**6)], made(Y, "OUT-2", recycled=recycled(post=25)), transformation=T2, **AVERAGE)
    more = replace(second, outputs=(made(Y, "OUT-2", recycled=recycled(post=26)),))
    text = "Nd, post_consumer: 26 % is claimed; with rolling average the inputs support only 25 %."
    assert [("claim_above_inputs", "/outputs/0/recycled", text)] == refused(found, more)
    found.transform(second, moment())
    assert 75 * KG_MG == found.credits["Nd", "post_consumer", T][1]


def test_mass_balance_states_its_method() -> None:
    found = ledger(swarf(custody="mass_balance"))
    assert [("mass_balance_method_missing", "/method")] == codes(found, work([(A, 10**6)], made(X)))


# --- what users give back

RETURN: dict[str, Any] = {"stage": "recycling", "custody": "segregated"}


def motors(**changes: Any) -> Any:
    """Magnets in motors, pre-consumer scrap in a tenth of their neodymium."""
    return swarf(form="finished_magnet", recycled=recycled(pre=10), certificates=(paper(),), **changes)


def given_back(**changes: Any) -> MadeLot:
    given: dict[str, Any] = {"form": "core", "recycled": recycled(post=100), "evidence": swarf().evidence}
    return made(X, **(given | changes))


@pytest.mark.parametrize(
    ("of_work", "of_output", "form"),
    [
        ({"stage": "manufacturing"}, {}, "finished_magnet"),
        ({}, {"form": "hard_scrap"}, "finished_magnet"),
        ({}, {}, "magnet_block"),
        ({}, {}, "eol_magnet"),
    ],
)
def test_only_what_users_give_back_is_post_consumer(of_work: Any, of_output: Any, form: str) -> None:
    found = ledger(replace(motors(), form=form))
    argument = work([(A, 10**6)], given_back(**of_output), **(RETURN | of_work))
    text = "Nd, post_consumer: 100 % is claimed; with segregated the inputs support only 0 %."
    assert ("claim_above_inputs", "/outputs/0/recycled/0/post_consumer_ppb", text) in refused(found, argument)


def test_a_return_is_documented_and_keeps_nothing_of_the_product() -> None:
    found = ledger(motors())
    silent = given_back(evidence=())
    assert [("claim_without_evidence", "/outputs/0/evidence")] == codes(
        found, work([(A, 10**6)], silent, **RETURN)
    )
    before = given_back(recycled=recycled(post=90, pre=10), certificates=(paper(),))
    assert [
        ("claim_above_inputs", "/outputs/0/recycled/0/pre_consumer_ppb"),
        ("certificate_not_inherited", "/outputs/0/certificates/0"),
        ("claim_mass_above_inputs", "/outputs"),
    ] == codes(found, work([(A, 10**6)], before, **RETURN))


def test_an_assay_of_a_return_that_finds_more_makes_no_more_of_it() -> None:
    argument = work([(A, 10**6)], given_back(net_wet_g=1_010_000), tolerance_ppm=10_000, **RETURN)
    text = "Nd, post_consumer: outputs claim 303000 g, but the inputs only 300000 g."
    assert [("claim_mass_above_inputs", "/outputs", text)] == refused(ledger(motors()), argument)


@pytest.mark.parametrize("custody", ["book_and_claim", "mass_balance"])
def test_a_return_begins_a_chain_of_custody(custody: Any) -> None:
    found = ledger(replace(motors(), custody=custody, recycled=()))
    found.transform(work([(A, 10**6)], given_back(), **RETURN), moment())
    made_of = found.passports[X].content
    assert ("segregated", recycled(post=100), "NO") == (
        made_of.custody,
        made_of.recycled,
        made_of.origin[0].country,
    )
    assert T == found.passports[X].transformation


# --- origin


def test_origin_is_mixed_by_contained_rare_earths_and_the_stage_replaced() -> None:
    def mined(country: str, share_ppb: int = PPB) -> tuple[OriginShare, ...]:
        return (
            OriginShare(stage="extraction", country=country, share_ppb=share_ppb, source="a mine"),
            OriginShare(stage="processing", country="CN", share_ppb=PPB, source="a plant"),
        )

    found = ledger(
        swarf(origin=mined("NO")),
        swarf("LOT-2", origin=mined("AU", PPB // 2), composition=assayed(Nd=60)),
    )
    output = made(X, net_wet_g=900_000, composition=assayed(Nd=100))
    found.transform(work([(A, 10**6), (B, 10**6)], output), moment())
    assert [
        ("extraction", "NO", 333_333_334, None),
        ("extraction", "AU", 333_333_333, None),
        ("processing", "FR", PPB, SELLER_SITE),
    ] == [
        (each.stage, each.country, each.share_ppb, each.facility)
        for each in found.passports[X].content.origin
    ]
    found.transform(
        work(
            [(X, 900_000)],
            made(Y, "OUT-2", net_wet_g=900_000, composition=assayed(Nd=100)),
            transformation=T2,
            stage="manufacturing",
        ),
        moment(),
    )
    assert found.passports[X].content.origin == found.passports[Y].content.origin
