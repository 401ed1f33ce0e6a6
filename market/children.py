"""Server processes as children: protected from Ctrl-C, supervised, stopped by their own pid."""

import asyncio
import errno
import fcntl
import os
import pwd
import signal
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from market.disks import crammed

STOP_SECONDS_MAX: Final = 30
POLL_SECONDS: Final = 0.02
WATCH_SECONDS: Final = 0.25
PORT_FAULTS: Final = (errno.EADDRINUSE, errno.EACCES)

T = TypeVar("T")


class LocalServerError(Exception):
    """A server is missing or unusable; one sentence, with the log file if there is one."""


def unheard(what: str, prefix: str, host: str, port: int, error: OSError) -> LocalServerError:
    """The error that `what` cannot listen at an address, with the setting to change, <prefix>_HOST or
    _PORT."""
    number = error.errno or 0
    reason = os.strerror(number) if number > 0 else error.strerror
    part, other = ("PORT", "port") if number in PORT_FAULTS else ("HOST", "address")
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return LocalServerError(
        f"{what} cannot listen on {place} ({reason}); LODESTONE_{prefix}_{part} names another {other}"
    )


class exclusive_lock:  # noqa: N801  used as a function is, in a with statement
    """An exclusive lock on `<instance>/<name>.lock`, held within the context; entering returns whether it was
    free."""

    def __init__(self, instance: Path, name: str) -> None:
        self._path = instance / f"{name}.lock"
        self._file = -1

    def __enter__(self) -> bool:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LocalServerError(f"{self._path.parent} cannot be written ({error.strerror})") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def __exit__(self, *_: object) -> None:
        os.close(self._file)


def spawn(command: list[str], log_file: Path, user: str | None) -> subprocess.Popen[bytes]:
    """A child in its own session, so that Ctrl-C does not reach it; its output goes to the log file."""
    with log_file.open("ab") as sink:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
            user=user,
            group=None if user is None else pwd.getpwnam(user).pw_gid,
            extra_groups=None if user is None else [],
        )


async def begun(
    start: Callable[[], T], child_of: Callable[[T], subprocess.Popen[bytes]], stop: signal.Signals
) -> T:
    """The result of `start`, which runs in a thread. If this is cancelled, the thread runs to its end all the
    same, so the child that it starts is then stopped."""
    given_up = threading.Event()

    def work() -> T:
        if given_up.is_set():
            raise LocalServerError("it is not wanted any more")
        found = start()
        if given_up.is_set():
            _stop_child(child_of(found), stop)
        return found

    starting = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        given_up.set()
        with suppress(Exception):
            await asyncio.to_thread(_stop_child, child_of(await asyncio.shield(starting)), stop)
        raise


@asynccontextmanager
async def supervised(
    name: str, child: subprocess.Popen[bytes], stop: signal.Signals, log_file: Path, folder: Path
) -> AsyncIterator[None]:
    """Stops the child, whose data is in `folder`, when the context ends; if the child ends by itself, the
    body is cancelled and LocalServerError raised."""
    task = asyncio.current_task()
    ended = asyncio.Event()

    async def watch() -> None:
        while child.poll() is None:  # noqa: ASYNC110  a pid has no event that works on every loop
            await asyncio.sleep(WATCH_SECONDS)
        ended.set()
        if task is not None:
            task.cancel()

    watcher = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if not ended.is_set() or task is None:
            raise
        task.uncancel()
        room = crammed(folder, log_file.parent)
        raise LocalServerError(
            f"{name} ended by itself ({_how_ended(child)}); its log is {log_file}{room}"
        ) from None
    finally:
        watcher.cancel()
        await asyncio.shield(asyncio.to_thread(_stop_child, child, stop))


def _how_ended(child: subprocess.Popen[bytes]) -> str:
    code = child.returncode
    return f"killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"


def _stop_child(child: subprocess.Popen[bytes], stop: signal.Signals) -> None:
    if child.poll() is None:
        child.send_signal(stop)
    try:
        child.wait(STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def stop_orphan(pid: int, marker: str, stop: signal.Signals) -> None:
    """Stops a server left by a killed run, recognised by `marker` in its command line; else does nothing."""
    deadline = time.monotonic() + STOP_SECONDS_MAX
    while _runs(pid, marker):
        with suppress(ProcessLookupError):
            os.kill(pid, stop if time.monotonic() < deadline else signal.SIGKILL)
        time.sleep(0.2)  # noqa: TID251  runs in a thread


def _runs(pid: int, marker: str) -> bool:
    process = Path("/proc") / str(pid)
    with suppress(OSError):
        if process.joinpath("stat").read_text().rpartition(")")[2].split()[0] != "Z":
            return marker.encode() in process.joinpath("cmdline").read_bytes()
    return False


async def wait_until(
    probe: Callable[[], Coroutine[Any, Any, bool]],
    seconds_max: float,
    child: subprocess.Popen[bytes] | None,
    what: str,
    *,
    folder: Path | None = None,
) -> None:
    """Waits until the probe is true. LocalServerError when the child, whose data is in `folder`, has ended or
    the time is over."""
    deadline = time.monotonic() + seconds_max
    while not await probe():
        if child is not None and child.poll() is not None:
            room = "" if folder is None else crammed(folder, folder.parent)
            raise LocalServerError(f"{what} did not start ({_how_ended(child)}){room}")
        if time.monotonic() > deadline:
            raise LocalServerError(f"{what} was not ready within {seconds_max:g} seconds")
        await asyncio.sleep(POLL_SECONDS)


def write_whole(path: Path, text: str) -> None:
    """Replaces a file. LocalServerError names the file, which is then unchanged."""
    fresh = path.with_name(path.name + ".new")
    try:
        fresh.write_text(text)
        fresh.rename(path)
    except OSError as error:
        raise LocalServerError(f"{path} cannot be written ({error.strerror})") from error
