"""Supply offers: post, amend, withdraw, read one's own."""

from collections.abc import Awaitable
from typing import Any, Final

from events.callers import Caller
from events.decision import Request
from events.desk import Desk
from events.market_events import SupplyOfferAmended, SupplyOffered
from market.commands import offers as commands
from market.http.orders import candidates, order_explanations, order_lists, supplies
from market.http.orders.candidates import FOUND, CandidatesView
from market.http.orders.order_explanations import EXPLAINED, OrderInRoundView, RoundQuery
from market.http.orders.order_lists import OrderEntryView, OrderQuery
from market.http.orders.supplies import PostSupply, SupplyAccepted, SupplyPatch, SupplyView
from market.http.orders.supply_terms import SupplyTerms
from market.http.wire.access import READERS, TRADERS
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint
from market.http.wire.examples import OFFER
from market.http.wire.ids import to_uuid
from market.http.wire.judging import draft_of
from market.http.wire.loading import COST
from market.http.wire.paging import Listing
from market.http.wire.patching import patched
from market.http.wire.receipts import Result, done

TAG: Final = "Supply offers"


def give(
    desk: Desk, caller: Caller, body: PostSupply, *, request: Request | None, dry_run: bool
) -> Awaitable[Result]:
    """The command that a body asks for, over HTTP or as a row of a file."""
    return commands.post(
        desk, caller, market=to_uuid(body.market), draft=body.draft(), request=request, dry_run=dry_run
    )


async def judge(call: Call[PostSupply, DryRun], body: PostSupply, unread: frozenset[str]) -> None:
    await commands.judge(
        call.door.desk, call.caller, market=to_uuid(body.market), draft=draft_of(body, unread)
    )


@endpoint(
    "POST",
    "/v1/supply-offers",
    roles=TRADERS,
    summary="Post a supply offer",
    tag=TAG,
    body=PostSupply,
    query=DryRun,
    answer=SupplyAccepted,
    status=201,
    located=True,
    idempotent=True,
    description="The answer shows the quantity and the ask as the market counts them, and the receipt. A lot "
    "without a passport that left by the same number under an agreement of the seller is warned of.",
    example=OFFER,
    judge=judge,
)
async def post(call: Call[PostSupply, DryRun]) -> Answer:
    result = await give(
        call.door.desk,
        call.caller,
        call.body,
        request=call.idempotent_request(),
        dry_run=call.query.validate_only,
    )
    outcome = done(call, result)
    fact = outcome.fact(SupplyOffered)
    return await supplies.posted(call, "offer", outcome, fact.offer, fact)


@endpoint(
    "GET",
    "/v1/supply-offers",
    roles=READERS,
    summary="List supply offers",
    tag=TAG,
    query=OrderQuery,
    answer=Listing[OrderEntryView],
    description="One's own; operators and auditors see all. `as_of` says where the view stands.",
)
async def index(call: Call[Nothing, OrderQuery]) -> Answer:
    return await order_lists.index(call, "offer")


@endpoint(
    "GET",
    "/v1/supply-offers/{offer}",
    roles=READERS,
    summary="Read a supply offer",
    tag=TAG,
    answer=(SupplyView, OrderEntryView),
    description="Before a cut has taken the order, operators see only whose it is and how much.",
    etagged=True,
)
async def read(call: Call[Nothing, Nothing]) -> Answer:
    return await supplies.read(call, "offer")


@endpoint(
    "PATCH",
    "/v1/supply-offers/{offer}",
    roles=TRADERS,
    summary="Amend a supply offer",
    tag=TAG,
    body=SupplyPatch,
    query=DryRun,
    answer=SupplyAccepted,
    versioned=True,
    description="A pure reduction of quantity keeps the place in time; any other change gives a new one.",
    example={"ask": {"amount": "67.50", "currency": "USD", "per": "oxide"}},
)
async def amend(call: Call[Any, DryRun]) -> Answer:
    row = await supplies.load(call, "offer")
    result = await commands.amend(
        call.door.desk,
        call.caller,
        order=row.order.order,
        expected_version=call.expected_version,
        draft=patched(
            SupplyTerms.outside(row.order.terms),
            call.body,
            read=row.order.version,
            expected=call.expected_version,
        ).draft(),
        dry_run=call.query.validate_only,
    )
    outcome = done(call, result)
    fact = outcome.fact(SupplyOfferAmended)
    return await supplies.amended(call, "offer", outcome, fact.offer, fact)


@endpoint(
    "DELETE",
    "/v1/supply-offers/{offer}",
    roles=TRADERS,
    summary="Withdraw a supply offer",
    tag=TAG,
    query=DryRun,
    answer=SupplyAccepted,
    versioned=True,
    description="What open matches hold stays held. A withdrawn offer stays readable.",
)
async def withdraw(call: Call[Nothing, DryRun]) -> Answer:
    result = await commands.withdraw(
        call.door.desk,
        call.caller,
        order=call.ids["offer"],
        expected_version=call.expected_version,
        dry_run=call.query.validate_only,
    )
    return supplies.closed(call, "offer", done(call, result))


@endpoint(
    "GET",
    "/v1/supply-offers/{offer}/candidates",
    roles=READERS,
    summary="Who would buy, and who would not and why",
    tag=TAG,
    answer=CandidatesView,
    cost=COST,
    description=FOUND,
)
async def candidates_of(call: Call[Nothing, Nothing]) -> Answer:
    row = await supplies.load(call, "offer")
    return await candidates.answer(call, "offer", row.order)


@endpoint(
    "GET",
    "/v1/supply-offers/{offer}/explanation",
    roles=READERS,
    summary="What became of it in a round, and why",
    tag=TAG,
    query=RoundQuery,
    answer=OrderInRoundView,
    description=EXPLAINED,
    cost=COST,
)
async def explanation_of(call: Call[Nothing, RoundQuery]) -> Answer:
    order = (await supplies.load(call, "offer")).order
    return await order_explanations.answer(call, "offer", order.market, order.order, order.organisation)


HANDLERS: Final = (post, index, read, candidates_of, explanation_of, amend, withdraw)
