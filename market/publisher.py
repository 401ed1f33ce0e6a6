"""PROCESS events → public topics through `rules.visibility`: anonymised, by kind, with a sequence of its own.

The place on the tape follows from the lane alone, so what is sent again after a crash is the same bytes.
"""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, Generic, TypeAlias, TypeVar
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct

from events.connections import Pool
from events.decision import LaneKey
from events.envelope import Recorded
from events.publishing import Message, NotPublished, TopicWriter, derived_id
from events.subscription import Batch
from market.lane_memory import SNAPSHOT_AFTER_EVENTS, LaneMemory
from market.metrics import TAPE_RECORDS
from market.rules.book import Books
from market.rules.contract_visibility import see_contract
from market.rules.crowd import Crowds, fold_crowd
from market.rules.deal_tape import TapeAgreement
from market.rules.deals import Deals, fold_deal
from market.rules.tape import TapeClearing, TapeLine, TapeOrder, TapeRuleSet, TapeTrade
from market.rules.viewers import PublicViewer
from market.rules.visibility import see

log = structlog.get_logger("lodestone.publisher")

NAME: Final = "publisher"
SOURCE: Final = "urn:lodestone:public"
RETRY_SECONDS: Final = 1.0

UNITS: Final = (
    ("_g_co2e_per_kg", "_kg_co2e_per_kg", 3),
    ("_ueur_per_kg", "_eur_per_kg", 6),
    ("_cents_per_t", "_eur_per_t", 2),
    ("_ppb", "_percent", 7),
    ("_g", "_kg", 3),
)
"""Ending of a name inside, ending on public topics, decimals between them."""


class Tape(Struct, kw_only=True):
    """A lane's books, who stands behind what in them, and how many lines each `<topic> <market>` has had."""

    books: Books = {}
    crowds: Crowds = {}
    sequences: dict[str, int] = {}


class DealTape(Struct, kw_only=True):
    """As `Tape`, of a lane of agreements."""

    deals: Deals = {}
    sequences: dict[str, int] = {}


T = TypeVar("T", Tape, DealTape)
PublicLine: TypeAlias = TapeLine | TapeAgreement
Show: TypeAlias = Callable[[T, Recorded, PublicViewer], Struct | None]
"""Brings a tape past an event and tells what the public may see of it."""


def show_market(tape: Tape, event: Recorded, viewer: PublicViewer) -> Struct | None:
    market: UUID = event.data.market  # type: ignore[attr-defined]
    seen = see(event, viewer, tape.books.get(market), tape.crowds.get(market))
    fold_crowd(tape.books, tape.crowds, event, viewer)
    return seen


def show_contracts(tape: DealTape, event: Recorded, viewer: PublicViewer) -> Struct | None:
    seen = see_contract(event, viewer, tape.deals)
    fold_deal(tape.deals, event.data)  # type: ignore[arg-type]
    return seen


class Line(Struct, frozen=True):
    """A line with its place on the tape of its topic and market."""

    event: Recorded
    line: PublicLine
    sequence: int


class Publisher(Generic[T]):
    """Handler of one stream; sends, then moves its position: at least once, with the same ids."""

    def __init__(
        self,
        pool: Pool,
        topics: TopicWriter,
        shape: type[T],
        show: Show[T],
        *,
        public_id_key: bytes,
        topic_prefix: str = "",
        snapshot_after_events: int = SNAPSHOT_AFTER_EVENTS,
    ) -> None:
        self._pool = pool
        self._topics = topics
        self._viewer = PublicViewer(key=public_id_key)
        self._prefix = topic_prefix
        self._snapshot_after_events = snapshot_after_events
        self._show: Show[T] = show
        self._memory: LaneMemory[T] = LaneMemory(NAME, shape, shape, self._step)
        self._lanes: dict[LaneKey, T] = {}
        self._unsaved: dict[LaneKey, int] = {}

    async def opened(self, key: LaneKey, position: int) -> None:
        """Rebuild the lane's books and sequences at `position`."""
        self._lanes[key] = await self._memory.recall(self._pool, key, position)
        self._unsaved[key] = 0

    async def handle(self, batch: Batch) -> None:
        tape = self._lanes[batch.lane]
        lines = [line for event in batch.events if (line := self._step(tape, event)) is not None]
        await self._publish([self._message(line) for line in lines])
        self._unsaved[batch.lane] += len(batch.events)
        due = self._unsaved[batch.lane] >= self._snapshot_after_events
        snapshot = self._memory.snapshot(batch.events[-1].position, tape) if due else None
        async with batch.transaction() as connection:
            if snapshot is not None:
                await self._memory.keep(connection, batch.lane, snapshot)
                self._unsaved[batch.lane] = 0

    def _step(self, tape: T, event: Recorded) -> Line | None:
        """Bring the tape past the event; its line, if the public may see one."""
        seen = self._show(tape, event, self._viewer)
        if seen is None:
            return None
        assert isinstance(seen, PublicLine), f"the public may not see {type(seen).__name__}"
        place = f"{seen.topic} {seen.market}"
        tape.sequences[place] = tape.sequences.get(place, 0) + 1
        return Line(event, seen, tape.sequences[place])

    def _message(self, line: Line) -> Message:
        seen = line.line
        return Message(
            topic=self._prefix + seen.topic,
            key=str(seen.market),
            id=tape_id(self._viewer.key, line.event.id),
            type=f"public.{_kind(seen)}.v1",
            source=SOURCE,
            subject=_subject(seen),
            time=line.event.time,
            data=msgspec.json.encode(wire(seen, line.sequence), order="deterministic"),
        )

    async def _publish(self, messages: list[Message]) -> None:
        """Until Kafka has them: that it is away is no fault of the lane."""
        while messages:
            try:
                await self._topics.publish(messages)
            except NotPublished:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for message in messages:
                TAPE_RECORDS.labels(message.topic).inc()
            return


def _kind(line: PublicLine) -> str:
    match line:
        case TapeAgreement():
            return f"offtake-agreement.{line.action}"
        case TapeOrder():
            return f"{line.topic.removeprefix('public.').removesuffix('s.v1')}.{line.action}"
        case TapeTrade():
            return "trade.struck"
        case TapeClearing():
            return f"clearing.{line.outcome}"
        case TapeRuleSet():
            return "pricing-rule.published"


def _subject(line: PublicLine) -> str:
    match line:
        case TapeOrder() | TapeTrade() | TapeAgreement():
            return line.id
        case TapeClearing():
            return str(line.plan)
        case TapeRuleSet():
            return str(line.market)


def wire(line: PublicLine, sequence: int) -> dict[str, Any]:
    """The JSON members of a public record: decimal strings with the unit in the name, and the sequence."""
    members: dict[str, Any] = public_units(msgspec.to_builtins(line))
    members.pop("topic")
    return {"sequence": sequence, **members}


def public_units(value: Any) -> Any:
    """Integers of a named unit become decimal strings of the public one, bands and lists of them too."""
    if isinstance(value, dict):
        changed: dict[str, Any] = {}
        for name, member in value.items():
            ending = next((unit for unit in UNITS if name.endswith(unit[0])), None)
            if ending is None or member is None:
                changed[name] = public_units(member)
            else:
                changed[name.removesuffix(ending[0]) + ending[1]] = _scaled(member, ending[2])
        return changed
    return [public_units(member) for member in value] if isinstance(value, list) else value


def _scaled(member: Any, decimals: int) -> Any:
    if isinstance(member, dict):
        return {name: _scaled(figure, decimals) for name, figure in member.items()}
    if isinstance(member, list):
        return [_scaled(figure, decimals) for figure in member]
    text = format(Decimal(member).scaleb(-decimals), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def tape_id(public_id_key: bytes, event: UUID) -> UUID:
    """The CloudEvents id of an event's public line; without the key nobody gets from one to the other."""
    return derived_id(public_id_key, "tape", event.bytes)
