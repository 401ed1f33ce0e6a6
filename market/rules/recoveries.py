"""Facts about recoveries of the record: lanes republished from the journal, or restored from the topics."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from events.callers import Caller, role_refusals
from events.decision import Decision, Moment
from events.envelope import Draft
from events.party_events import LaneAnchor, RecordRepublished, RecordRestored
from events.refusal import refuse


class Republish(Struct, frozen=True, kw_only=True):
    """`lane` is the operator's in the parties stream."""

    caller: Caller
    lane: int
    old_clusters: tuple[str, ...]
    new_cluster: str
    anchors: tuple[LaneAnchor, ...]


class Restore(Struct, frozen=True, kw_only=True):
    """`lane` is the operator's in the parties stream."""

    caller: Caller
    lane: int
    cluster: str
    anchors: tuple[LaneAnchor, ...]


def republish(state: None, argument: Republish, moment: Moment) -> Decision:
    """One fact a stream, so that none outgrows an event. Raises Refusals."""
    del state, moment
    refuse(role_refusals(argument.caller, "operator"))
    organisation = argument.caller.organisation
    return _decision(
        argument.lane,
        organisation,
        [
            RecordRepublished(
                organisation=organisation,
                old_clusters=argument.old_clusters,
                new_cluster=argument.new_cluster,
                anchors=anchors,
            )
            for anchors in _by_stream(argument.anchors)
        ],
    )


def restore(state: None, argument: Restore, moment: Moment) -> Decision:
    """One fact a stream. Raises Refusals."""
    del state, moment
    refuse(role_refusals(argument.caller, "operator"))
    organisation = argument.caller.organisation
    return _decision(
        argument.lane,
        organisation,
        [
            RecordRestored(organisation=organisation, cluster=argument.cluster, anchors=anchors)
            for anchors in _by_stream(argument.anchors)
        ],
    )


def _by_stream(anchors: Sequence[LaneAnchor]) -> list[tuple[LaneAnchor, ...]]:
    streams = sorted({anchor.stream for anchor in anchors})
    return [tuple(anchor for anchor in anchors if anchor.stream == stream) for stream in streams]


def _decision(lane: int, operator: UUID, facts: Sequence[RecordRepublished | RecordRestored]) -> Decision:
    return Decision(
        drafts=tuple(Draft(stream="parties", lane=lane, subject=str(operator), data=fact) for fact in facts)
    )
