"""Capacity checks of orders: which orders need one, and how they are serialised.

Most orders need none, at no cost. One that does finds this out under its lane lock, records nothing, and is
submitted again with a lock on its facility's row, since other markets are in other lanes; for supply forecast
from returns, on the rows of all facilities that its seller ever had. A batch contains at most one such order,
and rows are locked in order, so that there are no deadlocks.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeVar
from uuid import UUID

from msgspec.structs import replace

from events.connections import Connection
from events.decision import Decision, Moment
from events.desk import Answer, InMarket, Operation
from events.forecast_terms import ReturnForecast
from market.rules.orders.counting import is_counted
from market.rules.orders.offers import AmendSupply, PostSupply
from market.rules.orders.orders import PostingState
from market.rules.twins.committed import Claim, ContractClaim
from market.store import claims

COUNTED: Final = frozenset({"counted"})
"""The key that every order with a capacity check touches."""

Counted = TypeVar("Counted", PostSupply, AmendSupply)
S = TypeVar("S", bound=PostingState)


class OutOfTurn(Exception):
    """The order needs a capacity check, but its facility's committed volume was not read."""


def in_turn(
    name: str,
    load: Callable[[Connection, Sequence[InMarket[Counted]], Moment], Awaitable[Sequence[S | None]]],
    decide: Callable[[S | None, Counted, Moment], Decision],
) -> Operation[InMarket[Counted], S | None]:
    """An operation that raises OutOfTurn if it needs a capacity check without the lock."""

    async def loaded(
        connection: Connection, asked: Sequence[InMarket[Counted]], moment: Moment
    ) -> Sequence[S | None]:
        states = await load(connection, asked, moment)
        turns = [ask.argument for ask in asked if ask.argument.counting]
        if not turns:
            return states
        found = await claims.read_in_turn(
            connection,
            {turn.draft.facility for turn in turns},
            moment.now,
            sellers={
                turn.caller.organisation for turn in turns if isinstance(turn.draft.forecast, ReturnForecast)
            },
        )
        return [
            replace(state, claims=_claims(found, ask.argument), ahead=_ahead(found, ask.argument))
            if state is not None and ask.argument.counting
            else state
            for state, ask in zip(states, asked, strict=True)
        ]

    def decided(state: S | None, asked: InMarket[Counted], moment: Moment) -> Decision:
        argument = asked.argument
        if state is not None and not argument.counting and is_counted(state, argument.draft):
            raise OutOfTurn
        return decide(state, argument, moment)

    return Operation(name, loaded, decided)


async def counted(
    submitted: Callable[[Counted, frozenset[str]], Awaitable[Answer]], argument: Counted
) -> Answer:
    """The result of `submitted`, repeated with the lock if a capacity check is needed."""
    try:
        return await submitted(argument, frozenset())
    except OutOfTurn:
        return await submitted(replace(argument, counting=True), COUNTED)


def _ahead(
    found: Mapping[UUID, tuple[Claim | ContractClaim, ...]], argument: PostSupply | AmendSupply
) -> tuple[Claim, ...]:
    """The seller's other orders for supply forecast from returns."""
    own = argument.order if isinstance(argument, AmendSupply) else None
    return tuple(
        each
        for claims_ in found.values()
        for each in claims_
        if isinstance(each, Claim)
        and each.order.organisation == argument.caller.organisation
        and each.order.order != own
        and isinstance(each.order.terms.forecast, ReturnForecast)
    )


def _claims(
    found: Mapping[UUID, tuple[Claim | ContractClaim, ...]], argument: PostSupply | AmendSupply
) -> tuple[Claim | ContractClaim, ...]:
    """The claims without the amended order's own."""
    own = argument.order if isinstance(argument, AmendSupply) else None
    return tuple(
        each
        for each in found.get(argument.draft.facility, ())
        if isinstance(each, ContractClaim) or each.order.order != own
    )
