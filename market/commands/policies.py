"""Procurement policies: publish, publish a further version, retire. Each is alone on its lane."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar
from uuid import UUID

from msgspec import Struct

from events.callers import Caller
from events.connections import Connection
from events.decision import Decision, Moment, Request
from events.desk import Answer, Desk, Operation, submit
from market.rules.orders import policies as rules
from market.rules.orders.policies import (
    NewPolicy,
    PolicyDetails,
    PolicyState,
    PublishPolicy,
    RetirePolicy,
    RevisePolicy,
)
from market.store import initiatives, policies

A = TypeVar("A", PublishPolicy, RevisePolicy, RetirePolicy)


class Asked(Struct, Generic[A], frozen=True, kw_only=True):
    """`named` are the initiatives whose lanes the transaction holds."""

    lane: int
    named: tuple[str, ...]
    argument: A


async def load(connection: Connection, asked: Sequence[Asked[A]], moment: Moment) -> Sequence[PolicyState]:
    """Alone on its lanes, so one at a time."""
    del moment
    return [
        PolicyState(
            lane=a.lane,
            policy=(await policies.load_policies(connection, [a.argument.policy])).get(a.argument.policy),
            initiatives=await initiatives.standing(connection, a.named),
        )
        for a in asked
    ]


def of_policy(
    name: str, decide: Callable[[PolicyState, A, Moment], Decision]
) -> Operation[Asked[A], PolicyState]:
    def decided(state: PolicyState, asked: Asked[A], moment: Moment) -> Decision:
        return decide(state, asked.argument, moment)

    return Operation(name, load, decided)


PUBLISH = of_policy("policy.publish", rules.publish)
REVISE = of_policy("policy.revise", rules.revise)
RETIRE = of_policy("policy.retire", rules.retire)


async def _submit(
    desk: Desk,
    operation: Operation[Asked[A], PolicyState],
    argument: A,
    *,
    named: tuple[str, ...] = (),
    request: Request | None,
    dry_run: bool,
) -> Answer:
    lane = desk.lane("parties", argument.policy)
    return await submit(
        desk,
        operation,
        Asked(lane=lane.lane, named=named, argument=argument),
        caller=argument.caller,
        lanes=[lane, *(desk.lane("parties", code) for code in named)],
        touches=None,
        request=request,
        dry_run=dry_run,
    )


async def publish(
    desk: Desk,
    caller: Caller,
    *,
    details: NewPolicy,
    policy: UUID | None = None,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    """A new id unless one is given."""
    argument = PublishPolicy(caller=caller, policy=policy or desk.new_id(), details=details)
    return await _submit(
        desk, PUBLISH, argument, named=details.addressed_to, request=request, dry_run=dry_run
    )


async def revise(
    desk: Desk,
    caller: Caller,
    *,
    policy: UUID,
    expected_version: int,
    details: PolicyDetails,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = RevisePolicy(caller=caller, policy=policy, expected_version=expected_version, details=details)
    return await _submit(desk, REVISE, argument, request=request, dry_run=dry_run)


async def retire(
    desk: Desk,
    caller: Caller,
    *,
    policy: UUID,
    expected_version: int,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = RetirePolicy(caller=caller, policy=policy, expected_version=expected_version)
    return await _submit(desk, RETIRE, argument, request=request, dry_run=dry_run)
