"""Logs why the database could not be used; a client only learns that it could not."""

import time
from typing import Final

import structlog

log = structlog.get_logger("record")

SAID_AGAIN_SECONDS: Final = 60.0
SENTENCE_CHARACTERS_MAX: Final = 500

_said_at: Final[dict[str, float]] = {}
"""By cause; bounded by the number of PostgreSQL's error codes and Python's connection errors."""


def say_why(error: BaseException) -> None:
    """Logs each cause at most once a minute, since thousands of requests may meet it."""
    causes = _causes(error)
    sqlstate = next(filter(None, (getattr(cause, "sqlstate", None) for cause in causes)), None)
    deepest = causes[-1]
    cause = sqlstate or type(deepest).__name__
    now = time.monotonic()
    if now - _said_at.get(cause, -SAID_AGAIN_SECONDS) < SAID_AGAIN_SECONDS:
        return
    _said_at[cause] = now
    told = f"{type(deepest).__name__}: {first_line(deepest)}"
    log.error("record_unavailable", sqlstate=sqlstate, error=told)


def first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:SENTENCE_CHARACTERS_MAX]


def _causes(error: BaseException) -> list[BaseException]:
    """The error and its chain of causes; the original one is last."""
    found = [error]
    while found[-1].__cause__ is not None and len(found) < 8:
        found.append(found[-1].__cause__)
    return found
