"""Warnings about terms that nobody can fulfil; pointers are into the terms."""

from collections.abc import Iterator
from datetime import date
from typing import Final

from contracts.rules.clauses import years_in_all
from contracts.rules.days import midnight, years_later
from contracts.rules.oxides import RICHEST_PPB, WITHOUT_METAL, about, least_oxide_ppb
from events.contract_terms import AgreementTerms, TermClause
from events.fractions import ppb_text
from events.refusal import Caution
from events.vocabulary import PPB, Period

LEAP_YEAR: Final = date(2000, 1, 1)
"""The assumed first day of a term that states none: no term with the same number of years is longer."""
YEAR_DAYS: Final = 365


def unmeetable_cautions(terms: AgreementTerms, day: date) -> Iterator[Caution]:
    """`day`: the UTC day on which the terms are proposed or signed."""
    if terms.product.form in WITHOUT_METAL:
        yield from _richer_than_oxide(terms)
    if WITHOUT_METAL.issuperset((terms.product.form, *terms.product.buyer_option_forms)):
        yield from _wider_than_oxide(terms)
    yield from _sum_over_whole(terms)
    if terms.delivery.delivery is not None:
        yield from _window(terms.term, terms.delivery.delivery, day)
    yield from _notices(terms)


def _richer_than_oxide(terms: AgreementTerms) -> Iterator[Caution]:
    for place, limit in enumerate(terms.product.limits):
        most_ppb = RICHEST_PPB.get(limit.analyte, PPB)
        if limit.min_ppb is not None and limit.min_ppb > most_ppb:
            yield Caution(
                code="limit_above_oxide",
                text=f"At least {ppb_text(limit.min_ppb)} of {limit.analyte} as element is asked for; its "
                f"pure oxide holds {about(most_ppb)}. Was the share of oxide meant?",
                pointer=f"/product/limits/{place}/min_ppb",
            )


def _wider_than_oxide(terms: AgreementTerms) -> Iterator[Caution]:
    for place, each in enumerate(terms.assay.splitting):
        most_ppb = RICHEST_PPB.get(each.analyte, PPB)
        if each.limit_ppb > most_ppb:
            yield Caution(
                code="splitting_limit_above_oxide",
                text=f"Two assays of {each.analyte} cannot differ by {ppb_text(each.limit_ppb)}, since its "
                f"pure oxide holds {about(most_ppb)}: nothing ever goes to the umpire.",
                pointer=f"/assay/splitting/{place}/limit_ppb",
            )


def _sum_over_whole(terms: AgreementTerms) -> Iterator[Caution]:
    """Warns if the minima of the rare earths add up to more than the whole."""
    as_oxide = terms.product.form in WITHOUT_METAL
    sum_ppb = 0
    for limit in terms.product.limits:
        if limit.analyte in RICHEST_PPB and limit.min_ppb is not None:
            sum_ppb += least_oxide_ppb(limit.analyte, limit.min_ppb) if as_oxide else limit.min_ppb
    if sum_ppb > PPB:
        counted = "as oxides " if as_oxide else ""
        yield Caution(
            code="limits_over_whole",
            text=f"The minimum shares that are required add up {counted}to {about(sum_ppb)} of the dry "
            "goods.",
            pointer="/product/limits",
        )


def _window(term: TermClause, window: Period, day: date) -> Iterator[Caution]:
    told, pointer = f"The goods are to leave before {window.end.date()}", "/delivery/delivery"
    if window.end <= midnight(day):
        yield Caution(code="delivery_window_past", text=f"{told}, which is over.", pointer=pointer)
    elif term.starts_on is not None and window.end <= midnight(term.starts_on):
        yield Caution(
            code="delivery_before_term",
            text=f"{told}, and the agreement begins on {term.starts_on}.",
            pointer=pointer,
        )


def _notices(terms: AgreementTerms) -> Iterator[Caution]:
    """Warns about notices that are longer than the whole agreement."""
    whole_days, first_days = _days(terms.term, years_in_all(terms.term)), _days(terms.term, terms.term.years)
    for place, rule in enumerate(terms.nominations):
        if rule.notice_days > whole_days:
            yield _longer(
                f"The notice of {rule.level} nominations",
                rule.notice_days,
                whole_days,
                "the buyer names each quantity before the agreement begins",
                f"/nominations/{place}/notice_days",
            )
    if terms.term.extensions_max and terms.term.extension_notice_days > first_days:
        yield _longer(
            "The notice of an extension",
            terms.term.extension_notice_days,
            first_days,
            "the first is to be said before the agreement begins",
            "/term/extension_notice_days",
        )
    if terms.shortfall_notice_days >= YEAR_DAYS:
        yield Caution(
            code="notice_longer_than_term",
            text="A shortfall is notified during its contract year, but no day of a year is "
            f"{terms.shortfall_notice_days} days before its end.",
            pointer="/shortfall_notice_days",
        )


def _longer(what: str, notice_days: int, days: int, so: str, pointer: str) -> Caution:
    return Caution(
        code="notice_longer_than_term",
        text=f"{what} is {notice_days} days, the agreement runs for {days}: {so}.",
        pointer=pointer,
    )


def _days(term: TermClause, years: int) -> int:
    begins = term.starts_on or LEAP_YEAR
    return (years_later(begins, years) - begins).days
