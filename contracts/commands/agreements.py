"""Agreements: one function per step of their life, by a party or by the clock; each one lane transaction."""

from collections.abc import Sequence
from datetime import date
from typing import Literal, Protocol, TypeVar
from uuid import UUID

from contracts.rules import agreements as rules
from contracts.rules import standing
from contracts.rules.agreements import (
    AgreementState,
    DraftAgreement,
    ProposeTerms,
    SignProposal,
    WithdrawProposal,
)
from contracts.rules.refusals import AgreementUnknown
from contracts.rules.standing import (
    Extend,
    Resume,
    SettleCondition,
    Suspend,
    Terminate,
    TerminationReason,
)
from contracts.store import agreements as store
from contracts.store.agreements import AgreementPlace
from events.callers import Caller
from events.connections import Connection
from events.contract_terms import AgreementKind, AgreementTerms, Evidence
from events.decision import LaneKey, Moment, Request
from events.desk import Answer, Desk, InMarket, Operation, in_market, submit
from events.vocabulary import MarketBasis, Period, Side


class Step(Protocol):
    """What is asked of one agreement."""

    @property
    def caller(self) -> Caller: ...

    @property
    def agreement(self) -> UUID: ...


S = TypeVar("S", bound=Step)
T = TypeVar("T", bound=AgreementState)


async def _none_yet(
    connection: Connection, asked: Sequence[InMarket[DraftAgreement]], moment: Moment
) -> Sequence[AgreementState]:
    del connection, moment
    return [AgreementState(lane=ask.lane) for ask in asked]


async def load(
    connection: Connection, asked: Sequence[InMarket[S]], moment: Moment
) -> Sequence[AgreementState]:
    del moment
    keys = [(ask.lane, ask.market, ask.argument.agreement) for ask in asked]
    agreements = await store.load_agreements(connection, keys)
    return [AgreementState(lane=ask.lane, agreement=agreements.get(ask.argument.agreement)) for ask in asked]


DRAFT = in_market("agreement.draft", _none_yet, rules.draft)
PROPOSE: Operation[InMarket[ProposeTerms], AgreementState] = in_market(
    "agreement.propose", load, rules.propose
)
WITHDRAW: Operation[InMarket[WithdrawProposal], AgreementState] = in_market(
    "agreement.withdraw", load, rules.withdraw
)
SIGN: Operation[InMarket[SignProposal], AgreementState] = in_market("agreement.sign", load, rules.sign)
SETTLE: Operation[InMarket[SettleCondition], AgreementState] = in_market(
    "agreement.settle-condition", load, standing.settle_condition
)
EXTEND: Operation[InMarket[Extend], AgreementState] = in_market("agreement.extend", load, standing.extend)
SUSPEND: Operation[InMarket[Suspend], AgreementState] = in_market("agreement.suspend", load, standing.suspend)
RESUME: Operation[InMarket[Resume], AgreementState] = in_market("agreement.resume", load, standing.resume)
TERMINATE: Operation[InMarket[Terminate], AgreementState] = in_market(
    "agreement.terminate", load, standing.terminate
)


async def draft(
    desk: Desk,
    caller: Caller,
    *,
    market: UUID,
    kind: AgreementKind,
    side: Side,
    counterparty: UUID,
    basis: MarketBasis,
    members: frozenset[UUID],
    terms: AgreementTerms,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    """`basis` and active `members` of the market, as whoever asks has just read them."""
    lane = desk.lane("contracts", market)
    argument = DraftAgreement(
        caller=caller,
        market=market,
        kind=kind,
        side=side,
        counterparty=counterparty,
        basis=basis,
        members=members,
        terms=terms,
    )
    return await submit(
        desk,
        DRAFT,
        InMarket(lane=lane.lane, lanes=desk.lanes, market=market, argument=argument),
        caller=caller,
        lanes=[lane],
        touches=frozenset(),
        request=request,
        dry_run=dry_run,
    )


async def propose(
    desk: Desk,
    caller: Caller,
    *,
    agreement: UUID,
    expected_version: int,
    terms: AgreementTerms,
    note: str | None = None,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = ProposeTerms(
        caller=caller, agreement=agreement, expected_version=expected_version, terms=terms, note=note
    )
    return await step(desk, PROPOSE, argument, request=request, dry_run=dry_run)


async def withdraw(
    desk: Desk,
    caller: Caller,
    *,
    agreement: UUID,
    expected_version: int,
    proposal: int,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = WithdrawProposal(
        caller=caller, agreement=agreement, expected_version=expected_version, proposal=proposal
    )
    return await step(desk, WITHDRAW, argument, request=request, dry_run=dry_run)


async def sign(
    desk: Desk,
    caller: Caller,
    *,
    agreement: UUID,
    expected_version: int,
    proposal: int,
    binding: bool,
    side: Side | None = None,
    group: UUID | None = None,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = SignProposal(
        caller=caller,
        agreement=agreement,
        expected_version=expected_version,
        proposal=proposal,
        binding=binding,
        side=side,
        group=group,
    )
    return await step(desk, SIGN, argument, request=request, dry_run=dry_run)


async def settle_condition(
    desk: Desk,
    caller: Caller,
    *,
    agreement: UUID,
    expected_version: int,
    condition: str,
    outcome: Literal["met", "waived"],
    on: date,
    evidence: tuple[Evidence, ...] = (),
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = SettleCondition(
        caller=caller,
        agreement=agreement,
        expected_version=expected_version,
        condition=condition,
        outcome=outcome,
        on=on,
        evidence=evidence,
    )
    return await step(desk, SETTLE, argument, request=request, dry_run=dry_run)


async def extend(
    desk: Desk,
    caller: Caller,
    *,
    agreement: UUID,
    expected_version: int,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = Extend(caller=caller, agreement=agreement, expected_version=expected_version)
    return await step(desk, EXTEND, argument, request=request, dry_run=dry_run)


async def suspend(
    desk: Desk,
    caller: Caller,
    *,
    agreement: UUID,
    expected_version: int,
    period: Period,
    reason: str,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = Suspend(
        caller=caller, agreement=agreement, expected_version=expected_version, period=period, reason=reason
    )
    return await step(desk, SUSPEND, argument, request=request, dry_run=dry_run)


async def resume(
    desk: Desk,
    caller: Caller,
    *,
    agreement: UUID,
    expected_version: int,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = Resume(caller=caller, agreement=agreement, expected_version=expected_version)
    return await step(desk, RESUME, argument, request=request, dry_run=dry_run)


async def terminate(
    desk: Desk,
    caller: Caller,
    *,
    agreement: UUID,
    expected_version: int,
    reason: TerminationReason,
    note: str | None = None,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = Terminate(
        caller=caller, agreement=agreement, expected_version=expected_version, reason=reason, note=note
    )
    return await step(desk, TERMINATE, argument, request=request, dry_run=dry_run)


async def find(desk: Desk, caller: Caller, agreement: UUID) -> AgreementPlace:
    """Raises AgreementUnknown, also for who is no party to it."""
    party = None if "operator" in caller.roles else caller.organisation
    async with desk.looking() as connection:
        place = await store.locate(connection, party, agreement)
    if place is None:
        raise AgreementUnknown
    return place


def touches(agreement: UUID) -> frozenset[str]:
    """The state that a step reads and changes."""
    return frozenset({f"agreement:{agreement}"})


async def step(
    desk: Desk,
    operation: Operation[InMarket[S], T],
    argument: S,
    *,
    request: Request | None,
    dry_run: bool,
) -> Answer:
    """One lane transaction on an agreement that exists for who asks."""
    place = await find(desk, argument.caller, argument.agreement)
    return await submit(
        desk,
        operation,
        InMarket(lane=place.lane, lanes=desk.lanes, market=place.market, argument=argument),
        caller=argument.caller,
        lanes=[LaneKey("contracts", place.lane)],
        touches=touches(argument.agreement),
        request=request,
        dry_run=dry_run,
    )
