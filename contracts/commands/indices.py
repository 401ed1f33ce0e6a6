"""Index values: published in the lane of their code, read for the prices of agreements."""

from collections.abc import Iterable, Sequence
from datetime import date

from msgspec import Struct

from contracts.rules import indices as rules
from contracts.rules.agreement import Agreement
from contracts.rules.days import midnight
from contracts.rules.index_units import codes_of
from contracts.rules.indices import IndexState, IndexUnit, PublishIndex
from contracts.rules.prices import index_of
from contracts.rules.quotation import price_window
from contracts.store import indices as store
from contracts.store.indices import Window
from events.connections import Connection
from events.contract_terms import AgreementTerms
from events.decision import Decision, Moment, Request
from events.desk import Answer, Desk, Operation, submit
from events.vocabulary import Code, lane_of


class InIndex(Struct, frozen=True, kw_only=True):
    lane: int
    argument: PublishIndex


async def _load(connection: Connection, asked: Sequence[InIndex], moment: Moment) -> Sequence[IndexState]:
    """Loads one at a time: such a command is alone on its lane."""
    del moment
    states = []
    for ask in asked:
        argument = ask.argument
        published = await store.load_index(connection, ask.lane, argument.index)
        windows = [
            Window(ask.lane, argument.index, value.period.start, value.period.end)
            for value in argument.values
        ]
        values = await store.load_values(connection, windows)
        states.append(
            IndexState(
                lane=ask.lane,
                unit=None if published is None else published.unit,
                values=tuple(values.get(argument.index, ())),
            )
        )
    return states


def _publish(state: IndexState, asked: InIndex, moment: Moment) -> Decision:
    return rules.publish(state, asked.argument, moment)


PUBLISH: Operation[InIndex, IndexState] = Operation("index.publish", _load, _publish)


async def publish(
    desk: Desk, argument: PublishIndex, *, request: Request | None = None, dry_run: bool = False
) -> Answer:
    lane = desk.lane("contracts", argument.index)
    return await submit(
        desk,
        PUBLISH,
        InIndex(lane=lane.lane, argument=argument),
        caller=argument.caller,
        lanes=[lane],
        touches=None,
        request=request,
        dry_run=dry_run,
    )


async def read_units(
    connection: Connection, agreement: Agreement | None, days: Iterable[date], lanes: int
) -> dict[Code, IndexUnit]:
    """Units of the indices that shipments of these days are priced by."""
    if agreement is None or agreement.standing is None:
        return {}
    codes = {code for day in days for code in codes_of(agreement, day)}
    return await store.load_units(connection, [(lane_of(code, lanes), code) for code in sorted(codes)])


def windows_of(terms: AgreementTerms, days: Iterable[date], lanes: int) -> list[Window]:
    """The windows of index values that price deliveries shipped on these days.

    The values may be in other lanes, which need no lock: values are only ever added, and a settlement
    contains those that it used.
    """
    reference = index_of(terms.price)
    if reference is None:
        return []
    codes = (reference.code, reference.fallback_code, reference.fx_code)
    found: list[Window] = []
    for day in days:
        window = price_window(reference, day)
        found += [
            Window(lane_of(code, lanes), code, midnight(window.start), midnight(window.end))
            for code in codes
            if code is not None
        ]
    return found
