"""What replaces a rejected lot: the same lot presented again, or another one.

A rejected quantity reduces what has to be taken in the year. A replacement within that year cancels this
reduction, whatever happens to it: otherwise one lot that is rejected and then accepted, or rejected twice,
would count twice.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from uuid import UUID

from msgspec import UNSET, UnsetType

from contracts.rules.delivery import Delivery, Replaced
from contracts.rules.delivery_refusals import (
    LotRejectedLast,
    ReplacedInFull,
    ReplacedNotRejected,
    ReplacedUnknown,
)
from contracts.rules.refusals import DatesOutOfOrder
from events.delivery_events import DeliveryShipped
from events.fractions import decimal_text
from events.refusal import Refusal
from events.vocabulary import Side

RETURN_FREIGHT: Final[Side] = "seller"
"""Who pays the return freight of a rejected lot, whatever the Incoterm, which concerns goods as agreed. Title
has not passed, and the buyer keeps the lot for the seller at the seller's expense: CISG, Articles 74 and 86
(1)."""


def replaced_in(
    delivery: UUID, deliveries: Sequence[Delivery], but_for: UUID | None = None
) -> Replaced | None:
    """The delivery that is replaced; `deliveries` of the agreement; None if it is not among them."""
    for each in deliveries:
        if each.shipped.delivery == delivery:
            sent = (of for of in deliveries if of.shipped.replaces == delivery and of.status != "withdrawn")
            return Replaced(delivery=each, sent=tuple(of for of in sent if of.shipped.delivery != but_for))
    return None


def rejected_last(lot_number: str, deliveries: Iterable[Delivery]) -> UUID | None:
    """The delivery of the lot that was rejected last; `deliveries` of the agreement."""
    found = [
        each for each in deliveries if each.status == "rejected" and each.shipped.lot_number == lot_number
    ]
    return max(found, key=lambda each: each.position).shipped.delivery if found else None


def replacement_refusals(
    replaced: Replaced | None, alike: UUID | None, fact: DeliveryShipped
) -> Iterator[Refusal]:
    """`alike`: the delivery of the same lot that was rejected last."""
    if alike not in (None, fact.replaces):
        assert alike is not None
        yield LotRejectedLast(pointer="/replaces", lot_number=fact.lot_number, delivery=f"del_{alike.hex}")
        return
    if fact.replaces is UNSET:
        return
    if replaced is None:
        yield ReplacedUnknown(pointer="/replaces")
        return
    before = replaced.delivery
    lacking_g = _lacking_g(before)
    if not lacking_g:
        yield ReplacedNotRejected(pointer="/replaces", status=before.status)
        return
    if alike is not None and before.weighed is not None and fact.shipped_on < before.weighed.weighed_on:
        yield DatesOutOfOrder(
            pointer="/shipped_on", later="a lot that is presented again", earlier="its weighing before"
        )
    sent_g = sum(map(_sent_g, replaced.sent))
    if sent_g >= lacking_g:
        yield ReplacedInFull(pointer="/replaces", lacking=_kg(lacking_g), sent=_kg(sent_g))


def made_good_g(delivery: Delivery, replaced: Replaced | None, quantity_g: int) -> int | UnsetType:
    """How much of `quantity_g`, about to be decided, replaces a rejected quantity of the same year; unset if
    nothing."""
    if replaced is None or replaced.delivery.shipped.year != delivery.shipped.year:
        return UNSET
    left_g = _lacking_g(replaced.delivery) - sum(map(made_good_by, replaced.sent))
    return min(left_g, quantity_g) or UNSET


def _lacking_g(of: Delivery) -> int:
    """Grams of basis that were rejected or returned."""
    return of.returned_g if of.rejected is None else of.rejected.quantity_g


def _sent_g(of: Delivery) -> int:
    """What a delivery replaces: the decided quantity once there is one, else the shipped one. A later return
    of it is replaced separately."""
    decided = of.rejected or of.accepted
    if decided is not None:
        return decided.quantity_g
    return of.shipped.quantity_g if of.taken_g is None else of.taken_g


def made_good_by(of: Delivery) -> int:
    """Grams of basis by which this delivery cancels an earlier rejection of the same contract year; 0 before
    it is decided."""
    decided = (of.accepted, of.rejected, of.missing_settled)
    found = (each.made_good_g for each in decided if each is not None and each is not UNSET)
    return sum(each for each in found if each is not UNSET)


def _kg(grams: int) -> str:
    return f"{decimal_text(grams, 1_000)} kg"
