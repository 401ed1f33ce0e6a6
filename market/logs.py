"""Logging of this process: one line per event on stderr, as JSON or for a console."""

import json
import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final, cast

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


def configure(
    settings: Settings, *, level: str | None = None, lost: Callable[[], object] = lambda: None
) -> None:
    """Call once per process. Libraries log warnings and above; `lost` is called for each line that could not
    be written.

    The Kafka client's own retries are not logged: errors that it cannot repair reach the relay as exceptions.
    """
    threshold = LEVELS[level or settings.log_level]
    log_as_json = settings.log_format == "json"
    rendering = [_json_line] if log_as_json else [*_console_rendering(), _encoded]

    def told(lines: int) -> bytes:
        line: Any = {"event": "log_lines_lost", "lines": lines}
        for processor in rendering:
            line = processor(None, "warning", line)
        return bytes(line)

    # Bypasses stderr's buffer, which would keep what a full disk refused and fail again at exit.
    file = cast(BinaryIO, getattr(sys.stderr.buffer, "raw", sys.stderr.buffer))
    sink = Sink(file, told, lost)
    structlog.configure(
        processors=rendering,
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.BytesLoggerFactory(sink),  # type: ignore[arg-type]  # it writes and flushes
        cache_logger_on_first_use=True,
    )
    of_libraries = _Handler(sink)
    of_libraries.setFormatter(_OfLibraries() if log_as_json else logging.Formatter(CONSOLE_FORMAT))
    logging.basicConfig(level=max(threshold, logging.WARNING), handlers=[of_libraries])
    for name in RETRYING:
        logging.getLogger(name).setLevel(logging.ERROR)


class Sink:
    """A line-based output that a full disk or a closed pipe may refuse: then lines are lost, but the logged
    work goes on. `told` makes the line that says how many, once writing is possible again."""

    def __init__(self, file: BinaryIO, told: Callable[[int], bytes], lost: Callable[[], object]) -> None:
        self._file = file
        self._told = told
        self._lost = lost
        self._rest = b""
        self._lines_lost = 0

    def write(self, line: bytes) -> int:
        """Writes a line with its end, either completely, perhaps later, or not at all."""
        try:
            if self._lines_lost:
                self._put(self._told(self._lines_lost) + b"\n")
                self._lines_lost = 0
            self._put(line)
        except OSError:
            self._lines_lost += 1
            self._lost()
        return len(line)

    def _put(self, line: bytes) -> None:
        """Writes all of the line, or raises OSError: a disk that becomes full takes a part of it first."""
        self._rest = self._rest[self._written(self._rest) :]
        if self._rest:
            raise BlockingIOError
        self._rest = line[self._written(line) :]

    def _written(self, data: bytes) -> int:
        return (self._file.write(data) or 0) if data else 0

    def flush(self) -> None:
        with suppress(OSError):
            self._file.flush()


class _Handler(logging.Handler):
    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self._sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        self._sink.write(_encoded(None, "", self.format(record)) + b"\n")
        self._sink.flush()


def _encoded(_logger: Any, _level: str, text: Any) -> bytes:
    return str(text).encode(errors="backslashreplace")


# structlog's own `dict_tracebacks` would write the local variables of every frame: keys, bodies, prices.
_render_exception: Final = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


def _json_line(logger: Any, level: str, line: structlog.types.EventDict) -> bytes:
    """Level, time, exception and rendering in one step, since every request is logged."""
    if "exc_info" in line:
        line = _render_exception(logger, level, line)
    line["level"] = level
    line["time"] = datetime.now(UTC)
    try:
        return msgspec.json.encode(line, enc_hook=_plain)
    except (TypeError, ValueError, OverflowError):
        return json.dumps(line, default=_plain).encode()


class _OfLibraries(logging.Formatter):
    """Formats a library's line like one of this program."""

    def format(self, record: logging.LogRecord) -> str:
        line: structlog.types.EventDict = {"event": record.getMessage(), "logger": record.name}
        if record.exc_info:
            line["exc_info"] = record.exc_info
        return _json_line(None, record.levelname.lower(), line).decode()


def _plain(value: object) -> str:
    """A text for values that JSON cannot represent, so that every line can be written."""
    return value.isoformat() if isinstance(value, datetime) else repr(value)


def _console_rendering() -> list[structlog.types.Processor]:
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        ),
    ]
