"""Grades of sintered NdFeB magnets in their order: which grade is as good as another, or better.

A grade is N, its nominal energy product in MGOe, and the class of its coercivity Hcj. The figures are those
of `magnet_grades.csv`; they are repeated here since older rounds must have the same result after the table is
corrected.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from events.rex_terms import MagnetNeed
from market.rules.refusing.ineligibility import Ineligibility

HCJ_KA_M: Final = {"": 955, "M": 1_114, "H": 1_353, "SH": 1_592, "UH": 1_990, "EH": 2_388, "AH": 2_786}
"""Minimum coercivity of each class, by which classes are ordered; the same order as that of the
temperatures."""
STRONG_MGOE: Final = 52
HCJ_OF_STRONG_KA_M: Final = 876
"""Of grades of no class from N52 on, which have less than that class."""
_SEPARATORS: Final = re.compile(r"[-_./]")
_NDFEB_GRADE: Final = re.compile(r"N([0-9]{2})(M|H|SH|UH|EH|AH)?")


class Grade(NamedTuple):
    """`code` names the class: "" is the lowest."""

    energy_mgoe: int
    code: str
    hcj_ka_m: int


def compact(grade: str) -> str | None:
    """N42SH for n42sh and N42-SH; None if it is not a grade of NdFeB magnets."""
    found = _SEPARATORS.sub("", grade).upper()
    return None if _NDFEB_GRADE.fullmatch(found) is None else found


def spelt(grade: str) -> str:
    """The spelling that a round compares; unchanged for other alloys."""
    return compact(grade) or grade


def ranked(grade: str) -> Grade | None:
    """The grade in any spelling; None if it has no rank, such as a grade of another alloy."""
    name = compact(grade)
    parts = None if name is None else _NDFEB_GRADE.fullmatch(name)
    if name is None or parts is None:
        return None
    code = parts[2] or ""
    energy_mgoe = int(parts[1])
    is_strong = not code and energy_mgoe >= STRONG_MGOE
    return Grade(energy_mgoe, code, HCJ_OF_STRONG_KA_M if is_strong else HCJ_KA_M[code])


def accepts(need: MagnetNeed, grade: str) -> bool:
    """Whether the need names the grade, or accepts better ones and names a lower one."""
    if grade in need.grades:
        return True
    offered = ranked(grade) if need.or_better is True else None
    return offered is not None and any(_as_good(offered, each) for each in _needed(need))


def grade_reasons(need: MagnetNeed, grade: str) -> Iterator[Ineligibility]:
    """Why a grade is not accepted: where better would be, what it lacks to the least of those named."""
    if accepts(need, grade):
        return
    offered = ranked(grade) if need.or_better is True else None
    if offered is not None:
        told = list(_lacking(offered, _needed(need)))
        yield from told
        if told:
            return
    better = " or better" if need.or_better is True else ""
    yield Ineligibility(
        code="magnet_grade_not_accepted",
        seller_figure=grade,
        relation="not among",
        buyer_figure=", ".join(f"{each}{better}" for each in need.grades),
    )


def _lacking(offered: Grade, needed: list[Grade]) -> Iterator[Ineligibility]:
    weakest = min(needed, key=lambda each: each.hcj_ka_m)
    if offered.hcj_ka_m < weakest.hcj_ka_m:
        yield Ineligibility(
            code="magnet_coercivity_below_min",
            subject="Hcj",
            seller_figure=_hcj_text(offered),
            relation="<",
            buyer_figure=_hcj_text(weakest),
        )
    least_mgoe = min(each.energy_mgoe for each in needed)
    if offered.energy_mgoe < least_mgoe:
        yield Ineligibility(
            code="magnet_energy_below_min",
            subject="(BH)max",
            seller_figure=f"{offered.energy_mgoe} MGOe",
            relation="<",
            buyer_figure=f"{least_mgoe} MGOe",
        )


def _needed(need: MagnetNeed) -> list[Grade]:
    return [each for each in map(ranked, need.grades) if each is not None]


def _as_good(offered: Grade, needed: Grade) -> bool:
    return offered.hcj_ka_m >= needed.hcj_ka_m and offered.energy_mgoe >= needed.energy_mgoe


def _hcj_text(grade: Grade) -> str:
    named = f"class {grade.code}" if grade.code else "no class"
    return f"{named} ({grade.hcj_ka_m} kA/m)"
