"""The command that states an invoice's number in the books of either side, and what it reads."""

from collections.abc import Sequence
from typing import Final

from contracts.rules import references as rules
from contracts.rules.payment_refusals import InvoiceUnknown
from contracts.rules.references import ReferenceState, ReferToInvoice
from contracts.store import payments as store
from events.connections import Connection
from events.decision import LaneKey, Moment, Request
from events.desk import Answer, Desk, InMarket, in_market, submit


async def _load(
    connection: Connection, asked: Sequence[InMarket[ReferToInvoice]], moment: Moment
) -> Sequence[ReferenceState]:
    del moment
    payables = await store.load_payables(connection, {ask.argument.invoice for ask in asked})
    return [ReferenceState(lane=ask.lane, invoice=payables.get(ask.argument.invoice)) for ask in asked]


_REFER: Final = in_market("invoice.refer", _load, rules.refer)


async def refer(
    desk: Desk, argument: ReferToInvoice, *, request: Request | None = None, dry_run: bool = False
) -> Answer:
    """One lane transaction. Raises what the rule raises."""
    async with desk.looking() as connection:
        place = await store.locate_invoices(connection, argument.caller.organisation, [argument.invoice])
    if place is None:
        raise InvoiceUnknown
    return await submit(
        desk,
        _REFER,
        InMarket(lane=place.lane, lanes=desk.lanes, market=place.market, argument=argument),
        caller=argument.caller,
        lanes=[LaneKey("contracts", place.lane)],
        touches=frozenset(f"agreement:{each}" for each in place.agreements),
        request=request,
        dry_run=dry_run,
    )
