"""How this process writes its log: one line per event on stderr, JSON or for a console."""

import json
import logging
import sys
from datetime import UTC, datetime
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
CONSOLE_FORMAT: Final = "%(levelname)s %(name)s %(message)s"
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
        processors=[_json_line] if log_as_json else _console_rendering(),
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=to_stderr,
        cache_logger_on_first_use=True,
    )
    of_libraries = logging.StreamHandler(sys.stderr)
    of_libraries.setFormatter(_OfLibraries() if log_as_json else logging.Formatter(CONSOLE_FORMAT))
    logging.basicConfig(level=max(threshold, logging.WARNING), handlers=[of_libraries])
    for name in RETRYING:
        logging.getLogger(name).setLevel(logging.ERROR)


# The library's own `dict_tracebacks` writes the local variables of every frame: keys, bodies, prices.
_render_exception: Final = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


def _json_line(logger: Any, level: str, line: structlog.types.EventDict) -> bytes:
    """Level, time, exception and rendering in one step: every request passes here."""
    if "exc_info" in line:
        line = _render_exception(logger, level, line)
    line["level"] = level
    line["time"] = datetime.now(UTC)
    try:
        return msgspec.json.encode(line, enc_hook=_plain)
    except (TypeError, ValueError, OverflowError):
        return json.dumps(line, default=_plain).encode()


class _OfLibraries(logging.Formatter):
    """A line of a library as one of this program's."""

    def format(self, record: logging.LogRecord) -> str:
        line: structlog.types.EventDict = {"event": record.getMessage(), "logger": record.name}
        if record.exc_info:
            line["exc_info"] = record.exc_info
        return _json_line(None, record.levelname.lower(), line).decode()


def _plain(value: object) -> str:
    """What has no form in JSON: a line is written whatever stands in it."""
    return value.isoformat() if isinstance(value, datetime) else repr(value)


def _console_rendering() -> list[structlog.types.Processor]:
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        ),
    ]
