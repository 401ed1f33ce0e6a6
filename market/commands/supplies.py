"""Commands shared by supply offers and recovered lots: post, check, amend, withdraw, expire."""

from collections.abc import Awaitable
from typing import Literal
from uuid import UUID

from msgspec import Struct

from events.callers import Caller
from events.decision import Request
from events.desk import Answer, Desk, InMarket, Operation
from market.commands.counting import counted
from market.commands.orders import find, lot_of, submit_change, submit_posting
from market.rules.orders.offers import AmendSupply, PostSupply
from market.rules.orders.orders import Expire, PostingState, SupplyState, Withdraw
from market.rules.orders.supplies import SupplyDraft


class SupplyCommands(Struct, frozen=True, kw_only=True):
    """The operations of one kind of supply, and what each writes besides the market's lane."""

    kind: Literal["offer", "lot"]
    posting: Operation[InMarket[PostSupply], PostingState | None]
    judging: Operation[InMarket[PostSupply], PostingState | None]
    amending: Operation[InMarket[AmendSupply], SupplyState | None]
    withdrawing: Operation[InMarket[Withdraw], SupplyState | None]
    expiring: Operation[InMarket[Expire], SupplyState | None]

    def post(
        self,
        desk: Desk,
        caller: Caller,
        *,
        market: UUID,
        draft: SupplyDraft,
        request: Request | None = None,
        dry_run: bool = False,
    ) -> Awaitable[Answer]:
        def submitted(argument: PostSupply, turn: frozenset[str]) -> Awaitable[Answer]:
            return submit_posting(
                desk,
                self.posting,
                argument,
                market=market,
                lot=lot_of(caller, draft.physical_lot),
                request=request,
                dry_run=dry_run,
                turn=turn,
            )

        return counted(submitted, PostSupply(caller=caller, draft=draft))

    async def judge(self, desk: Desk, caller: Caller, *, market: UUID, draft: SupplyDraft) -> None:
        """Checks a draft with members that could not be read. Raises Refusals."""
        await submit_posting(
            desk,
            self.judging,
            PostSupply(caller=caller, draft=draft),
            market=market,
            lot=lot_of(caller, draft.physical_lot),
            request=None,
            dry_run=True,
        )

    async def amend(
        self,
        desk: Desk,
        caller: Caller,
        *,
        order: UUID,
        expected_version: int,
        draft: SupplyDraft,
        request: Request | None = None,
        dry_run: bool = False,
    ) -> Answer:
        """`draft` is the whole amended supply."""
        place = await find(desk, caller, order, self.kind)
        argument = AmendSupply(caller=caller, order=order, expected_version=expected_version, draft=draft)

        def submitted(argument: AmendSupply, turn: frozenset[str]) -> Awaitable[Answer]:
            return submit_change(
                desk,
                self.amending,
                argument,
                place=place,
                request=request,
                dry_run=dry_run,
                turn=turn,
            )

        return await counted(submitted, argument)

    async def withdraw(
        self,
        desk: Desk,
        caller: Caller,
        *,
        order: UUID,
        expected_version: int,
        request: Request | None = None,
        dry_run: bool = False,
    ) -> Answer:
        return await submit_change(
            desk,
            self.withdrawing,
            Withdraw(caller=caller, order=order, expected_version=expected_version),
            place=await find(desk, caller, order, self.kind),
            request=request,
            dry_run=dry_run,
            releases=True,
        )

    async def expire(
        self,
        desk: Desk,
        caller: Caller,
        *,
        order: UUID,
        request: Request | None = None,
        dry_run: bool = False,
    ) -> Answer:
        return await submit_change(
            desk,
            self.expiring,
            Expire(caller=caller, order=order),
            place=await find(desk, caller, order, self.kind),
            request=request,
            dry_run=dry_run,
            releases=True,
        )
