"""What the routes of all steps share: how a step is given, and what it answers with."""

from functools import partial
from typing import Any, Final, Protocol, TypeVar

from events.decision import Request
from events.desk import Answer, Desk
from market.http.wire.access import TRADERS
from market.http.wire.endpoint import Call, DryRun, endpoint
from market.http.wire.receipts import Done, done

A_contra = TypeVar("A_contra", contravariant=True)
A = TypeVar("A")


class Step(Protocol[A_contra]):
    """A command that is called with the rule's own argument."""

    async def __call__(
        self, desk: Desk, argument: A_contra, *, request: Request | None = None, dry_run: bool = False
    ) -> Answer: ...


async def given(call: Call[Any, DryRun], step: Step[A], argument: A) -> Done:
    """The events recorded by a step, once for each idempotency key where the route
    takes one, or in a dry run those that it would record."""
    result = await step(
        call.door.desk, argument, request=call.idempotent_request(), dry_run=call.query.validate_only
    )
    return done(call, result)


step_endpoint: Final = partial(endpoint, "POST", roles=TRADERS, query=DryRun, status=201, idempotent=True)
"""A route that traders give a step by."""
