"""What is told of an agreement and its facility: a sentence that is true of what was counted."""

from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from events.capacity_terms import CapacityCount, CountedQuarter
from events.contract_terms import ProductClause, SourceClause
from events.price_clauses import ContractForDifference, FlatPrice, FormPrice, IndexedPrice, IndexReference
from events.vocabulary import PPB
from market.http.agreements.agreement_warnings import (
    NO_FACILITY,
    NO_QUARTERS,
    of_draft,
    of_proposal,
    of_signature,
)
from tests.contract_support import TONNE_G, agreement_terms
from tests.desk_support import SELLER_SITE

NAMED = SourceClause(facility=SELLER_SITE, basis_ppb=PPB)
INDEXED = IndexedPrice(
    index=IndexReference(code="ndpr-oxide", currency="EUR", per="oxide", quotation_period="month_of_shipment")
)
OF_ELEMENT = agreement_terms(source=NAMED, price=replace(INDEXED, form_factor_ppb=1_175_500_000))
FULL = CountedQuarter(
    year=2026, quarter=3, capacity_g=10 * TONNE_G, committed_g=8 * TONNE_G, asked_g=3 * TONNE_G
)


def test_a_draft_that_names_no_facility_is_told_so() -> None:
    assert [(NO_FACILITY, "/terms/source")] == [
        (each.detail, each.pointer) for each in of_draft(replace(OF_ELEMENT, source=UNSET))
    ]
    assert () == of_draft(OF_ELEMENT)


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
    told = of_signature(replace(OF_ELEMENT, source=source), count)
    assert expected == [(each.code, each.detail) for each in told]


def test_an_index_per_oxide_with_the_factor_one_is_pointed_at() -> None:
    """64.80 per kg of oxide are 76.17 per kg of Nd and Pr; with the factor one they would be 64.80."""
    by_form = (FormPrice(form="metal", form_factor_ppb=PPB), FormPrice(form="swarf", form_factor_ppb=1))
    terms = agreement_terms(source=NAMED, price=replace(INDEXED, by_form=by_form))
    told = of_proposal(terms)
    pointers = ["/terms/price/form_factor", "/terms/price/by_form/0/form_factor"]
    assert pointers == [each.pointer for each in told]
    assert "per kg oxide, the agreement counts kg of Nd and Pr as element" in told[0].detail
    assert told[0].detail.endswith("(Nd 1.1663, Pr 1.2082).")
    assert told == of_draft(terms)
    assert ["/proposal", "/proposal"] == [each.pointer for each in of_signature(terms, UNSET)]


@pytest.mark.parametrize(
    ("basis", "per", "factor_ppb", "warned"),
    [
        ("ndpr", "oxide", 1_175_500_000, False),
        ("ndpr", "element", PPB, False),
        ("ndpr", "wet", PPB, True),
        ("ndfeb-reuse", "wet", PPB, False),
        ("ndfeb-reuse", "oxide", PPB, True),
    ],
)
def test_a_factor_that_may_be_meant_is_not(basis: Any, per: Any, factor_ppb: int, warned: bool) -> None:
    strike = ContractForDifference(
        index=replace(INDEXED.index, per=per),
        strike_micro_per_kg=1,
        upside_ppb=0,
        form_factor_ppb=factor_ppb,
    )
    product = ProductClause(basis=basis, form="separated_oxide")
    assert warned == bool(of_proposal(agreement_terms(price=strike, product=product)))
    assert () == of_proposal(agreement_terms(price=FlatPrice(price_micro_per_kg=1), product=product))
