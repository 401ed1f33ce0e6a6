"""Applies facts of the contracts stream to the tables."""

from collections.abc import Sequence

from contracts.rules.open_contests import ContestFact
from contracts.rules.volumes import VolumeFact
from contracts.store import (
    agreements,
    contests,
    deliveries,
    due,
    indices,
    invoices,
    issued_invoices,
    payments,
    volumes,
)
from events.connections import Connection
from events.contract_events import IndexPublished, InvoiceSettled
from events.envelope import Recorded
from events.facts import DeliveryFact, LifecycleFact, PaymentFact
from events.payment_events import InvoiceReferenced


async def apply(connection: Connection, events: Sequence[Recorded]) -> None:
    """Applies events of the contracts stream to the tables, in a constant number of statements.

    Events of one lane come in order of position. RowCountWrong or LookupError when tables and record do not
    agree, ValueError for a fact without a table.
    """
    lifecycle = [(event, event.data) for event in events if isinstance(event.data, LifecycleFact)]
    volume = [(event, event.data) for event in events if isinstance(event.data, VolumeFact)]
    delivery = [(event, event.data) for event in events if isinstance(event.data, DeliveryFact)]
    invoice = [(event, event.data) for event in events if isinstance(event.data, InvoiceSettled)]
    placed = (
        LifecycleFact
        | VolumeFact
        | DeliveryFact
        | InvoiceSettled
        | PaymentFact
        | InvoiceReferenced
        | IndexPublished
    )
    unplaced = {event.type for event in events if not isinstance(event.data, placed)}
    if unplaced:
        raise ValueError(f"no table is placed for {', '.join(sorted(unplaced))}")
    if lifecycle:
        await agreements.apply(connection, lifecycle)
    if volume:
        await volumes.apply(connection, volume)
    if delivery:
        await deliveries.apply(connection, delivery)
    if invoice:
        await invoices.apply(connection, invoice)
    issued = [
        (event, fact) for event, fact in (*delivery, *invoice) if isinstance(fact, issued_invoices.Issuing)
    ]
    if issued:
        await issued_invoices.apply(connection, issued)
    settling = [(event, fact) for event, fact in issued if payments.meets_others(fact)]
    if settling:
        await payments.apply_standings(
            connection, {payments.key_of(event, fact): event.time for event, fact in settling}
        )
    await _told(connection, events)
    changed = {agreements.key_of(event, fact) for event, fact in (*lifecycle, *volume)}
    if changed:
        await due.apply(connection, changed)


async def _told(connection: Connection, events: Sequence[Recorded]) -> None:
    """Applies facts about invoices, payments, contests and index values."""
    payment = [(event, event.data) for event in events if isinstance(event.data, PaymentFact)]
    if payment:
        await payments.apply(connection, payment)
    reference = [(event, event.data) for event in events if isinstance(event.data, InvoiceReferenced)]
    if reference:
        await issued_invoices.apply_references(connection, reference)
    contested = [(event, event.data) for event in events if isinstance(event.data, ContestFact)]
    if contested:
        await contests.apply(connection, contested)
    index = [(event, event.data) for event in events if isinstance(event.data, IndexPublished)]
    if index:
        await indices.apply(connection, index)
