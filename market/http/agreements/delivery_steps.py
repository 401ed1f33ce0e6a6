"""What the routes of all steps of a delivery share: tag and answer."""

from functools import partial
from typing import Annotated, Any, Final, TypeAlias, TypeVar

from msgspec import UNSET, Meta, UnsetType

from market.http.wire.endpoint import Answer, Call, DryRun
from market.http.wire.ids import DeliveryId, to_text
from market.http.wire.numbers import PERCENT, Percent
from market.http.wire.receipts import Accepted, Done, Warned
from market.http.wire.steps import Step, given, step_endpoint

TAG: Final = "Deliveries"
A = TypeVar("A")
ReceivedMoisture: TypeAlias = Annotated[
    Percent | None,
    Meta(description="As it was found, `0` of a dry sample. Left out of a lot that was shipped dry alone."),
]


class DeliveryAccepted(Accepted, frozen=True, kw_only=True):
    """`id` is null after a dry run of a shipment."""

    id: DeliveryId | None


delivery_step: Final = partial(step_endpoint, tag=TAG, answer=DeliveryAccepted)


def moisture_of(stated: str | None) -> int | UnsetType:
    """Of a mass received, as the rules are asked."""
    return UNSET if stated is None else PERCENT.parse(stated)


async def given_of(call: Call[Any, DryRun], step: Step[A], argument: A) -> Answer:
    """The answer to a step of the delivery in the path."""
    return answer(call, await given(call, step, argument))


def answer(call: Call[Any, DryRun], outcome: Done, warnings: tuple[Warned, ...] = ()) -> Answer:
    delivery = to_text("del", call.ids["delivery"])
    body = DeliveryAccepted(id=delivery, warnings=warnings, **outcome.accepted())
    return outcome.answer(body)
