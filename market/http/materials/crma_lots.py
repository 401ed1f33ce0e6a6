"""What the monitor counts of a period: lots of matches, deliveries and declared volumes, each with what says
where it comes from."""

from collections.abc import Callable, Iterable
from datetime import date, datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from contracts.rules.days import midnight
from contracts.store.deliveries import ShippedLot, accepted_between
from events.connections import Connection
from events.market_terms import SupplyTerms
from events.passport_terms import PassportContent
from events.vocabulary import MarketBasis, RexRoute
from market.http.wire.faults import Fault
from market.http.wire.problems import DoorError
from market.rules.crma.dated import CrmaRules
from market.rules.crma.declared import Scope, declared_taken
from market.rules.crma.declared_volumes import DeclaredVolume
from market.rules.crma.suppliers import Bought
from market.rules.crma.taken import (
    Delivered,
    Party,
    Taken,
    Traded,
    open_g,
    taken_by_delivery,
    taken_by_order,
)
from market.rules.passport import Passport
from market.rules.visibility.crma_visibility import OF_CONTRACTS, Counted
from market.store import crma as store
from market.store import declared_volumes
from market.store.passports import load_several

STATUSES: dict[Counted, tuple[str, ...]] = {
    "struck": ("open", "confirmed"),
    "confirmed": ("confirmed",),
    "taken": ("confirmed",),
}
Shown = Callable[[Passport], PassportContent | None]


class Asked(Struct, frozen=True, kw_only=True):
    """`own`: whose lots, bought and sold; None: everybody's. `market` None: of all."""

    counted: Counted
    market: UUID | None
    since: date
    until: date
    own: UUID | None
    rules: CrmaRules


async def load_lots(
    connection: Connection, asked: Asked, shown: Shown = lambda passport: passport.content
) -> list[Bought]:
    """Matches before deliveries; `shown`: of a passport what may be told. DoorError when there are too many
    lots for one answer."""
    matched = [] if asked.counted == "delivered" else await _matched(connection, asked)
    delivered = await load_delivered(connection, asked) if asked.counted in OF_CONTRACTS else []
    check_size(len(matched) + len(delivered), store.LOTS_MAX)
    named = {each.passport for each in matched}
    named |= {each.delivery.shipped.passport for each in delivered}
    known = await load_several(connection, sorted(each for each in named if each is not None))
    corrected = await store.load_corrected(
        connection, (each.passport for each in known.values() if each.corrections)
    )
    markets = {each.market for each in matched} | {each.delivery.shipped.market for each in delivered}
    bases = await store.market_bases(connection, markets)
    lots: list[store.TakenLot | ShippedLot] = [*matched, *delivered]
    sides = {side for lot in lots for side in (lot.seller, lot.buyer)}
    parties = await load_parties(connection, sides)
    matches = [each.match for each in delivered if each.match is not None]
    ordered = await store.load_ordered(connection, matches)

    def traded(
        lot: store.TakenLot | ShippedLot,
        basis: MarketBasis,
        route: RexRoute | None,
        named: UUID | None,
        at: datetime | None,
    ) -> Traded:
        passport = None if named is None else known.get(named)
        content = None if passport is None else shown(passport)
        changed = None if passport is None else corrected.get(passport.passport)
        return Traded(
            seller=parties[lot.seller],
            buyer=parties[lot.buyer],
            basis=basis,
            route=route,
            passport=None if content is None or passport is None else passport.passport,
            content=content,
            made=passport is not None and passport.transformation is not None,
            corrected=content is not None and changed is not None and at is not None and changed > at,
        )

    return [
        *(
            _of_order(lot, traded(lot, bases[lot.market], lot.route, lot.passport, lot.since), asked.rules)
            for lot in matched
        ),
        *(
            _of_delivery(
                lot,
                terms,
                traded(lot, bases[shipped.market], route, shipped.passport, lot.shipped_at),
                asked.rules,
            )
            for lot in delivered
            for shipped in (lot.delivery.shipped,)
            for terms, route in (_ordered(lot, ordered),)
        ),
    ]


def _of_order(lot: store.TakenLot, traded: Traded, rules: CrmaRules) -> Bought:
    return Bought(
        taken=taken_by_order(lot.terms, lot.quantity_g, traded, rules),
        source=lot.kind if traded.passport is None else "passport",
        reference=traded.passport or lot.supply,
    )


def _of_delivery(lot: ShippedLot, terms: SupplyTerms | None, traded: Traded, rules: CrmaRules) -> Bought:
    shipped, mass = lot.delivery.shipped, lot.delivery.mass
    settled = Delivered(
        form=shipped.form,
        fractions_ppb=lot.delivery.fractions_ppb,
        net_wet_g=lot.delivery.kept_wet_g,
        moisture_ppb=mass.moisture_ppb,
        evidence=shipped.evidence,
    )
    return Bought(
        taken=taken_by_delivery(settled, terms, traded, rules),
        source="delivery" if traded.passport is None else "passport",
        reference=traded.passport or shipped.delivery,
    )


def _ordered(
    lot: ShippedLot, ordered: dict[UUID, tuple[SupplyTerms, RexRoute | None]]
) -> tuple[SupplyTerms | None, RexRoute | None]:
    """Of the match; else the only route that the seller has named at the shipment."""
    if lot.match is not None and lot.match in ordered:
        return ordered[lot.match]
    named = lot.delivery.shipped.evidence.rex_routes
    return None, named[0] if len(named) == 1 else None


async def _matched(connection: Connection, asked: Asked) -> list[store.TakenLot]:
    span = (asked.market, midnight(asked.since), midnight(asked.until), asked.own)
    lots = await store.load_taken(connection, *span, STATUSES[asked.counted])
    check_size(len(lots), store.LOTS_MAX)
    if asked.counted != "taken":
        return lots
    closed = await store.load_closed(connection, *span)
    check_size(len(closed), store.MATCHES_MAX)
    return _without_closed(lots, closed)


def _without_closed(
    lots: Iterable[store.TakenLot], closed: Iterable[store.ClosedPart]
) -> list[store.TakenLot]:
    """What is still to come of each order."""
    over: dict[tuple[UUID, UUID], int] = {}
    for each in closed:
        key = (each.supply, each.buyer)
        left_g = open_g(each.quantity_g, each.closed_g, ended=each.ended)
        over[key] = over.get(key, 0) + each.quantity_g - left_g
    found = []
    for lot in lots:
        key = (lot.supply, lot.buyer)
        part_g = min(lot.quantity_g, over.get(key, 0))
        over[key] = over.get(key, 0) - part_g
        if lot.quantity_g > part_g:
            found.append(replace(lot, quantity_g=lot.quantity_g - part_g))
    return found


async def load_delivered(connection: Connection, asked: Asked) -> list[ShippedLot]:
    """Shipped in the period and accepted since. DoorError when there are too many."""
    found = await accepted_between(
        connection, asked.market, asked.since, asked.until, asked.own, limit=store.LOTS_MAX + 1
    )
    check_size(len(found), store.LOTS_MAX)
    return found


async def load_declared(connection: Connection, asked: Asked) -> list[tuple[DeclaredVolume, Taken]]:
    """Of a market those of its members, in the elements of its basis. DoorError when there are too many."""
    markets = [] if asked.market is None else [asked.market]
    basis = next(iter((await store.market_bases(connection, markets)).values()), None)
    found = await declared_volumes.load_counted(connection, asked.since, asked.until, asked.own, asked.market)
    check_size(len(found), declared_volumes.VOLUMES_MAX)
    parties = await load_parties(connection, {each.organisation for each in found})
    return declared_taken(found, parties, asked.rules, Scope(own=asked.own, basis=basis))


async def load_parties(connection: Connection, organisations: set[UUID]) -> dict[UUID, Party]:
    found = await store.load_organisations(connection, sorted(organisations))
    return {each: Party.of(known) for each, known in found.items()}


def check_size(lots: int, lots_max: int) -> None:
    if lots > lots_max:
        detail = f"more than {lots_max:,} lots: name a market or a shorter time"
        fault = Fault(code="out_of_range", detail=detail, parameter="since")
        raise DoorError("inconsistent", "That is too much for one answer.", faults=[fault])
