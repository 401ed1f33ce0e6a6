"""Compares a received mass with the shipped one, and detects mistakes: a missing moisture, another unit, or a
share given as per cent."""

from collections.abc import Iterator
from typing import Final, Protocol

from msgspec import UNSET, UnsetType

from contracts.rules.days import instant_text
from contracts.rules.delivery import Delivery
from contracts.rules.delivery_refusals import MassFarAboveShipped, MoistureUnstated
from events.delivery_events import DeliveryWeighed
from events.fractions import percent_text, tonnes_text
from events.refusal import Caution, Refusal
from events.vocabulary import PPB

FAR_PPB: Final = 50_000_000
FAR_ABOVE: Final = 10
"""Multiple of the shipped mass above which a received mass must be wrong."""
TOLD_ABOVE: Final = 2
MOISTURE_PART: Final = 10
MOISTURE_TOLD_PPB: Final = PPB // 100


class Mass(Protocol):
    """Net mass with its moisture, as either side or a surveyor states it."""

    @property
    def net_wet_g(self) -> int: ...

    @property
    def moisture_ppb(self) -> int: ...


def dry_g(mass: Mass) -> int:
    return mass.net_wet_g * (PPB - mass.moisture_ppb) // PPB


def is_beyond(limit_ppb: int, expected: Mass, found: Mass) -> bool:
    expected_g = dry_g(expected)
    return abs(dry_g(found) - expected_g) * PPB > expected_g * limit_ppb


def moisture_ppb(stated: int | UnsetType) -> int:
    """The moisture; 0 if it is not stated, which is only allowed for a lot shipped dry."""
    return 0 if stated is UNSET else stated


def moisture_unstated(delivery: Delivery, stated: int | UnsetType) -> list[Refusal]:
    known_ppb = delivery.mass.moisture_ppb or delivery.shipped.moisture_ppb
    if stated is not UNSET or not known_ppb:
        return []
    return [MoistureUnstated(pointer="/moisture_ppb", known=percent_text(known_ppb))]


def scale_refusals(delivery: Delivery, net_wet_g: int, *, asked: bool) -> list[Refusal]:
    """Refusals for a mass that no lot can have. `asked`: False for older events, which were not checked."""
    shipped_g = delivery.shipped.net_wet_g
    if not asked or net_wet_g <= FAR_ABOVE * shipped_g:
        return []
    stated, shipped = tonnes_text(net_wet_g), tonnes_text(shipped_g)
    return [
        MassFarAboveShipped(
            pointer="/net_wet_g", stated=stated, shipped=shipped, in_tonnes=tonnes_text(net_wet_g // 1_000)
        )
    ]


def _slip_cautions(delivery: Delivery, received: DeliveryWeighed) -> Iterator[Caution]:
    shipped = delivery.shipped
    if received.net_wet_g > TOLD_ABOVE * shipped.net_wet_g:
        yield Caution(
            code="weighed_far_above_shipped",
            text=f"{tonnes_text(received.net_wet_g)} wet were weighed, but {tonnes_text(shipped.net_wet_g)} "
            "left: state the mass in tonnes. Weigh it again if it is in another unit, or of another "
            "lot too.",
            pointer="/net_wet_g",
        )
    least_ppb = shipped.moisture_ppb // MOISTURE_PART
    if shipped.moisture_ppb >= MOISTURE_TOLD_PPB and received.moisture_ppb < least_ppb:
        found, left = percent_text(received.moisture_ppb), percent_text(shipped.moisture_ppb)
        yield Caution(
            code="moisture_far_from_shipped",
            text=f"{found} of moisture was found, but {left} was shipped, so more counts as dry. A share of "
            "0.14 is written 14. Weigh it again if this is not the figure of the sample.",
            pointer="/moisture_ppb",
        )


def weighing_cautions(delivery: Delivery) -> Iterator[Caution]:
    """Warnings for a weighed delivery."""
    shipped, received = delivery.shipped, delivery.weighed
    if received is None:
        return
    told = f"{tonnes_text(dry_g(received))} dry were weighed, {tonnes_text(dry_g(shipped))} dry were shipped"
    if is_beyond(FAR_PPB, shipped, received):
        yield Caution(
            code="weighed_far_from_shipped",
            text=f"{told}: more than {percent_text(FAR_PPB)} apart.",
            pointer="/net_wet_g",
        )
    yield from _slip_cautions(delivery, received)
    if received.object_by is not UNSET:
        yield Caution(
            code="weighing_may_be_objected",
            text=f"{told}: farther from the seller's last figure than the tolerance allows, so the seller "
            f"can object until {instant_text(received.object_by)}, and until then the lot is neither "
            "accepted nor rejected. Weigh it again if this is not what the scale showed.",
            pointer="/net_wet_g",
        )
