"""Successive terms: which of them apply on a day, after both have signed amendments."""

from datetime import date, timedelta

from msgspec import UNSET, Struct, UnsetType

from events.contract_terms import AgreementTerms


class Superseded(Struct, frozen=True, kw_only=True):
    """Replaced terms of an agreement, and the last day of shipment to which they apply. `signed_on`: when
    both had signed the next terms, if those state the day from which they apply; otherwise that was on
    `until`."""

    until: date
    terms: AgreementTerms
    signed_on: date | UnsetType = UNSET


class InForce(Struct, frozen=True, kw_only=True):
    """Terms and the days of shipment to which they apply, both inclusive; `last` None: until other terms
    apply."""

    first: date
    last: date | None
    terms: AgreementTerms


def superseded_by(
    former: tuple[Superseded, ...], standing: AgreementTerms, last: date, signed_on: date | UnsetType
) -> tuple[Superseded, ...]:
    """All former terms after others are signed that apply from the day after `last`.

    Former terms for later days never apply: the last signed terms apply to all days from their own on.
    """
    kept = tuple(each for each in former if each.until <= last)
    terms = shipped(former, standing, last + timedelta(days=1))
    return (*kept, Superseded(until=last, terms=terms, signed_on=signed_on))


def shipped(former: tuple[Superseded, ...], standing: AgreementTerms, day: date) -> AgreementTerms:
    """The terms for a shipment on `day`."""
    return next((each.terms for each in former if day <= each.until), standing)


def read(former: tuple[Superseded, ...], standing: AgreementTerms, day: date) -> AgreementTerms:
    """The terms for other things on `day`: the last signed ones, unless they state a later day."""
    return next(
        (each.terms for each in former if each.signed_on is not UNSET and day <= each.until), standing
    )


def issued(former: tuple[Superseded, ...], standing: AgreementTerms, day: date) -> AgreementTerms:
    """The payment terms of an invoice without a shipment, issued on `day`; not changed by later
    signatures."""
    return next((each.terms for each in former if day <= _issued_until(each)), standing)


def _issued_until(of: Superseded) -> date:
    return of.until if of.signed_on is UNSET else max(of.until, of.signed_on)


def stretches(
    former: tuple[Superseded, ...], standing: AgreementTerms, starts_on: date
) -> tuple[InForce, ...]:
    """All terms that apply to some day, in order of time, with their periods, as `shipped` selects them. Of
    several amendments from the same day, the last one applies."""
    found, first = [], starts_on
    for each in former:
        if first <= each.until:
            found.append(InForce(first=first, last=each.until, terms=each.terms))
            first = each.until + timedelta(days=1)
    return (*found, InForce(first=first, last=None, terms=standing))
