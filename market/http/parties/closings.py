"""The end of an organisation: asked for by its admin, done by an operator."""

from typing import Any, Final

from events.party_events import ApiKeyRevoked
from market.commands import parties as commands
from market.http.parties.organisations import TAG, OrganisationAccepted, load
from market.http.wire.access import OPERATORS, OWN_ADMINS
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint
from market.http.wire.ids import to_text
from market.http.wire.open_money import open_money
from market.http.wire.receipts import Done, Warned
from market.http.wire.steps import given
from market.rules.parties.closings import AskClosing, CloseOrganisation, WithdrawClosing
from market.rules.parties.parties import Organisation

CLOSING: Final = "/v1/organisations/{organisation}/closing"


@endpoint(
    "POST",
    CLOSING,
    roles=OWN_ADMINS,
    summary="Ask to be closed",
    tag=TAG,
    query=DryRun,
    answer=OrganisationAccepted,
    idempotent=True,
    description="One's own organisation. Nothing changes by it but that an operator may close it. Invoices "
    "that are not settled, and payments that wait for their payee's word, are warned of.",
)
async def ask(call: Call[Nothing, DryRun]) -> Answer:
    row = await load(call)
    outcome = await given(
        call, commands.ask_closing, AskClosing(caller=call.caller, organisation=row.organisation)
    )
    return _answer(call, row, outcome, await open_money(call, row.organisation))


@endpoint(
    "DELETE",
    CLOSING,
    roles=OWN_ADMINS,
    summary="Take back that one asked to be closed",
    tag=TAG,
    query=DryRun,
    answer=OrganisationAccepted,
)
async def withdraw(call: Call[Nothing, DryRun]) -> Answer:
    row = await load(call)
    outcome = await given(
        call, commands.withdraw_closing, WithdrawClosing(caller=call.caller, organisation=row.organisation)
    )
    return _answer(call, row, outcome)


@endpoint(
    "POST",
    "/v1/organisations/{organisation}/close",
    roles=OPERATORS,
    summary="Close an organisation",
    tag=TAG,
    query=DryRun,
    answer=OrganisationAccepted,
    idempotent=True,
    description="For good, once its admin has asked; by an operator of another organisation. Refused while "
    "anything of it is open, all of it named. With it end its keys, webhooks, stream and memberships. "
    "This process refuses its keys at once, others within a minute. What is still to be paid, by it or to "
    "it, keeps nobody and is warned of.",
)
async def close(call: Call[Nothing, DryRun]) -> Answer:
    row = await load(call)
    outcome = await given(
        call,
        commands.close_organisation,
        CloseOrganisation(caller=call.caller, organisation=row.organisation),
    )
    return _answer(call, row, outcome, await open_money(call, row.organisation))


def _answer(
    call: Call[Any, DryRun], row: Organisation, outcome: Done, warnings: tuple[Warned, ...] = ()
) -> Answer:
    """Keys that ended are forgotten here at once."""
    if not outcome.validated_only:
        for fact in outcome.facts:
            if isinstance(fact, ApiKeyRevoked):
                call.door.keys.forget(fact.key)
    return outcome.answer(
        OrganisationAccepted(id=to_text("org", row.organisation), warnings=warnings, **outcome.accepted())
    )


HANDLERS: Final = (ask, withdraw, close)
