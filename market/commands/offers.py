"""Supply offers: post, amend, withdraw, expire."""

from collections.abc import Awaitable
from uuid import UUID

from events.callers import Caller
from events.decision import Request
from events.desk import Answer, Desk, in_market
from market.commands.counting import counted, in_turn
from market.commands.orders import find, load_posting, load_supplies, lot_of, submit_change, submit_posting
from market.rules import offers
from market.rules.offers import AmendSupply, PostSupply
from market.rules.orders import Expire, Withdraw
from market.rules.supplies import SupplyDraft

POST = in_turn("supply-offer.post", load_posting, offers.post)
JUDGE = in_market("supply-offer.judge", load_posting, offers.judge)
AMEND = in_turn("supply-offer.amend", load_supplies, offers.amend)
WITHDRAW = in_market("supply-offer.withdraw", load_supplies, offers.withdraw)
EXPIRE = in_market("supply-offer.expire", load_supplies, offers.expire)


async def post(
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
            POST,
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
    """`draft` is the whole order as it shall stand."""
    place = await find(desk, caller, order, "offer")
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


async def withdraw(
    desk: Desk,
    caller: Caller,
    *,
    order: UUID,
    expected_version: int,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    place = await find(desk, caller, order, "offer")
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
    place = await find(desk, caller, order, "offer")
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
