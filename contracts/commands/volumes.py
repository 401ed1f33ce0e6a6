"""Volumes of agreements: what a side says of a quantity, and what the clock makes of it."""

from collections.abc import Sequence
from uuid import UUID

from contracts.commands.agreements import S, step
from contracts.commands.indices import windows_of
from contracts.rules import clock, nominations, year_accounts
from contracts.rules.nominations import NominateQuantity, VolumeState
from contracts.rules.standing import PassTime
from contracts.rules.year_accounts import AccountState, DeclareOutput, NotifyShortfall, unpriced_day
from contracts.rules.year_prices import formula_price
from contracts.store.agreements import load_agreements
from contracts.store.indices import load_values
from contracts.store.volumes import load_volumes
from events.callers import Caller
from events.connections import Connection
from events.contract_terms import NominatedPart, NominationLevel
from events.decision import Moment, Request
from events.desk import Answer, Desk, InMarket, Operation, in_market


async def load(connection: Connection, asked: Sequence[InMarket[S]], moment: Moment) -> Sequence[VolumeState]:
    del moment
    keys = [(ask.lane, ask.market, ask.argument.agreement) for ask in asked]
    agreements = await load_agreements(connection, keys)
    volumes = await load_volumes(connection, keys)
    return [
        VolumeState(
            lane=ask.lane,
            agreement=agreements.get(ask.argument.agreement),
            volumes=volumes[ask.argument.agreement],
        )
        for ask in asked
    ]


async def load_accounts(
    connection: Connection, asked: Sequence[InMarket[PassTime]], moment: Moment
) -> Sequence[AccountState]:
    """With the formula's price of a year that is due and in which nothing was invoiced."""
    states = []
    for ask, state in zip(asked, await load(connection, asked, moment), strict=True):
        last_day, formula = None, None
        if state.agreement is not None:
            last_day = unpriced_day(state.agreement, state.volumes, moment.now)
        if last_day is not None and state.agreement is not None:
            terms = state.agreement.terms_on(last_day)
            values = await load_values(connection, windows_of(terms, [last_day], ask.lanes))
            formula = formula_price(terms, last_day, values, moment.now)
        states.append(
            AccountState(lane=ask.lane, agreement=state.agreement, volumes=state.volumes, formula=formula)
        )
    return states


NOMINATE: Operation[InMarket[NominateQuantity], VolumeState] = in_market(
    "agreement.nominate", load, nominations.nominate
)
DECLARE_OUTPUT: Operation[InMarket[DeclareOutput], VolumeState] = in_market(
    "agreement.declare-output", load, year_accounts.declare_output
)
NOTIFY_SHORTFALL: Operation[InMarket[NotifyShortfall], VolumeState] = in_market(
    "agreement.notify-shortfall", load, year_accounts.notify_shortfall
)
PASS_TIME: Operation[InMarket[PassTime], AccountState] = in_market(
    "agreement.pass-time", load_accounts, clock.pass_time
)


async def nominate(
    desk: Desk,
    caller: Caller,
    *,
    agreement: UUID,
    level: NominationLevel,
    part: NominatedPart,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = NominateQuantity(caller=caller, agreement=agreement, level=level, part=part)
    return await step(desk, NOMINATE, argument, request=request, dry_run=dry_run)


async def declare_output(
    desk: Desk,
    caller: Caller,
    *,
    agreement: UUID,
    year: int,
    output_g: int,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = DeclareOutput(caller=caller, agreement=agreement, year=year, output_g=output_g)
    return await step(desk, DECLARE_OUTPUT, argument, request=request, dry_run=dry_run)


async def notify_shortfall(
    desk: Desk,
    caller: Caller,
    *,
    agreement: UUID,
    year: int,
    quantity_g: int,
    reason: str,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = NotifyShortfall(
        caller=caller, agreement=agreement, year=year, quantity_g=quantity_g, reason=reason
    )
    return await step(desk, NOTIFY_SHORTFALL, argument, request=request, dry_run=dry_run)


async def pass_time(
    desk: Desk, caller: Caller, *, agreement: UUID, request: Request | None = None, dry_run: bool = False
) -> Answer:
    """What the clock alone makes of an agreement: `store.due` tells of which."""
    argument = PassTime(caller=caller, agreement=agreement)
    return await step(desk, PASS_TIME, argument, request=request, dry_run=dry_run)
