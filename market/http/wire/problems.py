"""Problems (RFC 9457): answers to refusals, faults of a request, and errors. Their statuses are in
`statuses`."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from msgspec import Struct
from msgspec.structs import replace

from events.refusal import Refusal, Refusals
from market.http.wire.faults import Fault, InvalidInputError
from market.http.wire.logs import Trace, trace_of, write_unhandled
from market.http.wire.statuses import BUSY, DOOR, OF_CONTENT, PRECEDENCE, status_of
from market.http.wire.wire_names import wire_pointer

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:lodestone:problem:"
RETRY_AFTER_SECONDS: Final = 1


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Every error: `type`, `title` and `code` are stable, `detail` is of this case, `errors` lists all
    faults."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    instance: str
    errors: tuple[Fault, ...] = ()


class DoorError(Exception):
    """A problem found by the HTTP layer itself, by its code in `DOOR`."""

    def __init__(
        self, code: str, detail: str, *, faults: Iterable[Fault] = (), headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.faults = tuple(faults)
        self.headers = headers or {}


NOTHING_STORED: Final = "; nothing was stored"
"""Added for changes; not for requests that only read."""

_ABBREVIATIONS: Final = {
    word.lower(): word for word in ("API", "CSV", "HTTP", "ID", "JSON", "SVG", "TREO", "URL", "XLSX")
}


def title_of(code: str) -> str:
    words = code.replace("if_match", "If-Match").split("_")
    first, *rest = (_ABBREVIATIONS.get(word, word) for word in words)
    return " ".join([first[:1].upper() + first[1:], *rest])


class Answered(NamedTuple):
    """A problem on its way out; its media type is `MEDIA_TYPE`."""

    status: int
    headers: dict[str, str]
    content: bytes


def exception_to_response(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """`answer_to`, for Litestar."""
    status, headers, content = answer_to(trace_of(request.scope), error)
    return Response(content, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def answer_to(trace: Trace, error: Exception) -> Answered:
    """The answer to an exception; an unexpected one is logged completely and answered without its text."""
    if isinstance(error, DoorError):
        return _answer(trace, error.code, DOOR[error.code], error.detail, error.faults, error.headers)
    if isinstance(error, InvalidInputError):
        return _invalid(trace, error)
    if isinstance(error, Refusal):
        return _refused(trace, (error,))
    if isinstance(error, Refusals):
        return _refused(trace, error.refusals)
    if isinstance(error, HTTPException) and error.status_code in _OF_LITESTAR:
        code, detail = _OF_LITESTAR[error.status_code]
        headers = {"Allow": _allowed(error.headers)} if code == "method_not_allowed" else {}
        return _answer(trace, code, error.status_code, detail, (), headers)
    write_unhandled(trace, error)
    if isinstance(error, ConnectionError | TimeoutError):
        detail = f"A server that the API needs does not answer{NOTHING_STORED}, try again."
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return _answer(trace, "unavailable", DOOR["unavailable"], detail, (), headers)
    return _answer(
        trace,
        "internal_error",
        500,
        "An unexpected error; it is logged: report this instance id to the operator.",
        (),
        {},
    )


NO_PATH: Final = (
    "unknown_path",
    "There is no such path; GET /schema/openapi.json lists all paths.",
)
_OF_LITESTAR: Final[dict[int, tuple[str, str]]] = {
    400: ("invalid_request", "The request is malformed."),
    404: NO_PATH,
    405: ("method_not_allowed", "This path does not support that method."),
    413: ("body_too_large", "The body is larger than the API accepts."),
}


def _allowed(headers: Mapping[str, str] | None) -> str:
    methods = {name.strip() for name in (headers or {}).get("allow", "").split(",") if name.strip()}
    return ", ".join(sorted(methods | {"HEAD"} if "GET" in methods else methods))


def _invalid(trace: Trace, error: InvalidInputError) -> Answered:
    """One lone fault with a code of its own names the problem; otherwise it is `invalid_request` with all
    of them."""
    faults = error.faults + error.refused
    if len(faults) == 1 and faults[0].code in DOOR:
        code = faults[0].code
    else:
        code = "inconsistent" if {fault.code for fault in error.faults} <= OF_CONTENT else "invalid_request"
    count = "One thing is" if len(faults) == 1 else f"{len(faults)} things are"
    return _answer(trace, code, DOOR[code], f"{count} wrong with the request{NOTHING_STORED}.", faults, {})


def _refused(trace: Trace, reasons: tuple[Refusal, ...]) -> Answered:
    leading = min(reasons, key=lambda reason: PRECEDENCE.index(status_of(reason)))
    status = status_of(leading)
    headers: dict[str, str] = {}
    if status == BUSY or "retry_after_seconds" in leading.figures:
        headers["Retry-After"] = str(leading.figures.get("retry_after_seconds", RETRY_AFTER_SECONDS))
    return _answer(trace, leading.code, status, told(leading), refusal_faults(reasons), headers)


def told(reason: Refusal) -> str:
    """Its sentence, with times written as everywhere in answers."""
    return _IN_UTC.sub(r"\1Z", reason.detail())


_IN_UTC: Final = re.compile(r"(T\d\d:\d\d:\d\d(?:\.\d+)?)\+00:00")


def refusal_faults(reasons: Iterable[Refusal]) -> list[Fault]:
    return [
        Fault(code=reason.code, detail=told(reason), pointer=wire_pointer(reason.pointer))
        for reason in reasons
    ]


def _answer(
    trace: Trace, code: str, status: int, detail: str, faults: Iterable[Fault], headers: dict[str, str]
) -> Answered:
    errors = tuple(faults)
    if trace.method in ("GET", "HEAD"):
        detail = detail.replace(NOTHING_STORED, "")
        errors = tuple(replace(fault, detail=fault.detail.replace(NOTHING_STORED, "")) for fault in errors)
    trace.codes = tuple(dict.fromkeys([code, *(fault.code for fault in errors)]))
    problem = Problem(
        type=TYPE_PREFIX + code,
        title=title_of(code),
        status=int(status),
        code=code,
        detail=detail,
        instance=f"urn:uuid:{trace.request_id}",
        errors=errors,
    )
    return Answered(int(status), headers, msgspec.json.encode(problem))
