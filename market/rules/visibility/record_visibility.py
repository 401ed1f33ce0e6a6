"""The visibility rule for all interfaces: for any event of the record and a viewer, what that viewer sees, or
nothing.

The rules of each stream are in `visibility`, `contract_visibility`, `passport_visibility` and
`party_visibility`.
"""

from collections.abc import Set as AbstractSet
from typing import Any
from uuid import UUID

from msgspec import Struct

from events.envelope import Recorded
from events.facts import MaterialFact, PassportFact
from market.rules.book import Book
from market.rules.passport import LotParties, Lots, parties_after
from market.rules.viewers import Viewer
from market.rules.visibility.audience import (
    Audience,
    contract_audience,
    market_audience,
    material_audience,
    party_audience,
)
from market.rules.visibility.contract_visibility import see_contract
from market.rules.visibility.crowd import Crowd
from market.rules.visibility.deals import Deals
from market.rules.visibility.party_visibility import see_party
from market.rules.visibility.passport_visibility import see_material
from market.rules.visibility.visibility import see


class Before(Struct, frozen=True, kw_only=True):
    """What the rule needs of an event's lane BEFORE the event: its market's book, agreements or lots.

    `crowd` is the viewer's, `standing` that of `deals`; without them they are counted again. `counterparties`
    trade the passport's lot: the passport's lane does not know them, so they get no line of it, and see it
    only when they look it up.
    """

    book: Book | None = None
    crowd: Crowd | None = None
    deals: Deals = {}
    standing: Deals | None = None
    lots: Lots = {}
    counterparties: AbstractSet[UUID] = frozenset()


def see_event(event: Recorded, viewer: Viewer, before: Before) -> Struct | None:
    """ValueError for a stream that has no rule."""
    fact: Any = event.data
    match event.stream:
        case "market":
            return see(event, viewer, before.book, before.crowd)
        case "contracts":
            return see_contract(event, viewer, before.deals, before.standing)
        case "parties":
            return see_party(event, viewer)
        case "materials":
            return see_material(fact, viewer, _lot_after(fact, before), before.counterparties)
        case _:
            raise ValueError(f"no viewer is shown the stream {event.stream}, so not {event.type}")


def audience_of(event: Recorded, before: Before) -> Audience:
    """The organisations to whom `see_event` shows something. ValueError for a stream that has no rule."""
    fact: Any = event.data
    match event.stream:
        case "market":
            return market_audience(fact, before.book)
        case "contracts":
            return contract_audience(fact, before.deals)
        case "parties":
            return party_audience(fact)
        case "materials":
            return material_audience(fact, _lot_after(fact, before), before.counterparties)
        case _:
            raise ValueError(f"no viewer is shown the stream {event.stream}, so not {event.type}")


def _lot_after(fact: MaterialFact, before: Before) -> LotParties | None:
    return parties_after(before.lots, fact) if isinstance(fact, PassportFact) else None
