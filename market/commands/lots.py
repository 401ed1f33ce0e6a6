"""Recovered-material lots: list, amend, grade, withdraw, expire, and the release of a sold lot's
reservation."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import UNSET, UnsetType

from events.callers import Caller
from events.connections import Connection
from events.decision import LaneKey, Moment, Request
from events.desk import Answer, Desk, InMarket, in_market, submit
from events.rex_terms import StepDown
from events.vocabulary import ConditionGrade, lane_of
from market.commands.counting import in_turn
from market.commands.orders import find, load_posting, load_supplies, submit_change
from market.commands.supplies import SupplyCommands
from market.rules.orders import lots
from market.rules.orders.lots import GradeLot, ReleaseLot, ReleaseState
from market.rules.refusing.refusals import ReservationUnknown
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


LOTS = SupplyCommands(
    kind="lot",
    posting=in_turn("recovered-lot.list", load_posting, lots.list_lot),
    judging=in_market("recovered-lot.judge", load_posting, lots.judge),
    amending=in_turn("recovered-lot.amend", load_supplies, lots.amend),
    withdrawing=in_market("recovered-lot.withdraw", load_supplies, lots.withdraw),
    expiring=in_market("recovered-lot.expire", load_supplies, lots.expire),
)
GRADE = in_market("recovered-lot.grade", load_supplies, lots.grade)
RELEASE = in_market("lot.release", load_release, lots.release)
list_lot = LOTS.post
judge = LOTS.judge
amend = LOTS.amend
withdraw = LOTS.withdraw
expire = LOTS.expire


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
        request=request,
        dry_run=dry_run,
    )


async def release(
    desk: Desk, caller: Caller, *, order: UUID, request: Request | None = None, dry_run: bool = False
) -> Answer:
    """Release the physical lot of a closed offer or lot, or mark it as sold. Writes only the lot's lane."""
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
