"""Warnings to organisations that transfer or correct a passport."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID

from msgspec import UNSET

from events.delivery_events import DeliveryShipped
from events.material_events import (
    PassportCorrected,
    PassportTransferred,
)
from events.refusal import Caution
from market.rules.passport import Passport


def transfer_cautions(fact: PassportTransferred) -> Iterator[Caution]:
    """Warnings to the organisation that transfers a lot."""
    if fact.acceptance is UNSET:
        return
    yield Caution(
        code="acceptance_awaited",
        text="Outside a delivery the recipient has to acknowledge a transfer: until the new holder has "
        "done so, or made something of the lot, the goods count in nobody's stock.",
        pointer="/owner",
    )


def delivered_cautions(passport: Passport, left: Iterable[DeliveryShipped]) -> Iterator[Caution]:
    """`left`: what its giver shipped by the number of the lot and did not get back."""
    for each in left:
        if isinstance(each.passport, UUID) and each.passport != passport.passport:
            yield Caution(
                code="lot_delivered_by_other",
                text=f"Lot {each.lot_number} left on {each.shipped_on} under agr_{each.agreement.hex} with "
                f"pass_{each.passport.hex}, which goes to its buyer: if it is the same lot, two "
                "passports describe the same goods.",
                pointer="/owner",
            )
            return


def day_cautions(fact: PassportTransferred, issued_at: datetime) -> Iterator[Caution]:
    """A lot may be older than its passport: books that are brought over tell of last month."""
    issued_on = issued_at.date()
    before_days = (issued_on - fact.transferred_on).days
    if before_days > 0:
        days = "1 day" if before_days == 1 else f"{before_days:,} days"
        yield Caution(
            code="transferred_before_issue",
            text=f"{fact.transferred_on} is {days} before {issued_on}, when the passport was issued: right "
            "for a lot that is older than its passport, otherwise the day is wrong.",
            pointer="/transferred_on",
        )


def correction_cautions(fact: PassportCorrected) -> Iterator[Caution]:
    """Warnings to the organisation that corrects a passport."""
    if fact.acceptance is UNSET:
        return
    yield Caution(
        code="correction_awaited",
        text="Title to this lot is somebody else's: the earlier statement counts until its owner has "
        "acknowledged the correction.",
        pointer="/content",
    )
