"""The final invoice of a delivery, the differences after a restated index, and a quarter's difference."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from msgspec import Struct, field
from msgspec.structs import replace

from contracts.rules.agreement import Agreement
from contracts.rules.assays import buyer_share_cents
from contracts.rules.days import midnight
from contracts.rules.delivery import OPEN, Delivery, DeliveryState, known, status_refusals
from contracts.rules.index_units import IndexUnits, priced_terms
from contracts.rules.invoices import (
    credit,
    difference,
    line,
    of_delivery,
    settled_lines,
    total_cents,
    umpire_cost,
)
from contracts.rules.price_lines import silence_was_paid
from contracts.rules.price_refusals import (
    AlreadySettled,
    NoContractForDifference,
    NothingDelivered,
    NothingRestated,
    NotSettledYet,
    QuarterNotOver,
    QuarterStart,
    QuarterUndecided,
)
from contracts.rules.prices import Priced, Quotation, delivery_price, difference_price, index_of
from contracts.rules.quotation import (
    Days,
    IndexValues,
    quarter_of,
    quotation_days,
    quote_days,
    quote_rate,
)
from contracts.rules.steps import AgreementState, decision, party
from events.callers import Caller
from events.contract_events import InvoiceSettled
from events.contract_terms import AgreementTerms, InvoiceLine
from events.decision import Decision, Moment
from events.price_clauses import ContractForDifference, IndexReference
from events.refusal import refuse
from events.vocabulary import Period
from events.wellformed import malformed


class Settle(Struct, frozen=True, kw_only=True):
    """The final invoice of an accepted delivery."""

    caller: Caller
    delivery: UUID


class Restate(Struct, frozen=True, kw_only=True):
    """A difference invoice for a settled delivery whose index was restated later."""

    caller: Caller
    delivery: UUID


class SettleQuarter(Struct, frozen=True, kw_only=True):
    """`quarter`: its first day. Settled once; later restatements lead to a difference invoice."""

    caller: Caller
    agreement: UUID
    quarter: date


class QuarterState(AgreementState, frozen=True, kw_only=True):
    """`deliveries` are those shipped in the quarter, by day; `invoices` are the agreement's for the quarter,
    in order."""

    deliveries: tuple[Delivery, ...] = ()
    invoices: tuple[InvoiceSettled, ...] = ()
    values: IndexValues = field(default_factory=dict)
    units: IndexUnits = field(default_factory=dict)


def settle(state: DeliveryState, argument: Settle, moment: Moment) -> Decision:
    """Final price × settled quantity, minus the provisional invoice. Raises Refusals."""
    agreement, _ = party(state, argument.caller)
    delivery = known(state)
    refuse(status_refusals(delivery, "accepted", "lost"))
    if state.invoices:
        raise AlreadySettled(invoice=f"inv_{state.invoices[0].invoice.hex}")
    price = _final_price(agreement, delivery, state, moment.now)
    assert delivery.taken_g is not None
    lines = (
        line("final", delivery.taken_g, price),
        *(credit(each) for each in delivery.shipped.lines),
        *umpire_cost(_umpire_share(delivery)),
    )
    invoice = of_delivery(delivery.shipped, moment.new_id(), "final", lines)
    refuse(malformed(invoice))
    return decision(agreement, invoice)


def restate(state: DeliveryState, argument: Restate, moment: Moment) -> Decision:
    """The settled invoice stays; a new one has the difference by today's values. Raises Refusals."""
    agreement, _ = party(state, argument.caller)
    delivery = known(state)
    if not settled_lines(state.invoices, "final"):
        raise NotSettledYet
    found = restatement(state, moment.now)
    if found is None:
        raise NothingRestated
    invoice = of_delivery(
        delivery.shipped, moment.new_id(), "restatement", (found,), restates=state.invoices[-1].invoice
    )
    return decision(agreement, invoice)


def restatement(state: DeliveryState, now: datetime) -> InvoiceLine | None:
    """The difference by today's values for a settled delivery; None if it is not settled, or there is no
    difference."""
    settled = settled_lines(state.invoices, "final")
    if state.agreement is None or state.delivery is None or not settled or not settled[0].quantity_g:
        return None
    found = difference(settled[0], _final_price(state.agreement, state.delivery, state, now))
    return found if found.price_micro_per_kg else None


def settle_quarter(state: QuarterState, argument: SettleQuarter, moment: Moment) -> Decision:
    """max(0, F − P̄) · Q − u · max(0, P̄ − F) · Q over the accepted quantity; one line per terms in force in
    the quarter.

    Raises Refusals.
    """
    agreement, _ = party(state, argument.caller)
    days = quarter_of(argument.quarter)
    parts = [] if agreement.standing is None else _quarter_parts(agreement, days, state.deliveries)
    if not parts:
        raise NoContractForDifference
    if days.start != argument.quarter:
        raise QuarterStart(pointer="/quarter")
    if moment.now < midnight(days.end):
        raise QuarterNotOver(last=days.last.isoformat())
    if any(delivery.status in OPEN for delivery in state.deliveries):
        raise QuarterUndecided
    prices = [
        difference_price(clause, _quotation(clause.index, days, state.values, moment.now))
        for clause in (_clause(agreement, stretch, state.units) for stretch, _ in parts)
    ]
    settled = settled_lines(state.invoices, "contract_for_difference")
    if settled:
        lines = [difference(each, price) for each, price in zip(settled, prices, strict=True)]
        if not any(each.price_micro_per_kg for each in lines):
            raise AlreadySettled(invoice=f"inv_{state.invoices[-1].invoice.hex}")
    else:
        quantities = [accepted_g(deliveries) for _, deliveries in parts]
        if not any(quantities):
            raise NothingDelivered
        lines = [
            line("contract_for_difference", quantity_g, price)
            for quantity_g, price in zip(quantities, prices, strict=True)
        ]
    invoice = InvoiceSettled(
        market=agreement.market,
        agreement=agreement.agreement,
        invoice=moment.new_id(),
        period=Period(start=midnight(days.start), end=midnight(days.end)),
        restates=state.invoices[-1].invoice if settled else None,
        settles="restatement" if settled else "contract_for_difference",
        currency=agreement.terms.payment.currency,
        lines=tuple(lines),
        total_cents=total_cents(lines),
    )
    return decision(agreement, invoice)


def _quarter_parts(
    agreement: Agreement, days: Days, deliveries: Sequence[Delivery]
) -> list[tuple[Days, list[Delivery]]]:
    """The periods of the quarter with a contract for difference, each with the deliveries shipped under
    it."""
    parts: list[tuple[Days, list[Delivery]]] = []
    for terms, stretch in terms_between(agreement, days):
        if isinstance(terms.price, ContractForDifference):
            shipped = [each for each in deliveries if stretch.start <= each.shipped.shipped_on < stretch.end]
            parts.append((stretch, shipped))
    return parts


def _clause(agreement: Agreement, stretch: Days, units: IndexUnits) -> ContractForDifference:
    price = priced_terms(agreement, stretch.start, units).price
    assert isinstance(price, ContractForDifference)
    return price


def terms_between(agreement: Agreement, days: Days) -> list[tuple[AgreementTerms, Days]]:
    """The terms in force on some of the days, in order, each with its period."""
    edges = [each.until + timedelta(days=1) for each in agreement.superseded]
    inner = sorted({edge for edge in edges if days.start < edge < days.end})
    starts = [days.start, *inner]
    return [
        (agreement.terms_on(start), Days(start, end))
        for start, end in zip(starts, [*inner, days.end], strict=True)
    ]


def settles_quarterly(agreement: Agreement | None, day: date) -> bool:
    """Whether a shipment on `day` counts for the difference of its quarter."""
    if agreement is None or agreement.standing is None:
        return False
    return isinstance(agreement.terms_on(day).price, ContractForDifference)


def accepted_g(deliveries: Sequence[Delivery]) -> int:
    return sum(delivery.taken_g or 0 for delivery in deliveries)


def _final_price(agreement: Agreement, delivery: Delivery, state: DeliveryState, now: datetime) -> Priced:
    terms = priced_terms(agreement, delivery.shipped.shipped_on, state.units)
    reference, quotation = index_of(terms.price), None
    if reference is not None:
        days = quotation_days(reference.quotation_period, delivery.shipped.shipped_on)
        quotation = _quotation(reference, days, state.values, now)
    material = delivery.material(terms)
    told = material.silence_paid or any(silence_was_paid(each.lines) for each in state.invoices)
    material = replace(material, silence_paid=state.silence_paid or told)
    return delivery_price(terms, material, quotation)


def _quotation(reference: IndexReference, days: Days, values: IndexValues, now: datetime) -> Quotation:
    return Quotation(
        quote_days(values, reference, days, now),
        quote_rate(values, reference, days, now),
    )


def _umpire_share(delivery: Delivery) -> int:
    decided = delivery.umpire
    return 0 if decided is None else buyer_share_cents(decided.settled, decided.cost_cents)
