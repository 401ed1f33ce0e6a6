"""Terms that nobody can meet: what each caution says, and where the last that can be met lies."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from contracts.rules.unmeetable import unmeetable_cautions
from events.contract_terms import (
    AgreementTerms,
    AssayClause,
    NominationRule,
    ProductClause,
    SplittingLimit,
    TermClause,
)
from events.market_terms import AnalyteLimit
from events.vocabulary import Period, ProductForm
from tests.contract_support import agreement_terms
from tests.desk_support import PERCENT_PPB

TODAY = date(2026, 6, 1)


def codes(terms: AgreementTerms, day: date = TODAY) -> list[tuple[str, str]]:
    return [(each.code, each.pointer) for each in unmeetable_cautions(terms, day)]


def of_product(form: ProductForm, least: dict[str, int], **changes: Any) -> AgreementTerms:
    """`least`: of an analyte, in ppb of the dry sample."""
    limits = tuple(AnalyteLimit(analyte=each, min_ppb=ppb) for each, ppb in least.items())
    return agreement_terms(product=ProductClause(basis="ndpr", form=form, limits=limits, **changes))


def test_ordinary_terms_can_be_met() -> None:
    assert [] == codes(agreement_terms())


ABOVE = [("limit_above_oxide", "/product/limits/0/min_ppb"), ("limits_over_whole", "/product/limits")]
OVER = [("limits_over_whole", "/product/limits")]


@pytest.mark.parametrize(
    ("form", "least", "expected"),
    [
        ("separated_oxide", {"Nd": 85 * PERCENT_PPB}, []),
        ("separated_oxide", {"Nd": 86 * PERCENT_PPB}, ABOVE),
        ("mixed_carbonate", {"Nd": 86 * PERCENT_PPB}, ABOVE),
        ("metal", {"Nd": 86 * PERCENT_PPB}, []),
        ("mixed_oxide", {"Nd": 60 * PERCENT_PPB, "Pr": 20 * PERCENT_PPB}, []),
        ("mixed_oxide", {"Nd": 60 * PERCENT_PPB, "Pr": 30 * PERCENT_PPB}, OVER),
        ("metal", {"Nd": 60 * PERCENT_PPB, "Pr": 30 * PERCENT_PPB}, []),
        ("metal", {"Nd": 75 * PERCENT_PPB, "Pr": 26 * PERCENT_PPB}, OVER),
        ("separated_oxide", {"Fe": 99 * PERCENT_PPB, "Nd": PERCENT_PPB}, []),
    ],
)
def test_floors_above_what_an_oxide_can_hold_are_told(
    form: ProductForm, least: dict[str, int], expected: list[tuple[str, str]]
) -> None:
    assert expected == codes(of_product(form, least))


def test_limits_that_state_the_most_alone_ask_for_nothing() -> None:
    most = (AnalyteLimit(analyte="Nd", max_ppb=99 * PERCENT_PPB),)
    product = ProductClause(basis="ndpr", form="separated_oxide", limits=most)
    assert [] == codes(agreement_terms(product=product))


def test_what_was_meant_as_oxide_is_asked() -> None:
    found = list(unmeetable_cautions(of_product("separated_oxide", {"Nd": 995 * PERCENT_PPB // 10}), TODAY))
    assert (
        "At least 99.5 % of Nd as element is asked for; its pure oxide holds 85.74 %. "
        "Was the share of oxide meant?"
    ) == found[0].text


def test_splitting_limits_that_no_two_assays_reach_are_told() -> None:
    def split(form: ProductForm, percent: int, *options: ProductForm) -> list[tuple[str, str]]:
        limits = (
            SplittingLimit(analyte="Nd", limit_ppb=PERCENT_PPB),
            SplittingLimit(analyte="Dy", limit_ppb=percent * PERCENT_PPB),
        )
        product = ProductClause(basis="ndpr", form=form, buyer_option_forms=options)
        return codes(
            agreement_terms(product=product, assay=AssayClause(splitting=limits, umpire="Alfred H. Knight"))
        )

    assert [("splitting_limit_above_oxide", "/assay/splitting/1/limit_ppb")] == split("separated_oxide", 90)
    assert [] == split("separated_oxide", 87)
    assert [] == split("metal", 90)
    assert [] == split("separated_oxide", 90, "metal")


def at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def leaving(first: date, end: date, starts_on: date | None = None) -> AgreementTerms:
    delivery = replace(agreement_terms().delivery, delivery=Period(start=at(first), end=at(end)))
    return agreement_terms(delivery=delivery, term=TermClause(years=1, starts_on=starts_on))


@pytest.mark.parametrize(
    ("first", "end", "starts_on", "expected"),
    [
        (date(2026, 4, 1), date(2026, 6, 1), None, ["delivery_window_past"]),
        (date(2026, 4, 1), date(2026, 6, 2), None, []),
        (date(2026, 7, 1), date(2026, 9, 1), date(2026, 9, 1), ["delivery_before_term"]),
        (date(2026, 7, 1), date(2026, 9, 2), date(2026, 9, 1), []),
        (date(2026, 4, 1), date(2026, 5, 1), date(2026, 9, 1), ["delivery_window_past"]),
    ],
)
def test_windows_in_which_nothing_can_leave_are_told(
    first: date, end: date, starts_on: date | None, expected: list[str]
) -> None:
    assert [(code, "/delivery/delivery") for code in expected] == codes(leaving(first, end, starts_on))


def test_notice_that_is_longer_than_what_it_is_of_is_told() -> None:
    def noticed(term: TermClause, days: int, **changes: Any) -> list[str]:
        rules = (NominationRule(level="annual", notice_days=days, band_ppb=0),)
        found = codes(agreement_terms(term=term, nominations=rules, **changes))
        assert {"notice_longer_than_term"} >= {code for code, _ in found}
        return [pointer for _, pointer in found]

    year = TermClause(years=1, starts_on=date(2027, 1, 1))
    assert [] == noticed(year, 365)
    assert ["/nominations/0/notice_days"] == noticed(year, 366)
    assert [] == noticed(TermClause(years=1), 366)
    assert ["/nominations/0/notice_days"] == noticed(TermClause(years=1), 367)
    more = replace(year, extension_years=1, extensions_max=1, extension_notice_days=365)
    assert [] == noticed(more, 366)
    assert ["/term/extension_notice_days"] == noticed(replace(more, extension_notice_days=366), 366)
    assert [] == noticed(replace(year, extension_notice_days=366), 1)
    assert [] == noticed(year, 1, shortfall_notice_days=364)
    assert ["/shortfall_notice_days"] == noticed(year, 1, shortfall_notice_days=365)
