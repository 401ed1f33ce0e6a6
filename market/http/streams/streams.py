"""The Kafka topic of an organisation: switched on and off by its admins."""

from typing import Final

from events.refusal import NoChange
from market.commands import parties as commands
from market.http.parties.organisations import load as load_organisation
from market.http.wire.access import ADMINS, READERS
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint
from market.http.wire.ids import OrganisationId, to_text
from market.http.wire.material import Body
from market.http.wire.reads import as_caller
from market.http.wire.receipts import Accepted
from market.http.wire.steps import given
from market.rules.streams.streams import CloseStream, OpenStream, partner_topic
from market.store import party_reads

TAG: Final = "Streams"
PATH: Final = "/v1/organisations/{organisation}/stream"


class StreamView(Body, frozen=True, kw_only=True):
    """`topic` contains the same as the organisation's feed; if closed, up to that time."""

    organisation: OrganisationId
    topic: str
    open: bool


class StreamAccepted(Accepted, frozen=True, kw_only=True):
    topic: str


@endpoint(
    "PUT",
    PATH,
    roles=ADMINS,
    summary="Open the organisation's topic",
    tag=TAG,
    query=DryRun,
    answer=StreamAccepted,
    idempotent=True,
    description="It is made within seconds and gets what the organisation may see, from its first event on. "
    "Of a topic that is open already the answer has no receipts: nothing is recorded.",
)
async def switch_on(call: Call[Nothing, DryRun]) -> Answer:
    try:
        outcome = await given(
            call, commands.open_stream, OpenStream(caller=call.caller, organisation=call.ids["organisation"])
        )
    except NoChange:
        return Answer(body=StreamAccepted(topic=_topic(call), validated_only=call.query.validate_only))
    body = StreamAccepted(topic=_topic(call), **outcome.accepted())
    return outcome.answer(body)


@endpoint(
    "DELETE",
    PATH,
    roles=ADMINS,
    summary="Close the organisation's topic",
    tag=TAG,
    query=DryRun,
    answer=StreamAccepted,
    description="It keeps what it has; opened once more, it goes on from there.",
)
async def switch_off(call: Call[Nothing, DryRun]) -> Answer:
    outcome = await given(
        call, commands.close_stream, CloseStream(caller=call.caller, organisation=call.ids["organisation"])
    )
    return Answer(body=StreamAccepted(topic=_topic(call), **outcome.accepted()))


@endpoint(
    "GET",
    PATH,
    roles=READERS,
    summary="Read whether the organisation's topic is open",
    tag=TAG,
    answer=StreamView,
    description="And what it is called, open or not.",
)
async def read(call: Call[Nothing, Nothing]) -> Answer:
    await load_organisation(call)
    organisation = call.ids["organisation"]
    async with as_caller(call) as connection:
        found = await party_reads.load_stream(connection, organisation)
    return Answer(
        body=StreamView(
            organisation=to_text("org", organisation),
            topic=_topic(call),
            open=found is not None and found.is_open,
        )
    )


def _topic(call: Call[Nothing, DryRun] | Call[Nothing, Nothing]) -> str:
    return partner_topic(call.door.topic_prefix, call.ids["organisation"])


HANDLERS: Final = (switch_on, switch_off, read)
