"""Partner topics: turning an organisation's own topic on and off, and its name."""

from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from events.callers import Caller
from events.decision import Decision, Moment
from events.party_events import StreamClosed, StreamOpened
from events.refusal import NoChange, refuse
from market.rules.callers import party_refusals
from market.rules.parties.parties import OrganisationState, decision, registered


class PartnerStream(Struct, frozen=True, kw_only=True):
    organisation: UUID
    version: int
    is_open: bool


class OpenStream(Struct, frozen=True, kw_only=True):
    caller: Caller
    organisation: UUID


class CloseStream(Struct, frozen=True, kw_only=True):
    caller: Caller
    organisation: UUID


def partner_topic(topic_prefix: str, organisation: UUID) -> str:
    """The Kafka topic of an organisation: one partition, its own view of the record."""
    return f"{topic_prefix}partner.{organisation}.v1"


def open_stream(state: OrganisationState, argument: OpenStream, moment: Moment) -> Decision:
    """Raises Refusals."""
    del moment
    return _switch(state, argument, streaming=True)


def close_stream(state: OrganisationState, argument: CloseStream, moment: Moment) -> Decision:
    """Raises Refusals."""
    del moment
    return _switch(state, argument, streaming=False)


def _switch(state: OrganisationState, argument: OpenStream | CloseStream, *, streaming: bool) -> Decision:
    refuse(party_refusals(argument.caller, argument.organisation, "admin"))
    registered(state)
    if state.streaming == streaming:
        raise NoChange
    fact = StreamOpened if streaming else StreamClosed
    return decision(state, replace(state, streaming=streaming), fact(organisation=argument.organisation))
