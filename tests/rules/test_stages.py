"""Solving again only the components in which something differs is the same as solving everything."""

import numpy as np

from market.rules.assignment import solve, verify
from market.rules.assignment_check import DUALS
from market.rules.stages import Stages
from tests.rules.test_assignment_oracles import random_book, side_by_side

BOOKS = 40
STAGES = 6
SOLVED = ("flow", *(name for pair in DUALS for name in pair))


def test_a_stage_after_a_stage_is_the_optimum_of_its_own_problem():
    """An order goes or comes back, a buyer counts with less or more; other components keep what they have."""
    rng = np.random.default_rng(37)
    kept = 0
    for _ in range(BOOKS):
        posed = side_by_side([random_book(rng, 6, 3, 3) for _ in range(4)], linked=False)
        stages = Stages(posed)
        solved, first = stages.first()
        assert dict(zip(solved.used.tolist(), solved.flow.tolist(), strict=True)) == {
            edge: grams for edge, grams in enumerate(first.flow.tolist()) if grams
        }
        for _ in range(STAGES):
            out, demand = solved.out.copy(), solved.demand.copy()
            order, buyer = int(rng.integers(len(out))), int(rng.integers(len(demand)))
            out[order] = not out[order]
            demand[buyer] = rng.integers(1, posed.demand[buyer] + 1)
            solved = stages.next(solved, out, demand)
            stage = solved.stage(posed)
            assert [] == verify(stage.problem, stage.solution)
            anew = solve(stage.problem)
            assert [getattr(anew, name).tolist() for name in SOLVED] == [
                getattr(stage.solution, name).tolist() for name in SOLVED
            ]
            assert solved.anew is not None
            kept += not solved.anew.all()
        assert (True, 1 + STAGES) == (stages.unique, stages.solves)
    assert kept > BOOKS


def test_a_stage_in_which_nothing_differs_keeps_everything():
    posed = random_book(np.random.default_rng(41), 6, 3, 3)
    stages = Stages(posed)
    solved, _ = stages.first()
    again = stages.next(solved, solved.out, solved.demand)
    assert again.anew is not None
    assert not again.anew.any()
    assert solved.flow.tolist() == again.flow.tolist()
    assert [] == verify(again.stage(posed).problem, again.stage(posed).solution)
