"""Solving again only the components in which something differs is the same as solving everything."""

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from events.codec import encode_fact
from events.vocabulary import Place
from market.rules.assignment import Problem, Solution, solve, verify
from market.rules.clearing.clearing import conclude
from market.rules.clearing.stages import Solved, Stages, Touched, edges_without, part_of
from market.rules.optimum.check import DUALS
from market.rules.optimum.lowered import Standing
from market.rules.optimum.problem import exact_dot
from tests.blotter import EUR, Lane, T, eur, member
from tests.rules.test_assignment_oracles import random_book, side_by_side

BOOKS = 40
STAGES = 6
ROUNDS = range(3)
SOLVED = ("flow", *(name for pair in DUALS for name in pair))


def test_a_stage_after_a_stage_is_the_optimum_of_its_own_problem() -> None:
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
            problem, solution = stage_of(posed, solved)
            assert [] == verify(problem, solution)
            anew = solve(problem)
            assert [getattr(anew, name).tolist() for name in SOLVED] == [
                getattr(solution, name).tolist() for name in SOLVED
            ]
            assert solved.anew is not None
            kept += not solved.anew.all()
        assert (True, 1 + STAGES) == (stages.unique, stages.solves)
    assert kept > BOOKS


def test_less_demand_moves_the_flow_and_duals_follow_when_they_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Stage after stage with less demand: flow, and in the end duals, are those of a solve from no trade."""
    rng = np.random.default_rng(43)
    moved, lowered = 0, Stages._lowered

    def counted(stages: Stages, *changes: Any) -> Solved | None:
        nonlocal moved
        found = lowered(stages, *changes)
        moved += found is not None
        return found

    monkeypatch.setattr(Stages, "_lowered", counted)
    for book in range(BOOKS):
        posed = side_by_side([random_book(rng, 6, 3, 3) for _ in range(4)], linked=False)
        if book % 4 == 3:
            # ties are not broken: nothing is moved that could have gone elsewhere
            posed = replace(posed, tiebreak=np.zeros(posed.edges, dtype=np.int64))
        stages, again = Stages(posed), Stages(posed)
        solved, _ = stages.first()
        anew, _ = again.first()
        for _ in range(STAGES):
            demand = solved.demand - (rng.random(len(posed.demand)) < 0.2) * (
                rng.random(len(posed.demand)) * solved.demand
            ).astype(np.int64)
            out = solved.out
            if rng.random() < 0.1:
                demand = posed.demand
            elif rng.random() < 0.1:
                out = out.copy()
                out[int(rng.integers(len(out)))] ^= True
            solved = stages.next(solved, out, demand)
            again._standing = None
            anew = again.next(anew, out, demand)
            for name in ("used", "flow", "anew"):
                assert getattr(anew, name).tolist() == getattr(solved, name).tolist()
        assert stages.unique or book % 4 == 3
        assert (again.unique, again.solves) == (stages.unique, stages.solves)
        proved = stages.proved(solved)
        assert {name: dual.tolist() for name, dual in anew.duals.items()} == {
            name: dual.tolist() for name, dual in proved.duals.items()
        }
        if stages.unique:
            assert [] == verify(*stage_of(posed, proved))
    assert moved > BOOKS


def stage_of(posed: Problem, solved: Solved) -> tuple[Problem, Solution]:
    """The problem that a stage solved, by itself, and what it found."""
    problem, edge = part_of(posed, edges_without(posed, solved.out), posed.supply, solved.demand)
    flow = np.zeros(posed.edges, dtype=np.int64)
    flow[solved.used] = solved.flow
    welfare = exact_dot(flow, posed.value)
    return problem, Solution(flow=flow[edge], welfare=welfare, unique=True, basis=None, **solved.duals)


def apart(seed: int) -> Lane:
    """Orders at three places that do not meet, in packages that seldom fit, some with least quantities."""
    rng = random.Random(seed)
    lane = Lane()
    lane.admit(*(member(f"s{k}") for k in range(3)), *(member(f"b{k}") for k in range(3)))
    for k in range(30):
        place = Place(country=("DE", "FR", "EE")[k % 3], name="works")
        asked, bid = (eur(rng.randrange(58, 64) * EUR) for _ in range(2))
        mass: dict[str, Any] = {
            "net_wet_g": rng.randrange(2, 9) * T,
            "minimum_quantity_wet_g": rng.choice([None, 2 * T]),
        }
        lane.offer(f"s{k % 3}", f"offer {k}", place=place, ask=asked, **mass)
        basis_g = rng.randrange(3, 20) * 100_000
        least = {"minimum_quantity_g": rng.choice([None, basis_g // 2]), "basis_g": basis_g}
        lane.require(f"b{rng.randrange(3)}", f"wanted {k}", place=place, limit=bid, **least)
    return lane


def test_a_round_solved_again_in_part_or_whole_records_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not the trades alone: duals of every level, evidence, hashes."""
    touched, partly = Stages._touched, 0

    def everything(stages: Stages, *changes: Any) -> Touched:
        nonlocal partly
        partly += len(touched(stages, *changes)[0]) < stages.posed.edges
        posed = stages.posed
        sizes = posed.edges, len(posed.supply), len(posed.demand)
        return Touched(*(np.arange(size, dtype=np.int32) for size in sizes))

    for seed in ROUNDS:
        lane = apart(seed)
        plan = lane.plan()
        in_part = [(draft.id, draft.salt, encode_fact(draft.data)) for draft in conclude(lane.book, plan)]
        with monkeypatch.context() as patched:
            patched.setattr(Stages, "_touched", everything)
            whole = [(draft.id, draft.salt, encode_fact(draft.data)) for draft in conclude(lane.book, plan)]
        assert in_part == whole
    assert partly


def test_a_stage_in_which_nothing_differs_keeps_everything() -> None:
    posed = random_book(np.random.default_rng(41), 6, 3, 3)
    stages = Stages(posed)
    solved, _ = stages.first()
    again = stages.next(solved, solved.out, solved.demand)
    assert again.anew is not None
    assert not again.anew.any()
    assert solved.flow.tolist() == again.flow.tolist()
    assert [] == verify(*stage_of(posed, again))


def test_grams_that_could_go_two_ways_are_not_moved() -> None:
    """A seller's second-best buyers are equally good, so that no flow is the only best one."""
    posed = Problem(
        np.array([10]),
        np.array([10, 5, 5]),
        np.zeros(3, dtype=np.int32),
        np.arange(3, dtype=np.int32),
        np.array([5, 3, 3]),
        tiebreak=np.array([7, 7, 7]),
    )
    for wanted, is_only in ((10, True), (8, False), (3, False)):
        demand = np.array([wanted, 5, 5])
        assert not Standing(posed, solve(posed)).lower(demand)
        stages = Stages(posed)
        found = stages.next(stages.first()[0], np.zeros(4, dtype=np.bool_), demand)
        assert is_only == stages.unique
        assert solve(replace(posed, demand=demand)).flow[found.used].tolist() == found.flow.tolist()
