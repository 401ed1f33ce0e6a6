"""Volumes of agreements: what a side says of a quantity, and what the clock makes of it."""

from collections.abc import Sequence
from typing import Final

from contracts.commands.indices import windows_of
from contracts.commands.steps import A, AgreementStep
from contracts.rules import clock, nominations, year_accounts
from contracts.rules.nominations import VolumeState
from contracts.rules.standing import PassTime
from contracts.rules.year_accounts import AccountState, unpriced_day
from contracts.rules.year_prices import formula_price
from contracts.store.agreements import load_agreements
from contracts.store.indices import load_values
from contracts.store.volumes import load_volumes
from events.connections import Connection
from events.decision import Moment
from events.desk import InMarket


async def _load(
    connection: Connection, asked: Sequence[InMarket[A]], moment: Moment
) -> Sequence[VolumeState]:
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


async def _load_accounts(
    connection: Connection, asked: Sequence[InMarket[PassTime]], moment: Moment
) -> Sequence[AccountState]:
    """With the formula's price of a year that is due and in which nothing was invoiced."""
    states = []
    for ask, state in zip(asked, await _load(connection, asked, moment), strict=True):
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


nominate: Final = AgreementStep("agreement.nominate", _load, nominations.nominate)
declare_output: Final = AgreementStep("agreement.declare-output", _load, year_accounts.declare_output)
notify_shortfall: Final = AgreementStep("agreement.notify-shortfall", _load, year_accounts.notify_shortfall)
pass_time: Final = AgreementStep("agreement.pass-time", _load_accounts, clock.pass_time)
"""`store.due` tells of which agreements."""
