"""What is paid for a delivery in the end, what a restated index changes, and a quarter's difference."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from msgspec import Struct

from contracts.rules.agreement import Agreement
from contracts.rules.agreements import decision
from contracts.rules.assays import buyer_share_cents
from contracts.rules.delivery import OPEN, Delivery, DeliveryState, known, midnight, party_of, status_refusals
from contracts.rules.delivery_refusals import (
    AlreadySettled,
    NoContractForDifference,
    NothingDelivered,
    NothingRestated,
    NotSettledYet,
    QuarterNotOver,
    QuarterStart,
    QuarterUndecided,
)
from contracts.rules.invoices import credit, difference, line, settled_line, total_cents, umpire_cost
from contracts.rules.prices import Priced, Quotation, delivery_price, difference_price, index_of
from contracts.rules.quotation import (
    Days,
    IndexValues,
    quarter_of,
    quotation_days,
    quote_days,
    quote_rate,
)
from events.callers import Caller
from events.contract_events import InvoiceSettled
from events.contract_terms import ContractForDifference, IndexReference, InvoiceLine, Settles
from events.decision import Decision, Moment
from events.refusal import refuse
from events.vocabulary import Period
from events.wellformed import malformed


class Settle(Struct, frozen=True, kw_only=True):
    """The final invoice of an accepted delivery."""

    caller: Caller
    delivery: UUID


class Restate(Struct, frozen=True, kw_only=True):
    """A difference line for a settled delivery whose index was restated since."""

    caller: Caller
    delivery: UUID


class SettleQuarter(Struct, frozen=True, kw_only=True):
    """`quarter`: its first day. Settled once; what was restated since gives a difference line."""

    caller: Caller
    agreement: UUID
    quarter: date


class QuarterState(Struct, frozen=True, kw_only=True):
    """`deliveries` are those shipped in the quarter, `invoices` the agreement's for it, in order."""

    lane: int
    agreement: Agreement | None
    deliveries: tuple[Delivery, ...] = ()
    invoices: tuple[InvoiceSettled, ...] = ()
    values: IndexValues = {}


def settle(state: DeliveryState, argument: Settle, moment: Moment) -> Decision:
    """Final price × settled quantity, less what was paid on documents. Raises Refusals."""
    agreement, _ = party_of(state, argument.caller)
    delivery = known(state)
    refuse(status_refusals(delivery, "accepted"))
    if state.invoices:
        raise AlreadySettled(invoice=state.invoices[0].invoice)
    price = _final_price(agreement, delivery, state.values, moment.now)
    assert delivery.accepted is not None
    lines = (
        line("final", delivery.accepted.quantity_g, price),
        *(credit(each) for each in delivery.shipped.lines),
        *umpire_cost(_umpire_share(delivery)),
    )
    invoice = _of_delivery(agreement, delivery, moment, lines, "final")
    refuse(malformed(invoice))
    return decision(agreement, invoice)


def restate(state: DeliveryState, argument: Restate, moment: Moment) -> Decision:
    """The settled invoice stays; the line says what today's values add. Raises Refusals."""
    agreement, _ = party_of(state, argument.caller)
    delivery = known(state)
    settled = settled_line(state.invoices, "final")
    if settled is None:
        raise NotSettledYet
    found = difference(settled, _final_price(agreement, delivery, state.values, moment.now))
    if found.price_micro_per_kg == 0:
        raise NothingRestated
    invoice = _of_delivery(
        agreement, delivery, moment, (found,), "restatement", restates=state.invoices[-1].invoice
    )
    return decision(agreement, invoice)


def settle_quarter(state: QuarterState, argument: SettleQuarter, moment: Moment) -> Decision:
    """max(0, F − P̄) · Q − u · max(0, P̄ − F) · Q over what was accepted. Raises Refusals."""
    agreement, _ = party_of(DeliveryState(lane=state.lane, agreement=state.agreement), argument.caller)
    clause = agreement.terms.price if agreement.standing is not None else None
    if not isinstance(clause, ContractForDifference):
        raise NoContractForDifference
    days = quarter_of(argument.quarter)
    if days.start != argument.quarter:
        raise QuarterStart(pointer="/quarter")
    if moment.now < midnight(days.end):
        raise QuarterNotOver(last=days.last.isoformat())
    if any(delivery.status in OPEN for delivery in state.deliveries):
        raise QuarterUndecided
    price = difference_price(clause, _quotation(clause.index, days, state.values, moment.now))
    settled = settled_line(state.invoices, "contract_for_difference")
    if settled is None:
        quantity_g = accepted_g(state.deliveries)
        if quantity_g == 0:
            raise NothingDelivered
        found = line("contract_for_difference", quantity_g, price)
    else:
        found = difference(settled, price)
        if found.price_micro_per_kg == 0:
            raise AlreadySettled(invoice=state.invoices[-1].invoice)
    invoice = InvoiceSettled(
        market=agreement.market,
        agreement=agreement.agreement,
        invoice=moment.new_id(),
        period=Period(start=midnight(days.start), end=midnight(days.end)),
        restates=state.invoices[-1].invoice if settled is not None else None,
        settles="contract_for_difference" if settled is None else "restatement",
        currency=agreement.terms.payment.currency,
        lines=(found,),
        total_cents=found.amount_cents,
    )
    return decision(agreement, invoice)


def accepted_g(deliveries: Sequence[Delivery]) -> int:
    return sum(delivery.accepted.quantity_g for delivery in deliveries if delivery.accepted is not None)


def _final_price(agreement: Agreement, delivery: Delivery, values: IndexValues, now: datetime) -> Priced:
    terms = agreement.terms
    reference, quotation = index_of(terms.price), None
    if reference is not None:
        days = quotation_days(reference.quotation_period, delivery.shipped.shipped_on)
        quotation = _quotation(reference, days, values, now)
    return delivery_price(terms, delivery.material(terms), quotation)


def _quotation(reference: IndexReference, days: Days, values: IndexValues, now: datetime) -> Quotation:
    return Quotation(
        quote_days(values, reference, days, now),
        quote_rate(values, reference, days, now),
    )


def _umpire_share(delivery: Delivery) -> int:
    decided = delivery.umpire
    return 0 if decided is None else buyer_share_cents(decided.settled, decided.cost_cents)


def _of_delivery(
    agreement: Agreement,
    delivery: Delivery,
    moment: Moment,
    lines: tuple[InvoiceLine, ...],
    settles: Settles,
    *,
    restates: UUID | None = None,
) -> InvoiceSettled:
    return InvoiceSettled(
        market=agreement.market,
        agreement=agreement.agreement,
        invoice=moment.new_id(),
        delivery=delivery.shipped.delivery,
        year=delivery.shipped.year,
        restates=restates,
        settles=settles,
        currency=delivery.shipped.currency,
        lines=lines,
        total_cents=total_cents(lines),
    )
