"""What becomes of a confirmed match, and what two proposals differ in."""

from datetime import date

from msgspec.structs import replace

from contracts.rules.differences import Difference, differences
from contracts.rules.matched import from_match
from events.clearing_terms import PriceTerm
from events.contract_events import AgreementAdvanced, AgreementDrafted
from events.contract_terms import FixedVolume, IndexedPrice, MatchedPrice
from events.market_events import MatchConfirmed
from events.market_terms import PenaltyRule
from events.match_terms import MatchedIndex, MatchTerms
from events.vocabulary import PPB, Packaging, Place, TermHorizon
from tests.desk_support import (
    BUYER,
    LANE,
    MARKET,
    MATCH,
    ORDER,
    REQUIREMENT,
    SELLER,
    day,
    facts,
    moment,
    period,
)

PENALTY = PenaltyRule(analyte="C", threshold_ppb=500_000, step_ppb=100_000, ueur_per_kg_per_step=50_000)
GIVEN = MatchTerms(
    basis="ndpr",
    form="swarf",
    packaging=Packaging(unit="drum", package_wet_g=250_000),
    product_wet_g=25_000_000,
    price_ueur_per_kg=57_421_902,
    terms=(PriceTerm(kind="penalties", rule="penalties.1", ueur_per_kg=-50_000),),
    recycled_min_ppb=PPB // 2,
    penalties=(PENALTY,),
    delivery=period(day(4, 1), day(7, 1)),
    incoterm="FCA",
    place=Place(country="DE", name="Hanau"),
)
HORIZON = TermHorizon(
    start_year=2028,
    profile_ppb=(PPB // 2, PPB),
    profile_tolerance_ppb=50_000_000,
    index="ndpr-oxide",
    quotation_period="quarter_of_shipment",
)
INDEX = MatchedIndex(code="ndpr-oxide", currency="USD", per="oxide", form_factor_ppb=1_177_000_000)


def confirmed(contract: MatchTerms | None) -> MatchConfirmed:
    return MatchConfirmed(
        market=MARKET,
        match=MATCH,
        supply=ORDER,
        requirement=REQUIREMENT,
        seller=SELLER,
        buyer=BUYER,
        quantity_basis_g=5_600_000,
        contract=contract,
    )


def test_a_match_of_before_there_were_agreements_leaves_nothing() -> None:
    assert () == from_match(LANE, confirmed(None), moment()).drafts


def test_a_spot_match_is_a_contract_that_stands_at_its_price_with_nothing_beside() -> None:
    drafted, stands = facts(from_match(LANE, confirmed(GIVEN), moment()))
    assert isinstance(drafted, AgreementDrafted)
    assert isinstance(stands, AgreementAdvanced)
    assert ("spot", MATCH, None) == (drafted.kind, drafted.match, drafted.proposed_by)
    assert ("effective", date(2026, 3, 2), date(2027, 3, 2)) == (
        stands.status,
        stands.starts_on,
        stands.ends_on,
    )
    terms = drafted.terms
    assert MatchedPrice(match=MATCH, price_micro_per_kg=57_421_902, terms=GIVEN.terms) == terms.price
    assert FixedVolume(acq_g=(5_600_000,)) == terms.volume
    assert {"C": 50_000, "Nd": 5_000_000, "Pr": 5_000_000} == {
        limit.analyte: limit.limit_ppb for limit in terms.assay.splitting
    }
    assert (PPB // 2, (PENALTY,)) == (terms.product.post_consumer_min_ppb, terms.penalties)


def test_a_term_match_is_a_draft_with_the_index_and_its_differential() -> None:
    (drafted,) = facts(from_match(LANE, confirmed(replace(GIVEN, horizon=HORIZON, index=INDEX)), moment()))
    assert isinstance(drafted, AgreementDrafted)
    price = drafted.terms.price
    assert isinstance(price, IndexedPrice)
    assert ("offtake", date(2028, 1, 1), 2) == (
        drafted.kind,
        drafted.terms.term.starts_on,
        drafted.terms.term.years,
    )
    assert FixedVolume(acq_g=(2_800_000, 5_600_000), tolerance_ppb=50_000_000) == drafted.terms.volume
    assert (57_421_902, 1_177_000_000, None) == (
        price.differential_micro_per_kg,
        price.form_factor_ppb,
        price.sustainability,
    )
    assert ("ndpr-oxide", "USD", "quarter_of_shipment") == (
        price.index.code,
        price.index.currency,
        price.index.quotation_period,
    )


def test_the_sellers_floor_per_kg_of_basis_is_one_of_the_index() -> None:
    for floor, expected in ((116_271_902, 50_000_000), (116_271_903, 50_000_001), (1, 0), (None, None)):
        horizon = replace(HORIZON, floor_ueur_per_kg=floor)
        (drafted,) = facts(
            from_match(LANE, confirmed(replace(GIVEN, horizon=horizon, index=INDEX)), moment())
        )
        assert isinstance(drafted, AgreementDrafted)
        assert isinstance(drafted.terms.price, IndexedPrice)
        assert expected == drafted.terms.price.floor_micro_per_kg


def test_what_the_market_does_not_know_of_an_index_is_left_to_the_parties() -> None:
    horizon = replace(HORIZON, quotation_period="M+1")
    (drafted,) = facts(from_match(LANE, confirmed(replace(GIVEN, horizon=horizon)), moment()))
    assert isinstance(drafted, AgreementDrafted)
    price = drafted.terms.price
    assert isinstance(price, IndexedPrice)
    assert ("EUR", "month_of_shipment", PPB) == (
        price.index.currency,
        price.index.quotation_period,
        price.form_factor_ppb,
    )


def test_differences_name_members_by_pointer() -> None:
    old = {"a": 1, "b/c": [1, 2], "price": {"kind": "flat", "x": 1}, "gone": "y", "same": {"z": 1}}
    new = {"a": 2, "b/c": [1, 3, 4], "price": {"kind": "indexed", "x": 1}, "same": {"z": 1}, "came": None}
    expected = [
        Difference(pointer="/a", old=1, new=2),
        Difference(pointer="/b~1c/1", old=2, new=3),
        Difference(pointer="/b~1c/2", old=None, new=4),
        Difference(pointer="/price", old=old["price"], new=new["price"]),
        Difference(pointer="/gone", old="y", new=None),
    ]
    assert expected == list(differences(old, new))
    assert [] == list(differences(old, old))
