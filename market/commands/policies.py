"""Procurement policies: publish, publish a further version, retire. Each is alone on its lane."""

from collections.abc import Sequence
from typing import TypeVar

from events.connections import Connection
from events.decision import LaneKey, Moment
from events.desk import Desk
from events.vocabulary import lane_of
from market.commands.lane_steps import Asked, LaneStep
from market.rules.orders import policies as rules
from market.rules.orders.policies import PolicyState, PublishPolicy, RetirePolicy, RevisePolicy
from market.store import initiatives, policies

OfPolicy = TypeVar("OfPolicy", PublishPolicy, RevisePolicy, RetirePolicy)


def lanes(desk: Desk, argument: OfPolicy) -> Sequence[LaneKey]:
    """Those of initiatives that a new one is addressed to stay as they are meanwhile."""
    return [
        desk.lane("parties", argument.policy),
        *(desk.lane("parties", code) for code in _named(argument)),
    ]


def _named(argument: PublishPolicy | RevisePolicy | RetirePolicy) -> Sequence[str]:
    return argument.details.addressed_to if isinstance(argument, PublishPolicy) else ()


async def load(connection: Connection, asked: Asked[OfPolicy], moment: Moment) -> PolicyState:
    del moment
    policy = asked.argument.policy
    return PolicyState(
        lane=lane_of(str(policy), asked.lanes),
        policy=(await policies.load_policies(connection, [policy])).get(policy),
        initiatives=await initiatives.standing(connection, _named(asked.argument)),
    )


publish = LaneStep("policy.publish", lanes, load, rules.publish)
revise = LaneStep("policy.revise", lanes, load, rules.revise)
retire = LaneStep("policy.retire", lanes, load, rules.retire)
