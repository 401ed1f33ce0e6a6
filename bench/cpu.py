"""How much processor time a measurement took, process by process: on a shared machine the steadier figure."""

import os
from collections.abc import Iterator
from pathlib import Path

from servers import Servers

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Meter:
    """Processor seconds since it was made: this process, PostgreSQL, Kafka, and further processes by name."""

    def __init__(self, running: Servers, others: dict[str, list[int]] | None = None) -> None:
        folder = running.settings.instance_dir
        self._roots: dict[str, list[int]] = {"python": [os.getpid()], **(others or {})}
        postmaster, broker = folder / "postgres" / "postmaster.pid", folder / "kafka" / "pid"
        if postmaster.exists():
            self._roots["PostgreSQL"] = [int(postmaster.read_text("utf-8").split()[0])]
        if broker.exists():
            self._roots["Kafka"] = [int(broker.read_text("utf-8"))]
        self._before = {name: sum(map(_with_children, pids)) for name, pids in self._roots.items()}

    def per_item_us(self, items: float) -> dict[str, float]:
        """Microseconds for each of `items`, by name."""
        return {
            name: (sum(map(_with_children, pids)) - self._before[name]) / items * 1e6
            for name, pids in self._roots.items()
        }


def _with_children(pid: int) -> float:
    """Seconds of a process, of its children that ended, and of its children that run.

    Ours that run are the servers, which are told by their own names.
    """
    own = _fields(pid)
    if own is None:
        return 0.0
    ticks = sum(int(own[place]) for place in (11, 12, 13, 14))
    if pid != os.getpid():
        for child in _children(pid):
            fields = _fields(child)
            if fields is not None:
                ticks += sum(int(fields[place]) for place in (11, 12))
    return ticks / TICKS_PER_SECOND


def _children(pid: int) -> Iterator[int]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            fields = _fields(int(folder.name))
            if fields is not None and int(fields[1]) == pid:
                yield int(folder.name)


def _fields(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat from the state on; None when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return None
