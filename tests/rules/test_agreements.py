"""How an agreement comes to stand: proposals, signatures, amendments, and what refuses each."""

from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from contracts.rules import agreements
from contracts.rules.agreement import fold, terms_sha256
from contracts.rules.currencies import currency_refusals
from contracts.rules.steps import AgreementState
from events.callers import Caller
from events.contract_events import AgreementAdvanced, AgreementSigned
from events.contract_terms import (
    AgreementTerms,
    AssayClause,
    ConditionPrecedent,
    FixedVolume,
    NominationRule,
    PaymentClause,
    ProductClause,
    ShareOfOutput,
    SplittingLimit,
    TermClause,
)
from events.market_terms import AnalyteLimit, PenaltyRule, PurityFloor
from events.price_clauses import FlatPrice, IndexedPrice, IndexReference, MatchedPrice
from tests.contract_support import PERMIT, TONNE_G, Paper, agreement_terms, drafting, spot_terms
from tests.desk_support import (
    BUYER_TRADER,
    LANE,
    MATCH,
    READER,
    SELLER,
    STRANGER,
    STRANGER_TRADER,
    blotter,
    moment,
)

CHEAPER = agreement_terms(payment=PaymentClause(currency="EUR", provisional_ppb=800_000_000, due_days=60))
INDEX = IndexReference(code="x", currency="EUR", per="oxide", quotation_period="month_of_shipment")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"counterparty": SELLER}, [("counterparty_same", "/counterparty")]),
        ({"counterparty": STRANGER}, [("party_not_in_market", "/counterparty")]),
        ({"members": frozenset()}, [("party_not_in_market", None)]),
        ({"caller": READER}, [("role_missing", None)]),
        ({"basis": "dy"}, [("basis_not_of_market", "/terms/product/basis")]),
        (
            {"terms": agreement_terms(price=MatchedPrice(match=MATCH, price_micro_per_kg=1, terms=()))},
            [("price_of_match_only", "/terms/price")],
        ),
    ],
)
def test_a_draft_needs_two_members_and_the_basis_of_its_market(changes: Any, expected: Any) -> None:
    assert expected == blotter(
        lambda: agreements.draft(AgreementState(lane=LANE), drafting(**changes), moment())
    )


def naming(analyte: str) -> AgreementTerms:
    terms = agreement_terms()
    split, limit = SplittingLimit(analyte=analyte, limit_ppb=1), AnalyteLimit(analyte=analyte, max_ppb=1)
    return agreement_terms(
        assay=replace(terms.assay, splitting=(split,)),
        penalties=(PenaltyRule(analyte=analyte, threshold_ppb=1, step_ppb=1, ueur_per_kg_per_step=1),),
        product=replace(terms.product, limits=(limit,), purity=PurityFloor(elements=(analyte,), min_ppb=1)),
    )


def test_an_analyte_that_nobody_can_state_is_refused_at_the_door_alone() -> None:
    """And not in what the record holds, nor where it stays what both have signed."""
    found = [
        ("agreed_analyte_unknown", f"/terms/{place}")
        for place in (
            "product/limits/0/analyte",
            "product/purity/elements/0",
            "penalties/0/analyte",
            "assay/splitting/0/analyte",
        )
    ]
    drafted = replace(drafting(terms=naming("fe")), at_door=True)
    assert found == blotter(lambda: agreements.draft(AgreementState(lane=LANE), drafted, moment()))
    paper = Paper().draft(terms=naming("Nd"))
    assert found == blotter(lambda: paper.propose("buyer", naming("fe"), at_door=True))
    paper.propose("buyer", naming("fe")).sign_both(binding=False)
    paper.propose("seller", replace(naming("fe"), shortfall_notice_days=7), at_door=True)
    assert found == blotter(lambda: paper.propose("seller", naming("FE"), at_door=True))


def paid_in(currency: str) -> AgreementTerms:
    payment = PaymentClause(currency=currency, provisional_ppb=0, due_days=0)
    return agreement_terms(payment=payment, price=FlatPrice(price_micro_per_kg=1))


@pytest.mark.parametrize(("currency", "decimals"), [("JPY", 0), ("KRW", 0), ("KWD", 3), ("BHD", 3)])
def test_money_without_cents_is_refused_at_the_door_alone(currency: str, decimals: int) -> None:
    """And not in what the record holds, nor where it stays what both have signed."""
    terms = paid_in(currency)
    found = [("currency_without_cents", "/terms/payment/currency")]
    drafted = drafting(terms=terms)
    assert found == blotter(
        lambda: agreements.draft(AgreementState(lane=LANE), replace(drafted, at_door=True), moment())
    )
    paper = Paper().draft(terms=paid_in("USD"))
    assert found == blotter(lambda: paper.propose("buyer", terms, at_door=True))
    paper.propose("buyer", terms).sign_both(binding=False)
    paper.propose("seller", replace(terms, shortfall_notice_days=7), at_door=True)
    (refusal,) = currency_refusals(terms)
    assert f"those of {currency} have {decimals} decimals" in refusal.detail()


TERM = agreement_terms().term


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"volume": FixedVolume(acq_g=(TONNE_G,))},
            [("years_differ", "/terms/volume/acq_g")],
        ),
        ({"volume": FixedVolume(acq_g=(0, 0, 0, 0))}, [("quantity_zero", "/terms/volume/acq_g")]),
        (
            {"volume": ShareOfOutput(share_ppb=0, expected_output_g=(1, 1, 1, 1))},
            [("quantity_zero", "/terms/volume/share_ppb")],
        ),
        ({"volume": FixedVolume(acq_g=(-1, 1, 1, 1))}, [("malformed_member", "/terms/volume/acq_g/0")]),
        (
            {"term": replace(TERM, long_stop_on=date(2026, 3, 1)), "conditions": ()},
            [("dates_out_of_order", "/terms/term/long_stop_on")],
        ),
        (
            {"term": replace(TERM, long_stop_on=None)},
            [("conditions_without_long_stop", "/terms/term/long_stop_on")],
        ),
        (
            {"term": replace(TERM, long_stop_on=date(2026, 7, 31))},
            [("dates_out_of_order", "/terms/conditions/1/due_on")],
        ),
        (
            {
                "conditions": (
                    replace(PERMIT, due_on=date(2026, 3, 1)),
                    replace(PERMIT, due_on=date(2026, 6, 1)),
                )
            },
            [
                ("duplicate_entry", "/terms/conditions/1"),
                ("dates_out_of_order", "/terms/conditions/0/due_on"),
            ],
        ),
        (
            {
                "term": TermClause(years=40, extension_years=5, extensions_max=5),
                "volume": FixedVolume(acq_g=(1,)),
                "conditions": (),
            },
            [("years_max", "/terms/term/years"), ("years_differ", "/terms/volume/acq_g")],
        ),
        (
            {"term": replace(TERM, extension_years=0), "volume": FixedVolume(acq_g=(1, 1, 1))},
            [("extensions_unstated", "/terms/term/extensions_max")],
        ),
        (
            {"product": ProductClause(basis="ndpr", form="metal", buyer_option_forms=("metal",))},
            [("form_not_option", "/terms/product/buyer_option_forms/0")],
        ),
        (
            {
                "product": ProductClause(
                    basis="ndpr",
                    form="metal",
                    limits=(AnalyteLimit(analyte="Fe", min_ppb=2, max_ppb=1), AnalyteLimit(analyte="Fe")),
                )
            },
            [
                ("duplicate_entry", "/terms/product/limits/1"),
                ("limits_crossed", "/terms/product/limits/0/min_ppb"),
            ],
        ),
        (
            {"price": IndexedPrice(index=INDEX, floor_micro_per_kg=2, cap_micro_per_kg=1)},
            [("floor_above_cap", "/terms/price/floor_micro_per_kg")],
        ),
        (
            {"price": FlatPrice(price_micro_per_kg=-1)},
            [("amount_below_zero", "/terms/price/price_micro_per_kg")],
        ),
        (
            {
                "nominations": (
                    NominationRule(level="monthly", notice_days=20, band_ppb=0),
                    NominationRule(level="annual", notice_days=90, band_ppb=0),
                )
            },
            [
                ("nominations_out_of_order", "/terms/nominations"),
                ("dates_out_of_order", "/terms/nominations/1/notice_days"),
            ],
        ),
        (
            {
                "assay": AssayClause(
                    splitting=(
                        SplittingLimit(analyte="Nd", limit_ppb=1),
                        SplittingLimit(analyte="Nd", limit_ppb=2),
                    ),
                    umpire="AHK",
                )
            },
            [("duplicate_entry", "/terms/assay/splitting/1")],
        ),
    ],
)
def test_every_fault_of_the_clauses_is_told_with_its_place(changes: Any, expected: Any) -> None:
    given = drafting(terms=agreement_terms(**changes))
    assert expected == blotter(lambda: agreements.draft(AgreementState(lane=LANE), given, moment()))


def test_a_spot_contract_has_one_delivery() -> None:
    reasons = blotter(lambda: Paper().draft(kind="spot"))
    assert [
        ("not_of_spot", "/terms/take_or_pay"),
        ("not_of_spot", "/terms/nominations"),
        ("not_of_spot", "/terms/term/extensions_max"),
    ] == reasons


def test_to_anyone_but_its_parties_an_agreement_does_not_exist() -> None:
    paper = Paper().draft()
    stranger: Caller = STRANGER_TRADER
    assert [("agreement_unknown", None)] == blotter(lambda: paper.sign("stranger", caller=stranger))
    assert [("agreement_unknown", None)] == blotter(
        lambda: paper._step(
            agreements.withdraw, agreements.WithdrawProposal, "stranger", caller=stranger, proposal=1
        )
    )


def test_who_read_an_older_version_reads_again() -> None:
    paper = Paper().draft().propose("buyer", CHEAPER)
    assert [("version_stale", None)] == blotter(lambda: paper.sign("seller", expected_version=1))


def test_nobody_signs_its_own_proposal_into_force() -> None:
    paper = Paper().draft(terms=spot_terms(), kind="spot").sign("seller")
    assert "draft" == paper.stands.status
    assert [("own_proposal", "/proposal")] == blotter(lambda: paper.sign("seller"))
    assert [("other_side_signs", "/side"), ("own_proposal", "/proposal")] == blotter(
        lambda: paper.sign("seller", side="buyer")
    )


def test_a_side_signs_a_proposal_once() -> None:
    paper = Paper().draft().sign("buyer")
    assert [("already_signed", "/proposal")] == blotter(lambda: paper.sign("buyer"))
    assert [("already_signed", "/proposal")] == blotter(lambda: paper.sign("buyer", binding=False))


def test_only_what_is_on_the_table_can_be_signed_or_withdrawn() -> None:
    paper = Paper().draft().propose("buyer", CHEAPER)
    assert [("proposal_replaced", "/proposal")] == blotter(lambda: paper.sign("seller", proposal=1))
    assert [("proposal_of_other", None)] == blotter(lambda: paper.withdraw("seller", 2))
    paper.withdraw("buyer", 2)
    assert [("nothing_proposed", None)] == blotter(lambda: paper.sign("seller", proposal=2))


def test_a_counter_proposal_takes_the_signatures_with_it() -> None:
    paper = Paper().draft(terms=spot_terms(), kind="spot").sign("seller")
    cheaper = spot_terms(payment=CHEAPER.payment)
    paper.propose("buyer", cheaper, note="60 days").sign("buyer")
    assert ("draft", None) == (paper.stands.status, paper.stands.standing)
    paper.sign("seller")
    assert ("effective", cheaper) == (paper.stands.status, paper.stands.terms)


def test_the_same_terms_again_are_no_proposal() -> None:
    assert [("no_change", "/terms")] == blotter(lambda: Paper().draft().propose("buyer", agreement_terms()))


def test_a_term_sheet_is_what_both_have_reached() -> None:
    paper = Paper().draft().sign("seller", binding=True).sign("buyer", binding=False)
    assert "term_sheet" == paper.stands.status
    assert [("proposal_stands", None)] == blotter(lambda: paper.withdraw("seller", 1))
    assert "binding_subject_to_cp" == paper.sign("buyer", binding=True).stands.status
    assert [("nothing_proposed", None)] == blotter(lambda: paper.sign("buyer"))


def test_a_term_sheet_stands_until_another_is_signed() -> None:
    paper = Paper().draft().sign_both(binding=False).propose("buyer", CHEAPER)
    assert ("term_sheet", agreement_terms()) == (paper.stands.status, paper.stands.terms)
    paper.withdraw("buyer", 2)
    assert ("term_sheet", agreement_terms()) == (paper.stands.status, paper.stands.terms)
    paper.propose("buyer", CHEAPER).sign_both(binding=False)
    assert ("term_sheet", CHEAPER) == (paper.stands.status, paper.stands.terms)


def test_a_signature_names_the_terms_it_was_given_for() -> None:
    paper = Paper().draft().sign("buyer")
    signed = paper.facts[-1]
    assert isinstance(signed, AgreementSigned)
    assert terms_sha256(agreement_terms()) == signed.terms_sha256
    assert terms_sha256(CHEAPER) != signed.terms_sha256


def test_without_conditions_the_second_binding_signature_makes_it_effective() -> None:
    paper = Paper().draft(terms=spot_terms(), kind="spot").sign_both()
    assert (date(2026, 3, 2), date(2027, 3, 2)) == (paper.stands.starts_on, paper.stands.ends_on)


def test_an_amendment_binds_when_both_have_signed_it() -> None:
    paper = Paper().effective()
    longer = agreement_terms(
        term=replace(TERM, years=4), volume=FixedVolume(acq_g=(600 * TONNE_G, *(TONNE_G,) * 4))
    )
    paper.propose("buyer", longer)
    assert [("binding_only", "/binding")] == blotter(lambda: paper.sign("seller", binding=False))
    paper.sign("buyer")
    assert ("effective", agreement_terms()) == (paper.stands.status, paper.stands.terms)
    paper.sign("seller")
    assert ("effective", longer, None) == (paper.stands.status, paper.stands.terms, paper.stands.table)
    assert (date(2027, 1, 1), date(2031, 1, 1)) == (paper.stands.starts_on, paper.stands.ends_on)
    advanced = paper.facts[-1]
    assert isinstance(advanced, AgreementAdvanced)
    assert "amended" == advanced.reason


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {
                "payment": PaymentClause(currency="USD", provisional_ppb=0, due_days=0),
                "price": FlatPrice(price_micro_per_kg=1),
            },
            "/terms/payment/currency",
        ),
        ({"term": replace(TERM, starts_on=date(2027, 2, 1))}, "/terms/term/starts_on"),
        ({"conditions": (PERMIT,)}, "/terms/conditions"),
        ({"product": ProductClause(basis="dy", form="separated_oxide")}, "/terms/product/basis"),
        ({"volume": FixedVolume(acq_g=(1, 1, 1, 1))}, "/terms/volume"),
        ({"volume": ShareOfOutput(share_ppb=1, expected_output_g=(1, 1, 1, 1))}, "/terms/volume"),
    ],
)
def test_an_effective_agreement_keeps_what_its_ledger_stands_on(changes: Any, expected: str) -> None:
    paper = Paper().effective().on(date(2027, 5, 1))
    assert [("field_fixed", expected)] == blotter(lambda: paper.propose("buyer", agreement_terms(**changes)))


def test_an_amendment_cannot_end_the_agreement_in_the_past() -> None:
    paper = Paper().effective().on(date(2029, 5, 1))
    shorter = agreement_terms(
        term=TermClause(
            starts_on=date(2027, 1, 1),
            years=2,
            extension_years=1,
            extensions_max=2,
            long_stop_on=date(2026, 12, 31),
        )
    )
    assert [("term_over", "/terms/term/years")] == blotter(lambda: paper.propose("buyer", shorter))


def test_while_conditions_are_open_they_may_be_amended() -> None:
    later = ConditionPrecedent(
        code="permit", kind="permit", description="Permit", due_on=date(2026, 10, 1), by="seller"
    )
    paper = Paper().draft().sign_both().settle("buyer", "financing")
    paper.propose("seller", agreement_terms(conditions=(later,))).sign_both()
    assert "binding_subject_to_cp" == paper.stands.status
    paper.propose("seller", agreement_terms(conditions=())).sign_both()
    assert ("effective", date(2027, 1, 1)) == (paper.stands.status, paper.stands.starts_on)


def test_an_agreement_takes_so_many_proposals_and_no_more() -> None:
    paper = Paper().draft()
    paper.agreement = replace(paper.stands, proposals=agreements.PROPOSALS_MAX)
    assert [("proposals_max", None)] == blotter(lambda: paper.propose("buyer", CHEAPER))


def test_events_that_fit_nothing_are_a_broken_record() -> None:
    paper = Paper().draft(by="buyer")
    first = paper.facts[0]
    signed = Paper().draft().sign("seller").facts[-1]

    class Event:
        lane, position = LANE, 9

    with pytest.raises(LookupError, match="twice"):
        fold(paper.agreement, Event(), first)  # type: ignore[arg-type]
    with pytest.raises(LookupError, match="never drafted"):
        fold(None, Event(), signed)  # type: ignore[arg-type]
    paper.withdraw("buyer", 1)
    with pytest.raises(LookupError, match="not on the table"):
        fold(paper.agreement, Event(), signed)  # type: ignore[arg-type]


def test_a_buyer_may_draft_as_well() -> None:
    paper = Paper().draft(by="buyer")
    assert ("buyer", "draft") == (paper.stands.side_of(BUYER_TRADER.organisation), paper.stands.status)
    assert paper.stands.table is not None
    assert "buyer" == paper.stands.table.by
