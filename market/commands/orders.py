"""What the commands of offers, lots and requirements share: finding an order, and loading states for a
batch."""

from collections import Counter
from collections.abc import Awaitable, Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from msgspec.structs import asdict, replace

from events.callers import Caller, OfCaller
from events.connections import Connection
from events.decision import LaneKey, Moment, Request
from events.desk import Answer, Desk, InMarket, Operation, submit
from events.vocabulary import OrderKind, PhysicalLot, TwinReference, lane_of
from market.rules.orders.lots import GradeLot
from market.rules.orders.offers import AmendSupply, PostSupply
from market.rules.orders.orders import (
    Expire,
    PostingState,
    RequirementState,
    Reservation,
    SupplyState,
    Withdraw,
)
from market.rules.orders.policies import Policy
from market.rules.orders.requirement_drafts import RequirementDraft
from market.rules.orders.requirements import AmendRequirement, PostRequirement
from market.rules.orders.reservations import identity, number_identity
from market.rules.orders.supplies import SupplyDraft
from market.rules.orders.twin_references import named_twins
from market.rules.passport import Passport
from market.rules.refusing.refusals import OrderUnknown
from market.rules.refusing.unread import UnreadError
from market.rules.twins.product_twins import ProductTwin
from market.store import passports, policies, product_twins, requirements, reservations, supplies
from market.store.orders import OrderPlace, locate
from market.store.posting import Pictures, load_pictures

Posting = TypeVar("Posting", PostSupply, PostRequirement)
SupplyChange = TypeVar("SupplyChange", AmendSupply, GradeLot, Withdraw, Expire)
RequirementChange = TypeVar("RequirementChange", AmendRequirement, Withdraw, Expire)
B = TypeVar("B", bound=OfCaller)
S = TypeVar("S")


def failings(market: UUID, organisation: UUID) -> str:
    """The key of an organisation's failings in a market: orders read it, ends of its group's matches add to
    it."""
    return f"failings:{market.hex}:{organisation.hex}"


async def find(desk: Desk, caller: Caller, order: UUID, *kinds: OrderKind) -> OrderPlace:
    """The place of the caller's own order, or for an operator of any order. Raises OrderUnknown."""
    owner = None if "operator" in caller.roles else caller.organisation
    async with desk.looking() as connection:
        place = await locate(connection, owner, order)
    if place is None or place.kind not in kinds:
        raise OrderUnknown
    return place


def submit_posting(
    desk: Desk,
    operation: Operation[InMarket[B], S],
    argument: B,
    *,
    market: UUID,
    lot: str | None,
    under: Sequence[UUID] = (),
    request: Request | None,
    dry_run: bool,
    turn: frozenset[str] = frozenset(),
) -> Awaitable[Answer]:
    """Submits a new order: locks the market's lane, the lot's if it names one, and those of the policies that
    it names.

    `turn`: the key of orders with a capacity check, which lock their facility.
    """
    lane = desk.lane("market", market)
    named = [desk.lane("parties", policy) for policy in under]
    return submit(
        desk,
        operation,
        InMarket(lane=lane.lane, lanes=desk.lanes, market=market, argument=argument),
        caller=argument.caller,
        lanes=[lane, *named] if lot is None else [lane, desk.lane("materials", lot), *named],
        touches=turn if lot is None else turn | {f"lot:{lot}"},
        reads=frozenset({failings(market, argument.caller.organisation)}),
        request=request,
        dry_run=dry_run,
        optimistic=lot is None and not turn,
    )


async def submit_change(
    desk: Desk,
    operation: Operation[InMarket[B], S],
    argument: B,
    *,
    place: OrderPlace,
    under: Sequence[UUID] = (),
    request: Request | None,
    dry_run: bool,
    releases: bool = False,
    turn: frozenset[str] = frozenset(),
) -> Answer:
    """Submits a change of an order, `under` policies; `releases`: it may release the lot; `turn`: set for a
    capacity check."""
    lanes, touches = [LaneKey("market", place.lane)], {f"order:{place.order}", *turn}
    lanes += [desk.lane("parties", policy) for policy in under]
    if releases and place.lot_identity is not None:
        lanes.append(desk.lane("materials", place.lot_identity))
        touches.add(f"lot:{place.lot_identity}")
    return await submit(
        desk,
        operation,
        InMarket(lane=place.lane, lanes=desk.lanes, market=place.market, argument=argument),
        caller=argument.caller,
        lanes=lanes,
        touches=frozenset(touches),
        reads=frozenset({failings(place.market, argument.caller.organisation)}),
        request=request,
        dry_run=dry_run,
    )


def lot_of(caller: Caller, physical_lot: PhysicalLot | None) -> str | None:
    """The lot; None when the order names none, or it could not be read."""
    try:
        return None if physical_lot is None else identity(caller.organisation, physical_lot)
    except UnreadError:
        return None


def policies_of(draft: RequirementDraft) -> tuple[UUID, ...]:
    """Those that a draft names; empty if that member could not be read."""
    try:
        return tuple(reference.policy for reference in draft.policies)
    except UnreadError:
        return ()


async def load_posting(
    connection: Connection, asked: Sequence[InMarket[Posting]], moment: Moment
) -> Sequence[PostingState | None]:
    """For each posting, earlier ones of its batch count as open orders, since they may be accepted."""
    pictures = await _pictures(connection, asked, moment)
    arguments = [ask.argument for ask in asked]
    documents = await _policies(connection, arguments)
    rested_on = await _twins(connection, arguments)
    before: Counter[UUID] = Counter()
    states: list[PostingState | None] = []
    for ask in asked:
        state = _posting(pictures, ask, before[ask.market], None)
        if state is not None and (documents or rested_on):
            state = replace(state, policies=documents, twins=rested_on)
        states.append(state)
        before[ask.market] += 1
    lots = [_lot(argument) for argument in arguments]
    return states if lots.count(None) == len(lots) else await _with_lots(connection, asked, lots, states)


async def _with_lots(
    connection: Connection,
    asked: Sequence[InMarket[Posting]],
    lots: Sequence[str | None],
    states: Sequence[PostingState | None],
) -> list[PostingState | None]:
    """The states, with reservations and passports of the lots that their orders name."""
    held = await reservations.load_reservations(
        connection, [(lane_of(lot, ask.lanes), lot) for ask, lot in zip(asked, lots, strict=True) if lot]
    )
    named = [_passport(ask.argument) for ask in asked]
    known = await passports.load_passports(
        connection,
        [(lane_of(str(each), ask.lanes), each) for ask, each in zip(asked, named, strict=True) if each],
    )
    numbered = await passports.load_numbered(
        connection, [place for ask in asked if (place := _number(ask.argument)) is not None]
    )
    by_number = await reservations.load_reservations(
        connection,
        [
            (lane_of(number, ask.lanes), number)
            for ask in asked
            if (number := _earlier(ask.argument, known)) is not None
        ],
    )
    alike = await reservations.load_alike(
        connection,
        [
            number
            for ask, lot in zip(asked, lots, strict=True)
            if (number := lot if _number(ask.argument) is not None else _earlier(ask.argument, known))
        ],
    )
    told: list[PostingState | None] = []
    for ask, lot, passport, state in zip(asked, lots, named, states, strict=True):
        if state is not None and lot is not None:
            place, earlier = _number(ask.argument), _earlier(ask.argument, known)
            state = replace(
                state,
                reservation=reservations.holder(held, lot),
                passport=None if passport is None else known.get(passport),
                numbered=None if place is None else numbered.get(place),
                by_number=alike.get(earlier or lot) or reservations.holder(by_number, earlier),
            )
        told.append(state)
    return told


async def load_supplies(
    connection: Connection, asked: Sequence[InMarket[SupplyChange]], moment: Moment
) -> Sequence[SupplyState | None]:
    pictures = await _pictures(connection, asked, moment)
    rows = await supplies.load_orders(connection, [(a.lane, a.market, a.argument.order) for a in asked])
    lots = {row.order.order: row.lot_identity for row in rows.values() if row.lot_identity is not None}
    held = await reservations.load_reservations(
        connection, [(lane_of(lot, asked[0].lanes), lot) for lot in lots.values()]
    )
    rested_on = await _twins(connection, [ask.argument for ask in asked])
    states: list[SupplyState | None] = []
    for ask in asked:
        row = rows.get(ask.argument.order)
        base = _posting(pictures, ask, 0, reservations.holder(held, lots.get(ask.argument.order)))
        base = base if base is None or not rested_on else replace(base, twins=rested_on)
        states.append(
            None
            if base is None
            else SupplyState(
                **asdict(base),
                order=None if row is None else row.order,
                plan_cut=pictures.markets[ask.market].plan_cut,
            )
        )
    return states


async def load_requirements(
    connection: Connection, asked: Sequence[InMarket[RequirementChange]], moment: Moment
) -> Sequence[RequirementState | None]:
    pictures = await _pictures(connection, asked, moment)
    rows = await requirements.load_orders(connection, [(a.lane, a.market, a.argument.order) for a in asked])
    documents = await _policies(connection, [a.argument for a in asked])
    states: list[RequirementState | None] = []
    for ask in asked:
        row = rows.get(ask.argument.order)
        base = _posting(pictures, ask, 0, None)
        base = base if base is None or not documents else replace(base, policies=documents)
        states.append(
            None
            if base is None
            else RequirementState(
                **asdict(base),
                order=None if row is None else row.order,
                plan_cut=pictures.markets[ask.market].plan_cut,
            )
        )
    return states


async def _pictures(connection: Connection, asked: Sequence[InMarket[B]], moment: Moment) -> Pictures:
    keys = [(ask.lane, ask.market, ask.argument.caller.organisation) for ask in asked]
    return await load_pictures(connection, keys, moment)


def _posting(
    pictures: Pictures, ask: InMarket[B], before: int, reservation: Reservation | None
) -> PostingState | None:
    """None for an unknown market; `before`: number of orders that may be opened before this one."""
    market = pictures.markets.get(ask.market)
    member = pictures.members.get((ask.market, ask.argument.caller.organisation))
    if market is None:
        return None
    return PostingState(
        market=ask.market,
        lane=ask.lane,
        lanes=ask.lanes,
        terms=market.terms,
        member=None if member is None else member.member,
        suspended=member is not None and member.suspended,
        inputs=market.inputs,
        rule_set=market.rule_set,
        open_orders=market.open_orders + before,
        failings=0 if member is None else member.failings,
        halt=market.halt,
        reservation=reservation,
    )


def _passport(argument: PostSupply | PostRequirement) -> UUID | None:
    """That of the lot that a new offer or lot names, in the lane of its reservation."""
    lot = argument.draft.physical_lot if isinstance(argument, PostSupply) else None
    try:
        return None if lot is None else lot.passport
    except UnreadError:
        return None


def _number(argument: PostSupply | PostRequirement) -> tuple[UUID, str] | None:
    """Site and number of a lot that a new offer or lot names by them alone."""
    lot = argument.draft.physical_lot if isinstance(argument, PostSupply) else None
    try:
        return None if lot is None or lot.passport is not None else (lot.site, lot.lot_number)
    except UnreadError:
        return None


def _earlier(argument: PostSupply | PostRequirement, known: Mapping[UUID, Passport]) -> str | None:
    """A lot's reservation by number, from before its issuer, who offers it now, gave it a passport."""
    named = _passport(argument)
    passport = None if named is None else known.get(named)
    if passport is None or passport.organisation != argument.caller.organisation:
        return None
    content = passport.content
    return number_identity(passport.organisation, content.facility, content.lot_number)


async def _policies(
    connection: Connection, arguments: Sequence[PostSupply | PostRequirement | RequirementChange]
) -> dict[UUID, Policy]:
    """All policies that the batch's requirements name, under the locks of their lanes."""
    named = {
        policy
        for argument in arguments
        if isinstance(argument, PostRequirement | AmendRequirement)
        for policy in policies_of(argument.draft)
    }
    return await policies.load_policies(connection, sorted(named)) if named else {}


async def _twins(
    connection: Connection, arguments: Sequence[PostSupply | PostRequirement | SupplyChange]
) -> dict[TwinReference, ProductTwin]:
    """All twins on which the batch's supplies are based; versions never change, so without locks."""
    named = {
        reference
        for argument in arguments
        if isinstance(argument, PostSupply | AmendSupply)
        for reference in twins_of(argument.draft)
    }
    rows = await product_twins.load_versions(connection, named) if named else {}
    return {reference: row.twin for reference, row in rows.items()}


def twins_of(draft: SupplyDraft) -> tuple[TwinReference, ...]:
    """Those that a draft names; empty if that member could not be read."""
    try:
        return tuple(reference for _, reference in named_twins(draft))
    except UnreadError:
        return ()


def _lot(argument: PostSupply | PostRequirement) -> str | None:
    return lot_of(argument.caller, argument.draft.physical_lot) if isinstance(argument, PostSupply) else None
