"""Receipts of accepted commands: their place in the record, so that the owner can request a proof of
inclusion."""

from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, Final, TypeAlias, TypeVar
from uuid import UUID

from msgspec import Struct

from events.catalog import type_of
from events.command import Outcome
from events.envelope import Draft, Fact, Recorded
from events.refusal import Caution, RecordUnavailable
from events.vocabulary import Instant
from market.http.wire.endpoint import Answer, Call, DryRun
from market.http.wire.ids import EventId, Prefix, to_text
from market.http.wire.material import Body
from market.http.wire.wire_names import wire_pointer

F = TypeVar("F", bound=Struct)
Result: TypeAlias = Outcome | Sequence[Draft]


class Receipt(Body, frozen=True, kw_only=True):
    """One event of the record: its place in the lane and the SHA-256 of its bytes. Keep it."""

    event: EventId
    type: str
    stream: str
    lane: int
    position: int
    event_sha256: str
    time: Instant


class Warned(Body, frozen=True, kw_only=True):
    """A warning about something unusual that was accepted; `pointer` into the body."""

    code: str
    detail: str
    pointer: str


def warned(cautions: Iterable[Caution]) -> tuple[Warned, ...]:
    """With the names of the request, as a refusal's pointers."""
    return tuple(map(_warned, cautions))


def _warned(caution: Caution) -> Warned:
    return Warned(code=caution.code, detail=caution.text, pointer=wire_pointer(caution.pointer) or "")


UNREAD: Final = Warned(
    code="warnings_unread",
    detail="Data for some checks could not be read, so there may be more warnings.",
    pointer="",
)


def secret_shown_before(instead: str) -> Warned:
    """Of a replay, whose answer has no secret: what its caller does who never got the first one."""
    return Warned(
        code="secret_shown_before",
        detail=f"The first answer to this key showed the secret, and it cannot be shown again. {instead}",
        pointer="",
    )


async def unless_unread(warnings: Awaitable[tuple[Warned, ...]]) -> tuple[Warned, ...]:
    """What is read after a command was accepted: a database that is away takes nothing of that back."""
    try:
        return await warnings
    except RecordUnavailable:
        return (UNREAD,)


class Accepted(Body, frozen=True, kw_only=True):
    """`receipts` in the order of the record; after a dry run none, and `would_record` names the types
    instead. `warnings` about what was accepted."""

    receipts: tuple[Receipt, ...] = ()
    warnings: tuple[Warned, ...] = ()
    validated_only: bool = False
    would_record: tuple[str, ...] = ()


class Done(Struct, frozen=True, kw_only=True):
    """A command's facts, recorded or (`validated_only`) rehearsed."""

    facts: tuple[Fact, ...]
    events: tuple[Recorded, ...]
    validated_only: bool
    replayed: bool

    @property
    def position(self) -> int | None:
        return self.events[0].position if self.events else None

    def fact(self, kind: type[F]) -> F:
        """The command's fact of that kind. LookupError when it has none: the command did something else."""
        for fact in self.facts:
            if isinstance(fact, kind):
                return fact
        raise LookupError(f"the command recorded no {kind.__name__}")

    def accepted(self) -> dict[str, Any]:
        """The members of `Accepted`."""
        if self.validated_only:
            types = tuple(type_of(fact) for fact in self.facts)
            return {"receipts": (), "validated_only": True, "would_record": types}
        return {
            "receipts": tuple(map(_receipt, self.events)),
            "validated_only": False,
            "would_record": (),
        }

    def made(self, prefix: Prefix, found: UUID) -> str | None:
        """The id of what was made; a dry run makes nothing."""
        return None if self.validated_only else to_text(prefix, found)

    def answer(
        self, body: Body, *, version: int | None = None, position: int | None = None, location: str = ""
    ) -> Answer:
        """A dry run answers 200 where the command would create, and has neither version nor address."""
        if self.validated_only:
            return Answer(body=body, status=200)
        headers = {"Location": location} if location else {}
        return Answer(body=body, version=version, position=position, headers=headers, replayed=self.replayed)


def done(call: Call[Any, DryRun], result: Result) -> Done:
    """Read a command's result, and note its place for the canonical line."""
    call.trace.validate_only = call.query.validate_only
    if not isinstance(result, Outcome):
        return Done(
            facts=tuple(draft.data for draft in result), events=(), validated_only=True, replayed=False
        )
    if result.events:
        first = result.events[0]
        call.trace.stream, call.trace.lane, call.trace.position = first.stream, first.lane, first.position
    return Done(
        facts=tuple([event.data for event in result.events]),
        events=result.events,
        validated_only=False,
        replayed=result.replayed,
    )


def _receipt(event: Recorded) -> Receipt:
    return Receipt(
        event=to_text("evt", event.id),
        type=event.type,
        stream=event.stream,
        lane=event.lane,
        position=event.position,
        event_sha256=event.body_hash.hex(),
        time=event.time,
    )
