"""Checks shared by issuing, transferring and using a lot."""

from datetime import date, datetime
from uuid import UUID

from msgspec import Struct

from events.envelope import Draft, Fact
from events.local_days import latest_day
from events.refusal import Refusal
from events.vocabulary import lane_of
from market.rules.orders.orders import Reservation
from market.rules.parties.parties import Facility
from market.rules.passport import Passport
from market.rules.refusing.defects import FacilityNotOwned
from market.rules.refusing.passport_refusals import (
    DayBeforeLot,
    FacilityRevoked,
    LotNumberInOrder,
    PassportInOrder,
    PassportOver,
    TransferInFuture,
)


class LotDays(Struct, frozen=True, kw_only=True):
    """The days on which a lot was made from others, last transferred, and last drawn. None: never, or not
    stated."""

    made_on: date | None = None
    transferred_on: date | None = None
    drawn_on: date | None = None


def passport_draft(passport: UUID, lanes: int, fact: Fact) -> Draft:
    """A fact of one passport, in its own lane."""
    return Draft(stream="materials", lane=lane_of(str(passport), lanes), subject=str(passport), data=fact)


def facility_refusals(facility: Facility | None) -> list[Refusal]:
    if facility is None:
        return [FacilityNotOwned(pointer="/facility")]
    return [FacilityRevoked(pointer="/facility")] if facility.revoked else []


def order_refusals(reservation: Reservation | None) -> list[Refusal]:
    """Refusals for a lot in an open order; a sold one may go to its buyer."""
    if reservation is None or reservation.released:
        return []
    return [PassportInOrder()]


def number_refusals(reservation: Reservation | None, lot_number: str, pointer: str) -> list[Refusal]:
    """Refusals for issuing a passport while the lot is in an order by its number, so that it cannot be
    offered twice."""
    if reservation is None or reservation.released:
        return []
    return [LotNumberInOrder(pointer=pointer, lot_number=lot_number)]


def day_refusals(day: date, pointer: str, now: datetime) -> list[Refusal]:
    today = latest_day(now)
    if day <= today:
        return []
    return [TransferInFuture(pointer=pointer, day=day.isoformat(), today=today.isoformat())]


def sequence_refusals(passport: UUID, day: date, pointer: str, days: LotDays) -> list[Refusal]:
    """Refusals for a day before the lot was made or last transferred."""
    passed = (
        (days.made_on, "was made"),
        (days.transferred_on, "was transferred"),
        (days.drawn_on, "was drawn on"),
    )
    later = [(each, what) for each, what in passed if each is not None and each > day]
    if not later:
        return []
    earliest, what = max(later)
    return [
        DayBeforeLot(
            pointer=pointer,
            day=day.isoformat(),
            earliest=earliest.isoformat(),
            passport=f"pass_{passport.hex}",
            happened=what,
        )
    ]


def over_refusals(passport: Passport) -> list[Refusal]:
    return [] if passport.status == "live" else [PassportOver(status=passport.status)]
