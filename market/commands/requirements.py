"""Requirements: post, amend, withdraw, expire."""

from collections.abc import Awaitable
from uuid import UUID

from events.callers import Caller
from events.decision import Request
from events.desk import Answer, Desk, in_market
from market.commands.orders import (
    find,
    load_posting,
    load_requirements,
    policies_of,
    submit_change,
    submit_posting,
)
from market.rules.orders import requirements
from market.rules.orders.orders import Expire, Withdraw
from market.rules.orders.requirement_drafts import RequirementDraft
from market.rules.orders.requirements import AmendRequirement, PostRequirement

POST = in_market("requirement.post", load_posting, requirements.post)
JUDGE = in_market("requirement.judge", load_posting, requirements.judge)
AMEND = in_market("requirement.amend", load_requirements, requirements.amend)
WITHDRAW = in_market("requirement.withdraw", load_requirements, requirements.withdraw)
EXPIRE = in_market("requirement.expire", load_requirements, requirements.expire)


def post(
    desk: Desk,
    caller: Caller,
    *,
    market: UUID,
    draft: RequirementDraft,
    request: Request | None = None,
    dry_run: bool = False,
) -> Awaitable[Answer]:
    return submit_posting(
        desk,
        POST,
        PostRequirement(caller=caller, draft=draft),
        market=market,
        lot=None,
        under=policies_of(draft),
        request=request,
        dry_run=dry_run,
    )


async def judge(desk: Desk, caller: Caller, *, market: UUID, draft: RequirementDraft) -> None:
    """Checks a draft with members that could not be read. Raises Refusals."""
    await submit_posting(
        desk,
        JUDGE,
        PostRequirement(caller=caller, draft=draft),
        market=market,
        lot=None,
        under=policies_of(draft),
        request=None,
        dry_run=True,
    )


async def amend(
    desk: Desk,
    caller: Caller,
    *,
    order: UUID,
    expected_version: int,
    draft: RequirementDraft,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    """`draft` is the whole amended requirement."""
    place = await find(desk, caller, order, "requirement")
    return await submit_change(
        desk,
        AMEND,
        AmendRequirement(caller=caller, order=order, expected_version=expected_version, draft=draft),
        place=place,
        under=policies_of(draft),
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
    place = await find(desk, caller, order, "requirement")
    return await submit_change(
        desk,
        WITHDRAW,
        Withdraw(caller=caller, order=order, expected_version=expected_version),
        place=place,
        request=request,
        dry_run=dry_run,
    )


async def expire(
    desk: Desk, caller: Caller, *, order: UUID, request: Request | None = None, dry_run: bool = False
) -> Answer:
    place = await find(desk, caller, order, "requirement")
    return await submit_change(
        desk,
        EXPIRE,
        Expire(caller=caller, order=order),
        place=place,
        request=request,
        dry_run=dry_run,
    )
