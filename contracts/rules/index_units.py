"""What a price clause says its indices are counted in, held against what is published under their codes.

A code that nothing was published under yet has no unit; its first values give it one that never changes.
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
"""Index → its unit, of those that were published."""
NEAR_MAX: Final = 3


class ClauseUnit(NamedTuple):
    """`pointer`: where the terms name the index."""

    pointer: str
    code: Code
    agreed: IndexUnit


def clause_units(terms: AgreementTerms) -> list[ClauseUnit]:
    """Every index that the price may rest on. A rate turns the index's currency into the agreement's."""
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
    """One for each index that is published in another unit than the terms read it in."""
    return [
        ClauseUnitDiffers(
            pointer=each.pointer, index=each.code, published=units[each.code], agreed=each.agreed
        )
        for each in clause_units(terms)
        if each.code in units and units[each.code] != each.agreed
    ]


def unit_cautions(terms: AgreementTerms, units: IndexUnits) -> Iterator[Caution]:
    """Of terms that nothing is shipped under yet."""
    for each in unlike_units(terms, units):
        named, published, agreed = (each.figures[name] for name in ("index", "published", "agreed"))
        yield Caution(
            code=each.code,
            text=f"{named} is published in {published}, the price reads it in {agreed}: nothing can be "
            "shipped at this price.",
            pointer=each.pointer or "",
        )


def unknown_cautions(
    terms: AgreementTerms, units: IndexUnits, published: Collection[Code]
) -> Iterator[Caution]:
    """`published`: all codes that values stand under, for those that one of the terms may have meant."""
    for each in clause_units(terms):
        if each.code in units:
            continue
        near = near_codes(each.code, published)
        meant = f"Did you mean {near}?" if near else "No other code is near it."
        yield Caution(
            code="index_unknown",
            text=f"Nothing was ever published under {each.code}: until then it can price neither a lot nor "
            f"a contract year. {meant}",
            pointer=each.pointer,
        )


def alike_cautions(code: Code, published: Collection[Code]) -> Iterator[Caution]:
    """Of values that were published under `code`: a code of another case is another index."""
    for other in sorted(published):
        if other != code and other.casefold() == code.casefold():
            yield Caution(
                code="index_alike",
                text=f"{other} is another index, whose code differs from {code} only in upper and lower "
                "case: a price that names one of them does not use the other.",
                pointer="",
            )


def near_codes(code: Code, published: Collection[Code]) -> str:
    """Those that read like it, the nearest first; of another case before all."""
    folded: dict[str, list[Code]] = {}
    for each in sorted(published):
        folded.setdefault(each.casefold(), []).append(each)
    near = get_close_matches(code.casefold(), folded, n=NEAR_MAX)
    return " or ".join([each for found in near for each in folded[found] if each != code][:NEAR_MAX])


def codes_of(agreement: Agreement, day: date) -> set[Code]:
    """Indices of the terms of a day, and of those signed since that may mend them."""
    stood = (agreement.terms_on(day), agreement.read_on(day))
    return {each.code for terms in stood for each in clause_units(terms)}


def terms_read(agreement: Agreement, day: date, units: IndexUnits) -> AgreementTerms:
    """The terms of a day; where they misread an index, with the price of an amendment that mends it.

    Else nothing could price what was shipped before the amendment. One that states its day mends none before.
    """
    terms, standing = agreement.terms_on(day), agreement.read_on(day)
    if not unlike_units(terms, units):
        return terms
    mended = isinstance(standing.price, type(terms.price)) and not unlike_units(standing, units)
    return replace(terms, price=standing.price) if mended else terms


def priced_terms(agreement: Agreement, day: date, units: IndexUnits) -> AgreementTerms:
    """As `terms_read`. Raises Refusals when they still misread an index."""
    terms = terms_read(agreement, day, units)
    refuse(unlike_units(terms, units))
    return terms
