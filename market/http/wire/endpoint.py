"""The declaration of a route: who may call it, its input and its answers. `gates` checks requests by it,
`openapi` documents it."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, Generic, ParamSpec, TypeVar
from uuid import UUID

from litestar.datastructures import State
from litestar.types import HTTPScope, Receive
from msgspec import Struct

from events.callers import Caller
from events.decision import Request as IdempotentRequest
from events.vocabulary import KeyRole
from market.http.wire.access import Credential
from market.http.wire.door import Door
from market.http.wire.idempotency import request_of
from market.http.wire.judging import Judge
from market.http.wire.logs import Trace
from market.http.wire.media_types import check_media_type, media_type_of
from market.http.wire.problems import DoorError

B = TypeVar("B")
Q = TypeVar("Q")
P = ParamSpec("P")

JSON: Final = "application/json"


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """No body, or no query parameters."""


class DryRun(Struct, frozen=True, kw_only=True):
    """Query of every change: `validate_only` runs every check under the lane's lock and stores nothing."""

    validate_only: bool = False


class Address(Struct, frozen=True):
    method: str
    path: str


class Endpoint(Address, frozen=True, kw_only=True):
    """What a route declares; the OpenAPI document is made from these. `versioned` needs If-Match,
    `idempotent` an Idempotency-Key.

    `judge` says what the rules refuse of a body that cannot be read whole; it takes stand-ins from
    `stand_ins`, else from `example`.
    `also`: statuses that come with the same body as a success. `metered` False: a probe's route, which no
    limit of addresses may silence. A request takes `cost` of its organisation's rate.
    `takes`: media types of a file that the handler reads from `raw_body`, or when it is `streamed` part by
    part from `receive`; then `example` has texts by media type. `shapes`: media types of texts in which the
    answer comes besides JSON. `answer_example`: where another's standard says what is in an answer. Without
    `body_required` none stands for `{}`. `located`: what is made has an address, which Location tells.
    """

    roles: frozenset[KeyRole]
    summary: str
    tag: str
    body: Any = None
    query: Any = Nothing
    answer: Any = None
    status: int = 200
    idempotent: bool = False
    versioned: bool = False
    etagged: bool = False
    description: str = ""
    example: Any = None
    problems: tuple[int, ...] = ()
    media_type: str = JSON
    headers: dict[str, str] = {}
    judge: Judge | None = None
    stand_ins: dict[str, Any] | None = None
    also: tuple[int, ...] = ()
    metered: bool = True
    cost: int = 1
    takes: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()
    answer_example: Any = None
    streamed: bool = False
    body_required: bool = True
    located: bool = False


class _Typed(Endpoint, Generic[B, Q], frozen=True, kw_only=True):
    body: type[B] | None = None
    query: type[Q] = Nothing  # type: ignore[assignment]  # a route without a query has this one for Q


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
    """One request that has passed the gates."""

    __slots__ = (
        "_caller",
        "_headers",
        "body",
        "door",
        "expected_version",
        "idempotency_key",
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
        self.idempotency_key: str | None = None
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

    def idempotent_request(self) -> IdempotentRequest | None:
        """The scope of this request's idempotency key; None on a route that takes none."""
        if self.idempotency_key is None:
            return None
        return request_of(
            self.caller.organisation,
            self.scope["method"],
            self.scope["path"],
            self.idempotency_key,
            self.raw_body,
            self.expected_version,
        )


Handler = Callable[[Call[B, Q]], Awaitable[Answer]]


class Route(Struct, frozen=True):
    """A declared endpoint, and what answers a request that passed its gates."""

    declared: Endpoint
    handler: Handler[Any, Any]


def _routing(declaring: Callable[P, _Typed[B, Q]]) -> Callable[P, Callable[[Handler[B, Q]], Route]]:
    def declare(*place: P.args, **members: P.kwargs) -> Callable[[Handler[B, Q]], Route]:
        return partial(Route, declaring(*place, **members))

    return declare


endpoint: Final = _routing(_Typed)
"""Takes members of `Endpoint`, and makes a route of a handler of that body and query."""


def not_found() -> DoorError:
    """The same answer for what does not exist and for what the caller may not see."""
    return DoorError("not_found", "There is no such resource, or it is not yours to see.")
