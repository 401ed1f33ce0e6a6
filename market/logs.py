"""How this process writes its log: one line per event on stderr, JSON or for a console."""

import json
import logging
import sys
from collections.abc import Callable
from typing import Any, Final

import msgspec
import structlog

from market.settings import Settings

LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
RETRYING: Final = ("aiokafka.producer.sender",)


def configure(settings: Settings, *, level: str | None = None) -> None:
    """Once per process. The libraries' own lines appear from warnings on.

    The Kafka client's own retries stay silent: what it cannot mend reaches the relay as an exception.
    """
    threshold = LEVELS[level or settings.log_level]
    log_as_json = settings.log_format == "json"
    to_stderr = (
        structlog.BytesLoggerFactory(sys.stderr.buffer)
        if log_as_json
        else structlog.PrintLoggerFactory(sys.stderr)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            *(_json_rendering() if log_as_json else _console_rendering()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=to_stderr,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=max(threshold, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )
    for name in RETRYING:
        logging.getLogger(name).setLevel(logging.ERROR)


def _json_rendering() -> list[structlog.types.Processor]:
    # The library's own `dict_tracebacks` writes the local variables of every frame: keys, bodies, prices.
    frames = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [
        structlog.processors.ExceptionRenderer(frames),
        structlog.processors.JSONRenderer(serializer=_json),
    ]


def _json(line: structlog.types.EventDict, *, default: Callable[[Any], Any]) -> bytes:
    """`default` writes what has no form in JSON. A line is written whatever stands in it."""
    try:
        return msgspec.json.encode(line, enc_hook=default)
    except (TypeError, ValueError, OverflowError):
        return json.dumps(line, default=default).encode()


def _console_rendering() -> list[structlog.types.Processor]:
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    ]
