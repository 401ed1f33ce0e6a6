"""One canonical log line per request. Of the client's input it contains only checked ids, and an auditor's
reason, which is a code: no header, body or query."""

from typing import Any, Final
from uuid import UUID

import structlog
from msgspec import Struct

log: Final = structlog.stdlib.get_logger("lodestone.http")

EVENT: Final = "http_request"
EVENT_UNHANDLED: Final = "http_unhandled"
EVENT_WHOLE_BOOK: Final = "whole_book_read"
UNROUTED: Final = "unrouted"
_STATE: Final = "trace"


class Trace(Struct):
    """What the request's canonical line says, gathered on the way."""

    request_id: str
    method: str
    route: str = UNROUTED
    status: int = 0
    duration_us: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    organisation: UUID | None = None
    key: UUID | None = None
    objects: dict[str, UUID] = {}
    roles: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    stream: str | None = None
    lane: int | None = None
    position: int | None = None
    replayed: bool = False
    validate_only: bool = False
    rate_limit: tuple[tuple[bytes, bytes], ...] = ()
    head: bool = False
    reason: str | None = None


def begin_trace(scope: Any, request_id: UUID) -> Trace:
    trace = Trace(request_id=str(request_id), method=scope["method"])
    scope.setdefault("state", {})[_STATE] = trace
    return trace


def trace_of(scope: Any) -> Trace:
    trace: Trace = scope["state"][_STATE]
    return trace


def canonical_lines() -> structlog.stdlib.BoundLogger:
    """The logger of `write_line`, bound once and not for every line. As logging is configured now."""
    return log.bind()


def write_line(lines: structlog.stdlib.BoundLogger, trace: Trace) -> None:
    """Fields that say nothing are left out."""
    fields: dict[str, Any] = {
        "request_id": trace.request_id,
        "method": "HEAD" if trace.head else trace.method,
        "route": trace.route,
        "status": trace.status,
        "duration_us": trace.duration_us,
        "bytes_in": trace.bytes_in,
        "bytes_out": trace.bytes_out,
    }
    if trace.organisation is not None:
        fields["organisation"] = str(trace.organisation)
        fields["key"] = str(trace.key)
        fields["roles"] = ",".join(trace.roles)
    if trace.objects:
        fields["objects"] = {name: str(identity) for name, identity in trace.objects.items()}
    if trace.reason is not None:
        fields["reason"] = trace.reason
    if trace.codes:
        fields["codes"] = ",".join(trace.codes)
    if trace.position is not None:
        fields["stream"], fields["lane"], fields["position"] = trace.stream, trace.lane, trace.position
    if trace.replayed:
        fields["replayed"] = True
    if trace.validate_only:
        fields["validate_only"] = True
    lines.info(EVENT, **fields)


def write_unhandled(trace: Trace, error: BaseException) -> None:
    """An unexpected error, with its stack."""
    log.error(EVENT_UNHANDLED, request_id=trace.request_id, route=trace.route, exc_info=error)


def write_whole_book_read(trace: Trace, market: UUID, position: int) -> None:
    """Who read the orders of a market with their owners and limits, and as of when."""
    log.info(
        EVENT_WHOLE_BOOK,
        request_id=trace.request_id,
        organisation=str(trace.organisation),
        key=str(trace.key),
        roles=",".join(trace.roles),
        market=str(market),
        position=position,
    )
