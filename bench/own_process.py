"""Runs a case in its own process, as readers and their peers run in a deployment: so its memory is not
affected by the benchmark's preparations."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import NamedTuple

import uvloop

from market.services import collect_less

Measure = Callable[..., Awaitable[tuple[int, float]]]
"""How many items were taken, in how many seconds."""


class Pace(NamedTuple):
    """`own_us`: processor microseconds of the process for each item, without its start."""

    items_per_second: float
    own_us: float


async def in_own_process(measure: Measure, *given: object) -> Pace:
    """What is measured and what it is given go to the process by pickle."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return await asyncio.get_running_loop().run_in_executor(process, _paced, measure, *given)


def _paced(measure: Measure, *given: object) -> Pace:
    return uvloop.run(in_this_process(measure, *given))


async def in_this_process(measure: Measure, *given: object) -> Pace:
    collect_less()
    began = time.process_time()
    items, seconds = await measure(*given)
    return Pace(items / seconds, (time.process_time() - began) / items * 1e6)
