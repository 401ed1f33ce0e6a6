"""Refusals for the clauses of an agreement, all at once; pointers are into the terms."""

from collections.abc import Collection, Iterator
from datetime import date
from typing import Final, assert_never

from contracts.rules import demands, goods
from contracts.rules.price_refusals import EuroOnly, RateMissing, RateNeedless
from contracts.rules.prices import index_of
from contracts.rules.refusals import (
    AmountBelowZero,
    ConditionsWithoutLongStop,
    DatesOutOfOrder,
    ExtensionsUnstated,
    FloorAboveCap,
    FormNotOption,
    LimitsCrossed,
    NominationsOutOfOrder,
    NotOfSpot,
    QuantityZero,
    YearsDiffer,
    YearsMax,
)
from events.contract_terms import (
    NOMINATION_LADDER,
    AgreementKind,
    AgreementTerms,
    FixedVolume,
    ShareOfOutput,
    TermClause,
)
from events.price_clauses import ContractForDifference, CostPlusPrice, FlatPrice, IndexedPrice, MatchedPrice
from events.refusal import Refusal
from events.vocabulary import MicroAmount
from events.wellformed import duplicate_refusals, malformed

CONTRACT_YEARS_MAX: Final = 60


def years_in_all(term: TermClause) -> int:
    """Number of contract years, including all extensions."""
    return term.years + term.extension_years * term.extensions_max


def clause_refusals(
    terms: AgreementTerms, kind: AgreementKind, day: date | None, settled: Collection[str] = ()
) -> list[Refusal]:
    """All reasons why the terms cannot be proposed on `day`, which is None once the agreement is effective.
    `settled` are the codes of conditions that are met or waived, whose due days are not checked."""
    reasons = malformed(terms)
    if reasons:
        return reasons
    return [
        *_product(terms),
        *_term(terms.term, day),
        *_volume(terms),
        *_nominations(terms),
        *_price(terms),
        *_money(terms),
        *_conditions(terms, day, settled),
        *_assay(terms),
        *_kind(terms, kind),
    ]


def _product(terms: AgreementTerms) -> Iterator[Refusal]:
    product = terms.product
    yield from duplicate_refusals("/product/buyer_option_forms", product.buyer_option_forms)
    for place, form in enumerate(product.buyer_option_forms):
        if form == product.form:
            yield FormNotOption(pointer=f"/product/buyer_option_forms/{place}", form=form)
    yield from duplicate_refusals("/product/limits", [limit.analyte for limit in product.limits])
    for place, limit in enumerate(product.limits):
        if limit.min_ppb is not None and limit.max_ppb is not None and limit.min_ppb > limit.max_ppb:
            yield LimitsCrossed(pointer=f"/product/limits/{place}/min_ppb", analyte=limit.analyte)
    yield from duplicate_refusals("/penalties", [rule.analyte for rule in terms.penalties])
    yield from goods.clause_refusals(product.goods)
    yield from demands.clause_refusals(product.demands, product.post_consumer_min_ppb)


def _term(term: TermClause, day: date | None) -> Iterator[Refusal]:
    years = years_in_all(term)
    if years > CONTRACT_YEARS_MAX:
        yield YearsMax(pointer="/term/years", given=years, most=CONTRACT_YEARS_MAX)
    if (term.extension_years == 0) != (term.extensions_max == 0):
        yield ExtensionsUnstated(pointer="/term/extensions_max")
    if day is not None and term.long_stop_on is not None and term.long_stop_on < day:
        yield DatesOutOfOrder(pointer="/term/long_stop_on", later="the long-stop date", earlier="today")


def _volume(terms: AgreementTerms) -> Iterator[Refusal]:
    expected = years_in_all(terms.term)
    match terms.volume:
        case FixedVolume():
            grams, pointer = terms.volume.acq_g, "/volume/acq_g"
        case ShareOfOutput():
            grams, pointer = terms.volume.expected_output_g, "/volume/expected_output_g"
            if terms.volume.share_ppb == 0:
                yield QuantityZero(pointer="/volume/share_ppb")
        case _:
            assert_never(terms.volume)
    if len(grams) != expected:
        yield YearsDiffer(pointer=pointer, expected=expected, given=len(grams))
    if not any(grams):
        yield QuantityZero(pointer=pointer)


def _nominations(terms: AgreementTerms) -> Iterator[Refusal]:
    levels = tuple(rule.level for rule in terms.nominations)
    if levels != tuple(level for level in NOMINATION_LADDER if level in levels):
        yield NominationsOutOfOrder(pointer="/nominations")
    for place, rule in enumerate(terms.nominations[1:], 1):
        if rule.notice_days > terms.nominations[place - 1].notice_days:
            yield DatesOutOfOrder(
                pointer=f"/nominations/{place}/notice_days",
                later=f"the {rule.level} nomination",
                earlier=f"the {terms.nominations[place - 1].level} one",
            )


def _price(terms: AgreementTerms) -> Iterator[Refusal]:
    price = terms.price
    match price:
        case FlatPrice():
            yield from _not_below_zero("price_micro_per_kg", price.price_micro_per_kg)
        case MatchedPrice():
            pass
        case IndexedPrice():
            floor, cap = price.floor_micro_per_kg, price.cap_micro_per_kg
            if floor is not None and cap is not None and floor > cap:
                yield FloorAboveCap(pointer="/price/floor_micro_per_kg")
            yield from _not_below_zero("floor_micro_per_kg", floor)
            yield from _not_below_zero("cap_micro_per_kg", cap)
            yield from _not_below_zero("conversion_micro_per_kg", price.conversion_micro_per_kg)
            if price.sharing is not None:
                yield from _not_below_zero("sharing/above_micro_per_kg", price.sharing.above_micro_per_kg)
        case ContractForDifference():
            yield from _not_below_zero("strike_micro_per_kg", price.strike_micro_per_kg)
        case CostPlusPrice():
            yield from _not_below_zero("cost_micro_per_kg", price.cost_micro_per_kg)
        case _:
            assert_never(price)


def _money(terms: AgreementTerms) -> Iterator[Refusal]:
    """One currency everywhere, or a named exchange rate; amounts from a market's rule set are in EUR."""
    currency, index = terms.payment.currency, index_of(terms.price)
    if index is not None and index.currency != currency and index.fx_code is None:
        yield RateMissing(pointer="/price/index/fx_code", given=index.currency, expected=currency)
    if index is not None and index.currency == currency and index.fx_code is not None:
        yield RateNeedless(pointer="/price/index/fx_code", currency=currency)
    sustainability = isinstance(terms.price, MatchedPrice) or (
        isinstance(terms.price, IndexedPrice) and terms.price.sustainability is not None
    )
    if currency != "EUR" and (terms.penalties or sustainability):
        yield EuroOnly(pointer="/payment/currency")


def _not_below_zero(name: str, amount_micro: MicroAmount | None) -> Iterator[Refusal]:
    if amount_micro is not None and amount_micro < 0:
        yield AmountBelowZero(pointer=f"/price/{name}")


def _conditions(terms: AgreementTerms, day: date | None, settled: Collection[str]) -> Iterator[Refusal]:
    yield from duplicate_refusals("/conditions", [condition.code for condition in terms.conditions])
    long_stop = terms.term.long_stop_on
    if terms.conditions and long_stop is None:
        yield ConditionsWithoutLongStop(pointer="/term/long_stop_on")
    for place, condition in enumerate(terms.conditions):
        if long_stop is not None and condition.due_on > long_stop:
            yield DatesOutOfOrder(
                pointer=f"/conditions/{place}/due_on",
                later="the long-stop date",
                earlier="the day that a condition is due",
            )
        if day is not None and condition.due_on < day and condition.code not in settled:
            yield DatesOutOfOrder(
                pointer=f"/conditions/{place}/due_on", later="the day that it is due", earlier="today"
            )


def _assay(terms: AgreementTerms) -> Iterator[Refusal]:
    yield from duplicate_refusals("/assay/splitting", [limit.analyte for limit in terms.assay.splitting])


def _kind(terms: AgreementTerms, kind: AgreementKind) -> Iterator[Refusal]:
    if kind == "offtake":
        return
    if terms.take_or_pay is not None:
        yield NotOfSpot(pointer="/take_or_pay")
    if terms.nominations:
        yield NotOfSpot(pointer="/nominations")
    if terms.term.extensions_max:
        yield NotOfSpot(pointer="/term/extensions_max")
