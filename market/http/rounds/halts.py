"""Halting and resuming a market (operators): two events of the record that everybody can see."""

from typing import Annotated, Any, Final

from msgspec import Meta

from market.commands import clearings as commands
from market.http.wire.access import OPERATORS
from market.http.wire.endpoint import Answer, Call, DryRun, endpoint
from market.http.wire.ids import MarketId, to_text
from market.http.wire.material import Body
from market.http.wire.receipts import Accepted, Done, done
from market.rules.refusing.wording import Text

TAG: Final = "Markets"


class Halting(Body, frozen=True, kw_only=True):
    """`reason` is on the public tape: no name, no price."""

    reason: Annotated[Text, Meta(examples=["the audit of lane 3 has found a divergence"])]


class Resuming(Body, frozen=True, kw_only=True):
    """`reason` is on the public tape: no name, no price."""

    reason: Annotated[Text, Meta(examples=["the lane is audited again, nothing diverges"])]


class StandingAccepted(Accepted, frozen=True, kw_only=True):
    """`halted`: the market's state afterwards."""

    market: MarketId
    halted: bool


@endpoint(
    "POST",
    "/v1/markets/{market}/halt",
    roles=OPERATORS,
    summary="Halt a market",
    tag=TAG,
    body=Halting,
    query=DryRun,
    answer=StandingAccepted,
    idempotent=True,
    description="At once, by one operator. An open round is abandoned with the code `market_halted`, none is "
    "planned; orders are neither taken nor changed (409 `market_halted`) and may be withdrawn; they expire "
    "as ever. Open matches may be confirmed and declined, and lapse when their time is over. What rounds "
    "have come to stands, and contracts go on.",
    example={"reason": "the audit of lane 3 has found a divergence"},
)
async def halt(call: Call[Halting, DryRun]) -> Answer:
    result = await commands.halt(
        call.door.desk,
        call.caller,
        market=call.ids["market"],
        reason=call.body.reason,
        request=call.idempotent_request(),
        dry_run=call.query.validate_only,
    )
    return _standing(call, done(call, result), halted=True)


@endpoint(
    "POST",
    "/v1/markets/{market}/resume",
    roles=OPERATORS,
    summary="Let a halted market go on",
    tag=TAG,
    body=Resuming,
    query=DryRun,
    answer=StandingAccepted,
    idempotent=True,
    description="From then on it takes orders; its next round is planned when its interval is over, or on "
    "demand.",
    example={"reason": "the lane is audited again, nothing diverges"},
)
async def resume(call: Call[Resuming, DryRun]) -> Answer:
    result = await commands.resume(
        call.door.desk,
        call.caller,
        market=call.ids["market"],
        reason=call.body.reason,
        request=call.idempotent_request(),
        dry_run=call.query.validate_only,
    )
    return _standing(call, done(call, result), halted=False)


def _standing(call: Call[Any, DryRun], outcome: Done, *, halted: bool) -> Answer:
    market = to_text("mkt", call.ids["market"])
    body = StandingAccepted(market=market, halted=halted, **outcome.accepted())
    return outcome.answer(body)


HANDLERS: Final = (halt, resume)
