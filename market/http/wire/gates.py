"""The gates that every request passes before its handler, and its answer afterwards.

Always in the same order: credentials, rate, role, ids of the path, then query, headers and body together, so
that all their faults are answered at once.
"""

from collections.abc import AsyncGenerator
from functools import partial
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar.types import HTTPScope, Receive

from market.http.wire.access import require
from market.http.wire.conditions import SUFFIXES, etag, none_match, parse_if_match
from market.http.wire.endpoint import JSON, Answer, Call, Endpoint, Nothing, Route
from market.http.wire.faults import Fault, InvalidInputError
from market.http.wire.idempotency import FIELD, REPLAYED, parse_key
from market.http.wire.ids import PATH_IDS, from_path
from market.http.wire.judging import refused_too
from market.http.wire.limits import CallerLimits, site_of
from market.http.wire.logs import trace_of
from market.http.wire.problems import DoorError
from market.http.wire.receiving import receive_all
from market.http.wire.rendered import Rendered
from market.http.wire.streaming import Streamed
from market.http.wire.validation import decode, parse_query

EMPTY_OBJECT: Final = b"{}"
"""What many clients send where a route takes no body; it counts as none."""
_encoder: Final = msgspec.json.Encoder()


async def respond(route: Route, scope: HTTPScope, receive: Receive) -> Rendered:
    """The handler's answer to a request that passes. DoorError, InvalidInputError, Refusal, Refusals."""
    call: Call[Any, Any] = Call(scope, trace_of(scope))
    call.receive = receive
    await _pass_gates(call, route.declared)
    return _render(call, route.declared, await route.handler(call))


async def _pass_gates(call: Call[Any, Any], declared: Endpoint) -> None:
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
    body = declared.body or Nothing
    faults: list[Fault] = []
    try:
        if declared.method == "OPTIONS":
            call.query = declared.query()
        else:
            call.query = parse_query(call.scope["query_string"], declared.query)
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
            stand_ins = declared.stand_ins or declared.example
            refused = await refused_too(declared.judge, call, call.raw_body, faults, body, stand_ins)
        raise InvalidInputError(faults, refused)


def admit_stranger(call: Call[Any, Any]) -> None:
    """DoorError `too_many_requests` when the client's address has sent too many requests without a valid
    key."""
    client = call.scope["client"]
    _check_rate(call, call.door.strangers, site_of(client[0] if client is not None else ""))


def charge(call: Call[Any, Any], cost: int) -> None:
    """What a request takes of its organisation's rate beyond the one of its route. DoorError
    `too_many_requests`; with what the route took at most the whole burst, else it never passed."""
    limits = call.door.limits
    _check_rate(call, limits, call.caller.organisation, min(cost, limits.burst - 1), before=1)


def _check_rate(
    call: Call[Any, Any], limits: CallerLimits, caller: UUID | str, cost: int = 1, *, before: int = 0
) -> None:
    verdict = limits.take(caller, cost, before=before)
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
                told = f"{text[:40]!r} is not an id: write {PATH_IDS[name]}_ and 32 hexadecimal digits."
                raise DoorError("not_found", told)
            call.ids[name] = found
    call.trace.objects = call.ids


def _header_faults(call: Call[Any, Any], declared: Endpoint) -> list[Fault]:
    faults: list[Fault] = []
    if declared.idempotent:
        key = parse_key(call.header(FIELD))
        if isinstance(key, Fault):
            faults.append(key)
        else:
            call.idempotency_key = key
    if declared.versioned:
        version = parse_if_match(call.header(b"if-match"))
        if isinstance(version, Fault):
            faults.append(version)
        else:
            call.expected_version = version
    return faults


def _is_empty(raw_body: bytes) -> bool:
    return b"".join(raw_body.split()) in (b"", EMPTY_OBJECT)


async def _read_body(call: Call[Any, Any], declared: Endpoint, body: Any) -> Any:
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
                [Fault(code="body_unexpected", detail="send no body to this route, or {}", pointer="")]
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
