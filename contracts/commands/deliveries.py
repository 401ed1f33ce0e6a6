"""Commands of deliveries under an agreement: one step each, and what it reads."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final
from uuid import UUID

from msgspec import UnsetType
from msgspec.structs import replace

from contracts.commands.indices import read_units, windows_of
from contracts.commands.steps import AgreementStep, D, DeliveryStep
from contracts.rules import deemed, non_arrivals, results, returns, settlements, weighings
from contracts.rules import deliveries as rules
from contracts.rules.agreement import Agreement
from contracts.rules.days import midnight
from contracts.rules.delivered import left_g, of_match
from contracts.rules.deliveries import Ship
from contracts.rules.delivery import DeliveryState, Replaced
from contracts.rules.index_units import IndexUnits, terms_read
from contracts.rules.indices import IndexUnit
from contracts.rules.quotation import Days, IndexValues, quarter_of
from contracts.rules.replacements import replaced_in
from contracts.rules.settlements import (
    QuarterState,
    Restate,
    SettleQuarter,
    settles_quarterly,
    terms_between,
)
from contracts.store import agreements as agreement_store
from contracts.store import deliveries as store
from contracts.store import indices as index_store
from contracts.store.agreements import AgreementKey
from contracts.store.invoices import invoices_of_period, load_invoices
from contracts.store.volumes import load_years
from events.connections import Connection
from events.contract_terms import InvoiceLine
from events.decision import Moment
from events.desk import InMarket
from events.refusal import Refusal
from events.vocabulary import Code


async def load_shipping(
    connection: Connection, asked: Sequence[InMarket[Ship]], moment: Moment
) -> Sequence[DeliveryState]:
    del moment
    keys = [(ask.lane, ask.market, ask.argument.agreement) for ask in asked]
    agreements = await agreement_store.load_agreements(connection, keys)
    lots = await store.known_lots(
        connection, [(*key, ask.argument.lot_number) for key, ask in zip(keys, asked, strict=True)]
    )
    alike = [
        await store.rejected_last(connection, key, ask.argument.lot_number)
        for key, ask in zip(keys, asked, strict=True)
    ]
    years = await load_years(connection, keys)
    priced = [(agreements.get(ask.argument.agreement), ask.argument.shipped_on, ask.lanes) for ask in asked]
    units, values = await _read_indices(connection, priced)
    return [
        DeliveryState(
            lane=ask.lane,
            agreement=agreements.get(ask.argument.agreement),
            lots=frozenset(lot for agreement, lot in lots if agreement == ask.argument.agreement),
            rejected_alike=rejected,
            replaced=await _replaced(connection, key, ask.argument.replaces or rejected),
            closed_years=frozenset(
                year.year for year in years[ask.argument.agreement].values() if year.ledger is not None
            ),
            quarter_settled=await _quarter_settled(connection, key, agreements, ask.argument.shipped_on),
            left_g=await _left_g(connection, key, agreements.get(ask.argument.agreement)),
            values=values,
            units=units,
        )
        for key, ask, rejected in zip(keys, asked, alike, strict=True)
    ]


async def _replaced(
    connection: Connection, key: AgreementKey, named: UUID | UnsetType | None, but_for: UUID | None = None
) -> Replaced | None:
    if not named:
        return None
    return replaced_in(named, await store.sent_for(connection, key, named), but_for)


async def _quarter_settled(
    connection: Connection, key: AgreementKey, agreements: Mapping[UUID, Agreement], day: date
) -> bool:
    if not settles_quarterly(agreements.get(key[2]), day):
        return False
    return bool(await invoices_of_period(connection, key, midnight(quarter_of(day).start)))


async def _left_g(connection: Connection, key: AgreementKey, agreement: Agreement | None) -> int:
    """What was shipped before under the contract of a match, which has few deliveries; other agreements are
    not limited by this sum."""
    if agreement is None or not of_match(agreement) or agreement.starts_on is None:
        return 0
    assert agreement.ends_on is not None
    shipped = await store.shipped_between(connection, key, agreement.starts_on, agreement.ends_on)
    return left_g(agreement, shipped)


async def _load(
    connection: Connection, asked: Sequence[InMarket[D]], moment: Moment
) -> Sequence[DeliveryState]:
    del moment
    places = {ask.argument.delivery: (ask.lane, ask.market) for ask in asked}
    found = await store.load_deliveries(connection, [(*place, each) for each, place in places.items()])
    named = {each: of.shipped.agreement for each, of in found.items()}
    keys = [(*places[each], agreement, each) for each, agreement in named.items()]
    agreements = await agreement_store.load_agreements(
        connection, [(lane, market, agreement) for lane, market, agreement, _ in keys]
    )
    states = []
    for ask in asked:
        delivery = found.get(ask.argument.delivery)
        if delivery is None:
            states.append(DeliveryState(lane=ask.lane, agreement=None))
            continue
        shipped = delivery.shipped
        key = (ask.lane, ask.market, shipped.agreement)
        states.append(
            DeliveryState(
                lane=ask.lane,
                agreement=agreements.get(shipped.agreement),
                delivery=delivery,
                replaced=await _replaced(connection, key, shipped.replaces, shipped.delivery),
            )
        )
    return states


async def _load_settling(
    connection: Connection, asked: Sequence[InMarket[D]], moment: Moment
) -> Sequence[DeliveryState]:
    """The state of deliveries with their invoices and the index values of their prices."""
    states = await _load(connection, asked, moment)
    keys = {}
    priced = []
    for ask, state in zip(asked, states, strict=True):
        if state.delivery is not None:
            shipped = state.delivery.shipped
            keys[shipped.delivery] = (ask.lane, ask.market, shipped.agreement, shipped.delivery)
            priced.append((state.agreement, shipped.shipped_on, ask.lanes))
    invoices = await load_invoices(connection, list(keys.values()))
    units, values = await _read_indices(connection, priced)
    return [
        replace(state, invoices=tuple(invoices.get(ask.argument.delivery, ())), values=values, units=units)
        for ask, state in zip(asked, states, strict=True)
    ]


async def restatement(connection: Connection, asked: InMarket[Restate], moment: Moment) -> InvoiceLine | None:
    """What a restatement would invoice now; None if it would be refused."""
    (state,) = await _load_settling(connection, [asked], moment)
    try:
        return settlements.restatement(state, moment.now)
    except Refusal:
        return None


async def load_returning(
    connection: Connection, asked: Sequence[InMarket[D]], moment: Moment
) -> Sequence[DeliveryState]:
    """The state of deliveries with their invoices, and whether their quarters are settled."""
    states = []
    for ask, state in zip(asked, await _load(connection, asked, moment), strict=True):
        if state.delivery is None or state.agreement is None:
            states.append(state)
            continue
        shipped = state.delivery.shipped
        key = (ask.lane, ask.market, shipped.agreement)
        invoices = await load_invoices(connection, [(*key, shipped.delivery)])
        states.append(
            replace(
                state,
                invoices=tuple(invoices[shipped.delivery]),
                quarter_settled=await _quarter_settled(
                    connection, key, {shipped.agreement: state.agreement}, shipped.shipped_on
                ),
            )
        )
    return states


async def _load_quarter(
    connection: Connection, asked: Sequence[InMarket[SettleQuarter]], moment: Moment
) -> Sequence[QuarterState]:
    """Loads one at a time, since an agreement needs it four times a year."""
    del moment
    states = []
    for ask in asked:
        key = (ask.lane, ask.market, ask.argument.agreement)
        agreement = (await agreement_store.load_agreements(connection, [key])).get(ask.argument.agreement)
        days = quarter_of(ask.argument.quarter)
        edges = [] if agreement is None else [each.start for each in _stretches(agreement, days)]
        units = await read_units(connection, agreement, edges, ask.lanes)
        windows = [] if agreement is None else _quarter_windows(agreement, days, units, ask.lanes)
        states.append(
            QuarterState(
                lane=ask.lane,
                agreement=agreement,
                deliveries=await store.shipped_between(connection, key, days.start, days.end),
                invoices=await invoices_of_period(connection, key, midnight(days.start)),
                values=await index_store.load_values(connection, windows),
                units=units,
            )
        )
    return states


async def _read_indices(
    connection: Connection, priced: Sequence[tuple[Agreement | None, date, int]]
) -> tuple[dict[Code, IndexUnit], IndexValues]:
    """Units and values of the indices that price shipments, given as (agreement, day, number of lanes)."""
    units: dict[Code, IndexUnit] = {}
    windows: list[index_store.Window] = []
    for agreement, day, lanes in priced:
        units |= await read_units(connection, agreement, [day], lanes)
        if agreement is not None and agreement.standing is not None:
            windows += windows_of(terms_read(agreement, day, units), [day], lanes)
    return units, await index_store.load_values(connection, windows)


def _stretches(agreement: Agreement, days: Days) -> list[Days]:
    return [] if agreement.standing is None else [each for _, each in terms_between(agreement, days)]


def _quarter_windows(
    agreement: Agreement, days: Days, units: IndexUnits, lanes: int
) -> list[index_store.Window]:
    return [
        window
        for stretch in _stretches(agreement, days)
        for window in windows_of(terms_read(agreement, stretch.start, units), [days.start, days.last], lanes)
    ]


weigh: Final = DeliveryStep("delivery.weigh", _load, weighings.weigh)
object_to_mass: Final = DeliveryStep("delivery.object-to-mass", _load, weighings.object_to_mass)
agree_on_mass: Final = DeliveryStep("delivery.agree-on-mass", _load, weighings.agree)
survey: Final = DeliveryStep("delivery.survey", _load, weighings.survey)
declare_non_arrival: Final = DeliveryStep("delivery.declare-non-arrival", _load, non_arrivals.declare)
contest_non_arrival: Final = DeliveryStep("delivery.contest-non-arrival", _load, non_arrivals.contest)
settle_non_arrival: Final = DeliveryStep("delivery.settle-non-arrival", _load, non_arrivals.settle)
contest_return: Final = DeliveryStep("delivery.contest-return", load_returning, returns.contest)
settle_return: Final = DeliveryStep("delivery.settle-return", load_returning, returns.settle)
lodge: Final = DeliveryStep("delivery.lodge-assay", _load, results.lodge)
exchange: Final = DeliveryStep("delivery.exchange-assays", _load, results.exchange)
umpire: Final = DeliveryStep("delivery.umpire", _load, results.umpire)
object_to_umpire: Final = DeliveryStep("delivery.object-to-umpire", _load, results.object_to_umpire)
pass_time: Final = DeliveryStep("delivery.pass-time", _load, deemed.pass_time)
accept: Final = DeliveryStep("delivery.accept", _load, rules.accept)
reject: Final = DeliveryStep("delivery.reject", _load, rules.reject)
withdraw: Final = DeliveryStep("delivery.withdraw", _load, rules.withdraw)
settle: Final = DeliveryStep("delivery.settle", _load_settling, settlements.settle)
restate: Final = DeliveryStep("delivery.restate", _load_settling, settlements.restate)
settle_quarter: Final = AgreementStep("agreement.settle-quarter", _load_quarter, settlements.settle_quarter)
