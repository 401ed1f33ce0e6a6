"""An amendment that states from which day it counts: ahead, back, and what else goes by the day."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from contracts.rules.contract_years import year_terms
from contracts.rules.effective_days import ahead_cautions, settled_by
from contracts.rules.invoices import due_on
from contracts.rules.nominations import next_silence
from contracts.rules.volumes import Volumes
from events.contract_events import AgreementAdvanced, YearAssessed
from events.contract_terms import (
    AgreementTerms,
    AssayClause,
    FixedVolume,
    NominatedPart,
    NominationRule,
    PaymentClause,
    SplittingLimit,
    TermClause,
)
from events.delivery_events import AssaysExchanged
from events.price_clauses import FlatPrice
from events.refusal import Refusals
from market.audit.sealed_proof import ProofError
from market.cli.agreement_words import agreement_lines
from tests.contract_journeys import CLEAN, TAKE_OR_PAY, audited, body_of, figures_of
from tests.contract_lane import ContractLane
from tests.contract_support import MICRO, TONNE_G, Paper, agreement_terms
from tests.delivery_support import UMPIRE
from tests.desk_support import PERCENT_PPB, blotter, numbered
from tests.rules.test_agreement_proof import checked, proof_of
from tests.volume_support import days

NEW_YEAR = date(2028, 1, 1)


def of_price(eur: int, splitting_ppb: int = 5_000_000, **changes: Any) -> AgreementTerms:
    given: dict[str, Any] = {
        "term": TermClause(years=4, extension_years=1, extensions_max=1, extended_by=None),
        "volume": FixedVolume(acq_g=(100 * TONNE_G,) * 5),
        "conditions": (),
        "price": FlatPrice(price_micro_per_kg=eur * MICRO),
        "take_or_pay": TAKE_OR_PAY,
        "assay": AssayClause(
            splitting=(SplittingLimit(analyte="Nd", limit_ppb=splitting_ppb),), umpire=UMPIRE
        ),
    }
    return agreement_terms(**(given | changes))


def begun(*, nominations: tuple[NominationRule, ...] = ()) -> ContractLane:
    """Contract years from 1 January 2027 on, at 100 per kg."""
    return ContractLane().on(date(2027, 1, 1)).draft(of_price(100, nominations=nominations)).sign()


def amended(lane: ContractLane, terms: AgreementTerms, day: date | None) -> ContractLane:
    stated = terms if day is None else replace(terms, effective_from=day)
    return lane.propose("seller", stated).sign()


def prices(lane: ContractLane | Paper) -> list[tuple[str, str | None, int]]:
    """From day to day, and what a kg costs then."""
    return [
        (
            str(each.first),
            None if each.last is None else str(each.last),
            each.terms.price.price_micro_per_kg // MICRO,
        )
        for each in lane.stands.in_force()
        if isinstance(each.terms.price, FlatPrice)
    ]


def delivered(lane: ContractLane, day: date) -> ContractLane:
    """Shipped on `day` and settled as far as two assays that are 0.3 % apart let it."""
    lane.ship(shipped_on=day, stated=figures_of(CLEAN)).weigh()
    nd = CLEAN["Nd"]
    return lane.lodge("seller", Nd=nd + 3_000_000).lodge("buyer", Nd=nd)


def test_the_former_terms_are_for_what_falls_before_the_day_and_the_new_for_the_rest() -> None:
    """Signed in May 2027 for 2028: price, splitting limit, take or pay and payment; all of it audited."""
    clause = replace(TAKE_OR_PAY, top_ppb=50 * PERCENT_PPB)
    later = of_price(
        120,
        1_000_000,
        take_or_pay=clause,
        payment=PaymentClause(currency="EUR", provisional_ppb=0, due_days=60),
    )
    lane = amended(begun().on(date(2027, 5, 10)), later, NEW_YEAR)
    (advance,) = [each.data for each in lane.events if isinstance(each.data, AgreementAdvanced)][-1:]
    assert (NEW_YEAR, "amended") == (advance.counts_from, advance.reason)
    assert [("2027-01-01", "2027-12-31", 100), ("2028-01-01", None, 120)] == prices(lane)
    lane.on(date(2028, 1, 1))
    delivered(lane, date(2027, 12, 31)).accept().settle()
    delivered(lane, NEW_YEAR).umpire(90_000, Nd=CLEAN["Nd"])
    exchanged = [each.data for each in lane.events if isinstance(each.data, AssaysExchanged)]
    assert [(), ("Nd",)] == [each.to_umpire for each in exchanged]
    lane.on(date(2028, 3, 1)).accept().settle()
    assert [100 * MICRO, 120 * MICRO] == [each.lines[0].price_micro_per_kg for each in lane.invoices]
    lane.pass_time().on(date(2029, 1, 2)).pass_time()
    ledgers = [each.data.ledger for each in lane.events if isinstance(each.data, YearAssessed)]
    assert [80 * TONNE_G, 50 * TONNE_G] == [each.take_or_pay_g for each in ledgers]
    issued = datetime(2028, 1, 1, 9, tzinfo=lane.now.tzinfo)
    agreement = lane.stands
    assert [30, 60, 60] == [
        (due_on(agreement, issued, day) - issued.date()).days for day in (date(2027, 12, 31), NEW_YEAR, None)
    ]
    verdict = audited(lane.records())
    assert verdict.divergence is None, verdict.divergence.sentence
    told = list(agreement_lines(checked(proof_of(lane))))
    assert "  for what is shipped from 2028-01-01 on" in told
    assert "  for what is shipped from 2027-01-01 to 2027-12-31" in told
    first = next(place for place, line in enumerate(told) if line.startswith("invoice"))
    stated = [line.strip() for line in told[:first]]
    assert ["price_per_kg: 120.00 EUR/kg", "price_per_kg: 100.00 EUR/kg"] == [
        line for line in stated if line.startswith("price_per_kg: ")
    ]
    assert "effective_from: 2028-01-01" in stated


@pytest.mark.parametrize(
    "changes",
    [
        {"counts_from": UNSET},
        {"counts_from": date(2027, 6, 1)},
        {"counts_from": date(2027, 6, 1), "reason": "conditions_met"},
        {"starts_on": date(2026, 1, 1), "reason": "conditions_met"},
    ],
)
def test_a_proof_shows_an_advance_to_what_nobody_signed(changes: dict[str, Any]) -> None:
    """By an operator that has signed the lane so."""
    lane = amended(begun().on(date(2027, 5, 10)), of_price(120), NEW_YEAR)
    assert checked(proof_of(lane)).binds
    event: Any = lane.events[-1]
    fact = replace(event.data, **changes)
    lane.events[-1] = replace(event, data=fact, body=body_of(event, fact))
    with pytest.raises(ProofError, match=r"does not count from the day|rests on an earlier one"):
        checked(proof_of(lane))


@pytest.mark.parametrize(
    ("day", "terms", "expected"),
    [
        (date(2026, 12, 31), of_price(120), ["dates_out_of_order"]),
        (date(2031, 1, 1), of_price(120), ["dates_out_of_order"]),
        (date(2030, 1, 1), of_price(120), []),
        (
            date(2031, 1, 1),
            of_price(120, term=TermClause(years=6), volume=FixedVolume(acq_g=(100 * TONNE_G,) * 6)),
            ["dates_out_of_order"],
        ),
        (date(2027, 5, 3), of_price(120), ["day_settled"]),
        (date(2027, 5, 4), of_price(120), []),
    ],
)
def test_a_day_lies_within_the_term_and_behind_what_is_settled(
    day: date, terms: AgreementTerms, expected: Sequence[str]
) -> None:
    lane = begun().on(date(2027, 5, 3)).ship().on(date(2027, 5, 10))
    stated = replace(terms, effective_from=day)
    pointer = "/terms/effective_from"
    assert [(code, pointer) for code in expected] == blotter(lambda: lane.propose("buyer", stated))


def test_a_draft_and_an_agreement_that_is_not_effective_state_no_day() -> None:
    stated = replace(of_price(100), effective_from=NEW_YEAR)
    told = [("day_stated_early", "/terms/effective_from")]
    assert told == blotter(lambda: ContractLane().draft(stated))
    lane = ContractLane().draft(of_price(100)).sign(binding=False)
    assert told == blotter(lambda: lane.propose("buyer", stated))


def test_what_is_settled_is_named() -> None:
    paper = Paper(datetime(2027, 1, 1, 9, tzinfo=ContractLane().now.tzinfo)).draft(terms=of_price(100))
    paper.sign_both().on(date(2028, 4, 5))
    quarter = datetime(2028, 1, 1, tzinfo=paper.now.tzinfo)
    paper.settled = replace(settled_by((numbered(7), date(2028, 4, 2)), quarter, Volumes()), year=1)
    with pytest.raises(Refusals) as raised:
        paper.propose("seller", replace(of_price(120), effective_from=date(2027, 12, 31)))
    told = "Terms cannot count from 2027-12-31, because {}. The earliest day is {}."
    assert [
        told.format(f"del_{numbered(7).hex} left on 2028-04-02", "2028-04-03"),
        told.format("the difference of the quarter that ended on 2028-03-31 is settled", "2028-04-01"),
        told.format("contract year 1, which ended on 2027-12-31, is assessed", "2028-01-01"),
    ] == [each.detail() for each in raised.value.refusals]


def test_a_proposal_for_a_day_that_something_left_on_meanwhile_is_not_signed() -> None:
    lane = (
        begun()
        .on(date(2027, 5, 10))
        .propose("seller", replace(of_price(120), effective_from=date(2027, 5, 9)))
    )
    lane.sign("seller").ship()
    assert [("day_settled", "/terms/effective_from")] == blotter(lambda: lane.sign("buyer"))


def test_an_amendment_may_reach_back_to_where_nothing_is_settled() -> None:
    """What was invoiced without a shipment before it was signed stays due by the former terms."""
    slow = PaymentClause(currency="EUR", provisional_ppb=0, due_days=60)
    lane = begun().on(date(2027, 5, 3)).ship().on(date(2027, 5, 20))
    amended(lane, of_price(120, payment=slow), date(2027, 5, 10))
    assert [("2027-01-01", "2027-05-09", 100), ("2027-05-10", None, 120)] == prices(lane)
    lane.ship(shipped_on=date(2027, 5, 9)).ship(shipped_on=date(2027, 5, 10))
    issued = datetime(2027, 5, 20, 9, tzinfo=lane.now.tzinfo)
    assert [30, 60] == [
        (due_on(lane.stands, each, None) - each.date()).days for each in (issued, issued + timedelta(days=1))
    ]
    early = replace(of_price(130), effective_from=date(2027, 5, 9))
    again = blotter(lambda: lane.propose("buyer", early))
    assert [
        ("dates_out_of_order", "/terms/effective_from"),
        ("day_settled", "/terms/effective_from"),
    ] == again
    verdict = audited(lane.records())
    assert verdict.divergence is None, verdict.divergence.sentence


def test_the_last_signature_is_for_all_days_from_its_own_on() -> None:
    """Terms for 2028 fall when others are signed without a day, which is told; they may be signed again."""
    lane = amended(begun().on(date(2027, 5, 10)), of_price(120), NEW_YEAR)
    agreement, today = lane.stands, lane.now.date()
    assert [] == list(
        ahead_cautions(agreement, replace(of_price(130), effective_from=date(2029, 1, 1)), today)
    )
    (told,) = ahead_cautions(agreement, of_price(110), today)
    assert ("signed_terms_fall", "/effective_from") == (told.code, told.pointer)
    assert "count from 2028-01-01" in told.text
    amended(lane, of_price(110), None)
    assert [("2027-01-01", "2027-05-10", 100), ("2027-05-11", None, 110)] == prices(lane)
    amended(lane.on(date(2027, 6, 1)), of_price(120), NEW_YEAR)
    amended(lane, of_price(125), NEW_YEAR)
    amended(lane, of_price(140), date(2029, 7, 1))
    assert [
        ("2027-01-01", "2027-05-10", 100),
        ("2027-05-11", "2027-12-31", 110),
        ("2028-01-01", "2029-06-30", 125),
        ("2029-07-01", None, 140),
    ] == prices(lane)
    assert [] == list(ahead_cautions(Paper().draft().stands, of_price(1), today))
    verdict = audited(lane.records())
    assert verdict.divergence is None, verdict.divergence.sentence


def test_terms_that_fall_before_their_day_change_nothing_before_it() -> None:
    """In May others for 2028, and instead of them others from 11 May on: before it all is as without."""
    slow = PaymentClause(currency="EUR", provisional_ppb=0, due_days=60)
    read = []
    for falls in (False, True):
        lane = amended(begun().on(date(2027, 5, 10)), of_price(110, shortfall_notice_days=9), None)
        lane.on(date(2027, 5, 20))
        if falls:
            amended(lane, of_price(150), NEW_YEAR)
        amended(lane.on(date(2027, 5, 25)), of_price(120, payment=slow), date(2027, 5, 11))
        read.append([lane.stands.read_on(day).shortfall_notice_days for day in (date(2027, 5, 1), NEW_YEAR)])
        assert [("2027-01-01", "2027-05-10", 100), ("2027-05-11", None, 120)] == prices(lane)
        issued = datetime(2027, 5, 22, 9, tzinfo=lane.now.tzinfo)
        if falls:
            amended(lane, of_price(150), NEW_YEAR)
        amended(lane.on(date(2027, 6, 2)), of_price(130), date(2027, 5, 11))
        dues = [issued, issued.replace(month=6, day=1), issued.replace(month=6, day=3)]
        read.append([(due_on(lane.stands, each, None) - each.date()).days for each in dues])
    assert [[9, 0], [30, 60, 30]] * 2 == read


def test_a_contract_year_goes_by_the_terms_of_its_last_day() -> None:
    """Quantities of years that have begun by the day stay; of later ones they change with it."""
    more = FixedVolume(acq_g=tuple(each * TONNE_G for each in (100, 100, 130, 130, 130)), tolerance_ppb=1)
    lane = begun().on(date(2027, 5, 10))
    told = blotter(lambda: amended(lane, of_price(100, volume=more), date(2029, 1, 2)))
    assert [("field_fixed", "/terms/volume")] == told
    amended(lane, of_price(100, volume=more, shortfall_notice_days=9), date(2029, 1, 1))
    assert [0, 0, 9, 9] == [year_terms(lane.stands, year).shortfall_notice_days for year in range(1, 5)]
    lane.notify_shortfall(1, TONNE_G)
    verdict = audited(lane.records())
    assert verdict.divergence is None, verdict.divergence.sentence


def test_a_period_is_nominated_by_the_terms_of_its_first_day() -> None:
    """Years until 2027, quarters of what no year is nominated for from 2028 on; who is silent is not late."""
    annual = (NominationRule(level="annual", notice_days=30, band_ppb=10 * PERCENT_PPB),)
    quarterly = (NominationRule(level="quarterly", notice_days=60, band_ppb=20 * PERCENT_PPB),)
    product = replace(of_price(100).product, form="metal", buyer_option_forms=())
    lane = begun(nominations=annual).pass_time()
    amended(lane.on(date(2027, 5, 10)), of_price(100, nominations=quarterly, product=product), NEW_YEAR)
    whole = NominatedPart(period=days(date(2028, 1, 1), date(2029, 1, 1)), quantity_g=TONNE_G, form="metal")
    assert [("level_not_agreed", "/level")] == blotter(lambda: lane.nominate("annual", whole))
    first = replace(whole, period=days(date(2028, 1, 1), date(2028, 4, 1)), quantity_g=30 * TONNE_G)
    assert [("form_not_agreed", "/form")] == blotter(
        lambda: lane.nominate("quarterly", replace(first, form="separated_oxide"))
    )
    lane.nominate("quarterly", first)
    found = next_silence(lane.stands, lane.volumes)
    assert found is not None
    assert ("2028-02-01", "quarterly", 1) == (str(found[0].date()), found[1].level, found[1].index)
    lane.on(date(2028, 2, 1)).pass_time()
    silent = lane.volumes.nominations["quarterly", "2028-04-01T00:00:00+00:00"]
    assert (25 * TONNE_G, "metal") == (silent.part.quantity_g, silent.part.form)
    verdict = audited(lane.records())
    assert verdict.divergence is None, verdict.divergence.sentence


def test_a_level_that_begins_within_a_year_has_none_above_it_that_was_never_agreed() -> None:
    annual = NominationRule(level="annual", notice_days=30, band_ppb=10 * PERCENT_PPB)
    monthly = NominationRule(level="monthly", notice_days=10, band_ppb=10 * PERCENT_PPB)
    lane = begun()
    amended(lane.on(date(2027, 5, 10)), of_price(100, nominations=(annual, monthly)), date(2028, 7, 1))
    july = NominatedPart(
        period=days(date(2028, 7, 1), date(2028, 8, 1)), quantity_g=8_500_000, form="separated_oxide"
    )
    lane.nominate("monthly", july)
    found = next_silence(lane.stands, lane.volumes)
    assert found is not None
    assert ("2028-07-22", "monthly") == (str(found[0].date()), found[1].level)
    january = replace(july, period=days(date(2029, 1, 1), date(2029, 2, 1)))
    assert [("level_above_missing", "/level")] == blotter(lambda: lane.nominate("monthly", january))


def test_a_stated_day_mends_no_umpire_before_it() -> None:
    """Who is named without a day reaches back to shipments whose terms named nobody; a day says otherwise."""
    unnamed = of_price(100, assay=replace(of_price(100).assay, umpire="not agreed"))
    lane = ContractLane().on(date(2027, 1, 1)).draft(unnamed).sign()
    agreement = amended(lane.on(date(2027, 5, 10)), of_price(100), NEW_YEAR).stands
    assert [unnamed.assay, UMPIRE] == [
        agreement.read_on(date(2027, 5, 1)).assay,
        agreement.read_on(NEW_YEAR).assay.umpire,
    ]
