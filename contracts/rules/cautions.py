"""Warnings about clauses that are valid but rarely intended; pointers are into the terms."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, assert_never

from contracts.rules.price_terms import REFERENCE_FIVEFOLD, far_apart, round_half_even
from contracts.rules.prices import index_of
from events.contract_terms import AgreementTerms
from events.fractions import decimal_text, ppb_text
from events.price_clauses import (
    ContractForDifference,
    CostPlusPrice,
    FlatPrice,
    IndexedPrice,
    MatchedPrice,
    PriceClause,
)
from events.refusal import Caution
from events.vocabulary import (
    BASIS_ELEMENTS,
    MICRO,
    OXIDES,
    PPB,
    PRICE_UEUR_PER_KG_MAX,
    TRADED_OXIDE,
    Denominator,
    ProductForm,
    Side,
)

ONE_OF_A_PAIR: Final = 3
"""Letters of one currency in the code of a rate such as usd-eur."""
SPLITTING_MOST_PPB: Final = 50_000_000
SPLITTING_LEAST_PPB: Final = 200_000
"""For a paid element in a form with per cents of it: laboratories do not agree more closely than this."""
PERCENTS_OF_BASIS: Final[frozenset[ProductForm]] = frozenset(
    {"mixed_oxide", "separated_oxide", "metal", "strip_cast_alloy"}
)
FACTOR_MOST_PPB: Final = 2 * PPB
DUE_DAYS_MOST: Final = 60
"""Directive 2011/7/EU, Article 3 (5), between undertakings."""
EURO: Final = "EUR"


def clause_cautions(terms: AgreementTerms) -> Iterator[Caution]:
    yield from _not_exchanged(terms)
    yield from _limits(terms)
    yield from _factors(terms)
    yield from _option_forms(terms)
    yield from _index(terms)
    yield from _splitting(terms)
    yield from _payment(terms)
    yield from _above_orders(terms)
    packaging = terms.delivery.packaging
    if packaging.unit != "bulk" and packaging.package_wet_g > terms.delivery.lot_wet_g:
        yield Caution(
            code="lot_below_package",
            text=f"A lot of {decimal_text(terms.delivery.lot_wet_g, 1_000)} kg wet does not fill one package "
            f"of {decimal_text(packaging.package_wet_g, 1_000)} kg.",
            pointer="/delivery/lot_wet_g",
        )


def _not_exchanged(terms: AgreementTerms) -> Iterator[Caution]:
    """Analytes for which only the seller states a figure, so that no measurement of the buyer can change
    it."""
    exchanged = {each.analyte for each in terms.assay.splitting}
    bids = terms.price.co_products if isinstance(terms.price, MatchedPrice) else ()
    basis = BASIS_ELEMENTS[terms.product.basis]
    asked = [("basis", "payment", each, "/assay/splitting") for each in basis]
    for what, clause, folder, named in (
        ("co_product", "payment", "/price/co_products", [each.analyte for each in bids]),
        ("penalty", "penalty", "/penalties", [each.analyte for each in terms.penalties]),
        ("limit", "limit", "/product/limits", [each.analyte for each in terms.product.limits]),
    ):
        asked += [(what, clause, analyte, f"{folder}/{place}") for place, analyte in enumerate(named)]
    for what, clause, analyte, pointer in asked:
        if analyte not in exchanged:
            yield Caution(
                code=f"{what}_not_exchanged",
                text=f"Assays do not exchange {analyte}, so its {clause} uses the seller's own figure. Name "
                "it in assay.splitting.",
                pointer=pointer,
            )


def _limits(terms: AgreementTerms) -> Iterator[Caution]:
    for place, limit in enumerate(terms.product.limits):
        if limit.min_ppb is None and limit.max_ppb is None:
            yield Caution(
                code="limit_empty",
                text=f"The limit of {limit.analyte} has neither minimum nor maximum, so it has no effect.",
                pointer=f"/product/limits/{place}",
            )


def _factors(terms: AgreementTerms) -> Iterator[Caution]:
    price, elements = terms.price, BASIS_ELEMENTS[terms.product.basis]
    if not isinstance(price, IndexedPrice | ContractForDifference | CostPlusPrice):
        return
    fits = price.index.per in (("element",) if elements else ("wet", "dry"))
    for pointer, factor_ppb in _form_factors(price).items():
        if factor_ppb == 0:
            yield _factor_zero("A form factor", pointer)
        elif factor_ppb > FACTOR_MOST_PPB and price.index.per in ("oxide", "element"):
            yield Caution(
                code="form_factor_large",
                text=f"A form factor of {decimal_text(factor_ppb, PPB)} pays each kg of basis as so many kg "
                f"{price.index.per}; no oxide weighs twice its metal.",
                pointer=pointer,
            )
        elif factor_ppb == PPB and not fits:
            yield Caution(
                code="form_factor_one", text=_unlike_units(price.index.per, elements), pointer=pointer
            )
    if isinstance(price, IndexedPrice) and price.payable_ppb == 0:
        yield _factor_zero("A payable share", "/price/payable_ppb")


def _option_forms(terms: AgreementTerms) -> Iterator[Caution]:
    for place, form in enumerate(terms.product.buyer_option_forms):
        if without_factor(terms.price, form):
            yield Caution(
                code="form_without_factor",
                text=no_factor(form, terms.product.form),
                pointer=f"/product/buyer_option_forms/{place}",
            )


def without_factor(price: PriceClause, form: ProductForm) -> bool:
    """Whether a form other than the agreed one is priced with the agreed form's factor or conversion."""
    match price:
        case IndexedPrice():
            stated = any(each.form == form for each in price.by_form)
            return not stated and (price.form_factor_ppb != PPB or price.conversion_micro_per_kg != 0)
        case ContractForDifference() | CostPlusPrice():
            return price.form_factor_ppb != PPB
        case FlatPrice() | MatchedPrice():
            return False
        case _:
            assert_never(price)


def no_factor(form: ProductForm, agreed: ProductForm) -> str:
    return (
        f"The price has neither form factor nor conversion for {form}: a delivery in it is priced with "
        f"those of {agreed}."
    )


def _factor_zero(what: str, pointer: str) -> Caution:
    return Caution(code="factor_zero", text=f"{what} of 0 pays nothing of the index.", pointer=pointer)


def _form_factors(price: IndexedPrice | ContractForDifference | CostPlusPrice) -> Mapping[str, int]:
    factors = {"/price/form_factor_ppb": price.form_factor_ppb}
    if isinstance(price, IndexedPrice):
        for place, each in enumerate(price.by_form):
            factors[f"/price/by_form/{place}/form_factor_ppb"] = each.form_factor_ppb
    return factors


def _unlike_units(per: Denominator, elements: Sequence[str]) -> str:
    basis = f"kg of {' and '.join(elements)} as element" if elements else "kg of whole magnets"
    oxides = {element: OXIDES[TRADED_OXIDE[element]][1] for element in elements if per == "oxide"}
    shown = ", ".join(
        f"{element} {decimal_text(round_half_even(10_000 * PPB, metal_ppb), 10_000)}"
        for element, metal_ppb in oxides.items()
    )
    return (
        f"The index is per kg {per}, the agreement counts {basis}, and the form factor is 1: state how many "
        f"kg of the index's unit carry one kg of the basis{f' ({shown})' if shown else ''}."
    )


def _splitting(terms: AgreementTerms) -> Iterator[Caution]:
    paid = BASIS_ELEMENTS[terms.product.basis] if terms.product.form in PERCENTS_OF_BASIS else ()
    for place, limit in enumerate(terms.assay.splitting):
        pointer = f"/assay/splitting/{place}/limit_ppb"
        told = f"The splitting limit of {limit.analyte} is {ppb_text(limit.limit_ppb)}"
        if limit.limit_ppb > SPLITTING_MOST_PPB:
            yield Caution(
                code="splitting_limit_wide",
                text=f"{told}: assays that far apart are averaged, and hardly any go to the umpire.",
                pointer=pointer,
            )
        elif limit.analyte in paid and limit.limit_ppb < SPLITTING_LEAST_PPB:
            yield Caution(
                code="splitting_limit_narrow",
                text=f"{told}: two laboratories seldom agree within {ppb_text(SPLITTING_LEAST_PPB)} of an "
                "element that is paid for, so nearly all go to the umpire.",
                pointer=pointer,
            )


def _payment(terms: AgreementTerms) -> Iterator[Caution]:
    if isinstance(terms.price, FlatPrice) and terms.price.price_micro_per_kg == 0:
        yield Caution(
            code="price_zero",
            text="A flat price of 0 pays nothing of what is delivered.",
            pointer="/price/price_micro_per_kg",
        )
    if terms.payment.due_days > DUE_DAYS_MOST:
        yield Caution(
            code="payment_term_long",
            text=f"Invoices are due after {terms.payment.due_days} days. Between undertakings more than "
            f"{DUE_DAYS_MOST} have to be agreed expressly and not be grossly unfair to the seller (Directive "
            "2011/7/EU, Article 3 (5)).",
            pointer="/payment/due_days",
        )


def _above_orders(terms: AgreementTerms) -> Iterator[Caution]:
    """Amounts that are too large in any case, even without a reference price. Only in euro: in some
    currencies such an amount is small."""
    if terms.payment.currency != EURO:
        return
    for each in _stated(terms.price):
        if each.micro_per_kg > PRICE_UEUR_PER_KG_MAX:
            yield Caution(
                code="price_above_orders",
                text=f"The {each.what} is {decimal_text(each.micro_per_kg, MICRO)} EUR per kg; no order may "
                f"ask or bid more than {decimal_text(PRICE_UEUR_PER_KG_MAX, MICRO)}, and no rare earth "
                "that is sold by the kilogram costs it. Is it per kg?",
                pointer=f"/price{each.pointer}",
            )


class _Stated(NamedTuple):
    """An amount of a price; it may be warned about when it is far `above`, or `below`, the reference."""

    what: str
    micro_per_kg: int
    pointer: str
    above: bool = True
    below: bool = False


def reference_cautions(terms: AgreementTerms, reference: str, micro_per_kg: int) -> Iterator[Caution]:
    """`micro_per_kg`: the newest reference price of the basis, in millionths of a euro; `reference`: its
    name."""
    if terms.payment.currency != EURO:
        return
    for each in _stated(terms.price):
        if not far_apart(each.micro_per_kg, micro_per_kg, REFERENCE_FIVEFOLD):
            continue
        if each.above if each.micro_per_kg > micro_per_kg else each.below:
            yield Caution(
                code="price_far_from_reference",
                text=f"The {each.what} is {decimal_text(each.micro_per_kg, MICRO)} EUR per kg; {reference} "
                f"comes to {decimal_text(micro_per_kg, MICRO)} per kg of basis. Is it per kg?",
                pointer=f"/price{each.pointer}",
            )


def _stated(price: PriceClause) -> Iterator[_Stated]:
    match price:
        case FlatPrice():
            yield _Stated("flat price", price.price_micro_per_kg, "/price_micro_per_kg", below=True)
        case IndexedPrice():
            yield from _stated_beside_index(price)
        case ContractForDifference():
            yield _Stated("strike", price.strike_micro_per_kg, "/strike_micro_per_kg", below=True)
        case CostPlusPrice():
            yield _Stated("cost", price.cost_micro_per_kg, "/cost_micro_per_kg")
        case MatchedPrice():
            return
        case _:
            assert_never(price)


def _stated_beside_index(price: IndexedPrice) -> Iterator[_Stated]:
    """Amounts stated next to an index: a low floor and a high cap have no effect; what is added may be small
    or negative."""
    if price.floor_micro_per_kg is not None:
        yield _Stated("floor", price.floor_micro_per_kg, "/floor_micro_per_kg")
    if price.cap_micro_per_kg is not None:
        yield _Stated("cap", price.cap_micro_per_kg, "/cap_micro_per_kg", above=False, below=True)
    added = abs(price.differential_micro_per_kg)
    yield _Stated("differential, its sign aside,", added, "/differential_micro_per_kg")
    yield _Stated("conversion", abs(price.conversion_micro_per_kg), "/conversion_micro_per_kg")
    for place, each in enumerate(price.by_form):
        pointer = f"/by_form/{place}/conversion_micro_per_kg"
        yield _Stated(f"conversion of {each.form}", abs(each.conversion_micro_per_kg), pointer)


def umpire_is_party(side: Side, name: str) -> Caution:
    return Caution(
        code="umpire_is_party",
        text=f"The umpire is the {side} itself ({name}): its own assay would decide.",
        pointer="/assay/umpire",
    )


def _index(terms: AgreementTerms) -> Iterator[Caution]:
    index, currency = index_of(terms.price), terms.payment.currency
    if index is None:
        return
    if index.fallback_code == index.code:
        yield Caution(
            code="fallback_same",
            text=f"{index.code} is named as its own fallback: a gap in it has none.",
            pointer="/price/index/fallback_code",
        )
    pair = [] if index.fx_code is None else index.fx_code.upper().split("-")
    named = len(pair) == 2 and all(len(each) == ONE_OF_A_PAIR and each.isalpha() for each in pair)
    if named and pair != [index.currency, currency]:
        yield Caution(
            code="rate_of_other_currency",
            text=f"The rate's code reads as {pair[0]} into {pair[1]}; the index is in {index.currency}, the "
            f"agreement in {currency}.",
            pointer="/price/index/fx_code",
        )
