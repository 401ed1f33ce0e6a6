"""Compares a correction of a passport with what deliveries have settled: mass and figures that were paid for
may change only as much as scales and assays explain.

An audit of passports knows about deliveries only what transfers state: mass, form and moisture.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from events.passport_terms import PassportContent
from events.refusal import Refusal
from events.vocabulary import PPB
from market.rules.passport import Passport
from market.rules.passports.bound_lots import DELIVERED_LEAST_PPB
from market.rules.quantities import DryAnalyte, dry_analytes
from market.rules.refusing.passport_refusals import CorrectionOfDelivery

WEIGHED_MEMBERS = ("form", "net_wet_g", "moisture_ppb")
"""Members in which the mass received is expressed; they cannot be corrected in a delivered lot."""


class SettledLot(Struct, frozen=True, kw_only=True):
    """Of a delivery that was not rejected. `settled_ppb`: element in the dry sample, as both sides agreed or
    an umpire said. `received_g`: of the whole lot, to which title has passed by it, as moist as the passport
    says; else None."""

    settled_ppb: Mapping[str, int]
    received_g: int | None = None


def delivery_refusals(
    passport: Passport, content: PassportContent, settled: Iterable[SettledLot]
) -> list[Refusal]:
    """`content` as a correction states it."""
    before = passport.content
    changed = [member for member in WEIGHED_MEMBERS if getattr(content, member) != getattr(before, member)]
    settled = tuple(settled)
    stays = set(changed) if passport.received else set()
    for lot in settled:
        if lot.received_g is not None and not passport.received:
            stays |= set(changed) - ({"net_wet_g"} if _as_received(content, lot.received_g) else set())
    if any(_parts(before, content, lot) for lot in settled):
        stays.add("composition")
    return [CorrectionOfDelivery(pointer=f"/content/{member}") for member in sorted(stays)]


def _as_received(content: PassportContent, received_g: int) -> bool:
    """Whether its mass may be the received one: a passport that has no received mass is corrected to it."""
    return received_g * DELIVERED_LEAST_PPB <= content.net_wet_g * PPB <= received_g * PPB


def _parts(before: PassportContent, content: PassportContent, lot: SettledLot) -> bool:
    """Whether a figure that was changed, as one as received is by the moisture too, is not what the delivery
    has settled."""
    stood, states = _dry(before), _dry(content)
    return any(
        states.get(analyte) != stood.get(analyte) and not _near(states.get(analyte), settled_ppb)
        for analyte, settled_ppb in lot.settled_ppb.items()
    )


def _near(states: DryAnalyte | None, settled_ppb: int) -> bool:
    if states is None:
        return False
    apart = max(settled_ppb - states.high_ppb, states.low_ppb - settled_ppb)
    return apart * PPB <= settled_ppb * (PPB - DELIVERED_LEAST_PPB)


def _dry(content: PassportContent) -> Mapping[str, DryAnalyte]:
    if content.moisture_ppb >= PPB:
        return {}
    return dry_analytes(content.composition, content.moisture_ppb)
