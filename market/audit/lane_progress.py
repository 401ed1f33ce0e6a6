"""What an audit keeps of a lane, to go on from there another time."""

from uuid import UUID

from msgspec import Struct

from events.chain import genesis
from events.decision import LaneKey
from market.audit.lane_verdict import Divergence
from market.audit.repeats import Seen


class Followed(Struct, frozen=True, kw_only=True):
    """How far a lane was followed. `subtrees`: of its tree, as `Frontier` holds them; `compared`: the size of
    the newest checkpoint whose root was compared."""

    position: int = 0
    head: bytes
    records: int = 0
    subtrees: tuple[bytes, ...] = ()
    compared: int = 0
    seen: Seen = Seen()
    taken_up: bool = True
    done: bool = False
    divergence: Divergence | None = None


def beginning(deployment_id: UUID, key: LaneKey, *, first: int = 1) -> Followed:
    """Of a lane that is followed from position `first`."""
    return Followed(head=genesis(deployment_id, key.stream, key.lane), taken_up=first == 1)
