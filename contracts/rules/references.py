"""An invoice's number in the books of either side: the seller's document, the buyer's posting."""

from datetime import date
from uuid import UUID

from msgspec import UNSET, Struct

from contracts.rules.payment import Payable
from contracts.rules.payment_refusals import InvoiceUnknown
from contracts.rules.refusals import DateInFuture
from contracts.rules.steps import fact_draft
from events.callers import Caller, role_refusals
from events.decision import Decision, Moment
from events.local_days import latest_day
from events.payment_events import InvoiceReferenced
from events.refusal import refuse
from events.wellformed import malformed


class ReferToInvoice(Struct, frozen=True, kw_only=True):
    """By either side, for its own books; may be repeated to correct it. `dated_on`: date of the document."""

    caller: Caller
    invoice: UUID
    reference: str
    dated_on: date | None = None


class ReferenceState(Struct, frozen=True, kw_only=True):
    lane: int
    invoice: Payable | None = None


def refer(state: ReferenceState, argument: ReferToInvoice, moment: Moment) -> Decision:
    """Raises Refusals."""
    caller, invoice = argument.caller, state.invoice
    refuse(role_refusals(caller, "trader", "accountant"))
    if invoice is None or invoice.other_than(caller.organisation) is None:
        raise InvoiceUnknown
    fact = InvoiceReferenced(
        market=invoice.market,
        agreement=invoice.agreement,
        invoice=invoice.invoice,
        by="seller" if caller.organisation == invoice.seller else "buyer",
        reference=argument.reference,
        dated_on=UNSET if argument.dated_on is None else argument.dated_on,
    )
    refuse(malformed(fact))
    today = latest_day(moment.now)
    if argument.dated_on is not None and argument.dated_on > today:
        day = argument.dated_on.isoformat()
        refuse([DateInFuture(pointer="/dated_on", day=day, today=today.isoformat())])
    return Decision(drafts=(fact_draft(state.lane, fact.agreement, fact),))


def decided_again(state: ReferenceState, fact: InvoiceReferenced, caller: Caller, moment: Moment) -> Decision:
    """Decides again from the fact's inputs. Raises Refusals."""
    dated_on = None if fact.dated_on is UNSET else fact.dated_on
    argument = ReferToInvoice(
        caller=caller, invoice=fact.invoice, reference=fact.reference, dated_on=dated_on
    )
    return refer(state, argument, moment)
