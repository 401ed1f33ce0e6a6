"""Recovered-material lots: list, amend, grade, withdraw, expire, and the release of a sold lot's
reservation."""

from collections.abc import Awaitable, Sequence
from uuid import UUID

from msgspec import UNSET, UnsetType

from events.callers import Caller
from events.connections import Connection
from events.decision import LaneKey, Moment, Request
from events.desk import Answer, Desk, InMarket, in_market, submit
from events.rex_terms import StepDown
from events.vocabulary import ConditionGrade, lane_of
from market.commands.counting import counted, in_turn
from market.commands.orders import find, load_posting, load_supplies, lot_of, submit_change, submit_posting
from market.rules import lots
from market.rules.lots import GradeLot, ReleaseLot, ReleaseState
from market.rules.offers import AmendSupply, PostSupply
from market.rules.orders import Expire, Withdraw
from market.rules.refusals import ReservationUnknown
from market.rules.supplies import SupplyDraft
from market.store import reservations, supplies


async def load_release(
    connection: Connection, asked: Sequence[InMarket[ReleaseLot]], moment: Moment
) -> Sequence[ReleaseState]:
    del moment
    rows = await supplies.load_orders(connection, [(a.lane, a.market, a.argument.order) for a in asked])
    identities = {order: row.lot_identity for order, row in rows.items() if row.lot_identity is not None}
    held = await reservations.load_reservations(
        connection, [(lane_of(lot, asked[0].lanes), lot) for lot in identities.values()]
    )
    states = []
    for ask in asked:
        row = rows.get(ask.argument.order)
        states.append(
            ReleaseState(
                lanes=ask.lanes,
                order=None if row is None else row.order,
                reservation=reservations.holder(held, identities.get(ask.argument.order)),
            )
        )
    return states


LIST = in_turn("recovered-lot.list", load_posting, lots.list_lot)
JUDGE = in_market("recovered-lot.judge", load_posting, lots.judge)
AMEND = in_turn("recovered-lot.amend", load_supplies, lots.amend)
GRADE = in_market("recovered-lot.grade", load_supplies, lots.grade)
WITHDRAW = in_market("recovered-lot.withdraw", load_supplies, lots.withdraw)
EXPIRE = in_market("recovered-lot.expire", load_supplies, lots.expire)
RELEASE = in_market("lot.release", load_release, lots.release)


async def list_lot(
    desk: Desk,
    caller: Caller,
    *,
    market: UUID,
    draft: SupplyDraft,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    def submitted(argument: PostSupply, turn: frozenset[str]) -> Awaitable[Answer]:
        return submit_posting(
            desk,
            LIST,
            argument,
            market=market,
            lot=lot_of(caller, draft.physical_lot),
            caller=caller,
            request=request,
            dry_run=dry_run,
            turn=turn,
        )

    return await counted(submitted, PostSupply(caller=caller, draft=draft))


async def judge(desk: Desk, caller: Caller, *, market: UUID, draft: SupplyDraft) -> None:
    """What keeps a draft with unread members from being posted, as far as it can be told. Raises Refusals."""
    await submit_posting(
        desk,
        JUDGE,
        PostSupply(caller=caller, draft=draft),
        market=market,
        lot=lot_of(caller, draft.physical_lot),
        caller=caller,
        request=None,
        dry_run=True,
    )


async def amend(
    desk: Desk,
    caller: Caller,
    *,
    order: UUID,
    expected_version: int,
    draft: SupplyDraft,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    """`draft` is the whole lot as it shall stand."""
    place = await find(desk, caller, order, "lot")
    argument = AmendSupply(caller=caller, order=order, expected_version=expected_version, draft=draft)

    def submitted(argument: AmendSupply, turn: frozenset[str]) -> Awaitable[Answer]:
        return submit_change(
            desk,
            AMEND,
            argument,
            place=place,
            caller=caller,
            request=request,
            dry_run=dry_run,
            turn=turn,
        )

    return await counted(submitted, argument)


async def grade(
    desk: Desk,
    caller: Caller,
    *,
    order: UUID,
    expected_version: int,
    condition: ConditionGrade,
    inspector: str,
    step_down: StepDown | UnsetType = UNSET,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    place = await find(desk, caller, order, "lot")
    return await submit_change(
        desk,
        GRADE,
        GradeLot(
            caller=caller,
            order=order,
            expected_version=expected_version,
            condition=condition,
            inspector=inspector,
            step_down=step_down,
        ),
        place=place,
        caller=caller,
        request=request,
        dry_run=dry_run,
    )


async def withdraw(
    desk: Desk,
    caller: Caller,
    *,
    order: UUID,
    expected_version: int,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    place = await find(desk, caller, order, "lot")
    return await submit_change(
        desk,
        WITHDRAW,
        Withdraw(caller=caller, order=order, expected_version=expected_version),
        place=place,
        caller=caller,
        request=request,
        dry_run=dry_run,
        releases=True,
    )


async def expire(
    desk: Desk, caller: Caller, *, order: UUID, request: Request | None = None, dry_run: bool = False
) -> Answer:
    place = await find(desk, caller, order, "lot")
    return await submit_change(
        desk,
        EXPIRE,
        Expire(caller=caller, order=order),
        place=place,
        caller=caller,
        request=request,
        dry_run=dry_run,
        releases=True,
    )


async def release(
    desk: Desk, caller: Caller, *, order: UUID, request: Request | None = None, dry_run: bool = False
) -> Answer:
    """Give the physical lot of a closed offer or lot free, or close it as sold. Writes the lot's lane
    only."""
    place = await find(desk, caller, order, "offer", "lot")
    if place.lot_identity is None:
        raise ReservationUnknown
    return await submit(
        desk,
        RELEASE,
        InMarket(
            lane=place.lane,
            lanes=desk.lanes,
            market=place.market,
            argument=ReleaseLot(caller=caller, order=order),
        ),
        caller=caller,
        lanes=[LaneKey("market", place.lane), desk.lane("materials", place.lot_identity)],
        touches=frozenset({f"order:{order}", f"lot:{place.lot_identity}"}),
        request=request,
        dry_run=dry_run,
    )
