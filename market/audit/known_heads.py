"""Known heads of a lane besides its records: roots signed by the operator, and heads recorded by a
recovery."""

from collections.abc import Mapping

from events.merkle import Frontier, leaf_hash
from market.audit.lane_verdict import Wrong
from market.rules.clearing.differences import Difference


class KnownHeads:
    """Compares a lane with its known heads while it is read."""

    def __init__(
        self,
        seals: Mapping[int, bytes] | None,
        anchors: Mapping[int, str] | None,
        *,
        tree: Frontier,
        compared: int,
        growing: bool,
    ) -> None:
        """`seals`: signed roots, by the number of events that they hold; `anchors`: heads in hexadecimal, by
        position; `tree`: of all events so far, `compared` the newest size whose root was compared. `growing`:
        the tree is kept even where nothing is signed yet.
        """
        self._seals = seals or {}
        self._anchors = anchors or {}
        self._tree = tree
        self._growing = growing or bool(self._seals)
        self.compared = compared

    @property
    def idle(self) -> bool:
        """Whether nothing is compared and no tree is kept."""
        return not (self._growing or self._anchors)

    @property
    def subtrees(self) -> tuple[bytes, ...]:
        return self._tree.subtrees

    def append(self, body: bytes) -> None:
        if self._growing:
            self._tree.append(leaf_hash(body))

    def wrong_at(self, position: int, head: bytes) -> Wrong | None:
        """Of a lane that stands here: where it is not what was signed, or not what a recovery found."""
        signed = self._seals.get(position)
        if signed is not None:
            root = self._tree.root()
            if signed != root:
                told = f"is not, or what stands before it is not, what was signed as {position} events"
                return Wrong("checkpoint", told, Difference("root", root.hex(), signed.hex()))
            self.compared = position
        anchored = self._anchors.get(position)
        if anchored is not None and anchored != head.hex():
            told = f"is not where the lane stood when the record was recovered at {position} events"
            return Wrong("anchor", told, Difference("head", head.hex(), anchored))
        return None

    def sealed_to(self, position: int, *, bounded: bool) -> int:
        """The events under the newest checkpoint: beyond what the lane holds, or the newest that was
        compared."""
        newest = max(self._seals, default=0)
        return newest if newest > position and not bounded else self.compared

    def lacking(self, position: int, expected_end: int | None, *, bounded: bool) -> Wrong | None:
        """What a lane that ends here lacks; None when nothing can be shown to be missing. Of one that is
        `bounded`, and so not read to its end, no checkpoint and no recovery can tell."""
        if expected_end is not None and position < expected_end:
            told = f"is missing: the lane ends at position {position}, its expected end is {expected_end}"
            return Wrong("gap", told, Difference("end", str(position), str(expected_end)))
        sealed = self.sealed_to(position, bounded=bounded)
        if position < sealed:
            told = f"is missing: the lane ends at position {position}, a checkpoint holds {sealed} events"
            return Wrong("truncated", told, Difference("end", str(position), str(sealed)))
        found = 0 if bounded else max(self._anchors, default=0)
        if position < found:
            told = f"is missing: the lane ends at position {position}, it was recovered with {found} events"
            return Wrong("truncated", told, Difference("end", str(position), str(found)))
        return None
