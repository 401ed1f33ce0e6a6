"""What a facility can make in a quarter: its nameplate, and of a pilot the ramp towards it.

Quarters of calendar years in UTC are numbered year × 4 + 0..3.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import pairwise

from events.analytes import element_meant_by
from events.capacity_terms import FacilityCapacity, RampStep
from events.refusal import Refusal
from events.vocabulary import ELEMENTS, PPB, FacilityStatus
from events.wellformed import duplicate_refusals
from market.rules.refusing.defects import RampMissing, RampNotAscending
from market.rules.refusing.material_defects import ElementUnknown

QUARTERS = 4
MONTHS = 3
RAMPED: frozenset[FacilityStatus | None] = frozenset({"pilot", "planned"})


def quarter_of(day: date) -> int:
    return day.year * QUARTERS + (day.month - 1) // MONTHS


def quarter_start(quarter: int) -> datetime:
    return datetime(quarter // QUARTERS, quarter % QUARTERS * MONTHS + 1, 1, tzinfo=UTC)


def quarter_text(quarter: int) -> str:
    return f"{quarter // QUARTERS}-Q{quarter % QUARTERS + 1}"


def step_quarter(step: RampStep) -> int:
    return step.year * QUARTERS + step.quarter - 1


def nameplate_g(capacity: FacilityCapacity, quarter: int) -> int:
    """The quarter's part of the year: the four of them add up to it."""
    part = quarter % QUARTERS
    whole = capacity.nameplate_g_per_year
    return whole * (part + 1) // QUARTERS - whole * part // QUARTERS


def ramp_ppb(capacity: FacilityCapacity, quarter: int) -> int:
    """Share of the nameplate: by the newest step; all of it without a ramp, 0 before the first step."""
    if not capacity.ramp:
        return PPB
    reached = [step.share_ppb for step in capacity.ramp if step_quarter(step) <= quarter]
    return reached[-1] if reached else 0


def made_g(capacity: FacilityCapacity, quarter: int) -> int:
    return nameplate_g(capacity, quarter) * ramp_ppb(capacity, quarter) // PPB


def capacity_refusals(capacities: Sequence[FacilityCapacity], status: FacilityStatus | None) -> list[Refusal]:
    """Each product once; a pilot or a plan has a ramp for each, whose steps follow each other."""
    stated = [(capacity.form, capacity.element) for capacity in capacities]
    reasons = duplicate_refusals("/capacities", stated)
    for index, capacity in enumerate(capacities):
        reasons += _of_one(capacity, status, f"/capacities/{index}")
    return reasons


def _of_one(capacity: FacilityCapacity, status: FacilityStatus | None, pointer: str) -> Iterator[Refusal]:
    if capacity.element is not None and capacity.element not in ELEMENTS:
        meant = element_meant_by(capacity.element)
        yield ElementUnknown(pointer=f"{pointer}/element", element=capacity.element, meant=meant)
    if status in RAMPED and not capacity.ramp:
        yield RampMissing(pointer=f"{pointer}/ramp", status=status)
    for index, (earlier, later) in enumerate(pairwise(capacity.ramp), 1):
        if step_quarter(later) <= step_quarter(earlier):
            yield RampNotAscending(
                pointer=f"{pointer}/ramp/{index}",
                earlier=quarter_text(step_quarter(earlier)),
                later=quarter_text(step_quarter(later)),
            )
