"""How this process writes its log: one line per event on stderr, JSON or for a console."""

import logging
import sys
from typing import Final

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
    json = settings.log_format == "json"
    renderer = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    exceptions = [structlog.processors.dict_tracebacks] if json else []
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            *exceptions,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=max(threshold, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )
    for name in RETRYING:
        logging.getLogger(name).setLevel(logging.ERROR)
