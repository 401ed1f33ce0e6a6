"""What a search for leaks finds, and what it must not take for one."""

from uuid import UUID

import pytest

from tests.sentinels import figure, found, identity

FIGURES = figure(61_377_301)
SOMEBODY = UUID("61377301-7919-7393-8573-613773010000")


@pytest.mark.parametrize(
    "told",
    [
        '{"ask":61377301}',
        '"61.377301"',
        "61.37730100",
        "ask=61377301;",
        "-61.377301 EUR",
        f"{SOMEBODY} 61377301",
    ],
)
def test_a_figure_is_found_as_a_word_of_its_own(told: str) -> None:
    assert 1 == len(found(FIGURES, told))


@pytest.mark.parametrize(
    "told",
    [
        str(SOMEBODY),
        f"urn:uuid:{SOMEBODY}",
        f"req_{SOMEBODY.hex}",
        "2026-03-02T09:00:61.377301Z",
        "1613773011",
    ],
)
def test_a_figure_inside_an_id_a_time_or_another_figure_is_not_found(told: str) -> None:
    assert [] == found(FIGURES, told)


def test_an_id_is_found_in_every_spelling_beside_other_ids() -> None:
    anybody, others = UUID("0193a0c4-5d2e-7f1b-8a6c-9e0d1f2a3b4c"), f"{UUID(int=7)} 2026-03-02T09:00:00+00:00"
    for spelling in identity(anybody):
        assert [spelling] == found(identity(anybody), f"{others} offer_{spelling} {others}")


def test_a_figure_that_may_stand_anywhere_is_no_sentinel() -> None:
    with pytest.raises(AssertionError, match="7919 stands somewhere by chance"):
        figure(7_919)
