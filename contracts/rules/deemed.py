"""What the clock alone changes in a delivery: it exchanges assays, calls upon the buyer, deems its act done,
and settles a non-arrival that nobody contests."""

from uuid import UUID

from msgspec import UNSET, Struct

from contracts.rules.agreement import Agreement
from contracts.rules.calls import next_due, notice_over, open_call
from contracts.rules.days import day_of
from contracts.rules.delivered import broken
from contracts.rules.deliveries import accepted
from contracts.rules.delivery import DeliveryState, known
from contracts.rules.non_arrivals import uncontested
from contracts.rules.results import ExchangeAssays, exchange
from contracts.rules.steps import decision, of_timer
from contracts.rules.weighings import weighed
from events.callers import Caller
from events.decision import Decision, Moment
from events.delivery_events import BuyerCalled
from events.refusal import NotDue


class PassDelivery(Struct, frozen=True, kw_only=True):
    """Given by a timer with the operator's role: does what is due of the delivery."""

    caller: Caller
    delivery: UUID


def pass_time(state: DeliveryState, argument: PassDelivery, moment: Moment) -> Decision:
    """Does what is due. After a call, the buyer has the full number of days, however late the call is. Raises
    Refusals, or NotDue."""
    agreement, delivery = of_timer(state, argument.caller), known(state)
    due = next_due(delivery)
    if due is None or moment.now < due:
        raise NotDue(due="an event" if due is None else due.isoformat())
    if delivery.missing_pending:
        return uncontested(agreement, state, moment)
    if delivery.status == "weighed":
        return exchange(state, ExchangeAssays(caller=argument.caller, delivery=argument.delivery), moment)
    if open_call(delivery) is not None:
        return _deemed(agreement, state, moment)
    call = BuyerCalled(
        market=agreement.market,
        agreement=agreement.agreement,
        delivery=delivery.shipped.delivery,
        act="weighing" if delivery.status == "shipped" else "acceptance",
        act_by=notice_over(moment.now),
        broken=_broken(agreement, state) or UNSET,
    )
    return decision(agreement, call)


def _broken(agreement: Agreement, state: DeliveryState) -> tuple[str, ...]:
    delivery = known(state)
    return () if state.of_before else broken(agreement.terms_on(delivery.shipped.shipped_on), delivery)


def _deemed(agreement: Agreement, state: DeliveryState, moment: Moment) -> Decision:
    """The deemed act: weighed as shipped, or accepted as settled, since a lot that nobody rejected in time is
    accepted, off-spec or not."""
    delivery = known(state)
    if delivery.status == "assayed":
        fact = accepted(agreement, state, day_of(moment.now), deemed=True)
        return decision(agreement, fact)
    shipped = delivery.shipped
    return weighed(
        agreement, delivery, day_of(moment.now), shipped.net_wet_g, shipped.moisture_ppb, deemed=True
    )
