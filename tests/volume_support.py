"""A ten-year ramp in the shape of Arafura's public offtakes, effective, for tests of volumes and ledgers."""

from datetime import UTC, date, datetime
from typing import Any

from msgspec.structs import replace

from contracts.rules.agreement import Agreement, Proposal
from contracts.rules.nominations import VolumeState
from contracts.rules.prices import Priced
from contracts.rules.volumes import Volumes
from contracts.rules.year_accounts import AccountState
from events.contract_terms import (
    AgreementTerms,
    AssayClause,
    ConditionPrecedent,
    DeliveryClause,
    FixedVolume,
    NominationRule,
    PaymentClause,
    ProductClause,
    ShareOfOutput,
    TakeOrPayClause,
    TermClause,
)
from events.price_clauses import FlatPrice
from events.vocabulary import Packaging, Period, Place
from tests.desk_support import BUYER, LANE, MARKET, MILLION, PERCENT_PPB, SELLER, TONNE_G, numbered

AGREEMENT = numbered(41)
PRICED = Priced(75 * MILLION, ())
STARTS_ON = date(2028, 7, 1)
RAMP_G = tuple(
    tonnes * TONNE_G for tonnes in (600, 900, 1_200, 1_500, 1_500, 1_500, 1_500, 1_500, 1_500, 1_500)
)
TAKE_OR_PAY = TakeOrPayClause(
    top_ppb=90 * PERCENT_PPB,
    deficiency_price_ppb=80 * PERCENT_PPB,
    makeup_years=2,
    carry_forward_years=1,
    carry_forward_max_ppb=10 * PERCENT_PPB,
    deliver_ppb=85 * PERCENT_PPB,
    deliver_price_ppb=10 * PERCENT_PPB,
)
NOMINATIONS = (
    NominationRule(level="annual", notice_days=90, band_ppb=10 * PERCENT_PPB),
    NominationRule(level="quarterly", notice_days=45, band_ppb=15 * PERCENT_PPB),
    NominationRule(level="monthly", notice_days=20, band_ppb=20 * PERCENT_PPB),
)
TERMS = AgreementTerms(
    product=ProductClause(basis="ndpr", form="separated_oxide", buyer_option_forms=("metal",)),
    term=TermClause(years=10, long_stop_on=date(2028, 12, 31)),
    volume=FixedVolume(acq_g=RAMP_G),
    nominations=NOMINATIONS,
    take_or_pay=TAKE_OR_PAY,
    price=FlatPrice(price_micro_per_kg=75 * MILLION),
    conditions=(
        ConditionPrecedent(
            code="fid",
            kind="fid",
            description="Final investment decision of the Nolans project",
            due_on=date(2028, 6, 30),
            by="seller",
        ),
    ),
    delivery=DeliveryClause(
        incoterm="CIF",
        place=Place(country="NL", name="Rotterdam"),
        lot_wet_g=20 * TONNE_G,
        packaging=Packaging(unit="big_bag", package_wet_g=TONNE_G),
    ),
    assay=AssayClause(umpire="Alfred H Knight"),
    payment=PaymentClause(currency="USD", provisional_ppb=90 * PERCENT_PPB, due_days=30),
    shortfall_notice_days=60,
)


def agreement(**changes: Any) -> Agreement:
    """Effective since 1 July 2028; members of `terms` may be given as `volume=…`, `take_or_pay=…`."""
    fields = set(AgreementTerms.__struct_fields__)
    terms = replace(TERMS, **{name: value for name, value in changes.items() if name in fields})
    standing = Proposal(number=1, by="seller", terms=terms, seller="binding", buyer="binding")
    made = Agreement(
        lane=LANE,
        market=MARKET,
        basis="ndpr",
        agreement=AGREEMENT,
        kind="offtake",
        seller=SELLER,
        buyer=BUYER,
        match=None,
        status="effective",
        version=4,
        position=10,
        proposals=1,
        table=None,
        standing=standing,
        starts_on=STARTS_ON,
        ends_on=STARTS_ON.replace(year=STARTS_ON.year + terms.term.years),
    )
    return replace(made, **{name: value for name, value in changes.items() if name not in fields})


def volume_state(volumes: Volumes | None = None, **changes: Any) -> VolumeState:
    return VolumeState(lane=LANE, agreement=agreement(**changes), volumes=volumes or Volumes())


def account_state(
    volumes: Volumes | None = None, *, formula: Priced | None = PRICED, **changes: Any
) -> AccountState:
    return AccountState(
        lane=LANE,
        agreement=agreement(**changes),
        volumes=volumes or Volumes(),
        formula=formula,
    )


def share_of_output(*expected_tonnes: int) -> ShareOfOutput:
    return ShareOfOutput(
        share_ppb=50 * PERCENT_PPB, expected_output_g=tuple(tonnes * TONNE_G for tonnes in expected_tonnes)
    )


def at(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


def days(start: date, end: date) -> Period:
    """From the first day to before the second."""
    return Period(start=at(start.year, start.month, start.day), end=at(end.year, end.month, end.day))
