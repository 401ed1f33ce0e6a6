"""Solving again only the components in which something differs is the same as solving everything."""

import numpy as np

from market.rules.assignment import solve, verify
from market.rules.stages import Stages
from tests.rules.test_assignment_oracles import random_book, side_by_side

BOOKS = 40
STAGES = 6


def test_a_stage_after_a_stage_is_the_optimum_of_its_own_problem():
    """An edge goes or comes back, a buyer counts with less or more; other components keep what they have."""
    rng = np.random.default_rng(37)
    kept = 0
    for _ in range(BOOKS):
        posed = side_by_side([random_book(rng, 6, 3, 3) for _ in range(4)], linked=False)
        stages = Stages(posed)
        solved, first = stages.first()
        assert first.flow.tolist() == solved.flow.tolist()
        for _ in range(STAGES):
            edges, demand = solved.edges.copy(), solved.demand.copy()
            edge, buyer = int(rng.integers(posed.edges)), int(rng.integers(len(demand)))
            edges[edge] = not edges[edge]
            demand[buyer] = rng.integers(1, posed.demand[buyer] + 1)
            solved = stages.next(solved, edges, demand)
            stage = solved.stage(posed)
            assert [] == verify(stage.problem, stage.solution)
            assert solve(stage.problem).flow.tolist() == stage.solution.flow.tolist()
            assert solved.anew is not None
            kept += not solved.anew.all()
        assert (True, 1 + STAGES) == (stages.unique, stages.solves)
    assert kept > BOOKS


def test_a_stage_in_which_nothing_differs_keeps_everything():
    posed = random_book(np.random.default_rng(41), 6, 3, 3)
    stages = Stages(posed)
    solved, _ = stages.first()
    again = stages.next(solved, solved.edges, solved.demand)
    assert again.anew is not None
    assert not again.anew.any()
    assert solved.flow.tolist() == again.flow.tolist()
    assert [] == verify(again.stage(posed).problem, again.stage(posed).solution)
