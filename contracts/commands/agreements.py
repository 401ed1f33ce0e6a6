"""Agreements: one step each of their life, by a party or by the clock."""

from collections.abc import Sequence
from typing import Final

from contracts.commands.steps import A, AgreementStep
from contracts.rules import agreements as rules
from contracts.rules import contests, standing
from contracts.rules.agreements import DraftAgreement
from contracts.rules.steps import AgreementState
from contracts.store import agreements as store
from events.connections import Connection
from events.decision import Moment, Request
from events.desk import Answer, Desk, InMarket, in_market, submit


async def _none_yet(
    connection: Connection, asked: Sequence[InMarket[DraftAgreement]], moment: Moment
) -> Sequence[AgreementState]:
    del connection, moment
    return [AgreementState(lane=ask.lane) for ask in asked]


async def load(
    connection: Connection, asked: Sequence[InMarket[A]], moment: Moment
) -> Sequence[AgreementState]:
    del moment
    keys = [(ask.lane, ask.market, ask.argument.agreement) for ask in asked]
    agreements = await store.load_agreements(connection, keys)
    return [AgreementState(lane=ask.lane, agreement=agreements.get(ask.argument.agreement)) for ask in asked]


DRAFT: Final = in_market("agreement.draft", _none_yet, rules.draft)


async def draft(
    desk: Desk, argument: DraftAgreement, *, request: Request | None = None, dry_run: bool = False
) -> Answer:
    """Basis and active members of the market are those that whoever asks has just read."""
    lane = desk.lane("contracts", argument.market)
    return await submit(
        desk,
        DRAFT,
        InMarket(lane=lane.lane, lanes=desk.lanes, market=argument.market, argument=argument),
        caller=argument.caller,
        lanes=[lane],
        touches=frozenset(),
        request=request,
        dry_run=dry_run,
    )


propose: Final = AgreementStep("agreement.propose", load, rules.propose)
withdraw: Final = AgreementStep("agreement.withdraw", load, rules.withdraw)
settle_condition: Final = AgreementStep("agreement.settle-condition", load, standing.settle_condition)
extend: Final = AgreementStep("agreement.extend", load, standing.extend)
suspend: Final = AgreementStep("agreement.suspend", load, standing.suspend)
resume: Final = AgreementStep("agreement.resume", load, standing.resume)
terminate: Final = AgreementStep("agreement.terminate", load, standing.terminate)
contest: Final = AgreementStep("agreement.contest", load, contests.contest)
settle_contest: Final = AgreementStep("agreement.settle-contest", load, contests.settle)
