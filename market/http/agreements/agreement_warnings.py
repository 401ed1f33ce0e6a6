"""Warnings about a drafted, proposed or signed agreement: the check against its facility, and terms that are
rarely intended."""

from datetime import date
from typing import Final

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from contracts.rules.capacity import exceeded
from contracts.rules.cautions import clause_cautions
from contracts.rules.unmeetable import unmeetable_cautions
from events.capacity_terms import CapacityCount
from events.contract_terms import AgreementTerms
from events.refusal import Caution
from market.http.wire.problems import told
from market.http.wire.receipts import Warned, warned

CODE: Final = "capacity_not_counted"
NO_FACILITY: Final = (
    "The agreement has no match and its terms name no facility, so it counts against no capacity."
)
NO_QUARTERS: Final = (
    "The facility has no capacity for {form}, or no more is asked of it than before: nothing was counted."
)


def of_draft(terms: AgreementTerms, day: date) -> tuple[Warned, ...]:
    """Of an agreement that no match led to; `day`: today by UTC."""
    uncounted = () if terms.source is not UNSET else (_uncounted("/terms/source"),)
    return (*uncounted, *of_proposal(terms, day))


def of_proposal(terms: AgreementTerms, day: date) -> tuple[Warned, ...]:
    return warned(replace(each, pointer=f"/terms{each.pointer}") for each in _of_terms(terms, day))


def of_signature(terms: AgreementTerms, count: CapacityCount | UnsetType, day: date) -> tuple[Warned, ...]:
    """What the rule of the market did not refuse, if it counts, and what the terms may not mean."""
    counted = () if count is UNSET else _counted(terms, count)
    unmeant = (replace(each, pointer="/proposal") for each in _of_terms(terms, day))
    return (*counted, *warned(unmeant))


def _of_terms(terms: AgreementTerms, day: date) -> tuple[Caution, ...]:
    return (*clause_cautions(terms), *unmeetable_cautions(terms, day))


def _counted(terms: AgreementTerms, count: CapacityCount) -> tuple[Warned, ...]:
    if terms.source is UNSET:
        return (_uncounted("/proposal"),)
    form = terms.product.form
    if not count.quarters:
        return (Warned(code=CODE, detail=NO_QUARTERS.format(form=form), pointer="/proposal"),)
    passed = exceeded(count, form)
    return tuple(Warned(code=each.code, detail=told(each), pointer="/proposal") for each in passed)


def _uncounted(pointer: str) -> Warned:
    return Warned(code=CODE, detail=NO_FACILITY, pointer=pointer)
