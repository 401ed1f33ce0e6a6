"""Errors of calls. None of them contains a key, a request header or a request body."""

from typing import Final

import httpx
import msgspec
from msgspec import Struct

PROBLEM: Final = "application/problem+json"
FAULTS_SHOWN: Final = 20


class ClientError(Exception):
    """Any error with which a call ends instead of an answer."""


class UnreachableError(ClientError):
    """No answer came. `sent` False: the request cannot have arrived; True: it may have, and counted."""

    def __init__(self, asked: str, reason: str, *, sent: bool) -> None:
        super().__init__(f"{asked}: {reason}")
        self.sent = sent


class UnreadableError(ClientError):
    """An answer that does not conform to the published API, for example from a proxy."""


class Fault(Struct, frozen=True, kw_only=True):
    """One fault: `pointer` into the body (RFC 6901), else a query parameter or a header."""

    code: str
    detail: str
    pointer: str | None = None
    parameter: str | None = None
    header: str | None = None

    @property
    def where(self) -> str:
        return self.pointer or self.parameter or self.header or ""

    @property
    def sentence(self) -> str:
        return ": ".join(filter(None, (self.where, self.detail)))


class Problem(Struct, frozen=True, kw_only=True):
    """A problem document (RFC 9457): `code` is stable, `detail` of this case, `errors` lists all faults."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    instance: str
    errors: tuple[Fault, ...] = ()

    @property
    def sentence(self) -> str:
        """Detail and faults as a text; a fault already in the detail is not repeated, only its place."""
        shown = self.errors[:FAULTS_SHOWN]
        leading = "" if self.detail in {each.detail for each in shown} else self.detail
        return f"{leading} {'; '.join(each.sentence for each in shown)}".strip()


class RefusedError(ClientError):
    """The API answered with a problem. Its subclasses tell apart what a caller does next."""

    def __init__(self, asked: str, problem: Problem, retry_after_seconds: float | None = None) -> None:
        super().__init__(f"{asked} answered {problem.status} {problem.code}: {problem.sentence}")
        self.problem = problem
        self.retry_after_seconds = retry_after_seconds

    @property
    def status(self) -> int:
        return self.problem.status

    @property
    def code(self) -> str:
        return self.problem.code

    @property
    def faults(self) -> tuple[Fault, ...]:
        return self.problem.errors


class InvalidError(RefusedError):
    """400, 413, 415, 422: the request has to change; `faults` says where and why."""


class UnauthenticatedError(RefusedError):
    """401: the key is unknown, expired or revoked."""


class ForbiddenError(RefusedError):
    """403: the key's roles or the membership do not allow it."""


class NotFoundError(RefusedError):
    """404: it does not exist, or the caller may not see it."""


class ConflictError(RefusedError):
    """409: the state does not allow it; with `retry_after_seconds`, perhaps later."""


class HistoryGoneError(RefusedError):
    """410: the events after the cursor are no longer kept; `earliest` continues after the gap."""

    @property
    def earliest(self) -> str | None:
        return next((fault.detail for fault in self.faults if fault.code == "earliest"), None)


class StaleError(RefusedError):
    """412: it has changed since; read it again and decide again."""


class VersionMissingError(RefusedError):
    """428: the change has to state the version to which it applies."""


class TooManyError(RefusedError):
    """429: the rate limit or a daily quota is used up."""


class UnavailableError(RefusedError):
    """502, 503, 504: not now. After 503 `outcome_unknown` the same key tells the outcome."""


_KINDS: Final[dict[int, type[RefusedError]]] = {
    **dict.fromkeys((400, 413, 415, 422), InvalidError),
    401: UnauthenticatedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: HistoryGoneError,
    412: StaleError,
    428: VersionMissingError,
    429: TooManyError,
    **dict.fromkeys((502, 503, 504), UnavailableError),
}


def refused(asked: str, response: httpx.Response) -> ClientError:
    """The error of an answer that is no success; its body has been read."""
    seconds = _retry_after(response)
    if response.headers.get("content-type", "").startswith(PROBLEM):
        try:
            problem = msgspec.json.decode(response.content, type=Problem)
        except msgspec.MsgspecError as error:
            return UnreadableError(f"{asked} answered {response.status_code}: {error}")
    elif response.is_redirect:
        return UnreadableError(f"{asked} answered {response.status_code}: a redirection is not followed")
    else:
        problem = _of_something_else(response)
    return _KINDS.get(response.status_code, RefusedError)(asked, problem, seconds)


def _of_something_else(response: httpx.Response) -> Problem:
    """A proxy or a load balancer answers without a problem document."""
    return Problem(
        type="about:blank",
        title=response.reason_phrase,
        status=response.status_code,
        code=f"http_{response.status_code}",
        detail="no problem document came with it",
        instance="",
    )


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds; an HTTP date, which the API does not send, counts as none."""
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else None


def unreachable(asked: str, error: httpx.TransportError) -> UnreachableError:
    sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    return UnreachableError(asked, f"{type(error).__name__} {error}".strip(), sent=sent)
