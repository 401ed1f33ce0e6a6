"""Commands of payments between the sides of agreements: one step each, and what it reads."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Generic, Protocol, TypeVar
from uuid import UUID

from contracts.rules import payments as rules
from contracts.rules.payment import Payable
from contracts.rules.payment_refusals import InvoiceUnknown, PaymentUnknown
from contracts.rules.payments import Opening, PaymentState, RecordReceipt
from contracts.store import payments as store
from contracts.store.payments import AlikeKey, PaymentPlace
from events.callers import OfCaller
from events.connections import Connection
from events.decision import Decision, LaneKey, Moment, Request
from events.desk import Answer, Desk, InMarket, Operation, in_market, submit


class OfPayment(OfCaller, Protocol):
    """A command about one existing payment."""

    @property
    def payment(self) -> UUID: ...


A = TypeVar("A", bound=OfCaller)
P = TypeVar("P", bound=OfPayment)


async def _load_opening(
    connection: Connection, asked: Sequence[InMarket[Opening]], moment: Moment
) -> Sequence[PaymentState]:
    del moment
    named = {part.invoice for ask in asked for part in ask.argument.parts}
    payables = await store.load_payables(connection, named)
    keys = [_alike_key(ask, payables) for ask in asked]
    alike = await store.alike(connection, [key for key in keys if key is not None])
    return [
        PaymentState(lane=ask.lane, payables=payables, alike=None if key is None else alike.get(key))
        for ask, key in zip(asked, keys, strict=True)
    ]


def _alike_key(ask: InMarket[Opening], payables: Mapping[UUID, Payable]) -> AlikeKey | None:
    """The key under which an equal payment would exist; None if the caller is no side of the first part's
    invoice."""
    argument = ask.argument
    first = payables.get(argument.parts[0].invoice) if argument.parts else None
    caller = argument.caller.organisation
    other = None if first is None else first.other_than(caller)
    if other is None:
        return None
    payer, payee = (other, caller) if isinstance(argument, RecordReceipt) else (caller, other)
    return ask.lane, ask.market, payer, payee, argument.value_on, argument.reference


async def _load(
    connection: Connection, asked: Sequence[InMarket[P]], moment: Moment
) -> Sequence[PaymentState]:
    del moment
    keys = [(ask.lane, ask.market, ask.argument.payment) for ask in asked]
    found = await store.load_payments(connection, keys)
    named = {part.invoice for of in found.values() for part in of.opened.parts}
    payables = await store.load_payables(connection, named)
    return [
        PaymentState(lane=ask.lane, payment=found.get(ask.argument.payment), payables=payables)
        for ask in asked
    ]


class OpeningStep:
    """Called with a desk and a command, it runs one lane transaction. Raises what the rule raises."""

    def __init__(self, name: str) -> None:
        self._operation = in_market(name, _load_opening, rules.open_payment)

    async def __call__(
        self, desk: Desk, argument: Opening, *, request: Request | None = None, dry_run: bool = False
    ) -> Answer:
        named = [part.invoice for part in argument.parts]
        async with desk.looking() as connection:
            place = await store.locate_invoices(connection, argument.caller.organisation, named)
        if place is None:
            raise InvoiceUnknown(pointer="/parts/0/invoice")
        return await _give(desk, self._operation, argument, place, request=request, dry_run=dry_run)


class PaymentStep(Generic[P]):
    """As `OpeningStep`, for an existing payment."""

    def __init__(self, name: str, decide: Callable[[PaymentState, P, Moment], Decision]) -> None:
        self._operation = in_market(name, _load, decide)

    async def __call__(
        self, desk: Desk, argument: P, *, request: Request | None = None, dry_run: bool = False
    ) -> Answer:
        async with desk.looking() as connection:
            place = await store.locate(connection, argument.caller.organisation, argument.payment)
        if place is None:
            raise PaymentUnknown
        return await _give(desk, self._operation, argument, place, request=request, dry_run=dry_run)


async def _give(
    desk: Desk,
    operation: Operation[InMarket[A], PaymentState],
    argument: A,
    place: PaymentPlace,
    *,
    request: Request | None,
    dry_run: bool,
) -> Answer:
    """Payments of a market are decided one at a time, since two may have the same reference or pay the same
    invoice."""
    return await submit(
        desk,
        operation,
        InMarket(lane=place.lane, lanes=desk.lanes, market=place.market, argument=argument),
        caller=argument.caller,
        lanes=[LaneKey("contracts", place.lane)],
        touches=frozenset({f"payments:{place.market}", *(f"agreement:{each}" for each in place.agreements)}),
        request=request,
        dry_run=dry_run,
    )


state: Final = OpeningStep("payment.state")
record_receipt: Final = OpeningStep("payment.record-receipt")
confirm: Final = PaymentStep("payment.confirm", rules.confirm)
deny: Final = PaymentStep("payment.deny", rules.deny)
withdraw: Final = PaymentStep("payment.withdraw", rules.withdraw)
reverse: Final = PaymentStep("payment.reverse", rules.reverse)
