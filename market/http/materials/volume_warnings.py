"""What whoever declares a volume should know: an old quarter, and what looks like a trade of this record."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from contracts.rules.days import midnight, months_later
from contracts.store.deliveries import ShippedLot, accepted_between
from events.volume_terms import VolumeTerms
from market.commands.declared_volumes import TRADED_MONTHS
from market.http.wire.endpoint import Call
from market.http.wire.ids import to_text
from market.http.wire.reads import as_desk
from market.http.wire.receipts import Warned, unless_unread, warned
from market.rules.crma.taken import delivered_masses, masses
from market.rules.crma.volume_content import terms_cautions
from market.rules.crma.volume_doubles import Trade, double_cautions
from market.rules.quantities import product_g
from market.rules.twins.capacities import quarter_of, quarter_start
from market.store import crma


async def of_volume(call: Call[Any, Any], terms: VolumeTerms, prefix: str = "") -> tuple[Warned, ...]:
    """Pointers below `prefix`."""
    return await unless_unread(_of_volume(call, terms, prefix))


async def _of_volume(call: Call[Any, Any], terms: VolumeTerms, prefix: str) -> tuple[Warned, ...]:
    own, bought = call.caller.organisation, terms.direction == "bought"
    elements = [mass.element for mass in terms.masses]
    since = months_later(terms.quarter, -TRADED_MONTHS)
    until = quarter_start(quarter_of(terms.quarter) + 1)
    async with as_desk(call) as connection:
        taken = await crma.load_taken(connection, None, midnight(since), until, own, ("confirmed",))
        accepted = await accepted_between(connection, None, since, until.date(), own, limit=crma.LOTS_MAX)
        matched = [lot for lot in taken if own == (lot.buyer if bought else lot.seller)]
        delivered = [lot for lot in accepted if own == (lot.buyer if bought else lot.seller)]
        parties = [(lot.seller, lot.buyer) for lot in matched]
        parties += [(lot.seller, lot.buyer) for lot in delivered]
        others = {each for sides in parties for each in sides} - {own}
        known = await crma.load_organisations(connection, sorted(others))
    trades = [_of_matches(lot, elements) for lot in matched]
    trades += [_of_delivery(lot, elements) for lot in delivered]
    told = double_cautions(terms, own, known.values(), trades)
    cautions = [*terms_cautions(terms, call.door.clock()), *told]
    return warned(replace(each, pointer=f"{prefix}{each.pointer}") for each in cautions)


def _of_matches(lot: crma.TakenLot, elements: Sequence[str]) -> Trade:
    net_wet_g = product_g(lot.quantity_g, lot.terms.basis_g, lot.terms.net_wet_g)
    return Trade(
        named=f"what was matched of {to_text(lot.kind, lot.supply)}",
        masses_mg=masses(lot.terms, net_wet_g, elements),
    )


def _of_delivery(lot: ShippedLot, elements: Sequence[str]) -> Trade:
    mass = lot.delivery.mass
    return Trade(
        named=f"delivery {to_text('del', lot.delivery.shipped.delivery)}",
        masses_mg=delivered_masses(lot.delivery.fractions_ppb, (mass.net_wet_g, mass.moisture_ppb), elements),
    )
