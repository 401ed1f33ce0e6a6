"""A step of an organisation: declared by its name and its rule, copied into each market it is a member of."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from msgspec import Struct

from events.callers import OfCaller
from events.connections import Connection
from events.decision import Decision, LaneKey, Moment, Request
from events.desk import Answer, Desk, Operation, submit
from events.refusal import LaneBusy
from market.rules.parties.parties import OrganisationState
from market.store import members, party_reads

TRIES_MAX = 5


class OfOrganisation(OfCaller, Protocol):
    @property
    def organisation(self) -> UUID: ...


A = TypeVar("A", bound=OfOrganisation)


class MembershipsMoved(Exception):
    """An organisation joined a market or a group between the look-up and the locks."""


class Asked(Struct, Generic[A], frozen=True, kw_only=True):
    """`lanes` are those that the transaction has locked."""

    lanes: frozenset[LaneKey]
    lane: int
    argument: A


async def load_organisation(
    connection: Connection, asked: Sequence[Asked[A]], moment: Moment
) -> Sequence[OrganisationState]:
    """Alone on its lanes, so one at a time."""
    del moment
    return [await party_reads.load_state(connection, a.lane, a.argument.organisation) for a in asked]


def _names_nothing(argument: OfOrganisation) -> Sequence[UUID | str]:
    del argument
    return ()


async def _moves_alone(connection: Connection, argument: OfOrganisation) -> Sequence[tuple[int, UUID]]:
    del connection, argument
    return ()


def _nothing_beside(desk: Desk, markets: Sequence[LaneKey]) -> Sequence[LaneKey]:
    del desk, markets
    return ()


class PartyStep(Generic[A]):
    """Call it with a desk and what is asked. Raises what the rule raises.

    It writes the lanes of the organisation and of its markets, and the same for its followers; it also locks
    the lanes of initiatives and parent that it names, and those of `beside`.
    """

    def __init__(
        self,
        name: str,
        decide: Callable[[OrganisationState, A, Moment], Decision],
        load: Callable[
            [Connection, Sequence[Asked[A]], Moment], Awaitable[Sequence[OrganisationState]]
        ] = load_organisation,
        named: Callable[[A], Sequence[UUID | str]] = _names_nothing,
        along: Callable[[Connection, A], Awaitable[Sequence[tuple[int, UUID]]]] = _moves_alone,
        beside: Callable[[Desk, Sequence[LaneKey]], Sequence[LaneKey]] = _nothing_beside,
    ) -> None:
        def decided(state: OrganisationState, asked: Asked[A], moment: Moment) -> Decision:
            for each in (state, *state.followers):
                written = {
                    LaneKey("parties", each.lane),
                    *(LaneKey("market", m.lane) for m in each.memberships),
                }
                if not written <= asked.lanes:
                    raise MembershipsMoved
            return decide(state, asked.argument, moment)

        self._operation = Operation(name, load, decided)
        self._named = named
        self._along = along
        self._beside = beside

    async def __call__(
        self, desk: Desk, argument: A, *, request: Request | None = None, dry_run: bool = False
    ) -> Answer:
        """Looks up memberships again when the organisation joins a market meanwhile."""
        own = desk.lane("parties", argument.organisation)
        read = [desk.lane("parties", code) for code in self._named(argument)]
        for _ in range(TRIES_MAX):
            async with desk.looking() as connection:
                along = await self._along(connection, argument)
                markets = [
                    LaneKey("market", lane)
                    for each in (argument.organisation, *(follower for _, follower in along))
                    for lane, _ in await members.markets_of(connection, each)
                ]
            moved = [LaneKey("parties", lane) for lane, _ in along]
            lanes = frozenset([own, *read, *moved, *markets, *self._beside(desk, markets)])
            try:
                return await submit(
                    desk,
                    self._operation,
                    Asked(lanes=lanes, lane=own.lane, argument=argument),
                    caller=argument.caller,
                    lanes=sorted(lanes),
                    touches=None,
                    request=request,
                    dry_run=dry_run,
                )
            except MembershipsMoved:
                continue
        raise LaneBusy
