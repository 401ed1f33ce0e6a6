"""Commands of an agreement's volumes, given by a side or by a timer."""

from collections.abc import Sequence
from typing import Final

from contracts.commands.indices import read_units, windows_of
from contracts.commands.steps import A, AgreementStep
from contracts.rules import clock, nominations, year_accounts
from contracts.rules.index_units import terms_read
from contracts.rules.nominations import VolumeState
from contracts.rules.standing import PassTime
from contracts.rules.year_accounts import AccountState, unpriced_day
from contracts.rules.year_prices import year_formula
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
    """The state of a year's account; with the price by formula, if the year is due and nothing was invoiced
    in it."""
    states = []
    for ask, state in zip(asked, await _load(connection, asked, moment), strict=True):
        agreement, formula = state.agreement, None
        last_day = None if agreement is None else unpriced_day(agreement, state.volumes, moment.now)
        if last_day is not None and agreement is not None:
            units = await read_units(connection, agreement, [last_day], ask.lanes)
            windows = windows_of(terms_read(agreement, last_day, units), [last_day], ask.lanes)
            values = await load_values(connection, windows)
            formula = year_formula(agreement, last_day, units, values, moment.now)
        states.append(
            AccountState(lane=ask.lane, agreement=agreement, volumes=state.volumes, formula=formula)
        )
    return states


nominate: Final = AgreementStep("agreement.nominate", _load, nominations.nominate)
declare_output: Final = AgreementStep("agreement.declare-output", _load, year_accounts.declare_output)
notify_shortfall: Final = AgreementStep("agreement.notify-shortfall", _load, year_accounts.notify_shortfall)
pass_time: Final = AgreementStep("agreement.pass-time", _load_accounts, clock.pass_time)
"""`store.due` finds the agreements."""
