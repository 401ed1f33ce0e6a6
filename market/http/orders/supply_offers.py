"""Supply offers: post, amend, withdraw, read one's own."""

from typing import Any, Final

from events.market_events import SupplyOfferAmended, SupplyOffered
from market.commands import offers as commands
from market.http.orders import order_lists
from market.http.orders.candidates import FOUND, CandidatesView
from market.http.orders.order_explanations import EXPLAINED, OrderInRoundView, RoundQuery
from market.http.orders.order_lists import OrderEntryView, OrderQuery
from market.http.orders.supplies import PostSupply, SupplyAccepted, SupplyDoor, SupplyPatch, SupplyView
from market.http.wire.access import READERS, TRADERS
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint
from market.http.wire.examples import OFFER
from market.http.wire.loading import COST
from market.http.wire.paging import Listing

TAG: Final = "Supply offers"
OFFERS: Final = SupplyDoor(commands=commands.OFFERS, posted=SupplyOffered, amended=SupplyOfferAmended)


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
    judge=OFFERS.judge,
)
async def post(call: Call[PostSupply, DryRun]) -> Answer:
    return await OFFERS.post(call)


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
    return await OFFERS.read(call)


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
    return await OFFERS.amend(call)


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
    return await OFFERS.withdraw(call)


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
    return await OFFERS.candidates(call)


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
    return await OFFERS.explanation(call)


HANDLERS: Final = (post, index, read, candidates_of, explanation_of, amend, withdraw)
