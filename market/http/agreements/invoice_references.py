"""An invoice's number in a side's own books: that of its document, or of its posting."""

from datetime import date
from typing import Final
from uuid import UUID

from contracts.commands.references import refer
from contracts.rules.references import ReferToInvoice
from contracts.store.own_invoices import booked_alike
from events.refusal import Caution
from market.http.agreements.contract_reads import as_party
from market.http.agreements.invoice_queries import TAG
from market.http.wire.access import ACCOUNTANTS
from market.http.wire.endpoint import Answer, Call, DryRun
from market.http.wire.ids import to_text
from market.http.wire.material import Dated
from market.http.wire.receipts import Accepted, Warned, unless_unread, warned
from market.http.wire.steps import given, step_endpoint
from market.rules.refusing.wording import Code


class ReferenceBody(Dated, frozen=True, kw_only=True):
    """`dated_on`: the day of the document, where it has one."""

    reference: Code
    dated_on: date | None = None


@step_endpoint(
    "/v1/invoices/{invoice}/reference",
    roles=ACCOUNTANTS,
    summary="Say what one's own books call an invoice",
    tag=TAG,
    body=ReferenceBody,
    answer=Accepted,
    description="By the seller the number of the invoice that it issues by this one, by the buyer that of "
    "its posting. Both sides read it, in lists, files and their streams. Said again, the newest counts. A "
    "number that the same books have for another invoice is warned of (`reference_repeated`).",
    example={"reference": "RE-2028/0417", "dated_on": "2028-06-02"},
)
async def state(call: Call[ReferenceBody, DryRun]) -> Answer:
    invoice, said = call.ids["invoice"], call.body
    argument = ReferToInvoice(
        caller=call.caller, invoice=invoice, reference=said.reference, dated_on=said.dated_on
    )
    outcome = await given(call, refer, argument)
    warnings = await unless_unread(_cautions(call, invoice))
    body = Accepted(**{**outcome.accepted(), "warnings": warnings})
    return outcome.answer(body)


async def _cautions(call: Call[ReferenceBody, DryRun], invoice: UUID) -> tuple[Warned, ...]:
    async with as_party(call) as (connection, _):
        others = await booked_alike(
            connection, call.caller.organisation, call.body.reference, other_than=invoice
        )
    return warned(
        Caution(
            code="reference_repeated",
            text=f"Your books have the same number for {to_text('inv', other)}. Correct one of them, unless "
            "one document covers both.",
            pointer="/reference",
        )
        for other in others
    )


HANDLERS: Final = (state,)
