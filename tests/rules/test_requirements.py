"""Requirements at the desk: first what is refused, then what stands."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest
from msgspec.structs import replace

from events.market_events import (
    RequirementAmended,
    RequirementExpired,
    RequirementPosted,
    RequirementWithdrawn,
)
from events.market_terms import (
    AcceptedForm,
    AnalyteLimit,
    PurityFloor,
    RexAmount,
    SustainabilityProfile,
)
from events.policy_terms import PortfolioLimits
from events.vocabulary import (
    PPB,
    PRICE_UEUR_PER_KG_MAX,
    Denominator,
    Period,
    ProductForm,
    StatedPrice,
    TermHorizon,
)
from market.rules.orders import requirements
from market.rules.orders.orders import Expire, Withdraw
from market.rules.orders.requirement_drafts import RequirementDraft, cautions, terms_of
from market.rules.orders.tolerance import may_pass_over, tolerance_cautions
from market.rules.orders.unknown_names import Known, name_cautions, names_any
from tests.desk_support import (
    BUYER,
    BUYER_TRADER,
    MILLION,
    NOW,
    OPERATOR_CALLER,
    PERCENT_PPB,
    REQUIREMENT,
    STRANGER,
    STRANGER_TRADER,
    TERMS,
    TONNE_G,
    amend_need,
    blotter,
    day,
    facts,
    inputs,
    moment,
    need,
    numbered,
    period,
    post_need,
    posting,
    requirement_order,
    requirement_state,
)

OVER = PRICE_UEUR_PER_KG_MAX + 1
TERM = TermHorizon(
    start_year=2027, profile_ppb=(PPB, PPB), index="NdPr_oxide_99", quotation_period="month_of_shipment"
)


def euro(amount_micro: int, per: Denominator = "element") -> StatedPrice:
    return StatedPrice(amount_micro=amount_micro, currency="EUR", per=per)


DEFECTS = {
    "nothing wanted": (
        need(basis_g=0, minimum_parcel_g=1),
        [("quantity_not_positive", "/basis_g"), ("minimum_parcel_too_large", "/minimum_parcel_g")],
    ),
    "a minimum of nothing": (
        need(minimum_quantity_g=0),
        [("quantity_not_positive", "/minimum_quantity_g")],
    ),
    "a minimum above the whole": (
        need(minimum_quantity_g=10**12),
        [("minimum_quantity_too_large", "/minimum_quantity_g")],
    ),
    "a portfolio without a limit": (need(portfolio=PortfolioLimits()), [("portfolio_empty", "/portfolio")]),
    "a share above the whole": (
        need(portfolio=PortfolioLimits(recycled_min_ppb=PPB + 1)),
        [("malformed_member", "/portfolio/recycled_min_ppb")],
    ),
    "a share below nothing": (
        need(portfolio=PortfolioLimits(third_country_max_ppb=-1)),
        [("malformed_member", "/portfolio/third_country_max_ppb")],
    ),
    "mass beyond the bound": (need(basis_g=2**64), [("malformed_member", "/basis_g")]),
    "a form that is none": (
        need(forms=(AcceptedForm(form=cast(ProductForm, "dust")),)),
        [("malformed_member", "/forms/0/form")],
    ),
    "no form": (need(forms=()), [("malformed_member", "/forms")]),
    "negative limit": (need(limit=euro(-1)), [("limit_negative", "/limit/amount_micro")]),
    "limit beyond the bound": (need(limit=euro(OVER)), [("amount_out_of_range", "/limit/amount_micro")]),
    "limit per wet kilogram": (
        need(limit=euro(1, "wet")),
        [("denominator_not_convertible", "/limit/per")],
    ),
    "currency without a rate": (
        need(limit=StatedPrice(amount_micro=1, currency="JPY", per="oxide")),
        [("fx_missing", "/limit/currency")],
    ),
    "window over": (
        need(window=period(day(1, 1), NOW)),
        [("window_past", "/window")],
    ),
    "overlap longer than the window": (
        need(overlap_min_days=92),
        [("overlap_too_long", "/overlap_min_days")],
    ),
    "validity over": (need(valid_until=day(1, 1)), [("validity_past", "/valid_until")]),
    "naive validity": (
        need(valid_until=datetime(2026, 6, 1)),  # noqa: DTZ001
        [("malformed_member", "/valid_until")],
    ),
    "site of another": (need(facility=numbered(99)), [("facility_not_owned", "/facility")]),
    "one form twice, one beyond the bound": (
        need(
            forms=(
                AcceptedForm(form="swarf"),
                AcceptedForm(form="swarf"),
                AcceptedForm(form="metal", differential_ueur_per_kg=-OVER),
            )
        ),
        [
            ("duplicate_entry", "/forms/1"),
            ("amount_out_of_range", "/forms/2/differential_ueur_per_kg"),
        ],
    ),
    "limits that nothing meets": (
        need(
            limits=(
                AnalyteLimit(analyte="Th"),
                AnalyteLimit(analyte="C", min_ppb=2, max_ppb=1),
                AnalyteLimit(analyte="Xx", max_ppb=1),
                AnalyteLimit(analyte="C", max_ppb=1),
            )
        ),
        [
            ("duplicate_entry", "/limits/3"),
            ("limit_empty", "/limits/0"),
            ("limit_empty", "/limits/1"),
            ("analyte_unknown", "/limits/2/analyte"),
        ],
    ),
    "purity of iron, and of one twice": (
        need(purity=PurityFloor(elements=("Nd", "Fe", "Nd"), min_ppb=PPB)),
        [("analyte_unknown", "/purity/elements/1"), ("duplicate_entry", "/purity/elements/2")],
    ),
    "credit without a limit": (
        need(payment="credit", credit_limit_cents_eur=0),
        [("credit_limit_missing", "/credit_limit_cents_eur")],
    ),
    "prepayment with a credit limit": (
        need(credit_limit_cents_eur=1),
        [("credit_limit_unexpected", "/credit_limit_cents_eur")],
    ),
    "lists with repetitions": (
        need(
            certificates_required=("IRMA", "IRMA"),
            origins_excluded=("CN", "CN"),
            organisations_excluded=(STRANGER, STRANGER),
            visible_to_initiatives=("remhub", "remhub"),
        ),
        [
            ("duplicate_entry", "/certificates_required/1"),
            ("duplicate_entry", "/origins_excluded/1"),
            ("duplicate_entry", "/organisations_excluded/1"),
            ("duplicate_entry", "/visible_to_initiatives/1"),
        ],
    ),
    "term whose window leaves its years": (
        need(term=TERM, limit=euro(-1)),
        [("window_outside_term", "/window")],
    ),
}


@pytest.mark.parametrize(("draft", "expected"), DEFECTS.values(), ids=DEFECTS.keys())
def test_a_defective_draft_is_refused_with_every_reason(
    draft: RequirementDraft, expected: list[tuple[str, str]]
) -> None:
    found = blotter(lambda: requirements.post(posting(BUYER), post_need(draft), moment()))
    assert sorted(expected) == sorted((code, pointer or "") for code, pointer in found)


def test_only_a_trading_member_of_an_open_market_may_post() -> None:
    draft = need()
    assert [("market_unknown", "/market")] == blotter(
        lambda: requirements.post(None, post_need(draft), moment())
    )
    assert [("not_a_member", None)] == blotter(
        lambda: requirements.post(posting(STRANGER), post_need(draft, STRANGER_TRADER), moment())
    )
    assert [("firm_only", "/commitment")] == blotter(
        lambda: requirements.post(
            posting(BUYER, failings=2), post_need(need(commitment="subject_to_confirmation")), moment()
        )
    )


def test_whole_magnets_are_bought_to_be_used_again() -> None:
    reuse = replace(TERMS, basis="ndfeb-reuse")
    magnets = need(
        forms=(AcceptedForm(form="eol_magnet"),), limit=euro(40 * MILLION, "wet"), rex_route="reuse"
    )
    (fact,) = facts(requirements.post(posting(BUYER, terms=reuse), post_need(magnets), moment()))
    assert isinstance(fact, RequirementPosted)
    assert 40 * MILLION == fact.terms.limit.ueur_per_kg
    wrong = need(limit=euro(1), rex_route="recycle")
    assert [
        ("form_not_of_market", "/forms/0/form"),
        ("form_not_of_market", "/forms/1/form"),
        ("denominator_not_convertible", "/limit/per"),
        ("rex_route_not_of_market", "/rex_route"),
    ] == blotter(lambda: requirements.post(posting(BUYER, terms=reuse), post_need(wrong), moment()))


def test_a_requirement_stands_with_its_limit_computed_once() -> None:
    (fact,) = facts(requirements.post(posting(BUYER), post_need(need()), moment()))
    assert isinstance(fact, RequirementPosted)
    assert 74_684_549 == fact.terms.limit.ueur_per_kg
    assert fact.terms.limit.fx is not None
    assert 11 == fact.terms.limit.fx.position


def test_a_term_requirement_may_bid_below_the_index() -> None:
    draft = need(term=TERM, limit=euro(-MILLION), window=period(day(1, 1, 2027), day(1, 1, 2029)))
    (fact,) = facts(requirements.post(posting(BUYER), post_need(draft), moment()))
    assert isinstance(fact, RequirementPosted)
    assert -MILLION == fact.terms.limit.ueur_per_kg


def test_amounts_that_cannot_count_are_pointed_out() -> None:
    silent = SustainabilityProfile(rex=(RexAmount(route="recycle", ueur_per_kg=5),))
    assert ["rex_route_undeclared", "profile_capped_at_zero"] == [
        found.code for found in cautions(need(profile=silent))
    ]
    assert () == cautions(need())
    (late,) = cautions(need(valid_until=datetime(2126, 1, 1, tzinfo=UTC)))
    assert ("valid_after_delivery", "/valid_until") == (late.code, late.pointer)
    assert "stays valid until 2126-01-01, although its delivery ends on 2026-06-30;" in late.text
    noon, evening = (datetime(2026, 7, 1, hour, tzinfo=UTC) for hour in (12, 18))
    assert () == cautions(need(window=period(day(4, 1), noon), valid_until=evening))
    (late,) = cautions(need(term=TERM, valid_until=datetime(2029, 1, 1, 0, 1, tzinfo=UTC)))
    assert "until 2029-01-01, although its delivery ends on 2028-12-31;" in late.text
    assert () == cautions(need(profile=replace(silent, cap_ueur_per_kg=9), rex_route="recycle"))
    limits = PortfolioLimits(recycled_min_ppb=PERCENT_PPB)
    assert () == cautions(need(portfolio=limits))


@pytest.mark.parametrize(
    ("changes", "tolerance_percent", "told"),
    [
        ({"minimum_parcel_g": 9 * TONNE_G - 1}, 1, ["9000.000 kg"]),
        ({"minimum_parcel_g": 9 * TONNE_G}, 1, []),
        ({"minimum_parcel_g": TONNE_G, "minimum_quantity_g": 9 * TONNE_G}, 1, []),
        ({"minimum_parcel_g": 9 * TONNE_G}, 2, ["18000.000 kg"]),
        ({"minimum_parcel_g": 1}, 0, []),
    ],
)
def test_a_need_that_single_lots_pass_over_is_told(
    changes: dict[str, Any], tolerance_percent: int, told: list[str]
) -> None:
    draft = need(basis_g=900 * TONNE_G, **changes)
    (fact,) = facts(requirements.post(posting(BUYER), post_need(draft), moment()))
    assert isinstance(fact, RequirementPosted)
    found = list(tolerance_cautions(fact.terms, tolerance_percent * PERCENT_PPB))
    assert [("small_fills_removed", "/basis_g")] * len(told) == [(each.code, each.pointer) for each in found]
    assert all(
        f"less than {least} of this order" in each.text for least, each in zip(told, found, strict=True)
    )
    assert may_pass_over(fact.terms) or not told


def test_names_that_nothing_in_the_market_answers_to_are_told() -> None:
    named = need(
        visible_to_initiatives=("remhub", "remhubb"),
        certificates_required=("IRMA", "IRMAA"),
        organisations_excluded=(STRANGER, BUYER),
    )
    terms = terms_of(named, TERMS, inputs())
    known = Known(
        initiatives=frozenset(["remhub"]), schemes=("IRMA", "ISO14001"), members=frozenset([STRANGER])
    )
    found = list(name_cautions(terms, known))
    assert [
        ("initiative_unknown", "/visible_to_initiatives/1"),
        ("scheme_not_recognised", "/certificates_required/1"),
        ("excluded_not_member", "/organisations_excluded/1"),
    ] == [(each.code, each.pointer) for each in found]
    assert "do not recognise IRMAA (recognised: IRMA, ISO14001)" in found[1].text
    assert (True, False) == (names_any(terms), names_any(terms_of(need(), TERMS, inputs())))


@pytest.mark.parametrize(
    ("changes", "keeps_rank"),
    [
        ({"basis_g": 4 * TONNE_G}, True),
        ({"basis_g": 6 * TONNE_G}, False),
        ({"basis_g": 4 * TONNE_G, "minimum_parcel_g": 1}, False),
        ({"limit": StatedPrice(amount_micro=70 * MILLION, currency="USD", per="oxide")}, False),
        ({"limit": StatedPrice(amount_micro=68 * MILLION, currency="USD", per="oxide")}, False),
    ],
)
def test_only_a_pure_reduction_keeps_its_place_in_time(
    changes: dict[str, object], *, keeps_rank: bool
) -> None:
    moved = inputs()
    moved.fx["USD"] = replace(
        moved.fx["USD"], value=replace(moved.fx["USD"].value, ueur_per_unit=910_000), position=77
    )
    state = requirement_state(requirement_order(), inputs=moved)
    (fact,) = facts(requirements.amend(state, amend_need(need(**changes)), moment()))
    assert isinstance(fact, RequirementAmended)
    assert keeps_rank is fact.keeps_rank
    assert fact.terms.limit.fx is not None
    assert (77 if "limit" in changes else 11) == fact.terms.limit.fx.position


def test_what_is_held_stays_covered_and_in_its_horizon() -> None:
    state = requirement_state(requirement_order(held_g=3 * TONNE_G, filled_g=TONNE_G))
    assert [("quantity_below_committed", "/basis_g")] == blotter(
        lambda: requirements.amend(state, amend_need(need(basis_g=3 * TONNE_G)), moment())
    )
    term = need(term=TERM, window=period(day(1, 1, 2027), day(1, 1, 2029)))
    assert [("committed_field_fixed", "/term")] == blotter(
        lambda: requirements.amend(state, amend_need(term), moment())
    )


@pytest.mark.parametrize(
    ("order", "version", "plan_cut", "code"),
    [
        (None, 1, None, "order_unknown"),
        (requirement_order(organisation=STRANGER), 1, None, "order_unknown"),
        (requirement_order(status="expired"), 1, None, "order_closed"),
        (requirement_order(), 2, None, "version_stale"),
        (requirement_order(), 1, 41, "clearing_in_progress"),
    ],
)
def test_who_and_when_come_first(order: object, version: int, plan_cut: int | None, code: str) -> None:
    state = requirement_state(order, plan_cut=plan_cut)  # type: ignore[arg-type]
    withdrawal = Withdraw(caller=BUYER_TRADER, order=REQUIREMENT, expected_version=version)
    assert [(code, None)] == blotter(
        lambda: requirements.amend(state, amend_need(need(limit=euro(-1)), version), moment())
    )
    assert [(code, None)] == blotter(lambda: requirements.withdraw(state, withdrawal, moment()))


def test_an_unchanged_requirement_is_no_amendment() -> None:
    assert [("no_change", None)] == blotter(
        lambda: requirements.amend(requirement_state(requirement_order()), amend_need(need()), moment())
    )


def test_a_suspended_buyer_may_withdraw_but_not_amend() -> None:
    state = requirement_state(requirement_order(), suspended=True)
    assert [("member_suspended", None)] == blotter(
        lambda: requirements.amend(state, amend_need(need(basis_g=TONNE_G)), moment())
    )
    withdrawal = Withdraw(caller=BUYER_TRADER, order=REQUIREMENT, expected_version=1)
    (fact,) = facts(requirements.withdraw(state, withdrawal, moment()))
    assert isinstance(fact, RequirementWithdrawn)


def test_a_requirement_expires_when_its_validity_is_over() -> None:
    state, expiry = requirement_state(requirement_order()), Expire(caller=OPERATOR_CALLER, order=REQUIREMENT)
    (fact,) = facts(requirements.expire(state, expiry, moment(day(6, 1))))
    assert isinstance(fact, RequirementExpired)
    assert [("not_due", None)] == blotter(lambda: requirements.expire(state, expiry, moment()))
    assert [("clearing_in_progress", None)] == blotter(
        lambda: requirements.expire(replace(state, plan_cut=41), expiry, moment(day(6, 1)))
    )


def test_an_empty_window_cannot_even_be_stated() -> None:
    with pytest.raises(ValueError, match="has to end after it starts"):
        Period(start=NOW, end=NOW)


def test_a_limit_that_cannot_be_converted_makes_no_terms() -> None:
    with pytest.raises(ValueError, match="per kg wet cannot be converted to ndpr"):
        terms_of(need(limit=euro(1, "wet")), TERMS, inputs())
