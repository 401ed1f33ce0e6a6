"""Journal rows as bytes of PostgreSQL's binary COPY, for drafts whose bodies are encoded except for the
position."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from struct import Struct
from typing import Final

from events.catalog import stream_of, type_of
from events.codec import check_size, check_source
from events.decision import LaneKey
from events.envelope import Draft

HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER: Final = b"\xff\xff"
COLUMNS: Final = ("stream", "lane", "position", "event_id", "type", "key", "body", "chain", "recorded_at")

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_count = Struct(">h").pack
_length = Struct(">i").pack
_integer = Struct(">q").pack
_ID, _CHAIN = _length(16), _length(32)


class RowBytes:
    """Consecutive rows of one lane; `position` and `chain` are those of the last row, at first the lane's."""

    def __init__(self, key: LaneKey, position: int, chain: bytes, source: str) -> None:
        self.position, self.chain = position, chain
        self._key, self._source = key, source
        stream_and_lane = _field(key.stream.encode()) + _field(_integer(key.lane))
        self._before = _count(len(COLUMNS)) + stream_and_lane + _length(8)
        self._named: dict[tuple[type, str], bytes] = {}

    def place(self, drafts: Sequence[Draft]) -> list[bytes]:
        """The rows of drafts from `codec.encode_ahead`, each without its last value, the time of recording.

        ValueError for a draft of another lane or source, or without a body.
        """
        placed: list[bytes] = []
        position, chain = self.position, self.chain
        before, named, key = self._before, self._named, self._key
        copied = sha256().copy
        for draft in drafts:
            body = draft.unplaced
            if body is None or draft.id is None or draft.lane != key.lane or draft.stream != key.stream:
                raise ValueError(f"{type_of(draft.data)} of {draft.stream}/{draft.lane}: not made for {key}")
            check_source(body, self._source)
            position += 1
            told = b"%d" % position
            size = len(body.before) + len(told) + len(body.after)
            check_size(draft.data, size)
            digest = copied()
            digest.update(chain)
            digest.update(body.before)
            digest.update(told)
            digest.update(body.after)
            chain = digest.digest()
            kind = (draft.data.__class__, draft.subject)
            names = named.get(kind) or self._name(draft)
            head = before + _integer(position) + _ID + draft.id.bytes + names + _length(size)
            placed.append(b"".join((head, body.before, told, body.after, _CHAIN, chain)))
        self.position, self.chain = position, chain
        return placed

    def _name(self, draft: Draft) -> bytes:
        """The encoded type and key, cached since there are few."""
        name = type_of(draft.data)
        if stream_of(name) != draft.stream:
            raise ValueError(f"{name} does not belong to stream {draft.stream}")
        found = _field(name.encode()) + _field(draft.subject.encode())
        self._named[draft.data.__class__, draft.subject] = found
        return found


def recorded(rows: Sequence[bytes], at: datetime) -> bytes:
    """Complete rows: as placed, with the time of recording."""
    behind = _field(_integer((at - _EPOCH) // timedelta(microseconds=1)))
    return behind.join((*rows, b""))


def _field(value: bytes) -> bytes:
    return _length(len(value)) + value
