"""What is told of an agreement and its facility: a sentence that is true of what was counted."""

from datetime import date
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from contracts.rules.cautions import reference_cautions
from events.capacity_terms import CapacityCount, CountedQuarter
from events.contract_terms import AssayClause, ProductClause, SourceClause, SplittingLimit
from events.market_terms import AnalyteLimit, PenaltyRule
from events.price_clauses import (
    ContractForDifference,
    CostPlusPrice,
    FlatPrice,
    FormPrice,
    IndexedPrice,
    IndexReference,
)
from events.vocabulary import MICRO, PPB
from market.http.agreements.agreement_warnings import (
    CODE,
    NO_FACILITY,
    NO_QUARTERS,
    of_draft,
    of_proposal,
    of_signature,
)
from tests.contract_support import TONNE_G, agreement_terms
from tests.desk_support import SELLER_SITE

TODAY = date(2026, 6, 1)
NAMED = SourceClause(facility=SELLER_SITE, basis_ppb=PPB)
INDEXED = IndexedPrice(
    index=IndexReference(code="ndpr-oxide", currency="EUR", per="oxide", quotation_period="month_of_shipment")
)
EXCHANGED = AssayClause(
    splitting=tuple(SplittingLimit(analyte=each, limit_ppb=5_000_000) for each in ("Nd", "Pr", "Fe")),
    umpire="Alfred H. Knight",
)
OF_ELEMENT = agreement_terms(
    source=NAMED,
    assay=EXCHANGED,
    price=replace(INDEXED, form_factor_ppb=1_175_500_000),
    product=ProductClause(basis="ndpr", form="separated_oxide"),
)
FULL = CountedQuarter(
    year=2026, quarter=3, capacity_g=10 * TONNE_G, committed_g=8 * TONNE_G, asked_g=3 * TONNE_G
)


def test_a_draft_that_names_no_facility_is_told_so() -> None:
    assert [(NO_FACILITY, "/terms/source")] == [
        (each.detail, each.pointer) for each in of_draft(replace(OF_ELEMENT, source=UNSET), TODAY)
    ]
    assert () == of_draft(OF_ELEMENT, TODAY)


@pytest.mark.parametrize(
    ("source", "quarters", "expected"),
    [
        (UNSET, (), [("capacity_not_counted", NO_FACILITY)]),
        (
            NAMED,
            (),
            [
                (
                    "capacity_not_counted",
                    NO_QUARTERS.format(form="separated_oxide"),
                )
            ],
        ),
        (
            NAMED,
            (FULL,),
            [
                (
                    "capacity_overcommitted",
                    "In 2026-Q3 the facility makes 10 t of separated_oxide: 8 t are committed, 3 t agreed.",
                )
            ],
        ),
        (NAMED, (CountedQuarter(year=2026, quarter=3, capacity_g=1, committed_g=0, asked_g=1),), []),
    ],
)
def test_a_signature_is_told_what_was_counted(
    source: SourceClause, quarters: tuple[CountedQuarter, ...], expected: list[tuple[str, str]]
) -> None:
    count = CapacityCount(rule="flag", position=1, quarters=quarters)
    told = of_signature(replace(OF_ELEMENT, source=source), count, TODAY)
    assert expected == [(each.code, each.detail) for each in told]


def test_an_index_per_oxide_with_the_factor_one_is_pointed_at() -> None:
    """64.80 per kg of oxide are 76.17 per kg of Nd and Pr; with the factor one they would be 64.80."""
    by_form = (FormPrice(form="metal", form_factor_ppb=PPB), FormPrice(form="swarf", form_factor_ppb=1))
    terms = replace(OF_ELEMENT, price=replace(INDEXED, by_form=by_form))
    told = of_proposal(terms, TODAY)
    pointers = ["/terms/price/form_factor", "/terms/price/by_form/0/form_factor"]
    assert pointers == [each.pointer for each in told]
    assert "per kg oxide, the agreement counts kg of Nd and Pr as element" in told[0].detail
    assert told[0].detail.endswith("(Nd 1.1663, Pr 1.2082).")
    assert told == of_draft(terms, TODAY)
    assert ["/proposal", "/proposal"] == [each.pointer for each in of_signature(terms, UNSET, TODAY)]


def test_a_form_of_the_buyers_choice_that_the_price_has_no_factor_of_is_pointed_at() -> None:
    product = replace(OF_ELEMENT.product, buyer_option_forms=("metal", "swarf"))
    by_form = (FormPrice(form="metal", form_factor_ppb=1_190_000_000),)
    priced = replace(INDEXED, form_factor_ppb=1_175_500_000, by_form=by_form)
    told = of_proposal(replace(OF_ELEMENT, product=product, price=priced), TODAY)
    assert [("form_without_factor", "/terms/product/buyer_option_forms/1")] == [
        (each.code, each.pointer) for each in told
    ]
    assert "conversion for swarf: a delivery in it is priced with those of separated_oxide." in told[0].detail
    strike = ContractForDifference(
        index=INDEXED.index, strike_micro_per_kg=1, upside_ppb=0, form_factor_ppb=1_175_500_000
    )
    assert 2 == len(of_proposal(replace(OF_ELEMENT, product=product, price=strike), TODAY))
    per_element = replace(INDEXED, index=replace(INDEXED.index, per="element"))
    assert () == of_proposal(replace(OF_ELEMENT, product=product, price=per_element), TODAY)


@pytest.mark.parametrize(
    ("basis", "per", "factor_ppb", "warned"),
    [
        ("ndpr", "oxide", 1_175_500_000, False),
        ("ndpr", "element", PPB, False),
        ("ndpr", "wet", PPB, True),
        ("ndfeb-reuse", "wet", PPB, False),
        ("ndfeb-reuse", "oxide", PPB, True),
    ],
)
def test_a_factor_that_may_be_meant_is_not(basis: Any, per: Any, factor_ppb: int, warned: bool) -> None:
    strike = ContractForDifference(
        index=replace(INDEXED.index, per=per),
        strike_micro_per_kg=1,
        upside_ppb=0,
        form_factor_ppb=factor_ppb,
    )
    product = ProductClause(basis=basis, form="separated_oxide")
    assert warned == bool(of_proposal(replace(OF_ELEMENT, price=strike, product=product), TODAY))
    flat = FlatPrice(price_micro_per_kg=1)
    assert () == of_proposal(replace(OF_ELEMENT, price=flat, product=product), TODAY)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"due_days": 60}, None),
        ({"due_days": 61}, ("payment_term_long", "/terms/payment/due_days", "after 61 days")),
        ({"limit_ppb": 200_000}, None),
        (
            {"limit_ppb": 5_000},
            ("splitting_limit_narrow", "/terms/assay/splitting/0/limit", "of Nd is 5 ppm"),
        ),
        ({"limit_ppb": 50_000_000}, None),
        (
            {"limit_ppb": 500_000_000},
            ("splitting_limit_wide", "/terms/assay/splitting/0/limit", "of Nd is 50 %"),
        ),
        ({"price": FlatPrice(price_micro_per_kg=1)}, None),
        (
            {"price": FlatPrice(price_micro_per_kg=0)},
            ("price_zero", "/terms/price/price_per_kg", "A flat price of 0"),
        ),
        ({"price": FlatPrice(price_micro_per_kg=100_000 * MICRO)}, None),
        (
            {"price": FlatPrice(price_micro_per_kg=100_000 * MICRO + 1)},
            ("price_above_orders", "/terms/price/price_per_kg", "is 100000.000001 EUR per kg; no order may"),
        ),
    ],
)
def test_terms_that_are_possible_and_seldom_meant_are_told_with_their_figures(
    changes: dict[str, Any], expected: tuple[str, str, str] | None
) -> None:
    first, *rest = EXCHANGED.splitting
    first = replace(first, limit_ppb=changes.get("limit_ppb", first.limit_ppb))
    terms = replace(
        OF_ELEMENT,
        price=changes.get("price", OF_ELEMENT.price),
        assay=replace(EXCHANGED, splitting=(first, *rest)),
        payment=replace(OF_ELEMENT.payment, due_days=changes.get("due_days", 30)),
    )
    told = of_proposal(terms, TODAY)
    if expected is None:
        assert () == told
        return
    code, pointer, figure = expected
    assert [(code, pointer)] == [(each.code, each.pointer) for each in told]
    assert figure in told[0].detail


def test_traces_and_ores_are_split_closer_than_what_is_paid_for() -> None:
    close = tuple(replace(each, limit_ppb=5_000) for each in EXCHANGED.splitting)
    terms = replace(OF_ELEMENT, assay=replace(EXCHANGED, splitting=close[2:]))
    assert {"basis_not_exchanged"} == {each.code for each in of_proposal(terms, TODAY)}
    ore = ProductClause(basis="ndpr", form="ore")
    terms = replace(OF_ELEMENT, assay=replace(EXCHANGED, splitting=close), product=ore)
    assert () == of_proposal(terms, TODAY)


@pytest.mark.parametrize(
    ("eur_per_kg", "currency", "told"),
    [(80_000, "EUR", True), (16, "EUR", False), (15, "EUR", True), (400, "EUR", False), (15, "USD", False)],
)
def test_a_flat_price_far_from_the_reference_price_is_told_with_both(
    eur_per_kg: int, currency: str, told: bool
) -> None:
    terms = replace(
        OF_ELEMENT,
        price=FlatPrice(price_micro_per_kg=eur_per_kg * 1_000_000),
        payment=replace(OF_ELEMENT.payment, currency=currency),
    )
    found = list(reference_cautions(terms, "ndpr-oxide as of 2026-10-31", 80_000_000))
    assert told == bool(found)
    if found:
        text = f"is {eur_per_kg} EUR per kg; ndpr-oxide as of 2026-10-31 comes to 80 per kg of basis."
        assert text in found[0].text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"floor_micro_per_kg": 700 * MICRO}, ["floor"]),
        ({"floor_micro_per_kg": 5 * MICRO}, []),
        ({"cap_micro_per_kg": 7 * MICRO}, ["cap"]),
        ({"cap_micro_per_kg": 700 * MICRO}, []),
        ({"differential_micro_per_kg": -700 * MICRO}, ["differential"]),
        ({"differential_micro_per_kg": 1}, []),
        ({"conversion_micro_per_kg": 500 * MICRO}, ["conversion"]),
    ],
)
def test_what_stands_beside_an_index_is_held_against_the_reference(
    changes: dict[str, int], told: list[str]
) -> None:
    price = replace(INDEXED, **changes)
    terms = replace(OF_ELEMENT, price=price, payment=replace(OF_ELEMENT.payment, currency="EUR"))
    found = list(reference_cautions(terms, "ndpr-oxide", 75 * MICRO))
    assert [f"/price/{each}_micro_per_kg" for each in told] == [each.pointer for each in found]


@pytest.mark.parametrize(("micro_per_kg", "strike", "cost"), [(7_000, 1, 1), (74, 0, 0), (7, 1, 0)])
def test_a_strike_and_a_cost_are_held_against_the_reference(
    micro_per_kg: int, strike: int, cost: int
) -> None:
    index, micro = INDEXED.index, micro_per_kg * MICRO
    payment = replace(OF_ELEMENT.payment, currency="EUR")
    for price, count in (
        (ContractForDifference(index=index, strike_micro_per_kg=micro, upside_ppb=0), strike),
        (CostPlusPrice(index=index, cost_micro_per_kg=micro, margin_ppb=0), cost),
    ):
        terms = replace(OF_ELEMENT, price=price, payment=payment)
        assert count == len(list(reference_cautions(terms, "ndpr-oxide", 75 * MICRO)))


def test_what_assays_do_not_exchange_is_the_sellers_word_and_told() -> None:
    """Paid, penalised or limited by a figure that no assay of the buyer's can move."""
    penalties = tuple(
        PenaltyRule(analyte=each, threshold_ppb=100_000, step_ppb=1, ueur_per_kg_per_step=1)
        for each in ("Fe", "C")
    )
    product = replace(OF_ELEMENT.product, limits=(AnalyteLimit(analyte="Th", max_ppb=1),))
    assay = replace(EXCHANGED, splitting=EXCHANGED.splitting[::2])
    told = of_draft(replace(OF_ELEMENT, assay=assay, penalties=penalties, product=product), TODAY)
    assert [
        ("basis_not_exchanged", "/terms/assay/splitting"),
        ("penalty_not_exchanged", "/terms/penalties/1"),
        ("limit_not_exchanged", "/terms/product/limits/0"),
    ] == [(each.code, each.pointer) for each in told]
    assert "Assays do not exchange C, so its penalty uses the seller's own figure." in told[1].detail


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"index": {"fallback_code": "ndpr-oxide"}}, ("fallback_same", "/terms/price/index/fallback_code")),
        (
            {"index": {"currency": "USD", "fx_code": "usd-gbp"}},
            ("rate_of_other_currency", "/terms/price/index/fx_code"),
        ),
        ({"payable_ppb": 0}, ("factor_zero", "/terms/price/payable_percent")),
        ({"form_factor_ppb": 0}, ("factor_zero", "/terms/price/form_factor")),
        ({"form_factor_ppb": 100 * PPB}, ("form_factor_large", "/terms/price/form_factor")),
    ],
)
def test_an_index_that_pays_nothing_or_in_another_currency_is_told(
    changes: dict[str, Any], expected: tuple[str, str]
) -> None:
    changes = {"form_factor_ppb": 1_175_500_000} | changes
    price = replace(INDEXED, **changes | {"index": replace(INDEXED.index, **changes.get("index", {}))})
    told = of_proposal(replace(OF_ELEMENT, price=price), TODAY)
    assert [expected] == [(each.code, each.pointer) for each in told]


@pytest.mark.parametrize("fx_code", ["usd-eur", "ecb-reference", "usd"])
def test_a_rate_whose_code_says_no_other_currency_is_not_told_of(fx_code: str) -> None:
    index = replace(INDEXED.index, currency="USD", fx_code=fx_code)
    price = replace(INDEXED, index=index, form_factor_ppb=1_175_500_000)
    assert () == of_proposal(replace(OF_ELEMENT, price=price), TODAY)


def test_terms_that_nobody_can_meet_are_told_to_who_drafts_and_who_signs() -> None:
    terms = replace(OF_ELEMENT, shortfall_notice_days=365)
    told = of_draft(terms, TODAY)
    assert [("notice_longer_than_term", "/terms/shortfall_notice_days")] == [
        (each.code, each.pointer) for each in told
    ]
    assert told == of_proposal(terms, TODAY)
    assert [("notice_longer_than_term", "/proposal")] == [
        (each.code, each.pointer) for each in of_signature(terms, UNSET, TODAY) if each.code != CODE
    ]
