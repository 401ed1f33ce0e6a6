"""Recovered-material lots: list, amend, grade, withdraw, read one's own."""

from typing import Any, Final

from msgspec import UNSET

from events.market_events import RecoveredLotAmended, RecoveredLotGraded, RecoveredLotListed
from events.vocabulary import ConditionGrade
from market.commands import lots as commands
from market.http.orders import order_lists
from market.http.orders.candidates import FOUND, CandidatesView
from market.http.orders.order_explanations import EXPLAINED, OrderInRoundView, RoundQuery
from market.http.orders.order_lists import OrderEntryView, OrderQuery
from market.http.orders.rex_terms import StepDown
from market.http.orders.supplies import (
    PostSupply,
    SupplyAccepted,
    SupplyDoor,
    SupplyPatch,
    SupplyView,
    warnings_of_grading,
)
from market.http.wire.access import READERS, TRADERS
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint
from market.http.wire.examples import LOT
from market.http.wire.loading import COST
from market.http.wire.material import Body
from market.http.wire.paging import Listing
from market.http.wire.receipts import done
from market.rules.refusing.wording import Text

TAG: Final = "Recovered lots"
LOTS: Final = SupplyDoor(commands=commands.LOTS, posted=RecoveredLotListed, amended=RecoveredLotAmended)


@endpoint(
    "POST",
    "/v1/recovered-lots",
    roles=TRADERS,
    summary="List a recovered lot",
    tag=TAG,
    body=PostSupply,
    query=DryRun,
    answer=SupplyAccepted,
    status=201,
    located=True,
    idempotent=True,
    description="The answer shows the quantity and the ask as the market counts them, and the receipt. A lot "
    "without a passport that left by the same number under an agreement of the seller is warned of.",
    example=LOT,
    judge=LOTS.judge,
)
async def post(call: Call[PostSupply, DryRun]) -> Answer:
    return await LOTS.post(call)


@endpoint(
    "GET",
    "/v1/recovered-lots",
    roles=READERS,
    summary="List recovered lots",
    tag=TAG,
    query=OrderQuery,
    answer=Listing[OrderEntryView],
    description="One's own; operators and auditors see all. `as_of` says where the view stands.",
)
async def index(call: Call[Nothing, OrderQuery]) -> Answer:
    return await order_lists.index(call, "lot")


@endpoint(
    "GET",
    "/v1/recovered-lots/{lot}",
    roles=READERS,
    summary="Read a recovered lot",
    tag=TAG,
    answer=(SupplyView, OrderEntryView),
    description="Before a cut has taken the order, operators see only whose it is and how much.",
    etagged=True,
)
async def read(call: Call[Nothing, Nothing]) -> Answer:
    return await LOTS.read(call)


@endpoint(
    "PATCH",
    "/v1/recovered-lots/{lot}",
    roles=TRADERS,
    summary="Amend a recovered lot",
    tag=TAG,
    body=SupplyPatch,
    query=DryRun,
    answer=SupplyAccepted,
    versioned=True,
    description="A pure reduction of quantity keeps the place in time; any other change gives a new one.",
    example={"ask": {"amount": "67.50", "currency": "USD", "per": "oxide"}},
)
async def amend(call: Call[Any, DryRun]) -> Answer:
    return await LOTS.amend(call)


class Grade(Body, frozen=True, kw_only=True):
    """The condition found by an inspection; `step_down` if it now allows a higher route than the lot is
    offered for."""

    condition: ConditionGrade
    inspector: Text
    step_down: StepDown | None = None


@endpoint(
    "POST",
    "/v1/recovered-lots/{lot}/grade",
    roles=TRADERS,
    summary="Grade a recovered lot",
    tag=TAG,
    body=Grade,
    query=DryRun,
    answer=SupplyAccepted,
    idempotent=True,
    versioned=True,
    description="A condition grade given after inspection; the other terms and the place in time stay. "
    "Routes that the condition rules out keep their buyers away and are warned of. While a match of it waits "
    "for answers, and its contract states the condition, it cannot be graded: `goods_held`.",
    example={"condition": "B", "inspector": "assay house north"},
)
async def grade(call: Call[Grade, DryRun]) -> Answer:
    result = await commands.grade(
        call.door.desk,
        call.caller,
        order=call.ids["lot"],
        expected_version=call.expected_version,
        condition=call.body.condition,
        inspector=call.body.inspector,
        step_down=UNSET if call.body.step_down is None else call.body.step_down.inside(),
        request=call.idempotent_request(),
        dry_run=call.query.validate_only,
    )
    outcome = done(call, result)
    fact = outcome.fact(RecoveredLotGraded)
    return LOTS.changed(call, outcome, await warnings_of_grading(call, fact))


@endpoint(
    "DELETE",
    "/v1/recovered-lots/{lot}",
    roles=TRADERS,
    summary="Withdraw a recovered lot",
    tag=TAG,
    query=DryRun,
    answer=SupplyAccepted,
    versioned=True,
    description="What open matches hold stays held. A withdrawn lot stays readable.",
)
async def withdraw(call: Call[Nothing, DryRun]) -> Answer:
    return await LOTS.withdraw(call)


@endpoint(
    "GET",
    "/v1/recovered-lots/{lot}/candidates",
    roles=READERS,
    summary="Who would buy, and who would not and why",
    tag=TAG,
    answer=CandidatesView,
    cost=COST,
    description=FOUND,
)
async def candidates_of(call: Call[Nothing, Nothing]) -> Answer:
    return await LOTS.candidates(call)


@endpoint(
    "GET",
    "/v1/recovered-lots/{lot}/explanation",
    roles=READERS,
    summary="What became of it in a round, and why",
    tag=TAG,
    query=RoundQuery,
    answer=OrderInRoundView,
    description=EXPLAINED,
    cost=COST,
)
async def explanation_of(call: Call[Nothing, RoundQuery]) -> Answer:
    return await LOTS.explanation(call)


HANDLERS: Final = (post, index, read, candidates_of, explanation_of, amend, grade, withdraw)
