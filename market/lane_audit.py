"""One lane checked from its records alone: chain, order, and every clearing computed again; no I/O."""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any, Final, Literal, get_args
from uuid import UUID

import msgspec
from msgspec import Struct

from events.chain import genesis, next_head
from events.codec import Undecodable, decode_envelope, decode_event, encode_event
from events.decision import LaneKey
from events.envelope import Draft, Recorded, source_of
from events.market_events import (
    ClearingAbandoned,
    ClearingCompleted,
    ClearingEvidence,
    ClearingPlanned,
    MatchStruck,
)
from market.repeats import Repeats
from market.rules.book import Book, Books, fold
from market.rules.clearing import SOLVER_GAVE_UP, abandonment
from market.rules.sections import ImpossibleCode

Kind = Literal[
    "gap", "repeat", "chain", "undecodable", "placement", "source",
    "fold", "plan", "unplanned", "clearing", "left_out",
]  # fmt: skip
RECLEARED: Final[frozenset[str]] = frozenset(get_args(ImpossibleCode))
"""Reasons to abandon a round that clearing again gives too; any other one is somebody's word."""

Reclear = Callable[[Book, Recorded], Sequence[Draft]]
"""What a round must record for a book that stands at the plan: its drafts, or one ClearingAbandoned."""


class Divergence(Struct, frozen=True, kw_only=True):
    """The first thing in a lane that is not as it must be; `recorded`, `expected`: JSON of `field`."""

    stream: str
    lane: int
    position: int
    offset: int
    kind: Kind
    sentence: str
    event_id: UUID | None = None
    event_type: str | None = None
    market: UUID | None = None
    round: int | None = None
    field: str | None = None
    recorded: str | None = None
    expected: str | None = None


class LaneVerdict(Struct, frozen=True, kw_only=True):
    """What was seen of a lane. `end_proven` only where an expected end was given and reached.

    `abandoned_unproven` rounds ended for a reason that no record can prove: an operator's, or a machine's.
    """

    stream: str
    lane: int
    records: int
    repeats: int
    position: int
    head: str
    clearings: int
    matches: int
    abandoned_unproven: int
    expected_end: int | None
    end_proven: bool
    divergence: Divergence | None


class LaneRecord(Struct, frozen=True, kw_only=True):
    """A record as it stands on its topic; `chain` is the header's lane head in hexadecimal."""

    offset: int
    body: bytes
    chain: str


class Difference(Struct, frozen=True):
    field: str
    recorded: str
    expected: str


class _Open(Struct, kw_only=True):
    """A planned round and what it must record, in order; `done` of it has been seen.

    `fault`: why it cannot be computed; such a round may only be abandoned.
    """

    plan: Recorded
    expected: tuple[Draft, ...] = ()
    fault: str | None = None
    done: int = 0


class LaneAudit:
    """Feed the lane's records in topic order; the first divergence ends the check of this lane."""

    def __init__(
        self,
        key: LaneKey,
        deployment_id: UUID,
        reclear: Reclear,
        expected_end: int | None = None,
        *,
        repeats: Repeats | None = None,
    ) -> None:
        self._key = key
        self._source = source_of(deployment_id)
        self._reclear = reclear
        self._expected_end = expected_end
        self._head = genesis(deployment_id, key.stream, key.lane)
        self._position = 0
        self._records = 0
        self._repeats = repeats or Repeats()
        self._clearings = 0
        self._matches = 0
        self._abandoned_unproven = 0
        self._books: Books = {}
        self._open: dict[UUID, _Open] = {}
        self._rounds: dict[UUID, int] = {}
        self.divergence: Divergence | None = None

    def feed(self, record: LaneRecord) -> None:
        self._records += 1
        if self.divergence is not None:
            return
        try:
            envelope = decode_envelope(record.body)
        except Undecodable as error:
            self._diverge(record, "undecodable", f"is no event: {error}")
            return
        position, expected = envelope.position, self._position + 1
        body_hash = sha256(record.body).digest()
        if (envelope.stream, envelope.lane) != self._key:
            self._diverge(record, "placement", f"belongs to lane {envelope.stream}/{envelope.lane}")
        elif position < expected:
            self._settle(record, self._repeats.repeat(position, body_hash))
        elif position > expected:
            self._diverge(
                record, "gap", f"has position {position}; {position - expected} before it are missing"
            )
        elif envelope.source != self._source:
            self._diverge(record, "source", f"comes from {envelope.source}, not from {self._source}")
        else:
            self._head = next_head(self._head, record.body)
            self._position = position
            self._repeats.record(body_hash)
            self._take(record)

    @property
    def unsettled(self) -> bool:
        """Whether repeats can be compared only by `reread` of the lane's records from the first."""
        return self.divergence is None and self._repeats.unsettled

    def reread(self, record: LaneRecord) -> None:
        if self.unsettled:
            position = decode_envelope(record.body).position
            self._settle(record, self._repeats.reread(position, sha256(record.body).digest()))

    def _settle(self, record: LaneRecord, told: str | None) -> None:
        if told is not None:
            self._diverge(record, "repeat", told)

    def _take(self, record: LaneRecord) -> None:
        try:
            event = decode_event(record.body, self._head)
        except Undecodable as error:
            self._diverge(record, "undecodable", f"cannot be read: {error}")
            return
        if record.chain != self._head.hex():
            told = "does not continue the chain: its bytes are not those that the chain was computed over"
            self._diverge(record, "chain", told, event, self._difference(event, record.body))
        elif self._key.stream == "market":
            self._follow(record, event)

    def _follow(self, record: LaneRecord, event: Recorded) -> None:
        """Compare what a clearing recorded, then bring the book to the event and clear at each plan."""
        if not self._as_cleared(record, event):
            return
        try:
            fold(self._books, event)
        except (AssertionError, KeyError, ValueError) as error:
            told = f"does not fit the book that the lane made before it ({type(error).__name__}: {error})"
            self._diverge(record, "fold", told, event)
            return
        if isinstance(event.data, ClearingPlanned):
            self._plan(record, event, event.data)

    def _plan(self, record: LaneRecord, event: Recorded, plan: ClearingPlanned) -> None:
        book = self._books[plan.market]
        if plan.market in self._open:
            self._diverge(record, "plan", "plans a round while the market's last one is still open", event)
        elif all(published.rule_set != plan.rule_set for published in book.rule_sets):
            self._diverge(record, "plan", "clears by a rule set that the market never published", event)
        elif plan.round != self._rounds.get(plan.market, 0) + 1:
            self._diverge(record, "plan", f"is round {plan.round}, which does not follow the last one", event)
        else:
            self._rounds[plan.market] = plan.round
            try:
                opened = _Open(plan=event, expected=tuple(self._reclear(book, event)))
            except Exception as error:  # noqa: BLE001  whatever it is, only an abandonment may follow
                opened = _Open(plan=event, fault=f"{type(error).__name__}: {error}")
            self._open[plan.market] = opened

    def _as_cleared(self, record: LaneRecord, event: Recorded) -> bool:
        """Whether the event is what the market's open round must record next, or none of a round at all."""
        fact: Any = event.data
        opened = self._open.get(getattr(fact, "market", None) or UUID(int=0))
        of_round = isinstance(fact, MatchStruck | ClearingEvidence | ClearingCompleted | ClearingAbandoned)
        if opened is None or not (of_round or event.cause == str(opened.plan.id)):
            if of_round:
                self._diverge(record, "unplanned", "is the outcome of a round, but no round is open", event)
            return not of_round
        if isinstance(fact, ClearingAbandoned) and not opened.done and _may_abandon(event, fact, opened):
            del self._open[fact.market]
            self._abandoned_unproven += fact.code not in RECLEARED
            return True
        if opened.fault is not None:
            told = f"is the outcome of a round that cannot be computed ({opened.fault})"
            self._diverge(record, "plan", told, event)
            return False
        difference = self._difference(event, record.body)
        if difference is not None:
            told = "is not what its round gives when it is cleared again"
            self._diverge(record, "clearing", told, event, difference)
            return False
        opened.done += 1
        self._matches += isinstance(fact, MatchStruck)
        if isinstance(fact, ClearingCompleted | ClearingAbandoned):
            return self._close(record, event, opened)
        return True

    def _close(self, record: LaneRecord, event: Recorded, opened: _Open) -> bool:
        fact: Any = event.data
        self._clearings += 1
        del self._open[fact.market]
        missing = len(opened.expected) - opened.done
        if missing:
            told = f"ends a round that leaves out {missing} events which it has to record"
            self._diverge(record, "left_out", told, event)
        return not missing

    def _difference(self, event: Recorded, body: bytes) -> Difference | None:
        """How the event differs from what its market's open round must record next; None when it does not."""
        opened = self._open.get(getattr(event.data, "market", None) or UUID(int=0))
        if opened is None:
            return None
        if opened.done >= len(opened.expected):
            return Difference("type", event.type, "nothing more")
        draft = opened.expected[opened.done]
        wanted = _body(draft, event, opened.plan, self._source)
        if wanted == body:
            return None
        return _first_difference("", msgspec.json.decode(body), msgspec.json.decode(wanted)) or Difference(
            "bytes", sha256(body).hexdigest(), sha256(wanted).hexdigest()
        )

    def _diverge(
        self,
        record: LaneRecord,
        kind: Kind,
        told: str,
        event: Recorded | None = None,
        difference: Difference | None = None,
    ) -> None:
        position = self._position if event else self._position + 1
        what = f"{event.type} {event.id}" if event else "the record"
        place = f"{self._key.stream} lane {self._key.lane}, position {position}, offset {record.offset}"
        sentence = f"{place}: {what} {told}"
        if difference is not None:
            sentence += f"; {difference.field} is {difference.recorded}, it has to be {difference.expected}"
        fact: Any = event.data if event else None
        self.divergence = Divergence(
            stream=self._key.stream,
            lane=self._key.lane,
            position=position,
            offset=record.offset,
            kind=kind,
            sentence=sentence,
            event_id=event.id if event else None,
            event_type=event.type if event else None,
            market=getattr(fact, "market", None),
            round=getattr(fact, "round", None),
            field=difference.field if difference else None,
            recorded=difference.recorded if difference else None,
            expected=difference.expected if difference else None,
        )

    def verdict(self) -> LaneVerdict:
        position = self._position
        if self.divergence is None and self._expected_end is not None and position < self._expected_end:
            self._diverge(
                LaneRecord(offset=-1, body=b"", chain=""),
                "gap",
                f"is missing: the lane ends at position {position}, its expected end is {self._expected_end}",
            )
        return LaneVerdict(
            stream=self._key.stream,
            lane=self._key.lane,
            records=self._records,
            repeats=self._repeats.count,
            position=position,
            head=self._head.hex(),
            clearings=self._clearings,
            matches=self._matches,
            abandoned_unproven=self._abandoned_unproven,
            expected_end=self._expected_end,
            end_proven=self.divergence is None and self._expected_end is not None,
            divergence=self.divergence,
        )


def _may_abandon(event: Recorded, fact: ClearingAbandoned, opened: _Open) -> bool:
    """Whether an open round may have been given up so, beside what clearing it again gives.

    The matcher gives a round up for one reason, in the form that derives from the plan. An operator abandons
    by a command, whose cause is not the plan, and may not give a reason that clearing again refutes.
    """
    planned: Any = opened.plan.data
    if event.cause == str(opened.plan.id):
        given_up = abandonment(opened.plan, SOLVER_GAVE_UP, fact.reason)
        return (event.id, event.salt, fact) == (given_up.id, given_up.salt, given_up.data)
    outcomes = [draft.data.code for draft in opened.expected if isinstance(draft.data, ClearingAbandoned)]
    refuted = fact.code in RECLEARED and fact.code not in outcomes
    return not refuted and (fact.plan, fact.round) == (planned.plan, planned.round)


def _body(draft: Draft, event: Recorded, plan: Recorded, source: str) -> bytes:
    """The draft's bytes at the event's position; what a draft leaves to the lane is taken from the event."""
    return encode_event(
        event_id=draft.id or event.id,
        source=source,
        subject=draft.subject,
        time=draft.time or event.time,
        lane=draft.lane,
        position=event.position,
        cause=draft.cause or str(plan.id),
        actor=draft.actor or event.actor,
        salt=draft.salt or event.salt,
        data=draft.data,
    )


def _first_difference(path: str, recorded: object, expected: object) -> Difference | None:
    """The first member, in order of name, in which two JSON values differ; `type` before everything else."""
    if isinstance(recorded, dict) and isinstance(expected, dict):
        names = recorded.keys() | expected.keys()
        for name in sorted(names, key=lambda name: (name != "type", name != "data", name)):
            found = _first_difference(f"{path}/{name}", recorded.get(name), expected.get(name))
            if found is not None:
                return found
        return None
    if isinstance(recorded, list) and isinstance(expected, list) and len(recorded) == len(expected):
        for index, (left, right) in enumerate(zip(recorded, expected, strict=True)):
            found = _first_difference(f"{path}/{index}", left, right)
            if found is not None:
                return found
        return None
    if recorded == expected:
        return None
    return Difference(path.removeprefix("/data").lstrip("/") or "value", _short(recorded), _short(expected))


def _short(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 200 else text[:199] + "…"
