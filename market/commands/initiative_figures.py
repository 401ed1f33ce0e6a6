"""Figures of an initiative: stated once for each quarter."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from events.connections import Connection
from events.decision import Decision, LaneKey, Moment, Request
from events.desk import Answer, Desk, Operation, submit
from events.party_events import InitiativeFiguresStated
from market.rules.visibility import initiative_figures as rules
from market.rules.visibility.initiative_figures import FiguresState, StatedFigures, StateFigures
from market.store import crma, initiatives, party_reads


class Asked(Struct, frozen=True, kw_only=True):
    lane: int
    argument: StateFigures


async def load(connection: Connection, asked: Sequence[Asked], moment: Moment) -> Sequence[FiguresState]:
    """Alone on its lanes, so one at a time."""
    del moment
    return [
        FiguresState(
            lane=ask.lane,
            initiative=await initiatives.load_initiative(connection, ask.argument.initiative),
            stated=tuple(
                [
                    StatedFigures(
                        initiative=each.initiative,
                        coordinator_group=await _group(connection, each.coordinated_by),
                        partners=await _partners(connection, each),
                    )
                    for each in await initiatives.figures_of_quarter(connection, ask.argument.since)
                ]
            ),
        )
        for ask in asked
    ]


async def _group(connection: Connection, coordinator: UUID | UnsetType) -> UUID | None:
    if coordinator is UNSET:
        return None
    found = await party_reads.load_organisation(connection, coordinator)
    return None if found is None else found.group


async def _partners(connection: Connection, stated: InitiativeFiguresStated) -> dict[UUID, UUID]:
    known = await crma.load_organisations(connection, stated.organisations)
    return {each: found.group for each, found in known.items()}


def decide(state: FiguresState, asked: Asked, moment: Moment) -> Decision:
    return rules.state(state, asked.argument, moment)


STATE = Operation("initiative.state-figures", load, decide)


async def state(
    desk: Desk, argument: StateFigures, *, request: Request | None = None, dry_run: bool = False
) -> Answer:
    """Under all lanes of parties: of two statements of a quarter one sees the other, and groups stay."""
    lane = desk.lane("parties", argument.initiative)
    return await submit(
        desk,
        STATE,
        Asked(lane=lane.lane, argument=argument),
        caller=argument.caller,
        lanes=[LaneKey("parties", number) for number in range(desk.lanes)],
        touches=None,
        request=request,
        dry_run=dry_run,
    )
