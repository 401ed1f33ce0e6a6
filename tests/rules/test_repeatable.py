"""Another process with other hash seeds, with or without numba, finds the same to the last bit."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = """
import hashlib
from market.rules.optimum import compiled
compiled.COMPILE_FROM_ARCS = 20
from market.rules.assignment import price_bounds, solve
from market.rules.clearing.graph import edges, horizons, section
from tests.rules.test_assignment_oracles import large_book
from tests.rules.test_pairs import any_book

state = hashlib.sha256()
problem = large_book()
solution = solve(problem)
bounds = price_bounds(problem, solution)
for column in (solution.flow, solution.seller_dual, solution.buyer_dual_rank, bounds.seller_low):
    state.update(column.tobytes())
lane = any_book(3)
for of in horizons(lane.book, lane.facts()):
    for column in (of.pairs.seller, of.pairs.buyer, of.pairs.term_total, of.pairs.value, of.seller_key):
        state.update(column.tobytes())
for event in lane.round():
    state.update(event.body_hash)
print(state.hexdigest())
"""


def digest(hash_seed: str, off_switch: str) -> str:
    env = os.environ | {"PYTHONHASHSEED": hash_seed, "LODESTONE_NO_NUMBA": off_switch}
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=env, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return ran.stdout


def test_hash_seed_and_compiler_change_nothing() -> None:
    found = {digest("1", ""), digest("2", "1")}
    assert 1 == len(found)


WITHOUT_SCIPY = """
import sys
import numpy as np
from market.rules.optimum.check import residual_cycle

ends = np.zeros(1, dtype=np.int32), np.ones(1, dtype=np.int32)
assert not residual_cycle(*ends, np.zeros(1, dtype=np.int64), 2, 1_000_000)
print("numba" in sys.modules, "scipy" in sys.modules)
import scipy.linalg
"""


def test_kernels_leave_scipy_to_whoever_needs_it() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_SCIPY], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "True False" == ran.stdout.strip()
