"""What of an agreement the tape keeps, which agreements make a crowd, and which step has which line."""

from typing import Any

import pytest
from msgspec.structs import replace

from events.contract_events import AgreementAdvanced, AgreementSigned, ForceMajeureEnded
from events.contract_terms import ShareOfOutput
from market.rules.viewers import PublicViewer
from market.rules.visibility.deal_tape import GROUPS_MIN, on_deal_tape
from market.rules.visibility.deals import Deal, Deals, DealTerms, deal_terms, fold_deal
from tests.contract_support import agreement_terms
from tests.desk_support import MARKET, NOW, numbered

PUBLIC = PublicViewer(key=b"k" * 32)
TONNE_G = 1_000_000
PERCENT_PPB = 10_000_000
AGREED = numbered(7)
SIGNED = DealTerms(form="metal", yearly_g=600 * TONNE_G, years=3, start_year=2027, price="fixed")
ON_TABLE = replace(SIGNED, years=9)


def deal(number: int, **changes: Any) -> Deal:
    """In force between a seller and a buyer of its own; a proposal of other terms is on the table."""
    made = Deal(
        market=MARKET,
        kind="offtake",
        seller=numbered(100 + number),
        buyer=numbered(200 + number),
        status="effective",
        table=ON_TABLE,
        terms=SIGNED,
    )
    return replace(made, **changes)


def crowd(**last: Any) -> Deals:
    """As few as are enough, the last of them changed."""
    deals = {numbered(300 + number): deal(number) for number in range(1, GROUPS_MIN)}
    return deals | {AGREED: deal(0, **last)}


def advanced(status: Any, reason: str) -> AgreementAdvanced:
    return AgreementAdvanced(market=MARKET, agreement=AGREED, status=status, reason=reason, proposal=1)


def line(deals: Deals, fact: Any) -> tuple[str, int] | None:
    found = on_deal_tape(fact, PUBLIC, deals)
    return None if found is None else (found.action, found.years)


def test_of_a_share_of_output_the_tape_keeps_the_part_of_the_greatest_year() -> None:
    output = ShareOfOutput(
        share_ppb=40 * PERCENT_PPB,
        expected_output_g=(100 * TONNE_G, 900 * TONNE_G, 300 * TONNE_G),
    )
    terms = agreement_terms(volume=output)
    kept = deal_terms(replace(terms, term=replace(terms.term, starts_on=None)))
    assert (360 * TONNE_G, None) == (kept.yearly_g, kept.start_year)
    assert (1_500 * TONNE_G, 2027) == (
        deal_terms(agreement_terms()).yearly_g,
        deal_terms(agreement_terms()).start_year,
    )


@pytest.mark.parametrize(
    ("status", "reason", "told"),
    [
        ("binding_subject_to_cp", "signed_by_both", ("conditional", ON_TABLE)),
        ("effective", "amended", ("amended", ON_TABLE)),
        ("effective", "conditions_met", ("effective", SIGNED)),
        ("expired", "term_over", ("expired", SIGNED)),
        ("suspended_fm", "amended", ("amended", ON_TABLE)),
    ],
)
def test_a_step_tells_what_was_signed_not_what_is_on_the_table(
    status: Any, reason: str, told: tuple[str, DealTerms]
) -> None:
    deals, fact = crowd(), advanced(status, reason)
    action, terms = told
    assert (action, terms.years) == line(deals, fact)
    fold_deal(deals, fact)
    assert (status, terms, ON_TABLE) == (deals[AGREED].status, deals[AGREED].terms, deals[AGREED].table)


def test_deliveries_that_go_on_have_a_line() -> None:
    ended = ForceMajeureEnded(market=MARKET, agreement=AGREED, ended_at=NOW)
    deals = crowd(status="suspended_fm")
    assert ("resumed", SIGNED.years) == line(deals, ended)
    fold_deal(deals, ended)
    assert "effective" == deals[AGREED].status


@pytest.mark.parametrize(
    "other",
    [
        {"kind": "spot"},
        {"status": "terminated"},
        {"status": "draft"},
        {"terms": None},
        {"market": numbered(9)},
        {"terms": replace(SIGNED, form="alloy")},
        {"seller": numbered(101)},
        {"buyer": numbered(201)},
        {"seller_group": numbered(101)},
        {"buyer_group": numbered(201)},
        {"terms": replace(SIGNED, yearly_g=4 * SIGNED.yearly_g + 1)},
    ],
)
def test_who_is_no_firm_of_its_own_in_the_form_makes_no_crowd(other: dict[str, Any]) -> None:
    deals, place = crowd(), numbered(300 + GROUPS_MIN - 1)
    step = advanced("effective", "conditions_met")
    assert line(deals, step)
    deals[place] = replace(deals[place], **other)
    assert None is line(deals, step)


@pytest.mark.parametrize("side", ["seller", "buyer"])
def test_a_party_counts_with_the_group_that_its_own_signature_tells(side: Any) -> None:
    deals = crowd()
    signed = AgreementSigned(
        market=MARKET,
        agreement=AGREED,
        proposal=1,
        side=side,
        organisation=getattr(deals[AGREED], side),
        binding=True,
        terms_sha256="0" * 64,
        group=numbered(99),
    )
    fold_deal(deals, signed)
    told = {"seller": (numbered(99), None), "buyer": (None, numbered(99))}
    assert told[side] == (deals[AGREED].seller_group, deals[AGREED].buyer_group)
