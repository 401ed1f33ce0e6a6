"""By when the buyer has to act on a delivery: it is called upon, and from a stated instant its act is deemed
done.

Only weighing and acceptance, the buyer's own acts, are deemed; what waits for the seller, an umpire, a
surveyor, the operator or an index goes on waiting.
"""

from datetime import datetime, timedelta
from typing import Final

from msgspec import UNSET, Struct

from contracts.rules.days import day_of, midnight
from contracts.rules.delivery import Delivery
from contracts.rules.delivery_refusals import BuyerActOver
from events.contract_terms import BuyerAct
from events.delivery_events import BuyerCalled
from events.refusal import Refusal

WEIGHING_DAYS: Final = 60
"""Days after the day of shipment, by which even a lot sent by sea has arrived."""
NOTICE_DAYS: Final = 30
"""Days after the day of the call."""


class Awaited(Struct, frozen=True, kw_only=True):
    """What only the buyer can do next. `act_by`: when it is deemed done; before the buyer is `called`, the
    earliest such time."""

    act: BuyerAct
    act_by: datetime
    called: bool


def awaited(delivery: Delivery, now: datetime) -> Awaited | None:
    act = _act(delivery)
    if act is None:
        return None
    call = open_call(delivery)
    if call is not None:
        return Awaited(act=act, act_by=call.act_by, called=True)
    return Awaited(act=act, act_by=notice_over(max(now, called_from(delivery))), called=False)


def next_due(delivery: Delivery) -> datetime | None:
    """When the clock alone next changes the delivery; None: never."""
    if delivery.status == "weighed" and delivery.weighed is not None:
        return delivery.weighed.exchange_by
    if delivery.missing_pending and delivery.missing is not UNSET:
        return delivery.missing.contest_by if delivery.missing_contested is UNSET else None
    if _act(delivery) is None:
        return None
    call = open_call(delivery)
    return called_from(delivery) if call is None else call.act_by


def open_call(delivery: Delivery) -> BuyerCalled | None:
    """The call for an act that the buyer has not done yet."""
    call = delivery.called
    return None if call is UNSET or call.act != _act(delivery) else call


def called_from(delivery: Delivery) -> datetime:
    """When the buyer is called upon, if the delivery waits for it to weigh, or to accept or reject."""
    weighed = delivery.weighed
    if weighed is None:
        return midnight(delivery.shipped.shipped_on + timedelta(days=WEIGHING_DAYS + 1))
    objections = (delivery.umpire, weighed if delivery.mass_settled is UNSET else delivery.mass_settled)
    ends = [each.object_by for each in objections if each is not None and each.object_by is not UNSET]
    return max([weighed.exchange_by, *ends])


def notice_over(called_at: datetime) -> datetime:
    return midnight(day_of(called_at) + timedelta(days=NOTICE_DAYS + 1))


def late_refusals(delivery: Delivery, now: datetime) -> list[Refusal]:
    """Refusals for an act of the buyer after it is already deemed done."""
    call = open_call(delivery)
    if call is None or now < call.act_by:
        return []
    return [BuyerActOver(act=call.act, act_by=call.act_by.isoformat())]


def deemed_acts(delivery: Delivery) -> tuple[BuyerAct, ...]:
    """The acts that were deemed done for the buyer."""
    found: list[BuyerAct] = []
    if delivery.weighed is not None and delivery.weighed.deemed is not UNSET:
        found.append("weighing")
    if delivery.accepted is not None and delivery.accepted.deemed is not UNSET:
        found.append("acceptance")
    return tuple(found)


def _act(delivery: Delivery) -> BuyerAct | None:
    if delivery.status == "shipped":
        return None if delivery.missing_pending else "weighing"
    return "acceptance" if delivery.status == "assayed" and not delivery.mass_contested else None
