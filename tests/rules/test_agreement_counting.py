"""What an agreement that no match led to asks of its facility, quarter by quarter, and who is refused."""

from datetime import UTC, date, datetime

import pytest
from msgspec.structs import replace

from contracts.rules.matched import from_match
from events.capacity_terms import CapacityCount, CapacityRule, CountedQuarter, FacilityCapacity
from events.contract_events import AgreementSigned
from events.contract_terms import FixedVolume, ProductClause, ShareOfOutput, SourceClause
from events.vocabulary import PPB, MarketBasis
from market.rules.orders.agreement_counting import capacity_count, contract_volume, contract_years, start_of
from market.rules.twins.committed import ContractClaim, ContractVolume, Volume, agreed, committed
from market.rules.twins.twins import twin
from tests.contract_support import TONNE_G, Paper, agreement_terms
from tests.desk_support import LANE, MEMBERS, SELLER, SELLER_SITE, blotter, moment, numbered
from tests.rules.test_matched import GIVEN, confirmed

NAMED = SourceClause(facility=SELLER_SITE, basis_ppb=PPB // 2)
NOW = datetime(2027, 8, 1, tzinfo=UTC)
QUARTER = 2027 * 4
OXIDE = FacilityCapacity(form="separated_oxide", nameplate_g_per_year=8_000 * TONNE_G)
PASSED = CountedQuarter(year=2027, quarter=1, capacity_g=8, committed_g=6, asked_g=3)


def volume(tonnes: int, basis: MarketBasis = "ndpr", extensions: int = 0) -> ContractVolume:
    """So many tonnes of basis in each of three years from 2027 on, and of one more for an extension."""
    terms = agreement_terms(
        product=ProductClause(basis=basis, form="separated_oxide"),
        volume=FixedVolume(acq_g=(tonnes * TONNE_G,) * 4),
        source=NAMED,
    )
    found = contract_volume(terms, contract_years(terms, date(2027, 1, 1), extensions))
    assert found is not None
    return found


def test_terms_without_a_source_ask_nothing_of_a_facility() -> None:
    terms = agreement_terms()
    assert None is contract_volume(terms, contract_years(terms, date(2027, 1, 1), 0))
    assert {} == agreed(None, "separated_oxide", None)


def test_product_follows_from_the_basis_in_it_year_by_year() -> None:
    found = agreed(volume(500), "separated_oxide", None)
    assert list(range(QUARTER, QUARTER + 12)) == list(found)
    assert [1_000 * TONNE_G] * 3 == [sum(found[QUARTER + 4 * y + q] for q in range(4)) for y in range(3)]
    assert 16 == len(agreed(volume(500, extensions=1), "separated_oxide", None))
    assert {} == agreed(volume(500), "metal", None)


def test_an_element_is_counted_where_it_is_the_whole_basis() -> None:
    found = agreed(volume(500, "dy"), "separated_oxide", "Dy")
    assert 500 * TONNE_G == sum(found[QUARTER + part] for part in range(4))
    assert {} == agreed(volume(500), "separated_oxide", "Nd")


def test_a_share_of_output_is_one_of_what_is_expected() -> None:
    share = ShareOfOutput(share_ppb=PPB // 4, expected_output_g=(2_000 * TONNE_G,) * 4)
    terms = agreement_terms(volume=share, source=NAMED)
    found = contract_volume(terms, contract_years(terms, date(2027, 1, 1), 0))
    assert volume(500) == found


@pytest.mark.parametrize(
    ("starts_on", "today", "expected"),
    [
        (date(2026, 5, 1), date(2028, 1, 1), date(2026, 5, 1)),
        (None, date(2026, 5, 1), date(2027, 1, 1)),
        (None, date(2027, 5, 1), date(2027, 5, 1)),
    ],
)
def test_terms_that_wait_are_taken_to_run_from_their_day_or_today(
    starts_on: date | None, today: date, expected: date
) -> None:
    assert expected == start_of(agreement_terms(), starts_on, today)


def test_an_amendment_is_counted_for_the_quarters_that_it_adds_to() -> None:
    def quarters(asked: ContractVolume, stands: ContractVolume | None) -> tuple[CountedQuarter, ...]:
        return capacity_count("refuse", MEMBERS[SELLER], (), asked, stands, (OXIDE,), NOW).quarters

    assert 10 == len(quarters(volume(500), None))
    assert () == quarters(volume(500), volume(500))
    assert () == quarters(volume(400), volume(500))
    longer = quarters(volume(500, extensions=1), volume(500))
    assert [(2030, part) for part in range(1, 5)] == [(each.year, each.quarter) for each in longer]


def test_what_is_signed_beyond_what_stands_is_offered() -> None:
    claims = (ContractClaim(agreement=numbered(70), standing=volume(500), signed=volume(600)),)
    found = committed(claims, "separated_oxide", None)
    year = [sum(column) for column in zip(*(found[QUARTER + part] for part in range(4)), strict=True)]
    assert Volume(offered_g=200 * TONNE_G, contracted_g=1_000 * TONNE_G) == Volume(*year)
    (unstated,) = twin((), claims, QUARTER, 1)
    assert ("separated_oxide", False) == (unstated.form, unstated.stated)


@pytest.mark.parametrize(
    ("rule", "expected"), [("refuse", [("capacity_overcommitted", "/proposal")]), ("flag", [])]
)
def test_what_was_counted_refuses_a_signature_or_stands_in_it(
    rule: CapacityRule, expected: list[tuple[str, str]]
) -> None:
    paper = Paper().draft(terms=agreement_terms(source=NAMED))
    count = CapacityCount(rule=rule, position=1, quarters=(PASSED,))
    assert expected == blotter(lambda: paper.sign("seller", capacity=count))
    if not expected:
        signed = paper.facts[-1]
        assert isinstance(signed, AgreementSigned)
        assert count == signed.capacity


def test_an_agreement_of_a_match_names_no_source() -> None:
    paper = Paper().record(from_match(LANE, confirmed(GIVEN), moment()))
    amended = replace(paper.stands.terms, source=NAMED)
    assert [("field_fixed", "/terms/source")] == blotter(lambda: paper.propose("seller", amended))
