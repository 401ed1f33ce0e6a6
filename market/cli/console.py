"""Output of all commands: data on stdout, messages and progress on stderr, meaning of exit codes.

Help reads this too, so what only a command at work needs is imported when it runs.
"""

import asyncio
import atexit
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from enum import IntEnum
from functools import cache
from typing import Any, Final, TypeVar

import msgspec
import rich_click as click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

PIPED_COLUMNS_MAX: Final = 100_000
PLAIN_LINE_SECONDS: Final = 5.0

T = TypeVar("T")

# Otherwise it says on stderr what the sentence of the error says, where logs are not configured.
logging.getLogger("aiokafka").addHandler(logging.NullHandler())

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)
"""rich follows NO_COLOR and turns to plain text without a terminal."""


class Exit(IntEnum):
    OK = 0
    USAGE = 2
    INVALID_INPUT = 3
    DIVERGENCE = 4
    UNAVAILABLE = 5


class CommandFailed(Exception):
    """Ends the command with a sentence on stderr and an exit code."""

    def __init__(self, code: Exit, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def explain(failure: CommandFailed) -> int:
    """Says what failed on stderr; the exit code."""
    _print(f"[bold red]error:[/] {_escape(failure.sentence)}")
    return int(failure.code)


def _escape(text: str) -> str:
    return text.replace("[", r"\[")


def say(text: str) -> None:
    """A message for a person on stderr; a failure to write it, as with a full disk, is ignored."""
    _print(_escape(text))


def _print(markup: str) -> None:
    try:
        err.print(markup)
    except OSError:
        _end_without_it()


@cache
def _end_without_it() -> None:
    """What stderr refused stays in its buffer, and Python would end with another exit code for it."""

    def leave() -> None:
        try:
            sys.stderr.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())

    atexit.register(leave)


def print_line(text: str) -> None:
    """Data on stdout, exactly as it is."""
    click.echo(text)


def print_table(table: Table) -> None:
    """Prints a table as wide as its cells without a terminal, so that nothing is cut in a pipe or file."""
    limited = out.is_terminal
    (out if limited else Console(width=PIPED_COLUMNS_MAX, highlight=False)).print(table)


def print_json(value: object) -> None:
    """One JSON document on stdout, members in order of name."""
    click.echo(msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2).decode())


def run_async(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end on uvloop; a server or database that is away ends the command with exit code 5, a file
    of this machine that cannot be used with 3.

    KeyboardInterrupt after Ctrl-C, Terminated after SIGTERM, once everything that was open is closed.
    """
    import uvloop  # noqa: PLC0415  help needs no loop

    from market.cli.outages import outage_of  # noqa: PLC0415  the clients of both servers

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_until_terminated(main))
    except BrokenPipeError:
        # stdout's reader has closed the pipe: click then ends quietly.
        raise
    except Exception as error:
        outage = outage_of(error)
        if outage is None:
            raise
        raise CommandFailed(Exit.UNAVAILABLE if outage.away else Exit.INVALID_INPUT, outage.told) from error


class Terminated(Exception):
    """By SIGTERM."""


async def _until_terminated(main: Coroutine[Any, Any, T]) -> T:
    """SIGTERM ends it like Ctrl-C, a second one at once, until `stop_event` changes both."""
    told, task, loop = False, asyncio.current_task(), asyncio.get_running_loop()

    def end() -> None:
        nonlocal told
        told = True
        loop.remove_signal_handler(signal.SIGTERM)
        assert task is not None
        task.cancel()

    if threading.current_thread() is threading.main_thread():
        loop.add_signal_handler(signal.SIGTERM, end)
    try:
        return await main
    except asyncio.CancelledError:
        if told:
            raise Terminated from None
        raise


def stop_event() -> asyncio.Event:
    """Set by the first SIGTERM or Ctrl-C; a second one ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stopping(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping, number)
    return stop


class _Rate(ProgressColumn):
    """The rate per second, once it can be estimated."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:,.0f}/s")


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yields a function to report progress: a bar on a terminal, else a plain line at intervals."""
    if err.is_terminal:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
        )
        with Bar(*columns, console=err, transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda count: bar.advance(task, count)
        return
    done, began_at = 0, time.monotonic()
    said_at = began_at

    def advance(count: int) -> None:
        nonlocal done, said_at
        done += count
        now = time.monotonic()
        if now - said_at >= PLAIN_LINE_SECONDS:
            said_at = now
            rate = done / (now - began_at)
            left_seconds = max(0, total - done) / rate if rate else 0
            say(f"{what}: {done:,} of {total:,}, {rate:,.0f}/s, about {left_seconds:,.0f} s left")

    yield advance
    say(f"{what}: {done:,} of {total:,}, done")
