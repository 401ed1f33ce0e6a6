"""Figures of an initiative: stated once for each quarter."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import UNSET, UnsetType

from events.connections import Connection
from events.decision import LaneKey, Moment
from events.desk import Desk
from events.party_events import InitiativeFiguresStated
from events.vocabulary import lane_of
from market.commands.lane_steps import Asked, LaneStep
from market.rules.visibility import initiative_figures as rules
from market.rules.visibility.initiative_figures import FiguresState, StatedFigures, StateFigures
from market.store import crma, initiatives, party_reads


def lanes(desk: Desk, argument: StateFigures) -> Sequence[LaneKey]:
    """All of parties: of two statements of a quarter one sees the other, and groups stay."""
    del argument
    return [LaneKey("parties", number) for number in range(desk.lanes)]


async def load(connection: Connection, asked: Asked[StateFigures], moment: Moment) -> FiguresState:
    del moment
    argument = asked.argument
    return FiguresState(
        lane=lane_of(argument.initiative, asked.lanes),
        initiative=await initiatives.load_initiative(connection, argument.initiative),
        stated=tuple(
            [
                StatedFigures(
                    initiative=each.initiative,
                    coordinator_group=await _group(connection, each.coordinated_by),
                    partners=await _partners(connection, each),
                )
                for each in await initiatives.figures_of_quarter(connection, argument.since)
            ]
        ),
    )


async def _group(connection: Connection, coordinator: UUID | UnsetType) -> UUID | None:
    if coordinator is UNSET:
        return None
    found = await party_reads.load_organisation(connection, coordinator)
    return None if found is None else found.group


async def _partners(connection: Connection, stated: InitiativeFiguresStated) -> dict[UUID, UUID]:
    known = await crma.load_organisations(connection, stated.organisations)
    return {each: found.group for each, found in known.items()}


state = LaneStep("initiative.state-figures", lanes, load, rules.state)
