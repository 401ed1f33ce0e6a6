"""What is told of an agreement and its facility: a sentence that is true of what was counted."""

import pytest
from msgspec import UNSET

from events.capacity_terms import CapacityCount, CountedQuarter
from events.contract_terms import SourceClause
from events.vocabulary import PPB
from market.http.agreements.capacity_warnings import NO_FACILITY, NO_QUARTERS, of_draft, of_signature
from tests.contract_support import TONNE_G, agreement_terms
from tests.desk_support import SELLER_SITE

NAMED = SourceClause(facility=SELLER_SITE, basis_ppb=PPB)
FULL = CountedQuarter(
    year=2026, quarter=3, capacity_g=10 * TONNE_G, committed_g=8 * TONNE_G, asked_g=3 * TONNE_G
)


def test_a_draft_that_names_no_facility_is_told_so() -> None:
    assert [(NO_FACILITY, "/terms/source")] == [
        (each.detail, each.pointer) for each in of_draft(agreement_terms(source=UNSET))
    ]
    assert () == of_draft(agreement_terms(source=NAMED))


@pytest.mark.parametrize(
    ("source", "quarters", "expected"),
    [
        (UNSET, (), [("capacity_not_counted", NO_FACILITY)]),
        (
            NAMED,
            (),
            [
                (
                    "capacity_not_counted",
                    NO_QUARTERS.format(form="separated_oxide"),
                )
            ],
        ),
        (
            NAMED,
            (FULL,),
            [
                (
                    "capacity_overcommitted",
                    "In 2026-Q3 the facility makes 10 t of separated_oxide: 8 t are committed, 3 t agreed.",
                )
            ],
        ),
        (NAMED, (CountedQuarter(year=2026, quarter=3, capacity_g=1, committed_g=0, asked_g=1),), []),
    ],
)
def test_a_signature_is_told_what_was_counted(
    source: SourceClause, quarters: tuple[CountedQuarter, ...], expected: list[tuple[str, str]]
) -> None:
    count = CapacityCount(rule="flag", position=1, quarters=quarters)
    told = of_signature(agreement_terms(source=source), count)
    assert expected == [(each.code, each.detail) for each in told]
