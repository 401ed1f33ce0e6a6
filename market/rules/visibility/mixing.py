"""Which lines are published on the tape together, so that neither time, sequence nor content reveals whose
they are.

A company often posts several orders in a row, and a match reveals one of its orders to the counterparty,
whose id reveals when it was posted. So a line of an order waits until lines of the same kind and forms from
enough groups of companies wait; then they are published at once, sorted by ids that reveal nothing. Trades
wait for the end of a round.
"""

from itertools import islice
from operator import attrgetter, itemgetter
from typing import TypeAlias, assert_never
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from events.envelope import Recorded
from events.facts import OrderFact, SupplyFact
from events.vocabulary import ProductForm
from market.rules.book import Book
from market.rules.visibility.tape import (
    OrderTopic,
    TapeClearing,
    TapeLine,
    TapeMarket,
    TapeOrder,
    TapeRuleSet,
    TapeTrade,
    in_shared_bands,
)
from market.rules.visibility.taping import supply_of

_PUBLIC_ID, _FIRST = attrgetter("id"), itemgetter(0)
Told: TypeAlias = tuple[UUID, TapeLine]
"""The id of an event, and its line."""


class WaitingOrder(Struct, frozen=True, kw_only=True, gc=False):
    """A line that tells `event`, with the step of content that its order has by itself."""

    order: UUID
    event: UUID
    line: TapeOrder


class Mix(Struct, kw_only=True):
    """What of a market waits. One line of an order: a later one takes its place.

    `orders`: by kind and forms, by group of companies, by order, each as they came; `places`: kind and group
    of each order with a line that waits.
    """

    orders: dict[str, dict[UUID, dict[UUID, WaitingOrder]]] = {}
    places: dict[UUID, tuple[str, UUID]] = {}
    trades: list[tuple[UUID, TapeTrade]] = []


def leaving(mix: Mix, event: Recorded, seen: TapeLine | None, book: Book) -> tuple[Told, ...]:
    """The lines that are published with an event, in order. `seen` is its own line, `book` the book before
    it."""
    fact = event.data
    if isinstance(fact, OrderFact):
        assert seen is None or isinstance(seen, TapeOrder)
        return _order(mix, event.id, fact, seen, book)
    assert not isinstance(seen, TapeOrder)
    match seen:
        case TapeTrade():
            mix.trades.append((event.id, seen))
            return ()
        case TapeClearing():
            trades, mix.trades = sorted(mix.trades, key=lambda told: told[1].id), []
            return (*trades, (event.id, seen))
        case TapeRuleSet() | TapeMarket():
            return ((event.id, seen),)
        case None:
            return ()
        case _:
            assert_never(seen)


def _order(mix: Mix, event: UUID, fact: OrderFact, seen: TapeOrder | None, book: Book) -> tuple[Told, ...]:
    """An order that may not be shown in its current state is not shown in an earlier one either."""
    order = supply_of(fact) if isinstance(fact, SupplyFact) else fact.requirement
    return order_leaving(mix, event, order, book.members[fact.organisation].group, seen, book)


def order_leaving(
    mix: Mix, event: UUID, order: UUID, group: UUID, seen: TapeOrder | None, book: Book
) -> tuple[Told, ...]:
    """As `leaving`, with an event of an order of a `group` of companies."""
    before = _taken(mix, order) if mix.places else None
    line = seen if before is None else _newest(before, seen)
    if line is None:
        return ()
    kind = kind_of(line.topic, line.forms)
    alike = mix.orders.get(kind)
    if alike is None:
        alike = mix.orders[kind] = {}
    of_group = alike.get(group)
    if of_group is None:
        of_group = alike[group] = {}
    of_group[order] = WaitingOrder(order=order, event=event, line=line)
    mix.places[order] = kind, group
    return () if len(alike) < book.terms.public_organisations_min else mixed(mix, kind, book)


def kind_of(topic: OrderTopic, forms: tuple[ProductForm, ...]) -> str:
    """Lines of one kind leave together."""
    return " ".join((topic, *forms))


def _newest(before: WaitingOrder, line: TapeOrder | None) -> TapeOrder | None:
    """What is still to tell of an order; nothing of one that came and went while it waited."""
    if line is None or before.line.action != "posted":
        return line
    return replace(line, action="posted") if line.action == "amended" else None


def mixed(mix: Mix, kind: str, book: Book) -> tuple[Told, ...]:
    """Everything that waits, of the group with the most no more than of all others together."""
    counts = [len(lines) for lines in mix.orders[kind].values()]
    of_one_max = sum(counts) - max(counts)
    alike: list[tuple[UUID, TapeOrder]] = []
    orders: list[UUID] = []
    events: list[UUID] = []
    for group, lines in mix.orders[kind].items():
        for waiting in islice(lines.values(), of_one_max):
            alike.append((group, waiting.line))
            orders.append(waiting.order)
            events.append(waiting.event)
    if len(alike) == sum(counts):
        del mix.orders[kind]
        for order in orders:
            del mix.places[order]
    else:
        for order in orders:
            _taken(mix, order)
    shown = in_shared_bands(alike, book)
    told = sorted(zip(map(_PUBLIC_ID, shown), events, shown, strict=True), key=_FIRST)
    return tuple([(told_of, line) for _, told_of, line in told])


def _taken(mix: Mix, order: UUID) -> WaitingOrder | None:
    """The line of an order that waited until now."""
    place = mix.places.pop(order, None)
    if place is None:
        return None
    kind, group = place
    alike = mix.orders[kind]
    found = alike[group].pop(order)
    if not alike[group]:
        del alike[group]
    if not alike:
        del mix.orders[kind]
    return found
