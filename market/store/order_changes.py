"""Applies an event to an order's row: the same steps as in the book, on the row's figures, without its
terms."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from events.envelope import Recorded
from events.market_terms import RequirementTerms, SupplyTerms
from events.vocabulary import OrderKind
from events.writes import Write
from market.rules.book import OrderStatus, settled_status
from market.rules.orders.horizons import delivered_time
from market.rules.orders.reservations import identity
from market.rules.tranches import carried_tranches, move_tranche
from market.store import bodies

OrderKey = tuple[int, UUID, UUID]
"""lane, market, order."""


class OrderChange(Struct, kw_only=True):
    """A row of `supply` or `requirement` while a batch of events passes over it.

    `body` is None as long as the terms neither changed nor had to be read; `was_open` is what the market
    counted before; `restated`: its owner or its time changed more than what matches hold of it; `reworded`:
    its terms too. `facility` and `delivered_time`, the end of its last delivery, are of a supply alone, once
    its terms are written.
    """

    lane: int
    market: UUID
    order: UUID
    kind: OrderKind
    organisation: UUID
    status: OrderStatus
    version: int
    rank: int
    position: int
    basis_g: int
    held_g: int
    filled_g: int
    tranche_count: int
    tranche_committed_g: tuple[int, ...]
    valid_until: datetime
    lot_identity: str | None
    body: bytes | None
    new: bool = False
    was_open: bool = False
    restated: bool = False
    reworded: bool = False
    facility: UUID | None = None
    delivered_time: datetime | None = None

    @property
    def as_opened(self) -> bool:
        """Whether nothing has happened since its first event, so that the insert is enough."""
        return self.new and self.version == 1 and self.position == self.rank and self.status == "open"

    def inserted(self) -> tuple[object, ...]:
        """What differs between rows that were just opened, in the order of the tables' inserts."""
        return (
            self.lane,
            self.market,
            self.order,
            self.kind,
            self.organisation,
            self.position,
            self.basis_g,
            self.tranche_count,
            self.valid_until,
            self.lot_identity,
        )

    def held(self) -> tuple[object, ...]:
        """Key and what matches change, in the order of the tables' moves; tranches are a supply's alone."""
        return (
            self.lane,
            self.market,
            self.order,
            self.status,
            self.position,
            self.held_g,
            self.filled_g,
            self._tranches(),
        )

    def updated(self) -> tuple[object, ...]:
        """Key and what may change, in the order of the tables' updates."""
        return (
            self.lane,
            self.market,
            self.order,
            self.status,
            self.version,
            self.rank,
            self.position,
            self.basis_g,
            self.held_g,
            self.filled_g,
            self.status == "open" or self.held_g > 0,
            self.tranche_count,
            self._tranches(),
            self.valid_until,
        )

    def _tranches(self) -> str:
        return "{" + ",".join(map(str, self.tranche_committed_g)) + "}"


def order_writes(
    changes: Iterable[OrderChange], table: str, insert: str, update: str, move: str
) -> list[Write]:
    """Rows as they were opened, then those that were restated, then those that only matches moved."""
    listed = list(changes)
    opened = Write(table, insert, [change.inserted() for change in listed if change.new])
    rest = [change for change in listed if not change.as_opened]
    if not rest:
        return [opened]
    return [
        opened,
        Write(table, update, [change.updated() for change in rest if change.new or change.restated]),
        Write(table, move, [change.held() for change in rest if not (change.new or change.restated)]),
    ]


def opened(
    event: Recorded,
    market: UUID,
    order: UUID,
    kind: OrderKind,
    organisation: UUID,
    terms: SupplyTerms | RequirementTerms,
) -> OrderChange:
    tranche_count, lot = (
        (len(terms.tranches), terms.physical_lot) if isinstance(terms, SupplyTerms) else (0, None)
    )
    change = OrderChange(
        lane=event.lane,
        market=market,
        order=order,
        kind=kind,
        organisation=organisation,
        status="open",
        version=1,
        rank=event.position,
        position=event.position,
        basis_g=terms.basis_g,
        held_g=0,
        filled_g=0,
        tranche_count=tranche_count,
        tranche_committed_g=(),
        valid_until=terms.valid_until,
        lot_identity=None if lot is None else identity(organisation, lot),
        body=None,
        new=True,
    )
    _word(change, terms)
    return change


def _word(change: OrderChange, terms: SupplyTerms | RequirementTerms) -> None:
    change.body = bodies.encode(terms)
    change.reworded = True
    if isinstance(terms, SupplyTerms):
        change.facility = terms.facility
        change.delivered_time = delivered_time(terms)


def amended(
    change: OrderChange, event: Recorded, terms: SupplyTerms | RequirementTerms, *, keeps_rank: bool
) -> None:
    if isinstance(terms, SupplyTerms):
        if change.tranche_committed_g:
            before = bodies.supply_terms(_read(change)).tranches
            change.tranche_committed_g = carried_tranches(change.tranche_committed_g, before, terms.tranches)
        change.tranche_count = len(terms.tranches)
    change.basis_g = terms.basis_g
    change.valid_until = terms.valid_until
    _word(change, terms)
    change.restated = True
    change.version += 1
    if not keeps_rank:
        change.rank = event.position
    settle(change, event)


def closed(change: OrderChange, event: Recorded, status: OrderStatus) -> None:
    change.status = status
    change.restated = True
    change.version += 1
    settle(change, event)


def moved(change: OrderChange, event: Recorded, *, tranche: int, held_g: int, filled_g: int) -> None:
    change.held_g += held_g
    change.filled_g += filled_g
    if change.kind != "requirement":
        change.tranche_committed_g = move_tranche(
            change.tranche_committed_g, tranche, change.tranche_count, held_g + filled_g
        )
    settle(change, event)


def settle(change: OrderChange, event: Recorded) -> None:
    assert change.held_g >= 0
    assert change.filled_g >= 0
    assert change.held_g + change.filled_g <= change.basis_g
    change.status = settled_status(change.status, change.basis_g, change.held_g, change.filled_g)
    change.position = event.position


def _read(change: OrderChange) -> bytes:
    assert change.body is not None, f"the terms of {change.order} were not read"
    return change.body
