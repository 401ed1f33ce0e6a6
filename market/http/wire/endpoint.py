"""A route declared whole: who may call it, what it takes, what it answers. Litestar finds the path; this
checks and documents.

Every request passes the same gates in the same order: credentials, rate, role, ids of the path, then query,
headers and body together so that all faults are answered at once.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from hashlib import sha256
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import msgspec
from litestar.datastructures import State
from litestar.types import HTTPScope, Receive
from msgspec import Struct

from events.callers import Caller
from events.decision import Request as IdempotentRequest
from events.vocabulary import KeyRole
from market.http.wire.access import PUBLIC, Credential, require
from market.http.wire.conditions import SUFFIXES, etag, none_match, parse_if_match
from market.http.wire.door import Door
from market.http.wire.faults import Fault, InvalidInputError
from market.http.wire.idempotency import FIELD, REPLAYED, parse_key, request_of
from market.http.wire.ids import Prefix, from_path
from market.http.wire.judging import Judge, refused_too
from market.http.wire.limits import CallerLimits, site_of
from market.http.wire.logs import Trace, trace_of
from market.http.wire.media_types import check_media_type, media_type_of
from market.http.wire.problems import DoorError
from market.http.wire.receiving import receive_all
from market.http.wire.rendered import Rendered
from market.http.wire.streaming import Streamed
from market.http.wire.validation import decode, parse_query

B = TypeVar("B")
Q = TypeVar("Q")

JSON: Final = "application/json"
EMPTY_OBJECT: Final = b"{}"
"""What many clients send where a route takes no body; it counts as none."""

PATH_IDS: Final[dict[str, Prefix]] = {
    "organisation": "org",
    "facility": "fac",
    "certificate": "cert",
    "licence": "lic",
    "key": "key",
    "market": "mkt",
    "offer": "offer",
    "lot": "lot",
    "requirement": "req",
    "plan": "plan",
    "match": "match",
    "agreement": "agr",
    "delivery": "del",
    "invoice": "inv",
    "payment": "pay",
    "event": "evt",
    "run": "run",
    "passport": "pass",
    "transformation": "tra",
    "policy": "pol",
    "twin": "twin",
    "volume": "vol",
    "import": "imp",
    "webhook": "hook",
    "message": "msg",
}
_encoder: Final = msgspec.json.Encoder()


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """No body, or no query parameters."""


class DryRun(Struct, frozen=True, kw_only=True):
    """Query of every change: `validate_only` runs every check under the lane's lock and stores nothing."""

    validate_only: bool = False


class Endpoint(Struct, frozen=True, kw_only=True):
    """What a route declares; the OpenAPI document is made from these."""

    method: str
    path: str
    summary: str
    tag: str
    roles: frozenset[KeyRole]
    status: int
    body: Any
    query: Any
    answer: Any
    idempotent: bool
    versioned: bool
    etagged: bool
    description: str
    example: Any
    problems: tuple[int, ...]
    media_type: str
    headers: dict[str, str]
    judge: Judge | None
    stand_ins: dict[str, Any] | None
    also: tuple[int, ...]
    metered: bool
    takes: tuple[str, ...]
    cost: int
    shapes: tuple[str, ...]
    answer_example: Any
    streamed: bool
    body_required: bool


class Answer(Struct, kw_only=True):
    """`version`, and `position` where it is not enough, give the ETag; `hashed`: the body itself, beside a
    version where the body shows what has none, or what of it is `alike` in readings that differ only in when
    they were made; no body: 204; a generator of bytes: sent as they come."""

    body: Any = None
    version: int | None = None
    position: int | None = None
    status: int | None = None
    hashed: bool = False
    alike: dict[str, Any] | None = None
    headers: dict[str, str] = {}
    replayed: bool = False
    media_type: str = JSON


class Call(Generic[B, Q]):
    """One request that passed the gates."""

    __slots__ = (
        "_caller",
        "_headers",
        "body",
        "door",
        "expected_version",
        "ids",
        "query",
        "raw_body",
        "receive",
        "scope",
        "trace",
    )

    def __init__(self, scope: HTTPScope, trace: Trace) -> None:
        self.scope = scope
        self.receive: Receive
        self.door: Door = self.state.door
        self.trace = trace
        self.ids: dict[str, UUID] = {}
        self.body: B
        self.query: Q
        self.raw_body = b""
        self.expected_version = 0
        self._caller: Caller | None = None
        self._headers = dict(reversed(list(scope["headers"])))

    @property
    def state(self) -> State:
        """What the app remembers."""
        found: State = self.scope["app"].state
        return found

    @property
    def caller(self) -> Caller:
        """Who calls; a public route has none."""
        if self._caller is None:
            raise LookupError("a public route has no caller")
        return self._caller

    def called_by(self, credential: Credential) -> None:
        self._caller = Caller(
            organisation=credential.organisation, roles=credential.roles, key=credential.key
        )

    def header(self, name: bytes) -> str | None:
        """The first field of a name, which is in lower case."""
        found = self._headers.get(name)
        return None if found is None else found.decode("latin-1")

    @property
    def media_type(self) -> str:
        """What the body is sent as, without parameters."""
        return media_type_of(self.header(b"content-type"))

    def check_credentials(self) -> None:
        """DoorError `invalid_request` where a proxy may have looked at others than are read here."""
        fields = list(self.scope["headers"])
        if len(fields) > len(self._headers) and sum(name == b"authorization" for name, _ in fields) > 1:
            raise DoorError("invalid_request", "Send one Authorization header.")

    def check_media_type(self, accepted: tuple[str, ...]) -> None:
        """DoorError `unsupported_media_type`."""
        check_media_type(self.header(b"content-type"), self.header(b"content-encoding"), accepted)

    @property
    def text_parameter(self) -> dict[str, str]:
        """Path parameters that are no ids, as they were sent."""
        return {name: str(value) for name, value in self.scope["path_params"].items() if name not in self.ids}

    def idempotent_request(self) -> IdempotentRequest:
        """The scope of this request's idempotency key, which the gates have checked."""
        return request_of(
            self.caller.organisation,
            self.scope["method"],
            self.scope["path"],
            self.header(FIELD) or "",
            self.raw_body,
            self.expected_version,
        )


Handler = Callable[[Call[B, Q]], Awaitable[Answer]]


class Route(Struct, frozen=True, kw_only=True):
    """A declared endpoint, and what answers its requests."""

    declared: Endpoint
    respond: Callable[[HTTPScope, Receive], Awaitable[Rendered]]


def endpoint(
    method: str,
    path: str,
    *,
    roles: frozenset[KeyRole],
    summary: str,
    tag: str,
    body: type[B] = Nothing,  # type: ignore[assignment]
    query: type[Q] = Nothing,  # type: ignore[assignment]
    answer: Any = None,
    status: int = 200,
    idempotent: bool = False,
    versioned: bool = False,
    etagged: bool = False,
    description: str = "",
    example: Any = None,
    problems: tuple[int, ...] = (),
    media_type: str = JSON,
    headers: dict[str, str] | None = None,
    judge: Judge | None = None,
    stand_ins: dict[str, Any] | None = None,
    also: tuple[int, ...] = (),
    metered: bool = True,
    cost: int = 1,
    takes: tuple[str, ...] = (),
    shapes: tuple[str, ...] = (),
    answer_example: Any = None,
    streamed: bool = False,
    body_required: bool = True,
) -> Callable[[Handler[B, Q]], Route]:
    """Make a route of a handler. `versioned` needs If-Match, `idempotent` an Idempotency-Key.

    `judge` says what the rules refuse of a body that cannot be read whole; it takes stand-ins from
    `stand_ins`, else from `example`.
    `also`: statuses that come with the same body as a success. `metered` False: a probe's route, which no
    limit of addresses may silence. A request takes `cost` of its organisation's rate.
    `takes`: media types of a file that the handler reads from `raw_body`, or when it is `streamed` part by
    part from `receive`; then `example` has texts by media type. `shapes`: media types of texts in which the
    answer comes besides JSON. `answer_example`: where another's standard says what is in an answer. Without
    `body_required` none stands for `{}`.
    """
    declared = Endpoint(
        method=method,
        path=path,
        summary=summary,
        tag=tag,
        roles=roles,
        status=status,
        body=None if body is Nothing else body,
        query=query,
        answer=answer,
        idempotent=idempotent,
        versioned=versioned,
        etagged=etagged,
        description=description,
        example=example,
        problems=problems,
        media_type=media_type,
        headers=headers or {},
        judge=judge,
        stand_ins=stand_ins or example,
        also=also,
        metered=metered,
        cost=cost,
        takes=takes,
        shapes=shapes,
        answer_example=answer_example,
        streamed=streamed,
        body_required=body_required,
    )

    def bind(handler: Handler[B, Q]) -> Route:
        async def respond(scope: HTTPScope, receive: Receive) -> Rendered:
            call: Call[B, Q] = Call(scope, trace_of(scope))
            call.receive = receive
            await _pass_gates(call, declared, body, query)
            return _render(call, declared, await handler(call))

        return Route(declared=declared, respond=respond)

    return bind


async def _pass_gates(call: Call[B, Q], declared: Endpoint, body: type[B], query: type[Q]) -> None:
    door = call.door
    if declared.roles:
        call.check_credentials()
        credential = await door.keys.credential(call.header(b"authorization"), partial(admit_stranger, call))
        call.called_by(credential)
        call.trace.organisation, call.trace.key = credential.organisation, credential.key
        call.trace.roles = tuple(sorted(credential.roles))
        _check_rate(call, door.limits, credential.organisation, declared.cost)
        require(declared.roles, credential.roles)
    elif declared.metered:
        admit_stranger(call)
    _read_path(call)
    faults: list[Fault] = []
    try:
        call.query = (
            query() if declared.method == "OPTIONS" else parse_query(call.scope["query_string"], query)
        )
    except InvalidInputError as error:
        faults += error.faults
    faults += _header_faults(call, declared)
    try:
        call.body = await _read_body(call, declared, body)
    except InvalidInputError as error:
        faults += error.faults
    if faults:
        refused = []
        if declared.judge is not None:
            refused = await refused_too(declared.judge, call, call.raw_body, faults, body, declared.stand_ins)
        raise InvalidInputError(faults, refused)


def admit_stranger(call: Call[Any, Any]) -> None:
    """DoorError `too_many_requests` when the client's address has sent too much that no key answers for."""
    client = call.scope["client"]
    _check_rate(call, call.door.strangers, site_of(client[0] if client is not None else ""))


def _check_rate(call: Call[Any, Any], limits: CallerLimits, caller: UUID | str, cost: int = 1) -> None:
    verdict = limits.take(caller, cost)
    call.trace.rate_limit = verdict.fields
    if not verdict.allowed:
        raise DoorError(
            "too_many_requests",
            f"Too many requests; try again in {verdict.retry_after_seconds} s.",
            headers={"Retry-After": str(verdict.retry_after_seconds)},
        )


def _read_path(call: Call[Any, Any]) -> None:
    for name, text in call.scope["path_params"].items():
        if name in PATH_IDS:
            found = from_path(PATH_IDS[name], text)
            if found is None:
                told = f"{text[:40]!r} is no id: write {PATH_IDS[name]}_ and 32 hexadecimal digits."
                raise DoorError("not_found", told)
            call.ids[name] = found
    call.trace.objects = call.ids


def not_found() -> DoorError:
    """Of what does not exist, and of what is not the caller's to see: the answers are the same."""
    return DoorError("not_found", "There is no such resource, or it is not yours to see.")


def _header_faults(call: Call[Any, Any], declared: Endpoint) -> list[Fault]:
    faults: list[Fault] = []
    if declared.idempotent:
        key = parse_key(call.header(FIELD))
        if isinstance(key, Fault):
            faults.append(key)
    if declared.versioned:
        version = parse_if_match(call.header(b"if-match"))
        if isinstance(version, Fault):
            faults.append(version)
        else:
            call.expected_version = version
    return faults


def _is_empty(raw_body: bytes) -> bool:
    return b"".join(raw_body.split()) in (b"", EMPTY_OBJECT)


async def _read_body(call: Call[B, Any], declared: Endpoint, body: type[B]) -> B:
    if declared.method in ("GET", "OPTIONS"):
        return body()
    if declared.streamed:
        call.check_media_type(declared.takes)
        return body()
    call.raw_body = await receive_all(call.receive, call.door.body_bytes_max)
    call.trace.bytes_in = len(call.raw_body)
    if declared.takes:
        call.check_media_type(declared.takes)
        return body()
    if declared.body is None:
        if not _is_empty(call.raw_body):
            raise InvalidInputError(
                [Fault(code="body_unexpected", detail="this route takes no body, or {}", pointer="")]
            )
        call.raw_body = b""
        return body()
    if not declared.body_required and _is_empty(call.raw_body):
        return body()
    call.check_media_type((JSON,))
    return decode(call.raw_body, body)


def _render(call: Call[Any, Any], declared: Endpoint, answer: Answer) -> Rendered:
    headers = {"Cache-Control": "no-store" if declared.roles else "public, max-age=60", **answer.headers}
    status = answer.status or declared.status
    call.trace.replayed = answer.replayed
    if answer.replayed:
        headers[REPLAYED] = "true"
    if isinstance(answer.body, AsyncGenerator):
        return Streamed(status, headers, answer.body, answer.media_type)
    if answer.body is None:
        return Rendered(204, headers, b"", answer.media_type)
    content = answer.body if isinstance(answer.body, bytes) else _encoder.encode(answer.body)
    tag = _tag(answer, content)
    if tag is not None:
        headers |= {"ETag": tag, "Cache-Control": "private, no-cache"}
        if declared.method == "GET" and none_match(call.header(b"if-none-match"), tag):
            return Rendered(304, headers, b"", answer.media_type)
    return Rendered(status, headers, content, answer.media_type)


def _tag(answer: Answer, content: bytes) -> str | None:
    """A weak one where bodies that mean the same need not be the same bytes."""
    if answer.alike is not None:
        return f'W/"{sha256(_encoder.encode(answer.alike)).digest()[:16].hex()}"'
    digest = sha256(content).digest() if answer.hashed else b""
    if answer.version is not None:
        of_body = int.from_bytes(digest) % SUFFIXES if answer.hashed else None
        return etag(answer.version, answer.position if of_body is None else of_body)
    return f'"{digest[:16].hex()}"' if answer.hashed else None


def is_public(declared: Endpoint) -> bool:
    return declared.roles == PUBLIC
