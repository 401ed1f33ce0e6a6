"""Steps of content are joined from the lowest up, no further than until nobody stands out in a band."""

from itertools import pairwise
from random import Random
from uuid import UUID

import pytest

from market.rules.viewers import Band
from market.rules.visibility.content_bands import widened

A, B, C, D = (UUID(int=number) for number in range(1, 5))
GROUPS_MIN = 2


def step(place: int) -> Band:
    return Band(low=place * 10, high=place * 10 + 10)


def bands(lines: list[tuple[UUID, int]]) -> dict[int, tuple[int, int]]:
    """By place of a step, the places of the first and the last step of its band."""
    found = widened([(group, step(place)) for group, place in lines], GROUPS_MIN)
    return {low // 10: (band.low // 10, band.high // 10 - 1) for low, band in found.items()}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([(A, 1), (B, 1), (A, 3), (B, 3)], {1: (1, 1), 3: (3, 3)}),
        ([(A, 1), (B, 2), (B, 3), (A, 3)], {1: (1, 2), 2: (1, 2), 3: (3, 3)}),
        # of two, A has more than half until B has as many
        ([(A, 1), (A, 1), (B, 2), (B, 5), (C, 6), (D, 6)], {1: (1, 5), 2: (1, 5), 5: (1, 5), 6: (6, 6)}),
        # who is left above joins the band below
        ([(A, 1), (B, 1), (A, 2), (B, 2), (C, 4)], {1: (1, 1), 2: (2, 4), 4: (2, 4)}),
        # and the band below that, where the two are no crowd
        (
            [(A, 1), (B, 1), (A, 2), (B, 2), (C, 4), (C, 4), (C, 4)],
            {1: (1, 4), 2: (1, 4), 4: (1, 4)},
        ),
        # of few everything is one band
        ([(A, 1), (A, 2)], {1: (1, 2), 2: (1, 2)}),
    ],
)
def test_bands_of_few_lines(lines: list[tuple[UUID, int]], expected: dict[int, tuple[int, int]]) -> None:
    assert expected == bands(lines)


@pytest.mark.parametrize("seed", range(20))
def test_every_band_is_a_crowd_or_all_there_is(seed: int) -> None:
    random = Random(seed)
    count = random.randrange(2, 40)
    lines = [(random.choice((A, A, B, C, D)), random.randrange(8)) for _ in range(count)]
    found = bands(lines)
    assert {place for _, place in lines} == set(found)
    assert all(first <= place <= last for place, (first, last) in found.items())
    shown = sorted(set(found.values()))
    assert all(before[1] < after[0] for before, after in pairwise(shown))
    for first, last in shown:
        groups = [group for group, place in lines if first <= place <= last]
        most = max(groups.count(group) for group in groups)
        assert len(shown) == 1 or (len(set(groups)) >= GROUPS_MIN and 2 * most <= len(groups))
