"""A round and its solver against other solvers on the same book: `make bench-clearing`.

Three sizes, each in a process of its own. Seconds are of the processor: everything here runs on one core.
OR-tools and networkx find a flow of greatest value alone; ours goes on to time priority and tie-break, and
proves itself. A round is `concluded`: from the book in memory to the events that it appends, one after
another, as the solver's child passes them on, and with what is set for that child.
"""

import gc
import multiprocessing
import os
import resource
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from statistics import median

import numpy as np
from clearing_books import AT, MARKET, book_of, rule_set
from figures import Figure, Report, arguments, machine, ratio, say, tell

from events.envelope import Recorded
from events.market_events import ClearingPlanned
from events.vocabulary import Side
from market.rules.assignment import Added, Problem, Solution, resolve, solve, verify
from market.rules.book import Book
from market.rules.clearing.clearing import concluded
from market.rules.clearing.clearings import rule_set_sha256
from market.rules.clearing.eligibility import facts_of
from market.rules.clearing.graph import edges, horizons, section
from market.rules.optimum import compiled
from market.solver import child_environment

REPETITIONS = 3
NETWORKX_EDGES_MAX = 20_000
QUESTIONS = 400
QUESTIONS_EDGES_MAX = 400_000
MILLISECONDS = 1_000


@dataclass(frozen=True, kw_only=True)
class Size:
    supplies: int
    requirements: int
    keys: int
    windows: int
    repetitions_max: int = 10

    @property
    def name(self) -> str:
        return f"{self.supplies:,} × {self.requirements:,}"


SIZES = (
    Size(supplies=1_000, requirements=1_000, keys=42, windows=4),
    Size(supplies=10_000, requirements=5_000, keys=42, windows=4),
    Size(supplies=100_000, requirements=10_000, keys=1_008, windows=1, repetitions_max=1),
)


REFINED = Size(supplies=1_000, requirements=500, keys=42, windows=1)
"""A small book whose round needs every kernel: buyers' rests that no package fits are refined."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    figures: dict[str, tuple[float, ...]]
    notes: list[str]


def main() -> None:
    asked = arguments(
        "A round and its solver against OR-tools, networkx and greedy.", repetitions=REPETITIONS
    )
    asked.add_argument(
        "--sizes", type=int, default=len(SIZES), help=f"the first sizes only, default {len(SIZES)}"
    )
    options = asked.parse_args()
    os.environ.update(child_environment(os.environ))
    report = Report(title="Clearing", machine=machine())
    rounds: list[Figure] = []
    for size in SIZES[: options.sizes]:
        say(f"{size.name} …")
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(max_workers=1, mp_context=context) as alone:
            measured = alone.submit(measure, size, options.repetitions).result()
        rounds.append(_tell_size(report, size, measured))
    for smaller, larger in pairwise(rounds):
        report.notes.append(f"{larger.case} takes {larger.middle / smaller.middle:.1f} times {smaller.case}")
    tell(report, as_json=options.json)


def _tell_size(report: Report, size: Size, measured: Measured) -> Figure:
    figures = {
        case: Figure(case=f"{size.name}: {case}", unit="ms", values=values)
        for case, values in measured.figures.items()
    }
    report.figures += figures.values()
    report.notes += [f"{size.name}: {note}" for note in measured.notes]
    peer = figures["OR-tools' solve"]
    for case, aim in (("solve", 0.35), ("round", 1.0), ("graph", None), ("networkx' solve", None)):
        if case in figures:
            report.ratios.append(ratio(figures[case], peer, aim))
    report.ratios.append(ratio(figures["verify"], figures["solve"], 0.05))
    report.ratios.append(ratio(figures["verify"], peer))
    return figures["round"]


def measure(size: Size, repetitions: int) -> Measured:
    book, plan = _cut(size)
    book_mib = _peak_mib()
    gc.collect()
    # as in the solver's child
    gc.disable()
    compiling_ms = _compile_kernels()
    found = {"round": [_milliseconds(lambda: _conclude(book, plan))]}
    round_mib = _peak_mib()
    # here, since their memory is not the round's
    from clearing_peers import greedy_welfare, networkx, ortools_network  # noqa: PLC0415

    problem = problem_of(book)
    solution = solve(problem)
    cases: dict[str, Callable[[], object]] = {
        "round": lambda: _conclude(book, plan),
        "graph": lambda: horizons(book, facts_of(book, rule_set(), AT)),
        "solve": lambda: solve(problem),
        "verify": lambda: verify(problem, solution),
    }
    if problem.edges <= NETWORKX_EDGES_MAX:
        cases["networkx' solve"] = networkx(problem)
    peer_case = "OR-tools' solve"
    for repetition in range(min(repetitions, size.repetitions_max)):
        for case, run in cases.items():
            if repetition or case != "round":
                found.setdefault(case, []).append(_milliseconds(run))
            say(f"  {case}: {found[case][-1]:,.1f} ms")
        peer = ortools_network(problem)
        found.setdefault(peer_case, []).append(_milliseconds(peer.solve))
        assert -peer.optimal_cost() == solution.welfare
        say(f"  {peer_case}: {found[peer_case][-1]:,.1f} ms")
    notes = [
        f"kernels compiled, or read from their files, in {compiling_ms:,.0f} ms before the first repetition",
        f"{problem.edges:,} edges, {int((solution.flow > 0).sum()):,} trades",
        f"resident at most {round_mib} MiB after a round, of it {book_mib} MiB with the book alone",
        f"greedy by best edge reaches {greedy_welfare(problem) / solution.welfare:.1%} of the welfare",
    ]
    if problem.edges <= QUESTIONS_EDGES_MAX:
        notes.append(what_if(problem, solution))
    return Measured(figures={case: tuple(values) for case, values in found.items()}, notes=notes)


def _compile_kernels() -> float:
    """Milliseconds that the first round takes more than the second: however few arcs, all of its kernels."""
    kept, compiled.COMPILE_FROM_ARCS = compiled.COMPILE_FROM_ARCS, 0
    book, plan = _cut(REFINED)
    first, second = (_milliseconds(lambda: _conclude(book, plan)) for _ in range(2))
    compiled.COMPILE_FROM_ARCS = kept
    return first - second


def _cut(size: Size) -> tuple[Book, Recorded]:
    book = book_of(
        supplies=size.supplies, requirements=size.requirements, keys=size.keys, windows=size.windows, seed=1
    )
    return book, planned(book)


def _conclude(book: Book, plan: Recorded) -> None:
    """Keeps none of the drafts, as the child that passes them on."""
    deque(concluded(book, plan), maxlen=0)


def planned(book: Book) -> Recorded:
    """The book stands at this plan from now on."""
    rules = rule_set()
    fact = ClearingPlanned(
        market=MARKET,
        plan=MARKET,
        round=1,
        cut_time=AT,
        rule_set=rules,
        rule_set_sha256=rule_set_sha256(rules),
        algorithm=rules.algorithm,
        trigger="demand",
    )
    book.plan, book.position = fact, book.position + 1
    return Recorded(
        id=MARKET,
        type="market.clearing.planned.v1",
        subject="plan",
        time=AT,
        stream="market",
        lane=0,
        position=book.position,
        cause="bench",
        actor=MARKET,
        salt="00" * 16,
        data=fact,
        body=b"",
        chain=bytes(32),
    )


def problem_of(book: Book) -> Problem:
    """The firm section as a problem, with random tie-breaks."""
    of = horizons(book, facts_of(book, rule_set(), AT))[0]
    posed = section(
        of, "firm", [node.capacity_g for node in of.sellers], [node.capacity_g for node in of.buyers]
    )
    worth = edges(posed)
    return Problem(
        posed.supply,
        posed.demand,
        worth.seller,
        worth.buyer,
        worth.value,
        (
            np.array([node.order.rank for node in posed.sellers], dtype=np.int64),
            np.array([node.order.rank for node in posed.buyers], dtype=np.int64),
        ),
        np.random.default_rng(1).integers(0, 1 << 44, len(worth.value)),
    )


def what_if(problem: Problem, solution: Solution) -> str:
    """Orders like those in the book, a little dearer or cheaper, each added alone."""
    rng = np.random.default_rng(2)
    took = []
    for question in range(QUESTIONS):
        side: Side = "seller" if question % 2 else "buyer"
        own, others = (problem.seller, problem.buyer) if side == "seller" else (problem.buyer, problem.seller)
        alike = np.flatnonzero(own == own[int(rng.integers(0, problem.edges))])
        value = np.maximum(0, problem.value[alike] + 500_000 * int(rng.integers(-4, 5)))
        quantity = int((problem.supply if side == "seller" else problem.demand)[own[alike[0]]])
        ties = rng.integers(0, 1 << 44, len(alike))
        added = Added(side, quantity, others[alike], value, 1 << 40, ties)
        took.append(_milliseconds(partial(resolve, problem, solution, added)))
    return (
        f"one more order solved in {median(took):.1f} ms, p99 {np.quantile(took, 0.99):.1f} ms "
        f"of {QUESTIONS} (aim 50)"
    )


def _milliseconds(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    took = time.process_time() - began
    gc.collect()
    return took * MILLISECONDS


def _peak_mib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
