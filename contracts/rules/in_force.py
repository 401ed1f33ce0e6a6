"""Terms one after the other: which of them a day goes by, once both have signed others in their place."""

from datetime import date, timedelta

from msgspec import UNSET, Struct, UnsetType

from events.contract_terms import AgreementTerms


class Superseded(Struct, frozen=True, kw_only=True):
    """Terms of a running agreement, and the last day of shipment that they are for.

    `signed_on`: when both had signed the terms that follow, where these state from which day they count;
    else that is `until` itself.
    """

    until: date
    terms: AgreementTerms
    signed_on: date | UnsetType = UNSET


class InForce(Struct, frozen=True, kw_only=True):
    """Terms and the days of shipment that they are for, both included; `last` None: until others count."""

    first: date
    last: date | None
    terms: AgreementTerms


def superseded_by(
    former: tuple[Superseded, ...], standing: AgreementTerms, last: date, signed_on: date | UnsetType
) -> tuple[Superseded, ...]:
    """All former terms once others are signed that count from the day after `last`.

    Terms that were signed for later days never count: the last signature is for all days from its own on.
    """
    kept = tuple(each for each in former if each.until <= last)
    terms = shipped(former, standing, last + timedelta(days=1))
    return (*kept, Superseded(until=last, terms=terms, signed_on=signed_on))


def shipped(former: tuple[Superseded, ...], standing: AgreementTerms, day: date) -> AgreementTerms:
    """What a shipment of `day` is priced and judged by."""
    return next((each.terms for each in former if day <= each.until), standing)


def read(former: tuple[Superseded, ...], standing: AgreementTerms, day: date) -> AgreementTerms:
    """What is read of `day` beside a shipment: the terms signed last, unless those state a later day."""
    return next(
        (each.terms for each in former if each.signed_on is not UNSET and day <= each.until), standing
    )


def issued(former: tuple[Superseded, ...], standing: AgreementTerms, day: date) -> AgreementTerms:
    """What an invoice of no shipment that was issued on `day` is paid by, whatever was signed after it."""
    return next((each.terms for each in former if day <= _issued_until(each)), standing)


def _issued_until(of: Superseded) -> date:
    return of.until if of.signed_on is UNSET else max(of.until, of.signed_on)


def stretches(
    former: tuple[Superseded, ...], standing: AgreementTerms, starts_on: date
) -> tuple[InForce, ...]:
    """All terms that are for a day, in order of time: `shipped` by its stretches.

    Of several amendments that count from one day the last does.
    """
    found, first = [], starts_on
    for each in former:
        if first <= each.until:
            found.append(InForce(first=first, last=each.until, terms=each.terms))
            first = each.until + timedelta(days=1)
    return (*found, InForce(first=first, last=None, terms=standing))
