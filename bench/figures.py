"""Repetitions, paired ratios, and their output: a table or JSON on stdout, progress on stderr."""

import argparse
import json
import platform
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import median

from msgspec import Struct, to_builtins


class Figure(Struct, frozen=True, kw_only=True):
    """The results of one case, one per repetition."""

    case: str
    unit: str
    values: tuple[float, ...]

    @property
    def middle(self) -> float:
        return median(self.values)


class Ratio(Struct, frozen=True, kw_only=True):
    """Our result divided by the peer's, per repetition; `aim` is the minimum wanted."""

    case: str
    peer: str
    values: tuple[float, ...]
    aim: float | None = None

    @property
    def middle(self) -> float:
        return median(self.values)


class CpuTimes:
    """Processor microseconds per item of each case, noted as it runs, told as medians."""

    def __init__(self) -> None:
        self._found: dict[str, list[dict[str, float]]] = {}

    def add(self, case: str, per_item_us: dict[str, float]) -> None:
        self._found.setdefault(case, []).append(per_item_us)

    def lines(self, item: str) -> list[str]:
        told = []
        for case, found in self._found.items():
            parts = ", ".join(f"{name} {median(entry[name] for entry in found):.1f}" for name in found[0])
            told.append(f"processor µs a {item}, {case}: {parts}")
        return told


class Report(Struct, kw_only=True):
    """The report of one script. `notes` are counts that explain a figure."""

    title: str
    machine: str
    figures: list[Figure] = []
    ratios: list[Ratio] = []
    notes: list[str] = []


Case = tuple[str, Callable[[], Awaitable[float]]]


def machine() -> str:
    """Processor, cores, memory and system, as this run saw them."""
    lines = [line.partition(":") for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()]
    facts = {name.strip(): value.strip() for name, _, value in lines}
    cores = sum(1 for name, _, _ in lines if name.strip() == "processor")
    memory_kb = int(Path("/proc/meminfo").read_text("utf-8").split()[1])
    return (
        f"{facts.get('model name', 'unknown processor')}, {cores} cores, {memory_kb / 2**20:.0f} GiB, "
        f"Linux {platform.release()}, Python {platform.python_version()}"
    )


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def alternate(cases: Sequence[Case], repetitions: int, unit: str) -> dict[str, Figure]:
    """Runs every case once per repetition, in alternating order, so that none always runs first. An
    additional first repetition is not counted: it warms up the broker's compiler and all caches."""
    values: dict[str, list[float]] = {name: [] for name, _ in cases}
    total = len(cases) * (repetitions + 1)
    done = 0
    for repetition in range(repetitions + 1):
        for name, run in cases if repetition % 2 == 0 else list(reversed(cases)):
            done += 1
            value = await run()
            if repetition:
                values[name].append(value)
            say(f"[{done}/{total}] {name}: {value:,.1f} {unit}" + ("" if repetition else " (warming up)"))
    return {name: Figure(case=name, unit=unit, values=tuple(found)) for name, found in values.items()}


def ratio(ours: Figure, peer: Figure, aim: float | None = None) -> Ratio:
    values = tuple(mine / other for mine, other in zip(ours.values, peer.values, strict=True))
    return Ratio(case=ours.case, peer=peer.case, values=values, aim=aim)


def arguments(description: str, *, repetitions: int) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")
    parser.add_argument("--repetitions", type=int, default=repetitions, help=f"default {repetitions}")
    return parser


def tell(report: Report, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(to_builtins(report), indent=2))
        return
    print(f"{report.title}\n{report.machine}\n")
    width = max((len(figure.case) for figure in report.figures), default=0)
    for figure in report.figures:
        low, high = min(figure.values), max(figure.values)
        span = f"({low:,.1f}–{high:,.1f})"
        print(f"{figure.case:{width}}  {figure.middle:>12,.1f} {figure.unit}  {span}")
    if report.ratios:
        print("\nRatios: median (range); aim")
    width = max((len(f"{entry.case} / {entry.peer}") for entry in report.ratios), default=0)
    for entry in report.ratios:
        names = f"{entry.case} / {entry.peer}"
        aim = "" if entry.aim is None else f"  aim {entry.aim:g}"
        print(f"{names:{width}}  {entry.middle:5.2f} ({min(entry.values):.2f}–{max(entry.values):.2f}){aim}")
    for note in report.notes:
        print(f"  {note}")
