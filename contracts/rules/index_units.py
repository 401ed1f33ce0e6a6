"""Compares the units in which a price clause reads its indices with the published ones.

A code without values has no unit yet; its first values fix it for ever.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from difflib import get_close_matches
from typing import Final, NamedTuple, TypeAlias

from msgspec.structs import replace

from contracts.rules.agreement import Agreement
from contracts.rules.indices import IndexUnit
from contracts.rules.price_refusals import ClauseUnitDiffers
from contracts.rules.prices import index_of
from events.contract_terms import AgreementTerms
from events.refusal import Caution, refuse
from events.vocabulary import Code

IndexUnits: TypeAlias = Mapping[Code, IndexUnit]
"""Index → unit, for published indices."""
NEAR_MAX: Final = 3


class ClauseUnit(NamedTuple):
    """The unit in which a clause reads an index; `pointer`: where the terms name it."""

    pointer: str
    code: Code
    agreed: IndexUnit


def clause_units(terms: AgreementTerms) -> list[ClauseUnit]:
    """All indices on which the price may depend, with their units. An exchange rate converts the index's
    currency into the agreement's."""
    reference = index_of(terms.price)
    if reference is None:
        return []
    priced = IndexUnit(currency=reference.currency, per=reference.per)
    rate = IndexUnit(currency=terms.payment.currency, rate_of=reference.currency)
    named = (
        ("code", reference.code, priced),
        ("fallback_code", reference.fallback_code, priced),
        ("fx_code", reference.fx_code, rate),
    )
    return [ClauseUnit(f"/price/index/{member}", code, unit) for member, code, unit in named if code]


def unlike_units(terms: AgreementTerms, units: IndexUnits) -> list[ClauseUnitDiffers]:
    """One refusal per index that is published in another unit than the terms state."""
    return [
        ClauseUnitDiffers(
            pointer=each.pointer, index=each.code, published=units[each.code], agreed=each.agreed
        )
        for each in clause_units(terms)
        if each.code in units and units[each.code] != each.agreed
    ]


def unit_cautions(terms: AgreementTerms, units: IndexUnits) -> Iterator[Caution]:
    """Warnings for terms under which nothing is shipped yet."""
    for each in unlike_units(terms, units):
        named, published, agreed = (each.figures[name] for name in ("index", "published", "agreed"))
        yield Caution(
            code=each.code,
            text=f"{named} is published in {published}, but the price clause reads it in {agreed}: "
            "nothing can be shipped at this price.",
            pointer=each.pointer or "",
        )


def unknown_cautions(
    terms: AgreementTerms, units: IndexUnits, published: Collection[Code]
) -> Iterator[Caution]:
    """Warnings about codes without values. `published`: all codes with values, for suggestions."""
    for each in clause_units(terms):
        if each.code in units:
            continue
        near = near_codes(each.code, published)
        meant = f"Did you mean {near}?" if near else "No other code is near it."
        yield Caution(
            code="index_unknown",
            text=f"Nothing was ever published under {each.code}: until a value is, it can price neither a "
            f"lot nor a contract year. {meant}",
            pointer=each.pointer,
        )


def alike_cautions(code: Code, published: Collection[Code]) -> Iterator[Caution]:
    """Warnings about values published under `code` if similar codes exist: a code in another case is another
    index."""
    for other in sorted(published):
        if other != code and other.casefold() == code.casefold():
            yield Caution(
                code="index_alike",
                text=f"{other} is another index, whose code differs from {code} only in upper and lower "
                "case: a price that names one of them does not use the other.",
                pointer="",
            )


def near_codes(code: Code, published: Collection[Code]) -> str:
    """Similar codes, the most similar first; those that differ only in case before all others."""
    folded: dict[str, list[Code]] = {}
    for each in sorted(published):
        folded.setdefault(each.casefold(), []).append(each)
    near = get_close_matches(code.casefold(), folded, n=NEAR_MAX)
    return " or ".join([each for found in near for each in folded[found] if each != code][:NEAR_MAX])


def codes_of(agreement: Agreement, day: date) -> set[Code]:
    """Indices of the terms of a day, and of later amendments that may correct them."""
    stood = (agreement.terms_on(day), agreement.read_on(day))
    return {each.code for terms in stood for each in clause_units(terms)}


def terms_read(agreement: Agreement, day: date, units: IndexUnits) -> AgreementTerms:
    """The terms of a day; if they read an index in a wrong unit, with the price of the amendment that
    corrects it.

    Otherwise shipments before the amendment could not be priced. An amendment that states its day corrects
    none before it.
    """
    terms, standing = agreement.terms_on(day), agreement.read_on(day)
    if not unlike_units(terms, units):
        return terms
    mended = isinstance(standing.price, type(terms.price)) and not unlike_units(standing, units)
    return replace(terms, price=standing.price) if mended else terms


def priced_terms(agreement: Agreement, day: date, units: IndexUnits) -> AgreementTerms:
    """As `terms_read`. Raises Refusals when they still read an index in a wrong unit."""
    terms = terms_read(agreement, day, units)
    refuse(unlike_units(terms, units))
    return terms
