"""Twins of products: what is refused, which version follows, how they score, and what may rest on them."""

from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from events.callers import Caller
from events.decision import Decision
from events.forecast_terms import ElementShare, ReturnForecast, ShareBounds
from events.material_events import ProductTwinStated
from events.passport_terms import Magnet
from events.twin_terms import TwinMagnet
from events.vocabulary import PPB, TwinReference
from market import data
from market.rules.orders import lots, offers
from market.rules.orders.supplies import stated_cautions
from market.rules.orders.twin_references import product_magnets
from market.rules.orders.unlikely_magnets import share_cautions
from market.rules.twins.dated_rules import DatedRule, read_rules
from market.rules.twins.disassembly import DisassemblyScore, score_on
from market.rules.twins.product_twins import Bill, ProductTwin, StateTwin, TwinState, bill_of, state_twin
from tests.desk_support import (
    BUYER,
    BUYER_TRADER,
    LANES,
    SELLER,
    SELLER_TRADER,
    amend_supply,
    blotter,
    facts,
    moment,
    numbered,
    post_supply,
    posting,
    refusals,
    supply_order,
    supply_state,
    swarf,
)
from tests.passport_support import magnet_record, product
from tests.rules.test_forecast_supply import RETURNED
from tests.rules.test_rex import ROTOR, RULES, core_lot

TWIN = numbered(77)
PASSPORT = numbered(78)
RULES_ON_PAPER = read_rules(data.rows("disassembly_rules.csv"))
DAY = date(2026, 3, 2)
STATED = ProductTwin(twin=TWIN, organisation=SELLER, version=1, position=1, terms=product())
NAMED = TwinReference(twin=TWIN, version=1)


def asked(expected_version: int = 0, caller: Caller = SELLER_TRADER, **changes: Any) -> StateTwin:
    return StateTwin(caller=caller, twin=TWIN, expected_version=expected_version, terms=product(**changes))


def stating(argument: StateTwin, twin: ProductTwin | None = None, record: Bill | None = None) -> Decision:
    return state_twin(TwinState(lanes=LANES, twin=twin, record=record), argument, moment())


def test_versions_follow_on_each_other() -> None:
    (first,) = facts(stating(asked()))
    assert isinstance(first, ProductTwinStated)
    assert (TWIN, SELLER, 1, product()) == (first.twin, first.organisation, first.version, first.terms)
    (second,) = facts(stating(asked(1, name="motor M5"), STATED))
    assert isinstance(second, ProductTwinStated)
    assert (2, "motor M5") == (second.version, second.terms.name)


ONE = product().magnets[0]


@pytest.mark.parametrize(
    ("argument", "twin", "record", "expected"),
    [
        (asked(1), None, None, [("twin_absent", None)]),
        (asked(1, BUYER_TRADER), STATED, None, [("twin_absent", None)]),
        (asked(2), STATED, None, [("version_stale", None)]),
        (asked(1), STATED, None, [("no_change", None)]),
        (asked(10_000), replace(STATED, version=10_000), None, [("twin_versions_used", None)]),
        (
            asked(caller=Caller(organisation=SELLER, roles=frozenset({"auditor"}))),
            None,
            None,
            [("role_missing", None)],
        ),
        (asked(name="two\nlines"), None, None, [("malformed_member", "/name")]),
        (asked(magnets=()), None, None, [("malformed_member", "/magnets")]),
        (
            asked(magnets=(replace(ONE, elements=(*ONE.elements, replace(ONE.elements[0], element="Xx"))),)),
            None,
            None,
            [("element_unknown", "/magnets/0/elements/2/element")],
        ),
        (
            asked(magnets=(replace(ONE, elements=ONE.elements * 2),)),
            None,
            None,
            [("duplicate_entry", "/magnets/0/elements/2"), ("duplicate_entry", "/magnets/0/elements/3")],
        ),
        (asked(passport=PASSPORT), None, None, [("passport_unknown", "/passport")]),
        (asked(passport=PASSPORT), None, {}, [("record_missing", "/passport")]),
        (asked(passport=PASSPORT), None, {45_000: 7}, [("bill_not_of_record", "/magnets")]),
        (asked(passport=PASSPORT), None, {45_000: 8}, []),
    ],
)
def test_what_keeps_a_twin_from_being_stated(
    argument: StateTwin, twin: ProductTwin | None, record: Bill | None, expected: Any
) -> None:
    assert expected == blotter(lambda: stating(argument, twin, record))


def test_a_bill_that_is_not_of_the_record_is_told_with_both_bills() -> None:
    """The record of Article 28 has its eight magnets in two lines; one of them has gone."""
    (eight,) = magnet_record(SELLER).magnets
    lines: tuple[Magnet, ...] = (replace(eight, pieces=5), replace(eight, pieces=3, coatings=()))
    assert [] == blotter(lambda: stating(asked(passport=PASSPORT), record=bill_of(lines)))
    fewer = bill_of((lines[0], replace(lines[1], mass_mg=44_500)))
    (found,) = refusals(lambda: stating(asked(passport=PASSPORT), record=fewer))
    assert (
        "The bill has 8 x 45 g = 360 g, but the passport's record of magnets "
        "5 x 45 g + 3 x 44.5 g = 358.5 g: they have to agree."
    ) == found.detail()


@pytest.mark.parametrize(
    ("steps", "fixing", "tool_class", "expected"),
    [
        (2, "screwed", "none", DisassemblyScore(depth=5, fixing=5, tools=5, score_hundredths=500)),
        (2, "glued", "supplied", DisassemblyScore(depth=5, fixing=1, tools=3, score_hundredths=336)),
        (3, "clamped", "basic", DisassemblyScore(depth=4, fixing=5, tools=4, score_hundredths=427)),
        (10, "embedded", "basic", DisassemblyScore(depth=3, fixing=1, tools=4, score_hundredths=272)),
        (11, "press_fitted", "basic", DisassemblyScore(depth=2, fixing=1, tools=4, score_hundredths=227)),
        (
            16,
            "overmoulded",
            "proprietary",
            DisassemblyScore(depth=1, fixing=1, tools=1, score_hundredths=100),
        ),
    ],
)
def test_a_score_by_hand(steps: int, fixing: Any, tool_class: Any, expected: DisassemblyScore) -> None:
    """Weights 25, 15, 15 of 55: (2, glued, supplied) is (125 + 15 + 45) / 55 = 3.3636. The worst counts."""
    easy, hard = (replace(product().steps[0], tool_class=each) for each in ("none", tool_class))
    terms = product(
        steps=(*(easy,) * (steps - 1), hard),
        magnets=(replace(ONE, fixing="screwed"), replace(ONE, fixing=fixing)),
    )
    assert expected == score_on(RULES_ON_PAPER, DAY, terms)


def test_a_day_without_rules_has_no_score_and_a_gap_in_them_is_an_error() -> None:
    assert None is score_on(RULES_ON_PAPER, date(2025, 6, 19), product())
    assert None is not score_on(RULES_ON_PAPER, date(2025, 6, 20), product())

    def without(rule: str, key: str) -> list[DatedRule]:
        return [each for each in RULES_ON_PAPER if (each.rule, each.key) != (rule, key)]

    for rule, key in (("depth", "more"), ("fixing", "glued"), ("tool", "supplied"), ("weight", "tools")):
        with pytest.raises(ValueError, match=key):
            score_on(without(rule, key), DAY, product())


def resting(**changes: Any) -> ReturnForecast:
    terms = STATED.terms
    resting_on = {
        "magnets": product_magnets(terms.magnets),
        "scale_micro_years": terms.scale_micro_years,
        "shape_micro": terms.shape_micro,
        "placed": tuple(replace(each, year=2012, units=50 * 10**6) for each in RETURNED.placed),
        "twin": NAMED,
    }
    return replace(RETURNED, **(resting_on | changes))


KNOWN = {NAMED: STATED}


def test_a_forecast_says_what_its_twin_says() -> None:
    def posted(forecast: ReturnForecast, twins: Any = KNOWN) -> list[str]:
        draft = swarf(forecast=forecast)
        return [
            f"{each.pointer} {each.detail()}"
            for each in refusals(lambda: offers.post(posting(twins=twins), post_supply(draft), moment()))
        ]

    assert [] == posted(resting())
    lighter = resting(magnets=(replace(resting().magnets[0], mass_mg=44_000),), shape_micro=2_000_000)
    magnets, life = posted(lighter)
    assert magnets == (
        "/forecast/returns/magnets The forecast states 8 x 44 g = 352 g as magnets, but version 1 of its "
        "twin has 8 x 45 g = 360 g."
    )
    assert life == (
        "/forecast/returns/life The forecast states 12, 16, 20 years, shape 2 as life, but version 1 of "
        "its twin has 12, 16, 20 years, shape 3.5."
    )
    (eight,) = resting().magnets
    lines = replace(eight, pieces=5, elements=eight.elements[::-1]), replace(eight, pieces=3)
    assert [] == posted(resting(magnets=lines))
    (purer,) = posted(resting(magnets=(replace(eight, elements=eight.elements[:1]),)))
    assert purer == (
        "/forecast/returns/magnets The forecast states 45 g with Nd 27 % / 28 % / 29 % as magnets, but "
        "version 1 of its twin has 45 g with Dy 1 % / 2 % / 3 %, Nd 27 % / 28 % / 29 %."
    )
    unknown = ["/forecast/returns/twin There is no such version of a product twin of yours."]
    assert unknown == posted(resting(), {})
    assert unknown == posted(resting(), {NAMED: replace(STATED, organisation=BUYER)})


def test_an_amendment_is_held_against_the_twin_too() -> None:
    order = supply_order(swarf(forecast=resting()))
    changed = swarf(forecast=resting(collection_ppb=replace(RETURNED.collection_ppb, low=PPB // 2)))
    state = supply_state(order)
    found = blotter(lambda: offers.amend(state, amend_supply(changed), moment()))
    assert [("twin_unknown", "/forecast/returns/twin")] == found
    known = replace(state, twins=KNOWN)
    assert [] == blotter(lambda: offers.amend(known, amend_supply(changed), moment()))


def test_no_core_holds_more_than_its_product_was_made_with() -> None:
    magnet = ROTOR.magnets[0]
    core = replace(ROTOR, twin=NAMED)

    def listed(pieces: int) -> list[str]:
        bigger = replace(core, pieces=5_000, magnets=(replace(magnet, pieces=pieces, mass_mg=45_000),))
        state = posting(rule_set=RULES, twins=KNOWN)
        return [
            each.detail()
            for each in refusals(lambda: lots.list_lot(state, post_supply(core_lot(core=bigger)), moment()))
        ]

    assert [] == listed(8)
    assert ["One core has 405 g of magnets, more than its product was made with: 360 g."] == listed(9)
    assert [("twin_unknown", "/core/twin")] == blotter(
        lambda: lots.list_lot(posting(rule_set=RULES), post_supply(core_lot(core=core)), moment())
    )


def magnet_of(grade: str = "N42SH", **percent: int) -> TwinMagnet:
    """Middles in per cent; a tenth of each beside them."""
    shares = tuple(
        ElementShare(
            element=element,
            fraction_ppb=ShareBounds(
                low=middle * PPB // 1000 * 9, middle=middle * PPB // 100, high=middle * PPB // 1000 * 11
            ),
        )
        for element, middle in percent.items()
    )
    return replace(ONE, grade=grade, elements=shares)


def test_magnets_above_all_of_their_mass_are_refused_and_facts_of_before_stay() -> None:
    above = asked(magnets=(magnet_of(Nd=51, Pr=50),))
    (refusal,) = refusals(lambda: stating(above))
    assert ("shares_above_magnet", "/magnets/0/elements") == (refusal.code, refusal.pointer)
    assert "at the middle of each, add up to 101 % of its mass" in refusal.detail()
    recorded = TwinState(lanes=LANES, twin=None, recorded=True)
    assert 1 == len(state_twin(recorded, above, moment()).drafts)
    beyond = asked(magnets=(magnet_of(Nd=60, Pr=60),))
    assert [("shares_above_magnet", "/magnets/0/elements")] == blotter(
        lambda: state_twin(recorded, beyond, moment())
    )
    assert [] == blotter(lambda: stating(asked(magnets=(magnet_of(Nd=50, Fe=50),))))


@pytest.mark.parametrize(
    ("magnet", "code"),
    [
        (magnet_of(Nd=30, Pr=5), None),
        (magnet_of(Nd=30, Pr=6), "rare_earths_above_magnet"),
        (magnet_of("N42", Sm=36), "rare_earths_above_magnet"),
        (magnet_of("SmCo5", Sm=36, Co=60), None),
        (magnet_of("YXG-30", Sm=41, Co=50), "rare_earths_above_magnet"),
        (magnet_of("Y30", Nd=23), "rare_earths_of_ferrite"),
        (magnet_of("C8B", Nd=23), "rare_earths_of_ferrite"),
        (magnet_of("HF 26/24", Nd=23), "rare_earths_of_ferrite"),
        (magnet_of("Y40", La=3, Fe=60), None),
        (magnet_of("Y30", Nd=0, Fe=60), None),
    ],
)
def test_rare_earths_that_no_such_magnet_holds_are_told(magnet: TwinMagnet, code: str | None) -> None:
    found = [(each.code, each.pointer) for each in share_cautions((magnet,), "/magnets")]
    assert ([] if code is None else [(code, "/magnets/0/elements")]) == found


def test_a_forecast_that_is_offered_is_told_so() -> None:
    (bare,) = product_magnets((magnet_of(Nd=40),))
    codes = [each.code for each in stated_cautions(swarf(forecast=replace(RETURNED, magnets=(bare,))))]
    assert "rare_earths_above_magnet" in codes
