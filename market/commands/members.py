"""Members of a market: admit, suspend."""

from collections.abc import Sequence
from uuid import UUID

from events.callers import Caller
from events.connections import Connection
from events.decision import Moment, Request
from events.desk import Answer, Desk, InMarket, in_market, submit_alone
from events.vocabulary import lane_of
from market.rules.parties import members as rules
from market.rules.parties.members import AdmitMember, MembershipState, SuspendMember
from market.store import markets, members, party_reads


async def load_admission(
    connection: Connection, asked: Sequence[InMarket[AdmitMember]], moment: Moment
) -> Sequence[MembershipState | None]:
    """Alone on its lanes, so one at a time."""
    del moment
    states = []
    for ask in asked:
        state = await _load(connection, ask, ask.argument.organisation)
        if state is not None:
            lane = lane_of(str(ask.argument.organisation), ask.lanes)
            party = await party_reads.load_state(connection, lane, ask.argument.organisation)
            state = MembershipState(
                market=state.market,
                lane=state.lane,
                member=state.member,
                suspended=state.suspended,
                has_left=state.has_left,
                party=party,
            )
        states.append(state)
    return states


async def load_suspension(
    connection: Connection, asked: Sequence[InMarket[SuspendMember]], moment: Moment
) -> Sequence[MembershipState | None]:
    """Alone on its lane, so one at a time."""
    del moment
    return [await _load(connection, ask, ask.argument.organisation) for ask in asked]


async def _load(
    connection: Connection, ask: InMarket[AdmitMember] | InMarket[SuspendMember], organisation: UUID
) -> MembershipState | None:
    if not await markets.load_markets(connection, [(ask.lane, ask.market)]):
        return None
    found = await members.load_some(connection, ask.lane, ask.market, [organisation])
    row = found.get(organisation)
    return MembershipState(
        market=ask.market,
        lane=ask.lane,
        member=None if row is None else row.member,
        suspended=row is not None and row.suspended,
        has_left=row is not None and row.left_time is not None,
    )


ADMIT = in_market("member.admit", load_admission, rules.admit)
SUSPEND = in_market("member.suspend", load_suspension, rules.suspend)


async def admit(
    desk: Desk,
    caller: Caller,
    *,
    market: UUID,
    organisation: UUID,
    readmits: bool = True,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    """Also locks the organisation's lane, so that its new copy misses no change."""
    argument = AdmitMember(caller=caller, organisation=organisation, readmits=readmits)
    return await submit_alone(
        desk,
        ADMIT,
        argument,
        market=market,
        beside=[desk.lane("parties", organisation)],
        request=request,
        dry_run=dry_run,
    )


async def suspend(
    desk: Desk,
    caller: Caller,
    *,
    market: UUID,
    organisation: UUID,
    reason: str,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = SuspendMember(caller=caller, organisation=organisation, reason=reason)
    return await submit_alone(desk, SUSPEND, argument, market=market, request=request, dry_run=dry_run)
