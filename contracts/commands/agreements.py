"""Commands of agreements: one step each, given by a party or by a timer."""

from collections.abc import Sequence
from typing import Final, TypeVar

from contracts.commands.steps import A, AgreementStep
from contracts.rules import agreements as rules
from contracts.rules import contests, standing
from contracts.rules.agreement import Agreement
from contracts.rules.agreements import DraftAgreement, ProposeTerms, SignProposal
from contracts.rules.days import day_of
from contracts.rules.effective_days import NOTHING_SETTLED, AmendingState, Settled, reaches_back, settled_by
from contracts.rules.steps import AgreementState
from contracts.store import agreements as store
from contracts.store import deliveries as delivery_store
from contracts.store.agreements import AgreementKey
from contracts.store.volumes import load_volumes
from events.connections import Connection
from events.contract_terms import AgreementTerms
from events.decision import Moment, Request
from events.desk import Answer, Desk, InMarket, in_market, submit

P = TypeVar("P", ProposeTerms, SignProposal)


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


async def load_amending(
    connection: Connection, asked: Sequence[InMarket[P]], moment: Moment
) -> Sequence[AmendingState]:
    """The state for an amendment; if its terms apply from an earlier day, also the deliveries, quarters and
    years that are already settled."""
    states = []
    for ask, state in zip(asked, await load(connection, asked, moment), strict=True):
        terms, settled = _terms(ask.argument, state.agreement), NOTHING_SETTLED
        if state.agreement is not None and terms is not None and reaches_back(terms, day_of(moment.now)):
            settled = await _settled(connection, (ask.lane, ask.market, ask.argument.agreement))
        states.append(AmendingState(lane=state.lane, agreement=state.agreement, settled=settled))
    return states


def _terms(argument: ProposeTerms | SignProposal, agreement: Agreement | None) -> AgreementTerms | None:
    if isinstance(argument, ProposeTerms):
        return argument.terms
    return None if agreement is None or agreement.table is None else agreement.table.terms


async def _settled(connection: Connection, key: AgreementKey) -> Settled:
    volumes = (await load_volumes(connection, [key]))[key[2]]
    return settled_by(*await delivery_store.last_settled(connection, key), volumes)


DRAFT: Final = in_market("agreement.draft", _none_yet, rules.draft)


async def draft(
    desk: Desk, argument: DraftAgreement, *, request: Request | None = None, dry_run: bool = False
) -> Answer:
    """The caller has just read the basis and the active members of the market."""
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


propose: Final = AgreementStep("agreement.propose", load_amending, rules.propose)
withdraw: Final = AgreementStep("agreement.withdraw", load, rules.withdraw)
settle_condition: Final = AgreementStep("agreement.settle-condition", load, standing.settle_condition)
extend: Final = AgreementStep("agreement.extend", load, standing.extend)
suspend: Final = AgreementStep("agreement.suspend", load, standing.suspend)
resume: Final = AgreementStep("agreement.resume", load, standing.resume)
terminate: Final = AgreementStep("agreement.terminate", load, standing.terminate)
contest: Final = AgreementStep("agreement.contest", load, contests.contest)
settle_contest: Final = AgreementStep("agreement.settle-contest", load, contests.settle)
